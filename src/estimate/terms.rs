//! What each figure of an estimate is made of, and the figure that its terms make: what is explained cannot
//! differ from what is planned.

use super::kill::Raise;
use super::memory::{Bound, Level};
use super::time::Expected;
use super::{INHERITED_HALVES, STEP};
use crate::model::{Basis, Bytes, Cost, Estimate, Millis, Percent};

/// A figure with where it comes from.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Figure<T> {
    /// What may be claimed of it.
    pub basis: Basis,
    /// What it is made of.
    pub terms: T,
}

/// The terms of a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimeTerms {
    /// Runs of the suite, of the plan's key or, inherited, of others.
    Samples(Expected),
    /// Its relatives.
    Relatives {
        /// The median of their times, in milliseconds.
        median: u64,
        /// Tests of the suite; 0: nobody listed them.
        tests: u64,
        /// Tests that its relatives have, as far as they were listed.
        usual: Option<u64>,
    },
    /// The configuration's time for a whole file, and how many suites share it.
    Assumed {
        /// Of the file.
        file: Millis,
        /// At least 1.
        parts: u64,
    },
}

impl TimeTerms {
    /// The figure, at least 1 ms.
    #[must_use]
    pub fn value(&self) -> Millis {
        match self {
            TimeTerms::Samples(expected) => expected.value,
            TimeTerms::Relatives { median, tests, usual } => by_tests(*median, *tests, *usual),
            TimeTerms::Assumed { file, parts } => Millis(file.0.div_ceil((*parts).max(1)).max(1)),
        }
    }
}

/// A time of relatives for a suite of `count` tests where they have `usual` ones. It grows with the root of
/// the number: some of a suite's time is its set-up, and a long list often holds quick tests.
pub(super) fn by_tests(time: u64, count: u64, usual: Option<u64>) -> Millis {
    let factor = match usual {
        Some(usual) if count > 0 => (count as f64 / usual.max(1) as f64).sqrt(),
        _ => 1.0,
    };
    Millis(((time as f64 * factor).ceil() as u64).max(1))
}

/// The terms of an amount of memory.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MemoryTerms {
    /// What it stands on.
    pub base: MemoryBase,
    /// Added to that: as much as real sessions of the tier held more than the model made of them.
    pub calibration: Percent,
    /// Added to what this very suite did not measure.
    pub margin: Percent,
    /// Taken off, of a transient that is all that the suite held: what it is said to keep.
    pub kept: Bytes,
}

/// What an amount of memory stands on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum MemoryBase {
    /// An upper bound over runs of the suite.
    Bound(Bound),
    /// The largest of its runs.
    Level(Level),
    /// The least of its runs: what was more is paid once in a session, and planned so.
    Own(Level),
    /// The upper quartile of its relatives.
    Relatives(Bytes),
    /// The most that the suite itself held above its start, which is less than its relatives keep: it keeps no more.
    Held(Bytes),
    /// The configuration's figure for a whole file, and how many suites share it.
    Assumed {
        /// Of the file.
        file: Bytes,
        /// At least 1.
        parts: u64,
    },
}

impl MemoryTerms {
    /// The figure.
    #[must_use]
    pub fn value(&self) -> Bytes {
        let base = match &self.base {
            MemoryBase::Bound(bound) => bound.value().round_up(STEP),
            MemoryBase::Level(level) | MemoryBase::Own(level) => level.value().round_up(STEP),
            MemoryBase::Relatives(quartile) => Bytes(quartile.0.saturating_mul(INHERITED_HALVES).div_ceil(2)),
            MemoryBase::Held(bytes) => *bytes,
            MemoryBase::Assumed { file, parts } => Bytes(file.0.div_ceil((*parts).max(1))),
        };
        base.plus(self.calibration).plus(self.margin).saturating_sub(self.kept)
    }

    /// Whether it stands on runs of the suite.
    #[must_use]
    pub fn is_sampled(&self) -> bool {
        matches!(self.base, MemoryBase::Bound(_) | MemoryBase::Level(_) | MemoryBase::Own(_))
    }
}

/// All figures of one suite, each with its terms.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Terms {
    /// How long it runs.
    pub time: Figure<TimeTerms>,
    /// Bytes at collection.
    pub import: Figure<MemoryTerms>,
    /// Bytes that stay.
    pub retained: Figure<MemoryTerms>,
    /// Bytes while it runs, before kills count.
    pub transient: Figure<MemoryTerms>,
    /// What kills say of the transient.
    pub kills: Raise,
    /// How many runs the time rests on.
    pub samples: u32,
    /// The configuration's.
    pub cpus: u32,
}

impl Terms {
    /// Has the import stand on what the suite pays for itself, where that was told from what is shared.
    pub(super) fn own_import(&mut self, own: Option<Level>) {
        if let (Some(level), MemoryBase::Level(_)) = (own, self.import.terms.base) {
            self.import.terms.base = MemoryBase::Own(level);
        }
    }

    /// The estimate that these terms make.
    #[must_use]
    pub fn estimate(&self) -> Estimate {
        Estimate {
            cost: Cost {
                time: self.time.terms.value(),
                import: self.import.terms.value(),
                retained: self.retained.terms.value(),
                transient: self.transient.terms.value().max(self.kills.floor()),
                cpus: self.cpus,
            },
            time_basis: self.time.basis,
            // What may be claimed of the memory as a whole is what may be claimed of its weakest figure.
            // Imports do not count: few runners can measure them, and without they are zero.
            memory_basis: self.retained.basis.max(self.transient.basis),
            samples: self.samples,
            kills: self.kills.kills,
        }
    }
}
