//! Text line by line, none kept.

use std::io::{BufRead, Read};

use super::ReportError;

/// Longest line that is read, in bytes.
const LINE_MAX: u64 = 64 << 20;

/// Hands on each line with its number from 1, without its end. What is no UTF-8 is replaced.
///
/// # Errors
/// A line that is too long, and what `each` says.
pub(super) fn each(
    mut input: impl BufRead,
    mut each: impl FnMut(u64, &str) -> Result<(), ReportError>,
) -> Result<(), ReportError> {
    let mut line = Vec::new();
    for number in 1.. {
        line.clear();
        let read = input.by_ref().take(LINE_MAX).read_until(b'\n', &mut line);
        let read = read.map_err(|err| ReportError::new(number, err.to_string()))?;
        if read == 0 {
            break;
        }
        if read as u64 == LINE_MAX {
            return Err(ReportError::new(number, format!("a line of more than {} MiB", LINE_MAX >> 20)));
        }
        let text = String::from_utf8_lossy(&line);
        let text = text.strip_suffix('\n').unwrap_or(&text);
        let text = text.strip_suffix('\r').unwrap_or(text);
        each(number, if number == 1 { text.trim_start_matches('\u{feff}') } else { text })?;
    }
    Ok(())
}

/// The lines of a beginning that are not blank, without the last where it may be cut.
pub(super) fn whole(beginning: &str) -> impl Iterator<Item = &str> + Clone {
    let end = beginning.rfind('\n').filter(|_| beginning.len() > CUT_MIN).unwrap_or(beginning.len());
    beginning[..end].lines().filter(|line| !line.trim().is_empty())
}

/// A beginning shorter than this is the whole file.
const CUT_MIN: usize = 32 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_come_without_their_ends() {
        let mut found = Vec::new();
        each(b"\xef\xbb\xbfa\r\n\n b\xff".as_slice(), |number, line| {
            found.push(format!("{number}:{line}"));
            Ok(())
        })
        .unwrap();
        assert_eq!(found, ["1:a", "2:", "3: b\u{fffd}"]);
        let endless = std::io::BufReader::new(std::io::repeat(b'x'));
        assert_eq!(each(endless, |_, _| Ok(())).unwrap_err().to_string(), "1: a line of more than 64 MiB");
    }

    #[test]
    fn a_line_that_may_be_cut_is_left_out() {
        assert_eq!(whole("a\n\nb").collect::<Vec<_>>(), ["a", "b"]);
        assert_eq!(whole(&"abc\n".repeat(16 << 10)[..(64 << 10) - 2]).last(), Some("abc"));
    }
}
