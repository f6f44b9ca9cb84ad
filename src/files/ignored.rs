//! What a `.gitignore` leaves out: enough of its rules to tell a project's own files from what is built or installed.

use glob::{MatchOptions, Pattern};

use crate::config::Patterns;

const OPTIONS: MatchOptions = MatchOptions {
    case_sensitive: true,
    require_literal_separator: true,
    require_literal_leading_dot: false,
};

/// Most rules of one file that are kept.
const RULES_MAX: usize = 500;

/// The rules of one `.gitignore`.
#[derive(Debug, Default)]
pub(super) struct Ignored(Vec<Rule>);

#[derive(Debug)]
struct Rule {
    pattern: Pattern,
    /// Held against the whole path below the file's folder, else against the name alone.
    anchored: bool,
    folders_only: bool,
    /// Takes back what an earlier rule left out.
    back: bool,
}

impl Ignored {
    /// What cannot be read as a rule is passed over.
    pub(super) fn new(text: &str) -> Ignored {
        Ignored(text.lines().filter_map(rule).take(RULES_MAX).collect())
    }

    /// Whether the last rule about `path`, which is relative to the file's folder, leaves it out; `None`: no rule is
    /// about it.
    pub(super) fn decides(&self, path: &str, folder: bool) -> Option<bool> {
        let name = path.rsplit('/').next().unwrap_or(path);
        let about = |rule: &&Rule| {
            (folder || !rule.folders_only)
                && rule.pattern.matches_with(if rule.anchored { path } else { name }, OPTIONS)
        };
        self.0.iter().rev().find(about).map(|rule| !rule.back)
    }
}

fn rule(line: &str) -> Option<Rule> {
    let line = line.strip_suffix('\r').unwrap_or(line);
    // Blanks at the end mean something only behind a backslash, which nobody writes.
    let line = line.trim_end();
    let (back, line) = match line.strip_prefix('!') {
        Some(rest) => (true, rest),
        None => (false, line),
    };
    if line.is_empty() || line.starts_with('#') {
        return None;
    }
    let (folders_only, line) = match line.strip_suffix('/') {
        Some(rest) => (true, rest),
        None => (false, line),
    };
    let anchored = line.contains('/');
    let pattern = translated(line.strip_prefix('/').unwrap_or(line));
    let pattern = Pattern::new(&pattern).ok().filter(|_| Patterns::is_cheap(&pattern))?;
    Some(Rule { pattern, anchored, folders_only, back })
}

/// The rule's pattern as ours: `\x` is `[x]`, and `**` that is no whole part of a path is `*`.
fn translated(rule: &str) -> String {
    let parts = rule.split('/').map(|part| {
        let mut out = String::with_capacity(part.len());
        let mut characters = part.chars();
        while let Some(c) = characters.next() {
            match c {
                '\\' => out.extend(characters.next().map(|c| Pattern::escape(c.encode_utf8(&mut [0; 4])))),
                '*' if part != "**" && out.ends_with('*') => {}
                c => out.push(c),
            }
        }
        out
    });
    parts.collect::<Vec<_>>().join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_mean_what_git_says() {
        let check = |rules: &str, path: &str, folder: bool, expect: Option<bool>| {
            assert_eq!(Ignored::new(rules).decides(path, folder), expect, "{rules:?} {path}");
        };
        check("build/\n", "a/build", true, Some(true));
        check("build/\n", "a/build", false, None);
        check("/build", "a/build", true, None);
        check("/build", "build", true, Some(true));
        check("a/build\r\n", "a/build", true, Some(true));
        check("a/build", "b/a/build", true, None);
        check("**/out", "b/a/out", true, Some(true));
        check("docs/**/tmp", "docs/tmp", true, Some(true));
        check("*.log\n!keep.log", "x/a.log", false, Some(true));
        check("*.log\n!keep.log", "x/keep.log", false, Some(false));
        check("# no\n\n\\#yes", "#yes", false, Some(true));
        check("a**b", "axxb", false, Some(true));
        check("[", "[", false, None);
        check("\\", "\\", false, None);
        check("/*a*a*a*a*b/", "aaaaaaaaaa", true, None);
    }
}
