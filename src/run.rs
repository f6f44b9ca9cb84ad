//! One shard, run and measured: its sessions one after another, each watched, its end explained, and
//! everything written down while it happens.
//!
//! An edge: time, processes and the machine are here. What decides is pure and stands beside it:
//! `command` (words), `schedule` (what starts next), `guard`, `watch`, `stop` (when and how something is
//! ended), `again` (what runs once more); what an end means is `triage`'s.

// Everywhere else a clock would make plans differ; here it is the matter.
#![allow(clippy::disallowed_methods)]

mod again;
mod children;
mod command;
pub mod events;
mod guard;
mod journal;
mod meter;
mod output;
mod progress;
mod report;
mod schedule;
mod session;
mod signals;
mod stop;
mod surroundings;
mod watch;

use std::collections::BTreeSet;
use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::config::{Guard, Retry};
use crate::emit::selection;
use crate::exit;
use crate::machine::Machine;
use crate::model::{Bytes, Confidence, Millis, Verdict};
use crate::outcome::{At, End, Event, Host, SCHEMA, Start, Status, Stopped};
use crate::plan::file::{Shard, Suite, Tier};
use crate::triage::{Evidence, Judgement, Log, judge};
use again::{Situation, again};
pub use command::selects;
use journal::Journal;
use session::{Ended, Executor, Piece};

/// A shard that is to be run, and how.
#[derive(Clone, Debug)]
pub struct Order {
    /// The shard, of a plan that keeps its rules.
    pub shard: Shard,
    /// Its tier.
    pub tier: Tier,
    /// The plan's digest.
    pub plan: String,
    /// The plan's folder, absolute: its selections are there, and outcomes go below it.
    pub folder: PathBuf,
    /// Where the command runs.
    pub root: PathBuf,
    /// The command, with placeholders.
    pub command: Vec<String>,
    /// What is started again.
    pub retry: Retry,
    /// When a session is stopped for its memory.
    pub guard: Guard,
    /// What the shard may use, where that binds.
    pub budget: Option<Bytes>,
    /// So long a session may do nothing; zero: for ever.
    pub idle: Duration,
    /// So long the whole shard may take.
    pub timeout: Option<Duration>,
    /// After a kill, go on with what is left.
    pub go_on: bool,
    /// Between two lines that say what is going on; `None`: none.
    pub heartbeat: Option<Duration>,
    /// A person sits in front of it: its processes stay in our group, which the terminal's keys reach.
    pub interactive: bool,
    /// The CI's name for the run.
    pub run: String,
    /// The first attempt that this can be, from 1.
    pub attempt: u32,
    /// Whose observations compare.
    pub key: String,
    /// The machine.
    pub machine: Machine,
    /// Why it should not even start.
    pub refusals: Vec<String>,
}

/// Seconds since 1970.
fn clock() -> At {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    At::try_from(since.as_secs()).unwrap_or(At::MAX)
}

/// A time as it stands in files.
fn millis(duration: Duration) -> Millis {
    Millis(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX))
}

