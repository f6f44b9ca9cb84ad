//! A configuration to continue a setup workflow of CircleCI with.
//!
//! One job for each kind of machine, with the shard as its parameter. `<<` begins an expression there, so the user's is
//! escaped.

use serde_json::{Value, json};

use super::{Jobs, NOTHING, completed, mapped, place, pretty, table};
use crate::config::RunsOn;
use crate::config::documents::{Circleci, Table};

/// Keys of a job that say what kind of machine it has.
const EXECUTORS: [&str; 4] = ["docker", "machine", "macos", "executor"];

/// Of a job that says nothing of its machine.
const MACHINE: &str = "ubuntu-2404:current";

pub(super) fn render(jobs: &Jobs<'_>, config: &Circleci) -> Result<String, String> {
    let user = |value: Value| mapped::<String>(value, &|text| Ok(text.replace("<<", "\\<<")));
    let folder = jobs.folder()?;
    let job = table(user(Value::Object(config.job.clone()))?);
    let before = config.before.iter().cloned().map(user).collect::<Result<Vec<_>, _>>()?;
    // A workspace ends with its workflow; a cache is there for the whole pipeline.
    let mut steps =
        vec![json!("checkout"), json!({"restore_cache": {"keys": ["shard-plan-<< pipeline.id >>"]}})];
    steps.extend(before);
    steps.push(json!({"run": {"name": "shard", "command": jobs.command()?}}));
    steps.push(json!({"store_artifacts": {"path": format!("{folder}/outcomes"), "destination": "outcomes"}}));

    let mut kinds: Vec<Option<&RunsOn>> = Vec::new();
    let (mut definitions, mut runs) = (Table::new(), Vec::new());
    for (index, shard) in jobs.shards() {
        let place = place(shard);
        let known = kinds.iter().position(|kind| *kind == place);
        let kind = known.unwrap_or(kinds.len());
        let name = if kind == 0 { "shard".to_owned() } else { format!("shard-{}", kind + 1) };
        if known.is_none() {
            kinds.push(place);
            let place = place.map(|place| user(place.0.clone())).transpose()?;
            let mut variables = jobs.variables(index, shard);
            variables.insert("SHARD_INDEX".into(), json!("<< parameters.index >>"));
            variables.insert("SHARD_NAME".into(), json!("<< parameters.shard >>"));
            let ours = table(json!({
                "parameters": {"index": {"type": "string"}, "shard": {"type": "string"}},
                "environment": variables,
                "steps": steps,
            }));
            definitions.insert(name.clone(), Value::Object(placed(completed(job.clone(), ours), place)?));
        }
        let run = format!("{}-{}", shard.id, jobs.digest.token());
        runs.push(json!({name: {"name": run, "shard": shard.id, "index": index.to_string()}}));
    }
    if runs.is_empty() {
        let nothing = completed(table(json!({"steps": [{"run": NOTHING}]})), job);
        definitions.insert("no-shards".into(), Value::Object(placed(nothing, None)?));
        runs.push(json!("no-shards"));
    }
    let ours = table(json!({"jobs": definitions, "workflows": {"shards": {"jobs": runs}}}));
    let mut document = completed(table(user(Value::Object(config.pipeline.clone()))?), ours);
    document.insert("version".into(), json!(2.1));
    pretty(&document)
}

/// A job with its machine: a name is a resource class, a table is keys of the job.
fn placed(mut job: Table, place: Option<Value>) -> Result<Table, String> {
    match place {
        None => {}
        Some(Value::String(class)) => drop(job.insert("resource_class".into(), json!(class))),
        Some(Value::Object(keys)) => {
            // One kind of machine replaces another.
            if EXECUTORS.iter().any(|key| keys.contains_key(*key)) {
                EXECUTORS.iter().for_each(|key| drop(job.remove(*key)));
            }
            job = completed(keys, job);
        }
        Some(_) => {
            return Err(
                "CircleCI knows no list of labels\n  help: write runs-on as a resource class, or as a table such as { docker = [{ image = \"…\" }], resource_class = \"large\" }"
                    .to_owned(),
            );
        }
    }
    if !EXECUTORS.iter().any(|key| job.contains_key(*key)) {
        job.insert("machine".into(), json!({"image": MACHINE}));
    }
    Ok(job)
}
