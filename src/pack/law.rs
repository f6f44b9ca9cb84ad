//! Memory and time of a shard: the laws of the five kinds of session, on plain integers.
//!
//! All sizes are bytes, all times milliseconds. The laws were measured on real suites: never too
//! low, 2 to 24 % high in the median, where the sum of peaks is 3 to 13 times too high.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// What a session keeps from suite to suite.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// One process that keeps the order of its selection.
    InOrder,
    /// One process in any order, or several workers that live on.
    AnyOrder,
    /// Several workers, the tests of one suite on all of them.
    Spread,
    /// A new process for every suite.
    Isolated,
    /// A new process for every suite, started one by one as budget and CPUs allow.
    Each,
}

/// What holds for every shard of a tier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Law {
    /// The kind of session.
    pub kind: Kind,
    /// Worker processes, at least 1.
    pub workers: usize,
    /// Bytes of a session before any suite.
    pub floor: u64,
    /// No more than this is paid for imports in one worker.
    pub import_cap: Option<u64>,
    /// Bytes that a shard may use; `None`: not enforced.
    pub budget: Option<u64>,
    /// Bytes under which [`Kind::Each`] starts suites side by side; `None`: any. A suite that alone
    /// needs more runs alone.
    pub admission: Option<u64>,
    /// CPUs to share out, for [`Kind::Each`].
    pub cpus: u64,
    /// Milliseconds once a shard.
    pub setup: u64,
    /// Milliseconds once a session.
    pub session_start: u64,
    /// Most sessions of one shard, at least 1.
    pub sessions: usize,
}

/// One suite's cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Item {
    /// Milliseconds.
    pub ms: u64,
    /// Bytes at collection, in every worker.
    pub import: u64,
    /// Bytes that stay.
    pub retained: u64,
    /// Bytes while it runs, above what it retains.
    pub transient: u64,
    /// CPUs, for [`Kind::Each`].
    pub cpus: u64,
    /// Runs with no other beside it, for [`Kind::Each`].
    pub exclusive: bool,
}

impl Item {
    /// Bytes of the suite in a process of its own.
    #[must_use]
    pub fn own(&self) -> u64 {
        self.import.saturating_add(self.retained).saturating_add(self.transient)
    }
}

/// What a session or a shard takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Need {
    /// Milliseconds, without set-up and the first session's start.
    pub ms: u64,
    /// Bytes at the peak, floor included.
    pub bytes: u64,
}

impl Law {
    /// One suite after another in one process that costs nothing itself, in one session, without a budget.
    pub const BARE: Law = Law {
        kind: Kind::InOrder,
        workers: 1,
        floor: 0,
        import_cap: None,
        budget: None,
        admission: None,
        cpus: 1,
        setup: 0,
        session_start: 0,
        sessions: 1,
    };

    /// Milliseconds of a shard before its first suite: set-up and one session's start.
    #[must_use]
    pub fn overhead(&self) -> u64 {
        self.setup.saturating_add(self.session_start)
    }

    /// Bytes that `imports` cost in every worker together.
    pub(super) fn imports(&self, imports: u64) -> u64 {
        let capped = self.import_cap.map_or(imports, |cap| imports.min(cap));
        match self.kind {
            Kind::InOrder => capped,
            _ => capped.saturating_mul(self.workers as u64),
        }
    }

    /// The order of a session: for one process that keeps it, the highest transient first, which
    /// lowers the peak; else the longest first. Ties by the items' place in the slice, which is the
    /// order of their ids.
    #[must_use]
    pub fn order(&self, items: &[Item], members: &[usize]) -> Vec<usize> {
        let mut order = members.to_vec();
        match self.workers {
            1 => order.sort_unstable_by_key(|i| (Reverse(items[*i].transient), Reverse(items[*i].ms), *i)),
            _ => order.sort_unstable_by_key(|i| (Reverse(items[*i].ms), *i)),
        }
        order
    }

