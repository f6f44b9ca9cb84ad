//! What was known before a run, and what the run took.

use std::collections::{BTreeMap, HashMap};

use crate::config::{Granularity, NameMap};
use crate::history::meet;
use crate::history::names::Index;
use crate::history::store::Store;
use crate::history::{History, Report, Sample, ran};
use crate::inventory::{Inventory, coarsen};
use crate::model::{Millis, Observation, ShardObservation};

/// How many earlier runs are looked at: estimates take no more into account.
const RUNS_MAX: usize = 20;

/// A run as reports tell of it.
#[derive(Clone, Debug)]
pub struct Ran {
    /// What to call it.
    pub name: String,
    /// All of its reports.
    pub reports: Vec<Report>,
}

/// A run with everything that was known before it.
#[derive(Clone, Debug)]
pub struct Step {
    /// What it is called.
    pub run: String,
    /// The suites that ran.
    pub inventory: Inventory,
    /// What earlier runs tell of each of them.
    pub history: History,
    /// What the newest earlier run tells of the tests of each of them.
    pub newest: Vec<Known>,
    /// Which of them no earlier run knew under the name that they have.
    pub new: Vec<bool>,
    /// What each of them took.
    pub real: Vec<Millis>,
}

/// What one run knows of a suite's tests; a suite without tests counts as one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Known {
    /// Tests with a time.
    pub known: u64,
    /// Tests without.
    pub unknown: u64,
    /// Milliseconds of the known ones.
    pub ms: u64,
}

impl Step {
    /// The same run as if only some of its suites had been there. `keep` is asked with the index of each.
    #[must_use]
    pub fn only(&self, mut keep: impl FnMut(usize) -> bool) -> Step {
        let kept: Vec<usize> = (0..self.real.len()).filter(|suite| keep(*suite)).collect();
        Step {
            run: self.run.clone(),
            inventory: Inventory {
                suites: kept.iter().map(|suite| self.inventory.suites[*suite].clone()).collect(),
            },
            history: History {
                suites: kept.iter().map(|suite| self.history.suites[*suite].clone()).collect(),
                inside: kept.iter().map(|suite| self.history.inside[*suite]).collect(),
                ..History::default()
            },
            newest: kept.iter().map(|suite| self.newest[*suite]).collect(),
            new: kept.iter().map(|suite| self.new[*suite]).collect(),
            real: kept.iter().map(|suite| self.real[*suite]).collect(),
        }
    }
}

/// The second run and all later ones. `runs` are oldest first; suites are what `unit` makes of their
/// reports. Runs without a usable time are left out.
#[must_use]
pub fn steps(runs: &[Ran], unit: Granularity, map: &NameMap) -> Vec<Step> {
    (1..runs.len()).filter_map(|number| step(runs, number, unit, map)).collect()
}

fn step(runs: &[Ran], number: usize, unit: Granularity, map: &NameMap) -> Option<Step> {
    let run = &runs[number];
    let inventory = ran::inventory(&run.reports, unit);
    let index = Index::new(&inventory, map);
    let times = |run: &Ran| -> Vec<Option<(Millis, bool)>> {
        let (timings, _) = meet::times(&index, &run.reports);
        timings
            .into_iter()
            .map(|timing| timing.and_then(|timing| Some((timing.time?, timing.lent))))
            .collect()
    };
    let real: Vec<Option<Millis>> = times(run).into_iter().map(|seen| Some(seen?.0)).collect();
    let mut suites: Vec<Vec<Sample>> = vec![Vec::new(); real.len()];
    for (age, earlier) in runs[..number].iter().rev().take(RUNS_MAX).enumerate() {
        for (samples, seen) in suites.iter_mut().zip(times(earlier)) {
            let Some((time, lent)) = seen else { continue };
            let seen = Observation { time: Some(time), ..Observation::default() };
            samples.push(Sample { age, foreign: lent, seen });
        }
    }
    let newest = known(&inventory, &runs[number - 1], run, unit, map);
    let new = suites.iter().map(|samples| samples.iter().all(|sample| sample.foreign)).collect();
    let inside = vec![false; real.len()];
    let whole = Step {
        run: run.name.clone(),
        inventory,
        history: History { suites, inside, ..History::default() },
        newest,
        new,
        real: real.iter().map(|time| time.unwrap_or_default()).collect(),
    };
    let step = whole.only(|suite| real[suite].is_some());
    (!step.real.is_empty()).then_some(step)
}

/// What `earlier` knows of the tests that `run` consists of.
fn known(inventory: &Inventory, earlier: &Ran, run: &Ran, unit: Granularity, map: &NameMap) -> Vec<Known> {
    let tests = ran::inventory(&run.reports, Granularity::Test);
    let (timings, _) = meet::times(&Index::new(&tests, map), &earlier.reports);
    let place: HashMap<&str, usize> =
        inventory.suites.iter().enumerate().map(|(number, suite)| (suite.id.as_str(), number)).collect();
    let mut known = vec![Known::default(); inventory.suites.len()];
    for (test, timing) in tests.suites.iter().zip(timings) {
        let id = test.id.as_str();
        // What is no node id has the same name at every granularity.
        let suite = place.get(id).or_else(|| place.get(coarsen(id, unit)));
        let Some(slot) = suite.map(|suite| &mut known[*suite]) else { continue };
        // Nobody else follows files that were moved.
        match timing.filter(|timing| !timing.lent).and_then(|timing| timing.time) {
            Some(time) => (slot.known, slot.ms) = (slot.known + 1, slot.ms.saturating_add(time.0)),
            None => slot.unknown += 1,
        }
    }
    known
}

