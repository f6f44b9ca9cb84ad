//! Commands around a shard that runs, and one that ended.

use std::path::PathBuf;

use super::values::{DiffFormat, Preflight};
use super::{GithubArgs, PickArgs};
use crate::github::Named;
use crate::model::Millis;

/// Tell why a job ended as it did, and what to do next
#[derive(clap::Args)]
#[command(after_long_help = "Examples:
  shard triage
  shard triage --exit 137 --log run.log
  gh run view 123 --log-failed | shard triage --log -
  shard triage --run newest --workflow test.yml --branch main

Exit codes: 0 an answer was given, whatever it is; 2 wrong usage, or a file that cannot be read; 5 GitHub or the network failed")]
pub(in crate::cli) struct TriageArgs {
    /// Outcomes that `shard run` wrote
    ///
    /// Outcomes that `shard run` wrote: files, folders and globs [default, where nothing else is given: the folder
    /// `outcomes` beside the plan]
    #[arg(value_name = "OUTCOME")]
    pub(in crate::cli) outcomes: Vec<String>,
    /// The exit code of the job or step
    #[arg(long, value_name = "N", allow_negative_numbers = true, value_parser = clap::value_parser!(i64).range(-(1 << 31)..1 << 32))]
    pub(in crate::cli) exit: Option<i64>,
    /// What it printed; `-`: standard input
    ///
    /// What it printed; `-` is standard input. Only the beginning and the end of a long one are read
    #[arg(long, value_name = "FILE")]
    pub(in crate::cli) log: Option<PathBuf>,
    /// What sacct, scontrol or kubectl tell of it
    ///
    /// What a cluster says of the tasks that ran the plan: what `sacct --parsable2`, `sacct --json`, `scontrol show
    /// job` or `kubectl get pods -o json` printed, recognised by content
    #[arg(long, value_name = "FILE", num_args = 1.., conflicts_with_all = ["exit", "log"])]
    pub(in crate::cli) ended: Vec<PathBuf>,
    /// With --ended: the plan that was run
    ///
    /// With --ended: the plan that was run [default: where `shard plan` writes it]
    #[arg(long, value_name = "FILE", requires = "ended")]
    pub(in crate::cli) plan: Option<PathBuf>,
    /// A run of GitHub Actions, or newest
    ///
    /// A run of GitHub Actions, whose jobs are judged: its number, the address of its page, or `newest` for the newest
    /// that failed
    #[arg(long, value_name = "RUN", conflicts_with_all = ["outcomes", "exit", "log", "ended"])]
    pub(in crate::cli) run: Option<Named>,
    #[command(flatten)]
    pub(in crate::cli) github: GithubArgs,
    /// Longest time to wait for GitHub
    ///
    /// Longest time to wait for GitHub, in all [default: 10m]
    #[arg(long, value_name = "TIME")]
    pub(in crate::cli) wait: Option<Millis>,
    /// What to print: table or json
    ///
    /// What to print: text for people, or JSON
    #[arg(long, value_name = "FORMAT", default_value = "table")]
    pub(in crate::cli) format: DiffFormat,
}

/// Check whether this machine has what the plan needs
#[derive(clap::Args)]
#[command(after_long_help = "Examples:
  shard check
  shard check e2e-1

