//! `shard plan`: from sources to files.

use std::io::Write;
use std::path::Path;

use super::args::{PlanArgs, PlanFormat};
use super::configured::{self, Configured};
use super::{Failure, Terminal, inventory, report};
use crate::emit::table::{self, Style};
use crate::emit::{matrix, selection};
use crate::estimate::estimate;
use crate::files::{self, Staged};
use crate::history::costs;
use crate::inventory::{Inventory, Suite, assign};
use crate::model::{Basis, Digest, Estimate};
use crate::plan::{self, Options, Plan, Selection, Sources, Warning, file, verify};
use crate::text::count;
use crate::{exit, text};

/// Suites with their tiers and estimates, ready to be packed.
struct Ready {
    inventory: Inventory,
    assigned: Vec<usize>,
    estimates: Vec<Estimate>,
    warnings: Vec<Warning>,
}

pub(super) fn run(
    args: &PlanArgs,
    terminal: &mut Terminal<'_, impl Write, impl Write>,
) -> Result<u8, Failure> {
    let configured = configured::load(args)?;
    let ready = match &args.costs {
        Some(path) => exact(&configured.here.join(path), &configured)?,
        None => learned(args, &configured, terminal)?,
    };
    if ready.inventory.suites.is_empty() && !args.allow_empty {
        return Err(Failure::usage(
            "there is no suite to plan\n  help: a missing test runner looks just like this; if none is right, say --allow-empty",
        ));
    }
    let options = Options {
        effort: args.effort.into(),
        strict: args.strict,
        exact: args.costs.is_some(),
        selection: args.selection_format.into(),
        warnings: ready.warnings,
    };
    let sources = Sources {
        config: &configured.config,
        inventory: &ready.inventory,
        assigned: &ready.assigned,
        estimates: &ready.estimates,
    };
    let plan =
        plan::make(sources, &options).map_err(|err| Failure::with_code(exit::NO_PLAN, err.to_string()))?;
    prove(&plan)?;
    let written = Written::new(&plan, &configured, options.selection)?;
    let out = args
        .out
        .as_ref()
        .map_or_else(|| configured.root.join(&configured.config.out), |out| configured.here.join(out));
    if !args.dry_run {
        written.publish(&out)?;
    }
    match args.format {
        PlanFormat::Json => terminal.print(&written.plan)?,
        PlanFormat::Table => {
            terminal.print(table::render(&plan, style()).as_bytes())?;
            let shown = out.strip_prefix(&configured.here).unwrap_or(&out).display().to_string();
            let what =
                format!("plan.json, matrix.json and {}", count(written.selections.len(), "selection file"));
            terminal.say(if args.dry_run {
                format!("dry run: {what} not written")
            } else {
                format!("wrote {what} to {shown}")
            });
        }
    }
    Ok(exit::DONE)
}

/// A plan that breaks its own rules is a bug of ours, and is never written.
fn prove(plan: &Plan) -> Result<(), Failure> {
    let findings = verify::verify(plan);
    if findings.is_empty() {
        return Ok(());
    }
    let message = format!(
        "the plan breaks its own rules, which is a bug of shard; please report it\n  {}",
        findings.join("\n  ")
    );
    Err(Failure::with_code(exit::BUG, message))
}

/// Suites and costs from a CSV, taken as they are.
fn exact(path: &Path, configured: &Configured) -> Result<Ready, Failure> {
    let shown = path.strip_prefix(&configured.here).unwrap_or(path).display();
    let rows = costs::read(&files::read(path, crate::inventory::SIZE_MAX)?).map_err(|err| {
        let separator = if err.line.is_some() { ":" } else { ": " };
        Failure::usage(format!("{shown}{separator}{err}"))
    })?;
    let suite = |row: &costs::Row| Suite { id: row.id.clone(), tests: Vec::new(), siblings: 1 };
    let inventory = Inventory { suites: rows.iter().map(suite).collect() };
    let tiers = &configured.config.tiers;
    let mut assigned = if rows.iter().all(|row| row.tier.is_some()) {
        vec![0; rows.len()]
    } else {
        let unnamed = Inventory { suites: rows.iter().filter(|row| row.tier.is_none()).map(suite).collect() };
        let mut found = assign(&unnamed, tiers).map_err(|err| Failure::usage(err.to_string()))?.into_iter();
        rows.iter().map(|row| if row.tier.is_none() { found.next().unwrap_or(0) } else { 0 }).collect()
    };
    for (row, slot) in rows.iter().zip(&mut assigned) {
        let Some(name) = &row.tier else { continue };
        let Some(tier) = tiers.iter().position(|tier| tier.name == *name) else {
            let help = match text::closest(name, tiers.iter().map(|tier| tier.name.as_str())) {
                Some(close) => format!("did you mean `{close}`?"),
                None => format!("add [tier.{}] to shard.toml", text::printable(name)),
            };
            return Err(Failure::usage(format!(
                "{shown}:{}: there is no tier `{}`\n  help: {help}",
                row.line,
                text::printable(name)
            )));
        };
        *slot = tier;
    }
    let estimate = |row: &costs::Row| Estimate {
        cost: row.cost,
        time_basis: Basis::Measured,
        memory_basis: Basis::Measured,
        samples: 1,
    };
    Ok(Ready { inventory, assigned, estimates: rows.iter().map(estimate).collect(), warnings: Vec::new() })
}

