//! The readers of reports: one by itself where FORMAT names it, else all of them.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use shard::report::{self, Format, tally::Tally};

/// The format that the environment fixes, such as `FORMAT=junit-xml`.
static FIXED: LazyLock<Option<Format>> = LazyLock::new(|| {
    let name = std::env::var("FORMAT").ok()?;
    Some(name.parse().unwrap_or_else(|()| panic!("FORMAT={name} is no format")))
});

fuzz_target!(|data: &[u8]| {
    if let Some(format) = *FIXED {
        let _ = report::read_any(Some(format), data, &mut Tally::default());
        return;
    }
    // The content decides which one, then the last byte, so that any report is a seed.
    let Some((choice, bytes)) = data.split_last() else { return };
    let _ = report::read_any(None, data, &mut Tally::default());
    let formats = Format::all().count();
    let forced = Format::all().nth(usize::from(*choice) % formats);
    let _ = report::read_any(forced, bytes, &mut Tally::default());
});
