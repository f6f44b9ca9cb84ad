//! Which suite a name in a report means.
//!
//! Reports name what ran from another folder, with other separators, or as a class with dots. Names
//! meet the inventory in passes, from certain to likely: exactly; normalised; as a dotted class;
//! under a prefix that many names share; by a suffix that only one suite has.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::{BuildHasherDefault, DefaultHasher};

use super::Place;
use super::spelling::{bare, normalise, spellings, stem};
use crate::config::NameMap;
use crate::inventory::{Inventory, NodeId};

/// Hashing with fixed keys: the same on every run.
pub(super) type Map<K, V> = HashMap<K, V, Fixed>;

/// See [`Map`].
pub(super) type Fixed = BuildHasherDefault<DefaultHasher>;

/// The inventory by its names.
pub struct Index<'a> {
    pub(super) inventory: &'a Inventory,
    map: &'a NameMap,
    /// Ids of suites.
    ids: Map<&'a str, u32>,
    /// Ids of the tests that suites hold.
    tests: Map<&'a str, u32>,
    /// Paths, with the range of their suites.
    paths: Map<&'a str, (u32, u32)>,
    /// Paths by their last component.
    basenames: Map<&'a str, Vec<&'a str>>,
    /// Paths that are written in another way than the normalised one, by that.
    normal: Map<String, &'a str>,
    /// Paths as dotted modules. `None`: several paths make the same module.
    modules: Map<String, Option<&'a str>>,
    /// Modules with their paths by the last component.
    stems: Map<&'a str, Vec<(String, &'a str)>>,
}

impl<'a> Index<'a> {
    /// Indexes an inventory. `map` is applied to every name of a report.
    #[must_use]
    pub fn new(inventory: &'a Inventory, map: &'a NameMap) -> Index<'a> {
        let mut index = Index {
            inventory,
            map,
            ids: Map::default(),
            tests: Map::default(),
            paths: Map::default(),
            basenames: Map::default(),
            normal: Map::default(),
            modules: Map::default(),
            stems: Map::default(),
        };
        for (number, suite) in inventory.suites.iter().enumerate() {
            let number = number as u32;
            index.ids.insert(suite.id.as_str(), number);
            index.tests.extend(suite.tests.iter().map(|test| (&**test, number)));
            let path = suite.id.path();
            let range = index.paths.entry(path).or_insert((number, number));
            range.1 = number + 1;
            if range.0 == number {
                let basename = path.rsplit('/').next().unwrap_or(path);
                index.basenames.entry(basename).or_default().push(path);
                let normal = normalise(path);
                let module = match normal.rsplit_once('/') {
                    Some((folder, base)) => format!("{}.{}", folder.replace('/', "."), stem(base)),
                    None => stem(&normal).to_owned(),
                };
                let unique = index.modules.entry(module.clone()).or_insert(Some(path));
                *unique = unique.filter(|first| *first == path);
                index.stems.entry(stem(basename)).or_default().push((module, path));
                if normal != path {
                    index.normal.insert(normal, path);
                }
            }
        }
        index
    }

    /// The paths whose last component this is.
    pub(super) fn named(&self, basename: &str) -> &[&'a str] {
        self.basenames.get(basename).map_or(&[], Vec::as_slice)
    }

    /// The path of the inventory that `name` is, exactly or normalised, with a line behind it or without.
    fn exact(&self, name: &str) -> Option<&'a str> {
        let known = |name: &str| {
            let path = self.paths.get_key_value(name).map(|(path, _)| *path);
            path.or_else(|| self.normal.get(name).copied())
        };
        spellings(name).find_map(|name| {
            known(name).or_else(|| {
                let normal = normalise(name);
                known(&self.map.apply(&normal)).or_else(|| known(&normal))
            })
        })
    }

    /// The only path that ends as `name` does, or as which `name` ends, with a line behind it or without.
    fn suffix(&self, name: &str) -> Option<&'a str> {
        spellings(name).find_map(|name| self.suffix_of(name))
    }

    fn suffix_of(&self, name: &str) -> Option<&'a str> {
        let name = normalise(name);
        let basename = name.rsplit('/').next()?;
        let candidates = self.basenames.get(basename)?;
        let ends = |long: &str, short: &str| {
            long.strip_suffix(short).is_some_and(|head| head.is_empty() || head.ends_with('/'))
        };
        only(candidates.iter().copied().filter(|path| ends(path, &name) || ends(&name, path)))
    }

    /// The path that a dotted class name lies in, and its classes. `exactly`: from the root; else
    /// the only path that ends so.
    fn dotted(&self, classname: &str, exactly: bool) -> Option<(&'a str, String)> {
        let outer = classname.split('$').next().unwrap_or(classname);
        let mut head = outer;
        loop {
            let last = head.rsplit('.').next()?;
            let ends = |long: &str, short: &str| {
                long.strip_suffix(short).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
            };
            let path = if exactly {
                self.modules.get(head).copied().flatten()
            } else {
                let candidates = self.stems.get(last).map_or(&[][..], Vec::as_slice).iter();
                let fits = |(module, _): &&(String, &str)| ends(module, head) || ends(head, module);
                only(candidates.filter(fits).map(|(_, path)| *path))
            };
            if let Some(path) = path {
                let classes = outer[head.len()..].trim_start_matches('.').replace('.', "::");
                return Some((path, classes));
            }
            // Only what looks like a class may be cut off: `tests.gone` must not end up in a
            // `tests.py`.
            let class = exactly || last.starts_with(|c: char| c.is_uppercase());
            head = head.rsplit_once('.').filter(|_| class)?.0;
        }
    }
}

