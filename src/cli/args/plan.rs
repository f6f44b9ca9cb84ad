//! Commands that make jobs of suites.

use std::path::PathBuf;

use super::values::{Effort, PlanFormat, SelectFormat, SelectionFormat, Unit};
use super::{GithubArgs, PickArgs};
use crate::config::{Budget, Quantile, ShardCount};
use crate::github::Named;
use crate::model::{Bytes, Millis, Percent};

/// Plan jobs: which suites run in which, and what they will take
#[derive(clap::Args)]
#[command(after_long_help = "Examples:
  shard plan tests.txt --shards 4
  shard plan 'tests/**/test_*.py' --budget 3GB --timings .test_durations
  pytest --collect-only -q | shard plan - --target 6m --timings reports
  shard plan tests.txt --shards 4 --what-if --budgets 2GB,3GB,7GB

Exit codes: 0 planned, 2 wrong usage, configuration or input, 3 no plan exists under the given limits, 5 with --strict where shared storage or GitHub cannot be read")]
pub(in crate::cli) struct PlanArgs {
    /// Where the suites are: a list, glob or report
    ///
    /// Where the suites are: a list, a report, a folder of reports, a glob in quotes, a test file, or `-` for a list on
    /// standard input. Lists are recognised by their content; a format in front, such as `lines:PATH`, forces it.
    /// Default: [inventory] of shard.toml
    #[arg(value_name = "SOURCE")]
    pub(in crate::cli) sources: Vec<String>,
    /// At most so many jobs; auto: as many as pay
    ///
    /// At most so many jobs, as short as possible; or `auto`: as many as pay
    #[arg(long, help_heading = "Limits", value_name = "N")]
    pub(in crate::cli) shards: Option<ShardCount>,
    /// Memory of one job: 3GB, auto or none
    ///
    /// Memory that one job may use: `3GB`, `auto` or `none`
    #[arg(long, help_heading = "Limits", value_name = "SIZE")]
    pub(in crate::cli) budget: Option<Budget>,
    /// As few jobs as possible, none longer: 6m
    ///
    /// As few jobs as possible, none longer than this: `6m`, `90s`
    #[arg(long, help_heading = "Limits", value_name = "TIME")]
    pub(in crate::cli) target: Option<Millis>,
    /// For --shards auto: jobs that run at once
    ///
    /// For --shards auto and --what-if: jobs that run at once [default: all]
    #[arg(long, help_heading = "Limits", value_name = "K", value_parser = clap::value_parser!(u32).range(1..))]
    pub(in crate::cli) concurrency: Option<u32>,
    /// Reports of earlier runs, for time and memory
    ///
    /// Reports of an earlier run with times or memory: files, folders and globs of any format in docs/formats.md,
    /// recognised by content
    #[arg(long, help_heading = "What is known", value_name = "[FORMAT:]GLOB")]
    pub(in crate::cli) timings: Vec<String>,
    /// What earlier runs measured: a file or s3://…
    ///
    /// What earlier runs measured: a file, or shared storage such as `s3://bucket/key` [default: shard-history.json
    /// beside the configuration]
    #[arg(long, help_heading = "What is known", value_name = "FILE")]
    pub(in crate::cli) history: Vec<PathBuf>,
    /// Suites with their exact costs: a CSV
    ///
    /// Suites with their exact costs: a CSV with the columns id, ms and, if wanted, tier, import_bytes, retained_bytes,
    /// transient_bytes, cpus
    #[arg(long, help_heading = "What is known", value_name = "FILE", conflicts_with_all = ["sources", "timings", "history", "history_from_run"])]
    pub(in crate::cli) costs: Option<PathBuf>,
    /// What becomes a suite: file, class or test
    ///
    /// What becomes a suite where a list names tests
    #[arg(long, help_heading = "What is known", value_name = "UNIT")]
    pub(in crate::cli) granularity: Option<Unit>,
    /// Whose measurements count
    ///
    /// [default: those of the newest run]
    #[arg(long, help_heading = "What is known", value_name = "KEY")]
    pub(in crate::cli) key: Option<String>,
    /// Plan with this quantile of times: 0.9
    ///
    /// Plan with this quantile of earlier times instead of their mean, to keep to a deadline: 0.9
    #[arg(long, help_heading = "What is known", value_name = "SHARE")]
    pub(in crate::cli) time_quantile: Option<Quantile>,
    /// And the history of a run of GitHub Actions
    ///
    /// And the history among the artifacts of a run of GitHub Actions: its number, the address of its page, or `newest`
    /// for the newest that succeeded
    #[arg(long, help_heading = "What is known", value_name = "RUN")]
    pub(in crate::cli) history_from_run: Option<Named>,
    /// Longest time to wait for storage and GitHub
    ///
    /// Longest time to try a history in shared storage, and to wait for GitHub [default: 30s]
    #[arg(long, help_heading = "What is known", value_name = "TIME")]
    pub(in crate::cli) wait: Option<Millis>,
    /// The folder to write to: shard-out
    ///
    /// Where to write plan.json, matrix.json and the selection files [default: shard-out]
    #[arg(long, help_heading = "Output", value_name = "FOLDER")]
    pub(in crate::cli) out: Option<PathBuf>,
    #[command(flatten)]
    pub(in crate::cli) make: MakeArgs,
    /// Only show what other plans would cost
    ///
    /// Write nothing, and show what other numbers of jobs, other budgets and the machines of [[runner]] would cost: a
    /// table, or with --format json one document
    #[arg(long, help_heading = "Output")]
    pub(in crate::cli) what_if: bool,
    /// For --what-if: budgets to try: 2GB,3GB
    ///
    /// For --what-if: budgets to try, such as 2GB,3GB,7GB [default: some around the plan's]
    #[arg(long, help_heading = "Output", value_name = "SIZES", requires = "what_if", value_delimiter = ',')]
    pub(in crate::cli) budgets: Vec<Bytes>,
    /// An earlier plan.json, to change little of it
    ///
    /// An earlier plan.json: its jobs keep their names, and as few suites as possible change their job
    #[arg(long, help_heading = "Stability", value_name = "PLAN")]
    pub(in crate::cli) previous: Option<PathBuf>,
    /// How much longer a job may be for that: 2%
    ///
    /// How much longer the longest job may be for that [default: 2%]
    #[arg(long, help_heading = "Stability", value_name = "SHARE", requires = "previous")]
    pub(in crate::cli) stability: Option<Percent>,
    /// Oversize suites and bad reports are errors
    ///
    /// A suite that alone exceeds the budget is an error, and a report or history that cannot be read
    #[arg(long, help_heading = "More")]
    pub(in crate::cli) strict: bool,
    /// No suites at all are an empty plan, no error
    ///
    /// No suites at all are an empty plan, not an error
    #[arg(long, help_heading = "More")]
    pub(in crate::cli) allow_empty: bool,
    /// The configuration
    ///
    /// [default: the nearest shard.toml from here upwards]
    #[arg(long, help_heading = "More", value_name = "FILE")]
    pub(in crate::cli) config: Option<PathBuf>,
    #[command(flatten)]
    pub(in crate::cli) github: GithubArgs,
}

