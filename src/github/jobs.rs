//! Which job ran which shard.

use std::collections::BTreeMap;

use super::Job;
use crate::model::Digest;
use crate::plan::Plan;
use crate::plan::coverage::shard_of_path;

/// A plan of the run.
#[derive(Clone, Copy, Debug)]
pub struct Planned<'a> {
    /// The plan.
    pub plan: &'a Plan,
    /// Its digest.
    pub digest: &'a Digest,
}

/// Whose job it is: the place of the plan, and the shard's name.
pub type Whose = Option<(usize, String)>;

/// The shard that each job ran: by its number, where an outcome tells of it (`told`: check run → digest of the plan
/// and shard); else by the plan's token in the job's name and the shard beside it. A name without a token
/// counts where there is only one plan.
#[must_use]
pub fn whose(jobs: &[&Job], plans: &[Planned<'_>], told: &BTreeMap<u64, (String, String)>) -> Vec<Whose> {
    let by_number = |job: &Job| {
        let (digest, shard) = told.get(&job.id)?;
        let plan = plans.iter().position(|plan| plan.digest.to_string() == *digest)?;
        plans[plan].plan.shard(shard).map(|shard| (plan, shard.id.clone()))
    };
    jobs.iter().map(|job| by_number(job).or_else(|| by_name(&job.name, plans))).collect()
}

fn by_name(name: &str, plans: &[Planned<'_>]) -> Whose {
    let shard = |plan: usize, text: &str| {
        let shard = shard_of_path(plans[plan].plan, text)?;
        Some((plan, shard.to_owned()))
    };
    let tokens = tokens(name);
    for (at, token) in &tokens {
        if let Some(plan) = plans.iter().position(|plan| plan.digest.token() == *token) {
            return shard(plan, &name[..*at]).or_else(|| shard(plan, name));
        }
    }
    // A token of another plan is that plan's.
    if tokens.is_empty() && plans.len() == 1 { shard(0, name) } else { None }
}

/// What may be tokens of plans in a name, with their places: `[3f9c1a2b]`.
fn tokens(name: &str) -> Vec<(usize, &str)> {
    let token = |(at, _): (usize, &str)| {
        let inside = name.get(at + 1..at + 9)?;
        let hex = inside.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
        (hex && name[at + 9..].starts_with(']')).then_some((at, inside))
    };
    name.match_indices('[').filter_map(token).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jobs_are_known_by_token_name_or_number() {
        let bytes = include_bytes!("../../testdata/plans/two-shards.json");
        let plan = Plan::from_bytes(bytes).unwrap();
        let (digest, other) = (Digest::of(bytes), Digest::of(b"another plan"));
        let (one, two) = (Planned { plan: &plan, digest: &digest }, Planned { plan: &plan, digest: &other });
        let shards: Vec<&str> = plan.shards.iter().map(|shard| shard.id.as_str()).collect();
        let [first, second] = shards[..] else { panic!("{shards:?}") };
        let token = digest.token().to_owned();
        let told = BTreeMap::from([
            (7, (digest.to_string(), second.to_owned())),
            (8, ("sha256:no".to_owned(), second.to_owned())),
            (9, (digest.to_string(), "no-such-1".to_owned())),
        ]);
        let check = |id, name: &str, plans: &[Planned<'_>], expect: Whose| {
            let job = Job { id, name: name.to_owned(), ..Job::default() };
            assert_eq!(whose(&[&job], plans, &told), [expect], "{id} {name}");
        };
        let of = |plan, shard: &str| Some((plan, shard.to_owned()));
        let named = format!("{first} (1/2) [{token}]");
        check(1, &named, &[one], of(0, first));
        check(1, &named, &[two, one], of(1, first));
        check(1, &format!("call / {named}"), &[one], of(0, first));
        check(1, &format!("test (0, {first}, {named}, ubuntu-latest)"), &[one], of(0, first));
        check(1, &format!("{second} (2/2) [00000000]"), &[one], None);
        check(1, &format!("test {second}"), &[one], of(0, second));
        check(1, &format!("test {second}"), &[one, two], None);
        check(1, "lint", &[one], None);
        check(1, &format!("no-such-1 [{token}]"), &[one], None);
        for odd in ["", "[", "[é3f9c1a2b]", "]]][[[3f9c1a2b", "[3f9c1a2"] {
            check(1, odd, &[one], None);
        }
        check(7, "anything", &[one], of(0, second));
        check(7, &named, &[two], None);
        check(8, &named, &[one], of(0, first));
        check(9, &named, &[one], of(0, first));
    }
}
