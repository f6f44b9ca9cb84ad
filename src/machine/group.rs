//! Control groups for memory, of both versions: where ours are, what they hold and may hold.

use std::fs::{self, File};
use std::io::{ErrorKind, Read, Seek};
use std::path::{Path, PathBuf};

use super::parse;
use crate::model::Bytes;
use crate::text::printable;

/// The version of control groups.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// One tree for each controller.
    One,
    /// One tree for all.
    Two,
}

/// A folder of a control group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// Its folder.
    pub folder: PathBuf,
    /// Which files it has.
    pub version: Version,
}

/// Most of the kernel's files are shorter: then one read has all of it, and a second one its end.
const SHORT: usize = 8 << 10;

/// Reads a file of the kernel, of which all that we read are short.
#[must_use]
pub fn text(path: &Path) -> Option<String> {
    let mut bytes = Vec::with_capacity(SHORT);
    File::open(path).ok()?.take(1 << 20).read_to_end(&mut bytes).ok()?;
    String::from_utf8(bytes).ok()
}

/// A short file of the kernel that is read over and over, and opened once. It is one record, so that one read has all of it.
#[derive(Debug)]
pub struct Kept {
    path: PathBuf,
    file: Option<File>,
    bytes: Vec<u8>,
}

impl Kept {
    /// Nothing is opened yet.
    #[must_use]
    pub fn new(path: PathBuf) -> Kept {
        Kept { path, file: None, bytes: Vec::new() }
    }

    /// What it says now.
    pub fn text(&mut self) -> Option<&str> {
        let file = match &mut self.file {
            Some(file) => file,
            none => none.insert(File::open(&self.path).ok()?),
        };
        self.bytes.resize(SHORT, 0);
        file.rewind().ok()?;
        let length = file.read(&mut self.bytes).ok()?;
        std::str::from_utf8(&self.bytes[..length]).ok()
    }
}

/// What a group holds, looked at over and over.
#[derive(Debug)]
pub struct Gauge {
    version: Version,
    usage: Kept,
    stat: Kept,
}

impl Gauge {
    /// What its processes hold together, and how much of that are pages of files that are not shared memory: those the
    /// kernel can take back.
    pub fn look(&mut self) -> Option<(Bytes, Bytes)> {
        let usage = Bytes(self.usage.text()?.trim().parse().ok()?);
        let stat = self.stat.text()?;
        let (file, shared) = match self.version {
            Version::One => ("total_cache", "total_shmem"),
            Version::Two => ("file", "shmem"),
        };
        let file = parse::counter(stat, file)?;
        Some((usage, Bytes(file.saturating_sub(parse::counter(stat, shared).unwrap_or(0)))))
    }
}

/// The groups for memory that we are in, the nearest first. `root` is the root of the file system.
#[must_use]
pub fn above_us(root: &Path) -> Vec<Group> {
    let proc = |name: &str| text(&root.join("proc/self").join(name)).unwrap_or_default();
    above(root, &proc("cgroup"), &proc("mountinfo"), ("memory", ""))
}

/// The groups for CPU time that we are in, the nearest first.
#[must_use]
pub fn cpu_above_us(root: &Path) -> Vec<Group> {
    let proc = |name: &str| text(&root.join("proc/self").join(name)).unwrap_or_default();
    above(root, &proc("cgroup"), &proc("mountinfo"), ("cpu", ""))
}

fn above(root: &Path, cgroup: &str, mountinfo: &str, (first, second): (&str, &str)) -> Vec<Group> {
    let one = (parse::group_path(cgroup, first), parse::group_mount(mountinfo, "cgroup", Some(first)));
    let two = (parse::group_path(cgroup, second), parse::group_mount(mountinfo, "cgroup2", None));
    let mut groups = Vec::new();
    for ((path, mount), version) in [(one, Version::One), (two, Version::Two)] {
        let (Some(path), Some(mount)) = (path, mount) else { continue };
        let point = root.join(mount.point.trim_start_matches('/'));
        // In a container the path may be the host's, and the mount shows what is below our own.
        let below = path.strip_prefix(mount.root.trim_end_matches('/')).unwrap_or("");
        let below = below.trim_start_matches('/');
        let below = if below.split('/').any(|part| part == "..") { "" } else { below };
        let deepest = if below.is_empty() { point.clone() } else { point.join(below) };
        let folders = deepest.ancestors().take_while(|folder| folder.starts_with(&point));
        groups.extend(folders.map(|folder| Group { folder: folder.to_owned(), version }));
    }
    groups
}

