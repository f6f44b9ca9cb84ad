//! Which job of how many this is: by flags, or by what a CI says of its own parallel jobs.

use std::fmt;
use std::str::FromStr;

use super::Failure;
use super::args::PickArgs;
use super::folder::find_shard;
use crate::catalogue::ErrorId;
use crate::model::Digest;
use crate::plan::{Plan, Shard};
use crate::text;

/// How a CI tells its parallel jobs apart.
struct Numbering {
    /// What people call it.
    ci: &'static str,
    /// The variable with a job's number.
    index: &'static str,
    /// The variable with how many jobs there are, where there is one for all shards of a plan.
    total: Option<&'static str>,
    /// The number of the first job.
    base: usize,
    /// A variable without which the others mean something else.
    only_with: Option<&'static str>,
}

/// The first whose index is set counts: ours, then what starts jobs from within a CI's job, then the CIs, of which
/// only one is ever the caller. A total without an index means nothing: some are set in every job.
const NUMBERINGS: [Numbering; 10] = [
    numbering("shard", "SHARD_INDEX", Some("SHARD_TOTAL"), 0),
    // An array may be a part of the plan, one for each size of memory, so its count says nothing.
    numbering("Slurm", "SLURM_ARRAY_TASK_ID", None, 0),
    numbering("Kubernetes", "JOB_COMPLETION_INDEX", None, 0),
    Numbering {
        only_with: Some("GITLAB_CI"),
        ..numbering("GitLab", "CI_NODE_INDEX", Some("CI_NODE_TOTAL"), 1)
    },
    // Heroku, and whoever sets them by hand as Knapsack asks for.
    numbering("CI", "CI_NODE_INDEX", Some("CI_NODE_TOTAL"), 0),
    numbering("CircleCI", "CIRCLE_NODE_INDEX", Some("CIRCLE_NODE_TOTAL"), 0),
    numbering("Buildkite", "BUILDKITE_PARALLEL_JOB", Some("BUILDKITE_PARALLEL_JOB_COUNT"), 0),
    numbering("Azure Pipelines", "SYSTEM_JOBPOSITIONINPHASE", Some("SYSTEM_TOTALJOBSINPHASE"), 1),
    numbering("Bitbucket", "BITBUCKET_PARALLEL_STEP", Some("BITBUCKET_PARALLEL_STEP_COUNT"), 0),
    numbering("Semaphore", "SEMAPHORE_JOB_INDEX", Some("SEMAPHORE_JOB_COUNT"), 1),
];

/// The variable with the token of the plan that a job's number is of.
const TOKEN: &str = "SHARD_PLAN_TOKEN";

const fn numbering(
    ci: &'static str,
    index: &'static str,
    total: Option<&'static str>,
    base: usize,
) -> Numbering {
    Numbering { ci, index, total, base, only_with: None }
}

/// One of several parallel jobs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Node {
    /// From 0.
    pub(super) index: usize,
    /// How many there are, where that is known; more than the index.
    pub(super) total: Option<usize>,
    /// The flag or variable that said the index.
    pub(super) by: &'static str,
    /// The flag or variable that said the total.
    total_by: &'static str,
}

