//! What an outcome teaches: observations of suites, and figures of sessions.
//!
//! Nothing is learned from what was skipped or cut off, but what collecting it added: that came first.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use super::{Finished, Outcome, Session};
use crate::model::{Bytes, Millis, Observation};

/// What one outcome teaches.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Observed {
    /// By session, then id.
    pub suites: Vec<SuiteObserved>,
    /// Of every session its last start, without those that learned one suite.
    pub sessions: Vec<SessionObserved>,
}

/// What one session measured of one suite, all its parts combined.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SuiteObserved {
    /// The index of the session, from 1: with shard, round and attempt it names the part of the run.
    pub session: u32,
    /// The suite.
    pub id: String,
    /// The figures.
    pub seen: Observation,
}

/// What one start of one session measured as a whole.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SessionObserved {
    /// Its index, from 1.
    pub session: u32,
    /// Which start of it, from 1.
    pub attempt: u32,
    /// It ended by itself, and every suite that it was asked for was executed: only then its peak and time say
    /// what the whole session takes.
    pub complete: bool,
    /// What its workers held before any suite, all together.
    pub floor: Option<Bytes>,
    /// What collecting and shared fixtures added, in the worker where they added most.
    pub import_level: Option<Bytes>,
    /// The most that it held.
    pub peak: Option<Bytes>,
    /// How long it ran.
    pub time: Option<Millis>,
    /// Time of its suites, each added to that of the worker that ran it: the longest worker.
    pub longest_worker: Millis,
    /// Workers that ran suites.
    pub workers: usize,
    /// The suites that it executed, in the order in which they first ended.
    pub order: Vec<String>,
}

/// What `outcome` teaches.
#[must_use]
pub fn observe(outcome: &Outcome) -> Observed {
    let mut suites: BTreeMap<(u32, &str), Observation> = BTreeMap::new();
    let mut sessions: Vec<&Session> = outcome.sessions.iter().collect();
    // Of a session that was started again, the last start that measured a suite counts.
    sessions.sort_by_key(|session| (session.start.index, session.start.attempt));
    for session in sessions {
        for (id, seen) in of_session(session) {
            let slot = suites.entry((session.start.index, id)).or_default();
            let import = seen.import.or(slot.import);
            if seen.time.is_some() || seen.peak.is_some() || seen.transient.is_some() {
                *slot = seen;
            }
            slot.import = import;
        }
    }
    let suite = |((session, id), seen): ((u32, &str), Observation)| SuiteObserved {
        session,
        id: id.to_owned(),
        seen,
    };
    Observed {
        suites: suites.into_iter().map(suite).collect(),
        sessions: outcome.last_starts().filter(|session| !session.start.alone).map(figures).collect(),
    }
}

/// The observations of one start of a session, by suite; none that says nothing.
fn of_session(session: &Session) -> BTreeMap<&str, Observation> {
    let shares = shares(session);
    let mut parts: BTreeMap<&str, Vec<Part>> = BTreeMap::new();
    for (place, finished) in session.finished.iter().enumerate() {
        parts.entry(&finished.id).or_default().push(Part { finished, share: shares.get(&place).copied() });
    }
    let cut_off: BTreeSet<&str> = session.in_flight().map(|begin| begin.id.as_str()).collect();
    let mut seen: BTreeMap<&str, Observation> = BTreeMap::new();
    for (id, mut parts) in parts {
        let executed = parts.iter().all(|part| part.finished.status.is_executed());
        // A worker that got nothing but skipped tests of a suite says nothing of it.
        parts.retain(|part| part.finished.status.is_complete());
        if executed && !parts.is_empty() && !cut_off.contains(id) {
            seen.insert(id, combined(&parts));
        }
    }
    for import in &session.imports {
        let slot = &mut seen.entry(&import.id).or_default().import;
        *slot = (*slot).max(Some(import.bytes));
    }
    // What is shared is paid like an import: once by every worker, whoever comes first. It is counted of the worker
    // that paid most.
    let most = shared_by_worker(session).into_iter().max_by_key(|(worker, bytes)| (*bytes, Reverse(*worker)));
    for part in &session.finished {
        if let (Some(bytes), Some((worker, _))) = (part.shared_bytes, most)
            && part.worker == worker
        {
            let slot = &mut seen.entry(&part.id).or_default().import;
            *slot = Some(slot.unwrap_or(0).saturating_add(signed(bytes)));
        }
    }
    seen.retain(|_, seen| *seen != Observation::default());
    seen
}

