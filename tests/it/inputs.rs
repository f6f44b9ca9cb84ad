//! Where suites, times and settings come from.

use crate::common::{Project, Random};

/// Suites of all shards, sorted.
fn suites(project: &Project) -> Vec<String> {
    let plan = project.plan();
    let shards = plan["shards"].as_array().unwrap().iter();
    let sessions = shards.flat_map(|shard| shard["sessions"].as_array().unwrap());
    let mut ids: Vec<String> = sessions
        .flat_map(|session| session["suites"].as_array().unwrap())
        .map(|suite| suite["id"].as_str().unwrap().to_owned())
        .collect();
    ids.sort();
    ids
}

fn tests() -> Project {
    Project::with(&[
        ("tests/unit/test_a.py", ""),
        ("tests/unit/deep/test_b.py", ""),
        ("tests/e2e/test_c.py", ""),
        ("tests/helper.py", ""),
        ("other/test_d.py", ""),
    ])
}

#[test]
fn globs_lists_and_pipes_need_no_configuration() {
    let project = tests();
    let expect = ["tests/e2e/test_c.py", "tests/unit/deep/test_b.py", "tests/unit/test_a.py"];
    project.shard("plan tests/**/test_*.py").ok();
    assert_eq!(suites(&project), expect);
    project.shard("plan glob:tests/**/test_*.py").ok();
    assert_eq!(suites(&project), expect);
    project.file("tests.txt", format!("{}\n", expect.join("\n")).as_bytes());
    project.shard("plan tests.txt").ok();
    assert_eq!(suites(&project), expect);
    project.run(["plan", "-"], expect.join("\n").as_bytes(), &[]).ok();
    assert_eq!(suites(&project), expect);
    // As a shell without quotes would have it.
    project.shard("plan tests/e2e/test_c.py ./tests/unit/deep/test_b.py tests/unit/test_a.py").ok();
    assert_eq!(suites(&project), expect);
    // Overlapping globs name a file once.
    project.shard("plan tests/**/test_*.py tests/e2e/*.py").ok();
    assert_eq!(suites(&project), expect);
}

#[test]
fn the_configuration_is_found_upwards_and_ids_are_relative_to_it() {
    let project = tests();
    project.file("shard.toml", b"[tier.all]\nmatch = [\"tests/**\"]\n[inventory]\nfiles = [\"tests/**/test_*.py\"]\nexclude = [\"tests/unit/deep/**\"]\n");
    let below = project.path().join("tests/unit");
    crate::common::run_in(&below, ["plan"], b"", &[]).ok();
    assert_eq!(suites(&project), ["tests/e2e/test_c.py", "tests/unit/test_a.py"]);
    crate::common::run_in(&below, ["plan", "*.py", "../e2e/*.py"], b"", &[]).ok();
    assert_eq!(suites(&project), ["tests/e2e/test_c.py", "tests/unit/test_a.py"]);
    crate::common::run_in(&below, ["plan", "test_a.py", "--out", "here"], b"", &[]).ok();
    assert!(project.exists("tests/unit/here/plan.json"), "a flag's path is relative to where it is typed");
}

#[test]
fn a_command_lists_suites() {
    let project = Project::with(&[(
        "shard.toml",
        "[inventory]\ncommand = [\"cat\", \"collected\"]\ngranularity = \"test\"\n",
    )]);
    project.file("collected", b"a.py::t[1]\na.py::u\n\n2 tests collected in 0.1s\n");
    project.shard("plan").ok();
    assert_eq!(suites(&project), ["a.py::t[1]", "a.py::u"]);
    project.shard("plan --granularity file").ok();
    assert_eq!(suites(&project), ["a.py"]);
}

