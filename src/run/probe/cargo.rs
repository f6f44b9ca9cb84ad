//! What a test executable is called that plain `cargo test` started: as cargo-nextest calls it.
//!
//! Cargo says the package, and puts a list of sources beside every executable, which begins with the one that it is built from.
//! Where that lies in the package, or what the manifest says of it, tells the rest.

use std::path::{Path, PathBuf};

use toml::Table;

use crate::report::formats::cargo::unhashed;

/// `package` for the tests inside a library, `package::it` for those of `tests/it.rs`, `package::bin/tool` and the like for all
/// others; where the sources tell nothing, by the executable's name. `None`: not from cargo.
pub(super) fn id(
    program: &Path,
    get: impl Fn(&str) -> Option<String>,
    read: impl Fn(&Path) -> Option<String>,
) -> Option<String> {
    let file = program.file_name()?.to_str()?;
    if file.trim_end_matches(".exe") == "rust_out" {
        // As cargo announces it.
        return Some(format!("Doc-tests {}", get("CARGO_CRATE_NAME")?));
    }
    let name = unhashed(file)?;
    let Some(package) = get("CARGO_PKG_NAME") else { return Some(name.to_owned()) };
    let target = || {
        let folder = PathBuf::from(get("CARGO_MANIFEST_DIR")?);
        let source = first_source(&read(&program.with_extension("d"))?)?;
        let manifest = read(&folder.join("Cargo.toml")).and_then(|text| text.parse().ok());
        let package = Package { name: &package, folder: &folder, manifest: &manifest.unwrap_or_default() };
        // Sources are relative to the workspace, which is somewhere above.
        let all: Vec<PathBuf> = folder.ancestors().map(|root| root.join(&source)).collect();
        all.iter().rev().find_map(|source| package.target(source, name))
    };
    let guess = || if name == called(&package) { String::new() } else { format!("::{name}") };
    let target = target().unwrap_or_else(guess);
    Some(format!("{package}{target}"))
}

/// The crate's name of a package or a target.
fn called(name: &str) -> String {
    name.replace('-', "_")
}

/// The first source in a list as `make` reads it: `target: source source …`, spaces in names behind a `\`.
fn first_source(list: &str) -> Option<String> {
    let (_, sources) = list.lines().next()?.split_once(": ")?;
    let mut source = String::new();
    let mut characters = sources.chars().peekable();
    while let Some(c) = characters.next() {
        match c {
            '\\' if characters.peek() == Some(&' ') => source.extend(characters.next()),
            ' ' => break,
            c => source.push(c),
        }
    }
    (!source.is_empty()).then_some(source)
}

struct Package<'a> {
    name: &'a str,
    folder: &'a Path,
    manifest: &'a Table,
}

