"""The action and the workflows to paste, executed: every job, artifact and exit code of them is real, only GitHub's servers are folders."""

import json
import os
import signal
import subprocess
import sys
import time

import act
import fake_github
import harness
from harness import check

PASSES = "def test_it():\n    assert True\n"
FAILS = "def test_it():\n    assert False\n"
# What the tests of a job must not see.
SEES_NOTHING = f"""
import os

def test_it():
    names = [name for name in os.environ if name.startswith("SHARD_INPUT_") or name in ("GITHUB_TOKEN", "GH_TOKEN")]
    values = [name for name, value in os.environ.items() if "{fake_github.TOKEN}" in value]
    assert not names and not values, (names, values)
"""
# 150 MB that stay: two of them in one session are more than a budget of 240 MB, one is not.
HEAVY = """
import time

def test_it():
    globals()["kept"] = bytearray(b"x") * (150 << 20)
    time.sleep(0.6)
"""
# Dies without a word, once.
DIES_ONCE = """
import os, pathlib, signal

def test_it():
    mark = pathlib.Path(os.environ["STAND_IN_STORE"], "died")
    if not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
"""
TOML = """
[tier.mem]
match = ["tests/mem/**"]
guard = "budget"
base = "15MB"
worker-base = "10MB"
assume = { time = "1s", retained = "1MB" }

[tier.rest]
match = ["**"]
assume = { time = "1s", retained = "1MB" }
"""
HEAVY_FILES = {"shard.toml": TOML, "tests/mem/test_a.py": HEAVY, "tests/mem/test_b.py": HEAVY, "tests/test_c.py": PASSES}
SMALL = {"budget: 3GB": "budget: 240MB", "shards: 8": "shards: 2"}


def kinds(run, tier):
    """How the shards of a tier ended, sorted."""
    return sorted(result for shard, result in run.shards().items() if shard.startswith(f"{tier}-"))


def plan_of(project, run=1, name="shard-plan"):
    return json.loads((project.store / "artifacts" / str(run) / name / "plan.json").read_text())


@check
def github_plan_test_record():
    files = {f"tests/test_{name}.py": PASSES for name in "abc"}
    with act.Project({**files, "tests/test_env.py": SEES_NOTHING}) as project:
        project.workflow("test.yml")
        first = project.act("test.yml", RUSTFLAGS="-D warnings", secret=fake_github.TOKEN)
        first.expect(first.code == 0 and set(first.jobs.values()) == {"success"}, "not all is well")
        first.expect(kinds(first, "default") == ["success"] * 4, "not four jobs that passed")
        outputs = {name: value for (job, step, name), value in first.outputs.items() if (job, step) == ("plan", ("plan",))}
        wanted = {"count": "4", "has-shards": "true", "plan": "shard-out/plan.json", "exit-code": "0", "shard-version": "0.1.0"}
        first.expect(wanted.items() <= outputs.items(), f"outputs: {outputs}")
        first.expect(json.loads(outputs["matrix"])["include"] == json.loads(outputs["shards"]), "matrix and shards differ")
        first.expect(outputs["digest"].startswith("sha256:") and int(outputs["peak-mb"]) > 0, f"outputs: {outputs}")
        first.expect(first.steps["record", "Every suite ran and passed"] == "success", "nothing was verified")
        first.expect("the memory of 4 of 4 suites is assumed" in str(first.annotations("warning")), "no annotation of the plan's warning")
        summary = first.summaries.get(("plan", "plan"), "")
        first.expect(summary.startswith("### 4 jobs") and "| default-4 | 1 |" in summary, f"the summary: {summary}")
        calls = [call.split("|") for call in project.cargo_calls()]
        first.expect(len(calls) == 1, f"built {len(calls)} times, not once: {calls}")
        first.expect(calls[0][0].endswith(act.OURS.replace("/", "-") + "@" + "0" * 40), f"not built in the action's own folder: {calls}")
        first.expect(calls[0][1].startswith("build --locked --release --features github,remote "), f"{calls}")
        first.expect(calls[0][2] == "", f"the job's RUSTFLAGS are no matter of ours: {calls}")
        # What one run measured, the next one plans with.
        assert plan_of(project)["inputs"]["measured"] == 0
        second = project.act("test.yml", run=2, secret=fake_github.TOKEN)
        second.expect(second.code == 0 and plan_of(project, 2)["inputs"]["measured"] == 4, "the history did not arrive")
        # A pull request keeps no history; a failed test is red, in its job and at the end.
        project.file("tests/test_a.py", FAILS)
        third = project.act("test.yml", run=3, GITHUB_REF_NAME="7/merge", GITHUB_REF="refs/pull/7/merge")
        third.expect(third.code != 0 and third.jobs["record"] == "failure", "a failed test is not red")
        third.expect(kinds(third, "default") == ["failure"] + ["success"] * 3, "not one red job")
        third.expect(("record", "Every suite ran and passed") in third.steps, "the last step was not reached")
        third.expect(third.steps["record", "Every suite ran and passed"] == "failure", "something else failed")


