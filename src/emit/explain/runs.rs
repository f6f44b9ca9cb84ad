//! The runs that saw a suite, newest first, with a chart of time and of memory.

use std::fmt::Write as _;

use super::{Suite, signed};
use crate::emit::phrase::gauge;
use crate::emit::style::{Paint, Style};
use crate::estimate::explain::{Seen, Use};
use crate::model::{Bytes, Millis};
use crate::text::{count, printable, shorten, width};

/// Most runs that have a line.
const ROWS_MAX: usize = 20;
/// Columns for the name of a run.
const NAME_MAX: usize = 18;
/// Columns for the name of a file that was moved.
const OLD_NAME_MAX: usize = 40;

/// What a run is called.
pub(super) fn name(suite: &Suite<'_>, place: usize) -> String {
    match suite.runs.get(place) {
        Some(Some(run)) => shorten(&printable(&run.run), NAME_MAX),
        _ => "--timings".to_owned(),
    }
}

pub(super) fn render(suite: &Suite<'_>, style: Style, out: &mut String) {
    let seen = &suite.explanation.samples;
    let shown = &seen[..seen.len().min(ROWS_MAX)];
    let name = |place: usize| name(suite, place);
    let names = (0..shown.len()).map(|place| width(&name(place))).max().unwrap_or(0).max(3);
    let memory = shown.iter().any(|seen| seen.retained.is_some() || seen.transient.is_some());
    let notes: Vec<String> = shown.iter().enumerate().map(|(place, seen)| note(suite, place, seen)).collect();
    let room = notes.iter().map(|note| width(note)).max().unwrap_or(0);
    let fixed = names + 18 + room + if memory { 23 } else { 0 };
    let bar = (style.width.saturating_sub(fixed) / if memory { 2 } else { 1 }).clamp(4, 24);
    let longest = shown.iter().filter_map(|seen| seen.time).map(|(time, _)| time.0).max().unwrap_or(0);
    let largest = shown.iter().filter_map(|seen| seen.transient).map(|(bytes, _)| bytes).max().unwrap_or(0);
    let mut head = format!("{}{}  age  {:>7}", "run", " ".repeat(names - 3), "time");
    if memory {
        let _ = write!(head, "  {:bar$}  {:>8}  {:>9}", "", "retained", "transient");
    }
    let _ = writeln!(out, "\n{}", style.paint(Paint::Strong, &head));
    for (place, seen) in shown.iter().enumerate() {
        let chart = |part: Option<u64>, whole: u64| match part {
            Some(part) => style.paint(Paint::Note, &gauge(part, whole, bar)),
            None => " ".repeat(bar),
        };
        if let Some(kill) = seen.killed {
            let gap = " ".repeat(names - width(&name(place)));
            let used = Bytes(kill.used);
            let _ =
                writeln!(out, "{}{gap}  {:>3}        –  killed for memory, at {used}", name(place), seen.age);
            continue;
        }
        let time = seen.time.map(|(time, _)| time);
        let mut line = format!(
            "{}{}  {:>3}  {:>7}  {}",
            name(place),
            " ".repeat(names - width(&name(place))),
            seen.age,
            time.as_ref().map_or_else(|| "–".to_owned(), Millis::to_string),
            chart(time.map(|time| time.0), longest)
        );
        if memory {
            let figure = |figure: Option<(i64, Use)>| {
                figure.map_or_else(|| "–".to_owned(), |(bytes, _)| signed(bytes))
            };
            let passes = seen.transient.map(|(bytes, _)| bytes.max(0) as u64);
            let chart = chart(passes, largest.max(0) as u64);
            let _ = write!(line, "  {:>8}  {:>9}  {chart}", figure(seen.retained), figure(seen.transient));
        }
        let note = &notes[place];
        let _ = writeln!(out, "{}", format!("{line}  {}", style.paint(Paint::Quiet, note)).trim_end());
    }
    if seen.len() > ROWS_MAX {
        let _ = writeln!(out, "… and {}, see --format json", count(seen.len() - ROWS_MAX, "older run"));
    }
}

/// What is odd about a run, and which of its figures do not count.
fn note(suite: &Suite<'_>, place: usize, seen: &Seen) -> String {
    let mut notes = Vec::new();
    if let Some(Some(old)) = suite.moved_from.get(place) {
        notes.push(format!("moved from {}", shorten(&printable(old), OLD_NAME_MAX)));
    } else if let (true, Some(Some(run))) = (seen.foreign, suite.runs.get(place)) {
        notes.push(format!("key {}", shorten(&printable(&run.key), NAME_MAX)));
    }
    let uses = [seen.time.map(|(_, used)| used), seen.retained.or(seen.transient).map(|(_, used)| used)];
    if uses.contains(&Some(Use::Trimmed)) {
        notes.push("time left out".to_owned());
    }
    if uses[0] == Some(Use::Old) || uses.iter().flatten().all(|used| *used == Use::Old) && uses[1].is_some() {
        notes.push("too old".to_owned());
    }
    notes.join(", ")
}
