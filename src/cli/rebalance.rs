//! `shard rebalance`: after shards ended early, a plan for what is left.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};

use super::args::{GithubArgs, PlanFormat, RebalanceArgs, RecordArgs};
use super::folder::{Written, ancestors, find_shard, plan_path, read_sound};
use super::github::{self, FromRun};
use super::outcomes::{self, OfPlan};
use super::{Failure, Terminal, ci, configured, output, plan, record};
use crate::catalogue::ErrorId;
use crate::emit::rebalance as emit;
use crate::ended;
use crate::outcome::Outcome;
use crate::plan::Plan;
use crate::rebalance::{Known, Options, ROUNDS, Rebalanced, rebalance};
use crate::triage::{Evidence, Judgement, judge};
use crate::{exit, text};

/// Most names in a line.
const NAMES_MAX: usize = 3;

pub(super) fn run(
    args: &RebalanceArgs,
    terminal: &mut Terminal<'_, impl Write, impl Write>,
) -> Result<u8, Failure> {
    let configured = configured::find(args.config.as_deref())?;
    let from = args.run.as_ref().map(|run| github::evidence_of_run(run, &args.github, args.wait, terminal));
    let from = from.transpose()?;
    let path = match (&args.plan, &from) {
        (None, Some(from)) => from.plan.clone().ok_or_else(|| {
            let help = "upload the plan's folder as an artifact `shard-plan`, or name the plan with --plan";
            Failure::new(
                ErrorId::NoArtifact,
                format!("{} has no artifact with its plan\n  help: {help}", from.run),
            )
        })?,
        (named, _) => plan_path(named.as_deref())?,
    };
    let (plan, digest) = read_sound(&path)?;
    let folder = configured.here.join(&path).parent().map(Path::to_owned).unwrap_or_default();
    let evidence = gather(args, &plan, &digest.to_string(), &folder, &configured.here, from.as_ref())?;
    evidence.notes.iter().for_each(|note| terminal.say(note));
    // GitHub and clusters know of every job: one that they do not call over has not died.
    let told = args.waiting || from.is_some() || !args.ended.is_empty();
    let local = !told && is_local(args, &evidence.known, ci::variable);
    if local && let Some(note) = not_run(&plan, &evidence.known) {
        terminal.say(note);
    }
    let options = Options {
        all: args.all,
        waiting: told || local,
        elastic: args.make.format.is_of_cluster() || !args.ended.is_empty(),
        effort: args.make.effort.into(),
        selection: args.make.selection_format.into(),
    };
    let done = rebalance(&plan, &digest.to_string(), &configured.config, &evidence.known, options)
        .map_err(|err| Failure::new(err.id, err.to_string()))?;
    let rounds = args.rounds.unwrap_or(ROUNDS);
    if done.plan.round > rounds && !done.plan.shards.is_empty() {
        return Err(too_often(&done, rounds));
    }
    plan::prove(&done.plan)?;
    let out = match (&args.out, &from) {
        (Some(out), _) => configured.here.join(out),
        // What came from GitHub lies in a folder that goes.
        (None, Some(_)) => configured.root.join(&configured.config.out),
        (None, None) => folder,
    };
    let written = Written::new(&done.plan, &configured, options.selection)?;
    let form = output::Form {
        format: args.make.format,
        axes: args.make.axes,
        dry_run: args.make.dry_run,
        since: None,
        preface: Some(output::Preface {
            text: emit::text(&done, output::style_of(args.make.format)),
            sentences: emit::summary(&done),
        }),
    };
    let output = output::prepare(&form, &done.plan, &written, &configured, &out)?;
    if !args.make.dry_run {
        let earlier = ancestors(&path, &plan)?;
        written.publish_after(&out, &earlier)?;
    }
    output.print(terminal)?;
    if !args.make.dry_run && !args.no_record && !evidence.files.is_empty() {
        learn(args, &evidence.files, &out, terminal);
    }
    let given_up = done.given_up.len();
    let why = match (done.tests_failed(), given_up) {
        _ if !done.plan.shards.is_empty() => return Ok(exit::DONE),
        (false, 0) => return Ok(exit::DONE),
        (true, 0) => "tests failed".to_owned(),
        (false, _) => format!("given up: {}", text::count(given_up, "suite")),
        (true, _) => format!("tests failed, and {} given up", text::count(given_up, "suite")),
    };
    Err(Failure::new(ErrorId::NothingHelps, format!("nothing is planned again: {why}")))
}

