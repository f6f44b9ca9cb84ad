//! The types of single values in `shard.toml`, each read with a message that says what would be
//! right.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{self, Deserializer, Visitor};
use serde::{Deserialize, Serialize, Serializer};
use serde_json::Value;

use crate::model::{Bytes, Millis, Percent};
use crate::report::Format;

/// `budget = …`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Budget {
    /// From the runner's known memory.
    Auto,
    /// Memory is not limited.
    Unlimited,
    /// Bytes that one shard may use at its peak.
    Bytes(Bytes),
}

impl FromStr for Budget {
    type Err = String;
    fn from_str(text: &str) -> Result<Budget, String> {
        match text {
            "auto" => Ok(Budget::Auto),
            "none" => Ok(Budget::Unlimited),
            _ => {
                text.parse().map(Budget::Bytes).map_err(|err: String| format!("{err}, or `auto`, or `none`"))
            }
        }
    }
}

/// `shards = …`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ShardCount {
    /// As many as pay.
    Auto,
    /// At most so many, at least 1.
    Count(u32),
}

impl FromStr for ShardCount {
    type Err = String;
    fn from_str(text: &str) -> Result<ShardCount, String> {
        match text.parse() {
            _ if text == "auto" => Ok(ShardCount::Auto),
            Ok(count @ 1..=1_000_000) => Ok(ShardCount::Count(count)),
            _ => Err(format!("`{text}` is not a number of shards: write for example `4`, or `auto`")),
        }
    }
}

/// `memory = …`: whether processes live on from suite to suite.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum MemoryKind {
    /// One process, or workers that live on: what a suite retains stays.
    Accumulates,
    /// A new process for every suite.
    Isolated,
}

/// `order = …`: whether the runner keeps the order of a selection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Order {
    /// As selected.
    Kept,
    /// Shuffled.
    Any,
}

/// `time-from = …`: whose times count where both cases and suites of a report have some.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum TimeFrom {
    /// The cases'; a suite's own only where none of its cases has one.
    #[default]
    Cases,
    /// The suites': with their loading and set-up.
    Suite,
}

/// `format = …` of an inventory: how a listing is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListFormat {
    /// One id a line, `#` comments, or ids separated by NUL.
    Lines,
    /// `pytest --collect-only -q`, or `-qq`.
    Pytest,
    /// Any other: its files, classes or packages are the suites.
    Report(Format),
}

impl FromStr for ListFormat {
    type Err = String;
    fn from_str(text: &str) -> Result<ListFormat, String> {
        match text.parse() {
            Ok(Format::FileList) => Ok(ListFormat::Lines),
            Ok(Format::PytestCollect) => Ok(ListFormat::Pytest),
            Ok(format) => Ok(ListFormat::Report(format)),
            Err(()) => Err(crate::text::did_you_mean(text, Format::words())
                .unwrap_or_else(|| "known are lines, pytest, and every format of a report".to_owned())),
        }
    }
}

/// What a job may use of a machine's memory: 0.85 × 0.92 of it, the rest is the system's and the
/// agent's.
#[must_use]
pub fn budget_of_machine(memory: Bytes) -> Bytes {
    Bytes((u128::from(memory.0) * 85 * 92 / 10_000) as u64)
}

/// What becomes a suite where the inventory lists tests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Granularity {
    /// The test file.
    File,
    /// The outermost class; functions outside classes stand for themselves.
    Class,
    /// Every single test.
    Test,
}

/// What a CI job runs on: a label, a list of labels, or a table. Copied verbatim.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct RunsOn(pub Value);

impl RunsOn {
    /// The one label, where there is just one.
    #[must_use]
    pub fn label(&self) -> Option<&str> {
        match &self.0 {
            Value::String(label) => Some(label),
            Value::Array(labels) => match labels.as_slice() {
                [Value::String(label)] => Some(label),
                _ => None,
            },
            _ => None,
        }
    }
}

impl JsonSchema for RunsOn {
    fn schema_name() -> Cow<'static, str> {
        "RunsOn".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "What a CI job runs on: a label, a list of labels, or a table. Copied verbatim.",
            "anyOf": [
                { "type": "string", "minLength": 1 },
                { "type": "array", "minItems": 1, "items": { "type": "string" } },
                { "type": "object", "minProperties": 1 },
            ],
        })
    }
}

impl<'de> Deserialize<'de> for RunsOn {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<RunsOn, D::Error> {
        let value = Value::deserialize(deserializer)?;
        let good = match &value {
            Value::String(label) => !label.is_empty(),
            Value::Array(labels) => !labels.is_empty() && labels.iter().all(Value::is_string),
            Value::Object(table) => !table.is_empty(),
            _ => false,
        };
        if good {
            Ok(RunsOn(value))
        } else {
            Err(de::Error::custom("`runs-on` is a label, a list of labels or a table"))
        }
    }
}

