//! Times: balancing wants the expected value, and one odd run must not move it far.

use crate::config::{Quantile, TimeRule};
use crate::model::Millis;

/// How many of the newest runs count.
const RUNS_MAX: usize = 20;

/// `2^(−age/10)` in units of 2⁻²⁰, for ages 0 to 9: a half-life of ten runs. From a table, so that
/// it is the same everywhere.
const WEIGHTS: [u64; 10] =
    [1_048_576, 978_357, 912_841, 851_712, 794_676, 741_460, 691_807, 645_480, 602_255, 561_924];

/// The weight of a sample that is `age` runs older than the newest, in units of 2⁻²⁰; never 0.
pub(super) fn weight(age: usize) -> u64 {
    let halvings = u32::try_from(age / 10).unwrap_or(u32::MAX);
    WEIGHTS[age % 10].checked_shr(halvings).unwrap_or(0).max(1)
}

/// An expected time by its terms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Expected {
    /// Runs that were looked at: the newest 20 at most.
    pub runs: usize,
    /// How many of them fell away at either end.
    pub trimmed: usize,
    /// The quantile that was taken instead of the mean.
    pub quantile: Option<Quantile>,
    /// The figure, at least 1 ms.
    pub value: Millis,
}

/// One of the newest runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Weighed {
    time: Millis,
    /// In units of 2⁻²⁰.
    pub(super) weight: u64,
    /// Its place among the samples.
    pub(super) place: usize,
}

/// The newest samples, the shortest first, and how many fall away at either end. `samples` are pairs of age and
/// time, newest first.
pub(super) fn weigh(samples: &[(usize, Millis)], rule: TimeRule) -> (Vec<Weighed>, usize) {
    let newest = samples.first().map_or(0, |(age, _)| *age);
    // In tenths of a half-life, as the table has them.
    let weight = |age: usize| weight((age - newest).saturating_mul(10) / rule.half_life.max(1) as usize);
    let weighed = |(place, (age, time)): (usize, &(usize, Millis))| Weighed {
        time: *time,
        weight: weight(*age),
        place,
    };
    let mut all: Vec<Weighed> = samples.iter().take(RUNS_MAX).enumerate().map(weighed).collect();
    all.sort_unstable();
    let trim = match rule.quantile {
        Some(_) => 0,
        None => {
            all.len().checked_div(rule.trimmed as usize).unwrap_or(0).min(all.len().saturating_sub(1) / 2)
        }
    };
    (all, trim)
}

/// The recency-weighted trimmed mean of the newest 20 samples, rounded up, or a quantile of them; at least
/// 1 ms. `None` without samples.
///
/// `samples` are pairs of age and time, newest first.
pub(super) fn expected(samples: &[(usize, Millis)], rule: TimeRule) -> Option<Expected> {
    let (all, trimmed) = weigh(samples, rule);
    let kept = &all[trimmed..all.len() - trimmed];
    let weights: u128 = kept.iter().map(|run| u128::from(run.weight)).sum();
    let value = match rule.quantile {
        Some(quantile) => {
            let mut below = 0;
            let reaches = |run: &&Weighed| {
                below += u128::from(run.weight) * 10_000;
                below >= weights * u128::from(quantile.0)
            };
            kept.iter().find(reaches).or(kept.last())?.time
        }
        None => {
            let sum: u128 = kept.iter().map(|run| u128::from(run.time.0) * u128::from(run.weight)).sum();
            kept.first()?;
            Millis(u64::try_from(sum.div_ceil(weights)).unwrap_or(u64::MAX))
        }
    };
    Some(Expected { runs: all.len(), trimmed, quantile: rule.quantile, value: value.max(Millis(1)) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time(samples: &[(usize, Millis)], rule: TimeRule) -> Option<Millis> {
        expected(samples, rule).map(|expected| expected.value)
    }

    fn check(times: &[u64], expect: std::ops::RangeInclusive<u64>) {
        let samples: Vec<_> = times.iter().enumerate().map(|(age, ms)| (age, Millis(*ms))).collect();
        let found = time(&samples, TimeRule::default()).unwrap().0;
        assert!(expect.contains(&found), "{times:?}: {found}");
    }

    #[test]
    fn the_mean_is_robust_and_prefers_the_new() {
        check(&[100], 100..=100);
        check(&[0], 1..=1);
        check(&[100, 100, 100, 100, 90_000], 100..=100);
        check(&[200, 100], 150..=155);
        check(&[200, 200, 200, 200, 200, 100, 100, 100, 100, 100], 155..=175);
        assert_eq!(time(&[], TimeRule::default()), None);
        let odd = [(0, Millis(100)), (1, Millis(100)), (2, Millis(100)), (3, Millis(100)), (4, Millis(900))];
        let usual = TimeRule::default();
        assert_eq!(time(&odd, usual), Some(Millis(100)));
        assert!(time(&odd, TimeRule { trimmed: 0, ..usual }) > Some(Millis(200)));
        let change = [(0, Millis(200)), (1, Millis(100))];
        assert_eq!(time(&change, TimeRule { half_life: 1, ..usual }), Some(Millis(167)));
        let quantile = |percent: u32| TimeRule { quantile: Some(Quantile(percent * 100)), ..usual };
        let found = |percent: u32| time(&odd, quantile(percent)).unwrap().0;
        assert_eq!([found(0), found(50), found(90), found(100)], [100, 100, 900, 900]);
        assert_eq!(time(&change, quantile(50)), Some(Millis(200)), "the newer one weighs more");
        assert_eq!(weight(10), weight(0) / 2);
        assert_eq!(weight(10_000), 1);
    }
}
