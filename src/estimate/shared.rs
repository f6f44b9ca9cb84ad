//! What sessions of a tier pay once, whoever comes first: a common library, a fixture of the whole session.
//!
//! One run charges it to the suite that came first, and the next to another. Were each suite planned with the most that it
//! ever paid, a session with several of them would pay it several times.

use std::collections::BTreeMap;

use super::STEP;
use crate::history::Sample;
use crate::model::{Bytes, Percent};

/// How many of the newest runs are looked at.
const RUNS_MAX: usize = 10;

/// And for what is a suite's own: one that has grown for good is soon planned so.
const OWN_RUNS: usize = 3;

/// What was paid at collection and for what is shared: of each session its suites, with bytes.
pub(super) type Sessions = [Sample<Vec<(usize, i64)>>];

/// Of a tier. However it is planned, no session that was seen is planned with less than it paid.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Shared {
    /// The most that any session paid besides what was its suites' own.
    pub(super) bytes: u64,
    /// For each suite that was seen in several runs, how many count, and the least that it paid in these: that is its own.
    pub(super) own: BTreeMap<usize, (usize, i64)>,
    /// Most sessions pay it: it is planned in every one, and suites with what is their own. Else each suite is planned with
    /// the most that it paid, and what is shared only limits the sum.
    pub(super) everywhere: bool,
}

impl Shared {
    /// From the sessions of earlier runs and the suites of the tier. `None` where no suite was seen in several runs.
    pub(super) fn new(sessions: &Sessions, is_mine: impl Fn(usize) -> bool) -> Option<Shared> {
        let mine = |foreign: bool| sessions.iter().filter(move |session| foreign || !session.foreign);
        let any = mine(false).any(|session| session.seen.iter().any(|(suite, _)| is_mine(*suite)));
        let mut paid: Vec<(usize, Vec<(usize, i64)>)> = mine(!any)
            .map(|session| {
                let suites = session.seen.iter().filter(|(suite, _)| is_mine(*suite));
                (session.age, suites.map(|(suite, bytes)| (*suite, (*bytes).max(0))).collect())
            })
            .collect();
        let newest = paid.iter().filter(|(_, suites)| !suites.is_empty()).map(|(age, _)| *age).min()?;
        paid.retain(|(age, suites)| !suites.is_empty() && age - newest < RUNS_MAX);
        let mut seen: BTreeMap<usize, BTreeMap<usize, i64>> = BTreeMap::new();
        for (age, suites) in &paid {
            for (suite, bytes) in suites {
                let most = seen.entry(*suite).or_default().entry(*age).or_default();
                *most = (*most).max(*bytes);
            }
        }
        let most = |suite: usize| seen[&suite].values().copied().max().unwrap_or(0);
        // Newest first.
        let least = |suite: usize| seen[&suite].values().take(OWN_RUNS).copied().min().unwrap_or(0);
        let sum = |suites: &[(usize, i64)], of: &dyn Fn(usize, i64) -> i64| {
            suites.iter().fold(0i64, |sum, (suite, bytes)| sum.saturating_add(of(*suite, *bytes)))
        };
        let shared = paid
            .iter()
            .map(|(_, suites)| sum(suites, &|suite, bytes| (bytes - least(suite)).max(0)))
            .max()?;
        let all = seen.keys().fold(shared, |sum, suite| sum.saturating_add(least(*suite)));
        // What either way plans for the sessions that were seen.
        let total = |of: &dyn Fn(&[(usize, i64)]) -> i64| {
            paid.iter().map(|(_, suites)| of(suites)).fold(0i64, i64::saturating_add)
        };
        let once = total(&|suites| sum(suites, &|suite, _| least(suite)).saturating_add(shared));
        let apart = total(&|suites| sum(suites, &|suite, _| most(suite)).min(all));
        let own: BTreeMap<_, _> = (seen.iter().filter(|(_, runs)| runs.len() > 1))
            .map(|(suite, runs)| (*suite, (runs.len().min(OWN_RUNS), least(*suite))))
            .collect();
        let found = Shared { bytes: shared.unsigned_abs(), own, everywhere: once < apart };
        (!found.own.is_empty()).then_some(found)
    }

