//! `shard explain`: its terms make the very figures of the plan, for suites and for shards.

use std::collections::BTreeMap;
use std::fmt::Write;

use serde_json::Value;

use crate::common::{Project, Random};

const CONFIG: &str = r#"key = "k"
budget = "3GB"
[tier.unit]
match = ["unit/**"]
assume = { time = "4s", import = "3MB", retained = "40MB", transient = "9MB" }
[tier.go]
match = ["go/**"]
memory = "isolated"
workers = 2
"#;

/// A project with a list and a history of everything that can happen to a suite.
fn project(random: &mut Random) -> (Project, Vec<String>) {
    let suites: Vec<String> = (0..12)
        .map(|n| format!("{}/d{}/test_{n}.py", ["unit", "go"][random.below(2) as usize], random.below(3)))
        .collect();
    let runs = 1 + random.below(24);
    let mut rows = Vec::new();
    for suite in suites.iter().take(9) {
        let mut seen = Vec::new();
        for run in 0..runs {
            if random.below(3) == 0 {
                continue;
            }
            let mut figure = |most| match random.below(4) {
                0 => "null".to_owned(),
                _ => random.below(most).to_string(),
            };
            let [ms, import, retained, transient] =
                [90_000, 9_000_000, 90_000_000, 900_000_000].map(&mut figure);
            let killed = u64::from(random.below(8) == 0);
            seen.push(format!("[{run},\"p\",{ms},{import},{retained},{transient},{killed}]"));
        }
        rows.push(format!("\"{suite}\":[{}]", seen.join(",")));
    }
    let mut key = |run: u64| if run > 0 && random.below(4) == 0 { "other" } else { "k" };
    let names: Vec<String> = (0..runs)
        .map(|run| format!("{{\"run\":\"r{run}\",\"at\":{},\"key\":\"{}\"}}", 1_000 + run, key(run)))
        .collect();
    // Real sessions held up to 1.5 times what the model made of them.
    let peak = 900_000 + random.below(600_000);
    let history = format!(
        "{{\"schema\":1,\"runs\":[{}],\"suites\":{{{}}},\"tiers\":{{\"unit\":[[0,\"s\",null,null,null,null,{peak},1000000]]}}}}",
        names.join(","),
        rows.join(",")
    );
    let list = suites.join("\n");
    let files = [("shard.toml", CONFIG), ("tests.txt", &list), ("shard-history.json", &history)];
    (Project::with(&files), suites)
}

fn explained(project: &Project, name: &str, more: &str) -> Value {
    let words = format!("explain {name} {more} --format json");
    serde_json::from_str(&project.shard(&words).ok().stdout()).unwrap()
}

fn float(value: &Value, key: &str) -> f64 {
    value[key].as_f64().unwrap_or_else(|| panic!("{key} of {value}"))
}

fn whole(value: &Value, key: &str) -> u64 {
    value[key].as_u64().unwrap_or_else(|| panic!("{key} of {value}"))
}

/// What the shown terms of an amount of memory make.
fn memory(figure: &Value) -> u64 {
    let step = |bytes: u64| bytes.div_ceil(64 << 10) * (64 << 10);
    let plus = |bytes: u64, share: u64| (bytes * (10_000 + share)).div_ceil(10_000);
    let level =
        |key: &str| step(plus(figure[key].as_i64().unwrap().max(0) as u64, whole(figure, "more_hundredths")));
    let base = match figure["rule"].as_str().unwrap() {
        "largest" => level("largest_bytes"),
        "own" => level("least_bytes"),
        "bound" => {
            let (n, deviation) = (float(figure, "effective"), float(figure, "deviation"));
            let offset = f64::from(16 << 20);
            let mean = (float(figure, "middle_bytes") + offset).ln();
            let bound = (mean + float(figure, "t") * deviation * (1.0 + 1.0 / n).sqrt()).exp() - offset;
            let shown = float(figure, "bound_bytes");
            assert!((bound - shown).abs() <= 1e-6 * shown.abs() + 10.0, "{bound}: {figure}");
            step(shown.min(float(figure, "most_bytes")).max(float(figure, "least_bytes")).ceil() as u64)
        }
        "held" => whole(figure, "held_bytes"),
        "relatives" => (whole(figure, "quantile") * 3).div_ceil(2),
        "assumed" => whole(figure, "file").div_ceil(whole(figure, "parts")),
        other => panic!("{other}"),
    };
    let added = plus(plus(base, whole(figure, "calibration_hundredths")), whole(figure, "margin_hundredths"));
    added.saturating_sub(figure["kept_bytes"].as_u64().unwrap_or(0))
}

/// The weighted mean of the times that are said to count, in milliseconds.
fn mean(samples: &Value) -> f64 {
    let counted = samples.as_array().unwrap().iter();
    let counted =
        counted.filter_map(|sample| Some((sample["ms"].as_f64()?, sample["ms_use"]["counted"].as_f64()?)));
    let (sum, weights) =
        counted.fold((0.0, 0.0), |(sum, all), (ms, weight)| (sum + ms * weight, all + weight));
    sum / weights
}

