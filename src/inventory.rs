//! Which suites exist and must run: listings of every kind to one [`Inventory`].
//!
//! Readers take the bytes of a listing, never a path to open. What they cannot use is an error:
//! a suite that is silently lost is a test that never runs again.

mod lines;
mod node;
mod pytest;
mod report;
mod split;

use std::collections::BTreeMap;
use std::fmt;

use crate::config::{Granularity, ListFormat, NameMap, Patterns};
use crate::model::SuiteId;
use crate::report::Format;
use crate::text::{count, examples, printable};

pub use node::{NodeId, coarsen};
pub use report::recognise as report_format;

/// Longest listing that is read, in bytes.
pub const SIZE_MAX: u64 = 1 << 30;
/// Longest id in bytes: longer ones do not fit a command line anyway.
const ID_MAX: usize = 64 << 10;

/// What is wrong with a listing.
#[derive(Debug, PartialEq, Eq)]
pub struct ListingError {
    /// From 1; `None` where the whole listing is meant.
    pub line: Option<usize>,
    /// Lower case, no final dot.
    pub message: String,
    /// What to do.
    pub help: String,
}

impl ListingError {
    fn new(line: Option<usize>, message: impl Into<String>, help: impl Into<String>) -> ListingError {
        ListingError { line, message: message.into(), help: help.into() }
    }
}

impl fmt::Display for ListingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(line) = self.line {
            write!(f, "{line}: ")?;
        }
        write!(f, "{}", self.message)?;
        if self.help.is_empty() { Ok(()) } else { write!(f, "\n  help: {}", self.help) }
    }
}

impl std::error::Error for ListingError {}

/// One suite of the inventory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Suite {
    /// What the runner is told to run.
    pub id: SuiteId,
    /// The tests that it holds now, where the listing named them; sorted.
    pub tests: Vec<Box<str>>,
    /// How many equal parts of its file it is: divides what is assumed of a whole file.
    pub siblings: u32,
}

/// The suites that exist now and must run, each exactly once, sorted by id.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Inventory {
    /// Sorted by id, each id once.
    pub suites: Vec<Suite>,
}

impl Inventory {
    /// Sorts the suites and counts those of each file.
    fn new(mut suites: Vec<Suite>) -> Inventory {
        suites.sort_by(|a, b| a.id.cmp(&b.id));
        // Suites of one file stand together, since ids are sorted and share its path.
        for file in suites.chunk_by_mut(|a, b| a.id.path() == b.id.path()) {
            let siblings = u32::try_from(file.len()).unwrap_or(u32::MAX);
            file.iter_mut().for_each(|suite| suite.siblings = siblings);
        }
        Inventory { suites }
    }
}

/// Collects listings into an inventory.
#[derive(Debug, Default)]
pub struct Collector {
    granularity: Option<Granularity>,
    map: NameMap,
    found: BTreeMap<SuiteId, Found>,
    notes: Vec<String>,
}

#[derive(Debug)]
struct Found {
    place: String,
    tests: Vec<Box<str>>,
    /// Found on disk: a list may name it too, and globs overlap.
    walked: bool,
}

impl Collector {
    /// Nothing found yet. Listed ids are mapped; walked files are not, since they exist as they
    /// are.
    #[must_use]
    pub fn new(granularity: Option<Granularity>, map: NameMap) -> Collector {
        Collector { granularity, map, found: BTreeMap::new(), notes: Vec::new() }
    }

    /// Adds to what the user should know.
    pub fn note(&mut self, note: String) {
        self.notes.push(note);
    }

    /// What the user should know of the listings.
    pub fn take_notes(&mut self) -> Vec<String> {
        std::mem::take(&mut self.notes)
    }

    /// Adds a file that a glob or an argument named.
    pub fn file(&mut self, id: &str) {
        let found = Found { place: "a glob".to_owned(), tests: Vec::new(), walked: true };
        self.found.entry(SuiteId::new(id)).or_insert(found);
    }

    /// Adds what a listing holds. `origin` names it in messages.
    ///
    /// # Errors
    /// A listing that is not in the format, reports errors of its own, or names a suite twice.
    pub fn listing(
        &mut self,
        origin: &str,
        bytes: &[u8],
        format: Option<ListFormat>,
    ) -> Result<(), ListingError> {
        let format = format.or_else(|| report::recognise(bytes).map(ListFormat::Report));
        if let Some(ListFormat::Report(format)) = format {
            return self.report(origin, format, bytes);
        }
        if bytes.contains(&0) && !lines::is_utf16(bytes) && format != Some(ListFormat::Pytest) {
            for (number, id) in lines::null_separated(bytes)?.into_iter().enumerate() {
                self.id(origin, number + 1, &id, self.granularity)?;
            }
            return Ok(());
        }
        let text = lines::decode(bytes)?;
        match format.unwrap_or_else(|| recognise(&text)) {
            ListFormat::Lines | ListFormat::Report(_) => {
                for (number, id) in lines::ids(&text)? {
                    self.id(origin, number, id, self.granularity)?;
                }
            }
            ListFormat::Pytest => {
                let granularity = self.granularity.unwrap_or(Granularity::File);
                for (number, id) in pytest::ids(&text, granularity)? {
                    self.id(origin, number, id, Some(granularity))?;
                }
            }
        }
        Ok(())
    }