impl Group {
    fn number(&self, one: &str, two: &str) -> Option<u64> {
        text(&self.file(one, two))?.trim().parse().ok()
    }

    fn file(&self, one: &str, two: &str) -> PathBuf {
        self.folder.join(if self.version == Version::One { one } else { two })
    }

    /// What its processes may hold together.
    #[must_use]
    pub fn limit(&self) -> Option<Bytes> {
        parse::limit(&text(&self.file("memory.limit_in_bytes", "memory.max"))?)
    }

    /// Above this they are slowed down.
    #[must_use]
    pub fn high(&self) -> Option<Bytes> {
        (self.version == Version::Two).then(|| parse::limit(&text(&self.folder.join("memory.high"))?))?
    }

    /// What its processes hold together, caches of files included.
    #[must_use]
    pub fn usage(&self) -> Option<Bytes> {
        self.number("memory.usage_in_bytes", "memory.current").map(Bytes)
    }

    /// The most that they ever held, caches of files included.
    #[must_use]
    pub fn peak(&self) -> Option<Bytes> {
        self.number("memory.max_usage_in_bytes", "memory.peak").map(Bytes)
    }

    /// What is looked at over and over.
    #[must_use]
    pub fn gauge(&self) -> Gauge {
        let kept = |one, two| Kept::new(self.file(one, two));
        Gauge {
            version: self.version,
            usage: kept("memory.usage_in_bytes", "memory.current"),
            stat: kept("memory.stat", "memory.stat"),
        }
    }

    /// What the kernel can take back at once: pages of files that nobody used lately.
    #[must_use]
    pub fn inactive(&self) -> Option<Bytes> {
        let stat = text(&self.folder.join("memory.stat"))?;
        let name = if self.version == Version::One { "total_inactive_file" } else { "inactive_file" };
        parse::counter(&stat, name).map(Bytes)
    }

    /// Processes that the kernel killed for want of memory. The root of a tree has no such counter.
    #[must_use]
    pub fn kills(&self) -> Option<u64> {
        parse::counter(&text(&self.file("memory.oom_control", "memory.events"))?, "oom_kill")
    }

    /// CPUs by its quota, rounded up.
    #[must_use]
    pub fn quota(&self) -> Option<u32> {
        match self.version {
            Version::Two => {
                let max = text(&self.folder.join("cpu.max"))?;
                let (quota, period) = max.trim().split_once(' ')?;
                parse::quota(quota, period)
            }
            Version::One => {
                let part = |name: &str| text(&self.folder.join(name));
                parse::quota(&part("cpu.cfs_quota_us")?, &part("cpu.cfs_period_us")?)
            }
        }
    }

    /// Makes a group inside it for the processes that are to be measured.
    ///
    /// # Errors
    /// Why not, in words: it is not ours to divide, or the new one would not count memory.
    pub fn child(&self, name: &str) -> Result<Group, String> {
        let shown = printable(&self.folder.to_string_lossy());
        let child = Group { folder: self.folder.join(name), version: self.version };
        fs::create_dir(&child.folder).map_err(|err| match err.kind() {
            ErrorKind::PermissionDenied => format!("the control group `{shown}` belongs to somebody else"),
            ErrorKind::ReadOnlyFilesystem => format!("the control group `{shown}` can only be read"),
            _ => format!("no control group can be made in `{shown}`: {err}"),
        })?;
        let why = match (child.usage(), child.peak()) {
            (Some(_), Some(_)) => return Ok(child),
            (Some(_), None) => {
                "the kernel keeps no high-water mark of control groups (`memory.peak`)".to_owned()
            }
            (None, _) => self.uncounted(&shown),
        };
        child.remove();
        Err(why)
    }

    /// Why a group inside it counts no memory.
    fn uncounted(&self, shown: &str) -> String {
        let has = |name: &str| {
            let controllers = text(&self.folder.join(name)).unwrap_or_default();
            controllers.split_whitespace().any(|controller| controller == "memory")
        };
        match (has("cgroup.controllers"), has("cgroup.subtree_control")) {
            (false, _) => format!("the control group `{shown}` was not given the controller of memory"),
            // Version 2 has no group that holds processes and hands a controller on, but its root.
            (true, false) => {
                format!(
                    "the control group `{shown}` holds processes, so it cannot count memory of a part of them"
                )
            }
            (true, true) => format!("a control group in `{shown}` shows no memory"),
        }
    }

