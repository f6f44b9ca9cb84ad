//! GitHub's API, faked on this machine from its own description, with recorded ends of jobs and every fault that we
//! could think of. Nothing here leaves the loopback.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::common::{Done, Project, Random, root};

const TOKEN: &str = "ghs_THEsecretTOKEN0123456789";
const RUN: u64 = 17;

/// What a client asked.
#[derive(Clone, Debug)]
struct Request {
    /// With its query.
    target: String,
    authorization: Option<String>,
}

impl Request {
    fn path(&self) -> &str {
        self.target.split('?').next().unwrap()
    }

    fn query(&self, name: &str) -> Option<&str> {
        let query = self.target.split_once('?')?.1;
        query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))
    }
}

/// What is answered.
#[derive(Clone, Debug)]
struct Answer {
    status: u16,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    how: How,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum How {
    Whole,
    /// A part of the body, and no more.
    Half,
    /// Nothing at all, and the connection closed.
    Drop,
    /// Nothing, for so long.
    Silent(Duration),
}

impl Answer {
    fn new(status: u16, body: impl Into<Vec<u8>>) -> Answer {
        Answer { status, headers: Vec::new(), body: body.into(), how: How::Whole }
    }

    fn json(value: &Value) -> Answer {
        Answer::new(200, value.to_string()).with("content-type", "application/json; charset=utf-8")
    }

    fn error(status: u16, message: &str) -> Answer {
        Answer::new(
            status,
            json!({"message": message, "documentation_url": "https://docs.github.com"}).to_string(),
        )
    }

    fn with(mut self, name: &str, value: impl ToString) -> Answer {
        self.headers.push((name.to_owned(), value.to_string()));
        self
    }

    fn how(self, how: How) -> Answer {
        Answer { how, ..self }
    }
}

/// A server on this machine.
struct Server {
    port: u16,
    seen: Arc<Mutex<Vec<Request>>>,
    end: Arc<AtomicBool>,
}

impl Server {
    fn start(answer: impl Fn(&Request, usize) -> Answer + Send + Sync + 'static) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let (seen, end) = (Arc::new(Mutex::new(Vec::new())), Arc::new(AtomicBool::new(false)));
        let (log, ended, answer) = (seen.clone(), end.clone(), Arc::new(answer));
        thread::spawn(move || {
            for client in listener.incoming() {
                if ended.load(Ordering::Relaxed) {
                    break;
                }
                let (log, answer) = (log.clone(), answer.clone());
                thread::spawn(move || serve(client?, &log, &*answer));
            }
        });
        Server { port, seen, end }
    }

    fn seen(&self) -> Vec<Request> {
        self.seen.lock().unwrap().clone()
    }

    /// Requests whose path holds that.
    fn asked(&self, part: &str) -> usize {
        self.seen().iter().filter(|request| request.target.contains(part)).count()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.end.store(true, Ordering::Relaxed);
        let _ = TcpStream::connect(("127.0.0.1", self.port));
    }
}

fn serve(
    mut client: TcpStream,
    log: &Mutex<Vec<Request>>,
    answer: &(impl Fn(&Request, usize) -> Answer + ?Sized),
) -> std::io::Result<()> {
    let mut input = BufReader::new(client.try_clone()?);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if input.read_line(&mut head)? == 0 {
            return Ok(());
        }
    }
    let target = head.split(' ').nth(1).unwrap_or_default().to_owned();
    let authorization = head.lines().find_map(|line| {
        let (name, value) = line.split_once(": ")?;
        name.eq_ignore_ascii_case("authorization").then(|| value.to_owned())
    });
    let request = Request { target, authorization };
    let number = {
        let mut log = log.lock().unwrap();
        log.push(request.clone());
        log.iter().filter(|seen| seen.target == request.target).count()
    };
    let Answer { status, headers, body, how } = answer(&request, number);
    match how {
        How::Drop => return Ok(()),
        How::Silent(time) => thread::sleep(time),
        How::Whole | How::Half => {}
    }
    let mut text = format!("HTTP/1.1 {status} X\r\ncontent-length: {}\r\nconnection: close\r\n", body.len());
    headers.iter().for_each(|(name, value)| text.push_str(&format!("{name}: {value}\r\n")));
    client.write_all(format!("{text}\r\n").as_bytes())?;
    let part = if how == How::Half { body.len() / 2 } else { body.len() };
    client.write_all(&body[..part])
}

/// A repository with one run.
#[derive(Clone, Default)]
struct World {
    jobs: Vec<Value>,
    annotations: BTreeMap<u64, Value>,
    /// Text, and the header `last-modified`.
    logs: BTreeMap<u64, (String, Option<String>)>,
    artifacts: Vec<(String, Vec<u8>)>,
    expired: Vec<String>,
    /// The newest attempt, less one.
    reruns: u64,
    /// The jobs of the first attempt, where there is another.
    first: Vec<Value>,
    /// Where logs and artifacts lie.
    storage: u16,
}

/// A recorded end of a job.
fn recorded(case: &str) -> Value {
    let text = std::fs::read_to_string(root().join(format!("testdata/github/{case}.json"))).unwrap();
    serde_json::from_str(&text).unwrap()
}

const CASES: [&str; 12] = [
    "a-killed",
    "b-lost",
    "b-lost-silent",
    "b-lost-stale-log",
    "c-shutdown",
    "cancelled",
    "d-terminated",
    "e-hung",
    "f-reclaimed",
    "failed-tests",
    "passed",
    "worker-out-of-memory",
];

fn user() -> Value {
    let mut user = json!({"login": "octo", "id": 1, "node_id": "U", "avatar_url": "https://x", "gravatar_id": null, "type": "User", "site_admin": false});
    for name in [
        "url",
        "html_url",
        "followers_url",
        "following_url",
        "gists_url",
        "starred_url",
        "subscriptions_url",
        "organizations_url",
        "repos_url",
        "events_url",
        "received_events_url",
    ] {
        user[name] = json!("https://x");
    }
    user
}

fn repository(id: u64) -> Value {
    let mut value = json!({"id": id, "node_id": "R", "name": "shop", "full_name": "octo/shop", "owner": user(), "private": false, "description": null, "fork": false});
    for name in "html_url url archive_url assignees_url blobs_url branches_url collaborators_url comments_url commits_url compare_url contents_url contributors_url deployments_url downloads_url events_url forks_url git_commits_url git_refs_url git_tags_url hooks_url issue_comment_url issue_events_url issues_url keys_url labels_url languages_url merges_url milestones_url notifications_url pulls_url releases_url stargazers_url statuses_url subscribers_url subscription_url tags_url teams_url trees_url".split(' ') {
        value[name] = json!("https://x");
    }
    value
}

