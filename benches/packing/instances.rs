//! The problems that are measured: generated ones, and published ones from a folder.

use crate::problems::{Goal, Item, Problem, planted, realistic};

pub(crate) fn generated() -> Vec<Problem> {
    let mut all = Vec::new();
    for seed in 1..=20 {
        for (n, shards) in [(500, 8), (1_000, 16), (5_000, 64)] {
            all.push(realistic(n, shards, seed, 1.03, 0.3));
        }
    }
    for (n, shards) in
        [(85, 8), (85, 32), (500, 64), (5_000, 64), (5_000, 256), (50_000, 256), (100_000, 256)]
    {
        all.extend((1..=2).map(|seed| realistic(n, shards, seed, 1.03, 0.0)));
    }
    let cells =
        [(8, 10, "stick"), (32, 3, "triplet"), (64, 8, "heavy"), (64, 78, "stick"), (256, 20, "stick")];
    for (shards, per_shard, style) in cells {
        for slack in [0, 1, 2, 5] {
            all.extend((1..=3).map(|seed| planted(shards, per_shard, style, slack, seed, false)));
        }
        for slack in [0, 2] {
            all.extend((1..=3).map(|seed| planted(shards, per_shard, style, slack, seed, true)));
        }
    }
    for (per_shard, slack) in [(195, 1), (390, 0), (390, 1)] {
        all.push(planted(256, per_shard, "heavy", slack, 7, false));
    }
    all
}

/// Those of `<family>/instances.jsonl`.
pub(crate) fn published(folder: &str) -> Vec<Problem> {
    let mut families: Vec<_> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    families.sort();
    let mut all = Vec::new();
    for family in families {
        let Ok(text) = std::fs::read_to_string(family.join("instances.jsonl")) else { continue };
        let family = family.file_name().unwrap().to_string_lossy().into_owned();
        all.extend(text.lines().filter_map(|line| instance(&family, &serde_json::from_str(line).unwrap())));
    }
    all
}

/// Sizes as times and bytes; `None` for more than two sizes.
fn instance(family: &str, told: &serde_json::Value) -> Option<Problem> {
    let number = |value: &serde_json::Value| value.as_u64();
    let mut items = Vec::new();
    for row in told["items"].as_array()? {
        let row: Vec<u64> = row.as_array()?.iter().filter_map(number).collect();
        let (ms, retained, count) = match row[..] {
            [ms, count] => (ms, 0, count),
            [ms, retained, count] => (ms, retained, count),
            _ => return None,
        };
        items.extend((0..count).map(|_| Item { ms, retained, transient: 0 }));
    }
    let capacity = |at: usize| number(&told["capacity"][at]);
    Some(Problem {
        family: family.to_owned(),
        name: told["name"].as_str()?.to_owned(),
        items,
        goal: match number(&told["jobs"]) {
            Some(jobs) => Goal::Shards(jobs as usize),
            None => Goal::Target(capacity(0)?),
        },
        floor: 0,
        budget: capacity(1),
        slack: None,
        optimum: number(&told["optimum"]),
        lower: number(&told["lower"])?,
    })
}
