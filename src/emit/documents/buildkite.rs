//! Steps for `buildkite-agent pipeline upload`.
//!
//! The agent replaces variables in all that it uploads; every `$` is doubled, so that what was written reaches the job.

use serde_json::{Value, json};

use super::{CURABLE, Jobs, NOTHING, completed, mapped, place, pretty, table, verify};
use crate::config::documents::{Buildkite, Table};
use crate::emit::matrix;
use crate::emit::selection::quoted;
use crate::plan::Shard;
use crate::text::count;

/// Only what the step uploaded that planned what is left.
const FROM_REBALANCE: &str = " --step rebalance";

/// Jobs that Buildkite takes of one upload.
const JOBS_MAX: usize = 500;

pub(super) fn render(jobs: &Jobs<'_>, config: &Buildkite) -> Result<String, String> {
    let shards = jobs.plan.shards.len();
    if shards > JOBS_MAX {
        return Err(format!(
            "{} are more jobs than the {JOBS_MAX} that Buildkite takes of one upload\n  help: plan with --shards {JOBS_MAX} or fewer",
            count(shards, "shard")
        ));
    }
    let common = common(jobs, config)?;
    let mut steps: Vec<Value> =
        jobs.shards().map(|(index, shard)| Value::Object(one(jobs, &common, index, shard))).collect();
    if steps.is_empty() {
        steps.push(plain(config, "no shards", vec![NOTHING.to_owned()]));
    }
    // A key is there once in a build, and a later round is in the same build.
    let key = match jobs.plan.round {
        0 => "shards".to_owned(),
        round => format!("shards-{round}"),
    };
    let mut all = vec![json!({"group": "shards", "key": key, "steps": steps})];
    if config.rebalance {
        all.push(json!({"wait": null, "continue_on_failure": true}));
        all.push(if jobs.plan.round == 0 { again(jobs, config)? } else { gate(jobs, config)? });
    }
    let mut document = config.pipeline.clone();
    document.insert("steps".into(), json!(all));
    pretty(&mapped(Value::Object(document), &doubled)?)
}

fn download(what: &str, more: &str) -> String {
    format!("buildkite-agent artifact download {} .{more}", quoted(&format!("{what}/*")))
}

/// What all steps share.
fn common(jobs: &Jobs<'_>, config: &Buildkite) -> Result<Table, String> {
    let folder = jobs.folder()?;
    let mut step = config.step.clone();
    if !["command", "commands", "trigger"].iter().any(|key| step.contains_key(*key)) {
        // The plan of a later round is that of its own step.
        let from = if config.rebalance && jobs.plan.round > 0 { FROM_REBALANCE } else { "" };
        // A retry goes on where the attempt before ended; one that died has left nothing.
        let earlier = download(&format!("{folder}/outcomes"), " || true");
        let retry = format!("test \"${{BUILDKITE_RETRY_COUNT:-0}}\" = 0 || {earlier}");
        let mut commands = vec![download(folder, from), retry];
        commands.extend(config.before.iter().cloned());
        commands.push(jobs.command()?);
        step.insert("commands".into(), json!(commands));
    }
    let mut kept = vec![format!("{folder}/outcomes/*")];
    kept.extend(config.reports.iter().cloned());
    let mut ours = table(json!({
        "artifact_paths": kept,
        // An agent that was lost. Another try on the same queue helps against nothing else.
        "retry": {"automatic": [{"exit_status": -1, "limit": 1}]},
    }));
    if config.rebalance && jobs.plan.round == 0 {
        let codes: Vec<Value> = CURABLE.iter().map(|code| json!({"exit_status": code})).collect();
        ours.insert("soft_fail".into(), json!(codes));
    }
    Ok(completed(step, ours))
}

/// A step on the same agents that runs no test.
fn plain(config: &Buildkite, label: &str, commands: Vec<String>) -> Value {
    let mut step = config.step.clone();
    ["command", "artifact_paths", "soft_fail"].iter().for_each(|key| drop(step.remove(*key)));
    step.insert("label".into(), json!(label));
    step.insert("commands".into(), json!(commands));
    Value::Object(step)
}

/// The step that plans what is left, and uploads the steps that run it.
fn again(jobs: &Jobs<'_>, config: &Buildkite) -> Result<Value, String> {
    let folder = jobs.folder()?;
    let plan = quoted(&format!("{folder}/plan.json"));
    let commands = vec![
        download(folder, ""),
        download(&format!("{folder}/outcomes"), ""),
        format!("shard rebalance --plan {plan} --format buildkite > again.json"),
        format!("buildkite-agent artifact upload {}", quoted(&format!("{folder}/**/*"))),
        "buildkite-agent pipeline upload again.json".to_owned(),
    ];
    let mut step = plain(config, "rebalance", commands);
    step["key"] = json!("rebalance");
    Ok(step)
}

/// The step that tells after the last round whether every suite ran and passed.
fn gate(jobs: &Jobs<'_>, config: &Buildkite) -> Result<Value, String> {
    let folder = jobs.folder()?;
    let mut commands = vec![download(&format!("{folder}/outcomes"), ""), download(folder, FROM_REBALANCE)];
    let reports = config.reports.iter();
    commands.extend(reports.map(|glob| format!("buildkite-agent artifact download {} .", quoted(glob))));
    commands.push(verify(folder, &config.reports));
    Ok(plain(config, "verify", commands))
}

/// What sets one step apart, over what all share: of `env` and `agents` both count.
fn one(jobs: &Jobs<'_>, common: &Table, index: usize, shard: &Shard) -> Table {
    let mut step = table(json!({
        "label": matrix::name(jobs.plan, index, shard, jobs.digest),
        "env": jobs.variables(index, shard),
        "timeout_in_minutes": shard.timeout_minutes,
    }));
    if let Some(place) = place(shard) {
        let agents = match &place.0 {
            Value::String(queue) => json!({"queue": queue}),
            rules => rules.clone(),
        };
        step.insert("agents".into(), agents);
    }
    completed(step, common.clone())
}

/// `$` as it survives the upload. A backslash in front of it takes part in the agent's own escaping, in which
/// one alone cannot be written.
fn doubled(text: &str) -> Result<String, String> {
    let mut backslashes = 0;
    for c in text.chars() {
        if c == '$' && backslashes % 2 == 1 {
            return Err(format!(
                "`{}` has `\\$`, which Buildkite's agent cannot upload\n  help: put the command into a script of the repository",
                crate::text::printable(text)
            ));
        }
        backslashes = if c == '\\' { backslashes + 1 } else { 0 };
    }
    Ok(text.replace('$', "$$"))
}

#[cfg(test)]
mod tests {
    use super::doubled;

    #[test]
    fn variables_are_those_of_the_job() {
        let check = |text: &str, expect: Option<&str>| {
            assert_eq!(doubled(text).ok().as_deref(), expect, "{text}");
        };
        check("a", Some("a"));
        check("$HOME ${X:-y} $(pwd) $$ 5$", Some("$$HOME $${X:-y} $$(pwd) $$$$ 5$$"));
        check(r"\\$HOME", Some(r"\\$$HOME"));
        check(r"\n$HOME", Some(r"\n$$HOME"));
        check(r"\$HOME", None);
        check(r"\\\$HOME", None);
    }
}
