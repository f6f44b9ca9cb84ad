//! `plan.json`: the shapes of schema 1, and nothing else.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::catalogue::WarningCode;
use crate::config::file::TIER_NAME;
use crate::config::{MemoryKind, Order, Price, RuleKind, RunsOn};
use crate::model::{Basis, Bytes, Confidence, Millis, Verdict};

/// The schema that is written, and the newest that is read.
pub const SCHEMA: u64 = 1;

/// Longest plan that is read, in bytes.
pub const SIZE_MAX: u64 = 1 << 30;

/// The highest number of a shard that is accepted: far above any that is given, far below an overflow.
pub const NUMBER_MAX: u64 = 1 << 52;

/// What a shard is called, as a regular expression.
const SHARD_NAME: &str = "^[a-z0-9][a-z0-9-]{0,63}-[1-9][0-9]{0,15}$";

/// What a selection is called, as a regular expression.
const SELECTION_NAME: &str = r"^[a-z0-9][a-z0-9-]*(\.[0-9]+)?\.(txt|nul|json)$";

/// Every shard with its sessions, suites and predictions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Plan {
    /// The version of this format. Readers refuse a newer one.
    #[schemars(extend("const" = SCHEMA))]
    pub schema: u64,
    /// Who wrote it: `shard 0.1.0`.
    pub tool: String,
    /// How often it was planned again after shards ended early; 0: the first plan.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub round: u32,
    /// The digest of the plan whose rest this is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<String>,
    /// The digest of the first plan, which holds all that must run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub root: Option<String>,
    /// How the shards of that plan ended.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ended: Vec<Ended>,
    /// What was asked for.
    pub objective: Objective,
    /// What it was made from.
    pub inputs: Inputs,
    /// In the order of the configuration; only those with suites.
    pub tiers: Vec<Tier>,
    /// Descending predicted time, then tier, then number.
    pub shards: Vec<Shard>,
    /// How good it is.
    pub quality: Quality,
    /// What became of a previous plan.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<Previous>,
    /// The highest number that a shard of each tier was ever given, so that no name comes twice; of
    /// tiers without suites too.
    #[serde(default)]
    #[schemars(extend("additionalProperties" = { "type": "integer", "minimum": 0, "maximum": NUMBER_MAX }))]
    pub last_numbers: BTreeMap<String, u64>,
    /// Which suites share a shard, and which do not.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<Rule>,
    /// What other numbers of shards would have cost, ascending, where their number was to be found.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub curve: Vec<Point>,
    /// What the reader should know.
    pub warnings: Vec<Warning>,
}

/// How a shard ended whose rest is planned again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Ended {
    /// The shard.
    pub shard: String,
    /// What its end means.
    pub verdict: Verdict,
    /// How sure that is.
    pub confidence: Confidence,
    /// Suites that it was to run.
    pub suites: usize,
    /// Those that were executed.
    pub executed: usize,
    /// Those of them that failed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub failed: Vec<String>,
    /// The shards that its rest is in now.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub into: Vec<String>,
    /// Suites that are not planned again.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub given_up: Vec<String>,
}

/// What a plan was asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Objective {
    /// What was made as small as possible.
    pub kind: ObjectiveKind,
    /// Most shards over all tiers; null: as many as it takes.
    pub shards: Option<u32>,
    /// Longest shard over all tiers; null: no target.
    pub target_ms: Option<Millis>,
    /// Waiting that one shard less is worth, where time decided how many there are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub overhead_ms: Option<Millis>,
    /// What a minute of waiting costs, where money did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub minute_value: Option<Price>,
    /// Shards that run at once, where not all do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub concurrency: Option<u32>,
}

/// The objectives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ObjectiveKind {
    /// Fewest shards that memory allows.
    Memory,
    /// The shortest longest shard.
    Shards,
    /// Fewest shards within a target time.
    Target,
    /// As many shards as pay: the least waiting, machines or money counted in.
    Price,
}

/// How a plan came from the previous one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Previous {
    /// Suites that both plans have.
    pub known: usize,
    /// Those that are in another shard now.
    pub moved: usize,
    /// Those that would be, had nobody minded.
    pub moved_fresh: usize,
    /// Suites that only this plan has.
    pub new: usize,
    /// Suites that only the previous plan has.
    pub gone: usize,
}

/// Suites that share a shard, or do not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Rule {
    /// What is wanted of them.
    pub kind: RuleKind,
    /// Patterns of their ids.
    #[serde(rename = "match")]
    pub matches: Vec<String>,
}

