//! The shards of one tier while they are packed: what each takes now, and what it would take after
//! a change.

use std::cmp::Reverse;

use super::law::{self, Item, Kind, Law, Need};
use super::random::Random;
use super::units::{self, Rules, Units};

/// A tier's items in the order in which the packer wants them: the longest first.
pub(super) struct Tier {
    pub(super) law: Law,
    /// Descending time, then id. An item's index is its rank.
    pub(super) items: Vec<Item>,
    /// Rank by what counts at the peak: the transient, or all of it where processes are isolated.
    /// Ties as in the session's order.
    peak_rank: Vec<u32>,
    /// The least of every figure: what even the smallest item takes.
    least: Item,
    /// What each item stands for, and which must be apart.
    pub(super) units: Units,
}

/// A change of one shard: an item that leaves, one that comes.
pub(super) type Change = (Option<u32>, Option<u32>);

/// One shard.
#[derive(Clone, Default)]
pub(super) struct Load {
    /// Ascending index: the longest first.
    pub(super) members: Vec<u32>,
    by_peak: Vec<u32>,
    pub(super) ms: u64,
    import: u64,
    pub(super) retained: u64,
    /// Above the limits, as of the last change.
    pub(super) over: Over,
}

/// How far a shard is above its limits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Over {
    pub(super) ms: u64,
    pub(super) bytes: u64,
}

impl Load {
    /// One of its members, drawn by lot.
    pub(super) fn any(&self, random: &mut Random) -> Option<u32> {
        (!self.members.is_empty()).then(|| self.members[random.below(self.members.len())])
    }

    /// What stays in memory.
    pub(super) fn kept(&self) -> u64 {
        self.import.saturating_add(self.retained)
    }
}

impl Tier {
    /// The units of `among` sorted; the second value says which of `items` each one is.
    pub(super) fn new(law: Law, items: &[Item], among: &[usize], rules: &Rules) -> (Tier, Vec<Vec<usize>>) {
        let mut origin = units::units(among, rules);
        origin.sort_by_cached_key(|unit| (Reverse(units::whole(items, unit).ms), unit[0]));
        let units = Units::new(items, &origin, rules);
        let items: Vec<Item> = origin.iter().map(|unit| units::whole(items, unit)).collect();
        let mut order: Vec<usize> = (0..items.len()).collect();
        match law.kind {
            Kind::Isolated | Kind::Each => order.sort_unstable_by_key(|i| (Reverse(items[*i].own()), *i)),
            _ => order.sort_unstable_by_key(|i| (Reverse(items[*i].transient), *i)),
        }
        let mut peak_rank = vec![0; items.len()];
        for (rank, item) in order.into_iter().enumerate() {
            peak_rank[item] = rank as u32;
        }
        let least = |part: fn(&Item) -> u64| items.iter().map(part).min().unwrap_or(0);
        let least = Item {
            ms: least(|item| item.ms),
            import: least(|item| item.import),
            retained: least(|item| item.retained),
            ..Item::default()
        };
        (Tier { law, items, peak_rank, least, units }, origin)
    }

    /// Exactly what a shard takes.
    pub(super) fn need(&self, members: &[u32]) -> Need {
        match self.units.are_items() {
            true => self.law.need(&self.items, &members.iter().map(|i| *i as usize).collect::<Vec<_>>()),
            false => self.units.need(&self.law, members.iter().copied()).0,
        }
    }

    /// The longest of the shards, without overhead.
    pub(super) fn longest(&self, loads: &[Load]) -> u64 {
        loads.iter().map(|load| self.need(&load.members).ms).max().unwrap_or(0)
    }

    /// Whether not even the smallest item would fit: quick, and sometimes too hopeful.
    pub(super) fn is_full(&self, load: &Load, limit: u64) -> bool {
        let late = self.law.workers == 1 && load.ms.saturating_add(self.least.ms) > limit;
        let accumulates = matches!(self.law.kind, Kind::InOrder | Kind::AnyOrder | Kind::Spread);
        let Some(budget) = self.law.budget.filter(|_| accumulates) else { return late };
        let copies = if self.law.kind == Kind::Spread { self.law.workers as u64 } else { 1 };
        let retained = load.retained.saturating_add(self.least.retained).saturating_mul(copies);
        let kept = self.law.imports(load.import.saturating_add(self.least.import)).saturating_add(retained);
        let sessions = if self.law.splits() { self.law.sessions as u64 } else { 1 };
        late || kept > budget.saturating_sub(self.law.floor).saturating_mul(sessions)
    }

    fn item(&self, index: u32) -> &Item {
        &self.items[index as usize]
    }

