//! Two plans: what moved and why, what is new, gone, longer or heavier.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde::Serialize;

use super::file::{Ended, Objective, Plan, Shard, Suite};
use super::law;
use crate::model::{Bytes, Confidence, Millis, Verdict};

/// Everything that differs. Suites in the order of their ids, shards in that of the later plan.
#[derive(Debug, Serialize)]
pub struct Diff {
    /// The version of this shape.
    pub schema: u64,
    /// The earlier plan.
    pub old: Totals,
    /// The later plan.
    pub new: Totals,
    /// Tiers that may use more or less than before.
    pub budgets: Vec<BudgetChange>,
    /// Suites that both plans have.
    pub common: usize,
    /// Shards that are not as they were.
    pub shards: Vec<ShardChange>,
    /// Suites in another shard than before.
    pub moved: Vec<Moved>,
    /// Suites that only the later plan has.
    pub added: Vec<Placed>,
    /// Suites that only the earlier plan has.
    pub removed: Vec<Placed>,
    /// Where the later plan is the rest of the earlier one: suites that were executed, which need no plan any
    /// more.
    pub executed: Vec<Placed>,
    /// And those that no plan cures.
    pub given_up: Vec<Placed>,
    /// Suites with other figures than before, the largest change of time first.
    pub changed: Vec<Changed>,
}

/// A plan in short.
#[derive(Debug, Serialize)]
pub struct Totals {
    /// What was asked for.
    pub objective: Objective,
    /// How many shards.
    pub shards: usize,
    /// How many suites.
    pub suites: usize,
    /// The longest shard.
    pub makespan_ms: Millis,
    /// The largest shard.
    pub peak_bytes: Bytes,
}

/// What a tier's shards may use, before and after; `None`: any amount.
#[derive(Debug, Serialize)]
pub struct BudgetChange {
    /// The tier.
    pub tier: String,
    /// Before.
    pub old: Option<Bytes>,
    /// And after.
    pub new: Option<Bytes>,
}

/// A shard before and after.
#[derive(Debug, Serialize)]
pub struct ShardChange {
    /// Its name.
    pub shard: String,
    /// `None`: it is new.
    pub old: Option<Size>,
    /// `None`: it is gone.
    pub new: Option<Size>,
}

/// What a shard takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Size {
    /// How many suites.
    pub suites: usize,
    /// Set-up and all sessions.
    pub ms: Millis,
    /// The largest session.
    pub bytes: Bytes,
}

/// A suite in another shard than before.
#[derive(Debug, Serialize)]
pub struct Moved {
    /// The suite.
    pub id: String,
    /// Where it was.
    pub from: String,
    /// Where it is.
    pub to: String,
    /// Why it left.
    pub why: Why,
}

/// Why a suite left its shard: what is known from the two plans alone, the strongest reason first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case", tag = "reason")]
pub enum Why {
    /// It belongs to another tier now.
    Tier,
    /// Its shard ended early, and this is what was left of it.
    Ended {
        /// What its end means.
        verdict: Verdict,
        /// How sure that is.
        confidence: Confidence,
    },
    /// Its shard is gone.
    ShardGone,
    /// With what was in it before, its shard would be above its budget now.
    AboveBudget {
        /// What it would need.
        bytes: Bytes,
        /// How much too much that is.
        above_bytes: Bytes,
    },
    /// With what was in it before, its shard would be longer than the longest is.
    TooLong {
        /// What it would take.
        ms: Millis,
        /// How much longer than the longest that is.
        above_ms: Millis,
    },
    /// Its shard was not there before.
    ShardNew,
    /// None of these: it makes room for others, or evens out the plan.
    Balance,
}

/// A suite and its shard.
#[derive(Debug, Serialize)]
pub struct Placed {
    /// The suite.
    pub id: String,
    /// Its shard.
    pub shard: String,
}

/// A suite with other figures than before.
#[derive(Debug, Serialize)]
pub struct Changed {
    /// The suite.
    pub id: String,
    /// The shard that it was in.
    pub from: String,
    /// Its time before.
    pub old_ms: Millis,
    /// And after.
    pub new_ms: Millis,
    /// Its import, retained and transient bytes together, before.
    pub old_bytes: Bytes,
    /// And after.
    pub new_bytes: Bytes,
}

