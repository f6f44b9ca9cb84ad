//! `shard-history.json`: what earlier runs measured.
//!
//! A store is a set of observations: what one run measured of one suite in one of its parts (a session,
//! a report). Joining stores is the union of these sets, so that stores may be joined in any order, in
//! any grouping and any number of times: the bytes that come out are the same. What keeps that true is
//! in `settle`; the shape of the file is in `file`.
//!
//! A suite's name has no `./` in front, whoever measured it: some tools write that and others do not.
//!
//! `flags` of an observation is a sum: 1, the suite was killed for memory, so that `transient` is what it
//! held then and it needs more; 2, it ran last in its session, so what it seemed to retain is not known;
//! 4, killed while it had its shard to itself; 8, `transient` is all that a process held that ran nothing else.

mod file;
mod settle;
pub(crate) mod shape;
mod shard;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::spelling::without_dot;
use crate::model::{Kill, Millis, Observation, RunMeta, ShardObservation};

pub use file::{read, write};

/// The newest runs of a suite that are kept.
pub const RUNS_MAX: usize = 32;

/// Of a [`Part`]: killed for memory.
pub const FLAG_KILLED: u64 = 1;
/// Of a [`Part`]: it ran last in its session.
pub const FLAG_LAST: u64 = 2;
/// Of a [`Part`]: it was killed while it had its shard to itself.
pub const FLAG_ALONE: u64 = 4;
/// Of a [`Part`]: `transient` is the most that a process held which ran nothing else, what it held before included.
pub const FLAG_WHOLE: u64 = 8;

/// Largest figure in bytes or milliseconds that is believed.
const FIGURE_MAX: i64 = 1 << 53;

/// One or several stores, joined.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Store {
    /// Sorted by time, then name: oldest first. One that was recorded at several times counts once, at
    /// the last of them.
    pub runs: Vec<RunMeta>,
    /// What `runs` were recorded as, sorted.
    stamps: Vec<Stamp>,
    /// For each suite its observations, sorted by stamp and part; never empty.
    suites: BTreeMap<String, Vec<Row<Figures>>>,
    /// What is known of tiers; what is not understood is kept.
    tiers: BTreeMap<String, Tier>,
    /// Fields that are not ours.
    rest: BTreeMap<String, Value>,
}

/// A run as one recorder knew it. Jobs of one run may have read different clocks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Stamp {
    at: i64,
    run: String,
    key: String,
    /// Fields that are not ours, as one line of JSON.
    rest: String,
    /// Names of parts, sorted once the store is settled.
    parts: Vec<Box<str>>,
    /// The run in [`Store::runs`].
    of: u32,
}

/// An observation: a stamp and one of its parts, and what was seen.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Row<T> {
    stamp: u32,
    part: u32,
    seen: T,
}

/// What is known of a tier.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Tier {
    /// What runs measured of it: JSON of the array behind run and part.
    rows: Vec<Row<Box<str>>>,
    /// What else stands there, as JSON.
    others: BTreeSet<String>,
}

/// What one session or report measured of one suite.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Part {
    /// Milliseconds.
    pub ms: Option<u64>,
    /// Bytes that collection added.
    pub import: Option<i64>,
    /// Bytes that stayed.
    pub retained: Option<i64>,
    /// Bytes above what stayed, at the highest moment; with [`FLAG_WHOLE`] above nothing.
    pub transient: Option<i64>,
    /// See the module.
    pub flags: u64,
}

/// A [`Part`] in half the memory: millions of them are held at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Figures {
    /// Milliseconds, import, retained, transient.
    figures: [Figure; 4],
    flags: u64,
}

/// A figure within bounds, or none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Figure(i64);

impl Figure {
    const ABSENT: Figure = Figure(i64::MIN);

    fn new(figure: Option<i64>) -> Figure {
        figure.map_or(Figure::ABSENT, |figure| Figure(figure.clamp(-FIGURE_MAX, FIGURE_MAX)))
    }

