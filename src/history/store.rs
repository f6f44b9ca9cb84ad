//! `shard-history.json`: what earlier runs measured.
//!
//! `{"schema":1,"runs":[{"run","at","key"}],"suites":{"<id>":[[run,part,ms,import,retained,transient,flags]…]},"tiers":{…}}`.
//! A run is an index into `runs`; `null` is what was not measured. `flags` is a sum: 1, the suite
//! was killed, so its figures are only lower bounds; 2, it ran last in its session, so what it
//! seemed to retain is not known.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::ReportError;
use crate::model::{Millis, Observation, RunMeta};

/// The newest schema that is understood.
const SCHEMA: u64 = 1;

const FLAG_KILLED: u64 = 1;
const FLAG_LAST: u64 = 2;

/// Largest figure in bytes or milliseconds that is believed.
const FIGURE_MAX: i64 = 1 << 53;

/// One or several stores, joined.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Store {
    /// Sorted by time, then name: oldest first.
    pub runs: Vec<RunMeta>,
    /// For each suite and run (an index into `runs`), its parts by name.
    pub suites: BTreeMap<String, BTreeMap<usize, BTreeMap<String, Part>>>,
}

/// What one session or report measured of one suite.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Part {
    ms: Option<u64>,
    import: Option<i64>,
    retained: Option<i64>,
    transient: Option<i64>,
    flags: u64,
}

#[derive(Deserialize)]
struct StoreFile {
    schema: u64,
    #[serde(default)]
    runs: Vec<RunFile>,
    #[serde(default)]
    suites: BTreeMap<String, Vec<Row>>,
}

#[derive(Deserialize)]
struct RunFile {
    run: String,
    at: i64,
    #[serde(default)]
    key: String,
}

#[derive(Deserialize)]
struct Row(usize, String, Option<u64>, Option<i64>, Option<i64>, Option<i64>, u64);

#[derive(Deserialize)]
struct SchemaOnly {
    schema: Option<u64>,
}

/// Reads one store.
///
/// # Errors
/// What is no store, a newer schema, or a row that names a run which is not there.
pub fn read(bytes: &[u8]) -> Result<Store, ReportError> {
    let from_json = |err: serde_json::Error| {
        let message = err.to_string();
        ReportError::new(
            err.line() as u64,
            format!("not a history: {}", message.split(" at line ").next().unwrap_or_default()),
        )
    };
    // The schema first: a newer one may have any shape.
    if let Ok(SchemaOnly { schema: Some(newer @ 2..) }) = serde_json::from_slice(bytes) {
        let message = format!("schema {newer} is newer than this shard understands ({SCHEMA}): update shard");
        return Err(ReportError::new(None, message));
    }
    let file: StoreFile = serde_json::from_slice(bytes).map_err(from_json)?;
    if file.schema != SCHEMA {
        return Err(ReportError::new(None, format!("`schema` is {}, not {SCHEMA}", file.schema)));
    }
    let mut order: Vec<usize> = (0..file.runs.len()).collect();
    order.sort_by(|a, b| {
        let (a, b) = (&file.runs[*a], &file.runs[*b]);
        a.at.cmp(&b.at).then_with(|| a.run.cmp(&b.run)).then_with(|| a.key.cmp(&b.key))
    });
    let mut place = vec![0; order.len()];
    for (new, old) in order.iter().enumerate() {
        place[*old] = new;
    }
    let runs = order.iter().map(|old| &file.runs[*old]).map(|run| RunMeta {
        run: run.run.clone(),
        at: run.at,
        key: run.key.clone(),
    });
    let mut store = Store { runs: runs.collect(), suites: BTreeMap::new() };
    for (id, rows) in file.suites {
        let mut seen: BTreeMap<usize, BTreeMap<String, Part>> = BTreeMap::new();
        for Row(run, part, ms, import, retained, transient, flags) in rows {
            let Some(run) = place.get(run) else {
                let message =
                    format!("suite `{}` names run {run} of {}", crate::text::printable(&id), place.len());
                return Err(ReportError::new(None, message));
            };
            let bounded = |figure: Option<i64>| figure.map(|figure| figure.clamp(-FIGURE_MAX, FIGURE_MAX));
            let found = Part {
                ms: ms.map(|ms| ms.min(FIGURE_MAX as u64)),
                import: bounded(import),
                retained: bounded(retained),
                transient: bounded(transient),
                flags,
            };
            // One identity twice: the greater one wins, so that the order of the rows decides
            // nothing.
            let slot = seen.entry(*run).or_default().entry(part).or_insert(found);
            *slot = (*slot).max(found);
        }
        store.suites.insert(id, seen);
    }
    Ok(store)
}

impl Store {
    /// The set union of two stores.
    #[must_use]
    pub fn join(self, other: Store) -> Store {
        let key = |run: &RunMeta| (run.at, run.run.clone(), run.key.clone());
        let mut runs: Vec<RunMeta> = self.runs.iter().chain(&other.runs).cloned().collect();
        runs.sort_by_key(key);
        runs.dedup();
        let mut joined = Store { runs, suites: BTreeMap::new() };
        for store in [self, other] {
            let place: Vec<usize> = store
                .runs
                .iter()
                .map(|run| joined.runs.partition_point(|have| key(have) < key(run)))
                .collect();
            for (id, seen) in store.suites {
                let slot = joined.suites.entry(id).or_default();
                for (run, parts) in seen {
                    let slot = slot.entry(place[run]).or_default();
                    for (name, part) in parts {
                        let have = slot.entry(name).or_insert(part);
                        *have = (*have).max(part);
                    }
                }
            }
        }
        joined
    }

    /// What each run measured of the suite, parts combined: time and retained summed, import and
    /// transient the largest. Newest first, with the run's index.
    pub fn observations(&self, id: &str) -> impl Iterator<Item = (usize, Observation)> {
        let seen = self.suites.get(id).into_iter().flat_map(|seen| seen.iter().rev());
        seen.filter_map(|(run, parts)| Some((*run, combine(parts.values())?)))
    }
}

/// `None` where nothing of it can be learned from.
fn combine<'a>(parts: impl Iterator<Item = &'a Part>) -> Option<Observation> {
    let mut whole: Option<Observation> = None;
    for part in parts.filter(|part| part.flags & FLAG_KILLED == 0) {
        let whole = whole.get_or_insert_with(Observation::default);
        let retained = part.retained.filter(|_| part.flags & FLAG_LAST == 0);
        whole.time = sum(whole.time, part.ms.map(Millis), |a, b| a + b);
        whole.import = sum(whole.import, part.import, i64::max);
        whole.retained = sum(whole.retained, retained, i64::saturating_add);
        whole.transient = sum(whole.transient, part.transient.map(|bytes| bytes.max(0) as u64), u64::max);
    }
    whole
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
            peak: None,
        };
        let oldest = Observation {
            time: Some(Millis(80)),
            import: None,
            retained: None,
            transient: Some(1),
            peak: None,
        };
        assert_eq!(seen, [(1, newest), (0, oldest)]);
        assert_eq!(store.observations("y").count(), 0, "a killed suite teaches nothing yet");
        assert_eq!(store.observations("z").count(), 0);
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
            "suite `x` names run 0 of 0",
        );
    }
}
