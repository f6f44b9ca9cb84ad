//! Names that are nearly right: what was meant is suggested, whatever kind of name it is.

use crate::common::Project;

#[test]
fn whatever_is_nearly_right_gets_a_suggestion() {
    let project = Project::with(&[
        ("shard.toml", "[tier.unit]\nmatch = [\"**\"]\n"),
        ("tests.txt", "tests/unit/test_cart.py\ntests/unit/test_api.py\ntests/e2e/test_api.py\n"),
        ("tier.csv", "id,tier,ms\na,unti,1\n"),
        ("column.csv", "id,time,ms,retained_byte\na,1,1,1\n"),
        ("key.toml", "budgte = \"3GB\"\n"),
        ("value.toml", "[tier.unit]\nmatch = [\"**\"]\nretry = { on = [\"daemon-crsh\"], times = 1 }\n"),
        ("format.toml", "[inventory]\nfiles = [\"x\"]\nformat = \"pytset\"\n"),
    ]);
    project.shard("plan tests.txt").ok();
    let check = |words: &str, code: i32, parts: &[&str]| {
        project.shard(words).fails(code, parts);
    };
    // Commands, flags and their values.
    check("paln tests.txt", 2, &["error[usage]: ", "'plan'"]);
    check("plan tests.txt --bugdet 3GB", 2, &["error[usage]: ", "'--budget'"]);
    check("plan tests.txt --format githubb", 2, &["error[usage]: ", "'github'"]);
    check("plan tests.txt --effort nromal", 2, &["error[usage]: ", "'normal'"]);
    check("completions fihs", 2, &["error[usage]: ", "'fish'"]);
    // Shards, wherever they are named.
    let shard = ["error[unknown-shard]: the plan has no shard `unit-11`", "did you mean `unit-1`?"];
    check("select unit-11", 2, &shard);
    check("check unit-11", 2, &shard);
    check("run unit-11", 94, &shard);
    check("rebalance --failed unit-11=137", 2, &shard);
    // Suites: by their ends, by slips, and by both.
    let suite =
        |name: &str, expect: &str| check(&format!("explain {name}"), 2, &["error[unknown-suite]: ", expect]);
    suite("unit-11", "did you mean `unit-1`?");
    suite("test_cart.py", "did you mean `tests/unit/test_cart.py`?");
    suite("test_api.py", "did you mean `tests/e2e/test_api.py`, `tests/unit/test_api.py`?");
    suite("tests/unit/tset_cart.py", "did you mean `tests/unit/test_cart.py`?");
    suite("test_crat.py", "did you mean `tests/unit/test_cart.py`?");
    // Errors and warnings.
    suite("unknown-shrad", "did you mean the error or warning `unknown-shard`?");
    suite("oversized", "did you mean the error or warning `oversize`?");
    Project::new().shard("explain unknown-shrad").fails(2, &["the error or warning `unknown-shard`?"]);
    // Files.
    check("plan test.txt", 2, &["error[not-found]: `test.txt` does not exist", "did you mean `tests.txt`?"]);
    check("plan tests.txt --config shad.toml", 2, &["error[not-found]: ", "did you mean `shard.toml`?"]);
    check("plan --costs tiers.csv", 2, &["error[not-found]: ", "did you mean `tier.csv`?"]);
    check("select unit-1 --plan shard-out/plan.jsn", 2, &["did you mean `shard-out/plan.json`?"]);
    check("triage --log test.txt", 2, &["error[not-found]: ", "did you mean `tests.txt`?"]);
    check(
        "plan tests.txt --timings test.txt",
        2,
        &["error[report-invalid]: test.txt: ", "did you mean `tests.txt`?"],
    );
    // Formats, tiers, columns, keys and their values.
    check(
        "plan pytset:tests.txt",
        2,
        &["error[unknown-format]: no format `pytset`", "did you mean `pytest`?"],
    );
    check("inspect junitxml:tests.txt", 2, &["error[unknown-format]: ", "did you mean `junit-xml`?"]);
    check("plan --costs tier.csv", 2, &["error[unknown-tier]: tier.csv:2: ", "did you mean `unit`?"]);
    check("plan --costs column.csv", 2, &["error[costs-invalid]: column.csv:1: unknown column `time`"]);
    check(
        "plan tests.txt --config key.toml",
        2,
        &["key.toml:1:1: unknown key `budgte`", "did you mean `budget`?"],
    );
    check(
        "plan tests.txt --config value.toml",
        2,
        &["unknown value `daemon-crsh`", "did you mean `daemon-crash`?"],
    );
    check("plan tests.txt --config format.toml", 2, &["`pytset` is not a format", "did you mean `pytest`?"]);
}

#[test]
fn a_key_that_no_run_has_is_said() {
    let report =
        "<testsuite name=\"s\"><testcase classname=\"a\" name=\"t\" file=\"a.py\" time=\"4\"/></testsuite>";
    let project = Project::with(&[("tests.txt", "a.py\nb.py\n"), ("r.xml", report)]);
    project.shard("record r.xml --key linux-x64").ok();
    let said = |key: &str| project.shard(&format!("plan tests.txt --key {key}")).ok().stderr();
    assert!(said("linux-x46").contains("no run has the key `linux-x46`\n  help: did you mean `linux-x64`?"));
    assert!(said("windows").contains("no run has the key `windows`\n  help: it has `linux-x64`"));
    assert!(!said("linux-x64").contains("no run has the key"));
}

#[test]
fn a_suite_that_is_called_like_an_error_is_a_suite() {
    let project = Project::with(&[("tests.txt", "bug\nhang\n")]);
    let explained = |words: &str| project.shard(words).ok().stdout();
    assert!(explained("explain bug").starts_with("error[bug]: "));
    assert!(explained("explain bug tests.txt").starts_with("bug"));
    project.shard("plan tests.txt").ok();
    assert!(explained("explain bug").starts_with("bug"));
    assert!(explained("explain error[bug]").starts_with("error[bug]: "));
    assert!(explained("explain guard").starts_with("error[guard]: "));
    project.file("shard.toml", b"budget = ");
    assert!(explained("explain config-invalid").starts_with("error[config-invalid]: "));
}
