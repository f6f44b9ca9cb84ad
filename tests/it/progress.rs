//! Bars of progress, in a real terminal: where they are, and where they must not be.

use std::process::{Command, Stdio};

use crate::common::{Done, Project, can, root};
use crate::run;

/// Runs a shell's line in a terminal while the pipe `slow` holds it up for so many seconds.
fn in_terminal(project: &Project, pause: &str, line: &str, env: &[(&str, &str)]) -> String {
    assert!(Command::new("mkfifo").arg("slow").current_dir(project.path()).status().unwrap().success());
    let mut command = Command::new("python3");
    command.arg(root().join("tests/it/terminal.py"));
    command.args(["slow", pause, r#"{"tests/a.py::t": 1.5}"#, "sh", "-c", line]);
    command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default()).env("TERM", "xterm");
    command.env("SHARD", env!("CARGO_BIN_EXE_shard")).envs(env.iter().copied());
    let done = Done(command.current_dir(project.path()).stdin(Stdio::null()).output().unwrap()).ok();
    std::fs::remove_file(project.path().join("slow")).unwrap();
    done.stdout()
}

fn skipped() -> bool {
    let skipped = !can("python3", &["--version"]) || !can("sh", &["-c", "command -v mkfifo"]);
    if skipped {
        println!("skipped: python3 and mkfifo make the terminal");
    }
    skipped
}

#[test]
fn slow_work_is_shown_on_a_terminal_and_leaves_nothing_behind() {
    if skipped() {
        return;
    }
    let project = Project::with(&[("quick.json", r#"{"tests/b.py::t": 2.0}"#)]);
    let inspect = "\"$SHARD\" inspect slow quick.json";
    let shown = in_terminal(&project, "3", inspect, &[]);
    let (bar, result) = shown.rsplit_once("\u{1b}[2K").unwrap();
    assert!(bar.contains("1 of 2 files"), "{shown:?}");
    assert!(bar.contains("█") && !bar.contains("cases"), "{shown:?}");
    // Nothing of a bar stands above, beside or below what is said at the end.
    assert!(result.contains("quick.json: pytest-durations") && !result.contains(" of "), "{shown:?}");
    // It has no colours that somebody would have to forbid.
    let colour = |text: &str| {
        text.split("\u{1b}[").skip(1).any(|code| {
            code.split(|c: char| c.is_alphabetic()).next().is_some_and(|n| code[n.len()..].starts_with('m'))
        })
    };
    assert!(!colour(&shown), "{shown:?}");
    // Another alphabet for who cannot show blocks.
    let plain = in_terminal(&project, "3", inspect, &[("LC_ALL", "C")]);
    assert!(plain.contains("##") && plain.is_ascii(), "{plain:?}");
    // Where only what is said goes to the terminal, what is printed is as ever.
    let line = format!("{inspect} > out; echo; cat out");
    let shown = in_terminal(&project, "3", &line, &[]);
    assert!(shown.contains("1 of 2 files"), "{shown:?}");
    assert!(!project.read("out").contains('\u{1b}'));
    // And for a history.
    let shown = in_terminal(&project, "3", "\"$SHARD\" record slow quick.json", &[]);
    assert!(shown.contains("1 of 2 files") && shown.contains("recorded 2 suites"), "{shown:?}");
}

#[test]
fn nothing_is_shown_to_programs_and_of_quick_work() {
    if skipped() {
        return;
    }
    let project = Project::with(&[("quick.json", r#"{"tests/b.py::t": 2.0}"#)]);
    let inspect = "\"$SHARD\" inspect slow quick.json";
    for (pause, line, env) in [
        ("3", inspect, &[("CI", "true")][..]),
        ("3", inspect, &[("TERM", "dumb")]),
        ("0.1", inspect, &[]),
        ("3", "\"$SHARD\" inspect slow quick.json 2>err; cat err", &[]),
    ] {
        let shown = in_terminal(&project, pause, line, env);
        assert!(shown.contains("quick.json: pytest-durations"), "{line}: {shown:?}");
        assert!(!shown.contains(" of 2 files") && !shown.contains('\u{1b}'), "{line} {env:?}: {shown:?}");
    }
}

#[test]
fn sessions_are_counted_in_lines_between_what_they_print() {
    if skipped() {
        return;
    }
    let project = run::project(&["say:one", "say:two", "sleep:1.5"], "");
    let line = "cat slow > /dev/null & \"$SHARD\" run all-1 --preflight off";
    let shown = in_terminal(&project, "0.1", &format!("{line} --each"), &[]);
    let place = |text: &str| shown.find(text).unwrap_or_else(|| panic!("`{text}` is not in {shown:?}"));
    let lines =
        ["session 1 of 3: `say:one`", "one\r\n", "session 2 of 3: `say:two`", "two\r\n", "session 3 of 3"];
    assert!(lines.map(place).is_sorted(), "{shown:?}");
    // The terminal is the sessions' own: nobody draws on it beside them.
    assert!(!shown.contains('\u{1b}'), "{shown:?}");
    // One session is not counted.
    let whole = in_terminal(&project, "0.1", line, &[]);
    assert!(!whole.contains("session 1"), "{whole:?}");
}
