//! What the user may type.

use std::path::PathBuf;

use clap::{Parser, Subcommand, ValueEnum};

use super::ci::At;
use super::node::Among;
use crate::config::{Budget, Granularity, Quantile, ShardCount};
use crate::github::{Named, Repository};
use crate::model::{Bytes, Millis, Percent};

/// Splits a test suite into CI jobs that fit in memory.
#[derive(Parser)]
#[command(name = "shard", version, max_term_width = 100, disable_help_subcommand = true)]
pub(super) struct Args {
    #[command(subcommand)]
    pub(super) command: Command,
}

#[derive(Subcommand)]
pub(super) enum Command {
    Init(InitArgs),
    Plan(PlanArgs),
    Record(RecordArgs),
    Select(SelectArgs),
    Split(SplitArgs),
    Explain(ExplainArgs),
    Diff(DiffArgs),
    Verify(VerifyArgs),
    Inspect(InspectArgs),
    Backtest(BacktestArgs),
    Triage(TriageArgs),
    Check(CheckArgs),
    Run(RunArgs),
    Probe(ProbeArgs),
    Rebalance(RebalanceArgs),
    Report(ReportArgs),
    Schema(SchemaArgs),
    Completions(CompletionsArgs),
    Man(ManArgs),
}

/// Look at a project and write a first shard.toml and a workflow for it
#[derive(clap::Args)]
#[command(after_long_help = "Examples:
  shard init
  shard init --dry-run
  shard init backend --ci none

It reads files and executes nothing: neither the project nor its tools. A file that is there is left as it is.

Exit codes: 0 written, or there already; 2 nothing was found, or nothing can be written")]
pub(super) struct InitArgs {
    /// The project: the working directory
    ///
    /// The project [default: the working directory]
    #[arg(value_name = "FOLDER")]
    pub(super) folder: Option<PathBuf>,
    /// Whose pipeline to write: github, gitlab, none
    ///
    /// Whose pipeline to write [default: by the project's files and its git remote, else github]
    #[arg(long, value_name = "CI")]
    pub(super) ci: Option<InitCi>,
    /// The repository where you keep shard, and a commit of it, for a workflow of GitHub
    #[arg(long, value_name = "OWNER/REPO@COMMIT")]
    pub(super) action: Option<String>,
    /// Print the files, write nothing
    #[arg(long)]
    pub(super) dry_run: bool,
}

/// A CI that `shard init` writes for.
#[derive(ValueEnum, Clone, Copy)]
pub(super) enum InitCi {
    Github,
    Gitlab,
    None,
}

impl From<InitCi> for crate::init::Ci {
    fn from(ci: InitCi) -> crate::init::Ci {
        match ci {
            InitCi::Github => crate::init::Ci::Github,
            InitCi::Gitlab => crate::init::Ci::Gitlab,
            InitCi::None => crate::init::Ci::None,
        }
    }
}

/// Plan jobs: which suites run in which, and what they will take
#[derive(clap::Args)]
#[command(after_long_help = "Examples:
  shard plan tests.txt --shards 4
  shard plan 'tests/**/test_*.py' --budget 3GB --timings .test_durations
  pytest --collect-only -q | shard plan - --target 6m --timings reports
  shard plan tests.txt --shards auto --previous shard-out/plan.json
  shard plan tests.txt --shards 4 --what-if --budgets 2GB,3GB,7GB

