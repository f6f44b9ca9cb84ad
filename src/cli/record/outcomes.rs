//! Outcomes of `shard run` in `shard record`: what suites took, who was killed, and what was planned.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;

use super::super::args::RecordArgs;
use super::super::configured::Configured;
use super::super::ended::Tasks;
use super::super::progress::Progress;
use super::super::reports::Named;
use super::super::{Failure, Terminal, folder, outcomes, output};
use super::name;
use crate::catalogue::ErrorId;
use crate::cli::ci;
use crate::config::Config;
use crate::drift::{self, ShardDrift};
use crate::emit;
use crate::files;
use crate::history::outcomes::{Learned, learn};
use crate::history::store::{FLAG_KILLED, Part, Store};
use crate::history::without_dot;
use crate::model::{Millis, RunMeta};
use crate::outcome::{Observed, Outcome, SessionObserved, observe};
use crate::text::{count, examples, printable};
use crate::triage::judge;

/// One outcome, with the run that it belongs to.
pub(super) struct Ended {
    run: RunMeta,
    outcome: Outcome,
    sessions: Vec<SessionObserved>,
    learned: Learned,
}

/// Reads outcomes; one that cannot be read, or that does not say whose it is, costs only itself.
pub(super) fn read(
    named: &[Named],
    tasks: &mut Tasks,
    args: &RecordArgs,
    configured: &Configured,
    errors: &mut Vec<String>,
) -> Result<Vec<Ended>, Failure> {
    let run = args.run.as_ref().map(|run| name("--run", run)).transpose()?;
    let key = args.key.as_ref().map(|key| name("--key", key)).transpose()?;
    let mut readable = Vec::new();
    let progress = Progress::new("reading", named.len(), "outcomes");
    for named in named {
        let shown = printable(&named.shown(&configured.here));
        match outcomes::read(named.path()) {
            Ok(outcome) => readable.push((shown, outcome)),
            Err(err) => errors.push(err.in_file(shown)),
        }
        progress.step();
    }
    drop(progress);
    let evidence = tasks.evidence(&readable.iter().map(|(_, outcome)| outcome).collect::<Vec<_>>());
    let mut all = Vec::new();
    for ((shown, outcome), evidence) in readable.into_iter().zip(evidence) {
        let Some(start) = &outcome.start else {
            errors.push(format!("{shown}: it does not say which shard of which run it is of"));
            continue;
        };
        let or = |text: &str, other: Option<String>| {
            Some(text.to_owned()).filter(|text| !text.is_empty()).or(other)
        };
        let Some(run) = run.clone().or_else(|| or(&start.run, ci::run(ci::variable))) else {
            errors.push(format!("{shown}: it does not say which run it is of; name it with --run"));
            continue;
        };
        let configured_key = configured.config.key.clone();
        let key = key.clone().or_else(|| or(&start.key, configured_key)).unwrap_or_else(ci::machine);
        let at = args.at.map_or(start.at, |at| at.0);
        let judgement = judge(&evidence);
        let Observed { suites, sessions } = observe(&outcome);
        let learned = learn(&outcome, suites, judgement.verdict, judgement.confidence);
        all.push(Ended { run: RunMeta { run, at, key }, outcome, sessions, learned });
    }
    Ok(all)
}

/// The suites that outcomes of a run measured, which reports of the same run would only tell again.
pub(super) fn measured<'a>(all: &'a [Ended], run: &str, key: &str) -> BTreeSet<&'a str> {
    let same = all.iter().filter(|ended| (ended.run.run.as_str(), ended.run.key.as_str()) == (run, key));
    let seen = same.flat_map(|ended| &ended.learned.seen);
    seen.filter(|(.., part)| part.ms.is_some()).map(|(id, ..)| id.as_str()).collect()
}

/// `store` with what the outcomes teach.
pub(super) fn fold(mut store: Store, all: &[Ended], config: &Config) -> Store {
    for ended in all {
        let run = dated(ended, &store);
        store = store.join(Store::of_run(run, ended.learned.seen.clone(), []));
    }
    // The medians that shards are held against have this run in them.
    let shard = |ended: &Ended| {
        let run = dated(ended, &store);
        let Ended { outcome, sessions, learned, .. } = ended;
        let seen = drift::shard_observation(outcome, sessions, learned.lost, &store, &run, config);
        Store::of_run(run, [], seen)
    };
    let shards: Vec<Store> = all.iter().map(shard).collect();
    shards.into_iter().fold(store, Store::join)
}

