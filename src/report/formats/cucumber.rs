//! Cucumber's JSON formatter, as Ruby, Java, JavaScript and Go write it, and Behave's, which is akin:
//! features with their scenarios.
//!
//! A scenario takes what its steps and the hooks around it take; a background is no scenario. A row of an
//! outline is one, and each attempt of a scenario that is run again stands there as another. Times are
//! nanoseconds, but seconds in Behave's, whose features have a location in place of a `uri`.

use std::io::BufRead;

use serde::Deserialize;

use crate::report::head::Head;
use crate::report::json::{self, Elements, Figure, NO_OBJECT, Object, Objects, Text};
use crate::report::{Case, Outcome, Place, ReportError, Sink, Time};

/// Nanoseconds in a second.
const UNITS: f64 = 1e9;

/// Whether this is a report of Cucumber or Behave. In some a feature begins with its elements.
pub(in crate::report) fn looks_like(head: &Head<'_>) -> bool {
    let feature = head.has("[].uri") || (head.has("[].location") && head.has("[].keyword"));
    feature || head.has("[].elements[].steps")
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
    /// In Behave's: `features/a.feature:1`.
    #[serde(borrow)]
    location: Text<'a>,
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
    /// In Behave's.
    #[serde(borrow)]
    status: Text<'a>,
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
        let (file, units) = feature.origin();
        feature.elements.warn(self.0);
        for scenario in feature.elements.list.iter().filter(|element| !element.kind.is("background")) {
            for parts in [&scenario.before, &scenario.steps, &scenario.after] {
                parts.warn(self.0);
            }
            self.0.case(&Case {
                place: Place { file, ..Place::default() },
                name: scenario.name.get().unwrap_or_default(),
                time: scenario.time(units),
                outcome: scenario.outcome(),
                ..Case::default()
            });
        }
    }
}

impl Feature<'_> {
    /// Its file, and how many units of time make a second.
    fn origin(&self) -> (Option<&str>, f64) {
        match (self.uri.get(), self.location.get()) {
            (None, Some(location)) => {
                (Some(location.rsplit_once(':').map_or(location, |(file, _)| file)), 1.0)
            }
            (uri, _) => (uri, UNITS),
        }
    }
}

impl<'a> Scenario<'a> {
    fn results(&self) -> impl Iterator<Item = &Ended<'a>> {
        let parts = [&self.before, &self.steps, &self.after];
        parts.into_iter().flat_map(|parts| &parts.list).filter_map(|part| part.result.0.as_ref())
    }

    fn time(&self, units: f64) -> Time<'_> {
        json::total(self.results().map(|result| result.duration.time(units)))
    }

    /// The worst of its parts. A step that nobody has written yet ends a scenario without failing it.
    fn outcome(&self) -> Outcome {
        let any = |words: &[&str]| {
            self.results().any(|result| result.status.get().is_some_and(|status| words.contains(&status)))
        };
        if any(&["failed", "ambiguous", "error"]) {
            return Outcome::Failed;
        }
        if any(&["skipped", "undefined", "pending"]) {
            return Outcome::Skipped;
        }
        // Of what did not begin Behave's has no steps that ended.
        match self.status.get() {
            Some("failed" | "error" | "hook_error" | "cleanup_error") => Outcome::Failed,
            Some("skipped" | "untested") => Outcome::Skipped,
            _ => Outcome::Passed,
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
    }

    #[test]
    fn behave_writes_seconds() {
        let elements = r#"[
            {"type": "background", "keyword": "Background", "name": "", "location": "features/a.feature:2",
             "steps": [{"keyword": "Given", "name": "a start", "location": "features/a.feature:3"}]},
            {"type": "scenario", "keyword": "Scenario", "name": "adds", "tags": [], "location": "features/a.feature:5", "steps": [
                {"location": "features/a.feature:3", "match": {"location": "features/steps/s.py:3", "arguments": []}, "result": {"status": "passed", "duration": 4.5e-05}},
                {"location": "features/a.feature:6", "result": {"status": "passed", "duration": 1.25}}], "status": "passed"},
            {"type": "scenario", "name": "fails", "steps": [{"result": {"status": "failed", "duration": 0.5}}, {"name": "x"}], "status": "failed"},
            {"type": "scenario", "name": "unwritten", "steps": [{"result": {"status": "undefined", "duration": 0}}], "status": "error"},
            {"type": "scenario", "name": "off", "steps": [{"name": "x"}], "status": "skipped"},
            {"type": "scenario", "name": "hooked", "steps": [{"name": "x"}], "status": "hook_error"}]"#;
        let feature = r#""keyword": "Feature", "name": "basket", "tags": [], "location": "features/a.feature:1", "status": "failed""#;
        // The second is what the formatter `json.pretty` writes.
        let texts = [
            format!(r#"[{{{feature}, "elements": {elements}}}]"#),
            format!(r#"[{{"elements": {elements}, {feature}}}]"#),
        ];
        for text in texts {
            recognised(JSON, &text);
            check(
                JSON,
                &text,
                &[
                    "features/a.feature - - | adds = 1.250045",
                    "features/a.feature - - | fails = 0.5 failed",
                    "features/a.feature - - | unwritten = 0 skipped",
                    "features/a.feature - - | off skipped",
                    "features/a.feature - - | hooked failed",
                ],
            );
        }
        recognised(JSON, &format!("[{{{feature}"));
    }
}
