//! Costs to shards: which suites share a job, so that every job fits its memory and the plan is
//! short.
//!
//! Everything here is integers: items in the order of their ids, tiers by number. The packer knows
//! no name, no file and no test framework, has no clock and no dependence on threads: the same
//! problem gives the same packing everywhere, in any order of calls.

mod bound;
pub mod law;
mod load;
mod place;
mod random;
mod search;
mod tier;

use std::cmp::Reverse;

use bound::Bounds;
use law::{Item, Law, Need};
use tier::{Packed, Solver, least_limit};

/// How long to search, counted in suites that are looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Effort {
    /// For a preview.
    Quick,
    /// The default.
    #[default]
    Normal,
    /// To prove a point.
    Best,
}

impl Effort {
    fn looks(self) -> u64 {
        match self {
            Effort::Quick => 200_000,
            Effort::Normal => 8_000_000,
            Effort::Best => 80_000_000,
        }
    }
}

/// What to pack.
#[derive(Clone, Debug)]
pub struct Problem {
    /// The tiers; none needs suites.
    pub tiers: Vec<TierProblem>,
    /// Most shards over all tiers.
    pub shards: Option<usize>,
    /// How long to search.
    pub effort: Effort,
}

/// One tier of a problem.
#[derive(Clone, Debug)]
pub struct TierProblem {
    /// What holds for its shards.
    pub law: Law,
    /// Its suites, in the order of their ids.
    pub items: Vec<Item>,
    /// Most shards of this tier.
    pub shards: Option<usize>,
    /// Longest shard, set-up included, in milliseconds.
    pub target: Option<u64>,
}

/// The answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packing {
    /// In no particular order.
    pub shards: Vec<Shard>,
    /// No plan with so many shards has a shorter longest one.
    pub makespan_bound: u64,
    /// No plan within the limits has fewer shards.
    pub shards_bound: usize,
}

/// One shard: a single session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shard {
    /// Index into the problem's tiers.
    pub tier: usize,
    /// Indexes into the tier's items, in the session's order.
    pub members: Vec<usize>,
    /// What the session takes, without overhead.
    pub need: Need,
    /// One suite that alone is above the budget.
    pub oversize: bool,
}

/// Why there is no plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PackError {
    /// A tier's floor alone is above its budget.
    Floor {
        /// Index of the tier.
        tier: usize,
    },
    /// Suites that alone take longer than their tier's target.
    TooLong {
        /// Index of the tier, index of the suite, milliseconds of its shard; the longest first.
        items: Vec<(usize, usize, u64)>,
    },
    /// More shards are needed than are allowed.
    TooFewShards(Shortage),
    /// Times or memory add up to more than 2⁶².
    TooLarge,
}

/// What is known where more shards are needed than are allowed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shortage {
    /// How many are allowed: over all tiers, or in the one tier.
    pub allowed: usize,
    /// The tier whose own limit it is.
    pub tier: Option<usize>,
    /// Shards that are proven to be needed.
    pub bound: usize,
    /// Shards with which a plan was found.
    pub found: usize,
    /// The tiers with suites: index, proven and found shards.
    pub tiers: Vec<(usize, usize, usize)>,
    /// With how many bytes a shard the allowed number would do, where one tier is alone.
    pub budget: Option<u64>,
}

/// Packs every suite into exactly one shard.
///
/// # Errors
/// [`PackError`] where no plan keeps the limits, or none was found;
/// [`Shortage::bound`] tells which.
pub fn pack(problem: &Problem) -> Result<Packing, PackError> {
    let parts: Vec<Part> = problem.tiers.iter().map(|tier| Part::new(tier, problem.effort)).collect();
    for (number, part) in parts.iter().enumerate() {
        part.check(number)?;
    }
    let mut long: Vec<(usize, usize, u64)> =
        parts.iter().enumerate().flat_map(|(tier, part)| part.too_long(tier)).collect();
    if !long.is_empty() {
        long.sort_by_key(|(tier, item, ms)| (Reverse(*ms), *tier, *item));
        return Err(PackError::TooLong { items: long });
    }
    let mut packed = few_shards(problem, &parts);
    let counts: Vec<Count> = parts.iter().zip(&packed).map(|(part, packed)| part.count(packed)).collect();
    enough_shards(problem, &parts, &counts)?;

    let share = share_shards(problem, &parts, &counts);
    for ((part, packed), share) in parts.iter().zip(&mut packed).zip(share) {
        let most = share.map_or(packed.shards.len(), |share| share - part.oversize.len());
        if let Some(better) = part.solver.shortest(most, Some(packed))
            && better.longest <= packed.longest
        {
            *packed = better;
        }
    }
    rebalance(problem, &parts, &mut packed);

    let makespan_bound = makespan_bound(problem, &parts, &packed);
    let shards_bound = counts.iter().map(|count| count.bound).sum();
    let shards = parts.iter().zip(packed).enumerate();
    let shards = shards.flat_map(|(tier, (part, packed))| part.shards(tier, packed)).collect();
    Ok(Packing { shards, makespan_bound, shards_bound })
}

