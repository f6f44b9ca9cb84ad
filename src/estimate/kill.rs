//! A kill is a lower bound, not a sample: the suite needs more than it held when it was killed.

use crate::history::Sample;
use crate::model::{Bytes, Kill};

/// Kills that leave nothing to try.
pub const HOPELESS: u32 = 3;

/// The kills since the suite last ended, newest first: those of the plan's key, or of all keys where it was never
/// seen under that.
pub(super) fn kills(samples: &[Sample]) -> Vec<Kill> {
    let any = samples.iter().any(|sample| !sample.foreign);
    let own = samples.iter().filter(|sample| !any || !sample.foreign);
    own.map_while(|sample| sample.seen.killed).collect()
}

/// What the kills of a suite say of its transient.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Raise {
    /// How often it was killed since it last ended.
    pub kills: u32,
    /// The kill that says most.
    pub hardest: Option<Kill>,
    /// What is left for it on the largest machine; `None` without a limit.
    pub room: Option<Bytes>,
}

impl Raise {
    pub(super) fn new(kills: &[Kill]) -> Raise {
        let hardest = kills.iter().copied().max_by_key(|kill| (need(kill), *kill));
        Raise { kills: u32::try_from(kills.len()).unwrap_or(u32::MAX), hardest, room: None }
    }

    /// What the suite is said to need, whatever machines there are.
    #[must_use]
    pub fn need(&self) -> Bytes {
        self.hardest.as_ref().map_or(Bytes(0), need)
    }

    /// Its transient is not planned below.
    #[must_use]
    pub fn floor(&self) -> Bytes {
        self.room.map_or(self.need(), |room| self.need().min(room))
    }
}

/// What the suite is said to need. A retry costs minutes of a person's waiting, so one step has to do: half as much
/// again, and as much again for one that had its shard to itself.
#[must_use]
pub fn need(kill: &Kill) -> Bytes {
    Bytes(match kill.alone {
        false => (kill.used + kill.used / 2).max(kill.used + (256 << 20)),
        true => (kill.used * 2).max(kill.used + (1 << 30)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Millis, Observation};

    const MIB: u64 = 1 << 20;

    fn killed(used: u64, alone: bool) -> Observation {
        Observation { killed: Some(Kill { alone, used }), ..Observation::default() }
    }

    #[test]
    fn kills_escalate_until_the_suite_ends() {
        let ended = Observation { time: Some(Millis(1)), ..Observation::default() };
        let check = |seen: &[Observation], expect: (usize, u64)| {
            let sample = |(age, seen): (usize, &Observation)| Sample { age, foreign: false, seen: *seen };
            let samples: Vec<Sample> = seen.iter().enumerate().map(sample).collect();
            let kills = kills(&samples);
            assert_eq!((kills.len(), Raise::new(&kills).floor().0 / MIB), expect, "{seen:?}");
        };
        check(&[], (0, 0));
        check(&[ended, killed(100 * MIB, false)], (0, 0));
        check(&[killed(100 * MIB, false), ended], (1, 356));
        check(&[killed(1_000 * MIB, false)], (1, 1_500));
        check(&[killed(400 * MIB, true), killed(1_000 * MIB, false)], (2, 1_500));
        check(&[killed(2_000 * MIB, true), killed(1_000 * MIB, false), ended], (2, 4_000));
    }

    #[test]
    fn kills_on_other_machines_count_for_want_of_others() {
        let foreign = Sample { age: 0, foreign: true, seen: killed(MIB, false) };
        assert_eq!(kills(&[foreign]).len(), 1);
        let own = Observation { time: Some(Millis(1)), ..Observation::default() };
        assert_eq!(kills(&[foreign, Sample { age: 1, foreign: false, seen: own }]), []);
    }
}
