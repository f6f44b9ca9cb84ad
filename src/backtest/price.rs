//! What a planned shard would really have held: the law of its tier, with what the run measured.

use std::cmp::Reverse;

use crate::config::{MemoryKind, Order};
use crate::model::Bytes;
use crate::plan::{file, law};

/// What one run measured of one suite. Memory is also given back, so that figures may be negative.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Real {
    /// Milliseconds; `None` where it was killed.
    pub(super) ms: Option<u64>,
    pub(super) import: i64,
    /// Of that what it pays whoever else is there; the rest another might have paid.
    pub(super) own_import: i64,
    pub(super) retained: i64,
    pub(super) transient: u64,
}

impl Real {
    /// Bytes in a process of its own.
    pub(super) fn own(&self) -> i128 {
        i128::from(self.import) + i128::from(self.retained) + i128::from(self.transient)
    }
}

/// What holds of every session of a tier in that run.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ground<'a> {
    /// The tier as it was planned.
    pub(super) tier: &'a file::Tier,
    /// Bytes of a session before any suite.
    pub(super) floor: Bytes,
    /// Most that a worker paid for imports.
    pub(super) import_cap: Option<Bytes>,
    /// Most that a session paid besides what was its suites' own.
    pub(super) shared: i64,
}

/// Bytes that a session really held at its peak. Suites are in the order in which they were planned to run;
/// a runner that keeps the order does so whatever they turn out to need.
pub(super) fn peak(ground: Ground<'_>, suites: &[(&file::Suite, Real)]) -> Bytes {
    let tier = ground.tier;
    let workers = tier.workers.max(1);
    let sum =
        |figure: fn(&Real) -> i64| suites.iter().map(|(_, real)| i128::from(figure(real))).sum::<i128>();
    let transients = || suites.iter().map(|(_, real)| i128::from(real.transient)).collect();
    let cap = ground.import_cap.map_or(i128::MAX, |cap| i128::from(cap.0));
    let once = i128::from(ground.shared) + sum(|real| real.own_import);
    let (imports, retained) = (sum(|real| real.import).min(once).min(cap), sum(|real| real.retained));
    let above = if tier.memory == MemoryKind::Isolated {
        match tier.each {
            true => side_by_side(ground, suites),
            false => largest(suites.iter().map(|(_, real)| real.own()).collect(), workers),
        }
    } else if tier.spread {
        i128::from(workers) * (imports + retained + largest(transients(), 1))
    } else if workers > 1 || tier.order == Order::Any {
        i128::from(workers) * imports + retained + largest(transients(), workers)
    } else {
        let mut level = imports;
        let levels = suites.iter().map(|(_, real)| {
            level += i128::from(real.retained);
            level + i128::from(real.transient)
        });
        levels.max().unwrap_or(0)
    };
    Bytes(u64::try_from(i128::from(ground.floor.0) + above.max(0)).unwrap_or(u64::MAX))
}

fn largest(mut values: Vec<i128>, count: u32) -> i128 {
    values.sort_unstable_by_key(|value| Reverse(*value));
    values.iter().take(count as usize).map(|value| (*value).max(0)).sum()
}

/// Most that suites held that ran at once: they are started by what was said of them, and end when they
/// really end.
fn side_by_side(ground: Ground<'_>, suites: &[(&file::Suite, Real)]) -> i128 {
    let planned: Vec<&file::Suite> = suites.iter().map(|(suite, _)| *suite).collect();
    let took = |place: usize| u128::from(suites[place].1.ms.unwrap_or(planned[place].ms.0).max(1));
    let mut peak = 0;
    law::side_by_side(ground.tier, ground.tier.budget_bytes, &planned, took, |running| {
        peak = peak.max(running.iter().map(|place| suites[*place].1.own().max(0)).sum());
    });
    peak
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Plan;

    const MB: i64 = 1_000_000;

    /// Suites in this order, in MB: import, retained, transient; all said to need 100 MB and a second each.
    fn check(change: impl Fn(&mut file::Tier), suites: &[(i64, i64, u64)], cap: Option<u64>, expect: u64) {
        let plan = Plan::from_bytes(include_bytes!("../../testdata/plans/two-shards.json")).unwrap();
        let mut tier = plan.tiers[0].clone();
        (tier.workers, tier.memory, tier.order) = (1, MemoryKind::Accumulates, Order::Kept);
        (tier.spread, tier.each, tier.floor_bytes, tier.budget_bytes) = (false, false, Bytes(0), None);
        change(&mut tier);
        let said = |number: usize| file::Suite {
            id: number.to_string(),
            ms: crate::model::Millis(1_000),
            import_bytes: Bytes(0),
            retained_bytes: Bytes(0),
            transient_bytes: Bytes(100_000_000),
            cpus: 1,
            exclusive: false,
            ..plan.shards[0].sessions[0].suites[0].clone()
        };
        let planned: Vec<file::Suite> = (0..suites.len()).map(said).collect();
        let real = |(import, retained, transient): (i64, i64, u64)| Real {
            ms: Some(1_000),
            import: import * MB,
            own_import: import.min(2) * MB,
            retained: retained * MB,
            transient: transient * MB as u64,
        };
        let suites: Vec<_> = planned.iter().zip(suites).map(|(said, seen)| (said, real(*seen))).collect();
        let cap = cap.map(|cap| Bytes(cap * MB as u64));
        let ground = Ground { tier: &tier, floor: Bytes(10_000_000), import_cap: cap, shared: 9 * MB };
        assert_eq!(peak(ground, &suites).0, expect * MB as u64, "{tier:?}");
    }

    #[test]
    fn every_law_is_kept() {
        let three = [(5, 20, 30), (5, -10, 70), (5, 40, 0)];
        // After the second: 15 of imports, 20 - 10 retained, 70 of its own.
        check(|_| {}, &three, None, 10 + 15 + 10 + 70);
        check(|_| {}, &three, Some(7), 10 + 7 + 10 + 70);
        // Twice 30, of which 28 are shared, and not more than 9 of that were paid at once.
        check(|_| {}, &[(30, 0, 0), (30, 0, 0)], None, 10 + 9 + 2 + 2);
        check(|tier| tier.order = Order::Any, &three, None, 10 + 15 + 50 + 70);
        check(|tier| tier.workers = 2, &three, None, 10 + 30 + 50 + 100);
        check(|tier| (tier.workers, tier.spread) = (2, true), &three, None, 10 + 2 * (15 + 50 + 70));
        check(|tier| tier.memory = MemoryKind::Isolated, &three, None, 10 + 65);
        check(|tier| (tier.memory, tier.workers) = (MemoryKind::Isolated, 2), &three, None, 10 + 65 + 55);
        check(|_| {}, &[(-50, -9, 0)], None, 10);
    }

    #[test]
    fn what_runs_side_by_side_is_decided_by_what_was_said() {
        let each = |budget: Option<u64>| {
            move |tier: &mut file::Tier| {
                (tier.memory, tier.each, tier.workers, tier.cpus) = (MemoryKind::Isolated, true, 2, 4);
                tier.budget_bytes = budget.map(|budget| Bytes(budget * MB as u64));
            }
        };
        let three = [(0, 0, 150), (0, 0, 130), (0, 0, 170)];
        check(each(None), &three, None, 10 + 150 + 130);
        check(each(Some(199)), &three, None, 10 + 170);
        check(each(Some(200)), &three, None, 10 + 150 + 130);
    }
}
