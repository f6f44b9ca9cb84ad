//! `shard man`: the manual pages, made of what `--help` says.

use std::io::{self, Write};

use anyhow::Context;
use clap::Command;
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};

use super::args::ManArgs;
use super::{Failure, Terminal, help};
use crate::catalogue::ErrorId;
use crate::text::count;
use crate::{exit, files};

pub(super) fn run(
    args: &ManArgs,
    terminal: &mut Terminal<'_, impl Write, impl Write>,
) -> Result<u8, Failure> {
    let pages = pages(help::command(false)).context("the manual pages cannot be made")?;
    let named = pages.iter().map(|(name, text)| (name.clone(), text.as_slice()));
    let staged = files::Staged::new(&args.folder, named);
    staged.and_then(files::Staged::publish).map_err(Failure::of(ErrorId::CannotWrite))?;
    terminal.say(format!("wrote {} to {}", count(pages.len(), "manual page"), args.folder.display()));
    Ok(exit::DONE)
}

/// A page for the program and one for each command that its help lists: name and text.
fn pages(mut program: Command) -> io::Result<Vec<(String, Vec<u8>)>> {
    // Gives every command its full name.
    program.build();
    let commands = program.get_subcommands().filter(|command| !command.is_hide_set()).cloned();
    let mut pages = vec![page(program.clone())?];
    for command in commands {
        pages.push(page(command)?);
    }
    Ok(pages)
}

/// One page. No date, so that a version's pages are the same bytes whenever they are made.
fn page(command: Command) -> io::Result<(String, Vec<u8>)> {
    let notes = command.get_after_long_help().map(ToString::to_string).unwrap_or_default();
    // They would all be filled as one paragraph, examples too.
    let man = Man::new(command.after_long_help(None::<&str>));
    let man = man.source(concat!("shard ", env!("CARGO_PKG_VERSION"))).manual("shard");
    let mut text = Vec::new();
    man.render(&mut text)?;
    text.extend(sections(&notes).to_roff().into_bytes());
    Ok((man.get_filename(), text))
}

/// The paragraphs below a command's flags as sections: examples line by line, the rest filled.
fn sections(notes: &str) -> Roff {
    let mut roff = Roff::new();
    let mut plain = false;
    for paragraph in notes.split("\n\n").filter(|paragraph| !paragraph.trim().is_empty()) {
        if let Some(lines) = paragraph.strip_prefix("Examples:\n") {
            roff.control("SH", ["EXAMPLES"]).control("nf", []);
            lines.lines().for_each(|line| {
                roff.text([bold(line.trim_start())]);
            });
            roff.control("fi", []);
            plain = false;
        } else if let Some(codes) = paragraph.strip_prefix("Exit codes: ") {
            roff.control("SH", ["EXIT STATUS"]).text([roman(codes)]);
            plain = false;
        } else {
            match plain {
                true => roff.control("PP", []),
                false => roff.control("SH", ["NOTES"]),
            };
            roff.text([roman(paragraph)]);
            plain = true;
        }
    }
    roff
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(notes: &str, expect: &str) {
        assert_eq!(sections(notes).to_roff(), expect);
    }

    #[test]
    fn paragraphs_become_sections() {
        check("", "");
        check("One.\n\nTwo.", ".SH NOTES\nOne.\n.PP\nTwo.\n");
        let notes = "Examples:\n  shard a\n  shard b\n\nOne.\n\nExit codes: 0 done";
        let examples = ".SH EXAMPLES\n.nf\n\\fBshard a\\fR\n\\fBshard b\\fR\n.fi\n";
        check(notes, &format!("{examples}.SH NOTES\nOne.\n.SH \"EXIT STATUS\"\n0 done\n"));
    }

    #[test]
    fn text_is_no_request() {
        check(".so /etc/passwd", ".SH NOTES\n\\&.so /etc/passwd\n");
    }
}
