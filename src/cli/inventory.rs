//! The inventory of a command: its sources gathered from arguments, standard input, disk and the
//! configured command.

mod commands;

use std::io::Read;
use std::path::{Component, Path, PathBuf};

use super::configured::Configured;
use super::{Failure, elsewhere, reports};
use crate::catalogue::ErrorId;
use crate::config::ListFormat;
use crate::files;
use crate::inventory::{Collector, Inventory, ListingError, SIZE_MAX, report_format};
use crate::report::{BEGINNING, Format};
use crate::text::{count, examples, printable};

/// Endings of test files: a path with one of them is a suite, any other file is a list.
const SOURCE_ENDINGS: &str = "bats c cc cjs clj cpp cs cts cxx dart erl ex exs feature fs go groovy hs java jl js jsx kt kts lua m mjs \
    mm mts nim php pl pm ps1 py r rb robot rs scala sh spec swift t tcl ts tsx vb vue";

/// What was found, and what to tell the user about it.
pub(super) struct Gathered {
    pub(super) inventory: Inventory,
    pub(super) notes: Vec<String>,
}

/// The suites that `sources` name; those of the configuration where it is empty.
pub(super) fn gather(sources: &[String], configured: &Configured) -> Result<Gathered, Failure> {
    let wanted = &configured.config.inventory;
    let mut collector = Collector::new(wanted.granularity, configured.config.map.clone());
    let (mut listed, mut failed) = (false, Vec::new());
    for source in sources {
        listed |= add_source(source, configured, &mut collector)?;
    }
    if sources.is_empty() {
        if wanted.files.is_empty() && wanted.commands.is_empty() {
            return Err(Failure::new(
                ErrorId::NoInventory,
                "nothing says which suites exist\n  help: let `shard init` look at the project and write shard.toml\n  help: or name a list or a glob: shard plan tests.txt, shard plan 'tests/**/test_*.py'\n  help: or set `files` or `command` in [inventory] of shard.toml",
            ));
        }
        for pattern in &wanted.files {
            let found = walk(pattern, "", &configured.root)?;
            add_files(pattern, &found, &configured.root, &mut collector)?;
        }
        failed = commands::run(configured, &mut collector)?;
        listed = !wanted.commands.is_empty();
    }
    let mut notes = collector.take_notes();
    let inventory = collector.finish(&wanted.exclude);
    if !failed.is_empty() {
        return Err(commands::refuse(&failed, &inventory, configured));
    }
    if listed {
        notes.extend(elsewhere::note(&inventory, &configured.root));
    }
    Ok(Gathered { inventory, notes })
}

/// Adds one argument; returns whether it was a list.
fn add_source(source: &str, configured: &Configured, collector: &mut Collector) -> Result<bool, Failure> {
    if source == "-" {
        let bytes = files::read_from(std::io::stdin().lock(), SIZE_MAX)?;
        add_listing("standard input", &bytes, None, collector)?;
        return Ok(true);
    }
    let (forced, path) = match source.split_once(':') {
        Some(("glob", pattern)) => {
            let found = walk(pattern, &prefix(configured), &configured.root)?;
            found.iter().for_each(|id| collector.file(id));
            return Ok(false);
        }
        Some((name, path)) if name.parse::<ListFormat>().is_ok() => (name.parse().ok(), path),
        _ => (None, source),
    };
    if forced.is_none() && files::is_pattern(path) && !configured.here.join(path).exists() {
        let prefix = if Path::new(path).is_absolute() { String::new() } else { prefix(configured) };
        let found = walk(path, &prefix, &configured.root).map_err(|err| {
            // `junt:reports/*.xml` matches nothing either.
            reports::no_format(source, &["glob"]).unwrap_or(err)
        })?;
        add_files(path, &found, &configured.root, collector)?;
        return Ok(false);
    }
    let full = configured.here.join(path);
    if forced.is_some() && files::is_pattern(path) && !full.exists() {
        let found = all_of(&configured.here, path)?;
        if found.is_empty() {
            return Err(Failure::new(ErrorId::NoMatch, format!("`{path}` matches no file")));
        }
        for name in found {
            read_packed(&name, &configured.here.join(&name), forced, collector)?;
        }
        return Ok(true);
    }
    if full.is_dir() {
        add_folder(path, &full, forced, collector)?;
        return Ok(true);
    }
    if !full.exists() {
        let mut message = format!("`{path}` does not exist");
        if path.contains("::") {
            message.push_str("\n  help: put single tests into a list, one a line");
        } else if let Some(wrong) = reports::no_format(source, &["glob"]) {
            return Err(wrong);
        } else if let Some(help) = files::did_you_mean(&full) {
            message.push_str(&format!("\n  help: {help}"));
        }
        return Err(Failure::new(ErrorId::NotFound, message));
    }
    if forced.is_none() && is_test_file(path) {
        let relative = lexical(&configured.here.join(path));
        let id = relative
            .strip_prefix(lexical(&configured.root))
            .unwrap_or(&relative)
            .to_string_lossy()
            .replace('\\', "/");
        collector.file(&id);
        return Ok(false);
    }
    read_packed(path, &full, forced, collector)?;
    Ok(true)
}

