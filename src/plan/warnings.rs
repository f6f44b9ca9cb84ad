//! What a configuration or a plan gives reason to fear, said once.

use super::file::Shard;
use super::limits::Limits;
use super::{Sources, Warning};
use crate::catalogue::WarningCode;
use crate::config::Config;
use crate::estimate;
use crate::model::Basis;
use crate::text::{count, thousands};

/// Commands that start xdist without keeping files together.
pub(super) fn spread(config: &Config, warnings: &mut Vec<Warning>) {
    for tier in config.tiers.iter().filter(|tier| tier.spread.is_none() && tier.spreads()) {
        let message = format!(
            "tier `{}`: its `run` command spreads each file's tests over all workers; --dist loadfile \
             keeps them together and takes less memory",
            tier.name
        );
        warnings.push(Warning::new(WarningCode::Spread, &tier.name, message));
    }
}

/// Commands whose sessions overwrite each other's reports.
pub(super) fn shared_output(config: &Config, shards: &[Shard], warnings: &mut Vec<Warning>) {
    for tier in &config.tiers {
        let several = shards.iter().filter(|shard| shard.tier == tier.name && shard.sessions.len() > 1);
        let several = several.count();
        if let (1.., Some(output)) = (several, tier.shared_output()) {
            let message = format!(
                "tier `{}`: {} several sessions, and each writes `{}` anew, so only the last report is left; \
                 put {{session}} into the name",
                tier.name,
                match several {
                    1 => "a shard has".to_owned(),
                    more => format!("{} have", count(more, "shard")),
                },
                crate::text::printable(&output),
            );
            warnings.push(Warning::new(WarningCode::SharedOutput, &tier.name, message));
        }
    }
}

/// Suites that were killed for memory and have not ended since.
pub(super) fn killed(sources: &Sources<'_>, warnings: &mut Vec<Warning>) {
    for (suite, estimate) in sources.inventory.suites.iter().zip(&sources.estimates.suites) {
        let needs = estimate.cost.import + estimate.cost.retained + estimate.cost.transient;
        let next = match estimate.kills {
            0 => continue,
            1..estimate::HOPELESS => {
                format!("it is planned alone, with {needs} of its own, so that the next run measures it")
            }
            _ => "another try will not help: make it smaller, or give it a larger machine (`[[runner]]`)"
                .to_owned(),
        };
        let message = format!(
            "`{}` was killed for memory{} and has not ended since; {next}",
            suite.id,
            match estimate.kills {
                1 => String::new(),
                times => format!(" {times} times"),
            }
        );
        warnings.push(Warning::new(WarningCode::Killed, suite.id.as_str(), message));
    }
}

/// Machines that cost nothing where prices decide.
pub(super) fn no_price(
    config: &Config,
    members: &[Vec<usize>],
    shards: &[Shard],
    warnings: &mut Vec<Warning>,
) {
    let mut warn = |what: &str, name: &str| {
        let message = format!("{what} `{name}` has no `price`, so its minutes count as free");
        warnings.push(Warning::new(WarningCode::NoPrice, name, message));
    };
    let tiers = config.tiers.iter().zip(members).filter(|(_, members)| !members.is_empty());
    tiers.filter(|(tier, _)| tier.price.is_none()).for_each(|(tier, _)| warn("tier", &tier.name));
    let used = |name: &String| shards.iter().any(|shard| shard.runner.as_ref() == Some(name));
    let runners = config.runners.iter().filter(|runner| runner.price.is_none() && used(&runner.name));
    runners.for_each(|runner| warn("runner", &runner.name));
}

/// Budgets that bind while most of what is held against them is only assumed.
pub(super) fn mostly_assumed(
    config: &Config,
    limits: &[Limits],
    shards: &[Shard],
    warnings: &mut Vec<Warning>,
) {
    let binds = |name: &str| {
        config.tiers.iter().zip(limits).any(|(tier, limits)| tier.name == name && limits.enforced)
    };
    let bound = shards.iter().filter(|shard| binds(&shard.tier));
    let (mut all, mut assumed) = (0, 0);
    for suite in bound.flat_map(Shard::suites) {
        all += 1;
        assumed += usize::from(suite.memory_basis == Basis::Assumed);
    }
    if assumed * 2 > all {
        let message = format!(
            "the memory of {} of {} is assumed: jobs keep to the budget only as far as `assume` is right",
            thousands(assumed),
            count(all, "suite"),
        );
        warnings.push(Warning::new(WarningCode::MostlyAssumed, "", message));
    }
}
