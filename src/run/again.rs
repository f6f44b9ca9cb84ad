//! What is run again after an end that was no success: pure, over what is known of it.
//!
//! A real test failure is never run again. After a kill for want of memory nothing runs again as it
//! was: with fewer workers, or in two parts.

use std::collections::BTreeSet;

use crate::config::Retry;
use crate::model::Verdict;
use crate::outcome::Stopped;

/// How a piece ended.
#[derive(Clone, Debug, Default)]
pub(super) struct Situation<'a> {
    /// Its suites, in order.
    pub(super) suites: Vec<&'a str>,
    /// Those that are done; `None`: its processes told nothing.
    pub(super) done: Option<BTreeSet<&'a str>>,
    /// Those that were running.
    pub(super) in_flight: BTreeSet<&'a str>,
    /// With one process a suite: those that gave way to an older one.
    pub(super) evicted: BTreeSet<&'a str>,
    pub(super) workers: u32,
    /// The command is told how many workers to start.
    pub(super) workers_matter: bool,
    /// One process a suite.
    pub(super) each: bool,
    /// What the end means; with one process a suite, each of those that failed.
    pub(super) verdicts: Vec<(&'a str, Verdict)>,
    pub(super) stopped: Option<Stopped>,
    /// Starts of it so far.
    pub(super) attempt: u32,
}

/// What is run next in place of what failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Part<'a> {
    pub(super) suites: Vec<&'a str>,
    pub(super) workers: u32,
}

/// What is run again, in order; nothing: that was it. `go_on`: what was not done yet is, whatever the
/// policy says.
pub(super) fn again<'a>(ended: &Situation<'a>, retry: &Retry, go_on: bool) -> Vec<Part<'a>> {
    if matches!(ended.stopped, Some(Stopped::Signal | Stopped::Timeout | Stopped::Other)) {
        return Vec::new();
    }
    let wanted = |verdict: &Verdict| retry.on.contains(verdict) && ended.attempt <= retry.times;
    if ended.each {
        return each(ended, wanted, go_on);
    }
    let Some((_, verdict)) = ended.verdicts.first() else { return Vec::new() };
    if is_memory(*verdict) {
        return if go_on || wanted(verdict) { smaller(ended) } else { Vec::new() };
    }
    if wanted(verdict) {
        return vec![Part { suites: ended.suites.clone(), workers: ended.workers }];
    }
    // What hung would hang again; the others can go on without it.
    if *verdict == Verdict::Hang && go_on && ended.done.is_some() && !ended.in_flight.is_empty() {
        let rest: Vec<&str> = left(ended).into_iter().filter(|id| !ended.in_flight.contains(id)).collect();
        return parts([rest], ended.workers);
    }
    Vec::new()
}

/// Whether the same again would be killed again.
fn is_memory(verdict: Verdict) -> bool {
    matches!(verdict, Verdict::OutOfMemory | Verdict::MemoryLimit | Verdict::Killed)
}

/// One process a suite: those that failed, if that can be cured, as they were, and with them those that did
/// not even begin; those that memory failed, one at a time.
fn each<'a>(ended: &Situation<'a>, wanted: impl Fn(&Verdict) -> bool, go_on: bool) -> Vec<Part<'a>> {
    let (mut same, mut alone) = (Vec::new(), Vec::new());
    for (id, verdict) in &ended.verdicts {
        let evicted = ended.evicted.contains(id) && ended.attempt == 1;
        let shared = ended.workers > 1 && ended.suites.len() > 1;
        match is_memory(*verdict) || ended.evicted.contains(id) {
            true if evicted || (shared && (go_on || wanted(verdict))) => alone.push(*id),
            false if wanted(verdict) => same.push(*id),
            _ => {}
        }
    }
    if !same.is_empty() {
        let failed: BTreeSet<&str> = ended.verdicts.iter().map(|(id, _)| *id).collect();
        same.extend(left(ended).into_iter().filter(|id| !failed.contains(id)));
    }
    let mut all = parts([same], ended.workers);
    all.extend(parts([alone], 1));
    all
}

