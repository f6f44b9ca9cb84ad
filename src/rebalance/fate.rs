//! What one shard's end asks for: pure, over its verdict and what is left of it.

use std::collections::BTreeSet;

use super::{Known, lost};
use crate::model::{Bytes, Confidence, Kill, Verdict};
use crate::outcome::Outcome;
use crate::plan::Shard;
use crate::triage::Judgement;

/// How one shard ended, and what is to be done about it.
#[derive(Clone, Debug)]
pub struct Fate {
    /// The shard.
    pub shard: String,
    /// Suites that it was to run.
    pub suites: usize,
    /// Those that were executed, in all attempts together; a failed one was.
    pub executed: BTreeSet<String>,
    /// Those of them that failed when they last ran.
    pub failed: Vec<String>,
    /// The others, in the plan's order.
    pub left: Vec<String>,
    /// What its end means; `None`: it did not run yet.
    pub judgement: Option<Judgement>,
    /// The memory that its machine let it have, where that is known.
    pub limit: Option<Bytes>,
    /// What is to be done.
    pub next: Next,
}

impl Fate {
    /// Whether tests failed, be it without a name.
    #[must_use]
    pub fn tests_failed(&self) -> bool {
        let nameless = self.judgement.as_ref().is_some_and(|it| it.verdict == Verdict::TestFailure);
        nameless || !self.failed.is_empty()
    }
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    /// Nothing: all of it was executed.
    Done,
    /// It is still to run, as it was planned.
    Keep,
    /// What is left is planned again.
    Again(Again),
    /// Nothing that a plan could do.
    GiveUp,
}

/// How what is left is planned again.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Again {
    /// This suite gets a shard to itself.
    pub apart: Option<String>,
    /// What it was seen to need when memory was out.
    pub kill: Option<Kill>,
    /// It was alone, and needs more than its machine has.
    pub larger: bool,
    /// One worker in place of several.
    pub one_worker: bool,
    /// No shard of it above half of what it was.
    pub half: Option<Half>,
}

/// What is halved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Half {
    /// Its predicted memory above the floor.
    Memory,
    /// Its predicted time without set-up.
    Time,
}

/// The workers of a shard.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pool {
    pub(super) workers: u32,
    /// A plan can say how many there are.
    pub(super) adjustable: bool,
}

/// What `known` means for a shard. `waiting`: a shard that nothing tells of is still to run.
pub(super) fn fate(shard: &Shard, known: &Known, pool: Pool, waiting: bool) -> Fate {
    let ids: BTreeSet<&str> = shard.suites().map(|suite| suite.id.as_str()).collect();
    let mut executed = BTreeSet::new();
    let mut failed = BTreeSet::new();
    for outcome in &known.outcomes {
        let now = executed_in(outcome);
        failed.retain(|id| !now.contains(id));
        failed.extend(outcome.failed());
        executed.extend(now);
    }
    executed.retain(|id| ids.contains(id));
    failed.retain(|id| executed.contains(id));
    let judgement = match (&known.judgement, known.outcomes.is_empty() && waiting) {
        (Some(judgement), _) => Some(judgement.clone()),
        (None, true) => None,
        (None, false) => Some(lost()),
    };
    let silent = executed.is_empty();
    let left = shard.suites().map(|suite| &suite.id).filter(|id| !executed.contains(id.as_str()));
    let left: Vec<String> = left.cloned().collect();
    let newest = known.outcomes.last();
    let next = match &judgement {
        None => Next::Keep,
        Some(_) if left.is_empty() => Next::Done,
        // Tools that tell nothing of their suites: what their end says holds for all of them.
        Some(it) if silent && matches!(it.verdict, Verdict::Passed | Verdict::TestFailure) => Next::Done,
        Some(it) => cure(it, newest, &left, ids.len(), pool),
    };
    let hosts = known.outcomes.iter().filter_map(|outcome| Some(outcome.start.as_ref()?.host));
    let limits = hosts.flat_map(|host| [host.limit_bytes, host.available_bytes]).flatten();
    Fate {
        shard: shard.id.clone(),
        suites: ids.len(),
        executed: executed.into_iter().map(str::to_owned).collect(),
        failed: failed.into_iter().map(str::to_owned).collect(),
        left,
        judgement,
        limit: limits.min(),
        next,
    }
}

/// Suites that ran to their end; of a session that told of none, all of them where it ended well.
fn executed_in(outcome: &Outcome) -> BTreeSet<&str> {
    let mut executed = outcome.executed();
    for session in outcome.last_starts() {
        let well = session.end.as_ref().is_some_and(|end| end.exit == Some(0) && end.stopped.is_none());
        if well && session.finished.is_empty() && session.in_flight().next().is_none() {
            executed.extend(session.start.suites.iter().map(String::as_str));
        }
    }
    executed
}