/// Whether all that was run of the plan was run on this machine, by hand: its outcomes lie where `shard run` writes
/// them, and no CI knows of them or of us. What left none has not run yet, since `shard run` begins with it; a job of
/// a CI takes it along when its machine goes.
fn is_local(
    args: &RebalanceArgs,
    known: &BTreeMap<String, Known>,
    variable: impl Fn(&str) -> Option<String> + Copy,
) -> bool {
    let mut outcomes = known.values().flat_map(|known| &known.outcomes).peekable();
    let by_hand = |outcome: &Outcome| {
        let start = outcome.start.as_ref();
        start.is_some_and(|start| start.run.starts_with(ci::LOCAL))
    };
    args.outcomes.is_empty()
        && !args.make.format.is_of_cluster()
        && !ci::is_there(variable)
        && ci::run(variable).is_none()
        && outcomes.peek().is_some()
        && outcomes.all(by_hand)
}

/// The shards that nothing tells of, where they did not run yet.
fn not_run(plan: &Plan, known: &BTreeMap<String, Known>) -> Option<String> {
    let names = plan.shards.iter().map(|shard| shard.id.as_str());
    let names: Vec<&str> = names.filter(|name| !known.contains_key(*name)).collect();
    let first = names.first()?;
    let shards = text::count(names.len(), "shard");
    let names = text::examples(names.iter().copied(), NAMES_MAX);
    Some(format!(
        "note: not run yet, and kept as planned: {shards}: {names}\n  help: `shard run {first}`; where a machine died and left no outcome, say so: --failed {first}=137"
    ))
}

/// What tells how the plan's shards ended.
fn gather(
    args: &RebalanceArgs,
    plan: &Plan,
    digest: &str,
    folder: &Path,
    here: &Path,
    from: Option<&FromRun>,
) -> Result<OfPlan, Failure> {
    let paths = match from {
        Some(from) if args.outcomes.is_empty() => from.outcomes.clone(),
        _ => outcomes::of_folder(&args.outcomes, folder, here)?,
    };
    let OfPlan { mut known, files, mut notes } = outcomes::of_plan(paths, plan, digest, here)?;
    let codes = failed(&args.failed, plan)?;
    let jobs = from.map(|from| jobs(from, plan)).unwrap_or_default();
    let tasks = tasks(args, plan, digest, &mut notes)?;
    for shard in tasks.shards.keys() {
        known.entry(shard.clone()).or_default();
    }
    if known.is_empty() && codes.is_empty() && jobs.is_empty() {
        let help = format!(
            "name the outcomes that `shard run` wrote with --outcomes, or say it by hand: --failed {}=137",
            plan.shards.first().map_or("e2e-1", |shard| shard.id.as_str())
        );
        let notes: String = notes.iter().map(|note| format!("\n  {note}")).collect();
        return Err(Failure::new(
            ErrorId::NoEvidence,
            format!("nothing tells how the shards of this plan ended{notes}\n  help: {help}"),
        ));
    }
    for (shard, known) in &mut known {
        let (ended, code) = (tasks.shards.get(shard), codes.get(shard));
        if ended.is_none() && code.is_none() {
            continue;
        }
        let mut evidence = known.outcomes.last().map(Evidence::of).unwrap_or_default();
        if let Some(ended) = ended {
            evidence = ended.add_to(evidence);
        }
        if let Some(code) = code {
            (evidence.exit, evidence.signal) = (Some(*code), None);
        }
        known.judgement = Some(judge(&evidence));
    }
    for (shard, judgement) in jobs {
        let known = known.entry(shard).or_default();
        // An outcome that says how it ended needs nobody else's account.
        if known.outcomes.last().is_none_or(|outcome| outcome.end.is_none()) {
            known.judgement = Some(judgement);
        }
    }
    for (shard, code) in codes {
        known.entry(shard).or_insert_with(|| {
            let evidence = Evidence { exit: Some(code), ..Evidence::default() };
            Known { outcomes: Vec::new(), judgement: Some(judge(&evidence)) }
        });
    }
    Ok(OfPlan { known, files, notes })
}

