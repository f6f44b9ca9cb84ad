//! One file in shared storage that many processes read, change and write back: conditional writes instead
//! of a lock, since there is none.

mod connect;
mod pauses;
mod service;
mod trouble;

use std::sync::Arc;
use std::time::{Duration, Instant};

use object_store::path::Path;
use object_store::{GetOptions, ObjectStore, PutMode, PutOptions, UpdateVersion};

use crate::config::address::Address;
use connect::connect;
use pauses::Pauses;
use service::Last;
use trouble::{Trouble, said, settings, trouble};

/// Longest time that one request takes, and that a connection takes to be made.
const REQUEST_MAX: Duration = Duration::from_secs(30);
const CONNECT_MAX: Duration = Duration::from_secs(5);

/// A storage that does nothing but fail for so long is given up, however long it may be tried.
const SILENCE_MAX: Duration = Duration::from_secs(120);

/// An ETag that nothing has.
const NO_ETAG: &str = "\"00000000000000000000000000000000\"";

/// Said of a storage that writes whatever the condition.
const HEEDLESS: &str =
    "it does not heed conditional writes (If-Match, If-None-Match), so writers would overwrite each other";

/// A file in shared storage.
pub struct Remote {
    objects: Arc<dyn ObjectStore>,
    path: Path,
    last: Last,
    runtime: tokio::runtime::Runtime,
    /// Longest time for all tries of one operation.
    wait: Duration,
    writable: Writable,
}

/// Whether a write can be made to fail where somebody else wrote meanwhile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Writable {
    Yes,
    /// It speaks S3 and is not Amazon's: it may ignore the condition and is asked before it is trusted.
    Ask,
    No,
}

/// Why an update came to nothing.
#[derive(Debug)]
pub enum Failed<E> {
    /// The storage, said in full.
    Storage(String),
    /// What was to be changed.
    Change(E),
}

/// A whole file, with what a write says to replace just this one.
type Found = (Vec<u8>, UpdateVersion);

impl Remote {
    /// Gets ready to speak to a storage, for at most `wait` with every operation. Keys and endpoints come from
    /// the environment, by the names that the storage's own tools use.
    ///
    /// # Errors
    /// What is missing or wrong in the environment.
    pub fn open(address: &Address, wait: Duration) -> Result<Remote, String> {
        let last = Last::default();
        let (objects, path, writable) = connect(address, wait, &last).map_err(|err| settings(&err))?;
        Remote::new(objects, path, last, wait, writable)
    }

