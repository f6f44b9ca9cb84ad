//! What a report holds, counted: the figures as they stand there, whatever becomes of them.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};

use super::{Case, Outcome, Sink, Time, Whole, number};

/// Most kinds of warnings that are told apart.
const WARNINGS_MAX: usize = 1_000;
/// Most failed cases that are remembered until they stand there again.
const FAILED_MAX: usize = 1 << 20;

/// Counts what a reader finds. Its memory grows with the units, not with the cases.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// Tests; every variant of a parametrised one counts.
    pub cases: usize,
    /// Cases without a time, or with one that is no number.
    pub untimed: usize,
    /// Cases with a time below zero.
    pub negative: usize,
    /// Cases that did not run.
    pub skipped: usize,
    /// Cases whose result was known from an earlier run.
    pub cached: usize,
    /// Cases that began and never ended.
    pub aborted: usize,
    /// Starts beyond the first of each case: as it says itself, and where it stands again behind a failure.
    pub retries: usize,
    /// Cases and units that take more than a week.
    pub absurd: usize,
    /// The first time of those, in seconds.
    pub absurd_example: Option<Example<f64>>,
    /// The first time that is no number: its text.
    pub unreadable_example: Option<Example<String>>,
    /// The files, classes or packages that hold the cases, in the order in which they came.
    pub units: Vec<(String, Unit)>,
    places: HashMap<String, usize>,
    /// The unit of the case before: cases of one stand together.
    last: usize,
    /// What readers passed over: how often, and the first of each kind with its line.
    pub warnings: BTreeMap<String, (usize, Option<u64>)>,
    /// Cases whose place is a file, a class, a suite, nothing.
    kinds: [usize; 4],
    /// Cases that failed, as hashes of their place and name.
    failed: HashSet<u64>,
}

/// A figure that cannot be used.
#[derive(Clone, Debug, PartialEq)]
pub struct Example<T> {
    /// What stands there.
    pub figure: T,
    /// The case or unit that it is said of.
    pub name: String,
    /// From 1, where the format has lines.
    pub line: Option<u64>,
}

/// What cases lie in, and what a splitter moves around.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Unit {
    /// Its cases.
    pub cases: usize,
    /// Their usable seconds.
    seconds: f64,
    /// Its own seconds, where the report has some that hold.
    whole: Option<f64>,
    /// Most bytes of memory that it, or one of its cases, held.
    pub bytes: Option<u64>,
}

impl Unit {
    /// How long it took: its own time, else the sum of its cases.
    #[must_use]
    pub fn seconds(&self) -> f64 {
        self.whole.unwrap_or(self.seconds)
    }
}

impl Tally {
    /// The usable seconds of all units.
    #[must_use]
    pub fn seconds(&self) -> f64 {
        // What `sum` makes of nothing is -0.
        self.units.iter().fold(0.0, |sum, (_, unit)| sum + unit.seconds())
    }

