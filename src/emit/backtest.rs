//! A backtest, for people and as JSON.

use std::fmt::Write as _;

use super::style::{Paint, Style};
use crate::backtest::{Backtest, MemoryBacktest, Off, Replayed, Samples, Summary};
use crate::model::{Basis, Millis};
use crate::text::{count, printable, shorten, thousands, width};

/// Most runs that have a line of their own: the newest.
const ROWS_MAX: usize = 20;
/// Columns for the name of a run.
const NAME_MAX: usize = 32;

/// One JSON document.
///
/// # Errors
/// None in practice: every value here can be written as JSON.
pub fn to_json(backtest: &Backtest) -> serde_json::Result<String> {
    Ok(serde_json::to_string_pretty(backtest)? + "\n")
}

/// For people: every run under the first setting, all settings side by side, errors of times.
#[must_use]
pub fn render(backtest: &Backtest, style: Style) -> String {
    let mut out = String::new();
    let headline =
        format!("{}, each planned with what was known before it", count(backtest.runs.len(), "run"));
    style.paragraph((Paint::Strong, ""), &headline, &mut out);
    out.push('\n');
    runs(&backtest.runs, &mut out);
    out.push('\n');
    settings(&backtest.settings, &mut out);
    if let Some(ours) = backtest.settings.first() {
        out.push('\n');
        errors(ours, &mut out);
    }
    if let Some(weighed) = &backtest.memory {
        out.push('\n');
        memory(weighed, style, &mut out);
    }
    out.push('\n');
    let meaning = "longest: what the longest shard really took; × best: that ÷ what no plan of the run could beat. off: the \
                   median of |ln(predicted ÷ real)|, 0.69 for a factor of 2.";
    style.paragraph((Paint::Quiet, ""), meaning, &mut out);
    style.finish(out)
}

fn runs(runs: &[Replayed], out: &mut String) {
    let shown = &runs[runs.len().saturating_sub(ROWS_MAX)..];
    let name = |run: &Replayed| shorten(&printable(&run.run), NAME_MAX);
    let column = shown.iter().map(|run| width(&name(run))).max().unwrap_or(0).max(3);
    let _ = writeln!(
        out,
        "run{}   suites     new    shards  longest   best possible   × best",
        " ".repeat(column - 3)
    );
    for run in shown {
        let gap = column - width(&name(run));
        let mut head = format!(
            "{}{}  {:>7} {:>7}",
            name(run),
            " ".repeat(gap),
            thousands(run.suites),
            thousands(run.new)
        );
        for plan in &run.plans {
            let longest = plan.longest_ms.first().copied().unwrap_or(Millis(0));
            let _ = writeln!(
                out,
                "{head}  {:>8} {:>8}  {:>14}  {:>7.3}",
                plan.shards,
                longest.to_string(),
                plan.bound_ms.to_string(),
                plan.ratio(0)
            );
            head = " ".repeat(column + 17);
        }
    }
    if runs.len() > shown.len() {
        let _ = writeln!(out, "… and {} before", count(runs.len() - shown.len(), "run"));
    }
}

fn settings(settings: &[Summary], out: &mut String) {
    let column = settings.iter().map(|setting| width(&setting.setting)).max().unwrap_or(0).max(7);
    let plans = settings.first().map_or(&[][..], |setting| &setting.plans);
    let _ = write!(out, "setting{}", " ".repeat(column - 7));
    for plan in plans {
        let _ = write!(out, "  {:>10}  {:>7}", format!("× best, {}", plan.shards), "worst");
    }
    let _ = writeln!(out, "  {:>9}  {:>8}", "off: seen", "off: new");
    for setting in settings {
        let _ = write!(out, "{}{}", setting.setting, " ".repeat(column - width(&setting.setting)));
        for plan in &setting.plans {
            let _ = write!(out, "  {:>10.3}  {:>7.3}", plan.mean, plan.worst);
        }
        let error = |off: Option<&Off<Basis>>| {
            off.map_or_else(|| "-".to_owned(), |off| format!("{:.3}", off.median_log_error))
        };
        let seen = setting.by_basis.iter().find(|off| off.of == Basis::Measured);
        let new = setting.by_samples.iter().find(|off| off.of == Samples::None);
        let new = new.map_or_else(|| "-".to_owned(), |off| format!("{:.3}", off.median_log_error));
        let _ = writeln!(out, "  {:>9}  {new:>8}", error(seen));
    }
}

