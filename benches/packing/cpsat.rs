//! CP-SAT on the same problems, through `cpsat.py`: Python that lives on from problem to problem.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde_json::{Value, json};

use crate::others;
use crate::problems::{Goal, Problem};

/// Above, building its model takes longer than solving.
const SUITES_MAX: usize = 3_000;

/// What came of its search.
pub(crate) struct Solved {
    /// `None`: no plan.
    pub(crate) value: Option<u64>,
    pub(crate) bound: u64,
}

/// One process.
pub(crate) struct CpSat {
    process: Child,
    problems: ChildStdin,
    answers: BufReader<ChildStdout>,
    seconds: f64,
    pub(crate) version: String,
}

impl CpSat {
    /// With `$PYTHON`, else `python3`.
    ///
    /// # Errors
    /// Why it does not start, in one line.
    pub(crate) fn start(seconds: f64) -> Result<CpSat, String> {
        let python = std::env::var_os("PYTHON").unwrap_or_else(|| "python3".into());
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/packing/cpsat.py");
        let pipes = |command: &mut Command| {
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::inherit()).spawn()
        };
        let mut process = pipes(Command::new(&python).arg(script))
            .map_err(|err| format!("{} does not start: {err}", python.to_string_lossy()))?;
        let (problems, answers) = (process.stdin.take().unwrap(), process.stdout.take().unwrap());
        let mut cpsat =
            CpSat { process, problems, answers: BufReader::new(answers), seconds, version: String::new() };
        let told = cpsat.answer().ok_or("it ended before the first problem")?;
        cpsat.version = told["version"].as_str().unwrap_or_default().to_owned();
        Ok(cpsat)
    }

    fn answer(&mut self) -> Option<Value> {
        let mut line = String::new();
        self.answers.read_line(&mut line).ok()?;
        serde_json::from_str(&line).ok()
    }

    /// `None` for problems that are too large for it.
    pub(crate) fn solve(&mut self, problem: &Problem) -> Option<Solved> {
        if problem.items.len() > SUITES_MAX {
            return None;
        }
        let (shards, target) = match problem.goal {
            Goal::Shards(shards) => (shards as u64, None),
            Goal::Target(target) => (others::today(problem).value, Some(target)),
        };
        let items: Vec<[u64; 3]> =
            problem.items.iter().map(|item| [item.ms, item.retained, item.transient]).collect();
        let room = problem.budget.map(|budget| budget - problem.floor);
        let asked = json!({
            "seconds": self.seconds, "shards": shards, "target": target, "room": room, "items": items,
        });
        writeln!(self.problems, "{asked}").ok()?;
        let told = self.answer()?;
        Some(Solved { value: told["value"].as_u64(), bound: told["bound"].as_u64()? })
    }
}

impl Drop for CpSat {
    fn drop(&mut self) {
        // What it would still do is wanted by nobody.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
