//! What is told of the findings: each with its evidence, what is not covered, and what to do next.

use super::machines::{Ci, Place};
use super::tiers::Draft;
use super::{Findings, Found, Runner, Suites, settings};
use crate::text::{count, examples, printable, shorten};

/// Most findings that are told one by one.
const FOUND_MAX: usize = 20;

/// What was found, for people.
#[must_use]
pub fn said(findings: &Findings, draft: &Draft<'_>) -> String {
    let mut lines = Vec::new();
    for found in findings.found.iter().take(FOUND_MAX) {
        let place =
            if found.folder.is_empty() { String::new() } else { format!(" in {}", plain(&found.folder)) };
        let names: Vec<&str> = (draft.tiers.iter())
            .filter(|tier| std::ptr::eq(tier.found, found))
            .map(|tier| tier.name.as_str())
            .collect();
        let tiers = match (names.as_slice(), found.instead) {
            (_, Some(other)) => format!("left out: {} has the same files", other.title()),
            ([one], None) => format!("tier {one}"),
            (several, None) => format!("tiers {}", several.join(", ")),
        };
        lines.push(format!("found {}{place}: {}; {tiers}", found.runner.title(), what(found)));
        lines.extend(found.evidence.iter().map(|(file, said)| format!("  {}: {}", plain(file), plain(said))));
        lines.extend(found.notes.iter().map(|note| format!("  note: {}", plain(note))));
    }
    let more = findings.found.len().saturating_sub(FOUND_MAX);
    if more > 0 {
        lines.push(format!("and {more} more"));
    }
    if !findings.others.is_empty() {
        let all: Vec<String> =
            findings.others.iter().map(|(name, file)| format!("{name} ({})", plain(file))).collect();
        lines.push(format!(
            "nothing is written for: {}\n  help: docs/runners.md says how any other tool is run",
            all.join(", ")
        ));
    }
    if draft.tiers.len() > 4 {
        lines.push(format!(
            "note: a job holds suites of one tier, so {} are {} at least",
            count(draft.tiers.len(), "tier"),
            count(draft.tiers.len(), "job")
        ));
    }
    lines.extend(findings.notes.iter().map(|note| format!("note: {}", plain(note))));
    lines.join("\n")
}

fn what(found: &Found) -> String {
    match &found.suites {
        Suites::Files { patterns, files, .. } => {
            format!("{}, {}", count(files.len(), "file"), examples(patterns.iter().map(String::as_str), 3))
        }
        Suites::Listed { .. } => settings::seen(found),
    }
}

fn plain(text: &str) -> String {
    printable(&shorten(text, 120))
}

/// The next steps: what to run, and what `left` says.
#[must_use]
pub fn next(draft: &Draft<'_>, place: &Place, folder: &str, left: &[String]) -> String {
    let mut steps = Vec::new();
    if !folder.is_empty() {
        steps.push(format!("cd {}", plain(folder)));
    }
    let listed: Vec<Runner> = (draft.tiers.iter())
        .filter(|tier| matches!(tier.found.suites, Suites::Listed { .. }))
        .map(|tier| tier.found.runner)
        .collect();
    if listed.contains(&Runner::Ctest) {
        steps.push("cmake -B build && cmake --build build    (tests are listed from there)".to_owned());
    }
    steps.push(match listed.contains(&Runner::Nextest) {
        true => "shard plan    (builds the tests, to list them)".to_owned(),
        false => "shard plan".to_owned(),
    });
    steps.push(format!("shard run {}-1    (where the project's tools are installed)", draft.first()));
    steps.push("shard record shard-out/outcomes, then shard plan    (now by what was measured)".to_owned());
    steps.extend(left.iter().cloned());
    if place.ci != Ci::None {
        steps.push("commit both files, and add shard-out/ to .gitignore".to_owned());
    }
    let steps = steps.iter().enumerate().map(|(number, step)| format!("  {}. {step}", number + 1));
    format!("next:\n{}", steps.collect::<Vec<_>>().join("\n"))
}
