//! From observations to the numbers that are packed: one [`Estimate`] a suite, never zero, with its
//! basis.
//!
//! Measured where the history knows the suite; inherited from its neighbours in the directory tree
//! where it knows those; assumed from the configuration where it knows nobody.

pub mod budget;
mod memory;
mod relatives;
mod time;

use crate::config::Tier;
use crate::history::{History, Sample};
use crate::inventory::Inventory;
use crate::model::{Basis, Bytes, Cost, Estimate, Millis, Percent};

use relatives::Tree;

/// Bytes in a session of a tier with measured suites that nothing explains: DESIGN's constant, once
/// a session.
pub const SESSION_SLACK: Bytes = Bytes(32 << 20);

/// Floating point is rounded up to this many bytes before it reaches a plan.
const STEP: u64 = 64 << 10;

/// Memory inherited from neighbours is their upper quartile times this, over 2.
const INHERITED_HALVES: u64 = 3;

/// One estimate for each suite of the inventory, in its order. `assigned` holds each suite's tier.
#[must_use]
pub fn estimate(
    inventory: &Inventory,
    assigned: &[usize],
    tiers: &[Tier],
    history: &History,
    margin: Percent,
) -> Vec<Estimate> {
    let spread = memory::pooled_spread(history.suites.iter().map(|samples| transients(samples)));
    let mut estimates: Vec<Estimate> = (inventory.suites.iter().zip(assigned).enumerate())
        .map(|(number, (suite, tier))| {
            let samples = history.suites.get(number).map_or(&[][..], Vec::as_slice);
            measured(samples, assumed(&tiers[*tier], suite.siblings, margin), spread, margin)
        })
        .collect();
    for tier in 0..tiers.len() {
        inherit(inventory, assigned, tier, &mut estimates, margin);
    }
    estimates
}

/// The configuration's assumption for a file, divided among its parts.
fn assumed(tier: &Tier, siblings: u32, margin: Percent) -> Estimate {
    let parts = u64::from(siblings.max(1));
    let share = |bytes: Bytes| Bytes(bytes.0.div_ceil(parts)).plus(margin);
    let cost = Cost {
        time: Millis(tier.assume.time.0.div_ceil(parts).max(1)),
        import: share(tier.assume.import),
        retained: share(tier.assume.retained),
        // One part at a time needs what the whole file needs at its highest: a transient is not
        // divided.
        transient: tier.assume.transient.plus(margin),
        cpus: tier.assume.cpus,
    };
    Estimate { cost, time_basis: Basis::Assumed, memory_basis: Basis::Assumed, samples: 0 }
}

/// What the samples say, where they say anything; `rest` for what they leave out.
fn measured(samples: &[Sample], rest: Estimate, spread: f64, margin: Percent) -> Estimate {
    let mut estimate = rest;
    let own = |sample: &&Sample| !sample.foreign;
    let timed: Vec<(usize, Millis)> = pick(samples, |seen| seen.time);
    if let Some(time) = time::expected(&timed) {
        estimate.cost.time = time;
        estimate.time_basis = if samples.iter().any(|s| own(&s) && s.seen.time.is_some()) {
            Basis::Measured
        } else {
            Basis::Inherited
        };
        estimate.samples = u32::try_from(timed.len()).unwrap_or(u32::MAX);
    }
    let transients = transients(samples);
    let retained: Vec<(usize, i64)> = pick(samples, |seen| seen.retained);
    let imports: Vec<(usize, i64)> = pick(samples, |seen| seen.import);
    if transients.is_empty() && retained.is_empty() {
        return estimate;
    }
    let known_here =
        samples.iter().any(|s| own(&s) && (s.seen.transient.is_some() || s.seen.retained.is_some()));
    // Figures of another key are this suite's, but not of this kind of machine: they carry the
    // margin as inherited ones do.
    let (basis, extra) = if known_here { (Basis::Measured, Percent(0)) } else { (Basis::Inherited, margin) };
    estimate.memory_basis = basis;
    estimate.cost.transient = memory::transient(&transients, spread).round_up(STEP).plus(extra);
    estimate.cost.retained = memory::level(&retained).round_up(STEP).plus(extra);
    estimate.cost.import = memory::level(&imports).round_up(STEP).plus(extra);
    estimate
}

/// The figures of one kind with their ages, newest first: those of the plan's key, or all where it
/// has none.
fn pick<T>(samples: &[Sample], figure: impl Fn(&crate::model::Observation) -> Option<T>) -> Vec<(usize, T)> {
    let own = |sample: &&Sample| !sample.foreign && figure(&sample.seen).is_some();
    let any = samples.iter().any(|sample| own(&sample));
    let usable = samples.iter().filter(|sample| !any || own(sample));
    usable.filter_map(|sample| Some((sample.age, figure(&sample.seen)?))).collect()
}

fn transients(samples: &[Sample]) -> Vec<(usize, u64)> {
    pick(samples, |seen| seen.transient)
}