    fn get(self) -> Option<i64> {
        (self != Figure::ABSENT).then_some(self.0)
    }
}

impl From<Part> for Figures {
    fn from(part: Part) -> Figures {
        let ms = part.ms.map(|ms| i64::try_from(ms).unwrap_or(FIGURE_MAX));
        let figures = [ms, part.import, part.retained, part.transient].map(Figure::new);
        Figures { figures, flags: part.flags }
    }
}

impl From<&Figures> for Part {
    fn from(figures: &Figures) -> Part {
        let [ms, import, retained, transient] = figures.figures.map(Figure::get);
        let ms = ms.map(|ms| ms.max(0) as u64);
        Part { ms, import, retained, transient, flags: figures.flags }
    }
}

impl Store {
    /// A store of one run: for each observation its suite or tier, its part and what was seen. One that has
    /// nothing knows no run either.
    pub fn of_run(
        run: RunMeta,
        seen: impl IntoIterator<Item = (String, String, Part)>,
        shards: impl IntoIterator<Item = (String, String, ShardObservation)>,
    ) -> Store {
        let mut parts: BTreeMap<String, u32> = BTreeMap::new();
        let mut number = |part: String| {
            let next = parts.len() as u32;
            *parts.entry(part).or_insert(next)
        };
        let mut suites: BTreeMap<String, Vec<Row<Figures>>> = BTreeMap::new();
        for (suite, part, seen) in seen {
            let part = number(part);
            suites.entry(without_dot(&suite).to_owned()).or_default().push(Row {
                stamp: 0,
                part,
                seen: seen.into(),
            });
        }
        let mut tiers: BTreeMap<String, Tier> = BTreeMap::new();
        for (tier, part, seen) in shards {
            let row = Row { stamp: 0, part: number(part), seen: shard::tail(&seen) };
            tiers.entry(tier).or_default().rows.push(row);
        }
        let mut names = vec![Box::default(); parts.len()];
        parts.into_iter().for_each(|(name, number)| names[number as usize] = name.into_boxed_str());
        let RunMeta { run, at, key } = run;
        let stamp = Stamp { at, run, key, parts: names, ..Stamp::default() };
        let mut store = Store { stamps: vec![stamp], suites, tiers, ..Store::default() };
        store.settle();
        store
    }

    /// The set union of two stores, of which every suite keeps its newest [`RUNS_MAX`] runs.
    #[must_use]
    pub fn join(mut self, other: Store) -> Store {
        let offset = self.stamps.len() as u32;
        self.stamps.extend(other.stamps);
        for (id, rows) in other.suites {
            self.suites.entry(id).or_default().extend(moved(rows, offset));
        }
        for (name, tier) in other.tiers {
            let mine = self.tiers.entry(name).or_default();
            mine.rows.extend(moved(tier.rows, offset));
            mine.others.extend(tier.others);
        }
        for (name, value) in other.rest {
            let mine = self.rest.entry(name).or_insert_with(|| value.clone());
            let (new, old) = (value.to_string(), mine.to_string());
            if new > old {
                *mine = value;
            }
        }
        self.settle();
        self
    }