Exit codes: 0 planned, 2 wrong usage, configuration or input, 3 no plan exists under the given limits, 5 with --strict where shared storage or GitHub cannot be read")]
pub(super) struct PlanArgs {
    /// Where the suites are: a list, glob or report
    ///
    /// Where the suites are: a list, a report, a folder of reports, a glob in quotes, a test file, or `-` for a list on
    /// standard input. Lists are recognised by their content; a format in front, such as `lines:PATH`, forces it.
    /// Default: [inventory] of shard.toml
    #[arg(value_name = "SOURCE")]
    pub(super) sources: Vec<String>,
    /// At most so many jobs; auto: as many as pay
    ///
    /// At most so many jobs, as short as possible; or `auto`: as many as pay
    #[arg(long, help_heading = "Limits", value_name = "N")]
    pub(super) shards: Option<ShardCount>,
    /// Memory of one job: 3GB, auto or none
    ///
    /// Memory that one job may use: `3GB`, `auto` or `none`
    #[arg(long, help_heading = "Limits", value_name = "SIZE")]
    pub(super) budget: Option<Budget>,
    /// As few jobs as possible, none longer: 6m
    ///
    /// As few jobs as possible, none longer than this: `6m`, `90s`
    #[arg(long, help_heading = "Limits", value_name = "TIME")]
    pub(super) target: Option<Millis>,
    /// For auto and --what-if: jobs that run at once
    ///
    /// For --shards auto and --what-if: jobs that run at once [default: all]
    #[arg(long, help_heading = "Limits", value_name = "K", value_parser = clap::value_parser!(u32).range(1..))]
    pub(super) concurrency: Option<u32>,
    /// Reports of earlier runs, for time and memory
    ///
    /// Reports of an earlier run with times or memory: files, folders and globs of any format in docs/formats.md,
    /// recognised by content
    #[arg(long, help_heading = "What is known", value_name = "[FORMAT:]GLOB")]
    pub(super) timings: Vec<String>,
    /// What earlier runs measured: a file or s3://…
    ///
    /// What earlier runs measured: a file, or shared storage such as `s3://bucket/key` [default: shard-history.json
    /// beside the configuration]
    #[arg(long, help_heading = "What is known", value_name = "FILE")]
    pub(super) history: Vec<PathBuf>,
    /// Suites with their exact costs: a CSV
    ///
    /// Suites with their exact costs: a CSV with the columns id, ms and, if wanted, tier, import_bytes, retained_bytes,
    /// transient_bytes, cpus
    #[arg(long, help_heading = "What is known", value_name = "FILE", conflicts_with_all = ["sources", "timings", "history", "history_from_run"])]
    pub(super) costs: Option<PathBuf>,
    /// What becomes a suite: file, class or test
    ///
    /// What becomes a suite where a list names tests
    #[arg(long, help_heading = "What is known", value_name = "UNIT")]
    pub(super) granularity: Option<Unit>,
    /// Whose measurements count
    ///
    /// [default: those of the newest run]
    #[arg(long, help_heading = "What is known", value_name = "KEY")]
    pub(super) key: Option<String>,
    /// Plan with this quantile of times: 0.9
    ///
    /// Plan with this quantile of earlier times instead of their mean, to keep to a deadline: 0.9
    #[arg(long, help_heading = "What is known", value_name = "SHARE")]
    pub(super) time_quantile: Option<Quantile>,
    /// And the history of a run of GitHub Actions
    ///
    /// And the history among the artifacts of a run of GitHub Actions: its number, the address of its page, or `newest`
    /// for the newest that succeeded
    #[arg(long, help_heading = "What is known", value_name = "RUN")]
    pub(super) history_from_run: Option<Named>,
    /// Longest time to wait for storage and GitHub
    ///
    /// Longest time to try a history in shared storage, and to wait for GitHub [default: 30s]
    #[arg(long, help_heading = "What is known", value_name = "TIME")]
    pub(super) wait: Option<Millis>,
    /// The folder to write to: shard-out
    ///
    /// Where to write plan.json, matrix.json and the selection files [default: shard-out]
    #[arg(long, help_heading = "Output", value_name = "FOLDER")]
    pub(super) out: Option<PathBuf>,
    /// What to print: table, json, markdown, html, …
    ///
    /// What to print: a table for people, plan.json, Markdown for a pull request, a page for a browser (see `shard
    /// report`); in a step of a GitHub workflow its outputs, summary and annotations; or the document that makes jobs
    /// of the plan in another CI, or on a cluster
    #[arg(long, help_heading = "Output", value_name = "FORMAT", default_value = "table")]
    pub(super) format: PlanFormat,
    /// Write nothing, only show
    #[arg(long, help_heading = "Output")]
    pub(super) dry_run: bool,
    /// Show what else there could be, write nothing
    ///
    /// Write nothing, and show what other numbers of jobs, other budgets and the machines of [[runner]] would cost: a table,
    /// or with --format json one document
    #[arg(long, help_heading = "Output")]
    pub(super) what_if: bool,
    /// For --what-if: budgets to try: 2GB,3GB
    ///
    /// For --what-if: budgets to try, such as 2GB,3GB,7GB [default: some around the plan's]
    #[arg(long, help_heading = "Output", value_name = "SIZES", requires = "what_if", value_delimiter = ',')]
    pub(super) budgets: Vec<Bytes>,
    /// How selections are written: lines, null, json
    ///
    /// How selection files are written; `null` and `json` hold ids with line breaks
    #[arg(long, help_heading = "Output", value_name = "FORMAT", default_value = "lines")]
    pub(super) selection_format: SelectionFormat,
    /// Jobs that other axes make of each shard
    ///
    /// For --format github: jobs that the workflow's other axes make of each shard
    #[arg(long, help_heading = "Output", value_name = "K", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=256))]
    pub(super) axes: u32,
    /// An earlier plan.json, to change little of it
    ///
    /// An earlier plan.json: its jobs keep their names, and as few suites as possible change their job
    #[arg(long, help_heading = "Stability", value_name = "PLAN")]
    pub(super) previous: Option<PathBuf>,
    /// How much longer a job may be for that: 2%
    ///
    /// How much longer the longest job may be for that [default: 2%]
    #[arg(long, help_heading = "Stability", value_name = "SHARE", requires = "previous")]
    pub(super) stability: Option<Percent>,
    /// Oversize suites and bad reports are errors
    ///
    /// A suite that alone exceeds the budget is an error, and a report or history that cannot be read
    #[arg(long, help_heading = "More")]
    pub(super) strict: bool,
    /// No suites at all are an empty plan, no error
    ///
    /// No suites at all are an empty plan, not an error
    #[arg(long, help_heading = "More")]
    pub(super) allow_empty: bool,
    /// How long to search: quick, normal, best
    ///
    /// How long to search
    #[arg(long, help_heading = "More", value_name = "EFFORT", default_value = "normal")]
    pub(super) effort: Effort,
    /// The configuration
    ///
    /// [default: the nearest shard.toml from here upwards]
    #[arg(long, help_heading = "More", value_name = "FILE")]
    pub(super) config: Option<PathBuf>,
    #[command(flatten)]
    pub(super) github: GithubArgs,
}

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
pub(super) struct RecordArgs {
    /// Outcomes and reports, of any known format
    ///
    /// Files, folders and globs: outcomes of `shard run`, and any format in docs/formats.md, recognised by content; a
    /// format in front, such as `junit-xml:PATH`, forces it. With --merge: histories
    #[arg(value_name = "[FORMAT:]PATH", required_unless_present_any = ["forget", "github_run"])]
    pub(super) paths: Vec<String>,
    /// And the outcomes of a run of GitHub Actions
    ///
    /// And the outcomes among the artifacts of a run of GitHub Actions: its number, the address of its page, or
    /// `newest` for the newest that succeeded
    #[arg(long, value_name = "RUN", conflicts_with = "merge")]
    pub(super) github_run: Option<Named>,
    #[command(flatten)]
    pub(super) github: GithubArgs,
    /// The history to fold into: a file or s3://…
    ///
    /// The history: a file, or shared storage such as `s3://bucket/key`; packed if it ends in `.gz` or `.zst` [default:
    /// shard-history.json beside the configuration]
    #[arg(long, value_name = "FILE")]
    pub(super) history: Option<PathBuf>,
    /// Longest time to wait for storage and GitHub
    ///
    /// Longest time to try a history in shared storage, and to wait for GitHub [default: 10m]
    #[arg(long, value_name = "TIME")]
    pub(super) wait: Option<Millis>,
    /// Write here, and leave the history as it is
    ///
    /// Write the result here, over whatever is there, and leave the history as it is
    #[arg(short, long, value_name = "OUT")]
    pub(super) output: Option<PathBuf>,
    /// PATH are histories, to be joined
    ///
    /// PATH are histories: with -o the result is all of them, else they are folded into the history
    #[arg(long, conflicts_with_all = ["run", "at", "key", "granularity", "strict"])]
    pub(super) merge: bool,
    /// The name of the run
    ///
    /// The name of the run [default: what the CI calls it, else made from the reports]
    #[arg(long, value_name = "ID")]
    pub(super) run: Option<String>,
    /// When it was: 2026-01-31T04:00:00Z
    ///
    /// When it was: 2026-01-31T04:00:00Z, or seconds since 1970 [default: what the CI says, else now]
    #[arg(long, value_name = "TIME")]
    pub(super) at: Option<At>,
    /// Which runs its figures compare with
    ///
    /// Which runs its figures compare with: a kind of machine, a number of workers [default: `key` of shard.toml, else
    /// this machine's, such as linux-x64]
    #[arg(long, value_name = "KEY")]
    pub(super) key: Option<String>,
    /// What becomes a suite: file, class or test
    ///
    /// As fine as suites are recorded where reports name tests [default: granularity of shard.toml, else file]
    #[arg(long, value_name = "UNIT")]
    pub(super) granularity: Option<Unit>,
    /// What sacct, scontrol or kubectl tell of it
    ///
    /// What a cluster says of the tasks that ran the plan: what `sacct --parsable2`, `sacct --json`, `scontrol show
    /// job` or `kubectl get pods -o json` printed, recognised by content
    #[arg(long, value_name = "FILE", num_args = 1.., conflicts_with = "merge")]
    pub(super) ended: Vec<PathBuf>,
    /// The plan that was run, to compare with
    ///
    /// For outcomes: the plan that was run, to name the suites that are farthest from it [default: plan.json in the
    /// plan's usual folder, if it is that plan]
    #[arg(long, value_name = "PLAN", conflicts_with = "merge")]
    pub(super) plan: Option<PathBuf>,
    /// Forget suites that N runs did not measure
    ///
    /// Forget suites that the last N runs did not measure
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=32))]
    pub(super) forget: Option<u32>,
    /// A report that cannot be read is an error
    #[arg(long)]
    pub(super) strict: bool,
    /// The configuration
    ///
    /// [default: the nearest shard.toml from here upwards]
    #[arg(long, value_name = "FILE")]
    pub(super) config: Option<PathBuf>,
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
pub(super) struct RebalanceArgs {
    /// The plan that was run
    ///
    /// [default: where `shard plan` writes it]
    #[arg(long, value_name = "FILE")]
    pub(super) plan: Option<PathBuf>,
    /// How its shards ended: files and folders
    ///
    /// Outcomes of all its attempts: files, folders and globs [default: the folder `outcomes` beside the plan]
    #[arg(long, value_name = "PATH", num_args = 1..)]
    pub(super) outcomes: Vec<String>,
    /// Take all from a run of GitHub Actions
    ///
    /// Take plan, outcomes and the ends of all jobs from a run of GitHub Actions: its number, its address, or `newest`,
    /// the newest that failed
    #[arg(long, value_name = "RUN", conflicts_with = "outcomes")]
    pub(super) run: Option<Named>,
    #[command(flatten)]
    pub(super) github: GithubArgs,
    /// What sacct, scontrol or kubectl tell of it
    ///
    /// What a cluster says of the tasks that ran the plan: what `sacct --parsable2`, `sacct --json`, `scontrol show
    /// job` or `kubectl get pods -o json` printed, recognised by content
    #[arg(long, value_name = "FILE", num_args = 1.., conflicts_with = "run")]
    pub(super) ended: Vec<PathBuf>,
    /// A shard and the exit code of its job
    ///
    /// A shard and the exit code of its job, where no outcome tells it
    #[arg(long, value_name = "SHARD=CODE")]
    pub(super) failed: Vec<String>,
    /// Shards without an outcome did not run yet
    ///
    /// Shards that nothing tells of did not run yet [default: their machines are taken for lost]
    #[arg(long)]
    pub(super) waiting: bool,
    /// Plan what was executed too
    ///
    /// Plan what was executed too: jobs that ended well keep their names and suites
    #[arg(long)]
    pub(super) all: bool,
    /// Give up after so many rounds
    ///
    /// [default: 3]
    #[arg(long, value_name = "N")]
    pub(super) rounds: Option<u32>,
    /// Where to write the new plan
    ///
    /// [default: the folder of the plan]
    #[arg(long, value_name = "FOLDER")]
    pub(super) out: Option<PathBuf>,
    /// The history that learns from it
    ///
    /// The history that learns from the outcomes [default: shard-history.json beside the configuration]
    #[arg(long, value_name = "FILE")]
    pub(super) history: Option<PathBuf>,
    /// Longest time to wait for storage and GitHub
    ///
    /// Longest time to try a history in shared storage, and to wait for GitHub [default: 10m]
    #[arg(long, value_name = "TIME")]
    pub(super) wait: Option<Millis>,
    /// Leave the history as it is
    #[arg(long, conflicts_with = "history")]
    pub(super) no_record: bool,
    /// Write nothing, only show
    #[arg(long)]
    pub(super) dry_run: bool,
    /// What to print, as for `shard plan`
    #[arg(long, value_name = "FORMAT", default_value = "table")]
    pub(super) format: PlanFormat,
    /// Jobs that other axes make of each shard
    ///
    /// For --format github: jobs that the workflow's other axes make of each shard
    #[arg(long, value_name = "K", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=256))]
    pub(super) axes: u32,
    /// How selections are written: lines, null, json
    ///
    /// How selection files are written
    #[arg(long, value_name = "FORMAT", default_value = "lines")]
    pub(super) selection_format: SelectionFormat,
    /// How long to search: quick, normal, best
    ///
    /// How long to search
    #[arg(long, value_name = "EFFORT", default_value = "normal")]
    pub(super) effort: Effort,
    /// The configuration
    ///
    /// [default: the nearest shard.toml from here upwards]
    #[arg(long, value_name = "FILE")]
    pub(super) config: Option<PathBuf>,
}

