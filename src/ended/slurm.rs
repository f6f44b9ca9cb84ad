//! Accounts of Slurm: `sacct` as text and as JSON, `scontrol show job`.
//!
//! A task of an array has a row of its own and rows of its steps; the task's state decides, except that a step that
//! was out of memory says why the task failed. JSON has two shapes: numbers and words by themselves, and since
//! Slurm 23.11 wrapped (`{"set": true, "number": 3}`, `["TIMEOUT"]`).

use serde_json::Value;

use super::{Ended, Which, shown, token_of};
use crate::report::SacctColumns;
use crate::triage::{Task, TaskEnd};

/// Signals of systems; above them Slurm has marks of its own, such as 125 for a lack of memory.
const SIGNAL_MAX: i32 = 64;

/// What Slurm says of one task.
#[derive(Default)]
struct Job {
    /// `4711_3`.
    id: String,
    place: Option<usize>,
    name: String,
    state: String,
    reason: String,
    exit: i32,
    signal: i32,
    /// A step of it was out of memory.
    step_out_of_memory: bool,
}

/// A listing of `sacct` or `scontrol show job`.
pub(super) fn text(text: &str) -> Result<Vec<Ended>, String> {
    if text.starts_with("JobId=") {
        return Ok(scontrol(text).into_iter().filter_map(Job::ended).collect());
    }
    let mut lines = text.lines().filter(|line| !line.trim().is_empty());
    let first = lines.next().ok_or("no line that names the columns")?;
    let rule = match first.contains('|') {
        true => None,
        false => lines.next(),
    };
    if rule.is_some_and(|rule| !rule.contains("--")) || rule.is_none() && !first.contains('|') {
        return Err("neither a listing of `sacct` nor of `scontrol show job`".to_owned());
    }
    let columns = SacctColumns::named(first, rule);
    if !["jobid", "jobname", "state", "exitcode"].iter().all(|name| columns.has(name)) {
        return Err("it needs the columns JobID, JobName, State and ExitCode: \
                    sacct --parsable2 --format=JobID,JobName,State,ExitCode"
            .to_owned());
    }
    let mut jobs: Vec<Job> = Vec::new();
    for line in lines {
        let row = columns.row(line);
        let cell = |name: &str| row(name).unwrap_or_default();
        let (id, state) = (cell("jobid"), cell("state"));
        if let Some((task, _)) = id.split_once('.') {
            if let Some(job) = jobs.last_mut().filter(|job| job.id == task) {
                job.step_out_of_memory |= end_of(&state) == Some(TaskEnd::OutOfMemory);
            }
            continue;
        }
        let (exit, signal) = pair(&cell("exitcode"));
        let exit = whole(exit);
        let place = id.split_once('_').and_then(|(_, place)| place.parse().ok());
        jobs.push(Job { place, name: cell("jobname"), state, exit, signal, id, ..Job::default() });
    }
    Ok(jobs.into_iter().filter_map(Job::ended).collect())
}

/// Blocks that begin with `JobId=`, whatever stands on a line.
fn scontrol(text: &str) -> Vec<Job> {
    let mut jobs: Vec<Job> = Vec::new();
    let mut array = String::new();
    for (key, value) in text.split_whitespace().filter_map(|word| word.split_once('=')) {
        if key == "JobId" {
            jobs.push(Job::default());
        }
        let Some(job) = jobs.last_mut() else { continue };
        match key {
            "ArrayJobId" => value.clone_into(&mut array),
            "ArrayTaskId" => {
                job.id = format!("{array}_{value}");
                job.place = value.parse().ok();
            }
            "JobName" => value.clone_into(&mut job.name),
            "JobState" => value.clone_into(&mut job.state),
            "Reason" => value.clone_into(&mut job.reason),
            "ExitCode" => (job.exit, job.signal) = pair(value),
            _ => {}
        }
    }
    jobs
}

