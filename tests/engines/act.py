"""Runs workflows in act, an engine for GitHub's workflows that others wrote, on this machine and without containers.

Where act is not GitHub: an empty matrix is no failure of the run, `strategy.job-index` and `job.check_run_id` are
empty, outputs with a secret's text are kept, all jobs of a matrix are called failed when one is, a job's `continue-on-error` changes nothing, and
permissions are not looked at. No check here stands on these.
"""

import json
import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

import harness

STAND_INS = harness.CHECKOUT / "tests" / "engines" / "github"
WORKFLOWS = harness.CHECKOUT / "docs" / "workflows"
# What the workflows to paste call our action, until they are pasted.
OURS = "your-fork-of/shard"
# Files of tests.
PASSES = "def test_it():\n    assert True\n"
FAILS = "def test_it():\n    assert False\n"
USES = re.compile(r"uses:\s*([\w.-]+/[\w.-]+)(?:/[\w./-]+)?@(\w+)")


class Project:
    """A repository with its store of artifacts and caches, and a runner's folders; all of it goes at the end of a `with`."""

    def __init__(self, files, binary=None):
        self.top = Path(tempfile.mkdtemp(prefix="shard-act-"))
        self.folder, self.store = self.top / "project", self.top / "store"
        for name in ("project", "store", "bin", "home", "action"):
            (self.top / name).mkdir()
        for name, content in {"requirements.txt": "", **files}.items():
            self.file(name, content)
        self._action()
        self._cargo(binary or harness.shard())
        harness.run(["git", "init", "--quiet", "--initial-branch", "main"], cwd=self.folder)
        harness.run(["git", "remote", "add", "origin", "https://github.com/owner/name"], cwd=self.folder)
        self._commit()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        shutil.rmtree(self.top, ignore_errors=True)

    def file(self, name, content):
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())

    def workflow(self, name, replace=None):
        """One of the workflows to paste, with some texts of it replaced: each must be there."""
        text = (WORKFLOWS / name).read_text()
        for old, new in (replace or {}).items():
            assert old in text, f"{name} does not have: {old}"
            text = text.replace(old, new)
        self.file(f".github/workflows/{name}", text)

    def _action(self):
        """A copy of the action: act would pack all of the checkout, with what is built in it."""
        for name in ("action.yml", "Cargo.toml", "Cargo.lock"):
            shutil.copy(harness.CHECKOUT / name, self.top / "action" / name)
        for name in ("action", "src"):
            shutil.copytree(harness.CHECKOUT / name, self.top / "action" / name)

    def _cargo(self, binary):
        """A cargo that "builds" by copying the binary under test, and writes down how it was called."""
        cargo = self.top / "bin" / "cargo"
        cargo.write_text(
            "#!/bin/sh\n"
            f'echo "$PWD|$*|${{RUSTFLAGS-}}" >> "{self.top}/cargo.log"\n'
            'while [ $# -gt 1 ]; do [ "$1" != --target-dir ] || to=$2; shift; done\n'
            f'mkdir -p "$1/release" && cp "{binary}" "$1/release/shard"\n'
        )
        cargo.chmod(0o755)

    def cargo_calls(self):
        log = self.top / "cargo.log"
        return log.read_text().splitlines() if log.exists() else []

    def _commit(self):
        who = ["-c", "user.name=nobody", "-c", "user.email=nobody@example.org", "-c", "core.autocrlf=false"]
        harness.run(["git", "add", "--all", "--force"], cwd=self.folder)
        harness.run(["git", *who, "commit", "--quiet", "--allow-empty", "--message", "all"], cwd=self.folder)

    def act(self, workflow, event="push", attempt=1, run=1, payload=None, secret=None, **environment):
        """Runs a workflow of the project. `secret` is its token; further keyword arguments are variables of the runner."""
        self._commit()
        (self.top / "event.json").write_text(
            json.dumps({"ref": "refs/heads/main", "repository": {"default_branch": "main"}, **(payload or {})})
        )
        text = (self.folder / ".github/workflows" / workflow).read_text()
        command = [harness.tool("act"), event, "--json", "--pull=false", "--no-cache-server", "--use-gitignore=false"]
        command += ["-W", f".github/workflows/{workflow}", "-e", self.top / "event.json", "-P", "ubuntu-latest=-self-hosted"]
        command += ["--action-cache-path", self.top / "actions", "--env-file", os.devnull, "--secret-file", os.devnull]
        for name, commit in sorted(set(USES.findall(text))):
            owner, repository = name.split("/")
            folder = self.top / "action" if name == OURS else STAND_INS / repository
            if name != "actions/checkout":  # act copies the project itself
                command += ["--local-repository", f"{name}@{commit}={folder}"]
        variables = {
            "GITHUB_RUN_ATTEMPT": attempt,
            "GITHUB_RUN_ID": run,
            "STAND_INS": STAND_INS,
            "STAND_IN_STORE": self.store,
            **environment,
        }
        for name, value in variables.items():
            command += ["--env", f"{name}={value}"]
        command += ["--secret", f"GITHUB_TOKEN={secret}"] if secret else []
        path = os.pathsep.join([str(self.top / "bin"), str(harness.python_tools()), "/usr/local/bin:/usr/bin:/bin"])
        # Nothing of this machine's own CI, and no configuration of act.
        mine = {"PATH": path, "HOME": str(self.top / "home"), "LANG": "C.UTF-8", "TMPDIR": str(self.top)}
        done = subprocess.run(
            list(map(str, command)), cwd=self.folder, env=mine, capture_output=True, text=True, timeout=300, stdin=subprocess.DEVNULL
        )
        return Run(done)


