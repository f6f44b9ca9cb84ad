//! All processes of a shard, followed from look to look through `/proc`.
//!
//! We are the nearest ancestor that adopts orphans, so every process that a session ever starts is
//! below us, whatever it does to get away.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::level::{Level, Process, level};
use crate::machine::group::{Kept, text};
use crate::machine::parse;

/// Most processes that are followed at once.
const PROCESSES_MAX: usize = 4_096;

/// Most numbers given since the last look that are asked what they are: searching everything costs as much as a few dozen.
const NUMBERS_MAX: u32 = 32;

/// So many numbers are asked again after a search.
const LATE: u32 = 4;

/// Between two searches of everything where the numbers tell what was started.
const SEARCH: Duration = Duration::from_secs(1);

/// Shared memory above which it is worth asking how many share it.
const SHARED_MIN: u64 = 4 << 20;

/// Younger ones are often about to become another program.
const SETTLED: Duration = Duration::from_millis(20);

/// One that we follow.
struct Followed {
    process: Process,
    /// When it started, so that its number given to another is noticed.
    started: u64,
    ticks: u64,
    /// Which of our own children it belongs to.
    owner: u32,
    /// The worker that it is, or that started it.
    worker: Option<u32>,
    first: Instant,
    /// What it shares with its relatives was asked for.
    asked: bool,
}

impl Followed {
    /// Whether it is so young that it changes fast.
    fn young(&self, now: Instant) -> bool {
        now.duration_since(self.first) < super::YOUNG
    }
}

/// The processes below us.
pub(super) struct Tree {
    proc: PathBuf,
    us: u32,
    /// Our own children, of those whose processes are told apart.
    pub(super) roots: BTreeSet<u32>,
    /// Processes that run suites.
    pub(super) workers: BTreeSet<u32>,
    followed: BTreeMap<u32, Followed>,
    /// CPU time of those that are gone.
    gone_ticks: BTreeMap<u32, u64>,
    /// What the suspects held when they were asked last.
    asked_own: u64,
    asked_at: Option<Instant>,
    /// Asking is dear; not before then.
    ask_after: Option<Instant>,
    /// Tells the number that the system has given last to a process or a thread.
    loadavg: Kept,
    /// The one at the last look.
    number: Option<u32>,
    /// Numbers that nobody had yet when they were asked: one is given a moment before there is anything to see.
    unseen: Vec<u32>,
    /// Everything is searched again then.
    search_after: Option<Instant>,
    /// Everybody is asked again then.
    all_after: Option<Instant>,
    slow_after: Option<Instant>,
    /// There were more than are followed.
    pub(super) beyond: bool,
}

impl Tree {
    /// Follows what is below the process `us`, by the files in `proc`.
    pub(super) fn new(proc: &Path, us: u32) -> Tree {
        Tree {
            proc: proc.to_owned(),
            us,
            roots: BTreeSet::new(),
            workers: BTreeSet::new(),
            followed: BTreeMap::new(),
            gone_ticks: BTreeMap::new(),
            asked_own: 0,
            asked_at: None,
            ask_after: None,
            loadavg: Kept::new(proc.join("loadavg")),
            number: None,
            unseen: Vec::new(),
            search_after: None,
            all_after: None,
            slow_after: None,
            beyond: false,
        }
    }

    /// Asks everybody, and until the next 100 ms are over the young alone, unless something was started. Returns what asking
    /// for shared memory cost, of which there is a limit of its own.
    pub(super) fn look(&mut self, now: Instant) -> Duration {
        let number = self.last_number();
        let given = self.number.zip(number).and_then(|(before, last)| numbers(before, last));
        self.number = number;
        let searched = self.search_after.is_some_and(|after| now < after);
        match given.filter(|_| searched && self.followed.len() < PROCESSES_MAX) {
            Some(given) => {
                let started = self.started(given);
                let all = self.all_after.is_none_or(|after| now >= after);
                // One that was just started is compared with its parent, and counted beside all others.
                if all || !started.is_empty() {
                    self.all(started, now);
                } else {
                    self.young_ones(now);
                }
            }
            None => {
                self.search(now);
                // The last ones may have been given before there was anything to find.
                self.number = number.map(|number| number.saturating_sub(LATE));
            }
        }
        self.ask(now)
    }

