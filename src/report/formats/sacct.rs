//! What Slurm's `sacct` lists: with `|` between the columns (`--parsable2` or `--parsable`), or as a table.
//!
//! A job is a case, of the unit that its name says. Its steps (`7.batch`, `7.extern`, `7.0`) are part of it:
//! its time is its own, its peak of memory the largest of its steps', since `sacct` keeps none for a job as a
//! whole. Steps that ran at once may together have held more.

use std::io::BufRead;

use crate::report::head::Head;
use crate::report::{Case, Outcome, Place, ReportError, Sink, Time, lines, memory, number};

/// Whether the first line names such columns.
pub(in crate::report) fn looks_like(head: &Head<'_>) -> bool {
    let mut lines = head.text.lines();
    let columns = Columns::named(lines.next().unwrap_or_default(), lines.next());
    let has = |name: &&str| columns.has(name);
    ["jobid", "jobname"].iter().any(has) && ["maxrss", "elapsed", "elapsedraw"].iter().any(has)
}

/// Reads a listing. Rows of one job must follow one another, as they do.
///
/// # Errors
/// A listing without a line of names, or a line that is too long.
pub(in crate::report) fn read(input: impl BufRead, sink: &mut dyn Sink) -> Result<(), ReportError> {
    let mut names: Option<String> = None;
    let mut columns: Option<Columns> = None;
    let mut job: Option<Job> = None;
    lines::each(input, |number, line| {
        if line.trim().is_empty() {
            return Ok(());
        }
        let Some(columns) = &columns else {
            // The names of a table's columns are understood by the rule below them.
            match names.take() {
                None if line.contains('|') => columns = Some(Columns::named(line, None)),
                None => names = Some(line.to_owned()),
                Some(names) => columns = Some(Columns::named(&names, Some(line))),
            }
            return Ok(());
        };
        let row = columns.row(line);
        let id = row("jobid").or_else(|| row("jobidraw")).unwrap_or_default();
        let name = row("jobname").unwrap_or_default();
        let (root, step) = match id.split_once('.') {
            Some((root, _)) => (root.to_owned(), true),
            None => (id.clone(), id.is_empty() && matches!(name.as_str(), "batch" | "extern")),
        };
        if !job.as_ref().is_some_and(|job| job.id == root && step) {
            emit(job.take(), sink);
        }
        if columns.cuts && name.ends_with('+') {
            sink.warn(Some(number), "the name of a job is cut short: `--parsable2` writes it in full");
        }
        let job = job.get_or_insert_with(|| Job {
            id: root,
            name,
            elapsed: row("elapsedraw").or_else(|| row("elapsed")),
            outcome: outcome(row("state").as_deref()),
            bytes: None,
            line: number,
        });
        job.bytes = job.bytes.max(row("maxrss").and_then(|peak| memory::bytes(&peak, 1)));
        Ok(())
    })?;
    if columns.is_none() {
        return Err(ReportError::new(1, "no line that names the columns"));
    }
    emit(job, sink);
    Ok(())
}

struct Job {
    /// Without a step; empty where that column is not there.
    id: String,
    name: String,
    elapsed: Option<String>,
    outcome: Outcome,
    bytes: Option<u64>,
    /// Of its first row.
    line: u64,
}

/// Where the columns are.
pub(crate) struct Columns {
    /// In lower case.
    names: Vec<String>,
    /// First character and number of characters of each column of a table.
    extents: Vec<(usize, usize)>,
    /// Whether values are cut where they do not fit.
    cuts: bool,
}

impl Columns {
    /// By their names, and the rule below those of a table.
    pub(crate) fn named(names: &str, rule: Option<&str>) -> Columns {
        let rule = rule.filter(|rule| !names.contains('|') && rule.contains("--"));
        let mut columns = Columns { names: Vec::new(), extents: Vec::new(), cuts: rule.is_some() };
        let mut at = 0;
        for dashes in rule.unwrap_or_default().split(' ') {
            if !dashes.is_empty() && dashes.bytes().all(|byte| byte == b'-') {
                columns.extents.push((at, dashes.len()));
            }
            at += dashes.chars().count() + 1;
        }
        columns.names = columns.cells(names).map(|name| name.to_lowercase()).collect();
        columns
    }

