//! As many shards as pay, against every number tried by hand.

use shard::pack::law::Law;
use shard::pack::{By, Effort, Packing, Problem, TierProblem, Worth, pack};

use crate::common::Random;
use crate::packing::{KINDS, check, items, law};

/// What a packing costs, worked out a second time.
fn cost(problem: &Problem, packing: &Packing, worth: &Worth) -> u128 {
    let ms = |shard: &shard::pack::Shard| shard.need.ms + problem.tiers[shard.tier].law.overhead();
    let mut times: Vec<u64> = packing.shards.iter().map(ms).collect();
    times.sort_unstable_by_key(|ms| std::cmp::Reverse(*ms));
    let mut slots = vec![0; worth.at_once.unwrap_or(times.len()).max(1)];
    for ms in &times {
        let free = slots.iter_mut().min().unwrap();
        *free += ms;
    }
    let wall = u128::from(slots.into_iter().max().unwrap());
    match &worth.by {
        By::Time { overhead } => wall + times.len() as u128 * u128::from(*overhead),
        By::Price { kinds, minute_value } => {
            let price = |shard: &shard::pack::Shard| {
                u128::from(ms(shard)).div_ceil(60_000) * u128::from(kinds[shard.tier][0].1) * 60_000
            };
            packing.shards.iter().map(price).sum::<u128>() + wall * u128::from(*minute_value)
        }
    }
}

#[test]
fn the_number_that_pays_is_found() {
    let (mut equal, mut proven, mut all, mut spared) = (0, 0, 0, 0);
    for seed in 0..50 {
        let random = &mut Random(4_000_000 + seed);
        let tiers = (0..1 + random.below(2)).map(|_| {
            let (kind, workers) = KINDS[random.below(7) as usize];
            let mut items = items(8 + random.below(16) as usize, random);
            items.iter_mut().for_each(|item| item.ms *= 1_000);
            let law = law(kind, workers, random);
            TierProblem::new(Law { budget: Some(600), setup: random.below(30) * 1_000, ..law }, items)
        });
        let tiers: Vec<TierProblem> = tiers.collect();
        let worth = Worth {
            at_once: (random.below(3) == 0).then(|| 1 + random.below(6) as usize),
            also: Vec::new(),
            cheapest_only: false,
            by: match random.below(2) {
                0 => By::Time { overhead: random.below(40_000) },
                _ => By::Price {
                    kinds: tiers.iter().map(|_| vec![(u64::MAX, random.below(50_000))]).collect(),
                    minute_value: random.below(200_000),
                },
            },
        };
        let auto =
            Problem { worth: Some(worth.clone()), effort: Effort::Quick, ..Problem::new(tiers.clone()) };
        let Ok(chosen) = pack(&auto) else { continue };
        if chosen.shards.iter().any(|shard| shard.oversize) {
            continue;
        }
        check(&auto, &chosen, seed);
        let found = cost(&auto, &chosen, &worth);
        let point = chosen.curve.iter().find(|point| point.shards == chosen.shards.len());
        assert_eq!(point.map(|point| point.cost), Some(found), "seed {seed}: {chosen:?}");
        let bare = Worth { cheapest_only: true, ..worth.clone() };
        let bare = pack(&Problem { worth: Some(bare), ..auto.clone() }).unwrap();
        assert_eq!(
            (&bare.shards, bare.cheapest),
            (&chosen.shards, chosen.cheapest),
            "seed {seed}: without a curve"
        );
        spared += chosen.curve.len() - bare.curve.len();
        let most: usize = tiers.iter().map(|tier| tier.items.len()).sum();
        let every = (1..=most).filter_map(|shards| {
            let given =
                Problem { shards: Some(shards), effort: Effort::Quick, ..Problem::new(tiers.clone()) };
            pack(&given).ok().map(|packing| cost(&given, &packing, &worth))
        });
        let best = every.min().unwrap();
        assert!(found * 100 <= best * 101, "seed {seed}: {found} where {best} can be had");
        assert!(!chosen.cheapest || found <= best, "seed {seed}: called the cheapest");
        all += 1;
        equal += usize::from(found <= best);
        proven += usize::from(chosen.cheapest);
    }
    println!("as many shards as pay: {equal} of {all} as good as every number tried, {proven} proven");
    assert!(spared > all, "what only a curve needs was tried: {spared}");
    assert!(all > 25 && equal * 10 >= all * 9, "{equal} of {all}");
}

