//! `shard` splits a test suite into CI jobs that fit in memory.
pub mod config;
pub mod estimate;
pub mod history;
pub mod inventory;
pub mod model;
pub mod pack;
pub mod text;
