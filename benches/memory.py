#!/usr/bin/env python3
"""Whether sessions of pytest hold what was predicted from other runs: the plan's figure beside the measured peak.

    python3 -m venv target/memory && target/memory/bin/pip install pytest networkx pandas numpy scipy hypothesis
    target/memory/bin/python benches/memory.py [SHARD] [--keep FOLDER] [PART…]

SHARD is target/release/shard unless it is named. Parts, all of them by default:

    generated   a project whose files import, keep, leak, spike, fork and share fixtures: learned in 3 runs of random shards,
                then 40 random subsets, each in a random order
    networkx    networkx' own tests: learned in 1 run of 16 random shards, then planned as 16 other shards
    pandas      120 files of pandas' own tests, numpy all of numpy's: learned in 1 run of 16 random shards, then 16 other random
                shards, each in a random order

Goals: no peak more than 2 % above its prediction, and the median prediction at most 25 % above the peak. What is predicted too much
is taken apart: the slack of a session, then its floor, imports, retained and transients each in turn replaced by what the session itself
measured, as a share of its peak in the mean; what is left is the model's. Linux. Standard library only, besides what is measured; the
same subsets every time. Sessions that FOLDER has from an earlier time are not run again: so a change of the estimates is judged in seconds,
but a change of the measuring needs a new folder.
"""
import hashlib
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
        self.kept = KEPT and os.path.join(KEPT, os.path.basename(folder))

    def shard(self, *args, run=None):
        env = dict(os.environ, PYTHONDONTWRITEBYTECODE="1", NPY_AVAILABLE_MEM="1GB", GITHUB_RUN_ID=str(run or self.runs))
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
            file.write(f'budget = "none"\n[tier.all]\nmatch = ["**"]\nguard = "off"\nsetup = "0s"\n{base}run = {json.dumps(PYTEST + ["@{selection}"])}\n')

    def plan(self, files, out, *args):
        self.configure()
        with open(f"{self.folder}/list.txt", "w") as file:
            file.writelines(f"{name}\n" for name in files)
        shutil.rmtree(f"{self.folder}/{out}", ignore_errors=True)
        self.must("plan", "list.txt", "--out", out, *args)
        with open(f"{self.folder}/{out}/plan.json") as file:
            return json.load(file)

    def outcome(self, out, shard, order):
        """The events of a shard of one session, in this order; those that are kept, if they are of this very session."""
        path = f"{self.folder}/{out}/outcomes/{shard}.0.1.jsonl"
        key = hashlib.sha256("\n".join([str(self.runs), *order]).encode()).hexdigest()[:16]
        kept = self.kept and f"{self.kept}/{key}.jsonl"
        if kept and os.path.exists(kept):
            os.makedirs(os.path.dirname(path), exist_ok=True)
            shutil.copyfile(kept, path)
        else:
            with open(f"{self.folder}/order.txt", "w") as file:
                file.writelines(f"{name}\n" for name in order)
            done = self.shard("run", shard, "--plan", f"{out}/plan.json", "--preflight", "off", "--", *PYTEST, "@order.txt")
            with open(path) as file:
                end = json.loads(file.readlines()[-1])
            # Tests that fail are none of our business, tests that do not run are.
            if end["not_run"] or end["verdict"] not in ("passed", "test-failure"):
                sys.exit(f"{shard}: {end}\n{done.stdout[-2000:]}")
            if kept:
                os.makedirs(self.kept, exist_ok=True)
                shutil.copyfile(path, kept)
        with open(path) as file:
            return [json.loads(line) for line in file]

    def run(self, out, shard, order):
        events = self.outcome(out, shard, order)
        floors = [event["bytes"] for event in events if event["event"] == "floor"]
        self.floor = max(floors + [self.floor or 0])
        return events

    def learn(self, parts):
        """Runs all files in so many random shards, and records them."""
        self.runs += 1
        files = self.files[:]
        RANDOM.shuffle(files)
        for number in range(parts):
            out = f"learn-{self.runs}-{number}"
            self.plan(files[number::parts], out, "--shards", "1")
            self.run(out, "all-1", files[number::parts])
            # As shards of one plan they would have names of their own.
            named = f"{self.folder}/{out}/outcomes/all-{number + 1}.0.1.jsonl"
            os.rename(f"{self.folder}/{out}/outcomes/all-1.0.1.jsonl", named)
            with open(named) as file:
                text = file.read()
            with open(named, "w") as file:
                file.write(text.replace('"shard":"all-1"', f'"shard":"all-{number + 1}"', 1))
        self.must("record", *(f"learn-{self.runs}-{number}/outcomes" for number in range(parts)))

    def subset(self, number, files):
        """A session of these files in a random order."""
        out = f"subset-{number}"
        plan = self.plan(sorted(files), out, "--shards", "1")
        order = sorted(files)
        RANDOM.shuffle(order)
        return self.session(plan, out, plan["shards"][0], order)

    def session(self, plan, out, shard, order):
        """What was predicted of a session, what it held, and what makes the difference."""
        suites = shard["sessions"][0]["suites"]
        if shard["predicted_bytes"] != Law.of(plan, suites).bytes():
            sys.exit(f"{out}: the plan says {shard['predicted_bytes']}, its law {Law.of(plan, suites).bytes()}")
        place = {name: number for number, name in enumerate(order)}
        law = Law.of(plan, sorted(suites, key=lambda suite: place[suite["id"]]))
        return Session(law, self.floor, self.run(out, shard["id"], order))


