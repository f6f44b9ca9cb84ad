//! `shard plan`: from sources to files.

use std::collections::BTreeSet;
use std::io::Write;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::args::PlanArgs;
use super::configured::{self, Configured};
use super::folder::{self, Written, read_sound_plan};
use super::place::READ_WAIT;
use super::{Failure, Terminal, github, inventory, output, report, what_if};
use crate::catalogue::ErrorId;
use crate::config::Config;
use crate::estimate::{Estimates, TierEstimate, estimate};
use crate::files;
use crate::history::{History, costs};
use crate::inventory::{Inventory, Suite, assign};
use crate::model::{Basis, Estimate, SuiteId};
use crate::plan::diff::diff;
use crate::plan::{self, Options, Plan, Sources, file, verify};
use crate::{exit, text};

/// Suites with their tiers and estimates, ready to be packed.
#[derive(Clone)]
struct Ready {
    inventory: Inventory,
    assigned: Vec<usize>,
    estimates: Estimates,
    history: History,
}

impl Ready {
    fn sources<'a>(&'a self, config: &'a Config) -> Sources<'a> {
        Sources { config, inventory: &self.inventory, assigned: &self.assigned, estimates: &self.estimates }
    }
}

pub(super) fn run(
    args: &PlanArgs,
    terminal: &mut Terminal<'_, impl Write, impl Write>,
) -> Result<u8, Failure> {
    what_if::check(args)?;
    let configured = configured::load(args)?;
    let out = args
        .out
        .as_ref()
        .map_or_else(|| configured.root.join(&configured.config.out), |out| configured.here.join(out));
    let mut options = Options {
        effort: args.make.effort.into(),
        strict: args.strict,
        exact: args.costs.is_some(),
        selection: args.make.selection_format.into(),
        concurrency: args.concurrency,
        also: Vec::new(),
        cheapest_only: false,
        previous: None,
        warnings: Vec::new(),
    };
    // Kept for who asks what else there could be, should this plan be refused.
    let mut spare = None;
    let made = match &args.costs {
        Some(path) => {
            let ready = exact(&configured.here.join(path), &configured)?;
            refuse_nothing(&ready, args)?;
            options.previous = previous(args, &out, terminal)?;
            let made = make(&ready, &configured.config, &options);
            spare = args.what_if.then_some(ready);
            made
        }
        None => {
            let inventory = inventory::gather(&args.sources, &configured)?;
            inventory.notes.iter().for_each(|note| terminal.say(note));
            let access = report::Access { strict: args.strict, wait: args.wait, dry: args.make.dry_run };
            let (histories, _folder) = histories(args, terminal)?;
            let reports = report::gather(&args.timings, &histories, access, &configured)?;
            let (ready, remarks) = learned(inventory.inventory, &reports, &configured.config)?;
            remarks.notes.iter().for_each(|note| terminal.say(note));
            refuse_nothing(&ready, args)?;
            options.previous = previous(args, &out, terminal)?;
            options.warnings = remarks.warnings;
            spare = args.what_if.then(|| ready.clone()).or(spare);
            split(ready, &reports, &configured.config, &options, terminal)
        }
    };
    if let Some(ready) = spare {
        let free = |config: &Config| make(&ready, config, &Options { previous: None, ..options });
        return what_if::run(args, made, free, &configured, terminal);
    }
    let plan = made?;
    prove(&plan)?;
    let written = Written::new(&plan, &configured, options.selection)?;
    let replaced = folder::replaced(&out);
    let before = options.previous.as_ref().or(replaced.plan()).filter(|old| old.round == 0);
    let since = before.map(|old| diff(old, &plan, false));
    let form = output::Form {
        format: args.make.format,
        axes: args.make.axes,
        dry_run: args.make.dry_run,
        preface: None,
        since,
    };
    let output = output::prepare(&form, &plan, &written, &configured, &out)?;
    if !args.make.dry_run {
        written.publish(&out, replaced)?;
    }
    output.print(terminal)?;
    Ok(exit::DONE)
}

