//! Whatever a project is called and has, the configuration can be read, means what was found, and says nothing else.

use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::config::file;
use crate::model::SuiteId;

/// Parts of a project: a file's name and its text.
const PARTS: [&[(&str, &str)]; 16] = [
    &[("pyproject.toml", "[tool.pytest.ini_options]\ntestpaths = [\"tests\"]"), ("tests/test_a.py", "")],
    &[("tests/unit/test_a.py", ""), ("tests/integration/test_b.py", ""), ("setup.py", "")],
    &[
        ("pytest.ini", "[pytest]\naddopts = -n 4 --ignore=tests/x\n"),
        ("tests/x/test_a.py", ""),
        ("b_test.py", ""),
    ],
    &[("package.json", "{\"scripts\": {\"test\": \"jest\"}}"), ("src/a.test.js", "")],
    &[("package.json", "{\"devDependencies\": {\"jest\": \"1\", \"vitest\": \"1\"}}"), ("src/a.test.ts", "")],
    &[
        ("vitest.config.ts", "test: { include: ['src/**/*.{spec,x-test}.ts'] }"),
        ("package.json", "{}"),
        ("src/a.spec.ts", ""),
    ],
    &[
        ("playwright.config.ts", "testDir: 'e2e'"),
        ("package.json", "{}"),
        ("e2e/a.spec.ts", ""),
        ("e2e/deep/b.spec.ts", ""),
    ],
    &[
        ("package.json", "{\"jest\": {\"roots\": [\"src\"], \"testMatch\": [\"**/*.check.js\"]}}"),
        ("src/a.check.js", ""),
    ],
    &[(".rspec", "--order rand"), ("Gemfile", ""), ("spec/a_spec.rb", "")],
    &[("go.mod", "module example.com/x"), ("a/b_test.go", "")],
    &[("go.mod", "module \"]\n[tier.evil]\nx"), ("b_test.go", "")],
    &[("Cargo.toml", "[package]\nname = \"x\\\"]\\n[tier.evil]\"")],
    &[("Cargo.toml", "[workspace]"), ("in/Cargo.toml", "[package]\nname = \"[in]\"")],
    &[("CMakeLists.txt", "enable_testing()\nadd_test(NAME a COMMAND a)")],
    &[
        ("package.json", "{\"scripts\": {\"test\": \"jest '\\n[tier.evil]\\u0085'\"}}"),
        ("src/a\"]\n[tier.evil].test.js", ""),
    ],
    &[(".gitlab-ci.yml", ""), (".github/workflows/x.yml", "runs-on: ubuntu-22.04")],
];

/// Folders that could break out of a string, a pattern, a comment or a command. None may be seen in a workflow.
const FOLDERS: [&str; 12] = [
    "",
    "",
    "EVIL",
    "EVIL web/app",
    "EVIL\"]\n[tier.evil]\nmatch = [\"**",
    "EVIL'''\\",
    "EVIL[a]*?",
    "${{ EVIL }}",
    "-EVIL: x #",
    "EVIL\u{85}\u{2028}\u{202e}",
    "EVIL/unit/e2e",
    "{suites}EVIL",
];

