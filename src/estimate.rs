//! From observations to the numbers that are packed: one [`Estimate`] a suite, never zero, with its
//! basis.
//!
//! Measured where the history knows the suite; inherited from its neighbours in the directory tree
//! where it knows those; assumed from the configuration where it knows nobody.

pub mod budget;
mod kill;
mod memory;
mod relatives;
mod tier;
mod time;

use crate::config::{Config, MemoryKind, Tier, TimeRule};
use crate::history::{History, Sample};
use crate::inventory::Inventory;
use crate::model::{Basis, Bytes, Cost, Estimate, Millis, Observation, Percent};

pub use kill::HOPELESS;
use relatives::Tree;
pub use tier::TierEstimate;

/// Bytes in a session of a tier with measured suites that nothing explains: DESIGN's constant, once
/// a session.
pub const SESSION_SLACK: Bytes = Bytes(32 << 20);

/// Floating point is rounded up to this many bytes before it reaches a plan.
const STEP: u64 = 64 << 10;

/// Memory inherited from neighbours is their upper quartile times this, over 2.
const INHERITED_HALVES: u64 = 3;

/// How much of what suites hold stays, in hundredths of a percent, until enough of them were measured.
const RETAINED_SHARE: u64 = 4_000;
/// Suites that are enough.
const RETAINED_SUITES: usize = 5;

/// What everything is said to cost.
#[derive(Clone, Debug, Default)]
pub struct Estimates {
    /// One for each suite of the inventory, in its order.
    pub suites: Vec<Estimate>,
    /// One for each tier, in the order of the configuration.
    pub tiers: Vec<TierEstimate>,
}

/// What the suites of an inventory and the tiers of a configuration cost, by their history. `assigned` holds
/// each suite's tier.
#[must_use]
pub fn estimate(inventory: &Inventory, assigned: &[usize], config: &Config, history: &History) -> Estimates {
    let tiers: Vec<TierEstimate> = (config.tiers.iter())
        .map(|tier| TierEstimate::new(history.tiers.get(&tier.name).map_or(&[][..], Vec::as_slice)))
        .collect();
    let spread =
        memory::pooled_spread(history.suites.iter().map(|samples| pick(samples, |seen| seen.transient).0));
    let retained = retained_share(history);
    let samples = |suite: usize| history.suites.get(suite).map_or(&[][..], Vec::as_slice);
    let mut drafts: Vec<Draft> = (inventory.suites.iter().zip(assigned).enumerate())
        .map(|(number, (suite, tier))| {
            let terms = Terms {
                tier: &config.tiers[*tier],
                time: config.time,
                spread,
                retained,
                margin: config.margin,
                calibration: tiers[*tier].calibration,
            };
            measured(samples(number), terms, assumed(terms.tier, suite.siblings, config.margin))
        })
        .collect();
    let mut members: Vec<Vec<usize>> = vec![Vec::new(); config.tiers.len()];
    assigned.iter().enumerate().for_each(|(suite, tier)| members[*tier].push(suite));
    members.iter().for_each(|mine| inherit(inventory, mine, &mut drafts, config.margin));
    let mut suites: Vec<Estimate> = drafts.into_iter().map(Draft::finish).collect();
    for (number, (estimate, tier)) in suites.iter_mut().zip(assigned).enumerate() {
        raise(estimate, samples(number), &config.tiers[*tier], config);
    }
    Estimates { suites, tiers }
}

/// Of what suites hold above their session's floor, how much stays: of all that was measured.
fn retained_share(history: &History) -> Percent {
    let (mut suites, mut stays, mut all) = (0, 0u128, 0u128);
    for samples in &history.suites {
        let both = samples.iter().find_map(|sample| Some((sample.seen.retained?, sample.seen.transient?)));
        if let Some((retained, transient)) = both {
            suites += 1;
            let retained = u128::try_from(retained).unwrap_or(0);
            (stays, all) = (stays + retained, all + retained + u128::from(transient));
        }
    }
    let share = (stays * 10_000).checked_div(all).filter(|_| suites >= RETAINED_SUITES);
    Percent(share.and_then(|share| u32::try_from(share).ok()).unwrap_or(RETAINED_SHARE as u32))
}

