//! The plan for people: the three facts that matter first, then tiers and shards, what is measured,
//! the bound, warnings.

use std::fmt::Write as _;

use crate::model::{Basis, Bytes};
use crate::plan::file::ObjectiveKind;
use crate::plan::{Plan, Shard};
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
    headline(plan, &mut out);
    if !plan.shards.is_empty() {
        shards(plan, style, &mut out);
        tiers(plan, style, &mut out);
        facts(plan, style, &mut out);
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

fn headline(plan: &Plan, out: &mut String) {
    if plan.shards.is_empty() {
        let _ = writeln!(out, "no jobs: there is no suite to run");
        return;
    }
    let quality = &plan.quality;
    let _ = write!(out, "{} · the longest {} · ", count(plan.shards.len(), "job"), quality.makespan_ms);
    // The fullest by its own budget, which may be another than the largest.
    let fullest = plan.shards.iter().max_by_key(|shard| (percent(shard), shard.predicted_bytes));
    match fullest.and_then(|shard| Some((shard, shard.budget_bytes?, percent(shard)?))) {
        Some((shard, budget, percent)) => {
            let enforced = if plan.memory_is_assumed(&shard.tier) { ", not enforced" } else { "" };
            let _ =
                writeln!(out, "the fullest {} of {budget} ({percent} %{enforced})", shard.predicted_bytes);
        }
        None => {
            let _ = writeln!(out, "the largest {}, no budget", quality.peak_bytes);
        }
    }
    out.push('\n');
}

/// How full a shard is. What is over budget never shows as 100 %.
fn percent(shard: &Shard) -> Option<u64> {
    let (bytes, budget) = (u128::from(shard.predicted_bytes.0), u128::from(shard.budget_bytes?.0.max(1)));
    let percent =
        if bytes > budget { (bytes * 100).div_ceil(budget) } else { (bytes * 100 + budget / 2) / budget };
    u64::try_from(percent).ok()
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

/// A bar of `columns`: filled as far as `part` is of `whole`.
fn gauge(part: u64, whole: u64, columns: usize) -> String {
    let filled = (u128::from(part) * columns as u128).div_ceil(u128::from(whole.max(1)));
    let filled = usize::try_from(filled).unwrap_or(columns).min(columns);
    format!("{}{}", "█".repeat(filled), "░".repeat(columns - filled))
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

fn facts(plan: &Plan, style: Style, out: &mut String) {
    let of = |pick: fn(&crate::plan::file::Suite) -> Basis| {
        let parts =
            [(Basis::Measured, "measured"), (Basis::Inherited, "inherited"), (Basis::Assumed, "assumed")];
        let counts = parts
            .map(|(basis, name)| (plan.suites().filter(|(_, suite)| pick(suite) == basis).count(), name));
        let shown: Vec<String> = counts
            .iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, name)| format!("{} {name}", thousands(*count)))
            .collect();
        shown.join(", ")
    };
    let text = format!("time {}; memory {}", of(|suite| suite.basis), of(|suite| suite.memory_basis));
    paragraph(&format!("{}: ", count(plan.inputs.suites, "suite")), &text, style.width, out);
    paragraph("bound: ", &bound(plan), style.width, out);
    if let Some(advice) = advice(plan) {
        paragraph("advice: ", &advice, style.width, out);
    }
}

fn bound(plan: &Plan) -> String {
    let quality = &plan.quality;
    let longest = match (quality.makespan_ms.0, quality.makespan_bound_ms.0) {
        (made, bound) if made == bound => {
            format!("the longest shard is proven the shortest possible ({})", quality.makespan_ms)
        }
        (made, bound) => {
            let gap = (u128::from(made - bound) * 10_000).div_ceil(u128::from(bound.max(1)));
            format!("no plan with as many shards can be more than {}.{:02} % shorter", gap / 100, gap % 100)
        }
    };
    match plan.objective.kind {
        ObjectiveKind::Shards | ObjectiveKind::Price => longest,
        ObjectiveKind::Memory | ObjectiveKind::Target if quality.proven => {
            format!(
                "{} proven the fewest; {longest}",
                if quality.shards == 1 {
                    "1 shard is".to_owned()
                } else {
                    format!("{} shards are", quality.shards)
                }
            )
        }
        ObjectiveKind::Memory | ObjectiveKind::Target => {
            format!(
                "at least {} needed, {} planned; {longest}",
                count(quality.shards_bound, "shard"),
                quality.shards
            )
        }
    }
}

/// The one thing that would help most.
fn advice(plan: &Plan) -> Option<String> {
    let longest = plan.shards.first()?;
    let suites = || longest.sessions.iter().flat_map(|session| &session.suites);
    let assumed = plan.suites().filter(|(_, suite)| suite.basis == Basis::Assumed).count();
    if assumed * 2 > plan.inputs.suites {
        return Some("most times are assumed: give `--timings` a report of an earlier run (JUnit XML, .test_durations)".to_owned());
    }
    let heaviest = suites().max_by_key(|suite| suite.ms)?;
    if plan.shards.len() > 1 && heaviest.ms.0 * 2 > longest.predicted_ms.0 && suites().count() > 0 {
        let name = shorten(&printable(&heaviest.id), 60);
        return Some(format!(
            "`{name}` alone takes {} of the longest shard: split it, or let its tests be suites (--granularity test)",
            heaviest.ms
        ));
    }
    let memory = plan.suites().filter(|(_, suite)| suite.memory_basis == Basis::Assumed).count();
    if memory * 2 > plan.inputs.suites
        && plan.tiers.iter().any(|tier| tier.budget_bytes.is_some_and(|budget| budget > Bytes(0)))
    {
        return Some(
            "most memory is assumed: set `assume` for each tier to what one run of it showed".to_owned(),
        );
    }
    None
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
