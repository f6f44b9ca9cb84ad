//! `shard verify`: a plan against itself and the files beside it, or against what was executed.

mod executed;

use std::collections::BTreeSet;
use std::io::Write;
use std::path::Path;

use serde_json::json;

use super::args::{DiffFormat, VerifyArgs};
use super::folder::{before, plan_path, read_plan};
use super::{Failure, Terminal};
use crate::catalogue::ErrorId;
use crate::emit::matrix;
use crate::emit::selection::{self, Form};
use crate::model::Digest;
use crate::outcome::Outcome;
use crate::plan::{Plan, Shard, file, verify};
use crate::{exit, files, text};

pub(super) fn run(
    args: &VerifyArgs,
    terminal: &mut Terminal<'_, impl Write, impl Write>,
) -> Result<u8, Failure> {
    let path = plan_path(args.plan.as_deref())?;
    let (plan, digest) = read_plan(&path)?;
    let mut findings = verify::verify(&plan);
    if findings.is_empty() && !args.sources.is_empty() {
        // What is left is only a part: the first plan has all that must run.
        let earlier = before(&path, &plan);
        let family = Family::new(&plan, &digest, earlier.iter().map(|(_, digest, _)| digest));
        let root = earlier.into_iter().last().filter(|(plan, ..)| plan.round == 0);
        if root.is_none() && plan.round > 0 {
            terminal.say(format!(
                "warning: `{}` holds only what was left after round {}, and the first plan is not beside it: name that with --plan to count all suites",
                files::shown(&path),
                plan.round - 1
            ));
        }
        let (plan, digest) = root.map_or((plan, digest), |(plan, digest, _)| (plan, digest));
        return executed::run(args, &plan, &digest, &family, terminal);
    }
    let folder = path.parent().unwrap_or(Path::new(""));
    if findings.is_empty() {
        findings = beside(&plan, &digest, folder);
    }
    if args.format == DiffFormat::Json {
        let ok = findings.is_empty();
        let document = json!({ "schema": 1, "plan": digest.to_string(), "ok": ok, "findings": findings });
        terminal.print(format!("{document}\n").as_bytes())?;
    } else if findings.is_empty() {
        terminal.print(format!("{}\n", in_order(&plan)).as_bytes())?;
    }
    if findings.is_empty() {
        return Ok(exit::DONE);
    }
    for finding in findings.iter().filter(|_| args.format == DiffFormat::Table) {
        // A reader that has seen enough does not make the plan any better.
        if terminal.print(format!("{finding}\n").as_bytes()).is_err() {
            break;
        }
    }
    let found = text::count(findings.len(), "finding");
    let message = format!("{found} in `{}`", path.display());
    Err(Failure::new(ErrorId::VerifyFailed, message))
}

/// A plan, those that it comes from, and all that came of the first of them round by round.
struct Family {
    /// The digests of those that are at hand.
    known: BTreeSet<String>,
    /// The digest of the first.
    root: Option<String>,
}

impl Family {
    fn new<'a>(plan: &Plan, digest: &Digest, earlier: impl Iterator<Item = &'a Digest>) -> Family {
        let mut known: BTreeSet<String> = earlier.map(Digest::to_string).collect();
        known.insert(digest.to_string());
        let root = plan.first_plan(&digest.to_string()).map(str::to_owned);
        known.extend(root.clone());
        Family { known, root }
    }

    /// Whether an outcome is of one of them. What executed suites and does not say by which plan proves nothing.
    fn has(&self, outcome: &Outcome) -> bool {
        match &outcome.start {
            Some(start) => {
                self.known.contains(&start.plan) || (start.root.is_some() && start.root == self.root)
            }
            None => outcome.executed().is_empty(),
        }
    }
}

/// What holds for a plan without findings, and no more than that.
fn in_order(plan: &Plan) -> String {
    let suites = text::count(plan.inputs.suites, "suite");
    let mut out = format!("ok: {suites} in {}, each exactly once", text::count(plan.shards.len(), "shard"));
    let over = |shard: &&Shard| shard.budget_bytes.is_some_and(|budget| shard.predicted_bytes > budget);
    match plan.shards.iter().filter(over).count() {
        0 => out.push_str(" and within its budget"),
        over => {
            out.push_str(&format!("; {} above the budget, as the plan warns", text::count(over, "shard")))
        }
    }
    out
}

/// What is wrong with the selection files and the matrix beside a plan.
fn beside(plan: &Plan, digest: &Digest, folder: &Path) -> Vec<String> {
    let mut findings = Vec::new();
    for session in plan.shards.iter().flat_map(|shard| &shard.sessions) {
        let name = text::printable(&session.selection);
        let wanted = selection::write(
            Form::of(&session.selection),
            session.suites.iter().map(|suite| suite.id.as_str()),
        );
        match (files::read(&folder.join(&session.selection), file::SIZE_MAX), wanted) {
            (Ok(found), Ok(wanted)) if found == wanted => {}
            (Ok(_), _) => {
                findings.push(format!("{name}: it does not hold its session's suites in their order"))
            }
            (Err(err), _) => findings.push(format!("{err:#}")),
        }
    }
    let matrix = files::read(&folder.join("matrix.json"), file::SIZE_MAX);
    let wanted = matrix::include(&matrix::rows(plan, digest, &[]));
    match (matrix, wanted) {
        (Ok(found), Ok(wanted)) => {
            if rows(&found) != rows(wanted.as_bytes()) {
                findings.push("matrix.json: it is not that of this plan".to_owned());
            }
        }
        (Err(err), _) => findings.push(format!("{err:#}")),
        (_, Err(err)) => findings.push(err.to_string()),
    }
    findings
}

/// The rows of a matrix, without what the plan does not know: the runner of a retry.
fn rows(bytes: &[u8]) -> Option<Vec<serde_json::Value>> {
    let mut matrix: serde_json::Value = serde_json::from_slice(bytes).ok()?;
    let rows = matrix.get_mut("include")?.as_array_mut()?;
    rows.iter_mut().filter_map(|row| row.as_object_mut()).for_each(|row| drop(row.remove("runs_on_retry")));
    Some(std::mem::take(rows))
}
