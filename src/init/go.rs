//! `go test`, by `go.mod` and `go.work`.

use std::collections::BTreeSet;

use super::facts::{Facts, inside, join, split};
use super::{Findings, Found, Runner, Step, Suites, files};
use crate::text::count;

/// Packages that have tests: the others have nothing to run, and nobody would tell that they did.
const WITH_TESTS: &str = "{{if or .TestGoFiles .XTestGoFiles}}{{.ImportPath}}{{end}}";

pub(super) fn look(facts: &Facts, findings: &mut Findings) {
    let modules = facts.folders_with(|name| name == "go.mod");
    let members = facts.text("go.work").map(used).unwrap_or_default();
    for module in &modules {
        let in_work = members.contains(&(*module).to_owned());
        if in_work {
            continue;
        }
        let patterns = vec!["./...".to_owned()];
        findings.found.extend(home(facts, module, &[module], &modules, &patterns));
    }
    let members: Vec<&str> =
        members.iter().map(String::as_str).filter(|member| facts.has(member, "go.mod")).collect();
    if !members.is_empty() {
        let patterns: Vec<String> =
            members.iter().map(|member| format!("./{}", join(member, "..."))).collect();
        let found = home(facts, "", &members, &modules, &patterns);
        findings.found.extend(found.map(|mut found| {
            found
                .evidence
                .insert(0, ("go.work".to_owned(), format!("uses {}", count(members.len(), "module"))));
            found
        }));
    }
}

/// The packages of `modules`, which are run from `folder`.
fn home(facts: &Facts, folder: &str, modules: &[&str], all: &[&str], patterns: &[String]) -> Option<Found> {
    let mut packages = BTreeSet::new();
    let (mut matches, mut evidence, mut tests) = (Vec::new(), Vec::new(), 0);
    for module in modules {
        let name = facts.text_in(module, "go.mod").and_then(name_of)?;
        let own = |file: &&str| {
            let other = |other: &&&str| **other != *module && inside(module, other) && inside(other, file);
            file.ends_with("_test.go")
                && !all.iter().any(|one| other(&one))
                && is_built(&file[skip(module)..])
        };
        let files: Vec<&str> = facts.below(module).filter(own).collect();
        tests += files.len();
        packages.extend(files.into_iter().map(|file| split(file).0.to_owned()));
        let escaped = glob::Pattern::escape(&name);
        matches.extend([escaped.clone(), format!("{escaped}/**")]);
        evidence.push((join(module, "go.mod"), format!("module {name}")));
    }
    if packages.is_empty() {
        return None;
    }
    let mut command = files::started_in(folder, &["go", "list", "-f", WITH_TESTS]);
    command.extend(patterns.iter().cloned());
    let version = match facts.has(folder, "go.mod") && folder.is_empty() {
        true => ("go-version-file", "go.mod"),
        false if facts.has("", "go.work") && folder.is_empty() => ("go-version-file", "go.work"),
        false => ("go-version", "stable"),
    };
    Some(Found {
        runner: Runner::Go,
        folder: folder.to_owned(),
        evidence,
        suites: Suites::Listed {
            command,
            matches,
            seen: format!("{} with {}", count(packages.len(), "package"), count(tests, "test file")),
        },
        run: files::started_in(
            folder,
            &["go", "test", "-p", "{workers}", "-exec", "shard probe --", "{suites}"],
        ),
        shuffles: false,
        notes: Vec::new(),
        hints: Vec::new(),
        setup: vec![Step::Action("go", vec![version])],
        instead: None,
    })
}

fn skip(folder: &str) -> usize {
    if folder.is_empty() { 0 } else { folder.len() + 1 }
}

/// Whether `./...` means the folder of a file.
fn is_built(file: &str) -> bool {
    let never = |part: &str| part == "testdata" || part == "vendor" || part.starts_with(['_', '.']);
    !split(file).0.split('/').any(never)
}

/// The path of a module.
fn name_of(text: &str) -> Option<String> {
    let line = text.lines().find_map(|line| line.trim().strip_prefix("module "))?;
    let name = line.split("//").next()?.trim().trim_matches('"');
    (!name.is_empty() && !name.contains(char::is_whitespace)).then(|| name.to_owned())
}

/// The modules of a workspace.
fn used(text: &str) -> Vec<String> {
    let mut inside = false;
    let mut found = Vec::new();
    for line in text.lines().map(|line| line.split("//").next().unwrap_or_default().trim()) {
        let path = match line {
            ")" => {
                inside = false;
                continue;
            }
            line if inside => line,
            line => match line.strip_prefix("use").map(str::trim) {
                Some("(") => {
                    inside = true;
                    continue;
                }
                Some(path) => path,
                None => continue,
            },
        };
        found.extend(files::relative(path.trim_matches('"')).filter(|_| !path.is_empty()));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modules_and_workspaces_are_read() {
        assert_eq!(name_of("// x\nmodule github.com/a/b // y\n\ngo 1.22\n").unwrap(), "github.com/a/b");
        assert_eq!(name_of("module \"a b\""), None);
        assert_eq!(used("go 1.22\nuse ./a\nuse (\n\t./b // c\n\t.\n)\nreplace x => ./y\n"), ["a", "b", ""]);
        assert!(is_built("a/b_test.go") && !is_built("a/testdata/b_test.go") && !is_built("_x/b_test.go"));
    }
}