/// What clusters say of the plan's tasks.
fn tasks(
    args: &RebalanceArgs,
    plan: &Plan,
    digest: &str,
    notes: &mut Vec<String>,
) -> Result<ended::OfPlan, Failure> {
    let token = digest.strip_prefix("sha256:").and_then(|hex| hex.get(..8)).unwrap_or(digest);
    let tasks = ended::of_plan(&super::ended::read(&args.ended)?, plan, token);
    notes.extend(super::ended::passed_over(&tasks));
    if tasks.open > 0 {
        let open = text::count(tasks.open, "task");
        notes.push(format!("warning: not over: {open} of this plan. What waits will refuse the new plan, and what runs is planned once more"));
    }
    Ok(tasks)
}

/// What GitHub's jobs tell of the plan's shards; of a shard with several jobs, the one that did not succeed.
fn jobs(from: &FromRun, plan: &Plan) -> BTreeMap<String, Judgement> {
    let mut jobs: BTreeMap<String, Judgement> = BTreeMap::new();
    for ended in &from.ended {
        let Some(shard) = ended.shard.as_ref().filter(|shard| plan.shard(shard).is_some()) else { continue };
        if !ended.succeeded || !jobs.contains_key(shard) {
            jobs.insert(shard.clone(), ended.judgement.clone());
        }
    }
    jobs
}

/// `e2e-1=143`, for shards of the plan.
fn failed(all: &[String], plan: &Plan) -> Result<BTreeMap<String, i32>, Failure> {
    let parse = |text: &String| {
        let wrong = || {
            let help = "name a shard and its exit code, such as e2e-1=143";
            Failure::new(
                ErrorId::BadValue,
                format!("--failed `{}` is not SHARD=CODE\n  help: {help}", text::printable(text)),
            )
        };
        let (name, code) = text.split_once('=').ok_or_else(wrong)?;
        let code: i32 = code.parse().map_err(|_| wrong())?;
        Ok((find_shard(plan, name)?.id.clone(), code))
    };
    all.iter().map(parse).collect()
}

/// Nothing is planned any more: what was tried did not help.
fn too_often(done: &Rebalanced, rounds: u32) -> Failure {
    let left = done.plan.suites().map(|(_, suite)| suite.id.as_str());
    let names = text::examples(left, NAMES_MAX);
    let message = format!(
        "{}\n  after {} nothing is planned again; {} left: {names}\n  help: `shard triage` tells how each shard ended; --rounds {} allows another try",
        emit::summary(done),
        text::count(rounds as usize, "round"),
        text::count(done.plan.inputs.suites, "suite"),
        rounds + 1
    );
    Failure::new(ErrorId::TriedTooOften, message)
}

/// Folds the outcomes into the history, as `shard record` would. The plan is there already: what fails here is
/// said and costs nothing else.
fn learn(
    args: &RebalanceArgs,
    files: &[PathBuf],
    out: &Path,
    terminal: &mut Terminal<'_, impl Write, impl Write>,
) {
    let record = RecordArgs {
        paths: files.iter().map(|path| path.to_string_lossy().into_owned()).collect(),
        history: args.history.clone(),
        wait: args.wait,
        output: None,
        merge: false,
        github_run: None,
        github: GithubArgs::default(),
        run: None,
        at: None,
        key: None,
        granularity: None,
        ended: args.ended.clone(),
        // The plan that was run is beside the new one.
        plan: (!args.ended.is_empty()).then(|| out.join("plan.json")),
        forget: None,
        strict: false,
        config: args.config.clone(),
    };
    let (mut said, mut quiet) = (Vec::new(), Vec::new());
    let done = record::run(&record, &mut Terminal { stdout: &mut said, stderr: &mut quiet });
    match done {
        Ok(_) if args.make.format == PlanFormat::Json => {}
        Ok(_) => terminal.say(String::from_utf8_lossy(&said).trim_end()),
        Err(Failure::Said { message, .. }) => {
            terminal.say(format!("warning: the history is as it was: {message}"));
        }
        Err(Failure::Closed) => {}
    }
}
