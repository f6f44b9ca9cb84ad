//! Histories in shared storage: an S3 server of others on this machine, with a proxy of ours in front that
//! loses, delays and fails requests.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use crate::common::{Done, Project, Random};

const ADDRESS: &str = "s3://bucket/team/history.json";
const SECRET: &str = "wJalrXUtnFEMIsecret";

/// moto's S3, and a bucket in it.
struct S3 {
    child: Child,
    port: u16,
}

impl S3 {
    /// `None`, with a word about it, where it is not installed.
    fn start() -> Option<S3> {
        let python = |args: &[&str]| {
            let mut command = Command::new("python3");
            command.args(args).stdin(Stdio::null()).stderr(Stdio::null());
            command
        };
        if !python(&["-c", "import moto.server, flask"])
            .stdout(Stdio::null())
            .status()
            .is_ok_and(|s| s.success())
        {
            println!("skipped: python3 has no moto[server], an S3 server to test with");
            return None;
        }
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/s3.py");
        let mut child = python(&[script]).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let s3 = S3 { child, port: line.trim().parse().unwrap() };
        let answer = s3.ask("PUT /bucket HTTP/1.0\r\nHost: 127.0.0.1\r\nContent-Length: 0\r\n\r\n", b"");
        assert!(answer.0.contains(" 200 "), "{}", answer.0);
        Some(s3)
    }

    fn ask(&self, head: &str, body: &[u8]) -> (String, Vec<u8>) {
        let answer = forward(self.port, head.as_bytes(), body).unwrap();
        let end = answer.windows(4).position(|four| four == b"\r\n\r\n").unwrap();
        (String::from_utf8_lossy(&answer[..end]).into_owned(), answer[end + 4..].to_vec())
    }

    /// What the server holds, asked without `shard`.
    fn object(&self, key: &str) -> Option<Vec<u8>> {
        // It asks for a signature and does not look at it.
        let signed = "Authorization: AWS4-HMAC-SHA256 Credential=a/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0";
        let (head, body) =
            self.ask(&format!("GET /bucket/{key} HTTP/1.0\r\nHost: 127.0.0.1\r\n{signed}\r\n\r\n"), b"");
        head.contains(" 200 ").then_some(body)
    }

    fn history(&self) -> serde_json::Value {
        serde_json::from_slice(&self.object("team/history.json").unwrap()).unwrap()
    }
}

impl Drop for S3 {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Sends one request and reads the answer to its end.
fn forward(port: u16, head: &[u8], body: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut server = TcpStream::connect(("127.0.0.1", port))?;
    server.write_all(head)?;
    server.write_all(body)?;
    let mut answer = Vec::new();
    server.read_to_end(&mut answer)?;
    Ok(answer)
}

/// What the proxy does to a request.
enum Fault {
    Pass,
    /// The server never sees it.
    Drop,
    /// The server does it, and nobody hears of that.
    DropAnswer,
    Status(u16),
    /// The server does it and seems to have failed.
    StatusAfter(u16),
    Delay(Duration),
    /// Without the conditions, as servers answer that do not know them.
    Unconditional,
    /// A part of the answer, and no more.
    Half,
    /// Never reaches the server: this is the answer.
    Own(String),
}

/// A proxy in front of the server. Every request asks `fault`, with its number from 0 and its head.
struct Proxy {
    port: u16,
    requests: Arc<AtomicUsize>,
    end: Arc<AtomicBool>,
}

impl Proxy {
    fn start(server: u16, fault: impl Fn(usize, &str) -> Fault + Send + Sync + 'static) -> Proxy {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let (requests, end) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
        let (counter, ended, fault) = (requests.clone(), end.clone(), Arc::new(fault));
        thread::spawn(move || {
            for client in listener.incoming() {
                if ended.load(Ordering::Relaxed) {
                    break;
                }
                let (counter, fault) = (counter.clone(), fault.clone());
                thread::spawn(move || {
                    // Whoever hangs up has heard enough.
                    let _ =
                        serve(client?, server, |head| fault(counter.fetch_add(1, Ordering::Relaxed), head));
                    std::io::Result::Ok(())
                });
            }
        });
        Proxy { port, requests, end }
    }

