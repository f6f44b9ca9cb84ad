//! The shards that nobody waits for: levelled too, since times are only expected.
//!
//! One long suite makes every plan as long as itself, and the others could be shared out in any way below
//! that. The day that it is shorter, or another one longer, the second longest shard decides. Shifts and
//! swaps between a long shard and a short one, each of which shortens the longer of the two.

use std::cmp::Reverse;

use super::load::{Load, Over, Tier};
use super::search::Found;

/// Shards that differ by less than one in so many are level.
const LEVEL: u64 = 100;
/// Suites of a shard that are offered to another.
const OFFERED_MAX: usize = 64;
/// Exchanges whose memory is looked at for one pair of shards.
const TRIES_MAX: usize = 8;

/// `start` with shards as level as is found by looking at so many suites; none gets longer than the longest
/// is, nor above its budget.
pub(super) fn level(tier: &Tier, start: Found, shards: usize, looks: u64) -> Found {
    let mut loads = tier.loads(shards, &start.assignment);
    let within = |load: &Load| tier.over(load, (None, None), u64::MAX).0 == Over::default();
    if !loads.iter().all(within) {
        return start;
    }
    let mut level =
        Level { tier, times: loads.iter().map(|load| tier.need(&load.members).ms).collect(), looks };
    while level.step(&mut loads) {}
    let mut assignment = start.assignment;
    for (shard, load) in loads.iter().enumerate() {
        load.members.iter().for_each(|item| assignment[*item as usize] = shard as u32);
    }
    Found { longest: tier.longest(&loads), assignment }
}

struct Level<'a> {
    tier: &'a Tier,
    times: Vec<u64>,
    looks: u64,
}

impl Level<'_> {
    /// One exchange, from as long a shard as possible to as short a one; `false`: there is none.
    fn step(&mut self, loads: &mut [Load]) -> bool {
        let mut order: Vec<usize> = (0..loads.len()).collect();
        order.sort_unstable_by_key(|shard| (Reverse(self.times[*shard]), *shard));
        for (place, a) in order.iter().enumerate() {
            for b in order[place + 1..].iter().rev() {
                let apart = self.times[*a] - self.times[*b];
                if apart.saturating_mul(LEVEL) < self.times[*a] || apart < 2 {
                    break;
                }
                let Some((out, new)) = self.exchange(&loads[*a], &loads[*b], self.times[*a], apart) else {
                    if self.looks == 0 {
                        return false;
                    }
                    continue;
                };
                let (mut less, mut more) = (loads[*a].clone(), loads[*b].clone());
                self.tier.apply(&mut less, (Some(out), new), Over::default());
                self.tier.apply(&mut more, (new, Some(out)), Over::default());
                let times = [&less, &more].map(|load| self.tier.need(&load.members).ms);
                // What `over` says may be rough where suites run side by side; this must end.
                if times.iter().any(|ms| *ms >= self.times[*a]) {
                    continue;
                }
                (self.times[*a], self.times[*b]) = (times[0], times[1]);
                (loads[*a], loads[*b]) = (less, more);
                return true;
            }
        }
        false
    }

    /// What leaves the longer shard and what comes instead, so that they are nearly level and both within
    /// their budget.
    fn exchange(&mut self, a: &Load, b: &Load, longest: u64, apart: u64) -> Option<(u32, Option<u32>)> {
        let ms = |item: &u32| self.tier.items[*item as usize].ms;
        let mut offers: Vec<(u64, u32, Option<u32>)> = Vec::new();
        let step = a.members.len().div_ceil(OFFERED_MAX).max(1);
        for out in a.members.iter().step_by(step) {
            // Members are the longest first: the nearest to what would make both level.
            let wanted = ms(out).saturating_sub(apart / 2);
            let next = b.members.partition_point(|item| ms(item) > wanted);
            let near = [next.checked_sub(1), Some(next)].into_iter().flatten();
            let near = near.filter_map(|place| b.members.get(place).copied());
            for new in near.map(Some).chain([None]) {
                let moved = ms(out).saturating_sub(new.as_ref().map_or(0, ms));
                if moved > 0 && moved < apart {
                    offers.push((moved.abs_diff(apart / 2), *out, new));
                }
            }
        }
        offers.sort_unstable();
        let mut looked = offers.len() as u64;
        let found = offers.into_iter().take(TRIES_MAX).find(|(_, out, new)| {
            // Strictly shorter than the longer one was, so that this ends.
            let sides = [(a, (Some(*out), *new)), (b, (*new, Some(*out)))];
            sides.into_iter().all(|(load, change)| {
                let (over, more) = self.tier.over(load, change, longest.saturating_sub(1));
                looked += more as u64;
                over == Over::default()
            })
        });
        self.looks = self.looks.saturating_sub(looked.max(1));
        found.filter(|_| self.looks > 0).map(|(_, out, new)| (out, new))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pack::law::{Item, Law};
    use crate::pack::units::Rules;

    /// Times of the shards after levelling, longest first. Items are milliseconds and bytes.
    fn levelled(law: Law, items: &[(u64, u64)], start: &[u32]) -> Vec<u64> {
        let item = |(ms, retained): &(u64, u64)| Item { ms: *ms, retained: *retained, ..Item::default() };
        let items: Vec<Item> = items.iter().map(item).collect();
        let all: Vec<usize> = (0..items.len()).collect();
        let (tier, origin) = Tier::new(law, &items, &all, &Rules::default());
        let assignment: Vec<u32> = origin.iter().map(|unit| start[unit[0]]).collect();
        let shards = start.iter().max().map_or(0, |last| *last as usize + 1);
        let longest = tier.longest(&tier.loads(shards, &assignment));
        let found = level(&tier, Found { assignment, longest }, shards, 10_000);
        let mut times: Vec<u64> =
            tier.loads(shards, &found.assignment).iter().map(|load| tier.need(&load.members).ms).collect();
        times.sort_unstable_by_key(|ms| Reverse(*ms));
        assert_eq!(found.longest, times[0]);
        times
    }

    #[test]
    fn what_is_below_the_longest_is_level() {
        let times = [(100, 1), (20, 1), (20, 1), (20, 1), (20, 1), (10, 1)];
        assert_eq!(levelled(Law::BARE, &times, &[0, 1, 1, 1, 1, 2]), [100, 50, 40]);
        assert_eq!(levelled(Law::BARE, &[(7, 0)], &[0]), [7]);
        assert_eq!(levelled(Law::BARE, &[(5, 0), (5, 0), (5, 0), (5, 0)], &[0, 0, 0, 1]), [10, 10]);
    }

    #[test]
    fn no_shard_exceeds_its_budget_for_that() {
        let law = Law { budget: Some(2), ..Law::BARE };
        let items = [(100, 2), (30, 1), (30, 1), (1, 2), (1, 0)];
        assert_eq!(levelled(law, &items, &[0, 1, 1, 2, 2]), [100, 60, 2]);
    }
}
