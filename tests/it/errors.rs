//! Every error of the catalogue, provoked: `docs/errors.md` shows what is printed. `SHARD_ACCEPT=1 cargo test` rewrites it.

use std::fmt::Write as _;
use std::process::{Command, Stdio};

use shard::catalogue::{ErrorId, WarningCode};

use crate::common::{Done, Project, root};

/// A small project in which every example happens, with a plan of it in `shard-out`.
const FILES: &[(&str, &str)] = &[
    (
        "shard.toml",
        "[tier.unit]\nmatch = [\"tests/unit/**\"]\nrun = [\"sh\", \"run.sh\", \"{selection}\"]\n\n[tier.e2e]\nmatch = [\"tests/e2e/**\"]\n",
    ),
    ("tests.txt", "tests/unit/test_api.py\ntests/unit/test_cart.py\ntests/e2e/test_login.py\n"),
    ("tests/unit/test_api.py", ""),
    ("tests/unit/test_cart.py", ""),
    ("tests/e2e/test_login.py", ""),
    ("twice.txt", "tests/unit/test_api.py\ntests/unit/test_api.py\n"),
    ("more.txt", "tests/unit/test_api.py\ntools/test_release.py\n"),
    ("odd.txt", "tests/unit/test_api.py\n@nightly\n"),
    ("empty.txt", "# nothing\n"),
    ("reports/unit.xml", UNIT),
    ("reports/e2e.xml", E2E),
    ("failed.xml", FAILED),
    (
        "tools.xml",
        "<testsuite name=\"tools\"><testcase classname=\"tools.test_release\" name=\"test_tag\" file=\"tools/test_release.py\" time=\"1\"/></testsuite>\n",
    ),
    (
        "cut.xml",
        "<testsuite name=\"unit\"><testcase classname=\"a\" name=\"b\" time=\"1\"/>\n<testcase classname=\"a\" na",
    ),
    ("costs.csv", "id,tier,ms,retained_bytes\na,unit,60000,900000000\nb,unit,60000,900000000\n"),
    ("wrong.csv", "id,tier,ms\na,unti,60000\n"),
    ("broken.csv", "id,ms\na,soon\n"),
    ("huge.csv", "id,tier,ms\na,unit,9000000000000000\nb,unit,9000000000000000\n"),
    ("broken.json", "{\"schema\":1,\"runs\":[\n<<<<<<< HEAD\n"),
    ("notes/plan.json", "{\"holidays\": []}\n"),
    ("outcomes/unit-1.0.1.jsonl", OTHER),
    ("toml/unknown.toml", "budget = \"3GB\"\ntargt = \"6m\"\n"),
    (
        "toml/command.toml",
        "[inventory]\ncommand = [\"sh\", \"-c\", \"echo 'no module named conftest'; exit 4\"]\n",
    ),
    (
        "toml/rules.toml",
        "[[together]]\nmatch = [\"tests/unit/**\"]\n\n[[apart]]\nmatch = [\"tests/unit/**\"]\n",
    ),
    ("toml/huge.toml", "[tier.unit]\nmatch = [\"**\"]\nworkers = 1000\n"),
    ("toml/need.toml", "[preflight]\nneed = { cpus = 9999 }\n"),
];

const UNIT: &str = "<testsuite name=\"unit\">
<testcase classname=\"tests.unit.test_api\" name=\"test_get\" file=\"tests/unit/test_api.py\" time=\"4.0\"/>
<testcase classname=\"tests.unit.test_cart\" name=\"test_add\" file=\"tests/unit/test_cart.py\" time=\"6.0\"/>
</testsuite>
";

const E2E: &str = "<testsuite name=\"e2e\">
<testcase classname=\"tests.e2e.test_login\" name=\"test_login\" file=\"tests/e2e/test_login.py\" time=\"31.0\"/>
</testsuite>
";

const FAILED: &str = "<testsuite name=\"e2e\">
<testcase classname=\"tests.e2e.test_login\" name=\"test_login\" file=\"tests/e2e/test_login.py\" time=\"31.0\"><failure message=\"assert 500 == 200\"/></testcase>
</testsuite>
";

