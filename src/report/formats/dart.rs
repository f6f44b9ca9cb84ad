//! `dart test` and `flutter test --machine`: one event a line, times in milliseconds since the start.
//!
//! Of the tests only those that are open are kept, and the paths of the suites.

use std::collections::BTreeMap;
use std::io::BufRead;

use serde::Deserialize;

use crate::report::head::Head;
use crate::report::json::{self, Figure, LineElements, Text};
use crate::report::{Case, Outcome, Place, ReportError, Sink, Time};

/// Whether this is a log of such events.
pub(in crate::report) fn looks_like(head: &Head<'_>) -> bool {
    let start = head.has("protocolVersion") && head.has("runnerVersion");
    head.has("type") && (start || head.has("test.suiteID") || head.has("testID"))
}

/// Reads a log. What is open at its end comes last, by its number.
///
/// # Errors
/// A line that is too long.
pub(in crate::report) fn read(input: impl BufRead, sink: &mut dyn Sink) -> Result<(), ReportError> {
    let mut log = Log { suites: BTreeMap::new(), open: BTreeMap::new(), sink };
    json::lines(input, &mut log)?;
    let Log { suites, open, sink } = log;
    // Loading a suite counts as a test, which is hidden as soon as it has ended.
    for test in open.values().filter(|test| !test.loads) {
        let place = place(&suites, test.suite);
        sink.case(&Case { place, name: &test.name, outcome: Outcome::Aborted, ..Case::default() });
    }
    Ok(())
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Event<'a> {
    #[serde(rename = "type", borrow)]
    kind: Text<'a>,
    #[serde(borrow)]
    time: Figure<'a>,
    #[serde(borrow)]
    suite: Option<SuiteOf<'a>>,
    #[serde(borrow)]
    test: Option<TestOf<'a>>,
    #[serde(rename = "testID", borrow)]
    test_id: Figure<'a>,
    #[serde(borrow)]
    result: Text<'a>,
    skipped: Option<bool>,
    hidden: Option<bool>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct SuiteOf<'a> {
    #[serde(borrow)]
    id: Figure<'a>,
    #[serde(borrow)]
    path: Text<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct TestOf<'a> {
    #[serde(borrow)]
    id: Figure<'a>,
    #[serde(borrow)]
    name: Text<'a>,
    #[serde(rename = "suiteID", borrow)]
    suite: Figure<'a>,
    #[serde(rename = "groupIDs", borrow)]
    groups: json::Many<'a, Figure<'a>>,
}

struct Log<'s> {
    suites: BTreeMap<u64, Box<str>>,
    open: BTreeMap<u64, Open>,
    sink: &'s mut dyn Sink,
}

/// A test that has begun.
struct Open {
    name: Box<str>,
    suite: Option<u64>,
    /// In milliseconds.
    begin: Option<f64>,
    loads: bool,
}

/// A number that stands for a suite or a test.
fn id(figure: &Figure<'_>) -> Option<u64> {
    figure.number().filter(|number| *number >= 0.0).map(|number| number as u64)
}

fn place(suites: &BTreeMap<u64, Box<str>>, suite: Option<u64>) -> Place<'_> {
    suite.and_then(|suite| suites.get(&suite)).map_or(Place::default(), |path| Place::file(path))
}

impl LineElements for Log<'_> {
    type Element<'de> = Event<'de>;

    fn take(&mut self, line: u64, text: &str, event: Option<Event<'_>>) {
        let Some(event) = event else {
            // Flutter reports its own doings in lists.
            if !text.starts_with("[{") {
                self.sink.warn(Some(line), "not an event of `dart test`: passed over");
            }
            return;
        };
        match event.kind.get() {
            Some("suite") => {
                let suite = event.suite.as_ref();
                if let Some((id, path)) = suite.and_then(|suite| Some((id(&suite.id)?, suite.path.get()?))) {
                    self.suites.insert(id, path.into());
                }
            }
            Some("testStart") => {
                let Some((id, test)) = event.test.as_ref().and_then(|test| Some((id(&test.id)?, test)))
                else {
                    self.sink.warn(Some(line), "a test without a number: passed over");
                    return;
                };
                let name = test.name.get().unwrap_or_default();
                let loads = test.groups.0.is_empty() && name.starts_with("loading ");
                let suite = self::id(&test.suite);
                self.open.insert(id, Open { name: name.into(), suite, begin: event.time.number(), loads });
            }
            Some("testDone") => self.done(line, &event),
            _ => {}
        }
    }
}

