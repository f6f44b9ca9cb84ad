//! `[cluster]`, `[slurm]`, `[kubernetes]` and `[argo]`: what engines beyond one machine must be told besides
//! the plan.

use schemars::JsonSchema;
use serde::Deserialize;
use serde::de::{Deserializer, Error};

use super::shapes::{Size, Word};
use crate::model::Bytes;

/// Longest string of these tables, in bytes.
pub(super) const STRING_MAX: usize = 4_096;

/// Most words of a list of these tables.
const LIST_MAX: usize = 1_000;

/// What all of them are told.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct Cluster {
    /// The amounts of memory that a task may ask for; none: in steps of at most a quarter.
    #[serde(deserialize_with = "classes")]
    #[schemars(with = "Vec<Size>", length(max = LIST_MAX))]
    pub memory_classes: Vec<Bytes>,
    /// How a task starts `shard`, a word each.
    #[serde(deserialize_with = "command")]
    #[schemars(with = "Vec<Word>", length(min = 1, max = LIST_MAX), extend("default" = ["shard"]))]
    pub command: Vec<String>,
}

impl Default for Cluster {
    fn default() -> Cluster {
        Cluster { memory_classes: Vec::new(), command: vec!["shard".to_owned()] }
    }
}

/// What `sbatch` is told.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct Slurm {
    /// `--partition`.
    #[serde(deserialize_with = "optional")]
    #[schemars(with = "Word")]
    pub partition: Option<String>,
    /// `--account`.
    #[serde(deserialize_with = "optional")]
    #[schemars(with = "Word")]
    pub account: Option<String>,
    /// Further options, a word each.
    #[serde(deserialize_with = "list")]
    #[schemars(with = "Vec<Word>", length(max = LIST_MAX))]
    pub options: Vec<String>,
    /// A shell script that every task reads before it starts.
    #[serde(deserialize_with = "optional")]
    #[schemars(with = "Word")]
    pub source: Option<String>,
    /// Tasks of one array that run at once; default: all.
    #[serde(deserialize_with = "positive")]
    #[schemars(with = "u32", range(min = 1))]
    pub at_once: Option<u32>,
    /// Indices of an array are below it: the cluster's `MaxArraySize`.
    #[schemars(extend("default" = 1_001))]
    pub max_array_size: u32,
}

impl Default for Slurm {
    fn default() -> Slurm {
        Slurm {
            partition: None,
            account: None,
            options: Vec::new(),
            source: None,
            at_once: None,
            max_array_size: 1_001,
        }
    }
}

/// What Kubernetes is told, and Argo Workflows, which runs there.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct Kubernetes {
    /// The container's image, with `shard` and the test tools in it.
    #[serde(deserialize_with = "optional")]
    #[schemars(with = "Word")]
    pub image: Option<String>,
    /// A claim of a volume that all pods share.
    #[serde(deserialize_with = "optional")]
    #[schemars(with = "Word")]
    pub claim: Option<String>,
    /// Where the claim is in the container.
    #[serde(deserialize_with = "string")]
    #[schemars(with = "Word", extend("default" = "/work"))]
    pub mount: String,
    /// A ConfigMap made of the plan's folder; default: the plan is on the claim.
    #[serde(deserialize_with = "optional")]
    #[schemars(with = "Word")]
    pub config_map: Option<String>,
    /// The working directory; default: the claim's, or the image's where there is no claim.
    #[serde(deserialize_with = "optional")]
    #[schemars(with = "Word")]
    pub folder: Option<String>,
    /// The namespace; default: that of whoever submits.
    #[serde(deserialize_with = "optional")]
    #[schemars(with = "Word")]
    pub namespace: Option<String>,
    /// The pods' service account.
    #[serde(deserialize_with = "optional")]
    #[schemars(with = "Word")]
    pub service_account: Option<String>,
    /// Kueue's queue.
    #[serde(deserialize_with = "optional")]
    #[schemars(with = "Word")]
    pub queue: Option<String>,
    /// Pods of one job, or of one workflow, that run at once; default: all.
    #[serde(deserialize_with = "positive")]
    #[schemars(with = "u32", range(min = 1))]
    pub at_once: Option<u32>,
    /// How often a pod is started again that failed for another reason than memory.
    pub retries: u32,
}

