//! Patterns of test files: from a tool's own syntax to ours, and only those that match now, since one that matches nothing is an
//! error in a plan.

use std::collections::BTreeSet;

use glob::Pattern;

use super::Suites;
use super::facts::{Facts, inside, join};
use crate::config::Patterns;
use crate::model::SuiteId;

/// Most patterns of one finding.
const PATTERNS_MAX: usize = 200;
/// Most mentions of a key in a program's text.
const MENTIONS_MAX: usize = 100;
/// Most patterns that one becomes.
const VARIANTS_MAX: usize = 64;
/// Folders at the top that are named one by one; where tests lie in more, one pattern takes all.
const TOPS_MAX: usize = 8;
/// What such a pattern must not walk into.
const NEVER: [&str; 6] =
    [".*/**", "**/.*/**", "**/node_modules/**", "**/site-packages/**", "**/__pycache__/**", "**/vendor/**"];

/// Files below `folder` by patterns relative to it, without `exclude`, likewise relative, and without those below the folders
/// `apart`. `None`: there is none.
pub(super) fn suites(
    facts: &Facts,
    folder: &str,
    patterns: &[String],
    exclude: &[String],
    apart: &[String],
) -> Option<Suites> {
    let from_top =
        |pattern: &String| join(&Pattern::escape(folder), pattern.strip_prefix("./").unwrap_or(pattern));
    let usable = |pattern: &String| Patterns::is_cheap(pattern) && Pattern::new(pattern).is_ok();
    let mut exclude: Vec<String> = exclude.iter().map(from_top).filter(usable).take(PATTERNS_MAX).collect();
    let left_out = Patterns::new(exclude.iter().map(String::as_str)).unwrap_or_default();
    // No runner looks into hidden folders.
    let is_ours = |file: &&str| {
        !file.split('/').any(|part| part.starts_with('.'))
            && !left_out.matches(&SuiteId::new(&**file))
            && !apart.iter().any(|folder| inside(folder, file))
    };
    let candidates: Vec<&str> = facts.below(folder).filter(is_ours).collect();
    let matching = |pattern: String| {
        let one = Patterns::new([pattern.as_str()]).ok()?;
        let found = candidates.iter().copied().filter(|file| one.matches(&SuiteId::new(*file)));
        Some((found.collect::<Vec<&str>>(), pattern))
    };
    let mut all: Vec<(Vec<&str>, String)> =
        patterns.iter().map(from_top).filter(usable).take(PATTERNS_MAX).filter_map(matching).collect();
    // The widest first: a pattern that adds nothing is not needed.
    all.sort_by(|a, b| b.0.len().cmp(&a.0.len()).then_with(|| a.1.cmp(&b.1)));
    let (mut used, mut files) = (Vec::new(), BTreeSet::new());
    for (found, pattern) in all {
        if found.iter().any(|file| !files.contains(*file)) {
            used.extend(narrowed(&pattern, folder, &found));
            files.extend(found.into_iter().map(str::to_owned));
        }
    }
    let files: Vec<String> = files.into_iter().collect();
    if used.iter().any(|pattern| pattern.starts_with("**/")) {
        exclude.extend(NEVER.map(str::to_owned));
    }
    used.sort_unstable();
    used.dedup();
    exclude.sort_unstable();
    exclude.dedup();
    (!files.is_empty()).then_some(Suites::Files { patterns: used, exclude, files })
}

/// `**/test_*.py` of a folder as `tests/**/test_*.py`: a plan then need not walk through all that is installed there.
fn narrowed(pattern: &str, folder: &str, files: &[&str]) -> Vec<String> {
    let prefix = join(&Pattern::escape(folder), "");
    let prefix = if folder.is_empty() { "" } else { &prefix };
    let Some(rest) = pattern.strip_prefix(prefix).and_then(|rest| rest.strip_prefix("**/")) else {
        return vec![pattern.to_owned()];
    };
    let skip = if folder.is_empty() { 0 } else { folder.len() + 1 };
    let mut tops: Vec<Option<&str>> =
        files.iter().map(|file| file[skip..].split_once('/').map(|(top, _)| top)).collect();
    tops.sort_unstable();
    tops.dedup();
    if tops.len() > TOPS_MAX {
        return vec![pattern.to_owned()];
    }
    let named = tops.into_iter().map(|top| match top {
        Some(top) => format!("{prefix}{}/**/{rest}", Pattern::escape(top)),
        None => format!("{prefix}{rest}"),
    });
    named.collect()
}

/// A pattern of JavaScript's tools as ours: `{a,b}`, `@(a|b)`, `+(a|b)` and `?(a)` become one pattern each. Empty where it
/// has anything else of that kind.
pub(super) fn expanded(pattern: &str) -> Vec<String> {
    let mut done = Vec::new();
    let mut open = vec![pattern.to_owned()];
    while let Some(pattern) = open.pop() {
        if open.len() + done.len() > VARIANTS_MAX {
            return Vec::new();
        }
        let Some((at, close, optional)) = group(&pattern) else {
            if pattern.contains(['{', '}', '(', ')', '!', '|']) {
                return Vec::new();
            }
            done.push(pattern);
            continue;
        };
        let (before, inner, after) = match pattern.as_bytes()[at] {
            b'{' => (&pattern[..at], &pattern[at + 1..close], &pattern[close + 1..]),
            _ => (&pattern[..at], &pattern[at + 2..close], &pattern[close + 1..]),
        };
        if inner.contains(['(', '{']) {
            return Vec::new();
        }
        let separator = if pattern.as_bytes()[at] == b'{' { ',' } else { '|' };
        open.extend(inner.split(separator).map(|one| format!("{before}{one}{after}")));
        if optional {
            open.push(format!("{before}{after}"));
        }
    }
    done.sort_unstable();
    done.dedup();
    done
}

