//! A child pipeline for GitLab.
//!
//! What all jobs share is in one hidden job that each extends: GitLab limits a configuration by the memory that it takes
//! once read. Names are unlike each other's and no word of GitLab, and carry the plan's token.

use serde_json::{Value, json};

use super::{CURABLE, Jobs, NOTHING, Ordered, completed, place, pretty, table, verify};
use crate::config::documents::{Gitlab, Table};
use crate::emit::matrix;
use crate::emit::selection::quoted;
use crate::plan::Shard;

/// Bytes that GitLab takes of a pipeline out of an artifact.
const BYTES_MAX: usize = 5 << 20;

/// The job that all others extend.
const BASE: &str = ".shard";

/// Where the pipeline of what is left comes from.
const AGAIN: &str = "again.yml";

pub(super) fn render(jobs: &Jobs<'_>, config: &Gitlab) -> Result<String, String> {
    let first = jobs.plan.round == 0;
    let planner = if first { &config.plan_job } else { &config.rebalance_job };
    let (after, stages) = match (config.rebalance, first) {
        (false, _) => (Vec::new(), vec!["test"]),
        (true, true) => (again(jobs, config)?, vec!["test", "rebalance", "again"]),
        (true, false) => (vec![gate(jobs, config)?], vec!["test", "verify"]),
    };
    let mut document = pipeline(config, &stages)?;
    document.push((BASE.to_owned(), Value::Object(base(jobs, config, planner)?)));
    for (index, shard) in jobs.shards() {
        let name = matrix::name(jobs.plan, index, shard, jobs.digest);
        document.push((name, Value::Object(job(jobs, config, index, shard))));
    }
    if jobs.plan.shards.is_empty() {
        let nothing =
            json!({"extends": [BASE], "before_script": [], "script": [NOTHING], "after_script": []});
        document.push(("no shards".to_owned(), nothing));
    }
    document.extend(after);
    let text = pretty(&Ordered(document))?;
    if text.len() > BYTES_MAX {
        return Err(format!(
            "the pipeline takes {} bytes, more than the {BYTES_MAX} that GitLab takes from an artifact\n  help: plan fewer shards with --shards, or shorten `runs-on`",
            text.len()
        ));
    }
    Ok(text)
}

/// What the user wrote of the pipeline, with our stages behind those of the user.
fn pipeline(config: &Gitlab, ours: &[&str]) -> Result<Vec<(String, Value)>, String> {
    let mut pipeline = config.pipeline.clone();
    let stages = pipeline.entry("stages").or_insert_with(|| json!([]));
    let Value::Array(stages) = stages else {
        return Err("`stages` in [gitlab.pipeline] is not a list".to_owned());
    };
    for stage in ours {
        if !stages.iter().any(|there| there == stage) {
            stages.push(json!(stage));
        }
    }
    Ok(pipeline.into_iter().filter(|(key, _)| key != BASE).collect())
}

/// What all jobs share. `planner` is the job whose artifacts hold the plan.
fn base(jobs: &Jobs<'_>, config: &Gitlab, planner: &str) -> Result<Table, String> {
    let folder = jobs.folder()?;
    // The plan goes on with the outcomes to whoever plans again.
    let mut kept = vec![if config.rebalance { folder.to_owned() } else { format!("{folder}/outcomes") }];
    kept.extend(config.reports.iter().cloned());
    let mut base = table(json!({
        "stage": "test",
        "script": [jobs.command()?],
        // Outcomes are wanted above all of jobs that failed.
        "artifacts": {"when": "always", "paths": kept},
        // Not after a kill: the same job on the same machine would die again. `shard rebalance` does better.
        "retry": {"max": 1, "when": ["runner_system_failure"]},
    }));
    if !planner.is_empty() {
        base.insert("needs".into(), json!([{"pipeline": "$PARENT_PIPELINE_ID", "job": planner}]));
    }
    if config.rebalance && jobs.plan.round == 0 {
        base.insert("allow_failure".into(), json!({"exit_codes": CURABLE}));
    }
    Ok(completed(config.job.clone(), base))
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

/// A job as the user has them, after those before it, whose artifacts it gets, however they ended.
fn later(config: &Gitlab, stage: &str, script: String) -> Value {
    let mut job = config.job.clone();
    ["needs", "dependencies", "rules", "parallel", "artifacts"].iter().for_each(|key| drop(job.remove(*key)));
    let ours = json!({"stage": stage, "script": [script], "when": "always", "allow_failure": false});
    Value::Object(completed(table(ours), job))
}

/// Two jobs: one that plans what is left, one whose pipeline runs that. GitLab allows no third generation, so
/// there is one round.
fn again(jobs: &Jobs<'_>, config: &Gitlab) -> Result<Vec<(String, Value)>, String> {
    let name = match config.rebalance_job.as_str() {
        "" => return Err("`rebalance-job` in [gitlab] is empty, but `rebalance` needs its name".to_owned()),
        name => name.to_owned(),
    };
    let folder = jobs.folder()?;
    let plan = quoted(&format!("{folder}/plan.json"));
    let script = format!("shard rebalance --plan {plan} --format gitlab > {AGAIN}");
    let mut rebalance = later(config, "rebalance", script);
    // With the reports of this round.
    let mut kept = vec![AGAIN.to_owned(), folder.to_owned()];
    kept.extend(config.reports.iter().cloned());
    rebalance["artifacts"] = json!({"paths": kept});
    let trigger = json!({
        "stage": "again",
        "trigger": {"include": [{"artifact": AGAIN, "job": name}], "strategy": "depend"},
        "variables": {"PARENT_PIPELINE_ID": "$CI_PIPELINE_ID"},
    });
    Ok(vec![(name, rebalance), ("again".to_owned(), trigger)])
}

/// The job that tells after the last round whether every suite ran and passed.
fn gate(jobs: &Jobs<'_>, config: &Gitlab) -> Result<(String, Value), String> {
    Ok(("verify".to_owned(), later(config, "verify", verify(jobs.folder()?, &config.reports))))
}