    /// Everybody is asked next time: memory is short.
    pub(super) fn all_next(&mut self) {
        self.all_after = None;
    }

    /// Everything is searched next time.
    pub(super) fn search_next(&mut self) {
        self.search_after = None;
    }

    /// Finds all that there are, and asks them.
    fn search(&mut self, now: Instant) {
        self.search_after = Some(now + SEARCH);
        self.unseen.clear();
        let found = self.descendants();
        // One whose parent ended during the search was passed over.
        let is_gone = |pid: &u32| !found.contains(pid) && self.is_below(*pid, &found) != Some(true);
        let gone: Vec<u32> = self.followed.keys().copied().filter(is_gone).collect();
        gone.into_iter().for_each(|pid| self.forget(pid));
        self.all(found, now);
    }

    /// Asks everybody, and these too.
    fn all(&mut self, mut pids: BTreeSet<u32>, now: Instant) {
        self.all_after = Some(now + super::SELDOM);
        // CPU time and programs change slowly; a second is soon enough except for the young.
        let slow = self.slow_after.is_none_or(|after| now >= after);
        if slow {
            self.slow_after = Some(now + Duration::from_secs(1));
        }
        pids.extend(self.followed.keys());
        for pid in pids {
            self.one(pid, now, slow);
        }
    }

    /// Asks the young, and whether the others are still there.
    fn young_ones(&mut self, now: Instant) {
        let (mut young, mut gone) = (Vec::new(), Vec::new());
        for (pid, one) in &mut self.followed {
            // It was counted when it was seen.
            one.process.spike = 0;
            if one.young(now) {
                young.push(*pid);
            } else if !self.proc.join(pid.to_string()).exists() {
                gone.push(*pid);
            }
        }
        gone.into_iter().for_each(|pid| self.forget(pid));
        for pid in young {
            self.one(pid, now, false);
        }
    }

    /// Which of these numbers, and of those that nobody had last time, are processes below us that are not followed yet.
    fn started(&mut self, given: RangeInclusive<u32>) -> BTreeSet<u32> {
        let unseen = std::mem::take(&mut self.unseen);
        let last_time = unseen.len();
        // A parent's number comes before its child's.
        let mut started = BTreeSet::new();
        for (place, number) in unseen.into_iter().chain(given).enumerate() {
            if self.followed.contains_key(&number) || self.is_thread(number, &started) {
                continue;
            }
            match self.is_below(number, &started) {
                Some(true) => drop(started.insert(number)),
                Some(false) => {}
                None if place >= last_time => self.unseen.push(number),
                None => {}
            }
        }
        started
    }

    /// Whether this is the number of a process below us, by its parent, which is followed or one of these; `None`: nobody
    /// has it.
    fn is_below(&self, number: u32, others: &BTreeSet<u32>) -> Option<bool> {
        let status = text(&self.proc.join(number.to_string()).join("status"))?;
        let figure = |name: &str| parse::field(&status, name)?.parse::<u32>().ok();
        let below = |parent: u32| {
            parent == self.us || self.followed.contains_key(&parent) || others.contains(&parent)
        };
        Some(figure("Tgid") == Some(number) && figure("PPid").is_some_and(below))
    }

    /// Whether it is the number of a thread of those that came last, which start most of them; asking that is cheap.
    fn is_thread(&self, number: u32, started: &BTreeSet<u32>) -> bool {
        let mut last = started.iter().rev().chain(self.followed.keys().rev()).take(3);
        last.any(|pid| self.proc.join(format!("{pid}/task/{number}")).exists())
    }

    /// The number that the system gave last to a process or a thread, where it says.
    fn last_number(&mut self) -> Option<u32> {
        self.loadavg.text()?.split_ascii_whitespace().nth(4)?.parse().ok()
    }

