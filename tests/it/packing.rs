//! Properties of the packer over seeds, for every kind of session, and a brute force that agrees
//! with every proof.

use shard::pack::law::{Item, Kind, Law, Need};
use shard::pack::{By, Effort, PackError, Packing, Problem, Rules, Shortage, TierProblem, Worth, pack};

use crate::common::Random;

pub(crate) const KINDS: [(Kind, usize); 7] = [
    (Kind::InOrder, 1),
    (Kind::AnyOrder, 1),
    (Kind::AnyOrder, 2),
    (Kind::Spread, 2),
    (Kind::Isolated, 1),
    (Kind::Isolated, 3),
    (Kind::Each, 2),
];

pub(crate) fn law(kind: Kind, workers: usize, random: &mut Random) -> Law {
    let budget = (random.below(5) != 0).then(|| 300 + random.below(400));
    Law {
        kind,
        workers,
        floor: 50,
        import_cap: (random.below(4) == 0).then_some(30),
        budget,
        admission: budget,
        cpus: workers as u64 + random.below(2),
        setup: random.below(30),
        session_start: random.below(5),
        sessions: [1, 1, 1, 2, 3, usize::MAX][random.below(6) as usize],
    }
}

pub(crate) fn items(count: usize, random: &mut Random) -> Vec<Item> {
    let item = |random: &mut Random| Item {
        ms: random.below(100) + u64::from(random.below(10) != 0),
        import: if random.below(3) == 0 { random.below(20) } else { 0 },
        retained: random.below(60),
        transient: if random.below(2) == 0 { random.below(120) } else { 0 },
        cpus: 1 + random.below(2),
        exclusive: random.below(10) == 0,
    };
    (0..count).map(|_| item(random)).collect()
}

/// A few pairs together, a few lists apart that break none of them, a few alone.
fn rules(count: usize, random: &mut Random) -> Rules {
    let mut all: Vec<usize> = (0..count).collect();
    random.shuffle(&mut all);
    let mut take = |count: u64| all.split_off(all.len().saturating_sub(count as usize));
    let mut sorted = |count: u64| {
        let mut list = take(count);
        list.sort_unstable();
        list
    };
    let together = [sorted(2), sorted(3)].into_iter().filter(|list| list.len() > 1).collect();
    let alone = sorted(random.below(2));
    let apart = [sorted(2), sorted(1 + random.below(4))].into_iter().filter(|list| list.len() > 1).collect();
    Rules { together, apart, alone }
}

/// Complete, disjoint, within budget, and never better than a bound.
pub(crate) fn check(problem: &Problem, packing: &Packing, seed: u64) {
    for (number, tier) in problem.tiers.iter().enumerate() {
        let mine = || packing.shards.iter().filter(|shard| shard.tier == number);
        let mut seen: Vec<usize> = mine().flat_map(|shard| shard.members()).collect();
        seen.sort_unstable();
        assert_eq!(seen, (0..tier.items.len()).collect::<Vec<_>>(), "seed {seed}");
        for shard in mine() {
            let count = shard.members().count();
            assert!(shard.sessions.iter().all(|session| !session.members.is_empty()), "seed {seed}");
            assert!(shard.sessions.len() <= tier.law.sessions, "seed {seed}");
            let mut need = Need::default();
            for (number, session) in shard.sessions.iter().enumerate() {
                assert_eq!(session.need, tier.law.session_need(&tier.items, &session.members), "seed {seed}");
                need.ms += session.need.ms + if number > 0 { tier.law.session_start } else { 0 };
                need.bytes = need.bytes.max(session.need.bytes);
            }
            assert_eq!(shard.need, need, "seed {seed}");
            let fits = tier.law.budget.is_none_or(|budget| shard.need.bytes <= budget);
            assert!(fits != shard.oversize && (fits || count == 1), "seed {seed}");
            let target = tier.target.is_none_or(|target| shard.need.ms + tier.law.overhead() <= target);
            assert!(target, "seed {seed}");
        }
        assert!(tier.shards.is_none_or(|most| mine().count() <= most), "seed {seed}");
        let shards_with = |list: &[usize]| {
            let with = mine().map(|shard| shard.members().filter(|member| list.contains(member)).count());
            with.filter(|count| *count > 0).collect::<Vec<usize>>()
        };
        for list in &tier.rules.together {
            assert_eq!(shards_with(list), [list.len()], "seed {seed}: together");
        }
        for list in &tier.rules.apart {
            assert!(shards_with(list).iter().all(|count| *count == 1), "seed {seed}: apart");
        }
        for item in &tier.rules.alone {
            let shard = mine().find(|shard| shard.members().any(|member| member == *item)).unwrap();
            assert_eq!(shard.members().count(), 1, "seed {seed}: alone");
        }
    }
    assert!(problem.shards.is_none_or(|most| packing.shards.len() <= most), "seed {seed}");
    assert!(packing.shards_bound <= packing.shards.len(), "seed {seed}");
    assert!(packing.makespan_bound <= makespan(problem, packing), "seed {seed}");
}

