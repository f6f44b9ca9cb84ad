//! What a job's account says, as evidence of its end.

use super::{Annotation, Conclusion, Job, Status};
use crate::triage::{Evidence, Job as Told, JobEnd, JobLog, Log};

/// What was looked at beside the job itself.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Seen {
    /// Its annotations; `None`: nobody asked, or they cannot be read.
    pub annotations: Option<Vec<Annotation>>,
    /// Its log.
    pub log: SeenLog,
}

/// What became of the question for a log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum SeenLog {
    /// Nobody asked, or it cannot be read.
    #[default]
    Unknown,
    /// There is none.
    Missing,
    /// Its end.
    End {
        /// The text.
        text: String,
        /// When it was last written, in seconds since 1970.
        written: Option<i64>,
    },
}

/// What is known of the end of a job's shard: `evidence` of its outcome, if there is one, with what GitHub says.
/// `filled`: hundredths of the budget that the plan filled.
#[must_use]
pub fn evidence(mut evidence: Evidence, job: &Job, seen: &Seen, filled: Option<u64>) -> Evidence {
    let mut told = Told {
        end: match job.conclusion {
            Some(Conclusion::Success) => JobEnd::Passed,
            Some(Conclusion::Failure) => JobEnd::Failed,
            Some(Conclusion::Cancelled) => JobEnd::Cancelled,
            Some(Conclusion::TimedOut) => JobEnd::TimedOut,
            _ => JobEnd::Other,
        },
        filled,
        ..Told::default()
    };
    for step in &job.steps {
        match step.conclusion {
            Some(Conclusion::Failure | Conclusion::TimedOut) => told.step_failed = true,
            Some(Conclusion::Cancelled) => told.step_cancelled = true,
            None if is_open(&step.status) && told.step_open.is_none() => {
                told.step_open = Some(step.name.clone());
            }
            _ => {}
        }
    }
    let mut exit = None;
    if let Some(annotations) = &seen.annotations {
        let mut log = Log::default();
        for line in annotations.iter().flat_map(|note| note.message.lines()) {
            log.line(line);
            exit = exit_code(line).or(exit);
        }
        told.annotations = Some(log);
    }
    match &seen.log {
        SeenLog::Unknown => {}
        SeenLog::Missing => told.log = JobLog::Missing,
        SeenLog::End { text, written } => {
            told.log = match (job.completed_at, *written) {
                (Some(completed), Some(written)) => JobLog::Written(completed.saturating_sub(written)),
                _ => JobLog::There,
            };
            evidence.log = Log::of(text);
            exit = exit.or_else(|| text.lines().rev().find_map(exit_code));
        }
    }
    if evidence.exit.is_none() && evidence.signal.is_none() {
        evidence.exit = exit.or((told.end == JobEnd::Passed).then_some(0));
    }
    evidence.job = Some(told);
    evidence
}

/// A step that had begun. Those that had not are called waiting.
fn is_open(status: &Status) -> bool {
    matches!(status, Status::InProgress)
}

