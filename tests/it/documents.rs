//! `--format gitlab`, `buildkite`, `circleci`, `azure`: documents that make jobs of a plan.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::common::Project;

const CIS: [&str; 4] = ["gitlab", "buildkite", "circleci", "azure"];

fn document(project: &Project, words: &str) -> Value {
    serde_json::from_str(&project.shard(words).ok().stdout()).unwrap()
}

/// The variables of every job that finds its shard by them, as the CI would set them.
fn jobs(ci: &str, document: &Value) -> Vec<BTreeMap<String, String>> {
    let text = |table: &Value| -> BTreeMap<String, String> {
        table
            .as_object()
            .unwrap()
            .iter()
            .map(|(key, value)| (key.clone(), value.as_str().unwrap().into()))
            .collect()
    };
    let all = document.as_object().unwrap();
    match ci {
        "gitlab" => {
            let visible = all.values().filter(|job| job.get("extends").is_some());
            visible.filter_map(|job| job.get("variables")).map(text).collect()
        }
        "buildkite" => {
            let steps = all["steps"][0]["steps"].as_array().unwrap();
            steps.iter().filter_map(|step| step.get("env")).map(text).collect()
        }
        "circleci" => {
            let runs = all["workflows"]["shards"]["jobs"].as_array().unwrap();
            let runs = runs.iter().filter_map(Value::as_object).map(|run| run.iter().next().unwrap());
            runs.map(|(name, parameters)| {
                let replace = |value: String| match value.strip_prefix("<< parameters.") {
                    Some(rest) => parameters[rest.trim_end_matches(" >>")].as_str().unwrap().to_owned(),
                    None => value,
                };
                let variables = text(&all["jobs"][name]["environment"]);
                variables.into_iter().map(|(key, value)| (key, replace(value))).collect()
            })
            .collect()
        }
        "azure" => all.values().map(text).collect(),
        _ => unreachable!(),
    }
}

#[test]
fn every_job_finds_its_own_suites() {
    let list: String = (0..40).map(|n| format!("{}/t{n}\n", ["unit", "e2e"][n % 2])).collect();
    let toml = "[tier.unit]\nmatch = [\"unit/**\"]\n[tier.e2e]\nmatch = [\"**\"]\nruns-on = \"big\"\n";
    let project = Project::with(&[("list", &list), ("shard.toml", toml)]);
    for ci in CIS {
        let document = document(&project, &format!("plan list --shards 7 --format {ci}"));
        let jobs = jobs(ci, &document);
        assert_eq!(jobs.len(), 7, "{ci}");
        let mut found = Vec::new();
        for job in &jobs {
            let env: Vec<(&str, &str)> =
                job.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
            let suites = project.run(["select"], b"", &env).ok().stdout();
            assert_eq!(suites, project.shard(&format!("select {}", job["SHARD_NAME"])).ok().stdout(), "{ci}");
            found.extend(suites.lines().map(str::to_owned));
        }
        found.sort();
        let mut all: Vec<&str> = list.lines().collect();
        all.sort_unstable();
        assert_eq!(found, all, "{ci}");
    }
    // The plan is made again, and an old job looks for its shard in it.
    let old = [("SHARD_INDEX", "0"), ("SHARD_PLAN_TOKEN", "0badcafe")];
    project.run(["select"], b"", &old).fails(2, &["this job is one of plan 0badcafe", "made again"]);
}

#[test]
fn no_name_of_a_suite_is_in_a_document() {
    let names = "pwned\npwned$(x)\npwned`x`'\"\npwned${{ x }}\npwned ##vso[task.setvariable variable=x]pwned\npwned<<EOF\n";
    let project = Project::with(&[("list", names)]);
    for ci in CIS {
        let done = project.shard(&format!("plan list --budget 120MB --format {ci}")).ok();
        assert!(!done.stdout().contains("pwned"), "{}", done.stdout());
        assert!(done.stderr().contains("pwned") && !done.stderr().contains("##vso["), "{}", done.stderr());
        assert!(done.stderr().contains("wrote plan.json"), "{}", done.stderr());
        // Twice the same, and nothing written where nothing may be.
        let again =
            project.shard(&format!("plan list --budget 120MB --dry-run --out other --format {ci}")).ok();
        assert_eq!(again.stdout().replace("other/", "shard-out/"), done.stdout());
        assert!(!project.exists("other"));
    }
}

/// A string with what means something to a shell, YAML, a CI or a terminal.
const ODD: &str =
    r#"'"$(x) `x` ${HOME} $HOME $$ 5$ \\ \n << >> <% %0A %AZP25 ##vso[x] ##[y] {{z}} ${{ z }} # : - é"#;

fn odd() -> String {
    format!("{ODD}\u{1f600}\u{85}\u{2028}\u{feff}\u{1b}[31m\n\ttab")
}

