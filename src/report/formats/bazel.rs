//! Bazel's build event protocol as JSON, one event a line (`--build_event_json_file`).
//!
//! A target is the unit. Each of its runs, shards and attempts is a case; the attempts at one run of one
//! shard share a name, and every attempt but the first says that it is the `last` so far.

use std::io::BufRead;

use serde::Deserialize;

use crate::report::head::Head;
use crate::report::json::{self, Figure, LineElements, Text};
use crate::report::{Case, Outcome, Place, ReportError, Sink, Time};

/// Whether these are build events.
pub(in crate::report) fn looks_like(head: &Head<'_>) -> bool {
    let first = head.has("id.started") && head.has("started");
    first || head.has("id.testResult.label") || (head.has("id.progress") && head.has("children"))
}

/// Reads the results of tests, as they come.
///
/// # Errors
/// A line that is too long.
pub(in crate::report) fn read(input: impl BufRead, sink: &mut dyn Sink) -> Result<(), ReportError> {
    json::lines(input, &mut Events(sink))
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Event<'a> {
    #[serde(borrow)]
    id: Id<'a>,
    #[serde(borrow)]
    test_result: Option<TestResult<'a>>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Id<'a> {
    #[serde(borrow)]
    test_result: Option<TestResultId<'a>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct TestResultId<'a> {
    #[serde(borrow)]
    label: Text<'a>,
    #[serde(borrow)]
    run: Figure<'a>,
    #[serde(borrow)]
    shard: Figure<'a>,
    #[serde(borrow)]
    attempt: Figure<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct TestResult<'a> {
    #[serde(borrow)]
    status: Text<'a>,
    cached_locally: Option<bool>,
    execution_info: Option<ExecutionInfo>,
    /// Up to Bazel 8, as text.
    #[serde(borrow)]
    test_attempt_duration_millis: Figure<'a>,
    /// With a unit: `1.5s`.
    #[serde(borrow)]
    test_attempt_duration: Text<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct ExecutionInfo {
    cached_remotely: Option<bool>,
}

struct Events<'s>(&'s mut dyn Sink);

impl LineElements for Events<'_> {
    type Element<'de> = Event<'de>;

    fn take(&mut self, line: u64, _: &str, event: Option<Event<'_>>) {
        let Some(event) = event else {
            self.0.warn(Some(line), "not a build event on one line: passed over");
            return;
        };
        // An id without a result is that of a test that was called off.
        let (Some(id), Some(result)) = (event.id.test_result, event.test_result) else { return };
        let time = result.time();
        let again = id.attempt.number().is_some_and(|attempt| attempt > 1.0);
        let outcome = result.outcome();
        self.0.case(&Case {
            place: Place::file(id.label.get().unwrap_or_default()),
            name: &id.name(),
            time,
            outcome,
            last: time.known().filter(|_| again && outcome.is_complete()),
            line: Some(line),
            ..Case::default()
        });
    }
}

impl TestResultId<'_> {
    /// Which run and which shard it was. The first ones have a name too, though they are the only ones of
    /// most targets: without a name a case stands for the whole target, and then the first shard's time for
    /// that of all.
    fn name(&self) -> String {
        let [run, shard] = [&self.run, &self.shard].map(|figure| figure.number().unwrap_or(1.0));
        format!("run {run}, shard {shard}")
    }
}

impl TestResult<'_> {
    fn time(&self) -> Time<'_> {
        match (&self.test_attempt_duration_millis, self.test_attempt_duration.get()) {
            (Figure::Absent, Some(text)) => Time::read(text.strip_suffix('s').unwrap_or(text)),
            (millis, _) => millis.time(1_000.0),
        }
    }

    fn outcome(&self) -> Outcome {
        let remotely = self.execution_info.as_ref().and_then(|info| info.cached_remotely);
        match self.status.get() {
            _ if self.cached_locally == Some(true) || remotely == Some(true) => Outcome::Cached,
            Some("FAILED") => Outcome::Failed,
            Some("TIMEOUT" | "INCOMPLETE" | "REMOTE_FAILURE") => Outcome::Aborted,
            Some("FAILED_TO_BUILD" | "TOOL_HALTED_BEFORE_TESTING") => Outcome::Skipped,
            _ => Outcome::Passed,
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::report::Format;
    use crate::report::testing::{self, recognised};

    fn check(text: &str, expect: &[&str]) {
        testing::check(Format::BepJson, text, expect);
        recognised(Format::BepJson, text);
    }

    #[test]
    fn results_of_tests_are_read() {
        check(
            r#"{"id":{"started":{}},"children":[{"progress":{}}],"started":{"uuid":"u","command":"test"}}
{"id":{"progress":{}},"children":[{"progress":{"opaqueCount":1}}],"progress":{"stderr":"x"}}
{"id":{"testResult":{"label":"//a:t","run":1,"shard":1,"attempt":1}},"testResult":{"testAttemptDurationMillis":"2577","cachedLocally":true,"status":"PASSED","executionInfo":{}}}
{"id":{"testResult":{"label":"//a:u","run":1,"shard":2,"attempt":1}},"testResult":{"testAttemptDurationMillis":"900000","testAttemptDuration":"900s","status":"TIMEOUT"}}
{"id":{"testResult":{"label":"//a:u","run":1,"shard":2,"attempt":2}},"testResult":{"testAttemptDuration":"1.500s","status":"PASSED","executionInfo":{"strategy":"remote","cachedRemotely":false}}}
{"id":{"testResult":{"label":"//a:v","run":2,"shard":3,"attempt":1}},"testResult":{"status":"FAILED","testAttemptDurationMillis":1250}}
{"id":{"testResult":{"label":"//a:w"}},"testResult":{"status":"FAILED_TO_BUILD"}}
{"id":{"testResult":{"label":"//a:x"}},"testResult":{"status":"PASSED","testAttemptDurationMillis":"9","executionInfo":{"cachedRemotely":true}}}
{"id":{"testResult":{"label":"//a:y"}},"aborted":{"reason":"USER_INTERRUPTED"}}
{"id":{"buildFinished":{}},"lastMess"#,
            &[
                "//a:t - - | run 1, shard 1 = 2.577 cached",
                "//a:u - - | run 1, shard 2 = 900 aborted",
                "//a:u - - | run 1, shard 2 last 1.5 = 1.5",
                "//a:v - - | run 2, shard 3 = 1.25 failed",
                "//a:w - - | run 1, shard 1 skipped",
                "//a:x - - | run 1, shard 1 = 0.009 cached",
                "warning 10: not a build event on one line: passed over",
            ],
        );
    }

    #[test]
    fn odd_values_cost_only_themselves() {
        check(
            r#"{"id":{"testResult":{"label":["a"],"run":"x"}},"testResult":{"testAttemptDuration":"long","status":{}}}"#,
            &["[…] - - | run 1, shard 1 = `long`"],
        );
    }
}
