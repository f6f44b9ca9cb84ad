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

mod problems;

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use problems::{Goal, Item, Problem, made, planted, realistic};
use shard::pack::Effort;
use shard::plan::verify;

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
