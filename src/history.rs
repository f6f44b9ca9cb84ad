//! What suites cost: reports of other tools, our own history, and exact costs.
//!
//! [`collect`] keeps what a report teaches, [`names`] finds the suite that each name in a report means,
//! and [`meet`] adds up what is known of it. [`record`] makes observations of it that a [`store`] keeps.

pub mod against;
pub mod collect;
pub mod costs;
pub mod executed;
pub mod meet;
mod moved;
pub mod names;
pub mod outcomes;
pub mod ran;
pub mod record;
mod spelling;
pub mod store;

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::model::{Observation, ShardObservation};
pub use crate::report::ReportError;
pub use spelling::without_dot;

/// Longest store that is read at once, in bytes.
pub const SIZE_MAX: u64 = 1 << 30;

/// Where a case lies, in the words of its report.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// A path, or whatever stands for one.
    pub file: Option<Box<str>>,
    /// JUnit's class name: often a path with dots.
    pub classname: Option<Box<str>>,
    /// The name of the nearest suite around it.
    pub suite: Option<Box<str>>,
}

impl Place {
    /// What people would call it.
    #[must_use]
    pub fn name(&self) -> &str {
        let names = [&self.file, &self.classname, &self.suite];
        names.into_iter().flatten().next().map_or("", |name| name)
    }
}

/// One timed case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Case {
    /// Shared by the cases that lie together.
    pub place: Arc<Place>,
    /// Inside its place; empty where the place as a whole was timed.
    pub name: Box<str>,
    /// Nanoseconds, so that thousands of short tests add up.
    pub nanos: u64,
}

/// What a report holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// The cases with a usable time.
    pub cases: Vec<Case>,
    /// What suites say of themselves, in nanoseconds: for want of times of their cases.
    pub hints: Vec<(Arc<Place>, u64)>,
    /// Cases and places with a peak of memory: the name inside its place, and bytes.
    pub peaks: Vec<(Arc<Place>, Box<str>, u64)>,
    /// Cases and places that began and never ended.
    pub unfinished: Vec<(Arc<Place>, Box<str>)>,
    /// Cases whose time cannot be used, by reason.
    pub unusable: Unusable,
}

/// Cases that teach nothing, counted so that nothing is dropped in silence.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Unusable {
    /// Skipped, so their time says nothing.
    pub skipped: usize,
    /// Not run, since their result was known.
    pub cached: usize,
    /// Begun and never ended.
    pub aborted: usize,
    /// No time at all.
    pub untimed: usize,
    /// Lines and elements that a reader passed over.
    pub passed_over: usize,
    /// Earlier attempts of tests that were run again.
    pub attempts: usize,
    /// A time that is negative, not a number, or longer than a week.
    pub wrong: usize,
    /// The first wrong time.
    pub example: Option<Wrong>,
}

/// A time that cannot be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wrong {
    /// The case that it is said of.
    pub case: String,
    /// What stands there.
    pub time: String,
    /// From 1, where the format has lines.
    pub line: Option<u64>,
    /// The name of the report, where somebody gave it one.
    pub report: String,
}

impl Unusable {
    fn wrong(&mut self, case: &str, text: &str, line: Option<u64>) {
        self.wrong += 1;
        let (case, time) = (case.to_owned(), text.to_owned());
        self.example.get_or_insert_with(|| Wrong { case, time, line, report: String::new() });
    }

    /// Adds another report's counts.
    pub fn add(&mut self, other: &Unusable) {
        self.skipped += other.skipped;
        self.cached += other.cached;
        self.aborted += other.aborted;
        self.untimed += other.untimed;
        self.wrong += other.wrong;
        self.attempts += other.attempts;
        self.passed_over += other.passed_over;
        if self.example.is_none() {
            self.example.clone_from(&other.example);
        }
    }
}

/// Everything that is known of each suite of an inventory, in its order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct History {
    /// For each suite, newest first.
    pub suites: Vec<Vec<Sample>>,
    /// For each suite, whether times of at least two of its tests or classes are known.
    pub inside: Vec<bool>,
    /// What is known of each tier's shards, newest first.
    pub tiers: BTreeMap<String, Vec<Sample<ShardObservation>>>,
    /// For each session, newest first, the suites that it was told of what they paid at collection and for what is shared:
    /// their places in the inventory, and bytes.
    pub sessions: Vec<Sample<Vec<(usize, i64)>>>,
}

/// What one run measured of one suite, all its parts combined; or of one shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sample<T = Observation> {
    /// How many runs ago.
    pub age: usize,
    /// The run had another key than the plan, or measured a file that was moved since.
    pub foreign: bool,
    /// The figures.
    pub seen: T,
}
