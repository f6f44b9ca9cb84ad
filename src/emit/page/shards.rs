//! Shards as bars of time and of memory, their sessions inside, and how they ended.

use maud::{Markup, html};

use super::{FULL, Page, against, ended_badly, share};
use crate::drift::ShardDrift;
use crate::emit::phrase;
use crate::model::{Bytes, Millis};
use crate::outcome::observe;
use crate::plan::Shard;
use crate::rebalance::Known;
use crate::text::{count, printable, shorten, thousands};

/// Shards that get a row.
const ROWS_MAX: usize = 1_000;
/// Columns of one piece of evidence.
const EVIDENCE_COLUMNS: usize = 300;

/// What an attempt of a shard really took.
struct Real {
    time: Option<Millis>,
    peak: Option<Bytes>,
}

/// Of the last attempt.
fn real(known: Option<&Known>) -> Real {
    let outcome = known.and_then(|known| known.outcomes.last());
    let drift = outcome.and_then(|outcome| ShardDrift::of(outcome, &observe(outcome).sessions));
    Real { time: drift.as_ref().and_then(|drift| drift.time), peak: drift.and_then(|drift| drift.peak) }
}

pub(super) fn section(page: &Page<'_>) -> Markup {
    let plan = page.plan;
    let shown = &plan.shards[..plan.shards.len().min(ROWS_MAX)];
    let rows: Vec<(&Shard, Option<&Known>, Real)> = shown
        .iter()
        .map(|shard| {
            let known = page.known.get(&shard.id);
            (shard, known, real(known))
        })
        .collect();
    let took = rows.iter().filter_map(|(shard, _, real)| Some(setup(shard) + real.time?));
    let longest = took.chain([plan.quality.makespan_ms]).max();
    let scale = Scale {
        longest: longest.unwrap_or_default(),
        most: rows
            .iter()
            .filter_map(|row| row.2.peak)
            .chain([plan.quality.peak_bytes])
            .max()
            .unwrap_or_default(),
    };
    let ran = !page.known.is_empty();
    html! {
        section aria-labelledby="shards" {
            h2 #shards { "Shards" }
            @if ran { (summary(page)) }
            div.wide tabindex="0" role="region" aria-label="Table of shards" {
                table {
                    caption.hidden { "Time and memory of every shard" }
                    thead {
                        tr {
                            th scope="col" { "shard" }
                            th.number scope="col" { "suites" }
                            th.number scope="col" { "time" }
                            th.bar scope="col" { span.hidden { "time as a bar" } }
                            th.number scope="col" { "memory" }
                            th.bar scope="col" { span.hidden { "memory as a bar" } }
                            th.number scope="col" { "of budget" }
                            @if ran { th scope="col" { "how it ended" } }
                        }
                    }
                    tbody {
                        @for (shard, known, real) in &rows {
                            (row(shard, *known, real, &scale, ran))
                        }
                    }
                }
            }
            @if plan.shards.len() > ROWS_MAX {
                p { "… and " (count(plan.shards.len() - ROWS_MAX, "shard")) " that are shorter, in plan.json" }
            }
            p.legend {
                span.key.setup {} " set-up "
                span.key.planned {} " planned, each session a piece "
                @if ran { span.key.real {} " what it really took " }
                span.key.budget {} " the budget"
            }
        }
    }
}

/// What full bars stand for, where a shard has no budget of its own.
struct Scale {
    longest: Millis,
    most: Bytes,
}

fn row(shard: &Shard, known: Option<&Known>, real: &Real, scale: &Scale, ran: bool) -> Markup {
    let full = phrase::percent(shard).map_or("–".to_owned(), |percent| format!("{percent} %"));
    let over = phrase::percent(shard).is_some_and(|percent| percent > 100);
    html! {
        tr.bad[known.is_some_and(ended_badly)] {
            th scope="row" { (shard.id) }
            td.number { (thousands(shard.suites().count())) }
            td.number {
                (shard.predicted_ms)
                @if let Some(time) = real.time { br; span.real { "ran " (time) " of " (Millis(running(shard))) } }
            }
            td.bar { (time(shard, real, scale)) }
            td.number {
                (shard.predicted_bytes)
                @if let Some(peak) = real.peak { br; span.real { (peak) } }
            }
            td.bar { (memory(shard, real, scale)) }
            td.number.over[over] { (full) }
            @if ran { td { (end(known)) } }
        }
    }
}

