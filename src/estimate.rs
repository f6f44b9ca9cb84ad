//! From observations to the numbers that are packed: one [`Estimate`] a suite, never zero, with its
//! basis.
//!
//! Measured where the history knows the suite; inherited from its neighbours in the directory tree
//! where it knows those; assumed from the configuration where it knows nobody.

pub mod budget;
pub mod explain;
mod inherit;
mod kill;
mod memory;
mod relatives;
mod shared;
mod terms;
mod tier;
mod time;

use crate::config::{Config, MemoryKind, Tier, TimeRule};
use crate::history::{History, Sample};
use crate::inventory::Inventory;
use crate::model::{Basis, Bytes, Estimate, Observation, Percent};

use inherit::Known;
pub use kill::{HOPELESS, Raise, need};
pub use memory::{Bound, Decided, Level};
pub use relatives::Step;
use shared::Shared;
pub use terms::{Figure, MemoryBase, MemoryTerms, Terms, TimeTerms};
pub use tier::{SLACK_MAX, TierEstimate};
pub use time::Expected;

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
    let mut common = Common::new(assigned, config, history);
    let terms = terms(inventory, assigned, config, history, &common);
    let suites: Vec<Estimate> = terms.iter().map(Terms::estimate).collect();
    common.limit_imports(assigned, &suites);
    Estimates { suites, tiers: common.tiers }
}

/// The terms of every suite.
fn terms(
    inventory: &Inventory,
    assigned: &[usize],
    config: &Config,
    history: &History,
    common: &Common,
) -> Vec<Terms> {
    let samples = |suite: usize| history.suites.get(suite).map_or(&[][..], Vec::as_slice);
    let mut all: Vec<Terms> = (inventory.suites.iter().zip(assigned).enumerate())
        .map(|(number, (suite, tier))| {
            let rest = assumed(&config.tiers[*tier], suite.siblings, config.margin);
            let mut terms = Reader::new(samples(number), common, config, *tier).measured(rest);
            terms.own_import(common.own(number, *tier));
            terms
        })
        .collect();
    let mut members: Vec<Vec<usize>> = vec![Vec::new(); config.tiers.len()];
    assigned.iter().enumerate().for_each(|(suite, tier)| members[*tier].push(suite));
    for mine in &members {
        let known = Known::new(inventory, mine, &all);
        mine.iter().for_each(|suite| all[*suite] = known.inherited(*suite, all[*suite], config));
    }
    for (number, (terms, tier)) in all.iter_mut().zip(assigned).enumerate() {
        terms.kills = kill::Raise::new(&kill::kills(samples(number)));
        terms.kills.room = room(terms, &config.tiers[*tier], &common.tiers[*tier], config);
    }
    all
}

/// What all suites are estimated with.
struct Common {
    tiers: Vec<TierEstimate>,
    /// For each tier, what its suites share.
    shared: Vec<Option<Shared>>,
    /// The repository's spread between runs.
    spread: f64,
    /// The repository's share of what stays.
    retained: Percent,
}

impl Common {
    fn new(assigned: &[usize], config: &Config, history: &History) -> Common {
        let shards = |tier: &Tier| history.tiers.get(&tier.name).map_or(&[][..], Vec::as_slice);
        let held = history.suites.iter().map(|samples| pick(samples, held).0);
        let shared = config.tiers.iter().enumerate().map(|(number, tier)| {
            let accumulates = tier.memory == MemoryKind::Accumulates;
            let is_mine = |suite: usize| assigned.get(suite) == Some(&number);
            accumulates.then(|| Shared::new(&history.sessions, is_mine)).flatten()
        });
        let shared: Vec<Option<Shared>> = shared.collect();
        let tiers = config.tiers.iter().zip(&shared);
        Common {
            tiers: tiers.map(|(tier, shared)| TierEstimate::new(shards(tier), shared.as_ref())).collect(),
            shared,
            spread: memory::pooled_spread(held),
            retained: retained_share(history),
        }
    }

