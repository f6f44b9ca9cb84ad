//! What files hold, for people and for programs.

use serde_json::json;

use crate::history::against::Against;
use crate::model::Bytes;
use crate::report::Format;
use crate::report::tally::{Example, Tally};
use crate::text::{count, examples, printable, thousands};

/// Slowest and heaviest units that are shown.
const TOP: usize = 5;

/// Files of no known format that are named.
const STRANGE: usize = 5;

/// One file, and what was found in it.
pub struct Inspected {
    /// Its path, as the user would say it.
    pub name: String,
    /// `None`: not recognised.
    pub format: Option<Format>,
    /// Nothing where `error` is set.
    pub tally: Tally,
    /// How its names meet an inventory, where one was given.
    pub against: Option<Against>,
    /// Why it could not be read.
    pub error: Option<String>,
}

impl Inspected {
    fn unit_kind(&self) -> &'static str {
        self.format.and_then(Format::unit_kind).unwrap_or_else(|| self.tally.unit_kind())
    }
}

/// One line of JSON a file.
///
/// # Errors
/// What serialising reports.
pub fn lines(files: &[Inspected]) -> serde_json::Result<String> {
    let mut out = String::new();
    for file in files {
        let tally = &file.tally;
        let rounded = |seconds: f64| (seconds * 1e6).round() / 1e6;
        let slowest = tally.slowest(TOP).into_iter().map(|(name, seconds)| json!([name, rounded(seconds)]));
        let warnings = warnings(tally);
        let mut line = json!({
            "file": file.name,
            "format": file.format.map(Format::name),
            "cases": tally.cases,
            "units": tally.units.len(),
            "unit_kind": file.unit_kind(),
            "seconds": rounded(tally.seconds()),
            "untimed": tally.untimed,
            "negative": tally.negative,
            "skipped": tally.skipped,
            "retries": tally.retries,
            "top5": slowest.collect::<Vec<_>>(),
            "top5_memory_bytes": tally.heaviest(TOP),
            "warnings": warnings,
            "error": file.error,
        });
        if let (Some(against), Some(line)) = (&file.against, line.as_object_mut()) {
            let why = against.why.iter().map(|(why, (count, first))| json!([why.words(), count, first]));
            line.insert("listed".to_owned(), json!(against.listed));
            line.insert("known".to_owned(), json!(against.known));
            line.insert("new".to_owned(), json!(against.new.len()));
            line.insert("stale".to_owned(), json!(against.stale.len()));
            line.insert("why".to_owned(), json!(why.collect::<Vec<_>>()));
            let map = against.map.as_ref().map(|map| json!({"strip": map.strip, "add": map.add}));
            line.insert("map".to_owned(), json!(map));
        }
        out.push_str(&serde_json::to_string(&line)?);
        out.push('\n');
    }
    Ok(out)
}

