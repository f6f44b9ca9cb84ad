//! What Linux tells in `/proc` and `/sys`.

use std::fs::{self, File};
use std::path::Path;

use super::group::{self, text};
use super::{Limit, Machine, Proof, Ulimits, parse};
use crate::model::Bytes;

/// Reads everything below `root`; the disk of `out` and the kind of `temporary` are the real ones.
pub(super) fn read(root: &Path, out: &Path, temporary: &Path) -> Machine {
    let proc = |name: &str| text(&root.join("proc").join(name)).unwrap_or_default();
    let (meminfo, mountinfo) = (proc("meminfo"), proc("self/mountinfo"));
    let memory = |name: &str| parse::kilobytes(&meminfo, name);
    let groups = group::above_us(root);
    let mut limited = Vec::new();
    for group in &groups {
        let held = || Some(group.usage()?.saturating_sub(group.inactive().unwrap_or_default()));
        let limits = [(group.limit(), false), (group.high(), true)];
        limited.extend(limits.into_iter().filter_map(|(bytes, slows)| {
            let held_bytes = held().unwrap_or_default();
            Some(Limit { group: group.folder.clone(), bytes: bytes?, held_bytes, slows })
        }));
    }
    let affinity = parse::field(&proc("self/status"), "Cpus_allowed_list")
        .and_then(parse::cpu_list)
        .filter(|cpus| *cpus > 0);
    let quota = group::cpu_above_us(root).iter().filter_map(group::Group::quota).min();
    let temporary_in_memory = parse::is_in_memory(&mountinfo, &temporary.to_string_lossy());
    Machine {
        memory_bytes: memory("MemTotal"),
        free_bytes: memory("MemAvailable"),
        swap_used_bytes: memory("SwapTotal")
            .zip(memory("SwapFree"))
            .map(|(total, free)| total.saturating_sub(free)),
        limits: limited,
        pressure: parse::pressure(&proc("pressure/memory")),
        cpus: affinity.into_iter().chain(quota).min(),
        disk_free_bytes: disk(out),
        temporary_in_memory: temporary_in_memory.then(|| temporary.to_owned()),
        ulimits: ulimits(root),
        proof: Proof {
            group: groups.iter().any(|group| group.kills().is_some()),
            machine: parse::counter(&proc("vmstat"), "oom_kill").is_some(),
            log: File::open(root.join("dev/kmsg")).is_ok(),
        },
    }
}

/// The limits of a process like us.
fn ulimits(root: &Path) -> Ulimits {
    let proc = |name: &str| text(&root.join("proc/self").join(name)).unwrap_or_default();
    let (limits, user) = (proc("limits"), parse::user(&proc("status")));
    // The kernel counts nothing against the real root, who is not the root of a user namespace.
    let root_user = user == Some(0) && proc("uid_map").split_whitespace().eq(["0", "0", "4294967295"]);
    let processes = parse::soft_limit(&limits, "Max processes").filter(|_| !root_user);
    Ulimits {
        open_files: parse::soft_limit(&limits, "Max open files"),
        processes,
        processes_taken: processes.and(user).map(|user| threads(root, user)),
        address_space_bytes: parse::soft_limit(&limits, "Max address space").map(Bytes),
    }
}

/// Threads of all processes of a user that we see.
fn threads(root: &Path, user: u32) -> u64 {
    let Ok(entries) = fs::read_dir(root.join("proc")) else { return 0 };
    let numbered = |name: &std::ffi::OsStr| name.to_str().is_some_and(|name| name.parse::<u32>().is_ok());
    let processes = entries.flatten().filter(|entry| numbered(&entry.file_name()));
    let threads = processes.filter_map(|entry| {
        let status = text(&entry.path().join("status"))?;
        let threads = parse::field(&status, "Threads")?.parse::<u64>().ok()?;
        (parse::user(&status) == Some(user)).then_some(threads)
    });
    threads.fold(0, u64::saturating_add)
}

