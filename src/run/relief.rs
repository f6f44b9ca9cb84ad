//! What is done for memory where several processes run side by side and it becomes short: nothing else
//! starts, then the youngest is stopped where it stands, then it is ended to run again alone.
//!
//! Pure: time, memory and processes are given. The oldest is never touched, so that there is always one
//! that gets on. A process that rests keeps its memory, which is why it may have to go in the end.

use std::time::Duration;

use super::guard::{Memory, Overload, is_calm, overload};
use crate::machine::Pressure;

/// So long all tasks must wait for memory: a moment of it is no trouble.
const SUSTAINED: Duration = Duration::from_secs(2);

/// After a process was put to rest or woken, so long memory shows what that did.
const SETTLES: Duration = Duration::from_secs(3);

/// What was left goes up and down by itself, by less than this part of it.
const NOISE: u64 = 8;

/// Pressure is an average of ten seconds: only after these it is known not to have gone.
const PERSISTS: Duration = Duration::from_secs(10);

/// A process among others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Runner {
    /// When it began.
    pub(super) begun: Duration,
    /// It rests.
    pub(super) rests: bool,
}

/// What is to be done, with the place of whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Relief {
    /// Stop it where it stands, for this reason.
    Rest(usize, String),
    /// Let it go on.
    Wake(usize),
    /// End it, for this reason; it runs again alone.
    Evict(usize, String),
}

/// What was done so far.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Reliever {
    /// Since when all tasks wait for memory.
    pressed: Option<Duration>,
    /// When a process was last put to rest or woken.
    changed: Option<Duration>,
    /// What the last one that was put to rest left, in bytes, once it stood.
    left: u64,
}

impl Reliever {
    /// What is to be done now.
    pub(super) fn decide(
        &mut self,
        now: Duration,
        memory: &Memory,
        pressure: Option<Pressure>,
        runners: &[Runner],
    ) -> Option<Relief> {
        let trouble = self.trouble(now, memory, pressure);
        let places = |rests: bool| (0..runners.len()).filter(move |place| runners[*place].rests == rests);
        let begun = |place: &usize| runners[*place].begun;
        let resting = places(true).count();
        let since = now.saturating_sub(self.changed.unwrap_or_default());
        if resting == runners.len() {
            // Somebody must go on, whatever memory is like.
            let oldest = places(true).min_by_key(begun)?;
            self.changed = Some(now);
            return Some(Relief::Wake(oldest));
        }
        let Some(trouble) = trouble else {
            let calm = resting > 0 && since >= SETTLES && is_calm(memory, pressure);
            let oldest = places(true).min_by_key(begun).filter(|_| calm)?;
            self.changed = Some(now);
            return Some(Relief::Wake(oldest));
        };
        let left = memory.left().unwrap_or_default().0;
        if resting == 0 {
            let youngest = places(false).max_by_key(begun).filter(|_| runners.len() > 1)?;
            (self.changed, self.left) = (Some(now), left);
            return Some(Relief::Rest(youngest, trouble.to_string()));
        }
        if since < SETTLES {
            // It took more until the signal reached it, and that is no harm done by the others.
            self.left = self.left.min(left);
        }
        let worse = match trouble {
            Overload::Scarce(_) => left < self.left - self.left / NOISE,
            Overload::Pressed(_) => since >= PERSISTS,
        };
        let youngest = places(true).max_by_key(begun).filter(|_| worse)?;
        Some(Relief::Evict(youngest, trouble.to_string()))
    }

