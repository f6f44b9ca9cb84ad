//! Shards found by number: flags, and what CIs say of their parallel jobs.

use crate::common::{Done, Project};

/// A plan of three shards, with one suite each: `c` is the longest and so number 0, `a` is number 2.
fn three() -> Project {
    let toml = "[tier.unit]\nmatch = [\"**\"]\nrun = [\"cat\", \"{selection}\"]\n";
    let project = Project::with(&[("shard.toml", toml), ("costs.csv", "id,ms\na,1000\nb,2000\nc,3000\n")]);
    project.shard("plan --costs costs.csv --shards 3").ok();
    project
}

fn with(project: &Project, words: &str, env: &[(&str, &str)]) -> Done {
    project.run(words.split_whitespace(), b"", env)
}

#[test]
fn a_shard_is_found_by_what_a_ci_says() {
    let project = three();
    let whose = |env: &[(&str, &str)]| with(&project, "select", env).ok().stdout();
    assert_eq!(whose(&[("SHARD_INDEX", "0")]), "c\n");
    assert_eq!(whose(&[("SHARD_INDEX", "2"), ("SHARD_TOTAL", "3")]), "a\n");
    assert_eq!(whose(&[("CIRCLE_NODE_INDEX", "1"), ("CIRCLE_NODE_TOTAL", "3")]), "b\n");
    let gitlab = [("GITLAB_CI", "true"), ("CI_NODE_INDEX", "1"), ("CI_NODE_TOTAL", "3")];
    assert_eq!(whose(&gitlab), "c\n");
    assert_eq!(whose(&[("SYSTEM_JOBPOSITIONINPHASE", "3"), ("SYSTEM_TOTALJOBSINPHASE", "3")]), "a\n");
    assert_eq!(project.shard("select --index 1").ok().stdout(), "b\n");
    // A name wins, whatever is around it.
    let wrong = [("SHARD_INDEX", "x"), ("CI_NODE_INDEX", "9")];
    assert_eq!(with(&project, "select unit-2", &wrong).ok().stdout(), "b\n");
    assert_eq!(with(&project, "select --index 0", &wrong).ok().stdout(), "c\n");
}

#[test]
fn a_number_that_cannot_be_right_is_an_error() {
    let project = three();
    let fails = |words: &str, env: &[(&str, &str)], parts: &[&str]| {
        with(&project, words, env).fails(2, parts);
    };
    fails("select", &[], &["which shard is meant?", "SHARD_INDEX, ", "SEMAPHORE_JOB_INDEX", "--index"]);
    fails("select", &[("SHARD_INDEX", "3")], &["3 shards in the plan, so SHARD_INDEX cannot be 3"]);
    fails("select", &[("SHARD_INDEX", "\u{1b}[31m")], &["SHARD_INDEX is `\\u{1b}[31m`, not a whole number"]);
    let four = [("CIRCLE_NODE_INDEX", "1"), ("CIRCLE_NODE_TOTAL", "4")];
    fails("select", &four, &["3 shards in the plan, but 4 jobs by CIRCLE_NODE_TOTAL", "--allow-idle"]);
    let two = [("SHARD_INDEX", "1"), ("SHARD_TOTAL", "2")];
    fails("select", &two, &["3 shards in the plan, but 2 jobs by SHARD_TOTAL", "plan with --shards 2"]);
    fails("select --allow-idle", &two, &["3 shards in the plan, but 2 jobs"]);
    fails("select --index 0 --total 4", &[], &["but 4 jobs by --total"]);
    fails("select unit-1 --index 0", &[], &["cannot be used with"]);
    // What is wrong with us must not look like the end of a test runner.
    with(&project, "run", &four).fails(94, &["3 shards in the plan, but 4 jobs"]);
    with(&project, "run", &[]).fails(94, &["which shard is meant?"]);
    assert!(!project.exists("shard-out/outcomes"));
}

#[test]
fn a_job_without_a_shard_does_nothing_where_that_is_allowed() {
    let project = three();
    let eight = |index| [("BUILDKITE_PARALLEL_JOB", index), ("BUILDKITE_PARALLEL_JOB_COUNT", "8")];
    assert_eq!(with(&project, "select --allow-idle", &eight("2")).ok().stdout(), "a\n");
    let idle = with(&project, "select --allow-idle", &eight("3")).ok();
    assert_eq!(idle.stdout(), "");
    let said = "nothing to do for job 4 of 8 by BUILDKITE_PARALLEL_JOB: the plan has 3 shards\n";
    assert_eq!(idle.stderr(), said);
    let idle = with(&project, "run --allow-idle -- false", &eight("7")).ok();
    assert!(idle.stdout().is_empty() && !project.exists("shard-out/outcomes"), "{}", idle.stdout());
    with(&project, "select --allow-idle", &eight("8")).fails(2, &["names job 9 of 8"]);
}

#[test]
fn a_number_counts_among_the_shards_that_are_listed() {
    let project = three();
    let select = |words: &str| project.shard(&format!("select {words}"));
    assert_eq!(select("--among 0,2 --index 1").ok().stdout(), "a\n");
    assert_eq!(select("--among 2,0-1 --index 0 --total 3").ok().stdout(), "a\n");
    let second = [("JOB_COMPLETION_INDEX", "1")];
    assert_eq!(with(&project, "select --among 1-2", &second).ok().stdout(), "a\n");
    select("--among 0,2 --index 2").fails(2, &["2 shards of the plan, so --index cannot be 2"]);
    select("--among 0,2 --index 1 --total 3").fails(2, &["2 shards of the plan, but 3 jobs"]);
    select("--among 0,3 --index 0").fails(2, &["--among names shard 3, but the plan has 3 shards"]);
    select("--among 0,0 --index 0").fails(2, &["0 is named twice"]);
}

#[test]
fn a_run_says_which_job_it_took_itself_for() {
    let project = three();
    let env = [("GITLAB_CI", "true"), ("CI_NODE_INDEX", "2"), ("CI_NODE_TOTAL", "3")];
    let done = with(&project, "run", &env).ok();
    assert!(done.stderr().starts_with("shard unit-2: job 2 of 3 by CI_NODE_INDEX\n"), "{}", done.stderr());
    assert!(done.stdout().contains("b\n"), "{}", done.stdout());
    assert_eq!(project.list("shard-out/outcomes"), ["unit-2.0.1.jsonl"]);
}
