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
    /// Cucumber's JSON report.
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

/// Every format. Those that are easily told come before those that look like others.
#[rustfmt::skip]
const ALL: [Row; 38] = [
    Row { format: Format::Pymon, name: "pymon", also: &[], unit_kind: Some("file"), looks: pymon::looks_like, read: |input, sink| pymon::read(input, sink) },
    // Its tree begins like XML.
    Row { format: Format::PytestCollect, name: "pytest-collect", also: &["pytest"], unit_kind: Some("file"), looks: pytest_collect::looks_like, read: |input, sink| pytest_collect::read(input, sink) },
    Row { format: Format::JunitXml, name: "junit-xml", also: &["junit"], unit_kind: None, looks: junit::looks_like, read: |input, sink| junit::read(input, sink) },
    Row { format: Format::NUnitXml, name: "nunit-xml", also: &["nunit"], unit_kind: Some("class"), looks: nunit::looks_like, read: |input, sink| nunit::read(input, sink) },
    Row { format: Format::XUnitNetXml, name: "xunit-net-xml", also: &["xunit-net"], unit_kind: Some("class"), looks: xunit_net::looks_like, read: |input, sink| xunit_net::read(input, sink) },
    Row { format: Format::Trx, name: "trx", also: &[], unit_kind: Some("class"), looks: trx::looks_like, read: |input, sink| trx::read(input, sink) },
    Row { format: Format::CtestDashboardXml, name: "ctest-dashboard-xml", also: &[], unit_kind: Some("test"), looks: ctest_xml::looks_like, read: |input, sink| ctest_xml::read(input, sink) },
    Row { format: Format::RobotXml, name: "robot-xml", also: &["robot"], unit_kind: Some("file"), looks: robot::looks_like, read: |input, sink| robot::read(input, sink) },
    Row { format: Format::PhpunitListXml, name: "phpunit-list-xml", also: &[], unit_kind: None, looks: phpunit_list::looks_like, read: |input, sink| phpunit_list::read(input, sink) },
    // It takes what is left of XML.
    Row { format: Format::OtherXml, name: "other-xml", also: &[], unit_kind: None, looks: junit::looks_like_xml, read: |input, sink| junit::read(input, sink) },
    Row { format: Format::JestJson, name: "jest-json", also: &["jest", "vitest"], unit_kind: Some("file"), looks: jest::looks_like, read: |input, sink| jest::read(input, sink) },
    Row { format: Format::PlaywrightJson, name: "playwright-json", also: &["playwright"], unit_kind: Some("file"), looks: playwright::looks_like, read: |input, sink| playwright::read(input, sink) },
    Row { format: Format::MochaJson, name: "mocha-json", also: &["mocha"], unit_kind: Some("file"), looks: mocha::looks_like, read: |input, sink| mocha::read(input, sink) },
    Row { format: Format::RspecJson, name: "rspec-json", also: &["rspec"], unit_kind: Some("file"), looks: rspec::looks_like, read: |input, sink| rspec::read(input, sink) },
    Row { format: Format::GinkgoJson, name: "ginkgo-json", also: &["ginkgo"], unit_kind: Some("file"), looks: ginkgo::looks_like, read: |input, sink| ginkgo::read(input, sink) },
    Row { format: Format::CucumberJson, name: "cucumber-json", also: &["cucumber"], unit_kind: Some("file"), looks: cucumber::looks_like, read: |input, sink| cucumber::read(input, sink) },
    Row { format: Format::CypressSplitJson, name: "cypress-split-json", also: &["cypress-split"], unit_kind: Some("file"), looks: cypress_split::looks_like, read: |input, sink| cypress_split::read(input, sink) },
    Row { format: Format::NextestList, name: "nextest-list", also: &[], unit_kind: Some("binary"), looks: nextest_list::looks_like, read: |input, sink| nextest_list::read(input, sink) },
    Row { format: Format::CtestJson, name: "ctest-json", also: &[], unit_kind: Some("test"), looks: ctest_list::looks_like, read: |input, sink| ctest_list::read(input, sink) },
    Row { format: Format::VitestList, name: "vitest-list", also: &[], unit_kind: Some("file"), looks: vitest_list::looks_like, read: |input, sink| vitest_list::read(input, sink) },
    Row { format: Format::CircleciTimings, name: "circleci-timings", also: &["circleci"], unit_kind: None, looks: circleci::looks_like, read: |input, sink| circleci::read(input, sink) },
    Row { format: Format::BuildkitePlan, name: "buildkite-plan", also: &["bktec"], unit_kind: Some("file"), looks: buildkite::looks_like, read: |input, sink| buildkite::read(input, sink) },
    Row { format: Format::GoTestList, name: "go-test-list", also: &[], unit_kind: Some("package"), looks: go_list::looks_like, read: |input, sink| go_list::read(input, sink) },
    Row { format: Format::GoTestJson, name: "go-test-json", also: &["gotestsum", "test2json"], unit_kind: Some("package"), looks: go_test::looks_like, read: |input, sink| go_test::read(input, sink) },
    Row { format: Format::DartJson, name: "dart-json", also: &[], unit_kind: Some("file"), looks: dart::looks_like, read: |input, sink| dart::read(input, sink) },
    Row { format: Format::PytestReportlog, name: "pytest-reportlog", also: &[], unit_kind: Some("file"), looks: pytest::looks_like_log, read: |input, sink| pytest::read_log(input, sink) },
    Row { format: Format::PytestJsonReport, name: "pytest-json-report", also: &[], unit_kind: Some("file"), looks: pytest::looks_like_report, read: |input, sink| pytest::read_report(input, sink) },
    Row { format: Format::BepJson, name: "bep-json", also: &["bep", "bazel"], unit_kind: Some("label"), looks: bazel::looks_like, read: |input, sink| bazel::read(input, sink) },
    Row { format: Format::LibtestJson, name: "libtest-json", also: &["libtest-json-plus"], unit_kind: Some("binary"), looks: libtest::looks_like, read: |input, sink| libtest::read(input, sink) },
    Row { format: Format::Buck2Report, name: "buck2-report", also: &[], unit_kind: Some("label"), looks: buck2::looks_like, read: |input, sink| buck2::read(input, sink) },
    Row { format: Format::GnuTime, name: "gnu-time", also: &[], unit_kind: Some("command"), looks: gnu_time::looks_like, read: |input, sink| gnu_time::read(input, sink) },
    Row { format: Format::Sacct, name: "sacct", also: &[], unit_kind: Some("job"), looks: sacct::looks_like, read: |input, sink| sacct::read(input, sink) },
    Row { format: Format::CargoTestList, name: "cargo-test-list", also: &[], unit_kind: Some("binary"), looks: cargo_list::looks_like, read: |input, sink| cargo_list::read(input, sink) },
    Row { format: Format::DotnetList, name: "dotnet-list", also: &[], unit_kind: Some("class"), looks: dotnet_list::looks_like, read: |input, sink| dotnet_list::read(input, sink) },
    Row { format: Format::ParallelTestsLog, name: "parallel-tests-log", also: &["parallel-tests", "parallel_tests"], unit_kind: Some("file"), looks: parallel_tests::looks_like, read: |input, sink| parallel_tests::read(input, sink) },
    Row { format: Format::PytestDurations, name: "pytest-durations", also: &["pytest-split"], unit_kind: Some("file"), looks: durations::looks_like_node_ids, read: |input, sink| durations::read(input, sink) },
    Row { format: Format::Knapsack, name: "knapsack", also: &[], unit_kind: Some("file"), looks: durations::looks_like_files, read: |input, sink| durations::read(input, sink) },
    // Any text could be one.
    Row { format: Format::FileList, name: "file-list", also: &["lines"], unit_kind: Some("file"), looks: file_list::looks_like, read: |input, sink| file_list::read(input, sink) },
];

impl Format {
    /// Every format, in the order in which they are recognised.
    pub fn all() -> impl Iterator<Item = Format> {
        ALL.iter().map(|row| row.format)
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