fn run_of(id: u64, conclusion: &str, branch: &str, repository_id: u64) -> Value {
    let mut run = json!({"id": id, "name": "test", "node_id": "WFR", "head_branch": branch, "head_sha": "0123", "path": ".github/workflows/test.yml",
        "run_number": 5, "run_attempt": 1, "event": "push", "display_title": "Test", "status": "completed", "conclusion": conclusion, "workflow_id": 3,
        "url": "https://x", "html_url": "https://x", "pull_requests": [], "created_at": "2026-10-09T08:53:00Z", "updated_at": "2026-10-09T09:10:00Z",
        "run_started_at": "2026-10-09T08:53:00Z", "repository": repository(1), "head_repository": repository(repository_id),
        "head_commit": {"id": "0123", "tree_id": "0", "message": "m", "timestamp": "2026-10-09T08:50:00Z", "author": null, "committer": null}});
    for name in [
        "jobs_url",
        "logs_url",
        "check_suite_url",
        "artifacts_url",
        "cancel_url",
        "rerun_url",
        "workflow_url",
        "previous_attempt_url",
    ] {
        run[name] = json!("https://x");
    }
    run
}

impl World {
    /// A job that ended as recorded, under another name.
    fn job(&mut self, name: &str, case: &str) -> u64 {
        let case = recorded(case);
        let id = 1000 + self.jobs.len() as u64;
        let mut job = case["job"].clone();
        (job["id"], job["name"]) = (json!(id), json!(name));
        self.jobs.push(job);
        self.annotations.insert(id, case["annotations"].clone());
        if let Some(text) = case["log"].as_str() {
            let modified = match case["log_modified"].as_str().unwrap() {
                "2026-10-09T09:10:00Z" => "Fri, 09 Oct 2026 09:10:00 GMT",
                "2026-10-09T08:59:59Z" => "Fri, 09 Oct 2026 08:59:59 GMT",
                other => panic!("{other}"),
            };
            self.logs.insert(id, (text.to_owned(), Some(modified.to_owned())));
        }
        id
    }

    fn artifact(&mut self, name: &str, files: &[(&str, &[u8])]) {
        self.artifacts.push((name.to_owned(), zipped(files)));
    }

    /// The API.
    fn answer(&self, request: &Request) -> Answer {
        let Some(path) = request.path().strip_prefix("/api/v3/repos/octo/shop") else {
            return Answer::error(404, "Not Found");
        };
        let page = |field: &str, all: Vec<Value>| {
            let size: usize = request.query("per_page").map_or(30, |size| size.parse().unwrap());
            let page: usize = request.query("page").map_or(1, |page| page.parse().unwrap());
            assert!(size <= 100 && page >= 1);
            let total = all.len();
            let items: Vec<Value> = all.into_iter().skip((page - 1) * size).take(size).collect();
            Answer::json(&json!({"total_count": total, field: items}))
        };
        let storage = |path: String| {
            let to = format!("http://127.0.0.1:{}/{path}?sig=SIGNED", self.storage);
            Answer::new(302, "").with("location", to)
        };
        let parts: Vec<&str> = path.trim_start_matches('/').split('/').collect();
        match parts[..] {
            ["actions", "runs", "17" | "99"] | ["actions", "runs", "17", "attempts", _] => {
                let mut run = run_of(RUN, "failure", "main", 1);
                run["run_attempt"] = json!(1 + self.reruns);
                Answer::json(&run)
            }
            ["actions", "runs", "17", "attempts", "1", "jobs"] if self.reruns > 0 => {
                page("jobs", self.first.clone())
            }
            ["actions", "runs", "17" | "99", "attempts", _, "jobs"] => page("jobs", self.jobs.clone()),
            ["actions", "runs", _, "artifacts"] => page("artifacts", self.listed()),
            ["actions", "runs"] | ["actions", "workflows", "test.yml", "runs"] => {
                let all = [
                    (12, "success", 1),
                    (14, "success", 666),
                    (RUN, "failure", 1),
                    (16, "timed_out", 1),
                    (99, "failure", 1),
                ];
                let wanted = request.query("status") == Some("success");
                let all = all.iter().filter(|(_, end, _)| !wanted || *end == "success");
                let branch = request.query("branch").unwrap_or("main");
                page("workflow_runs", all.map(|(id, end, of)| run_of(*id, end, branch, *of)).collect())
            }
            ["actions", "artifacts", id, "zip"] => {
                let index = id.parse::<usize>().ok().and_then(|id| id.checked_sub(500));
                match index.and_then(|index| Some((index, &self.artifacts.get(index)?.0))) {
                    None => Answer::error(404, "Not Found"),
                    Some((_, name)) if self.expired.contains(name) => {
                        Answer::error(410, "Artifact has expired")
                    }
                    Some((index, _)) => storage(format!("zip/{index}")),
                }
            }
            ["actions", "jobs", id, "logs"] => match self.logs.contains_key(&id.parse().unwrap()) {
                true => storage(format!("log/{id}")),
                false => Answer::error(404, "Not Found"),
            },
            ["check-runs", id, "annotations"] => match self.annotations.get(&id.parse().unwrap()) {
                Some(annotations) => Answer::json(annotations),
                None => Answer::error(404, "Not Found"),
            },
            _ => Answer::error(404, "Not Found"),
        }
    }

    fn listed(&self) -> Vec<Value> {
        let one = |(index, (name, zip)): (usize, &(String, Vec<u8>))| {
            json!({"id": 500 + index, "node_id": "A", "name": name, "size_in_bytes": zip.len(), "url": "https://x", "archive_download_url": "https://x",
                "expired": self.expired.contains(name), "created_at": "2026-10-09T09:00:00Z", "expires_at": null, "updated_at": null, "digest": null})
        };
        self.artifacts.iter().enumerate().map(one).collect()
    }

    /// The storage behind it.
    fn store(&self, request: &Request) -> Answer {
        let parts: Vec<&str> = request.path().trim_start_matches('/').split('/').collect();
        assert_eq!(request.query("sig"), Some("SIGNED"));
        match parts[..] {
            ["zip", index] => Answer::new(200, self.artifacts[index.parse::<usize>().unwrap()].1.clone()),
            ["log", id] => {
                let (text, modified) = &self.logs[&id.parse().unwrap()];
                let answer = Answer::new(200, text.clone());
                match modified {
                    Some(modified) => answer.with("Last-Modified", modified),
                    None => answer,
                }
            }
            _ => Answer::new(404, "<Error><Code>BlobNotFound</Code></Error>"),
        }
    }

    fn serve(self) -> Github {
        self.faulty(|_, _| None)
    }

