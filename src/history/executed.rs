//! Which suites a report tells to have been executed, and which of them failed; not what they cost.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

use super::Place;
use super::names::{Index, Located, find, locate};
use crate::report::{self, Case, Outcome, Sink, Whole};

/// The cases of one report, with nothing but what became of them.
#[derive(Clone, Debug, Default)]
pub struct Ran {
    /// The name is empty where a place as a whole is meant.
    cases: Vec<(Arc<Place>, Box<str>, Outcome)>,
    /// Cases of one place stand together, and share it.
    last: Arc<Place>,
}

impl Ran {
    fn add(&mut self, place: report::Place<'_>, name: &str, outcome: Outcome) {
        let owned = |text: Option<&str>| text.map(Box::from);
        let report::Place { file, classname, suite } = place;
        let place = Place { file: owned(file), classname: owned(classname), suite: owned(suite) };
        if *self.last != place {
            self.last = Arc::new(place);
        }
        self.cases.push((Arc::clone(&self.last), name.into(), outcome));
    }
}

impl Sink for Ran {
    fn case(&mut self, case: &Case<'_>) {
        self.add(case.place, case.name, case.outcome);
    }
    fn whole(&mut self, whole: &Whole<'_>) {
        // Where a suite only speaks for its cases, these speak for themselves; but none of them may tell
        // that the suite was cut off.
        if whole.exact || whole.outcome == Outcome::Aborted {
            self.add(whole.place, "", whole.outcome);
        }
    }
}

/// What one report tells of the suites of an inventory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Executed {
    /// Suites that were executed, by their place in the inventory.
    pub suites: BTreeSet<usize>,
    /// Suites that began and were cut off, and are not among those.
    pub cut_off: BTreeSet<usize>,
    /// Suites of which a test failed that did not pass when it was run again.
    pub failed: BTreeSet<usize>,
    /// Names that meet no suite.
    pub strangers: BTreeSet<String>,
}

/// Meets the names of every report with the inventory, each report for itself.
#[must_use]
pub fn executed(index: &Index<'_>, reports: &[Ran]) -> Vec<Executed> {
    let places: BTreeSet<&Place> =
        reports.iter().flat_map(|report| report.cases.iter().map(|(place, ..)| &**place)).collect();
    let (found, _) = find(index, &places);
    let meet = |report: &Ran| {
        let mut told = Executed::default();
        // A test that was run again after it was cut off was executed, and one that then passed did not fail.
        // What was skipped, or is known from an earlier run, has been dealt with.
        let with = |wanted: fn(Outcome) -> bool| -> HashSet<(&Place, &str), super::names::Fixed> {
            let cases = report.cases.iter().filter(|(.., outcome)| wanted(*outcome));
            cases.map(|(place, name, _)| (&**place, &**name)).collect()
        };
        let done = with(|outcome| outcome != Outcome::Aborted);
        let passed = with(|outcome| outcome == Outcome::Passed);
        for (place, name, outcome) in &report.cases {
            let complete = *outcome != Outcome::Aborted;
            if !complete && done.contains(&(&**place, &**name)) {
                continue;
            }
            let Some(hit) = found.get(&**place) else {
                told.strangers.insert(place.name().to_owned());
                continue;
            };
            let suites = match locate(index, hit, name) {
                Located::Suite { suite, .. } => suite..suite + 1,
                Located::Whole((first, last)) => first..last,
                Located::Gone => {
                    told.strangers.insert(format!("{}::{name}", hit.path));
                    continue;
                }
            };
            if *outcome == Outcome::Failed && !passed.contains(&(&**place, &**name)) {
                told.failed.extend(suites.clone().map(|suite| suite as usize));
            }
            let slot = if complete { &mut told.suites } else { &mut told.cut_off };
            slot.extend(suites.map(|suite| suite as usize));
        }
        told.suites.retain(|suite| !told.cut_off.contains(suite));
        told
    };
    reports.iter().map(meet).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{NameMap, Patterns};
    use crate::inventory::Collector;

    #[test]
    fn names_meet_suites_whatever_became_of_them() {
        let check = |list: &str, text: &str, expect: &str| {
            let mut collector = Collector::new(None, NameMap::default());
            collector.listing("list", list.replace(' ', "\n").as_bytes(), None).unwrap();
            let inventory = collector.finish(&Patterns::default());
            let map = NameMap::default();
            let mut ran = Ran::default();
            report::read_any(None, text.as_bytes(), &mut ran).unwrap();
            let told = executed(&Index::new(&inventory, &map), &[ran]).remove(0);
            let names = |suites: &BTreeSet<usize>| {
                suites.iter().map(|suite| inventory.suites[*suite].id.as_str()).collect::<Vec<_>>().join(" ")
            };
            let strangers: Vec<&str> = told.strangers.iter().map(String::as_str).collect();
            let found =
                format!("{} | {} | {}", names(&told.suites), names(&told.cut_off), strangers.join(" "));
            assert_eq!(found.trim(), expect, "{text}");
            names(&told.failed)
        };
        let junit = |cases: &str| format!("<testsuite>{cases}</testsuite>");
        let cases = r#"<testcase classname="t.a" name="x" time="1"/><testcase classname="t.b" name="y"><skipped/></testcase>
            <testcase classname="t.c" name="z"><failure/></testcase><testcase classname="t.gone" name="z"/>"#;
        let failed = check("t/a.py t/b.py t/c.py t/d.py", &junit(cases), "t/a.py t/b.py t/c.py |  | t.gone");
        assert_eq!(failed, "t/c.py");
        // Run again, and well.
        let flaky =
            r#"<testcase classname="t.a" name="x"><failure/></testcase><testcase classname="t.a" name="x"/>"#;
        assert_eq!(check("t/a.py", &junit(flaky), "t/a.py |  |"), "");
        let finer = r#"<testcase file="t/a.py" classname="t.a" name="x"/><testcase file="t/a.py" classname="t.a" name="new"/>"#;
        check("t/a.py::x t/a.py::y", &junit(finer), "t/a.py::x |  | t/a.py::new");
        // A package that was cut off in the middle of its tests.
        let event = |action: &str, test: &str| {
            let test = if test.is_empty() { String::new() } else { format!(r#","Test":"{test}""#) };
            format!(
                r#"{{"Time":"2025-01-01T00:00:00Z","Action":"{action}","Package":"p/q"{test},"Elapsed":1}}"#
            ) + "\n"
        };
        let begun =
            [event("start", ""), event("run", "TestA"), event("pass", "TestA"), event("run", "TestB")]
                .concat();
        check("p/q", &begun, "| p/q |");
        let ended = begun.clone() + &event("pass", "TestB") + &event("pass", "");
        check("p/q", &ended, "p/q |  |");
    }
}
