//! A project's own files as facts, the tests that they tell of, and the first configuration for them.
//!
//! ```text
//! facts ─► python, node, rust, go, ruby, cmake ─► found ─► tiers ─► shard.toml, a workflow, and what to say
//! ```
//!
//! Nothing of the project is executed, its tools neither: a repository that somebody just cloned is foreign code, and tools may
//! not be installed yet. So configurations that are programs (`jest.config.js`) are read as text, for what is written there
//! in plain words; what could not be read is told. Names of foreign files reach TOML as escaped strings and YAML not at all,
//! unless they are plain.

mod cmake;
mod facts;
mod files;
mod go;
mod ini;
mod machines;
mod node;
mod pipeline;
mod python;
mod ruby;
mod rust;
mod said;
mod settings;
mod tiers;
mod unclaimed;

pub use facts::{Facts, TEXT_MAX, is_wanted};
pub use machines::{Ci, Place};
pub use pipeline::{Pipeline, is_action, pipeline};
pub use said::{next, said};
pub use settings::settings;
pub use tiers::{Draft, draft};

/// A tool that runs tests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Runner {
    /// pytest, for Python.
    Pytest,
    /// Playwright's own runner. Before the other two, whose patterns are wider.
    Playwright,
    /// Jest, for JavaScript.
    Jest,
    /// Vitest, for JavaScript.
    Vitest,
    /// RSpec, for Ruby.
    Rspec,
    /// `go test`.
    Go,
    /// cargo-nextest, for Rust.
    Nextest,
    /// CTest, for CMake.
    Ctest,
}

impl Runner {
    /// As a tier's name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Runner::Pytest => "pytest",
            Runner::Playwright => "playwright",
            Runner::Jest => "jest",
            Runner::Vitest => "vitest",
            Runner::Rspec => "rspec",
            Runner::Go => "go",
            Runner::Nextest => "nextest",
            Runner::Ctest => "ctest",
        }
    }

    /// As people write it.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Runner::Pytest => "pytest",
            Runner::Playwright => "Playwright",
            Runner::Jest => "Jest",
            Runner::Vitest => "Vitest",
            Runner::Rspec => "RSpec",
            Runner::Go => "Go",
            Runner::Nextest => "Rust (cargo-nextest)",
            Runner::Ctest => "CTest",
        }
    }
}

/// Tests that one runner runs from one folder.
#[derive(Clone, Debug)]
pub struct Found {
    /// What runs them.
    pub runner: Runner,
    /// Where it is started, below the project's folder; empty for that folder.
    pub folder: String,
    /// Why we think so: a file, and what it says.
    pub evidence: Vec<(String, String)>,
    /// Which tests.
    pub suites: Suites,
    /// The words that run a session's suites, started in `folder`; `{suites}` stands for names relative to it.
    pub run: Vec<String>,
    /// The runner does not keep the order of a selection.
    pub shuffles: bool,
    /// What could not be read, and what is not covered.
    pub notes: Vec<String>,
    /// What to try where the first plan or run does not do.
    pub hints: Vec<String>,
    /// Commands that make a fresh machine ready, for a workflow.
    pub setup: Vec<Step>,
    /// Another runner has the same files, and is the likelier one: this is written as a comment.
    pub instead: Option<Runner>,
}

/// Which tests there are.
#[derive(Clone, Debug)]
pub enum Suites {
    /// Files, found by patterns.
    Files {
        /// From the project's folder.
        patterns: Vec<String>,
        /// Likewise.
        exclude: Vec<String>,
        /// Those that match now, sorted.
        files: Vec<String>,
    },
    /// What the tool lists when it is asked.
    Listed {
        /// The words, started in the folder.
        command: Vec<String>,
        /// Patterns for the names that it gives.
        matches: Vec<String>,
        /// What can be seen of them without asking, for people.
        seen: String,
    },
}

/// A step that makes a fresh machine ready.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// An action of the tool's language, with inputs of ours.
    Action(&'static str, Vec<(&'static str, &'static str)>),
    /// A command line of ours.
    Command(&'static str),
}

/// Everything that was found.
#[derive(Clone, Debug, Default)]
pub struct Findings {
    /// In the order of their tiers.
    pub found: Vec<Found>,
    /// Tools that were seen and for which nothing is written, with the file that names them.
    pub others: Vec<(String, String)>,
    /// What was passed over.
    pub notes: Vec<String>,
}

/// What the facts tell of tests.
#[must_use]
pub fn look(facts: &Facts) -> Findings {
    let mut findings = Findings::default();
    python::look(facts, &mut findings);
    node::look(facts, &mut findings);
    ruby::look(facts, &mut findings);
    go::look(facts, &mut findings);
    rust::look(facts, &mut findings);
    cmake::look(facts, &mut findings);
    // Braces would be placeholders in a command.
    let odd = |found: &Found| found.folder.contains(['{', '}']);
    for found in findings.found.iter().filter(|found| odd(found)) {
        let folder = crate::text::examples([found.folder.as_str()], 1);
        findings.notes.push(format!(
            "{} in {folder}: a folder with braces cannot stand in a command",
            found.runner.title()
        ));
    }
    findings.found.retain(|found| !odd(found));
    // The first tier that matches takes a suite: so folders inside others come first, and the widest patterns last.
    let order = |found: &Found| {
        let depth = std::cmp::Reverse(facts::depth(&found.folder));
        (found.runner.is_of_names(), depth, found.folder.clone(), found.runner)
    };
    findings.found.sort_by_key(order);
    findings.notes.extend(unclaimed::note(facts, &findings.found));
    findings
}

impl Runner {
    /// Whether suites are names and no files, so that their patterns are the widest.
    fn is_of_names(self) -> u8 {
        match self {
            Runner::Go => 1,
            Runner::Nextest => 2,
            // Names of tests, which could be anything.
            Runner::Ctest => 3,
            _ => 0,
        }
    }
}

#[cfg(test)]
mod tests;
