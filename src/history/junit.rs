//! JUnit XML, streaming and tolerant: any root, suites nested to any depth within reason, any
//! namespace.
//!
//! A case's file is its own `file` or `filepath`, else that of the nearest suite around it. Only
//! the times of cases are read; a suite's own `time` is not, since dialects disagree on what it
//! holds. Entities are never expanded beyond XML's own five, and nothing is fetched.

use std::borrow::Cow;
use std::io::BufRead;
use std::sync::Arc;

use quick_xml::events::{BytesStart, Event};
use quick_xml::reader::Reader;

use super::markup::Markup;
use super::{Case, Place, Report, ReportError, number};

/// Deepest nesting that is followed.
const DEPTH_MAX: usize = 256;

/// An element that is open.
enum Open {
    Suite { file: Option<Box<str>>, name: Option<Box<str>> },
    Case(OpenCase),
    Other,
}

impl Open {
    fn file(&self) -> Option<&str> {
        match self {
            Open::Suite { file, .. } => file.as_deref(),
            _ => None,
        }
    }

    fn suite(&self) -> Option<&str> {
        match self {
            Open::Suite { name, .. } => name.as_deref(),
            _ => None,
        }
    }
}

/// A `<testcase>` whose children are still to come: one of them may say that it was skipped.
struct OpenCase {
    place: Arc<Place>,
    name: Box<str>,
    time: Option<Box<str>>,
    skipped: bool,
}

/// Reads a report from a stream.
///
/// # Errors
/// What is not well-formed, with its line, and a document that is no JUnit report.
pub fn read(input: impl BufRead) -> Result<Report, ReportError> {
    let mut markup = Markup::new(input);
    let mut reader = Reader::from_reader(&mut markup);
    let config = reader.config_mut();
    config.check_end_names = true;
    config.check_comments = false;
    config.allow_dangling_amp = true;
    let mut builder = Builder::default();
    let mut buffer = Vec::new();
    let outcome = loop {
        buffer.clear();
        match reader.read_event_into(&mut buffer) {
            Ok(Event::Eof) => break builder.finish(),
            Ok(Event::Start(tag)) => {
                if let Err(message) = builder.open(&tag) {
                    break Err(message);
                }
            }
            Ok(Event::Empty(tag)) => {
                if let Err(message) = builder.open(&tag) {
                    break Err(message);
                }
                builder.close();
            }
            Ok(Event::End(_)) => builder.close(),
            Ok(_) => {}
            Err(err) => break Err(format!("not well-formed XML: {err}")),
        }
    };
    drop(reader);
    outcome.map_err(|message| ReportError::new(markup.lines + 1, message))
}

#[derive(Default)]
struct Builder {
    report: Report,
    stack: Vec<Open>,
    place: Arc<Place>,
    root: Option<String>,
}

impl Builder {
    fn open(&mut self, tag: &BytesStart<'_>) -> Result<(), String> {
        if self.stack.len() >= DEPTH_MAX {
            return Err(format!("elements are nested more than {DEPTH_MAX} deep"));
        }
        // Not well-formed, though the parser lets it pass.
        if tag.attributes_raw().contains('<') {
            return Err("not well-formed XML: `<` inside an attribute".to_owned());
        }
        let local = tag.local_name();
        let local = local.as_ref();
        if self.stack.is_empty() {
            let known = matches!(local, "testsuites" | "testsuite" | "testcase");
            let name = local.to_owned();
            if !known {
                return Err(format!(
                    "the root is <{}>, which is no JUnit report",
                    crate::text::printable(&name)
                ));
            }
            self.root = Some(name);
        }
        let open = match local {
            "testsuite" => {
                let mut attributes = Attributes::read(tag)?;
                Open::Suite {
                    file: attributes.file.take().map(Box::from),
                    name: attributes.name.take().map(Box::from),
                }
            }
            "testcase" => Open::Case(self.case(Attributes::read(tag)?)),
            "skipped" => {
                if let Some(Open::Case(case)) = self.stack.last_mut() {
                    case.skipped = true;
                }
                Open::Other
            }
            _ => Open::Other,
        };
        self.stack.push(open);
        Ok(())
    }

