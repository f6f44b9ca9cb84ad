//! Disk, processes and shared storage: reading with bounds, walking in order, writing so that a crash leaves the
//! old or the new.

mod ends;
mod extract;
mod ignored;
mod packed;
#[cfg(feature = "remote")]
mod remote;
#[cfg(not(feature = "remote"))]
#[path = "files/without_remote.rs"]
mod remote;
mod shared;
mod tree;

use std::fmt;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitStatus;

use anyhow::{Context, Result, bail};

pub use ends::{ends_of, read_ends};
pub use extract::extract;
pub use packed::{Packing, read_packed, unpack, unpacked};
pub use remote::{Failed, Remote};
pub use shared::Exclusive;
pub use tree::{Tree, tree};

/// A path as people call it: from the working directory on, where it is in there.
#[must_use]
pub fn shown(path: &Path) -> String {
    let below =
        std::env::current_dir().ok().and_then(|here| path.strip_prefix(here).ok().map(Path::to_owned));
    below.filter(|path| !path.as_os_str().is_empty()).unwrap_or_else(|| path.to_owned()).display().to_string()
}

/// Most names of a folder that are looked at for one that was meant.
const NAMES_MAX: usize = 10_000;

/// A file that was named and is not there.
#[derive(Debug)]
pub struct Missing(PathBuf);

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` does not exist", shown(&self.0))?;
        did_you_mean(&self.0).map_or(Ok(()), |help| write!(f, "\n  help: {help}"))
    }
}

impl std::error::Error for Missing {}

/// A pattern that is none.
#[derive(Debug)]
pub struct NoPattern(String);

impl fmt::Display for NoPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let help =
            "`*`, `**`, `?` and `[abc]` have a meaning; one that is meant as such stands in brackets: `[[]`";
        write!(f, "{}\n  help: {help}", self.0)
    }
}

impl std::error::Error for NoPattern {}

fn cannot_read(path: &Path, err: io::Error) -> anyhow::Error {
    match err.kind() {
        io::ErrorKind::NotFound => Missing(path.to_owned()).into(),
        _ => anyhow::Error::new(err).context(format!("cannot read `{}`", shown(path))),
    }
}

/// `did you mean \`x\`?` for what lies where `path` does not exist, and has nearly its name.
#[must_use]
pub fn did_you_mean(path: &Path) -> Option<String> {
    let wrong = path.file_name()?.to_str()?;
    let folder = path.parent()?;
    let open = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let entries = fs::read_dir(open).ok()?.take(NAMES_MAX).flatten();
    let names: Vec<String> = entries.filter_map(|entry| entry.file_name().into_string().ok()).collect();
    let close = crate::text::closest(wrong, names.iter().map(String::as_str))?;
    Some(format!("did you mean `{}`?", crate::text::printable(&shown(&folder.join(close)))))
}

/// Reads a whole file of at most `most` bytes.
///
/// # Errors
/// The file is missing, no file, unreadable or too large.
pub fn read(path: &Path, most: u64) -> Result<Vec<u8>> {
    let shown = shown(path);
    let file = File::open(path).map_err(|err| cannot_read(path, err))?;
    if file.metadata().is_ok_and(|metadata| metadata.is_dir()) {
        bail!("`{shown}` is a folder, not a file");
    }
    read_from(file, most).with_context(|| format!("cannot read `{shown}`"))
}

/// Reads everything that `input` holds, at most `most` bytes.
///
/// # Errors
/// What the input reports, and more bytes than `most`.
pub fn read_from(input: impl Read, most: u64) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    input.take(most + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > most {
        bail!("it is larger than {} MiB, the most that is read", most >> 20);
    }
    Ok(bytes)
}

/// The file `name` in `folder` or the nearest folder above it.
#[must_use]
pub fn find_upwards(folder: &Path, name: &str) -> Option<PathBuf> {
    folder.ancestors().map(|folder| folder.join(name)).find(|path| path.is_file())
}

/// What a pattern matches.
pub struct Walked {
    /// Files in the order of their names, relative to the folder of the walk and with `/` between their parts.
    pub files: Vec<String>,
    /// Folders that could not be looked into.
    pub closed: Vec<PathBuf>,
}

/// What `pattern` matches below `folder`.
///
/// # Errors
/// A pattern that is none, a name that is not UTF-8.
pub fn walk(folder: &Path, pattern: &str) -> Result<Walked> {
    let options = glob::MatchOptions {
        case_sensitive: true,
        require_literal_separator: true,
        require_literal_leading_dot: false,
    };
    let root = glob::Pattern::escape(&folder.to_string_lossy());
    let whole =
        if Path::new(pattern).is_absolute() { pattern.to_owned() } else { format!("{root}/{pattern}") };
    let entries = glob::glob_with(&whole, options)
        .map_err(|err| NoPattern(format!("`{pattern}` is no pattern: {}", err.msg)))?;
    let (mut found, mut closed) = (Vec::new(), Vec::new());
    for entry in entries {
        let path = match entry {
            Ok(path) => path,
            Err(err) => {
                closed.push(err.path().to_owned());
                continue;
            }
        };
        if path.is_dir() {
            continue;
        }
        let relative = path.strip_prefix(folder).unwrap_or(&path);
        let Some(name) = relative.to_str() else {
            bail!("the file name `{}` is not UTF-8", relative.display())
        };
        found.push(name.replace(std::path::MAIN_SEPARATOR, "/"));
    }
    found.sort_unstable();
    closed.sort_unstable();
    closed.dedup();
    Ok(Walked { files: found, closed })
}

/// The files that a folder or a pattern means.
pub struct Meant {
    /// It is a folder.
    pub folder: bool,
    /// In the order of their names.
    pub files: Vec<PathBuf>,
    /// Folders that could not be looked into.
    pub closed: Vec<PathBuf>,
}

/// What `source` means in `here`: of a folder what `inside` matches in it, else the files that it matches itself, and where
/// these are none what `inside` matches in the folders. `None`: it is the name of a file, there or not.
///
/// # Errors
/// As [`walk`].
pub fn meant(here: &Path, source: &str, inside: &str) -> Result<Option<Meant>> {
    let path = here.join(source);
    let folder = path.is_dir();
    if !folder && (path.exists() || !is_pattern(source)) {
        return Ok(None);
    }
    let (from, walked) = match folder {
        true => (&*path, walk(&path, inside)?),
        false => match walk(here, source)? {
            none if none.files.is_empty() && none.closed.is_empty() => {
                (here, walk(here, &format!("{}/{inside}", source.trim_end_matches('/')))?)
            }
            some => (here, some),
        },
    };
    let files = walked.files.into_iter().map(|name| from.join(name)).collect();
    Ok(Some(Meant { folder, files, closed: walked.closed }))
}

/// Whether `text` holds a character of a pattern.
#[must_use]
pub fn is_pattern(text: &str) -> bool {
    text.contains(['*', '?', '['])
}

/// Files to be written together.
pub struct Staged {
    folder: PathBuf,
    /// Closed already: a plan may have more files than may be open at once.
    files: Vec<(String, tempfile::TempPath)>,
}

impl Staged {
    /// Writes every file under a temporary name in `folder`, which is made where it is missing.
    /// Nothing is visible yet.
    ///
    /// # Errors
    /// The folder cannot be made or written.
    pub fn new<'a>(folder: &Path, files: impl IntoIterator<Item = (String, &'a [u8])>) -> Result<Staged> {
        let cannot = || format!("cannot write to `{}`", shown(folder));
        fs::create_dir_all(folder).with_context(cannot)?;
        let stage = |(name, bytes): (String, &[u8])| -> io::Result<_> {
            let mut file = tempfile::Builder::new().prefix(".shard-").tempfile_in(folder)?;
            file.write_all(bytes)?;
            readable(file.as_file())?;
            file.as_file().sync_all()?;
            Ok((name, file.into_temp_path()))
        };
        let files = files.into_iter().map(stage).collect::<io::Result<_>>().with_context(cannot)?;
        Ok(Staged { folder: folder.to_owned(), files })
    }

    /// Gives every file its name, in order. A crash in between leaves each file either old or new.
    ///
    /// # Errors
    /// A name that cannot be taken, such as that of a folder.
    pub fn publish(self) -> Result<()> {
        for (name, file) in self.files {
            let path = self.folder.join(&name);
            file.persist(&path)
                .map_err(|err| err.error)
                .with_context(|| format!("cannot write `{}`", shown(&path)))?;
        }
        Ok(())
    }
}

