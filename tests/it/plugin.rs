//! The pytest plugin: real sessions of pytest whose files take known amounts of memory.

use shard::outcome::{self, Finished, Outcome, Session, Status};

use crate::common::{Done, Project, has_pytest, has_xdist};

/// What the files of the project hold: they say in MB what they keep, and for how long.
const HELD: &str = "KEPT = []\n\
def hold(mb):\n    data = bytearray(mb * 1000000)\n    data[::4096] = b'x' * len(data[::4096])\n    return data\n";

/// Files with what collecting them adds, what they keep and what they need for a moment, in MB.
const FILES: [(&str, &str, [u64; 3], Status); 11] = [
    (
        "test_import.py",
        "from held import *\nDATA = hold(40)\ndef test_x(): pass\n",
        [40, 0, 0],
        Status::Passed,
    ),
    (
        "test_spike.py",
        "from held import *\ndef test_x(): hold(70)\ndef test_y(): pass\n",
        [0, 0, 70],
        Status::Passed,
    ),
    (
        "test_keep.py",
        "from held import *\nclass TestA:\n    def test_x(self):\n        KEPT.append(hold(30)); hold(20)\n    def test_y(self): assert 0\n",
        [0, 30, 20],
        Status::Failed,
    ),
    (
        "test_fixture.py",
        "import pytest\nfrom held import *\n@pytest.fixture(scope='module')\ndef data(): return hold(50)\n\
         def test_x(data): pass\ndef test_y(data): pass\n",
        [0, 0, 50],
        Status::Passed,
    ),
    (
        "test_all.py",
        "from held import *\nDATA = hold(15)\ndef test_x(): KEPT.append(hold(12)); hold(25)\n",
        [15, 12, 25],
        Status::Passed,
    ),
    (
        "test_leak.py",
        "from held import *\ndef test_x(): KEPT.append([b'%07d' % n + b'x' * 960 for n in range(30000)])\n",
        [0, 30, 0],
        Status::Passed,
    ),
    (
        "test_fork.py",
        "import os, time\nfrom held import *\ndef test_x():\n    if os.fork() == 0:\n        data = hold(60); time.sleep(0.5); os._exit(0)\n\
         \x20   os.wait()\n",
        [0, 0, 60],
        Status::Passed,
    ),
    (
        "test_skip.py",
        "import pytest\npytestmark = pytest.mark.skip\ndef test_x(): pass\n",
        [0, 0, 0],
        Status::Skipped,
    ),
    ("test_whole.py", "import pytest\npytest.skip(allow_module_level=True)\n", [0, 0, 0], Status::Skipped),
    ("test_none.py", "X = 1\n", [0, 0, 0], Status::Skipped),
    (
        "test_xfail.py",
        "import pytest\n@pytest.mark.xfail\ndef test_x(): assert 0\n",
        [0, 0, 0],
        Status::Passed,
    ),
];

/// The files above and an empty last one, whose place at the end of the session changes what it gives back.
fn project(command: &str) -> Project {
    let words: Vec<String> = command.split(' ').map(|word| format!("{word:?}")).collect();
    let toml = format!("[tier.all]\nmatch = [\"**\"]\nbudget = \"none\"\nrun = [{}]\n", words.join(", "));
    let project = Project::with(&[("shard.toml", &toml), ("tests/held.py", HELD)]);
    let files = FILES.iter().map(|(name, text, ..)| (*name, *text));
    let mut costs = "id,ms,transient_bytes\n".to_owned();
    for (rank, (name, text)) in files.chain([("test_last.py", "def test_x(): pass\n")]).enumerate() {
        project.file(&format!("tests/{name}"), text.as_bytes());
        costs += &format!("tests/{name},100,{}\n", (20 - rank) * 1000);
    }
    project.file("costs.csv", costs.as_bytes());
    project.shard("plan --costs costs.csv").ok();
    project
}

fn run(project: &Project) -> Done {
    project.run(["run", "all-1", "--preflight", "off"], b"", &[("PYTHONDONTWRITEBYTECODE", "1")])
}

fn outcome(project: &Project) -> Outcome {
    outcome_of(project, 1)
}