    /// What a suite imports for itself, where what its tier shares is planned in every session.
    fn own(&self, suite: usize, tier: usize) -> Option<Level> {
        let shared = self.shared[tier].as_ref().filter(|shared| shared.everywhere)?;
        let (runs, least) = shared.own.get(&suite)?;
        Some(Level::own_import(*runs, *least))
    }

    /// Where it is not, no session pays more for imports than what is shared and what all suites have of their own.
    fn limit_imports(&mut self, assigned: &[usize], suites: &[Estimate]) {
        for (number, (shared, known)) in self.shared.iter().zip(&mut self.tiers).enumerate() {
            let Some(shared) = shared.as_ref().filter(|shared| !shared.everywhere) else { continue };
            let mine = (0..suites.len()).filter(|suite| assigned[*suite] == number);
            let own = mine.map(|suite| match shared.own.get(&suite) {
                Some((runs, least)) => Level::own_import(*runs, *least).value().round_up(STEP),
                None => suites[suite].cost.import,
            });
            let most = own.fold(shared.planned(), |sum, bytes| sum + bytes);
            known.import_cap = Some(known.import_cap.map_or(most, |cap| cap.min(most)));
        }
    }
}

/// The most that a suite held above what there was when it began. What of it stays depends on what the runtime has free,
/// so that either part alone repeats worse than their sum. Of a suite that ran last only one part is known.
fn held(seen: &Observation) -> Option<u64> {
    let transient = seen.transient?;
    Some(transient.saturating_add(seen.retained.unwrap_or(0).max(0).unsigned_abs()))
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

/// What is left for a suite's transient on the largest machine there is.
fn room(terms: &Terms, tier: &Tier, known: &TierEstimate, config: &Config) -> Option<Bytes> {
    let rest = known.floor(tier) + terms.import.terms.value() + terms.retained.terms.value();
    budget::largest(config, tier).map(|largest| largest.saturating_sub(rest))
}

/// The configuration's assumption for a file, divided among its parts.
fn assumed(tier: &Tier, siblings: u32, margin: Percent) -> Terms {
    let parts = u64::from(siblings.max(1));
    let memory = |file: Bytes, parts: u64| Figure {
        basis: Basis::Assumed,
        terms: MemoryTerms {
            base: MemoryBase::Assumed { file, parts },
            calibration: Percent(0),
            margin,
            kept: Bytes(0),
        },
    };
    Terms {
        time: Figure { basis: Basis::Assumed, terms: TimeTerms::Assumed { file: tier.assume.time, parts } },
        retained: memory(tier.assume.retained, parts),
        // Every part imports what the file imports, and one part at a time needs what the whole file
        // needs at its highest: these are not divided.
        import: memory(tier.assume.import, 1),
        transient: memory(tier.assume.transient, 1),
        kills: kill::Raise::default(),
        samples: 0,
        cpus: tier.assume.cpus,
    }
}

/// The samples of a suite and what they are read with.
#[derive(Clone, Copy)]
struct Reader<'a> {
    samples: &'a [Sample],
    tier: &'a Tier,
    time: TimeRule,
    /// The repository's spread between runs.
    spread: f64,
    /// The repository's share of what stays.
    retained: Percent,
    margin: Percent,
    /// The tier's.
    calibration: Percent,
    /// Nothing finer than peaks of whole processes was measured.
    lone: bool,
}

