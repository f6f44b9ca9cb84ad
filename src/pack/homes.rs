//! Where suites were: which shard of a plan continues which earlier one.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

/// A suite that nobody expects anywhere.
pub(super) const NOWHERE: u32 = u32::MAX;

/// Which earlier shard each shard continues: the largest common content first, then whatever
/// exchange of two names leaves more suites where they were.
pub(super) fn continued(shards: &[&[usize]], before: &[Option<usize>]) -> Vec<Option<usize>> {
    let mut common: BTreeMap<(usize, usize), usize> = BTreeMap::new();
    for (number, shard) in shards.iter().enumerate() {
        for home in shard.iter().filter_map(|item| before.get(*item).copied().flatten()) {
            *common.entry((number, home)).or_default() += 1;
        }
    }
    let mut pairs: Vec<(usize, usize, usize)> =
        common.iter().map(|((number, home), count)| (*count, *number, *home)).collect();
    pairs.sort_unstable_by_key(|(count, number, home)| (Reverse(*count), *home, *number));
    let mut homes: Vec<Option<usize>> = vec![None; shards.len()];
    let mut taken = BTreeSet::new();
    for (_, number, home) in pairs {
        if homes[number].is_none() && taken.insert(home) {
            homes[number] = Some(home);
        }
    }
    let of = |number: usize, home: Option<usize>| {
        home.and_then(|home| common.get(&(number, home)).copied()).unwrap_or(0)
    };
    // Greedy is at least half of the best; exchanges mend most of the rest.
    const SHARDS_MAX: usize = 2_000;
    let mut better = shards.len() <= SHARDS_MAX;
    while std::mem::take(&mut better) {
        for a in 0..homes.len() {
            for b in a + 1..homes.len() {
                let now = of(a, homes[a]) + of(b, homes[b]);
                if of(a, homes[b]) + of(b, homes[a]) > now {
                    homes.swap(a, b);
                    better = true;
                }
            }
        }
    }
    homes
}

/// For each item the shard, of `shards`, where it is expected; [`NOWHERE`] for new ones and for
/// those whose shard has no successor because it had the fewest suites. Also how many shards have a
/// predecessor.
pub(super) fn expected(before: &[Option<usize>], shards: usize) -> (Vec<u32>, usize) {
    let mut sizes: BTreeMap<usize, usize> = BTreeMap::new();
    for home in before.iter().flatten() {
        *sizes.entry(*home).or_default() += 1;
    }
    let mut order: Vec<(usize, usize)> = sizes.into_iter().collect();
    order.sort_by_key(|(home, size)| (Reverse(*size), *home));
    order.truncate(shards);
    let numbers: BTreeMap<usize, u32> =
        order.iter().enumerate().map(|(number, (home, _))| (*home, number as u32)).collect();
    let at = |home: &Option<usize>| home.and_then(|home| numbers.get(&home).copied()).unwrap_or(NOWHERE);
    (before.iter().map(at).collect(), numbers.len())
}

/// The same plan with its shards numbered so that most suites are where they are expected. `None`
/// where it has more than `shards` shards.
pub(super) fn renamed(assignment: &[u32], homes: &[u32], shards: usize) -> Option<Vec<u32>> {
    let mut members: BTreeMap<u32, Vec<usize>> = BTreeMap::new();
    for (item, shard) in assignment.iter().enumerate() {
        members.entry(*shard).or_default().push(item);
    }
    if members.len() > shards {
        return None;
    }
    let lists: Vec<&[usize]> = members.values().map(Vec::as_slice).collect();
    let homes: Vec<Option<usize>> =
        homes.iter().map(|home| (*home != NOWHERE).then_some(*home as usize)).collect();
    let names = continued(&lists, &homes);
    let taken: BTreeSet<usize> = names.iter().flatten().copied().collect();
    let mut free = (0..shards).filter(|number| !taken.contains(number));
    let mut renamed = vec![0; assignment.len()];
    for (list, name) in lists.iter().zip(names) {
        let name = name.or_else(|| free.next())?;
        list.iter().for_each(|item| renamed[*item] = name as u32);
    }
    Some(renamed)
}
