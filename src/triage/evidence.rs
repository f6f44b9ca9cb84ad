//! What is known of an end, before anybody judges it.

use std::collections::{BTreeMap, BTreeSet};

use super::{Job, Log, Task};
use crate::model::Bytes;
use crate::outcome::{End, Outcome, Session, Status, Stopped};
use crate::text;

/// How a sentence about the peak begins.
pub(super) const PEAK: &str = "the peak was ";

/// What a runner that shuffles did, and what to do.
const SHUFFLED: &str =
    "suites ran in another order than the memory was planned for: set order = \"any\" for their tier";

/// What is known of an end. Everything may be missing; what is missing speaks for nothing.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Evidence {
    /// The exit code; of a shell or a CI system 128 + n for signal n.
    pub exit: Option<i32>,
    /// The signal that ended the process.
    pub signal: Option<i32>,
    /// What the log says.
    pub log: Log,
    /// What made `shard run` end it.
    pub stopped: Option<Stopped>,
    /// Kills for want of memory in its own control group while it ran; `None`: no counter could be read.
    pub oom_kills: Option<u64>,
    /// Such kills on the whole machine while it ran.
    pub machine_oom_kills: Option<u64>,
    /// The memory at its end.
    pub memory: Memory,
    /// Which suites were to run and did.
    pub coverage: Option<Coverage>,
    /// Suites that were running, each with its worker; an empty one says nothing.
    pub in_flight: Vec<(String, String)>,
    /// Its suites did not run in the order that its memory was planned for.
    pub shuffled: bool,
    /// What was written while it ran stops in the middle, and nothing tells of an end.
    pub cut_off: bool,
    /// What the run itself found.
    pub recorded: Option<End>,
    /// What the CI says of the job that it was.
    pub job: Option<Job>,
    /// What a cluster's scheduler says of the task that it was.
    pub task: Option<Task>,
}

/// The memory at the end, as far as it was seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Memory {
    /// In use at the last sample.
    pub level: Option<Bytes>,
    /// The most that was in use.
    pub peak: Option<Bytes>,
    /// The limit of the control groups above it.
    pub limit: Option<Bytes>,
    /// What the plan allowed.
    pub budget: Option<Bytes>,
    /// What the machine had left at the last sample.
    pub available: Option<Bytes>,
    /// All memory of the machine.
    pub total: Option<Bytes>,
}

/// Which suites were to run, and what became of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Coverage {
    /// Suites that were to run.
    pub suites: usize,
    /// Those of them that were executed; a skipped suite was.
    pub executed: usize,
    /// Those of them that failed in the end.
    pub failed: Vec<String>,
    /// Names of those that were not executed, as far as they are known.
    pub not_run: Vec<String>,
}

impl Evidence {
    /// The exit code as shells write it: 128 + n for signal n.
    #[must_use]
    pub fn code(&self) -> Option<i32> {
        self.signal.map(|signal| signal.saturating_add(128)).or(self.exit)
    }

    /// What an outcome tells: of the first session that failed for good, else of all together.
    #[must_use]
    pub fn of(outcome: &Outcome) -> Evidence {
        let mut evidence = Evidence {
            cut_off: outcome.end.is_none(),
            coverage: coverage(outcome),
            recorded: outcome.end.clone(),
            exit: outcome.end.as_ref().map(|end| end.exit),
            ..Evidence::default()
        };
        let host = outcome.start.as_ref().map(|start| start.host).unwrap_or_default();
        evidence.memory = Memory {
            level: outcome.last_level(),
            peak: outcome.peak(),
            limit: host.limit_bytes,
            budget: outcome.start.as_ref().and_then(|start| start.budget_bytes),
            available: outcome.last.and_then(|sample| sample.available_bytes),
            total: host.memory_bytes,
        };
        let begun = outcome.in_flight();
        evidence.in_flight =
            begun.into_iter().map(|begin| (begin.worker.clone(), begin.id.clone())).collect();
        if let Some(end) = decisive(outcome).and_then(|session| session.end.as_ref()) {
            evidence.exit = end.exit.or(evidence.exit);
            evidence.signal = end.signal;
            evidence.stopped = end.stopped;
            evidence.oom_kills = end.oom_kills;
            // Its own control group counts every kill of it: then those of the machine hit others.
            let spared = end.signal == Some(9) && end.oom_kills == Some(0);
            evidence.machine_oom_kills = end.machine_oom_kills.filter(|_| !spared);
        }
        let mut ends = outcome.sessions.iter().filter_map(|session| session.end.as_ref());
        evidence.shuffled = ends.any(|end| end.shuffled);
        evidence
    }

