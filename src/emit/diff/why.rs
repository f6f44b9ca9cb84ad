//! Why a plan changed, in one sentence: from what the two plans say, never guessed.

use std::cmp::{Ordering, Reverse};

use crate::model::{Bytes, Millis};
use crate::plan::diff::{Changed, Diff, Why};
use crate::plan::file::{Objective, ObjectiveKind};
use crate::text::{count, examples, printable, thousands};

/// Whether the two plans have the same jobs with the same suites, figures and limits.
pub(super) fn is_same(diff: &Diff) -> bool {
    let suites = [&diff.added, &diff.removed, &diff.executed, &diff.given_up];
    let none =
        suites.iter().all(|suites| suites.is_empty()) && diff.moved.is_empty() && diff.changed.is_empty();
    none && diff.shards.is_empty() && diff.budgets.is_empty() && diff.old.objective == diff.new.objective
}

/// How many jobs more or fewer, why, and what became of the longest.
pub(super) fn sentence(diff: &Diff) -> String {
    if is_same(diff) {
        return "Nothing changed: the same jobs, with the same suites and figures.".to_owned();
    }
    let (old, new) = (&diff.old, &diff.new);
    let (jobs, longest) = (jobs(old.shards, new.shards), longest(old.makespan_ms, new.makespan_ms));
    let reason = reason(diff);
    let behind = reason.as_ref().map_or_else(String::new, |reason| format!(", {reason}"));
    let same = old.makespan_ms.to_string() == new.makespan_ms.to_string();
    // A reason stands behind what it changed.
    match (old.shards == new.shards, same) {
        (false, _) => format!("{jobs}{behind}; {longest}."),
        (true, false) => format!("{jobs}; {longest}{behind}."),
        (true, true) => match reason {
            Some(reason) => {
                format!("{jobs}, and {longest}: {}.", reason.strip_prefix("because ").unwrap_or(&reason))
            }
            None => format!("{jobs}, and {longest}."),
        },
    }
}

/// A sentence that goes on after a colon.
pub(super) fn inside(sentence: &str) -> String {
    let mut letters = sentence.chars();
    letters.next().map_or_else(String::new, |first| format!("{}{}", first.to_lowercase(), letters.as_str()))
}

fn jobs(old: usize, new: usize) -> String {
    const WORDS: [&str; 5] = ["One", "Two", "Three", "Four", "Five"];
    let apart = old.abs_diff(new);
    let number = WORDS.get(apart.wrapping_sub(1)).map_or_else(|| thousands(apart), |word| (*word).to_owned());
    let jobs = if apart == 1 { "job" } else { "jobs" };
    match new.cmp(&old) {
        Ordering::Equal => "As many jobs as before".to_owned(),
        Ordering::Greater => format!("{number} {jobs} more"),
        Ordering::Less => format!("{number} {jobs} fewer"),
    }
}

fn longest(old: Millis, new: Millis) -> String {
    let apart = Millis(old.0.abs_diff(new.0));
    match new.cmp(&old) {
        _ if old.to_string() == new.to_string() => format!("the longest takes {new} as before"),
        Ordering::Equal => format!("the longest takes {new} as before"),
        Ordering::Greater => format!("the longest is {apart} longer"),
        Ordering::Less => format!("the longest is {apart} shorter"),
    }
}

/// The strongest that is known: what was asked for, how shards ended, memory, time, suites that came and went, their
/// figures.
fn reason(diff: &Diff) -> Option<String> {
    let (old, new) = (&diff.old.objective, &diff.new.objective);
    // What was left of a plan was not asked for anew.
    if old != new && !is_rest(diff) {
        return Some(match (asked(old), asked(new)) {
            (old, new) if old == new => format!("because {new} were asked for on other terms"),
            (old, new) => format!("because {new} were asked for, not {old}"),
        });
    }
    if let Some(change) = diff.budgets.first() {
        let size =
            |budget: Option<Bytes>| budget.map_or_else(|| "none".to_owned(), |budget| budget.to_string());
        let (old, new) = (size(change.old), size(change.new));
        return Some(format!(
            "because the budget of tier {} is {new} now, not {old}",
            printable(&change.tier)
        ));
    }
    let why = |wanted: fn(&Why) -> bool| diff.moved.iter().find(|moved| wanted(&moved.why));
    if let Some(moved) = why(|why| matches!(why, Why::Ended { .. }))
        && let Why::Ended { verdict, .. } = moved.why
    {
        let (from, ending) = (printable(&moved.from), crate::emit::phrase::ending(verdict));
        return Some(format!("because {from} {ending}"));
    }
    if let Some(moved) = why(|why| matches!(why, Why::AboveBudget { .. }))
        && let Why::AboveBudget { bytes, above_bytes } = moved.why
    {
        let from = printable(&moved.from);
        let no_room = format!("{from} would need {bytes}, {above_bytes} above its budget");
        let grown = grown(diff, &moved.from, above_bytes.0, |suite| (suite.old_bytes.0, suite.new_bytes.0));
        return Some(match grown {
            Some((id, more)) => format!("because {id} needs {} more now: {no_room}", Bytes(more)),
            None => format!("because {no_room}"),
        });
    }
    // By less than a hundredth, nobody would have moved it for that alone.
    let too_long = |why: &Why| matches!(why, Why::TooLong { ms, above_ms } if above_ms.0 >= ms.0 / 100);
    if let Some(moved) = why(too_long)
        && let Why::TooLong { ms, above_ms } = moved.why
    {
        let from = printable(&moved.from);
        let too_long = format!("{from} would take {ms}");
        let grown = grown(diff, &moved.from, above_ms.0, |suite| (suite.old_ms.0, suite.new_ms.0));
        match grown {
            Some((id, more)) => {
                return Some(format!("because {id} takes {} longer now: {too_long}", Millis(more)));
            }
            None if diff.removed.is_empty() => return Some(format!("because {too_long}")),
            // Without those that are gone all are shorter: that is why.
            None => {}
        }
    }
    match (diff.added.len(), diff.removed.len()) {
        (0, 0) => {}
        (new, 0) => return Some(format!("with {}", count(new, "new suite"))),
        (0, gone) => return Some(format!("without {} that {} gone", count(gone, "suite"), is(gone))),
        (new, gone) => {
            let gone = format!("without {} that {} gone", count(gone, "suite"), is(gone));
            return Some(format!("with {}, {gone}", count(new, "new suite")));
        }
    }
    if !diff.changed.is_empty() {
        return Some(format!("because {} changed", count(diff.changed.len(), "estimate")));
    }
    None
}

