//! What a log says: the lines by which tools, runners and kernels tell of an end.

use std::collections::BTreeMap;
use std::fmt;

use crate::text;

/// Something that a log may say of how it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Sign {
    /// The kernel, or a helper of it, ended a process for want of memory.
    KernelKill,
    /// The orchestrator's reason is `OOMKilled`.
    OomKilled,
    /// A process or worker was ended by SIGKILL, by the words of whoever started it.
    ChildKilled,
    /// A worker was there no more, and nobody says why.
    WorkerGone,
    /// A runtime reached the limit of its own heap, or was refused memory.
    HeapLimit,
    /// The operating system refused a runtime more memory.
    MemoryRefused,
    /// The disk is full.
    DiskFull,
    /// No more processes, threads or open files.
    ProcessLimit,
    /// The container engine's client lost its daemon, or did not find it.
    DaemonQuit,
    /// A server closed a stream in the middle of it.
    StreamEnded,
    /// A step of an image's build failed.
    StepFailed,
    /// A limit of the job's, tool's or test's time was reached.
    TimeUp,
    /// There was no output for too long.
    NoOutput,
    /// The CI ended the job because somebody or something wanted that.
    Cancelled,
    /// The CI lost the machine, or was told that it goes away.
    RunnerLost,
    /// The provider of a machine that it may take back at any time took it back.
    Reclaimed,
    /// A process crashed by itself.
    Crashed,
    /// The tool says that it could not do its work.
    ToolBroken,
    /// The tool's summary counts failed tests.
    TestsFailed,
}

/// As it stands in the documentation.
impl fmt::Display for Sign {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Sign::KernelKill => "the kernel, or a memory killer beside it, killed a process",
            Sign::OomKilled => "`OOMKilled`",
            Sign::ChildKilled => "a process was ended by SIGKILL",
            Sign::WorkerGone => "a worker is gone",
            Sign::HeapLimit => "a runtime's own memory limit",
            Sign::MemoryRefused => "the system refused memory",
            Sign::DiskFull => "the disk is full",
            Sign::ProcessLimit => "no more processes, threads or files",
            Sign::DaemonQuit => "the container engine's daemon is gone",
            Sign::StreamEnded => "a server closed its stream",
            Sign::StepFailed => "a step of an image's build failed",
            Sign::TimeUp => "a time limit",
            Sign::NoOutput => "no output for too long",
            Sign::Cancelled => "the job was cancelled",
            Sign::RunnerLost => "the machine was lost or shut down",
            Sign::Reclaimed => "the provider took the machine back",
            Sign::Crashed => "a process crashed",
            Sign::ToolBroken => "the tool could not do its work",
            Sign::TestsFailed => "a summary with failed tests",
        })
    }
}

