//! What an error or a warning means.

use serde::Serialize;

use super::super::style::{Paint, Style};
use crate::catalogue::{ErrorId, Topic};
use crate::exit;

/// What it means, what usually causes it and what to do, for people.
#[must_use]
pub fn render(topic: Topic, style: Style) -> String {
    let mut out = String::new();
    let mut say = |label: &str, text: &str| style.paragraph((Paint::Strong, label), text, &mut out);
    match topic {
        Topic::Error(id) => {
            let entry = id.entry();
            say(&format!("{id}: "), entry.meaning);
            say("  usually: ", entry.cause);
            say("  help: ", entry.next);
            say("  exit code: ", &codes(id));
        }
        Topic::Warning(code) => {
            let entry = code.entry();
            say(&format!("warning[{}]: ", entry.slug), entry.meaning);
            say("  help: ", entry.next);
        }
    }
    style.finish(out)
}

/// The exit codes of an error, in words.
#[must_use]
pub fn codes(id: ErrorId) -> String {
    match id.exit() {
        code @ (exit::USAGE | exit::MACHINE) => format!("{code}, or {} from `shard run`", id.exit_of_run()),
        code => code.to_string(),
    }
}

#[derive(Serialize)]
struct Document {
    schema: u64,
    kind: &'static str,
    id: &'static str,
    meaning: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    cause: Option<&'static str>,
    next: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    exit: Option<u8>,
}

/// The same for programs: one document.
///
/// # Errors
/// None in practice: every value here can be written as JSON.
pub fn json(topic: Topic) -> serde_json::Result<String> {
    let document = match topic {
        Topic::Error(id) => {
            let entry = id.entry();
            let (cause, exit) = (Some(entry.cause), Some(entry.exit));
            Document {
                schema: 1,
                kind: "error",
                id: entry.slug,
                meaning: entry.meaning,
                cause,
                next: entry.next,
                exit,
            }
        }
        Topic::Warning(code) => {
            let entry = code.entry();
            let (cause, exit) = (None, None);
            Document {
                schema: 1,
                kind: "warning",
                id: entry.slug,
                meaning: entry.meaning,
                cause,
                next: entry.next,
                exit,
            }
        }
    };
    Ok(serde_json::to_string_pretty(&document)? + "\n")
}
