//! The file, one suite a line, so that versions of it can be compared line by line:
//!
//! ```text
//! {"schema":1,
//! "runs":[
//! {"run":"gh-123","at":1760000000,"key":"linux-x64","parts":["3f9c1a2b4d5e6f70"]}
//! ],
//! "suites":{
//! "tests/test_a.py":[[0,0,4200,0,40960000,1048576,2]]
//! },
//! "tiers":{}}
//! ```
//!
//! A row is `[run,part,ms,import,retained,transient,flags]`: an index into `runs`, an index into that
//! run's `parts` or a part's name, milliseconds, bytes; `null` is what was not measured. What is null or
//! 0 in the end is left out, so `[0,0,4200]` is a time and nothing else. With `"page":4096` in front of
//! `runs` the bytes are in units of so many: so it is where all are multiples of it, as systems count
//! memory, and that makes the file a quarter smaller. Rows of `tiers` begin with a
//! run and the name of a part; what follows, and what is no such row, is kept as it is, like every field
//! that is not known here.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::{self, Write};

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

use super::super::spelling::without_dot;
use super::{Figure, Figures, Part, Row, Stamp, Store, Tier};
use crate::history::ReportError;
use crate::text::printable;

/// The newest schema that is understood.
pub(super) const SCHEMA: u64 = 1;

/// How systems count memory.
const PAGE: i64 = 4096;
/// Largest unit that is read.
pub(super) const PAGE_MAX: u64 = 1 << 20;

/// Run and part, and five figures.
const ROW_MAX: usize = 7;

#[derive(Deserialize)]
struct SchemaOnly {
    schema: Option<u64>,
}

#[derive(Deserialize)]
struct Head {
    schema: u64,
    #[serde(default)]
    page: Option<u64>,
    #[serde(default)]
    runs: Vec<RunFile>,
}

#[derive(Deserialize)]
struct RunFile {
    run: String,
    at: i64,
    #[serde(default)]
    key: String,
    #[serde(default)]
    parts: Vec<Box<str>>,
    #[serde(flatten)]
    rest: BTreeMap<String, Value>,
}

/// Reads one store.
///
/// # Errors
/// What is no store, a newer schema, or a row that names a run or part which is not there.
pub fn read(bytes: &[u8]) -> Result<Store, ReportError> {
    let from_json = |err: serde_json::Error| {
        let message = err.to_string();
        let message = message.rsplit_once(" at line ").map_or(&*message, |(message, _)| message);
        ReportError::new(err.line() as u64, format!("not a history: {message}"))
    };
    // The schema first: a newer one may have any shape.
    if let Ok(SchemaOnly { schema: Some(newer @ 2..) }) = serde_json::from_slice(bytes) {
        let message = format!("schema {newer} is newer than this shard understands ({SCHEMA}): update shard");
        return Err(ReportError::new(None, message));
    }
    let head: Head = serde_json::from_slice(bytes).map_err(from_json)?;
    if head.schema != SCHEMA {
        return Err(ReportError::new(None, format!("`schema` is {}, not {SCHEMA}", head.schema)));
    }
    let page = head.page.unwrap_or(1);
    if !(1..=PAGE_MAX).contains(&page) {
        return Err(ReportError::new(None, format!("`page` is {page}, not within 1 and {PAGE_MAX}")));
    }
    let mut stamps = Stamps { page: page as i64, ..Stamps::default() };
    for run in head.runs {
        let RunFile { run, at, key, parts, rest } = run;
        let rest = if rest.is_empty() { String::new() } else { line(&rest).map_err(from_json)? };
        stamps.names.push(parts.iter().cloned().zip(0..).collect());
        stamps.all.push(Stamp { at, run, key, rest, parts, of: 0 });
    }
    let mut store = Store::default();
    let mut input = serde_json::Deserializer::from_slice(bytes);
    Body { store: &mut store, stamps: &mut stamps }.deserialize(&mut input).map_err(from_json)?;
    input.end().map_err(from_json)?;
    store.stamps = stamps.all;
    store.settle();
    Ok(store)
}

fn line(fields: &BTreeMap<String, Value>) -> Result<String, serde_json::Error> {
    let text = serde_json::to_string(fields)?;
    Ok(text[1..text.len() - 1].to_owned())
}

/// The runs of the file, and their parts by name, where rows name them.
#[derive(Default)]
struct Stamps {
    /// Bytes of a unit of memory.
    page: i64,
    all: Vec<Stamp>,
    names: Vec<BTreeMap<Box<str>, u32>>,
}

impl Stamps {
    /// The part's number; in words what is wrong where there is none.
    fn part(&mut self, run: usize, part: &PartName<'_>) -> Result<u32, String> {
        let Some(stamp) = self.all.get_mut(run) else {
            return Err(format!("run {run} of {}", self.all.len()));
        };
        match part {
            PartName::Number(number) => match u32::try_from(*number) {
                Ok(part) if (part as usize) < stamp.parts.len() => Ok(part),
                _ => Err(format!("part {number} of {} of run {run}", stamp.parts.len())),
            },
            PartName::Name(name) => {
                let names = &mut self.names[run];
                if let Some(number) = names.get(&**name) {
                    return Ok(*number);
                }
                let number = stamp.parts.len() as u32;
                stamp.parts.push(Box::from(&**name));
                names.insert(Box::from(&**name), number);
                Ok(number)
            }
        }
    }
}

