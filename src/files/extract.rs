//! A foreign archive into a folder, and not one byte beside it.

use std::collections::BTreeSet;
use std::fs::{self, OpenOptions};
use std::io::{self, Read, Seek};
use std::path::{Path, PathBuf};

/// Most files of one archive, and bytes of the name of one of them.
const MEMBERS_MAX: usize = 10_000;
const NAME_MAX: usize = 500;

/// Unpacks a zip into `folder`, which is made, with at most `most` bytes in all. Returns the files, in the order of
/// their names.
///
/// # Errors
/// An archive that is broken, is larger, has too many files, two of one name, or a name that leads out of the folder
/// or is none on another system; links and devices. What was unpacked before stays.
pub fn extract(archive: impl Read + Seek, folder: &Path, most: u64) -> io::Result<Vec<PathBuf>> {
    let mut archive = zip::ZipArchive::new(archive).map_err(io::Error::other)?;
    if archive.len() > MEMBERS_MAX {
        return Err(io::Error::other(format!("more than {MEMBERS_MAX} files in one archive")));
    }
    // All names first: an archive that is evil anywhere is not opened at all.
    let mut members: Vec<(String, usize)> = Vec::new();
    let mut seen = BTreeSet::new();
    for index in 0..archive.len() {
        let member = archive.by_index_raw(index).map_err(io::Error::other)?;
        let name = member.name().map_err(io::Error::other)?.into_owned();
        let evil =
            |why: &str| Err(io::Error::other(format!("its file `{}` {why}", crate::text::printable(&name))));
        // The kind of file, where the archive was made by a system that has kinds.
        let kind = member.unix_mode().unwrap_or(0) & 0o170_000;
        if !matches!(kind, 0 | 0o100_000 | 0o040_000) {
            return evil("is a link or a device");
        }
        if !is_inside(name.strip_suffix('/').unwrap_or(&name)) {
            return evil("leads out of the archive, or cannot be a file everywhere");
        }
        if member.is_file() {
            // Some disks do not tell upper from lower case.
            if !seen.insert(name.to_lowercase()) {
                return evil("is in it twice");
            }
            members.push((name, index));
        }
    }
    members.sort();
    fs::create_dir_all(folder)?;
    let (mut left, mut paths) = (most, Vec::new());
    for (name, index) in members {
        let path = folder.join(&name);
        fs::create_dir_all(path.parent().unwrap_or(folder))?;
        let mut file = OpenOptions::new().write(true).create_new(true).open(&path)?;
        let member = archive.by_index(index).map_err(io::Error::other)?;
        let copied = io::copy(&mut member.take(left + 1), &mut file)?;
        left = match left.checked_sub(copied) {
            Some(left) => left,
            None => return Err(io::Error::other(format!("it holds more than {} MiB", most >> 20))),
        };
        paths.push(path);
    }
    Ok(paths)
}

/// Whether a name stays in its folder, on every system.
fn is_inside(name: &str) -> bool {
    let odd = |c: char| c.is_control() || matches!(c, '\\' | ':');
    let word = |part: &str| !matches!(part, "" | "." | "..");
    name.len() <= NAME_MAX && !name.contains(odd) && name.split('/').all(word)
}

#[cfg(test)]
mod tests {
    use std::io::{Cursor, Write};

    use zip::write::SimpleFileOptions;

    use super::*;

    fn zipped(files: &[(&str, &[u8])]) -> Vec<u8> {
        let mut archive = zip::ZipWriter::new(Cursor::new(Vec::new()));
        for (name, bytes) in files {
            archive.start_file(*name, SimpleFileOptions::default()).unwrap();
            archive.write_all(bytes).unwrap();
        }
        archive.finish().unwrap().into_inner()
    }

    /// Unpacks into a folder of its own; nothing may appear beside it.
    fn unpacked(archive: &[u8], most: u64) -> Result<Vec<String>, String> {
        let outer = tempfile::tempdir().unwrap();
        let folder = outer.path().join("in");
        let found = extract(Cursor::new(archive), &folder, most);
        let beside: Vec<_> =
            fs::read_dir(outer.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert!(beside.iter().all(|name| name == "in"), "{beside:?}");
        let name = |path: PathBuf| path.strip_prefix(&folder).unwrap().to_str().unwrap().to_owned();
        found.map(|paths| paths.into_iter().map(name).collect()).map_err(|err| err.to_string())
    }

    #[test]
    fn archives_are_unpacked_in_order() {
        let archive = zipped(&[("b/c.txt", b"c"), ("a.txt", b"a"), ("empty", b"")]);
        assert_eq!(unpacked(&archive, 2).unwrap(), ["a.txt", "b/c.txt", "empty"]);
        let none = zip::ZipWriter::new(Cursor::new(Vec::new())).finish().unwrap().into_inner();
        assert_eq!(unpacked(&none, 0).unwrap(), [""; 0]);
    }

    #[test]
    fn nothing_is_written_beside_the_folder() {
        for name in
            ["../evil", "a/../../evil", "/etc/evil", "..", "a//b", "./a", "C:evil", "a\\..\\evil", "a\0b"]
        {
            let err = unpacked(&zipped(&[("good.txt", b"good"), (name, b"evil")]), 1 << 20).unwrap_err();
            assert!(err.contains("leads out"), "{name}: {err}");
        }
        let mut archive = zip::ZipWriter::new(Cursor::new(Vec::new()));
        archive.add_symlink("link", "/etc", SimpleFileOptions::default()).unwrap();
        archive.start_file("link/evil", SimpleFileOptions::default()).unwrap();
        let err = unpacked(&archive.finish().unwrap().into_inner(), 1 << 20).unwrap_err();
        assert!(err.contains("is a link"), "{err}");
        let err = unpacked(&zipped(&[("A.txt", b""), ("a.txt", b"")]), 1 << 20).unwrap_err();
        assert!(err.contains("twice"), "{err}");
        // A file where another needs a folder.
        assert!(unpacked(&zipped(&[("a", b""), ("a/b", b"")]), 1 << 20).is_err());
    }

    #[test]
    fn no_archive_is_too_large_or_too_broken() {
        let bomb = zipped(&[("zeros", &vec![0; 4 << 20])]);
        assert!(bomb.len() < 10_000);
        assert_eq!(unpacked(&bomb, (4 << 20) - 1).unwrap_err(), "it holds more than 3 MiB");
        assert!(unpacked(&bomb, 4 << 20).is_ok());
        let two = zipped(&[("a", &[1; 60]), ("b", &[2; 60])]);
        assert!(unpacked(&two, 100).is_err() && unpacked(&two, 120).is_ok());
        for end in 0..two.len() {
            assert!(unpacked(&two[..end], 120).is_err(), "{end}");
        }
        let mut state = 9_u64;
        for _ in 0..500 {
            let mut broken = two.clone();
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let at = (state >> 33) as usize % broken.len();
            broken[at] ^= (state >> 20) as u8 | 1;
            let _ = unpacked(&broken, 120);
        }
        assert!(unpacked(b"{\"message\":\"Not Found\"}", 120).is_err());
    }
}
