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
        assert!(options.contains(&wanted.as_ref()), "{wanted}: {words}");
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

#[test]
fn recorded_accounts_say_how_they_were_recorded() {
    let readme = fs::read_to_string(root().join("testdata/ended/README.md")).unwrap();
    for entry in fs::read_dir(root().join("testdata/ended")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(name == "README.md" || readme.contains(&format!("`{name}`")), "{name}");
    }
}
