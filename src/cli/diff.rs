//! `shard diff`: what changed from one plan to another.

use std::io::Write;

use super::args::{DiffArgs, DiffFormat};
use super::folder::{read_sound, read_sound_plan};
use super::{Failure, Terminal, output};
use crate::catalogue::ErrorId;
use crate::emit::diff::{self as emit, to_json};
use crate::exit;
use crate::plan::diff::diff;

pub(super) fn run(
    args: &DiffArgs,
    terminal: &mut Terminal<'_, impl Write, impl Write>,
) -> Result<u8, Failure> {
    let (old, digest) = read_sound(&args.old)?;
    let new = read_sound_plan(&args.new)?;
    let rest = new.parent == Some(digest.to_string());
    let diff = diff(&old, &new, rest);
    let text = match args.format {
        DiffFormat::Table => emit::render(&diff, output::style()),
        DiffFormat::Json => to_json(&diff)
            .map_err(|err| Failure::new(ErrorId::Bug, format!("the difference cannot be written: {err}")))?,
    };
    terminal.print(text.as_bytes())?;
    Ok(exit::DONE)
}
