//! The words of the program as types: what every stage shares and none owns.
//!
//! The model knows no file format, no flag and no algorithm.

mod cost;
mod digest;
mod observation;
mod suite;
mod units;
mod verdict;

pub use cost::{Basis, Cost, Estimate};
pub use digest::{Digest, Digesting};
pub use observation::{Kill, Observation, RunMeta, ShardObservation};
pub use suite::{SuiteId, path_of};
pub use units::{Bytes, Millis, Percent};
pub use verdict::{Confidence, Verdict};
