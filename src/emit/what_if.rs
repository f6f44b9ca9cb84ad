//! What else there could be, for people and as JSON: other numbers of jobs, other budgets, other machines.

use std::fmt::Write as _;

use super::grid::{Grid, Side};
use super::phrase;
use super::style::{Paint, Style};
use crate::model::Millis;
use crate::plan::Plan;
use crate::plan::file::Point;
use crate::plan::what_if::{Curve, Fewest, OtherBudget, OtherRunner, Outcome, WhatIf};
use crate::text::{printable, shorten, thousands};

/// About as many numbers of jobs have a line of their own.
const ROWS_MAX: usize = 12;
/// Columns for the name of a machine.
const NAME_MAX: usize = 16;
/// Columns for why something is not possible.
const REASON_MAX: usize = 200;

/// One JSON document.
///
/// # Errors
/// None in practice: every value here can be written as JSON.
pub fn to_json(answer: &WhatIf) -> serde_json::Result<String> {
    Ok(serde_json::to_string_pretty(answer)? + "\n")
}

/// For people: `plan` in short, then what else there could be.
#[must_use]
pub fn render(plan: &Plan, answer: &WhatIf, style: Style) -> String {
    let mut out = String::new();
    let headline = match answer.asked {
        Some(_) => format!("as asked: {}", phrase::headline(plan)),
        None => format!("as few jobs as memory allows: {}", phrase::headline(plan)),
    };
    style.paragraph((Paint::Strong, ""), &headline, &mut out);
    numbers(answer, style, &mut out);
    let asked = answer.asked.is_some();
    budgets(&answer.budgets, asked, style, &mut out);
    runners(&answer.runners, asked, style, &mut out);
    style.finish(out)
}

fn numbers(answer: &WhatIf, style: Style, out: &mut String) {
    let Curve { shards: points, knee, concurrency, .. } = &answer.curve;
    let place = |shards: usize| points.iter().position(|point| point.shards == shards);
    let chosen = answer.asked.map(|asked| asked.shards);
    let matter: Vec<usize> = chosen.into_iter().chain([*knee]).filter_map(place).collect();
    let all: Vec<usize> = points.iter().map(|point| point.shards).collect();
    let shown: Vec<&Point> =
        phrase::rungs(&all, &matter, ROWS_MAX).into_iter().map(|at| &points[at]).collect();
    let most = shown.iter().map(|point| point.wall_ms.0).max().unwrap_or(0);
    let paint = |point: &Point| match chosen == Some(point.shards) {
        true => Some(Paint::Strong),
        false => (*knee == point.shards).then_some(Paint::Good),
    };
    let cells = |of: &dyn Fn(&Point) -> String| shown.iter().map(|point| of(point)).collect::<Vec<_>>();
    let mut grid = Grid::new(style);
    grid.text(
        "",
        0,
        Side::Left,
        cells(&|point| {
            let asked = if chosen == Some(point.shards) { ">" } else { " " };
            format!("{asked}{}", if *knee == point.shards { "*" } else { " " })
        }),
    );
    grid.text("  jobs", 0, Side::Right, cells(&|point| thousands(point.shards)));
    if concurrency.is_some() {
        grid.text("longest", 0, Side::Right, cells(&|point| point.longest_ms.to_string()));
    }
    grid.text("all done", 0, Side::Right, cells(&|point| point.wall_ms.to_string()));
    grid.bars(shown.iter().map(|point| (point.wall_ms.0, most, paint(point).unwrap_or(Paint::Note))));
    let saves = (0..shown.len()).map(|at| match at.checked_sub(1) {
        Some(before) => saved(shown[before], shown[at]),
        None => String::new(),
    });
    grid.text("each saves", 0, Side::Right, saves);
    grid.text("machines", 0, Side::Right, cells(&|point| point.machine_ms.to_string()));
    if shown.iter().any(|point| point.price.is_some()) {
        grid.text(
            "price",
            0,
            Side::Right,
            cells(&|point| point.price.map_or_else(String::new, |price| price.to_string())),
        );
    }
    let peak = |point: &Point| point.peak_bytes.map_or_else(String::new, |bytes| bytes.to_string());
    grid.text("largest", 0, Side::Right, cells(&peak));
    let (head, lines) = grid.lines(|row| paint(shown[row]));
    let _ = writeln!(out, "\n{}", style.paint(Paint::Quiet, &head));
    impossible(&answer.fewest, style, out);
    lines.iter().for_each(|line| _ = writeln!(out, "{line}"));
    let marks = match (chosen, phrase::pays(&answer.curve)) {
        (Some(chosen), terms) if chosen == *knee => format!("> as asked, and where it pays most: {terms}"),
        (Some(_), terms) => format!("> as asked   * where it pays most: {terms}"),
        (None, terms) => format!("* where it pays most: {terms}"),
    };
    style.paragraph((Paint::Quiet, ""), &marks, out);
}

/// What each of the jobs that `point` has more saves of waiting.
fn saved(before: &Point, point: &Point) -> String {
    let more = point.shards.saturating_sub(before.shards).max(1) as u64;
    match before.wall_ms.0.checked_sub(point.wall_ms.0) {
        Some(saved) => Millis(saved / more).to_string(),
        None => "-".to_owned(),
    }
}