#[test]
fn whatever_a_project_is_called_the_configuration_means_what_was_found() {
    let mut random = 7_u64;
    let mut next = |below: usize| {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(random >> 33).unwrap() % below
    };
    let mut planned = 0;
    for seed in 0..3_000 {
        let mut texts = BTreeMap::new();
        for _ in 0..=next(5) {
            let (folder, part) = (FOLDERS[next(FOLDERS.len())], PARTS[next(PARTS.len())]);
            texts.extend(part.iter().map(|(name, text)| (facts::join(folder, name), (*text).to_owned())));
        }
        let facts = Facts::new(texts.keys().cloned().collect(), texts.clone());
        let findings = look(&facts);
        let draft = draft(&findings);
        let wanted = [None, Some(Ci::Github), Some(Ci::Gitlab), Some(Ci::None)][next(4)];
        let place = Place::of(&facts, "", "", wanted);
        let text = settings(&draft, &place);
        if draft.is_empty() {
            continue;
        }
        let config = file::parse(&text).unwrap_or_else(|err| panic!("{seed}: {err}\n{text}"));
        let names: Vec<&str> = config.tiers.iter().map(|tier| tier.name.as_str()).collect();
        let expect: Vec<&str> = draft.tiers.iter().map(|tier| tier.name.as_str()).collect();
        assert_eq!(names, expect, "{seed}:\n{text}");

        let whole = file::parse(&uncommented(&text)).unwrap_or_else(|err| panic!("{seed}: {err}\n{text}"));
        assert_eq!(whole.tiers.len(), draft.tiers.len() + draft.instead.len(), "{seed}:\n{text}");

        let all: Vec<&String> = texts.keys().collect();
        let one = |pattern: &str| crate::config::Patterns::new([pattern]).unwrap();
        for pattern in &config.inventory.files {
            let pattern = one(pattern);
            assert!(
                all.iter().any(|file| pattern.matches(&SuiteId::new(file.as_str()))),
                "{seed}: matches nothing\n{text}"
            );
        }
        for found in findings.found.iter().filter(|found| found.instead.is_none()) {
            let Suites::Files { files, .. } = &found.suites else { continue };
            for file in files {
                let id = SuiteId::new(file.as_str());
                let listed = config.inventory.files.iter().any(|pattern| one(pattern).matches(&id));
                assert!(
                    listed && !config.inventory.exclude.matches(&id),
                    "{seed}: {file} is not planned\n{text}"
                );
                let tier = config.tiers.iter().position(|tier| tier.matches.matches(&id)).unwrap();
                let runner = draft.tiers[tier].found;
                assert!(std::ptr::eq(runner, found), "{seed}: {file} is run by {:?}\n{text}", runner.runner);
                planned += 1;
            }
        }
        for found in &findings.found {
            let known = |word: &String| {
                ["{suites}", "{selection}", "{workers}", "{shard}"].iter().any(|name| word.contains(name))
            };
            assert!(found.run.iter().any(known) && !found.folder.contains('{'), "{seed}: {:?}", found.run);
        }
        let files: BTreeSet<String> =
            pipeline(&draft, &place, None).map(|pipeline| pipeline.text).into_iter().collect();
        assert!(
            files.iter().all(|text| !text.contains("EVIL") && !text.contains("evil")),
            "{seed}: {files:?}"
        );
        let said = crate::text::inert(&said(&findings, &draft));
        assert!(!said.lines().any(|line| line.starts_with("[tier")), "{seed}: {said}");
    }
    assert!(planned > 3_000, "{planned}");
}

/// With the tiers that are comments.
fn uncommented(text: &str) -> String {
    let named = |key: &str| !key.is_empty() && key.chars().all(|c| c.is_ascii_lowercase() || c == '-');
    let is_key =
        |line: &str| line.split_once('=').is_some_and(|(key, _)| key.ends_with(' ') && named(key.trim_end()));
    let line = |line: &str| match line.strip_prefix("# ") {
        Some(rest)
            if rest.starts_with("[tier.") || rest.starts_with("  \"") || rest == "]" || is_key(rest) =>
        {
            format!("{rest}\n")
        }
        _ => format!("{line}\n"),
    };
    text.lines().map(line).collect()
}

#[test]
fn what_is_read_is_bounded_by_name() {
    for wanted in ["a/package.json", ".github/workflows/x.yaml", "vitest.config.mts", "requirements/test.txt"]
    {
        assert!(is_wanted(wanted), "{wanted}");
    }
    for none in ["a.py", ".github/x.yml", "package-lock.json", "jest.config.rs", ".env"] {
        assert!(!is_wanted(none), "{none}");
    }
}
