//! Memory: each run is planned as it would have been, with tiers, laws and budgets, and every shard is priced
//! with what the run really measured of its suites.

use std::collections::{BTreeMap, HashMap};

use rayon::prelude::*;
use serde::Serialize;

use super::price::{Ground, Real, peak};
use super::rule::MemoryRule;
use super::step::{MemoryStep, weighed};
use super::{Samples, median, rounded};
use crate::config::{Config, Goal, ShardCount};
use crate::inventory::{ListingError, assign};
use crate::model::{Basis, Bytes, Estimate, Observation};
use crate::plan::{self, Options, Plan, Sources};

/// Added before logarithms: many suites need next to nothing, and there a factor means nothing.
const OFFSET: f64 = (16 << 20) as f64;

/// Of how many of the newest runs it is asked what a suite imports for itself.
const OWN_RUNS: usize = 3;

/// What became of the memory of every run under every rule.
#[derive(Clone, Debug, Serialize)]
pub struct MemoryBacktest {
    /// Oldest first.
    pub runs: Vec<MemoryRun>,
    /// The rules, in the order in which they were asked for.
    pub settings: Vec<MemorySummary>,
}

/// One run.
#[derive(Clone, Debug, Serialize)]
pub struct MemoryRun {
    /// What it is called.
    pub run: String,
    /// Suites whose memory it measured, killed ones among them.
    pub suites: usize,
    /// Those whose memory no earlier run measured.
    pub new: usize,
    /// Suites that it did not measure the memory of, which were left out.
    pub unmeasured: usize,
    /// One for each objective.
    pub plans: Vec<MemoryPlans>,
}

/// The plans of one run for one objective.
#[derive(Clone, Debug, Serialize)]
pub struct MemoryPlans {
    /// So many shards at most; `None`: as configured.
    pub shards: Option<usize>,
    /// One for each rule; `None` where there was no plan within the limits.
    pub held: Vec<Option<Held>>,
}

/// What the shards of one plan held.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Held {
    /// How many there were.
    pub shards: usize,
    /// Those that really held more than was predicted.
    pub over_prediction: usize,
    /// Those with a budget.
    pub with_budget: usize,
    /// Those that really held more than that.
    pub over_budget: usize,
    /// Mean of predicted ÷ real, less 1.
    pub excess: f64,
    /// The largest of the predictions.
    pub predicted_bytes: Bytes,
    /// The largest that a shard really held.
    pub real_bytes: Bytes,
}

/// A rule over all runs.
#[derive(Clone, Debug, Serialize)]
pub struct MemorySummary {
    /// What it is called.
    pub setting: String,
    /// One for each objective.
    pub plans: Vec<MemoryTotal>,
    /// How far suites' memory was off, by where it came from. Only what occurred.
    pub by_basis: Vec<MemoryOff<Basis>>,
    /// The same by the number of runs that measured it.
    pub by_samples: Vec<MemoryOff<Samples>>,
}

/// All plans for one objective.
#[derive(Clone, Debug, Serialize)]
pub struct MemoryTotal {
    /// So many shards at most; `None`: as configured.
    pub shards: Option<usize>,
    /// Runs with a plan.
    pub runs: usize,
    /// Runs without one.
    pub refused: usize,
    /// Why the first of them had none.
    pub refusal: Option<String>,
    /// Shards of all plans.
    pub planned: usize,
    /// The share of them that really held more than was predicted; `None` without shards.
    pub over_prediction: Option<f64>,
    /// The share of those with a budget that really held more than that; `None` where none had one.
    pub over_budget: Option<f64>,
    /// Mean over the shards of predicted ÷ real, less 1.
    pub excess: Option<f64>,
}

/// How far predictions of suites were off: of import, retained and transient together.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct MemoryOff<K> {
    /// Which predictions.
    pub of: K,
    /// How many there were; without killed suites, of which only a lower bound is known.
    pub suites: usize,
    /// The median of |ln((predicted + 16 MiB) ÷ (real + 16 MiB))|.
    pub median_log_error: f64,
    /// The share of them that really needed more.
    pub over: f64,
}

#[derive(Clone, Copy)]
struct Miss {
    basis: Basis,
    samples: Samples,
    log_error: f64,
    over: bool,
}

/// One run under one rule.
struct Judged {
    /// For each objective what was held, or why there was no plan.
    held: Vec<Result<Held, String>>,
    misses: Vec<Miss>,
}

