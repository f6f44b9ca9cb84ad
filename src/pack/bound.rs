//! What no plan can beat: lower bounds on the number of shards, valid for every kind of session.
//!
//! Bounds for one size (time, memory), the time that is left beside suites that take most of the memory,
//! and sets of suites no two of which fit one shard. A bound on the longest shard follows: the least
//! limit under which the bound on the number of shards allows the plan.

mod heavy;
mod sizes;

use super::law::{Item, Kind, Law};
use heavy::Heavy;
pub(super) use sizes::Sizes;

/// Suites that are looked at for a set no two of which fit together.
const CLIQUE_MAX: usize = 500;

/// The suites of a tier, prepared for bounds under many limits.
pub(super) struct Bounds {
    law: Law,
    items: Vec<Item>,
    /// Descending times and what remains in memory, with their sums.
    times: Sizes,
    memory: usize,
    heavy: Heavy,
    apart: usize,
}

impl Bounds {
    /// `apart` suites must be in so many shards.
    pub(super) fn new(law: Law, items: Vec<Item>, apart: usize) -> Bounds {
        let times = Sizes::new(items.iter().map(|item| item.ms).collect());
        let (memory, heavy) = (memory(&law, &items), Heavy::new(&law, &items));
        Bounds { law, items, times, memory, heavy, apart }
    }

    /// No plan with every shard within `limit` milliseconds (overhead included; `None`: any) has
    /// fewer shards.
    pub(super) fn shards(&self, limit: Option<u64>) -> usize {
        if self.items.is_empty() {
            return 0;
        }
        // As many sessions as memory asks for are shared out among the shards.
        let per_shard = if self.law.splits() { self.law.sessions } else { 1 };
        let sessions = self.memory.max(clique(&self.law, &self.items, u64::MAX)).max(1);
        let least = sessions.div_ceil(per_shard).max(self.apart);
        let Some(limit) = limit else { return least };
        let room = limit.saturating_sub(self.law.overhead());
        if self.times.values.first().is_some_and(|longest| *longest > room) {
            return usize::MAX;
        }
        let workers = self.law.workers;
        let time = match self.law.kind {
            Kind::Spread => self.times.bins(room.saturating_mul(workers as u64)),
            _ => self.times.within(room).div_ceil(workers),
        };
        if self.law.splits() {
            // Every session has its start, and a shard its set-up.
            let starts = u128::from(self.law.session_start) * sessions as u128;
            let work = self.times.total() / workers as u128 + starts;
            let each = u128::from(limit.saturating_sub(self.law.setup).max(1));
            return least.max(time).max(usize::try_from(work.div_ceil(each)).unwrap_or(usize::MAX));
        }
        let beside = self.heavy.shards(room.saturating_mul(workers as u64), self.times.total());
        least.max(time).max(beside).max(self.cpus(room)).max(clique(&self.law, &self.items, room))
    }

    /// The longest suite in milliseconds.
    pub(super) fn longest(&self) -> u64 {
        self.times.values.first().copied().unwrap_or(0)
    }

    /// The least limit (overhead included) that the sum of times and the longest of them allow
    /// `shards` shards: quick, and mostly near.
    pub(super) fn area(&self, shards: usize) -> u64 {
        let machines = (shards.max(1) * self.law.workers) as u128;
        let share = u64::try_from(self.times.total().div_ceil(machines)).unwrap_or(u64::MAX);
        share.max(self.longest()).saturating_add(self.law.overhead())
    }

    /// CPUs are shared out too where `each` starts the suites.
    fn cpus(&self, room: u64) -> usize {
        if self.law.kind != Kind::Each || room == 0 {
            return 0;
        }
        let taken = |item: &Item| if item.exclusive { self.law.cpus } else { item.cpus.min(self.law.cpus) };
        let area: u128 = self.items.iter().map(|item| u128::from(item.ms) * u128::from(taken(item))).sum();
        usize::try_from(area.div_ceil(u128::from(room) * u128::from(self.law.cpus.max(1))))
            .unwrap_or(usize::MAX)
    }
}

