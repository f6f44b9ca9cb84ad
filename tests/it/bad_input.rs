//! A mistake in every input: each is refused with a message that says where and what next, and
//! nothing is half written.

use crate::common::{Project, run_in};

/// A project whose list and configuration are fine.
fn good() -> Project {
    Project::with(&[("tests.txt", "tests/a.py\ntests/b.py\n")])
}

#[track_caller]
fn refused(files: &[(&str, &str)], words: &str, parts: &[&str]) {
    let project = good();
    files.iter().for_each(|(name, text)| project.file(name, text.as_bytes()));
    project.shard(words).fails(2, parts);
    assert!(!project.exists("shard-out"), "something was written");
}

#[test]
fn sources() {
    refused(
        &[],
        "plan",
        &["nothing says which suites exist", "help: let `shard init` look", "help: or name a list or a glob"],
    );
    refused(&[], "plan missing.txt", &["`missing.txt` does not exist"]);
    refused(&[], "plan jset:tests.txt", &["error[unknown-format]: no format `jset`", "did you mean `jest`?"]);
    refused(&[], "plan spec/**/*.rb", &["`spec/**/*.rb` matches no file", "`*` stops at `/`"]);
    refused(
        &[("sub/x.py", "")],
        "plan sub",
        &["`sub` is a folder with test files in it", "name its test files with a glob: 'sub/**/test_*.py'"],
    );
    refused(
        &[("empty.txt", "# none yet\n\n")],
        "plan empty.txt",
        &["there is no suite to plan", "--allow-empty"],
    );
    refused(
        &[("twice.txt", "a.py\nb.py\na.py\n")],
        "plan twice.txt",
        &["twice.txt:3: suite `a.py` is listed twice, first at twice.txt:1"],
    );
    refused(
        &[("more.txt", "tests/b.py\n")],
        "plan tests.txt more.txt",
        &["more.txt:1: suite `tests/b.py` is listed twice, first at tests.txt:2"],
    );
    refused(&[("x.json", "{\"a\": {}}")], "plan x.json", &["x.json:1: this is JSON, not a list of suites"]);
    refused(
        &[("tree.txt", "<Dir x>\n  <Module a.py>\n")],
        "plan tree.txt",
        &["tree.txt:2: this is pytest's tree", "add -q"],
    );
    let errors = "tests/a.py::t\n\nERROR tests/b.py - ImportError\n1 test collected, 1 error in 0.1s\n";
    refused(
        &[("c.txt", errors)],
        "plan c.txt",
        &["c.txt: pytest reports 1 error while collecting: `tests/b.py`"],
    );
    refused(&[("a**.toml", "")], "plan tests/***", &["error[bad-value]: `tests/***` is no pattern"]);
}

#[test]
fn an_empty_inventory_can_be_meant() {
    let project = Project::with(&[("none.txt", "")]);
    project.shard("plan none.txt --allow-empty").ok();
    assert_eq!(project.read("shard-out/matrix.json"), "{\"include\":[]}\n");
    project.shard("verify").ok();
}

#[test]
fn a_command_that_fails_is_an_error() {
    let toml = |command: &str| format!("[inventory]\ncommand = {command}\n");
    let run = |command: &str, parts: &[&str]| {
        let project = Project::with(&[("shard.toml", &toml(command))]);
        project.shard("plan").fails(2, parts);
        assert!(!project.exists("shard-out"));
    };
    run(
        "[\"no-such-program-here\"]",
        &["cannot start `no-such-program-here`", "help: install what is missing, or put it on the PATH"],
    );
    run("[\"sh\", \"-c\", \"echo tests/a.py; echo oops; exit 3\"]", &["failed: exit status: 3", "| oops"]);
    run("[]", &["shard.toml:2:11: the command is empty"]);
    run("[[]]", &["shard.toml:2:11: the command is empty"]);
    run(
        "[[\"true\"], \"x\"]",
        &["shard.toml:2:11: one command is a list of words, several are lists of words each"],
    );
    run("[1]", &["shard.toml:2:11: ", "words, or lists of words"]);
    run("[[\"true\"], [\"no-such-program-here\"]]", &["cannot start `no-such-program-here`"]);
    run("[\"true\"]", &["there is no suite to plan"]);
}