    /// Numbers of all processes below us.
    fn descendants(&mut self) -> BTreeSet<u32> {
        let mut found = BTreeSet::new();
        let mut open = vec![self.us];
        while let Some(pid) = open.pop() {
            let tasks = self.proc.join(pid.to_string()).join("task");
            let Ok(tasks) = fs::read_dir(tasks) else { continue };
            for task in tasks.flatten() {
                let Some(children) = text(&task.path().join("children")) else { continue };
                for child in children.split_ascii_whitespace().filter_map(|child| child.parse().ok()) {
                    if found.len() >= PROCESSES_MAX {
                        self.beyond = true;
                        return found;
                    }
                    if found.insert(child) {
                        open.push(child);
                    }
                }
            }
        }
        found
    }

    fn forget(&mut self, pid: u32) {
        if let Some(followed) = self.followed.remove(&pid) {
            *self.gone_ticks.entry(followed.owner).or_default() += followed.ticks;
        }
    }

    fn one(&mut self, pid: u32, now: Instant, slow: bool) {
        let folder = self.proc.join(pid.to_string());
        let Some(status) = text(&folder.join("status")) else { return self.forget(pid) };
        let figure = |name: &str| parse::kilobytes(&status, name).map_or(0, |bytes| bytes.0);
        let number = |name: &str| parse::field(&status, name).and_then(|number| number.parse().ok());
        let parent = number("PPid").unwrap_or(0);
        let known = self.followed.get(&pid);
        let young = known.is_none_or(|known| known.young(now));
        let stat = (young || slow).then(|| text(&folder.join("stat")).and_then(|stat| parse::stat(&stat)));
        let stat = stat.flatten();
        if let (Some(known), Some(stat)) = (known, &stat)
            && known.started != stat.started
        {
            self.forget(pid);
            return self.one(pid, now, slow);
        }
        let fresh = Process {
            anonymous: figure("RssAnon"),
            file: figure("RssFile"),
            shared: figure("RssShmem"),
            highest: figure("VmHWM"),
            mapped: figure("VmSize"),
            ..Process::default()
        };
        let known = self.followed.get(&pid);
        let stack =
            stat.as_ref().map_or_else(|| known.map_or(0, |known| known.process.stack), |stat| stat.stack);
        let changed = known.is_none_or(|known| known.process.stack != stack);
        let program = match known {
            Some(known) if !changed => known.process.program,
            _ => program(&folder),
        };
        // A forked process begins with all that its parent has, and shares it until one of them writes.
        let forked = |parent: &Followed| stack != 0 && parent.process.stack == stack;
        let elsewhere = match known {
            Some(known) if !changed => known.process.elsewhere,
            Some(_) => 0,
            None if self.followed.get(&parent).is_some_and(forked) => fresh.own(),
            None => 0,
        };
        let before = known.filter(|_| !changed).map_or(0, |known| known.process.highest);
        let spike = match fresh.highest > before {
            true => fresh.highest.saturating_sub(fresh.resident()),
            false => 0,
        };
        let group = stat.as_ref().map(|stat| stat.group);
        let owner = known.map(|known| known.owner).unwrap_or_else(|| self.owner(pid, parent, group));
        let worker = match self.followed.get(&parent) {
            _ if self.workers.contains(&pid) => Some(pid),
            Some(parent) => parent.worker,
            // Orphaned: it stays with whom it was.
            None => known.and_then(|known| known.worker),
        };
        let (ticks, started) = match (&stat, known) {
            (Some(stat), _) => (stat.ticks, stat.started),
            (None, Some(known)) => (known.ticks, known.started),
            (None, None) => (0, 0),
        };
        let followed = Followed {
            process: Process { stack, program, elsewhere: elsewhere.min(fresh.own()), spike, ..fresh },
            started,
            ticks,
            owner,
            worker,
            first: known.map_or(now, |known| known.first),
            asked: known.is_some_and(|known| known.asked && !changed),
        };
        self.followed.insert(pid, followed);
    }

    /// The child of ours that a process belongs to: its parent's; where it was orphaned before we ever saw
    /// it, its group's, or the only one that there is.
    fn owner(&self, pid: u32, parent: u32, group: Option<u32>) -> u32 {
        if self.roots.contains(&pid) {
            return pid;
        }
        if let Some(parent) = self.followed.get(&parent) {
            return parent.owner;
        }
        let group = group.filter(|group| *group != pid);
        let relative = group.and_then(|group| Some(self.followed.get(&group)?.owner));
        let only = self.roots.first().copied().filter(|_| self.roots.len() == 1);
        relative.or(group.filter(|group| self.roots.contains(group))).or(only).unwrap_or(pid)
    }

