//! What a GitHub workflow step hands on: outputs, a summary, annotations.
//!
//! Limits and escaping are GitHub's own: at most 256 jobs from one matrix, 1 MB of outputs a job
//! counted in UTF-16, ten annotations of a kind a step. The runner reads an output file line by line;
//! a value without a line break needs no delimiter that somebody could guess.

use std::fmt::Write as _;

use super::matrix::{self, Row};
use crate::model::Digest;
use crate::plan::Plan;
use crate::text::count;

/// Jobs that GitHub makes of one matrix, all axes together.
const JOBS_MAX: usize = 256;
/// Bytes of all outputs of a job, in UTF-16.
const OUTPUT_BYTES_MAX: usize = 1 << 20;
/// Annotations that we take of the ten that a step has.
const ANNOTATIONS_MAX: usize = 3;
/// Characters after which GitHub cuts a message.
const MESSAGE_MAX: usize = 4_000;

/// Lines for `$GITHUB_OUTPUT`. `plan_path` is where the plan is; `axes` is how many jobs the workflow's
/// other axes make of each shard.
///
/// # Errors
/// More jobs or bytes than GitHub takes, a path with a line break; in words, with what would do.
pub fn outputs(
    plan: &Plan,
    rows: &[Row<'_>],
    digest: &Digest,
    plan_path: &str,
    axes: usize,
) -> Result<String, String> {
    if rows.len().saturating_mul(axes) > JOBS_MAX {
        let other = if axes > 1 { format!(" × {axes} of other axes") } else { String::new() };
        return Err(format!(
            "{}{other} are more jobs than the {JOBS_MAX} that GitHub makes of one matrix\n  help: \
             plan with --shards {} or fewer",
            count(rows.len(), "shard"),
            JOBS_MAX / axes
        ));
    }
    let json = |value: serde_json::Result<String>| value.map_err(|err| err.to_string());
    let values = [
        ("matrix", json(matrix::include(rows))?),
        ("shards", json(serde_json::to_string(rows))?),
        ("count", rows.len().to_string()),
        ("digest", digest.to_string()),
        ("plan", plan_path.to_owned()),
        ("longest-minutes", plan.quality.makespan_ms.0.div_ceil(60_000).to_string()),
        ("peak-mb", plan.quality.peak_bytes.0.div_ceil(1_000_000).to_string()),
    ];
    let mut out = String::new();
    for (name, value) in values {
        if value.contains(['\n', '\r']) {
            return Err(format!("the output `{name}` would hold a line break\n  help: name another --out"));
        }
        let _ = writeln!(out, "{name}={value}");
    }
    let bytes = 2 * out.encode_utf16().count();
    if bytes > OUTPUT_BYTES_MAX {
        return Err(format!(
            "the outputs take {bytes} bytes in UTF-16, more than the {OUTPUT_BYTES_MAX} that GitHub takes\n  \
             help: shorten `runs-on`, or let a job read matrix.json from an artifact"
        ));
    }
    Ok(out)
}

/// Workflow commands for the plan's warnings: at most three, the last one for all that are left.
#[must_use]
pub fn annotations(plan: &Plan) -> String {
    let mut out = String::new();
    let warnings = &plan.warnings;
    let shown = if warnings.len() > ANNOTATIONS_MAX { ANNOTATIONS_MAX - 1 } else { warnings.len() };
    for warning in &warnings[..shown] {
        annotation(&warning.code, &warning.message, &mut out);
    }
    if shown < warnings.len() {
        let more =
            format!("{} in the summary and in plan.json", count(warnings.len() - shown, "more warning"));
        annotation("more", &more, &mut out);
    }
    out
}

fn annotation(code: &str, message: &str, out: &mut String) {
    let message: String = message.chars().take(MESSAGE_MAX).collect();
    let _ = writeln!(out, "::warning title={}::{}", property(&format!("shard: {code}")), data(&message));
}

/// Text inside a workflow command.
fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// A property of a workflow command.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

/// `text` between commands that switch commands off: a name in it is no command. The token is the
/// plan's own digest, which nobody knows who names a suite.
#[must_use]
pub fn fenced(text: &str, digest: &Digest) -> String {
    let token = digest.to_string().replace(':', "-");
    format!("::stop-commands::{token}\n{text}::{token}::\n")
}
