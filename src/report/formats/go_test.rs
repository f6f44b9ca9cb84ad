//! `go test -json`: one event a line, as test2json defines them, with whatever was printed in between.
//!
//! A package's own time holds its set-up and counts what ran at once only once, so it is that of the
//! unit. One whose program stopped before its end (a panic, a timeout, a kill) is aborted: its time is that
//! until then. A test's end may come long after its beginning, and again when it is run again: memory grows
//! with the tests, by their names and some forty bytes each.

use std::collections::BTreeMap;
use std::io::BufRead;

use serde::Deserialize;

use crate::report::head::Head;
use crate::report::json::{self, Figure, LineElements, Text};
use crate::report::{Case, Outcome, Place, ReportError, Sink, Time, Whole};

/// Whether this is a log of such events.
pub(in crate::report) fn looks_like(head: &Head<'_>) -> bool {
    let events = ["Package", "ImportPath", "Test"].into_iter().any(|key| head.has(key));
    (head.has("Action") && events) || (!head.has_keys() && head.text.lines().any(is_unbuilt))
}

/// Whether this line is all that older versions of Go say of a package that does not build.
fn is_unbuilt(line: &str) -> bool {
    line.starts_with("FAIL\t") && (line.ends_with("[build failed]") || line.ends_with("[setup failed]"))
}

/// Reads a log. Packages come in the order of their names, each after its tests.
///
/// # Errors
/// A line that is too long.
pub(in crate::report) fn read(input: impl BufRead, sink: &mut dyn Sink) -> Result<(), ReportError> {
    let mut log = Log { packages: BTreeMap::new(), sink };
    json::lines(input, &mut log)?;
    let Log { packages, sink } = log;
    for (name, package) in &packages {
        package.emit(name, sink);
    }
    Ok(())
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct Event<'a> {
    #[serde(borrow)]
    action: Text<'a>,
    #[serde(borrow)]
    package: Text<'a>,
    #[serde(borrow)]
    test: Text<'a>,
    #[serde(borrow)]
    elapsed: Figure<'a>,
    #[serde(borrow)]
    output: Text<'a>,
    #[serde(borrow)]
    failed_build: Text<'a>,
}

struct Log<'s> {
    packages: BTreeMap<Box<str>, Package>,
    sink: &'s mut dyn Sink,
}

#[derive(Default)]
struct Package {
    tests: BTreeMap<Box<str>, Test>,
    /// How its last run ended; `None` while it runs.
    end: Option<Outcome>,
    /// Of its last run, and of the longest: a later one may run only what failed before.
    elapsed: Option<f64>,
    longest: Option<f64>,
    /// Whether the longest run stopped before its end.
    longest_died: bool,
    says: Says,
}

/// What a package's output says of the run that is open.
#[derive(Clone, Copy, Default)]
struct Says {
    cached: bool,
    unbuilt: bool,
    /// `FAIL` or `PASS` by itself: its program came to the end of its tests.
    concluded: bool,
    /// `FAIL` before the name of the package, which go adds however the program ended.
    failed: bool,
}

#[derive(Clone, Copy, Default)]
struct Test {
    /// How its last attempt ended; `None` while it runs.
    end: Option<Outcome>,
    /// Attempts that ended.
    ends: u32,
    /// Of all attempts that have a time, and of the last.
    total: Option<f64>,
    last: Option<f64>,
}

