//! Where suites were in a previous plan, and what its shards were called.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::Sources;
use super::file::{Plan, Shard};

/// A previous plan as far as this one can continue it. Empty where there is none.
pub(super) struct Before {
    /// For each tier of the configuration.
    pub(super) tiers: Vec<TierBefore>,
    /// The highest numbers that were ever given, by the name of the tier.
    pub(super) last_numbers: BTreeMap<String, u64>,
    /// Suites that were in another tier.
    pub(super) elsewhere: usize,
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
}

impl Before {
    pub(super) fn new(plan: Option<&Plan>, sources: &Sources<'_>, members: &[Vec<usize>]) -> Before {
        let Some(plan) = plan else {
            return Before {
                tiers: members.iter().map(|_| TierBefore::default()).collect(),
                last_numbers: BTreeMap::new(),
                elsewhere: 0,
                gone: 0,
            };
        };
        let mut homes: HashMap<&str, (&str, u64)> = HashMap::new();
        for (shard, suite) in plan.suites() {
            if let Some(number) = shard.number() {
                homes.insert(&suite.id, (&shard.tier, number));
            }
        }
        let last_numbers = counted_on(&plan.last_numbers, &plan.shards);
        let suites = &sources.inventory.suites;
        let gone: BTreeSet<&str> = homes.keys().copied().collect();
        let gone = gone.len() - suites.iter().filter(|suite| gone.contains(suite.id.as_str())).count();
        let tiers = sources.config.tiers.iter().zip(members).map(|(tier, members)| {
            let mine = plan.shards.iter().filter(|shard| shard.tier == tier.name);
            let numbers: BTreeSet<u64> = mine.filter_map(Shard::number).collect();
            let numbers: Vec<u64> = numbers.into_iter().collect();
            let home = |suite: &usize| {
                let (of, number) = homes.get(suites[*suite].id.as_str())?;
                numbers.binary_search(number).ok().filter(|_| *of == tier.name)
            };
            TierBefore { homes: members.iter().map(home).collect(), numbers }
        });
        let tiers: Vec<TierBefore> = tiers.collect();
        let at_home: usize = tiers.iter().map(|tier| tier.homes.iter().flatten().count()).sum();
        let elsewhere = homes.len() - gone - at_home;
        Before { tiers, last_numbers, elsewhere, gone }
    }

    /// The highest number that a shard of the tier was ever given.
    pub(super) fn last_number(&self, tier: &str) -> u64 {
        self.last_numbers.get(tier).copied().unwrap_or(0)
    }
}

/// The highest number that a shard of each tier was ever given, these shards included.
pub(super) fn counted_on(before: &BTreeMap<String, u64>, shards: &[Shard]) -> BTreeMap<String, u64> {
    let mut numbers = before.clone();
    for shard in shards {
        let last = numbers.entry(shard.tier.clone()).or_default();
        *last = shard.number().unwrap_or(0).max(*last);
    }
    numbers
}
