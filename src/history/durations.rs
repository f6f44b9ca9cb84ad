//! Names and seconds in one JSON value: pytest-split's `.test_durations` and knapsack's report.
//!
//! An object `{"name": seconds}`, or pytest-split's older list `[["name", seconds]]`.
//! A name with `::` is a node id, any other a file.

use std::fmt;
use std::sync::Arc;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

use super::{Case, Place, Report, ReportError, number};

/// Reads a report from its bytes.
///
/// # Errors
/// What is no JSON, or not of one of the two shapes, with its line.
pub fn read(bytes: &[u8]) -> Result<Report, ReportError> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let Entries(report) = serde_json::from_slice(bytes).map_err(|err| {
        let message = err.to_string();
        let message = message.split(" at line ").next().unwrap_or_default();
        match err.classify() {
            serde_json::error::Category::Eof => {
                ReportError::new(err.line() as u64, "the file ends in the middle")
            }
            serde_json::error::Category::Data => {
                ReportError::new(err.line() as u64, format!("not a report of names and seconds: {message}"))
            }
            _ => ReportError::new(err.line() as u64, format!("not JSON: {message}")),
        }
    })?;
    Ok(report)
}

struct Entries(Report);

impl<'de> Deserialize<'de> for Entries {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Entries, D::Error> {
        struct Shapes;
        impl<'de> Visitor<'de> for Shapes {
            type Value = Entries;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of names and seconds, or a list of pairs")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Entries, A::Error> {
                let mut adder = Adder::default();
                while let Some((name, seconds)) = map.next_entry::<String, Value>()? {
                    adder.add(name, &seconds);
                }
                Ok(Entries(adder.report))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Entries, A::Error> {
                let mut adder = Adder::default();
                while let Some((name, seconds)) = seq.next_element::<(String, Value)>()? {
                    adder.add(name, &seconds);
                }
                Ok(Entries(adder.report))
            }
        }
        deserializer.deserialize_any(Shapes)
    }
}

#[derive(Default)]
struct Adder {
    report: Report,
    place: Arc<Place>,
}

impl Adder {
    fn add(&mut self, name: String, seconds: &Value) {
        let value = match seconds {
            Value::Number(number) => number.as_f64(),
            Value::String(text) => number::seconds(text),
            _ => None,
        };
        if seconds.is_null() {
            self.report.unusable.untimed += 1;
            return;
        }
        let Some(nanos) = value.and_then(number::nanos) else {
            self.report.unusable.wrong(&name, &seconds.to_string());
            return;
        };
        let (path, rest) = name.split_once("::").unwrap_or((&name, ""));
        // Names are sorted, so the cases of a file stand together and share its place.
        if self.place.file.as_deref() != Some(path) {
            self.place = Arc::new(Place { file: Some(path.into()), ..Place::default() });
        }
        self.report.cases.push(Case { place: Arc::clone(&self.place), name: rest.into(), nanos });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> Result<String, String> {
        let report = read(text.as_bytes()).map_err(|err| err.to_string())?;
        let cases: Vec<String> = report
            .cases
            .iter()
            .map(|case| format!("{} {} {}", case.place.name(), case.name, case.nanos / 1_000_000))
            .collect();
        Ok(format!("{} | {:?}", cases.join(", "), (report.unusable.untimed, report.unusable.wrong)))
    }

    #[test]
    fn objects_and_lists_of_pairs_are_read() {
        let check = |text: &str, expect: &str| assert_eq!(shown(text).as_deref(), Ok(expect));
        check(r#"{"a.py::test_x[1::2]": 1.5, "a.py": 2}"#, "a.py test_x[1::2] 1500, a.py  2000 | (0, 0)");
        check(r#"[["a.py::t", 1.5], ["b.py::t", 0]]"#, "a.py t 1500, b.py t 0 | (0, 0)");
        check(
            r#"{"a": "1,234.5", "b": -1, "c": null, "d": "NaN", "e": 1e300, "f": [1]}"#,
            "a  1234500 | (1, 4)",
        );
        check("\u{feff}{}", " | (0, 0)");
    }

    #[test]
    fn what_is_broken_says_where() {
        let check = |text: &str, expect: &str| assert_eq!(shown(text).unwrap_err(), expect);
        check("{\"a\": 1,\n\"b\": 2", "2: the file ends in the middle");
        check("{\"a\": 1,\n\"b\": NaN}", "2: not JSON: expected value");
        check(
            "[1, 2]",
            "1: not a report of names and seconds: invalid type: integer `1`, expected a tuple of size 2",
        );
        check("", "1: the file ends in the middle");
        check(
            &"[".repeat(100_000),
            "1: not a report of names and seconds: invalid type: sequence, expected a string",
        );
    }
}