    /// Whether there is a column of this name, in lower case.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.names.iter().any(|column| column == name)
    }

    fn cells<'l>(&'l self, line: &'l str) -> Box<dyn Iterator<Item = String> + 'l> {
        if !self.cuts {
            return Box::new(line.split('|').map(|cell| cell.trim().to_owned()));
        }
        Box::new(self.extents.iter().map(|(start, length)| {
            line.chars().skip(*start).take(*length).collect::<String>().trim().to_owned()
        }))
    }

    /// The values of a row by the names of their columns; `None` where there is nothing.
    pub(crate) fn row<'l>(&'l self, line: &'l str) -> impl Fn(&str) -> Option<String> + 'l {
        move |name| {
            let at = self.names.iter().position(|column| column == name)?;
            self.cells(line).nth(at).filter(|value| !value.is_empty())
        }
    }
}

/// How a job ended; a table cuts the longer words.
fn outcome(state: Option<&str>) -> Outcome {
    match state {
        None => Outcome::Passed,
        Some(state) if state.starts_with("COMPLETED") => Outcome::Passed,
        Some(state) if state.starts_with("FAILED") => Outcome::Failed,
        Some(state) if state.starts_with("PENDING") => Outcome::Skipped,
        // Out of time or of memory, cancelled, on a node that failed, or still running.
        Some(_) => Outcome::Aborted,
    }
}

fn emit(job: Option<Job>, sink: &mut dyn Sink) {
    let Some(job) = job else { return };
    let time = match job.elapsed.as_deref() {
        None => Time::Absent,
        Some(text) => match number::clock(text).or_else(|| crate::report::seconds(text)) {
            Some(seconds) => Time::Seconds(seconds),
            None => Time::Unreadable(text),
        },
    };
    // The tasks of an array have one name, and a number each.
    let name = job.id.split_once('_').map_or("", |(_, task)| task);
    let (place, outcome, bytes) = (Place::file(&job.name), job.outcome, job.bytes);
    let line = Some(job.line);
    sink.case(&Case { place, name, time, outcome, bytes, line, ..Case::default() });
}

#[cfg(test)]
mod tests {
    use crate::report::Format;
    use crate::report::testing::{self, recognised, refused};

    fn check(text: &str, expect: &[&str]) {
        testing::check(Format::Sacct, text, expect);
        recognised(Format::Sacct, text);
    }

    #[test]
    fn parsable_listings_are_read() {
        check(
            "JobID|JobName|MaxRSS|Elapsed|State\n\
             7|test api||00:01:05|COMPLETED\n\
             7.batch|batch|1024K|00:01:05|COMPLETED\n\
             7.extern|extern|0|00:01:05|COMPLETED\n\
             7.0|pytest|1.50M|00:00:59|COMPLETED\n\
             8_3|array||1-00:00:01|OUT_OF_MEMORY\n\
             8_3.batch|batch|2G|1-00:00:01|OUT_OF_MEMORY\n\
             9|late||00:00:00|PENDING\n\
             10|killed||00:00:02|CANCELLED by 1000\n\
             11|bad||soon|FAILED\n",
            &[
                "test api - - |  = 65 1572864 B",
                "array - - | 3 = 86401 aborted 2147483648 B",
                "late - - |  = 0 skipped",
                "killed - - |  = 2 aborted",
                "bad - - |  = `soon` failed",
            ],
        );
        check(
            "JobName|ElapsedRaw|MaxRSS|\na|90||\nbatch|90|512|\nb|5||\n",
            &["a - - |  = 90 512 B", "b - - |  = 5"],
        );
    }

    #[test]
    fn tables_are_read() {
        check(
            "JobID           JobName     MaxRSS    Elapsed      State \n\
             ------------ ---------- ---------- ---------- ---------- \n\
             7              test-api              00:01:05  COMPLETED \n\
             7.batch           batch      1024K   00:01:05  COMPLETED \n\
             8            a_long_na+              00:00:05 OUT_OF_ME+ \n\
             \n",
            &[
                "test-api - - |  = 65 1048576 B",
                "warning 5: the name of a job is cut short: `--parsable2` writes it in full",
                "a_long_na+ - - |  = 5 aborted",
            ],
        );
    }

    #[test]
    fn what_is_broken_says_where() {
        refused(Format::Sacct, "", "1: no line that names the columns");
        assert_eq!(Format::recognise(b"JobID|Partition\n1|x\n"), None);
        assert_eq!(Format::recognise(b"JobID Elapsed\n1 x\n"), None);
    }
}
