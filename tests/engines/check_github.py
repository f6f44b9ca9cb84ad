"""The action and the workflows to paste, executed: every job, artifact and exit code of them is real, only GitHub's servers are folders."""

import json

import act
import fake_github
from act import FAILS, PASSES
from harness import check

# What the tests of a job must not see.
SEES_NOTHING = f"""
import os

def test_it():
    names = [name for name in os.environ if name.startswith("SHARD_INPUT_") or name in ("GITHUB_TOKEN", "GH_TOKEN")]
    values = [name for name, value in os.environ.items() if "{fake_github.TOKEN}" in value]
    assert not names and not values, (names, values)
    process = os.getpid()
    while process > 1:
        with open(f"/proc/{{process}}/environ", "rb") as environment:
            assert b"SHARD_INPUT_TOKEN={fake_github.TOKEN}" not in environment.read(), process
        with open(f"/proc/{{process}}/stat") as stat:
            process = int(stat.read().rpartition(")")[2].split()[1])
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
