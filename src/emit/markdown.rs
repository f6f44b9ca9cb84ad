//! The plan as Markdown, for step summaries and pull requests: compact, the long parts collapsed,
//! cut before the limits of GitHub.

mod chart;

use std::cmp::Reverse;
use std::fmt::Write as _;

use super::{phrase, table};
use crate::model::Basis;
use crate::plan::diff::Diff;
use crate::plan::file::{Plan, Shard, Suite, Warning};
use crate::text::{count, printable, shorten, thousands};

/// Most bytes of a document: a step summary may have 1 MiB, a comment 65,536 characters.
pub const SUMMARY_BYTES_MAX: usize = 900 << 10;
/// See [`SUMMARY_BYTES_MAX`].
pub const COMMENT_BYTES_MAX: usize = 60_000;

/// Shards that are shown at once; the others are collapsed.
const SHARDS_SHOWN: usize = 20;
/// Columns of what changed.
const CHANGED_MAX: usize = 600;
/// Suites that are listed.
const SUITES_SHOWN: usize = 10;
/// Warnings that stand out.
const WARNINGS_SHOWN: usize = 3;
/// Warnings that are listed besides.
const WARNINGS_LISTED: usize = 20;
/// Columns of one warning.
const WARNING_MAX: usize = 600;

/// A document of at most `most` bytes. `since`: how the plan differs from the one before it.
#[must_use]
pub fn render(plan: &Plan, since: Option<&Diff>, most: usize) -> String {
    let mut out = String::new();
    let _ = writeln!(out, "### {}\n", phrase::headline(plan));
    if let Some(changed) = table::changed(plan, since) {
        let changed = shorten(&changed, CHANGED_MAX);
        let _ = writeln!(out, "{}\n", escaped(&changed));
    }
    warnings(plan, most, &mut out);
    if plan.shards.is_empty() {
        return out;
    }
    let tail = tail(plan);
    chart::write(plan, &mut out);
    let (shown, hidden) = plan.shards.split_at(plan.shards.len().min(SHARDS_SHOWN));
    rows(plan, shown, most.saturating_sub(tail.len()), &mut out);
    if !hidden.is_empty() {
        let _ = writeln!(out, "<details><summary>{} more</summary>\n", count(hidden.len(), "shard"));
        rows(plan, hidden, most.saturating_sub(tail.len() + 200), &mut out);
        let _ = writeln!(out, "</details>\n");
    }
    out.push_str(&tail);
    out
}

/// The first few stand out, the others are collapsed: at most half of the document, since the jobs matter too.
fn warnings(plan: &Plan, most: usize, out: &mut String) {
    let (first, others) = plan.warnings.split_at(plan.warnings.len().min(WARNINGS_SHOWN));
    let mut left = plan.warnings.len();
    let mut add = |text: String, out: &mut String| {
        let fits = out.len() + text.len() <= most / 2;
        if fits {
            out.push_str(&text);
            left -= 1;
        }
        fits
    };
    let text = |warning: &Warning| escaped(&shorten(&warning.message, WARNING_MAX));
    let all = first.iter().all(|warning| add(format!("> [!WARNING]\n> {}\n\n", text(warning)), out));
    if all && !others.is_empty() {
        let _ = writeln!(out, "<details><summary>{}</summary>\n", count(others.len(), "more warning"));
        let listed = others.iter().take(WARNINGS_LISTED);
        let _ = listed.into_iter().all(|warning| add(format!("- {}\n", text(warning)), out));
        let _ = writeln!(out, "\n</details>\n");
    }
    if left > 0 {
        let _ = writeln!(out, "… and {} in `plan.json`\n", count(left, "more warning"));
    }
}

/// The rows that fit; how many do not is said.
fn rows(plan: &Plan, shards: &[Shard], most: usize, out: &mut String) {
    let _ = writeln!(out, "| shard | suites | time | | memory | of budget | runs on |");
    let _ = writeln!(out, "|---|--:|--:|---|--:|--:|---|");
    for (number, shard) in shards.iter().enumerate() {
        let suites: usize = shard.suites().count();
        let full = phrase::percent(shard).map_or("–".to_owned(), |percent| format!("{percent} %"));
        let runs_on = match shard.runs_on.label() {
            Some(label) => escaped(label),
            None => escaped(&shard.runs_on.0.to_string()),
        };
        let bar = phrase::gauge(shard.predicted_ms.0, plan.quality.makespan_ms.0, 10);
        let row = format!(
            "| {} | {} | {} | `{bar}` | {} | {full}{} | {runs_on} |\n",
            shard.id,
            thousands(suites),
            shard.predicted_ms,
            shard.predicted_bytes,
            if shard.oversize { " :warning:" } else { "" },
        );
        if out.len() + row.len() > most {
            let _ = writeln!(out, "\n… and {} more, in `plan.json`", thousands(shards.len() - number));
            break;
        }
        out.push_str(&row);
    }
    out.push('\n');
}

