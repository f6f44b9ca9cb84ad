//! What the shards of a plan ask of a cluster: one size of task for all that need about the same.
//!
//! Engines beyond one machine take one amount of memory for all tasks of an array or a job, so shards are
//! grouped by it.

use crate::config::Cluster;
use crate::model::{Basis, Bytes, Digest, Verdict};
use crate::plan::{Plan, Shard};
use crate::text::count;

/// Bytes of `shard run` itself and of what it starts besides the tests.
const OWN: Bytes = Bytes(32 << 20);

/// The smallest step between amounts where nobody lists classes.
const STEP_MIN: u64 = 256 << 20;

const MEBIBYTE: u64 = 1 << 20;

/// Shards that ask for the same.
#[derive(Debug)]
pub struct Group<'a> {
    /// Memory of a task, in mebibytes.
    pub mebibytes: u64,
    /// CPUs of a task.
    pub cpus: u32,
    /// The longest timeout of its shards, in minutes.
    pub minutes: u32,
    /// With their places in the plan, ascending. Never empty.
    pub shards: Vec<(usize, &'a Shard)>,
}

impl Group<'_> {
    /// A name that tells its plan and its size: at most 50 bytes of `[a-z0-9-]`, so that a host may be called so.
    #[must_use]
    pub fn name(&self, digest: &Digest) -> String {
        format!("shard-{}-{}m-{}c", digest.token(), self.mebibytes, self.cpus)
    }

    /// The places of its shards in the plan: `0,3,5-7`.
    #[must_use]
    pub fn ranges(&self) -> String {
        let mut runs: Vec<(usize, usize)> = Vec::new();
        for (index, _) in &self.shards {
            match runs.last_mut() {
                Some((_, last)) if *last + 1 == *index => *last = *index,
                _ => runs.push((*index, *index)),
            }
        }
        let shown = |(first, last): &(usize, usize)| match first == last {
            true => first.to_string(),
            false => format!("{first}-{last}"),
        };
        runs.iter().map(shown).collect::<Vec<_>>().join(",")
    }
}

/// The plan's shards by what they ask for, the group with the plan's first shard first.
///
/// # Errors
/// A shard that needs more than the largest class, in words.
pub fn groups<'a>(plan: &'a Plan, cluster: &Cluster) -> Result<Vec<Group<'a>>, String> {
    let mut groups: Vec<Group<'a>> = Vec::new();
    for (index, shard) in plan.shards.iter().enumerate() {
        let needed = needed(plan, shard);
        let mebibytes = class_of(needed, cluster).ok_or_else(|| too_large(shard, needed, cluster))?;
        let tier = plan.tiers.iter().find(|tier| tier.name == shard.tier);
        let cpus = tier.map_or(1, |tier| if tier.each { tier.cpus } else { tier.workers }).max(1);
        let minutes = shard.timeout_minutes.max(1);
        match groups.iter_mut().find(|group| (group.mebibytes, group.cpus) == (mebibytes, cpus)) {
            Some(group) => {
                group.minutes = group.minutes.max(minutes);
                group.shards.push((index, shard));
            }
            None => groups.push(Group { mebibytes, cpus, minutes, shards: vec![(index, shard)] }),
        }
    }
    Ok(groups)
}

/// The next larger amount, in mebibytes, for a task that ran out of `mebibytes`; `None`: there is none.
#[must_use]
pub fn larger(mebibytes: u64, cluster: &Cluster) -> Option<u64> {
    match cluster.memory_classes.is_empty() {
        true => mebibytes.checked_mul(2),
        false => classes(cluster).find(|class| *class > mebibytes),
    }
}

fn classes(cluster: &Cluster) -> impl Iterator<Item = u64> {
    cluster.memory_classes.iter().map(|class| class.0 / MEBIBYTE)
}

/// What a shard must be given.
///
/// Its predicted peak, which is an upper bound already, and not its budget, which is the same for all shards of a tier
/// and would make every class but one pointless. What is only assumed is no bound to kill by, nor what comes from a
/// shard that took more than was predicted: then it is the budget. To that comes what `shard run` takes itself, and
/// the twentieth that it wants to see left before it starts anything.
fn needed(plan: &Plan, shard: &Shard) -> Bytes {
    let mut suites = shard.suites();
    let assumed =
        plan.memory_is_assumed(&shard.tier) || suites.all(|suite| suite.memory_basis == Basis::Assumed);
    let budget = shard.budget_bytes.filter(|_| assumed || took_more(plan, shard)).unwrap_or_default();
    let peak = shard.predicted_bytes.max(budget);
    Bytes(peak.0.saturating_add(peak.0.div_ceil(19))) + OWN
}

/// Whether it holds what is left of a shard whose memory may not have been enough.
fn took_more(plan: &Plan, shard: &Shard) -> bool {
    let memory = |verdict| {
        use Verdict::{DaemonCrash, Killed, MemoryLimit, OutOfMemory, RunnerLost};
        matches!(verdict, OutOfMemory | MemoryLimit | Killed | RunnerLost | DaemonCrash)
    };
    plan.ended.iter().any(|ended| memory(ended.verdict) && ended.into.contains(&shard.id))
}

