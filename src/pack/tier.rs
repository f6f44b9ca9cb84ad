//! One tier: as few shards as its limits allow, or a given number as short as possible.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use rayon::prelude::*;

use super::Effort;
use super::bound::Bounds;
use super::exact::{Answer, exact};
use super::homes;
use super::law::{Item, Law};
use super::level::level;
use super::load::{Over, Tier};
use super::moves::fewest_moves;
use super::place::{self, Measure};
use super::polish::polish;
use super::search::{Found, Task, descend, search};
use super::units::Rules;

/// Suites of a problem that exact search may solve before anything else is tried.
const SMALL: usize = 200;

/// The suites of one tier that fit a shard, and what is known about packing them.
pub(super) struct Solver {
    tier: Tier,
    /// Which items of the problem each one is.
    origin: Vec<Vec<usize>>,
    pub(super) bounds: Bounds,
}

/// A plan of one tier: its shards, and the longest of them in milliseconds with its overhead.
#[derive(Clone)]
pub(super) struct Packed {
    pub(super) shards: Vec<Vec<usize>>,
    pub(super) longest: u64,
    assignment: Vec<u32>,
    /// What an exact search refuted.
    pub(super) proof: Proof,
}

/// What no plan of a tier can do, beyond what bounds tell.
#[derive(Clone, Copy, Default)]
pub(super) struct Proof {
    /// Fewer shards, within the limit that was given.
    pub(super) shards: usize,
    /// A longest shard below `longest` milliseconds (with overhead) with at most `with` shards.
    pub(super) with: usize,
    /// See `with`.
    pub(super) longest: u64,
}

impl Proof {
    /// No plan of at most `shards` shards has a shorter longest one.
    pub(super) fn longest_with(&self, shards: usize) -> u64 {
        if shards <= self.with { self.longest } else { 0 }
    }
}

impl Solver {
    /// For `fitting`, the items that fit a shard alone.
    pub(super) fn new(law: Law, items: &[Item], fitting: &[usize], rules: &Rules) -> Solver {
        let (tier, origin) = Tier::new(law, items, fitting, rules);
        // `fitting` is ascending.
        let shares = |item: &&usize| fitting.binary_search(item).is_ok();
        let apart = |list: &Vec<usize>| list.iter().filter(shares).count();
        let apart = rules.apart.iter().map(apart).max().unwrap_or(0);
        let bounds = Bounds::new(law, fitting.iter().map(|i| items[*i]).collect(), apart);
        Solver { tier, origin, bounds }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.origin.is_empty()
    }

    fn law(&self) -> &Law {
        &self.tier.law
    }

    /// As few shards as are found, each within `limit` milliseconds (overhead included; `None`: any).
    /// Stops looking for fewer than `enough`. Every suite must fit alone.
    pub(super) fn fewest(&self, limit: Option<u64>, enough: usize, effort: Effort) -> Packed {
        let room = limit.map_or(u64::MAX, |limit| limit.saturating_sub(self.law().overhead()));
        let bound = self.bounds.shards(limit);
        if self.origin.is_empty() {
            return self.packed(0, Found { assignment: Vec::new(), longest: 0 });
        }
        let one = vec![0; self.origin.len()];
        if self.within_limits(1, &one, room) {
            let found = self.found(one, 1);
            return self.packed(1, found);
        }
        let fits = Measure::ALL.map(|measure| place::first_fit(&self.tier, room, measure));
        let (mut shards, assignment) = fits.into_iter().min_by_key(|(shards, _)| *shards).unwrap_or_default();
        let mut found = self.found(assignment, shards);
        let mut next = bound.max(1);
        while next < shards && shards > enough {
            match self.within(next, room, effort) {
                Some(better) => {
                    (shards, found) = (next, better);
                    next = bound.max(1);
                    if shards == next {
                        break;
                    }
                    next = shards - 1;
                }
                // The bound was out of reach: from the other side, one by one.
                None if next == bound.max(1) && next + 1 < shards => next = shards - 1,
                None => break,
            }
        }
        let mut proof = Proof::default();
        while shards > bound.max(1) && shards > enough {
            match exact(&self.tier, shards - 1, room, effort.looks()) {
                Answer::Found(assignment) => {
                    shards -= 1;
                    found = self.found(assignment, shards);
                }
                Answer::Refuted => {
                    proof.shards = shards;
                    break;
                }
                Answer::Unknown => break,
            }
        }
        Packed { proof, ..self.packed(shards, found) }
    }