/// `timeout = …` in minutes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Timeout {
    Auto,
    After(Millis),
}

impl FromStr for Timeout {
    type Err = String;
    fn from_str(text: &str) -> Result<Timeout, String> {
        match text {
            "auto" => Ok(Timeout::Auto),
            _ => text.parse().map(Timeout::After).map_err(|err: String| format!("{err}, or `auto`")),
        }
    }
}

/// Reads a value from a string by its `FromStr`, or from a whole number written as one.
struct Text<T>(&'static str, std::marker::PhantomData<T>);

impl<T: FromStr<Err = String>> Visitor<'_> for Text<T> {
    type Value = T;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
    fn visit_str<E: de::Error>(self, text: &str) -> Result<T, E> {
        text.parse().map_err(E::custom)
    }
    fn visit_i64<E: de::Error>(self, number: i64) -> Result<T, E> {
        number.to_string().parse().map_err(E::custom)
    }
    fn visit_f64<E: de::Error>(self, number: f64) -> Result<T, E> {
        number.to_string().parse().map_err(E::custom)
    }
}

macro_rules! from_text {
    ($name:ident, $type:ty, $expecting:literal) => {
        pub(super) fn $name<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<$type>, D::Error> {
            deserializer.deserialize_any(Text::<$type>($expecting, std::marker::PhantomData)).map(Some)
        }
    };
}
from_text!(bytes, Bytes, "an amount of memory such as \"512MB\"");
from_text!(millis, Millis, "a duration such as \"45s\"");
from_text!(percent, Percent, "a percentage such as \"10%\"");
from_text!(budget, Budget, "an amount of memory such as \"3GB\", \"auto\" or \"none\"");
from_text!(shard_count, ShardCount, "a number of shards or \"auto\"");
from_text!(timeout, Timeout, "a duration such as \"30m\", or \"auto\"");
from_text!(quantile, Quantile, "a quantile such as 0.9");

/// A share of all runs, in ten-thousandths, from 1 to 10,000.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quantile(pub u32);

impl FromStr for Quantile {
    type Err = String;
    fn from_str(text: &str) -> Result<Quantile, String> {
        let share = text.trim().parse::<f64>().ok().map(|share| (share * 1e4).round());
        let share = share.filter(|share| (1.0..=1e4).contains(share));
        share
            .map(|share| Quantile(share as u32))
            .ok_or_else(|| format!("`{text}` is not a quantile: write a number above 0 up to 1, such as 0.9"))
    }
}

impl fmt::Display for Quantile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", f64::from(self.0) / 1e4)
    }
}

/// An amount of money in any unit, in millionths: an integer, so that a sum does not depend on its
/// order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Price(pub u64);

/// The price of a minute: nothing, or from a millionth to a million.
pub(super) fn price<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Price>, D::Error> {
    struct Number;
    impl Visitor<'_> for Number {
        type Value = Price;
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a price: a number such as 0.008")
        }
        fn visit_f64<E: de::Error>(self, number: f64) -> Result<Price, E> {
            match number {
                0.0 => Ok(Price(0)),
                1e-6..=1e6 => Ok(Price((number * 1e6).round() as u64)),
                _ => Err(E::custom("a price is 0, or from 0.000001 to 1000000")),
            }
        }
        fn visit_i64<E: de::Error>(self, number: i64) -> Result<Price, E> {
            self.visit_f64(number as f64)
        }
    }
    deserializer.deserialize_any(Number).map(Some)
}

impl JsonSchema for Price {
    fn schema_name() -> Cow<'static, str> {
        "Price".into()
    }
    fn inline_schema() -> bool {
        true
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "number" })
    }
}

/// Sums of prices too, as they stand in a plan.
impl<'de> Deserialize<'de> for Price {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Price, D::Error> {
        let price = f64::deserialize(deserializer)?;
        // A number beyond what fits becomes the largest; one that is none becomes 0.
        Ok(Price((price * 1e6).round() as u64))
    }
}

impl Serialize for Price {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(self.0 as f64 / 1e6)
    }
}

/// With two digits, or three significant ones where it is small: `12.40`, `0.00312`.
impl fmt::Display for Price {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = match self.0 {
            0 | 1_000_000.. => 2,
            100_000.. => 3,
            10_000.. => 4,
            _ => 5,
        };
        f.pad(&format!("{:.digits$}", self.0 as f64 / 1e6))
    }
}
