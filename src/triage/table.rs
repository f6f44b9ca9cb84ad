//! All that is known of ends, in order: the first row whose conditions hold decides.

use super::{Evidence, Fact, Sign, TaskEnd};
use crate::model::Confidence::{self, Certain, Likely, Possible};
use crate::model::Verdict;
use crate::outcome::Stopped;
use Fact::{
    AllExecuted, Annotated, CancelledFailure, Code, CutOff, JobCancelled, LogGone, MachineOomKill,
    MemoryFree, MemoryShort, NoOomKill, NoStepFailed, NotExecuted, OomKill, PlannedFull, Says, StepOpen,
    Task, TestsFailed,
};

/// Conditions, and what they mean together.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// Every one of these holds.
    pub all: &'static [Fact],
    /// And one of these, where there are any.
    pub any: &'static [Fact],
    /// What that means.
    pub verdict: Verdict,
    /// How sure that is.
    pub confidence: Confidence,
    /// What to do next.
    pub advice: &'static str,
}

const fn row(
    all: &'static [Fact],
    any: &'static [Fact],
    verdict: Verdict,
    confidence: Confidence,
    advice: &'static str,
) -> Row {
    Row { all, any, verdict, confidence, advice }
}

const KILLED: Fact = Code(&[137]);
const TERMINATED: Fact = Code(&[143]);
const CHILD_KILLED: Fact = Says(Sign::ChildKilled);
const WORKER_GONE: Fact = Says(Sign::WorkerGone);
const DAEMON_QUIT: Fact = Says(Sign::DaemonQuit);

const REBALANCE: &str = "plan what is left with more shards or a larger machine; `shard rebalance` does that, or lower `budget`; \
     running the same again fails again";
const FEWER_AT_ONCE: &str = "run fewer workers or builds at once first, then smaller shards: the test that a tool names is often innocent";
const SEE_WHO_KILLED: &str = "look for who sent it: a watchdog, `docker kill`, a cancelled job, a memory killer of the system; \
     run it once more with `shard run`, which can tell";
const READ_LOG: &str = "read the end of the log; nothing here speaks for the memory";
const FAILED_TESTS: &str = "read the failed tests: nothing speaks for the machine or its memory";
const RESTART_DAEMON: &str = "start the container engine again and try once more after a pause; \
     build fewer images at once, the heaviest alone";
const RESTART_SMALLER: &str = "start the container engine again, with more memory or fewer builds at once: a process was killed shortly before";
const CHECK_BEFORE: &str = "check with `shard check` what memory is left before that step, free what is not needed any more, or take a larger machine";
const FIX_COMMAND: &str = "correct the command or its set-up: the tests themselves did not run to their end";
const SPLIT_IF_AGAIN: &str = "run it once more; if the same shard is lost again, split it in two: a machine out of memory looks just so";
const RUN_CANCELLED: &str = "run it again; `fail-fast: false` lets the other jobs of a matrix go on";
const FREE_DISK: &str =
    "free the disk or take a larger one; this is not memory, unless the folder lies on a tmpfs";
const RUN_MISSING: &str = "run the missing suites; look for an early end (`-x`, `--bail`, `os._exit`), a filter, or names that the runner does not know";

