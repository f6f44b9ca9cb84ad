//! The configuration of a command: found, read, and overruled by flags.

use std::path::{Path, PathBuf};

use super::Failure;
use super::args::{ExplainArgs, PlanArgs, Unit};
use crate::catalogue::ErrorId;
use crate::config::{Budget, Config, Goal, Quantile, ShardCount, file};
use crate::files;

/// A configuration and the folder that its paths and patterns are relative to.
pub(super) struct Configured {
    pub(super) config: Config,
    pub(super) root: PathBuf,
    /// The working directory.
    pub(super) here: PathBuf,
}

/// The configuration for `shard plan`, flags included.
pub(super) fn load(args: &PlanArgs) -> Result<Configured, Failure> {
    let mut configured = find(args.config.as_deref())?;
    overrule(&mut configured.config, args);
    let auto = configured.config.goal.shards == Some(ShardCount::Auto);
    if auto && configured.config.goal.target.is_some() {
        let help = "leave one of them out";
        return Err(Failure::new(
            ErrorId::FlagsConflict,
            format!("--shards auto and --target both decide how many jobs there are\n  help: {help}"),
        ));
    }
    if args.concurrency.is_some() && !auto && !args.what_if {
        let help = "add --shards auto or --what-if, or leave it out";
        return Err(Failure::new(
            ErrorId::FlagsConflict,
            format!("--concurrency counts only where as many jobs are made as pay\n  help: {help}"),
        ));
    }
    Ok(configured)
}

/// The configuration for `shard explain`, with the flags that a plan was made with.
pub(super) fn to_explain(args: &ExplainArgs) -> Result<Configured, Failure> {
    let mut configured = find(args.config.as_deref())?;
    let config = &mut configured.config;
    overrule_budget(config, args.budget);
    overrule_estimates(config, args.time_quantile, args.granularity, args.key.as_deref());
    Ok(configured)
}

/// The configuration that is named, or the nearest one from here upwards, or the defaults.
pub(super) fn find(named: Option<&Path>) -> Result<Configured, Failure> {
    let here = std::env::current_dir()
        .map_err(|err| Failure::new(ErrorId::Unreadable, format!("the working directory is gone: {err}")))?;
    let path = named.map(|path| here.join(path)).or_else(|| files::find_upwards(&here, "shard.toml"));
    let (config, root) = match path {
        Some(path) => (read(&path, &here)?, path.parent().unwrap_or(&here).to_owned()),
        None => (Config::default(), here.clone()),
    };
    Ok(Configured { config, root, here })
}

fn read(path: &Path, here: &Path) -> Result<Config, Failure> {
    let shown = path.strip_prefix(here).unwrap_or(path).display();
    let bytes = files::read(path, file::SIZE_MAX)?;
    let text = String::from_utf8(bytes)
        .map_err(|_| Failure::new(ErrorId::Unreadable, format!("{shown}: this is not UTF-8")))?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    file::parse(text).map_err(|err| Failure::new(ErrorId::ConfigInvalid, format!("{shown}:{err}")))
}

/// Flags win; one of the objective replaces the file's whole objective.
fn overrule(config: &mut Config, args: &PlanArgs) {
    if args.shards.is_some() || args.target.is_some() {
        let replace = |goal: &mut Goal, shards, target| (goal.shards, goal.target) = (shards, target);
        replace(&mut config.goal, args.shards, args.target);
        config.tiers.iter_mut().for_each(|tier| replace(&mut tier.goal, None, None));
    }
    overrule_budget(config, args.budget);
    if let Some(stability) = args.stability {
        config.stability = stability;
    }
    overrule_estimates(config, args.time_quantile, args.granularity, args.key.as_deref());
}

fn overrule_budget(config: &mut Config, budget: Option<Budget>) {
    if budget.is_some() {
        config.goal.budget = budget;
        config.tiers.iter_mut().for_each(|tier| tier.goal.budget = None);
    }
}

fn overrule_estimates(
    config: &mut Config,
    quantile: Option<Quantile>,
    granularity: Option<Unit>,
    key: Option<&str>,
) {
    config.time.quantile = quantile.or(config.time.quantile);
    if let Some(unit) = granularity {
        config.inventory.granularity = Some(unit.into());
    }
    if key.is_some() {
        config.key = key.map(str::to_owned);
    }
}