fn only<T>(mut items: impl Iterator<Item = T>) -> Option<T> {
    let first = items.next()?;
    items.next().is_none().then_some(first)
}

/// Where a place lies in the inventory: a path, and the classes behind it.
#[derive(Clone)]
pub(super) struct Found<'a> {
    pub(super) path: &'a str,
    pub(super) classes: String,
}

/// Finds every place. Equal places have equal answers whatever stands around them, so the order of
/// reports decides nothing.
pub(super) fn find<'a>(
    index: &Index<'a>,
    places: &BTreeSet<&Place>,
) -> (Map<Place, Found<'a>>, Option<NameMap>) {
    let mut found: Map<Place, Found<'a>> = Map::default();
    let mut open = Vec::new();
    for place in places {
        match find_exactly(index, place) {
            Some(hit) => {
                found.insert((*place).clone(), hit);
            }
            None => open.push(*place),
        }
    }
    let taken = |of: fn(&Place) -> bool| -> BTreeSet<&str> {
        found.iter().filter(|(place, _)| of(place)).map(|(_, hit)| hit.path).collect()
    };
    // A file that is known by its path may well be a class elsewhere, but no second path, and no second class.
    let (taken, taken_by_classes) = (taken(|_| true), taken(|place| place.file.is_none()));
    let guesses: Vec<Option<Found<'a>>> = open.iter().map(|place| find_by_suffix(index, place)).collect();
    let prefix = shared_prefix(&open, &guesses);
    let mut late: BTreeMap<&str, Vec<(&Place, Found<'a>)>> = BTreeMap::new();
    for (place, guess) in open.into_iter().zip(guesses) {
        let moved = prefix.as_ref().and_then(|prefix| {
            let name = normalise(place.file.as_deref()?);
            let name = name.strip_prefix(&prefix.strip)?;
            index.exact(&format!("{}{name}", prefix.add))
        });
        let rivals = if place.file.is_some() { &taken } else { &taken_by_classes };
        if let Some(path) = moved {
            found.insert(place.clone(), Found { path, classes: classes_of(place, path) });
        } else if let Some(guess) = guess.filter(|guess| !rivals.contains(guess.path)) {
            late.entry(guess.path).or_default().push((place, guess));
        }
    }
    for (_, claims) in late {
        // Two different files of the reports that end alike cannot both be this one.
        let names: BTreeSet<&str> = claims.iter().map(|(place, hit)| module_of(place, hit)).collect();
        if names.len() == 1 {
            found.extend(claims.into_iter().map(|(place, hit)| (place.clone(), hit)));
        }
    }
    (found, prefix)
}

fn find_exactly<'a>(index: &Index<'a>, place: &Place) -> Option<Found<'a>> {
    if let Some(path) = place.file.as_deref().and_then(|file| index.exact(file)) {
        return Some(Found { path, classes: classes_of(place, path) });
    }
    let class = place.classname.as_deref().and_then(|class| index.exact(class));
    if let Some(path) = class {
        return Some(Found { path, classes: String::new() });
    }
    // A file that is named but not known is not to be overruled by the other names.
    if place.file.is_some() {
        return None;
    }
    if let Some((path, classes)) = place.classname.as_deref().and_then(|class| index.dotted(class, true)) {
        return Some(Found { path, classes });
    }
    let path = place.suite.as_deref().and_then(|suite| index.exact(suite))?;
    Some(Found { path, classes: String::new() })
}

fn find_by_suffix<'a>(index: &Index<'a>, place: &Place) -> Option<Found<'a>> {
    if let Some(file) = place.file.as_deref() {
        let path = index.suffix(file)?;
        return Some(Found { path, classes: classes_of(place, path) });
    }
    if let Some((path, classes)) = place.classname.as_deref().and_then(|class| index.dotted(class, false)) {
        return Some(Found { path, classes });
    }
    let paths =
        [&place.classname, &place.suite].into_iter().flatten().filter(|name| name.contains(['/', '\\', '.']));
    let path = paths.into_iter().find_map(|name| index.suffix(name))?;
    Some(Found { path, classes: String::new() })
}

