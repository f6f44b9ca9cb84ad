//! What clusters say of the tasks that ran shards: files that the user names, matched with plans.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::Failure;
use super::folder::{before, plan_path, read_plan};
use crate::catalogue::ErrorId;
use crate::ended::{self, Ended, OfPlan};
use crate::files;
use crate::outcome::Outcome;
use crate::plan::Plan;
use crate::text::{count, printable};
use crate::triage::Evidence;

/// The tasks of all accounts, in their order.
pub(super) fn read(paths: &[PathBuf]) -> Result<Vec<Ended>, Failure> {
    let mut all = Vec::new();
    for path in paths {
        let shown = printable(&path.display().to_string());
        let bytes = files::read(path, ended::SIZE_MAX)?;
        all.extend(ended::read(&bytes).map_err(|err| {
            let help = "give what `sacct --parsable2 --format=JobID,JobName,State,ExitCode`, `sacct --json`, `scontrol show job` or \
                        `kubectl get pods -o json` prints";
            Failure::new(ErrorId::AccountInvalid, format!("{shown}: {err}\n  help: {help}"))
        })?);
    }
    Ok(all)
}

/// What is passed over, in a sentence.
pub(super) fn passed_over(of: &OfPlan) -> Option<String> {
    (of.others > 0)
        .then(|| format!("note: {} of another plan, or of none, not used", count(of.others, "task")))
}

/// Tasks by what they ran.
#[derive(Default)]
pub(super) struct Tasks {
    /// By the digest of the plan and the shard's name.
    known: BTreeMap<(String, String), Ended>,
    pub(super) notes: Vec<String>,
}

impl Tasks {
    /// Of the plan that is named, or of the one in the usual place if it is there, and of those that it comes from.
    pub(super) fn find(paths: &[PathBuf], plan: Option<&Path>) -> Result<Tasks, Failure> {
        if paths.is_empty() {
            return Ok(Tasks::default());
        }
        let all = read(paths)?;
        let path = plan_path(plan)?;
        let (newest, digest) = read_plan(&path)?;
        let mut plans: Vec<(Plan, _)> = vec![(newest, digest)];
        plans.extend(before(&path, &plans[0].0).into_iter().map(|(plan, digest, _)| (plan, digest)));
        let mut tasks = Tasks::default();
        let mut mine = 0;
        for (plan, digest) in &plans {
            let of = ended::of_plan(&all, plan, digest.token());
            mine += all.len() - of.others;
            let named = |(shard, ended)| ((digest.to_string(), shard), ended);
            tasks.known.extend(of.shards.into_iter().map(named));
        }
        let others = OfPlan { others: all.len().saturating_sub(mine), ..OfPlan::default() };
        tasks.notes.extend(passed_over(&others));
        Ok(tasks)
    }

    /// What is known of each outcome: what it says itself, and of the newest attempt of each shard what the
    /// cluster says.
    pub(super) fn evidence(&mut self, outcomes: &[&Outcome]) -> Vec<Evidence> {
        let mut newest: BTreeMap<(&str, &str), u32> = BTreeMap::new();
        let starts = || outcomes.iter().filter_map(|outcome| outcome.start.as_ref());
        for start in starts() {
            let attempt = newest.entry((&start.plan, &start.shard)).or_default();
            *attempt = start.attempt.max(*attempt);
        }
        let mut used = Vec::new();
        let of = |outcome: &&Outcome| {
            let evidence = Evidence::of(outcome);
            let Some(start) = &outcome.start else { return evidence };
            let last = newest.get(&(start.plan.as_str(), start.shard.as_str())) == Some(&start.attempt);
            let key = (start.plan.clone(), start.shard.clone());
            match self.known.get(&key).filter(|_| last) {
                Some(ended) => {
                    used.push(key);
                    ended.add_to(evidence)
                }
                None => evidence,
            }
        };
        let all = outcomes.iter().map(of).collect();
        used.iter().for_each(|key| drop(self.known.remove(key)));
        all
    }

    /// Those that no outcome was asked for, with their shards.
    pub(super) fn rest(self) -> impl Iterator<Item = (String, Ended)> {
        self.known.into_iter().map(|((_, shard), ended)| (shard, ended))
    }
}
