"""Names, settings and inputs that would be commands if anybody took them for such: nothing of them is executed, and the runner
hears no command that is not ours."""

import re

import act
from act import PASSES
from harness import check

COMMANDS = [
    "$(touch CANARY)",
    "`touch CANARY`",
    "'; touch CANARY; '",
    '"; touch CANARY; "',
    "${{ github.token }}",
    "%0A::set-output name=evil::x",
    "##[set-output name=evil;]x",
    "##vso[task.setvariable variable=evil]x",
    "\x1b[31m\x1b]0;title\x07",
    "<<EOF",
    "@{selection}",
]
# At the beginning of a line each of them is a command of the runner.
FOLDERS = ["::set-output name=evil::x", "::set-env name=EVIL::x", "::add-path::evil", "::stop-commands::evil", "::add-mask::suite", "::error::evil"]
# A summary is act's own event, not a command.
OURS = {"set-output", "add-path", "stop-commands", "warning", "error", "summary"}
OUTPUTS = {"matrix", "shards", "count", "has-shards", "digest", "plan", "longest-minutes", "peak-mb", "exit-code", "shard-version", "path", "version"}


def harmless(project, run):
    run.expect(not list(project.top.rglob("CANARY*")), "something was executed")
    tokens = {argument for _, command, _, argument in run.commands if command == "stop-commands"}
    run.expect(all(re.fullmatch(r"sha256-[0-9a-f]{64}", token) for token in tokens), f"commands are stopped by {tokens}")
    for job, command, name, argument in run.commands:
        if (command, name) == ("set-env", "STAND_IN_PYTHON"):
            continue
        run.expect(command in OURS or command in tokens, f"{job}: a command: {command} {name} {argument}")
        run.expect(command != "set-output" or name in OUTPUTS, f"{job}: an output: {name} {argument}")
        run.expect(command != "add-path" or "/shard" in argument, f"{job}: a path: {argument}")
        run.expect(command != "error" or not re.match(r"evil([/ `]|$)", argument), f"{job}: an error: {argument}")
    # act does not know them; GitHub's runner and Azure's look for them anywhere in a line.
    for job in run.printed:
        run.expect(not re.search(r"##[a-z]*\[", run.said(job)), f"{job}: an old command")
        run.expect("\x1b]0;" not in run.said(job), f"{job}: a terminal's command")


@check
def injection_by_names():
    files = {f"tests/test_{name}.py": PASSES for name in COMMANDS if "/" not in name}
    files.update({f"{folder}/test_a.py": PASSES for folder in FOLDERS})
    files["shard.toml"] = "[tier.x]\nmatch = ['**']\nmemory = 'isolated'\neach = true\nrun = ['test', '-f', '{suite}']\n"
    with act.Project(files) as project:
        replace = {"sources: tests/**/test_*.py": "sources: '**/test_*.py'", "shards: 8": "shards: 2"}
        no_command = {"          args: |\n            --\n            pytest\n            @{selection}\n": ""}
        project.workflow("test.yml", replace={**replace, **no_command})
        run = project.act("test.yml")
        outputs = {name: value for (job, step, name), value in run.outputs.items() if (job, step) == ("plan", ("plan",))}
        run.expect(outputs.get("count") == "2" and run.code == 0, f"{outputs}")
        run.expect("evil" not in str(outputs) and "CANARY" not in str(outputs), f"a name is in an output: {outputs}")
        harmless(project, run)
        # The names themselves arrived where they belong.
        selected = "".join(path.read_text() for path in sorted((project.store / "artifacts/1/shard-plan").glob("x-*.txt")))
        missing = [name for name in files if name.endswith(".py") and name not in selected]
        run.expect(not missing, f"not selected: {missing}")


@check
def injection_by_settings_and_inputs():
    hostile = [*COMMANDS, *FOLDERS, "a\n::set-output name=evil::x", "a\r::set-output name=evil::x\r\n::add-path::evil"]
    files = {"list.txt": "a\nb\n", "line\n::set-output name=evil::x\nbreak/test_a.py": PASSES}
    given = [{"sources": "**/test_*.py"}]
    for number, text in enumerate(hostile):
        quoted = '"' + "".join(f"\\u{ord(c):04x}" if ord(c) < 32 or c in '"\\' else c for c in text) + '"'
        forms = [f"budget = {quoted}", f"{quoted} = 1", f"[tier.{quoted}]", f"[tier.x]\nmatch = [{quoted}]", f"[tier.x]\nmatch = ['**']\nruns-on = {quoted}"]
        files[f"{number}.toml"] = forms[number % len(forms)] + "\n"
        given.append({"config": f"{number}.toml", "sources": "list.txt"})
        name = ["budget", "config", "args", "out", "timings", "shards", "sources", "history", "previous", "working-directory"][number % 10]
        given.append({"sources": "list.txt", name: text})
    for text in hostile[-2:]:
        for name in ("command", "version", "checksum", "binary", "download-url"):
            given.append({"command": "install", "version": "1.2.3", name: text})
        given += [{"command": "run", "shard": text}, {"command": "record", "sources": text}, {"command": "rebalance", "run-id": text}]
    with act.Project(files) as project:
        act.steps(project, *given)
        run = project.act("steps.yml")
        run.expect(run.code == 0, "the workflow did not come to its end")
        codes = [run.outputs.get(("one", (f"s{number}",), "exit-code")) for number in range(len(given))]
        # Some are refused, some are only odd; all were tried.
        run.expect(len(codes) == len(given) and codes.count("2") > 20 and "0" in codes, f"{codes}")
        harmless(project, run)
