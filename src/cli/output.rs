//! What `shard plan` prints and hands on, in each of its formats.
//!
//! Everything that can be refused is refused in [`prepare`], before a file is written.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};

use super::args::PlanFormat;
use super::configured::Configured;
use super::folder::Written;
use super::{Failure, Terminal};
use crate::catalogue::ErrorId;
use crate::emit::clusters::{argo, kubernetes, slurm};
use crate::emit::documents::{self, Ci};
use crate::emit::page::{self, Page};
use crate::emit::style::Style;
use crate::emit::{github, markdown, matrix, table};
use crate::files;
use crate::plan::Plan;
use crate::plan::diff::Diff;
use crate::plan::what_if::{self, Question};
use crate::text::count;

/// Text that waits until the plan is written.
pub(super) struct Output {
    stdout: Vec<u8>,
    stderr: Option<String>,
    /// Texts to append to files, which are open already: a bad path fails before anything is written.
    append: Vec<(PathBuf, File, String)>,
}

/// How a plan is to be handed on.
pub(super) struct Form {
    pub(super) format: PlanFormat,
    /// For GitHub: jobs that the workflow's other axes make of each shard.
    pub(super) axes: u32,
    /// Nothing is written.
    pub(super) dry_run: bool,
    /// What is told before the plan.
    pub(super) preface: Option<Preface>,
    /// How the plan differs from the one before it.
    pub(super) since: Option<Diff>,
}

/// What is told before a plan.
pub(super) struct Preface {
    /// In full, for people at a terminal or a log.
    pub(super) text: String,
    /// In two sentences, without a name that is not ours.
    pub(super) sentences: String,
}

/// The output in the wanted format.
pub(super) fn prepare(
    form: &Form,
    plan: &Plan,
    written: &Written,
    configured: &Configured,
    out: &Path,
) -> Result<Output, Failure> {
    let shown = out.strip_prefix(&configured.here).unwrap_or(out).display().to_string();
    let files = format!("plan.json, matrix.json and {}", count(written.selections.len(), "selection file"));
    let wrote = match form.dry_run {
        true => format!("dry run: {files} not written"),
        false => format!("wrote {files} to {shown}"),
    };
    let mut output = Output { stdout: Vec::new(), stderr: None, append: Vec::new() };
    let (preface, since) = (form.preface.as_ref(), form.since.as_ref());
    let document = |most: usize| match preface {
        Some(preface) => {
            let before = format!("{}\n\n", preface.sentences);
            before.clone() + &markdown::render(plan, since, most.saturating_sub(before.len()))
        }
        None => markdown::render(plan, since, most),
    };
    let shown_as = |style: Style| match preface {
        Some(preface) if plan.shards.is_empty() => preface.text.clone(),
        Some(preface) => format!("{}\n{}", preface.text, table::render(plan, since, style)),
        None => table::render(plan, since, style),
    };
    // Standard output is for the CI, the log for people.
    let jobs_of = |ci: Ci, wrote: String| {
        let folder = shown.replace(std::path::MAIN_SEPARATOR, "/");
        let document = documents::render(ci, plan, &written.digest, &configured.config, &folder);
        let log = shown_as(Style::default()) + &wrote;
        document
            .map(|document| (document.into_bytes(), Some(log)))
            .map_err(Failure::of(ErrorId::FormatRefused))
    };
    match form.format {
        PlanFormat::Json => output.stdout.clone_from(&written.plan),
        PlanFormat::Markdown => output.stdout = document(markdown::COMMENT_BYTES_MAX).into_bytes(),
        PlanFormat::Html => {
            let (known, history) = (&BTreeMap::new(), &BTreeMap::new());
            let question =
                Question { config: &configured.config, concurrency: None, budgets: &[], asked: true };
            let curve = what_if::curve(plan, &question);
            let page = Page { plan, digest: &written.digest, known, curve: curve.as_ref(), history };
            output.stdout = page::render(&page).into_bytes();
        }
        PlanFormat::Table => {
            output.stdout = shown_as(style()).into_bytes();
            output.stderr = Some(wrote);
        }
        PlanFormat::Slurm | PlanFormat::Kubernetes | PlanFormat::Argo => {
            let config = &configured.config;
            let document = match form.format {
                PlanFormat::Slurm => slurm::script(plan, &written.digest, &shown, config),
                PlanFormat::Kubernetes => kubernetes::list(plan, &written.digest, config),
                _ => argo::workflow(plan, &written.digest, config),
            };
            output.stdout = document.map_err(Failure::of(ErrorId::FormatRefused))?.into_bytes();
            output.stderr = Some(shown_as(Style::default()) + &wrote);
        }
        PlanFormat::Github => {
            let rows = matrix::rows(plan, &written.digest, &configured.config.runners);
            let plan_path = format!("{shown}/plan.json");
            let outputs = github::outputs(plan, &rows, &written.digest, &plan_path, form.axes as usize)
                .map_err(Failure::of(ErrorId::FormatRefused))?;
            if !form.dry_run {
                output.append("GITHUB_OUTPUT", outputs)?;
                output.append("GITHUB_STEP_SUMMARY", document(markdown::SUMMARY_BYTES_MAX))?;
            }
            let text = shown_as(Style::default());
            output.stdout =
                (github::fenced(&text, &written.digest) + &github::annotations(plan)).into_bytes();
            output.stderr = Some(wrote);
        }
        PlanFormat::Gitlab => (output.stdout, output.stderr) = jobs_of(Ci::Gitlab, wrote)?,
        PlanFormat::Buildkite => (output.stdout, output.stderr) = jobs_of(Ci::Buildkite, wrote)?,
        PlanFormat::Circleci => (output.stdout, output.stderr) = jobs_of(Ci::Circleci, wrote)?,
        PlanFormat::Azure => (output.stdout, output.stderr) = jobs_of(Ci::Azure, wrote)?,
    }
    Ok(output)
}