@check
def github_empty_plan():
    # To act an empty matrix is no failure, to GitHub it is: that jobs are skipped before that is looked at in check_workflows.py.
    sources = {"sources: tests/**/test_*.py": "sources: suites.txt"}
    with act.Project({"suites.txt": ""}) as project:
        project.workflow("test.yml", replace={**sources, "shards: 8\n": "shards: 8\n          args: --allow-empty\n"})
        run = project.act("test.yml")
        run.expect(run.code == 0 and run.jobs == {"plan": "success"}, "jobs of an empty plan ran")
        outputs = {name: run.outputs["plan", ("plan",), name] for name in ("count", "has-shards", "matrix")}
        run.expect(outputs == {"count": "0", "has-shards": "false", "matrix": '{"include":[]}'}, f"{outputs}")
        # Without the flag no suites are an error, and the check that branches are protected by is red.
        project.workflow("test.yml", replace=sources)
        run = project.act("test.yml")
        run.expect(run.code != 0 and run.jobs == {"plan": "failure", "record": "failure"}, "an empty inventory is not red")
        run.expect(run.steps.get(("record", "There is a plan")) == "failure", "not explained")


@check
def github_masked_matrix():
    # GitHub leaves an output out that has a secret's text in it; act does not, so it is left out by hand. A matrix that cannot be made
    # is one failed job there; act stops at the one of the second axis, which is not tried.
    for name, last in [("test.yml", "record"), ("rerun.yml", "gate"), ("rebalance.yml", "gate")]:
        with act.Project({"tests/test_a.py": PASSES}) as project:
            project.workflow(name, replace={"matrix: ${{ steps.plan.outputs.matrix }}": "matrix: ''"})
            run = project.act(name)
            run.expect(run.code != 0 and run.jobs.get(last) == "failure", f"{name}: {last} is not red")
            run.expect(run.steps.get((last, "There is a plan")) == "failure", f"{name}: not explained")


@check
def github_second_axis():
    files = {f"tests/test_{name}.py": PASSES for name in "ab"}
    with act.Project(files) as project:
        project.workflow("second-axis.yml")
        run = project.act("second-axis.yml")
        run.expect(run.code == 0 and len(run.jobs) == 1 + 4 + 2, "not two shards by two Pythons")
        last = {name: result for name, result in run.jobs.items() if name.startswith("python ")}
        run.expect(list(last.values()) == ["success"] * 2, f"the last jobs: {last}")
        verified = [result for (_, step), result in run.steps.items() if step == "Every suite ran and passed"]
        run.expect(verified == ["success"] * 2, "not verified for each Python")
        # What one Python does is not told of the other.
        project.file("tests/test_a.py", "import os\n\ndef test_it():\n    assert os.environ['STAND_IN_PYTHON'] != '3.12'\n")
        run = project.act("second-axis.yml", run=2)
        verified = {job[:11]: result for (job, step), result in run.steps.items() if step == "Every suite ran and passed"}
        run.expect(verified == {"python 3.12": "failure", "python 3.13": "success"}, f"{verified}")


