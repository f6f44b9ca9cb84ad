//! The commands of `[inventory]`, which let tools list their own suites.

use super::add_listing;
use crate::catalogue::ErrorId;
use crate::cli::Failure;
use crate::cli::configured::Configured;
use crate::files::{self, CommandFailed};
use crate::inventory::{Collector, Inventory, SIZE_MAX, assign};
use crate::text::{count, printable};

/// A command that listed nothing.
pub(super) struct Failed<'a> {
    command: &'a [String],
    why: CommandFailed,
}

/// Runs every command, the others too where one fails: what else is there belongs into the message.
pub(super) fn run<'a>(
    configured: &'a Configured,
    collector: &mut Collector,
) -> Result<Vec<Failed<'a>>, Failure> {
    let wanted = &configured.config.inventory;
    let mut failed = Vec::new();
    for command in &wanted.commands {
        match files::run_command(command, &configured.root, SIZE_MAX) {
            Ok(listing) => add_listing("the inventory's command", &listing, wanted.format, collector)?,
            Err(why) => failed.push(Failed { command, why }),
        }
    }
    Ok(failed)
}

/// Refuses to plan without the suites that nobody listed, and says how it would be done on purpose. `inventory` is what all
/// else lists.
pub(super) fn refuse(failed: &[Failed<'_>], inventory: &Inventory, configured: &Configured) -> Failure {
    let wanted = &configured.config.inventory;
    let each: Vec<&str> = failed.iter().map(|failed| failed.why.message.as_str()).collect();
    let mut message = each.join(&format!("\n{}: ", ErrorId::InventoryCommand));
    let alone = wanted.commands.len() == 1;
    if !(alone && wanted.files.is_empty()) {
        message.push_str(&format!("\n  {}", all_else(inventory, configured)));
    }
    let missing = failed.iter().any(|failed| failed.why.missing);
    message.push_str(match missing {
        true => "\n  help: install what is missing, or put it on the PATH",
        false => "\n  help: run it by hand in the folder of shard.toml until it succeeds",
    });
    let without = if failed.len() == 1 { "its suites" } else { "their suites" };
    let words = |failed: &Failed<'_>| {
        let words: Vec<String> = failed.command.iter().map(|word| format!("{word:?}")).collect();
        format!("\n    [{}]", printable(&words.join(", ")))
    };
    message.push_str(&match (failed.len() < wanted.commands.len(), wanted.files.is_empty()) {
        (true, _) => {
            let out: String = failed.iter().map(words).collect();
            format!("\n  help: or plan without {without}: in [inventory] of shard.toml take out of `command`:{out}")
        }
        (false, false) => {
            format!("\n  help: or plan without {without}: take `command` out of [inventory] of shard.toml")
        }
        (false, true) => "\n  help: or list the suites in another way: `files` in [inventory], or shard plan LIST".to_owned(),
    });
    Failure::new(ErrorId::InventoryCommand, message)
}

/// What there is without them, and which tiers are left with nothing: those that they are for.
fn all_else(inventory: &Inventory, configured: &Configured) -> String {
    let tiers = &configured.config.tiers;
    let listed = match inventory.suites.len() {
        0 => return "nothing else lists a suite".to_owned(),
        number => format!("all else lists {}", count(number, "suite")),
    };
    // Suites in no tier have an error of their own, once all are listed.
    let assigned = assign(inventory, tiers).unwrap_or_default();
    let empty = (0..tiers.len()).filter(|tier| !assigned.contains(tier));
    let empty: Vec<String> = empty.map(|tier| format!("`{}`", tiers[tier].name)).collect();
    match empty.as_slice() {
        _ if assigned.is_empty() => listed,
        [] => listed,
        [tier] => format!("{listed}, none of them of tier {tier}"),
        tiers => format!("{listed}, none of them of the tiers {}", tiers.join(", ")),
    }
}
