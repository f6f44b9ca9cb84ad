//! What an end means: from exit codes, logs, counters and outcomes to a verdict with its evidence.
//!
//! Pure: whoever calls has looked at the machine. [`TABLE`] is all that is known, in order; the first
//! row whose conditions hold decides. Nothing is certain without proof, and a log alone is none.

mod evidence;
mod fact;
mod job;
mod log;
mod table;
mod task;

use evidence::PEAK;
pub use evidence::{Coverage, Evidence, Memory};
pub use fact::Fact;
pub use job::{Job, JobEnd, JobLog};
pub use log::{Log, Sign};
pub use table::{Row, TABLE};
pub use task::{Task, TaskEnd};

use crate::model::{Confidence, Verdict};
use crate::outcome::End;
use crate::text;

/// Longest sentence of a recorded verdict that is shown, in columns.
const SENTENCE_MAX: usize = 400;

/// Most sentences of a recorded verdict that are shown.
const SENTENCES_MAX: usize = 20;

/// What an end means, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judgement {
    /// What it means.
    pub verdict: Verdict,
    /// How sure that is.
    pub confidence: Confidence,
    /// What speaks for it, then what else is known: sentences, ready to be shown.
    pub evidence: Vec<String>,
    /// What to do next.
    pub advice: String,
}

/// The verdict on what is known.
#[must_use]
pub fn judge(evidence: &Evidence) -> Judgement {
    let mut judged = by_table(evidence);
    // A success is always looked at again.
    let Some(end) = evidence.recorded.as_ref().filter(|end| is_telling(end)) else { return judged };
    // The run itself saw more than its file can say: the output, above all. An account of suites, however complete,
    // tells how tests went and not why.
    let knows_why = is_cause(end.verdict) && !is_cause(judged.verdict) && judged.verdict != Verdict::Passed;
    if knows_why || end.confidence <= judged.confidence {
        return recorded(end, evidence);
    }
    if is_cause(end.verdict) && end.verdict != judged.verdict {
        judged.evidence.push(said_by_the_run(end));
    }
    judged
}

fn is_telling(end: &End) -> bool {
    !matches!(end.verdict, Verdict::Passed | Verdict::Unknown)
}

/// Whether it names something beside the tests and their tool that made an end of them.
fn is_cause(verdict: Verdict) -> bool {
    !matches!(
        verdict,
        Verdict::Passed | Verdict::TestFailure | Verdict::ToolError | Verdict::Incomplete | Verdict::Unknown
    )
}

/// What the run itself found, where something else is known better.
fn said_by_the_run(end: &End) -> String {
    let why = end.evidence.first().map(|line| format!(": {}", shown(line)));
    format!("`shard run` itself said {}, {}{}", end.verdict, end.confidence, why.unwrap_or_default())
}

/// A sentence of an outcome, made harmless: its file may come from anywhere.
fn shown(sentence: &str) -> String {
    text::printable(&text::shorten(sentence, SENTENCE_MAX))
}

fn by_table(evidence: &Evidence) -> Judgement {
    let found = TABLE.iter().find_map(|row| Some((row, row.holds(evidence)?)));
    let Some((row, mut sentences)) = found else {
        let code =
            evidence.code().map(|code| format!("the exit code is {code}, which says nothing by itself"));
        return Judgement {
            verdict: Verdict::Unknown,
            confidence: Confidence::Possible,
            evidence: with_context(code.into_iter().collect(), evidence),
            advice: table::UNKNOWN_ADVICE.to_owned(),
        };
    };
    let mut confidence = row.confidence;
    let tests_failed = Fact::AllExecuted.holds(evidence).and(Fact::TestsFailed.holds(evidence));
    if row.is_said()
        && let Some(sentence) = tests_failed
    {
        // Tests that fail for reasons of their own may print anything.
        confidence = Confidence::Possible;
        sentences.push(sentence);
    }
    let evidence = with_context(sentences, evidence);
    Judgement { verdict: row.verdict, confidence, evidence, advice: row.advice.to_owned() }
}

/// The sentences, and what else is worth knowing.
fn with_context(mut sentences: Vec<String>, known: &Evidence) -> Vec<String> {
    // What the run itself wrote of a peak stands: it may be that of one session, by another meter.
    let peak = sentences.iter().any(|sentence| sentence.starts_with(PEAK));
    for sentence in known.context() {
        let said = sentences.contains(&sentence) || peak && sentence.starts_with(PEAK);
        if !said {
            sentences.push(sentence);
        }
    }
    sentences
}

