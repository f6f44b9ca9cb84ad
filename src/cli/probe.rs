//! `shard probe`: one process, measured.

use std::io::{IsTerminal, Write};
use std::path::Path;

use super::args::ProbeArgs;
use super::{Failure, Terminal};
use crate::catalogue::ErrorId;
use crate::run;
use crate::run::probe::{self, Probe};

/// Most bytes of a file that is only asked for its first lines.
const READ_MAX: u64 = 1 << 20;

pub(super) fn run(
    args: &ProbeArgs,
    terminal: &mut Terminal<'_, impl Write, impl Write>,
) -> Result<u8, Failure> {
    let get = |name: &str| std::env::var(name).ok();
    let read = |path: &Path| String::from_utf8(crate::files::read(path, READ_MAX).ok()?).ok();
    let folder = std::env::current_dir().unwrap_or_default();
    // Processes that follow each other in one place count as one worker.
    let slot = get("NEXTEST_TEST_GLOBAL_SLOT").filter(|slot| slot.parse::<u32>().is_ok());
    // It only lists its tests.
    let lists = get("NEXTEST").is_some() && args.command.iter().skip(1).any(|word| word == "--list");
    let probe = Probe {
        id: args.id.clone().unwrap_or_else(|| probe::id(&args.command, &folder, get, read)),
        worker: format!("probe-{}", slot.unwrap_or_else(|| std::process::id().to_string())),
        words: args.command.clone(),
        events: std::env::var_os(run::events::VARIABLE)
            .filter(|path| !path.is_empty() && !lists)
            .map(Into::into),
        output: args.output.clone().filter(|_| !lists),
        interactive: cfg!(unix) && std::io::stdin().is_terminal(),
    };
    let mut say = |line: &str| {
        if !lists {
            terminal.say(line);
        }
    };
    let done = probe::probe(&probe, &mut say);
    done.map_err(|message| Failure::new(ErrorId::CannotRun, message))
}