/// Writes a file below `root` that is not there yet, with the folders that lead to it; returns whether it did. What is there
/// stays, links too.
///
/// # Errors
/// A folder on the way that is a link, which may lead anywhere; a folder or file that cannot be made.
pub fn create_new(root: &Path, name: &str, bytes: &[u8]) -> Result<bool> {
    let path = root.join(name);
    let cannot = || format!("cannot write `{}`", path.display());
    if path.symlink_metadata().is_ok() {
        return Ok(false);
    }
    let mut folder = root.to_owned();
    let above = Path::new(name).parent().unwrap_or(Path::new(""));
    for part in above {
        folder.push(part);
        match folder.symlink_metadata() {
            Ok(there) if there.is_dir() => {}
            Ok(_) => bail!("cannot write `{name}`: `{}` is no folder of its own", folder.display()),
            Err(_) => fs::create_dir(&folder).with_context(cannot)?,
        }
    }
    let mut file = tempfile::Builder::new().prefix(".shard-").tempfile_in(&folder).with_context(cannot)?;
    let written = file.write_all(bytes).and_then(|()| readable(file.as_file()));
    written.and_then(|()| file.as_file().sync_all()).with_context(cannot)?;
    match file.persist_noclobber(&path) {
        Ok(_) => Ok(true),
        Err(err) if err.error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        Err(err) => Err(err.error).with_context(cannot),
    }
}

