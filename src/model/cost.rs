//! What one suite is predicted to cost, and where the prediction comes from.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Bytes, Millis};

/// Time and memory of one suite, as the memory model of the planner takes them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cost {
    /// How long the suite runs, at least 1 ms once estimated.
    pub time: Millis,
    /// Paid at collection, in every worker, before any test runs.
    pub import: Bytes,
    /// Added by running the suite, and kept until its session ends.
    pub retained: Bytes,
    /// Needed only while the suite runs, above what it retains.
    pub transient: Bytes,
    /// CPUs that it takes where suites of one tier run side by side.
    pub cpus: u32,
}

/// Where a number comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Basis {
    /// Observed for this very suite.
    Measured,
    /// Taken from the suite's neighbours.
    Inherited,
    /// Taken from the configuration.
    Assumed,
}

/// The predicted cost of one suite.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Estimate {
    /// The numbers that are packed.
    pub cost: Cost,
    /// Where the time comes from.
    pub time_basis: Basis,
    /// Where the memory comes from.
    pub memory_basis: Basis,
    /// How many runs the time rests on.
    pub samples: u32,
    /// How often it was killed for memory since it last ended.
    pub kills: u32,
}
