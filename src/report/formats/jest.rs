//! `jest --json`, Vitest's JSON reporter, which copies it, and the result that a reporter of Jest gets.
//!
//! A file's time is from its start to its end, loading and set-up included. Jest and Vitest write the
//! moment of the report as start and end of a file that did not load or had nothing to run, and the raw
//! result has zeros there: such a file has no time.

use std::io::BufRead;

use serde::Deserialize;

use crate::report::head::Head;
use crate::report::json::{self, Elements, Figure, NO_OBJECT, Object, Objects, Text};
use crate::report::{Case, Outcome, Place, ReportError, Sink, Time, Whole};

/// Milliseconds in a second.
const UNITS: f64 = 1e3;

/// Whether this is a result of Jest or Vitest. A coverage map may stand before the files.
pub(in crate::report) fn looks_like(head: &Head<'_>) -> bool {
    (head.has("numTotalTestSuites") && head.has("numTotalTests"))
        || head.has("testResults[].assertionResults")
        || head.has("testResults[].testFilePath")
}

/// Reads a result; holds one file's cases at a time.
///
/// # Errors
/// What is no JSON, or not of this shape, with its line.
pub(in crate::report) fn read(input: impl BufRead, sink: &mut dyn Sink) -> Result<(), ReportError> {
    json::list(input, Some("testResults"), &mut Jest(sink))
}

struct Jest<'s>(&'s mut dyn Sink);

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct File<'a> {
    #[serde(borrow)]
    name: Text<'a>,
    #[serde(borrow)]
    test_file_path: Text<'a>,
    #[serde(borrow)]
    status: Text<'a>,
    #[serde(borrow)]
    start_time: Figure<'a>,
    #[serde(borrow)]
    end_time: Figure<'a>,
    #[serde(borrow)]
    perf_stats: Object<Span<'a>>,
    #[serde(borrow)]
    memory_usage: Figure<'a>,
    #[serde(borrow)]
    assertion_results: Objects<Assertion<'a>>,
    /// The same in the raw result.
    #[serde(borrow)]
    test_results: Objects<Assertion<'a>>,
    /// Something in the raw result of a file that did not load.
    #[serde(borrow)]
    failure_message: Text<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Span<'a> {
    #[serde(borrow)]
    start: Figure<'a>,
    #[serde(borrow)]
    end: Figure<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Assertion<'a> {
    #[serde(borrow)]
    full_name: Text<'a>,
    #[serde(borrow)]
    title: Text<'a>,
    #[serde(borrow)]
    status: Text<'a>,
    /// That of the last attempt in Jest, that of all of them in Vitest.
    #[serde(borrow)]
    duration: Figure<'a>,
    #[serde(borrow)]
    invocations: Figure<'a>,
}

impl Elements for Jest<'_> {
    type Element<'de> = Object<File<'de>>;

    fn take(&mut self, Object(file): Object<File<'_>>) {
        let Some(file) = file else { return self.0.warn(None, NO_OBJECT) };
        let place = Place::file(file.name.get().or(file.test_file_path.get()).unwrap_or_default());
        let mut ran = false;
        for cases in [&file.assertion_results, &file.test_results] {
            cases.warn(self.0);
            for case in &cases.list {
                let outcome = case.outcome();
                ran |= outcome != Outcome::Skipped;
                self.0.case(&Case {
                    place,
                    name: case.full_name.get().or(case.title.get()).unwrap_or_default(),
                    time: case.duration.time(UNITS),
                    outcome,
                    attempts: case.invocations.number().map_or(0, |times| times as u32),
                    ..Case::default()
                });
            }
        }
        let failed = file.status.is("failed") || file.failure_message.get().is_some();
        self.0.whole(&Whole {
            place,
            time: file.time(ran),
            exact: true,
            outcome: match (ran, failed) {
                (true, true) => Outcome::Failed,
                (true, false) => Outcome::Passed,
                // It did not load, or not to its end.
                (false, true) => Outcome::Aborted,
                (false, false) => Outcome::Skipped,
            },
            bytes: file.memory_usage.number().filter(|bytes| *bytes > 0.0).map(|bytes| bytes as u64),
            ..Whole::default()
        });
    }
}

