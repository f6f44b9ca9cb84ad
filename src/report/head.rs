//! What the beginning of a file shows of its shape, as far as that tells one format from another.

use std::collections::BTreeSet;

use memchr::{memchr, memmem};

/// The shape of a beginning. It may end anywhere.
#[derive(Debug, Default)]
pub(super) struct Head<'a> {
    /// The beginning as text, without a byte-order mark; the last line may be cut.
    pub(super) text: &'a str,
    /// The first element's local name, where it is XML.
    pub(super) root: Option<&'a str>,
    /// Paths of keys in JSON, such as `testResults[].name` or `[].uri`; of all values where several follow
    /// one another.
    keys: BTreeSet<String>,
    /// The first character that is no blank.
    pub(super) first: Option<char>,
}

/// Deepest keys that are recorded.
const DEPTH_MAX: usize = 6;
/// Most keys that are recorded: maps of names have as many as they like.
const KEYS_MAX: usize = 4_096;
/// Longest name of a key that is recorded, in bytes: those of formats are short.
const NAME_MAX: usize = 64;

impl<'a> Head<'a> {
    pub(super) fn new(start: &'a [u8]) -> Head<'a> {
        // Cut at the last whole character.
        let text = match std::str::from_utf8(start) {
            Ok(text) => text,
            Err(err) => std::str::from_utf8(&start[..err.valid_up_to()]).unwrap_or_default(),
        };
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let first = text.trim_start().chars().next();
        let mut head = Head { text, first, ..Head::default() };
        match first {
            Some('<') => head.root = root(text),
            Some('{' | '[') => keys(text, &mut head.keys),
            // A log may begin with lines that are none of its own.
            _ => {
                if let Some((at, _)) =
                    text.match_indices('\n').find(|(at, _)| text[at + 1..].starts_with('{'))
                {
                    keys(&text[at + 1..], &mut head.keys);
                }
            }
        }
        head
    }

    /// Whether there is a key at this path.
    pub(super) fn has(&self, path: &str) -> bool {
        self.keys.contains(path)
    }

    /// Whether there is any key.
    pub(super) fn has_keys(&self) -> bool {
        !self.keys.is_empty()
    }

    /// The keys at the top.
    pub(super) fn top(&self) -> impl Iterator<Item = &str> {
        self.keys.iter().map(String::as_str)
    }
}

/// The local name of the first element.
fn root(text: &str) -> Option<&str> {
    let mut rest = text;
    loop {
        rest = &rest[rest.find('<')?..];
        let bytes = rest.as_bytes();
        let length = match bytes.get(1)? {
            b'?' => behind(bytes, b"?>")?,
            b'!' if rest.starts_with("<!--") => behind(bytes, b"-->")?,
            b'!' => doctype(bytes)?,
            _ => {
                let name = rest[1..].split(|c: char| c.is_whitespace() || matches!(c, '>' | '/')).next()?;
                return Some(name.rsplit(':').next().unwrap_or(name));
            }
        };
        rest = &rest[length..];
    }
}

/// How far it is to the end of the first `end`.
fn behind(bytes: &[u8], end: &[u8]) -> Option<usize> {
    Some(memmem::find(bytes, end)? + end.len())
}

/// How long the declaration of the document's type is. What is quoted in it, and comments and instructions in
/// its brackets, may hold brackets too.
fn doctype(bytes: &[u8]) -> Option<usize> {
    let mut inside = false;
    let mut at = 0;
    loop {
        let rest = &bytes[at..];
        at += match *rest.first()? {
            quote @ (b'"' | b'\'') => memchr(quote, &rest[1..])? + 2,
            _ if rest.starts_with(b"<!--") => behind(rest, b"-->")?,
            _ if rest.starts_with(b"<?") => behind(rest, b"?>")?,
            b'>' if !inside => return Some(at + 1),
            bracket @ (b'[' | b']') => {
                inside = bracket == b'[';
                1
            }
            _ => 1,
        };
    }
}

/// Collects the paths of keys from JSON that may end anywhere, or be none.
fn keys(text: &str, found: &mut BTreeSet<String>) {
    // One entry an open bracket: the path up to it, and whether it is an object.
    let mut open: Vec<(String, bool)> = Vec::new();
    let mut last = None;
    let mut key: Option<String> = None;
    let bytes = text.as_bytes();
    let mut at = 0;
    while at < bytes.len() && found.len() < KEYS_MAX {
        match bytes[at] {
            b'"' => {
                let start = at + 1;
                at = start;
                while at < bytes.len() && bytes[at] != b'"' {
                    at += if bytes[at] == b'\\' { 2 } else { 1 };
                }
                last = text.get(start..at.min(bytes.len()));
            }
            b':' => {
                let name = last.take().map(|name| if name.len() > NAME_MAX { "…" } else { name });
                if let (Some((path, true)), Some(name)) = (open.last(), name)
                    && open.len() <= DEPTH_MAX
                {
                    let path = if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
                    found.insert(path.clone());
                    key = Some(path);
                }
            }
            bracket @ (b'{' | b'[') => {
                let path =
                    key.take().or_else(|| open.last().map(|(path, _)| path.clone())).unwrap_or_default();
                // Below nothing is recorded, and paths of paths would fill the memory.
                let path = if open.len() < DEPTH_MAX { path } else { String::new() };
                open.push(match bracket {
                    b'{' => (path, true),
                    _ => (format!("{path}[]"), false),
                });
            }
            b'}' | b']' => {
                open.pop();
                (last, key) = (None, None);
            }
            b',' => (last, key) = (None, None),
            _ => {}
        }
        at += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_found_wherever_the_beginning_ends() {
        let text = r#"{"a": {"b": 1, "c": [{"d": "x: {\"y\": 1}"}]}, "e": [1, {"f": 2}], "g": ["h", {"i"#;
        let head = Head::new(text.as_bytes());
        assert_eq!(head.top().collect::<Vec<_>>(), ["a", "a.b", "a.c", "a.c[].d", "e", "e[].f", "g"]);
        assert!(Head::new(b"[{\"uri\": 1}]").has("[].uri"));
        assert!(Head::new(b"go: downloading x\n{\"Action\":\"run\"}\n{\"Test\":1}").has("Test"));
        assert!(!Head::new(b"{\"a\\").has_keys());
        assert!(!Head::new(b"\xff\xfe{").has_keys());
    }

    #[test]
    fn a_hostile_beginning_takes_no_memory() {
        let long = "a".repeat(30_000);
        let deep = format!("{{\"{long}\":{{{}", "\"\":[".repeat(8_000));
        let head = Head::new(deep.as_bytes());
        assert_eq!(head.top().collect::<Vec<_>>(), ["…", "…."]);
        let nested = "{\"a\":".repeat(20_000);
        assert_eq!(Head::new(nested.as_bytes()).keys.iter().map(String::len).max(), Some(2 * DEPTH_MAX - 1));
    }

    #[test]
    fn the_root_of_xml_is_found() {
        let check = |text: &str, expect| assert_eq!(Head::new(text.as_bytes()).root, expect, "{text}");
        check("<a>", Some("a"));
        check(
            "\u{feff}\n<?xml version='1.0'?><!-- <no> --><!DOCTYPE a [<!ENTITY b 'c'>]><n:a x='1'/>",
            Some("a"),
        );
        check("<!DOCTYPE a><a/>", Some("a"));
        check("<!DOCTYPE a [<!-- ]><b> ' --><!ENTITY c ']><d>'><?e ]><f> ?>\n] ><a/>", Some("a"));
        check("<!DOCTYPE a SYSTEM 'ä>[<b>'><a/>", Some("a"));
        check("<!DOCTYPE a [<!-- ]><b>", None);
        check("<", None);
        check("<?xml", None);
        check("a", None);
    }
}