/// The words of each sign. Lower case, white space as one space; `*` is any text, `^` and `$` are the
/// ends of the line. Otherwise whole words.
const SIGNS: &[(Sign, &[&str])] = &[
    (
        Sign::KernelKill,
        &[
            "out of memory: killed process",
            "memory cgroup out of memory",
            "oom-kill:constraint=",
            "oom_reaper: reaped process",
            "invoked oom-killer",
            "systemd-oomd killed",
            "earlyoom*sending sig",
        ],
    ),
    (Sign::OomKilled, &["oomkilled"]),
    (
        Sign::ChildKilled,
        &[
            "^killed$",
            "line *: * killed *",
            "signal: killed",
            "signal: 9, sigkill",
            "signal 9 (sigkill)",
            "signal=sigkill",
            "with signal sigkill",
            "<signals.sigkill: 9>",
            "killed signal terminated program",
            "internal compiler error: killed",
            "terminated with signal 9",
            "sigkill [*] ",
            "exit status 137",
            "exit code 137",
            "exit code: 137",
            "exit value 137",
            "exitcode=137",
            "exited (137)",
            "process was killed by signal 9",
            "returned non-zero exit status 137",
            "died with signal 9",
            "exited on killed",
        ],
    ),
    (
        Sign::WorkerGone,
        &[
            "worker '*' crashed while running",
            "node down: not properly terminated",
            "worker exited unexpectedly",
            "worker forks emitted error",
            "a worker process has quit unexpectedly",
            "build daemon disappeared unexpectedly",
            "the forked vm terminated without properly saying goodbye",
            "test host process crashed",
            "brokenprocesspool",
        ],
    ),
    (
        Sign::HeapLimit,
        &[
            "javascript heap out of memory",
            "err_worker_out_of_memory",
            "outofmemoryerror: java heap space",
            "outofmemoryerror: gc overhead limit exceeded",
            "outofmemoryerror: metaspace",
            "outofmemoryerror: direct buffer memory",
            "outofmemoryerror: requested array size exceeds vm limit",
            "java.lang.outofmemoryerror$",
            "runtime: out of memory",
            "runtime: cannot allocate memory",
            "^memoryerror",
            "^e memoryerror",
            "arraymemoryerror",
            "std::bad_alloc",
            "memory allocation of * bytes failed",
            "system.outofmemoryexception",
            "allowed memory size of * bytes exhausted",
            "failed to allocate memory (nomemoryerror)",
            "eheap_alloc: cannot allocate",
            "llvm error: out of memory",
            "virtual memory exhausted",
        ],
    ),
    (
        Sign::MemoryRefused,
        &[
            "insufficient memory for the java runtime environment",
            "os::commit_memory*failed",
            "fork: cannot allocate memory",
            "enomem",
            "cannot allocate memory",
            "^out of memory.$",
        ],
    ),
    (
        Sign::DiskFull,
        &[
            "no space left on device",
            "enospc",
            "not enough space on the disk",
            "disk quota exceeded",
            "you are running out of disk space",
        ],
    ),
    (
        Sign::ProcessLimit,
        &[
            "unable to create native thread",
            "unable to create new native thread",
            "can't start new thread",
            "fork: retry: resource temporarily unavailable",
            "fork: resource temporarily unavailable",
            "blockingioerror: [errno 11]",
            "too many open files",
            "emfile",
            "newosproc",
        ],
    ),
    (
        Sign::DaemonQuit,
        &[
            "server probably quit: unexpected eof",
            "cannot connect to the docker daemon",
            "error during connect",
            "cannot connect to podman",
            "unable to connect to podman socket",
            "failed to connect to the docker api",
            "closing transport due to: connection error",
            "error response from daemon: dial unix",
        ],
    ),
    (Sign::StreamEnded, &["error reading from server: eof", "desc = transport is closing"]),
    (
        Sign::StepFailed,
        &[
            "error: building at step",
            "error: failed to solve:",
            "the command '*' returned a non-zero code:",
            "executor failed running",
        ],
    ),
    (
        Sign::TimeUp,
        &[
            "has exceeded the maximum execution time of",
            "execution took longer than",
            "job_execution_timeout",
            "panic: test timed out after",
            "timeout of * minutes was reached",
            "due to time limit",
            "^job timed out",
        ],
    ),
    (Sign::NoOutput, &["too long with no output", "no output has been received in the last"]),
    (
        Sign::Cancelled,
        &[
            "^error: the operation was canceled",
            "^##[error]the operation was canceled",
            "^the operation was canceled",
            "the job was canceled because",
            "the run was canceled by",
            "canceling since a higher priority waiting request",
            "^job was canceled",
            "^received cancellation signal, interrupting",
            "the strategy configuration was canceled",
        ],
    ),
    (
        Sign::RunnerLost,
        &[
            "lost communication with the server",
            "the runner has received a shutdown signal",
            "received request to deprovision",
            "runner system failure",
            "job failed (system failure)",
            "the self-hosted runner: * lost communication",
            "agent was lost",
            "we stopped hearing from agent",
        ],
    ),
    (
        Sign::Reclaimed,
        &[
            "spot instance interruption",
            "spot instance was interrupted",
            "spot instance has been interrupted",
            "spot interruption",
            "instance was reclaimed",
            "instance was preempted",
            "instance preemption",
        ],
    ),
    (
        Sign::Crashed,
        &[
            "segmentation fault",
            "fatal python error: aborted",
            "fatal python error: bus error",
            "sigsegv",
            "sigbus",
            "a fatal error has been detected by the java runtime environment",
            "access violation",
        ],
    ),
    (
        Sign::ToolBroken,
        &[
            "internalerror>",
            "error: usage:",
            "no tests ran",
            "^no tests to run$",
            "^error: no tests to run",
            "no tests found, exiting with code 1",
            "no test files found",
            "errors during collection",
            "error during collection",
            "error: could not compile",
            "command not found",
            "error: unrecognized arguments",
            "error: file or directory not found",
            "[build failed]",
            "[setup failed]",
        ],
    ),
    (
        Sign::TestsFailed,
        &[
            "^--- fail:",
            "test result: failed",
            "there were failing tests",
            "^=* failed",
            "^=* error",
            "^=* errors",
            "^failed (failures=",
            "^failed (errors=",
            "^tests: * failed",
            "^tests * failed |",
            "^summary [*] * failed",
            "examples, * failure",
            "examples, * failures",
            "^* failing$",
            "passed | * failed |",
            "^tests run: *, failures: ",
            "^* failed$",
        ],
    ),
];