/// Replays every run.
///
/// # Errors
/// Suites that no tier takes.
pub fn replay(
    steps: &[MemoryStep],
    config: &Config,
    shards: &[usize],
    rules: &[MemoryRule],
    done: &(dyn Fn() + Sync),
) -> Result<MemoryBacktest, ListingError> {
    let goals: Vec<Option<usize>> = std::iter::once(None).chain(shards.iter().copied().map(Some)).collect();
    let configs: Vec<Config> = goals.iter().map(|goal| asked(config, *goal)).collect();
    let judge = |step: &MemoryStep| -> Result<Vec<Judged>, ListingError> {
        let assigned = assign(&step.inventory, &config.tiers)?;
        let judged = rules.iter().map(|rule| judge(step, *rule, &configs, &assigned)).collect();
        done();
        Ok(judged)
    };
    let judged: Vec<Vec<Judged>> =
        steps.par_iter().map(judge).collect::<Vec<_>>().into_iter().collect::<Result<_, _>>()?;
    let runs = steps.iter().zip(&judged).map(|(step, judged)| MemoryRun {
        run: step.run.clone(),
        suites: step.real.len(),
        new: step
            .history
            .suites
            .iter()
            .filter(|samples| !samples.iter().any(|sample| weighed(&sample.seen)))
            .count(),
        unmeasured: step.unmeasured,
        plans: (goals.iter().enumerate())
            .map(|(place, shards)| MemoryPlans {
                shards: *shards,
                held: judged.iter().map(|judged| judged.held[place].as_ref().ok().copied()).collect(),
            })
            .collect(),
    });
    let summary = |(number, rule): (usize, &MemoryRule)| {
        let of_rule = || judged.iter().map(move |judged| &judged[number]);
        let misses = || of_rule().flat_map(|judged| &judged.misses);
        MemorySummary {
            setting: rule.to_string(),
            plans: (goals.iter().enumerate())
                .map(|(place, shards)| total(*shards, of_rule().map(|judged| &judged.held[place])))
                .collect(),
            by_basis: off(misses(), |miss| miss.basis),
            by_samples: off(misses(), |miss| miss.samples),
        }
    };
    Ok(MemoryBacktest { runs: runs.collect(), settings: rules.iter().enumerate().map(summary).collect() })
}

/// The configuration with this objective; a number replaces the whole of it, but for the budget.
fn asked(config: &Config, shards: Option<usize>) -> Config {
    let mut config = config.clone();
    if let Some(shards) = shards {
        let count = ShardCount::Count(u32::try_from(shards).unwrap_or(u32::MAX));
        let replace = |goal: &mut Goal, shards| (goal.shards, goal.target) = (shards, None);
        replace(&mut config.goal, Some(count));
        config.tiers.iter_mut().for_each(|tier| replace(&mut tier.goal, None));
    }
    config
}

fn judge(step: &MemoryStep, rule: MemoryRule, configs: &[Config], assigned: &[usize]) -> Judged {
    let real: Vec<Real> = step
        .real
        .iter()
        .zip(&step.history.suites)
        .map(|(now, samples)| {
            // What a suite left behind is not known where it ran last: then what it left the last time.
            let before = || samples.iter().find_map(|sample| sample.seen.retained);
            // What it once did not pay another paid for it.
            let imports = samples.iter().filter_map(|sample| sample.seen.import);
            real(now, now.retained.or_else(before).unwrap_or(0), imports.take(OWN_RUNS).min())
        })
        .collect();
    let paid = step.sessions.iter().map(|session| {
        let more = session.iter().map(|(suite, bytes)| bytes.saturating_sub(real[*suite].own_import).max(0));
        more.fold(0i64, i64::saturating_add)
    });
    let shared = paid.max().unwrap_or(i64::MAX);
    let Some(first) = configs.first() else { return Judged { held: Vec::new(), misses: Vec::new() } };
    let estimates = rule.estimates(step, first, assigned);
    let held = configs.iter().map(|config| {
        let sources = Sources { config, inventory: &step.inventory, assigned, estimates: &estimates };
        let plan = plan::make(sources, &Options::default()).map_err(|err| err.message)?;
        Ok(held(&plan, step, config, &real, shared))
    });
    let held = held.collect();
    let misses = (estimates.suites.iter().zip(&real)).zip(step.real.iter().zip(&step.history.suites));
    let misses =
        misses.filter(|(_, (now, _))| now.killed.is_none()).map(|((estimate, real), (_, samples))| {
            let seen = samples.iter().filter(|sample| weighed(&sample.seen)).count();
            miss(estimate, real, seen)
        });
    Judged { held, misses: misses.collect() }
}

