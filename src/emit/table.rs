//! The plan for people: the three facts that matter first, then tiers and shards, what is measured,
//! the bound, warnings.

use std::fmt::Write as _;

use super::phrase::{self, gauge, percent};
use super::style::{Paint, Style};
use crate::plan::{Plan, Shard};
use crate::text::{count, printable, shorten, thousands, width};

/// Most shards that get a line of their own.
const ROWS_MAX: usize = 40;
/// Columns for a shard's name.
const NAME_MAX: usize = 22;
/// Most warnings that are shown.
const WARNINGS_MAX: usize = 8;

/// The table.
#[must_use]
pub fn render(plan: &Plan, style: Style) -> String {
    let mut out = String::new();
    let _ = writeln!(out, "{}", style.paint(Paint::Strong, &phrase::headline(plan)));
    if !plan.shards.is_empty() {
        out.push('\n');
        shards(plan, style, &mut out);
        curve(plan, style, &mut out);
        tiers(plan, style, &mut out);
        let suites = format!("{}: ", count(plan.inputs.suites, "suite"));
        style.paragraph((Paint::Quiet, &suites), &phrase::bases(plan), &mut out);
        style.paragraph((Paint::Quiet, "bound: "), &phrase::bound(plan), &mut out);
        if let Some(limit) = phrase::limit(plan) {
            style.paragraph((Paint::Quiet, "decided by "), &limit, &mut out);
        }
        if let Some(moves) = phrase::moves(plan) {
            style.paragraph((Paint::Quiet, "since the previous plan: "), &moves, &mut out);
        }
        if let Some(advice) = phrase::advice(plan) {
            style.paragraph((Paint::Note, "advice: "), &advice, &mut out);
        }
    }
    for warning in plan.warnings.iter().take(WARNINGS_MAX) {
        let label = format!("warning[{}]: ", printable(&warning.code));
        style.paragraph((Paint::Warning, &label), &printable(&warning.message), &mut out);
    }
    if plan.warnings.len() > WARNINGS_MAX {
        let _ =
            writeln!(out, "… and {} in plan.json", count(plan.warnings.len() - WARNINGS_MAX, "more warning"));
    }
    style.finish(out)
}

fn shards(plan: &Plan, style: Style, out: &mut String) {
    let names = plan.shards.iter().map(|shard| width(&shard.id)).max().unwrap_or(0).clamp(5, NAME_MAX);
    let sessions = plan.shards.iter().any(|shard| shard.sessions.len() > 1);
    // Name, suites, time, memory, percent and mark with the gaps between them; the rest is for two
    // bars.
    let fixed = names + 39 + if sessions { 10 } else { 0 };
    let bar = ((style.width.saturating_sub(fixed)) / 2).clamp(4, 40);
    let longest = plan.quality.makespan_ms.0;
    let peak = plan.quality.peak_bytes.0;
    let head = if sessions { "  sessions" } else { "" };
    let _ = writeln!(out, "{:<names$}  suites{head}  {:>7}  {:<bar$}  {:>8}", "shard", "time", "", "memory");
    for shard in plan.shards.iter().take(ROWS_MAX) {
        let suites: usize = shard.suites().count();
        let sessions = if sessions { format!("  {:>8}", shard.sessions.len()) } else { String::new() };
        let time = gauge(shard.predicted_ms.0, longest, bar);
        let memory = gauge(shard.predicted_bytes.0, shard.budget_bytes.map_or(peak, |budget| budget.0), bar);
        let full = percent(shard).map(|percent| format!("{percent:>4} %")).unwrap_or_default();
        let mark = if shard.oversize { style.paint(Paint::Bad, " !") } else { String::new() };
        let line = format!(
            "{:<names$}  {:>6}{sessions}  {:>7}  {}  {:>8}  {}{full}{mark}",
            shorten(&shard.id, names),
            thousands(suites),
            shard.predicted_ms.to_string(),
            style.paint(Paint::Note, &time),
            shard.predicted_bytes.to_string(),
            style.paint(fullness(shard), &memory),
        );
        let _ = writeln!(out, "{}", line.trim_end());
    }
    if plan.shards.len() > ROWS_MAX {
        let _ = writeln!(
            out,
            "… and {} that are shorter, in plan.json",
            count(plan.shards.len() - ROWS_MAX, "shard")
        );
    }
    out.push('\n');
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

fn tiers(plan: &Plan, style: Style, out: &mut String) {
    for tier in &plan.tiers {
        let mine = plan.shards.iter().filter(|shard| shard.tier == tier.name);
        let (shards, suites) =
            mine.fold((0, 0), |(shards, suites), shard| (shards + 1, suites + shard.suites().count()));
        let budget = tier.budget_bytes.map_or("no budget".to_owned(), |budget| format!("budget {budget}"));
        let workers = if tier.each {
            format!("up to {} at once", tier.workers)
        } else {
            count(tier.workers as usize, "worker")
        };
        let spread = if tier.spread { " that share each file" } else { "" };
        let text = format!(
            "{} in {}, {workers}{spread}, {budget}, {} before the first suite, {} set-up",
            count(suites, "suite"),
            count(shards, "shard"),
            tier.floor_bytes,
            tier.setup_ms + tier.session_start_ms
        );
        style.paragraph((Paint::Quiet, &format!("tier {}: ", tier.name)), &text, out);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
            let table = render(&plan, Style { width: columns, ..Style::default() });
            for line in table.lines() {
                assert!(width(line) <= columns, "{columns}: {line}");
            }
        }
    }

    #[test]
    fn ascii_terminals_get_ascii() {
        assert!(render(&plan(), Style { unicode: false, ..Style::default() }).is_ascii());
    }

    #[test]
    fn colours_change_nothing_but_colours() {
        let mut plan = plan();
        plan.shards[0].oversize = true;
        let painted = render(&plan, Style { colour: true, ..Style::default() });
        assert!(painted.contains('\u{1b}'));
        let mut plain = String::new();
        for piece in painted.split('\u{1b}') {
            plain.push_str(piece.strip_prefix('[').map_or(piece, |rest| rest.split_once('m').unwrap().1));
        }
        assert_eq!(plain, render(&plan, Style::default()));
    }

    #[test]
    fn hostile_names_cannot_reach_the_terminal() {
        let mut plan = plan();
        plan.warnings.push(crate::plan::Warning {
            code: "x".into(),
            subject: "\u{1b}[2J".into(),
            message: "a\u{1b}[2Jb\u{202e}".into(),
        });
        let table = render(&plan, Style::default());
        assert!(table.contains("a\\u{1b}[2Jb\\u{202e}") && !table.contains('\u{1b}'), "{table}");
    }
}
