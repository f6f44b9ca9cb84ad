//! Reports as they lie on disk: named, in folders, behind patterns, packed; read side by side.

use std::collections::BTreeSet;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use rayon::prelude::*;

use super::Failure;
use super::progress::Progress;
use crate::catalogue::ErrorId;
use crate::model::{Digest, Digesting};
use crate::report::{self, Format, ReportError, Sink};
use crate::{files, text};

/// What to do about a folder without anything in it.
pub(super) const FOLDER_HELP: &str =
    "\n  help: see what is in it with `ls`; what should have been written there?";

/// A file that may hold a report.
pub(super) struct Named {
    path: PathBuf,
    /// What it must be.
    format: Option<Format>,
    /// The user named this very file, so it must be a report.
    asked: bool,
}

impl Named {
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// As the user would call it.
    pub(super) fn shown(&self, here: &Path) -> String {
        self.path.strip_prefix(here).unwrap_or(&self.path).display().to_string()
    }

    /// The user said what it is.
    pub(super) fn is_forced(&self) -> bool {
        self.format.is_some()
    }
}

/// What became of one report.
pub(super) struct Read<S> {
    /// As the user would call it; with `!` between an archive and its file.
    pub(super) name: String,
    /// `None`: no format that is known, where that is no error.
    pub(super) result: Result<(Option<Format>, S), ReportError>,
    /// Of its contents, unpacked, where it was asked for and they are a report.
    pub(super) digest: Option<Digest>,
}

impl<S> Read<S> {
    /// What is wrong, with where.
    pub(super) fn error(&self) -> Option<String> {
        let err = self.result.as_ref().err()?;
        Some(err.in_file(text::printable(&self.name)))
    }
}

/// The files that are meant, each once: files, folders with all that they hold, patterns; a format in front
/// forces it. `flag` stands in front of them in messages. A folder that cannot be looked into is one of them:
/// it cannot be read either.
pub(super) fn expand(sources: &[String], here: &Path, flag: &str) -> Result<Vec<Named>, Failure> {
    let mut named: Vec<Named> = Vec::new();
    for source in sources {
        let (format, pattern) = match source.split_once(':') {
            Some((name, pattern)) if name.parse::<Format>().is_ok() => (name.parse().ok(), pattern),
            _ => (None, source.as_str()),
        };
        let path = here.join(pattern);
        if let Some(meant) = files::meant(here, pattern, "**/*")? {
            let found = meant.files.into_iter().filter(|path| may_be_read(path));
            let before = named.len();
            named.extend(found.chain(meant.closed).map(|path| Named { path, format, asked: false }));
            if named.len() == before {
                let what = if meant.folder { "holds" } else { "matches" };
                let help = if meant.folder { FOLDER_HELP } else { "" };
                let nothing =
                    Failure::new(ErrorId::NoMatch, format!("{flag}`{pattern}` {what} no file{help}"));
                return Err(no_format(source, &[]).unwrap_or(nothing));
            }
        } else if let Some(wrong) = no_format(source, &[]).filter(|_| !path.exists()) {
            return Err(wrong);
        } else {
            named.push(Named { path, format, asked: true });
        }
    }
    // Asked for first, so that a file that is also found somewhere stays asked for.
    named.sort_by(|a, b| (!a.asked, &a.path).cmp(&(!b.asked, &b.path)));
    let mut seen = BTreeSet::new();
    named.retain(|named| seen.insert(named.path.canonicalize().unwrap_or_else(|_| named.path.clone())));
    named.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(named)
}

/// Whether this is a file, or nobody may know. A pipe would wait for ever, and a link that leads round would be
/// read again and again.
fn may_be_read(path: &Path) -> bool {
    match path.metadata() {
        Ok(metadata) => metadata.is_file(),
        Err(err) => err.kind() == std::io::ErrorKind::PermissionDenied,
    }
}

