//! How good plans are: generated problems whose optimum is known or bounded, and, given a folder, published
//! instances. Prints one row a family, beside what people use today, and what became of the project's goals.
//!
//! ```text
//! cargo bench --bench packing -- [--effort quick|normal|best] [--family PART]… [--cpsat SECONDS] [INSTANCES]
//! ```
//!
//! INSTANCES holds `<family>/instances.jsonl`. `--family` takes the families whose name has that part; `speed`,
//! `previous` and `bytes` are what is measured besides. `--cpsat` lets CP-SAT solve the same problems. Every plan is
//! checked by `plan::verify`, which shares no code with the packer, and must not be better than a proven optimum nor
//! called proven above it; else the run fails. One core for each problem, two problems at a time.

#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::disallowed_methods, missing_docs)]

mod cpsat;
mod goals;
mod instances;
mod others;
mod outcome;
mod problems;
mod promises;
mod table;

use std::collections::BTreeMap;
use std::sync::Mutex;

use cpsat::CpSat;
use outcome::Outcome;
use problems::Problem;
use shard::pack::Effort;

/// Problems at a time.
const LANES: usize = 2;

#[derive(Default)]
struct Asked {
    effort: Effort,
    families: Vec<String>,
    cpsat: Option<f64>,
    folder: Option<String>,
}

impl Asked {
    fn read() -> Asked {
        let mut asked = Asked::default();
        let mut args = std::env::args().skip(1).filter(|arg| arg != "--bench");
        while let Some(arg) = args.next() {
            let mut value = || args.next().unwrap_or_else(|| panic!("{arg} needs a value"));
            match arg.as_str() {
                "--effort" => {
                    asked.effort = match value().as_str() {
                        "quick" => Effort::Quick,
                        "normal" => Effort::Normal,
                        "best" => Effort::Best,
                        other => panic!("no effort: {other}"),
                    }
                }
                "--family" => asked.families.push(value()),
                "--cpsat" => asked.cpsat = Some(value().parse().unwrap()),
                flag if flag.starts_with('-') => panic!("no flag: {flag}"),
                folder => asked.folder = Some(folder.to_owned()),
            }
        }
        asked
    }

    fn wants(&self, family: &str) -> bool {
        self.families.is_empty() || self.families.iter().any(|part| family.contains(part.as_str()))
    }
}

fn main() {
    let asked = Asked::read();
    let mut problems = instances::generated();
    problems.extend(asked.folder.iter().flat_map(|folder| instances::published(folder)));
    problems.retain(|problem| asked.wants(&problem.family));

    let rivals: Vec<CpSat> = asked.cpsat.map(rivals).unwrap_or_default();
    let with_rivals = !rivals.is_empty();
    let outcomes = outcomes(problems, asked.effort, rivals);
    table::print(&outcomes, asked.effort, with_rivals);
    goals::print(&outcomes, asked.effort, &promises::measure(|name| asked.wants(name)));

    let mut findings = 0;
    for outcome in &outcomes {
        for wrong in &outcome.wrong {
            println!("{} {}: {wrong}", outcome.problem.family, outcome.problem.name);
            findings += 1;
        }
    }
    println!("{} plans, {findings} findings", outcomes.len());
    assert!(findings == 0, "plans break their rules");
}

/// A CP-SAT for each lane; none, and why in one line, where there is no such package.
fn rivals(seconds: f64) -> Vec<CpSat> {
    let all: Result<Vec<CpSat>, String> = (0..LANES).map(|_| CpSat::start(seconds)).collect();
    match &all {
        Ok(all) => println!("CP-SAT {}, {seconds} s a problem, one worker", all[0].version),
        Err(err) => println!("CP-SAT is left out: {err}"),
    }
    all.unwrap_or_default()
}

/// In the order of the problems.
fn outcomes(problems: Vec<Problem>, effort: Effort, rivals: Vec<CpSat>) -> Vec<Outcome> {
    let mut rivals = rivals.into_iter();
    let waiting = Mutex::new(problems.into_iter().enumerate());
    let done: Mutex<BTreeMap<usize, Outcome>> = Mutex::default();
    std::thread::scope(|scope| {
        for _ in 0..LANES {
            let (waiting, done, mut rival) = (&waiting, &done, rivals.next());
            scope.spawn(move || {
                let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
                loop {
                    let next = waiting.lock().unwrap().next();
                    let Some((number, problem)) = next else { break };
                    let mut outcome = pool.install(|| Outcome::of(problem, effort));
                    if let Some(solved) = rival.as_mut().and_then(|rival| rival.solve(&outcome.problem)) {
                        outcome.compare(solved);
                    }
                    done.lock().unwrap().insert(number, outcome);
                }
            });
        }
    });
    done.into_inner().unwrap().into_values().collect()
}