/// Adds a list that may be packed; every file of an archive is one.
fn read_packed(
    shown: &str,
    path: &Path,
    format: Option<ListFormat>,
    collector: &mut Collector,
) -> Result<(), Failure> {
    let mut listings = Vec::new();
    files::unpack(path, |member, input| {
        let origin = member.map_or_else(|| shown.to_owned(), |member| format!("{shown}!{member}"));
        listings.push((origin, files::read_from(input, SIZE_MAX)));
    })
    .map_err(|err| Failure::new(ErrorId::Unreadable, format!("cannot read `{shown}`: {err}")))?;
    for (origin, bytes) in listings {
        let bytes = bytes
            .map_err(|err| Failure::new(ErrorId::Unreadable, format!("cannot read `{origin}`: {err:#}")))?;
        add_listing(&origin, &bytes, format, collector)?;
    }
    Ok(())
}

fn add_listing(
    origin: &str,
    bytes: &[u8],
    format: Option<ListFormat>,
    collector: &mut Collector,
) -> Result<(), Failure> {
    collector.listing(origin, bytes, format).map_err(|err: ListingError| {
        let separator = if err.line.is_some() { ":" } else { ": " };
        Failure::new(ErrorId::ListingInvalid, format!("{origin}{separator}{err}"))
    })
}

/// What a pattern matches, at least one file.
fn walk(pattern: &str, prefix: &str, root: &Path) -> Result<Vec<String>, Failure> {
    let whole = lexical(Path::new(&format!("{prefix}{pattern}")));
    let found = all_of(root, &whole.to_string_lossy())?;
    if found.is_empty() {
        return Err(Failure::new(
            ErrorId::NoMatch,
            format!(
                "`{pattern}` matches no file\n  help: `*` stops at `/`, `**` does not: tests/**/test_*.py"
            ),
        ));
    }
    Ok(found)
}

/// All that a pattern matches: what lies where nobody may look would never run.
fn all_of(folder: &Path, pattern: &str) -> Result<Vec<String>, Failure> {
    let walked = files::walk(folder, pattern)?;
    match walked.closed.first() {
        None => Ok(walked.files),
        Some(closed) => Err(Failure::new(
            ErrorId::Unreadable,
            format!(
                "cannot look into `{}`, where `{pattern}` may match more\n  help: make it readable, or name a pattern beside it",
                closed.strip_prefix(folder).unwrap_or(closed).display()
            ),
        )),
    }
}

