//! The conditions of the table: each holds or does not, and says why in a sentence.

use std::fmt;

use super::{Evidence, JobEnd, Sign, TaskEnd};
use crate::model::Bytes;
use crate::outcome::Stopped;
use crate::text;

/// Longest name of a step that is shown, in columns.
const STEP_MAX: usize = 80;

/// Something that is so, or is not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fact {
    /// `shard run` ended it for this reason.
    Stopped(Stopped),
    /// The exit code is one of these, 128 + n for signal n.
    Code(&'static [i32]),
    /// The log says so.
    Says(Sign),
    /// The kernel counted kills for want of memory in its control group.
    OomKill,
    /// The kernel counted such kills on the machine.
    MachineOomKill,
    /// The kernel's counter could be read, and counted none.
    NoOomKill,
    /// At its end less than a tenth of the memory was left, by the machine or by the limit.
    MemoryShort,
    /// More than a quarter of the memory was left all the time, by the machine and by the limit.
    MemoryFree,
    /// Every suite that was to run was executed.
    AllExecuted,
    /// Some were not.
    NotExecuted,
    /// Suites failed.
    TestsFailed,
    /// What was written while it ran stops in the middle.
    CutOff,
    /// The CI calls the job cancelled.
    JobCancelled,
    /// The CI calls the job over its time.
    JobTimedOut,
    /// The CI calls the job failed, with a step that was cancelled.
    CancelledFailure,
    /// The CI calls the job failed, and none of its steps.
    NoStepFailed,
    /// A step of the job had begun and has no end.
    StepOpen,
    /// The job's log is missing, or stops long before the job.
    LogGone,
    /// What the CI noted beside the job could be read.
    Annotated,
    /// The plan filled nearly all of the budget.
    PlannedFull,
    /// A cluster's scheduler says so of the task.
    Task(TaskEnd),
}

impl Fact {
    /// The sentence that says why it holds; `None` where it does not, or nobody knows.
    #[must_use]
    pub fn holds(self, evidence: &Evidence) -> Option<String> {
        let kills = |count: u64| match count {
            1 => "1 process".to_owned(),
            count => format!("{count} processes"),
        };
        let coverage = evidence.coverage.as_ref();
        let job = evidence.job.as_ref();
        match self {
            Fact::Stopped(why) => (evidence.stopped == Some(why)).then(|| stopped(why).to_owned()),
            Fact::Code(codes) => {
                let code = evidence.code().filter(|code| codes.contains(code))?;
                Some(match signal_of(code) {
                    Some(name) if evidence.signal.is_some() => format!("{name} ended it"),
                    Some(name) => format!("the exit code is {code}: {name}"),
                    None => format!("the exit code is {code}"),
                })
            }
            Fact::Says(sign) => says(sign, evidence),
            Fact::OomKill => {
                let count = evidence.oom_kills.filter(|count| *count > 0)?;
                Some(format!("the kernel killed {} of its control group for want of memory", kills(count)))
            }
            Fact::MachineOomKill => {
                let count = evidence.machine_oom_kills.filter(|count| *count > 0)?;
                Some(format!(
                    "the kernel killed {} on this machine for want of memory meanwhile",
                    kills(count)
                ))
            }
            Fact::NoOomKill => {
                let counters = [evidence.oom_kills, evidence.machine_oom_kills];
                let none = counters.iter().flatten().all(|count| *count == 0);
                let known = counters.iter().any(Option::is_some);
                (known && none).then(|| "the kernel counted no kill for want of memory".to_owned())
            }
            Fact::MemoryShort => memory_short(evidence),
            Fact::MemoryFree => memory_free(evidence),
            Fact::AllExecuted => {
                let coverage = coverage.filter(|all| all.suites > 0 && all.executed >= all.suites)?;
                Some(match coverage.suites {
                    1 => "the only suite was executed".to_owned(),
                    suites => format!("all {} suites were executed", text::thousands(suites)),
                })
            }
            Fact::NotExecuted => coverage.filter(|all| all.executed < all.suites).map(|all| all.missing()),
            Fact::TestsFailed => {
                let failed = &coverage.filter(|all| !all.failed.is_empty())?.failed;
                let names = text::examples(failed.iter().map(String::as_str), 3);
                Some(format!("{} failed: {names}", text::count(failed.len(), "suite")))
            }
            Fact::CutOff => {
                let sentence = "its outcome stops in the middle: whoever wrote it was ended too";
                evidence.cut_off.then(|| sentence.to_owned())
            }
            Fact::JobCancelled => {
                (job?.end == JobEnd::Cancelled).then(|| "the CI calls the job cancelled".to_owned())
            }
            Fact::JobTimedOut => {
                (job?.end == JobEnd::TimedOut).then(|| "the CI calls the job over its time".to_owned())
            }
            Fact::CancelledFailure => {
                let sentence =
                    "the CI calls the job failed, yet its step was cancelled, which nobody asked for";
                let job = job.filter(|job| job.end == JobEnd::Failed)?;
                (job.step_cancelled && !job.step_failed).then(|| sentence.to_owned())
            }
            Fact::NoStepFailed => {
                let job = job.filter(|job| job.end == JobEnd::Failed)?;
                (!job.step_failed).then(|| "the CI calls the job failed, and none of its steps".to_owned())
            }
            Fact::StepOpen => {
                let step = job.filter(|job| job.end != JobEnd::Passed)?.step_open.as_deref()?;
                let step = text::printable(&text::shorten(step, STEP_MAX));
                Some(format!("the step `{step}` began and has no end"))
            }
            Fact::LogGone => job?.log_is_gone(),
            Fact::Annotated => {
                job?.annotations.as_ref().map(|_| "its annotations tell of nothing else".to_owned())
            }
            Fact::PlannedFull => job?.planned_full(),
            Fact::Task(end) => {
                let task = evidence.task.as_ref().filter(|task| task.end == end)?;
                Some(task.said.clone())
            }
        }
    }