    /// What most cases call their place.
    #[must_use]
    pub fn unit_kind(&self) -> &'static str {
        let most = self.kinds.iter().max().copied().unwrap_or(0);
        let names = ["file", "classname", "suite", "none"];
        let found = self.kinds.iter().zip(names).find(|(count, _)| **count == most && most > 0);
        found.map_or("none", |(_, name)| name)
    }

    /// The slowest units, slowest first.
    #[must_use]
    pub fn slowest(&self, most: usize) -> Vec<(&str, f64)> {
        let mut units: Vec<(&str, f64)> =
            self.units.iter().map(|(name, unit)| (name.as_str(), unit.seconds())).collect();
        units.sort_by(|a, b| b.1.total_cmp(&a.1).then_with(|| a.0.cmp(b.0)));
        units.truncate(most);
        units
    }

    /// The units that held most memory, the highest first.
    #[must_use]
    pub fn heaviest(&self, most: usize) -> Vec<(&str, u64)> {
        let mut units: Vec<(&str, u64)> =
            self.units.iter().filter_map(|(name, unit)| Some((name.as_str(), unit.bytes?))).collect();
        units.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(b.0)));
        units.truncate(most);
        units
    }

    fn unit(&mut self, name: &str) -> &mut Unit {
        if self.units.get(self.last).is_none_or(|(last, _)| last != name) {
            self.last = match self.places.get(name) {
                Some(known) => *known,
                None => {
                    self.places.insert(name.to_owned(), self.units.len());
                    self.units.push((name.to_owned(), Unit::default()));
                    self.units.len() - 1
                }
            };
        }
        &mut self.units[self.last].1
    }

    /// The seconds that count; notes what does not.
    fn usable(&mut self, name: &str, time: Time<'_>, line: Option<u64>) -> Option<f64> {
        let seconds = time.known().filter(|seconds| *seconds >= 0.0)?;
        if number::nanos(seconds).is_none() {
            self.absurd += 1;
            let example = || Example { figure: seconds, name: name.to_owned(), line };
            self.absurd_example.get_or_insert_with(example);
        }
        Some(seconds)
    }

    /// Counts a case that stands there again behind a failure of it: it was run again.
    fn count_rerun(&mut self, case: &Case<'_>) {
        let failed = case.outcome == Outcome::Failed;
        if !case.outcome.is_complete() || (!failed && self.failed.is_empty()) {
            return;
        }
        let mut hasher = DefaultHasher::new();
        (case.place, case.name).hash(&mut hasher);
        let key = hasher.finish();
        if self.failed.contains(&key) {
            self.retries += 1;
        } else if failed && self.failed.len() < FAILED_MAX {
            self.failed.insert(key);
        }
    }
}

impl Sink for Tally {
    fn case(&mut self, case: &Case<'_>) {
        self.cases += 1;
        let place = case.place;
        let named = [place.file, place.classname, place.suite];
        self.kinds[named.iter().position(Option::is_some).unwrap_or(3)] += 1;
        match case.time {
            Time::Absent => self.untimed += 1,
            Time::Unreadable(text) => {
                self.untimed += 1;
                self.unreadable_example.get_or_insert_with(|| Example {
                    figure: text.to_owned(),
                    name: case.name.to_owned(),
                    line: case.line,
                });
            }
            Time::Seconds(seconds) => self.negative += usize::from(seconds < 0.0),
        }
        match case.outcome {
            Outcome::Passed | Outcome::Failed => {}
            Outcome::Skipped => self.skipped += 1,
            Outcome::Cached => self.cached += 1,
            Outcome::Aborted => self.aborted += 1,
        }
        self.retries += case.attempts.saturating_sub(1) as usize;
        self.count_rerun(case);
        let seconds = self.usable(case.name, case.time, case.line);
        let unit = self.unit(place.name());
        unit.cases += 1;
        unit.seconds += seconds.unwrap_or(0.0);
        unit.bytes = unit.bytes.max(case.bytes);
    }

    fn whole(&mut self, whole: &Whole<'_>) {
        if !whole.exact {
            // A peak holds whatever its time is worth, but makes no unit of its own.
            if let Some((_, unit)) =
                self.places.get(whole.place.name()).and_then(|place| self.units.get_mut(*place))
            {
                unit.bytes = unit.bytes.max(whole.bytes);
            }
            return;
        }
        let name = whole.place.name();
        let seconds = self.usable(name, whole.time, whole.line);
        let unit = self.unit(name);
        // Several reports of one file, one after the other: shards, projects.
        unit.whole = match (unit.whole, seconds) {
            (Some(before), Some(more)) => Some(before + more),
            (before, more) => before.or(more),
        };
        unit.bytes = unit.bytes.max(whole.bytes);
    }