/// The histories that are named, and those of a run of GitHub Actions in a folder of their own. A run that cannot be had is
/// no more than a warning, unless everything must be read.
fn histories(
    args: &PlanArgs,
    terminal: &mut Terminal<'_, impl Write, impl Write>,
) -> Result<(Vec<PathBuf>, Option<TempDir>), Failure> {
    let mut histories = args.history.clone();
    let Some(run) = &args.history_from_run else { return Ok((histories, None)) };
    let wait = args.wait.unwrap_or(READ_WAIT);
    match github::histories_of_run(run, &args.github, Some(wait), terminal) {
        Ok((found, folder)) => {
            histories.extend(found);
            Ok((histories, Some(folder)))
        }
        Err(Failure::Said { id: ErrorId::GithubFailed, message }) if !args.strict => {
            terminal.say(format!("warning: no history from GitHub: {message}"));
            Ok((histories, None))
        }
        Err(failure) => Err(failure),
    }
}

fn refuse_nothing(ready: &Ready, args: &PlanArgs) -> Result<(), Failure> {
    if ready.inventory.suites.is_empty() && !args.allow_empty {
        return Err(Failure::new(
            ErrorId::NoSuites,
            "there is no suite to plan\n  help: a missing test runner looks just like this; if none is right, say --allow-empty",
        ));
    }
    Ok(())
}

fn make(ready: &Ready, config: &Config, options: &Options) -> Result<Plan, Failure> {
    plan::make(ready.sources(config), options).map_err(|err| Failure::new(err.id, err.to_string()))
}

/// A plan, with suites that are too long cut into their parts as far as that helps.
fn split(
    mut ready: Ready,
    reports: &report::Gathered,
    config: &Config,
    options: &Options,
    terminal: &mut Terminal<'_, impl Write, impl Write>,
) -> Result<Plan, Failure> {
    let before: Vec<SuiteId> = match config.tiers.iter().any(|tier| tier.split) {
        true => ready.inventory.suites.iter().map(|suite| suite.id.clone()).collect(),
        false => return make(&ready, config, options),
    };
    let cut = |ready: &Ready, long: &BTreeSet<usize>| {
        learned(ready.inventory.split(long), reports, config).map(|(ready, _)| ready)
    };
    loop {
        match plan::split::beyond_target(&ready.sources(config), &ready.history) {
            long if long.is_empty() => break,
            long => ready = cut(&ready, &long)?,
        }
    }
    let mut plan = make(&ready, config, options)?;
    loop {
        let long = plan::split::beyond_share(&ready.sources(config), &ready.history, &plan);
        if long.is_empty() {
            break;
        }
        let parts = cut(&ready, &long)?;
        // A plan that is refused for its parts is none that anybody needs.
        match make(&parts, config, options) {
            Ok(better) if plan::split::is_better(&better, &plan) => (ready, plan) = (parts, better),
            _ => break,
        }
    }
    let after: BTreeSet<&str> = ready.inventory.suites.iter().map(|suite| suite.id.as_str()).collect();
    let gone = before.iter().map(SuiteId::as_str).filter(|id| !after.contains(id));
    let gone: Vec<&str> = gone.collect();
    if !gone.is_empty() {
        let more = ready.inventory.suites.len() + gone.len() - before.len();
        let (files, parts) = (text::count(gone.len(), "suite"), text::count(more, "part"));
        terminal.say(format!("split: {files} into {parts}: {}", text::examples(gone.iter().copied(), 3)));
    }
    Ok(plan)
}

/// The plan whose suites should stay where they are. That there is none yet is no error: a first run
/// has none.
fn previous(
    args: &PlanArgs,
    out: &Path,
    terminal: &mut Terminal<'_, impl Write, impl Write>,
) -> Result<Option<Plan>, Failure> {
    let Some(path) = &args.previous else { return Ok(None) };
    let shown = path.display();
    if path.symlink_metadata().is_err() {
        // The plan is elsewhere, and about to be replaced.
        let other = out.join("plan.json");
        if other.exists() {
            let help = format!("did you mean `{}`?", files::shown(&other));
            return Err(Failure::new(ErrorId::NotFound, format!("`{shown}` does not exist\n  help: {help}")));
        }
        terminal.say(format!("note: there is no previous plan `{shown}`, so this one starts afresh"));
        return Ok(None);
    }
    let plan = read_sound_plan(path)?;
    // Far above any number that was ever given, so that counting on from there cannot overflow.
    if plan.last_numbers.values().any(|number| *number > file::NUMBER_MAX / 2) {
        return Err(Failure::new(
            ErrorId::PlanInvalid,
            format!("{shown}: its shards are numbered too high to go on from there"),
        ));
    }
    Ok(Some(plan))
}

