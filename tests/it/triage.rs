//! `shard triage`: verdicts on exit codes, logs and outcomes; and the manual's tables of them.

use shard::model::Verdict;
use shard::outcome::Event;
use shard::triage::TABLE;

use crate::common::{Project, root};

/// The verdict and confidence of one job.
#[track_caller]
fn verdict(args: &str, log: &str) -> String {
    let done = Project::new().run(args.split_whitespace(), log.as_bytes(), &[]).ok();
    let document: serde_json::Value = serde_json::from_str(&done.stdout()).unwrap();
    let found = &document["verdicts"][0];
    format!("{} {}", found["verdict"].as_str().unwrap(), found["confidence"].as_str().unwrap())
}

#[test]
fn the_codes_of_the_incidents() {
    let check = |exit: i32, log: &str, expect: &str| {
        assert_eq!(verdict(&format!("triage --exit {exit} --log - --format json"), log), expect, "{log}");
    };
    check(125, "Error: server probably quit: unexpected EOF\n", "daemon-crash likely");
    check(
        1,
        "Error: building at STEP \"RUN make\": while running runtime: exit status 2\n",
        "test-failure likely",
    );
    check(130, "cleaning up\n", "cancelled likely");
    check(143, "", "killed possible");
    check(
        1,
        "Ran 25 of 25 Specs in 812 seconds\nFAIL! -- 22 Passed | 3 Failed | 0 Pending | 0 Skipped\n",
        "test-failure likely",
    );
    check(0, "25/25 passed\n", "passed possible");
}

#[test]
fn long_logs_are_read_at_both_ends() {
    let noise = "x".repeat(99) + "\n";
    let told = |at: usize| {
        let mut lines = vec![noise.as_str(); 40_000];
        lines[at] = "No space left on device\n";
        lines.concat()
    };
    let log = Project::new();
    for (at, expect) in
        [(1, "resource-limit likely"), (20_000, "test-failure possible"), (39_000, "resource-limit likely")]
    {
        let text = told(at);
        assert_eq!(verdict("triage --exit 1 --log - --format json", &text), expect, "{at}");
        log.file("run.log", text.as_bytes());
        let path = log.path().join("run.log");
        assert_eq!(
            verdict(&format!("triage --exit 1 --format json --log {}", path.display()), ""),
            expect,
            "{at}"
        );
    }
}

#[test]
fn without_a_word_it_judges_what_was_run_here() {
    let project = Project::with(&[("costs.csv", "id,ms\na,1\n")]);
    project.shard("plan --costs costs.csv").ok();
    project.shard("triage").fails(2, &["nothing to judge"]);
    project.run(["run", "default-1", "--preflight", "off", "--", "true", "{suites}"], b"", &[]).ok();
    let said = project.shard("triage").ok().stdout();
    assert_eq!(said, project.shard("triage shard-out/outcomes").ok().stdout());
    assert!(said.contains("default-1 (attempt 1): passed"), "{said}");
}

#[test]
fn what_cannot_be_judged_is_refused() {
    let project = Project::with(&[
        ("newer.jsonl", "{\"event\":\"start\",\"schema\":2}\n"),
        ("other.jsonl", "{\"Action\":\"run\"}\n"),
        ("folder/x.txt", "x"),
    ]);
    let check = |args: &str, parts: &[&str]| drop(project.shard(args).fails(2, parts));
    check("triage", &["nothing to judge", "help: give outcomes"]);
    check("triage newer.jsonl", &["newer.jsonl:1: schema 2 is newer than this shard understands (1)"]);
    check("triage other.jsonl", &["other.jsonl: this is no outcome"]);
    check("triage gone.jsonl", &["gone.jsonl: it does not exist"]);
    check("triage folder", &["`folder` holds no outcome"]);
    check("triage '*.jsonl'", &["holds no outcome"]);
    check(
        "triage newer.jsonl other.jsonl --exit 1",
        &["--exit and --log are of one job, and there are 2 outcomes"],
    );
    check("triage --exit 1 --log gone.log", &["`gone.log` does not exist"]);
    check("triage --exit 1 --log folder", &["`folder` is a folder"]);
    check("triage --exit 99999999999", &["99999999999"]);
}

#[test]
fn the_manual_s_outcome_is_one() {
    let page = std::fs::read_to_string(root().join("docs/outcomes.md")).unwrap();
    let text = page.split_once("```jsonl\n").unwrap().1.split_once("```").unwrap().0;
    let outcome = shard::outcome::read(text.as_bytes()).unwrap();
    assert_eq!(outcome.passed_over, Default::default());
    let written: String = text
        .lines()
        .map(|line| String::from_utf8(serde_json::from_str::<Event>(line).unwrap().line().unwrap()).unwrap())
        .collect();
    assert_eq!(written, text);
    let project = Project::with(&[("e2e-1.0.1.jsonl", text)]);
    let done = project.shard("triage e2e-1.0.1.jsonl").ok();
    assert!(done.stdout().starts_with("e2e-1 (attempt 1): incomplete, certain\n"), "{}", done.stdout());
}

/// The lines between a page's marks of that name.
fn between(page: &str, name: &str) -> String {
    let (start, end) = (format!("<!-- {name} -->\n"), format!("<!-- end of {name} -->"));
    page.split_once(&start).unwrap().1.split_once(&end).unwrap().0.to_owned()
}

#[test]
fn the_manual_has_the_program_s_tables() {
    let path = root().join("docs/triage.md");
    let page = std::fs::read_to_string(&path).unwrap();
    let cell = |text: &str| text.replace('|', "\\|");
    let mut table = "| # | when | verdict | confidence | what to do |\n|---|---|---|---|---|\n".to_owned();
    for (number, row) in TABLE.iter().enumerate() {
        table.push_str(&format!(
            "| {} | {} | `{}` | {} | {} |\n",
            number + 1,
            cell(&row.when()),
            row.verdict,
            row.confidence,
            cell(row.advice)
        ));
    }
    let found = between(&page, "rows");
    if std::env::var_os("SHARD_ACCEPT").is_some() && found != table {
        let marked = |rows: &str| format!("<!-- rows -->\n{rows}<!-- end of rows -->");
        std::fs::write(&path, page.replace(&marked(&found), &marked(&table))).unwrap();
        return;
    }
    assert_eq!(found, table, "docs/triage.md: SHARD_ACCEPT=1 cargo test rewrites it");
    let verdicts: Vec<String> = between(&page, "verdicts")
        .lines()
        .skip(2)
        .map(|line| line.split('`').nth(1).unwrap().to_owned())
        .collect();
    assert_eq!(verdicts, Verdict::ALL.map(|verdict| verdict.name().to_owned()));
}

#[cfg(not(feature = "github"))]
#[test]
fn a_build_without_github_says_how_to_get_one() {
    let project = Project::with(&[("tests.txt", "a\n")]);
    for words in ["triage --run 17", "record --github-run 17", "plan tests.txt --history-from-run newest"] {
        project.shard(words).fails(
            2,
            &["error[feature-missing]: this build of shard leaves GitHub out", "--features github"],
        );
    }
}
