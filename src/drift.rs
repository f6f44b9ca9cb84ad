//! What shards took beside what was planned for them: what later estimates correct, and where a
//! configuration's own figures are far off.

use std::collections::BTreeMap;

use crate::config::{Config, Tier};
use crate::history::store::Store;
use crate::model::{Bytes, Millis, Observation, RunMeta, ShardObservation, SuiteId};
use crate::outcome::{Outcome, SessionObserved};
use crate::pack::law::Item;
use crate::plan::{self, Plan};

/// How many of a suite's newest runs make its median.
const RUNS_MAX: usize = 20;

/// A hand-set figure is far off where it is more than so many times what was measured, or the other way round.
const FAR: f64 = 1.5;
/// Differences below these are of no interest.
const FAR_BYTES: Bytes = Bytes(50_000_000);
const FAR_TIME: Millis = Millis(5_000);

/// How many suites that drifted are named.
const SUITES_MAX: usize = 5;

/// What one outcome says of its shard: predicted and real.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShardDrift {
    /// The shard.
    pub shard: String,
    /// Its tier.
    pub tier: String,
    /// Every suite was executed.
    pub complete: bool,
    /// Nobody told of any suite.
    pub silent: bool,
    /// Planned, without set-up.
    pub predicted_time: Option<Millis>,
    /// All sessions together.
    pub time: Option<Millis>,
    /// What sessions took beside their suites.
    pub overhead: Option<Millis>,
    /// Planned.
    pub predicted: Option<Bytes>,
    /// The most that a session held.
    pub peak: Option<Bytes>,
    /// Bytes of a session before any suite.
    pub floor: Option<Bytes>,
    /// Sessions that it had.
    pub sessions: usize,
}

impl ShardDrift {
    /// Of an outcome and what its sessions measured; `None` where it does not say whose it is.
    #[must_use]
    pub fn of(outcome: &Outcome, sessions: &[SessionObserved]) -> Option<ShardDrift> {
        let start = outcome.start.as_ref()?;
        let time = sessions.iter().map(|session| session.time).sum::<Option<Millis>>();
        let inside: Millis = sessions.iter().map(|session| session.longest_worker).sum();
        let complete = !sessions.is_empty() && sessions.iter().all(|session| session.complete);
        Some(ShardDrift {
            shard: start.shard.clone(),
            tier: start.tier.clone(),
            complete,
            silent: sessions.iter().all(|session| session.order.is_empty()),
            predicted_time: start.predicted_ms,
            time: time.filter(|_| complete),
            overhead: time.filter(|_| complete).map(|time| Millis(time.0.saturating_sub(inside.0))),
            predicted: start.predicted_bytes,
            // The run itself knows its best meter.
            peak: outcome.end.as_ref().and_then(|end| end.peak_bytes).or_else(|| outcome.peak()),
            floor: sessions.iter().filter_map(|session| session.floor).max(),
            sessions: sessions.len(),
        })
    }
}

/// What a history keeps of a shard, with its part; `None` where the outcome does not say whose it is. `store` has
/// its suites already: their medians up to this run make the model that the real peak is held against.
#[must_use]
pub fn shard_observation(
    outcome: &Outcome,
    sessions: &[SessionObserved],
    lost: bool,
    store: &Store,
    run: &RunMeta,
    config: &Config,
) -> Option<(String, String, ShardObservation)> {
    let start = outcome.start.as_ref()?;
    let drift = ShardDrift::of(outcome, sessions)?;
    let tier = config.tiers.iter().find(|tier| tier.name == start.tier);
    // The highest session decides, and its floor may be another one's.
    let above = |session: &SessionObserved| Some(session.peak?.saturating_sub(session.floor?));
    let highest = sessions.iter().filter(|_| drift.complete).max_by_key(|session| above(session));
    let peak = highest.and_then(above);
    let model = highest.zip(tier).and_then(|(session, tier)| model(&session.order, tier, store, run));
    let seen = ShardObservation {
        floor: drift.floor.map(|bytes| bytes.0),
        import: sessions.iter().filter_map(|session| session.import_level).max().map(|bytes| bytes.0),
        session_start: drift.overhead.map(|time| Millis(time.0 / sessions.len().max(1) as u64)),
        setup: None,
        peak: peak.map(|bytes| bytes.0),
        model,
        time: drift.time,
        predicted_time: drift.predicted_time,
        predicted: drift.predicted.map(|bytes| bytes.0),
        lost,
    };
    let part = format!("{}.{}.{}", start.shard, start.round, start.attempt);
    Some((start.tier.clone(), part, seen))
}

/// Bytes above the floor that the memory model makes of the suites' medians in this order, and of what each imported in this
/// run: that depends on who came first. `None` where a suite was never measured.
fn model(order: &[String], tier: &Tier, store: &Store, run: &RunMeta) -> Option<u64> {
    let items: Vec<Item> = order.iter().map(|id| item(id, tier, store, run)).collect::<Option<_>>()?;
    Some(plan::packing_law(tier).bytes_in_order(&items))
}

