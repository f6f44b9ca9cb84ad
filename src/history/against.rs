//! Why the names of a report meet an inventory, or do not.

use std::collections::{BTreeMap, BTreeSet};

use super::Place;
use super::names::{Found, Index, find};
use super::spelling::bare;
use crate::config::NameMap;
use crate::report::{self, Case, Sink, Whole};

/// The places that a report names, each once.
#[derive(Clone, Debug, Default)]
pub struct Places(BTreeSet<Place>);

impl Places {
    fn add(&mut self, place: report::Place<'_>) {
        let owned = |text: Option<&str>| text.map(Box::from);
        let report::Place { file, classname, suite } = place;
        self.0.insert(Place { file: owned(file), classname: owned(classname), suite: owned(suite) });
    }
}

impl Sink for Places {
    fn case(&mut self, case: &Case<'_>) {
        self.add(case.place);
    }
    fn whole(&mut self, whole: &Whole<'_>) {
        if whole.exact {
            self.add(whole.place);
        }
    }
}

/// How a name met a file of the inventory, or what kept it from that.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Why {
    /// It is the file's own name.
    Same,
    /// Only separators differ: `\`, `//`, `./`.
    Separators,
    /// A class with dots.
    Dots,
    /// Something stands in front, on one side or the other.
    Prefix,
    /// A line stands behind the file.
    Line,
    /// Not met: a file is called so but for upper and lower case.
    Case,
    /// Not met: a file of the same name lies in another folder.
    Moved,
    /// Not met: several files end so.
    Ambiguous,
    /// Not met: no file is called so.
    Gone,
}

impl Why {
    /// In words, after a number of names and a colon.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Why::Same => "as the file is called",
            Why::Separators => "other separators",
            Why::Dots => "a class with dots",
            Why::Prefix => "another beginning",
            Why::Line => "a line behind the file",
            Why::Case => "no file, for upper and lower case",
            Why::Moved => "no file here, but one of that name in another folder",
            Why::Ambiguous => "no file certainly, since several end so",
            Why::Gone => "no file is called so",
        }
    }
}

/// How a report's names meet an inventory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Against {
    /// Files of the inventory.
    pub listed: usize,
    /// Those that the report names.
    pub known: usize,
    /// Those that it does not, sorted.
    pub new: Vec<String>,
    /// Its names that met no file, sorted.
    pub stale: Vec<String>,
    /// How many names met or did not for each reason, and the first of them.
    pub why: BTreeMap<Why, (usize, String)>,
    /// What `[map]` in shard.toml should say, where the names begin in another way and those of the inventory would stay as
    /// they are: `[map]` changes both, and the runner must be told the latter.
    pub map: Option<NameMap>,
}

/// Meets the places of a report with an inventory.
#[must_use]
pub fn against(index: &Index<'_>, places: &Places) -> Against {
    let all: BTreeSet<&Place> = places.0.iter().collect();
    let (found, map) = find(index, &all);
    let stays = |map: &NameMap, id: &str| map.apply(id) == id;
    let map = map.filter(|map| index.inventory.suites.iter().all(|suite| stays(map, suite.id.as_str())));
    let files: BTreeSet<&str> = index.inventory.suites.iter().map(|suite| suite.id.path()).collect();
    let met: BTreeSet<&str> = found.values().map(|hit| hit.path).collect();
    let mut lower: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for file in files.iter().map(|file| file.to_lowercase()) {
        lower.entry(basename(&file).to_owned()).or_default().push(file);
    }
    let mut stale = BTreeSet::new();
    let mut why: BTreeMap<Why, (usize, String)> = BTreeMap::new();
    // One name may stand in several places: a class of several suites.
    let names: BTreeMap<&str, Option<&Found<'_>>> =
        all.iter().map(|place| (place.name(), found.get(*place))).collect();
    for (name, hit) in names {
        let reason = match hit {
            Some(hit) => how(name, hit.path),
            None => {
                stale.insert(name.to_owned());
                why_not(index, name, &lower)
            }
        };
        let (count, _) = why.entry(reason).or_insert((0, name.to_owned()));
        *count += 1;
    }
    Against {
        listed: files.len(),
        known: met.len(),
        new: files.difference(&met).map(|file| (*file).to_owned()).collect(),
        stale: stale.into_iter().collect(),
        why,
        map,
    }
}