/// How a shard ended, with its evidence to unfold.
fn end(known: Option<&Known>) -> Markup {
    let judgement = known.and_then(|known| known.judgement.as_ref());
    let attempts = known.map_or(0, |known| known.outcomes.len());
    html! {
        @match judgement {
            None => span.quiet { "nothing tells" },
            Some(judgement) if judgement.evidence.is_empty() => { (phrase::ending(judgement.verdict)) },
            Some(judgement) => {
                details {
                    summary { (phrase::ending(judgement.verdict)) " (" (judgement.confidence) ")" }
                    ul {
                        @for evidence in &judgement.evidence {
                            li { (printable(&shorten(evidence, EVIDENCE_COLUMNS))) }
                        }
                    }
                }
            },
        }
        @if attempts > 1 { span.quiet { " in attempt " (attempts) } }
    }
}

/// Planned for all sessions: what `shard run` measures.
fn running(shard: &Shard) -> u64 {
    shard.sessions.iter().map(|session| session.predicted_ms.0).sum()
}

/// What is left of the shard's time comes before the first session.
fn setup(shard: &Shard) -> Millis {
    Millis(shard.predicted_ms.0.saturating_sub(running(shard)))
}

/// The sessions one after another.
fn time(shard: &Shard, real: &Real, scale: &Scale) -> Markup {
    let setup = setup(shard).0;
    let begins = shard.sessions.iter().scan(setup, |at, session| {
        let begin = *at;
        *at += session.predicted_ms.0;
        Some(begin)
    });
    let sessions = shard.sessions.iter().zip(begins).enumerate();
    let whole = scale.longest.0;
    html! {
        svg viewBox={ "0 0 " (FULL) " 20" } preserveAspectRatio="none" role="img"
            aria-label={ "planned " (shard.predicted_ms) } {
            rect.setup x="0" y="4" height="12" width=(share(setup, whole)) { title { "set-up " (Millis(setup)) } }
            @for (number, (session, begin)) in sessions {
                rect.planned x=(share(begin, whole)) y="2" height="16" width=(share(session.predicted_ms.0, whole)) {
                    title { "session " (number + 1) ": " (count(session.suites.len(), "suite")) ", " (session.predicted_ms) }
                }
            }
            @if let Some(time) = real.time {
                (mark("real", share(setup + time.0, whole), &format!("ran {time} of {}", Millis(running(shard)))))
            }
        }
    }
}

/// The fullest session as a bar, the others as marks inside; the budget as a line.
fn memory(shard: &Shard, real: &Real, scale: &Scale) -> Markup {
    let budget = against(shard, scale.most.0);
    let whole =
        [budget, shard.predicted_bytes.0, real.peak.unwrap_or_default().0].into_iter().max().unwrap_or(1);
    html! {
        svg viewBox={ "0 0 " (FULL) " 20" } preserveAspectRatio="none" role="img"
            aria-label={ "planned " (shard.predicted_bytes) } {
            rect.over[shard.predicted_bytes.0 > budget].planned x="0" y="2" height="16"
                width=(share(shard.predicted_bytes.0, whole)) {}
            @if shard.sessions.len() > 1 {
                @for (number, session) in shard.sessions.iter().enumerate() {
                    (mark("session", share(session.predicted_bytes.0, whole),
                        &format!("session {}: {}", number + 1, session.predicted_bytes)))
                }
            }
            @if shard.budget_bytes.is_some() {
                (mark("budget", share(budget, whole), &format!("budget {}", Bytes(budget))))
            }
            @if let Some(peak) = real.peak {
                (mark("real", share(peak.0, whole), &format!("really {peak}")))
            }
        }
    }
}

/// An upright line.
fn mark(class: &str, at: u64, title: &str) -> Markup {
    const WIDTH: u64 = 80;
    html! {
        rect class=(class) x=(at.min(FULL - WIDTH)) y="0" height="20" width=(WIDTH) { title { (title) } }
    }
}

/// How many shards ended how.
fn summary(page: &Page<'_>) -> Markup {
    let mut ends: std::collections::BTreeMap<&str, usize> = std::collections::BTreeMap::new();
    for shard in &page.plan.shards {
        let known = page.known.get(&shard.id).and_then(|known| known.judgement.as_ref());
        *ends
            .entry(known.map_or("left nothing that tells how it ended", |it| phrase::ending(it.verdict)))
            .or_default() += 1;
    }
    let told: Vec<String> =
        ends.iter().map(|(end, number)| format!("{} {end}", thousands(*number))).collect();
    html! { p { "Of " (count(page.plan.shards.len(), "shard")) ": " (told.join(", ")) "." } }
}
