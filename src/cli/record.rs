//! `shard record`: reports, or other histories, into the history.

mod outcomes;
mod push;

use std::io::Write;
use std::path::PathBuf;

use tempfile::TempDir;

use super::args::RecordArgs;
use super::ci::{self, At};
use super::configured::{self, Configured};
use super::ended::Tasks;
use super::place::{self, Place};
use super::progress::Progress;
use super::report::{cannot_read, left_out, parse_store};
use super::{Failure, Terminal, github, reports};
use crate::catalogue::ErrorId;
use crate::config::address::Address;
use crate::config::{Config, Granularity};
use crate::exit;
use crate::files::{self, Exclusive, Packing};
use crate::history::collect::Collector;
use crate::history::record::learn;
use crate::history::store::{self, Part, Store};
use crate::history::{self, Report, Unusable, without_dot};
use crate::model::{Digesting, RunMeta};
use crate::report::Format;
use crate::run::clock;
use crate::text::{count, examples, thousands};
use outcomes::Ended;

/// Suites that so many runs did not measure are listed.
const STALE_RUNS: usize = 10;

/// Longest name of a run or key, in bytes.
const NAME_MAX: usize = 500;

pub(super) fn run(
    args: &RecordArgs,
    terminal: &mut Terminal<'_, impl Write, impl Write>,
) -> Result<u8, Failure> {
    let configured = configured::find(args.config.as_deref())?;
    let (args, _folder) = with_run(args, terminal)?;
    let args = &args;
    let history = Place::of(args.history.as_deref(), &configured)?;
    let output = args.output.as_deref().map(|path| Place::of(Some(path), &configured)).transpose()?;
    if let (Place::Shared(address), None) | (_, Some(Place::Shared(address))) = (&history, &output) {
        push::writable(address)?;
    }
    // All that can be read is read before others have to wait.
    let new = match (args.merge, args.paths.is_empty()) {
        (_, true) => New::Nothing,
        (true, _) => New::stores(read_stores(args, &configured)?),
        (false, _) => New::Run(read_reports(args, &configured, terminal)?),
    };
    // When a run was that nobody dates.
    let now = At(clock());
    let fold = |base: Store| {
        let had = base.observed();
        let mut store = join(base, &new, now, &configured.config);
        let forgotten = args.forget.map(|runs| store.forget(runs as usize));
        Folded { store, had, forgotten }
    };
    let (folded, changed) = match (&output, &history) {
        (None, Place::Shared(address)) => push::push(
            address,
            &join(Store::default(), &new, now, &configured.config),
            args,
            &configured,
            terminal,
            fold,
        )?,
        (Some(Place::File(target)), _) | (None, Place::File(target)) => {
            let held = Exclusive::new(target).map_err(Failure::of(ErrorId::CannotWrite))?;
            let from = if args.merge && output.is_some() { None } else { Some(&history) };
            let (before, base) = match from {
                Some(Place::File(path)) if path.exists() => {
                    let bytes = files::read_packed(path, history::SIZE_MAX)?;
                    let store = parse_store(&bytes, &files::shown(path))?;
                    (Some(bytes).filter(|_| output.is_none()), store)
                }
                Some(Place::Shared(address)) => (None, fetch(address, args)?.unwrap_or_default()),
                _ => (None, Store::default()),
            };
            let folded = fold(base);
            let bytes = store::write(&folded.store);
            let absent = before.is_none() && output.is_none() && folded.store == Store::default();
            let changed = before.as_ref() != Some(&bytes) && !absent;
            if changed {
                let packed = Packing::of(target).pack(bytes);
                let cannot =
                    |err| Failure::new(ErrorId::CannotWrite, format!("cannot pack the history: {err}"));
                held.replace(&packed.map_err(cannot)?).map_err(Failure::of(ErrorId::CannotWrite))?;
            }
            (folded, changed)
        }
        (Some(Place::Shared(address)), _) => {
            let help = "name the history with --history, and what is new is folded into it";
            return Err(Failure::new(
                ErrorId::StorageAddress,
                format!("-o writes a file, not `{address}`\n  help: {help}"),
            ));
        }
    };
    let Folded { store, had, forgotten } = folded;
    let what = match &new {
        New::Nothing => "tidied".to_owned(),
        New::Stores(number, _) => {
            format!("merged {}", count(*number, "history").replace("historys", "histories"))
        }
        New::Run(new) => new.what(),
    };
    let target = match output.unwrap_or(history) {
        Place::File(path) => files::shown(&path),
        Place::Shared(address) => address.to_string(),
    };
    let holds = format!("{}, {}", count(store.ids().count(), "suite"), count(store.runs.len(), "run"));
    let nothing = if changed { "" } else { ", nothing new" };
    terminal.print(format!("{what}: {target} holds {holds}{nothing}\n").as_bytes())?;
    if store.observed() < had && forgotten.as_ref().is_none_or(Vec::is_empty) {
        terminal.say(format!("  the newest {} runs of every suite are kept", store::RUNS_MAX));
    }
    match forgotten {
        Some(gone) if gone.is_empty() => {}
        Some(gone) => {
            let names = examples(gone.iter().map(String::as_str), 3);
            terminal.say(format!("forgotten: {}: {names}", count(gone.len(), "suite")));
        }
        None => {
            let stale = store.unseen(STALE_RUNS);
            if !stale.is_empty() {
                let suites = count(stale.len(), "suite");
                let names = examples(stale.iter().copied(), 3);
                terminal.say(format!(
                    "stale: {suites} not measured in the last {STALE_RUNS} runs: {names}\n  help: --forget {STALE_RUNS} forgets such suites"
                ));
            }
        }
    }
    Ok(exit::DONE)
}

