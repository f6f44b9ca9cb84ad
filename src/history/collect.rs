//! The cases of a report that teach something, kept to be met with an inventory.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::{BuildHasherDefault, DefaultHasher};
use std::sync::Arc;

use super::{Case, Place, Report};
use crate::config::TimeFrom;
use crate::report::{self, Outcome, Sink, Time, Whole, nanos};

/// In nanoseconds.
const HOUR: u64 = 3_600_000_000_000;

/// Keeps the cases with a usable time; counts the others.
///
/// A test that stands in one report several times, and failed before its last time there, was run again: its
/// last complete attempt counts. Where it never failed these are runs of their own (browsers, parameters),
/// and count each.
#[derive(Debug, Default)]
pub struct Collector {
    report: Report,
    from: TimeFrom,
    memory_properties: Vec<String>,
    /// Cases that failed, as indices.
    failed: Vec<usize>,
    /// Cases of one place stand together, and share it.
    last: Arc<Place>,
    places: HashMap<Place, Arc<Place>, BuildHasherDefault<DefaultHasher>>,
    /// What suites say of themselves. Of suites inside one another that mean the same place, the outer one
    /// holds the inner ones.
    hints: BTreeMap<Arc<Place>, u64>,
    /// Places that as a whole were skipped, cached or cut off: what ran of them is not all.
    incomplete: Vec<Arc<Place>>,
    /// Times longer than a week.
    absurd: usize,
}

impl Collector {
    /// Nothing kept yet. `from` says whether suites' own times count, `memory_properties` which properties
    /// state a peak of memory, besides those that are known anyway.
    #[must_use]
    pub fn new(from: TimeFrom, memory_properties: &[String]) -> Collector {
        Collector { from, memory_properties: memory_properties.to_vec(), ..Collector::default() }
    }

    /// What was kept.
    #[must_use]
    pub fn finish(mut self) -> Report {
        self.drop_attempts();
        self.drop_incomplete();
        self.distrust();
        let hints = std::mem::take(&mut self.hints).into_iter();
        if self.from == TimeFrom::Suite {
            let whole = |(place, nanos)| Case { place, name: Box::default(), nanos };
            self.report.cases.extend(hints.map(whole));
        } else {
            self.report.hints.extend(hints);
        }
        self.report
    }

    /// Of the cases that failed and were run again, only the last stays.
    fn drop_attempts(&mut self) {
        if self.failed.is_empty() {
            return;
        }
        let cases = &self.report.cases;
        let keys = || cases.iter().map(|case| (&*case.place, &*case.name)).enumerate();
        let failed = |at: &usize| (&*cases[*at].place, &*cases[*at].name);
        let mut last: HashMap<(&Place, &str), usize> =
            self.failed.iter().map(|at| (failed(at), *at)).collect();
        for (at, key) in keys() {
            if let Some(slot) = last.get_mut(&key) {
                *slot = at;
            }
        }
        let kept: Vec<bool> = keys().map(|(at, key)| last.get(&key).is_none_or(|last| *last == at)).collect();
        self.report.unusable.attempts += kept.iter().filter(|kept| !**kept).count();
        let mut kept = kept.into_iter();
        self.report.cases.retain(|_| kept.next().unwrap_or(true));
    }

    /// Of a place that did not end, nothing is learned.
    fn drop_incomplete(&mut self) {
        let incomplete: BTreeSet<Arc<Place>> = std::mem::take(&mut self.incomplete).into_iter().collect();
        if !incomplete.is_empty() {
            self.report.cases.retain(|case| !incomplete.contains(&case.place));
        }
    }

    /// Where a time is absurd and most of the others are longer than an hour, all are in another unit.
    fn distrust(&mut self) {
        let long = self.report.cases.iter().filter(|case| case.nanos > HOUR).count();
        if self.absurd > 0 && long * 2 > self.report.cases.len() {
            self.report.unusable.wrong += self.report.cases.len();
            self.report.cases.clear();
            self.hints.clear();
        }
    }

    fn place(&mut self, place: report::Place<'_>) -> Arc<Place> {
        let report::Place { file, classname, suite } = place;
        let last = &self.last;
        if (last.file.as_deref(), last.classname.as_deref(), last.suite.as_deref())
            != (file, classname, suite)
        {
            let owned = |text: Option<&str>| text.map(Box::from);
            let place = Place { file: owned(file), classname: owned(classname), suite: owned(suite) };
            self.last = match self.places.get(&place) {
                Some(known) => Arc::clone(known),
                None => {
                    let shared = Arc::new(place.clone());
                    self.places.insert(place, Arc::clone(&shared));
                    shared
                }
            };
        }
        Arc::clone(&self.last)
    }

    /// The nanoseconds that a time teaches; `None` is counted.
    fn usable(&mut self, case: &report::Case<'_>) -> Option<u64> {
        let unusable = &mut self.report.unusable;
        match case.outcome {
            Outcome::Passed | Outcome::Failed => {}
            Outcome::Skipped => unusable.skipped += 1,
            Outcome::Cached => unusable.cached += 1,
            Outcome::Aborted => unusable.aborted += 1,
        }
        if !case.outcome.is_complete() {
            return None;
        }
        match case.last.map_or(case.time, Time::Seconds) {
            Time::Absent => unusable.untimed += 1,
            Time::Unreadable(text) => unusable.wrong(&name(case), text, case.line),
            Time::Seconds(seconds) => match nanos(seconds) {
                Some(nanos) => return Some(nanos),
                None => {
                    self.absurd += usize::from(seconds > 0.0);
                    let shown =
                        if seconds < 1e15 { format!("{seconds} s") } else { format!("{seconds:e} s") };
                    unusable.wrong(&name(case), &shown, case.line);
                }
            },
        }
        None
    }
}

