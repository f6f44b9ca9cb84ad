//! After a kill, a plan that works: what is done, what is left, and why the next try will end otherwise.
//!
//! Everything comes from the plan that was run and from how its shards ended, so that it works wherever the
//! plan does. Suites that were executed are not run again; shards that did not end early are not touched; and
//! nothing that died is tried twice as it was: the suite to blame gets a shard to itself, a shard that
//! nobody can be blamed for is halved, a pool of workers becomes one worker.

mod fate;
mod merge;
mod raise;
mod replan;
mod room;
mod sessions;

use std::collections::BTreeMap;

use crate::config::Config;
use crate::config::command::names_workers;
use crate::model::{Bytes, Confidence, Verdict};
use crate::outcome::Outcome;
use crate::pack::Effort;
use crate::plan::{NoPlan, Plan, Selection};
use crate::triage::Judgement;

pub use fate::{Again, Fate, Half, Next};
pub use sessions::{Rest, rest};

/// Rounds after which there is no other, unless somebody says so.
pub const ROUNDS: u32 = 3;

/// What is known of one shard that was to run.
#[derive(Clone, Debug, Default)]
pub struct Known {
    /// What its attempts left behind, oldest first.
    pub outcomes: Vec<Outcome>,
    /// What its end means; `None`: nothing tells of it.
    pub judgement: Option<Judgement>,
}

/// How to plan again.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Suites that were executed too, each shard that did not end early as it was.
    pub all: bool,
    /// A shard that nothing tells of is still to run; else its machine is taken for lost.
    pub waiting: bool,
    /// Its tasks get as much memory as is asked for them, as those of clusters do: the limit that a shard died at is
    /// none for the next.
    pub elastic: bool,
    /// How long to search.
    pub effort: Effort,
    /// The ending of selection files.
    pub selection: Selection,
}

/// What becomes of a plan that was run.
#[derive(Clone, Debug)]
pub struct Rebalanced {
    /// What is left, planned again; without shards where nothing is left.
    pub plan: Plan,
    /// How every shard ended and what is done about it, in the plan's order.
    pub fates: Vec<Fate>,
    /// Suites that are not planned again.
    pub given_up: Vec<GivenUp>,
}

/// A suite that no plan cures.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GivenUp {
    /// The suite.
    pub id: String,
    /// Its shard.
    pub shard: String,
    /// What is to be planned for it, which no machine has; `None`: it is not for want of memory.
    pub needs: Option<Bytes>,
    /// Why.
    pub why: String,
}

/// What is left of `plan`, planned again. `digest` is the plan's; `known` tells of its shards by their names.
///
/// # Errors
/// No plan for what is left under the configuration's rules.
pub fn rebalance(
    plan: &Plan,
    digest: &str,
    config: &Config,
    known: &BTreeMap<String, Known>,
    options: Options,
) -> Result<Rebalanced, NoPlan> {
    let nothing = Known::default();
    let fates = plan.shards.iter().map(|shard| {
        let tier = plan.tiers.iter().find(|tier| tier.name == shard.tier);
        let of_config = config.tiers.iter().find(|tier| tier.name == shard.tier);
        let pool = fate::Pool {
            workers: tier.map_or(1, |tier| tier.workers),
            // Where the command does not say how many workers there are, a plan cannot change it.
            adjustable: tier.is_some_and(|tier| tier.each)
                || of_config.is_some_and(|tier| names_workers(&tier.run)),
        };
        fate::fate(shard, known.get(&shard.id).unwrap_or(&nothing), pool, options.waiting)
    });
    let fates = fates.collect();
    replan::replan(plan, digest, config, known, fates, options)
}

impl Rebalanced {
    /// Suites of which a test failed, with their shards.
    pub fn failed(&self) -> impl Iterator<Item = (&str, &str)> {
        self.fates.iter().flat_map(|fate| fate.failed.iter().map(|id| (id.as_str(), fate.shard.as_str())))
    }

    /// Whether tests failed, be it without a name.
    #[must_use]
    pub fn tests_failed(&self) -> bool {
        self.fates.iter().any(Fate::tests_failed)
    }
}

/// The verdict on a shard that nothing tells of.
fn lost() -> Judgement {
    Judgement {
        verdict: Verdict::RunnerLost,
        confidence: Confidence::Possible,
        evidence: vec!["nothing tells of it: its machine may be gone".to_owned()],
        advice: "look whether its job began at all; a job that vanishes often had no memory left".to_owned(),
    }
}
