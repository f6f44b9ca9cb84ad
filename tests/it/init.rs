//! `shard init`: `testdata/init/<case>/` holds a project in `in/`, what is said of it in `said`, and the files that are written
//! in `out/`. `SHARD_ACCEPT=1 cargo test` rewrites what is expected; review it as a diff.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use crate::common::{Project, has_pytest, root};

fn files(folder: &Path, below: &str, found: &mut BTreeMap<String, String>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.map(Result::unwrap) {
        let name = format!("{below}{}", entry.file_name().to_string_lossy());
        match entry.file_type().unwrap().is_dir() {
            true => files(&entry.path(), &format!("{name}/"), found),
            false => drop(found.insert(name, fs::read_to_string(entry.path()).unwrap())),
        }
    }
}

fn tree(folder: &Path) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    files(folder, "", &mut found);
    found
}

#[test]
fn projects_of_every_kind() {
    let mut count = 0;
    for case in fs::read_dir(root().join("testdata/init")).unwrap().map(|entry| entry.unwrap().path()) {
        let given = tree(&case.join("in"));
        let project = Project::new();
        given.iter().for_each(|(name, text)| project.file(name, text.as_bytes()));
        let args = fs::read_to_string(case.join("args")).unwrap_or_default();
        let words = || ["init"].into_iter().chain(args.lines());
        let shown = project.run(words().chain(["--dry-run"]), b"", &[]);
        assert_eq!(tree(project.path()), given, "{}: a dry run writes nothing", case.display());

        let done = project.run(words(), b"", &[]);
        let mut written = tree(project.path());
        written.retain(|name, text| given.get(name) != Some(text));
        assert!(
            written.keys().all(|name| !given.contains_key(name)),
            "{}: something was changed",
            case.display()
        );
        let texts: String =
            written.iter().rev().map(|(name, text)| format!("==> {name} <==\n{text}")).collect();
        assert_eq!(
            sorted(&shown.stdout()),
            sorted(&texts),
            "{}: a dry run shows what is written",
            case.display()
        );

        let before = tree(project.path());
        let again = project.run(words(), b"", &[]);
        assert_eq!((again.code(), tree(project.path())), (done.code(), before), "{}: again", case.display());
        let left = written.keys().filter(|name| again.stderr().contains(&format!("{name} is there"))).count();
        assert_eq!(left, written.len(), "{}: {}", case.display(), again.stderr());

        let said = format!("{}code {}\n", done.stderr(), done.code());
        if std::env::var_os("SHARD_ACCEPT").is_some() {
            let _ = fs::remove_dir_all(case.join("out"));
            fs::write(case.join("said"), &said).unwrap();
            for (name, text) in &written {
                let path = case.join("out").join(name);
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(path, text).unwrap();
            }
        }
        assert_eq!(fs::read_to_string(case.join("said")).unwrap_or_default(), said, "{}", case.display());
        assert_eq!(tree(&case.join("out")), written, "{}", case.display());
        count += 1;
        // Where nothing but files is listed, a plan needs no tool.
        if written.get("shard.toml").is_some_and(|text| !text.contains("\ncommand")) {
            let plan = project.shard("plan --dry-run").ok();
            assert!(!plan.stdout().contains("0 jobs"), "{}", plan.stdout());
        }
    }
    assert!(count >= 12, "{count}");
}

fn sorted(text: &str) -> Vec<&str> {
    let mut lines: Vec<&str> = text.lines().collect();
    lines.sort_unstable();
    lines
}

#[test]
fn nothing_that_is_there_is_touched() {
    let project = Project::with(&[("tests/test_a.py", ""), ("shard.toml", "mine")]);
    let done = project.shard("init --ci none").ok();
    assert!(done.stderr().contains("shard.toml is there and was left as it is"), "{}", done.stderr());
    assert_eq!(project.read("shard.toml"), "mine");
    assert_eq!(project.list("."), ["shard.toml", "tests"]);
}

#[cfg(unix)]
#[test]
fn links_lead_nowhere() {
    use std::os::unix::fs::symlink;
    let (project, other) = (Project::with(&[("tests/test_a.py", "")]), Project::new());
    symlink(other.path(), project.path().join(".github")).unwrap();
    project.shard("init").fails(2, &[".github` is no folder of its own"]);
    assert!(other.list(".").is_empty());
    // A link that leads nowhere yet is there all the same.
    let project = Project::with(&[("tests/test_a.py", "")]);
    symlink(other.path().join("new"), project.path().join("shard.toml")).unwrap();
    project.shard("init --ci none").ok();
    assert!(!other.exists("new"));
}

#[test]
fn a_folder_of_a_repository_gets_no_workflow() {
    let project = Project::with(&[("a/tests/test_a.py", ""), (".git/config", "")]);
    let done = project.shard("init a").ok();
    assert!(done.stderr().contains("note: no workflow is written"), "{}", done.stderr());
    assert!(project.exists("a/shard.toml") && !project.exists("a/.github"));
    assert!(done.stderr().contains("1. cd a"), "{}", done.stderr());
}

#[test]
fn wrong_words() {
    let project = Project::new();
    project
        .shard("init")
        .fails(2, &["nothing here tells of tests", "help: stand in the project's own folder"]);
    project.shard("init nowhere").fails(2, &["is no folder"]);
    project.shard("init --ci jenkins").fails(2, &["jenkins"]);
    project.shard("init --action me/shard@v1").fails(2, &["is no action by its commit"]);
    let commit = "0123456789012345678901234567890123456789";
    let project = Project::with(&[("tests/test_a.py", "")]);
    let done = project.shard(&format!("init --dry-run --action me/shard@{commit}")).ok();
    assert!(
        done.stdout().contains(&format!("uses: me/shard@{commit}\n"))
            && !done.stdout().contains("your-fork-of")
    );
}

#[cfg(unix)]
#[test]
fn packages_in_folders_are_run_there_and_measured() {
    if !has_pytest() {
        return println!("skipped: needs pytest 8.2 or newer");
    }
    // Each folder's tests pass only if they are started there.
    let test = "import os\ndef test_x():\n    assert os.path.exists('pytest.ini')\n";
    let files = [
        ("a b/pytest.ini", "[pytest]\n"),
        ("a b/tests/test_a.py", test),
        ("c/d/pytest.ini", "[pytest]\n"),
        ("c/d/tests/test_a.py", test),
    ];
    let project = Project::with(&files);
    project.shard("init --ci none").ok();
    project.shard("plan").ok();
    for shard in ["a-b-1", "d-1"] {
        let done = project.shard(&format!("run {shard}"));
        assert_eq!(done.code(), 0, "{}{}", done.stdout(), done.stderr());
        let bytes = fs::read(project.path().join(format!("shard-out/outcomes/{shard}.0.1.jsonl"))).unwrap();
        let text = String::from_utf8(bytes).unwrap();
        let id = if shard == "d-1" { "c/d/tests/test_a.py" } else { "a b/tests/test_a.py" };
        assert!(text.lines().any(|line| line.contains("\"suite\"") && line.contains(id)), "{text}");
    }
}
