//! What suites that were never seen take from their neighbours in the directory tree.

use std::cell::RefCell;
use std::collections::BTreeMap;

/// How many relatives the parent directory's value is worth.
const PARENT: u64 = 2;

/// Which of the relatives' values is taken.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Quantile {
    Median,
    /// The upper quartile, rounded up: of two relatives the larger.
    Upper,
}

/// What one directory, or the file of a part, adds to what is inherited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// The directory is so many bytes of the suite's id; 0: the whole tier.
    pub end: usize,
    /// The quantile of the values that it holds.
    pub own: u64,
    /// How many these are.
    pub count: u64,
    /// That, drawn towards the directory above.
    pub value: u64,
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

    /// The quantile over the nearest relatives of `id`: its file, its directory, the parent, and so
    /// on to the whole tree. While a directory holds few values it leans on its parent. `None`
    /// where nobody has a value.
    pub(super) fn value(&self, id: &str, quantile: Quantile) -> Option<u64> {
        self.steps(id, quantile).last().map(|step| step.value)
    }

    /// How that came about: from the whole tree down to the nearest that knows anything.
    pub(super) fn steps<'s>(&'s self, id: &'s str, quantile: Quantile) -> impl Iterator<Item = Step> + 's {
        let levels = id
            .bytes()
            .enumerate()
            .filter(|(at, byte)| *byte == b'/' || id.as_bytes()[*at..].starts_with(b"::"));
        let ends = levels.map(|(at, byte)| at + if byte == b'/' { 1 } else { 2 });
        let mut above: Option<u64> = None;
        std::iter::once(0).chain(ends).filter_map(move |end| {
            let (own, count) = self.within(&id[..end], quantile)?;
            let value = above.map_or(own, |parent| lean(own, count, parent));
            above = Some(value);
            Some(Step { end, own, count, value })
        })
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
        assert_eq!(Tree::new(values.iter().copied()).value(id, Quantile::Median), expect, "{id}");
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
        assert_eq!(Tree::new(pair.into_iter()).value("a/3", Quantile::Upper), Some(900), "the larger of two");
    }

    #[test]
    fn outliers_do_not_move_the_median() {
        let values = [("a/1", Some(1)), ("a/2", Some(2)), ("a/3", Some(1_000_000)), ("a/4", None)];
        check(&values, "a/4", Some(2));
    }
}
