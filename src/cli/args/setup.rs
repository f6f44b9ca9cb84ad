//! Commands for the first minute.

use std::path::PathBuf;

use super::values::{InitCi, SchemaDocument};

/// Write a first shard.toml and a workflow for a project
#[derive(clap::Args)]
#[command(after_long_help = "Examples:
  shard init
  shard init --dry-run
  shard init backend --ci none

It reads files and executes nothing: neither the project nor its tools. A file that is there is left as it is.

Exit codes: 0 written, or there already; 2 nothing was found, or nothing can be written")]
pub(in crate::cli) struct InitArgs {
    /// The project
    ///
    /// [default: the working directory]
    #[arg(value_name = "FOLDER")]
    pub(in crate::cli) folder: Option<PathBuf>,
    /// Whose pipeline to write
    ///
    /// [default: by the project's files and its git remote, else github]
    #[arg(long, value_name = "CI")]
    pub(in crate::cli) ci: Option<InitCi>,
    /// Where you keep shard, and a commit of it
    ///
    /// The repository where you keep shard, and a commit of it, for a workflow of GitHub
    #[arg(long, value_name = "OWNER/REPO@COMMIT")]
    pub(in crate::cli) action: Option<String>,
    /// Print the files, write nothing
    #[arg(long)]
    pub(in crate::cli) dry_run: bool,
}

/// Print the JSON Schema of a file that shard reads or writes
#[derive(clap::Args)]
#[command(after_long_help = "Examples:
  shard schema config > shard.schema.json
  shard schema plan

With `#:schema ./shard.schema.json` in the first line of shard.toml, editors that know taplo (Even Better TOML) complete its \
keys, show what they mean and mark mistakes.

Exit codes: 0 printed, 2 wrong usage")]
pub(in crate::cli) struct SchemaArgs {
    /// The file
    #[arg(value_name = "FILE")]
    pub(in crate::cli) document: SchemaDocument,
}

/// Print a script that completes commands and flags in a shell
#[derive(clap::Args)]
#[command(after_long_help = "Examples:
  shard completions bash > ~/.local/share/bash-completion/completions/shard
  shard completions zsh > ~/.zfunc/_shard
  shard completions fish > ~/.config/fish/completions/shard.fish
  shard completions powershell >> $PROFILE

Exit codes: 0 printed, 2 wrong usage")]
pub(in crate::cli) struct CompletionsArgs {
    /// The shell
    pub(in crate::cli) shell: clap_complete::Shell,
}

/// Write the manual pages, one for every command
#[derive(clap::Args)]
#[command(after_long_help = "Examples:
  shard man ~/.local/share/man/man1
  man shard-plan

Exit codes: 0 written, 2 wrong usage, or the folder cannot be written")]
pub(in crate::cli) struct ManArgs {
    /// Where to write them
    ///
    /// Where to write them; it is made where it is missing
    pub(in crate::cli) folder: PathBuf,
}