    /// What one session of `members` takes, exactly.
    #[must_use]
    pub fn session_need(&self, items: &[Item], members: &[usize]) -> Need {
        let ordered = || self.order(items, members).into_iter().map(|i| items[i]);
        let total =
            |part: fn(&Item) -> u64| members.iter().fold(0u64, |sum, i| sum.saturating_add(part(&items[*i])));
        let imports = self.imports(total(|item| item.import));
        let retained = total(|item| item.retained);
        let largest = |part: fn(&Item) -> u64| {
            let mut all: Vec<u64> = members.iter().map(|i| part(&items[*i])).collect();
            all.sort_unstable_by_key(|bytes| Reverse(*bytes));
            all.iter().take(self.workers).fold(0u64, |sum, bytes| sum.saturating_add(*bytes))
        };
        let ms = match self.kind {
            Kind::Each => return self.each(items, members),
            Kind::Spread => spread_ms(
                total(|item| item.ms),
                members.iter().map(|i| items[*i].ms).max().unwrap_or(0),
                self.workers,
            ),
            _ => schedule(self.workers, {
                let mut times: Vec<u64> = members.iter().map(|i| items[*i].ms).collect();
                times.sort_unstable_by_key(|ms| Reverse(*ms));
                times.into_iter()
            }),
        };
        let bytes = match self.kind {
            Kind::InOrder => imports.saturating_add(peak_in_order(ordered())),
            Kind::AnyOrder => imports.saturating_add(retained).saturating_add(largest(|item| item.transient)),
            Kind::Spread => {
                let transient = members.iter().map(|i| items[*i].transient).max().unwrap_or(0);
                imports.saturating_add(retained.saturating_add(transient).saturating_mul(self.workers as u64))
            }
            Kind::Isolated | Kind::Each => largest(Item::own),
        };
        Need { ms, bytes: self.floor.saturating_add(bytes) }
    }

    /// Bytes at the peak of one session whose suites ran in this order.
    #[must_use]
    pub fn bytes_in_order(&self, items: &[Item]) -> u64 {
        let imports = items.iter().fold(0u64, |sum, item| sum.saturating_add(item.import));
        match self.kind {
            Kind::InOrder => {
                let above = self.imports(imports).saturating_add(peak_in_order(items.iter().copied()));
                self.floor.saturating_add(above)
            }
            _ => self.session_need(items, &(0..items.len()).collect::<Vec<_>>()).bytes,
        }
    }

    /// The schedule of `each`: the longest first, each as soon as memory, CPUs and exclusive suites
    /// allow; one that does not fit now is passed over for a later one that does. A suite that fits
    /// nowhere runs when nothing else does.
    fn each(&self, items: &[Item], members: &[usize]) -> Need {
        let order = self.order_by_time(items, members);
        // The waiting ones as a list through their places: `after[0]` is the first, 0 the end.
        let mut after: Vec<usize> = (1..=order.len()).chain([0]).collect();
        let mut running: BinaryHeap<Reverse<(u64, usize)>> = BinaryHeap::new();
        let (mut now, mut peak, mut used, mut cpus, mut exclusive) = (0u64, 0u64, self.floor, 0u64, 0usize);
        loop {
            let mut before = 0;
            while running.len() < self.workers && after[before] != 0 {
                let place = after[before];
                let item = &items[order[place - 1]];
                let bytes = used.saturating_add(item.own());
                let room = self.admission.is_none_or(|admission| bytes <= admission);
                let beside = room && cpus + item.cpus <= self.cpus && !item.exclusive && exclusive == 0;
                if !running.is_empty() && !beside {
                    // What is passed over will not fit before something ends.
                    before = place;
                    continue;
                }
                after[before] = after[place];
                running.push(Reverse((now.saturating_add(item.ms), place)));
                (used, cpus) = (bytes, cpus + item.cpus);
                exclusive += usize::from(item.exclusive);
                peak = peak.max(used);
            }
            let Some(Reverse((end, _))) = running.peek().copied() else { break };
            now = end;
            while let Some(Reverse((end, place))) = running.peek().copied() {
                if end > now {
                    break;
                }
                running.pop();
                let item = &items[order[place - 1]];
                (used, cpus) = (used - item.own(), cpus - item.cpus);
                exclusive -= usize::from(item.exclusive);
            }
        }
        Need { ms: now, bytes: peak }
    }

    fn order_by_time(&self, items: &[Item], members: &[usize]) -> Vec<usize> {
        let mut order = members.to_vec();
        order.sort_unstable_by_key(|i| (Reverse(items[*i].ms), *i));
        order
    }
}

/// The peak above floor and imports of suites that run one after another in this order.
pub(super) fn peak_in_order(items: impl Iterator<Item = Item>) -> u64 {
    let (mut level, mut top) = (0u64, 0u64);
    for item in items {
        level = level.saturating_add(item.retained);
        top = top.max(level.saturating_add(item.transient));
    }
    top
}

