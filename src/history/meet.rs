//! Which suite a name in a report means.
//!
//! Reports name what ran from another folder, with other separators, or as a class with dots. Names
//! meet the inventory in passes, from certain to likely: exactly; normalised; as a dotted class;
//! under a prefix that many names share; by a suffix that only one suite has. What meets nothing is
//! counted and shown, on both sides.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::{BuildHasherDefault, DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use super::store::Store;
use super::{History, Place, Report, Sample};
use crate::config::NameMap;
use crate::inventory::{Inventory, NodeId};
use crate::model::{Millis, Observation, RunMeta};

/// Hashing with fixed keys: the same on every run.
type Map<K, V> = HashMap<K, V, BuildHasherDefault<DefaultHasher>>;

/// How the names of reports met the inventory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Meeting {
    /// Files, classes or packages that the reports name.
    pub places: usize,
    /// Those that met no suite, sorted.
    pub strangers: Vec<String>,
    /// Tests of known files that are not there any more.
    pub stale_tests: usize,
    /// Suites of the inventory.
    pub suites: usize,
    /// Those that no report knows, sorted.
    pub unknown: Vec<String>,
    /// The prefix that was found to lead from reports to ids: removed, put in front.
    pub prefix: Option<NameMap>,
}

/// The inventory by its names.
pub struct Index<'a> {
    inventory: &'a Inventory,
    map: &'a NameMap,
    /// Ids of suites.
    ids: Map<&'a str, u32>,
    /// Ids of the tests that suites hold.
    tests: Map<&'a str, u32>,
    /// Paths, with the range of their suites.
    paths: Map<&'a str, (u32, u32)>,
    /// Paths by their last component.
    basenames: Map<&'a str, Vec<&'a str>>,
    /// Paths by the last component without its ending: the last word of a dotted name.
    stems: Map<&'a str, Vec<&'a str>>,
}

impl<'a> Index<'a> {
    /// Indexes an inventory. `map` is applied to every name of a report.
    #[must_use]
    pub fn new(inventory: &'a Inventory, map: &'a NameMap) -> Index<'a> {
        let mut index = Index {
            inventory,
            map,
            ids: Map::default(),
            tests: Map::default(),
            paths: Map::default(),
            basenames: Map::default(),
            stems: Map::default(),
        };
        for (number, suite) in inventory.suites.iter().enumerate() {
            let number = number as u32;
            index.ids.insert(suite.id.as_str(), number);
            index.tests.extend(suite.tests.iter().map(|test| (&**test, number)));
            let path = suite.id.path();
            let range = index.paths.entry(path).or_insert((number, number));
            range.1 = number + 1;
            if range.0 == number {
                let basename = path.rsplit('/').next().unwrap_or(path);
                index.basenames.entry(basename).or_default().push(path);
                index.stems.entry(stem(basename)).or_default().push(path);
            }
        }
        index
    }

    /// The path of the inventory that `name` is, exactly or normalised.
    fn exact(&self, name: &str) -> Option<&'a str> {
        let known = |name: &str| self.paths.get_key_value(name).map(|(path, _)| *path);
        known(name).or_else(|| {
            let normal = normalise(name);
            known(&self.map.apply(&normal)).or_else(|| known(&normal))
        })
    }

    /// The only path that ends as `name` does, or as which `name` ends.
    fn suffix(&self, name: &str) -> Option<&'a str> {
        let name = normalise(name);
        let basename = name.rsplit('/').next()?;
        let candidates = self.basenames.get(basename)?;
        let ends = |long: &str, short: &str| {
            long.strip_suffix(short).is_some_and(|head| head.is_empty() || head.ends_with('/'))
        };
        only(candidates.iter().copied().filter(|path| ends(path, &name) || ends(&name, path)))
    }

    /// The path that a dotted class name lies in, and its classes. `exactly`: from the root; else
    /// the only path that ends so.
    fn dotted(&self, classname: &str, exactly: bool) -> Option<(&'a str, String)> {
        let outer = classname.split('$').next().unwrap_or(classname);
        let mut head = outer;
        loop {
            let last = head.rsplit('.').next()?;
            let fits = |path: &&str| {
                let module = path
                    .rsplit_once('/')
                    .map_or_else(|| stem(path).to_owned(), |(dir, base)| format!("{dir}/{}", stem(base)));
                let module = module.replace('/', ".");
                let ends = |long: &str, short: &str| {
                    long.strip_suffix(short).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
                };
                if exactly { module == head } else { ends(&module, head) || ends(head, &module) }
            };
            let candidates = self.stems.get(last).map_or(&[][..], Vec::as_slice);
            if let Some(path) = only(candidates.iter().copied().filter(fits)) {
                let classes = outer[head.len()..].trim_start_matches('.').replace('.', "::");
                return Some((path, classes));
            }
            // Only what looks like a class may be cut off: `tests.gone` must not end up in a
            // `tests.py`.
            let class = exactly || last.starts_with(|c: char| c.is_uppercase());
            head = head.rsplit_once('.').filter(|_| class)?.0;
        }
    }
}

