//! From what was found to tiers: their names, their patterns, and what is assumed of suites that nobody has measured.

use std::collections::{BTreeMap, BTreeSet};

use super::{Findings, Found, Runner, Suites};
use crate::config::Patterns;
use crate::model::SuiteId;

/// Folders that people name after a kind of test, and what its tier is called.
const KINDS: [(&str, &str); 16] = [
    ("unit", "unit"),
    ("unittest", "unit"),
    ("unit_tests", "unit"),
    ("unit-tests", "unit"),
    ("integration", "integration"),
    ("integration_tests", "integration"),
    ("integration-tests", "integration"),
    ("functional", "functional"),
    ("acceptance", "acceptance"),
    ("e2e", "e2e"),
    ("e2e_tests", "e2e"),
    ("e2e-tests", "e2e"),
    ("end-to-end", "e2e"),
    ("end_to_end", "e2e"),
    ("system", "system"),
    ("smoke", "smoke"),
];

/// Folders of one kind that are named one by one.
const FOLDERS_MAX: usize = 6;

/// A tier of the configuration.
#[derive(Clone, Debug)]
pub(super) struct Tier<'f> {
    pub(super) name: String,
    pub(super) matches: Vec<String>,
    pub(super) found: &'f Found,
    /// Files that it has now, where files are its suites.
    pub(super) files: Option<usize>,
}

/// What the configuration says.
#[derive(Clone, Debug)]
pub struct Draft<'f> {
    pub(super) tiers: Vec<Tier<'f>>,
    /// Of the inventory.
    pub(super) files: Vec<String>,
    pub(super) exclude: Vec<String>,
    pub(super) commands: Vec<Vec<String>>,
    /// Found, and written as comments, since other runners have the same files.
    pub(super) instead: Vec<Tier<'f>>,
}

impl Draft<'_> {
    /// Nothing was found that could be planned.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.tiers.is_empty()
    }

    /// The name of the first tier.
    pub(super) fn first(&self) -> &str {
        self.tiers.first().map_or("default", |tier| &tier.name)
    }
}

/// Tiers and inventory of what was found.
#[must_use]
pub fn draft(findings: &Findings) -> Draft<'_> {
    let active: Vec<&Found> = findings.found.iter().filter(|found| found.instead.is_none()).collect();
    let mut draft = Draft {
        tiers: Vec::new(),
        files: Vec::new(),
        exclude: Vec::new(),
        commands: Vec::new(),
        instead: Vec::new(),
    };
    for found in &active {
        match &found.suites {
            Suites::Files { patterns, exclude, .. } => {
                draft.files.extend(patterns.iter().cloned());
                // What one runner leaves out may be another's.
                let free = |pattern: &&String| {
                    let one = Patterns::new([pattern.as_str()]).unwrap_or_default();
                    !active
                        .iter()
                        .flat_map(|found| files(found))
                        .any(|file| one.matches(&SuiteId::new(&**file)))
                };
                draft.exclude.extend(exclude.iter().filter(free).cloned());
            }
            Suites::Listed { command, .. } => draft.commands.push(command.clone()),
        }
        draft.tiers.extend(tiers(found, active.len() == 1));
    }
    for list in [&mut draft.files, &mut draft.exclude] {
        let mut seen = BTreeSet::new();
        list.retain(|one| seen.insert(one.clone()));
    }
    let active = draft.tiers.len();
    draft.tiers.extend(findings.found.iter().filter(|found| found.instead.is_some()).map(whole));
    name(&mut draft.tiers);
    draft.instead = draft.tiers.split_off(active);
    if let Some(last) = draft.tiers.last_mut() {
        last.matches = vec!["**".to_owned()];
    }
    draft
}

fn files(found: &Found) -> &[String] {
    match &found.suites {
        Suites::Files { files, .. } => files,
        Suites::Listed { .. } => &[],
    }
}

/// One tier of all that was found in a place, whatever its folders are called.
fn whole(found: &Found) -> Tier<'_> {
    let name = match slug(found.folder.rsplit('/').next().unwrap_or_default()) {
        folder if folder.is_empty() => found.runner.name().to_owned(),
        folder => folder,
    };
    let (matches, files) = match &found.suites {
        Suites::Files { patterns, files, .. } => (patterns.clone(), Some(files.len())),
        Suites::Listed { matches, .. } => (matches.clone(), None),
    };
    Tier { name, matches, found, files }
}

