//! What histories teach: simulated memory over many runs, kills, and machines that were lost.

use std::fmt::Write;

use shard::config::{Config, NameMap, Patterns};
use shard::estimate::estimate;
use shard::history::{History, Sample};
use shard::inventory::{Collector, Inventory};
use shard::model::{Bytes, Kill, Millis, Observation};
use shard::pack::Effort;
use shard::plan::{self, Options, Plan, Sources};

use crate::common::{Project, Random, golden};

const MB: u64 = 1_000_000;

fn inventory(suites: usize) -> Inventory {
    let mut collector = Collector::new(None, NameMap::default());
    let list: String = (0..suites).map(|suite| format!("d{suite}/test_{suite:03}.py\n")).collect();
    collector.listing("list", list.as_bytes(), None).unwrap();
    collector.finish(&Patterns::default())
}

/// Newest first.
fn samples(seen: impl IntoIterator<Item = Observation>) -> Vec<Sample> {
    seen.into_iter().enumerate().map(|(age, seen)| Sample { age, foreign: false, seen }).collect()
}

fn of_memory(retained: i64, transient: u64) -> Observation {
    let (retained, transient) = (Some(retained), Some(transient));
    Observation { time: Some(Millis(1_000)), retained, transient, ..Observation::default() }
}

/// A standard normal number, from twelve uniform ones: the same on every machine.
fn normal(random: &mut Random) -> f64 {
    (0..12).map(|_| random.below(1 << 32) as f64 / (1u64 << 32) as f64).sum::<f64>() - 6.0
}

/// How a suite's memory goes on from run to run.
#[derive(Clone, Copy)]
enum Course {
    Stable,
    /// Every eighth run or so holds 1.6 times as much.
    Bimodal,
    /// 1 % more with every run.
    Drifting,
    /// 25 % more from one run on.
    Step,
}

/// So many runs, oldest first.
fn course(course: Course, noise: f64, runs: usize, random: &mut Random) -> Vec<u64> {
    let base = (50 + random.below(1_000)) as f64 * MB as f64;
    let step = random.below(runs as u64) as usize;
    let run = |run: usize| {
        let factor = match course {
            Course::Stable => 1.0,
            Course::Bimodal if random.below(100) < 12 => 1.6,
            Course::Bimodal => 1.0,
            Course::Drifting => 1.01f64.powi(run as i32),
            Course::Step if run >= step => 1.25,
            Course::Step => 1.0,
        };
        (base * factor * (1.0 + noise * normal(random)).max(0.1)) as u64
    };
    (0..runs).map(run).collect()
}

/// Runs of which the newest is the one to be foreseen.
const RUNS: usize = 31;
const SEEN: [usize; 5] = [1, 3, 5, 10, 20];

/// What others would say of earlier peaks, newest first.
type Rule = fn(&[u64]) -> f64;

/// As memory.md's table and the autoscalers of clusters do.
const OTHERS: [(&str, Rule); 4] = [
    ("last x 1.15", |peaks| peaks[0] as f64 * 1.15),
    ("largest", |peaks| largest(peaks)),
    ("largest x 1.2", |peaks| largest(peaks) * 1.2),
    ("p90 + 15 %", |peaks| {
        let mut sorted = peaks.to_vec();
        sorted.sort_unstable();
        sorted[(sorted.len() * 9).div_ceil(10) - 1] as f64 * 1.15
    }),
];

fn largest(peaks: &[u64]) -> f64 {
    peaks.iter().max().copied().unwrap_or(0) as f64
}

