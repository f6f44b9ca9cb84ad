//! Checks against inputs for development that are not part of this repository: a corpus of real
//! reports, a generator of packing problems, and a checker that shares no code with us. Where they
//! are absent, each test says that it was skipped.

use std::path::Path;
use std::process::Command;

use crate::common::{Project, shared};

fn python(args: &[&Path]) -> Option<std::process::Output> {
    Command::new("python3").args(args).output().ok()
}

/// The independent checker finds nothing in this folder.
#[track_caller]
fn checked(project: &Project, what: &str) {
    let Some(tool) = shared("tools/check_plan.py") else { return };
    let out = project.path().join("shard-out");
    let output = python(&[&tool, &out]).expect("python3 is needed for the checks of shared/");
    assert!(output.status.success(), "{what}: {}", String::from_utf8_lossy(&output.stdout));
}

fn skipped(what: &str) {
    println!("skipped: {what} is not there");
}

#[test]
fn histories_of_the_corpus_meet_their_inventories() {
    let Some(corpus) = shared("corpus") else { return skipped("shared/corpus") };
    let rows = std::fs::read_to_string(corpus.join("expected.jsonl")).unwrap();
    let mut pairs = 0;
    for row in rows.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()) {
        let Some(list) = row["list"].as_str() else { continue };
        pairs += 1;
        let report = corpus.join(row["format"].as_str().unwrap()).join(row["file"].as_str().unwrap());
        let (list, report) = (corpus.join(list), report);
        let known = row["expect"]["known"].as_u64().unwrap();
        let listed = row["expect"]["listed"].as_u64().unwrap();
        for objective in [["--shards", "4"], ["--shards", "16"], ["--target", "60m"]] {
            let project = Project::new();
            let args = [list.to_str().unwrap(), "--timings", report.to_str().unwrap(), "--effort", "quick"];
            let done = project.run(["plan"].into_iter().chain(args).chain(objective), b"", &[]).ok();
            let expect = format!("timings: {known} of {listed} suites known");
            assert!(done.stderr().contains(&expect), "{expect}: {}", done.stderr());
            checked(&project, &format!("{} {objective:?}", report.display()));
        }
    }
    assert!(pairs >= 6);
}

#[test]
fn listings_of_the_corpus_become_plans_at_every_granularity() {
    let Some(corpus) = shared("corpus/pytest-collect") else { return skipped("shared/corpus") };
    for (name, files, tests) in
        [("made__networkx__collect-q.txt", 231, 6_418), ("made__numpy__collect-q.txt", 46, 10_335)]
    {
        for (unit, suites) in [("file", Some(files)), ("class", None), ("test", Some(tests))] {
            let project = Project::new();
            let list = corpus.join(name);
            project
                .run(
                    [
                        "plan",
                        list.to_str().unwrap(),
                        "--granularity",
                        unit,
                        "--shards",
                        "8",
                        "--effort",
                        "quick",
                    ],
                    b"",
                    &[],
                )
                .ok();
            let found = project.plan()["inputs"]["suites"].as_u64().unwrap();
            assert!(suites.is_none_or(|suites| suites == found), "{name} {unit}: {found}");
            checked(&project, &format!("{name} {unit}"));
        }
    }
    let project = Project::new();
    project.run(["plan", corpus.join("made__networkx__collect-qq.txt").to_str().unwrap()], b"", &[]).ok();
    assert_eq!(project.plan()["inputs"]["suites"], 231);
}

#[test]
fn real_timings_meet_a_real_collection() {
    let Some(corpus) = shared("corpus") else { return skipped("shared/corpus") };
    let list = corpus.join("pytest-collect/made__networkx__collect-q.txt");
    for report in ["pytest-durations/made__networkx__test_durations", "junit-xml/made__networkx__junit.xml"] {
        let project = Project::new();
        let report = corpus.join(report);
        let args = [
            "plan",
            list.to_str().unwrap(),
            "--timings",
            report.to_str().unwrap(),
            "--shards",
            "4",
            "--effort",
            "quick",
        ];
        let done = project.run(args, b"", &[]).ok();
        // The run covered eight folders: 72 of the 231 files.
        assert!(done.stderr().contains("timings: 72 of 231 suites known"), "{}", done.stderr());
        checked(&project, &report.display().to_string());
    }
}

