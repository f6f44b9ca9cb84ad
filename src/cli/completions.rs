//! `shard completions`: what a shell needs to complete our commands and flags.

use std::io::Write;

use clap::CommandFactory;

use super::args::{Args, CompletionsArgs};
use super::{Failure, Terminal};
use crate::exit;

pub(super) fn run(
    args: &CompletionsArgs,
    terminal: &mut Terminal<'_, impl Write, impl Write>,
) -> Result<u8, Failure> {
    // Into memory first: the generator panics where its sink fails, as a closed pipe does.
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Args::command(), "shard", &mut script);
    terminal.print(&script)?;
    Ok(exit::DONE)
}
