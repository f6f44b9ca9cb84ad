//! The reader of outcomes and the judge of logs: an outcome, then after a zero byte a log; without one the
//! same bytes are both.
#![no_main]

use libfuzzer_sys::fuzz_target;
use shard::emit::style::Style;
use shard::emit::triage::{self as emit, Judged};
use shard::model::Verdict;
use shard::outcome;
use shard::triage::{Evidence, Log, judge};

fuzz_target!(|data: &[u8]| {
    let cut = data.iter().position(|byte| *byte == 0);
    let (file, log) = cut.map_or((data, data), |cut| (&data[..cut], &data[cut + 1..]));
    let log = Log::of(&String::from_utf8_lossy(log));
    let _ = outcome::recognise(file);
    let mut ends = vec![Evidence { exit: Some(i32::from(data.len() as u8)), ..Evidence::default() }];
    let read = outcome::read(file).ok();
    if let Some(outcome) = &read {
        let _ = outcome::observe(outcome);
        ends.push(Evidence::of(outcome));
    }
    for end in ends {
        let evidence = Evidence { log: log.clone(), ..end };
        let judgement = judge(&evidence);
        assert!(!judgement.advice.is_empty());
        let harmful = |line: &String| line.contains(|c: char| c.is_control());
        assert!(!judgement.evidence.iter().any(harmful), "{:?}", judgement.evidence);
        // A success that leaves suites out is none, whatever a file or a log says.
        let whole = evidence.coverage.as_ref().is_none_or(|coverage| coverage.executed >= coverage.suites);
        assert!(judgement.verdict != Verdict::Passed || whole, "{:?}", evidence.coverage);
        let all = [Judged { file: Some("x".into()), outcome: read.clone(), evidence, judgement }];
        let _ = emit::text(&all, Style { width: 80, unicode: true, colour: false });
        emit::json(&all).unwrap();
    }
});
