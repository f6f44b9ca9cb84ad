//! Runs of GitHub Actions, as commands ask for them: flags and variables become a question, and the answer becomes
//! files and judgements.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tempfile::TempDir;

use super::args::GithubArgs;
use super::ci::variable;
use super::{Failure, Terminal};
use crate::catalogue::ErrorId;
use crate::github::{self, Conclusion, Fetched, Job, Named, Options, Repository, Server, Token, Want, Which};
use crate::model::{Millis, Verdict};
use crate::outcome::Outcome;
use crate::triage::{Evidence, Judgement, judge};
use crate::{outcome, text};

/// Longest time to wait where nothing else is said.
const WAIT: Millis = Millis(600_000);

/// What holds a history, by the name of its artifact and of its files.
const HISTORIES: &str = "shard-history*";

/// What a run of GitHub Actions tells of its shards.
pub(super) struct FromRun {
    /// What outcomes call this run: `gh-17`, `gh-17.2`.
    pub(super) run: String,
    /// The plan's file, where the run has its artifact; beside it are its selections.
    pub(super) plan: Option<PathBuf>,
    /// The files of outcomes, of this attempt and earlier ones.
    pub(super) outcomes: Vec<PathBuf>,
    /// The jobs that ran and are over, in GitHub's order. A shard may have several, where a matrix has other axes.
    pub(super) ended: Vec<Ended>,
    /// Holds all these files, until this goes.
    _folder: TempDir,
}

/// A job that is over.
pub(super) struct Ended {
    /// Its name.
    pub(super) job: String,
    /// The shard that it ran; `None` where that cannot be told.
    pub(super) shard: Option<String>,
    /// Whether GitHub calls it a success. Its outcome is then not downloaded.
    pub(super) succeeded: bool,
    /// The outcome of that shard in this attempt, where there is one, cut off or not.
    pub(super) outcome: Option<Outcome>,
    /// What was known: of the outcome, and of GitHub's account of the job.
    pub(super) evidence: Evidence,
    /// What it means. `Passed` is only possible where nothing but GitHub calls it a success.
    pub(super) judgement: Judgement,
}

/// Everything that GitHub has of a failed run, or of another that is named: for each job that ran a shard what became of
/// it, judged by its outcome where that is whole, and else by what GitHub says of the job. Notes go to `terminal`.
///
/// # Errors
/// Code 5 where GitHub cannot be read; code 2 where it cannot be asked, and where the jobs that did not succeed are of several
/// plans.
pub(super) fn evidence_of_run(
    run: &Named,
    args: &GithubArgs,
    wait: Option<Millis>,
    terminal: &mut Terminal<'_, impl Write, impl Write>,
) -> Result<FromRun, Failure> {
    let (fetched, folder) = fetch(run, args, wait, Want::Ends, terminal)?;
    let plan = the_plan(&fetched)?;
    let outcomes = outcomes(&fetched);
    let read: Vec<Outcome> = outcomes.iter().filter_map(|path| super::outcomes::read(path).ok()).collect();
    let mut ended = Vec::new();
    let ran = |job: &Job| job.is_over() && job.conclusion != Some(Conclusion::Skipped);
    for found in fetched.jobs.iter().filter(|found| ran(&found.job)) {
        let of_plan = |(number, _): &&(usize, String)| plan.is_none_or(|plan| plan == *number);
        let shard = found.shard.as_ref().filter(of_plan);
        if shard.is_none() && plan.is_some() {
            continue;
        }
        let outcome = fetched.outcome_of(found, &read).cloned();
        let known = outcome.as_ref().map(Evidence::of).unwrap_or_default();
        let whole = outcome.as_ref().is_some_and(|outcome| outcome.end.is_some());
        // A whole outcome needs nobody else's account.
        let evidence = match whole {
            true => known,
            false => github::evidence(known, &found.job, &found.seen, fetched.filled(&found.shard)),
        };
        let mut judgement = judge(&evidence);
        if judgement.verdict == Verdict::Passed && !found.job.succeeded() {
            let sentence = "GitHub does not call the job a success: something beside the shard went wrong";
            judgement.evidence.push(sentence.to_owned());
            judgement.advice = "read the job's other steps".to_owned();
        }
        ended.push(Ended {
            job: found.job.name.clone(),
            shard: shard.map(|(_, shard)| shard.clone()),
            succeeded: found.job.succeeded(),
            outcome,
            evidence,
            judgement,
        });
    }
    let plan = plan.map(|plan| fetched.plans[plan].0.clone());
    Ok(FromRun { run: fetched.run_name(), plan, outcomes, ended, _folder: folder })
}

