//! `shard.toml` as the user may write it.

mod check;

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use toml::Spanned;

use super::documents::{Buildkite, Circleci, Gitlab};
use super::shapes;
use super::values::{
    self, Budget, Granularity, MemoryKind, Order, Price, Quantile, RunsOn, ShardCount, TimeFrom, Timeout,
};
use super::{Argo, Cluster, Guard, Kubernetes, Preflight, Retry, Slurm};
use crate::model::{Bytes, Millis, Percent};

pub use check::parse;

/// Longest configuration that is read, in bytes.
pub const SIZE_MAX: u64 = 4 << 20;

/// Most CPUs or workers of one tier: far above any machine, far below an overflow.
const WORKERS_MAX: u32 = 4_096;

/// What the program is told of a project: every key with its default. Paths and patterns are relative to the file's
/// folder, with `/`; `*` stops at `/`, `**` does not. `MB` and `GB` are powers of ten, `MiB` and `GiB` of two.
#[derive(Deserialize, Default, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
#[schemars(
    extend("if" = { "properties": { "shards": { "const": "auto" } }, "required": ["shards"] }),
    extend("then" = { "properties": { "target": false } })
)]
pub(crate) struct File {
    /// What one shard may use at its peak, such as `"3GB"`. Default: 3 GB, only reported while all memory is assumed.
    #[serde(deserialize_with = "values::budget")]
    #[schemars(with = "shapes::BudgetText")]
    budget: Option<Budget>,
    /// No shard longer than this, such as `"6m"`. Default: as few shards as memory allows.
    #[serde(deserialize_with = "values::millis")]
    #[schemars(with = "shapes::Time")]
    target: Option<Millis>,
    /// At most so many shards over all tiers, or `"auto"`: as many as pay.
    #[schemars(with = "shapes::ShardsOrAuto")]
    shards: Option<Spanned<Shards>>,
    /// For `shards = "auto"`: waiting that one shard less is worth.
    #[serde(deserialize_with = "values::millis")]
    #[schemars(with = "shapes::Time", extend("default" = "25s"))]
    overhead: Option<Millis>,
    /// For `shards = "auto"` with prices: what a minute of waiting costs.
    #[serde(deserialize_with = "values::price")]
    #[schemars(with = "shapes::PriceNumber", extend("default" = 0.1))]
    minute_value: Option<Price>,
    /// With `--previous`: how much longer the longest shard may be so that fewer suites move.
    #[serde(deserialize_with = "values::percent")]
    #[schemars(with = "shapes::Share", extend("default" = "2%"))]
    stability: Option<Percent>,
    /// Added to assumed, inherited and imported memory; measured memory carries its own.
    #[serde(deserialize_with = "values::percent")]
    #[schemars(with = "shapes::Share", extend("default" = "10%"))]
    margin: Option<Percent>,
    /// Of JUnit XML: whose times count where both cases and suites have some.
    #[schemars(with = "TimeFrom", extend("default" = "cases"))]
    time_from: Option<TimeFrom>,
    /// Plan with this quantile of earlier times instead of their mean, such as `0.9`.
    #[serde(deserialize_with = "values::quantile")]
    #[schemars(with = "shapes::QuantileNumber")]
    time_quantile: Option<Quantile>,
    /// After so many runs a measured time counts half.
    #[schemars(with = "u32", range(min = 1, max = WORKERS_MAX), extend("default" = 10))]
    half_life: Option<Spanned<u32>>,
    /// Properties of JUnit and pytest reports that state a peak of memory, besides `peak_rss` and its like.
    memory_properties: Vec<String>,
    /// The folder for plan.json, matrix.json and selections.
    #[schemars(with = "String", length(min = 1), extend("default" = "shard-out"))]
    out: Option<Spanned<String>>,
    /// The history: a file, packed if it ends in `.gz` or `.zst`, or shared storage such as `"s3://bucket/key"`.
    #[schemars(with = "String", length(min = 1), extend("default" = "shard-history.json"))]
    history: Option<Spanned<String>>,
    /// Whose measurements count, such as `"linux-x64"`. Default: those of the newest run.
    #[schemars(with = "String")]
    key: Option<String>,
    /// Where suites come from, when the command line names no source.
    inventory: InventoryFile,
    /// How names in reports become ids, where detection is not enough.
    map: MapFile,
    /// Suites that run the same way. The first tier that matches takes a suite. Default: one called `default` that takes all.
    tier: Tiers,
    /// These suites share a shard.
    together: Vec<RuleFile>,
    /// No two of these suites share a shard.
    apart: Vec<RuleFile>,
    /// Each of these suites has a shard to itself.
    alone: Vec<RuleFile>,
    /// Kinds of machine, for suites that alone exceed the budget and for prices.
    runner: Vec<RunnerFile>,
    /// What a machine must have, and should have: `shard check`.
    preflight: Preflight,
    /// What jobs are in GitLab: `--format gitlab`.
    gitlab: Gitlab,
    /// What steps are in Buildkite: `--format buildkite`.
    buildkite: Buildkite,
    /// What jobs are in CircleCI: `--format circleci`.
    circleci: Circleci,
    /// What tasks of a cluster are told: `--format slurm`, `kubernetes` and `argo`.
    cluster: Cluster,
    /// What sbatch is told: `--format slurm`.
    slurm: Slurm,
    /// What Kubernetes is told: `--format kubernetes` and `argo`.
    kubernetes: Kubernetes,
    /// What Argo Workflows is told besides: `--format argo`.
    argo: Argo,
}

