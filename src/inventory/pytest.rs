//! What `pytest --collect-only -q` and `-qq` print, held against the number of tests that its closing line
//! gives.

use super::ListingError;
use crate::config::Granularity;
use crate::report::formats::pytest_collect::{Closing, Line, Scanner, counted, is_section};
use crate::text::{count, examples, printable};

/// Whether this is pytest's, and not somebody's list of node ids: only pytest counts its tests at
/// the end.
pub(super) fn looks_like(text: &str) -> bool {
    let mut lines = text.lines().rev().filter(|line| !line.trim().is_empty());
    let closing = lines
        .by_ref()
        .take(3)
        .any(|line| matches!(Scanner::default().line(line), Line::Closing(_) | Line::Failed(_)));
    let mut counts = text.lines().take_while(|line| !is_section(line)).filter(|line| !line.trim().is_empty());
    let is_count = |line: &str| counted(line).is_some();
    let counted = counts.next().is_some_and(is_count) && counts.all(is_count);
    closing || counted || text.lines().any(|line| line.trim_start().starts_with("<Module "))
}

/// The tests of a listing with their line numbers; files where the listing has no tests.
pub(super) fn ids(text: &str, granularity: Granularity) -> Result<Vec<(usize, &str)>, ListingError> {
    let mut ids = Vec::new();
    let mut failed = Vec::new();
    let mut counted = 0;
    let mut closing = None;
    let mut noise = None;
    let mut scanner = Scanner::default();
    for (number, line) in text.lines().enumerate() {
        let number = number + 1;
        match scanner.line(line) {
            Line::Failed(name) => failed.push(name),
            Line::Node(_, "Module", _) => {
                return Err(ListingError::new(
                    Some(number),
                    "this is pytest's tree, not its list",
                    "add -q: pytest --collect-only -q",
                ));
            }
            Line::Count(..) if granularity != Granularity::File => {
                let message = "this listing has no tests, only how many each file holds";
                return Err(ListingError::new(
                    Some(number),
                    message,
                    "use one -q only: pytest --collect-only -q -o addopts=",
                ));
            }
            Line::Count(path, tests) => {
                counted += tests;
                ids.push((number, path));
            }
            Line::Test(id) => {
                counted += 1;
                ids.push((number, id));
            }
            Line::Closing(found) => closing = Some(found),
            Line::Noise => {
                noise.get_or_insert((number, line.trim_end()));
            }
            Line::Node(..) | Line::Around => {}
        }
    }
    let errors = closing.map_or(0, |closing| closing.errors);
    if errors > 0 || !failed.is_empty() {
        failed.sort_unstable();
        failed.dedup();
        let what = count(errors.max(failed.len()), "error");
        let named = if failed.is_empty() {
            String::new()
        } else {
            format!(": {}", examples(failed.iter().copied(), 3))
        };
        let message = format!("pytest reports {what} while collecting{named}");
        return Err(ListingError::new(
            None,
            message,
            "mend them first: the tests of these files would be lost",
        ));
    }
    match closing {
        // With a count at the end we would know whether this line was a test.
        None if noise.is_some() => {
            let (number, line) = noise.unwrap_or_default();
            let message = format!("`{}` is nothing that pytest lists", printable(line));
            Err(ListingError::new(Some(number), message, "for a plain list, take the format `lines`"))
        }
        Some(Closing { tests: Some(tests), .. }) if tests != counted => {
            let message =
                format!("pytest says that it collected {}, but {counted} are listed", count(tests, "test"));
            Err(ListingError::new(None, message, "list again with: pytest --collect-only -q -p no:randomly"))
        }
        _ => Ok(ids),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, granularity: Granularity, expect: &str) {
        let shown = match ids(text, granularity) {
            Ok(ids) => ids.iter().map(|(_, id)| *id).collect::<Vec<_>>().join(" "),
            Err(err) => err.to_string(),
        };
        assert_eq!(shown, expect);
    }

    const QUIET: &str = "tests/a.py::test_x\ntests/a.py::TestB::test_y[a b]\n\n\
        ==== warnings summary ====\ntests/a.py::test_x\n  tests/a.py:1: Warning: x::y\n\n2 tests collected in 0.02s\n";

    #[test]
    fn quiet_listings_are_read() {
        assert!(looks_like(QUIET));
        check(QUIET, Granularity::File, "tests/a.py::test_x tests/a.py::TestB::test_y[a b]");
        check("a.py::t\r\n\r\n1/3 tests collected (2 deselected) in 0.02s\r\n", Granularity::Test, "a.py::t");
        check("\nno tests collected in 0.00s\n", Granularity::File, "");
        check("\nno tests ran in 0.01 seconds\n", Granularity::File, "");
        // Before version 6 it says so of any listing.
        check("a.py::t\n\nno tests ran in 0.01s\n", Granularity::File, "a.py::t");
        assert!(!looks_like("tests/a.py::test_x\ntests/b.py\n"));
    }

    #[test]
    fn quieter_listings_are_read_by_file() {
        let text = "tests/a.py: 3\ntests/b c.py: 12\n\n";
        assert!(looks_like(text));
        check(text, Granularity::File, "tests/a.py tests/b c.py");
        let warned = format!(
            "{text}==== warnings summary ====\ntests/a.py: 1\n  /x/a.py:1: Warning: y\n\n-- Docs: https://x\n"
        );
        assert!(looks_like(&warned));
        check(&warned, Granularity::File, "tests/a.py tests/b c.py");
        check(
            text,
            Granularity::Test,
            "1: this listing has no tests, only how many each file holds\n  help: use one -q only: pytest --collect-only -q -o addopts=",
        );
    }

    #[test]
    fn collection_errors_are_errors() {
        let text = "tests/a.py::test_x\n\n==== ERRORS ====\n____ ERROR collecting tests/b.py ____\nE   ImportError: x\n\
            ==== short test summary info ====\nERROR tests/b.py - ImportError: x\n!!!! Interrupted: 1 error during collection !!!!\n\
            1 test collected, 1 error in 0.10s\n";
        assert!(looks_like(text));
        check(
            text,
            Granularity::File,
            "pytest reports 1 error while collecting: `tests/b.py`\n  help: mend them first: the tests of these files would be lost",
        );
        check(
            "no tests collected, 2 errors in 0.1s",
            Granularity::File,
            "pytest reports 2 errors while collecting\n  help: mend them first: the tests of these files would be lost",
        );
    }

    #[test]
    fn a_listing_that_lost_lines_is_an_error() {
        check(
            "a.py\nb.py::t\n",
            Granularity::File,
            "1: `a.py` is nothing that pytest lists\n  help: for a plain list, take the format `lines`",
        );
        check("plugin says hello\na.py::t\n\n1 test collected in 0.1s\n", Granularity::File, "a.py::t");
        check(
            "a.py::t\n\n2 tests collected in 0.02s\n",
            Granularity::File,
            "pytest says that it collected 2 tests, but 1 are listed\n  help: list again with: pytest --collect-only -q -p no:randomly",
        );
        check(
            "<Dir x>\n  <Module a.py>\n",
            Granularity::File,
            "2: this is pytest's tree, not its list\n  help: add -q: pytest --collect-only -q",
        );
    }
}
