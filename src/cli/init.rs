//! `shard init`: a first configuration and a workflow for the project that is there.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};

use super::args::InitArgs;
use super::{Failure, Terminal};
use crate::catalogue::ErrorId;
use crate::config::file;
use crate::files;
use crate::init::{self, Ci, Facts, Findings, Place};
use crate::{exit, text};

/// Most texts that are read, and most bytes of them.
const TEXTS_MAX: usize = 5_000;
const BYTES_MAX: usize = 64 << 20;

/// What the configuration is called.
const CONFIG: &str = "shard.toml";

pub(super) fn run(
    args: &InitArgs,
    terminal: &mut Terminal<'_, impl Write, impl Write>,
) -> Result<u8, Failure> {
    if let Some(action) = args.action.as_deref().filter(|action| !init::is_action(action)) {
        return Err(Failure::new(
            ErrorId::BadValue,
            format!(
                "`{}` is no action by its commit\n  help: name the repository and all 40 digits of a commit: --action owner/shard@0123…",
                text::printable(action)
            ),
        ));
    }
    let here = std::env::current_dir()
        .map_err(|err| Failure::new(ErrorId::Unreadable, format!("the working directory is gone: {err}")))?;
    let root = args.folder.as_ref().map_or_else(|| here.clone(), |folder| here.join(folder));
    if !root.is_dir() {
        return Err(Failure::new(ErrorId::NotFound, format!("`{}` is no folder", files::shown(&root))));
    }
    let tree = files::tree(&root);
    let facts = facts(&root, tree.files);
    let mut findings = init::look(&facts);
    findings.notes.extend(tree.missing.iter().map(|what| format!("not looked at: {what}")));
    let place = place(&root, &facts, args);
    let draft = init::draft(&findings);
    let said = init::said(&findings, &draft);
    if !said.is_empty() {
        terminal.say(&said);
    }
    if draft.is_empty() {
        return Err(nothing(&findings));
    }
    if !place.why.is_empty() {
        let what = match place.ci {
            Ci::Github => "a workflow for GitHub",
            Ci::Gitlab => "a pipeline for GitLab",
            Ci::None => "no pipeline",
        };
        terminal.say(format!("with {what}: {} (--ci)", place.why));
    }
    let settings = init::settings(&draft, &place);
    // What we wrote ourselves must be readable; else it is a bug of ours.
    file::parse(&settings).map_err(|err| {
        Failure::new(ErrorId::Bug, format!("the configuration that was made cannot be read: {CONFIG}:{err}"))
    })?;
    let mut wanted = vec![(CONFIG.to_owned(), settings)];
    let mut left = Vec::new();
    match init::pipeline(&draft, &place, args.action.as_deref()) {
        Some(_) if !is_top(&root) => terminal.say(
            "note: no workflow is written, since this folder is inside a repository, and a CI looks for workflows at its top",
        ),
        Some(pipeline) => {
            left = pipeline.left;
            wanted.push((pipeline.path.to_owned(), pipeline.text));
        }
        None => {}
    }
    if let Some(above) = root.parent().and_then(|above| files::find_upwards(above, CONFIG)) {
        terminal.say(format!(
            "note: from this folder, {CONFIG} here counts, and no longer `{}`",
            above.display()
        ));
    }
    for (name, text) in &wanted {
        if args.dry_run {
            let state = if root.join(name).symlink_metadata().is_ok() {
                "is there and would be left as it is"
            } else {
                "would be written"
            };
            terminal.say(format!("{name} {state}"));
            terminal.print(format!("==> {name} <==\n{text}").as_bytes())?;
            continue;
        }
        match files::create_new(&root, name, text.as_bytes())? {
            true => terminal.say(format!("wrote {name}")),
            false => terminal.say(format!(
                "{name} is there and was left as it is; shard init --dry-run shows what would be in it"
            )),
        }
    }
    let folder = args.folder.as_ref().map(|folder| folder.to_string_lossy()).unwrap_or_default();
    terminal.say(init::next(&draft, &place, &folder, &left));
    Ok(exit::DONE)
}

/// Names and the texts that say something, within bounds.
fn facts(root: &Path, files: Vec<String>) -> Facts {
    let mut texts = BTreeMap::new();
    let mut bytes = 0;
    // The upper ones first: those are the project's own.
    let mut wanted: Vec<&String> = files.iter().filter(|file| init::is_wanted(file)).collect();
    wanted.sort_by_key(|file| file.matches('/').count());
    for name in wanted.into_iter().take(TEXTS_MAX) {
        // A file that cannot be read says nothing.
        let Ok(text) = files::read(&root.join(name), init::TEXT_MAX) else { continue };
        bytes += text.len();
        if bytes > BYTES_MAX {
            break;
        }
        texts.insert(name.clone(), String::from_utf8_lossy(&text).into_owned());
    }
    Facts::new(files, texts)
}

fn place(root: &Path, facts: &Facts, args: &InitArgs) -> Place {
    let text = |name: &str| {
        let bytes = files::read(&root.join(".git").join(name), init::TEXT_MAX).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    };
    Place::of(facts, &text("config"), &text("refs/remotes/origin/HEAD"), args.ci.map(Into::into))
}

/// Whether a CI finds its files in this folder: it is the top of a repository, or of none.
fn is_top(root: &Path) -> bool {
    let absolute: PathBuf = std::path::absolute(root).unwrap_or_else(|_| root.to_owned());
    match absolute.ancestors().find(|folder| folder.join(".git").exists()) {
        Some(top) => top == absolute,
        None => true,
    }
}

fn nothing(findings: &Findings) -> Failure {
    let help = match findings.others.is_empty() {
        true => "stand in the project's own folder, or name it: shard init FOLDER",
        false => "docs/runners.md says how other tools are run; write shard.toml by hand",
    };
    Failure::new(
        ErrorId::NoTests,
        format!(
            "nothing here tells of tests of pytest, cargo, go, Jest, Vitest, Playwright, RSpec or CTest: nothing was written\n  help: {help}\n  help: any list of tests can be planned: shard plan tests.txt, shard plan 'tests/**/*_check.sh'"
        ),
    )
}
