//! The lines of an outcome: one event each, written and flushed as it happens.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::{Bytes, Confidence, Millis, Verdict};

/// The version of the format that we write, and the newest that we read.
pub const SCHEMA: u64 = 1;

/// Seconds since 1970, as in the history.
pub type At = i64;

/// Something that happened while a shard ran. What was not measured is null or left out, never 0.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Event {
    /// The shard began. The first line.
    Start(Start),
    /// A session began: a process of the test runner.
    Session(SessionStart),
    /// What a worker holds before any suite.
    Floor(Floor),
    /// What collecting a suite added.
    Import(Import),
    /// A suite began.
    Begin(Begin),
    /// A suite ended, or a part of it where one suite's tests run on several workers or in turns.
    Suite(Finished),
    /// What a worker held without garbage.
    Settled(Settled),
    /// What the session and all its processes held at one moment.
    Sample(Sample),
    /// A session ended.
    SessionEnd(SessionEnd),
    /// The shard ended, and why. The last line; a file without it was cut off by what it is to explain.
    End(End),
}

impl Event {
    /// The event as a line of the file, with its line break.
    ///
    /// # Errors
    /// None in practice: every value here can be written as JSON.
    pub fn line(&self) -> serde_json::Result<Vec<u8>> {
        let mut line = serde_json::to_vec(self)?;
        line.push(b'\n');
        Ok(line)
    }
}

/// The shard began.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Start {
    /// The version of this format. Readers refuse a newer one.
    #[schemars(extend("const" = SCHEMA))]
    pub schema: u64,
    /// The shard's name.
    pub shard: String,
    /// Its tier.
    pub tier: String,
    /// The digest of the plan.
    pub plan: String,
    /// The digest of the first plan, where this one is what was left of it after some rounds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub root: Option<String>,
    /// The CI's name for the run, or `local-…`.
    pub run: String,
    /// How often the plan was made again after a failure; 0 for the first.
    #[serde(default)]
    pub round: u32,
    /// Which start of this shard in its run, from 1.
    #[serde(default = "one")]
    pub attempt: u32,
    /// Whose observations compare, such as `linux-x64`.
    #[serde(default)]
    pub key: String,
    /// When, in seconds since 1970.
    #[serde(default)]
    pub at: At,
    /// The machine.
    #[serde(default)]
    pub host: Host,
    /// Processes that work side by side in one session.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workers: Option<u32>,
    /// What the plan allows at the peak.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub budget_bytes: Option<Bytes>,
    /// The plan's prediction of the peak.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub predicted_bytes: Option<Bytes>,
    /// The plan's prediction of the time, without set-up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub predicted_ms: Option<Millis>,
    /// The number of the CI's job where it says that: GitHub's `job.check_run_id`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub check_run: Option<u64>,
    /// The shard's suites, all sessions together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suites: Option<usize>,
}

/// The machine that a shard ran on, when it began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Host {
    /// All memory of the machine.
    pub memory_bytes: Option<Bytes>,
    /// The lowest limit of the control groups above us.
    pub limit_bytes: Option<Bytes>,
    /// What could be taken without swapping.
    pub available_bytes: Option<Bytes>,
    /// CPUs that we may use, rounded up.
    pub cpus: Option<u32>,
    /// Whether a kill for want of memory can be proved here: a counter of the kernel can be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub oom_provable: Option<bool>,
}

/// A session began.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SessionStart {
    /// Its place in the plan's shard, from 1. Sessions that the plan does not have go on from there.
    pub index: u32,
    /// Which start of this session, from 1.
    #[serde(default = "one")]
    pub attempt: u32,
    /// When, in seconds since 1970.
    #[serde(default)]
    pub at: At,
    /// Time since the shard began, by a clock that never jumps.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clock_ms: Option<Millis>,
    /// The suites that it was asked to run.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub suites: Vec<String>,
    /// Its suite has it to itself to be learned, which is not how the plan would run it: as a session it says nothing.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub alone: bool,
}

/// What a worker holds before any suite.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Floor {
    /// `main`, `gw0`, …: any name that tells the workers of a session apart.
    pub worker: String,
    /// Before anything was collected.
    pub bytes: Bytes,
    /// The number of its process: what its children hold counts for the suite that it runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pid: Option<u32>,
    /// The index of its session, where several run side by side; else the last that began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<u32>,
}

/// What a worker held between two suites or at its end when all garbage was gone, where that is not found out behind every
/// suite: what those since the last time left altogether.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Settled {
    /// `main`, `gw0`, …: any name that tells the workers of a session apart.
    pub worker: String,
    /// What it held.
    pub bytes: Bytes,
    /// The index of its session, where several run side by side; else the last that began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<u32>,
}

/// What collecting a suite added to its worker.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Import {
    /// `main`, `gw0`, …: any name that tells the workers of a session apart.
    pub worker: String,
    /// The suite.
    pub id: String,
    /// What it added; may be negative, since memory is also given back.
    pub bytes: i64,
    /// The index of its session, where several run side by side; else the last that began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<u32>,
}