    fn requests(&self) -> usize {
        self.requests.load(Ordering::Relaxed)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.end.store(true, Ordering::Relaxed);
        let _ = TcpStream::connect(("127.0.0.1", self.port));
    }
}

fn serve(client: TcpStream, server: u16, fault: impl Fn(&str) -> Fault) -> std::io::Result<()> {
    let mut input = BufReader::new(client.try_clone()?);
    let mut client = client;
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if input.read_line(&mut head)? == 0 {
            return Ok(());
        }
    }
    let length = head
        .lines()
        .find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    input.read_exact(&mut body)?;
    let fault = fault(&head);
    let kept = |line: &&str| {
        let line = line.to_ascii_lowercase();
        let condition = line.starts_with("if-match") || line.starts_with("if-none-match");
        let dropped = condition && matches!(fault, Fault::Unconditional);
        !dropped && !line.starts_with("connection:")
    };
    let mut lines: String = head.trim_end().lines().filter(kept).map(|line| format!("{line}\r\n")).collect();
    lines.push_str("Connection: close\r\n\r\n");
    let status = |status: u16| {
        format!(
            "HTTP/1.1 {status} Injected\r\nContent-Length: 36\r\nConnection: close\r\n\r\n<Error><Code>Injected</Code></Error>"
        )
    };
    let pass = || forward(server, lines.as_bytes(), &body);
    let answer = match fault {
        Fault::Drop => return Ok(()),
        Fault::DropAnswer => return pass().map(|_| ()),
        Fault::Status(number) => status(number).into_bytes(),
        Fault::StatusAfter(number) => {
            pass()?;
            status(number).into_bytes()
        }
        Fault::Own(answer) => answer.into_bytes(),
        Fault::Delay(time) => {
            thread::sleep(time);
            pass()?
        }
        Fault::Half => {
            let answer = pass()?;
            answer[..answer.len().saturating_sub(10)].to_vec()
        }
        Fault::Pass | Fault::Unconditional => pass()?,
    };
    client.write_all(&answer)
}

/// Variables that lead to a server on this machine.
fn variables(port: u16) -> Vec<(&'static str, String)> {
    vec![
        ("AWS_ENDPOINT_URL", format!("http://127.0.0.1:{port}")),
        ("AWS_ALLOW_HTTP", "true".to_owned()),
        ("AWS_ACCESS_KEY_ID", "AKIAkeyid".to_owned()),
        ("AWS_SECRET_ACCESS_KEY", SECRET.to_owned()),
    ]
}

fn run(project: &Project, port: u16, words: &str) -> Done {
    let variables = variables(port);
    let variables: Vec<(&str, &str)> =
        variables.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let done = project.run(words.split_whitespace(), b"", &variables);
    let said = done.stdout() + &done.stderr();
    assert!(!said.contains(SECRET) && !said.contains("AKIAkeyid"), "{said}");
    done
}

/// A project whose history is in shared storage, with a report of its own for every number.
fn project(reports: usize) -> Project {
    let project = Project::with(&[("shard.toml", &format!("history = \"{ADDRESS}\"\n"))]);
    project.file("tests.txt", b"t/all.py\nt/own_000.py\n");
    for number in 0..reports {
        let text = format!(r#"{{"t/all.py::x": {}, "t/own_{number:03}.py::x": 2}}"#, 1 + number);
        project.file(&format!("r{number}.json"), text.as_bytes());
    }
    project
}

fn words(number: usize) -> String {
    format!("record r{number}.json --run gh-1 --at 1000 --key k")
}

/// Suites and observations of a history.
fn counted(history: &serde_json::Value) -> (usize, usize) {
    let suites = history["suites"].as_object().unwrap();
    (suites.len(), suites.values().map(|rows| rows.as_array().unwrap().len()).sum())
}

fn copies(project: &Project) -> Vec<String> {
    project.list(".").into_iter().filter(|name| name.ends_with(".copy")).collect()
}

/// Starts recorders all at once and waits for them; what those that failed said.
fn record_all(project: &Project, recorders: usize, port: u16) -> Vec<String> {
    let start = |number: usize| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_shard"));
        command.args(words(number).split_whitespace()).current_dir(project.path()).env_clear();
        command.envs(variables(port)).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        command.spawn().unwrap()
    };
    let children: Vec<Child> = (0..recorders).map(start).collect();
    let ended = children.into_iter().map(|child| child.wait_with_output().unwrap());
    let failed = ended.filter(|done| !done.status.success());
    failed.map(|done| String::from_utf8_lossy(&done.stderr).into_owned()).collect()
}

