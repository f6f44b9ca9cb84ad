//! `shard probe`: real processes, alone, in a session, and inside `go test`.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use shard::outcome::{self, Finished, Status};

use crate::common::{Project, can};

/// The one line that a probe wrote.
fn told(text: &str) -> Finished {
    let line = text.lines().find(|line| line.starts_with('{')).unwrap_or_else(|| panic!("no line: {text}"));
    match serde_json::from_str(line).unwrap() {
        outcome::Event::Suite(suite) => suite,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_probe_measures_and_passes_everything_on() {
    let project = Project::new();
    let hold = |mb: u64| {
        format!(
            "import sys; d = bytearray({mb} * 1000000); d[::4096] = b'x' * len(d[::4096]); print(sys.stdin.read())"
        )
    };
    let base = project.run(["probe", "--", "python3", "-c", &hold(0)], b"", &[]).ok();
    let base = told(&base.stderr()).peak_bytes.unwrap().0;
    let done = project.run(["probe", "--id", "x", "--", "python3", "-c", &hold(90)], b"hello", &[]).ok();
    let suite = told(&done.stderr());
    assert_eq!((done.stdout().as_str(), suite.id.as_str(), suite.status), ("hello\n", "x", Status::Passed));
    let peak = suite.peak_bytes.unwrap().0;
    assert!((peak - base).abs_diff(90_000_000) <= 4_500_000, "{peak} above {base}");
    let done =
        project.run(["probe", "--output", "o.jsonl", "--", "sh", "-c", "echo e >&2; exit 7"], b"", &[]);
    assert_eq!((done.code(), done.stderr().as_str()), (7, "e\n"));
    let suite = told(&project.read("o.jsonl"));
    assert_eq!((suite.status, suite.exit, suite.id.as_str()), (Status::Failed, Some(7), "sh"));
    let done = project.run(["probe", "--", "sh", "-c", "kill -11 $$"], b"", &[]);
    assert_eq!((done.code(), told(&done.stderr()).signal), (139, Some(11)));
    project.run(["probe", "--", "no-such-program"], b"", &[]).fails(94, &["no-such-program"]);
    // In a session it tells the session, and nobody else.
    let events = project.path().join("events");
    let events = [("SHARD_EVENTS", events.to_str().unwrap()), ("NEXTEST_BINARY_ID", "m::it")];
    let done = project.run(["probe", "--", "sh", "-c", "echo -$SHARD_EVENTS-"], b"", &events).ok();
    assert_eq!((done.stdout().as_str(), done.stderr().as_str()), ("--\n", ""));
    let text = project.read("events");
    let (begin, end) = text.split_once('\n').unwrap();
    assert!(begin.starts_with(r#"{"event":"begin","worker":"probe-"#), "{begin}");
    assert_eq!((told(end).id.as_str(), told(end).status), ("m::it", Status::Passed));
}

#[test]
fn a_probe_hands_signals_on_and_leaves_nobody_behind() {
    for (name, code) in [("TERM", Some(143)), ("INT", Some(130)), ("KILL", None)] {
        let project = Project::new();
        let mut command = Command::new(env!("CARGO_BIN_EXE_shard"));
        command.args(["probe", "--", "sh", "-c", "echo $$ > pid; exec sleep 60"]).current_dir(project.path());
        let mut child = command.stdin(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let begun = Instant::now();
        while fs::read_to_string(project.path().join("pid")).map_or(true, |pid| pid.trim().is_empty()) {
            assert!(begun.elapsed() < Duration::from_secs(20));
            std::thread::sleep(Duration::from_millis(20));
        }
        std::thread::sleep(Duration::from_millis(100));
        let kill = Command::new("kill").args([&format!("-{name}"), &child.id().to_string()]).status();
        assert!(kill.unwrap().success());
        assert_eq!(child.wait().unwrap().code(), code, "{name}");
        let pid = project.read("pid");
        let alive = || {
            let stat = fs::read_to_string(Path::new("/proc").join(pid.trim()).join("stat"));
            stat.is_ok_and(|stat| !stat.contains(") Z "))
        };
        while cfg!(target_os = "linux") && alive() {
            assert!(begun.elapsed() < Duration::from_secs(20), "{name} left it running");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

#[test]
fn go_tests_are_measured_by_their_packages() {
    if !can("go", &["version"]) {
        return println!("skipped: there is no go");
    }
    let test = |mb: u64| {
        format!(
            "package a\nimport \"testing\"\nvar K []byte\nfunc TestX(t *testing.T) {{\n\tK = make([]byte, {mb}*1000000)\n\
             \tfor i := range K {{ K[i] = 1 }}\n}}\n"
        )
    };
    let project = Project::with(&[
        ("go.mod", "module example.com/m\n\ngo 1.19\n"),
        ("deep/a/a_test.go", &test(200)),
        ("deep/b/b_test.go", &test(400)),
    ]);
    let exec = format!("{} probe --", env!("CARGO_BIN_EXE_shard"));
    let home = project.path().join("home");
    let variables = [("HOME", home.to_str().unwrap()), ("GOFLAGS", "-modcacherw")];
    // Go itself holds some, which is within five hundredths of these.
    let suites = [("example.com/m/deep/a", 200), ("example.com/m/deep/b", 400)];
    let outcome = check_run(&project, &suites, &["go", "test", "-exec", &exec, "{suites}"], &variables);
    assert!(outcome.sessions[0].finished.iter().all(|suite| suite.status == Status::Passed));
}

#[test]
fn tests_of_bazel_are_measured_by_their_labels() {
    if !can("bazel", &["--version"]) {
        return println!("skipped: there is no bazel");
    }
    let hold = "def _hold(ctx):\n    file = ctx.actions.declare_file(ctx.label.name + \".sh\")\n    \
         hold = \"d = bytearray(%d * 1000000); d[::4096] = b'x' * len(d[::4096])\" % ctx.attr.mb\n    \
         text = \"#!/bin/sh\\nexec python3 -c \\\"%s\\\"\\n\" % hold\n    \
         ctx.actions.write(file, text, is_executable = True)\n    return [DefaultInfo(executable = file)]\n\n\
         hold_test = rule(implementation = _hold, test = True, attrs = {\"mb\": attr.int()})\n";
    let build =
        |mb: u64| format!("load(\"//:hold.bzl\", \"hold_test\")\nhold_test(name = \"hold\", mb = {mb})\n");
    // What Bazel would fetch to report coverage, which nobody asked for.
    let nothing = "[filegroup(name = name, visibility = [\"//visibility:public\"]) for name in [\"coverage_report_generator\", \"lcov_merger\"]]\n";
    let project = Project::with(&[
        ("WORKSPACE", ""),
        ("BUILD", ""),
        ("hold.bzl", hold),
        ("deep/a/BUILD", &build(300)),
        ("deep/b/BUILD", &build(500)),
        ("coverage/WORKSPACE", ""),
        ("coverage/BUILD", nothing),
    ]);
    let at = project.path().to_str().unwrap();
    let startup = format!("--output_user_root={at}/root");
    let (probe, coverage) = (
        format!("--run_under={} probe --", env!("CARGO_BIN_EXE_shard")),
        format!("--override_repository=remote_coverage_tools={at}/coverage"),
    );
    let command = [
        "bazel",
        &startup,
        "--max_idle_secs=5",
        "test",
        &coverage,
        &probe,
        "--test_env=SHARD_EVENTS",
        "--sandbox_writable_path={outcomes}",
        "{suites}",
    ];
    check_run(&project, &[("//deep/a:hold", 300), ("//deep/b:hold", 500)], &command, &[]);
    // A server that lives on must not hold the folder.
    let down =
        Command::new("bazel").args([&startup, "shutdown"]).current_dir(project.path()).output().unwrap();
    assert!(down.status.success());
}

/// Runs the only shard of these suites by a command, each with the most that it may be told to hold above `mb`.
#[track_caller]
fn check_run(
    project: &Project,
    suites: &[(&str, u64)],
    command: &[&str],
    variables: &[(&str, &str)],
) -> outcome::Outcome {
    let rows: String = suites.iter().map(|(id, _)| format!("{id},100\n")).collect();
    project.file("costs.csv", format!("id,ms\n{rows}").as_bytes());
    project.file("shard.toml", b"[tier.all]\nmatch = [\"**\"]\nmemory = \"isolated\"\nbudget = \"none\"\n");
    project.shard("plan --costs costs.csv").ok();
    let args = [&["run", "all-1", "--preflight", "off", "--"], command].concat();
    let done = project.run(args, b"", variables);
    assert_eq!(done.code(), 0, "{}{}", done.stdout(), done.stderr());
    let text = project.read("shard-out/outcomes/all-1.0.1.jsonl");
    let outcome = outcome::read(text.as_bytes()).unwrap();
    for (id, mb) in suites {
        let parts = outcome.sessions[0].finished.iter().filter(|suite| suite.id == *id);
        let peak =
            parts.filter_map(|suite| suite.peak_bytes).max().unwrap_or_else(|| panic!("{id}: {text}")).0;
        // A process of its own holds a little too.
        let above = peak.checked_sub(mb * 1_000_000).unwrap_or_else(|| panic!("{id}: {peak}"));
        assert!(above <= (mb * 50_000).max(3_000_000), "{id}: {peak}");
    }
    // The names meet those of the plan, so a history learns them.
    project.shard("record shard-out/outcomes --output h.json").ok();
    let history: serde_json::Value = serde_json::from_str(&project.read("h.json")).unwrap();
    let learned: Vec<&String> = history["suites"].as_object().unwrap().keys().collect();
    assert_eq!(learned, suites.iter().map(|(id, _)| *id).collect::<Vec<_>>());
    assert_eq!(outcome.end.as_ref().unwrap().not_run, [""; 0]);
    outcome
}

#[test]
fn tests_under_nextest_are_measured_by_their_binaries() {
    if !can("cargo", &["nextest", "--version"]) {
        return println!("skipped: there is no cargo-nextest");
    }
    let outcome = check_cargo(&["cargo", "nextest", "run", "--offline"]);
    // Listing the tests is no part of them.
    assert_eq!(outcome.sessions[0].finished.len(), 4);
}

#[test]
fn tests_under_cargo_have_the_names_that_nextest_gives_them() {
    let outcome = check_cargo(&["cargo", "test", "--offline"]);
    assert_eq!(outcome.sessions[0].finished.len(), 3);
}

/// A package whose library, program and tests are measured by the probe, which nothing in the package asks for.
#[track_caller]
fn check_cargo(command: &[&str]) -> outcome::Outcome {
    let host = String::from_utf8(Command::new("rustc").arg("-vV").output().unwrap().stdout).unwrap();
    let host = host.lines().find_map(|line| line.strip_prefix("host: ")).unwrap();
    let hold = |name: &str, mb: u64| {
        format!(
            "#[test] fn {name}() {{ assert_eq!(std::hint::black_box(vec![1u8; {mb}_000_000])[7], 1); }}\n"
        )
    };
    let project = Project::with(&[
        ("Cargo.toml", "[package]\nname = \"m\"\nversion = \"0.1.0\"\nedition = \"2021\"\n[workspace]\n"),
        ("src/lib.rs", &hold("unit", 60)),
        ("src/main.rs", &(hold("tool", 90) + "fn main() {}\n")),
        ("tests/it.rs", &(hold("big", 120) + &hold("small", 1))),
    ]);
    let runner = format!("CARGO_TARGET_{}_RUNNER", host.to_uppercase().replace('-', "_"));
    let probe = format!("{} probe --", env!("CARGO_BIN_EXE_shard"));
    let ours: Vec<(&str, String)> = ["HOME", "CARGO_HOME", "RUSTUP_HOME"]
        .into_iter()
        .filter_map(|name| Some((name, std::env::var(name).ok()?)))
        .chain([(runner.as_str(), probe)])
        .collect();
    let variables: Vec<(&str, &str)> = ours.iter().map(|(name, value)| (*name, value.as_str())).collect();
    check_run(&project, &[("m", 60), ("m::bin/m", 90), ("m::it", 120)], command, &variables)
}

#[test]
fn tests_under_ctest_are_measured_by_their_names() {
    if !can("cmake", &["--version"]) || !can("cc", &["--version"]) {
        return println!("skipped: there is no cmake with a C compiler");
    }
    let lists = "cmake_minimum_required(VERSION 3.19)\nproject(p C)\nenable_testing()\nadd_executable(hold hold.c)\n\
                 add_test(NAME heavy COMMAND hold 90)\nadd_test(NAME \"light one\" COMMAND hold 40)\n";
    let hold = "#include <stdlib.h>\n#include <string.h>\nint main(int c, char **v) {\n  size_t n = (size_t)atoi(v[1]) * 1000000;\n\
                \x20 volatile char *p = malloc(n);\n  memset((void *)p, 1, n);\n  return p[n - 1] != 1;\n}\n";
    let project = Project::with(&[("CMakeLists.txt", lists), ("hold.c", hold)]);
    let probe = format!("{};probe;--", env!("CARGO_BIN_EXE_shard"));
    // The first before CMake 3.29, the second from then on.
    let done = Command::new("cmake")
        .args(["-B", "build", "-S", "."])
        .args([format!("-DCMAKE_CROSSCOMPILING_EMULATOR={probe}"), format!("-DCMAKE_TEST_LAUNCHER={probe}")])
        .current_dir(project.path())
        .output()
        .unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let built =
        Command::new("cmake").args(["--build", "build"]).current_dir(project.path()).output().unwrap();
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stdout));
    check_run(&project, &[("heavy", 90), ("light one", 40)], &["ctest", "--test-dir", "build"], &[]);
}
