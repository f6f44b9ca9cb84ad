//! `shard run`: real processes that hold, print, hang, fork and are killed.
//!
//! `work.py` is what a tier runs. What it does stands in the names of its suites, `hold:100` or
//! `exit:3`, so that every case says what is true.

use std::fs;
use std::io::Read;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use shard::model::Verdict;
use shard::outcome::{self, Outcome};

use crate::common::{Done, Project};
use crate::limit::Limited;

/// Does what suites are called, in order, and tells of them as a plugin would.
pub(crate) const WORK: &str = include_str!("../../testdata/run/work.py");

/// A plan of one shard `all-1` with these suites, in the order in which they stand here.
pub(crate) fn project(suites: &[&str], toml: &str) -> Project {
    let toml = format!("[tier.all]\nmatch = [\"**\"]\n{toml}\n");
    let toml = match toml.contains("run =") {
        true => toml,
        false => toml + "run = [\"python3\", \"work.py\", \"{selection}\"]\n",
    };
    let project = Project::with(&[("work.py", WORK), ("shard.toml", &toml)]);
    // One process runs the highest transient first: descending ones keep the order.
    let rows = suites.iter().zip((1..=suites.len()).rev());
    let rows = rows.map(|(id, rank)| format!("{id},{},{}\n", rank * 100, rank * 1000));
    project.file("costs.csv", ("id,ms,transient_bytes\n".to_owned() + &rows.collect::<String>()).as_bytes());
    project.shard("plan --costs costs.csv").ok();
    project
}

fn run(project: &Project, words: &str) -> Done {
    let words = ["run", "all-1", "--preflight", "off"].into_iter().chain(words.split_whitespace());
    project.run(words, b"", &[])
}

/// The outcome of an attempt, as the readers of the other commands see it.
fn outcome(project: &Project, attempt: u32) -> Outcome {
    let name = format!("shard-out/outcomes/all-1.0.{attempt}.jsonl");
    outcome::read(project.read(&name).as_bytes()).unwrap()
}

fn verdict(project: &Project) -> String {
    let end = outcome(project, 1).end.unwrap();
    format!("{} {} {}", end.exit, end.verdict, end.not_run.join(" ")).trim().to_owned()
}

#[test]
fn what_runs_is_told_and_passed_on() {
    let project = project(&["say:one", "say:two"], "");
    let done = run(&project, "").ok();
    assert_eq!(done.stdout(), "one\ntwo\n");
    assert!(done.stderr().contains("shard all-1: passed, "), "{}", done.stderr());
    let found = outcome(&project, 1);
    assert_eq!(found.executed().into_iter().collect::<Vec<_>>(), ["say:one", "say:two"]);
    let end = found.sessions[0].end.as_ref().unwrap();
    assert_eq!((end.exit, end.signal, end.verdict), (Some(0), None, Some(Verdict::Passed)));
    assert!(end.method.is_some() && found.end.as_ref().unwrap().peak_bytes.is_some());
    // By the best meter, or it says why not.
    assert_eq!(end.ungrouped.is_none(), grouped(&found) || cfg!(not(target_os = "linux")), "{end:?}");
    // A second attempt has an outcome of its own; nothing else is left behind.
    run(&project, "").ok();
    assert_eq!(project.list("shard-out/outcomes"), ["all-1.0.1.jsonl", "all-1.0.2.jsonl"]);
}

