//! The last words: what it came to, prediction against reality, the slowest and the heaviest.

use std::fmt::Write;

use crate::catalogue::ErrorId;
use crate::model::{Bytes, Millis};
use crate::outcome::{End, Finished, Start};
use crate::text::{examples, printable, shorten};

/// So many of the slowest and of the heaviest suites are named.
const NAMED: usize = 3;

/// The report of a shard, for people, with what is wrong if the end was ours. `left` is what the machine had left at first and at the worst moment,
/// where that is all that is known of memory.
pub(super) fn render(
    start: &Start,
    (end, error): (&End, Option<ErrorId>),
    suites: &[Finished],
    left: Option<(Bytes, Bytes)>,
    journal: &str,
) -> String {
    let mut out = String::new();
    let took = end.clock_ms.unwrap_or_default();
    if let Some(id) = error {
        let _ = write!(out, "{id}: ");
    }
    let _ = write!(out, "shard {}: {}", printable(&start.shard), end.verdict);
    if end.verdict != crate::model::Verdict::Passed {
        let _ = write!(out, " ({}), exit {}", end.confidence, end.exit);
    }
    let _ = write!(out, ", {took}");
    if let Some(predicted) = start.predicted_ms {
        let _ = write!(out, " (predicted {predicted})");
    }
    if let Some(peak) = end.peak_bytes {
        let _ = write!(out, ", peak {peak}");
        let predicted = start.predicted_bytes.map(|bytes| format!("predicted {bytes}"));
        let budget = start.budget_bytes.map(|bytes| format!("budget {bytes}"));
        let beside: Vec<String> = predicted.into_iter().chain(budget).collect();
        if !beside.is_empty() {
            let _ = write!(out, " ({})", beside.join(", "));
        }
    }
    out.push('\n');
    for line in &end.evidence {
        let _ = writeln!(out, "  {}", printable(line));
    }
    if let Some(advice) = end.advice.as_ref().filter(|_| end.verdict != crate::model::Verdict::Passed) {
        let _ = writeln!(out, "  help: {}", printable(advice));
    }
    if !end.not_run.is_empty() {
        let names = examples(end.not_run.iter().map(String::as_str), 5);
        let _ = writeln!(out, "  not run: {names}");
    }
    if let Some((first, least)) = left {
        let taken = first.saturating_sub(least);
        let _ = writeln!(
            out,
            "  memory: the machine had {first} left at first, {taken} less at the worst moment"
        );
    }
    let time = |suite: &Finished| suite.ms.map(|ms| (ms.0, ms.to_string()));
    let weight = |suite: &Finished| {
        let grown = suite.peak_bytes?.saturating_sub(suite.before_bytes.unwrap_or_default());
        Some((grown.0, grown.to_string()))
    };
    top(&mut out, "slowest", suites, time);
    top(&mut out, "heaviest", suites, weight);
    let _ = writeln!(out, "  outcome: {}", printable(journal));
    out
}

/// The suites with the greatest figures, if there are several.
fn top(
    out: &mut String,
    name: &str,
    suites: &[Finished],
    figure: impl Fn(&Finished) -> Option<(u64, String)>,
) {
    let figures = suites.iter().filter_map(|suite| Some((figure(suite)?, suite.id.as_str())));
    let mut figures: Vec<((u64, String), &str)> = figures.filter(|((figure, _), _)| *figure > 0).collect();
    figures.sort_by(|a, b| b.0.0.cmp(&a.0.0).then_with(|| a.1.cmp(b.1)));
    if figures.len() < 2 {
        return;
    }
    let shown = figures.iter().take(NAMED);
    let shown: Vec<String> =
        shown.map(|((_, figure), id)| format!("{} {figure}", printable(&shorten(id, 60)))).collect();
    let _ = writeln!(out, "  {name}: {}", shown.join(", "));
}

/// What a plan expects of a shard, for its first line.
pub(super) fn expectation(ms: Millis, bytes: Bytes, budget: Option<Bytes>, suites: usize) -> String {
    let within = budget.map(|budget| format!(" of {budget}")).unwrap_or_default();
    format!("{}, expected to take {ms} and {bytes}{within}", crate::text::count(suites, "suite"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Confidence, Verdict};

    #[test]
    fn prediction_stands_beside_reality() {
        let start = Start {
            shard: "e2e-1".into(),
            predicted_ms: Some(Millis(425_000)),
            predicted_bytes: Some(Bytes(2_660_000_000)),
            budget_bytes: Some(Bytes(3_000_000_000)),
            ..Start::default()
        };
        let suite = |id: &str, ms, before, peak| Finished {
            id: id.into(),
            ms: Some(Millis(ms)),
            before_bytes: Some(Bytes(before)),
            peak_bytes: Some(Bytes(peak)),
            ..Finished::default()
        };
        let suites =
            [suite("a.py", 4_000, 100_000_000, 900_000_000), suite("b\u{1b}.py", 90_000, 0, 50_000_000)];
        let end = End {
            at: 0,
            exit: 137,
            verdict: Verdict::OutOfMemory,
            confidence: Confidence::Certain,
            evidence: vec!["the kernel counted a kill".into()],
            peak_bytes: Some(Bytes(2_900_000_000)),
            not_run: vec!["c.py".into()],
            advice: Some("plan again".into()),
            clock_ms: Some(Millis(400_000)),
        };
        let expect = "shard e2e-1: out-of-memory (certain), exit 137, 6m 40s (predicted 7m 05s), peak 2.9 GB (predicted 2.66 GB, budget 3 GB)
  the kernel counted a kill
  help: plan again
  not run: `c.py`
  slowest: b\\u{1b}.py 1m 30s, a.py 4s
  heaviest: a.py 800 MB, b\\u{1b}.py 50 MB
  outcome: x.jsonl
";
        assert_eq!(render(&start, (&end, None), &suites, None, "x.jsonl"), expect);
        let ours = render(&start, (&end, Some(ErrorId::Guard)), &suites, None, "x.jsonl");
        assert_eq!(ours, format!("error[guard]: {expect}"));
        let good = End { verdict: Verdict::Passed, exit: 0, evidence: vec![], not_run: vec![], ..end };
        let text =
            render(&start, (&good, None), &[], Some((Bytes(9_000_000_000), Bytes(6_400_000_000))), "x");
        assert!(text.starts_with("shard e2e-1: passed, 6m 40s (predicted"));
        assert!(text.contains("memory: the machine had 9 GB left at first, 2.6 GB less at the worst moment"));
    }
}