/// A suite began.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Begin {
    /// `main`, `gw0`, …: any name that tells the workers of a session apart.
    pub worker: String,
    /// The suite.
    pub id: String,
    /// When, in seconds since 1970.
    #[serde(default)]
    pub at: At,
    /// What the worker held.
    pub level_bytes: Option<Bytes>,
    /// Time since the shard began, by a clock that never jumps.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clock_ms: Option<Millis>,
    /// The index of its session, where several run side by side; else the last that began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<u32>,
}

/// A suite, or a part of it, ended.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Finished {
    /// `main`, `gw0`, …: any name that tells the workers of a session apart.
    pub worker: String,
    /// The suite.
    pub id: String,
    /// How long it ran.
    pub ms: Option<Millis>,
    /// What the worker held when it began.
    pub before_bytes: Option<Bytes>,
    /// The most that the worker held while it ran.
    pub peak_bytes: Option<Bytes>,
    /// What the worker held when it ended.
    pub after_bytes: Option<Bytes>,
    /// How much of that it added for all that follow, because it came first: fixtures of the whole session or package, room for V8's young objects.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shared_bytes: Option<Bytes>,
    /// How it ended.
    pub status: Status,
    /// It was the last of its worker's session: what it seems to give back is the end of the session.
    #[serde(default)]
    pub last: bool,
    /// Of its own process, where each suite has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit: Option<i32>,
    /// The signal that ended its own process.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signal: Option<i32>,
    /// How long its own process was stopped besides, to leave memory to others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rested_ms: Option<Millis>,
    /// The index of its session, where several run side by side; else the last that began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<u32>,
}

/// How a suite ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    /// It ran to its end; tests of it may have been skipped.
    Passed,
    /// It ran to its end, and something was wrong.
    Failed,
    /// All of it was skipped.
    Skipped,
    /// It began and was cut off. Words that a later version may add are taken for this.
    #[default]
    #[serde(other)]
    Unfinished,
}

impl Status {
    /// Whether its time and memory say what it takes.
    #[must_use]
    pub fn is_complete(self) -> bool {
        matches!(self, Status::Passed | Status::Failed)
    }

    /// Whether the test runner has done with it: a skipped suite was executed.
    #[must_use]
    pub fn is_executed(self) -> bool {
        self != Status::Unfinished
    }
}

/// What the session and all its processes held at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Sample {
    /// When, in seconds since 1970.
    #[serde(default)]
    pub at: At,
    /// What they held.
    pub bytes: Option<Bytes>,
    /// What the machine had left.
    pub available_bytes: Option<Bytes>,
    /// Time since the shard began, by a clock that never jumps.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clock_ms: Option<Millis>,
}

/// A session ended.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SessionEnd {
    /// Its place in the plan's shard, from 1.
    pub index: u32,
    /// Which start of this session, from 1.
    #[serde(default = "one")]
    pub attempt: u32,
    /// When, in seconds since 1970.
    #[serde(default)]
    pub at: At,
    /// Its exit code; null where a signal ended it.
    pub exit: Option<i32>,
    /// The signal that ended it.
    pub signal: Option<i32>,
    /// The most that it held.
    pub peak_bytes: Option<Bytes>,
    /// What measured that: `cgroup2`, `cgroup1`, `highwater`, `tree`, `wait4`, ….
    pub method: Option<String>,
    /// How long it ran.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ms: Option<Millis>,
    /// What the other meters said.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub meters: Vec<Meter>,
    /// Why no control group of its own measured it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ungrouped: Option<String>,
    /// Kills for want of memory in our own control group while it ran.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub oom_kills: Option<u64>,
    /// Such kills on the whole machine while it ran; in a container those of neighbours too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub machine_oom_kills: Option<u64>,
    /// What made us end it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stopped: Option<Stopped>,
    /// The order in which suites ran is not that of the selection.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub shuffled: bool,
    /// What its end alone means, where that was told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verdict: Option<Verdict>,
}

/// A peak by one way of measuring it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Meter {
    /// What measured it: `cgroup2`, `cgroup1`, `highwater`, `tree`, `wait4`, ….
    pub method: String,
    /// The most that it saw.
    pub peak_bytes: Bytes,
}

/// What made `shard run` end a session.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Stopped {
    /// The machine's memory was about to run out.
    Guard,
    /// It was above the budget, where the budget binds.
    Budget,
    /// No output and no CPU for the time that was allowed.
    Idle,
    /// The total time was over.
    Timeout,
    /// We were told to end, by a signal.
    Signal,
    /// It gave way to an older one when memory became short.
    Evicted,
    /// For a reason that a later version knows.
    #[default]
    #[serde(other)]
    Other,
}

