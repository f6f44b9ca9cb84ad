//! What a run that is over consisted of: its reports as an inventory.

use std::collections::BTreeSet;

use super::names::{Index, find, node_id};
use super::{Place, Report};
use crate::config::{Granularity, NameMap, Patterns};
use crate::inventory::{Collector, Inventory, coarsen};

/// The suites that ran: the files, classes or packages that the reports name, or what `unit` makes of
/// their cases; each with its tests. Only cases with a usable time count.
#[must_use]
pub fn inventory(reports: &[Report], unit: Granularity) -> Inventory {
    let places: BTreeSet<&Place> =
        reports.iter().flat_map(|report| report.cases.iter().map(|case| &*case.place)).collect();
    let files = listed(places.iter().map(|place| place.name()));
    let none = NameMap::default();
    let index = Index::new(&files, &none);
    let (found, _) = find(&index, &places);
    let mut ran: BTreeSet<(String, Option<String>)> = BTreeSet::new();
    for case in reports.iter().flat_map(|report| &report.cases) {
        let Some(hit) = found.get(&*case.place) else { continue };
        let test = node_id(hit, &case.name);
        let suite = match unit {
            Granularity::File => hit.path,
            // Only what has a file is a node id.
            _ if case.place.file.is_none() => hit.path,
            _ => coarsen(&test, unit),
        };
        let inside = (test.len() > suite.len()).then(|| test.clone());
        ran.insert((suite.to_owned(), inside));
    }
    let mut inventory = listed(ran.iter().map(|(suite, _)| suite.as_str()));
    for suite in &mut inventory.suites {
        let id = suite.id.as_str();
        let mine = ran.range((id.to_owned(), None)..).take_while(|(other, _)| other == id);
        suite.tests = mine.filter_map(|(_, test)| test.as_deref().map(Box::from)).collect();
    }
    inventory
}

/// Suites by name, without tests. Without a name there is no suite.
pub(crate) fn listed<'a>(names: impl Iterator<Item = &'a str>) -> Inventory {
    let mut collector = Collector::new(None, NameMap::default());
    names.filter(|name| !name.is_empty()).for_each(|name| collector.file(name));
    collector.finish(&Patterns::default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::collect;

    #[track_caller]
    fn check(unit: Granularity, texts: &[&str], expect: &[&str]) {
        let reports: Vec<Report> = (texts.iter())
            .map(|text| {
                let mut collector = collect::Collector::default();
                crate::report::read_any(None, text.as_bytes(), &mut collector).unwrap();
                collector.finish()
            })
            .collect();
        let found = inventory(&reports, unit);
        let shown: Vec<String> =
            found.suites.iter().map(|suite| format!("{} {}", suite.id, suite.tests.len())).collect();
        assert_eq!(shown, expect, "{texts:?}");
    }

    #[test]
    fn what_ran_is_listed_at_every_granularity() {
        let durations = r#"{"t/a.py::X::x[1]": 1, "t/a.py::X::x[2]": 1, "t/a.py::y": 1, "t/b.py::z": 2}"#;
        check(Granularity::File, &[durations], &["t/a.py 3", "t/b.py 1"]);
        check(Granularity::Class, &[durations], &["t/a.py::X 2", "t/a.py::y 0", "t/b.py::z 0"]);
        check(
            Granularity::Test,
            &[durations],
            &["t/a.py::X::x[1] 0", "t/a.py::X::x[2] 0", "t/a.py::y 0", "t/b.py::z 0"],
        );
        let junit = r#"<testsuite><testcase classname="t.a.X" name="x" time="1"/><testcase classname="t.b" name="y" time="1"><skipped/></testcase></testsuite>"#;
        check(Granularity::File, &[junit], &["t.a.X 1"]);
        check(Granularity::Test, &[junit], &["t.a.X 1"]);
        check(Granularity::File, &[durations, durations], &["t/a.py 3", "t/b.py 1"]);
        check(Granularity::File, &[], &[]);
    }
}
