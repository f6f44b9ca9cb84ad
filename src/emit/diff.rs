//! The difference of two plans, for people and as JSON.

mod why;

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::phrase;
use super::style::{Paint, Style};
use crate::model::{Bytes, Millis};
use crate::plan::diff::{Diff, Placed, ShardChange, Why};
use crate::plan::file::Previous;
use crate::text::{count, examples, printable, shorten, thousands, width};

/// Most lines of one kind.
const ROWS_MAX: usize = 12;
/// Most shards whose new or gone suites have a line of their own.
const GROUPS_MAX: usize = 8;
/// Columns for a shard's name.
const NAME_MAX: usize = 20;

/// One JSON document.
///
/// # Errors
/// None in practice: every value here can be written as JSON.
pub fn to_json(diff: &Diff) -> serde_json::Result<String> {
    Ok(serde_json::to_string_pretty(diff)? + "\n")
}

/// For people: why the plan changed in a sentence, what changed in short, shards, what moved and why, what is new, gone,
/// longer or heavier.
#[must_use]
pub fn render(diff: &Diff, style: Style) -> String {
    let mut out = String::new();
    let (old, new) = (&diff.old, &diff.new);
    style.paragraph((Paint::Strong, ""), &why::sentence(diff), &mut out);
    let headline = format!(
        "{} · the longest {} · the largest {}",
        arrow(count(old.shards, "job"), count(new.shards, "job")),
        arrow(old.makespan_ms.to_string(), new.makespan_ms.to_string()),
        arrow(old.peak_bytes.to_string(), new.peak_bytes.to_string())
    );
    style.paragraph((Paint::Strong, ""), &headline, &mut out);
    let _ = writeln!(out, "{}", moves(diff));
    shards(diff, style, &mut out);
    moved(diff, style, &mut out);
    placed("new", "in", &diff.added, style, &mut out);
    placed("gone", "from", &diff.removed, style, &mut out);
    placed("executed, and not run again", "of", &diff.executed, style, &mut out);
    placed("given up", "of", &diff.given_up, style, &mut out);
    changed(diff, style, &mut out);
    style.finish(out)
}

fn arrow(old: String, new: String) -> String {
    if old == new { new } else { format!("{old} → {new}") }
}

fn shards(diff: &Diff, style: Style, out: &mut String) {
    if diff.shards.is_empty() {
        return;
    }
    let names = diff.shards.iter().map(|change| width(&change.shard)).max().unwrap_or(0).clamp(5, NAME_MAX);
    let _ = writeln!(out, "\n{:<names$}  {:>15}  {:>19}  {:>19}", "shard", "suites", "time", "memory");
    for change in diff.shards.iter().take(ROWS_MAX) {
        let ShardChange { shard, old, new } = change;
        let both = |of: &dyn Fn(&crate::plan::diff::Size) -> String| {
            let text = |size: &Option<_>| size.as_ref().map_or("–".to_owned(), of);
            arrow(text(old), text(new))
        };
        let line = format!(
            "{:<names$}  {:>15}  {:>19}  {:>19}",
            shorten(&printable(shard), names),
            both(&|size| thousands(size.suites)),
            both(&|size| size.ms.to_string()),
            both(&|size| size.bytes.to_string()),
        );
        let line = match (old, new) {
            (None, _) => style.paint(Paint::Good, &line),
            (_, None) => style.paint(Paint::Warning, &line),
            _ => line,
        };
        let _ = writeln!(out, "{line}");
    }
    more(diff.shards.len(), "shard", out);
    let same = diff.new.shards - diff.shards.iter().filter(|change| change.new.is_some()).count();
    if same > 0 {
        let _ = writeln!(out, "{} as before", count(same, "shard"));
    }
}

/// How many suites moved, came and went.
fn moves(diff: &Diff) -> String {
    let mut moves = match (diff.moved.len(), diff.common) {
        (0, _) => "no suite moved".to_owned(),
        (moved, all) => format!("{} of {} moved", thousands(moved), count(all, "suite")),
    };
    let kinds = [
        (diff.added.len(), "new"),
        (diff.removed.len(), "gone"),
        (diff.executed.len(), "executed"),
        (diff.given_up.len(), "given up"),
    ];
    for (number, what) in kinds.iter().filter(|(number, _)| *number > 0) {
        let _ = write!(moves, ", {} {what}", thousands(*number));
    }
    moves
}

