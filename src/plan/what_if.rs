//! What a plan's suites would take otherwise: with other numbers of shards, other budgets, other machines.
//!
//! Every answer is a plan that is made and thrown away, under the same rules of memory, from what the plan at hand holds;
//! times stay what they are.

use rayon::prelude::*;
use serde::Serialize;

use super::file::{Objective, ObjectiveKind, Plan, Point, SCHEMA, Shard};
use super::restored::Restored;
use super::{NoPlan, Options};
use crate::config::{Budget, Config, Price, Runner, RunsOn, ShardCount, budget_of_machine};
use crate::model::{Bytes, Millis};
use crate::pack::{self, Effort};

/// Most budgets that may be asked for at once.
pub const BUDGETS_MAX: usize = 32;

/// Memory of machines that CIs offer, in GiB.
const MACHINES_GIB: [u64; 7] = [2, 4, 7, 8, 16, 32, 64];

/// What is asked beside the plan.
#[derive(Clone, Copy)]
pub struct Question<'a> {
    /// The objective, machines and prices, flags included.
    pub config: &'a Config,
    /// Shards that run at once; `None`: all.
    pub concurrency: Option<u32>,
    /// Budgets to try; none: some around the plan's.
    pub budgets: &'a [Bytes],
    /// Whether the plan is what was asked for, not one that stands in for what cannot be had.
    pub asked: bool,
}

/// The answer. All of it is one JSON document.
#[derive(Debug, Serialize)]
pub struct WhatIf {
    /// The version of this shape.
    pub schema: u64,
    /// Who wrote it: `shard 0.1.0`.
    pub tool: String,
    /// How many suites there are.
    pub suites: usize,
    /// What the plan was asked for.
    pub objective: Objective,
    /// What the plan takes; null where nothing can be had that was asked for.
    pub asked: Option<Point>,
    /// Other numbers of shards.
    #[serde(flatten)]
    pub curve: Curve,
    /// The fewest that are possible.
    pub fewest: Fewest,
    /// Other budgets, ascending; the plan's own is among them.
    pub budgets: Vec<OtherBudget>,
    /// The plan's machines, then every `[[runner]]`; empty where there is none.
    pub runners: Vec<OtherRunner>,
}

/// What numbers of shards cost, each on its tier's own machine unless the plan mixes machines itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Curve {
    /// Where another shard begins to cost more than it saves: the number that costs least.
    pub knee: usize,
    /// Waiting that one shard less is worth, where time decides.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub overhead_ms: Option<Millis>,
    /// What a minute of waiting costs, where machines have prices.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub minute_value: Option<Price>,
    /// Shards that run at once, where not all do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub concurrency: Option<u32>,
    /// Ascending.
    pub shards: Vec<Point>,
}

/// The fewest shards that were found, and why there are no fewer.
#[derive(Debug, Serialize)]
pub struct Fewest {
    /// How many.
    pub shards: usize,
    /// Fewer than so many are proven impossible.
    pub bound: usize,
    /// Why one shard less cannot be had; null where each tier has one shard.
    pub reason: Option<String>,
    /// What would make it possible, such as a larger budget.
    pub help: Vec<String>,
}

/// The same suites with another budget for every tier.
#[derive(Debug, Serialize)]
pub struct OtherBudget {
    /// The budget; null where the plan's tiers have several, or one has none.
    pub budget_bytes: Option<Bytes>,
    /// The memory of a machine that has this budget, where it was chosen for that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub machine_bytes: Option<Bytes>,
    /// Whether it is the plan's own.
    pub own: bool,
    /// What would become of the plan.
    #[serde(flatten)]
    pub outcome: Outcome,
}

/// The same suites on another kind of machine.
#[derive(Debug, Serialize)]
pub struct OtherRunner {
    /// As the configuration calls it; null: as planned.
    pub name: Option<String>,
    /// Its label.
    pub runs_on: Option<RunsOn>,
    /// What a shard may use there; null where the plan's tiers have several, or one has none.
    pub budget_bytes: Option<Bytes>,
    /// A minute's price.
    pub price: Option<Price>,
    /// What would become of the plan.
    #[serde(flatten)]
    pub outcome: Outcome,
}

