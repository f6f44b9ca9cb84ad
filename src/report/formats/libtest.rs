//! libtest's JSON: `cargo test -- -Z unstable-options --format json [--report-time]`, and what cargo-nextest
//! writes in its manner (`--message-format libtest-json` and `libtest-json-plus`).
//!
//! A test binary is the unit. nextest writes its name in front of each test's. libtest does not write it at
//! all, but cargo announces every binary on its standard error: with both in one log it is known there too,
//! and so is the binary's own time. Of several attempts nextest writes the time of the last. Of the tests
//! only those that are open are kept.

use std::collections::BTreeMap;
use std::io::BufRead;

use serde::Deserialize;

use super::cargo;
use crate::report::head::Head;
use crate::report::json::{self, Figure, LineElements, Text};
use crate::report::{Case, Outcome, Place, ReportError, Sink, Whole};

/// Whether this is a log of such events.
pub(in crate::report) fn looks_like(head: &Head<'_>) -> bool {
    let own = ["test_count", "filtered_out", "exec_time"].into_iter().any(|key| head.has(key));
    head.has("type") && head.has("event") && own
}

/// Reads a log. What is open at its end, or at that of its binary, is aborted.
///
/// # Errors
/// A line that is too long.
pub(in crate::report) fn read(input: impl BufRead, sink: &mut dyn Sink) -> Result<(), ReportError> {
    let mut log = Log { announced: None, suite: Suite::default(), open: BTreeMap::new(), sink };
    json::lines(input, &mut log)?;
    log.abort(|_| true);
    Ok(())
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Event<'a> {
    #[serde(rename = "type", borrow)]
    kind: Text<'a>,
    #[serde(borrow)]
    event: Text<'a>,
    #[serde(borrow)]
    name: Text<'a>,
    #[serde(borrow)]
    exec_time: Figure<'a>,
    #[serde(borrow)]
    nextest: Option<Nextest<'a>>,
}

/// What `libtest-json-plus` adds to a suite.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Nextest<'a> {
    #[serde(rename = "crate", borrow)]
    package: Text<'a>,
    #[serde(borrow)]
    test_binary: Text<'a>,
    #[serde(borrow)]
    kind: Text<'a>,
}

struct Log<'s> {
    /// The binary that cargo said it runs next.
    announced: Option<String>,
    suite: Suite,
    /// Tests that have begun, by their full names, with their binary.
    open: BTreeMap<String, Option<String>>,
    sink: &'s mut dyn Sink,
}

/// What is known of the binary that runs.
#[derive(Default)]
struct Suite {
    unit: Option<String>,
    /// What nextest writes in front of its tests, where that is not `unit`.
    prefix: Option<String>,
}

impl LineElements for Log<'_> {
    type Element<'de> = Event<'de>;

    fn take(&mut self, line: u64, text: &str, event: Option<Event<'_>>) {
        let Some(event) = event else {
            match cargo::announced(text) {
                Some(unit) => self.announced = Some(unit.to_owned()),
                None => self.sink.warn(Some(line), "not an event of libtest: passed over"),
            }
            return;
        };
        match (event.kind.get(), event.event.get()) {
            (Some("suite"), Some("started")) => {
                // nextest lets the tests of a binary go on behind those of another.
                self.abort(|test| !test.contains('$'));
                self.suite = Suite { unit: self.announced.take(), prefix: None };
                if let Some(nextest) = &event.nextest {
                    self.suite.is(nextest);
                }
            }
            (Some("suite"), Some(_)) => self.suite_ends(line, &event),
            (Some("test"), Some("started")) => {
                if let Some(name) = event.name.get() {
                    self.open.insert(name.to_owned(), self.suite.unit_of(name));
                }
            }
            // It takes long, and its end is still to come.
            (Some("test"), Some("timeout")) => {}
            (Some("test"), Some(end)) => self.test_ends(line, &event, end),
            (Some("bench"), _) => self.test_ends(line, &event, "ok"),
            _ => {}
        }
    }
}

impl Log<'_> {
    fn test_ends(&mut self, line: u64, event: &Event<'_>, end: &str) {
        let full = event.name.get().unwrap_or_default();
        // nextest writes which attempt it was behind a name, but not when it begins.
        let (started, attempts) = match full.rsplit_once('#').map(|(name, attempt)| (name, attempt.parse())) {
            Some((name, Ok(attempt))) if full.contains('$') => (name, attempt),
            _ => (full, 1),
        };
        let unit = self.open.remove(started).unwrap_or_else(|| self.suite.unit_of(started));
        self.sink.case(&Case {
            place: unit.as_deref().map_or(Place::default(), Place::file),
            name: name_of(started),
            time: event.exec_time.time(1.0),
            outcome: match end {
                "failed" => Outcome::Failed,
                "ignored" => Outcome::Skipped,
                _ => Outcome::Passed,
            },
            attempts,
            line: Some(line),
            ..Case::default()
        });
    }

    /// The time of a binary is its own only with libtest: nextest's is the sum of its tests.
    fn suite_ends(&mut self, line: u64, event: &Event<'_>) {
        let Some(unit) = self.suite.unit.as_deref().filter(|_| self.suite.prefix.is_none()) else { return };
        let (place, time) = (Place::file(unit), event.exec_time.time(1.0));
        let failed = event.event.get() == Some("failed");
        let outcome = if failed { Outcome::Failed } else { Outcome::Passed };
        if time.known().is_some() {
            let line = Some(line);
            self.sink.whole(&Whole { place, time, exact: true, outcome, line, ..Whole::default() });
        }
    }

    /// Reports open tests that nothing more will be heard of.
    fn abort(&mut self, lost: impl Fn(&str) -> bool) {
        let sink = &mut *self.sink;
        self.open.retain(|test, unit| {
            let lost = lost(test);
            if lost {
                let place = unit.as_deref().map_or(Place::default(), Place::file);
                sink.case(&Case { place, name: name_of(test), outcome: Outcome::Aborted, ..Case::default() });
            }
            !lost
        });
    }
}

