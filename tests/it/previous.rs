//! Plans after small changes: what a previous plan keeps in place.

use std::collections::{BTreeMap, BTreeSet};

use shard::pack::law::Law;
use shard::pack::{By, Effort, Packing, Problem, TierProblem, Worth, pack};

use crate::common::{Project, Random};
use crate::packing::{KINDS, check, items, law, makespan};

/// The shard of each suite of one tier.
fn shard_of(packing: &Packing, tier: usize, suites: usize) -> Vec<usize> {
    let mut of = vec![usize::MAX; suites];
    for (number, shard) in packing.shards.iter().filter(|shard| shard.tier == tier).enumerate() {
        shard.members().for_each(|member| of[member] = number);
    }
    of
}

/// Moves when every shard continues the earlier one with which it has most in common.
fn moves(homes: &[Option<usize>], packing: &Packing, tier: usize) -> usize {
    let mut pairs: BTreeMap<(usize, usize), usize> = BTreeMap::new();
    let of = shard_of(packing, tier, homes.len());
    for (home, shard) in homes.iter().zip(&of) {
        if let Some(home) = home {
            *pairs.entry((*shard, *home)).or_default() += 1;
        }
    }
    let mut order: Vec<_> = pairs.into_iter().map(|(pair, count)| (count, pair)).collect();
    order.sort_by_key(|(count, pair)| (std::cmp::Reverse(*count), *pair));
    let (mut shards, mut taken, mut kept) = (BTreeSet::new(), BTreeSet::new(), 0);
    for (count, (shard, home)) in order {
        if !shards.contains(&shard) && !taken.contains(&home) {
            shards.insert(shard);
            taken.insert(home);
            kept += count;
        }
    }
    homes.iter().flatten().count() - kept
}

/// The tier after a run: other times, some suites gone, some new.
fn changed(tier: &TierProblem, packing: &Packing, number: usize, random: &mut Random) -> TierProblem {
    let of = shard_of(packing, number, tier.items.len());
    let mut next = TierProblem::new(tier.law, Vec::new());
    for (item, home) in tier.items.iter().zip(of) {
        if random.below(20) > 0 {
            let mut item = *item;
            item.ms += random.below(1 + item.ms / 10);
            next.items.push(item);
            next.homes.push(Some(home));
        }
    }
    for item in items(random.below(6) as usize, random) {
        let at = random.below(next.items.len() as u64 + 1) as usize;
        next.items.insert(at, item);
        next.homes.insert(at, None);
    }
    TierProblem { shards: tier.shards, target: tier.target, ..next }
}

#[test]
fn a_previous_plan_costs_no_more_than_allowed_and_moves_no_more_than_a_fresh_one() {
    let (mut fewer, mut all) = (0, 0);
    for seed in 0..120 {
        let random = &mut Random(2_000_000 + seed);
        let tiers = (0..1 + random.below(2)).map(|_| {
            let (kind, workers) = KINDS[random.below(7) as usize];
            let count = 20 + random.below(60) as usize;
            let law = Law { budget: Some(500 + random.below(300)), ..law(kind, workers, random) };
            TierProblem::new(law, items(count, random))
        });
        let tiers: Vec<TierProblem> = tiers.collect();
        let goal = random.below(3);
        let goal = |tiers: Vec<TierProblem>| Problem {
            shards: (goal == 1).then_some(60),
            worth: (goal == 2).then_some(Worth {
                at_once: None,
                by: By::Time { overhead: 15 },
                also: Vec::new(),
                cheapest_only: false,
            }),
            effort: Effort::Quick,
            ..Problem::new(tiers)
        };
        let first = goal(tiers);
        let Ok(before) = pack(&first) else { continue };
        let tiers: Vec<TierProblem> =
            first.tiers.iter().enumerate().map(|(n, tier)| changed(tier, &before, n, random)).collect();
        let forgetful = tiers.iter().map(|tier| TierProblem { homes: Vec::new(), ..tier.clone() }).collect();
        let problem = Problem { stability: random.below(5) as u32 * 100, ..goal(tiers) };
        let (Ok(fresh), Ok(calm)) = (pack(&goal(forgetful)), pack(&problem)) else {
            panic!("seed {seed}: one more plan must exist")
        };
        check(&problem, &calm, seed);
        let known: usize = problem.tiers.iter().map(|tier| tier.homes.iter().flatten().count()).sum();
        assert_eq!(calm.moves.known, known, "seed {seed}");
        let count = |packing: &Packing| -> usize {
            problem.tiers.iter().enumerate().map(|(n, tier)| moves(&tier.homes, packing, n)).sum()
        };
        assert!(calm.moves.moved <= count(&calm), "seed {seed}: names could be kept better");
        if problem.worth.is_none() {
            let limit = makespan(&problem, &fresh) * (10_000 + u64::from(problem.stability)) / 10_000;
            assert!(makespan(&problem, &calm) <= limit, "seed {seed}");
            assert!(calm.shards.len() <= fresh.shards.len().max(problem.shards.unwrap_or(0)), "seed {seed}");
            assert!(calm.moves.moved <= count(&fresh), "seed {seed}: more moves than a fresh plan");
            all += 1;
            fewer += usize::from(calm.moves.moved < count(&fresh));
        }
    }
    assert!(all > 60 && fewer * 2 > all, "{fewer} of {all} with fewer moves");
}