/// The outcomes among the artifacts of a run, with the folder that holds them.
pub(super) fn outcomes_of_run(
    run: &Named,
    args: &GithubArgs,
    wait: Option<Millis>,
    terminal: &mut Terminal<'_, impl Write, impl Write>,
) -> Result<(Vec<PathBuf>, TempDir), Failure> {
    let (fetched, folder) = fetch(run, args, wait, Want::Outcomes, terminal)?;
    let outcomes = outcomes(&fetched);
    if outcomes.is_empty() {
        let help = "upload shard-out/outcomes as an artifact `shard-outcomes-<shard>` in every job, with `if: always()`";
        let name = fetched.run_name();
        return Err(Failure::new(
            ErrorId::NoArtifact,
            format!("run {name} has no artifact with an outcome\n  help: {help}"),
        ));
    }
    Ok((outcomes, folder))
}

/// The histories among the artifacts of a run, with the folder that holds them.
pub(super) fn histories_of_run(
    run: &Named,
    args: &GithubArgs,
    wait: Option<Millis>,
    terminal: &mut Terminal<'_, impl Write, impl Write>,
) -> Result<(Vec<PathBuf>, TempDir), Failure> {
    let mut args = args.clone();
    if args.artifact.is_empty() {
        args.artifact.push(HISTORIES.to_owned());
    }
    let (fetched, folder) = fetch(run, &args, wait, Want::Artifacts, terminal)?;
    let name = |path: &Path| path.file_name().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
    let is_history = |path: &PathBuf| github::like(&name(path), "*history*.json*");
    let found: Vec<PathBuf> = fetched.files.iter().filter(|path| is_history(path)).cloned().collect();
    if found.is_empty() {
        terminal.say(format!(
            "history: run {} has no artifact `{}` with a shard-history.json",
            fetched.run_name(),
            args.artifact.join("`, `")
        ));
    }
    Ok((found, folder))
}

fn outcomes(fetched: &Fetched) -> Vec<PathBuf> {
    let is_outcome = |path: &&PathBuf| {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        outcome::parse_file_name(name).is_some()
    };
    let mut outcomes: Vec<PathBuf> = fetched.files.iter().filter(is_outcome).cloned().collect();
    outcomes.sort();
    outcomes
}

/// Of plans of different rounds the one of the last.
fn newest_round(fetched: &Fetched, plans: &[usize]) -> Option<usize> {
    let round = |place: &usize| fetched.plans.get(*place).map(|(_, plan, _)| plan.round);
    let newest = plans.iter().copied().max_by_key(round)?;
    let same = plans.iter().filter(|place| round(place) == round(&newest)).count();
    (same == 1).then_some(newest)
}

/// The place of the plan that this is about.
fn the_plan(fetched: &Fetched) -> Result<Option<usize>, Failure> {
    let of = |failed: bool| {
        let jobs = fetched.jobs.iter().filter(move |found| !(failed && found.job.succeeded()));
        let mut plans: Vec<usize> = jobs.filter_map(|found| Some(found.shard.as_ref()?.0)).collect();
        plans.sort_unstable();
        plans.dedup();
        plans
    };
    match (of(true).as_slice(), of(false).first()) {
        ([plan], _) => Ok(Some(*plan)),
        ([], first) => Ok(first.copied().or((fetched.plans.len() == 1).then_some(0))),
        // What a later round planned is the rest of what an earlier one did.
        (several, _) => newest_round(fetched, several).map(Some).ok_or_else(|| {
            let tokens = several.iter().filter_map(|plan| fetched.plans.get(*plan));
            let tokens: Vec<&str> = tokens.map(|(_, _, digest)| digest.token()).collect();
            Failure::new(ErrorId::PlanMismatch, format!(
                "jobs of several plans did not succeed: {}\n  help: name the artifacts of one of them with --artifact, its plan's and its outcomes'",
                text::examples(tokens, 5)
            ))
        }),
    }
}

