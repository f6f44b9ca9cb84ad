//! Which suites are so long that their parts should be suites of their own.
//!
//! Tiers ask for it with `split = true`. A suite is cut where a listing named its tests, the history
//! knows how long they take, and no rule means it.

use std::collections::BTreeSet;

use super::Sources;
use super::file::{ObjectiveKind, Plan};
use crate::history::History;
use crate::model::Millis;

/// The suites that may be cut.
fn open(sources: &Sources<'_>, history: &History) -> Vec<bool> {
    let config = sources.config;
    let suites = sources.inventory.suites.iter().zip(sources.assigned).enumerate();
    suites
        .map(|(number, (suite, tier))| {
            config.tiers[*tier].split
                && suite.has_parts()
                && history.inside.get(number).copied().unwrap_or(false)
                && !config.rules.iter().any(|rule| rule.matches.matches(&suite.id))
        })
        .collect()
}

/// How long a shard takes that holds nothing but this suite.
fn alone(sources: &Sources<'_>, suite: usize) -> Millis {
    let tier = &sources.config.tiers[sources.assigned[suite]];
    tier.setup + tier.session_start + sources.estimates.suites[suite].cost.time
}

/// The target that a suite's shard has to meet.
fn target(sources: &Sources<'_>, suite: usize) -> Option<Millis> {
    sources.config.tiers[sources.assigned[suite]].goal.target.or(sources.config.goal.target)
}

/// Suites that miss their target even alone.
#[must_use]
pub fn beyond_target(sources: &Sources<'_>, history: &History) -> BTreeSet<usize> {
    let open = open(sources, history);
    let misses =
        |suite: &usize| target(sources, *suite).is_some_and(|target| alone(sources, *suite) > target);
    (0..open.len()).filter(|suite| open[*suite] && misses(suite)).collect()
}

/// Suites without a target that are longer than everyone's share of `plan`, and than every suite that
/// cannot be cut: without them the longest shard would be shorter.
#[must_use]
pub fn beyond_share(sources: &Sources<'_>, history: &History, plan: &Plan) -> BTreeSet<usize> {
    let mut open = open(sources, history);
    (0..open.len()).for_each(|suite| open[suite] &= target(sources, suite).is_none());
    let shards = plan.objective.shards.map_or(plan.shards.len(), |shards| shards as usize);
    let whole: Millis = plan.shards.iter().map(|shard| shard.predicted_ms).sum();
    let share = Millis(whole.0.div_ceil(shards.max(1) as u64));
    let fixed = (0..open.len()).filter(|suite| !open[*suite]).map(|suite| alone(sources, suite));
    let enough = fixed.max().unwrap_or_default().max(share);
    (0..open.len()).filter(|suite| open[*suite] && alone(sources, *suite) > enough).collect()
}

/// Whether `plan` was worth cutting suites, beside the plan before: it costs less where shards are to
/// pay, and else its longest shard is shorter; it never needs more shards than were asked for, nor more
/// of them above the budget.
#[must_use]
pub fn is_better(plan: &Plan, before: &Plan) -> bool {
    let oversize = |plan: &Plan| plan.shards.iter().filter(|shard| shard.oversize).count();
    let value = |plan: &Plan| match plan.objective.kind {
        ObjectiveKind::Price => (0, cost(plan)),
        ObjectiveKind::Shards => (0, u128::from(plan.quality.makespan_ms.0)),
        ObjectiveKind::Memory | ObjectiveKind::Target => {
            (plan.shards.len(), u128::from(plan.quality.makespan_ms.0))
        }
    };
    oversize(plan) <= oversize(before) && value(plan) < value(before)
}

/// What a plan costs whose number of shards was to pay: waiting and shards as time, or as money.
fn cost(plan: &Plan) -> u128 {
    let point = plan.curve.iter().find(|point| point.shards == plan.shards.len());
    let wall = point.map_or(plan.quality.makespan_ms, |point| point.wall_ms);
    plan.objective.cost(plan.shards.len(), wall, point.and_then(|point| point.price))
}