    /// Bytes that are planned for what is shared.
    pub(super) fn planned(&self) -> Bytes {
        Bytes(self.bytes).plus(Percent(500)).round_up(STEP)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sessions of runs by their ages; suites with what they paid. Bytes, whether everywhere, and what is whose own.
    fn check(sessions: &[(usize, &[(usize, i64)])], expect: Option<(u64, bool, &[(usize, i64)])>) {
        let sample = |(age, seen): &(usize, &[(usize, i64)])| Sample {
            age: *age,
            foreign: false,
            seen: [*seen, &[(99, 1_000)]].concat(),
        };
        let sessions: Vec<_> = sessions.iter().map(sample).collect();
        let found = Shared::new(&sessions, |suite| suite < 99).map(|shared| {
            let own: Vec<_> = shared.own.iter().map(|(suite, (_, least))| (*suite, *least)).collect();
            (shared.bytes, shared.everywhere, own)
        });
        let expect = expect.map(|(bytes, everywhere, own)| (bytes, everywhere, own.to_vec()));
        assert_eq!(found, expect, "{sessions:?}");
    }

    #[test]
    fn what_another_paid_the_next_time_is_shared() {
        // A fixture of 60 that three use, each first in one run; suite 2 adds 5 of its own.
        let turns: [(usize, &[(usize, i64)]); 3] = [
            (0, &[(0, 60), (1, 0), (2, 5)]),
            (1, &[(1, 61), (0, 0), (2, 5)]),
            (2, &[(2, 65), (0, 0), (1, 1)]),
        ];
        // All suites in one session: to limit the sum is the same.
        check(&turns, Some((61, false, &[(0, 0), (1, 0), (2, 5)])));
        // In several sessions the sum of all that is somebody's own limits nothing.
        let apart: [(usize, &[(usize, i64)]); 4] = [
            (0, &[(0, 60), (1, 0), (4, 50)]),
            (0, &[(2, 60), (3, 0), (5, 50)]),
            (1, &[(0, 0), (1, 60), (4, 50)]),
            (1, &[(2, 0), (3, 60), (5, 50)]),
        ];
        check(&apart, Some((60, true, &[(0, 0), (1, 0), (2, 0), (3, 0), (4, 50), (5, 50)])));
        // One run tells nobody apart.
        check(&turns[..1], None);
        check(&[], None);
        check(&[(0, &[])], None);
    }

    #[test]
    fn what_few_use_is_not_charged_to_all() {
        // One of ten sessions needs it, though now this suite is first in it and now that.
        let mut sessions: Vec<(usize, &[(usize, i64)])> = Vec::new();
        sessions.extend([(0, &[(0, 900), (1, 0), (2, 0)][..]), (1, &[(1, 900), (0, 0), (2, 50)])]);
        sessions.extend([0, 1].into_iter().flat_map(|age| vec![(age, &[(3, 3)][..]); 9]));
        check(&sessions, Some((950, false, &[(0, 0), (1, 0), (2, 0), (3, 3)])));
    }

    #[test]
    fn what_is_stable_is_a_suites_own() {
        let (own, own_before) = ([(0, 60), (1, 4)], [(0, 0), (1, 4)]);
        check(&[(0, &own), (1, &own)], Some((0, false, &own)));
        // Nor is it shared what one has added since three runs.
        check(&[(0, &own), (1, &own), (2, &own), (3, &own_before)], Some((0, false, &own)));
        check(&[(0, &own), (1, &own), (2, &own_before)], Some((60, false, &own_before)));
        // Older runs than ten do not count.
        check(&[(0, &[(0, 60), (1, 0)]), (10, &[(0, 0), (1, 60)])], None);
        check(&[(0, &[(0, 60), (1, 0)]), (9, &[(0, 0), (1, 60)])], Some((60, false, &[(0, 0), (1, 0)])));
        // What is given back is nothing that is paid, and nothing overflows.
        let odd = [(0, i64::MAX), (1, i64::MIN)];
        let (most, least) = (i64::MAX.unsigned_abs(), [(0, 0), (1, 0)]);
        check(&[(0, &odd), (1, &[(0, i64::MIN), (1, 5)])], Some((most, false, &least)));
    }
}
