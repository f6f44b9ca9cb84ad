//! The outcome's file, written while the shard runs: each line goes to the system at once, so that a
//! kill loses at most the last.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::outcome::{self, Event, Sample};

/// Most bytes of a file, of which a reader takes 256 MiB: what comes later is dropped, the end is not.
const SIZE_MAX: u64 = 200 << 20;

/// Most attempts of one shard in one folder.
const ATTEMPTS_MAX: u32 = 10_000;

/// So many samples, and only every other one is written from then on.
const SAMPLES: u32 = 1_000;

/// An open file of an outcome.
pub(super) struct Journal {
    file: File,
    path: PathBuf,
    size: u64,
    samples: Thinning,
    /// The highest sample since a suite last began, and whether it was written.
    highest: Option<(Sample, bool)>,
    /// So many suites are running.
    running: u32,
    /// The first line that could not be written.
    failed: Option<io::Error>,
}

impl Journal {
    /// Opens a new file in `folder`, of the first attempt from `attempt` that is not there yet. An old
    /// one is never overwritten.
    ///
    /// # Errors
    /// The folder cannot be written.
    pub(super) fn create(folder: &Path, shard: &str, round: u32, attempt: u32) -> io::Result<(Journal, u32)> {
        std::fs::create_dir_all(folder)?;
        let mut last = io::Error::from(io::ErrorKind::AlreadyExists);
        for attempt in (attempt.max(1)..).take(ATTEMPTS_MAX as usize) {
            let path = folder.join(outcome::file_name(shard, round, attempt));
            match OpenOptions::new().append(true).create_new(true).open(&path) {
                Ok(file) => {
                    let samples = Thinning::default();
                    return Ok((
                        Journal { file, path, size: 0, samples, highest: None, running: 0, failed: None },
                        attempt,
                    ));
                }
                Err(err) if err.kind() == io::ErrorKind::AlreadyExists => last = err,
                Err(err) => return Err(err),
            }
        }
        Err(last)
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Adds an event. A full disk must not end the tests, so a failure is only kept: see
    /// [`Journal::failed`].
    pub(super) fn write(&mut self, event: &Event) {
        self.follow(event);
        let closing = matches!(event, Event::SessionEnd(_) | Event::End(_));
        if self.size > SIZE_MAX && !closing {
            return;
        }
        let written = event.line().map_err(io::Error::from).and_then(|line| {
            self.size += line.len() as u64;
            // One call, so that the line is there whole or cut, never mixed.
            self.file.write_all(&line)
        });
        if let Err(err) = written {
            self.failed.get_or_insert(err);
        }
    }

    /// Adds a sample, unless it says nothing new.
    pub(super) fn sample(&mut self, sample: Sample) {
        let keeps =
            self.samples.keeps(sample.clock_ms.unwrap_or_default().0, sample.bytes.unwrap_or_default().0);
        if keeps {
            self.write(&Event::Sample(sample));
        }
        if self.highest.is_none_or(|(highest, _)| highest.bytes < sample.bytes) {
            self.highest = Some((sample, keeps));
        }
    }

    /// Who was killed needed the highest level while it ran: that is written while somebody is running of whom nobody
    /// has said that it ended well.
    fn follow(&mut self, event: &Event) {
        let (running, ends) = match event {
            Event::Begin(_) => (self.running.saturating_add(1), self.running > 0),
            Event::Suite(suite) if suite.status.is_executed() => {
                self.running = self.running.saturating_sub(1);
                return;
            }
            Event::Suite(_) => (self.running.saturating_sub(1), true),
            Event::SessionEnd(_) => (0, self.running > 0),
            _ => return,
        };
        self.running = running;
        if let Some((sample, false)) = self.highest.take().filter(|_| ends) {
            self.write(&Event::Sample(sample));
        }
    }

    /// Why lines are missing, if some are.
    pub(super) fn failed(&self) -> Option<&io::Error> {
        self.failed.as_ref()
    }
}

/// Which samples are worth a line: a change of 5 % and 4 MB, at most one in a while that becomes longer the
/// more there are, and one in fifty such whiles whatever happens. A level as much above all before is written at
/// once, since it may be the last before a kill.
struct Thinning {
    every_ms: u64,
    written: u32,
    last: Option<(u64, u64)>,
    highest: u64,
}

impl Default for Thinning {
    fn default() -> Thinning {
        Thinning { every_ms: 200, written: 0, last: None, highest: 0 }
    }
}

impl Thinning {
    fn keeps(&mut self, clock_ms: u64, bytes: u64) -> bool {
        if let Some((at, level)) = self.last {
            let passed = clock_ms.saturating_sub(at);
            let differs = |from: u64| bytes.abs_diff(from) > (from / 20).max(4_000_000);
            let record = bytes > self.highest && differs(self.highest);
            let due = passed >= if differs(level) { self.every_ms } else { 50 * self.every_ms };
            if !record && !due {
                return false;
            }
        }
        self.highest = self.highest.max(bytes);
        self.last = Some((clock_ms, bytes));
        self.written += 1;
        if self.written.is_multiple_of(SAMPLES) {
            self.every_ms *= 2;
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Bytes, Millis};

    #[test]
    fn an_old_file_is_never_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let create =
            |attempt| Journal::create(&folder.path().join("outcomes"), "unit-1", 0, attempt).unwrap().1;
        assert_eq!([create(1), create(1), create(5), create(1), create(0)], [1, 2, 5, 3, 4]);
    }

