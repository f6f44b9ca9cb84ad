//! `split = true`: files that are too long become suites of their parts.

use std::collections::BTreeSet;

use crate::common::Project;

/// Twelve files of 10 s, and one of four classes and a function of 60 s each, the first class with
/// three tests.
fn project(config: &str) -> Project {
    let mut tests: Vec<(String, u64)> = (0..12).map(|n| (format!("tests/test_{n}.py::test_x"), 10)).collect();
    tests.extend((0..3).map(|n| (format!("tests/test_big.py::TestA::test_{n}"), 20)));
    tests.extend((0..3).map(|n| (format!("tests/test_big.py::Test{n}::test_x"), 60)));
    tests.extend((0..2).map(|n| (format!("tests/test_big.py::test_f[{n}]"), 30)));
    let list: Vec<&str> = tests.iter().map(|(id, _)| id.as_str()).collect();
    let list = format!("{}\n\n{} tests collected in 0.01s\n", list.join("\n"), tests.len());
    let times: Vec<String> = tests.iter().map(|(id, seconds)| format!("{id:?}: {seconds}")).collect();
    let files =
        ["tests/test_big.py".to_owned()].into_iter().chain((0..12).map(|n| format!("tests/test_{n}.py")));
    let whole: Vec<String> =
        files.map(|id| format!("{id:?}: {}", if id.contains("big") { 300 } else { 10 })).collect();
    Project::with(&[
        (
            "shard.toml",
            &format!(
                "{config}\n[tier.all]\nmatch = [\"**\"]\nsetup = \"0s\"\nsession-start = \"0s\"\nsplit = true\n"
            ),
        ),
        ("tests.txt", &list),
        ("times.json", &format!("{{{}}}", times.join(","))),
        ("whole.json", &format!("{{{}}}", whole.join(","))),
    ])
}

fn suites(project: &Project) -> BTreeSet<String> {
    let plan = project.plan();
    let shards = plan["shards"].as_array().unwrap().iter();
    let suites = shards.flat_map(|shard| shard["sessions"][0]["suites"].as_array().unwrap().clone());
    suites.map(|suite| suite["id"].as_str().unwrap().to_owned()).collect()
}

fn parts(project: &Project) -> Vec<String> {
    suites(project).into_iter().filter(|id| id.contains("big")).collect()
}

const CLASSES: [&str; 5] = ["Test0", "Test1", "Test2", "TestA", "test_f"];

fn of_big(parts: &[&str]) -> Vec<String> {
    parts.iter().map(|part| format!("tests/test_big.py::{part}")).collect()
}

#[test]
fn a_file_longer_than_its_share_becomes_its_classes() {
    let project = project("");
    let done = project.shard("plan tests.txt --timings times.json --shards 4").ok();
    assert!(done.stderr().contains("split: 1 suite into 5 parts: `tests/test_big.py`"), "{}", done.stderr());
    assert_eq!(parts(&project), of_big(&CLASSES));
    assert_eq!(suites(&project).len(), 17);
    assert_eq!(project.plan()["quality"]["makespan_ms"], 120_000);
    project.shard("verify").ok();
}

#[test]
fn a_file_that_holds_nothing_up_stays_whole() {
    let project = project("");
    project.shard("plan tests.txt --timings times.json --shards 1").ok();
    assert_eq!(parts(&project), ["tests/test_big.py"]);
    // A target that it meets is all that was asked for.
    project.shard("plan tests.txt --timings times.json --target 300s").ok();
    assert_eq!(parts(&project), ["tests/test_big.py"]);
    // Nobody knows how long its tests take.
    project.shard("plan tests.txt --timings whole.json --shards 4").ok();
    assert_eq!(parts(&project), ["tests/test_big.py"]);
}

#[test]
fn a_target_is_met_by_parts_as_small_as_it_takes() {
    let project = project("");
    project.shard("plan tests.txt --timings times.json --target 299s").ok();
    assert_eq!(parts(&project), of_big(&CLASSES));
    project.shard("plan tests.txt --timings times.json --target 59s").fails(3, &["3 suites take longer"]);
    // What has several tests is cut once more.
    let times = project.read("times.json").replace("Test0::test_x\": 60", "Test0::test_x\": 30");
    let times = times.replace("Test1::test_x\": 60", "Test1::test_x\": 30");
    project.file("times.json", times.replace("Test2::test_x\": 60", "Test2::test_x\": 30").as_bytes());
    project.shard("plan tests.txt --timings times.json --target 59s").ok();
    let cut = [
        "Test0",
        "Test1",
        "Test2",
        "TestA::test_0",
        "TestA::test_1",
        "TestA::test_2",
        "test_f[0]",
        "test_f[1]",
    ];
    assert_eq!(parts(&project), of_big(&cut));
}

#[test]
fn what_a_rule_means_is_not_cut() {
    let project = project("[[together]]\nmatch = [\"tests/test_big.py\", \"tests/test_1.py\"]");
    project.shard("plan tests.txt --timings times.json --shards 4").ok();
    assert_eq!(parts(&project), ["tests/test_big.py"]);
}

#[test]
fn a_part_is_charged_what_the_file_imports_and_needs() {
    let project = project("budget = \"30GB\"");
    let store = r#"{"schema":1,"runs":[{"run":"1","at":1,"key":""}],
        "suites":{"tests/test_big.py":[[0,"p",300000,50000000,100000000,900000000,0]]}}"#;
    project.file("shard-history.json", store.as_bytes());
    project.shard("plan tests.txt --timings times.json --shards 4").ok();
    let plan = project.plan();
    let shards = plan["shards"].as_array().unwrap().iter();
    let all: Vec<_> =
        shards.flat_map(|shard| shard["sessions"][0]["suites"].as_array().unwrap().clone()).collect();
    for part in all.iter().filter(|suite| suite["id"].as_str().unwrap().contains("big")) {
        let bytes = |key: &str| part[key].as_u64().unwrap();
        assert!(bytes("import_bytes") >= 50_000_000, "{part}");
        assert!(bytes("transient_bytes") >= 900_000_000, "{part}");
        // Kept memory adds up over the parts, as it did over the file.
        assert!((20_000_000..25_000_000).contains(&bytes("retained_bytes")), "{part}");
        // The file's old time says nothing of this part: its own was measured.
        assert_eq!(part["ms"], 60_000, "{part}");
    }
}