/// A suite that was killed since it last ended needs more than it held then, as far as there is a machine for
/// that.
fn raise(estimate: &mut Estimate, samples: &[Sample], tier: &Tier, config: &Config) {
    let kills = kill::kills(samples);
    estimate.kills = u32::try_from(kills.len()).unwrap_or(u32::MAX);
    let cost = &mut estimate.cost;
    let mut floor = kill::floor(&kills);
    if let Some(largest) = budget::largest(config, tier) {
        let rest = tier.floor() + SESSION_SLACK + cost.import + cost.retained;
        floor = floor.min(largest.saturating_sub(rest));
    }
    cost.transient = cost.transient.max(floor);
}

/// The configuration's assumption for a file, divided among its parts.
fn assumed(tier: &Tier, siblings: u32, margin: Percent) -> Estimate {
    let parts = u64::from(siblings.max(1));
    let share = |bytes: Bytes| Bytes(bytes.0.div_ceil(parts)).plus(margin);
    let cost = Cost {
        time: Millis(tier.assume.time.0.div_ceil(parts).max(1)),
        retained: share(tier.assume.retained),
        // Every part imports what the file imports, and one part at a time needs what the whole file
        // needs at its highest: these are not divided.
        import: tier.assume.import.plus(margin),
        transient: tier.assume.transient.plus(margin),
        cpus: tier.assume.cpus,
    };
    Estimate { cost, time_basis: Basis::Assumed, memory_basis: Basis::Assumed, samples: 0, kills: 0 }
}

/// The estimate of one suite in the making: each figure has a basis of its own.
#[derive(Clone, Copy)]
struct Draft {
    estimate: Estimate,
    import: Basis,
    retained: Basis,
    transient: Basis,
}

impl Draft {
    /// What may be claimed of the memory as a whole is what may be claimed of its weakest figure.
    /// Imports do not count: few runners can measure them, and without they are zero.
    fn finish(self) -> Estimate {
        Estimate { memory_basis: self.retained.max(self.transient), ..self.estimate }
    }
}

/// What the samples of a suite are read with.
#[derive(Clone, Copy)]
struct Terms<'a> {
    tier: &'a Tier,
    time: TimeRule,
    /// The repository's spread between runs.
    spread: f64,
    /// The repository's share of what stays.
    retained: Percent,
    margin: Percent,
    /// The tier's.
    calibration: Percent,
}

/// What the samples say, where they say anything; `rest` for what they leave out.
fn measured(samples: &[Sample], terms: Terms<'_>, rest: Estimate) -> Draft {
    let assumed = Basis::Assumed;
    let mut draft = Draft { estimate: rest, import: assumed, retained: assumed, transient: assumed };
    let cost = &mut draft.estimate.cost;
    let (timed, own) = pick(samples, |seen| seen.time);
    if let Some(time) = time::expected(&timed, terms.time) {
        cost.time = time;
        draft.estimate.time_basis = if own { Basis::Measured } else { Basis::Inherited };
        draft.estimate.samples = u32::try_from(timed.len()).unwrap_or(u32::MAX);
    }
    // A process's peak counts where nothing finer was measured.
    let fine = |sample: &Sample| sample.seen.retained.is_some() || sample.seen.transient.is_some();
    let lone = !samples.iter().any(fine);
    let (stays, passes) = (|peak| terms.parts(peak).0, |peak| terms.parts(peak).1);
    let peak = |seen: &Observation| seen.peak.filter(|_| lone);
    // Figures of another key are this suite's, but not of this kind of machine; peaks are of a whole
    // process: they carry the margin as inherited ones do.
    let finish = |bytes: Bytes, own: bool| {
        let bytes = bytes.round_up(STEP).plus(terms.calibration);
        let basis = if own { Basis::Measured } else { Basis::Inherited };
        (basis, bytes.plus(if own && !lone { Percent(0) } else { terms.margin }))
    };
    let (imports, own) = pick(samples, |seen| seen.import);
    if !imports.is_empty() {
        (draft.import, cost.import) = finish(memory::level(&imports), own);
    }
    let (retained, own) = pick(samples, |seen| seen.retained.or(peak(seen).map(stays)));
    if !retained.is_empty() {
        (draft.retained, cost.retained) = finish(memory::level(&retained), own);
    }
    let (transients, own) = pick(samples, |seen| seen.transient.or(peak(seen).map(passes)));
    if !transients.is_empty() {
        (draft.transient, cost.transient) = finish(memory::transient(&transients, terms.spread), own);
    }
    draft
}

