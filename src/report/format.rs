//! The formats by name, how each is recognised by its content, and who reads it.

use std::io::BufRead;
use std::str::FromStr;

use super::formats::{
    bazel, buck2, buildkite, cargo_list, circleci, ctest_list, ctest_xml, cucumber, cypress_split, dart,
    dotnet_list, durations, file_list, ginkgo, gnu_time, go_list, go_test, jest, junit, libtest, mocha,
    nextest_list, nunit, parallel_tests, phpunit_list, playwright, pymon, pytest, pytest_collect, robot,
    rspec, sacct, trx, vitest_list, xunit_net,
};
use super::head::Head;
use super::{ReportError, Sink};

/// A format that a test tool writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Format {
    /// pytest-monitor's database.
    Pymon,
    /// What `pytest --collect-only` prints: the tree, `-q` or `-qq`.
    PytestCollect,
    /// JUnit XML of any dialect.
    JunitXml,
    /// NUnit's results, of version 2 and 3, and its listings.
    NUnitXml,
    /// xUnit.net's own XML.
    XUnitNetXml,
    /// Visual Studio's `.trx`.
    Trx,
    /// CTest's dashboard: `Testing/*/Test.xml`.
    CtestDashboardXml,
    /// Robot Framework's `output.xml`.
    RobotXml,
    /// What `phpunit --list-tests-xml` writes.
    PhpunitListXml,
    /// XML that is no report of tests: such files lie beside reports and hold nothing.
    OtherXml,
    /// The result of `jest --json`, of Vitest's JSON reporter, or as Jest's reporters get it.
    JestJson,
    /// Playwright's JSON report, of a run or a listing.
    PlaywrightJson,
    /// Mocha's JSON report.
    MochaJson,
    /// RSpec's JSON report.
    RspecJson,
    /// Ginkgo's JSON report.
    GinkgoJson,
    /// Cucumber's JSON report, and Behave's.
    CucumberJson,
    /// cypress-split's timings.
    CypressSplitJson,
    /// `cargo nextest list --message-format json`.
    NextestList,
    /// `ctest --show-only=json-v1`.
    CtestJson,
    /// `vitest list --json`.
    VitestList,
    /// The timings of a job from CircleCI's API.
    CircleciTimings,
    /// A plan of Buildkite's test engine.
    BuildkitePlan,
    /// `go test -json`, which gotestsum keeps too: events, one a line.
    GoTestJson,
    /// `dart test` and `flutter test --machine`: events, one a line.
    DartJson,
    /// pytest-reportlog's log, or pytest's own `--report-log`: phases of tests, one a line.
    PytestReportlog,
    /// pytest-json-report's document.
    PytestJsonReport,
    /// Bazel's build event protocol as lines of JSON.
    BepJson,
    /// libtest's JSON, from `cargo test` or cargo-nextest.
    LibtestJson,
    /// Buck2's build report: peaks of memory by target.
    Buck2Report,
    /// GNU `time -v`: the time and the peak of memory of a command.
    GnuTime,
    /// Slurm's `sacct`: the time and the peak of memory of jobs.
    Sacct,
    /// What `cargo test -- --list` prints.
    CargoTestList,
    /// What `go test -list . ./...` prints.
    GoTestList,
    /// What `dotnet test --list-tests` prints.
    DotnetList,
    /// The runtime log of the Ruby gem parallel_tests: files and seconds.
    ParallelTestsLog,
    /// pytest-split's `.test_durations`: node ids and seconds.
    PytestDurations,
    /// knapsack's report: files and seconds.
    Knapsack,
    /// A plain list: paths, packages, labels.
    FileList,
}

/// What is known of a format.
struct Row {
    format: Format,
    /// What people call it: the word before the colon that forces it.
    name: &'static str,
    /// Other words for it.
    also: &'static [&'static str],
    /// What its units are; `None`: what most of its cases say.
    unit_kind: Option<&'static str>,
    looks: fn(&Head<'_>) -> bool,
    read: fn(&mut dyn BufRead, &mut dyn Sink) -> Result<(), ReportError>,
}

