//! What every text for people says of a plan, in the same words.

use std::collections::BTreeSet;

use crate::catalogue::WarningCode;
use crate::model::{Basis, Millis, Verdict};
use crate::plan::file::{ObjectiveKind, Plan, Point, Shard, Suite, Tier};
use crate::plan::what_if::Curve;
use crate::text::{count, printable, shorten, thousands};

/// The three facts that matter first: how many jobs, how long, how close to the budget.
pub(super) fn headline(plan: &Plan) -> String {
    if plan.shards.is_empty() {
        return "no jobs: there is no suite to run".to_owned();
    }
    let quality = &plan.quality;
    let time = format!("{} · the longest {}", count(plan.shards.len(), "job"), quality.makespan_ms);
    // The fullest by its own budget, which may be another than the largest.
    let fullest = plan.shards.iter().max_by_key(|shard| (percent(shard), shard.predicted_bytes));
    match fullest.and_then(|shard| Some((shard, shard.budget_bytes?, percent(shard)?))) {
        Some((shard, budget, percent)) => {
            let enforced = if plan.memory_is_assumed(&shard.tier) { ", not enforced" } else { "" };
            format!("{time} · the fullest {} of {budget} ({percent} %{enforced})", shard.predicted_bytes)
        }
        None => format!("{time} · the largest {}, no budget", quality.peak_bytes),
    }
}

/// How a shard ended, after its name.
#[must_use]
pub fn ending(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Passed => "ended well",
        Verdict::TestFailure => "ended with tests that failed",
        Verdict::OutOfMemory => "ran out of memory",
        Verdict::MemoryLimit => "reached its runtime's own limit of memory",
        Verdict::ResourceLimit => "lacked disk, processes or room on its machine",
        Verdict::Killed => "was killed, nobody knows by whom",
        Verdict::DaemonCrash => "lost its container engine",
        Verdict::Timeout => "ran out of time",
        Verdict::Hang => "hung",
        Verdict::Cancelled => "was cancelled",
        Verdict::RunnerLost => "lost its machine",
        Verdict::ToolError => "could not do its work",
        Verdict::Incomplete => "did not run all of its suites",
        Verdict::Unknown => "ended in a way that nobody knows",
    }
}

/// How full a shard is. What is over budget never shows as 100 %.
pub(super) fn percent(shard: &Shard) -> Option<u64> {
    let (bytes, budget) = (u128::from(shard.predicted_bytes.0), u128::from(shard.budget_bytes?.0.max(1)));
    let percent =
        if bytes > budget { (bytes * 100).div_ceil(budget) } else { (bytes * 100 + budget / 2) / budget };
    u64::try_from(percent).ok()
}

/// A bar of `columns`: filled as far as `part` is of `whole`.
pub(super) fn gauge(part: u64, whole: u64, columns: usize) -> String {
    let filled = (u128::from(part) * columns as u128).div_ceil(u128::from(whole.max(1)));
    let filled = usize::try_from(filled).unwrap_or(columns).min(columns);
    format!("{}{}", "█".repeat(filled), "░".repeat(columns - filled))
}

/// Where the numbers come from: how many suites are measured, inherited and assumed.
pub(super) fn bases(plan: &Plan) -> String {
    let of = |pick: fn(&Suite) -> Basis| {
        let all =
            [(Basis::Measured, "measured"), (Basis::Inherited, "inherited"), (Basis::Assumed, "assumed")];
        let counted =
            all.map(|(basis, name)| (plan.suites().filter(|(_, suite)| pick(suite) == basis).count(), name));
        let some: Vec<_> = counted.into_iter().filter(|(count, _)| *count > 0).collect();
        match some.as_slice() {
            [(_, only)] => (*only).to_owned(),
            several => {
                let each = several.iter().map(|(count, name)| format!("{} {name}", thousands(*count)));
                each.collect::<Vec<_>>().join(", ")
            }
        }
    };
    match (of(|suite| suite.basis), of(|suite| suite.memory_basis)) {
        (time, memory) if time == memory => format!("time and memory {time}"),
        (time, memory) => format!("time {time}; memory {memory}"),
    }
}

