//! What is left becomes shards again: each tier's together, those that are halved by themselves.

use std::collections::{BTreeMap, BTreeSet};

use super::merge::{Merge, without_shards};
use super::raise::{Raise, raises};
use super::room::Machines;
use super::{Again, Fate, GivenUp, Half, Known, Next, Options, Rebalanced};
use crate::catalogue::ErrorId;
use crate::config::{Budget, Config, Goal, ShardCount};
use crate::estimate::{Estimates, TierEstimate};
use crate::inventory::Inventory;
use crate::model::{Basis, Bytes, Millis};
use crate::plan::file::{Suite, Tier};
use crate::plan::restored::{known, named, tier_of};
use crate::plan::{self, NoPlan, Plan, Shard, Sources, law};

/// How much of what a machine let a shard have is planned for, in hundredths, where that is less than the budget: a
/// run is refused above 95 % of what is left, and stopped before the limit.
const OF_LIMIT: u128 = 90;

/// Suites that are planned together.
struct Group<'a> {
    /// Their tier, as it runs now.
    tier: &'a Tier,
    suites: Vec<Suite>,
    /// Those of them that have a shard to themselves.
    apart: BTreeSet<String>,
    /// Most bytes of a shard, where that is less than the budget.
    aim: Option<Bytes>,
    /// Longest shard, where that can be.
    target: Millis,
    /// There are several shards of it, if it has several suites.
    split: bool,
}

struct Replanner<'a> {
    plan: &'a Plan,
    config: &'a Config,
    options: Options,
    /// The tiers as they run now.
    tiers: Vec<Tier>,
    raises: BTreeMap<&'a str, Raise>,
    /// What ended early and is not to be tried again: the tier and the suites of each such shard.
    died: Vec<(&'a str, BTreeSet<&'a str>)>,
}

pub(super) fn replan(
    plan: &Plan,
    digest: &str,
    config: &Config,
    known: &BTreeMap<String, Known>,
    fates: Vec<Fate>,
    options: Options,
) -> Result<Rebalanced, NoPlan> {
    let one_worker = |tier: &Tier| {
        let mine = plan.shards.iter().zip(&fates).filter(|(shard, _)| shard.tier == tier.name);
        mine.into_iter().any(|(_, fate)| matches!(&fate.next, Next::Again(again) if again.one_worker))
    };
    let tiers =
        plan.tiers.iter().map(|tier| if one_worker(tier) { alone(tier, config) } else { tier.clone() });
    let raises = raises(plan, known, &fates);
    let died = plan.shards.iter().zip(&fates).filter(|(_, fate)| matches!(fate.next, Next::Again(_)));
    let died = died.map(|(shard, _)| (shard.tier.as_str(), ids(shard))).collect();
    let replanner = Replanner { plan, config, options, tiers: tiers.collect(), raises, died };
    let (kept, groups, given_up) = replanner.groups(&fates);
    let mut last_numbers = plan.last_numbers.clone();
    let mut shards = kept;
    let mut parts = Vec::new();
    for group in &groups {
        let part = replanner.part(group, &last_numbers)?;
        last_numbers.clone_from(&part.last_numbers);
        shards.extend(part.shards.iter().map(|shard| replanner.settled(shard.clone())));
        parts.push(part);
    }
    let tiers = &replanner.tiers;
    let merge = Merge { plan, digest, tiers, parts: &parts, fates: &fates, given_up: &given_up };
    let plan = merge.plan(shards, last_numbers);
    Ok(Rebalanced { plan, fates, given_up })
}

/// The tier with one worker.
fn alone(tier: &Tier, config: &Config) -> Tier {
    let of_config = config.tiers.iter().find(|known| known.name == tier.name);
    let worker = of_config.map_or(Bytes(0), |tier| tier.worker_base);
    let less = worker.saturating_mul(u64::from(tier.workers.saturating_sub(1)));
    Tier { workers: 1, floor_bytes: tier.floor_bytes.saturating_sub(less), ..tier.clone() }
}