/// How what is left can end otherwise.
fn cure(
    judgement: &Judgement,
    outcome: Option<&Outcome>,
    left: &[String],
    suites: usize,
    pool: Pool,
) -> Next {
    let mut begun = outcome.map_or_else(Vec::new, in_flight);
    begun.retain(|(id, _)| left.iter().any(|left| left == id));
    let one = match begun.as_slice() {
        [one] => Some(*one),
        _ => None,
    };
    // Nothing ran beside it, and nothing before it in its process.
    let single = suites == 1 || one.is_some_and(|(_, kill)| kill.alone);
    let fewer = pool.workers > 1 && pool.adjustable;
    let rest = Again::default();
    let halved = |half| match fewer && half == Half::Memory && outcome.is_some() {
        true => Again { one_worker: true, ..Again::default() },
        false => Again { half: Some(half), ..Again::default() },
    };
    let sure = judgement.confidence != Confidence::Possible;
    Next::Again(match judgement.verdict {
        Verdict::OutOfMemory | Verdict::MemoryLimit | Verdict::Killed | Verdict::RunnerLost => {
            let proven = judgement.verdict == Verdict::OutOfMemory && sure;
            match one {
                Some((id, kill)) => Again {
                    apart: Some(id.to_owned()),
                    kill: proven.then_some(kill),
                    larger: kill.alone,
                    // Who is only suspected may be innocent.
                    half: (!proven && left.len() > 2).then_some(Half::Memory),
                    ..rest
                },
                None if single => Again { apart: left.first().cloned(), larger: true, ..rest },
                None if judgement.verdict == Verdict::OutOfMemory => halved(Half::Memory),
                None => Again { half: Some(Half::Memory), ..rest },
            }
        }
        _ if single && left.len() == 1 && judgement.verdict != Verdict::Cancelled => return Next::GiveUp,
        Verdict::DaemonCrash | Verdict::ResourceLimit => halved(Half::Memory),
        Verdict::Timeout if left.len() == suites => Again { half: Some(Half::Time), ..rest },
        Verdict::Hang => match one {
            Some((id, ..)) => Again { apart: Some(id.to_owned()), ..rest },
            None if left.len() == suites => Again { half: Some(Half::Time), ..rest },
            None => rest,
        },
        Verdict::Cancelled if left.len() == suites => return Next::Keep,
        Verdict::Timeout
        | Verdict::Cancelled
        | Verdict::Passed
        | Verdict::TestFailure
        | Verdict::Incomplete => rest,
        Verdict::ToolError | Verdict::Unknown => return Next::GiveUp,
    })
}

