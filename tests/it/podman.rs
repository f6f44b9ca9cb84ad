//! Image builds that killed their container engine, with a real one: Podman's service, and builds whose
//! steps really hold memory. Needs root, `podman` and `busybox-static`.
//!
//! Every test has an engine of its own, with its storage, its socket and, for a limit of memory, its
//! control group; nothing of it is left behind.

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use shard::model::{Confidence, Verdict};
use shard::outcome::{self, End, Outcome, Stopped};

use crate::common::{Done, Project, root};
use crate::limit::Limited;

const BUSYBOX: &str = "/bin/busybox";

/// Why no image can be built here; `None`: it can.
fn hindrance() -> Option<&'static str> {
    static HINDRANCE: OnceLock<Option<String>> = OnceLock::new();
    let found = HINDRANCE.get_or_init(|| {
        let output = |program: &str, flag: &str| Command::new(program).arg(flag).output().ok();
        if output("id", "-u").is_none_or(|id| id.stdout != b"0\n") {
            return Some("only root can build images without a set-up".to_owned());
        }
        if output("podman", "--version").is_none() {
            return Some("podman is not installed".to_owned());
        }
        if !Path::new(BUSYBOX).exists() || output("ldd", BUSYBOX).is_some_and(|ldd| ldd.status.success()) {
            return Some(format!("{BUSYBOX} is not there, or not linked statically (busybox-static)"));
        }
        // Some machines let nobody mount anything, root or not.
        let project = project(&["true"]);
        let build = local(project.path(), &["build", "--isolation=chroot", "images/true"]).output().unwrap();
        let said = String::from_utf8_lossy(&build.stderr).into_owned();
        (!build.status.success()).then(|| format!("podman cannot build here: {said}"))
    });
    found.as_deref()
}

/// Ends a test that cannot be made here, loudly.
macro_rules! needs_podman {
    () => {
        if let Some(hindrance) = hindrance() {
            println!("skipped: {hindrance}");
            return;
        }
    };
}

/// Podman with a storage of its own below a folder. Copies in place of mounts, so that none is left.
fn local(folder: &Path, words: &[&str]) -> Command {
    let mut command = Command::new("podman");
    command.args(storage(folder)).args(words).current_dir(folder);
    let path = std::env::var_os("PATH").unwrap_or_default();
    command.env_clear().env("PATH", path).env("HOME", folder).env("TMPDIR", folder);
    command
}

fn storage(folder: &Path) -> Vec<String> {
    let folder = folder.display();
    vec![
        format!("--root={folder}/root"),
        format!("--runroot={folder}/runroot"),
        "--storage-driver=vfs".to_owned(),
    ]
}

/// The incident's project: its `shard.toml`, the costs of its images, and those that are asked for.
fn project(images: &[&str]) -> Project {
    let project = Project::new();
    let folder = root().join("testdata/scenarios/images");
    for name in ["shard.toml", "costs.csv"] {
        project.file(name, &fs::read(folder.join(name)).unwrap());
    }
    for image in images {
        let own = match *image {
            "true" => Some("true"),
            "broken" => Some("echo building broken && exit 3"),
            _ => None,
        };
        let text = own.map(|step| format!("FROM scratch\nCOPY busybox /bin/sh\nRUN {step}\n").into_bytes());
        let file = folder.join("images").join(image).join("Containerfile");
        project.file(
            &format!("images/{image}/Containerfile"),
            &text.unwrap_or_else(|| fs::read(&file).unwrap()),
        );
        fs::copy(BUSYBOX, project.path().join("images").join(image).join("busybox")).unwrap();
    }
    project
}

/// Podman's service, on a socket of its own.
struct Engine {
    service: Child,
    // Before the folder: builds that go on without their service still write there.
    group: Option<Limited>,
    folder: tempfile::TempDir,
}

