//! A plan's tiers and suites as what a plan is made from, so that they can be planned otherwise.

use std::collections::BTreeSet;

use super::file::{Plan, Suite, Tier};
use super::{NoPlan, Options, Sources, make};
use crate::config::{self, Budget, Config, Goal, Patterns, Rule};
use crate::estimate::{Estimates, TierEstimate};
use crate::inventory::{self, Inventory};
use crate::model::{Bytes, Cost, Estimate, SuiteId};

/// What a plan holds, with the objective, machines and prices of a configuration.
pub(crate) struct Restored {
    config: Config,
    inventory: Inventory,
    assigned: Vec<usize>,
    estimates: Estimates,
}

impl Restored {
    /// With the budgets, costs and rules of the plan; what a plan does not hold is the configuration's.
    pub(crate) fn new(plan: &Plan, config: &Config) -> Restored {
        let mut suites: Vec<(usize, &Suite)> = plan
            .suites()
            .filter_map(|(shard, suite)| {
                Some((plan.tiers.iter().position(|tier| tier.name == shard.tier)?, suite))
            })
            .collect();
        suites.sort_by(|(_, a), (_, b)| a.id.cmp(&b.id));
        let killed = plan.warnings.iter().filter(|warning| warning.code == "killed");
        let killed: BTreeSet<&str> = killed.map(|warning| warning.subject.as_str()).collect();
        let tiers = plan.tiers.iter().map(|tier| {
            let budget = match tier.budget_bytes {
                // Only reported, and only reported again.
                _ if plan.memory_is_assumed(&tier.name) => None,
                Some(budget) => Some(Budget::Bytes(budget)),
                None => Some(Budget::Unlimited),
            };
            let of_config = config.tiers.iter().find(|known| known.name == tier.name);
            let goal = Goal { budget, ..of_config.map_or_else(Goal::default, |tier| tier.goal) };
            config::Tier { goal, ..tier_of(plan, config, tier) }
        });
        let rules = plan.rules.iter().filter_map(|rule| {
            let matches = Patterns::new(rule.matches.iter().map(String::as_str)).ok()?;
            Some(Rule { kind: rule.kind, patterns: rule.matches.clone(), matches })
        });
        let tier_estimate =
            |tier: &Tier| TierEstimate { import_cap: tier.import_cap_bytes, ..TierEstimate::default() };
        Restored {
            config: Config {
                goal: Goal { budget: None, ..config.goal },
                tiers: tiers.collect(),
                rules: rules.collect(),
                ..config.clone()
            },
            inventory: Inventory { suites: suites.iter().map(|(_, suite)| named(suite)).collect() },
            assigned: suites.iter().map(|(tier, _)| *tier).collect(),
            estimates: Estimates {
                suites: (suites.iter().map(|(_, suite)| known(suite, killed.contains(suite.id.as_str()))))
                    .collect(),
                tiers: plan.tiers.iter().map(tier_estimate).collect(),
            },
        }
    }

    /// The same suites with other wishes.
    ///
    /// # Errors
    /// As [`make`].
    pub(crate) fn planned(
        &self,
        change: impl FnOnce(&mut Config),
        options: &Options,
    ) -> Result<Plan, NoPlan> {
        let mut config = self.config.clone();
        change(&mut config);
        let (inventory, assigned, estimates) = (&self.inventory, &self.assigned, &self.estimates);
        make(
            Sources { config: &config, inventory, assigned, estimates },
            &Options { exact: true, ..options.clone() },
        )
    }
}

/// The tier of the configuration, as the plan has it, without an objective.
pub(crate) fn tier_of(plan: &Plan, config: &Config, tier: &Tier) -> config::Tier {
    let defaults = config::Tier::default();
    let of_config = config.tiers.iter().find(|known| known.name == tier.name).unwrap_or(&defaults);
    let own = plan.shards.iter().find(|shard| shard.tier == tier.name && shard.runner.is_none());
    let workers = of_config.worker_base.saturating_mul(u64::from(tier.workers)).min(tier.floor_bytes);
    config::Tier {
        name: tier.name.clone(),
        matches: Patterns::all(),
        workers: tier.workers,
        memory: tier.memory,
        order: tier.order,
        spread: Some(tier.spread),
        each: tier.each,
        cpus: tier.cpus,
        base: tier.floor_bytes.saturating_sub(workers),
        worker_base: Bytes(workers.0 / u64::from(tier.workers.max(1))),
        setup: tier.setup_ms,
        session_start: tier.session_start_ms,
        sessions: tier.sessions,
        goal: Goal::default(),
        runs_on: own.map_or_else(|| of_config.runs_on.clone(), |shard| shard.runs_on.clone()),
        ..of_config.clone()
    }
}

/// The suite by its name.
pub(crate) fn named(suite: &Suite) -> inventory::Suite {
    inventory::Suite { id: SuiteId::new(suite.id.clone()), tests: Vec::new(), siblings: 1 }
}

/// What the suite costs; `apart`: it has a shard to itself.
pub(crate) fn known(suite: &Suite, apart: bool) -> Estimate {
    Estimate {
        cost: Cost {
            time: suite.ms,
            import: suite.import_bytes,
            retained: suite.retained_bytes,
            transient: suite.transient_bytes,
            cpus: suite.cpus,
        },
        time_basis: suite.basis,
        memory_basis: suite.memory_basis,
        samples: suite.samples,
        // What was killed has a shard to itself.
        kills: u32::from(apart),
    }
}
