//! The last milliseconds: exchanges of up to two suites for up to two others that take from the longest
//! shard exactly what it has too much.
//!
//! Two shards of eighty suites offer millions of such exchanges, so nearly every difference in time can be
//! had; sorted sums find it, and memory decides among those that fit.

use super::law::Kind;
use super::load::{Load, Over, Tier};
use super::search::Found;

/// Suites of one shard that take part: pairs are many.
const MEMBERS_MAX: usize = 96;
/// Exchanges whose memory is looked at for one pair of shards.
const TRIES_MAX: usize = 48;
/// No suite.
const NONE: u32 = u32::MAX;

/// Up to two suites and their time.
#[derive(Clone, Copy)]
struct Few {
    ms: u64,
    items: [u32; 2],
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
    if tier.law.workers > 1 || tier.law.kind == Kind::Each || start.longest <= limit {
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
        let from = self.few(a, false);
        let mut best: Option<(u64, usize, Load, Load)> = None;
        for b in others {
            let to = self.few(b, true);
            let Some(left) = self.looks.checked_sub((from.len() + to.len()) as u64) else { return false };
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

    /// One or two suites of a shard, or none, by time.
    fn few(&self, shard: usize, none: bool) -> Vec<Few> {
        let members = &self.loads[shard].members;
        let step = members.len().div_ceil(MEMBERS_MAX).max(1);
        let some: Vec<u32> = members.iter().copied().step_by(step).collect();
        let ms = |item: u32| self.tier.items[item as usize].ms;
        let mut few = Vec::with_capacity(some.len() * (some.len() + 1) / 2 + 1);
        if none {
            few.push(Few { ms: 0, items: [NONE, NONE] });
        }
        for (place, i) in some.iter().enumerate() {
            few.push(Few { ms: ms(*i), items: [*i, NONE] });
            few.extend(some[place + 1..].iter().map(|j| Few { ms: ms(*i) + ms(*j), items: [*i, *j] }));
        }
        few.sort_unstable_by_key(|few| (few.ms, few.items));
        few
    }

    /// The exchange that takes most from `a`, at most `wanted`, with both shards as they are after it.
    fn exchange(
        &self,
        a: usize,
        b: usize,
        from: &[Few],
        to: &[Few],
        wanted: u64,
    ) -> Option<(u64, Load, Load)> {
        // For each that may leave, those that may come instead: the nearest first.
        let mut offers: Vec<(u64, usize, usize)> = Vec::new();
        for (out, few) in from.iter().enumerate() {
            let start = to.partition_point(|other| other.ms < few.ms.saturating_sub(wanted));
            for (new, other) in to.iter().enumerate().skip(start).take(2) {
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
            let less = self.after(&self.loads[a], from[out], to[new])?;
            let more = self.after(&self.loads[b], to[new], from[out])?;
            Some((taken, less, more))
        })
    }

    /// The shard after an exchange; `None` where that is above its budget.
    fn after(&self, load: &Load, out: Few, new: Few) -> Option<Load> {
        let mut after = load.clone();
        for (out, new) in out.items.into_iter().zip(new.items) {
            let some = |item: u32| (item != NONE).then_some(item);
            self.tier.apply(&mut after, (some(out), some(new)), Over::default());
        }
        after.over = self.over(&after);
        (after.over.bytes == 0).then_some(after)
    }
}
