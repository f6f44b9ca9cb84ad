//! `[[together]]`, `[[apart]]` and `[[alone]]`, from the configuration to the plan.

use std::collections::BTreeMap;

use crate::common::Project;

const LIST: &str = "tests/db/a.py\ntests/db/b.py\ntests/db/c.py\ntests/ui/a.py\ntests/ui/b.py\ntests/x.py\n";

fn plan(rules: &str, words: &str) -> (Project, crate::common::Done) {
    let project = Project::with(&[("shard.toml", rules), ("tests.txt", LIST)]);
    let done = project.shard(&format!("plan tests.txt {words}"));
    (project, done)
}

/// The shard of each suite.
fn shards(project: &Project) -> BTreeMap<String, String> {
    let plan = project.plan();
    let mut of = BTreeMap::new();
    for shard in plan["shards"].as_array().unwrap() {
        for suite in shard["sessions"][0]["suites"].as_array().unwrap() {
            of.insert(suite["id"].as_str().unwrap().to_owned(), shard["id"].as_str().unwrap().to_owned());
        }
    }
    of
}

#[test]
fn rules_are_kept_and_verified() {
    let rules = "[[together]]\nmatch = [\"tests/db/**\"]\n[[apart]]\nmatch = [\"tests/ui/**\"]\n[[alone]]\nmatch = [\"tests/x.py\"]\n";
    let (project, done) = plan(rules, "--shards 4");
    done.ok();
    let of = shards(&project);
    assert_eq!(of["tests/db/a.py"], of["tests/db/b.py"]);
    assert_eq!(of["tests/db/a.py"], of["tests/db/c.py"]);
    assert_ne!(of["tests/ui/a.py"], of["tests/ui/b.py"]);
    assert_eq!(of.values().filter(|shard| **shard == of["tests/x.py"]).count(), 1);
    project.shard("verify").ok();
    // A plan that breaks them is found out.
    let broken = project.read("shard-out/plan.json").replace("\"tests/ui/**\"", "\"tests/db/**\"");
    project.file("shard-out/plan.json", broken.as_bytes());
    assert!(project.shard("verify").stdout().contains("the rule Apart for tests/db/** is not kept"));
}

#[test]
fn apart_and_alone_ask_for_shards() {
    let (_, done) = plan("[[apart]]\nmatch = [\"tests/db/**\"]\n", "--shards 2");
    done.fails(
        3,
        &["2 shards cannot hold the 6 suites of tier `default`", "3 shards would do, and no fewer"],
    );
    let (project, done) = plan("[[alone]]\nmatch = [\"tests/db/**\"]\n", "");
    done.ok();
    assert_eq!(project.plan()["shards"].as_array().unwrap().len(), 4);
}

#[test]
fn contradictions_are_explained() {
    let both = |a: &str, b: &str| {
        format!(
            "[[{a}]]\nmatch = [\"tests/db/*\"]\n[[{b}]]\nmatch = [\"tests/db/a.py\", \"tests/db/b.py\"]\n"
        )
    };
    let refused = |rules: &str, parts: &[&str]| {
        plan(rules, "").1.fails(3, parts);
    };
    refused(
        &both("together", "apart"),
        &[
            "rules contradict each other for `tests/db/a.py` and `tests/db/b.py`",
            "[[apart]] `tests/db/a.py`, `tests/db/b.py` against [[together]] `tests/db/*`",
        ],
    );
    refused(&both("together", "alone"), &["[[alone]] `tests/db/a.py`", "against [[together]]"]);
    refused(
        "[[together]]\nmatch = [\"**\"]\n[tier.db]\nmatch = [\"tests/db/**\"]\n[tier.rest]\nmatch = [\"**\"]\n",
        &["wants suites of two tiers in one shard: `tests/db/a.py` of `db` and `tests/ui/a.py` of `rest`"],
    );
    refused(
        "budget = \"200MB\"\n[[together]]\nmatch = [\"tests/db/**\"]\n",
        &["suites that must stay together need 242 MB, 42 MB above the budget of 200 MB", "`tests/db/a.py`"],
    );
    let (_, done) = plan("target = \"55s\"\n[[together]]\nmatch = [\"tests/db/**\"]\n", "");
    done.fails(3, &["suites that must stay together take 1m 00s, longer than the target"]);
    let (_, done) = plan("[[apart]]\nmatch = [\"nothing/**\"]\n", "");
    assert!(done.ok().stdout().contains("the rule [[apart]] `nothing/**` matches no suite"));
}
