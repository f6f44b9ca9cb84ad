//! Text in whatever encoding a tool wrote it, as UTF-8.

use std::io::{self, BufRead, BufReader, Read};
use std::ops::Range;

use encoding_rs::Encoding;
use encoding_rs_io::DecodeReaderBytesBuilder;
use memchr::{memchr, memmem};

/// How far an XML declaration may reach.
const DECLARATION_MAX: usize = 256;

/// The same text as UTF-8: a byte-order mark decides, else an XML declaration. What is UTF-8 already is
/// passed on as it is.
pub(super) fn decoded<'a>(start: &[u8], input: impl Read + 'a) -> Box<dyn BufRead + 'a> {
    let encoding = match start {
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => Some(encoding_rs::UTF_16LE),
        // UTF-16 without a mark, as its first character shows.
        [b'<' | b'{' | b'[', 0, ..] => Some(encoding_rs::UTF_16LE),
        [0, b'<' | b'{' | b'[', ..] => Some(encoding_rs::UTF_16BE),
        _ => declared(start).filter(|encoding| *encoding != encoding_rs::UTF_8),
    };
    match encoding {
        // The mark, where there is one, is believed over everything else.
        Some(encoding) => {
            let mut decoder =
                DecodeReaderBytesBuilder::new().encoding(Some(encoding)).bom_override(true).build(input);
            let mut start = Vec::new();
            // Where this fails, the next read fails again, and that is told.
            let _ = decoder.by_ref().take(DECLARATION_MAX as u64).read_to_end(&mut start);
            correct(&mut start);
            Box::new(BufReader::with_capacity(64 << 10, io::Cursor::new(start).chain(decoder)))
        }
        None => Box::new(BufReader::with_capacity(128 << 10, input)),
    }
}

/// The encoding that an XML declaration names. UTF-16 cannot be true of what could be read so far.
fn declared(start: &[u8]) -> Option<&'static Encoding> {
    named(&start[label(start)?]).filter(|encoding| !is_utf_16(encoding))
}

/// The encoding of this name. Java and Python write hyphens and underscores where the list of the Web has
/// none: `latin-1`, `ISO8859_1`.
pub(super) fn named(label: &[u8]) -> Option<&'static Encoding> {
    let plain = || label.iter().copied().filter(|byte| !matches!(byte, b'-' | b'_')).collect::<Vec<u8>>();
    Encoding::for_label(label).or_else(|| Encoding::for_label(&plain()))
}

/// Whether text in this encoding is no text in UTF-8, whatever it says.
pub(super) fn is_utf_16(encoding: &'static Encoding) -> bool {
    encoding == encoding_rs::UTF_16LE || encoding == encoding_rs::UTF_16BE
}

/// Makes a declaration of UTF-16 true once the text is UTF-8, so that whoever reads it can tell it from a
/// false one. It stays as long as it was.
fn correct(start: &mut [u8]) {
    const NAME: &[u8] = b"UTF-8";
    let Some(label) = label(start) else { return };
    // With the quote behind it.
    let Some([label @ .., quote]) = start.get_mut(label.start..=label.end) else { return };
    if label.len() >= NAME.len() && named(label).is_some_and(is_utf_16) {
        let (name, rest) = label.split_at_mut(NAME.len());
        name.copy_from_slice(NAME);
        // The quote moves up, and blanks follow it.
        if let [first, blanks @ ..] = rest {
            blanks.fill(b' ');
            *first = std::mem::replace(quote, b' ');
        }
    }
}

/// Where an XML declaration names its encoding.
fn label(start: &[u8]) -> Option<Range<usize>> {
    let head = &start[..start.len().min(DECLARATION_MAX)];
    let head = &head[..memmem::find(head, b"?>").unwrap_or(head.len())];
    // All of these are ends of the head, so that what is left of it tells where they begin.
    let text = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head).trim_ascii_start();
    let text = text.strip_prefix(b"<?xml")?;
    let value = text[memmem::find(text, b"encoding")? + b"encoding".len()..].trim_ascii_start();
    let value = value.strip_prefix(b"=")?.trim_ascii_start();
    let (quote, value) = value.split_first().filter(|(quote, _)| matches!(quote, b'"' | b'\''))?;
    let begin = head.len() - value.len();
    Some(begin..begin + memchr(*quote, value)?)
}

/// Reads the beginning of `input`, up to `most` bytes; they are to be read again.
pub(super) fn beginning(input: impl Read, most: u64) -> io::Result<Vec<u8>> {
    let mut start = Vec::new();
    input.take(most).read_to_end(&mut start)?;
    Ok(start)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(bytes: &[u8], expect: &str) {
        let mut text = String::new();
        decoded(bytes, bytes).read_to_string(&mut text).unwrap();
        assert_eq!(text.trim_start_matches('\u{feff}'), expect);
    }

    #[test]
    fn every_encoding_becomes_utf_8() {
        let utf16 = |text: &str| -> Vec<u8> { text.encode_utf16().flat_map(u16::to_le_bytes).collect() };
        check("<ä/>".as_bytes(), "<ä/>");
        check(&[b"\xef\xbb\xbf".as_slice(), "<ä/>".as_bytes()].concat(), "<ä/>");
        check(
            &[b"\xff\xfe".to_vec(), utf16("<?xml encoding='utf-8'?><ä/>")].concat(),
            "<?xml encoding='utf-8'?><ä/>",
        );
        // Once it is decoded its declaration tells the truth.
        for (label, then) in [("UTF-16", "UTF-8' "), ("utf-16le", "UTF-8'   "), ("ucs-2", "UTF-8'")] {
            let text = format!("<?xml version='1.0' encoding='{label}' standalone='no'?><ä/>");
            let expect = format!("<?xml version='1.0' encoding='{then} standalone='no'?><ä/>");
            check(&[b"\xff\xfe".to_vec(), utf16(&text)].concat(), &expect);
        }
        check(&utf16("<a/>"), "<a/>");
        let big: Vec<u8> = "<ä/>".encode_utf16().flat_map(u16::to_be_bytes).collect();
        check(&[b"\xfe\xff".to_vec(), big].concat(), "<ä/>");
        check(
            b"<?xml version='1.0' encoding='ISO-8859-1'?><\xe4/>",
            "<?xml version='1.0' encoding='ISO-8859-1'?><ä/>",
        );
        check(
            b"<?xml version='1.0' encoding=\"UTF-16\"?><a/>",
            "<?xml version='1.0' encoding=\"UTF-16\"?><a/>",
        );
        for label in ["latin-1", "ISO8859_1", "iso-8859-1", "Cp1252"] {
            let start = format!("<?xml version='1.0' encoding='{label}'?><");
            check(&[start.as_bytes(), b"\xe4/>"].concat(), &format!("{start}ä/>"));
        }
        check(b"<?xml encoding='latin1", "<?xml encoding='latin1");
        check(b"", "");
    }
}