/// After shards ended early: find out why, and plan what is left
#[derive(clap::Args)]
#[command(after_long_help = "Examples:
  shard rebalance
  shard rebalance --outcomes 'artifacts/*/outcomes' --format github
  shard rebalance --failed e2e-1=143
  shard rebalance --run newest

Suites that were executed are not run again. The suite that ran when memory was out gets a job \
to itself, a job that nobody can be blamed for becomes two of half the memory, several workers \
become one. The plan is replaced; the one that was run is kept beside it as plan.0.json, \
plan.1.json, …

Exit codes: 0 planned, or nothing is left; 1 nothing is planned that could help: tests failed, a \
suite needs another machine, or it was tried too often; 2 wrong usage, configuration or input; \
3 no plan exists under the given limits; 5 GitHub could not be read")]
pub(in crate::cli) struct RebalanceArgs {
    /// The plan that was run
    ///
    /// [default: where `shard plan` writes it]
    #[arg(long, value_name = "FILE")]
    pub(in crate::cli) plan: Option<PathBuf>,
    /// How its shards ended: files and folders
    ///
    /// Outcomes of all its attempts: files, folders and globs [default: the folder `outcomes` beside the plan]
    #[arg(long, value_name = "PATH", num_args = 1..)]
    pub(in crate::cli) outcomes: Vec<String>,
    /// Take all from a run of GitHub Actions
    ///
    /// Take plan, outcomes and the ends of all jobs from a run of GitHub Actions: its number, its address, or `newest`,
    /// the newest that failed
    #[arg(long, value_name = "RUN", conflicts_with = "outcomes")]
    pub(in crate::cli) run: Option<Named>,
    #[command(flatten)]
    pub(in crate::cli) github: GithubArgs,
    /// What sacct, scontrol or kubectl tell of it
    ///
    /// What a cluster says of the tasks that ran the plan: what `sacct --parsable2`, `sacct --json`, `scontrol show
    /// job` or `kubectl get pods -o json` printed, recognised by content
    #[arg(long, value_name = "FILE", num_args = 1.., conflicts_with = "run")]
    pub(in crate::cli) ended: Vec<PathBuf>,
    /// A shard and the exit code of its job
    ///
    /// A shard and the exit code of its job, where no outcome tells it
    #[arg(long, value_name = "SHARD=CODE")]
    pub(in crate::cli) failed: Vec<String>,
    /// Shards without an outcome did not run yet
    ///
    /// Shards that nothing tells of did not run yet [default: so it is where the others ran here and by hand; else their
    /// machines are taken for lost]
    #[arg(long)]
    pub(in crate::cli) waiting: bool,
    /// Plan what was executed too
    ///
    /// Plan what was executed too: jobs that ended well keep their names and suites
    #[arg(long)]
    pub(in crate::cli) all: bool,
    /// Give up after so many rounds
    ///
    /// [default: 3]
    #[arg(long, value_name = "N")]
    pub(in crate::cli) rounds: Option<u32>,
    /// Where to write the new plan
    ///
    /// [default: the folder of the plan]
    #[arg(long, help_heading = "Output", value_name = "FOLDER")]
    pub(in crate::cli) out: Option<PathBuf>,
    #[command(flatten)]
    pub(in crate::cli) make: MakeArgs,
    /// The history that learns from it
    ///
    /// The history that learns from the outcomes [default: shard-history.json beside the configuration]
    #[arg(long, value_name = "FILE")]
    pub(in crate::cli) history: Option<PathBuf>,
    /// Longest time to wait for storage and GitHub
    ///
    /// Longest time to try a history in shared storage, and to wait for GitHub [default: 10m]
    #[arg(long, value_name = "TIME")]
    pub(in crate::cli) wait: Option<Millis>,
    /// Leave the history as it is
    #[arg(long, conflicts_with = "history")]
    pub(in crate::cli) no_record: bool,
    /// The configuration
    ///
    /// [default: the nearest shard.toml from here upwards]
    #[arg(long, value_name = "FILE")]
    pub(in crate::cli) config: Option<PathBuf>,
}

