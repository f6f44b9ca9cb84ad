//! `shard check`: does this machine have what the plan needs?

use std::io::Write;
use std::path::Path;

use super::args::{CheckArgs, DiffFormat};
use super::configured;
use super::folder::{find_shard, plan_path, read_sound_plan};
use super::{Failure, Terminal};
use crate::catalogue::ErrorId;
use crate::config::Preflight;
use crate::machine::{self, Finding, Needs, Severity, ShardNeed};
use crate::plan::{Plan, Shard};
use crate::{emit, exit};

pub(super) fn run(
    args: &CheckArgs,
    terminal: &mut Terminal<'_, impl Write, impl Write>,
) -> Result<u8, Failure> {
    let configured = configured::find(args.config.as_deref())?;
    let path = plan_path(args.plan.as_deref())?;
    // Without a plan there is still what the configuration asks for.
    let wanted = args.plan.is_some() || args.shard.is_some() || path.exists();
    let plan = if wanted { Some(read_sound_plan(&path)?) } else { None };
    let shard = match (&plan, &args.shard) {
        (Some(plan), Some(name)) => Some(find_shard(plan, name)?),
        (Some(plan), None) => plan.shards.iter().max_by_key(|shard| shard.predicted_bytes),
        (None, _) => None,
    };
    let shard = shard.zip(plan.as_ref()).map(|(shard, plan)| shard_need(plan, shard));
    let machine = machine::read(path.parent().unwrap_or(Path::new("")));
    let needs = needs(&configured.config.preflight, shard);
    let findings = machine::check(&machine, &needs);
    match args.format {
        DiffFormat::Json => {
            let json = emit::check::json(&machine, &needs, &findings);
            let json = json.map_err(Failure::of(ErrorId::Bug))?;
            terminal.print(json.as_bytes())?;
        }
        DiffFormat::Table => terminal.print(emit::check::render(&machine, &needs).as_bytes())?,
    }
    let (refusals, warnings): (Vec<Finding>, Vec<Finding>) =
        findings.into_iter().partition(|finding| finding.severity == Severity::Refusal);
    warnings.iter().for_each(|finding| terminal.say(format!("warning: {}", finding.message)));
    let refusals: Vec<String> = refusals.into_iter().map(|finding| finding.message).collect();
    match refusals.is_empty() {
        true => Ok(exit::DONE),
        false => Err(too_small(&refusals)),
    }
}

/// What the machine lacks, each in a line of its own.
fn too_small(refusals: &[String]) -> Failure {
    let id = ErrorId::MachineTooSmall;
    Failure::new(id, refusals.join(&format!("\n{id}: ")))
}

/// What is asked of the machine for a shard.
pub(super) fn needs(preflight: &Preflight, shard: Option<ShardNeed>) -> Needs {
    Needs { need: preflight.need, recommend: preflight.recommend, shard }
}

/// What a plan expects for a shard.
pub(super) fn shard_need(plan: &Plan, shard: &Shard) -> ShardNeed {
    let tier = plan.tiers.iter().find(|tier| tier.name == shard.tier);
    ShardNeed {
        id: shard.id.clone(),
        predicted: shard.predicted_bytes,
        assumed: plan.memory_is_assumed(&shard.tier),
        budget: shard.budget_bytes.filter(|_| !plan.memory_is_assumed(&shard.tier)),
        cpus: tier.filter(|tier| tier.each).map(|tier| tier.cpus),
    }
}
