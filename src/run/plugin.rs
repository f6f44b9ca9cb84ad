//! Plugins of ours that tell what each suite takes, put in place for a session and gone after it.

mod node;
mod pytest;

use std::ffi::{OsStr, OsString};
use std::io;
use std::path::Path;

use tempfile::TempDir;

/// Whom a plugin is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Pytest,
    /// Jest and Vitest.
    Node,
}

impl Kind {
    /// By the words of a command, before suites stand in it: a test runner, or something that starts it.
    pub(super) fn of(template: &[String]) -> Option<Kind> {
        template.iter().find_map(|word| {
            let name = Path::new(word).file_name().and_then(OsStr::to_str)?;
            let ending = [".exe", ".cmd", ".js", ".mjs"].iter().find_map(|ending| name.strip_suffix(ending));
            match ending.unwrap_or(name) {
                "pytest" | "py.test" | "tox" | "nox" => Some(Kind::Pytest),
                "jest" | "vitest" | "node" | "nodejs" | "npm" | "npx" | "pnpm" | "pnpx" | "yarn"
                | "corepack" | "turbo" | "nx" | "lerna" | "react-scripts" | "craco" => Some(Kind::Node),
                _ => None,
            }
        })
    }
}

/// A plugin on disk, as long as this lives.
pub(super) struct Plugin {
    kind: Kind,
    folder: TempDir,
}

impl Plugin {
    /// Writes it into a temporary folder that only we may write to.
    ///
    /// # Errors
    /// There is no place for it.
    pub(super) fn create(kind: Kind) -> io::Result<Plugin> {
        let name = match kind {
            Kind::Pytest => "shard-pytest-",
            Kind::Node => "shard-node-",
        };
        let folder = tempfile::Builder::new().prefix(name).tempdir()?;
        match kind {
            Kind::Pytest => pytest::write(folder.path())?,
            Kind::Node => node::write(folder.path())?,
        }
        Ok(Plugin { kind, folder })
    }

    /// The variables that bring it into a session; `get` reads our own. None where that is impossible.
    pub(super) fn variables(
        &self,
        get: impl Fn(&str) -> Option<OsString>,
    ) -> Vec<(&'static str, Option<String>)> {
        match self.kind {
            Kind::Pytest => pytest::variables(self.folder.path(), get),
            Kind::Node => node::variables(self.folder.path(), get),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runners_are_known_by_their_words() {
        let check = |command: &str, expect: Option<Kind>| {
            let words: Vec<String> = command.split(' ').map(str::to_owned).collect();
            assert_eq!(Kind::of(&words), expect, "{command}");
        };
        check("pytest @{selection}", Some(Kind::Pytest));
        check(".venv/bin/py.test {suites}", Some(Kind::Pytest));
        check("python3 -m pytest -n 2 @{selection}", Some(Kind::Pytest));
        check("uv run --frozen pytest @{selection}", Some(Kind::Pytest));
        check("tox -e py312 -- @{selection}", Some(Kind::Pytest));
        check("coverage run -m pytest @{selection}", Some(Kind::Pytest));
        check("npx jest --runTestsByPath {suites}", Some(Kind::Node));
        check("node --experimental-vm-modules node_modules/jest/bin/jest.js {suites}", Some(Kind::Node));
        check("node_modules/.bin/vitest run {suites}", Some(Kind::Node));
        check("npm.cmd test -- {suites}", Some(Kind::Node));
        check("go test {suites}", None);
        check("python run.py --pytest", None);
    }
}
