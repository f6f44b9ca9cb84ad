//! `shard probe`: one process and all below it, measured, as the wrapper that a test runner starts in the
//! place of the process. It adds nothing to what the process reads and writes, and passes on how it ended.

mod cargo;
mod name;

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::mpsc::RecvTimeoutError;
use std::time::{Duration, Instant};

use super::children::{Children, Ended, Orphan, Start, Tell, adopt_orphans};
use super::meter::Meter;
use super::signals::{self, Wake};
use super::{clock, events, millis};
use crate::exit;
use crate::model::Bytes;
use crate::outcome::{Begin, Event, Finished, Status};
pub use name::id;

/// What is measured, and where that is told.
#[derive(Clone, Debug, Default)]
pub struct Probe {
    /// Program and arguments.
    pub words: Vec<String>,
    /// The suite.
    pub id: String,
    /// The process's name among those side by side.
    pub worker: String,
    /// The file of a session's events, where there is a session.
    pub events: Option<PathBuf>,
    /// Another file that gets the line at the end. Without both it goes to standard error.
    pub output: Option<PathBuf>,
    /// A person sits in front of it: a terminal's keys reach the process without us.
    pub interactive: bool,
}

/// Runs and measures a process; `say` hands a line on to standard error. Returns its exit code, 128 + n where
/// signal n ended it. That nobody could be told is no error.
///
/// # Errors
/// The process cannot be started.
pub fn probe(probe: &Probe, say: &mut dyn FnMut(&str)) -> Result<u8, String> {
    let begun = Instant::now();
    let wakes = signals::listen().map_err(|err| format!("cannot listen to signals: {err}"))?;
    adopt_orphans();
    let (mut children, mut meter) = (Children::default(), Meter::new());
    let start = Start {
        words: &probe.words,
        folder: Path::new("."),
        // We speak for it: what it starts must not tell of itself.
        variables: &[(events::VARIABLE, None)],
        // Whoever tells our group tells it too, also by force.
        group: false,
        orphan: Orphan::Dies,
        victim: true,
        stdout: Stdio::inherit(),
        stderr: Stdio::inherit(),
    };
    let child = children.start(start).map_err(|err| super::session::cannot_start(&probe.words, &err))?;
    meter.add(child, None);
    let begin = Begin {
        worker: probe.worker.clone(),
        id: probe.id.clone(),
        at: clock(),
        level_bytes: Some(Bytes(0)),
        ..Begin::default()
    };
    if let Some(path) = &probe.events {
        // A session that is gone is nobody's problem.
        let _ = append(path, &Event::Begin(begin));
    }
    let mut end: Option<Ended> = None;
    while end.is_none() {
        meter.look(Instant::now());
        let pause = meter.pause(Instant::now(), Duration::MAX);
        match wakes.recv_timeout(pause) {
            Ok(Wake::Signal(signal)) if !probe.interactive || !signals::is_key(signal) => {
                children.tell(child, &[], Tell::Same(signal));
            }
            Ok(_) | Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => std::thread::sleep(pause),
        }
        while let Some(ended) = children.ended() {
            meter.ended(ended.pid, ended.most);
            if ended.pid == child {
                end = Some(ended);
            }
        }
    }
    let (exit, signal) = end.map_or((None, None), |end| (end.exit, end.signal));
    // One that ends before it was looked at has the system's figure, which is never less than our own size.
    let peak = meter.finish(child).map(|(peak, _, _)| peak).max(end.and_then(|end| end.most));
    let peak = peak.filter(|peak| peak.0 > 0);
    let suite = Event::Suite(Finished {
        worker: probe.worker.clone(),
        id: probe.id.clone(),
        ms: Some(millis(begun.elapsed())),
        before_bytes: Some(Bytes(0)),
        peak_bytes: peak,
        after_bytes: Some(Bytes(0)),
        status: match (exit, signal) {
            (Some(0), _) => Status::Passed,
            (_, Some(_)) => Status::Unfinished,
            _ => Status::Failed,
        },
        exit,
        signal,
        ..Finished::default()
    });
    if let Some(path) = &probe.events {
        let _ = append(path, &suite);
    }
    match (&probe.output, &probe.events) {
        (Some(path), _) => {
            if let Err(err) = append(path, &suite) {
                say(&format!("warning: cannot write `{}`: {err}", path.display()));
            }
        }
        (None, Some(_)) => {}
        (None, None) => {
            say(suite.line().map(String::from_utf8).ok().and_then(Result::ok).unwrap_or_default().trim_end())
        }
    }
    let code = exit.or(signal.map(|signal| 128 + signal)).unwrap_or(i32::from(exit::FAILED));
    Ok(u8::try_from(code & 0xff).unwrap_or(exit::FAILED))
}

/// Adds a line to a file that others write to at the same time: by one write, so that lines never mix.
fn append(path: &Path, event: &Event) -> io::Result<()> {
    let mut options = OpenOptions::new();
    let mut file = options.append(true).create(true).open(path)?;
    file.write_all(&event.line()?)
}
