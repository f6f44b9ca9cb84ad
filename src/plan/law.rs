//! Memory and time of a session, from `plan.json` alone, by their terms.
//!
//! It shares no code with `pack`: what packing computes fast is computed here a second time, in the plainest way.

use std::cmp::{Ordering, Reverse};

use super::file::{Shard, Suite, Tier};
use crate::config::{MemoryKind, Order};
use crate::model::{Bytes, Millis};

/// The highest moment of a session: bytes that sum to its peak.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Peak {
    /// Of the session before any suite.
    pub floor: u128,
    /// Of collection, in all workers.
    pub imports: u128,
    /// Of what suites left behind until then.
    pub retained: u128,
    /// Of what runs at that moment, above that.
    pub transient: u128,
    /// The places of the suites that run then; where suites run side by side, of those that need most.
    pub at: Vec<usize>,
}

impl Peak {
    /// All of it.
    #[must_use]
    pub fn bytes(&self) -> u128 {
        self.floor + self.imports + self.retained + self.transient
    }
}

fn import(suite: &Suite) -> u128 {
    u128::from(suite.import_bytes.0)
}

fn retained(suite: &Suite) -> u128 {
    u128::from(suite.retained_bytes.0)
}

fn transient(suite: &Suite) -> u128 {
    u128::from(suite.transient_bytes.0)
}

fn own(suite: &Suite) -> u128 {
    import(suite) + retained(suite) + transient(suite)
}

/// Milliseconds, without its start, and bytes of a session of these suites in their best order.
pub(super) fn session_need(tier: &Tier, shard: &Shard, mut suites: Vec<Suite>) -> (Millis, Bytes) {
    suites.sort_by(|a, b| order(tier, a, b));
    in_order(tier, shard, &suites)
}

/// The same of suites that are in their order.
fn in_order(tier: &Tier, shard: &Shard, suites: &[Suite]) -> (Millis, Bytes) {
    let figure = |value: u128| u64::try_from(value).unwrap_or(u64::MAX);
    let (ms, bytes) = (session_ms(tier, shard, suites), peak(tier, shard, suites).bytes());
    (Millis(figure(ms)), Bytes(figure(bytes)))
}

/// The shard with its suites in their order and the figures that its tier gives it: of its sessions, and its own.
#[must_use]
pub fn figured(tier: &Tier, mut shard: Shard) -> Shard {
    let mut sessions = std::mem::take(&mut shard.sessions);
    for session in &mut sessions {
        session.suites.sort_by(|a, b| order(tier, a, b));
        let (ms, bytes) = in_order(tier, &shard, &session.suites);
        session.predicted_ms = ms + tier.session_start_ms;
        session.predicted_bytes = bytes;
    }
    shard.predicted_ms = sessions.iter().map(|session| session.predicted_ms).sum::<Millis>() + tier.setup_ms;
    shard.predicted_bytes = sessions.iter().map(|session| session.predicted_bytes).max().unwrap_or_default();
    Shard { sessions, ..shard }
}

/// The order of a session.
#[must_use]
pub fn order(tier: &Tier, a: &Suite, b: &Suite) -> Ordering {
    let by_time = b.ms.cmp(&a.ms).then_with(|| a.id.cmp(&b.id));
    if tier.workers <= 1 { b.transient_bytes.cmp(&a.transient_bytes).then(by_time) } else { by_time }
}

/// The places of the `count` suites with the most, the most first.
fn largest(suites: &[Suite], of: fn(&Suite) -> u128, count: u32) -> Vec<usize> {
    let mut places: Vec<usize> = (0..suites.len()).collect();
    places.sort_by_key(|place| Reverse(of(&suites[*place])));
    places.truncate(count as usize);
    places
}

/// The peak of one session in its order, by the law of its tier.
#[must_use]
pub fn peak(tier: &Tier, shard: &Shard, suites: &[Suite]) -> Peak {
    let (floor, workers) = (u128::from(tier.floor_bytes.0), tier.workers.max(1));
    let sum = |places: &[usize], of: fn(&Suite) -> u128| places.iter().map(|at| of(&suites[*at])).sum();
    if tier.memory == MemoryKind::Isolated {
        let at = if tier.each { each(tier, shard, suites).0 } else { largest(suites, own, workers) };
        let (imports, retained, transient) = (sum(&at, import), sum(&at, retained), sum(&at, transient));
        return Peak { floor, imports, retained, transient, at };
    }
    let imports: u128 = suites.iter().map(import).sum();
    let imports = tier.import_cap_bytes.map_or(imports, |cap| imports.min(u128::from(cap.0)));
    let all: u128 = suites.iter().map(retained).sum();
    let times = u128::from(workers);
    if tier.spread {
        let at = largest(suites, transient, 1);
        let transient: u128 = sum(&at, transient);
        let (imports, retained, transient) = (times * imports, times * all, times * transient);
        return Peak { floor, imports, retained, transient, at };
    }
    if workers > 1 || tier.order == Order::Any {
        let at = largest(suites, transient, workers);
        return Peak { floor, imports: times * imports, retained: all, transient: sum(&at, transient), at };
    }
    let highest = highest_moment(suites);
    let (retained, at) = highest.map_or((0, Vec::new()), |(level, place)| (level, vec![place]));
    Peak { floor, imports, retained, transient: sum(&at, transient), at }
}