impl Terms<'_> {
    /// Retained and transient of a process of which only its peak is known.
    fn parts(&self, peak: u64) -> (i64, u64) {
        let above = Bytes(peak).saturating_sub(self.tier.floor()).0;
        let share = match self.tier.memory {
            MemoryKind::Isolated => 0,
            MemoryKind::Accumulates => u128::from(self.retained.0),
        };
        let stays = (u128::from(above) * share / 10_000) as u64;
        (i64::try_from(stays).unwrap_or(i64::MAX), above - stays)
    }
}

/// The figures of one kind with their ages, newest first: those of the plan's key, or all where it
/// has none. Also whether they are the plan's own.
fn pick<T>(samples: &[Sample], figure: impl Fn(&Observation) -> Option<T>) -> (Vec<(usize, T)>, bool) {
    let own = |sample: &&Sample| !sample.foreign && figure(&sample.seen).is_some();
    let any = samples.iter().any(|sample| own(&sample));
    let usable = samples.iter().filter(|sample| !any || own(sample));
    (usable.filter_map(|sample| Some((sample.age, figure(&sample.seen)?))).collect(), any)
}

/// Gives the suites of a tier what their relatives have, where they were never seen themselves.
fn inherit(inventory: &Inventory, mine: &[usize], drafts: &mut [Draft], margin: Percent) {
    let id = |suite: usize| inventory.suites[suite].id.as_str();
    let tree = |basis: fn(&Draft) -> Basis, value: fn(&Cost) -> u64| {
        Tree::new(mine.iter().map(|suite| {
            let draft = &drafts[*suite];
            (id(*suite), (basis(draft) != Basis::Assumed).then(|| value(&draft.estimate.cost)))
        }))
    };
    let times = tree(|draft| draft.estimate.time_basis, |cost| cost.time.0);
    // How many tests the suites have whose times are inherited.
    let tests = Tree::new(mine.iter().map(|suite| {
        let known = drafts[*suite].estimate.time_basis != Basis::Assumed;
        let count = inventory.suites[*suite].tests.len() as u64;
        (id(*suite), (known && count > 0).then_some(count))
    }));
    let imports = tree(|draft| draft.import, |cost| cost.import.0);
    let retained = tree(|draft| draft.retained, |cost| cost.retained.0);
    let transients = tree(|draft| draft.transient, |cost| cost.transient.0);
    let upper = |tree: &Tree<'_>, suite: usize| {
        let value = tree.upper_quartile(id(suite))?;
        Some(Bytes(value.saturating_mul(INHERITED_HALVES).div_ceil(2)).plus(margin))
    };
    for suite in mine.iter().copied() {
        let draft = &mut drafts[suite];
        let cost = &mut draft.estimate.cost;
        let inherits = |basis: &mut Basis, found: Option<Bytes>, slot: &mut Bytes| {
            if let (Basis::Assumed, Some(found)) = (*basis, found) {
                (*basis, *slot) = (Basis::Inherited, found);
            }
        };
        inherits(&mut draft.import, upper(&imports, suite), &mut cost.import);
        inherits(&mut draft.retained, upper(&retained, suite), &mut cost.retained);
        inherits(&mut draft.transient, upper(&transients, suite), &mut cost.transient);
        if let (Basis::Assumed, Some(time)) = (draft.estimate.time_basis, times.median(id(suite))) {
            let count = inventory.suites[suite].tests.len() as u64;
            cost.time = by_tests(time, count, tests.median(id(suite)));
            draft.estimate.time_basis = Basis::Inherited;
        }
    }
}