    /// `fault` comes first, with how often this very address was asked for, from 1.
    fn faulty(mut self, fault: impl Fn(&Request, usize) -> Option<Answer> + Send + Sync + 'static) -> Github {
        let fault = Arc::new(fault);
        let (world, also) = (self.clone(), fault.clone());
        let storage =
            Server::start(move |request, times| also(request, times).unwrap_or_else(|| world.store(request)));
        self.storage = storage.port;
        let api = Server::start(move |request, times| {
            fault(request, times).unwrap_or_else(|| self.answer(request))
        });
        Github { api, storage }
    }
}

struct Github {
    api: Server,
    storage: Server,
}

impl Github {
    fn shard(&self, project: &Project, words: &str) -> Done {
        self.shard_in(project, words, &[])
    }

    /// With more variables. The token is never shown, and goes nowhere but to the API.
    fn shard_in(&self, project: &Project, words: &str, more: &[(&str, &str)]) -> Done {
        let url = format!("http://127.0.0.1:{}/api/v3/", self.api.port);
        let mut variables = vec![
            ("GITHUB_API_URL", url.as_str()),
            ("GITHUB_REPOSITORY", "octo/shop"),
            ("GITHUB_TOKEN", TOKEN),
        ];
        variables.extend(more);
        let done = project.run(words.split_whitespace(), b"", &variables);
        let said = done.stdout() + &done.stderr();
        assert!(!said.contains("secret") && !said.contains("SIGNED"), "{said}");
        assert!(!said.contains("panicked"), "{said}");
        let bearer = format!("Bearer {TOKEN}");
        assert!(self.api.seen().iter().all(|request| request.authorization.as_deref() == Some(&bearer)));
        assert!(self.storage.seen().iter().all(|request| request.authorization.is_none()));
        done
    }

    fn verdicts(&self, project: &Project, words: &str) -> Vec<(String, String)> {
        let done = self.shard(project, &format!("{words} --format json")).ok();
        verdicts(&done)
    }
}

/// Each job or shard with its verdict and confidence.
fn verdicts(done: &Done) -> Vec<(String, String)> {
    let document: Value = serde_json::from_str(&done.stdout()).unwrap();
    let row = |row: &Value| {
        let text = |field: &str| row[field].as_str().unwrap_or("-").to_owned();
        let name = if row["shard"].is_null() { text("job") } else { text("shard") };
        (name, format!("{} {}", text("verdict"), text("confidence")))
    };
    document["verdicts"].as_array().unwrap().iter().map(row).collect()
}

fn zipped(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut archive = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, bytes) in files {
        archive.start_file(*name, zip::write::SimpleFileOptions::default()).unwrap();
        archive.write_all(bytes).unwrap();
    }
    archive.finish().unwrap().into_inner()
}

/// A project with a plan of so many shards, each of which fills nine tenths of its budget.
fn planned(shards: usize) -> Project {
    let project = Project::new();
    let rows: String = (0..shards).map(|n| format!("t/test_{n:03}.py,{},0,70000000,0\n", 1000 + n)).collect();
    project
        .file("costs.csv", format!("id,ms,import_bytes,retained_bytes,transient_bytes\n{rows}").as_bytes());
    project.shard("plan --costs costs.csv --budget 200MB").ok();
    project
}

/// The shards of a project's plan, each with its job's name.
fn names(project: &Project) -> Vec<(String, String)> {
    let matrix: Value = serde_json::from_str(&project.read("shard-out/matrix.json")).unwrap();
    let text = |row: &Value, field: &str| row[field].as_str().unwrap().to_owned();
    matrix["include"].as_array().unwrap().iter().map(|row| (text(row, "shard"), text(row, "name"))).collect()
}

/// With the artifact of the project's plan.
fn world(project: &Project) -> World {
    let mut world = World::default();
    let files = project.list("shard-out");
    let files: Vec<(&str, String)> = files
        .iter()
        .filter(|name| project.path().join("shard-out").join(name).is_file())
        .map(|name| (name.as_str(), project.read(&format!("shard-out/{name}"))))
        .collect();
    let files: Vec<(&str, &[u8])> = files.iter().map(|(name, text)| (*name, text.as_bytes())).collect();
    world.artifact("shard-plan", &files);
    world
}

/// An outcome as `shard run` writes it, whole or cut off.
fn outcome(project: &Project, shard: &str, run: &str, end: &str) -> (String, Vec<u8>) {
    let matrix = project.read("shard-out/plan.json");
    let digest = shard::model::Digest::of(matrix.as_bytes());
    let plan: Value = serde_json::from_str(&matrix).unwrap();
    let shards = plan["shards"].as_array().unwrap();
    let suite = &shards.iter().find(|one| one["id"] == shard).unwrap()["sessions"][0]["suites"][0]["id"];
    let text = format!(
        "{{\"event\":\"start\",\"schema\":1,\"shard\":\"{shard}\",\"tier\":\"default\",\"plan\":\"{digest}\",\"run\":\"{run}\",\"attempt\":1,\"key\":\"k\",\"at\":1760000000,\"host\":{{\"limit_bytes\":100000000}},\"budget_bytes\":100000000,\"suites\":1}}\n\
         {{\"event\":\"session\",\"index\":1,\"attempt\":1,\"at\":1760000001,\"suites\":[{suite}]}}\n\
         {{\"event\":\"begin\",\"worker\":\"main\",\"id\":{suite},\"at\":1760000002,\"level_bytes\":1000}}\n{end}"
    );
    (format!("{shard}.0.1.jsonl"), text.into_bytes())
}

const KILLED: &str = "{\"event\":\"session-end\",\"index\":1,\"attempt\":1,\"at\":1760000009,\"exit\":null,\"signal\":9,\"peak_bytes\":99000000,\"method\":\"cgroup2\",\"oom_kills\":1}\n\
{\"event\":\"end\",\"at\":1760000010,\"exit\":137,\"verdict\":\"out-of-memory\",\"confidence\":\"certain\",\"evidence\":[\"the kernel killed it\"],\"peak_bytes\":99000000,\"not_run\":[]}\n";

#[test]
fn recorded_ends_are_judged() {
    let project = planned(12);
    let mut world = world(&project);
    let names = names(&project);
    for ((_, name), case) in names.iter().zip(CASES) {
        world.job(name, case);
    }
    world.job("lint", "failed-tests");
    let github = world.serve();
    let found = github.verdicts(&project, "triage --run 17");
    let expect = [
        "out-of-memory likely",
        "out-of-memory possible",
        "out-of-memory possible",
        "out-of-memory possible",
        "out-of-memory possible",
        "cancelled likely",
        "out-of-memory possible",
        "timeout likely",
        "runner-lost likely",
        "test-failure likely",
        // One passed.
        "out-of-memory likely",
    ];
    let failed = names.iter().zip(CASES).filter(|(_, case)| *case != "passed").map(|((shard, _), _)| shard);
    let expect: Vec<(String, String)> = failed.cloned().zip(expect.map(str::to_owned)).collect();
    assert_eq!(found, expect);
    // Where the annotations settle it, nobody asks for the log.
    let logs = github.api.asked("/logs");
    assert!((5..=9).contains(&logs), "{logs}");
    let page = format!("http://127.0.0.1:{}/octo/shop/actions/runs/17/attempts/1", github.api.port);
    let done = github.shard(&project, &format!("triage --run {page}")).ok();
    assert!(done.stdout().contains("the plan filled 90% of its budget"), "{}", done.stdout());
    assert!(
        done.stderr().contains("gh-17: 12 jobs over, 11 without success; 0 outcomes read"),
        "{}",
        done.stderr()
    );
}