    fn new(
        objects: Arc<dyn ObjectStore>,
        path: Path,
        last: Last,
        wait: Duration,
        writable: Writable,
    ) -> Result<Remote, String> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|err| format!("no connection can be made: {err}"))?;
        Ok(Remote { objects, path, last, runtime, wait, writable })
    }

    /// Reads the whole file, at most `most` bytes; `None` where there is none.
    ///
    /// # Errors
    /// What kept failing.
    pub fn fetch(&self, most: u64, seed: u64) -> Result<Option<Vec<u8>>, String> {
        let mut tries = Tries::new(self.wait, seed);
        loop {
            match self.get(most, tries.left()) {
                Ok(found) => return Ok(found.map(|(bytes, _)| bytes)),
                Err(trouble) => tries.again(trouble)?,
            }
        }
    }

    /// Replaces the file by what `change` makes of it, which is `None` where nothing is to be written. Where
    /// somebody else writes meanwhile, `change` is asked again with what they wrote, so that nothing is lost.
    ///
    /// # Errors
    /// A storage that cannot do that, what kept failing, and what `change` reports.
    pub fn update<E>(
        &self,
        most: u64,
        seed: u64,
        mut change: impl FnMut(Option<&[u8]>) -> Result<Option<Vec<u8>>, E>,
    ) -> Result<(), Failed<E>> {
        if self.writable == Writable::No {
            return Err(Failed::Storage(
                "plain HTTP cannot keep writers from overwriting each other, so it is only read".to_owned(),
            ));
        }
        let mut trusted = self.writable == Writable::Yes;
        let mut tries = Tries::new(self.wait, seed);
        loop {
            let tried = match self.get(most, tries.left()) {
                Ok(found) => {
                    tries.heard();
                    let before = found.as_ref().map(|(bytes, _)| bytes.as_slice());
                    match change(before).map_err(Failed::Change)? {
                        None => return Ok(()),
                        Some(bytes) => {
                            self.put(&bytes, found.map(|(_, version)| version), &mut trusted, &tries)
                        }
                    }
                }
                Err(trouble) => Err(trouble),
            };
            match tried {
                Ok(()) => return Ok(()),
                Err(trouble) => tries.again(trouble).map_err(Failed::Storage)?,
            }
        }
    }

    fn get(&self, most: u64, left: Duration) -> Result<Option<Found>, Trouble> {
        let read = async {
            let result = self.objects.get_opts(&self.path, GetOptions::default()).await?;
            let size = result.meta.size;
            if size > most {
                return Ok(Err(size));
            }
            let version =
                UpdateVersion { e_tag: result.meta.e_tag.clone(), version: result.meta.version.clone() };
            Ok(Ok((Vec::from(result.bytes().await?), version)))
        };
        match self.ask(left, read) {
            Ok(Ok(found)) => Ok(Some(found)),
            Ok(Err(size)) => {
                let (size, most) = (size >> 20, most >> 20);
                Err(Trouble::Lasting(format!("it has {size} MiB, and {most} MiB are the most that is read")))
            }
            Err(Trouble::Missing(_)) => Ok(None),
            Err(trouble) => Err(trouble),
        }
    }

    /// Writes the file if it is still the one that was found, or still not there.
    fn put(
        &self,
        bytes: &[u8],
        found: Option<UpdateVersion>,
        trusted: &mut bool,
        tries: &Tries,
    ) -> Result<(), Trouble> {
        let write = |mode: PutMode| {
            let written = self.objects.put_opts(&self.path, bytes.to_vec().into(), PutOptions::from(mode));
            self.ask(tries.left(), written).map(|_| ())
        };
        let refused = |mode: PutMode| match write(mode) {
            Err(Trouble::Conflict) => Ok(()),
            Err(trouble) => Err(trouble),
            Ok(()) => Err(Trouble::Lasting(HEEDLESS.to_owned())),
        };
        match found {
            Some(UpdateVersion { e_tag: None, version: None }) => Err(Trouble::Lasting(
                "it names no ETag, without which nothing can be written safely".to_owned(),
            )),
            Some(version) => {
                if !*trusted {
                    let never = UpdateVersion { e_tag: Some(NO_ETAG.to_owned()), version: None };
                    refused(PutMode::Update(never))?;
                    *trusted = true;
                }
                write(PutMode::Update(version))
            }
            // To create it again must fail now.
            None if !*trusted => write(PutMode::Create).and_then(|()| refused(PutMode::Create)),
            None => write(PutMode::Create),
        }
    }

    fn ask<T>(
        &self,
        left: Duration,
        request: impl Future<Output = object_store::Result<T>>,
    ) -> Result<T, Trouble> {
        self.last.set("", None);
        let bounded = async { tokio::time::timeout(left.min(REQUEST_MAX), request).await };
        match self.runtime.block_on(bounded) {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(err)) => Err(trouble(&err, &self.last)),
            Err(_) => Err(Trouble::Passing(said("no answer in time", &self.last))),
        }
    }
}

/// The tries of one operation.
struct Tries {
    start: Instant,
    /// When the storage last did what it was asked for.
    heard: Instant,
    /// When the try began that is being made.
    begun: Instant,
    wait: Duration,
    pauses: Pauses,
}