/// Plans with prices: shards by runner, and the price of all.
fn mix(runners: &str, minute_value: &str) -> (Vec<String>, f64) {
    let toml = format!(
        "shards = \"auto\"\nminute-value = {minute_value}\nbudget = \"3GB\"\nmargin = \"0%\"\n[tier.all]\nmatch = [\"**\"]\n\
         setup = \"10m\"\nprice = 0.008\nassume = {{ time = \"4s\", retained = \"100MB\" }}\n{runners}"
    );
    let list: String = (0..80).map(|n| format!("tests/t{n:02}.py\n")).collect();
    let project = crate::common::Project::with(&[("shard.toml", &toml), ("tests.txt", &list)]);
    project.shard("plan tests.txt").ok();
    project.shard("verify").ok();
    let plan = project.plan();
    let shards = plan["shards"].as_array().unwrap();
    let point =
        plan["curve"].as_array().unwrap().iter().find(|point| point["shards"] == shards.len()).unwrap();
    let runner = |shard: &serde_json::Value| shard["runner"].as_str().unwrap_or("own").to_owned();
    (shards.iter().map(runner).collect(), point["price"].as_f64().unwrap())
}

#[test]
fn the_cheapest_mix_of_machines_is_found() {
    // 8.11 GB in jobs of 3 GB: three, and each pays ten minutes of set-up.
    let (own, price) = mix("", "0");
    assert_eq!((own.len(), own[0].as_str()), (3, "own"));
    assert!((price - 3.0 * 12.0 * 0.008).abs() < 1e-9, "{price}");
    // One large machine is cheaper, though its minutes are dearer.
    let large = "[[runner]]\nname = \"large\"\nruns-on = \"l\"\nbudget = \"24GB\"\nprice = 0.010\n";
    let (mixed, price) = mix(large, "0");
    assert_eq!(mixed, ["large"]);
    assert!((price - 16.0 * 0.010).abs() < 1e-9, "{price}");
    // A dear one is not.
    assert_eq!(mix(&large.replace("0.010", "0.100"), "0").0, ["own", "own", "own"]);
    // A shard that fits a cheaper machine runs there.
    let small = "[[runner]]\nname = \"small\"\nruns-on = \"s\"\nbudget = \"2900MB\"\nprice = 0.001\n";
    let (mixed, _) = mix(small, "0");
    assert!(mixed.iter().all(|runner| runner == "small"), "{mixed:?}");
}

#[test]
fn a_plan_for_one_machine_is_no_proof_for_the_others() {
    let proven = |runners: &str| {
        let toml = format!(
            "shards = \"auto\"\nminute-value = 0\nbudget = \"3GB\"\n[tier.all]\nmatch = [\"**\"]\nsetup = \"0s\"\n\
             session-start = \"0s\"\nprice = 0.008\nassume = {{ time = \"60s\", retained = \"100MB\" }}\n{runners}"
        );
        let list: String = (0..80).map(|n| format!("tests/t{n:02}.py\n")).collect();
        let project = crate::common::Project::with(&[("shard.toml", &toml), ("tests.txt", &list)]);
        project.shard("plan tests.txt").ok();
        project.plan()["quality"]["proven"].as_bool().unwrap()
    };
    assert!(proven(""), "all minutes are paid once, so no plan is cheaper");
    let large = "[[runner]]\nname = \"large\"\nruns-on = \"l\"\nbudget = \"24GB\"\nprice = 0.100\n";
    assert!(!proven(large), "nothing is proven about plans for the larger machine");
}
