//! What holds of a tier as a whole: what its sessions pay once, how far the memory model was off, and what its machines
//! could not hold.

use std::collections::BTreeMap;

use super::STEP;
use super::shared::Shared;
use crate::config::{MemoryKind, Tier};
use crate::history::Sample;
use crate::model::{Bytes, Percent, ShardObservation};

/// How many of the newest shards count.
const SHARDS_MAX: usize = 20;

/// How many of the newest runs are looked at for the level that collection reaches.
const RUNS_MAX: usize = 10;

/// Largest factor that is believed: beyond it the model is not off, it is wrong.
const FACTOR_MAX: u128 = 15_000;

/// Bytes in a session that nothing explains, at most, and until enough shards were measured.
pub const SLACK_MAX: Bytes = Bytes(32 << 20);
/// And at least.
const SLACK_MIN: Bytes = Bytes(8 << 20);
/// Shards that are enough.
const SLACK_SHARDS: usize = 8;
/// What sessions held above the model of their medians is multiplied by this: what was learned in other sessions is off by
/// more than that.
const SLACK_TIMES: u64 = 3;

/// What is learned of a tier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TierEstimate {
    /// Bytes once in every session with measured suites: what nothing explains.
    pub slack: Bytes,
    /// Bytes in every worker of a session, whatever its suites are: what they pay once for all.
    pub shared: Bytes,
    /// Most bytes that collection adds in one worker besides, if one session collects all suites of the tier; `None` until
    /// it was measured.
    pub import_cap: Option<Bytes>,
    /// Added to the measured memory of its suites: as much as real sessions held more than the model
    /// makes of medians.
    pub calibration: Percent,
    /// Bytes that a shard was planned to hold whose machine was lost, where no such shard passed since.
    pub lost: Option<Bytes>,
}

impl Default for TierEstimate {
    /// Of a tier of which nothing is known.
    fn default() -> TierEstimate {
        TierEstimate {
            slack: SLACK_MAX,
            shared: Bytes(0),
            import_cap: None,
            calibration: Percent(0),
            lost: None,
        }
    }
}

impl TierEstimate {
    /// From the shards of earlier runs, newest first, and what their suites share.
    #[must_use]
    pub(super) fn new(shards: &[Sample<ShardObservation>], shared: Option<&Shared>) -> TierEstimate {
        let everywhere = shared.filter(|shared| shared.everywhere);
        let shared = everywhere.map_or(Bytes(0), Shared::planned);
        let slack = slack(shards);
        TierEstimate {
            slack,
            shared,
            import_cap: import_cap(shards).map(|cap| cap.saturating_sub(shared)),
            calibration: calibration(shards, slack),
            lost: lost(shards),
        }
    }

    /// Bytes of a session of `tier` before any suite, where suites were measured.
    #[must_use]
    pub fn floor(&self, tier: &Tier) -> Bytes {
        let shared = match tier.memory {
            MemoryKind::Accumulates => self.shared.saturating_mul(u64::from(tier.workers)),
            MemoryKind::Isolated => Bytes(0),
        };
        tier.floor() + self.slack + shared
    }
}

/// What real sessions held above the model of their suites' medians, in all but a tenth of them, three times.
fn slack(shards: &[Sample<ShardObservation>]) -> Bytes {
    let above =
        |shard: &ShardObservation| Some(shard.peak?.saturating_sub(shard.model.filter(|_| !shard.lost)?));
    let mut above: Vec<u64> =
        known(shards, above).into_iter().take(SHARDS_MAX).map(|(_, above)| above).collect();
    above.sort_unstable();
    match above.get(tenth_from_above(above.len())) {
        Some(above_model) if above.len() >= SLACK_SHARDS => {
            Bytes(*above_model).saturating_mul(SLACK_TIMES).round_up(STEP).clamp(SLACK_MIN, SLACK_MAX)
        }
        _ => SLACK_MAX,
    }
}

/// The place of the 90th percentile of so many sorted values.
fn tenth_from_above(count: usize) -> usize {
    (count * 9).div_ceil(10).saturating_sub(1)
}

