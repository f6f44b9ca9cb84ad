//! JUnit XML, streaming and tolerant: any root, suites nested to any depth within reason, any
//! namespace. XML of another kind is no fault: Maven's `failsafe-summary.xml` lies beside its reports. It
//! holds nothing, and a warning says so.
//!
//! A case's file is its own `file` or `filepath`, else that of the nearest suite around it. A suite's
//! own `time` is only a hint, since dialects disagree on what it holds. Of the reruns inside a case
//! (Surefire's `<flakyFailure>` and `<rerunFailure>`) the number is kept: the case's own time is that of
//! its last attempt. A peak of memory is taken from a `<property>` of a case or of a suite.

use std::borrow::Cow;
use std::io::BufRead;

use crate::report::head::Head;
use crate::report::memory;
use crate::report::xml::{self, Elements, Tag};
use crate::report::{Case, Outcome, PLACE_MAX, Place, ReportError, Sink, Time, Whole, long_place};
use crate::text::{printable, shorten};

/// Whether this is JUnit XML.
pub(in crate::report) fn looks_like(head: &Head<'_>) -> bool {
    let within = || ["<testsuite", "<testcase"].iter().any(|tag| head.text.contains(tag));
    head.root.is_some_and(|root| is_own(root) || within())
}

/// Whether this is XML at all.
pub(in crate::report) fn looks_like_xml(head: &Head<'_>) -> bool {
    head.root.is_some()
}

fn is_own(name: &str) -> bool {
    matches!(name, "testsuites" | "testsuite" | "testcase")
}

/// Reads a report from a stream.
///
/// # Errors
/// What is not well-formed, with its line, and a web page.
pub(in crate::report) fn read(input: impl BufRead, sink: &mut dyn Sink) -> Result<(), ReportError> {
    let mut junit = Junit::default();
    xml::walk(input, &mut junit, sink)?;
    if let Some(root) = junit.other {
        sink.warn(
            None,
            &format!("the root is <{}>: no test report, nothing is read", printable(&shorten(&root, 200))),
        );
    }
    Ok(())
}

/// The elements that are open, without those that say nothing.
#[derive(Default)]
struct Junit {
    suites: Vec<Suite>,
    /// The root, where it is none of JUnit's, as long as nothing of JUnit's was found in it.
    other: Option<String>,
    /// Elements that are open: whether each is a suite.
    open: Vec<bool>,
    /// Deep inside the case that is open; 0: none is.
    inside: usize,
    case: OpenCase,
}

#[derive(Default)]
struct Suite {
    file: Option<String>,
    name: Option<String>,
    time: Option<String>,
    /// What its own cases so far call their place.
    unit: Shared,
    bytes: Option<u64>,
}

/// What cases have in common.
#[derive(Default)]
enum Shared {
    #[default]
    Nothing,
    File(String),
    Class(String),
    Several,
}

/// A `<testcase>` whose children are still to come: one of them may say that it was skipped. Kept from
/// case to case, so that nothing is allocated anew.
#[derive(Default)]
struct OpenCase {
    file: Option<String>,
    classname: Option<String>,
    name: String,
    time: Option<String>,
    outcome: Outcome,
    attempts: u32,
    bytes: Option<u64>,
    line: Option<u64>,
}

/// The peak of memory that a property states, where it does.
fn peak(tag: &Tag<'_>, sink: &mut dyn Sink) -> Result<Option<u64>, String> {
    let [name, value] = tag.values(["name", "value"])?;
    let Some(unit) = name.as_deref().and_then(|name| memory::unit(name, sink.memory_properties())) else {
        return Ok(None);
    };
    let bytes = memory::bytes(value.as_deref().unwrap_or_default(), unit);
    if bytes.is_none() {
        sink.warn(Some(tag.line()), "a property with a peak of memory that is none");
    }
    Ok(bytes)
}