@check
def github_in_run_rebalance():
    with act.Project({**HEAVY_FILES, "tests/test_d.py": DIES_ONCE}) as project:
        project.workflow("rebalance.yml", replace=SMALL)
        run = project.act("rebalance.yml")
        first = {shard: result for shard, result in run.shards().items() if shard.endswith("-1")}
        run.expect(first == {"mem-1": "failure", "rest-1": "failure"}, f"the first round: {first}")
        run.expect("ran out of memory (certain)" in run.said("rebalance"), "not what it was planned for")
        second = {shard: result for shard, result in run.shards().items() if not shard.endswith("-1")}
        run.expect(len(second) >= 2 and set(second.values()) == {"success"}, f"the second round: {second}")
        run.expect(plan_of(project, name="shard-plan-1")["round"] == 1, "no second round")
        run.expect(run.jobs["gate"] == "success", "the gate is not green")
        verified = run.steps.get(("gate", "Every suite of the first plan ran and passed"))
        run.expect(verified == "success", "the gate is green for another reason")
    with act.Project({**HEAVY_FILES, "tests/test_d.py": FAILS}) as project:
        project.workflow("rebalance.yml", replace=SMALL)
        run = project.act("rebalance.yml")
        run.expect(run.jobs["gate"] == "failure" and run.code != 0, "a failed test is not red beside a cured kill")
        verified = run.steps.get(("gate", "Every suite of the first plan ran and passed"))
        run.expect(verified == "failure" and plan_of(project, name="shard-plan-1")["round"] == 1, "not for the test")
    with act.Project({"tests/test_a.py": PASSES, "tests/test_b.py": FAILS}) as project:
        project.workflow("rebalance.yml")
        run = project.act("rebalance.yml")
        run.expect(run.jobs["gate"] == "failure" and run.code != 0, "a failed test is not red")
        # Nothing that a plan could cure: exit 1, and no second round.
        run.expect(run.outputs["rebalance", ("rebalance",), "exit-code"] == "1", "another exit code")
        run.expect(not (project.store / "artifacts/1/shard-plan-1").exists(), "planned again for nothing")


@check
def github_rerun():
    counted = """
import os, pathlib

def test_it():
    with open(pathlib.Path(os.environ["STAND_IN_STORE"], "ran"), "a") as ran:
        ran.write(__file__.split("/")[-1] + "\\n")
"""
    files = {**HEAVY_FILES, "tests/mem/test_a.py": HEAVY + counted.replace("test_it", "test_too"), "tests/test_c.py": counted}
    with act.Project(files) as project:
        project.workflow("rerun.yml", replace=SMALL)
        first = project.act("rerun.yml", attempt=1)
        first.expect(first.jobs["gate"] == "failure" and kinds(first, "mem") == ["failure"], "nothing died")
        # act runs all jobs again, GitHub only the failed ones: so test_c runs twice here.
        second = project.act("rerun.yml", attempt=2)
        second.expect(second.code == 0 and second.jobs["gate"] == "success", "the second attempt is not green")
        second.expect("the attempt before ran out of memory" in second.said("test"), "it did not know of the first")
        ran = sorted((project.store / "ran").read_text().splitlines())
        second.expect(ran == ["test_a.py", "test_c.py", "test_c.py"], f"what passed ran again: {ran}")