/// Runs a shard; `say` hands lines on to the user. Returns the exit code.
///
/// # Errors
/// What makes it impossible to run anything, in words: no place for the outcome, a selection that is not
/// the plan's.
pub fn run(order: &Order, say: &mut dyn FnMut(&str)) -> Result<u8, String> {
    let begun = Instant::now();
    let mut queue = pieces(order)?;
    let folder = order.folder.join("outcomes");
    let cannot = |err: std::io::Error| {
        format!(
            "cannot write to `{}`: {err}\n  help: the outcome goes beside the plan; make it writable",
            folder.display()
        )
    };
    let (journal, attempt) = Journal::create(&folder, &order.shard.id, 0, order.attempt).map_err(cannot)?;
    let path = journal.path().to_owned();
    let start = start(order, attempt);
    let wakes = signals::listen().map_err(|err| format!("cannot listen to signals: {err}"))?;
    children::adopt_orphans();
    let mut executor = Executor::new(order, begun, journal, start.clone(), wakes, say);
    executor.journal.write(&Event::Start(start.clone()));
    executor.tell(&report::expectation(
        start.predicted_ms.unwrap_or_default(),
        order.shard.predicted_bytes,
        order.shard.budget_bytes,
        start.suites.unwrap_or(0),
    ));
    let mut sum = Sum::default();
    if !order.refusals.is_empty() {
        sum.refuse(order);
        queue.clear();
    }
    let mut last_index = queue.back().map_or(0, |piece| piece.index);
    while let Some(piece) = queue.pop_front() {
        let ended = match executor.run(&piece) {
            Ok(ended) => ended,
            Err(message) => {
                (executor.say)(&format!("error: {message}"));
                sum.broken(&piece, message);
                continue;
            }
        };
        let judged = Judged::of(order, &ended);
        let mut line = ended.end();
        line.verdict = Some(judged.overall.verdict);
        executor.journal.write(&Event::SessionEnd(line.clone()));
        let next = again(&judged.situation(order, &piece, &ended), &order.retry, order.go_on);
        let next: Vec<(Vec<Suite>, u32)> =
            next.iter().map(|part| (named(&piece, &part.suites), part.workers)).collect();
        sum.add(order, &piece, &ended, &judged, &next);
        let mut pieces = Vec::with_capacity(next.len());
        let same = next.len() == 1 && next[0].0.len() == piece.suites.len() && next[0].1 == piece.workers;
        for (suites, workers) in next {
            let again = Piece { attempt: piece.attempt + 1, ..piece.clone() };
            pieces.push(match same || order.tier.each {
                true => Piece { suites, workers, ..again },
                false => {
                    last_index += 1;
                    let selection = write_selection(&path, last_index, &piece, &suites)?;
                    Piece { index: last_index, attempt: 1, suites, workers, selection }
                }
            });
        }
        if let Some(first) = pieces.first() {
            // Only what is tried as it was needs a pause: something outside has to recover.
            let pause =
                if same || order.tier.each { pause(&order.retry, piece.attempt) } else { Duration::ZERO };
            let what = crate::text::count(pieces.iter().map(|piece| piece.suites.len()).sum(), "suite");
            let with = crate::text::count(first.workers as usize, "worker");
            let after = if pause.is_zero() { String::new() } else { format!(" after {}", millis(pause)) };
            let verdict = judged.overall.verdict;
            executor.tell(&format!("{verdict}: {what} again, {with}{after}"));
            executor.pause(pause);
        }
        for piece in pieces.into_iter().rev() {
            queue.push_front(piece);
        }
        if executor.told.is_some() || line.stopped == Some(Stopped::Timeout) {
            break;
        }
    }
    let end = sum.end(order, executor.told, millis(begun.elapsed()));
    executor.journal.write(&Event::End(end.clone()));
    if let Some(err) = executor.journal.failed() {
        let line = format!("the outcome `{}` is not complete: {err}", path.display());
        executor.tell(&line);
    }
    let shown = path.strip_prefix(&order.root).unwrap_or(&path).display().to_string();
    let text = report::render(&start, &end, &executor.measured, &shown);
    (executor.say)(text.trim_end());
    Ok(u8::try_from(end.exit).unwrap_or(exit::FAILED))
}

/// The plan's sessions, whose selections must be the plan's own.
fn pieces(order: &Order) -> Result<VecDeque<Piece>, String> {
    let mut pieces = VecDeque::new();
    for (index, session) in (1..).zip(&order.shard.sessions) {
        if session.suites.is_empty() {
            return Err(format!(
                "session {index} of shard {} is empty: nothing may run without a selection",
                order.shard.id
            ));
        }
        let path = order.folder.join(&session.selection);
        // One process a suite takes its name from the plan.
        if !order.tier.each {
            let ids = session.suites.iter().map(|suite| suite.id.as_str());
            let wanted = selection::write(selection::Form::of(&session.selection), ids)
                .map_err(|err| err.to_string())?;
            let found =
                crate::files::read(&path, crate::plan::file::SIZE_MAX).map_err(|err| format!("{err:#}"))?;
            if wanted != found {
                return Err(format!(
                    "`{}` does not hold the suites of the plan\n  help: hand on the whole folder of the plan, or make it again",
                    path.display()
                ));
            }
        }
        let (suites, workers) = (session.suites.clone(), order.tier.workers);
        pieces.push_back(Piece { index, attempt: 1, suites, selection: path, workers });
    }
    Ok(pieces)
}

