//! Our own packer on times alone.

use crate::pack::law::{Item, Law};
use crate::pack::{Effort, Packing, Problem, TierProblem, pack};

fn packing(times: &[u64], shards: usize, effort: Effort) -> Option<Packing> {
    let items = times.iter().map(|ms| Item { ms: *ms, ..Item::default() }).collect();
    let problem =
        Problem { shards: Some(shards), effort, ..Problem::new(vec![TierProblem::new(Law::BARE, items)]) };
    pack(&problem).ok()
}

/// The shard of each suite, from 0.
pub(super) fn share_out(times: &[u64], shards: usize) -> Vec<usize> {
    let mut placed = vec![0; times.len()];
    // Without a budget a plan exists unless the times overflow: then any plan is as good as another.
    for (number, shard) in
        packing(times, shards, Effort::Normal).iter().flat_map(|packing| packing.shards.iter().enumerate())
    {
        shard.members().for_each(|suite| placed[suite] = number);
    }
    placed
}

/// What no plan in so many shards can beat.
pub(super) fn bound(times: &[u64], shards: usize) -> u64 {
    packing(times, shards, Effort::Normal).map_or(0, |packing| packing.makespan_bound)
}
