//! How one executed shard ended, with what was measured: the lines of
//! `outcomes/<shard>.<round>.<attempt>.jsonl`, and what they come to.
//!
//! The lines are written while the shard runs, each flushed at once, so that a kill loses at most the
//! last. So everything here is made for a file that ends anywhere.

mod event;
mod observe;
mod read;

use std::collections::{BTreeMap, BTreeSet};

pub use event::{
    At, Begin, End, Event, Finished, Floor, Host, Import, Meter, SCHEMA, Sample, SessionEnd, SessionStart,
    Settled, Start, Status, Stopped,
};
pub use observe::{Observed, SessionObserved, SuiteObserved, observe};
pub use read::{LINE_MAX, PassedOver, SIZE_MAX, read, recognise};

use crate::model::Bytes;

/// Most suites at once whose levels are followed: more than any machine has workers.
const FLIGHTS_MAX: usize = 256;

/// The name of an outcome's file.
#[must_use]
pub fn file_name(shard: &str, round: u32, attempt: u32) -> String {
    format!("{shard}.{round}.{attempt}.jsonl")
}

/// Shard, round and attempt of such a name.
#[must_use]
pub fn parse_file_name(name: &str) -> Option<(&str, u32, u32)> {
    let mut parts = name.strip_suffix(".jsonl")?.rsplitn(3, '.');
    let (attempt, round) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
    let shard = parts.next().filter(|shard| !shard.is_empty() && !shard.contains(['.', '/']))?;
    Some((shard, round, attempt))
}

/// What the lines of one file come to.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Outcome {
    /// The first line, unless it was cut.
    pub start: Option<Start>,
    /// Every start of every session, in the order in which they began.
    pub sessions: Vec<Session>,
    /// The sample with the most bytes.
    pub highest: Option<Sample>,
    /// The sample at which the machine had least left.
    pub scarcest: Option<Sample>,
    /// The last sample.
    pub last: Option<Sample>,
    /// How it ended; `None`: it was cut off.
    pub end: Option<End>,
    /// What of the file was not used.
    pub passed_over: PassedOver,
}

/// One start of one session.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Session {
    /// How it began.
    pub start: SessionStart,
    /// What each worker held before any suite.
    pub floors: BTreeMap<String, Bytes>,
    /// What collecting added, in order.
    pub imports: Vec<Import>,
    /// What ended, in order; a suite may have several parts.
    pub finished: Vec<Finished>,
    /// What workers held without garbage, each with how many had ended before.
    pub settled: Vec<(usize, Settled)>,
    /// How it ended; `None`: it was still running at the end of the file.
    pub end: Option<SessionEnd>,
    /// What runs, or ran when it was cut off, by worker and suite.
    open: BTreeMap<(String, String), Flight>,
}

/// A suite that has not ended.
#[derive(Clone, Debug, Default, PartialEq)]
struct Flight {
    /// Begins less ends. A suite may have parts, and its end may stand before its begin where several processes write.
    begins: i64,
    /// The last begin.
    begin: Option<Begin>,
    /// What the last sample before it saw.
    before: Option<Bytes>,
    /// The most that samples saw since.
    highest: Option<Bytes>,
    /// It was cut off, and what else ran later says nothing of it.
    over: bool,
}

/// A suite that was cut off.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Suspect<'a> {
    /// How it last began.
    pub begin: &'a Begin,
    /// It had its process to itself.
    pub alone: bool,
    /// What it had used at most: the highest level while it ran, less that at its start. What is left when a suite has
    /// been killed says nothing of what it needed.
    pub used: Bytes,
}

