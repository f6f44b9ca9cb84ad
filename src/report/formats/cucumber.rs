//! Cucumber's JSON formatter, as Ruby, Java, JavaScript and Go write it: features with their scenarios.
//!
//! A scenario takes what its steps and the hooks around it take; a background is no scenario. A row of an
//! outline is one, and each attempt of a scenario that is run again stands there as another. Times are
//! nanoseconds.

use std::io::BufRead;

use serde::Deserialize;

use crate::report::head::Head;
use crate::report::json::{self, Elements, Figure, NO_OBJECT, Object, Objects, Text};
use crate::report::{Case, Outcome, Place, ReportError, Sink, Time};

/// Nanoseconds in a second.
const UNITS: f64 = 1e9;

/// Whether this is a report of Cucumber. In JavaScript's a feature begins with its elements. Behave's has
/// other units, and says where each element lies.
pub(in crate::report) fn looks_like(head: &Head<'_>) -> bool {
    (head.has("[].uri") || head.has("[].elements[].steps")) && !head.has("[].elements[].location")
}

/// Reads a report; holds one feature at a time.
///
/// # Errors
/// What is no JSON, or not of this shape, with its line.
pub(in crate::report) fn read(input: impl BufRead, sink: &mut dyn Sink) -> Result<(), ReportError> {
    json::list(input, None, &mut Cucumber(sink))
}

struct Cucumber<'s>(&'s mut dyn Sink);

#[derive(Default, Deserialize)]
#[serde(default)]
struct Feature<'a> {
    #[serde(borrow)]
    uri: Text<'a>,
    #[serde(borrow)]
    elements: Objects<Scenario<'a>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Scenario<'a> {
    #[serde(borrow, rename = "type")]
    kind: Text<'a>,
    #[serde(borrow)]
    name: Text<'a>,
    #[serde(borrow)]
    before: Objects<Part<'a>>,
    #[serde(borrow)]
    steps: Objects<Part<'a>>,
    #[serde(borrow)]
    after: Objects<Part<'a>>,
}

/// A step or a hook.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Part<'a> {
    #[serde(borrow)]
    result: Object<Ended<'a>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Ended<'a> {
    #[serde(borrow)]
    status: Text<'a>,
    #[serde(borrow)]
    duration: Figure<'a>,
}

impl Elements for Cucumber<'_> {
    type Element<'de> = Object<Feature<'de>>;

    fn take(&mut self, Object(feature): Object<Feature<'_>>) {
        let Some(feature) = feature else { return self.0.warn(None, NO_OBJECT) };
        feature.elements.warn(self.0);
        for scenario in feature.elements.list.iter().filter(|element| !element.kind.is("background")) {
            for parts in [&scenario.before, &scenario.steps, &scenario.after] {
                parts.warn(self.0);
            }
            self.0.case(&Case {
                place: Place { file: feature.uri.get(), ..Place::default() },
                name: scenario.name.get().unwrap_or_default(),
                time: scenario.time(),
                outcome: scenario.outcome(),
                ..Case::default()
            });
        }
    }
}

impl<'a> Scenario<'a> {
    fn results(&self) -> impl Iterator<Item = &Ended<'a>> {
        let parts = [&self.before, &self.steps, &self.after];
        parts.into_iter().flat_map(|parts| &parts.list).filter_map(|part| part.result.0.as_ref())
    }

    fn time(&self) -> Time<'_> {
        let mut sum = None;
        let mut odd = Time::Absent;
        for result in self.results() {
            match result.duration.time(UNITS) {
                Time::Seconds(seconds) => sum = Some(sum.unwrap_or(0.0) + seconds),
                Time::Unreadable(text) => odd = Time::Unreadable(text),
                Time::Absent => {}
            }
        }
        sum.map_or(odd, Time::Seconds)
    }

    /// The worst of its parts. A step that nobody has written yet ends a scenario without failing it.
    fn outcome(&self) -> Outcome {
        let any = |words: &[&str]| {
            self.results().any(|result| result.status.get().is_some_and(|status| words.contains(&status)))
        };
        if any(&["failed", "ambiguous"]) {
            Outcome::Failed
        } else if any(&["skipped", "undefined", "pending"]) {
            Outcome::Skipped
        } else {
            Outcome::Passed
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::report::Format;
    use crate::report::testing::{check, recognised, refused};

    const JSON: Format = Format::CucumberJson;

    #[test]
    fn scenarios_are_read_with_their_hooks() {
        let text = r#"[{"uri": "features/a.feature", "id": "basket", "keyword": "Feature", "name": "basket", "line": 1, "elements": [
            {"keyword": "Background", "name": "", "line": 2, "type": "background",
             "steps": [{"keyword": "Given ", "result": {"status": "passed", "duration": 5000000000}}]},
            {"id": "basket;adds", "keyword": "Scenario", "name": "adds", "line": 5, "type": "scenario",
             "before": [{"match": {"location": "env.rb:1"}, "result": {"status": "passed", "duration": 1000000}}],
             "steps": [{"name": "a", "result": {"status": "passed", "duration": 20000000}, "after": [{"result": {"status": "passed"}}]},
                       {"name": "b", "result": {"status": "failed", "error_message": "no", "duration": 3000000}},
                       {"name": "c", "result": {"status": "skipped"}}],
             "after": [{"result": {"status": "passed", "duration": 2000000}}]},
            {"name": "adds", "type": "scenario", "steps": [{"result": {"status": "passed", "duration": 7}}]},
            {"name": "counts", "type": "scenario", "steps": [{"result": {"status": "undefined"}}]}
          ]}]"#;
        recognised(JSON, text);
        check(
            JSON,
            text,
            &[
                "features/a.feature - - | adds = 0.026 failed",
                "features/a.feature - - | adds = 0",
                "features/a.feature - - | counts skipped",
            ],
        );
    }

    #[test]
    fn javascript_writes_hooks_among_the_steps() {
        let text = include_str!("../../../testdata/reports/cucumber-json/javascript.json");
        recognised(JSON, text);
        check(
            JSON,
            text,
            &[
                "features/a.feature - - | adds = 0.020684",
                "features/a.feature - - | counts = 0.024022",
                "features/a.feature - - | undefined = 0.035143 skipped",
            ],
        );
    }

    #[test]
    fn odd_values_cost_nothing_else() {
        check(
            JSON,
            r#"[{"uri": null, "elements": [{"steps": [{"result": {"duration": "x"}}, {"result": 1}, 2]}]}, 3, {"uri": "a"}]"#,
            &["warning an entry that is no object", "- - - |  = `x`", "warning an entry that is no object"],
        );
        refused(JSON, r#"[{"uri": "a", "elements": [{"#, "1: not JSON: the file ends in the middle");
        // Behave's are seconds.
        let behave = r#"[{"elements": [{"location": "a.feature:3", "steps": [{"result": {"duration": 0.1}}]}], "keyword": "Feature""#;
        assert_eq!(Format::recognise(behave.as_bytes()), None);
    }
}
