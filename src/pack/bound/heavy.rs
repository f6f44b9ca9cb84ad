//! Time beside suites that take most of the memory.
//!
//! No two suites that each keep more than half of what a shard may use share one. Beside such a suite a
//! shard runs no more time than the best of the others that its memory is left for, even if they could be
//! cut; where that is less than a shard could run, more shards are needed than time alone asks for.

use super::super::law::{Item, Law};
use super::kept;

/// The heavy suites of a tier, each with the most time that a shard with it can run.
pub(super) struct Heavy {
    /// Milliseconds of all workers, ascending.
    caps: Vec<u128>,
    sums: Vec<u128>,
}

impl Heavy {
    pub(super) fn new(law: &Law, items: &[Item]) -> Heavy {
        let none = Heavy { caps: Vec::new(), sums: vec![0] };
        let Some(room) = law.budget.map(|budget| budget.saturating_sub(law.floor)) else { return none };
        let Some(kept) = items.iter().map(|item| kept(law, item)).collect::<Option<Vec<u64>>>() else {
            return none;
        };
        // Whatever runs last needs its transient on top of all that is kept.
        let least = items.iter().map(|item| item.transient).min().unwrap_or(0);
        let room = room.saturating_sub(least);
        let (heavy, light): (Vec<usize>, Vec<usize>) = (0..items.len()).partition(|i| kept[*i] > room / 2);
        if heavy.is_empty() {
            return none;
        }
        // The most time for its memory first.
        let mut order: Vec<usize> = light;
        order.sort_by(|a, b| {
            let worth = |i: usize, other: usize| u128::from(items[i].ms) * u128::from(kept[other]);
            let free = |i: usize| kept[i] > 0;
            free(*a).cmp(&free(*b)).then_with(|| worth(*b, *a).cmp(&worth(*a, *b))).then(a.cmp(b))
        });
        let (mut bytes, mut times) = (vec![0u128], vec![0u128]);
        for i in &order {
            bytes.push(bytes[bytes.len() - 1] + u128::from(kept[*i]));
            times.push(times[times.len() - 1] + u128::from(items[*i].ms));
        }
        let beside = |room: u64| {
            let whole = bytes.partition_point(|sum| *sum <= u128::from(room)) - 1;
            let part = order.get(whole).map_or(0, |i| {
                let left = u128::from(room) - bytes[whole];
                (u128::from(items[*i].ms) * left).div_ceil(u128::from(kept[*i].max(1)))
            });
            times[whole] + part
        };
        let mut caps: Vec<u128> =
            heavy.iter().map(|i| u128::from(items[*i].ms) + beside(room.saturating_sub(kept[*i]))).collect();
        caps.sort_unstable();
        let mut sums = vec![0];
        for cap in &caps {
            sums.push(sums[sums.len() - 1] + cap);
        }
        Heavy { caps, sums }
    }

    /// Shards that are needed for `total` milliseconds if each can run `most` with all its workers.
    pub(super) fn shards(&self, most: u64, total: u128) -> usize {
        if self.caps.is_empty() || most == 0 {
            return 0;
        }
        let most = u128::from(most);
        let short = self.caps.partition_point(|cap| *cap < most);
        let with_heavy = self.sums[short] + (self.caps.len() - short) as u128 * most;
        let more = total.saturating_sub(with_heavy).div_ceil(most);
        self.caps.len().saturating_add(usize::try_from(more).unwrap_or(usize::MAX))
    }
}
