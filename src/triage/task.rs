//! What a cluster's own scheduler says of the end of a task.

/// How a cluster's scheduler says that a task of it ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Task {
    /// What it calls that.
    pub end: TaskEnd,
    /// Its words, in a sentence that may be shown.
    pub said: String,
}

/// What a cluster's scheduler calls the end of a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TaskEnd {
    /// A success.
    Passed,
    /// A failure of what ran.
    Failed,
    /// Its control group had no more memory, and the kernel killed a process of it.
    OutOfMemory,
    /// Over its time.
    TimedOut,
    /// Its node failed or went away.
    NodeLost,
    /// Its node had too little memory, and made room.
    NodeShort,
    /// Its node had too little disk, and made room.
    DiskShort,
    /// Something more important took its place.
    Preempted,
    /// Cancelled.
    Cancelled,
    /// Nothing of it ever ran: no image, no such program, a node that refused it.
    NeverBegan,
}

impl TaskEnd {
    /// As it stands in the documentation.
    pub(super) fn words(self) -> &'static str {
        match self {
            TaskEnd::Passed => "the cluster calls the task a success",
            TaskEnd::Failed => "the cluster calls the task failed",
            TaskEnd::OutOfMemory => "the cluster calls the task out of memory",
            TaskEnd::TimedOut => "the cluster calls the task over its time",
            TaskEnd::NodeLost => "the cluster lost the task's node",
            TaskEnd::NodeShort => "the cluster evicted the task: its node was short of memory",
            TaskEnd::DiskShort => "the cluster evicted the task: its node was short of disk",
            TaskEnd::Preempted => "the cluster gave the task's place to another",
            TaskEnd::Cancelled => "the cluster calls the task cancelled",
            TaskEnd::NeverBegan => "the cluster could not start the task",
        }
    }
}
