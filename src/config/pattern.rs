//! Patterns over suite ids.

use glob::{MatchOptions, Pattern, PatternError};

use crate::model::SuiteId;

/// `*` stops at `/`, `**` does not, case counts.
const OPTIONS: MatchOptions = MatchOptions {
    case_sensitive: true,
    require_literal_separator: true,
    require_literal_leading_dot: false,
};

/// A list of glob patterns; an id matches when one of them does.
#[derive(Clone, Debug, Default)]
pub struct Patterns {
    patterns: Vec<Pattern>,
    all: bool,
}

impl Patterns {
    /// Patterns from their text.
    ///
    /// # Errors
    /// The first pattern that is none, with the reason.
    pub fn new<'a>(texts: impl IntoIterator<Item = &'a str>) -> Result<Patterns, (String, PatternError)> {
        let mut out = Patterns::default();
        for text in texts {
            // `**` alone means every id, also those that are no path at all.
            out.all |= text == "**";
            let text = text.strip_prefix("./").unwrap_or(text);
            out.patterns.push(Pattern::new(text).map_err(|err| (text.to_owned(), err))?);
        }
        Ok(out)
    }

    /// Whether a foreign pattern is short and has few enough stars that nobody waits for it: stars that stand beside each
    /// other in a part of a path are tried in all combinations.
    #[must_use]
    pub fn is_cheap(text: &str) -> bool {
        let parts = || text.split('/');
        let recursive = parts().filter(|part| *part == "**").count();
        let cheap = |part: &str| part == "**" || part.matches('*').count() <= 3;
        text.len() <= 1_000 && recursive <= 4 && parts().all(cheap)
    }

    /// Matches everything.
    #[must_use]
    pub fn all() -> Patterns {
        Patterns { patterns: Vec::new(), all: true }
    }

    /// Whether the id's part before the first `::` matches one of the patterns.
    #[must_use]
    pub fn matches(&self, id: &SuiteId) -> bool {
        let path = id.path();
        let path = path.strip_prefix("./").unwrap_or(path);
        self.all || self.patterns.iter().any(|pattern| pattern.matches_with(path, OPTIONS))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_stop_where_the_manual_says() {
        let check = |pattern: &str, id: &str, expect: bool| {
            let patterns = Patterns::new([pattern]).unwrap();
            assert_eq!(patterns.matches(&SuiteId::new(id)), expect, "{pattern} {id}");
        };
        check("tests/unit/**", "tests/unit/a/test_b.py", true);
        check("tests/*/test_*.py", "tests/unit/a/test_b.py", false);
        check("tests/*/test_*.py", "tests/unit/test_b.py::TestA::test_x[a/b]", true);
        check("**/test_*.py", "test_b.py", true);
        check("./tests/**", "./tests/a.py", true);
        check("**", "//pkg:target with spaces", true);
        check("Tests/**", "tests/a.py", false);
        assert!(Patterns::new(["tests/a**"]).is_err());
        assert!(Patterns::is_cheap("**/a/**/*_x*.t*"));
        assert!(!Patterns::is_cheap("a/*a*a*a*b/c") && !Patterns::is_cheap(&"**/".repeat(5)));
    }
}