#[test]
fn without_a_plan_every_job_is_judged_and_nothing_is_known_of_shards() {
    let mut world = World::default();
    world.job("build", "a-killed");
    world.job("lint", "passed");
    let github = world.serve();
    let project = Project::new();
    let done = github.shard(&project, "triage --run newest --workflow test.yml").ok();
    assert!(done.stdout().starts_with("build: killed, likely\n"), "{}", done.stdout());
    assert!(done.stderr().contains("no artifact `shard-plan*`"), "{}", done.stderr());
    // 99 is newer, and is the run that asks.
    let github_run_id = [
        ("GITHUB_RUN_ID", "99"),
        ("GITHUB_WORKFLOW_REF", "octo/shop/.github/workflows/test.yml@refs/heads/main"),
    ];
    github.shard_in(&project, "triage --run newest", &github_run_id).ok();
    assert_eq!(github.api.asked("/runs/17/attempts/1/jobs"), 1);
    assert_eq!(github.api.asked("/workflows/test.yml/runs?per_page=100&status=completed"), 2);
    // The first one took the newest, which has no jobs here.
    assert_eq!(github.api.asked("/runs/99/attempts/1/jobs"), 1);
}

#[test]
fn two_hundred_and_fifty_six_shards_are_few_requests() {
    let project = planned(256);
    let mut world = world(&project);
    let names = names(&project);
    let mut lost = Vec::new();
    for (number, (shard, name)) in names.iter().enumerate() {
        let case = match number {
            7 | 100 => "a-killed",
            255 => "b-lost",
            _ => "passed",
        };
        world.job(name, case);
        if case != "passed" {
            lost.push(shard.clone());
        }
        // A machine that was lost leaves nothing.
        if case != "b-lost" {
            let (file, text) = outcome(&project, shard, "gh-17", KILLED);
            world.artifact(&format!("shard-outcomes-{shard}-1"), &[(&file, &text)]);
        }
    }
    let github = world.serve();
    let found = github.verdicts(&project, "triage --run 17");
    let expect = ["out-of-memory certain", "out-of-memory certain", "out-of-memory possible"];
    assert_eq!(found, lost.into_iter().zip(expect.map(str::to_owned)).collect::<Vec<_>>());
    let requests = github.api.seen().len();
    println!("256 shards, 3 of them failed: {requests} requests");
    assert!(requests < 12 + 3, "{:#?}", github.api.seen());
}

#[test]
fn an_outcome_and_githubs_account_add_up() {
    let project = planned(1);
    let (shard, name) = names(&project).remove(0);
    let with = |case: &str, run: &str, end: &str, reruns: u64| {
        let mut world = world(&project);
        world.reruns = reruns;
        world.job(&name, case);
        let (file, text) = outcome(&project, &shard, run, end);
        world.artifact("shard-outcomes-1", &[(&file, &text)]);
        let github = world.serve();
        let done = github.shard(&project, "triage --run 17").ok();
        (done.stdout(), github.api.asked("/check-runs/"))
    };
    // Whole: nobody else is asked.
    let (said, asked) = with("f-reclaimed", "gh-17", KILLED, 0);
    assert!(said.contains(": out-of-memory, certain\n") && asked == 0, "{said}");
    // Cut off: what was running is known from the one, and what became of it from the other.
    let (said, asked) = with("b-lost", "gh-17", "", 0);
    assert!(said.contains(": out-of-memory, possible\n") && said.contains("was running (main)"), "{said}");
    assert!(said.contains("lost communication with the server") && asked == 1, "{said}");
    let short = "{\"event\":\"sample\",\"at\":1760000003,\"bytes\":95000000,\"available_bytes\":6000}\n";
    let (said, _) = with("b-lost", "gh-17", short, 0);
    assert!(said.contains(": out-of-memory, likely\n"), "{said}");
    // Of an earlier attempt: that one was killed, and this one was not.
    let (said, asked) = with("failed-tests", "gh-17", KILLED, 1);
    assert!(said.contains(": test-failure, likely\n") && asked == 1, "{said}");
    let (said, asked) = with("failed-tests", "gh-17.2", KILLED, 1);
    assert!(said.contains(": out-of-memory, certain\n") && asked == 0, "{said}");
}

#[test]
fn an_outcome_is_no_other_job_s() {
    let project = planned(1);
    let (shard, name) = names(&project).remove(0);
    let judged = |check_run: &str| {
        let mut world = world(&project);
        world.job(&format!("{name} (3.12)"), "failed-tests");
        world.job(&format!("{name} (3.13)"), "failed-tests");
        world.job("not run", "passed");
        world.jobs[2]["conclusion"] = json!("skipped");
        let (file, text) = outcome(&project, &shard, "gh-17", KILLED);
        let text = String::from_utf8(text).unwrap().replacen("\"attempt\":1,", check_run, 1);
        world.artifact("shard-outcomes", &[(&file, text.as_bytes())]);
        let found = world.serve().verdicts(&project, "triage --run 17");
        found.into_iter().map(|(_, verdict)| verdict).collect::<Vec<_>>()
    };
    // One of the two, and nobody knows which.
    assert_eq!(judged("\"attempt\":1,"), ["test-failure likely"; 2]);
    assert_eq!(judged("\"attempt\":1,\"check_run\":1001,"), ["test-failure likely", "out-of-memory certain"]);
}

#[test]
fn what_failed_beside_the_shard_is_told() {
    let project = planned(1);
    let (shard, name) = names(&project).remove(0);
    let mut world = world(&project);
    world.job(&name, "failed-tests");
    let suite = project.read(&format!("shard-out/{shard}.txt"));
    let ended = format!(
        "{{\"event\":\"suite\",\"worker\":\"main\",\"id\":\"{}\",\"ms\":1500,\"status\":\"passed\",\"last\":true}}\n\
         {{\"event\":\"session-end\",\"index\":1,\"attempt\":1,\"at\":1760000009,\"exit\":0,\"signal\":null,\"peak_bytes\":99,\"method\":\"cgroup2\"}}\n\
         {{\"event\":\"end\",\"at\":1760000010,\"exit\":0,\"verdict\":\"passed\",\"confidence\":\"certain\",\"evidence\":[],\"peak_bytes\":99,\"not_run\":[]}}\n",
        suite.trim()
    );
    let (file, text) = outcome(&project, &shard, "gh-17", &ended);
    world.artifact("shard-outcomes", &[(&file, &text)]);
    let done = world.serve().shard(&project, "triage --run 17").ok();
    assert!(done.stdout().contains(": passed, certain\n"), "{}", done.stdout());
    assert!(done.stdout().contains("something beside the shard went wrong"), "{}", done.stdout());
}