fn outcome_of(project: &Project, attempt: u32) -> Outcome {
    let name = format!("shard-out/outcomes/all-1.0.{attempt}.jsonl");
    outcome::read(project.read(&name).as_bytes()).unwrap()
}

/// Within 5 % or 3 MB.
#[track_caller]
pub(crate) fn close(found: Option<i64>, mb: u64, what: &str) {
    let (found, truth) = (found.unwrap_or(i64::MAX), i64::try_from(mb * 1_000_000).unwrap());
    assert!((found - truth).abs() <= (truth / 20).max(3_000_000), "{what}: {found}, not {truth}");
}

pub(crate) fn retained(suite: &Finished) -> Option<i64> {
    Some(i64::try_from(suite.after_bytes?.0).unwrap() - i64::try_from(suite.before_bytes?.0).unwrap())
}

pub(crate) fn transient(suite: &Finished) -> Option<i64> {
    let peak = i64::try_from(suite.peak_bytes?.0 - suite.before_bytes?.0).unwrap();
    Some(peak - retained(suite)?.max(0))
}

/// Holds a session to what its files take.
#[track_caller]
fn check(session: &Session, workers: &[&str]) {
    let missing: Vec<&str> =
        FILES.iter().map(|file| file.0).filter(|name| find(session, name).is_none()).collect();
    assert_eq!(missing, [""; 0]);
    check_measured(session, workers);
}

fn find<'a>(session: &'a Session, name: &str) -> Option<&'a Finished> {
    session.finished.iter().find(|suite| suite.id.strip_prefix("tests/") == Some(name))
}

/// The same of those files that were measured.
#[track_caller]
fn check_measured(session: &Session, workers: &[&str]) {
    for (name, _, [import, keep, spike], status) in FILES {
        let Some(suite) = find(session, name) else { continue };
        let id = suite.id.as_str();
        assert_eq!(suite.status, status, "{id}");
        for worker in workers {
            let added = session.imports.iter().find(|one| one.id == id && one.worker == *worker).unwrap();
            close(Some(added.bytes), import, &format!("import of {id} in {worker}"));
        }
        // Those of which nothing is left to run take nothing.
        if suite.ms.is_some() {
            close(transient(suite), spike, &format!("transient of {id}"));
            if !suite.last {
                close(retained(suite), keep, &format!("retained of {id}"));
            }
        }
    }
}

#[test]
fn files_are_measured_as_they_are() {
    if !has_pytest() {
        return println!("skipped: python3 has no pytest 8.2 or newer");
    }
    let project = project("python3 -m pytest -v -p no:cacheprovider @{selection}");
    let done = run(&project);
    assert_eq!(done.code(), 1, "{}", done.stderr());
    assert!(!done.stdout().contains("shard"), "it says nothing: {}", done.stdout());
    let found = outcome(&project);
    let session = &found.sessions[0];
    assert_eq!(session.floors.keys().collect::<Vec<_>>(), ["main"]);
    assert!((5_000_000..60_000_000).contains(&session.floors["main"].0), "{:?}", session.floors);
    check(session, &["main"]);
    assert_eq!(session.finished.iter().filter(|suite| suite.last).count(), 1);
    assert_eq!((found.executed().len(), found.end.unwrap().not_run.len()), (FILES.len() + 1, 0));
    // And it is learned.
    project.shard("record shard-out/outcomes --output h.json").ok();
    let history: serde_json::Value = serde_json::from_str(&project.read("h.json")).unwrap();
    // Figures of a whole system are written in its pages.
    let unit = history["page"].as_i64().unwrap_or(1);
    for (name, _, [import, keep, spike], _) in FILES.iter().filter(|file| file.3 != Status::Skipped) {
        let row = &history["suites"][format!("tests/{name}")][0];
        for (column, truth) in [(3, import), (4, keep), (5, spike)] {
            close(row[column].as_i64().map(|count| count * unit), *truth, &format!("{name} {row}"));
        }
    }
}

