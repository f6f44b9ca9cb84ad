//! What a machine has beside what is needed of it.

use std::fmt::Write;

use serde::Serialize;

use crate::machine::{Finding, Machine, Needs};
use crate::model::Bytes;

/// A table, and below it what can be proved here. Findings are not in it.
#[must_use]
pub fn render(machine: &Machine, needs: &Needs) -> String {
    let mut out = String::new();
    let bytes = |bytes: Option<Bytes>| bytes.map_or_else(|| "-".to_owned(), |bytes| bytes.to_string());
    let count = |count: Option<u32>| count.map_or_else(|| "-".to_owned(), |count| count.to_string());
    let mut row = |name: &str, need: &str, recommend: &str, there: &str| {
        let line = format!("{name:<10}{need:>12}{recommend:>14}   {there}");
        let _ = writeln!(out, "{}", line.trim_end());
    };
    row("", "needed", "recommended", "there");
    let limit = match machine.limits.iter().min_by_key(|limit| limit.bytes) {
        Some(limit) => format!(
            "{} available of {}, the limit of {}",
            bytes(machine.available()),
            limit.bytes,
            crate::text::printable(&limit.group.to_string_lossy())
        ),
        None => {
            format!("{} available of {}, no limit", bytes(machine.available()), bytes(machine.memory_bytes))
        }
    };
    row("memory", &bytes(needs.need.memory), &bytes(needs.recommend.memory), &limit);
    if let Some(shard) = &needs.shard {
        let assumed = if shard.assumed { " (assumed)" } else { "" };
        row(&shard.id, &format!("{}{assumed}", shard.predicted), "", "");
    }
    let disk = format!("{} free", bytes(machine.disk_free_bytes));
    row("disk", &bytes(needs.need.disk), &bytes(needs.recommend.disk), &disk);
    row("cpus", &count(needs.need.cpus), &count(needs.recommend.cpus), &count(machine.cpus));
    row("ulimit", "-", "-", &machine.ulimits.to_string());
    let proof = [
        (machine.proof.group, "the counter of our control group"),
        (machine.proof.machine, "the counter of the machine"),
        (machine.proof.log, "the kernel's log"),
    ];
    let proof: Vec<&str> = proof.iter().filter(|(there, _)| *there).map(|(_, what)| *what).collect();
    let proof = match proof.as_slice() {
        [] => "cannot be proved here".to_owned(),
        proof => format!("can be proved by {}", proof.join(", ")),
    };
    let _ = writeln!(out, "A kill for want of memory {proof}.");
    out
}

/// The same as one JSON document.
///
/// # Errors
/// None in practice: every value here can be written as JSON.
pub fn json(machine: &Machine, needs: &Needs, findings: &[Finding]) -> serde_json::Result<String> {
    #[derive(Serialize)]
    struct Wanted {
        memory_bytes: Option<Bytes>,
        disk_bytes: Option<Bytes>,
        cpus: Option<u32>,
    }
    #[derive(Serialize)]
    struct Shard<'a> {
        id: &'a str,
        predicted_bytes: Bytes,
        assumed: bool,
        budget_bytes: Option<Bytes>,
    }
    #[derive(Serialize)]
    struct Document<'a> {
        schema: u64,
        machine: &'a Machine,
        capacity_bytes: Option<Bytes>,
        available_bytes: Option<Bytes>,
        need: Wanted,
        recommend: Wanted,
        shard: Option<Shard<'a>>,
        findings: &'a [Finding],
    }
    let wanted = |wants: crate::config::Wants| Wanted {
        memory_bytes: wants.memory,
        disk_bytes: wants.disk,
        cpus: wants.cpus,
    };
    let document = Document {
        schema: 1,
        machine,
        capacity_bytes: machine.capacity(),
        available_bytes: machine.available(),
        need: wanted(needs.need),
        recommend: wanted(needs.recommend),
        shard: needs.shard.as_ref().map(|shard| Shard {
            id: &shard.id,
            predicted_bytes: shard.predicted,
            assumed: shard.assumed,
            budget_bytes: shard.budget,
        }),
        findings,
    };
    Ok(serde_json::to_string_pretty(&document)? + "\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Wants;
    use crate::machine::{Limit, Proof, ShardNeed, Ulimits};

    #[test]
    fn both_figures_stand_side_by_side() {
        let machine = Machine {
            memory_bytes: Some(Bytes(16_000_000_000)),
            free_bytes: Some(Bytes(14_000_000_000)),
            limits: vec![Limit {
                group: "/sys/fs/cgroup".into(),
                bytes: Bytes(4_000_000_000),
                held_bytes: Bytes(500_000_000),
                slows: false,
            }],
            cpus: Some(4),
            ulimits: Ulimits { open_files: Some(1_024), processes: Some(4_096), ..Ulimits::default() },
            proof: Proof { group: true, machine: true, log: false },
            ..Machine::default()
        };
        let needs = Needs {
            need: Wants { memory: Some(Bytes(8_000_000_000)), cpus: Some(2), disk: None },
            shard: Some(ShardNeed {
                id: "e2e-1".into(),
                predicted: Bytes(2_740_000_000),
                ..ShardNeed::default()
            }),
            ..Needs::default()
        };
        let expect = "                needed   recommended   there
memory            8 GB             -   3.5 GB available of 4 GB, the limit of /sys/fs/cgroup
e2e-1          2.74 GB
disk                 -             -   - free
cpus                 2             -   4
ulimit               -             -   1,024 open files, 4,096 processes and threads
A kill for want of memory can be proved by the counter of our control group, the counter of the machine.
";
        assert_eq!(render(&machine, &needs), expect);
        let none = render(&Machine::default(), &Needs::default());
        assert!(
            none.contains("- available of -, no limit") && none.contains("cannot be proved here"),
            "{none}"
        );
    }
}