/// Predictions with what came, over all courses and noises.
fn foreseen(seen: usize) -> (Vec<(f64, f64)>, [Vec<(f64, f64)>; OTHERS.len()]) {
    let (mut ours, mut others) = (Vec::new(), [const { Vec::new() }; OTHERS.len()]);
    let inventory = inventory(40);
    for (level, noise) in [0.01, 0.03, 0.08, 0.20].into_iter().enumerate() {
        for seed in 0..50 {
            let mut random = Random(seed * 1_000 + (level * 100 + seen) as u64);
            let courses: Vec<Vec<u64>> = (0..40)
                .map(|suite| {
                    let kind = [Course::Stable, Course::Bimodal, Course::Drifting, Course::Step][suite % 4];
                    course(kind, noise, RUNS, &mut random)
                })
                .collect();
            let before =
                |runs: &[u64]| -> Vec<u64> { runs[..RUNS - 1].iter().rev().take(seen).copied().collect() };
            let suites =
                courses.iter().map(|runs| samples(before(runs).into_iter().map(|peak| of_memory(0, peak))));
            let history = History { suites: suites.collect(), ..History::default() };
            let estimates = estimate(&inventory, &[0; 40], &Config::default(), &history).suites;
            for (runs, said) in courses.iter().zip(estimates) {
                let came = runs[RUNS - 1] as f64;
                ours.push((said.cost.transient.0 as f64, came));
                for ((_, rule), found) in OTHERS.iter().zip(&mut others) {
                    found.push((rule(&before(runs)), came));
                }
            }
        }
    }
    (ours, others)
}

/// Share of runs above what was said, and what was said too much in the mean.
fn judged(said: &[(f64, f64)], factor: f64) -> (f64, f64) {
    let all = said.len() as f64;
    let under = said.iter().filter(|(said, came)| said * factor < *came).count() as f64 / all;
    (under, said.iter().map(|(said, came)| said * factor / came - 1.0).sum::<f64>() / all)
}

/// The share of runs above at an excess of `excess`: every rule can buy safety with a factor.
fn at_excess(said: &[(f64, f64)], excess: f64) -> f64 {
    let mean = said.iter().map(|(said, came)| said / came).sum::<f64>() / said.len() as f64;
    judged(said, (1.0 + excess) / mean).0
}

#[test]
fn the_next_run_stays_below_what_is_said() {
    let mut table = "share of runs above what was said / how much too much was said in the mean\n(in brackets: the share above, had the rule said as much too much as ours)\n".to_owned();
    let _ = writeln!(table, "{:14}{}", "runs seen", SEEN.map(|seen| format!("{seen:>24}")).concat());
    let all = SEEN.map(foreseen);
    let percent = |share: f64| format!("{:.1} %", share * 100.0);
    let cell = |(under, excess): (f64, f64)| format!("{} / {}", percent(under), percent(excess));
    let row = all.iter().map(|(ours, _)| format!("{:>24}", cell(judged(ours, 1.0))));
    let _ = writeln!(table, "{:14}{}", "shard", row.collect::<String>());
    for (place, (name, _)) in OTHERS.iter().enumerate() {
        let row = all.iter().map(|(ours, others)| {
            let equal = at_excess(&others[place], judged(ours, 1.0).1);
            format!("{:>24}", format!("{} ({})", cell(judged(&others[place], 1.0)), percent(equal)))
        });
        let _ = writeln!(table, "{name:14}{}", row.collect::<String>());
    }
    golden("memory.txt", &table);
    for ((ours, others), seen) in all.iter().zip(SEEN) {
        let (under, excess) = judged(ours, 1.0);
        assert!(excess <= 0.35, "{seen}: {excess}");
        assert!(under <= if seen < 10 { 0.08 } else { 0.04 }, "{seen}: {under}");
        for ((name, _), other) in OTHERS.iter().zip(others) {
            let equal = at_excess(other, excess);
            assert!(under <= equal, "{seen}: {under} against {equal} of {name}");
        }
    }
}

/// As a tool that was measured for years with 3 GB, beside larger machines.
fn config() -> Config {
    shard::config::file::parse(
        "budget = \"3GB\"\n[[runner]]\nname = \"large\"\nruns-on = \"large\"\nmemory = \"16GB\"\nbudget = \"12GB\"\n",
    )
    .unwrap()
}