/// What is known of ends. Order matters; a log alone is never certain.
pub const TABLE: &[Row] = &[
    // What `shard run` did itself.
    row(&[Fact::Stopped(Stopped::Idle), OomKill], &[], Verdict::OutOfMemory, Certain, REBALANCE),
    row(&[Fact::Stopped(Stopped::Idle), MemoryShort], &[], Verdict::OutOfMemory, Likely, REBALANCE),
    row(
        &[Fact::Stopped(Stopped::Idle)],
        &[],
        Verdict::Hang,
        Certain,
        "look at the stacks in the log and at what was running; raise `idle-timeout` if it is meant to be so silent",
    ),
    row(&[Fact::Stopped(Stopped::Guard)], &[], Verdict::OutOfMemory, Certain, REBALANCE),
    row(&[Fact::Stopped(Stopped::Budget)], &[], Verdict::OutOfMemory, Certain, REBALANCE),
    row(
        &[Fact::Stopped(Stopped::Timeout)],
        &[],
        Verdict::Timeout,
        Certain,
        "plan with more shards or a shorter `target`, or raise `timeout`",
    ),
    row(&[Fact::Stopped(Stopped::Evicted)], &[], Verdict::OutOfMemory, Likely, FEWER_AT_ONCE),
    // What ended like a success.
    row(&[Code(&[0]), NotExecuted], &[], Verdict::Incomplete, Certain, RUN_MISSING),
    row(
        &[Code(&[0]), TestsFailed],
        &[],
        Verdict::TestFailure,
        Likely,
        "find out what hides the exit code of the test tool",
    ),
    row(&[Code(&[0]), AllExecuted], &[], Verdict::Passed, Certain, "nothing"),
    row(
        &[Code(&[0]), Says(Sign::TestsFailed)],
        &[],
        Verdict::TestFailure,
        Possible,
        "find out what hides the exit code of the test tool: a pipe does without `set -o pipefail`",
    ),
    row(
        &[Code(&[0])],
        &[],
        Verdict::Passed,
        Possible,
        "check with `shard verify` that every suite was executed",
    ),
    // What the kernel counted.
    row(
        &[OomKill],
        &[KILLED, CHILD_KILLED, WORKER_GONE, DAEMON_QUIT, NotExecuted],
        Verdict::OutOfMemory,
        Certain,
        REBALANCE,
    ),
    row(&[OomKill], &[], Verdict::OutOfMemory, Likely, REBALANCE),
    // What a cluster's scheduler counted: the kills in the control group that it made for the task.
    row(
        &[Task(TaskEnd::OutOfMemory)],
        &[KILLED, CHILD_KILLED, WORKER_GONE, DAEMON_QUIT, NotExecuted, CutOff],
        Verdict::OutOfMemory,
        Certain,
        REBALANCE,
    ),
    row(&[Task(TaskEnd::OutOfMemory)], &[], Verdict::OutOfMemory, Likely, REBALANCE),
    row(
        &[MachineOomKill, MemoryShort],
        &[KILLED, CHILD_KILLED, WORKER_GONE, DAEMON_QUIT],
        Verdict::OutOfMemory,
        Certain,
        REBALANCE,
    ),
    // Somebody's limit was reached on a machine that has enough: nobody knows that it was the daemon's.
    row(&[MachineOomKill, MemoryFree, DAEMON_QUIT], &[], Verdict::DaemonCrash, Likely, RESTART_SMALLER),
    row(
        &[MachineOomKill],
        &[KILLED, TERMINATED, CHILD_KILLED, WORKER_GONE, DAEMON_QUIT, Says(Sign::StreamEnded)],
        Verdict::OutOfMemory,
        Likely,
        REBALANCE,
    ),
    row(&[Says(Sign::OomKilled)], &[], Verdict::OutOfMemory, Likely, REBALANCE),
    row(
        &[Says(Sign::KernelKill)],
        &[KILLED, TERMINATED, CHILD_KILLED, WORKER_GONE, DAEMON_QUIT],
        Verdict::OutOfMemory,
        Likely,
        REBALANCE,
    ),
    // What the CI says. Before the exit codes: a time limit looks like a kill.
    row(
        &[Says(Sign::NoOutput)],
        &[],
        Verdict::Hang,
        Likely,
        "look at what was running; a machine that swaps is silent too",
    ),
    row(
        &[],
        &[Says(Sign::Reclaimed), Task(TaskEnd::Preempted)],
        Verdict::RunnerLost,
        Likely,
        "run it again, on a machine that nobody takes back: this says nothing of the memory",
    ),
    row(
        &[],
        &[Says(Sign::TimeUp), Fact::JobTimedOut, Task(TaskEnd::TimedOut), Code(&[124])],
        Verdict::Timeout,
        Likely,
        "plan with more shards or a shorter `target`; a longer limit helps only what was still working",
    ),
    row(&[Says(Sign::RunnerLost), MemoryShort], &[], Verdict::OutOfMemory, Likely, REBALANCE),
    row(&[Says(Sign::RunnerLost), PlannedFull], &[], Verdict::OutOfMemory, Possible, SPLIT_IF_AGAIN),
    row(&[Says(Sign::RunnerLost)], &[], Verdict::RunnerLost, Likely, SPLIT_IF_AGAIN),
    row(
        &[Task(TaskEnd::NodeLost)],
        &[],
        Verdict::RunnerLost,
        Likely,
        "run it again, on another node: its own memory was limited, so that a lost node says little of it",
    ),
    row(
        &[Task(TaskEnd::NodeShort)],
        &[],
        Verdict::OutOfMemory,
        Possible,
        "run it again: a node that is short of memory evicts what keeps to its request too; reserve more for the system there",
    ),
    row(&[Task(TaskEnd::DiskShort)], &[], Verdict::ResourceLimit, Likely, FREE_DISK),
    row(
        &[Task(TaskEnd::NeverBegan)],
        &[],
        Verdict::ToolError,
        Likely,
        "nothing of it ran: look at the image, the node and the command that the cluster was to start",
    ),
    row(
        &[Task(TaskEnd::Cancelled)],
        &[],
        Verdict::Cancelled,
        Likely,
        "run it again: somebody, or a rule of the cluster, cancelled it",
    ),
    // What the CI's account of a job looks like where the machine died and could not say so.
    row(&[StepOpen, LogGone, PlannedFull], &[], Verdict::OutOfMemory, Possible, SPLIT_IF_AGAIN),
    row(&[StepOpen, LogGone, Annotated], &[], Verdict::RunnerLost, Likely, SPLIT_IF_AGAIN),
    row(&[StepOpen], &[], Verdict::RunnerLost, Possible, SPLIT_IF_AGAIN),
    row(&[CancelledFailure, PlannedFull], &[], Verdict::OutOfMemory, Possible, SPLIT_IF_AGAIN),
    row(&[CancelledFailure, Annotated], &[], Verdict::RunnerLost, Likely, SPLIT_IF_AGAIN),
    row(&[JobCancelled, Annotated], &[], Verdict::Cancelled, Likely, RUN_CANCELLED),
    row(
        &[JobCancelled],
        &[],
        Verdict::Cancelled,
        Possible,
        "let the token read the annotations, and ask again: a job that was over its time is called cancelled too",
    ),
    row(&[Says(Sign::Cancelled)], &[], Verdict::Cancelled, Likely, RUN_CANCELLED),
    row(&[NoStepFailed, Says(Sign::MemoryRefused)], &[], Verdict::OutOfMemory, Likely, REBALANCE),
    row(&[NoStepFailed, LogGone], &[], Verdict::RunnerLost, Possible, SPLIT_IF_AGAIN),
    // Killed, with what speaks for memory and against it.
    row(
        &[KILLED, NoOomKill, MemoryShort],
        &[],
        Verdict::Killed,
        Possible,
        "look for a memory killer beside the kernel's: `systemd-oomd`, `earlyoom`, the CI's own; its journal names it",
    ),
    row(&[KILLED, NoOomKill], &[], Verdict::Killed, Likely, SEE_WHO_KILLED),
    row(&[KILLED, MemoryShort], &[], Verdict::OutOfMemory, Likely, REBALANCE),
    row(&[KILLED, MemoryFree], &[], Verdict::Killed, Likely, SEE_WHO_KILLED),
    row(&[KILLED, PlannedFull, Annotated], &[], Verdict::OutOfMemory, Likely, REBALANCE),
    row(
        &[KILLED],
        &[Says(Sign::StreamEnded), Says(Sign::MemoryRefused), Says(Sign::HeapLimit)],
        Verdict::OutOfMemory,
        Likely,
        CHECK_BEFORE,
    ),
    row(
        &[KILLED],
        &[],
        Verdict::Killed,
        Likely,
        "memory is the usual cause and this is no proof of it: compare with a watchdog, `docker kill` and a cancelled job; \
         run it with `shard run`, which counts the kernel's kills",
    ),
    row(&[TERMINATED, MemoryShort], &[], Verdict::OutOfMemory, Likely, REBALANCE),
    row(&[Code(&[130])], &[], Verdict::Cancelled, Likely, "run it again: somebody interrupted it"),
    row(
        &[Fact::Stopped(Stopped::Signal)],
        &[],
        Verdict::Cancelled,
        Possible,
        "see whether somebody cancelled the job; else run it once more, and split the shard if it ends so again",
    ),
    row(&[TERMINATED, PlannedFull], &[], Verdict::OutOfMemory, Possible, SPLIT_IF_AGAIN),
    row(
        &[TERMINATED],
        &[],
        Verdict::Killed,
        Possible,
        "see whether the job was cancelled or over its time; if neither, the machine's memory is the usual cause: \
         run it once more, and split the shard if it ends so again",
    ),
    // What else ran out.
    row(&[Says(Sign::DiskFull)], &[], Verdict::ResourceLimit, Likely, FREE_DISK),
    row(
        &[Says(Sign::ProcessLimit)],
        &[],
        Verdict::ResourceLimit,
        Likely,
        "run fewer workers, or raise the limit of processes or files (`ulimit -u`, `ulimit -n`)",
    ),
    // Container engines.
    row(
        &[Code(&[125]), DAEMON_QUIT],
        &[CHILD_KILLED, Says(Sign::KernelKill), MemoryShort],
        Verdict::DaemonCrash,
        Likely,
        RESTART_SMALLER,
    ),
    row(&[Code(&[125]), DAEMON_QUIT], &[], Verdict::DaemonCrash, Likely, RESTART_DAEMON),
    row(&[DAEMON_QUIT], &[], Verdict::DaemonCrash, Possible, RESTART_DAEMON),
    // Workers that died while their parent lived on.
    row(&[CHILD_KILLED, NoOomKill], &[], Verdict::Killed, Likely, SEE_WHO_KILLED),
    row(
        &[WORKER_GONE, NoOomKill],
        &[],
        Verdict::TestFailure,
        Possible,
        "the worker ended by itself: look for a crash, `os._exit` or a signal in the test that it ran",
    ),
    row(&[MemoryShort], &[CHILD_KILLED, WORKER_GONE], Verdict::OutOfMemory, Likely, FEWER_AT_ONCE),
    row(&[CHILD_KILLED, MemoryFree], &[], Verdict::Killed, Possible, SEE_WHO_KILLED),
    row(
        &[WORKER_GONE],
        &[Says(Sign::Crashed), MemoryFree],
        Verdict::TestFailure,
        Possible,
        "the worker ended by itself: look for a crash in the test that it ran",
    ),
    row(&[CHILD_KILLED, Says(Sign::StreamEnded)], &[], Verdict::OutOfMemory, Likely, CHECK_BEFORE),
    row(&[CHILD_KILLED], &[], Verdict::OutOfMemory, Likely, FEWER_AT_ONCE),
    row(&[WORKER_GONE], &[], Verdict::OutOfMemory, Possible, FEWER_AT_ONCE),
    // The runtime's own limits, and crashes.
    row(
        &[Says(Sign::HeapLimit)],
        &[],
        Verdict::MemoryLimit,
        Likely,
        "raise the runtime's own limit where the budget allows it (`--max-old-space-size`, `-Xmx`, `ulimit -v`), else make it need less",
    ),
    row(&[Says(Sign::MemoryRefused), MemoryShort], &[], Verdict::OutOfMemory, Likely, REBALANCE),
    row(
        &[Says(Sign::MemoryRefused)],
        &[],
        Verdict::ResourceLimit,
        Possible,
        "run fewer workers; look at `ulimit -v` and at the memory that is left",
    ),
    row(
        &[],
        &[Code(&[132, 134, 135, 136, 139, -1_073_741_819]), Says(Sign::Crashed)],
        Verdict::TestFailure,
        Likely,
        "a process crashed: run that test alone, with a debugger or a core file; for SIGBUS look at `df /dev/shm` too",
    ),
    // What the suites themselves say.
    row(&[AllExecuted, TestsFailed], &[], Verdict::TestFailure, Certain, FAILED_TESTS),
    // A build that failed, and what else a container engine says with its own code.
    row(
        &[Says(Sign::StepFailed)],
        &[],
        Verdict::TestFailure,
        Likely,
        "read what that step printed: the build itself failed, and the same again fails again",
    ),
    row(
        &[Code(&[125])],
        &[],
        Verdict::ToolError,
        Possible,
        "container engines say 125 when they fail themselves, but it can be the command's own code: read the end of the log",
    ),
    row(&[CutOff, MemoryShort], &[], Verdict::OutOfMemory, Likely, REBALANCE),
    row(
        &[CutOff],
        &[],
        Verdict::RunnerLost,
        Possible,
        "see what the CI says of the job; run it once more, and split the shard if it is lost again",
    ),
    row(
        &[Says(Sign::ToolBroken), Code(&[2, 3, 4, 5, 101, 104, 126, 127])],
        &[],
        Verdict::ToolError,
        Likely,
        FIX_COMMAND,
    ),
    row(
        &[Code(&[126, 127])],
        &[],
        Verdict::ToolError,
        Likely,
        "the command is not there, or may not be executed: look at PATH and at the set-up steps",
    ),
    row(&[NotExecuted], &[], Verdict::Incomplete, Likely, RUN_MISSING),
    row(&[Says(Sign::KernelKill)], &[], Verdict::OutOfMemory, Possible, REBALANCE),
    row(&[Says(Sign::TestsFailed)], &[], Verdict::TestFailure, Likely, FAILED_TESTS),
    row(&[Says(Sign::ToolBroken)], &[], Verdict::ToolError, Likely, FIX_COMMAND),
    // Exit codes alone: those of `shard run`, then those of test tools.
    row(
        &[Code(&[90])],
        &[],
        Verdict::ResourceLimit,
        Likely,
        "`shard run` refused this machine: `shard check` says what is missing",
    ),
    row(&[Code(&[91])], &[], Verdict::Incomplete, Likely, RUN_MISSING),
    row(&[Code(&[92])], &[], Verdict::OutOfMemory, Likely, REBALANCE),
    row(&[Code(&[93])], &[], Verdict::Hang, Likely, "look at the stacks in the log and at what was running"),
    row(
        &[Code(&[94])],
        &[],
        Verdict::ToolError,
        Likely,
        "`shard run` says in the log what is wrong with the plan or the configuration",
    ),
    row(
        &[Code(&[1, 100, 101])],
        &[],
        Verdict::TestFailure,
        Possible,
        "read the end of the log: many tools say this of failed tests, and of other failures too",
    ),
    row(&[Code(&[2, 3, 4, 5, 104])], &[], Verdict::ToolError, Possible, READ_LOG),
];

