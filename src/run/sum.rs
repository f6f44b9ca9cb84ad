//! What the pieces of a shard come to: what was not run, the last verdict, the exit code.

use std::collections::BTreeSet;

use super::judged::Judged;
use super::session::{Ended, Piece};
use super::{Order, clock};
use crate::catalogue::ErrorId;
use crate::exit;
use crate::model::{Bytes, Confidence, Millis, Verdict};
use crate::outcome::{End, Session, Status};
use crate::plan::file::Suite;
use crate::triage::Judgement;

/// The exit code of a shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Code {
    /// Of an end that is ours.
    Ours(ErrorId),
    /// Of what ran, passed on.
    Theirs(i32),
}

impl Code {
    fn number(self) -> i32 {
        match self {
            Code::Ours(id) => i32::from(id.exit_of_run()),
            Code::Theirs(code) => code,
        }
    }

    /// What is wrong, where it is not what ran that says it.
    pub(super) fn id(self) -> Option<ErrorId> {
        match self {
            Code::Ours(id) => Some(id),
            Code::Theirs(_) => None,
        }
    }
}

/// What all pieces come to.
#[derive(Default)]
pub(super) struct Sum {
    executed: BTreeSet<String>,
    /// Executed, and failed in the end.
    failed: BTreeSet<String>,
    peak: Option<Bytes>,
    /// The first end that was no success and that nothing made good.
    first: Option<(Code, Judgement)>,
    /// Every piece told of its suites, and all were executed.
    told: bool,
    pieces: usize,
}

impl Sum {
    pub(super) fn add(
        &mut self,
        order: &Order,
        piece: &Piece,
        ended: &Ended,
        judged: &Judged,
        next: &[(Vec<Suite>, u32)],
    ) {
        let (end, overall) = (ended.end(), &judged.overall);
        self.peak = self.peak.max(end.peak_bytes);
        self.told = (self.pieces == 0 || self.told) && ended.reported;
        self.pieces += 1;
        if ended.reported {
            self.executed.extend(ended.outcome.executed().into_iter().map(str::to_owned));
        } else if ended.outcome.sessions.iter().any(Session::began_nothing) && end.exit != Some(0) {
            // It ended before its first suite: what failed is no test.
        } else if matches!(overall.verdict, Verdict::Passed | Verdict::TestFailure) && end.stopped.is_none() {
            self.executed.extend(piece.suites.iter().map(|suite| suite.id.clone()));
        }
        for suite in ended.outcome.sessions.iter().flat_map(|session| &session.finished) {
            match suite.status {
                Status::Failed => drop(self.failed.insert(suite.id.clone())),
                Status::Passed | Status::Skipped => drop(self.failed.remove(&suite.id)),
                Status::Unfinished => {}
            }
        }
        let executed = ended.outcome.executed();
        let again: BTreeSet<&str> =
            next.iter().flat_map(|(suites, _)| suites).map(|suite| suite.id.as_str()).collect();
        // What runs again is judged by its last end; with one process a suite the others stand.
        let left = |suite: &&Suite| !ended.reported || !executed.contains(suite.id.as_str());
        let cured = match order.tier.each {
            true => judged.each.iter().all(|(id, _)| again.contains(id.as_str())),
            false => {
                !again.is_empty()
                    && piece.suites.iter().filter(left).all(|suite| again.contains(suite.id.as_str()))
            }
        };
        if overall.verdict != Verdict::Passed && !cured && self.first.is_none() {
            self.first = Some((judged.exit, overall.clone()));
        }
    }

    pub(super) fn refuse(&mut self, order: &Order) {
        let judgement = Judgement {
            verdict: Verdict::ResourceLimit,
            confidence: Confidence::Certain,
            evidence: order.refusals.clone(),
            advice: "take a machine that has it, or start anyway with `--preflight warn`".to_owned(),
        };
        self.first = Some((Code::Ours(ErrorId::MachineTooSmall), judgement));
    }

    pub(super) fn broken(&mut self, piece: &Piece, message: String) {
        let judgement = Judgement {
            verdict: Verdict::ToolError,
            confidence: Confidence::Certain,
            evidence: vec![format!(
                "session {}: {}",
                piece.index,
                message.lines().next().unwrap_or_default()
            )],
            advice: "correct `run` of the tier, or the command after `--`".to_owned(),
        };
        self.first.get_or_insert((Code::Ours(ErrorId::CannotRun), judgement));
    }

    /// The last line, and whose exit code is in it.
    pub(super) fn end(self, order: &Order, told: Option<i32>, took: Millis) -> (End, Code) {
        let suites = order.shard.suites();
        let not_run: Vec<String> =
            suites.map(|suite| suite.id.clone()).filter(|id| !self.executed.contains(id)).collect();
        let failed = || Judgement {
            verdict: Verdict::TestFailure,
            confidence: Confidence::Certain,
            evidence: vec![format!(
                "failed: {}",
                crate::text::examples(self.failed.iter().map(String::as_str), 3)
            )],
            advice: "read the failed tests".to_owned(),
        };
        let incomplete = || Judgement {
            verdict: Verdict::Incomplete,
            confidence: Confidence::Certain,
            evidence: vec![format!("{} not run", crate::text::count(not_run.len(), "suite"))],
            advice: "run them: `not_run` in the outcome names them".to_owned(),
        };
        let cancelled = |signal: i32| Judgement {
            verdict: Verdict::Cancelled,
            confidence: Confidence::Likely,
            evidence: vec![format!("signal {signal} came")],
            advice: "run it again".to_owned(),
        };
        let passed = || Judgement {
            verdict: Verdict::Passed,
            confidence: if self.told { Confidence::Certain } else { Confidence::Possible },
            evidence: Vec::new(),
            advice: String::new(),
        };
        let (code, judgement) = match (self.first, told) {
            (Some(first), _) => first,
            (None, Some(signal)) => (Code::Theirs(128 + signal), cancelled(signal)),
            (None, None) if !not_run.is_empty() => (Code::Ours(ErrorId::Incomplete), incomplete()),
            (None, None) if !self.failed.is_empty() => (Code::Theirs(i32::from(exit::FAILED)), failed()),
            (None, None) => (Code::Theirs(i32::from(exit::DONE)), passed()),
        };
        let end = End {
            at: clock(),
            exit: code.number(),
            verdict: judgement.verdict,
            confidence: judgement.confidence,
            evidence: judgement.evidence,
            peak_bytes: self.peak,
            not_run,
            advice: Some(judgement.advice).filter(|advice| !advice.is_empty()),
            clock_ms: Some(took),
        };
        (end, code)
    }
}