fn planned(config: &Config, suites: Vec<Vec<Sample>>) -> Plan {
    let inventory = inventory(suites.len());
    let assigned = vec![0; suites.len()];
    let estimates = estimate(&inventory, &assigned, config, &History { suites, ..History::default() });
    let sources = Sources { config, inventory: &inventory, assigned: &assigned, estimates: &estimates };
    let plan = plan::make(sources, &Options { effort: Effort::Quick, ..Options::default() }).unwrap();
    assert_eq!(plan::verify::verify(&plan), Vec::<String>::new());
    plan
}

#[test]
fn a_killed_suite_fits_in_the_next_run() {
    let config = config();
    let (rounds, mut first, mut second) = (400, 0, 0);
    for seed in 0..rounds {
        let mut random = Random(seed);
        // It needs up to several times what was measured of it.
        let was = (100 + random.below(1_900)) * MB;
        let mean = [0.1, 0.3, 1.0][seed as usize % 3];
        let more = -mean * ((1 + random.below(10_000)) as f64 / 10_001.0).ln();
        let need = was + (was as f64 * more) as u64;
        // The level at its start was anything from which the old figure fitted and the new one did not.
        let used = was + random.below(need - was + 1);
        let others = (1..30).map(|_| samples([of_memory(30_000_000, random.below(600) * MB)]));
        let others: Vec<Vec<Sample>> = others.collect();
        let plan_with = |kills: &[Kill]| {
            let killed = |kill: &Kill| Observation { killed: Some(*kill), ..Observation::default() };
            let mine = samples(kills.iter().map(killed).chain([of_memory(10_000_000, was)]));
            planned(&config, [vec![mine], others.clone()].concat())
        };
        // Bytes that it may take in its shard.
        let room = |plan: &Plan| {
            let holds = |shard: &&plan::Shard| {
                shard.sessions[0].suites.iter().any(|suite| suite.id == "d0/test_000.py")
            };
            let shard = plan.shards.iter().find(holds).unwrap();
            assert_eq!(shard.sessions[0].suites.len(), 1, "alone");
            shard.budget_bytes.unwrap().0 - plan.tiers[0].floor_bytes.0 - 10_000_000
        };
        let once = Kill { alone: false, used };
        let plan = plan_with(&[once]);
        assert!(plan.warnings.iter().any(|warning| warning.code == "killed"));
        let had = room(&plan);
        if need <= had {
            (first, second) = (first + 1, second + 1);
        } else if need <= room(&plan_with(&[Kill { alone: true, used: had }, once])) {
            second += 1;
        }
    }
    println!("{rounds} kills: {first} fit in the next run, {second} in the one after");
    assert!(first * 100 >= rounds * 90 && second * 100 >= rounds * 99, "{first} {second}");
    assert!(first < rounds, "some need more than a machine has");
}

#[test]
fn a_third_kill_is_the_last() {
    let killed = |alone, used| Observation { killed: Some(Kill { alone, used }), ..Observation::default() };
    let kills = [killed(true, 11_000 * MB), killed(true, 2_800 * MB), killed(false, 900 * MB)];
    let plan = planned(&config(), vec![samples(kills), samples([of_memory(0, MB)])]);
    let said = plan.warnings.iter().find(|warning| warning.code == "killed").unwrap();
    assert_eq!(
        said.message,
        "`d0/test_000.py` was killed for memory 3 times and has not ended since; another try will not help: make it smaller, or give it a larger machine (`[[runner]]`)"
    );
    assert_eq!(plan.shards[0].runner.as_deref(), Some("large"), "the largest that there is, not none");
    assert!(!plan.shards[0].oversize);
}