/// The first group: where it begins and ends, and whether it may be left out.
fn group(pattern: &str) -> Option<(usize, usize, bool)> {
    let bytes = pattern.as_bytes();
    let at = (0..bytes.len()).find(|at| {
        bytes[*at] == b'{' || (matches!(bytes[*at], b'?' | b'@' | b'+') && bytes.get(at + 1) == Some(&b'('))
    })?;
    let end = if bytes[at] == b'{' { '}' } else { ')' };
    let close = at + pattern[at..].find(end)?;
    Some((at, close, bytes[at] == b'?'))
}

/// Strings that a program's text gives to `key`: `key: "a"` and `key: ["a", "b"]`, each mention by itself. `None` in place
/// of a mention that is anything else.
pub(super) fn literals(text: &str, key: &str) -> Vec<Option<Vec<String>>> {
    let mut found = Vec::new();
    let word = |c: char| c.is_alphanumeric() || c == '_' || c == '$' || c == '.';
    for (at, _) in text.match_indices(key).take(MENTIONS_MAX) {
        let before = text[..at].chars().next_back();
        let comment = text[..at]
            .rsplit('\n')
            .next()
            .is_some_and(|line| line.trim_start().starts_with("//") || line.trim_start().starts_with('*'));
        let rest = text[at + key.len()..].trim_start_matches(['"', '\'']);
        let Some(value) = rest.trim_start().strip_prefix(':') else { continue };
        if before.is_some_and(word) || comment {
            continue;
        }
        found.push(strings(value.trim_start()));
    }
    found
}

/// A string, or a list of nothing but strings.
fn strings(text: &str) -> Option<Vec<String>> {
    let Some(mut rest) = text.strip_prefix('[') else { return Some(vec![string(text)?.0]) };
    let mut all = Vec::new();
    loop {
        rest = rest.trim_start_matches(|c: char| c.is_whitespace() || c == ',');
        if let Some(comment) = rest.strip_prefix("//") {
            rest = comment.split_once('\n').map_or("", |(_, rest)| rest);
            continue;
        }
        if rest.starts_with(']') {
            return Some(all);
        }
        let (one, after) = string(rest)?;
        all.push(one);
        rest = after;
    }
}

/// A string without anything in it that means more than itself, and what is behind it.
fn string(text: &str) -> Option<(String, &str)> {
    let quote = text.chars().next().filter(|quote| ['"', '\'', '`'].contains(quote))?;
    let (inner, rest) = text[1..].split_once(quote)?;
    (!inner.contains(['\\', '\n', '$'])).then(|| (inner.to_owned(), rest))
}

/// `path` relative to `folder`, where a tool writes it with `./` or relative to its root.
pub(super) fn relative(path: &str) -> Option<String> {
    let path = path.strip_prefix("<rootDir>").map_or(path, |rest| rest.trim_start_matches('/'));
    let path = path.strip_prefix("./").unwrap_or(path).trim_end_matches('/');
    let path = if path == "." { "" } else { path };
    (!path.starts_with('/') && !path.split('/').any(|part| part == "..")).then(|| path.to_owned())
}

/// How a command finds in `folder` what is named from the project's folder.
pub(super) fn upwards(folder: &str) -> String {
    "../".repeat(super::facts::depth(folder))
}

/// Words that start `words` in `folder`.
pub(super) fn started_in(folder: &str, words: &[&str]) -> Vec<String> {
    let before = if folder.is_empty() { vec![] } else { vec!["env", "-C", folder] };
    before.into_iter().chain(words.iter().copied()).map(str::to_owned).collect()
}

/// Takes files away that another runner has; false where none is left.
pub(super) fn take_away(suites: &mut Suites, theirs: impl Fn(&str) -> bool) -> bool {
    let Suites::Files { patterns, files, .. } = suites else { return true };
    files.retain(|file| !theirs(file));
    let used = |pattern: &String| {
        let one = Patterns::new([pattern.as_str()]).unwrap_or_default();
        files.iter().any(|file| one.matches(&SuiteId::new(&**file)))
    };
    patterns.retain(used);
    !files.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_of_other_tools_become_ours() {
        let check =
            |pattern: &str, expect: &str| assert_eq!(expanded(pattern).join(" "), expect, "{pattern}");
        check("**/*.{test,spec}.ts", "**/*.spec.ts **/*.test.ts");
        check(
            "?(*.)+(spec|test).[jt]s?(x)",
            "*.spec.[jt]s *.spec.[jt]sx *.test.[jt]s *.test.[jt]sx spec.[jt]s spec.[jt]sx test.[jt]s test.[jt]sx",
        );
        check("a.@(b|c)", "a.b a.c");
        check("!(a).js", "");
        check("{a,{b,c}}", "");
        check("{a", "");
        check(&"{a,b}".repeat(20), "");
    }

    #[test]
    fn plain_strings_are_read_out_of_programs() {
        let check = |text: &str, expect: &[Option<&str>]| {
            let found: Vec<Option<String>> =
                literals(text, "testDir").into_iter().map(|one| one.map(|all| all.join(" "))).collect();
            let expect: Vec<Option<String>> = expect.iter().map(|one| one.map(str::to_owned)).collect();
            assert_eq!(found, expect, "{text}");
        };
        check("export default { testDir: './e2e', }", &[Some("./e2e")]);
        check("{ 'testDir' : [ \"a\", // no\n 'b', ] }", &[Some("a b")]);
        check("testDir: path.join('a')", &[None]);
        check("testDir: `${x}/a`", &[None]);
        check("  // testDir: 'a'\n * testDir: 'b'\n x.testDir: 'c', mytestDir: 'd'", &[]);
        check("testDir: 'a", &[None]);
        check("testDir:", &[None]);
    }
}
