//! The history of a command: reports and stores gathered from disk and met with the inventory.

use std::path::PathBuf;

use super::configured::Configured;
use super::place::{self, Place};
use super::{Failure, reports};
use crate::catalogue::{ErrorId, WarningCode};
use crate::config::Config;
use crate::config::address::Address;
use crate::files;
use crate::history::collect::Collector;
use crate::history::meet::{self, Meeting};
use crate::history::names::Index;
use crate::history::store::{self, Store};
use crate::history::{self, History, Report, Unusable, Wrong};
use crate::inventory::Inventory;
use crate::model::{Millis, RunMeta};
use crate::plan::Warning;
use crate::report::Format;
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
    warnings: Vec<Warning>,
}

/// What to tell the user about how names met.
pub(super) struct Remarks {
    pub(super) notes: Vec<String>,
    pub(super) warnings: Vec<Warning>,
    /// Files that were moved since the reports that were named, by their old names and their new ones.
    pub(super) moved_since_reports: Vec<(String, String)>,
    /// The same since the runs of the history.
    pub(super) moved_since_history: Vec<(String, String)>,
}

/// Reads every report and store. A report that cannot be read costs only itself, unless all must be read
/// (`strict`), or none can.
pub(super) fn gather(
    timings: &[String],
    stores: &[PathBuf],
    access: Access,
    configured: &Configured,
) -> Result<Gathered, Failure> {
    let strict = access.strict;
    let Stores { store, notes, warnings } = read_stores(stores, access, configured)?;
    let mut gathered = Gathered { reports: None, store, notes, warnings };
    if timings.is_empty() {
        return Ok(gathered);
    }
    let known = reports(timings, strict, configured, "--timings")?;
    gathered.notes.extend(known.notes);
    for error in known.errors {
        gathered.warnings.push(Warning::new(
            WarningCode::ReportUnreadable,
            "timings",
            format!("not used: {error}"),
        ));
    }
    gathered.reports = Some(known.reports);
    Ok(gathered)
}

/// What files, folders and globs hold of times.
pub(super) struct Known {
    pub(super) reports: Vec<Report>,
    pub(super) notes: Vec<String>,
    /// Of reports that are not used, with where.
    pub(super) errors: Vec<String>,
}

/// Reads reports. One that cannot be read costs only itself, unless all must be read (`strict`), or none can.
/// `flag` is what named them.
pub(super) fn reports(
    timings: &[String],
    strict: bool,
    configured: &Configured,
    flag: &str,
) -> Result<Known, Failure> {
    let named = reports::expand(timings, &configured.here, &format!("{flag} "))?;
    let read = reports::read(&named, &configured.here, || {
        Collector::new(configured.config.time_from, &configured.config.memory_properties)
    });
    let errors: Vec<String> = read.iter().filter_map(reports::Read::error).collect();
    // A listing has no times.
    let timed = |format: Option<Format>| format.is_some_and(|format| !format.is_listing());
    let unknown = read.iter().filter(|read| matches!(read.result, Ok((format, _)) if !timed(format)));
    let unknown: Vec<String> = unknown.map(|read| read.name.clone()).collect();
    let reports: Vec<Report> = (read.into_iter())
        .filter_map(|read| {
            let (_, collector) = read.result.ok().filter(|(format, _)| timed(*format))?;
            let mut report = collector.finish();
            if let Some(example) = &mut report.unusable.example {
                example.report = read.name;
            }
            Some(report)
        })
        .collect();
    if (strict && !errors.is_empty()) || reports.is_empty() {
        return Err(cannot_read(&errors, flag));
    }
    let mut notes = Vec::new();
    if !unknown.is_empty() {
        let names = examples(unknown.iter().map(String::as_str), 3);
        notes.push(match unknown.len() {
            1 => format!("timings: 1 file is no report with times: {names}"),
            more => format!("timings: {more} files are no reports with times: {names}"),
        });
    }
    Ok(Known { reports, notes, errors })
}

pub(super) fn cannot_read(errors: &[String], flag: &str) -> Failure {
    let more = match errors.len().saturating_sub(ERRORS_MAX) {
        0 => String::new(),
        more => format!("\n  and {} that cannot be read", count(more, "other report")),
    };
    let shown = errors[..errors.len().min(ERRORS_MAX)].join(&format!("\n{}: ", ErrorId::ReportInvalid));
    let help = format!("record it again, or leave it out of {flag}");
    match errors {
        [] => Failure::new(ErrorId::NoTimes, format!("{flag} names no report with times")),
        _ => Failure::new(ErrorId::ReportInvalid, format!("{shown}{more}\n  help: {help}")),
    }
}

