//! `shard backtest`: runs that are over, planned again with what was known before each.

use std::io::Write;

use super::args::{BacktestArgs, DiffFormat};
use super::configured::{self, Configured};
use super::progress::Progress;
use super::{Failure, Terminal, output, report};
use crate::backtest::{
    MEMORY_RULES, MemoryRule, MemoryStep, Ran, Setting, Step, memory, recorded, replay, standard, steps,
    weighed_runs,
};
use crate::catalogue::ErrorId;
use crate::config::Granularity;
use crate::emit::backtest as emit;
use crate::exit;
use crate::text::printable;

/// Most shards that are asked for.
const SHARDS_MAX: usize = 10_000;

pub(super) fn run(
    args: &BacktestArgs,
    terminal: &mut Terminal<'_, impl Write, impl Write>,
) -> Result<u8, Failure> {
    if args.shards.iter().any(|shards| !(1..=SHARDS_MAX).contains(shards)) {
        return Err(Failure::new(
            ErrorId::BadValue,
            format!("--shards takes numbers from 1 to {SHARDS_MAX}, such as `8,16`"),
        ));
    }
    let configured = configured::find(args.config.as_deref())?;
    let (steps, weighed) = match args.runs.as_slice() {
        [] => from_store(args, &configured, terminal)?,
        // Reports of other tools state peaks at best, of which no shard's can be made.
        runs => (from_reports(runs, args, &configured, terminal)?, Vec::new()),
    };
    let usual = configured.config.time;
    let settings = if args.compare { standard(usual) } else { vec![Setting::Ours(usual)] };
    let progress = Progress::new("replaying", steps.len() + weighed.len(), "runs");
    let done = || progress.step();
    let mut backtest = replay(&steps, &configured.config, &args.shards, &settings, &done)
        .map_err(Failure::of(ErrorId::SuiteWithoutTier))?;
    if !weighed.is_empty() {
        let rules = if args.compare { &MEMORY_RULES[..] } else { &[MemoryRule::Ours] };
        let memory = memory::replay(&weighed, &configured.config, &args.shards, rules, &done);
        backtest.memory = Some(memory.map_err(Failure::of(ErrorId::SuiteWithoutTier))?);
    }
    drop(progress);
    let text = match args.format {
        DiffFormat::Table => emit::render(&backtest, output::style()),
        DiffFormat::Json => emit::to_json(&backtest)
            .map_err(|err| Failure::new(ErrorId::Bug, format!("the backtest cannot be written: {err}")))?,
    };
    terminal.print(text.as_bytes())?;
    Ok(exit::DONE)
}

fn from_store(
    args: &BacktestArgs,
    configured: &Configured,
    terminal: &mut Terminal<'_, impl Write, impl Write>,
) -> Result<(Vec<Step>, Vec<MemoryStep>), Failure> {
    let stores = report::read_stores(&args.history, report::Access::default(), configured)?;
    stores.notes.iter().for_each(|note| terminal.say(note));
    stores.warnings.iter().for_each(|warning| terminal.say(format!("warning: {}", warning.message)));
    let steps = recorded(&stores.store);
    if steps.is_empty() {
        return Err(Failure::new(
            ErrorId::TooFewRuns,
            "there are no two runs with times to replay\n  help: name their reports, oldest first: shard backtest monday.xml tuesday.xml\n  help: or --history with a shard-history.json of several runs",
        ));
    }
    Ok((steps, weighed_runs(&stores.store)))
}

fn from_reports(
    runs: &[String],
    args: &BacktestArgs,
    configured: &Configured,
    terminal: &mut Terminal<'_, impl Write, impl Write>,
) -> Result<Vec<Step>, Failure> {
    if !args.history.is_empty() {
        return Err(Failure::new(
            ErrorId::FlagsConflict,
            "runs come from reports or from --history, not from both\n  help: leave one of them out",
        ));
    }
    if runs.len() < 2 {
        return Err(Failure::new(
            ErrorId::TooFewRuns,
            "one run alone teaches nothing: each is planned with what was known before it\n  help: name at least two, oldest first",
        ));
    }
    let mut ran = Vec::with_capacity(runs.len());
    for run in runs {
        let gathered = report::reports(std::slice::from_ref(run), false, configured, "RUN")?;
        let name = printable(run);
        gathered.notes.iter().for_each(|note| terminal.say(format!("{name}: {note}")));
        gathered.errors.iter().for_each(|error| terminal.say(format!("warning: not used: {error}")));
        ran.push(Ran { name, reports: gathered.reports });
    }
    let unit = args.granularity.map(Granularity::from).or(configured.config.inventory.granularity);
    let steps = steps(&ran, unit.unwrap_or(Granularity::File), &configured.config.map);
    if steps.is_empty() {
        return Err(Failure::new(
            ErrorId::NoTimes,
            "no run after the first holds a suite with a time\n  help: shard inspect shows what reports hold",
        ));
    }
    Ok(steps)
}