impl LineElements for Log<'_> {
    type Element<'de> = Event<'de>;

    fn take(&mut self, line: u64, text: &str, event: Option<Event<'_>>) {
        let Some(event) = event else {
            let message = match is_unbuilt(text) {
                true => "a package that does not build",
                false => "not an event of `go test -json`: passed over",
            };
            self.sink.warn(Some(line), message);
            return;
        };
        let (Some(action), Some(package)) = (event.action.get(), event.package.get()) else {
            // What the compiler says belongs to no package that is tested.
            if !matches!(event.action.get(), Some("build-output" | "build-fail")) {
                self.sink.warn(Some(line), "an event without an action or a package: passed over");
            }
            return;
        };
        let package = self.packages.entry(package.into()).or_default();
        if action == "output" {
            package.says.hear(event.output.get().unwrap_or_default(), event.test.get().is_some());
        }
        let end = match action {
            "pass" => Some(Outcome::Passed),
            "fail" => Some(Outcome::Failed),
            "skip" => Some(Outcome::Skipped),
            _ => None,
        };
        match (event.test.get(), end) {
            (Some(test), end) => {
                let test = package.tests.entry(test.into()).or_default();
                match end {
                    Some(end) => test.finish(end, event.elapsed.number()),
                    // A benchmark that printed something has no other end.
                    None if action == "bench" => test.finish(Outcome::Passed, event.elapsed.number()),
                    None if action == "run" => test.end = None,
                    None => {}
                }
            }
            (None, Some(end)) => {
                package.says.unbuilt |= event.failed_build.get().is_some();
                package.finish(end, event.elapsed.number());
            }
            (None, None) => {}
        }
    }
}

impl Test {
    fn finish(&mut self, end: Outcome, elapsed: Option<f64>) {
        self.end = Some(end);
        self.ends = self.ends.saturating_add(1);
        self.last = elapsed;
        if let Some(elapsed) = elapsed {
            self.total = Some(self.total.unwrap_or(0.0) + elapsed);
        }
    }
}

impl Says {
    /// A line of the package's own, or of a test.
    fn hear(&mut self, output: &str, of_test: bool) {
        let line = output.trim_end();
        // What a test printed without an end of line stands before it, and in older versions of Go it is
        // the test's then.
        self.concluded |= line.ends_with("FAIL") || line.ends_with("PASS");
        if !of_test {
            self.cached |= line.contains("(cached)");
            self.unbuilt |= line.ends_with("[build failed]") || line.ends_with("[setup failed]");
            self.failed |= line.starts_with("FAIL\t");
        }
    }
}

impl Package {
    fn finish(&mut self, end: Outcome, elapsed: Option<f64>) {
        let says = std::mem::take(&mut self.says);
        // A test that panics has an end of its own, unlike one that is stopped from outside, but the
        // tests behind it never begin. Logs without output do not say how a program ended.
        let died = || says.failed && !says.concluded || self.tests.values().any(|test| test.end.is_none());
        let end = match end {
            Outcome::Passed if says.cached => Outcome::Cached,
            // Nothing ran, however long that took.
            Outcome::Failed if says.unbuilt => Outcome::Skipped,
            Outcome::Failed if died() => Outcome::Aborted,
            end => end,
        };
        let longer = match (self.longest, elapsed) {
            (Some(before), Some(now)) => now > before,
            (before, _) => before.is_none(),
        };
        if longer {
            (self.longest, self.longest_died) = (elapsed, end == Outcome::Aborted);
        }
        (self.elapsed, self.end) = (elapsed, Some(end));
    }

    fn emit(&self, name: &str, sink: &mut dyn Sink) {
        let place = Place::file(name);
        for (name, test) in &self.tests {
            sink.case(&Case {
                place,
                name,
                time: test.total.map_or(Time::Absent, Time::Seconds),
                outcome: match (test.end, self.end) {
                    (Some(Outcome::Skipped), _) => Outcome::Skipped,
                    (_, Some(Outcome::Cached)) => Outcome::Cached,
                    (Some(end), _) => end,
                    // Its end was lost in what it printed: a package does not pass with a test that hangs.
                    (None, Some(Outcome::Passed)) => Outcome::Passed,
                    (None, _) => Outcome::Aborted,
                },
                attempts: test.ends,
                last: test.last.filter(|_| test.ends > 1 && test.end.is_some()),
                ..Case::default()
            });
        }
        let time = self.elapsed.or_else(|| self.known()).map_or(Time::Absent, Time::Seconds);
        let outcome = match self.end {
            Some(end) if !self.longest_died => match end {
                // The longest run came to its end, and that is the one that says how long it takes.
                Outcome::Aborted => Outcome::Failed,
                end => end,
            },
            _ => Outcome::Aborted,
        };
        let longest = self.longest.filter(|longest| Some(*longest) != self.elapsed);
        sink.whole(&Whole { place, time, exact: true, outcome, longest, ..Whole::default() });
    }

