"""The action by itself: what its inputs become, where its binary comes from, and what its step ends with."""

import hashlib
import http.server
import os
import signal
import ssl
import subprocess
import sys
import tarfile
import threading
import time

import act
import harness
from act import FAILS, PASSES
from fake_github import TOKEN
from harness import check


@check
def action_passes_exit_codes_and_inputs():
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
        act.steps(project, *(inputs for inputs, _ in given))
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
def action_verifies_releases():
    """A release from a server of one's own, over TLS, with everything that can be wrong with it."""
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
        act.steps(project, *(inputs for inputs, _, _ in given), tail="      - run: command -v shard && shard --version\n")
        run = project.act("steps.yml", CURL_CA_BUNDLE=top / "cert.pem", secret=TOKEN)
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
        act.steps(project, {"command": "install"})
        run = project.act("steps.yml")
        run.expect("there is no cargo to build it" in run.text, "a missing cargo is not explained")
        # With the checksum committed, as after a release, nothing else is needed.
        line = f"{digest}  {stem}.tar.gz\n".replace("v1.2.3", "v0.1.0")
        (project.top / "action/action/checksums.txt").write_text(f"{wrong}  other.tar.gz\n{line}")
        (top / "served" / "v0.1.0").mkdir()
        (served / f"{stem}.tar.gz").rename(top / "served/v0.1.0" / f"{stem}.tar.gz".replace("v1.2.3", "v0.1.0"))
        run = project.act("steps.yml", CURL_CA_BUNDLE=top / "cert.pem")
        run.expect("its SHA-256 is" not in run.text and "could not be downloaded" in run.text, "another server was asked")
        act.steps(project, {"command": "install", "download-url": url})
        run = project.act("steps.yml", CURL_CA_BUNDLE=top / "cert.pem")
        # The archive is that of 1.2.3, whose folder is called so: it is found out.
        run.expect(not run.outputs.get(("one", ("s0",), "shard-version")), "an archive of another version was used")
        server.shutdown()
        plain.shutdown()


@check
def action_hands_signals_on():
    """The runner's signals reach the script alone: what it runs must get them."""
    program = "import signal, sys, time\nsignal.signal(signal.{0}, lambda *_: sys.exit(7))\nprint('ready', flush=True)\ntime.sleep(60)\n"
    with act.Project({}) as project:
        for name in ("SIGINT", "SIGTERM"):
            binary = project.top / f"shard-{name}"
            binary.write_text(f"#!{sys.executable}\n{program.format(name)}")
            binary.chmod(0o755)
            inputs = {"BINARY": binary, "COMMAND": "run", "WORKING_DIRECTORY": ".", "SHARD": "x", "ARGS": "", "TOKEN": ""}
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
