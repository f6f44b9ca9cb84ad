//! Problems of our own, and the plans that `shard` makes of any: shared by the benchmark and the test that pins
//! quality. The same numbers on every machine.

use shard::config::{Budget, Config, Order, ShardCount};
use shard::estimate::{Estimates, TierEstimate};
use shard::inventory::{Inventory, Suite};
use shard::model::{Basis, Bytes, Cost, Estimate, Millis, Percent, SuiteId};
use shard::pack::Effort;
use shard::plan::{self, Options, Plan, Sources};

pub(crate) const MIB: u64 = 1 << 20;

/// Bytes that a session takes before any suite, in the generated problems.
pub(crate) const FLOOR: u64 = 420 * MIB;

#[derive(Clone, Copy)]
pub(crate) struct Item {
    pub(crate) ms: u64,
    pub(crate) retained: u64,
    pub(crate) transient: u64,
}

/// What is wanted of a problem.
#[derive(Clone, Copy)]
pub(crate) enum Goal {
    /// The shortest longest of so many shards.
    Shards(usize),
    /// The fewest shards within so many milliseconds.
    Target(u64),
}

pub(crate) struct Problem {
    pub(crate) family: String,
    pub(crate) name: String,
    pub(crate) items: Vec<Item>,
    pub(crate) goal: Goal,
    pub(crate) floor: u64,
    pub(crate) budget: Option<u64>,
    /// Percent of memory above what a plan is known to need, where one was planted.
    pub(crate) slack: Option<u64>,
    /// Proven: the optimum, where it is known, and what nothing can beat.
    pub(crate) optimum: Option<u64>,
    pub(crate) lower: u64,
}

/// SplitMix64, with a few distributions.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
    pub(crate) fn below(&mut self, n: u64) -> u64 {
        self.next() % n.max(1)
    }
    pub(crate) fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }
    fn normal(&mut self) -> f64 {
        let a = self.unit().max(1e-300);
        libm::sqrt(-2.0 * libm::log(a)) * libm::cos(std::f64::consts::TAU * self.unit())
    }
    pub(crate) fn shuffle<T>(&mut self, all: &mut [T]) {
        for i in (1..all.len()).rev() {
            all.swap(i, self.below(i as u64 + 1) as usize);
        }
    }
}

/// Suites as they are found in projects: a log-normal body with a heavy tail, memory that goes with time, a few
/// transients; families without any are called `flat`. The budget is `tight` times the mean load of a shard, the
/// largest transient besides.
pub(crate) fn realistic(n: usize, shards: usize, seed: u64, tight: f64, transients: f64) -> Problem {
    let random = &mut Random(seed * 7_919 + n as u64 * 31 + shards as u64);
    let mut items: Vec<Item> = (0..n)
        .map(|_| {
            let (z, other) = (random.normal(), random.normal());
            let ms = if random.unit() < 0.97 {
                6_000.0 * libm::exp(0.9 * z)
            } else {
                (1_500.0 / libm::pow(1.0 - random.unit() * 0.9999, 1.0 / 1.6)).max(20_000.0)
            };
            let transient = match random.unit() < transients {
                true => ((60.0 * libm::exp(0.8 * random.normal())) as u64).clamp(1, 2_048) * MIB,
                false => 0,
            };
            let retained = ((24.0 * libm::exp(0.9 * (0.3 * z + 0.95 * other))) as u64).clamp(1, 4_096) * MIB;
            Item { ms: (ms as u64).clamp(5, 2_700_000), retained, transient }
        })
        .collect();
    let longest = items.iter().map(|item| item.ms).sum::<u64>() / (2 * shards as u64);
    items.iter_mut().for_each(|item| item.ms = item.ms.min(longest.max(5)));
    let retained: u64 = items.iter().map(|item| item.retained).sum();
    let transient = items.iter().map(|item| item.transient).max().unwrap_or(0);
    let alone = items.iter().map(|item| item.retained + item.transient).max().unwrap_or(0);
    let budget = FLOOR + ((tight * (retained / shards as u64) as f64) as u64 + transient).max(alone);
    Problem {
        family: format!("realistic {tight:.2} {n}x{shards}{}", if transients > 0.0 { "" } else { " flat" }),
        name: format!("seed {seed}"),
        items,
        goal: Goal::Shards(shards),
        floor: FLOOR,
        budget: Some(budget),
        slack: None,
        optimum: None,
        lower: 0,
    }
}

/// `total` in `count` positive parts: uniform spacings, or log-normal shares.
fn cut(random: &mut Random, total: u64, count: u64, heavy: bool) -> Vec<u64> {
    let room = total - count;
    let mut parts: Vec<u64> = if heavy {
        let weights: Vec<f64> = (0..count).map(|_| libm::exp(1.3 * random.normal())).collect();
        let sum: f64 = weights.iter().sum();
        weights.iter().map(|weight| (room as f64 * weight / sum) as u64).collect()
    } else {
        let mut points: Vec<u64> = (1..count).map(|_| random.below(room + 1)).collect();
        points.sort_unstable();
        points
            .iter()
            .chain([&room])
            .scan(0, |last, point| Some(point - std::mem::replace(last, *point)))
            .collect()
    };
    let rest = room - parts.iter().sum::<u64>();
    let at = random.below(count) as usize;
    parts[at] += rest;
    parts.iter().map(|part| part + 1).collect()
}