    /// Asks the kernel what forked processes and shared memory come to, if that has changed. It walks all
    /// their pages, 20 ms for a gigabyte, so it is asked rarely. Returns what it cost.
    fn ask(&mut self, now: Instant) -> Duration {
        let mut families: BTreeMap<u64, u32> = BTreeMap::new();
        let sharers = self.followed.values().filter(|one| one.process.shared >= SHARED_MIN).count();
        for one in self.followed.values().filter(|one| one.process.stack != 0) {
            *families.entry(one.process.stack).or_default() += 1;
        }
        let suspect = |one: &Followed| {
            families.get(&one.process.stack).is_some_and(|count| *count > 1)
                || (sharers > 1 && one.process.shared >= SHARED_MIN)
        };
        let suspects: BTreeSet<u32> =
            self.followed.iter().filter(|(_, one)| suspect(one)).map(|(pid, _)| *pid).collect();
        let alone: Vec<u32> = self.followed.keys().copied().filter(|pid| !suspects.contains(pid)).collect();
        for pid in alone {
            if let Some(one) = self.followed.get_mut(&pid) {
                (one.process.elsewhere, one.asked) = (0, false);
            }
        }
        let mut own = 0u64;
        let mut news = false;
        for one in suspects.iter().filter_map(|pid| self.followed.get(pid)) {
            own += one.process.own();
            news |= !one.asked && now.duration_since(one.first) > SETTLED;
        }
        let moved = own.abs_diff(self.asked_own) > (self.asked_own / 20).max(2 << 20);
        // A page that is written is shared no more, and no other figure tells.
        let stale = self.asked_at.is_none_or(|at| now.duration_since(at) >= Duration::from_secs(1));
        let dear = self.ask_after.is_some_and(|after| now < after);
        if suspects.is_empty() || dear || !(news || moved || stale) {
            return Duration::ZERO;
        }
        let begun = super::busy();
        self.asked_own = own;
        for pid in suspects {
            let rollup = text(&self.proc.join(pid.to_string()).join("smaps_rollup"));
            let share = |name: &str| parse::kilobytes(rollup.as_deref()?, name);
            let Some(one) = self.followed.get_mut(&pid) else { continue };
            one.asked = now.duration_since(one.first) > SETTLED;
            if let (Some(private), Some(shared)) = (share("Pss_Anon"), share("Pss_Shmem")) {
                // One that grows holds more by now than it did when we looked.
                let own = share("Anonymous").map_or(one.process.anonymous, |own| own.0) + one.process.shared;
                one.process.elsewhere = own.saturating_sub(private.0 + shared.0);
            }
        }
        self.asked_at = Some(now);
        // Had it waited for a core meanwhile, a child might come and go before it is asked about.
        let cost = super::busy().saturating_sub(begun);
        self.ask_after = Some(now + cost * 50);
        cost
    }

    /// What the processes of one of our children hold, or all.
    pub(super) fn level(&self, owner: Option<u32>) -> Level {
        level(self.of(owner).map(|(_, one)| &one.process))
    }

    /// What a worker and the processes that it started held at most since the last look, without the pages of
    /// files that it maps itself; `None`: it is alone.
    pub(super) fn with_children(&self, worker: u32) -> Option<u64> {
        let own = &self.followed.get(&worker)?.process;
        // It knows of its own spikes better.
        let own = Process { spike: 0, ..own.clone() };
        let below = self.followed.iter().filter(|(pid, one)| **pid != worker && one.worker == Some(worker));
        let below: Vec<&Process> = below.map(|(_, one)| &one.process).collect();
        let held = || level(below.iter().copied().chain([&own])).most.saturating_sub(own.file);
        (!below.is_empty()).then(held)
    }

    /// The most that a single process of it ever held.
    pub(super) fn highest(&self, owner: Option<u32>) -> u64 {
        self.of(owner).map(|(_, one)| one.process.highest).max().unwrap_or(0)
    }

