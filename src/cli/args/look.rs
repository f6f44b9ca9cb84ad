//! Commands that show what there is.

use std::path::PathBuf;

use super::values::{DiffFormat, Unit};
use crate::config::{Budget, Quantile};
use crate::model::Millis;

/// Show a plan, and how its jobs ended, as a page for a browser
#[derive(clap::Args)]
#[command(after_long_help = "Examples:
  shard report
  shard report --outcomes 'artifacts/*/outcomes' -o report.html

The page is one file that needs no network: jobs as bars of time and memory, what they really took, what other numbers of jobs \
would cost, and every suite with its figures.

Exit codes: 0 written, 2 wrong usage, configuration or input")]
pub(in crate::cli) struct ReportArgs {
    /// The plan
    ///
    /// [default: where `shard plan` writes it]
    #[arg(long, value_name = "FILE")]
    pub(in crate::cli) plan: Option<PathBuf>,
    /// How its shards ended: files and folders
    ///
    /// Outcomes of its jobs: files, folders and globs [default: the folder `outcomes` beside the plan]
    #[arg(long, value_name = "PATH", num_args = 1..)]
    pub(in crate::cli) outcomes: Vec<String>,
    /// What earlier runs measured
    ///
    /// [default: shard-history.json beside the configuration]
    #[arg(long, value_name = "FILE")]
    pub(in crate::cli) history: Vec<PathBuf>,
    /// Longest time to try shared storage
    ///
    /// Longest time to try a history in shared storage [default: 30s]
    #[arg(long, value_name = "TIME")]
    pub(in crate::cli) wait: Option<Millis>,
    /// Where to write the page; `-`: print it
    ///
    /// Where to write the page; `-`: to standard output [default: report.html beside the plan]
    #[arg(short, long, value_name = "OUT")]
    pub(in crate::cli) output: Option<PathBuf>,
    /// The configuration
    ///
    /// [default: the nearest shard.toml from here upwards]
    #[arg(long, value_name = "FILE")]
    pub(in crate::cli) config: Option<PathBuf>,
}

/// Explain a suite's numbers, a shard's length, or an error
#[derive(clap::Args)]
#[command(after_long_help = "Examples:
  shard explain unit-1
  shard explain tests/unit/test_login.py
  shard explain tests/unit/test_login.py tests.txt --timings .test_durations

A suite is looked up among SOURCE, else the configuration's suites, else those of the plan. Name the sources, timings \
and flags that the plan was made with to see its very numbers.

Exit codes: 0 explained, 2 wrong usage, configuration or input, or no such suite and shard")]
pub(in crate::cli) struct ExplainArgs {
    /// A suite, a shard, or the id of an error
    ///
    /// What is both a suite and a shard is taken as a shard, and what the plan has before an error. The id of an error
    /// or warning may be typed as it was printed: error[unknown-shard]
    #[arg(value_name = "SUITE|SHARD")]
    pub(in crate::cli) name: String,
    /// Where the suites are, as for `shard plan`
    #[arg(value_name = "SOURCE")]
    pub(in crate::cli) sources: Vec<String>,
    /// The configuration
    ///
    /// [default: the nearest shard.toml from here upwards]
    #[arg(long, value_name = "FILE")]
    pub(in crate::cli) config: Option<PathBuf>,
    /// The plan
    ///
    /// [default: where `shard plan` writes it]
    #[arg(long, value_name = "FILE")]
    pub(in crate::cli) plan: Option<PathBuf>,
    /// Reports of earlier runs, for time and memory
    ///
    /// Reports of an earlier run with times or memory, as for `shard plan`
    #[arg(long, value_name = "[FORMAT:]GLOB")]
    pub(in crate::cli) timings: Vec<String>,
    /// What earlier runs measured
    ///
    /// [default: shard-history.json beside the configuration]
    #[arg(long, value_name = "FILE")]
    pub(in crate::cli) history: Vec<PathBuf>,
    /// Memory of one job: 3GB, auto or none
    ///
    /// Memory that one job may use: `3GB`, `auto` or `none`
    #[arg(long, value_name = "SIZE")]
    pub(in crate::cli) budget: Option<Budget>,
    /// What becomes a suite: file, class or test
    ///
    /// What becomes a suite where a list names tests
    #[arg(long, value_name = "UNIT")]
    pub(in crate::cli) granularity: Option<Unit>,
    /// Whose measurements count
    ///
    /// [default: those of the newest run]
    #[arg(long, value_name = "KEY")]
    pub(in crate::cli) key: Option<String>,
    /// Plan with this quantile of times: 0.9
    ///
    /// This quantile of earlier times instead of their mean: 0.9
    #[arg(long, value_name = "SHARE")]
    pub(in crate::cli) time_quantile: Option<Quantile>,
    /// What to print: table or json
    ///
    /// What to print: text for people, or JSON
    #[arg(long, value_name = "FORMAT", default_value = "table")]
    pub(in crate::cli) format: DiffFormat,
    /// A report that cannot be read is an error
    #[arg(long)]
    pub(in crate::cli) strict: bool,
}

