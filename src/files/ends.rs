//! The beginning and the end of a file that may be of any length.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

use anyhow::{Context, Result, bail};

/// The first `head` bytes of a file and the last `tail` of the rest. Where something is left out between
/// them, both are whole lines.
///
/// # Errors
/// The file is missing, a folder, or unreadable.
pub fn read_ends(path: &Path, head: u64, tail: u64) -> Result<(Vec<u8>, Vec<u8>)> {
    let cannot = || format!("cannot read `{}`", super::shown(path));
    let mut file = File::open(path).map_err(|err| super::cannot_read(path, err))?;
    let metadata = file.metadata().with_context(cannot)?;
    if metadata.is_dir() {
        bail!("`{}` is a folder, not a file", super::shown(path));
    }
    if !metadata.is_file() || metadata.len() <= head.saturating_add(tail) {
        return ends_of(file, head, tail).with_context(cannot);
    }
    let mut read = || -> io::Result<_> {
        let (mut first, mut last) = (Vec::new(), Vec::new());
        file.by_ref().take(head).read_to_end(&mut first)?;
        file.seek(SeekFrom::End(-(tail as i64)))?;
        file.by_ref().take(tail).read_to_end(&mut last)?;
        Ok((to_last_line(first), from_next_line(last)))
    };
    read().with_context(cannot)
}

/// The same of a stream, which is read to its end without being kept.
///
/// # Errors
/// What the stream reports.
pub fn ends_of(mut input: impl Read, head: u64, tail: u64) -> io::Result<(Vec<u8>, Vec<u8>)> {
    let mut first = Vec::new();
    input.by_ref().take(head).read_to_end(&mut first)?;
    let mut last: VecDeque<u8> = VecDeque::new();
    let (mut piece, mut left_out) = (vec![0; 64 << 10], false);
    loop {
        let read = match input.read(&mut piece) {
            Ok(0) => break,
            Ok(read) => read,
            Err(err) if err.kind() == io::ErrorKind::Interrupted => continue,
            Err(err) => return Err(err),
        };
        last.extend(&piece[..read]);
        let most = usize::try_from(tail).unwrap_or(usize::MAX);
        if last.len() > most {
            left_out = true;
            last.drain(..last.len() - most);
        }
    }
    let last = Vec::from(last);
    match left_out {
        true => Ok((to_last_line(first), from_next_line(last))),
        false => Ok((first, last)),
    }
}

/// Without the last line where it is cut.
fn to_last_line(mut bytes: Vec<u8>) -> Vec<u8> {
    bytes.truncate(memchr::memrchr(b'\n', &bytes).map_or(0, |end| end + 1));
    bytes
}

/// Without the first line, which is cut; one line of that length alone stays.
fn from_next_line(mut bytes: Vec<u8>) -> Vec<u8> {
    if let Some(end) = memchr::memchr(b'\n', &bytes) {
        bytes.drain(..=end);
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_is_left_out() {
        let check = |text: &str, head, tail, expect: (&str, &str)| {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("log");
            std::fs::write(&path, text).unwrap();
            let shown =
                |(a, b): (Vec<u8>, Vec<u8>)| (String::from_utf8(a).unwrap(), String::from_utf8(b).unwrap());
            let expect = (expect.0.to_owned(), expect.1.to_owned());
            assert_eq!(shown(read_ends(&path, head, tail).unwrap()), expect, "{text:?}");
            assert_eq!(shown(ends_of(text.as_bytes(), head, tail).unwrap()), expect, "{text:?}");
        };
        check("", 4, 4, ("", ""));
        check("abc", 4, 4, ("abc", ""));
        check("abcd\nefg", 4, 4, ("abcd", "\nefg"));
        check("first\nsecond\nthird\nlast\n", 8, 9, ("first\n", "last\n"));
        check("first\nno line ends here at all", 6, 5, ("first\n", "t all"));
    }
}