#[test]
fn what_ends_before_its_first_suite_ran_none() {
    if !has_pytest() {
        return println!("skipped: python3 has no pytest 8.2");
    }
    // A session's own set-up that gives up; and a file that cannot be collected, which is a failure of its own.
    let set_up = "import os\ndef pytest_collection_finish():\n    os._exit(1)\n";
    for (file, text, not_run) in
        [("tests/conftest.py", set_up, 2), ("tests/test_b.py", "import nothing_such\n", 1)]
    {
        let project = Project::with(&[
            (
                "shard.toml",
                "[tier.all]\nmatch = [\"**\"]\nrun = [\"python3\", \"-m\", \"pytest\", \"-q\", \"@{selection}\"]\n",
            ),
            ("list.txt", "tests/test_a.py\ntests/test_b.py\n"),
            ("tests/test_a.py", "def test():\n    pass\n"),
            ("tests/test_b.py", "def test():\n    pass\n"),
        ]);
        project.file(file, text.as_bytes());
        project.shard("plan list.txt --shards 1 --budget none").ok();
        let done = run(&project);
        assert!(matches!(done.code(), 1 | 2), "{file}: {}{}", done.stdout(), done.stderr());
        let found = outcome(&project);
        assert!(!found.sessions[0].floors.is_empty());
        assert_eq!(found.end.unwrap().not_run.len(), not_run, "{file}");
        project.shard("verify shard-out/outcomes").fails(1, &["not executed: this run is no success"]);
    }
}

#[test]
fn workers_are_measured_each() {
    if !has_xdist() {
        return println!("skipped: python3 has no pytest 8.2 with pytest-xdist");
    }
    let command = "python3 -m pytest -q -p no:cacheprovider -n 2 --dist loadfile @{selection}";
    let project = project(command);
    let done = run(&project);
    assert_eq!(done.code(), 1, "{}{}", done.stdout(), done.stderr());
    let found = outcome(&project);
    let session = &found.sessions[0];
    assert_eq!(session.floors.keys().collect::<Vec<_>>(), ["gw0", "gw1", "main"]);
    check(session, &["gw0", "gw1"]);
    assert_eq!((found.executed().len(), found.end.unwrap().not_run.len()), (FILES.len() + 1, 0));
}

#[test]
fn a_suite_whose_tests_are_spread_has_parts() {
    if !has_xdist() {
        return println!("skipped: python3 has no pytest 8.2 with pytest-xdist");
    }
    let project = project("python3 -m pytest -q -n 2 --dist load tests/test_spread.py @{selection}");
    let text =
        "import time, pytest\n@pytest.mark.parametrize('n', range(8))\ndef test_x(n): time.sleep(0.1)\n";
    project.file("tests/test_spread.py", text.as_bytes());
    run(&project);
    let found = outcome(&project);
    let parts = found.sessions[0].finished.iter().filter(|suite| suite.id == "tests/test_spread.py");
    let mut workers: Vec<&str> = parts.map(|part| part.worker.as_str()).collect();
    workers.sort_unstable();
    workers.dedup();
    assert_eq!(workers, ["gw0", "gw1"]);
    assert_eq!(found.end.unwrap().not_run, [""; 0]);
}

/// With and without workers.
fn commands() -> Vec<&'static str> {
    let alone = "python3 -m pytest -q -p no:cacheprovider @{selection}";
    let workers = "python3 -m pytest -q -p no:cacheprovider -n 2 --dist loadfile @{selection}";
    [(alone, has_pytest()), (workers, has_xdist())].into_iter().filter(|one| one.1).map(|one| one.0).collect()
}

#[test]
fn programs_that_a_test_starts_count_for_its_suite() {
    // A program has a base of its own, so it says itself what it holds.
    let program = "import re, time\nfrom held import hold\ndata = hold(60)\nstatus = open('/proc/self/status').read()\n\
        print(1024 * int(re.search('RssAnon:\\\\s*(\\\\d+)', status)[1]), flush=True)\ntime.sleep(0.6)\n";
    let test = "import subprocess, sys\ndef test_x():\n    child = subprocess.run([sys.executable, 'program.py'], cwd='tests', stdout=subprocess.PIPE)\n\
        \x20   open('truth', 'wb').write(child.stdout)\n";
    for command in commands() {
        let project = project(command);
        project.file("tests/program.py", program.as_bytes());
        project.file("tests/test_fork.py", test.as_bytes());
        run(&project);
        let truth: u64 = project.read("truth").trim().parse().unwrap();
        let session = &outcome(&project).sessions[0];
        let found = |name: &str| find(session, name).unwrap();
        let child = transient(found("test_fork.py")).unwrap().unsigned_abs();
        assert!(child.abs_diff(truth) <= (truth / 20).max(3_000_000), "{command}: {child}, not {truth}");
        // Its neighbours have no part in it.
        close(transient(found("test_import.py")), 0, command);
        close(transient(found("test_leak.py")), 0, command);
    }
}

