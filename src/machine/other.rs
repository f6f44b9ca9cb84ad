//! What macOS and Windows tell, through the `sysinfo` crate. They have no control groups, no pressure
//! and no counter of kills.

use std::path::Path;

use sysinfo::{DiskRefreshKind, Disks, MemoryRefreshKind, System};

use super::{Machine, Ulimits};
use crate::model::Bytes;

/// Memory, CPUs, and the disk of `out`.
pub(super) fn read(out: &Path) -> Machine {
    let mut system = System::new();
    system.refresh_memory_specifics(MemoryRefreshKind::everything());
    let known = |bytes: u64| (bytes > 0).then_some(Bytes(bytes));
    let out = std::path::absolute(out).unwrap_or_else(|_| out.to_owned());
    let disks = Disks::new_with_refreshed_list_specifics(DiskRefreshKind::nothing().with_storage());
    let disk = (disks.list().iter())
        .filter(|disk| out.starts_with(disk.mount_point()))
        .max_by_key(|disk| disk.mount_point().as_os_str().len());
    Machine {
        memory_bytes: known(system.total_memory()),
        free_bytes: known(system.available_memory()),
        swap_used_bytes: Some(Bytes(system.used_swap())),
        cpus: std::thread::available_parallelism().ok().and_then(|cpus| u32::try_from(cpus.get()).ok()),
        disk_free_bytes: disk.map(|disk| Bytes(disk.available_space())),
        ulimits: ulimits(),
        ..Machine::default()
    }
}

/// The limits of a process like us.
#[cfg(unix)]
fn ulimits() -> Ulimits {
    use rustix::process::{Resource, getrlimit};
    let soft = |resource| getrlimit(resource).current;
    Ulimits {
        open_files: soft(Resource::Nofile),
        processes: soft(Resource::Nproc),
        processes_taken: None,
        address_space_bytes: soft(Resource::As).map(Bytes),
    }
}

#[cfg(not(unix))]
fn ulimits() -> Ulimits {
    Ulimits::default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_tells_what_this_machine_has() {
        let machine = read(Path::new("."));
        assert!(machine.memory_bytes > Some(Bytes(1 << 26)) && machine.free_bytes.is_some());
        assert!(machine.cpus.is_some_and(|cpus| cpus >= 1));
        assert_eq!(machine.ulimits.open_files.is_some(), cfg!(unix));
    }
}
