//! What became of a plan that was run, and what was done about it: two sentences, then a line for each
//! shard that needs a word.

use super::phrase;
use super::style::{Paint, Style};
use crate::rebalance::{Fate, Next, Rebalanced};
use crate::text::{count, examples, printable, thousands};

/// Most shards that get a line of their own.
const ROWS_MAX: usize = 20;
/// Most names in a line.
const NAMES_MAX: usize = 3;
/// So many shards are named in a sentence.
const SHARDS_MAX: usize = 6;

/// Two sentences: what happened, and what was done.
#[must_use]
pub fn summary(done: &Rebalanced) -> String {
    let Rebalanced { plan, fates, given_up } = done;
    let early: Vec<&Fate> = fates.iter().filter(|fate| ended_early(fate)).collect();
    let suites: usize = fates.iter().map(|fate| fate.suites).sum();
    let executed: usize = fates.iter().map(|fate| fate.executed.len()).sum();
    let happened = match early.as_slice() {
        [] => format!("No shard ended early: {} of {} executed", thousands(executed), count(suites, "suite")),
        [one] => format!(
            "{}: {} of its {} executed",
            ending(one),
            thousands(one.executed.len()),
            count(one.suites, "suite")
        ),
        several => format!(
            "{} of {} ended early: {} of {} executed",
            thousands(several.len()),
            count(fates.len(), "shard"),
            thousands(executed),
            count(suites, "suite")
        ),
    };
    let failed = match done.failed().count() {
        0 if done.tests_failed() => ", and tests failed".to_owned(),
        0 => String::new(),
        some => format!(", and {} failed", count(some, "suite")),
    };
    let planned = plan.inputs.suites;
    let did = match (planned, given_up.len()) {
        (0, 0) if done.tests_failed() => "Nothing is planned again: no plan cures tests that fail".to_owned(),
        (0, 0) => "Nothing is left to run".to_owned(),
        (0, some) => format!("Nothing is planned again: no plan cures the {} left", count(some, "suite")),
        (_, some) => {
            let shards = plan.shards.iter().map(|shard| shard.id.as_str());
            let but = match some {
                0 => String::new(),
                some => format!(", and {} given up", is(some)),
            };
            format!(
                "{} planned again as {}, round {}: {}{but}",
                is(planned),
                count(plan.shards.len(), "shard"),
                plan.round,
                names(shards)
            )
        }
    };
    format!("{happened}{failed}. {did}.")
}

fn is(suites: usize) -> String {
    format!("{} {}", count(suites, "suite"), if suites == 1 { "is" } else { "are" })
}

/// Whether it ended, and not as it should.
fn ended_early(fate: &Fate) -> bool {
    fate.judgement.is_some() && !matches!(fate.next, Next::Done)
}

/// `e2e-1 ran out of memory (certain)`.
fn ending(fate: &Fate) -> String {
    let Some(judgement) = &fate.judgement else { return format!("{} did not run yet", fate.shard) };
    let how = phrase::ending(judgement.verdict);
    format!("{} {how} ({})", fate.shard, judgement.confidence)
}

/// A paragraph for each shard that did not simply pass, and for what is not planned again.
#[must_use]
pub fn text(done: &Rebalanced, style: Style) -> String {
    let mut out = String::new();
    style.paragraph((Paint::Strong, ""), &summary(done), &mut out);
    let worth = |fate: &&Fate| ended_early(fate) || fate.tests_failed();
    let told: Vec<&Fate> = done.fates.iter().filter(worth).collect();
    for fate in told.iter().take(ROWS_MAX) {
        let mut sentences = vec![format!(
            "{}: {} of {} executed",
            ending(fate).trim_start_matches(fate.shard.as_str()).trim_start(),
            thousands(fate.executed.len()),
            count(fate.suites, "suite"),
        )];
        sentences.extend(action(done, fate));
        if !fate.failed.is_empty() {
            let names = examples(fate.failed.iter().map(String::as_str), NAMES_MAX);
            sentences.push(format!("tests failed in {names}, which no plan cures"));
        }
        let label = format!("  {}: ", fate.shard);
        style.paragraph((Paint::Note, &label), &sentences.join("; "), &mut out);
        let evidence = fate.judgement.iter().flat_map(|judgement| &judgement.evidence);
        if ended_early(fate)
            && let Some(first) = evidence.into_iter().next()
        {
            style.paragraph((Paint::Quiet, "    · "), &printable(first), &mut out);
        }
    }
    if told.len() > ROWS_MAX {
        let more = count(told.len() - ROWS_MAX, "more shard");
        style.paragraph((Paint::Quiet, "  "), &format!("… and {more}, in plan.json"), &mut out);
    }
    for given_up in done.given_up.iter().take(ROWS_MAX) {
        let name = examples([given_up.id.as_str()], 1);
        let help = match given_up.needs {
            Some(_) => ": list such a machine as a [[runner]] of shard.toml",
            None => "",
        };
        let sentence = format!("{name} of {}: {}{help}", given_up.shard, printable(&given_up.why));
        style.paragraph((Paint::Bad, "  given up: "), &sentence, &mut out);
    }
    if done.given_up.len() > ROWS_MAX {
        let more = count(done.given_up.len() - ROWS_MAX, "more suite");
        style.paragraph((Paint::Bad, "  given up: "), &format!("{more}, in plan.json"), &mut out);
    }
    style.finish(out)
}

/// Names of shards, which need no quotes: the first few, and how many more.
fn names<'a>(shards: impl IntoIterator<Item = &'a str>) -> String {
    examples(shards, SHARDS_MAX).replace('`', "")
}

/// What was done about a shard, and why that is another try than the last.
fn action(done: &Rebalanced, fate: &Fate) -> Option<String> {
    let Next::Again(again) = &fate.next else { return None };
    let into = done.plan.ended.iter().find(|ended| ended.shard == fate.shard).map(|ended| &ended.into)?;
    if into.is_empty() {
        return None;
    }
    let now = format!("the rest is now {}", names(into.iter().map(String::as_str)));
    let mut how = Vec::new();
    if let Some(id) = &again.apart {
        let shards = done.plan.shards.iter();
        let holds = |shard: &&crate::plan::Shard| shard.suites().any(|suite| suite.id == *id);
        if let Some(shard) = shards.into_iter().find(holds) {
            let on = shard.runner.as_ref().map_or_else(String::new, |runner| format!(" on `{runner}`"));
            how.push(format!("{} alone in {}{on}", examples([id.as_str()], 1), shard.id));
        }
    }
    if again.one_worker {
        how.push("with one worker".to_owned());
    }
    if again.half.is_some() {
        how.push("in smaller shards".to_owned());
    }
    let how = if how.is_empty() { String::new() } else { format!(", {}", how.join(", ")) };
    Some(format!("{now}{how}"))
}
