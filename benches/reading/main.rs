//! How fast reports are read, beside the bare parser underneath and beside Python's on the same bytes.
//!
//! ```text
//! cargo bench --bench reading -- [FORMAT]…
//! ```
//!
//! One core. Ours counts cases by unit as `shard inspect` does. The bare pass walks all events of quick-xml, or
//! skips through the values of `serde_json`, and keeps nothing; where the figures are in attributes, a second one
//! walks those too, unread. Python's is ElementTree or `json`, left out where there is no `python3`. Every figure is
//! the best of three runs, in megabytes a second.

#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::disallowed_methods, missing_docs)]

mod samples;

use std::io::{BufRead, Write};
use std::process::{Command, Stdio};
use std::time::Instant;

use quick_xml::events::Event;
use serde::de::IgnoredAny;
use shard::report;
use shard::report::tally::Tally;

const RUNS: usize = 3;

fn main() {
    let wanted: Vec<String> = std::env::args().skip(1).filter(|arg| arg != "--bench").collect();
    println!(
        "{:<18} {:>6} {:>9} {:>8} {:>8} {:>8} {:>10} {:>8} {:>8}",
        "format", "MB", "cases", "ours", "bare", "share", "attributes", "share", "Python"
    );
    for (format, bytes) in samples::all() {
        if !wanted.is_empty() && !wanted.iter().any(|name| name == format.name()) {
            continue;
        }
        let megabytes = bytes.len() as f64 / 1e6;
        let mut cases = 0;
        let ours = megabytes
            / best(|| {
                let mut tally = Tally::default();
                report::read(format, bytes.as_slice(), &mut tally).unwrap();
                cases = tally.cases;
            });
        let bare = |attributes| megabytes / best(|| bare(&bytes, attributes));
        let (bare, attributes) = (bare(false), (bytes[0] == b'<').then(|| bare(true)));
        let attributes = attributes.map_or_else(
            || format!("{:>10} {:>8}", "-", "-"),
            |attributes| format!("{attributes:>10.0} {:>6.0} %", 100.0 * ours / attributes),
        );
        let python =
            python(&bytes).map_or_else(|| "-".to_owned(), |seconds| format!("{:.0}", megabytes / seconds));
        println!(
            "{:<18} {megabytes:>6.0} {cases:>9} {ours:>8.0} {bare:>8.0} {:>6.0} % {attributes} {python:>8}",
            format.name(),
            100.0 * ours / bare
        );
    }
}

fn best(mut work: impl FnMut()) -> f64 {
    let mut seconds = || {
        let start = Instant::now();
        work();
        start.elapsed().as_secs_f64()
    };
    (0..RUNS).map(|_| seconds()).fold(f64::INFINITY, f64::min)
}

/// What the parser alone takes.
fn bare(bytes: &[u8], attributes: bool) {
    if bytes[0] == b'<' {
        let mut reader = quick_xml::Reader::from_reader(bytes);
        let mut buffer = Vec::new();
        loop {
            match reader.read_event_into(&mut buffer).unwrap() {
                Event::Eof => break,
                Event::Start(tag) | Event::Empty(tag) if attributes => {
                    assert!(tag.attributes().all(|attribute| attribute.is_ok()));
                }
                _ => {}
            }
            buffer.clear();
        }
    } else if lines(bytes) {
        for line in bytes.lines() {
            let IgnoredAny = serde_json::from_str(&line.unwrap()).unwrap();
        }
    } else {
        serde_json::from_slice::<IgnoredAny>(bytes).unwrap();
    }
}

/// Whether this is a value a line.
fn lines(bytes: &[u8]) -> bool {
    let first = bytes.split(|byte| *byte == b'\n').next().unwrap_or_default();
    first.len() < bytes.len() && first.starts_with(b"{") && first.ends_with(b"}")
}

const PYTHON: &str = "
import io, json, sys, time
import xml.etree.ElementTree as ElementTree
data = sys.stdin.buffer.read()
best = None
for _ in range(3):
    start = time.perf_counter()
    if data[:1] == b'<':
        for event, element in ElementTree.iterparse(io.BytesIO(data)):
            element.clear()
    elif sys.argv[1] == 'lines':
        for line in data.splitlines():
            json.loads(line)
    else:
        json.loads(data)
    took = time.perf_counter() - start
    best = min(best or took, took)
print(best)
";

/// Seconds that Python takes, where it is there.
fn python(bytes: &[u8]) -> Option<f64> {
    let mut child = Command::new("python3")
        .args(["-c", PYTHON, if lines(bytes) { "lines" } else { "document" }])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .ok()?;
    child.stdin.take()?.write_all(bytes).ok()?;
    String::from_utf8(child.wait_with_output().ok()?.stdout).ok()?.trim().parse().ok()
}