    /// Whether a program that prints the right words can make it hold.
    pub(super) fn is_said(self) -> bool {
        matches!(self, Fact::Says(_))
    }
}

/// The line that says it: of what the CI noted, else of the log.
fn says(sign: Sign, evidence: &Evidence) -> Option<String> {
    let noted = evidence.job.as_ref().and_then(|job| job.annotations.as_ref()?.says(sign));
    let noted = noted.map(|line| format!("the CI says `{line}`"));
    noted.or_else(|| evidence.log.says(sign).map(|line| format!("the log says `{line}`")))
}

fn stopped(why: Stopped) -> &'static str {
    match why {
        Stopped::Guard => "`shard run` ended it before the machine's memory ran out",
        Stopped::Budget => "`shard run` ended it at the budget",
        Stopped::Idle => "`shard run` ended it after a long time without output and work",
        Stopped::Timeout => "`shard run` ended it when the plan's time was over",
        Stopped::Signal => "`shard run` was told to end",
        Stopped::Evicted => "`shard run` ended it to make room for one that began earlier",
        Stopped::Other => "`shard run` ended it",
    }
}

/// The name of the signal that an exit code stands for.
fn signal_of(code: i32) -> Option<&'static str> {
    Some(match code {
        129 => "SIGHUP",
        130 => "SIGINT",
        131 => "SIGQUIT",
        132 => "SIGILL",
        134 => "SIGABRT",
        135 => "SIGBUS",
        136 => "SIGFPE",
        137 => "SIGKILL",
        139 => "SIGSEGV",
        143 => "SIGTERM",
        _ => return None,
    })
}

/// Whether `part` is less than `of` hundredths of `whole`.
fn below(part: Bytes, hundredths: u64, whole: Bytes) -> bool {
    u128::from(part.0) * 100 < u128::from(whole.0) * u128::from(hundredths)
}

fn memory_short(evidence: &Evidence) -> Option<String> {
    let memory = evidence.memory;
    // Where nothing else is known, the plan's budget stands for the limit.
    let unlimited = memory.limit.is_none() && memory.available.is_none();
    let limit = memory.limit.or(memory.budget.filter(|_| unlimited));
    if let (Some(level), Some(limit)) = (memory.level, limit)
        && !below(level, 90, limit)
    {
        let what = if memory.limit.is_some() { "limit" } else { "budget" };
        return Some(format!("at last {level} were in use, of a {what} of {limit}"));
    }
    let (available, total) = (memory.available?, memory.total?);
    below(available, 10, total).then(|| format!("at last {available} of the machine's {total} were left"))
}