/// What a suite takes for good; `None` where nothing stays.
fn kept(law: &Law, item: &Item) -> Option<u64> {
    // A cap on imports is shared, so below one only what is retained is certain.
    let import = if law.import_cap.is_some() { 0 } else { law.imports(item.import) };
    match law.kind {
        Kind::InOrder | Kind::AnyOrder => Some(import.saturating_add(item.retained)),
        Kind::Spread => Some(import.saturating_add(item.retained.saturating_mul(law.workers as u64))),
        Kind::Isolated | Kind::Each => None,
    }
}

/// What memory alone forces.
fn memory(law: &Law, items: &[Item]) -> usize {
    let Some(budget) = law.budget else { return 0 };
    let room = budget.saturating_sub(law.floor);
    let workers = law.workers as u64;
    let Some(kept) = items.iter().map(|item| kept(law, item)).collect::<Option<Vec<u64>>>() else {
        return 0;
    };
    // What a shard needs besides: its highest transient, once or in every worker.
    let times = if law.kind == Kind::Spread { workers } else { 1 };
    let mut transients: Vec<u64> = items.iter().map(|item| item.transient.saturating_mul(times)).collect();
    transients.sort_unstable();
    let kept = Sizes::new(kept);
    // Even where suites run in the best order, the last one needs its transient on top of all that
    // is retained.
    let least = transients.first().copied().unwrap_or(0);
    let fixed = kept.within(room.saturating_sub(least)).max(by_count(&kept, &transients, law, room));
    match law.kind {
        Kind::AnyOrder | Kind::Spread => fixed.max(with_transients(kept.total(), transients, room)),
        _ => fixed,
    }
}

/// By the most suites that one shard could hold if it had the smallest of everything.
fn by_count(kept: &Sizes, transients: &[u64], law: &Law, room: u64) -> usize {
    let at_once = if law.kind == Kind::AnyOrder { law.workers } else { 1 };
    let (mut bytes, mut most) = (0u128, 0);
    for (number, value) in kept.values.iter().rev().enumerate() {
        bytes += u128::from(*value);
        if number < at_once {
            bytes += u128::from(transients[number]);
        }
        if bytes > u128::from(room) {
            break;
        }
        most = number + 1;
    }
    kept.values.len().div_ceil(most.max(1))
}

/// Each shard has room for its largest transient besides what is retained: the largest of all
/// somewhere, and in the others at least the smallest ones.
fn with_transients(kept: u128, mut transients: Vec<u64>, room: u64) -> usize {
    let Some(largest) = transients.pop() else { return 0 };
    let mut need = kept + u128::from(largest);
    let mut shards: usize = 1;
    for transient in transients {
        if need <= u128::from(room) * shards as u128 {
            break;
        }
        need += u128::from(transient);
        shards += 1;
    }
    shards
}

/// The size of a set of suites no two of which fit one shard, found greedily from the largest.
fn clique(law: &Law, items: &[Item], room_ms: u64) -> usize {
    let room = law.budget.map(|budget| budget.saturating_sub(law.floor));
    let half = |item: &Item| {
        let time = law.workers == 1 && item.ms > room_ms / 4;
        let memory = room.is_some_and(|room| item.own().saturating_mul(law.workers as u64) > room / 4);
        time || memory
    };
    if law.kind == Kind::Each {
        return 0;
    }
    let mut large: Vec<usize> = (0..items.len()).filter(|i| half(&items[*i])).collect();
    let share = |i: &usize| {
        let item = &items[*i];
        let part = |value: u64, whole: u64| u128::from(value) * 1_000_000 / u128::from(whole.max(1));
        part(item.ms, room_ms).max(room.map_or(0, |room| part(item.own(), room)))
    };
    large.sort_by_cached_key(|i| std::cmp::Reverse(share(i)));
    large.truncate(CLIQUE_MAX);
    let mut set: Vec<usize> = Vec::new();
    for i in large {
        let apart = |j: &usize| {
            let need = law.need(items, &[i, *j]);
            need.ms > room_ms || law.budget.is_some_and(|budget| need.bytes > budget)
        };
        if set.iter().all(apart) {
            set.push(i);
        }
    }
    set.len()
}
