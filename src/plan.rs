//! The result as data: what was packed becomes shards with names, predictions, proofs and warnings.

mod before;
pub mod coverage;
pub mod diff;
pub mod explain;
pub mod file;
pub mod law;
mod limits;
mod machines;
mod refusal;
pub(crate) mod restored;
mod rules;
pub mod split;
pub mod verify;
mod warnings;
pub mod what_if;

use std::cmp::Reverse;

use serde::Serialize;

use crate::catalogue::{ErrorId, WarningCode};
use crate::config::{Budget, Config, Goal, MemoryKind, Order, Price, Runner, RunsOn, ShardCount, Tier};
use crate::estimate::{self, Estimates};
use crate::inventory::Inventory;
use crate::model::{Basis, Bytes, Digest, Estimate, Millis};
use crate::pack::law::{Item, Kind, Law};
use crate::pack::{By, Effort, Packing, Problem, TierProblem, Worth};
use crate::text::count;

use before::Before;
pub use file::{Plan, Shard, Warning};
use limits::{Limits, limits};
pub use refusal::NoPlan;

/// How a plan is to be made, besides the configuration.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// How long to search.
    pub effort: Effort,
    /// An oversize suite is an error.
    pub strict: bool,
    /// Costs are exact: nothing is added to the floor.
    pub exact: bool,
    /// The ending of selection files.
    pub selection: Selection,
    /// Shards that run at once, where as many are made as pay; `None`: all.
    pub concurrency: Option<u32>,
    /// Numbers of shards whose cost is wanted besides, where as many are made as pay.
    pub also: Vec<usize>,
    /// Nobody looks at what other numbers of shards would cost.
    pub cheapest_only: bool,
    /// A plan whose suites should stay where they are.
    pub previous: Option<Plan>,
    /// What earlier stages noticed.
    pub warnings: Vec<Warning>,
}

/// How selection files are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Selection {
    /// One id a line.
    #[default]
    Lines,
    /// Ids separated by NUL.
    Null,
    /// A JSON array.
    Json,
}

impl Selection {
    /// The ending of its files.
    #[must_use]
    pub fn extension(self) -> &'static str {
        match self {
            Selection::Lines => "txt",
            Selection::Null => "nul",
            Selection::Json => "json",
        }
    }
}

/// Everything that a plan is made from.
#[derive(Clone, Copy)]
pub struct Sources<'a> {
    /// The configuration, flags included.
    pub config: &'a Config,
    /// The suites.
    pub inventory: &'a Inventory,
    /// The tier of each suite.
    pub assigned: &'a [usize],
    /// The cost of each suite, and what holds of each tier.
    pub estimates: &'a Estimates,
}

/// Makes a plan.
///
/// # Errors
/// [`NoPlan`] where no plan exists under the given limits, or none was found.
pub fn make(sources: Sources<'_>, options: &Options) -> Result<Plan, NoPlan> {
    let Sources { config, assigned, estimates, .. } = sources;
    let mut members: Vec<Vec<usize>> = vec![Vec::new(); config.tiers.len()];
    for (suite, tier) in assigned.iter().enumerate() {
        members[*tier].push(suite);
    }
    let mut warnings = options.warnings.clone();
    warnings::spread(config, &mut warnings);
    let limits: Vec<Limits> = (config.tiers.iter().zip(&estimates.tiers).zip(&members))
        .map(|((tier, known), members)| {
            let mine: Vec<&Estimate> = members.iter().map(|suite| &estimates.suites[*suite]).collect();
            limits(config, tier, *known, &mine, options.exact, &mut warnings)
        })
        .collect();
    warnings::killed(&sources, &mut warnings);
    let before = Before::new(options.previous.as_ref(), &sources, &members);
    let mut rules = rules::rules(&sources, &members, &mut warnings)?;
    let tiers = (0..config.tiers.len()).map(|tier| TierProblem {
        homes: before.tiers[tier].homes.clone(),
        rules: std::mem::take(&mut rules[tier]),
        ..tier_problem(&sources, tier, &members[tier], &limits[tier])
    });
    let kinds = machines::kinds(config, &limits);
    let problem = Problem {
        tiers: tiers.collect(),
        shards: config.goal.count().map(|shards| shards as usize),
        worth: (config.goal.shards == Some(ShardCount::Auto))
            .then(|| worth(config, &members, &kinds, options)),
        stability: config.stability.0,
        effort: options.effort,
    };
    let packing = machines::cheapest(&problem)
        .map_err(|err| refusal::explain(&err, &sources, &members, &limits, &problem))?;
    let priced = matches!(&problem.worth, Some(worth) if matches!(worth.by, By::Price { .. }));
    let builder = Builder {
        sources,
        options,
        members: &members,
        limits: &limits,
        before: &before,
        kinds: &kinds,
        priced,
    };
    let shards = builder.shards(&packing, &mut warnings)?;
    warnings::shared_output(config, &shards, &mut warnings);
    if priced {
        warnings::no_price(config, &members, &shards, &mut warnings);
    }
    warnings::mostly_assumed(config, &limits, &shards, &mut warnings);
    warnings.sort();
    Ok(builder.plan(shards, &packing, warnings))
}

