//! Visual Studio's `.trx`: `<UnitTestResult>`s, and the definitions that name their classes.
//!
//! Definitions come behind the results as a rule, so a result is kept until its class is known: memory
//! grows with the number of results, not with what they printed. A test that is run for several rows of
//! data has a result for each row inside one of its own, whose time is theirs together: the rows are
//! the cases.

use std::collections::HashMap;
use std::io::BufRead;
use std::rc::Rc;

use super::dotnet_names::within;
use crate::report::head::Head;
use crate::report::number::timespan;
use crate::report::xml::{self, Elements, Tag};
use crate::report::{Case, Outcome, ReportError, Sink, Time};
use crate::text::{printable, shorten};

/// Whether this is a `.trx`.
pub(in crate::report) fn looks_like(head: &Head<'_>) -> bool {
    head.root == Some("TestRun")
}

/// Reads a report from a stream.
///
/// # Errors
/// What is not well-formed, with its line, and a document that is no `.trx`.
pub(in crate::report) fn read(input: impl BufRead, sink: &mut dyn Sink) -> Result<(), ReportError> {
    let mut trx = Trx::default();
    xml::walk(input, &mut trx, sink)?;
    for result in &trx.results {
        result.hand_on(trx.classes.get(&result.test).map(AsRef::as_ref), sink);
    }
    Ok(())
}

#[derive(Default)]
struct Trx {
    /// The elements that are open, without their text.
    open: Vec<Kind>,
    /// The classes of tests by their ids.
    classes: HashMap<String, Rc<str>>,
    /// The class that was met last: most definitions share theirs with the one before.
    last: Option<Rc<str>>,
    /// Those that are open, outermost first.
    opened: Vec<UnitResult>,
    /// Those whose class is still to come.
    results: Vec<UnitResult>,
    /// The definition that is open.
    definition: Option<String>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Results,
    Result,
    Definition,
    Other,
}

#[derive(Default)]
struct UnitResult {
    test: String,
    name: String,
    duration: Option<String>,
    outcome: Outcome,
    /// Whether there are results inside.
    whole: bool,
    line: Option<u64>,
}

impl Elements for Trx {
    const ROOTS: &'static [&'static str] = &["TestRun"];
    const WHAT: &'static str = "Visual Studio test run";

    fn open(&mut self, tag: &Tag<'_>, sink: &mut dyn Sink) -> Result<(), String> {
        let kind = match tag.name() {
            "Results" => Kind::Results,
            "UnitTestResult" => Kind::Result,
            "UnitTest" => Kind::Definition,
            "TestMethod" => {
                self.method(tag)?;
                Kind::Other
            }
            other if self.open.last() == Some(&Kind::Results) => {
                sink.warn(
                    Some(tag.line()),
                    &format!(
                        "<{}> is passed over: no result of a unit test",
                        printable(&shorten(other, 200))
                    ),
                );
                Kind::Other
            }
            _ => Kind::Other,
        };
        self.open.push(kind);
        match kind {
            Kind::Definition => {
                let [id] = tag.values(["id"])?;
                self.definition = id.map(|id| id.into_owned());
            }
            Kind::Result => {
                let [test, name, duration, outcome] =
                    tag.values(["testId", "testName", "duration", "outcome"])?;
                if let Some(outer) = self.opened.last_mut() {
                    outer.whole = true;
                }
                self.opened.push(UnitResult {
                    test: test.unwrap_or_default().into_owned(),
                    name: name.unwrap_or_default().into_owned(),
                    duration: duration.map(|duration| duration.into_owned()),
                    outcome: outcome.as_deref().map_or(Outcome::Passed, outcome_of),
                    whole: false,
                    line: Some(tag.line()),
                });
            }
            Kind::Results | Kind::Other => {}
        }
        Ok(())
    }

    fn close(&mut self, _: &str, sink: &mut dyn Sink) {
        match self.open.pop() {
            Some(Kind::Definition) => self.definition = None,
            Some(Kind::Result) => {
                let Some(result) = self.opened.pop().filter(|result| !result.whole) else { return };
                match self.classes.get(&result.test) {
                    Some(class) => result.hand_on(Some(class), sink),
                    None => self.results.push(result),
                }
            }
            _ => {}
        }
    }
}