/// Temporary files are private; results are for everybody who may read the folder.
#[cfg(unix)]
fn readable(file: &File) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    file.set_permissions(fs::Permissions::from_mode(0o644))
}

#[cfg(not(unix))]
fn readable(_file: &File) -> io::Result<()> {
    Ok(())
}

/// Removes a regular file directly in `folder`; leaves links, folders and what is not there.
///
/// # Errors
/// The file is there and cannot be removed.
pub fn remove_regular(folder: &Path, name: &str) -> Result<()> {
    let path = folder.join(name);
    match fs::symlink_metadata(&path) {
        Ok(metadata) if metadata.is_file() => {
            fs::remove_file(&path).with_context(|| format!("cannot remove `{}`", shown(&path)))
        }
        _ => Ok(()),
    }
}

/// Why a command listed nothing.
#[derive(Debug)]
pub struct CommandFailed {
    /// In words, with the command.
    pub message: String,
    /// There is no such program, as far as that can be told.
    pub missing: bool,
}

/// What `command` prints. Its messages go where ours go.
///
/// # Errors
/// It cannot be started, prints too much, or fails.
pub fn run_command(command: &[String], folder: &Path, most: u64) -> Result<Vec<u8>, CommandFailed> {
    // What shells and `env` end with where they find no program.
    const NO_PROGRAM: i32 = 127;
    let failed = |missing: bool, err: &anyhow::Error| CommandFailed { message: format!("{err:#}"), missing };
    let no_program = |err: &anyhow::Error| {
        err.downcast_ref::<io::Error>().is_some_and(|err| err.kind() == io::ErrorKind::NotFound)
    };
    let (output, status) = printed(command, folder, most).map_err(|err| failed(no_program(&err), &err))?;
    if status.success() {
        return Ok(output);
    }
    let tail = String::from_utf8_lossy(&output);
    let tail: Vec<&str> = tail.lines().rev().take(5).collect();
    let tail: String =
        tail.iter().rev().map(|line| format!("\n  | {}", crate::text::printable(line))).collect();
    let command = crate::text::printable(&command.join(" "));
    let message = format!("`{command}` failed: {status}{tail}");
    Err(CommandFailed { message, missing: status.code() == Some(NO_PROGRAM) })
}

/// What a command prints, and how it ends.
fn printed(command: &[String], folder: &Path, most: u64) -> Result<(Vec<u8>, ExitStatus)> {
    let (program, arguments) = command.split_first().context("the command is empty")?;
    let shown = || format!("`{}`", crate::text::printable(&command.join(" ")));
    // The only place of the planner that starts a process: the inventory's command, from the
    // configuration.
    #[allow(clippy::disallowed_methods)]
    let mut child = std::process::Command::new(program)
        .args(arguments)
        .current_dir(folder)
        .stdin(std::process::Stdio::null())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot start {}", shown()))?;
    let output = child.stdout.take().map(|output| read_from(output, most));
    let output =
        output.context("no output")?.with_context(|| format!("while reading what {} prints", shown()));
    if output.is_err() {
        // It still writes into a closed pipe; waiting for it alone could take forever.
        let _ = child.kill();
    }
    let status = child.wait().with_context(|| format!("while waiting for {}", shown()))?;
    Ok((output?, status))
}
