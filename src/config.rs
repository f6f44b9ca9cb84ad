//! `shard.toml`: every key with its default.
//!
//! Two steps: [`mod@file`] is what the user may write, [`Config`] is what the program works with.
//! Flags come later and win; see `cli`.

pub mod address;
mod cluster;
pub mod command;
pub mod documents;
pub mod file;
mod pattern;
mod running;
mod shapes;
mod values;

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::model::{Bytes, Cost, Millis, Percent};

pub use cluster::{Argo, Cluster, Kubernetes, Slurm};
pub use pattern::Patterns;
pub use running::{Guard, Preflight, Retry, Wants};
pub use values::{
    Budget, Granularity, ListFormat, MemoryKind, Order, Price, Quantile, RunsOn, ShardCount, TimeFrom,
    budget_of_machine,
};

/// The whole configuration, complete and checked.
#[derive(Clone, Debug)]
pub struct Config {
    /// The objective over all tiers.
    pub goal: Goal,
    /// Waiting that one shard less is worth, where as many are made as pay.
    pub overhead: Millis,
    /// What a minute of waiting costs, where minutes of machines have prices.
    pub minute_value: Price,
    /// How much longer the longest shard may be so that fewer suites move.
    pub stability: Percent,
    /// Added to assumed, inherited and imported memory.
    pub margin: Percent,
    /// How times of several runs become one.
    pub time: TimeRule,
    /// Whose times count in reports.
    pub time_from: TimeFrom,
    /// Properties in reports that state a peak of memory, besides those that are known anyway.
    pub memory_properties: Vec<String>,
    /// Where plans are written, relative to the configuration's folder.
    pub out: String,
    /// The history's file, relative to the configuration's folder, or its [address](address::Address).
    pub history: String,
    /// Whose observations count; `None`: that of the newest run.
    pub key: Option<String>,
    /// Where suites come from.
    pub inventory: Inventory,
    /// How names in reports become ids.
    pub map: NameMap,
    /// In the order of the file. Never empty.
    pub tiers: Vec<Tier>,
    /// Larger machines, in ascending budget.
    pub runners: Vec<Runner>,
    /// Which suites share a shard, and which do not.
    pub rules: Vec<Rule>,
    /// What a machine must have, and should have.
    pub preflight: Preflight,
    /// Of a child pipeline for GitLab.
    pub gitlab: documents::Gitlab,
    /// Of steps for Buildkite.
    pub buildkite: documents::Buildkite,
    /// Of a configuration for CircleCI.
    pub circleci: documents::Circleci,
    /// What engines beyond one machine are told.
    pub cluster: Cluster,
    /// What Slurm is told.
    pub slurm: Slurm,
    /// What Kubernetes is told.
    pub kubernetes: Kubernetes,
    /// What Argo Workflows is told.
    pub argo: Argo,
}

/// How times of several runs become one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimeRule {
    /// After so many runs a sample counts half, at least 1.
    pub half_life: u32,
    /// One in so many samples falls away at either end before the mean; 0: none.
    pub trimmed: u32,
    /// A quantile instead of the mean, for people who plan to a deadline.
    pub quantile: Option<Quantile>,
}

impl Default for TimeRule {
    fn default() -> TimeRule {
        TimeRule { half_life: 10, trimmed: 5, quantile: None }
    }
}

/// What a plan is asked for, by the file or by flags.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Goal {
    /// `None`: nobody said. Memory is then reported against 3 GB.
    pub budget: Option<Budget>,
    /// No shard longer than this.
    pub target: Option<Millis>,
    /// At most this many shards, or as many as pay.
    pub shards: Option<ShardCount>,
}

impl Goal {
    /// At most this many shards, where a number was said.
    #[must_use]
    pub fn count(&self) -> Option<u32> {
        match self.shards {
            Some(ShardCount::Count(count)) => Some(count),
            Some(ShardCount::Auto) | None => None,
        }
    }
}

