//! Shards that stayed as they were and shards that were planned again become one plan.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::replan::fits;
use super::{Fate, GivenUp};
use crate::catalogue::WarningCode;
use crate::model::{Basis, Digest};
use crate::plan::file::{Ended, Inputs, Objective, ObjectiveKind, Quality, Tier};
use crate::plan::{self, Plan, Shard, Warning};
use crate::text;

/// What a merged plan comes from.
pub(super) struct Merge<'a> {
    /// The plan that was run.
    pub(super) plan: &'a Plan,
    /// Its digest.
    pub(super) digest: &'a str,
    /// Its tiers, as they run now.
    pub(super) tiers: &'a [Tier],
    /// What was planned again, part by part.
    pub(super) parts: &'a [Plan],
    /// How its shards ended.
    pub(super) fates: &'a [Fate],
    /// What is not planned again.
    pub(super) given_up: &'a [GivenUp],
}

impl Merge<'_> {
    /// One plan of `shards`, in their order, with what is true of all of them.
    pub(super) fn plan(&self, mut shards: Vec<Shard>, last_numbers: BTreeMap<String, u64>) -> Plan {
        let place = |shard: &Shard| self.tiers.iter().position(|tier| tier.name == shard.tier);
        shards.sort_by_key(|shard| (Reverse(shard.predicted_ms), place(shard), shard.number()));
        let used = |tier: &&Tier| shards.iter().any(|shard| shard.tier == tier.name);
        let tiers: Vec<Tier> = self.tiers.iter().filter(used).cloned().collect();
        let makespan = shards.iter().map(|shard| shard.predicted_ms).max().unwrap_or_default();
        let of =
            |basis: Basis| shards.iter().flat_map(Shard::suites).filter(|suite| suite.basis == basis).count();
        // Where nothing else is in the plan, what is proven of the part is proven of it.
        let whole = match self.parts {
            [part] if part.shards.len() == shards.len() && part.objective.kind == ObjectiveKind::Memory => {
                Some(part)
            }
            _ => None,
        };
        let bounds = self.parts.iter().map(|part| part.quality.makespan_bound_ms);
        let kept = shards.len() - self.parts.iter().map(|part| part.shards.len()).sum::<usize>();
        let quality = Quality {
            makespan_ms: makespan,
            makespan_bound_ms: bounds.max().unwrap_or(makespan).min(makespan),
            shards: shards.len(),
            shards_bound: whole.map_or(kept + self.parts.len(), |part| part.quality.shards_bound),
            proven: whole.is_some_and(|part| part.quality.proven),
            total_ms: shards.iter().flat_map(Shard::suites).map(|suite| suite.ms).sum(),
            peak_bytes: shards.iter().map(|shard| shard.predicted_bytes).max().unwrap_or_default(),
        };
        let inputs = Inputs {
            suites: shards.iter().map(|shard| shard.suites().count()).sum(),
            measured: of(Basis::Measured),
            inherited: of(Basis::Inherited),
            assumed: of(Basis::Assumed),
            digest: Digest::of(&serde_json::to_vec(&(self.digest, &tiers, &shards)).unwrap_or_default())
                .to_string(),
        };
        let homes = shards.iter().enumerate();
        let homes: HashMap<&str, usize> = homes
            .flat_map(|(place, shard)| shard.suites().map(move |suite| (suite.id.as_str(), place)))
            .collect();
        let ended = self.fates.iter().filter_map(|fate| self.ended(fate, &shards, &homes)).collect();
        let warnings = self.warnings(&shards);
        Plan {
            tool: plan::tool(),
            round: self.plan.round + 1,
            parent: Some(self.digest.to_owned()),
            root: self.plan.first_plan(self.digest).map(str::to_owned),
            ended,
            objective: Objective {
                kind: ObjectiveKind::Memory,
                shards: None,
                target_ms: None,
                overhead_ms: None,
                minute_value: None,
                concurrency: None,
            },
            inputs,
            tiers,
            shards,
            quality,
            previous: None,
            last_numbers,
            curve: Vec::new(),
            warnings,
            ..without_shards(self.plan)
        }
    }

    fn warnings(&self, shards: &[Shard]) -> Vec<Warning> {
        let oversize = |warning: &&Warning| {
            let own = shards.iter().filter(|shard| shard.oversize);
            warning.is(WarningCode::Oversize)
                && own.flat_map(Shard::suites).any(|suite| suite.id == warning.subject)
        };
        let mut warnings: Vec<Warning> =
            self.parts.iter().flat_map(|part| &part.warnings).filter(oversize).cloned().collect();
        // As long as a shard is above a budget that nobody set.
        let unbound = |warning: &&Warning| {
            warning.is(WarningCode::MemoryAssumed)
                && shards.iter().any(|shard| shard.tier == warning.subject && !shard.oversize && !fits(shard))
        };
        warnings.extend(self.plan.warnings.iter().filter(unbound).cloned());
        warnings.extend(self.given_up.iter().map(|given_up| {
            let GivenUp { id, shard, why, .. } = given_up;
            let message = format!("`{}` of {shard} is not planned again: {why}", text::printable(id));
            Warning::new(WarningCode::GivenUp, id, message)
        }));
        warnings.sort();
        warnings
    }

    /// What the new plan keeps of a shard's end; `None`: it did not run. `homes`: where every suite is now.
    fn ended(&self, fate: &Fate, shards: &[Shard], homes: &HashMap<&str, usize>) -> Option<Ended> {
        let judgement = fate.judgement.as_ref()?;
        let into: BTreeSet<usize> =
            fate.left.iter().filter_map(|id| homes.get(id.as_str()).copied()).collect();
        let given_up = self.given_up.iter().filter(|given_up| given_up.shard == fate.shard);
        Some(Ended {
            shard: fate.shard.clone(),
            verdict: judgement.verdict,
            confidence: judgement.confidence,
            suites: fate.suites,
            executed: fate.executed.len(),
            failed: fate.failed.clone(),
            into: into.into_iter().map(|shard| shards[shard].id.clone()).collect(),
            given_up: given_up.map(|given_up| given_up.id.clone()).collect(),
        })
    }
}

/// Everything of a plan but what it holds.
pub(super) fn without_shards(plan: &Plan) -> Plan {
    Plan {
        schema: plan.schema,
        tool: plan.tool.clone(),
        round: plan.round,
        parent: None,
        root: None,
        ended: Vec::new(),
        objective: plan.objective.clone(),
        inputs: plan.inputs.clone(),
        tiers: Vec::new(),
        shards: Vec::new(),
        quality: plan.quality.clone(),
        previous: None,
        last_numbers: BTreeMap::new(),
        rules: plan.rules.clone(),
        curve: Vec::new(),
        warnings: Vec::new(),
    }
}
