//! The history in shared storage: what is new is folded into it there, or kept in a file to be pushed later.

use std::io::Write;
use std::path::Path;

use super::Folded;
use crate::catalogue::ErrorId;
use crate::cli::args::RecordArgs;
use crate::cli::configured::Configured;
use crate::cli::place::{keep_copy, parse_shared};
use crate::cli::{Failure, Terminal};
use crate::config::address::{Address, Scheme};
use crate::emit::selection::quoted;
use crate::files::{self, Failed, Packing, Remote, Staged, unpacked};
use crate::history::SIZE_MAX;
use crate::history::store::{self, Store};
use crate::model::{Digest, Millis};

/// Longest time to try, where nothing else is said: hundreds of jobs may want to write at once.
const WAIT: Millis = Millis(600_000);

/// Folds into what is there, and says whether that changed anything. `alone` is what is new, by itself.
pub(super) fn push(
    address: &Address,
    alone: &Store,
    args: &RecordArgs,
    configured: &Configured,
    terminal: &mut Terminal<'_, impl Write, impl Write>,
    mut fold: impl FnMut(Store) -> Folded,
) -> Result<(Folded, bool), Failure> {
    let alone = store::write(alone);
    let digest = Digest::of(&alone);
    // Every recorder has pauses of its own, since it has something else to say.
    let seed = u64::from_str_radix(digest.short(), 16).unwrap_or(0);
    let mut newest: Option<(Folded, Vec<u8>)> = None;
    let mut changed = false;
    let change = |before: Option<&[u8]>| {
        let base = before.map_or_else(|| Ok(Store::default()), |bytes| parse_shared(bytes, address))?;
        let folded = fold(base);
        let bytes = store::write(&folded.store);
        let same = match before {
            Some(before) => unpacked(before, SIZE_MAX).is_ok_and(|before| before == bytes),
            None => folded.store == Store::default(),
        };
        let packed = match before.filter(|_| same) {
            Some(before) => before.to_vec(),
            None => Packing::of(Path::new(&address.key)).pack(bytes).map_err(|err| {
                Failure::new(ErrorId::CannotWrite, format!("cannot pack the history: {err}"))
            })?,
        };
        newest = Some((folded, packed.clone()));
        changed |= !same;
        Ok((!same).then_some(packed))
    };
    let wait = args.wait.unwrap_or(WAIT).into();
    let remote = Remote::open(address, wait).map_err(Failed::Storage);
    let done = remote.and_then(|remote| remote.update(SIZE_MAX, seed, change));
    let (id, message) = match (done, newest) {
        (Ok(()), Some((folded, bytes))) => {
            if let Some(note) = keep_copy(&bytes, address, configured) {
                terminal.say(note);
            }
            return Ok((folded, changed));
        }
        (Ok(()), None) => return Err(Failure::new(ErrorId::Bug, "nothing was folded")),
        (Err(Failed::Change(Failure::Said { id, message })), _) => (id, message),
        (Err(Failed::Change(closed)), _) => return Err(closed),
        (Err(Failed::Storage(what)), _) => {
            (ErrorId::StorageFailed, format!("cannot record into `{address}`: {what}"))
        }
    };
    if alone == store::write(&Store::default()) {
        return Err(Failure::new(id, message));
    }
    let name = format!("shard-spool-{}.json", &digest.short()[..8]);
    let path = configured.root.join(&name);
    let kept = Staged::new(&configured.root, [(name, &alone[..])]).and_then(Staged::publish);
    let kept = match kept {
        Ok(()) => {
            let spool = files::shown(&path);
            let command = again(&spool, args);
            format!(
                "\n  what was to be recorded is kept in `{spool}`\n  help: push it with `{command}`, then remove it"
            )
        }
        Err(err) => format!("\n  and what was to be recorded is lost: {err:#}"),
    };
    Err(Failure::new(id, message + &kept))
}

/// The command that pushes a spool where this one would have recorded.
fn again(spool: &str, args: &RecordArgs) -> String {
    let flag = |flag: &str, path: Option<&Path>| {
        path.map_or_else(String::new, |path| format!(" {flag} {}", quoted(&path.to_string_lossy())))
    };
    let (history, config) = (args.history.as_deref(), args.config.as_deref());
    format!(
        "shard record --merge {}{}{}",
        quoted(spool),
        flag("--history", history),
        flag("--config", config)
    )
}

/// Refuses what can only be read, before any work.
pub(super) fn writable(address: &Address) -> Result<(), Failure> {
    if !matches!(address.scheme, Scheme::Http | Scheme::Https) {
        return Ok(());
    }
    Err(Failure::new(
        ErrorId::StorageAddress,
        format!(
            "`{address}` can only be read: over plain HTTP writers would overwrite each other\n  help: name s3://, gs:// or az:// storage, or write a file with -o"
        ),
    ))
}
