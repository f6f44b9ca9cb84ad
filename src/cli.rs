//! Flags and glue: what the user typed becomes values, and values become what the user sees.

mod args;
mod backtest;
mod check;
mod ci;
mod completions;
mod configured;
mod diff;
mod elsewhere;
mod ended;
mod explain;
mod folder;
mod github;
mod help;
mod init;
mod inspect;
mod inventory;
mod man;
mod node;
mod outcomes;
mod output;
mod page;
mod place;
mod plan;
mod probe;
mod progress;
mod rebalance;
mod record;
mod report;
mod reports;
mod run;
mod schema;
mod select;
mod split;
mod triage;
mod verify;
mod what_if;

use std::ffi::OsString;
use std::fmt;
use std::io::{self, Write};

use clap::FromArgMatches;

use crate::catalogue::{self, ErrorId};
use crate::{exit, files, text};
use args::{Args, Command};

/// Runs one command line; returns its exit code.
pub fn run(
    arguments: impl IntoIterator<Item = OsString>,
    stdout: &mut impl Write,
    stderr: &mut impl Write,
) -> u8 {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    let short = arguments.iter().any(|word| word == "-h");
    let matches = help::command(short).try_get_matches_from(arguments);
    let args = match matches.and_then(|matches| Args::from_arg_matches(&matches)) {
        Ok(args) => args,
        Err(err) => return usage(&err, stdout, stderr),
    };
    let mut terminal = Terminal { stdout, stderr };
    let done = match &args.command {
        Command::Init(args) => init::run(args, &mut terminal),
        Command::Plan(args) => plan::run(args, &mut terminal),
        Command::Record(args) => record::run(args, &mut terminal),
        Command::Select(args) => select::run(args, &mut terminal),
        Command::Split(args) => split::run(args, &mut terminal),
        Command::Explain(args) => explain::run(args, &mut terminal),
        Command::Diff(args) => diff::run(args, &mut terminal),
        Command::Verify(args) => verify::run(args, &mut terminal),
        Command::Inspect(args) => inspect::run(args, &mut terminal),
        Command::Backtest(args) => backtest::run(args, &mut terminal),
        Command::Triage(args) => triage::run(args, &mut terminal),
        Command::Check(args) => check::run(args, &mut terminal),
        Command::Run(args) => run::run(args, &mut terminal),
        Command::Probe(args) => probe::run(args, &mut terminal),
        Command::Report(args) => page::run(args, &mut terminal),
        Command::Rebalance(args) => rebalance::run(args, &mut terminal),
        Command::Schema(args) => schema::run(args, &mut terminal),
        Command::Completions(args) => completions::run(args, &mut terminal),
        Command::Man(args) => man::run(args, &mut terminal),
    };
    match done {
        Ok(code) => code,
        // The reader of a pipe has seen enough: `| head` is no error.
        Err(Failure::Closed) => exit::DONE,
        Err(Failure::Said { id, message }) => {
            terminal.say(catalogue::error(id, &message));
            match args.command {
                Command::Run(_) => id.exit_of_run(),
                _ => id.exit(),
            }
        }
    }
}

/// Help and version go to stdout and are no error; a wrong flag is.
fn usage(err: &clap::Error, stdout: &mut impl Write, stderr: &mut impl Write) -> u8 {
    let text = err.render().to_string();
    let text = match text.strip_prefix("error: ") {
        Some(rest) => format!("{}: {rest}", ErrorId::Usage),
        None => text,
    };
    let text = text::inert(&text);
    let written = if err.use_stderr() { write!(stderr, "{text}") } else { write!(stdout, "{text}") };
    match (written, err.use_stderr()) {
        (_, true) => exit::USAGE,
        (_, false) => exit::DONE,
    }
}

/// Where output goes.
struct Terminal<'a, O, E> {
    stdout: &'a mut O,
    stderr: &'a mut E,
}

impl<O: Write, E: Write> Terminal<'_, O, E> {
    /// Data.
    fn print(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        let written = self.stdout.write_all(bytes).and_then(|()| self.stdout.flush());
        written.map_err(|err| match err.kind() {
            io::ErrorKind::BrokenPipe => Failure::Closed,
            _ => Failure::new(ErrorId::CannotWrite, format!("cannot write to standard output: {err}")),
        })
    }

    /// A message for people, whatever is in it. A closed stderr is nobody's problem.
    fn say(&mut self, message: impl fmt::Display) {
        let _ = writeln!(self.stderr, "{}", text::inert(&message.to_string()));
    }

    /// Lines with colours, whose names are printable already.
    fn show(&mut self, lines: &str) {
        let _ = self.stderr.write_all(lines.as_bytes());
    }
}

/// Why a command ends early.
#[derive(Debug)]
enum Failure {
    /// Nobody reads the output any more.
    Closed,
    /// Something is wrong: what, with the place, and what to do about it unless the catalogue's advice will do.
    Said { id: ErrorId, message: String },
}

impl Failure {
    fn new(id: ErrorId, message: impl Into<String>) -> Failure {
        Failure::Said { id, message: message.into() }
    }

    /// Makes a failure of an error that says everything.
    fn of<E: fmt::Display>(id: ErrorId) -> impl Fn(E) -> Failure {
        move |err| Failure::new(id, format!("{err:#}"))
    }
}

/// What the edge reports is not there or cannot be read, unless somebody knows better.
impl From<anyhow::Error> for Failure {
    fn from(err: anyhow::Error) -> Failure {
        let id = match err.root_cause() {
            cause if cause.is::<files::Missing>() => ErrorId::NotFound,
            cause if cause.is::<files::NoPattern>() => ErrorId::BadValue,
            _ => ErrorId::Unreadable,
        };
        Failure::of(id)(err)
    }
}