/// The exit code that the runner tells of.
fn exit_code(line: &str) -> Option<i32> {
    let (_, after) = line.split_once("Process completed with exit code ")?;
    let digits = after.strip_prefix('-').unwrap_or(after);
    let end = digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
    let length = after.len() - digits.len() + end;
    // Windows' codes are the same bits with and without a sign.
    after[..length]
        .parse::<i64>()
        .ok()
        .filter(|code| (-(1 << 31)..1 << 32).contains(code))
        .map(|code| code as i32)
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::super::api::seconds;
    use super::*;
    use crate::triage::{Judgement, judge};

    /// A recorded shape: a job, its annotations and its log, with what is to come of it.
    fn judged(case: &str, filled: Option<u64>, unread: bool) -> Judgement {
        let text =
            std::fs::read_to_string(format!("{}/testdata/github/{case}.json", env!("CARGO_MANIFEST_DIR")));
        let case: Value = serde_json::from_str(&text.unwrap()).unwrap();
        let job = Job::of(&case["job"]).unwrap();
        let log = match &case["log"] {
            Value::String(text) => {
                let written = case["log_modified"].as_str().and_then(seconds);
                SeenLog::End { text: text.clone(), written }
            }
            _ => SeenLog::Missing,
        };
        let annotations = (!unread).then(|| Annotation::all(&case["annotations"]));
        judge(&evidence(Evidence::default(), &job, &Seen { annotations, log }, filled))
    }

    #[track_caller]
    fn check(case: &str, filled: Option<u64>, expect: &str) {
        let judged = judged(case, filled, false);
        let found = format!("{} {}", judged.verdict, judged.confidence);
        assert_eq!(found, expect, "{case}: {:#?}", judged.evidence);
    }

    #[test]
    fn recorded_cases_mean_what_they_meant() {
        // A: a process was killed, and the runner lived on.
        check("a-killed", None, "killed likely");
        check("a-killed", Some(60), "killed likely");
        check("a-killed", Some(92), "out-of-memory likely");
        // B: the machine was starved until it was gone, with or without the key that is usually null.
        for case in ["b-lost", "b-lost-stale-log"] {
            check(case, None, "runner-lost likely");
            check(case, Some(79), "runner-lost likely");
            check(case, Some(92), "out-of-memory possible");
        }
        check("b-lost-silent", None, "runner-lost likely");
        check("b-lost-silent", Some(92), "out-of-memory possible");
        // C: the runner was told to stop.
        check("c-shutdown", None, "runner-lost likely");
        check("c-shutdown", Some(92), "out-of-memory possible");
        // D: the same with another exit code.
        check("d-terminated", None, "killed possible");
        check("d-terminated", Some(92), "out-of-memory possible");
        // E: a container at its limit that hung until its time was over.
        check("e-hung", None, "timeout likely");
        check("e-hung", Some(92), "timeout likely");
        // F: the provider took the machine back. That is no lack of memory, however full the plan was.
        check("f-reclaimed", None, "runner-lost likely");
        check("f-reclaimed", Some(92), "runner-lost likely");
        // Not of that kind.
        check("failed-tests", Some(92), "test-failure likely");
        check("cancelled", Some(92), "cancelled likely");
        check("passed", None, "passed possible");
        check("worker-out-of-memory", None, "out-of-memory likely");
    }

    #[test]
    fn what_cannot_be_read_excuses_nothing() {
        for (case, expect) in [
            // A 137 without annotations may be a reclaimed machine.
            ("a-killed", "killed likely"),
            ("b-lost", "out-of-memory possible"),
            ("b-lost-silent", "out-of-memory possible"),
            ("c-shutdown", "out-of-memory possible"),
            // Looks like a cancelled job, and may be one that was over its time.
            ("e-hung", "cancelled possible"),
            ("cancelled", "cancelled possible"),
            // Taken for a mere kill: not for a want of memory.
            ("f-reclaimed", "killed likely"),
        ] {
            let judged = judged(case, Some(92), true);
            let found = format!("{} {}", judged.verdict, judged.confidence);
            assert_eq!(found, expect, "{case}: {:#?}", judged.evidence);
            let says = "its annotations cannot be read, so nothing here excuses it";
            assert!(judged.evidence.iter().any(|line| line == says), "{case}: {:#?}", judged.evidence);
        }
        assert_eq!(judged("b-lost-silent", None, true).confidence, crate::model::Confidence::Possible);
    }

    #[test]
    fn an_outcome_knows_better() {
        let job = Job { conclusion: Some(Conclusion::Failure), ..Job::default() };
        let outcome = Evidence { exit: Some(1), oom_kills: Some(1), cut_off: true, ..Evidence::default() };
        let note = "Process completed with exit code 137.".to_owned();
        let annotations = Some(vec![Annotation { level: None, message: note }]);
        let found = evidence(outcome, &job, &Seen { annotations, ..Seen::default() }, None);
        assert_eq!((found.exit, found.oom_kills), (Some(1), Some(1)));
    }

    #[test]
    fn exit_codes_are_read_as_the_runner_writes_them() {
        for (line, expect) in [
            ("Process completed with exit code 137.", Some(137)),
            ("2026-01-01T00:00:00.0Z ##[error]Process completed with exit code 1.", Some(1)),
            ("Process completed with exit code -1073741819.", Some(-1_073_741_819)),
            ("Process completed with exit code 3221225477.", Some(-1_073_741_819)),
            ("Process completed with exit code .", None),
            ("Process completed with exit code 99999999999999999999.", None),
            ("completed", None),
        ] {
            assert_eq!(exit_code(line), expect, "{line}");
        }
    }
}