impl Trx {
    /// Notes the class of the definition that is open.
    fn method(&mut self, tag: &Tag<'_>) -> Result<(), String> {
        let [class] = tag.values(["className"])?;
        let (Some(id), Some(class)) = (&self.definition, class) else { return Ok(()) };
        // `Namespace.Class, Assembly, Version=…` in the older ones.
        let class = class.split(',').next().unwrap_or_default().trim_end();
        let class = match self.last.take().filter(|last| **last == *class) {
            Some(last) => last,
            None => Rc::from(class),
        };
        self.last = Some(class.clone());
        self.classes.insert(id.clone(), class);
        Ok(())
    }
}

impl UnitResult {
    fn hand_on(&self, class: Option<&str>, sink: &mut dyn Sink) {
        let (place, name) = within(&self.name, class);
        sink.case(&Case {
            place,
            name,
            time: match self.duration.as_deref().map(str::trim) {
                None | Some("") => Time::Absent,
                Some(text) => timespan(text).map_or(Time::Unreadable(text), Time::Seconds),
            },
            outcome: self.outcome,
            line: self.line,
            ..Case::default()
        });
    }
}

fn outcome_of(text: &str) -> Outcome {
    match text {
        "NotExecuted" | "NotRunnable" | "Pending" | "Disconnected" => Outcome::Skipped,
        "Timeout" | "Aborted" | "InProgress" => Outcome::Aborted,
        "Failed" | "Error" => Outcome::Failed,
        _ => Outcome::Passed,
    }
}

#[cfg(test)]
mod tests {
    use crate::report::Format;
    use crate::report::testing::{self, recognised, refused};

    fn check(text: &str, expect: &[&str]) {
        testing::check(Format::Trx, text, expect);
        recognised(Format::Trx, text);
    }

    #[test]
    fn results_find_their_classes_wherever_these_stand() {
        let results = r#"<Results>
            <UnitTestResult testId="1" testName="App.Sums.Add(x: 1.5)" duration="00:01:02.5000000" outcome="Passed"><Output><StdOut>&lt;x></StdOut></Output></UnitTestResult>
            <UnitTestResult testId="2" testName="Late" duration="1.00:00:01" outcome="Timeout"/>
            <UnitTestResult testId="1" testName="Off" outcome="NotExecuted"/>
            <UnitTestResult testId="9" testName="Lost" duration="1 s" outcome="Failed"/>
            <WebTestResult testId="1"/></Results>"#;
        let definitions = r#"<TestDefinitions><UnitTest name="Add" id="1"><Execution id="e"/><TestMethod codeBase="T.dll" className="App.Sums, T, Version=1.0.0.0" name="Add"/></UnitTest>
            <UnitTest id="2"><TestMethod className="App.Slow"/></UnitTest></TestDefinitions>"#;
        let warning =
            |line: u64| format!("warning {line}: <WebTestResult> is passed over: no result of a unit test");
        let first = "- App.Sums - | Add(x: 1.5) = 62.5";
        let rest = [
            "- App.Slow - | Late = 86401 aborted",
            "- App.Sums - | Off skipped",
            "- - - | Lost = `1 s` failed",
        ];
        let run = |parts: &str| {
            format!(
                "<TestRun xmlns='http://microsoft.com/schemas/VisualStudio/TeamTest/2010'>{parts}</TestRun>"
            )
        };
        check(&run(&format!("{results}{definitions}")), &[&warning(6), first, rest[0], rest[1], rest[2]]);
        // Without a definition there is nothing to find before the end.
        check(&run(&format!("{definitions}{results}")), &[first, rest[0], rest[1], &warning(7), rest[2]]);
        check(&run(""), &[]);
    }

    #[test]
    fn rows_of_data_are_the_cases() {
        check(
            r#"<TestRun><Results><UnitTestResult testId="1" testName="Add" duration="00:00:03" outcome="Failed" resultType="DataDrivenTest"><InnerResults>
              <UnitTestResult testId="1" testName="Add (1)" duration="00:00:01" outcome="Passed" resultType="DataDrivenDataRow"/>
              <UnitTestResult testId="1" testName="Add (2)" duration="00:00:02" outcome="Failed" resultType="DataDrivenDataRow"/>
              </InnerResults></UnitTestResult></Results></TestRun>"#,
            &["- - - | Add (1) = 1", "- - - | Add (2) = 2 failed"],
        );
    }

    #[test]
    fn what_is_broken_says_where() {
        refused(
            Format::Trx,
            "<TestRun>\n<Results>",
            "2: not well-formed XML: the file ends inside 2 open elements",
        );
        refused(Format::Trx, "<x/>", "1: the root is <x>, which is no Visual Studio test run");
    }
}
