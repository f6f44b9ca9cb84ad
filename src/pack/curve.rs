//! How many shards pay: plans for a range of numbers, and the one that costs least.

use std::collections::{BTreeMap, BTreeSet};

use rayon::prelude::*;

use super::part::Part;
use super::share::{level, makespan_bound, shorten};
use super::tier::Packed;
use super::{By, Effort, Point, Problem, Worth};

/// Most numbers of shards that are tried.
const TRIES_MAX: usize = 48;
/// Numbers that are tried side by side: fixed, so that the answer does not depend on threads.
const AT_ONCE: usize = 4;
/// Numbers that must cost so many times what the fewest shards cost are not even shown.
const WORSE_MAX: u128 = 3;
const MINUTE: u128 = 60_000;

/// The number of shards that costs least.
pub(super) struct Chosen {
    pub(super) packed: Vec<Packed>,
    pub(super) shards: usize,
    /// Every number that was tried, ascending.
    pub(super) curve: Vec<Point>,
    /// The least cost that was found, perhaps with another number of shards.
    pub(super) least: u128,
    /// Whether no plan costs less.
    pub(super) proven: bool,
}

/// A plan and what it costs.
struct Tried {
    packed: Vec<Packed>,
    point: Point,
}

/// Tries numbers of shards from the fewest upwards. `few` is a plan with the fewest that were found,
/// `before` the number that a previous plan has: it stays as long as it costs little more.
pub(super) fn cheapest(
    problem: &Problem,
    worth: &Worth,
    parts: &[Part<'_>],
    few: &[Packed],
    before: usize,
) -> Chosen {
    let counts = || parts.iter().zip(few).map(|(part, packed)| part.count(packed));
    let least: usize = counts().map(|count| count.found).sum();
    let most = parts.iter().zip(counts()).map(|(part, count)| match part.problem.target {
        Some(_) => count.found,
        None => part.problem.shards.unwrap_or(usize::MAX).min(part.problem.items.len()),
    });
    let most = most.sum::<usize>().max(least);
    let attempt = |total: usize, effort: Effort| {
        let packed = shorten(parts, few, Some(total), effort);
        let plain = Tried { point: worth.point(parts, &packed), packed };
        let mut packed = plain.packed.clone();
        level(parts, &mut packed, None, effort);
        let levelled = Tried { point: worth.point(parts, &packed), packed };
        // Started minutes may make a level plan dearer, or cheaper.
        if levelled.point.shards == plain.point.shards && levelled.point.cost <= plain.point.cost {
            levelled
        } else {
            plain
        }
    };
    let all = |totals: Vec<usize>| -> Vec<(usize, Tried)> {
        totals.into_par_iter().map(|total| (total, attempt(total, Effort::Quick))).collect()
    };
    // A ladder first; what lies between its rungs only as far as it could cost less.
    let floor = Floor::new(parts, worth);
    let mut tried: BTreeMap<usize, Tried> = all(vec![least]).into_iter().collect();
    let enough = least_cost(&tried).cost.saturating_mul(WORSE_MAX);
    let mut rungs = ladder(least + 1, most, |total| floor.cost(total, 0) <= enough);
    rungs.sort_by_key(|total| (floor.cost(*total, 0), *total));
    let mut passed_over = 0;
    for next in rungs.chunks(if worth.cheapest_only { AT_ONCE } else { TRIES_MAX }) {
        let best = least_cost(&tried).cost;
        let worthwhile = |total: &usize| !worth.cheapest_only || floor.cost(*total, 0) <= best;
        let (next, rest): (Vec<usize>, Vec<usize>) = next.iter().partition(|total| worthwhile(total));
        passed_over += rest.len();
        tried.extend(all(next));
    }
    let tries_max = TRIES_MAX - passed_over;
    let also = worth.also.iter().copied().chain([before]).filter(|total| (least..=most).contains(total));
    let also: BTreeSet<usize> = also.filter(|total| !tried.contains_key(total)).take(TRIES_MAX / 4).collect();
    tried.extend(all(also.into_iter().collect()));
    let mut best = least_cost(&tried);
    while tried.len() < tries_max {
        let near = best.shards.saturating_sub(TRIES_MAX).max(least)..=(best.shards + TRIES_MAX).min(most);
        let open = near.filter(|total| !tried.contains_key(total));
        let promising = open.map(|total| (floor.cost(total, 0), total.abs_diff(best.shards), total));
        let mut next: Vec<_> = promising.filter(|(cost, ..)| *cost < best.cost).collect();
        next.sort_unstable();
        next.truncate(AT_ONCE.min(tries_max - tried.len()));
        if next.is_empty() {
            break;
        }
        tried.extend(all(next.into_iter().map(|(.., total)| total).collect()));
        best = least_cost(&tried);
    }
    let mut lowest = best.cost;
    if let Some(old) = tried.get(&before)
        && old.point.cost <= problem.above(best.cost)
    {
        best = Best { shards: before, cost: old.point.cost };
    }
    if problem.effort != Effort::Quick {
        let better = attempt(best.shards, problem.effort);
        if better.point.cost <= best.cost {
            best.cost = better.point.cost;
            lowest = lowest.min(best.cost);
            tried.insert(best.shards, better);
        }
    }
    let bound = |total: usize| match tried.get(&total) {
        Some(plan) if total == best.shards => {
            floor.cost(total, makespan_bound(parts, &plan.packed, Some(total)))
        }
        _ => floor.cost(total, 0),
    };
    // A tier with a target has the fewest shards for that, whatever more would be worth.
    let free = parts.iter().all(|part| part.problem.target.is_none() || part.problem.items.is_empty());
    let proven = free
        && counts().all(|count| count.bound == count.found)
        && (least..=most).all(|total| bound(total) >= best.cost);
    // Asked for more shards than pay in time, a plan leaves some empty: one point for each number in use.
    let mut curve: BTreeMap<usize, Point> = BTreeMap::new();
    for Tried { point, .. } in tried.values().chain(tried.get(&best.shards)) {
        curve.insert(point.shards, point.clone());
    }
    let curve = curve.into_values().collect();
    let packed = tried.remove(&best.shards).map_or_else(|| few.to_vec(), |tried| tried.packed);
    Chosen { packed, shards: best.shards, curve, least: lowest, proven }
}

struct Best {
    shards: usize,
    cost: u128,
}

/// The least cost; among equals the fewest shards.
fn least_cost(tried: &BTreeMap<usize, Tried>) -> Best {
    let all = tried.iter().map(|(total, tried)| (tried.point.cost, *total));
    all.min().map_or(Best { shards: 0, cost: 0 }, |(cost, shards)| Best { shards, cost })
}

/// Numbers from `least` to `most`, as far as they are worth a try: close together at first, then ever
/// farther apart.
fn ladder(least: usize, most: usize, worth: impl Fn(usize) -> bool) -> Vec<usize> {
    let mut rungs = Vec::new();
    let mut next = least;
    while next <= most && worth(next) && rungs.len() < TRIES_MAX / 2 {
        rungs.push(next);
        next += (next / 3).max(1);
    }
    rungs
}

/// Milliseconds until shards of these times are all done, `at_once` side by side (`None`: all), each as soon as one
/// before it is: the longest first.
#[must_use]
pub fn wall(longest_first: &[u64], at_once: Option<usize>) -> u64 {
    match at_once {
        Some(slots) if slots < longest_first.len() => {
            super::law::schedule(slots.max(1), longest_first.iter().copied())
        }
        _ => longest_first.first().copied().unwrap_or(0),
    }
}

impl Worth {
    pub(super) fn point(&self, parts: &[Part<'_>], packed: &[Packed]) -> Point {
        let (mut times, mut price, mut peak) = (Vec::new(), 0u128, 0);
        for (tier, (part, packed)) in parts.iter().zip(packed).enumerate() {
            let law = &part.problem.law;
            let alone = part.alone.iter().map(std::slice::from_ref);
            for shard in packed.shards.iter().map(Vec::as_slice).chain(alone) {
                let need = law.need(&part.problem.items, shard);
                let ms = need.ms + law.overhead();
                times.push(ms);
                peak = peak.max(need.bytes);
                price += self.billed(ms, self.rate(tier, need.bytes));
            }
        }
        times.sort_unstable_by(|a, b| b.cmp(a));
        let wall = wall(&times, self.at_once);
        let price = matches!(self.by, By::Price { .. }).then_some(price);
        Point {
            shards: times.len(),
            longest: times.first().copied().unwrap_or(0),
            wall,
            machine: times.iter().sum(),
            peak,
            price,
            cost: self.cost(times.len(), u128::from(wall), price.unwrap_or(0) * MINUTE),
        }
    }

    /// In milliseconds, or in millionths of the price's unit × milliseconds of a minute, so that
    /// nothing is rounded.
    fn cost(&self, shards: usize, wall: u128, price: u128) -> u128 {
        match &self.by {
            By::Time { overhead } => wall + shards as u128 * u128::from(*overhead),
            By::Price { minute_value, .. } => price + wall * u128::from(*minute_value),
        }
    }

    /// Started minutes are paid in full.
    fn billed(&self, ms: u64, rate: u64) -> u128 {
        u128::from(ms).div_ceil(MINUTE) * u128::from(rate)
    }

    /// A minute's price of the cheapest machine that holds `bytes`; of the tier's own where none does.
    fn rate(&self, tier: usize, bytes: u64) -> u64 {
        let By::Price { kinds, .. } = &self.by else { return 0 };
        let own = kinds.get(tier).and_then(|kinds| kinds.first()).map_or(0, |(_, rate)| *rate);
        let holding = kinds.get(tier).into_iter().flatten().filter(|(budget, _)| *budget >= bytes);
        holding.map(|(_, rate)| *rate).min().unwrap_or(own)
    }
}

/// What no plan can cost less than, by simple sums.
struct Floor<'a> {
    worth: &'a Worth,
    /// Milliseconds of all suites, workers side by side.
    work: u128,
    /// The longest suite alone, with overhead.
    longest: u64,
    /// The least overhead of a shard.
    overhead: u64,
    /// The suites' minutes by their prices, and the least that a shard adds.
    price: u128,
    rate: u128,
    per_shard: u128,
}

impl Floor<'_> {
    fn new<'a>(parts: &[Part<'_>], worth: &'a Worth) -> Floor<'a> {
        let used = || parts.iter().enumerate().filter(|(_, part)| !part.problem.items.is_empty());
        let work = |part: &Part<'_>| {
            let sum: u128 = part.problem.items.iter().map(|item| u128::from(item.ms)).sum();
            sum / part.problem.law.workers as u128
        };
        // No shard is cheaper than on the cheapest machine of all.
        let rate = |tier: usize| u128::from(worth.rate(tier, 0));
        let longest = |part: &Part<'_>| {
            let alone = |item: usize| part.problem.law.need(&part.problem.items, &[item]).ms;
            (0..part.problem.items.len()).map(alone).max().unwrap_or(0) + part.problem.law.overhead()
        };
        Floor {
            worth,
            work: used().map(|(_, part)| work(part)).sum(),
            longest: used().map(|(_, part)| longest(part)).max().unwrap_or(0),
            overhead: used().map(|(_, part)| part.problem.law.overhead()).min().unwrap_or(0),
            price: used().map(|(tier, part)| work(part) * rate(tier)).sum(),
            rate: used().map(|(tier, _)| rate(tier)).min().unwrap_or(0),
            per_shard: used()
                .map(|(tier, part)| u128::from(part.problem.law.overhead()) * rate(tier))
                .min()
                .unwrap_or(0),
        }
    }

    /// With exactly `shards` shards, of which the longest takes at least `longest` milliseconds.
    fn cost(&self, shards: usize, longest: u64) -> u128 {
        let machine = self.work + shards as u128 * u128::from(self.overhead);
        let at_once = self.worth.at_once.map_or(shards, |slots| slots.min(shards)).max(1);
        let wall = (machine / at_once as u128).max(u128::from(self.longest.max(longest)));
        let price = (self.price + shards as u128 * self.per_shard).max(shards as u128 * self.rate * MINUTE);
        self.worth.cost(shards, wall, price)
    }
}
