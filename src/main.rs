//! The `shard` command.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;

fn main() -> ExitCode {
    let run = || {
        let mut stdout = std::io::stdout().lock();
        // Not locked: other threads say what is going on.
        let mut stderr = std::io::stderr();
        shard::cli::run(std::env::args_os(), &mut stdout, &mut stderr)
    };
    // A panic has said what happened; its exit code is one of ours.
    ExitCode::from(catch_unwind(AssertUnwindSafe(run)).unwrap_or(shard::exit::BUG))
}
