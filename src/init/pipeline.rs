//! A workflow for GitHub, or a pipeline for GitLab: the manual's own, which engines execute in the tests of this repository, with
//! the project's set-up in the place of its example. No name of the project's is in it but a branch's, and that only if plain.

use std::fmt::Write;

use super::machines::{Ci, Place, is_plain};
use super::settings::quoted;
use super::tiers::Draft;
use super::{Found, Runner, Step, Suites};

const GITHUB: &str = include_str!("../../docs/workflows/test.yml");
const GITLAB: &str = include_str!("../../docs/ci/gitlab-ci.yml");

/// What the manual names in place of the repository where somebody keeps shard.
pub(super) const ACTION: &str =
    "your-fork-of/shard@0000000000000000000000000000000000000000 # the commit that you have read";

/// What the manual's workflow has and ours has not.
const HEAD: &str = "# One job plans, a matrix of jobs tests, a last one keeps what was measured and says whether all is well.\n# Branch protection needs that last one alone.\nname: test\n";
const SOURCES: &str =
    "        with:\n          sources: tests/**/test_*.py\n          budget: 3GB\n          shards: 8\n";
const COMMAND: &str = "          args: |\n            --\n            pytest\n            @{selection}\n";
const PYTHON: &str =
    "        with:\n          python-version: \"3.13\"\n      - run: pip install -r requirements.txt\n";
const PLAN: &str = "      - id: plan\n";

/// Where each action is, by a commit of it.
const ACTIONS: [(&str, &str); 4] = [
    ("node", "actions/setup-node@820762786026740c76f36085b0efc47a31fe5020 # v7.0.0"),
    ("go", "actions/setup-go@b7ad1dad31e06c5925ef5d2fc7ad053ef454303e # v7.0.0"),
    ("ruby", "ruby/setup-ruby@0dafeac902942906541bc140009cdbf32665b601 # v1.315.0"),
    ("nextest", "taiki-e/install-action@ba47c86ac325773530516bb756137ac718732518 # v2.86.5"),
];

/// How a pipeline begins that we wrote.
pub(super) const MARK: &str = "# Written by `shard init`";

/// A file for a CI.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pipeline {
    /// From the project's folder.
    pub path: &'static str,
    /// The whole text.
    pub text: String,
    /// What is left to do by hand.
    pub left: Vec<String>,
}

/// The pipeline for what was found; `None` where no CI is wanted. `action` is the repository and the commit of shard's action.
#[must_use]
pub fn pipeline(draft: &Draft<'_>, place: &Place, action: Option<&str>) -> Option<Pipeline> {
    match place.ci {
        Ci::Github => Some(github(draft, place, action)),
        Ci::Gitlab => Some(gitlab(draft, place.included)),
        Ci::None => None,
    }
}

fn github(draft: &Draft<'_>, place: &Place, action: Option<&str>) -> Pipeline {
    // The line of the manual names its commit.
    let python = GITHUB.lines().find_map(|line| line.trim().strip_prefix("- uses: actions/setup-python@"));
    let python = format!("actions/setup-python@{}", python.unwrap_or_default());
    let all = || draft.tiers.iter().map(|tier| tier.found);
    let listing: Vec<&Found> = all().filter(|found| matches!(found.suites, Suites::Listed { .. })).collect();
    let mut tests = steps(all(), &python);
    let mut plan = steps(listing.iter().copied(), &python);
    let emulated = all().any(|found| found.runner == Runner::Ctest);
    if emulated {
        // The build itself may start tests to list them, through shard.
        let install = format!("      - uses: {ACTION}\n        with:\n          command: install\n");
        tests = format!("{install}{tests}");
        plan = format!("{install}{plan}");
    }
    let head = format!(
        "{MARK}: one job plans by shard.toml, a matrix of jobs tests, a last one keeps what was measured and says\n# whether all is well. Branch protection needs that last one, `record`, alone.\nname: shard\n"
    );
    let example = format!("      - uses: {python}\n{PYTHON}");
    let mut text = GITHUB
        .replace(HEAD, &head)
        .replace("    branches: [main]\n", &format!("    branches: [{}]\n", quoted(&place.branch)))
        .replace(SOURCES, "")
        .replace(COMMAND, "")
        .replace(&example, &tests)
        .replacen(PLAN, &format!("{plan}{PLAN}"), 1);
    if !listing.is_empty() {
        // What lists its tests may have to build them first.
        text = text.replacen("    timeout-minutes: 20\n", "    timeout-minutes: 60\n", 1);
    }
    let mut left = vec![match all().any(|found| !found.folder.is_empty()) {
        true => format!("look into {GITHUB_PATH}: the job `test` must install what the subfolders need"),
        false => format!("look into {GITHUB_PATH}: does the job `test` install the project?"),
    }];
    match action {
        Some(action) => text = text.replace(ACTION, action),
        None => left.push(format!(
            "name the repository and the commit of shard there, in place of `{}…`, or here with --action",
            &ACTION[..22]
        )),
    }
    Pipeline { path: GITHUB_PATH, text, left }
}

