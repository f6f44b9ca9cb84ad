//! Every file that `shard` writes in a test is held against its schema, wherever the test has it written.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{LazyLock, Mutex};
use std::time::SystemTime;

use jsonschema::Validator;
use serde_json::Value;
use shard::schema::{self, Document};

/// Larger files are as the smaller ones: validating takes a second for each so many bytes here.
const SIZE_MAX: u64 = 1 << 20;

/// As deep as what is written lies in a test's folder.
const DEPTH_MAX: usize = 5;

static VALIDATORS: LazyLock<Vec<(Document, Validator)>> = LazyLock::new(|| {
    Document::ALL
        .into_iter()
        .map(|document| (document, jsonschema::validator_for(&schema::of(document)).unwrap()))
        .collect()
});

/// How many documents were held against each schema, and how many files were too large.
static CHECKED: [AtomicUsize; Document::ALL.len() + 1] = [const { AtomicUsize::new(0) }; _];

pub(crate) fn validator(document: Document) -> &'static Validator {
    &VALIDATORS.iter().find(|(known, _)| *known == document).unwrap().1
}

/// What tells a version of a file from the next: its length, its time, its inode.
type Version = (u64, SystemTime, u64);

/// What was held against its schema, or placed by a test: nothing is looked at twice.
static KNOWN: Mutex<BTreeSet<(PathBuf, Version)>> = Mutex::new(BTreeSet::new());

/// Files as they were at one moment.
#[derive(Default)]
pub(crate) struct Snapshot(BTreeMap<PathBuf, Version>);

impl Snapshot {
    pub(crate) fn of(folder: &Path) -> Snapshot {
        let mut snapshot = Snapshot::default();
        snapshot.add(folder, DEPTH_MAX);
        snapshot
    }

    fn add(&mut self, folder: &Path, depth: usize) {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let name = entry.file_name();
            let name = name.to_string_lossy();
            let candidate = [".json", ".jsonl", ".gz", ".zst"].iter().any(|ending| name.ends_with(ending));
            let Ok(kind) = entry.file_type() else { continue };
            if kind.is_dir() && depth > 0 && name != "node_modules" {
                self.add(&entry.path(), depth - 1);
            } else if candidate
                && kind.is_file()
                && let Ok(meta) = entry.metadata()
            {
                self.0.insert(entry.path(), version(&meta));
            }
        }
    }
}

fn version(meta: &fs::Metadata) -> Version {
    #[cfg(unix)]
    let inode = std::os::unix::fs::MetadataExt::ino(meta);
    #[cfg(not(unix))]
    let inode = 0;
    (meta.len(), meta.modified().unwrap(), inode)
}

/// A test wrote this file itself, as broken as it likes.
pub(crate) fn placed(path: &Path) {
    if let Ok(meta) = path.symlink_metadata() {
        KNOWN.lock().unwrap().insert((path.to_owned(), version(&meta)));
    }
}

/// Holds what was written since `before` against the schemas.
#[track_caller]
pub(crate) fn check(folder: &Path, before: &Snapshot) {
    for (path, seen) in Snapshot::of(folder).0 {
        if before.0.get(&path) == Some(&seen) || !KNOWN.lock().unwrap().insert((path.clone(), seen)) {
            continue;
        }
        if seen.0 > SIZE_MAX {
            CHECKED[Document::ALL.len()].fetch_add(1, Ordering::Relaxed);
            continue;
        }
        // A container of something else, or gone again.
        let Ok(bytes) = shard::files::read_packed(&path, 64 * SIZE_MAX) else { continue };
        let wrong = faults(&bytes);
        assert!(wrong.is_empty(), "{}:\n{}", path.display(), wrong.join("\n"));
    }
}

/// What is wrong with a file of ours; nothing with one of others.
pub(crate) fn faults(bytes: &[u8]) -> Vec<String> {
    // One document, or one on every line, of which a kill may have cut the last.
    let whole = serde_json::from_slice::<Value>(bytes).ok();
    let lines = || bytes.split(|byte| *byte == b'\n').filter_map(|line| serde_json::from_slice(line).ok());
    let documents: Vec<Value> = whole.map_or_else(|| lines().collect(), |value| vec![value]);
    let mut wrong = Vec::new();
    for value in &documents {
        let Some(document) = recognised(value) else { continue };
        CHECKED[document as usize].fetch_add(1, Ordering::Relaxed);
        let errors = validator(document).iter_errors(value);
        wrong.extend(errors.take(5).map(|error| format!("{}: {error}", error.instance_path())));
    }
    wrong
}

/// Whose shape a document claims to have.
fn recognised(value: &Value) -> Option<Document> {
    let has = |keys: &[&str]| keys.iter().all(|key| value.get(key).is_some());
    match () {
        () if has(&["schema", "shards", "quality"]) => Some(Document::Plan),
        () if has(&["schema", "runs", "suites"]) => Some(Document::History),
        () if has(&["include"]) => Some(Document::Matrix),
        () if has(&["event"]) => Some(Document::Outcome),
        () => None,
    }
}

/// How many documents were held against a schema so far.
pub(crate) fn checked(document: Document) -> usize {
    CHECKED[document as usize].load(Ordering::Relaxed)
}
