//! GitHub Actions as it looks from outside: runs, jobs, annotations, logs and artifacts, and what they tell of
//! shards.
//!
//! [`fetch`] is the only thing here that speaks to anybody. Everything else takes what was answered, whatever
//! that is: an answer may lack any field, and have words that nobody knows yet.

mod api;
mod evidence;
mod failed;
mod jobs;
mod names;
mod place;

#[cfg(feature = "github")]
mod answer;
#[cfg(feature = "github")]
mod client;
#[cfg(feature = "github")]
mod fetch;
#[cfg(not(feature = "github"))]
#[path = "github/without_github.rs"]
mod fetch;

use std::path::PathBuf;
use std::time::Duration;

pub use api::{Annotation, Artifact, Conclusion, Job, Run, Status, Step};
pub use evidence::{Seen, SeenLog, evidence};
pub use failed::{Failed, Why};
pub use fetch::fetch;
pub use jobs::{Planned, Whose, whose};
pub use names::{OUTCOMES, PLANS, is_of, like};
pub use place::{Named, Repository, Server, Token};

use crate::model::Digest;
use crate::outcome::{Outcome, Start};
use crate::plan::Plan;

/// Which run is meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Which {
    /// This one, in its newest attempt or another, from 1.
    Run {
        /// Its number.
        id: u64,
        /// Which attempt.
        attempt: Option<u64>,
    },
    /// The newest that ended so.
    Newest {
        /// The workflow's file name, such as `test.yml`; `None`: any.
        workflow: Option<String>,
        /// The branch; `None`: any.
        branch: Option<String>,
        /// Whether it failed or succeeded.
        failed: bool,
        /// A run that is not meant: the one that asks.
        but: Option<u64>,
    },
}

/// What is to be had of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Want {
    /// What tells of the end of every shard: the plan, and for each job that did not succeed its outcome,
    /// or else its annotations and log.
    Ends,
    /// All outcomes.
    Outcomes,
    /// Nothing but the artifacts that are named.
    Artifacts,
}

/// How to ask, and where to put what is downloaded.
#[derive(Clone, Debug)]
pub struct Options {
    /// The API.
    pub server: Server,
    /// Who asks; without it little may be read.
    pub token: Option<Token>,
    /// Longest time for all of it.
    pub wait: Duration,
    /// What is wanted.
    pub want: Want,
    /// Names of artifacts that are looked into, with `*` for any text. Empty: those that [`PLANS`] and
    /// [`OUTCOMES`] name.
    pub artifacts: Vec<String>,
    /// The folder for what is downloaded.
    pub into: PathBuf,
}

/// What was found.
#[derive(Debug, Default)]
pub struct Fetched {
    /// The run.
    pub run: Run,
    /// The jobs of its attempt, as GitHub lists them.
    pub jobs: Vec<Found>,
    /// The plans among its artifacts, each with its file.
    pub plans: Vec<(PathBuf, Plan, Digest)>,
    /// The files of its artifacts that are no plan.
    pub files: Vec<PathBuf>,
    /// What is missing or odd: sentences, ready to be shown.
    pub notes: Vec<String>,
}

impl Fetched {
    /// What outcomes of this attempt call their run: `gh-17`, `gh-17.2`.
    #[must_use]
    pub fn run_name(&self) -> String {
        self.name_of(self.run.attempt)
    }

    fn name_of(&self, attempt: u64) -> String {
        let id = self.run.id;
        if attempt > 1 { format!("gh-{id}.{attempt}") } else { format!("gh-{id}") }
    }

    /// Hundredths of its budget that a shard's plan fills.
    #[must_use]
    pub fn filled(&self, shard: &Option<(usize, String)>) -> Option<u64> {
        let (plan, shard) = shard.as_ref()?;
        let shard = self.plans.get(*plan)?.1.shard(shard)?;
        let budget = shard.budget_bytes.filter(|budget| budget.0 > 0)?;
        u64::try_from(u128::from(shard.predicted_bytes.0) * 100 / u128::from(budget.0)).ok()
    }

    /// Which of these outcomes is that of a job: the last that its shard wrote in its attempt. Where several jobs
    /// ran one shard, as other axes of a matrix make them, an outcome must say which job's it is.
    #[must_use]
    pub fn outcome_of<'o>(&self, found: &Found, outcomes: &'o [Outcome]) -> Option<&'o Outcome> {
        let (plan, shard) = found.shard.as_ref()?;
        let digest = self.plans.get(*plan)?.2.to_string();
        let starts = outcomes.iter().filter_map(|outcome| Some((outcome.start.as_ref()?, outcome)));
        let run = self.name_of(found.attempt);
        // What is not run by this CI calls its runs as it likes.
        let same = |start: &Start| start.run == run || !start.run.starts_with("gh-");
        let jobs = self.jobs.iter().filter(|other| other.shard == found.shard).count();
        let same =
            |start: &Start| same(start) && start.check_run.map_or(jobs == 1, |job| job == found.job.id);
        let own = starts.filter(|(start, _)| start.shard == *shard && start.plan == digest && same(start));
        own.max_by_key(|(start, _)| (start.round, start.attempt)).map(|(_, outcome)| outcome)
    }
}

/// One job.
#[derive(Debug, Default)]
pub struct Found {
    /// What GitHub says of it.
    pub job: Job,
    /// The attempt that ran it, from 1.
    pub attempt: u64,
    /// The shard that it ran, where it ran one: the place of its plan in [`Fetched::plans`], and its name.
    pub shard: Option<(usize, String)>,
    /// What else was looked at.
    pub seen: Seen,
}
