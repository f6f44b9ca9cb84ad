//! Robot Framework's `output.xml`, of version 7 (`elapsed`) and before (`starttime` and `endtime`).
//!
//! A test's time is that of its own `<status>`; the keywords inside have some of their own. Its file is
//! the `source` of the nearest suite that has one.

use std::io::BufRead;

use crate::report::head::Head;
use crate::report::xml::{self, Elements, Tag};
use crate::report::{Case, Outcome, Place, ReportError, Sink, Time};

/// Whether this is Robot Framework's.
pub(in crate::report) fn looks_like(head: &Head<'_>) -> bool {
    head.root == Some("robot")
}

/// Reads a report from a stream.
///
/// # Errors
/// What is not well-formed, with its line, and a document that is no output of Robot Framework.
pub(in crate::report) fn read(input: impl BufRead, sink: &mut dyn Sink) -> Result<(), ReportError> {
    xml::walk(input, &mut Robot::default(), sink)
}

#[derive(Default)]
struct Robot {
    suites: Vec<Suite>,
    /// How deep inside the test that is open; 0: none is.
    inside: usize,
    name: String,
    line: Option<u64>,
    time: Spent,
    outcome: Outcome,
}

struct Suite {
    name: Option<String>,
    source: Option<String>,
}

/// A time as it stands there.
#[derive(Default)]
enum Spent {
    #[default]
    Absent,
    Seconds(f64),
    Text(String),
}

impl Elements for Robot {
    const ROOTS: &'static [&'static str] = &["robot"];
    const WHAT: &'static str = "output of Robot Framework";

    fn open(&mut self, tag: &Tag<'_>, _: &mut dyn Sink) -> Result<(), String> {
        let name = tag.name();
        if self.inside > 0 {
            self.inside += 1;
            if self.inside == 2 && name == "status" {
                self.status(tag)?;
            }
        } else if name == "suite" {
            let [name, source] = tag
                .values(["name", "source"])?
                .map(|value| value.filter(|value| !value.is_empty()).map(|value| value.into_owned()));
            self.suites.push(Suite { name, source });
        } else if name == "test" {
            let [name] = tag.values(["name"])?;
            (self.inside, self.line) = (1, Some(tag.line()));
            self.name = name.unwrap_or_default().into_owned();
            (self.time, self.outcome) = (Spent::Absent, Outcome::Passed);
        }
        Ok(())
    }

    fn close(&mut self, name: &str, sink: &mut dyn Sink) {
        if self.inside == 0 {
            if name == "suite" {
                self.suites.pop();
            }
            return;
        }
        self.inside -= 1;
        if self.inside > 0 {
            return;
        }
        let around = || self.suites.iter().rev();
        sink.case(&Case {
            place: Place {
                file: around().find_map(|suite| suite.source.as_deref()),
                classname: None,
                suite: around().find_map(|suite| suite.name.as_deref()),
            },
            name: &self.name,
            time: match &self.time {
                Spent::Absent => Time::Absent,
                Spent::Seconds(seconds) => Time::Seconds(*seconds),
                Spent::Text(text) => Time::read(text),
            },
            outcome: self.outcome,
            line: self.line,
            ..Case::default()
        });
    }
}

impl Robot {
    /// What a test's own status says.
    fn status(&mut self, tag: &Tag<'_>) -> Result<(), String> {
        let [status, elapsed, start, end] = tag.values(["status", "elapsed", "starttime", "endtime"])?;
        self.outcome = match status.as_deref() {
            Some("FAIL") => Outcome::Failed,
            Some("SKIP" | "NOT RUN" | "NOT_RUN") => Outcome::Skipped,
            _ => Outcome::Passed,
        };
        self.time = match (elapsed.filter(|elapsed| !elapsed.is_empty()), start, end) {
            (Some(elapsed), ..) => Spent::Text(elapsed.into_owned()),
            (None, Some(start), Some(end)) if start != "N/A" && end != "N/A" => {
                match (millis(&start), millis(&end)) {
                    (Some(start), Some(end)) => Spent::Seconds((end - start) as f64 / 1e3),
                    (None, _) => Spent::Text(start.into_owned()),
                    (_, None) => Spent::Text(end.into_owned()),
                }
            }
            _ => Spent::Absent,
        };
        Ok(())
    }
}