@check
def github_rebalance_of_a_finished_run():
    with act.Project({**HEAVY_FILES, "tests/test_d.py": PASSES}) as project:
        project.workflow("test.yml", replace=SMALL)
        project.workflow("rebalance-finished.yml")
        failed = project.act("test.yml")
        failed.expect(kinds(failed, "mem") == ["failure"], "nothing died")
        # act puts the place in the matrix behind a job's name, and calls all of a matrix failed; GitHub does neither.
        ended = failed.shards()
        names = {name.rpartition("-")[0] if "]-" in name else name: name.split(" ")[0] for name in failed.jobs}
        jobs = {name: ended.get(shard, failed.jobs.get(name)) for name, shard in names.items()}
        killed = [name for name, result in jobs.items() if result == "failure" and name.startswith("mem-")]
        with fake_github.Server(jobs, killed, project.store / "artifacts/1") as api:
            asks = {"event": "workflow_dispatch", "run": 2, "GITHUB_API_URL": api.url}
            for which in ("1", "newest"):
                project.file(".github/workflows/rebalance-finished.yml", (act.WORKFLOWS / "rebalance-finished.yml").read_text())
                payload = {"inputs": {"run": which}}
                run = project.act("rebalance-finished.yml", payload=payload, secret=fake_github.TOKEN, **asks)
                run.expect(run.code == 0, f"run {which} could not be rebalanced")
                run.expect("ran out of memory (certain)" in run.said("rebalance"), "the reason was not found")
                run.expect(set(kinds(run, "mem")) == {"success"} and not kinds(run, "rest"), "not what was left was run")
                run.expect(not api.leaked and not api.refused and api.asked, f"{api.leaked} {api.refused} {api.asked}")
                run.expect(fake_github.TOKEN not in run.text, "the token is in the log")
                asks["run"] += 1
            # Without a token nothing is read, and that is exit code 5.
            run = project.act("rebalance-finished.yml", payload={"inputs": {"run": "1"}}, secret="wrong", **asks)
            run.expect(run.outputs["rebalance", ("rebalance",), "exit-code"] == "5" and run.code != 0, "read without a token")


STEPS = """
name: steps
on: push
jobs:
  one:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@3d3c42e5aac5ba805825da76410c181273ba90b1
"""


def steps(project, *inputs, tail=""):
    """A workflow with one step of the action for each set of inputs, all of which are run."""
    text = STEPS
    for number, given in enumerate(inputs):
        text += f"      - id: s{number}\n        continue-on-error: true\n        uses: {act.OURS}@{'0' * 40}\n        with:\n"
        text += "".join(f"          {name}: {json.dumps(value)}\n" for name, value in given.items())
    # act may lose what was printed just before a job ends.
    project.file(".github/workflows/steps.yml", text + tail + "      - run: sleep 0.5\n")


@check
def github_exit_codes_and_inputs():
    files = {"tests/test_a.py": PASSES, "tests/test_b.py": FAILS, "sub dir/tests.txt": "x\ny\n", "tests/test_c.py": PASSES}
    run_one = {"command": "run", "args": "--\npytest\n  -q  \n@{selection}"}
    given = [
        ({"sources": "tests/test_*.py", "shards": "3"}, 0),
        ({**run_one, "shard": "default-1"}, 0),
        ({**run_one, "shard": "default-2"}, 1),
        ({"command": "run", "shard": "default-3", "args": "--\nsh\n-c\nkill -9 $$\n@{selection}"}, 137),
        ({"command": "run", "shard": "default-9"}, 94),
        ({"command": "record", "sources": "shard-out/outcomes\n\n"}, 0),
        # It was alone on the largest machine: no plan cures that.
        ({"command": "rebalance", "sources": "shard-out/outcomes", "out": "other"}, 1),
        ({"sources": "tests.txt", "working-directory": "sub dir", "args": "--effort=quick\n--dry-run", "budget": "$(id)"}, 2),
        ({"sources": "tests.txt", "working-directory": "sub dir", "args": "--effort=quick\n--allow-empty", "shards": "2"}, 0),
        ({"sources": "tests.txt\n-not-a-flag", "working-directory": "sub dir"}, 2),
        ({"command": "paln"}, None),
        ({"command": "run"}, None),
        ({"command": "run", "shard": "--help"}, None),
        ({"command": "record", "budget": "3GB", "sources": "x"}, None),
        ({"working-directory": "nowhere"}, None),
        ({"command": "install"}, None),
    ]
    with act.Project(files) as project:
        steps(project, *(inputs for inputs, _ in given))
        run = project.act("steps.yml")
        for number, (inputs, code) in enumerate(given):
            found = run.outputs.get(("one", (f"s{number}",), "exit-code"), "")
            run.expect(found == ("" if code is None else str(code)), f"step {number} {inputs}: exit code {found}, not {code}")
            good = code == 0 or inputs == {"command": "install"}
            run.expect(run.ended["one", f"s{number}"] == ("success" if good else "failure"), f"step {number} {inputs}: it ended otherwise")
        wanted = ["is none of plan, run, record", "say which one, such as", "is not the name of a shard", "budget: an input of plan, not of record", "is not a folder"]
        errors = run.annotations("error")
        run.expect(len(errors) == 5 and all(text in error for text, error in zip(wanted, errors)), f"not explained: {errors}")


