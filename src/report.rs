//! What test tools write: reports, timings and listings of every kind, each to one stream of cases.
//!
//! A reader takes the bytes of a file and hands every case that it finds to a [`Sink`], in the order of
//! the file and without judging: what stands there is passed on, and what is absurd, skipped or double
//! is the sink's to decide. So no reader keeps more than it needs to understand the next case, and a
//! file of any size takes no more memory than its largest element.

mod encoding;
mod format;
pub(crate) mod formats;
mod head;
mod json;
mod late;
mod lines;
mod markup;
mod memory;
mod number;
pub mod tally;
mod xml;

use std::fmt;
use std::io::{self, BufRead, Read};

pub use format::Format;
pub(crate) use formats::sacct::Columns as SacctColumns;
pub use number::{nanos, seconds};

/// Where a case lies, in the words of its report.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Place<'a> {
    /// A path, or whatever stands for one: a package, a binary, a label.
    pub file: Option<&'a str>,
    /// A class: in JUnit XML often a path with dots.
    pub classname: Option<&'a str>,
    /// The name of the nearest suite around it.
    pub suite: Option<&'a str>,
}

impl<'a> Place<'a> {
    /// A place that is a file.
    #[must_use]
    pub fn file(file: &'a str) -> Place<'a> {
        Place { file: Some(file), ..Place::default() }
    }

    /// A place that is a class.
    #[must_use]
    pub fn class(classname: &'a str) -> Place<'a> {
        Place { classname: Some(classname), ..Place::default() }
    }

    /// Whether one of its names is too long to be one.
    fn is_long(self) -> bool {
        [self.file, self.classname, self.suite].into_iter().flatten().any(|name| name.len() > PLACE_MAX)
    }

    /// What people would call it: the file, else the class, else the suite.
    #[must_use]
    pub fn name(self) -> &'a str {
        self.file.or(self.classname).or(self.suite).unwrap_or("")
    }
}

/// Longest name of a place, in bytes: longer ones fit no command line, and a report that says one once may
/// have a million cases in it, each of which is compared with the one before.
const PLACE_MAX: usize = 64 << 10;

/// What is said of a longer one.
fn long_place() -> String {
    format!("a file, class or suite with a name of more than {} KiB", PLACE_MAX >> 10)
}

/// A time as it stands in a report.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Time<'a> {
    /// Nothing stands there.
    #[default]
    Absent,
    /// What stands there is no number.
    Unreadable(&'a str),
    /// Finite; perhaps negative, perhaps absurd.
    Seconds(f64),
}

impl<'a> Time<'a> {
    /// A time that is written as text, in seconds. Blank text is no time.
    #[must_use]
    pub fn read(text: &'a str) -> Time<'a> {
        match (text.trim(), seconds(text)) {
            ("", _) => Time::Absent,
            (_, Some(seconds)) => Time::Seconds(seconds),
            (text, None) => Time::Unreadable(text),
        }
    }

    /// The same time where `self` is in a unit of which so many make a second.
    #[must_use]
    pub fn per_second(self, units: f64) -> Time<'a> {
        match self {
            Time::Seconds(figure) => Time::Seconds(figure / units),
            other => other,
        }
    }

    /// The seconds, where there are some.
    #[must_use]
    pub fn known(self) -> Option<f64> {
        match self {
            Time::Seconds(seconds) => Some(seconds),
            Time::Absent | Time::Unreadable(_) => None,
        }
    }
}

/// How a case ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    /// It ran to its end; also where the report does not say.
    #[default]
    Passed,
    /// It ran to its end, and something was wrong.
    Failed,
    /// It did not run.
    Skipped,
    /// It did not run: its result was known from an earlier run.
    Cached,
    /// It began and never ended: killed, or out of time.
    Aborted,
}

impl Outcome {
    /// Whether its time says how long it takes.
    #[must_use]
    pub fn is_complete(self) -> bool {
        matches!(self, Outcome::Passed | Outcome::Failed)
    }
}

