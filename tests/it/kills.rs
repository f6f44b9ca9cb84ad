//! Kills at random moments, of everything that can be killed: every outcome can be read, every suite is accounted for,
//! verdicts are right, and none is certain that is wrong.
//!
//! 60 of them by default; `SHARD_KILLS=300 cargo test --test it -- kills --nocapture` shows more, with a table.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use shard::machine::group;
use shard::model::{Confidence, Verdict};
use shard::outcome::{self, Outcome};
use shard::triage::{Evidence, judge};

use crate::common::{Project, Random};
use crate::limit::Limited;
use crate::run::project;

/// What is killed, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kill {
    /// The process that was started, while what it started lives on.
    Leader,
    /// The same, asked to end.
    LeaderAsked,
    /// Its whole group.
    Group,
    /// `shard probe` inside a session.
    Probe,
    /// `shard run` itself.
    Us,
    /// The same, asked to end.
    UsAsked,
    /// By the kernel: a control group is full.
    Memory,
    /// The same, and `shard run` sees it coming.
    Guarded,
    /// By itself: `ulimit -v`.
    Limit,
}

const KINDS: [Kill; 9] = [
    Kill::Leader,
    Kill::LeaderAsked,
    Kill::Group,
    Kill::Probe,
    Kill::Us,
    Kill::UsAsked,
    Kill::Memory,
    Kill::Guarded,
    Kill::Limit,
];

impl Kill {
    /// What may be said of such an end.
    fn right(self) -> &'static [Verdict] {
        match self {
            Kill::Leader | Kill::LeaderAsked | Kill::Group | Kill::Probe => &[Verdict::Killed],
            // Nothing tells it from a machine that was lost.
            Kill::Us => &[Verdict::RunnerLost],
            Kill::UsAsked => &[Verdict::Cancelled],
            Kill::Memory | Kill::Guarded => &[Verdict::OutOfMemory],
            Kill::Limit => &[Verdict::MemoryLimit],
        }
    }

    /// Signal and whom it goes to, below `shard run` or itself; `None`: nobody sends one.
    fn signal(self) -> Option<&'static str> {
        match self {
            Kill::LeaderAsked | Kill::UsAsked => Some("TERM"),
            Kill::Memory | Kill::Guarded | Kill::Limit => None,
            Kill::Leader | Kill::Group | Kill::Probe | Kill::Us => Some("KILL"),
        }
    }

    /// A project for it: with what its suites do, the moment comes from them where nobody sends a signal.
    fn project(self, random: &mut Random) -> Project {
        let quiet = ["say:a", "sleep:0.05#1", "hold:20", "sleep:0.05#2", "child:10", "sleep:0.05#3"];
        // They grow by 10 MB every 20 ms, and begin with some that need nothing.
        let growing = ["say:a", "sleep:0.01", "grow:3", "grow:60", "say:b"];
        let limited = |kilobytes: u64| {
            let script = format!("ulimit -v {kilobytes}; exec python3 work.py \"$0\"");
            format!("run = [\"sh\", \"-c\", {script:?}, \"{{selection}}\"]")
        };
        match self {
            Kill::Leader | Kill::LeaderAsked | Kill::Group | Kill::Us | Kill::UsAsked => project(&quiet, ""),
            Kill::Probe => {
                let shard = env!("CARGO_BIN_EXE_shard");
                let script = format!(
                    "for id; do {shard} probe --id \"$id\" -- python3 work.py --mute --do \"$id\" || exit; done"
                );
                let run = format!("run = [\"sh\", \"-c\", {script:?}, \"sh\", \"{{suites}}\"]");
                project(&["sleep:0.1#1", "sleep:0.1#2", "child:10"], &run)
            }
            Kill::Memory => project(&growing, "guard = \"off\""),
            Kill::Guarded => project(&growing, ""),
            Kill::Limit => project(&growing, &limited(200_000 + random.below(300_000))),
        }
    }
}

/// How one round ended.
#[derive(Clone, Debug)]
struct Round {
    kill: Kill,
    /// `None`: it was not there yet.
    found: Option<(Verdict, Confidence)>,
    right: bool,
}

