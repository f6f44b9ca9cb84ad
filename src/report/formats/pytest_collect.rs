//! What `pytest --collect-only` prints: a tree; with `-q` a node id a line; with `-qq`, or one `-q` beside
//! `addopts = -q`, `path: number`. Then come a blank line, sections such as warnings, and a closing
//! line that says how many tests there are.

use std::io::BufRead;

use crate::report::head::Head;
use crate::report::{Case, PLACE_MAX, Place, ReportError, Sink, lines, long_place};
use crate::text::{count, examples};

/// Deepest tree that is followed.
const DEPTH_MAX: usize = 256;

/// Most tests that a file may be said to hold.
const COUNT_MAX: usize = 1 << 20;

/// Most tests that a listing may hold where it only counts them: a few bytes stand for any number.
const COUNTS_MAX: usize = 1 << 22;

/// What a line of a listing is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Line<'a> {
    /// A test: `tests/a.py::TestB::test_c[1]`.
    Test(&'a str),
    /// A file and how many tests it holds.
    Count(&'a str, usize),
    /// `<Module a.py>`: how far it is indented, what it is, and its name.
    Node(usize, &'a str, &'a str),
    /// A file that could not be collected.
    Failed(&'a str),
    /// The closing line.
    Closing(Closing),
    /// Blank, or part of what stands around the listing.
    Around,
    /// Nothing that pytest prints in a listing.
    Noise,
}

/// The closing line: `6418 tests collected in 99.72s`, `3/10 tests collected (7 deselected)`, `no
/// tests collected, 1 error in 0.1s`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Closing {
    /// `None`: before version 6 it said `no tests ran`, however many were listed.
    pub(crate) tests: Option<usize>,
    /// Files that could not be collected.
    pub(crate) errors: usize,
}

impl Closing {
    fn read(line: &str) -> Option<Closing> {
        let line = line.trim_matches(['=', ' ']);
        let ran = || line.split_once(" ran in").filter(|(head, _)| head.starts_with("no "));
        let (head, tail) = line.split_once(" collected").or_else(ran)?;
        let number = head.strip_suffix(" tests").or_else(|| head.strip_suffix(" test"))?;
        let tests = match number.split('/').next()? {
            "no" if tail.len() + head.len() + " collected".len() == line.len() => Some(0),
            "no" => None,
            number => Some(number.parse().ok()?),
        };
        let errors = (tail.split([',', ' ']).collect::<Vec<_>>().windows(2))
            .find(|pair| pair[1].starts_with("error"))
            .and_then(|pair| pair[0].parse().ok());
        Some(Closing { tests, errors: errors.unwrap_or(0) })
    }
}

/// Tells what each line is, from the first on.
#[derive(Default)]
pub(crate) struct Scanner {
    /// Behind the listing of `-q`.
    in_sections: bool,
    /// Behind the tree, which has a section of its own.
    behind_tree: bool,
}

impl Scanner {
    /// What the next line is.
    pub(crate) fn line<'a>(&mut self, line: &'a str) -> Line<'a> {
        let line = line.trim_end();
        let section = is_section(line);
        self.in_sections |= section;
        self.behind_tree |= section && !line.contains("test session starts");
        if let Some(name) = line.strip_prefix("ERROR ") {
            return Line::Failed(name.split(" - ").next().unwrap_or(name).trim_start_matches("collecting "));
        }
        if let (false, Some((depth, kind, name))) = (self.behind_tree, node(line)) {
            return Line::Node(depth, kind, name);
        }
        if let Some(closing) = Closing::read(line) {
            return Line::Closing(closing);
        }
        if self.in_sections || line.is_empty() || line.starts_with([' ', '<', '=', '!']) {
            return Line::Around;
        }
        match counted(line) {
            Some((path, tests)) => Line::Count(path, tests),
            None if line.contains("::") => Line::Test(line),
            None => Line::Noise,
        }
    }
}

/// `==== warnings summary ====`.
pub(crate) fn is_section(line: &str) -> bool {
    line.starts_with("====")
}