#[test]
fn fixtures_of_the_whole_session_are_told_apart_from_what_a_suite_keeps() {
    // One that asks for another while it is made counts once.
    let fixtures = "import pytest\nfrom held import hold\n\
        @pytest.fixture(scope='session')\ndef inner(): return hold(15)\n\
        @pytest.fixture(scope='session')\ndef whole(request): return request.getfixturevalue('inner'), hold(30)\n";
    let test = "from held import *\ndef test_x(whole, inner): KEPT.append(hold(12)); hold(40)\ndef test_y(whole): pass\n";
    for command in commands() {
        let project = project(command);
        project.file("tests/conftest.py", fixtures.as_bytes());
        for name in ["test_spike.py", "test_keep.py"] {
            project.file(&format!("tests/{name}"), test.as_bytes());
        }
        run(&project);
        let session = &outcome(&project).sessions[0];
        let users = ["test_spike.py", "test_keep.py"].map(|name| find(session, name).unwrap());
        let shared = users.map(|suite| suite.shared_bytes.map(|bytes| i64::try_from(bytes.0).unwrap()));
        // Every worker pays for itself.
        let paid = if users[0].worker == users[1].worker { 1 } else { 2 };
        assert_eq!(shared.iter().flatten().count(), paid, "{command}: {shared:?}");
        shared.iter().flatten().for_each(|bytes| close(Some(*bytes), 45, command));
        for (suite, shared) in users.iter().zip(shared) {
            close(retained(suite).map(|bytes| bytes - shared.unwrap_or(0)), 12, command);
        }
        let others = session.finished.iter().filter(|suite| !users.iter().any(|user| user.id == suite.id));
        assert_eq!(others.filter(|suite| suite.shared_bytes.is_some()).count(), 0, "{command}");
        // And learned as what a session pays once.
        project.shard("record shard-out/outcomes --output h.json").ok();
        let history: serde_json::Value = serde_json::from_str(&project.read("h.json")).unwrap();
        let unit = history["page"].as_i64().unwrap_or(1);
        let figure = |name: &str, column: usize| {
            history["suites"][format!("tests/{name}")][0][column].as_i64().map(|count| count * unit)
        };
        let imports = ["test_spike.py", "test_keep.py"].map(|name| figure(name, 3).unwrap_or(0));
        close(Some(imports[0] + imports[1]), 45, command);
        close(figure("test_spike.py", 4), 12, command);
        close(figure("test_spike.py", 5), 40, command);
    }
}

#[test]
fn a_session_that_hangs_or_is_killed_has_measured_what_came_before() {
    for command in commands() {
        let workers: &[&str] = if command.contains("-n 2") { &["gw0", "gw1"] } else { &["main"] };
        for end in ["os.kill(os.getpid(), signal.SIGKILL)", "time.sleep(60)"] {
            let project = project(command);
            // The last: all others came before.
            let text = format!(
                "import os, signal, time\nfrom held import *\ndef test_x():\n    data = hold(110); time.sleep(0.4)\n    {end}\n"
            );
            project.file("tests/test_last.py", text.as_bytes());
            // pytest-xdist may wait for ever for a worker that was killed.
            let args = ["run", "all-1", "--preflight", "off", "--idle-timeout", "6s"];
            project.run(args, b"", &[("PYTHONDONTWRITEBYTECODE", "1")]);
            let found = outcome(&project);
            // Its workers hold files back, and only one was killed.
            match workers.len() {
                1 => check(&found.sessions[0], workers),
                _ => check_measured(&found.sessions[0], workers),
            }
            // pytest-xdist may start another worker, which is killed by the same file.
            let suspects = found.suspects().into_iter();
            let suspects: Vec<&str> = suspects.map(|it| it.begin.id.as_str()).collect();
            assert_eq!(suspects, ["tests/test_last.py"], "{command} {end}");
        }
    }
}