class Run:
    """What became of a run: `jobs` and `steps` with their results, outputs, and what was printed."""

    def __init__(self, done):
        self.code = done.returncode
        self.jobs, self.steps, self.outputs, self.commands, self.printed = {}, {}, {}, [], {}
        # By the job's and the step's identifiers.
        self.ended, self.summaries = {}, {}
        self.text = done.stdout + done.stderr
        for line in done.stdout.splitlines():
            try:
                event = json.loads(line)
            except ValueError:
                continue
            if "job" not in event:
                continue
            job = event["job"].split("/", 1)[1].strip()
            if "jobResult" in event:
                self.jobs[job] = event["jobResult"]
            if "stepResult" in event and event.get("stage", "Main") == "Main" and len(event.get("stepID", [])) == 1:
                self.steps[job, event["step"]] = event["stepResult"]
                self.ended[event["jobID"], event["stepID"][0]] = event["stepResult"]
            if event.get("command") == "set-output":
                self.outputs[event["jobID"], tuple(event["stepID"]), event["name"]] = event["arg"]
            if event.get("command") == "summary":
                self.summaries[event["jobID"], event["stepID"][0]] = event["content"]
            if event.get("raw_output"):
                self.printed.setdefault(event["jobID"], []).append(event["msg"])
            elif event.get("command"):
                self.commands.append((event["jobID"], event["command"], event.get("name"), event.get("arg")))

    def said(self, job):
        return "".join(self.printed.get(job, []))

    def annotations(self, level):
        """The texts of the annotations of this level."""
        return [argument for _, command, _, argument in self.commands if command == level]

    def shards(self):
        """How each shard's own step ended, by the shard: act calls all jobs of a matrix failed when one is."""
        ended = {}
        for (job, step), result in self.steps.items():
            shard = re.match(r"([a-z0-9-]+) \(\d+/\d+\) \[", job)
            if shard and step.startswith(OURS):
                ended[shard[1]] = result
        return ended

    def expect(self, condition, what):
        """Fails, with what was printed, where something is not as it should be."""
        if not condition:
            bad = {f"{job}: {step}": result for (job, step), result in self.steps.items() if result == "failure"}
            said = "".join(f"--- {job}\n{self.said(job)}" for job in self.printed)
            raise AssertionError(f"{what}\njobs: {self.jobs}\nfailed steps: {bad}\n{said[-12000:] or self.text[-4000:]}")


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
        text += f"      - id: s{number}\n        continue-on-error: true\n        uses: {OURS}@{'0' * 40}\n        with:\n"
        text += "".join(f"          {name}: {json.dumps(value)}\n" for name, value in given.items())
    # act may lose what was printed just before a job ends.
    project.file(".github/workflows/steps.yml", text + tail + "      - run: sleep 0.5\n")
