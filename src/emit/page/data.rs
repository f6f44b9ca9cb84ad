//! The suites as data for the page's script: compact, and without anything that HTML could take for its own.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::Page;
use crate::model::{Basis, Millis};
use crate::outcome::observe;
use crate::plan::file::Suite;
use crate::rebalance::Known;
use crate::text::printable;

/// The newest times of a suite that are drawn.
const TIMES_MAX: usize = 12;

#[derive(Serialize)]
struct Data<'a> {
    shards: Vec<&'a str>,
    /// What `basis` and `end` of a row mean.
    bases: [&'static str; 3],
    ends: [&'static str; 5],
    /// Whether anything ran, and whether anything is known of earlier runs.
    ran: bool,
    history: bool,
    suites: Vec<Row>,
}

/// id, shard, ms, bytes kept and passing, bases of time and memory, samples, times (oldest first), real ms, end.
type Row = (String, usize, u64, u64, u64, usize, usize, u32, Vec<u64>, Option<u64>, usize);

/// How a suite ended.
#[derive(Clone, Copy)]
enum End {
    Unknown,
    Passed,
    Failed,
    CutOff,
    NotRun,
}

const ENDS: [&str; 5] = ["", "ran", "failed", "cut off", "not run"];

/// A document of JSON that may stand inside a `script` element.
pub(super) fn json(page: &Page<'_>) -> String {
    let ran: BTreeMap<&str, Ran<'_>> =
        page.known.iter().map(|(shard, known)| (shard.as_str(), Ran::of(known))).collect();
    let places: BTreeMap<&str, usize> =
        page.plan.shards.iter().enumerate().map(|(place, shard)| (shard.id.as_str(), place)).collect();
    let suites = page.plan.suites().map(|(shard, suite)| {
        let samples = page.history.get(&suite.id).map_or(&[][..], Vec::as_slice);
        let mut times: Vec<u64> =
            samples.iter().filter_map(|sample| sample.seen.time).take(TIMES_MAX).map(|time| time.0).collect();
        times.reverse();
        let ran = ran.get(shard.id.as_str());
        row(suite, places.get(shard.id.as_str()).copied().unwrap_or(0), times, ran)
    });
    let data = Data {
        shards: page.plan.shards.iter().map(|shard| shard.id.as_str()).collect(),
        bases: ["measured", "inherited", "assumed"],
        ends: ENDS,
        ran: !page.known.is_empty(),
        history: page.history.values().any(|samples| !samples.is_empty()),
        suites: suites.collect(),
    };
    serde_json::to_string(&data).unwrap_or_else(|_| "null".to_owned()).replace('<', "\\u003c")
}

fn row(suite: &Suite, shard: usize, times: Vec<u64>, ran: Option<&Ran<'_>>) -> Row {
    let end = ran.map_or(End::Unknown, |ran| ran.end(&suite.id));
    let real = ran.and_then(|ran| ran.times.get(suite.id.as_str()));
    (
        printable(&suite.id),
        shard,
        suite.ms.0,
        suite.retained_bytes.0,
        suite.transient_bytes.0,
        basis(suite.basis),
        basis(suite.memory_basis),
        suite.samples,
        times,
        real.map(|time| time.0),
        end as usize,
    )
}

fn basis(basis: Basis) -> usize {
    match basis {
        Basis::Measured => 0,
        Basis::Inherited => 1,
        Basis::Assumed => 2,
    }
}

/// What the attempts of one shard did, all together.
struct Ran<'a> {
    executed: BTreeSet<&'a str>,
    failed: BTreeSet<&'a str>,
    cut_off: BTreeSet<&'a str>,
    times: BTreeMap<String, Millis>,
    told: bool,
}

impl Ran<'_> {
    fn of(known: &Known) -> Ran<'_> {
        let mut ran = Ran {
            executed: BTreeSet::new(),
            failed: BTreeSet::new(),
            cut_off: BTreeSet::new(),
            times: BTreeMap::new(),
            told: !known.outcomes.is_empty(),
        };
        for outcome in &known.outcomes {
            let now = outcome.executed();
            ran.failed.retain(|id| !now.contains(id));
            ran.failed.extend(outcome.failed());
            ran.executed.extend(now);
            ran.cut_off.extend(outcome.in_flight().iter().map(|begin| begin.id.as_str()));
            for suite in observe(outcome).suites {
                ran.times.extend(suite.seen.time.map(|time| (suite.id, time)));
            }
        }
        ran
    }

    fn end(&self, id: &str) -> End {
        match () {
            () if self.failed.contains(id) => End::Failed,
            () if self.executed.contains(id) => End::Passed,
            () if self.cut_off.contains(id) => End::CutOff,
            () if self.told => End::NotRun,
            () => End::Unknown,
        }
    }
}
