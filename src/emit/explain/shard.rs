//! A shard for people: what makes it long and heavy, how far it is from its limits, and what bounds it.

use std::fmt::Write as _;

use super::percent;
use crate::emit::phrase::{self, gauge};
use crate::emit::style::{Paint, Style};
use crate::model::{Bytes, Millis};
use crate::plan::Plan;
use crate::plan::explain::{PeakParts, ShardParts, tier_of};
use crate::plan::file::{Shard, Suite, Tier};
use crate::text::{count, examples, printable, shorten, width};

/// Suites that are listed by time and by memory.
const ROWS_MAX: usize = 5;

/// For people.
#[must_use]
pub fn render(plan: &Plan, shard: &Shard, parts: &ShardParts, style: Style) -> String {
    let mut out = String::new();
    let suites: Vec<&Suite> = shard.suites().collect();
    let memory = match (shard.budget_bytes, phrase::percent(shard)) {
        (Some(budget), Some(percent)) => {
            let enforced = if plan.memory_is_assumed(&shard.tier) { ", not enforced" } else { "" };
            format!("{} of {budget} ({percent} %{enforced})", shard.predicted_bytes)
        }
        _ => format!("{}, no budget", shard.predicted_bytes),
    };
    let sessions = match shard.sessions.len() {
        1 => String::new(),
        several => format!(" in {several} sessions"),
    };
    let headline = format!(
        "{} · {} · {memory} · {}{sessions}",
        shard.id,
        shard.predicted_ms,
        count(suites.len(), "suite")
    );
    style.paragraph((Paint::Strong, ""), &headline, &mut out);
    out.push('\n');
    let tier = tier_of(plan, shard);
    style.paragraph((Paint::Strong, "long: "), &long(plan, shard, parts, tier, &suites), &mut out);
    style.paragraph((Paint::Strong, "shorter? "), &shorter(plan, shard, parts), &mut out);
    style.paragraph((Paint::Strong, "heavy: "), &heavy(shard, &parts.peak, tier), &mut out);
    style.paragraph((Paint::Strong, "smaller? "), &smaller(plan, shard, parts, tier), &mut out);
    time_table(parts, style, &mut out);
    memory_table(shard, &parts.peak, style, &mut out);
    by_size(&suites, style, &mut out);
    style.finish(out)
}

fn long(plan: &Plan, shard: &Shard, parts: &ShardParts, tier: Option<&Tier>, suites: &[&Suite]) -> String {
    let fixed = parts.setup_ms + parts.session_starts_ms;
    let workers = tier.map_or(1, |tier| tier.workers.max(1));
    let run = match workers {
        1 => format!("its suites run one after another for {}", parts.running_ms),
        more => format!(
            "its suites, {} in all, keep {more} workers busy for {}",
            parts.suites_ms, parts.running_ms
        ),
    };
    let start = match fixed {
        Millis(0) => String::new(),
        fixed => format!(
            "; set-up and the start of {} add {fixed} ({} %)",
            count(shard.sessions.len(), "session"),
            percent(fixed.0, shard.predicted_ms.0)
        ),
    };
    let longest = suites.iter().max_by_key(|suite| (suite.ms, std::cmp::Reverse(&suite.id)));
    let longest = longest.filter(|_| suites.len() > 1).map_or_else(String::new, |suite| {
        let share = percent(suite.ms.0, parts.suites_ms.0);
        format!(" The longest is {}, {} ({share} %).", examples([suite.id.as_str()], 1), suite.ms)
    });
    let makespan = plan.quality.makespan_ms;
    let rank = match (plan.shards.len(), makespan.0 - shard.predicted_ms.0.min(makespan.0)) {
        (1, _) => " It is the only shard.".to_owned(),
        (shards, 0) => format!(" No other of the {shards} shards is longer."),
        (shards, less) => format!(" It is {} shorter than the longest of {shards}.", Millis(less)),
    };
    let target = plan.objective.target_ms.map_or_else(String::new, |target| {
        match shard.predicted_ms.0.checked_sub(target.0) {
            None | Some(0) => format!(
                " {} are left to the target of {target}.",
                Millis(target.0 - shard.predicted_ms.0.min(target.0))
            ),
            Some(over) => format!(" That is {} above the target of {target}.", Millis(over)),
        }
    });
    format!("{run}{start}.{longest}{rank}{target}")
}

