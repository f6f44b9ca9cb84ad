//! What the ends of shards say of suites that are still to run: those like them took more than was planned.

use std::collections::BTreeMap;

use super::{Fate, Known, Next};
use crate::model::{Basis, Bytes, Percent};
use crate::outcome::observe;
use crate::plan::file::{Plan, Suite};

/// Planned figures below this say nothing of a ratio.
const LEAST: u64 = 1 << 20;

/// The ratios that are believed, in hundredths: less is noise, more is another matter.
const RATIO: (u64, u64) = (110, 400);

/// So many suites make a quartile.
const SUITES_MIN: usize = 3;

/// How the figures of one tier's suites are raised: for what stays, and for what passes.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Raise {
    retained: Factor,
    transient: Factor,
}

/// How one figure is raised.
#[derive(Clone, Copy, Debug, Default)]
struct Factor {
    /// Added to what was planned.
    more: Percent,
    /// What is only guessed is at least so much.
    least: Bytes,
}

/// By tier, from everything that was measured.
pub(super) fn raises<'a>(
    plan: &'a Plan,
    known: &BTreeMap<String, Known>,
    fates: &[Fate],
) -> BTreeMap<&'a str, Raise> {
    // Planned and real bytes of suites.
    let mut all: BTreeMap<&str, [Vec<(u64, u64)>; 2]> = BTreeMap::new();
    for (shard, fate) in plan.shards.iter().zip(fates) {
        let planned: BTreeMap<&str, &Suite> =
            shard.suites().map(|suite| (suite.id.as_str(), suite)).collect();
        let [kept, passing] = all.entry(&shard.tier).or_default();
        let outcomes = known.get(&shard.id).map_or(&[][..], |known| &known.outcomes);
        for seen in outcomes.iter().flat_map(|outcome| observe(outcome).suites) {
            let Some(suite) = planned.get(seen.id.as_str()) else { continue };
            if let Some(retained) = seen.seen.retained {
                kept.push((suite.retained_bytes.0, u64::try_from(retained).unwrap_or(0)));
            }
            if let Some(transient) = seen.seen.transient {
                passing.push((suite.transient_bytes.0, transient));
            }
        }
        if let Next::Again(again) = &fate.next
            && let (Some(id), Some(kill)) = (&again.apart, again.kill)
            && let Some(suite) = planned.get(id.as_str())
        {
            passing.push((suite.transient_bytes.0, kill.used.saturating_sub(suite.retained_bytes.0)));
        }
    }
    let raise = |[kept, passing]: [Vec<(u64, u64)>; 2]| Raise {
        retained: Factor::of(&kept),
        transient: Factor::of(&passing),
    };
    all.into_iter().map(|(tier, seen)| (tier, raise(seen))).collect()
}

impl Raise {
    /// The suite as it is to be planned now.
    pub(super) fn of(&self, suite: &Suite) -> Suite {
        let guessed = suite.memory_basis != Basis::Measured;
        Suite {
            retained_bytes: self.retained.raised(suite.retained_bytes, guessed),
            transient_bytes: self.transient.raised(suite.transient_bytes, guessed),
            ..suite.clone()
        }
    }
}

impl Factor {
    /// By what the heavy ones took more than was planned; for what is only guessed, what estimates inherit: the
    /// upper quartile and half as much again.
    fn of(seen: &[(u64, u64)]) -> Factor {
        let mut real: Vec<u64> = seen.iter().map(|(_, real)| *real).collect();
        real.sort_unstable();
        let quartile = match real.len() {
            0..SUITES_MIN => 0,
            some => real[(some * 3).div_ceil(4) - 1],
        };
        Factor {
            more: Percent((ratio(seen) - 100) as u32 * 100),
            least: Bytes(quartile.saturating_add(quartile / 2)),
        }
    }

    fn raised(self, planned: Bytes, guessed: bool) -> Bytes {
        let raised = planned.plus(self.more);
        if guessed { raised.max(self.least) } else { raised }
    }
}

/// Real ÷ planned in hundredths: the 90th percentile, each suite as heavy as it was planned.
fn ratio(seen: &[(u64, u64)]) -> u64 {
    let of = |(planned, real): &(u64, u64)| {
        (u128::from(*real) * 100).div_ceil(u128::from(*planned)).min(u128::from(RATIO.1)) as u64
    };
    let known = seen.iter().filter(|(planned, _)| *planned >= LEAST);
    let mut ratios: Vec<(u64, u64)> = known.map(|pair| (of(pair), pair.0)).collect();
    ratios.sort_unstable();
    let all: u128 = ratios.iter().map(|(_, weight)| u128::from(*weight)).sum();
    let mut sum = 0;
    let heavy = ratios.iter().find(|(_, weight)| {
        sum += u128::from(*weight);
        sum * 10 >= all * 9
    });
    heavy.map(|(ratio, _)| *ratio).filter(|ratio| *ratio >= RATIO.0).unwrap_or(100)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn others_of_a_kind_are_raised_by_the_heavy_ones() {
        const MB: u64 = 1_000_000;
        let check = |seen: &[(u64, u64)], guessed, expect: u64| {
            let seen: Vec<(u64, u64)> =
                seen.iter().map(|(planned, real)| (planned * MB, real * MB)).collect();
            let raised = Factor::of(&seen).raised(Bytes(100 * MB), guessed);
            assert_eq!(raised, Bytes(expect * MB), "{seen:?}");
        };
        check(&[], true, 100);
        check(&[(50, 51), (60, 65)], false, 100);
        check(&[(50, 100), (50, 150)], false, 300);
        // Twenty light ones as planned say nothing of the heavy ones.
        let mut mixed = vec![(2, 2); 20];
        mixed.push((500, 1_000));
        check(&mixed, false, 200);
        check(&[(50, 5_000)], false, 400);
        check(&[(50, 20)], false, 100);
        // What was only guessed takes what others took.
        check(&[(0, 200), (0, 240), (0, 10)], true, 360);
        check(&[(0, 200), (0, 240), (0, 10)], false, 100);
    }
}
