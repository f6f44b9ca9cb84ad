//! From what the user wrote to a checked [`Config`], or the first thing that is wrong.

use std::collections::BTreeSet;

use toml::Spanned;

use super::{
    Commands, File, InventoryFile, RunnerFile, Shards, Spanned1, TierFile, WORKERS_MAX, is_tier_name,
};
use crate::config::address::Address;
use crate::config::values::Timeout;
use crate::config::{
    Budget, Config, ConfigError, Goal, Inventory, MemoryKind, NameMap, Patterns, Rule, RuleKind, Runner,
    ShardCount, Tier, TimeRule, budget_of_machine,
};
use crate::model::{Cost, Millis};

/// Said of an address that is none.
const ADDRESS: &str = "name a file, or storage such as `s3://bucket/key`";

/// Reads the text of a `shard.toml`.
///
/// # Errors
/// The first thing that is wrong, with its line and column.
pub fn parse(text: &str) -> Result<Config, ConfigError> {
    let file: File = toml::from_str(text).map_err(|err| from_toml(text, &err))?;
    Checker { text }.config(file)
}

/// A parser's error in our words, with a suggestion where a key is nearly right.
fn from_toml(text: &str, err: &toml::de::Error) -> ConfigError {
    let line = err.span().map(|span| position(text, span.start));
    let message = err.message().trim_end_matches('.');
    if message.starts_with("invalid type: string") && message.ends_with("expected a sequence") {
        let help = err.span().and_then(|span| as_list(text, span));
        return ConfigError { line, message: "a list is expected here, not one string".into(), help };
    }
    let mut names = message.split('`').skip(1).step_by(2);
    let unknown = ["unknown field", "unknown variant"].iter().any(|start| message.starts_with(start));
    let (Some(wrong), true) = (names.next(), unknown) else {
        return ConfigError { line, message: message.replace('\n', " "), help: None };
    };
    let known: Vec<&str> = names.collect();
    let what = if message.starts_with("unknown field") { "key" } else { "value" };
    let help = crate::text::did_you_mean(wrong, known.iter().copied());
    let help = help.unwrap_or_else(|| format!("known here: {}", known.join(", ")));
    ConfigError { line, message: format!("unknown {what} `{wrong}`"), help: Some(help) }
}

/// How a list is written where a string stands; `None` where tables are wanted.
fn as_list(text: &str, span: std::ops::Range<usize>) -> Option<String> {
    let written = text.get(span.clone())?;
    let before = text.get(..span.start)?.trim_end().strip_suffix('=')?.trim_end();
    let key = before.rsplit(|c: char| !c.is_ascii_alphanumeric() && c != '-').next()?;
    match key {
        "alone" | "apart" | "together" | "runner" => None,
        "run" | "command" => {
            let words = written.get(1..written.len().checked_sub(1)?)?;
            let example = match words.contains(['"', '\'', '\\']) {
                true => "[\"program\", \"argument\", …]".to_owned(),
                false => format!("{:?}", words.split_whitespace().collect::<Vec<_>>()),
            };
            Some(format!("a string for each word: {example}"))
        }
        _ => Some(format!("write [{written}]")),
    }
}

/// Line and column of a byte, both from 1, columns counted in characters.
fn position(text: &str, byte: usize) -> (usize, usize) {
    let before = text.get(..byte).unwrap_or(text);
    let start = before.rfind('\n').map_or(0, |newline| newline + 1);
    (before.matches('\n').count() + 1, before[start..].chars().count() + 1)
}

struct Checker<'a> {
    text: &'a str,
}