/// Suites from the sources, costs from the history.
fn learned(
    args: &PlanArgs,
    configured: &Configured,
    terminal: &mut Terminal<'_, impl Write, impl Write>,
) -> Result<Ready, Failure> {
    let gathered = inventory::gather(&args.sources, configured)?;
    gathered.notes.iter().for_each(|note| terminal.say(note));
    let inventory = gathered.inventory;
    let config = &configured.config;
    let assigned = assign(&inventory, &config.tiers).map_err(|err| Failure::usage(err.to_string()))?;
    let known = report::gather(&args.timings, &args.history, &inventory, configured)?;
    known.notes.iter().for_each(|note| terminal.say(note));
    let estimates = estimate(&inventory, &assigned, &config.tiers, &known.history, config.margin);
    let mut warnings = known.warnings;
    for tier in config.tiers.iter().filter(|tier| tier.spread.is_none() && tier.spreads()) {
        let message = format!(
            "tier `{}`: its `run` command spreads each file's tests over all workers; --dist loadfile keeps them together and takes less memory",
            tier.name
        );
        warnings.push(Warning { code: "spread".to_owned(), subject: tier.name.clone(), message });
    }
    Ok(Ready { inventory, assigned, estimates, warnings })
}

/// A plan as the files that it becomes.
struct Written {
    plan: Vec<u8>,
    matrix: Vec<u8>,
    selections: Vec<(String, Vec<u8>)>,
}

impl Written {
    fn new(plan: &Plan, configured: &Configured, form: Selection) -> Result<Written, Failure> {
        let bug = |err: serde_json::Error| {
            Failure::with_code(exit::BUG, format!("the plan cannot be written: {err}"))
        };
        let bytes = plan.to_bytes().map_err(bug)?;
        let matrix = matrix::line(plan, &Digest::of(&bytes), &configured.config.runners).map_err(bug)?;
        let mut selections = Vec::new();
        for session in plan.shards.iter().flat_map(|shard| &shard.sessions) {
            let ids = session.suites.iter().map(|suite| suite.id.as_str());
            let text = selection::write(form.into(), ids).map_err(|err| Failure::usage(err.to_string()))?;
            selections.push((session.selection.clone(), text));
        }
        Ok(Written { plan: bytes, matrix, selections })
    }

    /// Replaces the old plan in `out`: its stale selections go, nothing else does.
    ///
    /// The new plan is published before the files that it names, so that after a crash in between
    /// the next plan knows them for its own.
    fn publish(&self, out: &Path) -> Result<(), Failure> {
        let old = old_plan(out)?;
        let names: Vec<&str> = self.selections.iter().map(|(name, _)| name.as_str()).collect();
        let ours = |name: &str| {
            old.as_ref()
                .is_some_and(|old| old.iter().any(|selection| selection == name) || name == "matrix.json")
        };
        for name in names.iter().copied().chain(["matrix.json"]).filter(|name| !ours(name)) {
            if out.join(name).symlink_metadata().is_ok() {
                let path = out.join(name);
                return Err(Failure::usage(format!(
                    "`{}` exists and is not of an earlier plan\n  help: move it away, or name another folder with --out",
                    path.display()
                )));
            }
        }
        let plan = [
            ("plan.json".to_owned(), self.plan.as_slice()),
            ("matrix.json".to_owned(), self.matrix.as_slice()),
        ];
        let staged = Staged::new(
            out,
            plan.into_iter()
                .chain(self.selections.iter().map(|(name, text)| (name.clone(), text.as_slice()))),
        )?;
        for stale in old.iter().flatten().filter(|name| !names.contains(&name.as_str())) {
            files::remove_regular(out, stale)?;
        }
        Ok(staged.publish()?)
    }
}

/// The selections of the plan that is in `out` now, as far as they are named as a plan names them.
/// `None` where there is no plan.
fn old_plan(out: &Path) -> Result<Option<Vec<String>>, Failure> {
    let path = out.join("plan.json");
    if path.symlink_metadata().is_err() {
        return Ok(None);
    }
    let foreign = |why: String| {
        Failure::usage(format!(
            "`{}` is not of an earlier plan: {why}\n  help: move it away, or name another folder with --out",
            path.display()
        ))
    };
    let old = Plan::from_bytes(&files::read(&path, file::SIZE_MAX)?).map_err(foreign)?;
    let names = old.shards.into_iter().flat_map(|shard| shard.sessions).map(|session| session.selection);
    Ok(Some(names.filter(|name| is_selection(name)).collect()))
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

/// What the terminal shows: its width between 80 and 200 columns, 80 where there is none.
fn style() -> Style {
    let width = terminal_size::terminal_size().map_or(80, |(width, _)| usize::from(width.0)).clamp(80, 200);
    let variable = |name: &str| std::env::var(name).unwrap_or_default();
    // A locale that is set and not UTF-8 cannot show blocks; none at all is today's CI, which can.
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"]
        .map(variable)
        .into_iter()
        .find(|value| !value.is_empty())
        .unwrap_or_default();
    let utf8 = locale.is_empty() || locale.to_ascii_lowercase().replace('-', "").contains("utf8");
    Style { width, unicode: utf8 && variable("TERM") != "dumb" }
}

/// A plan that was read and proved.
pub(super) fn read_plan(path: &Path) -> Result<Plan, Failure> {
    let shown = path.display();
    let missing = || {
        let help = "make one with `shard plan`, or name it with --plan";
        Failure::usage(format!("`{shown}` does not exist\n  help: {help}"))
    };
    if !path.exists() {
        return Err(missing());
    }
    Plan::from_bytes(&files::read(path, file::SIZE_MAX)?)
        .map_err(|err| Failure::usage(format!("{shown}: {err}")))
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