/// A shard count inside a [`Spanned`], which knows no `deserialize_with`.
#[derive(Deserialize, Clone, Copy)]
struct Shards(#[serde(deserialize_with = "values::shard_count")] Option<ShardCount>);

/// Where suites come from, when the command line names no source: any one of these, or several.
#[derive(Deserialize, Default, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(rename = "Inventory")]
struct InventoryFile {
    /// Globs of files.
    files: Vec<String>,
    /// Patterns of suites to leave out.
    #[schemars(with = "Vec<String>")]
    exclude: Spanned1<Vec<String>>,
    /// A command that lists suites, or several, each a list of words.
    #[schemars(with = "shapes::Commands")]
    command: Option<Spanned<Commands>>,
    /// How the list is written. Default: recognised from the content.
    #[schemars(with = "shapes::ListFormatName")]
    format: Option<Spanned<String>>,
    /// What becomes a suite where a list names tests. Default: a plain list is taken as it is.
    #[schemars(with = "Granularity")]
    granularity: Option<Granularity>,
}

/// One command, or a list of them.
struct Commands(Vec<Vec<String>>);

impl<'de> Deserialize<'de> for Commands {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Commands, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged, expecting = "expected words, or lists of words")]
        enum Part {
            Word(String),
            Command(Vec<String>),
        }
        let (mut words, mut commands) = (Vec::new(), Vec::new());
        for part in Vec::<Part>::deserialize(deserializer)? {
            match part {
                Part::Word(word) => words.push(word),
                Part::Command(command) => commands.push(command),
            }
        }
        match (words.is_empty(), commands.is_empty()) {
            (false, false) => Err(serde::de::Error::custom(
                "one command is a list of words, several are lists of words each",
            )),
            (_, false) => Ok(Commands(commands)),
            (_, true) => Ok(Commands(vec![words])),
        }
    }
}

/// How names in reports become ids, where detection is not enough.
#[derive(Deserialize, Default, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(rename = "Map")]
struct MapFile {
    /// Removed from the front where it stands there.
    strip: String,
    /// Put in front unless it stands there.
    add: String,
}

