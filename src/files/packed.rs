//! Files that may be packed: gzip, zstd and zip, told by their first bytes and unpacked as a stream.

use std::fs::File;
use std::io::{self, BufReader, Read, Write};
use std::path::Path;

use anyhow::{Context, Result, bail};
use flate2::read::MultiGzDecoder;

/// Most bytes of one file once it is unpacked: a few packed kilobytes can hold any number.
const UNPACKED_MAX: u64 = 16 << 30;
/// Most files of an archive.
const MEMBERS_MAX: usize = 100_000;
/// What a file in zstd begins with.
const ZSTD: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
/// Histories grow little smaller with more, and take much longer.
const ZSTD_LEVEL: i32 = 9;

/// Gives `each` the contents of a file: once, without a name, or for an archive once for every file in it,
/// by its name there. Archives inside an archive are not opened. A file of an archive that cannot be
/// unpacked costs only itself.
///
/// # Errors
/// The file cannot be opened or is no sound archive. What happens inside a file is the reader's to report.
pub fn unpack(path: &Path, mut each: impl FnMut(Option<&str>, &mut dyn Read)) -> io::Result<()> {
    let mut file = File::open(path)?;
    if file.metadata()?.is_dir() {
        return Err(io::Error::other("it is a folder"));
    }
    let start = beginning(&mut file)?;
    if !start.starts_with(b"PK\x03\x04") && !start.starts_with(b"PK\x05\x06") {
        each(None, &mut contents(&start, start.as_slice().chain(file)));
        return Ok(());
    }
    // An archive is read from its end, which a pipe has not.
    let file = BufReader::new(File::open(path)?);
    let mut archive = zip::ZipArchive::new(file).map_err(io::Error::other)?;
    if archive.len() > MEMBERS_MAX {
        return Err(io::Error::other(format!("more than {MEMBERS_MAX} files in one archive")));
    }
    // In the order of their names, like files of a folder.
    let mut members: Vec<(String, usize)> = Vec::new();
    for index in 0..archive.len() {
        let member = archive.by_index_raw(index).map_err(io::Error::other)?;
        if member.is_file() {
            members.push((member.name().map_err(io::Error::other)?.into_owned(), index));
        }
    }
    members.sort();
    if members.is_empty() {
        return Err(io::Error::other("the archive holds no file"));
    }
    for (name, index) in members {
        let opened = archive.by_index(index).map_err(io::Error::other);
        match opened.and_then(|mut member| Ok((beginning(&mut member)?, member))) {
            Ok((start, member)) => each(Some(&name), &mut contents(&start, start.as_slice().chain(member))),
            Err(err) => each(Some(&name), &mut Broken(Some(err))),
        }
    }
    Ok(())
}

/// The contents of one file, unpacked where it is gzip or zstd.
fn contents<'a>(start: &[u8], input: impl Read + 'a) -> Box<dyn Read + 'a> {
    let left = UNPACKED_MAX;
    match start {
        [0x1f, 0x8b, ..] => Box::new(Limited { inner: MultiGzDecoder::new(BufReader::new(input)), left }),
        _ if start == ZSTD => match zstd::Decoder::new(input) {
            Ok(inner) => Box::new(Limited { inner, left }),
            Err(err) => Box::new(Broken(Some(err))),
        },
        _ => Box::new(Limited { inner: input, left }),
    }
}

/// How a file is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Packing {
    /// Not at all.
    Plain,
    /// gzip.
    Gzip,
    /// zstd.
    Zstd,
}

impl Packing {
    /// As the name's ending asks for: `.gz`, `.zst`.
    #[must_use]
    pub fn of(path: &Path) -> Packing {
        match path.extension().and_then(|ending| ending.to_str()) {
            Some("gz") => Packing::Gzip,
            Some("zst") => Packing::Zstd,
            _ => Packing::Plain,
        }
    }

    /// Packs a whole file: the same bytes for the same contents, with no time and no name in them.
    ///
    /// # Errors
    /// None that is known: writing to memory does not fail.
    pub fn pack(self, bytes: Vec<u8>) -> io::Result<Vec<u8>> {
        match self {
            Packing::Plain => Ok(bytes),
            Packing::Gzip => {
                let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
                packer.write_all(&bytes)?;
                packer.finish()
            }
            Packing::Zstd => zstd::encode_all(&*bytes, ZSTD_LEVEL),
        }
    }
}

