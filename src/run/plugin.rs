//! The pytest plugin that tells what each suite takes, and its way into a session.
//!
//! It lies in a folder of its own that looks like an installed package, in front of `PYTHONPATH`. pytest finds it there as
//! it finds every other plugin, its workers under pytest-xdist too; and where the variable does not arrive (`tox`,
//! `python -I`) pytest runs as ever, where a name in `PYTEST_PLUGINS` or `-p` would be an error.

use std::ffi::OsStr;
use std::io;
use std::path::Path;

use tempfile::TempDir;

const SOURCE: &str = include_str!("plugin/shard_pytest.py");

/// What makes a folder an installed package with a plugin.
const PACKAGE: [(&str, &str); 2] = [
    (
        "METADATA",
        concat!("Metadata-Version: 2.1\nName: shard-pytest\nVersion: ", env!("CARGO_PKG_VERSION"), "\n"),
    ),
    ("entry_points.txt", "[pytest11]\nshard_pytest = shard_pytest\n"),
];

/// The plugin on disk, as long as this lives.
pub(super) struct Plugin {
    folder: TempDir,
}

impl Plugin {
    /// Writes it into a temporary folder that only we may write to.
    ///
    /// # Errors
    /// There is no place for it.
    pub(super) fn create() -> io::Result<Plugin> {
        let folder = tempfile::Builder::new().prefix("shard-pytest-").tempdir()?;
        std::fs::write(folder.path().join("shard_pytest.py"), SOURCE)?;
        let package = folder.path().join(concat!("shard_pytest-", env!("CARGO_PKG_VERSION"), ".dist-info"));
        std::fs::create_dir(&package)?;
        for (name, text) in PACKAGE {
            std::fs::write(package.join(name), text)?;
        }
        Ok(Plugin { folder })
    }

    /// The variables that bring it into a session; `get` reads our own. None where a path cannot stand
    /// in such a variable: it has a `:` in it, or is no text.
    pub(super) fn variables(
        &self,
        get: impl Fn(&str) -> Option<std::ffi::OsString>,
    ) -> Vec<(&'static str, Option<String>)> {
        let get = |name: &str| get(name).filter(|value| !value.is_empty());
        let before = get("PYTHONPATH").unwrap_or_default();
        // An empty variable has one empty path in it, which would mean the working directory.
        let before = std::env::split_paths(&before).filter(|_| !before.is_empty());
        let paths = std::env::join_paths([self.folder.path().to_owned()].into_iter().chain(before)).ok();
        let Some(paths) = paths.and_then(|paths| paths.into_string().ok()) else { return Vec::new() };
        let mut variables = vec![("PYTHONPATH", Some(paths))];
        // Then only those are loaded that are named.
        if get("PYTEST_DISABLE_PLUGIN_AUTOLOAD").is_some() {
            let named = match get("PYTEST_PLUGINS").map(std::ffi::OsString::into_string) {
                None => "shard_pytest".to_owned(),
                Some(Ok(named)) => format!("{named},shard_pytest"),
                Some(Err(_)) => return variables,
            };
            variables.push(("PYTEST_PLUGINS", Some(named)));
        }
        variables
    }
}

/// Whether a command is pytest, or something that starts it: by its words, before suites stand in it.
pub(super) fn is_pytest(template: &[String]) -> bool {
    template.iter().any(|word| {
        let name = Path::new(word).file_name().and_then(OsStr::to_str).unwrap_or_default();
        matches!(name.strip_suffix(".exe").unwrap_or(name), "pytest" | "py.test" | "tox" | "nox")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pytest_is_known_by_its_words() {
        let check = |command: &str, expect: bool| {
            let words: Vec<String> = command.split(' ').map(str::to_owned).collect();
            assert_eq!(is_pytest(&words), expect, "{command}");
        };
        check("pytest @{selection}", true);
        check(".venv/bin/py.test {suites}", true);
        check("python3 -m pytest -n 2 @{selection}", true);
        check("uv run --frozen pytest @{selection}", true);
        check("tox -e py312 -- @{selection}", true);
        check("coverage run -m pytest @{selection}", true);
        check("go test {suites}", false);
        check("python run.py --pytest", false);
    }

    #[test]
    fn what_the_user_set_stays() {
        let plugin = Plugin::create().unwrap();
        let here = plugin.folder.path().to_str().unwrap().to_owned();
        let check = |ours: &[(&str, &str)], expect: &[(&'static str, &str)]| {
            let get = |name: &str| Some(ours.iter().find(|(known, _)| *known == name)?.1.into());
            let found = plugin.variables(get);
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
