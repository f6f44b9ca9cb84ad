//! A real limit of memory to run things under: a control group where one can be made.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use shard::machine::group::{self, Group, Version};

use crate::common::{Done, Project};

/// A control group with a limit; it goes away with this.
pub(crate) struct Limited(Group);

impl Limited {
    /// One with room for so many bytes, without swap. `None`: none can be made here.
    pub(crate) fn new(bytes: u64) -> Option<Limited> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let name = format!("limit-{}-{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
        let limited = Limited(group::above_us(Path::new("/")).first()?.child(&name).ok()?);
        let (limit, swap, most) = match limited.0.version {
            Version::One => ("memory.limit_in_bytes", "memory.memsw.limit_in_bytes", bytes),
            Version::Two => ("memory.max", "memory.swap.max", 0),
        };
        fs::write(limited.0.folder.join(limit), bytes.to_string()).ok()?;
        // Where there is no swap there is no such file.
        let _ = fs::write(limited.0.folder.join(swap), most.to_string());
        Some(limited)
    }

    /// A command whose first process goes into the group before it begins.
    pub(crate) fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new("sh");
        let procs = self.0.folder.join("cgroup.procs");
        command.args(["-c", "echo $$ > \"$0\" && exec \"$@\""]).arg(procs).args(words);
        command
    }

    /// Runs `shard` in it.
    pub(crate) fn shard(&self, project: &Project, words: &str) -> Done {
        let words: Vec<&str> =
            [env!("CARGO_BIN_EXE_shard")].into_iter().chain(words.split_whitespace()).collect();
        let mut command = self.command(&words);
        Done(command.current_dir(project.path()).stdin(Stdio::null()).output().unwrap())
    }

    /// Removes groups that somebody who was killed left in it.
    pub(crate) fn remove_groups(&self) {
        let left = fs::read_dir(&self.0.folder).unwrap().flatten().map(|entry| entry.path());
        left.filter(|path| path.is_dir()).for_each(|path| drop(fs::remove_dir(path)));
    }

    /// How many processes of it the kernel has killed.
    pub(crate) fn kills(&self) -> u64 {
        self.0.kills().unwrap_or(0)
    }
}

impl Drop for Limited {
    fn drop(&mut self) {
        for _ in 0..100 {
            let left = fs::read_to_string(self.0.folder.join("cgroup.procs")).unwrap_or_default();
            for pid in left.lines() {
                let _ = Command::new("kill").args(["-9", pid]).stderr(Stdio::null()).status();
            }
            self.0.remove();
            if !self.0.folder.exists() {
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(100));
        }
    }
}