#[test]
fn configuration() {
    let toml = |text: &str, parts: &[&str]| refused(&[("shard.toml", text)], "plan tests.txt", parts);
    toml(
        "budgets = \"3GB\"",
        &["error[config-invalid]: shard.toml:1:1: unknown key `budgets`", "help: did you mean `budget`?"],
    );
    toml(
        "budget = \"3 gigs\"",
        &["shard.toml:1:10: `3 gigs` is not an amount of memory: write for example `3GB`"],
    );
    toml("[tier.\"../x\"]\nmatch = [\"**\"]", &["shard.toml:1:7: `../x` cannot be the name of a tier"]);
    toml(
        "[tier.unit]\nmatch = [\"other/**\"]",
        &["2 suites are in no tier: `tests/a.py`, `tests/b.py`", "match = [\"**\"]"],
    );
    toml("[tier.unit]\nmatch = [\"tests/a*\"]", &["1 suite is in no tier: `tests/b.py`"]);
    toml("[tier.unit]\nmatch = [\"tests/a**\"]", &["shard.toml:2:9: pattern `tests/a**`"]);
    toml("target = 6", &["shard.toml:1:10: `6` is not a duration"]);
    toml("budget = ", &["shard.toml:1:"]);
    toml(
        "[tier.unit]\nmatch = [\"**\"]\nsessions = -1",
        &["shard.toml:3:12: invalid value: integer `-1`, expected u32"],
    );
    refused(
        &[],
        "plan tests.txt --config nowhere.toml",
        &["error[not-found]: `nowhere.toml` does not exist"],
    );
    refused(&[], "plan tests.txt --budget 3gigs", &["`3gigs` is not an amount of memory"]);
    refused(&[], "plan tests.txt --shards auto --target 6m", &["--shards auto and --target both decide"]);
    refused(
        &[],
        "plan tests.txt --shards 3 --concurrency 2",
        &["--concurrency counts only", "--shards auto"],
    );
    refused(&[], "plan tests.txt --stability 3%", &["--previous"]);
    refused(&[], "plan tests.txt --previous tests.txt", &["tests.txt: not a plan"]);
    toml("stability = \"2\"", &["shard.toml:1:13: `2` is not a percentage"]);
    toml("shards = \"auto\"\ntarget = \"6m\"", &["shard.toml:1:10: ", "both decide"]);
    refused(&[], "plan tests.txt --shards 0", &["`0` is not a number of shards"]);
    refused(&[], "plan tests.txt --bugdet 3GB", &["--bugdet", "--budget"]);
}

#[test]
fn plans_to_compare() {
    refused(&[], "diff old.json new.json", &["`old.json` does not exist", "shard plan"]);
    refused(&[("old.json", "{}")], "diff old.json old.json", &["old.json: not a plan: missing field"]);
    let project = good();
    project.shard("plan tests.txt").ok();
    let plan = project.read("shard-out/plan.json");
    let told = |old: &str, new: &str, parts: &[&str]| {
        assert!(plan.contains(old));
        let wrong = plan.replacen(old, new, 1);
        for command in ["diff wrong.json wrong.json", "plan tests.txt --previous wrong.json"] {
            refused(&[("wrong.json", &wrong)], command, parts);
        }
    };
    told("\"kind\": \"memory\"", "\"kind\": \"\\u001b[2J\"", &["unknown variant `\\u{1b}[2J`"]);
    told("\"id\": \"default-1\"", "\"id\": \"default-18446744073709551615\"", &["is not called default-<n>"]);
    told("\"default\": 1\n", "\"default\": 18446744073709551615\n", &["last_numbers are higher"]);
    told("\"id\": \"tests/a.py\"", "\"id\": \"tests/b.py\"", &["suite `tests/b.py` is in default-1 and in"]);
    let elsewhere = "plan tests.txt --previous plan.json";
    project
        .shard(elsewhere)
        .fails(2, &["`plan.json` does not exist", "did you mean", "shard-out/plan.json`?"]);
    let newer = r#"{"schema":9}"#;
    refused(&[("old.json", newer)], "diff old.json old.json", &["old.json: schema 9 is newer"]);
}

