//! What a set of processes holds together: pure, over what each says of itself.
//!
//! The sum of their resident memory is too much: a forked process shares nearly all with its parent, and
//! every process of a program maps the same files. Measured, four forked children of a 200 MB process
//! come to 1028 MB that way, where 209 MB are held.

use std::collections::BTreeMap;

/// One process at one moment, in bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Process {
    /// Private memory.
    pub(super) anonymous: u64,
    /// Pages of files.
    pub(super) file: u64,
    /// Shared memory, and files in memory.
    pub(super) shared: u64,
    /// The most that it ever held, as far as is known.
    pub(super) highest: u64,
    /// All that it has mapped.
    pub(super) mapped: u64,
    /// Where its stack begins: the same in forked processes, another one after `exec`; 0: unknown.
    pub(super) stack: u64,
    /// The program, as a number.
    pub(super) program: u64,
    /// Of `anonymous` and `shared`, what is counted in other processes.
    pub(super) elsewhere: u64,
    /// `highest` has grown since the last look, beyond what it holds now: by so much.
    pub(super) spike: u64,
}

impl Process {
    /// What it holds, wherever it is counted.
    pub(super) fn resident(&self) -> u64 {
        self.anonymous + self.file + self.shared
    }

    /// Private and shared memory without files.
    pub(super) fn own(&self) -> u64 {
        self.anonymous + self.shared
    }
}

/// What a set of processes holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Level {
    /// Now.
    pub(super) now: u64,
    /// At most since the last look: a process may have held more for a moment.
    pub(super) most: u64,
}

/// The bytes that these processes hold together.
pub(super) fn level<'a>(processes: impl IntoIterator<Item = &'a Process>) -> Level {
    let mut files: BTreeMap<u64, u64> = BTreeMap::new();
    let mut twins: BTreeMap<[u64; 6], ()> = BTreeMap::new();
    let (mut own, mut spike) = (0u64, 0);
    for process in processes {
        let Process { anonymous, file, shared, highest, mapped, stack, .. } = *process;
        let largest = files.entry(process.program).or_default();
        *largest = file.max(*largest);
        // A process between `vfork` and `exec` is its parent under another number: all figures agree.
        if stack != 0 && twins.insert([anonymous, file, shared, highest, mapped, stack], ()).is_some() {
            continue;
        }
        own = own.saturating_add(process.own().saturating_sub(process.elsewhere));
        spike = spike.max(process.spike);
    }
    let now = own.saturating_add(files.values().sum());
    Level { now, most: now.saturating_add(spike) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MB: u64 = 1_000_000;

    fn process(anonymous: u64, stack: u64) -> Process {
        Process {
            anonymous: anonymous * MB,
            file: 8 * MB,
            highest: anonymous * MB + 8 * MB,
            mapped: 2 * anonymous * MB + stack,
            stack,
            program: 1,
            ..Process::default()
        }
    }

    #[test]
    fn files_are_counted_once_for_a_program() {
        assert_eq!(level(&[process(200, 1), process(200, 2)]).now, 408 * MB);
        let other = Process { program: 2, file: 3 * MB, ..process(100, 3) };
        assert_eq!(level(&[process(200, 1), other]).now, 311 * MB);
        assert_eq!(level(&[]), Level::default());
    }

    #[test]
    fn a_process_that_is_about_to_become_another_is_counted_once() {
        assert_eq!(level(&[process(500, 1), process(500, 1)]).now, 508 * MB);
        // Where stacks are hidden nothing tells, and two that agree are two.
        assert_eq!(level(&[process(500, 0), process(500, 0)]).now, 1_008 * MB);
    }

    #[test]
    fn what_is_shared_is_counted_where_it_is_not_elsewhere() {
        let parent = process(200, 1);
        let child = Process { anonymous: 210 * MB, elsewhere: 200 * MB, highest: 0, ..process(200, 1) };
        assert_eq!(level(&[parent.clone(), child]).now, 218 * MB);
        let spiked = Process { spike: 50 * MB, ..process(100, 2) };
        assert_eq!(level(&[parent, spiked]), Level { now: 308 * MB, most: 358 * MB });
    }
}
