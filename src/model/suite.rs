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

    /// The part before the first `::`, where that is a path: what patterns match, and the file of a node
    /// id. Rust's `crate::binary` is one name.
    #[must_use]
    pub fn path(&self) -> &str {
        path_of(&self.0)
    }
}

/// The file of a node id; the whole of any other id. Paths have a folder or an ending.
#[must_use]
pub fn path_of(id: &str) -> &str {
    let path = id.split_once("::").map(|(path, _)| path);
    path.filter(|path| path.contains(['/', '\\', '.'])).unwrap_or(id)
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
        assert_eq!(SuiteId::new("crate::bin/tool").path(), "crate::bin/tool");
    }
}
