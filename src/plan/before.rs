//! Where suites were in a previous plan, and what its shards were called.

use std::collections::{BTreeSet, HashMap};

use super::Sources;
use super::file::Plan;

/// A previous plan as far as this one can continue it. Empty where there is none.
pub(super) struct Before {
    /// For each tier of the configuration.
    pub(super) tiers: Vec<TierBefore>,
    /// Suites that only the previous plan has.
    pub(super) gone: usize,
}

/// What one tier was.
#[derive(Default)]
pub(super) struct TierBefore {
    /// The number of each earlier shard; a home is an index into this.
    pub(super) numbers: Vec<u64>,
    /// The home of each of the tier's suites, in their order; empty without a previous plan.
    pub(super) homes: Vec<Option<usize>>,
    /// The highest number that was ever given.
    pub(super) last_number: u64,
}

impl Before {
    pub(super) fn new(plan: Option<&Plan>, sources: &Sources<'_>, members: &[Vec<usize>]) -> Before {
        let Some(plan) = plan else {
            return Before { tiers: members.iter().map(|_| TierBefore::default()).collect(), gone: 0 };
        };
        let mut homes: HashMap<&str, (&str, u64)> = HashMap::new();
        for (shard, suite) in plan.suites() {
            if let Some(number) = number(&shard.id, &shard.tier) {
                homes.insert(&suite.id, (&shard.tier, number));
            }
        }
        let suites = &sources.inventory.suites;
        let gone: BTreeSet<&str> = homes.keys().copied().collect();
        let gone = gone.len() - suites.iter().filter(|suite| gone.contains(suite.id.as_str())).count();
        let tiers = sources.config.tiers.iter().zip(members).map(|(tier, members)| {
            let mine = plan.shards.iter().filter(|shard| shard.tier == tier.name);
            let numbers: BTreeSet<u64> = mine.filter_map(|shard| number(&shard.id, &shard.tier)).collect();
            let numbers: Vec<u64> = numbers.into_iter().collect();
            let home = |suite: &usize| {
                let (of, number) = homes.get(suites[*suite].id.as_str())?;
                numbers.binary_search(number).ok().filter(|_| *of == tier.name)
            };
            let told = plan.tiers.iter().find(|old| old.name == tier.name).map_or(0, |old| old.last_number);
            TierBefore {
                last_number: told.max(numbers.last().copied().unwrap_or(0)),
                homes: members.iter().map(home).collect(),
                numbers,
            }
        });
        Before { tiers: tiers.collect(), gone }
    }
}

/// The number of a shard; `None` where its name is none of ours.
fn number(id: &str, tier: &str) -> Option<u64> {
    let number = id.strip_prefix(tier)?.strip_prefix('-')?.parse().ok()?;
    // Beyond that, counting on might overflow.
    (1..1 << 53).contains(&number).then_some(number)
}