/// `path: 12`, as `-qq` prints.
pub(crate) fn counted(line: &str) -> Option<(&str, usize)> {
    let (path, tests) = line.trim_end().rsplit_once(": ")?;
    let known = !path.is_empty() && !path.starts_with(' ') && tests.bytes().all(|b| b.is_ascii_digit());
    known.then_some((path, tests.parse().ok()?))
}

/// `  <Function test_a[1]>`; before version 5 with quotes around the name.
fn node(line: &str) -> Option<(usize, &str, &str)> {
    let bare = line.trim_start_matches(' ');
    let (kind, name) = bare.strip_prefix('<')?.strip_suffix('>')?.split_once(' ')?;
    let known = kind.starts_with(|c: char| c.is_ascii_alphabetic())
        && kind.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
        && !name.contains("=\"");
    let name = name.strip_prefix('\'').and_then(|name| name.strip_suffix('\'')).unwrap_or(name);
    known.then_some((line.len() - bare.len(), kind, name))
}

/// Whether this is a listing of tests in Python files. What a run prints is none.
pub(in crate::report) fn looks_like(head: &Head<'_>) -> bool {
    if matches!(head.first, Some('{' | '[')) || head.text.trim_start().starts_with("<?") {
        return false;
    }
    let (mut own, mut others) = (0, 0);
    let mut scanner = Scanner::default();
    for line in lines::whole(head.text) {
        if line.ends_with("%]") || ["PASSED", "FAILED", "SKIPPED"].iter().any(|end| line.ends_with(end)) {
            return false;
        }
        match scanner.line(line) {
            Line::Node(_, kind, _) if is_file(kind) || is_folder(kind) => return true,
            Line::Closing(_) => return true,
            Line::Test(id) if is_id(id) => own += 1,
            Line::Count(path, _) if path.ends_with(".py") => own += 1,
            Line::Test(_) | Line::Count(..) | Line::Noise | Line::Node(..) => others += 1,
            Line::Failed(_) | Line::Around => {}
        }
    }
    own > others
}

/// Whether this is a test in a Python file and nothing beside: tables have columns of ids too.
fn is_id(line: &str) -> bool {
    let Some((file, names)) = line.split_once("::") else { return false };
    let odd = |text: &str| text.contains(|c: char| c.is_whitespace() || matches!(c, ',' | ';' | '"'));
    let named = match names.split_once('[') {
        Some((names, _)) => !odd(names) && line.ends_with(']'),
        None => !odd(names),
    };
    file.ends_with(".py") && !odd(file) && named
}

/// Reads a listing.
///
/// # Errors
/// A tree that is too deep, and a line that is too long.
pub(in crate::report) fn read(input: impl BufRead, sink: &mut dyn Sink) -> Result<(), ReportError> {
    let mut scanner = Scanner::default();
    let mut tree = Tree::default();
    let (mut cases, mut closing) = (0, None);
    lines::each(input, |number, text| {
        let mut hand_on = |place: &str, name: &str| {
            cases += 1;
            sink.case(&Case { place: Place::file(place), name, ..Case::default() });
        };
        match scanner.line(text) {
            Line::Test(id) => {
                let (file, name) = id.split_once("::").unwrap_or((id, ""));
                hand_on(file, name);
            }
            Line::Count(path, tests) if tests > COUNT_MAX => {
                let message = format!("{} is said to hold {tests} tests", examples([path], 1));
                sink.warn(Some(number), &message);
            }
            Line::Count(path, tests) => {
                (0..tests).for_each(|_| hand_on(path, ""));
                if cases > COUNTS_MAX {
                    let message = format!("more than {COUNTS_MAX} tests");
                    return Err(ReportError::new(number, message));
                }
            }
            Line::Node(depth, kind, name) => {
                if tree.open.len() == DEPTH_MAX {
                    let message = format!("a tree more than {DEPTH_MAX} deep");
                    return Err(ReportError::new(number, message));
                }
                tree.close(depth, &mut hand_on);
                tree.open(depth, kind, name);
                if tree.length() > PLACE_MAX {
                    return Err(ReportError::new(number, long_place()));
                }
            }
            Line::Failed(name) => {
                sink.warn(Some(number), &format!("pytest could not collect {}", examples([name], 1)));
            }
            Line::Closing(found) => closing = Some(found),
            Line::Noise => sink.warn(Some(number), "this is nothing that pytest lists"),
            Line::Around => {
                if let Some(folder) = text.strip_prefix("rootdir: ") {
                    // Older ones add `, configfile: pytest.ini`.
                    let folder = folder.split(", ").next().unwrap_or(folder).trim_end();
                    tree.root = folder.rsplit(['/', '\\']).next().map(str::to_owned);
                }
            }
        }
        Ok(())
    })?;
    tree.close(0, &mut |place, name| {
        cases += 1;
        sink.case(&Case { place: Place::file(place), name, ..Case::default() });
    });
    match closing.and_then(|closing| closing.tests) {
        Some(tests) if tests != cases => {
            let message =
                format!("pytest says that it collected {}, but {cases} are listed", count(tests, "test"));
            sink.warn(None, &message);
        }
        _ => {}
    }
    Ok(())
}