impl Engine {
    fn start(group: Option<Limited>) -> Engine {
        let folder = tempfile::tempdir().unwrap();
        let service = serve(folder.path(), group.as_ref());
        let engine = Engine { service, group, folder };
        engine.wait();
        engine
    }

    fn socket(&self) -> String {
        format!("unix://{}", self.folder.path().join("engine.sock").display())
    }

    /// Waits until it answers.
    fn wait(&self) {
        let begun = Instant::now();
        let answers = || {
            let mut ask = Command::new("podman");
            ask.args(["--remote", "--url", &self.socket(), "version"]).env_remove("CONTAINER_HOST");
            ask.output().unwrap().status.success()
        };
        while !answers() {
            assert!(begun.elapsed() < Duration::from_secs(60), "the service does not answer");
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    fn signal(&self, name: &str) {
        signal(self.service.id(), name);
    }

    /// Dies at once, and is there again a moment later, as a supervisor does it.
    fn crash(&mut self) {
        self.signal("KILL");
        self.service.wait().unwrap();
        self.service = serve(self.folder.path(), self.group.as_ref());
    }

    /// `shard run` of the project's only shard, in the control group of the service.
    fn command(&self, project: &Project, words: &str) -> Command {
        let mut command = within(self.group.as_ref(), env!("CARGO_BIN_EXE_shard"));
        command.args(["run", "images-1"]).args(words.split_whitespace()).current_dir(project.path());
        command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.env("HOME", self.folder.path()).env("CONTAINER_HOST", self.socket());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    fn run(&self, project: &Project, words: &str) -> Done {
        Done(self.command(project, words).output().unwrap())
    }

    /// The same, with `then` done once a build prints that its step runs.
    fn run_until(&mut self, project: &Project, words: &str, then: impl FnOnce(&mut Engine)) -> Done {
        let mut child = self.command(project, words).spawn().unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let mut said = String::new();
        while !said.contains("\nbuilding ") && out.read_line(&mut said).unwrap() > 0 {}
        then(self);
        // Drained, so that nobody waits for us.
        let rest = std::thread::spawn(move || std::io::copy(&mut out, &mut std::io::sink()));
        let done = child.wait_with_output().unwrap();
        rest.join().unwrap().unwrap();
        Done(done)
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.signal("CONT");
        self.signal("KILL");
        let _ = self.service.wait();
    }
}

fn signal(pid: u32, name: &str) {
    let words = [format!("-{name}"), pid.to_string()];
    let _ = Command::new("kill").args(words).stderr(Stdio::null()).status();
}

/// A command that begins in a control group, where there is one.
fn within(group: Option<&Limited>, program: &str) -> Command {
    group.map_or_else(|| Command::new(program), |group| group.command(&[program]))
}

fn serve(folder: &Path, group: Option<&Limited>) -> Child {
    let socket = folder.join("engine.sock");
    // Who comes before it listens must not find what the last one left.
    let _ = fs::remove_file(&socket);
    let mut command = within(group, "podman");
    command.args(storage(folder)).args(["system", "service", "--time=0"]);
    command.arg(format!("unix://{}", socket.display())).process_group(0);
    command.env_remove("CONTAINER_HOST").env("HOME", folder).env("TMPDIR", folder);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

/// The outcome of an attempt.
fn outcome(project: &Project, attempt: u32) -> (Outcome, End) {
    let name = format!("shard-out/outcomes/images-1.0.{attempt}.jsonl");
    let outcome = outcome::read(project.read(&name).as_bytes()).unwrap();
    let end = outcome.end.clone().unwrap();
    (outcome, end)
}

/// The builds of an attempt in the order in which they began, each with its beginning and its end in milliseconds.
fn builds(project: &Project, attempt: u32) -> Vec<(String, u64, u64)> {
    let mut builds: Vec<(String, u64, u64)> = Vec::new();
    for line in project.read(&format!("shard-out/outcomes/images-1.0.{attempt}.jsonl")).lines() {
        let event: serde_json::Value = serde_json::from_str(line).unwrap();
        let id = || event["id"].as_str().unwrap().replace("images/", "");
        match event["event"].as_str().unwrap() {
            "begin" => builds.push((id(), event["clock_ms"].as_u64().unwrap(), 0)),
            "suite" => {
                let build = builds.iter_mut().find(|(name, ..)| *name == id()).unwrap();
                build.2 = build.1 + event["ms"].as_u64().unwrap();
            }
            _ => {}
        }
    }
    builds
}

#[test]
fn three_builds_at_once_need_too_much_and_two_and_one_do_not() {
    needs_podman!();
    // Beside the engine there is room for the heavy build or for both light ones.
    let Some(group) = Limited::new(500_000_000) else {
        println!("skipped: no control group can be made here, so the engine's memory cannot be limited");
        return;
    };
    let engine = Engine::start(Some(group));
    let project = project(&["data-storage", "ai-analysis", "holmesgpt-api"]);
    let shard_toml = project.read("shard.toml");

    // As it was: nobody knew what the builds need, and they all began at once.
    let at_once = shard_toml.replace("workers       = 2", "guard = \"off\"\nworkers = 3");
    project.file("shard.toml", at_once.as_bytes());
    project.file(
        "times.csv",
        b"id,ms\nimages/data-storage,2000\nimages/ai-analysis,2500\nimages/holmesgpt-api,5000\n",
    );
    project.shard("plan --costs times.csv").ok();
    assert_eq!(project.plan()["shards"][0]["predicted_ms"], 5_000);
    let done = engine.run(&project, "");
    let (killed, end) = outcome(&project, 1);
    // A step was killed in the engine, not one of its small clients.
    assert!(killed.sessions[0].finished.iter().all(|suite| suite.signal.is_none()), "{}", done.stderr());
    assert_eq!(
        (end.verdict, end.confidence),
        (Verdict::OutOfMemory, Confidence::Certain),
        "{}",
        done.stderr()
    );
    assert!(done.code() != 0 && done.code() == end.exit && !end.not_run.is_empty(), "{}", done.stderr());
    assert!(end.evidence[0].starts_with("the kernel killed "), "{:?}", end.evidence);
    assert!(end.advice.unwrap().starts_with("let fewer run at once"), "{}", done.stderr());

    // The same machine with the same engine, planned.
    project.file("shard.toml", shard_toml.as_bytes());
    project.shard("plan --costs costs.csv").ok();
    let shard = &project.plan()["shards"][0];
    assert_eq!((&shard["predicted_ms"], &shard["predicted_bytes"]), (&7_500.into(), &300_000_000.into()));
    let done = engine.run(&project, "").ok();
    let (outcome, end) = outcome(&project, 2);
    assert_eq!((end.verdict, end.not_run.len()), (Verdict::Passed, 0));
    let builds = builds(&project, 2);
    let names: Vec<&str> = builds.iter().map(|(name, ..)| name.as_str()).collect();
    assert_eq!(names, ["holmesgpt-api", "ai-analysis", "data-storage"], "{}", done.stderr());
    let [(_, heavy_begin, heavy_end), (_, one_begin, one_end), (_, two_begin, two_end)] = builds[..] else {
        panic!("{builds:?}")
    };
    assert!(heavy_end <= one_begin && heavy_end <= two_begin && two_begin < one_end, "{builds:?}");
    // The heavy one, then the longer of the light ones, and nothing else.
    let sum = heavy_end - heavy_begin + (one_end - one_begin).max(two_end - two_begin);
    let took = outcome.sessions[0].end.as_ref().unwrap().ms.unwrap().0;
    assert!(took.abs_diff(sum) * 20 <= sum, "{took} ms, not {sum}: {builds:?}");
    // What the engine held nobody measured, and nothing is made of what its clients did.
    assert!(
        outcome.sessions[0].finished.iter().all(|suite| suite.peak_bytes.is_none())
            && end.peak_bytes.is_none()
    );
    assert!(done.stderr().contains("memory: the machine had "), "{}", done.stderr());
    project.shard("record shard-out/outcomes/images-1.0.2.jsonl").ok();
    let history: serde_json::Value = serde_json::from_str(&project.read("shard-history.json")).unwrap();
    let seen = history["suites"]["images/holmesgpt-api"][0].as_array().unwrap();
    assert_eq!(
        (seen[2].as_u64(), seen.len()),
        (Some(heavy_end - heavy_begin), 3),
        "a time and no memory: {history}"
    );
}

#[test]
fn an_engine_that_dies_is_tried_again_after_a_pause() {
    needs_podman!();
    let mut engine = Engine::start(None);
    let project = project(&["data-storage", "ai-analysis"]);
    project.file("costs.csv", b"id,ms\nimages/data-storage,2000\nimages/ai-analysis,2500\n");
    let one_by_one = project.read("shard.toml").replace("workers       = 2", "workers = 1");
    project.file("shard.toml", one_by_one.as_bytes());
    project.shard("plan --costs costs.csv").ok();
    let done = engine.run_until(&project, "", Engine::crash).ok();
    let stderr = done.stderr();
    // The incident, to the letter.
    assert!(stderr.contains("Error: server probably quit: unexpected EOF"), "{stderr}");
    assert!(stderr.contains("daemon-crash: again after 1s"), "{stderr}");
    let (outcome, end) = outcome(&project, 1);
    assert_eq!((end.verdict, end.not_run.len()), (Verdict::Passed, 0), "{stderr}");
    let [first, second, ..] = &outcome.sessions[..] else { panic!("{stderr}") };
    // The other one did not even begin before the pause.
    let [crashed] = &first.finished[..] else { panic!("{:?}", first.finished) };
    assert_eq!((crashed.id.as_str(), crashed.exit), ("images/ai-analysis", Some(125)));
    assert_eq!(first.end.as_ref().unwrap().verdict, Some(Verdict::DaemonCrash));
    let begin = first.start.clock_ms.unwrap().0 + first.end.as_ref().unwrap().ms.unwrap().0;
    assert!(second.start.clock_ms.unwrap().0 >= begin + 1_000, "{stderr}");
}

#[test]
fn a_build_that_fails_is_not_tried_again() {
    needs_podman!();
    let engine = Engine::start(None);
    let project = project(&["broken", "true"]);
    project.file("costs.csv", b"id,ms\nimages/broken,2000\nimages/true,1000\n");
    project.shard("plan --costs costs.csv").ok();
    let done = engine.run(&project, "");
    let (outcome, end) = outcome(&project, 1);
    assert_eq!((done.code(), outcome.sessions.len()), (3, 1), "{}", done.stderr());
    assert_eq!((end.verdict, end.not_run.len()), (Verdict::TestFailure, 0), "{}", done.stderr());
    assert!(end.evidence[0].contains("Error: building at STEP"), "{:?}", end.evidence);
}

#[test]
fn an_engine_that_hangs_is_noticed_and_named() {
    needs_podman!();
    let mut engine = Engine::start(None);
    let project = project(&["data-storage"]);
    project.file("costs.csv", b"id,ms\nimages/data-storage,2000\n");
    project.shard("plan --costs costs.csv").ok();
    let done = engine.run_until(&project, "--idle-timeout 2s", |engine| engine.signal("STOP"));
    let stderr = done.stderr();
    let (outcome, end) = outcome(&project, 1);
    assert_eq!(
        (done.code(), end.verdict, end.confidence),
        (93, Verdict::Hang, Confidence::Certain),
        "{stderr}"
    );
    assert_eq!(end.not_run, ["images/data-storage"]);
    assert_eq!(outcome.sessions[0].end.as_ref().unwrap().stopped, Some(Stopped::Idle));
    let said = "`images/data-storage` stopped: no output and no CPU time for 2";
    assert!(stderr.contains(said), "{stderr}");
    assert!(!stderr.contains("goroutine"), "the client's stacks are of no use: {stderr}");
}

/// What loads an image: hands on an archive to an import that needs much more for a moment, and says what `kind load
/// image-archive` says when that is killed.
const LOAD: &str = r#"touch begun
dd if=/dev/zero of=/dev/null bs=300000000 count=1 2>&1
code=$?
if [ $code -ne 0 ]; then
  echo "ERROR: failed to load image: command \"ctr --namespace=k8s.io images import -\" failed with error: exit status $code"
  echo "error reading from server: EOF"
fi
exit $code
"#;

#[test]
fn an_image_is_not_loaded_without_the_memory_for_it() {
    let Some(group) = Limited::new(200_000_000) else {
        println!("skipped: no control group can be made here, so memory cannot be limited");
        return;
    };
    let toml = "[tier.images]\nmatch = [\"**\"]\nmemory = \"isolated\"\neach = true\nguard = \"off\"\nbase = \"10MB\"\n\
        worker-base = \"0MB\"\nrun = [\"sh\", \"load.sh\", \"{suite}\"]\n";
    let project = Project::with(&[("shard.toml", toml), ("load.sh", LOAD)]);
    project.file("costs.csv", b"id,ms,transient_bytes\nvllm.tar,1000,300000000\n");
    project.shard("plan --costs costs.csv").ok();
    let run = |words: &str| {
        let mut command = within(Some(&group), env!("CARGO_BIN_EXE_shard"));
        command.args(["run", "images-1"]).args(words.split_whitespace()).current_dir(project.path());
        Done(command.stdin(Stdio::null()).output().unwrap())
    };
    // Both figures, and nothing begins.
    let done = run("");
    assert_eq!((done.code(), project.exists("begun")), (90, false), "{}", done.stderr());
    let said = "error[machine-too-small]: memory: shard images-1 is expected to need 310 MB, 1";
    assert!(done.stderr().contains(said) && done.stderr().contains(" MB are available"), "{}", done.stderr());
    // As it was: nobody looked.
    let done = run("--preflight off");
    let (_, end) = outcome(&project, 2);
    assert_eq!((done.code(), end.verdict, end.confidence), (137, Verdict::OutOfMemory, Confidence::Certain));
    assert!(end.evidence[0].starts_with("the kernel killed 1 process"), "{:?}", end.evidence);
    assert_eq!(end.not_run, ["vllm.tar"]);
    // With the log alone it is likely, and what speaks for it is said.
    project.file("load.log", done.stdout().as_bytes());
    let told = project.shard("triage --exit 137 --log load.log").ok().stdout();
    for part in ["out-of-memory, likely", "137: SIGKILL", "`error reading from server: EOF`", "shard check"] {
        assert!(told.contains(part), "`{part}` is not in:\n{told}");
    }
}

#[test]
fn builds_without_a_service_are_measured() {
    needs_podman!();
    let project = project(&["data-storage"]);
    project.file("costs.csv", b"id,ms\nimages/data-storage,2000\n");
    project.shard("plan --costs costs.csv").ok();
    let options = storage(project.path());
    let podman = ["run", "images-1", "--", "podman"].into_iter().chain(options.iter().map(String::as_str));
    let words = podman.chain(["build", "--isolation=chroot", "--no-cache", "{suite}"]);
    let home = project.path().to_str().unwrap();
    let done = project.run(words, b"", &[("HOME", home), ("TMPDIR", home)]).ok();
    let (outcome, _) = outcome(&project, 1);
    let peak = outcome.sessions[0].finished[0].peak_bytes.unwrap().0;
    assert!((100_000_000..250_000_000).contains(&peak), "{peak}: {}", done.stderr());
}
