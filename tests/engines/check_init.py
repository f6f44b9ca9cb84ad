"""What `shard init` writes for a project, executed as it was written."""

import re

import act
import check_gitlab
import harness
import suites
from act import FAILS, PASSES
from harness import check

FILES = {
    "tests/unit/test_a.py": PASSES,
    "tests/unit/test_b.py": PASSES,
    "tests/integration/test_c.py": PASSES,
    "pytest.ini": "[pytest]\ntestpaths = tests\n",
}


@check
def init_writes_a_workflow_that_runs():
    with act.Project(FILES) as project:
        harness.run([harness.shard(), "init"], cwd=project.folder)
        first = project.act("shard.yml")
        first.expect(first.code == 0 and set(first.jobs.values()) == {"success"}, "not all is well")
        first.expect(first.shards() == {"unit-1": "success", "integration-1": "success"}, f"{first.shards()}")
        first.expect(first.steps["record", "Every suite ran and passed"] == "success", "nothing was verified")
        project.file("tests/unit/test_b.py", FAILS)
        second = project.act("shard.yml", run=2)
        second.expect(second.code != 0 and second.jobs["record"] == "failure", "a failed test is not red")
        second.expect(second.shards() == {"unit-1": "failure", "integration-1": "success"}, f"{second.shards()}")


@check
def init_writes_a_pipeline_that_runs():
    project = check_gitlab.Project()
    for name in ("shard.toml", ".gitlab-ci.yml"):
        (project.folder / name).unlink()
    harness.run([harness.shard(), "init"], cwd=project.folder)
    # Nothing here pulls images.
    for name, line in {".gitlab-ci.yml": r"^  image: .*\n", "shard.toml": r"^image = .*\n"}.items():
        path = project.folder / name
        without, count = re.subn(line, "", path.read_text(), flags=re.MULTILINE)
        assert count == 1, f"{name} has no image"
        path.write_text(without)
    ends, said = project.pipeline()
    assert set(check_gitlab.shards(ends).values()) == {"PASS"}, said
    assert project.passed() == suites.SUITES, said
