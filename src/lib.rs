//! `shard` splits a test suite into CI jobs that fit in memory.
//!
//! # The map
//!
//! Values flow one way, and the listing of the modules reads like that flow:
//!
//! ```text
//!         ┌─► inventory ─┐
//! report ─┤              ├─► estimate ─► pack ─► plan ─► emit
//!         └─► history  ──┘
//! ```
//!
//! | module | from | to |
//! |---|---|---|
//! | [`model`] | | the words that all stages share: suites, costs, units |
//! | [`config`] | the text of `shard.toml` | a checked [`config::Config`] |
//! | [`report`] | what any test tool wrote | one stream of cases |
//! | [`inventory`] | listings | which suites exist |
//! | [`history`] | reports, timings, our own store | what they cost when they ran |
//! | [`estimate`] | history | what each will cost, with its basis |
//! | [`pack`] | costs as integers | which suites share a shard |
//! | [`plan`] | a packing | shards with names, predictions, proofs, warnings |
//! | [`backtest`] | runs that are over | how plans made before them would have done |
//! | [`drift`] | outcomes | what shards took beside what was planned |
//! | [`emit`] | a plan | matrix, selections, table |
//! | [`outcome`] | what happened while a shard ran, line by line | how it ended, with what was measured |
//! | [`triage`] | outcomes, exit codes, logs | a verdict with its evidence |
//! | [`rebalance`] | a plan and how its shards ended | a plan for what is left |
//! | [`ended`] | what a cluster's scheduler says | how its tasks ended |
//! | [`github`] | a run of GitHub Actions | its jobs, what they tell of their shards, its artifacts |
//! | [`init`] | names and texts of a project's files | what they tell of tests; a first `shard.toml` and a workflow |
//! | [`machine`] | `/proc`, control groups | what this machine has, and whether that is enough |
//! | [`run`] | a shard and its command | its processes, measured and watched, and an outcome |
//! | [`schema`] | the types of the files | a JSON Schema of each |
//! | [`files`] | | the disk, shared storage, and the inventory's command |
//! | [`catalogue`] | | the id, the exit code and the advice of every error |
//! | [`cli`] | flags | all of the above, glued |
//!
//! Dependencies point one way: `model ← report ← inventory, history ← estimate ← pack ← plan ← backtest, drift ← emit`; each
//! may use what is left of it, `config` is beside `model`, `outcome ← triage` beside `report`, `rebalance` between `plan` and `emit`, `github` and `ended` after `plan` and `triage`, `init` beside `config`, `schema` after `emit`, and [`text`]
//! and [`catalogue`] are under all. What is deliberately absent:
//!
//! - `model` knows no file format, no flag and no algorithm.
//! - `report`, `inventory` and `history` take bytes, never a path to open.
//! - `pack` knows no name, no test framework, no clock and no thread count.
//! - `plan::verify` and `plan::law` share no code with `pack`.
//! - `emit` never changes a plan.
//! - `init` executes nothing of the project that it looks at.
//! - Nothing but `files`, `machine`, `run`, `github` and `cli` touches disk, network, processes, environment or time; nothing below `cli`
//!   knows a flag.
//! - Planning never reads the machine that it runs on.

pub mod backtest;
pub mod catalogue;
pub mod cli;
pub mod config;
pub mod drift;
pub mod emit;
pub mod ended;
pub mod estimate;
pub mod exit;
pub mod files;
pub mod github;
pub mod history;
pub mod init;
pub mod inventory;
pub mod machine;
pub mod model;
pub mod outcome;
pub mod pack;
pub mod plan;
pub mod rebalance;
pub mod report;
pub mod run;
pub mod schema;
pub mod text;
pub mod triage;
