//! `shard schema`: the JSON Schema of a file.

use std::io::Write;

use super::args::SchemaArgs;
use super::{Failure, Terminal};
use crate::{exit, schema};

pub(super) fn run(
    args: &SchemaArgs,
    terminal: &mut Terminal<'_, impl Write, impl Write>,
) -> Result<u8, Failure> {
    let schema = schema::of(args.document.into());
    terminal.print(format!("{schema:#}\n").as_bytes())?;
    Ok(exit::DONE)
}