/// Puts a value into a slot that may have held another.
fn put(slot: &mut Option<String>, value: Option<Cow<'_, str>>) {
    match (slot.as_mut(), value.filter(|value| !value.is_empty())) {
        (Some(old), Some(new)) => {
            old.clear();
            old.push_str(&new);
        }
        (_, new) => *slot = new.map(Cow::into_owned),
    }
}

impl Elements for Junit {
    const ROOTS: &'static [&'static str] = &[];
    const WHAT: &'static str = "JUnit report";

    fn open(&mut self, tag: &Tag<'_>, sink: &mut dyn Sink) -> Result<(), String> {
        let name = tag.name();
        if is_own(name) {
            self.other = None;
        } else if self.open.is_empty() {
            self.other = Some(name.to_owned());
        }
        let suite = name == "testsuite" && self.inside == 0;
        self.open.push(suite);
        if self.inside > 0 {
            self.inside += 1;
            if self.inside == 2 {
                self.child(name);
            } else if self.inside == 3 && name == "property" {
                self.case.bytes = self.case.bytes.max(peak(tag, sink)?);
            }
            return Ok(());
        }
        match name {
            "testsuite" => {
                let [name, file, filepath, time] = tag.values(["name", "file", "filepath", "time"])?;
                let mut suite = Suite::default();
                put(&mut suite.file, file.or(filepath));
                put(&mut suite.name, name);
                put(&mut suite.time, time);
                // Every case inside is compared with them.
                if [&suite.file, &suite.name].into_iter().flatten().any(|name| name.len() > PLACE_MAX) {
                    return Err(long_place());
                }
                self.suites.push(suite);
            }
            "testcase" => {
                self.inside = 1;
                let [name, classname, file, filepath, time, status] =
                    tag.values(["name", "classname", "file", "filepath", "time", "status"])?;
                let case = &mut self.case;
                put(&mut case.file, file.filter(|file| !file.is_empty()).or(filepath));
                put(&mut case.classname, classname);
                put(&mut case.time, time);
                case.name.clear();
                case.name.push_str(name.as_deref().unwrap_or_default());
                (case.attempts, case.bytes, case.line) = (1, None, Some(tag.line()));
                // GoogleTest has no element for what it did not run.
                case.outcome = match status.as_deref() {
                    Some("notrun" | "skipped" | "disabled") => Outcome::Skipped,
                    _ => Outcome::Passed,
                };
            }
            "property" => {
                if let Some(suite) = self.suites.last_mut() {
                    suite.bytes = suite.bytes.max(peak(tag, sink)?);
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn close(&mut self, _: &str, sink: &mut dyn Sink) {
        let suite = self.open.pop().unwrap_or(false);
        if self.inside > 0 {
            self.inside -= 1;
            if self.inside == 0 {
                self.case(sink);
            }
        } else if let Some(suite) = if suite { self.suites.pop() } else { None } {
            suite.hint(sink);
        }
    }
}

impl Junit {
    /// What an element directly inside a case says of it.
    fn child(&mut self, name: &str) {
        let case = &mut self.case;
        match name {
            "skipped" => case.outcome = Outcome::Skipped,
            "failure" | "error" if case.outcome == Outcome::Passed => case.outcome = Outcome::Failed,
            "flakyFailure" | "flakyError" | "rerunFailure" | "rerunError" => case.attempts += 1,
            _ => {}
        }
    }

    fn case(&mut self, sink: &mut dyn Sink) {
        let case = &self.case;
        let around = || self.suites.iter().rev();
        let place = Place {
            file: case.file.as_deref().or_else(|| around().find_map(|suite| suite.file.as_deref())),
            classname: case.classname.as_deref(),
            suite: around().find_map(|suite| suite.name.as_deref()),
        };
        sink.case(&Case {
            place,
            name: &case.name,
            time: case.time.as_deref().map_or(Time::Absent, Time::read),
            outcome: case.outcome,
            attempts: case.attempts,
            last: None,
            bytes: case.bytes,
            line: case.line,
        });
        if case.outcome == Outcome::Skipped {
            return;
        }
        let unit = place.name();
        let Some(suite) = self.suites.last() else { return };
        let shared = match &suite.unit {
            Shared::Nothing if place.file.is_some() => Shared::File(unit.to_owned()),
            Shared::Nothing => Shared::Class(unit.to_owned()),
            Shared::File(shared) | Shared::Class(shared) if shared != unit => Shared::Several,
            _ => return,
        };
        if let Some(suite) = self.suites.last_mut() {
            suite.unit = shared;
        }
    }
}

impl Suite {
    /// What the suite says of the place that all its cases share. A peak of memory is worth telling even
    /// where they share none: then it is the suite's.
    fn hint(self, sink: &mut dyn Sink) {
        let time = self.time.as_deref().map_or(Time::Absent, Time::read);
        let (place, time) = match &self.unit {
            Shared::File(unit) => (Place::file(unit), time),
            Shared::Class(unit) => (Place::class(unit), time),
            Shared::Nothing | Shared::Several => {
                let (file, suite) = (self.file.as_deref(), self.name.as_deref());
                (Place { file, suite, classname: None }, Time::Absent)
            }
        };
        if time.known().is_some() || self.bytes.is_some() {
            sink.whole(&Whole { place, time, bytes: self.bytes, ..Whole::default() });
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{BufReader, Read};

    use super::*;
    use crate::report::Format;
    use crate::report::tally::Tally;
    use crate::report::testing::{self, recognised};

    fn check(text: &str, expect: &[&str]) {
        testing::check(Format::JunitXml, text, expect);
        recognised(Format::JunitXml, text);
    }

    #[test]
    fn dialects_are_read() {
        check(
            r#"<testsuites><testsuite name="s"><testcase classname="a.b" name="t[&lt;1&gt;]" time="1.5"/></testsuite></testsuites>"#,
            &["- a.b s | t[<1>] = 1.5"],
        );
        check(
            r#"<testsuite name="o" file="f.rb"><testsuite name="i"><testcase name="t" time="1"><failure>x</failure></testcase></testsuite></testsuite>"#,
            &["f.rb - i | t = 1 failed"],
        );
        check(
            r#"<j:testsuites xmlns:j="u"><j:testsuite><j:testcase file="a" name="t" time="2,503.1"/></j:testsuite></j:testsuites>"#,
            &["a - - | t = 2503.1"],
        );
        check(
            r#"<testsuite><testcase name="a" time="0"><skipped/></testcase><testcase name="b"/><testcase name="c" time="-1"/><testcase name="d" time="&lt;computed&gt;"/><testcase name="e" time=""/><testcase name="f" status="notrun" time="0"/></testsuite>"#,
            &[
                "- - - | a = 0 skipped",
                "- - - | b",
                "- - - | c = -1",
                "- - - | d = `<computed>`",
                "- - - | e",
                "- - - | f = 0 skipped",
            ],
        );
        check("<testsuites/>", &[]);
        check(
            "<report><other/><testcase name='a' time='1'/><testcase name='b' time='1'/></report>",
            &["- - - | a = 1", "- - - | b = 1"],
        );
    }

    #[test]
    fn reruns_and_suites_are_understood() {
        check(
            r#"<testsuite name="s" time="9"><testcase classname="c" name="t" time="2"><flakyFailure time="1"/><system-out><testcase/></system-out></testcase></testsuite>"#,
            &["- c s | t x2 = 2", "suite c = 9"],
        );
        check(
            r#"<testsuite time="9"><testcase classname="c" name="t"/><testcase classname="d" name="t"/></testsuite>"#,
            &["- c - | t", "- d - | t"],
        );
    }

    #[test]
    fn peaks_of_memory_are_read() {
        check(
            r#"<testsuites><properties><property name="peak_rss" value="1"/></properties><testsuite name="s" time="2"><properties><property name="Memory Peak" value="3 MiB"/><property name="seed" value="9"/></properties>
            <testcase classname="c" name="t" time="1"><properties><property name="peak_rss" value="4096"/><property name="max_rss_kb" value="8"/><property name="x"/></properties></testcase>
            <testcase classname="c" name="u" time="1"><failure><a><property name="peak_rss" value="5"/></a></failure></testcase></testsuite></testsuites>"#,
            &["- c s | t = 1 8192 B", "- c s | u = 1 failed", "suite c = 2 3145728 B"],
        );
        check(
            r#"<testsuite name="s" time="2"><properties><property name="peak_memory" value="lots"/><property name="peak_rss" value="2K"/></properties><testcase classname="c" name="t"/><testcase classname="d" name="t"/></testsuite>"#,
            &[
                "warning 1: a property with a peak of memory that is none",
                "- c s | t",
                "- d s | t",
                "suite s 2048 B",
            ],
        );
    }

    #[test]
    fn what_is_broken_says_where() {
        let refused = |text: &str, expect: &str| testing::refused(Format::JunitXml, text, expect);
        refused("", "1: the file is empty");
        refused(
            "<testsuite>\n<testcase name='a' time='1'>",
            "2: not well-formed XML: the file ends inside 2 open elements",
        );
        refused("<testsuite>\n\n<testcase name='a'></testsuite>", "3: not well-formed XML");
        refused(
            "<testsuite>\n<testcase time='<<computed>>'/></testsuite>",
            "2: not well-formed XML: `<` inside an attribute",
        );
        refused("<html/>", "1: the root is <html>, which is no JUnit report");
        refused("<testsuite/>\n<testsuite/>", "2: not well-formed XML: a second root");
        refused("<testsuite/>\nDone.", "2: not well-formed XML: text outside the root");
        refused("\n<?xml version='1.0'?><testsuite/>", "2: not well-formed XML: something stands before");
        refused("<!-- a -->\n<?xml version='1.0'?><testsuite/>", "2: not well-formed XML: something");
        refused("<testsuite>\n<system-out><![CDATA[", "2: not well-formed XML: the file ends inside a CDATA");
        refused("<testsuite/><!-- ", "1: not well-formed XML: the file ends inside a comment");
        refused(&"<testsuite>".repeat(1_000), "1: elements are nested more than 256 deep");
    }

    #[test]
    fn other_xml_holds_nothing_and_says_so() {
        let text = "<failsafe-summary timeout='false'><completed>1</completed></failsafe-summary>";
        let warning = ["warning the root is <failsafe-summary>: no test report, nothing is read"];
        for format in [Format::JunitXml, Format::OtherXml] {
            testing::check(format, text, &warning);
        }
        recognised(Format::OtherXml, text);
        recognised(Format::JunitXml, "<report><run><testsuites/></run></report>");
        let page = "<!doctype html>\n<html><body>Not found</body></html>";
        recognised(Format::OtherXml, page);
        testing::refused(Format::OtherXml, page, "2: the root is <html>, which is no JUnit report");
    }

    #[test]
    fn a_report_may_be_larger_than_memory() {
        // A quarter of a gigabyte that a test printed, never held at once.
        let printed = std::io::repeat(b'x').take(1 << 28);
        let start = b"<testsuite><testcase name='a' time='1'><system-out><![CDATA[<".as_slice();
        let end = b"]]></system-out></testcase></testsuite>".as_slice();
        let mut tally = Tally::default();
        read(BufReader::new(start.chain(printed).chain(end)), &mut tally).unwrap();
        assert_eq!(tally.cases, 1);
    }

    #[test]
    fn nothing_is_fetched_or_expanded() {
        let bomb = r#"<!DOCTYPE t [<!ENTITY a "aaaaaaaaaa"><!ENTITY b SYSTEM "file:///etc/passwd">]>
            <testsuite><testcase name="&a;&b;" time="1"/></testsuite>"#;
        check(bomb, &["- - - | &a;&b; = 1"]);
    }
}
