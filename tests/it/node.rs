//! Jest and Vitest: real sessions whose files take known amounts of memory.
//!
//! The packages come from `target/js/node_modules` (`npm install --prefix target/js jest@30 vitest@3`); without
//! them the tests say that they are skipped.

use std::os::unix::fs::symlink;

use shard::model::Bytes;
use shard::outcome::{self, Finished, Outcome, Status};

use crate::common::{Project, root};
use crate::plugin::{close, retained, transient};

/// What the files of the projects hold, in MB: they say what they keep and what they need for a moment. What is
/// kept lies outside of the tests' own world, which is thrown away after each file.
const HELD: &str = "const os = require('os');\nos.kept = os.kept || [];\n\
exports.kept = os.kept;\nexports.hold = (mb) => Buffer.alloc(mb * 1e6, 1);\n";

/// What the runner loads with the first file of a process and with the first that fails counts as theirs, or as
/// that of the next file behind which garbage is collected.
const FIRST: [&str; 3] = ["warm", "failed", "settled"];

/// Names, what they keep, what they need above that, and how they end.
const FILES: [(&str, u64, u64, Status, &str); 9] = [
    ("warm", 0, 0, Status::Passed, "test('x', () => {});"),
    ("failed", 0, 0, Status::Failed, "test('x', () => { throw new Error('x'); });"),
    ("settled", 0, 60, Status::Passed, "test('x', () => { hold(60); });"),
    ("spike", 0, 120, Status::Passed, "test('x', () => { hold(120); });"),
    ("keep", 110, 0, Status::Passed, "test('x', () => { kept.push(hold(110)); });"),
    ("both", 100, 120, Status::Passed, "test('x', () => { kept.push(hold(100)); hold(120); });"),
    ("skipped", 0, 0, Status::Skipped, "test.skip('x', () => { hold(50); });"),
    ("broken", 0, 0, Status::Failed, "throw new Error('x');"),
    (
        "clean",
        0,
        0,
        Status::Passed,
        "test('x', () => { if (process.env.SHARD_EVENTS || process.env.NODE_OPTIONS !== '--no-deprecation' || typeof gc !== 'undefined') throw 1; });",
    ),
];

/// Whether both packages are there.
fn installed() -> bool {
    let there = root().join("target/js/node_modules/vitest").exists();
    if !there {
        println!("skipped: there are no Jest and Vitest in target/js/node_modules");
    }
    there
}

/// The files above for a runner that is started with these words, larger ones first: so Jest orders them.
fn project(begin: &str, words: &str, memory: &str) -> Project {
    let words: Vec<String> =
        format!("node {words} {{suites}}").split(' ').map(|word| format!("{word:?}")).collect();
    let toml = format!(
        "[tier.all]\nmatch = [\"**\"]\nbudget = \"none\"\nmemory = {memory:?}\nrun = [{}]\n",
        words.join(", ")
    );
    let project = Project::with(&[("shard.toml", &toml), ("t/held.cjs", HELD), ("package.json", "{}")]);
    let mut costs = "id,ms,transient_bytes\n".to_owned();
    for (rank, (name, _, _, _, text)) in FILES.iter().enumerate() {
        let text = format!("{begin}{text}\n//{}\n", "x".repeat(9_000 - rank * 1_000));
        project.file(&format!("t/{name}.test.mjs"), text.as_bytes());
        costs += &format!("t/{name}.test.mjs,100,{}\n", (20 - rank) * 1000);
    }
    project.file("costs.csv", costs.as_bytes());
    symlink(root().join("target/js/node_modules"), project.path().join("node_modules")).unwrap();
    project.shard("plan --costs costs.csv").ok();
    project
}

fn jest(words: &str) -> Project {
    let begin = "const { hold, kept } = require('./held.cjs');\n";
    let config = r#"{"testMatch": ["**/*.test.mjs"], "transform": {}, "cacheDirectory": "<rootDir>/cache"}"#;
    let words = format!("node_modules/jest/bin/jest.js --config jest.json {words} --runTestsByPath");
    let project = project(begin, &words, "accumulates");
    project.file("jest.json", config.as_bytes());
    project
}

