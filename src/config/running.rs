//! What `shard.toml` says about running a shard: when to refuse, to stop and to try again.

use serde::Deserialize;
use serde::de::{Deserializer, Error};

use super::values;
use crate::model::{Bytes, Millis, Verdict};

/// `guard = …`: when a session is stopped for its memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
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
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Retry {
    /// Ends after which it is.
    #[serde(deserialize_with = "verdicts")]
    pub on: Vec<Verdict>,
    /// At most so often.
    pub times: u32,
    /// Waiting before the first time; twice as long before each next one.
    #[serde(deserialize_with = "pause")]
    pub pause: Millis,
}

impl Default for Retry {
    fn default() -> Retry {
        Retry { on: vec![Verdict::DaemonCrash], times: 3, pause: Millis(5_000) }
    }
}

/// `[preflight]`: what a machine must have, and should have.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Preflight {
    /// Without it nothing starts.
    pub need: Wants,
    /// Without it there is a warning.
    pub recommend: Wants,
}

/// What is wanted of a machine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Wants {
    /// Available memory.
    #[serde(deserialize_with = "values::bytes")]
    pub memory: Option<Bytes>,
    /// Free disk where outcomes are written.
    #[serde(deserialize_with = "values::bytes")]
    pub disk: Option<Bytes>,
    /// CPUs that we may use.
    pub cpus: Option<u32>,
}

fn pause<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Millis, D::Error> {
    Ok(values::millis(deserializer)?.unwrap_or_default())
}

fn verdicts<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Verdict>, D::Error> {
    let verdicts = Vec::<Curable>::deserialize(deserializer)?;
    Ok(verdicts.into_iter().map(|Curable(verdict)| verdict).collect())
}

/// A verdict after which another try can make sense, which a real test failure is not.
struct Curable(Verdict);

impl<'de> Deserialize<'de> for Curable {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Curable, D::Error> {
        let never = [Verdict::Passed, Verdict::TestFailure, Verdict::Cancelled, Verdict::Unknown];
        let good = || Verdict::ALL.into_iter().filter(|verdict| !never.contains(verdict));
        let name = String::deserialize(deserializer)?;
        good().find(|verdict| verdict.name() == name).map(Curable).ok_or_else(|| {
            // Worded as serde words it, so that a near miss gets the same help.
            let known: Vec<String> = good().map(|verdict| format!("`{verdict}`")).collect();
            D::Error::custom(format!("unknown variant `{name}`, expected one of {}", known.join(", ")))
        })
    }
}