pub(crate) fn makespan(problem: &Problem, packing: &Packing) -> u64 {
    packing
        .shards
        .iter()
        .map(|shard| shard.need.ms + problem.tiers[shard.tier].law.overhead())
        .max()
        .unwrap_or(0)
}

#[test]
fn every_plan_keeps_every_rule() {
    let mut found = [0; 3];
    for seed in 0..400 {
        let random = &mut Random(seed);
        let tiers = (0..1 + random.below(3)).map(|_| {
            let (kind, workers) = KINDS[random.below(7) as usize];
            let law = law(kind, workers, random);
            let count = random.below(60) as usize;
            let target = (random.below(4) == 0).then(|| 80 + random.below(300));
            let shards = (random.below(4) == 0).then(|| 1 + random.below(12) as usize);
            let rules = if random.below(3) == 0 { rules(count, random) } else { Rules::default() };
            TierProblem { shards, target, rules, ..TierProblem::new(law, items(count, random)) }
        });
        let tiers = tiers.collect();
        let shards = (random.below(2) == 0).then(|| 1 + random.below(30) as usize);
        let problem = Problem { shards, effort: Effort::Quick, ..Problem::new(tiers) };
        match pack(&problem) {
            Ok(packing) => {
                found[0] += 1;
                check(&problem, &packing, seed);
            }
            Err(PackError::TooFewShards(Shortage { allowed, bound, found: enough, .. })) => {
                found[1] += 1;
                assert!(enough > allowed && bound <= enough, "seed {seed}");
            }
            Err(PackError::TooLong { items }) => {
                found[2] += 1;
                let alone = |tier: &TierProblem, item: usize| {
                    tier.law.need(&tier.items, &[item]).ms + tier.law.overhead()
                };
                let all = problem.tiers.iter().enumerate().flat_map(|(number, tier)| {
                    let items = (0..tier.items.len()).map(move |item| (number, item, alone(tier, item)));
                    items.filter(|(_, _, ms)| tier.target.is_some_and(|target| *ms > target))
                });
                let expect: std::collections::BTreeSet<_> = all.collect();
                assert_eq!(
                    items.iter().copied().collect::<std::collections::BTreeSet<_>>(),
                    expect,
                    "seed {seed}"
                );
                assert!(items.is_sorted_by_key(|(_, _, ms)| std::cmp::Reverse(*ms)), "seed {seed}");
            }
            Err(PackError::Together { tier, list, need }) => {
                let tier = &problem.tiers[tier];
                assert_eq!(need, tier.law.need(&tier.items, &tier.rules.together[list]), "seed {seed}");
                let above = tier.law.budget.is_some_and(|budget| need.bytes > budget);
                let long = tier.target.is_some_and(|target| need.ms + tier.law.overhead() > target);
                assert!(above || long, "seed {seed}");
            }
            Err(err) => panic!("seed {seed}: {err:?}"),
        }
    }
    assert!(found.iter().all(|count| *count > 10), "the problems are one-sided: {found:?}");
}

