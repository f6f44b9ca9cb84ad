//! What a cluster's own scheduler says of the ends of tasks, for those shards whose own account is cut short.
//!
//! Tasks are known again by the token of their plan, which `shard plan --format` writes into the names or labels of all
//! that it submits.

mod kubernetes;
mod slurm;

use std::collections::BTreeMap;

use crate::plan::{Plan, Shard};
use crate::text;
use crate::triage::{Evidence, Task};

/// The label with the token of the plan that a pod is of.
pub const PLAN_LABEL: &str = "shard.plan";

/// The annotation with the places in the plan that a job's completion indices stand for: `0,3,5-7`.
pub const AMONG: &str = "shard.among";

/// The annotation with the name of the shard that a pod runs.
pub const SHARD: &str = "shard.name";

/// Longest account that is read, in bytes.
pub const SIZE_MAX: u64 = 256 << 20;

/// Longest word of a cluster that is shown, in columns.
const WORDS_MAX: usize = 300;

/// One task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    /// As the cluster calls it: `4711_3`, a pod's name.
    pub name: String,
    /// The token of its plan; `None`: it is not said.
    pub token: Option<String>,
    /// Which shard it ran.
    pub which: Which,
    /// How it ended; `None`: it is not over.
    pub task: Option<Task>,
    /// Its exit code, as far as one is said that means something.
    pub exit: Option<i32>,
    /// The signal that ended it.
    pub signal: Option<i32>,
}

/// Which shard of its plan a task ran.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Which {
    /// By its place, from 0.
    Place(usize),
    /// By its name.
    Shard(String),
}

/// How the tasks of one plan ended.
#[derive(Clone, Debug, Default)]
pub struct OfPlan {
    /// By the shard's name; of several tasks of a shard one that passed, else the last.
    pub shards: BTreeMap<String, Ended>,
    /// Tasks of the plan that are not over.
    pub open: usize,
    /// Tasks of no or another plan.
    pub others: usize,
}

/// Reads an account, whose kind is recognised by its content: `sacct --parsable2` or its table, `sacct --json`,
/// `scontrol show job`, `kubectl get pods -o json`. Tasks are in the order of the account, of Kubernetes in
/// that of their creation.
///
/// # Errors
/// It is none of these, or broken; in words.
pub fn read(bytes: &[u8]) -> Result<Vec<Ended>, String> {
    let text = String::from_utf8_lossy(bytes);
    let text = text.trim_start_matches('\u{feff}').trim_start();
    if !text.starts_with(['{', '[']) {
        return slurm::text(text);
    }
    let json = serde_json::from_str(text).map_err(|err| format!("broken JSON: {err}"))?;
    match slurm::json(&json).or_else(|| kubernetes::json(&json)) {
        Some(tasks) => Ok(tasks),
        None => Err("neither jobs of Slurm nor pods of Kubernetes are in it".to_owned()),
    }
}

/// Those of the tasks that are of the plan with this token.
#[must_use]
pub fn of_plan(all: &[Ended], plan: &Plan, token: &str) -> OfPlan {
    let mut found = OfPlan::default();
    for ended in all {
        let shard = shard_of(ended, plan).filter(|_| ended.token.as_deref() == Some(token));
        match (shard, &ended.task) {
            (None, _) => found.others += 1,
            (Some(_), None) => found.open += 1,
            (Some(shard), Some(_)) => {
                let passed = found.shards.get(&shard.id).is_some_and(|earlier| earlier.exit == Some(0));
                if !passed {
                    found.shards.insert(shard.id.clone(), ended.clone());
                }
            }
        }
    }
    found
}

fn shard_of<'a>(ended: &Ended, plan: &'a Plan) -> Option<&'a Shard> {
    match &ended.which {
        Which::Place(place) => plan.shards.get(*place),
        Which::Shard(name) => plan.shard(name),
    }
}

impl Ended {
    /// What is known of the shard's end: `evidence` of its outcome, if there is one, with what the cluster says.
    #[must_use]
    pub fn add_to(&self, mut evidence: Evidence) -> Evidence {
        if evidence.exit.is_none() && evidence.signal.is_none() {
            (evidence.exit, evidence.signal) = (self.exit, self.signal);
        }
        evidence.task.clone_from(&self.task);
        evidence
    }
}

/// The token in a name that [`Group::name`](crate::emit::clusters::classes::Group::name) gave: `shard-3f9c1a2b-2048m-1c`.
fn token_of(name: &str) -> Option<&str> {
    let token = name.strip_prefix("shard-")?.split('-').next()?;
    let good = token.len() == 8 && token.bytes().all(|byte| byte.is_ascii_hexdigit());
    good.then_some(token)
}

