//! Integration tests: the command as people run it. One file a subject.

// A test that cannot go on says so by panicking, and these run the command.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::disallowed_methods, clippy::print_stdout)]

mod backtest;
mod bad_input;
mod cases;
mod check;
mod ci;
#[cfg(target_os = "linux")]
mod closed_loop;
mod clusters;
mod common;
mod curve;
mod documents;
#[cfg(unix)]
mod errors;
mod explain;
mod folders;
mod github;
#[cfg(feature = "github")]
mod github_api;
mod help;
mod init;
mod inputs;
mod inspect;
mod install;
#[cfg(target_os = "linux")]
mod kills;
mod learning;
#[cfg(target_os = "linux")]
mod limit;
mod manual;
mod markdown;
mod meant;
mod mutations;
#[cfg(target_os = "linux")]
mod node;
mod outputs;
mod packing;
mod page;
#[cfg(target_os = "linux")]
mod pages;
#[cfg(target_os = "linux")]
mod plugin;
#[cfg(target_os = "linux")]
mod podman;
mod previous;
#[cfg(target_os = "linux")]
mod probe;
#[cfg(target_os = "linux")]
mod progress;
mod pytest;
mod quality;
mod readme;
mod rebalance;
mod record;
#[cfg(feature = "remote")]
mod remote;
mod reports;
mod rules;
#[cfg(target_os = "linux")]
mod run;
#[cfg(target_os = "linux")]
mod runners;
mod scenarios;
mod schema_page;
mod schemas;
mod share;
mod shared;
mod split;
mod terminal;
mod triage;
mod verify;
mod what_if;
mod written;

// The benchmark asks more of a problem than the test of quality does.
#[allow(dead_code)]
#[path = "../../benches/packing/problems.rs"]
mod problems;