/// The nodes around the one that comes next.
#[derive(Default)]
struct Tree {
    open: Vec<Node>,
    /// The name of the folder that paths are relative to, where the listing says it.
    root: Option<String>,
}

struct Node {
    depth: usize,
    kind: String,
    name: String,
    /// Whether something was found inside.
    holds: bool,
}

fn is_folder(kind: &str) -> bool {
    matches!(kind, "Package" | "Dir" | "Directory")
}

fn is_file(kind: &str) -> bool {
    matches!(kind, "Module" | "DoctestModule" | "DoctestTextfile") || kind.ends_with("File")
}

fn is_class(kind: &str) -> bool {
    matches!(kind, "Class" | "UnitTestCase")
}

impl Tree {
    /// How long the names are that lead to what comes next: each test inside repeats them.
    fn length(&self) -> usize {
        let around = self.open.split_last().map_or(&[][..], |(_, around)| around);
        around.iter().map(|node| node.name.len()).sum()
    }

    fn open(&mut self, depth: usize, kind: &str, name: &str) {
        if let Some(around) = self.open.last_mut() {
            around.holds = true;
        }
        let (kind, name) = (kind.to_owned(), name.to_owned());
        self.open.push(Node { depth, kind, name, holds: false });
    }

    /// Closes what is indented by `depth` or more. What holds nothing and is no collector is a test.
    fn close(&mut self, depth: usize, hand_on: &mut dyn FnMut(&str, &str)) {
        while let Some(node) = self.open.pop_if(|node| node.depth >= depth) {
            let kind = node.kind.as_str();
            let collector =
                is_folder(kind) || is_file(kind) || is_class(kind) || matches!(kind, "Session" | "Instance");
            if node.holds || collector {
                continue;
            }
            let around = &self.open[usize::from(self.starts_at_root())..];
            let named = |wanted: fn(&str) -> bool| {
                around.iter().filter(move |node| wanted(&node.kind)).map(|node| node.name.as_str())
            };
            let path: Vec<&str> = named(|kind| is_folder(kind) || is_file(kind)).collect();
            let mut names: Vec<&str> = named(is_class).collect();
            names.push(&node.name);
            hand_on(&path.join("/"), &names.join("::"));
        }
    }

    /// Whether the outermost node is the folder that paths are relative to, as it is since version 8.
    fn starts_at_root(&self) -> bool {
        self.open.first().is_some_and(|node| match &self.root {
            Some(root) => is_folder(&node.kind) && node.name == *root,
            None => node.kind == "Dir",
        })
    }
}

#[cfg(test)]
mod tests {
    use crate::report::tally::Tally;
    use crate::report::testing::{self, recognised, refused};
    use crate::report::{self, Format};

    const FORMAT: Format = Format::PytestCollect;

    fn check(text: &str, expect: &[&str]) {
        testing::check(FORMAT, text, expect);
        recognised(FORMAT, text);
    }