/// Whether another run of these measured the suite that this one blames: of the same kind of machine, and not before.
fn measured_since(blaming: &Ended, id: &str, all: &[Ended]) -> bool {
    let later = |other: &&Ended| {
        let (it, run) = (&other.run, &blaming.run);
        it.key == run.key && (it.run == run.run || it.at >= run.at)
    };
    let is_end = |(name, _, part): &(String, String, Part)| {
        name == without_dot(id) && part.ms.is_some() && part.flags & FLAG_KILLED == 0
    };
    all.iter().filter(later).any(|other| other.learned.seen.iter().any(is_end))
}

/// The run with the time that the store has of it, so that to record it again changes nothing.
fn dated(ended: &Ended, store: &Store) -> RunMeta {
    store.run(&ended.run.run, &ended.run.key).unwrap_or(&ended.run).clone()
}

/// How many suites, and of which runs.
pub(super) fn what(all: &[Ended]) -> String {
    let suites: BTreeSet<&String> =
        all.iter().flat_map(|ended| &ended.learned.seen).map(|(id, ..)| id).collect();
    let runs: BTreeSet<(&str, &str)> =
        all.iter().map(|ended| (ended.run.run.as_str(), ended.run.key.as_str())).collect();
    let of = match runs.iter().next() {
        Some((run, key)) if runs.len() == 1 => format!("run {} ({})", printable(run), printable(key)),
        _ => count(runs.len(), "run"),
    };
    format!("{} of {of} from {}", count(suites.len(), "suite"), count(all.len(), "outcome"))
}

/// Who was killed, and what shards took beside what was planned.
pub(super) fn tell(
    all: &[Ended],
    args: &RecordArgs,
    configured: &Configured,
    terminal: &mut Terminal<'_, impl Write, impl Write>,
) -> Result<(), Failure> {
    let (mut killed, mut measured) = (BTreeSet::new(), BTreeSet::new());
    for ended in all {
        let Some(id) = ended.learned.blamed.as_deref() else { continue };
        let names = if measured_since(ended, id, all) { &mut measured } else { &mut killed };
        names.insert(id);
    }
    measured.retain(|id| !killed.contains(id));
    for (names, what) in [(killed, "planned alone from now on until measured"), (measured, "measured since")]
    {
        if !names.is_empty() {
            let (suites, names) = (count(names.len(), "suite"), examples(names.iter().copied(), 3));
            terminal.say(format!("killed for memory: {suites}, {what}: {names}"));
        }
    }
    let lost = all.iter().filter(|ended| ended.learned.lost).count();
    if lost > 0 {
        let shards = count(lost, "shard");
        terminal.say(format!("lost with nobody to blame: {shards}; the next plan makes smaller ones"));
    }
    let shards: Vec<ShardDrift> =
        all.iter().filter_map(|ended| ShardDrift::of(&ended.outcome, &ended.sessions)).collect();
    let advice = drift::advice(&shards, &configured.config);
    let suites = drifted(all, args, configured)?;
    let text = emit::drift::text(&shards, &suites, &advice, output::style());
    terminal.show(&text);
    Ok(())
}

/// The suites that are farthest from their plan, where that plan is at hand.
fn drifted(
    all: &[Ended],
    args: &RecordArgs,
    configured: &Configured,
) -> Result<Vec<drift::SuiteDrift>, Failure> {
    let usual = configured.root.join(&configured.config.out).join("plan.json");
    let path = args.plan.as_ref().map(|path| configured.here.join(path));
    let plan = match &path {
        Some(path) => folder::read_plan(path)?,
        None => match folder::read_plan(&usual) {
            Ok(plan) => plan,
            Err(_) => return Ok(Vec::new()),
        },
    };
    let (plan, digest) = plan;
    let digest = digest.to_string();
    let of_plan = |ended: &&Ended| ended.outcome.start.as_ref().is_some_and(|start| start.plan == digest);
    let mine: Vec<&Ended> = all.iter().filter(of_plan).collect();
    if mine.is_empty()
        && let Some(path) = path
    {
        let help = "leave --plan out, or name the plan that was run";
        let shown = files::shown(&path);
        let message = format!("no outcome is of the plan `{shown}`\n  help: {help}");
        return Err(Failure::new(ErrorId::PlanMismatch, message));
    }
    let mut seen: BTreeMap<&str, Millis> = BTreeMap::new();
    for (id, _, part) in mine.iter().flat_map(|ended| &ended.learned.seen) {
        *seen.entry(id).or_default() += Millis(part.ms.unwrap_or(0));
    }
    seen.retain(|_, time| time.0 > 0);
    Ok(drift::suites(&plan, &seen))
}