/// The runs of a store from the second on, each with what the store knew before it. Killed suites have no
/// time, so they are not part of their run.
#[must_use]
pub fn recorded(store: &Store) -> Vec<Step> {
    let step = |(run, suites): (usize, Vec<Row<'_>>)| {
        let newest = |samples: &[Sample]| match samples.iter().find_map(|sample| sample.seen.time) {
            Some(time) => Known { known: 1, unknown: 0, ms: time.0 },
            None => Known { known: 0, unknown: 1, ms: 0 },
        };
        Step {
            run: store.runs[run].run.clone(),
            inventory: ran::listed(suites.iter().map(|row| row.id)),
            newest: suites.iter().map(|row| newest(&row.before)).collect(),
            new: suites
                .iter()
                .map(|row| row.before.iter().all(|sample| sample.seen.time.is_none()))
                .collect(),
            real: suites.iter().map(|row| row.now.time.unwrap_or_default()).collect(),
            history: history(store, run, suites),
        }
    };
    let by_run = by_run(store, |seen| seen.time.is_some());
    by_run.into_iter().enumerate().skip(1).filter(|(_, suites)| !suites.is_empty()).map(step).collect()
}

/// A run whose memory was measured, with everything that was known before it.
#[derive(Clone, Debug)]
pub struct MemoryStep {
    /// What it is called.
    pub run: String,
    /// The suites whose memory it measured, killed ones among them.
    pub inventory: Inventory,
    /// What earlier runs tell of each of them.
    pub history: History,
    /// What it measured of each of them.
    pub real: Vec<Observation>,
    /// What it measured of its shards, by tier.
    pub shards: BTreeMap<String, Vec<ShardObservation>>,
    /// Which suites were in a session together, by their places, and what they paid at collection and for what is shared.
    pub sessions: Vec<Vec<(usize, i64)>>,
    /// Suites that ran, but without their memory being measured: they are left out.
    pub unmeasured: usize,
}

/// Whether anything is known of a suite's memory in a run.
pub(super) fn weighed(seen: &Observation) -> bool {
    seen.retained.is_some() || seen.transient.is_some() || seen.killed.is_some()
}

/// The runs of a store that measured memory, from the second such run on.
#[must_use]
pub fn weighed_runs(store: &Store) -> Vec<MemoryStep> {
    let mut ran = vec![0; store.runs.len()];
    let seen = store.ids().filter(|id| !id.is_empty()).flat_map(|id| store.observations(id));
    seen.for_each(|(run, _)| ran[run] += 1);
    let step = |(run, suites): (usize, Vec<Row<'_>>)| {
        let of_tier = |tier: &str| {
            let mine = store.shards(tier).into_iter().filter(|(of, _)| *of == run);
            (tier.to_owned(), mine.map(|(_, seen)| seen).collect())
        };
        let numbers: HashMap<&str, usize> =
            suites.iter().enumerate().map(|(number, row)| (row.id, number)).collect();
        let sessions = store.sessions(run + 1, |id| numbers.get(id).copied()).into_iter();
        let (own, before): (Vec<_>, Vec<_>) = sessions.partition(|(of, _)| *of == run);
        let before = before.into_iter().map(|(earlier, seen)| sample(store, run, earlier, seen)).collect();
        MemoryStep {
            run: store.runs[run].run.clone(),
            sessions: own.into_iter().map(|(_, suites)| suites).collect(),
            inventory: ran::listed(suites.iter().map(|row| row.id)),
            real: suites.iter().map(|row| row.now).collect(),
            shards: store.tiers().map(of_tier).collect(),
            unmeasured: ran[run] - suites.len(),
            history: History { sessions: before, ..history(store, run, suites) },
        }
    };
    let known = |step: &MemoryStep| step.history.suites.iter().flatten().any(|sample| weighed(&sample.seen));
    by_run(store, weighed).into_iter().enumerate().map(step).filter(known).collect()
}

/// A suite of a run.
struct Row<'a> {
    id: &'a str,
    /// What earlier runs measured of it, newest first.
    before: Vec<Sample>,
    now: Observation,
}

/// For each run of a store the suites of which it has what `counts`, sorted by id.
fn by_run(store: &Store, counts: impl Fn(&Observation) -> bool) -> Vec<Vec<Row<'_>>> {
    let mut by_run: Vec<Vec<Row<'_>>> = Vec::new();
    by_run.resize_with(store.runs.len(), Vec::new);
    for id in store.ids().filter(|id| !id.is_empty()) {
        let seen: Vec<(usize, Observation)> = store.observations(id).collect();
        for (place, (run, now)) in seen.iter().enumerate().filter(|(_, (_, now))| counts(now)) {
            let before = seen[place + 1..].iter().take(RUNS_MAX);
            let before = before.map(|(earlier, seen)| sample(store, *run, *earlier, *seen)).collect();
            by_run[*run].push(Row { id, before, now: *now });
        }
    }
    by_run
}

/// What an earlier run measured, as `run` sees it.
fn sample<T>(store: &Store, run: usize, earlier: usize, seen: T) -> Sample<T> {
    Sample { age: run - 1 - earlier, foreign: store.runs[earlier].key != store.runs[run].key, seen }
}

/// What the store knew before a run, but of its sessions: those matter to memory alone.
fn history(store: &Store, run: usize, suites: Vec<Row<'_>>) -> History {
    let of_tier = |tier: &str| {
        let before = store.shards(tier).into_iter().filter(|(earlier, _)| *earlier < run);
        let before = before.map(|(earlier, seen)| sample(store, run, earlier, seen));
        (tier.to_owned(), before.collect())
    };
    History {
        sessions: Vec::new(),
        inside: vec![false; suites.len()],
        suites: suites.into_iter().map(|row| row.before).collect(),
        tiers: store.tiers().map(of_tier).collect(),
    }
}
