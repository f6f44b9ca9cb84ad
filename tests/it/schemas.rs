//! `shard schema`: schemas held against what is written, against the readers, and against the manual.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use serde_json::{Value, json};
use shard::config::file::parse;
use shard::outcome::{Event, SCHEMA};
use shard::plan::{Plan, verify};
use shard::schema::{self, Document};

use crate::common::{Project, Random, root};
use crate::written::{self, validator};

const NAMES: [(&str, Document); 5] = [
    ("plan", Document::Plan),
    ("matrix", Document::Matrix),
    ("history", Document::History),
    ("outcome", Document::Outcome),
    ("config", Document::Config),
];

#[test]
fn each_is_printed_and_is_a_schema() {
    let project = Project::new();
    let mut ids = BTreeSet::new();
    for (name, document) in NAMES {
        let text = project.shard(&format!("schema {name}")).ok().stdout();
        assert_eq!(text, project.shard(&format!("schema {name}")).ok().stdout());
        let schema: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(schema, schema::of(document));
        assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
        jsonschema::meta::validate(&schema).unwrap();
        assert!(ids.insert(schema["$id"].as_str().unwrap().to_owned()), "{name}");
        // Rust's own formats are unknown to validators, and its words and links to readers.
        assert!(
            !text.contains("\"format\": \"") && !text.contains("[`") && !text.contains("`None`"),
            "{name}: {text}"
        );
        let mut undescribed = Vec::new();
        described(&schema, name, &mut undescribed);
        assert!(undescribed.is_empty(), "no description: {undescribed:?}");
    }
    project.shard("schema plans").fails(2, &["plans", "plan"]);
}

/// The properties of a schema that nothing is said of.
fn described(schema: &Value, path: &str, undescribed: &mut Vec<String>) {
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        // What tells events apart.
        if property.is_object() && property.get("description").is_none() && property.get("const").is_none() {
            undescribed.push(format!("{path}.{name}"));
        }
        described(property, &format!("{path}.{name}"), undescribed);
    }
    for (name, definition) in schema["$defs"].as_object().into_iter().flatten() {
        assert!(definition.get("description").is_some(), "{path}: {name}");
        described(definition, name, undescribed);
    }
}

#[test]
fn every_file_that_is_written_is_valid() {
    let toml = "[tier.x]\nmatch = [\"**\"]\nrun = [\"sh\", \"-c\", \"cat {selection}\"]\n";
    let project = Project::with(&[("list", "a\nb\nc\n"), ("shard.toml", toml)]);
    let before = NAMES.map(|(_, document)| written::checked(document));
    project.shard("plan list --shards 2").ok();
    if cfg!(unix) {
        project.shard("run x-1").ok();
        project.shard("record shard-out/outcomes -o copy.json.zst").ok();
    }
    let counted: Vec<bool> = NAMES
        .iter()
        .zip(before)
        .map(|((_, document), before)| written::checked(*document) > before)
        .collect();
    let unix = cfg!(unix);
    assert_eq!(counted, [true, true, unix, unix, false]);
}

