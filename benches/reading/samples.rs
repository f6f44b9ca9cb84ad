//! Reports of a size that real ones have in large projects, as their tools would write them.

use shard::report::Format;

/// Files, and tests in each.
const FILES: usize = 2_000;
const TESTS: usize = 100;

/// Every sample.
pub(crate) fn all() -> Vec<(Format, Vec<u8>)> {
    vec![
        (Format::JunitXml, junit(false)),
        (Format::JunitXml, junit(true)),
        (Format::PytestDurations, durations()),
    ]
}

/// Milliseconds that look like any, the same every time.
fn ms(file: usize, test: usize) -> usize {
    (file * 7_919 + test * 104_729) % 9_973
}

/// pytest's JUnit XML; with what failing tests print, or without.
fn junit(printed: bool) -> Vec<u8> {
    let mut out = String::from(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?><testsuites name=\"pytest tests\"><testsuite name=\"pytest\" errors=\"0\" failures=\"0\">",
    );
    for file in 0..FILES {
        for test in 0..TESTS {
            let ms = ms(file, test);
            out.push_str(&format!(
                "<testcase classname=\"tests.unit.area_{}.test_{file}.TestThing\" name=\"test_case_{test}[value-{ms}]\" time=\"{}.{:03}\"",
                file % 50,
                ms / 1_000,
                ms % 1_000
            ));
            if printed && test % 4 == 0 {
                out.push_str("><failure message=\"assert 1 == 2\">def test():\n&gt;       assert 1 == 2\nE       assert 1 == 2\n</failure><system-out>");
                out.push_str(&"2026-01-01 12:00:00 INFO a line that a test printed &amp; more\n".repeat(20));
                out.push_str("</system-out></testcase>");
            } else {
                out.push_str(" />");
            }
        }
    }
    out.push_str("</testsuite></testsuites>");
    out.into_bytes()
}

fn durations() -> Vec<u8> {
    let mut rows = Vec::new();
    for file in 0..FILES {
        for test in 0..TESTS {
            let ms = ms(file, test);
            rows.push(format!(
                "  \"tests/unit/area_{}/test_{file}.py::TestThing::test_case_{test}[value-{ms}]\": {}.{:03}",
                file % 50,
                ms / 1_000,
                ms % 1_000
            ));
        }
    }
    format!("{{\n{}\n}}\n", rows.join(",\n")).into_bytes()
}
