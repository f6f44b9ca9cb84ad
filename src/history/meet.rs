//! Reports and stores, met with an inventory: what is known of every suite.
//!
//! What meets nothing is counted and shown, on both sides.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hasher};
use std::sync::Arc;

use super::moved::find_moved;
use super::names::{Found, Index, Located, find, locate};
use super::store::Store;
use super::{History, Place, Report, Sample};
use crate::config::NameMap;
use crate::inventory::{Inventory, NodeId};
use crate::model::{Millis, Observation};

/// How the names of reports met the inventory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Meeting {
    /// Files, classes or packages that the reports name.
    pub places: usize,
    /// Those that met no suite, sorted.
    pub strangers: Vec<String>,
    /// Tests of known files that are not there any more.
    pub stale_tests: usize,
    /// Tests that stand in several reports: an aggregate and its parts, or shards that overlap.
    pub doubles: usize,
    /// Suites of the inventory.
    pub suites: usize,
    /// Those that no report knows, sorted.
    pub unknown: Vec<String>,
    /// The prefix that was found to lead from reports to ids: removed, put in front.
    pub prefix: Option<NameMap>,
    /// Files that were moved, by their old names and their new ones, sorted: what is known of them is lent by
    /// what they were.
    pub moved: Vec<(String, String)>,
    /// Suites of which nothing else is known.
    pub lent: usize,
}

impl Meeting {
    /// Suites that are known under their own names.
    #[must_use]
    pub fn known(&self) -> usize {
        self.suites.saturating_sub(self.unknown.len() + self.lent)
    }

    /// Which suites lie in moved files.
    fn borrowers(&self, inventory: &Inventory) -> Vec<bool> {
        let paths: BTreeSet<&str> = self.moved.iter().map(|(_, new)| new.as_str()).collect();
        inventory.suites.iter().map(|suite| paths.contains(suite.id.path())).collect()
    }
}