fn fetch(
    run: &Named,
    args: &GithubArgs,
    wait: Option<Millis>,
    want: Want,
    terminal: &mut Terminal<'_, impl Write, impl Write>,
) -> Result<(Fetched, TempDir), Failure> {
    if !cfg!(feature = "github") {
        return Err(Failure::new(
            ErrorId::FeatureMissing,
            "this build of shard leaves GitHub out\n  help: build it with `cargo install --locked --path . --features github`",
        ));
    }
    let set = |name: &str| variable(name).filter(|value| !value.trim().is_empty());
    let server = set("GITHUB_API_URL").map_or_else(|| Ok(Server::default()), |url| url.parse());
    let wrong = |name: &'static str| move |why| Failure::new(ErrorId::BadValue, format!("{name}: {why}"));
    let server: Server = server.map_err(wrong("GITHUB_API_URL"))?;
    if let Named::Run { page: Some((host, _)), .. } = run
        && !server.is_of(host)
    {
        let help = "set GITHUB_API_URL to its API, such as https://HOST/api/v3";
        let host = text::printable(host);
        return Err(Failure::new(
            ErrorId::BadValue,
            format!("`{host}` is another GitHub than the one that is asked\n  help: {help}"),
        ));
    }
    let token = set("GITHUB_TOKEN").or_else(|| set("GH_TOKEN"));
    let token = token.map_or(Ok(None), |token| Token::new(&token)).map_err(wrong("GITHUB_TOKEN"))?;
    if token.is_none() {
        terminal.say("note: neither GITHUB_TOKEN nor GH_TOKEN is set, and without a token GitHub gives out neither logs nor artifacts");
    }
    let folder = tempfile::tempdir();
    let folder = folder.map_err(|err| {
        Failure::new(ErrorId::CannotWrite, format!("no temporary folder can be made: {err}"))
    })?;
    let options = Options {
        server,
        token,
        wait: Duration::from(wait.unwrap_or(WAIT)),
        want,
        artifacts: args.artifact.clone(),
        into: folder.path().to_owned(),
    };
    let fetched = github::fetch(&repository(run, args)?, &which(run, args, want, set), &options);
    let fetched = fetched.map_err(Failure::of(ErrorId::GithubFailed))?;
    fetched.notes.iter().for_each(|note| terminal.say(format!("note: {note}")));
    Ok((fetched, folder))
}

fn repository(run: &Named, args: &GithubArgs) -> Result<Repository, Failure> {
    if let Some(repository) = &args.repo {
        return Ok(repository.clone());
    }
    if let Named::Run { page: Some((_, repository)), .. } = run {
        return Ok(repository.clone());
    }
    let Some(name) = variable("GITHUB_REPOSITORY").filter(|name| !name.is_empty()) else {
        let help = "name it with --repo owner/name, or set GITHUB_REPOSITORY";
        return Err(Failure::new(
            ErrorId::NoRepository,
            format!("nothing says which repository is meant\n  help: {help}"),
        ));
    };
    name.parse().map_err(|why| Failure::new(ErrorId::BadValue, format!("GITHUB_REPOSITORY: {why}")))
}

fn which(run: &Named, args: &GithubArgs, want: Want, set: impl Fn(&str) -> Option<String>) -> Which {
    match run {
        Named::Run { id, attempt, .. } => Which::Run { id: *id, attempt: args.attempt.or(*attempt) },
        Named::Newest => {
            // `owner/name/.github/workflows/test.yml@refs/heads/main`
            let file = |text: String| Some(text.split('@').next()?.rsplit('/').next()?.to_owned());
            let branch = match want {
                // What is learned goes into a plan for the branch that this will be a part of.
                Want::Artifacts => set("GITHUB_BASE_REF"),
                Want::Ends | Want::Outcomes => set("GITHUB_HEAD_REF"),
            };
            Which::Newest {
                workflow: args.workflow.clone().or_else(|| set("GITHUB_WORKFLOW_REF").and_then(file)),
                branch: args.branch.clone().or(branch).or_else(|| set("GITHUB_REF_NAME")),
                failed: want == Want::Ends,
                but: set("GITHUB_RUN_ID").and_then(|id| id.parse().ok()),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_of_a_workflow_name_the_run() {
        let set = |name: &str| {
            let value = match name {
                "GITHUB_WORKFLOW_REF" => "o/r/.github/workflows/test.yml@refs/heads/feature/x",
                "GITHUB_HEAD_REF" => "feature/x",
                "GITHUB_BASE_REF" => "main",
                "GITHUB_REF_NAME" => "12/merge",
                "GITHUB_RUN_ID" => "99",
                _ => return None,
            };
            Some(value.to_owned())
        };
        let newest = |branch: &str, failed| Which::Newest {
            workflow: Some("test.yml".to_owned()),
            branch: Some(branch.to_owned()),
            failed,
            but: Some(99),
        };
        let args = GithubArgs::default();
        assert_eq!(which(&Named::Newest, &args, Want::Ends, set), newest("feature/x", true));
        assert_eq!(which(&Named::Newest, &args, Want::Artifacts, set), newest("main", false));
        let none = Which::Newest { workflow: None, branch: None, failed: false, but: None };
        assert_eq!(which(&Named::Newest, &args, Want::Outcomes, |_| None), none);
        let run = Named::Run { id: 7, attempt: Some(2), page: None };
        assert_eq!(which(&run, &args, Want::Ends, set), Which::Run { id: 7, attempt: Some(2) });
        let args = GithubArgs { attempt: Some(1), ..args };
        assert_eq!(which(&run, &args, Want::Ends, set), Which::Run { id: 7, attempt: Some(1) });
    }
}
