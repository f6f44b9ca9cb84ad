//! A suite for people: what it is planned with and where, each figure in a sentence, what would change it, its
//! terms and its runs.

use std::fmt::Write as _;

use super::{Suite, basis, percent, runs, terms};
use crate::config::RuleKind;
use crate::emit::style::{Paint, Style};
use crate::estimate::explain::MORE_RUNS;
use crate::estimate::{
    Bound, Decided, Expected, Figure, HOPELESS, Level, MemoryBase, MemoryTerms, Step, TimeTerms,
};
use crate::model::{Basis, Bytes, Millis, Percent};
use crate::plan::explain::{Placed, Why};
use crate::text::{count, examples, printable};

/// For people.
#[must_use]
pub fn render(suite: &Suite<'_>, style: Style) -> String {
    let mut out = String::new();
    let terms = &suite.explanation.terms;
    let cost = terms.estimate().cost;
    style.paragraph((Paint::Strong, ""), &printable(suite.id), &mut out);
    let import =
        if cost.import.0 > 0 { format!(" Its import takes {}.", cost.import) } else { String::new() };
    let whole = format!(
        "It is planned with {}; it leaves {} behind and needs {} more while it runs.{import} {}",
        cost.time,
        cost.retained,
        cost.transient,
        place(suite)
    );
    style.paragraph((Paint::Strong, ""), &whole, &mut out);
    out.push('\n');
    figure("time", &cost.time.to_string(), terms.time.basis, &time(suite), style, &mut out);
    let memory = [
        ("import", &terms.import, cost.import, &suite.explanation.relatives[1]),
        ("retained", &terms.retained, cost.retained, &suite.explanation.relatives[2]),
        ("transient", &terms.transient, cost.transient, &suite.explanation.relatives[3]),
    ];
    for (name, of, value, steps) in memory {
        // Few runners measure imports: what was never seen is worth no line.
        if name == "import" && value.0 == 0 {
            continue;
        }
        let mut text = sentence(of, name, steps, suite);
        if name == "transient" {
            text.push_str(&killed(suite));
        }
        figure(name, &value.to_string(), of.basis, &text, style, &mut out);
    }
    style.paragraph((Paint::Note, "what would change this: "), &change(suite), &mut out);
    terms::render(suite, style, &mut out);
    if !suite.explanation.samples.is_empty() {
        runs::render(suite, style, &mut out);
    }
    style.finish(out)
}

fn figure(name: &str, value: &str, of: Basis, text: &str, style: Style, out: &mut String) {
    let label = format!("{name} {value}, {}: ", basis(of));
    style.paragraph((Paint::Strong, &label), text, out);
}

/// Where a plan has it, and why.
fn place(suite: &Suite<'_>) -> String {
    let Some((path, plan)) = suite.plan else {
        return "There is no plan yet, so it is in no shard.".to_owned();
    };
    let Some(placed) = &suite.placed else {
        return format!("The plan in {} does not have it.", printable(path));
    };
    let cost = suite.explanation.terms.estimate().cost;
    let planned = placed.suite;
    let same = (planned.ms, planned.import_bytes, planned.retained_bytes, planned.transient_bytes)
        == (cost.time, cost.import, cost.retained, cost.transient);
    let other = match same {
        true => String::new(),
        false => format!(
            " That plan was made with other figures ({}, {} and {}): make it anew to plan with these.",
            planned.ms, planned.retained_bytes, planned.transient_bytes
        ),
    };
    let all: usize = placed.shard.suites().count();
    let session = match placed.shard.sessions.len() {
        1 => String::new(),
        several => format!(", in session {} of {several}", placed.number),
    };
    let with = match all {
        1 => format!("It has shard {} to itself", placed.shard.id),
        more => {
            format!("It is in shard {} with {}{session}", placed.shard.id, count(more - 1, "other suite"))
        }
    };
    let others = plan.shards.iter().filter(|shard| shard.tier == placed.shard.tier).count();
    format!("{with}{}.{other}", reasons(placed, others))
}

