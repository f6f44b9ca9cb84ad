//! How good plans are that are made from old times: real files of times of one project, each pair of an older and a
//! newer one. Plans are made with the older and priced with the newer, over random subsets of the suites.
//!
//! ```text
//! cargo bench --bench backtest -- [--unit file|class|test] [--subsets 50] [--shards 8,16] FOLDER
//! ```
//!
//! FOLDER holds `pytest-durations/` with localstack's files by date and conda's by system, such as `../shared/corpus`.
//! Prints the mean of longest shard ÷ the best possible beside what others make of the same, the errors of suites that
//! the older file does not know, and what became of the goals. The same subsets every time.

#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs)]

use std::fs::File;
use std::path::{Path, PathBuf};

use rayon::prelude::*;
use shard::backtest::setting::Unknown;
use shard::backtest::{Judged, Ran, Samples, Setting, Step, judge, median, steps};
use shard::config::TimeRule;
use shard::config::{Config, Granularity, NameMap};
use shard::history::collect::Collector;

/// Suites of a pair that a subset holds, in percent.
const KEPT: u64 = 80;
/// Share of new suites, by number, from which on plans are to be 5 % shorter.
const NEW: f64 = 0.05;

const OURS: Setting = Setting::Ours(TimeRule { half_life: 10, trimmed: 5, quantile: None });
/// Ours, three others, and ours with the truth about new suites.
const PLANNED: [Setting; 5] =
    [OURS, Setting::LongestFirst, Setting::LeastDuration, Setting::Chunks, Setting::Unknown(Unknown::Truth)];
const GUESSED: [Setting; 4] = [
    OURS,
    Setting::Unknown(Unknown::Mean),
    Setting::Unknown(Unknown::Median),
    Setting::Unknown(Unknown::Assumed),
];

struct Asked {
    unit: Granularity,
    subsets: u64,
    shards: Vec<usize>,
    folder: PathBuf,
}

impl Asked {
    fn read() -> Option<Asked> {
        let mut asked =
            Asked { unit: Granularity::File, subsets: 50, shards: vec![8, 16], folder: PathBuf::new() };
        let mut args = std::env::args().skip(1).filter(|arg| arg != "--bench");
        while let Some(arg) = args.next() {
            let mut value = || args.next().unwrap_or_else(|| panic!("{arg} needs a value"));
            match arg.as_str() {
                "--unit" => {
                    asked.unit = match value().as_str() {
                        "file" => Granularity::File,
                        "class" => Granularity::Class,
                        "test" => Granularity::Test,
                        other => panic!("no unit: {other}"),
                    }
                }
                "--subsets" => asked.subsets = value().parse().unwrap(),
                "--shards" => asked.shards = value().split(',').map(|n| n.parse().unwrap()).collect(),
                flag if flag.starts_with('-') => panic!("no flag: {flag}"),
                folder => asked.folder = folder.into(),
            }
        }
        (!asked.folder.as_os_str().is_empty()).then_some(asked)
    }
}

fn main() {
    // `cargo bench` runs every benchmark; this one needs data.
    let Some(asked) = Asked::read() else { return println!("backtest: no folder with times was named") };
    let folder = asked.folder.join("pytest-durations");
    let series = [("localstack__localstack__test_durations.", true), ("conda__conda__", false)];
    let mut pairs = Vec::new();
    for (prefix, dated) in series {
        let runs = files(&folder, prefix);
        for (old, older) in runs.iter().enumerate() {
            for (new, newer) in runs.iter().enumerate().filter(|(new, _)| *new != old) {
                if !dated || old < new {
                    pairs.push(Pair::new(older.clone(), newer.clone(), &asked));
                }
            }
        }
    }
    assert!(!pairs.is_empty(), "no times in {}", folder.display());
    lengths(&pairs, &asked.shards);
    errors(&pairs);
}

/// The files that begin so, in the order of their names, each as a run.
fn files(folder: &Path, prefix: &str) -> Vec<Ran> {
    let names =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = names.filter(|name| name.starts_with(prefix)).collect();
    names.sort();
    let run = |name: &String| {
        let mut collector = Collector::default();
        shard::report::read_any(None, File::open(folder.join(name)).unwrap(), &mut collector).unwrap();
        let short = name[prefix.len()..].trim_end_matches(".json").to_owned();
        Ran {
            name: format!("{} {short}", prefix.split('_').next().unwrap()),
            reports: vec![collector.finish()],
        }
    };
    names.iter().map(run).collect()
}

/// What came of one pair: all subsets.
struct Pair {
    name: String,
    planned: Vec<Judged>,
    guessed: Vec<Judged>,
}