/// `sacct --json`, or the same of `squeue` and `scontrol`; `None`: no jobs of Slurm.
pub(super) fn json(document: &Value) -> Option<Vec<Ended>> {
    let jobs = document.get("jobs")?.as_array()?;
    let job = |job: &Value| {
        let array = number(&job["array"]["job_id"]).or_else(|| number(&job["array_job_id"]));
        let task = number(&job["array"]["task_id"]).or_else(|| number(&job["array_task_id"]));
        let state = match word(&job["state"]["current"]) {
            state if state.is_empty() => word(&job["job_state"]),
            state => state,
        };
        let reason = match word(&job["state"]["reason"]) {
            reason if reason.is_empty() => word(&job["state_reason"]),
            reason => reason,
        };
        let code = &job["exit_code"];
        let signal = number(&code["signal"]["signal_id"]).or_else(|| number(&code["signal"]["id"]));
        let small = |number: Option<i64>| number.and_then(|number| i32::try_from(number).ok()).unwrap_or(0);
        let steps = job["steps"].as_array().into_iter().flatten();
        Job {
            id: format!("{}_{}", array.unwrap_or(0), task.unwrap_or(0)),
            place: task.and_then(|task| usize::try_from(task).ok()),
            name: word(&job["name"]),
            state,
            reason,
            exit: small(number(&code["return_code"])),
            signal: small(signal),
            step_out_of_memory: steps
                .map(|step| word(&step["state"]))
                .any(|state| end_of(&state) == Some(TaskEnd::OutOfMemory)),
        }
    };
    Some(jobs.iter().map(job).filter_map(Job::ended).collect())
}

/// A number by itself, or one that is wrapped and set.
fn number(value: &Value) -> Option<i64> {
    match value {
        Value::Object(map) if map.get("set") == Some(&Value::Bool(true)) => map.get("number")?.as_i64(),
        value => value.as_i64(),
    }
}

/// A word by itself, or the first of several.
fn word(value: &Value) -> String {
    let word = value.as_array().map_or(Some(value), |all| all.first());
    word.and_then(Value::as_str).unwrap_or_default().to_owned()
}

/// `1:0`: a code and a signal.
fn pair(text: &str) -> (i32, i32) {
    let (code, signal) = text.split_once(':').unwrap_or((text, ""));
    (code.parse().unwrap_or(0), signal.parse().unwrap_or(0))
}

/// The code that `sacct` wrote, which takes 128 from all codes above: what no tool exits with by itself is of a
/// signal.
fn whole(code: i32) -> i32 {
    if matches!(code, 9 | 11 | 15) { code + 128 } else { code }
}

/// What a state means; `None`: the task is not over. A table cuts long words.
fn end_of(state: &str) -> Option<TaskEnd> {
    const ENDS: [(&str, TaskEnd); 15] = [
        ("COMPLETED", TaskEnd::Passed),
        ("FAILED", TaskEnd::Failed),
        ("SPECIAL_EXIT", TaskEnd::Failed),
        ("OUT_OF_MEMORY", TaskEnd::OutOfMemory),
        ("TIMEOUT", TaskEnd::TimedOut),
        ("DEADLINE", TaskEnd::TimedOut),
        ("NODE_FAIL", TaskEnd::NodeLost),
        ("BOOT_FAIL", TaskEnd::NodeLost),
        ("PREEMPTED", TaskEnd::Preempted),
        ("REVOKED", TaskEnd::Preempted),
        ("CANCELLED", TaskEnd::Cancelled),
        ("LAUNCH_FAILED", TaskEnd::NeverBegan),
        ("RECONFIG_FAIL", TaskEnd::NeverBegan),
        ("STOPPED", TaskEnd::Cancelled),
        ("SIGNALING", TaskEnd::Cancelled),
    ];
    // `CANCELLED by 1000`, `OUT_OF_ME+`.
    let word = state.split([' ', ',']).next().unwrap_or_default();
    let found = ENDS.iter().find(|(name, _)| match word.strip_suffix('+') {
        Some(start) => start.len() >= 4 && name.starts_with(start),
        None => *name == word,
    });
    found.map(|(_, end)| *end)
}

