//! Files that look like tests and are in no finding: the check that nothing was missed.

use std::collections::BTreeSet;

use super::facts::{Facts, inside, is_sample, split};
use super::{Found, Suites};
use crate::text::{count, examples};

/// Endings of JavaScript's and TypeScript's files.
const SCRIPTS: [&str; 8] = ["js", "jsx", "ts", "tsx", "mjs", "cjs", "mts", "cts"];

/// What to say of them; `None`: there is none.
pub(super) fn note(facts: &Facts, found: &[Found]) -> Option<String> {
    let mut claimed: BTreeSet<&str> = BTreeSet::new();
    let mut listed: Vec<&str> = Vec::new();
    for found in found {
        match &found.suites {
            Suites::Files { files, .. } => claimed.extend(files.iter().map(String::as_str)),
            // What a tool lists is not seen here.
            Suites::Listed { .. } => listed.push(&found.folder),
        }
    }
    let is_free = |file: &&str| {
        let of_tool = file.ends_with(".go") && listed.iter().any(|folder| inside(folder, file));
        let hidden = file.split('/').any(|part| part.starts_with('.'));
        is_test(file) && !hidden && !claimed.contains(file) && !of_tool && !is_sample(split(file).0)
    };
    let free: Vec<&str> = facts.below("").filter(is_free).collect();
    (!free.is_empty()).then(|| {
        let all = count(free.len(), "other file");
        format!("{all} named like tests, in no tier: {}", examples(free.iter().copied(), 3))
    })
}

/// Whether a file is called as tests are, in any of the languages.
fn is_test(file: &str) -> bool {
    let name = split(file).1;
    let Some((stem, ending)) = name.rsplit_once('.') else { return false };
    match ending {
        "py" => stem.starts_with("test_") || stem.ends_with("_test"),
        "rb" => stem.ends_with("_spec") || stem.ends_with("_test"),
        "go" => stem.ends_with("_test"),
        // `a.servertest.ts` too: projects name their kinds of tests like that.
        ending if SCRIPTS.contains(&ending) => {
            stem.rsplit_once('.').is_some_and(|(_, kind)| kind.ends_with("test") || kind.ends_with("spec"))
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_tests_are_known() {
        for test in ["a/test_x.py", "x_test.py", "x_spec.rb", "a.test.tsx", "a.servertest.ts", "x_test.go"] {
            assert!(is_test(test), "{test}");
        }
        for none in ["conftest.py", "tests/helper.py", "latest.ts", "test.ts", "a.snap", "spec_helper.rb"] {
            assert!(!is_test(none), "{none}");
        }
    }
}
