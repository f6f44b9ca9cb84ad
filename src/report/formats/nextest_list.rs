//! `cargo nextest list --message-format json`: the tests of each binary, or the binaries alone.
//!
//! A unit is a binary by its id. What does not match the filter, and what is ignored, does not run.

use std::fmt;
use std::io::BufRead;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};

use crate::report::head::Head;
use crate::report::json::{self, NO_OBJECT, Object, Text};
use crate::report::{Case, Outcome, Place, ReportError, Sink};

/// Whether this is a listing of nextest, whose tests come behind much about the build.
pub(in crate::report) fn looks_like(head: &Head<'_>) -> bool {
    head.has("rust-build-meta") || head.has("rust-suites") || head.has("rust-binaries")
}

/// Reads a listing; holds one test at a time.
///
/// # Errors
/// What is no JSON, or not of this shape, with its line.
pub(in crate::report) fn read(input: impl BufRead, sink: &mut dyn Sink) -> Result<(), ReportError> {
    json::document(input, Level { sink, binary: None, kind: Kind::Listing })
}

/// The objects of a listing, from the outermost inwards.
#[derive(Clone, Copy)]
enum Kind {
    Listing,
    /// The binaries with their tests.
    Suites,
    /// The binaries without their tests.
    Binaries,
    Suite,
    Tests,
}

struct Level<'s> {
    sink: &'s mut dyn Sink,
    /// The id of the binary that is open.
    binary: Option<&'s str>,
    kind: Kind,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
struct Test<'a> {
    #[serde(borrow)]
    ignored: Text<'a>,
    #[serde(borrow)]
    filter_match: Object<Match<'a>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Match<'a> {
    #[serde(borrow)]
    status: Text<'a>,
}

impl Test<'_> {
    /// An ignored test matches where it was asked for (`--run-ignored`).
    fn outcome(&self) -> Outcome {
        let matches = match self.filter_match.0.as_ref().and_then(|found| found.status.get()) {
            Some(status) => status == "matches",
            None => !self.ignored.is("true"),
        };
        if matches { Outcome::Passed } else { Outcome::Skipped }
    }
}

impl<'de> DeserializeSeed<'de> for Level<'_> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Level<'_> {
    type Value = ();
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.kind {
            Kind::Listing => "a listing",
            Kind::Suites | Kind::Binaries => "an object of binaries",
            Kind::Suite => "a binary",
            Kind::Tests => "an object of tests",
        })
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<Text<'de>>()? {
            let name = key.get().unwrap_or_default();
            let inner = match (self.kind, name) {
                (Kind::Listing, "rust-suites") => Some((Kind::Suites, None)),
                (Kind::Listing, "rust-binaries") => Some((Kind::Binaries, None)),
                (Kind::Suites, binary) => Some((Kind::Suite, Some(binary))),
                (Kind::Suite, "testcases") => Some((Kind::Tests, self.binary)),
                _ => None,
            };
            if let Some((kind, binary)) = inner {
                map.next_value_seed(Level { sink: &mut *self.sink, binary, kind })?;
                continue;
            }
            let place = Place { file: self.binary, ..Place::default() };
            match self.kind {
                Kind::Tests => match map.next_value::<Object<Test<'de>>>()?.0 {
                    Some(test) => {
                        self.sink.case(&Case { place, name, outcome: test.outcome(), ..Case::default() });
                    }
                    None => self.sink.warn(None, NO_OBJECT),
                },
                Kind::Binaries => {
                    map.next_value::<IgnoredAny>()?;
                    self.sink.case(&Case { place: Place::file(name), ..Case::default() });
                }
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(())
    }
    /// Nothing was listed.
    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use crate::report::Format;
    use crate::report::testing::{check, recognised, refused};

    const JSON: Format = Format::NextestList;

    #[test]
    fn tests_are_read_by_binary() {
        let text = include_str!("../../../testdata/reports/nextest-list/tests.json");
        recognised(JSON, text);
        check(
            JSON,
            text,
            &[
                "basket - - | adds",
                "basket - - | counts skipped",
                "basket - - | inner::removes skipped",
                "basket::cli - - | whole skipped",
            ],
        );
        let asked = r#"{"rust-suites": {"a": {"status": "listed", "testcases": {"t": {"ignored": true, "filter-match": {"status": "matches"}},
            "u": {"ignored": true}, "v": {}}}, "b": {"status": "skipped", "testcases": {}}}}"#;
        check(JSON, asked, &["a - - | t", "a - - | u skipped", "a - - | v"]);
        let binaries = r#"{"rust-build-meta": {}, "rust-binaries": {"basket": {"kind": "lib"}, "basket::cli": {"kind": "test"}}}"#;
        recognised(JSON, binaries);
        check(JSON, binaries, &["basket - - | ", "basket::cli - - | "]);
    }

    #[test]
    fn odd_values_cost_nothing_else() {
        check(
            JSON,
            r#"{"rust-suites": {"a": null, "b": {"testcases": {"t": 1, "u": {"filter-match": 2}}}}, "test-count": "x"}"#,
            &["warning an entry that is no object", "b - - | u"],
        );
        refused(
            JSON,
            r#"{"rust-suites": []}"#,
            "1: not of this format: invalid type: sequence, expected an object of binaries",
        );
        refused(JSON, "{\"rust-suites\": {\n\"a\": {", "2: not JSON: the file ends in the middle");
    }
}
