//! Plain lists: one id a line, or separated by NUL.

use super::ListingError;

/// The text of a listing: a byte-order mark decides, else UTF-8. PowerShell writes UTF-16.
pub(super) fn decode(bytes: &[u8]) -> Result<String, ListingError> {
    if is_utf16(bytes) {
        let little = bytes[0] == 0xff;
        let units = bytes[2..].chunks(2).map(|pair| match (pair, little) {
            ([a, b], true) => u16::from_le_bytes([*a, *b]),
            ([a, b], false) => u16::from_be_bytes([*a, *b]),
            _ => 0xdc00, // Half a unit: an error below.
        });
        return char::decode_utf16(units).collect::<Result<_, _>>().map_err(|_| {
            ListingError::new(
                None,
                "this is not UTF-16, though its first bytes say so",
                "save the list as UTF-8",
            )
        });
    }
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    match std::str::from_utf8(bytes) {
        Ok(text) => Ok(text.to_owned()),
        Err(err) => {
            let line = bytes[..err.valid_up_to()].iter().filter(|byte| **byte == b'\n').count() + 1;
            Err(ListingError::new(Some(line), "this is not UTF-8", "save the list as UTF-8"))
        }
    }
}

pub(super) fn is_utf16(bytes: &[u8]) -> bool {
    bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff")
}

/// The ids of a list with their line numbers. Blank lines and lines that begin with `#` are passed
/// over.
pub(super) fn ids(text: &str) -> Result<Vec<(usize, &str)>, ListingError> {
    if let Some(kind) = looks_like_data(text) {
        let message = format!("this is {kind}, not a list of suites");
        return Err(ListingError::new(Some(1), message, "write one id a line"));
    }
    if let Some(line) = text.lines().position(|line| line.starts_with("====")) {
        let message = "this is a runner's report, not a list of suites";
        return Err(ListingError::new(Some(line + 1), message, "list with: pytest --collect-only -q"));
    }
    let lines = text.split('\n').enumerate().map(|(number, line)| (number + 1, line.trim()));
    Ok(lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#')).collect())
}

/// The ids of a NUL-separated list, exactly as they are.
pub(super) fn null_separated(bytes: &[u8]) -> Result<Vec<String>, ListingError> {
    let ids = bytes.split(|byte| *byte == 0).filter(|id| !id.is_empty());
    ids.enumerate()
        .map(|(number, id)| {
            String::from_utf8(id.to_vec()).map_err(|_| {
                ListingError::new(Some(number + 1), "this id is not UTF-8", "save the list as UTF-8")
            })
        })
        .collect()
}

fn looks_like_data(text: &str) -> Option<&'static str> {
    let start = text.trim_start();
    let second = start.get(1..).unwrap_or_default().trim_start();
    match start.bytes().next()? {
        b'{' => Some("JSON"),
        b'[' if second.starts_with(['"', '{', '[', ']']) => Some("JSON"),
        b'<' => Some("XML"),
        _ => None,
    }
}
