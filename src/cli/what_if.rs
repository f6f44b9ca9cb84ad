//! `shard plan --what-if`: what else there could be. Writes nothing.

use std::io::Write;

use super::args::{PlanArgs, PlanFormat};
use super::configured::Configured;
use super::plan::prove;
use super::{Failure, Terminal, output};
use crate::catalogue::ErrorId;
use crate::config::Config;
use crate::emit::what_if as emit;
use crate::exit;
use crate::plan::Plan;
use crate::plan::what_if::{self, BUDGETS_MAX, Question, what_if};

/// Refuses flags that do not go together, before anything is read.
pub(super) fn check(args: &PlanArgs) -> Result<(), Failure> {
    if !args.what_if {
        return Ok(());
    }
    if !matches!(args.make.format, PlanFormat::Table | PlanFormat::Json) {
        return Err(Failure::new(
            ErrorId::FlagsConflict,
            "--what-if prints a table or JSON\n  help: leave --format out, or say --format json",
        ));
    }
    if args.budgets.len() > BUDGETS_MAX {
        return Err(Failure::new(ErrorId::BadValue, format!("--budgets takes at most {BUDGETS_MAX} sizes")));
    }
    Ok(())
}

/// Answers for the plan that was `made`; where it was refused, for one that nothing but memory limits, which `as_few` makes.
pub(super) fn run(
    args: &PlanArgs,
    made: Result<Plan, Failure>,
    as_few: impl FnOnce(&Config) -> Result<Plan, Failure>,
    configured: &Configured,
    terminal: &mut Terminal<'_, impl Write, impl Write>,
) -> Result<u8, Failure> {
    let mut config = configured.config.clone();
    let (plan, asked) = match made {
        Err(Failure::Said { id, message }) if id.exit() == exit::NO_PLAN => {
            what_if::free(&mut config);
            let Ok(plan) = as_few(&config) else {
                return Err(Failure::new(id, message));
            };
            terminal.say(format!("note: what was asked for cannot be had: {message}"));
            (plan, false)
        }
        made => (made?, true),
    };
    prove(&plan)?;
    if plan.shards.is_empty() {
        return Err(Failure::new(ErrorId::NoSuites, "there is no suite, so nothing could be otherwise"));
    }
    let question = Question { config: &config, concurrency: args.concurrency, budgets: &args.budgets, asked };
    let answer =
        what_if(&plan, &question).map_err(|refused| Failure::new(refused.id, refused.to_string()))?;
    let text = match args.make.format {
        PlanFormat::Json => emit::to_json(&answer)
            .map_err(|err| Failure::new(ErrorId::Bug, format!("the answer cannot be written: {err}")))?,
        _ => emit::render(&plan, &answer, output::style()),
    };
    terminal.print(text.as_bytes())?;
    Ok(exit::DONE)
}