/// What decides how many shards pay: money where a tier in use has a price, else time.
fn worth(config: &Config, members: &[Vec<usize>], kinds: &[Vec<(u64, u64)>], options: &Options) -> Worth {
    let mut used = config.tiers.iter().zip(members).filter(|(_, members)| !members.is_empty());
    let by = if used.all(|(tier, _)| tier.price.is_none()) {
        By::Time { overhead: config.overhead.0 }
    } else {
        By::Price { kinds: kinds.to_vec(), minute_value: config.minute_value.0 }
    };
    Worth {
        at_once: options.concurrency.map(|slots| slots as usize),
        by,
        also: options.also.clone(),
        cheapest_only: options.cheapest_only,
    }
}

/// The law of a tier's sessions above their floor, without a budget.
#[must_use]
pub fn packing_law(tier: &Tier) -> Law {
    let kind = match (tier.memory, tier.each) {
        (MemoryKind::Isolated, true) => Kind::Each,
        (MemoryKind::Isolated, false) => Kind::Isolated,
        (MemoryKind::Accumulates, _) if tier.spreads() => Kind::Spread,
        (MemoryKind::Accumulates, _) if tier.workers == 1 && tier.order == Order::Kept => Kind::InOrder,
        (MemoryKind::Accumulates, _) => Kind::AnyOrder,
    };
    Law {
        kind,
        workers: tier.workers as usize,
        cpus: u64::from(tier.cpus),
        setup: tier.setup.0,
        session_start: tier.session_start.0,
        sessions: if tier.sessions == 0 { usize::MAX } else { tier.sessions as usize },
        ..Law::BARE
    }
}

fn tier_problem(sources: &Sources<'_>, tier: usize, members: &[usize], limits: &Limits) -> TierProblem {
    let config = &sources.config.tiers[tier];
    let item = |suite: &usize| {
        let cost = &sources.estimates.suites[*suite].cost;
        Item {
            ms: cost.time.0,
            import: cost.import.0,
            retained: cost.retained.0,
            transient: cost.transient.0,
            cpus: u64::from(cost.cpus),
            exclusive: config.exclusive.matches(&sources.inventory.suites[*suite].id),
        }
    };
    let law = Law {
        floor: limits.floor.0,
        import_cap: limits.import_cap.map(|cap| cap.0),
        budget: limits.budget.filter(|_| limits.enforced).map(|budget| budget.0),
        admission: limits.budget.map(|budget| budget.0),
        ..packing_law(config)
    };
    TierProblem {
        shards: config.goal.count().map(|shards| shards as usize),
        target: config.goal.target.or(sources.config.goal.target).map(|target| target.0),
        ..TierProblem::new(law, members.iter().map(item).collect())
    }
}

struct Builder<'a> {
    sources: Sources<'a>,
    options: &'a Options,
    members: &'a [Vec<usize>],
    limits: &'a [Limits],
    before: &'a Before,
    kinds: &'a [Vec<(u64, u64)>],
    priced: bool,
}

