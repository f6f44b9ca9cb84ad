//! Steps for `buildkite-agent pipeline upload`.
//!
//! The agent replaces variables in all that it uploads; every `$` is doubled, so that what was written reaches the job.

use serde_json::{Value, json};

use super::{Jobs, NOTHING, completed, mapped, place, pretty, table};
use crate::config::documents::{Buildkite, Table};
use crate::emit::matrix;
use crate::emit::selection::quoted;
use crate::plan::Shard;
use crate::text::count;

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
    let folder = jobs.folder()?;
    let mut step = config.step.clone();
    if !["command", "commands", "trigger"].iter().any(|key| step.contains_key(*key)) {
        // `*` means what lies deeper too. Outcomes of an earlier attempt come with the plan.
        let download = format!("buildkite-agent artifact download {} .", quoted(&format!("{folder}/*")));
        let mut commands = vec![download];
        commands.extend(config.before.iter().cloned());
        commands.push(jobs.command()?);
        step.insert("commands".into(), json!(commands));
    }
    let common = completed(
        step,
        table(json!({
            "artifact_paths": [format!("{folder}/outcomes/*")],
            // An agent that was lost. Another try on the same queue helps against nothing else.
            "retry": {"automatic": [{"exit_status": -1, "limit": 1}]},
        })),
    );
    let mut steps: Vec<Value> =
        jobs.shards().map(|(index, shard)| Value::Object(one(jobs, &common, index, shard))).collect();
    if steps.is_empty() {
        let mut step = config.step.clone();
        ["command", "plugins", "artifact_paths"].iter().for_each(|key| drop(step.remove(*key)));
        step.insert("label".into(), json!("no shards"));
        step.insert("commands".into(), json!([NOTHING]));
        steps.push(Value::Object(step));
    }
    // A key is there once in a build, and a later round is in the same build.
    let key = match jobs.plan.round {
        0 => "shards".to_owned(),
        round => format!("shards-{round}"),
    };
    let mut document = config.pipeline.clone();
    document.insert("steps".into(), json!([{"group": "shards", "key": key, "steps": steps}]));
    pretty(&mapped(Value::Object(document), &doubled)?)
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
