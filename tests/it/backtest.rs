//! `shard backtest`: runs that are over, from reports and from our own history.

use std::path::PathBuf;

use crate::common::{Project, shared};

/// Three runs: every file twice as long as the run before, one of them new in the last.
fn three_runs() -> Project {
    let run = |factor: u32, more: &str| {
        let tests: Vec<String> = (1..=6).map(|n| format!(r#""t/test_{n}.py::x": {}"#, factor * n)).collect();
        format!("{{{}{more}}}", tests.join(", "))
    };
    Project::with(&[
        ("one.json", &run(1, "")),
        ("two.json", &run(2, "")),
        ("three.json", &run(4, r#", "t/test_new.py::x": 10"#)),
    ])
}

fn json(project: &Project, words: &str) -> serde_json::Value {
    let done = project.shard(&format!("backtest {words} --format json")).ok();
    serde_json::from_str(&done.stdout()).unwrap()
}

#[test]
fn each_run_is_planned_with_what_was_known_before() {
    let project = three_runs();
    let found = json(&project, "one.json two.json three.json --shards 2,3");
    let runs = found["runs"].as_array().unwrap();
    assert_eq!(runs.len(), 2, "nothing is known before the first");
    assert_eq!(
        (&runs[0]["run"], &runs[0]["suites"], &runs[0]["new"]),
        (&"two.json".into(), &6.into(), &0.into())
    );
    assert_eq!((&runs[1]["suites"], &runs[1]["new"]), (&7.into(), &1.into()));
    assert_eq!((&runs[1]["total_ms"], &runs[1]["new_ms"]), (&94_000.into(), &10_000.into()));
    // 42 s on two: twice as long as predicted, and yet shared out as well as can be.
    assert_eq!(runs[0]["plans"][0]["bound_ms"], 22_000);
    assert_eq!(runs[0]["plans"][0]["longest_ms"], serde_json::json!([22_000]));
    let setting = &found["settings"][0];
    assert_eq!((&setting["setting"], &setting["plans"][1]["shards"]), (&"shard".into(), &3.into()));
    assert_eq!(setting["by_basis"][0]["of"], "measured");
    assert_eq!(setting["by_basis"][0]["suites"], 12);
    let error = setting["by_samples"][1]["median_log_error"].as_f64().unwrap();
    assert!((error - 2f64.ln()).abs() < 1e-3, "one run later all took twice as long: {error}");
    assert_eq!(
        setting["by_samples"][0],
        serde_json::json!({"of": "0", "suites": 1, "median_log_error": setting["by_basis"][1]["median_log_error"]})
    );
}

#[test]
fn runs_may_be_folders_and_globs_of_any_format() {
    let junit = |time: u32| {
        format!(r#"<testsuite><testcase file="t/a.py" classname="t.a" name="x" time="{time}"/></testsuite>"#)
    };
    let project = Project::new();
    project.file("mon/a.xml", junit(2).as_bytes());
    project.file("mon/b.json", br#"{"t/b.py::y": 3}"#);
    project.file("tue/a.xml", junit(4).as_bytes());
    project.file("tue/notes.txt", b"no report");
    let found = json(&project, "mon tue/**/*");
    assert_eq!((&found["runs"][0]["run"], &found["runs"][0]["suites"]), (&"tue/**/*".into(), &1.into()));
    assert_eq!(found["runs"][0]["total_ms"], 4_000);
    let said = project.shard("backtest mon tue").ok().stderr();
    assert!(said.contains("tue: timings: 1 file is no report with times: `tue/notes.txt`"), "{said}");
}

#[test]
fn our_own_history_is_replayed() {
    let runs: Vec<String> = (0..4)
        .map(|n| format!(r#"{{"run":"gh-{n}","at":{n},"key":"{}"}}"#, if n == 1 { "arm" } else { "x64" }))
        .collect();
    let rows = |factor: u32| {
        let row = |run: u32| format!(r#"[{run},"p",{},0,0,0,0]"#, 1_000 * factor);
        (0..4).map(row).collect::<Vec<_>>().join(",")
    };
    let store = format!(
        r#"{{"schema":1,"runs":[{}],"suites":{{"a":[{}],"b":[{}],"killed":[[3,"p",5,0,0,0,1]]}}}}"#,
        runs.join(","),
        rows(1),
        rows(2)
    );
    let project = Project::with(&[("shard-history.json", &store)]);
    let found = json(&project, "--shards 2");
    assert_eq!(found["runs"].as_array().unwrap().len(), 3);
    assert_eq!((&found["runs"][2]["run"], &found["runs"][2]["suites"]), (&"gh-3".into(), &2.into()));
    // Of the run on another machine its figures are inherited, and so are those after it only from there.
    assert_eq!(
        found["settings"][0]["by_basis"][0],
        serde_json::json!({"of": "measured", "suites": 4, "median_log_error": 0.0})
    );
    assert_eq!(found["settings"][0]["by_basis"][1]["suites"], 2);
}

#[test]
fn settings_stand_side_by_side() {
    let project = three_runs();
    let found = json(&project, "one.json two.json three.json --compare --shards 2");
    let settings: Vec<&str> = found["settings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|setting| setting["setting"].as_str().unwrap())
        .collect();
    for name in
        ["shard", "longest first", "pytest-split chunks", "pytest-split least_duration", "shard, half-life 3"]
    {
        assert!(settings.contains(&name), "{settings:?}");
    }
    let chunks = settings.iter().position(|name| *name == "pytest-split chunks").unwrap();
    let longest =
        |run: usize, setting: usize| found["runs"][run]["plans"][0]["longest_ms"][setting].as_u64().unwrap();
    // 2 4 6 8 10 | 12: a chunk takes the test that fills it.
    assert_eq!((longest(0, 0), longest(0, chunks)), (22_000, 30_000));
    let truth = &found["settings"][settings.iter().position(|name| name.ends_with("the truth")).unwrap()];
    assert_eq!(truth["by_samples"][0]["median_log_error"], 0.0);
    let table = project.shard("backtest one.json two.json three.json --compare").ok().stdout();
    assert!(table.contains("pytest-split least_duration"), "{table}");
}

#[test]
fn tests_may_be_the_suites() {
    let project = Project::with(&[
        ("1.json", r#"{"a.py::x[1]": 5, "a.py::y": 1}"#),
        ("2.json", r#"{"a.py::x[1]": 5, "a.py::x[2]": 5, "a.py::y": 1}"#),
    ]);
    let suites = |words: &str| {
        json(&project, &format!("1.json 2.json {words}"))["runs"][0]["suites"].as_u64().unwrap()
    };
    assert_eq!([suites(""), suites("--granularity class"), suites("--granularity test")], [1, 2, 3]);
}

#[test]
fn what_cannot_be_replayed_is_said() {
    let project = three_runs();
    project.file("bad.json", b"{");
    project.file(
        "zero.xml",
        br#"<testsuite><testcase name="x" classname="c"><skipped/></testcase></testsuite>"#,
    );
    project.shard("backtest").fails(2, &["no two runs with times", "oldest first"]);
    project.shard("backtest one.json").fails(2, &["at least two"]);
    project.shard("backtest one.json gone.json").fails(2, &["gone.json"]);
    project.shard("backtest one.json bad.json").fails(2, &["bad.json"]);
    project.shard("backtest one.json zero.xml").fails(2, &["no run after the first"]);
    project.shard("backtest one.json two.json --shards 0").fails(2, &["--shards"]);
    project.shard("backtest one.json two.json --history x.json").fails(2, &["not from both"]);
    project.file("shard.toml", b"[tier.other]\nmatch = [\"other/**\"]\n");
    project.shard("backtest one.json two.json").fails(2, &["no tier"]);
}

#[test]
fn real_histories_are_replayed() {
    let Some(corpus) = shared("corpus/pytest-durations") else {
        return println!("skipped: shared/corpus is not there");
    };
    let file = |date: &str| corpus.join(format!("localstack__localstack__test_durations.{date}"));
    let files = ["2024-07-17", "2025-07-07", "2025-10-09"].map(file);
    let args = ["backtest".into(), "--format".into(), "json".into()]
        .into_iter()
        .chain(files.map(PathBuf::into_os_string));
    let done = Project::new().run(args, b"", &[]).ok();
    let found: serde_json::Value = serde_json::from_str(&done.stdout()).unwrap();
    let suites: Vec<u64> =
        found["runs"].as_array().unwrap().iter().map(|run| run["suites"].as_u64().unwrap()).collect();
    assert_eq!(suites, [297, 255], "as an independent reading counts them");
    assert_eq!(found["runs"][0]["new"], 110);
    for plan in found["runs"].as_array().unwrap().iter().flat_map(|run| run["plans"].as_array().unwrap()) {
        assert!(plan["longest_ms"][0].as_u64() >= plan["bound_ms"].as_u64(), "{plan}");
    }
}

#[test]
fn memory_is_judged_where_the_history_has_it() {
    // Two suites of 100 MB each that stay so, until one needs 900 MB in the last run.
    let rows = |last: u64| {
        let row = |run: u64, mb: u64| format!(r#"[{run},"p",1000,0,0,{mb}000000,0]"#);
        [row(0, 100), row(1, 100), row(2, last)].join(",")
    };
    let runs =
        (0..3).map(|n| format!(r#"{{"run":"gh-{n}","at":{n},"key":""}}"#)).collect::<Vec<_>>().join(",");
    let store =
        format!(r#"{{"schema":1,"runs":[{runs}],"suites":{{"a":[{}],"b":[{}]}}}}"#, rows(900), rows(100));
    let config = "budget = \"500MB\"\n[tier.unit]\nmatch = [\"**\"]\nbase = \"0B\"\nworker-base = \"0B\"\n";
    let project = Project::with(&[("shard-history.json", &store), ("shard.toml", config)]);
    let found = json(&project, "--shards 2 --compare");
    let settings = found["memory"]["settings"].as_array().unwrap();
    let names: Vec<&str> = settings.iter().map(|setting| setting["setting"].as_str().unwrap()).collect();
    assert_eq!(names, ["shard", "mean", "largest", "largest + 20 %", "90th percentile + 15 %"]);
    for setting in settings {
        let plans = &setting["plans"];
        assert_eq!((&plans[0]["shards"], &plans[0]["planned"]), (&serde_json::Value::Null, &2.into()));
        assert_eq!((&plans[0]["over_prediction"], &plans[0]["over_budget"]), (&0.5.into(), &0.5.into()));
        assert_eq!((&plans[1]["shards"], &plans[1]["planned"]), (&2.into(), &4.into()));
        assert_eq!((&plans[1]["over_prediction"], &plans[1]["over_budget"]), (&0.25.into(), &0.25.into()));
    }
    assert_eq!(found["memory"]["runs"][1]["plans"][1]["held"][0]["real_bytes"], 900_000_000);
    let table = project.shard("backtest --shards 2 --compare").ok().stdout();
    for words in ["memory of 2 runs", "largest + 20 %", "50.0 %", "memory by runs seen"] {
        assert!(table.contains(words), "{words}: {table}");
    }
    // Without it nothing is said of it.
    let times = three_runs();
    assert!(json(&times, "one.json two.json")["memory"].is_null());
}