/// What the run itself found.
fn recorded(end: &End, known: &Evidence) -> Judgement {
    let usual = || {
        let row = TABLE.iter().find(|row| row.verdict == end.verdict);
        row.map_or(table::UNKNOWN_ADVICE, |row| row.advice).to_owned()
    };
    Judgement {
        verdict: end.verdict,
        confidence: end.confidence,
        evidence: with_context(
            end.evidence.iter().take(SENTENCES_MAX).map(|line| shown(line)).collect(),
            known,
        ),
        advice: end.advice.as_deref().map_or_else(usual, shown),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Bytes;
    use crate::outcome::{self, Stopped};

    #[track_caller]
    fn check(evidence: &Evidence, expect: &str) -> Judgement {
        let judged = judge(evidence);
        assert_eq!(format!("{} {}", judged.verdict, judged.confidence), expect, "{:#?}", judged.evidence);
        assert!(!judged.advice.is_empty());
        judged
    }

    fn ended(exit: i32, log: &str) -> Evidence {
        Evidence { exit: Some(exit), log: Log::of(log), ..Evidence::default() }
    }

    /// So many suites, of which so many were executed, of which so many failed.
    fn covered(suites: usize, executed: usize, failed: usize) -> Option<Coverage> {
        let names = |range: std::ops::Range<usize>| range.map(|n| format!("t{n}.py")).collect();
        Some(Coverage { suites, executed, failed: names(0..failed), not_run: names(executed..suites) })
    }

    fn memory(level: u64, limit: u64) -> Memory {
        Memory {
            level: Some(Bytes(level)),
            peak: Some(Bytes(level)),
            limit: Some(Bytes(limit)),
            ..Memory::default()
        }
    }

    #[test]
    fn exit_codes_alone() {
        for (exit, expect) in [
            (0, "passed possible"),
            (1, "test-failure possible"),
            (2, "tool-error possible"),
            (100, "test-failure possible"),
            (124, "timeout likely"),
            (125, "tool-error possible"),
            (127, "tool-error likely"),
            (130, "cancelled likely"),
            (134, "test-failure likely"),
            (137, "killed likely"),
            (139, "test-failure likely"),
            (143, "killed possible"),
            (93, "hang likely"),
            (77, "unknown possible"),
        ] {
            check(&ended(exit, ""), expect);
        }
        check(&Evidence::default(), "unknown possible");
        check(&Evidence { signal: Some(9), ..Evidence::default() }, "killed likely");
    }

    #[test]
    fn exit_codes_with_their_logs() {
        let quit = "STEP 3/5: RUN make\nError: server probably quit: unexpected EOF";
        let judged = check(&ended(125, quit), "daemon-crash likely");
        assert!(judged.evidence[1].contains("`Error: server probably quit: unexpected EOF`"), "{judged:?}");
        check(&ended(125, &format!("go: signal: killed\n{quit}")), "daemon-crash likely");
        check(&ended(2, quit), "daemon-crash possible");
        // A build that failed is none of its engine's business, whatever its code.
        let failed = "Error: building at STEP \"RUN make\": exit status 2";
        for exit in [1, 2, 3, 125] {
            check(&ended(exit, failed), "test-failure likely");
        }
        check(&ended(1, &format!("subprocess exited on killed\n{failed}")), "out-of-memory likely");
        check(&ended(137, "Error: building at STEP \"RUN dd\": exit status 137"), "killed likely");
        let load = "ERROR: failed to load image: command failed with error: exit status 137\nerror reading from server: EOF";
        for exit in [1, 137] {
            let judged = check(&ended(exit, load), "out-of-memory likely");
            assert!(
                judged.evidence.iter().any(|line| line.contains("`error reading from server: EOF`")),
                "{judged:?}"
            );
            assert!(judged.advice.starts_with("check with `shard check`"), "{judged:?}");
        }
        check(&ended(134, "FATAL ERROR: JavaScript heap out of memory"), "memory-limit likely");
        check(&ended(1, "[gw0] node down: Not properly terminated"), "out-of-memory possible");
        check(
            &ended(1, "was terminated by another process: signal=SIGKILL, exitCode=null"),
            "out-of-memory likely",
        );
        check(&ended(1, "OSError: [Errno 28] No space left on device"), "resource-limit likely");
        check(&ended(1, "=== 3 failed, 22 passed in 4s ==="), "test-failure likely");
        check(&ended(4, "ERROR: usage: pytest [options]"), "tool-error likely");
        check(&ended(143, "The operation was canceled."), "cancelled likely");
        check(&ended(143, "The runner has received a shutdown signal."), "runner-lost likely");
        check(&ended(1, "has exceeded the maximum execution time of 6 minutes"), "timeout likely");
        // A pipe that hides the exit code.
        check(&ended(0, "=== 3 failed, 22 passed in 4s ==="), "test-failure possible");
    }

    #[test]
    fn the_kernel_proves_what_a_code_cannot() {
        let killed = |own, machine| Evidence { oom_kills: own, machine_oom_kills: machine, ..ended(137, "") };
        check(&killed(Some(1), Some(1)), "out-of-memory certain");
        check(&killed(None, Some(1)), "out-of-memory likely");
        check(&killed(Some(0), Some(0)), "killed likely");
        check(&Evidence { memory: memory(95, 100), ..killed(None, Some(2)) }, "out-of-memory certain");
        check(&Evidence { memory: memory(95, 100), ..killed(None, None) }, "out-of-memory likely");
        check(&Evidence { memory: memory(95, 100), ..killed(None, Some(0)) }, "killed possible");
        check(&Evidence { memory: memory(50, 100), ..killed(None, None) }, "killed likely");
        let quit = |available| Evidence {
            machine_oom_kills: Some(1),
            oom_kills: Some(0),
            memory: Memory {
                available: Some(Bytes(available)),
                total: Some(Bytes(100)),
                ..Memory::default()
            },
            ..ended(125, "Error: server probably quit: unexpected EOF")
        };
        check(&quit(5), "out-of-memory certain");
        check(&quit(20), "out-of-memory likely");
        check(&quit(80), "daemon-crash likely");
        // A worker's death stands behind an ordinary exit code.
        let worker = Evidence { oom_kills: Some(1), ..ended(1, "worker 'gw0' crashed while running 'a'") };
        check(&worker, "out-of-memory certain");
        check(&Evidence { oom_kills: Some(0), ..worker }, "test-failure possible");
    }

    #[test]
    fn a_cluster_knows_what_it_did() {
        let of = |end, exit| {
            let task = Some(Task { end, said: "Slurm says so".to_owned() });
            Evidence { task, exit, ..Evidence::default() }
        };
        let judged = check(&of(TaskEnd::OutOfMemory, Some(137)), "out-of-memory certain");
        assert_eq!(judged.evidence[0], "Slurm says so");
        check(&of(TaskEnd::OutOfMemory, None), "out-of-memory likely");
        check(&Evidence { cut_off: true, ..of(TaskEnd::OutOfMemory, None) }, "out-of-memory certain");
        // A process was killed and nobody missed it.
        let all = Evidence { coverage: covered(2, 2, 0), ..of(TaskEnd::OutOfMemory, Some(0)) };
        check(&all, "passed certain");
        check(&of(TaskEnd::TimedOut, None), "timeout likely");
        check(&of(TaskEnd::NodeLost, None), "runner-lost likely");
        check(&of(TaskEnd::Preempted, None), "runner-lost likely");
        check(&of(TaskEnd::NodeShort, None), "out-of-memory possible");
        check(&of(TaskEnd::DiskShort, None), "resource-limit likely");
        check(&of(TaskEnd::Cancelled, None), "cancelled likely");
        check(&of(TaskEnd::NeverBegan, Some(128)), "tool-error likely");
        check(&of(TaskEnd::Passed, Some(0)), "passed possible");
        let judged = check(&of(TaskEnd::Failed, Some(1)), "test-failure possible");
        assert_eq!(judged.evidence, ["the exit code is 1", "Slurm says so"]);
        check(&of(TaskEnd::Failed, None), "unknown possible");
        // What `shard run` itself saw stands beside it.
        let stopped = Evidence { stopped: Some(Stopped::Timeout), ..of(TaskEnd::Failed, Some(124)) };
        check(&stopped, "timeout certain");
    }

    #[test]
    fn what_we_did_ourselves_is_known() {
        let stopped = |why| Evidence { stopped: Some(why), ..ended(143, "") };
        check(&stopped(Stopped::Guard), "out-of-memory certain");
        check(&stopped(Stopped::Idle), "hang certain");
        check(&Evidence { oom_kills: Some(1), ..stopped(Stopped::Idle) }, "out-of-memory certain");
        check(&Evidence { memory: memory(95, 100), ..stopped(Stopped::Idle) }, "out-of-memory likely");
        check(&stopped(Stopped::Timeout), "timeout certain");
        check(&stopped(Stopped::Signal), "cancelled possible");
        check(&Evidence { memory: memory(95, 100), ..stopped(Stopped::Signal) }, "out-of-memory likely");
    }

    #[test]
    fn an_incomplete_report_is_never_success() {
        let check = |exit, coverage, expect| {
            check(&Evidence { coverage, ..ended(exit, "") }, expect);
        };
        check(0, covered(3, 3, 0), "passed certain");
        check(0, covered(3, 2, 0), "incomplete certain");
        check(0, covered(3, 0, 0), "incomplete certain");
        check(0, covered(3, 3, 1), "test-failure likely");
        check(1, covered(3, 3, 1), "test-failure certain");
        check(1, covered(3, 2, 1), "incomplete likely");
        check(1, covered(0, 0, 0), "test-failure possible");
        // Tests that fail for reasons of their own may print anything.
        let printed = Evidence { coverage: covered(3, 3, 1), ..ended(1, "E  MemoryError") };
        super::tests::check(&printed, "memory-limit possible");
    }

    #[test]
    fn where_nobody_tells_of_suites_none_is_missing() {
        let lines = r#"{"event":"start","schema":1,"shard":"e2e-1","tier":"e2e","plan":"p","run":"r","attempt":1,"key":"k","at":1,"host":{},"suites":2}
{"event":"session","index":1,"attempt":1,"at":1,"suites":["a","b"]}
{"event":"session-end","index":1,"attempt":1,"at":4,"exit":0,"signal":null,"peak_bytes":5,"method":"tree"}
{"event":"end","at":5,"exit":0,"verdict":"passed","confidence":"possible","evidence":[],"peak_bytes":5,"not_run":NOT_RUN}
"#;
        let judged = |not_run: &str| {
            let outcome = outcome::read(lines.replace("NOT_RUN", not_run).as_bytes()).unwrap();
            Evidence::of(&outcome)
        };
        check(&judged("[]"), "passed possible");
        check(&judged(r#"["b"]"#), "incomplete certain");
    }

    #[test]
    fn outcomes_are_judged() {
        let start = r#"{"event":"start","schema":1,"shard":"e2e-1","tier":"e2e","plan":"p","run":"r","attempt":1,"key":"k","at":1,"host":{"memory_bytes":8000,"limit_bytes":1000,"available_bytes":7000,"cpus":2},"suites":2}
{"event":"session","index":1,"attempt":1,"at":1,"suites":["a","b"]}
{"event":"begin","worker":"main","id":"a","at":2,"level_bytes":100}
"#;
        let suite = |id: &str, status: &str| {
            format!(
                "{{\"event\":\"suite\",\"worker\":\"main\",\"id\":\"{id}\",\"ms\":1,\"status\":\"{status}\",\"last\":false}}\n"
            )
        };
        let sample =
            |bytes| format!("{{\"event\":\"sample\",\"at\":3,\"bytes\":{bytes},\"available_bytes\":6000}}\n");
        let session_end = |exit: &str, extra: &str| {
            format!(
                "{{\"event\":\"session-end\",\"index\":1,\"attempt\":1,\"at\":4,{exit},\"peak_bytes\":500,\"method\":\"tree\"{extra}}}\n"
            )
        };
        let end = |exit: i32, verdict: &str, confidence: &str| {
            format!(
                "{{\"event\":\"end\",\"at\":5,\"exit\":{exit},\"verdict\":\"{verdict}\",\"confidence\":\"{confidence}\",\"evidence\":[\"\\u001b[31mseen\"],\"peak_bytes\":500,\"not_run\":[]}}\n"
            )
        };
        let check = |lines: &[String], expect: &str| {
            let outcome = outcome::read(format!("{start}{}", lines.concat()).as_bytes()).unwrap();
            check(&Evidence::of(&outcome), expect)
        };
        let (zero, nine) = (r#""exit":0,"signal":null"#, r#""exit":null,"signal":9"#);
        let judged = check(&[sample(950)], "out-of-memory likely");
        assert_eq!(judged.evidence[2], "`a` was running (main)");
        assert_eq!(judged.evidence[3], "2 of 2 suites were not executed: `a`, `b`");
        check(&[sample(500)], "runner-lost possible");
        check(&[session_end(nine, ",\"oom_kills\":1")], "out-of-memory certain");
        check(&[session_end(nine, ",\"oom_kills\":0")], "killed likely");
        // Its own group would know: the machine's kill hit somebody else.
        check(&[session_end(nine, ",\"oom_kills\":0,\"machine_oom_kills\":1")], "killed likely");
        check(&[session_end(nine, ",\"machine_oom_kills\":1")], "out-of-memory likely");
        let code = r#""exit":137,"signal":null"#;
        check(&[session_end(code, ",\"oom_kills\":0,\"machine_oom_kills\":1")], "out-of-memory likely");
        let both = [suite("a", "passed"), suite("b", "passed"), session_end(zero, "")];
        check(&both, "runner-lost possible");
        check(&[both.concat(), end(0, "passed", "certain")], "passed certain");
        // A recorded success is looked at again, and what the run saw better is kept.
        check(
            &[suite("a", "passed"), session_end(zero, ""), end(0, "passed", "certain")],
            "incomplete certain",
        );
        let one = [suite("a", "passed"), suite("b", "failed"), session_end(r#""exit":1,"signal":null"#, "")]
            .concat();
        check(&[one.clone(), end(1, "test-failure", "certain")], "test-failure certain");
        let judged = check(&[one, end(1, "resource-limit", "certain")], "resource-limit certain");
        assert_eq!(judged.evidence[0], "\\u{1b}[31mseen");
        // What only the output told is kept, whatever the account of the suites says for certain.
        let failed = [suite("a", "passed"), suite("b", "failed")].concat();
        let missing = suite("a", "passed");
        for suites in [&failed, &missing] {
            let lines = [suites.clone(), session_end(r#""exit":1,"signal":null"#, "")].concat();
            for verdict in ["memory-limit", "resource-limit", "out-of-memory", "daemon-crash"] {
                check(&[lines.clone(), end(1, verdict, "possible")], &format!("{verdict} possible"));
            }
            let other = check(
                &[lines.clone(), end(1, "tool-error", "possible")],
                match suites == &failed {
                    true => "test-failure certain",
                    false => "incomplete likely",
                },
            );
            assert!(!other.evidence.iter().any(|line| line.contains("itself said")), "{other:?}");
        }
        // A counter of the kernel knows better, and what the run said is told beside it.
        let counted = session_end(nine, ",\"oom_kills\":1");
        let judged = check(&[counted, end(137, "memory-limit", "possible")], "out-of-memory certain");
        let said = "`shard run` itself said memory-limit, possible: \\u{1b}[31mseen";
        assert_eq!(judged.evidence.last().map(String::as_str), Some(said));
        // What the run wrote of its peak is said once, what nobody wrote as the file has it.
        let budget = start.replace("\"suites\":2}", "\"budget_bytes\":800,\"suites\":2}");
        let peaks = |evidence: &str| {
            let lines = [sample(950), session_end(nine, ""), end(137, "killed", "certain")].concat();
            let lines = lines.replace("\\u001b[31mseen", evidence);
            let judged = judge(&Evidence::of(&outcome::read(format!("{budget}{lines}").as_bytes()).unwrap()));
            judged.evidence.into_iter().filter(|sentence| sentence.contains("peak")).collect::<Vec<_>>()
        };
        let written = "the peak was 500 B, within the budget of 800 B";
        assert_eq!(peaks(written), [written]);
        assert_eq!(peaks("seen"), ["the peak was 950 B, above the budget of 800 B"]);
        // Killed once, and made good by sessions that the plan did not have.
        let again =
            r#"{"event":"session","index":2,"attempt":1,"at":6,"suites":["a","b"]}"#.to_owned() + "\n";
        let good = [
            suite("a", "passed"),
            suite("b", "passed"),
            session_end(zero, "").replace("\"index\":1", "\"index\":2"),
        ];
        check(
            &[session_end(nine, ",\"oom_kills\":1"), again, good.concat(), end(0, "passed", "certain")],
            "passed certain",
        );
    }
}
