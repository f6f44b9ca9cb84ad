//! Whose estimates, and whose way to share suites out.

use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::fmt;

use super::best;
use crate::config::{Quantile, TimeRule};

/// One way to plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Setting {
    /// Ours, with this view of old runs.
    Ours(TimeRule),
    /// Ours, but suites that were never seen get this.
    Unknown(Unknown),
    /// The longest first, by means, each into the shortest shard; a new suite takes the mean.
    LongestFirst,
    /// pytest-split's `least_duration`: the longest first, by the newest run. A new test takes the mean of
    /// the known ones.
    LeastDuration,
    /// pytest-split's `duration_based_chunks`: the list as it is, cut where a share is full. Times as above.
    Chunks,
}

/// What a suite that was never seen is said to take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unknown {
    /// The mean of the known ones.
    Mean,
    /// Their median.
    Median,
    /// What the configuration assumes of its tier.
    Assumed,
    /// What it really took: nobody can know, but it shows how much of a plan's length is due to new
    /// suites.
    Truth,
}

/// What `--compare` shows, where `usual` is what is set: ours, then others, then ours with other settings.
#[must_use]
pub fn standard(usual: TimeRule) -> Vec<Setting> {
    let quantile = |percent: u32| Some(Quantile(percent * 100));
    vec![
        Setting::Ours(usual),
        Setting::LongestFirst,
        Setting::LeastDuration,
        Setting::Chunks,
        Setting::Unknown(Unknown::Mean),
        Setting::Unknown(Unknown::Median),
        Setting::Unknown(Unknown::Assumed),
        Setting::Unknown(Unknown::Truth),
        Setting::Ours(TimeRule { half_life: 3, ..usual }),
        Setting::Ours(TimeRule { half_life: 30, ..usual }),
        Setting::Ours(TimeRule { trimmed: 0, ..usual }),
        Setting::Ours(TimeRule { quantile: quantile(50), ..usual }),
        Setting::Ours(TimeRule { quantile: quantile(90), ..usual }),
    ]
}

impl fmt::Display for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let usual = TimeRule::default();
        match self {
            Setting::Ours(rule) => {
                f.write_str("shard")?;
                if rule.half_life != usual.half_life {
                    write!(f, ", half-life {}", rule.half_life)?;
                }
                match rule.trimmed {
                    0 => f.write_str(", not trimmed")?,
                    part if part != usual.trimmed => write!(f, ", trimmed 1/{part}")?,
                    _ => {}
                }
                rule.quantile.map_or(Ok(()), |quantile| write!(f, ", quantile {}", quantile))
            }
            Setting::Unknown(Unknown::Mean) => f.write_str("shard, new: mean"),
            Setting::Unknown(Unknown::Median) => f.write_str("shard, new: median"),
            Setting::Unknown(Unknown::Assumed) => f.write_str("shard, new: assume"),
            Setting::Unknown(Unknown::Truth) => f.write_str("shard, new: the truth"),
            Setting::LongestFirst => f.write_str("longest first"),
            Setting::LeastDuration => f.write_str("pytest-split least_duration"),
            Setting::Chunks => f.write_str("pytest-split chunks"),
        }
    }
}

impl Setting {
    /// The shard of each suite, from 0.
    pub(super) fn share_out(self, times: &[u64], shards: usize) -> Vec<usize> {
        match self {
            Setting::Ours(_) | Setting::Unknown(_) => best::share_out(times, shards),
            Setting::LongestFirst | Setting::LeastDuration => longest_first(times, shards),
            Setting::Chunks => chunks(times, shards),
        }
    }
}

/// Each into the shortest shard (Graham 1969); of equal suites the first, of equal shards too.
fn longest_first(times: &[u64], shards: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..times.len()).collect();
    order.sort_by_key(|suite| Reverse(times[*suite]));
    let mut queue: BTreeSet<(u64, usize)> = (0..shards).map(|shard| (0, shard)).collect();
    let mut placed = vec![0; times.len()];
    for suite in order {
        let Some((load, shard)) = queue.pop_first() else { break };
        placed[suite] = shard;
        queue.insert((load.saturating_add(times[suite]), shard));
    }
    placed
}

/// A chunk ends where it has reached its share of the whole.
fn chunks(times: &[u64], shards: usize) -> Vec<usize> {
    let total: u128 = times.iter().map(|ms| u128::from(*ms)).sum();
    let (mut shard, mut load) = (0, 0u128);
    let place = |ms: &u64| {
        if load * shards as u128 >= total && shard + 1 < shards && total > 0 {
            (shard, load) = (shard + 1, 0);
        }
        load += u128::from(*ms);
        shard
    };
    times.iter().map(place).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(setting: Setting, times: &[u64], shards: usize, expect: &[usize]) {
        assert_eq!(setting.share_out(times, shards), expect, "{setting} {times:?}");
    }

    #[test]
    fn others_share_out_as_they_do() {
        check(Setting::LeastDuration, &[1, 5, 4, 4], 2, &[0, 0, 1, 1]);
        check(Setting::LongestFirst, &[3, 3, 3], 2, &[0, 1, 0]);
        // From pytest-split's documentation of the algorithm: a chunk takes the test that fills it.
        check(Setting::Chunks, &[1, 1, 5, 1, 1, 1], 2, &[0, 0, 0, 1, 1, 1]);
        check(Setting::Chunks, &[9, 1, 1], 3, &[0, 1, 1]);
        check(Setting::Chunks, &[0, 0], 2, &[0, 0]);
        check(Setting::LongestFirst, &[], 3, &[]);
    }

    #[test]
    fn ours_is_never_longer_by_its_own_times() {
        let times = [9, 8, 7, 6, 5, 5, 4, 4];
        let longest = |setting: Setting| {
            let mut loads = [0; 3];
            setting.share_out(&times, 3).iter().zip(times).for_each(|(shard, ms)| loads[*shard] += ms);
            loads.into_iter().max()
        };
        assert_eq!(longest(Setting::Ours(TimeRule::default())), Some(best::bound(&times, 3)));
        assert!(longest(Setting::LongestFirst) >= Some(best::bound(&times, 3)));
    }
}