fn odd_project() -> Project {
    let value = serde_json::to_string(&odd()).unwrap();
    // What TOML and JSON write in another way.
    let value = value.replace('\u{85}', "\\u0085");
    let toml = format!(
        "[tier.x]\nmatch = [\"**\"]\nruns-on = {value}\n[gitlab]\njob = {{ image = {value}, variables = {{ A = {value} }} }}\n[gitlab.pipeline]\n{value} = {{ x = {value} }}\n[buildkite]\nbefore = [{value}]\nstep = {{ notify = [{value}], env = {{ {value} = {value}, SHARD_INDEX = \"9\" }} }}\n[circleci]\nbefore = [{{ run = {value} }}]\njob = {{ docker = [{{ image = {value} }}] }}\n[circleci.pipeline.orbs]\n{value} = {value}\n"
    );
    Project::with(&[("list", "a\nb\n"), ("shard.toml", &toml)])
}

#[test]
fn what_the_user_configured_arrives_as_it_was_written() {
    let project = odd_project();
    let odd = odd();
    let raw = |ci: &str| project.shard(&format!("plan list --shards 2 --format {ci}")).ok().stdout();
    for ci in CIS {
        let text = raw(ci);
        let forbidden = ['\u{85}', '\u{2028}', '\u{feff}', '\u{1b}', '\t'];
        assert!(!text.contains(forbidden), "YAML reads this in another way: {text}");
    }

    let gitlab: Value = serde_json::from_str(&raw("gitlab")).unwrap();
    assert_eq!(gitlab[".shard"]["image"], *odd);
    assert_eq!(gitlab[".shard"]["variables"]["A"], *odd);
    assert_eq!(gitlab[&odd]["x"], *odd);
    let first = gitlab.as_object().unwrap().iter().find(|(name, _)| name.starts_with("x-1 (")).unwrap().1;
    assert_eq!(first["tags"][0], *odd);

    let buildkite: Value = serde_json::from_str(&raw("buildkite")).unwrap();
    let step = uploaded(&buildkite["steps"][0]["steps"][0]);
    assert_eq!(step["commands"][2], *odd);
    assert_eq!(step["agents"]["queue"], *odd);
    assert_eq!(step["env"][&odd], *odd);
    assert_eq!(step["notify"][0], *odd);
    assert_eq!(step["env"]["SHARD_INDEX"], "0", "a job's number is not the user's to say");

    let circleci: Value = serde_json::from_str(&raw("circleci").replace("\\\\<<", "<<")).unwrap();
    let job = &circleci["jobs"]["shard"];
    assert_eq!(job["docker"][0]["image"], *odd);
    assert_eq!(job["resource_class"], *odd);
    assert_eq!(job["steps"][2]["run"], *odd);
    assert_eq!(circleci["orbs"][&odd], *odd);

    let line = raw("azure");
    assert!(line.lines().count() == 1 && !line.contains("##") && !line.contains('%'), "{line}");
    let azure: Value = serde_json::from_str(&line).unwrap();
    let (name, leg) = azure.as_object().unwrap().iter().next().unwrap();
    assert_eq!(leg["runs_on"], *odd);
    assert!(name.starts_with("shard_x_1_") && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_'));
    assert!(leg.as_object().unwrap().values().all(Value::is_string));
}

/// A value as Buildkite's agent uploads it: its own grammar has `\\` for itself, `\$` and `$$` for `$`, `$(` for itself
/// and all else behind `$` as a variable, of which none may be left.
fn uploaded(value: &Value) -> Value {
    let text = |text: &str| {
        let mut out = String::new();
        let mut rest = text;
        while let Some(c) = rest.chars().next() {
            let taken = match rest.get(..2) {
                Some(r"\\") => r"\\",
                Some(r"\$" | "$$") => "$",
                Some("$(") => "$(",
                _ => {
                    assert!(c != '$' || rest.len() == 1, "a variable is replaced: {text}");
                    out.push(c);
                    rest = &rest[c.len_utf8()..];
                    continue;
                }
            };
            out.push_str(taken);
            rest = &rest[2..];
        }
        out
    };
    match value {
        Value::String(one) => Value::String(text(one)),
        Value::Array(all) => all.iter().map(uploaded).collect(),
        Value::Object(all) => all.iter().map(|(key, value)| (text(key), uploaded(value))).collect(),
        other => other.clone(),
    }
}

#[test]
fn what_a_ci_does_not_take_is_refused_before_anything_is_written() {
    let list: String = (0..600).map(|n| format!("t{n}\n")).collect();
    let project = Project::with(&[("list", &list)]);
    let refused = |toml: &str, words: &str, parts: &[&str]| {
        project.file("shard.toml", format!("{toml}\n").as_bytes());
        project.shard(&format!("plan list {words}")).fails(2, parts);
        assert!(!project.exists("shard-out"));
    };
    let many = "--shards 501 --effort quick --format buildkite";
    refused("", many, &["501 shards are more jobs than the 500", "--shards 500 or fewer"]);
    let long = format!("[tier.x]\nmatch = [\"**\"]\nruns-on = \"{}\"", "x".repeat(20_000));
    refused(
        &long,
        "--shards 300 --effort quick --format gitlab",
        &["more than the 5242880 that GitLab takes"],
    );
    let list = "[tier.x]\nmatch = [\"**\"]\nruns-on = [\"a\", \"b\"]";
    refused(list, "--format circleci", &["CircleCI knows no list of labels"]);
    refused(list, "--format azure", &["`runs-on` of tier `x` is not a single name"]);
    refused("[buildkite]\nbefore = ['echo \\$HOME']", "--format buildkite", &["has `\\$`"]);
    refused("[gitlab]\nimage = \"x\"", "--format gitlab", &["unknown key `image`", "job"]);
    for ci in ["gitlab", "buildkite", "circleci"] {
        for out in ["/tmp/nowhere-at-all", "../elsewhere", "a/../../b"] {
            let words = format!("--shards 2 --out {out} --format {ci}");
            refused("", &words, &["jobs on other machines cannot find the plan", "--out"]);
        }
    }
}

#[test]
fn a_plan_without_shards_is_a_document_too() {
    let project = Project::with(&[("list", "# nothing\n")]);
    let empty = |ci: &str| document(&project, &format!("plan lines:list --allow-empty --format {ci}"));
    for ci in CIS {
        assert!(jobs(ci, &empty(ci)).iter().all(|job| !job.contains_key("SHARD_INDEX")), "{ci}");
    }
    // Each of these refuses a pipeline without a job.
    assert!(empty("gitlab")["no shards"]["script"][0].as_str().unwrap().starts_with("echo"));
    assert_eq!(empty("buildkite")["steps"][0]["steps"].as_array().unwrap().len(), 1);
    assert_eq!(empty("circleci")["workflows"]["shards"]["jobs"][0], "no-shards");
    assert!(empty("circleci")["jobs"]["no-shards"].get("machine").is_some());
    assert_eq!(empty("azure"), serde_json::json!({}));
}

#[test]
fn places_are_what_each_ci_calls_them() {
    let toml = "budget = \"500MB\"\n[tier.x]\nmatch = [\"**\"]\nassume = { retained = \"400MB\" }\n[tier.x.runs-on]\ntags = [\"a\"]\ndocker = [{ image = \"i\" }]\nqueue = \"q\"\n[[runner]]\nname = \"large\"\nruns-on = \"large\"\nbudget = \"9GB\"\n[gitlab]\nmemory = true\njob = { tags = [\"b\"], stage = \"s\", retry = 2, artifacts = { reports = { junit = \"r.xml\" } } }\n[circleci]\njob = { machine = true }\n[buildkite]\nstep = { agents = { os = \"linux\" }, command = \"mine\" }\n";
    let project = Project::with(&[
        ("shard.toml", toml),
        ("costs.csv", "id,ms,retained_bytes\na,1000,1000000\nb,900,900000000\n"),
    ]);
    let of = |ci: &str| document(&project, &format!("plan --costs costs.csv --format {ci}"));
    let gitlab = of("gitlab");
    let named =
        |start: &str| gitlab.as_object().unwrap().iter().find(|(name, _)| name.starts_with(start)).unwrap().1;
    assert_eq!(named("x-1")["tags"], serde_json::json!(["a"]));
    assert_eq!(named("x-2")["tags"], serde_json::json!(["large"]));
    // The memory of the budget that the shard has.
    assert_eq!(named("x-1")["variables"]["KUBERNETES_MEMORY_LIMIT"], "477Mi");
    assert_eq!(named("x-2")["variables"]["KUBERNETES_MEMORY_REQUEST"], "8584Mi");
    let base = &gitlab[".shard"];
    assert_eq!(
        (&base["stage"], &base["retry"], &base["artifacts"]["when"]),
        (&"s".into(), &2.into(), &"always".into())
    );
    assert_eq!(base["artifacts"]["reports"]["junit"], "r.xml");
    let steps = &of("buildkite")["steps"][0]["steps"];
    assert_eq!(steps[0]["agents"]["os"], "linux");
    assert_eq!((&steps[1]["agents"]["queue"], &steps[1]["command"]), (&"large".into(), &"mine".into()));
    assert!(steps[1].get("commands").is_none());
    let circleci = of("circleci");
    // A container in place of the machine of all others.
    assert!(circleci["jobs"]["shard"].get("machine").is_none());
    assert_eq!(circleci["jobs"]["shard"]["docker"][0]["image"], "i");
    assert_eq!(circleci["jobs"]["shard-2"]["resource_class"], "large");
    assert_eq!(circleci["jobs"]["shard-2"]["machine"], true);
}

#[test]
fn a_document_can_plan_again_by_itself_once() {
    let toml = "[tier.x]\nmatch = [\"**\"]\n[gitlab]\nrebalance = true\nreports = [\"r e/*.xml\"]\npipeline = { stages = [\"first\"] }\n[gitlab.job]\nimage = \"i\"\nrules = []\n[buildkite]\nrebalance = true\nreports = [\"r e/*.xml\"]\nstep = { agents = { queue = \"q\" }, artifact_paths = [] }\n";
    let project = Project::with(&[("shard.toml", toml), ("list", "a\nb\nc\nd\n")]);
    let plan = "plan list --shards 2 --budget 3GB --format";
    let left = "rebalance --failed x-1=137 --waiting --no-record --dry-run --format";

    let gitlab = document(&project, &format!("{plan} gitlab"));
    assert_eq!(gitlab["stages"], serde_json::json!(["first", "test", "rebalance", "again"]));
    assert_eq!(gitlab[".shard"]["allow_failure"]["exit_codes"], serde_json::json!([92, 134, 137]));
    assert_eq!(gitlab[".shard"]["artifacts"]["paths"], serde_json::json!(["shard-out", "r e/*.xml"]));
    let rebalance = &gitlab["rebalance"];
    assert_eq!((&rebalance["when"], &rebalance["image"]), (&"always".into(), &"i".into()));
    assert!(rebalance.get("rules").is_none() && rebalance.get("needs").is_none());
    assert_eq!(gitlab["again"]["trigger"]["include"][0]["job"], "rebalance");
    let again = document(&project, &format!("{left} gitlab"));
    // A kill is a failure now, and nobody plans a third time.
    assert!(again[".shard"].get("allow_failure").is_none() && again.get("rebalance").is_none());
    assert_eq!(again[".shard"]["needs"][0]["job"], "rebalance");
    let check = "shard verify --plan shard-out/plan.json shard-out/outcomes 'r e/*.xml'";
    assert_eq!(again["verify"]["script"][0], check);

    let all = |words: &str| document(&project, words)["steps"].as_array().unwrap().clone();
    let [group, wait, rebalance] = &all(&format!("{plan} buildkite"))[..] else { panic!() };
    assert_eq!(group["steps"][0]["soft_fail"][2]["exit_status"], 137);
    assert_eq!(wait["continue_on_failure"], true);
    assert_eq!((&rebalance["key"], &rebalance["agents"]["queue"]), (&"rebalance".into(), &"q".into()));
    let [group, _, verify] = &all(&format!("{left} buildkite"))[..] else { panic!() };
    assert!(group["steps"][0].get("soft_fail").is_none());
    assert!(group["steps"][0]["commands"][0].as_str().unwrap().ends_with(" . --step rebalance"));
    assert_eq!(verify["commands"].as_array().unwrap().last().unwrap(), check);

    project.file("shard.toml", toml.replace("[gitlab]\n", "[gitlab]\nrebalance-job = \"\"\n").as_bytes());
    project.shard(&format!("{plan} gitlab")).fails(2, &["`rebalance-job` in [gitlab] is empty"]);
    project.file("shard.toml", toml.replace("[\"first\"]", "\"first\"").as_bytes());
    project.shard(&format!("{plan} gitlab")).fails(2, &["`stages` in [gitlab.pipeline] is not a list"]);
}

#[test]
fn what_is_left_after_a_kill_is_a_document_too() {
    let toml = "[tier.x]\nmatch = [\"**\"]\n";
    let project = Project::with(&[("shard.toml", toml), ("list", "a\nb\nc\nd\n")]);
    let before = document(&project, "plan list --shards 2 --budget 3GB --format buildkite");
    let words = "rebalance --failed x-1=137 --waiting --no-record --format";
    let buildkite = document(&project, &format!("{words} buildkite --dry-run"));
    let (old, new) = (&before["steps"][0], &buildkite["steps"][0]);
    assert_eq!((&old["key"], &new["key"]), (&"shards".into(), &"shards-1".into()));
    let labels = |group: &Value| {
        group["steps"].as_array().unwrap().iter().map(|step| step["label"].clone()).collect::<Vec<_>>()
    };
    assert!(labels(old).iter().all(|label| !labels(new).contains(label)), "{new}");
    let gitlab = document(&project, &format!("{words} gitlab"));
    assert_eq!(gitlab[".shard"]["needs"][0]["job"], "rebalance");
    let jobs = jobs("gitlab", &gitlab);
    let env: Vec<(&str, &str)> = jobs[0].iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
    project.run(["select"], b"", &env).ok();
}
