//! What each setting would have said of every suite.

use super::setting::{Setting, Unknown};
use super::step::{Known, Step};
use super::{Miss, Samples};
use crate::config::{Config, TimeRule};
use crate::estimate::estimate;
use crate::model::Basis;

/// A predicted time.
#[derive(Clone, Copy)]
pub(super) struct Guess {
    /// At least 1.
    pub(super) ms: u64,
    basis: Basis,
    samples: u32,
}

impl Guess {
    pub(super) fn miss(&self, real: u64) -> Miss {
        // From the pinned `libm`: the same digits everywhere.
        let log_error = libm::log(self.ms.max(1) as f64 / real.max(1) as f64).abs();
        Miss { basis: self.basis, samples: Samples::of(self.samples), log_error }
    }
}

/// One for each suite, in the inventory's order.
pub(super) fn guesses(setting: Setting, step: &Step, config: &Config, assigned: &[usize]) -> Vec<Guess> {
    match setting {
        Setting::Ours(rule) => ours(rule, step, config, assigned),
        Setting::Unknown(unknown) => {
            let mut guesses = ours(config.time, step, config, assigned);
            let mut known: Vec<u64> =
                (guesses.iter().filter(|guess| guess.samples > 0)).map(|guess| guess.ms).collect();
            known.sort_unstable();
            for (suite, guess) in guesses.iter_mut().enumerate().filter(|(_, guess)| guess.samples == 0) {
                let assumed = config.tiers[assigned[suite]].assume.time.0;
                let (ms, basis) = match (unknown, mean(&known), known.get(known.len() / 2)) {
                    (Unknown::Truth, ..) => (step.real[suite].0, Basis::Assumed),
                    (Unknown::Mean, Some(mean), _) => (mean, Basis::Inherited),
                    (Unknown::Median, _, Some(median)) => (*median, Basis::Inherited),
                    _ => (assumed, Basis::Assumed),
                };
                *guess = Guess { ms: ms.max(1), basis, samples: 0 };
            }
            guesses
        }
        Setting::LongestFirst => {
            let times = step.history.suites.iter().zip(&step.new).map(|(samples, new)| {
                let known = samples.iter().filter(|_| !new).filter_map(|sample| sample.seen.time);
                let times: Vec<u64> = known.map(|time| time.0).collect();
                Some((mean(&times)?, times.len() as u32))
            });
            with_mean(times.collect(), config, assigned)
        }
        Setting::LeastDuration | Setting::Chunks => newest(step, config, assigned),
    }
}

fn ours(rule: TimeRule, step: &Step, config: &Config, assigned: &[usize]) -> Vec<Guess> {
    let config = Config { time: rule, ..config.clone() };
    let estimates = estimate(&step.inventory, assigned, &config, &step.history).suites;
    let guess = |(estimate, new): (crate::model::Estimate, &bool)| Guess {
        ms: estimate.cost.time.0,
        basis: estimate.time_basis,
        samples: if *new { 0 } else { estimate.samples },
    };
    estimates.into_iter().zip(&step.new).map(guess).collect()
}

/// Known times with their samples; for the others the mean of the known.
fn with_mean(times: Vec<Option<(u64, u32)>>, config: &Config, assigned: &[usize]) -> Vec<Guess> {
    let known: Vec<u64> = times.iter().flatten().map(|(ms, _)| *ms).collect();
    let mean = mean(&known);
    let guess = |(time, tier): (Option<(u64, u32)>, &usize)| match (time, mean) {
        (Some((ms, samples)), _) => Guess { ms: ms.max(1), basis: Basis::Measured, samples },
        (None, Some(mean)) => Guess { ms: mean.max(1), basis: Basis::Inherited, samples: 0 },
        (None, None) => {
            Guess { ms: config.tiers[*tier].assume.time.0.max(1), basis: Basis::Assumed, samples: 0 }
        }
    };
    times.into_iter().zip(assigned).map(guess).collect()
}

/// The newest run alone, test by test: a test that it does not know takes the mean of those that it does.
fn newest(step: &Step, config: &Config, assigned: &[usize]) -> Vec<Guess> {
    let sum =
        |figure: fn(&Known) -> u64| step.newest.iter().map(|known| u128::from(figure(known))).sum::<u128>();
    let tests = sum(|known| known.known);
    let mean = sum(|known| known.ms).checked_div(tests).map(|mean| mean as u64);
    let guess = |(known, tier): (&Known, &usize)| {
        let Some(mean) = mean else {
            return Guess { ms: config.tiers[*tier].assume.time.0.max(1), basis: Basis::Assumed, samples: 0 };
        };
        let ms = known.ms.saturating_add(mean.saturating_mul(known.unknown)).max(1);
        match known.known {
            0 => Guess { ms, basis: Basis::Inherited, samples: 0 },
            _ => Guess { ms, basis: Basis::Measured, samples: 1 },
        }
    };
    step.newest.iter().zip(assigned).map(guess).collect()
}

fn mean(values: &[u64]) -> Option<u64> {
    let sum: u128 = values.iter().map(|value| u128::from(*value)).sum();
    sum.checked_div(values.len() as u128).map(|mean| mean as u64)
}