/// Suites that were cut off, and what each had used.
fn in_flight(outcome: &Outcome) -> Vec<(&str, Kill)> {
    let suspects = outcome.suspects().into_iter();
    suspects.map(|it| (it.begin.id.as_str(), Kill { alone: it.alone, used: it.used.0 })).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Plan;

    fn judged(verdict: Verdict, confidence: Confidence) -> Judgement {
        Judgement { verdict, confidence, evidence: Vec::new(), advice: String::new() }
    }

    /// A shard of these suites.
    fn shard(suites: &str) -> Shard {
        let plan = Plan::from_bytes(include_bytes!("../../testdata/plans/two-shards.json")).unwrap();
        let mut shard = plan.shards[0].clone();
        let any = shard.sessions[0].suites[0].clone();
        shard.sessions.truncate(1);
        shard.sessions[0].suites = suites
            .split_whitespace()
            .map(|id| crate::plan::file::Suite { id: id.to_owned(), ..any.clone() })
            .collect();
        shard
    }

    /// An outcome in which `done` passed and `flying` was cut off at 900 bytes, each begun at 100.
    fn outcome(suites: &str, done: &str, flying: &str) -> Outcome {
        let ids: Vec<&str> = suites.split_whitespace().collect();
        let mut lines = vec![
            r#"{"event":"start","schema":1,"shard":"s","tier":"t","plan":"p","run":"r","attempt":1,"key":"k","at":1,"host":{"limit_bytes":1000}}"#.to_owned(),
            format!(
                r#"{{"event":"session","index":1,"attempt":1,"at":1,"suites":{}}}"#,
                serde_json::to_string(&ids).unwrap()
            ),
        ];
        for id in done.split_whitespace() {
            lines.push(format!(
                r#"{{"event":"suite","worker":"main","id":"{id}","ms":4,"status":"passed","last":false}}"#
            ));
        }
        for id in flying.split_whitespace() {
            lines
                .push(format!(r#"{{"event":"begin","worker":"{id}","id":"{id}","at":2,"level_bytes":100}}"#));
        }
        lines.push(r#"{"event":"sample","at":2,"bytes":900,"available_bytes":5}"#.to_owned());
        crate::outcome::read(lines.join("\n").as_bytes()).unwrap()
    }

    fn shown(next: &Next) -> String {
        let Next::Again(again) = next else { return format!("{next:?}").to_lowercase() };
        let mut words = vec!["again".to_owned()];
        words.extend(again.apart.as_ref().map(|id| format!("apart {id}")));
        words.extend(again.kill.map(|kill| format!("used {}", kill.used)));
        words.extend(again.larger.then(|| "larger".to_owned()));
        words.extend(again.one_worker.then(|| "one worker".to_owned()));
        words.extend(again.half.map(|half| format!("half {half:?}").to_lowercase()));
        words.join(", ")
    }

    #[test]
    fn what_is_done_depends_on_why_it_ended() {
        use Confidence::{Certain, Likely, Possible};
        use Verdict::*;
        let check = |suites: &str, done: &str, flying: &str, workers, judgement, expect: &str| {
            let known = Known { outcomes: vec![outcome(suites, done, flying)], judgement: Some(judgement) };
            let pool = Pool { workers, adjustable: true };
            let fate = fate(&shard(suites), &known, pool, false);
            assert_eq!(shown(&fate.next), expect, "{suites} | {done} | {flying} | {:?}", fate.judgement);
        };
        let all = "a b c d";
        check(all, all, "", 1, judged(Passed, Certain), "done");
        check(all, all, "", 1, judged(TestFailure, Certain), "done");
        check(all, "", "", 1, judged(TestFailure, Likely), "done");
        check(all, "a", "b", 1, judged(OutOfMemory, Certain), "again, apart b, used 800");
        check(all, "a", "b", 1, judged(OutOfMemory, Possible), "again, apart b, half memory");
        check(all, "a b", "c", 1, judged(Killed, Likely), "again, apart c");
        check(all, "a", "b", 1, judged(RunnerLost, Possible), "again, apart b, half memory");
        check(all, "a", "b c", 2, judged(OutOfMemory, Certain), "again, one worker");
        check(all, "a", "b c", 1, judged(OutOfMemory, Certain), "again, half memory");
        check(all, "", "", 1, judged(OutOfMemory, Likely), "again, half memory");
        check(all, "a", "b c", 2, judged(Killed, Likely), "again, half memory");
        check("a", "", "a", 1, judged(OutOfMemory, Certain), "again, apart a, used 800, larger");
        check("a", "", "", 1, judged(RunnerLost, Possible), "again, apart a, larger");
        check(all, "a", "b", 1, judged(Hang, Certain), "again, apart b");
        check(all, "", "", 1, judged(Hang, Certain), "again, half time");
        check("a", "", "a", 1, judged(Hang, Certain), "giveup");
        check(all, "a", "b", 1, judged(Timeout, Certain), "again");
        check(all, "", "a", 1, judged(Timeout, Certain), "again, half time");
        check(all, "", "", 1, judged(Cancelled, Likely), "keep");
        check(all, "a", "b", 1, judged(Cancelled, Likely), "again");
        check(all, "a", "", 1, judged(Incomplete, Certain), "again");
        check("a", "", "", 1, judged(Incomplete, Certain), "giveup");
        check(all, "", "", 4, judged(DaemonCrash, Likely), "again, one worker");
        check(all, "", "", 1, judged(ResourceLimit, Likely), "again, half memory");
        check(all, "", "", 1, judged(ToolError, Likely), "giveup");
        check(all, "", "", 1, judged(Unknown, Possible), "giveup");
    }

    #[test]
    fn attempts_count_together() {
        let known =
            |outcomes| Known { outcomes, judgement: Some(judged(Verdict::OutOfMemory, Confidence::Certain)) };
        let pool = Pool { workers: 1, adjustable: false };
        let two = vec![outcome("a b c", "a", "b"), outcome("a b c", "b", "c")];
        let both = fate(&shard("a b c"), &known(two), pool, false);
        assert_eq!((both.left.join(" "), shown(&both.next)), ("c".into(), "again, apart c, used 800".into()));
        assert_eq!(both.limit, Some(Bytes(1000)));
        // Nothing tells of it: it did not run yet, or its machine is gone.
        let nothing = Known::default();
        assert_eq!(fate(&shard("a b"), &nothing, pool, true).next, Next::Keep);
        assert_eq!(shown(&fate(&shard("a b"), &nothing, pool, false).next), "again, half memory");
    }
}
