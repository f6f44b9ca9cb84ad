//! A plan of Buildkite's test engine (`bktec plan`): the tests of every node with the time that the service
//! expects of each.
//!
//! Where it says that no run stands behind a time, that time is a default and not taken.

use std::fmt;
use std::io::BufRead;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};

use crate::report::head::Head;
use crate::report::json::{self, Figure, NO_OBJECT, Object, Objects, Text};
use crate::report::{Case, Outcome, Place, ReportError, Sink, Time};

/// Milliseconds in a second.
const UNITS: f64 = 1e3;

/// Whether this is a plan of Buildkite's.
pub(in crate::report) fn looks_like(head: &Head<'_>) -> bool {
    head.has("tasks") && head.has("parallelism")
}

/// Reads a plan; holds the tests of one node at a time.
///
/// # Errors
/// What is no JSON, or not of this shape, with its line.
pub(in crate::report) fn read(input: impl BufRead, sink: &mut dyn Sink) -> Result<(), ReportError> {
    json::document(input, Plan { sink, tasks: false })
}

/// The plan, or its tasks: both are objects.
struct Plan<'s> {
    sink: &'s mut dyn Sink,
    tasks: bool,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Task<'a> {
    #[serde(borrow)]
    tests: Objects<Test<'a>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Test<'a> {
    #[serde(borrow)]
    path: Text<'a>,
    /// What selects it where no path does, such as a Go package.
    #[serde(borrow)]
    value: Text<'a>,
    #[serde(borrow)]
    format: Text<'a>,
    #[serde(borrow)]
    scope: Text<'a>,
    #[serde(borrow)]
    name: Text<'a>,
    #[serde(borrow)]
    estimated_duration: Figure<'a>,
    #[serde(borrow)]
    timing_sample_size: Figure<'a>,
}

impl<'de> DeserializeSeed<'de> for Plan<'_> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Plan<'_> {
    type Value = ();
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.tasks { "an object of tasks" } else { "a plan" })
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<Text<'de>>()? {
            if self.tasks {
                match map.next_value::<Object<Task<'de>>>()?.0 {
                    Some(task) => tests(&task.tests, Outcome::Passed, self.sink),
                    None => self.sink.warn(None, NO_OBJECT),
                }
            } else if key.is("tasks") {
                map.next_value_seed(Plan { sink: &mut *self.sink, tasks: true })?;
            } else if key.is("skipped_tests") {
                tests(&map.next_value()?, Outcome::Skipped, self.sink);
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(())
    }
    /// No tasks.
    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }
}

fn tests(tests: &Objects<Test<'_>>, outcome: Outcome, sink: &mut dyn Sink) {
    tests.warn(sink);
    for test in &tests.list {
        let path = test.path.get().or(test.value.get()).unwrap_or_default();
        let example = test.format.is("example");
        let name = [test.scope.get(), test.name.get()].into_iter().flatten().filter(|_| example);
        let default = test.timing_sample_size.number() == Some(0.0);
        sink.case(&Case {
            place: Place::file(if example { file_of(path) } else { path }),
            name: &name.collect::<Vec<_>>().join(" "),
            time: if default { Time::Absent } else { test.estimated_duration.time(UNITS) },
            outcome,
            ..Case::default()
        });
    }
}

/// The file of an example: `a_spec.rb:4`, `a_spec.rb[1,2]`, `test_a.py::TestA::test_b`.
fn file_of(path: &str) -> &str {
    if let Some((file, _)) = path.split_once("::") {
        return file;
    }
    let ids = path.strip_suffix(']').and_then(|path| path.rsplit_once('['));
    let line = path.rsplit_once(':').filter(|(_, line)| line.bytes().all(|byte| byte.is_ascii_digit()));
    ids.or(line).map_or(path, |(file, _)| file)
}

#[cfg(test)]
mod tests {
    use crate::report::Format;
    use crate::report::testing::{check, recognised, refused};

    const JSON: Format = Format::BuildkitePlan;

    #[test]
    fn tests_of_every_node_are_read() {
        let text = r#"{"identifier": "abc", "parallelism": 2, "experiment": "", "tasks": {
            "0": {"node_number": 0, "tests": [
                {"path": "a_spec.rb", "format": "file", "estimated_duration": 1500, "timing_sample_size": 7},
                {"path": "b_spec.rb", "estimated_duration": 1000, "timing_sample_size": 0}]},
            "1": {"node_number": 1, "tests": [
                {"path": "c_spec.rb:4", "name": "is blue", "scope": "sea", "identifier": "c_spec.rb[1,1]", "format": "example", "estimated_duration": 20},
                {"path": "c_spec.rb[1,2]", "name": "is deep", "format": "example"},
                {"path": "test_a.py::TestA::test_b", "name": "test_b", "format": "example"},
                {"value": "example.com/foo", "format": "selector", "estimated_duration": 3000}]}},
            "muted_tests": [{"path": "a_spec.rb"}], "skipped_tests": [{"path": "d_spec.rb", "format": "file"}]}"#;
        recognised(JSON, text);
        check(
            JSON,
            text,
            &[
                "a_spec.rb - - |  = 1.5",
                "b_spec.rb - - | ",
                "c_spec.rb - - | sea is blue = 0.02",
                "c_spec.rb - - | is deep",
                "test_a.py - - | test_b",
                "example.com/foo - - |  = 3",
                "d_spec.rb - - |  skipped",
            ],
        );
    }

    #[test]
    fn odd_values_cost_nothing_else() {
        check(
            JSON,
            r#"{"tasks": {"0": null, "1": {"tests": [1, {"path": "x", "estimated_duration": "y"}]}}, "skipped_tests": null}"#,
            &["warning an entry that is no object", "warning an entry that is no object", "x - - |  = `y`"],
        );
        recognised(JSON, r#"{"identifier": "error", "parallelism": 3, "experiment": "", "tasks": {}}"#);
        check(JSON, r#"{"tasks": null}"#, &[]);
        refused(
            JSON,
            r#"{"tasks": 1}"#,
            "1: not of this format: invalid type: integer `1`, expected an object of tasks",
        );
        refused(JSON, r#"{"tasks": {"0": {"#, "1: not JSON: the file ends in the middle");
    }
}
