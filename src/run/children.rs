//! The processes that we start: how they begin, are told to end, and how they did.

use std::io;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::model::Bytes;

/// The end of a process: one that we started, or one that we adopted when its parent ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ended {
    /// Its number.
    pub(super) pid: u32,
    /// Its exit code; `None` where a signal ended it.
    pub(super) exit: Option<i32>,
    /// The signal that ended it.
    pub(super) signal: Option<i32>,
    /// The most that it held, or any process below it that it waited for.
    pub(super) most: Option<Bytes>,
}

/// How to tell a process to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tell {
    /// Write your stacks (`SIGQUIT`).
    Stacks,
    /// End, please (`SIGTERM`).
    End,
    /// At once (`SIGKILL`).
    Now,
    /// What we were told ourselves.
    Same(i32),
    /// Stop where you stand (`SIGSTOP`).
    Rest,
    /// Go on (`SIGCONT`).
    Wake,
}

/// What becomes of a child when we die without a word.
#[cfg_attr(not(target_os = "linux"), allow(dead_code))]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Orphan {
    /// It goes on.
    Stays,
    /// It goes on, also if it rests: nobody else would ever wake it.
    Wakes,
    /// It is killed: nobody else knows of it.
    Dies,
}

/// Where a child runs, and with what.
pub(super) struct Start<'a> {
    /// Program and arguments.
    pub(super) words: &'a [String],
    /// The working directory.
    pub(super) folder: &'a Path,
    /// Variables beside our own; `None` removes one.
    pub(super) variables: &'a [(&'static str, Option<String>)],
    /// In a process group of its own, so that it can be told with all its processes. Not on a terminal:
    /// the terminal's keys go to one group only.
    #[cfg_attr(not(unix), allow(dead_code))]
    pub(super) group: bool,
    /// When we die, where the system can do that.
    #[cfg_attr(not(target_os = "linux"), allow(dead_code))]
    pub(super) orphan: Orphan,
    /// Where memory runs out the kernel shall rather kill it than us, who can tell of it.
    #[cfg_attr(not(target_os = "linux"), allow(dead_code))]
    pub(super) victim: bool,
    pub(super) stdout: Stdio,
    pub(super) stderr: Stdio,
}

#[cfg(unix)]
pub(super) use unix::{Children, adopt_orphans};

#[cfg(not(unix))]
pub(super) use others::{Children, adopt_orphans};