/// How good the plan is, as far as it is proven.
pub(super) fn bound(plan: &Plan) -> String {
    let quality = &plan.quality;
    let (made, least) = (quality.makespan_ms.0, quality.makespan_bound_ms.0);
    let gap = (u128::from(made.saturating_sub(least)) * 10_000).div_ceil(u128::from(made.max(1)));
    let shorter = format!("the longest can be at most {}.{:02} % shorter", gap / 100, gap % 100);
    let with = |fact: &str| match gap {
        0 => format!("{fact}; with as many, the longest cannot be shorter"),
        _ => format!("{fact}; with as many, {shorter}"),
    };
    match plan.objective.kind {
        ObjectiveKind::Price if quality.proven => with("proven: no plan costs less"),
        ObjectiveKind::Shards | ObjectiveKind::Price if gap == 0 => {
            "proven: with as many jobs the longest cannot be shorter".to_owned()
        }
        ObjectiveKind::Shards | ObjectiveKind::Price => format!("with as many jobs, {shorter}"),
        ObjectiveKind::Memory | ObjectiveKind::Target
            if quality.proven || quality.shards <= quality.shards_bound =>
        {
            with("proven: no fewer jobs are possible")
        }
        ObjectiveKind::Memory | ObjectiveKind::Target => with(&format!(
            "{} planned, at least {} needed",
            count(quality.shards, "job"),
            thousands(quality.shards_bound)
        )),
    }
}

/// What every job of each tier begins with.
pub(super) fn starts(plan: &Plan) -> String {
    let budgets = plan.tiers.iter().any(|tier| tier.budget_bytes != plan.tiers[0].budget_bytes);
    let several = plan.tiers.len() > 1;
    let tier = |tier: &Tier| {
        let mut text = if several { format!("{} ", tier.name) } else { String::new() };
        text.push_str(&format!("{} and {}", tier.floor_bytes, tier.setup_ms + tier.session_start_ms));
        if tier.name == plan.tiers[0].name {
            text.push_str(" before any suite");
        }
        match (tier.each, tier.workers) {
            (true, most) => text.push_str(&format!(", up to {most} at once")),
            (false, 1) => {}
            (false, more) => text.push_str(&format!(", {more} workers")),
        }
        if tier.spread {
            text.push_str(" that share each file");
        }
        if let (true, Some(budget)) = (budgets, tier.budget_bytes) {
            text.push_str(&format!(", budget {budget}"));
        }
        text
    };
    plan.tiers.iter().map(tier).collect::<Vec<_>>().join(" · ")
}

/// What became of the previous plan, where there was one.
pub(super) fn moves(plan: &Plan) -> Option<String> {
    let previous = plan.previous?;
    let mut text = match previous.known {
        0 => "it has none of these suites".to_owned(),
        known => format!("{} of {} moved", thousands(previous.moved), count(known, "suite")),
    };
    if previous.moved_fresh > previous.moved {
        text.push_str(&format!(" (a fresh plan would move {})", thousands(previous.moved_fresh)));
    }
    for (number, what) in [(previous.new, "new"), (previous.gone, "gone")] {
        if number > 0 {
            text.push_str(&format!(", {} {what}", thousands(number)));
        }
    }
    Some(text)
}

/// What decided how many shards there are, above the curve.
pub(super) fn terms(plan: &Plan) -> String {
    let objective = &plan.objective;
    let at_once = objective.concurrency.map_or(String::new(), |slots| format!(", {slots} at once"));
    match (objective.overhead_ms, objective.minute_value) {
        (_, Some(value)) => format!("how many jobs pay, a minute of waiting at {value}{at_once}"),
        (overhead, None) => {
            format!("how many jobs pay, each for {} of waiting{at_once}", overhead.unwrap_or_default())
        }
    }
}

/// Which number of jobs costs least, and by what that is found.
pub(super) fn pays(curve: &Curve) -> String {
    let jobs = count(curve.knee, "job");
    let cost = if curve.knee == 1 { "costs" } else { "cost" };
    let at_once = curve.concurrency.map_or(String::new(), |slots| format!(", {slots} at once"));
    match (curve.overhead_ms, curve.minute_value) {
        (_, Some(value)) => {
            format!("{jobs} {cost} least, a minute of waiting counted as {value} (`minute-value`){at_once}")
        }
        (overhead, None) => format!(
            "{jobs} {cost} least, each counted as {} of waiting (`overhead`){at_once}",
            overhead.unwrap_or_default()
        ),
    }
}

