//! `matrix.json`: one line for a CI's matrix, ids and numbers only.
//!
//! No suite's name is in it: names could be script injections, and outputs are limited.

use serde::Serialize;

use crate::config::{Runner, RunsOn};
use crate::model::Digest;
use crate::plan::{Plan, Shard};

/// One job of a matrix.
#[derive(Serialize)]
pub struct Row<'a> {
    index: usize,
    shard: &'a str,
    name: String,
    tier: &'a str,
    runs_on: &'a RunsOn,
    runs_on_retry: &'a RunsOn,
    workers: u32,
    timeout_minutes: u32,
    suites: usize,
    sessions: usize,
    predicted_seconds: u64,
    predicted_mb: u64,
}

/// One row for each shard, in the plan's order. `digest` is the plan's; its token in every name leads
/// a dead job back to its plan.
#[must_use]
pub fn rows<'a>(plan: &'a Plan, digest: &Digest, runners: &'a [Runner]) -> Vec<Row<'a>> {
    plan.shards.iter().enumerate().map(|(index, shard)| row(plan, index, shard, digest, runners)).collect()
}

/// `{"include":[…]}`: the one line of `matrix.json`, without its end.
///
/// # Errors
/// None in practice: every value here can be written as JSON.
pub fn include(rows: &[Row<'_>]) -> serde_json::Result<String> {
    #[derive(Serialize)]
    struct Matrix<'a> {
        include: &'a [Row<'a>],
    }
    serde_json::to_string(&Matrix { include: rows })
}

/// The name of a shard's job, at most 140 characters: what is left of a job that died with its machine.
#[must_use]
pub fn name(plan: &Plan, index: usize, shard: &Shard, digest: &Digest) -> String {
    format!("{} ({}/{}) [{}]", shard.id, index + 1, plan.shards.len(), digest.token())
}

fn row<'a>(
    plan: &'a Plan,
    index: usize,
    shard: &'a Shard,
    digest: &Digest,
    runners: &'a [Runner],
) -> Row<'a> {
    // Runners are in ascending budget: the first that is larger than this one.
    let larger =
        runners.iter().find(|runner| shard.budget_bytes.is_some_and(|budget| runner.budget > budget));
    Row {
        index,
        shard: &shard.id,
        name: name(plan, index, shard, digest),
        tier: &shard.tier,
        runs_on: &shard.runs_on,
        runs_on_retry: larger.map_or(&shard.runs_on, |runner| &runner.runs_on),
        workers: plan.tiers.iter().find(|tier| tier.name == shard.tier).map_or(1, |tier| tier.workers),
        timeout_minutes: shard.timeout_minutes,
        suites: shard.suites().count(),
        sessions: shard.sessions.len(),
        predicted_seconds: shard.predicted_ms.seconds_ceil(),
        predicted_mb: shard.predicted_bytes.0.div_ceil(1_000_000),
    }
}
