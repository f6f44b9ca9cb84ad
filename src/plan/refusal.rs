//! Why no plan exists, in the user's terms: which suites, how many bytes, what would do.

use std::fmt;

use super::limits::Limits;
use super::{Sources, tier_problem};
use crate::catalogue::ErrorId;
use crate::model::{Bytes, Millis};
use crate::pack::{PackError, Problem, Shortage};
use crate::text::count;

/// Why no plan exists, in the user's terms.
#[derive(Debug, PartialEq, Eq)]
pub struct NoPlan {
    /// What kind of refusal it is.
    pub id: ErrorId,
    /// What is wrong.
    pub message: String,
    /// What to do, one line each.
    pub help: Vec<String>,
}

impl fmt::Display for NoPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        self.help.iter().try_for_each(|help| write!(f, "\n  help: {help}"))
    }
}

impl std::error::Error for NoPlan {}

/// A packer's refusal in the user's terms: which suites, how many bytes, what would do.
pub(super) fn explain(
    err: &PackError,
    sources: &Sources<'_>,
    members: &[Vec<usize>],
    limits: &[Limits],
    problem: &Problem,
) -> NoPlan {
    match err {
        PackError::Together { tier, list, need } => {
            let list = &problem.tiers[*tier].rules.together[*list];
            let ids = list.iter().map(|item| sources.inventory.suites[members[*tier][*item]].id.as_str());
            let (bytes, config) = (Bytes(need.bytes), &sources.config.tiers[*tier]);
            let (id, message) = match limits[*tier]
                .budget
                .filter(|budget| limits[*tier].enforced && bytes > *budget)
            {
                Some(budget) => (
                    ErrorId::OverBudget,
                    format!(
                        "suites that must stay together need {bytes}, {} above the budget of {budget}: {}",
                        bytes.saturating_sub(budget),
                        crate::text::examples(ids, 3)
                    ),
                ),
                None => (
                    ErrorId::OverTarget,
                    format!(
                        "suites that must stay together take {}, longer than the target: {}",
                        Millis(need.ms) + config.setup + config.session_start,
                        crate::text::examples(ids, 3)
                    ),
                ),
            };
            NoPlan {
                id,
                message,
                help: vec!["take suites out of the [[together]] rule, or raise the limit".to_owned()],
            }
        }
        PackError::Floor { tier } => {
            let config = &sources.config.tiers[*tier];
            let message = format!(
                "tier `{}` needs {} before its first suite, more than its budget of {}",
                config.name,
                limits[*tier].floor,
                limits[*tier].budget.unwrap_or_default()
            );
            let help = format!(
                "raise the budget, or lower `workers` ({}), `base` ({}) or `worker-base` ({})",
                config.workers, config.base, config.worker_base
            );
            NoPlan { id: ErrorId::OverBudget, message, help: vec![help] }
        }
        PackError::TooLong { items } => too_long(items, sources, members),
        PackError::TooFewShards(shortage) => too_few_shards(shortage, sources, members, limits),
        PackError::TooLarge => NoPlan {
            id: ErrorId::FiguresTooLarge,
            message: "times or memory add up to more than can be counted".to_owned(),
            help: vec!["look for a figure in the wrong unit".to_owned()],
        },
    }
}

fn too_long(items: &[(usize, usize, u64)], sources: &Sources<'_>, members: &[Vec<usize>]) -> NoPlan {
    let config = sources.config;
    let names =
        items.iter().map(|(tier, item, _)| sources.inventory.suites[members[*tier][*item]].id.as_str());
    let (tier, _, needed) = items.first().copied().unwrap_or_default();
    let longest = &config.tiers[tier];
    let target = longest.goal.target.or(config.goal.target).unwrap_or_default();
    let message = format!(
        "{} {} longer than the target of {target}, even alone: {}",
        count(items.len(), "suite"),
        if items.len() == 1 { "takes" } else { "take" },
        crate::text::examples(names, 3)
    );
    let overhead = longest.setup + longest.session_start;
    let help = format!(
        "the smallest target that would do is {} (of that {overhead} are set-up and session start)",
        exact_seconds(needed)
    );
    let split = match longest.split {
        true => {
            "what is too long is split where a listing names its tests, `--timings` knows them, and no rule means it"
        }
        false => "or split what is too long: split = true in its tier, and a listing that names its tests",
    };
    NoPlan { id: ErrorId::OverTarget, message, help: vec![help, split.to_owned()] }
}

/// Rounded up, so that it can be typed as a target.
fn exact_seconds(ms: u64) -> String {
    format!("{}s", ms.div_ceil(1_000))
}

fn too_few_shards(
    shortage: &Shortage,
    sources: &Sources<'_>,
    members: &[Vec<usize>],
    limits: &[Limits],
) -> NoPlan {
    let Shortage { allowed, tier, bound, found, ref tiers, budget } = *shortage;
    let name = |tier: usize| sources.config.tiers[tier].name.as_str();
    let certain = bound > allowed;
    let of_tier = tier.map(|tier| format!(" of tier `{}`", name(tier))).unwrap_or_default();
    let of_target = |tier: usize| sources.config.tiers[tier].goal.target.or(sources.config.goal.target);
    let within = match tiers.iter().filter_map(|(tier, ..)| of_target(*tier)).min() {
        Some(target) => format!(" within {target}"),
        None => String::new(),
    };
    let mut message = match (certain, tiers.as_slice()) {
        (true, [(only, ..)]) => format!(
            "{} cannot hold the {} of tier `{}`{within}",
            count(allowed, "shard"),
            count(members[*only].len(), "suite"),
            name(*only)
        ),
        (true, _) => {
            format!(
                "{} cannot hold {}{of_tier}",
                count(allowed, "shard"),
                count(sources.inventory.suites.len(), "suite")
            ) + &within
        }
        (false, _) => format!("no plan with {}{of_tier}{within} was found", count(allowed, "shard")),
    };
    if let [(only, ..)] = tiers.as_slice()
        && let (1, Some(limit)) = (allowed, limits[*only].budget.filter(|_| limits[*only].enforced))
    {
        let law = tier_problem(sources, *only, &members[*only], &limits[*only]);
        let all: Vec<usize> = (0..law.items.len()).collect();
        let need = Bytes(law.law.need(&law.items, &all).bytes);
        if need > limit {
            message.push_str(&format!(
                ": together they need {need}, {} above the budget of {limit}",
                need.saturating_sub(limit)
            ));
        }
    }
    let each = |(tier, bound, found): &(usize, usize, usize)| match bound == found {
        true => format!("`{}` {found}", name(*tier)),
        false => format!("`{}` {bound} to {found}", name(*tier)),
    };
    let mut help = vec![match bound == found {
        true => format!("{} would do, and no fewer", count(found, "shard")),
        false => format!("{} would do; fewer than {bound} cannot", count(found, "shard")),
    }];
    if tiers.len() > 1 {
        help.push(format!("needed per tier: {}", tiers.iter().map(each).collect::<Vec<_>>().join(", ")));
    }
    if let Some(budget) = budget {
        help.push(format!("or a budget of {} for {}", Bytes(budget).exact(), count(allowed, "shard")));
    }
    NoPlan { id: ErrorId::TooFewShards, message, help }
}
