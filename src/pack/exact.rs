//! Exact search for small problems: a plan within the limits, or the proof that there is none.
//!
//! Bin completion (Korf 2002, after Martello and Toth's dominance): the suite that is hardest to place
//! opens a shard, and every set of others that fills it as no better one does is tried in turn. Time and
//! memory both prune: what a shard leaves unused is never given back.

use std::cmp::Reverse;

use super::bound::Sizes;
use super::law::{Item, Kind};
use super::load::{Load, Over, Tier};

/// What an exact search found out.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// The shard of each item.
    Found(Vec<u32>),
    /// There is no such plan.
    Refuted,
    /// The effort was not enough to tell.
    Unknown,
}

/// Most suites: the search goes one call deeper for each.
const ITEMS_MAX: usize = 1_000;

struct Search<'a> {
    tier: &'a Tier,
    limit: u64,
    shards: usize,
    /// What is left to look at.
    looks: u64,
    assignment: Vec<u32>,
}

/// One shard's turn: what is left to place, the hardest first, and what it must hold at least.
struct Turn {
    shard: usize,
    rest: Vec<u32>,
    /// Milliseconds, and bytes that stay, of `rest` from each place on.
    after: Vec<(u64, u64)>,
    /// With less of either the shards that follow cannot hold the rest.
    least: (u64, u64),
}

/// Whether `shards` shards hold all items, none longer than `limit` milliseconds (without overhead).
pub(super) fn exact(tier: &Tier, shards: usize, limit: u64, looks: u64) -> Answer {
    // With several workers a schedule may get shorter by a suite more, so nothing could be pruned.
    let law = &tier.law;
    let plain = tier.units.are_plain() && !law.splits() && law.kind != Kind::Each;
    if law.workers > 1 || !plain || tier.items.len() > ITEMS_MAX {
        return Answer::Unknown;
    }
    let mut search = Search { tier, limit, shards, looks, assignment: vec![u32::MAX; tier.items.len()] };
    let room = tier.law.budget.map_or(u64::MAX, |budget| budget.saturating_sub(tier.law.floor)).max(1);
    let share = |i: &u32| {
        let item = &tier.items[*i as usize];
        let part = |value: u64, whole: u64| u128::from(value) * 1_000_000_000 / u128::from(whole.max(1));
        part(item.ms, limit).max(part(item.own(), room))
    };
    let mut all: Vec<u32> = (0..tier.items.len() as u32).collect();
    all.sort_by_key(|i| (Reverse(share(i)), *i));
    match search.place(0, all) {
        Some(true) => Answer::Found(search.assignment),
        Some(false) => Answer::Refuted,
        None => Answer::Unknown,
    }
}

