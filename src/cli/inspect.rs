//! `shard inspect`: what files of test tools hold, as it stands there.

use std::io::Write;

use super::args::{DiffFormat, InspectArgs};
use super::{Failure, Terminal, configured, inventory, reports};
use crate::catalogue::ErrorId;
use crate::emit::inspect::{self as emit, Inspected};
use crate::history::against::{Against, Places, against};
use crate::history::names::Index;
use crate::report::tally::Tally;
use crate::{exit, text};

pub(super) fn run(
    args: &InspectArgs,
    terminal: &mut Terminal<'_, impl Write, impl Write>,
) -> Result<u8, Failure> {
    let here = std::env::current_dir()
        .map_err(|err| Failure::new(ErrorId::Unreadable, format!("cannot tell the current folder: {err}")))?;
    let named = reports::expand(&args.files, &here, "")?;
    let all: Vec<Inspected> = match &args.against {
        None => reports::read(&named, &here, Tally::default)
            .into_iter()
            .map(|read| inspected(read, |tally| (tally, None)))
            .collect(),
        Some(source) => {
            let configured = configured::find(args.config.as_deref())?;
            let gathered = inventory::gather(std::slice::from_ref(source), &configured)?;
            gathered.notes.iter().for_each(|note| terminal.say(note));
            let index = Index::new(&gathered.inventory, &configured.config.map);
            let meet = |(tally, places): (Tally, Places)| (tally, Some(against(&index, &places)));
            let read = reports::read(&named, &here, Default::default);
            read.into_iter().map(|read| inspected(read, meet)).collect()
        }
    };
    let failed = all.iter().filter(|file| file.error.is_some()).count();
    let text = match args.format {
        DiffFormat::Table => emit::text(&all),
        DiffFormat::Json => emit::lines(&all)
            .map_err(|err| Failure::new(ErrorId::Bug, format!("the figures cannot be written: {err}")))?,
    };
    terminal.print(text.as_bytes())?;
    let files = text::count(failed, "file");
    match failed {
        0 => Ok(exit::DONE),
        _ if args.strict => Err(Failure::new(ErrorId::PartlyRead, format!("{files} could not be read"))),
        _ if failed == all.len() => {
            Err(Failure::new(ErrorId::ReportInvalid, format!("{files} could not be read")))
        }
        _ => Ok(exit::DONE),
    }
}

fn inspected<S>(read: reports::Read<S>, figures: impl Fn(S) -> (Tally, Option<Against>)) -> Inspected {
    let name = read.name;
    match read.result {
        Ok((format, sink)) => {
            let (tally, against) = figures(sink);
            Inspected { name, format, tally, against, error: None }
        }
        Err(err) => Inspected {
            name,
            format: err.format,
            tally: Tally::default(),
            against: None,
            error: Some(err.to_string()),
        },
    }
}
