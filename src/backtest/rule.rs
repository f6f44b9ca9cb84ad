//! Whose view of the memory of suites that were measured before.

use std::fmt;

use super::step::MemoryStep;
use crate::config::Config;
use crate::estimate::{Estimates, estimate};
use crate::history::Sample;
use crate::model::{Bytes, Observation, Percent};

/// How many of the newest runs others look at.
const RUNS_MAX: usize = 20;

/// One way to say what suites need.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MemoryRule {
    /// Ours.
    Ours,
    /// The mean of what was measured, as for times.
    Mean,
    /// The largest, and so much more.
    Largest(Percent),
    /// The 90th percentile, and so much more.
    Upper(Percent),
}

/// What `--compare` shows: ours first.
pub const MEMORY_RULES: [MemoryRule; 5] = [
    MemoryRule::Ours,
    MemoryRule::Mean,
    MemoryRule::Largest(Percent(0)),
    // As people set limits by hand.
    MemoryRule::Largest(Percent(2_000)),
    // As autoscalers of clusters do.
    MemoryRule::Upper(Percent(1_500)),
];

impl fmt::Display for MemoryRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (what, more) = match self {
            MemoryRule::Ours => return f.write_str("shard"),
            MemoryRule::Mean => return f.write_str("mean"),
            MemoryRule::Largest(more) => ("largest", more),
            MemoryRule::Upper(more) => ("90th percentile", more),
        };
        f.write_str(what)?;
        if *more == Percent(0) { Ok(()) } else { write!(f, " + {} %", f64::from(more.0) / 100.0) }
    }
}

impl MemoryRule {
    /// What is said of every suite. Others' rules say nothing of suites that were not measured, and nothing
    /// of kills: those are ours.
    pub(super) fn estimates(self, step: &MemoryStep, config: &Config, assigned: &[usize]) -> Estimates {
        let mut estimates = estimate(&step.inventory, assigned, config, &step.history);
        if self == MemoryRule::Ours {
            return estimates;
        }
        for (estimate, samples) in estimates.suites.iter_mut().zip(&step.history.suites) {
            let cost = &mut estimate.cost;
            let set = |slot: &mut Bytes, figure: fn(&Observation) -> Option<i64>| {
                if let Some(bytes) = self.of(newest(samples, figure)) {
                    *slot = bytes;
                }
            };
            set(&mut cost.import, |seen| seen.import);
            set(&mut cost.retained, |seen| seen.retained);
            set(&mut cost.transient, |seen| seen.transient.and_then(|bytes| i64::try_from(bytes).ok()));
        }
        estimates
    }

    /// `None` of nothing.
    fn of(self, mut figures: Vec<i64>) -> Option<Bytes> {
        figures.sort_unstable();
        let count = figures.len();
        let largest = *figures.last()?;
        let (value, more) = match self {
            MemoryRule::Ours => return None,
            MemoryRule::Mean => {
                let sum: i128 = figures.iter().map(|figure| i128::from(*figure)).sum();
                (i64::try_from(sum / count as i128).unwrap_or(largest), Percent(0))
            }
            MemoryRule::Largest(more) => (largest, more),
            MemoryRule::Upper(more) => (figures[(count * 9).div_ceil(10) - 1], more),
        };
        Some(Bytes(u64::try_from(value).unwrap_or(0)).plus(more))
    }
}

/// Of the plan's key, or of all where it has none.
fn newest(samples: &[Sample], figure: fn(&Observation) -> Option<i64>) -> Vec<i64> {
    let of = |foreign: bool| -> Vec<i64> {
        let usable = samples.iter().filter(|sample| foreign || !sample.foreign);
        usable.filter_map(|sample| figure(&sample.seen)).take(RUNS_MAX).collect()
    };
    let own = of(false);
    if own.is_empty() { of(true) } else { own }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn others_say_what_they_say() {
        let check = |rule: MemoryRule, name: &str, figures: &[i64], expect: Option<u64>| {
            assert_eq!((rule.of(figures.to_vec()), rule.to_string()), (expect.map(Bytes), name.to_owned()));
        };
        let [ours, mean, largest, people, autoscaler] = MEMORY_RULES;
        check(ours, "shard", &[1], None);
        check(mean, "mean", &[10, 40, 70], Some(40));
        check(mean, "mean", &[-10, -40], Some(0));
        check(largest, "largest", &[10, 70, 40], Some(70));
        check(people, "largest + 20 %", &[10, 100, 40], Some(120));
        // The tenth of eleven; of few the largest.
        check(autoscaler, "90th percentile + 15 %", &[9, 1, 2, 3, 4, 5, 6, 7, 8, 100, 1_000], Some(115));
        check(autoscaler, "90th percentile + 15 %", &[10, 100], Some(115));
        check(autoscaler, "90th percentile + 15 %", &[], None);
    }
}
