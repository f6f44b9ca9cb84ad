//! Playwright's JSON reporter: results of a run, or a listing (`playwright test --list`).
//!
//! A case is a test in one project: the same test in three browsers is three cases. It has a result for
//! each time that it was started; none means that it was only listed.

use std::io::BufRead;

use serde::Deserialize;

use crate::report::head::Head;
use crate::report::json::{self, Elements, Figure, NO_OBJECT, Object, Objects, Text};
use crate::report::{Case, Outcome, PLACE_MAX, Place, ReportError, Sink, Time};

/// Milliseconds in a second.
const UNITS: f64 = 1e3;

/// Between the titles of suites and tests, as Playwright prints them.
const BETWEEN: &str = " › ";

/// Whether this is a report of Playwright.
pub(in crate::report) fn looks_like(head: &Head<'_>) -> bool {
    head.has("suites[].specs") || (head.has("config.rootDir") && head.has("config.projects"))
}

/// Reads a report; holds one file's suites at a time.
///
/// # Errors
/// What is no JSON, or not of this shape, with its line.
pub(in crate::report) fn read(input: impl BufRead, sink: &mut dyn Sink) -> Result<(), ReportError> {
    json::list(input, Some("suites"), &mut Playwright(sink))
}

struct Playwright<'s>(&'s mut dyn Sink);

#[derive(Default, Deserialize)]
#[serde(default)]
struct Suite<'a> {
    #[serde(borrow)]
    title: Text<'a>,
    #[serde(borrow)]
    file: Text<'a>,
    #[serde(borrow)]
    specs: Objects<Spec<'a>>,
    #[serde(borrow)]
    suites: Objects<Suite<'a>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Spec<'a> {
    #[serde(borrow)]
    title: Text<'a>,
    #[serde(borrow)]
    file: Text<'a>,
    #[serde(borrow)]
    tests: Objects<Test<'a>>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Test<'a> {
    #[serde(borrow)]
    project_name: Text<'a>,
    #[serde(borrow)]
    expected_status: Text<'a>,
    #[serde(borrow)]
    status: Text<'a>,
    #[serde(borrow)]
    results: Objects<Attempt<'a>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Attempt<'a> {
    #[serde(borrow)]
    status: Text<'a>,
    #[serde(borrow)]
    duration: Figure<'a>,
}

impl Elements for Playwright<'_> {
    type Element<'de> = Object<Suite<'de>>;

    fn take(&mut self, Object(suite): Object<Suite<'_>>) {
        match suite {
            // The outermost suite is the file.
            Some(suite) => self.suite(&suite, None, ""),
            None => self.0.warn(None, NO_OBJECT),
        }
    }
}

impl Playwright<'_> {
    /// Nested no deeper than JSON is read.
    fn suite(&mut self, suite: &Suite<'_>, around: Option<&str>, titles: &str) {
        let file = suite.file.get().or(around);
        suite.specs.warn(self.0);
        for spec in &suite.specs.list {
            let place =
                Place { file: spec.file.get().or(file), suite: suite.title.get(), ..Place::default() };
            let title = format!("{titles}{}", spec.title.get().unwrap_or_default());
            spec.tests.warn(self.0);
            for test in &spec.tests.list {
                self.test(test, place, &title);
            }
        }
        suite.suites.warn(self.0);
        for inner in &suite.suites.list {
            let title = inner.title.get().unwrap_or_default();
            let titles = format!("{titles}{title}{BETWEEN}");
            // Every test inside repeats them.
            if titles.len() > PLACE_MAX {
                self.0.warn(None, "a suite with an endless title: passed over");
            } else {
                self.suite(inner, file, &titles);
            }
        }
    }

    fn test(&mut self, test: &Test<'_>, place: Place<'_>, title: &str) {
        test.results.warn(self.0);
        let name = match test.project_name.get() {
            Some(project) => format!("[{project}]{BETWEEN}{title}"),
            None => title.to_owned(),
        };
        let attempts = &test.results.list;
        let started = attempts.iter().filter(|attempt| attempt.outcome() != Outcome::Skipped);
        let time = test.time();
        let last = attempts.iter().rev().find(|attempt| attempt.outcome().is_complete());
        let last = last.and_then(|attempt| attempt.duration.time(UNITS).known());
        self.0.case(&Case {
            place,
            name: &name,
            time,
            outcome: test.outcome(),
            attempts: started.count() as u32,
            last: last.filter(|last| *last >= 0.0 && Some(*last) != time.known()),
            ..Case::default()
        });
    }
}