const GITHUB_PATH: &str = ".github/workflows/shard.yml";

/// Steps that make a machine ready for these, each once.
fn steps<'f>(found: impl Iterator<Item = &'f Found>, python: &str) -> String {
    let mut done: Vec<&Step> = Vec::new();
    let mut out = String::new();
    for found in found {
        let mut foreign = false;
        for step in &found.setup {
            // What is installed in a subfolder is the project's to say.
            foreign |= !found.folder.is_empty() && matches!(step, Step::Command(_));
            if foreign || done.contains(&step) {
                continue;
            }
            done.push(step);
            match step {
                Step::Command(command) => {
                    let _ = writeln!(out, "      - run: {command}");
                }
                Step::Action(name, inputs) => {
                    let known = ACTIONS.iter().find(|(known, _)| known == name).map(|(_, uses)| *uses);
                    let _ = writeln!(out, "      - uses: {}\n        with:", known.unwrap_or(python));
                    for (key, value) in inputs {
                        let _ = writeln!(out, "          {key}: {}", quoted(value));
                    }
                }
            }
        }
    }
    out
}

fn gitlab(draft: &Draft<'_>, included: bool) -> Pipeline {
    let path = if included { ".gitlab/shard.yml" } else { ".gitlab-ci.yml" };
    let head = format!(
        "{MARK}: a job plans by shard.toml, a child pipeline tests; [gitlab] there says what its jobs are.\n# `shard` must be on the path of every job: put it into the image, or install it in before_script.\n"
    );
    let image = image(draft).unwrap_or("buildpack-deps:stable");
    let mut text = GITLAB.replace("'tests/**/test_*.py' --shards 4 ", "").replace("python:3.12", image);
    let listing = draft.tiers.iter().filter(|tier| matches!(tier.found.suites, Suites::Listed { .. }));
    let commands: Vec<&str> = listing.flat_map(|tier| commands(tier.found)).collect();
    if !commands.is_empty() {
        let before: String = commands.iter().map(|command| format!("    - {}\n", quoted(command))).collect();
        text = text.replace(
            "  script:\n    - shard plan",
            &format!("  before_script:\n{before}  script:\n    - shard plan"),
        );
    }
    let mut left =
        vec![format!("put `shard` on the path of the jobs in {path}, by an image or in before_script")];
    if included {
        // Stages and names of an included file are those of the whole pipeline.
        text = text
            .replace("stages: [plan, test]\n\n", "")
            .replace("plan:\n  stage: plan\n", "shard-plan:\n  stage: .pre\n")
            .replace("test:\n  stage: test\n", "shard-test:\n  stage: test\n")
            .replace("job: plan\n", "job: shard-plan\n");
        left.push(format!("in .gitlab-ci.yml, add to `include`: - local: {path}"));
    }
    left.push("in [gitlab.job] of shard.toml, look at how a job installs the project".to_owned());
    Pipeline { path, text: format!("{head}{text}"), left }
}

