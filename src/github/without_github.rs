//! In place of `fetch` where the feature `github` is left out.

use super::{Failed, Fetched, Options, Repository, Which, Why};

/// Asks nobody.
///
/// # Errors
/// Always.
pub fn fetch(_: &Repository, _: &Which, _: &Options) -> Result<Fetched, Failed> {
    let help = "build it with `cargo install --locked --path . --features github`";
    let why = format!("this build of shard does not speak to it\n  help: {help}");
    Err(Failed { what: "GitHub".to_owned(), why: Why::Other(why) })
}
