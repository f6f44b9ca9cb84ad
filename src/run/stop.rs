//! How a process is stopped: asked first, then made to.

use std::collections::VecDeque;
use std::time::Duration;

use super::children::Tell;
use crate::outcome::Stopped;

/// The rest of a way to the end of a process.
#[derive(Debug)]
pub(super) struct Stop {
    /// What it is stopped for.
    pub(super) why: Stopped,
    /// The same in words, with figures.
    pub(super) note: String,
    /// What is still to be told, and when.
    steps: VecDeque<(Duration, Tell)>,
    /// When it was made to end.
    forced: Option<Duration>,
}

/// For writing its stacks.
const STACKS: Duration = Duration::from_secs(3);

/// For ending by itself: a CI gives ten seconds or less.
const GRACE: Duration = Duration::from_secs(8);

/// The same where memory runs out.
const SHORT_GRACE: Duration = Duration::from_secs(4);

impl Stop {
    fn new(why: Stopped, note: String, steps: &[(Duration, Tell)]) -> Stop {
        Stop { why, note, steps: steps.iter().copied().collect(), forced: None }
    }

    /// Memory is about to run out.
    pub(super) fn memory(why: Stopped, note: String, now: Duration) -> Stop {
        Stop::new(why, note, &[(now, Tell::End), (now + SHORT_GRACE, Tell::Now)])
    }

    /// Nothing happens any more; `stacks`: where it stands is worth knowing.
    pub(super) fn idle(note: String, now: Duration, stacks: bool) -> Stop {
        let end = if stacks { now + STACKS } else { now };
        let steps = [(now, Tell::Stacks), (end, Tell::End), (end + GRACE, Tell::Now)];
        Stop::new(Stopped::Idle, note, &steps[usize::from(!stacks)..])
    }

    /// The time is over.
    pub(super) fn timeout(note: String, now: Duration) -> Stop {
        Stop::new(Stopped::Timeout, note, &[(now, Tell::End), (now + GRACE, Tell::Now)])
    }

    /// We were told to end, and have told it so. How long it takes is the business of who told us.
    pub(super) fn told(signal: i32) -> Stop {
        Stop::new(Stopped::Signal, format!("signal {signal} came"), &[])
    }

    /// No more waiting.
    pub(super) fn hurry(&mut self, now: Duration) {
        if self.forced.is_none() {
            self.steps = VecDeque::from([(now, Tell::Now)]);
        }
    }

    /// What is to be told now.
    pub(super) fn due(&mut self, now: Duration) -> Option<Tell> {
        let (at, tell) = self.steps.front().copied()?;
        if at > now {
            return None;
        }
        self.steps.pop_front();
        if tell == Tell::Now {
            self.forced = Some(now);
        }
        Some(tell)
    }

    /// When it was made to end, if it was.
    pub(super) fn forced(&self) -> Option<Duration> {
        self.forced
    }

    /// Whether nothing else may start after it.
    pub(super) fn is_for_all(&self) -> bool {
        matches!(self.why, Stopped::Timeout | Stopped::Signal)
    }

    pub(super) fn is_for_memory(&self) -> bool {
        matches!(self.why, Stopped::Guard | Stopped::Budget | Stopped::Evicted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_asked_then_made_to() {
        let at = Duration::from_secs;
        let mut stop = Stop::idle(String::new(), at(100), true);
        let told = |stop: &mut Stop| -> Vec<(u64, Tell)> {
            (100..130).filter_map(|second| Some((second, stop.due(at(second))?))).collect()
        };
        assert_eq!(told(&mut stop), [(100, Tell::Stacks), (103, Tell::End), (111, Tell::Now)]);
        let mut quiet = Stop::idle(String::new(), at(100), false);
        assert_eq!(told(&mut quiet), [(100, Tell::End), (108, Tell::Now)]);
        assert_eq!(stop.forced(), Some(at(111)));
        let mut stop = Stop::memory(Stopped::Guard, String::new(), at(5));
        assert_eq!((stop.due(at(5)), stop.due(at(5))), (Some(Tell::End), None));
        stop.hurry(at(6));
        stop.hurry(at(6));
        assert_eq!((stop.due(at(6)), stop.due(at(6))), (Some(Tell::Now), None));
        assert_eq!(Stop::told(15).due(at(900)), None);
    }
}
