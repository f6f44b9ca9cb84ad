//! A plan against what was executed: which suites ran in no shard, in several, or were never planned.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::Plan;

/// What one report or outcome tells.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Source<'a> {
    /// Whose it is; `None`: nobody knows.
    pub shard: Option<String>,
    /// Its round and attempt, where it says so. Reports do not.
    pub start: Option<(u32, u32)>,
    /// Suites that it executed; a skipped suite was, and a failed one too.
    pub executed: BTreeSet<&'a str>,
    /// Those of them that failed.
    pub failed: BTreeSet<&'a str>,
    /// Suites that it began, or was to run, and did not execute.
    pub unfinished: BTreeSet<&'a str>,
    /// Other names in it, which meet no suite.
    pub strangers: BTreeSet<&'a str>,
}

/// The suites of a plan, and what became of them over all shards, rounds and attempts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Coverage {
    /// Suites of the plan.
    pub suites: usize,
    /// Those that were executed.
    pub executed: usize,
    /// Of which nothing tells, in the plan's order.
    pub lost: Vec<Missing>,
    /// Of which something tells, but not that they ran to their end.
    pub not_executed: Vec<Missing>,
    /// Executed, and failed in the newest attempt that tells of them; where only reports do, in one of them and
    /// passed in none. By id.
    pub failed: Vec<String>,
    /// Executed by several shards in one round and attempt, by id.
    pub twice: Vec<Twice>,
    /// Executed, and not in the plan.
    pub extra: Vec<String>,
    /// Suites that several reports tell of, of which nobody knows the shard: executed twice or told twice.
    pub unclear: usize,
}

/// A suite that was not executed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Missing {
    /// The suite.
    pub id: String,
    /// The shard that was to run it.
    pub shard: String,
}

/// A suite that several shards executed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Twice {
    /// The suite.
    pub id: String,
    /// Who executed it, sorted.
    pub shards: Vec<String>,
    /// When; null where only reports tell of it.
    pub round: Option<u32>,
    /// As `round`.
    pub attempt: Option<u32>,
}

impl Coverage {
    /// Whether every suite was executed, and none by two shards.
    #[must_use]
    pub fn is_exact(&self) -> bool {
        self.lost.is_empty() && self.not_executed.is_empty() && self.twice.is_empty()
    }
}

