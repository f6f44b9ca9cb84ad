//! The text of `shard.toml`. Whatever comes from the project stands in escaped strings or in printable comments.

use std::fmt::Write;

use super::machines::{Ci, Place};
use super::tiers::{Assumed, Draft, Tier, assumed};
use super::{Found, Suites};
use crate::text::{count, printable, shorten};

/// Widest line of words.
const WIDTH: usize = 100;
/// Longest part of a comment that comes from the project.
const SAID_MAX: usize = 160;

/// A configuration that plans what was found.
#[must_use]
pub fn settings(draft: &Draft<'_>, place: &Place) -> String {
    let mut out = String::from(
        "# Written by `shard init` from the files of this project: change whatever you know better.\n# docs/configuration.md of shard has every key.\n\n",
    );
    let (budget, why) = match place.ci {
        Ci::Github => {
            ("auto", "of one job: by the memory of GitHub's machine; private repositories have half: \"5GB\"")
        }
        Ci::Gitlab | Ci::None => ("3GB", "of one job: about 70 % of the machine's memory"),
    };
    line(&mut out, "budget", &quoted(budget), why);
    line(&mut out, "shards", &quoted("auto"), "as many jobs as pay; or a number; or instead target = \"6m\"");
    line(&mut out, "history", &quoted("shard-history.json"), "what `shard record` learns from every run");
    out.push_str("\n[inventory]\n");
    if !draft.files.is_empty() {
        let files: usize = draft.tiers.iter().filter_map(|tier| tier.files).sum();
        let _ = writeln!(out, "# {} now. What none of these lines matches never runs.", count(files, "file"));
        list(&mut out, "", "files", &draft.files);
    }
    if !draft.exclude.is_empty() {
        list(&mut out, "", "exclude", &draft.exclude);
    }
    match draft.commands.as_slice() {
        [] => {}
        [one] => {
            out.push_str("# The tool lists its own tests; `shard plan` runs this.\n");
            list(&mut out, "", "command", one);
        }
        several => {
            out.push_str("# The tools list their own tests; `shard plan` runs these.\ncommand = [\n");
            several.iter().for_each(|one| {
                let _ = writeln!(out, "  {},", words(one));
            });
            out.push_str("]\n");
        }
    }
    for (index, tier) in draft.tiers.iter().enumerate() {
        let again = index > 0 && std::ptr::eq(draft.tiers[index - 1].found, tier.found);
        write_tier(&mut out, tier, place, "", again);
    }
    for tier in &draft.instead {
        let other = tier.found.instead.map_or("another runner", super::Runner::title);
        let this = tier.found.runner.title();
        let _ = write!(
            out,
            "\n# {this} was found too, over files that {other} has: take it instead, if that is right."
        );
        write_tier(&mut out, tier, place, "# ", false);
    }
    if place.ci == Ci::Gitlab {
        super::pipeline::gitlab_settings(&mut out, draft, place.included);
    }
    out
}

/// `again`: the tier before says where this was found.
fn write_tier(out: &mut String, tier: &Tier<'_>, place: &Place, comment: &str, again: bool) {
    let found = tier.found;
    let figures = assumed(found);
    let mut text = String::new();
    let files = tier.files.map_or_else(|| seen(found), |files| count(files, "file"));
    let _ = writeln!(text, "# {}: {}", found.runner.title(), remark(&files));
    if !again {
        for (file, said) in &found.evidence {
            let _ = writeln!(text, "#   {}: {}", remark(file), remark(said));
        }
        for note in &found.notes {
            let _ = writeln!(text, "# note: {}", remark(note));
        }
        for hint in &found.hints {
            let _ = writeln!(text, "# {}", remark(hint));
        }
    }
    let _ = writeln!(text, "[tier.{}]", tier.name);
    list(&mut text, "", "match", &tier.matches);
    list(&mut text, "", "run", &found.run);
    let Assumed { workers, isolated, why, base, worker_base, setup, time, retained, transient, unit } =
        figures;
    line(&mut text, "workers", &workers.to_string(), "");
    line(&mut text, "memory", &quoted(if isolated { "isolated" } else { "accumulates" }), why);
    if found.shuffles {
        line(&mut text, "order", &quoted("any"), "it shuffles, or orders them itself");
    }
    line(&mut text, "setup", &quoted(setup), "a guess: checkout and installation, once a job");
    let _ = writeln!(
        text,
        "# A guess for a {unit} that nobody measured; what `shard record` learns takes its place."
    );
    let assume = format!(
        "{{ time = {}, retained = {}, transient = {} }}",
        quoted(time),
        quoted(retained),
        quoted(transient)
    );
    line(&mut text, "assume", &assume, "");
    line(&mut text, "base", &quoted(base), "a guess: of a session, before its first suite");
    line(&mut text, "worker-base", &quoted(worker_base), "a guess: and of each worker");
    if let Some(label) = &place.runs_on {
        line(&mut text, "runs-on", &quoted(label), "as in your other workflows");
    }
    out.push('\n');
    text.lines().for_each(|line| {
        let _ = writeln!(out, "{}", format!("{comment}{line}").trim_end());
    });
}

/// What can be seen of tests that only the tool lists.
pub(super) fn seen(found: &Found) -> String {
    match &found.suites {
        Suites::Files { files, .. } => count(files.len(), "file"),
        Suites::Listed { seen, .. } => seen.clone(),
    }
}

/// Foreign text as a part of a comment.
fn remark(text: &str) -> String {
    printable(&shorten(text, SAID_MAX))
}

fn line(out: &mut String, key: &str, value: &str, comment: &str) {
    let _ = match comment {
        "" => writeln!(out, "{key:<11} = {value}"),
        comment => writeln!(out, "{key:<11} = {value:<20} # {comment}"),
    };
}

/// A list of strings, one a line where they are many.
fn list(out: &mut String, indent: &str, key: &str, all: &[String]) {
    let line = words(all);
    let _ = if line.chars().count() <= WIDTH {
        writeln!(out, "{indent}{key:<11} = {line}")
    } else {
        let lines: String = all.iter().map(|one| format!("{indent}  {},\n", quoted(one))).collect();
        writeln!(out, "{indent}{key:<11} = [\n{lines}{indent}]")
    };
}

fn words(all: &[String]) -> String {
    let all: Vec<String> = all.iter().map(|word| quoted(word)).collect();
    format!("[{}]", all.join(", "))
}

/// A basic string of TOML: nothing in it ends it, and nothing in it is invisible.
pub(super) fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            // `##[` would be a command to a CI's runner, where this is printed.
            '#' if out.ends_with('#') => out.push_str("\\u0023"),
            c if printable(c.encode_utf8(&mut [0; 4])) != c.to_string() => {
                let _ = write!(out, "\\U{:08X}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_are_read_back_as_they_were() {
        let odd = "a \"b\" \\ 'c' {x} # [y]\n\r\t\u{0}\u{1b}\u{7f}\u{85}\u{2028}\u{202e}\u{feff} ::d ##[e] \u{1f600}é";
        let text = format!("x = {}", quoted(odd));
        assert!(!text.contains("##") && !text.contains(['\n', '\u{85}', '\u{202e}', '\u{7f}']));
        let table: toml::Table = text.parse().unwrap();
        assert_eq!(table["x"].as_str(), Some(odd));
    }
}
