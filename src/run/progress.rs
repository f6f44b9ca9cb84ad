//! What is known of a piece while it runs: everything that was written down of it, and which of its
//! suites are running and done.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::session::Piece;
use crate::model::Bytes;
use crate::outcome::{Event, Finished, Outcome, SessionEnd, Start};

/// Most events that are kept of one piece; a session may write as many as it likes.
const EVENTS_MAX: usize = 1_000_000;

/// What is known of a piece.
pub(super) struct Progress {
    /// Everything that was written down.
    pub(super) outcome: Outcome,
    events: usize,
    places: BTreeMap<String, usize>,
    /// Workers and their suites.
    running: BTreeMap<(String, String), Running>,
    /// The processes of workers.
    pids: BTreeMap<String, u32>,
    /// Most bytes that one process said to have held.
    pub(super) highest: Option<Bytes>,
    done: BTreeSet<usize>,
    /// Its processes told about suites of it.
    pub(super) reported: bool,
    /// The place of the suite that began last, and its id.
    last: Option<(usize, String)>,
    /// The first that began after a later one, and that one.
    pub(super) shuffled: Option<(String, String)>,
    /// How it ended, as far as that is known.
    pub(super) end: SessionEnd,
}

/// A suite that runs in a process that is known.
pub(super) struct Watched {
    pub(super) pid: u32,
    begin: usize,
    key: (String, String),
}

/// A suite that is running.
struct Running {
    since: Duration,
    /// Which begin it was: a suite may have several parts.
    begin: usize,
    /// Most bytes that its worker was seen to hold with the processes that it started.
    seen: Option<Bytes>,
}

impl Progress {
    /// Nothing is known yet; `start` is the shard's.
    pub(super) fn new(piece: &Piece, start: &Start) -> Progress {
        let start = Start { suites: Some(piece.suites.len()), ..start.clone() };
        Progress {
            outcome: Outcome { start: Some(start), ..Outcome::default() },
            events: 0,
            places: piece.suites.iter().enumerate().map(|(place, suite)| (suite.id.clone(), place)).collect(),
            running: BTreeMap::new(),
            pids: BTreeMap::new(),
            highest: None,
            done: BTreeSet::new(),
            reported: false,
            last: None,
            shuffled: None,
            end: SessionEnd { index: piece.index, attempt: piece.attempt, ..SessionEnd::default() },
        }
    }

    /// Takes an event. `in_order`: its suites should begin in their order.
    pub(super) fn add(&mut self, event: Event, now: Duration, in_order: bool) {
        match &event {
            Event::Floor(floor) => drop(floor.pid.map(|pid| self.pids.insert(floor.worker.clone(), pid))),
            Event::Begin(begin) => {
                if let Some(place) = self.places.get(&begin.id).copied() {
                    self.reported = true;
                    let later = self.last.as_ref().filter(|(last, _)| in_order && place < *last);
                    if let Some((_, later)) = later.filter(|_| self.shuffled.is_none()) {
                        self.shuffled = Some((begin.id.clone(), later.clone()));
                    }
                    self.last = Some((place, begin.id.clone()));
                    let running = Running { since: now, begin: self.events, seen: None };
                    self.running.insert((begin.worker.clone(), begin.id.clone()), running);
                }
            }
            Event::Suite(suite) => {
                self.running.remove(&(suite.worker.clone(), suite.id.clone()));
                if let Some(place) = self.places.get(&suite.id).copied() {
                    self.reported = true;
                    if suite.status.is_executed() {
                        self.done.insert(place);
                    }
                }
            }
            _ => {}
        }
        // What the end says must not be lost to what was said before.
        if self.events < EVENTS_MAX || matches!(event, Event::SessionEnd(_)) {
            self.events += 1;
            self.outcome.add(event);
        }
    }

    /// The suites whose worker's process is known, each with that process; a suite that begins anew is another
    /// one.
    pub(super) fn watched(&self) -> Vec<Watched> {
        let watched = |((worker, id), running): (&(String, String), &Running)| {
            let key = (worker.clone(), id.clone());
            Some(Watched { pid: *self.pids.get(worker)?, begin: running.begin, key })
        };
        self.running.iter().filter_map(watched).collect()
    }

    /// Takes down what a worker was seen to hold, with the processes that it started, while a suite ran;
    /// nothing where that one is not running any more.
    pub(super) fn saw(&mut self, watched: &Watched, bytes: Bytes) {
        if let Some(running) = self.running.get_mut(&watched.key)
            && running.begin == watched.begin
        {
            running.seen = running.seen.max(Some(bytes));
        }
    }

    /// Adds to a suite's end what it cannot know itself: what the processes that it started held.
    pub(super) fn complete(&mut self, suite: &mut Finished) {
        self.highest = self.highest.max(suite.peak_bytes);
        let seen = self.running.get(&(suite.worker.clone(), suite.id.clone())).and_then(|one| one.seen);
        suite.peak_bytes = suite.peak_bytes.map(|peak| peak.max(seen.unwrap_or_default()));
    }

    /// How many suites are done.
    pub(super) fn done(&self) -> usize {
        self.done.len()
    }

    /// The suite that has been running longest, and since when.
    pub(super) fn longest(&self) -> Option<(&str, Duration)> {
        let running = self.running.iter().map(|((_, id), one)| (id.as_str(), one.since));
        running.min_by_key(|(_, since)| *since)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome::{Begin, Finished, Status};

    #[test]
    fn suites_begin_end_and_lose_their_order() {
        let suite = |id: &str| crate::plan::file::Suite { id: id.into(), ..super::super::session::suite() };
        let piece = Piece { suites: vec![suite("a"), suite("b"), suite("c")], ..Piece::default() };
        let mut progress = Progress::new(&piece, &Start::default());
        let begin = |id: &str| Event::Begin(Begin { worker: "w".into(), id: id.into(), ..Begin::default() });
        let end = |id: &str, status| {
            Event::Suite(Finished { worker: "w".into(), id: id.into(), status, ..Finished::default() })
        };
        let at = Duration::from_secs;
        progress.add(begin("elsewhere"), at(1), true);
        assert!(!progress.reported && progress.longest().is_none());
        progress.add(begin("a"), at(2), true);
        assert_eq!(progress.longest(), Some(("a", at(2))));
        progress.add(end("a", Status::Passed), at(3), true);
        progress.add(begin("c"), at(3), true);
        progress.add(end("c", Status::Unfinished), at(4), true);
        assert!(progress.reported && progress.shuffled.is_none());
        progress.add(begin("b"), at(5), true);
        let first = Some(("b".to_owned(), "c".to_owned()));
        assert_eq!((progress.done(), &progress.shuffled), (1, &first));
        assert!(progress.outcome.executed().contains("a"));
        progress.add(begin("a"), at(6), true);
        assert_eq!(progress.shuffled, first);
    }
}
