"""Our own schemas in the hands of others: an editor's engine for `shard.toml`, and another validator for what is written."""

import tempfile
from pathlib import Path

from harness import CHECKOUT, Failed, check, run, shard, tool

# What taplo must refuse, by the schema alone.
MISTAKES = [
    'budgets = "3GB"',
    'budget = "3 gigs"',
    "shards = 0",
    'shards = "auto"\ntarget = "6m"',
    "[tier.unit]\nworkers = 2",
    '[tier.unit]\nmatch = ["**"]\nmemory = "leaky"',
    '[tier."../x"]\nmatch = ["**"]',
    '[tier.unit]\nmatch = ["**"]\neach = true',
    '[tier.unit]\nmatch = ["**"]\nretry = { on = ["test-failure"] }',
    '[[runner]]\nname = "large"\nruns-on = "x"',
    "[slurm]\nat-once = 0",
]


def refused(command, **options):
    try:
        run(command, **options)
    except Failed:
        return
    raise AssertionError(f"not refused: {command}")


@check
def taplo_checks_a_configuration_by_our_schema():
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "shard.schema.json").write_text(run([shard(), "schema", "config"]))

        def written(text, first="#:schema ./shard.schema.json"):
            (folder / "shard.toml").write_text(f"{first}\n{text}\n")
            return [tool("taplo"), "check", "shard.toml"]

        for path in [CHECKOUT / "testdata/config/every-key.toml", *sorted(CHECKOUT.glob("testdata/scenarios/*/shard.toml"))]:
            run(written(path.read_text()), cwd=folder)
        for text in MISTAKES:
            refused(written(text), cwd=folder)
            # It is sound to who does not know the schema.
            run(written(text, first=""), cwd=folder)


@check
def another_validator_takes_what_is_written():
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "list").write_text("".join(f"t/{n}.py\n" for n in range(40)))
        (folder / "times.json").write_text('{"t/1.py::a": 1.5, "t/2.py::a": 2.5}')
        (folder / "shard.toml").write_text('[tier.unit]\nmatch = ["**"]\nrun = ["cat", "{selection}"]\n')
        run([shard(), "record", "times.json"], cwd=folder)
        run([shard(), "plan", "list", "--shards", "2"], cwd=folder)
        run([shard(), "run", "unit-1", "--preflight", "off"], cwd=folder)
        outcome = (folder / "shard-out/outcomes/unit-1.0.1.jsonl").read_text().splitlines()
        for number, line in enumerate(outcome):
            (folder / f"line-{number}.json").write_text(line)
        assert len(outcome) > 3, outcome
        files = {
            "plan": ["shard-out/plan.json"],
            "matrix": ["shard-out/matrix.json"],
            "history": ["shard-history.json"],
            "outcome": [f"line-{number}.json" for number in range(len(outcome))],
        }
        for kind, written in files.items():
            (folder / "schema.json").write_text(run([shard(), "schema", kind]))
            run([tool("check-jsonschema"), "--check-metaschema", "schema.json"], cwd=folder)
            run([tool("check-jsonschema"), "--schemafile", "schema.json", *written], cwd=folder)
            other = next(paths[0] for name, paths in files.items() if name != kind)
            refused([tool("check-jsonschema"), "--schemafile", "schema.json", other], cwd=folder)