/// Every way to part the items: calls `visit` with the groups of each.
fn partitions(
    count: usize,
    groups: &mut Vec<Vec<usize>>,
    next: usize,
    visit: &mut impl FnMut(&[Vec<usize>]),
) {
    if next == count {
        return visit(groups);
    }
    for group in 0..groups.len() {
        groups[group].push(next);
        partitions(count, groups, next + 1, visit);
        groups[group].pop();
    }
    groups.push(vec![next]);
    partitions(count, groups, next + 1, visit);
    groups.pop();
}

/// The least time of a shard of these suites, in any sessions; `None` where memory does not allow it.
fn shortest_shard(tier: &TierProblem, group: &[usize]) -> Option<u64> {
    let mut shortest = None;
    // Isolated suites give everything back anyway: they have one session.
    let most = if matches!(tier.law.kind, Kind::Isolated | Kind::Each) { 1 } else { tier.law.sessions };
    partitions(group.len(), &mut Vec::new(), 0, &mut |sessions| {
        if sessions.len() > most {
            return;
        }
        let mut ms = tier.law.session_start * (sessions.len() as u64 - 1);
        for session in sessions {
            let members: Vec<usize> = session.iter().map(|i| group[*i]).collect();
            let need = tier.law.session_need(&tier.items, &members);
            if tier.law.budget.is_some_and(|budget| need.bytes > budget) && group.len() > 1 {
                return;
            }
            ms += need.ms;
        }
        shortest = Some(shortest.map_or(ms, |shortest: u64| shortest.min(ms)));
    });
    shortest
}

/// Whether these groups are as the rules say.
fn keeps_rules(rules: &Rules, groups: &[Vec<usize>]) -> bool {
    let with = |list: &[usize]| -> Vec<usize> {
        groups.iter().map(|group| group.iter().filter(|i| list.contains(i)).count()).collect()
    };
    rules.together.iter().all(|list| with(list).into_iter().filter(|count| *count > 0).count() == 1)
        && rules.apart.iter().all(|list| with(list).into_iter().all(|count| count < 2))
        && groups.iter().all(|group| group.len() < 2 || !group.iter().any(|i| rules.alone.contains(i)))
}

/// The fewest shards, and the shortest longest shard for each number of shards; by trying
/// everything.
fn brute_force(tier: &TierProblem) -> (usize, Vec<u64>) {
    let count = tier.items.len();
    let mut shortest = vec![u64::MAX; count + 1];
    partitions(count, &mut Vec::new(), 0, &mut |groups| {
        if !keeps_rules(&tier.rules, groups) {
            return;
        }
        let mut longest = 0;
        for group in groups {
            let Some(ms) = shortest_shard(tier, group) else { return };
            longest = longest.max(ms + tier.law.overhead());
        }
        shortest[groups.len()] = shortest[groups.len()].min(longest);
    });
    let within = |longest: &u64| *longest <= tier.target.unwrap_or(u64::MAX - 1);
    let fewest = shortest.iter().position(within).unwrap_or(usize::MAX);
    (fewest, shortest)
}

