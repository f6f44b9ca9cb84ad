//! One row a family.

use std::collections::BTreeMap;

use shard::pack::Effort;

use crate::outcome::Outcome;

type Rows<'a> = Vec<&'a Outcome>;

/// `cpsat`: with its columns.
pub(crate) fn print(outcomes: &[Outcome], effort: Effort, cpsat: bool) {
    println!("effort {effort:?}; gaps above the optimum, or where that is not known above the bound");
    print!(
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
    match cpsat {
        true => println!("  {:>6} {:>10} {:>10}", "CP-SAT", "its gap", "its bound"),
        false => println!(),
    }
    let (mut families, mut kinds): (BTreeMap<&str, Rows>, BTreeMap<&str, Rows>) = Default::default();
    for outcome in outcomes {
        let family = outcome.problem.family.as_str();
        let kind = ["pcmax", "vbp2-triplet", "vbp2", "bpp", "planted", "realistic"];
        let kind = kind.into_iter().find(|kind| family.starts_with(kind)).unwrap_or("others");
        families.entry(family).or_default().push(outcome);
        kinds.entry(kind).or_default().push(outcome);
    }
    for (family, rows) in &families {
        line(family, rows, cpsat);
    }
    println!();
    for (kind, rows) in &kinds {
        line(&format!("all of {kind}"), rows, cpsat);
    }
}

fn line(family: &str, rows: &[&Outcome], cpsat: bool) {
    let gaps: Vec<f64> = rows.iter().filter_map(|row| row.gap()).collect();
    let seconds: Vec<f64> = rows.iter().map(|row| row.seconds).collect();
    let today: Vec<f64> = rows.iter().map(|row| row.above(row.today.value)).collect();
    let chunks: Vec<f64> = rows.iter().filter_map(|row| row.chunks.map(|value| row.above(value))).collect();
    print!(
        "{family:<34} {:>5} {:>5} {:>8} {:>7} {:>10} {:>10} {:>7.3} {:>7.3}  {:>9} {:>6} {:>9}",
        rows.len(),
        gaps.len(),
        rows.iter().filter(|row| row.is_optimal()).count(),
        rows.iter().filter(|row| row.proven).count(),
        percent(mean(&gaps), 5),
        percent(largest(&gaps), 5),
        mean(&seconds).unwrap_or(0.0),
        largest(&seconds).unwrap_or(0.0),
        percent(mean(&today), 3),
        rows.iter().map(|row| row.today.over).sum::<usize>(),
        percent(mean(&chunks), 2),
    );
    if cpsat {
        let solved = || rows.iter().filter_map(|row| Some((row, row.cpsat.as_ref()?)));
        let gaps: Vec<f64> =
            solved().filter_map(|(row, solved)| solved.value.map(|value| row.above(value))).collect();
        let bounds: Vec<f64> = solved().map(|(row, solved)| row.above(solved.bound)).collect();
        print!("  {:>6} {:>10} {:>10}", gaps.len(), percent(mean(&gaps), 5), percent(mean(&bounds), 5));
    }
    println!();
}

/// Empty where there is nothing.
fn percent(value: Option<f64>, digits: usize) -> String {
    value.map_or(String::new(), |value| format!("{value:.digits$}%"))
}

pub(crate) fn mean(all: &[f64]) -> Option<f64> {
    (!all.is_empty()).then(|| all.iter().sum::<f64>() / all.len() as f64)
}

pub(crate) fn largest(all: &[f64]) -> Option<f64> {
    all.iter().copied().reduce(f64::max)
}