impl Node {
    /// The job that flags and environment name; `None` where nothing does. An index that was given by hand is not held
    /// to the environment's total.
    pub(super) fn find(
        index: Option<usize>,
        total: Option<usize>,
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<Option<Node>, Failure> {
        let node = match index {
            Some(index) => Some(Node { index, total: None, by: "--index", total_by: "" }),
            None => Node::said(total.is_some(), variable)?,
        };
        let Some(node) = node else { return Ok(None) };
        let node = match total {
            Some(_) => Node { total, total_by: "--total", ..node },
            None => node,
        };
        match node.total {
            Some(total) if node.index >= total => Err(Failure::new(
                ErrorId::JobCount,
                format!(
                    "{} names job {} of {total} by {}\n  help: jobs count from 0: the last of {total} is {}",
                    node.by,
                    node.index.saturating_add(1),
                    node.total_by,
                    total.saturating_sub(1)
                ),
            )),
            _ => Ok(Some(node)),
        }
    }

    /// The job that the environment names.
    fn said(counted: bool, variable: impl Fn(&str) -> Option<String>) -> Result<Option<Node>, Failure> {
        let set = |name: &str| variable(name).filter(|value| !value.trim().is_empty());
        let number = |name: &'static str, value: &str| {
            match value.trim() {
                digits if digits.bytes().all(|b| b.is_ascii_digit()) => digits.parse::<usize>().ok(),
                _ => None,
            }
            .ok_or_else(|| {
                Failure::new(
                    ErrorId::BadValue,
                    format!("{name} is `{}`, not a whole number", text::printable(value)),
                )
            })
        };
        let is_set = |one: &&Numbering| {
            set(one.index).is_some() && one.only_with.is_none_or(|name| set(name).is_some())
        };
        let Some(one) = NUMBERINGS.iter().find(is_set) else {
            return Ok(None);
        };
        let said = number(one.index, &set(one.index).unwrap_or_default())?;
        let index = said.checked_sub(one.base).ok_or_else(|| {
            Failure::new(
                ErrorId::BadValue,
                format!("{} is {said}, but {} counts from {}", one.index, one.ci, one.base),
            )
        })?;
        let total = match one.total.map(|name| (name, set(name))) {
            Some((name, Some(value))) => Some(number(name, &value)?),
            // A CI sets both: one alone was lost on the way, into a container for example.
            Some((name, None)) if one.ci != "shard" && !counted => {
                return Err(Failure::new(
                    ErrorId::JobUnknown,
                    format!(
                        "{} is set and {name} is not, so nobody knows whether every shard has its job\n  help: hand both on, or say how many jobs there are with --total",
                        one.index
                    ),
                ));
            }
            _ => None,
        };
        Ok(Some(Node { index, total, by: one.index, total_by: one.total.unwrap_or("") }))
    }
}

/// `job 3 of 8 by CI_NODE_INDEX`, counted as people do.
impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "job {}", self.index.saturating_add(1))?;
        if let Some(total) = self.total {
            write!(f, " of {total}")?;
        }
        write!(f, " by {}", self.by)
    }
}

/// A question that neither flags nor the environment answer.
pub(super) fn unsaid(question: &str, help: &str) -> Failure {
    let mut names: Vec<&str> = NUMBERINGS.iter().map(|one| one.index).collect();
    names.dedup();
    Failure::new(
        ErrorId::JobUnknown,
        format!(
            "{question} Of the variables that number a CI's jobs none is set: {}\n  help: {help}",
            names.join(", ")
        ),
    )
}

/// The shard that is meant: the one of that name, whatever the environment says; else by its number. `None` where there
/// may be more jobs than shards, and this is one of those.
pub(super) fn pick<'a>(
    plan: &'a Plan,
    digest: &Digest,
    name: Option<&str>,
    args: &PickArgs,
    variable: impl Fn(&str) -> Option<String>,
) -> Result<(Option<&'a Shard>, Option<Node>), Failure> {
    if let Some(name) = name {
        return Ok((Some(find_shard(plan, name)?), None));
    }
    let node = Node::find(args.index, args.total, &variable)?.ok_or_else(|| {
        let help = "name the shard, or give its number in the plan with --index, from 0";
        unsaid("which shard is meant?", help)
    })?;
    // The same number is another shard in another plan.
    match variable(TOKEN).filter(|token| !token.is_empty() && node.by == NUMBERINGS[0].index) {
        Some(token) if token != digest.token() => {
            return Err(Failure::new(
                ErrorId::PlanMismatch,
                format!(
                    "this job is one of plan {}, by {TOKEN}, but the plan here is {}\n  help: the plan was made again; start the jobs of the new one",
                    text::printable(&token),
                    digest.token()
                ),
            ));
        }
        _ => {}
    }
    let (indices, of): (Vec<usize>, String) = match &args.among {
        Some(Among(indices)) => {
            if let Some(beyond) = indices.iter().find(|index| **index >= plan.shards.len()) {
                return Err(Failure::new(
                    ErrorId::JobCount,
                    format!(
                        "--among names shard {beyond}, but the plan has {}, counted from 0",
                        text::count(plan.shards.len(), "shard")
                    ),
                ));
            }
            (indices.clone(), text::count(indices.len(), "shard") + " of the plan")
        }
        None => ((0..plan.shards.len()).collect(), text::count(plan.shards.len(), "shard") + " in the plan"),
    };
    if let Some(total) = node.total {
        let idle = args.allow_idle && total > indices.len();
        if total != indices.len() && !idle {
            let help = match total > indices.len() {
                true => format!(
                    "start {}, or say --allow-idle: then a job that has no shard does nothing",
                    text::count(indices.len(), "job")
                ),
                false => {
                    format!("start {}, or plan with --shards {total}", text::count(indices.len(), "job"))
                }
            };
            return Err(Failure::new(
                ErrorId::JobCount,
                format!("{of}, but {} by {}\n  help: {help}", text::count(total, "job"), node.total_by),
            ));
        }
    }
    match indices.get(node.index) {
        Some(index) => Ok((plan.shards.get(*index), Some(node))),
        None if args.allow_idle => Ok((None, Some(node))),
        None => Err(Failure::new(
            ErrorId::JobCount,
            format!(
                "{of}, so {} cannot be {}, counted from 0\n  help: --allow-idle lets a job that has no shard do nothing",
                node.by, node.index
            ),
        )),
    }
}

