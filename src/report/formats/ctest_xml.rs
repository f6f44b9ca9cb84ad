//! CTest's dashboard: `Testing/<stamp>/Test.xml`, which `ctest -T Test` writes. Configuring, building and
//! coverage have files of the same root, which hold no tests.

use std::io::BufRead;

use crate::report::head::Head;
use crate::report::xml::{self, Elements, Tag};
use crate::report::{Case, Outcome, Place, ReportError, Sink, Time};

/// Whether this is the part of a dashboard that has tests.
pub(in crate::report) fn looks_like(head: &Head<'_>) -> bool {
    head.root == Some("Site") && head.text.contains("<Testing")
}

/// Reads a report from a stream.
///
/// # Errors
/// What is not well-formed, with its line, and a document that is no dashboard.
pub(in crate::report) fn read(input: impl BufRead, sink: &mut dyn Sink) -> Result<(), ReportError> {
    xml::walk(input, &mut Dashboard::default(), sink)
}

#[derive(Default)]
struct Dashboard {
    /// How deep inside the test that is open; 0: none is. The list of names that comes first has
    /// `<Test>`s too, without a status.
    inside: usize,
    outcome: Outcome,
    name: String,
    time: Option<String>,
    line: Option<u64>,
    /// The measurement that is open, and what it holds.
    measured: Option<Measurement>,
    value: String,
    reading: Reading,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Measurement {
    Time,
    Ending,
}

/// Whose text comes next.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Reading {
    #[default]
    Nothing,
    Name,
    Value,
}

impl Elements for Dashboard {
    const ROOTS: &'static [&'static str] = &["Site"];
    const WHAT: &'static str = "CTest dashboard";
    const TEXT: bool = true;

    fn open(&mut self, tag: &Tag<'_>, _: &mut dyn Sink) -> Result<(), String> {
        if self.inside == 0 {
            if tag.name() == "Test"
                && let [Some(status)] = tag.values(["Status"])?
            {
                self.inside = 1;
                self.name.clear();
                (self.time, self.line) = (None, Some(tag.line()));
                self.outcome = match &*status {
                    "notrun" => Outcome::Skipped,
                    "failed" => Outcome::Failed,
                    _ => Outcome::Passed,
                };
            }
            return Ok(());
        }
        self.inside += 1;
        self.reading = Reading::Nothing;
        match (tag.name(), self.inside) {
            ("Name", 2) => self.reading = Reading::Name,
            ("NamedMeasurement", _) => {
                let [name] = tag.values(["name"])?;
                self.measured = match name.as_deref() {
                    Some("Execution Time") => Some(Measurement::Time),
                    Some("Exit Code" | "Completion Status") => Some(Measurement::Ending),
                    _ => None,
                };
            }
            ("Value", _) if self.measured.is_some() => {
                self.value.clear();
                self.reading = Reading::Value;
            }
            _ => {}
        }
        Ok(())
    }

    fn text(&mut self, text: &str) {
        match self.reading {
            Reading::Nothing => {}
            Reading::Name => self.name.push_str(text),
            Reading::Value => self.value.push_str(text),
        }
    }

    fn close(&mut self, name: &str, sink: &mut dyn Sink) {
        if self.inside == 0 {
            return;
        }
        self.inside -= 1;
        match (std::mem::take(&mut self.reading), self.measured) {
            (Reading::Value, Some(Measurement::Time)) => self.time = Some(std::mem::take(&mut self.value)),
            (Reading::Value, Some(Measurement::Ending)) if self.value.trim() == "Timeout" => {
                self.outcome = Outcome::Aborted;
            }
            _ => {}
        }
        if name == "NamedMeasurement" {
            self.measured = None;
        }
        if self.inside == 0 {
            sink.case(&Case {
                line: self.line,
                place: Place::file(self.name.trim()),
                time: self.time.as_deref().map_or(Time::Absent, Time::read),
                outcome: self.outcome,
                ..Case::default()
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::report::Format;
    use crate::report::testing::{check, recognised, refused};

    const FORMAT: Format = Format::CtestDashboardXml;

    #[test]
    fn a_run_of_ctest_is_read() {
        let text = include_str!("../../../testdata/reports/ctest-dashboard-xml/Test.xml");
        recognised(FORMAT, text);
        check(
            FORMAT,
            text,
            &[
                "a<b & c - - |  = 0.008545",
                "slow - - |  = 1.002503 aborted",
                "missing - - |  skipped",
                "off - - |  skipped",
            ],
        );
    }

    #[test]
    fn odd_ones_are_read() {
        let run = |tests: &str| format!("<Site Name='x'><Testing>{tests}</Testing></Site>");
        check(FORMAT, &run("<TestList><Test>./a</Test></TestList>"), &[]);
        check(
            FORMAT,
            &run(
                "<Test Status='passed'><Results><NamedMeasurement name='Execution Time'><Value>1,5</Value></NamedMeasurement>\
                <NamedMeasurement name='x'><Value>9</Value></NamedMeasurement></Results><Name> a\n</Name></Test>\
                <Test Status='failed'><Name>b</Name><Results><NamedMeasurement name='Execution Time'><Value/></NamedMeasurement>\
                <NamedMeasurement name='Inner'><Name>c</Name></NamedMeasurement></Results></Test><Test Status=''/>",
            ),
            &["a - - |  = 1.5", "b - - |  failed", " - - | "],
        );
        recognised(Format::OtherXml, "<Site Name='x'><Build><Error/></Build></Site>");
        refused(FORMAT, "<Site>\n<Testing>", "2: not well-formed XML: the file ends inside 2 open elements");
    }
}
