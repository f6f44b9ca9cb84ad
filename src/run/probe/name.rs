//! Which suite a process is, by what the runner says of it.

use std::path::{Path, PathBuf};

use super::cargo;

/// The id of the suite that these words run, in this working directory, and the process's name among those side
/// by side. `get` reads the environment, `read` a file.
///
/// cargo-nextest and Bazel say it; cargo says the package, and its files the rest; a test of Go runs in its package's folder, whose import path is that of
/// the module and the way there; a test of CTest's stands in the file that CTest reads there. Of all others nothing is
/// known but the program.
pub fn id(
    words: &[String],
    folder: &Path,
    get: impl Fn(&str) -> Option<String>,
    read: impl Fn(&Path) -> Option<String>,
) -> String {
    let get = |name: &str| get(name).filter(|value| !value.is_empty());
    let go = || {
        let is_test = words.iter().skip(1).any(|word| word.starts_with("-test."));
        is_test.then(|| package(folder, &read)).flatten()
    };
    let program = words.first().map(String::as_str).unwrap_or_default();
    let cargo = || cargo::id(Path::new(program), get, &read);
    let ctest = || test_of(words, &read(&folder.join("CTestTestfile.cmake"))?);
    let said = get("NEXTEST_BINARY_ID").or_else(|| get("TEST_TARGET"));
    said.or_else(go).or_else(ctest).or_else(cargo).unwrap_or_else(|| {
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

/// The only test of CTest's whose command ends with these words; a wrapper stands in front of them.
fn test_of(words: &[String], text: &str) -> Option<String> {
    let tests = text.lines().filter_map(|line| arguments(line.strip_prefix("add_test(")?.strip_suffix(')')?));
    let mut ours = tests.filter(|test| test.len() > words.len() && test.ends_with(words));
    let name = ours.next()?.swap_remove(0);
    ours.next().is_none().then_some(name)
}

/// The arguments of a command of CMake's, as it writes them itself: bare, in quotes or in brackets.
fn arguments(text: &str) -> Option<Vec<String>> {
    let (mut found, mut rest) = (Vec::new(), text.trim_start());
    while !rest.is_empty() {
        let (argument, after) = if let Some(quoted) = rest.strip_prefix('"') {
            let end = quoted.match_indices('"').find(|(at, _)| !quoted[..*at].ends_with('\\'))?.0;
            (quoted[..end].replace("\\\"", "\"").replace("\\\\", "\\"), &quoted[end + 1..])
        } else if rest.starts_with("[=") || rest.starts_with("[[") {
            let open = rest[1..].find('[')? + 2;
            let close = rest[..open].replace('[', "]");
            let end = rest[open..].find(&close)? + open;
            (rest[open..end].to_owned(), &rest[end + close.len()..])
        } else {
            let end = rest.find(char::is_whitespace).unwrap_or(rest.len());
            (rest[..end].to_owned(), &rest[end..])
        };
        found.push(argument);
        rest = after.trim_start();
    }
    (!found.is_empty()).then_some(found)
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
        let cargo = "target/debug/deps/it-0123456789abcdef t";
        check(cargo, "/", &[("NEXTEST_BINARY_ID", "shard::it"), ("CARGO_PKG_NAME", "other")], "shard::it");
        check(cargo, "/", &[("CARGO_PKG_NAME", "shard")], "shard::it");
        check("bazel-bin/a/b", "/", &[("TEST_TARGET", "//a:b"), ("NEXTEST_BINARY_ID", "")], "//a:b");
    }

    #[test]
    fn tests_of_ctest_are_known_by_their_command() {
        let file = "# CMake generated\n\
            add_test(heavy \"/bin/shard\" \"probe\" \"--\" \"/b/heavy\" \"90\")\n\
            add_test([=[a b (c)]=] \"/bin/shard\" \"probe\" \"--\" \"/b/heavy\" \"--x=\\\"1 2\\\"\")\n\
            add_test(\"q\" \"/b/twice\")\nadd_test(r \"/b/twice\")\nadd_test(broken \"/b/x)\nadd_test()\n\
            set_tests_properties(heavy PROPERTIES  X \"1\")\n";
        let check = |words: &[&str], expect: &str| {
            let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
            let read = |path: &Path| (path == Path::new("/b/CTestTestfile.cmake")).then(|| file.to_owned());
            assert_eq!(id(&words, Path::new("/b"), |_| None, read), expect, "{words:?}");
        };
        check(&["/b/heavy", "90"], "heavy");
        check(&["/b/heavy", "--x=\"1 2\""], "a b (c)");
        check(&["/b/heavy", "40"], "heavy");
        check(&["/b/twice"], "twice");
        check(&["/b/x"], "x");
    }
}
