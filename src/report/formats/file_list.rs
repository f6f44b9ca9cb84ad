//! A plain list: one path a line, or a JSON list of them as `jest --listTests --json` prints. Also what
//! `go list ./...` (packages) and `bazel query` (labels) print.
//!
//! Any text is lines, so this is recognised last, and only where nothing in it could not be a path.

use std::io::BufRead;

use crate::report::head::Head;
use crate::report::json::{self, Text};
use crate::report::{Case, Place, ReportError, Sink, lines};

/// Longest path that is taken for one, in bytes, as in Linux.
const PATH_MAX: usize = 4 << 10;

/// Whether this could be a list and nothing else.
pub(in crate::report) fn looks_like(head: &Head<'_>) -> bool {
    match head.first {
        Some('[') => {
            let inside = head.text.trim_start()[1..].trim_start();
            inside.starts_with('"') || (inside.starts_with(']') && inside[1..].trim().is_empty())
        }
        Some(_) if !head.has_keys() => {
            let mut lines = lines::whole(head.text);
            // A table has its columns in every line.
            let table = |mark| lines.clone().all(|line| line.contains(mark));
            let paths = lines.clone().any(|line| line.contains(['/', '\\', '.']));
            paths && !table(',') && !table(';') && lines.all(is_path)
        }
        _ => false,
    }
}

/// Whether a line could be a path, a package or a label, and no part of a log, a table or a document.
fn is_path(line: &str) -> bool {
    let line = line.trim_end();
    let spaced = line.contains(' ');
    let name = line.rsplit(['/', '\\', ':']).next().unwrap_or(line);
    let extension = name.rsplit_once('.').is_some_and(|(_, extension)| {
        extension.len() <= 10
            && extension.starts_with(|c: char| c.is_ascii_alphabetic())
            && extension.bytes().all(|b| b.is_ascii_alphanumeric())
    });
    let shouted = line.split(' ').next().is_some_and(|word| word.bytes().all(|b| b.is_ascii_uppercase()));
    // `spec/a_spec.rb:1.5`: a time; `//a:b` is a label.
    let timed = line.rsplit_once(':').is_some_and(|(path, rest)| {
        !path.is_empty() && !rest.is_empty() && rest.bytes().all(|b| b.is_ascii_digit() || b == b'.')
    });
    line.len() <= PATH_MAX
        && !line.contains(|c: char| c.is_control() || matches!(c, '"' | '<' | '>' | '|'))
        && !line.starts_with([' ', '{', '[', '}', ']', '=', '-', '#', '*', '+', ')', ','])
        && !line.ends_with([':', '{', ',', ';', '='])
        && !["ok ", "not ok ", "1.."].iter().any(|start| line.starts_with(start))
        && !(line.contains(": ") || line.contains(" = ") || timed)
        && !(spaced && (shouted || !extension))
}

/// Reads a list.
///
/// # Errors
/// A line that is too long; of JSON, what is none or no list.
pub(in crate::report) fn read(mut input: impl BufRead, sink: &mut dyn Sink) -> Result<(), ReportError> {
    let start = input.fill_buf().map_err(|err| ReportError::new(None, err.to_string()))?;
    let start = start.strip_prefix(b"\xef\xbb\xbf").unwrap_or(start);
    if start.trim_ascii_start().starts_with(b"[") {
        return json::list(input, None, &mut Paths(sink));
    }
    lines::each(input, |_, line| {
        if !line.trim().is_empty() {
            sink.case(&Case { place: Place::file(line), ..Case::default() });
        }
        Ok(())
    })
}

struct Paths<'s>(&'s mut dyn Sink);

impl json::Elements for Paths<'_> {
    type Element<'de> = Text<'de>;
    fn take(&mut self, path: Text<'_>) {
        if let Some(path) = path.get() {
            self.0.case(&Case { place: Place::file(path), ..Case::default() });
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::report::Format;
    use crate::report::testing::{self, recognised, refused};

    fn check(text: &str, expect: &[&str]) {
        testing::check(Format::FileList, text, expect);
        recognised(Format::FileList, text);
    }

    #[test]
    fn lists_of_every_kind_are_read() {
        check(
            "a.py\r\n\r\ntests/b c.py\n  \n./d[x].js\n",
            &["a.py - - | ", "tests/b c.py - - | ", "./d[x].js - - | "],
        );
        check("C:\\x\\a.test.js", &["C:\\x\\a.test.js - - | "]);
        check("example.com/m\nexample.com/m/sub\n", &["example.com/m - - | ", "example.com/m/sub - - | "]);
        check("//a/b:c_test\n@x//d:e\n", &["//a/b:c_test - - | ", "@x//d:e - - | "]);
        check("\u{feff}[\"/x/a.js\",\n null, \"\", \"b c.js\"]", &["/x/a.js - - | ", "b c.js - - | "]);
        check("[]\n", &[]);
    }

    #[test]
    fn no_other_text_is_taken_for_a_list() {
        for text in [
            "",
            " \n",
            "{\"a\": ",
            "[[\"a\"",
            "[{\"a\"",
            "[1, 2]",
            "<testsuite",
            "go: downloading x\n{\"Action\": \"run\"}\n",
            "TAP version 13\nok 1 - a.js\n",
            "not ok 2 - b.js",
            "PASS src/a.test.js\n",
            "a.py:1.5\nb.py:2\n",
            "file,seconds\na.py,1\n",
            "a.py\t1.5\n",
            "a.py 1.5\n",
            "tests/a.py: 3\n",
            "running 2 tests\ntest a ... ok\n",
            "Hello there, this is text.\n",
            "rubbish\n",
            "---\nkey: value\n",
            "key:\n  - a.py\n",
            "==== test session starts ====\n",
            "SQLite format 3\0\u{1}",
            "ok  \texample.com/m\t0.002s\n",
        ] {
            assert_ne!(Format::recognise(text.as_bytes()), Some(Format::FileList), "{text}");
        }
        refused(Format::FileList, "[\"a\",\n", "2: not JSON: the file ends in the middle");
    }
}