impl Output {
    /// Will append `text` to the file that the runner names in the variable `name`.
    fn append(&mut self, name: &str, text: String) -> Result<(), Failure> {
        let path = std::env::var_os(name).filter(|path| !path.is_empty()).map(PathBuf::from);
        let path = path.ok_or_else(|| {
            let help = "--format github is for a step of a GitHub workflow; elsewhere use table or json";
            Failure::new(ErrorId::NotInWorkflow, format!("{name} is not set\n  help: {help}"))
        })?;
        let file = OpenOptions::new().append(true).create(true).open(&path);
        let file = file.map_err(|err| {
            Failure::new(ErrorId::CannotWrite, format!("cannot append to `{}`: {err}", files::shown(&path)))
        })?;
        self.append.push((path, file, text));
        Ok(())
    }

    /// Hands everything on, now that the plan is written.
    pub(super) fn print(self, terminal: &mut Terminal<'_, impl Write, impl Write>) -> Result<(), Failure> {
        for (path, mut file, text) in self.append {
            let written = file.write_all(text.as_bytes());
            written.map_err(|err| {
                Failure::new(
                    ErrorId::CannotWrite,
                    format!("cannot append to `{}`: {err}", files::shown(&path)),
                )
            })?;
        }
        terminal.print(&self.stdout)?;
        self.stderr.iter().for_each(|message| terminal.say(message));
        Ok(())
    }
}

/// What the terminal shows in a format.
pub(super) fn style_of(format: PlanFormat) -> Style {
    if format == PlanFormat::Table { style() } else { Style::default() }
}

/// What the terminal shows: its width between 80 and 200 columns; where there is none, `COLUMNS` or 80. Colours only
/// where standard output is one, or somebody said `CLICOLOR_FORCE`, and nobody said `NO_COLOR`.
pub(super) fn style() -> Style {
    let variable = |name: &str| std::env::var(name).unwrap_or_default();
    let width = terminal_size::terminal_size().map(|(width, _)| usize::from(width.0));
    let width = width.or_else(|| variable("COLUMNS").parse().ok()).unwrap_or(80).clamp(80, 200);
    // A locale that is set and not UTF-8 cannot show blocks; none at all is today's CI, which can.
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"]
        .map(variable)
        .into_iter()
        .find(|value| !value.is_empty())
        .unwrap_or_default();
    let utf8 = locale.is_empty() || locale.to_ascii_lowercase().replace('-', "").contains("utf8");
    let dumb = variable("TERM") == "dumb";
    let forced = !matches!(variable("CLICOLOR_FORCE").as_str(), "" | "0");
    let colour = (forced || (std::io::stdout().is_terminal() && !dumb)) && variable("NO_COLOR").is_empty();
    Style { width, unicode: utf8 && !dumb, colour }
}
