//! Folders and patterns: what lies in them, and what of that is no report, or cannot be read.

use serde_json::{Value, json};

use crate::common::Project;

fn report(file: &str) -> String {
    format!(r#"<testsuite><testcase file="{file}" name="t" time="1"/></testsuite>"#)
}

fn suites(project: &Project) -> Vec<String> {
    let plan = project.plan();
    let suites = plan["shards"][0]["sessions"][0]["suites"].as_array().unwrap();
    suites.iter().map(|suite| suite["id"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_word_that_is_no_format_is_told_wherever_it_stands() {
    let project = Project::with(&[("r.xml", &report("a.py")), ("tests.txt", "a.py\n")]);
    let junit = "error[unknown-format]: no format `junt`\n  help: did you mean `junit`?";
    for words in [
        "inspect junt:r.xml",
        "inspect junt:*.xml",
        "plan tests.txt --timings junt:r.xml",
        "plan junt:r.xml",
        "plan junt:*.xml",
    ] {
        project.shard(words).fails(2, &[junit]);
    }
    project.shard("plan globb:*.py").fails(2, &["did you mean `glob`?"]);
    let all = ["in front of the colon may stand glob, ", "junit-xml, ", "file-list"];
    project.shard("plan qqqqqqqq:*.py").fails(2, &all);
    project.shard("inspect qqqqqqqq:r.xml").fails(2, &["error[unknown-format]: no format `qqqqqqqq`\n"]);
    // A file that is called so is one.
    project.file("junt:r.xml", report("a.py").as_bytes());
    project.shard("inspect junt:r.xml").ok();
}

#[test]
fn what_no_reader_knows_is_counted_apart() {
    let project = Project::with(&[("r/a.xml", &report("a.py")), ("r/pom.xml", "<project/>")]);
    for number in 0..7 {
        project.file(&format!("r/{number}.bin"), b"\x00\x01");
    }
    let text = project.shard("inspect r").ok().stdout();
    let end = "\nnot recognised: 7 files: `r/0.bin`, `r/1.bin`, `r/2.bin`, `r/3.bin`, `r/4.bin` and 2 more\n";
    assert!(text.ends_with(end), "{text}");
    assert!(text.contains("r/pom.xml: other-xml\n  warning: the root is <project>"), "{text}");
    assert!(!text.contains("0 cases"), "{text}");
    assert_eq!(project.shard("inspect r/0.*").ok().stdout(), "not recognised: 1 file: `r/0.bin`\n");
    let lines = project.shard("inspect r --format json").ok().stdout();
    let formats: Vec<Value> =
        lines.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()["format"].clone()).collect();
    assert_eq!(formats[6..], [json!(null), json!("junit-xml"), json!("other-xml")]);
}

#[test]
fn a_folder_of_reports_lists_what_they_hold() {
    let project = Project::with(&[
        ("r/a.xml", &report("a.py")),
        ("r/deep/b.json", r#"{"b.py::t": 1}"#),
        ("r/notes.md", "# notes\n"),
        ("tests/test_a.py", ""),
        ("tests/r.xml", &report("a.py")),
        ("empty/x.bin", "\0"),
    ]);
    let stderr = project.shard("plan r/").ok().stderr();
    assert_eq!(suites(&project), ["a.py", "b.py"]);
    assert!(
        stderr.contains("`r`: the suites are what 2 files in it list; 1 other not recognised: `notes.md`"),
        "{stderr}"
    );
    project
        .shard("plan tests")
        .fails(2, &["`tests` is a folder with test files in it", "'tests/**/test_*.py'"]);
    project.shard("plan empty").fails(2, &["`empty` is a folder without a report"]);
    // Forced, each must be one.
    project.shard("plan junit:r").fails(2, &["r/deep/b.json: the junit-xml cannot be read"]);
}

#[test]
fn a_pattern_for_reports_makes_no_suites_of_them() {
    let project = Project::with(&[
        ("r/a.xml", &report("a.py")),
        ("r/b.xml", &report("b.py")),
        ("t/a.yaml", "steps:\n"),
        ("t/b.xml", &report("b.py")),
    ]);
    let parts =
        ["`r/*.xml` matches 2 reports and no suite, such as `r/a.xml` (junit-xml)", "'junit-xml:r/*.xml'"];
    project.shard("plan r/*.xml").fails(2, &parts);
    project.shard("plan junit-xml:r/*.xml").ok();
    assert_eq!(suites(&project), ["a.py", "b.py"]);
    project.shard("plan glob:r/*.xml").ok();
    assert_eq!(suites(&project), ["r/a.xml", "r/b.xml"]);
    let stderr = project.shard("plan t/*").ok().stderr();
    assert!(stderr.contains("warning: `t/*` matches 1 report beside suites, such as `t/b.xml`"), "{stderr}");
    project.file("shard.toml", b"[inventory]\nfiles = [\"r/*.xml\"]\n");
    project.shard("plan").fails(2, &parts);
}

/// Runs as somebody who may not look everywhere.
#[cfg(unix)]
mod closed {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::{MetadataExt, PermissionsExt};
    use std::os::unix::process::CommandExt;
    use std::process::Command;

    use super::*;
    use crate::common::Done;

    /// As any user who is not root.
    const NOBODY: u32 = 65_534;

    fn shard(project: &Project, words: &str) -> Done {
        let mut command = Command::new(project.path().join("shard"));
        command.args(words.split_whitespace()).current_dir(project.path()).env_clear();
        // Nothing is closed to root.
        if project.path().metadata().unwrap().uid() == 0 {
            command.uid(NOBODY).gid(NOBODY);
        }
        Done(command.output().unwrap())
    }

    #[test]
    fn a_folder_that_is_closed_costs_only_itself() {
        let project = Project::with(&[
            ("r/a.xml", &report("a.py")),
            ("r/closed/b.xml", &report("b.py")),
            ("r/listed/c.xml", &report("c.py")),
            ("tests.txt", "a.py\nb.py\n"),
        ]);
        let mode = |name: &str, mode: u32| {
            fs::set_permissions(project.path().join(name), Permissions::from_mode(mode)).unwrap();
        };
        // Where anybody may start it.
        fs::copy(env!("CARGO_BIN_EXE_shard"), project.path().join("shard")).unwrap();
        [(".", 0o777), ("r/closed", 0o000), ("r/listed", 0o444)]
            .into_iter()
            .for_each(|(name, bits)| mode(name, bits));
        let done = |words: &str| shard(&project, words);
        for source in ["r", "r/**/*.xml"] {
            let text = done(&format!("inspect {source}")).ok().stdout();
            assert!(text.contains("r/a.xml: junit-xml\n  1 case"), "{text}");
            assert!(text.contains("r/closed: unknown\n  error: cannot read it: Permission denied"), "{text}");
            assert!(
                text.contains("r/listed/c.xml: unknown\n  error: cannot read it: Permission denied"),
                "{text}"
            );
            done(&format!("inspect {source} --strict")).fails(1, &["2 files could not be read"]);
            let plan = done(&format!("plan tests.txt --timings {source} --dry-run")).ok().stdout();
            assert!(plan.contains("not used: r/closed: cannot read it"), "{plan}");
            done(&format!("plan tests.txt --timings {source} --dry-run --strict"))
                .fails(2, &["r/closed: cannot read it"]);
        }
        // A suite that lies there would never run.
        done("plan r/**/*.py").fails(2, &["cannot look into `r/closed`, where `r/**/*.py` may match more"]);
        [("r/closed", 0o755), ("r/listed", 0o755)].into_iter().for_each(|(name, bits)| mode(name, bits));
    }
}
