//! `shard split`: this job's share of the names on standard input, for who comes from a tool that works so.

use std::collections::BTreeSet;
use std::io::Write;

use super::args::{SelectFormat, SplitArgs};
use super::configured;
use super::node::{Node, unsaid};
use super::{Failure, Terminal, ci, plan, report};
use crate::catalogue::ErrorId;
use crate::config::{Budget, Config, Goal, Patterns, ShardCount, Tier};
use crate::emit::selection;
use crate::files;
use crate::inventory::{Collector, Inventory, SIZE_MAX};
use crate::plan::Options;
use crate::{exit, text};

pub(super) fn run(
    args: &SplitArgs,
    terminal: &mut Terminal<'_, impl Write, impl Write>,
) -> Result<u8, Failure> {
    let help = "say it with --index, from 0, and --total";
    let node = Node::find(args.index, args.total, ci::variable)?
        .ok_or_else(|| unsaid("which job of how many is this?", help))?;
    let total = node.total.ok_or_else(|| {
        Failure::new(
            ErrorId::JobUnknown,
            format!("{} says which job this is, but not of how many\n  help: add --total", node.by),
        )
    })?;
    let mut configured = configured::find(args.config.as_deref())?;
    let names = Names::read(&files::read_from(std::io::stdin().lock(), SIZE_MAX)?)?;
    if names.twice > 0 {
        terminal.say(format!("note: {} twice, split as one", text::count(names.twice, "name")));
    }
    let mut share = Vec::new();
    if names.all.is_empty() && !args.allow_empty {
        return Err(Failure::new(
            ErrorId::NoSuites,
            "there is no name on standard input\n  help: a search that found nothing looks just like it; if none is right, say --allow-empty",
        ));
    }
    if !names.all.is_empty() {
        simplify(&mut configured.config, total.min(names.all.len()), args.budget);
        let access = report::Access { strict: args.strict, wait: args.wait, dry: false };
        let reports = report::gather(&args.timings, &args.history, access, &configured)?;
        // Where somebody set a budget, a job beyond it is no answer.
        let options = Options { strict: args.budget.is_some(), ..Options::default() };
        let (made, remarks) = plan::of(names.inventory(), &reports, &configured.config, &options)?;
        remarks.notes.iter().for_each(|note| terminal.say(note));
        remarks.warnings.iter().for_each(|warning| terminal.say(format!("warning: {}", warning.message)));
        let mine = made.shards.into_iter().nth(node.index);
        share.extend(mine.into_iter().flat_map(|shard| shard.sessions).flat_map(|session| session.suites));
    }
    terminal.say(format!(
        "{node}: {} of {}",
        text::count(share.len(), "name"),
        text::thousands(names.all.len())
    ));
    let ids = share.iter().map(|suite| suite.id.as_str());
    let bytes = selection::write(args.format.into(), ids).map_err(|err| {
        Failure::new(ErrorId::UnwritableName, err.to_string().replace("--selection-format", "--format"))
    })?;
    terminal.print(if share.is_empty() && args.format != SelectFormat::Json { b"" } else { &bytes })?;
    Ok(exit::DONE)
}

/// All jobs are alike, and there is one kind of names: that of the only tier, where there is just one.
fn simplify(config: &mut Config, total: usize, budget: Option<Budget>) {
    let only = match config.tiers.as_slice() {
        [only] => only.clone(),
        _ => Tier::default(),
    };
    config.tiers = vec![Tier { matches: Patterns::all(), goal: Goal::default(), sessions: 1, ..only }];
    config.runners = Vec::new();
    config.goal = Goal {
        budget: Some(budget.unwrap_or(Budget::Unlimited)),
        target: None,
        shards: Some(ShardCount::Count(u32::try_from(total).unwrap_or(u32::MAX))),
    };
}

/// The names on standard input, exactly as they are.
struct Names {
    all: BTreeSet<String>,
    /// How many came again.
    twice: usize,
}

impl Names {
    /// Lines, or what NUL separates where there is one. Blank lines are none.
    fn read(bytes: &[u8]) -> Result<Names, Failure> {
        let separator = if bytes.contains(&0) { 0 } else { b'\n' };
        let mut names = Names { all: BTreeSet::new(), twice: 0 };
        for (number, name) in bytes.split(|byte| *byte == separator).enumerate() {
            let name = match separator {
                0 => name,
                _ => name.strip_suffix(b"\r").unwrap_or(name),
            };
            let name = std::str::from_utf8(name).map_err(|_| {
                Failure::new(
                    ErrorId::ListingInvalid,
                    format!("standard input: name {} is not UTF-8", number + 1),
                )
            })?;
            if !name.trim().is_empty() && !names.all.insert(name.to_owned()) {
                names.twice += 1;
            }
        }
        Ok(names)
    }

    fn inventory(&self) -> Inventory {
        let mut collector = Collector::default();
        self.all.iter().for_each(|name| collector.file(name));
        collector.finish(&Patterns::default())
    }
}

#[cfg(test)]
mod tests {
    use super::Names;

    #[test]
    fn names_are_taken_as_they_are() {
        let check = |bytes: &[u8], expect: &[&str], twice: usize| {
            let names = Names::read(bytes).ok();
            let found = names.map(|names| (names.all.into_iter().collect::<Vec<_>>(), names.twice));
            assert_eq!(found, Some((expect.iter().map(|name| (*name).to_owned()).collect(), twice)));
        };
        check(b"", &[], 0);
        check(b"\n \n\n", &[], 0);
        check(b"b\na\r\nb\n# c\n d", &[" d", "# c", "a", "b"], 1);
        check(b"a\nb\0c\0c\0", &["a\nb", "c"], 1);
        assert!(Names::read(b"\xff").is_err());
    }
}
