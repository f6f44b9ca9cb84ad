//! NUnit's results: `<test-run>` of NUnit 3 and `<test-results>` of NUnit 2. Also what its console lists
//! with `--explore`: cases without a result.
//!
//! A case's class is its `classname`, else what its full name has before the method. NUnit 2 gives the
//! full name as `name`.

use std::io::BufRead;

use super::dotnet_names::{class_of, within};
use crate::report::head::Head;
use crate::report::xml::{self, Elements, Tag};
use crate::report::{Case, Outcome, ReportError, Sink, Time};

/// Whether this is one of NUnit's.
pub(in crate::report) fn looks_like(head: &Head<'_>) -> bool {
    head.root.is_some_and(|root| NUnit::ROOTS.contains(&root))
}

/// Reads a report from a stream.
///
/// # Errors
/// What is not well-formed, with its line, and a document that is no NUnit report.
pub(in crate::report) fn read(input: impl BufRead, sink: &mut dyn Sink) -> Result<(), ReportError> {
    xml::walk(input, &mut NUnit, sink)
}

struct NUnit;

impl Elements for NUnit {
    const ROOTS: &'static [&'static str] = &["test-run", "test-results", "test-suite"];
    const WHAT: &'static str = "NUnit report";

    fn open(&mut self, tag: &Tag<'_>, sink: &mut dyn Sink) -> Result<(), String> {
        if tag.name() != "test-case" {
            return Ok(());
        }
        let [name, fullname, classname, duration, time] =
            tag.values(["name", "fullname", "classname", "duration", "time"])?;
        let [result, label, executed, runstate] = tag.values(["result", "label", "executed", "runstate"])?;
        let name = name.as_deref().unwrap_or_default();
        let full = fullname.as_deref().filter(|full| !full.is_empty()).unwrap_or(name);
        let class = classname.as_deref().filter(|class| !class.is_empty()).or_else(|| class_of(full));
        let (place, name) = within(name, class);
        sink.case(&Case {
            place,
            name,
            time: duration.or(time).as_deref().map_or(Time::Absent, Time::read),
            outcome: match (executed.as_deref(), result.as_deref(), label.as_deref(), runstate.as_deref()) {
                (Some("False"), ..) | (_, Some("Skipped" | "Ignored" | "NotRunnable"), ..) => {
                    Outcome::Skipped
                }
                (_, Some("Cancelled"), ..) | (_, Some("Failed"), Some("Cancelled"), _) => Outcome::Aborted,
                (_, Some("Failed" | "Failure" | "Error" | "Invalid"), ..) => Outcome::Failed,
                (_, None, _, Some("Ignored" | "Skipped" | "NotRunnable" | "Explicit")) => Outcome::Skipped,
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
        testing::check(Format::NUnitXml, text, expect);
        recognised(Format::NUnitXml, text);
    }

    #[test]
    fn nunit_3_is_read() {
        check(
            r#"<?xml version="1.0"?>
            <test-run id="0" testcasecount="4" result="Failed" duration="3.2"><command-line><![CDATA[<test-case>]]></command-line>
              <test-suite type="Assembly" name="T.dll" duration="3"><test-suite type="TestFixture" name="Sums" fullname="App.Sums">
                <test-case name="Add(1.5,&quot;x&quot;)" fullname="App.Sums.Add(1.5,&quot;x&quot;)" methodname="Add" classname="App.Sums" result="Passed" duration="1.25"/>
                <test-case name="Late" fullname="App.Outer+Inner.Late" classname="App.Outer+Inner" result="Failed" label="Cancelled" duration="0.5"><failure/></test-case>
                <test-case name="Off" fullname="App.Sums.Off" classname="App.Sums" runstate="Ignored" result="Skipped" label="Ignored" duration="0"/>
                <test-case name="Bad" fullname="App.Sums.Bad" classname="" result="Failed" duration="x"/>
            </test-suite></test-suite></test-run>"#,
            &[
                r#"- App.Sums - | Add(1.5,"x") = 1.25"#,
                "- App.Outer+Inner - | Late = 0.5 aborted",
                "- App.Sums - | Off = 0 skipped",
                "- App.Sums - | Bad = `x` failed",
            ],
        );
    }

    #[test]
    fn nunit_2_is_read() {
        check(
            r#"<test-results name="T.dll" total="3" date="2014-01-31" time="15:01:53">
              <test-suite type="TestFixture" name="Sums" executed="True" result="Failure" time="1,234.5"><results>
                <test-case name="App.Sums.Add(1.5)" executed="True" result="Success" success="True" time="0,25" asserts="1"/>
                <test-case name="App.Sums.Bad" executed="True" result="Error" time="1"><failure/></test-case>
                <test-case name="App.Sums.Off" executed="False" result="Ignored"><reason/></test-case>
                <test-case name="bare" executed="True" result="Success" time="-1"/>
              </results></test-suite></test-results>"#,
            &[
                "- App.Sums - | Add(1.5) = 0.25",
                "- App.Sums - | Bad = 1 failed",
                "- App.Sums - | Off skipped",
                "- - - | bare = -1",
            ],
        );
    }

    #[test]
    fn listings_are_read() {
        check(
            r#"<test-run id="0" testcasecount="2"><test-suite type="TestFixture">
              <test-case name="A" fullname="N.C.A" classname="N.C" runstate="Runnable"/>
              <test-case name="B" fullname="N.C.B" classname="N.C" runstate="Explicit"/></test-suite></test-run>"#,
            &["- N.C - | A", "- N.C - | B skipped"],
        );
    }

    #[test]
    fn what_is_broken_says_where() {
        refused(Format::NUnitXml, "<testsuite/>", "1: the root is <testsuite>, which is no NUnit report");
        refused(Format::NUnitXml, "<test-run>\n<test-case name='a'", "2: not well-formed XML");
        refused(
            Format::NUnitXml,
            "<test-run><test-case name='a' name='b'/></test-run>",
            "1: not well-formed",
        );
    }
}