/// What is done where nothing that is known fits.
pub(super) const UNKNOWN_ADVICE: &str = "give what else there is: the exit code with `--exit`, the end of the log with `--log`, the outcome that `shard run` wrote";

impl Row {
    /// The sentences that say why it holds; `None` where it does not.
    #[must_use]
    pub fn holds(&self, evidence: &Evidence) -> Option<Vec<String>> {
        let mut sentences = Vec::new();
        for fact in self.all {
            sentences.push(fact.holds(evidence)?);
        }
        let found: Vec<String> = self.any.iter().filter_map(|fact| fact.holds(evidence)).collect();
        if found.is_empty() && !self.any.is_empty() {
            return None;
        }
        sentences.extend(found);
        Some(sentences)
    }

    /// Its conditions in words.
    #[must_use]
    pub fn when(&self) -> String {
        let words = |facts: &[Fact]| facts.iter().map(ToString::to_string).collect::<Vec<_>>();
        let mut all = words(self.all);
        match self.any {
            [] => {}
            any => all.push(words(any).join(" or ")),
        }
        all.join("; ")
    }

    /// Whether it may rest on nothing but words in a log.
    pub(super) fn is_said(&self) -> bool {
        let any = self.any.is_empty() || self.any.iter().any(|fact| fact.is_said());
        self.all.iter().all(|fact| fact.is_said()) && any
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_certain_without_proof() {
        let proof = |fact: &Fact| {
            let counted = matches!(fact, OomKill | MachineOomKill | Task(TaskEnd::OutOfMemory));
            counted || matches!(fact, Fact::Stopped(_) | AllExecuted | NotExecuted)
        };
        for row in TABLE {
            assert!(!row.all.is_empty() || !row.any.is_empty(), "{}", row.advice);
            if row.confidence == Certain {
                assert!(row.all.iter().any(proof) && !row.is_said(), "{}", row.when());
            }
        }
    }

    #[test]
    fn success_asks_for_every_suite() {
        for row in TABLE.iter().filter(|row| row.verdict == Verdict::Passed) {
            assert!(row.all.contains(&Code(&[0])), "{}", row.when());
            assert!(row.all.contains(&AllExecuted) || row.confidence == Possible, "{}", row.when());
        }
    }

    #[test]
    fn every_verdict_has_a_row_and_no_row_hides_a_later_one() {
        for verdict in Verdict::ALL.into_iter().filter(|verdict| *verdict != Verdict::Unknown) {
            assert!(TABLE.iter().any(|row| row.verdict == verdict), "{verdict}");
        }
        // A row that asks for no more than an earlier one never decides.
        for (number, later) in TABLE.iter().enumerate() {
            for earlier in &TABLE[..number] {
                let all = earlier.all.iter().all(|fact| later.all.contains(fact));
                assert!(!(all && earlier.any.is_empty()), "{} hides {}", earlier.when(), later.when());
            }
        }
    }
}