    /// Moves into it who calls, so that the processes that it starts begin there.
    ///
    /// In version 1 that is the calling thread alone. For a whole process, the only thing that version 2 knows, the kernel
    /// waits until no processor can be starting another thread: 8 to 20 ms.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn enter(&self) -> std::io::Result<()> {
        fs::write(self.file("tasks", "cgroup.procs"), "0")
    }

    /// Removes it, if no process is left in it.
    pub fn remove(&self) {
        let _ = fs::remove_dir(&self.folder);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_above_us_up_to_the_mount() {
        let mountinfo = "26 25 0:23 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n";
        let check = |cgroup: &str, mountinfo: &str, expect: &[&str]| {
            let found = above(Path::new("/r"), cgroup, mountinfo, ("memory", ""));
            let found: Vec<&Path> = found.iter().map(|group| group.folder.as_path()).collect();
            assert_eq!(found, expect.iter().map(Path::new).collect::<Vec<_>>(), "{cgroup}");
        };
        let all = ["/r/sys/fs/cgroup/a/b", "/r/sys/fs/cgroup/a", "/r/sys/fs/cgroup"];
        check("0::/a/b\n", mountinfo, &all);
        check("0::/\n", mountinfo, &["/r/sys/fs/cgroup"]);
        check("0::/../../x\n", mountinfo, &["/r/sys/fs/cgroup"]);
        check("", mountinfo, &[]);
        let inside = "26 25 0:23 /a /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n";
        check("0::/a/b\n", inside, &["/r/sys/fs/cgroup/b", "/r/sys/fs/cgroup"]);
        let one = "27 25 0:24 / /m rw - cgroup cgroup rw,memory\n26 25 0:23 / /u rw - cgroup2 cgroup2 rw\n";
        check("4:memory:/x\n0::/\n", one, &["/r/m/x", "/r/m", "/r/u"]);
    }

    #[test]
    fn a_gauge_tells_what_is_held_now() {
        let folder = tempfile::tempdir().unwrap();
        let check = |version, usage: (&str, &str), stat: (&str, &str), expect: Option<(u64, u64)>| {
            let mut gauge = Group { folder: folder.path().to_owned(), version }.gauge();
            // Once opened, the files are read again and again.
            for text in ["1", "a", usage.1] {
                fs::write(folder.path().join(usage.0), text).unwrap();
                fs::write(folder.path().join("memory.stat"), stat.1.replace(stat.0, "inactive")).unwrap();
                gauge.look();
            }
            fs::write(folder.path().join("memory.stat"), stat.1).unwrap();
            assert_eq!(gauge.look(), expect.map(|(usage, cache)| (Bytes(usage), Bytes(cache))));
        };
        let (one, two) = ("memory.usage_in_bytes", "memory.current");
        check(
            Version::One,
            (one, "900\n"),
            ("total_", "cache 1\ntotal_cache 90\ntotal_shmem 40\n"),
            Some((900, 50)),
        );
        check(Version::Two, (two, "12\n"), ("file", "anon 5\nfile 7\n"), Some((12, 7)));
        check(Version::Two, (two, "12\n"), ("file", "anon 5\n"), None);
        let gone = Group { folder: folder.path().join("gone"), version: Version::Two };
        assert_eq!(gone.gauge().look(), None);
    }

    #[test]
    fn why_a_part_is_not_counted() {
        let folder = tempfile::tempdir().unwrap();
        let group = Group { folder: folder.path().to_owned(), version: Version::Two };
        let check = |files: &[(&str, &str)], expect: &str| {
            for (name, text) in files {
                fs::write(folder.path().join(name), text).unwrap();
            }
            let why = group.child("part").unwrap_err();
            assert!(why.contains(expect), "{why}");
            assert!(!folder.path().join("part").exists(), "{why}");
        };
        check(&[], "was not given the controller of memory");
        check(&[("cgroup.controllers", "cpu hugetlb\n")], "was not given the controller of memory");
        let given = ("cgroup.controllers", "cpu memory pids\n");
        check(&[given, ("cgroup.subtree_control", "\n")], "holds processes, so it cannot count memory");
        check(&[("cgroup.subtree_control", "cpu memory\n")], "shows no memory");
        let nowhere = Group { folder: folder.path().join("none"), version: Version::One };
        assert!(nowhere.child("part").unwrap_err().contains("no control group can be made in `"));
    }
}
