//! What `-h` and `--help` show: a line for each flag, or everything.
//!
//! The first paragraph of a flag's text is for `-h`. What follows it is for `--help`, in its place unless it is no more than
//! the default.

use clap::{Arg, Command, CommandFactory};

use super::args::Args;

/// The commands by what they are for. A command that is in none of them is listed last.
const GROUPS: [(&str, &[&str]); 5] = [
    ("Set up", &["init", "check", "schema", "completions", "man"]),
    ("Plan and run", &["plan", "run", "select", "rebalance", "split"]),
    ("Learn", &["record", "probe", "backtest"]),
    ("Look", &["report", "explain", "diff", "verify", "inspect", "triage"]),
    ("More", &[]),
];

const END: &str = concat!(
    "`shard COMMAND -h` shows the flags of a command, `--help` has examples too.\n",
    "`shard explain unknown-shard` explains the error of that id.\n",
    "The manual: ",
    env!("CARGO_PKG_REPOSITORY"),
    "/tree/main/docs"
);

/// The command line. With `short` it is what `-h` needs: without the values and defaults that would not fit one line.
pub(super) fn command(short: bool) -> Command {
    let told = move |arg: Arg| {
        let arg = in_full(arg);
        match short && arg.get_action().takes_values() {
            true => arg.hide_possible_values(true).hide_default_value(true),
            false => arg,
        }
    };
    let command = Args::command().mut_subcommands(move |command| {
        let command = command.mut_args(told);
        let seen = command.get_name().to_owned();
        if short {
            command.after_help(format!("`shard {seen} --help` tells more, with examples"))
        } else {
            command
        }
    });
    let template = format!(
        "{{about-with-newline}}\n{{usage-heading}} {{usage}}\n\n{}Options:\n{{options}}\n\n{END}\n",
        groups(&command)
    );
    command.help_template(template)
}

/// With its long text as `--help` shows it.
fn in_full(arg: Arg) -> Arg {
    let long = arg.get_long_help().map(ToString::to_string).unwrap_or_default();
    match long.split_once("\n\n") {
        Some((short, default)) if default.starts_with('[') => arg.long_help(format!("{short} {default}")),
        Some((_, rest)) => arg.long_help(rest.to_owned()),
        None => arg,
    }
}

/// The commands in their groups, a line each.
fn groups(command: &Command) -> String {
    let columns = command.get_subcommands().map(|one| one.get_name().len()).max().unwrap_or(0);
    let placed = |name: &str| GROUPS.iter().any(|(_, names)| names.contains(&name));
    let mut out = String::new();
    for (group, names) in GROUPS {
        let others =
            command.get_subcommands().map(Command::get_name).filter(|name| names.is_empty() && !placed(name));
        let all = names.iter().copied().chain(others).filter_map(|name| command.find_subcommand(name));
        let lines: String = all
            .map(|one| {
                let about = one.get_about().map(ToString::to_string).unwrap_or_default();
                format!("  {:columns$}  {about}\n", one.get_name())
            })
            .collect();
        if !lines.is_empty() {
            out.push_str(&format!("{group}:\n{lines}\n"));
        }
    }
    out
}