#[test]
fn explained_terms_make_the_planned_figures() {
    // How often each rule was met: none is right by never being asked.
    let mut met: BTreeMap<String, usize> = BTreeMap::new();
    for seed in 0..10 {
        let mut random = Random(seed);
        let (project, suites) = project(&mut random);
        project.shard("plan tests.txt").ok();
        let plan = project.plan();
        let planned: Vec<&Value> = (plan["shards"].as_array().unwrap().iter())
            .flat_map(|shard| shard["sessions"].as_array().unwrap())
            .flat_map(|session| session["suites"].as_array().unwrap())
            .collect();
        for id in suites {
            // With the list, and without it: then the plan's suites are explained.
            let found = explained(&project, &id, ["", "tests.txt"][random.below(2) as usize]);
            let suite = planned.iter().find(|suite| suite["id"] == *id).unwrap();
            let keys = ["ms", "import_bytes", "retained_bytes", "transient_bytes"];
            for key in keys.into_iter().chain(["basis", "memory_basis", "samples"]) {
                assert_eq!(found["estimate"][key], suite[key], "seed {seed}: {key} of {id}");
            }
            for key in keys {
                assert_eq!(found["placed"]["planned"][key], suite[key], "seed {seed}: {key} of {id}");
            }
            for name in ["import", "retained", "transient"] {
                let mut made = memory(&found[name]);
                if name == "transient" && !found["kills"].is_null() {
                    made = made.max(whole(&found["kills"], "floor_bytes"));
                    *met.entry("kill".to_owned()).or_default() += 1;
                }
                assert_eq!(suite[format!("{name}_bytes")], made, "seed {seed}: {id}: {}", found[name]);
                *met.entry(format!("{name} {}", found[name]["rule"].as_str().unwrap())).or_default() += 1;
            }
            let ms = float(suite, "ms");
            let rule = found["time"]["rule"].as_str().unwrap();
            match rule {
                "mean" => {
                    // Weights are shown in thousandths.
                    let mean = mean(&found["samples"]).max(1.0);
                    assert!((mean - ms).abs() <= 1.0 + ms * 0.002, "seed {seed}: {id}: {mean} {ms}");
                }
                "relatives" => assert_eq!(float(&found["time"], "quantile"), ms, "seed {seed}: {id}"),
                _ => assert_eq!(ms, 4_000.0),
            }
            *met.entry(format!("time {rule}")).or_default() += 1;
        }
    }
    let rules = ["kill", "time mean", "time relatives", "import largest", "import relatives"];
    let more = ["retained largest", "retained relatives", "transient bound", "transient relatives"];
    assert!(rules.iter().chain(&more).all(|rule| met.contains_key(*rule)), "{met:?}");
}

#[test]
fn the_parts_of_a_shard_make_its_figures() {
    let laws = [
        "workers = 1",
        "workers = 1\norder = \"any\"",
        "workers = 3",
        "workers = 2\nspread = true",
        "workers = 2\nmemory = \"isolated\"",
        "workers = 3\nmemory = \"isolated\"\neach = true\ncpus = 2",
        "workers = 1\nsessions = 3",
    ];
    for (seed, law) in laws.iter().enumerate() {
        let mut random = Random(seed as u64);
        let config = format!(
            "budget = \"900MB\"\n[tier.t]\nmatch = [\"**\"]\nbase = \"60MB\"\nsetup = \"7s\"\nsession-start = \"2s\"\n{law}\n"
        );
        let mut costs = "id,ms,import_bytes,retained_bytes,transient_bytes\n".to_owned();
        for n in 0..30 {
            let [ms, import, retained, transient] =
                [9_000, 3_000_000, 30_000_000, 90_000_000].map(|most| 1 + random.below(most));
            let _ = writeln!(costs, "s{n},{ms},{import},{retained},{transient}");
        }
        let project = Project::with(&[("shard.toml", &config), ("costs.csv", &costs)]);
        project.shard("plan --costs costs.csv --shards 3").ok();
        for shard in project.plan()["shards"].as_array().unwrap() {
            let id = shard["id"].as_str().unwrap();
            let found = explained(&project, id, "");
            let sum = |of: &Value, keys: &[&str]| keys.iter().map(|key| whole(of, key)).sum::<u64>();
            let bytes =
                sum(&found["peak"], &["floor_bytes", "import_bytes", "retained_bytes", "transient_bytes"]);
            assert_eq!(shard["predicted_bytes"], bytes, "{law}: {found}");
            let ms = sum(&found, &["setup_ms", "session_starts_ms", "running_ms"]);
            assert_eq!(shard["predicted_ms"], ms, "{law}: {found}");
            let text = project.shard(&format!("explain {id}")).ok().stdout();
            assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
        }
    }
}