/// With the outcomes of a run of GitHub Actions among its paths, in a folder that goes with what is returned here.
fn with_run(
    args: &RecordArgs,
    terminal: &mut Terminal<'_, impl Write, impl Write>,
) -> Result<(RecordArgs, Option<TempDir>), Failure> {
    let mut args = args.clone();
    let Some(run) = &args.github_run else { return Ok((args, None)) };
    let (outcomes, folder) = github::outcomes_of_run(run, &args.github, args.wait, terminal)?;
    args.paths.extend(outcomes.iter().map(|path| path.display().to_string()));
    Ok((args, Some(folder)))
}

/// A history with what is new in it.
struct Folded {
    store: Store,
    /// Observations that it had before.
    had: usize,
    forgotten: Option<Vec<String>>,
}

/// What is to be folded in.
enum New {
    Nothing,
    /// How many stores, joined.
    Stores(usize, Store),
    Run(Run),
}

impl New {
    fn stores(stores: Vec<Store>) -> New {
        New::Stores(stores.len(), stores.into_iter().fold(Store::default(), Store::join))
    }
}

/// `base` with what is new. A run has the time that is known of it, else that which the CI says, else `now`.
fn join(base: Store, new: &New, now: At, config: &Config) -> Store {
    match new {
        New::Nothing => base,
        New::Stores(_, store) => base.join(store.clone()),
        New::Run(new) => {
            let base = outcomes::fold(base, &new.outcomes, config);
            // The time that is known of it already, so that to record it again changes nothing.
            let recorded = || base.run(&new.run, &new.key).map(|known| At(known.at));
            let at = new.at.or_else(recorded).or_else(|| ci::at(ci::variable)).unwrap_or(now);
            let run = RunMeta { run: new.run.clone(), at: at.0, key: new.key.clone() };
            base.join(Store::of_run(run, new.seen.clone(), []))
        }
    }
}

/// One run's reports, and outcomes of any run.
struct Run {
    run: String,
    at: Option<At>,
    key: String,
    suites: usize,
    seen: Vec<(String, String, Part)>,
    outcomes: Vec<Ended>,
}

impl Run {
    fn what(&self) -> String {
        let reports = format!("{} of run {} ({})", count(self.suites, "suite"), self.run, self.key);
        match (self.outcomes.is_empty(), self.suites) {
            (true, _) => format!("recorded {reports}"),
            (false, 0) => format!("recorded {}", outcomes::what(&self.outcomes)),
            (false, _) => format!("recorded {}, and {reports} from reports", outcomes::what(&self.outcomes)),
        }
    }
}

fn read_stores(args: &RecordArgs, configured: &Configured) -> Result<Vec<Store>, Failure> {
    let mut paths = Vec::new();
    let mut stores = Vec::new();
    for pattern in &args.paths {
        if Address::is(pattern) {
            if let Place::Shared(address) = Place::of(Some(pattern.as_ref()), configured)? {
                let missing = || Failure::new(ErrorId::NotFound, format!("`{address}` does not exist"));
                stores.push(fetch(&address, args)?.ok_or_else(missing)?);
            }
            continue;
        }
        let path = configured.here.join(pattern);
        if path.exists() || !files::is_pattern(pattern) {
            paths.push(path);
            continue;
        }
        let found = files::walk(&configured.here, pattern)?;
        let found: Vec<PathBuf> =
            found.files.into_iter().map(|name| configured.here.join(name)).chain(found.closed).collect();
        if found.is_empty() {
            return Err(Failure::new(ErrorId::NoMatch, format!("`{pattern}` matches no file")));
        }
        paths.extend(found);
    }
    let progress = Progress::new("reading", paths.len(), "histories");
    let read = |path: &PathBuf| {
        let store = parse_store(&files::read_packed(path, history::SIZE_MAX)?, &files::shown(path));
        progress.step();
        store
    };
    let read: Vec<Store> = paths.iter().map(read).collect::<Result<_, _>>()?;
    stores.extend(read);
    Ok(stores)
}

/// The store in shared storage that is only read from.
fn fetch(address: &Address, args: &RecordArgs) -> Result<Option<Store>, Failure> {
    let failed = |err| Failure::new(ErrorId::StorageFailed, format!("cannot read `{address}`: {err}"));
    let bytes = place::fetch(address, args.wait).map_err(failed)?;
    bytes.map(|bytes| place::parse_shared(&bytes, address)).transpose()
}

