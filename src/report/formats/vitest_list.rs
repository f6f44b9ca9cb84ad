//! `vitest list --json`: the tests and their files, or with `--filesOnly` the files.

use std::io::BufRead;

use serde::Deserialize;

use crate::report::head::Head;
use crate::report::json::{self, Elements, NO_OBJECT, Object, Text};
use crate::report::{Case, Place, ReportError, Sink};

/// Whether this is a listing of Vitest: objects that hold a file and little else.
pub(in crate::report) fn looks_like(head: &Head<'_>) -> bool {
    let known = ["[].file", "[].name", "[].projectName", "[].location"];
    head.has("[].file") && head.top().all(|key| known.iter().any(|known| key.starts_with(known)))
}

/// Reads a listing; holds one test at a time.
///
/// # Errors
/// What is no JSON, or not of this shape, with its line.
pub(in crate::report) fn read(input: impl BufRead, sink: &mut dyn Sink) -> Result<(), ReportError> {
    json::list(input, None, &mut Vitest(sink))
}

struct Vitest<'s>(&'s mut dyn Sink);

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Test<'a> {
    #[serde(borrow)]
    name: Text<'a>,
    #[serde(borrow)]
    file: Text<'a>,
    #[serde(borrow)]
    project_name: Text<'a>,
}

impl Elements for Vitest<'_> {
    type Element<'de> = Object<Test<'de>>;

    fn take(&mut self, Object(test): Object<Test<'_>>) {
        let Some(test) = test else { return self.0.warn(None, NO_OBJECT) };
        self.0.case(&Case {
            place: Place { file: test.file.get(), suite: test.project_name.get(), ..Place::default() },
            name: test.name.get().unwrap_or_default(),
            ..Case::default()
        });
    }
}

#[cfg(test)]
mod tests {
    use crate::report::Format;
    use crate::report::testing::{check, recognised, refused};

    const JSON: Format = Format::VitestList;

    #[test]
    fn tests_and_files_are_read() {
        let tests = include_str!("../../../testdata/reports/vitest-list/tests.json");
        recognised(JSON, tests);
        check(JSON, tests, &["/app/a.test.js - - | basket > adds", "/app/a.test.js - - | basket > is flaky"]);
        let files = r#"[{"file": "/app/a.test.js", "projectName": "unit"}, 1, {"file": null}]"#;
        recognised(JSON, files);
        check(JSON, files, &["/app/a.test.js - unit | ", "warning an entry that is no object", "- - - | "]);
        refused(JSON, r#"[{"file": "a"}"#, "1: not JSON: the file ends in the middle");
        assert_eq!(Format::recognise(br#"[{"file": "a", "line": 1}]"#), None);
    }
}