/// Longest piece of a line that is quoted, in columns.
const QUOTE_MAX: usize = 160;

/// Longest piece of a line that is looked at, in bytes. Nobody tells of an end behind so much else.
const LINE_MAX: usize = 16 << 10;

/// What a log says, each thing with the last line that says it. Takes no more memory for a longer log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Log {
    said: BTreeMap<Sign, String>,
}

impl Log {
    /// What `text` says, line by line.
    #[must_use]
    pub fn of(text: &str) -> Log {
        let mut log = Log::default();
        text.lines().for_each(|line| log.line(line));
        log
    }

    /// Takes one more line, with colours, time stamps and all.
    pub fn line(&mut self, line: &str) {
        // What a progress bar wrote over is a line of its own.
        for piece in line.split('\r') {
            self.piece(piece);
        }
    }

    fn piece(&mut self, line: &str) {
        let plain = plain(line);
        if plain.is_empty() {
            return;
        }
        let lower = plain.to_ascii_lowercase();
        for (sign, patterns) in SIGNS {
            if patterns.iter().any(|pattern| like(&lower, pattern))
                && !(*sign == Sign::TestsFailed && none_failed(&lower))
            {
                self.said.insert(*sign, plain.clone());
            }
        }
        if part_passed(&lower) {
            self.said.insert(Sign::TestsFailed, plain);
        }
    }

    /// The line that says it, ready to be shown.
    #[must_use]
    pub fn says(&self, sign: Sign) -> Option<String> {
        self.said.get(&sign).map(|line| text::printable(&text::shorten(line, QUOTE_MAX)))
    }

    /// Whether it says nothing that is known.
    #[must_use]
    pub fn is_silent(&self) -> bool {
        self.said.is_empty()
    }
}

/// A line without colours and the time stamps of CI systems, its white space as single spaces.
fn plain(line: &str) -> String {
    let mut end = line.len().min(LINE_MAX);
    while !line.is_char_boundary(end) {
        end -= 1;
    }
    let mut out = String::with_capacity(end);
    let mut chars = line[..end].chars();
    while let Some(c) = chars.next() {
        match c {
            // Escape sequences: to the letter that ends them.
            '\u{1b}' => {
                if chars.next() == Some('[') {
                    let _ = chars.find(|c| ('@'..='~').contains(c));
                }
            }
            c if c.is_whitespace() => {
                if !out.ends_with(' ') {
                    out.push(' ');
                }
            }
            c => out.push(c),
        }
    }
    let text = out.trim();
    let (first, rest) = text.split_once(' ').unwrap_or((text, ""));
    let stamp = first.len() >= 19
        && first.is_ascii()
        && first.as_bytes()[4] == b'-'
        && first.as_bytes()[10] == b'T'
        && first.ends_with(|c: char| c == 'Z' || c.is_ascii_digit());
    if stamp { rest.to_owned() } else { text.to_owned() }
}