/// One tier that runs pytest over these suites, with this file.
fn small(suites: &[&str], files: &[(&str, &str)]) -> Project {
    let toml = "[tier.all]\nmatch = [\"**\"]\nbudget = \"none\"\nrun = [\"python3\", \"-m\", \"pytest\", \"-q\", \"@{selection}\"]\n";
    let project = Project::with(files);
    project.file("shard.toml", toml.as_bytes());
    let rows: String = suites.iter().map(|id| format!("{id},100\n")).collect();
    project.file("costs.csv", ("id,ms\n".to_owned() + &rows).as_bytes());
    project.shard("plan --costs costs.csv").ok();
    project
}

#[test]
fn a_runner_that_shuffles_is_told_once_and_written_down() {
    if !has_pytest() {
        return println!("skipped: python3 has no pytest 8.2 or newer");
    }
    let reverse = "def pytest_collection_modifyitems(items): items.reverse()\n";
    let test = "def test_x(): pass\n";
    let files = [("test_a.py", test), ("test_b.py", test), ("test_c.py", test)];
    let check = |conftest: &str, toml: &str, expect: bool| {
        let project = small(&["test_a.py", "test_b.py", "test_c.py"], &files);
        project.file("conftest.py", conftest.as_bytes());
        project.file("shard.toml", (project.read("shard.toml") + toml).as_bytes());
        project.shard("plan --costs costs.csv").ok();
        let said = run(&project).ok().stderr();
        let order = "`test_c.py` began before `test_b.py`, ";
        assert_eq!(
            (said.matches(order).count(), said.matches("began before").count()),
            (usize::from(expect), usize::from(expect)),
            "{said}"
        );
        assert_eq!(
            said.contains("set order = \"any\" in [tier.all]") && said.contains("-p no:randomly"),
            expect
        );
        let found = outcome(&project);
        assert_eq!(found.sessions[0].end.as_ref().unwrap().shuffled, expect, "{toml}");
        let told = project.shard("triage shard-out/outcomes").ok().stdout();
        assert_eq!(told.contains("another order than the memory was planned for"), expect, "{told}");
    };
    check(reverse, "", true);
    check("", "", false);
    // Memory that is planned for any order rests on none.
    check(reverse, "order = \"any\"\n", false);
    check(reverse, "memory = \"isolated\"\n", false);
}

#[test]
fn classes_and_tests_are_suites_where_the_plan_says_so() {
    if !has_pytest() {
        return println!("skipped: python3 has no pytest 8.2 or newer");
    }
    let text = "import pytest\nclass TestA:\n    def test_x(self): pass\n    class TestIn:\n        def test_y(self): pass\n\
                class TestAB:\n    def test_x(self): assert 0\n@pytest.mark.parametrize('n', [1, 2])\ndef test_f(n): pass\n";
    let suites = ["t/test_a.py::TestA", "t/test_a.py::TestAB", "t/test_a.py::test_f"];
    let project = small(&suites, &[("t/test_a.py", text)]);
    run(&project);
    let found = outcome(&project);
    let seen: Vec<(&str, Status)> =
        found.sessions[0].finished.iter().map(|suite| (suite.id.as_str(), suite.status)).collect();
    assert_eq!(seen, [(suites[0], Status::Passed), (suites[1], Status::Failed), (suites[2], Status::Passed)]);
}

