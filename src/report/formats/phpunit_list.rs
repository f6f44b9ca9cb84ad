//! What `phpunit --list-tests-xml` writes: in older versions `<testCaseClass>`es without their files, in
//! newer ones `<testClass>`es with them; `.phpt` files by themselves.

use std::io::BufRead;

use crate::report::head::Head;
use crate::report::xml::{self, Elements, Tag};
use crate::report::{Case, Place, ReportError, Sink};

/// Whether this is PHPUnit's: its report of test documentation has a root of the same name.
pub(in crate::report) fn looks_like(head: &Head<'_>) -> bool {
    match head.root {
        Some("tests") => !head.text.contains("<test "),
        Some("testSuite") => head.text.contains("xml.phpunit.de") || head.text.contains("<testClass"),
        _ => false,
    }
}

/// Reads a listing from a stream.
///
/// # Errors
/// What is not well-formed, with its line, and a document that is no listing.
pub(in crate::report) fn read(input: impl BufRead, sink: &mut dyn Sink) -> Result<(), ReportError> {
    xml::walk(input, &mut Listing::default(), sink)
}

/// The class that is open.
#[derive(Default)]
struct Listing {
    class: Option<String>,
    file: Option<String>,
}

impl Elements for Listing {
    const ROOTS: &'static [&'static str] = &["tests", "testSuite"];
    const WHAT: &'static str = "listing of PHPUnit";

    fn open(&mut self, tag: &Tag<'_>, sink: &mut dyn Sink) -> Result<(), String> {
        match tag.name() {
            "testCaseClass" | "testClass" => {
                let [class, file] = tag.values(["name", "file"])?;
                let own = |value: Option<std::borrow::Cow<'_, str>>| {
                    value.filter(|value| !value.is_empty()).map(|value| value.into_owned())
                };
                (self.class, self.file) = (own(class), own(file));
            }
            "testCaseMethod" | "testMethod" => {
                let [name, id, data] = tag.values(["name", "id", "dataSet"])?;
                let name = name.as_deref().unwrap_or_default();
                let data = match (data.as_deref(), id.as_deref()) {
                    (Some(data), _) => Some(data.to_owned()),
                    (None, Some(id)) => self.data_of(id, name),
                    (None, None) => None,
                };
                // As in the reports of a run.
                let name = data.map_or(name.to_owned(), |data| format!("{name} with data set {data}"));
                let place =
                    Place { file: self.file.as_deref(), classname: self.class.as_deref(), suite: None };
                sink.case(&Case { place, name: &name, ..Case::default() });
            }
            "phptFile" | "phpt" => {
                let [path, file] = tag.values(["path", "file"])?;
                let path = path.or(file).unwrap_or_default();
                sink.case(&Case { place: Place::file(&path), ..Case::default() });
            }
            _ => {}
        }
        Ok(())
    }

    fn close(&mut self, name: &str, _: &mut dyn Sink) {
        if matches!(name, "testCaseClass" | "testClass") {
            *self = Listing::default();
        }
    }
}

impl Listing {
    /// The data set in an id such as `App\SumTest::testAdd#two of them`, as a run would call it.
    fn data_of(&self, id: &str, name: &str) -> Option<String> {
        let rest = id.strip_prefix(self.class.as_deref()?)?.strip_prefix("::")?.strip_prefix(name)?;
        if let Some(data) = rest.strip_prefix(" with data set ") {
            return Some(data.to_owned());
        }
        let data = rest.strip_prefix('#')?;
        let numbered = !data.is_empty() && data.bytes().all(|b| b.is_ascii_digit());
        Some(if numbered { format!("#{data}") } else { format!("\"{data}\"") })
    }
}

#[cfg(test)]
mod tests {
    use crate::report::Format;
    use crate::report::testing::{self, recognised, refused};

    const FORMAT: Format = Format::PhpunitListXml;

    fn check(text: &str, expect: &[&str]) {
        testing::check(FORMAT, text, expect);
        recognised(FORMAT, text);
    }

    #[test]
    fn a_listing_of_version_9_is_read() {
        check(
            include_str!("../../../testdata/reports/phpunit-list-xml/tests.xml"),
            &[
                r#"- App\Tests\CalcTest - | testAdd with data set "one & "two"""#,
                r"- App\Tests\CalcTest - | testAdd with data set #0",
                r"- App\Tests\CalcTest - | testZero",
                "/home/ci/php/print.phpt - - | ",
            ],
        );
    }

    #[test]
    fn newer_listings_are_read() {
        check(
            r#"<?xml version="1.0"?>
<testSuite xmlns="https://xml.phpunit.de/testSuite">
 <tests>
  <testClass name="A\B" file="/x/B.php">
   <testMethod id="A\B::one" name="one"/>
   <testMethod id="A\B::two#0" name="two"/>
   <testMethod id="A\B::two#a b" name="two"/>
  </testClass>
  <phpt file="/x/c.phpt"/>
 </tests>
 <groups><group name="g"><test id="A\B::one"/></group></groups>
</testSuite>"#,
            &[
                r"/x/B.php A\B - | one",
                r"/x/B.php A\B - | two with data set #0",
                r#"/x/B.php A\B - | two with data set "a b""#,
                "/x/c.phpt - - | ",
            ],
        );
        check("<tests/>", &[]);
    }

    #[test]
    fn others_are_told_apart() {
        recognised(Format::OtherXml, r#"<tests><test className="A" methodName="b" time="1"/></tests>"#);
        recognised(Format::OtherXml, "<testSuite/>");
        refused(FORMAT, "<tests>\n", "2: not well-formed XML: the file ends inside 1 open elements");
    }
}
