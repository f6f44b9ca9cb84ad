//! Buck2's build report (`--build-report`): the most memory that one action of a target held.
//!
//! A target is the unit, and a case in each of its configurations. The report has times only as sums over
//! all actions of a target, of which many ran at once: they are not read.

use std::fmt;
use std::io::BufRead;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::Value;

use crate::report::head::Head;
use crate::report::json::{self, Text};
use crate::report::{Case, Outcome, Place, ReportError, Sink};

/// Whether this is such a report.
pub(in crate::report) fn looks_like(head: &Head<'_>) -> bool {
    head.has("trace_id") && head.has("success") && head.has("results")
}

/// Reads a report, target by target.
///
/// # Errors
/// What is no JSON, or not of this shape, with its line.
pub(in crate::report) fn read(input: impl BufRead, sink: &mut dyn Sink) -> Result<(), ReportError> {
    json::document(input, Report { sink, results: false })
}

/// The report, or the map of its results.
struct Report<'s> {
    sink: &'s mut dyn Sink,
    results: bool,
}

impl<'de> DeserializeSeed<'de> for Report<'_> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Report<'_> {
    type Value = ();
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with `results` by target")
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<Text<'de>>()? {
            let key = key.get().unwrap_or_default();
            if self.results {
                target(key, &map.next_value()?, self.sink);
            } else if key == "results" {
                map.next_value_seed(Report { sink: &mut *self.sink, results: true })?;
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(())
    }
}

fn target(label: &str, entry: &Value, sink: &mut dyn Sink) {
    let Some(configured) = entry["configured"].as_object().filter(|configured| !configured.is_empty()) else {
        sink.warn(None, "a target that was never configured: passed over");
        return;
    };
    for (configuration, entry) in configured {
        // The first is what it is called in the documentation, the second what is written.
        let metrics = [&entry["metrics"], &entry["build_metrics"]];
        let peaks = metrics.into_iter().flat_map(|metrics| {
            ["local_max_memory_peak_bytes", "remote_max_memory_peak_bytes"].map(|key| metrics[key].as_u64())
        });
        sink.case(&Case {
            place: Place::file(label),
            name: if configured.len() > 1 { configuration } else { "" },
            outcome: if entry["success"] == "FAIL" { Outcome::Failed } else { Outcome::Passed },
            bytes: peaks.flatten().max().filter(|bytes| *bytes > 0),
            ..Case::default()
        });
    }
}

#[cfg(test)]
mod tests {
    use crate::report::Format;
    use crate::report::testing::{check, recognised, refused};

    #[test]
    fn peaks_of_targets_are_read() {
        let text = r#"{"trace_id": "u", "success": false, "results": {
            "root//a:t": {"success": "SUCCESS", "configured": {"cfg:x#1": {"success": "SUCCESS", "outputs": {},
                "build_metrics": {"metrics": {"local_execution_time_ms": 5.0}, "remote_max_memory_peak_bytes": 0, "local_max_memory_peak_bytes": 4096}}}},
            "root//a:u": {"configured": {
                "b": {"success": "FAIL", "metrics": {"remote_max_memory_peak_bytes": 7, "local_max_memory_peak_bytes": null}},
                "a": {"build_metrics": "none"}}},
            "root//a:v": {"configured": {}, "errors": [{}]}, "root//a:w": 5},
            "failures": {}, "project_root": "/src"}"#;
        recognised(Format::Buck2Report, text);
        check(
            Format::Buck2Report,
            text,
            &[
                "root//a:t - - |  4096 B",
                "root//a:u - - | a",
                "root//a:u - - | b failed 7 B",
                "warning a target that was never configured: passed over",
                "warning a target that was never configured: passed over",
            ],
        );
    }

    #[test]
    fn what_is_broken_says_where() {
        refused(Format::Buck2Report, "{\"results\": {\n\"a\": ", "2: not JSON: the file ends in the middle");
        refused(Format::Buck2Report, "{\"results\": 5}", "1: not of this format: invalid type: integer `5`");
    }
}
