//! cypress-split's timings: spec files and milliseconds.

use std::io::BufRead;

use serde::Deserialize;

use crate::report::head::Head;
use crate::report::json::{self, Elements, Figure, NO_OBJECT, Object, Text};
use crate::report::{Case, Place, ReportError, Sink};

/// Milliseconds in a second.
const UNITS: f64 = 1e3;

/// Whether these are timings of cypress-split.
pub(in crate::report) fn looks_like(head: &Head<'_>) -> bool {
    // The list is empty before the first run.
    head.has("durations[].spec") || (head.top().eq(["durations"]) && head.text.contains('['))
}

/// Reads timings; holds one at a time.
///
/// # Errors
/// What is no JSON, or not of this shape, with its line.
pub(in crate::report) fn read(input: impl BufRead, sink: &mut dyn Sink) -> Result<(), ReportError> {
    json::list(input, Some("durations"), &mut Timings(sink))
}

struct Timings<'s>(&'s mut dyn Sink);

#[derive(Default, Deserialize)]
#[serde(default)]
struct Timing<'a> {
    #[serde(borrow)]
    spec: Text<'a>,
    #[serde(borrow)]
    duration: Figure<'a>,
}

impl Elements for Timings<'_> {
    type Element<'de> = Object<Timing<'de>>;

    fn take(&mut self, Object(timing): Object<Timing<'_>>) {
        let Some(timing) = timing else { return self.0.warn(None, NO_OBJECT) };
        self.0.case(&Case {
            place: Place { file: timing.spec.get(), ..Place::default() },
            time: timing.duration.time(UNITS),
            ..Case::default()
        });
    }
}

#[cfg(test)]
mod tests {
    use crate::report::Format;
    use crate::report::testing::{check, recognised, refused};

    const JSON: Format = Format::CypressSplitJson;

    #[test]
    fn specs_are_read() {
        let text = r#"{"durations": [{"spec": "a.cy.js", "duration": 1500}, null, {"spec": "b", "duration": "x"}, {"duration": -1}]}"#;
        recognised(JSON, text);
        check(
            JSON,
            text,
            &[
                "a.cy.js - - |  = 1.5",
                "warning an entry that is no object",
                "b - - |  = `x`",
                "- - - |  = -0.001",
            ],
        );
        recognised(JSON, r#"{"durations": []}"#);
        refused(JSON, r#"{"durations": [{}"#, "1: not JSON: the file ends in the middle");
        refused(JSON, r#"{"durations": 1}"#, "1: not of this format");
    }
}
