//! The history of a command: reports and stores gathered from disk and met with the inventory.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

use rayon::prelude::*;

use super::Failure;
use super::configured::Configured;
use crate::config::Config;
use crate::files;
use crate::history::meet::{self, Meeting};
use crate::history::names::Index;
use crate::history::store::{self, Store};
use crate::history::{self, Format, History, Report, Unusable, durations, junit};
use crate::inventory::Inventory;
use crate::plan::Warning;
use crate::text::{count, examples, printable, thousands};

/// Reports that cannot be read are named together, up to this many.
const ERRORS_MAX: usize = 5;

/// Fewer suites than this make no warning of a low match rate.
const MATCH_SUITES_MIN: usize = 20;

/// Every report and store of a command.
pub(super) struct Gathered {
    /// `None`: no report was named.
    reports: Option<Vec<Report>>,
    store: Store,
    notes: Vec<String>,
}

/// What to tell the user about how names met.
pub(super) struct Remarks {
    pub(super) notes: Vec<String>,
    pub(super) warnings: Vec<Warning>,
}

/// Reads every report and store.
pub(super) fn gather(
    timings: &[String],
    stores: &[PathBuf],
    configured: &Configured,
) -> Result<Gathered, Failure> {
    let (store, notes) = read_stores(stores, configured)?;
    let reports = match timings {
        [] => None,
        timings => Some(read_reports(timings, &configured.here)?),
    };
    Ok(Gathered { reports, store, notes })
}

impl Gathered {
    /// Meets the names with those of an inventory.
    pub(super) fn meet(&self, inventory: &Inventory, config: &Config) -> (History, Remarks) {
        let mut notes = self.notes.clone();
        let mut warnings = Vec::new();
        let index = Index::new(inventory, &config.map);
        let times = self.reports.as_ref().map(|reports| {
            let mut unusable = Unusable::default();
            reports.iter().for_each(|report| unusable.add(&report.unusable));
            let (times, meeting) = meet::times(&index, reports);
            notes.extend(describe("timings", &count(reports.len(), "report"), &meeting));
            notes.extend(left_out(&unusable));
            warnings.extend(mismatch("timings", &meeting));
            times
        });
        let (history, meeting) = meet::history(&index, &self.store, config.key.as_deref(), times.as_deref());
        if !self.store.runs.is_empty() {
            notes.extend(describe("history", &count(self.store.runs.len(), "run"), &meeting));
            warnings.extend(mismatch("history", &meeting));
        }
        (history, Remarks { notes, warnings })
    }
}

fn read_stores(paths: &[PathBuf], configured: &Configured) -> Result<(Store, Vec<String>), Failure> {
    let mut notes = Vec::new();
    let named: Vec<PathBuf> = match paths {
        [] => vec![configured.root.join(&configured.config.history)],
        paths => paths.iter().map(|path| configured.here.join(path)).collect(),
    };
    let mut joined = Store::default();
    for path in named {
        let shown = path.strip_prefix(&configured.here).unwrap_or(&path).display().to_string();
        if !path.exists() {
            // The first run of every project: worth a word only where the user named the file.
            if !paths.is_empty() {
                notes.push(format!("history: `{shown}` does not exist yet"));
            }
            continue;
        }
        let bytes = files::read(&path, history::SIZE_MAX)?;
        let store = store::read(&bytes).map_err(|err| {
            let separator = if err.line.is_some() { ":" } else { ": " };
            Failure::usage(format!("{shown}{separator}{err}\n  help: restore it, or remove it to start anew"))
        })?;
        joined = joined.join(store);
    }
    Ok((joined, notes))
}

fn read_reports(timings: &[String], here: &Path) -> Result<Vec<Report>, Failure> {
    let mut paths: Vec<(PathBuf, Option<Format>)> = Vec::new();
    for timing in timings {
        let (format, pattern) = match timing.split_once(':') {
            Some((name, pattern)) if Format::NAMES.contains(&name) => (name.parse().ok(), pattern),
            _ => (None, timing.as_str()),
        };
        let path = here.join(pattern);
        if path.is_dir() {
            let folder = pattern.trim_end_matches('/');
            return Err(Failure::usage(format!(
                "`{pattern}` is a folder\n  help: name its reports with a glob: '{folder}/**/*.xml'"
            )));
        }
        if path.exists() || !files::is_pattern(pattern) {
            paths.push((path, format));
            continue;
        }
        let found = files::walk(here, pattern)?;
        if found.is_empty() {
            return Err(Failure::usage(format!("--timings `{pattern}` matches no file")));
        }
        paths.extend(found.into_iter().map(|name| (here.join(name), format)));
    }
    paths.sort_by(|a, b| a.0.cmp(&b.0));
    paths.dedup_by(|a, b| a.0 == b.0);
    let read: Vec<Result<Report, String>> =
        paths.par_iter().map(|(path, format)| read_report(path, *format, here)).collect();
    let mut reports = Vec::with_capacity(read.len());
    let mut errors = Vec::new();
    for result in read {
        match result {
            Ok(report) => reports.push(report),
            Err(error) => errors.push(error),
        }
    }
    if errors.is_empty() {
        return Ok(reports);
    }
    let more = match errors.len().saturating_sub(ERRORS_MAX) {
        0 => String::new(),
        more => format!("\n  and {} that cannot be read", count(more, "other report")),
    };
    errors.truncate(ERRORS_MAX);
    Err(Failure::usage(format!(
        "{}{more}\n  help: record it again, or leave it out of --timings",
        errors.join("\nerror: ")
    )))
}