/// The row of a format: its name, other words for it, what its units are, and the module that reads it, with
/// the functions there where that reads several.
macro_rules! row {
    ($format:ident, $name:literal, $also:expr, $unit_kind:expr, $module:ident) => {
        row!($format, $name, $also, $unit_kind, $module, looks_like, read)
    };
    ($format:ident, $name:literal, $also:expr, $unit_kind:expr, $module:ident, $looks:ident, $read:ident) => {
        Row {
            format: Format::$format,
            name: $name,
            also: &$also,
            unit_kind: $unit_kind,
            looks: $module::$looks,
            read: |input, sink| $module::$read(input, sink),
        }
    };
}

/// Every format. Those that are easily told come before those that look like others.
const ALL: [Row; 38] = [
    row!(Pymon, "pymon", [], Some("file"), pymon),
    // Its tree begins like XML.
    row!(PytestCollect, "pytest-collect", ["pytest"], Some("file"), pytest_collect),
    row!(JunitXml, "junit-xml", ["junit"], None, junit),
    row!(NUnitXml, "nunit-xml", ["nunit"], Some("class"), nunit),
    row!(XUnitNetXml, "xunit-net-xml", ["xunit-net"], Some("class"), xunit_net),
    row!(Trx, "trx", [], Some("class"), trx),
    row!(CtestDashboardXml, "ctest-dashboard-xml", [], Some("test"), ctest_xml),
    row!(RobotXml, "robot-xml", ["robot"], Some("file"), robot),
    row!(PhpunitListXml, "phpunit-list-xml", [], None, phpunit_list),
    // It takes what is left of XML.
    row!(OtherXml, "other-xml", [], None, junit, looks_like_xml, read),
    row!(JestJson, "jest-json", ["jest", "vitest"], Some("file"), jest),
    row!(PlaywrightJson, "playwright-json", ["playwright"], Some("file"), playwright),
    row!(MochaJson, "mocha-json", ["mocha"], Some("file"), mocha),
    row!(RspecJson, "rspec-json", ["rspec"], Some("file"), rspec),
    row!(GinkgoJson, "ginkgo-json", ["ginkgo"], Some("file"), ginkgo),
    row!(CucumberJson, "cucumber-json", ["cucumber"], Some("file"), cucumber),
    row!(CypressSplitJson, "cypress-split-json", ["cypress-split"], Some("file"), cypress_split),
    row!(NextestList, "nextest-list", [], Some("binary"), nextest_list),
    row!(CtestJson, "ctest-json", [], Some("test"), ctest_list),
    row!(VitestList, "vitest-list", [], Some("file"), vitest_list),
    row!(CircleciTimings, "circleci-timings", ["circleci"], None, circleci),
    row!(BuildkitePlan, "buildkite-plan", ["bktec"], Some("file"), buildkite),
    row!(GoTestList, "go-test-list", [], Some("package"), go_list),
    row!(GoTestJson, "go-test-json", ["gotestsum", "test2json"], Some("package"), go_test),
    row!(DartJson, "dart-json", [], Some("file"), dart),
    row!(PytestReportlog, "pytest-reportlog", [], Some("file"), pytest, looks_like_log, read_log),
    row!(PytestJsonReport, "pytest-json-report", [], Some("file"), pytest, looks_like_report, read_report),
    row!(BepJson, "bep-json", ["bep", "bazel"], Some("label"), bazel),
    row!(LibtestJson, "libtest-json", ["libtest-json-plus"], Some("binary"), libtest),
    row!(Buck2Report, "buck2-report", [], Some("label"), buck2),
    row!(GnuTime, "gnu-time", [], Some("command"), gnu_time),
    row!(Sacct, "sacct", [], Some("job"), sacct),
    row!(CargoTestList, "cargo-test-list", [], Some("binary"), cargo_list),
    row!(DotnetList, "dotnet-list", [], Some("class"), dotnet_list),
    row!(
        ParallelTestsLog,
        "parallel-tests-log",
        ["parallel-tests", "parallel_tests"],
        Some("file"),
        parallel_tests
    ),
    row!(
        PytestDurations,
        "pytest-durations",
        ["pytest-split"],
        Some("file"),
        durations,
        looks_like_node_ids,
        read
    ),
    row!(Knapsack, "knapsack", [], Some("file"), durations, looks_like_files, read),
    // Any text could be one.
    row!(FileList, "file-list", ["lines"], Some("file"), file_list),
];

