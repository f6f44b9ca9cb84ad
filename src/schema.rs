//! JSON Schemas (2020-12) of the files, made from the very types that read and write them.
//!
//! Everything that `shard` writes is valid against them, and what a schema refuses a reader refuses too, but for words that
//! a later version may add to a closed set, which readers take for the careful one of theirs.

use schemars::generate::SchemaSettings;
use schemars::transform::transform_subschemas;
use schemars::{JsonSchema, Schema};
use serde_json::{Value, json};

use crate::config::file::File;
use crate::emit::matrix::Matrix;
use crate::history::store::shape::History;
use crate::model::Digest;
use crate::outcome::Event;
use crate::plan::Plan;

/// A file that has a schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Document {
    /// `plan.json`.
    Plan,
    /// `matrix.json`.
    Matrix,
    /// `shard-history.json`.
    History,
    /// One line of an outcome: the whole is no JSON document, but one on every line.
    Outcome,
    /// `shard.toml`.
    Config,
}

impl Document {
    /// All of them.
    pub const ALL: [Document; 5] =
        [Document::Plan, Document::Matrix, Document::History, Document::Outcome, Document::Config];

    /// The file.
    #[must_use]
    pub fn file(self) -> &'static str {
        match self {
            Document::Plan => "plan.json",
            Document::Matrix => "matrix.json",
            Document::History => "shard-history.json",
            Document::Outcome => "a line of an outcome",
            Document::Config => "shard.toml",
        }
    }
}

/// The schema of a document: the same bytes whenever it is asked for.
#[must_use]
pub fn of(document: Document) -> Value {
    let schema = match document {
        Document::Plan => read::<Plan>(),
        Document::Matrix => SchemaSettings::draft2020_12()
            .for_serialize()
            .into_generator()
            .into_root_schema_for::<Matrix<'_>>(),
        Document::History => read::<History>(),
        Document::Outcome => read::<Event>(),
        Document::Config => read::<File>(),
    };
    let mut schema = schema;
    plain(&mut schema);
    schema.insert("title".to_owned(), document.file().into());
    schema.insert("$id".to_owned(), id(document).into());
    schema.to_value()
}

/// What a reader takes.
fn read<T: JsonSchema>() -> Schema {
    SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<T>()
}

/// A name that claims no host: a UUID of version 8, made from the file's name and the version of its format.
fn id(document: Document) -> String {
    let digest = Digest::of(format!("JSON Schema of {} 1", document.file()).as_bytes()).to_string();
    let hex = digest.trim_start_matches("sha256:");
    format!("urn:uuid:{}-{}-8{}-a{}-{}", &hex[..8], &hex[8..12], &hex[12..15], &hex[15..18], &hex[18..30])
}

/// Bounds in place of formats that only Rust knows, units in words, and no defaults that say nothing.
fn plain(schema: &mut Schema) {
    let bounds = match schema.get("format").and_then(Value::as_str) {
        Some("uint32") => Some((None, json!(u32::MAX))),
        Some("uint64" | "uint") => Some((None, json!(u64::MAX))),
        Some("int32") => Some((Some(json!(i32::MIN)), json!(i32::MAX))),
        Some("int64") => Some((Some(json!(i64::MIN)), json!(i64::MAX))),
        _ => None,
    };
    schema.remove("format");
    if let (Some((least, most)), Some(schema)) = (bounds, schema.as_object_mut()) {
        schema.entry("maximum").or_insert(most);
        if let Some(least) = least {
            schema.entry("minimum").or_insert(least);
        }
    }
    if let Some(Value::Object(properties)) = schema.get_mut("properties") {
        for (name, property) in properties {
            let Some(property) = property.as_object_mut() else { continue };
            let unit = match name.rsplit('_').next() {
                Some("ms") => " In milliseconds.",
                Some("bytes") => " In bytes.",
                Some("hundredths") => " In hundredths of a percent.",
                _ => "",
            };
            if let Some(Value::String(description)) = property.get_mut("description") {
                *description = description.replace('\n', " ") + unit;
            }
            if property.get("default").is_some_and(Value::is_null) {
                property.remove("default");
            }
        }
    }
    transform_subschemas(&mut plain, schema);
}
