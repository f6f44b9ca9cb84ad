//! What suites that were never seen take from their neighbours in the directory tree.

use std::cell::RefCell;
use std::collections::BTreeMap;

/// How many relatives the parent directory's value is worth.
const PARENT: u64 = 2;

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Quantile {
    Median,
    Upper,
}

/// The known values of a tier by id.
pub(super) struct Tree<'a> {
    /// Sorted by id, so that a directory is a range.
    values: Vec<(&'a str, Option<u64>)>,
    memo: RefCell<BTreeMap<(usize, usize, Quantile), Option<(u64, u64)>>>,
}

impl<'a> Tree<'a> {
    /// `values` are sorted by id; `None` is a suite without a value.
    pub(super) fn new(values: impl Iterator<Item = (&'a str, Option<u64>)>) -> Tree<'a> {
        Tree { values: values.collect(), memo: RefCell::default() }
    }

    /// The median over the nearest relatives of `id`: its file, its directory, the parent, and so
    /// on to the whole tree. While a directory holds few values it leans on its parent. `None`
    /// where nobody has a value.
    pub(super) fn median(&self, id: &str) -> Option<u64> {
        self.quantile(id, Quantile::Median)
    }

    /// The same for the upper quartile, rounded up: of two relatives the larger.
    pub(super) fn upper_quartile(&self, id: &str) -> Option<u64> {
        self.quantile(id, Quantile::Upper)
    }

    fn quantile(&self, id: &str, quantile: Quantile) -> Option<u64> {
        let levels = id
            .bytes()
            .enumerate()
            .filter(|(at, byte)| *byte == b'/' || id.as_bytes()[*at..].starts_with(b"::"));
        let ends = levels.map(|(at, byte)| at + if byte == b'/' { 1 } else { 2 });
        let mut value = None;
        for end in std::iter::once(0).chain(ends) {
            value = match (value, self.within(&id[..end], quantile)) {
                (Some(parent), Some((own, count))) => Some(lean(own, count, parent)),
                (parent, None) => parent,
                (None, Some((own, _))) => Some(own),
            };
        }
        value
    }

    /// The quantile of one directory alone, and how many values it rests on.
    fn within(&self, prefix: &str, quantile: Quantile) -> Option<(u64, u64)> {
        let first = self.values.partition_point(|(id, _)| *id < prefix);
        // A directory is named by where it begins and how long its name is.
        let key = (first, prefix.len(), quantile);
        *self.memo.borrow_mut().entry(key).or_insert_with(|| {
            let inside = self.values[first..].partition_point(|(id, _)| id.starts_with(prefix));
            let range = &self.values[first..first + inside];
            let mut known: Vec<u64> = range.iter().filter_map(|(_, value)| *value).collect();
            known.sort_unstable();
            let last = known.len().checked_sub(1)?;
            let value = match quantile {
                Quantile::Median => known[last / 2].midpoint(known[last.div_ceil(2)]),
                Quantile::Upper => known[(last * 3).div_ceil(4)],
            };
            Some((value, known.len() as u64))
        })
    }
}

/// `own`, which rests on `count` values, drawn towards `parent`.
fn lean(own: u64, count: u64, parent: u64) -> u64 {
    let sum = u128::from(own) * u128::from(count) + u128::from(parent) * u128::from(PARENT);
    u64::try_from(sum.div_ceil(u128::from(count + PARENT))).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(values: &[(&str, Option<u64>)], id: &str, expect: Option<u64>) {
        assert_eq!(Tree::new(values.iter().copied()).median(id), expect, "{id}");
    }

    #[test]
    fn near_relatives_outweigh_far_ones() {
        let values = [
            ("a/1", Some(10)),
            ("a/2", Some(10)),
            ("a/3", None),
            ("b/1", Some(90)),
            ("b/c/1", Some(90)),
            ("b/d", None),
        ];
        check(&values, "a/3", Some(30));
        check(&values, "z", Some(50));
        check(&values, "b/d", Some(70));
        check(&values, "b/c/new", Some(77));
        check(&[("a", None)], "a", None);
        check(&[("ä/\u{202e}", None), ("ä/b", Some(3))], "ä/\u{202e}", Some(3));
        check(&[("a.py::x", Some(8)), ("a.py::y", None), ("b.py::x", Some(2))], "a.py::y", Some(6));
        let pair = [("a/1", Some(1)), ("a/2", Some(900)), ("a/3", None)];
        assert_eq!(Tree::new(pair.into_iter()).upper_quartile("a/3"), Some(900), "the larger of two");
    }

    #[test]
    fn outliers_do_not_move_the_median() {
        let values = [("a/1", Some(1)), ("a/2", Some(2)), ("a/3", Some(1_000_000)), ("a/4", None)];
        check(&values, "a/4", Some(2));
    }
}
