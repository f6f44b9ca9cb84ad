//! Times: balancing wants the expected value, and one odd run must not move it far.

use crate::config::TimeRule;
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

/// The recency-weighted trimmed mean of the newest 20 samples, rounded up, or a quantile of them; at least
/// 1 ms. `None` without samples.
///
/// `samples` are pairs of age and time, newest first.
pub(super) fn expected(samples: &[(usize, Millis)], rule: TimeRule) -> Option<Millis> {
    let newest = samples.first()?.0;
    // In tenths of a half-life, as the table has them.
    let weight = |age: usize| weight((age - newest).saturating_mul(10) / rule.half_life.max(1) as usize);
    let mut kept: Vec<(Millis, u64)> =
        samples.iter().take(RUNS_MAX).map(|(age, time)| (*time, weight(*age))).collect();
    kept.sort_unstable();
    if let Some(quantile) = rule.quantile {
        let whole: u128 = kept.iter().map(|(_, weight)| u128::from(*weight)).sum();
        let mut below = 0;
        let reaches = |(_, weight): &&(Millis, u64)| {
            below += u128::from(*weight) * 10_000;
            below >= whole * u128::from(quantile.0)
        };
        return kept.iter().find(reaches).or(kept.last()).map(|(time, _)| (*time).max(Millis(1)));
    }
    let trim = kept.len().checked_div(rule.trimmed as usize).unwrap_or(0).min((kept.len() - 1) / 2);
    let kept = &kept[trim..kept.len() - trim];
    let weights: u128 = kept.iter().map(|(_, weight)| u128::from(*weight)).sum();
    let sum: u128 = kept.iter().map(|(time, weight)| u128::from(time.0) * u128::from(*weight)).sum();
    Some(Millis(u64::try_from(sum.div_ceil(weights)).unwrap_or(u64::MAX).max(1)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Quantile;

    fn check(times: &[u64], expect: std::ops::RangeInclusive<u64>) {
        let samples: Vec<_> = times.iter().enumerate().map(|(age, ms)| (age, Millis(*ms))).collect();
        let found = expected(&samples, TimeRule::default()).unwrap().0;
        assert!(expect.contains(&found), "{times:?}: {found}");
    }

    #[test]
    fn the_mean_is_robust_and_prefers_the_new() {
        check(&[100], 100..=100);
        check(&[0], 1..=1);
        check(&[100, 100, 100, 100, 90_000], 100..=100);
        check(&[200, 100], 150..=155);
        check(&[200, 200, 200, 200, 200, 100, 100, 100, 100, 100], 155..=175);
        assert_eq!(expected(&[], TimeRule::default()), None);
        let odd = [(0, Millis(100)), (1, Millis(100)), (2, Millis(100)), (3, Millis(100)), (4, Millis(900))];
        let usual = TimeRule::default();
        assert_eq!(expected(&odd, usual), Some(Millis(100)));
        assert!(expected(&odd, TimeRule { trimmed: 0, ..usual }) > Some(Millis(200)));
        let change = [(0, Millis(200)), (1, Millis(100))];
        assert_eq!(expected(&change, TimeRule { half_life: 1, ..usual }), Some(Millis(167)));
        let quantile = |percent: u32| TimeRule { quantile: Some(Quantile(percent * 100)), ..usual };
        let found = |percent: u32| expected(&odd, quantile(percent)).unwrap().0;
        assert_eq!([found(0), found(50), found(90), found(100)], [100, 100, 900, 900]);
        assert_eq!(expected(&change, quantile(50)), Some(Millis(200)), "the newer one weighs more");
        assert_eq!(weight(10), weight(0) / 2);
        assert_eq!(weight(10_000), 1);
    }
}