#[test]
fn a_shared_history_is_recorded_and_planned_with() {
    let Some(s3) = S3::start() else { return };
    let project = project(2);
    let none = run(&project, s3.port, "plan tests.txt").ok();
    assert!(none.stderr().contains(&format!("history: `{ADDRESS}` does not exist yet")), "{}", none.stderr());
    let first = run(&project, s3.port, &words(0)).ok();
    let holds = format!("recorded 2 suites of run gh-1 (k): {ADDRESS} holds 2 suites, 1 run");
    assert_eq!(first.stdout(), format!("{holds}\n"));
    let again = run(&project, s3.port, &words(0)).ok();
    assert_eq!(again.stdout(), format!("{holds}, nothing new\n"));
    run(&project, s3.port, &words(1)).ok();
    assert_eq!(counted(&s3.history()), (3, 4));
    // The very bytes of a file, and back again.
    run(&project, s3.port, &format!("record --merge {ADDRESS} -o file.json")).ok();
    assert_eq!(project.read("file.json").as_bytes(), s3.object("team/history.json").unwrap());
    for ending in ["gz", "zst"] {
        let address = format!("s3://bucket/packed.json.{ending}");
        run(&project, s3.port, &format!("record --merge file.json --history {address}")).ok();
        let packed = s3.object(&format!("packed.json.{ending}")).unwrap();
        assert!(packed.starts_with(if ending == "gz" { &[0x1f, 0x8b] } else { &[0x28, 0xb5] }));
        run(&project, s3.port, &format!("record --merge {address} -o back.json")).ok();
        assert_eq!(project.read("back.json"), project.read("file.json"));
        let done = run(&project, s3.port, &format!("plan tests.txt --dry-run --history {address}")).ok();
        assert!(done.stderr().contains("2 of 2 suites known"), "{}", done.stderr());
    }
    run(&project, s3.port, "record --forget 1").ok();
    run(&project, s3.port, &format!("record --merge {ADDRESS} s3://bucket/none.json -o x"))
        .fails(2, &["`s3://bucket/none.json` does not exist"]);
    run(&project, s3.port, "record r0.json -o s3://bucket/x").fails(2, &["-o writes a file"]);
    run(&project, s3.port, "plan tests.txt --history s3://nowhere/x --strict")
        .fails(5, &["404 (NoSuchBucket)"]);
    run(&project, s3.port, "record r0.json --history s3://nowhere/x")
        .fails(5, &["NoSuchBucket", "shard-spool-"]);
}

#[test]
fn many_recorders_lose_nothing_in_shared_storage() {
    const RECORDERS: usize = 256;
    let Some(s3) = S3::start() else { return };
    let proxy = Proxy::start(s3.port, |_, _| Fault::Pass);
    let project = project(RECORDERS);
    let clock = Instant::now();
    let failed = record_all(&project, RECORDERS, proxy.port);
    let (suites, rows) = counted(&s3.history());
    println!(
        "{RECORDERS} recorders into one object: {suites} suites, {rows} observations, {} requests, {:.0?}",
        proxy.requests(),
        clock.elapsed()
    );
    assert!(failed.is_empty(), "{} failed: {}", failed.len(), failed[0]);
    assert_eq!((suites, rows), (RECORDERS + 1, 2 * RECORDERS));
    assert_eq!(s3.history()["suites"]["t/all.py"].as_array().unwrap().len(), RECORDERS);
    assert!(proxy.requests() > 2 * RECORDERS + 10, "they never met: {} requests", proxy.requests());
}

#[test]
fn nothing_is_lost_where_requests_fail() {
    const RECORDERS: usize = 24;
    let Some(s3) = S3::start() else { return };
    let faults = Arc::new(Mutex::new((Random(11), [0; 8])));
    let counts = faults.clone();
    let proxy = Proxy::start(s3.port, move |_, _| {
        let mut faults = faults.lock().unwrap();
        let kind = faults.0.below(16) as usize;
        let (fault, index) = match kind {
            0 => (Fault::Drop, 0),
            1 => (Fault::DropAnswer, 1),
            2 => (Fault::Status(500), 2),
            3 => (Fault::Status(503), 3),
            4 => (Fault::Status(412), 4),
            5 => (Fault::StatusAfter(500), 5),
            6 => (Fault::Delay(Duration::from_millis(200)), 6),
            7 => (Fault::Half, 7),
            _ => return Fault::Pass,
        };
        faults.1[index] += 1;
        fault
    });
    let project = project(RECORDERS);
    let failed = record_all(&project, RECORDERS, proxy.port);
    println!("faults: {:?}, of {} requests", counts.lock().unwrap().1, proxy.requests());
    let spools = project.list(".").into_iter().filter(|name| name.starts_with("shard-spool-"));
    let spools: Vec<String> = spools.collect();
    assert_eq!(spools.len(), failed.len(), "{failed:?}");
    for spool in &spools {
        run(&project, s3.port, &format!("record --merge {spool}")).ok();
    }
    assert_eq!(counted(&s3.history()), (RECORDERS + 1, 2 * RECORDERS));
    assert!(counts.lock().unwrap().1.iter().all(|count| *count > 0), "not every fault came up");
}