/// A path with `/` between its parts, no `./` in front and no `//` within.
fn normalise(name: &str) -> String {
    let mut name = name.replace('\\', "/");
    while name.contains("//") {
        name = name.replace("//", "/");
    }
    name.strip_prefix("./").map(str::to_owned).unwrap_or(name)
}

/// A file name without its last ending.
fn stem(basename: &str) -> &str {
    basename.rsplit_once('.').filter(|(stem, _)| !stem.is_empty()).map_or(basename, |(stem, _)| stem)
}

fn only<T>(mut items: impl Iterator<Item = T>) -> Option<T> {
    let first = items.next()?;
    items.next().is_none().then_some(first)
}

/// Where a place lies in the inventory: a path, and the classes behind it.
#[derive(Clone)]
struct Found<'a> {
    path: &'a str,
    classes: String,
}

/// Finds every place. Equal places have equal answers whatever stands around them, so the order of
/// reports decides nothing.
fn find<'a>(index: &Index<'a>, places: &BTreeSet<&Place>) -> (Map<Place, Found<'a>>, Option<NameMap>) {
    let mut found: Map<Place, Found<'a>> = Map::default();
    let mut open = Vec::new();
    for place in places {
        match find_exactly(index, place) {
            Some(hit) => {
                found.insert((*place).clone(), hit);
            }
            None => open.push(*place),
        }
    }
    let taken: BTreeSet<&str> = found.values().map(|hit| hit.path).collect();
    let guesses: Vec<Option<Found<'a>>> = open.iter().map(|place| find_by_suffix(index, place)).collect();
    let prefix = shared_prefix(&open, &guesses);
    let mut late: BTreeMap<&str, Vec<(&Place, Found<'a>)>> = BTreeMap::new();
    for (place, guess) in open.into_iter().zip(guesses) {
        let moved = prefix.as_ref().and_then(|prefix| {
            let name = normalise(place.file.as_deref()?);
            let name = name.strip_prefix(&prefix.strip)?;
            index.exact(&format!("{}{name}", prefix.add))
        });
        if let Some(path) = moved {
            found.insert(place.clone(), Found { path, classes: classes_of(place, path) });
        } else if let Some(guess) = guess.filter(|guess| !taken.contains(guess.path)) {
            late.entry(guess.path).or_default().push((place, guess));
        }
    }
    for (_, claims) in late {
        // Two different files of the reports that end alike cannot both be this one.
        let names: BTreeSet<&str> =
            claims.iter().map(|(place, _)| place.file.as_deref().unwrap_or_default()).collect();
        if names.len() == 1 {
            found.extend(claims.into_iter().map(|(place, hit)| (place.clone(), hit)));
        }
    }
    (found, prefix)
}

fn find_exactly<'a>(index: &Index<'a>, place: &Place) -> Option<Found<'a>> {
    if let Some(path) = place.file.as_deref().and_then(|file| index.exact(file)) {
        return Some(Found { path, classes: classes_of(place, path) });
    }
    let class = place.classname.as_deref().and_then(|class| index.exact(class));
    if let Some(path) = class {
        return Some(Found { path, classes: String::new() });
    }
    // A file that is named but not known is not to be overruled by the other names.
    if place.file.is_some() {
        return None;
    }
    if let Some((path, classes)) = place.classname.as_deref().and_then(|class| index.dotted(class, true)) {
        return Some(Found { path, classes });
    }
    let path = place.suite.as_deref().and_then(|suite| index.exact(suite))?;
    Some(Found { path, classes: String::new() })
}