/// A time of relatives for a suite of `count` tests where they have `usual` ones. It grows with the root of
/// the number: some of a suite's time is its set-up, and a long list often holds quick tests.
fn by_tests(time: u64, count: u64, usual: Option<u64>) -> Millis {
    let factor = match usual {
        Some(usual) if count > 0 => (count as f64 / usual.max(1) as f64).sqrt(),
        _ => 1.0,
    };
    Millis(((time as f64 * factor).ceil() as u64).max(1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{NameMap, Patterns};
    use crate::inventory::Collector;

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
                    ..Observation::default()
                },
            };
            of_suite.map(sample).collect()
        });
        let history = History { suites: suites.collect(), ..History::default() };
        let assigned = vec![0; inventory.suites.len()];
        estimate(&inventory, &assigned, &Config::default(), &history).suites
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
    fn more_tests_take_longer_but_not_as_many_times() {
        assert_eq!(by_tests(100, 0, Some(9)), Millis(100), "nobody listed its tests");
        assert_eq!(by_tests(100, 9, None), Millis(100));
        assert_eq!(by_tests(100, 36, Some(9)), Millis(200));
        assert_eq!(by_tests(100, 1, Some(4)), Millis(50));
        assert_eq!(by_tests(0, 1, Some(1)), Millis(1));
        let list = "a/x.py::1 a/x.py::2 a/new.py::1 a/new.py::2 a/new.py::3 a/new.py::4 a/new.py::5 a/new.py::6 a/new.py::7 a/new.py::8";
        let mut collector = Collector::new(Some(crate::config::Granularity::File), NameMap::default());
        collector.listing("list", list.replace(' ', "\n").as_bytes(), None).unwrap();
        let inventory = collector.finish(&Patterns::default());
        let seen = Observation { time: Some(Millis(500)), ..Observation::default() };
        let known = vec![Sample { age: 0, foreign: false, seen }];
        let history = History { suites: vec![Vec::new(), known], ..History::default() };
        let all = estimate(&inventory, &[0, 0], &Config::default(), &history).suites;
        assert_eq!((all[0].cost.time, all[0].time_basis), (Millis(1_000), Basis::Inherited));
    }

    #[test]
    fn a_figure_that_is_missing_is_not_zero() {
        let seen = |retained, transient| Sample {
            age: 0,
            foreign: false,
            seen: Observation { time: Some(Millis(9)), retained, transient, ..Observation::default() },
        };
        let rest = assumed(&Tier::default(), 1, Percent(1_000));
        let tier = Tier::default();
        let (time, none) = (TimeRule::default(), Percent(0));
        let terms = Terms { tier: &tier, time, spread: 0.1, retained: none, margin: none, calibration: none };
        let of = |sample: Sample| measured(&[sample], terms, rest).finish();
        let (left, right) = (of(seen(None, Some(5))), of(seen(Some(100 << 20), None)));
        assert_eq!((left.cost.retained, left.memory_basis), (Bytes(44 * MB), Basis::Assumed));
        assert_eq!((right.cost.transient, right.memory_basis), (rest.cost.transient, Basis::Assumed));
        assert_eq!(of(seen(Some(1), Some(1))).memory_basis, Basis::Measured);
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
        assert!((1_290 * MB..1_300 * MB).contains(&one.cost.transient.0), "{:?}", one.cost);
        let ten: Vec<_> = (0..10).map(|_| seen[0]).collect();
        let ten = run("a", &ten)[0];
        assert!((1_100 * MB..1_200 * MB).contains(&ten.cost.transient.0), "{:?}", ten.cost);
        assert_eq!(ten.samples, 10);
    }
}
