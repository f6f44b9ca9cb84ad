//! The folder that holds a plan: read with care, replaced without losing what is not ours.

use std::path::{Path, PathBuf};

use super::Failure;
use super::configured::{self, Configured};
use crate::catalogue::ErrorId;
use crate::emit::{matrix, selection};
use crate::files::{self, Staged};
use crate::model::Digest;
use crate::plan::{Plan, Selection, Shard, file, verify};
use crate::text;

/// A plan as the files that it becomes.
pub(super) struct Written {
    pub(super) plan: Vec<u8>,
    pub(super) digest: Digest,
    matrix: String,
    pub(super) selections: Vec<(String, Vec<u8>)>,
}

impl Written {
    pub(super) fn new(plan: &Plan, configured: &Configured, form: Selection) -> Result<Written, Failure> {
        let bug =
            |err: serde_json::Error| Failure::new(ErrorId::Bug, format!("the plan cannot be written: {err}"));
        let bytes = plan.to_bytes().map_err(bug)?;
        let digest = Digest::of(&bytes);
        let rows = matrix::rows(plan, &digest, &configured.config.runners);
        let matrix = matrix::include(&rows).map_err(bug)? + "\n";
        let mut selections = Vec::new();
        for session in plan.shards.iter().flat_map(|shard| &shard.sessions) {
            let ids = session.suites.iter().map(|suite| suite.id.as_str());
            let text = selection::write(form.into(), ids).map_err(Failure::of(ErrorId::UnwritableName))?;
            selections.push((session.selection.clone(), text));
        }
        Ok(Written { plan: bytes, digest, matrix, selections })
    }

    /// Replaces the old plan in `out`: its stale selections go, nothing else does.
    ///
    /// The new plan is published before the files that it names, so that after a crash in between
    /// the next plan knows them for its own.
    pub(super) fn publish(&self, out: &Path, replaced: Replaced) -> Result<(), Failure> {
        self.put(out, &[], replaced)
    }

    /// The same, with the plans that it comes from beside it, each as [`ancestors`] names it.
    pub(super) fn publish_after(&self, out: &Path, earlier: &[(String, Vec<u8>)]) -> Result<(), Failure> {
        self.put(out, earlier, replaced(out))
    }

    fn put(&self, out: &Path, earlier: &[(String, Vec<u8>)], replaced: Replaced) -> Result<(), Failure> {
        let old = replaced.selections()?;
        for (name, _) in earlier {
            let path = out.join(name);
            if path.symlink_metadata().is_ok()
                && Plan::from_bytes(&files::read(&path, file::SIZE_MAX)?).is_err()
            {
                return Err(Failure::new(
                    ErrorId::NotOurs,
                    format!(
                        "`{}` exists and is no plan\n  help: move it away, or name another folder with --out",
                        files::shown(&path)
                    ),
                ));
            }
        }
        let names: Vec<&str> = self.selections.iter().map(|(name, _)| name.as_str()).collect();
        let ours = |name: &str| {
            old.as_ref()
                .is_some_and(|old| old.iter().any(|selection| selection == name) || name == "matrix.json")
        };
        for name in names.iter().copied().chain(["matrix.json"]).filter(|name| !ours(name)) {
            if out.join(name).symlink_metadata().is_ok() {
                let path = out.join(name);
                return Err(Failure::new(
                    ErrorId::NotOurs,
                    format!(
                        "`{}` exists and is not of an earlier plan\n  help: move it away, or name another folder with --out",
                        files::shown(&path)
                    ),
                ));
            }
        }
        let plan = [
            ("plan.json".to_owned(), self.plan.as_slice()),
            ("matrix.json".to_owned(), self.matrix.as_bytes()),
        ];
        let earlier = earlier.iter().map(|(name, bytes)| (name.clone(), bytes.as_slice()));
        let staged = Staged::new(
            out,
            earlier
                .chain(plan)
                .chain(self.selections.iter().map(|(name, text)| (name.clone(), text.as_slice()))),
        )
        .map_err(Failure::of(ErrorId::CannotWrite))?;
        for stale in old.iter().flatten().filter(|name| !names.contains(&name.as_str())) {
            files::remove_regular(out, stale).map_err(Failure::of(ErrorId::CannotWrite))?;
        }
        staged.publish().map_err(Failure::of(ErrorId::CannotWrite))
    }
}

/// The plan that a new one takes the place of, read once.
pub(super) struct Replaced(Result<Option<Plan>, Failure>);

/// What is in `out` now. That it cannot be read is no error before it is replaced.
pub(super) fn replaced(out: &Path) -> Replaced {
    let path = out.join("plan.json");
    if path.symlink_metadata().is_err() {
        return Replaced(Ok(None));
    }
    let foreign = |why: String| {
        Failure::new(
            ErrorId::NotOurs,
            format!(
                "`{}` is not of an earlier plan ({})\n  help: move it away, or name another folder with --out",
                files::shown(&path),
                why.trim_start_matches("not a plan: ")
            ),
        )
    };
    let bytes = files::read(&path, file::SIZE_MAX).map_err(Failure::from);
    Replaced(bytes.and_then(|bytes| Plan::from_bytes(&bytes).map(Some).map_err(foreign)))
}

impl Replaced {
    /// The plan, if it is one and keeps its own rules.
    pub(super) fn plan(&self) -> Option<&Plan> {
        self.0.as_ref().ok()?.as_ref().filter(|plan| verify::verify(plan).is_empty())
    }

    /// Its selections, as far as they are named as a plan names them. `None` where there is no plan.
    fn selections(self) -> Result<Option<Vec<String>>, Failure> {
        let Some(old) = self.0? else { return Ok(None) };
        let names = old.shards.into_iter().flat_map(|shard| shard.sessions).map(|session| session.selection);
        Ok(Some(names.filter(|name| is_selection(name)).collect()))
    }
}

