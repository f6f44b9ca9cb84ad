//! Reports of other tools as lists of what exists.

use std::collections::BTreeSet;

use super::ListingError;
use crate::report::{self, Case, Format, Sink};
use crate::text::printable;

/// The format of a report; `None` for what is a list by itself: plain lines, and what pytest collects.
pub(super) fn recognise(bytes: &[u8]) -> Option<Format> {
    let format = report::recognise(bytes)?;
    // A JSON list of files is read as a report too, since it has no lines.
    let json = bytes.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'[');
    match format {
        Format::FileList => json.then_some(format),
        Format::PytestCollect | Format::OtherXml => None,
        format => Some(format),
    }
}

/// The ids of what a report holds, each once, sorted: node ids where it has some, else its files, classes
/// or packages.
///
/// # Errors
/// What is wrong with the report, and cases without a place.
pub(super) fn ids(format: Format, bytes: &[u8]) -> Result<BTreeSet<String>, ListingError> {
    let mut listed = Listed { node_ids: format.has_node_ids(), ids: BTreeSet::new(), nowhere: None };
    report::read_any(Some(format), bytes, &mut listed)
        .map_err(|err| ListingError::new(None, format!("the {} cannot be read: {err}", format.name()), ""))?;
    match listed.nowhere {
        Some(name) => {
            let message = format!("`{}` names no file, class or suite", printable(&name));
            Err(ListingError::new(None, message, "a suite must be named as the test runner names it"))
        }
        None => Ok(listed.ids),
    }
}

struct Listed {
    node_ids: bool,
    ids: BTreeSet<String>,
    /// A case without a place.
    nowhere: Option<String>,
}

impl Sink for Listed {
    fn case(&mut self, case: &Case<'_>) {
        match case.place.name() {
            "" => drop(self.nowhere.get_or_insert_with(|| case.name.to_owned())),
            place if self.node_ids && !case.name.is_empty() => {
                self.ids.insert(format!("{place}::{}", case.name));
            }
            place if !self.ids.contains(place) => {
                self.ids.insert(place.to_owned());
            }
            _ => {}
        }
    }
}
