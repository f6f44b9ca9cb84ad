//! Lists of suites, in every format and granularity.
#![no_main]

use libfuzzer_sys::fuzz_target;
use shard::config::{Granularity, NameMap, Patterns};
use shard::inventory::Collector;

fuzz_target!(|data: &[u8]| {
    for granularity in [None, Some(Granularity::File), Some(Granularity::Class), Some(Granularity::Test)] {
        let mut collector = Collector::new(granularity, NameMap::default());
        if collector.listing("list", data, None).is_ok() {
            let _ = collector.finish(&Patterns::default());
        }
    }
});
