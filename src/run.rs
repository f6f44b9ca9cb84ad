//! One shard, run and measured: its sessions one after another, each watched, its end explained, and
//! everything written down while it happens.
//!
//! An edge: time, processes and the machine are here. What decides is pure and stands beside it:
//! `command` (words), `schedule` (what starts next), `guard`, `relief`, `watch`, `stop` (when and how something is
//! ended), `again` (what runs once more); what an end means is `triage`'s.

// Everywhere else a clock would make plans differ; here it is the matter.
#![allow(clippy::disallowed_methods)]

mod again;
mod alone;
mod children;
mod command;
pub mod events;
mod guard;
mod journal;
mod judged;
mod meter;
mod output;
mod plugin;
pub mod probe;
mod progress;
mod relief;
mod report;
mod schedule;
mod session;
mod signals;
mod stop;
mod sum;
mod surroundings;
mod watch;

use std::collections::BTreeSet;
use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::catalogue::ErrorId;
use crate::config::{Guard, Retry};
use crate::emit::selection;
use crate::exit;
use crate::machine::Machine;
use crate::model::{Bytes, Millis, Verdict};
use crate::outcome::{At, Event, Host, SCHEMA, Start, Stopped};
use crate::plan::file::{Session, Shard, Suite, Tier};
use again::again;
pub use command::{misspelt, selects};
use journal::Journal;
use judged::Judged;
use session::{Executor, Piece};
use sum::Sum;

/// A shard that is to be run, and how.
#[derive(Clone, Debug)]
pub struct Order {
    /// The shard, of a plan that keeps its rules.
    pub shard: Shard,
    /// Its tier.
    pub tier: Tier,
    /// The plan's digest.
    pub plan: String,
    /// The digest of the first plan, where this one is what was left of it.
    pub first_plan: Option<String>,
    /// How often the plan was made again after a failure.
    pub round: u32,
    /// The plan's folder, absolute: its selections are there.
    pub folder: PathBuf,
    /// Where the outcome goes.
    pub outcomes: PathBuf,
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
    /// A daemon does the work: what our processes hold tells nothing of it.
    pub daemon: bool,
    /// So long a session may do nothing; zero: for ever.
    pub idle: Duration,
    /// So long the whole shard may take.
    pub timeout: Option<Duration>,
    /// After a kill, go on with what is left.
    pub go_on: bool,
    /// Every suite has a session of its own, to learn what each takes.
    pub alone: bool,
    /// Between two lines that say what is going on; `None`: none.
    pub heartbeat: Option<Duration>,
    /// A person sits in front of it: its processes stay in our group, which the terminal's keys reach.
    pub interactive: bool,
    /// The CI's name for the run.
    pub run: String,
    /// The first attempt that this can be, from 1.
    pub attempt: u32,
    /// The shard is what an earlier attempt left: its sessions are not the plan's, and their selections are
    /// written beside the outcome.
    pub rest: bool,
    /// The number of the CI's job, where it says that.
    pub check_run: Option<u64>,
    /// Whose observations compare.
    pub key: String,
    /// The machine.
    pub machine: Machine,
    /// Why it should not even start.
    pub refusals: Vec<String>,
}

