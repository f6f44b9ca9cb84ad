//! A plan as the document that makes jobs of it in a CI.
//!
//! All are JSON, which is YAML too. In them are ids and numbers of the plan and the user's own configuration, never a
//! suite's name: names could be commands, and documents are limited. A job finds its suites by its number.

mod azure;
mod buildkite;
mod circleci;
mod gitlab;

use std::fmt::Write as _;

use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};
use serde_json::{Value, json};

use super::selection::quoted;
use crate::config::documents::Table;
use crate::config::{Config, RunsOn, Tier};
use crate::exit;
use crate::model::Digest;
use crate::plan::{Plan, Shard};

/// The CIs that get a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ci {
    /// A child pipeline.
    Gitlab,
    /// Steps for `buildkite-agent pipeline upload`.
    Buildkite,
    /// A configuration for `continuation/continue`.
    Circleci,
    /// The matrix of a job, in one line.
    Azure,
}

/// The document that makes jobs of a plan. `folder` is where the plan lies, from where the jobs work.
///
/// # Errors
/// What the CI does not take, in words, with what would do.
pub fn render(ci: Ci, plan: &Plan, digest: &Digest, config: &Config, folder: &str) -> Result<String, String> {
    let jobs = Jobs { plan, digest, folder };
    match ci {
        Ci::Gitlab => gitlab::render(&jobs, &config.gitlab),
        Ci::Buildkite => buildkite::render(&jobs, &config.buildkite),
        Ci::Circleci => circleci::render(&jobs, &config.circleci),
        Ci::Azure => azure::render(&jobs),
    }
}

/// A plan, as the jobs of any CI see it.
struct Jobs<'a> {
    plan: &'a Plan,
    digest: &'a Digest,
    folder: &'a str,
}

impl Jobs<'_> {
    /// The shards with their numbers.
    fn shards(&self) -> impl Iterator<Item = (usize, &Shard)> {
        self.plan.shards.iter().enumerate()
    }

    /// By these a job finds its shard, and sees that it is of the plan that it has.
    fn variables(&self, index: usize, shard: &Shard) -> Table {
        table(json!({
            "SHARD_INDEX": index.to_string(),
            "SHARD_TOTAL": self.plan.shards.len().to_string(),
            "SHARD_NAME": shard.id,
            "SHARD_PLAN_TOKEN": self.digest.token(),
        }))
    }

    /// The plan's folder, as it is below the folder that a job works in.
    fn folder(&self) -> Result<&str, String> {
        let folder = self.folder.strip_prefix("./").unwrap_or(self.folder);
        let beyond = folder.split('/').any(|part| part == "..");
        if beyond || folder.is_empty() || folder.starts_with('/') || folder.contains([':', '\\']) {
            return Err(format!(
                "jobs on other machines cannot find the plan in `{}`\n  help: name an --out below the working directory",
                crate::text::printable(self.folder)
            ));
        }
        Ok(folder)
    }

    /// The command that runs a job's shard, as a shell has it.
    fn command(&self) -> Result<String, String> {
        Ok(format!("shard run --plan {}", quoted(&format!("{}/plan.json", self.folder()?))))
    }
}

/// Exit codes of jobs that a plan for what is left can cure: stopped before memory ran out, an abort of the runtime at its
/// own limit, killed.
const CURABLE: [u8; 3] = [exit::RUN_GUARD, 134, 137];

/// Said by the only job of a plan without shards, for CIs that refuse a pipeline without jobs.
const NOTHING: &str = "echo 'The plan has no shards: nothing is left to run.'";

/// The command that tells after the last round whether every suite ran and passed.
fn verify(folder: &str, reports: &[String]) -> String {
    let sources = std::iter::once(format!("{folder}/outcomes")).chain(reports.iter().cloned());
    let sources: Vec<String> = sources.map(|source| quoted(&source)).collect();
    format!("shard verify --plan {} {}", quoted(&format!("{folder}/plan.json")), sources.join(" "))
}

/// Where a shard runs, where somebody said that: the default is a machine of another CI.
fn place(shard: &Shard) -> Option<&RunsOn> {
    (shard.runs_on != Tier::default().runs_on).then_some(&shard.runs_on)
}

/// The object that a `json!({…})` is.
fn table(value: Value) -> Table {
    match value {
        Value::Object(table) => table,
        _ => Table::new(),
    }
}

/// What the user wrote, and of ours what is missing there; tables in both become one in the same way.
fn completed(mut theirs: Table, ours: Table) -> Table {
    for (key, value) in ours {
        match (theirs.get_mut(&key), value) {
            (None, value) => {
                theirs.insert(key, value);
            }
            (Some(Value::Object(there)), Value::Object(value)) => {
                *there = completed(std::mem::take(there), value);
            }
            (Some(_), _) => {}
        }
    }
    theirs
}

/// The strings and keys of a value, each changed.
fn mapped<E>(value: Value, change: &impl Fn(&str) -> Result<String, E>) -> Result<Value, E> {
    Ok(match value {
        Value::String(text) => Value::String(change(&text)?),
        Value::Array(all) => {
            Value::Array(all.into_iter().map(|one| mapped(one, change)).collect::<Result<_, _>>()?)
        }
        Value::Object(all) => Value::Object(
            all.into_iter()
                .map(|(key, value)| Ok((change(&key)?, mapped(value, change)?)))
                .collect::<Result<_, E>>()?,
        ),
        other => other,
    })
}

/// A table whose order is kept.
struct Ordered(Vec<(String, Value)>);

impl Serialize for Ordered {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        self.0.iter().try_for_each(|(key, value)| map.serialize_entry(key, value))?;
        map.end()
    }
}

/// A document for people to look at too.
fn pretty(document: &impl Serialize) -> Result<String, String> {
    let text = serde_json::to_string_pretty(document).map_err(|err| err.to_string())?;
    Ok(escaped(&text, &[]) + "\n")
}

/// JSON whose strings no reader of YAML changes: some characters end a line there, or are forbidden unless escaped. So
/// are `more`, which must not occur outside strings.
fn escaped(json: &str, more: &[char]) -> String {
    let mut out = String::with_capacity(json.len());
    for c in json.chars() {
        let special =
            matches!(c, '\u{7f}'..='\u{9f}' | '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}');
        if special || more.contains(&c) {
            let _ = write!(out, "\\u{:04x}", u32::from(c));
        } else {
            out.push(c);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_user_wrote_stays() {
        let check = |theirs: Value, ours: Value, expect: Value| {
            assert_eq!(Value::Object(completed(table(theirs), table(ours))), expect);
        };
        check(json!({"a": 1}), json!({"a": 2, "b": 3}), json!({"a": 1, "b": 3}));
        check(json!({"a": {"x": [1]}}), json!({"a": {"x": [2], "y": 3}}), json!({"a": {"x": [1], "y": 3}}));
        check(json!({"a": null}), json!({"a": {"x": 1}}), json!({"a": null}));
    }

    #[test]
    fn json_stays_json() {
        let text = "a\u{85}b\u{2028}c\u{feff}d%#é\u{1f600}";
        let json = escaped(&serde_json::to_string(text).unwrap_or_default(), &['%', '#']);
        assert_eq!(json, "\"a\\u0085b\\u2028c\\ufeffd\\u0025\\u0023é\u{1f600}\"");
        assert_eq!(serde_json::from_str::<String>(&json).ok().as_deref(), Some(text));
    }
}
