//! What `shard.toml` says about running a shard: when to refuse, to stop and to try again.

use schemars::JsonSchema;
use serde::Deserialize;
use serde::de::{Deserializer, Error};

use super::{shapes, values};
use crate::model::{Bytes, Millis, Verdict};

/// `guard = …`: when a session is stopped for its memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Guard {
    /// Before the machine's real limit.
    #[default]
    Machine,
    /// At the shard's budget.
    Budget,
    /// Never.
    Off,
}

/// `retry = …`: what is started again, and when.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Retry {
    /// Ends after which it is.
    #[serde(deserialize_with = "verdicts")]
    #[schemars(with = "Vec<shapes::CurableName>", extend("default" = ["daemon-crash"]))]
    pub on: Vec<Verdict>,
    /// At most so often.
    #[schemars(extend("default" = 3))]
    pub times: u32,
    /// Waiting before the first time; twice as long before each next one.
    #[serde(deserialize_with = "pause")]
    #[schemars(with = "shapes::Time", extend("default" = "5s"))]
    pub pause: Millis,
}

impl Default for Retry {
    fn default() -> Retry {
        Retry { on: vec![Verdict::DaemonCrash], times: 3, pause: Millis(5_000) }
    }
}

/// `[preflight]`: what a machine must have, and should have.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Preflight {
    /// Without it nothing starts.
    pub need: Wants,
    /// Without it there is a warning.
    pub recommend: Wants,
}

/// What is wanted of a machine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Wants {
    /// Available memory.
    #[serde(deserialize_with = "values::bytes")]
    #[schemars(with = "shapes::Size")]
    pub memory: Option<Bytes>,
    /// Free disk where outcomes are written.
    #[serde(deserialize_with = "values::bytes")]
    #[schemars(with = "shapes::Size")]
    pub disk: Option<Bytes>,
    /// CPUs that we may use.
    #[schemars(with = "u32")]
    pub cpus: Option<u32>,
}

fn pause<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Millis, D::Error> {
    Ok(values::millis(deserializer)?.unwrap_or_default())
}

fn verdicts<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Verdict>, D::Error> {
    let verdicts = Vec::<Curable>::deserialize(deserializer)?;
    Ok(verdicts.into_iter().map(|Curable(verdict)| verdict).collect())
}

/// Verdicts after which another try can make sense, which a real test failure is not.
pub(super) fn curable() -> impl Iterator<Item = Verdict> {
    let never = [Verdict::Passed, Verdict::TestFailure, Verdict::Cancelled, Verdict::Unknown];
    Verdict::ALL.into_iter().filter(move |verdict| !never.contains(verdict))
}

/// One of them.
struct Curable(Verdict);

impl<'de> Deserialize<'de> for Curable {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Curable, D::Error> {
        let name = String::deserialize(deserializer)?;
        curable().find(|verdict| verdict.name() == name).map(Curable).ok_or_else(|| {
            // Worded as serde words it, so that a near miss gets the same help.
            let known: Vec<String> = curable().map(|verdict| format!("`{verdict}`")).collect();
            D::Error::custom(format!("unknown variant `{name}`, expected one of {}", known.join(", ")))
        })
    }
}
