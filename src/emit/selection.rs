//! A session's suites as the test runner takes them.

use std::fmt;

use crate::plan::Selection;

/// The forms of `shard select`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// One id a line.
    Lines,
    /// Ids separated by NUL, for `xargs -0`.
    Null,
    /// A JSON array.
    Json,
    /// One line of words for a POSIX shell.
    Args,
}

impl Form {
    /// The form of a selection file, by its ending.
    #[must_use]
    pub fn of(name: &str) -> Form {
        match name.rsplit('.').next() {
            Some("nul") => Form::Null,
            Some("json") => Form::Json,
            _ => Form::Lines,
        }
    }
}

impl From<Selection> for Form {
    fn from(selection: Selection) -> Form {
        match selection {
            Selection::Lines => Form::Lines,
            Selection::Null => Form::Null,
            Selection::Json => Form::Json,
        }
    }
}

/// Where a reader of lines may break one: pytest reads its `@file` with Python's `splitlines`.
const LINE_BREAKS: [char; 10] =
    ['\n', '\r', '\u{b}', '\u{c}', '\u{1c}', '\u{1d}', '\u{1e}', '\u{85}', '\u{2028}', '\u{2029}'];

/// An id that a form cannot hold without changing its meaning.
#[derive(Debug, PartialEq, Eq)]
pub struct Unwritable {
    /// The suite.
    pub id: String,
    /// Why.
    pub reason: &'static str,
}

impl fmt::Display for Unwritable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "suite `{}` {}", crate::text::printable(&self.id), self.reason)
    }
}

impl std::error::Error for Unwritable {}

/// The suites in the given form.
///
/// # Errors
/// [`Unwritable`]: a line break in a form of lines; an option or an `@` in front of what is no
/// path.
pub fn write<'a>(form: Form, ids: impl Iterator<Item = &'a str>) -> Result<Vec<u8>, Unwritable> {
    let mut out = Vec::new();
    match form {
        Form::Lines => {
            for id in ids {
                if id.contains(LINE_BREAKS) {
                    return Err(Unwritable {
                        id: id.to_owned(),
                        reason: "has a line break in its name\n  help: use --selection-format null or json",
                    });
                }
                out.extend_from_slice(guarded(id)?.as_bytes());
                out.push(b'\n');
            }
        }
        Form::Null => {
            for id in ids {
                out.extend_from_slice(guarded(id)?.as_bytes());
                out.push(0);
            }
        }
        Form::Json => {
            out = serde_json::to_vec(&ids.collect::<Vec<_>>()).unwrap_or_default();
            out.push(b'\n');
        }
        Form::Args => {
            for (number, id) in ids.enumerate() {
                if number > 0 {
                    out.push(b' ');
                }
                out.extend_from_slice(quoted(&guarded(id)?).as_bytes());
            }
            out.push(b'\n');
        }
    }
    Ok(out)
}

/// An id as one argument of a command.
///
/// # Errors
/// [`Unwritable`]: an option or an `@` in front of what is no path.
pub fn argument(id: &str) -> Result<String, Unwritable> {
    guarded(id)
}

/// An id that no runner takes for an option or a file of arguments.
fn guarded(id: &str) -> Result<String, Unwritable> {
    if !id.starts_with(['-', '@']) {
        return Ok(id.to_owned());
    }
    let path = id.split_once("::").map_or(id, |(path, _)| path);
    // A path has a folder, or an ending as `-a.py` has.
    let ending = path.rsplit_once('.').is_some_and(|(stem, ending)| {
        stem.len() > 1 && !ending.is_empty() && ending.bytes().all(|b| b.is_ascii_alphanumeric())
    });
    if path.contains('/') || ending {
        return Ok(format!("./{id}"));
    }
    Err(Unwritable {
        id: id.to_owned(),
        reason: "would be taken for an option and is no path\n  help: use --selection-format json",
    })
}

/// A word for a POSIX shell.
#[must_use]
pub fn quoted(word: &str) -> String {
    let plain = |c: char| {
        c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '/' | ':' | ',' | '+' | '=' | '@' | '%')
    };
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(form: Form, ids: &[&str], expect: Result<&str, &str>) {
        let written = write(form, ids.iter().copied());
        let shown = written.map(|bytes| String::from_utf8(bytes).unwrap()).map_err(|err| err.to_string());
        assert_eq!(shown.as_deref().map_err(String::as_str), expect);
    }

    #[test]
    fn every_form_holds_what_it_can() {
        check(Form::Lines, &["a.py", "b c.py::t[x::y]"], Ok("a.py\nb c.py::t[x::y]\n"));
        check(Form::Null, &["a", "b\nc"], Ok("a\0b\nc\0"));
        check(Form::Json, &["a\"", "-b"], Ok("[\"a\\\"\",\"-b\"]\n"));
        check(
            Form::Args,
            &["a.py", "b c", "it's", "$(x)", "a;b", "*"],
            Ok("a.py 'b c' 'it'\\''s' '$(x)' 'a;b' '*'\n"),
        );
        check(
            Form::Lines,
            &["a\nb"],
            Err("suite `a\\u{a}b` has a line break in its name\n  help: use --selection-format null or json"),
        );
    }

    #[test]
    fn whatever_ends_a_line_in_python_is_a_line_break() {
        for id in ["a\rb", "a\u{b}b", "a\u{85}b", "a\u{2028}b"] {
            assert!(write(Form::Lines, [id].into_iter()).is_err(), "{id:?}");
            assert!(write(Form::Null, [id].into_iter()).is_ok(), "{id:?}");
        }
    }

    #[test]
    fn no_id_becomes_an_option() {
        check(Form::Lines, &["-a.py", "@b/c", "-d.py::t"], Ok("./-a.py\n./@b/c\n./-d.py::t\n"));
        let refused = "would be taken for an option and is no path\n  help: use --selection-format json";
        check(Form::Lines, &["--collect-only"], Err(&format!("suite `--collect-only` {refused}")));
        check(Form::Args, &["@x"], Err(&format!("suite `@x` {refused}")));
        check(Form::Lines, &["-k.=x"], Err(&format!("suite `-k.=x` {refused}")));
    }
}
