//! What the reports of one run teach, as observations for a store.
//!
//! No inventory is at hand: suites are named as the reports name them, and meet those of an inventory when
//! a plan is made.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use super::names::classes_of;
use super::spelling::without_dot;
use super::store::Part;
use super::{Place, Report};
use crate::config::Granularity;
use crate::inventory::coarsen;
use crate::model::path_of;

/// What was learned.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Learned {
    /// Suite, part and what was seen, sorted.
    pub seen: Vec<(String, String, Part)>,
    /// Suites that began and never ended, so that their times are of no use; sorted.
    pub unfinished: Vec<String>,
    /// Cases in no file, class or suite.
    pub nameless: usize,
}

/// One case of a suite.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Timed {
    unit: u32,
    case: u64,
    /// Index of the report.
    report: u32,
    nanos: u64,
    /// The file as a whole.
    whole: bool,
}

/// Adds up the times of one run's reports by suite; each report is a part and comes with its name.
///
/// Inside a report the times of one test are added; a test in several reports counts where it took
/// longest. Where a file as a whole was timed, that counts instead of its tests; but where suites are finer
/// than files, only if none of its tests is known. What a suite says of itself counts where no test of it
/// has a time.
#[must_use]
pub fn learn(reports: &[(String, Report)], granularity: Granularity) -> Learned {
    let mut units = Units { granularity, numbers: BTreeMap::new(), last: None };
    let mut timed = Vec::new();
    let mut unfinished = BTreeSet::new();
    let mut hints: BTreeMap<u32, (u64, &str)> = BTreeMap::new();
    let mut learned = Learned::default();
    for (report, (part, found)) in (0..).zip(reports) {
        for case in &found.cases {
            match units.of(&case.place, &case.name) {
                Some((unit, test)) => {
                    let whole = case.name.is_empty();
                    timed.push(Timed { unit, case: test, report, nanos: case.nanos, whole });
                }
                None => learned.nameless += 1,
            }
        }
        unfinished.extend(found.unfinished.iter().filter_map(|(place, name)| units.of(place, name)));
        for (place, nanos) in &found.hints {
            if let Some((unit, _)) = units.of(place, "") {
                let hint = hints.entry(unit).or_default();
                *hint = (*hint).max((*nanos, part));
            }
        }
    }
    timed.sort_unstable();
    for case in timed.chunk_by(|a, b| (a.unit, a.case) == (b.unit, b.case)) {
        unfinished.remove(&(case[0].unit, case[0].case));
    }
    hints.retain(|unit, _| timed.binary_search_by_key(unit, |timed| timed.unit).is_err());
    let mut names = vec![String::new(); units.numbers.len()];
    units.numbers.into_iter().for_each(|(name, number)| names[number as usize] = name);
    let finer: BTreeSet<&str> = match granularity {
        Granularity::File => BTreeSet::new(),
        _ => {
            timed.iter().map(|timed| &*names[timed.unit as usize]).filter_map(|id| path_within(id)).collect()
        }
    };
    let unfinished: BTreeSet<u32> = unfinished.into_iter().map(|(unit, _)| unit).collect();
    for of_unit in timed.chunk_by(|a, b| a.unit == b.unit) {
        let unit = of_unit[0].unit;
        let name = &names[unit as usize];
        if unfinished.contains(&unit) || finer.contains(&**name) {
            continue;
        }
        let whole = of_unit.iter().any(|timed| timed.whole);
        let mut sums: BTreeMap<u32, u64> = BTreeMap::new();
        for case in of_unit.chunk_by(|a, b| a.case == b.case).filter(|case| case[0].whole == whole) {
            let by_report = case.chunk_by(|a, b| a.report == b.report).map(|same| {
                let nanos = same.iter().fold(0, |sum: u64, timed| sum.saturating_add(timed.nanos));
                // Reports of equal times by their names, since their order must decide nothing.
                (nanos, &*reports[same[0].report as usize].0, same[0].report)
            });
            if let Some((nanos, _, report)) = by_report.max() {
                let sum = sums.entry(report).or_default();
                *sum = sum.saturating_add(nanos);
            }
        }
        for (report, nanos) in sums {
            learned.seen.push((name.clone(), reports[report as usize].0.clone(), of_time(nanos)));
        }
    }
    for (unit, (nanos, part)) in hints {
        let name = &names[unit as usize];
        if !unfinished.contains(&unit) && !finer.contains(&**name) {
            learned.seen.push((name.clone(), part.to_owned(), of_time(nanos)));
        }
    }
    learned.seen.sort_unstable_by(|a, b| (&a.0, &a.1).cmp(&(&b.0, &b.1)));
    learned.unfinished = unfinished.into_iter().map(|unit| names[unit as usize].clone()).collect();
    learned.unfinished.sort_unstable();
    learned
}