/// Gives the suites of a tier that were never seen what their relatives have.
fn inherit(
    inventory: &Inventory,
    assigned: &[usize],
    tier: usize,
    estimates: &mut [Estimate],
    margin: Percent,
) {
    let mine = || (0..assigned.len()).filter(|suite| assigned[*suite] == tier);
    let id = |suite: usize| inventory.suites[suite].id.as_str();
    let known = |basis: fn(&Estimate) -> Basis, value: fn(&Cost) -> u64| {
        Tree::new(mine().map(|suite| {
            (id(suite), (basis(&estimates[suite]) != Basis::Assumed).then(|| value(&estimates[suite].cost)))
        }))
    };
    let times = known(|e| e.time_basis, |cost| cost.time.0);
    let memory = [
        known(|e| e.memory_basis, |cost| cost.import.0),
        known(|e| e.memory_basis, |cost| cost.retained.0),
        known(|e| e.memory_basis, |cost| cost.transient.0),
    ];
    let upper = |tree: &Tree<'_>, suite: usize| {
        let value = tree.quantile(id(suite), 3, 4)?;
        Some(Bytes((value * INHERITED_HALVES).div_ceil(2)).plus(margin))
    };
    let inherited: Vec<_> = mine()
        .map(|suite| {
            let own = &estimates[suite];
            let time = (own.time_basis == Basis::Assumed).then(|| times.quantile(id(suite), 1, 2)).flatten();
            let wanted = own.memory_basis == Basis::Assumed;
            (
                suite,
                time,
                wanted
                    .then(|| [upper(&memory[0], suite), upper(&memory[1], suite), upper(&memory[2], suite)]),
            )
        })
        .collect();
    for (suite, time, memory) in inherited {
        let own = &mut estimates[suite];
        if let Some(time) = time {
            own.cost.time = Millis(time.max(1));
            own.time_basis = Basis::Inherited;
        }
        if let Some([Some(import), Some(retained), Some(transient)]) = memory {
            (own.cost.import, own.cost.retained, own.cost.transient) = (import, retained, transient);
            own.memory_basis = Basis::Inherited;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{NameMap, Patterns};
    use crate::inventory::Collector;
    use crate::model::Observation;

    const MB: u64 = 1_000_000;

    fn run(list: &str, seen: &[(&str, u64, Option<(i64, u64)>)]) -> Vec<Estimate> {
        let mut collector = Collector::new(None, NameMap::default());
        collector.listing("list", list.replace(' ', "\n").as_bytes(), None).unwrap();
        let inventory = collector.finish(&Patterns::default());
        let suites = inventory.suites.iter().map(|suite| {
            let of_suite = seen.iter().filter(|(id, ..)| *id == suite.id.as_str()).enumerate();
            let sample = |(age, (_, ms, memory)): (usize, &(&str, u64, Option<(i64, u64)>))| Sample {
                age,
                foreign: false,
                seen: Observation {
                    time: Some(Millis(*ms)),
                    import: memory.map(|_| 0),
                    retained: memory.map(|(retained, _)| retained),
                    transient: memory.map(|(_, transient)| transient),
                },
            };
            of_suite.map(sample).collect()
        });
        let history = History { runs: Vec::new(), suites: suites.collect() };
        let assigned = vec![0; inventory.suites.len()];
        estimate(&inventory, &assigned, &[Tier::default()], &history, Percent(1_000))
    }

    #[test]
    fn no_suite_is_free() {
        for estimate in run("a/x a/y b/z", &[]) {
            assert_eq!((estimate.cost.time, estimate.cost.retained), (Millis(4_000), Bytes(44 * MB)));
            assert_eq!((estimate.time_basis, estimate.memory_basis), (Basis::Assumed, Basis::Assumed));
        }
        let zero = run("a/x a/y", &[("a/x", 0, Some((-5, 0)))]);
        assert_eq!((zero[0].cost.time, zero[0].cost.retained), (Millis(1), Bytes(0)));
        assert_eq!(zero[1].cost.time, Millis(1));
    }

    #[test]
    fn relatives_come_before_strangers() {
        let seen = [
            ("a/x", 100, None),
            ("a/y", 100, None),
            ("a/w", 100, None),
            ("b/x", 9_000, None),
            ("b/y", 9_000, None),
            ("b/w", 9_000, None),
        ];
        let all = run("a/w a/x a/y a/z b/w b/x b/y b/z c/z", &seen);
        let of = |n: usize| (all[n].cost.time.0, all[n].time_basis, all[n].memory_basis);
        assert!(of(3).0 < 4_550 && of(7).0 > 4_550, "{} {}", of(3).0, of(7).0);
        assert_eq!(of(3).1, Basis::Inherited);
        assert_eq!(of(3).2, Basis::Assumed, "times teach nothing about memory");
    }

    #[test]
    fn parts_share_what_is_assumed_of_their_file() {
        let parts = run("a.py::x a.py::y", &[]);
        assert_eq!((parts[0].cost.time, parts[0].cost.retained), (Millis(2_000), Bytes(22 * MB)));
    }

    #[test]
    fn measured_memory_carries_its_own_margin() {
        let seen = [("a", 100, Some((40_000_000, 1_000_000_000)))];
        let one = run("a", &seen)[0];
        assert_eq!(one.memory_basis, Basis::Measured);
        assert!((41 * MB..44 * MB).contains(&one.cost.retained.0), "{:?}", one.cost);
        assert!((1_380 * MB..1_410 * MB).contains(&one.cost.transient.0), "{:?}", one.cost);
        let ten: Vec<_> = (0..10).map(|_| seen[0]).collect();
        let ten = run("a", &ten)[0];
        assert!((1_100 * MB..1_200 * MB).contains(&ten.cost.transient.0), "{:?}", ten.cost);
        assert_eq!(ten.samples, 10);
    }
}
