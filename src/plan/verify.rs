//! A plan against itself: the hard rules, proved from `plan.json` alone.
//!
//! Runs before a plan is written and after one is read. It shares no code with `pack`: memory and
//! time are computed in [`super::law`] a second time, in the plainest way, so that a mistake in one
//! place shows in the other.

use std::collections::{BTreeMap, BTreeSet};

use super::file::{NUMBER_MAX, ObjectiveKind, Plan, Session, Shard, Suite, Tier};
use super::law;
use crate::config::{Patterns, RuleKind};
use crate::model::{Basis, Millis, SuiteId};
use crate::text::printable;

/// Most findings that are listed.
const FINDINGS_MAX: usize = 100;

/// What is wrong with the plan, one line each; empty where nothing is.
#[must_use]
pub fn verify(plan: &Plan) -> Vec<String> {
    let mut findings = Vec::new();
    let tiers: BTreeMap<&str, &Tier> = plan.tiers.iter().map(|tier| (tier.name.as_str(), tier)).collect();
    let mut ids = BTreeSet::new();
    let mut selections = BTreeSet::new();
    let mut seen: BTreeMap<&str, &str> = BTreeMap::new();
    for shard in &plan.shards {
        if !is_shard_id(shard) {
            findings.push(format!(
                "shard `{}` is not called {}-<n>",
                printable(&shard.id),
                printable(&shard.tier)
            ));
        }
        if !ids.insert(&shard.id) {
            findings.push(format!("shard `{}` is there twice", printable(&shard.id)));
        }
        for session in &shard.sessions {
            if !is_selection(shard, &session.selection) || !selections.insert(&session.selection) {
                findings.push(format!(
                    "{}: a selection cannot be called `{}`",
                    shard.id,
                    printable(&session.selection)
                ));
            }
            for suite in &session.suites {
                if let Some(other) = seen.insert(&suite.id, &shard.id) {
                    findings.push(format!(
                        "suite `{}` is in {other} and in {}",
                        printable(&suite.id),
                        shard.id
                    ));
                }
            }
        }
        match tiers.get(shard.tier.as_str()) {
            Some(tier) => check_shard(plan, tier, shard, &mut findings),
            None => findings.push(format!("{}: the plan has no tier `{}`", shard.id, printable(&shard.tier))),
        }
        if findings.len() > FINDINGS_MAX {
            break;
        }
    }
    check_rules(plan, &mut findings);
    check_sums(plan, seen.len(), &mut findings);
    findings.truncate(FINDINGS_MAX);
    // Names in a plan that breaks its rules may hold anything.
    findings.iter().map(|finding| printable(finding)).collect()
}

fn is_shard_id(shard: &Shard) -> bool {
    shard.number().is_some() && crate::config::file::is_tier_name(&shard.tier)
}

/// `<shard>.txt` or `<shard>.<session>.txt`, or another ending of a selection.
fn is_selection(shard: &Shard, name: &str) -> bool {
    let Some(rest) = name.strip_prefix(shard.id.as_str()) else { return false };
    let stem = ["txt", "nul", "json"].iter().find_map(|ending| rest.strip_suffix(ending)?.strip_suffix('.'));
    stem.is_some_and(|stem| {
        stem.is_empty()
            || stem.strip_prefix('.').is_some_and(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()))
    })
}

fn check_shard(plan: &Plan, tier: &Tier, shard: &Shard, findings: &mut Vec<String>) {
    let suites: usize = shard.suites().count();
    let (mut ms, mut bytes) = (u128::from(tier.setup_ms.0), 0);
    for session in &shard.sessions {
        if session.suites.is_empty() {
            findings.push(format!("{}: session `{}` is empty", shard.id, session.selection));
            continue;
        }
        let need = law::peak(tier, shard, &session.suites).bytes();
        let took = u128::from(tier.session_start_ms.0) + law::session_ms(tier, shard, &session.suites);
        check_figure(shard, session, "predicted_bytes", session.predicted_bytes.0, need, findings);
        check_figure(shard, session, "predicted_ms", session.predicted_ms.0, took, findings);
        if !in_order(tier, &session.suites) {
            findings
                .push(format!("{}: the suites of `{}` are not in their order", shard.id, session.selection));
        }
        (ms, bytes) = (ms + took, bytes.max(need));
    }
    if shard.sessions.is_empty() {
        findings.push(format!("{} has no session", shard.id));
    }
    if tier.sessions > 0 && shard.sessions.len() > tier.sessions as usize {
        findings.push(format!("{} has more sessions than tier `{}` allows", shard.id, tier.name));
    }
    if u128::from(shard.predicted_ms.0) != ms {
        findings
            .push(format!("{}: predicted_ms is {}, its sessions make {ms}", shard.id, shard.predicted_ms.0));
    }
    if u128::from(shard.predicted_bytes.0) != bytes {
        findings.push(format!(
            "{}: predicted_bytes is {}, its sessions make {bytes}",
            shard.id, shard.predicted_bytes.0
        ));
    }
    if shard.runner.is_none() && shard.budget_bytes != tier.budget_bytes {
        findings.push(format!("{}: its budget is not that of tier `{}`", shard.id, tier.name));
    }
    let over = shard.budget_bytes.is_some_and(|budget| bytes > u128::from(budget.0));
    if shard.oversize && (suites != 1 || !over) {
        findings.push(format!("{}: called oversize with {suites} suites and {bytes} bytes", shard.id));
    }
    if over && !shard.oversize && !plan.memory_is_assumed(&tier.name) {
        let budget = shard.budget_bytes.unwrap_or_default();
        findings.push(format!("{}: needs {bytes} bytes, its budget is {}", shard.id, budget.0));
    }
}