fn vitest(words: &str, memory: &str) -> Project {
    let begin = "import { test } from 'vitest';\nimport { hold, kept } from './held.cjs';\n";
    project(begin, &format!("node_modules/vitest/vitest.mjs run {words}"), memory)
}

fn run(project: &Project) -> Outcome {
    let variables = [("NODE_OPTIONS", "--no-deprecation"), ("CI", "1")];
    let done = project.run(["run", "all-1", "--preflight", "off"], b"", &variables);
    assert_eq!(done.code(), 1, "{}{}", done.stdout(), done.stderr());
    let said = done.stdout() + &done.stderr();
    assert!(!said.contains("shard_node"), "it says nothing: {said}");
    outcome::read(project.read("shard-out/outcomes/all-1.0.1.jsonl").as_bytes()).unwrap()
}

fn suites(outcome: &Outcome) -> Vec<(&'static str, u64, u64, &Finished)> {
    assert_eq!(outcome.end.as_ref().unwrap().not_run, [""; 0]);
    assert_eq!(outcome.in_flight(), Vec::<&outcome::Begin>::new());
    let of = |(name, keep, spike, status, _): (&'static str, u64, u64, Status, &str)| {
        let id = format!("t/{name}.test.mjs");
        let mut found = outcome.sessions[0].finished.iter().filter(|suite| suite.id == id);
        let suite = found.next().unwrap_or_else(|| panic!("no {id}"));
        assert!(found.next().is_none(), "{id} twice");
        assert_eq!(suite.status, status, "{id}");
        assert!(suite.ms.is_some(), "{id}");
        (name, keep, spike, suite)
    };
    FILES.map(of).to_vec()
}

/// Holds a session whose processes live on to what its files take. Where a slow machine left no time to collect
/// garbage nothing is claimed; but not for all of them.
#[track_caller]
fn check_accumulating(outcome: &Outcome) {
    let mut known = 0;
    for (name, keep, spike, suite) in suites(outcome).into_iter().filter(|(name, ..)| !FIRST.contains(name)) {
        if suite.after_bytes.is_some() {
            close(retained(suite), keep, &format!("retained of {name}"));
            close(transient(suite), spike, &format!("transient of {name}"));
            known += usize::from(keep > 0);
        }
    }
    assert!(known > 0, "{:?}", outcome.sessions);
}

#[test]
fn jest_files_are_measured_in_band() {
    if !installed() {
        return;
    }
    let project = jest("-i");
    let outcome = run(&project);
    check_accumulating(&outcome);
    assert_eq!(outcome.sessions[0].floors.keys().collect::<Vec<_>>(), ["main"]);
    // And it is learned.
    project.shard("record shard-out/outcomes --output h.json").ok();
    let history: serde_json::Value = serde_json::from_str(&project.read("h.json")).unwrap();
    let unit = history["page"].as_i64().unwrap_or(1);
    for (name, keep, spike, suite) in
        suites(&outcome).iter().filter(|(.., suite)| suite.after_bytes.is_some())
    {
        let row = &history["suites"][format!("t/{name}.test.mjs")][0];
        if !FIRST.contains(name) {
            close(
                row[4].as_i64().map(|count| count * unit),
                *keep,
                &format!("retained of {name}: {suite:?}"),
            );
            close(row[5].as_i64().map(|count| count * unit), *spike, &format!("transient of {name}"));
        }
    }
}

#[test]
fn jest_files_are_measured_in_workers() {
    if !installed() {
        return;
    }
    let outcome = run(&jest("-w 2"));
    assert_eq!(outcome.sessions[0].floors.keys().collect::<Vec<_>>(), ["jest-1", "jest-2", "main"]);
    // Which of them are the first of their worker is the runner's choice; in the order in which they ended.
    let mut ended = suites(&outcome);
    ended.sort_by_key(|(.., suite)| outcome.sessions[0].finished.iter().position(|one| one.id == suite.id));
    for worker in ["jest-1", "jest-2"] {
        // Whether what the file before has left is known.
        let mut settled = false;
        for (name, keep, spike, suite) in ended.iter().filter(|(.., suite)| suite.worker == worker) {
            let bytes = |bytes: Option<Bytes>| i64::try_from(bytes.unwrap_or_default().0).unwrap();
            let needed = bytes(suite.peak_bytes) - bytes(suite.before_bytes) - bytes(suite.shared_bytes);
            if settled && suite.status != Status::Failed {
                close(Some(needed), keep + spike, name);
            } else {
                // What the runner loads with the first file and for the first error, and what files before have left.
                let least = i64::try_from((keep + spike) * 1_000_000).unwrap();
                assert!((least..least + 25_000_000).contains(&needed), "{name}: {needed}");
            }
            settled = suite.after_bytes.is_some();
        }
    }
    let outcome = run(&jest("-w 2 --workerThreads"));
    assert!(
        suites(&outcome).iter().all(|(.., suite)| suite.peak_bytes.is_none()),
        "threads share their memory"
    );
}

