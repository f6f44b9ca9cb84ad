//! What the system lets one process or one user have (`ulimit`), and when that is too little.

use serde::Serialize;

use super::check::{Finding, Severity};
use crate::model::Bytes;
use crate::text::thousands;

/// The limits that bind us. `None`: there is none, or it is not known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Ulimits {
    /// Files and sockets that a process may have open at once (`ulimit -n`).
    pub open_files: Option<u64>,
    /// Processes and threads that the user may have at once (`ulimit -u`).
    pub processes: Option<u64>,
    /// Those that the user has, as far as we see them.
    pub processes_taken: Option<u64>,
    /// Address space of a process (`ulimit -v`).
    pub address_space_bytes: Option<Bytes>,
}

/// Open files below which there is a warning: what Linux gives everybody.
const OPEN_FILES_MIN: u64 = 1_024;

/// Processes and threads that can still be started, below which there is a warning: a few virtual
/// machines of Java or Node.js beside a build take that many.
const PROCESSES_MIN: u64 = 512;

impl Ulimits {
    /// Processes and threads that can still be started.
    #[must_use]
    pub fn processes_left(&self) -> Option<u64> {
        Some(self.processes?.saturating_sub(self.processes_taken.unwrap_or(0)))
    }

    /// Those that will bite, with their figures and what to do.
    pub(super) fn findings(&self) -> Vec<Finding> {
        let files = self.open_files.filter(|limit| *limit < OPEN_FILES_MIN).map(|limit| {
            let (there, usual) = (figure(limit), figure(OPEN_FILES_MIN));
            format!(
                "a process may have {there} files and sockets open at once, {usual} are usual: raise it with `ulimit -n {OPEN_FILES_MIN}`"
            )
        });
        let processes = self.processes.zip(self.processes_left());
        let processes = processes.filter(|(_, left)| *left < PROCESSES_MIN).map(|(limit, left)| {
            let (left, limit) = (figure(left), figure(limit));
            format!(
                "{left} processes and threads can still be started of {limit}: raise it with `ulimit -u`, or run fewer workers"
            )
        });
        // However high: they reserve far more than they ever use.
        let space = self.address_space_bytes.map(|limit| {
            format!(
                "address space is limited to {limit}, which breaks Node.js, Go, Java and Rust: lift it with `ulimit -v unlimited`"
            )
        });
        let all = [files, processes, space].into_iter().flatten();
        let finding = |message| Finding {
            severity: Severity::Warning,
            subject: "ulimit",
            message: format!("ulimit: {message}"),
        };
        all.map(finding).collect()
    }
}

impl std::fmt::Display for Ulimits {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let files = self.open_files.map(|limit| format!("{} open files", figure(limit)));
        let processes = self.processes.map(|limit| {
            let taken =
                self.processes_taken.map(|taken| format!(" ({} taken)", figure(taken))).unwrap_or_default();
            format!("{} processes and threads{taken}", figure(limit))
        });
        let space = self.address_space_bytes.map(|limit| format!("{limit} of address space"));
        let all: Vec<String> = [files, processes, space].into_iter().flatten().collect();
        f.write_str(&if all.is_empty() { "no limit".to_owned() } else { all.join(", ") })
    }
}

fn figure(number: u64) -> String {
    thousands(usize::try_from(number).unwrap_or(usize::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_will_bite_is_told() {
        let check = |limits: Ulimits, expect: &[&str]| {
            let found: Vec<String> = limits.findings().into_iter().map(|finding| finding.message).collect();
            assert_eq!(found, expect, "{limits:?}");
        };
        let usual = Ulimits { open_files: Some(1_024), processes: Some(96_365), ..Ulimits::default() };
        check(usual, &[]);
        check(Ulimits::default(), &[]);
        check(
            Ulimits { open_files: Some(256), ..usual },
            &[
                "ulimit: a process may have 256 files and sockets open at once, 1,024 are usual: raise it with `ulimit -n 1024`",
            ],
        );
        let taken = |taken| Ulimits { processes: Some(4_096), processes_taken: Some(taken), ..usual };
        check(taken(4_096 - 512), &[]);
        check(
            taken(4_000),
            &[
                "ulimit: 96 processes and threads can still be started of 4,096: raise it with `ulimit -u`, or run fewer workers",
            ],
        );
        check(
            Ulimits { address_space_bytes: Some(Bytes(64_000_000_000)), ..usual },
            &[
                "ulimit: address space is limited to 64 GB, which breaks Node.js, Go, Java and Rust: lift it with `ulimit -v unlimited`",
            ],
        );
    }

    #[test]
    fn all_are_shown() {
        assert_eq!(Ulimits::default().to_string(), "no limit");
        let all = Ulimits {
            open_files: Some(20_000),
            processes: Some(96_365),
            processes_taken: Some(1_200),
            address_space_bytes: Some(Bytes(4_000_000_000)),
        };
        assert_eq!(
            all.to_string(),
            "20,000 open files, 96,365 processes and threads (1,200 taken), 4 GB of address space"
        );
    }
}
