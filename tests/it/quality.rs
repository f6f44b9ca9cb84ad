//! Quality as a golden file: a change of the packer shows in review as better or worse.
//!
//! `SHARD_ACCEPT=1 cargo test quality` rewrites `testdata/quality.txt`.

use shard::pack::Effort;
use shard::plan::verify;

use crate::common::golden;
use crate::problems::{Goal, Problem, made, planted, realistic};

#[test]
fn plans_are_as_good_as_they_were() {
    let mut problems: Vec<Problem> = Vec::new();
    for (count, shards, tight) in
        [(85, 8, 1.03), (85, 32, 1.03), (500, 8, 1.03), (500, 64, 1.1), (1_000, 16, 1.03)]
    {
        problems.extend((1..=3).map(|seed| realistic(count, shards, seed, tight, 0.3)));
    }
    for (shards, per_shard, style) in
        [(8, 10, "stick"), (16, 3, "triplet"), (16, 8, "heavy"), (8, 60, "stick")]
    {
        for slack in [0, 2] {
            problems.push(planted(shards, per_shard, style, slack, 1, false));
            problems.push(planted(shards, per_shard, style, slack, 1, true));
        }
    }
    let mut lines = String::from("family, problem: value, bound, proven\n");
    for problem in &problems {
        let plan = made(problem, Effort::Quick)
            .unwrap_or_else(|err| panic!("{} {}: {err}", problem.family, problem.name));
        assert_eq!(verify::verify(&plan), Vec::<String>::new(), "{} {}", problem.family, problem.name);
        let quality = &plan.quality;
        let (value, bound) = match problem.goal {
            Goal::Shards(_) => (quality.makespan_ms.0, quality.makespan_bound_ms.0),
            Goal::Target(_) => (quality.shards as u64, quality.shards_bound as u64),
        };
        assert!(
            problem.optimum.is_none_or(|optimum| bound <= optimum && optimum <= value),
            "{}",
            problem.family
        );
        assert!(value >= problem.lower, "{} {}: better than can be", problem.family, problem.name);
        let proven = if quality.proven { ", proven" } else { "" };
        lines.push_str(&format!("{}, {}: {value}, {bound}{proven}\n", problem.family, problem.name));
    }
    golden("quality.txt", &lines);
}
