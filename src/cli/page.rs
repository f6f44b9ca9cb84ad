//! `shard report`: a plan, how its shards ended and what was measured before, as a page for a browser.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read as _, Write};
use std::path::{Path, PathBuf};

use super::args::ReportArgs;
use super::configured::{self, Configured};
use super::folder::{plan_path, read_sound};
use super::{Failure, Terminal, outcomes, report};
use crate::catalogue::ErrorId;
use crate::emit::page::{self, Page};
use crate::exit;
use crate::files::{self, Staged};
use crate::history::Sample;
use crate::history::ran::listed;
use crate::plan::Plan;
use crate::plan::what_if::{self, Question};

/// What does not begin so is no page of ours, and is not replaced.
const MARK: &[u8] = b"<!DOCTYPE html>";

pub(super) fn run(
    args: &ReportArgs,
    terminal: &mut Terminal<'_, impl Write, impl Write>,
) -> Result<u8, Failure> {
    let configured = configured::find(args.config.as_deref())?;
    let path = plan_path(args.plan.as_deref())?;
    let (plan, digest) = read_sound(&path)?;
    let folder = path.parent().unwrap_or(Path::new(""));
    let paths = outcomes::of_folder(&args.outcomes, &configured.here.join(folder), &configured.here)?;
    let ended = outcomes::of_plan(paths, &plan, &digest.to_string(), &configured.here)?;
    ended.notes.iter().for_each(|note| terminal.say(note));
    let history = history(args, &plan, &configured, terminal)?;
    let question = Question { config: &configured.config, concurrency: None, budgets: &[], asked: true };
    let curve = what_if::curve(&plan, &question);
    let page =
        Page { plan: &plan, digest: &digest, known: &ended.known, curve: curve.as_ref(), history: &history };
    let text = page::render(&page);
    let out = args.output.clone().unwrap_or_else(|| folder.join("report.html"));
    if out == Path::new("-") {
        terminal.print(text.as_bytes())?;
        return Ok(exit::DONE);
    }
    write(&out, text.as_bytes())?;
    terminal.say(format!("wrote {}", files::shown(&out)));
    Ok(exit::DONE)
}

/// What earlier runs measured of the suites of the plan.
fn history(
    args: &ReportArgs,
    plan: &Plan,
    configured: &Configured,
    terminal: &mut Terminal<'_, impl Write, impl Write>,
) -> Result<BTreeMap<String, Vec<Sample>>, Failure> {
    let access = report::Access { strict: false, wait: args.wait, dry: true };
    let gathered = report::gather(&[], &args.history, access, configured)?;
    let inventory = listed(plan.suites().map(|(_, suite)| suite.id.as_str()));
    let (history, remarks) = gathered.meet(&inventory, &configured.config);
    remarks.notes.iter().for_each(|note| terminal.say(note));
    let ids = inventory.suites.iter().map(|suite| suite.id.as_str().to_owned());
    Ok(ids.zip(history.suites).collect())
}

/// Replaces an earlier page, and nothing else.
fn write(out: &Path, text: &[u8]) -> Result<(), Failure> {
    let begins = |path: &Path| {
        let mut beginning = Vec::new();
        let file = File::open(path).and_then(|file| file.take(MARK.len() as u64).read_to_end(&mut beginning));
        file.is_ok() && beginning == MARK
    };
    if out.symlink_metadata().is_ok() && !begins(out) {
        return Err(Failure::new(
            ErrorId::NotOurs,
            format!(
                "`{}` exists and is no page\n  help: move it away, or name another file with -o",
                files::shown(out)
            ),
        ));
    }
    let folder = out.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.map_or_else(|| PathBuf::from("."), Path::to_owned);
    let name = out.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let staged = Staged::new(&folder, [(name, text)]);
    staged.and_then(Staged::publish).map_err(Failure::of(ErrorId::CannotWrite))
}
