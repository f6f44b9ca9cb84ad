//! `shard run`: one shard, run and measured.

use std::io::{IsTerminal, Write};
use std::path::Path;
use std::time::Duration;

use super::args::{Preflight, RunArgs};
use super::folder::{plan_path, read_sound};
use super::node::{idle, pick};
use super::{Failure, Terminal, check, ci, configured};
use crate::catalogue::ErrorId;
use crate::config::command::names_workers;
use crate::config::{Budget, Tier};
use crate::emit::phrase;
use crate::machine::{self, Severity};
use crate::model::{Digest, Millis};
use crate::outcome;
use crate::plan::{Plan, Shard};
use crate::rebalance::{self, Known};
use crate::run::{self, Order};
use crate::triage::{Evidence, judge};
use crate::{exit, text};

/// How much earlier than the CI we give up, so that there is time to say why.
const EARLIER: Duration = Duration::from_secs(30);

/// Most attempts before this one that are looked at.
const ATTEMPTS_MAX: u32 = 100;

/// Between two lines in CI.
const HEARTBEAT: Duration = Duration::from_secs(30);

pub(super) fn run(
    args: &RunArgs,
    terminal: &mut Terminal<'_, impl Write, impl Write>,
) -> Result<u8, Failure> {
    let Some(order) = order(args, terminal)? else { return Ok(exit::DONE) };
    let done = run::run(&order, &mut |line| terminal.say(line));
    done.map_err(|message| Failure::new(ErrorId::CannotRun, message))
}

/// What is to be run; `None` where this job has no shard, and may have none.
fn order(
    args: &RunArgs,
    terminal: &mut Terminal<'_, impl Write, impl Write>,
) -> Result<Option<Order>, Failure> {
    let configured = configured::find(args.config.as_deref())?;
    let path = plan_path(args.plan.as_deref())?;
    let (plan, digest) = read_sound(&path)?;
    expected(args, &digest)?;
    let (shard, node) = pick(&plan, &digest, args.shard.as_deref(), &args.pick, ci::variable)?;
    let Some(shard) = shard.cloned() else {
        terminal.say(idle(&plan, node.as_ref()));
        return Ok(None);
    };
    if let Some(node) = node {
        terminal.say(format!("shard {}: {}", shard.id, node));
    }
    let missing = || {
        Failure::new(ErrorId::UnknownTier, format!("the plan has no tier `{}`", text::printable(&shard.tier)))
    };
    let planned = plan.tiers.iter().find(|tier| tier.name == shard.tier).cloned().ok_or_else(missing)?;
    let tier = configured.config.tiers.iter().find(|tier| tier.name == shard.tier);
    let (command, root) = match (args.command.is_empty(), tier) {
        (false, _) => (args.command.clone(), configured.here.clone()),
        (true, Some(tier)) if !tier.run.is_empty() => (tier.run.clone(), configured.root.clone()),
        (true, _) => {
            let help = format!(
                "add run = [\"pytest\", \"@{{selection}}\"] to [tier.{}], or give a command: shard run {} -- pytest @{{selection}}",
                shard.tier, shard.id
            );
            return Err(Failure::new(
                ErrorId::NoCommand,
                format!("nothing says how to run tier `{}`\n  help: {help}", shard.tier),
            ));
        }
    };
    if !run::selects(&command) {
        if let Some((wrong, meant)) = run::misspelt(&command) {
            let wrong = text::printable(wrong);
            let message = format!(
                "the command has `{{{wrong}}}`, which stands for nothing\n  help: did you mean `{{{meant}}}`?"
            );
            return Err(Failure::new(ErrorId::NoCommand, message));
        }
        terminal.say(
            "warning: the command names neither {selection} nor {suites}: unless it reads SHARD_SELECTION, it runs the same in every shard",
        );
    }
    let defaults = Tier::default();
    let tier = tier.unwrap_or(&defaults);
    let folder = std::path::absolute(&path)
        .ok()
        .and_then(|path| path.parent().map(Path::to_owned))
        .ok_or_else(|| Failure::new(ErrorId::PlanInvalid, "the plan has no folder"))?;
    let outcomes = match &args.outcomes {
        Some(outcomes) => configured.here.join(outcomes),
        None => folder.join("outcomes"),
    };
    let machine = machine::read(if outcomes.is_dir() { &outcomes } else { &folder });
    let mut refusals = Vec::new();
    if args.preflight != Preflight::Off {
        let needs = check::needs(&configured.config.preflight, Some(check::shard_need(&plan, &shard)));
        for finding in machine::check(&machine, &needs) {
            match finding.severity {
                Severity::Refusal if args.preflight == Preflight::Fail => {
                    terminal.say(format!("{}: {}", ErrorId::MachineTooSmall, finding.message));
                    refusals.push(finding.message);
                }
                _ => terminal.say(format!("warning: {}", finding.message)),
            }
        }
    }
    let named = std::env::var_os("CONTAINER_HOST").is_some_and(|host| !host.is_empty());
    let attempt = args.attempt.or_else(|| ci::attempt(ci::variable)).unwrap_or(1);
    let adjustable = names_workers(&command);
    let known = earlier(&outcomes, &shard, &digest.to_string(), plan.round, attempt);
    let left = rebalance::rest(&shard, &planned, &known, adjustable);
    if let Some(left) = &left {
        let suites = left.shard.suites().count();
        terminal.say(format!(
            "shard {}: the attempt before {}: {} of its suites passed, {} left, in {}{}",
            shard.id,
            phrase::ending(left.verdict),
            text::thousands(left.done),
            text::count(suites, "suite"),
            text::count(left.shard.sessions.len(), "session"),
            if left.tier.workers < planned.workers { " with one worker" } else { "" }
        ));
    }
    let rest = left.is_some();
    let (shard, planned) = left.map_or((shard, planned), |left| (left.shard, left.tier));
    let ci = ci::is_there(ci::variable);
    Ok(Some(Order {
        budget: shard.budget_bytes.filter(|_| binds(&plan, &shard, tier)),
        timeout: Some(args.timeout.map_or_else(|| timeout(&shard, planned.setup_ms), Duration::from)),
        idle: args.idle_timeout.unwrap_or(tier.idle_timeout).into(),
        heartbeat: args
            .heartbeat
            .map(Duration::from)
            .or(ci.then_some(HEARTBEAT))
            .filter(|every| !every.is_zero()),
        interactive: cfg!(unix) && std::io::stdin().is_terminal(),
        // Without a CI a name that no other run has.
        run: ci::run(ci::variable)
            .unwrap_or_else(|| format!("{}{}-{}", ci::LOCAL, digest.token(), run::clock())),
        attempt,
        rest,
        check_run: ci::variable("SHARD_CHECK_RUN").and_then(|number| number.parse().ok()),
        key: configured.config.key.clone().unwrap_or_else(ci::machine),
        plan: digest.to_string(),
        first_plan: plan.first_plan(&digest.to_string()).filter(|_| plan.round > 0).map(str::to_owned),
        round: plan.round,
        // A tier that starts one process a suite does that anyway.
        alone: args.each && !planned.each,
        tier: planned,
        daemon: tier.has_daemon(&command, named),
        retry: tier.retry.clone(),
        guard: tier.guard,
        go_on: args.go_on,
        shard,
        folder,
        outcomes,
        root,
        command,
        machine,
        refusals,
    }))
}