/// The times of one run's reports, by suite.
///
/// Inside a report the times of one test are added (browsers, repeated parameters); the same test
/// in several reports counts once, with its longest time, since a report that is given twice must
/// change nothing. Where the inventory lists tests, only those that exist now count; new ones cost
/// what their function cost with other parameters, or else their file's median.
#[must_use]
pub fn times(index: &Index<'_>, reports: &[Report]) -> (Vec<Option<Timing>>, Meeting) {
    let peaks = || reports.iter().flat_map(|report| &report.peaks);
    let timed_places = reports.iter().flat_map(|report| report.cases.iter().map(|case| &*case.place));
    let hints = || reports.iter().flat_map(|report| &report.hints);
    let hinted_places = hints().map(|(place, _)| &**place);
    let places: BTreeSet<&Place> =
        timed_places.chain(hinted_places).chain(peaks().map(|(place, ..)| &**place)).collect();
    let (mut found, prefix) = find(index, &places);
    let cases = reports.iter().flat_map(|report| &report.cases);
    let cases = cases.map(|case| (&*case.place, &*case.name, Some(case.nanos)));
    let moved = find_moved(index, &places, &mut found, cases);
    let mut timed = Vec::new();
    let mut coarse = Vec::new();
    let mut gone = 0;
    for (number, report) in reports.iter().enumerate() {
        let mut last: Option<(&Arc<Place>, Option<&Found<'_>>)> = None;
        for case in &report.cases {
            let hit = match last {
                Some((place, hit)) if Arc::ptr_eq(place, &case.place) => hit,
                _ => found.get(&*case.place),
            };
            last = Some((&case.place, hit));
            let Some(hit) = hit else { continue };
            match locate(index, hit, &case.name) {
                Located::Suite { suite, listed } => {
                    timed.push(Timed {
                        suite,
                        listed,
                        case: hash(&hit.classes, &case.name),
                        function: hash(&hit.classes, function(&case.name)),
                        report: number as u32,
                        whole: case.name.is_empty(),
                        nanos: case.nanos,
                    });
                }
                Located::Whole(range) => coarse.push((range, case.nanos)),
                Located::Gone => gone += 1,
            }
        }
    }
    let Added { mut sums, inside, stale_tests, doubles } = add_up(index.inventory, timed);
    // What suites say of themselves, where no report has a time of their cases.
    for (place, nanos) in hints() {
        let Some(hit) = found.get(&**place) else { continue };
        match locate(index, hit, "") {
            Located::Suite { suite, .. } => {
                sums[suite as usize].get_or_insert(*nanos);
            }
            Located::Whole(range) => coarse.push((range, *nanos)),
            Located::Gone => {}
        }
    }
    // A time of a whole file, where suites are finer: shared out among those that have none of
    // their own.
    let own: Vec<bool> = sums.iter().map(Option::is_some).collect();
    coarse.sort_unstable_by_key(|(range, nanos)| (*range, std::cmp::Reverse(*nanos)));
    for ((first, last), nanos) in coarse {
        let bare: Vec<usize> =
            (first as usize..last as usize).filter(|suite| sums[*suite].is_none()).collect();
        for suite in &bare {
            sums[*suite] = Some(nanos / bare.len() as u64);
        }
    }
    let unknown = sums
        .iter()
        .zip(&index.inventory.suites)
        .filter(|(sum, _)| sum.is_none())
        .map(|(_, suite)| suite.id.as_str().to_owned());
    let mut meeting = Meeting {
        places: places.len(),
        strangers: places
            .iter()
            .filter(|place| !found.contains_key(**place))
            .map(|place| place.name().to_owned())
            .collect::<BTreeSet<_>>()
            .into_iter()
            .collect(),
        stale_tests: stale_tests + gone,
        doubles,
        suites: sums.len(),
        unknown: unknown.collect(),
        prefix,
        moved,
        lent: 0,
    };
    let lent = meeting.borrowers(index.inventory);
    meeting.lent = lent.iter().zip(&sums).filter(|(lent, sum)| **lent && sum.is_some()).count();
    let mut peak: Vec<Option<u64>> = vec![None; sums.len()];
    for (place, name, bytes) in peaks() {
        let Some(hit) = found.get(&**place) else { continue };
        let (first, last) = match locate(index, hit, name) {
            Located::Suite { suite, .. } => (suite, suite + 1),
            Located::Whole(range) => range,
            Located::Gone => continue,
        };
        peak[first as usize..last as usize].iter_mut().for_each(|peak| *peak = (*peak).max(Some(*bytes)));
    }
    let timing = |(suite, sum): (usize, Option<u64>)| {
        let time = sum.map(|nanos| Millis(nanos.div_ceil(1_000_000).max(1)));
        let known = time.is_some() || peak[suite].is_some();
        known.then(|| Timing {
            time,
            own: own[suite],
            inside: inside[suite],
            peak: peak[suite],
            lent: lent[suite],
        })
    };
    (sums.into_iter().enumerate().map(timing).collect(), meeting)
}

/// What the reports of one run say of a suite.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    /// All of it.
    pub time: Option<Millis>,
    /// It was timed itself, and has not merely its share of a whole file's time.
    pub own: bool,
    /// At least two of its tests were timed.
    pub inside: bool,
    /// Most bytes that a process held while it ran.
    pub peak: Option<u64>,
    /// Its file was moved: all this is of the file that it was.
    pub lent: bool,
}

/// One case that met a suite.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Timed {
    suite: u32,
    /// The inventory knows the test, or lists no tests.
    listed: bool,
    case: u64,
    /// The test without its parameters.
    function: u64,
    report: u32,
    /// The file as a whole, which holds its new tests too.
    whole: bool,
    nanos: u64,
}

fn sum(values: impl Iterator<Item = u64>) -> u64 {
    values.fold(0, u64::saturating_add)
}

/// The name of a test without its parameters.
fn function(name: &str) -> &str {
    name.find('[').map_or(name, |end| &name[..end])
}

/// Of a test inside its file, however a report parts its name into classes and the rest.
fn hash(classes: &str, name: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    hasher.write(classes.as_bytes());
    if !classes.is_empty() && !name.is_empty() {
        hasher.write(b"::");
    }
    hasher.write(name.as_bytes());
    hasher.finish()
}

/// What the cases of all reports come to.
struct Added {
    /// The nanoseconds of every suite.
    sums: Vec<Option<u64>>,
    /// Whether at least two of its tests were timed.
    inside: Vec<bool>,
    /// Tests that do not exist any more.
    stale_tests: usize,
    /// Tests that stand in several reports.
    doubles: usize,
}