/// A number of shards and what it costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Point {
    /// How many shards, over all tiers.
    pub shards: usize,
    /// The longest shard.
    pub longest_ms: Millis,
    /// Until all are done.
    pub wall_ms: Millis,
    /// All shards together.
    pub machine_ms: Millis,
    /// The largest shard; null in plans of earlier versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peak_bytes: Option<Bytes>,
    /// Started minutes by their prices.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub price: Option<Price>,
}

impl Objective {
    /// What so many shards cost that are all done after `wall`, where their number is to pay: waiting and shards as time, or
    /// as money where there is a `price`. Only to be compared with another of the same objective.
    #[must_use]
    pub fn cost(&self, shards: usize, wall: Millis, price: Option<Price>) -> u128 {
        let wall = u128::from(wall.0);
        match (price, self.minute_value) {
            (Some(price), Some(value)) => u128::from(price.0) * 60_000 + wall * u128::from(value.0),
            _ => wall + shards as u128 * u128::from(self.overhead_ms.unwrap_or_default().0),
        }
    }
}

/// What a plan was made from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Inputs {
    /// Suites in all.
    pub suites: usize,
    /// With a measured time.
    pub measured: usize,
    /// With a time from their neighbours.
    pub inherited: usize,
    /// With a time from the configuration.
    pub assumed: usize,
    /// Of the canonical inventory, estimates, options and tool version.
    pub digest: String,
}

/// Suites that run the same way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Tier {
    /// What it is called: `[a-z0-9][a-z0-9-]*`, at most 64 characters.
    #[schemars(regex(pattern = TIER_NAME))]
    pub name: String,
    /// Worker processes of a session.
    pub workers: u32,
    /// Whether processes live on from suite to suite.
    pub memory: MemoryKind,
    /// Whether the runner keeps the order of a selection.
    pub order: Order,
    /// One suite's tests run on all workers.
    pub spread: bool,
    /// One process a suite, started by `shard run`.
    pub each: bool,
    /// CPUs to share out where `each` is set.
    pub cpus: u32,
    /// What a session holds before any suite.
    pub floor_bytes: Bytes,
    /// Most that a worker pays for imports; null: their sum.
    pub import_cap_bytes: Option<Bytes>,
    /// What a shard may use at its peak; null without a budget.
    pub budget_bytes: Option<Bytes>,
    /// Set-up, paid once a shard: checkout, install.
    pub setup_ms: Millis,
    /// Start of the test runner, paid once a session.
    pub session_start_ms: Millis,
    /// Most sessions of one shard; 0: any number.
    #[serde(default = "one")]
    pub sessions: u32,
}

/// One CI job's work.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Shard {
    /// `<tier>-<n>`, n from 1.
    #[schemars(regex(pattern = SHARD_NAME))]
    pub id: String,
    /// Its tier's name.
    #[schemars(regex(pattern = TIER_NAME))]
    pub tier: String,
    /// The configuration's value, verbatim.
    pub runs_on: RunsOn,
    /// The name of the kind of machine, where it is not the tier's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub runner: Option<String>,
    /// What it may use at its peak; null without a budget.
    pub budget_bytes: Option<Bytes>,
    /// When its job is given up, in minutes.
    pub timeout_minutes: u32,
    /// Set-up and all sessions.
    pub predicted_ms: Millis,
    /// The largest of its sessions.
    pub predicted_bytes: Bytes,
    /// One suite that alone is above the budget.
    pub oversize: bool,
    /// Run one after another.
    pub sessions: Vec<Session>,
}

/// One process of the test runner.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Session {
    /// The file with its suites, relative to the plan's folder.
    #[schemars(regex(pattern = SELECTION_NAME))]
    pub selection: String,
    /// Session start included.
    pub predicted_ms: Millis,
    /// At the peak.
    pub predicted_bytes: Bytes,
    /// In the order in which they run.
    pub suites: Vec<Suite>,
}

/// One suite as it was planned.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Suite {
    /// What the runner is told to run.
    pub id: String,
    /// How long it runs, as predicted.
    pub ms: Millis,
    /// Paid at collection, in every worker.
    pub import_bytes: Bytes,
    /// Kept until the session ends.
    pub retained_bytes: Bytes,
    /// Needed while it runs.
    pub transient_bytes: Bytes,
    /// CPUs that it takes, where suites of a tier run side by side.
    pub cpus: u32,
    /// Runs with no other beside it.
    pub exclusive: bool,
    /// Where the time comes from.
    pub basis: Basis,
    /// Where the memory comes from.
    #[serde(default = "assumed")]
    pub memory_basis: Basis,
    /// How many runs the time rests on.
    pub samples: u32,
}

fn is_zero(round: &u32) -> bool {
    *round == 0
}