/// Whether `line` has the words of `pattern`.
fn like(line: &str, pattern: &str) -> bool {
    let start = pattern.strip_prefix('^');
    let end = pattern.strip_suffix('$');
    let pattern = start.unwrap_or(pattern);
    let pattern = if end.is_some() { &pattern[..pattern.len() - 1] } else { pattern };
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let rest: Vec<&str> = parts.collect();
    let mut from = 0;
    while let Some(found) = line[from..].find(first) {
        let at = from + found;
        if start.is_some() && at > 0 {
            return false;
        }
        let mut to = Some(at + first.len());
        for part in &rest {
            to = to.and_then(|to| line[to..].find(part).map(|found| to + found + part.len()));
        }
        match to {
            // A later beginning would find no more.
            None => return false,
            Some(to) => {
                if is_word_start(line, at) && is_word_end(line, to) && (end.is_none() || to == line.len()) {
                    return true;
                }
            }
        }
        match line[at..].chars().next() {
            Some(c) => from = at + c.len_utf8(),
            None => return false,
        }
    }
    false
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// No word goes on across `at`.
fn is_word_start(line: &str, at: usize) -> bool {
    let inside = line[at..].starts_with(is_word);
    !(inside && line[..at].ends_with(is_word))
}

fn is_word_end(line: &str, at: usize) -> bool {
    let inside = line[..at].ends_with(is_word);
    !(inside && line[at..].starts_with(is_word))
}

/// Whether a summary that speaks of failures counts none.
fn none_failed(line: &str) -> bool {
    const WORDS: [&str; 5] = ["failed", "failing", "failure", "error", "errors"];
    if !WORDS.iter().any(|word| line.contains(word))
        || ["--- fail", "test result:", "there were"].iter().any(|start| line.starts_with(start))
    {
        return false;
    }
    let digit = |c: char| c.is_ascii_digit();
    let some = |digits: &str| digits.contains(|c| ('1'..='9').contains(&c));
    !WORDS.iter().flat_map(|word| line.match_indices(word)).any(|(at, word)| {
        let before = line[..at].trim_end().rsplit(|c| !digit(c)).next().unwrap_or_default();
        // `failures: 3` is that word with its ending.
        let after = line[at + word.len()..].trim_start_matches(['s', ':', '=', ' ']);
        let after = after.split(|c| !digit(c)).next().unwrap_or_default();
        some(before) || some(after)
    })
}

/// Whether a line says `22/25 passed`, or the like.
fn part_passed(line: &str) -> bool {
    let Some(at) = line.find(" passed") else { return false };
    let word = line[..at].rsplit([' ', '(', '[']).next().unwrap_or_default();
    let Some((some, all)) = word.split_once('/') else { return false };
    matches!((some.parse::<u64>(), all.parse::<u64>()), (Ok(some), Ok(all)) if some < all)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signs(line: &str) -> Vec<Sign> {
        Log::of(line).said.into_keys().collect()
    }

    #[test]
    fn words_of_tools_are_known() {
        let check = |line: &str, sign: Sign| assert_eq!(signs(line), [sign], "{line}");
        check("Error: server probably quit: unexpected EOF", Sign::DaemonQuit);
        check(
            "Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?",
            Sign::DaemonQuit,
        );
        check("rpc error: code = Unavailable desc = error reading from server: EOF", Sign::StreamEnded);
        check(
            "ERROR: command \"docker exec --privileged\" failed with error: exit status 137",
            Sign::ChildKilled,
        );
        check(
            "<--- Last few GCs --->\nFATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory",
            Sign::HeapLimit,
        );
        check("Exception in thread \"main\" java.lang.OutOfMemoryError: Java heap space", Sign::HeapLimit);
        check(
            "java.lang.OutOfMemoryError: unable to create native thread: possibly out of memory",
            Sign::ProcessLimit,
        );
        check("fatal error: runtime: out of memory", Sign::HeapLimit);
        check("E       MemoryError", Sign::HeapLimit);
        check("MemoryError: Unable to allocate 8.00 GiB for an array", Sign::HeapLimit);
        check("terminate called after throwing an instance of 'std::bad_alloc'", Sign::HeapLimit);
        check("Unhandled exception. System.OutOfMemoryException: Array dimensions exceeded", Sign::HeapLimit);
        check(
            "PHP Fatal error:  Allowed memory size of 134217728 bytes exhausted (tried to allocate 20480 bytes)",
            Sign::HeapLimit,
        );
        check("OSError: [Errno 28] No space left on device", Sign::DiskFull);
        check("RuntimeError: can't start new thread", Sign::ProcessLimit);
        check("##[error]The operation was canceled.", Sign::Cancelled);
        check("The job was canceled because \"unit-2\" failed.", Sign::Cancelled);
        check("The hosted runner: GitHub Actions 12 lost communication with the server.", Sign::RunnerLost);
        check(
            "The job running on runner X has exceeded the maximum execution time of 360 minutes.",
            Sign::TimeUp,
        );
        check("Too long with no output (exceeded 10m0s): context deadline exceeded", Sign::NoOutput);
        check("[gw0] node down: Not properly terminated", Sign::WorkerGone);
        check("worker 'gw0' crashed while running 'tests/a.py::test_b'", Sign::WorkerGone);
        check(
            "A jest worker process (pid=7) was terminated by another process: signal=SIGKILL, exitCode=null.",
            Sign::ChildKilled,
        );
        check(
            "subprocess.CalledProcessError: Command '['x']' died with <Signals.SIGKILL: 9>.",
            Sign::ChildKilled,
        );
        check("  process didn't exit successfully: `/t/unit` (signal: 9, SIGKILL: kill)", Sign::ChildKilled);
        check("g++: fatal error: Killed signal terminated program cc1plus", Sign::ChildKilled);
        check("bash: line 1: 4711 Killed                  python x.py", Sign::ChildKilled);
        check("[ 12.3] Memory cgroup out of memory: Killed process 12 (python)", Sign::KernelKill);
        check("/bin/sh: 1: pytst: command not found", Sign::ToolBroken);
        check("=========== 3 failed, 22 passed in 4.56s ===========", Sign::TestsFailed);
        check("Ran 25 of 25 Specs\nFAIL! -- 22 Passed | 3 Failed | 0 Pending | 0 Skipped", Sign::TestsFailed);
        check("22/25 passed", Sign::TestsFailed);
        check("  3 failing", Sign::TestsFailed);
        check("Tests run: 12, Failures: 0, Errors: 2, Skipped: 0", Sign::TestsFailed);
        check("FAILED (failures=1)", Sign::TestsFailed);
        check("12 examples, 1 failure", Sign::TestsFailed);
        check(" Tests  2 failed | 5 passed (7)", Sign::TestsFailed);
        check(
            "Tests:       \u{1b}[1m\u{1b}[31m2 failed\u{1b}[39m\u{1b}[22m, 5 passed, 7 total",
            Sign::TestsFailed,
        );
        check("--- FAIL: TestX (0.00s)", Sign::TestsFailed);
        check("test result: FAILED. 3 passed; 1 failed; 0 ignored", Sign::TestsFailed);
        check("2025-01-02T03:04:05.1234567Z ##[error]The operation was canceled.", Sign::Cancelled);
    }

    #[test]
    fn what_only_looks_like_it_is_not_taken() {
        for line in [
            "tests/test_disk.py::test_no_space_left_on_device PASSED",
            "tests/test_mem.py::test_MemoryError PASSED",
            "    with pytest.raises(MemoryError):",
            "25/25 passed",
            "Tests: 0 failed, 5 passed",
            "SUCCESS! -- 25 Passed | 0 Failed | 0 Pending | 0 Skipped",
            "Tests run: 12, Failures: 0, Errors: 0, Skipped: 0",
            "12 examples, 0 failures",
            "a task was killed in the story",
            "========== 5 passed, 0 failed ==========",
            "========== failed to say how many ==========",
            "it is failing",
            "x = request failed",
            "exit status 1370",
            "",
        ] {
            assert_eq!(signs(line), [], "{line}");
        }
    }

    #[test]
    fn patterns_are_whole_words_with_gaps_and_ends() {
        let check = |line: &str, pattern: &str, expect: bool| {
            assert_eq!(like(line, pattern), expect, "{line} {pattern}");
        };
        check("a killed b", "killed", true);
        check("a skilled b", "killed", false);
        check("skilled and killed", "killed", true);
        check("killed", "^killed$", true);
        check("killed it", "^killed$", false);
        check("it killed", "^killed", false);
        check("worker 'gw0' crashed", "worker '*' crashed", true);
        check("worker crashed", "worker '*' crashed", false);
        check("äö killed", "killed", true);
        check("", "killed", false);
    }

    #[test]
    fn quotes_are_short_and_harmless() {
        let line = format!("{} Killed process {}\u{202e}", "Out of memory:", "x".repeat(500));
        let quote = Log::of(&line).says(Sign::KernelKill).unwrap();
        assert!(quote.chars().count() < 200 && quote.contains("\\u{202e}"), "{quote}");
    }

    /// Pieces of what tools say, in any order and cut anywhere.
    #[test]
    fn no_text_is_too_odd() {
        let pieces = SIGNS.iter().flat_map(|(_, patterns)| patterns.iter().copied());
        let odd = [
            "\u{1b}[",
            "\u{1b}",
            "\r",
            "é",
            "\u{202e}",
            "::",
            "1 failed",
            "0/0 passed",
            " passed",
            "9/",
            "2025-01-01T00:00:00Z",
        ];
        let pieces: Vec<&str> = pieces.chain(odd).collect();
        let mut state = 5_u64;
        let mut below = |n: usize| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) as usize % n
        };
        for _ in 0..3_000 {
            let mut line = String::new();
            for _ in 0..below(6) {
                let piece = pieces[below(pieces.len())];
                let cut = below(piece.len() + 1);
                line.push_str(piece.get(..cut).unwrap_or(piece));
            }
            let log = Log::of(&line);
            for (sign, _) in SIGNS {
                assert!(log.says(*sign).is_none_or(|line| !line.contains('\u{1b}')));
            }
        }
        // Longer than what is looked at.
        Log::of(&"é".repeat(LINE_MAX)).line(&"a * b".repeat(LINE_MAX));
    }
}
