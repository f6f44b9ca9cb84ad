//! A plan as one page for a browser: `report.html`. No network, no foreign script, every name escaped.
//!
//! What is read first is plain HTML: warnings, shards, the curve. The suites are data that the page's own script makes a
//! table of, since there may be tens of thousands. The browser runs nothing but that script and draws with
//! nothing but our style sheet: their digests stand in the page's content security policy.

mod curve;
mod data;
mod shards;

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use maud::{DOCTYPE, Markup, PreEscaped, html};
use sha2::{Digest as _, Sha256};

use super::phrase;
use crate::history::Sample;
use crate::model::Digest;
use crate::plan::what_if::Curve;
use crate::plan::{Plan, Shard};
use crate::rebalance::Known;
use crate::text::{count, printable, shorten, thousands};

const STYLE: &str = include_str!("page/style.css");
const SCRIPT: &str = include_str!("page/script.js");

/// Warnings that are listed.
const WARNINGS_MAX: usize = 100;
/// Columns of one warning.
const WARNING_COLUMNS: usize = 2_000;

/// What a page shows.
pub struct Page<'a> {
    /// The plan.
    pub plan: &'a Plan,
    /// Its digest.
    pub digest: &'a Digest,
    /// How its shards ended, by their names; without those that nothing tells of.
    pub known: &'a BTreeMap<String, Known>,
    /// What other numbers of shards would cost, where that is known.
    pub curve: Option<&'a Curve>,
    /// What earlier runs measured of suites, by their ids, newest first.
    pub history: &'a BTreeMap<String, Vec<Sample>>,
}

/// The page.
#[must_use]
pub fn render(page: &Page<'_>) -> String {
    let plan = page.plan;
    let policy = format!(
        "default-src 'none'; style-src '{}'; script-src '{}'; base-uri 'none'; form-action 'none'",
        source(STYLE),
        source(SCRIPT)
    );
    let markup = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(policy);
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { "shard: " (phrase::headline(plan)) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                a.skip href="#suites" { "Skip to the suites" }
                header {
                    h1 { (phrase::headline(plan)) }
                    p.quiet { (origin(page)) }
                }
                main {
                    (warnings(plan))
                    @if !plan.shards.is_empty() {
                        (shards::section(page))
                        (quality(plan))
                        @if let Some(curve) = page.curve { (curve::section(plan, curve)) }
                        (suites(page))
                    }
                }
                footer {
                    p.quiet { (plan.tool) ", plan " code { (page.digest.short()) } }
                }
                script { (PreEscaped(SCRIPT)) }
            }
        }
    };
    markup.into_string()
}

/// How a policy names a script or a style sheet that it allows.
fn source(text: &str) -> String {
    format!("sha256-{}", STANDARD.encode(Sha256::digest(text.as_bytes())))
}

/// From what the plan was made.
fn origin(page: &Page<'_>) -> String {
    let plan = page.plan;
    let mut parts = vec![count(plan.inputs.suites, "suite"), phrase::bases(plan)];
    if plan.round > 0 {
        parts.push(format!("what was left after round {}", plan.round - 1));
    }
    if let Some(moves) = phrase::moves(plan) {
        parts.push(format!("since the previous plan {moves}"));
    }
    parts.join(" · ")
}

fn warnings(plan: &Plan) -> Markup {
    let advice = phrase::advice(plan);
    html! {
        @if !plan.warnings.is_empty() || advice.is_some() {
            section.notes aria-label="Warnings and advice" {
                @for warning in plan.warnings.iter().take(WARNINGS_MAX) {
                    p.warning {
                        strong { "Warning: " }
                        (printable(&shorten(&warning.message, WARNING_COLUMNS)))
                    }
                }
                @if plan.warnings.len() > WARNINGS_MAX {
                    p.warning { "… and " (thousands(plan.warnings.len() - WARNINGS_MAX)) " more in plan.json" }
                }
                @if let Some(advice) = advice {
                    p.advice { strong { "Advice: " } (advice) }
                }
            }
        }
    }
}

/// How good the plan is, and what keeps it from being better.
fn quality(plan: &Plan) -> Markup {
    let tiers = plan.tiers.iter().map(|tier| {
        let mine = plan.shards.iter().filter(|shard| shard.tier == tier.name);
        let suites: usize = mine.clone().map(|shard| shard.suites().count()).sum();
        let budget = tier.budget_bytes.map_or("none".to_owned(), |budget| budget.to_string());
        (tier, mine.count(), suites, budget)
    });
    html! {
        section aria-labelledby="quality" {
            h2 #quality { "How good it is" }
            p { (sentence(&phrase::bound(plan))) }
            @if let Some(limit) = phrase::limit(plan) {
                p { "It is decided by " (limit) "." }
            }
            table.plain {
                caption.hidden { "Tiers" }
                thead {
                    tr {
                        th scope="col" { "tier" }
                        th.number scope="col" { "suites" }
                        th.number scope="col" { "shards" }
                        th.number scope="col" { "workers" }
                        th.number scope="col" { "budget" }
                        th.number scope="col" { "before the first suite" }
                        th.number scope="col" { "set-up" }
                    }
                }
                tbody {
                    @for (tier, shards, suites, budget) in tiers {
                        tr {
                            th scope="row" { (tier.name) }
                            td.number { (thousands(suites)) }
                            td.number { (thousands(shards)) }
                            td.number { (tier.workers) }
                            td.number { (budget) }
                            td.number { (tier.floor_bytes) }
                            td.number { (tier.setup_ms + tier.session_start_ms) }
                        }
                    }
                }
            }
        }
    }
}