/// Those that the figure is known of: of the plan's key, or of all keys where it has none.
fn known<T>(
    shards: &[Sample<ShardObservation>],
    figure: impl Fn(&ShardObservation) -> Option<T>,
) -> Vec<(usize, T)> {
    let of = |foreign: bool| -> Vec<(usize, T)> {
        let usable = shards.iter().filter(|shard| foreign || !shard.foreign);
        usable.filter_map(|shard| Some((shard.age, figure(&shard.seen)?))).collect()
    };
    let own = of(false);
    if own.is_empty() { of(true) } else { own }
}

/// The levels of all shards of a run together: a session may be planned to collect what several of them did. The most
/// of the newest runs, some of which may have run a part only.
fn import_cap(shards: &[Sample<ShardObservation>]) -> Option<Bytes> {
    let levels = known(shards, |shard| shard.import);
    let newest = levels.first()?.0;
    let mut runs: BTreeMap<usize, u64> = BTreeMap::new();
    for (age, level) in levels.into_iter().filter(|(age, _)| age - newest < RUNS_MAX) {
        let sum = runs.entry(age).or_default();
        *sum = sum.saturating_add(level);
    }
    Some(Bytes(runs.into_values().max()?).plus(Percent(500)))
}

/// The 90th percentile of real ÷ model, within 1 and 1.5, less 1. The slack is there for what is more by a few bytes: in a
/// small session that is a large factor, and no reason to plan large suites larger.
fn calibration(shards: &[Sample<ShardObservation>], slack: Bytes) -> Percent {
    let ratio = |shard: &ShardObservation| {
        let peak = u128::from(shard.peak?.saturating_sub(slack.0));
        let model = u128::from(shard.model.filter(|_| !shard.lost)?);
        (peak * 10_000).div_ceil(model.max(1)).clamp(10_000, FACTOR_MAX).try_into().ok()
    };
    let mut ratios: Vec<u32> =
        known(shards, ratio).into_iter().take(SHARDS_MAX).map(|(_, ratio)| ratio).collect();
    ratios.sort_unstable();
    Percent(ratios.get(tenth_from_above(ratios.len())).map_or(0, |ratio| ratio - 10_000))
}

