//! Runs that are over, replayed: each is planned with what was known before it, and the plan is priced
//! with what the run really took.
//!
//! Times and memory are judged apart. For times all suites are shared out as on one kind of machine, one after
//! another, with neither set-up nor a budget; for [`memory`] runs are planned as they are configured. A run counts
//! from the second on, since nothing is known before the first.

mod best;
mod guess;
pub mod memory;
mod price;
pub mod rule;
pub mod setting;
pub mod step;

use serde::Serialize;

use crate::config::Config;
use crate::inventory::{ListingError, assign};
use crate::model::{Basis, Millis};

use guess::{Guess, guesses};
pub use memory::MemoryBacktest;
pub use rule::{MEMORY_RULES, MemoryRule};
pub use setting::{Setting, standard};
pub use step::{MemoryStep, Ran, Step, recorded, steps, weighed_runs};

/// What became of every run under every setting.
#[derive(Clone, Debug, Serialize)]
pub struct Backtest {
    /// The version of this shape.
    pub schema: u64,
    /// Oldest first.
    pub runs: Vec<Replayed>,
    /// The settings, in the order in which they were asked for.
    pub settings: Vec<Summary>,
    /// What became of memory; `None` where nothing was measured of it.
    pub memory: Option<MemoryBacktest>,
}

/// One run.
#[derive(Clone, Debug, Serialize)]
pub struct Replayed {
    /// What it is called.
    pub run: String,
    /// Suites that ran in it.
    pub suites: usize,
    /// Those that no earlier run knew.
    pub new: usize,
    /// What all of them took.
    pub total_ms: Millis,
    /// What the new ones took.
    pub new_ms: Millis,
    /// One for each number of shards.
    pub plans: Vec<Priced>,
}

/// The plans of one run for one number of shards.
#[derive(Clone, Debug, Serialize)]
pub struct Priced {
    /// How many shards.
    pub shards: usize,
    /// No plan could have been shorter: proven.
    pub bound_ms: Millis,
    /// What the longest shard really took, one for each setting.
    pub longest_ms: Vec<Millis>,
}

impl Priced {
    /// Longest ÷ bound under a setting: 1 is the best possible.
    #[must_use]
    pub fn ratio(&self, setting: usize) -> f64 {
        self.longest_ms[setting].0 as f64 / self.bound_ms.0.max(1) as f64
    }
}

/// A setting over all runs.
#[derive(Clone, Debug, Serialize)]
pub struct Summary {
    /// What it is called.
    pub setting: String,
    /// One for each number of shards.
    pub plans: Vec<Ratio>,
    /// How far times were off, by where they came from. Only what occurred.
    pub by_basis: Vec<Off<Basis>>,
    /// The same by the number of runs that they rest on.
    pub by_samples: Vec<Off<Samples>>,
}

/// How long plans were.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Ratio {
    /// How many shards.
    pub shards: usize,
    /// The mean over the runs of the longest shard ÷ the best possible.
    pub mean: f64,
    /// The worst of them.
    pub worst: f64,
}

/// How far predicted times were off.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Off<K> {
    /// Which predictions.
    pub of: K,
    /// How many there were.
    pub suites: usize,
    /// The median of |ln(predicted ÷ real)|: 0.1 is a tenth too high or too low, 0.69 a factor of 2.
    pub median_log_error: f64,
}

/// Runs that a prediction rests on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub enum Samples {
    /// Never seen.
    #[serde(rename = "0")]
    None,
    /// Seen once.
    #[serde(rename = "1")]
    One,
    /// Two to four.
    #[serde(rename = "2-4")]
    Few,
    /// Five to nine.
    #[serde(rename = "5-9")]
    Some,
    /// Ten or more.
    #[serde(rename = "10+")]
    Many,
}

impl Samples {
    fn of(count: u32) -> Samples {
        match count {
            0 => Samples::None,
            1 => Samples::One,
            2..5 => Samples::Few,
            5..10 => Samples::Some,
            _ => Samples::Many,
        }
    }
}

/// One prediction and how far it was off.
#[derive(Clone, Copy, Debug)]
pub struct Miss {
    /// Where it came from.
    pub basis: Basis,
    /// Runs that it rests on.
    pub samples: Samples,
    /// |ln(predicted ÷ real)|
    pub log_error: f64,
}