fn of_time(nanos: u64) -> Part {
    Part { ms: Some(nanos.div_ceil(1_000_000).max(1)), ..Part::default() }
}

/// The file of a part of a file.
fn path_within(id: &str) -> Option<&str> {
    Some(path_of(id)).filter(|path| path.len() < id.len())
}

/// Suites by their names.
struct Units {
    granularity: Granularity,
    numbers: BTreeMap<String, u32>,
    /// Cases of one place stand together.
    last: Option<(Arc<Place>, u32)>,
}

impl Units {
    /// The suite of a case, and a number for the case in it; `None` where it lies nowhere.
    fn of(&mut self, place: &Arc<Place>, name: &str) -> Option<(u32, u64)> {
        let path = without_dot(place.name());
        if path.is_empty() {
            return None;
        }
        let classes = if place.file.is_some() { classes_of(place, path) } else { String::new() };
        let separator = |text: &str| if text.is_empty() { "" } else { "::" };
        let test = format!("{path}{}{classes}{}{name}", separator(&classes), separator(name));
        let mut hasher = DefaultHasher::new();
        test.hash(&mut hasher);
        // Names of crates and suites cannot be told from tests that follow them, and a class that stands
        // for a file is no finer for what follows.
        let splits = path.contains(['/', '\\', '.']);
        let unit = match self.granularity {
            Granularity::Class if !splits || place.file.is_none() => path,
            Granularity::Test if !splits => path,
            Granularity::File => path_of(path),
            granularity => coarsen(&test, granularity),
        };
        let coarse = self.granularity == Granularity::File;
        let known = self.last.as_ref().filter(|(last, _)| coarse && Arc::ptr_eq(last, place));
        let number = match known {
            Some((_, number)) => *number,
            None => {
                let next = self.numbers.len() as u32;
                match self.numbers.get(unit) {
                    Some(number) => *number,
                    None => *self.numbers.entry(unit.to_owned()).or_insert(next),
                }
            }
        };
        self.last = Some((Arc::clone(place), number));
        Some((number, hasher.finish()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::collect::Collector;
    use crate::report::{Format, read};

    fn check(reports: &[&str], granularity: Granularity, expect: &str) {
        let reports = (0..).zip(reports).map(|(number, text): (u32, _)| {
            let mut collector = Collector::default();
            read(Format::recognise(text.as_bytes()).unwrap(), text.as_bytes(), &mut collector).unwrap();
            (format!("p{number}"), collector.finish())
        });
        let mut reports: Vec<_> = reports.collect();
        let shown = |reports: &[(String, Report)]| {
            let learned = learn(reports, granularity);
            let seen =
                learned.seen.iter().map(|(id, part, seen)| format!("{id} {part} {}", seen.ms.unwrap()));
            let unfinished = learned.unfinished.iter().map(|id| format!("!{id}"));
            seen.chain(unfinished).collect::<Vec<_>>().join(", ")
        };
        assert_eq!(shown(&reports), expect);
        reports.reverse();
        assert_eq!(shown(&reports), expect, "in another order");
    }

    const NODES: &str = r#"{"t/a.py::A::x": 1, "t/a.py::A::y[1]": 2, "t/a.py::f[p::q]": 4, "t/b.py::x": 8}"#;

    #[test]
    fn suites_are_as_fine_as_asked_for() {
        check(&[NODES], Granularity::File, "t/a.py p0 7000, t/b.py p0 8000");
        check(&[NODES], Granularity::Class, "t/a.py::A p0 3000, t/a.py::f p0 4000, t/b.py::x p0 8000");
        check(
            &[NODES],
            Granularity::Test,
            "t/a.py::A::x p0 1000, t/a.py::A::y[1] p0 2000, t/a.py::f[p::q] p0 4000, t/b.py::x p0 8000",
        );
        let classes = r#"<testsuite><testcase classname="t.a.TestX" name="y" time="1"/><testcase classname="t.a.TestX" name="z" time="2"/></testsuite>"#;
        check(&[classes], Granularity::File, "t.a.TestX p0 3000");
        check(&[classes], Granularity::Class, "t.a.TestX p0 3000");
        check(&[classes], Granularity::Test, "t.a.TestX::y p0 1000, t.a.TestX::z p0 2000");
        let files =
            r#"<testsuite><testcase file="t/a.py" classname="t.a.TestX" name="y" time="1"/></testsuite>"#;
        check(&[files], Granularity::Class, "t/a.py::TestX p0 1000");
    }

    #[test]
    fn a_test_counts_where_it_took_longest() {
        let other = r#"{"t/a.py::A::x": 3, "t/a.py::new": 0.0001}"#;
        check(&[NODES, other], Granularity::File, "t/a.py p0 6000, t/a.py p1 3001, t/b.py p0 8000");
        check(&[NODES, NODES], Granularity::File, "t/a.py p1 7000, t/b.py p1 8000");
    }

    #[test]
    fn a_dot_in_front_is_no_part_of_a_name() {
        let rspec = r#"{"./t/a.py::A::x": 2, "./t/c.py::x": 3}"#;
        check(
            &[NODES, rspec],
            Granularity::File,
            "t/a.py p0 6000, t/a.py p1 2000, t/b.py p0 8000, t/c.py p1 3000",
        );
        check(&[rspec], Granularity::Test, "t/a.py::A::x p0 2000, t/c.py::x p0 3000");
    }

    #[test]
    fn suites_speak_for_tests_without_times() {
        let suite = |name: &str, time: u32, cases: &str| {
            format!(r#"<testsuite name="{name}" time="{time}">{cases}</testsuite>"#)
        };
        let bare = suite("a", 5, r#"<testcase name="x"/>"#);
        check(&[&bare, &suite("a", 7, r#"<testcase name="y"/>"#)], Granularity::File, "a p1 7000");
        check(&[&bare, &suite("a", 7, r#"<testcase name="y" time="1"/>"#)], Granularity::File, "a p1 1000");
    }

    #[test]
    fn what_never_ended_is_not_learned() {
        let case = |class: &str, name: &str, inside: &str| {
            format!(r#"<testcase classname="{class}" name="{name}" time="1">{inside}</testcase>"#)
        };
        let suite = |cases: &[String]| format!("<testsuite>{}</testsuite>", cases.concat());
        let skipped =
            suite(&[case("c", "x", "<skipped/>"), case("c", "y", ""), case("d", "x", "<skipped/>")]);
        check(&[&skipped], Granularity::File, "c p0 1000");
        let go = |lines: &[(&str, &str)]| -> String {
            let line = |(action, rest): &(&str, &str)| {
                format!(
                    "{{\"Time\":\"2024-01-01T00:00:00Z\",\"Action\":\"{action}\",\"Package\":\"m/p\"{rest}}}\n"
                )
            };
            lines.iter().map(line).collect()
        };
        let done = [("run", r#","Test":"A""#), ("pass", r#","Test":"A","Elapsed":1"#)];
        let hangs = go(&[&done[..], &[("run", r#","Test":"B""#)]].concat());
        check(&[&hangs], Granularity::Test, "!m/p, !m/p::B");
    }
}
