//! Files that were moved: the twin of a new file that is not there any more lends it its figures.

use std::collections::{BTreeMap, BTreeSet};

use super::Place;
use super::names::{Found, Index, Located, Map, locate, moved};

/// A twin whose cases took less than one in so many of what cases usually take was most likely skipped: that
/// says nothing of what the file takes now.
const SKIPPED: u64 = 100;

/// What is known of the cases of one place: how many there are, and their time in nanoseconds where any is known.
#[derive(Clone, Copy, Default)]
struct Cases {
    count: u64,
    /// Those that are still there.
    there: u64,
    timed: u64,
    nanos: u64,
}

impl Cases {
    fn mean(&self) -> Option<u64> {
        self.nanos.checked_div(self.timed)
    }
}

/// Adds the places of moved files to `found`, and returns old names with what the files are called now, sorted.
/// `cases` are all that is known: place, name, nanoseconds.
pub(super) fn find_moved<'a, 'p>(
    index: &Index<'a>,
    places: &BTreeSet<&Place>,
    found: &mut Map<Place, Found<'a>>,
    cases: impl Iterator<Item = (&'p Place, &'p str, Option<u64>)>,
) -> Vec<(String, String)> {
    let moved = moved(index, places, found);
    if moved.is_empty() {
        return Vec::new();
    }
    let twins: BTreeMap<&Place, &Found<'a>> = moved.iter().map(|(place, hit)| (place, hit)).collect();
    // Files, by what they are called now.
    let (mut known, mut lent): (BTreeMap<&str, Cases>, BTreeMap<&str, Cases>) = Default::default();
    for (place, name, nanos) in cases {
        let (hit, slot) = match (twins.get(place), found.get(place)) {
            (Some(hit), _) => (*hit, lent.entry(hit.path).or_default()),
            (None, Some(hit)) => (hit, known.entry(hit.path).or_default()),
            (None, None) => continue,
        };
        let there = match locate(index, hit, name) {
            Located::Suite { listed, .. } => listed,
            Located::Whole(_) => true,
            Located::Gone => false,
        };
        slot.count += 1;
        slot.there += u64::from(there);
        slot.timed += u64::from(nanos.is_some());
        slot.nanos = slot.nanos.saturating_add(nanos.unwrap_or(0));
    }
    let mut usual: Vec<u64> = known.values().filter_map(Cases::mean).collect();
    usual.sort_unstable();
    let least = usual.get(usual.len() / 2).map_or(0, |usual| usual / SKIPPED);
    let same = |path: &str| {
        let cases = lent.get(path).copied().unwrap_or_default();
        cases.count > 0 && cases.there * 2 >= cases.count && cases.mean().is_none_or(|mean| mean >= least)
    };
    let kept: Vec<(Place, Found<'a>)> = moved.iter().filter(|(_, hit)| same(hit.path)).cloned().collect();
    let names = kept.iter().map(|(place, hit)| (place.name().to_owned(), hit.path.to_owned()));
    let names: BTreeSet<(String, String)> = names.collect();
    found.extend(kept);
    names.into_iter().collect()
}
