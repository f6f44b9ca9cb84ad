//! RSpec's JSON formatter.
//!
//! The file is the one that RSpec loaded, which stands in an example's `id`: for shared examples
//! `file_path` is the file that they are written in.

use std::io::BufRead;

use serde::Deserialize;

use crate::report::head::Head;
use crate::report::json::{self, Elements, Figure, NO_OBJECT, Object, Text};
use crate::report::{Case, Outcome, Place, ReportError, Sink, Time};

/// Where the slowest example is faster than this none of them ran: a dry run times its bookkeeping alone.
const DRY_RUN_SECONDS: f64 = 1e-4;

/// Whether this is a report of RSpec.
pub(in crate::report) fn looks_like(head: &Head<'_>) -> bool {
    head.has("examples[].full_description") || (head.has("examples") && head.has("summary_line"))
}

/// Reads a report; holds one example at a time.
///
/// # Errors
/// What is no JSON, or not of this shape, with its line.
pub(in crate::report) fn read(input: impl BufRead, sink: &mut dyn Sink) -> Result<(), ReportError> {
    let mut rspec = Rspec { sink, slowest: None };
    json::list(input, Some("examples"), &mut rspec)?;
    if rspec.slowest.is_some_and(|seconds| seconds < DRY_RUN_SECONDS) {
        rspec.sink.warn(None, "no example takes 0.1 ms, as in a dry run: these times are none of the tests");
    }
    Ok(())
}

struct Rspec<'s> {
    sink: &'s mut dyn Sink,
    /// Seconds of the slowest example that ran.
    slowest: Option<f64>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Example<'a> {
    #[serde(borrow)]
    id: Text<'a>,
    #[serde(borrow)]
    description: Text<'a>,
    #[serde(borrow)]
    full_description: Text<'a>,
    #[serde(borrow)]
    status: Text<'a>,
    #[serde(borrow)]
    file_path: Text<'a>,
    #[serde(borrow)]
    run_time: Figure<'a>,
}

impl Elements for Rspec<'_> {
    type Element<'de> = Object<Example<'de>>;

    fn take(&mut self, Object(example): Object<Example<'_>>) {
        let Some(example) = example else { return self.sink.warn(None, NO_OBJECT) };
        let time = example.run_time.time(1.0);
        let outcome = match example.status.get() {
            Some("failed") => Outcome::Failed,
            Some("pending") => Outcome::Skipped,
            _ => Outcome::Passed,
        };
        if let (Time::Seconds(seconds), true) = (time, outcome.is_complete()) {
            self.slowest = Some(self.slowest.map_or(seconds, |slowest| slowest.max(seconds)));
        }
        self.sink.case(&Case {
            place: Place { file: example.file(), ..Place::default() },
            name: example.full_description.get().or(example.description.get()).unwrap_or_default(),
            time,
            outcome,
            ..Case::default()
        });
    }
}

impl Example<'_> {
    fn file(&self) -> Option<&str> {
        // `./spec/a_spec.rb[1:2:3]`: the numbers of the groups and of the example.
        let id = self.id.get().and_then(|id| id.strip_suffix(']')?.rsplit_once('['));
        id.map(|(file, _)| file).or(self.file_path.get())
    }
}

#[cfg(test)]
mod tests {
    use crate::report::Format;
    use crate::report::testing::{check, recognised, refused};

    const JSON: Format = Format::RspecJson;

    #[test]
    fn examples_belong_to_the_file_that_was_loaded() {
        let text = r#"{"version": "3.13.0", "examples": [
            {"id": "./spec/a_spec.rb[1:1]", "description": "adds", "full_description": "Basket adds", "status": "passed",
             "file_path": "./spec/a_spec.rb", "line_number": 3, "run_time": 0.020125, "pending_message": null},
            {"id": "./spec/a_spec.rb[1:2:1]", "description": "is shared", "full_description": "Basket is shared",
             "status": "failed", "file_path": "./spec/support/shared.rb", "line_number": 2, "run_time": 1.5,
             "exception": {"class": "RuntimeError", "message": "no", "backtrace": null}},
            {"id": "./spec/a_spec.rb[1:3]", "full_description": "Basket removes", "status": "pending",
             "file_path": "./spec/a_spec.rb", "run_time": 5.0e-06, "pending_message": "Temporarily skipped with xit"}
          ], "summary": {"duration": 1.6, "example_count": 3}, "summary_line": "3 examples, 1 failure, 1 pending"}"#;
        recognised(JSON, text);
        check(
            JSON,
            text,
            &[
                "./spec/a_spec.rb - - | Basket adds = 0.020125",
                "./spec/a_spec.rb - - | Basket is shared = 1.5 failed",
                "./spec/a_spec.rb - - | Basket removes = 0.000005 skipped",
            ],
        );
    }

    #[test]
    fn dry_runs_and_odd_values_are_told() {
        check(
            JSON,
            r#"{"examples": [{"id": "./a_spec.rb[1:1]", "description": "x", "status": "passed", "run_time": 4.0e-06}]}"#,
            &[
                "./a_spec.rb - - | x = 0.000004",
                "warning no example takes 0.1 ms, as in a dry run: these times are none of the tests",
            ],
        );
        check(
            JSON,
            r#"{"examples": [1, {"file_path": "old", "run_time": "x"}, {"id": "]", "run_time": -1, "status": "pending"}]}"#,
            &["warning an entry that is no object", "old - - |  = `x`", "- - - |  = -1 skipped"],
        );
        recognised(
            JSON,
            r#"{"version": "3", "messages": ["No examples found."], "examples": [], "summary_line": "0"#,
        );
        refused(JSON, "{\"examples\": [", "1: not JSON: the file ends in the middle");
    }
}
