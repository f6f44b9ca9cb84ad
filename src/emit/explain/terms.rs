//! The terms of a suite's figures with their values.

use std::fmt::Write as _;

use super::Suite;
use crate::emit::style::{Paint, Style};
use crate::estimate::{Bound, Decided, MemoryBase, TimeTerms};
use crate::model::{Bytes, Millis};
use crate::text::{count, printable, shorten, thousands, width};

/// Every term with its value; what decided is marked.
pub(super) fn render(suite: &Suite<'_>, style: Style, out: &mut String) {
    let explanation = suite.explanation;
    let terms = &explanation.terms;
    let _ = writeln!(out, "\n{}", style.paint(Paint::Strong, "terms"));
    let mut row = |name: &str, text: &str| {
        let label = format!("  {name:<9}  ");
        style.paragraph((Paint::Quiet, &label), text, out);
    };
    match &terms.time.terms {
        TimeTerms::Samples(expected) => row(
            "time",
            &format!(
                "{}, {} trimmed at either end, half-life {}",
                count(expected.runs, "run"),
                expected.trimmed,
                count(suite.config.time.half_life as usize, "run")
            ),
        ),
        TimeTerms::Relatives { median, tests, usual } => row(
            "time",
            &format!(
                "median {}, tests {tests}, usual tests {}",
                Millis(*median),
                usual.map_or_else(|| "unknown".to_owned(), |usual| usual.to_string())
            ),
        ),
        TimeTerms::Assumed { file, parts } => {
            row("time", &format!("{file} a file ÷ {}", count(*parts as usize, "part")))
        }
    }
    let memory = [("import", &terms.import), ("retained", &terms.retained), ("transient", &terms.transient)];
    for (name, of) in memory {
        if name == "import" && of.terms.value().0 == 0 {
            continue;
        }
        match &of.terms.base {
            MemoryBase::Level(level) => {
                row(name, &format!("{}, the largest, +{}", super::signed(level.bytes), level.more))
            }
            MemoryBase::Own(level) => {
                row(name, &format!("{}, the least, +{}", super::signed(level.bytes), level.more))
            }
            MemoryBase::Bound(bound) => {
                let mark = |of: Decided| if bound.decided() == of { " (decides)" } else { "" };
                let size = |bytes: f64| Bytes(bytes.max(0.0) as u64);
                let Bound { effective, prior, deviation, t, .. } = bound;
                let middle = bound.middle();
                row(
                    name,
                    &format!("n {effective:.2}, m {middle}, s {prior:.3}, sd {deviation:.3}, t {t:.2}"),
                );
                row("", &format!("bound {}{}", size(bound.bound), mark(Decided::Bound)));
                row("", &format!("at most 1.5 × the largest, {}{}", size(bound.most), mark(Decided::Most)));
                let least = size(bound.least);
                row("", &format!("at least 1.05 × the largest of ten, {least}{}", mark(Decided::Least)));
            }
            MemoryBase::Relatives(quartile) => row(name, &format!("1.5 × {quartile}, the upper quartile")),
            MemoryBase::Held(bytes) => row(name, &format!("{bytes}, the most that it held")),
            MemoryBase::Assumed { file, parts } => {
                row(name, &format!("{file} a file ÷ {}", count(*parts as usize, "part")));
            }
        }
        row("", &format!("calibration +{}, margin +{}", of.terms.calibration, of.terms.margin));
        if of.terms.kept.0 > 0 {
            row("", &format!("less what is retained, {}", of.terms.kept));
        }
    }
    if let Some(kill) = terms.kills.hardest {
        let room = terms.kills.room.map_or_else(|| "no limit".to_owned(), |room| room.to_string());
        let floor = terms.kills.floor();
        row(
            "kill",
            &format!("held {}, needs {}, room {room}: floor {floor}", Bytes(kill.used), terms.kills.need()),
        );
    }
    relatives(suite, style, out);
}

/// For each inherited figure what every directory adds.
fn relatives(suite: &Suite<'_>, style: Style, out: &mut String) {
    let explanation = suite.explanation;
    let terms = &explanation.terms;
    let cost = terms.estimate().cost;
    let inherited = [
        ("time", matches!(terms.time.terms, TimeTerms::Relatives { .. }), 0),
        ("import", cost.import.0 > 0 && matches!(terms.import.terms.base, MemoryBase::Relatives(_)), 1),
        ("retained", matches!(terms.retained.terms.base, MemoryBase::Relatives(_)), 2),
        ("transient", matches!(terms.transient.terms.base, MemoryBase::Relatives(_)), 3),
    ];
    let inherited: Vec<_> = inherited.into_iter().filter(|(_, inherits, _)| *inherits).collect();
    if inherited.is_empty() {
        return;
    }
    let _ = writeln!(
        out,
        "\n{}",
        style.paint(Paint::Strong, "relatives                                suites       own    leaning")
    );
    for (name, _, which) in inherited {
        for step in &explanation.relatives[which] {
            let figure =
                |value: u64| if which == 0 { Millis(value).to_string() } else { Bytes(value).to_string() };
            let of = if step.end == 0 {
                "the whole tier".to_owned()
            } else {
                shorten(&printable(&suite.id[..step.end]), 28)
            };
            let of = format!("{name:<9}  {of}{}", " ".repeat(28usize.saturating_sub(width(&of))));
            let _ = writeln!(
                out,
                "{of}  {:>6}  {:>8}  {:>9}",
                thousands(step.count as usize),
                figure(step.own),
                figure(step.value)
            );
        }
    }
}