impl Outcome {
    /// Takes the next event. Any order is borne, though only the true one says all that it could.
    pub fn add(&mut self, event: Event) {
        match event {
            Event::Start(start) => drop(self.start.get_or_insert(start)),
            Event::Session(start) => match self.find(start.index, start.attempt) {
                // Its end or a suite of it came first.
                Some(session) => session.start = start,
                None => self.sessions.push(Session { start, ..Session::default() }),
            },
            Event::Floor(floor) => {
                let slot = self.session(floor.session).floors.entry(floor.worker).or_default();
                *slot = floor.bytes.max(*slot);
            }
            Event::Import(import) => self.session(import.session).imports.push(import),
            Event::Settled(settled) => {
                let session = self.session(settled.session);
                session.settled.push((session.finished.len(), settled));
            }
            Event::Begin(begin) => {
                let key = (begin.worker.clone(), begin.id.clone());
                let before = self.last.and_then(|sample| sample.bytes);
                let flights = &mut self.session(begin.session).open;
                let flight = flights.entry(key.clone()).or_default();
                let begins = flight.begins + 1;
                *flight = Flight { begins, begin: Some(begin), before, ..Flight::default() };
                if begins == 0 {
                    flights.remove(&key);
                }
            }
            Event::Suite(suite) => {
                let session = self.session(suite.session);
                let key = (suite.worker.clone(), suite.id.clone());
                if suite.status.is_executed() {
                    let flight = session.open.entry(key.clone()).or_default();
                    flight.begins -= 1;
                    if flight.begins == 0 {
                        session.open.remove(&key);
                    }
                } else if let Some(flight) = session.open.get_mut(&key) {
                    flight.over = true;
                }
                session.finished.push(suite);
            }
            Event::Sample(sample) => {
                if sample.bytes > self.highest.and_then(|highest| highest.bytes) {
                    self.highest = Some(sample);
                }
                let left = |sample: Sample| sample.available_bytes.unwrap_or(Bytes(u64::MAX));
                if self.scarcest.is_none_or(|scarcest| left(sample) < left(scarcest)) {
                    self.scarcest = Some(sample);
                }
                // A machine's clock may be set back.
                let time = |sample: Sample| (sample.clock_ms, sample.at);
                if self.last.is_none_or(|last| time(last) <= time(sample)) {
                    self.last = Some(sample);
                }
                let session = self.sessions.last_mut().filter(|session| session.open.len() <= FLIGHTS_MAX);
                let flights = session.map(|session| session.open.values_mut()).into_iter().flatten();
                for flight in flights.filter(|flight| !flight.over) {
                    flight.highest = flight.highest.max(sample.bytes);
                }
            }
            Event::SessionEnd(end) => {
                let (index, attempt) = (end.index, end.attempt);
                if self.find(index, attempt).is_none() {
                    let start = SessionStart { index, attempt, ..SessionStart::default() };
                    self.sessions.push(Session { start, ..Session::default() });
                }
                if let Some(session) = self.find(index, attempt) {
                    session.end = Some(end);
                }
            }
            Event::End(end) => self.end = Some(end),
        }
    }

    fn find(&mut self, index: u32, attempt: u32) -> Option<&mut Session> {
        self.sessions
            .iter_mut()
            .rev()
            .find(|session| (session.start.index, session.start.attempt) == (index, attempt))
    }

    /// The session that an event belongs to: the last start of the one that it names, else the last that
    /// began.
    fn session(&mut self, index: Option<u32>) -> &mut Session {
        let known = match index {
            Some(index) => self.sessions.iter().rposition(|session| session.start.index == index),
            None => self.sessions.len().checked_sub(1),
        };
        let place = known.unwrap_or_else(|| {
            let start = SessionStart { index: index.unwrap_or(1), attempt: 1, ..SessionStart::default() };
            self.sessions.push(Session { start, ..Session::default() });
            self.sessions.len() - 1
        });
        &mut self.sessions[place]
    }

    /// Of every session its last start, by their places in the shard.
    pub fn last_starts(&self) -> impl Iterator<Item = &Session> {
        let mut last: BTreeMap<u32, &Session> = BTreeMap::new();
        for session in &self.sessions {
            let slot = last.entry(session.start.index).or_insert(session);
            if session.start.attempt >= slot.start.attempt {
                *slot = session;
            }
        }
        last.into_values()
    }

    /// The most bytes that any meter saw.
    #[must_use]
    pub fn peak(&self) -> Option<Bytes> {
        let sessions = self.sessions.iter().filter_map(|session| session.end.as_ref()?.peak_bytes);
        let samples = self.highest.and_then(|sample| sample.bytes);
        sessions.chain(samples).chain(self.end.as_ref().and_then(|end| end.peak_bytes)).max()
    }

    /// The last that is known of the memory in use: the last sample's, else the highest level at which a
    /// suite in flight began.
    #[must_use]
    pub fn last_level(&self) -> Option<Bytes> {
        let sample = self.last.and_then(|sample| sample.bytes);
        sample.or_else(|| self.in_flight().iter().filter_map(|begin| begin.level_bytes).max())
    }

    /// Suites that were cut off: begun in whatever session, and executed in none.
    #[must_use]
    pub fn in_flight(&self) -> Vec<&Begin> {
        let executed = self.executed();
        let begun = self.sessions.iter().flat_map(Session::in_flight);
        begun.filter(|begin| !executed.contains(begin.id.as_str())).collect()
    }

