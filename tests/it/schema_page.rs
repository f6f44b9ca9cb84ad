//! docs/schemas.md: what stands in our files, made from their schemas.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use serde_json::Value;
use shard::schema::{self, Document};

use crate::common::root;

const BEGIN: &str = "<!-- fields -->\n";
const END: &str = "<!-- end of fields -->";

#[test]
fn the_manual_has_every_field_of_the_schemas() {
    let path = root().join("docs/schemas.md");
    let page = std::fs::read_to_string(&path).unwrap();
    let (before, rest) = page.split_once(BEGIN).unwrap();
    let (found, after) = rest.split_once(END).unwrap();
    let made = fields();
    if std::env::var_os("SHARD_ACCEPT").is_some() && found != made {
        std::fs::write(&path, format!("{before}{BEGIN}{made}{END}{after}")).unwrap();
        return;
    }
    assert_eq!(found, made, "docs/schemas.md: SHARD_ACCEPT=1 cargo test rewrites it");
}

fn fields() -> String {
    let mut out = String::new();
    let mut words: Vec<(String, Value)> = Vec::new();
    for document in [Document::Plan, Document::Matrix, Document::History, Document::Outcome] {
        let schema = schema::of(document);
        let title = match document {
            Document::Outcome => "## Lines of outcomes".to_owned(),
            other => format!("## `{}`", other.file()),
        };
        let _ = write!(out, "\n{title}\n\n{}\n\n", said(&schema));
        let mut known = Vec::new();
        table(&schema, &mut out, &mut known);
        let mut place = 0;
        while let Some(name) = known.get(place).cloned() {
            let definition = &schema["$defs"][&name];
            if is_word(definition) {
                if words.iter().all(|(word, _)| *word != name) {
                    words.push((name, definition.clone()));
                }
            } else {
                let _ = write!(out, "\n### {name}\n\n{}\n\n", said(definition));
                table(definition, &mut out, &mut known);
            }
            place += 1;
        }
    }
    out += "\n## Words\n\nReaders take a verdict, confidence, status or reason that they do not know, of a later version, for the last one here.\n";
    words.sort_by(|a, b| a.0.cmp(&b.0));
    for (name, definition) in words {
        let _ = write!(out, "\n### {name}\n\n{}\n", said(&definition));
        for (number, word) in definition["oneOf"].as_array().into_iter().flatten().enumerate() {
            if number == 0 {
                out += "\n| word | meaning |\n|---|---|\n";
            }
            let _ = writeln!(out, "| `{}` | {} |", word["const"].as_str().unwrap(), said(word));
        }
    }
    out += "\n";
    out
}

fn said(schema: &Value) -> String {
    schema["description"].as_str().unwrap_or_default().replace('\n', " ").replace('|', "\\|")
}

/// Whether it is a value of its own kind rather than a structure.
fn is_word(schema: &Value) -> bool {
    ["properties", "prefixItems", "anyOf"].iter().all(|key| schema.get(key).is_none())
        || schema["anyOf"]
            .as_array()
            .is_some_and(|any| any.iter().all(|one| one.get("prefixItems").is_none()))
}

/// What is in a structure; the names of the structures in it are added to `known`.
fn table(schema: &Value, out: &mut String, known: &mut Vec<String>) {
    // Of a row that may be something else too, what is known of it.
    let schema = schema["anyOf"].as_array().map_or(schema, |any| &any[0]);
    if let Some(events) = schema["oneOf"].as_array() {
        *out += "| `event` | fields | |\n|---|---|---|\n";
        for event in events {
            let name = event["properties"]["event"]["const"].as_str().unwrap();
            let _ = writeln!(out, "| `{name}` | {} | {} |", kind(event, known), said(event));
        }
    } else if let Some(places) = schema["prefixItems"].as_array() {
        *out += "| place | | |\n|---|---|---|\n";
        for (number, place) in places.iter().enumerate() {
            let _ = writeln!(out, "| {number} | {} | {} |", kind(place, known), said(place));
        }
    } else {
        *out += "| field | | |\n|---|---|---|\n";
        let needed: Vec<&str> =
            schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        let all = schema["properties"].as_object().unwrap();
        let others: BTreeSet<&str> =
            all.keys().map(String::as_str).filter(|name| !needed.contains(name)).collect();
        for name in needed.iter().copied().chain(others) {
            let (property, optional) = (&all[name], if needed.contains(&name) { "" } else { ", optional" });
            let _ = writeln!(out, "| `{name}` | {}{optional} | {} |", kind(property, known), said(property));
        }
    }
}

/// What a value is, in words.
fn kind(schema: &Value, known: &mut Vec<String>) -> String {
    if let Some(reference) = schema["$ref"].as_str() {
        let name = reference.rsplit('/').next().unwrap().to_owned();
        let link = format!("[{name}](#{})", name.to_lowercase());
        if !known.contains(&name) {
            known.push(name);
        }
        return link;
    }
    if let Some(any) = schema["anyOf"].as_array() {
        return any.iter().map(|one| kind(one, known)).collect::<Vec<_>>().join(" or ");
    }
    match &schema["type"] {
        _ if schema.get("const").is_some() => format!("`{}`", schema["const"]),
        Value::String(name) if name == "array" => format!("list: {}", kind(&schema["items"], known)),
        Value::String(name) if name == "object" => {
            format!("for each name: {}", kind(&schema["additionalProperties"], known))
        }
        Value::String(name) => name.clone(),
        Value::Array(names) => names.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" or "),
        _ => "anything".to_owned(),
    }
}
