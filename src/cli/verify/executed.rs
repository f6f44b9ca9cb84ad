//! `shard verify` with reports and outcomes: was every suite executed, none twice, and did none fail?

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;

use super::super::args::{DiffFormat, VerifyArgs};
use super::super::{Failure, Terminal, configured, outcomes, output, reports};
use super::Family;
use crate::catalogue::ErrorId;
use crate::emit::coverage::{self as emit, Sources};
use crate::history::executed::{Ran, executed};
use crate::history::names::Index;
use crate::inventory::{Inventory, Suite};
use crate::model::{Digest, SuiteId, Verdict};
use crate::outcome::{self, Outcome};
use crate::plan::Plan;
use crate::plan::coverage::{Source, coverage, shard_of_path};
use crate::{exit, text};

pub(super) fn run(
    args: &VerifyArgs,
    plan: &Plan,
    digest: &Digest,
    family: &Family,
    terminal: &mut Terminal<'_, impl Write, impl Write>,
) -> Result<u8, Failure> {
    let configured = configured::find(args.config.as_deref())?;
    let named = reports::expand(&args.sources, &configured.here, "")?;
    let (ours, others): (Vec<_>, Vec<_>) = named.into_iter().partition(outcomes::is_outcome);
    let mut read = Sources::default();
    let mut outcomes = Vec::new();
    for named in &ours {
        let name = named.shown(&configured.here);
        match outcomes::read(named.path()) {
            Ok(outcome) => outcomes.push((name, outcome)),
            Err(err) => read.unreadable.push(err.in_file(text::printable(&name))),
        }
    }
    let mut ran = Vec::new();
    for report in reports::read(&others, &configured.here, Ran::default) {
        if let Some(error) = report.error() {
            read.unreadable.push(error);
            continue;
        }
        match report.result {
            Ok((Some(format), told)) if format.tells_of_a_run() => ran.push((report.name, told)),
            _ => read.passed_over.push(report.name),
        }
    }
    if outcomes.is_empty() && ran.is_empty() {
        let errors: String = read.unreadable.iter().map(|error| format!("\n  {error}")).collect();
        return Err(Failure::new(
            ErrorId::NoEvidence,
            format!("no report and no outcome that tells of a run{errors}"),
        ));
    }
    // A folder keeps the outcomes of the plans before: they tell of other shards, and perhaps of other tests.
    let (outcomes, others): (Vec<_>, Vec<_>) =
        outcomes.into_iter().partition(|(_, outcome)| family.has(outcome));
    read.other_plan = others.into_iter().map(|(name, _)| name).collect();
    (read.outcomes, read.reports) = (outcomes.len(), ran.len());

    let inventory = inventory_of(plan);
    let index = Index::new(&inventory, &configured.config.map);
    let (names, ran): (Vec<String>, Vec<Ran>) = ran.into_iter().unzip();
    let told = executed(&index, &ran);
    let id = |suite: &usize| inventory.suites[*suite].id.as_str();
    let of_reports = names.iter().zip(&told).map(|(name, told)| Source {
        shard: shard_of_path(plan, name).map(str::to_owned),
        start: None,
        executed: told.suites.iter().map(id).collect(),
        failed: told.failed.iter().map(id).collect(),
        unfinished: told.cut_off.iter().map(id).collect(),
        strangers: told.strangers.iter().map(String::as_str).collect(),
    });
    let sources: Vec<Source<'_>> =
        outcomes.iter().map(|(name, outcome)| of_outcome(name, outcome)).chain(of_reports).collect();
    let found = coverage(plan, &sources);
    read.failed = nameless(&outcomes);
    let clean = found.extra.is_empty() && read.unreadable.is_empty() && read.other_plan.is_empty();
    let passed = found.failed.is_empty() && read.failed.is_empty();
    let ok = found.is_exact() && (passed || args.allow_failures) && (clean || !args.strict);
    let text = match args.format {
        DiffFormat::Table => emit::text(&found, &read, output::style()),
        DiffFormat::Json => emit::json(&found, &read, &digest.to_string(), ok)
            .map_err(|err| Failure::new(ErrorId::Bug, format!("the counts cannot be written: {err}")))?,
    };
    terminal.print(text.as_bytes())?;
    if ok {
        return Ok(exit::DONE);
    }
    let missing = found.lost.len() + found.not_executed.len();
    let (id, message) = match (missing, found.twice.len()) {
        (0, 0) if !passed && !args.allow_failures => {
            let failed = match found.failed.len() {
                0 => "tests failed".to_owned(),
                some => format!("tests of {} failed", text::count(some, "suite")),
            };
            (ErrorId::TestsFailed, format!("{failed}: this run is no success"))
        }
        (0, 0) => {
            (ErrorId::NotAsPlanned, "not everything is as planned, and --strict asks for that".to_owned())
        }
        (0, twice) => (ErrorId::ExecutedTwice, format!("{} executed by several shards at once", were(twice))),
        (missing, _) => {
            (ErrorId::NotExecuted, format!("{} not executed: this run is no success", were(missing)))
        }
    };
    Err(Failure::new(id, message))
}

