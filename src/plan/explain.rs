//! One shard of a plan, or one suite in it: what makes it long and heavy, and why it is where it is.

use std::cmp::Reverse;

use serde::Serialize;

use super::file::{Plan, Session, Shard, Suite, Tier, Warning};
use super::law;
use crate::catalogue::WarningCode;
use crate::config::{Patterns, RuleKind};
use crate::model::{Bytes, Millis, SuiteId};

/// What makes a shard long and heavy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ShardParts {
    /// Once a shard.
    pub setup_ms: Millis,
    /// The starts of its sessions.
    pub session_starts_ms: Millis,
    /// Until its sessions' workers are done.
    pub running_ms: Millis,
    /// Its suites one after another.
    pub suites_ms: Millis,
    /// Its highest moment.
    pub peak: PeakParts,
    /// No shard that holds its longest suite is shorter.
    pub least_ms: Millis,
    /// No shard that holds its largest suite needs less.
    pub least_bytes: Bytes,
    /// Its place among all shards by time, from 1.
    pub place: usize,
}

/// The highest moment of a shard: bytes that sum to its peak.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PeakParts {
    /// In which session, from 1.
    pub session: usize,
    /// Before any suite.
    pub floor_bytes: Bytes,
    /// Of collection, in all workers.
    pub import_bytes: Bytes,
    /// Of what suites left behind until then.
    pub retained_bytes: Bytes,
    /// Of what runs at that moment, above that.
    pub transient_bytes: Bytes,
    /// The suites that run then, the one that needs most first.
    pub running: Vec<String>,
    /// How many suites of the session have run before, where they run one after another.
    pub after: Option<usize>,
}

/// Takes a shard of a plan apart; `None` where the plan lacks its tier or its sessions.
#[must_use]
pub fn shard(plan: &Plan, shard: &Shard) -> Option<ShardParts> {
    let tier = tier_of(plan, shard)?;
    let sessions = || shard.sessions.iter();
    let starts = Millis(tier.session_start_ms.0.saturating_mul(shard.sessions.len() as u64));
    let suites = || shard.suites();
    let peaks = sessions().map(|session| law::peak(tier, shard, &session.suites)).enumerate();
    let (number, peak) = peaks.max_by_key(|(number, peak)| (peak.bytes(), Reverse(*number)))?;
    let session = shard.sessions.get(number)?;
    let mut running: Vec<&Suite> = peak.at.iter().map(|place| &session.suites[*place]).collect();
    running.sort_by_key(|suite| Reverse((suite.transient_bytes, suite.retained_bytes)));
    let alone = |suite: &Suite| law::session_need(tier, shard, vec![suite.clone()]);
    let running_ms: u128 = sessions().map(|session| law::session_ms(tier, shard, &session.suites)).sum();
    let one_by_one = peak.at.len() == 1 && tier.workers <= 1 && !tier.each;
    Some(ShardParts {
        setup_ms: tier.setup_ms,
        session_starts_ms: starts,
        running_ms: Millis(figure(running_ms)),
        suites_ms: suites().map(|suite| suite.ms).sum(),
        peak: PeakParts {
            session: number + 1,
            floor_bytes: Bytes(figure(peak.floor)),
            import_bytes: Bytes(figure(peak.imports)),
            retained_bytes: Bytes(figure(peak.retained)),
            transient_bytes: Bytes(figure(peak.transient)),
            running: running.into_iter().map(|suite| suite.id.clone()).collect(),
            after: peak.at.first().copied().filter(|_| one_by_one),
        },
        least_ms: suites().map(|suite| alone(suite).0).max()? + tier.setup_ms + tier.session_start_ms,
        least_bytes: suites().map(|suite| alone(suite).1).max()?,
        place: plan.shards.iter().position(|other| other.id == shard.id)? + 1,
    })
}

fn figure(value: u128) -> u64 {
    u64::try_from(value).unwrap_or(u64::MAX)
}

/// The tier of a shard.
#[must_use]
pub fn tier_of<'a>(plan: &'a Plan, shard: &Shard) -> Option<&'a Tier> {
    plan.tiers.iter().find(|tier| tier.name == shard.tier)
}