impl Gathered {
    /// The runs of the history, oldest first.
    pub(super) fn runs(&self) -> &[RunMeta] {
        &self.store.runs
    }

    /// Meets the names with those of an inventory.
    pub(super) fn meet(&self, inventory: &Inventory, config: &Config) -> (History, Remarks) {
        let mut notes = self.notes.clone();
        let mut warnings = self.warnings.clone();
        let index = Index::new(inventory, &config.map);
        let mut moved_since_reports = Vec::new();
        let times = self.reports.as_ref().map(|reports| {
            let mut unusable = Unusable::default();
            reports.iter().for_each(|report| unusable.add(&report.unusable));
            let (times, meeting) = meet::times(&index, reports);
            notes.extend(describe("timings", &count(reports.len(), "report"), &meeting));
            notes.extend(left_out(&unusable));
            warnings.extend(mismatch("timings", &meeting));
            moved_since_reports = meeting.moved;
            times
        });
        let (history, meeting) = meet::history(&index, &self.store, config.key.as_deref(), times.as_deref());
        if !self.store.runs.is_empty() {
            notes.extend(describe("history", &count(self.store.runs.len(), "run"), &meeting));
            warnings.extend(mismatch("history", &meeting));
            notes.extend(unknown_key(config.key.as_deref(), &self.store.runs));
        }
        let moved_since_history = meeting.moved;
        (history, Remarks { notes, warnings, moved_since_reports, moved_since_history })
    }
}

/// How stores are read.
#[derive(Clone, Copy, Default)]
pub(super) struct Access {
    /// All must be read.
    pub(super) strict: bool,
    /// Longest time to try shared storage.
    pub(super) wait: Option<Millis>,
    /// Nothing is written, not even a copy of what shared storage holds.
    pub(super) dry: bool,
}

/// Stores joined, and what to say about them.
#[derive(Default)]
pub(super) struct Stores {
    pub(super) store: Store,
    pub(super) notes: Vec<String>,
    pub(super) warnings: Vec<Warning>,
}

/// The stores that are named, joined, or the configured one; and what to say of those that are not there.
pub(super) fn read_stores(
    paths: &[PathBuf],
    access: Access,
    configured: &Configured,
) -> Result<Stores, Failure> {
    let places: Vec<Place> = match paths {
        [] => vec![Place::of(None, configured)?],
        paths => paths.iter().map(|path| Place::of(Some(path), configured)).collect::<Result<_, _>>()?,
    };
    let mut stores = Stores::default();
    for place in places {
        let read = match place {
            Place::Shared(address) => read_shared(&address, access, configured, &mut stores)?,
            Place::File(path) if path.exists() => {
                let bytes = files::read_packed(&path, history::SIZE_MAX)?;
                Some(parse_store(&bytes, &files::shown(&path))?)
            }
            Place::File(path) => {
                // The first run of every project: worth a word only where the user named the file.
                if !paths.is_empty() {
                    let shown = files::shown(&path);
                    stores.notes.push(format!("history: `{shown}` does not exist yet"));
                }
                None
            }
        };
        stores.store = stores.store.join(read.unwrap_or_default());
    }
    Ok(stores)
}

/// The store in shared storage, or the last copy of it where that cannot be reached.
fn read_shared(
    address: &Address,
    access: Access,
    configured: &Configured,
    stores: &mut Stores,
) -> Result<Option<Store>, Failure> {
    let err = match place::fetch(address, access.wait) {
        Ok(Some(bytes)) => {
            let store = place::parse_shared(&bytes, address)?;
            if !access.dry {
                stores.notes.extend(place::keep_copy(&bytes, address, configured));
            }
            return Ok(Some(store));
        }
        Ok(None) => {
            stores.notes.push(format!("history: `{address}` does not exist yet"));
            return Ok(None);
        }
        Err(err) if access.strict => {
            return Err(Failure::new(ErrorId::StorageFailed, format!("cannot read `{address}`: {err}")));
        }
        Err(err) => err,
    };
    let copy = place::copy(address, configured);
    let copied = copy.exists().then(|| files::read_packed(&copy, history::SIZE_MAX)).transpose()?;
    let instead = match &copied {
        Some(_) => format!("its last copy `{}` is used", files::shown(&copy)),
        None => "no earlier copy of it is here, so nothing of it is known".to_owned(),
    };
    let message = format!("cannot read `{address}`: {err}: {instead}");
    stores.warnings.push(Warning::new(WarningCode::HistoryUnreachable, "history", message));
    copied.map(|bytes| parse_store(&bytes, &files::shown(&copy))).transpose()
}