impl Test<'_> {
    /// The time of all attempts. One that was not over when the report was written has a negative one.
    fn time(&self) -> Time<'_> {
        let times = self.results.list.iter().map(|attempt| attempt.duration.time(UNITS));
        json::total(times.filter(|time| time.known().is_none_or(|seconds| seconds >= 0.0)))
    }

    fn outcome(&self) -> Outcome {
        match self.results.list.last().map(Attempt::outcome) {
            // Whatever a test is expected to do is right.
            Some(Outcome::Passed | Outcome::Failed) if self.status.is("unexpected") => Outcome::Failed,
            Some(Outcome::Passed | Outcome::Failed) => Outcome::Passed,
            Some(other) => other,
            None if self.expected_status.is("skipped") => Outcome::Skipped,
            None => Outcome::Passed,
        }
    }
}

impl Attempt<'_> {
    fn outcome(&self) -> Outcome {
        match self.status.get() {
            Some("failed") => Outcome::Failed,
            Some("skipped") => Outcome::Skipped,
            Some("timedOut" | "interrupted") => Outcome::Aborted,
            _ => Outcome::Passed,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::PLACE_MAX;
    use crate::report::Format;
    use crate::report::testing::{check, recognised, refused};

    const JSON: Format = Format::PlaywrightJson;

    #[test]
    fn results_are_read_attempt_by_attempt() {
        let text = include_str!("../../../testdata/reports/playwright-json/results.json");
        recognised(JSON, text);
        check(
            JSON,
            text,
            &[
                "a.spec.js - basket | [one] › basket › removes = 0 skipped",
                "a.spec.js - basket | [one] › basket › is flaky x2 last 0.01 = 0.018",
                "a.spec.js - basket | [one] › basket › hangs x2 = 3.009 aborted",
                "a.spec.js - inner | [one] › basket › inner › adds = 0.028",
                "a.spec.js - inner | [two] › basket › inner › adds = 0.03",
                "a.spec.js - row | [one] › row › f x2 last 0.002 = 0.004 failed",
                "a.spec.js - row | [one] › row › never = 0 skipped",
            ],
        );
    }

    #[test]
    fn listings_are_read() {
        let text = include_str!("../../../testdata/reports/playwright-json/list.json");
        recognised(JSON, text);
        check(
            JSON,
            text,
            &[
                "a.spec.js - basket | [one] › basket › removes skipped",
                "a.spec.js - inner | [one] › basket › inner › adds",
                "a.spec.js - inner | [two] › basket › inner › adds",
            ],
        );
    }

    #[test]
    fn odd_values_cost_nothing_else() {
        check(
            JSON,
            r#"{"suites": [0, {"file": "a", "suites": null, "specs": [{"title": "t", "tests": [[], {
                "projectName": "", "expectedStatus": "failed", "status": "expected", "results": [
                {"status": "interrupted", "duration": -1}, {"status": "failed", "duration": "7"}, {"duration": "x"}, null]}]},
                {"title": "u", "tests": [{"results": [{"duration": -1, "status": "interrupted"}]}]}]}]}"#,
            &[
                "warning an entry that is no object",
                "warning an entry that is no object",
                "warning an entry that is no object",
                "a - - | t x3 = 0.007",
                "a - - | u aborted",
            ],
        );
        recognised(JSON, r#"{"config": {"rootDir": "/", "projects": [{"id": "a"#);
        refused(JSON, r#"{"suites": ["#, "1: not JSON: the file ends in the middle");
        let endless = format!(
            r#"{{"suites": [{{"file": "a", "suites": [{{"title": "{}", "specs": [{{"tests": [{{}}]}}]}}]}}]}}"#,
            "x".repeat(PLACE_MAX)
        );
        check(JSON, &endless, &["warning a suite with an endless title: passed over"]);
        let deep = format!(r#"{{"suites": [{}"#, r#"{"suites": ["#.repeat(1_000));
        refused(JSON, &deep, "1: not JSON: recursion limit exceeded");
    }
}
