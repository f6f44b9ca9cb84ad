//! What the processes of a session hold, by several meters that know nothing of each other.
//!
//! | method | what | where |
//! |---|---|---|
//! | `cgroup2`, `cgroup1` | the kernel's own high-water mark of a group, without caches of files | Linux, where we may make a group |
//! | `tree` | all processes below us, looked at every 25 to 100 ms, with their own high-water marks | Linux |
//! | `sampled` | the sum of their resident memory, every 100 ms | macOS, Windows |
//! | `highwater` | the most that any one process held | Linux |
//! | `wait4` | the same, of those whose end we were told | Unix |
//!
//! The first that is there counts; the others are written beside it.

#[cfg(target_os = "linux")]
mod level;
#[cfg(any(not(target_os = "linux"), test))]
mod sampled;
#[cfg(target_os = "linux")]
mod tree;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::machine::group::{Gauge, Group, Version};
use crate::model::Bytes;
use crate::outcome::Meter as Reading;

/// So long a process is young: it changes fast, and is looked at often.
#[cfg(target_os = "linux")]
const YOUNG: Duration = Duration::from_secs(2);

/// Between two looks where memory is short: a limit comes near within milliseconds.
const SHORTLY: Duration = Duration::from_millis(10);

/// Between two looks at young processes.
const OFTEN: Duration = Duration::from_millis(25);

/// Between two looks else.
const SELDOM: Duration = Duration::from_millis(100);

/// Of one core, so that measuring changes nothing: one part in so many. The young are worth more, if nobody else sees
/// what they hold between two looks.
const SHARE: u32 = 400;
const SHARE_YOUNG: u32 = 50;

/// Longest time between two looks, whatever they cost.
const RAREST: Duration = Duration::from_secs(1);

/// The meters of one of our children and all below it.
#[derive(Debug, Default)]
struct Own {
    group: Option<(Group, Gauge)>,
    /// The most that the samples saw, by the tree.
    tree: u64,
    /// The most that one process held.
    highest: u64,
    /// The same, as `wait4` said.
    waited: u64,
    /// The most that the samples of the group saw, without caches.
    held: u64,
    /// The most of caches that they saw.
    cache: u64,
}

/// The meters of all that runs.
pub(super) struct Meter {
    #[cfg(target_os = "linux")]
    tree: tree::Tree,
    #[cfg(not(target_os = "linux"))]
    tree: sampled::Sampled,
    own: BTreeMap<u32, Own>,
    /// CPU time of this thread when it looked last; what has a limit of its own is left out.
    busy: Duration,
    /// What `wait4` says of a process that never held anything: our own size, which it began with.
    floor: u64,
}

impl Meter {
    pub(super) fn new() -> Meter {
        let us = std::process::id();
        #[cfg(target_os = "linux")]
        let tree = tree::Tree::new(std::path::Path::new("/proc"), us);
        #[cfg(not(target_os = "linux"))]
        let tree = sampled::Sampled::new(us);
        Meter { tree, own: BTreeMap::new(), busy: busy(), floor: own_size() }
    }

    /// Begins to measure a child of ours, which is alone in its group if it has one.
    pub(super) fn add(&mut self, child: u32, group: Option<Group>) {
        #[cfg(target_os = "linux")]
        self.tree.roots.insert(child);
        let group = group.map(|group| {
            let gauge = group.gauge();
            (group, gauge)
        });
        self.own.insert(child, Own { group, ..Own::default() });
        // What starting it cost is no cost of looking.
        self.busy = busy();
    }

    /// A process below us runs suites: what it starts belongs to them.
    pub(super) fn add_worker(&mut self, pid: u32) {
        #[cfg(target_os = "linux")]
        self.tree.workers.insert(pid);
        #[cfg(not(target_os = "linux"))]
        let _ = pid;
    }

    /// What such a process and those that it started held at the last look, in private and shared memory; `None` where
    /// it has started none, or nobody knows.
    pub(super) fn with_children(&self, worker: u32) -> Option<Bytes> {
        #[cfg(target_os = "linux")]
        return self.tree.with_children(worker).map(Bytes);
        #[cfg(not(target_os = "linux"))]
        {
            let _ = worker;
            None
        }
    }

    /// Looks at what may have changed; returns what all children hold together.
    pub(super) fn look(&mut self, now: Instant) -> Bytes {
        self.busy = busy();
        #[cfg(target_os = "linux")]
        {
            self.busy += self.tree.look(now);
        }
        #[cfg(not(target_os = "linux"))]
        {
            let _ = now;
            self.tree.look();
        }
        // The level is that of the meter which the peak will be of.
        let mut grouped = (!self.own.is_empty()).then_some(0);
        for (child, own) in &mut self.own {
            let (_, most) = levels(&self.tree, Some(*child));
            own.tree = own.tree.max(most);
            own.highest = own.highest.max(highest(&self.tree, *child));
            let held = own.group.as_mut().and_then(|(_, gauge)| gauge.look()).map(|(usage, cache)| {
                let held = usage.saturating_sub(cache).0;
                own.held = own.held.max(held);
                own.cache = own.cache.max(cache.0);
                held
            });
            grouped = grouped.zip(held).map(|(all, held)| all + held);
        }
        Bytes(grouped.unwrap_or_else(|| levels(&self.tree, None).0))
    }