/// A plan of every tier, with as few shards as are found where that is asked for, and with few
/// enough where only so many are allowed.
fn few_shards(problem: &Problem, parts: &[Part<'_>]) -> Vec<Packed> {
    let plan = |enough: &dyn Fn(&Part<'_>) -> usize| -> Vec<Packed> {
        parts.iter().map(|part| part.solver.fewest(part.problem.target, enough(part))).collect()
    };
    let open = |part: &Part<'_>| part.problem.target.is_none() && part.most(problem).is_some();
    let packed = plan(&|part| match part.most(problem) {
        Some(most) if open(part) => most.saturating_sub(part.oversize.len()),
        _ => 0,
    });
    let used: usize = parts.iter().zip(&packed).map(|(part, packed)| part.count(packed).found).sum();
    // Each tier has few enough for itself, but all together have not.
    if problem.shards.is_some_and(|most| used > most) { plan(&|_| 0) } else { packed }
}

/// Shards of one tier, oversize suites included: proven to be needed, and found to do.
#[derive(Clone, Copy)]
struct Count {
    bound: usize,
    found: usize,
}

/// A tier with its oversize suites set apart.
struct Part<'a> {
    problem: &'a TierProblem,
    oversize: Vec<usize>,
    solver: Solver,
}

impl<'a> Part<'a> {
    fn new(problem: &'a TierProblem, effort: Effort) -> Part<'a> {
        let fits = |item: &usize| {
            let need = problem.law.need(&problem.items, &[*item]);
            problem.law.budget.is_none_or(|budget| need.bytes <= budget)
        };
        let (fitting, oversize): (Vec<usize>, Vec<usize>) = (0..problem.items.len()).partition(fits);
        let solver = Solver::new(problem.law, &problem.items, &fitting, effort);
        Part { problem, oversize, solver }
    }

    /// Most shards that the tier may have; `None`: any number.
    fn most(&self, problem: &Problem) -> Option<usize> {
        let most = self.problem.shards.into_iter().chain(problem.shards).min()?;
        Some(most.min(self.problem.items.len()))
    }

    fn count(&self, packed: &Packed) -> Count {
        let bound = self.solver.bounds.shards(self.problem.target);
        Count { bound: bound + self.oversize.len(), found: packed.shards.len() + self.oversize.len() }
    }

    fn check(&self, tier: usize) -> Result<(), PackError> {
        let (law, items) = (&self.problem.law, &self.problem.items);
        let total = |part: fn(&Item) -> u64| {
            items.iter().map(|item| u128::from(part(item))).sum::<u128>() * law.workers as u128
        };
        if total(|item| item.ms).max(total(Item::own)) + u128::from(law.overhead()) + u128::from(law.floor)
            > 1 << 62
        {
            return Err(PackError::TooLarge);
        }
        if !items.is_empty() && law.budget.is_some_and(|budget| law.floor > budget) {
            return Err(PackError::Floor { tier });
        }
        Ok(())
    }

    /// The suites that alone take longer than the target: tier, suite, milliseconds.
    fn too_long(&self, tier: usize) -> Vec<(usize, usize, u64)> {
        let (law, items) = (&self.problem.law, &self.problem.items);
        let Some(target) = self.problem.target else { return Vec::new() };
        let alone = |item: usize| law.need(items, &[item]).ms.saturating_add(law.overhead());
        let all = (0..items.len()).map(|item| (tier, item, alone(item)));
        all.filter(|(_, _, ms)| *ms > target).collect()
    }

    /// The longest shard of an oversize suite, with overhead.
    fn longest_oversize(&self) -> u64 {
        let alone = |item: &usize| {
            self.problem.law.need(&self.problem.items, &[*item]).ms + self.problem.law.overhead()
        };
        self.oversize.iter().map(alone).max().unwrap_or(0)
    }

    fn longest(&self, packed: &Packed) -> u64 {
        packed.longest.max(self.longest_oversize())
    }

    fn shards(&self, tier: usize, packed: Packed) -> Vec<Shard> {
        let (law, items) = (&self.problem.law, &self.problem.items);
        let alone = self.oversize.iter().map(|item| (vec![*item], true));
        let shared = packed.shards.into_iter().map(|members| (members, false));
        (shared.chain(alone))
            .map(|(members, oversize)| Shard {
                tier,
                need: law.need(items, &members),
                members: law.order(items, &members),
                oversize,
            })
            .collect()
    }
}

/// Checks the number of shards against what is allowed.
fn enough_shards(problem: &Problem, parts: &[Part<'_>], counts: &[Count]) -> Result<(), PackError> {
    let refuse = |allowed: usize, only: Option<usize>| {
        let meant = |tier: usize| counts[tier].found > 0 && only.is_none_or(|only| only == tier);
        let tiers: Vec<_> = (0..counts.len())
            .filter(|tier| meant(*tier))
            .map(|tier| (tier, counts[tier].bound, counts[tier].found))
            .collect();
        let budget = match tiers.as_slice() {
            [(tier, ..)] => least_budget(&parts[*tier], allowed),
            _ => None,
        };
        let bound = tiers.iter().map(|(_, bound, _)| bound).sum();
        let found = tiers.iter().map(|(_, _, found)| found).sum();
        Err(PackError::TooFewShards(Shortage { allowed, tier: only, bound, found, tiers, budget }))
    };
    for (tier, part) in parts.iter().enumerate() {
        if let Some(allowed) = part.problem.shards.filter(|allowed| *allowed < counts[tier].found) {
            return refuse(allowed, Some(tier));
        }
    }
    match problem.shards {
        Some(allowed) if allowed < counts.iter().map(|count| count.found).sum() => refuse(allowed, None),
        _ => Ok(()),
    }
}

/// The least budget, rounded up to whole megabytes, with which a plan of `shards` shards is found.
fn least_budget(part: &Part<'_>, shards: usize) -> Option<u64> {
    const MEGABYTE: u64 = 1_000_000;
    let law = part.problem.law;
    let all: Vec<usize> = (0..part.problem.items.len()).collect();
    let fits = |megabytes: u64| {
        let law = Law { budget: Some(megabytes * MEGABYTE), ..law };
        let problem = TierProblem { law, shards: None, ..part.problem.clone() };
        let part = Part::new(&problem, Effort::Quick);
        part.oversize.is_empty()
            && law.floor <= megabytes * MEGABYTE
            && part.solver.fewest(problem.target, shards).shards.len() <= shards
    };
    let mut low = law.budget? / MEGABYTE;
    let mut high = law.need(&part.problem.items, &all).bytes.div_ceil(MEGABYTE);
    if !fits(high) {
        return None;
    }
    while high > low + 1 {
        let middle = low + (high - low) / 2;
        if fits(middle) { high = middle } else { low = middle }
    }
    Some(high * MEGABYTE)
}

/// How many shards each tier may use; `None`: as few as were found. Starts from those and gives
/// each further shard to the tier whose shards are the longest on average, which is optimal as far
/// as averages can be reached.
fn share_shards(problem: &Problem, parts: &[Part<'_>], counts: &[Count]) -> Vec<Option<usize>> {
    let open = |part: &Part<'_>| part.problem.target.is_none() && part.most(problem).is_some();
    let most = |part: &Part<'_>| part.most(problem).unwrap_or(0);
    let Some(total) = problem.shards else {
        return parts.iter().map(|part| open(part).then(|| most(part))).collect();
    };
    let mut share: Vec<usize> = counts.iter().map(|count| count.found).collect();
    let longest = |tier: usize, share: usize| match share - parts[tier].oversize.len() {
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
fn rebalance(problem: &Problem, parts: &[Part<'_>], packed: &mut [Packed]) {
    // Each round solves a few tiers anew; the shares are nearly right already.
    const ROUNDS: usize = 4;
    const DONORS: usize = 3;
    if problem.shards.is_none() {
        return;
    }
    for _ in 0..ROUNDS {
        let longest = |tier: &usize| (parts[*tier].longest(&packed[*tier]), Reverse(*tier));
        let Some(needy) = (0..parts.len()).max_by_key(longest) else { return };
        let part = &parts[needy];
        let before = part.longest(&packed[needy]);
        let more = packed[needy].shards.len() + 1;
        let allowed = part.most(problem).is_some_and(|most| more + part.oversize.len() <= most);
        if part.problem.target.is_some() || part.longest_oversize() == before || !allowed {
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
            Some((parts[tier].solver.shortest(less, None)?, tier))
        });
        let Some((smaller, donor)) = smaller.min_by_key(|(smaller, tier)| (smaller.longest, *tier)) else {
            return;
        };
        let larger = part.solver.shortest(more, Some(&packed[needy]));
        let (Some(larger), true) = (larger, smaller.longest < before) else { return };
        if larger.longest >= before {
            return;
        }
        (packed[donor], packed[needy]) = (smaller, larger);
    }
}

/// No plan of the same kind has a shorter longest shard: over all tiers where they share their
/// number, else for the tiers as they are.
fn makespan_bound(problem: &Problem, parts: &[Part<'_>], packed: &[Packed]) -> u64 {
    let alone = |part: &Part<'_>| {
        let longest = part.problem.items.iter().map(|item| item.ms).max();
        longest.map_or(0, |longest| longest + part.problem.law.overhead())
    };
    let at_least = parts.iter().map(alone).max().unwrap_or(0);
    // Where every tier has a target, shards that are allowed and not used shorten nothing.
    let open = parts.iter().any(|part| part.problem.target.is_none());
    if let Some(total) = problem.shards.filter(|_| open) {
        let tiers: Vec<(&Bounds, usize)> =
            parts.iter().map(|part| (&part.solver.bounds, part.oversize.len())).collect();
        return least_limit(&tiers, total, at_least);
    }
    let each = parts.iter().zip(packed).filter(|(part, _)| !part.solver.is_empty());
    let bounds = each.map(|(part, packed)| {
        let own = part.problem.shards.filter(|_| part.problem.target.is_none());
        let own = own.map_or(0, |own| own - part.oversize.len());
        part.solver.least_limit(own.max(packed.shards.len()))
    });
    bounds.max().unwrap_or(0).max(at_least)
}
