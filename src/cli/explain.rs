//! `shard explain`: where a suite's numbers come from, and what makes a shard long and heavy.

use std::collections::BTreeSet;
use std::io::Write;
use std::path::PathBuf;

use super::args::{DiffFormat, ExplainArgs};
use super::configured::{self, Configured};
use super::folder::{has, read_sound_plan};
use super::{Failure, Terminal, inventory, output, report};
use crate::catalogue::{ErrorId, Topic};
use crate::emit::explain as emit;
use crate::estimate::explain::explain;
use crate::history::History;
use crate::history::ran::listed;
use crate::inventory::{Inventory, assign};
use crate::model::RunMeta;
use crate::plan::file::Shard;
use crate::plan::{self, Plan};
use crate::{exit, text};

pub(super) fn run(
    args: &ExplainArgs,
    terminal: &mut Terminal<'_, impl Write, impl Write>,
) -> Result<u8, Failure> {
    if let Some(topic) = Topic::named(&args.name).filter(|_| !is_planned(args)) {
        terminal.print(of_topic(topic, args)?.as_bytes())?;
        return Ok(exit::DONE);
    }
    let configured = configured::to_explain(args)?;
    let (path, plan) = plan(args, &configured)?;
    let text = match plan.as_ref().and_then(|plan| Some((plan, plan.shard(&args.name)?))) {
        Some((plan, shard)) => of_shard(plan, shard, args, terminal)?,
        None => of_suite(args, &configured, plan.as_ref(), &path, terminal)?,
    };
    terminal.print(text.as_bytes())?;
    Ok(exit::DONE)
}

/// The plan that is named, or the one where plans are written, if there is one; and its path.
fn plan(args: &ExplainArgs, configured: &Configured) -> Result<(String, Option<Plan>), Failure> {
    let usual = configured.root.join(&configured.config.out).join("plan.json");
    let path: PathBuf = match &args.plan {
        Some(path) => path.clone(),
        None => usual.strip_prefix(&configured.here).unwrap_or(&usual).to_owned(),
    };
    let wanted = args.plan.is_some() || path.exists();
    let plan = if wanted { Some(read_sound_plan(&path)?) } else { None };
    Ok((path.display().to_string(), plan))
}

fn of_shard(
    plan: &Plan,
    shard: &Shard,
    args: &ExplainArgs,
    terminal: &mut Terminal<'_, impl Write, impl Write>,
) -> Result<String, Failure> {
    if plan::explain::placed(plan, &args.name).is_some() {
        let name = text::printable(&args.name);
        terminal.say(format!("note: `{name}` is a suite too; this is the shard"));
    }
    let parts = plan::explain::shard(plan, shard)
        .ok_or_else(|| Failure::new(ErrorId::Bug, "a sound plan has a shard without a tier"))?;
    match args.format {
        DiffFormat::Table => Ok(emit::render_shard(plan, shard, &parts, output::style())),
        DiffFormat::Json => emit::json::shard(plan, shard, &parts).map_err(|err| bug(&err)),
    }
}

/// Whether a shard or suite of the plan has this name, or of the sources that are named. Somebody who looks up an error
/// may have a configuration, a plan or a command that does not work: then it is none.
fn is_planned(args: &ExplainArgs) -> bool {
    let Ok(configured) = configured::to_explain(args) else { return false };
    let is_suite = |inventory: Inventory| inventory.suites.iter().any(|suite| suite.id.as_str() == args.name);
    match plan(args, &configured) {
        Ok((_, Some(plan))) if plan.shard(&args.name).is_some() => true,
        Ok((_, Some(plan))) if plan::explain::placed(&plan, &args.name).is_some() => true,
        _ if args.sources.is_empty() => false,
        _ => inventory::gather(&args.sources, &configured).is_ok_and(|found| is_suite(found.inventory)),
    }
}

fn of_topic(topic: Topic, args: &ExplainArgs) -> Result<String, Failure> {
    match args.format {
        DiffFormat::Table => Ok(emit::topic::render(topic, output::style())),
        DiffFormat::Json => emit::topic::json(topic).map_err(|err| bug(&err)),
    }
}

fn bug(err: &serde_json::Error) -> Failure {
    Failure::new(ErrorId::Bug, format!("the explanation cannot be written: {err}"))
}

