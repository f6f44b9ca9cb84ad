//! Rows of tiers: what runs measured of shards.
//!
//! `[run,part,floor,import,session-start,setup,peak,model,time,predicted time,predicted bytes,flags]`: bytes and
//! milliseconds as in [`ShardObservation`], `null` for what was not measured; `flags` 1: the machine was
//! lost. Nulls, and a zero for `flags`, are left out in the end. A row may have more figures than are known here.

use serde_json::Value;

use crate::model::{Millis, ShardObservation};

const FLAG_LOST: u64 = 1;

/// What follows run and part in the row's JSON: a comma before each figure.
pub(super) fn tail(seen: &ShardObservation) -> Box<str> {
    let ms = |time: Option<Millis>| time.map(|time| time.0);
    let mut figures = vec![
        seen.floor,
        seen.import,
        ms(seen.session_start),
        ms(seen.setup),
        seen.peak,
        seen.model,
        ms(seen.time),
        ms(seen.predicted_time),
        seen.predicted,
        seen.lost.then_some(FLAG_LOST),
    ];
    while figures.last() == Some(&None) {
        figures.pop();
    }
    let text = |figure: Option<u64>| figure.map_or_else(|| ",null".to_owned(), |figure| format!(",{figure}"));
    figures.into_iter().map(text).collect::<String>().into_boxed_str()
}

/// The figures of a row; what is no figure was not measured.
pub(super) fn seen(tail: &str) -> ShardObservation {
    let figures: Vec<Value> =
        serde_json::from_str(&format!("[{}]", tail.trim_start_matches(','))).unwrap_or_default();
    let figure = |place: usize| figures.get(place).and_then(Value::as_u64);
    let ms = |place: usize| figure(place).map(Millis);
    ShardObservation {
        floor: figure(0),
        import: figure(1),
        session_start: ms(2),
        setup: ms(3),
        peak: figure(4),
        model: figure(5),
        time: ms(6),
        predicted_time: ms(7),
        predicted: figure(8),
        lost: figure(9).is_some_and(|flags| flags & FLAG_LOST != 0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(shard: ShardObservation, text: &str) {
        assert_eq!(&*tail(&shard), text);
        assert_eq!(seen(text), shard, "{text}");
    }

    #[test]
    fn rows_of_tiers_are_read_as_they_are_written() {
        check(ShardObservation::default(), "");
        check(ShardObservation { import: Some(7), ..ShardObservation::default() }, ",null,7");
        let lost = ShardObservation { predicted: Some(5), lost: true, ..ShardObservation::default() };
        check(lost, ",null,null,null,null,null,null,null,null,5,1");
        assert_eq!(seen(",\"x\",-4,{},9"), ShardObservation { setup: Some(Millis(9)), ..Default::default() });
        assert_eq!(seen(",1,2,3,4,5,6,7,8,9,0,11").predicted, Some(9), "a newer shard knows more");
    }
}