impl Format {
    /// Every format, in the order in which they are recognised.
    pub fn all() -> impl Iterator<Item = Format> {
        ALL.iter().map(|row| row.format)
    }

    /// Every word that names a format.
    pub fn words() -> impl Iterator<Item = &'static str> {
        ALL.iter().flat_map(|row| [row.name].into_iter().chain(row.also.iter().copied()))
    }

    fn row(self) -> &'static Row {
        // A test holds that each has one.
        ALL.iter().find(|row| row.format == self).unwrap_or(&ALL[0])
    }

    /// What people call it: the word before the colon that forces it.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.row().name
    }

    /// What its units are; `None`: what most of its cases say.
    #[must_use]
    pub fn unit_kind(self) -> Option<&'static str> {
        self.row().unit_kind
    }

    /// Whether its cases are pytest's: with their file they make a node id.
    #[must_use]
    pub fn has_node_ids(self) -> bool {
        matches!(self, Format::PytestDurations | Format::PytestReportlog | Format::PytestJsonReport)
    }

    /// Whether it only lists tests, without what they cost.
    #[must_use]
    pub fn is_listing(self) -> bool {
        matches!(
            self,
            Format::PytestCollect
                | Format::PhpunitListXml
                | Format::OtherXml
                | Format::NextestList
                | Format::VitestList
                | Format::CargoTestList
                | Format::GoTestList
                | Format::DotnetList
                | Format::FileList
        )
    }

    /// Whether it tells what one run executed: no listing, no plan, no figures that are kept over many runs.
    #[must_use]
    pub fn tells_of_a_run(self) -> bool {
        let kept = matches!(
            self,
            Format::Pymon
                | Format::CypressSplitJson
                | Format::CtestJson
                | Format::CircleciTimings
                | Format::BuildkitePlan
                | Format::Buck2Report
                | Format::GnuTime
                | Format::Sacct
                | Format::ParallelTestsLog
                | Format::PytestDurations
                | Format::Knapsack
        );
        !kept && !self.is_listing()
    }

    /// Whether it is a log of events, one a line: whatever else was printed may stand between them.
    pub(super) fn is_log(self) -> bool {
        matches!(
            self,
            Format::GoTestJson
                | Format::DartJson
                | Format::PytestReportlog
                | Format::BepJson
                | Format::LibtestJson
        )
    }

    /// The format of a file by its first few thousand bytes.
    #[must_use]
    pub fn recognise(start: &[u8]) -> Option<Format> {
        let head = Head::new(start);
        ALL.iter().find(|row| (row.looks)(&head)).map(|row| row.format)
    }

    pub(super) fn read(self, input: &mut dyn BufRead, sink: &mut dyn Sink) -> Result<(), ReportError> {
        (self.row().read)(input, sink)
    }
}

impl FromStr for Format {
    type Err = ();
    fn from_str(text: &str) -> Result<Format, ()> {
        ALL.iter().find(|row| row.name == text || row.also.contains(&text)).map(|row| row.format).ok_or(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_format_has_a_row_and_a_name_of_its_own() {
        // The last format of the enum has the highest number.
        assert_eq!(Format::all().max(), Some(Format::FileList));
        assert_eq!(
            Format::all().collect::<std::collections::BTreeSet<_>>().len(),
            Format::FileList as usize + 1
        );
        for format in Format::all() {
            assert_eq!(format.row().format, format);
            assert_eq!(format.name().parse(), Ok(format));
            for word in format.row().also {
                assert_eq!(word.parse(), Ok(format));
            }
        }
        assert_eq!("x".parse::<Format>(), Err(()));
    }
}