    #[test]
    fn lines_are_there_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let (mut journal, _) = Journal::create(folder.path(), "unit-1", 0, 1).unwrap();
        journal.write(&Event::Start(outcome::Start {
            schema: 1,
            shard: "unit-1".into(),
            ..Default::default()
        }));
        let sample = |ms, bytes| Sample {
            at: 0,
            bytes: Some(Bytes(bytes)),
            available_bytes: None,
            clock_ms: Some(Millis(ms)),
        };
        journal.sample(sample(0, 100));
        journal.sample(sample(100, 900_000_000));
        journal.sample(sample(300, 900_000_000));
        journal.sample(sample(900, 901_000_000));
        let text = std::fs::read_to_string(journal.path()).unwrap();
        let levels: Vec<&str> = text.lines().filter(|line| line.contains("\"sample\"")).collect();
        assert_eq!(levels.len(), 2, "{text}");
        assert!(levels[1].contains("900000000"));
        assert!(outcome::read(text.as_bytes()).is_ok() && journal.failed().is_none());
        // Of a suite that begins now, and is killed, the most stands there in the end.
        let begin = outcome::Begin {
            worker: "main".into(),
            id: "a".into(),
            level_bytes: Some(Bytes(100_000_000)),
            ..Default::default()
        };
        journal.write(&Event::Begin(begin));
        journal.sample(sample(910, 700_000_000));
        journal.sample(sample(920, 800_000_000));
        journal.sample(sample(930, 600_000_000));
        journal.write(&Event::SessionEnd(outcome::SessionEnd { index: 1, attempt: 1, ..Default::default() }));
        let read = outcome::read(&*std::fs::read(journal.path()).unwrap()).unwrap();
        assert_eq!(read.suspects()[0].used, Bytes(700_000_000));
        assert_eq!(read.sessions[0].end.as_ref().map(|end| end.attempt), Some(1));
        // So it does where it is told that it was cut off, and others run on.
        let begin = |id: &str| outcome::Begin { worker: "main".into(), id: id.into(), ..Default::default() };
        journal.write(&Event::Begin(begin("b")));
        journal.sample(sample(1_000, 500_000_000));
        journal.sample(sample(1_010, 550_000_000));
        let cut = outcome::Finished { worker: "main".into(), id: "b".into(), ..Default::default() };
        journal.write(&Event::Suite(cut));
        journal.write(&Event::Begin(begin("c")));
        journal.sample(sample(1_400, 20_000_000));
        let read = outcome::read(&*std::fs::read(journal.path()).unwrap()).unwrap();
        let used: Vec<u64> = read.suspects().iter().map(|it| it.used.0 / 1_000_000).collect();
        assert_eq!(used, [700, 550, 20]);
    }

    #[test]
    fn samples_become_rare_and_never_stop() {
        let mut thinning = Thinning::default();
        // A day of wild changes, forty times a second.
        let kept = (0..86_400 * 40).filter(|i| thinning.keeps(i * 25, (i % 2) * 1_000_000_000)).count();
        assert!((5_000..15_000).contains(&kept), "{kept}");
        // What is higher than ever may be the last before a kill, and cannot go on for ever.
        let mut rising = Thinning::default();
        let kept = [5, 100, 102, 90, 106, 110].map(|megabytes| rising.keeps(0, megabytes * 1_000_000));
        assert_eq!(kept, [true, true, false, false, true, false]);
        let kept = (0..1_000_000).filter(|i| rising.keeps(0, i * 1_000_000)).count();
        assert!((100..300).contains(&kept), "{kept}");
        let mut still = Thinning::default();
        let kept = (0..3_600 * 10).filter(|i| still.keeps(i * 100, 5)).count();
        assert_eq!(kept, 360, "every ten seconds");
    }
}
