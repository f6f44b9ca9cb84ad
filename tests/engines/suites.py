"""A project with six suites for real pytest, some of which end in another way."""

import json
from pathlib import Path

SUITES = [f"tests/test_{name}.py" for name in "abcdef"]

# The whole session, as the kernel does it.
_KILL = "os.kill(os.getpid(), signal.SIGKILL)"


def fails(_):
    return "def test():\n    assert False\n"


def killed(_):
    return f"import os, signal\n\n\ndef test():\n    {_KILL}\n"


def killed_once(mark):
    """A suite that is killed unless the file `mark` is there, which it leaves."""
    return (
        f"import os, pathlib, signal\n\n\ndef test():\n    once = pathlib.Path({str(mark)!r})\n"
        f"    if not once.exists():\n        once.touch()\n        {_KILL}\n"
    )


def write(folder, config, different):
    """The project in `folder`. What does not simply pass is made by `different`, from the path of a file beside it."""
    mark = Path(folder).parent / "mark"
    for suite in SUITES:
        path = Path(folder) / suite
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(different[path.stem](mark) if path.stem in different else "def test():\n    pass\n")
    tier = '[tier.unit]\nmatch = ["**"]\nrun = ["pytest", "-q", "@{selection}"]\n'
    (Path(folder) / "shard.toml").write_text(tier + config)


def passed(outcomes):
    """Suites that passed by these outcomes, as often as they did."""
    found = []
    for path in outcomes:
        events = [json.loads(line) for line in path.read_text().splitlines()]
        found += [one["id"] for one in events if one["event"] == "suite" and one["status"] == "passed"]
    return sorted(found)