/// Suites that failed when they last ran.
fn failures(sources: &[Source<'_>]) -> Vec<String> {
    let mut newest: BTreeMap<&str, (Option<(u32, u32)>, bool)> = BTreeMap::new();
    for source in sources {
        for id in &source.executed {
            let failed = source.failed.contains(id);
            let (start, known) = newest.entry(id).or_insert((source.start, failed));
            match source.start.cmp(start) {
                std::cmp::Ordering::Greater => (*start, *known) = (source.start, failed),
                // Nobody knows which was last.
                std::cmp::Ordering::Equal if source.start.is_none() => *known &= failed,
                std::cmp::Ordering::Equal => *known |= failed,
                std::cmp::Ordering::Less => {}
            }
        }
    }
    newest.into_iter().filter(|(_, (_, failed))| *failed).map(|(id, _)| id.to_owned()).collect()
}

/// What became of the plan's suites.
#[must_use]
pub fn coverage(plan: &Plan, sources: &[Source<'_>]) -> Coverage {
    let planned: BTreeSet<&str> = plan.suites().map(|(_, suite)| suite.id.as_str()).collect();
    let executed: BTreeSet<&str> = sources.iter().flat_map(|source| &source.executed).copied().collect();
    let unfinished: BTreeSet<&str> = sources.iter().flat_map(|source| &source.unfinished).copied().collect();
    let strangers = sources.iter().flat_map(|source| &source.strangers).copied();
    let mut found = Coverage { suites: planned.len(), ..Coverage::default() };
    for (shard, suite) in plan.suites() {
        if executed.contains(suite.id.as_str()) {
            found.executed += 1;
            continue;
        }
        let missing = Missing { id: suite.id.clone(), shard: shard.id.clone() };
        let list =
            if unfinished.contains(suite.id.as_str()) { &mut found.not_executed } else { &mut found.lost };
        list.push(missing);
    }
    let extra: BTreeSet<&str> = executed.difference(&planned).copied().chain(strangers).collect();
    found.extra = extra.into_iter().map(str::to_owned).collect();
    found.failed = failures(sources);
    (found.twice, found.unclear) = doubles(plan, sources);
    found
}

/// Suites that several shards executed at one time, and how many several reports without a shard tell of.
/// A suite that a later attempt or round executes again is no double.
fn doubles(plan: &Plan, sources: &[Source<'_>]) -> (Vec<Twice>, usize) {
    let mut by_start: BTreeMap<(&str, Option<(u32, u32)>), BTreeSet<&str>> = BTreeMap::new();
    let mut unclear: BTreeMap<&str, usize> = BTreeMap::new();
    for source in sources {
        // Reports of shards that a later plan made are of another round.
        let shard = source.shard.as_deref();
        let shard = shard.filter(|shard| source.start.is_some() || plan.shard(shard).is_some());
        for id in &source.executed {
            match shard {
                Some(shard) => drop(by_start.entry((id, source.start)).or_default().insert(shard)),
                None => *unclear.entry(id).or_default() += 1,
            }
        }
    }
    let mut twice: Vec<Twice> = Vec::new();
    for ((id, start), shards) in by_start.into_iter().filter(|(_, shards)| shards.len() > 1) {
        let shards: Vec<String> = shards.into_iter().map(str::to_owned).collect();
        // An outcome and a report that tell the same are one finding; the outcome comes last and knows more.
        if let Some(known) = twice.last_mut().filter(|known| known.id == id && known.round.is_none()) {
            known.shards = shards;
            (known.round, known.attempt) = (start.map(|start| start.0), start.map(|start| start.1));
            continue;
        }
        let (round, attempt) = (start.map(|start| start.0), start.map(|start| start.1));
        twice.push(Twice { id: id.to_owned(), shards, round, attempt });
    }
    (twice, unclear.into_values().filter(|reports| *reports > 1).count())
}

/// The shard of the plan that a path names: as a word of its last part that names one.
#[must_use]
pub fn shard_of_path<'p>(plan: &'p Plan, path: &str) -> Option<&'p str> {
    path.rsplit(['/', '\\', '!']).find_map(|part| {
        let named = plan.shards.iter().map(|shard| shard.id.as_str()).filter(|id| is_word_of(part, id));
        // `unit-1` is a word of `my-unit-1` too.
        let longest = named.clone().map(str::len).max()?;
        let mut longest = named.filter(|id| id.len() == longest);
        let first = longest.next();
        first.filter(|_| longest.next().is_none())
    })
}

fn is_word_of(text: &str, word: &str) -> bool {
    let alone = |at: usize| {
        let (before, after) = (&text[..at], &text[at + word.len()..]);
        !before.ends_with(char::is_alphanumeric) && !after.starts_with(char::is_alphanumeric)
    };
    text.match_indices(word).any(|(at, _)| alone(at))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan() -> Plan {
        Plan::from_bytes(include_bytes!("../../testdata/plans/two-shards.json")).unwrap()
    }

    fn ids(plan: &Plan, shard: usize) -> BTreeSet<&str> {
        plan.shards[shard].suites().map(|suite| suite.id.as_str()).collect()
    }

    fn source<'a>(shard: Option<&str>, start: Option<(u32, u32)>, executed: BTreeSet<&'a str>) -> Source<'a> {
        Source { shard: shard.map(str::to_owned), start, executed, ..Source::default() }
    }

    #[test]
    fn every_suite_is_accounted_for() {
        let plan = plan();
        let (first, second) = (ids(&plan, 0), ids(&plan, 1));
        let (a, b) = (plan.shards[0].id.as_str(), plan.shards[1].id.as_str());
        let one = *first.first().unwrap();
        let counts = |sources: &[Source<'_>]| {
            let found = coverage(&plan, sources);
            [found.lost.len(), found.not_executed.len(), found.twice.len(), found.extra.len(), found.unclear]
        };
        let at = |attempt| Some((0, attempt));
        let whole = [source(Some(a), at(1), first.clone()), source(Some(b), at(1), second.clone())];
        assert_eq!(counts(&whole), [0; 5]);
        assert!(coverage(&plan, &whole).is_exact() && !coverage(&plan, &[]).is_exact());
        assert_eq!(counts(&[]), [first.len() + second.len(), 0, 0, 0, 0]);
        let with = |more: Source<'static>| [whole.to_vec(), vec![more]].concat();
        let of = |id: &str| -> BTreeSet<&'static str> { [&*id.to_owned().leak()].into() };
        // Again in a later attempt, in another round, by the same shard, in its report: no double.
        for (shard, start) in [(b, at(2)), (b, Some((1, 1))), (a, at(1)), (a, None)] {
            assert_eq!(counts(&with(source(Some(shard), start, of(one)))), [0; 5], "{shard} {start:?}");
        }
        assert_eq!(counts(&with(source(Some(b), at(1), of(one)))), [0, 0, 1, 0, 0]);
        let twice = coverage(&plan, &with(source(Some(b), at(1), of(one)))).twice.remove(0);
        assert_eq!((twice.id.as_str(), twice.round, twice.attempt), (one, Some(0), Some(1)));
        assert_eq!(twice.shards, BTreeSet::from([a, b]).into_iter().collect::<Vec<_>>());
        assert_eq!(counts(&with(source(None, None, of("t/new.py")))), [0, 0, 0, 1, 0]);
        let unknown = source(None, None, of(one));
        assert_eq!(counts(&[with(unknown.clone()), vec![unknown]].concat()), [0, 0, 0, 0, 1]);
        // Failed, and then not any more.
        let failing = Source { failed: [one].into(), ..source(Some(a), at(1), first.clone()) };
        let failed = |sources: &[Source<'_>]| coverage(&plan, sources).failed.join(" ");
        assert_eq!(failed(std::slice::from_ref(&failing)), one);
        assert_eq!(failed(&[failing.clone(), source(Some(a), Some((1, 1)), first.clone())]), "");
        assert_eq!(failed(&[source(Some(a), at(2), BTreeSet::new()), failing.clone()]), one);
        let report = Source { start: None, ..failing.clone() };
        assert_eq!(failed(std::slice::from_ref(&report)), one);
        assert_eq!(failed(&[report.clone(), source(Some(a), None, first.clone())]), "");
        assert_eq!(failed(&[report, source(Some(a), at(1), first.clone())]), "", "outcomes know more");
        // Cut off in one attempt, executed in the next.
        let cut = Source { unfinished: first.clone(), ..source(Some(a), at(1), BTreeSet::new()) };
        assert_eq!(counts(&[cut.clone(), whole[1].clone()]), [0, first.len(), 0, 0, 0]);
        assert_eq!(counts(&[cut, source(Some(a), at(2), first.clone()), whole[1].clone()]), [0; 5]);
    }

    #[test]
    fn paths_name_shards() {
        let mut plan = plan();
        (plan.shards[0].id, plan.shards[1].id) = ("unit-1".into(), "my-unit-1".into());
        let check =
            |path: &str, expect: Option<&str>| assert_eq!(shard_of_path(&plan, path), expect, "{path}");
        check("reports/unit-1/junit.xml", Some("unit-1"));
        check("reports/junit-unit-1.xml", Some("unit-1"));
        check("unit-1 (1_2) [3f9c1a2b]/junit.xml", Some("unit-1"));
        check("reports/my-unit-1.xml", Some("my-unit-1"));
        check("my-unit-1/unit-1.xml", Some("unit-1"));
        check("all.zip!unit-1.xml", Some("unit-1"));
        check("reports/unit-10.xml", None);
        check("reports/junit.xml", None);
    }
}
