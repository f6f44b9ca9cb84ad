//! Every exit code, with what it means.

/// Done.
pub const DONE: u8 = 0;
/// The work failed: tests failed, a plan breaks its own rules, coverage is incomplete.
pub const FAILED: u8 = 1;
/// Wrong usage, configuration or input.
pub const USAGE: u8 = 2;
/// No plan exists under the given limits.
pub const NO_PLAN: u8 = 3;
/// The machine lacks what the plan needs.
pub const MACHINE: u8 = 4;
/// The network, or what lies behind it, failed.
pub const NETWORK: u8 = 5;
/// A bug of ours.
pub const BUG: u8 = 70;
