//! The last milliseconds: exchanges of a few suites for a few others that take from the longest shard
//! exactly what it has too much.
//!
//! Two shards of eighty suites offer millions of exchanges of up to two for two, two shards of twelve all of
//! their 2²⁴ exchanges, so nearly every difference in time can be had. Sorted sums find it (Horowitz and
//! Sahni 1974), and memory decides among those that fit.

use super::law::Kind;
use super::load::{Load, Over, Tier};
use super::search::Found;

/// Suites of one shard that take part: pairs are many.
const MEMBERS_MAX: usize = 96;
/// Sets of a shard's suites that take part: as large ones as stay below this.
const SETS_MAX: usize = 5_000;
/// Exchanges whose memory is looked at for one pair of shards.
const TRIES_MAX: usize = 48;
/// A few suites of a shard and their time.
#[derive(Clone, Copy)]
struct Few {
    ms: u64,
    /// Places in the list of those that take part, as bits.
    mask: u128,
}

/// Every few suites of a shard, by time.
struct Offer {
    members: Vec<u32>,
    few: Vec<Few>,
}

struct Polish<'a> {
    tier: &'a Tier,
    loads: Vec<Load>,
    limit: u64,
    looks: u64,
}

/// A plan with less above `limit` milliseconds than `start`, or that one where none is found.
pub(super) fn polish(tier: &Tier, start: Found, shards: usize, limit: u64, looks: u64) -> Found {
    // With several workers an exchange may do anything to a schedule.
    let plain = tier.units.are_items() && tier.law.kind != Kind::Each;
    if tier.law.workers > 1 || !plain || start.longest <= limit {
        return start;
    }
    let mut polish = Polish { tier, loads: tier.loads(shards, &start.assignment), limit, looks };
    for shard in 0..shards {
        polish.loads[shard].over = polish.over(&polish.loads[shard]);
    }
    while polish.step() {}
    let longest = tier.longest(&polish.loads);
    if longest >= start.longest {
        return start;
    }
    let mut assignment = start.assignment;
    for (shard, load) in polish.loads.iter().enumerate() {
        load.members.iter().for_each(|item| assignment[*item as usize] = shard as u32);
    }
    Found { assignment, longest }
}

impl Polish<'_> {
    fn over(&self, load: &Load) -> Over {
        self.tier.over(load, (None, None), self.limit).0
    }

    /// Takes something from the longest shard; `false`: nothing can be taken any more.
    fn step(&mut self) -> bool {
        let longest = |shard: &usize| (self.loads[*shard].ms, std::cmp::Reverse(*shard));
        let Some(a) = (0..self.loads.len()).max_by_key(longest) else { return false };
        let above = self.loads[a].ms.saturating_sub(self.limit);
        if above == 0 {
            return false;
        }
        let mut others: Vec<usize> =
            (0..self.loads.len()).filter(|b| self.loads[*b].ms < self.limit).collect();
        others.sort_unstable_by_key(|b| (self.loads[*b].ms, *b));
        let from = self.offer(a);
        let mut best: Option<(u64, usize, Load, Load)> = None;
        for b in others {
            let to = self.offer(b);
            let Some(left) = self.looks.checked_sub((from.few.len() + to.few.len()) as u64) else {
                return false;
            };
            self.looks = left;
            let wanted = above.min(self.limit - self.loads[b].ms);
            if best.as_ref().is_some_and(|(taken, ..)| *taken >= wanted) {
                break;
            }
            if let Some((taken, less, more)) = self.exchange(a, b, &from, &to, wanted)
                && best.as_ref().is_none_or(|(best, ..)| taken > *best)
            {
                best = Some((taken, b, less, more));
            }
        }
        let Some((_, b, less, more)) = best else { return false };
        (self.loads[a], self.loads[b]) = (less, more);
        true
    }

    /// Every set of up to so many suites that there are not too many of them, none at all included.
    fn offer(&self, shard: usize) -> Offer {
        let members = &self.loads[shard].members;
        let step = members.len().div_ceil(MEMBERS_MAX).max(1);
        let members: Vec<u32> = members.iter().copied().step_by(step).collect();
        let mut few = vec![Few { ms: 0, mask: 0 }];
        let mut largest = 0..1;
        // Sets of one suite more: each of the largest so far with one that comes after its last.
        while !largest.is_empty() {
            let start = few.len();
            for set in largest {
                let Few { ms, mask } = few[set];
                let after = (128 - mask.leading_zeros()) as usize;
                for (place, item) in members.iter().enumerate().skip(after) {
                    let ms = ms + self.tier.items[*item as usize].ms;
                    few.push(Few { ms, mask: mask | 1 << place });
                }
                if few.len() > SETS_MAX {
                    break;
                }
            }
            // All sets of a size or none, but for pairs, of which there always are some.
            if few.len() > SETS_MAX {
                few.truncate(start);
                break;
            }
            largest = start..few.len();
        }
        few.sort_unstable_by_key(|few| (few.ms, few.mask));
        Offer { members, few }
    }

    /// The exchange that takes most from `a`, at most `wanted`, with both shards as they are after it.
    fn exchange(
        &self,
        a: usize,
        b: usize,
        from: &Offer,
        to: &Offer,
        wanted: u64,
    ) -> Option<(u64, Load, Load)> {
        // For each that may leave, those that may come instead: the nearest first.
        let mut offers: Vec<(u64, usize, usize)> = Vec::new();
        for (out, few) in from.few.iter().enumerate() {
            let start = to.few.partition_point(|other| other.ms < few.ms.saturating_sub(wanted));
            for (new, other) in to.few.iter().enumerate().skip(start).take(2) {
                if other.ms < few.ms {
                    offers.push((few.ms - other.ms, out, new));
                }
            }
        }
        let order = |offer: &(u64, usize, usize)| (std::cmp::Reverse(offer.0), offer.1, offer.2);
        if offers.len() > TRIES_MAX {
            offers.select_nth_unstable_by_key(TRIES_MAX, order);
            offers.truncate(TRIES_MAX);
        }
        offers.sort_unstable_by_key(order);
        offers.into_iter().find_map(|(taken, out, new)| {
            let (out, new) = (from.pick(out), to.pick(new));
            let less = self.after(&self.loads[a], &out, &new)?;
            let more = self.after(&self.loads[b], &new, &out)?;
            Some((taken, less, more))
        })
    }

    /// The shard after an exchange; `None` where that is above its budget.
    fn after(&self, load: &Load, out: &[u32], new: &[u32]) -> Option<Load> {
        let mut after = load.clone();
        out.iter().for_each(|item| self.tier.apply(&mut after, (Some(*item), None), Over::default()));
        new.iter().for_each(|item| self.tier.apply(&mut after, (None, Some(*item)), Over::default()));
        after.over = self.over(&after);
        (after.over.bytes == 0).then_some(after)
    }
}

impl Offer {
    /// The suites of a set.
    fn pick(&self, set: usize) -> Vec<u32> {
        let mask = self.few[set].mask;
        let chosen = |place: &usize| mask >> place & 1 == 1;
        (0..self.members.len()).filter(chosen).map(|place| self.members[place]).collect()
    }
}