fn command(start: Start<'_>) -> io::Result<Command> {
    let (program, arguments) = start.words.split_first().ok_or(io::ErrorKind::InvalidInput)?;
    // The executor's only way to start a process: the tier's command or what the user typed.
    #[allow(clippy::disallowed_methods)]
    let mut command = Command::new(program);
    command.args(arguments).current_dir(start.folder).stdout(start.stdout).stderr(start.stderr);
    for (name, value) in start.variables {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    Ok(command)
}

#[cfg(unix)]
mod unix {
    use std::os::unix::process::CommandExt;

    use rustix::process::{Pid, Signal, kill_process, kill_process_group};

    use super::*;

    /// The children that have not ended yet.
    #[derive(Default)]
    pub(in crate::run) struct Children {
        /// Each with whether it leads a group.
        running: std::collections::BTreeMap<u32, bool>,
    }

    impl Children {
        /// Starts a process.
        ///
        /// # Errors
        /// What the system says: no such program, too many arguments.
        pub(in crate::run) fn start(&mut self, start: Start<'_>) -> io::Result<u32> {
            let group = start.group;
            #[cfg(target_os = "linux")]
            let death = match start.orphan {
                Orphan::Stays => None,
                Orphan::Wakes => Some(Signal::CONT),
                Orphan::Dies => Some(Signal::KILL),
            };
            #[cfg(target_os = "linux")]
            let victim = start.victim;
            let mut command = command(start)?;
            if group {
                command.process_group(0);
            }
            #[cfg(target_os = "linux")]
            if let Some(signal) = death {
                told_of_our_end(&mut command, signal);
            }
            let pid = command.spawn()?.id();
            // Our own figure stays as it is.
            #[cfg(target_os = "linux")]
            if victim {
                let ours = std::fs::read_to_string("/proc/self/oom_score_adj").ok();
                let ours = ours.and_then(|text| text.trim().parse::<i32>().ok()).unwrap_or(0);
                let theirs = ours.saturating_add(500).min(1_000).to_string();
                let _ = std::fs::write(format!("/proc/{pid}/oom_score_adj"), theirs);
            }
            self.running.insert(pid, group);
            Ok(pid)
        }

        /// The next end that nobody was told of yet, without waiting.
        pub(in crate::run) fn ended(&mut self) -> Option<Ended> {
            let ended = wait()?;
            self.running.remove(&ended.pid);
            Some(ended)
        }

        /// Tells a child, its group, and those of its processes that left the group. Who is gone already
        /// cannot hear.
        pub(in crate::run) fn tell(&self, child: u32, others: &[u32], tell: Tell) {
            let signal = match tell {
                Tell::Stacks => Signal::QUIT,
                Tell::End => Signal::TERM,
                Tell::Now => Signal::KILL,
                Tell::Rest => Signal::STOP,
                Tell::Wake => Signal::CONT,
                Tell::Same(number) => match Signal::from_named_raw(number) {
                    Some(signal) => signal,
                    None => return,
                },
            };
            let pid = |pid: u32| i32::try_from(pid).ok().and_then(Pid::from_raw);
            let group = self.running.get(&child).copied();
            if let (Some(leads), Some(child)) = (group, pid(child)) {
                let _ = if leads { kill_process_group(child, signal) } else { kill_process(child, signal) };
            }
            // A request goes to the group; what needs no consent concerns everybody.
            if matches!(tell, Tell::Now | Tell::Rest | Tell::Wake) {
                for other in others.iter().filter_map(|other| pid(*other)) {
                    let _ = kill_process(other, signal);
                }
            }
        }
    }

    /// Has the kernel send this to what is started when the thread ends that starts it.
    #[cfg(target_os = "linux")]
    #[allow(unsafe_code)]
    fn told_of_our_end(command: &mut Command, signal: Signal) {
        let ask = move || Ok(rustix::process::set_parent_process_death_signal(Some(signal))?);
        // Only the new process can ask for that, between `fork` and `exec`.
        // SAFETY: the closure makes one system call; it takes no lock and no memory.
        unsafe { command.pre_exec(ask) };
    }

    /// Waits for nobody: the end of any child that has ended.
    #[allow(unsafe_code)]
    fn wait() -> Option<Ended> {
        let mut status = 0;
        let mut usage = std::mem::MaybeUninit::<libc::rusage>::zeroed();
        // No safe wrapper that is kept well has `wait4`, the only call that says what a process held.
        // SAFETY: both pointers are to live values of the types that the call writes; `rusage` is plain
        // integers, for which zero bytes are a value.
        let (pid, usage) = unsafe {
            let pid = libc::wait4(-1, &raw mut status, libc::WNOHANG, usage.as_mut_ptr());
            (pid, usage.assume_init())
        };
        let pid = u32::try_from(pid).ok().filter(|pid| *pid > 0)?;
        let (exit, signal) = match libc::WIFSIGNALED(status) {
            true => (None, Some(libc::WTERMSIG(status))),
            false => (Some(libc::WEXITSTATUS(status)), None),
        };
        let most = u64::try_from(usage.ru_maxrss).ok();
        // macOS counts bytes, the others kB.
        let unit = if cfg!(target_os = "macos") { 1 } else { 1024 };
        Some(Ended { pid, exit, signal, most: most.map(|most| Bytes(most.saturating_mul(unit))) })
    }

    /// From now on whoever loses its parent below us becomes our child. Needs no privilege.
    pub(in crate::run) fn adopt_orphans() {
        #[cfg(target_os = "linux")]
        let _ = rustix::process::set_child_subreaper(Some(rustix::process::getpid()));
    }
}

#[cfg(not(unix))]
mod others {
    use super::*;

    /// The children that have not ended yet.
    #[derive(Default)]
    pub(in crate::run) struct Children {
        running: std::collections::BTreeMap<u32, std::process::Child>,
    }

    impl Children {
        pub(in crate::run) fn start(&mut self, start: Start<'_>) -> io::Result<u32> {
            let child = command(start)?.spawn()?;
            let pid = child.id();
            self.running.insert(pid, child);
            Ok(pid)
        }

        pub(in crate::run) fn ended(&mut self) -> Option<Ended> {
            let (pid, exit) = self.running.iter_mut().find_map(|(pid, child)| {
                let status = child.try_wait().ok()??;
                Some((*pid, status.code()))
            })?;
            self.running.remove(&pid);
            Some(Ended { pid, exit, signal: None, most: None })
        }

        /// There is no way to ask, and none to rest: only force works.
        pub(in crate::run) fn tell(&mut self, child: u32, _others: &[u32], tell: Tell) {
            if let (Some(child), Tell::End | Tell::Now) = (self.running.get_mut(&child), tell) {
                let _ = child.kill();
            }
        }
    }

    pub(in crate::run) fn adopt_orphans() {}
}