#[test]
fn jobs_that_were_not_run_again_count_as_they_ended() {
    let project = planned(3);
    let names = names(&project);
    let mut world = world(&project);
    for (name, case) in [(&names[0].1, "a-killed"), (&names[1].1, "passed"), (&names[2].1, "failed-tests")] {
        world.job(name, case);
    }
    world.first = world.jobs.clone();
    // Of the two that failed, one was run again, and passed.
    world.jobs = vec![recorded("passed")["job"].clone()];
    (world.jobs[0]["name"], world.reruns) = (json!(names[0].1), 1);
    let (file, text) = outcome(&project, &names[2].0, "gh-17", KILLED);
    world.artifact(&format!("shard-outcomes-{}", names[2].0), &[(&file, &text)]);
    let github = world.serve();
    let found = github.verdicts(&project, "triage --run 17");
    assert_eq!(found, [(names[2].0.clone(), "out-of-memory certain".to_owned())]);
    let done = github.shard(&project, "triage --run 17").ok();
    assert!(
        done.stderr().contains("gh-17.2: 3 jobs over, 1 without success; 1 outcome read"),
        "{}",
        done.stderr()
    );
}

#[test]
fn of_a_long_log_the_end_counts() {
    let mut world = World::default();
    let id = world.job("build", "failed-tests");
    let noise = "2026-10-09T09:09:00.0000000Z MemoryError: not at the end\n";
    let log = format!("{noise}{}bash: line 1: 3075 Killed  pytest\n", "a line\n".repeat(600_000));
    world.logs.insert(id, (log, None));
    let github = world.serve();
    let done = github.shard(&Project::new(), "triage --run 17").ok();
    assert!(
        done.stdout().contains("3075 Killed") && !done.stdout().contains("MemoryError"),
        "{}",
        done.stdout()
    );
}

/// A job's name may say nothing, where `shard run` was told the job's number.
#[cfg(target_os = "linux")]
#[test]
fn jobs_are_known_by_their_number() {
    let project = planned(2);
    let (shard, _) = names(&project).remove(1);
    let words = ["run", &shard, "--", "sh", "-c", "kill -9 $$", "@{selection}"];
    let variables = [("GITHUB_RUN_ID", "17"), ("GITHUB_RUN_ATTEMPT", "1"), ("SHARD_CHECK_RUN", "1000")];
    let done = project.run(words, b"", &variables);
    assert_eq!(done.code(), 137, "{}", done.stderr());
    let file = project.list("shard-out/outcomes").remove(0);
    let text = project.read(&format!("shard-out/outcomes/{file}"));
    let mut world = world(&project);
    world.job("some tests", "a-killed");
    world.artifact("shard-outcomes", &[(&file, text.as_bytes())]);
    let found = world.serve().verdicts(&project, "triage --run 17");
    assert_eq!(found.iter().map(|(name, _)| name).collect::<Vec<_>>(), [&shard]);
}

#[test]
fn outcomes_are_recorded_from_a_run() {
    let project = planned(2);
    let mut world = world(&project);
    let ended = "{\"event\":\"suite\",\"worker\":\"main\",\"id\":\"t/test_000.py\",\"ms\":1500,\"status\":\"passed\",\"last\":true}\n\
        {\"event\":\"session-end\",\"index\":1,\"attempt\":1,\"at\":1760000009,\"exit\":0,\"signal\":null,\"peak_bytes\":99000000,\"method\":\"cgroup2\"}\n\
        {\"event\":\"end\",\"at\":1760000010,\"exit\":0,\"verdict\":\"passed\",\"confidence\":\"certain\",\"evidence\":[],\"peak_bytes\":99000000,\"not_run\":[]}\n";
    let of = |n: usize| names(&project)[n].0.clone();
    let shard = [of(0), of(1)]
        .into_iter()
        .find(|id| project.read(&format!("shard-out/{id}.txt")).contains("test_000"))
        .unwrap();
    let (file, text) = outcome(&project, &shard, "gh-17", ended);
    world.artifact("shard-outcomes", &[(&file, &text), ("nested/notes.txt", b"x")]);
    world.artifact("coverage", &[("coverage.xml", b"<coverage/>")]);
    let github = world.clone().serve();
    let done = github.shard(&project, "record --github-run 17").ok();
    assert!(
        done.stdout().starts_with("recorded 1 suite of run gh-17 (k) from 1 outcome"),
        "{}",
        done.stdout()
    );
    let history: Value = serde_json::from_str(&project.read("shard-history.json")).unwrap();
    assert_eq!(history["runs"][0]["run"], "gh-17");
    assert!(history["suites"]["t/test_000.py"].is_array());
    // Neither the jobs nor artifacts of others.
    assert_eq!((github.api.asked("/jobs"), github.storage.asked("zip")), (0, 1));
    // And from an artifact of the newest run that succeeded, of this repository, into a plan.
    world.artifact("shard-history", &[("shard-history.json", project.read("shard-history.json").as_bytes())]);
    let github = world.clone().serve();
    project.file("tests.txt", b"t/test_000.py\n");
    std::fs::remove_file(project.path().join("shard-history.json")).unwrap();
    let plan = "plan tests.txt --shards 1 --budget none --history-from-run newest --dry-run";
    let done = github.shard(&project, plan).ok();
    assert!(done.stderr().contains("1 of 1 suite known"), "{}", done.stderr());
    assert_eq!(github.api.asked("/runs/12/artifacts"), 1);
    assert_eq!(github.storage.asked("zip"), 1);
    // Where there is none, a plan goes on without.
    let none = World::default().faulty(|request, _| {
        request.path().ends_with("/runs").then(|| Answer::json(&json!({"workflow_runs": []})))
    });
    let done = none.shard(&project, plan).ok();
    assert!(
        done.stderr().contains("warning: no history from GitHub: the newest successful run: there is none"),
        "{}",
        done.stderr()
    );
    none.shard(&project, &format!("{plan} --strict")).fails(5, &["there is none"]);
    let none = World::default().serve();
    let done = none.shard(&project, plan).ok();
    assert!(done.stderr().contains("run gh-12 has no artifact `shard-history*`"), "{}", done.stderr());
    none.shard(&project, "record --github-run 17")
        .fails(2, &["error[no-artifact]: ", "no artifact with an outcome", "shard-outcomes-<shard>"]);
}

