//! The runtime log of the Ruby gem parallel_tests: `path:seconds` a line.

use std::io::BufRead;

use crate::report::head::Head;
use crate::report::{Case, Place, ReportError, Sink, Time, lines};

/// Whether every line is a path and a figure, and one of them no number of a line.
pub(in crate::report) fn looks_like(head: &Head<'_>) -> bool {
    // The last one may be cut, if it is not the only one.
    let end = head.text.rfind('\n').unwrap_or(head.text.len());
    let mut lines = head.text[..end].lines().filter(|line| !line.trim().is_empty()).peekable();
    let mut fraction = false;
    lines.peek().is_some()
        && lines.all(|line| {
            let Some((path, figure)) = line.rsplit_once(':') else { return false };
            fraction |= figure.contains('.');
            path.contains(['.', '/'])
                && path.contains(char::is_alphabetic)
                && !path.starts_with(['{', '[', '<', '"', ' ', '\t'])
                && figure.starts_with(|c: char| c.is_ascii_digit())
                && crate::report::seconds(figure).is_some()
        })
        && fraction
}

/// Reads a log; the path ends at the last colon of its line.
///
/// # Errors
/// A line that is too long.
pub(in crate::report) fn read(input: impl BufRead, sink: &mut dyn Sink) -> Result<(), ReportError> {
    lines::each(input, |number, line| {
        match line.rsplit_once(':') {
            _ if line.trim().is_empty() => {}
            Some((path, seconds)) => {
                let place = Place::file(path);
                let (time, line) = (Time::read(seconds), Some(number));
                sink.case(&Case { place, time, line, ..Case::default() });
            }
            None => sink.warn(Some(number), "no `path:seconds`: passed over"),
        }
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use crate::report::Format;
    use crate::report::testing::{self, recognised};

    #[test]
    fn paths_and_seconds_are_read() {
        let check = |text: &str, expect: &[&str]| {
            testing::check(Format::ParallelTestsLog, text, expect);
            recognised(Format::ParallelTestsLog, text);
        };
        check(
            "spec/a b_spec.rb:1.5\r\nC:\\x\\y_test.rb:0\n\n",
            &["spec/a b_spec.rb - - |  = 1.5", "C:\\x\\y_test.rb - - |  = 0"],
        );
        check("spec/a_spec.rb:3.3e-05", &["spec/a_spec.rb - - |  = 0.000033"]);
        check("a.rb:1.5\nb.rb", &["a.rb - - |  = 1.5", "warning 2: no `path:seconds`: passed over"]);
    }

    #[test]
    fn what_only_looks_alike_is_left_alone() {
        for text in [
            "./spec/a_spec.rb:12\n./spec/b_spec.rb:7\n",
            "spec/a_spec.rb\n",
            "a.yaml: 1.5\n",
            "12:30:45.5\n",
            "\n",
            "a.rb:1.5\nFinished in 5 s\nx",
        ] {
            assert_ne!(Format::recognise(text.as_bytes()), Some(Format::ParallelTestsLog), "{text}");
        }
    }
}