#[test]
fn a_plan_that_was_made_again_has_outcomes_of_its_own() {
    let project = project(&["say:one"], "");
    run(&project, "").ok();
    assert_eq!(outcome(&project, 1).start.unwrap().round, 0);
    let plan = project.read("shard-out/plan.json");
    let fresh = "\n  \"objective\"";
    assert!(!plan.contains("\"round\"") && !plan.contains("\"parent\"") && plan.matches(fresh).count() == 1);
    let again = |more: &str| {
        project.file("shard-out/plan.json", plan.replace(fresh, &(more.to_owned() + fresh)).as_bytes())
    };
    again(&format!("\n  \"round\": 2,\n  \"parent\": \"sha256:{}\",", "0a".repeat(32)));
    run(&project, "").ok();
    assert_eq!(project.list("shard-out/outcomes"), ["all-1.0.1.jsonl", "all-1.2.1.jsonl"]);
    let found = outcome::read(project.read("shard-out/outcomes/all-1.2.1.jsonl").as_bytes()).unwrap();
    assert_eq!(found.start.unwrap().round, 2);
    let told = project.shard("triage shard-out/outcomes/all-1.2.1.jsonl").ok().stdout();
    assert!(told.contains("all-1 (round 2, attempt 1): "), "{told}");
    again("\n  \"round\": 2,");
    run(&project, "").fails(94, &["round and parent are not there together"]);
}

#[test]
fn exit_codes_and_signals_are_passed_on() {
    let check = |suites: &[&str], code: i32, expect: &str| {
        let project = project(suites, "");
        let done = run(&project, "");
        assert_eq!((done.code(), verdict(&project).as_str()), (code, expect), "{}", done.stderr());
    };
    check(&["say:x", "exit:1"], 1, "1 incomplete exit:1");
    check(&["exit:4"], 4, "4 incomplete exit:4");
    check(&["kill:11"], 139, "139 test-failure kill:11");
    check(&["kill:9", "say:x"], 137, "137 killed kill:9 say:x");
    // A success that leaves suites out is none.
    let project = project(&["say:x", "exit:0", "say:y"], "");
    run(&project, "").fails(91, &["error[incomplete]: shard all-1: incomplete "]);
    assert_eq!(verdict(&project), "91 incomplete exit:0 say:y");
}

#[test]
fn a_command_that_tells_nothing_is_taken_at_its_word() {
    let silent = "run = [\"python3\", \"work.py\", \"{selection}\", \"--mute\"]";
    let check = |suite: &str, expect: &str| {
        let project = project(&[suite], silent);
        run(&project, "");
        assert_eq!(verdict(&project), expect);
    };
    check("say:x", "0 passed");
    check("exit:1", "1 test-failure");
    check("kill:9", "137 killed kill:9");
}

#[test]
fn the_command_is_words_never_a_shell() {
    let project = project(&["a b;c.py", "-d.py"], "");
    let print = "import sys; print(sys.argv[1:])";
    let args = ["run", "all-1", "--preflight", "off", "--", "python3", "-c", print];
    let more = ["{suites}", "{workers}", "{shard}.{session}", "$HOME", "{x}"];
    let done = project.run(args.iter().chain(&more), b"", &[]).ok();
    assert_eq!(done.stdout(), "['a b;c.py', './-d.py', '1', 'all-1.1', '$HOME', '{x}']\n");
    let done = project.run(["run", "all-1", "--", "true"], b"", &[]).ok();
    assert!(done.stderr().contains("names neither {selection} nor {suites}"), "{}", done.stderr());
    let done = project.run(["run", "all-1", "--", "touch", "{selektion}"], b"", &[]);
    done.fails(
        94,
        &[
            "error[no-command]: the command has `{selektion}`, which stands for nothing",
            "did you mean `{selection}`?",
        ],
    );
    assert!(!project.exists("{selektion}"));
}

#[test]
fn what_cannot_be_run_is_said_with_a_code_of_ours() {
    let project = project(&["say:x"], "run = [\"no-such-program\", \"{selection}\"]");
    run(&project, "").fails(
        94,
        &["error[cannot-run]: cannot start `no-such-program`", "error[cannot-run]: shard all-1: "],
    );
    assert!(outcome(&project, 1).end.is_some_and(|end| end.not_run == ["say:x"] && end.exit == 94));
    project.shard("run all-2").fails(94, &["the plan has no shard `all-2`", "did you mean `all-1`?"]);
    project.shard("run all-1 -- x {suite}").fails(94, &[]);
    project.file("shard-out/all-1.txt", b"other\n");
    project.shard("run all-1").fails(94, &["does not hold the suites of the plan"]);
    project.file("shard-out/all-1.txt", b"");
    project.shard("run all-1").fails(94, &["does not hold the suites of the plan"]);
    project.file("shard.toml", b"");
    project.shard("run all-1").fails(94, &["nothing says how to run tier `all`"]);
    Project::new().shard("run all-1").fails(94, &["plan.json` does not exist"]);
}

