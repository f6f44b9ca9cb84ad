//! Why a suite's numbers and a shard's size are what they are, and what an error means: in sentences first, then as
//! tables; and as JSON.

pub mod json;
mod runs;
mod shard;
mod suite;
mod terms;
pub mod topic;

use crate::config::{Config, Tier};
use crate::estimate::explain::Explanation;
use crate::model::{Basis, Bytes, RunMeta};
use crate::plan::Plan;
use crate::plan::explain::Placed;
use crate::text::{printable, shorten};

pub use shard::render as render_shard;
pub use suite::render as render_suite;

/// Everything that is told of a suite.
pub struct Suite<'a> {
    /// Its id.
    pub id: &'a str,
    /// Its tier.
    pub tier: &'a Tier,
    /// Its estimate, taken apart.
    pub explanation: &'a Explanation,
    /// What it was estimated with.
    pub config: &'a Config,
    /// For each of its samples the run; `None`: reports that were named now.
    pub runs: Vec<Option<&'a RunMeta>>,
    /// For each of its samples what its file was called then, where it was moved since.
    pub moved_from: Vec<Option<&'a str>>,
    /// A plan, where there is one: as its path is shown, and as it is.
    pub plan: Option<(&'a str, &'a Plan)>,
    /// Where that has the suite.
    pub placed: Option<Placed<'a>>,
}

impl Suite<'_> {
    /// What its file was called when it was last measured, where it was moved since.
    fn old_name(&self) -> Option<String> {
        let old = self.moved_from.iter().flatten().next()?;
        Some(printable(&shorten(old, 120)))
    }
}

fn basis(basis: Basis) -> &'static str {
    match basis {
        Basis::Measured => "measured",
        Basis::Inherited => "inherited",
        Basis::Assumed => "assumed",
    }
}

/// Bytes that may be fewer than before.
fn signed(bytes: i64) -> String {
    let size = Bytes(bytes.unsigned_abs());
    if bytes < 0 { format!("−{size}") } else { size.to_string() }
}

/// Whole percents of a share, at least 1 where there is any.
fn percent(part: u64, whole: u64) -> u64 {
    let percent = (u128::from(part) * 100 + u128::from(whole) / 2) / u128::from(whole.max(1));
    u64::try_from(percent).unwrap_or(u64::MAX).max(u64::from(part > 0))
}