impl Search<'_> {
    /// Places what is left in the shards from `shard` on. `None`: the effort is spent.
    fn place(&mut self, shard: usize, rest: Vec<u32>) -> Option<bool> {
        let Some((first, others)) = rest.split_first() else { return Some(true) };
        let left = self.shards - shard;
        let total: u64 = rest.iter().map(|i| self.item(*i).ms).sum();
        let capacity = u128::from(self.limit) * left as u128;
        if left == 0 || u128::from(total) > capacity {
            return Some(false);
        }
        self.spend(rest.len())?;
        if Sizes::new(rest.iter().map(|i| self.item(*i).ms).collect()).bins(self.limit) > left {
            return Some(false);
        }
        let waste = u64::try_from(capacity - u128::from(total)).unwrap_or(u64::MAX);
        let Some(least_kept) = self.least_kept(&rest, left) else { return Some(false) };
        let mut after = vec![(0, 0); others.len() + 1];
        for (place, i) in others.iter().enumerate().rev() {
            let (ms, bytes) = after[place + 1];
            after[place] = (ms + self.item(*i).ms, bytes + kept(self.item(*i)));
        }
        let least = (self.limit.saturating_sub(waste), least_kept);
        let turn = Turn { shard, rest: others.to_vec(), after, least };
        let mut load = Load::default();
        if self.over(&load, (None, Some(*first))) != Over::default() {
            return Some(false);
        }
        self.add(&mut load, *first, shard);
        let answer = self.fill(&turn, 0, &mut load);
        if answer != Some(true) {
            self.assignment[*first as usize] = u32::MAX;
        }
        answer
    }

    /// Bytes that the first of `left` shards must keep so that the others can keep the rest; `None` where
    /// not even all of them can.
    fn least_kept(&self, rest: &[u32], left: usize) -> Option<u64> {
        let law = &self.tier.law;
        let nothing_stays = law.import_cap.is_some() || law.kind == Kind::Isolated;
        let Some(budget) = law.budget.filter(|_| !nothing_stays) else { return Some(0) };
        let room = u128::from(budget.saturating_sub(law.floor));
        let all: u128 = rest.iter().map(|i| u128::from(kept(self.item(*i)))).sum();
        let waste = (room * left as u128).checked_sub(all)?;
        Some(u64::try_from(room.saturating_sub(waste)).unwrap_or(u64::MAX))
    }

    /// Adds every set of suites from `from` on that fits, the hardest first.
    fn fill(&mut self, turn: &Turn, from: usize, load: &mut Load) -> Option<bool> {
        let mut skipped: Option<u32> = None;
        // Without a budget the order is that of times, so those that are too long stand in front.
        let room = self.limit.saturating_sub(load.ms);
        let from = match self.tier.law.budget {
            None => from + turn.rest[from..].partition_point(|i| self.item(*i).ms > room),
            Some(_) => from,
        };
        for place in from..turn.rest.len() {
            let (ms, bytes) = turn.after[place];
            if load.ms + ms < turn.least.0 || load.kept() + bytes < turn.least.1 {
                return Some(false);
            }
            let item = turn.rest[place];
            // Of equal suites the first stands for all.
            if skipped.is_some_and(|skipped| self.item(skipped) == self.item(item)) {
                continue;
            }
            self.spend(1)?;
            if self.over(load, (None, Some(item))) != Over::default() {
                continue;
            }
            self.add(load, item, turn.shard);
            let answer = self.fill(turn, place + 1, load);
            if answer != Some(false) {
                return answer;
            }
            self.remove(load, item);
            skipped = Some(item);
        }
        if load.ms < turn.least.0 || load.kept() < turn.least.1 || self.is_dominated(turn, load)? {
            return Some(false);
        }
        let rest = turn.rest.iter().copied().filter(|i| self.assignment[*i as usize] == u32::MAX);
        let rest = rest.collect();
        self.place(turn.shard + 1, rest)
    }

    /// Whether a suite could be added, or one put in the place of a smaller one: what is possible with
    /// this shard is possible with that one too.
    fn is_dominated(&mut self, turn: &Turn, load: &Load) -> Option<bool> {
        let first = load.members.iter().copied().find(|i| !turn.rest.contains(i));
        for other in turn.rest.iter().copied().filter(|i| self.assignment[*i as usize] == u32::MAX) {
            self.looks = self.looks.checked_sub(1)?;
            if self.over(load, (None, Some(other))) == Over::default() {
                return Some(true);
            }
            for member in load.members.iter().copied().filter(|member| Some(*member) != first) {
                let (small, large) = (self.item(member), self.item(other));
                if small != large && is_at_most(small, large) {
                    self.looks = self.looks.checked_sub(1)?;
                    if self.over(load, (Some(member), Some(other))) == Over::default() {
                        return Some(true);
                    }
                }
            }
        }
        Some(false)
    }

    fn item(&self, i: u32) -> &Item {
        &self.tier.items[i as usize]
    }

    fn over(&self, load: &Load, change: (Option<u32>, Option<u32>)) -> Over {
        self.tier.over(load, change, self.limit).0
    }

    fn add(&mut self, load: &mut Load, item: u32, shard: usize) {
        self.tier.apply(load, (None, Some(item)), Over::default());
        self.assignment[item as usize] = shard as u32;
    }

    fn remove(&mut self, load: &mut Load, item: u32) {
        self.tier.apply(load, (Some(item), None), Over::default());
        self.assignment[item as usize] = u32::MAX;
    }

    fn spend(&mut self, looks: usize) -> Option<()> {
        self.looks = self.looks.checked_sub(looks as u64)?;
        Some(())
    }
}

/// Bytes that stay.
fn kept(item: &Item) -> u64 {
    item.import + item.retained
}

/// Whether no figure of `small` is above that of `large`.
fn is_at_most(small: &Item, large: &Item) -> bool {
    small.ms <= large.ms
        && small.import <= large.import
        && small.retained <= large.retained
        && small.transient <= large.transient
}