@check
def github_release_is_verified():
    """A release from a server of one's own, over TLS, with everything that can be wrong with it."""
    import hashlib
    import http.server
    import ssl
    import tarfile
    import threading

    with act.Project({"tests.txt": "a\n"}) as project:
        top = project.top
        stem = "shard-x86_64-unknown-linux-musl-v1.2.3"
        if os.uname().machine == "aarch64":
            stem = stem.replace("x86_64", "aarch64")
        served = top / "served" / "v1.2.3"
        served.mkdir(parents=True)
        with tarfile.open(served / f"{stem}.tar.gz", "w:gz", compresslevel=1) as archive:
            archive.add(harness.shard(), f"{stem}/shard")
            archive.add(act.STAND_INS / "store.py", f"{stem}/../../../escaped")
        digest = hashlib.sha256((served / f"{stem}.tar.gz").read_bytes()).hexdigest()
        subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
        key = ["-newkey", "rsa:2048", "-nodes", "-keyout", top / "key.pem", "-out", top / "cert.pem", "-days", "2"]
        harness.run(["openssl", "req", "-x509", *key, *subject])
        asked = []

        class Handler(http.server.SimpleHTTPRequestHandler):
            def __init__(self, *arguments):
                super().__init__(*arguments, directory=top / "served")

            def do_GET(self):
                asked.append((self.path, self.headers.get("Authorization")))
                if self.path.startswith("/plain/"):
                    self.send_response(302)
                    self.send_header("Location", f"http://localhost:{plain.server_port}{self.path[6:]}")
                    return self.end_headers()
                return super().do_GET()

            def log_message(self, *_):
                pass

        server, plain = (http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) for _ in range(2))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(top / "cert.pem", top / "key.pem")
        server.socket = context.wrap_socket(server.socket, server_side=True)
        for one in (server, plain):
            threading.Thread(target=one.serve_forever, daemon=True).start()
        url = f"https://localhost:{server.server_port}"
        install = {"command": "install", "download-url": url}
        wrong = "0" * 64
        project.file("named", harness.shard().read_bytes())
        (project.folder / "named").chmod(0o644)
        given = [
            ({**install, "version": "v1.2.3", "checksum": f"sha256:{digest.upper()}"}, True, "downloaded 1.2.3 for"),
            ({**install, "version": "1.2.3", "checksum": digest}, True, "1.2.3, from this runner's tool cache"),
            ({**install, "version": "1.2.3", "checksum": wrong}, False, "is not what it should be"),
            ({**install, "version": "1.2.3"}, False, "this action has no checksum of shard 1.2.3"),
            ({**install, "version": "latest", "checksum": wrong}, False, "is neither a version such as 1.2.3 nor source"),
            ({**install, "version": "1.2.3", "checksum": "$(id)"}, False, "not a SHA-256"),
            ({**install, "version": "9.9.9", "checksum": wrong}, False, "could not be downloaded"),
            ({**install, "version": "1.2.3", "checksum": wrong, "download-url": "http://x"}, False, "only https is used"),
            ({**install, "version": "1.2.3", "checksum": wrong[1:] + "1", "download-url": f"{url}/plain"}, False, "could not be downloaded"),
            ({"command": "install", "version": "source"}, True, "built 0.1.0"),
            ({"command": "install", "binary": "named"}, True, "the binary that the workflow names"),
            ({"command": "install", "binary": "nothing"}, False, "is not a file"),
            ({"command": "install", "binary": "tests.txt"}, False, "the binary"),
            ({"command": "install", "binary": "named", "version": "1.2.3"}, False, "not together with version"),
        ]
        steps(project, *(inputs for inputs, _, _ in given), tail="      - run: command -v shard && shard --version\n")
        run = project.act("steps.yml", CURL_CA_BUNDLE=top / "cert.pem", secret=fake_github.TOKEN)
        said = run.text
        for number, (inputs, works, text) in enumerate(given):
            version = run.outputs.get(("one", (f"s{number}",), "shard-version"), "")
            run.expect((version == "0.1.0") == works, f"step {number} {inputs}: version {version!r}")
            run.expect(text in said, f"step {number} {inputs}: `{text}` is not said")
        run.expect(run.code == 0 and "shard 0.1.0" in run.said("one"), "it is not on the path")
        run.expect(not list(top.rglob("escaped")), "a path left its folder")
        run.expect(asked and not any(token for _, token in asked), f"the token was sent: {asked}")
        run.expect(sum(path == f"/v1.2.3/{stem}.tar.gz" for path, _ in asked) == 2, f"{asked}")
        # Without a release and without cargo.
        (top / "bin" / "cargo").unlink()
        (project.top / "action" / "Cargo.lock").write_text("# other source\n")
        steps(project, {"command": "install"})
        run = project.act("steps.yml")
        run.expect("there is no cargo to build it" in run.text, "a missing cargo is not explained")
        # With the checksum committed, as after a release, nothing else is needed.
        line = f"{digest}  {stem}.tar.gz\n".replace("v1.2.3", "v0.1.0")
        (project.top / "action/action/checksums.txt").write_text(f"{wrong}  other.tar.gz\n{line}")
        (top / "served" / "v0.1.0").mkdir()
        (served / f"{stem}.tar.gz").rename(top / "served/v0.1.0" / f"{stem}.tar.gz".replace("v1.2.3", "v0.1.0"))
        run = project.act("steps.yml", CURL_CA_BUNDLE=top / "cert.pem")
        run.expect("its SHA-256 is" not in run.text and "could not be downloaded" in run.text, "another server was asked")
        steps(project, {"command": "install", "download-url": url})
        run = project.act("steps.yml", CURL_CA_BUNDLE=top / "cert.pem")
        # The archive is that of 1.2.3, whose folder is called so: it is found out.
        run.expect(not run.outputs.get(("one", ("s0",), "shard-version")), "an archive of another version was used")
        server.shutdown()
        plain.shutdown()