#[test]
fn what_may_pass_is_tried_again() {
    let project = planned(1);
    let mut plain = world(&project);
    plain.job(&names(&project)[0].1, "a-killed");
    let expect = plain.clone().serve().verdicts(&project, "triage --run 17");
    let faults: [(&str, fn() -> Answer); 9] = [
        ("500", || Answer::error(500, "Server Error")),
        ("502", || Answer::new(502, "<html>")),
        ("half", || Answer::json(&json!({"id": RUN, "padding": "x".repeat(1000)})).how(How::Half)),
        ("drop", || Answer::new(200, "").how(How::Drop)),
        ("no json", || Answer::new(200, "<html>We are having a problem</html>")),
        ("429", || Answer::error(429, "Too Many Requests").with("retry-after", 1)),
        ("403 second limit", || {
            Answer::error(403, "You have exceeded a secondary rate limit").with("retry-after", 1)
        }),
        ("403 first limit", || {
            let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
            Answer::error(403, "API rate limit exceeded")
                .with("x-ratelimit-remaining", 0)
                .with("x-ratelimit-reset", now + 1)
        }),
        ("301", || Answer::new(301, "").with("location", "/api/v3/repos/octo/shop/actions/runs/17?moved=1")),
    ];
    for (name, fault) in faults {
        let github = plain.clone().faulty(move |request, times| {
            (times == 1 && request.target.ends_with("/actions/runs/17")).then(fault)
        });
        assert_eq!(github.verdicts(&project, "triage --run 17"), expect, "{name}");
        assert!(github.api.asked("/actions/runs/17") >= 2, "{name}");
    }
    // A storage's address that is too old is asked for again.
    let github = plain.clone().faulty(|request, times| {
        (times == 1 && request.target.contains("sig=")).then(|| Answer::new(403, "<Error>expired</Error>"))
    });
    assert_eq!(github.verdicts(&project, "triage --run 17"), expect);
}

#[test]
fn what_does_not_pass_is_told_with_what_to_do() {
    let project = planned(1);
    let mut plain = world(&project);
    plain.job(&names(&project)[0].1, "a-killed");
    type Fault = fn() -> Answer;
    let faults: [(Fault, &[&str]); 11] = [
        (|| Answer::error(401, "Bad credentials"), &["run 17: ", "does not know the token", "GITHUB_TOKEN"]),
        (
            || Answer::error(403, "Resource not accessible by integration"),
            &["Resource not accessible by integration", "actions: read, checks: read"],
        ),
        (|| Answer::error(404, "Not Found"), &["no such thing (404)", "actions: read"]),
        (|| Answer::error(410, "Gone"), &["no longer kept"]),
        (|| Answer::error(422, "Validation\u{1b}[31m Failed"), &["422: Validation\\u{1b}[31m Failed"]),
        (
            || Answer::error(429, "Too Many Requests").with("retry-after", 3000),
            &["limit of requests is used up for 50 minutes", "--wait"],
        ),
        (
            || Answer::error(403, "You have exceeded a secondary rate limit"),
            &["limit of requests is used up for 60 s"],
        ),
        (|| Answer::error(503, "Unavailable"), &["503"]),
        (|| Answer::json(&json!([])), &["is no run"]),
        (|| Answer::new(200, "").how(How::Silent(Duration::from_secs(30))), &["no answer in time", "--wait"]),
        (
            || Answer::new(302, "").with("location", "http://storage.example/x?sig=SIGNED"),
            &["not protected by https"],
        ),
    ];
    for (fault, expect) in faults {
        let clock = Instant::now();
        let github =
            plain.clone().faulty(move |request, _| request.target.ends_with("/actions/runs/17").then(fault));
        github.shard(&project, "triage --run 17 --wait 3s").fails(5, expect);
        assert!(clock.elapsed() < Duration::from_secs(15), "{expect:?}: {:?}", clock.elapsed());
    }
    // Nobody is there.
    let github = plain.clone().serve();
    let done =
        github.shard_in(&project, "triage --run 17 --wait 2s", &[("GITHUB_API_URL", "http://127.0.0.1:1")]);
    done.fails(5, &["error[github-failed]: ", "no answer from `127.0.0.1:1`"]);
    for (url, expect) in [
        ("http://api.github.com", "anybody could read the token"),
        ("https://user:secret@host/", "its host is none"),
        ("nonsense", "it has no scheme"),
    ] {
        github
            .shard_in(&project, "triage --run 17", &[("GITHUB_API_URL", url)])
            .fails(2, &["GITHUB_API_URL", expect]);
    }
    github
        .shard_in(&project, "triage --run 17", &[("GITHUB_REPOSITORY", "")])
        .fails(2, &["error[no-repository]: ", "--repo"]);
    github.shard(&project, "triage --run latest").fails(2, &["newest"]);
    github
        .shard(&project, "triage --run https://ghe.example.org/octo/shop/actions/runs/17")
        .fails(2, &["`ghe.example.org` is another GitHub", "GITHUB_API_URL"]);
    github.shard(&project, "triage --run 18").fails(5, &["run 18: ", "404"]);
}