    /// A plan of `shards` shards within the limits, if one is found.
    fn within(&self, shards: usize, room: u64, effort: Effort) -> Option<Found> {
        let found = self.ever_longer(shards, room, true, None, effort)?;
        (found.longest <= room).then_some(found)
    }

    /// The best of ever longer searches, each finished to the millisecond, until no shard is above `limit`
    /// or the effort is spent. `None` where no plan within the budget was found.
    fn ever_longer(
        &self,
        shards: usize,
        limit: u64,
        first: bool,
        known: Option<&[u32]>,
        effort: Effort,
    ) -> Option<Found> {
        // Every suite is looked at a few times, however many there are.
        let each = 4 * self.origin.len() as u64;
        let mut left = effort.looks() + each;
        let mut looks = (Effort::Quick.looks() + each).min(left);
        let mut starts = self.starts(shards, limit, known, Effort::Quick);
        // Often a start needs no search, only its last milliseconds.
        let mut best: Option<Found> = (starts.iter())
            .filter(|start| self.within_limits(shards, start, u64::MAX))
            .map(|start| self.found(start.clone(), shards))
            .min_by_key(|found| found.longest)
            .map(|found| polish(&self.tier, found, shards, limit, looks));
        let mut seed = 1;
        while looks > 0 && best.as_ref().is_none_or(|best| best.longest > limit) {
            if seed == 1_001 && effort != Effort::Quick {
                starts = self.starts(shards, limit, known, effort);
            }
            let found = self.best_of(Task { shards, limit, first, effort: looks, seed }, &starts);
            let found = found.map(|found| polish(&self.tier, found, shards, limit, looks));
            best = best.into_iter().chain(found).min_by_key(|found| found.longest);
            left -= looks;
            looks = (looks * 2).min(left);
            seed += 1_000;
        }
        best
    }

    /// Plans to search from, some of them above the budget.
    fn starts(&self, shards: usize, limit: u64, known: Option<&[u32]>, effort: Effort) -> Vec<Vec<u32>> {
        let measures: &[Measure] = match effort {
            Effort::Quick => &[Measure::Time, Measure::Either],
            Effort::Normal | Effort::Best => &Measure::ALL,
        };
        let mut starts: Vec<Vec<u32>> = measures
            .par_iter()
            .map(|measure| place::into_shards(&self.tier, shards, limit, *measure))
            .collect();
        starts.extend(place::grouped(&self.tier, shards, limit));
        // A plan that packs memory tightly is a poor start for time, but better than none.
        let feasible = |start: &Vec<u32>| self.within_limits(shards, start, u64::MAX);
        if let Some(known) = known.filter(|_| !starts.iter().any(feasible)) {
            starts.push(known.to_vec());
        }
        starts
    }

