//! How good plans are: generated problems whose optimum is known or bounded, and, given a folder, published
//! instances. Prints one row a family, beside what people use today.
//!
//! ```text
//! cargo bench --bench packing -- [--effort quick|normal|best] [--family PART]… [INSTANCES]
//! ```
//!
//! INSTANCES holds `<family>/instances.jsonl`. Every plan is checked by `plan::verify`, which shares no code
//! with the packer, and must not be better than a proven optimum nor called proven above it; else the run fails.
//! One core for each problem, two problems at a time.

#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::disallowed_methods, missing_docs)]

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use shard::config::{Budget, Config, Order, ShardCount};
use shard::inventory::{Inventory, Suite};
use shard::model::{Basis, Bytes, Cost, Estimate, Millis, Percent, SuiteId};
use shard::pack::Effort;
use shard::plan::{self, Options, Plan, Sources, verify};

const MIB: u64 = 1 << 20;

/// Bytes that a session takes before any suite, in the generated problems.
const FLOOR: u64 = 420 * MIB;

#[derive(Clone, Copy)]
struct Item {
    ms: u64,
    retained: u64,
    transient: u64,
}

/// What is wanted of a problem.
#[derive(Clone, Copy)]
enum Goal {
    /// The shortest longest of so many shards.
    Shards(usize),
    /// The fewest shards within so many milliseconds.
    Target(u64),
}

struct Problem {
    family: String,
    name: String,
    items: Vec<Item>,
    goal: Goal,
    floor: u64,
    budget: Option<u64>,
    /// Proven: the optimum, where it is known, and what nothing can beat.
    optimum: Option<u64>,
    lower: u64,
}

// ---- problems of our own ----

/// SplitMix64, with a few distributions.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
    fn below(&mut self, n: u64) -> u64 {
        self.next() % n.max(1)
    }
    fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }
    fn normal(&mut self) -> f64 {
        let a = self.unit().max(1e-300);
        (-2.0 * a.ln()).sqrt() * (std::f64::consts::TAU * self.unit()).cos()
    }
    fn shuffle<T>(&mut self, all: &mut [T]) {
        for i in (1..all.len()).rev() {
            all.swap(i, self.below(i as u64 + 1) as usize);
        }
    }
}

