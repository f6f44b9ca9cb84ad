//! `shard verify` with reports and outcomes: every suite executed exactly once, over all shards, rounds and
//! attempts.

use std::collections::BTreeMap;

use crate::common::{Done, Project};

/// A plan of six files in two shards, and the files of each shard.
fn project() -> (Project, BTreeMap<String, Vec<String>>) {
    let list: String = (0..6).map(|n| format!("tests/test_{n}.py\n")).collect();
    let project = Project::with(&[("tests.txt", &list)]);
    project.shard("plan tests.txt --shards 2").ok();
    let plan = project.plan();
    let shards = plan["shards"].as_array().unwrap().iter().map(|shard| {
        let suites = shard["sessions"][0]["suites"].as_array().unwrap();
        let ids = suites.iter().map(|suite| suite["id"].as_str().unwrap().to_owned()).collect();
        (shard["id"].as_str().unwrap().to_owned(), ids)
    });
    let shards = shards.collect();
    (project, shards)
}

/// A JUnit report as pytest writes it: two passed tests and a skipped one of each file.
fn junit(files: &[String]) -> String {
    let cases = files.iter().map(|file| {
        let class = file.trim_end_matches(".py").replace('/', ".");
        format!(
            r#"<testcase classname="{class}" name="test_a" time="0.1"/><testcase classname="{class}" name="test_b"/><testcase classname="{class}" name="test_c"><skipped/></testcase>"#
        )
    });
    format!("<testsuites><testsuite name=\"pytest\">{}</testsuite></testsuites>", cases.collect::<String>())
}