fn read_reports(
    args: &RecordArgs,
    configured: &Configured,
    terminal: &mut Terminal<'_, impl Write, impl Write>,
) -> Result<Run, Failure> {
    let config = &configured.config;
    let run = match &args.run {
        Some(run) => Some(name("--run", run)?),
        None => ci::run(ci::variable),
    };
    let key = args.key.as_ref().map(|key| name("--key", key)).transpose()?;
    let key = key.or_else(|| config.key.clone()).unwrap_or_else(ci::machine);
    let named = reports::expand(&args.paths, &configured.here, "")?;
    let (ended, named): (Vec<_>, Vec<_>) = named.into_iter().partition(super::outcomes::is_outcome);
    let read = reports::read_digested(&named, &configured.here, || {
        Collector::new(config.time_from, &config.memory_properties)
    });
    let mut errors: Vec<String> = read.iter().filter_map(reports::Read::error).collect();
    let mut tasks = Tasks::find(&args.ended, args.plan.as_deref())?;
    tasks.notes.iter().for_each(|note| terminal.say(note));
    let ended = outcomes::read(&ended, &mut tasks, args, configured, &mut errors)?;
    let timed = |format: Option<Format>| format.is_some_and(|format| !format.is_listing());
    let others = read.iter().filter(|read| matches!(read.result, Ok((format, _)) if !timed(format)));
    let others: Vec<String> = others.map(|read| read.name.clone()).collect();
    let mut known: Vec<(String, Report)> = Vec::new();
    for reports::Read { result, digest, .. } in read {
        if let (Ok((format, collector)), Some(digest)) = (result, digest)
            && timed(format)
        {
            known.push((digest.short().to_owned(), collector.finish()));
        }
    }
    // One report under two names is one report.
    known.sort_by(|a, b| a.0.cmp(&b.0));
    known.dedup_by(|a, b| a.0 == b.0);
    if (known.is_empty() && ended.is_empty()) || (args.strict && !errors.is_empty()) {
        return Err(cannot_read(&errors, "PATH"));
    }
    if !others.is_empty() {
        let names = examples(others.iter().map(String::as_str), 3);
        let are = if others.len() == 1 { "is no report" } else { "are no reports" };
        let help = "\n  help: histories are folded in with --merge";
        let help = if others.iter().any(|name| name.contains("shard-history")) { help } else { "" };
        terminal.say(format!("{} {are} with times: {names}{help}", count(others.len(), "file")));
    }
    errors.iter().for_each(|error| terminal.say(format!("warning: not used: {error}")));
    let mut learned = learn(&known, granularity(args, configured));
    let mut unusable = Unusable::default();
    known.iter().for_each(|(_, report)| unusable.add(&report.unusable));
    left_out(&unusable).iter().for_each(|note| terminal.say(note.trim_start()));
    if learned.nameless > 0 {
        terminal.say(format!("{} left out: in no file, class or suite", count(learned.nameless, "case")));
    }
    if !learned.unfinished.is_empty() {
        let names = examples(learned.unfinished.iter().map(String::as_str), 3);
        let suites = count(learned.unfinished.len(), "suite");
        terminal.say(format!("{suites} left out: begun and never ended: {names}"));
    }
    let peaks: usize = known.iter().map(|(_, report)| report.peaks.len()).sum();
    if peaks > 0 {
        terminal.say(format!(
            "{} of memory left out: a process's peak is not a suite's own use; give them to `shard plan` as --timings",
            count(peaks, "peak")
        ));
    }
    let run = run.unwrap_or_else(|| {
        let mut digesting = Digesting::default();
        known.iter().for_each(|(digest, _)| digesting.add(digest.as_bytes()));
        format!("{}{}", ci::LOCAL, digesting.finish().short())
    });
    // What outcomes measured their own reports tell once more.
    let measured = outcomes::measured(&ended, &run, &key);
    learned.seen.retain(|(id, ..)| !measured.contains(without_dot(id)));
    let suites = learned.seen.chunk_by(|a, b| a.0 == b.0).count();
    if suites == 0 && ended.is_empty() {
        let reports = count(known.len(), "report");
        terminal.say(format!("warning: {reports} with no time that teaches anything: nothing is recorded"));
    }
    outcomes::tell(&ended, args, configured, terminal)?;
    Ok(Run { run, at: args.at, key, suites, seen: learned.seen, outcomes: ended })
}

/// As fine as the plan's suites are, or may become.
fn granularity(args: &RecordArgs, configured: &Configured) -> Granularity {
    let config = &configured.config;
    let split = config.tiers.iter().any(|tier| tier.split).then_some(Granularity::Class);
    let said = args.granularity.map(Granularity::from).or(config.inventory.granularity);
    said.or(split).unwrap_or(Granularity::File)
}

fn name(flag: &str, text: &str) -> Result<String, Failure> {
    let text = text.trim();
    match text.len() {
        0 => Err(Failure::new(
            ErrorId::BadValue,
            format!("{flag} is empty\n  help: leave it out, or give it a name"),
        )),
        len if len > NAME_MAX => Err(Failure::new(
            ErrorId::BadValue,
            format!("{flag} has {} bytes, more than {NAME_MAX}", thousands(len)),
        )),
        _ => Ok(text.to_owned()),
    }
}
