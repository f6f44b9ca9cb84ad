//! pytest's node ids: `path::Class::test[parameters]`.
//!
//! Parameters may hold anything, `::` and slashes included, so nothing after the first `[` of a
//! test counts as a part.

use crate::config::Granularity;
use crate::model::path_of;

/// A node id in its parts, borrowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NodeId<'a> {
    /// The whole.
    pub id: &'a str,
    /// The file.
    pub path: &'a str,
    /// Classes and test after the file; empty where the id is a file.
    pub rest: &'a str,
}

impl<'a> NodeId<'a> {
    /// Splits at the first `::` behind a path.
    #[must_use]
    pub fn new(id: &'a str) -> NodeId<'a> {
        NodeId::within(id, path_of(id).len())
    }

    /// Splits behind a path of known length.
    #[must_use]
    pub fn within(id: &'a str, path: usize) -> NodeId<'a> {
        NodeId { id, path: &id[..path], rest: id.get(path + 2..).unwrap_or_default() }
    }

    /// The id itself and everything that contains it, finest first: test, test without parameters,
    /// classes, file.
    pub fn containers(self) -> impl Iterator<Item = &'a str> {
        let mut next = Some(self.id);
        std::iter::from_fn(move || {
            let current = next?;
            next = parent(current, self.path.len());
            Some(current)
        })
    }
}

fn parent(id: &str, path_len: usize) -> Option<&str> {
    let rest = id.get(path_len + 2..)?;
    match rest.find('[') {
        Some(bracket) => Some(&id[..path_len + 2 + bracket]),
        None => Some(match rest.rfind("::") {
            Some(colons) => &id[..path_len + 2 + colons],
            None => &id[..path_len],
        }),
    }
}

/// The suite that `id` belongs to at the given granularity.
///
/// A class is the outermost one: to select it runs the inner ones too. A function outside classes
/// stands for itself, with all its parameters. So suites of one granularity never overlap.
#[must_use]
pub fn coarsen(id: &str, granularity: Granularity) -> &str {
    let node = NodeId::new(id);
    match granularity {
        Granularity::File => node.path,
        Granularity::Test => id,
        Granularity::Class if node.rest.is_empty() => id,
        Granularity::Class => {
            let names = node.rest.find('[').unwrap_or(node.rest.len());
            let first = node.rest[..names].find("::").unwrap_or(names);
            &id[..node.path.len() + 2 + first]
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn containers_ignore_what_parameters_hold() {
        let check = |id: &str, expect: &[&str]| {
            assert_eq!(NodeId::new(id).containers().collect::<Vec<_>>(), expect);
        };
        check("a.py", &["a.py"]);
        check("a.py::test_x", &["a.py::test_x", "a.py"]);
        check(
            "a.py::A::B::test_x[p::q[1]/z]",
            &["a.py::A::B::test_x[p::q[1]/z]", "a.py::A::B::test_x", "a.py::A::B", "a.py::A", "a.py"],
        );
        check("pages/[id].test.js", &["pages/[id].test.js"]);
        check("a.py::", &["a.py::", "a.py"]);
        check("crate::it", &["crate::it"]);
    }

    #[test]
    fn classes_are_outermost() {
        let check = |id: &str, expect: &str| assert_eq!(coarsen(id, Granularity::Class), expect);
        check("a.py::A::B::test_x[p::q]", "a.py::A");
        check("a.py::test_x[p::q]", "a.py::test_x");
        check("a.py", "a.py");
        assert_eq!(coarsen("a.py::A::test", Granularity::File), "a.py");
    }
}