fn check_figure(
    shard: &Shard,
    session: &Session,
    name: &str,
    said: u64,
    found: u128,
    findings: &mut Vec<String>,
) {
    if u128::from(said) != found {
        findings.push(format!(
            "{}: {name} of `{}` is {said}, its suites make {found}",
            shard.id, session.selection
        ));
    }
}

fn in_order(tier: &Tier, suites: &[Suite]) -> bool {
    suites.windows(2).all(|pair| law::order(tier, &pair[0], &pair[1]).is_lt())
}

/// Suites that share a shard, or do not, as the rules say.
fn check_rules(plan: &Plan, findings: &mut Vec<String>) {
    for rule in &plan.rules {
        let Ok(patterns) = Patterns::new(rule.matches.iter().map(String::as_str)) else {
            findings.push(format!("a rule has a pattern that is none: {}", rule.matches.join(" ")));
            continue;
        };
        let mut shards: BTreeMap<&str, usize> = BTreeMap::new();
        for (shard, suite) in plan.suites() {
            if patterns.matches(&SuiteId::new(suite.id.clone())) {
                *shards.entry(&shard.id).or_default() += 1;
            }
        }
        let of = |id: &str| plan.suites().filter(|(shard, _)| shard.id == id).count();
        let kept = match rule.kind {
            RuleKind::Together => shards.len() <= 1,
            RuleKind::Apart => shards.values().all(|count| *count == 1),
            RuleKind::Alone => shards.keys().all(|id| of(id) == 1),
        };
        if !kept {
            findings.push(format!("the rule {:?} for {} is not kept", rule.kind, rule.matches.join(" ")));
        }
    }
}

