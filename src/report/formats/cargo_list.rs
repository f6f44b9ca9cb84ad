//! What `cargo test -- --list` prints: `name: test` or `name: benchmark`, and how many after each binary.
//!
//! The lines that name the binaries go to standard error; where they stand in the listing too, a test
//! lies in its binary, by the name of its program. Otherwise nothing is said of where it lies.

use std::io::BufRead;

use super::cargo;
use crate::report::head::Head;
use crate::report::{Case, Place, ReportError, Sink, lines};
use crate::text::{count, examples};

/// What a line of a listing is.
enum Line<'a> {
    Test(&'a str),
    /// `2 tests, 0 benchmarks`: both together.
    Summary(usize),
    Binary(&'a str),
    /// What cargo and rustdoc say while they work.
    Chatter,
    Noise,
}

impl Line<'_> {
    fn read(line: &str) -> Line<'_> {
        let line = line.trim_end();
        if let Some(name) = line.strip_suffix(": test").or_else(|| line.strip_suffix(": benchmark")) {
            return Line::Test(name);
        }
        if let Some(cases) = summary(line) {
            return Line::Summary(cases);
        }
        let bare = line.trim_start();
        if let Some(binary) = cargo::announced(bare) {
            return Line::Binary(binary);
        }
        // Cargo puts its verbs to the right of a column.
        let verb = line.starts_with(' ') && bare.starts_with(|c: char| c.is_ascii_uppercase());
        if line.is_empty() || verb || line.starts_with("all doctests ran in ") {
            return Line::Chatter;
        }
        Line::Noise
    }
}

fn summary(line: &str) -> Option<usize> {
    let (tests, benchmarks) = line.split_once(", ")?;
    let number = |text: &str, unit: &str| -> Option<usize> {
        let (number, said) = text.split_once(' ')?;
        (said.trim_end_matches('s') == unit).then(|| number.parse().ok())?
    };
    number(tests, "test")?.checked_add(number(benchmarks, "benchmark")?)
}

/// Whether this is a listing of libtest's.
pub(in crate::report) fn looks_like(head: &Head<'_>) -> bool {
    let (mut own, mut others) = (0, 0);
    for line in lines::whole(head.text) {
        match Line::read(line) {
            Line::Test(_) | Line::Summary(_) => own += 1,
            Line::Noise => others += 1,
            Line::Binary(_) | Line::Chatter => {}
        }
    }
    own > others
}

/// Reads a listing.
///
/// # Errors
/// A line that is too long.
pub(in crate::report) fn read(input: impl BufRead, sink: &mut dyn Sink) -> Result<(), ReportError> {
    let mut binary: Option<String> = None;
    let mut listed = 0;
    let mut nowhere = false;
    lines::each(input, |number, line| {
        match Line::read(line) {
            Line::Test(name) => {
                listed += 1;
                nowhere |= binary.is_none();
                let place = binary.as_deref().map_or(Place::default(), Place::file);
                sink.case(&Case { place, name, ..Case::default() });
            }
            Line::Summary(said) => {
                if said != listed {
                    let said = count(said, "test");
                    sink.warn(Some(number), &format!("the listing says {said}, but {listed} are listed"));
                }
                // Another binary comes; where it is not named, its tests are not this one's.
                (binary, listed) = (None, 0);
            }
            Line::Binary(name) => (binary, listed) = (Some(name.to_owned()), 0),
            Line::Noise => {
                sink.warn(Some(number), &format!("{} is no test", examples([line], 1)));
            }
            Line::Chatter => {}
        }
        Ok(())
    })?;
    if nowhere {
        sink.warn(None, NOWHERE);
    }
    Ok(())
}

/// Without its binary a test cannot be selected, and those of several have the same names.
const NOWHERE: &str = "no `Running …` lines say which binary the tests are in: list with 2>&1";

#[cfg(test)]
mod tests {
    use crate::report::Format;
    use crate::report::testing::{self, recognised};

    const NOWHERE: &str = "warning no `Running …` lines say which binary the tests are in: list with 2>&1";

    fn check(text: &str, expect: &[&str]) {
        testing::check(Format::CargoTestList, text, expect);
        recognised(Format::CargoTestList, text);
    }

    #[test]
    fn binaries_are_told_where_the_listing_names_them() {
        check(
            "    Finished `test` profile [unoptimized + debuginfo] target(s) in 0.01s\n     \
             Running unittests src/lib.rs (target/debug/deps/demo-8348ca7a80742723)\n\
             tests::slow: test\ntests::works: test\n\n2 tests, 0 benchmarks\n     \
             Running tests/it.rs (target\\debug\\deps\\it-one-a69063779ff8c574.exe)\r\nbench_it: benchmark\r\n\r\n0 tests, 1 benchmark\r\n   \
             Doc-tests demo\nsrc/lib.rs - f (line 1): test\n\n1 test, 0 benchmarks\nall doctests ran in 0.18s; merged\n",
            &[
                "demo - - | tests::slow",
                "demo - - | tests::works",
                "it-one - - | bench_it",
                "Doc-tests demo - - | src/lib.rs - f (line 1)",
            ],
        );
        check(
            "a::b: test\n\n1 test, 0 benchmarks\nc: test\n\n1 test, 0 benchmarks\n",
            &["- - - | a::b", "- - - | c", NOWHERE],
        );
        check("a: test", &["- - - | a", NOWHERE]);
        check("0 tests, 0 benchmarks\n", &[]);
    }

    #[test]
    fn what_is_missing_is_told() {
        check(
            "a: test\nhello\nb: test\n\n3 tests, 0 benchmarks\n",
            &[
                "- - - | a",
                "warning 2: `hello` is no test",
                "- - - | b",
                "warning 5: the listing says 3 tests, but 2 are listed",
                NOWHERE,
            ],
        );
        for text in ["running 2 tests\ntest a ... ok\ntest b ... ok\n", "a test, b\n", ", \n"] {
            assert_ne!(Format::recognise(text.as_bytes()), Some(Format::CargoTestList), "{text}");
        }
    }
}
