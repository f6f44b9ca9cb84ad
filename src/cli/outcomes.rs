//! Outcomes as they lie on disk.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};

use super::Failure;
use super::reports::{FOLDER_HELP, Named};
use crate::catalogue::ErrorId;
use crate::files;
use crate::outcome::{self, Outcome};
use crate::plan::Plan;
use crate::rebalance::Known;
use crate::report::ReportError;
use crate::text;
use crate::triage::{Evidence, judge};

/// Names in one line.
const NAMES_MAX: usize = 3;

/// How much of a file tells whether it is an outcome, in bytes.
const BEGINNING: u64 = 64 << 10;

/// The files that are meant, each once, in the order of their names: files, folders with all `.jsonl`
/// files in them, patterns.
pub(super) fn expand(sources: &[String], here: &Path) -> Result<Vec<PathBuf>, Failure> {
    let mut found = Vec::new();
    for source in sources {
        let Some(meant) = files::meant(here, source, "**/*.jsonl")? else {
            found.push(here.join(source));
            continue;
        };
        let (before, meant_folder) = (found.len(), meant.folder);
        // A folder that cannot be looked into cannot be read either.
        found.extend(meant.files.into_iter().filter(|path| path.is_file()).chain(meant.closed));
        if found.len() == before {
            let help = if meant_folder { FOLDER_HELP } else { "" };
            return Err(Failure::new(ErrorId::NoMatch, format!("`{source}` holds no outcome{help}")));
        }
    }
    found.sort();
    found.dedup();
    Ok(found)
}

/// The outcomes that are named, else those in the folder beside a plan, where there is one.
pub(super) fn of_folder(sources: &[String], folder: &Path, here: &Path) -> Result<Vec<PathBuf>, Failure> {
    let usual = folder.join("outcomes");
    match sources {
        [] if usual.is_dir() => Ok(expand(&[usual.to_string_lossy().into_owned()], here).unwrap_or_default()),
        sources => expand(sources, here),
    }
}

/// What tells how the shards of a plan ended.
pub(super) struct OfPlan {
    pub(super) known: BTreeMap<String, Known>,
    /// The outcomes that were read, of this plan or another.
    pub(super) files: Vec<PathBuf>,
    pub(super) notes: Vec<String>,
}

/// What these files tell of the shards of the plan with this digest. One that cannot be read is a warning.
pub(super) fn of_plan(
    paths: Vec<PathBuf>,
    plan: &Plan,
    digest: &str,
    here: &Path,
) -> Result<OfPlan, Failure> {
    let mut found = OfPlan { known: BTreeMap::new(), files: Vec::new(), notes: Vec::new() };
    let (mut mine, mut others) = (Vec::new(), Vec::new());
    for path in paths {
        let shown = text::printable(&path.strip_prefix(here).unwrap_or(&path).display().to_string());
        if !path.exists() {
            let help = files::did_you_mean(&path).map(|help| format!("\n  help: {help}")).unwrap_or_default();
            return Err(Failure::new(ErrorId::NotFound, format!("`{shown}` does not exist{help}")));
        }
        let outcome = match read(&path) {
            Ok(outcome) => outcome,
            Err(err) => {
                found.notes.push(format!("warning: {}", err.in_file(&shown)));
                // It was begun, and that is all that is known.
                match whose(plan, digest, None, &path) {
                    Whose::Mine(shard, attempt) => mine.push((shard, attempt, Outcome::default())),
                    Whose::Other => others.push(shown),
                }
                continue;
            }
        };
        match whose(plan, digest, Some(&outcome), &path) {
            Whose::Mine(shard, attempt) => mine.push((shard, attempt, outcome)),
            Whose::Other => others.push(shown),
        }
        found.files.push(path);
    }
    if !others.is_empty() && (plan.round == 0 || mine.is_empty()) {
        let names = text::examples(others.iter().map(String::as_str), NAMES_MAX);
        let outcomes = text::count(others.len(), "outcome");
        found.notes.push(format!("note: {outcomes} of another plan, not used: {names}"));
    }
    mine.sort_by(|a, b| (&a.0, a.1).cmp(&(&b.0, b.1)));
    for (shard, _, outcome) in mine {
        let known = found.known.entry(shard).or_default();
        known.judgement = Some(judge(&Evidence::of(&outcome)));
        known.outcomes.push(outcome);
    }
    Ok(found)
}

/// Whose an outcome is.
enum Whose {
    /// Of this shard of the plan, in this attempt.
    Mine(String, u32),
    Other,
}

fn whose(plan: &Plan, digest: &str, outcome: Option<&Outcome>, path: &Path) -> Whose {
    let (shard, attempt) = match outcome.and_then(|outcome| outcome.start.as_ref()) {
        Some(start) if start.plan == digest => (start.shard.clone(), start.attempt),
        Some(_) => return Whose::Other,
        // Its first line is gone: its name says the same.
        None => {
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            match outcome::parse_file_name(name) {
                Some((shard, round, attempt)) if round == plan.round => (shard.to_owned(), attempt),
                _ => return Whose::Other,
            }
        }
    };
    if plan.shard(&shard).is_some() { Whose::Mine(shard, attempt) } else { Whose::Other }
}

/// One outcome.
pub(super) fn read(path: &Path) -> Result<Outcome, ReportError> {
    let cannot = |err: std::io::Error| match err.kind() {
        std::io::ErrorKind::NotFound => ReportError::new(None, "it does not exist"),
        _ => ReportError::new(None, format!("cannot read it: {err}")),
    };
    outcome::read(BufReader::new(File::open(path).map_err(cannot)?))
}

/// Whether a file is an outcome: by its name, or by its first line. A format in front makes it a report.
pub(super) fn is_outcome(named: &Named) -> bool {
    if named.is_forced() {
        return false;
    }
    let name = named.path().file_name().and_then(|name| name.to_str()).unwrap_or_default();
    if outcome::parse_file_name(name).is_some() {
        return true;
    }
    let mut beginning = Vec::new();
    let read = File::open(named.path()).and_then(|file| file.take(BEGINNING).read_to_end(&mut beginning));
    read.is_ok() && outcome::recognise(&beginning)
}