fn find_by_suffix<'a>(index: &Index<'a>, place: &Place) -> Option<Found<'a>> {
    if let Some(file) = place.file.as_deref() {
        let path = index.suffix(file)?;
        return Some(Found { path, classes: classes_of(place, path) });
    }
    if let Some((path, classes)) = place.classname.as_deref().and_then(|class| index.dotted(class, false)) {
        return Some(Found { path, classes });
    }
    let paths =
        [&place.classname, &place.suite].into_iter().flatten().filter(|name| name.contains(['/', '\\', '.']));
    let path = paths.into_iter().find_map(|name| index.suffix(name))?;
    Some(Found { path, classes: String::new() })
}

/// The classes that a class name holds behind the module of `path`.
fn classes_of(place: &Place, path: &str) -> String {
    let Some(classname) = place.classname.as_deref() else { return String::new() };
    let stem = stem(path.rsplit('/').next().unwrap_or(path));
    let parts: Vec<&str> = classname.split('.').collect();
    let module = parts.iter().rposition(|part| *part == stem);
    module.map_or_else(String::new, |module| parts[module + 1..].join("::"))
}

/// The change of prefix that most of the guesses by suffix agree on; at least two, and at least
/// half of them.
fn shared_prefix(open: &[&Place], guesses: &[Option<Found<'_>>]) -> Option<NameMap> {
    let mut votes: BTreeMap<(String, String), usize> = BTreeMap::new();
    let mut voters = 0;
    for (place, guess) in open.iter().zip(guesses) {
        let (Some(file), Some(guess)) = (place.file.as_deref(), guess) else { continue };
        let name = normalise(file);
        let (strip, add) = match name.strip_suffix(guess.path) {
            Some(strip) => (strip, ""),
            None => ("", guess.path.strip_suffix(name.as_str()).unwrap_or_default()),
        };
        voters += 1;
        *votes.entry((strip.to_owned(), add.to_owned())).or_default() += 1;
    }
    let ((strip, add), most) = votes.into_iter().max_by(|(a, x), (b, y)| x.cmp(y).then_with(|| b.cmp(a)))?;
    (most >= 2 && most * 2 >= voters).then_some(NameMap { strip, add })
}

/// The times of one run's reports, by suite.
///
/// Inside a report the times of one test are added (browsers, repeated parameters); the same test
/// in several reports counts once, with its longest time, since a report that is given twice must
/// change nothing. Where the inventory lists tests, only those that exist now count; new ones cost
/// their file's median.
#[must_use]
pub fn times(index: &Index<'_>, reports: &[Report]) -> (Vec<Option<Millis>>, Meeting) {
    let places: BTreeSet<&Place> =
        reports.iter().flat_map(|report| report.cases.iter().map(|case| &*case.place)).collect();
    let (found, prefix) = find(index, &places);
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
                        case: hash(&(&hit.classes, &case.name)),
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
    let (mut sums, stale_tests) = add_up(index.inventory, timed);
    // A time of a whole file, where suites are finer: shared out among those that have none of
    // their own.
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
    let meeting = Meeting {
        places: places.len(),
        strangers: places
            .iter()
            .filter(|place| !found.contains_key(**place))
            .map(|place| place.name().to_owned())
            .collect::<BTreeSet<_>>()
            .into_iter()
            .collect(),
        stale_tests: stale_tests + gone,
        suites: sums.len(),
        unknown: unknown.collect(),
        prefix,
    };
    (sums.into_iter().map(|sum| sum.map(|nanos| Millis(nanos.div_ceil(1_000_000).max(1)))).collect(), meeting)
}

/// One case that met a suite.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Timed {
    suite: u32,
    /// Tests that the inventory lists, before those that it does not.
    listed: bool,
    case: u64,
    report: u32,
    /// The file as a whole, which holds its new tests too.
    whole: bool,
    nanos: u64,
}

