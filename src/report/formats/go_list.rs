//! What `go test -list . ./...` prints: the names of a package's tests, then a line for the package. So
//! the names of one package are kept. What `go list ./...` prints is a plain list of packages.

use std::io::BufRead;

use crate::report::head::Head;
use crate::report::{Case, Place, ReportError, Sink, lines};
use crate::text::examples;

/// What a line of a listing is.
enum Line<'a> {
    Name(&'a str),
    /// `ok`, a package, a time.
    Package(&'a str),
    /// `FAIL`, a package, why.
    Failed(&'a str),
    /// A package without tests, and what `go` says while it works.
    Chatter,
    Noise,
}

impl Line<'_> {
    fn read(line: &str) -> Line<'_> {
        let line = line.trim_end();
        let mut columns = line.split('\t').map(str::trim);
        match (columns.next(), columns.next()) {
            (Some("ok"), Some(package)) => Line::Package(package),
            (Some("FAIL"), Some(package)) => Line::Failed(package.split(" [").next().unwrap_or(package)),
            (Some("?" | ""), Some(_)) | (Some("" | "FAIL" | "PASS"), None) => Line::Chatter,
            (Some(name), None) if is_name(name) => Line::Name(name),
            _ if line.starts_with("go: ") => Line::Chatter,
            _ => Line::Noise,
        }
    }
}

/// Whether `go test` would take a function of this name: `TestX`, `Test_x` or `Test`, not `Testing`.
fn is_name(name: &str) -> bool {
    ["Test", "Benchmark", "Example", "Fuzz"].into_iter().any(|prefix| {
        name.strip_prefix(prefix).is_some_and(|rest| {
            rest.chars().all(|c| c.is_alphanumeric() || c == '_')
                && rest.chars().next().is_none_or(|c| !c.is_lowercase())
        })
    })
}

/// Whether this is such a listing: names, and a package behind them. What a run prints is none.
pub(in crate::report) fn looks_like(head: &Head<'_>) -> bool {
    let mut named = false;
    for line in lines::whole(head.text) {
        match Line::read(line) {
            Line::Name(_) => named = true,
            Line::Package(_) if named => return true,
            Line::Noise if line.starts_with(['=', '-', ' ', '{']) => return false,
            _ => {}
        }
    }
    false
}

/// Reads a listing.
///
/// # Errors
/// A line that is too long.
pub(in crate::report) fn read(input: impl BufRead, sink: &mut dyn Sink) -> Result<(), ReportError> {
    let mut names: Vec<String> = Vec::new();
    lines::each(input, |number, line| {
        match Line::read(line) {
            Line::Name(name) => names.push(name.to_owned()),
            Line::Package(package) => {
                for name in names.drain(..) {
                    sink.case(&Case { place: Place::file(package), name: &name, ..Case::default() });
                }
            }
            Line::Failed(package) => {
                sink.warn(Some(number), &format!("go could not list {}", examples([package], 1)));
                names.clear();
            }
            Line::Chatter => {}
            Line::Noise => sink.warn(Some(number), &format!("{} is no test", examples([line], 1))),
        }
        Ok(())
    })?;
    if !names.is_empty() {
        sink.warn(None, "the last tests are of no package: the listing is cut off");
    }
    for name in &names {
        sink.case(&Case { name, ..Case::default() });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::report::Format;
    use crate::report::testing::{self, recognised};

    fn check(text: &str, expect: &[&str]) {
        testing::check(Format::GoTestList, text, expect);
        recognised(Format::GoTestList, text);
    }

    #[test]
    fn names_lie_in_the_package_behind_them() {
        check(
            "TestA\nTest_b\nBenchmarkC\nFuzzD\nExampleE\nok  \texample.com/m\t0.002s\n\
             ?   \texample.com/m/none\t[no test files]\n\texample.com/m/bare\t\tcoverage: 0.0% of statements\n\
             TestÄ\r\nok  \texample.com/m/sub\t(cached)\r\n",
            &[
                "example.com/m - - | TestA",
                "example.com/m - - | Test_b",
                "example.com/m - - | BenchmarkC",
                "example.com/m - - | FuzzD",
                "example.com/m - - | ExampleE",
                "example.com/m/sub - - | TestÄ",
            ],
        );
    }

    #[test]
    fn what_is_missing_is_told() {
        check(
            "# example.com/m/bad [example.com/m/bad.test]\nbad/b_test.go:3:29: undefined: undefined\n\
             TestA\nok  \texample.com/m\t0.002s\nFAIL\texample.com/m/bad [build failed]\nTestB\nTestify\n",
            &[
                "warning 1: `# example.com/m/bad [example.com/m/bad.test]` is no test",
                "warning 2: `bad/b_test.go:3:29: undefined: undefined` is no test",
                "example.com/m - - | TestA",
                "warning 5: go could not list `example.com/m/bad`",
                "warning 7: `Testify` is no test",
                "warning the last tests are of no package: the listing is cut off",
                "- - - | TestB",
            ],
        );
        let run = "=== RUN   TestA\n--- PASS: TestA (0.00s)\nPASS\nok  \texample.com/m\t0.002s\n";
        for text in [run, "ok  \texample.com/m\t0.002s\n", "TestA\nTestB\n"] {
            assert_ne!(Format::recognise(text.as_bytes()), Some(Format::GoTestList), "{text}");
        }
    }
}
