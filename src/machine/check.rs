//! Whether a machine has what is needed: pure, over what was read.

use serde::Serialize;

use super::Machine;
use crate::config::Wants;
use crate::model::Bytes;

/// What a machine is held against.
#[derive(Clone, Debug, Default)]
pub struct Needs {
    /// Without it nothing starts.
    pub need: Wants,
    /// Without it there is a warning.
    pub recommend: Wants,
    /// The shard that is to run, or the plan's largest.
    pub shard: Option<ShardNeed>,
}

/// What a plan expects of the machine.
#[derive(Clone, Debug, Default)]
pub struct ShardNeed {
    /// Its name.
    pub id: String,
    /// Bytes at its peak.
    pub predicted: Bytes,
    /// All of that is assumed: it is not enough to refuse.
    pub assumed: bool,
    /// Bytes that it may use.
    pub budget: Option<Bytes>,
    /// CPUs that it shares out among suites side by side.
    pub cpus: Option<u32>,
}

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Good to know.
    Warning,
    /// It should not start.
    Refusal,
}

/// Something that is not as it should be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// What it is about: `memory`, `disk`, `cpus`, `pressure`, `swap`, `temporary`, `ulimit`.
    pub subject: &'static str,
    /// Both figures, and what to do.
    pub message: String,
}

/// Swap in use above which the machine is called busy.
const SWAP_USED_MAX: Bytes = Bytes(1_000_000_000);

/// Free disk below which there is a warning where nobody said what is needed.
const DISK_MIN: Bytes = Bytes(2_000_000_000);

/// Everything that speaks against starting, refusals first.
#[must_use]
pub fn check(machine: &Machine, needs: &Needs) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut add = |severity, subject, message| findings.push(Finding { severity, subject, message });
    let figures = [
        ("memory", machine.available(), needs.need.memory, needs.recommend.memory),
        ("disk", machine.disk_free_bytes, needs.need.disk, needs.recommend.disk),
    ];
    for (subject, there, need, recommend) in figures {
        match (there, need, recommend) {
            (Some(there), Some(need), _) if there < need => {
                let message = format!("{subject}: {need} are needed, {there} are there");
                add(Severity::Refusal, subject, message);
            }
            (Some(there), _, Some(recommend)) if there < recommend => {
                let message = format!("{subject}: {recommend} are recommended, {there} are there");
                add(Severity::Warning, subject, message);
            }
            // What was asked for and cannot be known is said; it may well be there.
            (None, Some(need), _) => {
                let message =
                    format!("{subject}: {need} are needed, and this machine does not tell what is there");
                add(Severity::Warning, subject, message);
            }
            _ => {}
        }
    }
    if let Some(there) = machine.cpus {
        let cpus = |count: u32| crate::text::count(count as usize, "CPU");
        match (needs.need.cpus, needs.recommend.cpus) {
            (Some(need), _) if there < need => {
                add(Severity::Refusal, "cpus", format!("cpus: {need} are needed, {there} are there"));
            }
            (_, Some(recommend)) if there < recommend => {
                add(
                    Severity::Warning,
                    "cpus",
                    format!("cpus: {recommend} are recommended, {there} are there"),
                );
            }
            _ => {}
        }
        if let Some(shard) = needs.shard.as_ref().filter(|shard| shard.cpus.is_some_and(|cpus| cpus > there))
        {
            let shares = cpus(shard.cpus.unwrap_or(0));
            let message =
                format!("cpus: shard {} shares out {shares}, {there} are there: it will be slower", shard.id);
            add(Severity::Warning, "cpus", message);
        }
    }
    if let Some(shard) = &needs.shard {
        findings.extend(memory_of(shard, machine));
    }
    findings.extend(state(machine, needs.need.disk.is_none() && needs.recommend.disk.is_none()));
    findings.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
    findings
}

/// The shard's peak against what is available, and its budget against all that there is.
fn memory_of(shard: &ShardNeed, machine: &Machine) -> Option<Finding> {
    let there = machine.available()?;
    let share = |percent: u64| shard.predicted.saturating_mul(100) > there.saturating_mul(percent);
    let finding = |severity, message| Some(Finding { severity, subject: "memory", message });
    let expected = || {
        format!("memory: shard {} is expected to need {}, {there} are available", shard.id, shard.predicted)
    };
    if share(95) && !shard.assumed {
        return finding(Severity::Refusal, expected());
    }
    if share(85) {
        let assumed = if shard.assumed { " (its memory is only assumed)" } else { "" };
        return finding(Severity::Warning, expected() + assumed);
    }
    let (budget, capacity) = (shard.budget?, machine.capacity()?);
    // Two percent are within what kernels keep for themselves.
    let small = capacity.saturating_mul(100) < budget.saturating_mul(98);
    let message = || {
        format!("memory: the budget of shard {} is {budget}, this machine has {capacity} in all", shard.id)
    };
    if small { finding(Severity::Warning, message()) } else { None }
}

