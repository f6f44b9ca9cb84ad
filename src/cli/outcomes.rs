//! Outcomes as they lie on disk.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};

use super::Failure;
use super::reports::Named;
use crate::files;
use crate::outcome::{self, Outcome};
use crate::report::ReportError;

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
        let before = found.len();
        // A folder that cannot be looked into cannot be read either.
        found.extend(meant.files.into_iter().filter(|path| path.is_file()).chain(meant.closed));
        if found.len() == before {
            return Err(Failure::usage(format!("`{source}` holds no outcome")));
        }
    }
    found.sort();
    found.dedup();
    Ok(found)
}

/// One outcome.
pub(super) fn read(path: &Path) -> Result<Outcome, ReportError> {
    let cannot = |err: std::io::Error| ReportError::new(None, format!("cannot read it: {err}"));
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
