//! When a session must be stopped for its memory, before the kernel does it without a word.

use std::time::Duration;

use crate::config::Guard;
use crate::machine::Pressure;
use crate::model::Bytes;

/// What memory looks like at one moment.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Memory {
    /// What the session's processes hold.
    pub(super) session: Bytes,
    /// The group above us that is nearest to its limit: what it holds, and the limit.
    pub(super) group: Option<(Bytes, Bytes)>,
    /// What the machine has left, and all that it has.
    pub(super) machine: Option<(Bytes, Bytes)>,
}

impl Memory {
    /// What the machine and its limits leave.
    pub(super) fn left(&self) -> Option<Bytes> {
        let group = self.group.map(|(held, limit)| limit.saturating_sub(held));
        group.into_iter().chain(self.machine.map(|(left, _)| left)).min()
    }

    /// The same, or what the `budget` leaves where that is less.
    pub(super) fn room(&self, budget: Option<Bytes>) -> Option<Bytes> {
        self.left().into_iter().chain(budget.map(|budget| budget.saturating_sub(self.session))).min()
    }

    /// The share of the real limit that is taken, or of the `budget` where that is more, in hundredths of a percent.
    pub(super) fn taken(&self, budget: Option<Bytes>) -> u64 {
        let share = |held: Bytes, all: Bytes| held.0.saturating_mul(10_000) / all.0.max(1);
        let group = self.group.map_or(0, |(held, limit)| share(held, limit));
        let machine = self.machine.map_or(0, |(left, all)| share(all.saturating_sub(left), all));
        group.max(machine).max(budget.map_or(0, |budget| share(self.session, budget)))
    }
}

/// The limit is near from this share on, in percent.
const NEAR: u64 = 97;

/// Nothing can wait any more from this share on, in hundredths of a percent.
pub(super) const AT_ONCE: u64 = 9_900;

/// Memory is short from this share on, in hundredths of a percent: it is looked at as often as possible.
const SHORT: u64 = 8_500;

/// Bytes that are filled in a millisecond at most, by several processes at once: one alone gets 1 to 2 GB in a second.
const FASTEST: u64 = 4_000_000;

/// How fast memory fills.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Pace {
    /// When it was looked at last, and the share that was taken then.
    last: Option<(Duration, u64)>,
}

impl Pace {
    /// Takes note of the share that is taken `now`, in hundredths of a percent, and of the room that is left. Tells in how
    /// long memory is short if it goes on as since the last look, or there may be none left: zero if it is short,
    /// `Duration::MAX` if nothing grew and nothing is limited.
    pub(super) fn look(&mut self, now: Duration, taken: u64, left: Option<Bytes>) -> Duration {
        let (at, before) = self.last.replace((now, taken)).unwrap_or((now, taken));
        let (room, grown) = (SHORT.saturating_sub(taken), taken.saturating_sub(before));
        if room == 0 {
            return Duration::ZERO;
        }
        let nanos = now.saturating_sub(at).as_nanos().saturating_mul(u128::from(room));
        let until = nanos.checked_div(u128::from(grown)).map(u64::try_from);
        let until = until.and_then(Result::ok).map_or(Duration::MAX, Duration::from_nanos);
        until.min(left.map_or(Duration::MAX, |left| Duration::from_millis(left.0 / FASTEST)))
    }
}

/// Why a session must be stopped, in words with both figures.
pub(super) fn alarm(guard: Guard, budget: Option<Bytes>, memory: &Memory) -> Option<String> {
    if guard == Guard::Off {
        return None;
    }
    if let Some((held, limit)) =
        memory.group.filter(|(held, limit)| held.0.saturating_mul(100) >= limit.0.saturating_mul(NEAR))
    {
        return Some(format!("the control group held {held} of its limit of {limit}"));
    }
    let short = |(left, all): &(Bytes, Bytes)| left.0.saturating_mul(100) < all.0.saturating_mul(100 - NEAR);
    if let Some((left, all)) = memory.machine.filter(short) {
        return Some(format!("the machine had {left} of {all} left"));
    }
    let budget = budget.filter(|budget| guard == Guard::Budget && memory.session > *budget)?;
    Some(format!("the session held {}, its budget is {budget}", memory.session))
}

/// Below this share of the machine's memory, or of a limit, the youngest of several processes gives way, in
/// percent.
const SCARCE: u64 = 6;

/// From this share on it goes on, in percent.
const ROOMY: u64 = 10;

/// Above this pressure nothing else starts beside what runs: tasks wait for memory so much of the time,
/// in hundredths of a percent.
pub(super) const CROWDED: u32 = 1_000;

/// Above this pressure the youngest of several processes gives way: all tasks wait.
const THRASHING: u32 = 2_000;

/// Why one of several processes must give way, before the others suffer too.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Overload {
    /// Little is left: in words with both figures.
    Scarce(String),
    /// All tasks wait for memory for such a share of the time, in hundredths of a percent.
    Pressed(u32),
}

impl std::fmt::Display for Overload {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Overload::Scarce(figures) => f.write_str(figures),
            Overload::Pressed(full) => write!(f, "all tasks waited for memory {} % of the time", full / 100),
        }
    }
}