/// What people would call a case.
fn name(case: &report::Case<'_>) -> String {
    let parts = [case.place.name(), case.name].into_iter().filter(|part| !part.is_empty());
    parts.collect::<Vec<_>>().join("::")
}

impl Sink for Collector {
    fn case(&mut self, case: &report::Case<'_>) {
        if let Some(bytes) = case.bytes {
            let place = self.place(case.place);
            self.report.peaks.push((place, case.name.into(), bytes));
        }
        if case.outcome == Outcome::Aborted {
            let place = self.place(case.place);
            self.report.unfinished.push((place, case.name.into()));
        }
        if let Some(nanos) = self.usable(case) {
            let place = self.place(case.place);
            if case.outcome == Outcome::Failed {
                self.failed.push(self.report.cases.len());
            }
            self.report.cases.push(Case { place, name: case.name.into(), nanos });
        }
        self.report.unusable.attempts += case.attempts.saturating_sub(1) as usize;
    }

    fn whole(&mut self, whole: &Whole<'_>) {
        let place = self.place(whole.place);
        if let Some(bytes) = whole.bytes {
            self.report.peaks.push((Arc::clone(&place), Box::default(), bytes));
        }
        if whole.outcome == Outcome::Aborted {
            self.report.unfinished.push((Arc::clone(&place), Box::default()));
        }
        if !whole.outcome.is_complete() {
            self.incomplete.push(place);
            return;
        }
        let Some(nanos) = whole.longest.or(whole.time.known()).and_then(nanos) else { return };
        if whole.exact {
            self.report.cases.push(Case { place, name: Box::default(), nanos });
        } else {
            let hint = self.hints.entry(place).or_default();
            *hint = nanos.max(*hint);
        }
    }

    fn memory_properties(&self) -> &[String] {
        &self.memory_properties
    }

    fn warn(&mut self, _: Option<u64>, _: &str) {
        self.report.unusable.passed_over += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::Format;

    fn check(text: &str, from: TimeFrom, expect: &str) {
        let mut collector = Collector::new(from, &[]);
        report::read(Format::JunitXml, text.as_bytes(), &mut collector).unwrap();
        let Report { cases, unusable, hints, .. } = collector.finish();
        let cases: Vec<String> = (cases.iter())
            .map(|case| format!("{}.{}={}", case.place.name(), case.name, case.nanos / 1_000_000_000))
            .collect();
        let unusable = [unusable.skipped, unusable.untimed, unusable.wrong, unusable.attempts];
        let hints: String = hints
            .iter()
            .map(|(place, nanos)| format!(" {} {}", place.name(), nanos / 1_000_000_000))
            .collect();
        assert_eq!(format!("{} {unusable:?}{hints}", cases.join(" ")), expect, "{text}");
    }

    #[test]
    fn what_teaches_nothing_is_counted() {
        let cases = r#"<testsuite><testcase classname="c" name="a" time="1"/><testcase classname="c" name="b" time="9"><skipped/></testcase>
            <testcase classname="c" name="d"/><testcase classname="c" name="e" time="-1"/><testcase classname="c" name="f" time="9e8"/></testsuite>"#;
        check(cases, TimeFrom::Cases, "c.a=1 [1, 1, 2, 0]");
    }

    #[test]
    fn the_last_attempt_counts() {
        let case = |name: &str, time: u32, inside: &str| {
            format!(r#"<testcase classname="c" name="{name}" time="{time}">{inside}</testcase>"#)
        };
        let suite = |cases: &[String]| format!("<testsuite>{}</testsuite>", cases.concat());
        let again = [case("a", 5, "<failure/>"), case("b", 1, ""), case("a", 2, "")];
        check(&suite(&again), TimeFrom::Cases, "c.b=1 c.a=2 [0, 0, 0, 1]");
        let browsers = [case("a", 5, ""), case("a", 2, "")];
        check(&suite(&browsers), TimeFrom::Cases, "c.a=5 c.a=2 [0, 0, 0, 0]");
        check(&suite(&[case("a", 5, "<failure/>")]), TimeFrom::Cases, "c.a=5 [0, 0, 0, 0]");
        check(&suite(&[case("a", 5, "<flakyFailure/>")]), TimeFrom::Cases, "c.a=5 [0, 0, 0, 1]");
    }

    #[test]
    fn nanoseconds_are_distrusted_as_a_whole() {
        let times = |all: &[&str]| {
            let cases: String = all
                .iter()
                .map(|time| format!(r#"<testcase classname="c" name="a" time="{time}"/>"#))
                .collect();
            format!("<testsuite>{cases}</testsuite>")
        };
        check(&times(&["999638317", "120000", "90000"]), TimeFrom::Cases, " [0, 0, 3, 0]");
        // One odd time among sane ones costs only itself.
        check(&times(&["999638317", "1", "2"]), TimeFrom::Cases, "c.a=1 c.a=2 [0, 0, 1, 0]");
    }

    #[test]
    fn suites_speak_for_cases_without_times() {
        let text = r#"<testsuite time="9"><testcase classname="c" name="a"/></testsuite>"#;
        check(text, TimeFrom::Cases, " [0, 1, 0, 0] c 9");
        let text = r#"<testsuite time="9"><testcase classname="c" name="a" time="2"/></testsuite>"#;
        check(text, TimeFrom::Cases, "c.a=2 [0, 0, 0, 0] c 9");
        check(text, TimeFrom::Suite, "c.a=2 c.=9 [0, 0, 0, 0]");
    }
}