#[test]
fn limits_without_a_plan() {
    let project = good();
    project.shard("plan tests.txt --budget 100MB").fails(
        3,
        &[
            "tier `default` needs 110 MB before its first suite, more than its budget of 100 MB",
            "raise the budget, or lower `workers` (1)",
        ],
    );
    project.shard("plan tests.txt --target 50s").fails(
        3,
        &[
            "2 suites take longer than the target of 50s, even alone: `tests/a.py`, `tests/b.py`",
            "the smallest target that would do is 52s",
        ],
    );
    project.shard("plan tests.txt --budget 160MB --shards 1").fails(
        3,
        &["1 shard cannot hold the 2 suites of tier `default`: together they need 198 MB, 38 MB above the budget of 160 MB", "2 shards would do, and no fewer", "or a budget of 198 MB for 1 shard"],
    );
    assert!(!project.exists("shard-out"));
    project.shard("plan tests.txt --budget 160MB --shards 2").ok();
    project.shard("plan tests.txt --budget 198MB --shards 1").ok();
}

#[test]
fn strict_refuses_oversize_suites() {
    let project = good();
    project.shard("plan tests.txt --budget 120MB --strict").fails(
        3,
        &[
            "2 suites are alone above the budget",
            "`tests/a.py` alone needs 154 MB, 34 MB above the budget of 120 MB",
        ],
    );
    let done = project.shard("plan tests.txt --budget 120MB").ok();
    assert!(
        done.stdout().contains("warning[oversize]: `tests/a.py` alone needs 154 MB"),
        "{}",
        done.stdout()
    );
}

#[test]
fn reports() {
    let report = |name: &str, text: &str, parts: &[&str]| {
        refused(&[(name, text)], &format!("plan tests.txt --timings {name}"), parts)
    };
    report(
        "r.xml",
        "<testsuite>\n<testcase name='a' time='1'>",
        &["error[report-invalid]: r.xml:2: not well-formed XML", "leave it out of --timings"],
    );
    report("r.xml", "", &["r.xml: the file is empty"]);
    report("r.xml", "<html></html>", &["r.xml:1: the root is <html>, which is no JUnit report"]);
    report("r.json", "{\"a\": 1,\n", &["r.json:2: not JSON: the file ends in the middle"]);
    report("r.json", "{\"a\": 1,\n\"b\" 2}", &["r.json:2: not JSON"]);
    report(
        "r.bin",
        "\u{1}\u{2}{",
        &["r.bin: this is no report that is known; a format in front forces it, such as `junit-xml:r.bin`"],
    );
    refused(&[], "plan tests.txt --timings r.xml", &["r.xml: it does not exist"]);
    refused(&[], "plan tests.txt --timings r/*.xml", &["--timings `r/*.xml` matches no file"]);
    refused(
        &[("r/a.xml", "<testsuite>"), ("r/b.xml", "<testsuite>")],
        "plan tests.txt --timings r/*.xml",
        &["r/a.xml:1:", "\nerror[report-invalid]: r/b.xml:1:"],
    );
    refused(&[("r/a.xml", "<a/>")], "plan tests.txt --timings r", &["names no report with times"]);
}

#[test]
fn a_bad_report_costs_only_itself() {
    let project = good();
    project.file("r/a.xml", b"<testsuite><testcase file='tests/a.py' name='t' time='7'/></testsuite>");
    project.file("r/b.xml", b"<testsuite>\n<testcase file='tests/b.py' name='t' time='7'/>");
    project.file("r/notes.md", b"no report");
    let done = project.shard("plan tests.txt --timings r").ok();
    let warning = "not used: r/b.xml:2: not well-formed XML";
    assert!(done.stdout().contains(warning), "{}", done.stdout());
    assert!(
        done.stderr().contains("timings: 1 file is no report with times: `r/notes.md`"),
        "{}",
        done.stderr()
    );
    assert_eq!(project.plan()["inputs"]["measured"], 1);
    project
        .shard("plan tests.txt --timings r --strict")
        .fails(2, &["error[report-invalid]: r/b.xml:2: not well-formed XML"]);
}

