//! Suites cut into what they hold: a file into its classes and functions, those into their tests.
//!
//! Only what a listing named can be cut out: a test that nobody listed would never run again.

use std::collections::{BTreeMap, BTreeSet};

use super::{Inventory, Suite, coarsen};
use crate::config::Granularity;
use crate::model::SuiteId;

impl Suite {
    /// Its classes and functions; its tests where it is only one of those. `None` where it holds no
    /// two tests that were listed.
    fn parts(&self) -> Option<Vec<Suite>> {
        [Granularity::Class, Granularity::Test]
            .into_iter()
            .map(|granularity| self.at(granularity))
            .find(|parts| parts.len() > 1)
    }

    fn at(&self, granularity: Granularity) -> Vec<Suite> {
        let mut parts: BTreeMap<&str, Vec<Box<str>>> = BTreeMap::new();
        for test in &self.tests {
            let id = coarsen(test, granularity);
            let tests = parts.entry(id).or_default();
            if id.len() < test.len() {
                tests.push(test.clone());
            }
        }
        parts.into_iter().map(|(id, tests)| Suite { id: SuiteId::new(id), tests, siblings: 1 }).collect()
    }

    /// Whether it can be cut.
    #[must_use]
    pub fn has_parts(&self) -> bool {
        self.tests.len() > 1
    }
}

impl Inventory {
    /// The same tests, with the suites of the given numbers cut into their parts. Those without
    /// parts stay.
    #[must_use]
    pub fn split(&self, wanted: &BTreeSet<usize>) -> Inventory {
        let mut suites = Vec::with_capacity(self.suites.len());
        for (number, suite) in self.suites.iter().enumerate() {
            match wanted.contains(&number).then(|| suite.parts()).flatten() {
                Some(parts) => suites.extend(parts),
                None => suites.push(suite.clone()),
            }
        }
        Inventory::new(suites)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{NameMap, Patterns};
    use crate::inventory::Collector;

    #[test]
    fn files_fall_into_classes_then_into_tests() {
        let list = b"a.py::A::x\na.py::A::y[1]\na.py::A::y[2]\na.py::f[1]\na.py::f[2]\na.py::g\nb.py::B::x\nb.py::B::y\nc.py::t\n";
        let mut collector = Collector::new(Some(Granularity::File), NameMap::default());
        collector.listing("list", list, None).unwrap();
        let files = collector.finish(&Patterns::default());
        let shown = |inventory: &Inventory| -> String {
            let suites = inventory.suites.iter();
            suites
                .map(|s| format!("{}({}/{})", s.id, s.tests.len(), s.siblings))
                .collect::<Vec<_>>()
                .join(" ")
        };
        let all: BTreeSet<usize> = (0..9).collect();
        let parts = files.split(&all);
        assert_eq!(
            shown(&parts),
            "a.py::A(3/3) a.py::f(2/3) a.py::g(0/3) b.py::B::x(0/2) b.py::B::y(0/2) c.py(1/1)"
        );
        assert_eq!(
            shown(&parts.split(&BTreeSet::from([0]))),
            "a.py::A::x(0/5) a.py::A::y[1](0/5) a.py::A::y[2](0/5) a.py::f(2/5) a.py::g(0/5) b.py::B::x(0/2) b.py::B::y(0/2) c.py(1/1)"
        );
        let tests = |inventory: &Inventory| inventory.split(&all).split(&all).split(&all).suites.len();
        assert_eq!((tests(&files), tests(&parts)), (9, 9));
        assert_eq!(files.split(&BTreeSet::new()), files);
    }
}
