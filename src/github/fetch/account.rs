//! What else there is of jobs that did not succeed: their outcomes, else annotations, else logs.

use std::fs::File;
use std::io::BufReader;
use std::path::PathBuf;

use super::super::client::Keep;
use super::super::{Annotation, Conclusion, Failed, Job, SeenLog, Why, evidence};
use super::{Fetch, PAGE};
use crate::model::{Confidence, Verdict};
use crate::outcome::{self, Outcome};
use crate::text::printable;
use crate::triage::{Evidence, judge};

/// Most pages of a job's annotations: its commands may write as many as they like.
const PAGES_MAX: usize = 3;

/// Logs that are asked for, where all else leaves a doubt, and how much of their ends is read, in bytes.
const LOGS_MAX: usize = 20;
const LOG_END: usize = 1 << 20;

impl Fetch<'_> {
    /// What else there is of the jobs that did not succeed, as far as their outcomes leave a doubt.
    pub(super) async fn look_at_jobs(&mut self) -> Result<(), Failed> {
        let outcomes = self.outcomes();
        let told = outcomes.iter().filter_map(|outcome| {
            let start = outcome.start.as_ref()?;
            Some((start.check_run?, (start.plan.clone(), start.shard.clone())))
        });
        self.map_jobs(&told.collect());
        let mut logs = 0;
        for number in 0..self.found.jobs.len() {
            let found = &self.found.jobs[number];
            let (job, shard) = (found.job.clone(), found.shard.clone());
            let idle = job.conclusion == Some(Conclusion::Skipped) || job.succeeded() || !job.is_over();
            // Where there is a plan, jobs of no shard are none of our business.
            if idle || (shard.is_none() && !self.found.plans.is_empty()) {
                continue;
            }
            let outcome = self.found.outcome_of(found, &outcomes);
            if outcome.is_some_and(|outcome| outcome.end.is_some()) {
                continue;
            }
            let known = outcome.map(Evidence::of).unwrap_or_default();
            let annotations = self.annotations(&job).await?;
            self.found.jobs[number].seen.annotations = annotations;
            let judged =
                judge(&evidence(known, &job, &self.found.jobs[number].seen, self.found.filled(&shard)));
            let settled = judged.confidence != Confidence::Possible
                && !matches!(judged.verdict, Verdict::Killed | Verdict::TestFailure | Verdict::Unknown);
            if settled {
                continue;
            }
            logs += 1;
            match logs {
                ..=LOGS_MAX => self.found.jobs[number].seen.log = self.log(&job).await?,
                _ => self.note(format!("only the first {LOGS_MAX} logs are read")),
            }
        }
        Ok(())
    }

    /// The outcomes among the files, of whatever attempt.
    fn outcomes(&self) -> Vec<Outcome> {
        let is_outcome = |path: &&PathBuf| path.extension().is_some_and(|ending| ending == "jsonl");
        let read = |path: &PathBuf| outcome::read(BufReader::new(File::open(path).ok()?)).ok();
        self.found.files.iter().filter(is_outcome).filter_map(read).collect()
    }

    async fn annotations(&mut self, job: &Job) -> Result<Option<Vec<Annotation>>, Failed> {
        let unread = "annotations cannot be read, so nothing is excused";
        match self.annotation_pages(job).await {
            Ok(all) => Ok(Some(all)),
            Err(Why::Forbidden(_) | Why::Missing) => {
                let help = "give the job `permissions: { contents: read, actions: read, checks: read }`";
                self.note(format!("{unread}: the token lacks `checks: read`\n  help: {help}"));
                Ok(None)
            }
            Err(why @ (Why::Other(_) | Why::Gone)) => {
                self.note(format!("{unread}: {why}"));
                Ok(None)
            }
            Err(why) => Err(Failed { what: format!("the annotations of job {}", job.id), why }),
        }
    }

    async fn annotation_pages(&self, job: &Job) -> Result<Vec<Annotation>, Why> {
        let path = format!("{}/check-runs/{}/annotations?per_page={PAGE}", self.base, job.id);
        let mut all = Vec::new();
        for page in 1..=PAGES_MAX {
            let got = Annotation::all(&self.client.json(&format!("{path}&page={page}")).await?);
            let last = got.len() < PAGE;
            all.extend(got);
            if last {
                break;
            }
        }
        Ok(all)
    }

    async fn log(&mut self, job: &Job) -> Result<SeenLog, Failed> {
        let path = format!("{}/actions/jobs/{}/logs", self.base, job.id);
        match self.client.get(&path, Keep::End(LOG_END)).await {
            Ok(answer) => {
                let text = String::from_utf8_lossy(&answer.body).into_owned();
                Ok(SeenLog::End { text, written: answer.written })
            }
            Err(Why::Missing) => Ok(SeenLog::Missing),
            Err(why @ (Why::Gone | Why::Forbidden(_) | Why::Other(_))) => {
                self.note(format!("the log of `{}` cannot be read: {why}", printable(&job.name)));
                Ok(SeenLog::Unknown)
            }
            Err(why) => Err(Failed { what: format!("the log of job {}", job.id), why }),
        }
    }
}