/// Suites that run the same way.
#[derive(Deserialize, Default, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
#[schemars(
    rename = "Tier",
    extend("required" = ["match"]),
    extend("if" = { "properties": { "each": { "const": true } }, "required": ["each"] }),
    extend("then" = { "properties": { "memory": { "const": "isolated" } }, "required": ["memory"] })
)]
struct TierFile {
    /// Patterns of the suites that belong to it.
    #[serde(rename = "match")]
    #[schemars(with = "Vec<String>")]
    matches: Option<Spanned<Vec<String>>>,
    /// Worker processes of a session.
    #[schemars(with = "u32", range(min = 1, max = WORKERS_MAX), extend("default" = 1))]
    workers: Option<Spanned<u32>>,
    /// Whether processes live on from suite to suite.
    #[schemars(with = "MemoryKind", extend("default" = "accumulates"))]
    memory: Option<MemoryKind>,
    /// Whether the runner keeps the order of a selection.
    #[schemars(with = "Order", extend("default" = "kept"))]
    order: Option<Order>,
    /// One file's tests run on all workers. Default: whether `run` shows pytest-xdist without a file-keeping `--dist`.
    #[schemars(with = "bool")]
    spread: Option<bool>,
    /// With `memory = "isolated"`: one process a suite, started one by one as memory and `cpus` allow.
    #[schemars(with = "bool", extend("default" = false))]
    each: Option<Spanned<bool>>,
    /// With `each`: CPUs to share out. Default: `workers`.
    #[schemars(with = "u32", range(min = 1, max = WORKERS_MAX))]
    cpus: Option<Spanned<u32>>,
    /// A daemon does the work, so that the command's own memory tells nothing. Default: whether the command is a
    /// container engine's client.
    #[schemars(with = "bool")]
    daemon: Option<bool>,
    /// With `each`: patterns of suites that run with no other beside them.
    #[schemars(with = "Vec<String>", extend("default" = []))]
    exclusive: Spanned1<Vec<String>>,
    /// What a session holds before any suite, without its workers.
    #[serde(deserialize_with = "values::bytes")]
    #[schemars(with = "shapes::Size", extend("default" = "60MB"))]
    base: Option<Bytes>,
    /// What each worker holds before any suite.
    #[serde(deserialize_with = "values::bytes")]
    #[schemars(with = "shapes::Size", extend("default" = "50MB"))]
    worker_base: Option<Bytes>,
    /// Once per shard: checkout, install.
    #[serde(deserialize_with = "values::millis")]
    #[schemars(with = "shapes::Time", extend("default" = "45s"))]
    setup: Option<Millis>,
    /// Once per session: start of the test runner.
    #[serde(deserialize_with = "values::millis")]
    #[schemars(with = "shapes::Time", extend("default" = "3s"))]
    session_start: Option<Millis>,
    /// Most sessions in one shard, one after another; 0: as many as memory asks for.
    #[schemars(with = "u32", extend("default" = 1))]
    sessions: Option<Spanned<u32>>,
    /// Make suites of the classes or tests of a file that is too long.
    split: bool,
    /// What a file costs that nobody has measured.
    assume: AssumeFile,
    /// What one shard of this tier may use at its peak. Default: the global `budget`.
    #[serde(deserialize_with = "values::budget")]
    #[schemars(with = "shapes::BudgetText")]
    budget: Option<Budget>,
    /// No shard of this tier longer than this. Default: the global `target`.
    #[serde(deserialize_with = "values::millis")]
    #[schemars(with = "shapes::Time")]
    target: Option<Millis>,
    /// At most so many shards of this tier. Default: the global `shards`.
    #[schemars(with = "shapes::Shards")]
    shards: Option<Spanned<Shards>>,
    /// The command that runs a session, a word each. `{selection}`, `{suites}`, `{suite}`, `{workers}`, `{shard}`,
    /// `{session}` and `{outcomes}` are replaced.
    #[schemars(with = "shapes::CommandWords")]
    run: Option<Spanned<Vec<String>>>,
    /// When a job is given up; `"auto"`: three times what is predicted and 5 minutes, at least 10, at most 6 hours.
    #[serde(deserialize_with = "values::timeout")]
    #[schemars(with = "shapes::TimeoutText", extend("default" = "auto"))]
    timeout: Option<Timeout>,
    /// `shard run` stops a session that prints nothing and uses no CPU for so long.
    #[serde(deserialize_with = "values::millis")]
    #[schemars(with = "shapes::Time", extend("default" = "10m"))]
    idle_timeout: Option<Millis>,
    /// When `shard run` stops a session for its memory.
    #[schemars(extend("default" = "machine"))]
    guard: Guard,
    /// After which verdicts `shard run` tries again.
    retry: Retry,
    /// What its jobs run on, copied verbatim into the matrix.
    #[schemars(with = "RunsOn", extend("default" = "ubuntu-latest"))]
    runs_on: Option<RunsOn>,
    /// What a minute of one shard costs, in any unit; with it `shards = "auto"` counts money.
    #[serde(deserialize_with = "values::price")]
    #[schemars(with = "shapes::PriceNumber")]
    price: Option<Price>,
}