#[test]
fn a_machine_that_lacks_something_runs_nothing() {
    let project =
        project(&["say:x"], "[preflight]\nneed = { memory = \"900TB\" }\n[tier.b]\nmatch = [\"b\"]");
    let done = project.shard("run all-1 -- touch ran {selection}");
    assert_eq!(done.code(), 90, "{}", done.stderr());
    assert!(done.stderr().contains("900 TB are needed") && !project.exists("ran"));
    assert_eq!(verdict(&project), "90 resource-limit say:x");
    project.shard("run all-1 --preflight warn -- touch ran {selection}").ok();
    assert!(project.exists("ran"));
}

/// Where a group of our own can be made, its meter counts; without it the tree's.
fn grouped(found: &Outcome) -> bool {
    found.sessions[0].end.as_ref().unwrap().method.as_deref().unwrap().starts_with("cgroup")
}

#[test]
fn memory_is_measured_by_every_meter() {
    // What Python holds by itself.
    let base = project(&["hold:0"], "");
    run(&base, "").ok();
    let meters = |project: &Project| {
        let found = outcome(project, 1);
        let end = found.sessions[0].end.clone().unwrap();
        let meters: Vec<(String, u64)> =
            end.meters.iter().map(|meter| (meter.method.clone(), meter.peak_bytes.0)).collect();
        (end.peak_bytes.unwrap().0, meters, grouped(&found))
    };
    let (_, empty, _) = meters(&base);
    let check = |suites: &[&str], truth: u64, processes: u64| {
        let project = project(suites, "");
        run(&project, "").ok();
        let (_, found, grouped) = meters(&project);
        // The kernel's group where there is one, and the tree always: each is held to it.
        for name in ["tree", "cgroup1", "cgroup2"] {
            let of =
                |all: &[(String, u64)]| all.iter().find(|(meter, _)| meter == name).map(|(_, peak)| *peak);
            let (Some(found), Some(empty)) = (of(&found), of(&empty)) else { continue };
            // Every further Python brings its own base, without the files that they share.
            let extra = (processes - 1) * 6_000_000;
            let expect = truth * 1_000_000 + empty + extra;
            let within = (expect / 20).max(3_000_000) + extra;
            assert!(found.abs_diff(expect) <= within, "{suites:?} by {name}: {found}, not {expect}");
        }
        if !grouped {
            println!("skipped: no control group can be made here, so its meter is not tested");
        }
    };
    check(&["hold:200"], 200, 1);
    check(&["hold:60", "hold:80#2"], 140, 1);
    check(&["spike:150"], 150, 1);
    check(&["child:120"], 120, 2);
    check(&["pair:100"], 200, 3);
    check(&["forks:150"], 150, 2);
    check(&["orphan:120"], 120, 2);
    check(&["file:200"], 200, 1);
}

#[test]
fn a_session_that_does_nothing_is_ended_and_named() {
    let project = project(&["say:x", "sleep:60", "say:y"], "");
    let begun = Instant::now();
    let done = run(&project, "--idle-timeout 1s");
    assert!(begun.elapsed() < Duration::from_secs(20));
    done.fails(93, &["error[hang]: shard all-1: hang ", "no output and no CPU time for 1"]);
    assert_eq!(verdict(&project), "93 hang sleep:60 say:y");
}

#[test]
fn what_is_left_after_a_hang_can_go_on() {
    let project = project(&["say:x", "sleep:60", "say:y"], "");
    let done = run(&project, "--idle-timeout 1s --continue");
    assert_eq!((done.code(), done.stdout().as_str()), (93, "x\ny\n"), "{}", done.stderr());
    assert_eq!(verdict(&project), "93 hang sleep:60");
}