fn reasons(placed: &Placed<'_>, shards: usize) -> String {
    let reason = |why: &Why| match why {
        Why::OnlyShard => format!("the only shard of tier {}", placed.shard.tier),
        Why::Killed => "since it was killed for memory and shows only alone what it needs".to_owned(),
        Why::Oversize => "since it alone is above the budget".to_owned(),
        Why::Runner { runner } => format!("on the larger machine `{}`", printable(runner)),
        Why::Rule { kind, matches, others } => {
            let patterns = examples(matches.iter().map(String::as_str), 2);
            match kind {
                RuleKind::Together => {
                    format!("where [[together]] {patterns} keeps it with {others} of these")
                }
                RuleKind::Apart => format!("where [[apart]] {patterns} lets no other of these in"),
                RuleKind::Alone => format!("as [[alone]] {patterns} wants it"),
            }
        }
    };
    match placed.why.as_slice() {
        [] => {
            format!(", one of {shards} of its tier: no rule put it there, only how time and memory fit best")
        }
        why => format!(", {}", why.iter().map(reason).collect::<Vec<_>>().join(", ")),
    }
}

fn time(suite: &Suite<'_>) -> String {
    let rule = suite.config.time;
    match &suite.explanation.terms.time.terms {
        TimeTerms::Samples(Expected { runs, trimmed, quantile, .. }) => {
            let others = others(suite, suite.explanation.terms.time.basis);
            let cut = match trimmed {
                0 => String::new(),
                1 => " without the shortest and the longest".to_owned(),
                more => format!(" without the {more} shortest and the {more} longest"),
            };
            match (runs, quantile) {
                (1, _) => format!("what its only run took{others}."),
                (runs, Some(quantile)) => format!(
                    "what {} of its last {runs} runs did not exceed; one that is {} older counts half{others}.",
                    per_cent(Percent(quantile.0)),
                    count(rule.half_life as usize, "run")
                ),
                (runs, None) => format!(
                    "the mean of its last {runs} runs{cut}; one that is {} older counts half{others}.",
                    count(rule.half_life as usize, "run")
                ),
            }
        }
        TimeTerms::Relatives { median, tests, usual } => {
            let text = inherited(
                "never timed, so it takes the median of its relatives",
                &suite.explanation.relatives[0],
                suite.id,
                |ms| Millis(ms).to_string(),
            );
            match usual {
                Some(usual) if *tests > 0 && tests != usual => format!(
                    "{text} That is {}; it has {} where they have {usual}, and time grows with the root of that.",
                    Millis(*median),
                    count(*tests as usize, "test"),
                ),
                _ => text,
            }
        }
        TimeTerms::Assumed { file, parts } => {
            let (tier, parts) = (&suite.tier.name, shared(*parts));
            format!("never timed, and no relative was, so it takes {file} of `assume` in tier {tier}{parts}.")
        }
    }
}

/// Whose runs they are, where they are not its own.
fn others(suite: &Suite<'_>, basis: Basis) -> String {
    match (basis, suite.old_name()) {
        (Basis::Measured, _) => String::new(),
        (_, Some(old)) => format!(", of `{old}`, from which it was moved, since it has none of its own"),
        (_, None) => ", of another key than the plan's, since it has none of that".to_owned(),
    }
}

fn shared(parts: u64) -> String {
    if parts > 1 {
        format!(", shared by the {} of its file", count(parts as usize, "part"))
    } else {
        String::new()
    }
}

/// What relatives made of a figure: the whole tier first.
fn inherited(text: &str, steps: &[Step], id: &str, figure: impl Fn(u64) -> String) -> String {
    let step = |step: &Step| {
        let of = match step.end {
            0 => "of the whole tier".to_owned(),
            end => format!("in {}", examples([&id[..end]], 1)),
        };
        format!("{} {of}", figure(step.own))
    };
    // A directory that holds all that the one above holds says nothing new.
    let mut told: Vec<&Step> = Vec::new();
    for step in steps {
        if let Some(last) = told.last_mut().filter(|last| last.count == step.count) {
            *last = step;
        } else {
            told.push(step);
        }
    }
    let few = |number: u64| count(number as usize, "suite");
    let all: Vec<String> = told.iter().map(|of| format!("{} ({})", step(of), few(of.count))).collect();
    let lean = match told.len() {
        0 | 1 => String::new(),
        _ => ", where each leans on the one before it".to_owned(),
    };
    format!("{text}: {}{lean}.", all.join(", "))
}