/// Whether it could take less time, and what bounds that.
fn shorter(plan: &Plan, shard: &Shard, parts: &ShardParts) -> String {
    let quality = &plan.quality;
    let least = parts.least_ms;
    // What looks the same is the same to people.
    if least.to_string() == shard.predicted_ms.to_string() {
        return "no: its longest suite takes that alone. Only a shorter suite, or `split = true` in its tier, helps.".to_owned();
    }
    let alone = format!("with its longest suite no shard is below {least}");
    if shard.predicted_ms < quality.makespan_ms {
        return format!("that would not shorten the plan, since another shard is longer; {alone}.");
    }
    let shards = count(quality.shards, "shard");
    match quality.makespan_ms.0.saturating_sub(quality.makespan_bound_ms.0) {
        0 => format!(
            "not with {shards}: it is proven that no plan has a longest shard below {}. More shards can be shorter; {alone}.",
            quality.makespan_bound_ms
        ),
        _ => format!(
            "perhaps: with {shards} it is only proven that no plan has a longest shard below {}; {alone}.",
            quality.makespan_bound_ms
        ),
    }
}

fn heavy(shard: &Shard, peak: &PeakParts, tier: Option<&Tier>) -> String {
    let running = examples(peak.running.iter().map(String::as_str), 2);
    let session = match shard.sessions.len() {
        1 => String::new(),
        _ => format!(" of session {}", peak.session),
    };
    let isolated = tier.is_some_and(|tier| tier.memory == crate::config::MemoryKind::Isolated);
    let when = match peak.after {
        Some(0) => format!("its peak{session} comes with the first suite, {running}"),
        Some(before) => format!("its peak{session} comes with {running}, after {}", count(before, "suite")),
        None if isolated => format!("its peak{session} comes when {running} run side by side"),
        None if peak.transient_bytes.0 == 0 => {
            format!("its peak{session} comes in the end, when all suites have left what they retain")
        }
        None => format!("its peak{session} is counted with {running} running when all others are done"),
    };
    let (largest, what) = [
        (peak.floor_bytes, "the floor, which a session holds before any suite"),
        (peak.import_bytes, "imports"),
        (peak.retained_bytes, "what suites retained until then"),
        (peak.transient_bytes, "the transient of what runs then"),
    ]
    .into_iter()
    .max_by_key(|(bytes, _)| *bytes)
    .unwrap_or_default();
    let share = percent(largest.0, shard.predicted_bytes.0);
    let budget = shard.budget_bytes.map_or_else(String::new, |budget| {
        match shard.predicted_bytes.0.checked_sub(budget.0) {
            None | Some(0) => format!(
                " {} are left to the budget of {budget}.",
                budget.saturating_sub(shard.predicted_bytes)
            ),
            Some(over) => format!(" That is {} above the budget of {budget}.", Bytes(over)),
        }
    });
    format!("{when}. Most of it, {largest} ({share} %), is {what}.{budget}")
}