/// Shards whose last attempt ended with tests that failed, and nothing tells which.
fn nameless(outcomes: &[(String, Outcome)]) -> Vec<String> {
    let mut last: BTreeMap<&str, ((u32, u32), bool)> = BTreeMap::new();
    for (start, outcome) in
        outcomes.iter().filter_map(|(_, outcome)| Some((outcome.start.as_ref()?, outcome)))
    {
        let verdict = outcome.end.as_ref().map(|end| end.verdict);
        let failed = verdict == Some(Verdict::TestFailure) && outcome.failed().is_empty();
        let now = ((start.round, start.attempt), failed);
        last.entry(&start.shard).and_modify(|known| *known = (*known).max(now)).or_insert(now);
    }
    last.into_iter().filter(|(_, (_, failed))| *failed).map(|(shard, _)| shard.to_owned()).collect()
}

fn were(suites: usize) -> String {
    format!("{} {}", text::count(suites, "suite"), if suites == 1 { "was" } else { "were" })
}

/// The suites of a plan, by which names are met.
fn inventory_of(plan: &Plan) -> Inventory {
    let ids: BTreeSet<&str> = plan.suites().map(|(_, suite)| suite.id.as_str()).collect();
    let suite = |id: &str| Suite { id: SuiteId::new(id), tests: Vec::new(), siblings: 1 };
    Inventory { suites: ids.into_iter().map(suite).collect() }
}

fn of_outcome<'a>(path: &str, outcome: &'a Outcome) -> Source<'a> {
    let from_name = || {
        let name = path.rsplit(['/', '\\']).next().unwrap_or(path);
        let (shard, round, attempt) = outcome::parse_file_name(name)?;
        Some((shard.to_owned(), round, attempt))
    };
    let from_start = outcome.start.as_ref().map(|start| (start.shard.clone(), start.round, start.attempt));
    let whose = from_start.or_else(from_name);
    let executed = outcome.executed();
    let asked = outcome.sessions.iter().flat_map(|session| &session.start.suites);
    let not_run = outcome.end.iter().flat_map(|end| &end.not_run);
    let mut unfinished: BTreeSet<&str> = asked.chain(not_run).map(String::as_str).collect();
    unfinished.extend(outcome.in_flight().into_iter().map(|begin| begin.id.as_str()));
    unfinished.retain(|id| !executed.contains(id));
    Source {
        shard: whose.as_ref().map(|(shard, ..)| shard.clone()),
        start: whose.map(|(_, round, attempt)| (round, attempt)),
        executed,
        failed: outcome.failed(),
        unfinished,
        strangers: BTreeSet::new(),
    }
}