/// One number of shards.
pub(super) struct CurveRow<'a> {
    pub(super) point: &'a Point,
    pub(super) chosen: bool,
}

/// The numbers of shards worth showing: the chosen one, its neighbours, the ends, and some between.
pub(super) fn curve(plan: &Plan) -> Vec<CurveRow<'_>> {
    const ROWS_MAX: usize = 10;
    let Some(chosen) = plan.curve.iter().position(|point| point.shards == plan.quality.shards) else {
        return Vec::new();
    };
    let numbers: Vec<usize> = plan.curve.iter().map(|point| point.shards).collect();
    let rows = rungs(&numbers, &[chosen], ROWS_MAX).into_iter();
    rows.map(|at| CurveRow { point: &plan.curve[at], chosen: at == chosen }).collect()
}

/// Places among these ascending numbers that are worth a row: the ends, those that `matter` with their neighbours, and some
/// between, each where the gap is widest, about `most` in all.
pub(super) fn rungs(numbers: &[usize], matter: &[usize], most: usize) -> BTreeSet<usize> {
    let Some(last) = numbers.len().checked_sub(1) else { return BTreeSet::new() };
    let near = |at: &usize| [at.saturating_sub(1), *at, at.saturating_add(1)].map(|at| at.min(last));
    let mut shown: BTreeSet<usize> = matter.iter().flat_map(near).chain([0, last]).collect();
    while shown.len() < most.min(numbers.len()) {
        // What matters is how many times more jobs there are from one row to the next, a tenth at least.
        let ratio = |from: usize, to: usize| numbers[to] as u128 * 1_000 / numbers[from].max(1) as u128;
        let apart = |from: usize, to: usize| ratio(from, to) >= 1_100;
        let pairs = shown.iter().zip(shown.iter().skip(1));
        let middles = pairs.filter_map(|(from, to)| {
            let between = (from + 1..*to).filter(|at| apart(*from, *at) && apart(*at, *to));
            let middle = between.min_by_key(|at| ratio(*from, *at).abs_diff(ratio(*at, *to)))?;
            Some((ratio(*from, *to), middle))
        });
        let Some((_, middle)) = middles.max() else { break };
        shown.insert(middle);
    }
    shown
}

/// What the longest shard would take at least if `suite` could be cut at will: the mean of its tier's
/// shards, the next longest suite, the other tiers.
fn without(plan: &Plan, longest: &Shard, suite: &Suite) -> u64 {
    let mine = || plan.shards.iter().filter(|shard| shard.tier == longest.tier);
    let mean = mine().map(|shard| shard.predicted_ms.0).sum::<u64>().div_ceil(mine().count().max(1) as u64);
    let others = plan.shards.iter().filter(|shard| shard.tier != longest.tier);
    let other_tiers = others.map(|shard| shard.predicted_ms.0).max().unwrap_or(0);
    let overhead = (plan.tiers.iter().find(|tier| tier.name == longest.tier))
        .map_or(0, |tier| tier.setup_ms.0 + tier.session_start_ms.0);
    let next = mine().flat_map(Shard::suites);
    let next = next.filter(|other| other.id != suite.id).map(|other| other.ms.0).max().unwrap_or(0);
    mean.max(other_tiers).max(next + overhead)
}

