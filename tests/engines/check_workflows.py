"""The action, our own workflows and those to paste, before the eyes of others: GitHub's own parser, linters, schemas. Each of them must
also find what is broken on purpose. What pages show is part of these files (tests/it/readme.rs), or a step that is looked at here."""

import re
import tempfile
from pathlib import Path

import act
import harness
from harness import check

CHECKOUT = harness.CHECKOUT
ACTION = CHECKOUT / "action.yml"
# What `shard init` writes is there as tests/it/init.rs expects it.
WRITTEN = sorted((CHECKOUT / "testdata/init").glob("*/out/.github/workflows/*.yml"))
WORKFLOWS = sorted([*(CHECKOUT / ".github/workflows").glob("*.yml"), *act.WORKFLOWS.glob("*.yml"), *WRITTEN])
SCRIPTS = sorted((CHECKOUT / "action").glob("*.sh"))


def shown_steps(folder):
    """A workflow for each step that a page shows and that is in no file."""
    made = []
    whole = "".join(path.read_text() for path in WORKFLOWS)
    for page in [CHECKOUT / "README.md", *sorted((CHECKOUT / "docs").glob("*.md"))]:
        for block in re.findall(r"^```yaml\n(.*?)^```$", page.read_text(), re.DOTALL | re.MULTILINE):
            if "uses: " in block and block not in whole:
                path = Path(folder, ".github/workflows", f"{page.stem}-{len(made)}.yml")
                path.parent.mkdir(parents=True, exist_ok=True)
                head = "name: shown\non: push\npermissions: {}\njobs:\n  one:\n    runs-on: ubuntu-latest\n    steps:\n"
                path.write_text(head + block)
                made.append(path)
    return made


def both(tool, broken, of=None):
    """`tool` takes files and returns whether it is content: with all of ours, and not with `broken` replacements, each alone, in the
    first workflow to paste or in `of`."""
    source = of or act.WORKFLOWS / "test.yml"
    with tempfile.TemporaryDirectory() as folder:
        assert tool([ACTION] if of == ACTION else WORKFLOWS + shown_steps(folder)), "not content"
    for old, new in broken.items():
        text = source.read_text()
        assert old in text, f"{source.name} does not have: {old}"
        with tempfile.TemporaryDirectory() as folder:
            # The path tells a workflow from an action.
            bad = Path(folder, ".github/workflows", source.name) if of is None else Path(folder, source.name)
            bad.parent.mkdir(parents=True, exist_ok=True)
            bad.write_text(text.replace(old, new))
            try:
                content = tool([bad])
            except harness.Failed:
                content = False
            assert not content, f"not found in {source.name}: {old} -> {new}"


@check
def workflows_for_the_language_service():
    with tempfile.TemporaryDirectory() as folder:
        # Its packages import JSON as Node 20 does not: one file of all.
        modules, bundle = harness.node_tools(), Path(folder, "language_service.cjs")
        command = [harness.tool("esbuild"), act.STAND_INS / "language_service.mjs", "--bundle", "--platform=node", "--format=cjs"]
        harness.run([*command, "--log-level=warning", f"--outfile={bundle}"], env={"NODE_PATH": modules, "PATH": "/usr/local/bin:/usr/bin:/bin"})
        known = [f"{act.OURS}={ACTION}"]
        known += [f"actions/{one.parent.relative_to(act.STAND_INS)}={one}" for one in sorted(act.STAND_INS.glob("**/action.yml"))]

        def service(files):
            return harness.run(["node", bundle, *files, "--", *known]) == ""

        both(service, {
            "budget: 3GB": "bugdet: 3GB",
            "needs.plan.outputs.has-shards ==": "needs.plan.outputs.has_shards ==",
            "timeout-minutes: 20": "timeout-minuts: 20",
            "fromJSON(": "fromJsn(",
            "overwrite: true": "overwritten: true",
        })  # fmt: skip
        both(service, {"steps.binary.outputs": "stps.binary.outputs", "using: composite": "using: compsite"}, of=ACTION)


@check
def workflows_skip_empty_matrices():
    # GitHub fails a run for an empty matrix before the job exists; no engine here does.
    found = 0
    assert len(WRITTEN) >= 9
    for workflow in [*act.WORKFLOWS.glob("*.yml"), *WRITTEN]:
        for job in re.split(r"^  (?=\w+:$)", workflow.read_text(), flags=re.MULTILINE):
            for plan in re.findall(r"fromJSON\(needs\.(\w+)\.outputs", job):
                found += 1
                skipped = rf"^    if: .*needs\.{plan}\.outputs\.has-shards == 'true'"
                assert re.search(skipped, job, re.MULTILINE), f"{workflow.name}: an empty plan is not skipped in\n{job}"
    assert found >= len(list(act.WORKFLOWS.glob("*.yml")))


@check
def workflows_for_actionlint():
    def lint(files):
        return harness.run([harness.tool("actionlint"), "-no-color", "-shellcheck=", "-pyflakes=", *files]) == ""

    both(lint, {"runs-on: ubuntu-latest": "runs-on: ubuntu-newest", "steps.plan.outputs.matrix": "steps.plam.outputs.matrix", "needs: plan": "needs: plam"})


@check
def workflows_for_action_validator():
    def validate(files):
        with tempfile.TemporaryDirectory() as folder:
            for number, file in enumerate(files):
                # Its schema is older than this permission.
                known = Path(folder, str(number), *file.parts[-3:])
                known.parent.mkdir(parents=True)
                known.write_text(re.sub(r"^ +attestations: write.*\n", "", file.read_text(), flags=re.MULTILINE))
                harness.run([harness.tool("action-validator"), known], cwd="/")
        return True

    both(validate, {"timeout-minutes: 20": "timeout-minuts: 20"})
    both(validate, {"using: composite": "using: compsite"}, of=ACTION)


@check
def workflows_for_schemas():
    def schema(files):
        name = "vendor.github-actions" if files[0].name == "action.yml" else "vendor.github-workflows"
        return "ok" in harness.run([harness.tool("check-jsonschema"), "--builtin-schema", name, *files])

    both(schema, {"timeout-minutes: 20": "timeout-minuts: 20"})
    both(schema, {"using: composite": "using: compsite"}, of=ACTION)


@check
def workflows_for_zizmor():
    def zizmor(files):
        printed = harness.run([harness.tool("zizmor"), "--offline", "--no-progress", "--quiet", "--color=never", *files])
        return "No findings to report" in printed

    both(zizmor, {
        "run: pip install -r requirements.txt": "run: pip install ${{ matrix.shard }}",
        "actions/checkout@3d3c42e5aac5ba805825da76410c181273ba90b1": "actions/checkout@v7",
    })  # fmt: skip
    both(zizmor, {'run: bash "$GITHUB_ACTION_PATH/action/binary.sh"': 'run: bash "${{ inputs.command }}"'}, of=ACTION)


@check
def scripts_for_shellcheck():
    shellcheck = [harness.tool("shellcheck"), "--external-sources", "--source-path", CHECKOUT]
    assert len(SCRIPTS) >= 3 and harness.run([*shellcheck, *SCRIPTS]) == ""
    with tempfile.TemporaryDirectory() as folder:
        bad = Path(folder, "bad.sh")
        bad.write_text("#!/usr/bin/env bash\nrm $1\n")
        assert "SC2086" in _failure([*shellcheck, bad]), "an unquoted variable is not found"


def _failure(command):
    try:
        harness.run(command)
    except harness.Failed as failed:
        return failed.output
    return ""
