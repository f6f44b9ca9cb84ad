//! What suites cost: reports of other tools, our own history, and exact costs.
//!
//! Readers take the bytes of a file and give values. [`names`] finds the suite that each name in a
//! report means, and [`meet`] adds up what is known of it.

pub mod costs;
pub mod durations;
pub mod junit;
mod markup;
pub mod meet;
pub mod names;
mod number;
pub mod store;

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use crate::model::Observation;

/// Longest report that is read at once, in bytes. JUnit XML streams and has no such limit.
pub const SIZE_MAX: u64 = 1 << 30;

/// The formats of a report with times.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// pytest-split's `.test_durations` and knapsack's report: names and seconds.
    Durations,
    /// JUnit XML of any dialect.
    Junit,
}

impl Format {
    /// Every name that is understood.
    pub const NAMES: [&str; 3] = ["junit", "knapsack", "pytest-split"];

    /// The format of a report by its first character that is no blank.
    #[must_use]
    pub fn recognise(start: &[u8]) -> Option<Format> {
        let start = start.strip_prefix(b"\xef\xbb\xbf").unwrap_or(start);
        match start.iter().find(|byte| !byte.is_ascii_whitespace())? {
            b'<' => Some(Format::Junit),
            b'{' | b'[' => Some(Format::Durations),
            _ => None,
        }
    }
}

impl FromStr for Format {
    type Err = ();
    fn from_str(text: &str) -> Result<Format, ()> {
        match text {
            "junit" => Ok(Format::Junit),
            "knapsack" | "pytest-split" => Ok(Format::Durations),
            _ => Err(()),
        }
    }
}

/// What is wrong with a report.
#[derive(Debug, PartialEq, Eq)]
pub struct ReportError {
    /// From 1; `None` where the whole report is meant.
    pub line: Option<u64>,
    /// Lower case, no final dot.
    pub message: String,
}

impl ReportError {
    fn new(line: impl Into<Option<u64>>, message: impl Into<String>) -> ReportError {
        ReportError { line: line.into(), message: message.into() }
    }
}

impl fmt::Display for ReportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(line) = self.line {
            write!(f, "{line}: ")?;
        }
        f.write_str(&self.message)
    }
}

impl std::error::Error for ReportError {}

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
    /// Cases whose time cannot be used, by reason.
    pub unusable: Unusable,
}

/// Cases that teach nothing, counted so that nothing is dropped in silence.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Unusable {
    /// Skipped, so their time says nothing.
    pub skipped: usize,
    /// No time at all.
    pub untimed: usize,
    /// A time that is negative, not a number, or longer than a week.
    pub wrong: usize,
    /// The first wrong time: its case and text.
    pub example: Option<(String, String)>,
}

impl Unusable {
    fn wrong(&mut self, case: &str, text: &str) {
        self.wrong += 1;
        self.example.get_or_insert_with(|| (case.to_owned(), text.to_owned()));
    }

    /// Adds another report's counts.
    pub fn add(&mut self, other: &Unusable) {
        self.skipped += other.skipped;
        self.untimed += other.untimed;
        self.wrong += other.wrong;
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
}

/// What one run measured of one suite, all its parts combined.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sample {
    /// How many runs ago.
    pub age: usize,
    /// The run had another key than the plan.
    pub foreign: bool,
    /// The figures.
    pub seen: Observation,
}