/// The same in one sentence under a new plan; `None` where nothing changed. `previous`: what became of a plan whose
/// suites were to stay where they were.
pub(super) fn since(diff: &Diff, previous: Option<Previous>) -> Option<String> {
    if why::is_same(diff) && previous.is_none() {
        return None;
    }
    let sentence = why::inside(why::sentence(diff).trim_end_matches('.'));
    let moved = diff.moved.len();
    let hint = match previous {
        Some(previous) if previous.moved_fresh > moved => {
            format!(" (a fresh plan would move {})", thousands(previous.moved_fresh))
        }
        None if moved * 5 > diff.common => {
            " (`--previous` would keep most of them where they were)".to_owned()
        }
        _ => String::new(),
    };
    Some(format!("{sentence}; {}{hint}", moves(diff)))
}

fn more(all: usize, what: &str, out: &mut String) {
    if all > ROWS_MAX {
        let _ = writeln!(out, "… and {}, see --format json", count(all - ROWS_MAX, &format!("more {what}")));
    }
}

fn moved(diff: &Diff, style: Style, out: &mut String) {
    let mut groups: BTreeMap<(&str, &str, Why), Vec<&str>> = BTreeMap::new();
    for moved in &diff.moved {
        groups.entry((&moved.from, &moved.to, moved.why)).or_default().push(&moved.id);
    }
    if !groups.is_empty() {
        let _ = writeln!(out, "\n{}", style.paint(Paint::Strong, "moved"));
    }
    for ((from, to, why), ids) in groups.iter().take(ROWS_MAX) {
        let (from, to) = (printable(from), printable(to));
        let line = format!("{}: {}", reason(*why, &from, &to), examples(ids.iter().copied(), 2));
        let label = format!("{} → {to}  {}, ", from, count(ids.len(), "suite"));
        style.paragraph((Paint::Note, &label), &line, out);
    }
    more(groups.len(), "group", out);
}

fn reason(why: Why, from: &str, to: &str) -> String {
    match why {
        Why::Tier => "of another tier now".to_owned(),
        Why::Ended { verdict, confidence } => format!("{from} {} ({confidence})", phrase::ending(verdict)),
        Why::ShardGone => format!("{from} is gone"),
        Why::AboveBudget { bytes, above_bytes } => {
            format!("{from} would need {bytes} now, {above_bytes} above its budget")
        }
        Why::TooLong { ms, above_ms } => {
            format!("{from} would take {ms} now, {above_ms} longer than the longest")
        }
        Why::ShardNew => format!("{to} is new"),
        Why::Balance => "to make room or to even out".to_owned(),
    }
}

fn placed(what: &str, word: &str, suites: &[Placed], style: Style, out: &mut String) {
    let mut groups: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for suite in suites {
        groups.entry(&suite.shard).or_default().push(&suite.id);
    }
    if groups.is_empty() {
        return;
    }
    let _ = writeln!(out, "\n{}", style.paint(Paint::Strong, what));
    if groups.len() > GROUPS_MAX {
        let label = format!("{word} {}: ", count(groups.len(), "shard"));
        let ids = suites.iter().map(|suite| suite.id.as_str());
        return style.paragraph((Paint::Note, &label), &examples(ids, 5), out);
    }
    for (shard, ids) in groups {
        let label = format!("{word} {}: ", printable(shard));
        style.paragraph((Paint::Note, &label), &examples(ids.iter().copied(), 3), out);
    }
}

/// Suites whose time or memory changed by a tenth and by something that is worth a line.
fn changed(diff: &Diff, style: Style, out: &mut String) {
    const TIME: Millis = Millis(1_000);
    const MEMORY: Bytes = Bytes(10_000_000);
    let matters = |old: u64, new: u64, least: u64| {
        old.abs_diff(new) >= least && old.abs_diff(new).saturating_mul(10) >= old.max(new)
    };
    let all: Vec<_> = (diff.changed.iter())
        .filter(|changed| {
            matters(changed.old_ms.0, changed.new_ms.0, TIME.0)
                || matters(changed.old_bytes.0, changed.new_bytes.0, MEMORY.0)
        })
        .collect();
    if !all.is_empty() {
        let _ = writeln!(out, "\n{}", style.paint(Paint::Strong, "longer, shorter, heavier or lighter"));
    }
    for changed in all.iter().take(ROWS_MAX) {
        let time = arrow(changed.old_ms.to_string(), changed.new_ms.to_string());
        let memory = arrow(changed.old_bytes.to_string(), changed.new_bytes.to_string());
        let columns = style.width.saturating_sub(44).max(20);
        let name = shorten(&printable(&changed.id), columns);
        let _ = writeln!(out, "{name:<columns$}  {time:>19}  {memory:>19}");
    }
    more(all.len(), "suite", out);
    let slight = diff.changed.len() - all.len();
    if slight > 0 {
        let _ = writeln!(out, "{} changed slightly", count(slight, "suite"));
    }
}