/// Where suites come from, when the command line names no source.
#[derive(Clone, Debug, Default)]
pub struct Inventory {
    /// Globs.
    pub files: Vec<String>,
    /// Suites to leave out.
    pub exclude: Patterns,
    /// Commands that list suites, none of them empty.
    pub commands: Vec<Vec<String>>,
    /// What a command or list prints; recognised from the content when absent.
    pub format: Option<ListFormat>,
    /// What becomes a suite.
    pub granularity: Option<Granularity>,
}

/// A prefix to remove and one to put in front: `[map]`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NameMap {
    /// Removed from the front where it stands there.
    pub strip: String,
    /// Put in front unless it stands there already.
    pub add: String,
}

impl NameMap {
    /// The id for `name`. Applying it twice is applying it once.
    #[must_use]
    pub fn apply(&self, name: &str) -> String {
        let rest = match self.strip.as_str() {
            "" => name,
            strip => name.strip_prefix(strip).unwrap_or(name),
        };
        if rest.starts_with(&self.add) { rest.to_owned() } else { format!("{}{rest}", self.add) }
    }
}

/// Suites that run the same way.
#[derive(Clone, Debug)]
pub struct Tier {
    /// `[a-z0-9][a-z0-9-]*`.
    pub name: String,
    /// Which suites belong to it.
    pub matches: Patterns,
    /// Worker processes of a session, at least 1.
    pub workers: u32,
    /// Whether processes live on from suite to suite.
    pub memory: MemoryKind,
    /// Whether the runner keeps the order of a selection.
    pub order: Order,
    /// One file's tests run on all workers; `None`: the command tells.
    pub spread: Option<bool>,
    /// One process a suite, started by `shard run`.
    pub each: bool,
    /// CPUs to share out where `each` is set.
    pub cpus: u32,
    /// A daemon does the work, so the memory of the command's own processes tells nothing; `None`: the
    /// command tells.
    pub daemon: Option<bool>,
    /// Suites that run with no other beside them.
    pub exclusive: Patterns,
    /// Bytes of a session before any suite.
    pub base: Bytes,
    /// Bytes of each worker before any suite.
    pub worker_base: Bytes,
    /// Once per shard: checkout, install.
    pub setup: Millis,
    /// Once per session.
    pub session_start: Millis,
    /// Most sessions of one shard; 0: as many as memory asks for.
    pub sessions: u32,
    /// Make suites of the parts of a file that is too long.
    pub split: bool,
    /// The cost of a file that nobody has measured.
    pub assume: Cost,
    /// This tier's own objective.
    pub goal: Goal,
    /// The command that runs a session.
    pub run: Vec<String>,
    /// Minutes; `None`: from the prediction.
    pub timeout_minutes: Option<u32>,
    /// A session that prints nothing and uses no CPU for so long is stopped.
    pub idle_timeout: Millis,
    /// When a session is stopped for its memory.
    pub guard: Guard,
    /// What is started again.
    pub retry: Retry,
    /// Copied verbatim into matrices.
    pub runs_on: RunsOn,
    /// Of one minute of one shard.
    pub price: Option<Price>,
}

/// A kind of machine for suites that are too big for their tier's.
#[derive(Clone, Debug)]
pub struct Runner {
    /// What plans call it.
    pub name: String,
    /// Copied verbatim into matrices.
    pub runs_on: RunsOn,
    /// Bytes that one shard may use there.
    pub budget: Bytes,
    /// Of one minute.
    pub price: Option<Price>,
}

/// Suites that share a shard, or do not.
#[derive(Clone, Debug)]
pub struct Rule {
    /// What is wanted of them.
    pub kind: RuleKind,
    /// As they are written.
    pub patterns: Vec<String>,
    /// Which suites are meant.
    pub matches: Patterns,
}

/// What a rule wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum RuleKind {
    /// All of them share a shard.
    Together,
    /// No two of them share one.
    Apart,
    /// Each has a shard to itself.
    Alone,
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.kind {
            RuleKind::Together => "together",
            RuleKind::Apart => "apart",
            RuleKind::Alone => "alone",
        };
        write!(f, "[[{kind}]] {}", crate::text::examples(self.patterns.iter().map(String::as_str), 3))
    }
}

