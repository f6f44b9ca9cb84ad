//! The readers, a file for each tool or kin of tools. Each knows its format by sight (`looks_like`) and reads
//! it as a stream (`read`); [`super::format`] lists them all.

pub(super) mod bazel;
pub(super) mod buck2;
pub(super) mod buildkite;
mod cargo;
pub(super) mod cargo_list;
pub(super) mod circleci;
pub(super) mod ctest_list;
pub(super) mod ctest_xml;
pub(super) mod cucumber;
pub(super) mod cypress_split;
pub(super) mod dart;
pub(super) mod dotnet_list;
pub(super) mod durations;
pub(super) mod file_list;
pub(super) mod ginkgo;
pub(super) mod gnu_time;
pub(super) mod go_list;
pub(super) mod go_test;
pub(super) mod jest;
pub(super) mod junit;
pub(super) mod libtest;
pub(super) mod mocha;
pub(super) mod nextest_list;
pub(super) mod nunit;
pub(super) mod parallel_tests;
pub(super) mod phpunit_list;
pub(super) mod playwright;
pub(super) mod pymon;
pub(super) mod pytest;
pub(crate) mod pytest_collect;
pub(super) mod robot;
pub(super) mod rspec;
pub(super) mod sacct;
pub(super) mod trx;
pub(super) mod vitest_list;
pub(super) mod xunit_net;
