//! The plan for people: the three facts that matter first, then tiers and shards, what is measured,
//! the bound, warnings.

use std::fmt::Write as _;

use super::phrase::{self, gauge, percent};
use crate::plan::Plan;
use crate::text::{count, printable, shorten, thousands, width};

/// Most shards that get a line of their own.
const ROWS_MAX: usize = 40;
/// Columns for a shard's name.
const NAME_MAX: usize = 22;
/// Most warnings that are shown.
const WARNINGS_MAX: usize = 8;

/// What the terminal can show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Style {
    /// Columns, at least 80.
    pub width: usize,
    /// Whether block characters may be used.
    pub unicode: bool,
}

impl Default for Style {
    fn default() -> Style {
        Style { width: 80, unicode: true }
    }
}

/// The table.
#[must_use]
pub fn render(plan: &Plan, style: Style) -> String {
    let mut out = String::new();
    let _ = writeln!(out, "{}", phrase::headline(plan));
    if !plan.shards.is_empty() {
        out.push('\n');
        shards(plan, style, &mut out);
        tiers(plan, style, &mut out);
        let suites = format!("{}: ", count(plan.inputs.suites, "suite"));
        paragraph(&suites, &phrase::bases(plan), style.width, &mut out);
        paragraph("bound: ", &phrase::bound(plan), style.width, &mut out);
        if let Some(advice) = phrase::advice(plan) {
            paragraph("advice: ", &advice, style.width, &mut out);
        }
    }
    for warning in plan.warnings.iter().take(WARNINGS_MAX) {
        paragraph("warning: ", &printable(&warning.message), style.width, &mut out);
    }
    if plan.warnings.len() > WARNINGS_MAX {
        let _ =
            writeln!(out, "… and {} in plan.json", count(plan.warnings.len() - WARNINGS_MAX, "more warning"));
    }
    if style.unicode { out } else { ascii(&out) }
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
        let suites: usize = shard.sessions.iter().map(|session| session.suites.len()).sum();
        let sessions = if sessions { format!("  {:>8}", shard.sessions.len()) } else { String::new() };
        let time = gauge(shard.predicted_ms.0, longest, bar);
        let memory = gauge(shard.predicted_bytes.0, shard.budget_bytes.map_or(peak, |budget| budget.0), bar);
        let full = percent(shard).map(|percent| format!("{percent:>4} %")).unwrap_or_default();
        let mark = if shard.oversize { " !" } else { "" };
        let line = format!(
            "{:<names$}  {:>6}{sessions}  {:>7}  {time}  {:>8}  {memory}{full}{mark}",
            shorten(&shard.id, names),
            thousands(suites),
            shard.predicted_ms.to_string(),
            shard.predicted_bytes.to_string(),
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

fn tiers(plan: &Plan, style: Style, out: &mut String) {
    for tier in &plan.tiers {
        let mine = plan.shards.iter().filter(|shard| shard.tier == tier.name);
        let (shards, suites) = mine.fold((0, 0), |(shards, suites), shard| {
            (shards + 1, suites + shard.sessions.iter().map(|session| session.suites.len()).sum::<usize>())
        });
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
        paragraph(&format!("tier {}: ", tier.name), &text, style.width, out);
    }
}

/// Text in lines of `columns`, those after the first indented.
fn paragraph(label: &str, text: &str, columns: usize, out: &mut String) {
    let mut line = label.to_owned();
    let mut empty = true;
    for word in text.split(' ') {
        if !empty && width(&line) + 1 + width(word) > columns {
            let _ = writeln!(out, "{line}");
            line = "  ".to_owned();
            empty = true;
        }
        if !empty {
            line.push(' ');
        }
        line.push_str(word);
        empty = false;
    }
    let _ = writeln!(out, "{line}");
}

fn ascii(text: &str) -> String {
    text.replace('█', "#").replace('░', ".").replace('·', "-").replace('…', "~")
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
            let table = render(&plan, Style { width: columns, unicode: true });
            for line in table.lines() {
                assert!(width(line) <= columns, "{columns}: {line}");
            }
        }
    }

    #[test]
    fn ascii_terminals_get_ascii() {
        assert!(render(&plan(), Style { width: 80, unicode: false }).is_ascii());
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
