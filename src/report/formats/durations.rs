//! Names and seconds in one JSON value: pytest-split's `.test_durations` and knapsack's report.
//!
//! An object `{"name": seconds}`, or pytest-split's older list `[["name", seconds]]`. A name with `::` is
//! a node id, any other a file.

use std::fmt;
use std::io::BufRead;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

use crate::report::head::Head;
use crate::report::json::{self, Figure, Text};
use crate::report::{Case, Place, ReportError, Sink};

/// Whether this is an object whose keys are node ids, or a list of such pairs.
pub(in crate::report) fn looks_like_node_ids(head: &Head<'_>) -> bool {
    let start = head.text.trim_start();
    let pairs = start.strip_prefix('[').is_some_and(|rest| rest.trim_start().starts_with('['));
    pairs || (looks_like_names(head) && head.top().next().is_none_or(|_| head.text.contains("::")))
}

/// Whether this is an object whose keys are files.
pub(in crate::report) fn looks_like_files(head: &Head<'_>) -> bool {
    looks_like_names(head)
}

/// An object of nothing but figures.
fn looks_like_names(head: &Head<'_>) -> bool {
    let start = head.text.trim_start();
    let Some(inside) = start.strip_prefix('{') else { return false };
    if inside.trim_start().starts_with('}') {
        return true;
    }
    // A name, and a figure behind it.
    let mut quoted = false;
    let mut escaped = false;
    let end = inside.char_indices().find(|(_, c)| {
        let colon = !quoted && *c == ':';
        if escaped {
            escaped = false;
        } else {
            escaped = quoted && *c == '\\';
            quoted ^= *c == '"';
        }
        colon
    });
    end.is_some_and(|(at, _)| {
        let value = inside[at + 1..].trim_start();
        value.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '-' | '"')) || value.starts_with("null")
    })
}

/// Reads a report.
///
/// # Errors
/// What is no JSON, or not of one of the two shapes, with its line.
pub(in crate::report) fn read(input: impl BufRead, sink: &mut dyn Sink) -> Result<(), ReportError> {
    json::document(input, Entries(sink))
}

struct Entries<'s>(&'s mut dyn Sink);

impl Entries<'_> {
    fn add(&mut self, name: &Text<'_>, seconds: &Figure<'_>) {
        let name = name.get().unwrap_or_default();
        let (path, rest) = name.split_once("::").unwrap_or((name, ""));
        self.0.case(&Case {
            place: Place::file(path),
            name: rest,
            time: seconds.time(1.0),
            ..Case::default()
        });
    }
}

impl<'de> DeserializeSeed<'de> for Entries<'_> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Entries<'_> {
    type Value = ();
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of names and seconds, or a list of pairs")
    }
    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<(), A::Error> {
        while let Some((name, seconds)) = map.next_entry::<Text<'de>, Figure<'de>>()? {
            self.add(&name, &seconds);
        }
        Ok(())
    }
    fn visit_seq<A: SeqAccess<'de>>(mut self, mut seq: A) -> Result<(), A::Error> {
        while let Some((name, seconds)) = seq.next_element::<(Text<'de>, Figure<'de>)>()? {
            self.add(&name, &seconds);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use crate::report::Format;
    use crate::report::testing::{check, recognised, refused};

    #[test]
    fn objects_and_lists_of_pairs_are_read() {
        let pytest = Format::PytestDurations;
        check(
            pytest,
            r#"{"a.py::test_x[1::2]": 1.5, "a.py": 2}"#,
            &["a.py - - | test_x[1::2] = 1.5", "a.py - - |  = 2"],
        );
        check(pytest, r#"[["a.py::t", 1.5], ["b.py::t", 0]]"#, &["a.py - - | t = 1.5", "b.py - - | t = 0"]);
        check(
            Format::Knapsack,
            r#"{"a": "1,234.5", "b": -1, "c": null, "d": "NaN", "e": 1e18, "f": [1]}"#,
            &[
                "a - - |  = 1234.5",
                "b - - |  = -1",
                "c - - | ",
                "d - - |  = `NaN`",
                "e - - |  = 1000000000000000000",
                "f - - |  = `[…]`",
            ],
        );
        check(pytest, "\u{feff}{}", &[]);
    }

    #[test]
    fn both_are_recognised() {
        recognised(Format::PytestDurations, r#"{"a.py::x": 1.5"#);
        recognised(Format::PytestDurations, r#"[["a.py::x", 1.5]]"#);
        recognised(Format::Knapsack, r#"{"spec/a\"b_spec.rb": 1.5}"#);
        recognised(Format::PytestDurations, "{}");
        assert_eq!(Format::recognise(br#"{"a": {"b": 1}}"#), None);
    }

    #[test]
    fn what_is_broken_says_where() {
        let refused = |text: &str, expect: &str| refused(Format::Knapsack, text, expect);
        refused("{\"a\": 1,\n\"b\": 2", "2: not JSON: the file ends in the middle");
        refused("{\"a\": 1,\n\"b\": NaN}", "2: not JSON: expected value");
        refused("[1, 2]", "1: not of this format: invalid type: integer `1`, expected a tuple of size 2");
        refused("", "1: not JSON: the file ends in the middle");
        refused(&"[".repeat(100_000), "1: not JSON: the file ends in the middle");
    }
}