/// The numbers that are too few, and why.
fn impossible(fewest: &Fewest, style: Style, out: &mut String) {
    let range = |from: usize, to: usize| match from == to {
        true => from.to_string(),
        false => format!("{from} to {to}"),
    };
    let why = match &fewest.reason {
        None => "a job holds suites of one tier".to_owned(),
        // The first help is the number that would do, which is the next line.
        Some(reason) => {
            std::iter::once(reason).chain(fewest.help.iter().skip(1)).cloned().collect::<Vec<_>>().join("; ")
        }
    };
    if fewest.bound > 1 {
        let label = format!("    {:>6}  ", range(1, fewest.bound - 1));
        style.paragraph((Paint::Bad, &label), &format!("not possible: {}", shorten(&why, REASON_MAX)), out);
    }
    if fewest.bound < fewest.shards {
        let label = format!("    {:>6}  ", range(fewest.bound, fewest.shards - 1));
        let text = "no plan was found that fits in memory, and none is proven impossible";
        style.paragraph((Paint::Warning, &label), text, out);
    }
}

fn budgets(budgets: &[OtherBudget], asked: bool, style: Style, out: &mut String) {
    let rows: Vec<Row<'_>> = budgets
        .iter()
        .map(|other| Row {
            own: other.own,
            name: other.budget_bytes.map_or_else(|| "as planned".to_owned(), |budget| budget.to_string()),
            detail: other.machine_bytes.map_or_else(String::new, |memory| format!("{} GiB", memory.0 >> 30)),
            outcome: &other.outcome,
        })
        .collect();
    outcomes(["budget", "machine"], &rows, asked, style, out);
}

fn runners(runners: &[OtherRunner], asked: bool, style: Style, out: &mut String) {
    let rows: Vec<Row<'_>> = runners
        .iter()
        .map(|other| Row {
            own: other.name.is_none(),
            name: other
                .name
                .as_ref()
                .map_or_else(|| "as planned".to_owned(), |name| shorten(&printable(name), NAME_MAX)),
            detail: other.budget_bytes.map_or_else(String::new, |budget| budget.to_string()),
            outcome: &other.outcome,
        })
        .collect();
    outcomes(["machine", "budget"], &rows, asked, style, out);
    if !rows.is_empty() {
        let note =
            "every shard there, with the times of the plan: what a faster machine would save is not known";
        style.paragraph((Paint::Quiet, ""), note, out);
    }
}

/// What becomes of a plan under one other limit.
struct Row<'a> {
    own: bool,
    name: String,
    detail: String,
    outcome: &'a Outcome,
}

/// As few jobs as possible, and as asked unless that is the same everywhere.
fn outcomes(heads: [&str; 2], rows: &[Row<'_>], asked: bool, style: Style, out: &mut String) {
    let there: Vec<&Row<'_>> = rows.iter().filter(|row| row.outcome.fewest.is_some()).collect();
    let both = asked && there.iter().any(|row| row.outcome.asked != row.outcome.fewest);
    let last = |row: &Row<'_>| if both { row.outcome.asked } else { row.outcome.fewest };
    let cells = |of: &dyn Fn(&Row<'_>) -> String| there.iter().map(|row| of(row)).collect::<Vec<_>>();
    let text = |point: Option<Point>, of: &dyn Fn(Point) -> String| point.map_or_else(|| "-".to_owned(), of);
    let jobs = |point: Option<Point>| text(point, &|point| thousands(point.shards));
    let wall = |point: Option<Point>| text(point, &|point| point.wall_ms.to_string());
    let mut grid = Grid::new(style);
    grid.text("", 0, Side::Left, cells(&|row| (if row.own { ">" } else { "" }).to_owned()));
    grid.text(heads[0], 0, Side::Left, cells(&|row| row.name.clone()));
    grid.text(heads[1], 0, Side::Right, cells(&|row| row.detail.clone()));
    grid.text("fewest", 0, Side::Right, cells(&|row| jobs(row.outcome.fewest)));
    grid.text("all done", 0, Side::Right, cells(&|row| wall(row.outcome.fewest)));
    if both {
        grid.text("as asked", 0, Side::Right, cells(&|row| jobs(row.outcome.asked)));
        grid.text("all done", 0, Side::Right, cells(&|row| wall(row.outcome.asked)));
    }
    if there.iter().any(|row| last(row).is_some_and(|point| point.price.is_some())) {
        let price = |point: Point| point.price.map_or_else(String::new, |price| price.to_string());
        grid.text("price", 0, Side::Right, cells(&|row| text(last(row), &price)));
    }
    if there.iter().any(|row| row.outcome.oversize > 0) {
        grid.painted(
            "too big",
            0,
            Side::Right,
            there.iter().map(|row| match row.outcome.oversize {
                0 => (String::new(), None),
                some => (thousands(some), Some(Paint::Bad)),
            }),
        );
    }
    let peak = |point: Point| point.peak_bytes.map_or_else(String::new, |bytes| bytes.to_string());
    grid.text("largest", 1, Side::Right, cells(&|row| text(last(row), &peak)));
    if there.is_empty() {
        return;
    }
    let (head, lines) = grid.lines(|row| there[row].own.then_some(Paint::Strong));
    let _ = writeln!(out, "\n{}", style.paint(Paint::Quiet, &head));
    let mut lines = lines.into_iter();
    for row in rows {
        match (&row.outcome.fewest, &row.outcome.reason) {
            (Some(_), _) => lines.next().into_iter().for_each(|line| _ = writeln!(out, "{line}")),
            (None, reason) => {
                let why = shorten(&printable(reason.as_deref().unwrap_or_default()), REASON_MAX);
                let label = format!("   {}  ", row.name);
                style.paragraph((Paint::Bad, &label), &format!("not possible: {why}"), out);
            }
        }
    }
}
