//! What GNU time writes with `-v`: the time of a command and the most memory that one process of it held.
//!
//! Only lines of its own are looked at, so what the command printed may stand around them. A command of
//! several lines is called by its first.

use std::io::BufRead;

use crate::report::head::Head;
use crate::report::{Case, Outcome, Place, ReportError, Sink, Time, lines, memory, number};

const COMMAND: &str = "Command being timed: ";
const ELAPSED: &str = "Elapsed (wall clock) time (h:mm:ss or m:ss): ";
const PEAK: &str = "Maximum resident set size (kbytes): ";

/// Whether a command and its peak are there.
pub(in crate::report) fn looks_like(head: &Head<'_>) -> bool {
    head.text.contains(COMMAND) && head.text.contains(PEAK)
}

/// Reads the command, or one after the other.
///
/// # Errors
/// A line that is too long.
pub(in crate::report) fn read(input: impl BufRead, sink: &mut dyn Sink) -> Result<(), ReportError> {
    let mut open: Option<Timed> = None;
    // What stands in front of a command is about it.
    let mut outcome = Outcome::Passed;
    lines::each(input, |number, line| {
        let line = line.trim();
        if line.starts_with("Command terminated by signal ") {
            outcome = Outcome::Aborted;
        } else if line.starts_with("Command exited with non-zero status ") {
            outcome = Outcome::Failed;
        } else if let Some(command) = line.strip_prefix(COMMAND) {
            emit(open.take(), sink);
            let command = command.strip_prefix('"').unwrap_or(command);
            let command = command.strip_suffix('"').unwrap_or(command).to_owned();
            open = Some(Timed { command, outcome, line: number, ..Timed::default() });
            outcome = Outcome::Passed;
        } else if let Some(timed) = &mut open {
            if let Some(elapsed) = line.strip_prefix(ELAPSED) {
                timed.elapsed = number::clock(elapsed).ok_or(elapsed.to_owned()).map(Some);
            } else if let Some(peak) = line.strip_prefix(PEAK) {
                timed.bytes = memory::bytes(peak, 1 << 10);
                if timed.bytes.is_none() {
                    sink.warn(Some(number), "a peak of memory that is none");
                }
            } else if line.starts_with("Exit status: ") {
                emit(open.take(), sink);
            }
        }
        Ok(())
    })?;
    emit(open, sink);
    Ok(())
}

struct Timed {
    command: String,
    /// In seconds, or what stands in their place.
    elapsed: Result<Option<f64>, String>,
    outcome: Outcome,
    bytes: Option<u64>,
    /// Where the command stands.
    line: u64,
}

impl Default for Timed {
    fn default() -> Self {
        Timed { command: String::new(), elapsed: Ok(None), outcome: Outcome::Passed, bytes: None, line: 0 }
    }
}

fn emit(timed: Option<Timed>, sink: &mut dyn Sink) {
    let Some(timed) = timed else { return };
    let time = match &timed.elapsed {
        Ok(elapsed) => elapsed.map_or(Time::Absent, Time::Seconds),
        Err(text) => Time::Unreadable(text),
    };
    let (place, outcome, bytes) = (Place::file(&timed.command), timed.outcome, timed.bytes);
    let line = Some(timed.line);
    sink.case(&Case { place, time, outcome, bytes, line, ..Case::default() });
}

#[cfg(test)]
mod tests {
    use crate::report::Format;
    use crate::report::testing::{self, recognised};

    fn check(text: &str, expect: &[&str]) {
        testing::check(Format::GnuTime, text, expect);
        recognised(Format::GnuTime, text);
    }

    #[test]
    fn what_time_writes_is_read() {
        check(
            include_str!("../../../testdata/reports/gnu-time/two.txt"),
            &[
                "sh -c sleep 0.1; exit 3 - - |  = 0.1 failed 1597440 B",
                "sh -c kill -9 $$ - - |  = 0 aborted 1601536 B",
            ],
        );
    }

    #[test]
    fn it_may_end_anywhere() {
        check(
            "\tCommand being timed: \"make \"a\" b\"\n\tElapsed (wall clock) time (h:mm:ss or m:ss): 1:02:03\n\tMaximum resident set size (kbytes): 0\n",
            &["warning 3: a peak of memory that is none", "make \"a\" b - - |  = 3723"],
        );
        check(
            "\tCommand being timed: \"a\"\n\tElapsed (wall clock) time (h:mm:ss or m:ss): soon\n\tMaximum resident set size (kbytes): 2\nCommand being timed: \"b",
            &["a - - |  = `soon` 2048 B", "b - - | "],
        );
    }
}