@check
def github_cancelled_steps():
    """The runner's signals reach the script alone: what it runs must get them."""
    program = "import signal, sys, time\nsignal.signal(signal.{0}, lambda *_: sys.exit(7))\nprint('ready', flush=True)\ntime.sleep(60)\n"
    with act.Project({}) as project:
        for name in ("SIGINT", "SIGTERM"):
            binary = project.top / f"shard-{name}"
            binary.write_text(f"#!{sys.executable}\n{program.format(name)}")
            binary.chmod(0o755)
            inputs = {"BINARY": binary, "COMMAND": "run", "WORKING_DIRECTORY": ".", "SHARD": "x", "ARGS": "", "TOKEN": "secret"}
            environment = {"PATH": os.environ["PATH"], "GITHUB_OUTPUT": project.top / "output", "RUNNER_OS": "Linux"}
            environment.update({f"SHARD_INPUT_{key}": value for key, value in inputs.items()})
            command = ["bash", harness.CHECKOUT / "action" / "command.sh"]
            mine = {key: str(value) for key, value in environment.items()}
            process = subprocess.Popen(command, stdout=subprocess.PIPE, env=mine, text=True)
            assert process.stdout.readline() == "ready\n"
            began = time.monotonic()
            process.send_signal(getattr(signal, name))
            code = process.wait(timeout=30)
            assert code == 7 and time.monotonic() - began < 20, f"{name}: {code}"
        assert (project.top / "output").read_text() == "exit-code=7\n" * 2