/// An amount of memory in a sentence.
fn sentence(of: &Figure<MemoryTerms>, name: &str, steps: &[Step], suite: &Suite<'_>) -> String {
    let MemoryTerms { base, calibration, margin, kept } = of.terms;
    if of.terms.is_sampled() && of.terms.value().0 == 0 && kept.0 == 0 {
        return "its runs needed none, or gave memory back.".to_owned();
    }
    let text = match &base {
        MemoryBase::Level(level) => self::level(level),
        MemoryBase::Own(level) => format!(
            "{} above the least of its last {} runs, {}: what was more is shared, and planned once in a session.",
            per_cent(level.more),
            level.runs,
            Bytes(level.bytes.max(0).unsigned_abs())
        ),
        MemoryBase::Bound(bound) => self::bound(bound),
        MemoryBase::Relatives(_) => {
            let text = "never measured, so it takes 1.5 × the upper quartile of its relatives";
            inherited(text, steps, suite.id, |bytes| Bytes(bytes).to_string())
        }
        MemoryBase::Held(bytes) => {
            format!(
                "what it keeps is not known, as of suites that run last, but not more than it held: {bytes}."
            )
        }
        MemoryBase::Assumed { file, parts } => {
            let (tier, parts) = (&suite.tier.name, shared(*parts));
            format!("never measured, so it takes {file} of `assume.{name}` in tier {tier}{parts}.")
        }
    };
    let mut text = text;
    if let (true, Some(share)) = (of.terms.is_sampled(), suite.explanation.share_of_peaks) {
        let stays = per_cent(share);
        let _ = write!(
            text,
            " Only peaks of whole processes are known; of what they hold above the floor {stays} is said to stay."
        );
    }
    if of.terms.is_sampled() && of.basis == Basis::Inherited {
        text.push_str(&match suite.old_name() {
            Some(old) => format!(" Its runs are of `{old}`, from which it was moved."),
            None => " Its runs have another key than the plan.".to_owned(),
        });
    }
    if calibration.0 > 0 {
        let _ = write!(
            text,
            " Calibration adds {}: real sessions of tier {} held so much more than the model.",
            per_cent(calibration),
            suite.tier.name
        );
    }
    if margin.0 > 0 {
        let _ = write!(text, " `margin` adds {}.", per_cent(margin));
    }
    if kept.0 > 0 {
        let _ = write!(text, " That is all that it held, so what it is said to leave, {kept}, is taken off.");
    }
    text
}

fn per_cent(share: Percent) -> String {
    share.to_string().replace('%', " %")
}

fn level(level: &Level) -> String {
    let runs = match level.runs {
        1 => "its only run".to_owned(),
        runs => format!("its last {runs} runs"),
    };
    let more = per_cent(level.more);
    match Bytes(u64::try_from(level.bytes).unwrap_or(0)) {
        Bytes(0) => format!("{runs} left nothing, or gave memory back."),
        largest if level.runs == 1 => format!("{more} above what {runs} showed, {largest}."),
        largest => format!("{more} above the largest of {runs}, {largest}."),
    }
}

