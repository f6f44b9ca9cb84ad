//! The normal form of a store: one for every set of observations.
//!
//! An observation is known by its suite, run (with its key) and part. Where one is there twice, the later
//! recorded one stays, or else the one whose bytes are greater. An observation stays as long as fewer
//! than [`RUNS_MAX`] runs have measured its suite later.
//!
//! Both rules look only at what every observation carries itself, its time included. A time that belonged
//! to the run and could still change, as other recorders of that run report theirs, would make it matter
//! which stores are joined first: what was dropped as too old could turn out to be newer. So what is
//! dropped once would be dropped in every other order too.

use std::collections::{BTreeMap, BTreeSet};

use super::{Figures, RUNS_MAX, Row, Stamp, Store};
use crate::model::RunMeta;

/// What stands in a row behind run and part.
pub(super) trait Seen {
    /// As it is written, in full.
    fn canonical(&self) -> String;
}

impl Seen for Figures {
    fn canonical(&self) -> String {
        let figures = self
            .figures
            .map(|figure| figure.get().map_or_else(|| "null".to_owned(), |figure| figure.to_string()));
        format!("{},{}", figures.join(","), self.flags)
    }
}

impl Seen for Box<str> {
    fn canonical(&self) -> String {
        self.to_string()
    }
}

impl Store {
    /// Brings the store to its normal form.
    pub(super) fn settle(&mut self) {
        self.merge_stamps();
        self.name_runs();
        let stamps = &self.stamps;
        // Whether a run was recorded at several times.
        let twice = self.runs.len() < stamps.len();
        let all = self.suites.values_mut();
        all.for_each(|rows| thin(rows, stamps, twice));
        self.tiers.values_mut().for_each(|tier| thin(&mut tier.rows, stamps, twice));
        self.suites.retain(|_, rows| !rows.is_empty());
        self.tiers.retain(|_, tier| !tier.rows.is_empty() || !tier.others.is_empty());
        if self.drop_unused() {
            self.name_runs();
        }
    }

    /// Sorts stamps and their parts, each once, and leads the rows to them.
    fn merge_stamps(&mut self) {
        let old = std::mem::take(&mut self.stamps);
        let mut order: Vec<usize> = (0..old.len()).collect();
        fn identity(stamp: &Stamp) -> (i64, &str, &str, &str) {
            (stamp.at, &stamp.run, &stamp.key, &stamp.rest)
        }
        order.sort_by_key(|number| identity(&old[*number]));
        let mut place: Vec<(u32, Vec<u32>)> = vec![Default::default(); old.len()];
        for same in order.chunk_by(|a, b| identity(&old[*a]) == identity(&old[*b])) {
            let names: BTreeSet<&str> =
                same.iter().flat_map(|number| &old[*number].parts).map(|name| &**name).collect();
            let names: Vec<&str> = names.into_iter().collect();
            for number in same {
                let parts = old[*number].parts.iter();
                let parts = parts.map(|name| names.partition_point(|have| *have < &**name) as u32).collect();
                place[*number] = (self.stamps.len() as u32, parts);
            }
            let parts = names.into_iter().map(Box::from).collect();
            self.stamps.push(Stamp { parts, ..old[same[0]].clone() });
        }
        self.each_row(|stamp, part| {
            let (new, parts) = &place[*stamp as usize];
            (*stamp, *part) = (*new, parts[*part as usize]);
        });
    }

    /// Finds which stamps are of one run.
    fn name_runs(&mut self) {
        let mut runs: BTreeMap<(&str, &str), i64> = BTreeMap::new();
        for stamp in &self.stamps {
            let at = runs.entry((&stamp.run, &stamp.key)).or_insert(stamp.at);
            *at = stamp.at.max(*at);
        }
        let mut sorted: Vec<_> = runs.into_iter().map(|((run, key), at)| (at, run, key)).collect();
        sorted.sort_unstable();
        let number: BTreeMap<(&str, &str), u32> =
            (0..).zip(&sorted).map(|(number, (_, run, key))| ((*run, *key), number)).collect();
        let of: Vec<u32> = self.stamps.iter().map(|stamp| number[&(&*stamp.run, &*stamp.key)]).collect();
        let meta = |(at, run, key): &(i64, &str, &str)| RunMeta {
            run: (*run).to_owned(),
            at: *at,
            key: (*key).to_owned(),
        };
        self.runs = sorted.iter().map(meta).collect();
        self.stamps.iter_mut().zip(of).for_each(|(stamp, of)| stamp.of = of);
    }

    /// Drops stamps and parts that no row names; whether there were any.
    fn drop_unused(&mut self) -> bool {
        let mut used: Vec<Vec<bool>> =
            self.stamps.iter().map(|stamp| vec![false; stamp.parts.len()]).collect();
        self.each_row(|stamp, part| used[*stamp as usize][*part as usize] = true);
        if used.iter().all(|parts| parts.iter().any(|used| *used) && parts.iter().all(|used| *used)) {
            return false;
        }
        for (stamp, used) in self.stamps.iter_mut().zip(&used) {
            let mut used = used.iter();
            stamp.parts.retain(|_| used.next() == Some(&true));
        }
        // How many of the used ones stand before each.
        let places = |used: &[bool]| -> Vec<u32> {
            let counted = used.iter().scan(0, |before, used| {
                *before += u32::from(*used);
                Some(*before - u32::from(*used))
            });
            counted.collect()
        };
        let parts: Vec<Vec<u32>> = used.iter().map(|used| places(used)).collect();
        let stamps: Vec<bool> = used.iter().map(|used| used.contains(&true)).collect();
        let stamps = places(&stamps);
        self.stamps.retain(|stamp| !stamp.parts.is_empty());
        self.each_row(|stamp, part| {
            let old = *stamp as usize;
            (*stamp, *part) = (stamps[old], parts[old][*part as usize]);
        });
        true
    }

    fn each_row(&mut self, mut each: impl FnMut(&mut u32, &mut u32)) {
        let rows = self.suites.values_mut().flatten();
        rows.for_each(|row| each(&mut row.stamp, &mut row.part));
        let rows = self.tiers.values_mut().flat_map(|tier| &mut tier.rows);
        rows.for_each(|row| each(&mut row.stamp, &mut row.part));
    }
}

/// Sorts rows, and keeps each identity once and the newest runs. `twice`: some run has several stamps.
fn thin<T: Seen>(rows: &mut Vec<Row<T>>, stamps: &[Stamp], twice: bool) {
    rows.sort_by_key(|row| (row.stamp, row.part));
    rows.dedup_by(|later, kept| {
        let same = (later.stamp, later.part) == (kept.stamp, kept.part);
        if same && later.seen.canonical() > kept.seen.canonical() {
            std::mem::swap(&mut later.seen, &mut kept.seen);
        }
        same
    });
    if !twice && rows.len() <= RUNS_MAX {
        return;
    }
    let mut later: Vec<u32> = Vec::with_capacity(RUNS_MAX);
    let mut names: BTreeSet<(u32, &str)> = BTreeSet::new();
    let mut keep = vec![false; rows.len()];
    let mut end = rows.len();
    while end > 0 && later.len() < RUNS_MAX {
        let number = rows[end - 1].stamp;
        let stamp = &stamps[number as usize];
        let start = rows[..end].partition_point(|row| row.stamp < number);
        for at in start..end {
            keep[at] = !twice || names.insert((stamp.of, &stamp.parts[rows[at].part as usize]));
        }
        if !later.contains(&stamp.of) {
            later.push(stamp.of);
        }
        end = start;
    }
    let mut keep = keep.into_iter();
    rows.retain(|_| keep.next() == Some(true));
}
