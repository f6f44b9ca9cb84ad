//! What became of a plan's suites, for people and for programs.

use serde::Serialize;

use super::style::{Paint, Style};
use crate::plan::coverage::{Coverage, Missing, Twice};
use crate::text::{count, examples, printable, thousands};

/// Most suites of a kind that are shown.
const EXAMPLES: usize = 5;

/// What was read for it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Sources {
    /// Outcomes, without those that were left out.
    pub outcomes: usize,
    /// Reports of test tools.
    pub reports: usize,
    /// Files that could not be read, with the reason.
    pub unreadable: Vec<String>,
    /// Files that tell of no run.
    pub passed_over: Vec<String>,
    /// Outcomes of another plan, which were left out.
    pub other_plan: Vec<String>,
    /// Shards whose tests failed, and nobody tells which.
    pub failed: Vec<String>,
}

/// The counts with examples, and whether all is well.
#[must_use]
pub fn text(found: &Coverage, sources: &Sources, style: Style) -> String {
    let mut out = String::new();
    let mut say = |paint: Paint, label: &str, text: &str| style.paragraph((paint, label), text, &mut out);
    let read = format!("{}, {}", count(sources.outcomes, "outcome"), count(sources.reports, "report"));
    say(
        Paint::Quiet,
        "read: ",
        &format!("{read}; {} of {} executed", thousands(found.executed), count(found.suites, "suite")),
    );
    let missing = |list: &[Missing]| {
        let names: Vec<String> = list.iter().map(|missing| missing.id.clone()).collect();
        let mut shards: Vec<&str> = list.iter().map(|missing| missing.shard.as_str()).collect();
        shards.dedup();
        let of = examples(shards, EXAMPLES);
        format!(
            "{}: {}, of {of}",
            count(list.len(), "suite"),
            examples(names.iter().map(String::as_str), EXAMPLES)
        )
    };
    if !found.lost.is_empty() {
        say(Paint::Bad, "lost: ", &format!("nothing tells of {}", missing(&found.lost)));
    }
    if !found.not_executed.is_empty() {
        say(Paint::Bad, "not executed: ", &missing(&found.not_executed));
    }
    if !found.failed.is_empty() {
        let names = examples(found.failed.iter().map(String::as_str), EXAMPLES);
        say(Paint::Bad, "failed: ", &format!("{}: {names}", count(found.failed.len(), "suite")));
    }
    if !found.twice.is_empty() {
        let names = found.twice.iter().take(EXAMPLES).map(twice).collect::<Vec<_>>().join(", ");
        let more = match found.twice.len().saturating_sub(EXAMPLES) {
            0 => String::new(),
            more => format!(" and {} more", thousands(more)),
        };
        say(Paint::Bad, "twice: ", &format!("{}: {names}{more}", count(found.twice.len(), "suite")));
    }
    let listed = |names: &[String]| examples(names.iter().map(String::as_str), EXAMPLES);
    if !found.extra.is_empty() {
        let names = listed(&found.extra);
        say(
            Paint::Warning,
            "extra: ",
            &format!("{} not in the plan: {names}", count(found.extra.len(), "name")),
        );
    }
    if found.unclear > 0 {
        let text =
            "several reports tell of them, and their paths name no shard: put it there to have doubles found";
        say(Paint::Warning, "unclear: ", &format!("{}: {text}", count(found.unclear, "suite")));
    }
    if !sources.other_plan.is_empty() {
        let names = listed(&sources.other_plan);
        say(
            Paint::Warning,
            "left out: ",
            &format!(
                "{} of another plan, neither this one nor made of it by `shard rebalance`: {names}",
                count(sources.other_plan.len(), "outcome")
            ),
        );
    }
    if !sources.failed.is_empty() {
        let names = listed(&sources.failed);
        say(Paint::Bad, "failed: ", &format!("tests of {names}, and nothing tells which"));
    }
    for error in &sources.unreadable {
        say(Paint::Warning, "not read: ", error);
    }
    if !sources.passed_over.is_empty() {
        let names = listed(&sources.passed_over);
        say(Paint::Quiet, "note: ", &format!("{} no run: {names}", tell(sources.passed_over.len())));
    }
    if found.is_exact() {
        say(
            Paint::Good,
            "ok: ",
            &format!("every one of {} was executed, none by two shards", count(found.suites, "suite")),
        );
    }
    style.finish(out)
}

fn tell(files: usize) -> String {
    if files == 1 { "1 file tells of".to_owned() } else { format!("{} files tell of", thousands(files)) }
}

fn twice(twice: &Twice) -> String {
    let shards: Vec<String> = twice.shards.iter().map(|shard| printable(shard)).collect();
    format!("{} by {}", examples([twice.id.as_str()], 1), shards.join(" and "))
}

/// All of it as one document.
///
/// # Errors
/// None in practice: every value here can be written as JSON.
pub fn json(found: &Coverage, sources: &Sources, plan: &str, ok: bool) -> serde_json::Result<String> {
    #[derive(Serialize)]
    struct Document<'a> {
        schema: u64,
        plan: &'a str,
        ok: bool,
        #[serde(flatten)]
        found: &'a Coverage,
        sources: &'a Sources,
    }
    serde_json::to_string(&Document { schema: 1, plan, ok, found, sources }).map(|text| text + "\n")
}