/// The milliseconds of a stamp such as `20231018 14:03:28.813`, from a day of no interest.
fn millis(stamp: &str) -> Option<i64> {
    let (date, time) = stamp.trim().split_once(' ')?;
    let whole = |text: Option<&str>| -> Option<i64> {
        text.filter(|text| text.len() <= 4 && text.bytes().all(|b| b.is_ascii_digit()))?.parse().ok()
    };
    let (year, month, day) = (whole(date.get(..4))?, whole(date.get(4..6))?, whole(date.get(6..))?);
    let (time, part) = time.split_once('.').unwrap_or((time, "0"));
    let mut parts = time.split(':');
    let (hours, minutes, seconds) = (whole(parts.next())?, whole(parts.next())?, whole(parts.next())?);
    let part = whole(format!("{part:0<3}").get(..3))?;
    // Days of the Gregorian calendar, years beginning with March so that the odd day is the last.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days = 365 * year + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day;
    Some((((days * 24 + hours) * 60 + minutes) * 60 + seconds) * 1_000 + part)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::Format;
    use crate::report::testing::{check, recognised, refused};

    const FORMAT: Format = Format::RobotXml;

    #[test]
    fn a_run_of_version_7_is_read() {
        let text = include_str!("../../../testdata/reports/robot-xml/output.xml");
        recognised(FORMAT, text);
        check(
            FORMAT,
            text,
            &[
                "/home/ci/s/inner/a.robot - A | Passes = 0.00081",
                "/home/ci/s/inner/a.robot - A | Fails & \"quotes\" = 0.001331 failed",
                "/home/ci/s/inner/a.robot - A | Skips = 0.000601 skipped",
            ],
        );
    }

    #[test]
    fn older_ones_and_odd_ones_are_read() {
        check(
            FORMAT,
            r#"<robot generator="Robot 3.2.2"><suite name="S" source="s"><suite name="A" source="s/a.robot">
              <test name="t"><kw name="k"><test name="no"/><status status="FAIL" starttime="20201231 00:00:00.000" endtime="20201231 00:00:09.000"/></kw>
                <status status="PASS" starttime="20201231 23:59:59.500" endtime="20210101 00:00:01.250" critical="yes"/></test>
              <test name="n"><status status="NOT_RUN" starttime="N/A" endtime="N/A"/></test>
              <test name="b"><status status="PASS" starttime="20210228 24" endtime="20210301 00:00:00.000"/></test>
              <test name="e"><status status="PASS" elapsed="" starttime="20240228 23:59:59" endtime="20240301 00:00:00.5"/></test>
              <status status="PASS" starttime="20201231 23:59:59.500" endtime="20210101 00:00:01.250"/></suite></suite>
              <suite name="Bare"><test name="x"/></suite></robot>"#,
            &[
                "s/a.robot - A | t = 1.75",
                "s/a.robot - A | n skipped",
                "s/a.robot - A | b = `20210228 24`",
                "s/a.robot - A | e = 86401.5",
                "- - Bare | x",
            ],
        );
    }

    #[test]
    fn what_is_broken_says_where() {
        refused(FORMAT, "<robot>\n<suite>", "2: not well-formed XML: the file ends inside 2 open elements");
        refused(FORMAT, "<x/>", "1: the root is <x>, which is no output of Robot Framework");
        for stamp in
            ["", " ", "2024", "20240101 ", "ä0240101 00:00:00", "20240101 00:00:00.ä", "2024010100000 1:1:1"]
        {
            assert_eq!(millis(stamp), None, "{stamp}");
        }
    }
}
