//! A run, and of everything that belongs to it no more than is needed: GitHub counts requests.

mod account;

use std::collections::{BTreeMap, BTreeSet};
use std::io::Cursor;
use std::path::PathBuf;

use serde_json::Value;

use super::client::{Client, Keep};
use super::{
    Artifact, Conclusion, Failed, Fetched, Found, Job, OUTCOMES, Options, PLANS, Planned, Repository, Run,
    Status, Want, Which, Why, api, is_of, whose,
};
use crate::files;
use crate::model::Digest;
use crate::plan::{Plan, coverage, file};
use crate::text::printable;

/// Items of a page, which is the most that GitHub gives, and most pages of one list.
const PAGE: usize = 100;
const PAGES_MAX: usize = 50;

/// Most bytes of one artifact's archive, and of all of them unpacked.
const ARTIFACT_MAX: u64 = 256 << 20;
const UNPACKED_MAX: u64 = 1 << 30;

/// Attempts before the one that is asked for, in which a shard's job is looked for.
const ATTEMPTS_MAX: usize = 10;

/// Asks GitHub for a run.
///
/// # Errors
/// No such run, and whatever keeps it from being read. What is missing of a run that can be read is a note.
pub fn fetch(repository: &Repository, which: &Which, options: &Options) -> Result<Fetched, Failed> {
    let failed = |what: &str, why| Failed { what: what.to_owned(), why };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime =
        runtime.map_err(|err| failed("GitHub", Why::Other(format!("no connection can be made: {err}"))))?;
    runtime.block_on(async {
        let client = Client::new(&options.server, options.token.as_ref(), options.wait);
        let client = client.map_err(|why| failed("GitHub", why))?;
        let base = format!("/repos/{repository}");
        let mut fetch = Fetch { client, base, options, left: UNPACKED_MAX, found: Fetched::default() };
        fetch.found.run = fetch.run(which).await?;
        fetch.everything().await?;
        Ok(fetch.found)
    })
}

struct Fetch<'a> {
    client: Client,
    /// `/repos/owner/name`.
    base: String,
    options: &'a Options,
    /// Bytes that may still be unpacked.
    left: u64,
    found: Fetched,
}

