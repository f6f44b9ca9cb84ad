//! What this machine has, and whether that is enough.
//!
//! Reading is an edge: `read` takes the root of the file system, so that a test can give a made-up
//! `/proc` and `/sys`. What the files say is taken apart by pure functions in `parse`, and what it
//! means for a plan is decided by [`check`], which reads nothing.

mod check;
pub mod group;
#[cfg(target_os = "linux")]
mod linux;
#[cfg(any(not(target_os = "linux"), test))]
mod other;
pub mod parse;
mod ulimit;

use std::path::{Path, PathBuf};

use serde::Serialize;

pub use check::{Finding, Needs, Severity, ShardNeed, check};
pub use ulimit::Ulimits;

use crate::model::Bytes;

/// What a machine has. What could not be read is `None`, never 0.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Machine {
    /// All memory.
    pub memory_bytes: Option<Bytes>,
    /// What can be taken without swapping, limits aside.
    pub free_bytes: Option<Bytes>,
    /// Swap that is in use.
    pub swap_used_bytes: Option<Bytes>,
    /// Every control group above us that limits memory, the nearest first.
    pub limits: Vec<Limit>,
    /// How long tasks waited for memory lately.
    pub pressure: Option<Pressure>,
    /// CPUs that we may use: by affinity and quota, rounded up, at least 1.
    pub cpus: Option<u32>,
    /// What is free where outcomes are written.
    pub disk_free_bytes: Option<Bytes>,
    /// Temporary files are kept in memory: their folder.
    pub temporary_in_memory: Option<PathBuf>,
    /// What a process and its user may have.
    pub ulimits: Ulimits,
    /// What could prove a kill for want of memory.
    pub proof: Proof,
}

/// A control group that limits memory.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Limit {
    /// Its folder.
    pub group: PathBuf,
    /// What its processes may hold together.
    pub bytes: Bytes,
    /// What they hold now, without what the kernel can take back at once.
    pub held_bytes: Bytes,
    /// Above it they are slowed down, not killed (`memory.high`).
    pub slows: bool,
}

/// The share of the last ten seconds in which tasks waited for memory, in hundredths of a percent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Pressure {
    /// At least one task waited.
    pub some: u32,
    /// All tasks waited.
    pub full: u32,
}

/// What could prove a kill for want of memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Proof {
    /// The counter of our own control group.
    pub group: bool,
    /// The machine's counter; in a container it counts the neighbours too.
    pub machine: bool,
    /// The kernel's log.
    pub log: bool,
}

impl Proof {
    /// Whether a counter can be read.
    #[must_use]
    pub fn any(self) -> bool {
        self.group || self.machine
    }
}

impl Machine {
    /// All that our processes can ever hold: the memory or the lowest limit.
    #[must_use]
    pub fn capacity(&self) -> Option<Bytes> {
        self.limits.iter().map(|limit| limit.bytes).chain(self.memory_bytes).min()
    }

    /// The lowest limit of the control groups above us.
    #[must_use]
    pub fn limit(&self) -> Option<Bytes> {
        self.limits.iter().map(|limit| limit.bytes).min()
    }

    /// What can be taken now: the least that the machine and every limit leave.
    #[must_use]
    pub fn available(&self) -> Option<Bytes> {
        let left = self.limits.iter().map(|limit| limit.bytes.saturating_sub(limit.held_bytes));
        left.chain(self.free_bytes).min()
    }
}

/// What this machine has; `out` is where outcomes will be written.
#[must_use]
pub fn read(out: &Path) -> Machine {
    #[cfg(target_os = "linux")]
    return linux::read(Path::new("/"), out, &std::env::temp_dir());
    #[cfg(not(target_os = "linux"))]
    other::read(out)
}