/// How far our own times were off.
fn errors(ours: &Summary, out: &mut String) {
    let _ = writeln!(out, "times by basis    suites     off");
    for off in &ours.by_basis {
        let name = of_basis(off.of);
        let _ = writeln!(out, "  {name:<12}  {:>8}  {:>6.3}", thousands(off.suites), off.median_log_error);
    }
    let _ = writeln!(out, "times by runs seen");
    for off in &ours.by_samples {
        let name = of_samples(off.of);
        let _ = writeln!(out, "  {name:<12}  {:>8}  {:>6.3}", thousands(off.suites), off.median_log_error);
    }
}

fn of_basis(basis: Basis) -> &'static str {
    match basis {
        Basis::Measured => "measured",
        Basis::Inherited => "inherited",
        Basis::Assumed => "assumed",
    }
}

fn of_samples(samples: Samples) -> &'static str {
    match samples {
        Samples::None => "none",
        Samples::One => "1",
        Samples::Few => "2 to 4",
        Samples::Some => "5 to 9",
        Samples::Many => "10 or more",
    }
}

fn percent(share: Option<f64>) -> String {
    share.map_or_else(|| "-".to_owned(), |share| format!("{:.1} %", share * 100.0))
}

/// What shards really held, all settings side by side, and errors of our own figures.
fn memory(memory: &MemoryBacktest, style: Style, out: &mut String) {
    let runs = count(memory.runs.len(), "run");
    let newest = memory.runs.last().map(|run| {
        let left_out = match run.unmeasured {
            0 => String::new(),
            suites => format!(", {} left out", thousands(suites)),
        };
        format!("; the newest: {}, {} new{left_out}", count(run.suites, "suite"), thousands(run.new))
    });
    let headline = format!("memory of {runs}, planned as configured{}", newest.unwrap_or_default());
    style.paragraph((Paint::Strong, ""), &headline, out);
    let column = memory.settings.iter().map(|setting| width(&setting.setting)).max().unwrap_or(0).max(7);
    let gap = " ".repeat(column - 7);
    let _ = writeln!(out, "setting{gap}  shards asked  planned  > predicted  > budget   excess");
    for setting in &memory.settings {
        let mut name = format!("{}{}", setting.setting, " ".repeat(column - width(&setting.setting)));
        for plan in &setting.plans {
            let asked = plan.shards.map_or_else(|| "as set".to_owned(), |shards| shards.to_string());
            let (over, budget) = (percent(plan.over_prediction), percent(plan.over_budget));
            let (planned, excess) = (thousands(plan.planned), percent(plan.excess));
            let _ = writeln!(out, "{name}  {asked:>12}  {planned:>7}  {over:>11}  {budget:>8}  {excess:>7}");
            name = " ".repeat(column);
        }
    }
    if let Some(ours) = memory.settings.first() {
        for plan in &ours.plans {
            if let Some(why) = &plan.refusal {
                let asked = plan.shards.map_or_else(|| "as set".to_owned(), |n| count(n, "shard"));
                let text = format!("{asked}: {} had no plan: {why}", count(plan.refused, "run"));
                style.paragraph((Paint::Note, "note: "), &text, out);
            }
        }
        let _ = writeln!(out, "memory by basis   suites     off   needed more");
        for off in &ours.by_basis {
            memory_row(of_basis(off.of), off.suites, off.median_log_error, off.over, out);
        }
        let _ = writeln!(out, "memory by runs seen");
        for off in &ours.by_samples {
            memory_row(of_samples(off.of), off.suites, off.median_log_error, off.over, out);
        }
    }
}

fn memory_row(name: &str, suites: usize, off: f64, over: f64, out: &mut String) {
    let (suites, over) = (thousands(suites), percent(Some(over)));
    let _ = writeln!(out, "  {name:<12}  {suites:>8}  {off:>6.3}  {over:>12}");
}
