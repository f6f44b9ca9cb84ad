//! First plans: suites sorted, each placed where it does least harm.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use super::homes::NOWHERE;
use super::law::Item;
use super::load::{Load, Tier};

/// What a rule of placement looks at, in suites and in shards.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Measure {
    /// Longest first into the shortest shard (Graham 1969), the classic.
    Time,
    /// Heaviest first into the lightest shard: finds room where memory is tight.
    Memory,
    /// By the larger share of either limit.
    Either,
}

impl Measure {
    pub(super) const ALL: [Measure; 3] = [Measure::Time, Measure::Either, Measure::Memory];
}

/// Suites with large transients in as few shards as will hold them, since only the largest of a shard
/// count; then the others wherever the larger share of either limit stays smallest. `None` where that
/// is no use.
pub(super) fn grouped(tier: &Tier, shards: usize, limit: u64) -> Option<Vec<u32>> {
    /// Percent of a shard that suites with transients fill: the others even out the rest.
    const FILL: u128 = 85;
    let budget = tier.law.budget?;
    let room = budget.saturating_sub(tier.law.floor).max(1);
    let total: u64 = tier.items.iter().map(|item| item.ms).sum();
    let time = if limit == u64::MAX { total.div_ceil(shards as u64) } else { limit }.max(1);
    let (mut loose, mut plain): (Vec<u32>, Vec<u32>) =
        (0..tier.items.len() as u32).partition(|i| tier.items[*i as usize].transient > 0);
    if loose.is_empty() {
        return None;
    }
    let item = |i: u32| &tier.items[i as usize];
    loose.sort_by_key(|i| (Reverse(item(*i).transient), *i));
    let share = |part: u64, whole: u64| u128::from(part) * 1_000_000 / u128::from(whole.max(1));
    let mut loads = vec![Load::default(); shards];
    let mut largest = vec![0; shards];
    let mut assignment = vec![0; tier.items.len()];
    let mut shard = 0;
    for i in loose {
        let full = |shard: usize| {
            let left = room.saturating_sub(largest[shard]);
            let (ms, kept) = (loads[shard].ms + item(i).ms, loads[shard].kept() + weight(item(i)));
            share(ms, time).max(share(kept, left)) > FILL * 10_000
        };
        while !loads[shard].members.is_empty() && full(shard) {
            shard += 1;
            if shard == shards {
                return None;
            }
        }
        largest[shard] = largest[shard].max(item(i).transient);
        tier.apply(&mut loads[shard], (None, Some(i)), Default::default());
        assignment[i as usize] = shard as u32;
    }
    plain.sort_by_cached_key(|i| (Reverse(share(item(*i).ms, time).max(share(weight(item(*i)), room))), *i));
    let fullness = |load: &Load, largest: u64| {
        share(load.ms, time).max(share(load.kept(), room.saturating_sub(largest)))
    };
    let mut queue: BTreeSet<(u128, usize)> =
        (0..shards).map(|shard| (fullness(&loads[shard], largest[shard]), shard)).collect();
    for i in plain {
        let Some((_, shard)) = queue.pop_first() else { break };
        tier.apply(&mut loads[shard], (None, Some(i)), Default::default());
        queue.insert((fullness(&loads[shard], largest[shard]), shard));
        assignment[i as usize] = shard as u32;
    }
    Some(assignment)
}

/// Shares of the limits in millionths, so that times and bytes compare.
struct Scale {
    limit: u64,
    room: u64,
}

impl Scale {
    fn new(tier: &Tier, limit: u64, shards: usize) -> Scale {
        let total: u64 = tier.items.iter().map(|item| item.ms).sum();
        let limit = if limit == u64::MAX { total.div_ceil(shards.max(1) as u64) } else { limit };
        let sessions = if tier.law.splits() { tier.law.sessions as u64 } else { 1 };
        let room = tier.law.budget.map_or(u64::MAX, |budget| budget.saturating_sub(tier.law.floor));
        let room = room.saturating_mul(sessions);
        Scale { limit: limit.max(1), room: room.max(1) }
    }

    fn of(&self, measure: Measure, ms: u64, bytes: u64) -> u64 {
        let share = |part: u64, whole: u64| {
            u64::try_from(u128::from(part) * 1_000_000 / u128::from(whole)).unwrap_or(u64::MAX)
        };
        match measure {
            Measure::Time => ms,
            Measure::Memory => bytes,
            Measure::Either => share(ms, self.limit).max(share(bytes, self.room)),
        }
    }
}

/// What a suite takes for good; its transient only counts where it is the largest.
fn weight(item: &Item) -> u64 {
    item.import + item.retained
}