impl Log<'_> {
    fn done(&mut self, line: u64, event: &Event<'_>) {
        let test = id(&event.test_id).and_then(|id| self.open.remove(&id));
        if event.hidden == Some(true) {
            return;
        }
        if test.is_none() {
            self.sink.warn(Some(line), "a test ends that never began");
        }
        let begin = test.as_ref().and_then(|test| test.begin);
        let time = begin.zip(event.time.number()).map(|(begin, end)| (end - begin) / 1_000.0);
        self.sink.case(&Case {
            place: place(&self.suites, test.as_ref().and_then(|test| test.suite)),
            name: test.as_ref().map_or("", |test| &test.name),
            time: time.map_or(Time::Absent, Time::Seconds),
            outcome: match event.result.get() {
                _ if event.skipped == Some(true) => Outcome::Skipped,
                Some("failure" | "error") => Outcome::Failed,
                _ => Outcome::Passed,
            },
            line: Some(line),
            ..Case::default()
        });
    }
}

#[cfg(test)]
mod tests {
    use crate::report::Format;
    use crate::report::testing::{self, recognised};

    fn check(text: &str, expect: &[&str]) {
        testing::check(Format::DartJson, text, expect);
        recognised(Format::DartJson, text);
    }

    const START: &str = r#"{"protocolVersion":"0.1.1","runnerVersion":"1.25.0","pid":7,"type":"start","time":0}
{"suite":{"id":0,"platform":"vm","path":"test/a_test.dart"},"type":"suite","time":0}
{"test":{"id":1,"name":"loading test/a_test.dart","suiteID":0,"groupIDs":[],"metadata":{"skip":false}},"type":"testStart","time":1}
"#;

    #[test]
    fn tests_are_read() {
        check(
            &format!(
                r#"{START}[{{"event":"test.startedProcess","params":{{}}}}]
{{"testID":1,"result":"success","skipped":false,"hidden":true,"type":"testDone","time":900}}
{{"group":{{"id":2,"suiteID":0,"name":""}},"type":"group","time":901}}
{{"test":{{"id":3,"name":"g a","suiteID":0,"groupIDs":[2]}},"type":"testStart","time":1000}}
{{"test":{{"id":4,"name":"g b","suiteID":0,"groupIDs":[2]}},"type":"testStart","time":1100}}
{{"testID":4,"result":"success","skipped":true,"hidden":false,"type":"testDone","time":1101}}
{{"testID":3,"messageType":"print","message":"x","type":"print","time":1200}}
{{"testID":3,"result":"error","skipped":false,"hidden":false,"type":"testDone","time":2500}}
{{"success":false,"type":"done","time":2600}}
"#
            ),
            &["test/a_test.dart - - | g b = 0.001 skipped", "test/a_test.dart - - | g a = 1.5 failed"],
        );
        check(START.lines().next().unwrap(), &[]);
    }

    #[test]
    fn a_suite_that_does_not_load_is_a_case() {
        check(
            &format!(
                r#"{START}{{"testID":1,"result":"error","skipped":false,"hidden":false,"type":"testDone","time":51}}"#
            ),
            &["test/a_test.dart - - | loading test/a_test.dart = 0.05 failed"],
        );
    }

    #[test]
    fn what_never_ended_is_told() {
        check(
            &format!(
                r#"{START}{{"test":{{"id":9,"name":"b","suiteID":5,"groupIDs":[2]}},"type":"testStart","time":"2"}}
{{"test":{{"id":3,"name":"a","suiteID":0,"groupIDs":[2]}},"type":"testStart","time":null}}
{{"test":{{"name":"c"}},"type":"testStart","time":0}}
{{"testID":77,"result":"success","type":"testDone","time":5}}
Crash!"#
            ),
            &[
                "warning 6: a test without a number: passed over",
                "warning 7: a test ends that never began",
                "- - - | ",
                "warning 8: not an event of `dart test`: passed over",
                "test/a_test.dart - - | a aborted",
                "- - - | b aborted",
            ],
        );
    }
}