fn add_up(inventory: &Inventory, mut timed: Vec<Timed>) -> Added {
    timed.sort_unstable();
    let mut sums = vec![None; inventory.suites.len()];
    let mut inside = vec![false; inventory.suites.len()];
    let (mut stale_tests, mut doubles) = (0, 0);
    for of_suite in timed.chunk_by(|a, b| a.suite == b.suite) {
        let suite = of_suite[0].suite as usize;
        let tests = &inventory.suites[suite].tests;
        let (mut known, mut stale) = (Vec::new(), Vec::new());
        let mut cases: BTreeSet<u64> = BTreeSet::new();
        let mut functions: BTreeMap<u64, (u64, u64)> = BTreeMap::new();
        // The file as a whole: the longest report's, and of all reports together.
        let (mut whole, mut wholes) = (0, 0);
        let (mut named, mut double) = (BTreeSet::new(), false);
        for case in of_suite.chunk_by(|a, b| (a.case, a.listed) == (b.case, b.listed)) {
            let by_report = || {
                case.chunk_by(|a, b| a.report == b.report)
                    .map(|same| sum(same.iter().map(|timed| timed.nanos)))
            };
            let longest = by_report().max().unwrap_or(0);
            if !case[0].whole {
                named.extend(case.iter().map(|timed| timed.report));
                let twice = case[0].report != case[case.len() - 1].report;
                double |= twice;
                doubles += usize::from(twice);
            }
            if !tests.is_empty() {
                let (sum, count) = functions.entry(case[0].function).or_default();
                (*sum, *count) = (sum.saturating_add(longest), *count + 1);
                cases.insert(case[0].case);
            }
            match case[0] {
                Timed { whole: true, .. } => (whole, wholes) = (whole.max(longest), sum(by_report())),
                Timed { listed: true, .. } => known.push(longest),
                _ => stale.push(longest),
            }
        }
        inside[suite] = known.len() > 1;
        let of_tests = if known.is_empty() {
            // A file none of whose tests is recognised was renamed inside, or its report names
            // tests in another way.
            sum(stale.into_iter())
        } else {
            stale_tests += stale.len();
            known.sort_unstable();
            let median = known[known.len() / 2];
            // What was timed as a whole holds the new tests too.
            let path = inventory.suites[suite].id.path().len();
            let inside = tests.iter().map(|test| test.get(path + 2..).unwrap_or_default());
            let new = inside.filter(|test| whole == 0 && !cases.contains(&hash("", test)));
            let new = new.map(|test| {
                let like = functions.get(&hash("", function(test)));
                like.map_or(median, |(sum, count)| sum.div_ceil(*count))
            });
            sum(known.into_iter()).saturating_add(sum(new))
        };
        // Reports of one file that share no test hold a part of it each.
        if named.len() > 1 && !double {
            whole = wholes;
        }
        // The same work timed twice: as a file, with its set-up or with tests side by side, and test by test.
        sums[suite] = Some(if whole > 0 { whole } else { of_tests });
    }
    Added { sums, inside, stale_tests, doubles }
}

/// A recorded suite that stands for one of the inventory, or for a part of it.
struct Recorded<'a> {
    id: &'a str,
    /// The inventory knows the test, or lists no tests.
    listed: bool,
    /// It is a whole file that is so many suites now.
    parts: u64,
}