#[test]
fn the_time_of_a_shard_is_limited() {
    let project = project(&["stubborn:1"], "");
    let begun = Instant::now();
    let done = run(&project, "--timeout 1s");
    done.fails(124, &["error[timeout]: shard all-1: timeout "]);
    assert_eq!(verdict(&project), "124 timeout stubborn:1");
    assert!(begun.elapsed() > Duration::from_secs(8), "asked first");
}

#[test]
fn the_budget_stops_a_session_where_it_binds() {
    let grow = |guard: &str, args: &str| {
        let toml = format!("budget = \"200MB\"\nbase = \"1MB\"\nworker-base = \"1MB\"\nguard = \"{guard}\"");
        // Far above the budget, so that a slow machine sees it too.
        let project = project(&["say:a", "grow:60", "say:b"], &toml);
        let done = run(&project, args);
        (done.code(), done.stdout(), done.stderr(), verdict(&project))
    };
    let (code, stdout, stderr, verdict) = grow("budget", "");
    assert_eq!(
        (code, stdout.as_str(), verdict.as_str()),
        (92, "a\n", "92 out-of-memory grow:60 say:b"),
        "{stderr}"
    );
    assert!(stderr.contains("stopped before the kernel does it: the session held 2"), "{stderr}");
    assert!(stderr.contains("\nerror[guard]: shard all-1: out-of-memory "), "{stderr}");
    // Everything else runs, the one to blame last and alone.
    let (code, stdout, stderr, verdict) = grow("budget", "--continue");
    assert_eq!(
        (code, stdout.as_str(), verdict.as_str()),
        (92, "a\nb\n", "92 out-of-memory grow:60"),
        "{stderr}"
    );
    let (code, _, stderr, _) = grow("machine", "");
    assert_eq!(code, 0, "{stderr}");
    assert!(stderr.contains("are in use, the budget is 200 MB"), "{stderr}");
}

#[test]
fn a_real_limit_is_seen_coming_and_a_kill_is_proved() {
    let Some(limited) = Limited::new(400_000_000) else {
        println!("skipped: no control group can be made here");
        return;
    };
    let run = |toml: &str, words: &str| {
        let project = project(&["say:a", "creep:300", "say:b"], toml);
        let done = limited.shard(&project, &format!("run all-1 --preflight off {words}"));
        let end = outcome(&project, 1).end.unwrap();
        (done.code(), done.stdout(), format!("{} {} {}", end.verdict, end.confidence, end.not_run.join(" ")))
    };
    let check = |toml, words, code, said: &str, expect: &str| {
        assert_eq!(run(toml, words), (code, said.to_owned(), expect.to_owned()), "{toml} {words}");
    };
    check("", "", 92, "a\n", "out-of-memory certain creep:300 say:b");
    check("", "--continue", 92, "a\nb\n", "out-of-memory certain creep:300");
    check("guard = \"off\"", "", 137, "a\n", "out-of-memory certain creep:300 say:b");
    check("guard = \"off\"", "--continue", 137, "a\nb\n", "out-of-memory certain creep:300");
}

/// The states of processes that run this suite by themselves.
fn states(suite: &str) -> Vec<String> {
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    let state = |folder: &Path| {
        let words = fs::read(folder.join("cmdline")).ok()?;
        words.split(|byte| *byte == 0).any(|word| word == suite.as_bytes()).then_some(())?;
        let stat = fs::read_to_string(folder.join("stat")).ok()?;
        Some(stat.rsplit(") ").next()?.split(' ').next()?.to_owned())
    };
    processes.filter_map(|entry| state(&entry.path())).collect()
}