/// Places that met nothing, and where they lie now if their file was moved. Its last component must be the only one
/// of that name on both sides, so that one `tests.py` of many is never taken for another, and nothing else may be
/// known of the file that it is now.
pub(super) fn moved<'a>(
    index: &Index<'a>,
    places: &BTreeSet<&Place>,
    found: &Map<Place, Found<'a>>,
) -> Vec<(Place, Found<'a>)> {
    let taken: BTreeSet<&str> = found.values().map(|hit| hit.path).collect();
    let mut files: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for file in places.iter().filter_map(|place| place.file.as_deref()) {
        let file = normalise(file);
        files.entry(basename(&file).to_owned()).or_default().insert(file);
    }
    let now = |place: &&Place| {
        let file = normalise(place.file.as_deref()?);
        let base = basename(&file);
        let alone = base.contains('.') && files.get(base).is_some_and(|files| files.len() == 1);
        let path = only(index.named(base).iter().copied()).filter(|path| alone && !taken.contains(path))?;
        Some(((*place).clone(), Found { path, classes: classes_of(place, path) }))
    };
    places.iter().filter(|place| !found.contains_key(**place)).filter_map(now).collect()
}

fn basename(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// What the report itself calls the file: a class name without its classes, where no file is named.
fn module_of<'a>(place: &'a Place, hit: &Found<'_>) -> &'a str {
    let Some(classname) = place.classname.as_deref().filter(|_| place.file.is_none()) else {
        return bare(place.name(), hit.path);
    };
    let classname = bare(classname, hit.path);
    let outer = classname.split('$').next().unwrap_or(classname);
    let classes = if hit.classes.is_empty() { 0 } else { hit.classes.split("::").count() };
    outer.rsplitn(classes + 1, '.').last().unwrap_or(outer)
}

/// The classes that a class name holds behind the module of `path`.
pub(super) fn classes_of(place: &Place, path: &str) -> String {
    let Some(classname) = place.classname.as_deref() else { return String::new() };
    let stem = stem(path.rsplit('/').next().unwrap_or(path));
    let parts: Vec<&str> = classname.split('.').collect();
    let module = parts.iter().rposition(|part| *part == stem);
    module.map_or_else(String::new, |module| parts[module + 1..].join("::"))
}

/// The change of prefix that most of the guesses by suffix agree on; at least two, and at least
/// half of them.
fn shared_prefix(open: &[&Place], guesses: &[Option<Found<'_>>]) -> Option<NameMap> {
    let mut votes: BTreeMap<(String, String), usize> = BTreeMap::new();
    let mut voters = 0;
    for (place, guess) in open.iter().zip(guesses) {
        let (Some(file), Some(guess)) = (place.file.as_deref(), guess) else { continue };
        let name = normalise(bare(file, guess.path));
        let (strip, add) = match name.strip_suffix(guess.path) {
            Some(strip) => (strip, ""),
            None => ("", guess.path.strip_suffix(name.as_str()).unwrap_or_default()),
        };
        voters += 1;
        *votes.entry((strip.to_owned(), add.to_owned())).or_default() += 1;
    }
    let ((strip, add), most) = votes.into_iter().max_by(|(a, x), (b, y)| x.cmp(y).then_with(|| b.cmp(a)))?;
    (most >= 2 && most * 2 >= voters).then_some(NameMap { strip, add })
}

/// Where a case lies.
pub(super) enum Located {
    /// In a suite. `listed`: the inventory knows the test, or lists no tests.
    Suite { suite: u32, listed: bool },
    /// The file as a whole, where suites are finer.
    Whole((u32, u32)),
    /// In a known file, but in none of its suites: not there any more.
    Gone,
}

/// The id of a case: path, classes, name.
pub(super) fn node_id(hit: &Found<'_>, name: &str) -> String {
    let separator = |text: &str| if text.is_empty() { "" } else { "::" };
    format!("{}{}{}{}{}", hit.path, separator(&hit.classes), hit.classes, separator(name), name)
}

pub(super) fn locate(index: &Index<'_>, hit: &Found<'_>, name: &str) -> Located {
    let id = node_id(hit, name);
    if let Some(suite) = index.tests.get(id.as_str()) {
        return Located::Suite { suite: *suite, listed: true };
    }
    match NodeId::within(&id, hit.path.len()).containers().find_map(|id| index.ids.get(id)) {
        Some(suite) => {
            let listed = index.inventory.suites[*suite as usize].tests.is_empty() || name.is_empty();
            Located::Suite { suite: *suite, listed }
        }
        None if name.is_empty() => Located::Whole(index.paths[hit.path]),
        None => Located::Gone,
    }
}
