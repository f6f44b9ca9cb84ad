//! Logs whose first event comes late, behind what a build printed.

use std::io::{self, Read};

use memchr::{memchr, memmem};

use super::{BEGINNING, Format, encoding};

/// Most of what is read in search of an event, in bytes.
const CHATTER_MAX: usize = 8 << 20;
/// Most lines that look like an event and are looked at closely.
const CANDIDATES_MAX: usize = 64;

/// The format of the log that begins somewhere in `start`, or behind it in `input`: at the first line that is an
/// event of one. What was read of `input` is added to `start`.
///
/// # Errors
/// What reading reports.
pub(super) fn log(start: &mut Vec<u8>, input: &mut dyn Read) -> io::Result<Option<Format>> {
    let first = start.iter().find(|byte| !byte.is_ascii_whitespace());
    // A document, or no text at all.
    if first.is_none_or(|first| b"<{[".contains(first)) || memchr(0, start).is_some() {
        return Ok(None);
    }
    let (mut searched, mut candidates) = (0, 0);
    loop {
        while let Some(found) = memmem::find(&start[searched..], b"\n{") {
            let event = searched + found + 1;
            searched = event;
            // As much as tells a format anywhere else.
            let lacking = (event + BEGINNING as usize).saturating_sub(start.len());
            start.append(&mut encoding::beginning(&mut *input, lacking as u64)?);
            let window = &start[event..(event + BEGINNING as usize).min(start.len())];
            let format = Format::recognise(window).filter(|format| format.is_log());
            candidates += 1;
            if format.is_some() || candidates == CANDIDATES_MAX {
                return Ok(format);
            }
        }
        // A line may end at the end of what was read.
        searched = start.len().saturating_sub(1).max(searched);
        let left = CHATTER_MAX.saturating_sub(start.len()) as u64;
        let more = encoding::beginning(&mut *input, left.min(BEGINNING))?;
        if more.is_empty() || memchr(0, &more).is_some() {
            start.extend(more);
            return Ok(None);
        }
        start.extend(more);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::{read_any, recognise, tally::Tally};

    const EVENTS: &str = "{\"Action\":\"start\",\"Package\":\"x/y\"}\n{\"Action\":\"pass\",\"Package\":\"x/y\",\"Test\":\"T\",\"Elapsed\":1.5}\n";

    /// Text that is read a little at a time, as from a pipe.
    struct Pipe<'a>(&'a [u8]);

    impl Read for Pipe<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let length = self.0.len().min(buffer.len()).min(1_000);
            self.0.read(&mut buffer[..length])
        }
    }

    #[track_caller]
    fn check(text: &str, expect: Option<Format>) {
        let mut tally = Tally::default();
        assert_eq!(read_any(None, Pipe(text.as_bytes()), &mut tally), Ok(expect));
        assert_eq!(recognise(text.as_bytes()), expect);
        if expect == Some(Format::GoTestJson) {
            assert_eq!((tally.cases, tally.seconds()), (1, 1.5));
        }
    }

    fn chatter(bytes: usize) -> String {
        let line = "go: downloading example.com/module v1.2.3\n";
        line.repeat(bytes / line.len() + 1)
    }

    #[test]
    fn events_are_found_behind_what_a_build_printed() {
        for bytes in [1, BEGINNING as usize - 20, BEGINNING as usize, 1 << 20, CHATTER_MAX - (1 << 16)] {
            check(&format!("{}{EVENTS}", chatter(bytes)), Some(Format::GoTestJson));
        }
        // Braces of something else, and lines that could be paths.
        check(
            &format!("{}{{\n  x: 1\n}}\n{{\"a\": 1}}\n{EVENTS}", chatter(100_000)),
            Some(Format::GoTestJson),
        );
        check(&format!("{}{EVENTS}", "example.com/m\n".repeat(10_000)), Some(Format::GoTestJson));
        check(&"example.com/m\n".repeat(10_000), Some(Format::FileList));
    }

    #[test]
    fn the_search_has_an_end() {
        check(&format!("{}{EVENTS}", chatter(CHATTER_MAX + (1 << 17))), None);
        check(&format!("{}{EVENTS}", "{ x\n".repeat(30_000)), None);
        check(&format!("x\n\0{}{EVENTS}", chatter(100_000)), None);
        // Only of what may have something else between its lines.
        check(&format!("{}{{\"numTotalTests\": 1, \"testResults\": []}}", chatter(100_000)), None);
        let endless = io::repeat(b'x');
        assert_eq!(read_any(None, endless, &mut Tally::default()), Ok(None));
    }
}