/// Adds the files that a pattern matched, unless they are reports: those hold suites and are none.
fn add_files(pattern: &str, found: &[String], root: &Path, collector: &mut Collector) -> Result<(), Failure> {
    let reports: Vec<(&str, Format)> =
        found.iter().filter_map(|id| Some((id.as_str(), report_in(&root.join(id), id)?))).collect();
    if let Some((first, format)) = reports.first() {
        let (first, name) = (printable(first), format.name());
        let mixed = reports.iter().any(|(_, other)| other != format);
        let with = if mixed { "PATTERN" } else { pattern };
        let help = format!("the suites that they hold are those of '{name}:{with}'");
        if reports.len() == found.len() {
            let files = count(found.len(), "report");
            return Err(Failure::new(
                ErrorId::NotSuites,
                format!(
                    "`{pattern}` matches {files} and no suite, such as `{first}` ({name})\n  help: {help}; if the files themselves are the suites, say 'glob:{pattern}'"
                ),
            ));
        }
        let files = count(reports.len(), "report");
        collector.note(format!(
            "warning: `{pattern}` matches {files} beside suites, such as `{first}` ({name}), planned as if they were suites\n  help: {help}; exclude them from this one"
        ));
    }
    found.iter().for_each(|id| collector.file(id));
    Ok(())
}

/// The format of a report that may be packed; `None` where it is none, or a test by its name.
fn report_in(path: &Path, name: &str) -> Option<Format> {
    if is_test_file(name) || !path.is_file() {
        return None;
    }
    let mut found = None;
    // What cannot be read is no report.
    let _ = files::unpack(path, |_, input| {
        let mut start = Vec::new();
        if found.is_none() && input.take(BEGINNING).read_to_end(&mut start).is_ok() {
            found = report_format(&start);
        }
    });
    found
}

/// Adds what the reports and listings of a folder hold.
fn add_folder(
    shown: &str,
    folder: &Path,
    format: Option<ListFormat>,
    collector: &mut Collector,
) -> Result<(), Failure> {
    let mut found = all_of(folder, "**/*")?;
    found.retain(|name| folder.join(name).is_file());
    let shown = shown.trim_end_matches('/');
    let refused = |what: &str| {
        let help = format!(
            "name its test files with a glob: '{shown}/**/test_*.py', its reports with one behind their format: 'junit:{shown}/**/*.xml'"
        );
        Err(Failure::new(ErrorId::NotSuites, format!("`{shown}` is a folder {what}\n  help: {help}")))
    };
    let mut others = Vec::new();
    if format.is_none() {
        if found.iter().any(|name| is_test_file(name)) {
            return refused("with test files in it");
        }
        (found, others) = found.into_iter().partition(|name| report_in(&folder.join(name), name).is_some());
    }
    if found.is_empty() {
        return refused("without a report or a listing that is known");
    }
    for name in &found {
        read_packed(&format!("{shown}/{name}"), &folder.join(name), format, collector)?;
    }
    let files = count(found.len(), "file");
    let others = match others.len() {
        0 => String::new(),
        more => {
            let names = examples(others.iter().map(String::as_str), 3);
            format!("; {} not recognised: {names}", count(more, "other"))
        }
    };
    collector.note(format!("`{shown}`: the suites are what {files} in it list{others}"));
    Ok(())
}

/// Where we stand below the configuration's folder: patterns on the command line are relative to
/// here, ids to there.
fn prefix(configured: &Configured) -> String {
    match configured.here.strip_prefix(&configured.root) {
        Ok(below) if below.as_os_str().is_empty() => String::new(),
        Ok(below) => format!("{}/", glob::Pattern::escape(&below.to_string_lossy())),
        Err(_) => format!("{}/", glob::Pattern::escape(&configured.here.to_string_lossy())),
    }
}

/// `a/./b/../c` as `a/c`.
fn lexical(path: &Path) -> PathBuf {
    let mut out = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir if matches!(out.components().next_back(), Some(Component::Normal(_))) => {
                out.pop();
            }
            other => out.push(other),
        }
    }
    out
}

/// Whether a path ends as test files do.
pub(super) fn is_test_file(path: &str) -> bool {
    let ending = Path::new(path).extension().and_then(|ending| ending.to_str());
    ending.is_some_and(|ending| SOURCE_ENDINGS.split(' ').any(|known| known == ending))
}
