//! Memory: upper bounds, because a kill costs a whole job.
//!
//! A shrunk log-normal bound that widens while samples are few. Logarithms come from the pinned
//! `libm`, so that a plan is the same bytes everywhere.

use crate::model::{Bytes, Percent};

use super::time::weight;

/// How many of the newest runs count for the bound, and for the maximum.
pub(super) const RUNS_MAX: usize = 20;
pub(super) const RECENT_MAX: usize = 10;

/// Added before the logarithm: transients are often zero, since another suite built the fixture
/// first.
const OFFSET: f64 = (16 << 20) as f64;

/// The bounds of the repository's own spread between runs, as a standard deviation of logarithms.
const SPREAD: std::ops::RangeInclusive<f64> = 0.02..=0.30;

/// What it is taken for until suites were measured twice.
const SPREAD_USUAL: f64 = 0.10;

/// And how many degrees of freedom that is worth against theirs.
const SPREAD_PRIOR: f64 = 20.0;

/// How many samples the repository's spread is worth against a suite's own.
const PRIOR: f64 = 6.0;

/// A quantile of the normal distribution, to be widened for the spread's being estimated too. Chosen by
/// simulation, so that the next run exceeds the bound in at most 8 of 100 cases after one run and in 4
/// after ten: `testdata/memory.txt`.
const QUANTILE: f64 = 1.55;

struct Moments {
    /// Effective number of samples.
    n: f64,
    mean: f64,
    variance: f64,
}

/// Weighted moments of the logarithms; the newest sample first.
fn moments(samples: &[(usize, u64)]) -> Option<Moments> {
    let newest = samples.first()?.0;
    let logs: Vec<(f64, f64)> = samples
        .iter()
        .take(RUNS_MAX)
        .map(|(age, bytes)| (weight(age - newest) as f64, libm::log(*bytes as f64 + OFFSET)))
        .collect();
    let sum: f64 = logs.iter().map(|(w, _)| w).sum();
    let squares: f64 = logs.iter().map(|(w, _)| w * w).sum();
    let n = sum * sum / squares;
    let mean = logs.iter().map(|(w, x)| w * x).sum::<f64>() / sum;
    let spread = logs.iter().map(|(w, x)| w * (x - mean) * (x - mean)).sum::<f64>() / sum;
    let variance = if n > 1.01 { spread * n / (n - 1.0) } else { 0.0 };
    Some(Moments { n, mean, variance })
}

/// The repository's pooled standard deviation between runs, within 0.02 and 0.30: that of its large suites more than that of
/// its small ones, by whose bytes nobody is killed.
pub(super) fn pooled_spread(suites: impl Iterator<Item = Vec<(usize, u64)>>) -> f64 {
    let (mut sum, mut weight, mut freedom) = (0.0, 0.0, 0.0);
    for found in suites.filter_map(|samples| moments(&samples)) {
        let degrees = (found.n - 1.0).max(0.0);
        let size = libm::exp(found.mean);
        sum += size * degrees * found.variance;
        weight += size * degrees;
        freedom += degrees;
    }
    let variance = if weight > 0.0 { sum / weight } else { 0.0 };
    let usual = SPREAD_PRIOR * SPREAD_USUAL * SPREAD_USUAL;
    let spread = ((usual + freedom * variance) / (SPREAD_PRIOR + freedom)).sqrt();
    spread.clamp(*SPREAD.start(), *SPREAD.end())
}

/// The same quantile of Student's distribution, by the first terms of its expansion (Abramowitz and Stegun
/// 26.7.5).
fn student(freedom: f64) -> f64 {
    let z = QUANTILE;
    let (z3, z5) = (z * z * z, z * z * z * z * z);
    z + (z3 + z) / (4.0 * freedom) + (5.0 * z5 + 16.0 * z3 + 3.0 * z) / (96.0 * freedom * freedom)
}

/// What a suite's transient stays below in all but a few runs, by its terms. Floating point, in bytes or their
/// logarithms.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bound {
    /// Runs that count.
    pub runs: usize,
    /// The same by their weights: old ones count less.
    pub effective: f64,
    /// The mean of the logarithms.
    pub mean: f64,
    /// The repository's standard deviation of logarithms.
    pub prior: f64,
    /// This suite's, drawn towards that while its samples are few.
    pub deviation: f64,
    /// The quantile of Student's distribution.
    pub t: f64,
    /// What these make.
    pub bound: f64,
    /// 1.5 × the largest: no bound is higher.
    pub most: f64,
    /// 1.05 × the largest of the last ten: none is lower.
    pub least: f64,
}

/// Which term of a [`Bound`] decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decided {
    /// The bound itself.
    Bound,
    /// 1.5 × the largest.
    Most,
    /// 1.05 × the largest of the last ten.
    Least,
}

impl Bound {
    /// By the newest sample first; `None` without samples. `prior` is the repository's spread.
    pub(super) fn new(samples: &[(usize, u64)], prior: f64) -> Option<Bound> {
        let Moments { n, mean, variance } = moments(samples)?;
        let freedom = PRIOR + n - 1.0;
        let deviation = ((PRIOR * prior * prior + (n - 1.0) * variance) / freedom).sqrt();
        let t = student(freedom);
        let bound = libm::exp(mean + t * deviation * (1.0 + 1.0 / n).sqrt()) - OFFSET;
        let max = |most: usize| samples.iter().take(most).map(|(_, bytes)| *bytes).max().unwrap_or(0) as f64;
        let (most, least) = (1.5 * max(RUNS_MAX), 1.05 * max(RECENT_MAX));
        let runs = samples.len().min(RUNS_MAX);
        Some(Bound { runs, effective: n, mean, prior, deviation, t, bound, most, least })
    }

