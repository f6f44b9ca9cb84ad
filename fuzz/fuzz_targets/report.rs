//! Every reader of reports: the first byte says which one, or that the content decides.
#![no_main]

use libfuzzer_sys::fuzz_target;
use shard::report::{self, Format, tally::Tally};

fuzz_target!(|data: &[u8]| {
    let Some((choice, bytes)) = data.split_first() else { return };
    let format = Format::all().nth(usize::from(*choice));
    let mut tally = Tally::default();
    let _ = report::read_any(format, bytes, &mut tally);
});
