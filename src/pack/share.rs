//! A number of shards and all tiers: how many each tier gets, so that the longest shard is short.

use std::cmp::Reverse;

use super::Effort;
use super::bound::Bounds;
use super::part::{Count, Part};
use super::tier::{Packed, least_limit};

/// A plan of every tier, with as few shards as are found where that is asked for, and with few
/// enough where only so many (`total`) are allowed.
pub(super) fn few_shards(parts: &[Part<'_>], total: Option<usize>, effort: Effort) -> Vec<Packed> {
    let plan = |enough: &dyn Fn(&Part<'_>) -> usize| -> Vec<Packed> {
        parts.iter().map(|part| part.solver.fewest(part.problem.target, enough(part), effort)).collect()
    };
    let packed = plan(&|part| match part.most(total) {
        Some(most) if part.is_open(total) => most.saturating_sub(part.alone.len()),
        _ => 0,
    });
    let used: usize = parts.iter().zip(&packed).map(|(part, packed)| part.count(packed).found).sum();
    // Each tier has few enough for itself, but all together have not.
    if total.is_some_and(|most| used > most) { plan(&|_| 0) } else { packed }
}

/// The shortest plan that is found with `total` shards over all tiers. `few` is one that has few
/// enough.
pub(super) fn shorten(
    parts: &[Part<'_>],
    few: &[Packed],
    total: Option<usize>,
    effort: Effort,
) -> Vec<Packed> {
    let counts: Vec<Count> = parts.iter().zip(few).map(|(part, packed)| part.count(packed)).collect();
    let share = share_shards(parts, &counts, total);
    let mut packed = few.to_vec();
    for ((part, packed), share) in parts.iter().zip(&mut packed).zip(share) {
        let most = share.map_or(packed.shards.len(), |share| share - part.alone.len());
        if let Some(better) = part.solver.shortest(most, Some(packed), effort)
            && better.longest <= packed.longest
        {
            *packed = better;
        }
    }
    if let Some(total) = total {
        rebalance(parts, &mut packed, total, effort);
    }
    packed
}

/// Levels the shards of each tier below its longest. Shards that are allowed (`total`) and not used yet are
/// used: one suite that is longer than everyone's share leaves the others room for a few shards only in
/// what is predicted.
pub(super) fn level(parts: &[Part<'_>], packed: &mut [Packed], total: Option<usize>, effort: Effort) {
    let counts: Vec<Count> = parts.iter().zip(&*packed).map(|(part, packed)| part.count(packed)).collect();
    let share = share_shards(parts, &counts, total);
    for ((part, packed), share) in parts.iter().zip(packed).zip(share) {
        let most = share.map_or(0, |share| share - part.alone.len());
        *packed = part.solver.level(packed, most.max(packed.shards.len()), effort);
    }
}

/// How many shards each tier may use; `None`: as few as were found. Starts from those and gives
/// each further shard to the tier whose shards are the longest on average, which is optimal as far
/// as averages can be reached.
fn share_shards(parts: &[Part<'_>], counts: &[Count], total: Option<usize>) -> Vec<Option<usize>> {
    let open = |part: &Part<'_>| part.is_open(total);
    let most = |part: &Part<'_>| part.most(total).unwrap_or(0);
    let Some(total) = total else {
        return parts.iter().map(|part| open(part).then(|| most(part))).collect();
    };
    let mut share: Vec<usize> = counts.iter().map(|count| count.found).collect();
    let longest = |tier: usize, share: usize| match share - parts[tier].alone.len() {
        0 => 0,
        shared => parts[tier].solver.bounds.area(shared),
    };
    let mut expected: Vec<u64> = (0..parts.len()).map(|tier| longest(tier, share[tier])).collect();
    for _ in share.iter().sum::<usize>()..total {
        let free = |tier: &usize| {
            let part = &parts[*tier];
            open(part) && !part.solver.is_empty() && share[*tier] < most(part)
        };
        // The longest first; among equals the first tier.
        let order = |tier: &usize| (expected[*tier], Reverse(*tier));
        let Some(tier) = (0..parts.len()).filter(free).max_by_key(order) else { break };
        share[tier] += 1;
        expected[tier] = longest(tier, share[tier]);
    }
    parts.iter().zip(share).map(|(part, share)| open(part).then_some(share)).collect()
}

/// Moves single shards from the tier with the most slack to the one that is longest, as long as
/// that shortens the plan.
fn rebalance(parts: &[Part<'_>], packed: &mut [Packed], total: usize, effort: Effort) {
    // Each round solves a few tiers anew; the shares are nearly right already.
    const ROUNDS: usize = 4;
    const DONORS: usize = 3;
    for _ in 0..ROUNDS {
        let longest = |tier: &usize| (parts[*tier].longest(&packed[*tier]), Reverse(*tier));
        let Some(needy) = (0..parts.len()).max_by_key(longest) else { return };
        let part = &parts[needy];
        let before = part.longest(&packed[needy]);
        let more = packed[needy].shards.len() + 1;
        let allowed = part.most(Some(total)).is_some_and(|most| more + part.alone.len() <= most);
        if part.problem.target.is_some() || part.alone_ms().max() == Some(before) || !allowed {
            return;
        }
        // The tier that would be shortest with one shard less.
        let gives = |tier: &usize| {
            *tier != needy && packed[*tier].shards.len() > 1 && parts[*tier].problem.target.is_none()
        };
        let area = |tier: &usize| parts[*tier].solver.bounds.area(packed[*tier].shards.len() - 1);
        let mut donors: Vec<usize> = (0..parts.len()).filter(gives).collect();
        donors.sort_by_key(|tier| (area(tier), *tier));
        donors.truncate(DONORS);
        let smaller = donors.into_iter().filter_map(|tier| {
            let less = packed[tier].shards.len() - 1;
            Some((parts[tier].solver.shortest(less, None, effort)?, tier))
        });
        let Some((smaller, donor)) = smaller.min_by_key(|(smaller, tier)| (smaller.longest, *tier)) else {
            return;
        };
        let larger = part.solver.shortest(more, Some(&packed[needy]), effort);
        let (Some(larger), true) = (larger, smaller.longest < before) else { return };
        if larger.longest >= before {
            return;
        }
        (packed[donor], packed[needy]) = (smaller, larger);
    }
}

/// No plan of the same kind has a shorter longest shard: over all tiers where they share their
/// number, else for the tiers as they are.
pub(super) fn makespan_bound(parts: &[Part<'_>], packed: &[Packed], total: Option<usize>) -> u64 {
    let alone = |part: &Part<'_>| {
        let longest = part.problem.items.iter().map(|item| item.ms).max();
        longest.map_or(0, |longest| longest + part.problem.law.overhead())
    };
    let at_least = parts.iter().map(alone).max().unwrap_or(0);
    // Where every tier has a target, shards that are allowed and not used shorten nothing.
    let open = parts.iter().any(|part| part.problem.target.is_none());
    if let Some(total) = total.filter(|_| open) {
        let tiers: Vec<(&Bounds, usize)> =
            parts.iter().map(|part| (&part.solver.bounds, part.alone.len())).collect();
        let bound = least_limit(&tiers, total, at_least);
        // What an exact search refuted counts where it was all about one tier.
        let used = || parts.iter().zip(packed).filter(|(part, _)| !part.problem.items.is_empty());
        return match used().next() {
            Some((part, packed)) if used().count() == 1 => {
                let most = part.most(Some(total)).unwrap_or(total);
                bound.max(packed.proof.longest_with(most.saturating_sub(part.alone.len())))
            }
            _ => bound,
        };
    }
    let each = parts.iter().zip(packed).filter(|(part, _)| !part.solver.is_empty());
    let bounds = each.map(|(part, packed)| {
        let own = part.problem.shards.filter(|_| part.problem.target.is_none());
        let own = own.map_or(0, |own| own - part.alone.len());
        let shards = own.max(packed.shards.len());
        part.solver.least_limit(shards).max(packed.proof.longest_with(shards))
    });
    bounds.max().unwrap_or(0).max(at_least)
}
