//! The configurations of docs/runners.md with the runners themselves, each on a small project.

use std::fs;
use std::os::unix::fs::symlink;
use std::process::Command;

use shard::outcome;

use crate::common::{Project, can, has_pytest, has_xdist, root};
use crate::markdown::{blocks, page};

/// Whether files are told apart in memory.
#[derive(Clone, Copy, PartialEq)]
enum Told {
    Memory,
    Nothing,
}

/// Plans two jobs by the first configuration below a heading, behind the commands there, runs both, and sees that
/// every suite was executed.
fn check(heading: &str, project: &Project, told: Told, variables: &[(&str, &str)]) {
    let of_heading: Vec<_> =
        blocks(&page("docs/runners.md")).into_iter().filter(|block| block.heading == heading).collect();
    let toml = of_heading.iter().find(|block| block.language == "toml").unwrap();
    project.file("shard.toml", toml.text.as_bytes());
    fs::create_dir_all(project.path().join(".bin")).unwrap();
    symlink(env!("CARGO_BIN_EXE_shard"), project.path().join(".bin/shard")).unwrap();
    let before: String =
        of_heading.iter().filter(|block| block.language == "sh").map(|block| block.text.as_str()).collect();
    // Where nobody else tells of suites, reports do.
    let reports = if told == Told::Nothing { "reports" } else { "" };
    let script = format!(
        "set -e\n{before}\nshard plan --shards 2\nfor list in shard-out/*.txt; do\n  \
         shard run \"$(basename \"$list\" .txt)\" --preflight off\ndone\nshard verify shard-out/outcomes {reports}\n"
    );
    let path =
        format!("{}:{}", project.path().join(".bin").display(), std::env::var("PATH").unwrap_or_default());
    let mut bash = Command::new("bash");
    bash.args(["-c", &script]).current_dir(project.path()).env_clear().env("PATH", path);
    bash.envs(std::env::var_os("HOME").map(|home| ("HOME", home))).envs(variables.iter().copied());
    let done = bash.output().unwrap();
    let said = String::from_utf8_lossy(&[done.stdout, done.stderr].concat()).into_owned();
    assert!(done.status.success(), "{heading}: {said}");
    let plan = project.plan();
    assert_eq!(plan["shards"].as_array().unwrap().len(), 2, "{heading}: {said}");
    if told == Told::Memory {
        let mut measured = 0;
        for name in project.list("shard-out/outcomes") {
            let text = project.read(&format!("shard-out/outcomes/{name}"));
            let read = outcome::read(text.as_bytes()).unwrap();
            let peaks = read.sessions.iter().flat_map(|session| &session.finished);
            measured +=
                peaks.filter(|suite| suite.peak_bytes.is_some_and(|peak| peak.0 > 20_000_000)).count();
        }
        assert!(measured >= 2, "{heading}: {measured} suites were measured: {said}");
    }
}

const HELD: &str = "def test_a():\n    assert len(bytes([1]) * 30_000_000)\n";

fn python() -> Project {
    Project::with(&[("tests/test_orders.py", HELD), ("tests/test_search.py", HELD)])
}

#[test]
fn pytest_works_as_the_manual_says() {
    match has_pytest() {
        true => check("pytest", &python(), Told::Memory, &[]),
        false => println!("skipped: python3 has no pytest 8.2"),
    }
}

#[test]
fn xdist_works_as_the_manual_says() {
    match has_xdist() {
        true => check("pytest-xdist", &python(), Told::Memory, &[]),
        false => println!("skipped: python3 has no pytest-xdist"),
    }
}

/// With Jest and Vitest; `None` where they are not installed.
fn javascript(begin: &str) -> Option<Project> {
    let modules = root().join("target/js/node_modules");
    if !modules.join("vitest").exists() {
        println!("skipped: there are no Jest and Vitest in target/js/node_modules");
        return None;
    }
    let text =
        format!("{begin}const kept = [];\ntest('a', () => {{ kept.push(Buffer.alloc(30e6, 1)); }});\n");
    let project = Project::with(&[
        ("package.json", "{}"),
        ("src/orders.test.js", &text),
        ("src/search.test.js", &text),
    ]);
    symlink(modules, project.path().join("node_modules")).unwrap();
    Some(project)
}

#[test]
fn jest_works_as_the_manual_says() {
    if let Some(project) = javascript("") {
        check("Jest", &project, Told::Memory, &[]);
    }
}