fn children(pid: u32) -> Vec<u32> {
    let text = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
    text.split_whitespace().filter_map(|pid| pid.parse().ok()).collect()
}

fn send(signal: &str, to: &str) {
    let _ = Command::new("kill").args([&format!("-{signal}"), "--", to]).stderr(Stdio::null()).status();
}

/// Sends its signal, if who is to get it is there already.
fn strike(kill: Kill, us: &Child) {
    let Some(signal) = kill.signal() else { return };
    let leader = children(us.id()).first().copied();
    let to = match kill {
        Kill::Us | Kill::UsAsked => Some(us.id().to_string()),
        Kill::Group => leader.map(|pid| format!("-{pid}")),
        Kill::Probe => leader.and_then(|pid| children(pid).first().copied()).map(|pid| pid.to_string()),
        _ => leader.map(|pid| pid.to_string()),
    };
    if let Some(to) = to {
        send(signal, &to);
    }
}

/// One run that is killed after `pause`.
fn round(kill: Kill, random: &mut Random, span: Duration) -> Round {
    let project = kill.project(random);
    let words = [env!("CARGO_BIN_EXE_shard"), "run", "all-1", "--preflight", "off"];
    let limited = match kill {
        Kill::Memory | Kill::Guarded => Limited::new(90_000_000 + random.below(300_000_000)),
        _ => None,
    };
    let mut command = match &limited {
        Some(limited) => limited.command(&words),
        None => {
            let mut command = Command::new(words[0]);
            command.args(&words[1..]);
            command
        }
    };
    command.current_dir(project.path()).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut us = command.spawn().unwrap();
    let pause = span.mul_f64(random.below(1_000) as f64 / 1_000.0);
    if kill.signal().is_some() {
        std::thread::sleep(pause);
    }
    strike(kill, &us);
    let below = children(us.id());
    let status = us.wait().unwrap();
    if status.code().is_none() {
        leave_nothing(us.id(), &below);
    }
    let what = format!("{kill:?} after {pause:?}");
    let name = "shard-out/outcomes/all-1.0.1.jsonl";
    let text = fs::read(project.path().join(name)).unwrap_or_default();
    if text.is_empty() {
        assert!(status.code().is_none() || kill == Kill::UsAsked, "{what}: no outcome, and {status}");
        return Round { kill, found: None, right: true };
    }
    let found = outcome::read(text.as_slice()).unwrap_or_else(|err| panic!("{what}: {err}"));
    accounted(&found, &project, status.code(), &what);
    let (verdict, confidence) = match &found.end {
        Some(end) => (end.verdict, end.confidence),
        None => {
            let judged = judge(&Evidence::of(&found));
            (judged.verdict, judged.confidence)
        }
    };
    // It may have been faster than we were.
    let good = found.end.as_ref().is_some_and(|end| end.exit == 0 && end.not_run.is_empty());
    let right = if good { verdict == Verdict::Passed } else { kill.right().contains(&verdict) };
    // What is recorded of it does no harm: what was killed taught no time.
    project.shard(&format!("record {name}")).ok();
    Round { kill, found: Some((verdict, confidence)), right }
}

/// What was started goes on without us; its group is its own, and its control group stays.
fn leave_nothing(us: u32, below: &[u32]) {
    below.iter().for_each(|pid| send("KILL", &format!("-{pid}")));
    std::thread::sleep(Duration::from_millis(20));
    if let Some(home) = group::above_us(Path::new("/")).first() {
        let _ = fs::remove_dir(home.folder.join(format!("shard-{us}-1")));
    }
}

