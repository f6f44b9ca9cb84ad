//! What `-h` and `--help` show, and that every example in it works.

use std::path::Path;
use std::process::Command;

use crate::common::{Done, Project, run_in};

const COLUMNS: (&str, &str) = ("COLUMNS", "80");

/// The commands that `shard --help` lists in its groups.
pub(crate) fn commands() -> Vec<String> {
    let help = run_in(Path::new("."), ["--help"], b"", &[]).ok().stdout();
    let groups = help.split("Options:\n").next().unwrap();
    let names = groups.lines().filter(|line| line.starts_with("  "));
    names.map(|line| line.split_whitespace().next().unwrap().to_owned()).collect()
}

fn help(words: &[&str]) -> String {
    run_in(Path::new("."), words, b"", &[COLUMNS]).ok().stdout()
}

#[test]
fn commands_are_grouped_and_help_fits_a_terminal() {
    let all = commands();
    assert!(all.len() > 15 && all.contains(&"plan".to_owned()), "{all:?}");
    let top = help(&["--help"]);
    for part in
        ["Set up:\n", "Plan and run:\n", "Learn:\n", "Look:\n", "shard explain unknown-shard", "/docs\n"]
    {
        assert!(top.contains(part), "{part} is not in\n{top}");
    }
    assert!(!top.contains("More:\n"), "every command has a group: src/cli/help.rs\n{top}");
    let mut wrong = Vec::new();
    for name in &all {
        let (short, long) = (help(&[name, "-h"]), help(&[name, "--help"]));
        for (flag, text) in [("-h", &short), ("--help", &long), ("--help", &top)] {
            let wide = text.lines().filter(|line| line.chars().count() > 80);
            wrong.extend(wide.map(|line| format!("{name} {flag} is too wide: {line}")));
        }
        // What does not fit a line goes on in the next, far from the left.
        let wrapped =
            short.lines().filter(|line| line.starts_with("          ") && !line.trim().starts_with('-'));
        wrong.extend(wrapped.map(|line| format!("{name} -h has more than a line for a flag: {line}")));
        assert!(short.ends_with(&format!("`shard {name} --help` tells more, with examples\n")), "{short}");
        let examples = examples(&long);
        if !(1..=4).contains(&examples.len()) {
            wrong.push(format!("{name} has {} examples", examples.len()));
        }
        if !long.contains("Exit codes: ") {
            wrong.push(format!("{name} --help has no exit codes"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The lines below `Examples:`.
fn examples(help: &str) -> Vec<String> {
    let lines = help.lines().skip_while(|line| *line != "Examples:").skip(1);
    lines.take_while(|line| line.starts_with("  ")).map(|line| line.trim().to_owned()).collect()
}

/// A project that has whatever the examples name, after both of its jobs ran.
#[cfg(target_os = "linux")]
fn prepared() -> Project {
    let toml = "[tier.unit]\nmatch = [\"tests/unit/**\"]\nrun = [\"pytest\", \"@{selection}\"]\n\n\
                [tier.e2e]\nmatch = [\"tests/e2e/**\"]\nrun = [\"pytest\", \"@{selection}\"]\n\n\
                [inventory]\nfiles = [\"tests/**/test_*.py\"]\n";
    let case = |file: &str, name: &str| {
        let class = file.trim_end_matches(".py").replace('/', ".");
        format!("<testcase classname=\"{class}\" name=\"{name}\" file=\"{file}\" time=\"4\"/>\n")
    };
    let (login, cart) =
        (case("tests/unit/test_login.py", "test_a"), case("tests/e2e/test_cart.py", "test_b"));
    let report = format!("<testsuite name=\"s\">\n{login}{cart}</testsuite>\n");
    let durations = "{\"tests/unit/test_login.py::test_a\": 4.0, \"tests/e2e/test_cart.py::test_b\": 6.0}\n";
    let pods = "{\"apiVersion\": \"v1\", \"kind\": \"List\", \"items\": []}\n";
    let sacct = "JobID|JobName|State|ExitCode\n1_0|shard-00000000|COMPLETED|0:0\n";
    let mut files = vec![
        ("shard.toml", toml),
        ("tests.txt", "tests/unit/test_login.py\ntests/e2e/test_cart.py\n"),
        ("tests/unit/test_login.py", ""),
        ("tests/e2e/test_cart.py", ""),
        (".test_durations", durations),
        ("july.test_durations", durations),
        ("october.test_durations", durations),
        ("run.log", "collected 2 items\nKilled\n"),
        ("pods.json", pods),
        ("sacct.txt", sacct),
        ("test-api", "#!/bin/sh\n"),
        ("tests/cart_test.py", ""),
        ("backend/pytest.ini", "[pytest]\n"),
        ("backend/tests/test_stock.py", ""),
        ("src/cart.spec.ts", ""),
        (
            "bin/pytest",
            "#!/bin/sh\ncase \"$*\" in *--collect-only*) printf 'tests/unit/test_login.py::test_a\\ntests/e2e/test_cart.py::test_b\\n\\n2 tests collected in 0.01s\\n';; esac\n",
        ),
        ("bin/circleci", "#!/bin/sh\necho spec/a_spec.rb\n"),
        ("bin/gh", "#!/bin/sh\necho Killed\n"),
    ];
    files.extend(
        ["bin/go", "bin/bazel", "bin/jest", "bin/rspec", "bin/man"].map(|name| (name, "#!/bin/sh\n")),
    );
    for name in ["junit.xml", "monday/r.xml", "tuesday/r.xml", "wednesday/deep/r.xml"] {
        files.push((Box::leak(format!("reports/{name}").into_boxed_str()), &report));
    }
    files.push(("result.log", &report));
    let project = Project::with(&files);
    in_shell(&project, "chmod +x bin/* test-api").ok();
    for words in [
        "plan",
        "run unit-1 --preflight off",
        "run e2e-1 --preflight off",
        "record shard-out/outcomes",
        "record reports/monday --run a --at 1760000000",
        "record reports/tuesday --run b --at 1760090000",
    ] {
        in_shell(&project, &format!("shard {words}")).ok();
    }
    let copies = "mkdir job-1 job-2 artifacts; cp shard-history.json job-1/history.json; cp shard-history.json job-2/history.json; \
                  cp -r shard-out artifacts/a; cp shard-out/plan.json old.json; cp -r shard-out previous-out";
    in_shell(&project, copies).ok();
    project
}

#[cfg(target_os = "linux")]
fn in_shell(project: &Project, script: &str) -> Done {
    let binary = Path::new(env!("CARGO_BIN_EXE_shard")).parent().unwrap();
    let own = project.path().join("bin");
    let path = std::env::var_os("PATH").unwrap_or_default();
    let all = [own, binary.to_owned()].into_iter().chain(std::env::split_paths(&path));
    let mut command = Command::new("sh");
    command.args(["-euc", script]).current_dir(project.path()).env_clear();
    command
        .env("PATH", std::env::join_paths(all).unwrap())
        .env("HOME", project.path())
        .stdin(std::process::Stdio::null());
    // A job of two, and a GitHub that nobody answers for.
    command.envs([("SHARD_INDEX", "0"), ("SHARD_TOTAL", "2"), ("GITHUB_API_URL", "http://127.0.0.1:1")]);
    command.envs([("GITHUB_REPOSITORY", "owner/name"), ("PROFILE", "profile")]);
    command.envs([("GITHUB_OUTPUT", "output"), ("GITHUB_STEP_SUMMARY", "summary.md")]);
    Done(command.output().unwrap())
}

#[cfg(target_os = "linux")]
#[test]
fn every_example_of_the_help_works() {
    let first = prepared();
    let (mut wrong, mut count) = (Vec::new(), 0);
    for name in commands() {
        for example in examples(&help(&[&name, "--help"])) {
            let project = Project::new();
            let copy = Command::new("cp").arg("-a").arg(first.path().join(".")).arg(project.path()).status();
            assert!(copy.unwrap().success());
            // Folders that the user has already.
            in_shell(
                &project,
                "mkdir -p .local/share/bash-completion/completions .zfunc .config/fish/completions",
            )
            .ok();
            let done = in_shell(&project, &example);
            let said = done.stderr();
            let asks_github = example.contains("--run newest")
                || example.contains("--run 123")
                || example.contains("--github-run");
            let good = match asks_github {
                // Nobody answers, but it was understood.
                true => said.contains("error[github-failed]") || said.contains("error[feature-missing]"),
                false => done.code() == 0,
            };
            if !good {
                wrong.push(format!("$ {example}\ncode {}\n{}{said}", done.code(), done.stdout()));
            }
            count += 1;
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(count > 40, "{count}");
}
