//! A small chart that GitHub draws: Mermaid's `xychart-beta`, which is there from Mermaid 10.6 on.
//!
//! Nothing but numbers and our own names of shards goes in. Where nothing draws it, and for a screen reader, the table below
//! has the same figures.

use std::fmt::Write as _;

use crate::emit::phrase::percent;
use crate::plan::{Plan, Shard};
use crate::text::thousands;

/// Most bars: more have no room for their names.
const BARS_MAX: usize = 20;
/// Letters of a name.
const NAME_MAX: usize = 24;

/// Memory as bars and time as a line, each in percent of what it is held against. Nothing for a single shard.
pub(super) fn write(plan: &Plan, out: &mut String) {
    let shown = &plan.shards[..plan.shards.len().min(BARS_MAX)];
    if shown.len() < 2 {
        return;
    }
    let longest = plan.quality.makespan_ms.0.max(1);
    let time: Vec<u64> = shown.iter().map(|shard| of(shard.predicted_ms.0, longest)).collect();
    let peak = plan.quality.peak_bytes.0.max(1);
    let memory =
        shown.iter().map(|shard| percent(shard).unwrap_or_else(|| of(shard.predicted_bytes.0, peak)));
    let memory: Vec<u64> = memory.collect();
    let budgets = shown.iter().all(|shard| shard.budget_bytes.is_some());
    let against = if budgets { "the budget" } else { "the largest" };
    let which = match plan.shards.len() {
        all if all > shown.len() => format!(" The {BARS_MAX} longest of {} jobs.", thousands(all)),
        _ => String::new(),
    };
    let most = memory.iter().chain(&time).copied().max().unwrap_or(0).max(100);
    let names: Vec<String> = shown.iter().enumerate().map(|(place, shard)| name(place, shard)).collect();
    let _ =
        writeln!(out, "Bars: memory in percent of {against}. Line: time in percent of the longest.{which}\n");
    // Lying bars have room for their names.
    let _ = writeln!(out, "```mermaid\nxychart-beta horizontal");
    let _ = writeln!(out, "    title \"memory and time of jobs\"");
    let _ = writeln!(out, "    x-axis [{}]", names.join(", "));
    let _ = writeln!(out, "    y-axis \"%\" 0 --> {most}");
    let _ = writeln!(out, "    bar [{}]", list(&memory));
    let _ = writeln!(out, "    line [{}]\n```\n", list(&time));
}

fn of(part: u64, whole: u64) -> u64 {
    u64::try_from(u128::from(part) * 100 / u128::from(whole)).unwrap_or(100)
}

fn list(numbers: &[u64]) -> String {
    numbers.iter().map(u64::to_string).collect::<Vec<_>>().join(", ")
}

/// Its name in quotes, as plans of ours name it, or its number.
fn name(place: usize, shard: &Shard) -> String {
    let ours = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    match !shard.id.is_empty() && shard.id.len() <= NAME_MAX && shard.id.bytes().all(ours) {
        true => format!("\"{}\"", shard.id),
        false => format!("\"{}\"", place + 1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan() -> Plan {
        Plan::from_bytes(include_bytes!("../../../testdata/plans/two-shards.json")).unwrap()
    }

    fn chart(plan: &Plan) -> String {
        let mut out = String::new();
        write(plan, &mut out);
        out
    }

    #[test]
    fn one_shard_needs_no_chart_and_many_are_cut() {
        let mut plan = plan();
        assert_eq!(chart(&plan).matches('"').count(), 2 + 2 * 2 + 2);
        plan.shards = vec![plan.shards[0].clone(); 300];
        let text = chart(&plan);
        assert!(text.contains("The 20 longest of 300 jobs.") && text.len() < 2_000, "{text}");
        plan.shards.truncate(1);
        assert_eq!(chart(&plan), "");
    }

    #[test]
    fn no_foreign_name_goes_in() {
        let mut plan = plan();
        plan.shards[0].id = "x\"] %%{init: {}}%% <b>".to_owned();
        plan.shards[1].id = "long".repeat(20);
        assert!(chart(&plan).contains("x-axis [\"1\", \"2\"]"), "{}", chart(&plan));
    }

    #[test]
    fn what_is_above_its_budget_is_above_the_hundred() {
        let mut plan = plan();
        plan.shards[0].predicted_bytes.0 = plan.shards[0].budget_bytes.unwrap().0 * 2;
        assert!(chart(&plan).contains("0 --> 200"), "{}", chart(&plan));
    }
}
