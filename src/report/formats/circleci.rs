//! The timings of a job as CircleCI's API answers: `tests` in version 1.1, `items` in version 2.

use std::io::BufRead;

use serde::Deserialize;

use crate::report::head::Head;
use crate::report::json::{self, Elements, Figure, NO_OBJECT, Object, Text};
use crate::report::{Case, Outcome, Place, ReportError, Sink};

/// Whether this is an answer of CircleCI.
pub(in crate::report) fn looks_like(head: &Head<'_>) -> bool {
    head.has("tests[].run_time") || head.has("items[].run_time")
}

/// Reads an answer, or one page of it; holds one test at a time.
///
/// # Errors
/// What is no JSON, or not of this shape, with its line.
pub(in crate::report) fn read(input: impl BufRead, sink: &mut dyn Sink) -> Result<(), ReportError> {
    json::lists(input, &["tests", "items"], &mut Circleci(sink))
}

struct Circleci<'s>(&'s mut dyn Sink);

#[derive(Default, Deserialize)]
#[serde(default)]
struct Test<'a> {
    #[serde(borrow)]
    file: Text<'a>,
    #[serde(borrow)]
    classname: Text<'a>,
    #[serde(borrow)]
    name: Text<'a>,
    #[serde(borrow)]
    result: Text<'a>,
    #[serde(borrow)]
    run_time: Figure<'a>,
}

impl Elements for Circleci<'_> {
    type Element<'de> = Object<Test<'de>>;

    fn take(&mut self, Object(test): Object<Test<'_>>) {
        let Some(test) = test else { return self.0.warn(None, NO_OBJECT) };
        self.0.case(&Case {
            place: Place { file: test.file.get(), classname: test.classname.get(), suite: None },
            name: test.name.get().unwrap_or_default(),
            time: test.run_time.time(1.0),
            outcome: match test.result.get() {
                Some("failure" | "error") => Outcome::Failed,
                Some("skipped") => Outcome::Skipped,
                _ => Outcome::Passed,
            },
            ..Case::default()
        });
    }
}

#[cfg(test)]
mod tests {
    use crate::report::Format;
    use crate::report::testing::{check, recognised, refused};

    const JSON: Format = Format::CircleciTimings;

    #[test]
    fn answers_of_both_versions_are_read() {
        let first = r#"{"tests": [
            {"classname": "spec.a_spec", "file": "spec/a_spec.rb", "name": "adds", "result": "success", "run_time": 1.5,
             "message": null, "source": "rspec", "source_type": "rspec"},
            {"classname": "spec.a_spec", "file": null, "name": "removes", "result": "skipped", "run_time": 0.0}, 1,
            {"file": "b", "result": "failure", "run_time": "x"}], "exceptions": []}"#;
        recognised(JSON, first);
        check(
            JSON,
            first,
            &[
                "spec/a_spec.rb spec.a_spec - | adds = 1.5",
                "- spec.a_spec - | removes = 0 skipped",
                "warning an entry that is no object",
                "b - - |  = `x` failed",
            ],
        );
        let second = r#"{"items": [{"message": "", "source": "x", "run_time": 2, "file": "a", "result": "success", "name": "t",
            "classname": "c"}], "next_page_token": null}"#;
        recognised(JSON, second);
        check(JSON, second, &["a c - | t = 2"]);
        refused(
            JSON,
            r#"{"tests": "no"}"#,
            "1: not of this format: invalid type: string \"no\", expected a list",
        );
        refused(JSON, "{\"tests\": [\n", "2: not JSON: the file ends in the middle");
    }
}