#[test]
fn what_is_missing_of_a_run_is_told_and_excuses_nothing() {
    let project = planned(3);
    let names = names(&project);
    let mut plain = world(&project);
    for (_, name) in &names {
        plain.job(name, "f-reclaimed");
    }
    // No permission for annotations: the provider's word is not heard.
    let unread = |status| {
        move |request: &Request, _: usize| {
            request
                .path()
                .contains("/check-runs/")
                .then(|| Answer::error(status, "Resource not accessible by integration"))
        }
    };
    for status in [403, 404] {
        let github = plain.clone().faulty(unread(status));
        let done = github.shard(&project, "triage --run 17").ok();
        assert_eq!(done.stderr().matches("the token lacks `checks: read`").count(), 1, "{}", done.stderr());
        assert_eq!(done.stdout().matches("killed, likely").count(), 3, "{}", done.stdout());
        assert_eq!(done.stdout().matches("nothing here excuses it").count(), 3, "{}", done.stdout());
    }
    // A log that cannot be read is not one that is missing.
    let mut lost = world(&project);
    lost.job(&names[0].1, "b-lost-silent");
    let github =
        lost.clone().faulty(|request, _| request.path().ends_with("/logs").then(|| Answer::error(403, "no")));
    let done = github.shard(&project, "triage --run 17").ok();
    assert!(done.stdout().contains("runner-lost, possible"), "{}", done.stdout());
    assert!(done.stderr().contains("cannot be read: GitHub refuses it (403): no"), "{}", done.stderr());
    // A plan that is no longer kept, or gone between list and download.
    let mut expired = plain.clone();
    expired.expired.push("shard-plan".to_owned());
    let done = expired.serve().shard(&project, "triage --run 17").ok();
    assert!(done.stderr().contains("artifact `shard-plan` is no longer kept"), "{}", done.stderr());
    let github = plain
        .clone()
        .faulty(|request, _| request.path().ends_with("/zip").then(|| Answer::error(410, "Gone")));
    assert!(github.shard(&project, "triage --run 17").ok().stderr().contains("is no longer kept"));
    // A page of jobs that does not come.
    let many = planned(150);
    let mut pages = world(&many);
    self::names(&many).iter().for_each(|(_, name)| {
        let _ = pages.job(name, "passed");
    });
    let github = pages.faulty(|request, _| {
        (request.query("page") == Some("2"))
            .then(|| Answer::json(&json!({"total_count": 150, "jobs": [], "artifacts": []})))
    });
    let done = github.shard(&many, "triage --run 17").ok();
    assert!(done.stderr().contains("GitHub counts 150 and gave 100"), "{}", done.stderr());
    // Evil archives.
    for (file, expect) in
        [("../../evil.txt", "leads out"), ("/tmp/evil.txt", "leads out"), ("C:\\evil.txt", "leads out")]
    {
        let mut evil = plain.clone();
        evil.artifact("shard-outcomes", &[(file, b"evil")]);
        let done = evil.serve().shard(&project, "triage --run 17").ok();
        assert!(
            done.stderr().contains("artifact `shard-outcomes` is left out: ")
                && done.stderr().contains(expect),
            "{}",
            done.stderr()
        );
    }
    for broken in [&b""[..], b"PK\x03\x04", b"{\"message\":\"Not Found\"}"] {
        let mut evil = plain.clone();
        evil.artifacts.push(("shard-obs".to_owned(), broken.to_vec()));
        let done = evil.serve().shard(&project, "triage --run 17").ok();
        assert!(done.stderr().contains("artifact `shard-obs` is left out: "), "{}", done.stderr());
    }
    let mut no_plan = plain.clone();
    no_plan.artifact("shard-plan-2", &[("plan.json", b"{}")]);
    assert!(no_plan.serve().shard(&project, "triage --run 17").ok().stderr().contains("is no plan: "));
}

#[test]
fn jobs_of_several_plans_are_told_apart() {
    let (project, other) = (planned(2), planned(3));
    let mut both = world(&project);
    let also = world(&other).artifacts.remove(0).1;
    both.artifacts.push(("shard-plan-other".to_owned(), also));
    let mine = names(&project);
    both.job(&mine[0].1, "a-killed");
    both.job(&names(&other)[0].1, "passed");
    let found = both.clone().serve().verdicts(&project, "triage --run 17");
    assert_eq!(found, [(mine[0].0.clone(), "out-of-memory likely".to_owned())]);
    both.job(&names(&other)[1].1, "a-killed");
    let github = both.serve();
    github
        .shard(&project, "triage --run 17")
        .fails(2, &["jobs of several plans did not succeed", "--artifact"]);
    let found = github.verdicts(&project, "triage --run 17 --artifact shard-plan");
    assert_eq!(found.len(), 1);
}

/// Fields that are null, missing, of another kind or full of new words, all over: nothing panics, and what is
/// not known is not taken for a success.
#[test]
fn no_answer_is_too_odd() {
    let project = planned(2);
    let names = names(&project);
    for seed in 0..60 {
        let github = {
            let mut world = world(&project);
            names.iter().for_each(|(_, name)| {
                let _ = world.job(name, "a-killed");
            });
            let plain = world.clone();
            world.faulty(move |request, _| {
                if request.target.contains("sig=")
                    || request.path().ends_with("/logs")
                    || request.path().ends_with("/zip")
                {
                    return None;
                }
                let mut value: Value = serde_json::from_slice(&plain.answer(request).body).unwrap();
                let mut random = Random(seed * 1000 + request.target.len() as u64);
                disturb(&mut value, &mut random);
                Some(Answer::json(&value))
            })
        };
        let done = github.shard(&project, "triage --run 17 --wait 20s --format json");
        match done.code() {
            0 => {
                let found = verdicts(&done);
                assert!(found.iter().all(|(_, verdict)| !verdict.starts_with("passed")), "{seed}: {found:?}");
            }
            code => assert_eq!(code, 5, "{seed}: {}", done.stderr()),
        }
    }
}

fn disturb(value: &mut Value, random: &mut Random) {
    if random.below(12) == 0 {
        *value = match random.below(6) {
            0 => Value::Null,
            1 => json!("a_new_word\u{1b}[31m"),
            2 => json!(-1),
            3 => json!(u64::MAX),
            4 => json!([]),
            _ => json!({}),
        };
        return;
    }
    match value {
        Value::Array(items) => items.iter_mut().for_each(|item| disturb(item, random)),
        Value::Object(fields) => {
            let gone: Vec<String> = fields.keys().filter(|_| random.below(20) == 0).cloned().collect();
            gone.iter().for_each(|name| drop(fields.remove(name)));
            fields.values_mut().for_each(|field| disturb(field, random));
        }
        _ => {}
    }
}

/// Folders with node's packages: those of `.ci/run`, and where SHARD_NODE_MODULES says.
fn node_module(name: &str) -> Option<PathBuf> {
    let said = std::env::var_os("SHARD_NODE_MODULES").map(PathBuf::from);
    let folders = said.into_iter().chain([root().join("target/node/node_modules")]);
    folders.map(|folder| folder.join(name)).find(|path| path.exists())
}

const DESCRIPTION: &str = "@octokit/openapi/generated/api.github.com.json";

fn python(args: &[&str]) -> Command {
    let mut command = Command::new("python3");
    command.args(args).stdin(Stdio::null());
    command
}

