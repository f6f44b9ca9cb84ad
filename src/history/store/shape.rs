//! What a history looks like, for its schema. It is read and written by hand in [`super::file`], since it may hold
//! millions of rows; tests/it/schemas.rs holds that both take and refuse the same.
#![allow(dead_code, reason = "only their schemas are used")]

use std::borrow::Cow;
use std::collections::BTreeMap;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use super::file::{PAGE_MAX, SCHEMA};

/// What earlier runs measured. Fields that are not named here are kept.
#[derive(JsonSchema)]
pub(crate) struct History {
    /// The version of this format. Readers refuse a newer one.
    #[schemars(extend("const" = SCHEMA))]
    schema: u64,
    /// Memory of suites is in units of so many bytes; default: 1.
    #[schemars(range(min = 1, max = PAGE_MAX))]
    page: Option<u64>,
    /// What rows refer to by its place, from 0.
    #[schemars(default)]
    runs: Vec<Run>,
    /// For every suite what runs measured of it, a row each.
    #[schemars(default)]
    suites: BTreeMap<String, Vec<Row>>,
    /// For every tier what its shards taught besides their suites, a row each. What is no such row is kept as it is.
    #[schemars(default)]
    tiers: BTreeMap<String, Vec<TierRow>>,
}

/// A run as one recorder knew it. Fields that are not named here are kept.
#[derive(JsonSchema)]
struct Run {
    /// The CI's name for it, or `local-…`.
    run: String,
    /// When, in seconds since 1970.
    at: i64,
    /// Whose observations compare, such as `linux-x64`.
    #[schemars(default)]
    key: String,
    /// What rows refer to by its place, from 0: sessions and reports of the run.
    #[schemars(default)]
    parts: Vec<String>,
}

struct Row;

impl JsonSchema for Row {
    fn schema_name() -> Cow<'static, str> {
        "Row".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let memory = |what: &str| json_schema!({ "type": ["integer", "null"], "minimum": i64::MIN, "maximum": i64::MAX, "description": what });
        json_schema!({
            "description": "What one part of a run measured of one suite. Null is what was not measured; nulls, and a zero for flags, may be left out at the end.",
            "type": "array",
            "minItems": 2,
            "prefixItems": [
                { "type": "integer", "minimum": 0, "maximum": u64::MAX, "description": "The run: its place in `runs`." },
                {
                    "description": "The part: its place in the run's `parts`, or its name.",
                    "anyOf": [{ "type": "integer", "minimum": 0, "maximum": u64::MAX }, { "type": "string" }],
                },
                {
                    "type": ["integer", "null"], "minimum": 0, "maximum": u64::MAX,
                    "description": "How long it ran. In milliseconds.",
                },
                memory("What a session pays once for it, whoever comes first. In units of `page` bytes."),
                memory("What it retained. In units of `page` bytes."),
                memory("What it needed only while it ran. In units of `page` bytes."),
                {
                    "type": "integer", "minimum": 0, "maximum": u64::MAX,
                    "description": "A sum: 1, killed for memory, so that it needs more than it held; 2, it ran last in its session; 4, it was alone in its shard when it was killed; 8, what it needed is all that a process held which ran nothing else.",
                },
            ],
            "items": false,
        })
    }
}

struct TierRow;

impl JsonSchema for TierRow {
    fn schema_name() -> Cow<'static, str> {
        "TierRow".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let figure =
            |what: &str| json_schema!({ "type": ["integer", "null"], "minimum": 0, "description": what });
        // Anything else is as good: it is kept, and nothing is learned from it.
        json_schema!({
            "description": "What one shard taught besides its suites. Null is what was not measured.",
            "anyOf": [{
                "type": "array",
                "minItems": 2,
                "prefixItems": [
                    { "type": "integer", "minimum": 0, "description": "The run: its place in `runs`." },
                    { "type": "string", "description": "The part: its name." },
                    figure("What a session holds before any suite. In bytes."),
                    figure("What collection and shared fixtures added in one worker. In bytes."),
                    figure("Start of a session. In milliseconds."),
                    figure("Set-up of the shard. In milliseconds."),
                    figure("The most that a session held above its floor. In bytes."),
                    figure("What the memory model makes of its suites' medians. In bytes."),
                    figure("How long it took, without set-up. In milliseconds."),
                    figure("How long it was predicted to take, without set-up. In milliseconds."),
                    figure("Its predicted peak. In bytes."),
                    figure("A sum: 1, its machine was lost."),
                ],
            }, true],
        })
    }
}
