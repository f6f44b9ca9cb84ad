//! What shards took beside what was planned, for people.

use super::style::{Paint, Style};
use crate::drift::{Advice, ShardDrift, SuiteDrift};
use crate::model::{Bytes, Millis};
use crate::text::{count, printable, width};

/// Most shards that are shown: those that are farthest from their plan.
const SHARDS_MAX: usize = 12;

/// The shards, the suites that drifted most, and what to change in `shard.toml`.
#[must_use]
pub fn text(shards: &[ShardDrift], suites: &[SuiteDrift], advice: &[Advice], style: Style) -> String {
    let mut out = String::new();
    let mut told: Vec<&ShardDrift> =
        shards.iter().filter(|shard| memory(shard).is_some() || time(shard).is_some()).collect();
    told.sort_by(|a, b| distance(b).total_cmp(&distance(a)).then_with(|| a.shard.cmp(&b.shard)));
    let more = told.len().saturating_sub(SHARDS_MAX);
    told.truncate(SHARDS_MAX);
    told.sort_by(|a, b| a.shard.cmp(&b.shard));
    let columns = told.iter().map(|shard| width(&shard.shard)).max().unwrap_or(0);
    for shard in &told {
        let time = time(shard)
            .map(|(planned, real)| format!("{planned} planned, {real} ({})", percent(planned.0, real.0)));
        let memory = memory(shard)
            .map(|(planned, real)| format!("{planned} planned, {real} ({})", percent(planned.0, real.0)));
        let cut = match (shard.complete, shard.silent) {
            (true, _) => None,
            (false, true) => Some("nobody told of its suites".to_owned()),
            (false, false) => Some("not all of it ran".to_owned()),
        };
        let told: Vec<String> = time.into_iter().chain(memory).chain(cut).collect();
        out.push_str(&format!("  {:columns$}  {}\n", printable(&shard.shard), told.join(" · ")));
    }
    if more > 0 {
        out.push_str(&format!("  and {} nearer to the plan\n", count(more, "other shard")));
    }
    if !suites.is_empty() {
        let each = |suite: &SuiteDrift| {
            format!("`{}` {} planned, {}", printable(&suite.id), suite.predicted, suite.time)
        };
        let all: Vec<String> = suites.iter().map(each).collect();
        style.paragraph((Paint::Quiet, "farthest from the plan: "), &all.join("; "), &mut out);
    }
    for Advice { tier, key, set, measured } in advice {
        let text =
            format!("tier `{tier}`: `{key}` is set to {set}; as measured it is {key} = \"{measured}\"");
        style.paragraph((Paint::Note, "advice: "), &text, &mut out);
    }
    out
}

fn time(shard: &ShardDrift) -> Option<(Millis, Millis)> {
    shard.predicted_time.zip(shard.time)
}

fn memory(shard: &ShardDrift) -> Option<(Bytes, Bytes)> {
    shard.predicted.zip(shard.peak)
}

fn distance(shard: &ShardDrift) -> f64 {
    let of = |pair: Option<(u64, u64)>| {
        pair.map_or(0.0, |(planned, real)| (real.max(1) as f64 / planned.max(1) as f64).ln().abs())
    };
    let time = of(time(shard).map(|(planned, real)| (planned.0, real.0)));
    time.max(of(memory(shard).map(|(planned, real)| (planned.0, real.0))))
}

fn percent(planned: u64, real: u64) -> String {
    let change = (real as f64 / planned.max(1) as f64 - 1.0) * 100.0;
    format!("{change:+.0} %")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_planned_stands_beside_what_was() {
        let shard = ShardDrift {
            shard: "e2e-1".to_owned(),
            tier: "e2e".to_owned(),
            complete: true,
            silent: false,
            predicted_time: Some(Millis(360_000)),
            time: Some(Millis(430_000)),
            overhead: Some(Millis(4_000)),
            predicted: Some(Bytes(2_600_000_000)),
            peak: Some(Bytes(2_400_000_000)),
            floor: None,
            sessions: 1,
        };
        let cut = ShardDrift { shard: "unit-1".to_owned(), complete: false, time: None, ..shard.clone() };
        let suite = SuiteDrift { id: "t/a.py".to_owned(), predicted: Millis(4_000), time: Millis(9_000) };
        let advice = Advice {
            tier: "e2e".to_owned(),
            key: "base",
            set: "60 MB".to_owned(),
            measured: "362 MB".to_owned(),
        };
        let shown = text(&[cut, shard], &[suite], &[advice], Style::default());
        assert_eq!(
            shown,
            "  e2e-1   6m 00s planned, 7m 10s (+19 %) · 2.6 GB planned, 2.4 GB (-8 %)\n  unit-1  2.6 GB planned, 2.4 GB (-8 %) · not all of it ran\nfarthest from the plan: `t/a.py` 4s planned, 9s\nadvice: tier `e2e`: `base` is set to 60 MB; as measured it is base = \"362 MB\"\n"
        );
    }
}