    /// What is known of a package without an end: its tests, of which those below another are part of that.
    fn known(&self) -> Option<f64> {
        let top = self.tests.iter().filter(|(name, _)| !name.contains('/'));
        top.filter_map(|(_, test)| test.last).reduce(|sum, seconds| sum + seconds)
    }
}

#[cfg(test)]
mod tests {
    use crate::report::Format;
    use crate::report::testing::{self, recognised, refused};

    fn check(text: &str, expect: &[&str]) {
        testing::check(Format::GoTestJson, text, expect);
        recognised(Format::GoTestJson, text);
    }

    #[test]
    fn tests_and_their_packages_are_read() {
        check(
            r#"{"Time":"2026-01-02T03:04:05Z","Action":"start","Package":"m/b"}
{"Action":"run","Package":"m/b","Test":"TestB"}
{"Action":"run","Package":"m/b","Test":"TestB/x=1/y"}
{"Action":"output","Package":"m/b","Test":"TestB/x=1/y","Output":"    (cached)\n"}
{"Action":"pass","Package":"m/b","Test":"TestB/x=1/y","Elapsed":1.25}
{"Action":"pass","Package":"m/b","Test":"TestB","Elapsed":1.5}
{"Action":"run","Package":"m/b","Test":"TestA"}
{"Action":"skip","Package":"m/b","Test":"TestA","Elapsed":0}
{"Action":"pass","Package":"m/b","Elapsed":"2.5"}
{"Action":"start","Package":"m/a"}
{"Action":"output","Package":"m/a","Output":"?   \tm/a\t[no test files]\n"}
{"Action":"skip","Package":"m/a","Elapsed":0}
"#,
            &[
                "whole m/a = 0 skipped",
                "m/b - - | TestA = 0 skipped",
                "m/b - - | TestB = 1.5",
                "m/b - - | TestB/x=1/y = 1.25",
                "whole m/b = 2.5",
            ],
        );
    }

