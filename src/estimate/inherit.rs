//! What suites that were never seen take from their relatives.

use super::relatives::{Quantile, Step, Tree};
use super::{Figure, MemoryBase, MemoryTerms, STEP, Terms, TimeTerms};
use crate::config::Config;
use crate::inventory::Inventory;
use crate::model::{Basis, Bytes, Percent};

/// What is known of the suites of a tier by their own samples.
pub(super) struct Known<'a> {
    inventory: &'a Inventory,
    times: Tree<'a>,
    /// How many tests the suites have whose times are known.
    tests: Tree<'a>,
    imports: Tree<'a>,
    retained: Tree<'a>,
    transients: Tree<'a>,
}

impl<'a> Known<'a> {
    /// `mine` are the suites of the tier, `all` the terms of every suite.
    pub(super) fn new(inventory: &'a Inventory, mine: &[usize], all: &[Terms]) -> Known<'a> {
        let tree = |value: &dyn Fn(usize) -> Option<u64>| {
            Tree::new(mine.iter().map(|suite| (inventory.suites[*suite].id.as_str(), value(*suite))))
        };
        let timed = |suite: usize| matches!(all[suite].time.terms, TimeTerms::Samples(_));
        let memory = |figure: fn(&Terms) -> &Figure<MemoryTerms>| {
            tree(&|suite| {
                let terms = figure(&all[suite]).terms;
                terms.is_sampled().then(|| terms.value().0)
            })
        };
        Known {
            inventory,
            times: tree(&|suite| timed(suite).then(|| all[suite].time.terms.value().0)),
            tests: tree(&|suite| {
                let count = inventory.suites[suite].tests.len() as u64;
                (timed(suite) && count > 0).then_some(count)
            }),
            imports: memory(|terms| &terms.import),
            retained: memory(|terms| &terms.retained),
            transients: memory(|terms| &terms.transient),
        }
    }

    /// The terms of a suite, with its relatives' where nothing but an assumption was known.
    pub(super) fn inherited(&self, suite: usize, terms: Terms, config: &Config) -> Terms {
        let id = self.inventory.suites[suite].id.as_str();
        let memory =
            |own: Figure<MemoryTerms>, tree: &Tree<'_>| match (own.basis, tree.value(id, Quantile::Upper)) {
                (Basis::Assumed, Some(quartile)) => {
                    let base = MemoryBase::Relatives(Bytes(quartile));
                    let terms =
                        MemoryTerms { base, calibration: Percent(0), margin: config.margin, kept: Bytes(0) };
                    Figure { basis: Basis::Inherited, terms }
                }
                _ => own,
            };
        let mut retained = memory(terms.retained, &self.retained);
        let mut transient = memory(terms.transient, &self.transients);
        // Where it always ran last all that it held is transient, and what it is said to keep is a part of that.
        if let (false, MemoryBase::Bound(held)) = (retained.terms.is_sampled(), transient.terms.base) {
            let held = MemoryTerms { base: MemoryBase::Held(held.value().round_up(STEP)), ..retained.terms };
            if held.value() < retained.terms.value() {
                retained.terms = held;
            }
            transient.terms.kept = retained.terms.value();
        }
        let time = match (terms.time.basis, self.times.value(id, Quantile::Median)) {
            (Basis::Assumed, Some(median)) => {
                let tests = self.inventory.suites[suite].tests.len() as u64;
                let usual = self.tests.value(id, Quantile::Median);
                Figure { basis: Basis::Inherited, terms: TimeTerms::Relatives { median, tests, usual } }
            }
            _ => terms.time,
        };
        Terms { time, import: memory(terms.import, &self.imports), retained, transient, ..terms }
    }

    /// How the relatives' figures came about, for time, import, retained and transient.
    pub(super) fn steps(&self, suite: usize) -> [Vec<Step>; 4] {
        let id = self.inventory.suites[suite].id.as_str();
        let of = |tree: &Tree<'_>, quantile| tree.steps(id, quantile).collect();
        [
            of(&self.times, Quantile::Median),
            of(&self.imports, Quantile::Upper),
            of(&self.retained, Quantile::Upper),
            of(&self.transients, Quantile::Upper),
        ]
    }
}