    /// What is wrong, once that is no passing moment.
    fn trouble(&mut self, now: Duration, memory: &Memory, pressure: Option<Pressure>) -> Option<Overload> {
        let trouble = overload(memory, pressure);
        let Some(Overload::Pressed(_)) = trouble else {
            self.pressed = None;
            return trouble;
        };
        let since = *self.pressed.get_or_insert(now);
        trouble.filter(|_| now.saturating_sub(since) >= SUSTAINED)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Bytes;

    /// Whether the runner at each place rests; they began one after another.
    fn runners(rest: &[bool]) -> Vec<Runner> {
        let runner =
            |(place, rests): (u64, &bool)| Runner { begun: Duration::from_secs(place), rests: *rests };
        (0..).zip(rest).map(runner).collect()
    }

    /// What is done at a second, with so many thousandths of memory left and so many percent of pressure.
    fn step(reliever: &mut Reliever, second: f64, left: u64, full: u32, rest: &[bool]) -> String {
        let memory = Memory { machine: Some((Bytes(left), Bytes(1_000))), ..Memory::default() };
        let pressure = Some(Pressure { some: 10_000, full: full * 100 });
        match reliever.decide(Duration::from_secs_f64(second), &memory, pressure, &runners(rest)) {
            None => String::new(),
            Some(Relief::Rest(place, why)) => format!("rest {place}: {why}"),
            Some(Relief::Wake(place)) => format!("wake {place}"),
            Some(Relief::Evict(place, why)) => format!("evict {place}: {why}"),
        }
    }

    #[test]
    fn the_youngest_rests_and_goes_on_when_there_is_room() {
        let reliever = &mut Reliever::default();
        assert_eq!(step(reliever, 10.0, 60, 0, &[false; 3]), "");
        assert_eq!(step(reliever, 10.1, 59, 0, &[false; 3]), "rest 2: the machine had 59 B of 1 kB left");
        let rest = [false, false, true];
        // No worse than it was: the others go on with what there is, however long that takes.
        assert_eq!(step(reliever, 12.0, 40, 0, &rest), "", "it has not settled yet");
        assert_eq!(step(reliever, 13.1, 40, 0, &rest), "", "no worse than when it stood");
        assert_eq!(
            step(reliever, 14.0, 35, 0, &rest),
            "",
            "nor by more than what goes up and down by itself"
        );
        assert_eq!(step(reliever, 60.0, 59, 0, &rest), "");
        assert_eq!(step(reliever, 61.0, 99, 0, &rest), "", "no trouble, and no room either");
        assert_eq!(step(reliever, 62.0, 500, 11, &rest), "");
        assert_eq!(step(reliever, 63.0, 100, 10, &rest), "wake 2");
        assert_eq!(step(reliever, 63.1, 500, 0, &[false; 3]), "");
    }

    #[test]
    fn one_that_rests_in_vain_is_ended() {
        let reliever = &mut Reliever::default();
        assert!(step(reliever, 10.0, 50, 0, &[false; 2]).starts_with("rest 1"));
        assert_eq!(step(reliever, 12.9, 49, 0, &[false, true]), "");
        assert_eq!(step(reliever, 13.0, 43, 0, &[false, true]), "");
        assert_eq!(step(reliever, 13.1, 42, 0, &[false, true]), "evict 1: the machine had 42 B of 1 kB left");
    }

    #[test]
    fn pressure_counts_when_it_lasts() {
        let reliever = &mut Reliever::default();
        assert_eq!(step(reliever, 10.0, 500, 21, &[false; 2]), "");
        assert_eq!(step(reliever, 11.9, 500, 21, &[false; 2]), "");
        assert_eq!(step(reliever, 11.95, 500, 20, &[false; 2]), "", "a moment of rest");
        assert_eq!(step(reliever, 12.0, 500, 21, &[false; 2]), "");
        let why = "all tasks waited for memory 21 % of the time";
        assert_eq!(step(reliever, 14.0, 500, 21, &[false; 2]), format!("rest 1: {why}"));
        assert_eq!(step(reliever, 23.9, 500, 21, &[false, true]), "");
        assert_eq!(step(reliever, 24.0, 500, 21, &[false, true]), format!("evict 1: {why}"));
    }

    #[test]
    fn somebody_always_goes_on() {
        let reliever = &mut Reliever::default();
        assert_eq!(step(reliever, 10.0, 1, 99, &[false]), "", "the only one is left alone");
        assert!(step(reliever, 11.0, 1, 0, &[false; 2]).starts_with("rest 1"));
        // The other one has ended, and memory is short all the same.
        assert_eq!(step(reliever, 11.1, 1, 99, &[true, true]), "wake 0");
        assert_eq!(step(reliever, 11.2, 1, 0, &[]), "");
        // Whatever memory does: the oldest is never touched, and one of all runs.
        let mut random = 7u64;
        let mut rest = vec![false; 4];
        let reliever = &mut Reliever::default();
        for tick in 0..20_000u64 {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let (left, full) = ((random >> 33) % 130, (random >> 50) % 40);
            let second = 10.0 + tick as f64 / 2.0;
            let done = step(reliever, second, left, u32::try_from(full).unwrap(), &rest);
            if let Some((what, place)) = done.split(':').next().and_then(|done| done.split_once(' ')) {
                let place: usize = place.parse().unwrap();
                assert!(place > 0, "{done}");
                assert_eq!(rest[place], what != "rest", "{done}");
                rest[place] = what == "rest";
            }
            assert!(rest.contains(&false));
        }
    }
}
