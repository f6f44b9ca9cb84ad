//! Text for people: escaping, widths, suggestions, lists.

use unicode_width::UnicodeWidthStr;

/// `text` with everything escaped that could move a terminal's cursor or hide what is there, and the
/// start of every command that a CI's runner looks for in what is printed.
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
    // Wrapped into lines, any word of it may stand at the beginning of one.
    without_commands(&out, char::is_whitespace)
}

/// A message as it may be printed whatever is in it: nothing in it is a command to a terminal or to a CI's runner.
#[must_use]
pub fn inert(message: &str) -> String {
    let line = |line: &str| {
        let (blank, text) = line.split_at(line.len() - line.trim_start().len());
        let mut out = String::with_capacity(line.len());
        for c in blank.chars().chain(without_commands(text, |_| false).chars()) {
            if c.is_control() && c != '\t' { out.extend(c.escape_unicode()) } else { out.push(c) }
        }
        out
    };
    message.split('\n').map(line).collect::<Vec<_>>().join("\n")
}

/// `text` with `::` escaped at its beginning and behind `before`, where GitHub's runner looks for a command, and `##[`,
/// `##vso[` and their like, which it and Azure's look for anywhere.
fn without_commands(text: &str, before: impl Fn(char) -> bool) -> String {
    if !text.contains("::") && !text.contains("##") {
        return text.to_owned();
    }
    let mut out = String::with_capacity(text.len() + 8);
    // Letters since `##`, while it may become a command.
    let mut hashes = false;
    let mut last = None;
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        match c {
            ':' if rest.as_str().starts_with(':') && last.is_none_or(&before) => out.push_str("\\u{3a}"),
            '[' if hashes => out.push_str("\\u{5b}"),
            _ => out.push(c),
        }
        hashes = (c == '#' && last == Some('#')) || (hashes && c.is_ascii_alphabetic());
        last = Some(c);
    }
    out
}

/// The candidate that `wrong` was probably meant to be, if one is near enough.
#[must_use]
pub fn closest<'a>(wrong: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let distance = |candidate: &&str| strsim::osa_distance(wrong, candidate);
    let best = candidates.into_iter().min_by_key(|candidate| (distance(candidate), *candidate))?;
    let near = distance(&best) <= 1 + wrong.chars().count().max(best.chars().count()) / 4;
    near.then_some(best)
}

/// `did you mean \`x\`?` for the candidate that is near enough.
#[must_use]
pub fn did_you_mean<'a>(wrong: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<String> {
    closest(wrong, candidates).map(|close| format!("did you mean `{}`?", printable(close)))
}

/// The ids of suites that `wrong` was probably meant to be, at most `most`: people type the end of a path rather than all
/// of it, and slip in the name of a file rather than in those of its folders.
#[must_use]
pub fn closest_ids<'a>(wrong: &str, ids: &[&'a str], most: usize) -> Vec<&'a str> {
    let pick = |meant: &dyn Fn(&str) -> bool| -> Vec<&'a str> {
        ids.iter().copied().filter(|id| !wrong.is_empty() && meant(id)).take(most).collect()
    };
    let ends = |id: &str| id.strip_suffix(wrong).is_some_and(|before| before.ends_with(['/', ':']));
    let last = |id: &'a str| id.rsplit('/').next().unwrap_or(id);
    let whole = || closest(wrong, ids.iter().copied()).into_iter().collect();
    let slip = || {
        let name = wrong.rsplit('/').next().unwrap_or(wrong);
        let close = closest(name, ids.iter().map(|id| last(id)));
        close.map_or_else(Vec::new, |close| {
            ids.iter().copied().filter(|id| last(id) == close).take(most).collect()
        })
    };
    let ways: [&dyn Fn() -> Vec<&'a str>; 4] =
        [&|| pick(&ends), &|| pick(&|id| id.contains(wrong)), &whole, &slip];
    ways.iter().map(|way| way()).find(|found| !found.is_empty()).unwrap_or_default()
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
    fn ids_are_found_by_their_ends_and_by_slips_in_the_name_of_a_file() {
        let ids = [
            "tests/e2e/test_a.py",
            "tests/unit/test_a.py",
            "tests/unit/test_cart.py::test_add",
            "x/latest_a.py",
        ];
        let check = |wrong: &str, expect: &[&str]| assert_eq!(closest_ids(wrong, &ids, 3), expect, "{wrong}");
        check("test_a.py", &ids[..2]);
        check("unit/test_a.py", &ids[1..2]);
        check("test_add", &ids[2..3]);
        check("cart", &ids[2..3]);
        check("tests/unit/tset_a.py", &ids[1..2]);
        check("test_card.py::test_add", &ids[2..3]);
        check("zebra", &[]);
        check("", &[]);
    }

    #[test]
    fn long_names_keep_both_ends() {
        assert_eq!(shorten("tests/unit/deep/test_alpha.py", 15), "tests/u…lpha.py");
        assert_eq!(shorten("short", 15), "short");
        assert_eq!(width(&shorten("日本語日本語日本語", 9)), 9);
    }

    #[test]
    fn hostile_names_do_no_harm() {
        let check = |name: &str, expect: &str| assert_eq!(printable(name), expect);
        check("a\u{1b}[31m\n\u{202e}b", "a\\u{1b}[31m\\u{a}\\u{202e}b");
        check("::error::x", "\\u{3a}:error::x");
        check("x\u{a0}::add-mask::y", "x\u{a0}\\u{3a}:add-mask::y");
        check("x ##[error]y ###vso[task] ##a-b[c]", "x ##\\u{5b}error]y ###vso\\u{5b}task] ##a-b[c]");
        check("tests/a.py::Test::test[##x]", "tests/a.py::Test::test[##x]");
        assert_eq!(examples(["a", "b", "c", "d"], 2), "`a`, `b` and 2 more");
        assert_eq!(count(12_345, "suite"), "12,345 suites");
    }

    #[test]
    fn messages_do_no_harm() {
        let check = |message: &str, expect: &str| assert_eq!(inert(message), expect);
        check("a ::b\n\tc \u{e9}\n", "a ::b\n\tc \u{e9}\n");
        check("a\n \u{a0}::error::b\r\u{7}", "a\n \u{a0}\\u{3a}:error::b\\u{d}\\u{7}");
        check("a\r::error::b \u{1b}[31mred", "a\\u{d}::error::b \\u{1b}[31mred");
        check(
            "::stop-commands::x ##[set-output name=y]z",
            "\\u{3a}:stop-commands::x ##\\u{5b}set-output name=y]z",
        );
    }

    #[test]
    fn foreign_messages_keep_their_keys_to_themselves() {
        let text =
            "Unable parse source url. Url: https://me:secret@host/x?sig=key, Error: empty\u{1b}[1m host";
        assert_eq!(without_addresses(text), "Unable parse source url. Url: … Error: empty\\u{1b}[1m host");
        assert!(without_addresses(&"long ".repeat(1000)).chars().count() <= 200);
    }
}