    /// The ids of all suites, sorted.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        self.suites.keys().map(String::as_str)
    }

    /// The run of this name and key.
    #[must_use]
    pub fn run(&self, run: &str, key: &str) -> Option<&RunMeta> {
        self.runs.iter().find(|known| (known.run.as_str(), known.key.as_str()) == (run, key))
    }

    /// How many observations there are.
    #[must_use]
    pub fn observed(&self) -> usize {
        self.suites.values().map(Vec::len).sum()
    }

    /// What each run measured of the suite, parts combined: time and retained summed, import and
    /// transient the largest. Newest first, with the run's index.
    pub fn observations(&self, id: &str) -> impl Iterator<Item = (usize, Observation)> {
        let rows = self.suites.get(without_dot(id)).into_iter().flatten();
        let mut rows: Vec<_> = rows.map(|row| (self.run_of(row), &row.seen)).collect();
        rows.sort_by_key(|(run, _)| Reverse(*run));
        let runs = rows.chunk_by(|a, b| a.0 == b.0);
        let combined = runs.filter_map(|parts| Some((parts[0].0, combine(parts.iter().map(|part| part.1))?)));
        combined.collect::<Vec<_>>().into_iter()
    }

    /// What runs measured of a tier's shards, newest first, with the run's index.
    #[must_use]
    pub fn shards(&self, tier: &str) -> Vec<(usize, ShardObservation)> {
        let rows = self.tiers.get(tier).into_iter().flat_map(|tier| &tier.rows);
        let mut seen: Vec<_> = rows.map(|row| (self.run_of(row), shard::seen(&row.seen))).collect();
        seen.sort_by_key(|(run, _)| Reverse(*run));
        seen
    }

    /// What collecting and what is shared added in each session of the runs before the one with this index, newest
    /// first: the run's index, and for each suite that `number` knows its number and bytes. Observations
    /// that say nothing of that make no session.
    pub fn sessions<'a>(
        &'a self,
        before: usize,
        number: impl Fn(&str) -> Option<usize>,
    ) -> Vec<(usize, Vec<(usize, i64)>)> {
        let mut sessions: BTreeMap<(Reverse<usize>, &'a str), BTreeMap<usize, i64>> = BTreeMap::new();
        for (id, rows) in &self.suites {
            let Some(suite) = number(id) else { continue };
            for row in rows {
                let (run, [_, import, ..]) = (self.run_of(row), row.seen.figures);
                if let Some(bytes) = import.get().filter(|_| run < before) {
                    let part = &*self.stamps[row.stamp as usize].parts[row.part as usize];
                    let slot =
                        sessions.entry((Reverse(run), part)).or_default().entry(suite).or_insert(bytes);
                    *slot = bytes.max(*slot);
                }
            }
        }
        sessions.into_iter().map(|((Reverse(run), _), suites)| (run, suites.into_iter().collect())).collect()
    }

    /// The tiers that anything is known of, sorted.
    pub fn tiers(&self) -> impl Iterator<Item = &str> {
        self.tiers.keys().map(String::as_str)
    }

    /// Suites that at least so many of the last runs did not measure, sorted.
    #[must_use]
    pub fn unseen(&self, runs: usize) -> Vec<&str> {
        let newest = |rows: &[Row<Figures>]| rows.iter().map(|row| self.run_of(row)).max().unwrap_or(0);
        let unseen = self.suites.iter().filter(|(_, rows)| self.runs.len() - 1 - newest(rows) >= runs);
        unseen.map(|(id, _)| id.as_str()).collect()
    }

    /// Forgets suites that at least so many of the last runs did not measure. Joining a store that still
    /// knows them brings them back.
    pub fn forget(&mut self, runs: usize) -> Vec<String> {
        let gone: Vec<String> = self.unseen(runs).into_iter().map(str::to_owned).collect();
        gone.iter().for_each(|id| drop(self.suites.remove(id)));
        self.settle();
        gone
    }

    fn run_of<T>(&self, row: &Row<T>) -> usize {
        self.stamps[row.stamp as usize].of as usize
    }
}

fn moved<T>(rows: Vec<Row<T>>, offset: u32) -> impl Iterator<Item = Row<T>> {
    rows.into_iter().map(move |row| Row { stamp: row.stamp + offset, ..row })
}

