//! What a CI says of the run that this is a part of.

use std::str::FromStr;

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// What stands in front of a CI's own name for a run, its variable, and one that counts reruns from 1. The
/// first whose variable is set counts.
const RUNS: [(&str, &str, Option<&str>); 12] = [
    ("gh", "GITHUB_RUN_ID", Some("GITHUB_RUN_ATTEMPT")),
    ("gl", "CI_PIPELINE_ID", None),
    ("bk", "BUILDKITE_BUILD_ID", None),
    ("circle", "CIRCLE_WORKFLOW_ID", None),
    ("az", "BUILD_BUILDID", Some("SYSTEM_STAGEATTEMPT")),
    ("jenkins", "BUILD_TAG", None),
    ("bitbucket", "BITBUCKET_PIPELINE_UUID", None),
    ("semaphore", "SEMAPHORE_WORKFLOW_ID", None),
    ("travis", "TRAVIS_BUILD_ID", None),
    ("appveyor", "APPVEYOR_BUILD_ID", None),
    ("drone", "DRONE_BUILD_NUMBER", None),
    ("codebuild", "CODEBUILD_BUILD_ID", None),
];

/// When the run began, for all its jobs alike, where a CI says that.
const TIMES: [&str; 3] = ["CI_PIPELINE_CREATED_AT", "SYSTEM_PIPELINESTARTTIME", "DRONE_BUILD_CREATED"];

/// The environment, as the others here ask it.
pub(super) fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// The run's name; `None` outside a CI that is known.
pub(super) fn run(variable: impl Fn(&str) -> Option<String>) -> Option<String> {
    let set = |name: &str| variable(name).filter(|value| !value.trim().is_empty());
    RUNS.iter().find_map(|(ci, name, attempt)| {
        let id = set(name)?;
        // A rerun is a run of its own, perhaps of a part of the suites.
        let attempt = attempt.and_then(set).filter(|attempt| attempt != "1");
        Some(format!("{ci}-{id}{}", attempt.map_or_else(String::new, |attempt| format!(".{attempt}"))))
    })
}

/// Whether a CI says that it is there, as nearly all do.
pub(super) fn is_there(variable: impl Fn(&str) -> Option<String>) -> bool {
    variable("CI").is_some_and(|ci| !matches!(ci.as_str(), "" | "0" | "false"))
}

/// What stands in front of a run's name that no CI gave.
pub(super) const LOCAL: &str = "local-";

/// Which attempt of its job this is, from 1; `None` where no CI says that.
pub(super) fn attempt(variable: impl Fn(&str) -> Option<String>) -> Option<u32> {
    let number = |name: &str| variable(name)?.parse::<u32>().ok();
    // Buildkite counts the retries.
    number("GITHUB_RUN_ATTEMPT").or_else(|| number("BUILDKITE_RETRY_COUNT")?.checked_add(1))
}

/// When the run began; `None` where no CI says that.
pub(super) fn at(variable: impl Fn(&str) -> Option<String>) -> Option<At> {
    TIMES.iter().find_map(|name| variable(name)?.parse().ok())
}

/// This kind of machine.
pub(super) fn machine() -> String {
    let arch = match std::env::consts::ARCH {
        "x86_64" => "x64",
        "aarch64" => "arm64",
        other => other,
    };
    format!("{}-{arch}", std::env::consts::OS)
}

/// A time in seconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct At(pub(super) i64);

impl FromStr for At {
    type Err = String;
    fn from_str(text: &str) -> Result<At, String> {
        // The end of the year 9999: what is beyond is in another unit.
        const SECONDS_MAX: i64 = 253_402_300_799;
        let text = text.trim();
        if let Ok(seconds) = text.parse() {
            let range = format!("{text} is not within 0 and {SECONDS_MAX} seconds");
            return if (0..=SECONDS_MAX).contains(&seconds) { Ok(At(seconds)) } else { Err(range) };
        }
        // Some write a blank for the `T`.
        let time = OffsetDateTime::parse(&text.replacen(' ', "T", 1), &Rfc3339);
        let at = time.ok().map(OffsetDateTime::unix_timestamp).filter(|at| *at >= 0);
        let help = "a time is 2026-01-31T04:00:00Z, or seconds since 1970";
        at.map(At).ok_or_else(|| help.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(variables: &'static [(&str, &str)]) -> impl Fn(&str) -> Option<String> {
        |name| variables.iter().find(|(have, _)| *have == name).map(|(_, value)| (*value).to_owned())
    }

    #[test]
    fn runs_are_called_as_their_ci_calls_them() {
        let check = |variables: &'static [(&str, &str)], expect: Option<&str>| {
            assert_eq!(run(said(variables)).as_deref(), expect, "{variables:?}");
        };
        check(&[], None);
        check(&[("GITHUB_RUN_ID", "")], None);
        check(&[("GITHUB_RUN_ID", "7"), ("GITHUB_RUN_ATTEMPT", "1")], Some("gh-7"));
        check(&[("GITHUB_RUN_ID", "7"), ("GITHUB_RUN_ATTEMPT", "2")], Some("gh-7.2"));
        check(&[("CI_PIPELINE_ID", "9")], Some("gl-9"));
        check(&[("CIRCLE_WORKFLOW_ID", "a-b")], Some("circle-a-b"));
    }

    #[test]
    fn times_are_seconds_or_rfc_3339() {
        let check = |text: &str, expect: Option<i64>| {
            assert_eq!(text.parse::<At>().ok(), expect.map(At), "{text}");
        };
        check("0", Some(0));
        check("1760000000", Some(1_760_000_000));
        check("2025-10-09T08:53:20Z", Some(1_760_000_000));
        check("2025-10-09T10:53:20.5+02:00", Some(1_760_000_000));
        check("2025-10-09 08:53:20+00:00", Some(1_760_000_000));
        [
            "",
            "-1",
            "1760000000000",
            "yesterday",
            "2025-10-09",
            "1969-01-01T00:00:00Z",
            "99999999999999999999",
        ]
        .iter()
        .for_each(|text| check(text, None));
        assert_eq!(at(said(&[("CI_PIPELINE_CREATED_AT", "2025-10-09T08:53:20Z")])), Some(At(1_760_000_000)));
        assert_eq!(at(said(&[("CI_PIPELINE_CREATED_AT", "soon")])), None);
    }
}