/// A part of a suite, and what it has left where that is not found out alone.
struct Part<'a> {
    finished: &'a Finished,
    share: Option<Share>,
}

/// An even share of what several suites have left, one after another.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Share {
    bytes: i64,
    /// How many of them came before.
    earlier: i64,
}

/// The shares of what a worker's suites left altogether, by the places of what ended.
fn shares(session: &Session) -> BTreeMap<usize, Share> {
    /// What a worker held without garbage, what is known that suites added since, and what ended besides.
    #[derive(Default)]
    struct Group {
        from: Option<i64>,
        known: i64,
        places: Vec<usize>,
    }
    let mut groups: BTreeMap<&str, Group> = BTreeMap::new();
    let mut shares = BTreeMap::new();
    let mut settled = session.settled.iter().peekable();
    for place in 0..=session.finished.len() {
        while let Some((_, level)) = settled.next_if(|(before, _)| *before <= place) {
            let group = groups.entry(&level.worker).or_default();
            let to = signed(level.bytes);
            if let (Some(from), count @ 1..) = (group.from, group.places.len()) {
                let count = i64::try_from(count).unwrap_or(i64::MAX);
                let bytes = to.saturating_sub(from).saturating_sub(group.known) / count;
                let share = |(earlier, place): (i64, usize)| (place, Share { bytes, earlier });
                shares.extend((0..).zip(group.places.drain(..)).map(share));
            }
            *group = Group { from: Some(to), ..Group::default() };
        }
        let Some(part) = session.finished.get(place) else { break };
        let Some(before) = part.before_bytes else { continue };
        let group = groups.entry(&part.worker).or_default();
        group.from.get_or_insert(signed(before));
        let shared = part.shared_bytes.unwrap_or_default();
        let known =
            part.after_bytes.map_or(signed(shared), |after| signed(after).saturating_sub(signed(before)));
        group.known = group.known.saturating_add(known);
        if part.after_bytes.is_none() {
            group.places.push(place);
        }
    }
    shares
}

/// What each worker added for all of its suites; workers that did.
fn shared_by_worker(session: &Session) -> BTreeMap<&str, Bytes> {
    let mut sums: BTreeMap<&str, Bytes> = BTreeMap::new();
    for part in &session.finished {
        if let Some(bytes) = part.shared_bytes {
            let sum = sums.entry(&part.worker).or_default();
            *sum += bytes;
        }
    }
    sums
}

fn signed(bytes: Bytes) -> i64 {
    i64::try_from(bytes.0).unwrap_or(i64::MAX)
}

/// Time and retained summed, transient and peak the largest. A sum of which a part is not known is not known.
fn combined(parts: &[Part]) -> Observation {
    let time = parts.iter().map(|part| observation(part).time).sum::<Option<Millis>>();
    let retained = parts
        .iter()
        .map(|part| observation(part).retained)
        .try_fold(0_i64, |sum, part| Some(sum.saturating_add(part?)));
    Observation {
        time,
        import: None,
        retained,
        transient: parts.iter().filter_map(|part| observation(part).transient).max(),
        peak: parts.iter().filter_map(|part| observation(part).peak).max(),
        killed: None,
    }
}

/// What the boundaries of one part say.
fn observation(&Part { finished: part, share }: &Part) -> Observation {
    let (before, peak, after) = (part.before_bytes, part.peak_bytes, part.after_bytes);
    let shared = part.shared_bytes.unwrap_or_default();
    let retained = before
        .zip(after)
        .map(|(before, after)| signed(after).saturating_sub(signed(before)).saturating_sub(signed(shared)));
    // The end of the session gives back what the suite before it would have kept. How much of what it held that is nobody
    // knows: all of it is transient.
    let retained = retained.filter(|_| !part.last).or(share.map(|share| share.bytes));
    // Those before it have left their shares too, above what was held without garbage.
    let left = share.map_or(1, |share| share.earlier.saturating_add(1));
    let kept = Bytes(retained.unwrap_or(0).max(0).saturating_mul(left).unsigned_abs()) + shared;
    Observation {
        time: part.ms.map(|time| Millis(time.0.max(1))),
        import: None,
        retained,
        transient: before.zip(peak).map(|(before, peak)| peak.saturating_sub(before).saturating_sub(kept).0),
        peak: peak.map(|peak| peak.0),
        killed: None,
    }
}

