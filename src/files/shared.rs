//! One file that several processes read, change and write back.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::readable;

/// How often a lock is tried, and how long it is waited for in between: ten minutes in all.
const TRIES: usize = 30_000;
const PAUSE: Duration = Duration::from_millis(20);

/// A file that nobody else changes as long as this lives, if they ask as we do.
///
/// The lock is on a file beside it, since a file that is replaced cannot hold one. The system lets go of it
/// when the process ends, however it ends.
pub struct Exclusive {
    path: PathBuf,
    folder: PathBuf,
    name: String,
    lock: PathBuf,
    // Let go last.
    _held: File,
}

impl Exclusive {
    /// Waits until nobody else holds `path`, which need not exist; its folder is made where it is missing. A
    /// link is followed, so that what it leads to is changed.
    ///
    /// # Errors
    /// A folder that cannot be written, or somebody who holds the file for ten minutes.
    pub fn new(path: &Path) -> Result<Exclusive> {
        let shown = super::shown(path);
        let path = match fs::canonicalize(path) {
            Ok(path) => path,
            Err(_) => path.to_owned(),
        };
        let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else {
            bail!("`{shown}` is no name of a file");
        };
        let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder }.to_owned();
        let name = name.to_string_lossy().into_owned();
        fs::create_dir_all(&folder)
            .with_context(|| format!("cannot write to `{}`", super::shown(&folder)))?;
        let lock = folder.join(format!(".{name}.lock"));
        for _ in 0..TRIES {
            if let Some(held) =
                try_lock(&lock).with_context(|| format!("cannot lock `{}`", super::shown(&lock)))?
            {
                return Ok(Exclusive { path, folder, name, lock, _held: held });
            }
            std::thread::sleep(PAUSE);
        }
        bail!("`{shown}` is being written by another process for ten minutes\n  help: end it, or try again")
    }

    /// Replaces the file. Whoever reads it, and whatever ends this process, finds all of the old or all of
    /// the new one.
    ///
    /// # Errors
    /// The folder cannot be written, or the name is that of a folder.
    pub fn replace(&self, bytes: &[u8]) -> Result<()> {
        let cannot = || format!("cannot write `{}`", super::shown(&self.path));
        let (prefix, suffix) = (format!(".{}.", self.name), ".new");
        // What processes left that were killed while they wrote: the lock is ours, so nobody needs it.
        for entry in fs::read_dir(&self.folder).with_context(cannot)?.flatten() {
            let name = entry.file_name();
            if name.to_str().is_some_and(|name| name.starts_with(&prefix) && name.ends_with(suffix)) {
                let _ = fs::remove_file(entry.path());
            }
        }
        let write = || -> io::Result<()> {
            let mut file =
                tempfile::Builder::new().prefix(&prefix).suffix(suffix).tempfile_in(&self.folder)?;
            file.write_all(bytes)?;
            readable(file.as_file())?;
            file.as_file().sync_all()?;
            file.persist(&self.path).map_err(|err| err.error)?;
            // Makes the new name outlast a loss of power, where folders can be synced.
            if let Ok(folder) = File::open(&self.folder) {
                let _ = folder.sync_all();
            }
            Ok(())
        };
        write().with_context(cannot)
    }
}

impl Drop for Exclusive {
    fn drop(&mut self) {
        // Whoever waits for this very file sees that it is gone and takes the next. Where an open file cannot
        // be removed it stays, empty.
        if cfg!(unix) {
            let _ = fs::remove_file(&self.lock);
        }
    }
}

/// The locked file; `None` where somebody else has it.
fn try_lock(path: &Path) -> io::Result<Option<File>> {
    let file = OpenOptions::new().create(true).truncate(false).write(true).open(path)?;
    match fs4::FileExt::try_lock(&file) {
        Ok(()) => Ok(is_still(&file, path).then_some(file)),
        Err(fs4::TryLockError::WouldBlock) => Ok(None),
        Err(fs4::TryLockError::Error(err)) => Err(err),
    }
}

/// Whether `path` still names the open file: the one who held it before may have removed it.
#[cfg(unix)]
fn is_still(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let inode = |metadata: fs::Metadata| (metadata.dev(), metadata.ino());
    file.metadata().map(inode).ok() == fs::metadata(path).map(inode).ok()
}

#[cfg(not(unix))]
fn is_still(_file: &File, _path: &Path) -> bool {
    true
}
