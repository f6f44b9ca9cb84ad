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
/// `run`: the machine lacks what the plan needs.
pub const RUN_MACHINE: u8 = 90;
/// `run`: not every suite ran, and nothing else went wrong.
pub const RUN_INCOMPLETE: u8 = 91;
/// `run`: stopped before memory ran out.
pub const RUN_GUARD: u8 = 92;
/// `run`: stopped because nothing happened any more.
pub const RUN_HANG: u8 = 93;
/// `run`: the plan, the configuration or the command cannot be used.
pub const RUN_PLAN: u8 = 94;
/// `run`: stopped because the time was over, as `timeout` of the coreutils says it.
pub const RUN_TIMEOUT: u8 = 124;
/// A bug of ours.
pub const BUG: u8 = 70;