#[test]
fn nothing_changed_moves_nothing() {
    for seed in 0..40 {
        let random = &mut Random(3_000_000 + seed);
        let (kind, workers) = KINDS[random.below(7) as usize];
        let law = Law { budget: Some(600), ..law(kind, workers, random) };
        let problem = Problem::new(vec![TierProblem::new(law, items(60, random))]);
        let Ok(before) = pack(&problem) else { continue };
        let homes = shard_of(&before, 0, 60).into_iter().map(Some).collect();
        let tier = TierProblem { homes, ..problem.tiers[0].clone() };
        let again = pack(&Problem::new(vec![tier])).unwrap();
        assert_eq!((again.moves.known, again.moves.moved), (60, 0), "seed {seed}");
    }
}

/// The suites of each shard, by name.
fn shards(plan: &serde_json::Value) -> BTreeMap<String, BTreeSet<String>> {
    let shards = plan["shards"].as_array().unwrap().iter().map(|shard| {
        let sessions = shard["sessions"].as_array().unwrap().iter();
        let suites = sessions.flat_map(|session| session["suites"].as_array().unwrap());
        let ids = suites.map(|suite| suite["id"].as_str().unwrap().to_owned()).collect();
        (shard["id"].as_str().unwrap().to_owned(), ids)
    });
    shards.collect()
}

#[test]
fn names_are_kept_over_ten_small_changes() {
    let random = &mut Random(7);
    let project = Project::new();
    let mut suites: BTreeMap<String, u64> =
        (0..300).map(|n| (format!("tests/t{n:03}.py"), 500 + random.below(9_500))).collect();
    let plan = |suites: &BTreeMap<String, u64>| {
        let rows = suites.iter().map(|(id, ms)| format!("{id},{ms},40000000\n"));
        project
            .file("costs.csv", ("id,ms,retained_bytes\n".to_owned() + &rows.collect::<String>()).as_bytes());
        let words = "plan --costs costs.csv --shards 8 --budget 3GB --previous shard-out/plan.json";
        let done = project.shard(words).ok();
        project.shard("verify").ok();
        (project.plan(), done)
    };
    let (mut before, done) = plan(&suites);
    assert!(done.stderr().contains("note: there is no previous plan"), "{}", done.stderr());
    let names: Vec<String> = shards(&before).into_keys().collect();
    for round in 0..10 {
        suites.values_mut().for_each(|ms| *ms = *ms * (95 + random.below(11)) / 100);
        suites.pop_first();
        suites.insert(format!("tests/new{round}.py"), 3_000);
        let (after, done) = plan(&suites);
        let (old, new) = (shards(&before), shards(&after));
        assert_eq!(new.keys().cloned().collect::<Vec<_>>(), names, "round {round}");
        let moved = old.iter().flat_map(|(shard, ids)| {
            ids.iter().filter(|id| suites.contains_key(*id)).filter(|id| !new[shard].contains(*id))
        });
        let moved = moved.count();
        assert_eq!(after["previous"]["moved"], moved, "round {round}");
        assert_eq!((&after["previous"]["new"], &after["previous"]["gone"]), (&1.into(), &1.into()));
        assert!(moved <= 12, "round {round}: {moved} moved");
        assert!(done.stdout().contains("\nchanged: "), "{}", done.stdout());
        before = after;
    }
    // Nothing changed: nothing moves, and from then on not a byte changes.
    let (same, _) = plan(&suites);
    assert_eq!(same["previous"]["moved"], 0);
    let bytes = project.read("shard-out/plan.json");
    plan(&suites);
    assert_eq!(project.read("shard-out/plan.json"), bytes);
}