/// One run under every setting.
#[derive(Clone, Debug)]
pub struct Judged {
    /// Its plans.
    pub replayed: Replayed,
    /// For each setting one for each suite.
    pub misses: Vec<Vec<Miss>>,
}

/// Plans one run under every setting, and prices the plans.
///
/// # Errors
/// Suites that no tier takes.
pub fn judge(
    step: &Step,
    config: &Config,
    shards: &[usize],
    settings: &[Setting],
) -> Result<Judged, ListingError> {
    let assigned = assign(&step.inventory, &config.tiers)?;
    let real: Vec<u64> = step.real.iter().map(|time| time.0).collect();
    let guessed: Vec<Vec<Guess>> =
        settings.iter().map(|setting| guesses(*setting, step, config, &assigned)).collect();
    let plans = shards.iter().map(|shards| Priced {
        shards: *shards,
        bound_ms: Millis(best::bound(&real, *shards)),
        longest_ms: (settings.iter().zip(&guessed))
            .map(|(setting, guessed)| {
                let times: Vec<u64> = guessed.iter().map(|guess| guess.ms).collect();
                let mut loads = vec![0u64; *shards];
                for (suite, shard) in setting.share_out(&times, *shards).into_iter().enumerate() {
                    loads[shard] = loads[shard].saturating_add(real[suite]);
                }
                Millis(loads.into_iter().max().unwrap_or(0))
            })
            .collect(),
    });
    let new_times = step.real.iter().zip(&step.new).filter(|(_, new)| **new).map(|(time, _)| *time);
    let replayed = Replayed {
        run: step.run.clone(),
        suites: real.len(),
        new: step.new.iter().filter(|new| **new).count(),
        total_ms: step.real.iter().copied().sum(),
        new_ms: new_times.sum(),
        plans: plans.collect(),
    };
    let misses =
        guessed.iter().map(|guessed| guessed.iter().zip(&real).map(|(guess, real)| guess.miss(*real)));
    Ok(Judged { replayed, misses: misses.map(Iterator::collect).collect() })
}

/// Replays the times of every run. `done` hears when one is.
///
/// # Errors
/// Suites that no tier takes.
pub fn replay(
    steps: &[Step],
    config: &Config,
    shards: &[usize],
    settings: &[Setting],
    done: &dyn Fn(),
) -> Result<Backtest, ListingError> {
    let judge = |step| {
        let judged = judge(step, config, shards, settings);
        done();
        judged
    };
    let judged: Vec<Judged> = steps.iter().map(judge).collect::<Result<_, _>>()?;
    let summary = |number: usize| {
        let misses = || judged.iter().flat_map(move |judged| &judged.misses[number]);
        let ratios =
            |shards: usize| judged.iter().map(move |judged| judged.replayed.plans[shards].ratio(number));
        Summary {
            setting: settings[number].to_string(),
            plans: (shards.iter().enumerate())
                .map(|(place, shards)| Ratio {
                    shards: *shards,
                    mean: rounded(ratios(place).sum::<f64>() / judged.len().max(1) as f64),
                    worst: rounded(ratios(place).fold(0.0, f64::max)),
                })
                .collect(),
            by_basis: off(misses(), |miss| miss.basis),
            by_samples: off(misses(), |miss| miss.samples),
        }
    };
    let settings = (0..settings.len()).map(summary).collect();
    let runs = judged.into_iter().map(|judged| judged.replayed).collect();
    Ok(Backtest { schema: 1, runs, settings, memory: None })
}

fn off<'a, K: Copy + Ord>(misses: impl Iterator<Item = &'a Miss>, key: impl Fn(&Miss) -> K) -> Vec<Off<K>> {
    let mut groups: std::collections::BTreeMap<K, Vec<f64>> = std::collections::BTreeMap::new();
    misses.for_each(|miss| groups.entry(key(miss)).or_default().push(miss.log_error));
    let off = |(of, errors): (K, Vec<f64>)| {
        let suites = errors.len();
        Some(Off { of, suites, median_log_error: rounded(median(errors)?) })
    };
    groups.into_iter().filter_map(off).collect()
}

/// The median; of an even number the mean of the two in the middle. `None` of nothing.
#[must_use]
pub fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let last = values.len().checked_sub(1)?;
    Some(values[last / 2].midpoint(values[last.div_ceil(2)]))
}

/// To four digits, so that what is printed says no more than what is known.
fn rounded(value: f64) -> f64 {
    (value * 1e4).round() / 1e4
}
