//! Verdicts, for people and for programs.

use serde::Serialize;

use super::style::{Paint, Style};
use crate::model::{Bytes, Confidence, Verdict};
use crate::outcome::Outcome;
use crate::text::{printable, shorten};
use crate::triage::{Evidence, Judgement};

/// Longest name of a job that is shown, in columns.
const JOB_MAX: usize = 100;

/// One end that was judged.
pub struct Judged {
    /// The file of the outcome; `None`: there was none.
    pub file: Option<String>,
    /// The CI's job, with the shard that it ran; `None`: nobody spoke of a job.
    pub job: Option<(String, Option<String>)>,
    /// What the file, or the job's artifact, holds.
    pub outcome: Option<Outcome>,
    /// What was known.
    pub evidence: Evidence,
    /// What it means.
    pub judgement: Judgement,
}

/// The verdicts with their evidence and what to do next, a paragraph each.
#[must_use]
pub fn text(all: &[Judged], style: Style) -> String {
    let mut out = String::new();
    for (number, judged) in all.iter().enumerate() {
        if number > 0 {
            out.push('\n');
        }
        let Judgement { verdict, confidence, evidence, advice } = &judged.judgement;
        let verdict = style.paint(paint(*verdict), verdict.name());
        out.push_str(&format!("{}{verdict}, {confidence}\n", subject(judged)));
        for sentence in evidence {
            style.paragraph((Paint::Quiet, "· "), sentence, &mut out);
        }
        style.paragraph((Paint::Strong, "next: "), advice, &mut out);
    }
    style.finish(out)
}

fn subject(judged: &Judged) -> String {
    let start = judged.outcome.as_ref().and_then(|outcome| outcome.start.as_ref());
    if let Some((job, _)) = &judged.job {
        return format!("{}: ", printable(&shorten(job, JOB_MAX)));
    }
    match (start, &judged.file) {
        (Some(start), _) => {
            let round = if start.round > 0 { format!("round {}, ", start.round) } else { String::new() };
            format!("{} ({round}attempt {}): ", printable(&start.shard), start.attempt)
        }
        (None, Some(file)) => format!("{}: ", printable(file)),
        (None, None) => String::new(),
    }
}

fn paint(verdict: Verdict) -> Paint {
    match verdict {
        Verdict::Passed => Paint::Good,
        Verdict::Cancelled | Verdict::Unknown => Paint::Warning,
        _ => Paint::Bad,
    }
}

/// All verdicts as one document.
///
/// # Errors
/// None in practice: every value here can be written as JSON.
pub fn json(all: &[Judged]) -> serde_json::Result<String> {
    #[derive(Serialize)]
    struct Document<'a> {
        schema: u64,
        verdicts: Vec<Row<'a>>,
    }
    #[derive(Serialize)]
    struct Row<'a> {
        file: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        job: Option<&'a str>,
        shard: Option<&'a str>,
        tier: Option<&'a str>,
        round: Option<u32>,
        attempt: Option<u32>,
        exit: Option<i32>,
        verdict: Verdict,
        confidence: Confidence,
        evidence: &'a [String],
        advice: &'a str,
        in_flight: Vec<&'a str>,
        suites: Option<usize>,
        executed: Option<usize>,
        not_run: &'a [String],
        peak_bytes: Option<Bytes>,
    }
    fn row(judged: &Judged) -> Row<'_> {
        let start = judged.outcome.as_ref().and_then(|outcome| outcome.start.as_ref());
        let of_job = judged.job.as_ref().and_then(|(_, shard)| shard.as_deref());
        let coverage = judged.evidence.coverage.as_ref();
        let in_flight = judged.evidence.in_flight.iter();
        Row {
            file: judged.file.as_deref(),
            job: judged.job.as_ref().map(|(job, _)| job.as_str()),
            shard: start.map(|start| start.shard.as_str()).or(of_job),
            tier: start.map(|start| start.tier.as_str()),
            round: start.map(|start| start.round),
            attempt: start.map(|start| start.attempt),
            exit: judged.evidence.code(),
            verdict: judged.judgement.verdict,
            confidence: judged.judgement.confidence,
            evidence: &judged.judgement.evidence,
            advice: &judged.judgement.advice,
            in_flight: in_flight.map(|(_, id)| id.as_str()).collect(),
            suites: coverage.map(|coverage| coverage.suites),
            executed: coverage.map(|coverage| coverage.executed),
            not_run: coverage.map_or(&[], |coverage| &coverage.not_run),
            peak_bytes: judged.evidence.memory.peak,
        }
    }
    let document = Document { schema: 1, verdicts: all.iter().map(row).collect() };
    serde_json::to_string(&document).map(|text| text + "\n")
}
