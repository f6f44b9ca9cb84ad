//! Handing on what comes through pipes, in the order in which it comes.

use std::fs::File;
use std::io::{self, PipeReader, Read, Write};
use std::time::{Duration, Instant};

use super::TAIL_MAX;

/// One pipe, and where it leads.
pub(super) struct Stream {
    from: PipeReader,
    to: File,
    /// A line that has no end yet.
    rest: Vec<u8>,
}

/// Runners print a dot for each test. To wake up for each would take the session's core away every time, so the next
/// ones are waited for so long.
const REST: Duration = Duration::from_millis(50);

/// More than this at once is no dot: who prints so much must not wait for us, for a pipe holds little.
const LITTLE: usize = 4 << 10;

/// For so long after that nothing rests.
const BUSY: Duration = Duration::from_secs(1);

impl Stream {
    pub(super) fn new(from: PipeReader, to: File) -> Stream {
        Stream { from, to, rest: Vec::new() }
    }

    fn hand_on(&mut self, bytes: &[u8], lines: bool) {
        // Our reader may be gone; the child must not be held up by that.
        let mut write = |bytes: &[u8]| drop(self.to.write_all(bytes));
        if !lines {
            return write(bytes);
        }
        self.rest.extend_from_slice(bytes);
        let whole = self.rest.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        let whole = if self.rest.len() > TAIL_MAX { self.rest.len() } else { whole };
        write(&self.rest[..whole]);
        self.rest.drain(..whole);
    }
}

/// Hands on what comes until nobody holds the other ends, by whole lines if `lines`. `hear` is told of all of it.
///
/// Where only one stream talks, little of it rests for 50 ms, so that more comes at once. As soon as the other one
/// says something, what rests goes before that: their order stays.
pub(super) fn pass(mut streams: Vec<Stream>, lines: bool, mut hear: impl FnMut(&[u8])) {
    let mut buffer = vec![0; 64 << 10];
    let mut busy: Option<Instant> = None;
    let mut resting = None;
    while !streams.is_empty() {
        let Ok(mut ready) = wait(&streams, resting) else { return };
        // What rested is older.
        ready.sort_by_key(|place| Some(*place) != resting);
        resting = (ready.len() == 1).then(|| ready[0]);
        let mut ended = None;
        for place in ready {
            let stream = &mut streams[place];
            match stream.from.read(&mut buffer) {
                Err(err) if err.kind() == io::ErrorKind::Interrupted => {}
                Ok(0) | Err(_) => ended = ended.max(Some(place)),
                Ok(read) => {
                    hear(&buffer[..read]);
                    stream.hand_on(&buffer[..read], lines);
                    if read > LITTLE {
                        busy = Some(Instant::now());
                    }
                }
            }
        }
        if let Some(place) = ended {
            let Stream { mut to, rest, .. } = streams.swap_remove(place);
            drop(to.write_all(&rest));
            resting = None;
        }
        resting = resting.filter(|_| busy.is_none_or(|since| since.elapsed() > BUSY));
    }
}

/// Which of the streams have something to read, or have ended. What is `resting` is asked only when another has, when
/// it ended, or when its time is over.
#[cfg(unix)]
fn wait(streams: &[Stream], resting: Option<usize>) -> io::Result<Vec<usize>> {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};

    let look = |resting: Option<usize>, timeout: Option<Duration>| {
        let flags = |place| if Some(place) == resting { PollFlags::empty() } else { PollFlags::IN };
        let mut fds: Vec<_> = streams
            .iter()
            .enumerate()
            .map(|(place, stream)| PollFd::new(&stream.from, flags(place)))
            .collect();
        let timeout = timeout.and_then(|timeout| Timespec::try_from(timeout).ok());
        match poll(&mut fds, timeout.as_ref()) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(err) => return Err(err.into()),
        }
        Ok((0..fds.len()).filter(|place| !fds[*place].revents().is_empty()).collect::<Vec<usize>>())
    };
    if resting.is_some() {
        look(resting, Some(REST))?;
        let ready = look(None, Some(Duration::ZERO))?;
        if !ready.is_empty() {
            return Ok(ready);
        }
    }
    look(None, None)
}

