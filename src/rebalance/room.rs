//! How much a suite that gets a shard to itself may be planned with: within its machine, or on a larger one.

use super::Again;
use crate::config::Config;
use crate::estimate;
use crate::model::Bytes;
use crate::plan::file::{Suite, Tier};
use crate::plan::{Shard, law};

/// A machine that holds more has at least so much more.
const STEP: Bytes = Bytes(64 << 10);

/// What a suite's machine had, and what others have.
pub(super) struct Machines {
    /// What its shard might use; `None`: nobody knows.
    pub(super) had: Option<Bytes>,
    /// What its machine really lets it have, where that is less.
    really: Option<Bytes>,
    largest: Option<Bytes>,
}

impl Machines {
    pub(super) fn new(shard: &Shard, config: &Config, usable: Option<Bytes>) -> Machines {
        let had = shard.budget_bytes.or(usable);
        let larger = config.runners.iter().map(|runner| runner.budget);
        let larger = larger.filter(|budget| had.is_some_and(|had| *budget > had + STEP));
        Machines { had, really: had.into_iter().chain(usable).min(), largest: larger.max() }
    }

    /// The transient of a suite that gets a shard to itself, within the largest machine.
    ///
    /// # Errors
    /// No machine has more than the one on which it was alone: what it would need.
    pub(super) fn room(
        &self,
        tier: &Tier,
        shard: &Shard,
        suite: &Suite,
        again: &Again,
    ) -> Result<Bytes, Bytes> {
        let bare = Suite { transient_bytes: Bytes(0), ..suite.clone() };
        let rest = law::peak(tier, shard, &[bare]).bytes();
        let rest = Bytes(u64::try_from(rest).unwrap_or(u64::MAX));
        let killed = again.kill.as_ref().map_or(Bytes(0), estimate::need);
        // What is spread is held once in every worker.
        let times = if tier.spread { u64::from(tier.workers.max(1)) } else { 1 };
        let total = rest + suite.transient_bytes.max(killed).saturating_mul(times);
        let within = |most: Bytes| Bytes(total.min(most).saturating_sub(rest).0 / times);
        let (Some(had), Some(really)) = (self.had, self.really) else {
            return if again.larger { Err(total) } else { Ok(within(total)) };
        };
        match (again.larger, self.largest) {
            (true, None) => Err(total.max(had + STEP)),
            (true, Some(largest)) => {
                Ok(Bytes(total.max(had + STEP).min(largest).saturating_sub(rest).0 / times))
            }
            (false, Some(largest)) if total > had => Ok(within(largest)),
            (false, _) => Ok(within(really)),
        }
    }
}