/// Of a killed suite only what it held at the kill is known: it needed at least that.
fn real(now: &Observation, retained: i64, least_import: Option<i64>) -> Real {
    let import = now.import.unwrap_or(0).max(0);
    Real {
        ms: now.time.map(|time| time.0),
        import,
        own_import: least_import.unwrap_or(import).clamp(0, import),
        retained,
        transient: match (now.killed, now.retained) {
            (Some(kill), _) => kill.used,
            (None, Some(_)) => now.transient.unwrap_or(0),
            // All that it held, and a part of that is what it left behind.
            (None, None) => now.transient.unwrap_or(0).saturating_sub(retained.max(0).unsigned_abs()),
        },
    }
}

fn miss(estimate: &Estimate, real: &Real, seen: usize) -> Miss {
    let cost = &estimate.cost;
    let said = cost.import + cost.retained + cost.transient;
    let came = u64::try_from(real.own().max(0)).unwrap_or(u64::MAX);
    Miss {
        basis: estimate.memory_basis,
        samples: Samples::of(u32::try_from(seen).unwrap_or(u32::MAX)),
        log_error: libm::log((said.0 as f64 + OFFSET) / (came as f64 + OFFSET)).abs(),
        over: came > said.0,
    }
}

/// Prices the shards of a plan.
fn held(plan: &Plan, step: &MemoryStep, config: &Config, real: &[Real], shared: i64) -> Held {
    let place: HashMap<&str, usize> =
        step.inventory.suites.iter().enumerate().map(|(number, suite)| (suite.id.as_str(), number)).collect();
    let mut all = Held::default();
    let mut excess = 0.0;
    for shard in &plan.shards {
        let tier = plan.tiers.iter().find(|tier| tier.name == shard.tier);
        let configured = config.tiers.iter().find(|tier| tier.name == shard.tier);
        let (Some(tier), Some(configured)) = (tier, configured) else { continue };
        let seen = step.shards.get(&shard.tier).map_or(&[][..], Vec::as_slice);
        let ground = Ground {
            tier,
            shared,
            floor: seen.iter().filter_map(|shard| shard.floor).max().map_or(configured.floor(), Bytes),
            // One session may be planned to collect what several of the run's shards did.
            import_cap: seen
                .iter()
                .filter_map(|shard| shard.import.map(Bytes))
                .reduce(|sum, level| sum + level),
        };
        let peaks = shard.sessions.iter().map(|session| {
            let suites = session.suites.iter().map(|suite| {
                let real = place.get(suite.id.as_str()).map(|number| real[*number]);
                (suite, real.unwrap_or_default())
            });
            peak(ground, &suites.collect::<Vec<_>>())
        });
        let came = peaks.max().unwrap_or_default();
        all.shards += 1;
        all.over_prediction += usize::from(came > shard.predicted_bytes);
        all.with_budget += usize::from(shard.budget_bytes.is_some());
        all.over_budget += usize::from(shard.budget_bytes.is_some_and(|budget| came > budget));
        excess += shard.predicted_bytes.0 as f64 / came.0.max(1) as f64 - 1.0;
        all.predicted_bytes = all.predicted_bytes.max(shard.predicted_bytes);
        all.real_bytes = all.real_bytes.max(came);
    }
    Held { excess: rounded(excess / all.shards.max(1) as f64), ..all }
}

fn total<'a>(shards: Option<usize>, plans: impl Iterator<Item = &'a Result<Held, String>>) -> MemoryTotal {
    let (mut runs, mut refused, mut refusal) = (0, 0, None);
    let (mut all, mut excess) = (Held::default(), 0.0);
    for plan in plans {
        match plan {
            Ok(held) => {
                runs += 1;
                all.shards += held.shards;
                all.over_prediction += held.over_prediction;
                all.with_budget += held.with_budget;
                all.over_budget += held.over_budget;
                excess += held.excess * held.shards as f64;
            }
            Err(why) => {
                refused += 1;
                refusal.get_or_insert_with(|| why.clone());
            }
        }
    }
    let share = |part: f64, whole: usize| (whole > 0).then(|| rounded(part / whole as f64));
    MemoryTotal {
        shards,
        runs,
        refused,
        refusal,
        planned: all.shards,
        over_prediction: share(all.over_prediction as f64, all.shards),
        over_budget: share(all.over_budget as f64, all.with_budget),
        excess: share(excess, all.shards),
    }
}