/// Whether it could hold less, and what bounds that.
fn smaller(plan: &Plan, shard: &Shard, parts: &ShardParts, tier: Option<&Tier>) -> String {
    let suites: usize = shard.suites().count();
    if parts.least_bytes.to_string() == shard.predicted_bytes.to_string() {
        return match suites {
            1 => "no: it holds one suite only. A smaller suite or fewer workers help, or a larger machine (`[[runner]]`).".to_owned(),
            _ => "no: its largest suite needs that alone.".to_owned(),
        };
    }
    let mut text = format!("yes, but not below {}, which its largest suite needs alone", parts.least_bytes);
    let several = tier.filter(|tier| {
        let lives_on = tier.memory == crate::config::MemoryKind::Accumulates;
        let most = tier.sessions as usize;
        lives_on
            && most != 0
            && shard.sessions.len() >= most
            && parts.peak.retained_bytes.0 * 4 > shard.predicted_bytes.0
    });
    if let Some(tier) = several {
        let _ = write!(
            text,
            "; a further session (`sessions = {}` in [tier.{}]) gives back some of the {} that are retained, for {} more",
            tier.sessions + 1,
            tier.name,
            parts.peak.retained_bytes,
            tier.session_start_ms
        );
    }
    let mine = plan.shards.iter().filter(|other| other.tier == shard.tier).count();
    text.push_str(match mine {
        1 => "; otherwise only with more shards.",
        _ => "; otherwise with more shards, or with lighter suites in exchange.",
    });
    text
}

fn time_table(parts: &ShardParts, style: Style, out: &mut String) {
    let rows = [
        ("set-up", parts.setup_ms),
        ("session start", parts.session_starts_ms),
        ("suites", parts.running_ms),
    ];
    let whole = rows.iter().map(|(_, ms)| ms.0).sum::<u64>();
    let _ = writeln!(out, "\n{}", style.paint(Paint::Strong, "time"));
    for (name, ms) in rows {
        bar(name, &ms.to_string(), ms.0, whole, style, out);
    }
}

fn memory_table(shard: &Shard, peak: &PeakParts, style: Style, out: &mut String) {
    let rows = [
        ("floor", peak.floor_bytes),
        ("imports", peak.import_bytes),
        ("retained", peak.retained_bytes),
        ("transient", peak.transient_bytes),
    ];
    let whole = shard.budget_bytes.unwrap_or_default().max(shard.predicted_bytes).0;
    let of = if shard.budget_bytes.is_some() { "memory, of the budget" } else { "memory" };
    let _ = writeln!(out, "{}", style.paint(Paint::Strong, of));
    for (name, bytes) in rows {
        bar(name, &bytes.to_string(), bytes.0, whole, style, out);
    }
}

fn bar(name: &str, figure: &str, part: u64, whole: u64, style: Style, out: &mut String) {
    let columns = style.width.saturating_sub(37).clamp(10, 60);
    let chart = style.paint(Paint::Note, &gauge(part, whole, columns));
    let percent = percent(part, whole);
    let _ = writeln!(out, "  {name:<13}  {figure:>8}  {chart}  {percent:>3} %");
}

/// Its longest suites, and its heaviest.
fn by_size(suites: &[&Suite], style: Style, out: &mut String) {
    let mut all = suites.to_vec();
    all.sort_by_key(|suite| (std::cmp::Reverse(suite.ms), &suite.id));
    table("longest", &all, style, out);
    all.sort_by_key(|suite| {
        (std::cmp::Reverse(suite.import_bytes + suite.retained_bytes + suite.transient_bytes), &suite.id)
    });
    table("heaviest", &all, style, out);
}

fn table(name: &str, suites: &[&Suite], style: Style, out: &mut String) {
    let columns = style.width.saturating_sub(32).max(20);
    let head = format!("{name:<columns$}  {:>7}  {:>8}  {:>9}", "time", "retained", "transient");
    let _ = writeln!(out, "\n{}", style.paint(Paint::Strong, &head));
    for suite in suites.iter().take(ROWS_MAX) {
        let id = shorten(&printable(&suite.id), columns);
        let gap = " ".repeat(columns - width(&id));
        let _ = writeln!(
            out,
            "{id}{gap}  {:>7}  {:>8}  {:>9}",
            suite.ms.to_string(),
            suite.retained_bytes.to_string(),
            suite.transient_bytes.to_string()
        );
    }
    if suites.len() > ROWS_MAX {
        let _ = writeln!(out, "… and {}", count(suites.len() - ROWS_MAX, "more suite"));
    }
}
