//! `shard check`: this machine against what is needed.

use crate::common::Project;

const TESTS: &str = "tests/a.py\ntests/b.py\n";

#[test]
fn needs_are_held_against_the_machine() {
    let check = |preflight: &str, code: i32, parts: &[&str]| {
        let project = Project::with(&[("shard.toml", preflight)]);
        let done = project.shard("check");
        assert_eq!(done.code(), code, "{preflight}: {}", done.stderr());
        let said = done.stdout() + &done.stderr();
        parts.iter().for_each(|part| assert!(said.contains(part), "`{part}` is not in:\n{said}"));
    };
    check("", 0, &["memory", "available", "cpus", "A kill for want of memory"]);
    check("[preflight]\nneed = { memory = \"1MB\", disk = \"1MB\", cpus = 1 }\n", 0, &["1 MB"]);
    let memory = "error[machine-too-small]: memory: 900 TB are needed, ";
    check("[preflight]\nneed = { memory = \"900TB\" }\n", 4, &[memory, " are there"]);
    check("[preflight]\nneed = { disk = \"900TB\" }\n", 4, &["error[machine-too-small]: disk: "]);
    check("[preflight]\nneed = { cpus = 9999 }\n", 4, &["error[machine-too-small]: cpus: 9999 are needed, "]);
    check("[preflight]\nrecommend = { cpus = 9999 }\n", 0, &["warning: cpus: 9999 are recommended, "]);
    check("[preflight]\nneed = { cores = 1 }\n", 2, &["unknown key `cores`"]);
}

#[test]
fn the_largest_shard_is_held_against_the_machine() {
    let costs = "id,ms,retained_bytes\ntests/a.py,1000,900000000000000\ntests/b.py,1000,1000\n";
    let project = Project::with(&[("costs.csv", costs)]);
    project.shard("plan --costs costs.csv --budget none --shards 2").ok();
    let done = project.shard("check --format json");
    assert_eq!(done.code(), 4);
    assert!(
        done.stderr()
            .contains("error[machine-too-small]: memory: shard default-1 is expected to need 900 TB, "),
        "{}",
        done.stderr()
    );
    let found: serde_json::Value = serde_json::from_str(&done.stdout()).unwrap();
    assert_eq!(found["shard"]["id"], "default-1");
    assert_eq!(found["findings"][0]["severity"], "refusal");
    assert!(found["machine"]["memory_bytes"].as_u64() > Some(1 << 26));
    project.shard("check default-2").ok();
    project.shard("check default-3").fails(2, &["the plan has no shard `default-3`", "default-1"]);
    project.shard("check --plan none.json").fails(2, &["`none.json` does not exist"]);
}

#[test]
fn what_is_only_assumed_is_no_reason_to_refuse() {
    let toml = "[tier.all]\nmatch = [\"**\"]\nassume = { retained = \"900TB\" }\n";
    let project = Project::with(&[("tests.txt", TESTS), ("shard.toml", toml)]);
    project.shard("plan tests.txt").ok();
    let done = project.shard("check").ok();
    assert!(done.stderr().contains("its memory is only assumed"), "{}", done.stderr());
}

#[cfg(target_os = "linux")]
#[test]
fn limits_that_will_bite_are_told() {
    let project = Project::new();
    let check = |limits: &str| {
        let script = format!("{limits}; exec {} check", env!("CARGO_BIN_EXE_shard"));
        let done =
            std::process::Command::new("sh").args(["-c", &script]).current_dir(project.path()).output();
        let done = done.unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        assert_eq!(done.status.code(), Some(0), "{limits}");
        (text(done.stdout), text(done.stderr))
    };
    let (shown, told) = check("ulimit -n 200; ulimit -v 64000000");
    assert!(shown.contains("200 open files, ") && shown.contains("65.5 GB of address space"), "{shown}");
    assert!(
        told.contains("warning: ulimit: a process may have 200 files and sockets open at once, "),
        "{told}"
    );
    assert!(told.contains("raise it with `ulimit -n 1024`"), "{told}");
    assert!(
        told.contains("address space is limited to 65.5 GB") && told.contains("`ulimit -v unlimited`"),
        "{told}"
    );
    let (_, told) = check("ulimit -n 1024");
    assert!(!told.contains("open at once"), "{told}");
}