/// Print one job's suites as the test runner wants them
#[derive(clap::Args)]
#[command(after_long_help = "Examples:
  shard select unit-1
  shard select --index 0 --format args
  shard select --format null | xargs -0 -r pytest

Without a name the shard is found by its number: --index, else what the CI says. With --allow-idle a job that has no \
shard gets no line at all, which many test runners take for everything.

Exit codes: 0 printed, 2 wrong usage, no such shard, or more or fewer jobs than shards")]
pub(in crate::cli) struct SelectArgs {
    /// The shard, such as `unit-1`
    ///
    /// [default: by its number]
    pub(in crate::cli) shard: Option<String>,
    #[command(flatten)]
    pub(in crate::cli) pick: PickArgs,
    /// The plan
    ///
    /// [default: where `shard plan` writes it]
    #[arg(long, value_name = "FILE")]
    pub(in crate::cli) plan: Option<PathBuf>,
    /// How to print: lines, null, json or args
    ///
    /// How to print them: one a line, NUL-separated, a JSON array, or words for a shell
    #[arg(long, value_name = "FORM", default_value = "lines")]
    pub(in crate::cli) format: SelectFormat,
    /// Only one session of the shard, from 1
    #[arg(long, value_name = "N")]
    pub(in crate::cli) session: Option<usize>,
}