#[test]
fn what_is_wrong_is_found() {
    let read = |name: &str| fs::read_to_string(root().join(name)).unwrap();
    let plan = read("testdata/plans/two-shards.json");
    let check = |text: &str, expect: &str| {
        let faults = written::faults(text.as_bytes()).join("\n");
        assert!(if expect.is_empty() { faults.is_empty() } else { faults.contains(expect) }, "{faults}");
    };
    check(&plan, "");
    check(&plan.replacen("\"schema\": 1", "\"schema\": 2", 1), "/schema: 1 was expected");
    check(&plan.replacen("\"predicted_ms\": ", "\"predicted_ms\": -", 1), "/shards/0/predicted_ms: ");
    check(&plan.replacen("\"oversize\"", "\"outsize\"", 1), "\"oversize\" is a required property");
    let line = r#"{"event":"floor","worker":"main","bytes":9}"#;
    check(line, "");
    check(&format!("{line}\n{}", line.replace('9', "-9")), "is not valid under any");
    check(&format!("{line}\n{line}\n{}", &line[..20]), "");
    check(r#"{"event":"floor","worker":"main"}"#, "is not valid under any");
    check(r#"{"include":[{"index":0}]}"#, "is a required property");
    check(r#"{"schema":1,"runs":[],"suites":{"x":[[0]]}}"#, "/suites/x/0: [0] has less than 2 items");
    check(r#"{"somebody":"else"}"#, "");
}

/// What stands in place of something in a mutated document.
fn strange(random: &mut Random) -> Value {
    let all = [
        json!(null),
        json!(true),
        json!(0),
        json!(1),
        json!(-1),
        json!(7),
        json!(5000),
        json!(1.5),
        json!(2.0),
        json!(4_294_967_296u64),
        json!(i64::MAX),
        json!(-1e300),
        json!(""),
        json!("x"),
        json!("unit-1"),
        json!("4"),
        json!("3GB"),
        json!("1.5 mib"),
        json!("6m"),
        json!("10%"),
        json!("auto"),
        json!("none"),
        json!("\u{1}"),
        json!([]),
        json!(["x"]),
        json!([""]),
        json!([3]),
        json!([[0, 0, 5]]),
        json!({}),
        json!({ "x": 1 }),
    ];
    all[random.below(all.len() as u64) as usize].clone()
}

/// Changes, removes, adds or doubles something in a document.
fn mutate(value: &mut Value, random: &mut Random) {
    let size = match value {
        Value::Array(items) => items.len() as u64,
        Value::Object(fields) => fields.len() as u64,
        _ => 0,
    };
    if size == 0 || random.below(8) == 0 {
        *value = strange(random);
        return;
    }
    let (at, deeper) = (random.below(size) as usize, random.below(4) > 0);
    match value {
        Value::Array(items) if deeper => mutate(&mut items[at], random),
        Value::Array(items) => match random.below(3) {
            0 => drop(items.remove(at)),
            1 => items.insert(at, strange(random)),
            _ => items.push(items[at].clone()),
        },
        Value::Object(fields) => {
            let key = fields.keys().nth(at).unwrap().clone();
            match random.below(3) {
                _ if deeper => mutate(fields.get_mut(&key).unwrap(), random),
                0 => drop(fields.remove(&key)),
                1 => drop(fields.insert("strange".into(), strange(random))),
                _ => {
                    let moved = fields.remove(&key).unwrap();
                    fields.insert(format!("{key}s"), moved);
                }
            }
        }
        _ => {}
    }
}

/// Whether the document has a whole number that is written as a fraction: `2.0`.
fn has_fraction(value: &Value) -> bool {
    match value {
        Value::Number(number) => number.as_f64().is_some_and(|n| number.is_f64() && n.fract() == 0.0),
        Value::Array(items) => items.iter().any(has_fraction),
        Value::Object(fields) => fields.values().any(has_fraction),
        _ => false,
    }
}

fn has_null(value: &Value) -> bool {
    match value {
        Value::Array(items) => items.iter().any(has_null),
        Value::Object(fields) => fields.values().any(has_null),
        other => other.is_null(),
    }
}

/// Mutates documents and holds the reader's answer against the schema's. `read` says why it refuses; `open`
/// whether the reader may take what has this fault at this place; `closed` whether it may refuse for this reason what
/// the schema takes.
fn agree(
    document: Document,
    seeds: &[Value],
    read: impl Fn(&Value) -> Result<(), String>,
    open: impl Fn(&Value, &str) -> bool,
    closed: impl Fn(&str) -> bool,
) {
    let validator = validator(document);
    let (mut wrong, mut taken, mut refused) = (Vec::new(), 0, 0);
    for (number, seed) in seeds.iter().enumerate() {
        let given = (read(seed), validator.is_valid(seed));
        assert_eq!(given, (Ok(()), true), "{document:?} {number}");
        let mut random = Random(number as u64);
        for _ in 0..6000 / seeds.len() {
            let mut value = seed.clone();
            for _ in 0..1 + random.below(4) / 3 {
                mutate(&mut value, &mut random);
            }
            let answer = read(&value);
            match (&answer, validator.is_valid(&value)) {
                (Ok(()), true) => taken += 1,
                (Err(_), false) => refused += 1,
                (Ok(()), false) => {
                    let faults = validator.iter_errors(&value);
                    let places = faults.map(|fault| fault.instance_path().to_string());
                    let unexplained: Vec<String> = places.filter(|place| !open(&value, place)).collect();
                    if !unexplained.is_empty() {
                        wrong.push(format!("only the schema refuses, at {unexplained:?}: {value}"));
                    }
                }
                // To a schema, 2.0 is an integer.
                (Err(_), true) if has_fraction(&value) => {}
                (Err(why), true) if closed(why) => {}
                (Err(why), true) => wrong.push(format!("only the reader refuses, {why}: {value}")),
            }
        }
    }
    let shown: Vec<&String> = wrong.iter().take(5).collect();
    assert!(wrong.is_empty(), "{} of {document:?}:\n{shown:#?}", wrong.len());
    assert!(taken > 200 && refused > 1000, "{document:?}: {taken} taken, {refused} refused");
}

/// Whether a place in a document ends in one of these keys.
fn ends(place: &str, keys: &[&str]) -> bool {
    place.rsplit('/').next().is_some_and(|last| keys.contains(&last))
}

/// serde takes a list for a structure where it has as many items as that has fields that must be there.
fn is_list(value: &Value, place: &str) -> bool {
    value.pointer(place).is_some_and(Value::is_array)
}

fn files(folder: &str, name: &str) -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        let mut paths: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        paths.sort();
        for path in paths {
            if path.is_dir() {
                folders.push(path);
            } else if path.file_name().unwrap().to_str().unwrap().ends_with(name) {
                found.push(fs::read(path).unwrap());
            }
        }
    }
    found
}

#[test]
fn plans_are_read_as_their_schema_says() {
    let plans = files("testdata/cli", "out/plan.json").into_iter().chain(files("testdata/cli", "plan.json"));
    let plans = plans.filter_map(|bytes| serde_json::from_slice::<Value>(&bytes).ok());
    let plans = plans.filter(|plan| plan["shards"].as_array().is_some_and(|shards| shards.len() < 4));
    let plans: Vec<Value> = plans.filter(|plan| plan.to_string().len() < 9000).take(12).collect();
    assert!(plans.len() > 5, "{}", plans.len());
    agree(
        Document::Plan,
        &plans,
        |value| Plan::from_bytes(value.to_string().as_bytes()).map(drop),
        |value, place| {
            // Names and numbers: `verify` refuses what they must not be.
            let plan = || Plan::from_bytes(value.to_string().as_bytes()).unwrap();
            let named =
                ends(place, &["id", "tier", "name", "selection"]) || place.starts_with("/last_numbers/");
            // Words that a later version may add.
            let open = ends(place, &["verdict", "confidence"]);
            open || is_list(value, place) || (named && !verify::verify(&plan()).is_empty())
        },
        |_| false,
    );
}

#[test]
fn histories_are_read_as_their_schema_says() {
    let rich = json!({
        "schema": 1, "page": 4096, "branch": "main",
        "runs": [{ "run": "a", "at": 10, "key": "k", "parts": ["p", "q"] }, { "run": "b", "at": -3, "note": [1] }],
        "suites": { "x": [[0, 0, 100, 1, -5, 7, 2], [1, "p", null, null, 3], [0, 1]], "y": [[0, "new", 9]], "z": [] },
        "tiers": { "unit": [[0, "p", 5, null, 7], ["other"], { "x": 1 }] },
    });
    let written = files("testdata", "shard-history.json");
    let mut seeds: Vec<Value> =
        written.iter().filter_map(|bytes| serde_json::from_slice(bytes).ok()).take(5).collect();
    seeds.push(rich);
    agree(
        Document::History,
        &seeds,
        |value| {
            let read = shard::history::store::read(value.to_string().as_bytes());
            read.map(drop).map_err(|err| err.to_string())
        },
        |_, _| false,
        // A schema cannot count what a row refers to.
        |why| why.contains("names run") || why.contains("names part"),
    );
}

#[test]
fn lines_of_outcomes_are_read_as_their_schema_says() {
    let mut seeds: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for bytes in files("testdata", ".jsonl") {
        for line in bytes.split(|byte| *byte == b'\n') {
            let Ok(value) = serde_json::from_slice::<Value>(line) else { continue };
            let Some(event) = value["event"].as_str().map(str::to_owned) else { continue };
            let of_kind = seeds.entry(event).or_default();
            if of_kind.len() < 3 && validator(Document::Outcome).is_valid(&value) {
                of_kind.push(value);
            }
        }
    }
    for line in [
        r#"{"event":"start","schema":1,"shard":"e2e-1","tier":"e2e","plan":"sha256:ab","run":"gh-1","round":0,"attempt":1,"key":"k","at":9,"host":{"memory_bytes":8,"limit_bytes":null,"cpus":2,"oom_provable":true},"workers":2,"budget_bytes":7,"predicted_bytes":6,"predicted_ms":5,"check_run":4,"suites":3}"#,
        r#"{"event":"import","worker":"main","id":"a","bytes":-3,"session":1}"#,
        r#"{"event":"session-end","index":1,"attempt":1,"at":8,"exit":null,"signal":9,"peak_bytes":5,"method":"tree","ms":4,"meters":[{"method":"tree","peak_bytes":5}],"ungrouped":"x","oom_kills":1,"stopped":"guard","shuffled":true,"verdict":"killed"}"#,
    ] {
        let value: Value = serde_json::from_str(line).unwrap();
        seeds.entry(value["event"].as_str().unwrap().to_owned()).or_default().push(value);
    }
    let seeds: Vec<Value> = seeds.into_values().flatten().collect();
    agree(
        Document::Outcome,
        &seeds,
        |value| {
            match serde_json::from_str(&value.to_string()).map_err(|err| err.to_string())? {
                // Whoever reads the whole file refuses a newer one, and there is no older.
                Event::Start(start) if start.schema != SCHEMA => Err(format!("schema {}", start.schema)),
                _ => Ok(()),
            }
        },
        |value, place| {
            // The fault is told of the whole line: which of its kinds it should have been is not known. So it is
            // held again without what the reader takes in any case.
            let mut value = value.clone();
            for (key, word) in
                [("verdict", "killed"), ("confidence", "likely"), ("status", "passed"), ("stopped", "other")]
            {
                if value.get(key).is_some_and(Value::is_string) {
                    value[key] = word.into();
                }
            }
            if value.get("host").is_some_and(Value::is_array) {
                value["host"] = json!({});
            }
            place.is_empty() && validator(Document::Outcome).is_valid(&value)
        },
        |_| false,
    );
}

/// A value as TOML.
fn inline(value: &Value) -> String {
    match value {
        Value::Array(items) => format!("[{}]", items.iter().map(inline).collect::<Vec<_>>().join(", ")),
        Value::Object(fields) => {
            let fields = fields.iter().map(|(key, value)| format!("{} = {}", json!(key), inline(value)));
            format!("{{ {} }}", fields.collect::<Vec<_>>().join(", "))
        }
        other => other.to_string(),
    }
}

fn as_toml(value: &Value) -> String {
    match value.as_object() {
        Some(fields) => {
            fields.iter().map(|(key, value)| format!("{} = {}\n", json!(key), inline(value))).collect()
        }
        None => "no table".to_owned(),
    }
}

fn configuration(value: &Value) -> Result<(), String> {
    if has_null(value) {
        return Err("TOML has no null".to_owned());
    }
    parse(&as_toml(value)).map(drop).map_err(|err| err.to_string())
}

fn from_toml(text: &str) -> Value {
    toml::from_str(text).unwrap()
}

/// The TOML of the repository: files, and blocks of the manual.
fn configurations() -> Vec<(String, String)> {
    let mut found = Vec::new();
    for name in ["shard.toml", "every-key.toml"] {
        for bytes in files("testdata", name) {
            found.push((name.to_owned(), String::from_utf8(bytes).unwrap()));
        }
    }
    let mut pages: Vec<_> =
        fs::read_dir(root().join("docs")).unwrap().map(|page| page.unwrap().path()).collect();
    pages.push(root().join("README.md"));
    for page in pages.into_iter().filter(|page| page.extension().is_some_and(|ending| ending == "md")) {
        let text = fs::read_to_string(&page).unwrap();
        for block in text.split("\n```toml\n").skip(1) {
            found.push((page.display().to_string(), block.split("\n```").next().unwrap().to_owned()));
        }
    }
    found
}

#[test]
fn every_configuration_of_the_repository_is_valid() {
    let found = configurations();
    assert!(found.len() > 25, "{}", found.len());
    let mut read = 0;
    for (name, text) in found {
        // Some are examples of mistakes.
        if parse(&text).is_err() {
            continue;
        }
        let value = from_toml(&text);
        let faults: Vec<String> =
            validator(Document::Config).iter_errors(&value).map(|fault| fault.to_string()).collect();
        assert!(faults.is_empty(), "{name}: {faults:?}\n{text}");
        read += 1;
    }
    assert!(read > 20, "{read}");
}

#[test]
fn configurations_are_read_as_their_schema_says() {
    let seeds = configurations().into_iter().filter(|(_, text)| parse(text).is_ok());
    let mut seeds: Vec<Value> = seeds.map(|(_, text)| from_toml(&text)).collect();
    seeds.sort_by_key(|seed| std::cmp::Reverse(seed.to_string().len()));
    seeds.truncate(8);
    agree(
        Document::Config,
        &seeds,
        configuration,
        // Numbers in quotes are read too; editors should not propose them.
        |value, place| {
            ends(place, &["shards", "time-quantile"]) && value.pointer(place).is_some_and(Value::is_string)
                || is_list(value, place)
        },
        |why| {
            let known =
                ["no null", "pattern `", "cannot be the name of a runner", "less than 1MiB", "`history`: "];
            known.iter().any(|known| why.contains(known))
        },
    );
}

#[test]
fn sizes_times_and_shares_are_read_as_their_patterns_say() {
    let mut random = Random(1);
    let (mut taken, mut wrong) = (0, Vec::new());
    for _ in 0..30_000 {
        let (alphabet, key): (&[&str], _) = match random.below(3) {
            0 => (&["3", "0", "12", ".", "k", "M", "g", "T", "i", "b", "B", " ", "-"], "budget"),
            1 => (&["3", "0", "12", ".", "m", "s", "h", "ms", "min", " ", "+"], "target"),
            _ => (&["3", "0", "12", "1000", ".", "%", " ", "1"], "margin"),
        };
        let text: String = (0..1 + random.below(6))
            .map(|_| alphabet[random.below(alphabet.len() as u64) as usize])
            .collect();
        let value = json!({ key: text });
        let (read, valid) = (configuration(&value).is_ok(), validator(Document::Config).is_valid(&value));
        taken += usize::from(read && valid);
        // Beyond 2^53 a figure is refused, which no pattern says.
        if read != valid && !(valid && text.len() > 12) {
            wrong.push(format!("{value}: read {read}, valid {valid}"));
        }
    }
    assert!(wrong.is_empty(), "{}: {:#?}", wrong.len(), &wrong[..wrong.len().min(5)]);
    assert!(taken > 500, "{taken}");
}

/// The keys of a schema's tables with what is said of them: `tier.*.workers`.
fn keys(schema: &Value) -> BTreeMap<String, Value> {
    fn add(root: &Value, schema: &Value, path: &str, keys: &mut BTreeMap<String, Value>) {
        let reference = schema["$ref"].as_str().and_then(|path| path.strip_prefix('#'));
        let schema = reference.map_or(schema, |pointer| root.pointer(pointer).unwrap());
        for (name, property) in schema["properties"].as_object().into_iter().flatten() {
            let path = format!("{path}{name}");
            add(root, property, &format!("{path}."), keys);
            keys.insert(path, property.clone());
        }
        for property in schema["patternProperties"].as_object().into_iter().flatten() {
            add(root, property.1, &format!("{path}*."), keys);
        }
        if schema["items"].is_object() {
            add(root, &schema["items"], path, keys);
        }
    }
    let mut keys = BTreeMap::new();
    add(schema, schema, "", &mut keys);
    keys
}

#[test]
fn the_manual_documents_exactly_the_keys_of_the_schema() {
    let page = fs::read_to_string(root().join("docs/configuration.md")).unwrap();
    let block = page.split("```toml\n").nth(1).unwrap().split("\n```").next().unwrap();
    let mut documented = BTreeSet::new();
    fn add(value: &Value, path: &str, documented: &mut BTreeSet<String>) {
        for (name, value) in value.as_object().into_iter().flatten() {
            // Tiers have names of the user's.
            let path = format!("{path}{}", if path == "tier." { "*" } else { name });
            if path != "tier.*" {
                documented.insert(path.clone());
            }
            let value = if value.is_array() { &value[0] } else { value };
            add(value, &format!("{path}."), documented);
        }
    }
    add(&from_toml(block), "", &mut documented);
    let known: BTreeSet<String> = keys(&schema::of(Document::Config)).into_keys().collect();
    // Comments there tell of these.
    documented.extend(["runner.memory", "tier.*.target", "tier.*.shards"].map(str::to_owned));
    assert!(known.len() > 80, "{}", known.len());
    let apart: Vec<&String> = known.symmetric_difference(&documented).collect();
    assert!(apart.is_empty(), "known or documented alone: {apart:?}");
}

#[test]
fn the_defaults_of_the_schema_are_the_program_s() {
    let mut all = json!({ "tier": { "default": { "match": ["**"] } } });
    for (path, property) in keys(&schema::of(Document::Config)) {
        let Some(default) = property.get("default") else { continue };
        let pointer = format!("/{}", path.replace('*', "default").replace('.', "/"));
        let mut place = &mut all;
        for key in pointer[1..].split('/') {
            place = &mut place[key];
        }
        *place = default.clone();
    }
    assert!(all["tier"]["default"].as_object().unwrap().len() > 12, "{all}");
    let mut read = parse(&as_toml(&all)).unwrap();
    let default = shard::config::Config::default();
    // Said to take everything, and so written.
    read.tiers[0].matches = default.tiers[0].matches.clone();
    assert_eq!(format!("{read:?}"), format!("{default:?}"));
}