#[test]
fn times_that_cannot_be_are_left_out_and_shown() {
    let project = good();
    let times = r#"{"tests/a.py::a": -1, "tests/a.py::b": "NaN", "tests/a.py::c": 1e300, "tests/a.py::d": "2,503.5", "tests/b.py::e": "inf", "tests/b.py::f": null, "tests/b.py::g": 999638317}"#;
    project.file("times.json", times.as_bytes());
    let done = project.shard("plan tests.txt --timings times.json").ok();
    assert!(
        done.stderr().contains(
            "cases left out: 1 without a time, 5 with a time that cannot be, such as `-1 s` of `tests/a.py::a` in times.json"
        ),
        "{}",
        done.stderr()
    );
    assert_eq!(project.plan()["shards"][0]["sessions"][0]["suites"][0]["ms"], 2_503_500);
    let junit = "<testsuite>\n<testcase file='tests/a.py' name='a' time='1'/>\n<testcase name='b'\n time='x'/></testsuite>";
    project.file("r.xml", junit.as_bytes());
    let stderr = project.shard("plan tests.txt --timings r.xml").ok().stderr();
    assert!(stderr.contains("1 with a time that cannot be, such as `x` of `b` in r.xml:3"), "{stderr}");
}

#[test]
fn an_enormous_report_is_refused_where_it_breaks() {
    // 60 MB in one element that never ends, and a million brackets.
    let project = good();
    let mut text = b"<testsuite><testcase name='a' time='1' file='tests/a.py'/><system-out>".to_vec();
    text.resize(60 << 20, b'x');
    project.file("big.xml", &text);
    project.shard("plan tests.txt --timings big.xml").fails(2, &["big.xml:1: not well-formed XML"]);
    project.file("deep.json", "[".repeat(1 << 20).as_bytes());
    project
        .shard("plan tests.txt --timings knapsack:deep.json")
        .fails(2, &["deep.json:1: not JSON: the file ends in the middle"]);
}

#[test]
fn costs() {
    let csv = |text: &str, parts: &[&str]| refused(&[("c.csv", text)], "plan --costs c.csv", parts);
    csv("id,ms\na,NaN\n", &["c.csv:2: `NaN` in column `ms` is not a whole number"]);
    csv("id,ms\na,-5\n", &["c.csv:2: `-5` in column `ms`"]);
    csv("id,time\na,5\n", &["c.csv:1: unknown column `time`"]);
    csv("id,tier,ms\na,defualt,5\n", &["c.csv:2: there is no tier `defualt`", "did you mean `default`?"]);
    csv("id,ms\n", &["there is no suite to plan"]);
    refused(&[], "plan tests.txt --costs c.csv", &["cannot be used with"]);
}

#[test]
fn histories() {
    let history =
        |text: &str, parts: &[&str]| refused(&[("shard-history.json", text)], "plan tests.txt", parts);
    history("{\"schema\":1,", &["shard-history.json:1: not a history", "restore it, or remove it"]);
    history("{\"schema\":7}", &["schema 7 is newer than this shard understands (1): update shard"]);
    history("", &["shard-history.json:1: not a history"]);
    let project = good();
    let done = project.shard("plan tests.txt --history not-yet.json").ok();
    assert!(done.stderr().contains("history: `not-yet.json` does not exist yet"), "{}", done.stderr());
}

#[test]
fn ids_that_a_runner_would_misread() {
    let project = Project::new();
    project.file("nul", b"a.py\0b\nc.py\0");
    project
        .shard("plan nul")
        .fails(2, &["suite `b\\u{a}c.py` has a line break in its name", "--selection-format null"]);
    project.shard("plan nul --selection-format null").ok();
    assert_eq!(project.read("shard-out/default-1.nul"), "a.py\0b\nc.py\0");
    project.shard("verify").ok();
    project.file("dash.txt", b"--collect-only\n");
    project
        .shard("plan dash.txt --out other")
        .fails(2, &["suite `--collect-only` would be taken for an option"]);
    project.file("dash.txt", b"-a.py\n@b/c.py\n");
    project.shard("plan dash.txt --out other").ok();
    assert_eq!(project.read("other/default-1.txt"), "./-a.py\n./@b/c.py\n");
}