    /// What else is worth knowing, whatever the verdict.
    pub(super) fn context(&self) -> Vec<String> {
        let mut sentences = Vec::new();
        if let [(worker, id), ..] = self.in_flight.as_slice() {
            let name = text::examples([id.as_str()], 1);
            sentences.push(match self.in_flight.len() {
                1 if worker.is_empty() => format!("{name} was running"),
                1 => format!("{name} was running ({})", text::printable(&text::shorten(worker, 40))),
                _ => {
                    let ids: BTreeSet<&str> = self.in_flight.iter().map(|(_, id)| id.as_str()).collect();
                    format!("{} were running", text::examples(ids, 3))
                }
            });
        }
        if let Some(coverage) = &self.coverage {
            let (executed, suites) = (coverage.executed, coverage.suites);
            if executed < suites {
                sentences.push(coverage.missing());
            }
        }
        if let Some(job) = &self.job {
            sentences.extend(job.context());
        }
        sentences.extend(self.task.as_ref().map(|task| task.said.clone()));
        if let (Some(peak), Some(budget)) = (self.memory.peak, self.memory.budget) {
            let above = if peak > budget { "above" } else { "within" };
            sentences.push(format!("{PEAK}{peak}, {above} the budget of {budget}"));
        }
        if self.shuffled {
            sentences.push(SHUFFLED.to_owned());
        }
        sentences
    }
}

impl Coverage {
    /// How many were not executed, and which.
    pub(super) fn missing(&self) -> String {
        let missing = self.suites.saturating_sub(self.executed);
        let were = if missing == 1 { "was" } else { "were" };
        let of = text::count(self.suites, "suite");
        let mut sentence = format!("{} of {of} {were} not executed", text::thousands(missing));
        if !self.not_run.is_empty() {
            let names = text::examples(self.not_run.iter().map(String::as_str), 3);
            sentence.push_str(&format!(": {names}"));
        }
        sentence
    }
}

/// The session whose end decides: the first that failed and was not made good by a later start of it, or
/// by whatever made the whole shard end well.
fn decisive(outcome: &Outcome) -> Option<&Session> {
    if outcome.end.as_ref().is_some_and(|end| end.exit == 0) {
        return None;
    }
    let failed = |session: &&Session| match &session.end {
        Some(end) => end.exit != Some(0) || end.stopped.is_some(),
        None => false,
    };
    outcome.last_starts().find(failed)
}

/// `None` where the outcome does not say what was to run.
fn coverage(outcome: &Outcome) -> Option<Coverage> {
    let executed = outcome.executed();
    let mut asked: BTreeSet<&str> = BTreeSet::new();
    for session in &outcome.sessions {
        asked.extend(session.start.suites.iter().map(String::as_str));
    }
    let ended = outcome.end.as_ref();
    asked.extend(ended.iter().flat_map(|end| &end.not_run).map(String::as_str));
    let total = outcome.start.as_ref().and_then(|start| start.suites);
    if asked.is_empty() && total.is_none() && ended.is_none() {
        return None;
    }
    let begun = |session: &Session| !session.finished.is_empty() || session.in_flight().next().is_some();
    let missing = ended.is_some_and(|end| !end.not_run.is_empty());
    if !outcome.sessions.is_empty() && !outcome.sessions.iter().any(begun) && !missing {
        // Nobody told of any suite, as a runner without reports does not: nothing is known.
        return None;
    }
    if asked.is_empty() || sessions_name_nothing(outcome) {
        asked.extend(&executed);
        asked.extend(outcome.in_flight().into_iter().map(|begin| begin.id.as_str()));
    }
    let mut last: BTreeMap<&str, Status> = BTreeMap::new();
    for suite in outcome.sessions.iter().flat_map(|session| &session.finished) {
        if suite.status.is_executed() {
            last.insert(&suite.id, suite.status);
        }
    }
    let failed = last.iter().filter(|(id, status)| **status == Status::Failed && asked.contains(*id));
    Some(Coverage {
        suites: asked.len().max(total.unwrap_or(0)),
        executed: asked.intersection(&executed).count(),
        failed: failed.map(|(id, _)| (*id).to_owned()).collect(),
        not_run: asked.difference(&executed).map(|id| (*id).to_owned()).collect(),
    })
}

fn sessions_name_nothing(outcome: &Outcome) -> bool {
    outcome.sessions.iter().all(|session| session.start.suites.is_empty())
}