fn item(id: &str, tier: &Tier, store: &Store, run: &RunMeta) -> Option<Item> {
    let known = |(at, _): &(usize, Observation)| {
        let other = &store.runs[*at];
        other.key == run.key && (other.at, &other.run) <= (run.at, &run.run)
    };
    let seen: Vec<Observation> =
        store.observations(id).filter(known).take(RUNS_MAX).map(|(_, seen)| seen).collect();
    let of = |figure: fn(&Observation) -> Option<i64>| {
        let mut all: Vec<i64> = seen.iter().filter_map(figure).collect();
        all.sort_unstable();
        Some(all.get(all.len() / 2).copied()?.max(0).unsigned_abs())
    };
    let this =
        |(at, _): &(usize, Observation)| (&store.runs[*at].run, &store.runs[*at].key) == (&run.run, &run.key);
    let now = store.observations(id).find(this).map(|(_, seen)| seen).unwrap_or_default();
    // Where it ran last, all that it held is transient.
    let last = now.retained.is_none() && now.transient.is_some();
    let transient = of(|seen| i64::try_from(seen.transient?).ok())?;
    Some(Item {
        ms: of(|seen| i64::try_from(seen.time?.0).ok())?,
        import: now
            .import
            .map_or_else(|| of(|seen| seen.import).unwrap_or(0), |bytes| bytes.max(0).unsigned_abs()),
        retained: of(|seen| seen.retained).filter(|_| !last).unwrap_or(0),
        transient: now.transient.filter(|_| last).unwrap_or(transient),
        cpus: 1,
        exclusive: tier.exclusive.matches(&SuiteId::new(id)),
    })
}

/// A figure of the configuration that is far from what was measured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Advice {
    /// The tier.
    pub tier: String,
    /// The key in `shard.toml`.
    pub key: &'static str,
    /// As it is set, and as it was measured: ready to be written there.
    pub set: String,
    /// As it was measured.
    pub measured: String,
}

/// What shards of one run say against the figures of the configuration.
#[must_use]
pub fn advice(shards: &[ShardDrift], config: &Config) -> Vec<Advice> {
    let mut all = Vec::new();
    for tier in &config.tiers {
        let mine = || shards.iter().filter(|shard| shard.tier == tier.name);
        let floors = mine().filter_map(|shard| shard.floor).map(|bytes| bytes.0).collect();
        if let Some(floor) = median(floors).map(Bytes)
            && is_far(floor.0, tier.floor().0, FAR_BYTES.0)
        {
            let workers = tier.worker_base.saturating_mul(u64::from(tier.workers));
            let mut advise = |key, set: Bytes, measured: Bytes| {
                let (tier, set) = (tier.name.clone(), set.to_string());
                all.push(Advice { tier, key, set, measured: measured.max(Bytes(1_000_000)).to_string() });
            };
            if floor > workers {
                advise("base", tier.base, floor.saturating_sub(workers));
            } else {
                // Workers alone were said to hold more: both are too high.
                let part = |bytes: Bytes| {
                    Bytes(
                        (u128::from(bytes.0) * u128::from(floor.0) / u128::from(tier.floor().0.max(1)))
                            as u64,
                    )
                };
                advise("base", tier.base, part(tier.base));
                advise("worker-base", tier.worker_base, part(tier.worker_base));
            }
        }
        let starts =
            mine().filter_map(|shard| Some(shard.overhead?.0 / shard.sessions.max(1) as u64)).collect();
        if let Some(start) = median(starts).map(Millis)
            && is_far(start.0, tier.session_start.0, FAR_TIME.0)
        {
            all.push(Advice {
                tier: tier.name.clone(),
                key: "session-start",
                set: tier.session_start.to_string(),
                measured: start.to_string(),
            });
        }
    }
    all
}

fn median(mut values: Vec<u64>) -> Option<u64> {
    values.sort_unstable();
    values.get(values.len() / 2).copied()
}

fn is_far(measured: u64, set: u64, least: u64) -> bool {
    let ratio = measured.max(1) as f64 / set.max(1) as f64;
    measured.abs_diff(set) > least && !(1.0 / FAR..=FAR).contains(&ratio)
}

/// A suite that took more or less than its plan said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SuiteDrift {
    /// The suite.
    pub id: String,
    /// As planned.
    pub predicted: Millis,
    /// As it was.
    pub time: Millis,
}

/// The suites whose times are farthest from the plan's, farthest first.
#[must_use]
pub fn suites(plan: &Plan, seen: &BTreeMap<&str, Millis>) -> Vec<SuiteDrift> {
    let drift = |(_, suite): (_, &plan::file::Suite)| {
        let time = *seen.get(suite.id.as_str())?;
        Some(SuiteDrift { id: suite.id.clone(), predicted: suite.ms, time })
    };
    let mut all: Vec<SuiteDrift> = plan.suites().filter_map(drift).collect();
    all.sort_by_key(|drift| (std::cmp::Reverse(drift.time.0.abs_diff(drift.predicted.0)), drift.id.clone()));
    all.truncate(SUITES_MAX);
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(floor: u64, overhead: u64, expect: &[&str]) {
        let shard = ShardDrift {
            shard: "default-1".to_owned(),
            tier: "default".to_owned(),
            complete: true,
            silent: false,
            predicted_time: None,
            time: None,
            overhead: Some(Millis(overhead)),
            predicted: None,
            peak: None,
            floor: Some(Bytes(floor * 1_000_000)),
            sessions: 2,
        };
        let said = advice(&[shard], &Config::default());
        let shown: Vec<String> =
            said.iter().map(|one| format!("{} {} -> {}", one.key, one.set, one.measured)).collect();
        assert_eq!(shown, expect, "{floor} MB, {overhead} ms");
    }

    #[test]
    fn figures_that_are_far_off_are_told() {
        // Set are 60 MB and one worker of 50 MB; 3 s a session.
        check(110, 6_000, &[]);
        check(150, 9_000, &[]);
        check(300, 6_000, &["base 60 MB -> 250 MB"]);
        check(22, 6_000, &["base 60 MB -> 12 MB", "worker-base 50 MB -> 10 MB"]);
        check(110, 40_000, &["session-start 3s -> 20s"]);
    }
}
