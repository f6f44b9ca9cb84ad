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
        (Format::GoTestJson, go_test()),
        (Format::JestJson, jest()),
        (Format::PytestReportlog, report_log()),
        (Format::NextestList, nextest()),
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

fn go_test() -> Vec<u8> {
    let mut out = String::new();
    let at = "\"Time\":\"2026-01-01T12:00:00.123456789Z\"";
    for file in 0..FILES {
        let package = format!("\"Package\":\"example.com/project/internal/area{}/p{file}\"", file % 50);
        for test in 0..TESTS / 4 {
            let ms = ms(file, test);
            let name = format!("{package},\"Test\":\"TestThing{test}/value_{ms}\"");
            let seconds = format!("{}.{:02}", ms / 1_000, ms % 100);
            out.push_str(&format!("{{{at},\"Action\":\"run\",{name}}}\n"));
            for text in [
                "=== RUN   TestThing",
                "    thing_test.go:12: \\\"value\\\" is as expected",
                "--- PASS: TestThing",
            ] {
                out.push_str(&format!("{{{at},\"Action\":\"output\",{name},\"Output\":\"{text}\\n\"}}\n"));
            }
            out.push_str(&format!("{{{at},\"Action\":\"pass\",{name},\"Elapsed\":{seconds}}}\n"));
        }
        out.push_str(&format!("{{{at},\"Action\":\"pass\",{package},\"Elapsed\":{}.5}}\n", file % 60));
    }
    out.into_bytes()
}

fn jest() -> Vec<u8> {
    let mut files = Vec::new();
    for file in 0..FILES {
        let mut tests = Vec::new();
        for test in 0..TESTS {
            let ms = ms(file, test);
            tests.push(format!(
                "{{\"ancestorTitles\":[\"Thing\"],\"duration\":{ms},\"failureDetails\":[],\"failureMessages\":[],\"fullName\":\"Thing does {test}\",\
                 \"invocations\":1,\"location\":null,\"numPassingAsserts\":1,\"retryReasons\":[],\"status\":\"passed\",\"title\":\"does {test}\"}}"
            ));
        }
        let start = 1_700_000_000_000u64;
        files.push(format!(
            "{{\"assertionResults\":[{}],\"endTime\":{},\"message\":\"\",\"name\":\"/app/src/area{}/thing{file}.test.js\",\"startTime\":{start},\"status\":\"passed\",\"summary\":\"\"}}",
            tests.join(","),
            start + 1_000 + file as u64,
            file % 50
        ));
    }
    let total = FILES * TESTS;
    format!(
        "{{\"numTotalTests\":{total},\"numPassedTests\":{total},\"success\":true,\"testResults\":[{}],\"wasInterrupted\":false}}",
        files.join(",")
    )
    .into_bytes()
}

fn report_log() -> Vec<u8> {
    let mut out = String::from("{\"pytest_version\": \"9.2.0\", \"$report_type\": \"SessionStart\"}\n");
    for file in 0..FILES / 4 {
        for test in 0..TESTS {
            for (when, part) in [("setup", 10), ("call", 100), ("teardown", 10)] {
                let ms = ms(file, test) * part / 120;
                out.push_str(&format!(
                    "{{\"nodeid\": \"tests/unit/test_{file}.py::TestThing::test_case_{test}\", \"location\": [\"tests/unit/test_{file}.py\", 12, \"TestThing.test_case_{test}\"], \
                     \"keywords\": {{\"test_case_{test}\": 1, \"TestThing\": 1}}, \"outcome\": \"passed\", \"longrepr\": null, \"when\": \"{when}\", \
                     \"user_properties\": [], \"sections\": [], \"duration\": {}.{:03}, \"start\": 1700000000.5, \"stop\": 1700000001.5, \"$report_type\": \"TestReport\"}}\n",
                    ms / 1_000,
                    ms % 1_000
                ));
            }
        }
    }
    out.into_bytes()
}

fn nextest() -> Vec<u8> {
    let mut suites = Vec::new();
    for file in 0..FILES {
        let tests: Vec<String> = (0..TESTS)
            .map(|test| format!("\"module::tests::case_{test}\":{{\"kind\":\"test\",\"ignored\":false,\"filter-match\":{{\"status\":\"matches\"}}}}"))
            .collect();
        suites.push(format!(
            "\"crate{file}\":{{\"package-name\":\"crate{file}\",\"binary-id\":\"crate{file}\",\"binary-path\":\"/app/target/debug/deps/crate{file}\",\"testcases\":{{{}}}}}",
            tests.join(",")
        ));
    }
    format!(
        "{{\"rust-build-meta\":{{}},\"test-count\":{},\"rust-suites\":{{{}}}}}",
        FILES * TESTS,
        suites.join(",")
    )
    .into_bytes()
}
