//! A project folder to run `shard` in, and what came of it.

use std::ffi::OsStr;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use crate::written::{self, Snapshot};

/// The folder of this package.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Whether a program is there and ends well with these words.
pub(crate) fn can(program: &str, words: &[&str]) -> bool {
    Command::new(program).args(words).stdin(Stdio::null()).output().is_ok_and(|done| done.status.success())
}

/// Whether `python3` has a pytest that reads `@file`.
pub(crate) fn has_pytest() -> bool {
    let script = "import pytest, sys; sys.exit(tuple(map(int, pytest.__version__.split('.')[:2])) < (8, 2))";
    can("python3", &["-c", script])
}

/// Whether it has pytest-xdist too.
pub(crate) fn has_xdist() -> bool {
    has_pytest() && can("python3", &["-c", "import xdist"])
}

/// An empty project folder that goes away with the test.
pub(crate) struct Project(tempfile::TempDir);

impl Project {
    pub(crate) fn new() -> Project {
        Project(tempfile::tempdir().unwrap())
    }

    /// With files: a name and a text each.
    pub(crate) fn with(files: &[(&str, &str)]) -> Project {
        let project = Project::new();
        files.iter().for_each(|(name, text)| project.file(name, text.as_bytes()));
        project
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn file(&self, name: &str, bytes: &[u8]) {
        let path = self.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, bytes).unwrap();
        written::placed(&path);
    }

    pub(crate) fn read(&self, name: &str) -> String {
        String::from_utf8(fs::read(self.path().join(name)).unwrap()).unwrap()
    }

    pub(crate) fn exists(&self, name: &str) -> bool {
        self.path().join(name).symlink_metadata().is_ok()
    }

    /// The names in a folder, sorted.
    pub(crate) fn list(&self, folder: &str) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(self.path().join(folder))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    /// Runs `shard` with these words.
    pub(crate) fn shard(&self, words: &str) -> Done {
        self.run(words.split_whitespace(), b"", &[])
    }

    pub(crate) fn run<S: AsRef<OsStr>>(
        &self,
        args: impl IntoIterator<Item = S>,
        stdin: &[u8],
        env: &[(&str, &str)],
    ) -> Done {
        run_in(self.path(), args, stdin, env)
    }

    pub(crate) fn plan(&self) -> serde_json::Value {
        serde_json::from_str(&self.read("shard-out/plan.json")).unwrap()
    }
}

/// What was written by a command that was not started by [`Project::run`].
impl Drop for Project {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            written::check(self.path(), &Snapshot::default());
        }
    }
}

/// Runs `shard` in a folder, in an environment without a CI's variables. What it writes there is held against its schema.
pub(crate) fn run_in<S: AsRef<OsStr>>(
    folder: &Path,
    args: impl IntoIterator<Item = S>,
    stdin: &[u8],
    env: &[(&str, &str)],
) -> Done {
    let before = Snapshot::of(folder);
    let mut command = Command::new(env!("CARGO_BIN_EXE_shard"));
    command
        .args(args)
        .current_dir(folder)
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default());
    command.envs(env.iter().copied()).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // The command may end before it has read everything.
    let _ = child.stdin.take().unwrap().write_all(stdin);
    let done = Done(child.wait_with_output().unwrap());
    written::check(folder, &before);
    done
}

/// How a command ended.
pub(crate) struct Done(pub(crate) Output);

impl Done {
    pub(crate) fn code(&self) -> i32 {
        self.0.status.code().unwrap_or(-1)
    }

    pub(crate) fn stdout(&self) -> String {
        String::from_utf8(self.0.stdout.clone()).unwrap()
    }

    pub(crate) fn stderr(&self) -> String {
        String::from_utf8(self.0.stderr.clone()).unwrap()
    }

    #[track_caller]
    pub(crate) fn ok(self) -> Done {
        assert_eq!(self.code(), 0, "{}{}", self.stdout(), self.stderr());
        self
    }

    /// Failed with this code and a message that holds every one of `parts`; nothing panicked.
    #[track_caller]
    pub(crate) fn fails(self, code: i32, parts: &[&str]) -> Done {
        let stderr = self.stderr();
        assert_eq!(self.code(), code, "{stderr}");
        assert!(stderr.lines().any(|line| line.starts_with("error[")), "{stderr}");
        let advised = stderr.contains("\n  help: ") || stderr.contains("try '--help'");
        assert!(advised, "no next step in:\n{stderr}");
        for part in parts {
            assert!(stderr.contains(part), "`{part}` is not in:\n{stderr}");
        }
        assert!(!stderr.contains("panicked"), "{stderr}");
        self
    }
}

/// Compares with `testdata/NAME` line by line; `SHARD_ACCEPT=1` rewrites it.
#[track_caller]
pub(crate) fn golden(name: &str, text: &str) {
    let path = root().join("testdata").join(name);
    if std::env::var_os("SHARD_ACCEPT").is_some() {
        return fs::write(path, text).unwrap();
    }
    let expected = fs::read_to_string(path).unwrap_or_default();
    for (was, is) in expected.lines().zip(text.lines()) {
        assert_eq!(was, is, "better or worse? SHARD_ACCEPT=1 cargo test shows all of testdata/{name}");
    }
    assert_eq!(expected.lines().count(), text.lines().count(), "lines of testdata/{name}");
}

/// The folder with inputs for development, where it is there.
pub(crate) fn shared(name: &str) -> Option<PathBuf> {
    let path = root().parent()?.join("shared").join(name);
    path.exists().then_some(path)
}

/// A generator of our own for tests: SplitMix64.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(crate) fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }

    pub(crate) fn shuffle<T>(&mut self, items: &mut [T]) {
        for i in (1..items.len()).rev() {
            items.swap(i, self.below(i as u64 + 1) as usize);
        }
    }
}
