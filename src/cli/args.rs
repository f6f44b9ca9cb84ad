//! What the user may type: the commands, and flags that several of them share.

mod look;
mod plan;
mod record;
mod run;
mod setup;
mod values;

use clap::{Parser, Subcommand};

use super::node::Among;
use crate::github::Repository;

pub(super) use look::{DiffArgs, ExplainArgs, InspectArgs, ReportArgs, VerifyArgs};
pub(super) use plan::{PlanArgs, RebalanceArgs, SelectArgs, SplitArgs};
pub(super) use record::{BacktestArgs, RecordArgs};
pub(super) use run::{CheckArgs, ProbeArgs, RunArgs, TriageArgs};
pub(super) use setup::{CompletionsArgs, InitArgs, ManArgs, SchemaArgs};
pub(super) use values::{DiffFormat, PlanFormat, Preflight, SelectFormat, Unit};

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
