//! pytest's reports of whole runs: report-log, one phase of a test a line, and json-report, one document.
//!
//! A test's time is that of its set-up, its call and its tear-down, of all its attempts. A peak of memory
//! is taken from the properties that a test recorded for itself.

use std::collections::BTreeMap;
use std::io::BufRead;

use serde::Deserialize;
use serde_json::Value;

use crate::report::head::Head;
use crate::report::json::{self, Elements, Figure, LineElements, NO_OBJECT, Object, Text};
use crate::report::memory;
use crate::report::{Case, Outcome, Place, ReportError, Sink, Time};

/// Whether this is a log of report-log's.
pub(in crate::report) fn looks_like_log(head: &Head<'_>) -> bool {
    head.has("$report_type")
}

/// Whether this is a report of json-report's. Its tests may come late, behind everything collected.
pub(in crate::report) fn looks_like_report(head: &Head<'_>) -> bool {
    let tests = head.has("tests[].nodeid") && head.has("tests[].outcome");
    tests || (head.has("exitcode") && head.has("root") && head.has("created"))
}

/// Reads a log. The phases of a test may be far apart, and come again when it is run again: memory grows
/// with the tests, which come in the order of their names.
///
/// # Errors
/// A line that is too long.
pub(in crate::report) fn read_log(input: impl BufRead, sink: &mut dyn Sink) -> Result<(), ReportError> {
    let mut log = Log { tests: BTreeMap::new(), sink };
    json::lines(input, &mut log)?;
    let Log { tests, sink } = log;
    for (id, test) in &tests {
        let attempts = test.attempts.max(1);
        let outcome = match test.outcome {
            Outcome::Passed if !test.called => Outcome::Aborted,
            outcome => outcome,
        };
        let last = if attempts > 1 && outcome.is_complete() { test.last } else { None };
        add(id, test.total, outcome, attempts, last, test.bytes, sink);
    }
    Ok(())
}

/// Reads a report.
///
/// # Errors
/// What is no JSON, or not of this shape, with its line.
pub(in crate::report) fn read_report(input: impl BufRead, sink: &mut dyn Sink) -> Result<(), ReportError> {
    json::list(input, Some("tests"), &mut Report(sink))
}

/// Hands on a case by its node id.
fn add(
    id: &str,
    seconds: Option<f64>,
    outcome: Outcome,
    attempts: u32,
    last: Option<f64>,
    bytes: Option<u64>,
    sink: &mut dyn Sink,
) {
    let (file, name) = id.split_once("::").unwrap_or((id, ""));
    let time = seconds.map_or(Time::Absent, Time::Seconds);
    sink.case(&Case { place: Place::file(file), name, time, outcome, attempts, last, bytes, line: None });
}

/// Adds what is known.
fn sum(before: Option<f64>, more: Option<f64>) -> Option<f64> {
    match (before, more) {
        (Some(before), Some(more)) => Some(before + more),
        (before, more) => before.or(more),
    }
}

/// The highest peak among a test's properties: pairs in a list, or objects.
fn peak(properties: &Value, names: &[String]) -> Option<u64> {
    let read = |name: &str, value: &Value| {
        let unit = memory::unit(name, names)?;
        match value {
            Value::String(text) => memory::bytes(text, unit),
            value => memory::bytes(&value.to_string(), unit),
        }
    };
    let of_one = |property: &Value| match property {
        Value::Array(pair) => read(pair.first()?.as_str()?, pair.get(1)?),
        Value::Object(object) => object.iter().filter_map(|(name, value)| read(name, value)).max(),
        _ => None,
    };
    properties.as_array()?.iter().filter_map(of_one).max()
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Phase<'a> {
    #[serde(rename = "$report_type", borrow)]
    kind: Text<'a>,
    #[serde(borrow)]
    nodeid: Text<'a>,
    #[serde(borrow)]
    when: Text<'a>,
    #[serde(borrow)]
    outcome: Text<'a>,
    #[serde(borrow)]
    duration: Figure<'a>,
    /// There, even if empty, where a test was expected to fail.
    #[serde(borrow)]
    wasxfail: Option<Text<'a>>,
    user_properties: Value,
}

