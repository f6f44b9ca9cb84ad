//! Is a session still doing anything? Output, events and CPU time say so.

use std::time::Duration;

/// CPU time that counts as nothing: a thread that looks at its watch ten times a second takes less than
/// one percent.
const QUIET_PERCENT: u128 = 1;

/// When a session was last seen to do something.
#[derive(Clone, Copy, Debug)]
pub(super) struct Watch {
    patience: Duration,
    /// When, by the shard's clock.
    since: Duration,
    /// CPU time of its processes then.
    cpu: Duration,
}

impl Watch {
    /// Begins to watch at `now`. `patience` of zero waits for ever.
    pub(super) fn new(patience: Duration, now: Duration) -> Watch {
        Watch { patience, since: now, cpu: Duration::ZERO }
    }

    /// Takes note of the last output or event, and of CPU time in all; tells for how long nothing has
    /// happened, once that is too long.
    pub(super) fn look(&mut self, now: Duration, heard: Duration, cpu: Duration) -> Option<Duration> {
        let worked = cpu.saturating_sub(self.cpu);
        let quiet = now.saturating_sub(self.since).as_millis() * QUIET_PERCENT / 100;
        // Below a fifth of a second the ticks of the kernel's clock are too coarse to judge.
        if heard > self.since || worked.as_millis() > quiet.max(200) {
            (self.since, self.cpu) = (now.max(heard), cpu);
        }
        let idle = now.saturating_sub(self.since);
        (!self.patience.is_zero() && idle >= self.patience).then_some(idle)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Looks every second; `heard` and `cpu` (milliseconds) as functions of the second.
    fn idle_at(patience: u64, heard: impl Fn(u64) -> u64, cpu: impl Fn(u64) -> u64) -> Option<u64> {
        let mut watch = Watch::new(Duration::from_secs(patience), Duration::ZERO);
        (1..2_000).find(|second| {
            let heard = Duration::from_secs(heard(*second));
            watch.look(Duration::from_secs(*second), heard, Duration::from_millis(cpu(*second))).is_some()
        })
    }

    #[test]
    fn silence_and_stillness_together_are_a_hang() {
        assert_eq!(idle_at(600, |_| 0, |_| 0), Some(600));
        // Output every minute, or a busy core, is none.
        assert_eq!(idle_at(600, |second| second / 60 * 60, |_| 0), None);
        assert_eq!(idle_at(600, |_| 0, |second| second * 900), None);
        // Work, then nothing.
        assert_eq!(idle_at(600, |second| second.min(100), |second| second.min(100) * 900), Some(700));
        // A thread that only looks at its watch is no work: 0.5 % of a core.
        assert_eq!(idle_at(600, |_| 0, |second| second * 5), Some(600));
        assert_eq!(idle_at(600, |_| 0, |second| second * 30), None);
        assert_eq!(idle_at(0, |_| 0, |_| 0), None);
    }
}