#[test]
fn a_brute_force_agrees_with_every_proof() {
    let (mut proofs, mut optimal, mut all) = (0, 0, 0);
    for seed in 0..350 {
        let random = &mut Random(1_000_000 + seed);
        let (kind, workers) = KINDS[seed as usize % 7];
        let count = 1 + random.below(if seed % 10 == 0 { 8 } else { 7 }) as usize;
        let tier = TierProblem::new(law(kind, workers, random), items(count, random));
        let target = (random.below(2) == 0).then(|| 140 + random.below(200));
        let rules = if random.below(3) == 0 { rules(count, random) } else { Rules::default() };
        let tier = TierProblem { target, rules, ..tier };
        let (fewest, shortest) = brute_force(&tier);
        if fewest == usize::MAX {
            let problem = Problem { effort: Effort::Quick, ..Problem::new(vec![tier]) };
            assert!(pack(&problem).is_err(), "seed {seed}: a plan where there is none");
            continue;
        }
        let given =
            (tier.target.is_none() && random.below(2) == 0).then(|| fewest + random.below(3) as usize);
        let problem = Problem { shards: given, effort: Effort::Quick, ..Problem::new(vec![tier]) };
        let packing = match pack(&problem) {
            // What must stay together may be more than any shard holds.
            Err(PackError::Together { .. }) => continue,
            packing => packing.unwrap_or_else(|err| panic!("seed {seed}: {err:?} {problem:?}")),
        };
        check(&problem, &packing, seed);
        let made = makespan(&problem, &packing);
        // The objective: fewest shards, or the shortest longest shard with at most so many.
        let best = match given {
            Some(most) => shortest[..=most.min(count)].iter().copied().min().unwrap_or(0),
            None => shortest[packing.shards.len()],
        };
        assert!(packing.makespan_bound <= best, "seed {seed}: bound {} best {best}", packing.makespan_bound);
        assert!(made >= best, "seed {seed}");
        if given.is_none() {
            assert!(
                packing.shards_bound <= fewest,
                "seed {seed}: bound {} fewest {fewest}",
                packing.shards_bound
            );
            assert!(packing.shards.len() >= fewest, "seed {seed}");
            optimal += usize::from(packing.shards.len() == fewest);
        } else {
            optimal += usize::from(made == best);
        }
        proofs += usize::from(if given.is_some() {
            packing.makespan_bound == made
        } else {
            packing.shards_bound == packing.shards.len()
        });
        all += 1;
    }
    assert!(
        optimal * 100 >= all * 97 && proofs * 100 >= all * 60,
        "{optimal} optimal and {proofs} proven of {all}"
    );
}

#[test]
fn planted_plans_are_found_where_memory_is_tight() {
    // 8 shards of 12 suites that fill 95 % of the memory: sorted placement alone finds no plan for
    // many of these.
    for seed in 0..20 {
        let random = &mut Random(7_000 + seed);
        let mut items = Vec::new();
        for _ in 0..8 {
            let mut cuts: Vec<u64> = (0..11).map(|_| random.below(9_500)).collect();
            cuts.extend([0, 9_500]);
            cuts.sort_unstable();
            items.extend(cuts.windows(2).map(|pair| Item {
                ms: 1 + random.below(60_000),
                retained: pair[1] - pair[0],
                cpus: 1,
                ..Item::default()
            }));
        }
        random.shuffle(&mut items);
        let law = Law {
            kind: Kind::AnyOrder,
            workers: 1,
            floor: 0,
            import_cap: None,
            admission: None,
            budget: Some(10_000),
            cpus: 1,
            setup: 0,
            session_start: 0,
            sessions: 1,
        };
        let problem = Problem { shards: Some(8), ..Problem::new(vec![TierProblem::new(law, items)]) };
        let packing = match pack(&problem) {
            // What must stay together may be more than any shard holds.
            Err(PackError::Together { .. }) => continue,
            packing => packing.unwrap_or_else(|err| panic!("seed {seed}: {err:?} {problem:?}")),
        };
        check(&problem, &packing, seed);
        let made = makespan(&problem, &packing);
        assert!(
            made * 1_000 <= packing.makespan_bound * 1_020,
            "seed {seed}: {made} above {}",
            packing.makespan_bound
        );
    }
}

#[test]
fn threads_change_nothing() {
    let random = &mut Random(5);
    let tier = |random: &mut Random| {
        let law = Law { budget: Some(900), ..law(Kind::InOrder, 1, random) };
        let homes = (0..200).map(|_| (random.below(9) > 0).then(|| random.below(20) as usize)).collect();
        TierProblem { homes, ..TierProblem::new(law, items(200, random)) }
    };
    let tiers = vec![tier(random), tier(random)];
    let worth =
        Worth { at_once: Some(12), by: By::Time { overhead: 20 }, also: Vec::new(), cheapest_only: false };
    for (shards, worth) in [(Some(40), None), (None, Some(worth))] {
        let problem =
            Problem { shards, worth, stability: 200, effort: Effort::Quick, ..Problem::new(tiers.clone()) };
        let with = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| pack(&problem).unwrap())
        };
        assert_eq!(with(1), with(2));
        assert_eq!(with(1), with(5));
    }
}

