//! `shard verify`: a plan against itself and against the files beside it.

use std::io::Write;
use std::path::Path;

use super::args::VerifyArgs;
use super::folder::read_plan;
use super::{Failure, Terminal};
use crate::emit::selection::{self, Form};
use crate::plan::{Plan, file, verify};
use crate::{exit, files, text};

pub(super) fn run(
    args: &VerifyArgs,
    terminal: &mut Terminal<'_, impl Write, impl Write>,
) -> Result<u8, Failure> {
    let plan = read_plan(&args.plan)?;
    let mut findings = verify::verify(&plan);
    let folder = args.plan.parent().unwrap_or(Path::new(""));
    findings.extend(beside(&plan, folder));
    for finding in &findings {
        terminal.print(format!("{finding}\n").as_bytes())?;
    }
    let suites = text::count(plan.inputs.suites, "suite");
    let shards = text::count(plan.shards.len(), "shard");
    if findings.is_empty() {
        terminal.print(
            format!("ok: {suites} in {shards}, each exactly once and within its budget\n").as_bytes(),
        )?;
        return Ok(exit::DONE);
    }
    Err(Failure::with_code(
        exit::FAILED,
        format!(
            "{} in `{}`: make the plan again",
            text::count(findings.len(), "finding"),
            args.plan.display()
        ),
    ))
}

/// What is wrong with the selection files and the matrix beside a plan.
fn beside(plan: &Plan, folder: &Path) -> Vec<String> {
    let mut findings = Vec::new();
    for session in plan.shards.iter().flat_map(|shard| &shard.sessions) {
        let name = text::printable(&session.selection);
        let form = match session.selection.rsplit('.').next() {
            Some("nul") => Form::Null,
            Some("json") => Form::Json,
            _ => Form::Lines,
        };
        // A name that is none was found already, and is not opened.
        if session.selection.contains(['/', '\\']) {
            continue;
        }
        let wanted = selection::write(form, session.suites.iter().map(|suite| suite.id.as_str()));
        match (files::read(&folder.join(&session.selection), file::SIZE_MAX), wanted) {
            (Ok(found), Ok(wanted)) if found == wanted => {}
            (Ok(_), _) => {
                findings.push(format!("{name}: it does not hold its session's suites in their order"))
            }
            (Err(err), _) => findings.push(format!("{err:#}")),
        }
    }
    let matrix = folder.join("matrix.json");
    let rows = files::read(&matrix, file::SIZE_MAX).map_err(|err| format!("{err:#}")).and_then(|bytes| {
        let value: serde_json::Value =
            serde_json::from_slice(&bytes).map_err(|err| format!("matrix.json: {err}"))?;
        let rows = value["include"].as_array().cloned().unwrap_or_default();
        Ok(rows.iter().map(|row| row["shard"].as_str().unwrap_or_default().to_owned()).collect::<Vec<_>>())
    });
    match rows {
        Ok(rows) if rows == plan.shards.iter().map(|shard| shard.id.clone()).collect::<Vec<_>>() => {}
        Ok(_) => findings.push("matrix.json: it lists other shards than the plan".to_owned()),
        Err(err) => findings.push(err),
    }
    findings
}