/// Elsewhere each stream has a thread of its own, and nothing rests.
#[cfg(not(unix))]
fn wait(_streams: &[Stream], _resting: Option<usize>) -> io::Result<Vec<usize>> {
    Ok(vec![0])
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{PipeWriter, Seek};

    /// What arrives in a file of what is written to so many pipes, and with how many reads.
    fn passed(pipes: usize, lines: bool, write: impl FnOnce(Vec<PipeWriter>) + Send) -> (String, Vec<usize>) {
        let mut to = tempfile::tempfile().unwrap();
        let (readers, writers): (Vec<_>, Vec<_>) = (0..pipes).map(|_| io::pipe().unwrap()).unzip();
        let streams = readers.into_iter().map(|from| Stream::new(from, to.try_clone().unwrap())).collect();
        let mut reads = Vec::new();
        std::thread::scope(|scope| {
            scope.spawn(|| write(writers));
            pass(streams, lines, |bytes| reads.push(bytes.len()));
        });
        let mut text = String::new();
        to.rewind().unwrap();
        to.read_to_string(&mut text).unwrap();
        (text, reads)
    }

    fn pause(ms: u64) {
        std::thread::sleep(Duration::from_millis(ms));
    }

    #[test]
    fn all_of_it_arrives() {
        for lines in [false, true] {
            let (text, _) = passed(1, lines, |mut pipes| {
                pipes[0].write_all(b"one\ntw").unwrap();
                pause(10);
                pipes[0].write_all("o\nthree\n".repeat(40_000).as_bytes()).unwrap();
                pipes[0].write_all(b"no end").unwrap();
            });
            assert_eq!(text, format!("one\ntw{}no end", "o\nthree\n".repeat(40_000)), "{lines}");
        }
        assert_eq!(passed(2, true, drop), (String::new(), Vec::new()));
    }

    #[test]
    #[cfg(unix)]
    fn dots_come_together() {
        let begun = Instant::now();
        let (text, reads) = passed(1, false, |mut pipes| {
            for _ in 0..40 {
                pipes[0].write_all(b".").unwrap();
                pause(5);
            }
        });
        assert_eq!(text, ".".repeat(40));
        // One each 50 ms, and one at each end.
        let most = begun.elapsed().as_millis() / REST.as_millis() + 2;
        assert!(reads.len() as u128 <= most, "{reads:?}, not {most}");
    }

    #[test]
    #[cfg(unix)]
    fn the_order_of_two_streams_stays() {
        let said: String = (0..24).map(|i| format!("{}{i}\n", ["out", "err"][i / 3 % 2])).collect();
        let order = || {
            passed(2, false, |mut pipes| {
                for (i, line) in said.lines().enumerate() {
                    // Nobody tells the order of what is written at once; on a busy machine that takes a while.
                    if i % 3 == 0 {
                        pause(REST.as_millis() as u64 / 2);
                    }
                    writeln!(pipes[i / 3 % 2], "{line}").unwrap();
                }
            })
        };
        assert!((0..3).any(|_| order().0 == said), "{}", order().0);
    }

    #[test]
    #[cfg(unix)]
    fn the_end_and_much_output_are_not_held_up() {
        let took = || {
            let begun = Instant::now();
            passed(1, false, |mut pipes| pipes[0].write_all(b".").unwrap());
            begun.elapsed()
        };
        assert!((0..10).any(|_| took() < REST));
        let begun = Instant::now();
        let (text, _) = passed(1, false, |mut pipes| {
            for _ in 0..200_000 {
                pipes[0].write_all(&[b'x'; 200]).unwrap();
            }
        });
        // A pipe that is emptied each 50 ms would take half a minute for so much.
        assert_eq!(text.len(), 40_000_000);
        assert!(begun.elapsed() < Duration::from_secs(15), "{:?}", begun.elapsed());
    }
}