fn memory_free(evidence: &Evidence) -> Option<String> {
    let memory = evidence.memory;
    let most = memory.level.max(memory.peak);
    if let Some(limit) = memory.limit {
        let most = most?;
        return (below(most, 75, limit) && !machine_is_short(evidence))
            .then(|| format!("at most {most} were in use, of a limit of {limit}"));
    }
    let (available, total) = (memory.available?, memory.total?);
    let free = !below(available, 25, total) && most.is_none_or(|most| below(most, 75, total));
    free.then(|| format!("at last {available} of the machine's {total} were left"))
}

fn machine_is_short(evidence: &Evidence) -> bool {
    match (evidence.memory.available, evidence.memory.total) {
        (Some(available), Some(total)) => below(available, 25, total),
        _ => false,
    }
}

/// As it stands in the documentation.
impl fmt::Display for Fact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = match self {
            Fact::Stopped(why) => stopped(*why),
            Fact::Code(codes) => {
                let names: Vec<String> = codes.iter().map(ToString::to_string).collect();
                return write!(f, "exit {}", names.join(", "));
            }
            Fact::Says(sign) => return write!(f, "the log: {sign}"),
            Fact::OomKill => "the kernel counted a memory kill in its control group",
            Fact::MachineOomKill => "the kernel counted a memory kill on the machine",
            Fact::NoOomKill => "the kernel counted no memory kill",
            Fact::MemoryShort => "less than 10% of memory was left",
            Fact::MemoryFree => "more than 25% of memory was left",
            Fact::AllExecuted => "every suite was executed",
            Fact::NotExecuted => "suites were not executed",
            Fact::TestsFailed => "suites failed",
            Fact::CutOff => "the outcome stops in the middle",
            Fact::JobCancelled => "the CI calls the job cancelled",
            Fact::JobTimedOut => "the CI calls the job over its time",
            Fact::CancelledFailure => "the CI calls the job failed and a step cancelled, and no step failed",
            Fact::NoStepFailed => "the CI calls the job failed, and no step",
            Fact::StepOpen => "a step began and has no end",
            Fact::LogGone => "the job's log is missing or stops long before the job",
            Fact::Annotated => "the job's annotations could be read",
            Fact::Task(end) => end.words(),
            Fact::PlannedFull => "the plan filled 80% of the budget or more",
        };
        f.write_str(words)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::triage::Memory;

    #[test]
    fn memory_is_short_or_free_or_nobody_knows() {
        let mb = |n: Option<u64>| n.map(|n| Bytes(n * 1_000_000));
        let check = |level, peak, limit, available, total, expect: (bool, bool)| {
            let memory = Memory {
                level: mb(level),
                peak: mb(peak),
                limit: mb(limit),
                budget: None,
                available: mb(available),
                total: mb(total),
            };
            let evidence = Evidence { memory, ..Evidence::default() };
            let found =
                (Fact::MemoryShort.holds(&evidence).is_some(), Fact::MemoryFree.holds(&evidence).is_some());
            assert_eq!(found, expect, "{memory:?}");
        };
        let (short, free, neither) = ((true, false), (false, true), (false, false));
        check(None, None, None, None, None, neither);
        check(Some(900), Some(950), Some(1_000), Some(9_000), Some(10_000), short);
        check(Some(500), Some(600), Some(1_000), Some(9_000), Some(10_000), free);
        // A peak near the limit is not free, wherever the last sample was.
        check(Some(500), Some(900), Some(1_000), Some(9_000), Some(10_000), neither);
        check(Some(500), Some(600), Some(1_000), Some(2_000), Some(10_000), neither);
        check(None, None, Some(1_000), Some(9_000), Some(10_000), neither);
        check(None, None, None, Some(900), Some(10_000), short);
        check(None, None, None, Some(2_000), Some(10_000), neither);
        check(Some(100), None, None, Some(9_000), Some(10_000), free);
        check(Some(u64::MAX / 1_000_000), None, Some(1), None, None, short);
    }
}