fn off<'a, K: Copy + Ord>(
    misses: impl Iterator<Item = &'a Miss>,
    key: impl Fn(&Miss) -> K,
) -> Vec<MemoryOff<K>> {
    let mut groups: BTreeMap<K, Vec<Miss>> = BTreeMap::new();
    misses.for_each(|miss| groups.entry(key(miss)).or_default().push(*miss));
    let off = |(of, misses): (K, Vec<Miss>)| {
        let errors = median(misses.iter().map(|miss| miss.log_error).collect())?;
        let over = misses.iter().filter(|miss| miss.over).count() as f64 / misses.len() as f64;
        Some(MemoryOff { of, suites: misses.len(), median_log_error: rounded(errors), over: rounded(over) })
    };
    groups.into_iter().filter_map(off).collect()
}

#[cfg(test)]
mod tests {
    use super::super::rule::MEMORY_RULES;
    use super::super::step::weighed_runs;
    use super::*;
    use crate::history::store;

    const BASE: &str = "match = [\"**\"]\nbase = \"0B\"\nworker-base = \"0B\"\n";

    fn config() -> String {
        format!("budget = \"500MB\"\n[tier.default]\n{BASE}")
    }

    /// Rows are `[run, part, ms, import, retained, transient, flags]`, in MB where they are bytes.
    fn replayed(config: &str, suites: &str, tiers: &str, shards: &[usize]) -> MemoryBacktest {
        let mega = |text: &str| text.replace("MB", "000000");
        let text = format!(
            r#"{{"schema":1,"runs":[{{"run":"a","at":1,"key":""}},{{"run":"b","at":2,"key":""}},{{"run":"c","at":3,"key":""}}],
            "suites":{{{}}},"tiers":{{{}}}}}"#,
            mega(suites),
            mega(tiers)
        );
        let store = store::read(text.as_bytes()).unwrap();
        let config = crate::config::file::parse(config).unwrap();
        replay(&weighed_runs(&store), &config, shards, &MEMORY_RULES, &|| ()).unwrap()
    }

    /// Setting, asked, planned, over the prediction, over the budget.
    fn totals(
        found: &MemoryBacktest,
        setting: usize,
    ) -> Vec<(Option<usize>, usize, Option<f64>, Option<f64>)> {
        let plans = found.settings[setting].plans.iter();
        plans.map(|plan| (plan.shards, plan.planned, plan.over_prediction, plan.over_budget)).collect()
    }

    const STEADY: &str =
        r#""s":[[0,"p",1000,0,0,100MB,0],[1,"p",1000,0,0,100MB,0],[2,"p",1000,0,0,100MB,0]]"#;

    #[test]
    fn what_grew_is_over_prediction_and_budget() {
        let grown = r#""g":[[0,"p",1000,0,0,100MB,0],[1,"p",1000,0,0,100MB,0],[2,"p",1000,0,0,900MB,0]]"#;
        let found = replayed(&config(), &format!("{STEADY},{grown}"), "", &[2]);
        assert_eq!(found.runs.iter().map(|run| run.run.as_str()).collect::<Vec<_>>(), ["b", "c"]);
        // One shard under the budget, two where two are asked for; one of all is too small, in the last run.
        let expect = [(None, 2, Some(0.5), Some(0.5)), (Some(2), 4, Some(0.25), Some(0.25))];
        for setting in 0..MEMORY_RULES.len() {
            assert_eq!(totals(&found, setting), expect, "{}", found.settings[setting].setting);
        }
        let [set, two] = &found.runs[1].plans[..] else { panic!("two objectives") };
        assert_eq!(set.held[2].map(|held| held.real_bytes), Some(Bytes(900_000_000)));
        // The largest so far, and what a session of measured suites has on top.
        assert_eq!(two.held[2].map(|held| held.predicted_bytes), Some(Bytes(100_000_000 + (32 << 20))));
        let largest = found.settings[2].plans[0].excess.unwrap();
        assert!((largest - (1.33554 - 1.0 + 1.33554 / 9.0 - 1.0) / 2.0).abs() < 1e-3, "{largest}");
        let ours = &found.settings[0];
        assert_eq!(
            (ours.by_basis.len(), ours.by_basis[0].of, ours.by_basis[0].suites),
            (1, Basis::Measured, 4)
        );
        assert_eq!(ours.by_basis[0].over, 0.25);
        let seen: Vec<_> = ours.by_samples.iter().map(|off| (off.of, off.suites, off.over)).collect();
        assert_eq!(seen, [(Samples::One, 2, 0.0), (Samples::Few, 2, 0.5)]);
        // Of the steady ones the largest is right to the byte.
        assert_eq!(found.settings[2].by_samples[0].median_log_error, 0.0);
    }

    #[test]
    fn a_killed_suite_needed_at_least_what_it_held() {
        let killed =
            r#""k":[[0,"p",1000,0,0,100MB,0],[2,"p",null,0,0,400MB,1]],"new":[[2,"p",9,null,null,null,0]]"#;
        let found = replayed(&config(), &format!("{STEADY},{killed}"), "", &[]);
        assert_eq!((found.runs[1].suites, found.runs[1].new, found.runs[1].unmeasured), (2, 0, 1));
        assert_eq!(totals(&found, 0), [(None, 2, Some(0.5), Some(0.0))], "400 MB are within the budget");
        assert_eq!(found.settings[0].by_basis[0].suites, 2, "nobody knows how far the killed one was off");
    }

    #[test]
    fn what_a_run_measured_of_its_shards_counts_for_it_and_for_later_ones() {
        // What the last suite left behind is what it left before, of the 110 that it held: 50 + 50 + 60, and not 50 + 100.
        let last = r#""t":[[0,"p",1000,0,50MB,60MB,0],[1,"p",1000,0,0,110MB,2]],"u":[[0,"p",1000,0,50MB,100MB,0],[1,"p",1000,0,50MB,100MB,0]]"#;
        let found = replayed(&config(), last, "", &[]);
        let held = found.runs[0].plans[0].held[0].unwrap();
        assert_eq!(held.real_bytes, Bytes(160_000_000));
        let with = |tiers: &str| replayed(&config(), last, tiers, &[]).runs[0].plans[0].held[0].unwrap();
        // The run's own floor is what it was; its own peak, more than 1.5 × what the model makes of it, is for later
        // runs.
        let own = with(r#""default":[[1,"p",70MB,null,null,null,200MB,100MB]]"#);
        assert_eq!((own.real_bytes, own.predicted_bytes), (Bytes(230_000_000), held.predicted_bytes));
        let before = with(r#""default":[[0,"p",70MB,null,null,null,200MB,100MB]]"#);
        let slack = 32 << 20;
        let above = |held: Held| (held.predicted_bytes.0 - slack) as f64;
        assert_eq!(before.real_bytes, held.real_bytes);
        assert!((above(before) / above(held) - 1.5).abs() < 0.01, "{before:?}");
    }

    #[test]
    fn workers_and_tiers_are_those_of_the_configuration() {
        let two = r#""e2e/a":[[0,"p",1000,0,0,100MB,0],[1,"p",1000,0,0,100MB,0]],"e2e/b":[[0,"p",1000,0,0,80MB,0],[1,"p",1000,0,0,80MB,0]],
            "u":[[0,"p",1000,0,0,10MB,0],[1,"p",1000,0,0,10MB,0]]"#;
        let tiers = format!(
            "budget = \"500MB\"\n[tier.e2e]\n{}workers = 2\n[tier.unit]\n{BASE}",
            BASE.replace("**", "e2e/**")
        );
        let found = replayed(&tiers, two, "", &[1]);
        let held = found.runs[0].plans[0].held[0].unwrap();
        assert_eq!((held.shards, held.real_bytes), (2, Bytes(180_000_000)), "two at once");
        let refused = &found.settings[0].plans[1];
        assert_eq!((refused.runs, refused.refused, refused.over_prediction), (0, 1, None));
        assert!(refused.refusal.is_some(), "two tiers are no one shard");
        assert!(found.runs[0].plans[1].held[0].is_none());
    }

    #[test]
    fn nothing_is_judged_that_was_not_measured() {
        let found =
            replayed(&config(), r#""s":[[0,"p",1,null,null,null,0],[1,"p",1,null,null,null,0]]"#, "", &[]);
        assert!(found.runs.is_empty());
    }
}
