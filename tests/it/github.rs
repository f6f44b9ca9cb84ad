//! `--format github`: what the runner reads, read as the runner does.

use std::collections::BTreeMap;

use crate::common::{Done, Project};

/// Runs a plan as a workflow step does; the outputs are in `output`, the summary in `summary`.
fn step(project: &Project, words: &str) -> Done {
    let path = |name: &str| project.path().join(name).to_str().unwrap().to_owned();
    let (output, summary) = (path("output"), path("summary"));
    let args = words.split_whitespace().chain(["--format", "github"]);
    project.run(args, b"", &[("GITHUB_OUTPUT", &output), ("GITHUB_STEP_SUMMARY", &summary)])
}

/// The outputs of a file as the runner's own parser has them: line by line, `name=value` where `=` comes
/// before `<<`, else a block up to its delimiter; anything else fails the step.
fn outputs(text: &str) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut lines = text.split_inclusive('\n');
    while let Some(line) = lines.next() {
        let line = line.strip_suffix('\n').expect("every line ends");
        match (line.find('='), line.find("<<")) {
            (Some(equals), heredoc) if heredoc.is_none_or(|heredoc| equals < heredoc) => {
                found.insert(line[..equals].to_owned(), line[equals + 1..].to_owned());
            }
            (_, Some(heredoc)) => {
                let (name, delimiter) = (&line[..heredoc], &line[heredoc + 2..]);
                let block: Vec<&str> =
                    lines.by_ref().take_while(|line| line.trim_end_matches('\n') != delimiter).collect();
                found.insert(name.to_owned(), block.concat());
            }
            _ => panic!("the runner refuses `{line}`"),
        }
    }
    found
}

/// The workflow commands of a log, as far as the runner obeys them.
fn commands(log: &str) -> Vec<String> {
    let mut stopped: Option<String> = None;
    let mut found = Vec::new();
    for line in log.lines().map(str::trim_start) {
        assert!(!line.contains("##["), "an old command: {line}");
        match &stopped {
            Some(token) if line == format!("::{token}::") => stopped = None,
            Some(_) => {}
            None if line.starts_with("::stop-commands::") => {
                stopped = Some(line["::stop-commands::".len()..].to_owned());
            }
            None if line.starts_with("::") => found.push(line.to_owned()),
            None => {}
        }
    }
    assert!(stopped.is_none(), "commands stay switched off");
    found
}

#[test]
fn a_step_hands_on_matrix_and_figures() {
    let project = Project::with(&[("list", "a\nb\nc\n")]);
    project.file("output", b"earlier=1\n");
    step(&project, "plan list --shards 2 --budget 3GB").ok();
    let found = outputs(&project.read("output"));
    let names: Vec<&str> = found.keys().map(String::as_str).collect();
    assert_eq!(
        names,
        ["count", "digest", "earlier", "longest-minutes", "matrix", "peak-mb", "plan", "shards"]
    );
    assert_eq!(found["matrix"].clone() + "\n", project.read("shard-out/matrix.json"));
    let matrix: serde_json::Value = serde_json::from_str(&found["matrix"]).unwrap();
    let shards: serde_json::Value = serde_json::from_str(&found["shards"]).unwrap();
    assert_eq!(matrix["include"], shards);
    let figures = ["count", "longest-minutes", "peak-mb", "plan"].map(|name| found[name].as_str());
    assert_eq!(figures, ["2", "1", "198", "shard-out/plan.json"]);
    assert!(found["digest"].starts_with("sha256:"));
    let summary = project.read("summary");
    assert!(
        summary.starts_with("### 2 jobs · the longest 56s") && summary.contains("| default-1 | 2 |"),
        "{summary}"
    );
}

#[test]
fn nothing_hostile_reaches_the_runner() {
    let project = Project::new();
    let names = [
        "x ::error::pwned",
        "x\u{a0}::add-mask::1",
        "x ##[error]pwned",
        "a|b`c`<img src=x onerror=alert(1)>@octocat",
        "EOF",
        "matrix=pwned",
        "matrix<<EOF",
        "tests/%0A::set-output name=matrix::pwned",
        "[l](javascript:x)",
        "${{ secrets.X }}",
    ];
    project.file("list", (names.join("\n") + "\n").as_bytes());
    let toml =
        "budget = \"120MB\"\n[tier.x]\nmatch = [\"**\"]\nruns-on = \"a\\nmatrix=pwned\\n::error::x<<EOF\"\n";
    project.file("shard.toml", toml.as_bytes());
    let done = step(&project, "plan list --target 10m").ok();
    let found = outputs(&project.read("output"));
    assert_eq!(found.len(), 7);
    let matrix: serde_json::Value = serde_json::from_str(&found["matrix"]).unwrap();
    assert_eq!(matrix["include"].as_array().unwrap().len(), names.len());
    let log = done.stdout();
    let obeyed = commands(&log);
    assert!(
        obeyed.len() == 3 && obeyed.iter().all(|line| line.starts_with("::warning title=shard%3A ")),
        "{obeyed:?}"
    );
    assert!(commands(&done.stderr()).is_empty(), "{}", done.stderr());
    let summary = project.read("summary");
    assert!(
        !summary.contains("<img") && !summary.contains("@octocat") && !summary.contains("](javascript"),
        "{summary}"
    );
}