/// Reads a whole file of at most `most` bytes once it is unpacked; gzip and zstd are told by their first
/// bytes.
///
/// # Errors
/// The file is missing, no file, unreadable, not soundly packed or too large.
pub fn read_packed(path: &Path, most: u64) -> Result<Vec<u8>> {
    let cannot = || format!("cannot read `{}`", super::shown(path));
    let mut file = File::open(path).map_err(|err| super::cannot_read(path, err))?;
    if file.metadata().is_ok_and(|metadata| metadata.is_dir()) {
        bail!("`{}` is a folder, not a file", super::shown(path));
    }
    let start = beginning(&mut file).with_context(cannot)?;
    super::read_from(contents(&start, start.as_slice().chain(file)), most).with_context(cannot)
}

/// Unpacks what a file holds, at most `most` bytes of it, as [`read_packed`] does.
///
/// # Errors
/// It is not soundly packed or too large.
pub fn unpacked(bytes: &[u8], most: u64) -> Result<Vec<u8>> {
    super::read_from(contents(&bytes[..bytes.len().min(4)], bytes), most)
}

/// The first four bytes, which are to be read again.
fn beginning(input: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut start = Vec::new();
    input.take(4).read_to_end(&mut start)?;
    Ok(start)
}

/// A file that cannot be read.
struct Broken(Option<io::Error>);

impl Read for Broken {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        self.0.take().map_or(Ok(0), Err)
    }
}

/// A reader that gives up instead of going on for ever.
struct Limited<R> {
    inner: R,
    left: u64,
}

impl<R: Read> Read for Limited<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        match self.left.checked_sub(read as u64) {
            Some(left) => self.left = left,
            None => return Err(io::Error::other(format!("it is larger than {} GiB", UNPACKED_MAX >> 30))),
        }
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn files_are_packed_by_their_ending() {
        let folder = tempfile::tempdir().unwrap();
        let text = b"history ".repeat(1000);
        for (name, magic) in [("a.json", &b"hist"[..]), ("a.json.gz", &[0x1f, 0x8b]), ("a.json.zst", &ZSTD)] {
            let path = folder.path().join(name);
            let packed = Packing::of(&path).pack(text.clone()).unwrap();
            assert!(packed.starts_with(magic), "{name}");
            std::fs::write(&path, &packed).unwrap();
            assert_eq!(read_packed(&path, 8000).unwrap(), text);
            assert_eq!(unpacked(&packed, 8000).unwrap(), text);
            assert!(unpacked(&packed, 7999).is_err());
            let err = format!("{:#}", read_packed(&path, 7999).unwrap_err());
            assert!(err.contains("larger than"), "{err}");
            std::fs::write(&path, &packed[..packed.len() / 2]).unwrap();
            assert!(name == "a.json" || read_packed(&path, 8000).is_err(), "{name}: half of it");
        }
    }

    fn shown(path: &Path) -> Vec<(Option<String>, String)> {
        let mut found = Vec::new();
        unpack(path, |name, input| {
            let mut text = String::new();
            input.read_to_string(&mut text).unwrap();
            found.push((name.map(str::to_owned), text));
        })
        .unwrap();
        found
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        packer.write_all(bytes).unwrap();
        packer.finish().unwrap()
    }

    #[test]
    fn files_are_unpacked_by_their_content() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("report.bin");
        let check = |bytes: &[u8], expect: &[(Option<&str>, &str)]| {
            std::fs::write(&path, bytes).unwrap();
            let expect: Vec<_> =
                expect.iter().map(|(name, text)| (name.map(str::to_owned), (*text).to_owned())).collect();
            assert_eq!(shown(&path), expect);
        };
        check(b"<a/>", &[(None, "<a/>")]);
        check(b"", &[(None, "")]);
        check(&gzip(b"<a/>"), &[(None, "<a/>")]);
        // Two runs appended to one file.
        check(&[gzip(b"a"), gzip(b"b")].concat(), &[(None, "ab")]);
        check(&Packing::Zstd.pack(b"<a/>".to_vec()).unwrap(), &[(None, "<a/>")]);
        let mut archive = zip::ZipWriter::new(io::Cursor::new(Vec::new()));
        let options = zip::write::SimpleFileOptions::default();
        archive.add_directory("x/", options).unwrap();
        for (name, bytes) in [("x/b.xml", b"<b/>".to_vec()), ("a.gz", gzip(b"<a/>")), ("../c", Vec::new())] {
            archive.start_file(name, options).unwrap();
            archive.write_all(&bytes).unwrap();
        }
        let archive = archive.finish().unwrap().into_inner();
        check(&archive, &[(Some("../c"), ""), (Some("a.gz"), "<a/>"), (Some("x/b.xml"), "<b/>")]);
        std::fs::write(&path, &archive[..archive.len() / 2]).unwrap();
        assert!(unpack(&path, |_, _| {}).is_err());
        assert!(unpack(folder.path(), |_, _| {}).is_err());
    }
}