#[test]
fn suites_that_cost_nothing_cost_nothing() {
    let plan = planned(&config(), (0..500).map(|_| samples([of_memory(0, 0)])).collect());
    assert_eq!((plan.shards.len(), plan.quality.peak_bytes), (1, plan.tiers[0].floor_bytes));
    assert_eq!(plan.tiers[0].floor_bytes, Bytes(110 * MB + (32 << 20)));
    let alternating =
        |seed: usize| samples((0..20).map(move |run| of_memory(0, [1 << 20, 50 << 20][(run + seed) % 2])));
    let plan = planned(&config(), (0..20).map(alternating).collect());
    let above = plan.quality.peak_bytes.0 - plan.tiers[0].floor_bytes.0;
    assert!((50 << 20..80 << 20).contains(&above), "one at a time: {above}");
}

/// A history of one run, with rows of the tier `default`.
fn of_tier(rows: &str) -> String {
    let suites: String =
        (0..40).map(|suite| format!(",\"t/test_{suite:02}.py\":[[0,0,1000,0,50000000,0]]")).collect();
    format!(
        "{{\"schema\":1,\"runs\":[{{\"run\":\"a\",\"at\":1,\"key\":\"k\",\"parts\":[\"p\"]}},{{\"run\":\"b\",\"at\":2,\"key\":\"k\"}}],\n\"suites\":{{{}}},\"tiers\":{{\"default\":[{rows}]}}}}",
        &suites[1..]
    )
}

fn project(rows: &str) -> Project {
    let list: String = (0..40).map(|suite| format!("t/test_{suite:02}.py\n")).collect();
    Project::with(&[
        ("tests.txt", &list),
        ("shard-history.json", &of_tier(rows)),
        ("shard.toml", "budget = \"3GB\"\n"),
    ])
}

#[test]
fn a_lost_machine_never_gets_the_same_plan_again() {
    let peak = |project: &Project| project.plan()["quality"]["peak_bytes"].as_u64().unwrap();
    let project_before = project("");
    project_before.shard("plan tests.txt").ok();
    let before = peak(&project_before);
    assert!(before > 2_000 * MB);
    let lost = format!("[1,\"default-1.1.1\",null,null,null,null,null,null,null,null,{before},1]");
    let after = project(&lost);
    let done = after.shard("plan tests.txt").ok();
    assert!(peak(&after) <= before * 3 / 4, "{}", peak(&after));
    assert!(
        done.stdout().contains("warning[machine-lost]: tier `default`: a machine was lost with a shard"),
        "{}",
        done.stdout()
    );
    // One as large has passed since.
    let passed = lost
        .replace("1.1.1", "1.1.2")
        .replace("null,null,null,null,null,null,null,null", "null,null,null,null,9,9,null,null");
    let passed = passed.trim_end_matches(",1]").to_owned() + "]";
    let cured = project(&format!("{lost},{passed}"));
    cured.shard("plan tests.txt").ok();
    assert_eq!(peak(&cured), before);
}

#[test]
fn real_sessions_correct_the_model() {
    let peak = |project: &Project| project.plan()["quality"]["peak_bytes"].as_u64().unwrap();
    let plain = project("");
    plain.shard("plan tests.txt --budget 9GB").ok();
    // A fifth more than the model, besides what nothing explains anyway.
    let peak_bytes = 1_200_000_000 + (32 << 20);
    let heavier = project(&format!("[0,\"p\",null,null,null,null,{peak_bytes},1000000000]"));
    heavier.shard("plan tests.txt --budget 9GB").ok();
    let floor = plain.plan()["tiers"][0]["floor_bytes"].as_u64().unwrap();
    let ratio = (peak(&heavier) - floor) as f64 / (peak(&plain) - floor) as f64;
    assert!((1.199..1.201).contains(&ratio), "{ratio}");
    let capped = project("[0,\"p\",null,200000000]");
    capped.shard("plan tests.txt --budget 9GB").ok();
    assert_eq!(capped.plan()["tiers"][0]["import_cap_bytes"], 210_000_000);
}