#[test]
fn every_junit_report_of_the_corpus_is_read_or_refused() {
    let Some(corpus) = shared("corpus/junit-xml") else { return skipped("shared/corpus") };
    let expected = std::fs::read_to_string(shared("corpus/expected.jsonl").unwrap()).unwrap();
    let broken: Vec<String> =
        (expected.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()))
            .filter(|row| row["format"] == "junit-xml" && row["expect"]["error"].is_string())
            .map(|row| row["file"].as_str().unwrap().to_owned())
            .collect();
    let project = Project::with(&[("list", "a.py\n")]);
    let (mut read, mut refused) = (0, 0);
    for entry in std::fs::read_dir(&corpus).unwrap().map(Result::unwrap) {
        let path = entry.path();
        let done = project.run(["plan", "list", "--dry-run", "--timings", path.to_str().unwrap()], b"", &[]);
        let name = entry.file_name().into_string().unwrap();
        assert!([0, 2].contains(&done.code()), "{name}: {}", done.stderr());
        if done.code() == 0 {
            assert!(!broken.contains(&name), "{name} is broken, and was read without a word");
            read += 1;
        } else {
            refused += 1;
        }
    }
    assert!(read >= 180, "{read} read, {refused} refused");
}

/// Problems of the generator: what gen.py is told, and whether a plan is planted.
const PROBLEMS: [(&str, bool); 12] = [
    ("planted --jobs 8 --per-job 10 --slack 0.05 --style stick", true),
    ("planted --jobs 32 --per-job 3 --slack 0.05 --style triplet", true),
    ("planted --jobs 64 --per-job 8 --slack 0.05 --style heavy", true),
    ("planted --jobs 64 --per-job 78 --slack 0.05 --style stick", true),
    ("planted --jobs 16 --per-job 20 --slack 0.05 --style equal", true),
    ("realistic --n 85 --jobs 8 --tight 1.05", true),
    ("realistic --n 500 --jobs 64 --tight 1.05 --rho 0", true),
    ("realistic --n 500 --jobs 8 --workers 2 --e2e 0.3 --setup 20000", false),
    ("realistic --n 1000 --jobs 16 --shape pareto", false),
    ("realistic --n 2000 --jobs 64 --shape lognormal --rho 0 --tight 1.1", true),
    ("realistic --n 300 --jobs 10 --tight 0", true),
    ("realistic --n 5000 --jobs 64 --tight 1.05 --rho 0.9", true),
];

#[test]
fn generated_problems_are_packed_within_budget() {
    let (Some(generator), Some(costs)) = (shared("tools/gen.py"), shared("tools/costs.py")) else {
        return skipped("shared/tools");
    };
    for (problem, planted) in PROBLEMS {
        for seed in ["1", "2", "3"] {
            let project = Project::new();
            let (json, dir) = (project.path().join("problem.json"), project.path().join("in"));
            let made = Command::new("python3")
                .arg(&generator)
                .args(problem.split(' '))
                .args(["--seed", seed, "-o"])
                .arg(&json)
                .status()
                .unwrap();
            assert!(made.success());
            for bins in [false, true] {
                let told = Command::new("python3")
                    .arg(&costs)
                    .arg(&json)
                    .arg(&dir)
                    .args(bins.then_some("--bins"))
                    .output()
                    .unwrap();
                let told = String::from_utf8(told.stdout).unwrap();
                let what = format!("{problem} --seed {seed}: {told}");
                let run = |threads: &str| {
                    let args = [
                        "plan",
                        "--config",
                        "in/shard.toml",
                        "--costs",
                        "in/costs.csv",
                        "--effort",
                        "quick",
                        "--out",
                        "shard-out",
                    ];
                    project.run(
                        args.into_iter().chain(told.split_whitespace()),
                        b"",
                        &[("RAYON_NUM_THREADS", threads)],
                    )
                };
                let done = run("2");
                assert!(done.code() == 0 || (!planted && done.code() == 3), "{what} {}", done.stderr());
                if done.code() != 0 {
                    continue;
                }
                checked(&project, &what);
                let first = project.read("shard-out/plan.json");
                // The lines of the costs in another order, and one thread.
                let mut rows: Vec<String> = project.read("in/costs.csv").lines().map(str::to_owned).collect();
                rows[1..].reverse();
                project.file("in/costs.csv", rows.join("\n").as_bytes());
                run("1").ok();
                assert!(project.read("shard-out/plan.json") == first, "{what}: another plan");
            }
        }
    }
}
