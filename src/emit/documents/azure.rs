//! The matrix of a job in Azure Pipelines: one line, for an output variable.
//!
//! Names of legs are letters, digits and `_`, begin with a letter and have at most 100 characters, which those of
//! shards keep to: a tier's name has no `_` of its own and at most 64 characters. All values are strings.

use serde_json::{Value, json};

use super::{Jobs, Ordered, escaped};

pub(super) fn render(jobs: &Jobs<'_>) -> Result<String, String> {
    let mut legs = Vec::with_capacity(jobs.plan.shards.len());
    for (index, shard) in jobs.shards() {
        let Some(place) = shard.runs_on.0.as_str() else {
            return Err(format!(
                "`runs-on` of tier `{}` is not a single name, but variables of Azure Pipelines are text\n  help: name a pool, or an image of hosted agents",
                shard.tier
            ));
        };
        let mut leg = jobs.variables(index, shard);
        leg.insert("runs_on".into(), json!(place));
        leg.insert("timeout_minutes".into(), json!(shard.timeout_minutes.to_string()));
        let name = format!("shard_{}_{}", shard.id.replace('-', "_"), jobs.digest.token());
        legs.push((name, Value::Object(leg)));
    }
    let json = serde_json::to_string(&Ordered(legs)).map_err(|err| err.to_string())?;
    // The agent replaces `%0A` and its like in the line that sets the variable, and obeys `##vso[` in any line.
    Ok(escaped(&json, &['%', '#']) + "\n")
}