    /// The shortest longest shard that is found with at most `shards` shards. `known` is a plan
    /// within the budget with no more shards, where there is one. `None` where none was found
    /// within the budget.
    pub(super) fn shortest(&self, shards: usize, known: Option<&Packed>, effort: Effort) -> Option<Packed> {
        if self.origin.is_empty() {
            return None;
        }
        let shards = shards.min(self.origin.len()).max(1);
        let limit = self.least_limit(shards).saturating_sub(self.law().overhead());
        let known = known.map(|known| known.assignment.as_slice());
        // A small problem is often solved at once.
        if self.origin.len() <= SMALL
            && let Answer::Found(assignment) = exact(&self.tier, shards, limit, Effort::Quick.looks())
        {
            return Some(self.packed(shards, self.found(assignment, shards)));
        }
        let mut found = self.ever_longer(shards, limit, false, known, effort)?;
        // Where memory is so tight that nothing better was found, at least straight downhill.
        if known == Some(&found.assignment) {
            let task = Task { shards, limit, first: false, effort: Effort::Quick.looks(), seed: 0 };
            found = descend(&self.tier, &found.assignment, task).unwrap_or(found);
        }
        // The sum of all overloads is down; now the longest shard alone, step by step.
        let mut left = effort.looks() / 2;
        while found.longest > limit && left > 0 {
            let looks = (effort.looks() / 8).min(left);
            left -= looks;
            let task = Task { shards, limit: found.longest - 1, first: true, effort: looks, seed: left };
            if let Some(better) = search(&self.tier, &found.assignment, task) {
                let better = polish(&self.tier, better, shards, limit, looks);
                if better.longest < found.longest {
                    found = better;
                }
            }
        }
        let least = self.improve_exactly(&mut found, shards, limit, effort);
        let longest = if least > limit { least + self.law().overhead() } else { 0 };
        Some(Packed {
            proof: Proof { with: shards, longest, ..Proof::default() },
            ..self.packed(shards, found)
        })
    }

    /// Closes in on the shortest plan from both sides; returns the least limit that is not refuted.
    fn improve_exactly(&self, found: &mut Found, shards: usize, limit: u64, effort: Effort) -> u64 {
        let (mut low, mut left) = (limit, effort.looks());
        let mut next = low;
        while low < found.longest {
            let looks = left.min(effort.looks() / 4);
            left -= looks;
            if looks == 0 {
                break;
            }
            match exact(&self.tier, shards, next, looks) {
                Answer::Found(assignment) => *found = self.found(assignment, shards),
                Answer::Refuted => low = next + 1,
                // From the other side: a plan that is only a little shorter.
                Answer::Unknown if next + 1 < found.longest => {
                    next = found.longest - 1;
                    continue;
                }
                Answer::Unknown => break,
            }
            next = low + (found.longest.max(low) - low) / 2;
        }
        low
    }

    /// The best over several starts; which of them wins depends on values only, not on threads.
    fn best_of(&self, task: Task, starts: &[Vec<u32>]) -> Option<Found> {
        let effort = task.effort / starts.len().max(1) as u64;
        let found: Vec<Option<Found>> = (starts.par_iter().enumerate())
            .map(|(number, start)| {
                search(&self.tier, start, Task { effort, seed: task.seed + number as u64, ..task })
            })
            .collect();
        found.into_iter().flatten().min_by_key(|found| found.longest)
    }

    /// A plan of at most `shards` shards, none longer than `limit` (overhead included), in which few
    /// suites leave the shard that `before` names for them. `fresh` is a plan within the limits.
    /// `None` where none was found.
    pub(super) fn calmest(
        &self,
        fresh: &Packed,
        before: &[Option<usize>],
        shards: usize,
        limit: u64,
        effort: Effort,
    ) -> Option<Packed> {
        let before: Vec<Option<usize>> = self.origin.iter().map(|unit| most_common(unit, before)).collect();
        let (expected, known) = homes::expected(&before, shards);
        if known == 0 {
            return Some(fresh.clone());
        }
        let limit = limit.saturating_sub(self.law().overhead());
        let task = Task { shards, limit, first: true, effort: effort.looks() / 2, seed: 1 };
        let search = |start: &[u32]| fewest_moves(&self.tier, &expected, start, task);
        let (from_before, from_fresh) = rayon::join(
            || search(&place::around(&self.tier, shards, limit, &expected)),
            || search(&homes::renamed(&fresh.assignment, &expected, shards)?),
        );
        let all = [from_before, from_fresh];
        let (_, assignment) = all.into_iter().flatten().min_by_key(|(moves, _)| *moves)?;
        Some(self.packed(shards, self.found(assignment, shards)))
    }

