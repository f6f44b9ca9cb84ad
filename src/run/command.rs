//! A tier's command with its placeholders filled in. Never a shell: a word stays a word, whatever a
//! suite is called.

use crate::text::closest;

/// What the placeholders stand for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Values<'a> {
    /// `{selection}`: the absolute path of the session's selection; `None` where every suite has a
    /// process of its own.
    pub(super) selection: Option<&'a str>,
    /// `{suites}`: one word each.
    pub(super) suites: &'a [String],
    /// `{suite}`: the one suite of this process; `None` where a session has one process.
    pub(super) suite: Option<&'a str>,
    /// `{workers}`.
    pub(super) workers: u32,
    /// `{shard}`.
    pub(super) shard: &'a str,
    /// `{session}`, from 1.
    pub(super) session: u32,
    /// `{outcomes}`: the absolute path of the folder where outcomes and events are written.
    pub(super) outcomes: &'a str,
}

/// The names of all placeholders.
const NAMES: [&str; 7] = ["selection", "suites", "suite", "workers", "shard", "session", "outcomes"];

/// The words of a command. A word with `{suites}` comes once for every suite.
///
/// # Errors
/// A placeholder that has no meaning here, with what to write instead.
pub(super) fn expand(template: &[String], values: &Values<'_>) -> Result<Vec<String>, String> {
    let mut words = Vec::with_capacity(template.len() + values.suites.len());
    for word in template {
        match placeholders(word).any(|name| name == "suites") {
            true => {
                for suite in values.suites {
                    words.push(fill(word, values, suite)?);
                }
            }
            false => words.push(fill(word, values, "")?),
        }
    }
    Ok(words)
}

/// The placeholders that tell a command which suites to run.
const TELLING: [&str; 3] = ["selection", "suites", "suite"];

/// Whether the command is told which suites to run.
#[must_use]
pub fn selects(template: &[String]) -> bool {
    template.iter().flat_map(|word| placeholders(word)).any(|name| TELLING.contains(&name))
}

/// What stands in braces in a command and was probably meant to tell it which suites to run, with what it is called.
#[must_use]
pub fn misspelt(template: &[String]) -> Option<(&str, &'static str)> {
    template.iter().flat_map(|word| braced(word)).find_map(|name| Some((name, closest(name, TELLING)?)))
}

/// The placeholders of a word, in order. Other braces are none.
fn placeholders(word: &str) -> impl Iterator<Item = &str> {
    braced(word).filter(|name| NAMES.contains(name))
}

/// What stands in braces in a word.
fn braced(word: &str) -> impl Iterator<Item = &str> {
    word.split('{').skip(1).filter_map(|rest| rest.split_once('}')).map(|(name, _)| name)
}

/// One pass from left to right, so that a name with braces in it is taken as it is.
fn fill(word: &str, values: &Values<'_>, suite: &str) -> Result<String, String> {
    let mut out = String::with_capacity(word.len());
    let mut rest = word;
    while let Some(at) = rest.find('{') {
        let (before, after) = rest.split_at(at);
        out.push_str(before);
        let name = after[1..].split_once('}').map(|(name, _)| name).filter(|name| NAMES.contains(name));
        let Some(name) = name else {
            out.push('{');
            rest = &after[1..];
            continue;
        };
        match name {
            "selection" => out.push_str(values.selection.ok_or(
                "`{selection}` names the suites of a whole session, but `each` starts one process a suite: use {suite}",
            )?),
            "suites" => out.push_str(suite),
            "suite" => out.push_str(values.suite.ok_or(
                "`{suite}` is one suite, but a session of this tier has several: use {selection} or {suites}, or set each = true",
            )?),
            "workers" => out.push_str(&values.workers.to_string()),
            "shard" => out.push_str(values.shard),
            "outcomes" => out.push_str(values.outcomes),
            _ => out.push_str(&values.session.to_string()),
        }
        rest = &after[name.len() + 2..];
    }
    out.push_str(rest);
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        text.split(' ').map(str::to_owned).collect()
    }

    #[test]
    fn placeholders_become_words() {
        let suites = ["a b.py".to_owned(), "{shard}.py".to_owned()];
        let values = Values {
            selection: Some("/out/unit-1.txt"),
            suites: &suites,
            suite: None,
            workers: 2,
            shard: "unit-1",
            session: 3,
            outcomes: "/out/outcomes",
        };
        let check = |template: &str, expect: &[&str]| {
            assert_eq!(expand(&words(template), &values).unwrap(), expect, "{template}");
        };
        check("pytest -n {workers} @{selection}", &["pytest", "-n", "2", "@/out/unit-1.txt"]);
        check("pytest {suites} -q", &["pytest", "a b.py", "{shard}.py", "-q"]);
        check("x --file={suites}", &["x", "--file=a b.py", "--file={shard}.py"]);
        check("x --xml={shard}.{session}.xml", &["x", "--xml=unit-1.3.xml"]);
        check("x --writable={outcomes}", &["x", "--writable=/out/outcomes"]);
        check(
            "x {\"a\":{workers}} {other} { }{ {{shard}",
            &["x", "{\"a\":2}", "{other}", "{", "}{", "{unit-1"],
        );
        assert!(expand(&words("x {suite}"), &values).unwrap_err().contains("each = true"));
        let each = Values { selection: None, suites: &suites[..1], suite: Some(&suites[0]), ..values };
        assert_eq!(expand(&words("build {suite} {suites}"), &each).unwrap(), ["build", "a b.py", "a b.py"]);
        assert!(expand(&words("x @{selection}"), &each).unwrap_err().contains("use {suite}"));
    }

    #[test]
    fn a_command_that_is_not_told_its_suites_is_noticed() {
        assert!(selects(&words("pytest @{selection}")) && selects(&words("x --a={suites}")));
        assert!(!selects(&words("make test {workers} {selections}")));
        assert_eq!(misspelt(&words("x {workers} @{selektion}")), Some(("selektion", "selection")));
        assert_eq!(misspelt(&words("x {} {version} {.Dir} suites")), None);
    }
}