enum Located {
    Suite {
        suite: u32,
        listed: bool,
    },
    /// The file as a whole, where suites are finer.
    Whole((u32, u32)),
    /// In a known file, but in none of its suites: not there any more.
    Gone,
}

fn locate(index: &Index<'_>, hit: &Found<'_>, name: &str) -> Located {
    let separator = |text: &str| if text.is_empty() { "" } else { "::" };
    let id = format!("{}{}{}{}{}", hit.path, separator(&hit.classes), hit.classes, separator(name), name);
    if let Some(suite) = index.tests.get(id.as_str()) {
        return Located::Suite { suite: *suite, listed: true };
    }
    match NodeId::new(&id).containers().find_map(|id| index.ids.get(id)) {
        Some(suite) => {
            let listed = index.inventory.suites[*suite as usize].tests.is_empty() || name.is_empty();
            Located::Suite { suite: *suite, listed }
        }
        None if name.is_empty() => Located::Whole(index.paths[hit.path]),
        None => Located::Gone,
    }
}

fn hash(value: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

/// The nanoseconds of every suite, and how many tests do not exist any more.
fn add_up(inventory: &Inventory, mut timed: Vec<Timed>) -> (Vec<Option<u64>>, usize) {
    timed.sort_unstable();
    let mut sums = vec![None; inventory.suites.len()];
    let mut stale_tests = 0;
    for of_suite in timed.chunk_by(|a, b| a.suite == b.suite) {
        let suite = of_suite[0].suite as usize;
        let tests = inventory.suites[suite].tests.len();
        let (mut known, mut stale) = (Vec::new(), Vec::new());
        for case in of_suite.chunk_by(|a, b| (a.case, a.listed) == (b.case, b.listed)) {
            let by_report = case
                .chunk_by(|a, b| a.report == b.report)
                .map(|same| same.iter().map(|timed| timed.nanos).sum::<u64>());
            let longest = by_report.max().unwrap_or(0);
            if case[0].listed { known.push(longest) } else { stale.push(longest) }
        }
        stale_tests += stale.len();
        // A file none of whose tests is recognised was renamed inside, or its report names tests in
        // another way.
        let counted = if known.is_empty() { &mut stale } else { &mut known };
        let sum: u64 = counted.iter().sum();
        counted.sort_unstable();
        let median = counted.get(counted.len() / 2).copied().unwrap_or(0);
        let new = tests.saturating_sub(counted.len()) as u64;
        let new = if known.is_empty() || of_suite.iter().any(|timed| timed.whole) { 0 } else { new };
        sums[suite] = Some(sum.saturating_add(median.saturating_mul(new)));
    }
    (sums, stale_tests)
}

/// What the store and one run of reports know of every suite. Reports are the newest run.
#[must_use]
pub fn history(
    index: &Index<'_>,
    store: &Store,
    key: Option<&str>,
    reported: Option<&[Option<Millis>]>,
) -> History {
    let key = key.or_else(|| store.runs.last().map(|run| run.key.as_str())).unwrap_or_default();
    let places: Vec<(Place, &String)> = (store.suites.keys())
        .map(|id| {
            let node = NodeId::new(id);
            (Place { file: Some(node.path.into()), node: true, ..Place::default() }, id)
        })
        .collect();
    let (found, _) = find(index, &places.iter().map(|(place, _)| place).collect());
    // Several recorded suites may be parts of one suite now, or the other way round.
    let mut by_suite: Vec<Vec<&str>> = vec![Vec::new(); index.inventory.suites.len()];
    for (place, id) in &places {
        let Some(hit) = found.get(place) else { continue };
        if let Located::Suite { suite, .. } = locate(index, hit, NodeId::new(id).rest) {
            by_suite[suite as usize].push(id);
        }
    }
    let offset = usize::from(reported.is_some());
    let suites = by_suite.iter().enumerate().map(|(suite, ids)| {
        let mut samples: BTreeMap<usize, Observation> = BTreeMap::new();
        for (run, seen) in ids.iter().flat_map(|id| store.observations(id)) {
            let slot = samples.entry(run).or_default();
            let add =
                |a: Option<i64>, b: Option<i64>| a.map_or(b, |a| Some(a.saturating_add(b.unwrap_or(0))));
            slot.time = match (slot.time, seen.time) {
                (Some(a), Some(b)) => Some(a + b),
                (a, b) => a.or(b),
            };
            slot.import = slot.import.max(seen.import);
            slot.retained = add(slot.retained, seen.retained);
            slot.transient = slot.transient.max(seen.transient);
        }
        let newest = reported.and_then(|times| times[suite]).map(|time| Sample {
            age: 0,
            foreign: false,
            seen: Observation { time: Some(time), ..Observation::default() },
        });
        let recorded = samples.into_iter().rev().map(|(run, seen)| Sample {
            age: store.runs.len() - 1 - run + offset,
            foreign: store.runs[run].key != key,
            seen,
        });
        newest.into_iter().chain(recorded).collect()
    });
    let suites = suites.collect();
    let reported = reported.map(|_| RunMeta { run: "reports".to_owned(), at: i64::MAX, key: key.to_owned() });
    History { runs: reported.into_iter().chain(store.runs.iter().rev().cloned()).collect(), suites }
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
            .map(|text| match text.starts_with('<') {
                true => crate::history::junit::read(text.as_bytes()).unwrap(),
                false => crate::history::durations::read(text.as_bytes()).unwrap(),
            })
            .collect();
        let (times, meeting) = times(&Index::new(&inventory, map), &reports);
        let times: Vec<String> =
            times.iter().map(|time| time.map_or("-".to_owned(), |time| time.0.to_string())).collect();
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
        check("tests/a.py::TestX::t tests/a.py::u", &[&case("tests.a.TestX", "t")], "1000 - |  | 0");
        check("a/b.spec.ts c.ts", &[&case("a/b.spec.ts", "t")], "1000 - |  | 0");
        let go = r#"<testsuite name="example.org/x/pkg"><testcase classname="pkg" name="T" time="1"/></testsuite>"#;
        check("example.org/x/pkg example.org/x/other", &[go], "- 1000 |  | 0");
        let file = r#"<testsuite><testcase file="tests/test_a.py" classname="tests.test_a.TestX" name="t" time="1"/></testsuite>"#;
        check("tests/test_a.py::TestX::t", &[file], "1000 |  | 0");
    }

    #[test]
    fn only_tests_that_exist_count() {
        let list = "a.py::x a.py::y a.py::z b.py::x";
        let file = Some(Granularity::File);
        let none = NameMap::default();
        // x and y are known, z is new and costs their upper median, gone is stale.
        check_map(list, file, &none, &[r#"{"a.py::x": 1, "a.py::y": 3, "a.py::gone": 50}"#], "7000 - |  | 1");
        // Nothing recognised: better the file's old total than nothing.
        check_map(list, file, &none, &[r#"{"a.py::gone": 50}"#], "50000 - |  | 1");
        check_map(list, file, &none, &[r#"{"a.py": 5}"#], "5000 - |  | 0");
    }

    #[test]
    fn several_reports_are_one_run() {
        check("a.py", &[r#"{"a.py::x": 1}"#, r#"{"a.py::y": 2}"#], "3000 |  | 0");
        check("a.py", &[r#"{"a.py::x": 1, "a.py::y": 2}"#, r#"{"a.py::x": 1, "a.py::y": 2}"#], "3000 |  | 0");
        let twice = r#"<testsuite><testcase file="a.py" name="x" time="1"/><testcase file="a.py" name="x" time="2"/></testsuite>"#;
        check("a.py", &[twice], "3000 |  | 0");
        check("a.py::x a.py::y", &[r#"{"a.py": 4}"#], "2000 2000 |  | 0");
    }
}