#[test]
fn what_was_cut_off_is_not_done() {
    if !has_pytest() {
        return println!("skipped: python3 has no pytest 8.2 or newer");
    }
    let check = |text: &str, expect: &[&str], flying: &[&str]| {
        let files = [
            ("test_a.py", "def test_x(): pass\n"),
            ("test_b.py", text),
            ("test_c.py", "def test_x(): pass\n"),
        ];
        let project = small(&["test_a.py", "test_b.py", "test_c.py"], &files);
        run(&project);
        let found = outcome(&project);
        let begun: Vec<&str> = found.in_flight().iter().map(|begin| begin.id.as_str()).collect();
        assert_eq!(begun, flying, "{text}");
        assert_eq!(found.end.unwrap().not_run, expect, "{text}");
    };
    check(
        "import os, signal\ndef test_x(): os.kill(os.getpid(), signal.SIGKILL)\n",
        &["test_b.py", "test_c.py"],
        &["test_b.py"],
    );
    check(
        "import pytest\ndef test_x(): pytest.exit('enough')\n",
        &["test_b.py", "test_c.py"],
        &["test_b.py"],
    );
    check(
        "def test_x(request): request.session.shouldstop = 'x'\ndef test_y(): pass\n",
        &["test_b.py", "test_c.py"],
        &["test_b.py"],
    );
    check("def test_x(): assert 0\n", &[], &[]);
    // A file that cannot even be imported was executed; nothing else was.
    check("import nothing_of_this_name\n", &["test_a.py", "test_c.py"], &[]);
}

#[test]
fn tests_see_nothing_of_it() {
    if !has_pytest() {
        return println!("skipped: python3 has no pytest 8.2 or newer");
    }
    // The environment is the user's, another pytest inside is not measured, processes that a test forks say
    // nothing, and warnings are errors.
    let text = "import os, subprocess, sys, threading, warnings\n\
        def test_env():\n    assert os.environ.get('PYTHONPATH') == 'lib' and 'SHARD_EVENTS' not in os.environ\n\
        \x20   assert not [path for path in sys.path if 'shard-pytest' in path]\n    assert threading.active_count() == 1\n\
        def test_inside(tmp_path):\n    (tmp_path / 'test_in.py').write_text('def test_x(): pass')\n\
        \x20   subprocess.run([sys.executable, '-m', 'pytest', '-q', str(tmp_path)], check=True)\n\
        def test_fork():\n    child = os.fork()\n    if child == 0:\n        os._exit(0)\n    os.waitpid(child, 0)\n\
        def test_files_closed():\n    os.closerange(60, 200)\n\
        def test_away(tmp_path, monkeypatch):\n    monkeypatch.chdir(tmp_path)\n    monkeypatch.setattr(os, 'open', None)\n";
    let project =
        small(&["test_a.py", "test_b.py"], &[("test_a.py", text), ("test_b.py", "def test_x(): pass\n")]);
    let args = [
        "run",
        "all-1",
        "--preflight",
        "off",
        "--",
        "python3",
        "-m",
        "pytest",
        "-q",
        "-W",
        "error",
        "@{selection}",
    ];
    // The second time where only plugins are loaded that are named.
    for (attempt, more) in [(1, None), (2, Some(("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")))] {
        let variables: Vec<(&str, &str)> = [("PYTHONPATH", "lib")].into_iter().chain(more).collect();
        let done = project.run(args, b"", &variables);
        assert_eq!(done.code(), 0, "{}{}", done.stdout(), done.stderr());
        let found = outcome_of(&project, attempt);
        let ids: Vec<&str> = found.sessions[0].finished.iter().map(|suite| suite.id.as_str()).collect();
        assert_eq!(ids, ["test_a.py", "test_b.py"], "{more:?}");
    }
    // And where the variable gets lost pytest runs as ever.
    let args = [
        "run",
        "all-1",
        "--preflight",
        "off",
        "--",
        "python3",
        "-I",
        "-m",
        "pytest",
        "-q",
        "{suites}",
        "-k",
        "files_closed",
    ];
    project.run(args, b"", &[]).ok();
    assert!(outcome_of(&project, 3).sessions[0].finished.is_empty());
}

#[test]
fn a_hang_shows_its_stack() {
    if !has_pytest() {
        return println!("skipped: python3 has no pytest 8.2 or newer");
    }
    let project = small(&["test_a.py"], &[("test_a.py", "import time\ndef test_waits(): time.sleep(60)\n")]);
    let done = project.run(["run", "all-1", "--preflight", "off", "--idle-timeout", "4s"], b"", &[]);
    assert_eq!(done.code(), 93, "{}", done.stderr());
    let said = done.stdout() + &done.stderr();
    assert!(said.contains("in test_waits") && said.contains("most recent call first"), "{said}");
}
