//! What a CI's own account of a job says of its end.

use super::Log;

/// A log that ends so many seconds before its job was written by a machine that was gone by then: healthy ones end
/// within one.
const STALE: i64 = 120;

/// A plan that fills so many hundredths of a budget leaves little for what it did not foresee.
const FULL: u64 = 80;

/// What a CI's API says of a job that is over.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Job {
    /// What it is called in the end.
    pub end: JobEnd,
    /// A step of it failed.
    pub step_failed: bool,
    /// A step of it was cancelled.
    pub step_cancelled: bool,
    /// The step that had begun and has no end.
    pub step_open: Option<String>,
    /// Its log.
    pub log: JobLog,
    /// What the CI and the job's commands noted beside it; `None`: it cannot be read.
    pub annotations: Option<Log>,
    /// Hundredths of the budget that its plan filled.
    pub filled: Option<u64>,
}

/// What a CI calls a job that is over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum JobEnd {
    /// A success.
    Passed,
    /// A failure.
    Failed,
    /// Cancelled.
    Cancelled,
    /// Over its time.
    TimedOut,
    /// Something else.
    #[default]
    Other,
}

/// The log of a job, seen from outside.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum JobLog {
    /// Nobody asked for it, or it cannot be had for another reason.
    #[default]
    Unknown,
    /// The CI has none.
    Missing,
    /// It was last written so many seconds before the job ended.
    Written(i64),
    /// There is one, and nobody knows when it was written.
    There,
}

impl Job {
    /// Why its log is as of a machine that died; `None` where it is not, or nobody knows.
    pub(super) fn log_is_gone(&self) -> Option<String> {
        match self.log {
            JobLog::Missing => Some("the CI has no log of it".to_owned()),
            JobLog::Written(before) if before > STALE => {
                Some(format!("its log stops {before} s before its end"))
            }
            JobLog::Written(_) | JobLog::There | JobLog::Unknown => None,
        }
    }

    /// The sentence that says how full the plan was, where that is nearly full.
    pub(super) fn planned_full(&self) -> Option<String> {
        let filled = self.filled.filter(|filled| *filled >= FULL)?;
        Some(format!("the plan filled {filled}% of its budget"))
    }

    /// What else is worth knowing.
    pub(super) fn context(&self) -> Vec<String> {
        let unread = "its annotations cannot be read, so nothing here excuses it";
        let unread = (self.annotations.is_none() && self.end != JobEnd::Passed).then(|| unread.to_owned());
        let full = self.planned_full().filter(|_| self.end != JobEnd::Passed);
        unread.into_iter().chain(full).collect()
    }
}