/// What is free for us where `path`, or the nearest folder above it, is.
fn disk(path: &Path) -> Option<Bytes> {
    let path = std::path::absolute(path).ok()?;
    let there = path.ancestors().find(|folder| folder.exists())?;
    let figures = rustix::fs::statvfs(there).ok()?;
    Some(Bytes(figures.f_bavail.saturating_mul(figures.f_frsize)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn root(files: &[(&str, &str)]) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = root.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        root
    }

    const COMMON: [(&str, &str); 4] = [
        (
            "proc/meminfo",
            "MemTotal: 16000000 kB\nMemAvailable: 14000000 kB\nSwapTotal: 4000000 kB\nSwapFree: 1000000 kB\n",
        ),
        ("proc/self/status", "Uid:\t1000\t1000\t1000\t1000\nCpus_allowed_list:\t0-7\n"),
        ("proc/vmstat", "pgfault 1\noom_kill 0\n"),
        ("proc/pressure/memory", "some avg10=0.10 avg60=0\nfull avg10=0.00 avg60=0\n"),
    ];

    #[test]
    fn a_container_of_version_2() {
        let group = "sys/fs/cgroup";
        let mut files = COMMON.to_vec();
        files.extend([
            ("proc/self/cgroup", "0::/\n"),
            (
                "proc/self/mountinfo",
                "26 25 0:23 / /sys/fs/cgroup ro - cgroup2 cgroup2 rw\n30 1 0:9 / /tmp rw - tmpfs x rw\n",
            ),
            ("sys/fs/cgroup/memory.max", "2000000000\n"),
            ("sys/fs/cgroup/memory.high", "max\n"),
            ("sys/fs/cgroup/memory.current", "700000000\n"),
            (
                "sys/fs/cgroup/memory.stat",
                "anon 100000000\nfile 600000000\nshmem 50000000\ninactive_file 500000000\n",
            ),
            ("sys/fs/cgroup/memory.events", "oom 0\noom_kill 0\n"),
            ("sys/fs/cgroup/cpu.max", "150000 100000\n"),
        ]);
        let root = root(&files);
        let machine = read(root.path(), root.path(), Path::new("/tmp"));
        let limit = Limit {
            group: root.path().join(group),
            bytes: Bytes(2_000_000_000),
            held_bytes: Bytes(200_000_000),
            slows: false,
        };
        assert_eq!(machine.limits, [limit]);
        assert_eq!(
            (machine.capacity(), machine.available()),
            (Some(Bytes(2_000_000_000)), Some(Bytes(1_800_000_000)))
        );
        assert_eq!((machine.cpus, machine.swap_used_bytes), (Some(2), Some(Bytes(3_000_000 * 1024))));
        assert_eq!(machine.proof, Proof { group: true, machine: true, log: false });
        assert_eq!(machine.temporary_in_memory.as_deref(), Some(Path::new("/tmp")));
        assert!(machine.disk_free_bytes.is_some());
    }

    #[test]
    fn the_lowest_of_all_groups_of_version_1_counts() {
        let mut files = COMMON.to_vec();
        files.extend([
            ("proc/self/cgroup", "4:memory:/outer/inner\n1:cpu:/\n0::/\n"),
            ("proc/self/mountinfo", "27 25 0:24 / /cg/memory rw - cgroup cgroup rw,memory\n28 25 0:24 / /cg/cpu rw - cgroup cgroup rw,cpu\n"),
            ("proc/self/limits", "Max processes             96365                96365                processes \nMax open files            1024                 524288               files     \nMax address space         8000000000           unlimited            bytes\n"),
            ("proc/7/status", "Name:\tx\nUid:\t1000\t0\t0\t0\nThreads:\t40\n"),
            ("proc/8/status", "Name:\ty\nUid:\t1000\t1000\t1000\t1000\nThreads:\t2\n"),
            ("proc/9/status", "Name:\tz\nUid:\t0\t0\t0\t0\nThreads:\t900\n"),
            ("cg/memory/memory.limit_in_bytes", "9223372036854771712\n"),
            ("cg/memory/outer/memory.limit_in_bytes", "1000000000\n"),
            ("cg/memory/outer/memory.usage_in_bytes", "400000000\n"),
            ("cg/memory/outer/memory.stat", "total_inactive_file 100000000\n"),
            ("cg/memory/outer/inner/memory.limit_in_bytes", "3000000000\n"),
            ("cg/memory/outer/inner/memory.usage_in_bytes", "1\n"),
            ("cg/memory/outer/inner/memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 3\n"),
            ("cg/cpu/cpu.cfs_quota_us", "-1\n"),
            ("cg/cpu/cpu.cfs_period_us", "100000\n"),
        ]);
        let root = root(&files);
        let machine = read(root.path(), root.path(), Path::new("/tmp"));
        assert_eq!(
            (machine.capacity(), machine.available()),
            (Some(Bytes(1_000_000_000)), Some(Bytes(700_000_000)))
        );
        assert_eq!(machine.cpus, Some(8));
        let ulimits = Ulimits {
            open_files: Some(1_024),
            processes: Some(96_365),
            processes_taken: Some(42),
            address_space_bytes: Some(Bytes(8_000_000_000)),
        };
        assert_eq!(machine.ulimits, ulimits);
        assert!(machine.proof.group && machine.temporary_in_memory.is_none());
    }

    #[test]
    fn processes_of_the_real_root_are_not_limited() {
        let limited = |map: &str| {
            let root = root(&[
                ("proc/self/limits", "Max processes             50        50       processes\n"),
                ("proc/self/status", "Uid:\t0\t0\t0\t0\n"),
                ("proc/self/uid_map", map),
            ]);
            ulimits(root.path()).processes
        };
        assert_eq!(limited("         0          0 4294967295\n"), None);
        assert_eq!(limited("         0       1000          1\n"), Some(50));
    }

    #[test]
    fn nothing_readable_is_nothing_known() {
        let root = root(&[]);
        let machine = read(root.path(), root.path(), Path::new("/tmp"));
        assert_eq!(Machine { disk_free_bytes: None, ..machine }, Machine::default());
    }

    #[test]
    fn this_machine_tells_its_memory() {
        let machine = super::super::read(Path::new("."));
        assert!(machine.capacity() > Some(Bytes(1 << 26)) && machine.available().is_some());
        assert!(machine.cpus.is_some_and(|cpus| cpus >= 1));
    }
}