/// Where a suite is, and why there.
#[derive(Clone, Debug)]
pub struct Placed<'a> {
    /// Its shard.
    pub shard: &'a Shard,
    /// Its session.
    pub session: &'a Session,
    /// The session's number in the shard, from 1.
    pub number: usize,
    /// As it was planned.
    pub suite: &'a Suite,
    /// What decided, the strongest reason first; empty: memory and time alone.
    pub why: Vec<Why>,
}

/// Why a suite is in its shard.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "reason")]
pub enum Why {
    /// It is the only shard of its tier.
    OnlyShard,
    /// It was killed for memory and shows only alone what it needs.
    Killed,
    /// It alone is above the budget.
    Oversize,
    /// Its shard has a larger kind of machine.
    Runner {
        /// Which.
        runner: String,
    },
    /// A rule of the configuration means it.
    Rule {
        /// What the rule wants.
        kind: RuleKind,
        /// Its patterns.
        #[serde(rename = "match")]
        matches: Vec<String>,
        /// Other suites of the same rule in the shard.
        others: usize,
    },
}

/// Where the plan has a suite; `None` where it has not.
#[must_use]
pub fn placed<'a>(plan: &'a Plan, id: &str) -> Option<Placed<'a>> {
    let sessions = plan.shards.iter().flat_map(|shard| {
        shard.sessions.iter().enumerate().map(move |(number, session)| (shard, number + 1, session))
    });
    let mut found = sessions.filter_map(|(shard, number, session)| {
        let suite = session.suites.iter().find(|suite| suite.id == id)?;
        Some(Placed { shard, session, number, suite, why: why(plan, shard, id) })
    });
    found.next()
}

fn why(plan: &Plan, shard: &Shard, id: &str) -> Vec<Why> {
    let suites = || shard.suites();
    let killed = |warning: &Warning| warning.is(WarningCode::Killed) && warning.subject == id;
    let mut why = Vec::new();
    if shard.oversize {
        why.push(Why::Oversize);
    }
    if let Some(runner) = &shard.runner {
        why.push(Why::Runner { runner: runner.clone() });
    }
    if plan.warnings.iter().any(killed) && suites().count() == 1 {
        why.push(Why::Killed);
    }
    for rule in &plan.rules {
        let Ok(patterns) = Patterns::new(rule.matches.iter().map(String::as_str)) else { continue };
        let means = |id: &str| patterns.matches(&SuiteId::new(id));
        if means(id) {
            let others = suites().filter(|suite| suite.id != id && means(&suite.id)).count();
            why.push(Why::Rule { kind: rule.kind, matches: rule.matches.clone(), others });
        }
    }
    if plan.shards.iter().filter(|other| other.tier == shard.tier).count() == 1 {
        why.push(Why::OnlyShard);
    }
    why
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan() -> Plan {
        Plan::from_bytes(include_bytes!("../../testdata/plans/two-shards.json")).unwrap()
    }

    #[test]
    fn the_parts_of_a_shard_sum_to_its_predictions() {
        let plan = plan();
        for each in &plan.shards {
            let parts = shard(&plan, each).unwrap();
            let PeakParts { floor_bytes, import_bytes, retained_bytes, transient_bytes, .. } = parts.peak;
            let bytes = floor_bytes + import_bytes + retained_bytes + transient_bytes;
            assert_eq!(bytes, each.predicted_bytes);
            assert_eq!(parts.setup_ms + parts.session_starts_ms + parts.running_ms, each.predicted_ms);
            assert!(parts.least_ms <= each.predicted_ms && parts.least_bytes <= each.predicted_bytes);
        }
    }

    #[test]
    fn rules_kills_and_size_are_reasons() {
        let mut plan = plan();
        let id = plan.shards[0].sessions[0].suites[0].id.clone();
        let reasons = |plan: &Plan| placed(plan, &id).unwrap().why;
        assert!(!reasons(&plan).iter().any(|why| matches!(why, Why::Rule { .. } | Why::Killed)));
        plan.rules.push(super::super::file::Rule { kind: RuleKind::Together, matches: vec!["**".into()] });
        let others = plan.shards[0].sessions[0].suites.len() - 1;
        assert!(reasons(&plan).iter().any(|why| matches!(why, Why::Rule { others: n, .. } if *n == others)));
        plan.warnings.push(super::super::file::Warning::new(WarningCode::Killed, &id, String::new()));
        plan.shards[0].sessions[0].suites.truncate(1);
        assert!(reasons(&plan).contains(&Why::Killed));
        assert!(placed(&plan, "nobody").is_none());
    }
}