    /// The figure.
    #[must_use]
    pub fn value(&self) -> Bytes {
        Bytes(self.bound.min(self.most).max(self.least).max(0.0).ceil() as u64)
    }

    /// What decided it.
    #[must_use]
    pub fn decided(&self) -> Decided {
        match self.bound.min(self.most) {
            upper if upper < self.least => Decided::Least,
            upper if upper < self.bound => Decided::Most,
            _ => Decided::Bound,
        }
    }

    /// The weighted mean of the samples, as their logarithms have it.
    #[must_use]
    pub fn middle(&self) -> Bytes {
        Bytes((libm::exp(self.mean) - OFFSET).max(0.0) as u64)
    }
}

/// What is retained or imported: near zero, sometimes negative, so no logarithm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Level {
    /// Runs that count.
    pub runs: usize,
    /// Bytes: of those runs the one that decides, the largest or the least.
    pub bytes: i64,
    /// Added to that.
    pub more: Percent,
}

/// What is added to the largest, in hundredths of a percent.
const LEVEL_MORE: u32 = 500;
/// And besides to what is retained, divided by the number of runs: it differs with what the runtime has free, where imports
/// are always the same.
const LEVEL_FEW: u32 = 1_000;

impl Level {
    /// What is retained, by the newest sample first; `None` without samples.
    pub(super) fn retained(samples: &[(usize, i64)]) -> Option<Level> {
        let level = Level::imported(samples)?;
        let runs = u32::try_from(level.runs).unwrap_or(u32::MAX);
        Some(Level { more: Percent(LEVEL_MORE + LEVEL_FEW / runs), ..level })
    }

    /// What is imported, by the newest sample first; `None` without samples.
    pub(super) fn imported(samples: &[(usize, i64)]) -> Option<Level> {
        let recent = &samples[..samples.len().min(RECENT_MAX)];
        let bytes = recent.iter().map(|(_, bytes)| *bytes).max()?;
        Some(Level::own_import(recent.len(), bytes))
    }

    /// What is imported, known of so many runs.
    pub(super) fn own_import(runs: usize, bytes: i64) -> Level {
        Level { runs, bytes, more: Percent(LEVEL_MORE) }
    }

    /// The figure.
    #[must_use]
    pub fn value(&self) -> Bytes {
        Bytes(u64::try_from(self.bytes).unwrap_or(0)).plus(self.more)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bound(samples: &[u64]) -> f64 {
        let aged: Vec<_> = samples.iter().copied().enumerate().collect();
        let spread = pooled_spread(std::iter::once(aged.clone()));
        Bound::new(&aged, spread).unwrap().value().0 as f64 / 1e6
    }

    #[test]
    fn the_bound_narrows_with_samples() {
        let constant = |n: usize| bound(&vec![1_000_000_000; n]);
        let found: Vec<i64> = [1, 3, 10, 20].map(|n| constant(n).round() as i64).to_vec();
        // Computed apart from this code, from the formula.
        assert_eq!(found, [1295, 1183, 1099, 1067]);
    }

    #[test]
    fn odd_histories_give_sane_numbers() {
        assert_eq!(bound(&[0; 10]), 0.0);
        assert_eq!(bound(&[0]), 0.0);
        let alternating: Vec<u64> = (0..20).map(|n| if n % 2 == 0 { 1 << 20 } else { 50 << 20 }).collect();
        let found = bound(&alternating);
        assert!((55.0..=78.7).contains(&found), "{found}");
        assert!(bound(&[u64::MAX >> 12; 3]) > 0.0);
        let import = |samples: &[(usize, i64)]| Level::imported(samples).map(|level| level.value());
        assert_eq!(import(&[(0, -7), (1, -9)]), Some(Bytes(0)));
        assert_eq!(import(&[(0, 100), (1, 40)]), Some(Bytes(105)));
        assert_eq!(import(&[]), None);
        let retained = |samples: &[(usize, i64)]| Level::retained(samples).map(|level| level.value().0);
        let runs = |count: usize| vec![(0, 1_000); count];
        assert_eq!(
            [1, 2, 3, 10, 20].map(|count| retained(&runs(count)).unwrap()),
            [1_150, 1_100, 1_084, 1_060, 1_060]
        );
        assert_eq!((retained(&[]), retained(&[(0, -7)])), (None, Some(0)));
    }

    #[test]
    fn the_term_that_decides_is_told() {
        let check = |samples: &[u64], expect: Decided| {
            let aged: Vec<_> = samples.iter().copied().enumerate().collect();
            let bound = Bound::new(&aged, 0.1).unwrap();
            let term = match bound.decided() {
                Decided::Bound => bound.bound,
                Decided::Most => bound.most,
                Decided::Least => bound.least,
            };
            assert_eq!((bound.decided(), bound.value()), (expect, Bytes(term.ceil() as u64)), "{samples:?}");
        };
        check(&[1_000 << 20; 3], Decided::Bound);
        check(&[1 << 10], Decided::Most);
        let mut one_high = [100 << 20; 20];
        one_high[9] = 900 << 20;
        check(&one_high, Decided::Least);
    }
}
