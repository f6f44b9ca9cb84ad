//! What `dotnet test --list-tests` prints: a header for each assembly, then a name on each indented line.
//!
//! A test's class is what its full name has before the method. MSTest and NUnit print the method alone:
//! such tests lie in their assembly, where the listing names it.

use std::io::BufRead;

use super::dotnet_names::{class_of, inside};
use crate::report::head::Head;
use crate::report::{Case, Place, ReportError, Sink, lines};

/// What stands before the names.
const HEADER: &str = "The following Tests are available:";

/// Whether this is such a listing.
pub(in crate::report) fn looks_like(head: &Head<'_>) -> bool {
    head.text.lines().any(|line| line.trim() == HEADER)
}

/// Reads a listing.
///
/// # Errors
/// A line that is too long.
pub(in crate::report) fn read(input: impl BufRead, sink: &mut dyn Sink) -> Result<(), ReportError> {
    let mut assembly: Option<String> = None;
    // How far the header of the names that come is indented.
    let mut header = None;
    lines::each(input, |number, line| {
        let name = line.trim();
        let indent = line.len() - line.trim_start().len();
        if name == HEADER {
            header = Some(indent);
        } else if let Some(path) = name.strip_prefix("Test run for ") {
            assembly = assembly_of(path);
            header = None;
        } else if header.is_some_and(|header| indent > header) && !name.is_empty() {
            let class = class_of(name).filter(|class| !class.contains(char::is_whitespace));
            let place = Place { file: None, classname: class, suite: assembly.as_deref() };
            sink.case(&Case {
                place,
                name: class.map_or(name, |class| inside(name, class)),
                ..Case::default()
            });
        } else if header.is_some() && name.starts_with("No test ") {
            sink.warn(Some(number), name);
        }
        Ok(())
    })
}

/// `T` of `/x/T.dll (.NETCoreApp,Version=v8.0)`.
fn assembly_of(path: &str) -> Option<String> {
    let path = path.rsplit_once('(').map_or(path, |(path, _)| path).trim_end();
    let name = path.rsplit(['/', '\\']).next()?;
    let name = name.strip_suffix(".dll").or_else(|| name.strip_suffix(".exe")).unwrap_or(name);
    (!name.is_empty()).then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use crate::report::Format;
    use crate::report::testing::{self, recognised};

    #[test]
    fn names_are_read_by_class_or_assembly() {
        let text = "  Determining projects to restore...\n  T -> /x/bin/T.dll\n\
            Test run for /x/bin/T.dll (.NETCoreApp,Version=v8.0)\nVSTest version 17.11.1 (x64)\n\n\
            The following Tests are available:\n    \
            App.Sums.Add(x: 1.5, text: \"a.b\")\n    App.Outer+Inner.Late\n    adds two. Then three\n[xUnit.net 00:00:00.48]   Discovering: T\n\
            Test run for C:\\x\\U.dll(.NETCoreApp,Version=v8.0)\r\nThe following Tests are available:\r\n    Method1\r\n";
        recognised(Format::DotnetList, text);
        testing::check(
            Format::DotnetList,
            text,
            &[
                "- App.Sums T | Add(x: 1.5, text: \"a.b\")",
                "- App.Outer+Inner T | Late",
                "- - T | adds two. Then three",
                "- - U | Method1",
            ],
        );
        testing::check(Format::DotnetList, "The following Tests are available:\n", &[]);
    }
}
