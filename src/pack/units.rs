//! What is moved as one: suites that must share a shard, and which of those units must not.

use std::collections::BTreeMap;

use super::law::{Item, Law, Need};

/// Rules of one tier, by the indexes of its items.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rules {
    /// Suites that share a shard; no suite in two of these lists.
    pub together: Vec<Vec<usize>>,
    /// Suites no two of which share a shard.
    pub apart: Vec<Vec<usize>>,
    /// Suites that share a shard with no other.
    pub alone: Vec<usize>,
}

/// The units of a tier, by their place in its order.
#[derive(Default)]
pub(super) struct Units {
    /// The items of each unit; empty where every unit is one item.
    parts: Vec<Vec<Item>>,
    /// The lists of suites that stay apart to which each unit belongs, ascending; empty without any.
    apart: Vec<Vec<u32>>,
}

/// The items of each unit: lists that stay together, and every other item by itself, each ascending.
pub(super) fn units(among: &[usize], rules: &Rules) -> Vec<Vec<usize>> {
    let lists = by_item(&rules.together);
    let mut units: Vec<Vec<usize>> = Vec::new();
    let mut unit_of: BTreeMap<u32, usize> = BTreeMap::new();
    for item in among {
        let list = lists.get(item).and_then(|lists| lists.first());
        match list.and_then(|list| unit_of.get(list)) {
            Some(unit) => units[*unit].push(*item),
            None => {
                list.iter().for_each(|list| _ = unit_of.insert(**list, units.len()));
                units.push(vec![*item]);
            }
        }
    }
    units
}

/// The lists in which each item is, ascending.
fn by_item(lists: &[Vec<usize>]) -> BTreeMap<usize, Vec<u32>> {
    let mut of: BTreeMap<usize, Vec<u32>> = BTreeMap::new();
    for (number, list) in lists.iter().enumerate() {
        list.iter().for_each(|item| of.entry(*item).or_default().push(number as u32));
    }
    of
}

/// One item that stands for all of a unit: sums, and the largest transient.
pub(super) fn whole(items: &[Item], unit: &[usize]) -> Item {
    let mut whole = Item::default();
    for item in unit.iter().map(|i| &items[*i]) {
        whole.ms += item.ms;
        whole.import += item.import;
        whole.retained += item.retained;
        whole.transient = whole.transient.max(item.transient);
        whole.cpus = whole.cpus.max(item.cpus);
        whole.exclusive |= item.exclusive;
    }
    whole
}

impl Units {
    pub(super) fn new(items: &[Item], units: &[Vec<usize>], rules: &Rules) -> Units {
        let parts = match units.iter().any(|unit| unit.len() > 1) {
            true => units.iter().map(|unit| unit.iter().map(|i| items[*i]).collect()).collect(),
            false => Vec::new(),
        };
        let lists_of = by_item(&rules.apart);
        let lists = |unit: &Vec<usize>| {
            unit.iter().filter_map(|item| lists_of.get(item)).flatten().copied().collect()
        };
        let apart = if rules.apart.is_empty() { Vec::new() } else { units.iter().map(lists).collect() };
        Units { parts, apart }
    }

    /// Whether every unit is one item that may be beside any other.
    pub(super) fn are_plain(&self) -> bool {
        self.parts.is_empty() && self.apart.is_empty()
    }

    /// Whether some unit is more than one item.
    pub(super) fn are_items(&self) -> bool {
        self.parts.is_empty()
    }

    /// What a shard of these units takes.
    pub(super) fn need(&self, law: &Law, units: impl Iterator<Item = u32>) -> (Need, usize) {
        let items: Vec<Item> = units.flat_map(|unit| &self.parts[unit as usize]).copied().collect();
        let all: Vec<usize> = (0..items.len()).collect();
        (law.need(&items, &all), all.len())
    }

    /// How many units are in a shard with one that they must be apart from.
    pub(super) fn conflicts(&self, units: impl Iterator<Item = u32>) -> u64 {
        if self.apart.is_empty() {
            return 0;
        }
        let mut lists: Vec<u32> = units.flat_map(|unit| &self.apart[unit as usize]).copied().collect();
        let all = lists.len();
        lists.sort_unstable();
        lists.dedup();
        (all - lists.len()) as u64
    }
}
