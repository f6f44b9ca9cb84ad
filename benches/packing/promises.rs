//! What no single plan shows: speed, calm beside an earlier plan, and the same bytes for the same input.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use shard::model::{Millis, Percent, SuiteId};
use shard::pack::Effort;
use shard::plan::verify;

use crate::goals::Measured;
use crate::problems::{FLOOR, Input, Item, Problem, Random, realistic};

/// `None`: left out.
#[derive(Default)]
pub(crate) struct Promises {
    pub(crate) first_small: Option<Measured>,
    pub(crate) first_large: Option<Measured>,
    pub(crate) process: Option<Measured>,
    pub(crate) previous: Option<Measured>,
    pub(crate) same_bytes: Option<Measured>,
}

/// Those that are wanted by name.
pub(crate) fn measure(wanted: impl Fn(&str) -> bool) -> Promises {
    let speed = wanted("speed");
    Promises {
        first_small: speed.then(|| first_plan(5_000, 64, 5.0)),
        first_large: speed.then(|| first_plan(100_000, 256, 100.0)),
        process: speed.then(|| whole_process(50.0)),
        previous: wanted("previous").then(after_a_change),
        same_bytes: wanted("bytes").then(same_bytes),
    }
}

/// Milliseconds, the best of a few runs.
fn fastest(mut work: impl FnMut()) -> f64 {
    let run = |_| {
        let start = Instant::now();
        work();
        start.elapsed().as_secs_f64() * 1_000.0
    };
    (0..5).map(run).fold(f64::INFINITY, f64::min)
}

/// The packer has no entry that stops at the first plan, so this is its least effort to the end.
fn first_plan(n: usize, shards: usize, most: f64) -> Measured {
    let input = Input::of(&realistic(n, shards, 1, 1.03, 0.3));
    let took = fastest(|| drop(input.plan(Effort::Quick, None).unwrap()));
    (format!("{took:.1} ms"), took <= most)
}

/// From a CSV to all files of the plan.
fn whole_process(most: f64) -> Measured {
    let folder = tempfile::tempdir().unwrap();
    let problem = realistic(1_000, 16, 1, 1.03, 0.3);
    write_costs(folder.path(), &problem, &(0..1_000).collect::<Vec<_>>());
    let took = fastest(|| {
        let mut shard = Command::new(env!("CARGO_BIN_EXE_shard"));
        shard.current_dir(folder.path()).args(arguments(&problem, folder.path()).skip(1));
        assert!(shard.stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap().success());
    });
    (format!("{took:.1} ms"), took < most)
}

/// Every time changes by up to a tenth, and one suite in a hundred goes and another comes.
fn after_a_change() -> Measured {
    let (mut longer, mut moved) = (0.0, 0.0);
    for seed in 1..=3 {
        let random = &mut Random(seed);
        let mut input = Input::of(&realistic(5_000, 64, seed, 1.1, 0.3));
        input.config.stability = Percent(50);
        let before = input.plan(Effort::Normal, None).unwrap();
        for estimate in &mut input.estimates.suites {
            estimate.cost.time = Millis((estimate.cost.time.0 as f64 * (0.9 + 0.2 * random.unit())) as u64);
        }
        for suite in 0..input.inventory.suites.len() {
            if random.below(100) == 0 {
                // A name that keeps the ids sorted, and the costs of any.
                let id = format!("{}-new", input.inventory.suites[suite].id.as_str());
                input.inventory.suites[suite].id = SuiteId::new(id);
                input.estimates.suites[suite] = input.estimates.suites[random.below(5_000) as usize];
            }
        }
        let fresh = input.plan(Effort::Normal, None).unwrap();
        let after = input.plan(Effort::Normal, Some(before)).unwrap();
        assert_eq!(verify::verify(&after), Vec::<String>::new());
        let (fresh, after_ms) = (fresh.quality.makespan_ms.0, after.quality.makespan_ms.0);
        let told = after.previous.unwrap();
        longer = f64::max(longer, 100.0 * (after_ms as f64 / fresh as f64 - 1.0));
        moved = f64::max(moved, 100.0 * told.moved as f64 / told.known as f64);
    }
    (format!("{longer:.2} % longer, {moved:.2} % moved, worst of 3"), longer <= 0.5 && moved <= 2.0)
}

/// The command on the same suites in several orders, with one thread and with two.
fn same_bytes() -> Measured {
    let problem = realistic(1_000, 16, 1, 1.03, 0.3);
    let mut order: Vec<usize> = (0..problem.items.len()).collect();
    let mut plans: Vec<Vec<u8>> = Vec::new();
    for _ in 0..2 {
        for threads in 1..=2 {
            let folder = tempfile::tempdir().unwrap();
            write_costs(folder.path(), &problem, &order);
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let arguments = arguments(&problem, folder.path());
            assert_eq!(pool.install(|| shard::cli::run(arguments, &mut Vec::new(), &mut Vec::new())), 0);
            plans.push(fs::read(folder.path().join("out/plan.json")).unwrap());
        }
        Random(1).shuffle(&mut order);
    }
    let same = plans.iter().filter(|plan| **plan == plans[0]).count();
    (format!("{same} of {} plans", plans.len()), same == plans.len())
}

/// A configuration for the law of the generated problems, and their costs.
fn write_costs(folder: &Path, problem: &Problem, order: &[usize]) {
    let config =
        format!("[tier.all]\nmatch = [\"**\"]\nbase = \"{FLOOR}B\"\nworker-base = \"0B\"\norder = \"any\"\n");
    fs::write(folder.join("shard.toml"), config).unwrap();
    let mut costs = String::from("id,ms,retained_bytes,transient_bytes\n");
    for number in order {
        let Item { ms, retained, transient } = problem.items[*number];
        writeln!(costs, "tests/test_{number:06}.py,{ms},{retained},{transient}").unwrap();
    }
    fs::write(folder.join("costs.csv"), costs).unwrap();
}

/// The command line for what [`write_costs`] wrote.
fn arguments(problem: &Problem, folder: &Path) -> impl Iterator<Item = OsString> + use<> {
    let shards = match problem.goal {
        crate::problems::Goal::Shards(shards) => shards.to_string(),
        crate::problems::Goal::Target(_) => unreachable!("the shortest longest shard is wanted"),
    };
    let budget = format!("{}B", problem.budget.unwrap());
    let path = |name: &str| folder.join(name).into_os_string();
    let words = ["shard", "plan", "--effort", "quick", "--shards", &shards, "--budget", &budget];
    let files = [("--config", "shard.toml"), ("--costs", "costs.csv"), ("--out", "out")];
    let files = files.map(|(flag, name)| [flag.into(), path(name)]);
    words.map(OsString::from).into_iter().chain(files.into_iter().flatten())
}
