//! What cargo says of the binary that it starts next. libtest does not name it.

/// The binary that a line announces, by its program's name without the hash that cargo adds:
/// `Running tests/it.rs (target/debug/deps/it-0123456789abcdef)` or `Doc-tests name`.
pub(super) fn announced(line: &str) -> Option<&str> {
    let line = line.trim();
    if line.starts_with("Doc-tests ") {
        return Some(line);
    }
    let (_, path) = line.strip_prefix("Running ")?.strip_suffix(')')?.rsplit_once('(')?;
    let name = path.rsplit(['/', '\\']).next()?;
    Some(unhashed(name).unwrap_or(name.strip_suffix(".exe").unwrap_or(name)))
}

/// A program's name without the hash that cargo adds, and that another build changes; `None` where it has none.
pub(crate) fn unhashed(program: &str) -> Option<&str> {
    let (name, hash) = program.strip_suffix(".exe").unwrap_or(program).rsplit_once('-')?;
    (hash.len() == 16 && hash.bytes().all(|b| b.is_ascii_hexdigit())).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::announced;

    #[test]
    fn only_a_hash_is_cut_off() {
        let check = |line: &str, expect| assert_eq!(announced(line), expect, "{line}");
        check("     Running unittests src/lib.rs (target/debug/deps/demo-8348ca7a80742723)", Some("demo"));
        check("Running tests/it.rs (target\\debug\\deps\\it-one-a69063779ff8c574.exe)\r", Some("it-one"));
        check("Running unittests src/main.rs (target/debug/my-bin)", Some("my-bin"));
        check("Running unittests src/main.rs (my-bin-0123.exe)", Some("my-bin-0123"));
        check("   Doc-tests demo", Some("Doc-tests demo"));
        check("Running `target/debug/demo`", None);
        check("running 2 tests", None);
    }
}