/// The store that a file holds.
pub(super) fn parse_store(bytes: &[u8], shown: &str) -> Result<Store, Failure> {
    store::read(bytes).map_err(|err| {
        let separator = if err.line.is_some() { ":" } else { ": " };
        let help = "restore it, or remove it to start anew";
        Failure::new(ErrorId::HistoryInvalid, format!("{}{separator}{err}\n  help: {help}", printable(shown)))
    })
}

/// That no run was measured under the key that counts.
fn unknown_key(key: Option<&str>, runs: &[RunMeta]) -> Option<String> {
    let key = key.filter(|key| runs.iter().all(|run| run.key != *key))?;
    let mut keys: Vec<&str> = runs.iter().map(|run| run.key.as_str()).collect();
    keys.sort_unstable();
    keys.dedup();
    let has = || format!("it has {}", examples(keys.iter().copied(), 5));
    let help = crate::text::did_you_mean(key, keys.iter().copied()).unwrap_or_else(has);
    Some(format!("  no run has the key `{}`\n  help: {help}", printable(key)))
}

/// How reports or a history met the inventory, with examples of both sides.
fn describe(what: &str, from: &str, meeting: &Meeting) -> Vec<String> {
    let known = meeting.known();
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
    if let [(old, new), ..] = meeting.moved.as_slice() {
        let files = count(meeting.moved.len(), "file");
        let verb = if meeting.moved.len() == 1 { "was moved and takes" } else { "were moved and take" };
        notes.push(format!(
            "  {files} {verb} old figures, with a margin: `{}` is `{}` now",
            printable(old),
            printable(new)
        ));
    }
    if meeting.doubles > 0 {
        let tests = count(meeting.doubles, "test");
        notes.push(format!(
            "  {tests} in several reports, such as an aggregate and its parts: each counts once"
        ));
    }
    if meeting.stale_tests > 0 {
        let verb = if meeting.stale_tests == 1 { "does" } else { "do" };
        let tests = count(meeting.stale_tests, "test");
        notes.push(format!("  {tests} that {verb} not exist any more, left out"));
    }
    notes
}

/// Cases that teach nothing, by reason.
pub(super) fn left_out(unusable: &Unusable) -> Vec<String> {
    let reasons = [
        (unusable.skipped, "skipped"),
        (unusable.cached, "not run again"),
        (unusable.aborted, "never ended"),
        (unusable.attempts, "run again later"),
        (unusable.untimed, "without a time"),
        (unusable.wrong, "with a time that cannot be"),
    ];
    let shown = reasons.iter().filter(|(number, _)| *number > 0);
    let shown: Vec<String> = shown.map(|(number, what)| format!("{} {what}", thousands(*number))).collect();
    let example = unusable.example.as_ref().map_or_else(String::new, |wrong| {
        let line = wrong.line.map_or_else(String::new, |line| format!(":{line}"));
        let Wrong { case, time, report, .. } = wrong;
        format!(", such as `{}` of `{}` in {}{line}", printable(time), printable(case), printable(report))
    });
    let shown = (!shown.is_empty()).then(|| format!("  cases left out: {}{example}", shown.join(", ")));
    let passed_over = (unusable.passed_over > 0).then(|| {
        format!("  {} passed over; `shard inspect` names them", count(unusable.passed_over, "odd place"))
    });
    shown.into_iter().chain(passed_over).collect()
}

fn mismatch(what: &str, meeting: &Meeting) -> Option<Warning> {
    let known = meeting.suites.saturating_sub(meeting.unknown.len());
    // A first job that was measured knows few suites too, but what it names is there.
    let strange = meeting.strangers.len() * 2 >= meeting.places;
    if meeting.suites <= MATCH_SUITES_MIN || known * 2 >= meeting.suites || !strange {
        return None;
    }
    let message = format!(
        "only {} of {} are known to the {what}: is it from another folder? [map] in shard.toml leads its \
         names to the suites",
        thousands(known),
        count(meeting.suites, "suite")
    );
    Some(Warning::new(WarningCode::HistoryMismatch, what, message))
}