impl Job {
    /// `None` for what is no task of an array.
    fn ended(self) -> Option<Ended> {
        let which = Which::Place(self.place?);
        let end = match end_of(&self.state) {
            Some(TaskEnd::Failed | TaskEnd::TimedOut | TaskEnd::Cancelled) if self.step_out_of_memory => {
                Some(TaskEnd::OutOfMemory)
            }
            end => end,
        };
        // What Slurm ended itself has a code that is nobody's.
        let own = matches!(end, Some(TaskEnd::Passed | TaskEnd::Failed | TaskEnd::OutOfMemory));
        let passed = end == Some(TaskEnd::Passed);
        let exit = (own && (self.exit != 0 || passed)).then_some(self.exit);
        let signal = (own && (1..=SIGNAL_MAX).contains(&self.signal)).then_some(self.signal);
        let reason = match self.reason.as_str() {
            "" | "None" => String::new(),
            reason => format!(" for {}", shown(reason)),
        };
        let step = if self.step_out_of_memory { ", with a step that was OUT_OF_MEMORY" } else { "" };
        let said = format!(
            "Slurm calls task {} {}{reason}, exit {}:{}{step}",
            shown(&self.id),
            shown(&self.state),
            self.exit,
            self.signal
        );
        let token = token_of(&self.name).map(str::to_owned);
        Some(Ended { token, which, task: end.map(|end| Task { end, said }), exit, signal, name: self.id })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check(ended: &[Ended], expect: &[&str]) {
        let line = |ended: &Ended| {
            let said = ended.task.as_ref().map(|task| format!("{:?}: {}", task.end, task.said));
            format!("{:?} {:?} {:?} {}", ended.which, ended.exit, ended.signal, said.unwrap_or_default())
        };
        assert_eq!(ended.iter().map(line).collect::<Vec<_>>(), expect);
    }

    #[test]
    fn states_are_words_that_tables_cut() {
        for (state, expect) in [
            ("OUT_OF_ME+", Some(TaskEnd::OutOfMemory)),
            ("OUT_OF_MEMORY", Some(TaskEnd::OutOfMemory)),
            ("CANCELLED by 1000", Some(TaskEnd::Cancelled)),
            ("CANCELLED+", Some(TaskEnd::Cancelled)),
            ("NODE_FAIL", Some(TaskEnd::NodeLost)),
            ("PREEMPTED", Some(TaskEnd::Preempted)),
            ("RUNNING", None),
            ("PENDING", None),
            ("COMPLETING", None),
            ("C+", None),
            ("", None),
        ] {
            assert_eq!(end_of(state), expect, "{state}");
        }
    }

    #[test]
    fn rows_of_steps_explain_their_task() {
        let listing = "JobID           JobName      State ExitCode \n\
                       ------------ ---------- ---------- -------- \n\
                       7_1          shard-000+     FAILED    137:0 \n\
                       7_1.batch         batch OUT_OF_ME+    0:125 \n\
                       7_[2-5]      shard-000+    PENDING      0:0 \n\
                       7_6          shard-000+     FAILED      9:0 \n\
                       8                 other  COMPLETED      0:0 \n";
        check(
            &text(listing).unwrap(),
            &[
                "Place(1) Some(137) None OutOfMemory: Slurm calls task 7_1 FAILED, exit 137:0, with a step that was OUT_OF_MEMORY",
                "Place(6) Some(137) None Failed: Slurm calls task 7_6 FAILED, exit 137:0",
            ],
        );
    }

    #[test]
    fn newer_json_wraps_its_values() {
        let wrapped = |number: i64| json!({"set": true, "infinite": false, "number": number});
        let job = json!({
            "array": {"job_id": 7, "task_id": wrapped(3)},
            "name": "shard-0000000a-1m-1c",
            "state": {"current": ["FAILED"], "reason": "NonZeroExitCode"},
            "exit_code": {"status": ["ERROR"], "return_code": wrapped(2), "signal": {"id": {"set": false, "number": 0}}},
            "steps": [],
        });
        let ended = json(&json!({"jobs": [job]})).unwrap();
        assert_eq!(ended[0].token.as_deref(), Some("0000000a"));
        check(
            &ended,
            &["Place(3) Some(2) None Failed: Slurm calls task 7_3 FAILED for NonZeroExitCode, exit 2:0"],
        );
        let queued = json!({"jobs": [{"array_job_id": 7, "array_task_id": wrapped(0), "name": "x", "job_state": ["OUT_OF_MEMORY"]}]});
        check(
            &json(&queued).unwrap(),
            &["Place(0) None None OutOfMemory: Slurm calls task 7_0 OUT_OF_MEMORY, exit 0:0"],
        );
    }
}