#[test]
fn names_that_are_not_there_are_told_with_what_is_near() {
    let project = Project::with(&[("tests.txt", "unit/test_login.py\nunit/test_logout.py\ndefault-1\n")]);
    let wrong = project.shard("explain unit/test_logn.py tests.txt");
    wrong.fails(
        2,
        &["`unit/test_logn.py` is neither a suite nor a shard", "did you mean `unit/test_login.py`?"],
    );
    project.shard("explain far-away tests.txt").fails(2, &["there is no plan `shard-out/plan.json`"]);
    project.shard("explain nothing").fails(2, &["nothing says which suites exist"]);
    project.shard("plan tests.txt").ok();
    project.shard("explain test_log").fails(2, &["`unit/test_login.py`, `unit/test_logout.py`?"]);
    project.shard("explain defalt-1").fails(2, &["did you mean `default-1`?"]);
    project.shard("explain default-1 --plan no.json").fails(2, &["`no.json` does not exist"]);
    let both = project.shard("explain default-1").ok();
    assert!(both.stderr().contains("`default-1` is a suite too; this is the shard"), "{}", both.stderr());
    assert!(both.stdout().starts_with("default-1 · "), "{}", both.stdout());
}

#[test]
fn a_part_of_a_suite_that_the_plan_cut_is_explained() {
    let list = "a.py::test_x\na.py::test_y\nb.py::test_z\n";
    let times = r#"{"a.py::test_x": 90.0, "a.py::test_y": 80.0, "b.py::test_z": 5.0}"#;
    let config = "[tier.t]\nmatch = [\"**\"]\nsplit = true\n";
    let project = Project::with(&[("shard.toml", config), ("tests.txt", list), ("times.json", times)]);
    let words = "tests.txt --timings times.json --granularity file";
    project.shard(&format!("plan {words} --shards 2")).ok();
    let found = explained(&project, "a.py::test_x", words);
    assert_eq!(found["estimate"]["ms"], 90_000);
    assert_eq!(found["samples"][0]["run"], Value::Null, "{found}");
    assert_eq!(found["placed"]["planned"]["ms"], 90_000);
}

#[test]
fn hostile_names_are_shown_without_harm() {
    let project = Project::with(&[("tests.txt", "a\u{1b}[31m\u{202e}.py\n")]);
    project.shard("plan tests.txt").ok();
    let shown = project.run(["explain", "a\u{1b}[31m\u{202e}.py"], b"", &[]).ok();
    assert!(shown.stdout().contains("a\\u{1b}[31m\\u{202e}.py"), "{}", shown.stdout());
    let wrong = project.run(["explain", "\u{1b}[2J"], b"", &[]);
    wrong.fails(2, &["`\\u{1b}[2J`"]);
}

#[test]
fn plain_terminals_and_narrow_ones_are_served() {
    let project = Project::with(&[
        ("shard.toml", include_str!("../../testdata/cli/explain-suite/in/shard.toml")),
        ("tests.txt", include_str!("../../testdata/cli/explain-suite/in/tests.txt")),
        ("shard-history.json", include_str!("../../testdata/cli/explain-suite/in/shard-history.json")),
    ]);
    project.shard("plan tests.txt").ok();
    for name in project.read("tests.txt").lines().chain(["unit-1"]) {
        let shown = project.run(["explain", name], b"", &[("LANG", "C")]).ok().stdout();
        assert!(shown.is_ascii() && !shown.contains("\\u"), "{shown}");
        assert!(shown.lines().all(|line| line.len() <= 80), "{shown}");
    }
}

#[test]
fn a_moved_file_says_from_where() {
    let list = "new/test_moved.py\nt/test_a.py\nt/test_b.py\n";
    let runs = r#"{"schema":1,"runs":[{"run":"r0","at":1,"key":"k"}],"suites":{"old/test_moved.py":[[0,"p",30000,0,5000,6000,0]],"t/test_a.py":[[0,"p",1000,0,0,0,0]]}}"#;
    let files = [("tests.txt", list), ("shard-history.json", runs), ("shard.toml", "key = \"k\"\n")];
    let project = Project::with(&files);
    let text = project.shard("explain new/test_moved.py tests.txt").ok().stdout();
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(text.contains(" moved from old/test_moved.py") && !text.contains("key"), "{text}");
    assert!(text.contains("Its runs are of `old/test_moved.py`, from which it was moved."), "{text}");
    assert!(text.contains("a run under its new name"), "{text}");
    let json = |suite: &str| {
        let text = project.shard(&format!("explain {suite} tests.txt --format json")).ok().stdout();
        serde_json::from_str::<Value>(&text).unwrap()["samples"][0].clone()
    };
    assert_eq!(json("new/test_moved.py")["moved_from"], "old/test_moved.py");
    assert_eq!(json("t/test_a.py")["moved_from"], Value::Null);
    // Reports that were named know other names than the history does.
    project.file("times.json", br#"{"new/test_moved.py::t": 30}"#);
    let text = project.shard("explain new/test_moved.py tests.txt --timings times.json").ok().stdout();
    let rows: Vec<&str> =
        text.lines().filter(|line| line.starts_with("--timings") || line.starts_with("r0")).collect();
    assert!(rows.len() == 2 && !rows[0].contains("moved") && rows[1].contains("moved from old/"), "{text}");
}
