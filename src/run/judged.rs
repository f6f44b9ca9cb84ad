//! What the end of a piece means, and of each suite of it that had a process of its own.

use super::Order;
use super::again::Situation;
use super::session::{Ended, Failed, Piece};
use super::sum::Code;
use crate::catalogue::ErrorId;
use crate::config::command::names_workers;
use crate::exit;
use crate::model::Verdict;
use crate::outcome::Stopped;
use crate::text;
use crate::triage::{Evidence, Judgement, Log, judge};

/// What helps where several ran side by side and memory was out.
const FEWER_AT_ONCE: &str = "let fewer run at once: lower the tier's `workers` or `budget`, or mark the heaviest `exclusive`; \
     `--continue` runs those that memory ended again, one at a time";

/// What helps where a daemon's client hung.
const LOOK_AT_DAEMON: &str = "look at the daemon, and start it again if it hangs; raise `idle-timeout` if the work is meant to be so silent";

/// Most suites whose ends are told.
const ENDS_MAX: usize = 8;

/// What the end of a piece means.
pub(super) struct Judged {
    /// Of all together: the first failure that cannot be cured, else the first.
    pub(super) overall: Judgement,
    /// The exit code of that.
    pub(super) exit: Code,
    /// With one process a suite: of each that failed.
    pub(super) each: Vec<(String, Verdict)>,
}

impl Judged {
    pub(super) fn of(order: &Order, piece: &Piece, ended: &Ended) -> Judged {
        let all = evidence(ended);
        let mut each = Vec::new();
        let mut decisive: Option<(bool, Evidence, Option<&String>)> = None;
        for failed in &ended.failed {
            let evidence = of_one(failed, &all);
            let verdict = judge(&evidence).verdict;
            each.push((failed.id.clone(), verdict));
            let again = failed.stopped == Some(Stopped::Evicted) && piece.attempt == 1;
            let curable = again || order.retry.on.contains(&verdict);
            if decisive.as_ref().is_none_or(|(was, ..)| *was && !curable) {
                decisive = Some((curable, evidence, failed.why.as_ref()));
            }
        }
        let (evidence, why) = match decisive {
            Some((_, evidence, why)) => (evidence, why),
            None => (all, ended.why.as_ref()),
        };
        let mut overall = judge(&evidence);
        if let Some(why) = why {
            overall.evidence.insert(overall.evidence.len().min(1), why.clone());
        }
        if each.len() > 1 {
            overall.evidence.push(ends(&each));
        }
        let side_by_side = order.tier.each && piece.workers > 1 && piece.suites.len() > 1;
        match overall.verdict {
            Verdict::OutOfMemory if side_by_side => overall.advice = FEWER_AT_ONCE.to_owned(),
            Verdict::Hang if order.daemon => overall.advice = LOOK_AT_DAEMON.to_owned(),
            _ => {}
        }
        Judged { exit: code(&evidence, overall.verdict), overall, each }
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
            workers_matter: names_workers(&order.command),
            each: order.tier.each,
            verdicts,
            stopped: ended.end().stopped,
            attempt: piece.attempt,
        }
    }
}

/// What is known of the end of a piece.
fn evidence(ended: &Ended) -> Evidence {
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
    all
}

/// What is known of the end of one process among `all`.
fn of_one(failed: &Failed, all: &Evidence) -> Evidence {
    Evidence {
        exit: failed.exit,
        signal: failed.signal,
        stopped: failed.stopped,
        log: Log::of(&failed.tail),
        coverage: None,
        in_flight: vec![(String::new(), failed.id.clone())],
        ..all.clone()
    }
}

/// What became of those that failed side by side.
fn ends(each: &[(String, Verdict)]) -> String {
    let shown = each.iter().take(ENDS_MAX);
    let shown: Vec<String> =
        shown.map(|(id, verdict)| format!("{} {verdict}", text::examples([id.as_str()], 1))).collect();
    let more = match each.len().saturating_sub(ENDS_MAX) {
        0 => String::new(),
        more => format!(" and {} more", text::thousands(more)),
    };
    format!("of those side by side: {}{more}", shown.join(", "))
}

/// The exit code of an end that was no success.
fn code(evidence: &Evidence, verdict: Verdict) -> Code {
    match evidence.stopped {
        Some(Stopped::Guard | Stopped::Budget | Stopped::Evicted) => Code::Ours(ErrorId::Guard),
        Some(Stopped::Idle) => Code::Ours(ErrorId::Hang),
        Some(Stopped::Timeout) => Code::Ours(ErrorId::Timeout),
        Some(Stopped::Signal | Stopped::Other) | None => match (evidence.exit, evidence.signal, verdict) {
            (_, Some(signal), _) => Code::Theirs(128 + signal),
            (Some(0), None, Verdict::TestFailure) => Code::Theirs(i32::from(exit::FAILED)),
            (Some(0) | None, None, _) => Code::Ours(ErrorId::Incomplete),
            (Some(exit), None, _) => Code::Theirs(exit),
        },
    }
}