/// One test as it stands in a report.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Case<'a> {
    /// Where it lies.
    pub place: Place<'a>,
    /// Its name inside its place; empty where the place as a whole was one case.
    pub name: &'a str,
    /// The time of all its attempts together.
    pub time: Time<'a>,
    /// How it ended at last.
    pub outcome: Outcome,
    /// Times that it was started, where the report says that in one place; 0 counts as 1.
    pub attempts: u32,
    /// The time of the last attempt that ran to its end, where that is another than `time`.
    pub last: Option<f64>,
    /// Most bytes of memory that it held, where the report says so.
    pub bytes: Option<u64>,
    /// Its line from 1, where the format has lines.
    pub line: Option<u64>,
}

/// What a report says of a whole file, package or suite.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Whole<'a> {
    /// What is meant.
    pub place: Place<'a>,
    /// How long it took, set-up of its own included.
    pub time: Time<'a>,
    /// Whether `time` is how long it took; else it is only a hint, for want of times of its cases.
    pub exact: bool,
    /// How it ended.
    pub outcome: Outcome,
    /// The seconds of the longest of its runs, where that is not the last: a rerun may hold only what
    /// failed before.
    pub longest: Option<f64>,
    /// Most bytes of memory that it held, where the report says so.
    pub bytes: Option<u64>,
    /// Its line from 1, where the format has lines.
    pub line: Option<u64>,
}

/// Takes what a reader finds.
pub trait Sink {
    /// A case. Its place as a whole may come before or after it.
    fn case(&mut self, case: &Case<'_>);
    /// What holds for a whole file, package or suite.
    fn whole(&mut self, _whole: &Whole<'_>) {}
    /// Names of properties that state a peak of memory, besides those that are known anyway.
    fn memory_properties(&self) -> &[String] {
        &[]
    }
    /// Something that a reader passed over, with its line from 1 where it has one.
    fn warn(&mut self, _line: Option<u64>, _message: &str) {}
}

/// Two sinks take the same.
impl<A: Sink, B: Sink> Sink for (A, B) {
    fn case(&mut self, case: &Case<'_>) {
        self.0.case(case);
        self.1.case(case);
    }
    fn whole(&mut self, whole: &Whole<'_>) {
        self.0.whole(whole);
        self.1.whole(whole);
    }
    fn memory_properties(&self) -> &[String] {
        self.0.memory_properties()
    }
    fn warn(&mut self, line: Option<u64>, message: &str) {
        self.0.warn(line, message);
        self.1.warn(line, message);
    }
}

/// What is wrong with a report.
#[derive(Debug, PartialEq, Eq)]
pub struct ReportError {
    /// From 1; `None` where the whole report is meant.
    pub line: Option<u64>,
    /// Lower case, no final dot.
    pub message: String,
    /// What the report was read as; `None` where it did not come to that.
    pub format: Option<Format>,
}

impl ReportError {
    /// An error at a line from 1, or of the whole report.
    pub fn new(line: impl Into<Option<u64>>, message: impl Into<String>) -> ReportError {
        ReportError { line: line.into(), message: message.into(), format: None }
    }

    /// Of a report that was read as this.
    #[must_use]
    pub fn of(self, format: impl Into<Option<Format>>) -> ReportError {
        ReportError { format: format.into(), ..self }
    }

    /// With the name of its file, as editors and people read it: `report.xml:3: …`.
    #[must_use]
    pub fn in_file(&self, name: impl fmt::Display) -> String {
        let separator = if self.line.is_some() { ":" } else { ": " };
        format!("{name}{separator}{self}")
    }
}

impl fmt::Display for ReportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(line) = self.line {
            write!(f, "{line}: ")?;
        }
        f.write_str(&self.message)
    }
}

impl std::error::Error for ReportError {}

