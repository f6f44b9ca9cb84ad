//! One suite's estimate taken apart: its terms, the samples that they rest on, and what would change them.

use super::relatives::Step;
use super::{Common, Known, Level, Reader, Terms, memory, terms, time};
use crate::config::Config;
use crate::history::{History, Sample};
use crate::inventory::Inventory;
use crate::model::{Estimate, Kill, Millis, Percent};

/// More runs like the newest that are imagined, to say what they would change.
pub const MORE_RUNS: usize = 10;

/// Where the numbers of one suite come from.
#[derive(Clone, Debug)]
pub struct Explanation {
    /// The figures with their terms; [`Terms::estimate`] is what is planned.
    pub terms: Terms,
    /// For inherited figures, how relatives made them: the whole tier first. Time, import, retained, transient.
    pub relatives: [Vec<Step>; 4],
    /// Every run that saw the suite, newest first.
    pub samples: Vec<Seen>,
    /// Only peaks of whole processes were measured: so much of them is said to stay.
    pub share_of_peaks: Option<Percent>,
    /// What [`MORE_RUNS`] more runs like the newest would make of it; `None` where nothing was measured.
    pub later: Option<Estimate>,
}

/// What one run saw of a suite, and what became of that.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Seen {
    /// How many runs ago.
    pub age: usize,
    /// The run had another key than the plan, or measured a file that was moved since.
    pub foreign: bool,
    /// It was killed for memory.
    pub killed: Option<Kill>,
    /// How long it ran.
    pub time: Option<(Millis, Use)>,
    /// Bytes at collection.
    pub import: Option<(i64, Use)>,
    /// Bytes that stayed.
    pub retained: Option<(i64, Use)>,
    /// Bytes while it ran.
    pub transient: Option<(i64, Use)>,
}

/// What became of a sample.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Use {
    /// It counts, against the newest with so much weight, in thousandths.
    Counted(u32),
    /// It is among the shortest or longest, which fall away.
    Trimmed,
    /// Enough newer ones are known.
    Old,
    /// Of another key or name, where samples of the plan's own are known.
    OtherKey,
}

/// Explains the estimate of one suite of the inventory. The other arguments are those of [`super::estimate`].
///
/// # Panics
/// If the inventory has no such suite.
#[must_use]
pub fn explain(
    inventory: &Inventory,
    assigned: &[usize],
    config: &Config,
    history: &History,
    suite: usize,
) -> Explanation {
    let common = Common::new(assigned, config, history);
    let all = terms(inventory, assigned, config, history, &common);
    let mine: Vec<usize> = (0..assigned.len()).filter(|other| assigned[*other] == assigned[suite]).collect();
    let samples = history.suites.get(suite).map_or(&[][..], Vec::as_slice);
    let reader = Reader::new(samples, &common, config, assigned[suite]);
    let own = all[suite];
    let peaks = reader.lone && samples.iter().any(|sample| sample.seen.peak.is_some());
    Explanation {
        terms: own,
        relatives: Known::new(inventory, &mine, &all).steps(suite),
        samples: seen(&reader),
        share_of_peaks: peaks.then(|| reader.share()),
        later: later(&reader, own, common.own(suite, assigned[suite])),
    }
}

/// What more runs like the newest would make of it.
fn later(reader: &Reader<'_>, own: Terms, own_import: Option<Level>) -> Option<Estimate> {
    let newest = reader.samples.iter().find(|sample| !sample.foreign)?;
    if newest.seen.killed.is_some() {
        return None;
    }
    let more = (0..MORE_RUNS).map(|age| Sample { age, ..*newest });
    let older = reader.samples.iter().map(|sample| Sample { age: sample.age + MORE_RUNS, ..*sample });
    let samples: Vec<Sample> = more.chain(older).collect();
    let mut terms = Reader { samples: &samples, ..*reader }.measured(own);
    terms.own_import(own_import);
    terms.kills = super::Raise::default();
    Some(terms.estimate())
}

/// The samples of a suite, each with what became of its figures.
fn seen(reader: &Reader<'_>) -> Vec<Seen> {
    let samples = reader.samples;
    let times = uses(
        samples,
        |sample| sample.seen.time.is_some(),
        |places| {
            let timed: Vec<(usize, Millis)> = places
                .iter()
                .filter_map(|place| Some((samples[*place].age, samples[*place].seen.time?)))
                .collect();
            let (weighed, trim) = time::weigh(&timed, reader.time);
            let mut uses = vec![Use::Old; places.len()];
            for (rank, run) in weighed.iter().enumerate() {
                let trimmed = rank < trim || rank >= weighed.len() - trim;
                uses[run.place] = if trimmed { Use::Trimmed } else { Use::Counted(thousandths(run.weight)) };
            }
            uses
        },
    );
    let newest = |most: usize| {
        move |places: &[usize]| {
            (0..places.len()).map(|n| if n < most { Use::Counted(1_000) } else { Use::Old }).collect()
        }
    };
    let imports = uses(samples, |sample| sample.seen.import.is_some(), newest(memory::RECENT_MAX));
    let retained =
        uses(samples, |sample| reader.retained(&sample.seen).is_some(), newest(memory::RECENT_MAX));
    let transients = uses(
        samples,
        |sample| reader.transient(&sample.seen).is_some(),
        |places| {
            let newest = places.first().map_or(0, |place| samples[*place].age);
            let weight = |place: &usize| thousandths(time::weight(samples[*place].age - newest));
            let used = |(n, place)| if n < memory::RUNS_MAX { Use::Counted(weight(place)) } else { Use::Old };
            places.iter().enumerate().map(used).collect()
        },
    );
    let row = |(place, sample): (usize, &Sample)| Seen {
        age: sample.age,
        foreign: sample.foreign,
        killed: sample.seen.killed,
        time: sample.seen.time.zip(times[place]),
        import: sample.seen.import.zip(imports[place]),
        retained: reader.retained(&sample.seen).zip(retained[place]),
        transient: (reader.transient(&sample.seen))
            .map(|bytes| i64::try_from(bytes).unwrap_or(i64::MAX))
            .zip(transients[place]),
    };
    samples.iter().enumerate().map(row).collect()
}

/// For each sample what became of one of its figures; `of` says so for those that an estimate takes.
fn uses(
    samples: &[Sample],
    has: impl Fn(&Sample) -> bool,
    of: impl Fn(&[usize]) -> Vec<Use>,
) -> Vec<Option<Use>> {
    let own = samples.iter().any(|sample| !sample.foreign && has(sample));
    let taken = |place: &usize| has(&samples[*place]) && !(own && samples[*place].foreign);
    let places: Vec<usize> = (0..samples.len()).filter(taken).collect();
    let mut uses: Vec<Option<Use>> =
        samples.iter().map(|sample| has(sample).then_some(Use::OtherKey)).collect();
    places.iter().zip(of(&places)).for_each(|(place, used)| uses[*place] = Some(used));
    uses
}

/// Of a weight in units of 2⁻²⁰.
fn thousandths(weight: u64) -> u32 {
    u32::try_from((weight * 1_000) >> 20).unwrap_or(u32::MAX)
}
