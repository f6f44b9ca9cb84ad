//! CTest, by `CMakeLists.txt`. Its tests exist once the project is configured, and some once it is built.

use super::facts::{Facts, split};
use super::{Findings, Found, Runner, Step, Suites};
use crate::text::count;

/// What makes a project one with tests.
const SIGNS: [&str; 6] = [
    "enable_testing",
    "include(CTest)",
    "add_test",
    "gtest_discover_tests",
    "catch_discover_tests",
    "doctest_discover_tests",
];

/// CTest takes names as one regular expression. Before 3.29 it passes over `--tests-from-file`, and runs everything.
const RUN: [&str; 6] = [
    "sh",
    "-c",
    r#"exec ctest --test-dir build -j "$2" --output-on-failure -R "^($(sed 's/[][\.*^$+?(){}|]/\\&/g' "$1" | paste -sd '|'))\$""#,
    "ctest",
    "{selection}",
    "{workers}",
];

pub(super) fn look(facts: &Facts, findings: &mut Findings) {
    if !facts.has("", "CMakeLists.txt") {
        return;
    }
    let mut signs = Vec::new();
    let mut calls = 0;
    for file in facts.below("").filter(|file| split(file).1 == "CMakeLists.txt") {
        let text = facts.text(file).unwrap_or_default();
        let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.starts_with('#')).collect();
        let has = |sign: &&&str| {
            lines.iter().any(|line| line.replace(' ', "").to_lowercase().starts_with(&sign.to_lowercase()))
        };
        if let Some(sign) = SIGNS.iter().find(has) {
            signs.push((file.to_owned(), (*sign).to_owned()));
        }
        calls +=
            lines.iter().filter(|line| line.to_lowercase().replace(' ', "").starts_with("add_test(")).count();
    }
    if signs.is_empty() {
        return;
    }
    let seen = match calls {
        0 => format!("tests in {}", count(signs.len(), "file")),
        calls => format!("{} of tests in {}", count(calls, "addition"), count(signs.len(), "file")),
    };
    signs.truncate(2);
    findings.found.push(Found {
        runner: Runner::Ctest,
        folder: String::new(),
        evidence: signs,
        suites: Suites::Listed {
            command: ["ctest", "--test-dir", "build", "--show-only=json-v1"].map(str::to_owned).to_vec(),
            matches: Vec::new(),
            seen,
        },
        run: RUN.map(str::to_owned).to_vec(),
        shuffles: false,
        notes: Vec::new(),
        hints: vec!["tests are listed from `build`: cmake -B build && cmake --build build".to_owned()],
        setup: vec![
            Step::Command("cmake -B build -DCMAKE_TEST_LAUNCHER='shard;probe;--'"),
            Step::Command("cmake --build build --parallel"),
        ],
        instead: None,
    });
}