#[test]
fn a_storage_that_heeds_no_conditions_is_not_written_to() {
    let Some(s3) = S3::start() else { return };
    let careless = Proxy::start(s3.port, |_, _| Fault::Unconditional);
    let project = project(2);
    let said = "it does not heed conditional writes (If-Match, If-None-Match)";
    run(&project, careless.port, &words(0)).fails(5, &[said, "shard-spool-"]);
    run(&project, s3.port, &words(0)).ok();
    run(&project, careless.port, &words(1)).fails(5, &[said, "shard-spool-"]);
    // An honest one is asked and left as it is.
    let honest = Proxy::start(s3.port, |_, _| Fault::Pass);
    let before = s3.object("team/history.json");
    run(&project, honest.port, &words(0)).ok();
    assert_eq!((s3.object("team/history.json"), honest.requests()), (before, 1));
}

#[test]
fn plans_go_on_with_the_last_copy() {
    let Some(s3) = S3::start() else { return };
    let project = project(2);
    let down = Proxy::start(s3.port, |_, _| Fault::Status(503));
    let known = |done: Done| done.stderr().contains("2 of 2 suites known");
    // Nobody has ever seen it.
    let done = run(&project, down.port, "plan tests.txt --wait 500ms").ok();
    assert!(done.stdout().contains("warning[history-unreachable]: cannot read"), "{}", done.stdout());
    let message = project.plan()["warnings"][0]["message"].as_str().unwrap().to_owned();
    assert!(message.contains("no earlier copy of it is here"), "{message}");
    run(&project, s3.port, &words(0)).ok();
    let [copy] = &copies(&project)[..] else { panic!("no copy: {:?}", project.list(".")) };
    assert_eq!(project.read(copy).as_bytes(), s3.object("team/history.json").unwrap());
    std::fs::remove_file(project.path().join(copy)).unwrap();
    assert!(known(run(&project, s3.port, "plan tests.txt --dry-run").ok()));
    assert!(copies(&project).is_empty(), "--dry-run writes nothing");
    assert!(known(run(&project, s3.port, "plan tests.txt").ok()));
    assert!(project.exists(copy));
    let (refused, hangs) = (
        Proxy::start(s3.port, |_, _| Fault::Status(403)),
        Proxy::start(s3.port, |_, _| Fault::Delay(Duration::from_secs(40))),
    );
    for (port, what) in [
        (down.port, "the answer is 503 (Injected)"),
        (refused.port, "the answer is 403 (Injected)"),
        (hangs.port, "no answer in time"),
        (closed(), "no connection"),
    ] {
        let clock = Instant::now();
        let done = run(&project, port, "plan tests.txt --wait 1s").ok();
        assert!(clock.elapsed() < Duration::from_secs(15), "{what}: {:?}", clock.elapsed());
        let message = project.plan()["warnings"][0]["message"].as_str().unwrap().to_owned();
        let start = format!("cannot read `{ADDRESS}`: ");
        assert!(message.starts_with(&start) && message.contains(what), "{message}");
        assert!(message.ends_with(&format!("its last copy `{copy}` is used")), "{message}");
        assert!(known(done));
        run(&project, port, "plan tests.txt --wait 1s --strict").fails(5, &[&start, what]);
    }
    assert_eq!(refused.requests(), 2, "what is refused is not tried again");
}

/// A port that nobody listens on.
fn closed() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