/// Of a run of another plan.
const OTHER: &str = "{\"event\":\"start\",\"schema\":1,\"shard\":\"unit-1\",\"tier\":\"unit\",\"plan\":\"sha256:0000\",\"run\":\"gh-1\",\"attempt\":1,\"key\":\"linux-x64\",\"at\":1760000000}
{\"event\":\"session\",\"index\":1,\"attempt\":1,\"at\":1760000000}
{\"event\":\"suite\",\"worker\":\"main\",\"id\":\"tests/unit/test_api.py\",\"ms\":4000,\"status\":\"passed\"}
{\"event\":\"end\",\"at\":1760000009,\"exit\":0,\"verdict\":\"passed\",\"confidence\":\"certain\",\"evidence\":[]}
";

/// What provokes an error; the last line is the command that says it.
const EXAMPLES: &[(ErrorId, &str)] = &[
    (ErrorId::Usage, "shard plan tests.txt --shard 4"),
    (ErrorId::FlagsConflict, "shard plan tests.txt --concurrency 8"),
    (ErrorId::BadValue, "CIRCLE_NODE_INDEX=one shard select"),
    (ErrorId::UnknownShard, "shard select unit-2"),
    (ErrorId::UnknownSuite, "shard explain test_chart.py"),
    (ErrorId::UnknownTier, "shard plan --costs wrong.csv"),
    (ErrorId::UnknownFormat, "shard plan junt:reports/unit.xml"),
    (ErrorId::NotFound, "shard plan test.txt"),
    (ErrorId::NoMatch, "shard plan 'tests/test_*.py'"),
    (ErrorId::Unreadable, "shard plan tests.txt --config toml"),
    (ErrorId::CannotWrite, "shard plan tests.txt --out tests.txt"),
    (ErrorId::NotOurs, "shard plan tests.txt --out notes"),
    (ErrorId::ConfigInvalid, "shard plan tests.txt --config toml/unknown.toml"),
    (ErrorId::NoInventory, "shard plan"),
    (ErrorId::NoTests, "mkdir docs\nshard init docs"),
    (ErrorId::NoSuites, "shard plan empty.txt"),
    (ErrorId::NotSuites, "shard plan 'reports/*.xml'"),
    (ErrorId::ListingInvalid, "shard plan twice.txt"),
    (ErrorId::InventoryCommand, "shard plan --config toml/command.toml"),
    (ErrorId::SuiteWithoutTier, "shard plan more.txt"),
    (
        ErrorId::UnwritableName,
        "printf '[tier.all]\\nmatch = [\"**\"]\\n' > all.toml\nshard plan odd.txt --config all.toml",
    ),
    (ErrorId::ReportInvalid, "shard plan tests.txt --timings cut.xml"),
    (ErrorId::NoTimes, "shard plan tests.txt --timings tests.txt"),
    (ErrorId::TooFewRuns, "shard backtest reports"),
    (ErrorId::CostsInvalid, "shard plan --costs broken.csv"),
    (ErrorId::HistoryInvalid, "shard plan tests.txt --history broken.json"),
    (ErrorId::StorageAddress, "shard plan tests.txt --history s3://bucket"),
    (ErrorId::PartlyRead, "shard inspect cut.xml reports --strict"),
    (ErrorId::PlanInvalid, "shard select unit-1 --plan broken.json"),
    (ErrorId::PlanMismatch, "shard record outcomes --plan shard-out/plan.json"),
    (ErrorId::JobUnknown, "shard select"),
    (ErrorId::JobCount, "shard select --index 0 --total 8"),
    (ErrorId::NoCommand, "shard run e2e-1"),
    (ErrorId::FormatRefused, "shard plan tests.txt --format kubernetes"),
    (ErrorId::NotInWorkflow, "shard plan tests.txt --format github"),
    (ErrorId::NoEvidence, "shard rebalance"),
    (ErrorId::OutcomeInvalid, "shard triage cut.xml"),
    (ErrorId::AccountInvalid, "shard triage --ended tests.txt"),
    #[cfg(feature = "github")]
    (ErrorId::NoRepository, "shard triage --run 17"),
    (ErrorId::OverBudget, "shard plan --costs costs.csv --budget 500MB --strict"),
    (ErrorId::OverTarget, "shard plan --costs costs.csv --target 20s"),
    (ErrorId::TooFewShards, "shard plan --costs costs.csv --budget 1GB --shards 1"),
    (ErrorId::RulesContradict, "shard plan tests.txt --config toml/rules.toml"),
    (ErrorId::FiguresTooLarge, "shard plan --costs huge.csv --config toml/huge.toml"),
    (ErrorId::TestsFailed, "shard verify reports/unit.xml failed.xml"),
    (ErrorId::NotExecuted, "shard verify reports/unit.xml"),
    (
        ErrorId::ExecutedTwice,
        "mkdir unit-1 e2e-1\ncp reports/* unit-1\ncp reports/* e2e-1\nshard verify unit-1 e2e-1",
    ),
    (ErrorId::NotAsPlanned, "shard verify reports tools.xml --strict"),
    (ErrorId::VerifyFailed, "echo tests/unit/test_new.py >> shard-out/unit-1.txt\nshard verify"),
    (ErrorId::NothingHelps, "shard rebalance --failed unit-1=1 --failed e2e-1=1"),
    (ErrorId::TriedTooOften, "shard rebalance --failed e2e-1=137 --rounds 0"),
    (ErrorId::MachineTooSmall, "shard check --config toml/need.toml"),
];

/// What needs more than a folder, and the tests that provoke it.
const ELSEWHERE: &[(ErrorId, &str)] = &[
    (ErrorId::GithubFailed, "github_api.rs"),
    (ErrorId::NoArtifact, "github_api.rs"),
    #[cfg(not(feature = "github"))]
    (ErrorId::NoRepository, "github_api.rs"),
    (ErrorId::FeatureMissing, "triage.rs"),
    (ErrorId::StorageFailed, "remote.rs"),
    (ErrorId::CannotRun, "run.rs"),
    (ErrorId::Incomplete, "run.rs"),
    (ErrorId::Guard, "run.rs"),
    (ErrorId::Hang, "run.rs"),
    (ErrorId::Timeout, "run.rs"),
];

/// What nothing can provoke, or it would have been mended.
const NEVER: &[ErrorId] = &[ErrorId::Bug];

fn provoke(script: &str) -> Done {
    let project = Project::with(FILES);
    project.run(["plan", "tests.txt", "--target", "2m"], b"", &[]).ok();
    let binary = std::path::Path::new(env!("CARGO_BIN_EXE_shard")).parent().unwrap().to_owned();
    let path = std::env::var_os("PATH").unwrap_or_default();
    let path = std::env::join_paths(std::iter::once(binary).chain(std::env::split_paths(&path))).unwrap();
    let mut command = Command::new("sh");
    command.args(["-euc", script]).current_dir(project.path()).env_clear();
    Done(command.env("PATH", path).env("LANG", "C.UTF-8").stdin(Stdio::null()).output().unwrap())
}

/// The message that an example ends with, from its id on.
fn message(id: ErrorId, script: &str) -> Result<String, String> {
    let done = provoke(script);
    let (said, code) =
        (done.stderr(), if script.contains("shard run") { id.exit_of_run() } else { id.exit() });
    let place = said.find(&format!("{id}: "));
    let advised = said.contains("\n  help: ") || said.contains("try '--help'");
    match place {
        Some(place) if advised && done.code() == i32::from(code) => Ok(nowhere(&said[place..])),
        _ => Err(format!("{id}: {script}\ncode {}\n{}{said}", done.code(), done.stdout())),
    }
}

/// As it is printed on any machine: what one has is not for the manual.
fn nowhere(said: &str) -> String {
    match said.split_once("9999 are needed, ") {
        Some((before, after)) => {
            let rest = after.trim_start_matches(|c: char| c.is_ascii_digit());
            format!("{before}9999 are needed, 4{rest}")
        }
        None => said.to_owned(),
    }
}

#[test]
fn every_error_of_the_catalogue_is_in_the_manual_as_it_is_printed() {
    let mut page = String::new();
    let (mut group, mut wrong) = ("", Vec::new());
    for id in ErrorId::ALL {
        let entry = id.entry();
        if group != entry.group {
            group = entry.group;
            let _ = write!(page, "\n## {group}\n");
        }
        let _ = write!(page, "\n### {}\n\n{}\n\n- Usually: {}\n", entry.slug, entry.meaning, entry.cause);
        let _ = write!(page, "- What to do: {}.\n- Exit code: {}\n", entry.next, entry.exit);
        let example = EXAMPLES.iter().find(|(of, _)| of == id);
        let elsewhere = ELSEWHERE.iter().find(|(of, _)| of == id);
        match (example, elsewhere) {
            (Some((_, script)), None) => {
                let command = script.lines().last().unwrap();
                match message(*id, script) {
                    Ok(said) => drop(write!(page, "\n```console\n$ {command}\n{said}```\n")),
                    Err(said) => wrong.push(said),
                }
            }
            (None, Some((_, file))) => {
                let tests = std::fs::read_to_string(root().join("tests/it").join(file)).unwrap();
                assert!(tests.contains(&id.to_string()), "{id} is not in {file}");
            }
            (None, None) => assert!(NEVER.contains(id), "no example of {id}"),
            (Some(_), Some(_)) => panic!("{id} is there twice"),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    page.push_str("\n## Warnings of plans\n\n| code | meaning | what to do |\n|---|---|---|\n");
    for code in WarningCode::ALL {
        let entry = code.entry();
        let _ = writeln!(page, "| `{}` | {} | {} |", entry.slug, entry.meaning, entry.next);
    }
    let path = root().join("docs/errors.md");
    let manual = std::fs::read_to_string(&path).unwrap_or_default();
    let mark = "<!-- made by tests/it/errors.rs -->\n";
    let (before, found) = manual.split_once(mark).unwrap();
    if std::env::var_os("SHARD_ACCEPT").is_some() {
        return std::fs::write(&path, format!("{before}{mark}{page}")).unwrap();
    }
    assert_eq!(found, page, "docs/errors.md: SHARD_ACCEPT=1 cargo test rewrites it");
}