impl Suite {
    /// The binary's id, as nextest has it everywhere else.
    fn is(&mut self, nextest: &Nextest<'_>) {
        let (Some(package), Some(binary)) = (nextest.package.get(), nextest.test_binary.get()) else {
            return;
        };
        self.prefix = Some(format!("{package}::{binary}"));
        self.unit = Some(match nextest.kind.get() {
            Some("lib" | "proc-macro") => package.to_owned(),
            Some("test") | None => format!("{package}::{binary}"),
            Some(kind) => format!("{package}::{kind}/{binary}"),
        });
    }

    /// The binary of a test.
    fn unit_of(&self, test: &str) -> Option<String> {
        let Some((prefix, _)) = test.split_once('$') else { return self.unit.clone() };
        if self.prefix.as_deref() == Some(prefix) {
            return self.unit.clone();
        }
        // A library is named after its package.
        let id = match prefix.split_once("::") {
            Some((package, binary)) if package.replace('-', "_") == binary.replace('-', "_") => package,
            _ => prefix,
        };
        Some(id.to_owned())
    }
}

/// A test's name inside its binary.
fn name_of(test: &str) -> &str {
    test.split_once('$').map_or(test, |(_, name)| name)
}

#[cfg(test)]
mod tests {
    use crate::report::Format;
    use crate::report::testing::{self, recognised};

    fn check(text: &str, expect: &[&str]) {
        testing::check(Format::LibtestJson, text, expect);
        recognised(Format::LibtestJson, text);
    }

    #[test]
    fn what_libtest_writes_is_read() {
        check(
            include_str!("../../../testdata/reports/libtest-json/cargo-test.jsonl"),
            &[
                "warning 1: not an event of libtest: passed over",
                "warning 2: not an event of libtest: passed over",
                "probe - - | tests::ignored skipped",
                "probe - - | tests::fails = 0.000034 failed",
                "probe - - | tests::passes = 0.005066",
                "whole probe = 0.005335 failed",
                "warning 12: not an event of libtest: passed over",
                "it - - | flaky = 0.000047 failed",
                "whole it = 0.000158 failed",
                "warning 18: not an event of libtest: passed over",
                "Doc-tests probe - - | src/lib.rs - one (line 1) = 0.000735",
                "whole Doc-tests probe = 0.000854",
                "warning 25: not an event of libtest: passed over",
                "warning 26: not an event of libtest: passed over",
                "warning 27: not an event of libtest: passed over",
            ],
        );
    }

    #[test]
    fn what_nextest_writes_is_read() {
        check(
            include_str!("../../../testdata/reports/libtest-json/nextest-plus.jsonl"),
            &[
                "probe - - | tests::ignored skipped",
                "probe - - | tests::passes = 0.009081",
                "probe - - | tests::fails x2 = 0.007816 failed",
                "probe::it - - | flaky x2 = 0.004542",
            ],
        );
        check(
            r#"{"type":"suite","event":"started","test_count":1}
{"type":"test","event":"started","name":"my-crate::my_crate$a::b"}
{"type":"test","event":"started","name":"my-crate::bin$c"}
{"type":"suite","event":"started","test_count":1}
{"type":"test","event":"failed","name":"my-crate::my_crate$a::b#3","exec_time":1.5}
{"type":"suite","event":"failed","passed":0,"failed":1,"exec_time":1.5}"#,
            &["my-crate - - | a::b x3 = 1.5 failed", "my-crate::bin - - | c aborted"],
        );
    }

    #[test]
    fn what_never_ended_is_told() {
        check(
            r#"     Running tests/it.rs (target\debug\deps\it-ac0dd66501234567.exe)
{ "type": "suite", "event": "started", "test_count": 2 }
{ "type": "test", "event": "started", "name": "crash" }
{ "type": "test", "event": "started", "name": "slow" }
{ "type": "test", "event": "timeout", "name": "slow" }
error: test failed, to rerun pass `--test it`
   Doc-tests probe
{ "type": "suite", "event": "started", "test_count": 1 }
{ "type": "test", "event": "started", "name": "a" }
{ "type": "test", "name": "a", "event": "ok", "exec_time": "soon" }
{ "type": "bench", "name": "b", "median": 5, "deviation": 1 }
{ "type": "suite", "event": "ok" }
{ "type": "test", "event": "star"#,
            &[
                "warning 6: not an event of libtest: passed over",
                "it - - | crash aborted",
                "it - - | slow aborted",
                "Doc-tests probe - - | a = `soon`",
                "Doc-tests probe - - | b",
                "warning 13: not an event of libtest: passed over",
            ],
        );
    }
}
