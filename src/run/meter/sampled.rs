//! What macOS and Windows tell of the processes below us, through the `sysinfo` crate: resident memory by
//! process, nothing finer.

use std::collections::BTreeMap;
use std::time::Duration;

use sysinfo::{ProcessRefreshKind, ProcessesToUpdate, System};

/// The processes below us.
pub(super) struct Sampled {
    system: System,
    us: u32,
    /// Each with the child of ours that it belongs to.
    owners: BTreeMap<u32, u32>,
}

impl Sampled {
    pub(super) fn new(us: u32) -> Sampled {
        Sampled { system: System::new(), us, owners: BTreeMap::new() }
    }

    /// Looks at everything once.
    pub(super) fn look(&mut self) {
        let kind = ProcessRefreshKind::nothing().with_memory().with_cpu().without_tasks();
        self.system.refresh_processes_specifics(ProcessesToUpdate::All, true, kind);
        let parents: BTreeMap<u32, u32> = (self.system.processes().iter())
            .filter_map(|(pid, process)| Some((pid.as_u32(), process.parent()?.as_u32())))
            .collect();
        self.owners = owners(&parents, self.us);
    }

    /// What the processes of one of our children hold, or all.
    pub(super) fn level(&self, owner: Option<u32>) -> u64 {
        self.of(owner).map(sysinfo::Process::memory).sum()
    }

    /// CPU time of its processes.
    pub(super) fn cpu(&self, owner: Option<u32>) -> Duration {
        Duration::from_millis(self.of(owner).map(sysinfo::Process::accumulated_cpu_time).sum())
    }

    /// The processes of one of our children, or all.
    pub(super) fn pids(&self, owner: Option<u32>) -> Vec<u32> {
        let ours = self.owners.iter().filter(|(_, whose)| owner.is_none_or(|owner| owner == **whose));
        ours.map(|(pid, _)| *pid).collect()
    }

    fn of(&self, owner: Option<u32>) -> impl Iterator<Item = &sysinfo::Process> {
        self.pids(owner).into_iter().filter_map(|pid| self.system.process(sysinfo::Pid::from_u32(pid)))
    }
}

/// For every process below `us` the child of `us` that it comes from.
fn owners(parents: &BTreeMap<u32, u32>, us: u32) -> BTreeMap<u32, u32> {
    let owner = |pid: u32| {
        let mut pid = pid;
        // Numbers are given again, so a chain may run in circles.
        for _ in 0..parents.len() {
            match parents.get(&pid) {
                Some(parent) if *parent == us => return Some(pid),
                Some(parent) => pid = *parent,
                None => return None,
            }
        }
        None
    };
    parents.keys().filter_map(|pid| Some((*pid, owner(*pid)?))).collect()
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn processes_belong_to_our_children() {
        let parents = [(2, 1), (3, 2), (4, 3), (5, 1), (6, 9), (7, 8), (8, 7)].into();
        assert_eq!(owners(&parents, 1), [(2, 2), (3, 2), (4, 2), (5, 5)].into());
    }

    #[test]
    fn it_sees_the_processes_of_this_machine() {
        // The tests' own parent has at least this process below it.
        let parent = std::os::unix::process::parent_id();
        let mut sampled = Sampled::new(parent);
        sampled.look();
        assert!(sampled.pids(None).contains(&std::process::id()));
        assert!(sampled.level(None) > 1 << 20);
        // Looking takes time itself.
        let looks = (0..10_000).find(|_| {
            sampled.look();
            sampled.cpu(None) > Duration::ZERO
        });
        assert!(looks.is_some());
    }
}