impl Replanner<'_> {
    fn tier(&self, shard: &Shard) -> Option<&Tier> {
        self.tiers.iter().find(|tier| tier.name == shard.tier)
    }

    /// Shards that stay as they are, what is to be planned again, and what is not.
    fn groups(&self, fates: &[Fate]) -> (Vec<Shard>, Vec<Group<'_>>, Vec<GivenUp>) {
        let mut kept = Vec::new();
        let mut given_up = Vec::new();
        // By tier, then by the shard that is halved.
        let mut groups: BTreeMap<(usize, Option<usize>), Group<'_>> = BTreeMap::new();
        for (place, (shard, fate)) in self.plan.shards.iter().zip(fates).enumerate() {
            let Some(at) = self.tiers.iter().position(|tier| tier.name == shard.tier) else { continue };
            let tier = &self.tiers[at];
            let again = match &fate.next {
                Next::Done if !self.options.all => continue,
                Next::Done | Next::Keep => {
                    let settled = self.settled(shard.clone());
                    // With other workers it may need more than it may have.
                    if tier == &self.plan.tiers[at] || fits(&settled) {
                        kept.push(settled);
                        continue;
                    }
                    Again::default()
                }
                Next::GiveUp => {
                    let why = fate.judgement.as_ref().map_or_else(String::new, |it| it.advice.clone());
                    let of = |id: &String| GivenUp {
                        id: id.clone(),
                        shard: shard.id.clone(),
                        needs: None,
                        why: why.clone(),
                    };
                    given_up.extend(fate.left.iter().map(of));
                    continue;
                }
                Next::Again(again) => again.clone(),
            };
            let (suites, apart) = self.suites(shard, fate, &again, tier, &mut given_up);
            let half = again.half.map(|_| place);
            let group = groups.entry((at, half)).or_insert_with(|| Group {
                tier,
                suites: Vec::new(),
                apart: BTreeSet::new(),
                aim: None,
                target: self.target(shard, again.half, tier),
                split: again.half.is_some(),
            });
            group.suites.extend(suites);
            group.apart.extend(apart);
            let limit =
                self.usable(fate).filter(|limit| shard.budget_bytes.is_none_or(|budget| *limit < budget));
            let half = (again.half == Some(Half::Memory)).then(|| self.half(shard, tier, limit));
            group.aim = [group.aim, limit, half].into_iter().flatten().min();
        }
        let groups = groups.into_values().filter(|group| !group.suites.is_empty()).collect();
        (kept, groups, given_up)
    }

    /// What is left of a shard with its costs now, and who gets a shard to himself.
    fn suites(
        &self,
        shard: &Shard,
        fate: &Fate,
        again: &Again,
        tier: &Tier,
        given_up: &mut Vec<GivenUp>,
    ) -> (Vec<Suite>, Option<String>) {
        let left: BTreeSet<&str> = fate.left.iter().map(String::as_str).collect();
        let raise = self.raises.get(shard.tier.as_str()).copied().unwrap_or_default();
        let wanted = shard.suites().filter(|suite| self.options.all || left.contains(suite.id.as_str()));
        let mut suites = Vec::new();
        for suite in wanted {
            let mut suite = raise.of(suite);
            if again.apart.as_ref() == Some(&suite.id) {
                let machines = Machines::new(shard, self.config, self.usable(fate));
                // What was alone had less than its budget, which it may ask for.
                let had_less = self.options.elastic && fate.limit < shard.budget_bytes;
                let again = Again { larger: again.larger && !had_less, ..again.clone() };
                match machines.room(tier, shard, &suite, &again) {
                    Ok(transient) => suite.transient_bytes = transient,
                    Err(needs) => {
                        let had = machines.had.map_or_else(String::new, |had| format!(" with {had}"));
                        given_up.push(GivenUp {
                            id: suite.id,
                            shard: shard.id.clone(),
                            needs: Some(needs),
                            why: format!("it was alone{had}, and that was too little; plan {needs} for it"),
                        });
                        continue;
                    }
                }
            }
            suites.push(suite);
        }
        (suites, again.apart.clone())
    }

    /// What its machine would let a shard have again, where that is known.
    fn usable(&self, fate: &Fate) -> Option<Bytes> {
        let limit = fate.limit.filter(|_| !self.options.elastic)?;
        Some(Bytes((u128::from(limit.0) * OF_LIMIT / 100) as u64))
    }

    /// Half of what the shard was to need above its floor, with what is known now.
    fn half(&self, shard: &Shard, tier: &Tier, limit: Option<Bytes>) -> Bytes {
        let raise = self.raises.get(shard.tier.as_str()).copied().unwrap_or_default();
        let peaks = shard.sessions.iter().map(|session| {
            let suites: Vec<Suite> = session.suites.iter().map(|suite| raise.of(suite)).collect();
            u64::try_from(law::peak(tier, shard, &suites).bytes()).unwrap_or(u64::MAX)
        });
        let peak = [shard.budget_bytes, limit].into_iter().flatten().map(|bytes| bytes.0);
        let peak = peaks.max().into_iter().chain(peak).min().unwrap_or(0);
        tier.floor_bytes + Bytes(Bytes(peak).saturating_sub(tier.floor_bytes).0 / 2)
    }

    /// As long as the tier's longest shard was; half of this one where time was over.
    fn target(&self, shard: &Shard, half: Option<Half>, tier: &Tier) -> Millis {
        if half == Some(Half::Time) {
            return Millis(tier.setup_ms.0 + shard.predicted_ms.0.saturating_sub(tier.setup_ms.0) / 2);
        }
        let mine = self.plan.shards.iter().filter(|other| other.tier == shard.tier);
        let longest = mine.map(|shard| shard.predicted_ms).max().unwrap_or_default();
        let planned = self.plan.tiers.iter().find(|planned| planned.name == tier.name);
        let slower = planned.map_or(1, |planned| planned.workers / tier.workers.max(1)).max(1);
        Millis(longest.0.saturating_mul(u64::from(slower)))
    }

    /// A group's shards, none of which is a shard that ended early.
    fn part(&self, group: &Group<'_>, last_numbers: &BTreeMap<String, u64>) -> Result<Plan, NoPlan> {
        // With other workers it is another try.
        let same = self.plan.tiers.contains(group.tier);
        let own = budget(self.plan, group.tier);
        let mut least = if group.split && group.suites.len() > 1 { 2 } else { 1 };
        loop {
            let part = self.packed(group, own, least, last_numbers)?;
            let again = |shard: &Shard| {
                let now = ids(shard);
                let died = |(tier, suites): &(&str, BTreeSet<&str>)| *tier == shard.tier && *suites == now;
                same && shard.runner.is_none() && self.died.iter().any(died)
            };
            let enough = part.shards.len() >= least;
            if (enough && !part.shards.iter().any(again)) || part.shards.len() >= group.suites.len() {
                return Ok(part);
            }
            least = part.shards.len() + 1;
        }
    }

    /// A group's shards: within its aim and its target where both can be kept, else within one of them.
    fn packed(
        &self,
        group: &Group<'_>,
        own: Option<Bytes>,
        least: usize,
        last_numbers: &BTreeMap<String, u64>,
    ) -> Result<Plan, NoPlan> {
        let aim = group.aim.or(own);
        let target = Some(group.target);
        let count = u32::try_from(least).ok();
        let tries = match least {
            1 => vec![(aim, target, None), (aim, None, None), (own, None, None)],
            // As many as must be; where memory asks for more, as many as it wants.
            _ => vec![(aim, target, None), (aim, None, count), (aim, None, None), (own, None, count)],
        };
        let mut refused = None;
        for (budget, target, shards) in tries {
            match self.made(group, budget, target, shards, last_numbers) {
                Ok(part) if part.shards.len() >= least => return Ok(part),
                Ok(part) => refused = Some(Ok(part)),
                Err(err) => refused = refused.or(Some(Err(err))),
            }
        }
        refused.unwrap_or_else(|| {
            Err(NoPlan {
                id: ErrorId::TooFewShards,
                message: "nothing was tried".to_owned(),
                help: Vec::new(),
            })
        })
    }

    fn made(
        &self,
        group: &Group<'_>,
        aim: Option<Bytes>,
        target: Option<Millis>,
        shards: Option<u32>,
        last_numbers: &BTreeMap<String, u64>,
    ) -> Result<Plan, NoPlan> {
        let goal = Goal {
            budget: Some(aim.map_or(Budget::Unlimited, Budget::Bytes)),
            target,
            shards: shards.map(ShardCount::Count),
        };
        let runners = match aim == budget(self.plan, group.tier) {
            true => self.config.runners.clone(),
            // What is too big for the aim may still fit its own machine.
            false => Vec::new(),
        };
        let config = Config {
            goal,
            tiers: vec![tier_of(self.plan, self.config, group.tier)],
            runners,
            ..self.config.clone()
        };
        let mut suites: Vec<&Suite> = group.suites.iter().collect();
        suites.sort_by(|a, b| a.id.cmp(&b.id));
        let inventory = Inventory { suites: suites.iter().map(|suite| named(suite)).collect() };
        let estimates = Estimates {
            suites: suites.iter().map(|suite| known(suite, group.apart.contains(&suite.id))).collect(),
            tiers: vec![TierEstimate { import_cap: group.tier.import_cap_bytes, ..TierEstimate::default() }],
        };
        let assigned = vec![0; suites.len()];
        let previous = Plan { last_numbers: last_numbers.clone(), ..without_shards(self.plan) };
        let options = plan::Options {
            effort: self.options.effort,
            exact: true,
            selection: self.options.selection,
            previous: Some(previous),
            ..plan::Options::default()
        };
        plan::make(
            Sources { config: &config, inventory: &inventory, assigned: &assigned, estimates: &estimates },
            &options,
        )
    }

    /// The shard with its own budget, and the figures that its tier gives it now.
    fn settled(&self, mut shard: Shard) -> Shard {
        let Some(tier) = self.tier(&shard) else { return shard };
        if shard.runner.is_none() {
            shard.budget_bytes = budget(self.plan, tier);
        }
        let before = shard.predicted_ms;
        let mut shard = law::figured(tier, shard);
        if shard.predicted_ms > before {
            let assumed = shard.suites().any(|suite| suite.basis == Basis::Assumed);
            let longer = plan::timeout(shard.predicted_ms, assumed);
            shard.timeout_minutes = shard.timeout_minutes.max(longer);
        }
        shard.oversize = shard.suites().count() == 1 && !fits(&shard);
        shard
    }
}

fn ids(shard: &Shard) -> BTreeSet<&str> {
    shard.suites().map(|suite| suite.id.as_str()).collect()
}

pub(super) fn fits(shard: &Shard) -> bool {
    shard.budget_bytes.is_none_or(|budget| shard.predicted_bytes <= budget)
}

/// What a shard of the tier may use.
fn budget(plan: &Plan, tier: &Tier) -> Option<Bytes> {
    plan.tiers.iter().find(|planned| planned.name == tier.name).and_then(|planned| planned.budget_bytes)
}