    #[test]
    fn the_tree_is_read() {
        check(
            "============================= test session starts ==============================\n\
             platform linux -- Python 3.11.7, pytest-9.2.0, pluggy-1.7.0\nrootdir: /home/ci/py\nconfigfile: pytest.ini\n\
             collected 4 items\n\n<Dir py>\n  <Dir tests>\n    <Package sub>\n      <Module test_c.py>\n        \
             <Function test_x[a b]>\n        <Class TestB>\n          <Function test_y[<1>]>\n            What it does.\n    \
             <Module test_a.py>\n      <Function test_x[c::d]>\n    <YamlFile test_z.yaml>\n      <YamlItem first>\n\n\
             ========= warnings summary =========\n<Function no>\n========================== 4 tests collected in 0.01s ==========================\n",
            &[
                "tests/sub/test_c.py - - | test_x[a b]",
                "tests/sub/test_c.py - - | TestB::test_y[<1>]",
                "tests/test_a.py - - | test_x[c::d]",
                "tests/test_z.yaml - - | first",
            ],
        );
        // Version 7 and before, without a header.
        check(
            "<Package tests>\r\n  <Module test_a.py>\r\n    <Class TestB>\r\n      <Instance '()'>\r\n        <Function 'test_y'>\r\n",
            &["tests/test_a.py - - | TestB::test_y"],
        );
        check("<Dir py>\n  <Module a.py>\n    <Function t>\n", &["a.py - - | t"]);
    }

    #[test]
    fn quiet_listings_are_read() {
        check(
            "tests/a.py::test_x\ntests/a.py::TestB::test_y[a::b c]\n\n==== warnings summary ====\n\
             tests/a.py::test_x\n  tests/a.py:1: Warning: x::y\n\n2 tests collected in 0.02s\n",
            &["tests/a.py - - | test_x", "tests/a.py - - | TestB::test_y[a::b c]"],
        );
        check(
            "tests/a.py: 2\ntests/b c.py: 1\ntests/d.py: 99999999999\ntests/e.py: 2000000\n\n",
            &[
                "tests/a.py - - | ",
                "tests/a.py - - | ",
                "tests/b c.py - - | ",
                "warning 3: `tests/d.py` is said to hold 99999999999 tests",
                "warning 4: `tests/e.py` is said to hold 2000000 tests",
            ],
        );
        check("\nno tests collected in 0.00s\n", &[]);
        check("a.py::t\n\nno tests ran in 0.01s\n", &["a.py - - | t"]);
    }

    #[test]
    fn what_is_missing_is_told() {
        check(
            "hello\na.py::t\nERROR b.py - ImportError: x\n\n3/4 tests collected (1 deselected), 1 error in 0.1s\n",
            &[
                "warning 1: this is nothing that pytest lists",
                "a.py - - | t",
                "warning 3: pytest could not collect `b.py`",
                "warning pytest says that it collected 3 tests, but 1 are listed",
            ],
        );
        let deep: String = (0..300).map(|depth| format!("{}<Dir d>\n", " ".repeat(depth))).collect();
        refused(FORMAT, &deep, "257: a tree more than 256 deep");
        let long = format!("<Dir {}>\n  <Module a.py>\n    <Function t>\n", "x".repeat(70_000));
        refused(FORMAT, &long, "2: a file, class or suite with a name of more than 64 KiB");
        let counts = "a.py: 1000000\n".repeat(100);
        let err = report::read(FORMAT, counts.as_bytes(), &mut Tally::default()).unwrap_err();
        assert_eq!(err.to_string(), "5: more than 4194304 tests");
    }

    #[test]
    fn others_are_told_apart() {
        let unlike = |text: &str| assert_ne!(Format::recognise(text.as_bytes()), Some(FORMAT), "{text}");
        unlike("a.py::test_x PASSED     [ 50%]\na.py::test_y FAILED     [100%]\n");
        unlike("<Package name=\"x\">\n</Package>");
        unlike("tests::works: test\n");
        unlike("test,seconds\na.py::test_x,1.5\na.py::test_y[a],2\n");
        unlike("slowest:\n1.50s call a.py::test_x\n0.50s call a.py::test_y\n");
        unlike("pytest says\n{\"nodeid\": \"a.py::test_x\"}\n");
        unlike("src/a.rb: 12\n");
    }
}