/// What is wrong in a configuration file, and where.
#[derive(Debug, PartialEq, Eq)]
pub struct ConfigError {
    /// From 1; `None` where the whole file is meant.
    pub line: Option<(usize, usize)>,
    /// Lower case, no final dot.
    pub message: String,
    /// What to do.
    pub help: Option<String>,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some((line, column)) = self.line {
            write!(f, "{line}:{column}: ")?;
        }
        f.write_str(&self.message)?;
        match &self.help {
            Some(help) => write!(f, "\n  help: {help}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for ConfigError {}

impl Default for Config {
    /// What holds with no file at all: one tier `default` that takes every suite.
    fn default() -> Config {
        Config {
            goal: Goal::default(),
            overhead: Millis(25_000),
            minute_value: Price(100_000),
            stability: Percent(200),
            margin: Percent(1_000),
            time: TimeRule::default(),
            time_from: TimeFrom::Cases,
            memory_properties: Vec::new(),
            out: "shard-out".to_owned(),
            history: "shard-history.json".to_owned(),
            key: None,
            inventory: Inventory::default(),
            map: NameMap::default(),
            tiers: vec![Tier::default()],
            runners: Vec::new(),
            rules: Vec::new(),
            preflight: Preflight::default(),
            gitlab: documents::Gitlab::default(),
            buildkite: documents::Buildkite::default(),
            circleci: documents::Circleci::default(),
            cluster: Cluster::default(),
            slurm: Slurm::default(),
            kubernetes: Kubernetes::default(),
            argo: Argo::default(),
        }
    }
}

impl Default for Tier {
    fn default() -> Tier {
        Tier {
            name: "default".to_owned(),
            matches: Patterns::all(),
            workers: 1,
            memory: MemoryKind::Accumulates,
            order: Order::Kept,
            spread: None,
            each: false,
            cpus: 1,
            daemon: None,
            exclusive: Patterns::default(),
            base: Bytes(60_000_000),
            worker_base: Bytes(50_000_000),
            setup: Millis(45_000),
            session_start: Millis(3_000),
            sessions: 1,
            split: false,
            assume: Cost {
                time: Millis(4_000),
                import: Bytes(0),
                retained: Bytes(40_000_000),
                transient: Bytes(0),
                cpus: 1,
            },
            goal: Goal::default(),
            run: Vec::new(),
            timeout_minutes: None,
            idle_timeout: Millis(600_000),
            guard: Guard::Machine,
            retry: Retry::default(),
            runs_on: RunsOn(Value::String("ubuntu-latest".to_owned())),
            price: None,
        }
    }
}

impl Tier {
    /// Whether one file's tests run on all workers: as set, or as the command shows. pytest-xdist
    /// spreads tests unless it is told to keep files together.
    #[must_use]
    pub fn spreads(&self) -> bool {
        let accumulates = self.memory == MemoryKind::Accumulates;
        accumulates && self.spread.unwrap_or_else(|| command::spreads(&self.run))
    }

    /// Whether a daemon does what `command` asks for: as set, or as the command shows. `named`: the
    /// environment names a service for `podman`.
    #[must_use]
    pub fn has_daemon(&self, command: &[String], named: bool) -> bool {
        self.daemon.unwrap_or_else(|| command::is_client(command, named))
    }

    /// The words of the command that make every session of a shard write the same file.
    #[must_use]
    pub fn shared_output(&self) -> Option<String> {
        command::shared_output(&self.run)
    }

    /// Bytes of a session before any suite: `base + workers × worker-base`.
    #[must_use]
    pub fn floor(&self) -> Bytes {
        self.base + self.worker_base.saturating_mul(u64::from(self.workers))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_map_is_idempotent() {
        let map = NameMap { strip: "/home/ci/project/".into(), add: "backend/".into() };
        for name in ["/home/ci/project/tests/a.py", "tests/a.py", "backend/tests/a.py"] {
            assert_eq!(map.apply(name), "backend/tests/a.py");
            assert_eq!(map.apply(&map.apply(name)), "backend/tests/a.py");
        }
    }
}
