//! A previous plan: among plans that are nearly as short as a fresh one, the one that moves the
//! fewest suites, and which earlier shard each shard continues.

use std::collections::BTreeSet;

use super::homes::continued;
use super::part::Part;
use super::tier::Packed;
use super::{Effort, Moves};

/// The plan with few moves, and which earlier shard each shard of each tier continues: shared ones
/// first, then those of one suite.
pub(super) struct Settled {
    pub(super) packed: Vec<Packed>,
    pub(super) homes: Vec<Vec<Option<usize>>>,
    pub(super) moves: Moves,
}

/// `fresh` with as few moves as are found. No shard gets longer than one of `limits` in milliseconds,
/// overhead included: the first with which `fits` accepts a plan. No tier gets more shards than it has,
/// or than it had before where the sum stays within `total`.
pub(super) fn settle(
    parts: &[Part<'_>],
    fresh: Vec<Packed>,
    limits: &[u128],
    fits: impl Fn(&[Packed]) -> bool,
    total: Option<usize>,
    effort: Effort,
) -> Settled {
    let known = |part: &Part<'_>| part.problem.homes.iter().any(Option::is_some);
    let fresh = Settled::name(parts, fresh);
    if !parts.iter().any(known) {
        return fresh;
    }
    let within = |limit: u64, counts: &[usize]| {
        let tiers = parts.iter().zip(counts).zip(&fresh.packed);
        let packed = tiers.map(|((part, shards), fresh)| {
            let limit = part.problem.target.map_or(limit, |target| target.min(limit));
            part.solver.calmest(fresh, &part.problem.homes, *shards, limit, effort)
        });
        packed.collect::<Option<Vec<Packed>>>().filter(|packed| fits(packed))
    };
    let calm = |counts: &[usize]| {
        let limits = limits.iter().map(|limit| u64::try_from(*limit).unwrap_or(u64::MAX));
        let packed = limits.into_iter().find_map(|limit| within(limit, counts))?;
        Some(Settled::name(parts, packed))
    };
    let now: Vec<usize> = fresh.packed.iter().map(|packed| packed.shards.len()).collect();
    let before: Vec<usize> = (parts.iter().zip(&now))
        .map(
            |(part, now)| {
                if part.is_open(total) { part.solver.shards_before(&part.problem.homes) } else { *now }
            },
        )
        .collect();
    let allowed = |(part, before): (&Part<'_>, &usize)| {
        part.most(total).is_none_or(|most| before + part.alone.len() <= most)
            && (*before > 0) != part.solver.is_empty()
    };
    let sum: usize = parts.iter().zip(&before).map(|(part, before)| before + part.alone.len()).sum();
    let mut all = vec![calm(&now)];
    if before != now && parts.iter().zip(&before).all(allowed) && total.is_none_or(|total| sum <= total) {
        all.push(calm(&before));
    }
    let fresh_moves = fresh.moves.moved;
    let mut best = fresh;
    for settled in all.into_iter().flatten() {
        if settled.moves.moved < best.moves.moved {
            best = settled;
        }
    }
    best.moves.fresh = fresh_moves;
    best
}

/// How many shards the previous plan had for the suites that are still there.
pub(super) fn shards(parts: &[Part<'_>]) -> usize {
    let before = |part: &Part<'_>| part.problem.homes.iter().flatten().collect::<BTreeSet<_>>().len();
    parts.iter().map(before).sum()
}

impl Settled {
    /// Finds out which earlier shard each shard continues, and counts moves.
    fn name(parts: &[Part<'_>], packed: Vec<Packed>) -> Settled {
        let mut homes = Vec::with_capacity(parts.len());
        let mut moves = Moves::default();
        for (part, packed) in parts.iter().zip(&packed) {
            let before = &part.problem.homes;
            let alone: Vec<Vec<usize>> = part.alone.iter().map(|item| vec![*item]).collect();
            let shards: Vec<&[usize]> = packed.shards.iter().chain(&alone).map(Vec::as_slice).collect();
            let mine = continued(&shards, before);
            for (shard, home) in shards.iter().zip(&mine) {
                let known = |item: &&usize| before.get(**item).copied().flatten().is_some();
                let stays = |item: &&usize| before[**item] == *home;
                let known: Vec<&usize> = shard.iter().filter(known).collect();
                let kept = known.iter().filter(|item| stays(item)).count();
                moves.known += known.len();
                moves.moved += known.len() - kept;
            }
            homes.push(mine);
        }
        moves.fresh = moves.moved;
        Settled { packed, homes, moves }
    }
}
