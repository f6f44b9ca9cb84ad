//! The plan for people: the three facts that matter first, then its shards, how good it is and what it rests on, warnings,
//! and at the end the one thing to do next.

use std::cmp::Reverse;
use std::fmt::Write as _;

use super::diff;
use super::grid::{Grid, Side};
use super::phrase::{self, percent};
use super::style::{Paint, Style};
use crate::plan::diff::Diff;
use crate::plan::file::Suite;
use crate::plan::{Plan, Shard};
use crate::text::{count, printable, shorten, thousands};

/// Most shards that get a line of their own.
const ROWS_MAX: usize = 40;
/// Columns for a shard's name.
const NAME_MAX: usize = 22;
/// Columns for a suite's name, where there is room for one.
const SUITE_MAX: usize = 36;
/// Most warnings that are shown.
const WARNINGS_MAX: usize = 8;

/// The table. `since`: how it differs from the plan before it.
#[must_use]
pub fn render(plan: &Plan, since: Option<&Diff>, style: Style) -> String {
    let mut out = String::new();
    let _ = writeln!(out, "{}", style.paint(Paint::Strong, &phrase::headline(plan)));
    if let Some(changed) = changed(plan, since) {
        style.fact((Paint::Note, "changed"), &changed, &mut out);
    }
    if !plan.shards.is_empty() {
        out.push('\n');
        shards(plan, style, &mut out);
        curve(plan, style, &mut out);
        let decided = phrase::limit(plan).map_or(String::new(), |limit| format!("; decided by {limit}"));
        style.fact((Paint::Quiet, "quality"), &(phrase::bound(plan) + &decided), &mut out);
        let suites = format!("{}: {}", thousands(plan.inputs.suites), phrase::bases(plan));
        style.fact((Paint::Quiet, "suites"), &suites, &mut out);
        style.fact((Paint::Quiet, "start"), &phrase::starts(plan), &mut out);
    }
    for warning in plan.warnings.iter().take(WARNINGS_MAX) {
        let label = format!("warning[{}]", printable(&warning.code));
        style.fact((Paint::Warning, &label), &printable(&warning.message), &mut out);
    }
    if plan.warnings.len() > WARNINGS_MAX {
        let more = count(plan.warnings.len() - WARNINGS_MAX, "more warning");
        style.fact((Paint::Warning, "warning"), &format!("{more}, in plan.json"), &mut out);
    }
    if let Some(advice) = phrase::advice(plan) {
        style.fact((Paint::Note, "advice"), &advice, &mut out);
    }
    style.finish(out)
}

/// What changed since the plan before it; nothing where all is as it was.
pub(super) fn changed(plan: &Plan, since: Option<&Diff>) -> Option<String> {
    match since {
        Some(diff) => diff::since(diff, plan.previous),
        None => phrase::moves(plan),
    }
}

fn shards(plan: &Plan, style: Style, out: &mut String) {
    let shown: Vec<&Shard> = plan.shards.iter().take(ROWS_MAX).collect();
    let (longest, peak) = (plan.quality.makespan_ms.0, plan.quality.peak_bytes.0);
    let cells = |of: &dyn Fn(&Shard) -> String| shown.iter().map(|shard| of(shard)).collect::<Vec<_>>();
    let mut grid = Grid::new(style);
    grid.text("shard", 0, Side::Left, cells(&|shard| shorten(&printable(&shard.id), NAME_MAX)));
    grid.text("suites", 0, Side::Right, cells(&|shard| thousands(shard.suites().count())));
    if shown.iter().any(|shard| shard.sessions.len() > 1) {
        grid.text("sessions", 0, Side::Right, cells(&|shard| shard.sessions.len().to_string()));
    }
    grid.text("   time", 0, Side::Right, cells(&|shard| shard.predicted_ms.to_string()));
    grid.bars(shown.iter().map(|shard| (shard.predicted_ms.0, longest, Paint::Note)));
    grid.text("memory", 0, Side::Right, cells(&|shard| shard.predicted_bytes.to_string()));
    grid.bars(shown.iter().map(|shard| {
        let whole = shard.budget_bytes.map_or(peak, |budget| budget.0);
        (shard.predicted_bytes.0, whole, fullness(shard))
    }));
    let oversize = shown.iter().any(|shard| shard.oversize);
    grid.painted(
        "",
        0,
        Side::Right,
        shown.iter().map(|shard| {
            let percent = percent(shard).map_or(String::new(), |percent| format!("{percent} %"));
            let mark = match (oversize, shard.oversize) {
                (false, _) => "",
                (true, false) => "  ",
                (true, true) => " !",
            };
            (percent + mark, shard.oversize.then_some(Paint::Bad))
        }),
    );
    let machines = shown.iter().any(|shard| shard.runner.is_some());
    if machines {
        let runner =
            |shard: &Shard| shorten(&printable(shard.runner.as_deref().unwrap_or_default()), NAME_MAX);
        grid.text("machine", 1, Side::Left, cells(&runner));
    }
    grid.text(
        "longest suite",
        2,
        Side::Left,
        cells(&|shard| {
            let suite = shard.suites().max_by_key(|suite| (suite.ms, Reverse(&suite.id)));
            suite.map_or(String::new(), |suite| format!("{:>7}  {}", suite.ms.to_string(), named(suite)))
        }),
    );
    grid.text(
        "largest suite",
        3,
        Side::Left,
        cells(&|shard| {
            let needs = |suite: &Suite| suite.import_bytes + suite.retained_bytes + suite.transient_bytes;
            let suite = shard.suites().max_by_key(|suite| (needs(suite), Reverse(&suite.id)));
            suite.map_or(String::new(), |suite| format!("{:>7}  {}", needs(suite).to_string(), named(suite)))
        }),
    );
    let (head, lines) = grid.lines(|_| None);
    let _ = writeln!(out, "{}", style.paint(Paint::Quiet, &head));
    lines.iter().for_each(|line| _ = writeln!(out, "{line}"));
    if plan.shards.len() > ROWS_MAX {
        let _ = writeln!(
            out,
            "… and {} that are shorter, in plan.json",
            count(plan.shards.len() - ROWS_MAX, "shard")
        );
    }
    out.push('\n');
}