/// Suites as they are found in projects: a log-normal body with a heavy tail, memory that goes with time, a few
/// transients. The budget is `tight` times the mean load of a shard, the largest transient besides.
fn realistic(n: usize, shards: usize, seed: u64, tight: f64, transients: f64) -> Problem {
    let random = &mut Random(seed * 7_919 + n as u64 * 31 + shards as u64);
    let mut items: Vec<Item> = (0..n)
        .map(|_| {
            let (z, other) = (random.normal(), random.normal());
            let ms = if random.unit() < 0.97 {
                6_000.0 * (0.9 * z).exp()
            } else {
                (1_500.0 / (1.0 - random.unit() * 0.9999).powf(1.0 / 1.6)).max(20_000.0)
            };
            let transient = match random.unit() < transients {
                true => ((60.0 * (0.8 * random.normal()).exp()) as u64).clamp(1, 2_048) * MIB,
                false => 0,
            };
            let retained = ((24.0 * (0.9 * (0.3 * z + 0.95 * other)).exp()) as u64).clamp(1, 4_096) * MIB;
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
        family: format!("realistic {tight:.2} {n}x{shards}"),
        name: format!("seed {seed}"),
        items,
        goal: Goal::Shards(shards),
        floor: FLOOR,
        budget: Some(budget),
        optimum: None,
        lower: 0,
    }
}

/// `total` in `count` positive parts: uniform spacings, or log-normal shares.
fn cut(random: &mut Random, total: u64, count: u64, heavy: bool) -> Vec<u64> {
    let room = total - count;
    let mut parts: Vec<u64> = if heavy {
        let weights: Vec<f64> = (0..count).map(|_| (1.3 * random.normal()).exp()).collect();
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
fn planted(shards: usize, per_shard: u64, style: &str, slack: u64, seed: u64, fewest: bool) -> Problem {
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
        optimum: Some(optimum),
        lower: optimum,
    }
}

fn generated() -> Vec<Problem> {
    let mut all = Vec::new();
    for seed in 1..=20 {
        for (n, shards) in [(500, 8), (1_000, 16), (5_000, 64)] {
            all.push(realistic(n, shards, seed, 1.03, 0.3));
        }
    }
    for (n, shards) in
        [(85, 8), (85, 32), (500, 64), (5_000, 64), (5_000, 256), (50_000, 256), (100_000, 256)]
    {
        all.extend((1..=2).map(|seed| realistic(n, shards, seed, 1.03, 0.0)));
    }
    let cells =
        [(8, 10, "stick"), (32, 3, "triplet"), (64, 8, "heavy"), (64, 78, "stick"), (256, 20, "stick")];
    for (shards, per_shard, style) in cells {
        for slack in [0, 1, 2, 5] {
            all.extend((1..=3).map(|seed| planted(shards, per_shard, style, slack, seed, false)));
        }
        for slack in [0, 2] {
            all.extend((1..=3).map(|seed| planted(shards, per_shard, style, slack, seed, true)));
        }
    }
    for (per_shard, slack) in [(195, 1), (390, 0), (390, 1)] {
        all.push(planted(256, per_shard, "heavy", slack, 7, false));
    }
    all
}

// ---- published instances ----

fn instances(folder: &str) -> Vec<Problem> {
    let mut families: Vec<_> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    families.sort();
    let mut all = Vec::new();
    for family in families {
        let Ok(text) = std::fs::read_to_string(family.join("instances.jsonl")) else { continue };
        let family = family.file_name().unwrap().to_string_lossy().into_owned();
        all.extend(text.lines().filter_map(|line| instance(&family, &serde_json::from_str(line).unwrap())));
    }
    all
}

/// Sizes as times and bytes; `None` for more than two sizes.
fn instance(family: &str, told: &serde_json::Value) -> Option<Problem> {
    let number = |value: &serde_json::Value| value.as_u64();
    let mut items = Vec::new();
    for row in told["items"].as_array()? {
        let row: Vec<u64> = row.as_array()?.iter().filter_map(number).collect();
        let (ms, retained, count) = match row[..] {
            [ms, count] => (ms, 0, count),
            [ms, retained, count] => (ms, retained, count),
            _ => return None,
        };
        items.extend((0..count).map(|_| Item { ms, retained, transient: 0 }));
    }
    let capacity = |at: usize| number(&told["capacity"][at]);
    Some(Problem {
        family: family.to_owned(),
        name: told["name"].as_str()?.to_owned(),
        items,
        goal: match number(&told["jobs"]) {
            Some(jobs) => Goal::Shards(jobs as usize),
            None => Goal::Target(capacity(0)?),
        },
        floor: 0,
        budget: capacity(1),
        optimum: number(&told["optimum"]),
        lower: number(&told["lower"])?,
    })
}

// ---- plans ----

fn made(problem: &Problem, effort: Effort) -> Result<Plan, String> {
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
    };
    let estimates: Vec<Estimate> = problem.items.iter().map(estimate).collect();
    let assigned = vec![0; estimates.len()];
    let sources =
        Sources { config: &config, inventory: &inventory, assigned: &assigned, estimates: &estimates };
    plan::make(sources, &Options { effort, exact: true, ..Options::default() }).map_err(|err| err.message)
}

/// What came of one problem.
struct Outcome {
    /// What was made as small as possible; `None`: no plan.
    value: Option<u64>,
    bound: u64,
    proven: bool,
    seconds: f64,
    /// What people use today: longest first, or first fit where the fewest shards are wanted; and how many of
    /// its shards are above the budget.
    today: (u64, usize),
    chunks: u64,
    wrong: Vec<String>,
}

fn run(problem: &Problem, effort: Effort) -> Outcome {
    let start = Instant::now();
    let plan = made(problem, effort);
    let seconds = start.elapsed().as_secs_f64();
    let mut outcome = Outcome {
        value: None,
        bound: problem.lower,
        proven: false,
        seconds,
        today: today(problem),
        chunks: chunks(problem),
        wrong: Vec::new(),
    };
    let plan = match plan {
        Ok(plan) => plan,
        Err(_) => return outcome,
    };
    outcome.wrong = verify::verify(&plan);
    let quality = &plan.quality;
    let (value, bound) = match problem.goal {
        Goal::Shards(_) => (quality.makespan_ms.0, quality.makespan_bound_ms.0),
        Goal::Target(_) => (quality.shards as u64, quality.shards_bound as u64),
    };
    if value < problem.lower {
        outcome.wrong.push(format!("{value} is better than the proven {}", problem.lower));
    }
    if problem.optimum.is_some_and(|optimum| bound > optimum) {
        outcome.wrong.push(format!("the bound {bound} is above the optimum"));
    }
    if quality.proven && problem.optimum.is_some_and(|optimum| value != optimum) {
        outcome.wrong.push(format!("{value} is called proven and is not the optimum"));
    }
    (outcome.value, outcome.bound, outcome.proven) = (Some(value), bound.max(problem.lower), quality.proven);
    outcome
}

/// Longest first into the shortest shard; for the fewest shards, first fit by falling time.
fn today(problem: &Problem) -> (u64, usize) {
    let mut order: Vec<&Item> = problem.items.iter().collect();
    order.sort_by_key(|item| Reverse(item.ms));
    let mut shards: Vec<Vec<&Item>> = Vec::new();
    match problem.goal {
        Goal::Shards(count) => {
            let mut queue: std::collections::BTreeSet<(u64, usize)> =
                (0..count).map(|shard| (0, shard)).collect();
            shards.resize(count, Vec::new());
            for item in order {
                let (ms, shard) = queue.pop_first().unwrap();
                shards[shard].push(item);
                queue.insert((ms + item.ms, shard));
            }
        }
        Goal::Target(target) => {
            // Sums kept beside, so that this is not quadratic in suites.
            let mut sums: Vec<(u64, u64, u64)> = Vec::new();
            for item in order {
                let with = |(ms, retained, transient): &(u64, u64, u64)| {
                    (ms + item.ms, retained + item.retained, *transient.max(&item.transient))
                };
                let fits = |(ms, retained, transient): (u64, u64, u64)| {
                    ms <= target
                        && problem.budget.is_none_or(|budget| problem.floor + retained + transient <= budget)
                };
                match sums.iter().position(|sum| fits(with(sum))) {
                    Some(at) => sums[at] = with(&sums[at]),
                    None => sums.push(with(&(0, 0, 0))),
                }
            }
            return (sums.len() as u64, 0);
        }
    }
    let longest = shards.iter().map(|shard| shard.iter().map(|item| item.ms).sum()).max().unwrap_or(0);
    let over = shards.iter().filter(|shard| {
        let retained: u64 = shard.iter().map(|item| item.retained).sum();
        let transient = shard.iter().map(|item| item.transient).max().unwrap_or(0);
        problem.budget.is_some_and(|budget| problem.floor + retained + transient > budget)
    });
    (longest, over.count())
}

/// pytest-split's default: chunks of the list, each until it reaches the mean.
fn chunks(problem: &Problem) -> u64 {
    let Goal::Shards(count) = problem.goal else { return 0 };
    let total: u64 = problem.items.iter().map(|item| item.ms).sum();
    let mut sums = vec![0u64];
    for item in &problem.items {
        if sums[sums.len() - 1] * count as u64 >= total && sums.len() < count {
            sums.push(0);
        }
        *sums.last_mut().unwrap() += item.ms;
    }
    sums.into_iter().max().unwrap_or(0)
}

// ---- the table ----

fn main() {
    let (mut effort, mut families, mut folder) = (Effort::Normal, Vec::new(), None);
    let mut args = std::env::args().skip(1).filter(|arg| arg != "--bench");
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--effort" => {
                effort = match args.next().as_deref() {
                    Some("quick") => Effort::Quick,
                    Some("best") => Effort::Best,
                    _ => Effort::Normal,
                }
            }
            "--family" => families.extend(args.next()),
            other => folder = Some(other.to_owned()),
        }
    }
    let mut problems = generated();
    problems.extend(folder.iter().flat_map(|folder| instances(folder)));
    problems.retain(|problem| {
        families.is_empty() || families.iter().any(|part| problem.family.contains(part.as_str()))
    });
    let outcomes: Mutex<BTreeMap<usize, Outcome>> = Mutex::new(BTreeMap::new());
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    let Some(problem) = problems.get(number) else { break };
                    let outcome = pool.install(|| run(problem, effort));
                    outcomes.lock().unwrap().insert(number, outcome);
                }
            });
        }
    });
    let outcomes = outcomes.into_inner().unwrap();
    print(&problems, &outcomes, effort);
    let wrong: Vec<String> = (outcomes.iter())
        .flat_map(|(number, outcome)| {
            let problem = &problems[*number];
            outcome.wrong.iter().map(move |wrong| format!("{} {}: {wrong}", problem.family, problem.name))
        })
        .collect();
    wrong.iter().for_each(|wrong| println!("{wrong}"));
    println!("{} plans, {} findings", outcomes.len(), wrong.len());
    assert!(wrong.is_empty(), "plans break their rules");
}