/// Shards that are full to the millisecond and, without slack, to the megabyte, and then taken apart.
pub(crate) fn planted(
    shards: usize,
    per_shard: u64,
    style: &str,
    slack: u64,
    seed: u64,
    fewest: bool,
) -> Problem {
    const TARGET: u64 = 600_000;
    const MEMORY: u64 = 6_000;
    let random = &mut Random(seed * 104_729 + shards as u64 * 17 + per_shard);
    let mut items = Vec::new();
    for _ in 0..shards {
        let heavy = style == "heavy";
        let top = (MEMORY as f64 * (0.02 + 0.08 * random.unit())) as u64;
        let (times, memory) = if style == "triplet" {
            let three = |random: &mut Random, total: u64| {
                let a = (total as f64 * (0.38 + 0.11 * random.unit())) as u64;
                let b = ((total - a) as f64 * (0.42 + 0.16 * random.unit())) as u64;
                vec![a, b, total - a - b]
            };
            let (times, mut memory) = (three(random, TARGET), three(random, MEMORY - top));
            random.shuffle(&mut memory);
            (times, memory)
        } else {
            let count = (per_shard + random.below(per_shard / 2 + 1) - per_shard / 4).max(1);
            (cut(random, TARGET, count, heavy), cut(random, MEMORY - top, count, heavy))
        };
        let spiky = random.below(times.len() as u64) as usize;
        for (number, (ms, retained)) in times.iter().zip(memory).enumerate() {
            let transient = match number == spiky {
                true => top,
                false if random.unit() < 0.25 => random.below(top + 1),
                false => 0,
            };
            items.push(Item { ms: *ms, retained: retained * MIB, transient: transient * MIB });
        }
    }
    random.shuffle(&mut items);
    let optimum = if fewest { shards as u64 } else { TARGET };
    Problem {
        family: format!(
            "planted {style} {shards}x{per_shard} +{slack}%{}",
            if fewest { " fewest" } else { "" }
        ),
        name: format!("seed {seed}"),
        items,
        goal: if fewest { Goal::Target(TARGET) } else { Goal::Shards(shards) },
        floor: FLOOR,
        budget: Some(FLOOR + MEMORY * MIB * (100 + slack) / 100),
        slack: Some(slack),
        optimum: Some(optimum),
        lower: optimum,
    }
}

/// What a plan of a problem is made from.
pub(crate) struct Input {
    pub(crate) config: Config,
    pub(crate) inventory: Inventory,
    pub(crate) estimates: Estimates,
    assigned: Vec<usize>,
}

impl Input {
    pub(crate) fn of(problem: &Problem) -> Input {
        let mut config = Config::default();
        config.goal.budget =
            Some(problem.budget.map_or(Budget::Unlimited, |budget| Budget::Bytes(Bytes(budget))));
        match problem.goal {
            Goal::Shards(shards) => config.goal.shards = Some(ShardCount::Count(shards as u32)),
            Goal::Target(target) => config.goal.target = Some(Millis(target)),
        }
        config.margin = Percent(0);
        let tier = &mut config.tiers[0];
        // The known optima are those of this law: the sum of what is retained, and the largest transient.
        tier.order = Order::Any;
        (tier.base, tier.worker_base) = (Bytes(problem.floor), Bytes(0));
        (tier.setup, tier.session_start) = (Millis(0), Millis(0));
        let id = |number: usize| SuiteId::new(format!("s{number:06}"));
        let suite = |number: usize| Suite { id: id(number), tests: Vec::new(), siblings: 1 };
        let inventory = Inventory { suites: (0..problem.items.len()).map(suite).collect() };
        let estimate = |item: &Item| Estimate {
            cost: Cost {
                time: Millis(item.ms),
                import: Bytes(0),
                retained: Bytes(item.retained),
                transient: Bytes(item.transient),
                cpus: 1,
            },
            time_basis: Basis::Measured,
            memory_basis: Basis::Measured,
            samples: 1,
            kills: 0,
        };
        let suites = problem.items.iter().map(estimate).collect();
        let estimates = Estimates { suites, tiers: vec![TierEstimate::default()] };
        Input { config, inventory, estimates, assigned: vec![0; problem.items.len()] }
    }

    pub(crate) fn plan(&self, effort: Effort, previous: Option<Plan>) -> Result<Plan, String> {
        let Input { config, inventory, estimates, assigned } = self;
        let options = Options { effort, exact: true, previous, ..Options::default() };
        plan::make(Sources { config, inventory, assigned, estimates }, &options).map_err(|err| err.message)
    }
}

pub(crate) fn made(problem: &Problem, effort: Effort) -> Result<Plan, String> {
    Input::of(problem).plan(effort, None)
}