fn start(order: &Order, attempt: u32) -> Start {
    let (shard, machine) = (&order.shard, &order.machine);
    Start {
        schema: SCHEMA,
        shard: shard.id.clone(),
        tier: shard.tier.clone(),
        plan: order.plan.clone(),
        run: order.run.clone(),
        round: 0,
        attempt,
        key: order.key.clone(),
        at: clock(),
        host: Host {
            memory_bytes: machine.memory_bytes,
            limit_bytes: machine.limit(),
            available_bytes: machine.available(),
            cpus: machine.cpus,
            oom_provable: Some(machine.proof.any()),
        },
        workers: Some(order.tier.workers),
        budget_bytes: order.budget,
        predicted_bytes: Some(shard.predicted_bytes),
        predicted_ms: Some(Millis(shard.sessions.iter().map(|session| session.predicted_ms.0).sum())),
        suites: Some(shard.sessions.iter().map(|session| session.suites.len()).sum()),
    }
}

/// Waiting before the next start: twice as long each time.
fn pause(retry: &Retry, attempt: u32) -> Duration {
    let doubled = 1u64.checked_shl(attempt.saturating_sub(1)).unwrap_or(u64::MAX);
    Duration::from_millis(retry.pause.0.saturating_mul(doubled).min(3_600_000))
}

fn named(piece: &Piece, ids: &[&str]) -> Vec<Suite> {
    let wanted: BTreeSet<&str> = ids.iter().copied().collect();
    piece.suites.iter().filter(|suite| wanted.contains(suite.id.as_str())).cloned().collect()
}

/// The selection of what is left, beside the outcome.
fn write_selection(journal: &Path, index: u32, piece: &Piece, suites: &[Suite]) -> Result<PathBuf, String> {
    let name = piece.selection.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let ending = name.rsplit('.').next().unwrap_or("txt");
    let path = journal.with_extension(format!("{index}.{ending}"));
    let ids = suites.iter().map(|suite| suite.id.as_str());
    let bytes = selection::write(selection::Form::of(name), ids).map_err(|err| err.to_string())?;
    std::fs::write(&path, bytes).map_err(|err| format!("cannot write `{}`: {err}", path.display()))?;
    Ok(path)
}

/// What the end of a piece means.
struct Judged {
    /// Of all together: the first failure that cannot be cured, else the first.
    overall: Judgement,
    /// With one process a suite: of each that failed.
    each: Vec<(String, Verdict)>,
}

impl Judged {
    fn of(order: &Order, ended: &Ended) -> Judged {
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
        if !ended.reported {
            // Nobody told, so nothing is known.
            all.coverage = None;
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

    fn situation<'a>(&'a self, order: &Order, piece: &'a Piece, ended: &'a Ended) -> Situation<'a> {
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
struct Sum {
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
    fn add(
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
        let again: BTreeSet<&str> =
            next.iter().flat_map(|(suites, _)| suites).map(|suite| suite.id.as_str()).collect();
        // What runs again is judged by its last end; with one process a suite the others stand.
        let cured = match order.tier.each {
            true => judged.each.iter().all(|(id, _)| again.contains(id.as_str())),
            false => !again.is_empty(),
        };
        if overall.verdict != Verdict::Passed && !cured && self.first.is_none() {
            self.first = Some((code(ended, overall.verdict), overall.clone()));
        }
    }

    fn refuse(&mut self, order: &Order) {
        let judgement = Judgement {
            verdict: Verdict::ResourceLimit,
            confidence: Confidence::Certain,
            evidence: order.refusals.clone(),
            advice: "take a machine that has it, or start anyway with `--preflight warn`".to_owned(),
        };
        self.first = Some((i32::from(exit::RUN_MACHINE), judgement));
    }

    fn broken(&mut self, piece: &Piece, message: String) {
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
    fn end(self, order: &Order, told: Option<i32>, took: Millis) -> End {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow() {
        let retry = Retry { pause: Millis(5_000), ..Retry::default() };
        assert_eq!([1, 2, 3].map(|attempt| pause(&retry, attempt).as_secs()), [5, 10, 20]);
        assert_eq!(pause(&retry, 9_999).as_secs(), 3_600);
    }
}