fn print(problems: &[Problem], outcomes: &BTreeMap<usize, Outcome>, effort: Effort) {
    let mut families: BTreeMap<&str, Vec<(&Problem, &Outcome)>> = BTreeMap::new();
    for (number, outcome) in outcomes {
        families.entry(&problems[*number].family).or_default().push((&problems[*number], outcome));
    }
    println!("effort {effort:?}; gaps above the optimum, or where that is not known above the bound");
    println!(
        "{:<34} {:>5} {:>5} {:>8} {:>7} {:>10} {:>10} {:>7} {:>7}  {:>9} {:>6} {:>9}",
        "family",
        "all",
        "plans",
        "optimal",
        "proven",
        "mean gap",
        "worst gap",
        "mean s",
        "max s",
        "today",
        "over",
        "chunks"
    );
    let mut sums: BTreeMap<&str, Vec<(&Problem, &Outcome)>> = BTreeMap::new();
    for (family, rows) in &families {
        line(family, rows);
        let kind = ["pcmax", "vbp2-t", "vbp2", "bpp", "planted", "realistic"];
        let kind = kind.into_iter().find(|kind| family.starts_with(kind)).unwrap_or("");
        sums.entry(kind).or_default().extend(rows);
    }
    println!();
    for (kind, rows) in &sums {
        line(&format!("all of {kind}"), rows);
    }
}