impl Tries {
    fn new(wait: Duration, seed: u64) -> Tries {
        let start = now();
        Tries { start, heard: start, begun: start, wait, pauses: Pauses::new(seed) }
    }

    fn left(&self) -> Duration {
        self.wait.saturating_sub(self.start.elapsed())
    }

    fn heard(&mut self) {
        self.heard = now();
    }

    /// Pauses before another try; an error where there is to be none.
    fn again(&mut self, trouble: Trouble) -> Result<(), String> {
        let pause = self.pauses.next(self.begun.elapsed());
        match &trouble {
            Trouble::Missing(_) | Trouble::Lasting(_) => return Err(trouble.message()),
            Trouble::Conflict => self.heard(),
            Trouble::Passing(_) if self.heard.elapsed() > SILENCE_MAX => return Err(trouble.message()),
            Trouble::Passing(_) => {}
        }
        if pause >= self.left() {
            let waited = self.wait.as_secs_f64().round();
            return Err(format!("given up after {waited} s: {}", trouble.message()));
        }
        std::thread::sleep(pause);
        self.begun = now();
        Ok(())
    }
}

/// How long something lasts; no result depends on it.
#[allow(clippy::disallowed_methods)]
fn now() -> Instant {
    Instant::now()
}

#[cfg(test)]
mod tests {
    use object_store::memory::InMemory;

    use super::*;

    fn remote(objects: &Arc<InMemory>, writable: Writable) -> Remote {
        let (path, wait) = (Path::from("a/history.json"), Duration::from_secs(5));
        Remote::new(objects.clone(), path, Last::default(), wait, writable).unwrap()
    }

    /// Adds a line to what is there; `None` where it is there already.
    fn add(before: Option<&[u8]>, line: &str) -> Option<Vec<u8>> {
        let before = String::from_utf8(before.unwrap_or_default().to_vec()).unwrap();
        (!before.lines().any(|had| had == line)).then(|| format!("{before}{line}\n").into_bytes())
    }

    #[test]
    fn what_others_write_meanwhile_is_kept() {
        for writable in [Writable::Yes, Writable::Ask] {
            let objects = Arc::new(InMemory::new());
            let (ours, other) = (remote(&objects, writable), remote(&objects, writable));
            assert_eq!(ours.fetch(100, 0), Ok(None));
            for round in 0..3 {
                let mut asked = 0;
                let done = ours.update::<()>(100, 1, |before| {
                    asked += 1;
                    if asked <= 2 {
                        let line = format!("other {round}.{asked}");
                        other.update::<()>(100, 2, |before| Ok(add(before, &line))).unwrap();
                    }
                    Ok(add(before, &format!("ours {round}")))
                });
                done.unwrap();
                assert_eq!(asked, 3, "{writable:?}: as often as somebody wrote, and once more");
            }
            let bytes = ours.fetch(100, 0).unwrap().unwrap();
            assert_eq!(bytes.iter().filter(|byte| **byte == b'\n').count(), 9, "{writable:?}");
            let large = ours.fetch(bytes.len() as u64 - 1, 0).unwrap_err();
            assert!(large.contains("the most that is read"), "{large}");
            assert!(ours.fetch(bytes.len() as u64, 0).is_ok());
        }
    }

    #[test]
    fn nothing_is_written_where_nothing_is_new_or_nothing_can_be() {
        let objects = Arc::new(InMemory::new());
        let ours = remote(&objects, Writable::Yes);
        ours.update::<()>(100, 1, |_| Ok(None)).unwrap();
        let failed = ours.update(100, 1, |_| Err("wrong"));
        assert!(matches!(failed, Err(Failed::Change("wrong"))));
        let failed = remote(&objects, Writable::No).update::<()>(100, 1, |before| Ok(add(before, "x")));
        assert!(matches!(failed, Err(Failed::Storage(_))));
        assert_eq!(ours.fetch(100, 0), Ok(None));
    }
}
