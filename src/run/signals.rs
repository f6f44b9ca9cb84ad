//! What wakes the executor: a child that ended, a signal to us.

use std::io;
use std::sync::mpsc::{Receiver, channel};

/// A reason to look at the world.
#[cfg_attr(not(unix), allow(dead_code))]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wake {
    /// A child has ended.
    Child,
    /// We are told to end, by this signal.
    Signal(i32),
}

/// Listens from now on, in a thread of its own.
///
/// # Errors
/// The system has no room for handlers.
#[cfg(unix)]
pub(super) fn listen() -> io::Result<Receiver<Wake>> {
    use signal_hook::consts::{SIGCHLD, SIGHUP, SIGINT, SIGQUIT, SIGTERM};
    // Who started us with a signal ignored, as `nohup` does, wants it to stay so.
    let wanted = [SIGINT, SIGTERM, SIGHUP, SIGQUIT].into_iter().filter(|signal| !is_ignored(*signal));
    let mut signals = signal_hook::iterator::Signals::new(wanted.chain([SIGCHLD]))?;
    let (send, wakes) = channel();
    std::thread::spawn(move || {
        for signal in signals.forever() {
            let wake = if signal == SIGCHLD { Wake::Child } else { Wake::Signal(signal) };
            if send.send(wake).is_err() {
                return;
            }
        }
    });
    Ok(wakes)
}

/// There is nothing to listen to; the executor looks at the world anyway.
#[cfg(not(unix))]
pub(super) fn listen() -> io::Result<Receiver<Wake>> {
    Ok(channel().1)
}

/// Whether a terminal's key sends this signal to every process of the terminal's group.
pub(super) fn is_key(signal: i32) -> bool {
    matches!(signal, 2 | 3)
}

#[cfg(unix)]
fn is_ignored(signal: i32) -> bool {
    let status = crate::machine::group::text(std::path::Path::new("/proc/self/status")).unwrap_or_default();
    let ignored = crate::machine::parse::field(&status, "SigIgn");
    let ignored = ignored.and_then(|mask| u64::from_str_radix(mask, 16).ok()).unwrap_or(0);
    ignored >> (signal - 1) & 1 == 1
}