impl Package<'_> {
    /// What stands behind the package's name for the target whose first source this is.
    fn target(&self, source: &Path, name: &str) -> Option<String> {
        let lib = self.manifest.get("lib").and_then(|lib| lib.get("path")?.as_str());
        if source == self.folder.join(lib.unwrap_or("src/lib.rs")) {
            return Some(String::new());
        }
        ["test", "bin", "example", "bench"].into_iter().find_map(|kind| {
            let target = self.listed(kind, source, name).or_else(|| self.found(kind, source))?;
            let fits = called(&target) == name;
            fits.then(|| if kind == "test" { format!("::{target}") } else { format!("::{kind}/{target}") })
        })
    }

    /// The name of a target that the manifest gives this source.
    fn listed(&self, kind: &str, source: &Path, name: &str) -> Option<String> {
        let targets = self.manifest.get(kind)?.as_array()?.iter();
        let ours = targets.filter(|target| {
            let path = target.get("path").and_then(|path| path.as_str());
            path.is_some_and(|path| source == self.folder.join(path))
        });
        let mut names = ours.filter_map(|target| target.get("name")?.as_str());
        names.find(|target| called(target) == name).map(str::to_owned)
    }

    /// The name of a target by where its source lies: `tests/it.rs` or `tests/it/main.rs`.
    fn found(&self, kind: &str, source: &Path) -> Option<String> {
        if kind == "bin" && source == self.folder.join("src/main.rs") {
            return Some(self.name.to_owned());
        }
        let folder = match kind {
            "test" => "tests",
            "bin" => "src/bin",
            "example" => "examples",
            _ => "benches",
        };
        let below = source.strip_prefix(self.folder.join(folder)).ok()?;
        let target = match below.parent()? {
            here if here.as_os_str().is_empty() => below.file_stem()?,
            inside if below.ends_with("main.rs") && inside.components().count() == 1 => inside.as_os_str(),
            _ => return None,
        };
        target.to_str().map(str::to_owned)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HASH: &str = "0123456789abcdef";

    /// The id of an executable with this name and this list of sources, of package `my-one` in `/ws/one`.
    fn check(name: &str, sources: &str, manifest: &str, expect: &str) {
        let program = format!("/ws/target/debug/deps/{name}-{HASH}");
        let get = |variable: &str| match variable {
            "CARGO_PKG_NAME" => Some("my-one".to_owned()),
            "CARGO_MANIFEST_DIR" => Some("/ws/one".to_owned()),
            _ => None,
        };
        let read = |path: &Path| match path.to_str()? {
            "/ws/one/Cargo.toml" => Some(manifest.to_owned()),
            path if path == format!("{program}.d") && !sources.is_empty() => {
                Some(format!("{path}: {sources}\n\n{program}: {sources}\n"))
            }
            _ => None,
        };
        assert_eq!(id(Path::new(&program), get, read).as_deref(), Some(expect), "{name}: {sources}");
    }

    #[test]
    fn targets_are_known_by_where_their_source_lies() {
        check("my_one", "one/src/lib.rs one/src/x.rs", "", "my-one");
        check("my_one", "one/src/main.rs", "", "my-one::bin/my-one");
        check("my_tool", "one/src/bin/my-tool.rs one/src/x.rs", "", "my-one::bin/my-tool");
        check("it", "one/tests/it.rs", "", "my-one::it");
        check("my_dash", "one/tests/my-dash.rs", "", "my-one::my-dash");
        check("dir", "one/tests/dir/main.rs one/tests/dir/x.rs", "", "my-one::dir");
        check("ex", "one/examples/ex.rs", "", "my-one::example/ex");
        check("be", "one/benches/be.rs", "", "my-one::bench/be");
        // A package outside of its workspace, and one that is its own.
        check("it", "/ws/one/tests/it.rs", "", "my-one::it");
        check("it", "tests/it.rs", "", "my-one::it");
    }

    #[test]
    fn the_manifest_overrules_the_folders() {
        let manifest = "[lib]\npath = \"lib.rs\"\nname = \"other\"\n[[test]]\nname = \"it\"\npath = \"t/a b.rs\"\n\
                        [[test]]\nname = \"more-it\"\npath = \"t/a b.rs\"\n[[bin]]\nname = \"tool\"\npath = \"src/main.rs\"\n";
        check("other", "one/lib.rs", manifest, "my-one");
        check("it", "one/t/a\\ b.rs one/x.rs", manifest, "my-one::it");
        check("more_it", "one/t/a\\ b.rs", manifest, "my-one::more-it");
        check("tool", "one/src/main.rs", manifest, "my-one::bin/tool");
    }

    #[test]
    fn without_a_source_the_executable_has_a_name() {
        check("it", "", "", "my-one::it");
        check("it", "elsewhere/it.rs", "", "my-one::it");
        check("it", "one/tests/it.rs", "no manifest", "my-one::it");
        check("my_one", "", "", "my-one");
        let id = |program: &str, variables: &[(&str, &str)]| {
            let get = |name: &str| Some(variables.iter().find(|(known, _)| *known == name)?.1.to_owned());
            id(Path::new(program), get, |_| None)
        };
        assert_eq!(id(&format!("deps/a-b-{HASH}.exe"), &[]).as_deref(), Some("a-b"));
        assert_eq!(id("deps/a-b", &[("CARGO_PKG_NAME", "a")]), None);
        assert_eq!(id("/tmp/x/rust_out", &[("CARGO_CRATE_NAME", "a_b")]).as_deref(), Some("Doc-tests a_b"));
        assert_eq!(id("/tmp/x/rust_out", &[]), None);
    }
}
