//! Names, and the references that name characters and entities.

use crate::text::printable;

use super::characters::is_character;

/// What a byte may be in a name.
const NONE: u8 = 0;
const INSIDE: u8 = 1;
const FIRST: u8 = 2;

/// Of ASCII; what is beyond is looked at as characters. The colon is no part of a name: it stands
/// between two.
const ASCII: [u8; 128] = {
    let mut table = [NONE; 128];
    let mut byte = 0;
    while byte < 128 {
        let this = byte as u8;
        if this.is_ascii_alphabetic() || this == b'_' {
            table[byte] = FIRST;
        } else if this.is_ascii_digit() || this == b'-' || this == b'.' {
            table[byte] = INSIDE;
        }
        byte += 1;
    }
    table
};

/// Whether this is a name without a colon.
pub(in crate::report) fn is_name(text: &str) -> bool {
    let bytes = text.as_bytes();
    match bytes.first() {
        Some(first) if bytes.is_ascii() => {
            ASCII[usize::from(*first)] == FIRST
                && bytes.iter().all(|byte| ASCII[usize::from(byte & 0x7f)] != NONE)
        }
        Some(_) => text.chars().enumerate().all(|(at, character)| match u8::try_from(character) {
            Ok(byte) if byte < 128 => ASCII[usize::from(byte)] >= if at == 0 { FIRST } else { INSIDE },
            _ => is_beyond_ascii(character, at == 0),
        }),
        None => false,
    }
}

/// Whether a byte may be part of a name, of a prefix or of the number of a reference.
pub(in crate::report) fn is_part(byte: u8) -> bool {
    byte >= 0x80 || ASCII[usize::from(byte)] != NONE || byte == b':'
}

/// The ranges of XML 1.0, fifth edition.
fn is_beyond_ascii(character: char, first: bool) -> bool {
    match character {
        '\u{d7}' | '\u{f7}' | '\u{37e}' => false,
        '\u{b7}' | '\u{300}'..='\u{36f}' | '\u{203f}'..='\u{2040}' => !first,
        '\u{c0}'..='\u{1fff}'
        | '\u{200c}'..='\u{200d}'
        | '\u{2070}'..='\u{218f}'
        | '\u{2c00}'..='\u{2fef}'
        | '\u{3001}'..='\u{d7ff}'
        | '\u{f900}'..='\u{fdcf}'
        | '\u{fdf0}'..='\u{fffd}'
        | '\u{10000}'..='\u{effff}' => true,
        _ => false,
    }
}

/// What is wrong with a reference by the text between its `&` and its `;`; `declares`: whether the
/// document may have declared entities of its own.
pub(in crate::report) fn check_reference(name: &[u8], declares: bool) -> Result<(), String> {
    if matches!(name, b"amp" | b"lt" | b"gt" | b"quot" | b"apos") {
        return Ok(());
    }
    let text = std::str::from_utf8(name).unwrap_or_default();
    if let Some(number) = text.strip_prefix('#') {
        let (digits, radix) = number.strip_prefix('x').map_or((number, 10), |digits| (digits, 16));
        // Only digits, and no sign, which the parser of numbers would take.
        let number = match digits.chars().all(|digit| digit.is_digit(radix)) {
            true => u32::from_str_radix(digits, radix).ok(),
            false => None,
        };
        return match number.and_then(char::from_u32).filter(|character| is_character(*character)) {
            Some(_) => Ok(()),
            None => Err(format!("`&{};`, which is no character", shortened(text))),
        };
    }
    match is_name(text) {
        true if declares => Ok(()),
        true => Err(format!("the entity `&{};`, which is declared nowhere", shortened(text))),
        false => Err(dangling()),
    }
}

/// What is wrong with an `&` that nothing ends.
pub(in crate::report) fn dangling() -> String {
    "an `&` that begins no reference".to_owned()
}

/// As much of a text as an error shows.
pub(in crate::report) fn shortened(text: &str) -> String {
    const SHOWN: usize = 40;
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", printable(&text[..end])),
        None => printable(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_told_from_what_is_none() {
        for good in ["a", "_", "a-b.c1", "ä", "日本", "a·", "a\u{300}"] {
            assert!(is_name(good), "{good}");
        }
        for bad in [
            "",
            "1",
            "-a",
            ".a",
            "a b",
            "a:b",
            "a\"",
            "a=",
            "a<",
            "×",
            "a×",
            "·a",
            "\u{300}",
            "a\u{2028}",
            "ä/",
        ] {
            assert!(!is_name(bad), "{bad}");
        }
    }

    #[test]
    fn references_are_checked() {
        let check = |name: &str, declares, expect: &str| {
            let found = check_reference(name.as_bytes(), declares).err().unwrap_or_default();
            assert_eq!(found, expect, "{name}");
        };
        for good in
            ["amp", "lt", "gt", "quot", "apos", "#9", "#xA", "#x10FFFF", "#0000000000000065", "#xfffd"]
        {
            check(good, false, "");
        }
        for bad in [
            "#x1",
            "#0",
            "#x0",
            "#xFFFE",
            "#65535",
            "#xD800",
            "#x110000",
            "#",
            "#x",
            "#+1",
            "#x-1",
            "#1a",
            "#X41",
            "#99999999999",
        ] {
            for declares in [false, true] {
                check(bad, declares, &format!("`&{bad};`, which is no character"));
            }
        }
        check("nbsp", false, "the entity `&nbsp;`, which is declared nowhere");
        check("nbsp", true, "");
        for bad in ["", "1", " amp", "a:b", "-"] {
            check(bad, true, "an `&` that begins no reference");
        }
    }
}
