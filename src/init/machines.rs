//! Where a project's jobs run: which CI, which branch, which machines.

use super::facts::Facts;

/// A CI that a pipeline is written for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ci {
    /// GitHub Actions.
    Github,
    /// GitLab CI.
    Gitlab,
    /// None: no pipeline.
    None,
}

/// Machines whose memory `budget = "auto"` knows and whose programs are like those of `ubuntu-latest`.
const LABELS: [&str; 5] =
    ["ubuntu-latest", "ubuntu-24.04", "ubuntu-22.04", "ubuntu-24.04-arm", "ubuntu-22.04-arm"];

/// Pipelines of CIs that nothing is written for.
const OTHERS: [(&str, &str); 8] = [
    (".circleci/config.yml", "CircleCI"),
    ("azure-pipelines.yml", "Azure"),
    (".buildkite/pipeline.yml", "Buildkite"),
    (".buildkite/pipeline.yaml", "Buildkite"),
    ("bitbucket-pipelines.yml", "Bitbucket"),
    (".semaphore/semaphore.yml", "Semaphore"),
    (".woodpecker.yml", "Woodpecker"),
    ("Jenkinsfile", "Jenkins"),
];

/// Where the jobs run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The CI.
    pub ci: Ci,
    /// What says so; empty where somebody chose.
    pub why: String,
    /// The branch that others are merged into.
    pub branch: String,
    /// Another machine than the usual one.
    pub runs_on: Option<String>,
    /// GitLab has a pipeline already, which ours must be included in.
    pub included: bool,
}

impl Place {
    /// By the project's files, by the text of `.git/config`, and by that of `.git/refs/remotes/origin/HEAD`, where there are such.
    #[must_use]
    pub fn of(facts: &Facts, git: &str, head: &str, wanted: Option<Ci>) -> Place {
        let (ci, why) = match wanted {
            Some(ci) => (ci, String::new()),
            None => found(facts, git),
        };
        let branch = head.trim().strip_prefix("ref: refs/remotes/origin/").filter(|name| is_plain(name));
        let runs_on = match ci {
            Ci::Github => label(facts),
            Ci::Gitlab | Ci::None => None,
        };
        Place { ci, why, branch: branch.unwrap_or("main").to_owned(), runs_on, included: is_foreign(facts) }
    }
}

/// Whether there is a pipeline of GitLab's that is not the one that we wrote before.
fn is_foreign(facts: &Facts) -> bool {
    let ours = |text: &str| text.starts_with(super::pipeline::MARK);
    facts.has("", ".gitlab-ci.yml") && !facts.text(".gitlab-ci.yml").is_some_and(ours)
}

fn found(facts: &Facts, git: &str) -> (Ci, String) {
    let remote = |host: &str| git.lines().any(|line| line.trim().starts_with("url") && line.contains(host));
    if facts.has("", ".gitlab-ci.yml") {
        (Ci::Gitlab, "there is .gitlab-ci.yml".to_owned())
    } else if facts.below(".github/workflows").next().is_some() {
        (Ci::Github, "there is .github/workflows".to_owned())
    } else if let Some((file, name)) = OTHERS.iter().find(|(file, _)| facts.has("", file)) {
        (Ci::None, format!("there is {file}, and docs/ci.md has a pipeline for {name}"))
    } else if remote("gitlab") {
        (Ci::Gitlab, "the remote of git is a GitLab".to_owned())
    } else if remote("github") {
        (Ci::Github, "the remote of git is on GitHub".to_owned())
    } else {
        (Ci::Github, "nothing says which CI".to_owned())
    }
}

/// The machine that most jobs of the workflows name, where that is one we know.
fn label(facts: &Facts) -> Option<String> {
    let others =
        facts.texts_in(".github/workflows").filter(|(_, text)| !text.starts_with(super::pipeline::MARK));
    let lines = others.flat_map(|(_, text)| text.lines());
    let named: Vec<&str> =
        lines.filter_map(|line| line.trim().strip_prefix("runs-on:").map(str::trim)).collect();
    let times = |label: &str| named.iter().filter(|name| name.trim_matches(['"', '\'']) == label).count();
    let most = LABELS.iter().copied().max_by_key(|label| (times(label), *label == "ubuntu-latest"))?;
    (times(most) > 0 && most != "ubuntu-latest").then(|| most.to_owned())
}

/// Whether a foreign name may stand in YAML, in quotes: it then means nothing to YAML, to an expression or to a shell.
pub(super) fn is_plain(name: &str) -> bool {
    let good = |c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '-' | '_' | '.');
    !name.is_empty()
        && name.len() <= 200
        && name.chars().all(good)
        && name.starts_with(|c: char| c.is_ascii_alphanumeric())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_told_by_files_and_remotes() {
        let check = |files: &[&str], git: &str, head: &str, expect: (Ci, &str)| {
            let facts = Facts::new(files.iter().map(|file| (*file).to_owned()).collect(), Default::default());
            let place = Place::of(&facts, git, head, None);
            assert_eq!((place.ci, place.branch.as_str()), expect, "{files:?} {git} {head}");
        };
        check(&[], "", "", (Ci::Github, "main"));
        check(
            &[],
            "[remote]\n\turl = git@gitlab.com:a/b",
            "ref: refs/remotes/origin/master\n",
            (Ci::Gitlab, "master"),
        );
        check(&[".gitlab-ci.yml"], "url = https://github.com/a/b", "", (Ci::Gitlab, "main"));
        check(&["Jenkinsfile"], "url = https://github.com/a/b", "", (Ci::None, "main"));
        check(&["Jenkinsfile", ".github/workflows/x.yml"], "", "", (Ci::Github, "main"));
        check(&[".github/workflows/x.yml"], "", "ref: refs/remotes/origin/a\"]\non: x", (Ci::Github, "main"));
    }
}