/// The shard ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct End {
    /// When, in seconds since 1970.
    #[serde(default)]
    pub at: At,
    /// The code that `shard run` passes on.
    pub exit: i32,
    /// What it means.
    pub verdict: Verdict,
    /// How sure that is.
    pub confidence: Confidence,
    /// What speaks for it, in sentences.
    #[serde(default)]
    pub evidence: Vec<String>,
    /// The largest of the sessions' peaks.
    pub peak_bytes: Option<Bytes>,
    /// Suites of the shard that nothing executed: not begun, or begun and cut off.
    #[serde(default)]
    pub not_run: Vec<String>,
    /// What to do next.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub advice: Option<String>,
    /// How long the shard took, by a clock that never jumps.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clock_ms: Option<Millis>,
}

fn one() -> u32 {
    1
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every kind of event as the format fixes it: names and their order.
    #[test]
    fn lines_are_those_of_the_format() {
        let check = |event: Event, expect: &str| {
            assert_eq!(String::from_utf8(event.line().unwrap()).unwrap(), format!("{expect}\n"));
            assert_eq!(serde_json::from_str::<Event>(expect).unwrap(), event, "{expect}");
        };
        let host = Host {
            memory_bytes: Some(Bytes(8)),
            limit_bytes: None,
            available_bytes: Some(Bytes(7)),
            cpus: Some(2),
            oom_provable: None,
        };
        let start = Start {
            schema: 1,
            shard: "e2e-1".into(),
            tier: "e2e".into(),
            plan: "sha256:ab".into(),
            run: "gh-123".into(),
            round: 0,
            attempt: 1,
            key: "linux-x64".into(),
            at: 1_760_000_000,
            host,
            ..Start::default()
        };
        check(
            Event::Start(start),
            r#"{"event":"start","schema":1,"shard":"e2e-1","tier":"e2e","plan":"sha256:ab","run":"gh-123","round":0,"attempt":1,"key":"linux-x64","at":1760000000,"host":{"memory_bytes":8,"limit_bytes":null,"available_bytes":7,"cpus":2}}"#,
        );
        let session = SessionStart { index: 1, attempt: 1, at: 5, ..SessionStart::default() };
        check(Event::Session(session), r#"{"event":"session","index":1,"attempt":1,"at":5}"#);
        let floor = Floor { worker: "main".into(), bytes: Bytes(9), pid: Some(7), session: None };
        let settled = Settled { worker: "main".into(), bytes: Bytes(9), session: None };
        check(Event::Settled(settled), r#"{"event":"settled","worker":"main","bytes":9}"#);
        check(Event::Floor(floor), r#"{"event":"floor","worker":"main","bytes":9,"pid":7}"#);
        let import = Import { worker: "main".into(), id: "a".into(), bytes: -3, session: None };
        check(Event::Import(import), r#"{"event":"import","worker":"main","id":"a","bytes":-3}"#);
        let begin = Begin { worker: "main".into(), id: "a".into(), at: 6, ..Begin::default() };
        check(Event::Begin(begin), r#"{"event":"begin","worker":"main","id":"a","at":6,"level_bytes":null}"#);
        let suite = Finished {
            worker: "main".into(),
            id: "a".into(),
            ms: Some(Millis(4)),
            before_bytes: Some(Bytes(1)),
            peak_bytes: Some(Bytes(3)),
            after_bytes: Some(Bytes(2)),
            status: Status::Passed,
            ..Finished::default()
        };
        check(
            Event::Suite(suite),
            r#"{"event":"suite","worker":"main","id":"a","ms":4,"before_bytes":1,"peak_bytes":3,"after_bytes":2,"status":"passed","last":false}"#,
        );
        let sample = Sample { at: 7, bytes: Some(Bytes(5)), available_bytes: Some(Bytes(4)), clock_ms: None };
        check(Event::Sample(sample), r#"{"event":"sample","at":7,"bytes":5,"available_bytes":4}"#);
        let end = SessionEnd {
            index: 1,
            attempt: 1,
            at: 8,
            exit: Some(0),
            peak_bytes: Some(Bytes(5)),
            method: Some("cgroup2".into()),
            ..SessionEnd::default()
        };
        check(
            Event::SessionEnd(end),
            r#"{"event":"session-end","index":1,"attempt":1,"at":8,"exit":0,"signal":null,"peak_bytes":5,"method":"cgroup2"}"#,
        );
        let end = End {
            at: 9,
            exit: 143,
            verdict: Verdict::OutOfMemory,
            confidence: Confidence::Certain,
            evidence: vec!["x".into()],
            peak_bytes: Some(Bytes(5)),
            not_run: vec!["b".into()],
            advice: None,
            clock_ms: None,
        };
        check(
            Event::End(end),
            r#"{"event":"end","at":9,"exit":143,"verdict":"out-of-memory","confidence":"certain","evidence":["x"],"peak_bytes":5,"not_run":["b"]}"#,
        );
    }

    #[test]
    fn words_of_a_later_version_are_the_careful_ones() {
        let suite = r#"{"event":"suite","worker":"w","id":"a","status":"dozing","new":[1]}"#;
        let Ok(Event::Suite(suite)) = serde_json::from_str(suite) else { panic!("{suite}") };
        assert_eq!((suite.status, suite.ms, suite.last), (Status::Unfinished, None, false));
    }
}
