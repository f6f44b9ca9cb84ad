//! Outcomes as they lie on disk.

use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

use super::Failure;
use crate::files;
use crate::outcome::{self, Outcome};
use crate::report::ReportError;

/// The files that are meant, each once, in the order of their names: files, folders with all `.jsonl`
/// files in them, patterns.
pub(super) fn expand(sources: &[String], here: &Path) -> Result<Vec<PathBuf>, Failure> {
    let mut found = Vec::new();
    for source in sources {
        let path = here.join(source);
        if !path.is_dir() && (path.exists() || !files::is_pattern(source)) {
            found.push(path);
            continue;
        }
        let matched: Vec<PathBuf> = match path.is_dir() {
            true => files::walk(&path, "**/*.jsonl")?.into_iter().map(|name| path.join(name)).collect(),
            false => files::walk(here, source)?.into_iter().map(|name| here.join(name)).collect(),
        };
        if matched.is_empty() {
            return Err(Failure::usage(format!("`{source}` holds no outcome")));
        }
        found.extend(matched.into_iter().filter(|path| path.is_file()));
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