/// Said of a job that has no shard.
pub(super) fn idle(plan: &Plan, node: Option<&Node>) -> String {
    let which = node.map_or_else(String::new, |node| format!(" for {node}"));
    format!("nothing to do{which}: the plan has {}", text::count(plan.shards.len(), "shard"))
}

/// Numbers of shards in a plan: `0,3,5-7`. None twice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Among(pub(super) Vec<usize>);

/// Most shards that a list names: more than any plan has.
const AMONG_MAX: usize = 1_000_000;

impl FromStr for Among {
    type Err = String;
    fn from_str(text: &str) -> Result<Among, String> {
        let wrong = |part: &str| {
            format!(
                "`{}` is neither a number nor a range: write for example `0,3,5-7`",
                text::printable(part)
            )
        };
        let number = |part: &str| part.parse::<usize>().ok().filter(|number| *number < AMONG_MAX);
        let mut all = Vec::new();
        for part in text.split(',') {
            let (first, last) = part.split_once('-').unwrap_or((part, part));
            match (number(first), number(last)) {
                (Some(first), Some(last)) if first <= last => all.extend(first..=last),
                _ => return Err(wrong(part)),
            }
            if all.len() > AMONG_MAX {
                return Err(format!("more than {AMONG_MAX} shards"));
            }
        }
        let mut sorted = all.clone();
        sorted.sort_unstable();
        match sorted.windows(2).find(|pair| pair[0] == pair[1]) {
            Some(pair) => Err(format!("{} is named twice", pair[0])),
            None => Ok(Among(all)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(flags: (Option<usize>, Option<usize>), variables: &[(&str, &str)]) -> Result<Node, String> {
        let variable = |name: &str| {
            variables.iter().find(|(have, _)| *have == name).map(|(_, value)| (*value).to_owned())
        };
        let found = Node::find(flags.0, flags.1, variable);
        found.and_then(|node| node.ok_or_else(|| unsaid("?", ""))).map_err(|failure| match failure {
            Failure::Said { message, .. } => message,
            Failure::Closed => String::new(),
        })
    }

    #[track_caller]
    fn check(variables: &[(&str, &str)], expect: Result<(usize, Option<usize>), &str>) {
        let node = found((None, None), variables);
        match expect {
            Ok(expect) => assert_eq!(node.map(|node| (node.index, node.total)), Ok(expect), "{variables:?}"),
            Err(part) => {
                let message = node.unwrap_err();
                assert!(message.contains(part), "`{part}` is not in: {message}");
            }
        }
    }

    /// The first and the last of three jobs, as each CI numbers them.
    #[test]
    fn every_ci_numbers_its_jobs_in_its_own_way() {
        for (index, total, with, first, last) in [
            ("SHARD_INDEX", "SHARD_TOTAL", "", "0", "2"),
            ("CI_NODE_INDEX", "CI_NODE_TOTAL", "GITLAB_CI", "1", "3"),
            ("CI_NODE_INDEX", "CI_NODE_TOTAL", "", "0", "2"),
            ("CIRCLE_NODE_INDEX", "CIRCLE_NODE_TOTAL", "", "0", "2"),
            ("BUILDKITE_PARALLEL_JOB", "BUILDKITE_PARALLEL_JOB_COUNT", "", "0", "2"),
            ("SYSTEM_JOBPOSITIONINPHASE", "SYSTEM_TOTALJOBSINPHASE", "", "1", "3"),
            ("BITBUCKET_PARALLEL_STEP", "BITBUCKET_PARALLEL_STEP_COUNT", "", "0", "2"),
            ("SEMAPHORE_JOB_INDEX", "SEMAPHORE_JOB_COUNT", "", "1", "3"),
        ] {
            check(&[(index, first), (total, "3"), (with, "true")], Ok((0, Some(3))));
            check(&[(index, last), (total, "3"), (with, "true")], Ok((2, Some(3))));
            check(
                &[(index, "x"), (total, "3"), (with, "true")],
                Err(&format!("{index} is `x`, not a whole")),
            );
            check(&[(index, first), (total, "-3"), (with, "true")], Err(&format!("{total} is `-3`, not a")));
            let beyond = (last.parse::<usize>().unwrap() + 1).to_string();
            check(
                &[(index, &beyond), (total, "3"), (with, "true")],
                Err(&format!("{index} names job 4 of 3 by {total}")),
            );
            if first == "1" {
                check(&[(index, "0"), (total, "3"), (with, "true")], Err("counts from 1"));
            }
            // A total that is always there says nothing.
            check(&[(total, "3"), (with, "true")], Err("none is set"));
            if index == "SHARD_INDEX" {
                check(&[(index, "1")], Ok((1, None)));
            } else {
                check(&[(index, last), (with, "true")], Err(&format!("{index} is set and {total} is not")));
            }
        }
        check(&[("SLURM_ARRAY_TASK_ID", "7"), ("SLURM_ARRAY_TASK_COUNT", "2")], Ok((7, None)));
        check(&[("JOB_COMPLETION_INDEX", "0")], Ok((0, None)));
        check(
            &[],
            Err("SHARD_INDEX, SLURM_ARRAY_TASK_ID, JOB_COMPLETION_INDEX, CI_NODE_INDEX, CIRCLE_NODE_INDEX"),
        );
        check(&[("SHARD_INDEX", " "), ("GITHUB_RUN_ID", "1")], Err("none is set"));
        check(&[("SHARD_INDEX", "+1")], Err("not a whole number"));
        check(&[("SHARD_INDEX", "99999999999999999999999")], Err("not a whole number"));
        check(&[("SHARD_INDEX", "$(shard)")], Err("`$(shard)`"));
    }

    #[test]
    fn ours_comes_first_and_what_runs_within_a_job_before_it() {
        let gitlab = [("GITLAB_CI", "true"), ("CI_NODE_INDEX", "2"), ("CI_NODE_TOTAL", "4")];
        check(&gitlab, Ok((1, Some(4))));
        check(&[&gitlab[..], &[("SLURM_ARRAY_TASK_ID", "5")]].concat(), Ok((5, None)));
        check(&[&gitlab[..], &[("SHARD_INDEX", "3"), ("SLURM_ARRAY_TASK_ID", "5")]].concat(), Ok((3, None)));
        // A total belongs to its own index.
        check(&[&gitlab[..], &[("SHARD_TOTAL", "9")]].concat(), Ok((1, Some(4))));
    }

    #[test]
    fn flags_win() {
        let circle = [("CIRCLE_NODE_INDEX", "2"), ("CIRCLE_NODE_TOTAL", "4")];
        let by = |flags| found(flags, &circle).map(|node| (node.index, node.total, node.by));
        assert_eq!(by((Some(7), None)), Ok((7, None, "--index")));
        assert_eq!(by((Some(7), Some(9))), Ok((7, Some(9), "--index")));
        assert_eq!(by((None, Some(9))), Ok((2, Some(9), "CIRCLE_NODE_INDEX")));
        assert_eq!(
            by((None, Some(2))).unwrap_err(),
            "CIRCLE_NODE_INDEX names job 3 of 2 by --total\n  help: jobs count from 0: the last of 2 is 1"
        );
        let alone = found((None, Some(4)), &[("CIRCLE_NODE_INDEX", "2")]);
        assert_eq!(alone.map(|node| node.total), Ok(Some(4)));
    }

    #[test]
    fn a_list_of_shards_is_numbers_and_ranges() {
        let check = |text: &str, expect: Option<&[usize]>| {
            assert_eq!(text.parse::<Among>().ok(), expect.map(|all| Among(all.to_vec())), "{text}");
        };
        check("0", Some(&[0]));
        check("0,3,5-7", Some(&[0, 3, 5, 6, 7]));
        check("7,2-2", Some(&[7, 2]));
        for bad in ["", ",", "1,", "a", "3-1", "-1", "1-", "0,0", "2-4,3", "0-999999999999", "1 2", "1000000"]
        {
            check(bad, None);
        }
    }
}
