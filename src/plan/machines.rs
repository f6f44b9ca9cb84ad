//! Kinds of machine: the smallest for what is too big, and, where prices decide, the cheapest mix.

use super::limits::Limits;
use crate::config::{Config, Runner};
use crate::model::Bytes;
use crate::pack::law::{Kind, Law};
use crate::pack::{By, PackError, Packing, Problem, pack};

/// What a shard of each tier may run on: bytes and a minute's price, the tier's own machine first.
pub(super) fn kinds(config: &Config, limits: &[Limits]) -> Vec<Vec<(u64, u64)>> {
    let price = |runner: &Runner| runner.price.unwrap_or_default().0;
    let larger = || config.runners.iter().map(|runner| (runner.budget.0, price(runner)));
    let own = config.tiers.iter().zip(limits).map(|(tier, limits)| {
        let budget = limits.budget.filter(|_| limits.enforced);
        (budget.map_or(u64::MAX, |budget| budget.0), tier.price.unwrap_or_default().0)
    });
    own.map(|own| std::iter::once(own).chain(larger()).collect()).collect()
}

/// The runner for a shard of `bytes`; `None`: the tier's own machine. Without prices the tier's own, or for
/// an oversize suite the smallest that holds it; with prices the cheapest that holds the shard.
pub(super) fn runner(
    config: &Config,
    own: (u64, u64),
    bytes: Bytes,
    oversize: bool,
    priced: bool,
) -> Option<&Runner> {
    let mut holding = config.runners.iter().filter(|runner| runner.budget >= bytes);
    let fits_own = bytes.0 <= own.0;
    if !priced {
        return if oversize { holding.next() } else { None };
    }
    // Among equals the smallest.
    let best = holding.min_by_key(|runner| (runner.price.unwrap_or_default(), runner.budget))?;
    let cheaper = best.price.unwrap_or_default().0 < own.1;
    (!fits_own || cheaper).then_some(best)
}

/// The cheapest plan over the kinds of machine that each tier could be planned for, tried one tier after
/// the other: with more memory a shard, fewer shards pay their set-up.
///
/// # Errors
/// What speaks against a plan on the tiers' own machines, where no other kind helps.
pub(super) fn cheapest(problem: &Problem) -> Result<Packing, PackError> {
    let mut best = pack(problem);
    let Some(By::Price { kinds, .. }) = problem.worth.as_ref().map(|worth| &worth.by) else { return best };
    let cost = |packing: &Result<Packing, PackError>| {
        let packing = packing.as_ref().ok()?;
        packing.curve.iter().find(|point| point.shards == packing.shards.len()).map(|point| point.cost)
    };
    let mut current = problem.clone();
    for (tier, kinds) in kinds.iter().enumerate() {
        let own = problem.tiers[tier].law;
        // Where shards are filled by schedule, the tier's own memory decides what runs side by side.
        if problem.tiers[tier].items.is_empty() || own.budget.is_none() || own.kind == Kind::Each {
            continue;
        }
        let larger = kinds.iter().map(|(budget, _)| *budget).filter(|budget| Some(*budget) > own.budget);
        for budget in larger {
            // What is proven is proven for one choice of machines only.
            best = best.map(|packing| Packing { cheapest: false, ..packing });
            let mut other = current.clone();
            other.tiers[tier].law = Law { budget: Some(budget), ..own };
            let packing = pack(&other).map(|packing| Packing { cheapest: false, ..packing });
            if cost(&packing).is_some_and(|other| cost(&best).is_none_or(|best| other < best)) {
                (best, current) = (packing, other);
            }
        }
    }
    best
}