/// A proven plan of an inventory, and what to tell the user about its reports.
pub(super) fn of(
    inventory: Inventory,
    reports: &report::Gathered,
    config: &Config,
    options: &Options,
) -> Result<(Plan, report::Remarks), Failure> {
    let (ready, remarks) = learned(inventory, reports, config)?;
    let plan = make(&ready, config, options)?;
    prove(&plan)?;
    Ok((plan, remarks))
}

/// A plan that breaks its own rules is a bug of ours, and is never written.
pub(super) fn prove(plan: &Plan) -> Result<(), Failure> {
    let findings = verify::verify(plan);
    if findings.is_empty() {
        return Ok(());
    }
    let message = format!(
        "the plan breaks its own rules, which is a bug of shard; please report it\n  {}",
        findings.join("\n  ")
    );
    Err(Failure::new(ErrorId::Bug, message))
}

/// Suites and costs from a CSV, taken as they are.
fn exact(path: &Path, configured: &Configured) -> Result<Ready, Failure> {
    let shown = files::shown(path);
    let rows = costs::read(&files::read(path, crate::inventory::SIZE_MAX)?)
        .map_err(|err| Failure::new(ErrorId::CostsInvalid, err.in_file(&shown)))?;
    let suite = |row: &costs::Row| Suite { id: row.id.clone(), tests: Vec::new(), siblings: 1 };
    let inventory = Inventory { suites: rows.iter().map(suite).collect() };
    let tiers = &configured.config.tiers;
    let mut assigned = if rows.iter().all(|row| row.tier.is_some()) {
        vec![0; rows.len()]
    } else {
        let unnamed = Inventory { suites: rows.iter().filter(|row| row.tier.is_none()).map(suite).collect() };
        let mut found = assign(&unnamed, tiers).map_err(Failure::of(ErrorId::SuiteWithoutTier))?.into_iter();
        rows.iter().map(|row| if row.tier.is_none() { found.next().unwrap_or(0) } else { 0 }).collect()
    };
    for (row, slot) in rows.iter().zip(&mut assigned) {
        let Some(name) = &row.tier else { continue };
        let Some(tier) = tiers.iter().position(|tier| tier.name == *name) else {
            let add = || format!("add [tier.{}] to shard.toml", text::printable(name));
            let help = text::did_you_mean(name, tiers.iter().map(|tier| tier.name.as_str()));
            let help = help.unwrap_or_else(add);
            return Err(Failure::new(
                ErrorId::UnknownTier,
                format!("{shown}:{}: there is no tier `{}`\n  help: {help}", row.line, text::printable(name)),
            ));
        };
        *slot = tier;
    }
    let estimate = |row: &costs::Row| Estimate {
        cost: row.cost,
        time_basis: Basis::Measured,
        memory_basis: Basis::Measured,
        samples: 1,
        kills: 0,
    };
    let suites = rows.iter().map(estimate).collect();
    let estimates = Estimates { suites, tiers: vec![TierEstimate::default(); tiers.len()] };
    Ok(Ready { inventory, assigned, estimates, history: History::default() })
}

/// The costs of an inventory from the history, and what to tell the user about that.
fn learned(
    inventory: Inventory,
    reports: &report::Gathered,
    config: &Config,
) -> Result<(Ready, report::Remarks), Failure> {
    let assigned = assign(&inventory, &config.tiers).map_err(Failure::of(ErrorId::SuiteWithoutTier))?;
    let (history, remarks) = reports.meet(&inventory, config);
    let estimates = estimate(&inventory, &assigned, config, &history);
    Ok((Ready { inventory, assigned, estimates, history }, remarks))
}