#[test]
fn a_name_that_was_given_once_is_never_given_to_others() {
    let project = Project::new();
    let rows = |suites: std::ops::Range<u32>| {
        let rows = suites.map(|n| format!("tests/t{n:02}.py,1000,900000000\n"));
        "id,ms,retained_bytes\n".to_owned() + &rows.collect::<String>()
    };
    let plan = |suites: std::ops::Range<u32>| {
        project.file("costs.csv", rows(suites).as_bytes());
        let words = "plan --costs costs.csv --budget 3GB --previous shard-out/plan.json";
        project.shard(words).ok();
        shards(&project.plan()).into_keys().collect::<Vec<_>>()
    };
    assert_eq!(plan(0..9), ["default-1", "default-2", "default-3"]);
    assert_eq!(plan(0..3).len(), 1);
    let third = plan(0..6);
    assert_eq!(third.len(), 2);
    assert!(third.contains(&"default-4".to_owned()), "{third:?}");
}

#[test]
fn auto_with_a_previous_plan_says_what_it_is() {
    for seed in 0..30 {
        let random = &mut Random(5_000_000 + seed);
        let items =
            items(40, random).into_iter().map(|item| shard::pack::law::Item { ms: item.ms * 500, ..item });
        let law = Law { budget: Some(600), ..law(KINDS[0].0, 1, random) };
        let tier = TierProblem::new(law, items.collect());
        let worth =
            Worth { at_once: None, by: By::Time { overhead: 5_000 }, also: Vec::new(), cheapest_only: false };
        let problem = |tier: TierProblem, stability: u32| Problem {
            worth: Some(worth.clone()),
            stability,
            effort: Effort::Quick,
            ..Problem::new(vec![tier])
        };
        let fresh = pack(&problem(tier.clone(), 0)).unwrap();
        let homes = (0..40).map(|_| Some(random.below(fresh.shards.len() as u64 + 2) as usize)).collect();
        let stability = 100 * random.below(60) as u32;
        let problem = problem(TierProblem { homes, ..tier }, stability);
        let calm = pack(&problem).unwrap();
        check(&problem, &calm, seed);
        let cost = |packing: &Packing, problem: &Problem| {
            makespan(problem, packing) + 5_000 * packing.shards.len() as u64
        };
        let (least, made) = (cost(&fresh, &problem), cost(&calm, &problem));
        assert!(made * 10_000 <= least * (10_000 + u64::from(stability)) + 10_000, "seed {seed}");
        assert!(!calm.cheapest || made <= least, "seed {seed}: called the cheapest");
        let point = calm.curve.iter().find(|point| point.shards == calm.shards.len()).unwrap();
        assert_eq!(point.cost, u128::from(made), "seed {seed}");
    }
}

#[test]
fn suites_of_another_tier_have_moved_and_names_outlive_their_tiers() {
    let project = Project::with(&[(
        "shard.toml",
        "budget = \"3GB\"\n[tier.unit]\nmatch = [\"u/**\"]\n[tier.e2e]\nmatch = [\"e/**\"]\n",
    )]);
    let plan = |rows: &str| {
        project.file("costs.csv", format!("id,tier,ms,retained_bytes\n{rows}").as_bytes());
        project.shard("plan --costs costs.csv --previous shard-out/plan.json").ok();
        project.plan()
    };
    plan("u/a,unit,9,1\ne/b,e2e,9,2000000000\ne/c,e2e,9,2000000000\n");
    let moved = plan("u/a,unit,9,1\ne/b,unit,9,1\n");
    assert_eq!((&moved["previous"]["moved"], &moved["previous"]["new"]), (&1.into(), &0.into()));
    let back = plan("u/a,unit,9,1\ne/z,e2e,9,1\n");
    assert!(shards(&back).contains_key("e2e-3"), "{:?}", shards(&back).keys());
}