    fn case(&mut self, attributes: Attributes<'_>) -> OpenCase {
        let around = || self.stack.iter().rev();
        let file = attributes.file.as_deref().or_else(|| around().find_map(Open::file));
        let (classname, suite) = (attributes.classname.as_deref(), around().find_map(Open::suite));
        // Cases of one place stand together.
        let last = &*self.place;
        if (last.file.as_deref(), last.classname.as_deref(), last.suite.as_deref())
            != (file, classname, suite)
        {
            let owned = |text: Option<&str>| text.map(Box::from);
            self.place =
                Arc::new(Place { file: owned(file), classname: owned(classname), suite: owned(suite) });
        }
        // GoogleTest has no element for what it did not run.
        let skipped = matches!(attributes.status.as_deref(), Some("notrun" | "skipped" | "disabled"));
        OpenCase {
            place: Arc::clone(&self.place),
            name: attributes.name.map_or_else(Box::default, Box::from),
            time: attributes.time.map(|time| Box::from(time.trim())),
            skipped,
        }
    }

    fn close(&mut self) {
        let Some(Open::Case(case)) = self.stack.pop() else { return };
        let unusable = &mut self.report.unusable;
        let Some(time) = case.time.as_deref().filter(|time| !time.is_empty() || case.skipped) else {
            unusable.untimed += usize::from(!case.skipped);
            unusable.skipped += usize::from(case.skipped);
            return;
        };
        if case.skipped {
            unusable.skipped += 1;
            return;
        }
        match number::seconds(time).and_then(number::nanos) {
            Some(nanos) => self.report.cases.push(Case { place: case.place, name: case.name, nanos }),
            None => unusable.wrong(&case.name, time),
        }
    }

    fn finish(&mut self) -> Result<Report, String> {
        match (self.stack.is_empty(), &self.root) {
            (true, Some(_)) => Ok(std::mem::take(&mut self.report)),
            (true, None) => Err("the file is empty".to_owned()),
            (false, _) => {
                Err(format!("not well-formed XML: the file ends inside {} open elements", self.stack.len()))
            }
        }
    }
}

/// The attributes that matter. A bad one is passed over: it must not cost the whole report.
#[derive(Default)]
struct Attributes<'a> {
    name: Option<Cow<'a, str>>,
    classname: Option<Cow<'a, str>>,
    file: Option<Cow<'a, str>>,
    time: Option<Cow<'a, str>>,
    status: Option<Cow<'a, str>>,
}

impl<'a> Attributes<'a> {
    fn read(tag: &'a BytesStart<'_>) -> Result<Attributes<'a>, String> {
        let mut out = Attributes::default();
        for attribute in tag.attributes() {
            let attribute = attribute.map_err(|err| format!("not well-formed XML: {err}"))?;
            let text = || unescape(attribute.value.clone());
            match attribute.key.local_name().as_ref() {
                "name" => out.name = text(),
                "classname" => out.classname = text(),
                "file" => out.file = text(),
                "filepath" => out.file = out.file.or_else(text),
                "status" => out.status = text(),
                "time" => out.time = text(),
                _ => {}
            }
        }
        Ok(out)
    }
}

