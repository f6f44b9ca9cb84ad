//! Selections really run by pytest, where it is installed: every suite exactly once, whatever its
//! parameters are called.

use std::collections::BTreeSet;
use std::process::Command;

use crate::common::{Project, has_pytest, run_in, shared};

/// Parameters that have broken test splitters: separators, quotes, brackets, shells, scripts.
const ODD: [&str; 26] = [
    "a b",
    " lead",
    "trail ",
    "a/b",
    "a::b",
    "a[b]",
    "][",
    "a-b",
    "-x",
    "@file",
    "--help",
    "'single'",
    "\"double\"",
    "$HOME `id` $(id)",
    "back\\slash",
    "semi;colon|pipe&amp",
    "tab\there",
    "new\nline",
    "ünïcödé",
    "日本語",
    "\u{202e}rtl",
    "\u{2028}",
    "#hash",
    "50%",
    "a,b=c",
    "None",
];

fn pytest(project: &Project, args: &[&str]) -> (bool, String) {
    let mut command = Command::new("python3");
    command.args(["-m", "pytest", "-p", "no:cacheprovider", "-p", "no:xdist", "--color=no"]).args(args);
    let done = command.current_dir(project.path()).env("PYTHONDONTWRITEBYTECODE", "1").output().unwrap();
    let text = String::from_utf8_lossy(&done.stdout).into_owned() + &String::from_utf8_lossy(&done.stderr);
    (done.status.success(), text)
}

/// What stands in the brackets of a listing.
fn parameters(listing: &str) -> BTreeSet<String> {
    let inside = |line: &str| {
        let (name, rest) = line.trim_end_matches('>').split_once('[')?;
        let odd = |c: char| !c.is_ascii_alphanumeric() && !"-_.,".contains(c);
        let text = rest.strip_suffix(']')?;
        (name.contains("test") && text.contains(odd)).then(|| text.to_owned())
    };
    listing.lines().filter_map(inside).collect()
}

#[test]
fn pytest_runs_every_selected_test_once() {
    if !has_pytest() {
        return println!("skipped: python3 has no pytest 8.2 or newer");
    }
    let mut odd: BTreeSet<String> = ODD.iter().map(|text| (*text).to_owned()).collect();
    match shared("corpus/pytest-collect") {
        Some(folder) => {
            for entry in std::fs::read_dir(folder).unwrap() {
                odd.extend(parameters(&std::fs::read_to_string(entry.unwrap().path()).unwrap()));
            }
        }
        None => println!("skipped: shared/corpus is not there, so only our own odd names are tried"),
    }
    let ids = serde_json::to_string(&odd).unwrap();
    let module = "import json, pathlib, pytest\n\
        IDS = json.loads(pathlib.Path(__file__).with_name('ids.json').read_text(encoding='utf-8'))\n\
        odd = pytest.mark.parametrize('x', range(len(IDS)), ids=IDS)\n\
        @odd\ndef test_function(x): pass\n\
        class TestClass:\n    @odd\n    def test_method(self, x): pass\n    def test_plain(self): pass\n";
    let project = Project::with(&[
        ("tests/ids.json", &ids),
        ("tests/test_odd.py", module),
        ("tests/sub dir/ids.json", "[\"a b\"]"),
        ("tests/sub dir/test_blank.py", module),
        ("pytest.ini", "[pytest]\n"),
    ]);
    let (good, listing) = pytest(&project, &["--collect-only", "-q", "tests"]);
    assert!(good, "{listing}");
    let tests = listing.lines().filter(|line| line.contains("::")).count();
    assert!(tests > 2 * odd.len(), "{listing}");
    for unit in ["file", "class", "test"] {
        let args = ["plan", "-", "--shards", "3", "--granularity", unit];
        run_in(project.path(), args, listing.as_bytes(), &[]).ok();
        let mut passed = 0;
        for shard in project.plan()["shards"].as_array().unwrap() {
            let selection = format!("@shard-out/{}.txt", shard["id"].as_str().unwrap());
            let (good, text) = pytest(&project, &["-q", &selection]);
            assert!(good, "{unit} {selection}: {text}");
            let last = text.lines().rev().find(|line| line.contains(" passed")).unwrap_or(&text);
            passed += last.split(' ').next().unwrap().parse::<usize>().unwrap();
        }
        assert_eq!(passed, tests, "{unit}");
    }
    println!("pytest ran {tests} tests with odd names, each once at every granularity");
}