impl<'a> Reader<'a> {
    fn new(samples: &'a [Sample], common: &Common, config: &'a Config, tier: usize) -> Reader<'a> {
        let fine = |sample: &Sample| sample.seen.retained.is_some() || sample.seen.transient.is_some();
        Reader {
            samples,
            tier: &config.tiers[tier],
            time: config.time,
            spread: common.spread,
            retained: common.retained,
            margin: config.margin,
            calibration: common.tiers[tier].calibration,
            lone: !samples.iter().any(fine),
        }
    }

    /// What the samples say, where they say anything; `rest` for what they leave out.
    fn measured(&self, rest: Terms) -> Terms {
        let mut terms = rest;
        let (timed, own) = pick(self.samples, |seen| seen.time);
        if let Some(expected) = time::expected(&timed, self.time) {
            terms.time = Figure { basis: basis(own), terms: TimeTerms::Samples(expected) };
            terms.samples = u32::try_from(timed.len()).unwrap_or(u32::MAX);
        }
        // Figures of another key are this suite's, but not of this kind of machine; peaks are of a whole
        // process: they carry the margin as inherited ones do.
        let set = |figure: &mut Figure<MemoryTerms>, base: Option<MemoryBase>, own: bool| {
            let margin = if own && !self.lone { Percent(0) } else { self.margin };
            if let Some(base) = base {
                let terms = MemoryTerms { base, calibration: self.calibration, margin, kept: Bytes(0) };
                *figure = Figure { basis: basis(own), terms };
            }
        };
        let (imports, own) = pick(self.samples, |seen| seen.import);
        set(&mut terms.import, Level::imported(&imports).map(MemoryBase::Level), own);
        let (retained, own) = pick(self.samples, |seen| self.retained(seen));
        set(&mut terms.retained, Level::retained(&retained).map(MemoryBase::Level), own);
        // Of a suite that ran last all that it held is transient, and a part of that is what it keeps.
        let kept = retained.iter().take(memory::RECENT_MAX).map(|(_, bytes)| *bytes).max().unwrap_or(0);
        let beside = |seen: &Observation| match self.retained(seen) {
            Some(_) => self.transient(seen),
            None => Some(self.transient(seen)?.saturating_sub(kept.max(0).unsigned_abs())),
        };
        let (transients, own) = pick(self.samples, beside);
        set(&mut terms.transient, Bound::new(&transients, self.spread).map(MemoryBase::Bound), own);
        terms
    }

    fn retained(&self, seen: &Observation) -> Option<i64> {
        seen.retained.or(self.parts(seen).map(|(stays, _)| stays))
    }

    fn transient(&self, seen: &Observation) -> Option<u64> {
        seen.transient.or(self.parts(seen).map(|(_, passes)| passes))
    }

    /// Retained and transient of a process of which only its peak is known. It counts where nothing finer was
    /// measured.
    fn parts(&self, seen: &Observation) -> Option<(i64, u64)> {
        // Where each process has one suite, the floor holds none of them; else a process is one worker, however many there are.
        let floor = match self.tier.memory {
            MemoryKind::Isolated => Bytes(0),
            MemoryKind::Accumulates => self.tier.base + self.tier.worker_base,
        };
        let above = Bytes(seen.peak.filter(|_| self.lone)?).saturating_sub(floor).0;
        let stays = (u128::from(above) * u128::from(self.share().0) / 10_000) as u64;
        Some((i64::try_from(stays).unwrap_or(i64::MAX), above - stays))
    }

    /// How much of a peak stays.
    fn share(&self) -> Percent {
        match self.tier.memory {
            MemoryKind::Isolated => Percent(0),
            MemoryKind::Accumulates => self.retained,
        }
    }
}

/// What may be claimed of samples, of the plan's `own` key or of others.
fn basis(own: bool) -> Basis {
    if own { Basis::Measured } else { Basis::Inherited }
}

