//! What the jobs are that `--format gitlab`, `buildkite` and `circleci` write, beside what the plan says of them.
//!
//! Tables hold keys of that CI as they stand: nothing of a CI's own configuration has a second name here.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};

/// Keys and values, copied as they stand.
pub type Table = Map<String, Value>;

/// `[gitlab]`: the child pipeline.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct Gitlab {
    /// Of every job.
    pub job: Table,
    /// Of the pipeline: `include`, `default`, `stages`, further jobs.
    pub pipeline: Table,
    /// The job of the parent pipeline whose artifacts hold the plan; empty: the jobs get it in another way.
    pub plan_job: String,
    /// The same for what `shard rebalance` planned.
    pub rebalance_job: String,
    /// After kills a later job plans what is left, and its own child pipeline runs that.
    pub rebalance: bool,
    /// Globs of reports that tell at the end which suites ran, beside outcomes.
    pub reports: Vec<String>,
    /// Ask the Kubernetes executor for the memory of the shard's budget.
    pub memory: bool,
}

impl Default for Gitlab {
    fn default() -> Gitlab {
        Gitlab {
            job: Table::new(),
            pipeline: Table::new(),
            plan_job: "plan".to_owned(),
            rebalance_job: "rebalance".to_owned(),
            rebalance: false,
            reports: Vec::new(),
            memory: false,
        }
    }
}

/// `[buildkite]`: the steps of an upload.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct Buildkite {
    /// Of every step.
    pub step: Table,
    /// Of the upload: `env`, `agents`, `notify`.
    pub pipeline: Table,
    /// Commands before the one that runs the shard.
    pub before: Vec<String>,
    /// After kills a later step plans what is left, and uploads steps that run that.
    pub rebalance: bool,
    /// Globs of reports that tell at the end which suites ran, beside outcomes.
    pub reports: Vec<String>,
}

/// `[circleci]`: the configuration to continue with.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct Circleci {
    /// Of every job.
    pub job: Table,
    /// Of the configuration: `orbs`, `commands`, `executors`, further jobs and workflows.
    pub pipeline: Table,
    /// Steps before the one that runs the shard.
    pub before: Vec<Value>,
}
