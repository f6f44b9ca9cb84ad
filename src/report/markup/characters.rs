//! Which bytes are characters of XML: UTF-8, and nothing that XML forbids.

use memchr::memmem;

/// How much is looked at in one go: it stays in the nearest cache, and one odd byte costs one closer look.
const BLOCK: usize = 1 << 10;

/// A check of a stream in pieces, which may end inside a character.
#[derive(Default)]
pub(super) struct Characters {
    /// The beginning of a character whose end is still to come.
    cut: Vec<u8>,
}

impl Characters {
    /// Whether the stream may end here.
    pub(super) fn end(&self) -> Result<(), String> {
        if self.cut.is_empty() { Ok(()) } else { Err(no_utf8()) }
    }

    /// Looks at the next bytes. A fault comes with where it begins.
    pub(super) fn check(&mut self, bytes: &[u8]) -> Result<(), (usize, String)> {
        let rest = if self.cut.is_empty() { bytes } else { self.complete(bytes)? };
        let begun = bytes.len() - rest.len();
        let (high, control) = odd(rest);
        // A control character is looked for last: what stands before it may be at fault too.
        let whole = if high { self.utf8(rest) } else { Ok(()) };
        let control = if control { rest.iter().position(|byte| is_control(*byte)) } else { None };
        match (whole, control) {
            (Err((at, message)), control) if control.is_none_or(|control| at < control) => {
                Err((begun + at, message))
            }
            (_, Some(at)) => Err((begun + at, forbidden(u32::from(rest[at])))),
            (whole, None) => whole,
        }
    }

    /// Reads the end of a character that was cut; returns what follows it.
    fn complete<'a>(&mut self, bytes: &'a [u8]) -> Result<&'a [u8], (usize, String)> {
        for (at, byte) in bytes.iter().enumerate() {
            self.cut.push(*byte);
            match std::str::from_utf8(&self.cut) {
                Ok(text) if text.chars().all(is_character) => {
                    self.cut.clear();
                    return Ok(&bytes[at + 1..]);
                }
                Ok(text) => return Err((at, forbidden(text.chars().next().map_or(0, u32::from)))),
                Err(err) if err.error_len().is_some() => return Err((at, no_utf8())),
                Err(_) => {}
            }
        }
        Ok(&[])
    }

    fn utf8(&mut self, bytes: &[u8]) -> Result<(), (usize, String)> {
        let (valid, outcome) = match std::str::from_utf8(bytes) {
            Ok(_) => (bytes, Ok(())),
            Err(err) => {
                let (valid, rest) = bytes.split_at(err.valid_up_to());
                match err.error_len() {
                    Some(_) => (valid, Err((valid.len(), no_utf8()))),
                    None => {
                        self.cut.extend_from_slice(rest);
                        (valid, Ok(()))
                    }
                }
            }
        };
        // The two that are forbidden beyond ASCII: U+FFFE and U+FFFF.
        let mut found = memmem::find_iter(valid, b"\xef\xbf").filter(|at| valid[at + 2] >= 0xbe);
        match found.next() {
            Some(at) => Err((at, forbidden(0xffc0 + u32::from(valid[at + 2] & 0x3f)))),
            None => outcome,
        }
    }
}

/// Whether there is anything beyond ASCII, and any control character.
fn odd(bytes: &[u8]) -> (bool, bool) {
    let (mut high, mut control) = (0, false);
    for block in bytes.chunks(BLOCK) {
        // No early end inside a block, so that it is done with many bytes at once.
        high |= block.iter().fold(0, |all, byte| all | byte);
        control |= block.iter().fold(false, |any, byte| any | is_control(*byte));
    }
    (high >= 0x80, control)
}

fn is_control(byte: u8) -> bool {
    (byte < 0x20) & (byte != b'\t') & (byte != b'\n') & (byte != b'\r')
}

/// Whether XML allows a character at all.
pub(super) fn is_character(character: char) -> bool {
    !matches!(character, '\0'..='\x08' | '\x0b' | '\x0c' | '\x0e'..='\x1f' | '\u{fffe}' | '\u{ffff}')
}

fn forbidden(character: u32) -> String {
    format!("the character U+{character:04X}")
}

fn no_utf8() -> String {
    "bytes that are no UTF-8".to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Where the fault is, in pieces of every size.
    fn check(bytes: &[u8], expect: Option<(usize, &str)>) {
        for size in 1..=bytes.len().clamp(1, 9) {
            let mut characters = Characters::default();
            let mut at = 0;
            let mut found = None;
            for piece in bytes.chunks(size) {
                if let Err((place, message)) = characters.check(piece) {
                    found = Some((at + place, message));
                    break;
                }
                at += piece.len();
            }
            let found = found.or_else(|| characters.end().err().map(|message| (at, message)));
            // A character that is cut is at fault where that shows.
            let near = |at: usize, expect: usize| (expect..expect + 4).contains(&at);
            assert!(
                match (&found, expect) {
                    (Some((at, message)), Some((place, expect))) => message == expect && near(*at, place),
                    (found, expect) => found.is_none() && expect.is_none(),
                },
                "in pieces of {size}: {bytes:x?}: {found:?}"
            );
        }
    }

    #[test]
    fn what_xml_forbids_is_found() {
        let utf8 = "bytes that are no UTF-8";
        check(b"", None);
        check("a\t\n\r\x7fä\u{85}\u{d7ff}\u{e000}\u{fffd}\u{10ffff}\u{ffc0}".as_bytes(), None);
        for control in (0..0x20).filter(|byte| !matches!(byte, 9 | 10 | 13)) {
            check(&[b'a', control, b'b'], Some((1, &format!("the character U+{control:04X}"))));
        }
        check("a\u{fffe}".as_bytes(), Some((1, "the character U+FFFE")));
        check("abcdä\u{ffff}\x01\u{fffe}".as_bytes(), Some((6, "the character U+FFFF")));
        check(b"a\xff", Some((1, utf8)));
        check(b"\xc3(\x01", Some((0, utf8)));
        check(b"a\x80\x01", Some((1, utf8)));
        check(b"\x01\x80", Some((0, "the character U+0001")));
        // A surrogate, a character that is written too long, and one that does not exist.
        check(b"\xed\xa0\x80", Some((0, utf8)));
        check(b"\xc0\x80", Some((0, utf8)));
        check(b"\xf4\x90\x80\x80", Some((0, utf8)));
        // An end inside a character.
        check(b"abcd\xe2\x82", Some((4, utf8)));
    }

    #[test]
    fn one_odd_byte_in_much_is_found() {
        for at in [0, 1, BLOCK - 1, BLOCK, 3 * BLOCK + 7] {
            let mut bytes = vec![b'x'; 4 * BLOCK];
            bytes[at] = 8;
            assert_eq!(Characters::default().check(&bytes).unwrap_err().0, at);
            bytes[at] = 0xfe;
            assert_eq!(Characters::default().check(&bytes).unwrap_err().0, at);
        }
    }
}