    fn warn(&mut self, line: Option<u64>, message: &str) {
        // A log that is taken for a listing has something of its own in every line.
        let full = self.warnings.len() >= WARNINGS_MAX && !self.warnings.contains_key(message);
        let message = if full { "something else was passed over" } else { message };
        self.warnings.entry(message.to_owned()).or_insert((0, line)).0 += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::{self, Format};

    #[test]
    fn a_time_that_is_none_is_told_with_its_line() {
        let check = |format: Format, text: &str, line: u64| {
            let mut tally = Tally::default();
            report::read(format, text.as_bytes(), &mut tally).unwrap();
            let unreadable = tally.unreadable_example.and_then(|example| example.line);
            let found = unreadable.or(tally.absurd_example.and_then(|example| example.line));
            assert_eq!(found, Some(line), "{text}");
        };
        check(Format::JunitXml, "<testsuite>\n<testcase\nname='a'\ntime='x'>\n\n</testcase></testsuite>", 2);
        check(Format::NUnitXml, "<test-run>\n<test-case\nduration='x'/></test-run>", 2);
        check(Format::XUnitNetXml, "<assemblies>\n<test time='x'/></assemblies>", 2);
        check(Format::Trx, "<TestRun>\n<UnitTestResult duration='x'/>\n</TestRun>", 2);
        let measured = "<NamedMeasurement name='Execution Time'><Value>x</Value></NamedMeasurement>";
        check(
            Format::CtestDashboardXml,
            &format!("<Site>\n<Test Status='passed'>\n{measured}</Test></Site>"),
            2,
        );
        check(Format::RobotXml, "<robot>\n<test name='a'>\n<status elapsed='x'/></test></robot>", 2);
        check(
            Format::LibtestJson,
            "\n{\"type\":\"test\",\"event\":\"ok\",\"name\":\"a\",\"exec_time\":\"x\"}\n",
            2,
        );
        check(
            Format::LibtestJson,
            "\n{\"type\":\"test\",\"event\":\"ok\",\"name\":\"a\",\"exec_time\":1e9}\n",
            2,
        );
        check(Format::ParallelTestsLog, "a.rb:1\nb.rb:x\n", 2);
        check(
            Format::GnuTime,
            "x\n\tCommand being timed: \"a\"\n\tElapsed (wall clock) time (h:mm:ss or m:ss): x\n",
            2,
        );
        check(Format::Sacct, "JobID|JobName|Elapsed\n1|a|1\n2|b|x\n", 3);
    }

    #[test]
    fn tests_that_stand_again_behind_a_failure_were_run_again() {
        let case =
            |name: &str, inside: &str| format!("<testcase classname='c' name='{name}'>{inside}</testcase>");
        let retries = |cases: &[String]| {
            let mut tally = Tally::default();
            let text = format!("<testsuite>{}</testsuite>", cases.concat());
            report::read(Format::JunitXml, text.as_bytes(), &mut tally).unwrap();
            tally.retries
        };
        let failed = |name: &str| case(name, "<failure/>");
        assert_eq!(retries(&[failed("a"), failed("b"), failed("a"), case("a", "")]), 2);
        // In browsers, with parameters, in another place, and not run at all.
        assert_eq!(retries(&[case("a", ""), case("a", ""), failed("b"), case("c", "")]), 0);
        assert_eq!(retries(&[failed("a"), case("a", "").replace("'c'", "'d'")]), 0);
        assert_eq!(retries(&[failed("a"), case("a", "<skipped/>")]), 0);
        assert_eq!(retries(&[failed("a"), case("a", "<flakyFailure/>")]), 2);
    }

    #[test]
    fn warnings_do_not_fill_the_memory() {
        let noise: String = (0..5_000).map(|number| format!("noise {number}\n")).collect();
        let mut tally = Tally::default();
        report::read(Format::CargoTestList, format!("a: test\n{noise}").as_bytes(), &mut tally).unwrap();
        assert_eq!(tally.warnings.len(), WARNINGS_MAX + 1);
        // With the one that the binary of the test is not named.
        assert_eq!(tally.warnings["something else was passed over"], (4_001, Some(1_002)));
    }
}
