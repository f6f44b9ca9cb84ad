//! Text in whatever encoding a tool wrote it, as UTF-8.

use std::io::{self, BufRead, BufReader, Read};

use encoding_rs::Encoding;
use encoding_rs_io::DecodeReaderBytesBuilder;

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
            let decoder =
                DecodeReaderBytesBuilder::new().encoding(Some(encoding)).bom_override(true).build(input);
            Box::new(BufReader::with_capacity(64 << 10, decoder))
        }
        None => Box::new(BufReader::with_capacity(128 << 10, input)),
    }
}

/// The encoding that an XML declaration names. UTF-16 cannot be true of what could be read so far.
fn declared(start: &[u8]) -> Option<&'static Encoding> {
    let start = start.strip_prefix(b"\xef\xbb\xbf").unwrap_or(start);
    let head = &start[..start.len().min(DECLARATION_MAX)];
    let head = String::from_utf8_lossy(head);
    let declaration = head.trim_start().strip_prefix("<?xml")?.split("?>").next()?;
    let value = declaration.split_once("encoding")?.1.trim_start().strip_prefix('=')?.trim_start();
    let quote = value.chars().next().filter(|quote| matches!(quote, '"' | '\''))?;
    let label = value[1..].split(quote).next()?;
    Encoding::for_label(label.as_bytes())
        .filter(|encoding| *encoding != encoding_rs::UTF_16LE && *encoding != encoding_rs::UTF_16BE)
}

/// Reads the beginning of `input`, up to `most` bytes; they are to be read again.
pub(super) fn beginning(input: &mut impl Read, most: u64) -> io::Result<Vec<u8>> {
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
        check(b"", "");
    }
}