/// Passes on what lies in places with names of a sensible length.
struct Bounded<'s> {
    sink: &'s mut dyn Sink,
    /// Whether there was another.
    long: bool,
}

impl Sink for Bounded<'_> {
    fn case(&mut self, case: &Case<'_>) {
        self.long |= case.place.is_long();
        if !self.long {
            self.sink.case(case);
        }
    }
    fn whole(&mut self, whole: &Whole<'_>) {
        self.long |= whole.place.is_long();
        if !self.long {
            self.sink.whole(whole);
        }
    }
    fn memory_properties(&self) -> &[String] {
        self.sink.memory_properties()
    }
    fn warn(&mut self, line: Option<u64>, message: &str) {
        self.sink.warn(line, message);
    }
}

/// Reads a report of a known format.
///
/// # Errors
/// What is not well-formed, or not of the format, with its line, and names that are too long. Cases that came before the fault were
/// handed on already: whoever wants all or nothing drops them.
pub fn read(format: Format, mut input: impl BufRead, sink: &mut dyn Sink) -> Result<(), ReportError> {
    let mut bounded = Bounded { sink, long: false };
    format.read(&mut input, &mut bounded)?;
    if bounded.long { Err(ReportError::new(None, long_place())) } else { Ok(()) }
}

/// How much of a file tells its format, in bytes.
pub const BEGINNING: u64 = 64 << 10;

/// The format of a whole file by its content, in whatever encoding.
#[must_use]
pub fn recognise(bytes: &[u8]) -> Option<Format> {
    let mut text = encoding::decoded(bytes, bytes);
    recognised(&mut text).ok()?.1
}

/// The beginning of a text, which is to be read again, and its format. A log is known by its first event, also
/// where that comes late.
fn recognised(text: &mut dyn BufRead) -> io::Result<(Vec<u8>, Option<Format>)> {
    let mut start = encoding::beginning(&mut *text, BEGINNING)?;
    let known = Format::recognise(&start);
    let late = match known {
        // Any text could be a list.
        None | Some(Format::FileList) => late::log(&mut start, text)?,
        Some(_) => None,
    };
    Ok((start, late.or(known)))
}

/// Reads a file in whatever encoding; its format is recognised by its content unless it is given.
/// Returns the format; `None` where it is none that is known.
///
/// # Errors
/// An empty file, and as [`read`].
pub fn read_any(
    format: Option<Format>,
    mut input: impl Read,
    sink: &mut dyn Sink,
) -> Result<Option<Format>, ReportError> {
    let cannot = |err: io::Error| ReportError::new(None, err.to_string()).of(format);
    let raw = encoding::beginning(&mut input, BEGINNING).map_err(cannot)?;
    if raw.is_empty() {
        return Err(ReportError::new(None, "the file is empty").of(format));
    }
    let mut text = encoding::decoded(&raw, raw.as_slice().chain(input));
    let (start, found) = match format {
        Some(_) => (Vec::new(), format),
        None => recognised(&mut text).map_err(cannot)?,
    };
    let Some(format) = found else { return Ok(None) };
    read(format, start.as_slice().chain(text), sink).map_err(|err| err.of(format))?;
    Ok(Some(format))
}

#[cfg(test)]
pub(crate) mod testing {
    use super::*;

    /// Everything that a reader found, one line a case: `place | name = seconds` and what is special.
    #[derive(Default)]
    pub(crate) struct Lines(pub(crate) Vec<String>);

    impl Lines {
        fn add(&mut self, mut line: String, time: Time<'_>, outcome: Outcome, bytes: Option<u64>) {
            match time {
                Time::Absent => {}
                Time::Unreadable(text) => line.push_str(&format!(" = `{text}`")),
                // To the microsecond: what adding up does to the last digits is of no interest.
                Time::Seconds(seconds) => line.push_str(&format!(" = {}", (seconds * 1e6).round() / 1e6)),
            }
            if outcome != Outcome::Passed {
                line.push_str(&format!(" {}", format!("{outcome:?}").to_lowercase()));
            }
            if let Some(bytes) = bytes {
                line.push_str(&format!(" {bytes} B"));
            }
            self.0.push(line);
        }
    }

