#!/usr/bin/env python3
"""Whether sessions of pytest hold what was predicted from other runs: the plan's figure beside the measured peak.

    python3 -m venv target/memory && target/memory/bin/pip install pytest networkx pandas scipy
    target/memory/bin/python benches/memory.py [SHARD] [PART…]

SHARD is target/release/shard unless it is named. Parts, all of them by default:

    generated   a project whose files import, keep, leak, spike, fork and share fixtures: learned in 3 runs of random shards,
                then 40 random subsets, each in a random order
    networkx    networkx' own tests: learned in 1 run of 16 random shards, then planned as 16 other shards

Goals: no peak more than 2 % above its prediction, and the median prediction at most 25 % above the peak. Linux. Standard
library only, besides what is measured; the same subsets every time.
"""
import importlib.util
import json
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile

PYTEST = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]

HELD = """
KEPT = []
def hold(mb):
    data = bytearray(int(mb * 1000000))
    data[::4096] = b'x' * len(data[::4096])
    return data
"""


class Tests:
    """A folder with tests, and its history."""

    def __init__(self, folder, files):
        self.folder, self.files, self.runs, self.floor = folder, sorted(files), 0, None

    def shard(self, *args, run=None):
        env = dict(os.environ, PYTHONDONTWRITEBYTECODE="1", GITHUB_RUN_ID=str(run or self.runs))
        return subprocess.run([SHARD, *args], cwd=self.folder, env=env, capture_output=True, text=True)

    def must(self, *args, **more):
        done = self.shard(*args, **more)
        if done.returncode:
            sys.exit(f"shard {' '.join(args)}: {done.stderr}")
        return done.stdout

    def configure(self):
        # What a session holds before any test is measured, as `shard record` advises: then it is no part of the question.
        base = f'base = "{self.floor}B"\nworker-base = "0B"\n' if self.floor else ""
        with open(f"{self.folder}/shard.toml", "w") as file:
            file.write(f'budget = "none"\n[tier.all]\nmatch = ["**"]\nsetup = "0s"\n{base}run = {json.dumps(PYTEST + ["@{selection}"])}\n')

    def plan(self, files, out, *args):
        self.configure()
        with open(f"{self.folder}/list.txt", "w") as file:
            file.writelines(f"{name}\n" for name in files)
        shutil.rmtree(f"{self.folder}/{out}", ignore_errors=True)
        self.must("plan", "list.txt", "--out", out, *args)
        with open(f"{self.folder}/{out}/plan.json") as file:
            return json.load(file)

    def run(self, out, shard, order=None):
        """The peak of a shard of one session, in the plan's order or another."""
        command = []
        if order:
            with open(f"{self.folder}/order.txt", "w") as file:
                file.writelines(f"{name}\n" for name in order)
            command = ["--", *PYTEST, "@order.txt"]
        done = self.shard("run", shard, "--plan", f"{out}/plan.json", "--preflight", "off", *command)
        with open(f"{self.folder}/{out}/outcomes/{shard}.0.1.jsonl") as file:
            events = [json.loads(line) for line in file]
        # Tests that fail are none of our business, tests that do not run are.
        if events[-1]["not_run"] or events[-1]["verdict"] not in ("passed", "test-failure"):
            sys.exit(f"{shard}: {events[-1]}\n{done.stdout[-2000:]}")
        floors = [event["bytes"] for event in events if event["event"] == "floor"]
        self.floor = max(floors + [self.floor or 0])
        ended = [event for event in events if event["event"] == "session-end"]
        return max(event["peak_bytes"] for event in ended), ended[-1]["method"]

    def learn(self, parts):
        """Runs all files in so many random shards, and records them."""
        self.runs += 1
        files = self.files[:]
        RANDOM.shuffle(files)
        for number in range(parts):
            out = f"learn-{self.runs}-{number}"
            self.plan(files[number::parts], out, "--shards", "1")
            self.run(out, "all-1")
        self.must("record", *(f"learn-{self.runs}-{number}/outcomes" for number in range(parts)))

    def subset(self, number, size):
        """Prediction and peak of a random subset in a random order."""
        files = sorted(RANDOM.sample(self.files, size))
        out = f"subset-{number}"
        plan = self.plan(files, out, "--shards", "1")
        shard = plan["shards"][0]
        suites = shard["sessions"][0]["suites"]
        if shard["predicted_bytes"] != predicted(plan, suites):
            sys.exit(f"{out}: the plan says {shard['predicted_bytes']}, its law {predicted(plan, suites)}")
        RANDOM.shuffle(suites)
        peak, method = self.run(out, "all-1", [suite["id"] for suite in suites])
        return predicted(plan, suites), peak, method


