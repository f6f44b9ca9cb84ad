//! `shard plan --what-if`: its figures are those that plans have which are really made.

use serde_json::Value;

use crate::common::{Done, Project, Random};

/// Suites of two tiers with rules, imports and several sessions.
fn project(seed: u64) -> Project {
    let random = &mut Random(seed);
    let mut rows = "id,tier,ms,import_bytes,retained_bytes,transient_bytes\n".to_owned();
    for number in 0..40 {
        let (tier, scale) = if number % 3 == 0 { ("e2e", 4) } else { ("unit", 1) };
        let mut figure = |most: u64| random.below(most);
        rows += &format!(
            "t/{tier}_{number:02}.py,{tier},{},{},{},{}\n",
            1_000 + figure(20_000) * scale,
            figure(3_000_000),
            figure(30_000_000),
            figure(90_000_000) * scale
        );
    }
    let toml = "budget = \"600MB\"\n[tier.unit]\nmatch = [\"t/unit*\"]\nworkers = 2\n\
                [tier.e2e]\nmatch = [\"t/e2e*\"]\nsessions = 2\n\
                [[together]]\nmatch = [\"t/unit_01.py\", \"t/unit_02.py\"]\n\
                [[apart]]\nmatch = [\"t/e2e_0*\"]\n[[alone]]\nmatch = [\"t/unit_04.py\"]\n";
    Project::with(&[("shard.toml", toml), ("costs.csv", &rows)])
}

fn json(done: Done) -> Value {
    serde_json::from_str(&done.ok().stdout()).unwrap()
}

#[test]
fn the_curve_is_that_of_as_many_shards_as_pay() {
    for seed in 0..6 {
        let project = project(seed);
        let auto = json(
            project.shard("plan --costs costs.csv --shards auto --effort quick --dry-run --format json"),
        );
        let asked = json(project.shard("plan --costs costs.csv --what-if --format json"));
        let own = asked["asked"]["shards"].as_u64().unwrap();
        let points = |value: &Value| -> Vec<Value> {
            let all = value.as_array().unwrap().iter();
            all.filter(|point| point["shards"].as_u64().unwrap() != own).cloned().collect()
        };
        // Beside the numbers next to the plan's, which are tried for it.
        let tried = points(&asked["shards"]);
        for point in points(&auto["curve"]) {
            assert!(tried.contains(&point), "seed {seed}: {point} is not in {tried:?}");
        }
    }
}

#[test]
fn every_answer_is_a_plan_that_can_be_made() {
    let project = project(9);
    let asked = json(project.shard(
        "plan --costs costs.csv --shards 12 --effort quick --what-if --format json --budgets 500MB,700MB,1GB",
    ));
    let made = |flags: &str| {
        json(project.shard(&format!("plan --costs costs.csv --effort quick --dry-run --format json {flags}")))
    };
    let same = |point: &Value, plan: &Value| {
        assert_eq!(point["shards"], plan["quality"]["shards"]);
        assert_eq!(point["longest_ms"], plan["quality"]["makespan_ms"]);
        assert_eq!(point["peak_bytes"], plan["quality"]["peak_bytes"]);
    };
    same(&asked["asked"], &made("--shards 12"));
    let budgets = asked["budgets"].as_array().unwrap();
    assert_eq!(budgets.len(), 4, "the plan's own is among them");
    for other in budgets.iter().filter(|other| other["own"] == false) {
        let budget = other["budget_bytes"].as_u64().unwrap();
        same(&other["fewest"], &made(&format!("--budget {budget}B")));
        same(&other["asked"], &made(&format!("--budget {budget}B --shards 12")));
    }
    let fewest = &asked["fewest"];
    let less = fewest["shards"].as_u64().unwrap() - 1;
    let refused = project.shard(&format!("plan --costs costs.csv --dry-run --effort quick --shards {less}"));
    refused.fails(3, &[fewest["reason"].as_str().unwrap()]);
}

#[test]
fn machines_have_their_budgets_and_prices() {
    let toml = "budget = \"3GB\"\nmargin = \"0%\"\n[tier.all]\nmatch = [\"**\"]\nprice = 0.008\n\
                assume = { time = \"60s\", retained = \"100MB\" }\n\
                [[runner]]\nname = \"large\"\nruns-on = \"l\"\nbudget = \"24GB\"\nprice = 0.032\n";
    let list: String = (0..80).map(|number| format!("tests/t{number:02}.py\n")).collect();
    let project = Project::with(&[("shard.toml", toml), ("tests.txt", &list)]);
    let asked = json(project.shard("plan tests.txt --what-if --format json"));
    let runners = asked["runners"].as_array().unwrap();
    assert_eq!(runners.len(), 2);
    // 8.11 GB: three jobs of 28 minutes at most, or one of 81.
    assert_eq!((&runners[0]["name"], &runners[0]["fewest"]["shards"]), (&Value::Null, &3.into()));
    assert_eq!((&runners[1]["name"], &runners[1]["fewest"]["shards"]), (&"large".into(), &1.into()));
    let price = |runner: &Value| runner["fewest"]["price"].as_f64().unwrap();
    assert!((price(&runners[1]) - 81.0 * 0.032).abs() < 1e-9, "{}", price(&runners[1]));
    assert!(price(&runners[0]) < 84.5 * 0.008);
    let table = project.shard("plan tests.txt --what-if").ok().stdout();
    assert!(table.contains("as planned") && table.contains("minute-value"), "{table}");
}

#[test]
fn nothing_is_written_and_the_answer_is_the_same_again() {
    let project = project(3);
    let first = project.shard("plan --costs costs.csv --shards 8 --what-if").ok().stdout();
    assert!(!project.exists("shard-out"));
    assert_eq!(project.shard("plan --costs costs.csv --shards 8 --what-if").ok().stdout(), first);
    let one = project.run(
        "plan --costs costs.csv --shards 8 --what-if".split(' '),
        b"",
        &[("RAYON_NUM_THREADS", "1")],
    );
    assert_eq!(one.ok().stdout(), first);
    assert!(first.lines().all(|line| shard::text::width(line) <= 80), "{first}");
}

#[test]
fn what_cannot_be_had_is_told_with_what_can() {
    let project = project(4);
    let done = project.shard("plan --costs costs.csv --shards 2 --what-if").ok();
    assert!(done.stderr().contains("note: what was asked for cannot be had: 2 shards"), "{}", done.stderr());
    assert!(done.stdout().starts_with("as few jobs as memory allows: "), "{}", done.stdout());
    let done = project.shard("plan --costs costs.csv --target 1s --what-if --format json").ok();
    let asked: Value = serde_json::from_str(&done.stdout()).unwrap();
    assert!(asked["asked"].is_null() && asked["fewest"]["shards"].as_u64() > Some(2));
}

#[test]
fn flags_that_do_not_go_together_are_refused() {
    let project = project(5);
    let check = |flags: &str, parts: &[&str]| {
        project.shard(&format!("plan --costs costs.csv {flags}")).fails(2, parts);
    };
    check("--what-if --format github", &["--what-if prints a table or JSON"]);
    check("--budgets 3GB", &["--what-if"]);
    check("--what-if --budgets 3", &["`3` is not an amount of memory"]);
    check(&format!("--what-if --budgets {}", vec!["1GB"; 33].join(",")), &["at most 32"]);
    check("--concurrency 3", &["--shards auto or --what-if"]);
}