/// What the store and one run of reports know of every suite. Reports are the newest run. The meeting
/// is that of the store.
#[must_use]
pub fn history(
    index: &Index<'_>,
    store: &Store,
    key: Option<&str>,
    reported: Option<&[Option<Timing>]>,
) -> (History, Meeting) {
    let key = key.or_else(|| store.runs.last().map(|run| run.key.as_str())).unwrap_or_default();
    let place = |id: &str| {
        let name: Option<Box<str>> = Some(NodeId::new(id).path.into());
        // Reports that know no files name classes with dots, and so were suites recorded from them.
        let class = name.as_deref().is_some_and(|name| name.contains('.') && !name.contains(['/', '\\']));
        if class {
            Place { classname: name, ..Place::default() }
        } else {
            Place { file: name, ..Place::default() }
        }
    };
    let places: Vec<(Place, &str)> = store.ids().map(|id| (place(id), id)).collect();
    let all: BTreeSet<&Place> = places.iter().map(|(place, _)| place).collect();
    let (mut found, prefix) = find(index, &all);
    let newest = |id: &str| store.observations(id).find_map(|(_, seen)| seen.time);
    let cases = places.iter().map(|(place, id)| {
        let nanos = newest(id).map(|time| time.0.saturating_mul(1_000_000));
        (place, NodeId::new(id).rest, nanos)
    });
    let moved = find_moved(index, &all, &mut found, cases);
    let mut by_suite: Vec<Vec<Recorded<'_>>> = Vec::new();
    by_suite.resize_with(index.inventory.suites.len(), Vec::new);
    let mut whole = Vec::new();
    let (mut strangers, mut stale_tests) = (Vec::new(), 0);
    for (place, id) in &places {
        let Some(hit) = found.get(place) else {
            strangers.push((*id).to_owned());
            continue;
        };
        match locate(index, hit, NodeId::new(id).rest) {
            Located::Suite { suite, listed, .. } => {
                by_suite[suite as usize].push(Recorded { id, listed, parts: 1 })
            }
            Located::Whole(range) => whole.push((range, id)),
            Located::Gone => stale_tests += 1,
        }
    }
    for ((first, last), id) in whole {
        for suite in
            (first as usize..last as usize).filter(|suite| by_suite[*suite].is_empty()).collect::<Vec<_>>()
        {
            by_suite[suite].push(Recorded { id, listed: true, parts: u64::from(last - first) });
        }
    }
    for recorded in &mut by_suite {
        // Tests that are not there any more count only where no other is known.
        if recorded.iter().any(|recorded| recorded.listed) {
            let before = recorded.len();
            recorded.retain(|recorded| recorded.listed);
            stale_tests += before - recorded.len();
        }
    }
    let unknown = by_suite.iter().zip(&index.inventory.suites).filter(|(recorded, _)| recorded.is_empty());
    let mut meeting = Meeting {
        places: places.len(),
        strangers,
        stale_tests,
        doubles: 0,
        suites: by_suite.len(),
        unknown: unknown.map(|(_, suite)| suite.id.as_str().to_owned()).collect(),
        prefix,
        moved,
        lent: 0,
    };
    let lent = meeting.borrowers(index.inventory);
    meeting.lent = lent.iter().zip(&by_suite).filter(|(lent, known)| **lent && !known.is_empty()).count();
    let age = |run: usize| store.runs.len() - 1 - run + usize::from(reported.is_some());
    let suites = by_suite.iter().enumerate().map(|(suite, recorded)| {
        let newest = reported.and_then(|times| times[suite]).map(|timing| Sample {
            age: 0,
            foreign: timing.lent,
            seen: Observation { time: timing.time, peak: timing.peak, ..Observation::default() },
        });
        let timed = reported.and_then(|times| times[suite]).is_some_and(|timing| timing.own);
        let recorded = combined(store, recorded, timed).into_iter().rev().map(|(run, seen)| Sample {
            age: age(run),
            foreign: lent[suite] || store.runs[run].key != key,
            seen,
        });
        newest.into_iter().chain(recorded).collect()
    });
    let inside = by_suite.iter().enumerate().map(|(suite, recorded)| {
        let reported = reported.and_then(|times| times[suite]).is_some_and(|timing| timing.inside);
        let whole = NodeId::new(index.inventory.suites[suite].id.as_str()).rest;
        let part = |recorded: &&Recorded<'_>| NodeId::new(recorded.id).rest != whole;
        reported || recorded.iter().filter(part).count() > 1
    });
    let of_tier = |tier: &str| {
        let sample = |(run, seen)| Sample { age: age(run), foreign: store.runs[run].key != key, seen };
        (tier.to_owned(), store.shards(tier).into_iter().map(sample).collect())
    };
    let tiers = store.tiers().map(of_tier).collect();
    let whole = |recorded: &&Recorded<'_>| recorded.parts == 1;
    let numbers: BTreeMap<&str, usize> = (by_suite.iter().enumerate())
        .flat_map(|(suite, recorded)| recorded.iter().filter(whole).map(move |recorded| (recorded.id, suite)))
        .collect();
    let session = |(run, seen)| Sample { age: age(run), foreign: store.runs[run].key != key, seen };
    let sessions = store.sessions(store.runs.len(), |id| numbers.get(id).copied());
    let sessions = sessions.into_iter().map(session).collect();
    (History { suites: suites.collect(), inside: inside.collect(), tiers, sessions }, meeting)
}

