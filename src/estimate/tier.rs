//! What holds of a tier as a whole: how far the memory model was off, and what its machines could not hold.

use std::collections::BTreeMap;

use crate::history::Sample;
use crate::model::{Bytes, Percent, ShardObservation};

/// How many of the newest shards count.
const SHARDS_MAX: usize = 20;

/// How many of the newest runs are looked at for the level that collection reaches.
const RUNS_MAX: usize = 10;

/// Largest factor that is believed: beyond it the model is not off, it is wrong.
const FACTOR_MAX: u128 = 15_000;

/// What is learned of a tier.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TierEstimate {
    /// Most bytes that collection adds in one worker, if one session collects all suites of the tier; `None` until it
    /// was measured.
    pub import_cap: Option<Bytes>,
    /// Added to the measured memory of its suites: as much as real sessions held more than the model
    /// makes of medians.
    pub calibration: Percent,
    /// Bytes that a shard was planned to hold whose machine was lost, where no such shard passed since.
    pub lost: Option<Bytes>,
}

impl TierEstimate {
    /// From the shards of earlier runs, newest first.
    #[must_use]
    pub(super) fn new(shards: &[Sample<ShardObservation>]) -> TierEstimate {
        TierEstimate { import_cap: import_cap(shards), calibration: calibration(shards), lost: lost(shards) }
    }
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

/// The 90th percentile of real ÷ model, within 1 and 1.5, less 1.
fn calibration(shards: &[Sample<ShardObservation>]) -> Percent {
    let ratio = |shard: &ShardObservation| {
        let (peak, model) = (u128::from(shard.peak?), u128::from(shard.model.filter(|_| !shard.lost)?));
        (peak * 10_000).div_ceil(model.max(1)).clamp(10_000, FACTOR_MAX).try_into().ok()
    };
    let mut ratios: Vec<u32> =
        known(shards, ratio).into_iter().take(SHARDS_MAX).map(|(_, ratio)| ratio).collect();
    ratios.sort_unstable();
    let place = (ratios.len() * 9).div_ceil(10).saturating_sub(1);
    Percent(ratios.get(place).map_or(0, |ratio| ratio - 10_000))
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
        let check = |of: &[ShardObservation], expect: u32| {
            assert_eq!(TierEstimate::new(&shards(of)).calibration, Percent(expect), "{of:?}");
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
        assert_eq!(TierEstimate::new(&[foreign]).calibration, Percent(5_000), "for want of others");
        let own = Sample { age: 3, foreign: false, seen: peak(100, 100) };
        assert_eq!(TierEstimate::new(&[foreign, own]).calibration, Percent(0));
    }

    #[test]
    fn collection_reaches_a_level() {
        let level = |bytes: u64| ShardObservation { import: Some(bytes), ..ShardObservation::default() };
        let check = |of: &[ShardObservation], expect: Option<u64>| {
            assert_eq!(TierEstimate::new(&shards(of)).import_cap, expect.map(Bytes), "{of:?}");
        };
        check(&[peak(1, 1)], None);
        check(&[level(100), level(200)], Some(210));
        let mut old = vec![level(100); 10];
        old.push(level(900));
        check(&old, Some(105));
        // One shard may be planned to collect what three did.
        let three = [100, 200, 300].map(|bytes| Sample { age: 4, foreign: false, seen: level(bytes) });
        assert_eq!(TierEstimate::new(&three).import_cap, Some(Bytes(630)));
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
            assert_eq!(TierEstimate::new(&shards(of)).lost, expect.map(Bytes), "{of:?}");
        };
        check(&[lost(1_000)], Some(1_000));
        check(&[passed(700), lost(1_000)], Some(1_000));
        check(&[passed(1_000), lost(1_000)], None);
        check(&[lost(1_000), passed(1_000)], Some(1_000));
        check(&[lost(800), passed(900), lost(1_000)], Some(800));
        let foreign = Sample { age: 0, foreign: true, seen: lost(9) };
        assert_eq!(TierEstimate::new(&[foreign]).lost, None);
    }
}