/// The smallest class that holds it, in mebibytes; without classes the next of at most a quarter more.
fn class_of(needed: Bytes, cluster: &Cluster) -> Option<u64> {
    if cluster.memory_classes.is_empty() {
        let quarter = 1_u64.checked_shl(needed.0.max(1).ilog2()).unwrap_or(1) / 4;
        return Some(needed.round_up(quarter.max(STEP_MIN)).0 / MEBIBYTE);
    }
    classes(cluster).find(|class| class.saturating_mul(MEBIBYTE) >= needed.0)
}

fn too_large(shard: &Shard, needed: Bytes, cluster: &Cluster) -> String {
    let largest = cluster.memory_classes.last().copied().unwrap_or_default();
    format!(
        "shard `{}` must be given {needed} (it is planned with {} for {}), more than the largest of \
         `memory-classes`, {largest}\n  help: add a class of {} to [cluster], or plan with a smaller --budget",
        shard.id,
        shard.predicted_bytes,
        count(shard.suites().count(), "suite"),
        Bytes(needed.0.div_ceil(MEBIBYTE) * MEBIBYTE).exact(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Confidence;
    use crate::plan::file::Ended;

    fn cluster(classes: &[u64]) -> Cluster {
        Cluster { memory_classes: classes.iter().map(|mib| Bytes(mib << 20)).collect(), ..Cluster::default() }
    }

    #[test]
    fn memory_is_rounded_up_to_a_class() {
        let check = |mib: u64, classes: &[u64], expect: Option<u64>| {
            assert_eq!(class_of(Bytes(mib << 20), &cluster(classes)), expect, "{mib} {classes:?}");
        };
        check(1000, &[1024, 2048], Some(1024));
        check(1024, &[1024, 2048], Some(1024));
        check(1025, &[1024, 2048], Some(2048));
        check(2049, &[1024, 2048], None);
        // Without classes never more than a quarter above, and in few steps.
        check(1, &[], Some(256));
        check(1025, &[], Some(1280));
        check(1280, &[], Some(1280));
        check(5000, &[], Some(5120));
        check(70_000, &[], Some(81_920));
        assert_eq!(class_of(Bytes(0), &cluster(&[])), Some(0));
        assert!(class_of(Bytes(u64::MAX), &cluster(&[])).is_some());
    }

    #[test]
    fn what_is_larger_is_the_next_class() {
        assert_eq!(larger(1024, &cluster(&[1024, 3000, 4096])), Some(3000));
        assert_eq!(larger(4096, &cluster(&[1024, 4096])), None);
        assert_eq!(larger(1280, &cluster(&[])), Some(2560));
    }

    #[test]
    fn what_is_asked_for_is_the_peak_and_while_that_is_a_guess_the_budget() {
        let plan = Plan::from_bytes(include_bytes!("../../../testdata/plans/two-shards.json")).unwrap();
        let mut shard = plan.shards[0].clone();
        (shard.predicted_bytes, shard.budget_bytes) = (Bytes(1_900_000_000), Some(Bytes(3_800_000_000)));
        let with = |basis| {
            let mut shard = shard.clone();
            for suite in shard.sessions.iter_mut().flat_map(|session| &mut session.suites) {
                suite.memory_basis = basis;
            }
            needed(&plan, &shard)
        };
        assert_eq!(with(Basis::Measured), Bytes(2_000_000_000) + OWN);
        assert_eq!(with(Basis::Assumed), Bytes(4_000_000_000) + OWN);
        let mut after = plan.clone();
        after.ended.push(Ended {
            shard: "e2e-0".to_owned(),
            verdict: Verdict::OutOfMemory,
            confidence: Confidence::Certain,
            suites: 1,
            executed: 0,
            failed: Vec::new(),
            into: vec![shard.id.clone()],
            given_up: Vec::new(),
        });
        assert_eq!(needed(&after, &shard), Bytes(4_000_000_000) + OWN);
        // `shard run` starts where the peak is at most 95 % of what is available.
        let left = with(Basis::Measured).saturating_sub(OWN);
        assert!(shard.predicted_bytes.0 * 100 <= left.0 * 95);
    }

    #[test]
    fn groups_name_their_places() {
        let plan = Plan::from_bytes(include_bytes!("../../../testdata/plans/two-shards.json")).unwrap();
        let shard = &plan.shards[0];
        let of = |places: &[usize]| Group {
            mebibytes: 1,
            cpus: 1,
            minutes: 1,
            shards: places.iter().map(|place| (*place, shard)).collect(),
        };
        assert_eq!(of(&[0, 3, 5, 6, 7]).ranges(), "0,3,5-7");
        assert_eq!(of(&[0, 1]).ranges(), "0-1");
        assert_eq!(of(&[4]).ranges(), "4");
    }
}
