//! The lines of a file, read with care: it was written by a process that may have been killed.

use std::collections::HashSet;
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};
use std::io::{BufRead, Read};

use serde::Deserialize;

use super::{Event, Outcome, SCHEMA};
use crate::report::ReportError;

/// Longest line that is read, in bytes: one holds the names of a session's suites.
pub const LINE_MAX: u64 = 16 << 20;

/// Longest file that is read, in bytes.
pub const SIZE_MAX: u64 = 256 << 20;

/// Most events that are kept; 20 times the largest suites that are known.
const EVENTS_MAX: usize = 1_000_000;

/// What of a file was not used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PassedOver {
    /// Events that this version does not know.
    pub unknown: usize,
    /// Lines that are no event, or one without what it must say.
    pub broken: usize,
    /// Lines that stood there before.
    pub doubles: usize,
    /// Events beyond the most that are kept.
    pub beyond: usize,
    /// The last line has no end, and is no event.
    pub cut: bool,
}

/// Whether a file that begins so is an outcome. Reads nothing but the first line.
#[must_use]
pub fn recognise(beginning: &[u8]) -> bool {
    let line = beginning.split(|byte| *byte == b'\n').next().unwrap_or_default();
    matches!(serde_json::from_slice(line), Ok(Event::Start(_)))
        || head(line).is_some_and(|head| head.is_ours())
}

/// Reads a whole file. Unknown events, broken lines and events that came twice are passed over and
/// counted; so is a last line that was cut.
///
/// # Errors
/// A newer schema, a line or a file that is too long, and a file without a single event.
pub fn read(input: impl BufRead) -> Result<Outcome, ReportError> {
    let mut outcome = Outcome::default();
    let mut seen: HashSet<u64, BuildHasherDefault<DefaultHasher>> = HashSet::default();
    let mut input = input.take(SIZE_MAX + 1);
    let (mut line, mut size, mut events) = (Vec::new(), 0, 0);
    for number in 1.. {
        line.clear();
        let read = input.by_ref().take(LINE_MAX).read_until(b'\n', &mut line);
        let read = read.map_err(|err| ReportError::new(number, err.to_string()))? as u64;
        size += read;
        if read == 0 {
            break;
        }
        if size > SIZE_MAX {
            return Err(ReportError::new(None, format!("the file has more than {} MiB", SIZE_MAX >> 20)));
        }
        if read == LINE_MAX {
            return Err(ReportError::new(number, format!("a line of more than {} MiB", LINE_MAX >> 20)));
        }
        let whole = line.ends_with(b"\n");
        let text = line.trim_ascii();
        if text.is_empty() {
            continue;
        }
        let event = match serde_json::from_slice::<Event>(text) {
            Ok(Event::Start(start)) if start.schema > SCHEMA => return Err(newer(number, start.schema)),
            Ok(event) => event,
            Err(_) => {
                match head(text) {
                    Some(Head { schema: Some(schema), .. }) if schema > SCHEMA => {
                        return Err(newer(number, schema));
                    }
                    Some(head) if !head.is_ours() => outcome.passed_over.unknown += 1,
                    _ if !whole => outcome.passed_over.cut = true,
                    _ => outcome.passed_over.broken += 1,
                }
                continue;
            }
        };
        match event {
            // A session that is started again may do the same again.
            Event::Session(_) if !seen.contains(&seen.hasher().hash_one(text)) => seen.clear(),
            _ => {}
        }
        if !matches!(event, Event::Sample(_)) && !seen.insert(seen.hasher().hash_one(text)) {
            outcome.passed_over.doubles += 1;
            continue;
        }
        events += usize::from(!matches!(event, Event::Sample(_)));
        if events > EVENTS_MAX && !matches!(event, Event::SessionEnd(_) | Event::End(_)) {
            outcome.passed_over.beyond += 1;
            continue;
        }
        outcome.add(event);
    }
    if outcome == (Outcome { passed_over: outcome.passed_over, ..Outcome::default() }) {
        return Err(ReportError::new(None, "this is no outcome: it holds no event of a shard's run"));
    }
    Ok(outcome)
}

fn newer(line: u64, schema: u64) -> ReportError {
    let message = format!("schema {schema} is newer than this shard understands ({SCHEMA}): update shard");
    ReportError::new(line, message)
}

/// What every event has, of whatever version.
#[derive(Deserialize)]
struct Head {
    event: String,
    schema: Option<u64>,
}

impl Head {
    /// Whether it is called as one of the events that are known.
    fn is_ours(&self) -> bool {
        const NAMES: [&str; 10] = [
            "start",
            "session",
            "floor",
            "import",
            "begin",
            "suite",
            "settled",
            "sample",
            "session-end",
            "end",
        ];
        NAMES.contains(&self.event.as_str())
    }
}

fn head(line: &[u8]) -> Option<Head> {
    serde_json::from_slice(line).ok()
}