impl Builder<'_> {
    fn shards(&self, packing: &Packing, warnings: &mut Vec<Warning>) -> Result<Vec<Shard>, NoPlan> {
        let config = self.sources.config;
        let mut shards = Vec::with_capacity(packing.shards.len());
        let mut oversize = Vec::new();
        for tier in 0..config.tiers.len() {
            let mut mine: Vec<&crate::pack::Shard> =
                packing.shards.iter().filter(|shard| shard.tier == tier).collect();
            // Members stand for ids: the smallest index is the smallest id.
            mine.sort_by_key(|shard| (Reverse((shard.need.ms, shard.need.bytes)), shard.members().min()));
            let before = &self.before.tiers[tier];
            let mut next = self.before.last_number(&config.tiers[tier].name);
            for shard in mine {
                // A name that was given once is never given to other suites.
                let number = shard.home.map_or_else(
                    || {
                        next += 1;
                        next
                    },
                    |home| before.numbers[home],
                );
                let shard = self.shard(tier, number, shard);
                if shard.oversize {
                    oversize.push(shard.clone());
                }
                shards.push((tier, number, shard));
            }
        }
        for shard in &oversize {
            warnings.push(self.oversize(shard));
        }
        if let (true, Some(first)) = (self.options.strict, oversize.first()) {
            let message = format!(
                "{} alone above the budget: {}",
                match oversize.len() {
                    1 => "1 suite is".to_owned(),
                    n => format!("{} are", count(n, "suite")),
                },
                self.oversize(first).message
            );
            return Err(NoPlan {
                id: ErrorId::OverBudget,
                message,
                help: vec![
                    "raise `budget`, add a [[runner]] that holds it, or leave --strict out".to_owned(),
                ],
            });
        }
        shards.sort_by_key(|(tier, number, shard)| (Reverse(shard.predicted_ms), *tier, *number));
        Ok(shards.into_iter().map(|(_, _, shard)| shard).collect())
    }

    fn shard(&self, tier: usize, number: u64, packed: &crate::pack::Shard) -> Shard {
        let (config, limits) = (&self.sources.config.tiers[tier], &self.limits[tier]);
        let id = format!("{}-{number}", config.name);
        let several = packed.sessions.len() > 1;
        let sessions: Vec<file::Session> = (packed.sessions.iter().enumerate())
            .map(|(place, session)| file::Session {
                selection: match several {
                    true => format!("{id}.{}.{}", place + 1, self.options.selection.extension()),
                    false => format!("{id}.{}", self.options.selection.extension()),
                },
                predicted_ms: Millis(session.need.ms) + config.session_start,
                predicted_bytes: Bytes(session.need.bytes),
                suites: (session.members.iter())
                    .map(|member| self.suite(tier, self.members[tier][*member]))
                    .collect(),
            })
            .collect();
        let predicted_bytes = Bytes(packed.need.bytes);
        let own = self.kinds[tier].first().copied().unwrap_or_default();
        let runner =
            machines::runner(self.sources.config, own, predicted_bytes, packed.oversize, self.priced);
        let predicted_ms = sessions.iter().map(|session| session.predicted_ms).sum::<Millis>() + config.setup;
        let assumed =
            (sessions.iter().flat_map(|session| &session.suites)).any(|suite| suite.basis == Basis::Assumed);
        Shard {
            id,
            tier: config.name.clone(),
            runs_on: runner.map_or_else(|| config.runs_on.clone(), |runner| runner.runs_on.clone()),
            runner: runner.map(|runner| runner.name.clone()),
            budget_bytes: runner.map(|runner| runner.budget).or(limits.budget),
            timeout_minutes: config.timeout_minutes.unwrap_or_else(|| timeout(predicted_ms, assumed)),
            predicted_ms,
            predicted_bytes,
            oversize: packed.oversize && runner.is_none(),
            sessions,
        }
    }

    fn suite(&self, tier: usize, suite: usize) -> file::Suite {
        let (id, estimate) =
            (&self.sources.inventory.suites[suite].id, &self.sources.estimates.suites[suite]);
        file::Suite {
            id: id.as_str().to_owned(),
            ms: estimate.cost.time,
            import_bytes: estimate.cost.import,
            retained_bytes: estimate.cost.retained,
            transient_bytes: estimate.cost.transient,
            cpus: estimate.cost.cpus,
            exclusive: self.sources.config.tiers[tier].exclusive.matches(id),
            basis: estimate.time_basis,
            memory_basis: estimate.memory_basis,
            samples: estimate.samples,
        }
    }

    fn oversize(&self, shard: &Shard) -> Warning {
        let id = shard
            .sessions
            .first()
            .and_then(|session| session.suites.first())
            .map_or("", |suite| suite.id.as_str());
        let budget = shard.budget_bytes.unwrap_or_default();
        let message = format!(
            "`{}` alone needs {}, {} above the budget of {}: it has shard {} to itself, and may be killed there",
            crate::text::printable(id),
            shard.predicted_bytes,
            shard.predicted_bytes.saturating_sub(budget),
            budget,
            shard.id
        );
        Warning::new(WarningCode::Oversize, id, message)
    }

    fn plan(&self, shards: Vec<Shard>, packing: &Packing, warnings: Vec<Warning>) -> Plan {
        let config = self.sources.config;
        let basis = |basis: Basis| {
            self.sources.estimates.suites.iter().filter(|estimate| estimate.time_basis == basis).count()
        };
        let kind = objective_kind(config);
        let makespan = shards.iter().map(|shard| shard.predicted_ms).max().unwrap_or_default();
        let proven = match kind {
            file::ObjectiveKind::Shards => makespan.0 == packing.makespan_bound,
            file::ObjectiveKind::Price => packing.cheapest,
            file::ObjectiveKind::Memory | file::ObjectiveKind::Target => shards.len() == packing.shards_bound,
        };
        let quality = file::Quality {
            makespan_ms: makespan,
            makespan_bound_ms: Millis(packing.makespan_bound),
            shards: shards.len(),
            shards_bound: packing.shards_bound,
            proven,
            total_ms: self.sources.estimates.suites.iter().map(|estimate| estimate.cost.time).sum(),
            peak_bytes: shards.iter().map(|shard| shard.predicted_bytes).max().unwrap_or_default(),
        };
        let used =
            config.tiers.iter().zip(self.limits).zip(self.members).filter(|(_, members)| !members.is_empty());
        let tiers = used.map(|((tier, limits), _)| file::Tier {
            name: tier.name.clone(),
            workers: tier.workers,
            memory: tier.memory,
            order: tier.order,
            spread: tier.spreads(),
            each: tier.each,
            cpus: tier.cpus,
            floor_bytes: limits.floor,
            import_cap_bytes: limits.import_cap,
            budget_bytes: limits.budget,
            setup_ms: tier.setup,
            session_start_ms: tier.session_start,
            sessions: tier.sessions,
        });
        let auto = kind == file::ObjectiveKind::Price;
        let priced = auto && packing.curve.iter().any(|point| point.price.is_some());
        let curve = packing.curve.iter().map(|point| file::Point {
            shards: point.shards,
            longest_ms: Millis(point.longest),
            wall_ms: Millis(point.wall),
            machine_ms: Millis(point.machine),
            peak_bytes: Some(Bytes(point.peak)),
            price: point.price.map(|price| Price(u64::try_from(price).unwrap_or(u64::MAX))),
        });
        let elsewhere = self.before.elsewhere;
        let last_numbers = before::counted_on(&self.before.last_numbers, &shards);
        let mut plan = Plan {
            schema: file::SCHEMA,
            tool: tool(),
            round: 0,
            parent: None,
            root: None,
            ended: Vec::new(),
            objective: file::Objective {
                kind,
                shards: config.goal.count(),
                target_ms: config.goal.target,
                overhead_ms: (auto && !priced).then_some(config.overhead),
                minute_value: priced.then_some(config.minute_value),
                concurrency: self.options.concurrency.filter(|_| auto),
            },
            inputs: file::Inputs {
                suites: self.sources.inventory.suites.len(),
                measured: basis(Basis::Measured),
                inherited: basis(Basis::Inherited),
                assumed: basis(Basis::Assumed),
                digest: String::new(),
            },
            tiers: tiers.collect(),
            shards,
            quality,
            previous: self.options.previous.is_some().then(|| file::Previous {
                known: packing.moves.known + elsewhere,
                moved: packing.moves.moved + elsewhere,
                moved_fresh: packing.moves.fresh + elsewhere,
                new: self.sources.inventory.suites.len() - packing.moves.known - elsewhere,
                gone: self.before.gone,
            }),
            last_numbers,
            rules: (config.rules.iter())
                .map(|rule| file::Rule { kind: rule.kind, matches: rule.patterns.clone() })
                .collect(),
            curve: curve.collect(),
            warnings,
        };
        plan.inputs.digest = self.digest(&plan).to_string();
        plan
    }

    /// Of everything that decides the plan, in a fixed order.
    fn digest(&self, plan: &Plan) -> Digest {
        #[derive(Serialize)]
        struct Canonical<'a> {
            tool: &'a str,
            objective: &'a file::Objective,
            goals: Vec<(Option<u32>, Option<Millis>, &'a RunsOn, Option<u32>, Option<Price>)>,
            runners: Vec<(&'a str, &'a RunsOn, Bytes, Option<Price>)>,
            tiers: &'a [file::Tier],
            options: (String, bool, &'a str),
            #[serde(skip_serializing_if = "<[file::Rule]>::is_empty")]
            rules: &'a [file::Rule],
            suites: Vec<(usize, file::Suite)>,
            /// For each tier the numbers of the previous plan's shards, and where suites were.
            #[serde(skip_serializing_if = "Vec::is_empty")]
            before: Vec<(&'a [u64], &'a [Option<usize>], u64)>,
            #[serde(skip_serializing_if = "Option::is_none")]
            stability: Option<u32>,
        }
        let config = self.sources.config;
        let suites =
            self.sources.assigned.iter().enumerate().map(|(suite, tier)| (*tier, self.suite(*tier, suite)));
        let canonical = Canonical {
            tool: &plan.tool,
            objective: &plan.objective,
            goals: (config.tiers.iter())
                .map(|tier| {
                    (tier.goal.count(), tier.goal.target, &tier.runs_on, tier.timeout_minutes, tier.price)
                })
                .collect(),
            runners: config
                .runners
                .iter()
                .map(|Runner { name, runs_on, budget, price }| (name.as_str(), runs_on, *budget, *price))
                .collect(),
            tiers: &plan.tiers,
            options: (
                format!("{:?}", self.options.effort),
                self.options.strict,
                self.options.selection.extension(),
            ),
            rules: &plan.rules,
            suites: suites.collect(),
            before: match self.options.previous {
                None => Vec::new(),
                Some(_) => (self.before.tiers.iter().zip(&config.tiers))
                    .map(|(before, tier)| {
                        let last = self.before.last_number(&tier.name);
                        (before.numbers.as_slice(), before.homes.as_slice(), last)
                    })
                    .collect(),
            },
            stability: self.options.previous.is_some().then_some(config.stability.0),
        };
        Digest::of(&serde_json::to_vec(&canonical).unwrap_or_default())
    }
}

/// `shard 0.1.0`.
#[must_use]
pub fn tool() -> String {
    concat!("shard ", env!("CARGO_PKG_VERSION")).to_owned()
}

/// Minutes after which a shard is given up: three times its prediction and five minutes, at least
/// ten; GitHub's six hours while any time in it is only assumed.
pub(crate) fn timeout(predicted: Millis, assumed: bool) -> u32 {
    const MOST: u64 = 360;
    let minutes = (predicted.0.saturating_mul(3).saturating_add(300_000)).div_ceil(60_000).clamp(10, MOST);
    if assumed { MOST as u32 } else { minutes as u32 }
}

fn objective_kind(config: &Config) -> file::ObjectiveKind {
    let any = |wanted: fn(&Goal) -> bool| {
        wanted(&config.goal) || config.tiers.iter().any(|tier| wanted(&tier.goal))
    };
    if config.goal.shards == Some(ShardCount::Auto) {
        file::ObjectiveKind::Price
    } else if any(|goal| goal.target.is_some()) {
        file::ObjectiveKind::Target
    } else if any(|goal| goal.shards.is_some()) {
        file::ObjectiveKind::Shards
    } else {
        file::ObjectiveKind::Memory
    }
}