def predicted(plan, suites):
    """docs/model.md: one worker, in this order."""
    tier = plan["tiers"][0]
    imports, cap = sum(suite["import_bytes"] for suite in suites), tier["import_cap_bytes"]
    level = highest = 0
    for suite in suites:
        level += suite["retained_bytes"]
        highest = max(highest, level + suite["transient_bytes"])
    return tier["floor_bytes"] + (imports if cap is None else min(imports, cap)) + highest


def generated(folder):
    """48 files that each do one or several of the things that memory is used for."""
    os.makedirs(f"{folder}/tests")
    write = lambda name, text: open(f"{folder}/tests/{name}", "w").write(text)
    write("held.py", HELD)
    write("conftest.py", "import pytest\nfrom held import hold\n@pytest.fixture(scope='session')\ndef whole(): return hold(60)\n")
    files = []
    for number in range(48):
        size = lambda low, high: round(RANDOM.uniform(low, high), 1)
        head = "import os, time, pytest\nfrom held import *\n"
        kind = [
            f"DATA = hold({size(5, 60)})\ndef test_a(): pass\n",
            f"def test_a(): KEPT.append(hold({size(1, 40)}))\n",
            f"def test_a(): hold({size(30, 250)})\n",
            f"@pytest.fixture(scope='module')\ndef data(): return hold({size(20, 120)})\ndef test_a(data): hold({size(1, 60)})\n",
            f"def test_a(): KEPT.append([b'%07d' % n + b'x' * 960 for n in range({int(size(2, 20) * 1000)})])\n",
            f"def test_a(whole): KEPT.append(hold({size(1, 10)}))\n",
            f"def test_a():\n    if os.fork() == 0:\n        data = hold({size(20, 150)}); time.sleep(0.3); os._exit(0)\n    os.wait()\n",
            f"DATA = hold({size(1, 10)})\ndef test_a(): KEPT.append(hold({size(1, 10)})); hold({size(10, 80)})\ndef test_b(): pass\n",
        ][number % 8]
        write(f"test_{number:02}.py", head + kind)
        files.append(f"tests/test_{number:02}.py")
    tests = Tests(folder, files)
    for _ in range(3):
        tests.learn(4)
    return [tests.subset(number, RANDOM.randint(5, 30)) for number in range(40)]


def installed(folder, name):
    """A copy of a package with its tests, which is imported in the place of the installed one."""
    spec = importlib.util.find_spec(name)
    if spec is None:
        return None
    source = os.path.dirname(spec.origin)
    shutil.copytree(source, f"{folder}/{name}", ignore=shutil.ignore_patterns("__pycache__"))
    # Its own settings are none of ours.
    with open(f"{folder}/pytest.ini", "w") as file:
        file.write("[pytest]\n")
    found = []
    for place, _, names in os.walk(f"{folder}/{name}"):
        found += [os.path.relpath(f"{place}/{one}", folder) for one in names if re.fullmatch(r"test_.*\.py", one)]
    return sorted(found)


def networkx(folder):
    files = installed(folder, "networkx")
    if files is None:
        return None
    tests = Tests(folder, files)
    tests.learn(16)
    plan = tests.plan(files, "planned", "--shards", "16")
    found = []
    for shard in plan["shards"]:
        found.append((shard["predicted_bytes"], *tests.run("planned", shard["id"])))
    return found


PARTS = {"generated": generated, "networkx": networkx}


def main():
    for name in CHOSEN:
        global RANDOM
        RANDOM = random.Random(name)
        with tempfile.TemporaryDirectory() as folder:
            found = PARTS[name](folder)
        if found is None:
            print(f"{name}: skipped, `pip install {name}` first")
            continue
        ratios = sorted(predicted / peak for predicted, peak, _ in found)
        median = ratios[len(ratios) // 2]
        low = sum(ratio < 0.98 for ratio in ratios)
        largest = max(peak for _, peak, _ in found)
        print(f"{name}: {len(ratios)} sessions of up to {largest / 1e6:.0f} MB, by {', '.join(sorted({method for *_, method in found}))}")
        print(f"  predicted ÷ peak: {ratios[0]:.2f} at least, {median:.2f} in the median, {ratios[-1]:.2f} at most")
        print(f"  {'met' if not low else 'MISSED'}: {low} more than 2 % too low; {'met' if median <= 1.25 else 'MISSED'}: the median within 25 % above")


if __name__ == "__main__":
    words = sys.argv[1:]
    SHARD = os.path.abspath(words.pop(0) if words and words[0] not in PARTS else "target/release/shard")
    CHOSEN = words or list(PARTS)
    main()