/// Seconds since 1970.
#[must_use]
pub fn clock() -> At {
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
    let mut queue = if order.rest { VecDeque::new() } else { pieces(order)? };
    let folder = &order.outcomes;
    let cannot = |err: std::io::Error| {
        format!(
            "cannot write to `{}`: {err}\n  help: make it writable, or name another folder with --outcomes",
            crate::files::shown(folder)
        )
    };
    let (journal, attempt) =
        Journal::create(folder, &order.shard.id, order.round, order.attempt).map_err(cannot)?;
    let path = journal.path().to_owned();
    if order.rest {
        queue = rest(order, &path)?;
    }
    let start = start(order, attempt);
    // As long as this lives, the selections of single suites.
    let single = order.alone.then(|| tempfile::Builder::new().prefix("shard-each-").tempdir()).transpose();
    let single = single.map_err(|err| format!("no place for selections of single suites: {err}"))?;
    if let Some(single) = &single {
        queue = alone::apart(&queue, single.path())?;
    }
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
    if order.daemon {
        executor.tell("a daemon does the work, so memory is known only where suites report their own (`daemon = false` in the tier if that is wrong)");
    }
    let mut sum = Sum::default();
    if !order.refusals.is_empty() {
        sum.refuse(order);
        queue.clear();
    }
    let mut last_index = queue.back().map_or(0, |piece| piece.index);
    while let Some(piece) = queue.pop_front() {
        // A line and no bar: while a session runs, the terminal and the log are its own.
        if last_index > 1 && piece.attempt == 1 {
            let suites = crate::text::examples(piece.suites.iter().map(|suite| suite.id.as_str()), 2);
            executor.tell(&format!("session {} of {last_index}: {suites}", piece.index));
        }
        let ended = match executor.run(&piece) {
            Ok(ended) => ended,
            Err(message) => {
                (executor.say)(&format!("{}: {message}", ErrorId::CannotRun));
                sum.broken(&piece, message);
                continue;
            }
        };
        let judged = Judged::of(order, &piece, &ended);
        if let Some(suite) = alone::learned(order, &piece, &ended, judged.overall.verdict) {
            executor.remember(&suite);
            executor.journal.write(&Event::Suite(suite));
        }
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
        if line.oom_kills.is_some_and(|kills| kills > 0) && judged.overall.verdict == Verdict::Passed {
            // A pipe can hide it.
            executor.tell("passed, though the kernel killed a process of its control group for want of memory: look in the log what is missing");
        }
        if let Some(first) = pieces.first() {
            // Only what is tried as it was needs a pause: something outside has to recover.
            let pause =
                if same || order.tier.each { pause(&order.retry, piece.attempt) } else { Duration::ZERO };
            let ids = pieces.iter().flat_map(|piece| &piece.suites).map(|suite| suite.id.as_str());
            let what = crate::text::examples(ids, 3);
            let with = match (order.tier.each, first.workers) {
                (true, 1) => "one at a time".to_owned(),
                (true, workers) => format!("at most {workers} at once"),
                (false, workers) => crate::text::count(workers as usize, "worker"),
            };
            let after = if pause.is_zero() { String::new() } else { format!(" after {}", millis(pause)) };
            let verdict = judged.overall.verdict;
            executor.tell(&format!("{verdict}: again{after}, {with}: {what}"));
            executor.pause(pause);
        }
        for piece in pieces.into_iter().rev() {
            queue.push_front(piece);
        }
        if executor.told.is_some() || line.stopped == Some(Stopped::Timeout) {
            break;
        }
    }
    let (end, code) = sum.end(order, executor.told, millis(begun.elapsed()));
    executor.journal.write(&Event::End(end.clone()));
    if let Some(err) = executor.journal.failed() {
        let line = format!("the outcome `{}` is not complete: {err}", path.display());
        executor.tell(&line);
    }
    let shown = path.strip_prefix(&order.root).unwrap_or(&path).display().to_string();
    let left = executor.left.filter(|_| order.daemon);
    let text = report::render(&start, (&end, code.id()), &executor.measured, left, &shown);
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
                    crate::files::shown(&path)
                ));
            }
        }
        let (suites, workers) = (session.suites.clone(), order.tier.workers);
        pieces.push_back(Piece { index, attempt: 1, suites, selection: path, workers });
    }
    Ok(pieces)
}

/// The sessions of what an earlier attempt left.
fn rest(order: &Order, journal: &Path) -> Result<VecDeque<Piece>, String> {
    let piece = |(index, session): (u32, &Session)| {
        let selection = PathBuf::from(&session.selection);
        let (suites, workers) = (session.suites.clone(), order.tier.workers);
        let piece = Piece { index, attempt: 1, suites, selection, workers };
        let selection = write_selection(journal, index, &piece, &piece.suites)?;
        Ok(Piece { selection, ..piece })
    };
    (1..).zip(&order.shard.sessions).map(piece).collect()
}

fn start(order: &Order, attempt: u32) -> Start {
    let (shard, machine) = (&order.shard, &order.machine);
    Start {
        schema: SCHEMA,
        shard: shard.id.clone(),
        tier: shard.tier.clone(),
        plan: order.plan.clone(),
        root: order.first_plan.clone(),
        run: order.run.clone(),
        round: order.round,
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
        check_run: order.check_run,
        suites: Some(shard.suites().count()),
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
    write_suites(journal.with_extension(format!("{index}.{}", ending(piece))), suites)
}

/// Of what the plan calls the piece's selection: the form that it is in.
fn ending(piece: &Piece) -> &str {
    let name = piece.selection.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    name.rsplit('.').next().unwrap_or("txt")
}

fn write_suites(path: PathBuf, suites: &[Suite]) -> Result<PathBuf, String> {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let ids = suites.iter().map(|suite| suite.id.as_str());
    let bytes = selection::write(selection::Form::of(name), ids).map_err(|err| err.to_string())?;
    std::fs::write(&path, bytes)
        .map_err(|err| format!("cannot write `{}`: {err}", crate::files::shown(&path)))?;
    Ok(path)
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