/// What became of `old` in `new`. `rest`: the later plan is what was left of the earlier one when its shards had
/// ended.
#[must_use]
pub fn diff(old: &Plan, new: &Plan, rest: bool) -> Diff {
    let ended: HashMap<&str, &Ended> =
        new.ended.iter().filter(|_| rest).map(|ended| (ended.shard.as_str(), ended)).collect();
    let before: BTreeMap<&str, (&Shard, &Suite)> = by_id(old);
    let after: BTreeMap<&str, (&Shard, &Suite)> = by_id(new);
    let both = || after.iter().filter_map(|(id, now)| Some((*id, *before.get(id)?, *now)));
    let mut reasons: HashMap<&str, Why> = HashMap::new();
    let old_names: BTreeSet<&str> = old.shards.iter().map(|shard| shard.id.as_str()).collect();
    let new_shards: HashMap<&str, &Shard> =
        new.shards.iter().map(|shard| (shard.id.as_str(), shard)).collect();
    let moved = both().filter(|(_, (was, _), (is, _))| was.id != is.id).map(|(id, (was, _), (is, _))| {
        let why = *reasons
            .entry(&was.id)
            .or_insert_with(|| leave(was, new, new_shards.get(was.id.as_str()).copied(), &after));
        let why = match why {
            _ if was.tier != is.tier => Why::Tier,
            _ if ended.contains_key(was.id.as_str()) => {
                let Ended { verdict, confidence, .. } = ended[was.id.as_str()];
                Why::Ended { verdict: *verdict, confidence: *confidence }
            }
            Why::Balance if !old_names.contains(is.id.as_str()) => Why::ShardNew,
            why => why,
        };
        Moved { id: id.to_owned(), from: was.id.clone(), to: is.id.clone(), why }
    });
    let mut changed: Vec<Changed> = both()
        .map(|(id, (from, was), (_, is))| Changed {
            id: id.to_owned(),
            from: from.id.clone(),
            old_ms: was.ms,
            new_ms: is.ms,
            old_bytes: bytes(was),
            new_bytes: bytes(is),
        })
        .filter(|changed| changed.old_ms != changed.new_ms || changed.old_bytes != changed.new_bytes)
        .collect();
    changed.sort_by_key(|changed| {
        (
            Reverse(changed.old_ms.0.abs_diff(changed.new_ms.0)),
            Reverse(changed.old_bytes.0.abs_diff(changed.new_bytes.0)),
        )
    });
    let only = |these: &BTreeMap<&str, (&Shard, &Suite)>, those: &BTreeMap<&str, (&Shard, &Suite)>| {
        let only = these.iter().filter(|(id, _)| !those.contains_key(*id));
        only.map(|(id, (shard, _))| Placed { id: (*id).to_owned(), shard: shard.id.clone() }).collect()
    };
    let gone: Vec<Placed> = only(&before, &after);
    let hopeless = |placed: &Placed| {
        ended.get(placed.shard.as_str()).is_some_and(|ended| ended.given_up.contains(&placed.id))
    };
    let (given_up, gone): (Vec<Placed>, Vec<Placed>) = gone.into_iter().partition(hopeless);
    let (executed, removed) = if rest { (gone, Vec::new()) } else { (Vec::new(), gone) };
    Diff {
        schema: super::file::SCHEMA,
        old: totals(old),
        new: totals(new),
        budgets: budgets(old, new),
        common: both().count(),
        shards: shards(old, new),
        moved: moved.collect(),
        added: only(&after, &before),
        removed,
        executed,
        given_up,
        changed,
    }
}

fn budgets(old: &Plan, new: &Plan) -> Vec<BudgetChange> {
    let was = |name: &str| old.tiers.iter().find(|tier| tier.name == name).map(|tier| tier.budget_bytes);
    let both = new.tiers.iter().filter_map(|tier| Some((tier, was(&tier.name)?)));
    both.filter(|(tier, old)| tier.budget_bytes != *old)
        .map(|(tier, old)| BudgetChange { tier: tier.name.clone(), old, new: tier.budget_bytes })
        .collect()
}

fn by_id(plan: &Plan) -> BTreeMap<&str, (&Shard, &Suite)> {
    plan.suites().map(|(shard, suite)| (suite.id.as_str(), (shard, suite))).collect()
}

fn bytes(suite: &Suite) -> Bytes {
    suite.import_bytes + suite.retained_bytes + suite.transient_bytes
}

fn totals(plan: &Plan) -> Totals {
    Totals {
        objective: plan.objective.clone(),
        shards: plan.shards.len(),
        suites: plan.suites().count(),
        makespan_ms: plan.quality.makespan_ms,
        peak_bytes: plan.quality.peak_bytes,
    }
}

fn size(shard: &Shard) -> Size {
    Size { suites: shard.suites().count(), ms: shard.predicted_ms, bytes: shard.predicted_bytes }
}

/// Those that differ: the later plan's in its order, then those that are gone.
fn shards(old: &Plan, new: &Plan) -> Vec<ShardChange> {
    let names: BTreeSet<&str> = new.shards.iter().map(|shard| shard.id.as_str()).collect();
    let gone = old.shards.iter().filter(|shard| !names.contains(shard.id.as_str()));
    let was: HashMap<&str, &Shard> = old.shards.iter().map(|shard| (shard.id.as_str(), shard)).collect();
    let now = new.shards.iter().map(|shard| ShardChange {
        shard: shard.id.clone(),
        old: was.get(shard.id.as_str()).map(|shard| size(shard)),
        new: Some(size(shard)),
    });
    let gone = gone.map(|shard| ShardChange { shard: shard.id.clone(), old: Some(size(shard)), new: None });
    now.chain(gone).filter(|change| change.old != change.new).collect()
}

/// Why suites had to leave `was`: what it would take in the later plan with what it held.
fn leave(was: &Shard, new: &Plan, now: Option<&Shard>, after: &BTreeMap<&str, (&Shard, &Suite)>) -> Why {
    let Some(now) = now else { return Why::ShardGone };
    let Some(tier) = new.tiers.iter().find(|tier| tier.name == was.tier) else { return Why::ShardGone };
    let (mut ms, mut bytes) = (tier.setup_ms, Bytes(0));
    for session in &was.sessions {
        let stayed = session.suites.iter().filter_map(|suite| after.get(suite.id.as_str()));
        let held: Vec<Suite> =
            stayed.filter(|(shard, _)| shard.tier == was.tier).map(|(_, suite)| (*suite).clone()).collect();
        if held.is_empty() {
            continue;
        }
        let need = law::session_need(tier, now, held);
        ms += need.0 + tier.session_start_ms;
        bytes = bytes.max(need.1);
    }
    let longest = new.quality.makespan_ms;
    match now.budget_bytes.filter(|_| !new.memory_is_assumed(&was.tier)) {
        Some(budget) if bytes > budget => {
            Why::AboveBudget { bytes, above_bytes: bytes.saturating_sub(budget) }
        }
        _ if ms > longest => Why::TooLong { ms, above_ms: Millis(ms.0 - longest.0) },
        _ => Why::Balance,
    }
}
