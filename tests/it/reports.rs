//! What is read of every fixture in `testdata/reports`, as a golden file: `testdata/reports.txt`.
//!
//! `SHARD_ACCEPT=1 cargo test reports` rewrites it; review it as a diff.

use serde_json::Value;

use crate::common::{root, run_in};

/// A line a file, as `shard inspect` shows it.
fn line(found: &Value) -> String {
    let text = |key: &str| found[key].as_str().unwrap_or("?").to_owned();
    let count = |key: &str| found[key].as_u64().unwrap_or_else(|| panic!("{key} of {found}"));
    // To the microsecond: what adding up does to the last digits is of no interest.
    let seconds = (found["seconds"].as_f64().unwrap() * 1e6).round() / 1e6;
    format!(
        "{}: {}, {} in {} {}, {seconds} s, {} untimed, {} negative, {} skipped, {} warnings\n",
        text("file"),
        text("format"),
        count("cases"),
        count("units"),
        text("unit_kind"),
        count("untimed"),
        count("negative"),
        count("skipped"),
        found["warnings"].as_array().unwrap().len(),
    )
}

#[test]
fn reports_are_read_as_they_were() {
    let folder = root().join("testdata/reports");
    let mut files = Vec::new();
    for format in std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()) {
        // The page that says where they come from is none.
        let Ok(found) = std::fs::read_dir(&format) else { continue };
        files.extend(found.map(|entry| entry.unwrap().path().strip_prefix(&folder).unwrap().to_owned()));
    }
    files.sort();
    let words = ["inspect", "--format", "json"].map(Into::into);
    let done = run_in(&folder, words.into_iter().chain(files), b"", &[]);
    let found: Vec<Value> = done.stdout().lines().map(|line| serde_json::from_str(line).unwrap()).collect();

    let path = root().join("testdata/reports.txt");
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    let head = "file: format, cases in units, time, what is odd\n";
    let mut lines = head.to_owned();
    for found in &found {
        let file = found["file"].as_str().unwrap();
        // Only some builds read databases.
        let known = expected.lines().find(|line| line.starts_with(&format!("{file}: ")));
        match known.filter(|_| file.ends_with(".pymon") && cfg!(not(feature = "pymon"))) {
            Some(known) => lines.push_str(&format!("{known}\n")),
            None => lines.push_str(&line(found)),
        }
    }
    if std::env::var_os("SHARD_ACCEPT").is_some() {
        return std::fs::write(path, lines).unwrap();
    }
    for (was, is) in expected.lines().zip(lines.lines()) {
        assert_eq!(was, is, "right? SHARD_ACCEPT=1 cargo test reports shows all");
    }
    assert_eq!(expected.lines().count(), lines.lines().count());
}