    /// When to look again, by the last look and all that this thread has done since. Memory is short so `soon`: then it
    /// matters more than what looking costs.
    pub(super) fn pause(&mut self, now: Instant, soon: Duration) -> Duration {
        #[cfg(target_os = "linux")]
        if soon <= SHORTLY {
            self.tree.all_next();
        }
        let cost = busy().saturating_sub(self.busy);
        let pause = match self.young(now) && !self.is_seen_by_the_kernel(now) {
            true => OFTEN.max(cost * SHARE_YOUNG),
            false => SELDOM.max(cost * SHARE),
        };
        pause.min(RAREST).min(soon).max(SHORTLY)
    }

    /// Whether nothing is lost between two looks: the kernel keeps the mark of a group, there is only one, its caches were
    /// seen, and no worker has started what nobody else tells apart from it.
    #[cfg(target_os = "linux")]
    fn is_seen_by_the_kernel(&self, now: Instant) -> bool {
        let is_marked = self.own.len() <= 1 && self.own.values().all(|own| own.held > 0);
        is_marked && !self.tree.workers_have_young(now)
    }

    #[cfg(not(target_os = "linux"))]
    fn is_seen_by_the_kernel(&self, _now: Instant) -> bool {
        false
    }

    /// Whether something changes fast; nobody knows of one that was not looked at yet.
    #[cfg(target_os = "linux")]
    fn young(&self, now: Instant) -> bool {
        self.tree.young(now) || self.own.values().any(|own| own.tree == 0)
    }

    /// Looking is dear there.
    #[cfg(not(target_os = "linux"))]
    fn young(&self, _now: Instant) -> bool {
        false
    }

    /// CPU time of one child and all below it, or of everything.
    pub(super) fn cpu(&self, child: Option<u32>) -> Duration {
        self.tree.cpu(child)
    }

    /// The processes that belong to a child, or all.
    pub(super) fn pids(&self, child: Option<u32>) -> Vec<u32> {
        self.tree.pids(child)
    }

    /// A process ended, and the system says what it held at most. `None`: it is no child of ours, but
    /// was adopted.
    pub(super) fn ended(&mut self, pid: u32, most: Option<Bytes>) {
        // What it leaves behind must be known now.
        #[cfg(target_os = "linux")]
        if self.own.contains_key(&pid) {
            self.tree.search_next();
        }
        let owner =
            self.own.keys().copied().find(|child| *child == pid || self.pids(Some(*child)).contains(&pid));
        let only = (self.own.len() == 1).then(|| self.own.keys().next().copied()).flatten();
        if let (Some(own), Some(most)) = (owner.or(only).and_then(|owner| self.own.get_mut(&owner)), most)
            && most.0 > self.floor
        {
            own.waited = own.waited.max(most.0);
        }
    }

    /// A process of a child says what it held at most. To know that of each suite it resets the kernel's own
    /// mark, so a spike between two looks may be seen by nobody else.
    pub(super) fn told(&mut self, child: u32, most: Bytes) {
        if let Some(own) = self.own.get_mut(&child) {
            own.highest = own.highest.max(most.0);
        }
    }

    /// Ends measuring a child: its peak by the best meter, and what every meter said. Its group is
    /// removed, unless something still lives in it.
    pub(super) fn finish(&mut self, child: u32) -> Option<(Bytes, &'static str, Vec<Reading>)> {
        #[cfg(target_os = "linux")]
        {
            self.tree.roots.remove(&child);
            if self.tree.roots.is_empty() {
                // Their numbers may be given to others.
                self.tree.workers.clear();
            }
        }
        let own = self.own.remove(&child)?;
        let group = own.group.as_ref().map(|(group, _)| group);
        let kernel = group.and_then(Group::peak).map_or(0, |peak| peak.0);
        let version = group.map(|group| group.version);
        if let Some(group) = group {
            group.remove();
        }
        Some(best(&own, kernel, version))
    }

    /// Kills for want of memory in the group of a child.
    pub(super) fn kills(&self, child: u32) -> Option<u64> {
        self.own.get(&child)?.group.as_ref()?.0.kills()
    }
}

