//! `matrix.json`: one line for a CI's matrix, ids and numbers only.
//!
//! No suite's name is in it: names could be script injections, and outputs are limited.

use schemars::JsonSchema;
use serde::Serialize;

use crate::config::{Runner, RunsOn};
use crate::model::Digest;
use crate::plan::{Plan, Shard};

/// The jobs of a CI's matrix. Ids and numbers only, never the name of a suite.
#[derive(Serialize, JsonSchema)]
pub struct Matrix<'a> {
    /// One for each shard, in the plan's order.
    include: &'a [Row<'a>],
}

/// One job of a matrix.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Job")]
pub struct Row<'a> {
    /// Its place, from 0.
    index: usize,
    /// The shard.
    shard: &'a str,
    /// What the job is called: with the plan's token, so that a dead job leads back to its plan.
    name: String,
    /// The shard's tier.
    tier: &'a str,
    /// What it runs on, verbatim.
    runs_on: &'a RunsOn,
    /// What to run it on again after it ran out of memory.
    runs_on_retry: &'a RunsOn,
    /// Worker processes of a session.
    workers: u32,
    /// When it is given up, in minutes.
    timeout_minutes: u32,
    /// How many suites it has.
    suites: usize,
    /// How many sessions, one after another.
    sessions: usize,
    /// Set-up and all sessions, in seconds, rounded up.
    predicted_seconds: u64,
    /// The largest session at its peak, in MB (powers of ten), rounded up.
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