/// An outcome of this plan: executed files, then whether the machine died while the next one ran.
fn outcome(project: &Project, shard: &str, round: u32, attempt: u32, files: &[String], executed: usize) {
    let digest = project.plan_digest();
    let mut lines = vec![
        format!(
            r#"{{"event":"start","schema":1,"shard":"{shard}","tier":"default","plan":"{digest}","run":"r","round":{round},"attempt":{attempt},"key":"k","at":1,"host":{{}}}}"#
        ),
        format!(
            r#"{{"event":"session","index":1,"attempt":1,"at":1,"suites":{}}}"#,
            serde_json::to_string(files).unwrap()
        ),
    ];
    for (number, file) in files.iter().enumerate().take(executed + 1) {
        lines.push(format!(r#"{{"event":"begin","worker":"main","id":"{file}","at":2,"level_bytes":null}}"#));
        if number < executed {
            lines.push(format!(
                r#"{{"event":"suite","worker":"main","id":"{file}","ms":5,"status":"skipped","last":false}}"#
            ));
        }
    }
    if executed == files.len() {
        lines.push(r#"{"event":"session-end","index":1,"attempt":1,"at":3,"exit":0,"signal":null,"peak_bytes":null,"method":null}"#.into());
        lines.push(r#"{"event":"end","at":3,"exit":0,"verdict":"passed","confidence":"certain","evidence":[],"peak_bytes":null,"not_run":[]}"#.into());
    }
    let name = format!("shard-out/outcomes/{shard}.{round}.{attempt}.jsonl");
    project.file(&name, (lines.join("\n") + "\n").as_bytes());
}

impl Project {
    fn plan_digest(&self) -> String {
        let done = self.shard("verify --format json").ok();
        let document: serde_json::Value = serde_json::from_str(&done.stdout()).unwrap();
        assert_eq!(document["ok"], true);
        document["plan"].as_str().unwrap().to_owned()
    }
}

/// How many suites are lost, not executed, twice, and extra names.
fn counts(done: &Done) -> [usize; 4] {
    let document: serde_json::Value = serde_json::from_str(&done.stdout()).unwrap();
    assert_eq!(document["ok"] == true, done.code() == 0, "{document}");
    ["lost", "not_executed", "twice", "extra"].map(|key| document[key].as_array().unwrap().len())
}

#[test]
fn reports_prove_that_every_suite_ran() {
    let (project, shards) = project();
    for (shard, files) in &shards {
        project.file(&format!("reports/{shard}/junit.xml"), junit(files).as_bytes());
    }
    let done = project.shard("verify reports").ok();
    assert_eq!(
        done.stdout(),
        "read: 0 outcomes, 2 reports; 6 of 6 suites executed\nok: every one of 6 suites was executed, none by two shards\n"
    );
    // One fails: executed all the same, and no success.
    let all = junit(&shards["default-2"]);
    project.file("reports/default-2/junit.xml", all.replacen("<skipped/>", "<failure/>", 1).as_bytes());
    let done = project.shard("verify reports").fails(1, &["tests of 1 suite failed: this run is no success"]);
    assert!(done.stdout().contains("6 of 6 suites executed\nfailed: 1 suite: `tests/"), "{}", done.stdout());
    project.shard("verify reports --allow-failures").ok();
    // Without one file's tests.
    let files = &shards["default-2"];
    project.file("reports/default-2/junit.xml", junit(&files[1..]).as_bytes());
    let done =
        project.shard("verify reports").fails(1, &["1 suite was not executed: this run is no success"]);
    let lost = format!("lost: nothing tells of 1 suite: `{}`, of `default-2`\n", files[0]);
    assert!(done.stdout().contains(&lost), "{}", done.stdout());
    // Without the report of a shard.
    std::fs::remove_dir_all(project.path().join("reports/default-2")).unwrap();
    assert_eq!(counts(&project.shard("verify reports --format json")), [files.len(), 0, 0, 0]);
}

#[test]
fn outcomes_of_all_attempts_and_rounds_count_together() {
    let (project, shards) = project();
    let (first, second) = (&shards["default-1"], &shards["default-2"]);
    let verify = || counts(&project.shard("verify shard-out/outcomes --format json"));
    outcome(&project, "default-1", 0, 1, first, first.len());
    outcome(&project, "default-2", 0, 1, second, 1);
    assert_eq!(verify(), [0, second.len() - 1, 0, 0]);
    // What was left, in a later round and under another name.
    outcome(&project, "default-3", 1, 1, &second[1..2], 1);
    assert_eq!(verify(), [0, second.len() - 2, 0, 0]);
    // All of the shard again.
    outcome(&project, "default-2", 0, 2, second, second.len());
    assert_eq!(verify(), [0, 0, 0, 0]);
    // Two shards of one attempt.
    outcome(&project, "default-9", 0, 2, &second[..1], 1);
    assert_eq!(verify(), [0, 0, 1, 0]);
    let done = project.shard("verify shard-out/outcomes");
    let twice = format!("twice: 1 suite: `{}` by default-2 and default-9\n", second[0]);
    assert!(done.stdout().contains(&twice), "{}", done.stdout());
    done.fails(1, &["1 suite was executed by several shards at once"]);
}

#[test]
fn reports_and_outcomes_complete_each_other() {
    let (project, shards) = project();
    let (first, second) = (&shards["default-1"], &shards["default-2"]);
    outcome(&project, "default-1", 0, 1, first, first.len());
    project.file("reports/default-2.xml", junit(second).as_bytes());
    // A report of what an outcome tells too is no double.
    project.file("reports/default-1.xml", junit(first).as_bytes());
    project.shard("verify shard-out/outcomes reports").ok();
    // The report of the other shard's files is.
    project.file("reports/default-1.xml", junit(second).as_bytes());
    let found = counts(&project.shard("verify shard-out/outcomes reports --format json"));
    assert_eq!(found, [0, 0, second.len(), 0]);
}

#[test]
fn what_proves_nothing_is_said() {
    let (project, shards) = project();
    let all: Vec<String> = shards.values().flatten().cloned().collect();
    project.file(
        "reports/all.xml",
        junit(&[all.clone(), vec!["tests/test_new.py".to_owned()]].concat()).as_bytes(),
    );
    project.file("reports/durations.json", format!("{{\"{}::test_a\": 1.5}}", all[0]).as_bytes());
    project.file("reports/broken.xml", b"<testsuite><testcase");
    let done = project.shard("verify reports").ok();
    for part in [
        "extra: 1 name not in the plan: `tests.test_new`",
        "not read: reports/broken.xml",
        "note: 1 file tells of no run: `reports/durations.json`",
    ] {
        assert!(done.stdout().contains(part), "{}", done.stdout());
    }
    project.shard("verify reports --strict").fails(1, &["not everything is as planned"]);
    project
        .shard("verify reports/durations.json")
        .fails(2, &["no report and no outcome that tells of a run"]);
    project.shard("verify tests.txt").fails(2, &["no report and no outcome"]);
    project.shard("verify gone.xml").fails(2, &["no report and no outcome", "gone.xml"]);
    // Reports without a shard in their path, which tell the same.
    project.file("again/all.xml", junit(&all).as_bytes());
    let done = project.shard("verify reports again").ok();
    assert!(done.stdout().contains("unclear: 6 suites"), "{}", done.stdout());
}

/// Runs a shard as a job would.
fn ran(project: &Project, shard: &str, script: &str) -> Done {
    project.run(["run", shard, "--preflight", "off", "--", "sh", "-c", script, "{selection}"], b"", &[])
}

/// Outcomes that were read, and those that were left out.
fn outcomes(done: &Done) -> (usize, usize) {
    let document: serde_json::Value = serde_json::from_str(&done.stdout()).unwrap();
    let sources = &document["sources"];
    (sources["outcomes"].as_u64().unwrap() as usize, sources["other_plan"].as_array().unwrap().len())
}

#[test]
fn outcomes_of_another_plan_prove_nothing() {
    let (project, shards) = project();
    for (shard, files) in &shards {
        outcome(&project, shard, 0, 1, files, files.len());
    }
    project.shard("verify shard-out/outcomes --strict").ok();
    project.shard("plan tests.txt --shards 3").ok();
    let named = ["shard-out/outcomes/default-1.0.1.jsonl", "shard-out/outcomes/default-2.0.1.jsonl"];
    let left_out = format!(
        "left out: 2 outcomes of another plan, neither this one nor made of it by `shard rebalance`: `{}`, `{}`",
        named[0], named[1]
    );
    // In a folder, and named one by one.
    for sources in ["shard-out/outcomes", &named.join(" ")] {
        let done = project.shard(&format!("verify {sources}"));
        let text = done.stdout().split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(text.contains("read: 0 outcomes, 0 reports; 0 of 6 suites executed lost:"), "{text}");
        assert!(text.contains(&left_out), "{text}");
        done.fails(1, &["6 suites were not executed: this run is no success"]);
    }
    // Beside those of this plan they make no doubles, and their failures are not its own.
    let stale = project.read(named[0]);
    for shard in project.plan()["shards"].as_array().unwrap() {
        let suites = shard["sessions"][0]["suites"].as_array().unwrap();
        let files: Vec<String> =
            suites.iter().map(|suite| suite["id"].as_str().unwrap().to_owned()).collect();
        outcome(&project, shard["id"].as_str().unwrap(), 0, 1, &files, files.len());
    }
    let failed = stale.replace(r#""status":"skipped""#, r#""status":"failed""#);
    project.file("shard-out/outcomes/default-9.0.1.jsonl", failed.as_bytes());
    let verify = "verify shard-out/outcomes --format json";
    assert_eq!(outcomes(&project.shard(verify).ok()), (3, 1));
    project.shard("verify shard-out/outcomes --strict").fails(1, &["--strict"]);
    // Nothing in it tells of which plan it is.
    let (_, headless) = stale.split_once('\n').unwrap();
    project.file("shard-out/outcomes/default-9.0.1.jsonl", headless.as_bytes());
    assert_eq!(outcomes(&project.shard(verify).ok()), (3, 1));
}

#[test]
fn outcomes_of_what_was_left_count_for_the_first_plan_alone() {
    let list: String = (0..16).map(|n| format!("tests/test_{n}.py\n")).collect();
    let project = Project::with(&[("tests.txt", &list)]);
    project.shard("plan tests.txt --shards 2").ok();
    project.file("gate/plan.json", project.read("shard-out/plan.json").as_bytes());
    let killed = "kill -9 $$";
    ran(&project, "default-1", "true").ok();
    assert_eq!(ran(&project, "default-2", killed).code(), 137);
    // What dies again in the first round passes in the second.
    for round in 1..=2 {
        project.shard("rebalance --no-record").ok();
        let plan = project.plan();
        assert_eq!((plan["round"].as_u64(), plan["root"] == plan["parent"]), (Some(round), round == 1));
        for shard in plan["shards"].as_array().unwrap() {
            ran(&project, shard["id"].as_str().unwrap(), if round == 1 { killed } else { "true" });
        }
    }
    let all = project.list("shard-out/outcomes").len();
    assert!(all > 5, "{all}");
    let verify = "verify shard-out/outcomes --format json";
    assert_eq!(outcomes(&project.shard(verify)), (all, 0));
    // A gate has the first plan, and none of those that came of it.
    let gate = format!("{verify} --plan gate/plan.json");
    assert_eq!(outcomes(&project.shard(&gate)), (all, 0));
    // Planned again from the start.
    project.shard("plan tests.txt --shards 3").ok();
    assert_eq!(outcomes(&project.shard(verify)), (0, all));
}
