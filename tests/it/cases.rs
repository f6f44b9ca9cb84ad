//! `testdata/cli/<case>/`: `args` run in a copy of `in/`, compared with `stdout`, `stderr`, `code`
//! and the files in `out/`, and in `step/` what a workflow's step was handed.
//!
//! Every case runs twice, which must change nothing. `SHARD_ACCEPT=1 cargo test` rewrites what is
//! expected; review it as a diff.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use crate::common::{Project, root};

fn files(folder: &Path, below: &str, found: &mut BTreeMap<String, Vec<u8>>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.map(Result::unwrap) {
        let name = format!("{below}{}", entry.file_name().to_string_lossy());
        if entry.file_type().unwrap().is_dir() {
            files(&entry.path(), &format!("{name}/"), found);
        } else {
            found.insert(name, fs::read(entry.path()).unwrap());
        }
    }
}

fn tree(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    files(folder, "", &mut found);
    found
}

#[test]
fn cases() {
    let accept = std::env::var_os("SHARD_ACCEPT").is_some();
    let mut names: Vec<_> =
        fs::read_dir(root().join("testdata/cli")).unwrap().map(|entry| entry.unwrap().path()).collect();
    names.sort();
    let mut wrong = Vec::new();
    for case in &names {
        let args = fs::read_to_string(case.join("args")).unwrap();
        let project = Project::new();
        for (name, bytes) in tree(&case.join("in")) {
            project.file(&name, &bytes);
        }
        let stdin = fs::read(case.join("stdin")).unwrap_or_default();
        // What a step of a workflow hands on, where the case asks for that.
        let step = Project::new();
        let path = |name: &str| step.path().join(name).to_str().unwrap().to_owned();
        let (output, summary) = (path("output"), path("summary.md"));
        let env =
            [("LANG", "C.UTF-8"), ("GITHUB_OUTPUT", output.as_str()), ("GITHUB_STEP_SUMMARY", &summary)];
        let run = || {
            let _ = (fs::remove_file(&output), fs::remove_file(&summary));
            project.run(args.lines().filter(|line| !line.is_empty()), &stdin, &env)
        };
        let first = run();
        let mut found: BTreeMap<String, Vec<u8>> = BTreeMap::new();
        let out = tree(&project.path().join("shard-out"));
        found.extend(out.clone().into_iter().map(|(name, bytes)| (format!("out/{name}"), bytes)));
        found.extend(tree(step.path()).into_iter().map(|(name, bytes)| (format!("step/{name}"), bytes)));
        found.insert("stdout".into(), first.0.stdout.clone());
        found.insert("stderr".into(), first.0.stderr.clone());
        found.insert("code".into(), format!("{}\n", first.code()).into_bytes());
        let again = run();
        let same = again.0 == first.0 && tree(&project.path().join("shard-out")) == out;
        assert!(same, "{}: a second run gives another answer", case.display());
        let mut expected = tree(case);
        expected.retain(|name, _| {
            ["stdout", "stderr", "code"].contains(&name.as_str())
                || ["out/", "step/"].iter().any(|folder| name.starts_with(folder))
        });
        if expected == found {
            continue;
        }
        if accept {
            let _ = (fs::remove_dir_all(case.join("out")), fs::remove_dir_all(case.join("step")));
            for (name, bytes) in &found {
                let path = case.join(name);
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(path, bytes).unwrap();
            }
            continue;
        }
        for name in expected.keys().chain(found.keys()).collect::<std::collections::BTreeSet<_>>() {
            let text = |files: &BTreeMap<String, Vec<u8>>| {
                files.get(name).map(|bytes| String::from_utf8_lossy(bytes).into_owned())
            };
            let (expected, found) = (text(&expected), text(&found));
            if expected != found {
                wrong.push(format!(
                    "{}/{name}:\n--- expected\n{expected:#?}\n--- found\n{}",
                    case.display(),
                    found.unwrap_or_default()
                ));
            }
        }
    }
    assert!(!names.is_empty() && wrong.is_empty(), "{}", wrong.join("\n"));
}