    /// CPU time of all its processes, dead ones too.
    pub(super) fn cpu(&self, owner: Option<u32>) -> Duration {
        let gone = self.gone_ticks.iter().filter(|(whose, _)| owner.is_none_or(|owner| owner == **whose));
        let alive: u64 = self.of(owner).map(|(_, one)| one.ticks).sum();
        Duration::from_millis((alive + gone.map(|(_, ticks)| ticks).sum::<u64>()) * 10)
    }

    /// The processes of one of our children, or all.
    pub(super) fn pids(&self, owner: Option<u32>) -> Vec<u32> {
        self.of(owner).map(|(pid, _)| *pid).collect()
    }

    /// Whether one of them is so young that it changes fast.
    pub(super) fn young(&self, now: Instant) -> bool {
        self.followed.values().any(|one| one.young(now))
    }

    /// Whether a worker has started one that is so young.
    pub(super) fn workers_have_young(&self, now: Instant) -> bool {
        self.followed
            .iter()
            .any(|(pid, one)| one.young(now) && one.worker.is_some_and(|worker| worker != *pid))
    }

    fn of(&self, owner: Option<u32>) -> impl Iterator<Item = (&u32, &Followed)> {
        self.followed.iter().filter(move |(_, one)| owner.is_none_or(|owner| owner == one.owner))
    }
}

/// The numbers given after `before` until `last`; `None` where they are too many, began anew, or mean nothing.
fn numbers(before: u32, last: u32) -> Option<RangeInclusive<u32>> {
    let count = last.checked_sub(before)?;
    (last > 0 && count <= NUMBERS_MAX).then(|| before.saturating_add(1)..=last)
}