impl Default for Kubernetes {
    fn default() -> Kubernetes {
        Kubernetes {
            image: None,
            claim: None,
            mount: "/work".to_owned(),
            config_map: None,
            folder: None,
            namespace: None,
            service_account: None,
            queue: None,
            at_once: None,
            retries: 0,
        }
    }
}

/// What only Argo Workflows is told.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct Argo {
    /// Whether what ran out of memory is tried once more in the next larger class.
    pub larger: bool,
}

impl Default for Argo {
    fn default() -> Argo {
        Argo { larger: true }
    }
}

/// A string that is there and has one line: it becomes a word of a script or of a document.
fn checked<E: Error>(text: String) -> Result<String, E> {
    if text.is_empty() {
        return Err(E::custom("an empty string says nothing: leave the key out"));
    }
    if text.len() > STRING_MAX {
        return Err(E::custom(format!("the string has more than {STRING_MAX} bytes")));
    }
    match text.chars().find(|c| c.is_control()) {
        Some(c) => Err(E::custom(format!("the string holds a control character: {}", c.escape_unicode()))),
        None => Ok(text),
    }
}

fn string<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    checked(String::deserialize(deserializer)?)
}

fn optional<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    string(deserializer).map(Some)
}

fn list<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    let words = Vec::<String>::deserialize(deserializer)?;
    if words.len() > LIST_MAX {
        return Err(D::Error::custom(format!("more than {LIST_MAX} words")));
    }
    words.into_iter().map(checked).collect()
}

fn command<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    let words = list(deserializer)?;
    if words.is_empty() {
        return Err(D::Error::custom("the command is empty: write [\"shard\"]"));
    }
    Ok(words)
}

fn positive<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u32>, D::Error> {
    match u32::deserialize(deserializer)? {
        0 => Err(D::Error::custom("0 would never run: leave the key out for no limit")),
        number => Ok(Some(number)),
    }
}

/// Whole mebibytes, which is what engines count in: what is above them is not asked for.
fn classes<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Bytes>, D::Error> {
    let mut classes = Vec::new();
    for text in Vec::<String>::deserialize(deserializer)? {
        let bytes: Bytes = text.parse().map_err(D::Error::custom)?;
        if bytes.0 < 1 << 20 {
            return Err(D::Error::custom(format!("`{text}` is less than 1MiB")));
        }
        classes.push(Bytes(bytes.0 >> 20 << 20));
    }
    if classes.len() > LIST_MAX {
        return Err(D::Error::custom(format!("more than {LIST_MAX} classes")));
    }
    classes.sort();
    classes.dedup();
    Ok(classes)
}

#[cfg(test)]
mod tests {
    use super::super::file::parse;
    use super::*;

    #[test]
    fn classes_are_whole_mebibytes_in_order() {
        let config = parse("[cluster]\nmemory-classes = [\"4GiB\", \"2GB\", \"2GB\"]").unwrap();
        assert_eq!(config.cluster.memory_classes, [Bytes(1907 << 20), Bytes(4 << 30)]);
        assert_eq!(config.cluster.command, ["shard"]);
    }

    #[test]
    fn what_could_break_a_document_is_refused() {
        let check = |text: &str, expect: &str| {
            let err = parse(text).unwrap_err().to_string();
            assert!(err.contains(expect), "{text}: {err}");
        };
        check("[slurm]\naccount = \"a\\nb\"", "2:11: the string holds a control character: \\u{a}");
        check("[slurm]\noptions = [\"\"]", "an empty string says nothing");
        check("[slurm]\nat-once = 0", "0 would never run");
        check("[slurm]\npartitions = \"x\"", "unknown key `partitions`\n  help: did you mean `partition`?");
        check("[kubernetes]\nmount = \"\"", "an empty string");
        check("[cluster]\ncommand = []", "the command is empty");
        check("[cluster]\nmemory-classes = [\"3kB\"]", "`3kB` is less than 1MiB");
        check("[cluster]\nmemory-classes = [\"much\"]", "`much` is not an amount of memory");
    }
}
