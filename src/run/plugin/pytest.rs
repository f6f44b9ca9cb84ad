//! The pytest plugin that tells what each suite takes, and its way into a session.
//!
//! It lies in a folder of its own that looks like an installed package, in front of `PYTHONPATH`. pytest finds it there as
//! it finds every other plugin, its workers under pytest-xdist too; and where the variable does not arrive (`tox`,
//! `python -I`) pytest runs as ever, where a name in `PYTEST_PLUGINS` or `-p` would be an error.

use std::ffi::OsString;
use std::io;
use std::path::Path;

const SOURCE: &str = include_str!("shard_pytest.py");

/// What makes a folder an installed package with a plugin.
const PACKAGE: [(&str, &str); 2] = [
    (
        "METADATA",
        concat!("Metadata-Version: 2.1\nName: shard-pytest\nVersion: ", env!("CARGO_PKG_VERSION"), "\n"),
    ),
    ("entry_points.txt", "[pytest11]\nshard_pytest = shard_pytest\n"),
];

/// Puts it into an empty folder.
///
/// # Errors
/// There is no place for it.
pub(super) fn write(folder: &Path) -> io::Result<()> {
    std::fs::write(folder.join("shard_pytest.py"), SOURCE)?;
    let package = folder.join(concat!("shard_pytest-", env!("CARGO_PKG_VERSION"), ".dist-info"));
    std::fs::create_dir(&package)?;
    PACKAGE.iter().try_for_each(|(name, text)| std::fs::write(package.join(name), text))
}

/// The variables that bring it into a session from there; `get` reads our own. None where a path cannot stand
/// in such a variable: it has a `:` in it, or is no text.
pub(super) fn variables(
    folder: &Path,
    get: impl Fn(&str) -> Option<OsString>,
) -> Vec<(&'static str, Option<String>)> {
    let get = |name: &str| get(name).filter(|value| !value.is_empty());
    let before = get("PYTHONPATH").unwrap_or_default();
    // An empty variable has one empty path in it, which would mean the working directory.
    let before = std::env::split_paths(&before).filter(|_| !before.is_empty());
    let paths = std::env::join_paths([folder.to_owned()].into_iter().chain(before)).ok();
    let Some(paths) = paths.and_then(|paths| paths.into_string().ok()) else { return Vec::new() };
    let mut variables = vec![("PYTHONPATH", Some(paths))];
    // Then only those are loaded that are named.
    if get("PYTEST_DISABLE_PLUGIN_AUTOLOAD").is_some() {
        let named = match get("PYTEST_PLUGINS").map(OsString::into_string) {
            None => "shard_pytest".to_owned(),
            Some(Ok(named)) => format!("{named},shard_pytest"),
            Some(Err(_)) => return variables,
        };
        variables.push(("PYTEST_PLUGINS", Some(named)));
    }
    variables
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_user_set_stays() {
        let here = std::env::temp_dir().join("here").to_str().unwrap().to_owned();
        let check = |ours: &[(&str, &str)], expect: &[(&'static str, &str)]| {
            let get = |name: &str| Some(ours.iter().find(|(known, _)| *known == name)?.1.into());
            let found = variables(Path::new(&here), get);
            let expect: Vec<_> =
                expect.iter().map(|(name, value)| (*name, Some(value.replace("HERE", &here)))).collect();
            assert_eq!(found, expect, "{ours:?}");
        };
        check(&[], &[("PYTHONPATH", "HERE")]);
        check(&[("PYTHONPATH", "")], &[("PYTHONPATH", "HERE")]);
        let more = if cfg!(windows) { "src;lib" } else { "src:lib" };
        let all = format!("HERE{}{more}", if cfg!(windows) { ";" } else { ":" });
        check(&[("PYTHONPATH", more), ("PYTEST_PLUGINS", "mine")], &[("PYTHONPATH", &all)]);
        check(
            &[("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1"), ("PYTEST_PLUGINS", "a,b")],
            &[("PYTHONPATH", "HERE"), ("PYTEST_PLUGINS", "a,b,shard_pytest")],
        );
    }
}