/// Show a plan, and how its jobs ended, as a page for a browser
#[derive(clap::Args)]
#[command(after_long_help = "Examples:
  shard report
  shard report --outcomes 'artifacts/*/outcomes' -o report.html

The page is one file that needs no network: jobs as bars of time and memory, what they really took, what other numbers of jobs \
would cost, and every suite with its figures.

Exit codes: 0 written, 2 wrong usage, configuration or input")]
pub(super) struct ReportArgs {
    /// The plan
    ///
    /// [default: where `shard plan` writes it]
    #[arg(long, value_name = "FILE")]
    pub(super) plan: Option<PathBuf>,
    /// How its shards ended: files and folders
    ///
    /// Outcomes of its jobs: files, folders and globs [default: the folder `outcomes` beside the plan]
    #[arg(long, value_name = "PATH", num_args = 1..)]
    pub(super) outcomes: Vec<String>,
    /// What earlier runs measured
    ///
    /// [default: shard-history.json beside the configuration]
    #[arg(long, value_name = "FILE")]
    pub(super) history: Vec<PathBuf>,
    /// Longest time to try shared storage
    ///
    /// Longest time to try a history in shared storage [default: 30s]
    #[arg(long, value_name = "TIME")]
    pub(super) wait: Option<Millis>,
    /// Where to write the page; `-`: print it
    ///
    /// Where to write the page; `-`: to standard output [default: report.html beside the plan]
    #[arg(short, long, value_name = "OUT")]
    pub(super) output: Option<PathBuf>,
    /// The configuration
    ///
    /// [default: the nearest shard.toml from here upwards]
    #[arg(long, value_name = "FILE")]
    pub(super) config: Option<PathBuf>,
}