fn one() -> u32 {
    1
}

fn assumed() -> Basis {
    Basis::Assumed
}

/// How good a plan is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Quality {
    /// The longest shard.
    pub makespan_ms: Millis,
    /// No plan with so many shards has a shorter longest one.
    pub makespan_bound_ms: Millis,
    /// How many shards there are.
    pub shards: usize,
    /// No plan within the limits has fewer.
    pub shards_bound: usize,
    /// The optimised value equals its bound.
    pub proven: bool,
    /// Sum of the suites' times.
    pub total_ms: Millis,
    /// The largest shard.
    pub peak_bytes: Bytes,
}

/// What the reader should know.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct Warning {
    /// For programs: `oversize`, `memory-assumed`, `history-mismatch`, ….
    pub code: String,
    /// The suite, tier or file that is meant.
    pub subject: String,
    /// For people.
    pub message: String,
}

impl Warning {
    /// A warning about `subject`.
    #[must_use]
    pub fn new(code: WarningCode, subject: &str, message: String) -> Warning {
        Warning { code: code.slug().to_owned(), subject: subject.to_owned(), message }
    }

    /// Whether it is one of these.
    #[must_use]
    pub fn is(&self, code: WarningCode) -> bool {
        self.code == code.slug()
    }
}

impl Tier {
    /// Whether the memory of a session is planned for the very order of its selection.
    #[must_use]
    pub fn rests_on_order(&self) -> bool {
        self.workers <= 1 && self.order == Order::Kept && self.memory == MemoryKind::Accumulates
    }
}

impl Shard {
    /// Its suites, in the order in which they run.
    pub fn suites(&self) -> impl Iterator<Item = &Suite> {
        self.sessions.iter().flat_map(|session| &session.suites)
    }

    /// n of `<tier>-<n>`; `None` where the shard is not called so.
    #[must_use]
    pub fn number(&self) -> Option<u64> {
        let digits = self.id.strip_prefix(self.tier.as_str())?.strip_prefix('-')?;
        let plain = !digits.starts_with('0') && digits.bytes().all(|b| b.is_ascii_digit());
        digits.parse().ok().filter(|number| plain && *number <= NUMBER_MAX)
    }
}

impl Plan {
    /// The digest of the first plan of all: of this one, whose digest is `own`, or of the one of which it is what some
    /// rounds left. `None`: nothing tells.
    #[must_use]
    pub fn first_plan<'a>(&'a self, own: &'a str) -> Option<&'a str> {
        match self.round {
            0 => Some(own),
            1 => self.parent.as_deref(),
            _ => self.root.as_deref(),
        }
    }

    /// The bytes of `plan.json`.
    ///
    /// # Errors
    /// None in practice: every value here can be written as JSON.
    pub fn to_bytes(&self) -> serde_json::Result<Vec<u8>> {
        let mut bytes = serde_json::to_vec_pretty(self)?;
        bytes.push(b'\n');
        Ok(bytes)
    }

    /// A plan from the bytes of `plan.json`.
    ///
    /// # Errors
    /// What is no plan, and a plan of a newer schema, in words.
    pub fn from_bytes(bytes: &[u8]) -> Result<Plan, String> {
        #[derive(Deserialize)]
        struct SchemaOnly {
            schema: u64,
        }
        // The schema first: a newer one may have any shape.
        if let Ok(SchemaOnly { schema }) = serde_json::from_slice(bytes)
            && schema > SCHEMA
        {
            return Err(format!(
                "schema {schema} is newer than this shard understands ({SCHEMA}): update shard"
            ));
        }
        let plan: Plan = serde_json::from_slice(bytes)
            .map_err(|err| format!("not a plan: {}", crate::text::printable(&err.to_string())))?;
        if plan.schema != SCHEMA {
            return Err(format!("`schema` is {}, not {SCHEMA}", plan.schema));
        }
        Ok(plan)
    }

    /// The shard of that name.
    #[must_use]
    pub fn shard(&self, id: &str) -> Option<&Shard> {
        self.shards.iter().find(|shard| shard.id == id)
    }

    /// Every suite with its shard.
    pub fn suites(&self) -> impl Iterator<Item = (&Shard, &Suite)> {
        self.shards.iter().flat_map(|shard| shard.suites().map(move |suite| (shard, suite)))
    }

    /// Whether the tier's budget is only reported: nobody set one, and its memory is all assumed.
    #[must_use]
    pub fn memory_is_assumed(&self, tier: &str) -> bool {
        self.warnings.iter().any(|warning| warning.is(WarningCode::MemoryAssumed) && warning.subject == tier)
    }
}