fn sorted(tier: &Tier, scale: &Scale, measure: Measure) -> Vec<u32> {
    let mut order: Vec<u32> = (0..tier.items.len() as u32).collect();
    order.sort_by_cached_key(|i| {
        let item = &tier.items[*i as usize];
        let bytes = if measure == Measure::Either { item.own() } else { weight(item) };
        Reverse(scale.of(measure, item.ms, bytes))
    });
    order
}

/// Every suite in one of `shards` shards, within the budget where the rule finds room. Above it, in
/// the shard that is least above, where not: the search repairs that.
pub(super) fn into_shards(tier: &Tier, shards: usize, limit: u64, measure: Measure) -> Vec<u32> {
    let scale = Scale::new(tier, limit, shards);
    let mut loads = vec![Load::default(); shards];
    let mut assignment = vec![0; tier.items.len()];
    let mut queue: BTreeSet<(u64, usize)> = (0..shards).map(|shard| (0, shard)).collect();
    for item in sorted(tier, &scale, measure) {
        let change = (None, Some(item));
        let fits = |shard: usize| tier.over(&loads[shard], change, u64::MAX).0.bytes == 0;
        let roomy = queue.iter().map(|(_, shard)| *shard).find(|shard| fits(*shard));
        let shard = roomy
            .or_else(|| (0..shards).min_by_key(|shard| tier.over(&loads[*shard], change, u64::MAX).0.bytes));
        let shard = shard.unwrap_or(0);
        let load = &mut loads[shard];
        queue.remove(&(scale.of(measure, load.ms, load.retained), shard));
        tier.apply(load, change, load.over);
        if !tier.is_full(load, u64::MAX) {
            queue.insert((scale.of(measure, load.ms, load.retained), shard));
        }
        assignment[item as usize] = shard as u32;
    }
    assignment
}

/// Shards that are looked at for a suite that is new.
const NEAR: usize = 64;

/// Every suite where `homes` expects it, the others one by one where there is most time left, the
/// longest first. May be above the limits.
pub(super) fn around(tier: &Tier, shards: usize, limit: u64, homes: &[u32]) -> Vec<u32> {
    let mut assignment = homes.to_vec();
    let known = |item: &u32| homes[*item as usize] != NOWHERE;
    let (known, new): (Vec<u32>, Vec<u32>) = (0..homes.len() as u32).partition(known);
    let mut loads = vec![Load::default(); shards];
    for item in known {
        tier.apply(&mut loads[homes[item as usize] as usize], (None, Some(item)), Default::default());
    }
    let mut queue: BTreeSet<(u64, usize)> = (0..shards).map(|shard| (loads[shard].ms, shard)).collect();
    for item in new {
        let change = (None, Some(item));
        let harm = |shard: &usize| {
            let (over, _) = tier.over(&loads[*shard], change, limit);
            (over.bytes, over.ms)
        };
        // Where none of the shortest has room, the search mends what is wrong.
        let near = || queue.iter().take(NEAR).map(|(_, shard)| *shard);
        let shard = near().find(|shard| harm(shard) == (0, 0)).or_else(|| near().min_by_key(harm));
        let shard = shard.unwrap_or(0);
        queue.remove(&(loads[shard].ms, shard));
        tier.apply(&mut loads[shard], change, Default::default());
        queue.insert((loads[shard].ms, shard));
        assignment[item as usize] = shard as u32;
    }
    assignment
}

/// As few shards as first fit finds when it takes suites in the order of the measure, none above
/// its limits. Every suite must fit a shard of its own.
pub(super) fn first_fit(tier: &Tier, limit: u64, measure: Measure) -> (usize, Vec<u32>) {
    let scale = Scale::new(tier, limit, 1);
    let mut loads: Vec<Load> = Vec::new();
    let mut assignment = vec![0; tier.items.len()];
    // Full shards are passed over: a million suites must not be a million squared.
    let mut open: Vec<usize> = Vec::new();
    for item in sorted(tier, &scale, measure) {
        let change = (None, Some(item));
        let found = open.iter().position(|shard| {
            let (over, _) = tier.over(&loads[*shard], change, limit);
            over.ms == 0 && over.bytes == 0
        });
        let place = found.unwrap_or_else(|| {
            loads.push(Load::default());
            open.push(loads.len() - 1);
            open.len() - 1
        });
        let shard = open[place];
        tier.apply(&mut loads[shard], change, Default::default());
        assignment[item as usize] = shard as u32;
        if tier.is_full(&loads[shard], limit) {
            open.remove(place);
        }
    }
    (loads.len(), assignment)
}
