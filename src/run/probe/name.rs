//! Which suite a process is, by what the runner says of it.

use std::path::{Path, PathBuf};

/// The id of the suite that these words run, in this working directory, and the process's name among those side
/// by side. `get` reads the environment, `read` a file.
///
/// cargo-nextest and Bazel say it; a test of Go runs in its package's folder, whose import path is that of
/// the module and the way there. Of all others nothing is known but the program.
pub fn id(
    words: &[String],
    folder: &Path,
    get: impl Fn(&str) -> Option<String>,
    read: impl Fn(&Path) -> Option<String>,
) -> String {
    let get = |name: &str| get(name).filter(|value| !value.is_empty());
    let go = || {
        let is_test = words.iter().skip(1).any(|word| word.starts_with("-test."));
        is_test.then(|| package(folder, read)).flatten()
    };
    get("NEXTEST_BINARY_ID").or_else(|| get("TEST_TARGET")).or_else(go).unwrap_or_else(|| {
        let program = words.first().map(String::as_str).unwrap_or_default();
        let name = Path::new(program).file_name().and_then(|name| name.to_str());
        name.unwrap_or(program).to_owned()
    })
}

/// The import path of the Go package in a folder.
fn package(folder: &Path, read: impl Fn(&Path) -> Option<String>) -> Option<String> {
    let (root, text) =
        folder.ancestors().find_map(|root| Some((root.to_owned(), read(&root.join("go.mod"))?)))?;
    let module =
        text.lines().find_map(|line| line.trim().strip_prefix("module")?.split_whitespace().next())?;
    let module = module.trim_matches(['"', '`']);
    let below: PathBuf = folder.strip_prefix(root).ok()?.to_owned();
    let parts = below.iter().map(|part| part.to_str()).collect::<Option<Vec<&str>>>()?;
    Some([&[module], parts.as_slice()].concat().join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suites_are_known_by_what_their_runner_says() {
        let check = |command: &str, folder: &str, variables: &[(&str, &str)], expect: &str| {
            let words: Vec<String> = command.split(' ').map(str::to_owned).collect();
            let get = |name: &str| Some(variables.iter().find(|(known, _)| *known == name)?.1.to_owned());
            let read = |path: &Path| {
                (path == Path::new("/src/go.mod"))
                    .then(|| "// x\nmodule example.com/m // y\n\ngo 1.22\n".to_owned())
            };
            assert_eq!(id(&words, Path::new(folder), get, read), expect, "{command}");
        };
        let go = "/tmp/go-build1/b001/deep.test -test.timeout=10m0s";
        check(go, "/src/a/deep", &[], "example.com/m/a/deep");
        check(go, "/src", &[], "example.com/m");
        check(go, "/elsewhere", &[], "deep.test");
        check("/src/a/x -v", "/src/a", &[], "x");
        check("target/debug/deps/it-0f t", "/", &[("NEXTEST_BINARY_ID", "shard::it")], "shard::it");
        check("bazel-bin/a/b", "/", &[("TEST_TARGET", "//a:b"), ("NEXTEST_BINARY_ID", "")], "//a:b");
    }
}