    impl Sink for Lines {
        fn case(&mut self, case: &Case<'_>) {
            let Place { file, classname, suite } = case.place;
            let place: Vec<&str> =
                [file, classname, suite].into_iter().map(|part| part.unwrap_or("-")).collect();
            let mut line = format!("{} | {}", place.join(" "), case.name);
            if case.attempts > 1 {
                line.push_str(&format!(" x{}", case.attempts));
            }
            if let Some(last) = case.last {
                line.push_str(&format!(" last {last}"));
            }
            self.add(line, case.time, case.outcome, case.bytes);
        }
        fn whole(&mut self, whole: &Whole<'_>) {
            let kind = if whole.exact { "whole" } else { "suite" };
            let mut line = format!("{kind} {}", whole.place.name());
            if let Some(longest) = whole.longest {
                line.push_str(&format!(" longest {longest}"));
            }
            self.add(line, whole.time, whole.outcome, whole.bytes);
        }
        fn warn(&mut self, line: Option<u64>, message: &str) {
            let line = line.map_or_else(String::new, |line| format!("{line}: "));
            self.0.push(format!("warning {line}{message}"));
        }
    }

    /// What a format's reader makes of `text`, and what it is recognised as without being told.
    pub(crate) fn lines(format: Format, text: &str) -> Result<Vec<String>, String> {
        let mut lines = Lines::default();
        read(format, text.as_bytes(), &mut lines).map_err(|err| err.to_string())?;
        Ok(lines.0)
    }

    /// Checks what a reader makes of `text`.
    #[track_caller]
    pub(crate) fn check(format: Format, text: &str, expect: &[&str]) {
        assert_eq!(lines(format, text).unwrap(), expect, "{text}");
    }

    /// Checks that `text` is recognised for what it is.
    #[track_caller]
    pub(crate) fn recognised(format: Format, text: &str) {
        assert_eq!(Format::recognise(text.as_bytes()), Some(format), "{text}");
    }

    /// Checks that a reader refuses `text` with a message that begins so.
    #[track_caller]
    pub(crate) fn refused(format: Format, text: &str, expect: &str) {
        let err = lines(format, text).unwrap_err();
        assert!(err.starts_with(expect), "{err}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_knows_what_the_file_was_read_as() {
        let format = |forced: Option<Format>, text: &str| {
            read_any(forced, text.as_bytes(), &mut tally::Tally::default()).unwrap_err().format
        };
        assert_eq!(format(None, "<testsuite>"), Some(Format::JunitXml));
        assert_eq!(format(Some(Format::Trx), "<testsuite>"), Some(Format::Trx));
        assert_eq!(format(Some(Format::Trx), ""), Some(Format::Trx));
        assert_eq!(format(None, ""), None);
    }

    #[test]
    fn a_name_that_is_no_name_is_refused() {
        let long = "x".repeat(PLACE_MAX + 1);
        let message = "a file, class or suite with a name of more than 64 KiB";
        for text in [
            format!("<testsuite name=\"{long}\"><testcase/></testsuite>"),
            format!("<testsuite><testcase classname=\"{long}\"/></testsuite>"),
            format!("{{\"a.py::t\": 1, \"{long}::t\": 1}}"),
        ] {
            let err = read_any(None, text.as_bytes(), &mut tally::Tally::default()).unwrap_err();
            assert!(err.to_string().ends_with(message), "{err}");
        }
        // A name of that length is one.
        let fits = format!("<testsuite name=\"{}\"><testcase/></testsuite>", &long[1..]);
        assert!(read_any(None, fits.as_bytes(), &mut tally::Tally::default()).is_ok());
    }
}