fn line(family: &str, rows: &[(&Problem, &Outcome)]) {
    let found: Vec<&(&Problem, &Outcome)> =
        rows.iter().filter(|(_, outcome)| outcome.value.is_some()).collect();
    let best = |problem: &Problem, outcome: &Outcome| problem.optimum.unwrap_or(outcome.bound).max(1);
    let gap = |problem: &Problem, outcome: &Outcome, value: u64| {
        100.0 * (value as f64 / best(problem, outcome) as f64 - 1.0)
    };
    let gaps: Vec<f64> = found.iter().map(|(p, o)| gap(p, o, o.value.unwrap())).collect();
    let mean = |all: &[f64]| all.iter().sum::<f64>() / all.len().max(1) as f64;
    let optimal = found.iter().filter(|(p, o)| o.value.unwrap() <= best(p, o)).count();
    let proven = found.iter().filter(|(_, o)| o.proven).count();
    let seconds: Vec<f64> = rows.iter().map(|(_, o)| o.seconds).collect();
    let today: Vec<f64> = rows.iter().map(|(p, o)| gap(p, o, o.today.0)).collect();
    let over: usize = rows.iter().map(|(_, o)| o.today.1).sum();
    let chunked: Vec<f64> =
        rows.iter().filter(|(_, o)| o.chunks > 0).map(|(p, o)| gap(p, o, o.chunks)).collect();
    println!(
        "{family:<34} {:>5} {:>5} {optimal:>8} {proven:>7} {:>9.5}% {:>9.5}% {:>7.3} {:>7.3}  {:>8.3}% {over:>6} {:>8.2}%",
        rows.len(),
        found.len(),
        mean(&gaps),
        gaps.iter().copied().fold(0.0, f64::max),
        mean(&seconds),
        seconds.iter().copied().fold(0.0, f64::max),
        mean(&today),
        mean(&chunked),
    );
}