/// When the last of `workers` ends, each taking the next of `times` as soon as it is free.
pub(super) fn schedule(workers: usize, times: impl Iterator<Item = u64>) -> u64 {
    if workers == 1 {
        return times.fold(0, u64::saturating_add);
    }
    let mut ends = vec![0u64; workers];
    for ms in times {
        // The first of the least: which of the equal ones is taken changes nothing.
        if let Some(end) = ends.iter_mut().min() {
            *end = end.saturating_add(ms);
        }
    }
    ends.into_iter().max().unwrap_or(0)
}

/// The time of a session whose suites are spread over all workers.
pub(super) fn spread_ms(sum: u64, longest: u64, workers: usize) -> u64 {
    sum.div_ceil(workers as u64).max(longest)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn law(kind: Kind, workers: usize) -> Law {
        Law {
            kind,
            workers,
            floor: 100,
            import_cap: None,
            budget: None,
            admission: None,
            cpus: workers as u64,
            setup: 0,
            session_start: 0,
            sessions: 1,
        }
    }

    /// Items as `ms import retained transient`.
    fn items(rows: &[[u64; 4]]) -> Vec<Item> {
        rows.iter()
            .map(|[ms, import, retained, transient]| Item {
                ms: *ms,
                import: *import,
                retained: *retained,
                transient: *transient,
                cpus: 1,
                exclusive: false,
            })
            .collect()
    }

    fn check(law: Law, rows: &[[u64; 4]], ms: u64, bytes: u64) {
        let items = items(rows);
        let members: Vec<usize> = (0..items.len()).rev().collect();
        assert_eq!(law.need(&items, &members), Need { ms, bytes }, "{law:?}");
    }

    const ROWS: [[u64; 4]; 3] = [[10, 1, 20, 5], [30, 2, 10, 50], [20, 4, 0, 7]];

    #[test]
    fn five_kinds_of_session() {
        // In order of transients: 50+10, then 7+10, then 5+30.
        check(law(Kind::InOrder, 1), &ROWS, 60, 100 + 7 + 60);
        check(law(Kind::AnyOrder, 1), &ROWS, 60, 100 + 7 + 30 + 50);
        check(law(Kind::AnyOrder, 2), &ROWS, 30, 100 + 14 + 30 + 57);
        check(law(Kind::Spread, 2), &ROWS, 30, 100 + 2 * (7 + 30 + 50));
        check(law(Kind::Isolated, 2), &ROWS, 30, 100 + 62 + 26);
        check(Law { import_cap: Some(3), ..law(Kind::AnyOrder, 2) }, &ROWS, 30, 100 + 6 + 30 + 57);
    }

    #[test]
    fn each_waits_for_room() {
        let each = law(Kind::Each, 2);
        check(each, &ROWS, 30, 100 + 62 + 26);
        // Beside 62 there is no room for 11 or 26; once it ends, there is for both.
        check(Law { admission: Some(170), ..each }, &ROWS, 50, 162);
        // The long one is joined by the one that fits; the other waits.
        check(
            Law { admission: Some(175), ..each },
            &[[30, 0, 0, 60], [20, 0, 0, 20], [10, 0, 0, 15]],
            50,
            175,
        );
        // Too big for the budget: alone, when nothing else runs.
        check(
            Law { admission: Some(150), ..each },
            &[[30, 0, 0, 60], [20, 0, 0, 20], [10, 0, 0, 15]],
            50,
            160,
        );
    }

    #[test]
    fn each_shares_out_cpus() {
        let mut images = items(&[[120, 0, 0, 1], [150, 0, 0, 1], [300, 0, 0, 3]]);
        for (item, cpus) in images.iter_mut().zip([2, 2, 6]) {
            item.cpus = cpus;
        }
        let law = Law { cpus: 6, ..law(Kind::Each, 2) };
        assert_eq!(
            law.need(&images, &[0, 1, 2]).ms,
            450,
            "the heavy one alone, then the light ones together"
        );
        images.iter_mut().for_each(|item| item.cpus = 1);
        images[1].exclusive = true;
        assert_eq!(law.need(&images, &[0, 1, 2]).ms, 450);
    }

    #[test]
    fn nothing_overflows() {
        let huge = [[u64::MAX, u64::MAX, u64::MAX, u64::MAX]; 3];
        for kind in [Kind::InOrder, Kind::AnyOrder, Kind::Spread, Kind::Isolated] {
            check(law(kind, 1), &huge, u64::MAX, u64::MAX);
        }
    }
}