    #[test]
    fn what_did_not_end_well_is_told_apart() {
        check(
            r#"go: downloading example.com/x v1.0.0
{"Action":"run","Package":"killed","Test":"TestLong"}
{"Action":"run","Package":"killed","Test":"TestShort"}
{"Action":"fail","Package":"killed","Test":"TestShort","Elapsed":0.5}
{"ImportPath":"unbuilt [unbuilt.test]","Action":"build-output","Output":"x.go:1:1: no\n"}
{"ImportPath":"unbuilt [unbuilt.test]","Action":"build-fail"}
{"Action":"output","Package":"unbuilt","Output":"FAIL\tunbuilt [build failed]\n"}
{"Action":"fail","Package":"unbuilt","Elapsed":0,"FailedBuild":"unbuilt [unbuilt.test]"}
{"Action":"run","Package":"lost","Test":"TestPrints"}
{"Action":"pass","Package":"lost","Elapsed":0.25}
{"Action":"pass"}
{"Action":"run","Package":"cached","Test":"TestOld"}
{"Action":"pass","Package":"cached","Test":"TestOld","Elapsed":3}
{"Action":"output","Package":"cached","Output":"ok  \tcached\t(cached)\n"}
{"Action":"pass","Package":"cached","Elapsed":0.01}
{"Action":"output","Package":"cut","Out"#,
            &[
                "warning 1: not an event of `go test -json`: passed over",
                "warning 11: an event without an action or a package: passed over",
                "warning 16: not an event of `go test -json`: passed over",
                "cached - - | TestOld = 3 cached",
                "whole cached = 0.01 cached",
                "killed - - | TestLong aborted",
                "killed - - | TestShort = 0.5 failed",
                "whole killed = 0.5 aborted",
                "lost - - | TestPrints",
                "whole lost = 0.25",
                "whole unbuilt = 0 skipped",
            ],
        );
    }

    #[test]
    fn a_package_that_stops_before_its_end_is_aborted() {
        // With a timeout the test that runs has no end.
        check(
            r#"{"Action":"run","Package":"p","Test":"TestA"}
{"Action":"pass","Package":"p","Test":"TestA","Elapsed":1}
{"Action":"run","Package":"p","Test":"TestHangs"}
{"Action":"fail","Package":"p","Elapsed":600}"#,
            &["p - - | TestA = 1", "p - - | TestHangs aborted", "whole p = 600 aborted"],
        );
        // A test that panics has one, and those behind it are never heard of.
        let output = |text: &str| format!(r#"{{"Action":"output","Package":"p","Output":"{text}"}}"#);
        let log = |said: &[&str]| {
            let begun = r#"{"Action":"run","Package":"p","Test":"TestA"}
{"Action":"output","Package":"p","Test":"TestA","Output":"--- FAIL: TestA (0.00s)\n"}
{"Action":"fail","Package":"p","Test":"TestA","Elapsed":0}"#;
            let said: Vec<String> = said.iter().map(|text| output(text)).collect();
            format!(
                "{begun}\n{}\n{}\n",
                said.join("\n"),
                r#"{"Action":"fail","Package":"p","Elapsed":0.013}"#
            )
        };
        let test = "p - - | TestA = 0 failed";
        let last = r"FAIL\tp\t0.013s\n";
        check(&log(&[r"exit status 2\n", last]), &[test, "whole p = 0.013 aborted"]);
        for end in [r"FAIL\n", r"printedFAIL\n", r"PASS\n"] {
            check(&log(&[end, r"exit status 1\n", last]), &[test, "whole p = 0.013 failed"]);
        }
        // Without output nobody knows.
        check(&log(&[r"\n"]), &[test, "whole p = 0.013 failed"]);
        // What counts is the longest run.
        let whole = r#"{"Action":"fail","Package":"p","Elapsed":60}"#;
        let ended = "whole p longest 60 = 0.013 failed";
        check(&format!("{whole}\n{}", log(&[last])), &[test, ended]);
        let rerun = r#"{"Action":"pass","Package":"p","Elapsed":0.001}"#;
        check(&format!("{}{rerun}", log(&[last])), &[test, "whole p longest 0.013 = 0.001 aborted"]);
    }

    #[test]
    fn a_long_first_line_is_recognised() {
        let line = r#"{"Time":"2026-01-02T03:04:05Z","Action":"output","Package":"p","Output":""#;
        recognised(Format::GoTestJson, &format!("{line}{}", "x".repeat(64 << 10)));
    }

    #[test]
    fn a_rerun_does_not_make_a_package_short() {
        check(
            r#"{"Action":"run","Package":"p","Test":"TestF"}
{"Action":"fail","Package":"p","Test":"TestF","Elapsed":1}
{"Action":"fail","Package":"p","Elapsed":60}
{"Action":"run","Package":"p","Test":"TestF"}
{"Action":"pass","Package":"p","Test":"TestF","Elapsed":2}
{"Action":"pass","Package":"p","Elapsed":2.5}"#,
            &["p - - | TestF x2 last 2 = 3", "whole p longest 60 = 2.5"],
        );
    }

    #[test]
    fn a_log_may_hold_no_event_that_counts() {
        check(
            "# m/b\n./b.go:1:1: no\nFAIL\tm/b [build failed]\n",
            &[
                "warning 1: not an event of `go test -json`: passed over",
                "warning 2: not an event of `go test -json`: passed over",
                "warning 3: a package that does not build",
            ],
        );
        check(
            "{\"Action\":\"run\",\"Test\":\"TestA\"}",
            &["warning 1: an event without an action or a package: passed over"],
        );
        assert_eq!(Format::recognise(b"ok  \tm/b\t0.1s\n"), None);
    }

    #[test]
    fn odd_values_cost_only_themselves() {
        check(
            r#"{"Action":"pass","Package":"p","Test":"T","Elapsed":"soon"}
{"Action":["pass"],"Package":"p","Test":"U","Elapsed":{}}
{"Action":"pass","Package":"p","Test":7,"Elapsed":-1}"#,
            &["p - - | 7 = -1", "p - - | T", "p - - | U aborted", "whole p = -1 aborted"],
        );
        refused(
            Format::GoTestJson,
            &format!("{{\"Action\":\"{}\"}}", "x".repeat(65 << 20)),
            "1: a line of more than 64 MiB",
        );
    }
}