struct Log<'s> {
    tests: BTreeMap<Box<str>, Test>,
    sink: &'s mut dyn Sink,
}

#[derive(Clone, Copy, Default)]
struct Test {
    attempts: u32,
    /// Of all attempts, and of the last.
    total: Option<f64>,
    last: Option<f64>,
    /// Of the last attempt.
    outcome: Outcome,
    /// Whether the last attempt came to its call, or to its end without one.
    called: bool,
    bytes: Option<u64>,
}

impl LineElements for Log<'_> {
    type Element<'de> = Phase<'de>;

    fn take(&mut self, line: u64, _: &str, phase: Option<Phase<'_>>) {
        let Some(phase) = phase else {
            self.sink.warn(Some(line), "not an entry of report-log: passed over");
            return;
        };
        if phase.kind.get() != Some("TestReport") {
            return;
        }
        let Some(id) = phase.nodeid.get() else {
            self.sink.warn(Some(line), "a phase without a `nodeid`: passed over");
            return;
        };
        let names = self.sink.memory_properties();
        self.tests.entry(id.into()).or_default().add(&phase, names);
    }
}

impl Test {
    fn add(&mut self, phase: &Phase<'_>, names: &[String]) {
        let when = phase.when.get().unwrap_or_default();
        if when == "setup" || self.attempts == 0 {
            self.attempts = self.attempts.saturating_add(1);
            (self.last, self.outcome, self.called) = (None, Outcome::Passed, false);
        }
        let seconds = phase.duration.number();
        (self.total, self.last) = (sum(self.total, seconds), sum(self.last, seconds));
        self.called |= when != "setup";
        self.bytes = self.bytes.max(peak(&phase.user_properties, names));
        match phase.outcome.get() {
            // Reported by xdist in place of a worker that died.
            Some("failed") if when == "???" => self.outcome = Outcome::Aborted,
            Some("failed" | "rerun") => self.outcome = Outcome::Failed,
            // Failed in its call, as it should.
            Some("skipped") if when == "call" && phase.wasxfail.is_some() => {}
            Some("skipped") => self.outcome = Outcome::Skipped,
            _ => {}
        }
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Entry<'a> {
    #[serde(borrow)]
    nodeid: Text<'a>,
    #[serde(borrow)]
    outcome: Text<'a>,
    #[serde(borrow)]
    setup: Object<Stage<'a>>,
    #[serde(borrow)]
    call: Object<Stage<'a>>,
    #[serde(borrow)]
    teardown: Object<Stage<'a>>,
    user_properties: Value,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Stage<'a> {
    #[serde(borrow)]
    duration: Figure<'a>,
    #[serde(borrow)]
    outcome: Text<'a>,
}

struct Report<'s>(&'s mut dyn Sink);

impl Elements for Report<'_> {
    type Element<'de> = Object<Entry<'de>>;

    fn take(&mut self, Object(entry): Object<Entry<'_>>) {
        let Some(entry) = entry else { return self.0.warn(None, NO_OBJECT) };
        let Some(id) = entry.nodeid.get() else {
            self.0.warn(None, "a test without a `nodeid`: passed over");
            return;
        };
        let stages = || [&entry.setup, &entry.call, &entry.teardown].into_iter().flat_map(|stage| &stage.0);
        let seconds = stages().filter_map(|stage| stage.duration.number());
        let failed = stages().any(|stage| stage.outcome.is("failed"));
        let outcome = match entry.outcome.get() {
            Some("skipped") => Outcome::Skipped,
            // Expected to fail, and not even called.
            Some("xfailed") if entry.call.0.is_none() => Outcome::Skipped,
            Some("failed" | "error") => Outcome::Failed,
            // Only the last attempt of those is there.
            Some("rerun") if failed => Outcome::Failed,
            _ => Outcome::Passed,
        };
        let seconds = seconds.reduce(|sum, seconds| sum + seconds);
        let peak = peak(&entry.user_properties, self.0.memory_properties());
        add(id, seconds, outcome, 1, None, peak, self.0);
    }
}

#[cfg(test)]
mod tests {
    use crate::report::Format;
    use crate::report::testing::{self, check, recognised, refused};