#[test]
fn plans_that_cannot_be_trusted() {
    let project = good();
    project.shard("plan tests.txt --budget 3GB").ok();
    let plan = project.read("shard-out/plan.json");
    project.shard("select default-2").fails(2, &["no shard `default-2`", "did you mean `default-1`?"]);
    project
        .shard("select default-1 --session 2")
        .fails(2, &["shard `default-1` has 1 session, not a session 2"]);
    project
        .shard("select default-1 --plan elsewhere/plan.json")
        .fails(2, &["`elsewhere/plan.json` does not exist", "shard plan"]);

    project.file("shard-out/plan.json", plan.replace("\"schema\": 1", "\"schema\": 2").as_bytes());
    project.shard("select default-1").fails(2, &["schema 2 is newer than this shard understands (1)"]);
    project.shard("verify").fails(2, &["schema 2 is newer"]);

    project.file(
        "shard-out/plan.json",
        plan.replace("\"budget_bytes\": 3000000000", "\"budget_bytes\": 150000000").as_bytes(),
    );
    project.shard("select default-1").fails(
        2,
        &["the plan breaks its own rules: default-1: needs 198000000 bytes, its budget is 150000000"],
    );
    let done = project.shard("verify").fails(1, &["1 finding"]);
    assert!(done.stdout().contains("default-1: needs 198000000 bytes, its budget is 150000000"));

    project.file("shard-out/plan.json", plan.as_bytes());
    project.file("shard-out/default-1.txt", b"tests/a.py\n");
    project.shard("verify").fails(1, &["1 finding"]);
    project.file("shard-out/plan.json", b"{}");
    project.shard("verify").fails(2, &["not a plan"]);
}

#[test]
fn nothing_foreign_is_lost() {
    let project = good();
    project.file("shard-out/notes.md", b"mine");
    project.file("shard-out/other-1.txt", b"mine");
    project.file("shard-out/default-1.txt", b"mine");
    project
        .shard("plan tests.txt")
        .fails(2, &["default-1.txt` exists and is not of an earlier plan", "--out"]);
    assert_eq!(project.list("shard-out"), ["default-1.txt", "notes.md", "other-1.txt"]);
    std::fs::remove_file(project.path().join("shard-out/default-1.txt")).unwrap();
    project.file("shard-out/plan.json", b"{\"terraform\": true}");
    project.shard("plan tests.txt").fails(2, &["plan.json` is not of an earlier plan"]);
    assert_eq!(project.read("shard-out/plan.json"), "{\"terraform\": true}");
    std::fs::remove_file(project.path().join("shard-out/plan.json")).unwrap();

    project.shard("plan tests.txt --shards 2").ok();
    assert_eq!(
        project.list("shard-out"),
        ["default-1.txt", "default-2.txt", "matrix.json", "notes.md", "other-1.txt", "plan.json"]
    );
    project.shard("plan tests.txt --shards 1 --dry-run").ok();
    assert!(project.exists("shard-out/default-2.txt"));
    project.shard("plan tests.txt --shards 1").ok();
    assert_eq!(
        project.list("shard-out"),
        ["default-1.txt", "matrix.json", "notes.md", "other-1.txt", "plan.json"]
    );
}

#[cfg(unix)]
#[test]
fn addresses_of_histories() {
    for (address, what) in [
        ("ftp://me:secret@h/x", "`ftp://` is no kind of storage"),
        ("s3://me:secret@b/k", "does not belong into `s3://`"),
        ("https://me:secret@h/x?y", "`?`"),
        ("gs://b", "`gs://bucket/key`"),
    ] {
        let project = good();
        project.file("shard.toml", format!("history = \"{address}\"\n").as_bytes());
        let file = project.shard("plan tests.txt").fails(2, &["shard.toml:1", "`history`: ", what]);
        project.file("shard.toml", b"");
        let flag =
            project.shard(&format!("plan tests.txt --history {address}")).fails(2, &["history: ", what]);
        let record =
            project.shard(&format!("record x.json --history {address}")).fails(2, &["history: ", what]);
        for done in [file, flag, record] {
            assert!(!done.stderr().contains("secret"), "{}", done.stderr());
        }
    }
    #[cfg(not(feature = "remote"))]
    {
        let help = "build it with `cargo install --locked --path . --features remote`";
        let what = "`https://h/x` is in shared storage, which this build of shard leaves out";
        for words in ["plan tests.txt", "record x.json", "backtest"] {
            refused(&[("shard.toml", "history = \"https://me:secret@h/x\"\n")], words, &[what, help]);
        }
    }
}

