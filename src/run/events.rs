//! How the processes of a session report what only they know: which suite begins and ends, and what it
//! took.
//!
//! Every process of a session finds the path of a file in the variable `SHARD_EVENTS`. It opens the file for
//! appending (`O_APPEND`) and writes one JSON object a line, each line with one `write`, at most
//! [`LINE_MAX`] bytes with its line break: so lines of many processes never mix, a writer never waits for
//! a reader, and a killed one loses at most its last line. The objects are those of the outcome's file
//! (`crate::outcome::Event`), of these kinds:
//!
//! ```text
//! {"event":"floor","worker":"gw0","bytes":…,"pid":…}
//! {"event":"import","worker":"gw0","id":"…","bytes":…}
//! {"event":"begin","worker":"gw0","id":"…","level_bytes":…}
//! {"event":"suite","worker":"gw0","id":"…","ms":…,"before_bytes":…,"peak_bytes":…,"after_bytes":…,"status":"passed","last":false}
//! {"event":"settled","worker":"gw0","bytes":…}
//! ```
//!
//! `pid` may be left out; with it what the worker's children hold while a suite runs is added to the suite's peak.
//! `worker` tells processes apart, `id` is the suite as the plan calls it, `at` (seconds since 1970)
//! may be left out. Everything else is passed over. The variable is not set where `shard run` starts one
//! process a suite and knows all that by itself. It says nothing to a process that is no part of the session: a
//! writer that cannot open the file goes on without it.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use crate::outcome::{At, Event};

/// The variable with the file's path.
pub const VARIABLE: &str = "SHARD_EVENTS";

/// Longest line, in bytes.
pub const LINE_MAX: usize = 64 << 10;

/// Most that is read at once.
const READ_MAX: u64 = 4 << 20;

/// The file of a session's events, read while it grows.
pub(super) struct Events {
    path: PathBuf,
    file: File,
    read: u64,
    /// The beginning of a line whose end is not there yet.
    rest: Vec<u8>,
    /// The line is too long, and is passed over to its end.
    skipping: bool,
    /// Lines that were no event.
    pub(super) broken: usize,
}

impl Events {
    /// An empty file of that name.
    ///
    /// # Errors
    /// It cannot be made.
    pub(super) fn create(path: &Path) -> io::Result<Events> {
        // A file that an earlier, killed run left is of no use to anybody.
        let _ = std::fs::remove_file(path);
        let file = OpenOptions::new().read(true).append(true).create_new(true).open(path)?;
        Ok(Events { path: path.to_owned(), file, read: 0, rest: Vec::new(), skipping: false, broken: 0 })
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// What was added since the last time, at most [`READ_MAX`] bytes of it. `at` stands in for times that are
    /// missing.
    pub(super) fn poll(&mut self, at: At, session: u32) -> Vec<Event> {
        // Mostly there is little, and one read has all of it.
        let mut bytes = Vec::with_capacity(8 << 10);
        let read = self.file.seek(SeekFrom::Start(self.read));
        let read = read.and_then(|_| (&self.file).take(READ_MAX).read_to_end(&mut bytes));
        self.read += read.unwrap_or(0) as u64;
        let mut events = Vec::new();
        for part in bytes.split_inclusive(|byte| *byte == b'\n') {
            let ends = part.ends_with(b"\n");
            if !self.skipping {
                self.rest.extend_from_slice(part);
            }
            self.skipping |= self.rest.len() > LINE_MAX;
            if ends {
                match event(&self.rest, at, session).filter(|_| !self.skipping) {
                    Some(event) => events.push(event),
                    None => self.broken += 1,
                }
            }
            if ends || self.skipping {
                self.rest.clear();
            }
            self.skipping &= !ends;
        }
        events
    }
}

impl Drop for Events {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

/// An event of the kinds that a session may report.
fn event(line: &[u8], now: At, index: u32) -> Option<Event> {
    let mut event: Event = serde_json::from_slice(line).ok()?;
    let session = match &mut event {
        Event::Floor(floor) => &mut floor.session,
        Event::Import(import) => &mut import.session,
        Event::Settled(settled) => &mut settled.session,
        Event::Begin(begin) => {
            if begin.at <= 0 {
                begin.at = now;
            }
            &mut begin.session
        }
        Event::Suite(suite) => &mut suite.session,
        Event::Start(_) | Event::Session(_) | Event::Sample(_) | Event::SessionEnd(_) | Event::End(_) => {
            return None;
        }
    };
    *session = Some(index);
    Some(event)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn lines_are_taken_when_they_are_whole() {
        let folder = tempfile::tempdir().unwrap();
        let mut events = Events::create(&folder.path().join("events")).unwrap();
        let mut writer = OpenOptions::new().append(true).open(events.path()).unwrap();
        let mut add = |text: &str| writer.write_all(text.as_bytes()).unwrap();
        add("{\"event\":\"begin\",\"worker\":\"w\",\"id\":\"a\",\"level_bytes\":5}\n{\"event\":\"suite\",");
        let found = events.poll(77, 2);
        let [Event::Begin(begin)] = found.as_slice() else { panic!("{found:?}") };
        assert_eq!((begin.at, begin.session), (77, Some(2)));
        assert!(events.poll(77, 2).is_empty());
        add("\"worker\":\"w\",\"id\":\"a\",\"status\":\"passed\"}\n");
        assert!(matches!(events.poll(78, 2).as_slice(), [Event::Suite(_)]));
        // What a session cannot know, and what nobody can read.
        add("{\"event\":\"end\",\"exit\":0,\"verdict\":\"passed\",\"confidence\":\"certain\"}\nrubbish\n\n");
        assert!(events.poll(78, 2).is_empty());
        assert_eq!(events.broken, 3);
        add(&"x".repeat(3 * LINE_MAX));
        add("\n{\"event\":\"floor\",\"worker\":\"w\",\"bytes\":1}\n");
        assert!(matches!(events.poll(78, 2).as_slice(), [Event::Floor(_)]));
        assert!(events.rest.capacity() < 8 * LINE_MAX);
        let path = events.path().to_owned();
        // Some systems keep a file for as long as anybody has it open.
        drop((events, writer));
        assert!(!path.exists());
    }
}
