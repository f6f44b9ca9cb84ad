//! What values of `shard.toml` look like that are written as text or within bounds: for its schema. They are
//! read by [`super::values`]; tests/it/schemas.rs holds that both take and refuse the same.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use super::running::curable;
use crate::report::Format;

macro_rules! shape {
    ($(#[$doc:meta])* $name:ident, $schema:expr) => {
        $(#[$doc])*
        pub(super) struct $name;
        impl JsonSchema for $name {
            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }
            // Descriptions are those of the keys.
            fn inline_schema() -> bool {
                true
            }
            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                $schema
            }
        }
    };
}

const SIZE: &str = r"^\s*[0-9]{1,18}(\.[0-9]{1,18})?\s*([kKmMgGtT][iI]?)?[bB]\s*$";
const TIME: &str = r"^\s*([0-9]{1,18}(\.[0-9]{1,18})?(ms|s|m|min|h)\s*)+$";
const SHARE: &str = r"^\s*(0*[0-9]{1,3}(\.[0-9]{1,18})?|0*1000(\.0{1,18})?)\s*%\s*$";
/// No control characters.
const WORD: &str = r"^[^\u0000-\u001f\u007f-\u009f]+$";

/// A program and its arguments, which must name a program.
fn words() -> Schema {
    json_schema!({
        "type": "array",
        "minItems": 1,
        "prefixItems": [{ "type": "string", "minLength": 1 }],
        "items": { "type": "string" },
    })
}

shape!(
    /// An amount of memory.
    Size,
    json_schema!({ "type": "string", "pattern": SIZE, "examples": ["512MB", "3GB", "1.5GiB"] })
);
shape!(
    /// A duration.
    Time,
    json_schema!({ "type": "string", "pattern": TIME, "examples": ["500ms", "45s", "6m", "1h30m"] })
);
shape!(
    /// A percentage.
    Share,
    json_schema!({ "type": "string", "pattern": SHARE, "examples": ["2%", "10%"] })
);
shape!(
    /// A budget.
    BudgetText,
    json_schema!({ "anyOf": [
        { "const": "auto", "description": "From the known memory of the machine." },
        { "const": "none", "description": "Memory is not limited." },
        { "type": "string", "pattern": SIZE, "examples": ["3GB"] },
    ] })
);
shape!(
    /// A time limit.
    TimeoutText,
    json_schema!({ "anyOf": [
        { "const": "auto", "description": "From the prediction." },
        { "type": "string", "pattern": TIME, "examples": ["30m"] },
    ] })
);
shape!(
    /// A number of shards.
    Shards,
    json_schema!({ "type": "integer", "minimum": 1, "maximum": 1_000_000 })
);
shape!(
    /// The same, over all tiers.
    ShardsOrAuto,
    json_schema!({ "anyOf": [
        { "const": "auto", "description": "As many as pay." },
        { "type": "integer", "minimum": 1, "maximum": 1_000_000 },
    ] })
);
shape!(
    /// The price of a minute.
    PriceNumber,
    json_schema!({ "anyOf": [{ "const": 0 }, { "type": "number", "minimum": 1e-6, "maximum": 1e6 }] })
);
shape!(
    /// A quantile.
    QuantileNumber,
    json_schema!({ "type": "number", "exclusiveMinimum": 0, "maximum": 1 })
);
shape!(
    /// A program and its arguments.
    CommandWords,
    words()
);
shape!(
    /// A program and its arguments, or several of these.
    Commands,
    json_schema!({ "anyOf": [words(), { "type": "array", "minItems": 1, "items": words() }] })
);
shape!(
    /// A string of one line.
    Word,
    json_schema!({ "type": "string", "pattern": WORD, "maxLength": super::cluster::STRING_MAX })
);
shape!(
    /// A format of an inventory.
    ListFormatName,
    json_schema!({ "enum": Format::words().collect::<Vec<_>>() })
);
shape!(
    /// A verdict after which another try can make sense.
    CurableName,
    json_schema!({ "enum": curable().map(|verdict| verdict.name()).collect::<Vec<_>>() })
);
