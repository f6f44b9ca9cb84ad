//! The script that tells what each file of a Jest or Vitest session takes, and its way into a session.
//!
//! Node loads it before anything else in every process of the session (`--require` in `NODE_OPTIONS`), so neither
//! configuration nor command changes, and a project's own reporters and runners stay as they are.

use std::ffi::OsString;
use std::io;
use std::path::Path;

const SOURCE: &str = include_str!("shard_node.js");
const NAME: &str = "shard_node.js";

/// Puts it into a folder.
///
/// # Errors
/// There is no place for it.
pub(super) fn write(folder: &Path) -> io::Result<()> {
    std::fs::write(folder.join(NAME), SOURCE)
}

/// The variable that brings it into a session from there; `get` reads our own. None where it, or the path, is no text.
pub(super) fn variables(
    folder: &Path,
    get: impl Fn(&str) -> Option<OsString>,
) -> Vec<(&'static str, Option<String>)> {
    let Some(path) = folder.join(NAME).to_str().map(word) else { return Vec::new() };
    match get("NODE_OPTIONS").filter(|value| !value.is_empty()).map(OsString::into_string) {
        None => vec![("NODE_OPTIONS", Some(format!("--require {path}")))],
        Some(Ok(before)) => vec![("NODE_OPTIONS", Some(format!("{before} --require {path}")))],
        Some(Err(_)) => Vec::new(),
    }
}

/// A path as one word of `NODE_OPTIONS`: a backslash means something between quotes only.
fn word(path: &str) -> String {
    if path.contains([' ', '"']) {
        return format!("\"{}\"", path.replace('\\', "\\\\").replace('"', "\\\""));
    }
    path.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    // Paths as they are written elsewhere than on Windows.
    #[cfg(unix)]
    #[test]
    fn what_the_user_set_stays() {
        let check = |folder: &str, before: &str, expect: &str| {
            let found = variables(Path::new(folder), |_| Some(before.into()));
            assert_eq!(found, [("NODE_OPTIONS", Some(expect.to_owned()))]);
        };
        check("/t", "", "--require /t/shard_node.js");
        check("/t", "--max-old-space-size=4096", "--max-old-space-size=4096 --require /t/shard_node.js");
        check("/my \"t", "", r#"--require "/my \"t/shard_node.js""#);
    }
}