#[test]
fn vitest_works_as_the_manual_says() {
    if let Some(project) = javascript("import { test } from 'vitest';\n") {
        check("Vitest", &project, Told::Memory, &[]);
    }
}

#[test]
fn go_works_as_the_manual_says() {
    if !can("go", &["version"]) {
        return println!("skipped: there is no go");
    }
    let test = "package a\nimport \"testing\"\nvar K []byte\nfunc TestA(t *testing.T) {\n\tK = make([]byte, 50000000)\n\
                \tfor i := range K { K[i] = 1 }\n}\n";
    let project = Project::with(&[
        ("go.mod", "module example.com/shop\n\ngo 1.19\n"),
        ("orders/a_test.go", test),
        ("search/a_test.go", test),
    ]);
    let home = project.path().join("home");
    check("Go", &project, Told::Memory, &[("HOME", home.to_str().unwrap()), ("GOFLAGS", "-modcacherw")]);
}

fn rust() -> Project {
    let test = "#[test]\nfn a() {\n    let held = vec![1u8; 40_000_000];\n    assert_eq!(held[7], 1);\n}\n";
    Project::with(&[
        (
            "Cargo.toml",
            "[package]\nname = \"shop\"\nversion = \"0.1.0\"\nedition = \"2021\"\n\n[workspace]\n",
        ),
        ("src/lib.rs", ""),
        ("tests/orders.rs", test),
        ("tests/search.rs", test),
    ])
}

/// Where cargo and rustup keep what is theirs, as they say it to this test.
fn cargo() -> Vec<(&'static str, String)> {
    let names = ["CARGO_HOME", "RUSTUP_HOME", "RUSTUP_TOOLCHAIN"];
    names.into_iter().filter_map(|name| Some((name, std::env::var(name).ok()?))).collect()
}

#[test]
fn nextest_works_as_the_manual_says() {
    let here = cfg!(all(target_arch = "x86_64", target_env = "gnu"));
    if !(here && can("cargo", &["nextest", "--version"])) {
        return println!("skipped: there is no cargo-nextest, or this is another machine than the manual's");
    }
    let variables = cargo();
    let variables: Vec<_> = variables.iter().map(|(name, value)| (*name, value.as_str())).collect();
    check("cargo-nextest", &rust(), Told::Memory, &variables);
}

#[test]
fn cargo_works_as_the_manual_says() {
    let variables = cargo();
    let variables: Vec<_> = variables.iter().map(|(name, value)| (*name, value.as_str())).collect();
    check("cargo test", &rust(), Told::Memory, &variables);
}

#[test]
fn ctest_works_as_the_manual_says() {
    if !(can("cmake", &["--version"]) && can("cc", &["--version"])) {
        return println!("skipped: there is no cmake, or no C compiler");
    }
    let list = "cmake_minimum_required(VERSION 3.19)\nproject(shop C)\nenable_testing()\nadd_executable(work work.c)\n\
                add_test(NAME orders.a COMMAND work 1)\nadd_test(NAME \"search (b)\" COMMAND work 2)\nadd_test(NAME ordersXa COMMAND work 3)\n";
    let work = "#include <stdio.h>\n#include <stdlib.h>\n#include <string.h>\nint main(void) {\n  char *held = malloc(50000000);\n\
                \x20 memset(held, 1, 50000000);\n  printf(\"%d\\n\", held[7]);\n  return 0;\n}\n";
    let project = Project::with(&[("CMakeLists.txt", list), ("work.c", work)]);
    check("CTest", &project, Told::Memory, &[]);
}

#[test]
fn rspec_works_as_the_manual_says() {
    if !can("rspec", &["--version"]) {
        return println!("skipped: there is no rspec");
    }
    let text = "RSpec.describe 'x' do\n  it('works') { expect(1).to eq 1 }\nend\n";
    let project = Project::with(&[("spec/orders_spec.rb", text), ("spec/search_spec.rb", text)]);
    check("RSpec", &project, Told::Nothing, &[]);
    // And the times are learned.
    let said = project.shard("record reports").ok();
    assert!(said.stdout().contains("recorded 2 suites"), "{}", said.stdout());
}

#[test]
fn any_tool_works_as_the_manual_says() {
    let work = "exec python3 -c 'held = bytes([1]) * 40_000_000'\n";
    let project = Project::with(&[("checks/orders", work), ("checks/search", work)]);
    check("Any other tool", &project, Told::Memory, &[]);
}
