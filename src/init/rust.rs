//! cargo-nextest, by `Cargo.toml`. What it calls a binary can be told to run by itself, which `cargo test` cannot.

use super::facts::{Facts, inside, join};
use super::{Findings, Found, Runner, Step, Suites, files};
use crate::text::count;

/// Most packages that are named one by one where other tools have tests too.
const PACKAGES_MAX: usize = 500;

pub(super) fn look(facts: &Facts, findings: &mut Findings) {
    let manifests = facts.folders_with(|name| name == "Cargo.toml");
    let mut homes: Vec<&str> = Vec::new();
    for folder in &manifests {
        // A workspace or package above takes it; one that is kept out of it has to be run by itself.
        if !homes.iter().any(|home| inside(home, folder)) {
            homes.push(folder);
        }
    }
    for folder in homes {
        let members: Vec<&str> =
            manifests.iter().copied().filter(|member| *member == folder || inside(folder, member)).collect();
        findings.found.extend(home(facts, folder, &members));
    }
}

fn home(facts: &Facts, folder: &str, members: &[&str]) -> Option<Found> {
    let manifest = facts.toml(folder, "Cargo.toml")?;
    let workspace = manifest.contains_key("workspace");
    let name = |member: &&str| {
        let manifest = facts.toml(member, "Cargo.toml")?;
        Some(manifest.get("package")?.get("name")?.as_str()?.to_owned())
    };
    let packages: Vec<String> = members.iter().filter_map(name).take(PACKAGES_MAX).collect();
    let own = packages.first().filter(|_| manifest.contains_key("package"));
    let mut evidence = vec![match (workspace, own) {
        (true, _) => (
            join(folder, "Cargo.toml"),
            format!("a workspace, {} below it", count(packages.len(), "package")),
        ),
        (false, Some(name)) => (join(folder, "Cargo.toml"), format!("package {name}")),
        (false, None) => return None,
    }];
    let mut notes = vec!["cargo-nextest runs no doctests: keep a job with `cargo test --doc`".to_owned()];
    if facts.has(folder, ".config/nextest.toml") {
        evidence.push((join(folder, ".config/nextest.toml"), "configures cargo-nextest".to_owned()));
    } else {
        notes.push("cargo-nextest is needed: cargo install cargo-nextest --locked".to_owned());
    }
    let tests = facts.below(folder).filter(|file| {
        let below = &file[if folder.is_empty() { 0 } else { folder.len() + 1 }..];
        below.ends_with(".rs") && (below.starts_with("tests/") || below.contains("/tests/"))
    });
    let seen =
        format!("{} with {} in tests/", count(packages.len(), "package"), count(tests.count(), "file"));
    let all: &[&str] = if workspace { &["--workspace"] } else { &[] };
    let list = [&["cargo", "nextest", "list"], all, &["--message-format", "json"]].concat();
    // Without a build for every one of its packages a filter could not name them all.
    let run = [
        &["env", "CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_RUNNER=shard probe --"]
            [usize::from(!folder.is_empty())..],
        &["cargo", "nextest", "run"],
        all,
        &["-j", "{workers}", "--no-fail-fast", "--no-tests", "pass", "--filterset=binary_id(={suites})"],
    ]
    .concat();
    Some(Found {
        runner: Runner::Nextest,
        folder: folder.to_owned(),
        evidence,
        suites: Suites::Listed {
            command: files::started_in(folder, &list),
            matches: packages.iter().map(|name| glob::Pattern::escape(name)).collect(),
            seen,
        },
        run: files::started_in(folder, &run),
        shuffles: false,
        notes,
        hints: vec!["`shard plan` builds the tests, since only the built ones can be listed".to_owned()],
        setup: vec![Step::Action("nextest", vec![("tool", "nextest")])],
        instead: None,
    })
}