/// The tiers of one finding, not yet named apart from others.
fn tiers(found: &Found, alone: bool) -> Vec<Tier<'_>> {
    let all = whole(found);
    // A kind alone is a good name where nothing else has tests.
    let named = |kind: &str| match alone && found.folder.is_empty() {
        true => kind.to_owned(),
        false => format!("{}-{kind}", all.name),
    };
    let Suites::Files { files, .. } = &found.suites else { return vec![all] };
    let mut kinds: BTreeMap<usize, Vec<&str>> = BTreeMap::new();
    let mut rest = 0;
    for file in files {
        let parts: Vec<&str> = file.split('/').collect();
        let below = if found.folder.is_empty() { 0 } else { found.folder.split('/').count() };
        let known = |part: &&str| KINDS.iter().position(|(folder, _)| part.eq_ignore_ascii_case(folder));
        let at = (below..parts.len().saturating_sub(1)).find_map(|at| Some((at, known(&parts[at])?)));
        match at {
            Some((at, kind)) => {
                let end = parts[..=at].iter().map(|part| part.len() + 1).sum::<usize>() - 1;
                kinds.entry(kind).or_default().push(&file[..end]);
            }
            None => rest += 1,
        }
    }
    let mut by_name: BTreeMap<&str, (Vec<String>, usize)> = BTreeMap::new();
    for (kind, found_in) in kinds {
        let (patterns, count) = by_name.entry(KINDS[kind].1).or_default();
        *count += found_in.len();
        let folders: BTreeSet<&str> = found_in.into_iter().collect();
        match folders.len() > FOLDERS_MAX {
            true => patterns.push(format!("**/{}/**", KINDS[kind].0)),
            false => {
                patterns.extend(folders.iter().map(|folder| format!("{}/**", glob::Pattern::escape(folder))))
            }
        }
    }
    if by_name.len() + usize::from(rest > 0) < 2 {
        return vec![all];
    }
    let mut tiers: Vec<Tier<'_>> = (by_name.into_iter())
        .map(|(kind, (matches, count))| Tier { name: named(kind), matches, found, files: Some(count) })
        .collect();
    // As they stand in the table: the quick ones first.
    tiers.sort_by_key(|tier| KINDS.iter().position(|(_, kind)| tier.name.ends_with(kind)));
    if rest > 0 {
        tiers.push(Tier { files: Some(rest), ..all });
    }
    tiers
}

/// Names that differ, as tiers may be called: with the runner where several run in one folder, else with a number.
fn name(tiers: &mut [Tier<'_>]) {
    let bases: Vec<String> = tiers.iter().map(|tier| tier.name.clone()).collect();
    let mut used: BTreeSet<String> = BTreeSet::new();
    for (tier, base) in tiers.iter_mut().zip(&bases) {
        let base = match bases.iter().filter(|other| *other == base).count() {
            1 => base.clone(),
            _ => format!("{base}-{}", tier.found.runner.name()),
        };
        let numbered = (2..).map(|number| format!("{base}-{number}"));
        tier.name =
            std::iter::once(base.clone()).chain(numbered).find(|name| !used.contains(name)).unwrap_or(base);
        used.insert(tier.name.clone());
    }
}

/// A folder's name as a part of a tier's.
fn slug(name: &str) -> String {
    let dashed = name.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' });
    let words: String = dashed.take(40).collect();
    let parts: Vec<&str> = words.split('-').filter(|part| !part.is_empty()).collect();
    match parts.join("-") {
        slug if slug.is_empty() && !name.is_empty() => "tests".to_owned(),
        slug => slug,
    }
}

/// What is assumed of a runner's sessions and suites until they are measured.
pub(super) struct Assumed {
    pub(super) workers: u32,
    /// A process of its own for every suite.
    pub(super) isolated: bool,
    pub(super) why: &'static str,
    pub(super) base: &'static str,
    pub(super) worker_base: &'static str,
    pub(super) setup: &'static str,
    pub(super) time: &'static str,
    pub(super) retained: &'static str,
    pub(super) transient: &'static str,
    /// What a suite is called.
    pub(super) unit: &'static str,
}

/// Guesses, of the size that small projects have.
pub(super) fn assumed(found: &Found) -> Assumed {
    let accumulates = Assumed {
        workers: 1,
        isolated: false,
        why: "a process keeps what its files leave behind",
        base: "60MB",
        worker_base: "50MB",
        setup: "45s",
        time: "4s",
        retained: "40MB",
        transient: "0MB",
        unit: "file",
    };
    let isolated = Assumed {
        workers: 2,
        isolated: true,
        why: "a process of its own for every suite",
        retained: "0MB",
        transient: "100MB",
        ..accumulates
    };
    match found.runner {
        Runner::Pytest if found.run.iter().any(|word| word == "{workers}") => {
            Assumed { workers: 2, ..accumulates }
        }
        Runner::Pytest => accumulates,
        Runner::Rspec => Assumed { base: "150MB", worker_base: "0MB", retained: "10MB", ..accumulates },
        Runner::Jest => {
            Assumed { workers: 2, base: "100MB", worker_base: "100MB", time: "3s", ..accumulates }
        }
        Runner::Playwright => Assumed {
            workers: 2,
            base: "200MB",
            worker_base: "400MB",
            time: "15s",
            retained: "10MB",
            why: "a worker and its browser live on from file to file",
            ..accumulates
        },
        Runner::Vitest => Assumed {
            base: "200MB",
            time: "2s",
            why: "a process of its own for every file; with --no-isolate: \"accumulates\"",
            ..isolated
        },
        Runner::Go => Assumed { base: "400MB", worker_base: "0MB", time: "10s", unit: "package", ..isolated },
        Runner::Nextest => {
            Assumed { base: "1GB", worker_base: "0MB", setup: "2m", time: "10s", unit: "binary", ..isolated }
        }
        Runner::Ctest => {
            Assumed { base: "30MB", worker_base: "0MB", setup: "2m", time: "2s", unit: "test", ..isolated }
        }
    }
}