impl Checker<'_> {
    fn error(&self, span: Option<std::ops::Range<usize>>, message: String, help: &str) -> ConfigError {
        let line = span.map(|span| position(self.text, span.start));
        ConfigError { line, message, help: (!help.is_empty()).then(|| help.to_owned()) }
    }

    fn config(&self, file: File) -> Result<Config, ConfigError> {
        let default = Config::default();
        let mut rules = Vec::new();
        for (kind, files) in [
            (RuleKind::Together, file.together),
            (RuleKind::Apart, file.apart),
            (RuleKind::Alone, file.alone),
        ] {
            for rule in files {
                let patterns = rule.matches.get_ref().clone();
                let matches = self.patterns(Spanned1(patterns.clone(), Some(rule.matches.span())))?;
                rules.push(Rule { kind, patterns, matches });
            }
        }
        let tiers = match file.tier.0.is_empty() {
            true => default.tiers,
            false => {
                file.tier.0.into_iter().map(|(name, tier)| self.tier(name, tier)).collect::<Result<_, _>>()?
            }
        };
        Ok(Config {
            goal: self.goal(file.budget, file.target, file.shards)?,
            overhead: file.overhead.unwrap_or(default.overhead),
            minute_value: file.minute_value.unwrap_or(default.minute_value),
            stability: file.stability.unwrap_or(default.stability),
            margin: file.margin.unwrap_or(default.margin),
            time: TimeRule {
                quantile: file.time_quantile,
                half_life: self.count(file.half_life, "half-life")?.unwrap_or(default.time.half_life),
                ..default.time
            },
            time_from: file.time_from.unwrap_or(default.time_from),
            memory_properties: file.memory_properties,
            out: self.path(file.out, "out")?.unwrap_or(default.out),
            history: self.path(file.history, "history")?.unwrap_or(default.history),
            key: file.key,
            inventory: self.inventory(file.inventory)?,
            map: NameMap { strip: file.map.strip, add: file.map.add },
            tiers,
            runners: self.runners(file.runner)?,
            rules,
            preflight: file.preflight,
            gitlab: file.gitlab,
            buildkite: file.buildkite,
            circleci: file.circleci,
            cluster: file.cluster,
            slurm: file.slurm,
            kubernetes: file.kubernetes,
            argo: file.argo,
        })
    }

    fn path(&self, path: Option<Spanned<String>>, key: &str) -> Result<Option<String>, ConfigError> {
        match path {
            Some(path) if path.get_ref().is_empty() => Err(self.error(
                Some(path.span()),
                format!("`{key}` is empty"),
                "leave the key out for its default",
            )),
            Some(path) if key == "history" && Address::is(path.get_ref()) => {
                let wrong = |what| self.error(Some(path.span()), format!("`history`: {what}"), ADDRESS);
                Address::parse(path.get_ref()).map_err(wrong)?;
                Ok(Some(path.into_inner()))
            }
            path => Ok(path.map(Spanned::into_inner)),
        }
    }

    /// The objective over all tiers.
    fn goal(
        &self,
        budget: Option<Budget>,
        target: Option<Millis>,
        shards: Option<Spanned<Shards>>,
    ) -> Result<Goal, ConfigError> {
        let span = shards.as_ref().map(Spanned::span);
        let shards = shards.and_then(|shards| shards.into_inner().0);
        if shards == Some(ShardCount::Auto) && target.is_some() {
            let message = "`shards = \"auto\"` and `target` both decide how many shards there are".to_owned();
            return Err(self.error(span, message, "leave one of them out"));
        }
        Ok(Goal { budget, target, shards })
    }

    /// One tier's own objective.
    fn tier_goal(
        &self,
        budget: Option<Budget>,
        target: Option<Millis>,
        shards: Option<Spanned<Shards>>,
    ) -> Result<Goal, ConfigError> {
        let span = shards.as_ref().map(Spanned::span);
        let goal = self.goal(budget, target, shards)?;
        if goal.shards == Some(ShardCount::Auto) {
            let message = "`shards = \"auto\"` weighs all tiers together".to_owned();
            return Err(self.error(span, message, "set it at the top of the file"));
        }
        Ok(goal)
    }

    fn inventory(&self, file: InventoryFile) -> Result<Inventory, ConfigError> {
        let format = match file.format {
            Some(format) => {
                let read = format.get_ref().parse().map_err(|help: String| {
                    let message = format!("`{}` is not a format of an inventory", format.get_ref());
                    self.error(Some(format.span()), message, &help)
                })?;
                Some(read)
            }
            None => None,
        };
        Ok(Inventory {
            files: file.files,
            exclude: self.patterns(file.exclude)?,
            commands: self.commands(file.command)?,
            format,
            granularity: file.granularity,
        })
    }

    fn commands(&self, commands: Option<Spanned<Commands>>) -> Result<Vec<Vec<String>>, ConfigError> {
        let Some(commands) = commands else { return Ok(Vec::new()) };
        let span = commands.span();
        let checked = |words| self.command(Some(Spanned::new(span.clone(), words)));
        let commands = commands.into_inner().0.into_iter().map(checked);
        commands.filter_map(Result::transpose).collect()
    }

    fn command(&self, command: Option<Spanned<Vec<String>>>) -> Result<Option<Vec<String>>, ConfigError> {
        match command {
            Some(command) if command.get_ref().first().is_none_or(String::is_empty) => Err(self.error(
                Some(command.span()),
                "the command is empty".into(),
                "write [\"program\", \"argument\", …]",
            )),
            command => Ok(command.map(Spanned::into_inner)),
        }
    }

    fn patterns(&self, Spanned1(patterns, span): Spanned1<Vec<String>>) -> Result<Patterns, ConfigError> {
        Patterns::new(patterns.iter().map(String::as_str)).map_err(|(pattern, err)| {
            self.error(
                span,
                format!("pattern `{pattern}`: {}", err.msg),
                "`*` stops at `/`; `**` stands between slashes",
            )
        })
    }

    fn count(&self, count: Option<Spanned<u32>>, key: &str) -> Result<Option<u32>, ConfigError> {
        match count {
            Some(count) if !(1..=WORKERS_MAX).contains(count.get_ref()) => {
                let message = format!("`{key}` is {}, outside 1 to {WORKERS_MAX}", count.get_ref());
                Err(self.error(Some(count.span()), message, ""))
            }
            count => Ok(count.map(Spanned::into_inner)),
        }
    }

    fn tier(&self, name: Spanned<String>, file: TierFile) -> Result<Tier, ConfigError> {
        let default = Tier::default();
        if !is_tier_name(name.get_ref()) {
            let message =
                format!("`{}` cannot be the name of a tier", crate::text::printable(name.get_ref()));
            return Err(self.error(
                Some(name.span()),
                message,
                "use small letters, digits and `-`, such as [tier.e2e-slow]",
            ));
        }
        let name_span = name.span();
        let name = name.into_inner();
        let Some(matches) = file.matches else {
            let message = format!("tier `{name}` has no `match`");
            return Err(self.error(Some(name_span), message, "add for example match = [\"tests/unit/**\"]"));
        };
        let memory = file.memory.unwrap_or(default.memory);
        let workers = self.count(file.workers, "workers")?.unwrap_or(default.workers);
        let each = match file.each {
            Some(each) if *each.get_ref() && memory != MemoryKind::Isolated => {
                let message = "`each` starts a process for every suite".to_owned();
                return Err(self.error(Some(each.span()), message, "set memory = \"isolated\" too"));
            }
            each => each.is_some_and(Spanned::into_inner),
        };
        let timeout_minutes = match file.timeout {
            Some(Timeout::After(after)) => {
                Some(u32::try_from(after.0.div_ceil(60_000)).unwrap_or(7_200).clamp(1, 7_200))
            }
            Some(Timeout::Auto) | None => None,
        };
        Ok(Tier {
            name,
            matches: self.patterns(Spanned1(matches.get_ref().clone(), Some(matches.span())))?,
            workers,
            memory,
            order: file.order.unwrap_or(default.order),
            spread: file.spread,
            each,
            cpus: self.count(file.cpus, "cpus")?.unwrap_or(workers),
            daemon: file.daemon,
            exclusive: self.patterns(file.exclusive)?,
            base: file.base.unwrap_or(default.base),
            worker_base: file.worker_base.unwrap_or(default.worker_base),
            setup: file.setup.unwrap_or(default.setup),
            session_start: file.session_start.unwrap_or(default.session_start),
            sessions: file.sessions.map_or(default.sessions, Spanned::into_inner),
            split: file.split,
            assume: Cost {
                time: file.assume.time.unwrap_or(default.assume.time).max(Millis(1)),
                import: file.assume.import.unwrap_or(default.assume.import),
                retained: file.assume.retained.unwrap_or(default.assume.retained),
                transient: file.assume.transient.unwrap_or(default.assume.transient),
                cpus: self.count(file.assume.cpus, "cpus")?.unwrap_or(default.assume.cpus),
            },
            goal: self.tier_goal(file.budget, file.target, file.shards)?,
            run: self.command(file.run)?.unwrap_or_default(),
            timeout_minutes,
            idle_timeout: file.idle_timeout.unwrap_or(default.idle_timeout),
            guard: file.guard,
            retry: file.retry,
            runs_on: file.runs_on.unwrap_or(default.runs_on),
            price: file.price,
        })
    }

    fn runners(&self, files: Vec<RunnerFile>) -> Result<Vec<Runner>, ConfigError> {
        let mut names = BTreeSet::new();
        let mut runners = Vec::with_capacity(files.len());
        for file in files {
            let name = file.name.get_ref().clone();
            if !is_tier_name(&name) || !names.insert(name.clone()) {
                let message =
                    format!("`{}` cannot be the name of a runner here", crate::text::printable(&name));
                let help = "use small letters, digits and `-`, each name once";
                return Err(self.error(Some(file.name.span()), message, help));
            }
            let budget = match (file.budget, file.memory) {
                (Some(budget), _) => budget,
                (None, Some(memory)) => budget_of_machine(memory),
                (None, None) => {
                    let message = format!("runner `{name}` has neither `budget` nor `memory`");
                    return Err(self.error(
                        Some(file.name.span()),
                        message,
                        "add for example budget = \"24GB\"",
                    ));
                }
            };
            runners.push(Runner { name, runs_on: file.runs_on, budget, price: file.price });
        }
        runners.sort_by(|a, b| a.budget.cmp(&b.budget).then_with(|| a.name.cmp(&b.name)));
        Ok(runners)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Guard, Retry};
    use crate::model::Bytes;

    #[test]
    fn every_key_of_the_manual_is_read() {
        let text = include_str!("../../../testdata/config/every-key.toml");
        let config = parse(text).unwrap();
        assert_eq!(
            config.tiers.iter().map(|tier| tier.name.as_str()).collect::<Vec<_>>(),
            ["unit", "images", "e2e"]
        );
        let unit = &config.tiers[0];
        assert_eq!((unit.workers, unit.floor(), unit.timeout_minutes), (2, Bytes(160_000_000), None));
        assert_eq!(unit.goal.budget, Some(Budget::Bytes(Bytes(3_000_000_000))));
        assert_eq!(
            config.goal,
            Goal {
                budget: Some(Budget::Auto),
                target: Some(Millis(360_000)),
                shards: Some(ShardCount::Count(4))
            }
        );
        assert_eq!(config.tiers[1].cpus, 6);
        assert_eq!(config.runners[0].name, "large");
        assert_eq!((unit.idle_timeout, unit.guard), (Millis(600_000), Guard::Machine));
        assert_eq!(unit.retry, Retry::default());
        assert_eq!(config.preflight.need.memory, Some(Bytes(8_000_000_000)));
        assert_eq!(config.preflight.recommend.cpus, Some(4));
        assert_eq!((config.gitlab.job["image"].as_str(), config.gitlab.memory), (Some("python:3.12"), true));
        assert_eq!(config.buildkite.step["plugins"][0]["docker#v5.11.0"]["image"], "python:3.12");
        assert_eq!((config.circleci.before.len(), config.circleci.pipeline.len()), (2, 1));
    }

    #[test]
    fn nothing_written_is_every_default() {
        let (read, default) = (parse("").unwrap(), Config::default());
        assert_eq!(format!("{read:?}"), format!("{default:?}"));
    }

    #[test]
    fn mistakes_are_placed_and_explained() {
        let check = |text: &str, expect: &str| {
            assert_eq!(parse(text).unwrap_err().to_string(), expect, "{text}");
        };
        check("budgets = \"3GB\"", "1:1: unknown key `budgets`\n  help: did you mean `budget`?");
        check(
            "\n[tier.unit]\nmatch = [\"**\"]\nbase = \"3 gigs\"",
            "4:8: `3 gigs` is not an amount of memory: write for example `3GB`, `512MB` or `1.5GiB`",
        );
        check(
            "budget = \"3 gigs\"",
            "1:10: `3 gigs` is not an amount of memory: write for example `3GB`, `512MB` or `1.5GiB`, or `auto`, or `none`",
        );
        check(
            "budget = 3000000000",
            "1:10: `3000000000` is not an amount of memory: write for example `3GB`, `512MB` or `1.5GiB`, or `auto`, or `none`",
        );
        check(
            "[tier.\"../x\"]\nmatch = [\"**\"]",
            "1:7: `../x` cannot be the name of a tier\n  help: use small letters, digits and `-`, such as [tier.e2e-slow]",
        );
        check(
            "[tier.unit]\nworkers = 2",
            "1:7: tier `unit` has no `match`\n  help: add for example match = [\"tests/unit/**\"]",
        );
        check("[tier.unit]\nmatch = [\"**\"]\nworkers = 0", "3:11: `workers` is 0, outside 1 to 4096");
        check(
            "shards = \"auto\"\ntarget = \"6m\"",
            "1:10: `shards = \"auto\"` and `target` both decide how many shards there are\n  help: leave one of them out",
        );
        check(
            "[tier.a]\nmatch = [\"**\"]\nshards = \"auto\"",
            "3:10: `shards = \"auto\"` weighs all tiers together\n  help: set it at the top of the file",
        );
        check(
            "[tier.unit]\nmatch = [\"**\"]\nmemory = \"leaky\"",
            "3:10: unknown value `leaky`\n  help: known here: accumulates, isolated",
        );
        let list = "a list is expected here, not one string";
        let words = format!("{list}\n  help: a string for each word: ");
        check("[tier.a]\nrun = \"pytest -q\"", &format!("2:7: {words}[\"pytest\", \"-q\"]"));
        check("inventory = {command = 'ls'}", &format!("1:24: {words}[\"ls\"]"));
        let quoted = "[tier.a]\nrun = \"sh -c 'x y'\"";
        check(quoted, &format!("2:7: {words}[\"program\", \"argument\", …]"));
        check("[tier.a]\nmatch = 'a b/**'", &format!("2:9: {list}\n  help: write ['a b/**']"));
        check("alone = \"a\"", &format!("1:9: {list}"));
        check(
            "[inventory]\nformat = \"pytset\"",
            "2:10: `pytset` is not a format of an inventory\n  help: did you mean `pytest`?",
        );
        check("minute-value = nan", "1:16: a price is 0, or from 0.000001 to 1000000");
        check("[tier.a]\nmatch = [\"**\"]\nprice = -3", "3:9: a price is 0, or from 0.000001 to 1000000");
        check(
            "[tier.a]\nmatch = [\"**\"]\nretry = { on = [\"daemon-crsh\"] }",
            "3:16: unknown value `daemon-crsh`\n  help: did you mean `daemon-crash`?",
        );
        check(
            "[tier.a]\nmatch = [\"**\"]\nretry = { on = [\"test-failure\"] }",
            "3:16: unknown value `test-failure`\n  help: known here: out-of-memory, memory-limit, resource-limit, killed, daemon-crash, timeout, hang, runner-lost, tool-error, incomplete",
        );
        for text in [
            "budget = ",
            "[tier",
            "shards = 0",
            "shards = 1.5",
            "target = \"6\"",
            "margin = 10",
            "tier = 3",
            "out = \"\"",
        ] {
            let err = parse(text).unwrap_err();
            assert!(err.line.is_some(), "{text}: {err}");
        }
    }
}