fn named(suite: &Suite) -> String {
    shorten(&printable(&suite.id), SUITE_MAX)
}

/// How near to its budget a shard is.
fn fullness(shard: &Shard) -> Paint {
    match percent(shard) {
        Some(101..) => Paint::Bad,
        Some(90..) => Paint::Warning,
        _ => Paint::Good,
    }
}

/// What other numbers of shards would cost; the chosen one is marked.
fn curve(plan: &Plan, style: Style, out: &mut String) {
    let rows = phrase::curve(plan);
    if rows.is_empty() {
        return;
    }
    let _ = writeln!(out, "{}:", phrase::terms(plan));
    let priced = rows.iter().any(|row| row.point.price.is_some());
    let price = if priced { "       price" } else { "" };
    let _ = writeln!(out, "  shards   longest    all done     machines{price}");
    for row in rows {
        let point = row.point;
        let price = point.price.map_or(String::new(), |price| format!("{:>12}", price.to_string()));
        let line = format!(
            "{} {:>6}  {:>8}  {:>10}  {:>11}{price}",
            if row.chosen { '>' } else { ' ' },
            thousands(point.shards),
            point.longest_ms.to_string(),
            point.wall_ms.to_string(),
            point.machine_ms.to_string(),
        );
        let line = if row.chosen { style.paint(Paint::Strong, &line) } else { line };
        let _ = writeln!(out, "{line}");
    }
    out.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::width;

    fn plan() -> Plan {
        Plan::from_bytes(include_bytes!("../../testdata/plans/two-shards.json")).unwrap()
    }

    #[test]
    fn the_table_fits_its_width() {
        for columns in [80, 120, 200] {
            let mut plan = plan();
            plan.shards[0].id = format!("{}-1", "long".repeat(20));
            plan.shards[0].oversize = true;
            let session = plan.shards[1].sessions[0].clone();
            plan.shards[1].sessions.push(session);
            let table = render(&plan, None, Style { width: columns, ..Style::default() });
            for line in table.lines() {
                assert!(width(line) <= columns, "{columns}: {line}");
            }
        }
    }

    #[test]
    fn ascii_terminals_get_ascii() {
        assert!(render(&plan(), None, Style { unicode: false, ..Style::default() }).is_ascii());
    }

    #[test]
    fn colours_change_nothing_but_colours() {
        let mut plan = plan();
        plan.shards[0].oversize = true;
        let painted = render(&plan, None, Style { colour: true, ..Style::default() });
        assert!(painted.contains('\u{1b}'));
        let mut plain = String::new();
        for piece in painted.split('\u{1b}') {
            plain.push_str(piece.strip_prefix('[').map_or(piece, |rest| rest.split_once('m').unwrap().1));
        }
        assert_eq!(plain, render(&plan, None, Style::default()));
    }

    #[test]
    fn hostile_names_cannot_reach_the_terminal() {
        let mut plan = plan();
        plan.warnings.push(crate::plan::Warning {
            code: "x".into(),
            subject: "\u{1b}[2J".into(),
            message: "a\u{1b}[2Jb\u{202e}".into(),
        });
        let table = render(&plan, None, Style::default());
        assert!(table.contains("a\\u{1b}[2Jb\\u{202e}") && !table.contains('\u{1b}'), "{table}");
    }
}
