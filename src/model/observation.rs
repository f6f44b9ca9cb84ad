//! What one run measured of one suite.

use super::Millis;

/// One measurement. What was not measured is `None`, never 0: a free suite would attract every
/// other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Observation {
    /// How long the suite ran.
    pub time: Option<Millis>,
    /// Bytes that collection added; may be negative, since memory is also given back.
    pub import: Option<i64>,
    /// Bytes that stayed after the suite; may be negative.
    pub retained: Option<i64>,
    /// Bytes above what was retained, at the highest moment.
    pub transient: Option<u64>,
    /// Most bytes that its process held while it ran, with all that was there before.
    pub peak: Option<u64>,
    /// It was killed for memory, and no attempt of the run ended: then nothing else is known.
    pub killed: Option<Kill>,
}

/// How a suite was killed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Kill {
    /// It had its shard to itself.
    pub alone: bool,
    /// Bytes that it held at the kill, above those at its start: it needs more.
    pub used: u64,
}

/// What one run measured of one shard, besides its suites.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ShardObservation {
    /// Bytes of a session before any suite.
    pub floor: Option<u64>,
    /// Bytes that collection added in one worker, all suites together.
    pub import: Option<u64>,
    /// Before the first suite of a session and between suites: what reports leave out.
    pub session_start: Option<Millis>,
    /// Before the first session: checkout, install.
    pub setup: Option<Millis>,
    /// Most bytes that a session held above its floor.
    pub peak: Option<u64>,
    /// What the memory model makes of its suites' medians, above its floor.
    pub model: Option<u64>,
    /// How long the shard took, without its set-up.
    pub time: Option<Millis>,
    /// How long it was planned to take, without its set-up.
    pub predicted_time: Option<Millis>,
    /// Bytes that it was planned to hold.
    pub predicted: Option<u64>,
    /// The machine vanished, and nobody can be blamed.
    pub lost: bool,
}

/// One run of the whole suite, as far as the history knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunMeta {
    /// The CI's name for it, such as `gh-123`.
    pub run: String,
    /// When it was, in seconds since 1970.
    pub at: i64,
    /// Whose observations compare: `linux-x64`, a runner size, or what the user sets.
    pub key: String,
}