/// A part as a row names it.
enum PartName<'a> {
    Number(u64),
    Name(Cow<'a, str>),
}

impl<'de> Deserialize<'de> for PartName<'de> {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        struct Name;
        impl<'de> Visitor<'de> for Name {
            type Value = PartName<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a part's name or number")
            }
            fn visit_u64<E: Error>(self, number: u64) -> Result<Self::Value, E> {
                Ok(PartName::Number(number))
            }
            fn visit_borrowed_str<E: Error>(self, name: &'de str) -> Result<Self::Value, E> {
                Ok(PartName::Name(Cow::Borrowed(name)))
            }
            fn visit_str<E: Error>(self, name: &str) -> Result<Self::Value, E> {
                Ok(PartName::Name(Cow::Owned(name.to_owned())))
            }
        }
        input.deserialize_any(Name)
    }
}

/// Everything but the runs, read without a copy of the file in memory.
struct Body<'a> {
    store: &'a mut Store,
    stamps: &'a mut Stamps,
}

impl<'de> DeserializeSeed<'de> for Body<'_> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, input: D) -> Result<(), D::Error> {
        input.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Body<'_> {
    type Value = ();
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(name) = map.next_key::<String>()? {
            match name.as_str() {
                "schema" | "page" | "runs" => {
                    map.next_value::<IgnoredAny>()?;
                }
                "suites" => {
                    map.next_value_seed(Suites { store: &mut *self.store, stamps: &mut *self.stamps })?;
                }
                "tiers" => {
                    for (name, values) in map.next_value::<BTreeMap<String, Vec<Value>>>()? {
                        self.store.tiers.insert(name, tier(values, self.stamps));
                    }
                }
                _ => {
                    let value = map.next_value()?;
                    self.store.rest.insert(name, value);
                }
            }
        }
        Ok(())
    }
}

fn tier(values: Vec<Value>, stamps: &mut Stamps) -> Tier {
    let mut tier = Tier::default();
    for value in values {
        // What names no run of ours is no row, and nothing of it is ours to judge.
        let row = match value.as_array().map(Vec::as_slice) {
            Some([Value::Number(run), Value::String(part), rest @ ..]) => {
                let run = run.as_u64().and_then(|run| usize::try_from(run).ok()).unwrap_or(usize::MAX);
                let part = stamps.part(run, &PartName::Name(part.into()));
                part.ok().map(|part| (run as u32, part, rest))
            }
            _ => None,
        };
        match row {
            Some((stamp, part, rest)) => {
                let rest = rest.iter().fold(String::new(), |text, value| format!("{text},{value}"));
                tier.rows.push(Row { stamp, part, seen: rest.into_boxed_str() });
            }
            None => drop(tier.others.insert(value.to_string())),
        }
    }
    tier
}

struct Suites<'a> {
    store: &'a mut Store,
    stamps: &'a mut Stamps,
}

impl<'de> DeserializeSeed<'de> for Suites<'_> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, input: D) -> Result<(), D::Error> {
        input.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Suites<'_> {
    type Value = ();
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("suites with their rows")
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(id) = map.next_key::<String>()? {
            let rows = map.next_value_seed(Rows { id: &id, stamps: &mut *self.stamps })?;
            self.store.suites.entry(without_dot(&id).to_owned()).or_default().extend(rows);
        }
        Ok(())
    }
}

struct Rows<'a> {
    id: &'a str,
    stamps: &'a mut Stamps,
}

impl<'de> DeserializeSeed<'de> for Rows<'_> {
    type Value = Vec<Row<Figures>>;
    fn deserialize<D: Deserializer<'de>>(self, input: D) -> Result<Self::Value, D::Error> {
        input.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Rows<'_> {
    type Value = Vec<Row<Figures>>;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("rows of a suite")
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let mut rows = Vec::new();
        while let Some(RowFile { run, part, seen }) = seq.next_element()? {
            let part = self
                .stamps
                .part(run, &part)
                .map_err(|what| A::Error::custom(format!("suite `{}` names {what}", printable(self.id))))?;
            let bytes = |figure: Option<i64>| figure.map(|figure| figure.saturating_mul(self.stamps.page));
            let Part { ms, import, retained, transient, flags } = seen;
            let (import, retained, transient) = (bytes(import), bytes(retained), bytes(transient));
            let seen = Part { ms, import, retained, transient, flags };
            rows.push(Row { stamp: run as u32, part, seen: seen.into() });
        }
        Ok(rows)
    }
}

struct RowFile<'a> {
    run: usize,
    part: PartName<'a>,
    /// Memory in pages.
    seen: Part,
}