fn how(name: &str, path: &str) -> Why {
    let plain = |text: &str| {
        let parts: Vec<&str> = text.split(['/', '\\']).filter(|part| !matches!(*part, "" | ".")).collect();
        parts.join("/")
    };
    let file = bare(name, path);
    match (plain(file), plain(path)) {
        _ if name == path => Why::Same,
        _ if file == path => Why::Line,
        (name, path) if name == path => Why::Separators,
        (name, path) if name.ends_with(&path) || path.ends_with(&name) => Why::Prefix,
        _ => Why::Dots,
    }
}

fn basename(path: &str) -> &str {
    path.rsplit(['/', '\\']).next().unwrap_or(path)
}

fn why_not(index: &Index<'_>, name: &str, lower: &BTreeMap<String, Vec<String>>) -> Why {
    let small = name.to_lowercase();
    let inside = |long: &str, short: &str| {
        long.strip_suffix(short).is_some_and(|head| head.is_empty() || head.ends_with(['/', '\\']))
    };
    let alike = lower.get(basename(&small)).into_iter().flatten();
    // A name that is right in every letter fails for another reason.
    let letters = index.named(basename(name)).is_empty()
        && alike.into_iter().any(|file| inside(&small, file) || inside(file, &small));
    let ends = |path: &&str| path.strip_suffix(name).is_some_and(|head| head.ends_with('/'));
    match index.named(basename(name)) {
        _ if letters => Why::Case,
        paths if paths.iter().filter(|path| ends(path)).count() > 1 => Why::Ambiguous,
        [] => Why::Gone,
        _ => Why::Moved,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Patterns;
    use crate::inventory::Collector;

    fn check(
        list: &str,
        names: &[&str],
        expect: (usize, usize, usize),
        why: &[(Why, usize)],
        map: (&str, &str),
    ) {
        let mut collector = Collector::new(None, NameMap::default());
        collector.listing("list", list.replace(' ', "\n").as_bytes(), None).unwrap();
        let inventory = collector.finish(&Patterns::default());
        let config = NameMap::default();
        let mut places = Places::default();
        names.iter().for_each(|name| places.add(report::Place::file(name)));
        let found = against(&Index::new(&inventory, &config), &places);
        assert_eq!((found.known, found.new.len(), found.stale.len()), expect, "{names:?}");
        let reasons: Vec<(Why, usize)> = found.why.iter().map(|(why, (count, _))| (*why, *count)).collect();
        assert_eq!(reasons, why, "{names:?}");
        let map_found = found.map.unwrap_or_default();
        assert_eq!((map_found.strip.as_str(), map_found.add.as_str()), map);
    }

    #[test]
    fn every_reason_is_told() {
        check("t/a.py t/b.py", &["t/a.py", "t/z.py"], (1, 1, 1), &[(Why::Same, 1), (Why::Gone, 1)], ("", ""));
        check("t/a.py", &[".\\t\\a.py"], (1, 0, 0), &[(Why::Separators, 1)], ("", ""));
        check("t/a.py t/b.py", &["/ci/t/a.py", "/ci/t/b.py"], (2, 0, 0), &[(Why::Prefix, 2)], ("/ci/", ""));
        check("p/t/a.py p/t/b.py", &["t/a.py", "t/b.py"], (2, 0, 0), &[(Why::Prefix, 2)], ("", "p/"));
        check("t/a.py", &["T/A.py"], (0, 1, 1), &[(Why::Case, 1)], ("", ""));
        check("t/a.py", &["/ci/T/A.py"], (0, 1, 1), &[(Why::Case, 1)], ("", ""));
        check("t/a.py", &["u/a.py"], (0, 1, 1), &[(Why::Moved, 1)], ("", ""));
        check("p/t/a.py q/t/a.py", &["t/a.py"], (0, 2, 1), &[(Why::Ambiguous, 1)], ("", ""));
        check("t/a.exs", &["t/a.exs:3", "t/a.exs:12"], (1, 0, 0), &[(Why::Line, 2)], ("", ""));
        let moved = ["/ci/t/a.exs:3", "/ci/t/b.exs:4"];
        check("t/a.exs t/b.exs", &moved, (2, 0, 0), &[(Why::Prefix, 2)], ("/ci/", ""));
    }

    #[test]
    fn no_map_is_told_that_would_change_the_suites() {
        let (short, prefix) = (["t/a.py", "t/b.py"], [(Why::Prefix, 2)]);
        check("p/t/a.py p/t/b.py q/c.py", &short, (2, 1, 0), &prefix, ("", ""));
        check("m/t/a m/t/b m", &["t/a", "t/b"], (2, 1, 0), &prefix, ("", ""));
        let long = ["p/t/a.py", "p/t/b.py"];
        check("t/a.py t/b.py p/c.py", &long, (2, 1, 0), &prefix, ("", ""));
    }
}
