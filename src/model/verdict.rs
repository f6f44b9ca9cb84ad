//! What the end of a shard means.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What an executed shard's end means.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Every suite ran, and none failed.
    Passed,
    /// Tests ran to their end, and some failed.
    TestFailure,
    /// The machine or its container had no more memory.
    OutOfMemory,
    /// The runtime's own limit of memory was reached: a heap's size, an address space.
    MemoryLimit,
    /// Something else ran out: disk, processes, threads.
    ResourceLimit,
    /// Killed, and nothing tells by whom.
    Killed,
    /// The container engine or its daemon went away.
    DaemonCrash,
    /// A time limit was reached.
    Timeout,
    /// Nothing happened for so long that nothing would have.
    Hang,
    /// Somebody or something wanted it to end.
    Cancelled,
    /// The machine went away.
    RunnerLost,
    /// The test tool could not do its work: wrong usage, an internal error, a command that is not there.
    ToolError,
    /// It ended like a success, but not every suite ran.
    Incomplete,
    /// Nothing that is known fits.
    #[default]
    #[serde(other)]
    Unknown,
}

/// How sure a verdict is; the surest is the smallest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Confidence {
    /// Proven: by a counter of the kernel, by the tool's complete report, or it was our own doing.
    Certain,
    /// The usual cause, and nothing speaks against it.
    Likely,
    /// Other causes are as good. Words that a later version may add are taken for this.
    #[serde(other)]
    Possible,
}

impl Verdict {
    /// All of them, in the order of their documentation.
    pub const ALL: [Verdict; 14] = [
        Verdict::Passed,
        Verdict::TestFailure,
        Verdict::OutOfMemory,
        Verdict::MemoryLimit,
        Verdict::ResourceLimit,
        Verdict::Killed,
        Verdict::DaemonCrash,
        Verdict::Timeout,
        Verdict::Hang,
        Verdict::Cancelled,
        Verdict::RunnerLost,
        Verdict::ToolError,
        Verdict::Incomplete,
        Verdict::Unknown,
    ];

    /// As it stands in files and messages: `out-of-memory`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Verdict::Passed => "passed",
            Verdict::TestFailure => "test-failure",
            Verdict::OutOfMemory => "out-of-memory",
            Verdict::MemoryLimit => "memory-limit",
            Verdict::ResourceLimit => "resource-limit",
            Verdict::Killed => "killed",
            Verdict::DaemonCrash => "daemon-crash",
            Verdict::Timeout => "timeout",
            Verdict::Hang => "hang",
            Verdict::Cancelled => "cancelled",
            Verdict::RunnerLost => "runner-lost",
            Verdict::ToolError => "tool-error",
            Verdict::Incomplete => "incomplete",
            Verdict::Unknown => "unknown",
        }
    }
}

impl Confidence {
    /// As it stands in files and messages.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Confidence::Certain => "certain",
            Confidence::Likely => "likely",
            Confidence::Possible => "possible",
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl fmt::Display for Confidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_and_messages_use_one_name() {
        for verdict in Verdict::ALL {
            assert_eq!(serde_json::to_string(&verdict).unwrap(), format!("\"{verdict}\""));
            assert_eq!(serde_json::from_str::<Verdict>(&format!("\"{verdict}\"")).unwrap(), verdict);
        }
        for confidence in [Confidence::Certain, Confidence::Likely, Confidence::Possible] {
            assert_eq!(serde_json::to_string(&confidence).unwrap(), format!("\"{confidence}\""));
        }
        // What a later shard may say is never taken for more than it is.
        assert_eq!(serde_json::from_str::<Verdict>("\"sleepy\"").unwrap(), Verdict::Unknown);
        assert_eq!(serde_json::from_str::<Confidence>("\"proven\"").unwrap(), Confidence::Possible);
        assert!(Confidence::Certain < Confidence::Likely && Confidence::Likely < Confidence::Possible);
    }
}