impl<'de> Deserialize<'de> for RowFile<'de> {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        struct Whole;
        impl<'de> Visitor<'de> for Whole {
            type Value = RowFile<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a row: run, part, ms, import, retained, transient, flags")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
                let short = |have| A::Error::invalid_length(have, &"run and part at least");
                let run = seq.next_element()?.ok_or_else(|| short(0))?;
                let part = seq.next_element()?.ok_or_else(|| short(1))?;
                let ms: Option<Option<u64>> = seq.next_element()?;
                let mut figure = || Ok(seq.next_element::<Option<i64>>()?.flatten());
                let seen = Part {
                    ms: ms.flatten(),
                    import: figure()?,
                    retained: figure()?,
                    transient: figure()?,
                    flags: seq.next_element()?.unwrap_or(0),
                };
                if seq.next_element::<IgnoredAny>()?.is_some() {
                    let message = format!(
                        "a row has more than {ROW_MAX} figures: a newer shard wrote it, so update shard"
                    );
                    return Err(A::Error::custom(message));
                }
                Ok(RowFile { run, part, seen })
            }
        }
        input.deserialize_seq(Whole)
    }
}

/// The file of a store: the same bytes for the same observations.
#[must_use]
pub fn write(store: &Store) -> Vec<u8> {
    let quoted = |text: &str| Value::from(text).to_string();
    let runs = store.stamps.iter().map(|stamp| {
        let Stamp { at, run, key, rest, parts, .. } = stamp;
        let (run, key) = (quoted(run), quoted(key));
        let parts: Vec<String> = parts.iter().map(|part| quoted(part)).collect();
        let comma = if rest.is_empty() { "" } else { "," };
        format!(r#"{{"run":{run},"at":{at},"key":{key},"parts":[{}]{comma}{rest}}}"#, parts.join(","))
    });
    let page = page(store);
    let shown = if page > 1 { format!("\"page\":{page},\n") } else { String::new() };
    let mut out = format!("{{\"schema\":{SCHEMA},\n{shown}\"runs\":[");
    lines(&mut out, runs, |out, run| out.push_str(&run));
    out.push_str("],\n\"suites\":{");
    lines(&mut out, &store.suites, |out, (id, rows)| {
        out.push_str(&quoted(id));
        out.push_str(":[");
        for (number, Row { stamp, part, seen }) in rows.iter().enumerate() {
            let comma = if number == 0 { "" } else { "," };
            // Writing to text cannot fail.
            let _ = write!(out, "{comma}[{stamp},{part}");
            write_figures(out, seen, page);
            out.push(']');
        }
        out.push(']');
    });
    out.push_str("},\n\"tiers\":{");
    lines(&mut out, &store.tiers, |out, (name, tier)| {
        let rows = tier.rows.iter().map(|row| {
            let part = &store.stamps[row.stamp as usize].parts[row.part as usize];
            format!("[{},{}{}]", row.stamp, quoted(part), row.seen)
        });
        let all: Vec<String> = tier.others.iter().cloned().chain(rows).collect();
        let _ = write!(out, "{}:[{}]", quoted(name), all.join(","));
    });
    out.push('}');
    for (name, value) in &store.rest {
        let _ = write!(out, ",\n{}:{value}", quoted(name));
    }
    out.push_str("}\n");
    out.into_bytes()
}

/// Bytes of a unit of memory: a page where all figures are whole pages and one is not zero.
fn page(store: &Store) -> i64 {
    let rows = store.suites.values().flatten();
    let mut bytes = rows.flat_map(|row| &row.seen.figures[1..]).filter_map(|figure| figure.get());
    let mut any = false;
    let whole = bytes.all(|bytes| {
        any |= bytes != 0;
        bytes % PAGE == 0
    });
    if any && whole { PAGE } else { 1 }
}

/// Every item on a line of its own; nothing where there is none.
fn lines<T>(out: &mut String, items: impl IntoIterator<Item = T>, write: impl Fn(&mut String, T)) {
    let mut empty = true;
    for item in items {
        out.push_str(if empty { "\n" } else { ",\n" });
        write(out, item);
        empty = false;
    }
    if !empty {
        out.push('\n');
    }
}

/// The figures up to the last that says something.
fn write_figures(out: &mut String, seen: &Figures, page: i64) {
    let [ms, memory @ ..] = seen.figures.map(Figure::get);
    let [import, retained, transient] = memory.map(|figure| figure.map(|bytes| bytes / page));
    let figures = [ms, import, retained, transient];
    let last = figures.iter().rposition(Option::is_some);
    let shown = if seen.flags > 0 { figures.len() } else { last.map_or(0, |last| last + 1) };
    for figure in &figures[..shown] {
        let _ = match figure {
            Some(figure) => write!(out, ",{figure}"),
            None => out.write_str(",null"),
        };
    }
    if seen.flags > 0 {
        let _ = write!(out, ",{}", seen.flags);
    }
}