/// The smallest of the lost shards that nothing as large has passed after. Only the plan's key counts:
/// another machine holds another amount.
fn lost(shards: &[Sample<ShardObservation>]) -> Option<Bytes> {
    let own = || shards.iter().filter(|shard| !shard.foreign);
    let passed = |lost: &Sample<ShardObservation>| {
        own().any(|shard| {
            !shard.seen.lost
                && shard.age <= lost.age
                && shard.seen.peak.is_some()
                && shard.seen.predicted >= lost.seen.predicted
        })
    };
    let lost = own().filter(|shard| shard.seen.lost && !passed(shard));
    lost.filter_map(|shard| shard.seen.predicted).min().map(Bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shards(of: &[ShardObservation]) -> Vec<Sample<ShardObservation>> {
        let sample = |(age, seen): (usize, &ShardObservation)| Sample { age, foreign: false, seen: *seen };
        of.iter().enumerate().map(sample).collect()
    }

    fn peak(peak: u64, model: u64) -> ShardObservation {
        ShardObservation { peak: Some(peak), model: Some(model), ..ShardObservation::default() }
    }

    #[test]
    fn the_model_is_corrected_upwards_only() {
        // In MB, above the slack.
        let peak = |real: u64, model: u64| peak(SLACK_MAX.0 + real * 1_000_000, model * 1_000_000);
        let check = |of: &[ShardObservation], expect: u32| {
            assert_eq!(TierEstimate::new(&shards(of), None).calibration, Percent(expect), "{of:?}");
        };
        check(&[], 0);
        check(&[peak(80, 100)], 0);
        check(&[peak(110, 100)], 1_000);
        check(&[peak(900, 100), peak(1, 0)], 5_000);
        // Two of twenty are more than a tenth can hide.
        let mut twenty = vec![peak(100, 100); 18];
        twenty.extend([peak(120, 100); 2]);
        check(&twenty, 0);
        twenty[0] = peak(120, 100);
        check(&twenty, 2_000);
        twenty.rotate_left(1);
        twenty.extend(vec![peak(150, 100); 9]);
        check(&twenty, 2_000);
        let foreign = Sample { age: 0, foreign: true, seen: peak(150, 100) };
        assert_eq!(TierEstimate::new(&[foreign], None).calibration, Percent(5_000), "for want of others");
        let own = Sample { age: 3, foreign: false, seen: peak(100, 100) };
        assert_eq!(TierEstimate::new(&[foreign, own], None).calibration, Percent(0));
    }

    #[test]
    fn what_nothing_explains_is_measured() {
        let check = |of: &[ShardObservation], expect: Bytes| {
            assert_eq!(TierEstimate::new(&shards(of), None).slack, expect, "{of:?}");
        };
        check(&[], SLACK_MAX);
        check(&[peak(100 << 20, 100 << 20); 7], SLACK_MAX);
        check(&[peak(100 << 20, 100 << 20); 8], SLACK_MIN);
        check(&[peak(100 << 20, 300 << 20); 8], SLACK_MIN);
        check(&[peak(105 << 20, 100 << 20); 8], Bytes(15 << 20));
        check(&[peak(900 << 20, 100 << 20); 8], SLACK_MAX);
        // One of ten may be odd, one of eight is not.
        let mut ten = [peak(105 << 20, 100 << 20); 10];
        ten[3] = peak(900 << 20, 100 << 20);
        check(&ten, Bytes(15 << 20));
        check(&ten[..8], SLACK_MAX);
        let lost = ShardObservation { lost: true, ..peak(1, 1) };
        check(&[[lost; 8], [peak(1, 1); 8]].concat()[..15], SLACK_MAX);
    }

    #[test]
    fn what_is_shared_is_paid_by_every_worker_of_a_session() {
        let shared = Shared { bytes: 100_000_000, everywhere: true, ..Shared::default() };
        let level = ShardObservation { import: Some(300_000_000), ..ShardObservation::default() };
        let known = TierEstimate::new(&shards(&[level]), Some(&shared));
        let once = Bytes(105_000_000).round_up(STEP);
        assert_eq!((known.shared, known.import_cap), (once, Some(Bytes(315_000_000).saturating_sub(once))));
        let mut tier = Tier { workers: 3, ..Tier::default() };
        assert_eq!(known.floor(&tier), tier.floor() + SLACK_MAX + once.saturating_mul(3));
        tier.memory = MemoryKind::Isolated;
        assert_eq!(known.floor(&tier), tier.floor() + SLACK_MAX);
        let few = Shared { everywhere: false, ..shared };
        let known = TierEstimate::new(&shards(&[level]), Some(&few));
        assert_eq!((known.shared, known.import_cap), (Bytes(0), Some(Bytes(315_000_000))));
    }

    #[test]
    fn collection_reaches_a_level() {
        let level = |bytes: u64| ShardObservation { import: Some(bytes), ..ShardObservation::default() };
        let check = |of: &[ShardObservation], expect: Option<u64>| {
            assert_eq!(TierEstimate::new(&shards(of), None).import_cap, expect.map(Bytes), "{of:?}");
        };
        check(&[peak(1, 1)], None);
        check(&[level(100), level(200)], Some(210));
        let mut old = vec![level(100); 10];
        old.push(level(900));
        check(&old, Some(105));
        // One shard may be planned to collect what three did.
        let three = [100, 200, 300].map(|bytes| Sample { age: 4, foreign: false, seen: level(bytes) });
        assert_eq!(TierEstimate::new(&three, None).import_cap, Some(Bytes(630)));
    }

    #[test]
    fn a_lost_machine_is_remembered_until_as_large_a_shard_passes() {
        let lost = |bytes: u64| ShardObservation {
            predicted: Some(bytes),
            lost: true,
            ..ShardObservation::default()
        };
        let passed = |bytes: u64| ShardObservation { predicted: Some(bytes), ..peak(1, 1) };
        let check = |of: &[ShardObservation], expect: Option<u64>| {
            assert_eq!(TierEstimate::new(&shards(of), None).lost, expect.map(Bytes), "{of:?}");
        };
        check(&[lost(1_000)], Some(1_000));
        check(&[passed(700), lost(1_000)], Some(1_000));
        check(&[passed(1_000), lost(1_000)], None);
        check(&[lost(1_000), passed(1_000)], Some(1_000));
        check(&[lost(800), passed(900), lost(1_000)], Some(800));
        let foreign = Sample { age: 0, foreign: true, seen: lost(9) };
        assert_eq!(TierEstimate::new(&[foreign], None).lost, None);
    }
}