fn figures(session: &Session) -> SessionObserved {
    let executed = session.executed();
    let asked = session.start.suites.iter();
    let all = asked.clone().count() > 0 && asked.clone().all(|id| executed.contains(id.as_str()));
    let by_itself = session.end.as_ref().is_some_and(|end| end.exit.is_some() && end.stopped.is_none());
    let mut order: Vec<&str> = Vec::new();
    let mut known: BTreeSet<&str> = BTreeSet::new();
    let mut workers: BTreeMap<&str, Millis> = BTreeMap::new();
    for part in session.finished.iter().filter(|part| part.status.is_executed()) {
        *workers.entry(&part.worker).or_default() += part.ms.unwrap_or_default();
        if known.insert(&part.id) {
            order.push(&part.id);
        }
    }
    SessionObserved {
        session: session.start.index,
        attempt: session.start.attempt,
        complete: by_itself && all && session.in_flight().next().is_none(),
        floor: (!session.floors.is_empty()).then(|| session.floors.values().copied().sum()),
        import_level: import_level(session),
        peak: session.end.as_ref().and_then(|end| end.peak_bytes),
        time: time(session),
        longest_worker: workers.values().copied().max().unwrap_or_default(),
        workers: workers.len(),
        order: order.into_iter().map(str::to_owned).collect(),
    }
}

/// A worker's level at its first suite above its floor, and what its suites then added for all; where that level is not
/// known, the sum of what it said that collecting added.
fn import_level(session: &Session) -> Option<Bytes> {
    let mut levels: BTreeMap<&str, Bytes> = BTreeMap::new();
    for part in &session.finished {
        let floor = session.floors.get(&part.worker).copied();
        if let (Some(floor), Some(before)) = (floor, part.before_bytes) {
            levels.entry(&part.worker).or_insert(before.saturating_sub(floor));
        }
    }
    let mut sums: BTreeMap<&str, i64> = BTreeMap::new();
    for import in &session.imports {
        let sum = sums.entry(&import.worker).or_default();
        *sum = sum.saturating_add(import.bytes);
    }
    for (worker, sum) in sums {
        levels.entry(worker).or_insert(Bytes(sum.max(0).unsigned_abs()));
    }
    for (worker, shared) in shared_by_worker(session) {
        let level = levels.entry(worker).or_default();
        *level += shared;
    }
    levels.into_values().max()
}

/// As it was measured, else by its beginning and end, to the second.
fn time(session: &Session) -> Option<Millis> {
    let end = session.end.as_ref()?;
    let seconds = || {
        let seconds = u64::try_from(end.at.checked_sub(session.start.at)?).ok()?;
        (session.start.at > 0).then(|| Millis(seconds.saturating_mul(1_000)))
    };
    end.ms.or_else(seconds)
}