#[test]
fn flags_win_over_the_file() {
    let toml = "budget = \"1GB\"\nshards = 1\n[tier.a]\nmatch = [\"a*\"]\nbudget = \"200MB\"\nshards = 3\n[tier.b]\nmatch = [\"**\"]\n";
    let project = Project::with(&[("shard.toml", toml), ("tests.txt", "a1\na2\na3\nb1\nb2\n")]);
    project.shard("plan tests.txt").fails(
        3,
        &["1 shard cannot hold 5 suites", "needed per tier: `a` 2, `b` 1", "3 shards would do, and no fewer"],
    );
    project.shard("plan tests.txt --shards 4").ok();
    assert_eq!(
        project.plan()["objective"],
        serde_json::json!({"kind": "shards", "shards": 4, "target_ms": null})
    );
    assert_eq!(project.plan()["tiers"][0]["budget_bytes"], 200_000_000);
    project.shard("plan tests.txt --target 2m --budget none").ok();
    assert_eq!(
        project.plan()["objective"],
        serde_json::json!({"kind": "target", "shards": null, "target_ms": 120_000})
    );
    assert_eq!(project.plan()["tiers"][0]["budget_bytes"], serde_json::Value::Null);
    project.shard("plan tests.txt --target 50s --shards 9").fails(3, &["longer than the target"]);
    project
        .shard("plan tests.txt --target 52s --shards 4")
        .fails(3, &["4 shards cannot hold 5 suites", "5 shards would do"]);
}

#[test]
fn budgets_follow_the_runner_or_nobody() {
    let project = Project::with(&[
        ("tests.txt", "a\nb\n"),
        ("shard.toml", "budget = \"auto\"\n[tier.x]\nmatch = [\"**\"]\nruns-on = \"ubuntu-latest\"\n"),
    ]);
    project.shard("plan tests.txt").ok();
    // Half of what the runner has while memory is only assumed.
    assert_eq!(project.plan()["tiers"][0]["budget_bytes"], 6_717_328_850u64);
    project.file("shard.toml", b"budget = \"auto\"\n[tier.x]\nmatch = [\"**\"]\nruns-on = \"my-own\"\n");
    let done = project.shard("plan tests.txt").ok();
    assert!(done.stdout().contains("the memory of its runner is not known"), "{}", done.stdout());
    project.file("shard.toml", b"");
    let done = project.shard("plan tests.txt").ok();
    assert!(
        done.stdout().contains("not enforced") && done.stdout().contains("nobody set a budget"),
        "{}",
        done.stdout()
    );
    assert_eq!(project.plan()["warnings"][0]["code"], "memory-assumed");
}

#[test]
fn a_tool_that_is_missing_is_told_with_what_it_is_for() {
    let commands =
        "[\"echo\", \"py/a.py\"], [\"no-such-go\", \"list\"], [\"env\", \"-C\", \"web\", \"no-such-npx\"]";
    let toml = |commands: &str, files: &str| {
        format!(
            "[inventory]\nformat = \"lines\"\ncommand = [{commands}]\n{files}\n[tier.py]\nmatch = [\"py/**\"]\n\
             [tier.web]\nmatch = [\"web/**\"]\n[tier.go]\nmatch = [\"**\"]\n"
        )
    };
    let project = Project::with(&[("shard.toml", &toml(commands, "")), ("web/a.js", ""), ("py/b.py", "")]);
    let parts = [
        "error[inventory-command]: cannot start `no-such-go list`: ",
        "error[inventory-command]: `env -C web no-such-npx` failed: exit status: 127",
        "\n  all else lists 1 suite, none of them of the tiers `web`, `go`\n  help: install what is missing, ",
        "take out of `command`:\n    [\"no-such-go\", \"list\"]\n    [\"env\", \"-C\", \"web\", \"no-such-npx\"]\n",
    ];
    project.shard("plan").fails(2, &parts);
    // As it says.
    project.file("shard.toml", toml("[\"echo\", \"py/a.py\"]", "").as_bytes());
    project.shard("plan").ok();
    let check = |commands: &str, files: &str, parts: &[&str]| {
        project.file("shard.toml", toml(commands, files).as_bytes());
        let done = project.shard("plan").fails(2, parts);
        assert_eq!(done.stderr().contains("all else"), !files.is_empty(), "{}", done.stderr());
    };
    let failing = "[\"sh\", \"-c\", \"exit 3\"]";
    check(failing, "", &["help: run it by hand in the folder of", "help: or list the suites in another way"]);
    let parts = ["all else lists 1 suite, none of them", "take `command` out of [inventory]"];
    check(failing, "files = [\"py/*.py\"]", &parts);
}

