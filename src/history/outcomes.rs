//! What outcomes teach of suites, as observations for a store.

use super::spelling::without_dot;
use super::store::{FLAG_ALONE, FLAG_KILLED, FLAG_WHOLE, Part};
use crate::model::{Confidence, Verdict};
use crate::outcome::{Outcome, SuiteObserved, Suspect};

/// What one outcome teaches.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Learned {
    /// Suite as histories name it, part and what was seen.
    pub seen: Vec<(String, String, Part)>,
    /// The suite that ran when memory was out.
    pub blamed: Option<String>,
    /// The machine could not hold the shard, and no suite can be blamed.
    pub lost: bool,
}

/// What was measured of every suite (`suites`), and who is to blame where memory was out. `verdict` is what the
/// outcome means; what is merely possible raises no figure. Nothing of an outcome without a beginning:
/// nobody knows of which run it is.
#[must_use]
pub fn learn(
    outcome: &Outcome,
    suites: Vec<SuiteObserved>,
    verdict: Verdict,
    confidence: Confidence,
) -> Learned {
    let mut learned = Learned::default();
    for suite in suites {
        let Some(part) = outcome.part(suite.session) else { return Learned::default() };
        let alone = outcome.sessions.iter().any(|it| it.start.index == suite.session && it.start.alone);
        let seen = suite.seen;
        // Of others a peak alone has in it what was there before them.
        let whole = seen.peak.filter(|_| alone && seen.retained.is_none() && seen.transient.is_none());
        let seen = Part {
            ms: seen.time.map(|time| time.0),
            import: seen.import,
            retained: seen.retained,
            transient: seen.transient.or(whole).and_then(|bytes| i64::try_from(bytes).ok()),
            flags: if whole.is_some() { FLAG_WHOLE } else { 0 },
        };
        learned.seen.push((without_dot(&suite.id).to_owned(), part, seen));
    }
    if confidence == Confidence::Possible {
        return learned;
    }
    match (verdict, outcome.suspects().as_slice()) {
        (Verdict::OutOfMemory, [Suspect { begin, alone, used }]) => {
            let seen = Part {
                transient: i64::try_from(used.0).ok(),
                flags: FLAG_KILLED + if *alone { FLAG_ALONE } else { 0 },
                ..Part::default()
            };
            let session = outcome.sessions.last().map_or(1, |session| session.start.index);
            if let Some(part) = outcome.part(begin.session.unwrap_or(session)) {
                learned.blamed = Some(begin.id.clone());
                let name = without_dot(&begin.id);
                learned.seen.retain(|(id, ..)| id != name);
                learned.seen.push((name.to_owned(), part, seen));
            }
        }
        (Verdict::OutOfMemory | Verdict::RunnerLost, _) => learned.lost = true,
        _ => {}
    }
    learned
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome::{self, observe};

    fn learn(outcome: &Outcome, verdict: Verdict, confidence: Confidence) -> Learned {
        super::learn(outcome, observe(outcome).suites, verdict, confidence)
    }

    const START: &str = r#"{"event":"start","schema":1,"shard":"e2e-1","tier":"e2e","plan":"p","run":"r","round":1,"attempt":2,"key":"k","at":100,"host":{}}"#;

    fn outcome(suites: &str, lines: &[&str]) -> Outcome {
        let session = format!(r#"{{"event":"session","index":1,"attempt":1,"at":100,"suites":[{suites}]}}"#);
        let all: Vec<&str> = [START, &session].into_iter().chain(lines.iter().copied()).collect();
        outcome::read(all.join("\n").as_bytes()).unwrap()
    }

    const DONE: &str = r#"{"event":"suite","worker":"main","id":"a","ms":4,"before_bytes":100,"peak_bytes":400,"after_bytes":150,"status":"passed","last":false}"#;
    const BEGUN: &str = r#"{"event":"begin","worker":"main","id":"b","at":101,"level_bytes":150}"#;
    const LEVEL: &str = r#"{"event":"sample","at":102,"bytes":900,"available_bytes":5}"#;

    fn shown(learned: &Learned) -> Vec<String> {
        let line = |(id, part, seen): &(String, String, Part)| {
            format!("{id} {part} {:?} {:?} {:?} {}", seen.ms, seen.retained, seen.transient, seen.flags)
        };
        learned.seen.iter().map(line).collect()
    }

    #[test]
    fn what_ended_was_measured_and_what_was_killed_needs_more() {
        let before = LEVEL.replace("900", "950");
        // What was left of it was looked at once more.
        let after = LEVEL.replace("900", "10");
        let killed = outcome("\"a\",\"b\",\"c\"", &[&before, DONE, BEGUN, LEVEL, &after]);
        let learned = learn(&killed, Verdict::OutOfMemory, Confidence::Likely);
        let a = "a e2e-1.1.2.1 Some(4) Some(50) Some(250) 0";
        assert_eq!(shown(&learned), [a, "b e2e-1.1.2.1 None None Some(750) 1"]);
        assert_eq!((learned.blamed.as_deref(), learned.lost), (Some("b"), false));
        // What is merely possible, or another matter, blames nobody.
        for (verdict, confidence) in [
            (Verdict::OutOfMemory, Confidence::Possible),
            (Verdict::Hang, Confidence::Certain),
            (Verdict::TestFailure, Confidence::Certain),
        ] {
            let learned = learn(&killed, verdict, confidence);
            assert_eq!((shown(&learned).len(), learned.blamed, learned.lost), (1, None, false));
        }
    }

    #[test]
    fn who_was_alone_is_known() {
        let killed = outcome("\"b\"", &[BEGUN, LEVEL]);
        let learned = learn(&killed, Verdict::OutOfMemory, Confidence::Certain);
        assert_eq!(shown(&learned), ["b e2e-1.1.2.1 None None Some(750) 5"]);
    }

    #[test]
    fn a_peak_counts_where_a_process_ran_nothing_else() {
        let peak = r#"{"event":"suite","worker":"main","id":"a","ms":4,"peak_bytes":400,"status":"passed"}"#;
        let mut seen = outcome("\"a\"", &[peak]);
        assert_eq!(
            shown(&learn(&seen, Verdict::Passed, Confidence::Certain)),
            ["a e2e-1.1.2.1 Some(4) None None 0"]
        );
        seen.sessions[0].start.alone = true;
        let learned = learn(&seen, Verdict::Passed, Confidence::Certain);
        assert_eq!(shown(&learned), ["a e2e-1.1.2.1 Some(4) None Some(400) 8"]);
        let run = crate::model::RunMeta { run: "r".into(), at: 1, key: "k".into() };
        let store = super::super::store::Store::of_run(run, learned.seen, []);
        let (_, seen) = store.observations("a").next().unwrap();
        assert_eq!((seen.retained, seen.transient, seen.peak), (None, None, Some(400)));
    }

    #[test]
    fn where_nobody_can_be_blamed_the_machine_was_too_small() {
        let other = BEGUN.replace("\"b\"", "\"c\"").replace("main", "gw1");
        for lines in [&[BEGUN, &other, LEVEL][..], &[]] {
            let learned = learn(&outcome("\"b\",\"c\"", lines), Verdict::OutOfMemory, Confidence::Certain);
            assert_eq!((learned.seen.len(), learned.blamed, learned.lost), (0, None, true));
        }
        assert!(learn(&outcome("\"b\"", &[BEGUN]), Verdict::RunnerLost, Confidence::Likely).lost);
    }
}
