//! The kernel's files, taken apart. Pure functions over text: what is not there is `None`.

use crate::machine::Pressure;
use crate::model::Bytes;

/// A figure in kB of `/proc/meminfo` or `/proc/PID/status`, in bytes.
#[must_use]
pub fn kilobytes(text: &str, name: &str) -> Option<Bytes> {
    let value = field(text, name)?.strip_suffix("kB")?.trim().parse::<u64>().ok()?;
    Some(Bytes(value.checked_mul(1024)?))
}

/// The value of a line `name: value`.
#[must_use]
pub fn field<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).map(str::trim)
}

/// The value of a line `name value`, as in `memory.stat`, `memory.events` and `/proc/vmstat`.
#[must_use]
pub fn counter(text: &str, name: &str) -> Option<u64> {
    text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.trim().parse().ok())
}

/// A limit in bytes; `None` where it is `max`, or as high as version 1 writes "none".
#[must_use]
pub fn limit(text: &str) -> Option<Bytes> {
    text.trim().parse::<u64>().ok().filter(|bytes| *bytes < 1 << 62).map(Bytes)
}

/// `some avg10=1.23 …` and `full avg10=0.00 …`.
#[must_use]
pub fn pressure(text: &str) -> Option<Pressure> {
    let average = |kind: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(kind)?.strip_prefix(' '))?;
        let value = line.split(' ').find_map(|word| word.strip_prefix("avg10="))?.parse::<f64>().ok()?;
        (0.0..=100.0).contains(&value).then_some((value * 100.0).round() as u32)
    };
    Some(Pressure { some: average("some")?, full: average("full").unwrap_or(0) })
}

/// How many CPUs a list such as `0-3,8` names.
#[must_use]
pub fn cpu_list(text: &str) -> Option<u32> {
    let mut count = 0u32;
    for range in text.trim().split(',') {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        let (first, last): (u32, u32) = (first.trim().parse().ok()?, last.trim().parse().ok()?);
        count = count.checked_add(last.checked_sub(first)?.checked_add(1)?)?;
    }
    Some(count)
}

/// CPUs by a quota of microseconds in a period, rounded up; `None` without one.
#[must_use]
pub fn quota(quota: &str, period: &str) -> Option<u32> {
    let (quota, period): (u64, u64) = (quota.trim().parse().ok()?, period.trim().parse().ok()?);
    let cpus = quota.div_ceil(period.max(1)).max(1);
    u32::try_from(cpus).ok()
}

/// The real user of a `/proc/PID/status`: whom the kernel counts its threads against.
#[must_use]
pub fn user(status: &str) -> Option<u32> {
    field(status, "Uid")?.split_whitespace().next()?.parse().ok()
}

/// The soft limit of a line of `/proc/PID/limits`; `None` where it is unlimited.
#[must_use]
pub fn soft_limit(text: &str, name: &str) -> Option<u64> {
    text.lines().find_map(|line| line.strip_prefix(name))?.split_whitespace().next()?.parse().ok()
}

/// Where a kind of control groups is mounted, and which of its groups is seen there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mount {
    /// The folder.
    pub point: String,
    /// The group that the folder shows: `/` outside containers.
    pub root: String,
}

/// The mount of `/proc/self/mountinfo` with this type and, for version 1, this controller.
#[must_use]
pub fn group_mount(mountinfo: &str, kind: &str, controller: Option<&str>) -> Option<Mount> {
    mountinfo.lines().find_map(|line| {
        let (mount, source) = line.split_once(" - ")?;
        let mut words = source.split(' ');
        let (found, options) = (words.next()?, words.nth(1)?);
        let controls = controller.is_none_or(|name| options.split(',').any(|option| option == name));
        let mut words = mount.split(' ').skip(3);
        let (root, point) = (words.next()?, words.next()?);
        (found == kind && controls).then(|| Mount { point: unescaped(point), root: unescaped(root) })
    })
}

/// Whether the file system that holds `path` keeps its files in memory. The longest mount point wins,
/// of equal ones the last.
#[must_use]
pub fn is_in_memory(mountinfo: &str, path: &str) -> bool {
    let mounts = mountinfo.lines().filter_map(|line| {
        let (mount, source) = line.split_once(" - ")?;
        let point = unescaped(mount.split(' ').nth(4)?);
        let below = path.strip_prefix(point.trim_end_matches('/'));
        let holds = below.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        holds.then_some((point.len(), matches!(source.split(' ').next(), Some("tmpfs" | "ramfs"))))
    });
    mounts.max_by_key(|(length, _)| *length).is_some_and(|(_, memory)| memory)
}

/// Our path in the groups of this controller (version 1) or in the unified ones (`""`).
#[must_use]
pub fn group_path<'a>(cgroup: &'a str, controller: &str) -> Option<&'a str> {
    cgroup.lines().find_map(|line| {
        let mut parts = line.splitn(3, ':').skip(1);
        let (controllers, path) = (parts.next()?, parts.next()?);
        controllers.split(',').any(|name| name == controller).then_some(path)
    })
}

/// The kernel writes space, tab, line break and backslash as octal numbers.
fn unescaped(text: &str) -> String {
    let mut out = text.to_owned();
    for (code, character) in [("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")] {
        out = out.replace(code, character);
    }
    out
}

/// What `/proc/PID/stat` says that we use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stat {
    /// The process that started it, or adopted it.
    pub parent: u32,
    /// Its group.
    pub group: u32,
    /// It has ended, and nobody asked how.
    pub zombie: bool,
    /// CPU time in ticks of a hundredth of a second.
    pub ticks: u64,
    /// When it started, in ticks since the machine did.
    pub started: u64,
    /// Where its stack begins: the same in a forked process, another one after `exec`; 0 where hidden.
    pub stack: u64,
}