/// Refuses another plan than the one that was asked for: what waits in a queue may begin after the plan was made
/// anew, and the place of its shard is another's there.
fn expected(args: &RunArgs, digest: &Digest) -> Result<(), Failure> {
    let Some(wanted) = args.digest.as_deref().filter(|wanted| !digest.hex().starts_with(wanted)) else {
        return Ok(());
    };
    Err(Failure::new(
        ErrorId::PlanMismatch,
        format!(
            "the plan is {}, not {wanted} as --digest wants: it was made again meanwhile\n  help: submit the new plan",
            digest.token()
        ),
    ))
}

/// What the attempts before this one left of the shard, where their outcomes are at hand.
fn earlier(outcomes: &Path, shard: &Shard, digest: &str, round: u32, attempt: u32) -> Known {
    let mut known = Known::default();
    for earlier in 1..attempt.min(ATTEMPTS_MAX) {
        let path = outcomes.join(outcome::file_name(&shard.id, round, earlier));
        let Ok(outcome) = super::outcomes::read(&path) else { continue };
        if outcome.start.as_ref().is_some_and(|start| start.plan == digest && start.shard == shard.id) {
            known.judgement = Some(judge(&Evidence::of(&outcome)));
            known.outcomes.push(outcome);
        }
    }
    known
}

/// Whether the shard's budget was set by somebody, or rests on measured memory.
fn binds(plan: &Plan, shard: &Shard, tier: &Tier) -> bool {
    matches!(tier.goal.budget, Some(Budget::Bytes(_))) || !plan.memory_is_assumed(&shard.tier)
}

/// When the shard is given up: before the CI does it without a word. Its clock began with the set-up.
fn timeout(shard: &Shard, setup: Millis) -> Duration {
    let all = Duration::from_secs(u64::from(shard.timeout_minutes) * 60);
    all.saturating_sub(setup.into()).saturating_sub(EARLIER).max(all / 2)
}