/// The value of an attribute; `None` where it is empty.
fn unescape(raw: Cow<'_, str>) -> Option<Cow<'_, str>> {
    let text = match memchr::memchr(b'&', raw.as_bytes()) {
        None => raw,
        Some(_) => match quick_xml::escape::unescape(&raw) {
            Ok(text) => Cow::Owned(text.into_owned()),
            Err(_) => raw,
        },
    };
    (!text.is_empty()).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> Result<String, String> {
        let report = read(text.as_bytes()).map_err(|err| err.to_string())?;
        let cases: Vec<String> = (report.cases.iter())
            .map(|case| {
                let place = &case.place;
                let or = |text: &Option<Box<str>>| text.as_deref().unwrap_or("-").to_owned();
                format!(
                    "{} {} {} {}={}",
                    or(&place.file),
                    or(&place.classname),
                    or(&place.suite),
                    case.name,
                    case.nanos / 1_000_000
                )
            })
            .collect();
        let unusable = &report.unusable;
        Ok(format!("{} | {} {} {}", cases.join(", "), unusable.skipped, unusable.untimed, unusable.wrong))
    }

    #[test]
    fn dialects_are_read() {
        let check = |text: &str, expect: &str| assert_eq!(shown(text).as_deref(), Ok(expect), "{text}");
        check(
            r#"<testsuites><testsuite name="s"><testcase classname="a.b" name="t[&lt;1&gt;]" time="1.5"/></testsuite></testsuites>"#,
            "- a.b s t[<1>]=1500 | 0 0 0",
        );
        check(
            r#"<testsuite name="o" file="f.rb"><testsuite name="i"><testcase name="t" time="1"><failure>x</failure></testcase></testsuite></testsuite>"#,
            "f.rb - i t=1000 | 0 0 0",
        );
        check(
            r#"<j:testsuites xmlns:j="u"><j:testsuite><j:testcase file="a" name="t" time="2,503.1"/></j:testsuite></j:testsuites>"#,
            "a - - t=2503100 | 0 0 0",
        );
        check(
            r#"<testsuite><testcase name="a" time="0"><skipped/></testcase><testcase name="b"/><testcase name="c" time="-1"/><testcase name="d" time="&lt;computed&gt;"/><testcase name="e" time=""/><testcase name="f" status="notrun" time="0"/></testsuite>"#,
            " | 2 2 2",
        );
        check("<testsuites/>", " | 0 0 0");
        check(
            "<testcase name='a' time='1'/><testcase name='b' time='1'/>",
            "- - - a=1000, - - - b=1000 | 0 0 0",
        );
    }

    #[test]
    fn what_is_broken_says_where() {
        let starts = |text: &str, expect: &str| {
            let err = shown(text).unwrap_err();
            assert!(err.starts_with(expect), "{err}");
        };
        starts("", "1: the file is empty");
        starts(
            "<testsuite>\n<testcase name='a' time='1'>",
            "2: not well-formed XML: the file ends inside 2 open elements",
        );
        starts("<testsuite>\n\n<testcase name='a'></testsuite>", "3: not well-formed XML");
        starts(
            "<testsuite>\n<testcase time='<<computed>>'/></testsuite>",
            "2: not well-formed XML: `<` inside an attribute",
        );
        starts("<html/>", "1: the root is <html>, which is no JUnit report");
        starts(&"<testsuite>".repeat(1_000), "1: elements are nested more than 256 deep");
    }

    #[test]
    fn a_report_may_be_larger_than_memory() {
        use std::io::{BufReader, Read};
        // A quarter of a gigabyte that a test printed, never held at once.
        let printed = std::io::repeat(b'x').take(1 << 28);
        let start = b"<testsuite><testcase name='a' time='1'><system-out><![CDATA[<".as_slice();
        let end = b"]]></system-out></testcase></testsuite>".as_slice();
        let report = read(BufReader::new(start.chain(printed).chain(end))).unwrap();
        assert_eq!(report.cases.len(), 1);
    }

    #[test]
    fn nothing_is_fetched_or_expanded() {
        let bomb = r#"<!DOCTYPE t [<!ENTITY a "aaaaaaaaaa"><!ENTITY b SYSTEM "file:///etc/passwd">]>
            <testsuite><testcase name="&a;&b;" time="1"/></testsuite>"#;
        assert_eq!(shown(bomb).unwrap(), "- - - &a;&b;=1000 | 0 0 0");
    }
}
