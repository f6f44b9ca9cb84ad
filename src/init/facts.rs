//! What is known of a project: the names of its files, and the texts of those that configure tests.

use std::collections::BTreeMap;

use serde_json::Value;

/// Longest text that is worth reading, in bytes.
pub const TEXT_MAX: u64 = 256 << 10;

/// Files of these names are read, wherever they are.
const NAMES: [&str; 24] = [
    "package.json",
    "pyproject.toml",
    "pytest.ini",
    ".pytest.ini",
    "setup.cfg",
    "tox.ini",
    "requirements.txt",
    "requirements-dev.txt",
    "requirements-test.txt",
    "dev-requirements.txt",
    "test-requirements.txt",
    "Cargo.toml",
    "nextest.toml",
    "go.mod",
    "go.work",
    ".rspec",
    "Gemfile",
    "spec_helper.rb",
    "rails_helper.rb",
    "CMakeLists.txt",
    ".gitlab-ci.yml",
    "jest.config.json",
    "pnpm-workspace.yaml",
    "CTestConfig.cmake",
];

/// Folders whose files are samples for tests, or somebody else's.
const SAMPLES: [&str; 16] = [
    "fixtures",
    "fixture",
    "__fixtures__",
    "testdata",
    "test-data",
    "test_data",
    "examples",
    "example",
    "templates",
    "template",
    "playground",
    "vendor",
    "vendored",
    "third_party",
    "thirdparty",
    "third-party",
];

/// Whether the text of a file is worth reading.
#[must_use]
pub fn is_wanted(path: &str) -> bool {
    let (folder, name) = split(path);
    NAMES.contains(&name)
        || is_script(name)
        || (folder == ".github/workflows" && (name.ends_with(".yml") || name.ends_with(".yaml")))
        || ((folder == "requirements" || folder.ends_with("/requirements")) && name.ends_with(".txt"))
}

/// A configuration that is a program.
fn is_script(name: &str) -> bool {
    let begins =
        ["jest.config.", "vitest.config.", "vitest.workspace.", "vite.config.", "playwright.config."];
    let ends = ["js", "ts", "mjs", "cjs", "mts", "cts", "json"];
    begins.iter().any(|begin| name.strip_prefix(begin).is_some_and(|end| ends.contains(&end)))
}

/// A project as far as it is looked at.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// Sorted, relative to the project's folder, with `/`.
    files: Vec<String>,
    texts: BTreeMap<String, String>,
}

impl Facts {
    /// From names, in any order, and texts by name.
    #[must_use]
    pub fn new(mut files: Vec<String>, texts: BTreeMap<String, String>) -> Facts {
        files.sort_unstable();
        files.dedup();
        Facts { files, texts }
    }

    pub(super) fn text(&self, path: &str) -> Option<&str> {
        self.texts.get(path).map(String::as_str)
    }

    /// The text of a file directly in `folder`.
    pub(super) fn text_in(&self, folder: &str, name: &str) -> Option<&str> {
        self.text(&join(folder, name))
    }

    pub(super) fn has(&self, folder: &str, name: &str) -> bool {
        self.files.binary_search(&join(folder, name)).is_ok()
    }

    /// The first of these names that is in `folder`.
    pub(super) fn first<'n>(&self, folder: &str, names: &[&'n str]) -> Option<&'n str> {
        names.iter().copied().find(|name| self.has(folder, name))
    }

    /// All files below `folder`, sorted.
    pub(super) fn below(&self, folder: &str) -> impl Iterator<Item = &str> {
        let prefix = if folder.is_empty() { String::new() } else { format!("{folder}/") };
        let first = self.files.partition_point(|file| file.as_str() < prefix.as_str());
        let rest = self.files[first..].iter().map(String::as_str);
        rest.take_while(move |file| file.starts_with(&prefix))
    }

    /// Folders that have a file of this name, the upper ones first, without samples and what is in them.
    pub(super) fn folders_with(&self, is: impl Fn(&str) -> bool) -> Vec<&str> {
        let mut folders: Vec<&str> = (self.files.iter())
            .map(|file| split(file))
            .filter(|(folder, name)| is(name) && !is_sample(folder))
            .map(|(folder, _)| folder)
            .collect();
        folders.sort_by_key(|folder| (depth(folder), *folder));
        folders.dedup();
        folders
    }

    /// Texts of files directly in `folder`, by name.
    pub(super) fn texts_in<'f>(&'f self, folder: &'f str) -> impl Iterator<Item = (&'f str, &'f str)> {
        let own = move |(path, text): (&'f String, &'f String)| {
            let (above, name) = split(path);
            (above == folder).then_some((name, text.as_str()))
        };
        self.texts.iter().filter_map(own)
    }

    /// A JSON file of a folder; `None` where it is none.
    pub(super) fn json(&self, folder: &str, name: &str) -> Option<Value> {
        serde_json::from_str(self.text_in(folder, name)?).ok()
    }

    /// A TOML file of a folder; `None` where it is none.
    pub(super) fn toml(&self, folder: &str, name: &str) -> Option<toml::Table> {
        self.text_in(folder, name)?.parse().ok()
    }
}

/// The folder and the name of a path.
pub(super) fn split(path: &str) -> (&str, &str) {
    path.rsplit_once('/').unwrap_or(("", path))
}

pub(super) fn join(folder: &str, name: &str) -> String {
    if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") }
}

/// Whether `path` is below `folder`.
pub(super) fn inside(folder: &str, path: &str) -> bool {
    folder.is_empty() || path.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'))
}

/// Folders above each other: 0 for the project's own.
pub(super) fn depth(folder: &str) -> usize {
    if folder.is_empty() { 0 } else { 1 + folder.matches('/').count() }
}

pub(super) fn is_sample(folder: &str) -> bool {
    folder.split('/').any(|part| SAMPLES.contains(&part))
}
