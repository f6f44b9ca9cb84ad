//! `ginkgo --json-report`: a list of suites, each with its specs.
//!
//! Only `It` is a case: the other nodes set up and tear down. Times are nanoseconds and cover all attempts.

use std::io::BufRead;

use serde::Deserialize;

use crate::report::head::Head;
use crate::report::json::{self, Elements, Figure, Many, NO_OBJECT, Object, Objects, Text};
use crate::report::{Case, Outcome, Place, ReportError, Sink, Time};

/// Nanoseconds in a second.
const UNITS: f64 = 1e9;

/// Whether this is a report of Ginkgo.
pub(in crate::report) fn looks_like(head: &Head<'_>) -> bool {
    head.has("[].SuitePath") || head.has("[].SpecReports")
}

/// Reads a report; holds the specs of one suite at a time.
///
/// # Errors
/// What is no JSON, or not of this shape, with its line.
pub(in crate::report) fn read(input: impl BufRead, sink: &mut dyn Sink) -> Result<(), ReportError> {
    json::list(input, None, &mut Ginkgo(sink))
}

struct Ginkgo<'s>(&'s mut dyn Sink);

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct Suite<'a> {
    #[serde(borrow)]
    suite_path: Text<'a>,
    #[serde(borrow)]
    suite_config: Object<Config<'a>>,
    #[serde(borrow)]
    spec_reports: Objects<Spec<'a>>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct Config<'a> {
    #[serde(borrow)]
    dry_run: Text<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct Spec<'a> {
    #[serde(borrow)]
    container_hierarchy_texts: Many<'a, Text<'a>>,
    #[serde(borrow)]
    leaf_node_type: Text<'a>,
    #[serde(borrow)]
    leaf_node_text: Text<'a>,
    #[serde(borrow)]
    leaf_node_location: Object<Location<'a>>,
    #[serde(borrow)]
    state: Text<'a>,
    #[serde(borrow)]
    run_time: Figure<'a>,
    #[serde(borrow)]
    num_attempts: Figure<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct Location<'a> {
    #[serde(borrow)]
    file_name: Text<'a>,
}

impl Elements for Ginkgo<'_> {
    type Element<'de> = Object<Suite<'de>>;

    fn take(&mut self, Object(suite): Object<Suite<'_>>) {
        let Some(suite) = suite else { return self.0.warn(None, NO_OBJECT) };
        let listing = suite.suite_config.0.as_ref().is_some_and(|config| config.dry_run.is("true"));
        suite.spec_reports.warn(self.0);
        for spec in suite.spec_reports.list.iter().filter(|spec| spec.leaf_node_type.is("It")) {
            let outcome = spec.outcome();
            let location = spec.leaf_node_location.0.as_ref();
            self.0.case(&Case {
                place: Place {
                    file: location.and_then(|location| location.file_name.get()),
                    suite: suite.suite_path.get(),
                    ..Place::default()
                },
                name: &spec.name(),
                // A dry run says that everything passed in no time.
                time: if listing { Time::Absent } else { spec.run_time.time(UNITS) },
                outcome,
                attempts: spec.num_attempts.number().map_or(0, |times| times as u32),
                ..Case::default()
            });
        }
    }
}

impl Spec<'_> {
    fn name(&self) -> String {
        let around = self.container_hierarchy_texts.0.iter().filter_map(Text::get);
        around.chain(self.leaf_node_text.get()).collect::<Vec<_>>().join(" ")
    }

    fn outcome(&self) -> Outcome {
        match self.state.get() {
            Some("failed" | "panicked") => Outcome::Failed,
            Some("skipped" | "pending") => Outcome::Skipped,
            Some("interrupted" | "aborted" | "timedout") => Outcome::Aborted,
            _ => Outcome::Passed,
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::report::Format;
    use crate::report::testing::{check, lines, recognised, refused};

    const JSON: Format = Format::GinkgoJson;

    fn suite(dry_run: bool) -> String {
        format!(
            r#"[{{"SuitePath": "/app/basket", "SuiteDescription": "Basket", "SuiteSucceeded": false,
                "PreRunStats": {{"TotalSpecs": 4, "SpecsThatWillRun": 3}}, "RunTime": 4000000000,
                "SuiteConfig": {{"RandomSeed": 1, "DryRun": {dry_run}}}, "SpecReports": [
                {{"ContainerHierarchyTexts": null, "LeafNodeType": "BeforeSuite", "LeafNodeText": "", "State": "passed",
                  "LeafNodeLocation": {{"FileName": "/app/basket/suite_test.go", "LineNumber": 9}}, "RunTime": 900000000}},
                {{"ContainerHierarchyTexts": ["basket", "full"], "LeafNodeType": "It", "LeafNodeText": "adds", "State": "passed",
                  "LeafNodeLocation": {{"FileName": "/app/basket/a_test.go", "LineNumber": 12}}, "RunTime": 1500000000, "NumAttempts": 2}},
                {{"ContainerHierarchyTexts": [], "LeafNodeType": "It", "LeafNodeText": "waits", "State": "timedout",
                  "LeafNodeLocation": {{"FileName": "/app/basket/a_test.go", "LineNumber": 20}}, "RunTime": 1000000000, "NumAttempts": 1}},
                {{"LeafNodeType": "It", "LeafNodeText": "removes", "State": "pending",
                  "LeafNodeLocation": {{"FileName": "/app/basket/b_test.go", "LineNumber": 5}}, "RunTime": 0, "NumAttempts": 0}}]}}]"#
        )
    }

    #[test]
    fn specs_are_read_without_their_set_up() {
        recognised(JSON, &suite(false));
        check(
            JSON,
            &suite(false),
            &[
                "/app/basket/a_test.go - /app/basket | basket full adds x2 = 1.5",
                "/app/basket/a_test.go - /app/basket | waits = 1 aborted",
                "/app/basket/b_test.go - /app/basket | removes = 0 skipped",
            ],
        );
        check(
            JSON,
            &suite(true),
            &[
                "/app/basket/a_test.go - /app/basket | basket full adds x2",
                "/app/basket/a_test.go - /app/basket | waits aborted",
                "/app/basket/b_test.go - /app/basket | removes skipped",
            ],
        );
    }

    #[test]
    fn odd_values_cost_nothing_else() {
        check(
            JSON,
            r#"[null, {"SpecReports": null}, {"SpecReports": [1, {"LeafNodeType": "It", "RunTime": "x", "State": "panicked"}]}]"#,
            &[
                "warning an entry that is no object",
                "warning an entry that is no object",
                "- - - |  = `x` failed",
            ],
        );
        for texts in ["\"a\"", "1", "true", "{\"a\": 1}", "[null, {}, []]"] {
            let spec = format!(
                r#"{{"ContainerHierarchyTexts": {texts}, "LeafNodeType": "It", "LeafNodeText": "x"}}"#
            );
            let found = lines(JSON, &format!("[{{\"SpecReports\": [{spec}]}}]")).unwrap();
            assert!(found.len() == 1 && found[0].ends_with('x'), "{found:?}");
        }
        refused(JSON, "{}", "1: not of this format");
        refused(JSON, "[{\"SuitePath\": \"a\",", "1: not JSON: the file ends in the middle");
    }
}
