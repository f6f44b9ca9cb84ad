//! A job that a CI runs again has only the old plan: what is left of its shard, in smaller sessions of one job.

use std::collections::BTreeSet;

use super::fate::{Pool, fate};
use super::{Known, Next};
use crate::model::{Bytes, Millis, Verdict};
use crate::plan::Shard;
use crate::plan::file::{Session, Suite, Tier};
use crate::plan::law;

/// What is left of a shard.
#[derive(Clone, Debug)]
pub struct Rest {
    /// The shard with what is left, in sessions that give their memory back. Their selections are still to be
    /// written.
    pub shard: Shard,
    /// Its tier, perhaps with one worker.
    pub tier: Tier,
    /// What the attempts before came to.
    pub verdict: Verdict,
    /// Suites that they executed and that did not fail.
    pub done: usize,
}

/// What is left of `shard` after the attempts that `known` tells of, each of which halves it further where nobody is to
/// blame. `None`: it is run as it was planned, because a smaller session would not end otherwise, or because
/// nothing is left. `adjustable`: the command says how many workers there are.
#[must_use]
pub fn rest(shard: &Shard, tier: &Tier, known: &Known, adjustable: bool) -> Option<Rest> {
    let fate = fate(shard, known, Pool { workers: tier.workers, adjustable }, true);
    let Next::Again(again) = &fate.next else { return None };
    let verdict = fate.judgement.as_ref()?.verdict;
    let mut tier = tier.clone();
    if again.one_worker {
        tier.workers = 1;
    }
    // What failed has to pass yet.
    let left: BTreeSet<&str> = fate.left.iter().chain(&fate.failed).map(String::as_str).collect();
    let (apart, rest): (Vec<Suite>, Vec<Suite>) = shard
        .suites()
        .filter(|suite| left.contains(suite.id.as_str()))
        .cloned()
        .partition(|suite| again.apart.as_ref() == Some(&suite.id));
    let pieces = if again.half.is_some() { 1 << known.outcomes.len().min(10) } else { 1 };
    let mut parts: Vec<Vec<Suite>> = match rest.len() {
        0 => Vec::new(),
        some => rest.chunks(some.div_ceil(pieces)).map(<[Suite]>::to_vec).collect(),
    };
    // Last, so that the others have run whatever becomes of it.
    parts.extend((!apart.is_empty()).then_some(apart));
    let same = parts.len() == 1 && parts[0].len() == fate.suites && !again.one_worker;
    if same || tier.each {
        return None;
    }
    let selection = shard.sessions.first().map(|session| session.selection.clone()).unwrap_or_default();
    let session = |suites: Vec<Suite>| Session {
        selection: selection.clone(),
        predicted_ms: Millis(0),
        predicted_bytes: Bytes(0),
        suites,
    };
    let sessions = parts.into_iter().map(session).collect();
    let shard = law::figured(&tier, Shard { sessions, ..shard.clone() });
    Some(Rest { shard, tier, verdict, done: fate.suites - left.len() })
}