    /// How far the shard would be above `limit` milliseconds and above the budget after the change.
    /// Also how many items were looked at.
    pub(super) fn over(&self, load: &Load, change: Change, limit: u64) -> (Over, usize) {
        if self.units.are_plain() {
            return self.over_items(load, change, limit);
        }
        let members = || walk(&load.members, |i| i, change);
        let (mut over, looked) = if self.units.are_items() {
            self.over_items(load, change, limit)
        } else {
            let (need, looked) = self.units.need(&self.law, members());
            let bytes = self.law.budget.map_or(0, |budget| need.bytes.saturating_sub(budget));
            (Over { ms: need.ms.saturating_sub(limit), bytes }, 1 + looked)
        };
        // Two that must be apart are as bad as a shard of twice its memory.
        let room = self.law.budget.map_or(1, |budget| budget.saturating_sub(self.law.floor)).max(1);
        let conflicts = self.units.conflicts(members());
        over.bytes = over.bytes.saturating_add(room.saturating_mul(conflicts));
        (over, looked)
    }

    fn over_items(&self, load: &Load, change: Change, limit: u64) -> (Over, usize) {
        let with = |sum: u64, part: fn(&Item) -> u64| {
            let less = sum - change.0.map_or(0, |i| part(self.item(i)));
            less.saturating_add(change.1.map_or(0, |i| part(self.item(i))))
        };
        let sum = with(load.ms, |item| item.ms);
        if self.law.kind == Kind::Each {
            return self.over_each(load, change, limit);
        }
        let (ms, looked) = self.over_ms(load, change, limit, sum);
        let Some(budget) = self.law.budget else { return (Over { ms, bytes: 0 }, looked) };
        let room = budget.saturating_sub(self.law.floor);
        let imports = match self.law.kind {
            Kind::Isolated => 0,
            _ => self.law.imports(with(load.import, |item| item.import)),
        };
        let retained = with(load.retained, |item| item.retained);
        let (bytes, more) = self.bytes_above_floor(load, change, imports, retained, room);
        if bytes > room && self.law.splits() {
            return self.over_sessions(load, change, limit, budget);
        }
        (Over { ms, bytes: bytes.saturating_sub(room) }, looked + more)
    }

    /// With as many sessions as memory asks for.
    fn over_sessions(&self, load: &Load, change: Change, limit: u64, budget: u64) -> (Over, usize) {
        let members: Vec<usize> = walk(&load.members, |i| i, change).map(|i| i as usize).collect();
        let sessions = self.law.sessions(&self.items, &members);
        let needs: Vec<Need> =
            sessions.iter().map(|session| self.law.session_need(&self.items, session)).collect();
        // What is too much in every one of them, so that each suite less shows.
        let bytes = needs.iter().map(|need| need.bytes.saturating_sub(budget)).sum();
        let ms = self.law.total(needs.iter().copied()).ms.saturating_sub(limit);
        (Over { ms, bytes }, members.len() * (2 + sessions.len()))
    }

    fn over_ms(&self, load: &Load, change: Change, limit: u64, sum: u64) -> (u64, usize) {
        let workers = self.law.workers as u64;
        if workers == 1 {
            return (sum.saturating_sub(limit), 1);
        }
        let longest = first(&load.members, |i| i, change).next().map_or(0, |i| self.item(i).ms);
        if self.law.kind == Kind::Spread {
            return (law::spread_ms(sum, longest, self.law.workers).saturating_sub(limit), 1);
        }
        // Graham's bound: longest-first ends before sum/w + longest × (w − 1)/w.
        if sum.saturating_add(longest.saturating_mul(workers - 1)).div_ceil(workers) <= limit {
            return (0, 1);
        }
        let times = walk(&load.members, |i| i, change).map(|i| self.item(i).ms);
        let looked = load.members.len() * self.law.workers.div_ceil(4) + 1;
        (law::schedule(self.law.workers, times).saturating_sub(limit), looked)
    }

