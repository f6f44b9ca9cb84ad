//! The declaration of a document's type. Nothing of it is used, and nothing that it declares is believed.

use super::names;
use super::text::is_blank;

/// Whether a declaration, as far as it stands between `<!DOCTYPE` and its brackets, names others elsewhere.
///
/// # Errors
/// What is no such declaration.
pub(super) fn check(header: &[u8]) -> Result<bool, String> {
    let wrong = || "a declaration of the document's type that is none".to_owned();
    let header = std::str::from_utf8(header).map_err(|_| wrong())?;
    let blank = |c: char| u8::try_from(c).is_ok_and(is_blank);
    let header = header.strip_prefix(blank).ok_or_else(wrong)?.trim_matches(blank);
    let (name, external) = header.split_once(blank).unwrap_or((header, ""));
    let external = external.trim_start_matches(blank);
    let mut parts = name.split(':');
    if !parts.by_ref().take(2).all(names::is_name) || parts.next().is_some() {
        return Err(wrong());
    }
    if external.is_empty() {
        return Ok(false);
    }
    let (word, mut literals) = external.split_once(blank).ok_or_else(wrong)?;
    let count = match word {
        "SYSTEM" => 1,
        "PUBLIC" => 2,
        _ => return Err(wrong()),
    };
    for _ in 0..count {
        literals = literals.trim_start_matches(blank);
        let quote = literals.chars().next().filter(|c| matches!(c, '"' | '\'')).ok_or_else(wrong)?;
        literals = literals[1..].split_once(quote).ok_or_else(wrong)?.1;
    }
    if literals.is_empty() { Ok(true) } else { Err(wrong()) }
}