/// What the jobs of a child pipeline are.
pub(super) fn gitlab_settings(out: &mut String, draft: &Draft<'_>, included: bool) {
    out.push_str("\n[gitlab]\n");
    if included {
        out.push_str("plan-job = \"shard-plan\" # the job with the plan among its artifacts\n");
    }
    out.push_str(
        "rebalance = true # after kills a job plans what is left\n\n[gitlab.job] # keys of every job\n",
    );
    let Some(image) = image(draft) else {
        out.push_str("# image = \"an image with the tools of all tiers\"\n");
        return;
    };
    let _ = writeln!(out, "image = {}", quoted(image));
    let mut all: Vec<&str> = Vec::new();
    for command in draft.tiers.iter().flat_map(|tier| commands(tier.found)) {
        if !all.contains(&command) {
            all.push(command);
        }
    }
    let all: Vec<String> = all.into_iter().map(quoted).collect();
    if !all.is_empty() {
        let _ = writeln!(out, "before_script = [{}]", all.join(", "));
    }
}

/// The commands of a finding that do not depend on a folder.
fn commands(found: &Found) -> Vec<&'static str> {
    let all = found.setup.iter().filter(|_| found.folder.is_empty()).filter_map(|step| match step {
        Step::Command(command) => Some(*command),
        Step::Action("nextest", _) => {
            Some("curl -LsSf https://get.nexte.st/latest/linux | tar zxf - -C /usr/local/bin")
        }
        Step::Action("ruby", _) => Some("bundle install"),
        Step::Action(..) => None,
    });
    all.collect()
}

/// An image for all of them, where there is one.
fn image(draft: &Draft<'_>) -> Option<&'static str> {
    let of = |found: &Found| match found.runner {
        Runner::Pytest => "python:3.13",
        Runner::Jest | Runner::Vitest => "node:lts",
        Runner::Playwright => "mcr.microsoft.com/playwright:latest",
        Runner::Rspec => "ruby:3.4",
        Runner::Go => "golang:latest",
        Runner::Nextest => "rust:latest",
        Runner::Ctest => "gcc:latest",
    };
    let mut images = draft.tiers.iter().map(|tier| of(tier.found));
    let first = images.next()?;
    images.all(|image| image == first).then_some(first)
}

/// Whether this may stand behind `uses:`: a repository, and a commit in full.
#[must_use]
pub fn is_action(text: &str) -> bool {
    let Some((repository, commit)) = text.split_once('@') else { return false };
    let commit_only = commit.len() == 40 && commit.bytes().all(|b| b.is_ascii_hexdigit());
    commit_only && is_plain(repository) && repository.contains('/')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_manual_s_texts_have_what_is_replaced() {
        for part in [
            HEAD,
            SOURCES,
            COMMAND,
            PYTHON,
            PLAN,
            ACTION,
            "    branches: [main]\n",
            "actions/setup-python@",
            "    timeout-minutes: 20\n",
        ] {
            assert!(GITHUB.contains(part), "{part}");
        }
        let parts = [
            "'tests/**/test_*.py' --shards 4 ",
            "python:3.12",
            "stages: [plan, test]\n\n",
            "plan:\n  stage: plan\n",
        ];
        for part in
            parts.into_iter().chain(["test:\n  stage: test\n", "job: plan\n", "  script:\n    - shard plan"])
        {
            assert!(GITLAB.contains(part), "{part}");
        }
    }

    #[test]
    fn an_action_is_named_by_its_commit() {
        let commit = "3d3c42e5aac5ba805825da76410c181273ba90b1";
        assert!(is_action(&format!("me/shard@{commit}")));
        for wrong in [
            "me/shard@v1",
            "me/shard",
            &format!("me@{commit}"),
            &format!("me/a b@{commit}"),
            &format!("me/shard@{commit}\n"),
        ] {
            assert!(!is_action(wrong), "{wrong}");
        }
    }
}