/// What becomes of a plan under other limits.
#[derive(Debug, Default, Serialize)]
pub struct Outcome {
    /// With as few shards as memory allows; null where there is no plan.
    pub fewest: Option<Point>,
    /// With the same objective; null where it cannot be had.
    pub asked: Option<Point>,
    /// Suites that alone are above the budget.
    pub oversize: usize,
    /// Why there is no plan.
    pub reason: Option<String>,
}

/// What other numbers of shards would cost; `None` for a plan without shards, and for one of what was left of another,
/// whose number is not free.
#[must_use]
pub fn curve(plan: &Plan, question: &Question<'_>) -> Option<Curve> {
    if plan.shards.is_empty() || plan.round > 0 {
        return None;
    }
    curve_of(&Restored::new(plan, question.config), plan, question).ok()
}

/// Everything that may be asked of a plan.
///
/// # Errors
/// Where not even as many shards as pay are a plan, why.
pub fn what_if(plan: &Plan, question: &Question<'_>) -> Result<WhatIf, NoPlan> {
    let restored = Restored::new(plan, question.config);
    let concurrency = question.concurrency;
    let own = question.asked.then(|| point(plan, question.config, concurrency));
    let curve = curve_of(&restored, plan, question)?;
    let few = restored.planned(free, &quick(concurrency))?;
    let fewest = fewest(&restored, &few, plan);
    let few = point(&few, question.config, concurrency);
    let as_planned = || {
        let oversize = plan.shards.iter().filter(|shard| shard.oversize).count();
        Outcome { fewest: Some(few), asked: own, oversize, reason: None }
    };
    let own_budget = own_budget(plan);
    let budgets = match question.budgets {
        [] => usual_budgets(plan, own_budget),
        asked => {
            let mut all: Vec<(Bytes, Option<Bytes>)> = asked.iter().map(|budget| (*budget, None)).collect();
            all.sort_unstable();
            all.dedup();
            all
        }
    };
    let others = budgets.into_par_iter().filter(|(budget, _)| Some(*budget) != own_budget);
    let mut budgets: Vec<OtherBudget> = others
        .map(|(budget, machine_bytes)| {
            let change = |config: &mut Config| all_tiers(config, budget);
            let outcome = outcome(&restored, &change, question);
            OtherBudget { budget_bytes: Some(budget), machine_bytes, own: false, outcome }
        })
        .collect();
    if question.budgets.is_empty() {
        // With room for everything in one session, more room changes nothing.
        let tiers = plan.tiers.len();
        let enough = budgets.iter().position(|other| is_one_a_tier(other, tiers));
        budgets.truncate(enough.map_or(budgets.len(), |enough| enough + 1));
    }
    budgets.push(OtherBudget {
        budget_bytes: own_budget,
        machine_bytes: None,
        own: true,
        outcome: as_planned(),
    });
    budgets.sort_by_key(|other| (other.budget_bytes.map_or(u64::MAX, |budget| budget.0), !other.own));
    let runners = (question.config.runners.par_iter()).map(|runner| on(&restored, runner, question));
    let mut runners: Vec<OtherRunner> = runners.collect();
    if !runners.is_empty() {
        let price =
            same(question.config.tiers.iter().filter(|tier| in_use(plan, &tier.name)), |tier| tier.price);
        let label = same(plan.shards.iter().filter(|shard| shard.runner.is_none()), |shard| {
            Some(shard.runs_on.clone())
        });
        runners.insert(
            0,
            OtherRunner {
                name: None,
                runs_on: label,
                budget_bytes: own_budget,
                price,
                outcome: as_planned(),
            },
        );
    }
    Ok(WhatIf {
        schema: SCHEMA,
        tool: super::tool(),
        suites: plan.inputs.suites,
        objective: plan.objective.clone(),
        asked: own,
        curve,
        fewest,
        budgets,
        runners,
    })
}

/// Shards that run at once, as asked now or when the plan was made.
fn at_once(plan: &Plan, question: &Question<'_>) -> Option<u32> {
    question.concurrency.or(plan.objective.concurrency)
}

fn quick(concurrency: Option<u32>) -> Options {
    Options { effort: Effort::Quick, concurrency, ..Options::default() }
}