fn check_sums(plan: &Plan, suites: usize, findings: &mut Vec<String>) {
    let quality = &plan.quality;
    let longest = plan.shards.iter().map(|shard| shard.predicted_ms).max().unwrap_or_default();
    let peak = plan.shards.iter().map(|shard| shard.predicted_bytes).max().unwrap_or_default();
    let total: Millis = plan.suites().map(|(_, suite)| suite.ms).sum();
    let of = |basis: Basis| plan.suites().filter(|(_, suite)| suite.basis == basis).count();
    let mut check = |good: bool, what: &str| {
        if !good {
            findings.push(what.to_owned());
        }
    };
    check(quality.makespan_ms == longest, "quality.makespan_ms is not the longest shard");
    check(quality.peak_bytes == peak, "quality.peak_bytes is not the largest shard");
    check(quality.total_ms == total, "quality.total_ms is not the sum of the suites' times");
    check(quality.shards == plan.shards.len(), "quality.shards is not the number of shards");
    check(quality.makespan_bound_ms <= longest, "quality.makespan_bound_ms is above the longest shard");
    check(quality.shards_bound <= plan.shards.len(), "quality.shards_bound is above the number of shards");
    let met = match plan.objective.kind {
        ObjectiveKind::Memory | ObjectiveKind::Target => quality.shards_bound == plan.shards.len(),
        ObjectiveKind::Shards => quality.makespan_bound_ms == longest,
        ObjectiveKind::Price => true,
    };
    check(met || !quality.proven, "called proven, but it does not meet its bound");
    let inputs = &plan.inputs;
    check(inputs.suites == suites, "inputs.suites is not the number of suites");
    let previous = plan.previous.is_none_or(|previous| {
        previous.known.checked_add(previous.new) == Some(suites) && previous.moved <= previous.known
    });
    check(previous, "previous does not count the suites");
    let digest = |parent: &String| {
        let digits = parent.strip_prefix("sha256:").unwrap_or_default();
        digits.len() == 64 && digits.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    };
    check(plan.parent.as_ref().is_none_or(digest), "parent is not the digest of a plan");
    check(plan.root.as_ref().is_none_or(digest), "root is not the digest of a plan");
    let first = plan.round != 1 || plan.root.is_none() || plan.root == plan.parent;
    check(first && (plan.round > 0 || plan.root.is_none()), "round and root do not agree");
    check((plan.round > 0) == plan.parent.is_some(), "round and parent are not there together");
    let counted = plan.last_numbers.values().all(|number| *number <= NUMBER_MAX);
    check(counted, "last_numbers are higher than any plan counts");
    let chosen = plan.curve.iter().find(|point| point.shards == plan.shards.len());
    let agrees = plan.curve.is_empty() || chosen.is_some_and(|point| point.longest_ms == longest);
    check(agrees, "curve does not have this plan");
    let bases = [
        (Basis::Measured, inputs.measured),
        (Basis::Inherited, inputs.inherited),
        (Basis::Assumed, inputs.assumed),
    ];
    check(
        bases.into_iter().all(|(basis, said)| of(basis) == said),
        "inputs do not count the suites by their basis",
    );
    let place = |tier: &str| plan.tiers.iter().position(|candidate| candidate.name == tier);
    let key = |shard: &Shard| (std::cmp::Reverse(shard.predicted_ms), place(&shard.tier), shard.number());
    check(plan.shards.is_sorted_by_key(key), "shards are not in descending time, tier, number");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Bytes;

    fn plan() -> Plan {
        Plan::from_bytes(include_bytes!("../../testdata/plans/two-shards.json")).unwrap()
    }

    fn check(change: impl Fn(&mut Plan), expect: &str) {
        let mut plan = plan();
        change(&mut plan);
        let findings = verify(&plan);
        assert!(findings.iter().any(|finding| finding.contains(expect)), "{expect}: {findings:?}");
    }

    #[test]
    fn a_good_plan_has_no_findings() {
        assert_eq!(verify(&plan()), Vec::<String>::new());
        let again = Plan { round: 2, parent: Some("sha256:".to_owned() + &"ab".repeat(32)), ..plan() };
        assert_eq!(verify(&again), Vec::<String>::new());
    }

    #[test]
    fn every_rule_is_checked() {
        check(|plan| plan.shards[0].id = "../x-1".into(), "is not called");
        check(|plan| plan.shards[1].id = plan.shards[0].id.clone(), "is there twice");
        check(|plan| plan.shards[0].tier = "other".into(), "no tier `other`");
        check(|plan| plan.shards[0].sessions.clear(), "has no session");
        check(|plan| plan.shards[0].sessions[0].suites.clear(), "is empty");
        check(
            |plan| plan.shards[0].sessions[0].selection = "/etc/passwd".into(),
            "a selection cannot be called",
        );
        check(
            |plan| plan.shards[0].sessions[0].suites[0].retained_bytes = Bytes(9_000_000_000),
            "predicted_bytes",
        );
        check(|plan| plan.shards[0].sessions[0].suites[0].ms = Millis(1), "predicted_ms");
        check(|plan| plan.shards[0].sessions[0].suites.reverse(), "not in their order");
        check(|plan| plan.shards[0].oversize = true, "called oversize");
        check(|plan| plan.shards[0].budget_bytes = None, "its budget is not that of tier");
        check(|plan| plan.shards.swap(0, 1), "not in descending time");
        check(|plan| plan.shards[0].predicted_ms = Millis(5), "its sessions make");
        check(|plan| plan.quality.proven = true, "called proven");
        check(|plan| plan.quality.makespan_bound_ms = Millis(u64::MAX), "above the longest shard");
        check(|plan| plan.inputs.measured += 1, "by their basis");
        check(|plan| plan.round = 1, "round and parent");
        check(|plan| plan.parent = Some("sha256:".to_owned() + &"0".repeat(64)), "round and parent");
        check(|plan| plan.parent = Some("sha256:00".into()), "parent is not the digest");
        check(|plan| plan.root = Some("sha256:00".into()), "root is not the digest");
        let digest = |of: &str| Some("sha256:".to_owned() + &of.repeat(32));
        check(|plan| plan.root = digest("ab"), "round and root");
        let other = |plan: &mut Plan| {
            (plan.round, plan.parent, plan.root) = (1, digest("ab"), digest("cd"));
        };
        check(other, "round and root");
        let budget = |plan: &mut Plan| {
            plan.tiers.iter_mut().for_each(|tier| tier.budget_bytes = Some(Bytes(1_000)));
            plan.shards.iter_mut().for_each(|shard| shard.budget_bytes = Some(Bytes(1_000)));
        };
        check(budget, "its budget is 1000");
        let twice = |plan: &mut Plan| {
            let suite = plan.shards[0].sessions[0].suites[0].clone();
            plan.shards[1].sessions[0].suites.push(suite);
        };
        check(twice, "is in ");
    }
}