fn read_report(path: &Path, format: Option<Format>, here: &Path) -> Result<Report, String> {
    let shown = printable(&path.strip_prefix(here).unwrap_or(path).display().to_string());
    let cannot = |err: std::io::Error| format!("cannot read `{shown}`: {err}");
    let mut input = BufReader::with_capacity(128 << 10, File::open(path).map_err(cannot)?);
    let start = input.fill_buf().map_err(cannot)?;
    if start.is_empty() {
        return Err(format!("{shown}: the report is empty"));
    }
    let Some(format) = format.or_else(|| Format::recognise(start)) else {
        return Err(format!(
            "{shown}: this is no report that is known; known are {}",
            Format::NAMES.join(", ")
        ));
    };
    let read = match format {
        Format::Junit => junit::read(input),
        Format::Durations => {
            let bytes =
                files::read_from(input, history::SIZE_MAX).map_err(|err| format!("{shown}: {err:#}"))?;
            durations::read(&bytes)
        }
    };
    read.map_err(|err| {
        let separator = if err.line.is_some() { ":" } else { ": " };
        format!("{shown}{separator}{err}")
    })
}

/// How reports or a history met the inventory, with examples of both sides.
fn describe(what: &str, from: &str, meeting: &Meeting) -> Vec<String> {
    let known = meeting.suites - meeting.unknown.len();
    let percent = known * 100 / meeting.suites.max(1);
    let suites = count(meeting.suites, "suite");
    let mut notes =
        vec![format!("{what}: {} of {suites} known ({percent} %), from {from}", thousands(known))];
    if let Some(prefix) = &meeting.prefix {
        let part = |verb: &str, text: &str| match text {
            "" => String::new(),
            text => format!(" {verb} `{}`", printable(text)),
        };
        let (strip, add) = (part("without", &prefix.strip), part("after adding", &prefix.add));
        notes.push(format!("  its names meet suites{strip}{add}"));
    }
    let names = |names: &[String]| examples(names.iter().map(String::as_str), 3);
    if !meeting.unknown.is_empty() {
        notes.push(format!("  unknown: {}", names(&meeting.unknown)));
    }
    if !meeting.strangers.is_empty() {
        let strangers = count(meeting.strangers.len(), "name");
        let places = thousands(meeting.places);
        notes.push(format!("  {strangers} of {places} met no suite: {}", names(&meeting.strangers)));
    }
    if meeting.stale_tests > 0 {
        let verb = if meeting.stale_tests == 1 { "does" } else { "do" };
        let tests = count(meeting.stale_tests, "test");
        notes.push(format!("  {tests} that {verb} not exist any more, left out"));
    }
    notes
}

/// Cases that teach nothing, by reason.
fn left_out(unusable: &Unusable) -> Option<String> {
    let reasons = [
        (unusable.skipped, "skipped"),
        (unusable.untimed, "without a time"),
        (unusable.wrong, "with a time that cannot be"),
    ];
    let shown = reasons.iter().filter(|(number, _)| *number > 0);
    let shown: Vec<String> = shown.map(|(number, what)| format!("{} {what}", thousands(*number))).collect();
    let example = unusable.example.as_ref().map_or_else(String::new, |(case, time)| {
        format!(", such as `{}` of `{}`", printable(time), printable(case))
    });
    (!shown.is_empty()).then(|| format!("  cases left out: {}{example}", shown.join(", ")))
}

fn mismatch(what: &str, meeting: &Meeting) -> Option<Warning> {
    let known = meeting.suites - meeting.unknown.len();
    if meeting.suites <= MATCH_SUITES_MIN || known * 2 >= meeting.suites {
        return None;
    }
    let message = format!(
        "only {} of {} are known to the {what}: is it from another folder? [map] in shard.toml leads its \
         names to the suites",
        thousands(known),
        count(meeting.suites, "suite")
    );
    Some(Warning::new("history-mismatch", what, message))
}