/// No number and no time is asked for: as few shards as memory allows.
pub fn free(config: &mut Config) {
    let goals = config.tiers.iter_mut().map(|tier| &mut tier.goal).chain([&mut config.goal]);
    goals.for_each(|goal| (goal.shards, goal.target) = (None, None));
}

fn all_tiers(config: &mut Config, budget: Bytes) {
    config.tiers.iter_mut().for_each(|tier| tier.goal.budget = Some(Budget::Bytes(budget)));
}

fn curve_of(restored: &Restored, plan: &Plan, question: &Question<'_>) -> Result<Curve, NoPlan> {
    let concurrency = at_once(plan, question);
    let mixes = plan.objective.kind == ObjectiveKind::Price;
    let mut asked = question.asked.then(|| point(plan, question.config, concurrency));
    let (mut points, terms) = match mixes && !plan.curve.is_empty() {
        true => {
            // The plan is on its own curve.
            asked = None;
            (plan.curve.clone(), plan.objective.clone())
        }
        false => {
            let also =
                asked.map_or_else(Vec::new, |asked| vec![asked.shards.saturating_sub(1), asked.shards + 1]);
            let auto = |config: &mut Config| {
                free(config);
                config.goal.shards = Some(ShardCount::Auto);
                if !mixes {
                    config.runners.clear();
                }
            };
            let made = restored.planned(auto, &Options { also, ..quick(concurrency) })?;
            (made.curve, made.objective)
        }
    };
    // A suite on a larger machine stays there, whatever the number.
    let dearer = if mixes { 0 } else { dearer(plan, question.config) };
    for price in points.iter_mut().filter_map(|point| point.price.as_mut()) {
        price.0 = price.0.saturating_add_signed(dearer);
    }
    if let Some(asked) = asked {
        points.retain(|point| point.shards != asked.shards);
        points.push(asked);
        points.sort_by_key(|point| point.shards);
    }
    let cost = |point: &Point| terms.cost(point.shards, point.wall_ms, point.price);
    let least = points.iter().min_by_key(|point| (cost(point), point.shards));
    Ok(Curve {
        knee: least.map_or(plan.shards.len(), |least| least.shards),
        overhead_ms: terms.overhead_ms,
        minute_value: terms.minute_value,
        concurrency: terms.concurrency,
        shards: points,
    })
}

/// What the plan itself takes.
fn point(plan: &Plan, config: &Config, concurrency: Option<u32>) -> Point {
    let mut times: Vec<u64> = plan.shards.iter().map(|shard| shard.predicted_ms.0).collect();
    times.sort_unstable_by(|a, b| b.cmp(a));
    let priced = config.tiers.iter().any(|tier| tier.price.is_some() && in_use(plan, &tier.name));
    let prices = plan.shards.iter().map(|shard| billed(shard, rate(shard, config)));
    Point {
        shards: plan.shards.len(),
        longest_ms: Millis(times.first().copied().unwrap_or(0)),
        wall_ms: Millis(pack::wall(&times, concurrency.map(|slots| slots as usize))),
        machine_ms: plan.shards.iter().map(|shard| shard.predicted_ms).sum(),
        peak_bytes: Some(plan.quality.peak_bytes),
        price: priced.then(|| Price(prices.fold(0, u64::saturating_add))),
    }
}

/// Started minutes are paid in full.
fn billed(shard: &Shard, rate: Option<Price>) -> u64 {
    shard.predicted_ms.0.div_ceil(60_000).saturating_mul(rate.unwrap_or_default().0)
}

fn own_rate(shard: &Shard, config: &Config) -> Option<Price> {
    config.tiers.iter().find(|tier| tier.name == shard.tier)?.price
}

fn rate(shard: &Shard, config: &Config) -> Option<Price> {
    match &shard.runner {
        Some(name) => config.runners.iter().find(|runner| runner.name == *name)?.price,
        None => own_rate(shard, config),
    }
}

/// What suites on larger machines cost more there, in millionths.
fn dearer(plan: &Plan, config: &Config) -> i64 {
    let larger = plan.shards.iter().filter(|shard| shard.runner.is_some());
    let more = larger.map(|shard| {
        let (there, own) = (billed(shard, rate(shard, config)), billed(shard, own_rate(shard, config)));
        i64::try_from(i128::from(there) - i128::from(own)).unwrap_or(0)
    });
    more.fold(0, i64::saturating_add)
}

