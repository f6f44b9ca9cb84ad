"""The steps of `--format buildkite`, run one after another, each in a folder of its own.

No agent of Buildkite's can be installed here, so what runs them is a stand-in: `buildkite-agent` with the artifacts and
uploads that our steps ask for, as Buildkite's manual has them. It proves that the steps fit together and hand on what they
need, not that Buildkite runs them.
"""

import json
import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

import documents as yaml
import suites
from harness import CHECKOUT, check, python_tools, shard

AGENT = r'''
import fnmatch, json, os, pathlib, re, shutil, sys
build = pathlib.Path(os.environ["BUILD"])
index = build / "artifacts.jsonl"
known = [json.loads(line) for line in index.read_text().splitlines()] if index.exists() else []

def pattern(glob):  # `*` stops at a slash.
    parts = re.split(r"(\*\*/|\*)", glob)
    return "".join({"**/": "(.*/)?", "*": "[^/]*"}.get(part, re.escape(part)) for part in parts)

def upload(glob):
    for path in sorted(p for p in pathlib.Path(".").rglob("*") if p.is_file()):
        if re.fullmatch(pattern(glob), path.as_posix()):
            kept = build / f"artifact-{len(known)}"
            shutil.copy(path, kept)
            known.append({"path": path.as_posix(), "step": os.environ["STEP"], "kept": str(kept)})
    index.write_text("".join(json.dumps(one) + "\n" for one in known))

match sys.argv[1:]:
    case ["artifact", "upload", glob]:
        upload(glob)
    case ["artifact", "download", glob, ".", *more]:
        assert not more or more[0] == "--step", more
        found = [one for one in known if re.fullmatch(pattern(glob), one["path"])]
        found = [one for one in found if not more or one["step"] == more[1]]
        if not found:
            sys.exit("no artifacts found for downloading")
        # Of the same path in any order: here the first one wins.
        for one in reversed(found):
            os.makedirs(os.path.dirname(one["path"]), exist_ok=True)
            shutil.copy(one["kept"], one["path"])
    case ["pipeline", "upload", name]:
        shutil.copy(name, build / "uploaded.json")
    case other:
        sys.exit(f"unknown: {other}")
'''


def uploaded(value):
    """What is uploaded as the job sees it: `$$` is `$`, and no other may be left."""
    if isinstance(value, str):
        assert "$" not in value.replace("$$", ""), value
        return value.replace("$$", "$")
    if isinstance(value, list):
        return [uploaded(one) for one in value]
    return {key: uploaded(one) for key, one in value.items()} if isinstance(value, dict) else value


class Build:
    """A build of the manual's pipeline, and how its steps ended."""

    def __init__(self, config="", **different):
        self.temporary = tempfile.TemporaryDirectory(prefix="shard-buildkite-")
        self.build = Path(self.temporary.name)
        self.ends = {}
        self.said = ""
        self.jobs = 0
        suites.write(self.build / "repository", config, different)
        agent = self.build / "bin" / "buildkite-agent"
        agent.parent.mkdir()
        agent.write_text(f"#!{python_tools() / 'python'}\n{AGENT}")
        agent.chmod(0o755)
        self.red = False
        self.steps(yaml.read((CHECKOUT / "docs/ci/buildkite.yml").read_text())["steps"])

    def steps(self, steps):
        for step in steps:
            if "wait" in step:
                if self.red and not step.get("continue_on_failure"):
                    return
                continue
            for one in step.get("steps", [step]):
                self.step(one)
            document = self.build / "uploaded.json"
            if document.exists():
                more = uploaded(json.loads(document.read_text()))["steps"]
                document.unlink()
                self.steps(more)

    def step(self, step):
        """One job on a machine of its own, which has the repository and nothing else."""
        self.jobs += 1
        folder = self.build / f"machine-{self.jobs}"
        shutil.copytree(self.build / "repository", folder)
        path = f"{self.build / 'bin'}:{shard().parent}:{python_tools()}:{os.environ['PATH']}"
        environment = {"PATH": path, "HOME": str(self.build), "BUILD": str(self.build), "LANG": "C.UTF-8"}
        environment |= {"STEP": step.get("key", ""), "BUILDKITE_RETRY_COUNT": "0", **step.get("env", {})}
        commands = "set -e\n" + "\n".join(step["commands"])
        done = subprocess.run(
            ["bash", "-c", commands], cwd=folder, env=environment, capture_output=True, text=True, timeout=300
        )
        for glob in step.get("artifact_paths", []):
            subprocess.run(["buildkite-agent", "artifact", "upload", glob], cwd=folder, env=environment, check=True)
        soft = done.returncode in [one["exit_status"] for one in step.get("soft_fail", [])]
        self.ends[step["label"]] = "passed" if done.returncode == 0 else "soft" if soft else "failed"
        self.red |= done.returncode != 0 and not soft
        self.said += f"--- {step['label']}: {done.returncode}\n{done.stdout}{done.stderr}"

    def shards(self):
        """How the steps of shards ended, in the order of their names."""
        return [end for label, end in sorted(self.ends.items()) if re.search(r"\(\d+/\d+\)", label)]

    def passed(self):
        return suites.passed({path.name: path for path in self.build.glob("machine-*/shard-out/outcomes/*")}.values())


AGAIN = "[buildkite]\nrebalance = true\n"


@check
def check_buildkite_steps_run_every_shard_once():
    build = Build()
    assert build.shards() == ["passed"] * 4 and not build.red, build.said
    assert build.passed() == suites.SUITES, build.said


@check
def check_buildkite_is_red_where_a_test_failed():
    for config in ("", AGAIN):
        build = Build(config, test_c=suites.fails)
        assert build.red and sorted(build.shards())[0] == "failed", build.said


@check
def check_buildkite_plans_again_after_a_kill():
    build = Build(AGAIN, test_c=suites.killed_once)
    assert "soft" in build.shards() and not build.red, build.said
    assert build.ends["rebalance"] == build.ends["verify"] == "passed", build.said
    assert build.passed() == suites.SUITES, build.said


@check
def check_buildkite_is_red_where_no_round_helped():
    build = Build(AGAIN, test_c=suites.killed)
    assert build.ends["verify"] == "failed" and build.red, build.said


@check
def check_buildkite_takes_steps_without_shards():
    build = Build(AGAIN)
    assert build.ends["no shards"] == build.ends["verify"] == "passed" and not build.red, build.said
