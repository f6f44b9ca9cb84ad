//! Names and seconds in one JSON value: pytest-split's `.test_durations` and knapsack's report.
//!
//! An object `{"name": seconds}`, or pytest-split's older list `[["name", seconds]]`. A name with `::` is
//! a node id, any other a file.

use std::fmt;
use std::io::BufRead;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

use crate::report::head::Head;
use crate::report::json::{self, Figure, Text};
use crate::report::{Case, Place, ReportError, Sink, number};

/// Whether this is an object whose keys are node ids, or a list of pairs.
pub(in crate::report) fn looks_like_node_ids(head: &Head<'_>) -> bool {
    let ids = || head.top().next().is_none() || head.text.contains("::");
    Entry::Pair.fills(head.text) || (Entry::Member.fills(head.text) && ids())
}

/// Whether this is an object whose keys are files.
pub(in crate::report) fn looks_like_files(head: &Head<'_>) -> bool {
    Entry::Member.fills(head.text)
}

/// A name and a figure.
#[derive(Clone, Copy, PartialEq)]
enum Entry {
    /// `"name": 1.5`
    Member,
    /// `["name", 1.5]`
    Pair,
}

impl Entry {
    /// Whether a beginning holds these and nothing else, as far as it goes. Much other JSON begins with a
    /// name and a figure, such as a version, so all of them are looked at. Where they are no JSON any more
    /// the reader says so.
    fn fills(self, beginning: &str) -> bool {
        let (open, close) = if self == Entry::Pair { ('[', ']') } else { ('{', '}') };
        let mut rest = Rest(beginning);
        if !rest.takes(open) {
            return false;
        }
        if self == Entry::Member && rest.takes(close) {
            return rest.is_over();
        }
        let mut entries = 0;
        loop {
            match rest.entry(self) {
                Found::Whole => entries += 1,
                Found::Cut => return entries > 0,
                Found::Other => return false,
            }
            if !rest.takes(',') {
                return !rest.takes(close) || rest.is_over();
            }
        }
    }
}

/// What stands where something is looked for.
#[derive(PartialEq)]
enum Found {
    Whole,
    /// Perhaps the same: the beginning ends or breaks within.
    Cut,
    Other,
}

/// What is left of a beginning.
struct Rest<'a>(&'a str);

impl<'a> Rest<'a> {
    fn is_over(&self) -> bool {
        self.0.trim_start().is_empty()
    }

    /// Passes over blanks and this character, if it comes next.
    fn takes(&mut self, mark: char) -> bool {
        self.0 = self.0.trim_start();
        let after = self.0.strip_prefix(mark);
        self.0 = after.unwrap_or(self.0);
        after.is_some()
    }

    fn entry(&mut self, entry: Entry) -> Found {
        let pair = entry == Entry::Pair;
        if (pair && !self.takes('[')) || !self.takes('"') {
            return if self.is_over() { Found::Cut } else { Found::Other };
        }
        if !self.text().1 || !self.takes(if pair { ',' } else { ':' }) {
            return Found::Cut;
        }
        match self.figure() {
            Found::Whole if pair && !self.takes(']') && !self.is_over() => Found::Other,
            found => found,
        }
    }

    /// The inside of a text that is open, and whether it ends.
    fn text(&mut self) -> (&'a str, bool) {
        let mut escaped = false;
        let end = self.0.bytes().position(|byte| {
            let end = byte == b'"' && !escaped;
            escaped = byte == b'\\' && !escaped;
            end
        });
        let (text, rest) = self.0.split_at(end.unwrap_or(self.0.len()));
        self.0 = rest.get(1..).unwrap_or_default();
        (text, end.is_some())
    }

