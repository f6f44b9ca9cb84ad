//! `shard select`: one shard's suites as the runner wants them.

use std::io::Write;

use super::args::{SelectArgs, SelectFormat};
use super::folder::{plan_path, read_sound};
use super::node::{idle, pick};
use super::{Failure, Terminal, ci};
use crate::catalogue::ErrorId;
use crate::emit::selection;
use crate::{exit, text};

pub(super) fn run(
    args: &SelectArgs,
    terminal: &mut Terminal<'_, impl Write, impl Write>,
) -> Result<u8, Failure> {
    let path = plan_path(args.plan.as_deref())?;
    let (plan, digest) = read_sound(&path)?;
    let (shard, node) = pick(&plan, &digest, args.shard.as_deref(), &args.pick, ci::variable)?;
    let Some(shard) = shard else {
        terminal.say(idle(&plan, node.as_ref()));
        terminal.print(if args.format == SelectFormat::Json { b"[]\n" } else { b"" })?;
        return Ok(exit::DONE);
    };
    let sessions = match args.session {
        None => &shard.sessions[..],
        Some(number) => match number.checked_sub(1).and_then(|index| shard.sessions.get(index)) {
            Some(session) => std::slice::from_ref(session),
            None => {
                return Err(Failure::new(
                    ErrorId::BadValue,
                    format!(
                        "shard `{}` has {}, not a session {number}\n  help: sessions count from 1; without --session all are printed",
                        shard.id,
                        text::count(shard.sessions.len(), "session")
                    ),
                ));
            }
        },
    };
    let ids = sessions.iter().flat_map(|session| &session.suites).map(|suite| suite.id.as_str());
    let bytes = selection::write(args.format.into(), ids).map_err(|err| {
        Failure::new(ErrorId::UnwritableName, err.to_string().replace("--selection-format", "--format"))
    })?;
    terminal.print(&bytes)?;
    Ok(exit::DONE)
}