/// Why there are no fewer shards than these.
fn fewest(restored: &Restored, few: &Plan, plan: &Plan) -> Fewest {
    let shards = few.shards.len().min(plan.shards.len());
    let bound = few.quality.shards_bound.min(shards);
    let less = u32::try_from(shards).ok().and_then(|shards| shards.checked_sub(1)).filter(|less| *less > 0);
    let refused = less.filter(|_| shards > few.tiers.len()).and_then(|less| {
        let change = |config: &mut Config| {
            free(config);
            config.goal.shards = Some(ShardCount::Count(less));
        };
        restored.planned(change, &quick(None)).err()
    });
    let (reason, help) =
        refused.map_or((None, Vec::new()), |NoPlan { message, help, .. }| (Some(message), help));
    Fewest { shards, bound, reason, help }
}

/// What becomes of the plan when something is changed.
fn outcome(restored: &Restored, change: &dyn Fn(&mut Config), question: &Question<'_>) -> Outcome {
    let changed = |more: &dyn Fn(&mut Config)| {
        let both = |config: &mut Config| {
            change(config);
            more(config);
        };
        let options = Options { cheapest_only: true, ..quick(question.concurrency) };
        let made = restored.planned(both, &options)?;
        let mut prices = question.config.clone();
        change(&mut prices);
        let oversize = made.shards.iter().filter(|shard| shard.oversize).count();
        Ok::<_, NoPlan>((point(&made, &prices, question.concurrency), oversize))
    };
    let few = match changed(&free) {
        Ok(few) => few,
        Err(refused) => return Outcome { reason: Some(refused.message), ..Outcome::default() },
    };
    let asked = match question.asked {
        true if goes_for_few(question.config) => Ok(few),
        true => changed(&|_| ()),
        false => return Outcome { fewest: Some(few.0), oversize: few.1, ..Outcome::default() },
    };
    let reason = asked.as_ref().err().map(|refused| refused.message.clone());
    Outcome { fewest: Some(few.0), asked: asked.ok().map(|(asked, _)| asked), oversize: few.1, reason }
}

/// Whether nothing but a budget decides.
fn goes_for_few(config: &Config) -> bool {
    super::objective_kind(config) == ObjectiveKind::Memory
}

/// All shards on one kind of machine.
fn on(restored: &Restored, runner: &Runner, question: &Question<'_>) -> OtherRunner {
    let change = |config: &mut Config| {
        all_tiers(config, runner.budget);
        config.tiers.iter_mut().for_each(|tier| tier.price = runner.price);
        config.runners.clear();
    };
    OtherRunner {
        name: Some(runner.name.clone()),
        runs_on: Some(runner.runs_on.clone()),
        budget_bytes: Some(runner.budget),
        price: runner.price,
        outcome: outcome(restored, &change, question),
    }
}

/// The budget of all tiers, where they have the same.
fn own_budget(plan: &Plan) -> Option<Bytes> {
    same(plan.tiers.iter(), |tier| tier.budget_bytes)
}

/// What all have, if all have the same.
fn same<T, V: PartialEq>(mut all: impl Iterator<Item = T>, of: impl Fn(T) -> Option<V>) -> Option<V> {
    let first = of(all.next()?)?;
    all.all(|other| of(other).as_ref() == Some(&first)).then_some(first)
}

fn in_use(plan: &Plan, tier: &str) -> bool {
    plan.tiers.iter().any(|used| used.name == tier)
}

/// Whether every tier has one shard, and no suite is too big.
fn is_one_a_tier(other: &OtherBudget, tiers: usize) -> bool {
    let one = other.outcome.fewest.is_some_and(|few| few.shards <= tiers);
    one && other.outcome.oversize == 0
}

