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
