//! `shard triage`: why a job ended as it did.

use std::io::Write;
use std::path::Path;

use super::args::{DiffFormat, TriageArgs};
use super::ended::Tasks;
use super::{Failure, Terminal, folder, github, outcomes, output};
use crate::catalogue::ErrorId;
use crate::emit::triage::{self as emit, Judged};
use crate::github::Named;
use crate::triage::{Evidence, Log, judge};
use crate::{exit, files, text};

/// How much of a log's beginning is read, in bytes.
const HEAD: u64 = 64 << 10;

/// How much of its end: an end is told at the end.
const TAIL: u64 = 1 << 20;

pub(super) fn run(
    args: &TriageArgs,
    terminal: &mut Terminal<'_, impl Write, impl Write>,
) -> Result<u8, Failure> {
    let here = std::env::current_dir()
        .map_err(|err| Failure::new(ErrorId::Unreadable, format!("cannot tell the current folder: {err}")))?;
    if let Some(run) = &args.run {
        return of_run(run, args, terminal);
    }
    let nothing = args.exit.is_none() && args.log.is_none() && args.ended.is_empty();
    // Nothing else is known of the job that is meant: then it is what `shard run` wrote here.
    let paths = if nothing && args.outcomes.is_empty() {
        let plan = folder::plan_path(None)?;
        outcomes::of_folder(&[], plan.parent().unwrap_or(Path::new("")), &here)?
    } else {
        outcomes::expand(&args.outcomes, &here)?
    };
    if nothing && paths.is_empty() {
        return Err(Failure::new(
            ErrorId::NoEvidence,
            "nothing to judge\n  help: give outcomes of `shard run`, an exit code with --exit, a log with --log, or a cluster's account with --ended",
        ));
    }
    if paths.len() > 1 && (args.exit.is_some() || args.log.is_some()) {
        let found = text::count(paths.len(), "outcome");
        return Err(Failure::new(
            ErrorId::FlagsConflict,
            format!("--exit and --log are of one job, and there are {found}"),
        ));
    }
    // Windows' codes are the same bits with and without a sign.
    let code = args.exit.map(|code| code as i32);
    let log = args.log.as_deref().map(read_log).transpose()?;
    let with_what_was_said = |mut evidence: Evidence| {
        if code.is_some() {
            (evidence.exit, evidence.signal) = (code, None);
        }
        evidence.log = log.clone().unwrap_or_default();
        evidence
    };
    let (mut readable, mut failed) = (Vec::new(), 0);
    for path in &paths {
        let name = path.strip_prefix(&here).unwrap_or(path).display().to_string();
        match outcomes::read(path) {
            Ok(outcome) => readable.push((name, outcome)),
            Err(err) => {
                failed += 1;
                terminal.say(format!("{}: {}", ErrorId::OutcomeInvalid, err.in_file(text::printable(&name))));
            }
        }
    }
    let mut tasks = Tasks::find(&args.ended, args.plan.as_deref())?;
    tasks.notes.iter().for_each(|note| terminal.say(note));
    let evidence = tasks.evidence(&readable.iter().map(|(_, outcome)| outcome).collect::<Vec<_>>());
    let mut all = Vec::new();
    for ((name, outcome), evidence) in readable.into_iter().zip(evidence) {
        let evidence = with_what_was_said(evidence);
        let judgement = judge(&evidence);
        all.push(Judged { file: Some(name), job: None, outcome: Some(outcome), evidence, judgement });
    }
    for (shard, ended) in tasks.rest() {
        let evidence = ended.add_to(Evidence::default());
        let judgement = judge(&evidence);
        let job = Some((format!("{shard} (task {})", ended.name), Some(shard)));
        all.push(Judged { file: None, job, outcome: None, evidence, judgement });
    }
    if paths.is_empty() && args.ended.is_empty() {
        let evidence = with_what_was_said(Evidence::default());
        let judgement = judge(&evidence);
        all.push(Judged { file: None, job: None, outcome: None, evidence, judgement });
    }
    if !all.is_empty() {
        print(&all, args, terminal)?;
    }
    match failed {
        0 => Ok(exit::DONE),
        _ => Err(Failure::new(
            ErrorId::OutcomeInvalid,
            format!("{} could not be read", text::count(failed, "file")),
        )),
    }
}

/// The jobs of a run of GitHub Actions that did not succeed.
fn of_run(
    run: &Named,
    args: &TriageArgs,
    terminal: &mut Terminal<'_, impl Write, impl Write>,
) -> Result<u8, Failure> {
    let from = github::evidence_of_run(run, &args.github, args.wait, terminal)?;
    let jobs = from.ended.len();
    if from.plan.is_none() {
        terminal.say("note: the run has no artifact `shard-plan*`: which job ran which shard, and how full it was, is not known");
    }
    let failed = from.ended.into_iter().filter(|ended| !ended.succeeded);
    let judged = failed.map(|ended| {
        let github::Ended { job, shard, outcome, evidence, judgement, .. } = ended;
        Judged { file: None, job: Some((job, shard)), outcome, evidence, judgement }
    });
    let all: Vec<Judged> = judged.collect();
    let (jobs, outcomes) = (text::count(jobs, "job"), text::count(from.outcomes.len(), "outcome"));
    terminal.say(format!("{}: {jobs} over, {} without success; {outcomes} read", from.run, all.len()));
    if !all.is_empty() || args.format == DiffFormat::Json {
        print(&all, args, terminal)?;
    }
    Ok(exit::DONE)
}

fn print(
    all: &[Judged],
    args: &TriageArgs,
    terminal: &mut Terminal<'_, impl Write, impl Write>,
) -> Result<(), Failure> {
    let text = match args.format {
        DiffFormat::Table => emit::text(all, output::style()),
        DiffFormat::Json => emit::json(all)
            .map_err(|err| Failure::new(ErrorId::Bug, format!("the verdicts cannot be written: {err}")))?,
    };
    terminal.print(text.as_bytes())
}

fn read_log(path: &Path) -> Result<Log, Failure> {
    let (head, tail) = match path.to_str() {
        Some("-") => files::ends_of(std::io::stdin().lock(), HEAD, TAIL)
            .map_err(|err| Failure::new(ErrorId::Unreadable, format!("cannot read standard input: {err}")))?,
        _ => files::read_ends(path, HEAD, TAIL)?,
    };
    let mut log = Log::default();
    // Where nothing was left out between them, a line may stand on both sides: it is read whole.
    let text = [head, tail].concat();
    String::from_utf8_lossy(&text).lines().for_each(|line| log.line(line));
    Ok(log)
}
