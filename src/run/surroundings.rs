//! The memory around a session: what the machine and the control groups above us have left, and how
//! often the kernel has killed for want of it.

use std::path::Path;

use super::guard::Memory;
use crate::machine::group::{self, Gauge, Group, Kept, text};
use crate::machine::{Pressure, parse};
use crate::model::Bytes;

/// Where to look.
pub(super) struct Surroundings {
    /// The control groups above us, the nearest first.
    groups: Vec<Group>,
    /// Those that limit memory.
    limits: Vec<(Gauge, Bytes)>,
    meminfo: Kept,
}

impl Surroundings {
    pub(super) fn new() -> Surroundings {
        let groups = group::above_us(Path::new("/"));
        let limits = groups.iter().filter_map(|group| Some((group.gauge(), group.limit()?))).collect();
        Surroundings { groups, limits, meminfo: Kept::new("/proc/meminfo".into()) }
    }

    /// The group that we are in.
    pub(super) fn own(&self) -> Option<&Group> {
        self.groups.first()
    }

    /// What memory looks like while the session's processes hold so much.
    pub(super) fn memory(&mut self, session: Bytes) -> Memory {
        let meminfo = self.meminfo.text();
        let figure = |name: &str| parse::kilobytes(meminfo?, name);
        let held = |gauge: &mut Gauge| gauge.look().map(|(usage, cache)| usage.saturating_sub(cache));
        let groups = self.limits.iter_mut().filter_map(|(gauge, limit)| Some((held(gauge)?, *limit)));
        Memory {
            session,
            group: groups.max_by_key(|(held, limit)| held.0.saturating_mul(1_000) / limit.0.max(1)),
            machine: figure("MemAvailable").zip(figure("MemTotal")),
        }
    }

    /// How long tasks waited for memory lately.
    pub(super) fn pressure(&self) -> Option<Pressure> {
        parse::pressure(&text(Path::new("/proc/pressure/memory"))?)
    }

    /// Kills for want of memory so far: in the groups above us, and on the machine.
    pub(super) fn kills(&self) -> (Option<u64>, Option<u64>) {
        let vmstat = text(Path::new("/proc/vmstat"));
        let machine = vmstat.and_then(|vmstat| parse::counter(&vmstat, "oom_kill"));
        (self.groups.iter().filter_map(Group::kills).max(), machine)
    }
}