/// What a file costs that nobody has measured; divided among its parts.
#[derive(Deserialize, Default, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(rename = "Assume")]
struct AssumeFile {
    /// How long it runs.
    #[serde(deserialize_with = "values::millis")]
    #[schemars(with = "shapes::Time", extend("default" = "4s"))]
    time: Option<Millis>,
    /// Paid at collection, in every worker.
    #[serde(deserialize_with = "values::bytes")]
    #[schemars(with = "shapes::Size", extend("default" = "0MB"))]
    import: Option<Bytes>,
    /// Kept until its session ends.
    #[serde(deserialize_with = "values::bytes")]
    #[schemars(with = "shapes::Size", extend("default" = "40MB"))]
    retained: Option<Bytes>,
    /// Needed only while it runs.
    #[serde(deserialize_with = "values::bytes")]
    #[schemars(with = "shapes::Size", extend("default" = "0MB"))]
    transient: Option<Bytes>,
    /// CPUs that it takes, where suites run side by side.
    #[schemars(with = "u32", range(min = 1, max = WORKERS_MAX), extend("default" = 1))]
    cpus: Option<Spanned<u32>>,
}

/// Suites that share a shard, or do not.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Rule")]
struct RuleFile {
    /// Patterns of their ids.
    #[serde(rename = "match")]
    #[schemars(with = "Vec<String>")]
    matches: Spanned<Vec<String>>,
}

/// A kind of machine.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
#[schemars(rename = "Runner", extend("anyOf" = [{ "required": ["budget"] }, { "required": ["memory"] }]))]
struct RunnerFile {
    /// What plans call it: small letters, digits and `-`, each name once.
    #[schemars(with = "String", regex(pattern = TIER_NAME))]
    name: Spanned<String>,
    /// What its jobs run on, copied verbatim into the matrix.
    runs_on: RunsOn,
    /// All its memory, of which 78 % become the budget.
    #[serde(default, deserialize_with = "values::bytes")]
    #[schemars(with = "shapes::Size")]
    memory: Option<Bytes>,
    /// What one shard may use there.
    #[serde(default, deserialize_with = "values::bytes")]
    #[schemars(with = "shapes::Size")]
    budget: Option<Bytes>,
    /// What a minute there costs, in any unit.
    #[serde(default, deserialize_with = "values::price")]
    #[schemars(with = "shapes::PriceNumber")]
    price: Option<Price>,
}

/// A value with its place, where absence has none.
#[derive(Default)]
struct Spanned1<T>(T, Option<std::ops::Range<usize>>);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Spanned1<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let spanned = Spanned::<T>::deserialize(deserializer)?;
        let span = spanned.span();
        Ok(Spanned1(spanned.into_inner(), Some(span)))
    }
}

/// The `[tier.…]` tables in the order of the file.
#[derive(Default)]
struct Tiers(Vec<(Spanned<String>, TierFile)>);

impl<'de> Deserialize<'de> for Tiers {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Tiers, D::Error> {
        struct InOrder;
        impl<'de> Visitor<'de> for InOrder {
            type Value = Tiers;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("tables such as [tier.unit]")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Tiers, A::Error> {
                let mut tiers = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    tiers.push(entry);
                }
                Ok(Tiers(tiers))
            }
        }
        deserializer.deserialize_map(InOrder)
    }
}

impl JsonSchema for Tiers {
    fn schema_name() -> Cow<'static, str> {
        "Tiers".into()
    }
    fn inline_schema() -> bool {
        true
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let tier = generator.subschema_for::<TierFile>();
        json_schema!({ "type": "object", "patternProperties": { TIER_NAME: tier }, "additionalProperties": false })
    }
}

/// [`is_tier_name`] as a regular expression.
pub const TIER_NAME: &str = "^[a-z0-9][a-z0-9-]{0,63}$";

/// `[a-z0-9][a-z0-9-]*`, at most 64 bytes: it becomes a file name and a job name.
#[must_use]
pub fn is_tier_name(name: &str) -> bool {
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    name.len() <= 64 && name.bytes().next().is_some_and(plain) && name.bytes().all(|b| plain(b) || b == b'-')
}
