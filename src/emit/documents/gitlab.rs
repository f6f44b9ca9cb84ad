//! A child pipeline for GitLab.
//!
//! What all jobs share is in one hidden job that each extends: GitLab limits a configuration by the memory that it takes
//! once read. Names are unlike each other's and no word of GitLab, and carry the plan's token.

use serde_json::{Value, json};

use super::{Jobs, NOTHING, Ordered, completed, place, pretty, table};
use crate::config::documents::{Gitlab, Table};
use crate::emit::matrix;
use crate::plan::Shard;

/// Bytes that GitLab takes of a pipeline out of an artifact.
const BYTES_MAX: usize = 5 << 20;

/// The job that all others extend.
const BASE: &str = ".shard";

pub(super) fn render(jobs: &Jobs<'_>, config: &Gitlab) -> Result<String, String> {
    let folder = jobs.folder()?;
    let mut base = table(json!({
        "stage": "test",
        "script": [jobs.command()?],
        // Outcomes are wanted above all of jobs that failed.
        "artifacts": {"when": "always", "paths": [format!("{folder}/outcomes")]},
        // Not after a kill: the same job on the same machine would die again. `shard rebalance` does better.
        "retry": {"max": 1, "when": ["runner_system_failure"]},
    }));
    let planner = if jobs.plan.round == 0 { &config.plan_job } else { &config.rebalance_job };
    if !planner.is_empty() {
        base.insert("needs".into(), json!([{"pipeline": "$PARENT_PIPELINE_ID", "job": planner}]));
    }
    let pipeline = completed(config.pipeline.clone(), table(json!({"stages": ["test"]})));
    let mut document: Vec<(String, Value)> = pipeline.into_iter().filter(|(key, _)| key != BASE).collect();
    document.push((BASE.to_owned(), Value::Object(completed(config.job.clone(), base))));
    for (index, shard) in jobs.shards() {
        let name = matrix::name(jobs.plan, index, shard, jobs.digest);
        document.push((name, Value::Object(job(jobs, config, index, shard))));
    }
    if jobs.plan.shards.is_empty() {
        let nothing =
            json!({"extends": [BASE], "before_script": [], "script": [NOTHING], "after_script": []});
        document.push(("no shards".to_owned(), nothing));
    }
    let text = pretty(&Ordered(document))?;
    if text.len() > BYTES_MAX {
        return Err(format!(
            "the pipeline takes {} bytes, more than the {BYTES_MAX} that GitLab takes from an artifact\n  help: plan fewer shards with --shards, or shorten `runs-on`",
            text.len()
        ));
    }
    Ok(text)
}

/// What sets one job apart.
fn job(jobs: &Jobs<'_>, config: &Gitlab, index: usize, shard: &Shard) -> Table {
    let mut variables = jobs.variables(index, shard);
    if config.memory {
        let bytes = shard.budget_bytes.unwrap_or(shard.predicted_bytes).max(shard.predicted_bytes);
        let mebibytes = format!("{}Mi", bytes.0.div_ceil(1 << 20).max(1));
        for name in ["KUBERNETES_MEMORY_REQUEST", "KUBERNETES_MEMORY_LIMIT"] {
            variables.insert(name.to_owned(), json!(mebibytes));
        }
    }
    let mut job = table(json!({
        "extends": [BASE],
        "timeout": format!("{} minutes", shard.timeout_minutes),
        "variables": variables,
    }));
    match place(shard).map(|place| &place.0) {
        // A table is keys of the job.
        Some(Value::Object(keys)) => job = completed(job, keys.clone()),
        Some(Value::Array(tags)) => {
            job.insert("tags".into(), json!(tags));
        }
        Some(tag) => {
            job.insert("tags".into(), json!([tag]));
        }
        None => {}
    }
    job
}