/// Show what changed from one plan to another, and why
#[derive(clap::Args)]
#[command(after_long_help = "Examples:
  shard diff old.json shard-out/plan.json
  shard diff previous-out/plan.json shard-out/plan.json --format json

Exit codes: 0 shown, whether they differ or not, 2 wrong usage, or a plan that cannot be used")]
pub(in crate::cli) struct DiffArgs {
    /// The earlier plan.json
    pub(in crate::cli) old: PathBuf,
    /// The later one
    pub(in crate::cli) new: PathBuf,
    /// What to print: table or json
    ///
    /// What to print: a table for people, or JSON
    #[arg(long, value_name = "FORMAT", default_value = "table")]
    pub(in crate::cli) format: DiffFormat,
}

/// Check a plan, or that every suite of it was executed
#[derive(clap::Args)]
#[command(after_long_help = "Examples:
  shard verify
  shard verify shard-out/outcomes 'reports/**/*.xml'

With reports and outcomes: suites of which nothing tells are lost, those that were cut off or left \
out are not executed, those that two shards executed in one attempt are twice, and names that meet \
no suite are extra. A skipped test was executed; again in a later attempt is not twice, and what \
fails in the last attempt failed. Reports whose path names a shard are its. After `shard rebalance` \
the first plan counts, which is kept beside the new one.

Exit codes: 0 all is well, 1 a suite was not executed, or by two shards, or failed, or the plan \
breaks its rules, 2 wrong usage")]
pub(in crate::cli) struct VerifyArgs {
    /// Reports and outcomes of all shards
    ///
    /// Reports and outcomes of all shards, rounds and attempts: files, folders and globs; a format in front forces it
    #[arg(value_name = "[FORMAT:]FILE")]
    pub(in crate::cli) sources: Vec<String>,
    /// The plan
    ///
    /// [default: where `shard plan` writes it]
    #[arg(long, value_name = "FILE")]
    pub(in crate::cli) plan: Option<PathBuf>,
    /// The configuration, for its [map]
    ///
    /// The configuration, whose [map] names follow [default: the nearest shard.toml from here upwards]
    #[arg(long, value_name = "FILE")]
    pub(in crate::cli) config: Option<PathBuf>,
    /// What to print: table or json
    ///
    /// What to print: text for people, or JSON
    #[arg(long, value_name = "FORMAT", default_value = "table")]
    pub(in crate::cli) format: DiffFormat,
    /// Tests that failed are no error
    ///
    /// Only whether suites ran: tests that failed are no error
    #[arg(long)]
    pub(in crate::cli) allow_failures: bool,
    /// Whatever does not fit is an error
    ///
    /// Names that are not in the plan, files that cannot be read and outcomes of another plan are errors
    #[arg(long)]
    pub(in crate::cli) strict: bool,
}

/// Show what reports and lists hold, and if names meet
#[derive(clap::Args)]
#[command(after_long_help = "Examples:
  shard inspect 'reports/**/*.xml'
  shard inspect junit-xml:result.log
  shard inspect .test_durations --against tests.txt

Exit codes: 0 read, 1 with --strict where something could not be read, 2 wrong usage, or nothing could be read")]
pub(in crate::cli) struct InspectArgs {
    /// Reports, timings and lists of any format
    ///
    /// Files, folders and globs of any format, recognised by content; a format in front forces it
    #[arg(value_name = "[FORMAT:]FILE", required = true)]
    pub(in crate::cli) files: Vec<String>,
    /// How names meet these suites
    ///
    /// How the names meet the suites of this list, report or glob
    #[arg(long, value_name = "INVENTORY")]
    pub(in crate::cli) against: Option<String>,
    /// The configuration
    ///
    /// [default: the nearest shard.toml from here upwards]
    #[arg(long, value_name = "FILE")]
    pub(in crate::cli) config: Option<PathBuf>,
    /// What to print: table or json
    ///
    /// What to print: text for people, or a line of JSON for each file
    #[arg(long, value_name = "FORMAT", default_value = "table")]
    pub(in crate::cli) format: DiffFormat,
    /// A file that cannot be read is an error
    #[arg(long)]
    pub(in crate::cli) strict: bool,
}
