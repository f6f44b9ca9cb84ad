//! What a plan becomes: files for machines, text for people.

use crate::common::Project;

fn planned() -> Project {
    let project = Project::with(&[("list", "a b.py\nc.py::t[x y]\nd's.py\n")]);
    project.shard("plan list --budget 3GB").ok();
    project
}

#[test]
fn a_plan_with_large_prices_is_read_again() {
    let project = Project::with(&[
        ("shard.toml", "shards = \"auto\"\n[tier.all]\nmatch = [\"**\"]\nprice = 1000000\n"),
        ("tests.txt", "a\nb\nc\n"),
    ]);
    for _ in 0..2 {
        project.shard("plan tests.txt").ok();
        project.shard("verify").ok();
    }
}

#[test]
fn json_is_the_plan_and_nothing_else() {
    let project = planned();
    let done = project.shard("plan list --budget 3GB --format json").ok();
    assert_eq!(done.stdout(), project.read("shard-out/plan.json"));
    assert_eq!(done.stderr(), "");
}

#[test]
fn selections_come_in_every_form() {
    let project = planned();
    let select = |form: &str| project.shard(&format!("select default-1 --format {form}")).ok().stdout();
    assert_eq!(select("lines"), "a b.py\nc.py::t[x y]\nd's.py\n");
    assert_eq!(select("null"), "a b.py\0c.py::t[x y]\0d's.py\0");
    assert_eq!(select("json"), "[\"a b.py\",\"c.py::t[x y]\",\"d's.py\"]\n");
    assert_eq!(select("args"), "'a b.py' 'c.py::t[x y]' 'd'\\''s.py'\n");
    assert_eq!(select("lines"), project.read("shard-out/default-1.txt"));
}

#[cfg(unix)]
#[test]
fn a_shell_reads_back_what_was_quoted() {
    let project = Project::new();
    project.file(
        "list",
        "a b\n$(touch pwned)\n`touch pwned`\n'; touch pwned; '\n\"x\\y\"\n*\n~\n!x\n{a,b}\n".as_bytes(),
    );
    project.shard("plan list").ok();
    let args = project.shard("select default-1 --format args").ok().stdout();
    let output = std::process::Command::new("sh")
        .arg("-c")
        .arg(format!("printf '%s\\n' {args}"))
        .current_dir(project.path())
        .output()
        .unwrap();
    assert_eq!(String::from_utf8(output.stdout).unwrap(), project.read("shard-out/default-1.txt"));
    assert!(!project.exists("pwned"));
}

#[test]
fn the_matrix_names_no_suite() {
    let project = planned();
    let matrix = project.read("shard-out/matrix.json");
    assert_eq!(matrix.lines().count(), 1);
    assert!(!matrix.contains("c.py"));
    let rows: serde_json::Value = serde_json::from_str(&matrix).unwrap();
    let name = rows["include"][0]["name"].as_str().unwrap();
    assert!(name.starts_with("default-1 (1/1) [") && name.len() == "default-1 (1/1) [".len() + 9, "{name}");
}

#[test]
fn hostile_names_are_shown_escaped() {
    let project = Project::new();
    project.file("list", "tests/\u{1b}[31mred\u{202e}.py\n".as_bytes());
    let done = project.shard("plan list --budget 120MB").ok();
    assert!(
        done.stdout().contains("\\u{1b}[31mred\\u{202e}") && !done.stdout().contains('\u{1b}'),
        "{}",
        done.stdout()
    );
    let done = project.shard("plan list --target 1s").fails(3, &["\\u{1b}[31mred"]);
    assert!(!done.stderr().contains('\u{1b}'));
}

#[test]
fn the_table_suits_the_terminal() {
    let project = planned();
    let with = |env: &[(&str, &str)]| project.run(["plan", "list", "--dry-run"], b"", env).ok().stdout();
    assert!(with(&[("LANG", "C.UTF-8")]).contains('█'));
    assert!(with(&[("LANG", "C")]).is_ascii());
    assert!(with(&[("TERM", "dumb")]).is_ascii());
    for line in with(&[]).lines() {
        assert!(line.chars().count() <= 80, "{line}");
    }
}

#[test]
fn help_is_complete() {
    let project = Project::new();
    let help = project.shard("--help").ok().stdout();
    for command in ["plan", "select", "verify"] {
        assert!(help.contains(command), "{help}");
        let help = project.shard(&format!("{command} --help")).ok().stdout();
        assert!(help.contains("Usage:") && help.lines().all(|line| line.chars().count() <= 100), "{help}");
    }
    assert!(project.shard("--version").ok().stdout().starts_with("shard 0."));
    project.shard("plna").fails(2, &["plna", "plan"]);
}