    /// The suites that were cut off, each once.
    #[must_use]
    pub fn suspects(&self) -> Vec<Suspect<'_>> {
        let mut last: BTreeMap<&str, Suspect<'_>> = BTreeMap::new();
        let executed = self.executed();
        for session in &self.sessions {
            let asked = match session.start.suites.len() {
                0 => self.start.as_ref().and_then(|start| start.suites).unwrap_or(0),
                some => some,
            };
            for (begin, flight) in session.flights() {
                // It may have been killed before anybody looked.
                let level = flight.highest.or(flight.before).unwrap_or_default();
                let used = level.saturating_sub(begin.level_bytes.unwrap_or_default());
                if !executed.contains(begin.id.as_str()) {
                    last.insert(&begin.id, Suspect { begin, alone: asked == 1, used });
                }
            }
        }
        last.into_values().collect()
    }

    /// The suites that failed when they last ran.
    #[must_use]
    pub fn failed(&self) -> BTreeSet<&str> {
        let mut failed = BTreeSet::new();
        for session in &self.sessions {
            let executed = session.executed();
            failed.retain(|id| !executed.contains(id));
            let bad = session.finished.iter().filter(|part| part.status == Status::Failed);
            failed.extend(bad.map(|part| part.id.as_str()).filter(|id| executed.contains(id)));
        }
        failed
    }

    /// Every suite that was executed in whatever session.
    #[must_use]
    pub fn executed(&self) -> BTreeSet<&str> {
        self.sessions.iter().flat_map(Session::executed).collect()
    }
}

impl Session {
    /// Suites that were running when it ended, or when the file did, each with its worker.
    pub fn in_flight(&self) -> impl Iterator<Item = &Begin> {
        self.flights().map(|(begin, _)| begin)
    }

    /// The same, with what else is known of each.
    fn flights(&self) -> impl Iterator<Item = (&Begin, &Flight)> {
        let begun = self.open.values().filter(|flight| flight.begins > 0);
        begun.filter_map(|flight| Some((flight.begin.as_ref()?, flight)))
    }

    /// Whether somebody was there who tells of suites, and none began.
    #[must_use]
    pub fn began_nothing(&self) -> bool {
        !self.floors.is_empty() && self.finished.is_empty() && self.open.is_empty()
    }

