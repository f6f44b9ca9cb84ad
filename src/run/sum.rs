//! What the pieces of a shard come to: verdicts, what was not run, the exit code.

use std::collections::BTreeSet;

use super::again::Situation;
use super::session::{Ended, Piece};
use super::{Order, clock};
use crate::exit;
use crate::model::{Bytes, Confidence, Millis, Verdict};
use crate::outcome::{End, Status, Stopped};
use crate::plan::file::Suite;
use crate::triage::{Evidence, Judgement, Log, judge};

/// What the end of a piece means.
pub(super) struct Judged {
    /// Of all together: the first failure that cannot be cured, else the first.
    pub(super) overall: Judgement,
    /// With one process a suite: of each that failed.
    each: Vec<(String, Verdict)>,
}

impl Judged {
    pub(super) fn of(order: &Order, ended: &Ended) -> Judged {
        let end = ended.end();
        let mut all = Evidence {
            exit: end.exit,
            signal: end.signal,
            stopped: end.stopped,
            oom_kills: end.oom_kills,
            machine_oom_kills: end.machine_oom_kills,
            // Who judges it wrote it, and is still there.
            cut_off: false,
            log: Log::of(&ended.tail),
            ..Evidence::of(&ended.outcome)
        };
        // The best meter's, not the highest of all.
        all.memory.peak = end.peak_bytes.or(all.memory.peak);
        if end.signal.is_some() && all.oom_kills == Some(0) {
            // A kill of its own would have been counted there, whoever ran out: those were others'.
            all.machine_oom_kills = Some(0);
        }
        let with_reason = |mut judgement: Judgement| {
            if let Some(why) = &ended.why {
                judgement.evidence.insert(judgement.evidence.len().min(1), why.clone());
            }
            judgement
        };
        let mut each = Vec::new();
        let mut decisive: Option<(bool, Judgement)> = None;
        for failed in &ended.failed {
            let evidence = Evidence {
                exit: failed.exit,
                signal: failed.signal,
                stopped: failed.stopped,
                log: Log::of(&failed.tail),
                coverage: None,
                in_flight: vec![("each".to_owned(), failed.id.clone())],
                ..all.clone()
            };
            let judgement = judge(&evidence);
            let curable = order.retry.on.contains(&judgement.verdict);
            each.push((failed.id.clone(), judgement.verdict));
            if decisive.as_ref().is_none_or(|(was, _)| *was && !curable) {
                decisive = Some((curable, judgement));
            }
        }
        let overall = with_reason(decisive.map_or_else(|| judge(&all), |(_, judgement)| judgement));
        Judged { overall, each }
    }

    pub(super) fn situation<'a>(
        &'a self,
        order: &Order,
        piece: &'a Piece,
        ended: &'a Ended,
    ) -> Situation<'a> {
        let failed = ended.failed.iter();
        let evicted = failed.filter(|failed| failed.stopped == Some(Stopped::Evicted));
        let verdicts = match order.tier.each {
            true => self.each.iter().map(|(id, verdict)| (id.as_str(), *verdict)).collect(),
            false => vec![("", self.overall.verdict)],
        };
        let flying = ended.outcome.sessions.iter().flat_map(|session| session.in_flight());
        Situation {
            suites: piece.suites.iter().map(|suite| suite.id.as_str()).collect(),
            done: ended.reported.then(|| ended.outcome.executed()),
            in_flight: flying.map(|begin| begin.id.as_str()).collect(),
            evicted: evicted.map(|failed| failed.id.as_str()).collect(),
            workers: piece.workers,
            workers_matter: order.command.iter().any(|word| word.contains("{workers}")),
            each: order.tier.each,
            verdicts,
            stopped: ended.end().stopped,
            attempt: piece.attempt,
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
    first: Option<(i32, Judgement)>,
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
            self.first = Some((code(ended, overall.verdict), overall.clone()));
        }
    }

    pub(super) fn refuse(&mut self, order: &Order) {
        let judgement = Judgement {
            verdict: Verdict::ResourceLimit,
            confidence: Confidence::Certain,
            evidence: order.refusals.clone(),
            advice: "take a machine that has it, or start anyway with `--preflight warn`".to_owned(),
        };
        self.first = Some((i32::from(exit::RUN_MACHINE), judgement));
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
        self.first.get_or_insert((i32::from(exit::RUN_PLAN), judgement));
    }

    /// The last line.
    pub(super) fn end(self, order: &Order, told: Option<i32>, took: Millis) -> End {
        let suites = order.shard.sessions.iter().flat_map(|session| &session.suites);
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
        let (exit, judgement) = match (self.first, told) {
            (Some(first), _) => first,
            (None, Some(signal)) => (128 + signal, cancelled(signal)),
            (None, None) if !not_run.is_empty() => (i32::from(exit::RUN_INCOMPLETE), incomplete()),
            (None, None) if !self.failed.is_empty() => (i32::from(exit::FAILED), failed()),
            (None, None) => (i32::from(exit::DONE), passed()),
        };
        End {
            at: clock(),
            exit,
            verdict: judgement.verdict,
            confidence: judgement.confidence,
            evidence: judgement.evidence,
            peak_bytes: self.peak,
            not_run,
            advice: Some(judgement.advice).filter(|advice| !advice.is_empty()),
            clock_ms: Some(took),
        }
    }
}

/// The exit code of an end that was no success.
fn code(ended: &Ended, verdict: Verdict) -> i32 {
    let end = ended.end();
    let first = ended.failed.first();
    let (exit, signal) = first.map_or((end.exit, end.signal), |failed| (failed.exit, failed.signal));
    match first.map_or(end.stopped, |failed| failed.stopped) {
        Some(Stopped::Guard | Stopped::Budget | Stopped::Evicted) => i32::from(exit::RUN_GUARD),
        Some(Stopped::Idle) => i32::from(exit::RUN_HANG),
        Some(Stopped::Timeout) => i32::from(exit::RUN_TIMEOUT),
        Some(Stopped::Signal | Stopped::Other) | None => match (exit, signal, verdict) {
            (_, Some(signal), _) => 128 + signal,
            (Some(0), None, Verdict::TestFailure) => i32::from(exit::FAILED),
            (Some(0) | None, None, _) => i32::from(exit::RUN_INCOMPLETE),
            (Some(exit), None, _) => exit,
        },
    }
}