/// Every suite is known to have been executed, or known not to.
fn accounted(found: &Outcome, project: &Project, code: Option<i32>, what: &str) {
    let suites = project.plan()["shards"][0]["sessions"][0]["suites"].as_array().unwrap().clone();
    let suites: BTreeSet<&str> = suites.iter().map(|suite| suite["id"].as_str().unwrap()).collect();
    let executed = found.executed();
    assert!(executed.is_subset(&suites), "{what}: {executed:?}");
    match &found.end {
        Some(end) => {
            let told: BTreeSet<&str> = end.not_run.iter().map(String::as_str).collect();
            assert!(told.is_disjoint(&executed), "{what}: {end:?}");
            let all: BTreeSet<&str> = told.union(&executed).copied().collect();
            assert_eq!(all, suites, "{what}: {end:?}");
            assert_eq!(end.verdict == Verdict::Passed, end.exit == 0 && told.is_empty(), "{what}: {end:?}");
            assert_eq!(code, Some(end.exit), "{what}: {end:?}");
        }
        None => {
            assert_eq!(code, None, "{what}: it ended by itself without a last line");
            // What it was to run is there from the first session on.
            let named = |session: &outcome::Session| session.start.suites.len() == suites.len();
            assert!(found.sessions.first().is_none_or(named), "{what}");
        }
    }
}

#[test]
fn kills_at_any_moment_lose_nothing() {
    let count: u64 = std::env::var("SHARD_KILLS").ok().and_then(|count| count.parse().ok()).unwrap_or(60);
    let groups = Limited::new(100_000_000).is_some();
    if !groups {
        println!("skipped: no control group can be made here, so the kernel kills nobody for its memory");
    }
    let kinds: Vec<Kill> =
        KINDS.into_iter().filter(|kill| groups || !matches!(kill, Kill::Memory | Kill::Guarded)).collect();
    // How long one run takes here and now.
    let whole = Kill::Us.project(&mut Random(0));
    let begun = Instant::now();
    whole.shard("run all-1 --preflight off").ok();
    let span = begun.elapsed().mul_f64(1.1);
    let all: Vec<Kill> = (0..count as usize).map(|number| kinds[number % kinds.len()]).collect();
    // Where the kernel kills for memory others must not see it happen on their machine.
    let full = |kill: &Kill| matches!(kill, Kill::Memory | Kill::Guarded);
    let (by_kernel, by_others) = all.into_iter().partition(full);
    let rounds = [rounds(by_others, span), rounds(by_kernel, span)].concat();
    report(&rounds);
    let killed = rounds.iter().filter(|round| round.found.is_some_and(|found| found.0 != Verdict::Passed));
    let wrong: Vec<&Round> = rounds.iter().filter(|round| !round.right).collect();
    let sure = |round: &&&Round| round.found.is_some_and(|found| found.1 == Confidence::Certain);
    assert_eq!(wrong.iter().filter(sure).count(), 0, "certain and wrong: {wrong:?}");
    assert!(wrong.len() * 20 <= rounds.len(), "{} of {} wrong: {wrong:?}", wrong.len(), rounds.len());
    assert!(killed.count() * 2 >= rounds.len(), "too few were killed to say anything");
}

/// They mostly wait: several at once.
fn rounds(kills: Vec<Kill>, span: Duration) -> Vec<Round> {
    let one = |(number, part): (usize, &[Kill])| -> Vec<Round> {
        let mut random = Random(11 + number as u64);
        part.iter().map(|kill| round(*kill, &mut random, span)).collect()
    };
    std::thread::scope(|scope| {
        let parts = kills.chunks(kills.len().div_ceil(3).max(1)).enumerate();
        let all: Vec<_> = parts.map(|part| scope.spawn(move || one(part))).collect();
        all.into_iter().flat_map(|part| part.join().unwrap()).collect()
    })
}

/// What was killed, and what was said of it.
fn report(rounds: &[Round]) {
    let mut table: BTreeMap<(Kill, String), (usize, bool)> = BTreeMap::new();
    for round in rounds {
        let said = round.found.map_or("not begun".to_owned(), |(verdict, sure)| format!("{verdict}, {sure}"));
        let slot = table.entry((round.kill, said)).or_insert((0, round.right));
        slot.0 += 1;
    }
    for ((kill, said), (count, right)) in table {
        println!("{count:4} {:12} {said}{}", format!("{kill:?}"), if right { "" } else { "  WRONG" });
    }
    let right = rounds.iter().filter(|round| round.right).count();
    println!("{right} of {} right", rounds.len());
}