/// One observation of parts; of a suite that was killed and then ended, what it was when it ended.
fn combine<'a>(parts: impl Iterator<Item = &'a Figures>) -> Option<Observation> {
    let mut whole: Option<Observation> = None;
    let mut killed: Option<Kill> = None;
    for part in parts.map(Part::from) {
        let transient = part.transient.map(|bytes| bytes.max(0) as u64);
        if part.flags & FLAG_KILLED != 0 {
            let kill = Kill { alone: part.flags & FLAG_ALONE != 0, used: transient.unwrap_or(0) };
            killed = killed.max(Some(kill));
            continue;
        }
        let whole = whole.get_or_insert_with(Observation::default);
        let (transient, peak) =
            if part.flags & FLAG_WHOLE != 0 { (None, transient) } else { (transient, None) };
        let retained = part.retained.filter(|_| part.flags & FLAG_LAST == 0);
        whole.time = sum(whole.time, part.ms.map(Millis), |a, b| a + b);
        whole.import = sum(whole.import, part.import, i64::max);
        whole.retained = sum(whole.retained, retained, i64::saturating_add);
        whole.transient = sum(whole.transient, transient, u64::max);
        whole.peak = sum(whole.peak, peak, u64::max);
    }
    whole.or_else(|| killed.map(|kill| Observation { killed: Some(kill), ..Observation::default() }))
}