/// The figures of one kind with their ages, newest first: those of the plan's key, or all where it
/// has none. Also whether they are the plan's own.
fn pick<T>(samples: &[Sample], figure: impl Fn(&Observation) -> Option<T>) -> (Vec<(usize, T)>, bool) {
    let own = |sample: &&Sample| !sample.foreign && figure(&sample.seen).is_some();
    let any = samples.iter().any(|sample| own(&sample));
    let usable = samples.iter().filter(|sample| !any || own(sample));
    (usable.filter_map(|sample| Some((sample.age, figure(&sample.seen)?))).collect(), any)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{NameMap, Patterns};
    use crate::inventory::Collector;
    use crate::model::Millis;

    const MB: u64 = 1_000_000;

    fn run(list: &str, seen: &[(&str, u64, Option<(i64, u64)>)]) -> Vec<Estimate> {
        let observed = |ms: u64, memory: Option<(i64, u64)>| Observation {
            time: Some(Millis(ms)),
            import: memory.map(|_| 0),
            retained: memory.map(|(retained, _)| retained),
            transient: memory.map(|(_, transient)| transient),
            ..Observation::default()
        };
        let seen: Vec<_> = seen.iter().map(|(id, ms, memory)| (*id, observed(*ms, *memory))).collect();
        observed_as(list, &seen)
    }

    fn observed_as(list: &str, seen: &[(&str, Observation)]) -> Vec<Estimate> {
        let mut collector = Collector::new(None, NameMap::default());
        collector.listing("list", list.replace(' ', "\n").as_bytes(), None).unwrap();
        let inventory = collector.finish(&Patterns::default());
        let suites = inventory.suites.iter().map(|suite| {
            let of_suite = seen.iter().filter(|(id, ..)| *id == suite.id.as_str()).enumerate();
            let sample =
                |(age, (_, seen)): (usize, &(&str, Observation))| Sample { age, foreign: false, seen: *seen };
            of_suite.map(sample).collect()
        });
        let history = History { suites: suites.collect(), ..History::default() };
        let assigned = vec![0; inventory.suites.len()];
        estimate(&inventory, &assigned, &Config::default(), &history).suites
    }

    #[test]
    fn who_always_ran_last_takes_no_more_than_it_held() {
        let last = |held: u64| Observation { transient: Some(held * MB), ..Observation::default() };
        let kept = |kept: i64| Observation { retained: Some(kept), ..last(0) };
        let check = |held: u64, relatives: &[(&str, Observation)], retained: Option<u64>| {
            let seen = [&[("a/x", last(held))], relatives].concat();
            let cost = observed_as("a/x a/y", &seen)[0].cost;
            // What nobody keeps is all transient.
            let nothing = Observation { retained: Some(0), ..last(held) };
            let all = observed_as("a/x a/y", &[("a/x", nothing)])[0].cost.transient;
            let expect = retained.map_or(all.plus(Percent(1_000)), |retained| Bytes(retained * MB));
            assert_eq!((cost.retained, cost.transient), (expect, all.saturating_sub(expect)), "{held}");
        };
        // As much as is assumed, as relatives keep, or as it held.
        check(100, &[], Some(44));
        check(10, &[], None);
        check(100, &[("a/y", kept(0))], Some(0));
        check(10, &[("a/y", kept(300_000_000))], None);
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
        let by_tests = terms::by_tests;
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
        let config = Config::default();
        let common = Common::new(&[0], &config, &History::default());
        let of = |sample: Sample| Reader::new(&[sample], &common, &config, 0).measured(rest).estimate();
        let (left, right) = (of(seen(None, Some(5))), of(seen(Some(100 << 20), None)));
        assert_eq!((left.cost.retained, left.memory_basis), (Bytes(44 * MB), Basis::Assumed));
        assert_eq!(
            (right.cost.transient, right.memory_basis),
            (rest.transient.terms.value(), Basis::Assumed)
        );
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
        assert!((46 * MB..47 * MB).contains(&one.cost.retained.0), "{:?}", one.cost);
        assert!((1_290 * MB..1_300 * MB).contains(&one.cost.transient.0), "{:?}", one.cost);
        let ten: Vec<_> = (0..10).map(|_| seen[0]).collect();
        let ten = run("a", &ten)[0];
        assert!((1_090 * MB..1_110 * MB).contains(&ten.cost.transient.0), "{:?}", ten.cost);
        assert_eq!(ten.samples, 10);
    }
}