/// `[a-z0-9-]+(\.[0-9]+)?\.(txt|nul|json)`, and neither of our two other files.
fn is_selection(name: &str) -> bool {
    let mut parts = name.split('.');
    let word = |part: Option<&str>| {
        part.is_some_and(|part| {
            !part.is_empty()
                && part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        })
    };
    let stem = word(parts.next());
    let (mut ending, last) = (parts.next(), parts.next());
    if last.is_some() {
        let digits = ending.is_some_and(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit()));
        ending = last.filter(|_| digits);
    }
    stem && matches!(ending, Some("txt" | "nul" | "json"))
        && parts.next().is_none()
        && !matches!(name, "plan.json" | "matrix.json")
}

/// Where the plan is: as named, or where the configuration from here upwards would put it.
pub(super) fn plan_path(named: Option<&Path>) -> Result<PathBuf, Failure> {
    if let Some(path) = named {
        return Ok(path.to_owned());
    }
    let configured = configured::find(None)?;
    let out = configured.root.join(&configured.config.out);
    Ok(out.strip_prefix(&configured.here).unwrap_or(&out).join("plan.json"))
}

/// A plan with its digest, as it stands in its file.
pub(super) fn read_plan(path: &Path) -> Result<(Plan, Digest), Failure> {
    let shown = path.display();
    if !path.exists() {
        let make = || "make one with `shard plan`, or name the right file".to_owned();
        let help = files::did_you_mean(path).unwrap_or_else(make);
        return Err(Failure::new(ErrorId::NotFound, format!("`{shown}` does not exist\n  help: {help}")));
    }
    let bytes = files::read(path, file::SIZE_MAX)?;
    let plan = Plan::from_bytes(&bytes)
        .map_err(|err| Failure::new(ErrorId::PlanInvalid, format!("{shown}: {err}")))?;
    Ok((plan, Digest::of(&bytes)))
}

/// A plan that keeps its own rules.
pub(super) fn read_sound_plan(path: &Path) -> Result<Plan, Failure> {
    read_sound(path).map(|(plan, _)| plan)
}

/// The same with its digest.
pub(super) fn read_sound(path: &Path) -> Result<(Plan, Digest), Failure> {
    let (plan, digest) = read_plan(path)?;
    match verify::verify(&plan).first() {
        None => Ok((plan, digest)),
        Some(finding) => Err(Failure::new(
            ErrorId::PlanInvalid,
            format!(
                "{}: the plan breaks its own rules: {finding}\n  help: `shard verify` lists everything; make the plan again",
                files::shown(path)
            ),
        )),
    }
}

/// The name of the plan of an earlier round beside the newest.
fn name_of_round(round: u32) -> String {
    format!("plan.{round}.json")
}

/// The plan at `path` and those that it comes from, as far as they are there, under the names that they have
/// beside a plan of a later round.
pub(super) fn ancestors(path: &Path, plan: &Plan) -> Result<Vec<(String, Vec<u8>)>, Failure> {
    let mut all = vec![(name_of_round(plan.round), files::read(path, file::SIZE_MAX)?)];
    all.extend(before(path, plan).into_iter().map(|(plan, _, bytes)| (name_of_round(plan.round), bytes)));
    Ok(all)
}

/// The plans that this one comes from, newest first, as far as each is the one that the next names.
pub(super) fn before(path: &Path, plan: &Plan) -> Vec<(Plan, Digest, Vec<u8>)> {
    let folder = path.parent().unwrap_or(Path::new(""));
    let mut found = Vec::new();
    let mut next = plan.round.checked_sub(1).zip(plan.parent.clone());
    while let Some((round, parent)) = next {
        let Ok(bytes) = files::read(&folder.join(name_of_round(round)), file::SIZE_MAX) else { break };
        let digest = Digest::of(&bytes);
        if digest.to_string() != parent {
            break;
        }
        let Ok(plan) = Plan::from_bytes(&bytes) else { break };
        next = plan.round.checked_sub(1).zip(plan.parent.clone());
        found.push((plan, digest, bytes));
    }
    found
}

/// What a plan has, to choose from.
pub(super) fn has<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    match text::examples(names, 10) {
        none if none.is_empty() => "the plan is empty: nothing is left to run".to_owned(),
        some => format!("the plan has {some}"),
    }
}

/// The shard of that name, or what the plan has instead.
pub(super) fn find_shard<'a>(plan: &'a Plan, name: &str) -> Result<&'a Shard, Failure> {
    plan.shard(name).ok_or_else(|| {
        let names = || plan.shards.iter().map(|shard| shard.id.as_str());
        let has = || has(names());
        let help = text::did_you_mean(name, names()).unwrap_or_else(has);
        Failure::new(
            ErrorId::UnknownShard,
            format!("the plan has no shard `{}`\n  help: {help}", text::printable(name)),
        )
    })
}

#[cfg(test)]
mod tests {
    use super::is_selection;

    #[test]
    fn only_selections_may_be_removed() {
        for good in ["unit-1.txt", "e2e-12.3.nul", "a.json"] {
            assert!(is_selection(good), "{good}");
        }
        for bad in [
            "plan.json",
            "matrix.json",
            "../unit-1.txt",
            "unit-1.txt.bak",
            "UNIT.txt",
            "a.b.txt",
            ".txt",
            "a/b.txt",
            "a.1.2.txt",
            "notes.md",
            "a..txt",
        ] {
            assert!(!is_selection(bad), "{bad}");
        }
    }
}