    fn figure(&mut self) -> Found {
        if self.takes('"') {
            let digit = |c: char| c.is_ascii_digit() || matches!(c, '+' | '-' | '.' | ',' | 'e' | 'E');
            return match self.text() {
                (text, true) if number::seconds(text).is_some() || is_figure(text) => Found::Whole,
                (text, false) if text.chars().all(digit) => Found::Cut,
                _ => Found::Other,
            };
        }
        let end = self.0.find(|c: char| c.is_whitespace() || matches!(c, ',' | ']' | '}'));
        let (word, rest) = self.0.split_at(end.unwrap_or(self.0.len()));
        self.0 = rest;
        match word == "null" || is_figure(word) {
            true => Found::Whole,
            false if end.is_none() && !word.starts_with(['[', '{']) => Found::Cut,
            false => Found::Other,
        }
    }
}

/// Whether Rust takes this for a figure: `NaN` and `Infinity`, which other tools write, included.
fn is_figure(text: &str) -> bool {
    text.parse::<f64>().is_ok()
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
        // As Python writes it.
        check(
            pytest,
            r#"{"a.py::t[NaN]": NaN, "b.py::t": -Infinity, "c.py::t": 1}"#,
            &["a.py - - | t[NaN] = `NaN`", "b.py - - | t = `-Infinity`", "c.py - - | t = 1"],
        );
    }

    #[test]
    fn both_are_recognised() {
        recognised(Format::PytestDurations, r#"{"a.py::x": 1.5"#);
        recognised(Format::PytestDurations, r#"[["a.py::x", 1.5]]"#);
        recognised(Format::Knapsack, r#"{"spec/a\"b_spec.rb": 1.5}"#);
        recognised(Format::PytestDurations, "{}");
        recognised(Format::PytestDurations, r#"{"a.py::x": NaN, "a.py::y": -Infinity}"#);
        recognised(Format::PytestDurations, "[ [\"a.py::x\", 1.5],\n [\"b.p");
        recognised(Format::Knapsack, r#"{"a": "1,234.5", "b": null, "c": -1e-5, "d": "1."#);
        recognised(Format::Knapsack, r#"{"a": 1, "b"#);
        recognised(Format::Knapsack, r#"{"a": 1, "b": "#);
        recognised(Format::Knapsack, r#"{"a": "NaN", "b": "inf"}"#);
        // What breaks is for the reader to tell.
        recognised(Format::Knapsack, r#"{"a": 1, "b" 2}"#);
        recognised(Format::Knapsack, r#"{"a": 1 2}"#);
    }

    #[test]
    fn other_json_is_not_taken_for_them() {
        for text in [
            r#"{"a": {"b": 1}}"#,
            r#"{"name": "demo", "version": "1.0.0", "scripts": {}}"#,
            r#"{"extends": "./base.json", "compilerOptions": {"strict": true}}"#,
            r#"{"version": 3, "sources": ["a.ts"], "mappings": "AAAA"}"#,
            r#"{"version": 3, "file": "a.js"}"#,
            r#"{"version": 3, "mappings": "AAAA,CA"#,
            r#"{"lockfileVersion": 3, "requires": true}"#,
            r#"{"a": 1, "b": [2"#,
            r#"{"a": 1} {"b": 2}"#,
            r#"{"a": "#,
            r#"{"a::b": "x"}"#,
            "[[1,2]]",
            r#"[["a", "b"]]"#,
            r#"[["a", 1, 2]]"#,
            r#"[["a", 1], ["b", [2]]]"#,
            "[[]]",
            r#"[["a"#,
        ] {
            assert_eq!(Format::recognise(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn what_is_broken_says_where() {
        let refused = |text: &str, expect: &str| refused(Format::Knapsack, text, expect);
        refused("{\"a\": 1,\n\"b\": 2", "2: not JSON: the file ends in the middle");
        refused("{\"a\": 1,\n\"b\": nan}", "2: not JSON: expected");
        refused("[1, 2]", "1: not of this format: invalid type: integer `1`, expected a tuple of size 2");
        refused("", "1: not JSON: the file ends in the middle");
        refused(&"[".repeat(100_000), "1: not JSON: the file ends in the middle");
    }
}
