//! What GitHub answers, as far as it is used. Read leniently: a field that is missing, null or of another kind is
//! unknown and costs only itself, and a word that nobody knows yet is kept as it is.

use serde_json::Value;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// Longest text that is kept of a field, in bytes.
const TEXT_MAX: usize = 64 << 10;

/// Most steps of a job, and annotations of a page, that are looked at.
const ITEMS_MAX: usize = 10_000;

/// A run of a workflow.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Run {
    /// Its number.
    pub id: u64,
    /// Which attempt, from 1.
    pub attempt: u64,
    /// The workflow's file, such as `.github/workflows/test.yml`.
    pub workflow: Option<String>,
    /// The branch.
    pub branch: Option<String>,
    /// Its code is of another repository: a fork's.
    pub foreign: bool,
    /// How far it is.
    pub status: Status,
    /// How it ended.
    pub conclusion: Option<Conclusion>,
}

/// A job of an attempt.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Job {
    /// Its number, which is that of its check run too.
    pub id: u64,
    /// Its name, as the workflow gives it.
    pub name: String,
    /// How far it is.
    pub status: Status,
    /// How it ended.
    pub conclusion: Option<Conclusion>,
    /// When it ended, in seconds since 1970.
    pub completed_at: Option<i64>,
    /// Its steps, in order.
    pub steps: Vec<Step>,
}

/// A step of a job.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Step {
    /// Its name.
    pub name: String,
    /// How far it is.
    pub status: Status,
    /// How it ended.
    pub conclusion: Option<Conclusion>,
}

/// What is noted beside a job: by GitHub, by the runner, or by a command of the job.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Annotation {
    /// `failure`, `warning` or `notice`.
    pub level: Option<String>,
    /// What it says.
    pub message: String,
}

/// An artifact of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Artifact {
    /// Its number.
    pub id: u64,
    /// Its name.
    pub name: String,
    /// Bytes of its archive.
    pub size: Option<u64>,
    /// It was removed because it was too old.
    pub expired: bool,
}

/// How far a run, job or step is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Status {
    /// Over.
    Completed,
    /// Running.
    InProgress,
    /// Not begun: `queued`, `waiting`, `requested`, `pending`.
    Waiting,
    /// A word of a later version; empty where there was none.
    Other(String),
    /// Nobody says.
    #[default]
    Unknown,
}

/// How a run, job or step ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Conclusion {
    /// Well.
    Success,
    /// Not well.
    Failure,
    /// Somebody or something wanted it to end.
    Cancelled,
    /// It was not run.
    Skipped,
    /// It was over its time.
    TimedOut,
    /// A word that says nothing here: `neutral`, `action_required`, `stale`, `startup_failure`, or one that is new.
    Other(String),
}

impl Status {
    fn of(value: &Value) -> Status {
        match text(value, "status").as_deref() {
            None => Status::Unknown,
            Some("completed") => Status::Completed,
            Some("in_progress") => Status::InProgress,
            Some("queued" | "waiting" | "requested" | "pending") => Status::Waiting,
            Some(other) => Status::Other(other.to_owned()),
        }
    }
}

impl Conclusion {
    fn of(value: &Value) -> Option<Conclusion> {
        Some(match text(value, "conclusion")?.as_str() {
            "success" => Conclusion::Success,
            "failure" => Conclusion::Failure,
            "cancelled" => Conclusion::Cancelled,
            "skipped" => Conclusion::Skipped,
            "timed_out" => Conclusion::TimedOut,
            other => Conclusion::Other(other.to_owned()),
        })
    }

    /// As GitHub writes it.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Conclusion::Success => "success",
            Conclusion::Failure => "failure",
            Conclusion::Cancelled => "cancelled",
            Conclusion::Skipped => "skipped",
            Conclusion::TimedOut => "timed_out",
            Conclusion::Other(word) => word,
        }
    }
}

impl Run {
    /// `None` where it does not even have a number.
    #[must_use]
    pub fn of(value: &Value) -> Option<Run> {
        Some(Run {
            id: number(value, "id")?,
            attempt: number(value, "run_attempt").filter(|attempt| *attempt > 0).unwrap_or(1),
            workflow: text(value, "path"),
            branch: text(value, "head_branch"),
            foreign: {
                let id = |field: &str| value.get(field).and_then(|repository| number(repository, "id"));
                id("head_repository") != id("repository")
            },
            status: Status::of(value),
            conclusion: Conclusion::of(value),
        })
    }
}

