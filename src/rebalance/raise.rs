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

/// What the suites of one tier took beside what was planned.
#[derive(Clone, Debug, Default)]
pub(super) struct Raise {
    /// Planned and real bytes of suites, for what stays and what passes.
    retained: Vec<(u64, u64)>,
    transient: Vec<(u64, u64)>,
}

/// By tier, from everything that was measured.
pub(super) fn raises<'a>(
    plan: &'a Plan,
    known: &BTreeMap<String, Known>,
    fates: &[Fate],
) -> BTreeMap<&'a str, Raise> {
    let mut all: BTreeMap<&str, Raise> = BTreeMap::new();
    for (shard, fate) in plan.shards.iter().zip(fates) {
        let suites = shard.sessions.iter().flat_map(|session| &session.suites);
        let planned: BTreeMap<&str, &Suite> = suites.map(|suite| (suite.id.as_str(), suite)).collect();
        let raise = all.entry(&shard.tier).or_default();
        let outcomes = known.get(&shard.id).map_or(&[][..], |known| &known.outcomes);
        for seen in outcomes.iter().flat_map(|outcome| observe(outcome).suites) {
            let Some(suite) = planned.get(seen.id.as_str()) else { continue };
            if let Some(retained) = seen.seen.retained {
                raise.retained.push((suite.retained_bytes.0, u64::try_from(retained).unwrap_or(0)));
            }
            if let Some(transient) = seen.seen.transient {
                raise.transient.push((suite.transient_bytes.0, transient));
            }
        }
        if let Next::Again(again) = &fate.next
            && let (Some(id), Some(kill)) = (&again.apart, again.kill)
            && let Some(suite) = planned.get(id.as_str())
        {
            raise.transient.push((suite.transient_bytes.0, kill.used.saturating_sub(suite.retained_bytes.0)));
        }
    }
    all
}

impl Raise {
    /// The suite as it is to be planned now.
    pub(super) fn of(&self, suite: &Suite) -> Suite {
        let guessed = suite.memory_basis != Basis::Measured;
        Suite {
            retained_bytes: raised(suite.retained_bytes, &self.retained, guessed),
            transient_bytes: raised(suite.transient_bytes, &self.transient, guessed),
            ..suite.clone()
        }
    }
}

/// A planned figure, times what the heavy ones of the others took more; where it was only guessed, at least what
/// estimates inherit: their upper quartile and half as much again.
fn raised(planned: Bytes, seen: &[(u64, u64)], guessed: bool) -> Bytes {
    let mut raised = planned.plus(Percent((ratio(seen) - 100) as u32 * 100));
    if guessed && seen.len() >= SUITES_MIN {
        let mut real: Vec<u64> = seen.iter().map(|(_, real)| *real).collect();
        real.sort_unstable();
        let quartile = real[(real.len() * 3).div_ceil(4) - 1];
        raised = raised.max(Bytes(quartile.saturating_add(quartile / 2)));
    }
    raised
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
            assert_eq!(raised(Bytes(100 * MB), &seen, guessed), Bytes(expect * MB), "{seen:?}");
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
