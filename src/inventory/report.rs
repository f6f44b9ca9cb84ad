//! Reports of other tools as lists of what exists.

use std::collections::BTreeSet;

use super::ListingError;
use crate::report::{self, Case, Format, Sink, Whole};
use crate::text::printable;

/// The format of a report by its beginning; `None` for what is a list by itself (plain lines, and what pytest
/// collects) and for anything else.
#[must_use]
pub fn recognise(bytes: &[u8]) -> Option<Format> {
    let format = report::recognise(bytes)?;
    // A JSON list of files is read as a report too, since it has no lines.
    let json = bytes.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'[');
    match format {
        Format::FileList => json.then_some(format),
        Format::PytestCollect | Format::OtherXml => None,
        format => Some(format),
    }
}

/// What a report lists.
pub(super) struct Listing {
    /// Each once, sorted: node ids where the report has some, else its files, classes or packages.
    pub(super) ids: BTreeSet<String>,
    /// What was passed over: how often, and the first time with its line.
    pub(super) passed_over: Option<(usize, String)>,
}

/// What a report lists.
///
/// # Errors
/// What is wrong with the report, a case without a place, and anything passed over in a mere listing: it could
/// have been a suite.
pub(super) fn list(format: Format, bytes: &[u8]) -> Result<Listing, ListingError> {
    let listing = Listing { ids: BTreeSet::new(), passed_over: None };
    let mut listed = Listed { node_ids: format.has_node_ids(), listing, nowhere: None };
    report::read_any(Some(format), bytes, &mut listed)
        .map_err(|err| ListingError::new(None, format!("the {} cannot be read: {err}", format.name()), ""))?;
    if let Some(name) = listed.nowhere {
        let message = format!("`{}` names no file, class or suite", printable(&name));
        let help = match format {
            Format::CargoTestList => "list with `2>&1`: cargo says there which binary the tests are in",
            _ => "a suite must be named as the test runner names it",
        };
        return Err(ListingError::new(None, message, help));
    }
    match listed.listing.passed_over {
        Some((_, first)) if format.is_listing() => {
            Err(ListingError::new(None, first, "mend the listing first: what it misses would never run"))
        }
        passed_over => Ok(Listing { ids: listed.listing.ids, passed_over }),
    }
}

struct Listed {
    node_ids: bool,
    listing: Listing,
    /// A case without a place.
    nowhere: Option<String>,
}

impl Listed {
    fn add(&mut self, id: &str) {
        if !self.listing.ids.contains(id) {
            self.listing.ids.insert(id.to_owned());
        }
    }
}

impl Sink for Listed {
    fn case(&mut self, case: &Case<'_>) {
        match case.place.name() {
            "" => drop(self.nowhere.get_or_insert_with(|| case.name.to_owned())),
            place if self.node_ids && !case.name.is_empty() => self.add(&format!("{place}::{}", case.name)),
            place => self.add(place),
        }
    }

    /// Packages and files without a case too: they could not be built or loaded, and exist all the same.
    fn whole(&mut self, whole: &Whole<'_>) {
        let place = whole.place.name();
        if whole.exact && !self.node_ids && !place.is_empty() {
            self.add(place);
        }
    }

    fn warn(&mut self, line: Option<u64>, message: &str) {
        let first = || line.map_or_else(String::new, |line| format!("line {line}: ")) + message;
        self.listing.passed_over.get_or_insert_with(|| (0, first())).0 += 1;
    }
}