/// One observation for each run, oldest first: time and retained summed, import and transient the
/// largest. A share of a whole file's time says nothing where the suite was `timed` itself. Of what was
/// killed in part nothing else is known; but a part of what was killed is not to blame.
fn combined(store: &Store, recorded: &[Recorded<'_>], timed: bool) -> BTreeMap<usize, Observation> {
    let mut samples: BTreeMap<usize, Observation> = BTreeMap::new();
    for Recorded { id, parts, .. } in recorded {
        for (run, seen) in store.observations(id) {
            if *parts > 1 && seen.killed.is_some() {
                continue;
            }
            let slot = samples.entry(run).or_default();
            slot.killed = slot.killed.max(seen.killed);
            let time = seen.time.filter(|_| !timed || *parts == 1);
            let time = time.map(|time| Millis(time.0.div_ceil(*parts)));
            let retained = seen.retained.map(|bytes| bytes / *parts as i64);
            slot.time = match (slot.time, time) {
                (Some(a), Some(b)) => Some(a + b),
                (a, b) => a.or(b),
            };
            slot.retained = match (slot.retained, retained) {
                (Some(a), Some(b)) => Some(a.saturating_add(b)),
                (a, b) => a.or(b),
            };
            slot.import = slot.import.max(seen.import);
            slot.transient = slot.transient.max(seen.transient);
            slot.peak = slot.peak.max(seen.peak);
        }
    }
    for slot in samples.values_mut().filter(|slot| slot.killed.is_some()) {
        *slot = Observation { killed: slot.killed, ..Observation::default() };
    }
    samples
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Granularity, Patterns};
    use crate::inventory::Collector;

    fn inventory(list: &str, granularity: Option<Granularity>) -> Inventory {
        let mut collector = Collector::new(granularity, NameMap::default());
        collector.listing("list", list.replace(' ', "\n").as_bytes(), None).unwrap();
        collector.finish(&Patterns::default())
    }

    fn check_map(
        list: &str,
        granularity: Option<Granularity>,
        map: &NameMap,
        reports: &[&str],
        expect: &str,
    ) {
        let inventory = inventory(list, granularity);
        let reports: Vec<Report> = (reports.iter())
            .map(|text| {
                let mut collector = crate::history::collect::Collector::default();
                let format = crate::report::Format::recognise(text.as_bytes()).unwrap();
                crate::report::read(format, text.as_bytes(), &mut collector).unwrap();
                collector.finish()
            })
            .collect();
        let (times, meeting) = times(&Index::new(&inventory, map), &reports);
        let times: Vec<String> = times
            .iter()
            .map(|timing| {
                timing.map_or("-".to_owned(), |timing| timing.time.unwrap_or_default().0.to_string())
            })
            .collect();
        let strangers = meeting.strangers.join(" ");
        assert_eq!(format!("{} | {strangers} | {}", times.join(" "), meeting.stale_tests), expect, "{list}");
    }

    fn check(list: &str, reports: &[&str], expect: &str) {
        check_map(list, None, &NameMap::default(), reports, expect);
    }

    #[test]
    fn names_meet_exactly_then_normalised() {
        check(
            "t/a.py t/b.py",
            &[r#"{"t/a.py::x": 1, "t/a.py::y[a::b]": 2, "t/c.py::z": 9}"#],
            "3000 - | t/c.py | 0",
        );
        check("t/a.py ./t/b.py", &[r#"{"./t/a.py::x": 1, "t\\b.py": 2}"#], "2000 1000 |  | 0");
        check(
            "t/a.py::X t/a.py::f t/a.py::new",
            &[r#"{"t/a.py::X::p": 1, "t/a.py::f[1]": 2, "t/a.py::g": 4}"#],
            "1000 2000 - |  | 1",
        );
    }

    #[test]
    fn a_prefix_that_many_share_is_found() {
        let reports =
            [r#"{"/ci/p/t/a.py::x": 1, "/ci/p/t/b.py::x": 2, "/ci/p/u/c.py::x": 4, "/ci/p/gone.py::x": 8}"#];
        check("t/a.py t/b.py u/c.py", &reports, "1000 2000 4000 | /ci/p/gone.py | 0");
        check(
            "back/t/a.py back/t/b.py other/t/a.py",
            &[r#"{"t/a.py": 1, "t/b.py": 2, "t/z/b.py": 3}"#],
            "- 2000 - | t/a.py t/z/b.py | 0",
        );
        check(
            "back/t/a.py back/t/b.py back/t/c.py other/t/a.py",
            &[r#"{"t/a.py": 1, "t/b.py": 2, "t/c.py": 4}"#],
            "1000 2000 4000 - |  | 0",
        );
        let map = NameMap { strip: "/ci/".into(), add: "x/".into() };
        check_map("x/a.py y/a.py", None, &map, &[r#"{"/ci/a.py": 1}"#], "1000 - |  | 0");
    }

    #[test]
    fn a_suffix_must_be_the_only_one() {
        check("p/t/a.py q/t/b.py", &[r#"{"t/a.py": 1}"#], "1000 - |  | 0");
        check("p/t/a.py q/t/a.py", &[r#"{"t/a.py": 1}"#], "- - | t/a.py | 0");
        check("t/a.py", &[r#"{"p/t/a.py": 1, "q/t/a.py": 2}"#], "- | p/t/a.py q/t/a.py | 0");
        check("t/a.py", &[r#"{"t/a.py": 1, "q/t/a.py": 2}"#], "1000 | q/t/a.py | 0");
        check("test_a.py", &[r#"{"my_test_a.py": 1}"#], "- | my_test_a.py | 0");
    }

    #[test]
    fn dotted_class_names_find_their_file() {
        let case = |class: &str, name: &str| {
            format!(
                r#"<testsuite name="pytest"><testcase classname="{class}" name="{name}" time="1"/></testsuite>"#
            )
        };
        check("tests/unit/test_a.py", &[&case("tests.unit.test_a.TestX.TestY", "test_y")], "1000 |  | 0");
        check("back/tests/test_a.py", &[&case("tests.test_a", "t")], "1000 |  | 0");
        check("src/test/java/com/x/FooTest.java", &[&case("com.x.FooTest$Inner", "t")], "1000 |  | 0");
        check("com.x.FooTest com.x.BarTest", &[&case("com.x.FooTest", "t")], "- 1000 |  | 0");
        check("p/tests.py", &[&case("tests.gone", "t")], "- | tests.gone | 0");
        // Binaries of Rust, as nextest calls them.
        check("crate crate::it", &[&case("crate::it", "a::b"), &case("crate", "c::d")], "1000 1000 |  | 0");
        check(
            "tests/a.py",
            &[&case("p.tests.a", "t"), &case("q.tests.a", "t")],
            "- | p.tests.a q.tests.a | 0",
        );
        check("tests/a.py", &[&case("p.tests.a", "t"), &case("p.tests.a.TestX", "u")], "2000 |  | 0");
        check("./tests/a.py", &[&case("tests.a", "t"), r#"{"tests/a.py": 3}"#], "3000 |  | 0");
        check("tests/a.py::TestX::t tests/a.py::u", &[&case("tests.a.TestX", "t")], "1000 - |  | 0");
        check("a/b.spec.ts c.ts", &[&case("a/b.spec.ts", "t")], "1000 - |  | 0");
        let go = r#"<testsuite name="example.org/x/pkg"><testcase classname="pkg" name="T" time="1"/></testsuite>"#;
        check("example.org/x/pkg example.org/x/other", &[go], "- 1000 |  | 0");
        let file = r#"<testsuite><testcase file="tests/test_a.py" classname="tests.test_a.TestX" name="t" time="1"/></testsuite>"#;
        check("tests/test_a.py::TestX::t", &[file], "1000 |  | 0");
    }

    #[test]
    fn a_line_behind_a_file_is_dropped_where_the_file_is_listed() {
        check("test/a_test.exs", &[r#"{"test/a_test.exs:12": 1, "test/a_test.exs:3:9": 2}"#], "3000 |  | 0");
        check(
            "a/spec/x_spec.lua",
            &[r#"{"./spec/x_spec.lua:3": 1, "./spec/x_spec.lua:7": 2}"#],
            "3000 |  | 0",
        );
        let busted = r#"<testsuite><testcase classname="spec/x_spec.lua:3" name="t" time="1"/></testsuite>"#;
        check("spec/x_spec.lua", &[busted], "1000 |  | 0");
        check("a/spec/x_spec.lua", &[busted], "1000 |  | 0");
        // It is left where it is part of the name.
        check("a.rb:3 a.rb:4", &[r#"{"a.rb:3": 1}"#], "1000 - |  | 0");
        check("a.rb", &[r#"{"a.rb:x": 1, ":3": 1}"#], "- | :3 a.rb:x | 0");
        check("a.rb", &[r#"{"x/a.rb:3": 1, "y/a.rb:3": 2}"#], "- | x/a.rb:3 y/a.rb:3 | 0");
    }

    #[test]
    fn a_class_meets_a_file_that_another_report_names_by_its_path() {
        let class = |class: &str| {
            format!(r#"<testsuite><testcase classname="{class}" name="t" time="1"/></testsuite>"#)
        };
        let path = r#"{"src/tests/test_a.py::u": 2}"#;
        check("src/tests/test_a.py", &[path, &class("tests.test_a.TestX")], "3000 |  | 0");
        // Where it is known as a class already, this is another one.
        let both = [&*class("src.tests.test_a.TestX"), &*class("tests.test_a.TestY")];
        check("src/tests/test_a.py", &both, "1000 | tests.test_a.TestY | 0");
    }

    #[test]
    fn only_tests_that_exist_count() {
        let list = "a.py::x a.py::y a.py::z b.py::x";
        let file = Some(Granularity::File);
        let none = NameMap::default();
        // x and y are known, z is new and costs their upper median, gone is stale.
        check_map(list, file, &none, &[r#"{"a.py::x": 1, "a.py::y": 3, "a.py::gone": 50}"#], "7000 - |  | 1");
        check_map(list, file, &none, &[r#"{"a.py": 5, "a.py::x": 2, "a.py::y": 3}"#], "5000 - |  | 0");
        // Nothing recognised: better the file's old total than nothing.
        check_map(list, file, &none, &[r#"{"a.py::gone": 50}"#], "50000 - |  | 0");
        check_map(list, file, &none, &[r#"{"a.py": 5}"#], "5000 - |  | 0");
    }

    #[test]
    fn new_tests_cost_what_their_function_cost() {
        let file = Some(Granularity::File);
        let none = NameMap::default();
        let seen = r#"{"a.py::x[1]": 8, "a.py::x[gone]": 4, "a.py::y": 1, "a.py::z": 1}"#;
        // x[2] and x[3] like x[1] and x[gone]; w like the file's median.
        check_map(
            "a.py::x[1] a.py::x[2] a.py::x[3] a.py::y a.py::z a.py::w",
            file,
            &none,
            &[seen],
            "23000 |  | 1",
        );
        check_map("a.py::x[1] a.py::x[2]", file, &none, &[r#"{"a.py": 9, "a.py::x[1]": 1}"#], "9000 |  | 0");
    }

    #[test]
    fn several_reports_are_one_run() {
        check("a.py", &[r#"{"a.py::x": 1}"#, r#"{"a.py::y": 2}"#], "3000 |  | 0");
        check("a.py", &[r#"{"a.py::x": 1, "a.py::y": 2}"#, r#"{"a.py::x": 1, "a.py::y": 2}"#], "3000 |  | 0");
        let twice = r#"<testsuite><testcase file="a.py" name="x" time="1"/><testcase file="a.py" name="x" time="2"/></testsuite>"#;
        check("a.py", &[twice], "3000 |  | 0");
        check("a.py::x a.py::y", &[r#"{"a.py": 4}"#], "2000 2000 |  | 0");
    }

    #[test]
    fn recorded_suites_meet_what_is_listed_now() {
        let known = |list: &str, granularity, store: &str| {
            let inventory = inventory(list, granularity);
            let map = NameMap::default();
            let store = crate::history::store::read(store.as_bytes()).unwrap();
            let (history, meeting) = history(&Index::new(&inventory, &map), &store, None, None);
            let time = |samples: &Vec<Sample>| {
                samples.first().and_then(|sample| sample.seen.time).map_or(0, |time| time.0)
            };
            (
                history.suites.iter().map(time).collect::<Vec<_>>(),
                meeting.strangers.len(),
                meeting.stale_tests,
            )
        };
        let store = |suites: &str| {
            format!(r#"{{"schema":1,"runs":[{{"run":"1","at":1,"key":""}}],"suites":{{{suites}}}}}"#)
        };
        let row = |id: &str, ms: u64| format!(r#""{id}":[[0,"p",{ms},0,0,0,0]]"#);
        let two = store(&[row("t/a.py::x", 1_000), row("t/a.py::gone", 900_000)].join(","));
        assert_eq!(known("t/a.py::x", Some(Granularity::File), &two), (vec![1_000], 0, 1));
        assert_eq!(known("t/a.py::x t/a.py::y", None, &store(&row("t/a.py", 900))), (vec![450, 450], 0, 0));
        assert_eq!(known("t/b.py", None, &two), (vec![0], 2, 0));
    }

    #[test]
    fn a_moved_file_takes_its_old_times() {
        let lent = |list: &str, granularity, report: &str| {
            let inventory = inventory(list, granularity);
            let mut collector = crate::history::collect::Collector::default();
            crate::report::read_any(None, report.as_bytes(), &mut collector).unwrap();
            let map = NameMap::default();
            let (times, meeting) = times(&Index::new(&inventory, &map), &[collector.finish()]);
            let lent =
                |timing: Timing| format!("{}{}", timing.time.unwrap().0, if timing.lent { "!" } else { "" });
            let times: Vec<String> =
                times.into_iter().map(|timing| timing.map_or("-".to_owned(), lent)).collect();
            format!("{} | {}", times.join(" "), meeting.moved.len())
        };
        assert_eq!(lent("new/a.py t/b.py", None, r#"{"old/a.py": 3, "t/b.py": 2}"#), "3000! 2000 | 1");
        assert_eq!(lent("new/a.py::x", None, r#"{"old/a.py::x": 3, "old/a.py::gone": 2}"#), "3000! | 1");
        // One of many, on either side; or the new file is known itself.
        assert_eq!(lent("new/a.py t/a.py", None, r#"{"old/a.py": 3, "t/a.py": 2}"#), "- 2000 | 0");
        assert_eq!(lent("new/a.py", None, r#"{"old/a.py": 3, "older/a.py": 2}"#), "- | 0");
        assert_eq!(lent("new/a.py", None, r#"{"old/a.py": 3, "new/a.py": 2}"#), "2000 | 0");
        assert_eq!(lent("new/core", None, r#"{"old/core": 3}"#), "- | 0");
        // At least half of its tests must be there still.
        let file = Some(Granularity::File);
        let old = r#"{"old/a.py::x": 3, "old/a.py::y": 5}"#;
        assert_eq!(lent("new/a.py::x new/a.py::z", file, old), "6000! | 1");
        let old = r#"{"old/a.py::x": 3, "old/a.py::y": 5, "old/a.py::w": 5}"#;
        assert_eq!(lent("new/a.py::x new/a.py::z", file, old), "- | 0");
        // It took as long as a skipped test does.
        assert_eq!(lent("new/a.py t/b.py", None, r#"{"old/a.py": 0.001, "t/b.py": 2}"#), "- 2000 | 0");
        assert_eq!(lent("new/a.py t/b.py", None, r#"{"old/a.py": 0.001, "t/b.py": 0.01}"#), "1! 10 | 1");
    }

    #[test]
    fn a_moved_file_takes_its_old_history_until_it_has_its_own() {
        let samples = |rows: &str| {
            let store = format!(
                r#"{{"schema":1,"runs":[{{"run":"1","at":1,"key":""}},{{"run":"2","at":2,"key":""}}],"suites":{{{rows}}}}}"#
            );
            let store = crate::history::store::read(store.as_bytes()).unwrap();
            let (inventory, map) = (inventory("new/a.py t/b.py", None), NameMap::default());
            let (history, meeting) = history(&Index::new(&inventory, &map), &store, None, None);
            let seen = |sample: &Sample| {
                (sample.foreign, sample.seen.time.map(|time| time.0), sample.seen.transient)
            };
            (history.suites[0].iter().map(seen).collect::<Vec<_>>(), meeting.moved)
        };
        let old = r#""old/a.py":[[0,"p",900,0,0,7,0],[1,"p",800,0,0,9,0]],"t/b.py":[[0,"p",900,0,0,0,0]]"#;
        let (seen, moved) = samples(old);
        assert_eq!(seen, [(true, Some(800), Some(9)), (true, Some(900), Some(7))], "as from another machine");
        assert_eq!(moved, [("old/a.py".to_owned(), "new/a.py".to_owned())]);
        let (seen, moved) = samples(&format!(r#"{old},"new/a.py":[[1,"p",5,0,0,1,0]]"#));
        assert_eq!((seen, moved), (vec![(false, Some(5), Some(1))], Vec::new()));
    }
}