impl Fetch<'_> {
    async fn run(&self, which: &Which) -> Result<Run, Failed> {
        match which {
            Which::Run { id, attempt } => {
                let (what, end) = match attempt {
                    Some(attempt) => {
                        (format!("attempt {attempt} of run {id}"), format!("/attempts/{attempt}"))
                    }
                    None => (format!("run {id}"), String::new()),
                };
                let failed = |why| Failed { what: what.clone(), why };
                let path = format!("{}/actions/runs/{id}{end}", self.base);
                let value = self.client.json(&path).await.map_err(failed)?;
                Run::of(&value).ok_or_else(|| failed(Why::Other("the answer is no run".to_owned())))
            }
            Which::Newest { workflow, branch, failed, but } => {
                let mut path = match workflow {
                    Some(workflow) => format!("{}/actions/workflows/{}/runs", self.base, escaped(workflow)),
                    None => format!("{}/actions/runs", self.base),
                };
                path += &format!("?per_page={PAGE}&status={}", if *failed { "completed" } else { "success" });
                if let Some(branch) = branch {
                    path += &format!("&branch={}", escaped(branch));
                }
                let of = |name: &Option<String>, word: &str| {
                    name.as_ref().map_or_else(String::new, |name| format!(" {word} `{}`", printable(name)))
                };
                let ended = if *failed { "failed" } else { "successful" };
                let what = format!("the newest {ended} run{}{}", of(workflow, "of"), of(branch, "on"));
                let failure = |why| Failed { what: what.clone(), why };
                let value = self.client.json(&path).await.map_err(failure)?;
                let runs = value.get("workflow_runs").and_then(Value::as_array).into_iter().flatten();
                let fits = |run: &Run| match &run.conclusion {
                    Some(Conclusion::Success) => !failed,
                    Some(Conclusion::Failure | Conclusion::TimedOut) => *failed,
                    _ => false,
                };
                let runs = runs.filter_map(Run::of).filter(|run| Some(run.id) != *but && fits(run));
                // Anybody can make a fork that succeeds, and nobody shall learn from it.
                let runs = runs.filter(|run| *failed || !run.foreign);
                // They come newest first, and that is not promised.
                runs.max_by_key(|run| run.id).ok_or_else(|| failure(Why::None))
            }
        }
    }

    async fn everything(&mut self) -> Result<(), Failed> {
        let Run { id, attempt, status, .. } = self.found.run.clone();
        if !matches!(status, Status::Completed | Status::Unknown) {
            self.note(format!("run {id} is not over: what is not there yet is missing here"));
        }
        if self.options.want == Want::Ends {
            self.found.jobs = self.jobs(id, attempt).await?;
        }
        let artifacts = self.artifacts(id).await?;
        let named = self.options.artifacts.as_slice();
        let of =
            |patterns: &[&str]| artifacts.iter().filter(|artifact| is_of(patterns, &artifact.name)).collect();
        let (first, second): (Vec<&Artifact>, Vec<&Artifact>) = match self.options.want {
            _ if !named.is_empty() => {
                (artifacts.iter().filter(|artifact| is_of(named, &artifact.name)).collect(), Vec::new())
            }
            Want::Ends => (of(PLANS), of(OUTCOMES)),
            Want::Outcomes => (of(OUTCOMES), Vec::new()),
            Want::Artifacts => (Vec::new(), Vec::new()),
        };
        for artifact in first {
            self.download(artifact).await?;
        }
        if self.options.want == Want::Artifacts {
            return Ok(());
        }
        self.read_plans();
        self.map_jobs(&BTreeMap::new());
        if self.options.want == Want::Ends {
            self.add_earlier(id, attempt).await?;
        }
        let needless = self.needless();
        for artifact in second.into_iter().filter(|artifact| !needless(&artifact.name)) {
            self.download(artifact).await?;
        }
        if self.options.want == Want::Ends {
            self.look_at_jobs().await?;
        }
        Ok(())
    }

    /// The jobs of an attempt.
    async fn jobs(&mut self, run: u64, attempt: u64) -> Result<Vec<Found>, Failed> {
        let path = format!("{}/actions/runs/{run}/attempts/{attempt}/jobs", self.base);
        let what = format!("the jobs of run {run}, attempt {attempt}");
        let (jobs, total) = self.pages(&what, &path, "jobs").await?;
        let mut seen = BTreeSet::new();
        let jobs = jobs.iter().filter_map(Job::of).filter(|job| seen.insert(job.id));
        let jobs: Vec<Found> = jobs.map(|job| Found { job, attempt, ..Found::default() }).collect();
        self.tell_missing(&what, jobs.len(), total);
        Ok(jobs)
    }

    /// An attempt may have run only some jobs again: the others count as they ended before.
    async fn add_earlier(&mut self, run: u64, attempt: u64) -> Result<(), Failed> {
        for attempt in (1..attempt).rev().take(ATTEMPTS_MAX) {
            let known: BTreeSet<(usize, String)> =
                self.found.jobs.iter().filter_map(|found| found.shard.clone()).collect();
            let planned: usize = self.found.plans.iter().map(|(_, plan, _)| plan.shards.len()).sum();
            if known.len() >= planned {
                break;
            }
            let newer = std::mem::take(&mut self.found.jobs);
            self.found.jobs = self.jobs(run, attempt).await?;
            self.map_jobs(&BTreeMap::new());
            self.found.jobs.retain(|found| found.shard.as_ref().is_some_and(|shard| !known.contains(shard)));
            self.found.jobs.splice(..0, newer);
        }
        Ok(())
    }

    /// All pages of a list, and how many items it should have.
    async fn pages(&self, what: &str, path: &str, field: &str) -> Result<(Vec<Value>, Option<u64>), Failed> {
        let (mut all, mut total) = (Vec::new(), None);
        for page in 1..=PAGES_MAX {
            let path = format!("{path}?per_page={PAGE}&page={page}");
            let mut value =
                self.client.json(&path).await.map_err(|why| Failed { what: what.to_owned(), why })?;
            total = api::number(&value, "total_count").or(total);
            let Some(Value::Array(items)) = value.get_mut(field).map(Value::take) else {
                let why = Why::Other(format!("the answer has no `{field}`"));
                return Err(Failed { what: what.to_owned(), why });
            };
            let (got, more) = (items.len(), total.map(|total| total > (all.len() + items.len()) as u64));
            all.extend(items);
            if got == 0 || !more.unwrap_or(got == PAGE) {
                break;
            }
        }
        Ok((all, total))
    }

    fn tell_missing(&mut self, what: &str, got: usize, total: Option<u64>) {
        if let Some(total) = total.filter(|total| *total > got as u64) {
            self.note(format!(
                "{what}: GitHub counts {total} and gave {got}; nothing is assumed of the others"
            ));
        }
    }

    fn note(&mut self, note: String) {
        if !self.found.notes.contains(&note) {
            self.found.notes.push(note);
        }
    }

    /// The newest artifact of every name.
    async fn artifacts(&mut self, run: u64) -> Result<Vec<Artifact>, Failed> {
        let what = format!("the artifacts of run {run}");
        let (items, total) =
            self.pages(&what, &format!("{}/actions/runs/{run}/artifacts", self.base), "artifacts").await?;
        self.tell_missing(&what, items.len(), total);
        let mut newest: BTreeMap<String, Artifact> = BTreeMap::new();
        for artifact in items.iter().filter_map(Artifact::of) {
            match newest.get(&artifact.name) {
                Some(known) if known.id >= artifact.id => {}
                _ => drop(newest.insert(artifact.name.clone(), artifact)),
            }
        }
        Ok(newest.into_values().collect())
    }

    /// An artifact's files. One that cannot be had costs only itself.
    async fn download(&mut self, artifact: &Artifact) -> Result<(), Failed> {
        let what = format!("artifact `{}`", printable(&artifact.name));
        let large = artifact.size.filter(|size| *size > ARTIFACT_MAX);
        if let Some(size) = large {
            self.note(format!(
                "{what} is left out: it has {} MiB, and {} are read",
                size >> 20,
                ARTIFACT_MAX >> 20
            ));
            return Ok(());
        }
        let expired =
            format!("{what} is no longer kept: make its retention longer (`retention-days`), or ask sooner");
        if artifact.expired {
            self.note(expired);
            return Ok(());
        }
        let path = format!("{}/actions/artifacts/{}/zip", self.base, artifact.id);
        let answer = match self.client.get(&path, Keep::All(ARTIFACT_MAX)).await {
            Ok(answer) => answer,
            Err(Why::Gone) => {
                self.note(expired);
                return Ok(());
            }
            Err(why @ (Why::Missing | Why::Other(_))) => {
                self.note(format!("{what} cannot be had: {why}"));
                return Ok(());
            }
            Err(why) => return Err(Failed { what, why }),
        };
        let folder = self.options.into.join(format!("{}-{}", artifact.id, file_name(&artifact.name)));
        match files::extract(Cursor::new(answer.body), &folder, self.left) {
            Ok(paths) => {
                let sizes = paths.iter().filter_map(|path| path.metadata().ok()).map(|data| data.len());
                self.left = self.left.saturating_sub(sizes.sum());
                self.found.files.extend(paths);
            }
            Err(err) => {
                // An archive that is refused takes no room from the others.
                let _ = std::fs::remove_dir_all(&folder);
                let err = printable(&err.to_string());
                self.note(format!("{what} is left out: {err}"));
            }
        }
        Ok(())
    }

    /// Takes the plans out of the files.
    fn read_plans(&mut self) {
        let is_plan = |path: &PathBuf| path.file_name().is_some_and(|name| name == "plan.json");
        let (plans, others): (Vec<_>, Vec<_>) = self.found.files.drain(..).partition(is_plan);
        self.found.files = others;
        for path in plans {
            let read = files::read(&path, file::SIZE_MAX).map_err(|err| format!("{err:#}"));
            match read.and_then(|bytes| Ok((Plan::from_bytes(&bytes)?, Digest::of(&bytes)))) {
                Ok((_, digest)) if self.found.plans.iter().any(|(.., known)| *known == digest) => {}
                Ok((plan, digest)) => self.found.plans.push((path, plan, digest)),
                Err(why) => {
                    let name = path.strip_prefix(&self.options.into).unwrap_or(&path).display().to_string();
                    self.note(format!("`{}` is no plan: {}", printable(&name), printable(&why)));
                }
            }
        }
    }

    fn map_jobs(&mut self, told: &BTreeMap<u64, (String, String)>) {
        let plans: Vec<Planned<'_>> =
            self.found.plans.iter().map(|(_, plan, digest)| Planned { plan, digest }).collect();
        let jobs: Vec<&Job> = self.found.jobs.iter().map(|found| &found.job).collect();
        let shards = whose(&jobs, &plans, told);
        for (found, shard) in self.found.jobs.iter_mut().zip(shards) {
            found.shard = shard;
        }
    }

    /// Whether an artifact of that name holds nothing but outcomes of shards whose jobs succeeded.
    fn needless(&self) -> impl Fn(&str) -> bool + use<> {
        let mut done: BTreeMap<(usize, &str), bool> = BTreeMap::new();
        for Found { job, shard, .. } in &self.found.jobs {
            if let Some((plan, shard)) = shard {
                *done.entry((*plan, shard)).or_insert(true) &= job.succeeded();
            }
        }
        let plans: Vec<Plan> = self.found.plans.iter().map(|(_, plan, _)| plan.clone()).collect();
        let done: BTreeSet<(usize, String)> = done
            .into_iter()
            .filter(|(_, done)| *done)
            .map(|((plan, shard), _)| (plan, shard.to_owned()))
            .collect();
        move |name| {
            let named = |(number, plan): (usize, &Plan)| {
                Some((number, coverage::shard_of_path(plan, name)?.to_owned()))
            };
            let mut named = plans.iter().enumerate().filter_map(named).peekable();
            named.peek().is_some() && named.all(|shard| done.contains(&shard))
        }
    }
}

/// A part of a path or of a query.
fn escaped(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' => out.push(char::from(byte)),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

/// A name for a folder that no system objects to.
fn file_name(name: &str) -> String {
    let known = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '-' | '_') { c } else { '_' };
    name.chars().take(80).map(known).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_escaped() {
        assert_eq!(escaped("feature/a b&c=é"), "feature%2Fa%20b%26c%3D%C3%A9");
        assert_eq!(file_name("../a b.é"), "___a_b__");
    }
}
