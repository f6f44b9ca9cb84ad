//! One tier of a problem with the suites set apart that are alone, and whether all tiers together have
//! shards enough.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use super::law::{Item, Law};
use super::tier::{Packed, Solver};
use super::{Effort, PackError, Problem, Session, Shard, Shortage, TierProblem};

/// Shards of one tier, those of one suite included: proven to be needed, and found to do.
#[derive(Clone, Copy)]
pub(super) struct Count {
    pub(super) bound: usize,
    pub(super) found: usize,
}

/// A tier with the suites set apart that have a shard to themselves: oversize ones, and those of a rule.
pub(super) struct Part<'a> {
    pub(super) problem: &'a TierProblem,
    pub(super) alone: Vec<usize>,
    pub(super) solver: Solver,
}

/// The parts of a problem that could have a plan.
///
/// # Errors
/// What no number of shards can help.
pub(super) fn prepare(problem: &Problem) -> Result<Vec<Part<'_>>, PackError> {
    let parts: Vec<Part> = problem.tiers.iter().map(Part::new).collect();
    for (number, part) in parts.iter().enumerate() {
        part.check(number)?;
    }
    let mut long: Vec<(usize, usize, u64)> =
        parts.iter().enumerate().flat_map(|(tier, part)| part.too_long(tier)).collect();
    if long.is_empty() {
        parts.iter().enumerate().try_for_each(|(tier, part)| part.too_large(tier))?;
        return Ok(parts);
    }
    long.sort_by_key(|(tier, item, ms)| (Reverse(*ms), *tier, *item));
    Err(PackError::TooLong { items: long })
}

impl<'a> Part<'a> {
    fn new(problem: &'a TierProblem) -> Part<'a> {
        let fits = |item: &usize| {
            let need = problem.law.need(&problem.items, &[*item]);
            problem.law.budget.is_none_or(|budget| need.bytes <= budget)
        };
        let by_rule: BTreeSet<usize> = problem.rules.alone.iter().copied().collect();
        let shares = |item: &usize| fits(item) && !by_rule.contains(item);
        let (sharing, alone): (Vec<usize>, Vec<usize>) = (0..problem.items.len()).partition(shares);
        let solver = Solver::new(problem.law, &problem.items, &sharing, &problem.rules);
        Part { problem, alone, solver }
    }

    /// Most shards that the tier may have, of `total` over all tiers; `None`: any number.
    pub(super) fn most(&self, total: Option<usize>) -> Option<usize> {
        let most = self.problem.shards.into_iter().chain(total).min()?;
        Some(most.min(self.problem.items.len()))
    }

    /// Whether more shards than are needed may make it shorter.
    pub(super) fn is_open(&self, total: Option<usize>) -> bool {
        self.problem.target.is_none() && self.most(total).is_some()
    }

    pub(super) fn count(&self, packed: &Packed) -> Count {
        let bound = self.solver.bounds.shards(self.problem.target).max(packed.proof.shards);
        Count { bound: bound + self.alone.len(), found: packed.shards.len() + self.alone.len() }
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

    /// The first list of suites that stay together and no shard holds.
    fn too_large(&self, tier: usize) -> Result<(), PackError> {
        let (law, items) = (&self.problem.law, &self.problem.items);
        for (list, members) in self.problem.rules.together.iter().enumerate() {
            let need = law.need(items, members);
            let long = self.problem.target.is_some_and(|target| need.ms + law.overhead() > target);
            if long || law.budget.is_some_and(|budget| need.bytes > budget) {
                return Err(PackError::Together { tier, list, need });
            }
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

    /// The times of the shards of one suite, with overhead.
    pub(super) fn alone_ms(&self) -> impl Iterator<Item = u64> {
        let (law, items) = (&self.problem.law, &self.problem.items);
        self.alone.iter().map(|item| law.need(items, &[*item]).ms + law.overhead())
    }

    /// The longest shard, with overhead.
    pub(super) fn longest(&self, packed: &Packed) -> u64 {
        packed.longest.max(self.alone_ms().max().unwrap_or(0))
    }

    /// The shards of the plan. `homes` says which earlier shard each shared one continues, then each
    /// of one suite.
    pub(super) fn shards(&self, tier: usize, packed: Packed, homes: &[Option<usize>]) -> Vec<Shard> {
        let (law, items) = (&self.problem.law, &self.problem.items);
        let above = |item: usize| {
            let bytes = law.need(items, &[item]).bytes;
            law.budget.is_some_and(|budget| bytes > budget)
        };
        let alone = self.alone.iter().map(|item| (vec![*item], above(*item)));
        let shared = packed.shards.into_iter().map(|members| (members, false));
        (shared.chain(alone).enumerate())
            .map(|(number, (members, oversize))| {
                let session =
                    |members: Vec<usize>| Session { need: law.session_need(items, &members), members };
                let sessions: Vec<Session> = law.sessions(items, &members).into_iter().map(session).collect();
                Shard {
                    tier,
                    need: law.total(sessions.iter().map(|session| session.need)),
                    sessions,
                    oversize,
                    home: homes.get(number).copied().flatten(),
                }
            })
            .collect()
    }
}

/// Checks the number of shards against what is allowed.
pub(super) fn enough_shards(
    total: Option<usize>,
    parts: &[Part<'_>],
    counts: &[Count],
) -> Result<(), PackError> {
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
    match total {
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
        let part = Part::new(&problem);
        let fits_alone = |item: usize| law.need(&problem.items, &[item]).bytes <= megabytes * MEGABYTE;
        (0..part.problem.items.len()).all(fits_alone)
            && law.floor <= megabytes * MEGABYTE
            && part.alone.len() + part.solver.fewest(problem.target, shards, Effort::Quick).shards.len()
                <= shards
    };
    let mut low = law.budget? / MEGABYTE;
    let mut high = law.session_need(&part.problem.items, &all).bytes.div_ceil(MEGABYTE);
    if !fits(high) {
        return None;
    }
    while high > low + 1 {
        let middle = low + (high - low) / 2;
        if fits(middle) { high = middle } else { low = middle }
    }
    Some(high * MEGABYTE)
}