#[test]
fn ids_of_another_folder_are_noticed() {
    let project = Project::with(&[
        ("backend/tests/test_a.py", ""),
        ("backend/tests/test_b.py", ""),
        ("list", "tests/test_a.py\ntests/test_b.py\n"),
    ]);
    let done = project.shard("plan list").ok();
    let stderr = done.stderr();
    assert!(
        stderr.contains("none of 2 suites exists")
            && stderr.contains("below `backend` they do")
            && stderr.contains("[map]\n    add = \"backend/\""),
        "{stderr}"
    );
    project.file("shard.toml", b"[map]\nadd = \"backend/\"\n");
    let done = project.shard("plan list").ok();
    assert!(!done.stderr().contains("none of"), "{}", done.stderr());
    assert_eq!(suites(&project), ["backend/tests/test_a.py", "backend/tests/test_b.py"]);

    let project = Project::with(&[("tests/test_a.py", ""), ("list", "repo/tests/test_a.py\n")]);
    let done = project.shard("plan list").ok();
    assert!(done.stderr().contains("strip = \"repo/\""), "{}", done.stderr());

    // A package of Go's lies in a folder, and `go test` knows it by its import path.
    let project = Project::with(&[("pkg/a_test.go", ""), ("list", "example.com/m/pkg\n")]);
    let done = project.shard("plan list").ok();
    assert!(!done.stderr().contains("none of"), "{}", done.stderr());
}

#[test]
fn a_moved_file_takes_its_old_times() {
    let times = r#"{"old/test_moved.py::t": 30, "t/test_a.py::t": 1, "t/test_b.py::t": 1}"#;
    let list = "new/test_moved.py\nt/test_a.py\nt/test_b.py\n";
    let project = Project::with(&[("list", list), ("times.json", times)]);
    let done = project.shard("plan list --timings times.json").ok();
    let note = "1 file was moved and takes old figures, with a margin: `old/test_moved.py` is `new/test_moved.py` now";
    assert!(done.stderr().contains(note), "{}", done.stderr());
    let plan = project.plan();
    let suites = plan["shards"][0]["sessions"][0]["suites"].as_array().unwrap();
    let moved = suites.iter().find(|suite| suite["id"] == "new/test_moved.py").unwrap();
    assert_eq!((&moved["ms"], &moved["basis"]), (&30_000.into(), &"inherited".into()));
}

#[test]
fn a_history_that_meets_almost_nothing_is_a_warning() {
    let list: String = (0..30).map(|n| format!("tests/test_{n}.py\n")).collect();
    let times: Vec<String> = (0..30).map(|n| format!("\"old/test_x{n}.py::t\": 1")).collect();
    let project = Project::with(&[("list", &list), ("times.json", &format!("{{{}}}", times.join(",")))]);
    let done = project.shard("plan list --timings times.json").ok();
    assert!(
        done.stderr().contains("timings: 0 of 30 suites known (0 %)")
            && done.stderr().contains("30 names of 30 met no suite"),
        "{}",
        done.stderr()
    );
    assert!(done.stdout().contains("only 0 of 30 suites are known to the timings"), "{}", done.stdout());
    // The reports of one job of three.
    let times: Vec<String> = (0..10).map(|n| format!("\"tests/test_{n}.py::t\": 1")).collect();
    project.file("times.json", format!("{{{}}}", times.join(",")).as_bytes());
    let done = project.shard("plan list --timings times.json").ok();
    assert!(done.stderr().contains("timings: 10 of 30 suites known (33 %)"), "{}", done.stderr());
    assert!(!done.stdout().contains("warning[history-mismatch]"), "{}", done.stdout());
}