    /// Suites that were executed, with all their parts.
    #[must_use]
    pub fn executed(&self) -> BTreeSet<&str> {
        let finished = self.finished.iter().filter(|suite| suite.status.is_executed());
        let mut executed: BTreeSet<&str> = finished.map(|suite| suite.id.as_str()).collect();
        for begin in self.in_flight() {
            executed.remove(begin.id.as_str());
        }
        executed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: &str = r#"{"event":"start","schema":1,"shard":"e2e-1","tier":"e2e","plan":"sha256:ab","run":"gh-1","attempt":1,"key":"linux-x64","at":100,"host":{"memory_bytes":8000,"limit_bytes":null,"available_bytes":7000,"cpus":2}}"#;
    const SESSION: &str = r#"{"event":"session","index":1,"attempt":1,"at":100,"suites":["a","b"]}"#;

    fn begin(worker: &str, id: &str) -> String {
        format!(r#"{{"event":"begin","worker":"{worker}","id":"{id}","at":101,"level_bytes":50}}"#)
    }

    fn suite(worker: &str, id: &str, status: &str) -> String {
        format!(
            r#"{{"event":"suite","worker":"{worker}","id":"{id}","ms":4,"before_bytes":50,"peak_bytes":90,"after_bytes":60,"status":"{status}","last":false}}"#
        )
    }

    fn sample(bytes: u64, available: u64) -> String {
        format!(r#"{{"event":"sample","at":102,"bytes":{bytes},"available_bytes":{available}}}"#)
    }

    fn folded(lines: &[String]) -> Outcome {
        read(lines.join("\n").as_bytes()).unwrap()
    }

    /// Executed suites, then those in flight with their workers.
    #[track_caller]
    fn check(lines: &[String], expect: &str) -> Outcome {
        let outcome = folded(lines);
        let executed: Vec<&str> = outcome.executed().into_iter().collect();
        let flying: Vec<String> =
            outcome.in_flight().iter().map(|begin| format!("{}@{}", begin.id, begin.worker)).collect();
        assert_eq!(format!("{} | {}", executed.join(" "), flying.join(" ")).trim(), expect);
        outcome
    }

    #[test]
    fn a_kill_leaves_suites_in_flight() {
        let lines = [
            START.into(),
            SESSION.into(),
            begin("gw0", "a"),
            begin("gw1", "b"),
            sample(90, 20),
            sample(80, 10),
            suite("gw0", "a", "passed"),
            begin("gw0", "c"),
            r#"{"event":"suite","worker":"gw1","id":"b","m"#.into(),
        ];
        let outcome = check(&lines, "a | c@gw0 b@gw1");
        let used = |outcome: &Outcome| {
            let suspects = outcome.suspects().into_iter();
            suspects.map(|it| format!("{} {}", it.begin.id, it.used.0)).collect::<Vec<_>>()
        };
        assert_eq!(used(&outcome), ["b 40", "c 30"], "nobody has looked since c began");
        let seen = [sample(70, 20), sample(60, 20)];
        let sampled = check(&[&lines[..8], &seen].concat(), "a | c@gw0 b@gw1");
        assert_eq!(
            (used(&sampled), sampled.last_level()),
            (vec!["b 40".into(), "c 20".into()], Some(Bytes(60)))
        );
        // What others need later is not its own.
        let gone = [suite("gw1", "b", "unfinished"), begin("gw1", "d"), sample(99, 20)];
        let sampled = check(&[&lines[..8], &gone].concat(), "a | c@gw0 b@gw1 d@gw1");
        assert_eq!(used(&sampled), ["b 40", "c 49", "d 49"]);
        // Nor is what came long after one that was killed before anybody looked.
        let gone = [suite("gw0", "c", "unfinished"), begin("gw0", "d"), sample(99, 20)];
        let sampled = check(&[&lines[..8], &gone].concat(), "a | c@gw0 d@gw0 b@gw1");
        assert_eq!(used(&sampled), ["b 49", "c 30", "d 49"]);
        assert!(outcome.passed_over.cut && outcome.end.is_none() && outcome.sessions[0].end.is_none());
        assert_eq!((outcome.peak(), outcome.last_level()), (Some(Bytes(90)), Some(Bytes(80))));
        assert_eq!(outcome.scarcest.unwrap().available_bytes, Some(Bytes(10)));
        assert_eq!(outcome.start.unwrap().shard, "e2e-1");
    }

    #[test]
    fn a_later_session_finishes_what_an_earlier_began() {
        let again = SESSION.replace(r#""attempt":1"#, r#""attempt":2"#);
        let end = r#"{"event":"session-end","index":1,"attempt":1,"at":103,"exit":null,"signal":9,"peak_bytes":95,"method":"tree"}"#;
        let lines = [
            START.into(),
            SESSION.into(),
            begin("main", "a"),
            end.into(),
            again,
            begin("main", "a"),
            suite("main", "a", "failed"),
            begin("main", "b"),
            suite("main", "b", "skipped"),
        ];
        let outcome = check(&lines, "a b |");
        assert_eq!(outcome.sessions.len(), 2);
        assert_eq!(outcome.sessions[0].in_flight().count(), 1);
        assert_eq!(outcome.sessions[0].end.as_ref().unwrap().signal, Some(9));
        assert_eq!(outcome.peak(), Some(Bytes(95)));
    }

    #[test]
    fn order_and_doubles_change_nothing() {
        let mut lines: Vec<String> = vec![START.into(), SESSION.into()];
        lines.extend([suite("gw0", "a", "passed"), begin("gw0", "a"), begin("gw0", "b"), begin("gw0", "b")]);
        let outcome = check(&lines, "a | b@gw0");
        assert_eq!(outcome.passed_over, PassedOver { doubles: 1, ..PassedOver::default() });
        // An event that names its session is not lost to one that began since.
        let other = SESSION.replace(r#""index":1"#, r#""index":2"#);
        lines.insert(2, other);
        lines[3] = lines[3].replace(r#""last":false"#, r#""last":false,"session":1"#);
        lines[4] = lines[4].replace(r#""at":101"#, r#""at":101,"session":1"#);
        let outcome = check(&lines, "a | b@gw0");
        assert_eq!(outcome.sessions[0].finished.len(), 1);
        // The end of a session before its beginning.
        let end = r#"{"event":"session-end","index":1,"attempt":1,"at":103,"exit":0,"signal":null,"peak_bytes":95,"method":"tree"}"#;
        let outcome = check(&[START.into(), end.into(), SESSION.into()], "|");
        assert_eq!((outcome.sessions.len(), outcome.sessions[0].start.suites.len()), (1, 2));
    }

    #[test]
    fn a_part_of_a_suite_that_was_cut_off_leaves_all_of_it_undone() {
        let lines = [
            START.into(),
            SESSION.into(),
            begin("gw0", "a"),
            begin("gw1", "a"),
            suite("gw0", "a", "passed"),
            begin("gw0", "b"),
            suite("gw0", "b", "unfinished"),
        ];
        check(&lines, "| b@gw0 a@gw1");
    }

    #[test]
    fn what_is_not_known_is_counted() {
        let lines = [
            START.into(),
            r#"{"event":"dance","steps":3}"#.into(),
            r#"{"event":"suite","worker":"w"}"#.into(),
            "[]".into(),
            String::new(),
            r#"{"event":"end","at":1,"exit":0,"verdict":"passed","confidence":"certain","evidence":[],"peak_bytes":null,"not_run":[],"mood":"good"}"#.into(),
        ];
        let outcome = folded(&lines);
        let expect = PassedOver { unknown: 1, broken: 2, ..PassedOver::default() };
        assert_eq!((outcome.passed_over, outcome.end.is_some()), (expect, true));
    }

    #[test]
    fn what_is_no_outcome_is_refused() {
        let check = |text: &str, expect: &str| {
            let err = read(text.as_bytes()).unwrap_err().to_string();
            assert!(err.starts_with(expect), "{err}");
        };
        check("", "this is no outcome");
        check("{\"Action\":\"run\"}\n", "this is no outcome");
        let newer = START.replace(r#""schema":1"#, r#""schema":2"#);
        check(&newer, "1: schema 2 is newer than this shard understands (1): update shard");
        // A newer start of another shape too.
        check(r#"{"event":"start","schema":7,"shard":{"name":1}}"#, "1: schema 7 is newer");
        let endless = std::io::BufReader::new(std::io::repeat(b'x'));
        assert_eq!(read(endless).unwrap_err().to_string(), "1: a line of more than 16 MiB");
        assert!(recognise(START.as_bytes()) && recognise(newer.as_bytes()));
        assert!(!recognise(br#"{"type":"suite","event":"started","test_count":1}"#) && !recognise(b"<a/>"));
    }

    #[test]
    fn names_of_files_are_read_back() {
        assert_eq!(parse_file_name(&file_name("e2e-1", 2, 13)), Some(("e2e-1", 2, 13)));
        for name in [
            "e2e-1.jsonl",
            "e2e-1.1.jsonl",
            ".1.1.jsonl",
            "e2e-1.1.1.json",
            "e2e-1.x.1.jsonl",
            "a.b.1.1.jsonl",
        ] {
            assert_eq!(parse_file_name(name), None, "{name}");
        }
    }

    /// Lines that are cut, doubled, swapped and spoilt at random.
    #[test]
    fn nothing_panics() {
        let whole = [
            START.to_owned(),
            SESSION.to_owned(),
            r#"{"event":"floor","worker":"main","bytes":9}"#.to_owned(),
            r#"{"event":"import","worker":"main","id":"a","bytes":-3}"#.to_owned(),
            r#"{"event":"settled","worker":"main","bytes":7}"#.to_owned(),
            begin("main", "a"),
            sample(90, 20),
            suite("main", "a", "passed"),
            begin("main", "b"),
            r#"{"event":"session-end","index":1,"attempt":1,"at":103,"exit":1,"signal":null,"peak_bytes":95,"method":"tree"}"#.to_owned(),
            r#"{"event":"end","at":9,"exit":1,"verdict":"test-failure","confidence":"certain","evidence":["x"],"peak_bytes":5,"not_run":["b"]}"#.to_owned(),
        ];
        const ODD: [&str; 10] =
            ["\0", "\"", "{", "99999999999999999999", "-1", "1e99", "null", "[[", "\n", "\u{202e}"];
        let (mut state, mut usable) = (7_u64, 0);
        let mut below = |n: usize| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) as usize % n
        };
        for _ in 0..3_000 {
            let mut lines = whole.to_vec();
            for _ in 0..=below(3) {
                let (a, b) = (below(lines.len()), below(lines.len()));
                match below(3) {
                    0 => lines.swap(a, b),
                    1 => lines.insert(a, lines[b].clone()),
                    _ => drop(lines.remove(a)),
                }
            }
            let mut bytes = lines.join("\n").into_bytes();
            for _ in 0..=below(3) {
                let at = below(bytes.len() + 1);
                match below(4) {
                    0 => bytes.truncate(at.max(1)),
                    1 => drop(bytes.splice(at..at, ODD[below(ODD.len())].bytes())),
                    2 => drop(bytes.drain(at..bytes.len().min(at + 20))),
                    _ => bytes.insert(at, below(256) as u8),
                }
            }
            if let Ok(outcome) = read(bytes.as_slice()) {
                usable += 1;
                let executed = outcome.executed();
                assert!(outcome.in_flight().iter().all(|begin| !executed.contains(begin.id.as_str())));
                let _ = (outcome.peak(), outcome.last_level());
            }
        }
        assert!(usable > 2_000, "{usable}");
    }
}
