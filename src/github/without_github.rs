//! In place of `fetch` where the feature `github` is left out.

use super::{Failed, Fetched, Options, Repository, Which, Why};

/// Asks nobody.
///
/// # Errors
/// Always.
pub fn fetch(_: &Repository, _: &Which, _: &Options) -> Result<Fetched, Failed> {
    let why = "this build of shard does not speak to it".to_owned();
    Err(Failed { what: "GitHub".to_owned(), why: Why::Other(why) })
}