/// What is wrong with the machine whatever runs on it.
fn state(machine: &Machine, disk: bool) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut add = |severity, subject, message| findings.push(Finding { severity, subject, message });
    if let Some(pressure) = machine.pressure {
        let percent = |share: u32| format!("{}.{:02} %", share / 100, share % 100);
        if pressure.full > 1_000 {
            let message = format!(
                "pressure: all tasks waited for memory {} of the last 10 s (10 % is too much)",
                percent(pressure.full)
            );
            add(Severity::Refusal, "pressure", message);
        } else if pressure.some > 500 {
            let message =
                format!("pressure: tasks waited for memory {} of the last 10 s", percent(pressure.some));
            add(Severity::Warning, "pressure", message);
        }
    }
    if let Some(used) = machine.swap_used_bytes.filter(|used| *used > SWAP_USED_MAX) {
        add(
            Severity::Warning,
            "swap",
            format!("swap: {used} are in use already; it is never part of a budget"),
        );
    }
    if let Some(free) = machine.disk_free_bytes.filter(|free| disk && *free < DISK_MIN) {
        add(Severity::Warning, "disk", format!("disk: only {free} are free"));
    }
    if let Some(folder) = &machine.temporary_in_memory {
        let folder = crate::text::printable(&folder.to_string_lossy());
        let message = format!("temporary: files in `{folder}` are kept in memory and count against it");
        add(Severity::Warning, "temporary", message);
    }
    findings.extend(machine.ulimits.findings());
    findings
}

#[cfg(test)]
mod tests {
    use super::super::{Limit, Pressure, Ulimits};
    use super::*;

    const GB: u64 = 1_000_000_000;

    fn machine() -> Machine {
        Machine {
            memory_bytes: Some(Bytes(16 * GB)),
            free_bytes: Some(Bytes(10 * GB)),
            cpus: Some(4),
            disk_free_bytes: Some(Bytes(25 * GB)),
            ..Machine::default()
        }
    }

    fn wants(memory: u64, disk: u64, cpus: u32) -> Wants {
        Wants { memory: Some(Bytes(memory * GB)), disk: Some(Bytes(disk * GB)), cpus: Some(cpus) }
    }

    fn found(machine: &Machine, needs: &Needs) -> Vec<String> {
        let line = |finding: Finding| format!("{:?} {}", finding.severity, finding.message);
        check(machine, needs).into_iter().map(line).collect()
    }

    #[test]
    fn needs_are_refused_with_both_figures() {
        // The host of the image builds: 12 GB, 30 GB and 4 CPUs recommended, 8 GB, 20 GB and 2 needed.
        let needs = Needs { need: wants(8, 20, 2), recommend: wants(12, 30, 4), shard: None };
        assert_eq!(
            found(&machine(), &needs),
            [
                "Warning memory: 12 GB are recommended, 10 GB are there",
                "Warning disk: 30 GB are recommended, 25 GB are there"
            ]
        );
        let small = Machine { free_bytes: Some(Bytes(7 * GB)), cpus: Some(1), ..machine() };
        assert_eq!(
            found(&small, &needs)[..2],
            ["Refusal memory: 8 GB are needed, 7 GB are there", "Refusal cpus: 2 are needed, 1 are there"]
        );
    }

    #[test]
    fn a_limit_counts_like_the_machine() {
        let limit = Limit { group: "/x".into(), bytes: Bytes(3 * GB), held_bytes: Bytes(GB), slows: false };
        let limited = Machine { limits: vec![limit], ..machine() };
        let shard = |predicted: u64, assumed: bool| Needs {
            shard: Some(ShardNeed {
                id: "e2e-1".into(),
                predicted: Bytes(predicted * GB / 100),
                assumed,
                budget: Some(Bytes(4 * GB)),
                cpus: None,
            }),
            ..Needs::default()
        };
        let check = |predicted, assumed, expect: &str| {
            assert_eq!(found(&limited, &shard(predicted, assumed)), [expect]);
        };
        check(191, false, "Refusal memory: shard e2e-1 is expected to need 1.91 GB, 2 GB are available");
        check(190, false, "Warning memory: shard e2e-1 is expected to need 1.9 GB, 2 GB are available");
        check(
            500,
            true,
            "Warning memory: shard e2e-1 is expected to need 5 GB, 2 GB are available (its memory is only assumed)",
        );
        check(100, false, "Warning memory: the budget of shard e2e-1 is 4 GB, this machine has 3 GB in all");
        assert_eq!(found(&machine(), &shard(100, false)), Vec::<String>::new());
    }

    #[test]
    fn a_busy_or_odd_machine_is_told() {
        let pressed = |some, full| Machine { pressure: Some(Pressure { some, full }), ..machine() };
        assert_eq!(
            found(&pressed(9_000, 1_250), &Needs::default()),
            ["Refusal pressure: all tasks waited for memory 12.50 % of the last 10 s (10 % is too much)"]
        );
        assert_eq!(
            found(&pressed(501, 0), &Needs::default()),
            ["Warning pressure: tasks waited for memory 5.01 % of the last 10 s"]
        );
        let odd = Machine {
            swap_used_bytes: Some(Bytes(2 * GB)),
            disk_free_bytes: Some(Bytes(GB)),
            temporary_in_memory: Some("/tmp".into()),
            ulimits: Ulimits { address_space_bytes: Some(Bytes(4 * GB)), ..Ulimits::default() },
            ..machine()
        };
        let subjects: Vec<&str> =
            check(&odd, &Needs::default()).iter().map(|finding| finding.subject).collect();
        assert_eq!(subjects, ["swap", "disk", "temporary", "ulimit"]);
    }

    #[test]
    fn what_cannot_be_known_is_no_refusal() {
        let needs = Needs { need: wants(8, 20, 2), ..Needs::default() };
        let found = check(&Machine::default(), &needs);
        assert!(found.len() == 2 && found.iter().all(|finding| finding.severity == Severity::Warning));
    }
}
