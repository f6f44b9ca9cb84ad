//! How long to wait before the next try.

use std::time::Duration;

/// The longest pause where a try takes no time worth mention: several hundred writers come to some fifty tries
/// a second.
const QUICK_MOST: Duration = Duration::from_secs(10);
/// The longest pause of all.
const MOST: Duration = Duration::from_secs(60);
/// A storage that takes long has many to serve: the pauses become so many times as long as a try.
const REST: u32 = 4;

/// Pauses that grow, each somewhere between nothing and its limit, so that many writers that met once do not
/// meet again. The same seed gives the same pauses.
pub(super) struct Pauses {
    random: u64,
    limit: Duration,
}

impl Pauses {
    pub(super) fn new(seed: u64) -> Pauses {
        Pauses { random: seed, limit: Duration::from_millis(50) }
    }

    /// After a try that took so long: with a limit twice that before. A limit never becomes less.
    pub(super) fn next(&mut self, took: Duration) -> Duration {
        let doubled = (self.limit * 2).min(QUICK_MOST);
        self.limit = self.limit.max(doubled).max(took.saturating_mul(REST).min(MOST));
        // SplitMix64.
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.random;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        let micros = u64::try_from(self.limit.as_micros()).unwrap_or(u64::MAX).max(1);
        Duration::from_micros(1 + (z ^ (z >> 31)) % micros)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_their_limit_and_repeat_with_their_seed() {
        let after = |took: Duration, seed: u64| {
            let mut pauses = Pauses::new(seed);
            (0..12).map(|_| pauses.next(took)).collect::<Vec<_>>()
        };
        let pauses = |seed| after(Duration::ZERO, seed);
        assert_eq!(pauses(1), pauses(1));
        assert_ne!(pauses(1), pauses(2));
        let mean = |round: usize| (0..400).map(|seed| pauses(seed)[round].as_secs_f64()).sum::<f64>() / 400.0;
        for (round, expect) in [(0, 0.05), (1, 0.1), (4, 0.8), (7, 5.0), (11, 5.0)] {
            assert!((mean(round) / expect - 1.0).abs() < 0.1, "round {round}: {}", mean(round));
        }
        assert!((0..400).flat_map(pauses).all(|pause| pause > Duration::ZERO && pause <= QUICK_MOST));
        // A busy storage is left alone for longer, and not for ever.
        for (took, most) in [(1, 10), (5, 20), (30, 60)] {
            let longest = (0..400).flat_map(|seed| after(Duration::from_secs(took), seed)).max().unwrap();
            assert!(longest.as_secs_f64() / (most as f64) > 0.99 && longest.as_secs() <= most, "{longest:?}");
        }
    }
}