/// A phrase as a sentence of its own.
fn sentence(phrase: &str) -> String {
    let mut letters = phrase.chars();
    letters.next().map_or_else(String::new, |first| format!("{}{}.", first.to_uppercase(), letters.as_str()))
}

/// The frame of the table of suites, and its data.
fn suites(page: &Page<'_>) -> Markup {
    html! {
        section aria-labelledby="suites" {
            h2 #suites tabindex="-1" { "Suites" }
            noscript { p { "The table of suites needs the script of this page; plan.json has the same figures." } }
            div.controls hidden {
                label {
                    "Filter "
                    input #filter type="search" autocomplete="off" spellcheck="false"
                        placeholder="a part of a name, a shard, measured, failed …";
                }
                p #shown role="status" {}
                button #before type="button" { "← before" }
                button #after type="button" { "after →" }
            }
            div.wide tabindex="0" role="region" aria-label="Table of suites" {
                table #table hidden { thead {} tbody {} }
            }
            script #data type="application/json" { (PreEscaped(data::json(page))) }
        }
    }
}

/// Whether a shard ended otherwise than well.
fn ended_badly(known: &Known) -> bool {
    known.judgement.as_ref().is_some_and(|judgement| judgement.verdict != crate::model::Verdict::Passed)
}

/// Tenths of a per mille of a bar's width: whole numbers, so that the page is the same bytes everywhere.
fn share(part: u64, whole: u64) -> u64 {
    let share = u128::from(part) * u128::from(FULL) / u128::from(whole.max(1));
    u64::try_from(share).unwrap_or(FULL).min(FULL)
}

/// The width of a full bar.
const FULL: u64 = 10_000;

/// The budget that a shard's bar is held against, or the largest of all.
fn against(shard: &Shard, most: u64) -> u64 {
    shard.budget_bytes.map_or(most, |budget| budget.0.max(1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::WarningCode;
    use crate::model::{Confidence, Millis, Observation, Verdict};
    use crate::plan::file::Suite;
    use crate::triage::Judgement;

    fn plan() -> Plan {
        Plan::from_bytes(include_bytes!("../../testdata/plans/two-shards.json")).unwrap()
    }

    fn page(plan: &Plan, known: &BTreeMap<String, Known>) -> String {
        render(&Page { plan, digest: &Digest::of(b""), known, curve: None, history: &BTreeMap::new() })
    }

    #[test]
    fn no_name_is_markup() {
        let mut plan = plan();
        let hostile = "</script><script>alert(1)</script><img src=x onerror=alert(1)>\"'&\u{202e}";
        plan.shards[0].sessions[0].suites[0].id = hostile.to_owned();
        plan.warnings = vec![crate::plan::Warning::new(WarningCode::Oversize, hostile, hostile.to_owned())];
        let judgement = Judgement {
            verdict: Verdict::OutOfMemory,
            confidence: Confidence::Certain,
            evidence: vec![hostile.to_owned()],
            advice: hostile.to_owned(),
        };
        let known = Known { outcomes: Vec::new(), judgement: Some(judgement) };
        let text = page(&plan, &BTreeMap::from([(plan.shards[0].id.clone(), known)]));
        assert!(!text.contains("<img") && !text.contains('\u{202e}'));
        // Ours, and the data.
        assert_eq!(text.matches("<script").count(), 2);
        assert_eq!(text.matches("</script>").count(), 2);
    }

    #[test]
    fn the_policy_names_what_the_page_holds() {
        let text = page(&plan(), &BTreeMap::new());
        let between = |start: &str, end: &str| {
            let from = text.find(start).unwrap() + start.len();
            text[from..].split(end).next().unwrap().to_owned()
        };
        let policy = between("Content-Security-Policy\" content=\"", "\"");
        let policy = policy.replace("&#39;", "'");
        assert!(
            policy.contains(&format!("style-src '{}'", source(&between("<style>", "</style>")))),
            "{policy}"
        );
        let script = text.rsplit("<script>").next().unwrap().split("</script>").next().unwrap();
        assert!(policy.contains(&format!("script-src '{}'", source(script))));
        // Nothing is fetched; what is named is a kind of markup.
        let text = text.replace("http://www.w3.org/2000/svg", "");
        assert!([" style=", " src=", "http://", "https://", "url("].iter().all(|part| !text.contains(part)));
    }

    #[test]
    fn thousands_of_suites_fit_a_megabyte() {
        let mut plan = plan();
        let suite = plan.shards[0].sessions[0].suites[0].clone();
        let sample = |age: usize| {
            let seen = Observation { time: Some(Millis(12_345 + age as u64)), ..Observation::default() };
            Sample { age, foreign: false, seen }
        };
        plan.shards[0].sessions[0].suites.extend((0..5_000).map(|number| Suite {
            id: format!("tests/integration/package_{}/test_module_{number}.py", number % 50),
            ..suite.clone()
        }));
        let history: BTreeMap<String, Vec<Sample>> =
            plan.suites().map(|(_, suite)| (suite.id.clone(), (0..20).map(sample).collect())).collect();
        let text = render(&Page {
            plan: &plan,
            digest: &Digest::of(b""),
            known: &BTreeMap::new(),
            curve: None,
            history: &history,
        });
        assert!(text.len() < 1_000_000, "{}", text.len());
    }

    #[test]
    fn a_plan_without_jobs_has_a_page() {
        let empty = Plan { shards: Vec::new(), ..plan() };
        assert!(page(&empty, &BTreeMap::new()).contains("no jobs"));
    }
}
