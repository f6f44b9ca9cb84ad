//! `ctest --show-only=json-v1`: the tests of a CMake project. CTest knows nothing finer or coarser than a
//! test, so each is a unit.

use std::io::BufRead;

use serde::Deserialize;

use crate::report::head::Head;
use crate::report::json::{self, Elements, Figure, NO_OBJECT, Object, Text};
use crate::report::{Case, Outcome, Place, ReportError, Sink, Time};

/// Whether this is a listing of CTest, whose tests may come behind a long graph.
pub(in crate::report) fn looks_like(head: &Head<'_>) -> bool {
    head.has("backtraceGraph") || (head.has("kind") && head.text.contains("\"ctestInfo\""))
}

/// Reads a listing; holds one test at a time.
///
/// # Errors
/// What is no JSON, or not of this shape, with its line.
pub(in crate::report) fn read(input: impl BufRead, sink: &mut dyn Sink) -> Result<(), ReportError> {
    json::list(input, Some("tests"), &mut Ctest(sink))
}

struct Ctest<'s>(&'s mut dyn Sink);

#[derive(Default, Deserialize)]
#[serde(default)]
struct Test<'a> {
    #[serde(borrow)]
    name: Text<'a>,
    #[serde(borrow)]
    properties: json::Objects<Property<'a>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Property<'a> {
    #[serde(borrow)]
    name: Text<'a>,
    #[serde(borrow)]
    value: Figure<'a>,
}

impl Elements for Ctest<'_> {
    type Element<'de> = Object<Test<'de>>;

    fn take(&mut self, Object(test): Object<Test<'_>>) {
        let Some(test) = test else { return self.0.warn(None, NO_OBJECT) };
        test.properties.warn(self.0);
        let property = |name: &str| test.properties.list.iter().find(|property| property.name.is(name));
        let disabled =
            property("DISABLED").is_some_and(|property| property.value.time(1.0) == Time::Unreadable("true"));
        self.0.case(&Case {
            place: Place { file: test.name.get(), ..Place::default() },
            // What people set to have the slow ones start first: their seconds, as CTest itself keeps them.
            time: property("COST").map_or(Time::Absent, |cost| cost.value.time(1.0)),
            outcome: if disabled { Outcome::Skipped } else { Outcome::Passed },
            ..Case::default()
        });
    }
}

#[cfg(test)]
mod tests {
    use crate::report::Format;
    use crate::report::testing::{check, recognised, refused};

    const JSON: Format = Format::CtestJson;

    #[test]
    fn tests_are_read_with_their_properties() {
        let text = include_str!("../../../testdata/reports/ctest-json/ctest.json");
        recognised(JSON, text);
        check(JSON, text, &["slow - - |  = 12.5", "off - - |  skipped", "plain - - | "]);
    }

    #[test]
    fn odd_values_cost_nothing_else() {
        check(
            JSON,
            r#"{"kind": "ctestInfo", "tests": [1, {"name": "a", "properties": [null, {"name": "COST", "value": ["x"]}]}]}"#,
            &["warning an entry that is no object", "warning an entry that is no object", "a - - |  = `[…]`"],
        );
        recognised(JSON, r#"{"kind": "ctestInfo", "tests": []"#);
        refused(JSON, r#"{"tests": [{"name": "#, "1: not JSON: the file ends in the middle");
    }
}