/// The fake answers what GitHub's own description says.
#[test]
fn the_fake_keeps_to_githubs_description() {
    let Some(description) = node_module(DESCRIPTION) else {
        return println!(
            "skipped: no {DESCRIPTION}; `npm install --prefix target/node @octokit/openapi@23.0.2` brings it"
        );
    };
    if !python(&["-c", "import jsonschema"])
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
    {
        return println!("skipped: python3 has no jsonschema");
    }
    let mut world = World::default();
    CASES.iter().for_each(|case| {
        let _ = world.job(case, case);
    });
    world.artifact("shard-plan", &[("plan.json", b"{}")]);
    let runs = "/repos/{owner}/{repo}/actions/runs/{run_id}";
    let mut asked = vec![
        (runs.to_owned(), "/actions/runs/17".to_owned()),
        (format!("{runs}/attempts/{{attempt_number}}"), "/actions/runs/17/attempts/1".to_owned()),
        (
            format!("{runs}/attempts/{{attempt_number}}/jobs"),
            "/actions/runs/17/attempts/1/jobs?per_page=100".to_owned(),
        ),
        (format!("{runs}/artifacts"), "/actions/runs/17/artifacts".to_owned()),
        (
            "/repos/{owner}/{repo}/actions/workflows/{workflow_id}/runs".to_owned(),
            "/actions/workflows/test.yml/runs".to_owned(),
        ),
        ("/repos/{owner}/{repo}/actions/runs".to_owned(), "/actions/runs".to_owned()),
    ];
    for id in world.annotations.keys() {
        asked.push((
            "/repos/{owner}/{repo}/check-runs/{check_run_id}/annotations".to_owned(),
            format!("/check-runs/{id}/annotations"),
        ));
    }
    let answers: Vec<Value> = asked
        .into_iter()
        .map(|(route, path)| {
            let request = Request { target: format!("/api/v3/repos/octo/shop{path}"), authorization: None };
            let answer = world.answer(&request);
            assert_eq!(answer.status, 200, "{path}");
            json!({"route": route, "path": path, "body": serde_json::from_slice::<Value>(&answer.body).unwrap()})
        })
        .collect();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("answers.json");
    std::fs::write(&file, Value::from(answers).to_string()).unwrap();
    let script = root().join("tests/it/github_schema.py");
    let words = [&script, &description, &file].map(|path| path.to_str().unwrap());
    let done = python(&words).output().unwrap();
    let said = String::from_utf8_lossy(&done.stdout).into_owned() + &String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "{said}");
    // Known to differ: a step of a job that was lost may lack its conclusion, or be `pending`.
    let found: Vec<&str> = said.lines().filter(|line| line.starts_with("differs: ")).collect();
    assert_eq!(found, ["differs: b-lost"], "{said}");
    println!("{}", said.lines().last().unwrap_or_default());
}

/// A server by others, which answers with the examples of GitHub's description.
struct Prism {
    child: Child,
    port: u16,
}

impl Prism {
    fn start(folder: &Path) -> Option<Prism> {
        let (Some(prism), Some(description)) = (node_module(".bin/prism"), node_module(DESCRIPTION)) else {
            println!(
                "skipped: no Prism; `npm install --prefix target/node @stoplight/prism-cli@5.16.0 @octokit/openapi@23.0.2` brings it"
            );
            return None;
        };
        let slice = folder.join("slice.json");
        let script = root().join("tests/it/github_schema.py");
        let words = [script.to_str()?, description.to_str()?, "--slice", slice.to_str()?];
        assert!(python(&words).status().unwrap().success());
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut command = Command::new(prism);
        command.args(["mock", "-h", "127.0.0.1", "-p", &port.to_string()]).arg(&slice);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let prism = Prism { child: command.spawn().unwrap(), port };
        for _ in 0..600 {
            if TcpStream::connect(("127.0.0.1", port)).is_ok() {
                return Some(prism);
            }
            thread::sleep(Duration::from_millis(100));
        }
        panic!("Prism does not answer");
    }
}

impl Drop for Prism {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn an_independent_server_is_understood() {
    let folder = tempfile::tempdir().unwrap();
    let Some(prism) = Prism::start(folder.path()) else { return };
    let url = format!("http://127.0.0.1:{}", prism.port);
    let variables =
        [("GITHUB_API_URL", url.as_str()), ("GITHUB_REPOSITORY", "octo/shop"), ("GITHUB_TOKEN", TOKEN)];
    let project = Project::new();
    let done = project.run(["triage", "--run", "17", "--wait", "60s"], b"", &variables).ok();
    // Its example is a job that succeeded, of which GitHub counts one.
    assert!(done.stderr().contains("1 job over, 0 without success"), "{}", done.stderr());
    let newest = ["triage", "--run", "newest", "--workflow", "test.yml", "--wait", "60s"];
    project.run(newest, b"", &variables).fails(5, &["the newest failed run of `test.yml`: there is none"]);
}

#[test]
fn what_is_left_of_a_run_is_planned_again() {
    let project = Project::new();
    let rows: String = (0..12).map(|n| format!("t/test_{n:03}.py,{},70000000\n", 1000 + n)).collect();
    project.file("costs.csv", format!("id,ms,retained_bytes\n{rows}").as_bytes());
    project.shard("plan --costs costs.csv --budget 400MB").ok();
    let plan: Value = serde_json::from_str(&project.read("shard-out/plan.json")).unwrap();
    let suites = |plan: &Value, shard: &str| -> Vec<String> {
        let of = plan["shards"].as_array().unwrap().iter().find(|it| it["id"] == shard).unwrap();
        let suites = of["sessions"][0]["suites"].as_array().unwrap();
        suites.iter().map(|suite| suite["id"].as_str().unwrap().to_owned()).collect()
    };
    let mut world = world(&project);
    let names = names(&project);
    assert_eq!(names.len(), 3);
    // One killed with an outcome, one lost without a trace, one that passed.
    world.job(&names[0].1, "a-killed");
    world.job(&names[1].1, "b-lost");
    world.job(&names[2].1, "passed");
    let (killed, lost) = (names[0].0.clone(), names[1].0.clone());
    let all = suites(&plan, &killed);
    let (file, text) = outcome(&project, &killed, "gh-17", KILLED);
    let blamed = all[0].clone();
    // It ran with the others of its shard.
    let text = String::from_utf8(text).unwrap();
    let text = text.replace(&json!([&blamed]).to_string(), &json!(all).to_string());
    let text = text.replace("\"suites\":1}", "\"suites\":4}");
    world.artifact(&format!("shard-outcomes-{killed}"), &[(&file, text.as_bytes())]);
    let github = world.serve();
    std::fs::remove_dir_all(project.path().join("shard-out")).unwrap();
    let done = github.shard(&project, "rebalance --run 17").ok();
    let said = done.stdout().split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(said.starts_with("2 of 3 shards ended early: 0 of 12 suites executed."), "{said}");
    for part in [
        format!("{killed}: ran out of memory (certain)"),
        format!("`{blamed}` alone in"),
        format!("{lost}: "),
    ] {
        assert!(said.contains(&part), "{part} is not in {said}");
    }
    let again: Value = serde_json::from_str(&project.read("shard-out/plan.json")).unwrap();
    assert_eq!((&again["round"], &again["inputs"]["suites"]), (&json!(1), &json!(8)));
    let left: std::collections::BTreeSet<String> = again["shards"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|shard| suites(&again, shard["id"].as_str().unwrap()))
        .collect();
    let expect = all.into_iter().chain(suites(&plan, &lost)).collect();
    assert_eq!(left, expect, "what passed is not run again");
    assert!(project.exists("shard-out/plan.0.json") && project.read("shard-history.json").contains(&blamed));
    // A run without a plan's artifact tells nothing of shards.
    let none = World::default().serve();
    none.shard(&project, "rebalance --run 17").fails(2, &["gh-17 has no artifact with its plan", "--plan"]);
}