impl Pair {
    fn new(old: Ran, new: Ran, asked: &Asked) -> Pair {
        let name = format!("{} → {}", old.name, new.name.rsplit(' ').next().unwrap());
        let step = steps(&[old, new], asked.unit, &NameMap::default()).remove(0);
        let config = Config::default();
        let subsets: Vec<(Judged, Judged)> = (0..asked.subsets)
            .into_par_iter()
            .map(|seed| {
                let subset = subset(&step, seed);
                let planned = judge(&subset, &config, &asked.shards, &PLANNED).unwrap();
                (planned, judge(&subset, &config, &[], &GUESSED).unwrap())
            })
            .collect();
        let (planned, guessed) = subsets.into_iter().unzip();
        Pair { name, planned, guessed }
    }

    fn mean(&self, figure: impl Fn(&Judged) -> f64) -> f64 {
        self.planned.iter().map(figure).sum::<f64>() / self.planned.len() as f64
    }

    fn new_suites(&self) -> f64 {
        self.mean(|judged| judged.replayed.new as f64 / judged.replayed.suites as f64)
    }

    fn new_time(&self) -> f64 {
        self.mean(|judged| judged.replayed.new_ms.0 as f64 / judged.replayed.total_ms.0 as f64)
    }

    /// Errors of the suites that were never seen, under one of the guesses.
    fn unseen(&self, setting: usize) -> impl Iterator<Item = f64> {
        let misses = self.guessed.iter().flat_map(move |judged| &judged.misses[setting]);
        misses.filter(|miss| miss.samples == Samples::None).map(|miss| miss.log_error)
    }
}

/// Which suites are in a subset depends on their names, not on how many others there are. SplitMix64 over them.
fn subset(step: &Step, seed: u64) -> Step {
    step.only(|suite| {
        let bytes = step.inventory.suites[suite].id.as_str().bytes();
        let mixed = bytes.fold(mix(seed), |state, byte| mix(state ^ u64::from(byte)));
        mixed % 100 < KEPT
    })
}

fn mix(state: u64) -> u64 {
    let mut z = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

fn lengths(pairs: &[Pair], shards: &[usize]) {
    println!("longest shard ÷ best possible, mean over {} subsets of {KEPT} %", pairs[0].planned.len());
    println!(
        "{:<36} {:>7} {:>7} {:>6}  {:>7} {:>8} {:>8} {:>8}  {:>9}  goal",
        "pair", "new", "of time", "shards", "shard", "longest", "least d.", "chunks", "new known"
    );
    let (mut worse, mut held, mut goals) = (0, 0, 0);
    for pair in pairs {
        for (place, count) in shards.iter().enumerate() {
            let mean: Vec<f64> = (0..PLANNED.len())
                .map(|setting| pair.mean(|judged| judged.replayed.plans[place].ratio(setting)))
                .collect();
            let best = mean[1..4].iter().copied().fold(f64::INFINITY, f64::min);
            let shorter = 1.0 - mean[0] / best;
            let wanted = pair.new_suites() >= NEW;
            goals += usize::from(wanted);
            held += usize::from(wanted && shorter >= 0.05);
            let missed = mean[0] > best + 1e-9;
            worse += usize::from(missed);
            let verdict = match (missed, wanted, shorter >= 0.05) {
                (true, ..) => "missed: longer",
                (false, true, false) => "missed: less than 5 %",
                (false, ..) => "met",
            };
            println!(
                "{:<36} {:>5.1} % {:>5.1} % {count:>6}  {:>7.3} {:>8.3} {:>8.3} {:>8.3}  {:>9.3}  {:+.1} % {verdict}",
                pair.name,
                100.0 * pair.new_suites(),
                100.0 * pair.new_time(),
                mean[0],
                mean[1],
                mean[2],
                mean[3],
                mean[4],
                -100.0 * shorter,
            );
        }
    }
    let rows = pairs.len() * shards.len();
    println!("goal: never longer than the best of the others: {} of {rows}", rows - worse);
    println!("goal: 5 % shorter than the best of them from 5 % new suites on: {held} of {goals}\n");
}

fn errors(pairs: &[Pair]) {
    println!("suites that the older file does not know: median |ln(said ÷ real)|");
    println!(
        "{:<36} {:>8}  {:>7} {:>7} {:>7} {:>7}  goal",
        "pair", "guesses", "shard", "mean", "median", "assume"
    );
    let row = |name: &str, of: &dyn Fn(usize) -> Vec<f64>| {
        let guesses = of(0).len();
        let medians: Vec<f64> = (0..GUESSED.len()).filter_map(|setting| median(of(setting))).collect();
        let [ours, others @ ..] = medians.as_slice() else { return };
        let best = others.iter().copied().fold(f64::INFINITY, f64::min);
        let verdict = if *ours < best { "met" } else { "missed" };
        println!(
            "{name:<36} {guesses:>8}  {:>7.3} {:>7.3} {:>7.3} {:>7.3}  {verdict}",
            ours, others[0], others[1], others[2]
        );
    };
    for pair in pairs {
        row(&pair.name, &|setting| pair.unseen(setting).collect());
    }
    row("all", &|setting| pairs.iter().flat_map(|pair| pair.unseen(setting)).collect());
}