/// What decides how long the plan is, or how many shards it has.
pub(super) fn limit(plan: &Plan) -> Option<String> {
    let longest = plan.shards.first()?;
    let tier = plan.tiers.iter().find(|tier| tier.name == longest.tier)?;
    let suites = longest.suites().count();
    if suites == 1 && plan.shards.len() > 1 {
        let suite = longest.sessions.first()?.suites.first()?;
        let name = shorten(&printable(&suite.id), 60);
        return Some(format!("`{name}`: it has the longest shard to itself, and no other plan shortens it"));
    }
    let full =
        || plan.shards.iter().filter(|shard| percent(shard).is_some_and(|percent| percent >= 90)).count();
    match plan.objective.kind {
        ObjectiveKind::Memory if plan.quality.shards > plan.tiers.len() && full() > 0 => Some(format!(
            "memory: {} of {} are at least 90 % full",
            full(),
            count(plan.shards.len(), "shard")
        )),
        ObjectiveKind::Memory => None,
        _ if plan.tiers.len() > 1 => {
            let others = plan.shards.iter().filter(|shard| shard.tier != tier.name);
            let others = others.map(|shard| shard.predicted_ms).max()?;
            // A tenth apart: more shards for this tier alone would shorten the plan.
            let apart = longest.predicted_ms.0.saturating_sub(others.0) * 10 > longest.predicted_ms.0;
            apart.then(|| {
                format!(
                    "tier {}: the others end {} earlier",
                    tier.name,
                    Millis(longest.predicted_ms.0 - others.0)
                )
            })
        }
        _ if full() * 2 > plan.shards.len() => Some(format!(
            "time and memory: {} of {} are at least 90 % full",
            full(),
            count(plan.shards.len(), "shard")
        )),
        _ => None,
    }
}

/// The one thing that would help most.
pub(super) fn advice(plan: &Plan) -> Option<String> {
    let longest = plan.shards.first()?;
    let name = |id: &str| shorten(&printable(id), 60);
    if let Some(shard) = plan.shards.iter().find(|shard| shard.oversize) {
        let suite = shard.suites().next()?;
        return Some(format!(
            "`{}` fits no machine: give it one, a [[runner]] with a budget of {} or more, or split it",
            name(&suite.id),
            shard.predicted_bytes
        ));
    }
    let most = |assumed: fn(&Suite) -> bool| {
        plan.suites().filter(|(_, suite)| assumed(suite)).count() * 2 > plan.inputs.suites
    };
    let measure = "run the jobs with `shard run`, then `shard record shard-out/outcomes`";
    // A report that met nothing has a warning of its own.
    let mismatch = plan.warnings.iter().any(|warning| warning.is(WarningCode::HistoryMismatch));
    if most(|suite| suite.basis == Basis::Assumed) && !mismatch {
        return Some(format!(
            "measure: {measure}; or give `--timings` a report (JUnit XML, .test_durations)"
        ));
    }
    let heaviest = longest.suites().max_by_key(|suite| suite.ms)?;
    let saved = plan.quality.makespan_ms.0.saturating_sub(without(plan, longest, heaviest));
    // A twentieth is worth the trouble.
    if saved * 20 > plan.quality.makespan_ms.0 {
        return Some(format!(
            "splitting `{}`, which takes {} of the longest shard, saves up to {}: set `split = true` in its \
             tier and list its tests, or cut the file in two",
            name(&heaviest.id),
            heaviest.ms,
            Millis(saved)
        ));
    }
    let bounded = plan.tiers.iter().any(|tier| tier.budget_bytes.is_some());
    if bounded && most(|suite| suite.memory_basis == Basis::Assumed) {
        return Some(format!("most memory is assumed; to measure it, {measure}"));
    }
    let tier = plan.tiers.iter().find(|tier| tier.name == longest.tier)?;
    let start = tier.setup_ms + tier.session_start_ms;
    // More than four parts of five, and fewer jobs are not known to be impossible.
    if plan.shards.len() > plan.quality.shards_bound && start.0 * 5 > longest.predicted_ms.0 * 4 {
        return Some(format!(
            "{start} of {} are set-up: fewer jobs would hardly take longer, see `shard plan --what-if`",
            longest.predicted_ms
        ));
    }
    // Half of the longest job could be had with more of them.
    let few = plan.objective.kind == ObjectiveKind::Memory;
    if few && (heaviest.ms + start).0 * 2 < longest.predicted_ms.0 {
        return Some(
            "these are as few jobs as memory allows; `shard plan --what-if` shows what more of them would save"
                .to_owned(),
        );
    }
    let full = plan.shards.iter().filter_map(percent).max()?;
    (full >= 97).then(|| {
        format!(
            "the fullest job has {full} % of its budget: `shard plan --what-if` shows what others would cost"
        )
    })
}