    /// Adds what a report holds: in several reports a suite may stand again.
    fn report(&mut self, origin: &str, format: Format, bytes: &[u8]) -> Result<(), ListingError> {
        let finer = self.granularity.is_some_and(|granularity| granularity != Granularity::File);
        if finer && !format.has_node_ids() {
            let message = format!("{} names nothing finer than files, classes or packages", format.name());
            return Err(ListingError::new(None, message, "leave the granularity out for it"));
        }
        let listing = report::list(format, bytes)?;
        if let Some((times, first)) = listing.passed_over {
            let places = count(times, "odd place");
            let note = format!("{origin}: {places} passed over, such as {first}; `shard inspect` names them");
            self.notes.push(note);
        }
        let granularity = format.has_node_ids().then(|| self.granularity.unwrap_or(Granularity::File));
        for name in &listing.ids {
            let name = self.map.apply(name);
            let id = granularity.map_or(name.as_str(), |granularity| coarsen(&name, granularity));
            let test = (id.len() < name.len()).then(|| Box::from(name.as_str()));
            let found = self.found.entry(SuiteId::new(id)).or_insert_with(|| Found {
                place: origin.to_owned(),
                tests: Vec::new(),
                walked: false,
            });
            found.tests.extend(test);
        }
        Ok(())
    }

    fn id(
        &mut self,
        origin: &str,
        line: usize,
        name: &str,
        granularity: Option<Granularity>,
    ) -> Result<(), ListingError> {
        if name.len() > ID_MAX {
            let message = format!("an id of {} bytes, more than {ID_MAX}", name.len());
            return Err(ListingError::new(Some(line), message, "is this really a list of suites?"));
        }
        let name = self.map.apply(name);
        let id = granularity.map_or(name.as_str(), |granularity| coarsen(&name, granularity));
        let twin = match id.strip_prefix("./") {
            Some(bare) => self.found.get(bare),
            None => self.found.get(format!("./{id}").as_str()),
        };
        if let Some(found) = twin {
            let message = format!("suite `{}` is listed already, at {}", printable(id), found.place);
            let help = "with and without `./` it is one suite: remove one";
            return Err(ListingError::new(Some(line), message, help));
        }
        let test = (id.len() < name.len()).then(|| Box::from(name.as_str()));
        match self.found.get_mut(id) {
            // Many tests share a file; nothing else may be there twice.
            Some(found) if found.walked || (test.is_some() && !found.tests.is_empty()) => {
                // The next mention in a list is the second one there.
                (found.walked, found.place) = (false, format!("{origin}:{line}"));
                found.tests.extend(test);
            }
            Some(found) => {
                let message = format!("suite `{}` is listed twice, first at {}", printable(id), found.place);
                return Err(ListingError::new(
                    Some(line),
                    message,
                    "remove one: every suite runs exactly once",
                ));
            }
            None => {
                let place = format!("{origin}:{line}");
                let tests = test.into_iter().collect();
                self.found.insert(SuiteId::new(id), Found { place, tests, walked: false });
            }
        }
        Ok(())
    }

    /// What was found, without the excluded.
    #[must_use]
    pub fn finish(self, exclude: &Patterns) -> Inventory {
        let suites =
            (self.found.into_iter()).filter(|(id, _)| !exclude.matches(id)).map(|(id, mut found)| {
                found.tests.sort();
                found.tests.dedup();
                Suite { id, tests: found.tests, siblings: 1 }
            });
        Inventory::new(suites.collect())
    }
}

/// What a listing looks like. Anything that is not clearly something else is a plain list.
fn recognise(text: &str) -> ListFormat {
    if pytest::looks_like(text) { ListFormat::Pytest } else { ListFormat::Lines }
}