/// Whether one of several processes must give way at this moment.
pub(super) fn overload(memory: &Memory, pressure: Option<Pressure>) -> Option<Overload> {
    let scarce = |left: Bytes, all: Bytes| left.0.saturating_mul(100) < all.0.saturating_mul(SCARCE);
    if let Some((left, all)) = memory.machine.filter(|(left, all)| scarce(*left, *all)) {
        return Some(Overload::Scarce(format!("the machine had {left} of {all} left")));
    }
    if let Some((held, limit)) =
        memory.group.filter(|(held, limit)| scarce(limit.saturating_sub(*held), *limit))
    {
        return Some(Overload::Scarce(format!("the control group held {held} of its limit of {limit}")));
    }
    let full = pressure.map(|pressure| pressure.full).filter(|full| *full > THRASHING)?;
    Some(Overload::Pressed(full))
}

/// Whether there is room again for one that gave way: more than what made it do so.
pub(super) fn is_calm(memory: &Memory, pressure: Option<Pressure>) -> bool {
    let roomy = |left: Bytes, all: Bytes| left.0.saturating_mul(100) >= all.0.saturating_mul(ROOMY);
    memory.machine.is_none_or(|(left, all)| roomy(left, all))
        && memory.group.is_none_or(|(held, limit)| roomy(limit.saturating_sub(held), limit))
        && pressure.is_none_or(|pressure| pressure.full <= CROWDED)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_real_limit_counts_and_the_budget_only_where_it_binds() {
        let memory = |session, group: (u64, u64), machine: (u64, u64)| Memory {
            session: Bytes(session),
            group: Some((Bytes(group.0), Bytes(group.1))),
            machine: Some((Bytes(machine.0), Bytes(machine.1))),
        };
        let check = |guard, memory: Memory, expect: Option<&str>| {
            assert_eq!(alarm(guard, Some(Bytes(500)), &memory).as_deref(), expect, "{memory:?}");
        };
        let fine = memory(600, (969, 1000), (30, 1000));
        check(Guard::Machine, fine, None);
        check(Guard::Budget, fine, Some("the session held 600 B, its budget is 500 B"));
        check(Guard::Off, memory(600, (1000, 1000), (0, 1000)), None);
        check(
            Guard::Machine,
            memory(1, (970, 1000), (500, 1000)),
            Some("the control group held 970 B of its limit of 1 kB"),
        );
        check(Guard::Machine, memory(1, (1, 1000), (29, 1000)), Some("the machine had 29 B of 1 kB left"));
        check(Guard::Machine, Memory::default(), None);
        assert_eq!((fine.taken(None), Memory::default().taken(None)), (9_700, 0));
        assert_eq!(fine.taken(Some(Bytes(600))), 10_000);
        let pressed = |full| Some(Pressure { some: 10_000, full });
        let check = |memory: Memory, pressure, expect: Option<&str>| {
            let found = overload(&memory, pressure).map(|overload| overload.to_string());
            assert_eq!(found.as_deref(), expect, "{memory:?}");
        };
        let roomy = memory(1, (940, 1000), (60, 1000));
        check(roomy, pressed(2_000), None);
        check(roomy, None, None);
        check(roomy, pressed(2_100), Some("all tasks waited for memory 21 % of the time"));
        check(memory(1, (1, 1000), (59, 1000)), None, Some("the machine had 59 B of 1 kB left"));
        let group = memory(1, (941, 1000), (60, 1000));
        check(group, None, Some("the control group held 941 B of its limit of 1 kB"));
        assert!(is_calm(&memory(1, (900, 1000), (100, 1000)), pressed(1_000)));
        assert!(is_calm(&Memory::default(), None));
        for busy in [memory(1, (901, 1000), (100, 1000)), memory(1, (900, 1000), (99, 1000))] {
            assert!(!is_calm(&busy, None), "{busy:?}");
        }
        assert!(!is_calm(&Memory::default(), pressed(1_001)));
    }
    #[test]
    fn the_next_look_comes_before_memory_is_short() {
        let mut pace = Pace::default();
        let mut look = |ms, taken| pace.look(Duration::from_millis(ms), taken, None).as_millis();
        let never = Duration::MAX.as_millis();
        // Nothing is known yet, nothing grew, 0.5 % in 100 ms with 79.5 % to go.
        assert_eq!([look(0, 500), look(100, 500), look(200, 550)], [never, never, 15_900]);
        // 40 % in 100 ms with 39.5 % to go; it shrinks; it is short, at whatever pace.
        assert_eq!(
            [look(300, 4_550), look(400, 3_000), look(500, 8_500), look(500, 9_000)],
            [98, never, 0, 0]
        );
        assert_eq!([look(500, 8_499), look(500, 8_499)], [never, never]);
        // Whatever the pace was, 400 MB may be gone in 100 ms.
        let mut look =
            |ms, taken, left| pace.look(Duration::from_millis(ms), taken, Some(Bytes(left))).as_millis();
        assert_eq!([look(600, 3_000, 400_000_000), look(700, 8_000, 16_000_000_000)], [100, 10]);
    }

    #[test]
    fn the_room_is_what_the_nearest_limit_leaves() {
        let memory = Memory {
            session: Bytes(300),
            group: Some((Bytes(500), Bytes(1_000))),
            machine: Some((Bytes(700), Bytes(9_000))),
        };
        let room = |budget: Option<u64>| memory.room(budget.map(Bytes)).map(|room| room.0);
        assert_eq!(
            [room(None), room(Some(900)), room(Some(400)), room(Some(200))],
            [Some(500), Some(500), Some(100), Some(0)]
        );
        assert_eq!(Memory::default().room(None), None);
    }
}