#[test]
fn what_cannot_be_recorded_is_kept_and_pushed_later() {
    let Some(s3) = S3::start() else { return };
    let project = project(2);
    run(&project, s3.port, &words(1)).ok();
    let hangs = Proxy::start(s3.port, |_, _| Fault::Delay(Duration::from_secs(40)));
    let mut commands = Vec::new();
    for port in [closed(), hangs.port] {
        let clock = Instant::now();
        let done = run(&project, port, &(words(0) + " --wait 1s"));
        assert!(clock.elapsed() < Duration::from_secs(15), "{:?}", clock.elapsed());
        let done = done.fails(
            5,
            &[
                &format!("error[storage-failed]: cannot record into `{ADDRESS}`"),
                "what was to be recorded is kept in",
            ],
        );
        let said = done.stderr();
        commands
            .push(said.split('`').find(|part| part.starts_with("shard record --merge ")).unwrap().to_owned());
    }
    assert_eq!(commands[0], commands[1], "the same is kept once");
    assert_eq!(project.list(".").iter().filter(|name| name.starts_with("shard-spool-")).count(), 1);
    assert_eq!(counted(&s3.history()), (2, 2));
    run(&project, s3.port, commands[0].strip_prefix("shard ").unwrap()).ok();
    assert_eq!(counted(&s3.history()), (3, 4));
    // With the flags that it takes to get there.
    project.file("elsewhere/shard.toml", b"");
    let done = run(
        &project,
        closed(),
        &format!("{} --wait 1s --config elsewhere/shard.toml --history s3://b/k", words(0)),
    );
    let command = "shard record --merge elsewhere/shard-spool-";
    done.fails(5, &[command, ".json --history s3://b/k --config elsewhere/shard.toml`"]);
    // Nothing to keep.
    let done = run(&project, closed(), "record --forget 3 --wait 1s").fails(5, &["cannot record into"]);
    assert!(!done.stderr().contains("kept"), "{}", done.stderr());
}

#[test]
fn a_history_that_is_none_is_left_as_it_is() {
    let Some(s3) = S3::start() else { return };
    let answer = |body: &str| {
        let length = body.len();
        format!(
            "HTTP/1.1 200 OK\r\nETag: \"1\"\r\nLast-Modified: Sun, 22 Nov 2026 09:29:42 GMT\r\nContent-Length: {length}\r\n\r\n{body}"
        )
    };
    let newer = answer(r#"{"schema":7}"#);
    let huge = answer("").replace("Content-Length: 0", "Content-Length: 99999999999");
    for (answer, code, what) in [
        (newer, 2, "schema 7 is newer than this shard understands"),
        (answer("\x1f\u{8b}"), 2, "expected value"),
        (huge, 5, "the most that is read"),
        (
            answer(r#"{"schema":1,"runs":[],"suites":{},"tiers":{}}"#).replace("ETag: \"1\"\r\n", ""),
            5,
            "ETag",
        ),
    ] {
        let project = project(1);
        let proxy = Proxy::start(s3.port, move |_, _| Fault::Own(answer.clone()));
        run(&project, proxy.port, &words(0)).fails(code, &[what, ADDRESS, "shard-spool-"]);
        assert_eq!(proxy.requests(), 1, "{what}");
        assert!(copies(&project).is_empty());
    }
}

#[test]
fn the_web_is_read_and_not_written() {
    let history = r#"{"schema":1,"runs":[{"run":"a","at":1,"key":"k"}],"suites":{"t/all.py":[[0,"p",7000]]},"tiers":{}}"#;
    let answer = format!(
        "HTTP/1.1 200 OK\r\nLast-Modified: Sun, 22 Nov 2026 09:29:42 GMT\r\nContent-Length: {}\r\n\r\n{history}",
        history.len()
    );
    // me:s@cret
    let web = Proxy::start(0, move |_, head| {
        let head = head.to_ascii_lowercase();
        let allowed =
            head.contains("authorization: basic bwu6c0bjcmv0\r\n") && head.starts_with("get /a/b.json ");
        if allowed { Fault::Own(answer.clone()) } else { Fault::Status(401) }
    });
    let project = project(1);
    let address = format!("http://me:s%40cret@127.0.0.1:{}/a/b.json", web.port);
    project.file("shard.toml", format!("history = \"{address}\"\n").as_bytes());
    let plan = run(&project, 0, "plan tests.txt").ok();
    assert!(plan.stderr().contains("1 of 2 suites known"), "{}", plan.stderr());
    let record = run(&project, 0, &words(0));
    let shown = format!("http://127.0.0.1:{}/a/b.json", web.port);
    let record = record.fails(2, &[&format!("`{shown}` can only be read")]);
    let wrong =
        run(&project, 0, &format!("plan tests.txt --strict --history {}", address.replace("me:s%", "me:t%")));
    let wrong = wrong.fails(5, &[&shown, "the answer is 401"]);
    let none = run(
        &project,
        0,
        &format!("plan tests.txt --strict --wait 1s --history http://me:s%40cret@127.0.0.1:{}/x", closed()),
    );
    let none = none.fails(5, &["no connection"]);
    for done in [plan, record, wrong, none] {
        let said = done.stdout() + &done.stderr();
        assert!(!said.contains("cret") && !said.contains("me:"), "{said}");
    }
    assert_eq!(project.list(".").iter().filter(|name| name.starts_with("shard-spool")).count(), 0);
}