fn best(own: &Own, kernel: u64, version: Option<Version>) -> (Bytes, &'static str, Vec<Reading>) {
    let group = match version {
        Some(Version::One) => "cgroup1",
        Some(Version::Two) => "cgroup2",
        None => "",
    };
    // At its highest the group held at most the caches that were ever seen.
    let grouped = kernel.saturating_sub(own.cache).max(own.held);
    let tree = own.tree.max(own.highest).max(own.waited);
    let name = if cfg!(target_os = "linux") { "tree" } else { "sampled" };
    // Between two looks a process may come and go; what the system says of its end is part of the tree.
    let all = [(group, grouped), (name, tree), ("highwater", own.highest), ("wait4", own.waited)];
    let meters = all.iter().filter(|(_, peak)| *peak > 0);
    let meters = meters
        .map(|(method, peak)| Reading { method: (*method).to_owned(), peak_bytes: Bytes(*peak) })
        .collect();
    let (method, peak) = match (grouped, own.tree) {
        (1.., _) => (group, grouped),
        (0, 1..) => (name, tree),
        // It ended before anybody looked.
        (0, 0) => ("wait4", tree),
    };
    (Bytes(peak), method, meters)
}

#[cfg(target_os = "linux")]
fn levels(tree: &tree::Tree, child: Option<u32>) -> (u64, u64) {
    let level = tree.level(child);
    (level.now, level.most)
}

#[cfg(not(target_os = "linux"))]
fn levels(tree: &sampled::Sampled, child: Option<u32>) -> (u64, u64) {
    (tree.level(child), tree.level(child))
}

#[cfg(target_os = "linux")]
fn highest(tree: &tree::Tree, child: u32) -> u64 {
    tree.highest(Some(child))
}

#[cfg(not(target_os = "linux"))]
fn highest(_tree: &sampled::Sampled, _child: u32) -> u64 {
    0
}

/// CPU time of this thread: on a busy machine waiting for a core is no cost of ours.
#[cfg(unix)]
fn busy() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    Duration::from_secs(seconds) + Duration::from_nanos(u64::try_from(time.tv_nsec).unwrap_or(0))
}

#[cfg(not(unix))]
fn busy() -> Duration {
    use std::sync::LazyLock;
    static BEGUN: LazyLock<Instant> = LazyLock::new(Instant::now);
    BEGUN.elapsed()
}

/// What we held at most so far.
fn own_size() -> u64 {
    let status = crate::machine::group::text(std::path::Path::new("/proc/self/status")).unwrap_or_default();
    crate::machine::parse::kilobytes(&status, "VmHWM").map_or(0, |bytes| bytes.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_meter_counts_and_all_are_named() {
        let check = |own: Own, kernel, version, peak, method, meters: usize| {
            let found = best(&own, kernel, version);
            assert_eq!((found.0, found.1, found.2.len()), (Bytes(peak), method, meters), "{own:?}");
        };
        let own = || Own { tree: 200, highest: 210, waited: 205, ..Own::default() };
        let tree = if cfg!(target_os = "linux") { "tree" } else { "sampled" };
        check(own(), 0, None, 210, tree, 3);
        check(Own { held: 190, cache: 5, ..own() }, 220, Some(Version::Two), 215, "cgroup2", 4);
        // A file of 500 was written: the mark of the group is that of its cache.
        check(Own { held: 20, cache: 500, ..own() }, 520, Some(Version::One), 20, "cgroup1", 4);
        check(Own { waited: 30, ..Own::default() }, 0, None, 30, "wait4", 2);
        check(Own::default(), 0, None, 0, "wait4", 0);
    }

    /// No process has that number.
    #[cfg(target_os = "linux")]
    const NOBODY: u32 = u32::MAX;

    #[cfg(target_os = "linux")]
    #[test]
    fn what_was_started_is_looked_at_soon_whatever_that_cost() {
        let mut meter = Meter::new();
        let begun = busy();
        while busy().saturating_sub(begun) < Duration::from_millis(20) {}
        meter.add(NOBODY, None);
        let never = Duration::MAX;
        assert_eq!(meter.pause(Instant::now(), never), OFTEN);
        assert_eq!(meter.pause(Instant::now(), Duration::from_millis(15)), Duration::from_millis(15));
        assert_eq!(meter.pause(Instant::now(), Duration::ZERO), SHORTLY);
        // What costs more than its share comes later.
        while busy().saturating_sub(meter.busy) < Duration::from_millis(2) {}
        assert!(meter.pause(Instant::now(), never) >= Duration::from_millis(2) * SHARE_YOUNG);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn the_level_is_that_of_groups_where_all_have_one() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
        file("memory.current", "900\n");
        file("memory.peak", "950\n");
        file("memory.stat", "file 250\nshmem 50\n");
        let group = Group { folder: folder.path().to_owned(), version: Version::Two };
        let mut meter = Meter::new();
        meter.add(NOBODY, Some(group));
        assert!(!meter.is_seen_by_the_kernel(Instant::now()), "nobody knows of its caches");
        assert_eq!(meter.look(Instant::now()), Bytes(700));
        assert!(meter.is_seen_by_the_kernel(Instant::now()));
        assert!(meter.pause(Instant::now(), Duration::MAX) >= SELDOM, "what is young loses nothing");
        meter.add(NOBODY - 1, None);
        assert_ne!(meter.look(Instant::now()), Bytes(700), "only the tree knows of all");
        assert!(!meter.is_seen_by_the_kernel(Instant::now()));
    }
}
