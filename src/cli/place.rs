//! Where a history is: in a file, or in shared storage with a copy of it here.

use std::path::{Path, PathBuf};

use super::Failure;
use super::configured::Configured;
use super::report::parse_store;
use crate::catalogue::ErrorId;
use crate::config::address::Address;
use crate::files::{self, Remote, Staged};
use crate::history;
use crate::history::store::Store;
use crate::model::{Digest, Millis};

/// Longest time to try to read from shared storage, where nothing else is said.
pub(super) const READ_WAIT: Millis = Millis(30_000);

/// A place for a history.
pub(super) enum Place {
    File(PathBuf),
    Shared(Address),
}

impl Place {
    /// What the user named, or the configured place.
    pub(super) fn of(named: Option<&Path>, configured: &Configured) -> Result<Place, Failure> {
        let text = match named {
            Some(path) => path.to_str().unwrap_or_default(),
            None => &configured.config.history,
        };
        if !Address::is(text) {
            return Ok(Place::File(match named {
                Some(path) => configured.here.join(path),
                None => configured.root.join(text),
            }));
        }
        let wrong = |what| {
            Failure::new(ErrorId::StorageAddress, format!("history: {what}\n  help: such as s3://bucket/key"))
        };
        let address = Address::parse(text).map_err(wrong)?;
        if !cfg!(feature = "remote") {
            return Err(Failure::new(
                ErrorId::FeatureMissing,
                format!(
                    "`{address}` is in shared storage, which this build of shard leaves out\n  help: build it with `cargo install --locked --path . --features remote`, or name a file"
                ),
            ));
        }
        Ok(Place::Shared(address))
    }
}

/// What shared storage holds, as it is there; `None` where it holds nothing of this name.
///
/// # Errors
/// What it did not do, without its address.
pub(super) fn fetch(address: &Address, wait: Option<Millis>) -> Result<Option<Vec<u8>>, String> {
    Remote::open(address, wait.unwrap_or(READ_WAIT).into())?.fetch(history::SIZE_MAX, 0)
}

/// The store in bytes that shared storage holds.
pub(super) fn parse_shared(bytes: &[u8], address: &Address) -> Result<Store, Failure> {
    let unpacked = files::unpacked(bytes, history::SIZE_MAX);
    let unpacked = unpacked
        .map_err(|err| Failure::new(ErrorId::Unreadable, format!("cannot read `{address}`: {err:#}")))?;
    parse_store(&unpacked, &address.to_string())
}

/// The file beside the configuration that holds what was last seen of a history in shared storage.
pub(super) fn copy(address: &Address, configured: &Configured) -> PathBuf {
    let digest = Digest::of(address.to_string().as_bytes());
    configured.root.join(format!(".shard-history-{}.copy", &digest.short()[..8]))
}

/// Keeps what was just seen there. A folder that cannot be written is worth a word and no error.
pub(super) fn keep_copy(bytes: &[u8], address: &Address, configured: &Configured) -> Option<String> {
    let path = copy(address, configured);
    if files::read(&path, history::SIZE_MAX).is_ok_and(|before| before == bytes) {
        return None;
    }
    let name = path.file_name()?.to_string_lossy().into_owned();
    let staged = Staged::new(&configured.root, [(name, bytes)]);
    staged.and_then(Staged::publish).err().map(|err| format!("no copy of `{address}` is kept: {err:#}"))
}