/// A line of `/proc/PID/stat`. The name of the program may hold anything, parentheses too.
#[must_use]
pub fn stat(text: &str) -> Option<Stat> {
    let rest = &text[text.rfind(')')? + 1..];
    let words: Vec<&str> = rest.split_ascii_whitespace().collect();
    // The first word here is the third field of proc(5).
    let number = |field: usize| words.get(field - 3)?.parse::<u64>().ok();
    Some(Stat {
        parent: u32::try_from(number(4)?).ok()?,
        group: u32::try_from(number(5)?).ok()?,
        zombie: matches!(words.first(), Some(&("Z" | "X"))),
        ticks: number(14)?.saturating_add(number(15)?),
        started: number(22)?,
        stack: number(28).unwrap_or(0),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_and_counters() {
        let meminfo = "MemTotal:       24684124 kB\nMemAvailable:   22200000 kB\nSwapFree: 0 kB\nOdd: x kB\n";
        assert_eq!(kilobytes(meminfo, "MemTotal"), Some(Bytes(24_684_124 * 1024)));
        assert_eq!(kilobytes(meminfo, "SwapFree"), Some(Bytes(0)));
        for missing in ["Mem", "Odd", "SwapTotal"] {
            assert_eq!(kilobytes(meminfo, missing), None, "{missing}");
        }
        let events = "low 0\nhigh 0\nmax 12\noom 3\noom_kill 2\noom_group_kill 0\n";
        assert_eq!((counter(events, "oom"), counter(events, "oom_kill")), (Some(3), Some(2)));
        assert_eq!(counter(events, "oom_"), None);
        let check = |text: &str, expect: Option<u64>| assert_eq!(limit(text), expect.map(Bytes), "{text}");
        check("max\n", None);
        check("9223372036854771712\n", None);
        check("536870912\n", Some(536_870_912));
        check("-1", None);
    }

    #[test]
    fn pressure_of_memory() {
        let text =
            "some avg10=1.53 avg60=0.87 avg300=1.73 total=12\nfull avg10=20.00 avg60=0 avg300=0 total=3\n";
        assert_eq!(pressure(text), Some(Pressure { some: 153, full: 2000 }));
        assert_eq!(pressure("some avg10=0.00 x\n"), Some(Pressure::default()));
        for wrong in ["", "some", "some avg10=x", "some avg10=nan", "full avg10=1.00"] {
            assert_eq!(pressure(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn cpus_by_affinity_and_quota() {
        let check = |text: &str, expect: Option<u32>| assert_eq!(cpu_list(text), expect, "{text}");
        check("0-3,8\n", Some(5));
        check("0", Some(1));
        check("3-1", None);
        check("", None);
        check("0-4294967295", None);
        assert_eq!(quota("150000", "100000"), Some(2));
        assert_eq!(quota("10000", "100000"), Some(1));
        assert_eq!((quota("max", "100000"), quota("-1", "100000")), (None, None));
    }

    #[test]
    fn limits_of_a_process() {
        let text = "Limit                     Soft Limit           Hard Limit           Units     \n\
                    Max cpu time              unlimited            unlimited            seconds   \n\
                    Max address space         4000000000           unlimited            bytes     \n";
        assert_eq!(soft_limit(text, "Max address space"), Some(4_000_000_000));
        assert_eq!(soft_limit(text, "Max cpu time"), None);
        assert_eq!(user("Name:\tx\nUid:\t1000\t0\t0\t0\n"), Some(1_000));
        assert_eq!((user("Uid:\n"), user("Gid:\t1\n")), (None, None));
    }

    #[test]
    fn groups_are_found_through_their_mounts() {
        let mountinfo = "25 1 0:22 / /sys/fs/cgroup rw shared:9 - tmpfs tmpfs ro,mode=755\n\
                         26 25 0:23 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n\
                         27 25 0:24 /docker/ab /sys/fs/cgroup/mem\\040ory rw - cgroup cgroup rw,memory\n\
                         28 1 0:30 / /tmp rw - tmpfs tmpfs rw\n\
                         1 0 8:1 / / rw - ext4 /dev/sda1 rw\n";
        let mount = |point: &str, root: &str| Some(Mount { point: point.into(), root: root.into() });
        assert_eq!(group_mount(mountinfo, "cgroup2", None), mount("/sys/fs/cgroup/unified", "/"));
        let memory = group_mount(mountinfo, "cgroup", Some("memory"));
        assert_eq!(memory, mount("/sys/fs/cgroup/mem ory", "/docker/ab"));
        assert_eq!(group_mount(mountinfo, "cgroup", Some("cpu")), None);
        for (path, expect) in [("/tmp/x", true), ("/tmp", true), ("/tmpfile", false), ("/var/tmp", false)] {
            assert_eq!(is_in_memory(mountinfo, path), expect, "{path}");
        }
        let ours = "5:memory:/docker/ab/x\n2:cpu,cpuacct:/y\n0::/z:1\n";
        assert_eq!(group_path(ours, "memory"), Some("/docker/ab/x"));
        assert_eq!((group_path(ours, "cpu"), group_path(ours, "")), (Some("/y"), Some("/z:1")));
    }

    #[test]
    fn a_process_with_an_odd_name() {
        let text = "12 (a) S (b) R 7 12 3 0 -1 4194304 1 2 3 4 50 60 0 0 20 0 1 0 99887 100 5 18446744073709551615 94 95 140736 0";
        let expect =
            Stat { parent: 7, group: 12, zombie: false, ticks: 110, started: 99_887, stack: 140_736 };
        assert_eq!(stat(text), Some(expect));
        for wrong in ["", "12 (a", "12 (a) R", "12 (a) R x y"] {
            assert_eq!(stat(wrong), None, "{wrong}");
        }
    }
}