#[test]
fn links_and_escapes_are_not_followed() {
    let project = good();
    project.file("precious.txt", b"mine");
    project.shard("plan tests.txt --shards 2").ok();
    // The old plan names a path outside, and one of its selections became a link.
    let plan = project.read("shard-out/plan.json").replace("\"default-1.txt\"", "\"../precious.txt\"");
    project.file("shard-out/plan.json", plan.as_bytes());
    std::fs::remove_file(project.path().join("shard-out/default-2.txt")).unwrap();
    std::os::unix::fs::symlink("../precious.txt", project.path().join("shard-out/default-2.txt")).unwrap();
    std::fs::remove_file(project.path().join("shard-out/default-1.txt")).unwrap();
    project.shard("plan tests.txt --shards 1").ok();
    assert_eq!(project.read("precious.txt"), "mine");
    assert!(project.exists("shard-out/default-2.txt"), "a link is never removed");
}

#[test]
fn an_output_folder_that_cannot_be_written() {
    let project = good();
    project.file("blocked", b"a file");
    project.shard("plan tests.txt --out blocked/here").fails(2, &["cannot write to", "blocked"]);
    project.file("out/default-1.txt/inside", b"mine");
    project
        .shard("plan tests.txt --out out")
        .fails(2, &["default-1.txt` exists and is not of an earlier plan"]);
    assert_eq!(project.read("out/default-1.txt/inside"), "mine");
}

#[cfg(unix)]
#[test]
fn a_reader_that_has_seen_enough_is_no_error() {
    let project = good();
    for words in
        ["plan tests.txt", "plan tests.txt --format json", "select default-1", "verify", "plan --help"]
    {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_shard"));
        command.args(words.split(' ')).current_dir(project.path()).stderr(std::process::Stdio::piped());
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let output = command.stdout(writer).output().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert!(
            output.status.code() == Some(0) && !stderr.contains("error"),
            "{words}: {:?} {stderr}",
            output.status
        );
        assert!(project.exists("shard-out/plan.json"));
    }
}

#[test]
fn no_bytes_make_it_panic() {
    let random = &mut crate::common::Random(11);
    let seeds: [&[u8]; 5] = [
        br#"<testsuites><testsuite name="s" file="a"><testcase classname="a.b" name="t" time="1.5"><skipped/></testcase></testsuite></testsuites>"#,
        br#"{"tests/a.py::t[x]": 1.5, "b": "1,000.5"}"#,
        b"tests/a.py::t\n\n1 test collected in 0.1s\n",
        br#"{"schema":1,"runs":[{"run":"a","at":1,"key":""}],"suites":{"a":[[0,"p",1,2,3,4,0]]}}"#,
        b"budget = \"3GB\"\n[tier.unit]\nmatch = [\"**\"]\nassume = { time = \"1s\" }\n",
    ];
    let project = good();
    for round in 0..60 {
        let mut bytes = seeds[round % seeds.len()].to_vec();
        for _ in 0..1 + random.below(4) {
            let at = random.below(bytes.len() as u64) as usize;
            match random.below(4) {
                0 => bytes[at] = random.next() as u8,
                1 => drop(bytes.drain(at..(at + 3).min(bytes.len()))),
                2 => bytes.insert(at, b"<>\"{}[]\0\n:,&;%-\xff"[random.below(16) as usize]),
                _ => bytes.truncate(at.max(1)),
            }
        }
        project.file("input", &bytes);
        for words in [
            "plan input",
            "plan tests.txt --timings input",
            "plan tests.txt --history input",
            "plan --costs input",
            "plan tests.txt --config input",
            "verify --plan input",
        ] {
            let done = run_in(
                project.path(),
                words.split(' ').chain(["--dry-run"].into_iter().filter(|_| !words.starts_with("verify"))),
                b"",
                &[],
            );
            let stderr = String::from_utf8_lossy(&done.0.stderr).into_owned();
            assert!(
                [0, 1, 2, 3].contains(&done.code()) && !stderr.contains("panicked"),
                "{words} {}: {stderr}",
                String::from_utf8_lossy(&bytes)
            );
        }
    }
}