#[test]
fn vitest_files_are_measured_in_processes_of_their_own() {
    if !installed() {
        return;
    }
    let outcome = run(&vitest("--pool forks --maxWorkers 2 --minWorkers 1", "isolated"));
    for (name, keep, spike, suite) in suites(&outcome) {
        // Everything is given back.
        assert_eq!(retained(suite), Some(0), "{name}");
        close(transient(suite), keep + spike, name);
    }
    assert!(outcome.sessions[0].floors.contains_key("main"), "{:?}", outcome.sessions[0].floors);
}

/// Our script takes a process longer than a file is worth, so those after the first start without it.
#[test]
fn vitest_s_processes_for_one_file_are_measured_from_outside() {
    if !installed() {
        return;
    }
    let begin = "import { test } from 'vitest';\nimport fs from 'fs';\n";
    let tells = "test('x', () => fs.appendFileSync('told', Object.hasOwn(process, 'emit') ? 'inside ' : 'outside '));";
    let dies = "test('x', () => { Buffer.alloc(60e6, 1); process.kill(process.pid, 'SIGKILL'); });";
    let toml = "[tier.all]\nmatch = [\"**\"]\nbudget = \"none\"\nmemory = \"isolated\"\n";
    let project = Project::with(&[("shard.toml", toml), ("package.json", "{}")]);
    let mut costs = "id,ms\n".to_owned();
    // Vitest begins with the longest.
    for (name, text, length) in [("a", tells, 900), ("b", tells, 800), ("c", tells, 700), ("dies", dies, 0)] {
        let text = format!("{begin}{text}\n//{}\n", "x".repeat(length));
        project.file(&format!("t/{name}.test.mjs"), text.as_bytes());
        costs += &format!("t/{name}.test.mjs,100\n");
    }
    project.file("costs.csv", costs.as_bytes());
    symlink(root().join("target/js/node_modules"), project.path().join("node_modules")).unwrap();
    project.shard("plan --costs costs.csv").ok();
    let words = "run all-1 --preflight off -- node node_modules/vitest/vitest.mjs run --maxWorkers 1 --minWorkers 1 {suites}";
    assert_ne!(project.shard(words).code(), 0);
    assert_eq!(project.read("told"), "inside outside outside ");
    let outcome = outcome::read(project.read("shard-out/outcomes/all-1.0.1.jsonl").as_bytes()).unwrap();
    let session = &outcome.sessions[0];
    assert_eq!(session.finished.len(), 3, "{session:?}");
    for suite in &session.finished {
        assert!(suite.peak_bytes.is_some() && suite.worker == "vitest-1", "{suite:?}");
        // Starting a process is part of what a file takes that has its own.
        assert!(suite.ms.is_some_and(|ms| ms.0 > 50), "{suite:?}");
    }
    let died: Vec<&str> = outcome.in_flight().iter().map(|begin| begin.id.as_str()).collect();
    assert_eq!(died, ["t/dies.test.mjs"]);
}

#[test]
fn vitest_files_are_measured_in_processes_that_live_on() {
    if !installed() {
        return;
    }
    let words = "--pool forks --no-isolate --maxWorkers 1 --minWorkers 1";
    check_accumulating(&run(&vitest(words, "accumulates")));
    let outcome = run(&vitest("--pool threads", "accumulates"));
    assert!(
        suites(&outcome).iter().all(|(.., suite)| suite.peak_bytes.is_none()),
        "threads share their memory"
    );
}