fn is_rest(diff: &Diff) -> bool {
    !diff.executed.is_empty() || diff.moved.iter().any(|moved| matches!(moved.why, Why::Ended { .. }))
}

/// What a plan was asked for, of jobs.
fn asked(objective: &Objective) -> String {
    let jobs = objective.shards.map(|shards| count(shards as usize, "job"));
    match (objective.kind, objective.target_ms) {
        (ObjectiveKind::Price, _) => "as many jobs as pay".to_owned(),
        (ObjectiveKind::Memory, _) => "as few jobs as memory allows".to_owned(),
        (_, Some(target)) => match jobs {
            Some(jobs) => format!("at most {jobs} of {target}"),
            None => format!("jobs of at most {target}"),
        },
        (_, None) => jobs.unwrap_or_else(|| "so many jobs of each tier".to_owned()),
    }
}

fn is(number: usize) -> &'static str {
    if number == 1 { "is" } else { "are" }
}

/// The suite of a shard that grew most, if that alone is half of what is too much there: its name, and how much.
fn grown(diff: &Diff, shard: &str, above: u64, of: fn(&Changed) -> (u64, u64)) -> Option<(String, u64)> {
    let more = |suite: &Changed| {
        let (old, new) = of(suite);
        new.saturating_sub(old)
    };
    let mine = diff.changed.iter().filter(|suite| suite.from == shard);
    let most = mine.max_by_key(|suite| (more(suite), Reverse(&suite.id)))?;
    let counts = more(most) > 0 && more(most) >= above / 2;
    counts.then(|| (examples([most.id.as_str()], 1), more(most)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Plan;
    use crate::plan::diff::diff;

    fn plan() -> Plan {
        Plan::from_bytes(include_bytes!("../../../testdata/plans/two-shards.json")).unwrap()
    }

    fn check(change: impl FnOnce(&mut Plan), expect: &str) {
        let mut new = plan();
        change(&mut new);
        new.quality.makespan_ms = new.shards.iter().map(|shard| shard.predicted_ms).max().unwrap();
        assert_eq!(sentence(&diff(&plan(), &new, false)), expect);
    }

    #[test]
    fn the_reason_is_what_the_plans_say() {
        check(|_| (), "Nothing changed: the same jobs, with the same suites and figures.");
        check(
            |new| new.objective.shards = Some(4),
            "As many jobs as before, and the longest takes 3m 18s as before: 4 jobs were asked for, not 2 jobs.",
        );
        check(
            |new| new.tiers[0].budget_bytes = None,
            "As many jobs as before, and the longest takes 3m 18s as before: the budget of tier unit is none now, not 3 GB.",
        );
        check(
            |new| {
                new.shards[0].sessions[0].suites.pop();
                new.shards[0].predicted_ms.0 -= 20_000;
            },
            "As many jobs as before; the longest is 20s shorter, without 1 suite that is gone.",
        );
        check(
            |new| new.shards[0].sessions[0].suites[0].ms.0 += 10,
            "As many jobs as before, and the longest takes 3m 18s as before: 1 estimate changed.",
        );
        // A suite that grew beyond the budget of its shard had to leave it.
        check(
            |new| {
                let mut shard = new.shards[0].clone();
                let mut suite = new.shards[0].sessions[0].suites.remove(0);
                suite.transient_bytes.0 += 2_500_000_000;
                shard.id = "e2e-2".to_owned();
                shard.sessions[0].suites = vec![suite];
                new.shards.push(shard);
            },
            "One job more, because `tests/e2e/test_login.py` needs 2.5 GB more now: e2e-1 would need 3.55 GB, 550 MB above its budget; the longest takes 3m 18s as before.",
        );
    }
}