#[test]
fn degenerate_problems_have_plans() {
    let law = Law {
        kind: Kind::InOrder,
        workers: 1,
        floor: 10,
        import_cap: None,
        admission: None,
        budget: Some(110),
        cpus: 1,
        setup: 5,
        session_start: 1,
        sessions: 1,
    };
    let item = |ms: u64, retained: u64| Item { ms, retained, cpus: 1, ..Item::default() };
    let run = |items: Vec<Item>, shards: Option<usize>, budget: u64| {
        let law = Law { budget: Some(budget), ..law };
        let tiers = vec![TierProblem::new(law, items)];
        let problem = Problem { shards, effort: Effort::Quick, ..Problem::new(tiers) };
        pack(&problem).map(|packing| {
            check(&problem, &packing, 0);
            (packing.shards.len(), makespan(&problem, &packing))
        })
    };
    assert_eq!(run(vec![], Some(3), 110), Ok((0, 0)));
    assert_eq!(run(vec![item(1, 1)], Some(9), 110), Ok((1, 7)));
    assert_eq!(run(vec![item(0, 0); 5], Some(2), 110), Ok((1, 6)));
    assert_eq!(run(vec![item(7, 50); 4], None, 110), Ok((2, 20)), "memory exactly full");
    assert_eq!(run(vec![item(7, 50); 4], None, 109), Ok((4, 13)), "one byte short");
    assert_eq!(run(vec![item(7, 500), item(7, 50)], None, 110), Ok((2, 13)), "one giant");
    assert_eq!(run(vec![item(1, 1)], None, 9), Err(PackError::Floor { tier: 0 }));
    assert_eq!(run(vec![item(u64::MAX / 2, 1); 3], None, 110), Err(PackError::TooLarge));
}

/// Budgets from what hardly fits to none at all, for the same suites.
const BUDGETS: [Option<u64>; 7] = [Some(300), Some(303), Some(330), Some(400), Some(600), Some(1_200), None];

#[test]
fn more_memory_hardly_ever_makes_a_plan_longer() {
    let (mut pairs, mut longer) = (0, 0);
    for seed in 0..280 {
        let random = &mut Random(3_000_000 + seed);
        let (kind, workers) = KINDS[seed as usize % 7];
        let count = [12, 30, 80][random.below(3) as usize];
        let (items, law) = (items(count, random), law(kind, workers, random));
        let shards = (random.below(2) == 0).then(|| 2 + random.below(count as u64 / 4) as usize);
        let target = (shards.is_none() && random.below(2) == 0).then(|| 150 + random.below(300));
        let mut before: Option<u64> = None;
        for budget in BUDGETS {
            let law = Law { budget, admission: budget, ..law };
            let tier = TierProblem { target, ..TierProblem::new(law, items.clone()) };
            let problem = Problem { shards, effort: Effort::Quick, ..Problem::new(vec![tier]) };
            let packing = match pack(&problem) {
                Ok(packing) => packing,
                Err(err) => {
                    assert_eq!(before, None, "seed {seed}, {budget:?}: no plan any more: {err:?}");
                    continue;
                }
            };
            let (value, bound) = match shards {
                Some(_) => (makespan(&problem, &packing), packing.makespan_bound),
                None => (packing.shards.len() as u64, packing.shards_bound as u64),
            };
            if let Some(before) = before {
                // So no proven plan is longer than one with less memory.
                assert!(bound <= before, "seed {seed}, {budget:?}: bound {bound}, {before} with less memory");
                // Few suites, one worker and one session: solved exactly.
                let easy = count == 12 && law.sessions == 1 && workers == 1;
                // The rest are searches that may end elsewhere, and schedules with more room may be longer.
                let most = match shards {
                    _ if easy => before,
                    Some(_) => before + before / 10,
                    None => before + 1,
                };
                assert!(value <= most, "seed {seed}, {budget:?}: {value}, {before} with less memory");
                pairs += 1;
                longer += usize::from(value > before);
            }
            before = Some(value);
        }
    }
    assert!(longer * 100 <= pairs * 3, "{longer} of {pairs}");
}