/// The program of a process as a number: the hash of its path.
fn program(folder: &Path) -> u64 {
    use std::hash::{DefaultHasher, Hash, Hasher};
    let mut hasher = DefaultHasher::new();
    fs::read_link(folder.join("exe")).ok().hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    /// A made-up `/proc`.
    struct Proc(tempfile::TempDir);

    impl Proc {
        /// A process with these children; figures in kB; its stack begins at `stack`.
        fn set(&self, pid: u32, parent: u32, children: &str, figures: [u64; 4], stack: u64) {
            let folder = self.0.path().join(pid.to_string());
            fs::create_dir_all(folder.join("task").join(pid.to_string())).unwrap();
            fs::write(folder.join(format!("task/{pid}/children")), children).unwrap();
            let [anonymous, file, shared, highest] = figures;
            let size = anonymous + u64::from(pid);
            let status = format!(
                "Tgid:\t{pid}\nPPid:\t{parent}\nVmSize:\t{size} kB\nVmHWM:\t{highest} kB\nRssAnon:\t{anonymous} kB\nRssFile:\t{file} kB\nRssShmem:\t{shared} kB\n"
            );
            fs::write(folder.join("status"), status).unwrap();
            let stat = format!(
                "{pid} (x) S {parent} {pid} 0 0 -1 0 0 0 0 0 7 3 0 0 20 0 1 0 {pid} 0 0 0 0 0 {stack}"
            );
            fs::write(folder.join("stat"), stat).unwrap();
            let _ = symlink("/bin/x", folder.join("exe"));
        }

        /// What it holds by then, and its share of that.
        fn pss(&self, pid: u32, own: u64, share: u64) {
            let text = format!("Pss: 1 kB\nPss_Anon: {share} kB\nPss_Shmem: 0 kB\nAnonymous: {own} kB\n");
            fs::write(self.0.path().join(pid.to_string()).join("smaps_rollup"), text).unwrap();
        }

        fn gone(&self, pid: u32) {
            fs::remove_dir_all(self.0.path().join(pid.to_string())).unwrap();
        }
    }

    #[test]
    fn families_orphans_and_the_dead() {
        let proc = Proc(tempfile::tempdir().unwrap());
        let mut tree = Tree::new(proc.0.path(), 1);
        let mut now = Instant::now();
        let mut look = |tree: &mut Tree| {
            now += Duration::from_secs(3);
            tree.look(now);
        };
        proc.set(1, 0, "10 20", [5, 5, 0, 10], 1);
        proc.set(10, 1, "", [1000, 100, 0, 1100], 500);
        proc.set(20, 1, "", [300, 100, 0, 900], 600);
        look(&mut tree);
        let kb = |level: Level| (level.now / 1024, level.most / 1024);
        assert_eq!(kb(tree.level(None)), (1400, 1900), "two programs of one kind, one of which spiked");
        assert_eq!(kb(tree.level(Some(20))), (400, 900));
        look(&mut tree);
        assert_eq!(kb(tree.level(None)), (1400, 1400), "an old spike is not counted again");
        // A fork of 10: nothing but shared pages, until the kernel says otherwise.
        proc.set(10, 1, "11", [1000, 100, 0, 1100], 500);
        proc.set(11, 10, "", [1000, 100, 0, 1100], 500);
        now += Duration::from_millis(10);
        tree.look(now);
        assert_eq!(kb(tree.level(Some(10))).0, 1100);
        proc.pss(10, 1000, 600);
        // It has grown by 30 since its figures were read.
        proc.pss(11, 1080, 680);
        proc.set(11, 10, "", [1050, 100, 0, 1200], 500);
        now += Duration::from_secs(3);
        tree.look(now);
        assert_eq!(kb(tree.level(Some(10))).0, 600 + 650 + 100);
        // Its parent ends: it becomes ours, and stays with whom it was.
        proc.gone(10);
        proc.set(1, 0, "20 11", [5, 5, 0, 10], 1);
        proc.set(11, 1, "", [1050, 100, 0, 1200], 500);
        now += Duration::from_secs(3);
        tree.look(now);
        assert_eq!(tree.pids(Some(10)), [11]);
        assert_eq!(kb(tree.level(Some(10))).0, 1150, "alone it shares with nobody");
        assert_eq!(tree.cpu(Some(10)), Duration::from_millis(200), "what the dead one used stays");
        assert_eq!(tree.highest(None), 1200 * 1024);
        // It becomes another program.
        proc.set(11, 1, "", [50, 100, 0, 150], 700);
        now += Duration::from_secs(3);
        tree.look(now);
        assert_eq!(kb(tree.level(Some(10))), (150, 150));
    }

    #[test]
    fn between_two_looks_at_everything_only_the_young_and_the_new() {
        let proc = Proc(tempfile::tempdir().unwrap());
        let mut tree = Tree::new(proc.0.path(), 1);
        let mut now = Instant::now();
        let given =
            |last: u32| fs::write(proc.0.path().join("loadavg"), format!("0 0 0 1/9 {last}\n")).unwrap();
        let held = |tree: &mut Tree, now: Instant| {
            tree.look(now);
            let level = tree.level(None);
            (level.now / 1024, level.most / 1024)
        };
        given(20);
        tree.workers.insert(10);
        proc.set(1, 0, "10 20", [5, 5, 0, 10], 1);
        proc.set(10, 1, "", [1000, 0, 0, 1000], 500);
        assert_eq!(held(&mut tree, now), (1000, 1000));
        assert!(tree.young(now) && !tree.workers_have_young(now));
        now += super::super::YOUNG;
        assert_eq!(held(&mut tree, now), (1000, 1000));
        // Everything was looked at a moment ago: what is not young is not asked again.
        let moment = Duration::from_millis(10);
        proc.set(10, 1, "", [2000, 0, 0, 2500], 500);
        assert_eq!(held(&mut tree, now + moment), (1000, 1000));
        // What was started meanwhile is found by its number: 21 is a process below us, 22 its thread, 23 somebody else's.
        proc.set(21, 10, "", [300, 0, 0, 300], 600);
        proc.set(22, 10, "", [300, 0, 0, 300], 600);
        fs::write(proc.0.path().join("22/status"), "Tgid:\t21\nPPid:\t10\nRssAnon:\t300 kB\n").unwrap();
        proc.set(23, 7, "", [4000, 0, 0, 4000], 700);
        proc.set(10, 1, "21", [1000, 0, 0, 1000], 500);
        proc.set(24, 21, "", [40, 0, 0, 40], 800);
        proc.set(21, 10, "24", [300, 0, 0, 300], 600);
        given(25);
        assert_eq!(held(&mut tree, now + moment * 2), (1340, 1340), "and what the new one started");
        assert_eq!(tree.pids(None), [10, 21, 24]);
        proc.set(10, 1, "21", [2000, 0, 0, 2500], 500);
        proc.gone(24);
        assert!(tree.workers_have_young(now + moment * 2));
        proc.set(21, 10, "", [350, 0, 0, 500], 600);
        assert_eq!(held(&mut tree, now + moment * 3), (1350, 1500), "the young are asked again");
        proc.gone(21);
        assert_eq!(held(&mut tree, now + moment * 4), (1000, 1000));
        // After 100 ms everything is.
        now += super::super::SELDOM + moment * 2;
        assert_eq!(held(&mut tree, now), (2000, 2500));
        assert_eq!(held(&mut tree, now + moment), (2000, 2000), "a spike is counted once");
        // Numbers that began anew say nothing, nor do too many.
        for last in [3, 3 + NUMBERS_MAX + 1, 0] {
            let more = 3_000 + u64::from(last);
            proc.set(10, 1, "", [more, 0, 0, 2500], 500);
            given(last);
            assert_eq!(held(&mut tree, now + moment * 2).0, more);
        }
        // Nor where the system never says.
        assert!(numbers(0, 0).is_none());
        tree.all_next();
        proc.set(10, 1, "", [3_500, 0, 0, 2500], 500);
        given(1);
        assert_eq!(held(&mut tree, now + moment * 3).0, 3_500, "where memory is short everybody is asked");
        // One that was settled ends.
        proc.gone(10);
        assert_eq!(held(&mut tree, now + moment * 4).0, 0);
        // A number is given a moment before anybody sees whose it is.
        given(3);
        assert_eq!(held(&mut tree, now + moment * 5).0, 0);
        proc.set(3, 1, "", [70, 0, 0, 70], 900);
        assert_eq!(held(&mut tree, now + moment * 6).0, 70);
        // What no number told of is found by searching everything, once a second.
        proc.set(30, 3, "", [5, 0, 0, 5], 910);
        proc.set(3, 1, "30", [70, 0, 0, 70], 900);
        proc.set(1, 0, "3", [5, 5, 0, 10], 1);
        assert_eq!(held(&mut tree, now + super::super::SELDOM * 2).0, 70);
        assert_eq!(held(&mut tree, now + SEARCH * 2).0, 75);
    }

    #[test]
    fn what_a_worker_started_is_its_own() {
        let proc = Proc(tempfile::tempdir().unwrap());
        let mut tree = Tree::new(proc.0.path(), 1);
        let mut now = Instant::now();
        let mut held = |tree: &mut Tree, worker| {
            now += Duration::from_secs(3);
            tree.look(now);
            tree.with_children(worker).map(|bytes| bytes / 1024)
        };
        proc.set(1, 0, "10 20", [5, 5, 0, 10], 1);
        proc.set(10, 1, "", [1000, 100, 0, 1100], 500);
        proc.set(20, 1, "21", [300, 100, 0, 400], 600);
        proc.set(21, 20, "", [40, 100, 0, 140], 610);
        assert_eq!(held(&mut tree, 10), None, "not told yet");
        tree.workers.insert(10);
        assert_eq!(held(&mut tree, 10), None, "alone");
        proc.set(10, 1, "12", [1000, 100, 0, 1100], 500);
        proc.set(12, 10, "", [50, 20, 0, 90], 700);
        assert_eq!(held(&mut tree, 10), Some(1070), "it held 20 more for a moment");
        proc.set(10, 1, "", [900, 100, 0, 1100], 500);
        proc.set(1, 0, "10 20 12", [5, 5, 0, 10], 1);
        proc.set(12, 1, "", [50, 20, 0, 90], 700);
        assert_eq!(held(&mut tree, 10), Some(950), "an orphan stays with whom it was");
        tree.workers.insert(12);
        assert_eq!(held(&mut tree, 10), None, "a worker is nobody's child");
    }
}
