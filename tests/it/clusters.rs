//! Plans as work for a cluster's own scheduler.

use std::fs;

use serde_json::Value;

use crate::common::{Project, root};

/// Two suites that need a gigabyte and a little, in shards of their own.
const COSTS: &str = "id,ms,retained_bytes\nbig.py,4000,1000000000\nsmall.py,3000,10000000\n";

const CONFIG: &str = r#"
budget = "1.2GB"
shards = 2
[tier.unit]
match = ["**"]
run = ["true", "{selection}"]
[[apart]]
match = ["**"]
[cluster]
memory-classes = ["256MiB", "2GiB"]
[kubernetes]
image = "ci:1"
claim = "work"
"#;

fn project() -> Project {
    Project::with(&[("costs.csv", COSTS), ("shard.toml", CONFIG)])
}

fn planned(format: &str) -> (Project, String) {
    let project = project();
    let done = project.shard(&format!("plan --costs costs.csv --format {format}")).ok();
    (project, done.stdout())
}

fn token(project: &Project) -> String {
    let matrix: Value = serde_json::from_str(&project.read("shard-out/matrix.json")).unwrap();
    let name = matrix["include"][0]["name"].as_str().unwrap();
    name.split_once('[').unwrap().1.trim_end_matches(']').to_owned()
}

#[test]
fn a_plan_becomes_an_array_for_every_amount_of_memory() {
    let (project, script) = planned("slurm");
    let token = token(&project);
    let submitted: Vec<&str> = script.lines().filter(|line| line.starts_with("submit s")).collect();
    assert_eq!(
        submitted,
        [
            format!("submit shard-{token}-2048m-1c 2048 1 10 0"),
            format!("submit shard-{token}-256m-1c 256 1 10 1")
        ]
    );
}

/// The script is run with an `sbatch` that writes down what it is told: what Slurm would get.
#[cfg(unix)]
#[test]
fn the_script_hands_every_word_to_sbatch_as_it_is() {
    use std::os::unix::fs::PermissionsExt;
    let project = project();
    let evil = "a b'c\\\"$(touch evil)`touch evil`;#%x";
    let toml = format!(
        "{CONFIG}[slurm]\npartition = '''{evil}'''\noptions = ['''--comment={evil}''', '''-J\u{e9}''']\n"
    );
    project.file("shard.toml", toml.as_bytes());
    let script = project.shard("plan --costs costs.csv --format slurm").ok().stdout();
    project.file(
        "bin/sbatch",
        b"#!/bin/sh\nfor word; do printf '%s\\n' \"$word\"; done >> words\ncat >> tasks\necho 7\n",
    );
    project.file("submit.sh", script.as_bytes());
    let sbatch = project.path().join("bin/sbatch");
    fs::set_permissions(&sbatch, fs::Permissions::from_mode(0o755)).unwrap();
    let path = format!("{}:{}", project.path().join("bin").display(), std::env::var("PATH").unwrap());
    let done = std::process::Command::new("sh")
        .arg("submit.sh")
        .current_dir(project.path())
        .env("PATH", path)
        .output()
        .unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    assert_eq!(String::from_utf8(done.stdout).unwrap(), "7\n7\n");
    let words = project.read("words");
    let options: Vec<&str> = words.lines().collect();
    for wanted in
        [&format!("--partition={evil}"), &format!("--comment={evil}"), "--mem=2048M", "--array=1", "-Jé"]
    {
        assert!(options.contains(&wanted), "{wanted}: {words}");
    }
    assert!(!project.exists("evil"), "something of the configuration was executed");
    assert_eq!(project.read("tasks").matches("exec shard run --index \"$SLURM_ARRAY_TASK_ID\"").count(), 2);
}

#[test]
fn a_plan_becomes_jobs_and_a_workflow() {
    let (project, list) = planned("kubernetes");
    let list: Value = serde_json::from_str(&list).unwrap();
    let token = token(&project);
    assert_eq!(list["items"][1]["metadata"]["name"], format!("shard-{token}-256m-1c"));
    let command =
        list["items"][1]["spec"]["template"]["spec"]["containers"][0]["command"].as_array().unwrap();
    let command: Vec<&str> = command.iter().map(|word| word.as_str().unwrap()).collect();
    assert_eq!(command[..4], ["shard", "run", "--among", "1"]);
    let (_, workflow) = planned("argo");
    let workflow: Value = serde_json::from_str(&workflow).unwrap();
    assert_eq!(workflow["kind"], "Workflow");
}

#[test]
fn what_a_cluster_could_not_run_is_refused_before_anything_is_written() {
    let project = project();
    project.file("shard.toml", CONFIG.replace("\"256MiB\", \"2GiB\"", "\"256MiB\"").as_bytes());
    project
        .shard("plan --costs costs.csv --format slurm")
        .fails(2, &["shard `unit-1` must be given", "`memory-classes`"]);
    assert!(!project.exists("shard-out"));
    project.file("shard.toml", CONFIG.replace("claim = \"work\"", "").as_bytes());
    project.shard("plan --costs costs.csv --format argo").fails(2, &["nothing in [kubernetes] says where"]);
}

/// A task may wait until its plan was replaced; its number means another shard then.
#[test]
fn a_task_runs_nothing_of_another_plan() {
    let (project, _) = planned("slurm");
    let token = token(&project);
    project.shard("run --index 0 --digest 00000000").fails(94, &["the plan is ", "not 00000000"]);
    let ran = project.shard(&format!("run --index 0 --preflight off --digest {token} --outcomes elsewhere"));
    assert!(ran.stderr().contains("unit-1"), "{}", ran.stderr());
    assert_eq!(project.list("elsewhere"), ["unit-1.0.1.jsonl"]);
    assert!(!project.exists("shard-out/outcomes"));
}