/// Which shard, where it is not named: by a number.
#[derive(clap::Args, Clone, Default)]
pub(super) struct PickArgs {
    /// The shard by its number, from 0
    ///
    /// The shard by its number in the plan, from 0, as `index` in matrix.json [default: what the CI says of its
    /// parallel jobs, see docs/ci.md; SHARD_INDEX before all others]
    #[arg(long, help_heading = "By number", value_name = "N", conflicts_with = "shard")]
    pub(super) index: Option<usize>,
    /// How many jobs there are
    ///
    /// How many jobs there are, which must be as many as shards [default: what the CI says]
    #[arg(long, help_heading = "By number", value_name = "N", conflicts_with = "shard")]
    pub(super) total: Option<usize>,
    /// The number counts among these: 0,3,5-7
    ///
    /// The number counts among these shards of the plan alone: 0,3,5-7
    #[arg(long, help_heading = "By number", value_name = "LIST", conflicts_with = "shard")]
    pub(super) among: Option<Among>,
    /// A job without a shard does nothing
    ///
    /// There may be more jobs than shards: one that has none does nothing
    #[arg(long, help_heading = "By number", conflicts_with = "shard")]
    pub(super) allow_idle: bool,
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
pub(super) struct SelectArgs {
    /// The shard, such as `unit-1`
    ///
    /// [default: by its number]
    pub(super) shard: Option<String>,
    #[command(flatten)]
    pub(super) pick: PickArgs,
    /// The plan
    ///
    /// [default: where `shard plan` writes it]
    #[arg(long, value_name = "FILE")]
    pub(super) plan: Option<PathBuf>,
    /// How to print: lines, null, json or args
    ///
    /// How to print them: one a line, NUL-separated, a JSON array, or words for a shell
    #[arg(long, value_name = "FORM", default_value = "lines")]
    pub(super) format: SelectFormat,
    /// Only one session of the shard, from 1
    #[arg(long, value_name = "N")]
    pub(super) session: Option<usize>,
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
pub(super) struct SplitArgs {
    /// Which job this is, from 0
    ///
    /// [default: what the CI says, see docs/ci.md]
    #[arg(long, value_name = "N")]
    pub(super) index: Option<usize>,
    /// How many jobs there are
    ///
    /// [default: what the CI says]
    #[arg(long, value_name = "N")]
    pub(super) total: Option<usize>,
    /// Reports of earlier runs, for time and memory
    ///
    /// Reports of an earlier run with times or memory, as for `shard plan`
    #[arg(long, value_name = "[FORMAT:]GLOB")]
    pub(super) timings: Vec<String>,
    /// What earlier runs measured
    ///
    /// [default: shard-history.json beside the configuration]
    #[arg(long, value_name = "FILE")]
    pub(super) history: Vec<PathBuf>,
    /// Longest time to try shared storage
    ///
    /// Longest time to try a history in shared storage [default: 30s]
    #[arg(long, value_name = "TIME")]
    pub(super) wait: Option<Millis>,
    /// Memory of one job: 3GB
    ///
    /// Memory that one job may use: `3GB` [default: no limit]
    #[arg(long, value_name = "SIZE")]
    pub(super) budget: Option<Budget>,
    /// How to print: lines, null, json or args
    ///
    /// How to print the names: one a line, NUL-separated, a JSON array, or words for a shell
    #[arg(long, value_name = "FORM", default_value = "lines")]
    pub(super) format: SelectFormat,
    /// No names at all are no error
    #[arg(long)]
    pub(super) allow_empty: bool,
    /// An unreadable report is an error
    ///
    /// A report or history that cannot be read is an error
    #[arg(long)]
    pub(super) strict: bool,
    /// The configuration
    ///
    /// [default: the nearest shard.toml from here upwards]
    #[arg(long, value_name = "FILE")]
    pub(super) config: Option<PathBuf>,
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
pub(super) struct ExplainArgs {
    /// A suite, a shard, or the id of an error
    ///
    /// What is both a suite and a shard is taken as a shard, and what the plan has before an error. The id of an error
    /// or warning may be typed as it was printed: error[unknown-shard]
    #[arg(value_name = "SUITE|SHARD")]
    pub(super) name: String,
    /// Where the suites are, as for `shard plan`
    #[arg(value_name = "SOURCE")]
    pub(super) sources: Vec<String>,
    /// The configuration
    ///
    /// [default: the nearest shard.toml from here upwards]
    #[arg(long, value_name = "FILE")]
    pub(super) config: Option<PathBuf>,
    /// The plan
    ///
    /// [default: where `shard plan` writes it]
    #[arg(long, value_name = "FILE")]
    pub(super) plan: Option<PathBuf>,
    /// Reports of earlier runs, for time and memory
    ///
    /// Reports of an earlier run with times or memory, as for `shard plan`
    #[arg(long, value_name = "[FORMAT:]GLOB")]
    pub(super) timings: Vec<String>,
    /// What earlier runs measured
    ///
    /// [default: shard-history.json beside the configuration]
    #[arg(long, value_name = "FILE")]
    pub(super) history: Vec<PathBuf>,
    /// Memory of one job: 3GB, auto or none
    ///
    /// Memory that one job may use: `3GB`, `auto` or `none`
    #[arg(long, value_name = "SIZE")]
    pub(super) budget: Option<Budget>,
    /// What becomes a suite: file, class or test
    ///
    /// What becomes a suite where a list names tests
    #[arg(long, value_name = "UNIT")]
    pub(super) granularity: Option<Unit>,
    /// Whose measurements count
    ///
    /// [default: those of the newest run]
    #[arg(long, value_name = "KEY")]
    pub(super) key: Option<String>,
    /// Plan with this quantile of times: 0.9
    ///
    /// This quantile of earlier times instead of their mean: 0.9
    #[arg(long, value_name = "SHARE")]
    pub(super) time_quantile: Option<Quantile>,
    /// What to print: table or json
    ///
    /// What to print: text for people, or JSON
    #[arg(long, value_name = "FORMAT", default_value = "table")]
    pub(super) format: DiffFormat,
    /// A report that cannot be read is an error
    #[arg(long)]
    pub(super) strict: bool,
}

/// Show what changed from one plan to another, and why
#[derive(clap::Args)]
#[command(after_long_help = "Examples:
  shard diff old.json shard-out/plan.json
  shard diff previous-out/plan.json shard-out/plan.json --format json

Exit codes: 0 shown, whether they differ or not, 2 wrong usage, or a plan that cannot be used")]
pub(super) struct DiffArgs {
    /// The earlier plan.json
    pub(super) old: PathBuf,
    /// The later one
    pub(super) new: PathBuf,
    /// What to print: table or json
    ///
    /// What to print: a table for people, or JSON
    #[arg(long, value_name = "FORMAT", default_value = "table")]
    pub(super) format: DiffFormat,
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
pub(super) struct VerifyArgs {
    /// Reports and outcomes of all shards
    ///
    /// Reports and outcomes of all shards, rounds and attempts: files, folders and globs; a format in front forces it
    #[arg(value_name = "[FORMAT:]FILE")]
    pub(super) sources: Vec<String>,
    /// The plan
    ///
    /// [default: where `shard plan` writes it]
    #[arg(long, value_name = "FILE")]
    pub(super) plan: Option<PathBuf>,
    /// The configuration, for its [map]
    ///
    /// The configuration, whose [map] names follow [default: the nearest shard.toml from here upwards]
    #[arg(long, value_name = "FILE")]
    pub(super) config: Option<PathBuf>,
    /// What to print: table or json
    ///
    /// What to print: text for people, or JSON
    #[arg(long, value_name = "FORMAT", default_value = "table")]
    pub(super) format: DiffFormat,
    /// Tests that failed are no error
    ///
    /// Only whether suites ran: tests that failed are no error
    #[arg(long)]
    pub(super) allow_failures: bool,
    /// Whatever does not fit is an error
    ///
    /// Names that are not in the plan, files that cannot be read and outcomes of another plan are errors
    #[arg(long)]
    pub(super) strict: bool,
}

/// Show what reports and lists hold, and if names meet
#[derive(clap::Args)]
#[command(after_long_help = "Examples:
  shard inspect 'reports/**/*.xml'
  shard inspect junit-xml:result.log
  shard inspect .test_durations --against tests.txt

Exit codes: 0 read, 1 with --strict where something could not be read, 2 wrong usage, or nothing could be read")]
pub(super) struct InspectArgs {
    /// Reports, timings and lists of any format
    ///
    /// Files, folders and globs of any format, recognised by content; a format in front forces it
    #[arg(value_name = "[FORMAT:]FILE", required = true)]
    pub(super) files: Vec<String>,
    /// How names meet these suites
    ///
    /// How the names meet the suites of this list, report or glob
    #[arg(long, value_name = "INVENTORY")]
    pub(super) against: Option<String>,
    /// The configuration
    ///
    /// [default: the nearest shard.toml from here upwards]
    #[arg(long, value_name = "FILE")]
    pub(super) config: Option<PathBuf>,
    /// What to print: table or json
    ///
    /// What to print: text for people, or a line of JSON for each file
    #[arg(long, value_name = "FORMAT", default_value = "table")]
    pub(super) format: DiffFormat,
    /// A file that cannot be read is an error
    #[arg(long)]
    pub(super) strict: bool,
}

/// Replay runs that are over, to judge settings and other splitters
#[derive(clap::Args)]
#[command(after_long_help = "Examples:
  shard backtest july.test_durations october.test_durations
  shard backtest reports/monday reports/tuesday --shards 4,8
  shard backtest --history shard-history.json --compare --format json

Exit codes: 0 replayed, 2 wrong usage, configuration or input")]
pub(super) struct BacktestArgs {
    /// The reports of each run, oldest first
    ///
    /// Runs, oldest first: each a file, folder or glob with reports of any format in docs/formats.md [default: the runs
    /// of the history]
    #[arg(value_name = "[FORMAT:]RUN")]
    pub(super) runs: Vec<String>,
    /// Replay the runs of this history
    ///
    /// Replay the runs of this history [default: shard-history.json beside the configuration]
    #[arg(long, value_name = "FILE")]
    pub(super) history: Vec<PathBuf>,
    /// Numbers of jobs to plan for
    #[arg(long, value_name = "N,N", value_delimiter = ',', default_value = "8,16")]
    pub(super) shards: Vec<usize>,
    /// Beside other settings and other splitters
    ///
    /// Beside it the same with other settings, and what other splitters make of the same runs
    #[arg(long)]
    pub(super) compare: bool,
    /// What becomes a suite: file, class or test
    ///
    /// What becomes a suite where reports name tests [default: file]
    #[arg(long, value_name = "UNIT")]
    pub(super) granularity: Option<Unit>,
    /// The configuration
    ///
    /// [default: the nearest shard.toml from here upwards]
    #[arg(long, value_name = "FILE")]
    pub(super) config: Option<PathBuf>,
    /// What to print: table or json
    ///
    /// What to print: tables for people, or JSON
    #[arg(long, value_name = "FORMAT", default_value = "table")]
    pub(super) format: DiffFormat,
}

/// Tell why a job ended as it did, and what to do next
#[derive(clap::Args)]
#[command(after_long_help = "Examples:
  shard triage shard-out/outcomes
  shard triage --exit 137 --log run.log
  gh run view 123 --log-failed | shard triage --log -
  shard triage --run newest --workflow test.yml --branch main

Exit codes: 0 an answer was given, whatever it is; 2 wrong usage, or a file that cannot be read; 5 GitHub or the network failed")]
pub(super) struct TriageArgs {
    /// Outcomes that `shard run` wrote: files, folders and globs
    #[arg(value_name = "OUTCOME")]
    pub(super) outcomes: Vec<String>,
    /// The exit code of the job or step
    #[arg(long, value_name = "N", allow_negative_numbers = true, value_parser = clap::value_parser!(i64).range(-(1 << 31)..1 << 32))]
    pub(super) exit: Option<i64>,
    /// What it printed; `-`: standard input
    ///
    /// What it printed; `-` is standard input. Only the beginning and the end of a long one are read
    #[arg(long, value_name = "FILE")]
    pub(super) log: Option<PathBuf>,
    /// What sacct, scontrol or kubectl tell of it
    ///
    /// What a cluster says of the tasks that ran the plan: what `sacct --parsable2`, `sacct --json`, `scontrol show
    /// job` or `kubectl get pods -o json` printed, recognised by content
    #[arg(long, value_name = "FILE", num_args = 1.., conflicts_with_all = ["exit", "log"])]
    pub(super) ended: Vec<PathBuf>,
    /// With --ended: the plan that was run
    ///
    /// With --ended: the plan that was run [default: where `shard plan` writes it]
    #[arg(long, value_name = "FILE", requires = "ended")]
    pub(super) plan: Option<PathBuf>,
    /// A run of GitHub Actions, or newest
    ///
    /// A run of GitHub Actions, whose jobs are judged: its number, the address of its page, or `newest` for the newest
    /// that failed
    #[arg(long, value_name = "RUN", conflicts_with_all = ["outcomes", "exit", "log", "ended"])]
    pub(super) run: Option<Named>,
    #[command(flatten)]
    pub(super) github: GithubArgs,
    /// Longest time to wait for GitHub
    ///
    /// Longest time to wait for GitHub, in all [default: 10m]
    #[arg(long, value_name = "TIME")]
    pub(super) wait: Option<Millis>,
    /// What to print: table or json
    ///
    /// What to print: text for people, or JSON
    #[arg(long, value_name = "FORMAT", default_value = "table")]
    pub(super) format: DiffFormat,
}

/// Which run of GitHub Actions is meant. The token is that of GITHUB_TOKEN or GH_TOKEN.
#[derive(clap::Args, Clone, Default)]
pub(super) struct GithubArgs {
    /// The repository
    ///
    /// [default: GITHUB_REPOSITORY]
    #[arg(long, help_heading = "GitHub", value_name = "OWNER/NAME")]
    pub(super) repo: Option<Repository>,
    /// Which attempt of the run, from 1
    ///
    /// [default: the newest]
    #[arg(long, help_heading = "GitHub", value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(super) attempt: Option<u64>,
    /// Of newest: the workflow, such as test.yml
    ///
    /// Of `newest`: the workflow's file, such as test.yml [default: that of GITHUB_WORKFLOW_REF, else any]
    #[arg(long, help_heading = "GitHub", value_name = "FILE")]
    pub(super) workflow: Option<String>,
    /// Of newest: the branch
    ///
    /// Of `newest`: the branch [default: that of this workflow run, or for a history the one that it goes into; else
    /// any]
    #[arg(long, help_heading = "GitHub", value_name = "NAME")]
    pub(super) branch: Option<String>,
    /// Only artifacts of this name; * is any text
    ///
    /// Look into artifacts of this name alone, where `*` is any text [default: shard-plan*, shard-out*, shard-obs* and
    /// shard-history*, as far as they are needed]
    #[arg(long, help_heading = "GitHub", value_name = "NAME")]
    pub(super) artifact: Vec<String>,
}

/// Check whether this machine has what the plan needs
#[derive(clap::Args)]
#[command(after_long_help = "Examples:
  shard check
  shard check e2e-1

Exit codes: 0 it has, perhaps with warnings, 2 wrong usage, configuration or input, 4 it lacks something")]
pub(super) struct CheckArgs {
    /// The shard that is to run here
    ///
    /// [default: the plan's largest]
    pub(super) shard: Option<String>,
    /// The plan
    ///
    /// [default: where `shard plan` writes it, if it is there]
    #[arg(long, value_name = "FILE")]
    pub(super) plan: Option<PathBuf>,
    /// The configuration, for its [preflight]
    ///
    /// The configuration, for its [preflight] [default: the nearest shard.toml from here upwards]
    #[arg(long, value_name = "FILE")]
    pub(super) config: Option<PathBuf>,
    /// What to print: table or json
    ///
    /// What to print: a table for people, or JSON
    #[arg(long, value_name = "FORMAT", default_value = "table")]
    pub(super) format: DiffFormat,
}

/// Run a shard: measure and watch it, and explain how it ended
#[derive(clap::Args)]
#[command(after_long_help = "Examples:
  shard run unit-1
  shard run e2e-1 --continue -- pytest '@{selection}'
  shard run --index 0
  shard run

Without a name the shard is found by its number: --index, else what the CI says of its parallel jobs.

In a command, {selection} is the path of a file with the suites, {suites} the suites as words, {suite} the one \
suite of a process of its own, {outcomes} the folder of the outcomes; {workers}, {shard} and {session} are what they say.

Exit codes: that of the first session that failed, 128 + n for signal n; 90 the machine lacks what the plan \
needs, 91 not every suite ran, 92 stopped before memory ran out, 93 stopped because nothing happened any more, \
94 the plan, configuration or command cannot be used, 124 stopped because the time was over")]
pub(super) struct RunArgs {
    /// The shard, such as `unit-1`
    ///
    /// [default: by its number]
    pub(super) shard: Option<String>,
    #[command(flatten)]
    pub(super) pick: PickArgs,
    /// The plan
    ///
    /// [default: where `shard plan` writes it]
    #[arg(long, value_name = "FILE")]
    pub(super) plan: Option<PathBuf>,
    /// The configuration
    ///
    /// [default: the nearest shard.toml from here upwards]
    #[arg(long, value_name = "FILE")]
    pub(super) config: Option<PathBuf>,
    /// Where the machine is too small: fail, warn, off
    ///
    /// What to do where the machine lacks what the plan needs
    #[arg(long, value_name = "WHAT", default_value = "fail")]
    pub(super) preflight: Preflight,
    /// After a kill or hang, run what is left
    ///
    /// After a kill or a hang, go on with the suites that are left, the one to blame last and alone
    #[arg(long = "continue")]
    pub(super) go_on: bool,
    /// A session for every suite, to measure each
    ///
    /// Give every suite a session of its own, to learn what each takes where the test runner cannot be asked
    #[arg(long)]
    pub(super) each: bool,
    /// Refuse any other plan than this one
    ///
    /// Refuse any other plan than the one whose digest begins so, as a task must that waited in a queue
    #[arg(long, value_name = "HEX", value_parser = digest)]
    pub(super) digest: Option<String>,
    /// The folder for the outcome
    ///
    /// Where the outcome goes [default: the folder `outcomes` beside the plan]
    #[arg(long, value_name = "FOLDER")]
    pub(super) outcomes: Option<PathBuf>,
    /// End a session that does nothing for so long
    ///
    /// Stop a session that prints nothing and uses no CPU for so long; 0s: never [default: the tier's]
    #[arg(long, value_name = "TIME")]
    pub(super) idle_timeout: Option<Millis>,
    /// End the shard after so long
    ///
    /// Stop the shard after so long [default: the plan's timeout, less the tier's set-up]
    #[arg(long, value_name = "TIME")]
    pub(super) timeout: Option<Millis>,
    /// Which attempt this is, from 1
    ///
    /// Which attempt this is, from 1. Later ones look for the outcomes of those before: what they executed is not run
    /// again, and the rest runs in smaller sessions if memory ended them [default: what the CI says, else 1]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(super) attempt: Option<u32>,
    /// Say what is going on so often
    ///
    /// Say what is going on so often [default: 30s in CI, else never]
    #[arg(long, value_name = "TIME")]
    pub(super) heartbeat: Option<Millis>,
    /// The command
    ///
    /// [default: `run` of the tier in shard.toml]
    #[arg(last = true, value_name = "CMD")]
    pub(super) command: Vec<String>,
}

/// Measure one process, as a wrapper inside a test runner
#[derive(clap::Args)]
#[command(after_long_help = "Examples:
  go test -exec 'shard probe --' ./...
  bazel test --run_under='shard probe --' //...
  shard probe --id api --output peaks.jsonl -- ./test-api --fast

What the process reads and prints passes through untouched, and signals reach it. Under `shard run` the figures go into \
the outcome; else they are one JSON line on standard error, or in a file.

Exit codes: that of the process, 128 + n for signal n; 94 it cannot be started")]
pub(super) struct ProbeArgs {
    /// The suite
    ///
    /// The suite [default: what cargo-nextest, Bazel or Go say of it, else the program's name]
    #[arg(long, value_name = "ID")]
    pub(super) id: Option<String>,
    /// Add the line to this file in place of standard error
    #[arg(long, value_name = "FILE")]
    pub(super) output: Option<PathBuf>,
    /// The process
    #[arg(last = true, required = true, value_name = "CMD")]
    pub(super) command: Vec<String>,
}

/// Print the JSON Schema of a file that shard reads or writes
#[derive(clap::Args)]
#[command(after_long_help = "Examples:
  shard schema config > shard.schema.json
  shard schema plan

With `#:schema ./shard.schema.json` in the first line of shard.toml, editors that know taplo (Even Better TOML) complete its \
keys, show what they mean and mark mistakes.

Exit codes: 0 printed, 2 wrong usage")]
pub(super) struct SchemaArgs {
    /// The file
    #[arg(value_name = "FILE")]
    pub(super) document: SchemaDocument,
}

/// Print a script that completes commands and flags in a shell
#[derive(clap::Args)]
#[command(after_long_help = "Examples:
  shard completions bash > ~/.local/share/bash-completion/completions/shard
  shard completions zsh > ~/.zfunc/_shard
  shard completions fish > ~/.config/fish/completions/shard.fish
  shard completions powershell >> $PROFILE

Exit codes: 0 printed, 2 wrong usage")]
pub(super) struct CompletionsArgs {
    /// The shell
    pub(super) shell: clap_complete::Shell,
}

/// Write the manual pages, one for every command
#[derive(clap::Args)]
#[command(after_long_help = "Examples:
  shard man ~/.local/share/man/man1
  man shard-plan

Exit codes: 0 written, 2 wrong usage, or the folder cannot be written")]
pub(super) struct ManArgs {
    /// Where to write them
    ///
    /// Where to write them; it is made where it is missing
    pub(super) folder: PathBuf,
}

/// The beginning of a digest: at least a token.
fn digest(text: &str) -> Result<String, String> {
    let hex = text.strip_prefix("sha256:").unwrap_or(text);
    let good = (8..=64).contains(&hex.len()) && hex.bytes().all(|byte| byte.is_ascii_hexdigit());
    if good { Ok(hex.to_ascii_lowercase()) } else { Err("a digest has 8 to 64 hex digits".to_owned()) }
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Preflight {
    /// Do not start
    Fail,
    /// Say so and start
    Warn,
    /// Do not look
    Off,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum PlanFormat {
    Table,
    Json,
    Markdown,
    Html,
    Github,
    Gitlab,
    Buildkite,
    Circleci,
    Azure,
    Slurm,
    Kubernetes,
    Argo,
}

impl PlanFormat {
    /// Whether it is for a cluster, whose tasks get what is asked for them.
    pub(super) fn is_of_cluster(self) -> bool {
        matches!(self, PlanFormat::Slurm | PlanFormat::Kubernetes | PlanFormat::Argo)
    }
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum DiffFormat {
    Table,
    Json,
}

#[derive(Clone, Copy, ValueEnum)]
pub(super) enum SchemaDocument {
    /// plan.json
    Plan,
    /// matrix.json
    Matrix,
    /// shard-history.json
    History,
    /// One line of an outcome of `shard run`
    Outcome,
    /// shard.toml
    Config,
}

impl From<SchemaDocument> for crate::schema::Document {
    fn from(document: SchemaDocument) -> Self {
        match document {
            SchemaDocument::Plan => Self::Plan,
            SchemaDocument::Matrix => Self::Matrix,
            SchemaDocument::History => Self::History,
            SchemaDocument::Outcome => Self::Outcome,
            SchemaDocument::Config => Self::Config,
        }
    }
}

#[derive(Clone, Copy, ValueEnum)]
pub(super) enum SelectionFormat {
    Lines,
    Null,
    Json,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum SelectFormat {
    Lines,
    Null,
    Json,
    Args,
}

#[derive(Clone, Copy, ValueEnum)]
pub(super) enum Effort {
    Quick,
    Normal,
    Best,
}

#[derive(Clone, Copy, ValueEnum)]
pub(super) enum Unit {
    File,
    Class,
    Test,
}

impl From<Unit> for Granularity {
    fn from(unit: Unit) -> Granularity {
        match unit {
            Unit::File => Granularity::File,
            Unit::Class => Granularity::Class,
            Unit::Test => Granularity::Test,
        }
    }
}

impl From<SelectionFormat> for crate::plan::Selection {
    fn from(format: SelectionFormat) -> Self {
        match format {
            SelectionFormat::Lines => Self::Lines,
            SelectionFormat::Null => Self::Null,
            SelectionFormat::Json => Self::Json,
        }
    }
}

impl From<SelectFormat> for crate::emit::selection::Form {
    fn from(format: SelectFormat) -> Self {
        match format {
            SelectFormat::Lines => Self::Lines,
            SelectFormat::Null => Self::Null,
            SelectFormat::Json => Self::Json,
            SelectFormat::Args => Self::Args,
        }
    }
}

impl From<Effort> for crate::pack::Effort {
    fn from(effort: Effort) -> Self {
        match effort {
            Effort::Quick => Self::Quick,
            Effort::Normal => Self::Normal,
            Effort::Best => Self::Best,
        }
    }
}
