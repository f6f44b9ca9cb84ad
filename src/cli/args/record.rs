//! Commands that learn from what was.

use std::path::PathBuf;

use super::GithubArgs;
use super::values::{DiffFormat, Unit};
use crate::cli::ci::At;
use crate::github::Named;
use crate::model::Millis;

/// Fold what reports and outcomes measured into the history
#[derive(clap::Args)]
#[command(after_long_help = "Examples:
  shard record shard-out/outcomes
  shard record reports .test_durations --run nightly-42
  shard record --merge job-1/history.json job-2/history.json -o all.json
  shard record --github-run 123 --repo owner/name

Recording twice changes nothing, and histories may be merged in any order. The newest 32 runs of a suite are kept.

Exit codes: 0 recorded, 2 wrong usage, configuration or input, 5 the storage failed, and what was new is kept in a file; or GitHub failed")]
#[derive(Clone)]
pub(in crate::cli) struct RecordArgs {
    /// Outcomes and reports, of any known format
    ///
    /// Files, folders and globs: outcomes of `shard run`, and any format in docs/formats.md, recognised by content; a
    /// format in front, such as `junit-xml:PATH`, forces it. With --merge: histories
    #[arg(value_name = "[FORMAT:]PATH", required_unless_present_any = ["forget", "github_run"])]
    pub(in crate::cli) paths: Vec<String>,
    /// And the outcomes of a run of GitHub Actions
    ///
    /// And the outcomes among the artifacts of a run of GitHub Actions: its number, the address of its page, or
    /// `newest` for the newest that succeeded
    #[arg(long, value_name = "RUN", conflicts_with = "merge")]
    pub(in crate::cli) github_run: Option<Named>,
    #[command(flatten)]
    pub(in crate::cli) github: GithubArgs,
    /// The history to fold into: a file or s3://…
    ///
    /// The history: a file, or shared storage such as `s3://bucket/key`; packed if it ends in `.gz` or `.zst` [default:
    /// shard-history.json beside the configuration]
    #[arg(long, value_name = "FILE")]
    pub(in crate::cli) history: Option<PathBuf>,
    /// Longest time to wait for storage and GitHub
    ///
    /// Longest time to try a history in shared storage, and to wait for GitHub [default: 10m]
    #[arg(long, value_name = "TIME")]
    pub(in crate::cli) wait: Option<Millis>,
    /// Write here, and leave the history as it is
    ///
    /// Write the result here, over whatever is there, and leave the history as it is
    #[arg(short, long, value_name = "OUT")]
    pub(in crate::cli) output: Option<PathBuf>,
    /// PATH are histories, to be joined
    ///
    /// PATH are histories: with -o the result is all of them, else they are folded into the history
    #[arg(long, conflicts_with_all = ["run", "at", "key", "granularity", "strict"])]
    pub(in crate::cli) merge: bool,
    /// The name of the run
    ///
    /// The name of the run [default: what the CI calls it, else made from the reports]
    #[arg(long, value_name = "ID")]
    pub(in crate::cli) run: Option<String>,
    /// When it was: 2026-01-31T04:00:00Z
    ///
    /// When it was: 2026-01-31T04:00:00Z, or seconds since 1970 [default: what the CI says, else now]
    #[arg(long, value_name = "TIME")]
    pub(in crate::cli) at: Option<At>,
    /// Which runs its figures compare with
    ///
    /// Which runs its figures compare with: a kind of machine, a number of workers [default: `key` of shard.toml, else
    /// this machine's, such as linux-x64]
    #[arg(long, value_name = "KEY")]
    pub(in crate::cli) key: Option<String>,
    /// What becomes a suite: file, class or test
    ///
    /// As fine as suites are recorded where reports name tests [default: granularity of shard.toml, else file]
    #[arg(long, value_name = "UNIT")]
    pub(in crate::cli) granularity: Option<Unit>,
    /// What sacct, scontrol or kubectl tell of it
    ///
    /// What a cluster says of the tasks that ran the plan: what `sacct --parsable2`, `sacct --json`, `scontrol show
    /// job` or `kubectl get pods -o json` printed, recognised by content
    #[arg(long, value_name = "FILE", num_args = 1.., conflicts_with = "merge")]
    pub(in crate::cli) ended: Vec<PathBuf>,
    /// The plan that was run, to compare with
    ///
    /// For outcomes: the plan that was run, to name the suites that are farthest from it [default: plan.json in the
    /// plan's usual folder, if it is that plan]
    #[arg(long, value_name = "PLAN", conflicts_with = "merge")]
    pub(in crate::cli) plan: Option<PathBuf>,
    /// Forget suites that N runs did not measure
    ///
    /// Forget suites that the last N runs did not measure
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=32))]
    pub(in crate::cli) forget: Option<u32>,
    /// A report that cannot be read is an error
    #[arg(long)]
    pub(in crate::cli) strict: bool,
    /// The configuration
    ///
    /// [default: the nearest shard.toml from here upwards]
    #[arg(long, value_name = "FILE")]
    pub(in crate::cli) config: Option<PathBuf>,
}

/// Replay runs that are over, to judge settings and other splitters
#[derive(clap::Args)]
#[command(after_long_help = "Examples:
  shard backtest july.test_durations october.test_durations
  shard backtest reports/monday reports/tuesday --shards 4,8
  shard backtest --history shard-history.json --compare --format json

Exit codes: 0 replayed, 2 wrong usage, configuration or input")]
pub(in crate::cli) struct BacktestArgs {
    /// The reports of each run, oldest first
    ///
    /// Runs, oldest first: each a file, folder or glob with reports of any format in docs/formats.md [default: the runs
    /// of the history]
    #[arg(value_name = "[FORMAT:]RUN")]
    pub(in crate::cli) runs: Vec<String>,
    /// Replay the runs of this history
    ///
    /// Replay the runs of this history [default: shard-history.json beside the configuration]
    #[arg(long, value_name = "FILE")]
    pub(in crate::cli) history: Vec<PathBuf>,
    /// Numbers of jobs to plan for
    #[arg(long, value_name = "N,N", value_delimiter = ',', default_value = "8,16")]
    pub(in crate::cli) shards: Vec<usize>,
    /// Beside other settings and other splitters
    ///
    /// Beside it the same with other settings, and what other splitters make of the same runs
    #[arg(long)]
    pub(in crate::cli) compare: bool,
    /// What becomes a suite: file, class or test
    ///
    /// What becomes a suite where reports name tests [default: file]
    #[arg(long, value_name = "UNIT")]
    pub(in crate::cli) granularity: Option<Unit>,
    /// The configuration
    ///
    /// [default: the nearest shard.toml from here upwards]
    #[arg(long, value_name = "FILE")]
    pub(in crate::cli) config: Option<PathBuf>,
    /// What to print: table or json
    ///
    /// What to print: tables for people, or JSON
    #[arg(long, value_name = "FORMAT", default_value = "table")]
    pub(in crate::cli) format: DiffFormat,
}