/// Parts and multiples of the plan's budget, and those of machines that CIs offer, as far as they are near it:
/// each with the machine's memory.
fn usual_budgets(plan: &Plan, own: Option<Bytes>) -> Vec<(Bytes, Option<Bytes>)> {
    const NEAR: u64 = 12;
    let most = plan.tiers.iter().filter_map(|tier| tier.budget_bytes).max();
    let base = own.or(most).unwrap_or(plan.quality.peak_bytes).0.max(1_000_000);
    let machines = MACHINES_GIB.iter().map(|gib| Bytes(gib << 30));
    let machines = machines.map(|memory| (budget_of_machine(memory), Some(memory)));
    let mut all: Vec<(Bytes, Option<Bytes>)> =
        machines.filter(|(budget, _)| (base / 2..=base.saturating_mul(8)).contains(&budget.0)).collect();
    let near = |a: u64, b: u64| a.abs_diff(b).saturating_mul(100) < NEAR * a.max(b);
    for quarters in [2, 3, 5, 6, 8, 12, 16] {
        // Two digits are enough for a question.
        let budget = rounded((u128::from(base) * quarters / 4) as u64);
        if budget != base && !all.iter().any(|(other, _)| near(other.0, budget)) {
            all.push((Bytes(budget), None));
        }
    }
    all.sort_unstable();
    all
}

/// To two significant digits.
fn rounded(bytes: u64) -> u64 {
    let mut unit = 1;
    while bytes / unit >= 100 {
        unit *= 10;
    }
    bytes.saturating_add(unit / 2) / unit * unit
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan() -> Plan {
        Plan::from_bytes(include_bytes!("../../testdata/plans/two-shards.json")).unwrap()
    }

    fn ask(plan: &Plan, config: &Config, budgets: &[Bytes]) -> WhatIf {
        what_if(plan, &Question { config, concurrency: None, budgets, asked: true }).unwrap()
    }

    #[test]
    fn the_plan_is_on_its_own_curve_and_the_knee_costs_least() {
        let plan = plan();
        for overhead in [0, 1_000, 25_000, 600_000] {
            let config = Config { overhead: Millis(overhead), ..Config::default() };
            let answer = ask(&plan, &config, &[]);
            let curve = &answer.curve;
            let own = curve.shards.iter().find(|point| point.shards == plan.shards.len()).unwrap();
            assert_eq!((own.wall_ms, Some(*own)), (plan.quality.makespan_ms, answer.asked));
            let cost = |point: &Point| point.wall_ms.0 + point.shards as u64 * overhead;
            let least = curve.shards.iter().min_by_key(|point| (cost(point), point.shards)).unwrap();
            assert_eq!(curve.knee, least.shards, "{overhead}");
        }
    }

    #[test]
    fn larger_budgets_need_no_more_shards() {
        let budgets: Vec<Bytes> =
            [1_050, 1_100, 1_500, 3_000, 6_000].map(|mb| Bytes(mb * 1_000_000)).to_vec();
        let answer = ask(&plan(), &Config::default(), &budgets);
        let few: Vec<usize> =
            answer.budgets.iter().filter_map(|other| Some(other.outcome.fewest?.shards)).collect();
        assert!(few.len() >= 5 && few.windows(2).all(|pair| pair[0] >= pair[1]), "{few:?}");
        assert_eq!(answer.budgets.iter().filter(|other| other.own).count(), 1);
    }

    #[test]
    fn what_cannot_be_is_told() {
        let answer = ask(&plan(), &Config::default(), &[Bytes(10_000_000)]);
        let small = answer.budgets.iter().find(|other| !other.own).unwrap();
        assert!(small.outcome.fewest.is_none() && small.outcome.asked.is_none());
        assert!(small.outcome.reason.as_deref().unwrap().contains("before its first suite"));
    }

    #[test]
    fn a_rest_has_no_curve() {
        let config = Config::default();
        let question = Question { config: &config, concurrency: None, budgets: &[], asked: true };
        assert!(curve(&plan(), &question).is_some());
        assert!(curve(&Plan { round: 1, ..plan() }, &question).is_none());
        assert!(curve(&Plan { shards: Vec::new(), ..plan() }, &question).is_none());
    }

    #[test]
    fn budgets_are_asked_for_around_the_plans() {
        let usual = usual_budgets(&plan(), Some(Bytes(3_000_000_000)));
        assert!(usual.len() < 14 && usual.is_sorted());
        assert!(usual.iter().any(|(budget, _)| budget.0 < 3_000_000_000));
        assert!(usual.iter().any(|(_, machine)| *machine == Some(Bytes(16 << 30))));
        assert_eq!([rounded(7), rounded(1_249), rounded(2_250_000_000)], [7, 1_200, 2_300_000_000]);
        assert_eq!(rounded(u64::MAX) % 10, 0);
    }
}