#[test]
fn a_spreading_command_is_planned_as_it_runs() {
    let toml = "[tier.x]\nmatch = [\"**\"]\nworkers = 2\nrun = [\"pytest\", \"-n\", \"{workers}\", \"@{selection}\"]\n";
    let project = Project::with(&[("list", "a.py\nb.py\n"), ("shard.toml", toml)]);
    let done = project.shard("plan list").ok();
    assert!(
        done.stdout()
            .contains("warning[spread]: tier `x`: its `run` command spreads each file's tests over all"),
        "{}",
        done.stdout()
    );
    assert_eq!(project.plan()["tiers"][0]["spread"], true);
    project.file("shard.toml", toml.replace("match", "spread = false\nmatch").as_bytes());
    project.shard("plan list").ok();
    assert_eq!(project.plan()["tiers"][0]["spread"], false);
}

#[test]
fn recorded_runs_of_another_kind_of_machine_count_less() {
    let history = r#"{"schema":1,"runs":[{"run":"1","at":1,"key":"linux"},{"run":"2","at":2,"key":"mac"}],
        "suites":{"a":[[0,"p",9000,0,100000000,0,0]],"b":[[1,"p",5000,0,100000000,0,0]]}}"#;
    let project = Project::with(&[("list", "a\nb\n"), ("shard-history.json", history)]);
    let of = |id: &str, project: &Project| {
        let plan = project.plan();
        let found = plan["shards"][0]["sessions"][0]["suites"]
            .as_array()
            .unwrap()
            .iter()
            .find(|suite| suite["id"] == id)
            .unwrap()
            .clone();
        (
            found["ms"].as_u64().unwrap(),
            found["basis"].as_str().unwrap().to_owned(),
            found["retained_bytes"].as_u64().unwrap(),
        )
    };
    project.shard("plan list").ok();
    assert_eq!((of("a", &project).1, of("b", &project).1), ("inherited".into(), "measured".into()));
    assert!(of("a", &project).2 > of("b", &project).2, "the figures of another machine carry the margin");
    project.shard("plan list --key linux").ok();
    assert_eq!((of("a", &project).1, of("b", &project).1), ("measured".into(), "inherited".into()));
}

#[test]
fn the_order_of_inputs_and_the_number_of_threads_change_nothing() {
    let random = &mut Random(3);
    let mut ids: Vec<String> = (0..120).map(|n| format!("tests/{}/test_{n}.py", n % 7)).collect();
    let project = Project::with(&[(
        "shard.toml",
        "budget = \"1GB\"\n[tier.odd]\nmatch = [\"tests/[135]/**\"]\nworkers = 2\n[tier.rest]\nmatch = [\"**\"]\n",
    )]);
    let times = |ids: &[String]| {
        let rows: Vec<String> =
            ids.iter().map(|id| format!("\"{id}::t\": {}.{}", id.len() * 7 % 11, id.len() % 10)).collect();
        format!("{{{}}}", rows.join(","))
    };
    let files = |project: &Project| {
        project
            .list("shard-out")
            .into_iter()
            .map(|name| project.read(&format!("shard-out/{name}")))
            .collect::<Vec<_>>()
    };
    let mut first = None;
    for threads in ["1", "2", "1", "2"] {
        random.shuffle(&mut ids);
        project.file("list", (ids.join("\n") + "\n").as_bytes());
        random.shuffle(&mut ids);
        let half = ids.len() / 2;
        project.file("t1.json", times(&ids[..half]).as_bytes());
        project.file("t2.json", times(&ids[half..]).as_bytes());
        project
            .run(
                ["plan", "list", "--shards", "14", "--timings", "t*.json"],
                b"",
                &[("RAYON_NUM_THREADS", threads)],
            )
            .ok();
        let found = files(&project);
        assert_eq!(first.get_or_insert_with(|| found.clone()), &found);
    }
}
