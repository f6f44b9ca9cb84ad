//! Mocha's JSON reporter, which Cypress has as well. Old releases do not say in which file a test lies.

use std::io::BufRead;

use serde::Deserialize;

use crate::report::head::Head;
use crate::report::json::{self, Elements, Figure, NO_OBJECT, Object, Text};
use crate::report::{Case, Outcome, Place, ReportError, Sink, Time};

/// Milliseconds in a second.
const UNITS: f64 = 1e3;

/// Whether this is a report of Mocha.
pub(in crate::report) fn looks_like(head: &Head<'_>) -> bool {
    head.has("tests[].fullTitle") || (head.has("stats.passes") && head.has("tests"))
}

/// Reads a report; holds one test at a time.
///
/// # Errors
/// What is no JSON, or not of this shape, with its line.
pub(in crate::report) fn read(input: impl BufRead, sink: &mut dyn Sink) -> Result<(), ReportError> {
    json::list(input, Some("tests"), &mut Mocha(sink))
}

struct Mocha<'s>(&'s mut dyn Sink);

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Test<'a> {
    #[serde(borrow)]
    title: Text<'a>,
    #[serde(borrow)]
    full_title: Text<'a>,
    #[serde(borrow)]
    file: Text<'a>,
    /// Of the last attempt. Absent where the test did not run.
    #[serde(borrow)]
    duration: Figure<'a>,
    /// Starts before the last one.
    #[serde(borrow)]
    current_retry: Figure<'a>,
    /// Of tests that passed, and of those that are only listed; old releases do not write it.
    #[serde(borrow)]
    speed: Text<'a>,
    /// Empty where nothing was wrong.
    err: Object<Wrong>,
}

/// What was wrong, as far as it matters here.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Wrong {
    message: Option<serde::de::IgnoredAny>,
    stack: Option<serde::de::IgnoredAny>,
}

impl Elements for Mocha<'_> {
    type Element<'de> = Object<Test<'de>>;

    fn take(&mut self, Object(test): Object<Test<'_>>) {
        let Some(test) = test else { return self.0.warn(None, NO_OBJECT) };
        let time = test.duration.time(UNITS);
        let failed = test.err.0.as_ref().is_some_and(|err| err.message.is_some() || err.stack.is_some());
        self.0.case(&Case {
            place: Place { file: test.file.get(), ..Place::default() },
            name: test.full_title.get().or(test.title.get()).unwrap_or_default(),
            time,
            outcome: match time {
                _ if failed => Outcome::Failed,
                Time::Absent if test.speed.get().is_none() => Outcome::Skipped,
                _ => Outcome::Passed,
            },
            attempts: test.current_retry.number().map_or(0, |retries| retries as u32).saturating_add(1),
            ..Case::default()
        });
    }
}

#[cfg(test)]
mod tests {
    use crate::report::Format;
    use crate::report::testing::{check, recognised, refused};

    const JSON: Format = Format::MochaJson;

    #[test]
    fn results_are_read_once() {
        let text = include_str!("../../../testdata/reports/mocha-json/results.json");
        recognised(JSON, text);
        check(
            JSON,
            text,
            &[
                "/app/a.js - - | basket adds = 0.02",
                "/app/a.js - - | basket removes skipped",
                "/app/a.js - - | basket counts skipped",
                "/app/a.js - - | basket is flaky x2 = 0",
                "/app/a.js - - | basket fails = 0 failed",
            ],
        );
    }

    #[test]
    fn listings_and_odd_values_are_read() {
        check(
            JSON,
            r#"{"tests": [{"fullTitle": "listed", "file": "a", "currentRetry": 0, "speed": "fast", "err": {}}, null,
                {"title": "old", "duration": "12", "err": null}, {"duration": -1, "err": "x", "currentRetry": -7}]}"#,
            &[
                "a - - | listed",
                "warning an entry that is no object",
                "- - - | old = 0.012",
                "- - - |  = -0.001",
            ],
        );
        recognised(JSON, r#"{"stats": {"suites": 0, "passes": 0}, "tests": [], "pending": []}"#);
        refused(JSON, "{\"tests\": [{}\n", "2: not JSON: the file ends in the middle");
    }
}