/// Suites by tier: the index of the first tier whose patterns match, in the inventory's order.
///
/// # Errors
/// The suites that no tier takes.
pub fn assign(inventory: &Inventory, tiers: &[crate::config::Tier]) -> Result<Vec<usize>, ListingError> {
    let mut lost = Vec::new();
    let mut assigned = Vec::with_capacity(inventory.suites.len());
    for suite in &inventory.suites {
        match tiers.iter().position(|tier| tier.matches.matches(&suite.id)) {
            Some(tier) => assigned.push(tier),
            None => lost.push(suite.id.as_str()),
        }
    }
    if lost.is_empty() {
        return Ok(assigned);
    }
    let message = format!(
        "{} in no tier: {}",
        match lost.len() {
            1 => "1 suite is".to_owned(),
            n => format!("{} are", count(n, "suite")),
        },
        examples(lost.iter().copied(), 3)
    );
    Err(ListingError::new(None, message, "add a last tier that takes the rest: match = [\"**\"]"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn collect(text: &[u8], granularity: Option<Granularity>) -> Result<String, String> {
        let mut collector = Collector::new(granularity, NameMap::default());
        collector.listing("list", text, None).map_err(|err| err.to_string())?;
        let ids: Vec<String> = (collector.finish(&Patterns::default()).suites.iter())
            .map(|suite| match suite.tests.len() {
                0 => suite.id.to_string(),
                tests => format!("{}({tests})", suite.id),
            })
            .collect();
        Ok(ids.join(" "))
    }

    #[test]
    fn lists_of_every_make_are_read() {
        let check = |text: &[u8], expect: &str| assert_eq!(collect(text, None).as_deref(), Ok(expect));
        check(b"b.py\na.py\n", "a.py b.py");
        check(b"\xef\xbb\xbf# all of them\r\n\r\n  a.py  \r\nb.py", "a.py b.py");
        check(b"a.py\0b c.py\0", "a.py b c.py");
        check(b"a\nb.py\0# no comment.py", "# no comment.py a\\u{a}b.py");
        check(b"\xff\xfea\0.\0p\0y\0\n\0b\0.\0p\0y\0", "a.py b.py");
        check(b"a.py::TestX::test_y[1::2]\n", "a.py::TestX::test_y[1::2]");
        check(b"", "");
    }

    #[test]
    fn any_report_lists_what_it_holds() {
        let check = |text: &[u8], expect: &str| assert_eq!(collect(text, None).as_deref(), Ok(expect));
        check(br#"{"a.py::x": 1, "b.py::y": 2, "a.py::z": 1}"#, "a.py(2) b.py(1)");
        check(b"<testsuite><testcase file='a.rb' name='x'/><testcase file='a.rb' name='y'><skipped/></testcase></testsuite>", "a.rb");
        check(br#"["src/a.test.js", "src/b.test.js"]"#, "src/a.test.js src/b.test.js");
        check(b"{\"Action\":\"pass\",\"Package\":\"x/y\",\"Test\":\"TestA\",\"Elapsed\":1}\n", "x/y");
        let times = br#"{"a.py::A::x": 1, "a.py::A::y": 2}"#;
        assert_eq!(collect(times, Some(Granularity::Test)).unwrap(), "a.py::A::x a.py::A::y");
    }

    #[test]
    fn granularity_makes_suites_of_tests() {
        let text = b"a.py::TestX::test_y[1::2]\na.py::TestX::test_z\na.py::test_f[1]\na.py::test_f[2]\nb.py::test_g\n";
        assert_eq!(collect(text, Some(Granularity::File)).unwrap(), "a.py(4) b.py(1)");
        assert_eq!(
            collect(text, Some(Granularity::Class)).unwrap(),
            "a.py::TestX(2) a.py::test_f(2) b.py::test_g"
        );
        assert_eq!(
            collect(text, Some(Granularity::Test)).unwrap(),
            "a.py::TestX::test_y[1::2] a.py::TestX::test_z a.py::test_f[1] a.py::test_f[2] b.py::test_g"
        );
    }

    #[test]
    fn mistakes_in_lists_are_errors() {
        let check = |text: &[u8], expect: &str| assert_eq!(collect(text, None).unwrap_err(), expect);
        check(
            b"a.py\n\na.py",
            "3: suite `a.py` is listed twice, first at list:1\n  help: remove one: every suite runs exactly once",
        );
        check(
            b"./a.py\na.py",
            "2: suite `a.py` is listed already, at list:1\n  help: with and without `./` it is one suite: remove one",
        );
        check(b"a.py\nb\xff.py", "2: this is not UTF-8\n  help: save the list as UTF-8");
        check(b"{\"a\": {}}", "1: this is JSON, not a list of suites\n  help: write one id a line");
        check(b"<html/>", "1: this is XML, not a list of suites\n  help: write one id a line");
        check(
            b"<testsuite>",
            "the junit-xml cannot be read: 1: not well-formed XML: the file ends inside 1 open elements",
        );
        check(
            b"<testsuite><testcase name='a'/></testsuite>",
            "`a` names no file, class or suite\n  help: a suite must be named as the test runner names it",
        );
    }

    #[test]
    fn a_suite_without_a_tier_is_an_error() {
        let mut collector = Collector::new(None, NameMap::default());
        collector.listing("list", b"a/1\nb/2\nb/3", None).unwrap();
        let inventory = collector.finish(&Patterns::default());
        let tier = |pattern| crate::config::Tier {
            matches: Patterns::new([pattern]).unwrap(),
            ..Default::default()
        };
        assert_eq!(assign(&inventory, &[tier("b/**"), tier("**")]), Ok(vec![1, 0, 0]));
        assert_eq!(
            assign(&inventory, &[tier("a/**")]).unwrap_err().to_string(),
            "2 suites are in no tier: `b/2`, `b/3`\n  help: add a last tier that takes the rest: match = [\"**\"]"
        );
    }
}