/// Print this job's share of the names on standard input
#[derive(clap::Args)]
#[command(after_long_help = "Examples:
  find tests -name '*_test.py' | shard split --index 0 --total 4
  circleci tests glob 'spec/**/*_spec.rb' | shard split | xargs -r rspec
  find . -name '*.spec.ts' -print0 | shard split --format null | xargs -0 jest

Every job reads the same names and takes its own share, by time where reports or the history know it, else by number; all \
shares together are all names, each once. So all jobs must read the same reports and history. A job that \
nothing is left for prints nothing, which many test runners take for everything: use xargs -r.

Exit codes: 0 printed, 2 wrong usage, configuration or input, 3 so many jobs cannot hold the names within the budget")]
pub(in crate::cli) struct SplitArgs {
    /// Which job this is, from 0
    ///
    /// [default: what the CI says, see docs/ci.md]
    #[arg(long, value_name = "N")]
    pub(in crate::cli) index: Option<usize>,
    /// How many jobs there are
    ///
    /// [default: what the CI says]
    #[arg(long, value_name = "N")]
    pub(in crate::cli) total: Option<usize>,
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
    /// Longest time to try shared storage
    ///
    /// Longest time to try a history in shared storage [default: 30s]
    #[arg(long, value_name = "TIME")]
    pub(in crate::cli) wait: Option<Millis>,
    /// Memory of one job: 3GB
    ///
    /// Memory that one job may use: `3GB` [default: no limit]
    #[arg(long, value_name = "SIZE")]
    pub(in crate::cli) budget: Option<Budget>,
    /// How to print: lines, null, json or args
    ///
    /// How to print the names: one a line, NUL-separated, a JSON array, or words for a shell
    #[arg(long, value_name = "FORM", default_value = "lines")]
    pub(in crate::cli) format: SelectFormat,
    /// No names at all are no error
    #[arg(long)]
    pub(in crate::cli) allow_empty: bool,
    /// An unreadable report is an error
    ///
    /// A report or history that cannot be read is an error
    #[arg(long)]
    pub(in crate::cli) strict: bool,
    /// The configuration
    ///
    /// [default: the nearest shard.toml from here upwards]
    #[arg(long, value_name = "FILE")]
    pub(in crate::cli) config: Option<PathBuf>,
}

/// How a plan is made and handed on.
#[derive(clap::Args)]
pub(in crate::cli) struct MakeArgs {
    /// What to print: table, json, markdown, html, …
    ///
    /// What to print: a table for people, plan.json, Markdown for a pull request, a page for a browser (see `shard
    /// report`); in a step of a GitHub workflow its outputs, summary and annotations; or the document that makes jobs
    /// of the plan in another CI, or on a cluster
    #[arg(long, help_heading = "Output", value_name = "FORMAT", default_value = "table")]
    pub(in crate::cli) format: PlanFormat,
    /// Write nothing, only show
    #[arg(long, help_heading = "Output")]
    pub(in crate::cli) dry_run: bool,
    /// How selections are written: lines, null, json
    ///
    /// How selection files are written; `null` and `json` hold ids with line breaks
    #[arg(long, help_heading = "Output", value_name = "FORMAT", default_value = "lines")]
    pub(in crate::cli) selection_format: SelectionFormat,
    /// Jobs that other axes make of each shard
    ///
    /// For --format github: jobs that the workflow's other axes make of each shard
    #[arg(long, help_heading = "Output", value_name = "K", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=256))]
    pub(in crate::cli) axes: u32,
    /// How long to search: quick, normal, best
    ///
    /// How long to search
    #[arg(long, help_heading = "More", value_name = "EFFORT", default_value = "normal")]
    pub(in crate::cli) effort: Effort,
}
