//! The incident that this tool began with: 80 test files that died as one job, as two jobs under 3
//! GB.

use std::fmt::Write;
use std::path::PathBuf;

use crate::common::{Project, Random, root};

const MB: i64 = 1_000_000;

fn folder() -> PathBuf {
    root().join("testdata/scenarios/unit-e2e")
}

/// The scenario's project, with its list and configuration.
fn project() -> Project {
    let project = Project::new();
    for name in ["tests.txt", "shard.toml", "one-job.toml"] {
        project.file(name, &std::fs::read(folder().join(name)).unwrap());
    }
    project
}

/// Suites of each shard by name, with its predicted seconds and megabytes.
fn shards(project: &Project) -> Vec<(String, usize, u64, u64)> {
    let plan = project.plan();
    let of = |shard: &serde_json::Value| {
        let suites = shard["sessions"][0]["suites"].as_array().unwrap().len();
        let number = |key: &str| shard[key].as_u64().unwrap();
        (
            shard["id"].as_str().unwrap().to_owned(),
            suites,
            number("predicted_ms") / 1_000,
            number("predicted_bytes") / 1_000_000,
        )
    };
    plan["shards"].as_array().unwrap().iter().map(of).collect()
}

/// Exactly the two jobs, within the incident's figures.
fn check_two_jobs(project: &Project, e2e_files: usize) {
    let shards = shards(project);
    let [(e2e, e2e_count, e2e_s, e2e_mb), (unit, unit_count, unit_s, unit_mb)] = shards.as_slice() else {
        panic!("{shards:?}")
    };
    assert_eq!((e2e.as_str(), *e2e_count, unit.as_str(), *unit_count), ("e2e-1", e2e_files, "unit-1", 42));
    // 2.3 to 2.9 GB, to the tenth.
    assert!((2_250..=2_950).contains(e2e_mb) && (390..=470).contains(e2e_s), "{shards:?}");
    assert!((1_800..=2_200).contains(unit_mb) && (115..=185).contains(unit_s), "{shards:?}");
}

/// A history of so many runs with 1 % noise around the incident's figures: 40 MB retained by every
/// file, transients of 500 to 1,000 MB in the end-to-end files.
fn history(project: &Project, runs: u64) -> String {
    let mut random = Random(runs);
    let mut noisy = |value: i64| value + value * (random.below(2_001) as i64 - 1_000) / 100_000;
    let list = project.read("tests.txt");
    let mut suites = String::new();
    for (number, id) in list.lines().filter(|line| !line.starts_with('#')).enumerate() {
        let (ms, transient) = if id.contains("/e2e/") {
            (10_000, 500 * MB + 500 * MB * (number as i64) / 37)
        } else {
            (4_000, 0)
        };
        let rows: Vec<String> = (0..runs)
            .map(|run| format!("[{run},\"s\",{},0,{},{},0]", noisy(ms), noisy(40 * MB), noisy(transient)))
            .collect();
        let comma = if suites.is_empty() { "" } else { "," };
        write!(suites, "{comma}\"{id}\":[{}]", rows.join(",")).unwrap();
    }
    let runs: Vec<String> = (0..runs)
        .map(|run| format!(r#"{{"run":"gh-{run}","at":{},"key":"linux-x64"}}"#, 1_760_000_000 + run * 3_600))
        .collect();
    format!(r#"{{"schema":1,"runs":[{}],"suites":{{{suites}}},"tiers":{{}}}}"#, runs.join(","))
}

#[test]
fn nobody_has_measured_yet() {
    let project = project();
    project.shard("plan tests.txt").ok();
    check_two_jobs(&project, 38);
    assert_eq!(project.list("shard-out"), ["e2e-1.txt", "matrix.json", "plan.json", "unit-1.txt"]);
    assert_eq!(project.read("shard-out/e2e-1.txt").lines().count(), 38);
}

#[test]
fn the_same_two_jobs_after_recorded_runs() {
    for runs in [1, 3, 10] {
        let project = project();
        project.file("shard-history.json", history(&project, runs).as_bytes());
        let done = project.shard("plan tests.txt").ok();
        assert!(done.stdout().contains("80: time and memory measured"), "{}", done.stdout());
        check_two_jobs(&project, 38);
    }
}

#[test]
fn one_new_end_to_end_file_joins_its_job() {
    for runs in [0, 1, 3, 10] {
        let project = project();
        if runs > 0 {
            project.file("shard-history.json", history(&project, runs).as_bytes());
        }
        let list = project.read("tests.txt") + "tests/e2e/test_new_feature.py\n";
        project.file("tests.txt", list.as_bytes());
        project.shard("plan tests.txt").ok();
        check_two_jobs(&project, 39);
    }
}

#[test]
fn one_job_breaks_the_budget_and_says_by_how_much() {
    let project = project();
    let done = project.shard("plan tests.txt --config one-job.toml");
    done.fails(3, &["1 shard cannot hold the 80 suites of tier `all`: together they need 5.36 GB, 2.36 GB above the budget of 3 GB", "4 shards would do, and no fewer", "or a budget of 5.36 GB for 1 shard"]);
    assert!(!project.exists("shard-out"));
}

#[test]
fn a_target_splits_further() {
    let project = project();
    project.shard("plan tests.txt --target 4m").ok();
    let found: Vec<_> = shards(&project).into_iter().map(|(id, suites, ..)| (id, suites)).collect();
    assert_eq!(found, [("e2e-1".to_owned(), 19), ("e2e-2".to_owned(), 19), ("unit-1".to_owned(), 42)]);
}