/// Of suites that run one after another: what stays at the highest moment, and who runs then.
fn highest_moment(suites: &[Suite]) -> Option<(u128, usize)> {
    let mut level = 0;
    let moments = suites.iter().enumerate().map(|(place, suite)| {
        level += retained(suite);
        (level, place)
    });
    moments.max_by_key(|(level, place)| (level + transient(&suites[*place]), Reverse(*place)))
}

/// Milliseconds of one session, without its start.
#[must_use]
pub fn session_ms(tier: &Tier, shard: &Shard, suites: &[Suite]) -> u128 {
    if tier.memory == MemoryKind::Isolated && tier.each {
        return each(tier, shard, suites).1;
    }
    let mut times: Vec<u128> = suites.iter().map(|suite| u128::from(suite.ms.0)).collect();
    let (sum, longest) = (times.iter().sum::<u128>(), times.iter().max().copied().unwrap_or(0));
    if tier.spread && tier.memory == MemoryKind::Accumulates {
        return sum.div_ceil(u128::from(tier.workers.max(1))).max(longest);
    }
    times.sort_unstable_by(|a, b| b.cmp(a));
    // More workers than suites change nothing, and a plan may name any number.
    let mut workers = vec![0; (tier.workers.max(1) as usize).min(times.len())];
    for ms in times {
        workers.sort_unstable();
        workers[0] += ms;
    }
    workers.into_iter().max().unwrap_or(0)
}

/// Who runs at the highest moment of one process a suite, and milliseconds.
fn each(tier: &Tier, shard: &Shard, suites: &[Suite]) -> (Vec<usize>, u128) {
    // The schedule keeps to the tier's budget; a larger machine changes nothing for a suite that is
    // alone on it.
    let budget = tier.budget_bytes.or(shard.budget_bytes);
    let (mut peak, mut at) = (0, Vec::new());
    let suites: Vec<&Suite> = suites.iter().collect();
    let took = |place: usize| u128::from(suites[place].ms.0);
    let ms = side_by_side(tier, budget, &suites, took, |running| {
        let used = running.iter().map(|place| own(suites[*place])).sum::<u128>();
        if used > peak {
            (peak, at) = (used, running.to_vec());
        }
    });
    (at, ms)
}

/// Milliseconds of one process a suite: a clock that jumps from end to end. Suites are started by what the plan says of them,
/// and each runs as long as `took` says of its place. `seen` is shown the places of those that run whenever one was started.
pub fn side_by_side(
    tier: &Tier,
    budget: Option<Bytes>,
    suites: &[&Suite],
    took: impl Fn(usize) -> u128,
    mut seen: impl FnMut(&[usize]),
) -> u128 {
    let mut waiting: Vec<usize> = (0..suites.len()).collect();
    waiting.sort_by(|a, b| {
        let (a, b) = (suites[*a], suites[*b]);
        b.ms.cmp(&a.ms).then_with(|| a.id.cmp(&b.id))
    });
    let mut ends: Vec<u128> = Vec::new();
    let mut running: Vec<usize> = Vec::new();
    let mut now = 0;
    loop {
        while running.len() < tier.workers.max(1) as usize {
            let beside = || running.iter().map(|place| suites[*place]);
            let used = u128::from(tier.floor_bytes.0) + beside().map(own).sum::<u128>();
            let cpus: u64 = beside().map(|suite| u64::from(suite.cpus)).sum();
            let exclusive = beside().any(|suite| suite.exclusive);
            let fits = |place: &usize| {
                let suite = suites[*place];
                running.is_empty()
                    || (budget.is_none_or(|budget| used + own(suite) <= u128::from(budget.0))
                        && cpus + u64::from(suite.cpus) <= u64::from(tier.cpus)
                        && !suite.exclusive
                        && !exclusive)
            };
            let Some(next) = waiting.iter().position(fits) else { break };
            let place = waiting.remove(next);
            running.push(place);
            ends.push(now + took(place));
            seen(&running);
        }
        match ends.iter().min() {
            Some(end) => now = *end,
            None => return now,
        }
        let mut kept = ends.iter().map(|end| *end > now);
        running.retain(|_| kept.next() == Some(true));
        ends.retain(|end| *end > now);
    }
}