fn tail(plan: &Plan) -> String {
    let mut out = String::new();
    let decided =
        phrase::limit(plan).map_or(String::new(), |limit| format!("; decided by {}", escaped(&limit)));
    let (suites, bases) = (count(plan.inputs.suites, "suite"), phrase::bases(plan));
    let _ = writeln!(out, "{suites}: {bases} · {}{decided}\n", phrase::bound(plan));
    if let Some(advice) = phrase::advice(plan) {
        let _ = writeln!(out, "**Next:** {}\n", escaped(&advice));
    }
    curve(plan, &mut out);
    let mut suites: Vec<(&Shard, &Suite)> = plan.suites().collect();
    suites.sort_by_key(|(_, suite)| (Reverse(suite.ms), &suite.id));
    suites.truncate(SUITES_SHOWN);
    let _ = writeln!(out, "<details><summary>the longest suites</summary>\n");
    let _ = writeln!(out, "| suite | shard | time | retained | transient | |\n|---|---|--:|--:|--:|---|");
    for (shard, suite) in suites {
        let basis = match suite.basis {
            Basis::Measured => "measured",
            Basis::Inherited => "inherited",
            Basis::Assumed => "assumed",
        };
        let name = escaped(&shorten(&suite.id, 120));
        let (retained, transient) = (suite.retained_bytes, suite.transient_bytes);
        let _ = writeln!(
            out,
            "| <code>{name}</code> | {} | {} | {retained} | {transient} | {basis} |",
            shard.id, suite.ms
        );
    }
    let _ = writeln!(out, "\n</details>");
    out
}

fn curve(plan: &Plan, out: &mut String) {
    let rows = phrase::curve(plan);
    if rows.is_empty() {
        return;
    }
    let priced = rows.iter().any(|row| row.point.price.is_some());
    let (price, rule) = if priced { (" price |", "--:|") } else { ("", "") };
    let _ = writeln!(out, "<details><summary>{}</summary>\n", phrase::terms(plan));
    let _ = writeln!(out, "| shards | longest | all done | machines |{price}\n|--:|--:|--:|--:|{rule}");
    for row in rows {
        let point = row.point;
        let shards = if row.chosen { format!("**{}**", point.shards) } else { point.shards.to_string() };
        let price = point.price.map_or(String::new(), |price| format!(" {price} |"));
        let (longest, wall, machine) = (point.longest_ms, point.wall_ms, point.machine_ms);
        let _ = writeln!(out, "| {shards} | {longest} | {wall} | {machine} |{price}");
    }
    let _ = writeln!(out, "\n</details>\n");
}

/// Text that Markdown and HTML take as nothing but text: no mention, no link, no end of a cell.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in printable(text).chars() {
        // Dots and dashes are everywhere in names and mean nothing inside a line.
        if c.is_ascii_punctuation() && !matches!(c, '.' | '-' | '/' | ',' | '%') {
            let _ = write!(out, "&#{};", u32::from(c));
        } else {
            out.push(c);
        }
    }
    // `www.` and `https://` make links without any punctuation that could be escaped above.
    out.replace("www.", "www&#46;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::WarningCode;

    fn plan() -> Plan {
        Plan::from_bytes(include_bytes!("../../testdata/plans/two-shards.json")).unwrap()
    }

    #[test]
    fn names_stay_text() {
        assert_eq!(
            escaped("a|b`c`@me <x> [l](u)"),
            "a&#124;b&#96;c&#96;&#64;me &#60;x&#62; &#91;l&#93;&#40;u&#41;"
        );
        assert_eq!(escaped("\n::error::x"), "&#92;u&#123;a&#125;&#58;&#58;error&#58;&#58;x");
    }

    #[test]
    fn a_long_plan_is_cut_below_the_limit() {
        let mut plan = plan();
        let shard = plan.shards[0].clone();
        plan.shards = vec![shard; 20_000];
        for most in [COMMENT_BYTES_MAX, SUMMARY_BYTES_MAX] {
            let text = render(&plan, None, most);
            assert!(text.len() <= most, "{}", text.len());
            assert!(text.contains(" more, in `plan.json`") && text.trim_end().ends_with("</details>"));
        }
        plan.warnings = vec![crate::plan::Warning::new(WarningCode::Oversize, "", "[".repeat(3_000)); 100];
        assert!(render(&plan, None, COMMENT_BYTES_MAX).len() <= COMMENT_BYTES_MAX);
    }
}
