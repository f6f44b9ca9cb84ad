//! What names a suite.

use std::fmt;

use serde::Serialize;

/// The string by which the test runner knows a suite: a file, class, package, binary or single
/// test.
///
/// Ordered by bytes, which is the tie-break everywhere.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct SuiteId(Box<str>);

impl SuiteId {
    /// Takes the runner's own name as it is.
    #[must_use]
    pub fn new(id: impl Into<Box<str>>) -> SuiteId {
        SuiteId(id.into())
    }

    /// The whole id.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The part before the first `::`: what patterns match, and the file where ids are node ids.
    #[must_use]
    pub fn path(&self) -> &str {
        self.0.split_once("::").map_or(&*self.0, |(path, _)| path)
    }
}

/// Ids order and hash as their text does, so maps of ids are asked with text.
impl std::borrow::Borrow<str> for SuiteId {
    fn borrow(&self) -> &str {
        self.as_str()
    }
}

/// For messages: control characters, line breaks and marks that turn the text's direction are
/// escaped.
impl fmt::Display for SuiteId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&crate::text::printable(&self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_shown_without_harm() {
        let id = SuiteId::new("tests/a.py::test[\u{1b}[31m\n\u{202e}x]");
        assert_eq!(id.to_string(), "tests/a.py::test[\\u{1b}[31m\\u{a}\\u{202e}x]");
        assert_eq!(id.path(), "tests/a.py");
    }
}