class Law:
    """docs/model.md: one worker, in this order. `rows` are name, retained, transient."""

    def __init__(self, floor, imports, rows):
        self.floor, self.imports, self.rows = floor, imports, rows

    @staticmethod
    def of(plan, suites):
        tier = plan["tiers"][0]
        imports, cap = sum(suite["import_bytes"] for suite in suites), tier["import_cap_bytes"]
        rows = [(suite["id"], suite["retained_bytes"], suite["transient_bytes"]) for suite in suites]
        return Law(tier["floor_bytes"], imports if cap is None else min(imports, cap), rows)

    def bytes(self):
        level = highest = 0
        for _, retained, transient in self.rows:
            level += retained
            highest = max(highest, level + transient)
        return self.floor + self.imports + highest


class Session:
    PARTS = ("slack", "floor", "imports", "retained", "transient", "model")

    def __init__(self, law, base, events):
        ended = [event for event in events if event["event"] == "session-end"]
        self.peak, self.method = max(event["peak_bytes"] for event in ended), ended[-1]["method"]
        self.predicted = law.bytes()
        floor = max(event["bytes"] for event in events if event["event"] == "floor")
        seen = [event for event in events if event["event"] == "suite" and event.get("before_bytes") is not None]
        shared = {one["id"]: one.get("shared_bytes", 0) for one in seen}
        retained = {one["id"]: 0 if one["last"] else one["after_bytes"] - one["before_bytes"] - shared[one["id"]] for one in seen}
        transient = {
            one["id"]: max(0, one["peak_bytes"] - one["before_bytes"] - shared[one["id"]] - max(0, retained[one["id"]])) for one in seen
        }
        # One after another the terms become what this very session measured.
        levels = [self.predicted]
        law.floor = base
        levels.append(law.bytes())
        law.floor = floor
        levels.append(law.bytes())
        law.imports = seen[0]["before_bytes"] - floor + sum(shared.values()) if seen else 0
        levels.append(law.bytes())
        law.rows = [(name, retained.get(name, 0), high) for name, _, high in law.rows]
        levels.append(law.bytes())
        law.rows = [(name, low, transient.get(name, 0)) for name, low, _ in law.rows]
        levels += [law.bytes(), self.peak]
        self.terms = [100 * (more - less) / self.peak for more, less in zip(levels, levels[1:])]


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
    return [tests.subset(number, RANDOM.sample(tests.files, RANDOM.randint(5, 30))) for number in range(40)]


def installed(folder, name):
    """A copy of a package with its tests, which is imported in the place of the installed one."""
    spec = importlib.util.find_spec(name)
    if spec is None:
        return None
    source = os.path.dirname(spec.origin)
    shutil.copytree(source, f"{folder}/{name}", ignore=shutil.ignore_patterns("__pycache__"))
    if os.path.isdir(f"{source}.libs"):
        os.symlink(f"{source}.libs", f"{folder}/{name}.libs")
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
        order = [suite["id"] for suite in shard["sessions"][0]["suites"]]
        found.append(tests.session(plan, "planned", shard, order))
    return found


def package(name, most):
    def sessions(folder):
        files = installed(folder, name)
        if files is None:
            return None
        # Some need more than their package.
        files = [file for file in files if not re.search("/arrow/|/io/|/f2py/|/distutils/", file)]
        tests = Tests(folder, RANDOM.sample(files, min(most, len(files))))
        tests.learn(16)
        files = tests.files[:]
        RANDOM.shuffle(files)
        return [tests.subset(number, files[number::16]) for number in range(16)]

    return sessions


PARTS = {"generated": generated, "networkx": networkx, "pandas": package("pandas", 120), "numpy": package("numpy", 1000)}


def main():
    for name in CHOSEN:
        global RANDOM
        RANDOM = random.Random(name)
        with tempfile.TemporaryDirectory() as folder:
            folder = f"{folder}/{name}"
            os.mkdir(folder)
            found = PARTS[name](folder)
        if found is None:
            print(f"{name}: skipped, `pip install {name}` first")
            continue
        ratios = sorted(one.predicted / one.peak for one in found)
        median = ratios[len(ratios) // 2]
        low = sum(ratio < 0.98 for ratio in ratios)
        peaks = [one.peak / 1e6 for one in found]
        print(f"{name}: {len(ratios)} sessions of {min(peaks):.0f} to {max(peaks):.0f} MB, by {', '.join(sorted({one.method for one in found}))}")
        print(f"  predicted ÷ peak: {ratios[0]:.2f} at least, {median:.2f} in the median, {ratios[-1]:.2f} at most")
        means = (sum(one.terms[number] for one in found) / len(found) for number in range(len(Session.PARTS)))
        print(f"  of the peak in the mean: {', '.join(f'{part} {mean:+.1f} %' for part, mean in zip(Session.PARTS, means))}")
        print(f"  {'met' if not low else 'MISSED'}: {low} more than 2 % too low; {'met' if median <= 1.25 else 'MISSED'}: the median within 25 % above", flush=True)


if __name__ == "__main__":
    words, KEPT = sys.argv[1:], None
    if "--keep" in words:
        at = words.index("--keep")
        KEPT = os.path.abspath(words[at + 1])
        del words[at : at + 2]
    SHARD = os.path.abspath(words.pop(0) if words and words[0] not in PARTS else "target/release/shard")
    CHOSEN = words or list(PARTS)
    main()