/// Fewer workers, or what is left in two parts: the suite that was running last, alone.
fn smaller<'a>(ended: &Situation<'a>) -> Vec<Part<'a>> {
    let left = left(ended);
    if ended.workers > 1 && ended.workers_matter {
        return parts([left], ended.workers / 2);
    }
    let blamed: Vec<&str> = left.iter().copied().filter(|id| ended.in_flight.contains(id)).collect();
    let progress = left.len() < ended.suites.len();
    match blamed.as_slice() {
        [one] if left.len() > 1 => {
            let rest = left.iter().copied().filter(|id| id != one).collect();
            parts([rest, vec![*one]], ended.workers)
        }
        _ if progress => parts([left], ended.workers),
        _ if left.len() > 1 => {
            let (first, second) = left.split_at(left.len().div_ceil(2));
            parts([first.to_vec(), second.to_vec()], ended.workers)
        }
        // Alone, and still too much.
        _ => Vec::new(),
    }
}

/// Suites that are not done, in order.
fn left<'a>(ended: &Situation<'a>) -> Vec<&'a str> {
    let done = |id: &&&str| ended.done.as_ref().is_some_and(|done| done.contains(**id));
    ended.suites.iter().filter(|id| !done(id)).copied().collect()
}

fn parts<'a, const N: usize>(parts: [Vec<&'a str>; N], workers: u32) -> Vec<Part<'a>> {
    let full = parts.into_iter().filter(|suites| !suites.is_empty());
    full.map(|suites| Part { suites, workers }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Millis;

    /// Four suites, of which `done` are and `flying` were running.
    fn ended(done: Option<&'static str>, flying: &'static str, verdict: Verdict) -> Situation<'static> {
        Situation {
            suites: vec!["a", "b", "c", "d"],
            done: done.map(|done| done.split_whitespace().collect()),
            in_flight: flying.split_whitespace().collect(),
            workers: 1,
            workers_matter: true,
            verdicts: vec![("", verdict)],
            attempt: 1,
            ..Situation::default()
        }
    }

    fn shown(parts: Vec<Part<'_>>) -> String {
        let shown: Vec<String> =
            parts.iter().map(|part| format!("{}×{}", part.suites.join(" "), part.workers)).collect();
        shown.join(" | ")
    }

    #[test]
    fn memory_never_gets_the_same_again() {
        let check = |situation: Situation<'_>, expect: &str| {
            assert_eq!(shown(again(&situation, &Retry::default(), true)), expect, "{situation:?}");
            assert_eq!(shown(again(&situation, &Retry::default(), false)), "", "not asked for");
        };
        let oom = Verdict::OutOfMemory;
        check(ended(Some("a"), "b", oom), "c d×1 | b×1");
        check(ended(Some(""), "a", oom), "b c d×1 | a×1");
        check(ended(None, "", oom), "a b×1 | c d×1");
        check(ended(Some("a"), "", oom), "b c d×1");
        check(ended(Some("a b c"), "d", oom), "d×1");
        check(Situation { suites: vec!["a"], ..ended(None, "", oom) }, "");
        check(Situation { suites: vec!["a"], ..ended(Some(""), "a", oom) }, "");
        check(Situation { workers: 4, ..ended(Some("a"), "b c", Verdict::Killed) }, "b c d×2");
        check(Situation { workers: 4, workers_matter: false, ..ended(None, "", oom) }, "a b×4 | c d×4");
        check(ended(Some("a"), "b", Verdict::Hang), "c d×1");
        check(ended(Some("a b c"), "d", Verdict::Hang), "");
    }

    #[test]
    fn a_test_failure_is_final() {
        let retry = Retry { on: vec![Verdict::DaemonCrash], times: 2, pause: Millis(0) };
        for verdict in [Verdict::TestFailure, Verdict::ToolError, Verdict::Incomplete, Verdict::Passed] {
            assert_eq!(shown(again(&ended(None, "", verdict), &retry, true)), "");
        }
        let crash = |attempt| Situation { attempt, ..ended(None, "", Verdict::DaemonCrash) };
        assert_eq!(shown(again(&crash(1), &retry, false)), "a b c d×1");
        assert_eq!(shown(again(&crash(2), &retry, false)), "a b c d×1");
        assert_eq!(shown(again(&crash(3), &retry, false)), "");
        let told = Situation { stopped: Some(Stopped::Signal), ..crash(1) };
        assert_eq!(shown(again(&told, &retry, true)), "");
    }

    #[test]
    fn side_by_side_only_what_failed_runs_again() {
        let crash = Verdict::DaemonCrash;
        let each = |verdicts: &[(&'static str, Verdict)],
                    evicted: &'static str,
                    unbegun: &[&str],
                    attempt| Situation {
            each: true,
            workers: 2,
            verdicts: verdicts.to_vec(),
            done: Some(["a", "b", "c", "d"].into_iter().filter(|id| !unbegun.contains(id)).collect()),
            evicted: evicted.split_whitespace().collect(),
            attempt,
            ..ended(Some(""), "", crash)
        };
        let check = |situation: Situation<'_>, go_on, expect: &str| {
            assert_eq!(shown(again(&situation, &Retry::default(), go_on)), expect, "{situation:?}");
        };
        check(each(&[("a", crash), ("b", Verdict::TestFailure)], "", &[], 1), true, "a×2");
        check(each(&[("b", crash)], "", &["b", "d"], 1), false, "b d×2");
        check(each(&[("b", crash)], "", &["b", "d"], 4), false, "");
        check(each(&[("a", Verdict::OutOfMemory), ("c", crash)], "", &[], 1), true, "c×2 | a×1");
        check(each(&[("a", Verdict::OutOfMemory)], "", &[], 1), false, "");
        check(each(&[("a", Verdict::OutOfMemory)], "a", &[], 1), false, "a×1");
        check(each(&[("a", Verdict::OutOfMemory)], "a", &[], 2), false, "");
    }

    /// Whatever is killed at whatever moment: it ends, and nothing is lost but what fails alone.
    #[test]
    fn it_always_comes_to_an_end() {
        for workers in [1, 5] {
            for told in [true, false] {
                let names: Vec<String> = (0..30).map(|n| format!("t{n}")).collect();
                let all: Vec<&str> = names.iter().map(String::as_str).collect();
                let mut open = vec![Part { suites: all.clone(), workers }];
                let (mut done, mut alone, mut starts) = (BTreeSet::new(), BTreeSet::new(), 0);
                while let Some(part) = open.pop() {
                    starts += 1;
                    assert!(starts < 200);
                    // Seven and eleven kill whatever runs them.
                    let killer = part.suites.iter().position(|id| matches!(*id, "t7" | "t11"));
                    let ran = &part.suites[..killer.unwrap_or(part.suites.len())];
                    if killer.is_none() || told {
                        done.extend(ran.iter().copied());
                    }
                    let Some(killer) = killer else { continue };
                    let situation = Situation {
                        suites: part.suites.clone(),
                        done: told.then(|| done.clone()),
                        in_flight: [part.suites[killer]].into_iter().filter(|_| told).collect(),
                        workers: part.workers,
                        verdicts: vec![("", Verdict::OutOfMemory)],
                        workers_matter: true,
                        attempt: 1,
                        ..Situation::default()
                    };
                    let next = again(&situation, &Retry::default(), true);
                    if next.is_empty() {
                        alone.extend(part.suites.iter().copied());
                    }
                    open.extend(next.into_iter().rev());
                }
                assert_eq!(alone, BTreeSet::from(["t7", "t11"]));
                assert_eq!(done.len() + alone.len(), all.len());
            }
        }
    }
}