/// The recorded account, of the tasks of this plan.
fn account(project: &Project, name: &str) {
    let text = fs::read_to_string(root().join("testdata/ended").join(name)).unwrap();
    project.file(name, text.replace("00000000", &token(project)).as_bytes());
}

/// In all of them the task of the first shard passed, and that of the second was out of memory.
const ACCOUNTS: [(&str, &str); 4] = [
    ("sacct.txt", "Slurm calls task 9_1 OUT_OF_MEMORY"),
    ("sacct.json", "Slurm calls task 9_1 OUT_OF_MEMORY"),
    ("scontrol.txt", "Slurm calls task 9_1 OUT_OF_MEMORY for OutOfMemory"),
    ("pods.json", "its container OOMKilled with exit code 137"),
];

#[test]
fn what_a_cluster_says_of_its_tasks_is_planned_again() {
    for (name, said) in ACCOUNTS {
        let (project, _) = planned("slurm");
        account(&project, name);
        let judged = project.shard(&format!("triage --ended {name} --format json")).ok().stdout();
        let judged: Value = serde_json::from_str(&judged).unwrap();
        let verdicts: Vec<String> = judged["verdicts"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| format!("{} {}", one["shard"], one["verdict"]))
            .collect();
        assert_eq!(verdicts, ["\"unit-1\" \"passed\"", "\"unit-2\" \"out-of-memory\""], "{name}");
        let done = project.shard(&format!("rebalance --ended {name} --format slurm")).ok();
        // It had a smaller class than its budget, and asks for the larger one.
        assert!(
            done.stdout().lines().any(|line| line.starts_with("submit s") && line.ends_with(" 2048 1 10 0")),
            "{name}: {}",
            done.stdout()
        );
        let said_once = done.stderr().split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(said_once.contains(said), "{name}: {}", done.stderr());
        let plan = project.plan();
        let suites: Vec<&str> = plan["shards"]
            .as_array()
            .unwrap()
            .iter()
            .flat_map(|shard| shard["sessions"][0]["suites"].as_array().unwrap())
            .map(|suite| suite["id"].as_str().unwrap())
            .collect();
        assert_eq!(suites, ["small.py"], "{name}");
    }
}

#[test]
fn tasks_that_are_not_over_keep_their_shards() {
    let (project, _) = planned("slurm");
    let token = token(&project);
    let listing = format!(
        "JobID|JobName|State|ExitCode\n1_0|shard-{token}-1m-1c|OUT_OF_MEMORY|0:125\n1_1|shard-{token}-1m-1c|RUNNING|0:0\n2_0|other|FAILED|1:0\n"
    );
    project.file("sacct.txt", listing.as_bytes());
    let done = project.shard("rebalance --ended sacct.txt").ok();
    assert!(done.stderr().contains("warning: not over: 1 task of this plan"), "{}", done.stderr());
    assert!(done.stderr().contains("note: 1 task of another plan"), "{}", done.stderr());
    let names: Vec<String> =
        project.plan()["shards"].as_array().unwrap().iter().map(|shard| shard["id"].to_string()).collect();
    assert!(names.contains(&"\"unit-2\"".to_owned()), "{names:?}");
}

/// An outcome that stops in the middle blames nobody by itself; with what the cluster says it does.
#[test]
fn the_history_learns_from_what_a_cluster_says() {
    let (project, _) = planned("slurm");
    account(&project, "pods.json");
    let digest = shard::model::Digest::of(project.read("shard-out/plan.json").as_bytes()).to_string();
    let lines = [
        format!(
            r#"{{"event":"start","schema":1,"shard":"unit-2","tier":"unit","plan":"{digest}","run":"r","attempt":1,"key":"k","at":1760000000,"host":{{}},"suites":1}}"#
        ),
        r#"{"event":"session","index":1,"attempt":1,"at":1760000001,"suites":["small.py"]}"#.to_owned(),
        r#"{"event":"begin","worker":"main","id":"small.py","at":1760000002,"level_bytes":100000000}"#
            .to_owned(),
        r#"{"event":"sample","at":1760000003,"bytes":400000000,"available_bytes":5}"#.to_owned(),
    ];
    project.file("shard-out/outcomes/unit-2.0.1.jsonl", (lines.join("\n") + "\n").as_bytes());
    project.shard("record shard-out/outcomes --history without.json").ok();
    project.shard("record shard-out/outcomes --history with.json --ended pods.json").ok();
    let of = |name: &str| {
        serde_json::from_str::<Value>(&project.read(name)).unwrap()["suites"]["small.py"].clone()
    };
    assert!(of("without.json").is_null(), "{}", of("without.json"));
    assert_eq!(of("with.json")[0][5], 300_000_000, "{}", of("with.json"));
}

#[test]
fn accounts_that_are_none_are_refused() {
    let (project, _) = planned("slurm");
    project.file("x.txt", b"hello\n");
    for command in ["rebalance", "triage", "record costs.csv"] {
        project
            .shard(&format!("{command} --ended x.txt"))
            .fails(2, &["x.txt: neither a listing of `sacct`", "kubectl get pods"]);
    }
    project.shard("triage --ended nowhere.txt").fails(2, &["nowhere.txt"]);
}

#[test]
fn recorded_accounts_say_how_they_were_recorded() {
    let readme = fs::read_to_string(root().join("testdata/ended/README.md")).unwrap();
    for entry in fs::read_dir(root().join("testdata/ended")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(name == "README.md" || readme.contains(&format!("`{name}`")), "{name}");
    }
}