fn sum<T>(a: Option<T>, b: Option<T>, add: impl Fn(T, T) -> T) -> Option<T> {
    match (a, b) {
        (Some(a), Some(b)) => Some(add(a, b)),
        (a, b) => a.or(b),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"{"schema":1,"extra":true,
        "runs":[{"run":"b","at":20,"key":"k"},{"run":"a","at":10,"key":"k"}],
        "suites":{"x":[[0,"p",100,1,-5,7,0],[0,"q",50,3,10,2,0],[1,"p",80,null,9,1,2]],"y":[[1,"p",9,0,0,0,1]]},"tiers":{}}"#;

    #[test]
    fn parts_are_combined_and_runs_sorted() {
        let store = read(TEXT.as_bytes()).unwrap();
        assert_eq!(store.runs.iter().map(|run| run.run.as_str()).collect::<Vec<_>>(), ["a", "b"]);
        let seen: Vec<_> = store.observations("x").collect();
        let newest = Observation {
            time: Some(Millis(150)),
            import: Some(3),
            retained: Some(5),
            transient: Some(7),
            ..Observation::default()
        };
        let oldest = Observation { time: Some(Millis(80)), transient: Some(1), ..Observation::default() };
        assert_eq!(seen, [(1, newest), (0, oldest)]);
        let killed = Some(Kill { alone: false, used: 0 });
        let killed = Observation { killed, ..Observation::default() };
        assert_eq!(store.observations("y").collect::<Vec<_>>(), [(0, killed)]);
        assert_eq!(store.observations("z").count(), 0);
    }

    #[test]
    fn who_was_in_a_session_together_is_known() {
        let text = r#"{"schema":1,"runs":[{"run":"a","at":10,"key":"k"},{"run":"b","at":20,"key":"k"}],
            "suites":{"x":[[0,"p",9,60],[1,"p",9,0]],"y":[[0,"p",9,1],[1,"q",9,61]],"z":[[0,"p",9]],"gone":[[0,"p",9,7]]}}"#;
        let store = read(text.as_bytes()).unwrap();
        let number = |id: &str| ["x", "y", "z"].iter().position(|known| *known == id);
        let before = (0, vec![(0, 60), (1, 1)]);
        assert_eq!(store.sessions(2, number), [(1, vec![(0, 0)]), (1, vec![(1, 61)]), before.clone()]);
        assert_eq!(store.sessions(1, number), [before]);
    }

    #[test]
    fn joining_is_a_set_union() {
        let store = read(TEXT.as_bytes()).unwrap();
        let other = r#"{"schema":1,"runs":[{"run":"c","at":15,"key":"k"},{"run":"b","at":20,"key":"k"}],
            "suites":{"x":[[0,"p",70,0,0,0,0],[1,"q",60,3,10,2,0]]}}"#;
        let other = read(other.as_bytes()).unwrap();
        assert_eq!(store.clone().join(store.clone()), store);
        assert_eq!(store.clone().join(other.clone()), other.clone().join(store.clone()));
        let times: Vec<_> =
            store.join(other).observations("x").map(|(run, seen)| (run, seen.time.unwrap().0)).collect();
        assert_eq!(times, [(2, 160), (1, 70), (0, 80)]);
    }

    #[test]
    fn a_suite_has_one_name_with_and_without_a_dot() {
        let text = r#"{"schema":1,"runs":[{"run":"a","at":10,"key":"k"},{"run":"b","at":20,"key":"k"}],
            "suites":{"./t/x":[[0,"p",100]],"t/x":[[1,"q",50]]}}"#;
        let part = Part { ms: Some(7), ..Part::default() };
        let new = Store::of_run(run("c", 30), [("./t/x".to_owned(), "r".to_owned(), part)], []);
        let store = read(text.as_bytes()).unwrap().join(new);
        assert_eq!(store.ids().collect::<Vec<_>>(), ["t/x"]);
        let times =
            |id: &str| store.observations(id).map(|(_, seen)| seen.time.unwrap().0).collect::<Vec<_>>();
        assert_eq!((times("t/x"), times("./t/x")), (vec![7, 50, 100], vec![7, 50, 100]));
        // Other dots are part of a name.
        for id in ["./", ".hidden/x", "../x", "//pkg:x"] {
            let store = Store::of_run(run("c", 30), [seen(id, "r", 7)], []);
            assert_eq!(store.ids().collect::<Vec<_>>(), [id]);
        }
    }

    #[test]
    fn broken_stores_are_refused() {
        let check =
            |text: &str, expect: &str| assert_eq!(read(text.as_bytes()).unwrap_err().to_string(), expect);
        check(
            r#"{"schema":2,"runs":"new"}"#,
            "schema 2 is newer than this shard understands (1): update shard",
        );
        check(r#"{"schema":0}"#, "`schema` is 0, not 1");
        check("{\n\"schema\":1,", "2: not a history: EOF while parsing a value");
        check(
            r#"{"schema":1,"runs":[],"suites":{"x":[[0,"p",1,null,null,null,0]]}}"#,
            "1: not a history: suite `x` names run 0 of 0",
        );
        let row = |row: &str| {
            format!(
                "{{\"schema\":1,\n\"runs\":[{{\"run\":\"r\",\"at\":1,\"parts\":[\"p\"]}}],\n\"suites\":{{\"x\":[{row}]}}}}"
            )
        };
        check(&row("[0,1,5]"), "3: not a history: suite `x` names part 1 of 1 of run 0");
        check(&row("[0]"), "3: not a history: invalid length 1, expected run and part at least");
        check(&row("[0,0,-5]"), "3: not a history: invalid value: integer `-5`, expected u64");
        check(
            &row("[0,0,5,0,0,0,0,9]"),
            "3: not a history: a row has more than 7 figures: a newer shard wrote it, so update shard",
        );
        check(&format!("{} x", row("[0,0]")), "3: not a history: trailing characters");
    }

    fn text(store: &Store) -> String {
        String::from_utf8(write(store)).unwrap()
    }

    #[test]
    fn a_store_is_written_with_a_suite_a_line() {
        let given = r#"{"schema":1,"new":{"b":1.5,"a":[]},
            "runs":[{"run":"b","at":20,"key":"k","branch":"main"},{"run":"unused","at":15},{"run":"a","at":10,"key":"k","parts":["q","unused","p"]}],
            "suites":{"y\"":[[0,"p",9,0,0,0,1]],"x":[[0,"p",100,1,-5,7,0],[2,0,80],[2,2,null,null,9,1,2],[2,"p",null,null,9,1,2]],"none":[]},
            "tiers":{"unit":[["other"],[0,"s1",{"setup":1.0}],[9,"x"]]}}"#;
        let expect = r#"{"schema":1,
"runs":[
{"run":"a","at":10,"key":"k","parts":["p","q"]},
{"run":"b","at":20,"key":"k","parts":["p","s1"],"branch":"main"}
],
"suites":{
"x":[[0,0,null,null,9,1,2],[0,1,80],[1,0,100,1,-5,7]],
"y\"":[[1,0,9,0,0,0,1]]
},
"tiers":{
"unit":[["other"],[9,"x"],[1,"s1",{"setup":1.0}]]
},
"new":{"a":[],"b":1.5}}
"#;
        let store = read(given.as_bytes()).unwrap();
        assert_eq!(text(&store), expect);
        assert_eq!(read(expect.as_bytes()).unwrap(), store);
        assert_eq!(text(&Store::default()), "{\"schema\":1,\n\"runs\":[],\n\"suites\":{},\n\"tiers\":{}}\n");
        assert_eq!(read(text(&Store::default()).as_bytes()).unwrap(), Store::default());
    }

    #[test]
    fn whole_pages_of_memory_are_written_as_such() {
        let of = |bytes: i64| {
            let memory = Part { import: Some(-8192), retained: Some(bytes), flags: 2, ..Part::default() };
            let rows = [seen("y", "p", 7), ("x".to_owned(), "p".to_owned(), memory)];
            Store::of_run(run("r", 1), rows, [])
        };
        let check = |store: &Store, page: &str, row: &str| {
            let written = text(store);
            assert_eq!(written.lines().nth(1).unwrap(), page, "{written}");
            assert!(written.contains(row), "{written}");
            assert_eq!(read(written.as_bytes()).unwrap(), *store);
        };
        check(&of(40 << 20), "\"page\":4096,", "\"x\":[[0,0,null,-2,10240,null,2]],\n\"y\":[[0,0,7]]");
        check(&of(4097), "\"runs\":[", "\"x\":[[0,0,null,-8192,4097,null,2]]");
        check(&Store::of_run(run("r", 1), [seen("y", "p", 7)], []), "\"runs\":[", "[0,0,7]");
        let page = |page: &str| read(format!("{{\"schema\":1,\"page\":{page}}}").as_bytes()).is_ok();
        assert_eq!(
            ["0", "1", "1048576", "1048577", "-1", "null"].map(page),
            [false, true, true, false, false, true]
        );
    }

    fn run(name: &str, at: i64) -> RunMeta {
        RunMeta { run: name.to_owned(), at, key: "k".to_owned() }
    }

    fn seen(suite: &str, part: &str, ms: u64) -> (String, String, Part) {
        (suite.to_owned(), part.to_owned(), Part { ms: Some(ms), ..Part::default() })
    }

    #[test]
    fn the_newest_runs_of_a_suite_are_kept() {
        let of = |number: i64| {
            let suites: &[&str] = if number == 3 { &["always", "once"] } else { &["always"] };
            let parts = suites.iter().flat_map(|suite| [seen(suite, "p", 1), seen(suite, "q", 2)]);
            Store::of_run(run(&format!("r{number:02}"), number), parts, [])
        };
        let store = (0..40).rev().map(of).reduce(Store::join).unwrap();
        let times: Vec<_> = store.observations("always").map(|(_, seen)| seen.time.unwrap().0).collect();
        assert_eq!(times, [3; RUNS_MAX]);
        assert_eq!(store.runs.len(), RUNS_MAX + 1, "a run that a rare suite still needs");
        assert_eq!((store.runs[0].run.as_str(), store.runs[1].run.as_str()), ("r03", "r08"));
        assert_eq!((store.unseen(32), store.unseen(33).len()), (vec!["once"], 0));
        let mut store = store;
        assert_eq!(store.forget(32), ["once"]);
        assert_eq!((store.ids().collect::<Vec<_>>(), store.runs.len()), (vec!["always"], RUNS_MAX));
    }

    #[test]
    fn jobs_of_one_run_may_read_different_clocks() {
        let job =
            |number: i64| Store::of_run(run("gh-1", 100 + number), [seen("x", &number.to_string(), 1)], []);
        let store = (0..50).map(job).reduce(Store::join).unwrap().join(Store::of_run(
            run("b", 120),
            [seen("x", "p", 7)],
            [],
        ));
        let times: Vec<_> = store.observations("x").map(|(_, seen)| seen.time.unwrap().0).collect();
        assert_eq!((times, store.runs.len()), (vec![50, 7], 2));
        assert_eq!(store.runs[1], run("gh-1", 149));
    }

    #[test]
    fn of_one_identity_the_later_and_then_the_greater_stays() {
        let of = |at, ms| Store::of_run(run("r", at), [seen("x", "p", ms)], []);
        let time =
            |store: Store| store.observations("x").map(|(_, seen)| seen.time.unwrap().0).collect::<Vec<_>>();
        assert_eq!(time(of(1, 80).join(of(1, 9))), [9], "as bytes");
        assert_eq!(time(of(2, 1).join(of(1, 9))), [1]);
    }

    /// A generator of our own: xorshift.
    struct Random(u64);

    impl Random {
        fn below(&mut self, n: u64) -> u64 {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            self.0 % n
        }
    }

    /// A store as a stranger could have written it: few names and times, so that all kinds of conflicts
    /// come up.
    fn random(r: &mut Random, runs: u64) -> Store {
        let mut made = Vec::new();
        for _ in 0..=r.below(runs) {
            let rest = ["", ",\"branch\":\"a\"", ",\"branch\":\"b\""][r.below(3) as usize];
            let (run, at, key) = (r.below(runs), r.below(5), r.below(2));
            made.push(format!(r#"{{"run":"{run}","at":{at},"key":"{key}"{rest}}}"#));
        }
        let rows = |r: &mut Random, tail: &dyn Fn(&mut Random) -> String| {
            let rows = (0..r.below(60))
                .map(|_| format!(r#"[{},"{}",{}]"#, r.below(made.len() as u64), r.below(3), tail(r)));
            rows.collect::<Vec<_>>().join(",")
        };
        let figures =
            |r: &mut Random| format!("{},null,{},0,{}", r.below(12), r.below(3) as i64 - 1, r.below(3));
        let suites: Vec<String> =
            (0..r.below(5)).map(|suite| format!("\"{suite}\":[{}]", rows(r, &figures))).collect();
        let tier = rows(r, &|r| r.below(3).to_string());
        let text = format!(
            r#"{{"schema":1,"runs":[{}],"suites":{{{}}},"tiers":{{"t":[{tier}]}},"new":{}}}"#,
            made.join(","),
            suites.join(","),
            r.below(3)
        );
        read(text.as_bytes()).unwrap()
    }

    #[test]
    fn joining_knows_no_order() {
        let mut thinned = 0;
        for seed in 1..=600 {
            let mut r = Random(seed * 0x9e37_79b9);
            // Some with many more runs than are kept.
            let runs = if seed % 3 == 0 { 4 } else { 90 };
            let stores: Vec<Store> = (0..2 + r.below(5)).map(|_| random(&mut r, runs)).collect();
            let whole = stores.clone().into_iter().reduce(Store::join).unwrap();
            let bytes = text(&whole);
            thinned += usize::from(stores.iter().map(Store::observed).sum::<usize>() > whole.observed());
            assert_eq!(text(&whole.clone().join(whole.clone())), bytes, "idempotent, seed {seed}");
            assert_eq!(text(&read(bytes.as_bytes()).unwrap()), bytes, "read again, seed {seed}");
            for _ in 0..4 {
                let mut left = stores.clone();
                while left.len() > 1 {
                    let a = left.swap_remove(r.below(left.len() as u64) as usize);
                    let b = r.below(left.len() as u64) as usize;
                    // Some come twice, as caches bring them.
                    let again = if r.below(3) == 0 {
                        stores[r.below(stores.len() as u64) as usize].clone()
                    } else {
                        a.clone()
                    };
                    let other = std::mem::take(&mut left[b]);
                    left[b] =
                        if r.below(2) == 0 { other.join(a).join(again) } else { again.join(a.join(other)) };
                }
                assert_eq!(text(&left[0]), bytes, "in another order, seed {seed}");
            }
        }
        assert!(thinned > 200, "{thinned}");
    }
}