/// A paragraph a file, and one for all that are of no known format.
#[must_use]
pub fn text(files: &[Inspected]) -> String {
    let mut out = String::new();
    let (files, strange): (Vec<_>, Vec<_>) =
        files.iter().partition(|file| file.format.is_some() || file.error.is_some());
    for file in files {
        if !out.is_empty() {
            out.push('\n');
        }
        let name = printable(&file.name);
        let format = file.format.map_or("unknown", Format::name);
        if let Some(error) = &file.error {
            out.push_str(&format!("{name}: {format}\n  error: {error}\n"));
            continue;
        }
        let tally = &file.tally;
        out.push_str(&format!("{name}: {format}\n"));
        // Of another document a warning says what it is.
        if file.format != Some(Format::OtherXml) || tally.cases > 0 {
            out.push_str(&format!(
                "  {} in {}, {:.3} s\n",
                count(tally.cases, "case"),
                units(tally.units.len(), file.unit_kind()),
                tally.seconds()
            ));
        }
        let odd = [
            (tally.untimed, "without a time"),
            (tally.negative, "with a negative time"),
            (tally.skipped, "skipped"),
            (tally.cached, "not run again"),
            (tally.aborted, "never ended"),
            (tally.retries, "retries"),
        ];
        let odd: Vec<String> = (odd.iter().filter(|(number, _)| *number > 0))
            .map(|(number, what)| format!("{} {what}", thousands(*number)))
            .collect();
        if !odd.is_empty() {
            out.push_str(&format!("  {}\n", odd.join(", ")));
        }
        for (name, seconds) in tally.slowest(TOP).into_iter().filter(|(_, seconds)| *seconds > 0.0) {
            let name = if name.is_empty() { "(no name)".to_owned() } else { printable(name) };
            out.push_str(&format!("  {seconds:>10.3} s  {name}\n"));
        }
        for (name, bytes) in tally.heaviest(TOP) {
            out.push_str(&format!("  {:>12}  {}\n", Bytes(bytes).to_string(), printable(name)));
        }
        for warning in warnings(tally) {
            out.push_str(&format!("  warning: {warning}\n"));
        }
        if let Some(against) = &file.against {
            out.push_str(&met(against));
        }
    }
    if !strange.is_empty() {
        let names = examples(strange.iter().map(|file| file.name.as_str()), STRANGE);
        let blank = if out.is_empty() { "" } else { "\n" };
        out.push_str(&format!("{blank}not recognised: {}: {names}\n", count(strange.len(), "file")));
    }
    out
}

/// So many of a kind.
fn units(number: usize, kind: &str) -> String {
    match kind {
        "classname" | "class" if number == 1 => "1 class".to_owned(),
        "classname" | "class" => format!("{} classes", thousands(number)),
        "binary" if number != 1 => format!("{} binaries", thousands(number)),
        "none" => count(number, "place"),
        kind => count(number, kind),
    }
}

/// How names meet an inventory, and what would help.
fn met(against: &Against) -> String {
    let mut out = format!(
        "  against {}: {} known, {} new, {} stale\n",
        count(against.listed, "listed file"),
        thousands(against.known),
        thousands(against.new.len()),
        thousands(against.stale.len())
    );
    for (why, (number, first)) in &against.why {
        out.push_str(&format!(
            "    {}: {}, such as `{}`\n",
            count(*number, "name"),
            why.words(),
            printable(first)
        ));
    }
    let names = |names: &[String]| examples(names.iter().map(String::as_str), 3);
    for (what, list) in [("new", &against.new), ("stale", &against.stale)] {
        if !list.is_empty() {
            out.push_str(&format!("    {what}: {}\n", names(list)));
        }
    }
    if let Some(map) = &against.map {
        let keys =
            [("strip", &map.strip), ("add", &map.add)].into_iter().filter(|(_, value)| !value.is_empty());
        let keys: Vec<String> = keys.map(|(key, value)| format!("    {key} = {value:?}\n")).collect();
        out.push_str(&format!("  help: make that certain in shard.toml:\n    [map]\n{}", keys.concat()));
    }
    out
}

/// What the reader of a file should know before believing it.
fn warnings(tally: &Tally) -> Vec<String> {
    let mut out = Vec::new();
    let at = |line: Option<u64>| line.map_or_else(String::new, |line| format!("line {line}: "));
    if let Some(Example { figure, name, line }) = &tally.absurd_example {
        out.push(format!(
            "{}{} longer than a week, such as {figure} s of `{}`: another unit than seconds? `plan` does not use them",
            at(*line),
            count(tally.absurd, "time"),
            printable(name)
        ));
    }
    if let Some(Example { figure, name, line }) = &tally.unreadable_example {
        out.push(format!("{}`{}` is no time, of `{}`", at(*line), printable(figure), printable(name)));
    }
    for (message, (times, line)) in &tally.warnings {
        let line = at(*line);
        let more = if *times > 1 { format!(" ({} times)", thousands(*times)) } else { String::new() };
        out.push(format!("{line}{message}{more}"));
    }
    out
}