    fn bytes_above_floor(
        &self,
        load: &Load,
        change: Change,
        imports: u64,
        retained: u64,
        room: u64,
    ) -> (u64, usize) {
        let workers = self.law.workers;
        let rank = |i: u32| self.peak_rank[i as usize];
        let top = |part: fn(&Item) -> u64, count: usize| {
            first(&load.by_peak, rank, change)
                .take(count)
                .fold(0u64, |sum, i| sum.saturating_add(part(self.item(i))))
        };
        match self.law.kind {
            Kind::InOrder => {
                let kept = imports.saturating_add(retained);
                let loose = kept.saturating_add(top(|item| item.transient, 1));
                // Where it fits in any order, it fits in the best; where what stays is too much, no
                // order helps, and how much too much need not be exact.
                if loose <= room || kept > room {
                    return (loose, 1);
                }
                let peak = law::peak_in_order(walk(&load.by_peak, rank, change).map(|i| *self.item(i)));
                (imports.saturating_add(peak), load.members.len() + 1)
            }
            Kind::AnyOrder => (
                imports.saturating_add(retained).saturating_add(top(|item| item.transient, workers)),
                workers,
            ),
            Kind::Spread => {
                let each = retained.saturating_add(top(|item| item.transient, 1));
                (imports.saturating_add(each.saturating_mul(workers as u64)), 1)
            }
            Kind::Isolated | Kind::Each => (top(Item::own, workers), workers),
        }
    }

    fn over_each(&self, load: &Load, change: Change, limit: u64) -> (Over, usize) {
        if limit == u64::MAX {
            return (Over::default(), 1);
        }
        let members: Vec<u32> = walk(&load.members, |i| i, change).collect();
        let over = Over { ms: self.need(&members).ms.saturating_sub(limit), bytes: 0 };
        // The schedule looks at waiting suites again and again, and asks for memory.
        (over, 1 + members.len() * (4 + self.law.workers))
    }

    /// The member of `to` that, exchanged for `out`, brings `from` just to its limit.
    pub(super) fn partner(&self, from: &Load, to: &Load, out: u32, random: &mut Random) -> Option<u32> {
        let wanted = self.item(out).ms.saturating_sub(from.over.ms);
        let at = to.members.partition_point(|i| self.item(*i).ms > wanted) + random.below(2);
        to.members.get(at.min(to.members.len().checked_sub(1)?)).copied()
    }

    /// Carries the change out.
    pub(super) fn apply(&self, load: &mut Load, change: Change, over: Over) {
        let rank = |i: u32| self.peak_rank[i as usize];
        if let (Some(i), item) = (change.0, change.0.map(|i| *self.item(i)).unwrap_or_default()) {
            if let Ok(at) = load.members.binary_search(&i) {
                load.members.remove(at);
            }
            if let Ok(at) = load.by_peak.binary_search_by_key(&rank(i), |j| rank(*j)) {
                load.by_peak.remove(at);
            }
            load.ms -= item.ms;
            load.import -= item.import;
            load.retained -= item.retained;
        }
        if let (Some(i), item) = (change.1, change.1.map(|i| *self.item(i)).unwrap_or_default()) {
            let at = load.members.partition_point(|j| *j < i);
            load.members.insert(at, i);
            let at = load.by_peak.partition_point(|j| rank(*j) < rank(i));
            load.by_peak.insert(at, i);
            load.ms += item.ms;
            load.import += item.import;
            load.retained += item.retained;
        }
        load.over = over;
    }

    /// Shards from an assignment of every item.
    pub(super) fn loads(&self, shards: usize, assignment: &[u32]) -> Vec<Load> {
        let mut loads = vec![Load::default(); shards];
        for (item, shard) in assignment.iter().enumerate() {
            loads[*shard as usize].members.push(item as u32);
        }
        for load in &mut loads {
            load.by_peak = load.members.clone();
            load.by_peak.sort_unstable_by_key(|i| self.peak_rank[*i as usize]);
            for item in load.members.iter().map(|i| self.item(*i)) {
                load.ms += item.ms;
                load.import += item.import;
                load.retained += item.retained;
            }
        }
        loads
    }
}

/// The members after a change, in their order.
fn walk(list: &[u32], rank: impl Fn(u32) -> u32 + Copy, (out, new): Change) -> impl Iterator<Item = u32> {
    let at = new.map_or(list.len(), |new| list.partition_point(|i| rank(*i) < rank(new)));
    let stays = move |i: &u32| Some(*i) != out;
    list[..at].iter().copied().filter(stays).chain(new).chain(list[at..].iter().copied().filter(stays))
}

/// The same for who wants only the first few: no search for the place of the one that comes, which costs most of a
/// move where suites are many.
fn first(list: &[u32], rank: impl Fn(u32) -> u32, (out, mut new): Change) -> impl Iterator<Item = u32> {
    let mut stay = list.iter().copied().filter(move |i| Some(*i) != out).peekable();
    std::iter::from_fn(move || match (new, stay.peek()) {
        (Some(comes), Some(next)) if rank(*next) < rank(comes) => stay.next(),
        (Some(_), _) => new.take(),
        (None, _) => stay.next(),
    })
}
