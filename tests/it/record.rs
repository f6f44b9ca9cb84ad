//! `shard record`: reports and histories into one history, whatever happens meanwhile.

use std::fs;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use crate::common::{Project, Random};

const HISTORY: &str = "shard-history.json";

fn durations(suites: &[(&str, f64)]) -> String {
    let items: Vec<String> =
        suites.iter().map(|(suite, seconds)| format!("\"{suite}::test\": {seconds:.3}")).collect();
    format!("{{{}}}", items.join(", "))
}

fn history(project: &Project) -> serde_json::Value {
    serde_json::from_str(&project.read(HISTORY)).unwrap()
}

#[test]
fn reports_become_a_history_that_plans_know() {
    let project = Project::with(&[
        ("tests.txt", "t/a.py\nt/b.py\nt/c.py\n"),
        ("reports/1.json", r#"{"t/a.py::A::x": 3, "t/a.py::A::y": 1, "t/b.py::z": 2.5}"#),
        ("reports/notes.md", "# no report\n"),
        // What pytest writes: classes and no files.
        (
            "c.xml",
            r#"<testsuite><testcase classname="t.c.TestX" name="y" time="7"/><testcase classname="t.c" name="s" time="9"><skipped/></testcase></testsuite>"#,
        ),
    ]);
    let done = project.shard("record reports c.xml --run r1 --at 1000 --key k").ok();
    assert_eq!(done.stdout(), "recorded 3 suites of run r1 (k): shard-history.json holds 3 suites, 1 run\n");
    assert!(
        done.stderr().contains("1 file is no report with times: `reports/notes.md`"),
        "{}",
        done.stderr()
    );
    assert!(done.stderr().contains("cases left out: 1 skipped"), "{}", done.stderr());
    let file = project.read(HISTORY);
    assert_eq!(
        file.lines().filter(|line| line.starts_with("\"t") && line.contains("[[")).count(),
        3,
        "one suite a line: {file}"
    );
    assert_eq!(project.list("."), ["c.xml", "reports", HISTORY, "tests.txt"], "nothing else is left");
    project.shard("plan tests.txt --shards 2 --budget none").ok();
    let plan = project.plan();
    assert_eq!(plan["inputs"]["measured"], 3);
    let mut times: Vec<(String, u64)> = plan["shards"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|shard| shard["sessions"][0]["suites"].as_array().unwrap())
        .map(|suite| (suite["id"].as_str().unwrap().to_owned(), suite["ms"].as_u64().unwrap()))
        .collect();
    times.sort();
    let expect = [("t/a.py", 4000), ("t/b.py", 2500), ("t/c.py", 7000)];
    assert_eq!(times, expect.map(|(id, ms)| (id.to_owned(), ms)));
}

#[test]
fn recording_twice_changes_nothing() {
    let project = Project::with(&[("a.json", r#"{"t/a.py::x": 3}"#), ("b.json", r#"{"t/a.py::y": 4}"#)]);
    // No clock of ours: the second time is that of the first.
    project.shard("record a.json b.json").ok();
    let first = project.read(HISTORY);
    assert!(first.contains("\"run\":\"local-"), "{first}");
    thread::sleep(Duration::from_millis(1100));
    let again = project.shard("record b.json a.json ./a.json").ok();
    assert!(again.stdout().ends_with("nothing new\n"), "{}", again.stdout());
    assert_eq!(project.read(HISTORY), first);
    let run = |file: &str, env: &[(&str, &str)]| {
        project.run(["record", file, "--history", "ci.json"], b"", env).ok();
    };
    let env = [("GITHUB_RUN_ID", "77"), ("GITHUB_RUN_ATTEMPT", "1")];
    run("a.json", &env);
    run("b.json", &env);
    let both = project.read("ci.json");
    run("a.json", &env);
    assert_eq!(project.read("ci.json"), both);
    assert!(both.contains("\"run\":\"gh-77\"") && both.matches("\"run\":").count() == 1, "{both}");
    // The same report, packed.
    project.file("a.json.gz", &gzip(&project, "a.json"));
    run("a.json.gz", &env);
    assert_eq!(project.read("ci.json"), both);
    run("a.json", &[("GITHUB_RUN_ID", "77"), ("GITHUB_RUN_ATTEMPT", "2")]);
    assert!(project.read("ci.json").contains("\"run\":\"gh-77.2\""));
}

fn gzip(project: &Project, name: &str) -> Vec<u8> {
    use std::io::Write;
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packer.write_all(project.read(name).as_bytes()).unwrap();
    packer.finish().unwrap()
}

#[test]
fn histories_merge_in_any_order_and_packing() {
    let project = Project::new();
    for number in 0..4 {
        let suites = [("t/a.py", 1.0 + f64::from(number)), ("t/b.py", 2.0)];
        project.file("r.json", durations(&suites).as_bytes());
        let ending = ["", ".gz", ".zst", ""][number as usize];
        project
            .shard(&format!("record r.json --run r{number} --at {number} --history h{number}.json{ending}"))
            .ok();
    }
    project.shard("record --merge h0.json h1.json.gz h2.json.zst h3.json -o all.json").ok();
    let all = project.read("all.json");
    project.shard("record --merge h3.json h2.json.zst -o x.json.zst").ok();
    project.shard("record --merge x.json.zst h1.json.gz h0.json h2.json.zst -o y.json").ok();
    assert_eq!(project.read("y.json"), all);
    project.shard("record --merge h3.json h0.json").ok();
    project.shard("record --merge h*.json* --history shard-history.json").ok();
    assert_eq!(project.read(HISTORY), all);
    // An output is what was merged, and no more.
    project.shard("record --merge h0.json -o all.json").ok();
    assert_eq!(project.read("all.json"), project.read("h0.json"));
    assert!(fs::read(project.path().join("h2.json.zst")).unwrap().starts_with(&[0x28, 0xb5, 0x2f, 0xfd]));
    project.file("tests.txt", b"t/a.py\nt/b.py\n");
    for packed in ["h1.json.gz", "x.json.zst"] {
        let done = project.shard(&format!("plan tests.txt --dry-run --history {packed}")).ok();
        assert!(done.stderr().contains("2 of 2 suites known"), "{}", done.stderr());
    }
}

#[test]
fn suites_that_are_gone_are_listed_and_forgotten() {
    let project = Project::new();
    for number in 0..=12 {
        let gone = [("t/gone.py", 1.0)];
        let suites: Vec<_> =
            [("t/a.py", 1.0)].iter().chain(gone.iter().filter(|_| number < 2)).copied().collect();
        project.file("r.json", durations(&suites).as_bytes());
        let done = project.shard(&format!("record r.json --run r{number} --at {number}")).ok();
        let stale = "stale: 1 suite not measured in the last 10 runs: `t/gone.py`";
        assert_eq!(done.stderr().contains(stale), number >= 11, "{number}: {}", done.stderr());
    }
    let done = project.shard("record --forget 12").ok();
    assert_eq!(done.stdout(), "tidied: shard-history.json holds 2 suites, 13 runs, nothing new\n");
    let done = project.shard("record --forget 11").ok();
    assert_eq!(done.stderr(), "forgotten: 1 suite: `t/gone.py`\n");
    assert!(!project.read(HISTORY).contains("gone"));
}

#[test]
fn what_cannot_be_recorded_is_said() {
    let project = Project::with(&[
        ("good.json", r#"{"t/a.py::x": 3}"#),
        ("bad.xml", "<testsuite><testcase"),
        ("new.json", r#"{"schema":7}"#),
        (
            "odd.json",
            r#"{"schema":1,"runs":[{"run":"r","at":1}],"suites":{"x":[[0,"p",1,null,null,null,0,3]]}}"#,
        ),
        ("empty.json", ""),
    ]);
    project.shard("record").fails(2, &["required"]);
    project.shard("record bad.xml").fails(2, &["bad.xml:1", "record it again, or leave it out of PATH"]);
    project.shard("record none.json").fails(2, &["none.json"]);
    project.shard("record good.json bad.xml --strict").fails(2, &["bad.xml:1"]);
    project.shard("record good.json --at soon").fails(2, &["2026-01-31T04:00:00Z"]);
    project.shard("record good.json --at 1760000000000").fails(2, &["is not within"]);
    project.run(["record", "good.json", "--run", " "], b"", &[]).fails(2, &["--run is empty"]);
    project.shard("record --forget 33").fails(2, &["33"]);
    project.shard("record --merge good.json --run r").fails(2, &["--run"]);
    assert!(!project.exists(HISTORY), "nothing was recorded so far");
    let help = "restore it, or remove it to start anew";
    for (history, what) in [
        ("new.json", "schema 7 is newer than this shard understands (1): update shard"),
        ("odd.json", "a newer shard wrote it"),
        ("empty.json", "EOF"),
    ] {
        let before = project.read(history);
        project.shard(&format!("record good.json --history {history}")).fails(2, &[history, what, help]);
        project.shard(&format!("record --merge {history} -o out.json")).fails(2, &[history, what, help]);
        assert_eq!(project.read(history), before, "left as it is");
    }
    project.file("dir/x", b"");
    project.shard("record good.json --history dir").fails(2, &["dir"]);
    let done = project.shard("record good.json bad.xml").ok();
    assert!(done.stderr().contains("warning: not used: bad.xml:1"), "{}", done.stderr());
    assert_eq!(history(&project)["suites"].as_object().unwrap().len(), 1);
    let leftover: Vec<String> = project.list(".").into_iter().filter(|name| name.starts_with('.')).collect();
    assert!(leftover.is_empty(), "{leftover:?}");
}

#[test]
fn a_memory_of_other_tools_is_kept() {
    let project = Project::with(&[
        ("r.json", r#"{"t/a.py::x": 3}"#),
        (
            HISTORY,
            r#"{"schema":1,"runs":[{"run":"old","at":5,"key":"k"}],"suites":{},"tiers":{"unit":[[0,"unit-1.0.1.1",160000000,1.25]]},"later":[1]}"#,
        ),
    ]);
    project.shard("record r.json --run new --at 1 --key k").ok();
    let found = history(&project);
    assert_eq!(found["tiers"]["unit"], serde_json::json!([[1, "unit-1.0.1.1", 160_000_000, 1.25]]));
    assert_eq!(found["later"], serde_json::json!([1]));
}

fn start(project: &Project, words: &str) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_shard"));
    command.args(words.split_whitespace()).current_dir(project.path()).env_clear();
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

#[test]
fn many_recorders_lose_nothing() {
    const RECORDERS: usize = 256;
    let project = Project::new();
    for number in 0..RECORDERS {
        let own = format!("t/own_{number:03}.py");
        project.file(
            &format!("r{number}.json"),
            durations(&[("t/all.py", 1.0 + number as f64), (&own, 2.0)]).as_bytes(),
        );
    }
    let words = |number| format!("record r{number}.json --run gh-1 --at 1000 --key k");
    let children: Vec<Child> = (0..RECORDERS).map(|number| start(&project, &words(number))).collect();
    for mut child in children {
        assert!(child.wait().unwrap().success());
    }
    let found = history(&project);
    let suites = found["suites"].as_object().unwrap();
    let rows: usize = suites.values().map(|rows| rows.as_array().unwrap().len()).sum();
    println!("{RECORDERS} recorders: {} suites, {rows} observations", suites.len());
    assert_eq!((suites.len(), rows), (RECORDERS + 1, 2 * RECORDERS));
    assert_eq!(suites["t/all.py"].as_array().unwrap().len(), RECORDERS);
    assert!(!project.exists(&format!(".{HISTORY}.lock")));
}

#[test]
fn a_kill_at_any_instant_leaves_the_old_or_the_new_file() {
    const KILLS: usize = 200;
    let project = Project::new();
    // Large enough that reading, writing and syncing take a while each.
    let suites = |number: usize| {
        let names: Vec<String> = (0..800).map(|suite| format!("t/dir/test_{suite:05}.py")).collect();
        let suites: Vec<(&str, f64)> =
            names.iter().map(|name| (name.as_str(), (number % 7 + 1) as f64)).collect();
        durations(&suites)
    };
    project.file("r.json", suites(0).as_bytes());
    project.shard("record r.json --run r0 --at 0 --key k").ok();
    let mut r = Random(7);
    let (mut old, mut new) = (0, 0);
    let mut before = project.read(HISTORY);
    let mut midway = 0;
    for kill in 1..=KILLS {
        project.file("r.json", suites(kill).as_bytes());
        let words = format!("record r.json --run r{kill} --at {kill} --key k");
        // What it is to become, made beside it; and how long that takes, to spread the kills over all of it.
        let clock = std::time::Instant::now();
        project.shard(&format!("{words} -o expect.json")).ok();
        let whole = clock.elapsed().as_micros() as u64 * 4 / 3;
        let after = project.read("expect.json");
        let mut child = start(&project, &words);
        thread::sleep(Duration::from_micros(r.below(whole)));
        // It may have ended by itself.
        let _ = child.kill();
        child.wait().unwrap();
        let found = project.read(HISTORY);
        midway += usize::from(project.list(".").iter().any(|name| name.ends_with(".new")));
        match (found == before, found == after) {
            (true, false) => old += 1,
            (false, true) => new += 1,
            _ => panic!("kill {kill}: neither the old nor the new, {} bytes", found.len()),
        }
        before = found;
    }
    println!(
        "{KILLS} kills: {old} times the old file, {new} times the new one, {midway} with a file half written"
    );
    assert!(old > 20 && new > 20, "{old} old, {new} new: the kills do not meet the work");
    // And the next one that lives cleans up.
    project.shard("record r.json --run last --at 9999 --key k").ok();
    let hidden: Vec<String> = project.list(".").into_iter().filter(|name| name.starts_with('.')).collect();
    assert!(hidden.is_empty(), "{hidden:?}");
}

/// The outcome of a shard of one session: a suite a line as `id before peak after`, in order.
fn outcome(shard: &str, run: &str, suites: &[(&str, u64, u64, u64)], tail: &str) -> String {
    let ids: Vec<String> = suites.iter().map(|(id, ..)| format!("\"{id}\"")).collect();
    let mut lines = format!(
        r#"{{"event":"start","schema":1,"shard":"{shard}","tier":"default","plan":"p","run":"{run}","attempt":1,"key":"k","at":1000,"host":{{}},"predicted_bytes":400000000,"predicted_ms":20000}}
{{"event":"session","index":1,"attempt":1,"at":1000,"suites":[{}]}}
{{"event":"floor","worker":"main","bytes":100000000}}
"#,
        ids.join(",")
    );
    for (id, before, peak, after) in suites {
        lines.push_str(&format!(
            r#"{{"event":"begin","worker":"main","id":"{id}","at":1001,"level_bytes":{before}000000}}"#
        ));
        lines.push('\n');
        if *after > 0 {
            lines.push_str(&format!(
                r#"{{"event":"suite","worker":"main","id":"{id}","ms":5000,"before_bytes":{before}000000,"peak_bytes":{peak}000000,"after_bytes":{after}000000,"status":"passed","last":false}}"#
            ));
            lines.push('\n');
        }
    }
    lines + tail
}

const PASSED: &str = r#"{"event":"session-end","index":1,"attempt":1,"at":1020,"exit":0,"signal":null,"peak_bytes":420000000,"method":"tree","ms":20000}
{"event":"end","at":1020,"exit":0,"verdict":"passed","confidence":"certain","evidence":[],"peak_bytes":420000000,"not_run":[]}
"#;

const KILLED: &str = r#"{"event":"sample","at":1015,"bytes":2900000000,"available_bytes":1000000}
{"event":"session-end","index":1,"attempt":1,"at":1020,"exit":null,"signal":9,"peak_bytes":2900000000,"method":"cgroup2","oom_kills":1,"ms":20000}
{"event":"end","at":1020,"exit":137,"verdict":"out-of-memory","confidence":"certain","evidence":["x"],"peak_bytes":2900000000,"not_run":[]}
"#;

#[test]
fn outcomes_teach_times_memory_and_what_was_planned() {
    let project = Project::with(&[
        ("tests.txt", "t/a.py\nt/b.py\n"),
        (
            "o/u-1.0.1.jsonl",
            &outcome("u-1", "r1", &[("t/a.py", 100, 300, 150), ("t/b.py", 150, 420, 250)], PASSED),
        ),
    ]);
    let done = project.shard("record o").ok();
    assert_eq!(
        done.stdout(),
        "recorded 2 suites of run r1 (k) from 1 outcome: shard-history.json holds 2 suites, 1 run\n"
    );
    assert_eq!(
        done.stderr(),
        "  u-1  20s planned, 20s (+0 %) · 400 MB planned, 420 MB (+5 %)\nadvice: tier `default`: `session-start` is set to 3s; as measured it is\n  session-start = \"10s\"\n"
    );
    let history = project.read(HISTORY);
    let rows = [
        r#""t/a.py":[[0,1,5000,null,50000000,150000000]],"#,
        r#""t/b.py":[[0,1,5000,null,100000000,170000000]]"#,
        // Above the floor: 320 MB held, and 50 + 100 + 170 of the model.
        r#""default":[[0,"u-1.0.1",100000000,0,10000,null,320000000,320000000,20000,20000,400000000]]"#,
    ];
    rows.iter().for_each(|row| assert!(history.contains(row), "{row} is not in\n{history}"));
    // The reports of the same run add nothing to that, and nothing changes for the second time.
    let report = r#"<testsuite><testcase file="t/a.py" name="x" time="7"/></testsuite>"#;
    project.file("junit.xml", report.as_bytes());
    project.shard("record o junit.xml --run r1 --key k").ok();
    assert_eq!(project.read(HISTORY), history);
    let planned = project.shard("plan tests.txt --key k").ok();
    assert!(planned.stdout().contains("2: time and memory measured"), "{}", planned.stdout());
}

#[test]
fn a_dot_in_front_makes_no_other_suite() {
    // As RSpec writes it, beside what `shard run` was told.
    let example = r#"{"id":"./t/NAME[1:1]","full_description":"works","status":"passed","file_path":"./t/NAME","run_time":2.5}"#;
    let examples = ["a_spec.rb", "b_spec.rb"].map(|name| example.replace("NAME", name)).join(",");
    let report = format!(r#"{{"version":"3.13.0","examples":[{examples}],"summary_line":"2 examples"}}"#);
    let project = Project::with(&[("rspec.json", &report)]);
    project.file(
        "out/unit-1.0.1.jsonl",
        outcome("unit-1", "r", &[("t/a_spec.rb", 100, 300, 150)], "").as_bytes(),
    );
    project.shard("record rspec.json out --run r --key k").ok();
    let suites = history(&project)["suites"].clone();
    let names: Vec<&String> = suites.as_object().unwrap().keys().collect();
    assert_eq!(names, ["t/a_spec.rb", "t/b_spec.rb"]);
    assert_eq!(suites["t/a_spec.rb"].as_array().unwrap().len(), 1, "told twice: {suites}");
    // Each in a call of its own, and by whatever name the plan knows it.
    project.shard("record rspec.json --run s --at 5 --key k").ok();
    project.file("list.txt", b"./t/a_spec.rb\nt/b_spec.rb\n");
    project.shard("plan list.txt --budget none").ok();
    assert_eq!(project.plan()["inputs"]["measured"], 2);
}

#[test]
fn a_killed_suite_is_blamed_and_planned_alone() {
    let killed = outcome("u-1", "r1", &[("t/a.py", 100, 300, 150), ("t/b.py", 150, 0, 0)], KILLED);
    let project = Project::with(&[("tests.txt", "t/a.py\nt/b.py\nt/c.py\n"), ("o/u-1.0.1.jsonl", &killed)]);
    let done = project.shard("record o").ok();
    assert!(
        done.stderr()
            .starts_with("killed for memory: 1 suite, planned alone from now on until measured: `t/b.py`\n"),
        "{}",
        done.stderr()
    );
    assert!(project.read(HISTORY).contains(r#""t/b.py":[[0,1,null,null,null,2750000000,1]]"#));
    let planned = project.shard("plan tests.txt --budget 4GB").ok();
    let plan = project.plan();
    let of = |shard: &serde_json::Value| shard["sessions"][0]["suites"].as_array().unwrap().len();
    let mut sizes: Vec<usize> = plan["shards"].as_array().unwrap().iter().map(of).collect();
    sizes.sort_unstable();
    assert_eq!(sizes, [1, 2], "{}", planned.stdout());
    assert!(
        planned.stdout().contains("`t/b.py` was killed for memory and has not ended since"),
        "{}",
        planned.stdout()
    );
    // It has ended in another job of the same loop, recorded together with the kill.
    let ended =
        outcome("u-2", "r2", &[("t/b.py", 100, 900, 150)], PASSED).replace("\"at\":1000", "\"at\":2000");
    project.file("o/u-2.1.1.jsonl", ended.as_bytes());
    let done = project.shard("record o").ok();
    let said = "killed for memory: 1 suite, measured since: `t/b.py`\n";
    assert!(done.stderr().starts_with(said), "{}", done.stderr());
    let planned = project.shard("plan tests.txt --budget 4GB").ok();
    assert!(!planned.stdout().contains("killed for memory"), "{}", planned.stdout());
}

#[test]
fn outcomes_that_say_nothing_cost_only_themselves() {
    let good = outcome("u-1", "r1", &[("t/a.py", 100, 300, 150)], PASSED);
    let nobody = good.lines().skip(1).collect::<Vec<_>>().join("\n");
    let newer = good.replace("\"schema\":1", "\"schema\":9");
    let project = Project::with(&[
        ("o/u-1.0.1.jsonl", &good),
        ("o/u-2.0.1.jsonl", &nobody),
        ("o/u-3.0.1.jsonl", &newer),
        ("o/u-4.0.1.jsonl", &good.replace("\"run\":\"r1\"", "\"run\":\"\"")),
    ]);
    let done = project.shard("record o").ok();
    for part in [
        "u-2.0.1.jsonl: it does not say which shard of which run it is of",
        "u-3.0.1.jsonl:1: schema 9 is newer than this shard understands",
        "u-4.0.1.jsonl: it does not say which run it is of; name it with --run",
    ] {
        assert!(done.stderr().contains(part), "{part}\n{}", done.stderr());
    }
    assert!(done.stdout().starts_with("recorded 1 suite of run r1 (k) from 1 outcome"), "{}", done.stdout());
    project.shard("record o --strict").fails(2, &["u-2.0.1.jsonl"]);
    project.shard("record o --plan nope.json").fails(2, &["nope.json"]);
}
