//! Text for people: escaping, widths, suggestions, lists.

use unicode_width::UnicodeWidthStr;

/// `text` with everything escaped that could move a terminal's cursor or hide what is there, and the
/// start of a command that CI runners look for inside lines (`##[`).
#[must_use]
pub fn printable(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        let hidden = matches!(c, '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}');
        if c.is_control() || hidden {
            out.extend(c.escape_unicode());
        } else {
            out.push(c);
        }
    }
    if out.contains("##[") { out.replace("##[", "##\\u{5b}") } else { out }
}

/// The candidate that `wrong` was probably meant to be, if one is near enough.
#[must_use]
pub fn closest<'a>(wrong: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let distance = |candidate: &&str| strsim::osa_distance(wrong, candidate);
    let best = candidates.into_iter().min_by_key(|candidate| (distance(candidate), *candidate))?;
    let near = distance(&best) <= 1 + wrong.chars().count().max(best.chars().count()) / 4;
    near.then_some(best)
}

/// Columns that `text` takes on a terminal.
#[must_use]
pub fn width(text: &str) -> usize {
    text.width()
}

/// `text` in at most `columns`: the middle gives way, since names differ at their ends.
#[must_use]
pub fn shorten(text: &str, columns: usize) -> String {
    if width(text) <= columns {
        return text.to_owned();
    }
    let keep = columns.saturating_sub(1);
    let (mut head, mut tail) = (String::new(), Vec::new());
    for c in text.chars() {
        if width(&head) + width(c.encode_utf8(&mut [0; 4])) > keep / 2 {
            break;
        }
        head.push(c);
    }
    let room = keep - width(&head);
    let mut used = 0;
    for c in text.chars().rev() {
        used += width(c.encode_utf8(&mut [0; 4]));
        if used > room {
            break;
        }
        tail.push(c);
    }
    format!("{head}…{}", tail.iter().rev().collect::<String>())
}

/// `1 suite`, `2 suites`.
#[must_use]
pub fn count(number: usize, noun: &str) -> String {
    let text = thousands(number);
    if number == 1 { format!("{text} {noun}") } else { format!("{text} {noun}s") }
}

/// Digits in groups of three: `12,345`.
#[must_use]
pub fn thousands(number: usize) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// Up to `most` names in backticks, and how many there are beyond.
#[must_use]
pub fn examples<'a>(names: impl IntoIterator<Item = &'a str>, most: usize) -> String {
    let mut names = names.into_iter();
    let shown: Vec<String> =
        names.by_ref().take(most).map(|name| format!("`{}`", printable(&shorten(name, 200)))).collect();
    match names.count() {
        0 => shown.join(", "),
        more => format!("{} and {} more", shown.join(", "), thousands(more)),
    }
}

/// A foreign message without the addresses in it, which may hold keys, and not too long.
#[must_use]
pub fn without_addresses(text: &str) -> String {
    let words = text.split_whitespace().map(|word| if word.contains("://") { "…" } else { word });
    printable(&shorten(&words.collect::<Vec<_>>().join(" "), 200))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_words_are_suggested_and_far_ones_not() {
        assert_eq!(closest("budgets", ["budget", "base"]), Some("budget"));
        assert_eq!(closest("pytset", ["lines", "pytest"]), Some("pytest"));
        assert_eq!(closest("e2e-12", ["e2e-1", "unit-1"]), Some("e2e-1"));
        assert_eq!(closest("zebra", ["budget", "base"]), None);
        assert_eq!(closest("x", []), None);
    }

    #[test]
    fn long_names_keep_both_ends() {
        assert_eq!(shorten("tests/unit/deep/test_alpha.py", 15), "tests/u…lpha.py");
        assert_eq!(shorten("short", 15), "short");
        assert_eq!(width(&shorten("日本語日本語日本語", 9)), 9);
    }

    #[test]
    fn hostile_names_do_no_harm() {
        assert_eq!(printable("a\u{1b}[31m\n\u{202e}b"), "a\\u{1b}[31m\\u{a}\\u{202e}b");
        assert_eq!(examples(["a", "b", "c", "d"], 2), "`a`, `b` and 2 more");
        assert_eq!(count(12_345, "suite"), "12,345 suites");
    }

    #[test]
    fn foreign_messages_keep_their_keys_to_themselves() {
        let text =
            "Unable parse source url. Url: https://me:secret@host/x?sig=key, Error: empty\u{1b}[1m host";
        assert_eq!(without_addresses(text), "Unable parse source url. Url: … Error: empty\\u{1b}[1m host");
        assert!(without_addresses(&"long ".repeat(1000)).chars().count() <= 200);
    }
}