fn of_suite(
    args: &ExplainArgs,
    configured: &Configured,
    plan: Option<&Plan>,
    path: &str,
    terminal: &mut Terminal<'_, impl Write, impl Write>,
) -> Result<String, Failure> {
    let config = &configured.config;
    let inventory = suites(args, configured, plan, terminal)?;
    let found = inventory.suites.iter().position(|suite| suite.id.as_str() == args.name);
    let suite = found.ok_or_else(|| unknown(&args.name, &inventory, plan, path))?;
    let assigned = assign(&inventory, &config.tiers).map_err(Failure::of(ErrorId::SuiteWithoutTier))?;
    let access = report::Access { strict: args.strict, wait: None, dry: true };
    let reports = report::gather(&args.timings, &args.history, access, configured)?;
    let (history, remarks) = reports.meet(&inventory, config);
    let samples = history.suites.get(suite).map_or(&[][..], Vec::as_slice);
    if samples.is_empty() {
        // Perhaps its names do not meet.
        remarks.notes.iter().for_each(|note| terminal.say(note));
    }
    let explanation = explain(&inventory, &assigned, config, &history, suite);
    let runs = runs(&history, suite, reports.runs(), !args.timings.is_empty());
    let path = inventory.suites[suite].id.path();
    let old_name = |moved: &'_ [(String, String)]| {
        let pair = moved.iter().find(|(_, new)| new == path);
        pair.map(|(old, _)| old.clone())
    };
    let since_reports = old_name(&remarks.moved_since_reports);
    let since_history = old_name(&remarks.moved_since_history);
    let moved_from = (runs.iter())
        .map(|run| if run.is_none() { since_reports.as_deref() } else { since_history.as_deref() })
        .collect();
    let told = emit::Suite {
        id: &args.name,
        tier: &config.tiers[assigned[suite]],
        explanation: &explanation,
        config,
        runs,
        moved_from,
        plan: plan.map(|plan| (path, plan)),
        placed: plan.and_then(|plan| plan::explain::placed(plan, &args.name)),
    };
    match args.format {
        DiffFormat::Table => Ok(emit::render_suite(&told, output::style())),
        DiffFormat::Json => emit::json::suite(&told).map_err(|err| bug(&err)),
    }
}

/// For each sample of a suite its run; `None`: reports that were `named`, which are the newest.
fn runs<'a>(history: &History, suite: usize, runs: &'a [RunMeta], named: bool) -> Vec<Option<&'a RunMeta>> {
    let samples = history.suites.get(suite).into_iter().flatten();
    let run = |age: usize| runs.len().checked_sub(1 + age.checked_sub(usize::from(named))?);
    samples.map(|sample| runs.get(run(sample.age)?)).collect()
}

/// The suites that the arguments or the configuration name, cut as the plan has them; else those of the plan.
fn suites(
    args: &ExplainArgs,
    configured: &Configured,
    plan: Option<&Plan>,
    terminal: &mut Terminal<'_, impl Write, impl Write>,
) -> Result<Inventory, Failure> {
    let wanted = &configured.config.inventory;
    let named = !args.sources.is_empty() || !wanted.files.is_empty() || !wanted.commands.is_empty();
    let Some(plan) = plan else {
        // Without a plan and without an inventory it was perhaps an error's id that was meant.
        return match inventory::gather(&args.sources, configured) {
            Ok(gathered) => Ok(gathered.inventory),
            Err(_) if !named && text::closest(&args.name, Topic::all().map(Topic::slug)).is_some() => {
                Ok(Inventory::default())
            }
            Err(failure) => Err(failure),
        };
    };
    if !named {
        return Ok(listed(plan.suites().map(|(_, suite)| suite.id.as_str())));
    }
    let gathered = inventory::gather(&args.sources, configured)?;
    gathered.notes.iter().for_each(|note| terminal.say(note));
    Ok(cut_as_planned(gathered.inventory, plan))
}

/// Suites that the plan has only in parts are cut into these.
fn cut_as_planned(mut inventory: Inventory, plan: &Plan) -> Inventory {
    let planned: BTreeSet<&str> = plan.suites().map(|(_, suite)| suite.id.as_str()).collect();
    // A file becomes classes and functions, these become tests.
    for _ in 0..2 {
        let parts = |id: &str| {
            let inside = format!("{id}::");
            planned.range(inside.as_str()..).next().is_some_and(|part| part.starts_with(&inside))
        };
        let cut = |id: &str| !planned.contains(id) && parts(id);
        let suites = inventory.suites.iter().enumerate();
        let wanted = suites.filter(|(_, suite)| cut(suite.id.as_str())).map(|(number, _)| number).collect();
        inventory = inventory.split(&wanted);
    }
    inventory
}

/// A name that is neither a suite nor a shard.
fn unknown(name: &str, inventory: &Inventory, plan: Option<&Plan>, path: &str) -> Failure {
    let shards = || plan.into_iter().flat_map(|plan| &plan.shards).map(|shard| shard.id.as_str());
    let suites = || inventory.suites.iter().map(|suite| suite.id.as_str());
    let ids: Vec<&str> = suites().collect();
    let close = text::closest_ids(name, &ids, 3);
    let help = match (text::closest(name, shards()), close.as_slice()) {
        (Some(shard), _) => format!("did you mean `{shard}`?"),
        (None, [_, ..]) => format!("did you mean {}?", text::examples(close.iter().copied(), 3)),
        (None, []) => match text::closest(name, Topic::all().map(Topic::slug)) {
            Some(topic) => format!("did you mean the error or warning `{topic}`?"),
            None if plan.is_none() => {
                format!("there is no plan `{}`, so no shard can be explained", text::printable(path))
            }
            None => has(shards().chain(suites())),
        },
    };
    let shown = text::printable(name);
    Failure::new(ErrorId::UnknownSuite, format!("`{shown}` is neither a suite nor a shard\n  help: {help}"))
}
