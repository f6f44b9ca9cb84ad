//! Which suites the configuration's rules mean, and whether the rules can all be kept.

use std::collections::BTreeMap;

use super::refusal::NoPlan;
use super::{Sources, Warning};
use crate::catalogue::{ErrorId, WarningCode};
use crate::config::{Rule, RuleKind};
use crate::pack::Rules;
use crate::text::examples;

/// The rules of each tier, by the places of its suites among `members`.
///
/// # Errors
/// Rules that contradict each other, or that reach over several tiers: which, and for which suites.
pub(super) fn rules(
    sources: &Sources<'_>,
    members: &[Vec<usize>],
    warnings: &mut Vec<Warning>,
) -> Result<Vec<Rules>, NoPlan> {
    let meant: Vec<(&Rule, Vec<usize>)> = (sources.config.rules.iter())
        .map(|rule| {
            let suites = sources.inventory.suites.iter().enumerate();
            (
                rule,
                suites.filter(|(_, suite)| rule.matches.matches(&suite.id)).map(|(suite, _)| suite).collect(),
            )
        })
        .collect();
    for (rule, _) in meant.iter().filter(|(_, suites)| suites.is_empty()) {
        let message = format!("the rule {rule} matches no suite");
        warnings.push(Warning::new(WarningCode::RuleUnused, &rule.patterns.join(" "), message));
    }
    let group = together(sources, &meant)?;
    let mut group_of: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    group.iter().enumerate().for_each(|(suite, root)| group_of.entry(*root).or_default().push(suite));
    for (rule, suites) in meant.iter().filter(|(rule, _)| rule.kind != RuleKind::Together) {
        let mut first: BTreeMap<usize, usize> = BTreeMap::new();
        for suite in suites {
            let root = group[*suite];
            let alone = rule.kind == RuleKind::Alone;
            let other = match alone {
                true => group_of[&root].iter().copied().find(|other| other != suite),
                false => first.insert(root, *suite),
            };
            if let Some(other) = other {
                return Err(contradiction(sources, &meant, rule, *suite, other));
            }
        }
    }
    let mut place = vec![0; group.len()];
    members.iter().for_each(|members| members.iter().enumerate().for_each(|(at, suite)| place[*suite] = at));
    let mut all: Vec<Rules> = members.iter().map(|_| Rules::default()).collect();
    for (tier, members) in members.iter().enumerate() {
        let mut groups: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        members.iter().for_each(|suite| groups.entry(group[*suite]).or_default().push(place[*suite]));
        all[tier].together = groups.into_values().filter(|group| group.len() > 1).collect();
        for (rule, suites) in &meant {
            let mine: Vec<usize> = (suites.iter())
                .filter(|suite| sources.assigned[**suite] == tier)
                .map(|suite| place[*suite])
                .collect();
            match rule.kind {
                RuleKind::Together => {}
                RuleKind::Apart if mine.len() > 1 => all[tier].apart.push(mine),
                RuleKind::Apart => {}
                RuleKind::Alone => all[tier].alone.extend(mine),
            }
        }
        // What was killed shows only alone what it needs, unless a rule keeps it with others.
        let killed = members.iter().filter(|suite| sources.estimates.suites[**suite].kills > 0);
        let single = killed.filter(|suite| group_of[&group[**suite]].len() == 1);
        all[tier].alone.extend(single.map(|suite| place[*suite]));
        all[tier].alone.sort_unstable();
        all[tier].alone.dedup();
    }
    Ok(all)
}

/// For each suite the first of those that it shares a shard with: rules that share a suite are one.
fn together(sources: &Sources<'_>, meant: &[(&Rule, Vec<usize>)]) -> Result<Vec<usize>, NoPlan> {
    let mut first: Vec<usize> = (0..sources.inventory.suites.len()).collect();
    fn root(first: &[usize], mut suite: usize) -> usize {
        while first[suite] != suite {
            suite = first[suite];
        }
        suite
    }
    for (rule, suites) in meant.iter().filter(|(rule, _)| rule.kind == RuleKind::Together) {
        let tier = |suite: &usize| sources.assigned[*suite];
        let Some(one) = suites.first() else { continue };
        if let Some(other) = suites.iter().find(|other| tier(other) != tier(one)) {
            let name = |suite: &usize| sources.config.tiers[tier(suite)].name.as_str();
            let message = format!(
                "the rule {rule} wants suites of two tiers in one shard: {} of `{}` and {} of `{}`",
                id(sources, *one),
                name(one),
                id(sources, *other),
                name(other)
            );
            let help = "a shard holds suites of one tier: put them in the same one, or split the rule";
            return Err(NoPlan { id: ErrorId::RulesContradict, message, help: vec![help.to_owned()] });
        }
        for suite in suites {
            let (a, b) = (root(&first, *one), root(&first, *suite));
            first[a.max(b)] = a.min(b);
        }
    }
    Ok((0..first.len()).map(|suite| root(&first, suite)).collect())
}

fn id(sources: &Sources<'_>, suite: usize) -> String {
    examples([sources.inventory.suites[suite].id.as_str()], 1)
}

fn contradiction(
    sources: &Sources<'_>,
    meant: &[(&Rule, Vec<usize>)],
    rule: &Rule,
    suite: usize,
    other: usize,
) -> NoPlan {
    let holds = |(rule, suites): &&(&Rule, Vec<usize>)| {
        rule.kind == RuleKind::Together && (suites.contains(&suite) || suites.contains(&other))
    };
    let against: Vec<String> = meant.iter().filter(holds).map(|(rule, _)| rule.to_string()).collect();
    let message = format!(
        "rules contradict each other for {} and {}: {rule} against {}",
        id(sources, suite.min(other)),
        id(sources, suite.max(other)),
        against.join(" and ")
    );
    NoPlan {
        id: ErrorId::RulesContradict,
        message,
        help: vec!["take the suite out of one of them".to_owned()],
    }
}