impl Job {
    /// `None` where it does not even have a number.
    #[must_use]
    pub fn of(value: &Value) -> Option<Job> {
        let steps = value.get("steps").and_then(Value::as_array).into_iter().flatten();
        let step = |value: &Value| Step {
            name: text(value, "name").unwrap_or_default(),
            status: Status::of(value),
            conclusion: Conclusion::of(value),
        };
        let completed_at = text(value, "completed_at");
        Some(Job {
            id: number(value, "id")?,
            name: text(value, "name").unwrap_or_default(),
            status: Status::of(value),
            conclusion: Conclusion::of(value),
            completed_at: completed_at.and_then(|text| seconds(&text)),
            steps: steps.take(ITEMS_MAX).map(step).collect(),
        })
    }

    /// Whether it ended well.
    #[must_use]
    pub fn succeeded(&self) -> bool {
        self.conclusion == Some(Conclusion::Success)
    }

    /// Whether it is over. What has a conclusion is, whatever its status says.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.status == Status::Completed || self.conclusion.is_some()
    }
}

impl Annotation {
    /// All that a page holds.
    #[must_use]
    pub fn all(page: &Value) -> Vec<Annotation> {
        let one = |value: &Value| {
            let parts = [text(value, "title"), text(value, "message")];
            let message = parts.into_iter().flatten().collect::<Vec<_>>().join("\n");
            Annotation { level: text(value, "annotation_level"), message }
        };
        page.as_array().into_iter().flatten().take(ITEMS_MAX).map(one).collect()
    }
}

impl Artifact {
    /// `None` where it does not even have a number and a name.
    #[must_use]
    pub fn of(value: &Value) -> Option<Artifact> {
        Some(Artifact {
            id: number(value, "id")?,
            name: text(value, "name")?,
            size: number(value, "size_in_bytes"),
            expired: value.get("expired").and_then(Value::as_bool).unwrap_or(false),
        })
    }
}

/// A time as an API or a header writes it, in seconds since 1970.
pub(super) fn seconds(text: &str) -> Option<i64> {
    OffsetDateTime::parse(text, &Rfc3339).ok().map(OffsetDateTime::unix_timestamp)
}

pub(super) fn text(value: &Value, field: &str) -> Option<String> {
    let text = value.get(field)?.as_str()?;
    let mut end = text.len().min(TEXT_MAX);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    Some(text[..end].to_owned())
}

pub(super) fn number(value: &Value, field: &str) -> Option<u64> {
    value.get(field)?.as_u64()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn whatever_is_missing_or_new_costs_only_itself() {
        assert_eq!(Job::of(&json!({})), None);
        assert_eq!(Job::of(&json!({"id": "17"})), None);
        let job = Job::of(&json!({
            "id": 99_003_990_899_u64, "name": null, "status": "frozen", "conclusion": "startup_failure",
            "run_attempt": null, "runner_id": 1e300, "completed_at": "soon",
            "steps": [null, {"name": 3, "status": "completed", "conclusion": null}, {"status": []}]
        }));
        let job = job.unwrap();
        assert_eq!((job.name.as_str(), job.status.clone()), ("", Status::Other("frozen".to_owned())));
        assert_eq!(job.conclusion.as_ref().map(Conclusion::name), Some("startup_failure"));
        assert_eq!(job.completed_at, None);
        let step = |status| Step { status, ..Step::default() };
        assert_eq!(job.steps, [step(Status::Unknown), step(Status::Completed), step(Status::Unknown)]);
        assert!(job.is_over() && !job.succeeded());
        let run = Run::of(&json!({"id": 1, "run_attempt": 0, "name": null, "conclusion": null})).unwrap();
        assert_eq!((run.attempt, run.conclusion, run.status), (1, None, Status::Unknown));
        assert_eq!(Artifact::of(&json!({"id": 1, "name": null})), None);
        let artifact = Artifact::of(&json!({"id": 1, "name": "a", "expired": null, "size_in_bytes": -1}));
        assert_eq!(artifact, Some(Artifact { id: 1, name: "a".to_owned(), size: None, expired: false }));
        let notes = json!([{"message": null, "title": ""}, 7, {"message": "m", "title": "t", "annotation_level": "new"}]);
        let messages: Vec<String> = Annotation::all(&notes).into_iter().map(|note| note.message).collect();
        assert_eq!(messages, ["", "", "t\nm"]);
        assert_eq!(Annotation::all(&json!({"message": "Not Found"})), []);
    }

    #[test]
    fn long_texts_are_cut_between_letters() {
        let long = json!({"name": "é".repeat(TEXT_MAX)});
        assert_eq!(text(&long, "name").unwrap().len(), TEXT_MAX);
    }
}