fn wait_for(what: &str, mut done: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !done() {
        assert!(begun.elapsed() < Duration::from_secs(60), "{what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn the_youngest_rests_while_memory_is_short_and_is_never_left_so() {
    let Some(group) = Limited::new(600_000_000) else {
        println!("skipped: no control group can be made here");
        return;
    };
    let toml = "memory = \"isolated\"\neach = true\nworkers = 2\nbudget = \"none\"
run = [\"sh\", \"-c\", \"python3 work.py --do '{suite}'; exit $?\"]";
    let start = |suites: &[&str]| {
        let project = project(suites, toml);
        let mut command = group.command(&[env!("CARGO_BIN_EXE_shard"), "run", "all-1", "--preflight", "off"]);
        command.current_dir(project.path());
        let child =
            command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        (project, child)
    };
    // Together they need more than there is; one after the other they fit.
    let resting = |suite: &str| states(suite).iter().any(|state| state == "T");
    let named =
        |name: &str| ["keep:200", "crawl:80"].map(|suite| format!("{suite}#{name}-{}", std::process::id()));
    let [keeps, rests] = named("both");
    let (project, child) = start(&[&keeps, &rests]);
    wait_for("it rests", || resting(&rests));
    // For longer than it takes until one that rests in vain is ended.
    std::thread::sleep(Duration::from_secs(4));
    project.file("go", b"");
    let done = Done(child.wait_with_output().unwrap());
    let said = done.stderr();
    assert_eq!((done.code(), verdict(&project).as_str()), (0, "0 passed"), "{said}");
    assert!(
        said.contains(&format!("`{rests}` rests, so that those before it can end: the control group held ")),
        "{said}"
    );
    assert!(said.contains(&format!("`{rests}` goes on")), "{said}");
    let found = outcome(&project, 1);
    let finished: Vec<(&str, bool)> = found.sessions[0]
        .finished
        .iter()
        .map(|suite| (suite.id.as_str(), suite.rested_ms.is_some()))
        .collect();
    assert_eq!(finished, [(keeps.as_str(), false), (rests.as_str(), true)]);
    // Told to end, or killed itself: nothing is left that rests.
    for name in ["TERM", "KILL"] {
        let [keeps, rests] = named(name);
        let (project, mut child) = start(&[&keeps, &rests]);
        wait_for("it rests", || resting(&rests));
        signal(child.id(), name);
        child.wait().unwrap();
        if name == "TERM" {
            assert_eq!(states(&rests), [""; 0]);
        } else {
            wait_for("it is awake", || states(&rests).iter().all(|state| state != "T"));
        }
        project.file("go", b"");
        wait_for("all have ended", || states(&rests).is_empty() && states(&keeps).is_empty());
    }
    // The one that was killed left its groups.
    group.remove_groups();
}

#[test]
fn a_crash_of_a_daemon_is_tried_again_and_a_failure_is_not() {
    let retry = "retry = { on = [\"daemon-crash\"], times = 2, pause = \"100ms\" }";
    let check = |suites: &[&str], toml: &str, code: i32, sessions: usize, expect: &str| {
        let project = project(suites, &format!("{retry}\n{toml}"));
        let done = run(&project, "");
        let found = outcome(&project, 1).sessions.len();
        assert_eq!(
            (done.code(), found, verdict(&project).as_str()),
            (code, sessions, expect),
            "{}",
            done.stderr()
        );
        done
    };
    check(&["once:1"], "", 0, 2, "0 passed");
    let done = check(&["daemon:1"], "", 125, 3, "125 daemon-crash daemon:1");
    assert!(
        done.stderr().contains("after 100ms") && done.stderr().contains("after 200ms"),
        "{}",
        done.stderr()
    );
    check(&["exit:125"], "", 125, 1, "125 tool-error exit:125");
    check(&["exit:1"], "", 1, 1, "1 incomplete exit:1");
    let each = "memory = \"isolated\"\neach = true\nworkers = 2\nrun = [\"python3\", \"work.py\", \"--do\", \"{suite}\"]";
    check(&["once:1", "say:x"], each, 0, 2, "0 passed");
    check(&["exit:1", "say:x"], each, 1, 1, "1 test-failure");
}

#[test]
fn sessions_run_in_order_whatever_one_of_them_does() {
    let toml = "sessions = 0\nbudget = \"110MB\"\nbase = \"1MB\"\nworker-base = \"1MB\"";
    let project = project(&["say:x"], toml);
    let costs = "id,ms,retained_bytes\nexit:3,9,100000000\nsay:a,8,100000000\nsay:b,7,100000000\n";
    project.file("costs.csv", costs.as_bytes());
    project.shard("plan --costs costs.csv --shards 1").ok();
    let done = run(&project, "");
    let mut said: Vec<String> = done.stdout().lines().map(str::to_owned).collect();
    said.sort();
    assert_eq!((done.code(), said), (3, vec!["a".into(), "b".into()]), "{}", done.stderr());
    assert_eq!(outcome(&project, 1).sessions.len(), 3);
}

#[test]
fn side_by_side_as_planned() {
    // The image builds: two light ones with 2 CPUs, a heavy one with all 6; never more than two at once.
    let toml = "memory = \"isolated\"\neach = true\nworkers = 2\ncpus = 6\nbudget = \"none\"
run = [\"python3\", \"work.py\", \"--do\", \"{suite}\"]\nsetup = \"0s\"\nsession-start = \"0s\"";
    let project = project(&["say:x"], toml);
    let costs = "id,ms,cpus\nsleep:0.8#light,800,2\nsleep:0.8#light2,790,2\nsleep:1.6#heavy,1600,6\n";
    project.file("costs.csv", costs.as_bytes());
    project.shard("plan --costs costs.csv").ok();
    assert_eq!(project.plan()["shards"][0]["predicted_ms"], 2_400);
    run(&project, "").ok();
    let (most, order) = side_by_side(&project);
    assert_eq!((most, order[0].as_str()), (2, "sleep:1.6#heavy"));
    let took = outcome(&project, 1).end.unwrap().clock_ms.unwrap().0;
    // Each start of Python costs some time of its own.
    assert!((2_400..12_000).contains(&took), "{took}");
}

/// The most that ran side by side, and all in the order in which they began.
fn side_by_side(project: &Project) -> (usize, Vec<String>) {
    let (mut running, mut most, mut order) = (Vec::<String>::new(), 0, Vec::new());
    for line in project.read("shard-out/outcomes/all-1.0.1.jsonl").lines() {
        let event: serde_json::Value = serde_json::from_str(line).unwrap();
        let id = || event["id"].as_str().unwrap().to_owned();
        match event["event"].as_str().unwrap() {
            "begin" => {
                running.push(id());
                order.push(id());
            }
            "suite" => running.retain(|other| *other != id()),
            _ => {}
        }
        most = most.max(running.len());
        assert!(running.len() < 2 || !running.iter().any(|id| id.contains("heavy")), "{running:?}");
    }
    (most, order)
}

#[test]
fn what_has_only_begun_keeps_its_room() {
    let Some(group) = Limited::new(500_000_000) else {
        println!("skipped: no control group can be made here");
        return;
    };
    let toml = "memory = \"isolated\"\neach = true\nworkers = 4\nbudget = \"none\"\nbase = \"1MB\"\nworker-base = \"0MB\"
run = [\"python3\", \"work.py\", \"--do\", \"{suite}\"]";
    let project = project(&["say:x"], toml);
    let rows = (1..=4).map(|n| format!("sleep:0.3#{n},300,200000000\n"));
    project.file("costs.csv", ("id,ms,transient_bytes\n".to_owned() + &rows.collect::<String>()).as_bytes());
    project.shard("plan --costs costs.csv").ok();
    let mut command = group.command(&[env!("CARGO_BIN_EXE_shard")]);
    command.args(["run", "all-1", "--preflight", "off"]).current_dir(project.path());
    Done(command.stdin(Stdio::null()).output().unwrap()).ok();
    // Each of them sleeps, so that there is room for a third at every moment but the right one.
    assert_eq!(side_by_side(&project).0, 2);
}

#[test]
fn a_line_now_and_then_says_what_is_going_on() {
    let project = project(&["say:x", "sleep:1"], "");
    let done = run(&project, "--heartbeat 300ms").ok();
    let lines: Vec<String> =
        done.stderr().lines().filter(|line| line.contains("since")).map(str::to_owned).collect();
    assert!(lines.len() >= 2 && lines[0].contains("1 of 2 suites done, sleep:1 since "), "{}", done.stderr());
}

#[test]
fn what_a_session_leaves_running_does_not_hold_it_up() {
    let project = project(&["leave:1"], "");
    let begun = Instant::now();
    let done = run(&project, "").ok();
    assert!(begun.elapsed() < Duration::from_secs(10), "{}", done.stderr());
    assert!(done.stderr().contains("1 process still running"), "{}", done.stderr());
}

/// `shard run`, to be killed: in a group of its own, so that nothing is left of it afterwards.
fn start(project: &Project) -> Child {
    use std::os::unix::process::CommandExt;
    let mut command = Command::new(env!("CARGO_BIN_EXE_shard"));
    command.args(["run", "all-1", "--preflight", "off"]).current_dir(project.path()).process_group(0);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

fn signal(pid: u32, signal: &str) {
    let status = Command::new("kill").args([&format!("-{signal}"), "--", &pid.to_string()]).status();
    assert!(status.unwrap().success());
}

#[test]
fn outcomes_and_reports_of_a_run_have_one_name() {
    let report = r#"<testsuite><testcase file="t/a.py" name="x" time="7"/></testsuite>"#;
    for (variables, name) in [
        (&[("GITHUB_RUN_ID", "7"), ("GITHUB_RUN_ATTEMPT", "2")][..], "gh-7.2"),
        (&[("CI_PIPELINE_ID", "9")], "gl-9"),
    ] {
        let project = project(&["say:x"], "");
        project.file("junit.xml", report.as_bytes());
        project.run(["run", "all-1", "--preflight", "off"], b"", variables).ok();
        project.run(["record", "shard-out/outcomes", "junit.xml"], b"", variables).ok();
        let history: serde_json::Value = serde_json::from_str(&project.read("shard-history.json")).unwrap();
        let runs = history["runs"].as_array().unwrap();
        assert_eq!((runs.len(), &runs[0]["run"]), (1, &name.into()), "{history}");
    }
}

#[test]
fn signals_reach_what_runs() {
    for (name, code) in [("TERM", 143), ("INT", 130), ("HUP", 129)] {
        let project = project(&["say:x", "sleep:30"], "");
        let mut child = start(&project);
        // Once it prints it runs.
        let mut said = [0; 2];
        child.stdout.as_mut().unwrap().read_exact(&mut said).unwrap();
        std::thread::sleep(Duration::from_millis(200));
        signal(child.id(), name);
        let status = child.wait().unwrap();
        assert_eq!(status.code(), Some(code), "{name}");
        let end = outcome(&project, 1).end.unwrap();
        assert_eq!((end.exit, end.not_run), (code, vec!["sleep:30".to_owned()]), "{name}");
    }
}

#[test]
fn a_full_disk_does_not_end_the_tests() {
    if !Path::new("/dev/full").exists() {
        println!("skipped: there is no /dev/full");
        return;
    }
    // Our own output goes nowhere, and the tests do not mind.
    let project = project(&["say:x", "say:y"], "");
    let full = || Stdio::from(fs::OpenOptions::new().write(true).open("/dev/full").unwrap());
    let mut command = Command::new(env!("CARGO_BIN_EXE_shard"));
    command.args(["run", "all-1", "--preflight", "off"]).current_dir(project.path());
    let status = command.stdin(Stdio::null()).stdout(full()).stderr(full()).status().unwrap();
    assert_eq!(status.code(), Some(0));
    assert_eq!(verdict(&project), "0 passed");
}

#[test]
fn both_outputs_keep_their_order_where_they_are_one() {
    let project = project(&["say:x"], "");
    let path = project.path().join("both");
    let file = fs::File::create(&path).unwrap();
    let script = "for i in 1 2 3 4 5 6 7 8; do echo out $i; echo err $i >&2; done";
    let mut command = Command::new(env!("CARGO_BIN_EXE_shard"));
    command
        .args(["run", "all-1", "--preflight", "off", "--", "sh", "-c", script])
        .current_dir(project.path());
    command.stdin(Stdio::null()).stdout(file.try_clone().unwrap()).stderr(file).status().unwrap();
    let text = fs::read_to_string(path).unwrap();
    let lines: Vec<&str> =
        text.lines().filter(|line| line.starts_with("out ") || line.starts_with("err ")).collect();
    let expect: Vec<String> = (1..=8).flat_map(|i| [format!("out {i}"), format!("err {i}")]).collect();
    assert_eq!(lines, expect);
}

/// A tool that nothing can be asked of: it takes as many MB as its suites are called, and keeps them.
const SILENT: &str = "import sys\nkept = []\nfor name in open(sys.argv[1]).read().split():\n\
    \x20   mb = int(name.rsplit('/')[-1])\n    data = bytearray(mb * 1000000)\n    data[::4096] = b'x' * len(data[::4096])\n\
    \x20   kept.append(data)\n    assert mb != 40\n";

#[test]
fn a_silent_tool_is_learned_one_suite_at_a_time() {
    for memory in ["accumulates", "isolated"] {
        let toml = format!(
            "[tier.all]\nmatch = [\"**\"]\nbudget = \"none\"\nmemory = {memory:?}\nworkers = 2\nbase = \"0MB\"\nworker-base = \"60MB\"\n\
             run = [\"python3\", \"tool.py\", \"{{selection}}\"]\n"
        );
        let project = Project::with(&[
            ("shard.toml", &toml),
            ("tool.py", SILENT),
            ("costs.csv", "id,ms\nt/0,100\nt/40,100\nt/100,100\nt/200,100\n"),
            ("list.txt", "t/0\nt/40\nt/100\nt/200\n"),
        ]);
        project.shard("plan --costs costs.csv").ok();
        let done = project.shard("run all-1 --each --preflight off");
        assert_eq!(done.code(), 1, "{}", done.stderr());
        let outcome = outcome::read(project.read("shard-out/outcomes/all-1.0.1.jsonl").as_bytes()).unwrap();
        assert_eq!(outcome.sessions.len(), 4);
        let finished = |id: &str| {
            let session = outcome.sessions.iter().find(|session| session.start.suites == [id]).unwrap();
            assert!(session.start.alone, "{id}");
            session.finished[0].clone()
        };
        let floor = finished("t/0").peak_bytes.unwrap().0;
        for (id, mb, status) in [
            ("t/40", 40, outcome::Status::Failed),
            ("t/100", 100, outcome::Status::Passed),
            ("t/200", 200, outcome::Status::Passed),
        ] {
            let suite = finished(id);
            assert_eq!(suite.status, status, "{id}");
            let peak = suite.peak_bytes.unwrap().0 - floor;
            assert!(peak.abs_diff(mb * 1_000_000) <= (mb * 50_000).max(3_000_000), "{id}: {peak}");
        }
        assert_eq!(outcome.end.unwrap().not_run, [""; 0]);
        // A peak alone is the transient of a process that ends with its suite. Of one that would live on a part is said to
        // stay, without what one worker holds before any suite.
        project.shard("record shard-out/outcomes").ok();
        project.shard("plan list.txt").ok();
        let plan = project.plan();
        let suites = plan["shards"][0]["sessions"][0]["suites"].as_array().unwrap();
        let planned = suites.iter().find(|suite| suite["id"] == "t/200").unwrap();
        let (stays, passes) =
            (planned["retained_bytes"].as_u64().unwrap(), planned["transient_bytes"].as_u64().unwrap());
        match memory {
            "isolated" => assert!(stays == 0 && passes >= 200_000_000, "{planned}"),
            _ => {
                let above = floor + 200_000_000 - 60_000_000;
                let (least, most) = (above * 99 / 100, above * 3 / 2);
                assert!((least..=most).contains(&(stays + passes)), "{above}: {planned}");
                assert!(stays * 10 / 4 >= above * 99 / 100 && passes > stays, "{planned}");
            }
        }
        assert_eq!(
            (&planned["basis"], &planned["memory_basis"]),
            (&"measured".into(), &"measured".into()),
            "{planned}"
        );
    }
}