    /// The same plan with the shards below its longest as level as is found, in at most `shards` shards.
    pub(super) fn level(&self, packed: &Packed, shards: usize, effort: Effort) -> Packed {
        let used = packed.assignment.iter().max().map_or(0, |last| *last as usize + 1);
        // A plan may have left shards empty in between: then it is numbered higher than it counts.
        if used < 1 || used > shards || shards < 2 {
            return packed.clone();
        }
        let longest = packed.longest.saturating_sub(self.law().overhead());
        let found = Found { assignment: packed.assignment.clone(), longest };
        let found = level(&self.tier, found, shards, effort.looks() / 32);
        Packed { proof: packed.proof, ..self.packed(shards, found) }
    }

    /// How many of the shards that `before` names hold suites of this tier still.
    pub(super) fn shards_before(&self, before: &[Option<usize>]) -> usize {
        let homes: BTreeSet<usize> =
            self.origin.iter().filter_map(|unit| most_common(unit, before)).collect();
        homes.len()
    }

    fn within_limits(&self, shards: usize, assignment: &[u32], room: u64) -> bool {
        let loads = self.tier.loads(shards, assignment);
        loads.iter().all(|load| self.tier.over(load, (None, None), room).0 == Over::default())
    }

    /// The least limit (overhead included) under which `shards` shards are not refuted.
    pub(super) fn least_limit(&self, shards: usize) -> u64 {
        least_limit(&[(&self.bounds, 0)], shards, self.bounds.longest() + self.law().overhead())
    }

    fn found(&self, assignment: Vec<u32>, shards: usize) -> Found {
        let loads = self.tier.loads(shards, &assignment);
        Found { longest: self.tier.longest(&loads), assignment }
    }

    fn packed(&self, shards: usize, found: Found) -> Packed {
        let mut members = vec![Vec::new(); shards];
        for (item, shard) in found.assignment.iter().enumerate() {
            members[*shard as usize].extend(&self.origin[item]);
        }
        members.retain(|members| !members.is_empty());
        let overhead = if members.is_empty() { 0 } else { self.law().overhead() };
        let longest = found.longest.saturating_add(overhead);
        Packed { shards: members, longest, assignment: found.assignment, proof: Proof::default() }
    }
}

/// The shard where most items of a unit were; among equals the first.
fn most_common(unit: &[usize], before: &[Option<usize>]) -> Option<usize> {
    let homes: Vec<usize> = unit.iter().filter_map(|item| before.get(*item).copied().flatten()).collect();
    let count = |home: usize| homes.iter().filter(|other| **other == home).count();
    homes.iter().copied().max_by_key(|home| (count(*home), Reverse(*home)))
}

/// The least limit, overhead included, under which the tiers together are not known to need more
/// than `shards` shards. The second of each pair is shards that a tier needs besides. No plan has a
/// shorter longest shard.
pub(super) fn least_limit(tiers: &[(&Bounds, usize)], shards: usize, at_least: u64) -> u64 {
    let refuted = |limit: u64| {
        let needed = tiers.iter().fold(0usize, |sum, (bounds, more)| {
            sum.saturating_add(bounds.shards(Some(limit)).saturating_add(*more))
        });
        needed > shards
    };
    if !refuted(at_least) {
        return at_least;
    }
    // Doubling finds a limit that is not refuted; one that never comes means that memory alone
    // needs more shards.
    let (mut low, mut step) = (at_least, at_least.max(1));
    let mut high = loop {
        let high = low.saturating_add(step);
        if !refuted(high) {
            break high;
        }
        if high > 1 << 62 {
            return at_least;
        }
        (low, step) = (high, step.saturating_mul(2));
    };
    while high - low > 1 {
        let middle = low + (high - low) / 2;
        if refuted(middle) { low = middle } else { high = middle }
    }
    high
}
