//! Suites that lie in another folder than their names say.

use std::fs;
use std::path::{Path, PathBuf};

use super::inventory::is_test_file;
use crate::inventory::Inventory;
use crate::text::count;

/// Suites that are looked for on disk, and folders that are looked into, before we stop wondering.
const LOOKED_FOR_MAX: usize = 50;
const FOLDERS_MAX: usize = 2_000;

/// Notices ids that are relative to another folder than the configuration's, and names the `[map]`
/// that helps. pytest prints ids relative to its rootdir, which is not always where it is started.
///
/// Only where files are found: what names a folder in another way, as Go and Bazel name packages, is what the runner must
/// be told.
pub(super) fn note(inventory: &Inventory, root: &Path) -> Option<String> {
    let like_paths = inventory
        .suites
        .iter()
        .map(|suite| suite.id.path())
        .filter(|path| path.contains('/') || is_test_file(path));
    let paths: Vec<&str> = like_paths.take(LOOKED_FOR_MAX).collect();
    let first = paths.first()?;
    if paths.iter().any(|path| root.join(path).exists()) {
        return None;
    }
    let most = |moved: &dyn Fn(&str) -> Option<PathBuf>| {
        let there = paths.iter().filter(|path| moved(path).is_some_and(|path| path.is_file())).count();
        there * 2 > paths.len()
    };
    let all = match inventory.suites.len() {
        1 => "the suite does not exist".to_owned(),
        n => format!("none of {} exists", count(n, "suite")),
    };
    let note = |found: String, map: String| {
        Some(format!(
            "warning: {all} below the folder of the configuration, but {found}\n  help: if the runner starts there, add to shard.toml:\n\n    [map]\n    {map}\n"
        ))
    };
    let heads: Vec<String> = first.match_indices('/').map(|(at, _)| first[..=at].to_owned()).collect();
    for head in heads {
        if most(&|path| Some(root.join(path.strip_prefix(&head)?))) {
            return note(format!("without `{head}` in front they do"), format!("strip = {head:?}"));
        }
    }
    for folder in folders(root) {
        if most(&|path| Some(root.join(&folder).join(path))) {
            return note(format!("below `{folder}` they do"), format!("add = \"{folder}/\""));
        }
    }
    None
}

/// Folders below `root`, the near ones first, without hidden ones and those of dependencies.
fn folders(root: &Path) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    let mut next = 0;
    let mut current = String::new();
    loop {
        let entries = fs::read_dir(root.join(&current)).into_iter().flatten().flatten();
        let mut names: Vec<String> = (entries
            .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir())))
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter(|name| {
            !name.starts_with('.')
                && !matches!(name.as_str(), "node_modules" | "target" | "venv" | "__pycache__")
        })
        .collect();
        names.sort_unstable();
        let inside = |name: String| if current.is_empty() { name } else { format!("{current}/{name}") };
        found.extend(names.into_iter().map(inside));
        if next >= found.len() || found.len() > FOLDERS_MAX {
            return found;
        }
        current.clone_from(&found[next]);
        next += 1;
    }
}