/// A cluster's word, fit to be shown.
fn shown(word: &str) -> String {
    text::printable(&text::shorten(word.trim(), WORDS_MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::triage::judge;

    /// The account in `testdata/ended`, judged task by task.
    fn judged(name: &str) -> Vec<String> {
        let path = format!("{}/testdata/ended/{name}", env!("CARGO_MANIFEST_DIR"));
        let mut tasks = read(&std::fs::read(path).unwrap()).unwrap();
        assert!(tasks.iter().all(|task| task.token.as_deref() == Some("00000000")));
        tasks.sort_by_key(|task| format!("{:?}", task.which));
        let line = |ended: &Ended| {
            let judged = judge(&ended.add_to(Evidence::default()));
            let which = match &ended.which {
                Which::Place(place) => place.to_string(),
                Which::Shard(name) => name.clone(),
            };
            match ended.task {
                Some(_) => format!("{which} {} {}", judged.verdict, judged.confidence),
                None => format!("{which} open"),
            }
        };
        tasks.iter().map(line).collect()
    }

    #[test]
    fn all_accounts_of_slurm_say_the_same() {
        let expect = [
            "0 passed possible",
            "1 out-of-memory likely",
            "2 test-failure possible",
            "3 timeout likely",
            "4 cancelled likely",
            "5 killed likely",
        ];
        assert_eq!(judged("sacct.txt"), expect);
        assert_eq!(judged("scontrol.txt"), expect);
        // Whose JSON loses the exit code of what failed.
        let mut lossy = expect;
        lossy[2] = "2 unknown possible";
        assert_eq!(judged("sacct.json"), lossy);
    }

    #[test]
    fn pods_are_judged() {
        let expect = [
            "0 passed possible",
            "1 out-of-memory certain",
            "2 test-failure possible",
            "3 open",
            "4 out-of-memory possible",
            "5 timeout likely",
            "6 runner-lost likely",
        ];
        assert_eq!(judged("pods.json"), expect);
    }

    #[test]
    fn tasks_are_told_apart_by_plan_and_shard() {
        let plan = Plan::from_bytes(include_bytes!("../testdata/plans/two-shards.json")).unwrap();
        let listing = "JobID|JobName|State|ExitCode\n\
             1_0|shard-aaaaaaaa-1m-1c|FAILED|1:0\n\
             1_1|shard-aaaaaaaa-1m-1c|COMPLETED|0:0\n\
             1_1|shard-aaaaaaaa-1m-1c|NODE_FAIL|0:0\n\
             2_0|shard-aaaaaaaa-1m-1c|OUT_OF_MEMORY|0:125\n\
             3_0|shard-bbbbbbbb-1m-1c|TIMEOUT|0:0\n\
             4_0|lunch|TIMEOUT|0:0\n\
             5_9|shard-aaaaaaaa-1m-1c|TIMEOUT|0:0\n\
             6_1|shard-aaaaaaaa-1m-1c|RUNNING|0:0\n";
        let found = of_plan(&read(listing.as_bytes()).unwrap(), &plan, "aaaaaaaa");
        let names: Vec<&str> = found.shards.values().map(|ended| ended.name.as_str()).collect();
        assert_eq!((names, found.open, found.others), (vec!["2_0", "1_1"], 1, 3));
    }

    #[test]
    fn what_is_no_account_is_refused() {
        for (text, expect) in [
            ("", "no line that names the columns"),
            ("hello\nworld\n", "neither a listing of `sacct` nor of `scontrol show job`"),
            ("JobID|Elapsed\n1|2\n", "columns JobID, JobName, State and ExitCode"),
            ("{", "broken JSON"),
            ("{\"items\":[{\"kind\":\"Job\"}]}", "neither jobs of Slurm nor pods of Kubernetes"),
            ("[]", "neither jobs of Slurm nor pods of Kubernetes"),
        ] {
            let err = read(text.as_bytes()).unwrap_err();
            assert!(err.contains(expect), "{text}: {err}");
        }
        // Nothing that is odd ends in a panic.
        for text in [
            "{\"jobs\":[0,{\"array\":7,\"name\":{}}]}",
            "{\"jobs\":{}}",
            "{\"kind\":\"PodList\",\"items\":[{},7]}",
        ] {
            let _ = read(text.as_bytes());
        }
    }
}
