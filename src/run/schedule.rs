//! Which suite starts next where every suite has a process of its own: the rule that plans are made
//! by, on what really runs.

/// What a suite takes while it runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Load {
    /// Bytes that it is expected to need.
    pub(super) bytes: u64,
    /// CPUs.
    pub(super) cpus: u32,
    /// It runs with no other beside it.
    pub(super) exclusive: bool,
}

/// What the suites share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Room {
    /// At most so many at once.
    pub(super) workers: usize,
    /// Bytes that are taken before any suite.
    pub(super) floor: u64,
    /// Bytes that all may take together; `None`: any.
    pub(super) budget: Option<u64>,
    /// CPUs in all.
    pub(super) cpus: u32,
    /// Bytes that the machine really has left; `None`: unknown.
    pub(super) left: Option<u64>,
    /// Bytes that it had left while none of them ran. What runs may still take what it is expected to.
    pub(super) at_rest: Option<u64>,
}

/// The first of `waiting` that may start beside those `running`. One may always start where none
/// runs, whatever it needs: else it never would.
#[must_use]
pub(super) fn next(waiting: &[Load], running: &[Load], room: &Room) -> Option<usize> {
    if running.is_empty() {
        return (!waiting.is_empty()).then_some(0);
    }
    if running.len() >= room.workers || running.iter().any(|load| load.exclusive) {
        return None;
    }
    let used = running.iter().fold(room.floor, |sum, load| sum.saturating_add(load.bytes));
    let cpus: u64 = running.iter().map(|load| u64::from(load.cpus)).sum();
    waiting.iter().position(|load| {
        room.budget.is_none_or(|budget| used.saturating_add(load.bytes) <= budget)
            && room.left.is_none_or(|left| load.bytes <= left)
            && room.at_rest.is_none_or(|all| used.saturating_add(load.bytes) <= all)
            && cpus + u64::from(load.cpus) <= u64::from(room.cpus)
            && !load.exclusive
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pack::law::{Item, Kind, Law};

    #[test]
    fn nothing_starts_for_which_there_is_no_room() {
        let load = |bytes, cpus| Load { bytes, cpus, exclusive: false };
        let room = Room { workers: 3, floor: 10, budget: Some(100), cpus: 4, left: None, at_rest: None };
        let check =
            |waiting: &[Load], running: &[Load], expect| assert_eq!(next(waiting, running, &room), expect);
        check(&[], &[], None);
        check(&[load(500, 9)], &[], Some(0));
        check(&[load(60, 1), load(40, 1)], &[load(50, 1)], Some(1));
        check(&[load(1, 4), load(1, 3)], &[load(1, 1)], Some(1));
        check(&[load(1, 1)], &[load(1, 1); 3], None);
        check(&[Load { exclusive: true, ..load(1, 1) }], &[load(1, 1)], None);
        check(&[load(1, 1)], &[Load { exclusive: true, ..load(1, 1) }], None);
        let short = Room { left: Some(20), ..room };
        assert_eq!(next(&[load(30, 1), load(20, 1)], &[load(1, 1)], &short), Some(1));
        assert_eq!(next(&[load(30, 1)], &[], &short), Some(0), "or else it never would");
        // What has only begun does not hold yet what it will.
        let tight = Room { left: Some(70), at_rest: Some(85), budget: None, ..room };
        assert_eq!(next(&[load(30, 1), load(25, 1)], &[load(50, 1)], &tight), Some(1));
    }

    /// The clock jumps from end to end; what starts is decided by `next` alone.
    fn simulate(items: &[Item], room: &Room) -> (u64, u64) {
        let load = |item: &Item| Load {
            bytes: item.own(),
            cpus: u32::try_from(item.cpus).unwrap(),
            exclusive: item.exclusive,
        };
        let mut waiting: Vec<Item> = items.to_vec();
        waiting.sort_by_key(|item| std::cmp::Reverse(item.ms));
        let mut running: Vec<(u64, Item)> = Vec::new();
        let (mut now, mut peak) = (0, 0);
        loop {
            let loads = |items: &[Item]| items.iter().map(load).collect::<Vec<_>>();
            let beside: Vec<Load> = running.iter().map(|(_, item)| load(item)).collect();
            if let Some(place) = next(&loads(&waiting), &beside, room) {
                let item = waiting.remove(place);
                running.push((now + item.ms, item));
                peak = peak.max(room.floor + running.iter().map(|(_, item)| item.own()).sum::<u64>());
                continue;
            }
            let Some(end) = running.iter().map(|(end, _)| *end).min() else { return (now, peak) };
            now = end;
            running.retain(|(end, _)| *end > now);
        }
    }

    #[test]
    fn what_runs_is_what_was_planned() {
        let mut state = 7u64;
        let mut below = |n: u64| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) % n
        };
        for round in 0..2_000 {
            let items: Vec<Item> = (0..1 + below(12))
                .map(|_| Item {
                    ms: 1 + below(20),
                    import: below(30),
                    retained: below(30),
                    transient: below(60),
                    cpus: 1 + below(6),
                    exclusive: below(6) == 0,
                })
                .collect();
            let law = Law {
                kind: Kind::Each,
                workers: 1 + below(4) as usize,
                floor: below(20),
                import_cap: None,
                budget: None,
                admission: (below(3) > 0).then(|| 60 + below(150)),
                cpus: 1 + below(8),
                setup: 0,
                session_start: 0,
                sessions: 1,
            };
            let room = Room {
                workers: law.workers,
                floor: law.floor,
                budget: law.admission,
                cpus: u32::try_from(law.cpus).unwrap(),
                left: None,
                at_rest: None,
            };
            let members: Vec<usize> = (0..items.len()).collect();
            let need = law.session_need(&items, &members);
            assert_eq!(simulate(&items, &room), (need.ms, need.bytes), "round {round}: {law:?} {items:?}");
        }
    }
}