impl File<'_> {
    /// From its start to its end, where that is known.
    fn time(&self, ran: bool) -> Time<'static> {
        let (start, end) = match &self.perf_stats.0 {
            Some(span) => (&span.start, &span.end),
            None => (&self.start_time, &self.end_time),
        };
        match (start.number(), end.number()) {
            (Some(start), Some(end)) if end > start || (ran && end == start && end > 0.0) => {
                Time::Seconds((end - start) / UNITS)
            }
            _ => Time::Absent,
        }
    }
}

impl Assertion<'_> {
    fn outcome(&self) -> Outcome {
        match self.status.get() {
            Some("failed") => Outcome::Failed,
            Some("pending" | "skipped" | "todo" | "disabled") => Outcome::Skipped,
            _ => Outcome::Passed,
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::report::Format;
    use crate::report::testing::{check, recognised, refused};

    const JSON: Format = Format::JestJson;

    #[test]
    fn results_of_jest_and_vitest_are_read() {
        let jest = include_str!("../../../testdata/reports/jest-json/jest.json");
        recognised(JSON, jest);
        check(
            JSON,
            jest,
            &[
                "/app/a.test.js - - | basket adds = 0.021",
                "/app/a.test.js - - | basket removes skipped",
                "/app/a.test.js - - | basket counts skipped",
                "/app/a.test.js - - | basket is flaky x2 = 0",
                "/app/a.test.js - - | basket fails x3 = 0 failed",
                "whole /app/a.test.js = 0.32 failed",
                "/app/c.test.js - - | s x skipped",
                "whole /app/c.test.js skipped",
                "whole /app/b.test.js aborted",
            ],
        );
        let vitest = include_str!("../../../testdata/reports/jest-json/vitest.json");
        recognised(JSON, vitest);
        check(
            JSON,
            vitest,
            &[
                "/app/a.test.js - - | basket adds = 0.021636",
                "/app/a.test.js - - | basket removes skipped",
                "/app/a.test.js - - | basket counts skipped",
                "/app/a.test.js - - | basket is flaky = 0.002315",
                "/app/a.test.js - - | basket fails = 0.000315 failed",
                "whole /app/a.test.js = 0.024315 failed",
                "whole /app/b.test.js aborted",
                "/app/c.test.js - - | s x skipped",
                "whole /app/c.test.js skipped",
            ],
        );
    }

    #[test]
    fn raw_results_hold_memory() {
        let text = r#"{"testResults": [
            {"perfStats": {"end": 1500, "runtime": 500, "start": 1000}, "testFilePath": "/a.js", "memoryUsage": 38610312,
             "testResults": [{"fullName": "x", "status": "passed", "duration": 3, "invocations": 1}]},
            {"perfStats": {"end": 0, "start": 0}, "testFilePath": "/b.js", "testResults": [], "failureMessage": "no"}
        ]}"#;
        recognised(JSON, text);
        check(JSON, text, &["/a.js - - | x = 0.003", "whole /a.js = 0.5 38610312 B", "whole /b.js aborted"]);
    }

    #[test]
    fn odd_values_cost_nothing_else() {
        check(
            JSON,
            r#"{"testResults": [null, {"name": 1, "endTime": "x", "startTime": 5, "memoryUsage": -1,
                "assertionResults": [7, {"title": "t", "duration": "1.5", "status": null}, {"duration": -1}, {"duration": "x"}]},
                {"name": "b", "startTime": 9, "endTime": 5, "assertionResults": {}}], "testResults": null}"#,
            &[
                "warning an entry that is no object",
                "warning an entry that is no object",
                "1 - - | t = 0.0015",
                "1 - - |  = -0.001",
                "1 - - |  = `x`",
                "whole 1",
                "warning an entry that is no object",
                "whole b skipped",
            ],
        );
        // A key that comes again costs nothing, and its first value counts.
        check(
            JSON,
            r#"{"testResults": [{"name": "a", "name": "b", "assertionResults": [{"title": "t", "duration": 1, "title": "u"}]}]}"#,
            &["a - - | t = 0.001", "whole a"],
        );
        recognised(JSON, r#"{"numTotalTestSuites": 0, "numTotalTests": 0, "coverageMap": {"a": {"path"#);
        refused(JSON, "{\"testResults\": [\n{", "2: not JSON: the file ends in the middle");
        refused(JSON, "[1]", "1: not of this format");
        refused(JSON, r#"{"testResults": 1}"#, "1: not of this format");
    }
}
