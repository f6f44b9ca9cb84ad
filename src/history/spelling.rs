//! How tools spell the name of a file: separators, endings, the line behind it.

/// A path with `/` between its parts, no `./` in front and no `//` within.
pub(super) fn normalise(name: &str) -> String {
    let mut name = name.replace('\\', "/");
    while name.contains("//") {
        name = name.replace("//", "/");
    }
    without_dot(&name).to_owned()
}

/// A suite's name as histories have it: without the `./` in front that some tools write and others do not.
#[must_use]
pub fn without_dot(name: &str) -> &str {
    name.strip_prefix("./").filter(|rest| !rest.is_empty()).unwrap_or(name)
}

/// A name as it is, then without the line and the column that may stand behind a file: `test/a_test.exs:12`.
pub(super) fn spellings(name: &str) -> impl Iterator<Item = &str> {
    // No more than these two: a name may be nothing but colons and digits.
    std::iter::successors(Some(name), |name| without_line(name)).take(3)
}

fn without_line(name: &str) -> Option<&str> {
    let (file, line) = name.rsplit_once(':')?;
    let digits = !line.is_empty() && line.bytes().all(|byte| byte.is_ascii_digit());
    (digits && !file.is_empty()).then_some(file)
}

/// What a name that met `path` calls the file: a line behind it goes, unless the path has one too.
pub(super) fn bare<'n>(name: &'n str, path: &str) -> &'n str {
    match without_line(path) {
        Some(_) => name,
        None => spellings(name).last().unwrap_or(name),
    }
}

/// A file name without its last ending.
pub(super) fn stem(basename: &str) -> &str {
    basename.rsplit_once('.').filter(|(stem, _)| !stem.is_empty()).map_or(basename, |(stem, _)| stem)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_and_columns_stand_behind_a_file() {
        let check = |name: &str, expect: &[&str]| assert_eq!(spellings(name).collect::<Vec<_>>(), expect);
        check("a/b.exs", &["a/b.exs"]);
        check("a/b.exs:12", &["a/b.exs:12", "a/b.exs"]);
        check("b.lua:3:14", &["b.lua:3:14", "b.lua:3", "b.lua"]);
        check("b.lua:3:1:4", &["b.lua:3:1:4", "b.lua:3:1", "b.lua:3"]);
        for name in ["b.lua:", ":3", "b.rb:x", "b.rb:-1", "b.rb: 1", "//a:b", "C:\\a.rb", ""] {
            check(name, &[name]);
        }
        assert_eq!(bare("a.rb:3", "x/a.rb"), "a.rb");
        assert_eq!(bare("a.rb:3", "x/a.rb:3"), "a.rb:3");
    }
}
