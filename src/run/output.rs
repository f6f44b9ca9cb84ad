//! What a session prints goes to our own output byte for byte; on the way we hear that it is alive, and
//! keep the last of it to explain its end.
//!
//! A terminal is handed on as it is, so that the tools see one; then nothing is heard.

mod pass;

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, IsTerminal};
use std::process::Stdio;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use pass::{Stream, pass};

/// So much of the end is kept, in bytes.
const TAIL_MAX: usize = 64 << 10;

/// What was heard of a child.
pub(super) struct Output {
    shared: Arc<Shared>,
    /// Whether anything can be heard at all.
    pub(super) heard: bool,
}

struct Shared {
    begun: Instant,
    /// When something was last heard, in milliseconds.
    last: AtomicU64,
    /// Threads that have not reached the end of all that they listen to.
    open: AtomicUsize,
    tail: Mutex<VecDeque<u8>>,
}

/// The ends of a child's output.
pub(super) struct Ends {
    pub(super) stdout: Stdio,
    pub(super) stderr: Stdio,
}

impl Output {
    /// Output for a new child, and what listens to it. `begun` is when the shard began; `lines`: several
    /// children print at once, so what they print is handed on by whole lines.
    ///
    /// # Errors
    /// The system has no more pipes.
    pub(super) fn new(begun: Instant, lines: bool) -> io::Result<(Output, Ends)> {
        let shared = Arc::new(Shared {
            begun,
            last: AtomicU64::new(millis(begun.elapsed())),
            open: AtomicUsize::new(0),
            tail: Mutex::new(VecDeque::new()),
        });
        let (out, err) = (io::stdout(), io::stderr());
        let mut ends = Ends { stdout: Stdio::inherit(), stderr: Stdio::inherit() };
        let (mut streams, mut writer) = (Vec::new(), None);
        if !out.is_terminal() {
            let (reader, end) = io::pipe()?;
            writer = Some(end.try_clone()?);
            ends.stdout = end.into();
            streams.push(Stream::new(reader, duplicate_stdout()?));
        }
        if !err.is_terminal() {
            match writer {
                // Both go to the same place: one pipe keeps their order.
                Some(end) if same_place() => ends.stderr = end.into(),
                _ => {
                    let (reader, end) = io::pipe()?;
                    ends.stderr = end.into();
                    streams.push(Stream::new(reader, duplicate_stderr()?));
                }
            }
        }
        let heard = !streams.is_empty();
        if cfg!(unix) && heard {
            listen(&shared, streams, lines);
        } else {
            // Elsewhere nobody waits for two pipes at once.
            streams.into_iter().for_each(|stream| listen(&shared, vec![stream], lines));
        }
        Ok((Output { shared, heard }, ends))
    }

    /// When something was last heard, by the shard's clock.
    pub(super) fn last(&self) -> Duration {
        Duration::from_millis(self.shared.last.load(Ordering::Relaxed))
    }

    /// Whether all of it has arrived. What the child left running may hold its output open.
    pub(super) fn is_complete(&self) -> bool {
        self.shared.open.load(Ordering::Acquire) == 0
    }

    /// The end of what it printed.
    pub(super) fn tail(&self) -> String {
        let tail = self.shared.tail.lock().unwrap_or_else(PoisonError::into_inner);
        let bytes: Vec<u8> = tail.iter().copied().collect();
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// Hands on what comes, in a thread of its own, until nobody holds the other ends.
fn listen(shared: &Arc<Shared>, streams: Vec<Stream>, lines: bool) {
    shared.open.fetch_add(1, Ordering::AcqRel);
    let shared = Arc::clone(shared);
    std::thread::spawn(move || {
        pass(streams, lines, |bytes| {
            shared.last.store(millis(shared.begun.elapsed()), Ordering::Relaxed);
            shared.keep(bytes);
        });
        shared.open.fetch_sub(1, Ordering::AcqRel);
    });
}

impl Shared {
    fn keep(&self, bytes: &[u8]) {
        let mut tail = self.tail.lock().unwrap_or_else(PoisonError::into_inner);
        tail.extend(&bytes[bytes.len().saturating_sub(TAIL_MAX)..]);
        let over = tail.len().saturating_sub(TAIL_MAX);
        tail.drain(..over);
    }
}

// Not through `io::stdout()`: its lock is held by who runs the command, and it keeps back unfinished lines.
#[cfg(unix)]
fn duplicate_stdout() -> io::Result<File> {
    use std::os::fd::AsFd;
    Ok(io::stdout().as_fd().try_clone_to_owned()?.into())
}

#[cfg(unix)]
fn duplicate_stderr() -> io::Result<File> {
    use std::os::fd::AsFd;
    Ok(io::stderr().as_fd().try_clone_to_owned()?.into())
}

#[cfg(windows)]
fn duplicate_stdout() -> io::Result<File> {
    use std::os::windows::io::AsHandle;
    Ok(io::stdout().as_handle().try_clone_to_owned()?.into())
}

#[cfg(windows)]
fn duplicate_stderr() -> io::Result<File> {
    use std::os::windows::io::AsHandle;
    Ok(io::stderr().as_handle().try_clone_to_owned()?.into())
}

/// Whether standard output and standard error are the same pipe or file.
#[cfg(unix)]
fn same_place() -> bool {
    let place = |file: rustix::io::Result<rustix::fs::Stat>| file.ok().map(|file| (file.st_dev, file.st_ino));
    let out = place(rustix::fs::fstat(io::stdout()));
    out.is_some() && out == place(rustix::fs::fstat(io::stderr()))
}

#[cfg(not(unix))]
fn same_place() -> bool {
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_is_kept_and_bounded() {
        let shared = Shared {
            begun: Instant::now(),
            last: AtomicU64::new(0),
            open: AtomicUsize::new(0),
            tail: Mutex::new(VecDeque::new()),
        };
        let output = Output { shared: Arc::new(shared), heard: true };
        for i in 0..20_000 {
            output.shared.keep(format!("line {i}\n").as_bytes());
        }
        output.shared.keep(b"last \xff");
        let tail = output.tail();
        assert!(tail.ends_with("line 19999\nlast \u{fffd}") && tail.len() <= TAIL_MAX + 2, "{}", tail.len());
        output.shared.keep(&[b'x'; 3 * TAIL_MAX]);
        assert_eq!(output.tail().len(), TAIL_MAX);
    }
}
