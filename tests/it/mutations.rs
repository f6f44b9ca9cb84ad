//! Reports and outcomes that were cut, spliced and spoilt at random: no reader panics, hangs, or takes broken bytes
//! for another tool's, and nothing spoilt becomes a success.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use shard::emit::style::Style;
use shard::emit::triage::{self as emit, Judged};
use shard::model::Verdict;
use shard::outcome;
use shard::report::tally::Tally;
use shard::report::{self, Format};
use shard::triage::{Evidence, Log, judge};

use crate::common::{Random, root};

/// Small reports that real tools wrote, and a few of our own: `testdata/reports/<format>/…`.
fn fixtures() -> Vec<(Format, PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    for format in Format::all() {
        let folder = root().join("testdata/reports").join(format.name());
        let Ok(entries) = std::fs::read_dir(&folder) else { continue };
        let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
        paths.sort();
        found.extend(paths.into_iter().map(|path| (format, path.clone(), std::fs::read(path).unwrap())));
    }
    found
}

#[test]
fn every_format_has_fixtures_that_are_read_and_recognised() {
    let mut cases: BTreeMap<Format, usize> = BTreeMap::new();
    for (format, path, bytes) in fixtures() {
        let shown = path.display();
        let mut tally = Tally::default();
        if format == Format::Pymon && cfg!(not(feature = "pymon")) {
            assert_eq!(report::recognise(&bytes), Some(format), "{shown}");
            tally.cases = 1;
        } else {
            assert_eq!(report::read_any(None, bytes.as_slice(), &mut tally), Ok(Some(format)), "{shown}");
        }
        *cases.entry(format).or_default() += tally.cases;
    }
    for format in Format::all() {
        let found = cases.get(&format);
        assert!(found.is_some(), "no testdata/reports/{}/", format.name());
        // What is no report of tests holds none.
        assert_eq!(found > Some(&0), format != Format::OtherXml, "testdata/reports/{}/", format.name());
    }
}

#[test]
fn spoilt_reports_never_panic_or_hang() {
    let random = &mut Random(11);
    let fixtures = fixtures();
    for (format, path, bytes) in &fixtures {
        for round in 0..150 {
            let other = &fixtures[random.below(fixtures.len() as u64) as usize].2;
            let spoilt = spoil(bytes, other, random);
            let start = Instant::now();
            for forced in [Some(*format), None] {
                let mut tally = Tally::default();
                // Whatever it says, it comes back.
                let _ = report::read_any(forced, spoilt.as_slice(), &mut tally);
            }
            assert!(start.elapsed() < Duration::from_secs(5), "{} round {round}", path.display());
        }
    }
}

/// The outcomes of the cases of `shard triage`; each spoilt one is its own log too.
#[test]
fn spoilt_outcomes_are_judged_and_never_become_a_success() {
    let random = &mut Random(12);
    let folder = root().join("testdata/cli/triage-outcomes/in/outcomes");
    let mut paths: Vec<PathBuf> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let files: Vec<Vec<u8>> = paths.iter().map(|path| std::fs::read(path).unwrap()).collect();
    let (mut read, mut refused) = (0, 0);
    for (path, bytes) in paths.iter().zip(&files) {
        for round in 0..1_500 {
            let spoilt = spoil(bytes, &files[random.below(files.len() as u64) as usize], random);
            let shown = || format!("{} round {round}: {}", path.display(), String::from_utf8_lossy(&spoilt));
            let start = Instant::now();
            let _ = outcome::recognise(&spoilt);
            let Ok(found) = outcome::read(spoilt.as_slice()) else {
                refused += 1;
                continue;
            };
            read += 1;
            let _ = outcome::observe(&found);
            let log = Log::of(&String::from_utf8_lossy(&spoilt));
            let evidence = Evidence { log, ..Evidence::of(&found) };
            let judgement = judge(&evidence);
            assert!(!judgement.advice.is_empty(), "{}", shown());
            let harmful = |line: &String| line.contains(|c: char| c.is_control());
            assert!(!judgement.evidence.iter().any(harmful), "{:?} {}", judgement.evidence, shown());
            if judgement.verdict == Verdict::Passed {
                let end = found.end.as_ref();
                assert!(end.is_some_and(|end| end.exit == 0 && end.not_run.is_empty()), "{}", shown());
                let all =
                    evidence.coverage.as_ref().is_none_or(|coverage| coverage.executed >= coverage.suites);
                assert!(all, "{}", shown());
            }
            let all = [Judged { file: None, job: None, outcome: Some(found), evidence, judgement }];
            emit::json(&all).unwrap();
            let _ = emit::text(&all, Style::default());
            assert!(start.elapsed() < Duration::from_secs(5), "{}", shown());
        }
    }
    // Careful, and still a reader: most of what is broken in one place says the rest.
    assert!(read > 5 * refused, "{read} read, {refused} refused");
}

/// A few changes at random places: cut, doubled, replaced by odd bytes or by a piece of another report.
fn spoil(bytes: &[u8], other: &[u8], random: &mut Random) -> Vec<u8> {
    const ODD: [&[u8]; 12] = [
        b"\0",
        b"\xff\xfe",
        b"<",
        b"\"",
        b"[[[[",
        b"{\"a\":",
        b"-1e999",
        b"]]>",
        b"<!--",
        b"\n\n",
        b"99999999999999999999",
        b"\\ud800",
    ];
    let mut spoilt = bytes.to_vec();
    for _ in 0..=random.below(3) {
        let place = |random: &mut Random, length: usize| random.below(length as u64 + 1) as usize;
        let (a, b) = (place(random, spoilt.len()), place(random, spoilt.len()));
        let range = a.min(b)..a.max(b).min(a.min(b) + 64);
        match random.below(5) {
            0 => spoilt.truncate(a),
            1 => drop(spoilt.drain(range)),
            2 => drop(spoilt.splice(range, ODD[random.below(12) as usize].iter().copied())),
            3 => {
                let piece = spoilt[range].to_vec();
                drop(spoilt.splice(a..a, piece));
            }
            _ => {
                let from = place(random, other.len());
                let piece = other[from..other.len().min(from + 200)].to_vec();
                drop(spoilt.splice(a..a, piece));
            }
        }
    }
    spoilt
}