/// What is wrong with a source that begins with a word and a colon, where the word is no format. `more` are
/// words that may stand there too.
pub(super) fn no_format(source: &str, more: &[&'static str]) -> Option<Failure> {
    let (word, _) = source.split_once(':')?;
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'_');
    let known = || more.iter().copied().chain(Format::words());
    // One letter is a drive.
    if word.len() < 2 || !word.bytes().all(plain) || known().any(|known| known == word) {
        return None;
    }
    let all = || {
        let names: Vec<&str> = more.iter().copied().chain(Format::all().map(Format::name)).collect();
        format!("in front of the colon may stand {}", names.join(", "))
    };
    let help = text::did_you_mean(word, known()).unwrap_or_else(all);
    Some(Failure::new(ErrorId::UnknownFormat, format!("no format `{word}`\n  help: {help}")))
}

/// Reads every file, and every file of an archive, each into a sink of its own; in the order of their names.
pub(super) fn read<S: Sink + Send>(
    named: &[Named],
    here: &Path,
    sink: impl Fn() -> S + Sync,
) -> Vec<Read<S>> {
    read_all(named, here, sink, || None)
}

/// As [`read`], with the digest of every report.
pub(super) fn read_digested<S: Sink + Send>(
    named: &[Named],
    here: &Path,
    sink: impl Fn() -> S + Sync,
) -> Vec<Read<S>> {
    read_all(named, here, sink, || Some(Digesting::default()))
}

fn read_all<S: Sink + Send>(
    named: &[Named],
    here: &Path,
    sink: impl Fn() -> S + Sync,
    digesting: impl Fn() -> Option<Digesting> + Sync,
) -> Vec<Read<S>> {
    let progress = Progress::new("reading", named.len(), "files");
    let read = |named| {
        let read = read_file(named, here, &sink, &digesting);
        progress.step();
        read
    };
    named.par_iter().flat_map_iter(read).collect()
}

fn read_file<S: Sink>(
    named: &Named,
    here: &Path,
    sink: impl Fn() -> S,
    digesting: impl Fn() -> Option<Digesting>,
) -> Vec<Read<S>> {
    let shown = named.shown(here);
    let mut all = Vec::new();
    let unpacked = files::unpack(&named.path, |member, input| {
        let mut sink = sink();
        let mut input = Digested { input, digest: digesting() };
        let result = match report::read_any(named.format, &mut input, &mut sink) {
            Ok(None) if named.asked && member.is_none() => Err(unknown(&shown)),
            Ok(format) => Ok((format, sink)),
            Err(err) => Err(err),
        };
        let name = member.map_or_else(|| shown.clone(), |member| format!("{shown}!{member}"));
        let digest = matches!(result, Ok((Some(_), _))).then(|| input.finish()).flatten();
        all.push(Read { name, result, digest });
    });
    if let Err(err) = unpacked {
        let close = files::did_you_mean(&named.path);
        let close = close.map_or_else(String::new, |close| format!("; {close}"));
        let what = match err.kind() {
            io::ErrorKind::NotFound => format!("it does not exist{close}"),
            _ => format!("cannot read it: {err}"),
        };
        let err = ReportError::new(None, what).of(named.format);
        all.push(Read { name: shown, result: Err(err), digest: None });
    }
    all
}

/// Knows what was read.
struct Digested<'a> {
    input: &'a mut dyn io::Read,
    digest: Option<Digesting>,
}

impl io::Read for Digested<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.input.read(buffer)?;
        self.digest.iter_mut().for_each(|digest| digest.add(&buffer[..read]));
        Ok(read)
    }
}

impl Digested<'_> {
    /// Of everything: what the reader left unread counts too.
    fn finish(mut self) -> Option<Digest> {
        if self.digest.is_some() {
            // What cannot be read any more adds nothing to a report that was understood.
            let _ = io::copy(&mut self.by_ref(), &mut io::sink());
        }
        self.digest.map(Digesting::finish)
    }
}

fn unknown(shown: &str) -> ReportError {
    let forced = format!("a format in front forces it, such as `junit-xml:{}`", text::printable(shown));
    ReportError::new(None, format!("this is no report that is known; {forced}"))
}