#[test]
fn no_name_and_no_setting_becomes_a_command() {
    let hostile = [
        "::set-output name=evil::x",
        "  ::add-mask::x",
        "##[set-output name=evil;]x",
        "##vso[task.setvariable variable=evil]x",
        "\u{1b}[31mred\u{1b}]0;title\u{7}",
        "carriage\rreturn",
    ];
    let harmless = |done: &Done| {
        for text in [done.stdout(), done.stderr()] {
            assert_eq!(commands(&text), Vec::<String>::new(), "{text}");
            let hidden = |c: char| c.is_control() && c != '\n';
            assert!(!text.contains("##vso[") && !text.contains(hidden), "{text:?}");
        }
    };
    let project = Project::new();
    // Long ones are wrapped, and any of their words may begin a line.
    let long: Vec<String> =
        hostile.iter().map(|name| format!("wrapped {}", format!("{name} ").repeat(9))).collect();
    let names: Vec<&str> = hostile.iter().copied().chain(long.iter().map(String::as_str)).collect();
    let lines: Vec<&str> = names.iter().copied().filter(|name| !name.contains('\r')).collect();
    project.file("list", (lines.join("\n") + "\n").as_bytes());
    project.shard("plan list --shards 1 --budget 3GB").ok();
    let reports = lines.iter().map(|name| (format!("{name}, too"), 1.0)).collect::<BTreeMap<_, _>>();
    project.file("times.json", &serde_json::to_vec(&reports).unwrap());
    harmless(&project.run(["run", "default-1", "--each", "--", "false", "{suites}"], b"", &[("CI", "true")]));
    for command in [
        "record shard-out/outcomes",
        "record times.json",
        "verify shard-out/outcomes times.json",
        "triage shard-out/outcomes",
        "rebalance",
        "explain default-1",
        "plan list --timings times.json",
    ] {
        harmless(&project.shard(command));
    }
    for name in hostile {
        for arguments in [
            vec!["plan", name],
            vec!["plan", "list", "--budget", name],
            vec!["plan", "--config", name],
            vec!["run", name],
            vec!["explain", name],
            vec!["rebalance", "--failed", name],
            vec![name],
        ] {
            harmless(&project.run(arguments, b"", &[]));
        }
        let quoted = serde_json::to_string(name).unwrap();
        for toml in
            ["X = 1", "budget = X", "[tier.X]", "[tier.a]\nmatch = [X]", "[tier.a]\nguard = X", "out = X"]
        {
            project.file("shard.toml", toml.replace('X', &quoted).as_bytes());
            harmless(&project.shard("run a-1"));
        }
        std::fs::remove_file(project.path().join("shard.toml")).unwrap();
    }
}

#[test]
fn limits_are_checked_before_anything_is_written() {
    let list: String = (0..300).map(|n| format!("t{n}\n")).collect();
    let project = Project::with(&[("list", &list)]);
    let untouched =
        || assert!(!project.exists("shard-out") && !project.exists("summary") && !project.exists("output"));
    step(&project, "plan list --shards 257")
        .fails(2, &["257 shards are more jobs than the 256", "--shards 256 or fewer"]);
    untouched();
    step(&project, "plan list --shards 100 --axes 3")
        .fails(2, &["100 shards × 3 of other axes", "--shards 85 or fewer"]);
    untouched();
    let toml = format!("[tier.x]\nmatch = [\"**\"]\nruns-on = \"{}\"\n", "é".repeat(2_000));
    project.file("shard.toml", toml.as_bytes());
    step(&project, "plan list --shards 256").fails(2, &["bytes in UTF-16, more than the 1048576"]);
    untouched();
    project.shard("plan list --format github").fails(2, &["GITHUB_OUTPUT is not set"]);
    untouched();
    project.shard("plan list --format github --axes 0").fails(2, &["--axes"]);
    step(&project, "plan list --shards 2 --dry-run").ok();
    untouched();
}

#[test]
fn markdown_is_for_pull_requests() {
    let project = Project::with(&[("list", "a\nb\n")]);
    let done = project.shard("plan list --budget 120MB --format markdown").ok();
    let text = done.stdout();
    assert!(text.contains("> [!WARNING]\n> &#96;a&#96; alone needs 154 MB"), "{text}");
    assert!(text.contains("<details><summary>the longest suites</summary>"), "{text}");
    assert_eq!(done.stderr(), "");
}