impl Outcome {
    /// The name of what one session of it measured, unique in its run: `shard.round.attempt.session`.
    /// `None` where the outcome does not say whose it is.
    #[must_use]
    pub fn part(&self, session: u32) -> Option<String> {
        let start = self.start.as_ref()?;
        Some(format!("{}.{}.{}.{session}", start.shard, start.round, start.attempt))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome::read;

    /// Events in short: words that stand for one line each.
    fn outcome(events: &[&str]) -> Outcome {
        let line = |event: &&str| {
            let words: Vec<&str> = event.split(' ').collect();
            match words.as_slice() {
                ["session", index, attempt, suites] => {
                    let suites: Vec<&str> = suites.split(',').collect();
                    let suites = serde_json::to_string(&suites).unwrap();
                    format!(
                        r#"{{"event":"session","index":{index},"attempt":{attempt},"at":100,"suites":{suites}}}"#
                    )
                }
                ["floor", worker, bytes] => {
                    format!(r#"{{"event":"floor","worker":"{worker}","bytes":{bytes}}}"#)
                }
                ["import", worker, id, bytes] => {
                    format!(r#"{{"event":"import","worker":"{worker}","id":"{id}","bytes":{bytes}}}"#)
                }
                ["begin", worker, id] => {
                    format!(r#"{{"event":"begin","worker":"{worker}","id":"{id}","level_bytes":1}}"#)
                }
                ["suite", worker, id, status, ms, before, peak, after, last @ ..] => format!(
                    r#"{{"event":"suite","worker":"{worker}","id":"{id}","ms":{ms},"before_bytes":{before},"peak_bytes":{peak},"after_bytes":{after},"status":"{status}","last":{}}}"#,
                    !last.is_empty()
                ),
                ["shares", worker, id, before, peak, after, shared] => format!(
                    r#"{{"event":"suite","worker":"{worker}","id":"{id}","ms":9,"before_bytes":{before},"peak_bytes":{peak},"after_bytes":{after},"shared_bytes":{shared},"status":"passed"}}"#
                ),
                ["settled", worker, bytes] => {
                    format!(r#"{{"event":"settled","worker":"{worker}","bytes":{bytes}}}"#)
                }
                ["end", index, attempt, exit, peak] => format!(
                    r#"{{"event":"session-end","index":{index},"attempt":{attempt},"at":107,"exit":{exit},"signal":null,"peak_bytes":{peak},"method":"tree"}}"#
                ),
                _ => panic!("{event}"),
            }
        };
        let start = r#"{"event":"start","schema":1,"shard":"e2e-1","tier":"e2e","plan":"p","run":"r","attempt":2,"key":"k","at":100,"host":{}}"#;
        let lines: Vec<String> = [start.to_owned()].into_iter().chain(events.iter().map(line)).collect();
        let outcome = read(lines.join("\n").as_bytes()).unwrap();
        assert_eq!(outcome.passed_over, Default::default());
        outcome
    }

    /// `session id time import retained transient peak`, `-` for what is not known.
    fn shown(observed: &Observed) -> Vec<String> {
        fn or_dash<T: ToString>(value: Option<T>) -> String {
            value.map_or("-".into(), |value| value.to_string())
        }
        let line = |suite: &SuiteObserved| {
            let Observation { time, import, retained, transient, peak, .. } = suite.seen;
            let figures = [
                or_dash(time.map(|time| time.0)),
                or_dash(import),
                or_dash(retained),
                or_dash(transient),
                or_dash(peak),
            ];
            format!("{} {} {}", suite.session, suite.id, figures.join(" "))
        };
        observed.suites.iter().map(line).collect()
    }

    #[track_caller]
    fn check(events: &[&str], expect: &[&str]) -> Observed {
        let observed = observe(&outcome(events));
        assert_eq!(shown(&observed), expect);
        observed
    }

    #[test]
    fn boundaries_give_retained_and_transient() {
        check(
            &[
                "session 1 1 a,b,c,d",
                "import main a 30",
                "import main b -5",
                "suite main a passed 4 100 400 150",
                "suite main b failed 0 150 160 120",
                "suite main c passed 7 120 320 70 last",
                "suite main d passed 7 null 90 null",
            ],
            &["1 a 4 30 50 250 400", "1 b 1 -5 -30 10 160", "1 c 7 - - 200 320", "1 d 7 - - - 90"],
        );
        check(&["session 1 1 a", "suite main a passed 4 100 400 150 last"], &["1 a 4 - - 300 400"]);
        // A peak below what stayed: the meters differ, and nothing is negative.
        check(&["session 1 1 a", "suite main a passed 4 100 120 150"], &["1 a 4 - 50 0 120"]);
    }

    #[test]
    fn what_several_left_altogether_is_shared_among_them() {
        check(
            &[
                "session 1 1 a,b,c,d,e,f,g",
                "suite main a passed 9 100 150 null",
                "suite gw0 g passed 9 50 60 null",
                // Garbage of those before it is in its peak.
                "suite main b passed 9 100 180 null",
                "shares main c 100 300 null 40",
                // Known alone, it has no share in what they left.
                "suite main d passed 9 100 500 200",
                "settled main 300",
                "suite main e passed 9 300 310 310",
                "suite main f passed 9 310 330 null",
                // It gave back more than it added.
                "settled main 290",
                // It never ran a suite, or nothing was left to find out.
                "settled gw1 70",
                "settled main 295",
            ],
            &[
                "1 a 9 - 20 30 150",
                "1 b 9 - 20 40 180",
                "1 c 9 40 20 100 300",
                "1 d 9 - 100 300 500",
                "1 e 9 - 10 0 310",
                "1 f 9 - -20 20 330",
                "1 g 9 - - 10 60",
            ],
        );
    }

    #[test]
    fn what_the_first_pays_for_all_is_no_part_of_what_it_keeps() {
        let observed = check(
            &[
                "session 1 1 a,b,c",
                "floor main 50",
                "import main a 30",
                "shares main a 100 400 170 60",
                "suite main b passed 9 170 200 180",
                // It gave back more than it added.
                "shares main c 180 240 190 50",
            ],
            &["1 a 9 90 10 230 400", "1 b 9 - 10 20 200", "1 c 9 50 -40 10 240"],
        );
        assert_eq!(observed.sessions[0].import_level, Some(Bytes(50 + 60 + 50)));
        // Every worker pays: the one that pays most counts.
        let workers = [
            "session 1 1 a,b,c",
            "shares gw0 a 100 400 170 60",
            "shares gw1 b 100 180 165 60",
            "shares gw1 c 165 180 176 5",
        ];
        let observed = check(&workers, &["1 a 9 - 10 230 400", "1 b 9 60 5 15 180", "1 c 9 5 6 4 180"]);
        assert_eq!(observed.sessions[0].import_level, Some(Bytes(65)));
    }

    #[test]
    fn skipped_and_unfinished_teach_no_more_than_imports() {
        check(
            &[
                "session 1 1 a,b,c",
                "import main a 30",
                "import main c 7",
                "suite main a skipped 1 100 100 100",
                "suite main b skipped 1 100 100 100",
                "begin main c",
                "suite main c unfinished 9 100 900 900",
            ],
            &["1 a - 30 - - -", "1 c - 7 - - -"],
        );
    }

    #[test]
    fn parts_are_combined() {
        let parts = [
            "session 1 1 a",
            "import gw0 a 30",
            "import gw1 a 40",
            "suite gw0 a passed 4 100 400 150",
            "suite gw1 a failed 5 90 500 100",
        ];
        check(&parts, &["1 a 9 40 60 400 500"]);
        // A part in which all was skipped takes nothing away.
        check(&[&parts[..], &["suite gw2 a skipped 1 10 20 15"]].concat(), &["1 a 9 40 60 400 500"]);
        // A part that was cut off, or whose end is not known, leaves the sum unknown.
        check(&[&parts[..], &["begin gw2 a"]].concat(), &["1 a - 40 - - -"]);
        check(&[&parts[..], &["suite gw2 a passed 1 10 20 5 last"]].concat(), &["1 a 10 40 - 400 500"]);
    }

    #[test]
    fn the_last_start_of_a_session_counts() {
        check(
            &[
                "session 1 1 a,b",
                "import main a 30",
                "suite main a passed 4 100 400 150",
                "begin main b",
                "end 1 1 125 900",
                "session 1 2 a,b",
                "suite main a passed 6 100 300 120",
                "suite main b passed 8 120 130 125",
                "session 2 1 c",
                "suite main c passed 1 1 2 1",
            ],
            &["1 a 6 30 20 180 300", "1 b 8 - 5 5 130", "2 c 1 - 0 1 2"],
        );
    }

    #[test]
    fn sessions_have_figures_of_their_own() {
        let events = [
            "session 1 1 a,b,c",
            "floor gw0 50",
            "floor gw1 60",
            "import gw0 a 5",
            "suite gw0 a passed 4 80 400 90",
            "suite gw1 b passed 5 85 500 100",
            "suite gw0 c skipped 3 90 91 90 last",
            "end 1 1 1 700",
        ];
        let observed = observe(&outcome(&events));
        let expect = SessionObserved {
            session: 1,
            attempt: 1,
            complete: true,
            floor: Some(Bytes(110)),
            import_level: Some(Bytes(30)),
            peak: Some(Bytes(700)),
            time: Some(Millis(7_000)),
            longest_worker: Millis(7),
            workers: 2,
            order: ["a", "b", "c"].map(str::to_owned).to_vec(),
        };
        assert_eq!(observed.sessions, [expect]);
        let cut = observe(&outcome(&events[..6])).sessions.remove(0);
        assert_eq!((cut.complete, cut.peak, cut.time), (false, None, None));
        let not_asked = observe(&outcome(&["session 1 1 a", "end 1 1 0 5"])).sessions.remove(0);
        assert!(!not_asked.complete && not_asked.floor.is_none() && not_asked.import_level.is_none());
        assert_eq!(outcome(&events).part(1), Some("e2e-1.0.2.1".to_owned()));
    }
}
