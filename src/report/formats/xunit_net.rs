//! xUnit.net's own XML: `<assemblies>` since version 2, `<assembly>` by itself in version 1.

use std::io::BufRead;

use super::dotnet_names::within;
use crate::report::head::Head;
use crate::report::number::timespan;
use crate::report::xml::{self, Elements, Tag};
use crate::report::{Case, Outcome, ReportError, Sink, Time};

/// Whether this is one of xUnit.net's: others have assemblies too.
pub(in crate::report) fn looks_like(head: &Head<'_>) -> bool {
    let own = || ["<collection", "<test ", "run-date="].iter().any(|mark| head.text.contains(mark));
    head.root == Some("assemblies") || (head.root == Some("assembly") && own())
}

/// Reads a report from a stream.
///
/// # Errors
/// What is not well-formed, with its line, and a document that is no xUnit.net report.
pub(in crate::report) fn read(input: impl BufRead, sink: &mut dyn Sink) -> Result<(), ReportError> {
    xml::walk(input, &mut XUnitNet, sink)
}

struct XUnitNet;

impl Elements for XUnitNet {
    const ROOTS: &'static [&'static str] = &["assemblies", "assembly"];
    const WHAT: &'static str = "xUnit.net report";

    fn open(&mut self, tag: &Tag<'_>, sink: &mut dyn Sink) -> Result<(), String> {
        if tag.name() != "test" {
            return Ok(());
        }
        let [name, class, time, clocked, result] =
            tag.values(["name", "type", "time", "time-rtf", "result"])?;
        let (place, name) = within(name.as_deref().unwrap_or_default(), class.as_deref());
        let time = match time.as_deref().map_or(Time::Absent, Time::read) {
            Time::Absent => clocked.as_deref().and_then(timespan).map_or(Time::Absent, Time::Seconds),
            time => time,
        };
        sink.case(&Case {
            place,
            name,
            time,
            outcome: match result.as_deref() {
                Some("Skip" | "NotRun") => Outcome::Skipped,
                Some("Fail") => Outcome::Failed,
                _ => Outcome::Passed,
            },
            line: Some(tag.line()),
            ..Case::default()
        });
        Ok(())
    }

    fn close(&mut self, _: &str, _: &mut dyn Sink) {}
}

#[cfg(test)]
mod tests {
    use crate::report::Format;
    use crate::report::testing::{self, recognised, refused};

    fn check(text: &str, expect: &[&str]) {
        testing::check(Format::XUnitNetXml, text, expect);
        recognised(Format::XUnitNetXml, text);
    }

    #[test]
    fn both_versions_are_read() {
        check(
            r#"<assemblies timestamp="02/01/2019 14:47:17" schema-version="3"><assembly name="/x/T.dll" time="9"><errors/>
              <collection name="Test collection for App.Sums" total="5" time="1.5">
                <test id="1" name="App.Sums.Add(x: 1.5)" type="App.Sums" method="Add" time="1.25" time-rtf="00:00:01.2500000" result="Pass"><traits/></test>
                <test name="adds two" type="App.Sums" method="Two" time="0" result="Fail"><failure><message>&lt;test name="x"/></message></failure></test>
                <test name="App.Sums.Off" type="App.Sums" method="Off" time="0" result="Skip"><reason/></test>
                <test name="App.Sums.Never" type="App.Sums" method="Never" time-rtf="00:01:00" result="NotRun"/>
                <test name="lost" time="abc" result="Pass"/>
              </collection></assembly></assemblies>"#,
            &[
                "- App.Sums - | Add(x: 1.5) = 1.25",
                "- App.Sums - | adds two = 0 failed",
                "- App.Sums - | Off = 0 skipped",
                "- App.Sums - | Never = 60 skipped",
                "- - - | lost = `abc`",
            ],
        );
        check(
            r#"<assembly name="T.dll" run-date="2010-01-01"><class name="N.C" time="0.5">
              <test name="N.C.A" type="N.C" method="A" result="Pass" time="0.5"/></class></assembly>"#,
            &["- N.C - | A = 0.5"],
        );
        check("<assemblies/>", &[]);
    }

    #[test]
    fn what_is_no_report_is_told() {
        let maven = "<assembly xmlns='http://maven.apache.org/ASSEMBLY/2.0.0'><id>bin</id></assembly>";
        recognised(Format::OtherXml, maven);
        refused(
            Format::XUnitNetXml,
            "<assemblies>\n<assembly>",
            "2: not well-formed XML: the file ends inside 2",
        );
    }
}
