//! Why something could not be had of GitHub, and what to do about it.

use std::fmt;
use std::time::Duration;

/// What could not be had, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failed {
    /// What was asked for: `the jobs of run 17`.
    pub what: String,
    /// Why it did not come.
    pub why: Why,
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.what, self.why)
    }
}

/// Why something could not be had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Why {
    /// 401: nobody is known by that token.
    Unknown,
    /// 403: it may not be read. With what GitHub says.
    Forbidden(String),
    /// 404: it is not there, or may not even be known.
    Missing,
    /// 410: it was there.
    Gone,
    /// So much was asked that GitHub wants to be left alone for that long.
    Limit(Duration),
    /// It takes too long.
    Time,
    /// There is none that fits.
    None,
    /// Anything else, said in full.
    Other(String),
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Why::Unknown => f.write_str(
                "GitHub does not know the token (401)\n  help: set GITHUB_TOKEN to one that is valid; in a workflow: `env: { GITHUB_TOKEN: ${{ github.token }} }`",
            ),
            Why::Forbidden(says) => {
                let says = if says.is_empty() { String::new() } else { format!(": {says}") };
                write!(
                    f,
                    "GitHub refuses it (403){says}\n  help: give the job `permissions: {{ contents: read, actions: read, checks: read }}`, or set GITHUB_TOKEN to a token that may read this repository's actions"
                )
            }
            Why::Missing => f.write_str(
                "GitHub has no such thing (404)\n  help: look at the name; what a token may not see looks the same, so give it `actions: read`",
            ),
            Why::Gone => f.write_str("it is no longer kept (410)"),
            Why::Limit(pause) => {
                write!(
                    f,
                    "GitHub's limit of requests is used up for {}\n  help: try again then, allow for it with --wait, or use a token with a higher limit",
                    shown(*pause)
                )
            }
            Why::Time => f.write_str(
                "no answer in time\n  help: try again, or allow for more with --wait; `https://www.githubstatus.com` tells of outages",
            ),
            Why::None => f.write_str(
                "there is none\n  help: name the run with its number, or look elsewhere with --workflow and --branch",
            ),
            Why::Other(what) => f.write_str(what),
        }
    }
}

fn shown(pause: Duration) -> String {
    match pause.as_secs() {
        seconds @ 0..=119 => format!("{seconds} s"),
        seconds => format!("{} minutes", seconds.div_ceil(60)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_say_what_to_do() {
        for (failed, expect) in [
            (Why::Unknown, "GITHUB_TOKEN"),
            (Why::Forbidden("x".to_owned()), "actions: read, checks: read"),
            (Why::Missing, "actions: read"),
            (Why::Limit(Duration::from_secs(3541)), "60 minutes"),
            (Why::Time, "--wait"),
        ] {
            assert!(failed.to_string().contains(expect), "{failed}");
        }
    }
}
