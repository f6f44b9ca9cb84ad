//! Every reader of reports: the content decides which one, then the last byte, so that any report is a seed.
#![no_main]

use libfuzzer_sys::fuzz_target;
use shard::report::{self, Format, tally::Tally};

fuzz_target!(|data: &[u8]| {
    let Some((choice, bytes)) = data.split_last() else { return };
    let _ = report::read_any(None, data, &mut Tally::default());
    let formats = Format::all().count();
    let forced = Format::all().nth(usize::from(*choice) % formats);
    let _ = report::read_any(forced, bytes, &mut Tally::default());
});
