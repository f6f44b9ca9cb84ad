//! What people use today, on the same problems.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use crate::problems::{Goal, Item, Problem};

/// A plan that knows no budget, or no better than first fit.
#[derive(Clone, Copy)]
pub(crate) struct Today {
    /// What was made as small as possible.
    pub(crate) value: u64,
    /// Shards above the budget.
    pub(crate) over: usize,
}

#[derive(Clone, Copy, Default)]
struct Load {
    ms: u64,
    retained: u64,
    transient: u64,
}

impl Load {
    fn with(self, item: &Item) -> Load {
        Load {
            ms: self.ms + item.ms,
            retained: self.retained + item.retained,
            transient: self.transient.max(item.transient),
        }
    }

    fn fits(self, problem: &Problem) -> bool {
        problem.budget.is_none_or(|budget| problem.floor + self.retained + self.transient <= budget)
    }
}

pub(crate) fn today(problem: &Problem) -> Today {
    let mut order: Vec<&Item> = problem.items.iter().collect();
    order.sort_by_key(|item| Reverse(item.ms));
    match problem.goal {
        Goal::Shards(shards) => longest_first(problem, &order, shards),
        Goal::Target(target) => first_fit(problem, &order, target),
    }
}

/// Each into the shortest shard (Graham 1969).
fn longest_first(problem: &Problem, order: &[&Item], shards: usize) -> Today {
    let mut loads = vec![Load::default(); shards];
    let mut queue: BTreeSet<(u64, usize)> = (0..shards).map(|shard| (0, shard)).collect();
    for item in order {
        let (_, shard) = queue.pop_first().unwrap();
        loads[shard] = loads[shard].with(item);
        queue.insert((loads[shard].ms, shard));
    }
    Today {
        value: loads.iter().map(|load| load.ms).max().unwrap_or(0),
        over: loads.iter().filter(|load| !load.fits(problem)).count(),
    }
}

/// Each into the first shard with room for it.
fn first_fit(problem: &Problem, order: &[&Item], target: u64) -> Today {
    let mut loads: Vec<Load> = Vec::new();
    for item in order {
        let fits = |load: &Load| load.with(item).ms <= target && load.with(item).fits(problem);
        match loads.iter().position(fits) {
            Some(shard) => loads[shard] = loads[shard].with(item),
            None => loads.push(Load::default().with(item)),
        }
    }
    Today { value: loads.len() as u64, over: 0 }
}

/// pytest-split's default: chunks of the list, each until it reaches the mean. `None` where the fewest shards
/// are wanted.
pub(crate) fn chunks(problem: &Problem) -> Option<u64> {
    let Goal::Shards(count) = problem.goal else { return None };
    let total: u64 = problem.items.iter().map(|item| item.ms).sum();
    let mut sums = vec![0u64];
    for item in &problem.items {
        if sums[sums.len() - 1] * count as u64 >= total && sums.len() < count {
            sums.push(0);
        }
        *sums.last_mut().unwrap() += item.ms;
    }
    sums.into_iter().max()
}