    #[test]
    fn report_log_is_read() {
        let text = include_str!("../../../testdata/reports/pytest-reportlog/run.jsonl");
        recognised(Format::PytestReportlog, text);
        check(
            Format::PytestReportlog,
            text,
            &[
                "test_b.py - - | test_flaky x2 last 0.0001537609969091136 = 0.00057",
                "test_b.py - - | test_pass = 0.000369 1048576 B",
            ],
        );
    }

    #[test]
    fn report_log_may_end_anywhere() {
        let phase = |id: &str, when: &str, outcome: &str, rest: &str| {
            format!(
                "{{\"nodeid\": \"{id}\", \"outcome\": \"{outcome}\", \"when\": \"{when}\"{rest}, \"$report_type\": \"TestReport\"}}\n"
            )
        };
        let text = [
            phase("b.py::t[a::b]", "setup", "passed", ", \"duration\": 1"),
            phase("a.py::killed", "setup", "passed", ", \"duration\": \"0.5\""),
            phase("b.py::t[a::b]", "call", "passed", ", \"duration\": null"),
            phase("c.py::crashed", "???", "failed", ", \"duration\": 0"),
            phase("b.py::t[a::b]", "teardown", "passed", ", \"duration\": 0.25"),
            phase("d.py::r", "setup", "passed", ", \"duration\": 1"),
            phase("d.py::r", "call", "rerun", ", \"duration\": 2"),
            phase("d.py::r", "setup", "passed", ", \"duration\": 4"),
            phase("d.py::r", "call", "passed", ", \"duration\": 8"),
            phase("e.py::x", "call", "skipped", ", \"wasxfail\": \"\""),
            phase("", "call", "passed", ""),
            "{\"nodeid\": \"f".to_owned(),
        ]
        .concat();
        recognised(Format::PytestReportlog, &text);
        check(
            Format::PytestReportlog,
            &text,
            &[
                "warning 11: a phase without a `nodeid`: passed over",
                "warning 12: not an entry of report-log: passed over",
                "a.py - - | killed = 0.5 aborted",
                "b.py - - | t[a::b] = 1.25",
                "c.py - - | crashed = 0 aborted",
                "d.py - - | r x2 last 12 = 15",
                "e.py - - | x",
            ],
        );
    }

    #[test]
    fn json_report_is_read() {
        let text = include_str!("../../../testdata/reports/pytest-json-report/run.json");
        recognised(Format::PytestJsonReport, text);
        check(
            Format::PytestJsonReport,
            text,
            &[
                "test_a.py - - | test_pass = 0.000435 1048576 B",
                "test_a.py - - | test_xfail = 0.000252",
                "test_a.py - - | test_late = 0.00023 failed",
                "test_a.py - - | test_inner = 0.000206 skipped",
                "test_a.py - - | test_flaky = 0.000161",
                "test_b.py - - | test_pass = 0.000296 1048576 B",
                "test_b.py - - | test_xfail = 0.000197",
                "test_b.py - - | test_flaky = 0.000135",
            ],
        );
        check(
            Format::PytestJsonReport,
            r#"{"tests": [{"nodeid": "a.py", "call": {"duration": "x"}}, {"outcome": "passed"}, {"nodeid": "b.py::t", "outcome": "passed", "setup": null, "call": {"duration": -1}, "user_properties": [{"peak_rss": "2 MiB"}, 7]}]}"#,
            &["a.py - - | ", "warning a test without a `nodeid`: passed over", "b.py - - | t = -1 2097152 B"],
        );
        check(
            Format::PytestJsonReport,
            r#"{"tests": ["x", {"nodeid": "a.py::t", "setup": "x", "call": {"duration": 2}, "teardown": [1]}]}"#,
            &["warning an entry that is no object", "a.py - - | t = 2"],
        );
        refused(Format::PytestJsonReport, "{\"tests\": [\n{", "2: not JSON: the file ends in the middle");
        recognised(
            Format::PytestJsonReport,
            r#"{"created": 1.5, "duration": 2, "exitcode": 0, "root": "/x", "collectors": [{"no"#,
        );
        assert!(testing::lines(Format::PytestJsonReport, "{}").unwrap().is_empty());
    }
}