fn bound(bound: &Bound) -> String {
    let runs = |runs: usize| match runs {
        1 => "its only run".to_owned(),
        runs => format!("its last {runs} runs"),
    };
    let (middle, all) = (bound.middle(), runs(bound.runs));
    let size = |bytes: f64| Bytes(bytes.max(0.0) as u64);
    match bound.decided() {
        Decided::Bound => {
            let above = percent(size(bound.bound).saturating_sub(middle).0, middle.0);
            let little = match bound.runs {
                1 => "; one run says little about that".to_owned(),
                runs @ 2..10 => format!("; {runs} runs say little about that"),
                _ => String::new(),
            };
            format!(
                "{all} needed {middle} in the middle. Runs differ by {:.0} %{little}, so {above} % are added: \
                 all but a few of 100 runs stay below.",
                bound.deviation * 100.0
            )
        }
        Decided::Most => format!(
            "1.5 × the largest of {all}; the bound for {} would be higher, {}.",
            if bound.runs == 1 { "one run" } else { "so few runs" },
            size(bound.bound)
        ),
        Decided::Least => format!(
            "1.05 × the largest of {}; by the bound, {}, it would exceed it again.",
            runs(bound.runs.min(10)),
            size(bound.bound)
        ),
    }
}

/// What kills say of the transient.
fn killed(suite: &Suite<'_>) -> String {
    let terms = &suite.explanation.terms;
    let Some(kill) = terms.kills.hardest else { return String::new() };
    let times = match terms.kills.kills {
        1 => String::new(),
        times => format!(" {times} times"),
    };
    let (alone, rule) = match kill.alone {
        true => (" while alone in its shard", "twice that, or 1 GiB more"),
        false => ("", "1.5 × that, or 256 MiB more"),
    };
    let (need, floor, known) = (terms.kills.need(), terms.kills.floor(), terms.transient.terms.value());
    let end = if floor < known {
        format!("less than the {known} above")
    } else if floor < need {
        format!("but the largest machine leaves {floor}")
    } else {
        format!("not the {known} that was known before")
    };
    let hopeless = if terms.kills.kills >= HOPELESS { " Another try will not help." } else { "" };
    let used = Bytes(kill.used);
    format!(
        " It was killed for memory{times}, at {used}{alone}: it is said to need {rule}, which is {need}, {end}.{hopeless}"
    )
}

/// What would change the figures.
fn change(suite: &Suite<'_>) -> String {
    let terms = &suite.explanation.terms;
    let now = terms.estimate().cost;
    let mut all = Vec::new();
    if terms.kills.kills > 0 {
        all.push("the first run in which it ends lifts what the kill says".to_owned());
    }
    if let Some(later) = &suite.explanation.later {
        let parts = [
            ("time", now.time.to_string(), later.cost.time.to_string()),
            ("retained", now.retained.to_string(), later.cost.retained.to_string()),
            ("transient", now.transient.to_string(), later.cost.transient.to_string()),
        ];
        // What looks the same is the same to people.
        let parts = parts.into_iter().filter(|(_, now, later)| now != later);
        let parts: Vec<String> =
            parts.map(|(name, now, later)| format!("{name} {later} instead of {now}")).collect();
        all.push(match parts.as_slice() {
            [] => format!("{MORE_RUNS} more runs like the newest change nothing"),
            parts => format!("{MORE_RUNS} more runs like the newest make {}", parts.join(", ")),
        });
    }
    let memory = [&terms.retained, &terms.transient];
    let foreign = |basis: Basis, sampled: bool| sampled && basis == Basis::Inherited;
    let timed = matches!(terms.time.terms, TimeTerms::Samples(_));
    if foreign(terms.time.basis, timed) || memory.iter().any(|of| foreign(of.basis, of.terms.is_sampled())) {
        let own =
            if suite.old_name().is_some() { "a run under its new name" } else { "a run with the plan's key" };
        all.push(own.to_owned());
    }
    match (timed, memory.iter().all(|of| of.terms.is_sampled())) {
        (false, _) => all.push("a run of its own that `shard record` reads, or --timings".to_owned()),
        (true, false) => all.push("a run that measures its memory".to_owned()),
        (true, true) => {}
    }
    let assumed = |of: Basis| of == Basis::Assumed;
    if assumed(terms.time.basis) || memory.iter().any(|of| assumed(of.basis)) {
        all.push(format!("`assume` in [tier.{}] of shard.toml", suite.tier.name));
    }
    if all.is_empty() {
        all.push("a newer run".to_owned());
    }
    format!("{}.", all.join("; "))
}