Exit codes: 0 it has, perhaps with warnings, 2 wrong usage, configuration or input, 4 it lacks something")]
pub(in crate::cli) struct CheckArgs {
    /// The shard that is to run here
    ///
    /// [default: the plan's largest]
    pub(in crate::cli) shard: Option<String>,
    /// The plan
    ///
    /// [default: where `shard plan` writes it, if it is there]
    #[arg(long, value_name = "FILE")]
    pub(in crate::cli) plan: Option<PathBuf>,
    /// The configuration, for its [preflight]
    ///
    /// The configuration, for its [preflight] [default: the nearest shard.toml from here upwards]
    #[arg(long, value_name = "FILE")]
    pub(in crate::cli) config: Option<PathBuf>,
    /// What to print: table or json
    ///
    /// What to print: a table for people, or JSON
    #[arg(long, value_name = "FORMAT", default_value = "table")]
    pub(in crate::cli) format: DiffFormat,
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
pub(in crate::cli) struct RunArgs {
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
    /// The configuration
    ///
    /// [default: the nearest shard.toml from here upwards]
    #[arg(long, value_name = "FILE")]
    pub(in crate::cli) config: Option<PathBuf>,
    /// Where the machine is too small: fail, warn, off
    ///
    /// What to do where the machine lacks what the plan needs
    #[arg(long, value_name = "WHAT", default_value = "fail")]
    pub(in crate::cli) preflight: Preflight,
    /// After a kill or hang, run what is left
    ///
    /// After a kill or a hang, go on with the suites that are left, the one to blame last and alone
    #[arg(long = "continue")]
    pub(in crate::cli) go_on: bool,
    /// A session for every suite, to measure each
    ///
    /// Give every suite a session of its own, to learn what each takes where the test runner cannot be asked
    #[arg(long)]
    pub(in crate::cli) each: bool,
    /// Refuse any other plan than this one
    ///
    /// Refuse any other plan than the one whose digest begins so, as a task must that waited in a queue
    #[arg(long, value_name = "HEX", value_parser = digest)]
    pub(in crate::cli) digest: Option<String>,
    /// The folder for the outcome
    ///
    /// Where the outcome goes [default: the folder `outcomes` beside the plan]
    #[arg(long, value_name = "FOLDER")]
    pub(in crate::cli) outcomes: Option<PathBuf>,
    /// End a session that does nothing for so long
    ///
    /// Stop a session that prints nothing and uses no CPU for so long; 0s: never [default: the tier's]
    #[arg(long, value_name = "TIME")]
    pub(in crate::cli) idle_timeout: Option<Millis>,
    /// End the shard after so long
    ///
    /// Stop the shard after so long [default: the plan's timeout, less the tier's set-up]
    #[arg(long, value_name = "TIME")]
    pub(in crate::cli) timeout: Option<Millis>,
    /// Which attempt this is, from 1
    ///
    /// Which attempt this is, from 1. Later ones look for the outcomes of those before: what they executed is not run
    /// again, and the rest runs in smaller sessions if memory ended them [default: what the CI says, else 1]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(in crate::cli) attempt: Option<u32>,
    /// Say what is going on so often
    ///
    /// Say what is going on so often [default: 30s in CI, else never]
    #[arg(long, value_name = "TIME")]
    pub(in crate::cli) heartbeat: Option<Millis>,
    /// The command
    ///
    /// [default: `run` of the tier in shard.toml]
    #[arg(last = true, value_name = "CMD")]
    pub(in crate::cli) command: Vec<String>,
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
pub(in crate::cli) struct ProbeArgs {
    /// The suite
    ///
    /// The suite [default: what cargo-nextest, Bazel or Go say of it, else the program's name]
    #[arg(long, value_name = "ID")]
    pub(in crate::cli) id: Option<String>,
    /// Add the line to this file in place of standard error
    #[arg(long, value_name = "FILE")]
    pub(in crate::cli) output: Option<PathBuf>,
    /// The process
    #[arg(last = true, required = true, value_name = "CMD")]
    pub(in crate::cli) command: Vec<String>,
}

/// The beginning of a digest: at least a token.
fn digest(text: &str) -> Result<String, String> {
    let hex = text.strip_prefix("sha256:").unwrap_or(text);
    let good = (8..=64).contains(&hex.len()) && hex.bytes().all(|byte| byte.is_ascii_hexdigit());
    if good { Ok(hex.to_ascii_lowercase()) } else { Err("a digest has 8 to 64 hex digits".to_owned()) }
}
