#!/usr/bin/env python3
"""What other splitters make of the same history: the longest job and the largest one, priced by a run that none of them saw.

    python3 -m venv target/compare && target/compare/bin/pip install pytest pytest-split pytest-shard pytest-test-groups pandas numpy networkx hypothesis
    target/compare/bin/python benches/compare.py [SHARD] [--keep FOLDER] [--jobs 8] [--subsets 10] [--runs 3] [PART…]

SHARD is target/release/shard unless it is named. Parts, all of them by default:

    application   96 generated files as applications have them: each keeps 2 to 80 MB that nobody gives back, and every eighth needs 100 to 350 MB more
                  while it runs
    pandas        120 files of pandas' own tests, which keep little; a few need much for a moment
    networkx      all of networkx' tests, which need little

The files run four times, each time in 16 other random shards that `shard run` measures. The first run is the history that all get, each in its own format;
the medians of the others are the truth that prices their jobs. Figures are means over random subsets of 80 % of the files, the same every time. Every tool runs for real, on a project with the same names whose tests do nothing, so that all split the
same files. Tools that are not there are left out, and said so: Jest in target/js (`npm install --prefix target/js jest@30`), cargo-nextest and Ruby's
knapsack on the path (`gem install knapsack`, or its `lib` in $KNAPSACK).

A job's time is the sum of its files. Its memory is that of one process that runs them in the order that the tool gives (docs/model.md): what a session holds
before any test, what is shared by all files, what each imports, and the highest of what was retained so far and the transient of the file that runs.
Figures are shares, so that they do not depend on the machine's speed. With --keep FOLDER, sessions that FOLDER has are not run again. Linux.
"""
import json
import os
import random
import re
import shutil
import statistics
import subprocess
import sys
import tempfile

import memory

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


class Run:
    """What one run of all files measured: seconds and bytes for each file."""

    def __init__(self, tests):
        self.ms, self.imports, self.retained, self.transient, firsts, floors = {}, {}, {}, {}, [], []
        folder = tests.folder
        for name in sorted(os.listdir(folder)):
            if name.startswith(f"learn-{tests.runs}-"):
                path = next(iter(sorted(os.listdir(f"{folder}/{name}/outcomes"))))
                with open(f"{folder}/{name}/outcomes/{path}") as file:
                    self.read([json.loads(line) for line in file], firsts, floors)
        self.floor = max(floors)
        # Whoever is collected first pays for what all of them import.
        self.shared = min(self.imports[first] for first in firsts)
        for first in firsts:
            self.imports[first] -= self.shared

    def read(self, events, firsts, floors):
        floors += [event["bytes"] for event in events if event["event"] == "floor"]
        imports = [event for event in events if event["event"] == "import"]
        firsts += [event["id"] for event in imports[:1]]
        for event in imports:
            self.imports[event["id"]] = event["bytes"]
        for one in events:
            if one["event"] == "suite" and one["before_bytes"] is not None:
                name, before, shared = one["id"], one["before_bytes"], one.get("shared_bytes", 0)
                kept = 0 if one["last"] or one["after_bytes"] is None else one["after_bytes"] - before - shared
                self.ms[name] = self.ms.get(name, 0) + one["ms"]
                self.retained[name] = kept
                self.transient[name] = max(0, one["peak_bytes"] - before - shared - max(0, kept))

    @staticmethod
    def middle(runs):
        """What lies in the middle of several runs, for each file that all of them measured."""
        one = runs[0]
        for name in ("ms", "imports", "retained", "transient"):
            columns = [getattr(run, name) for run in runs]
            both = set.intersection(*(set(column) for column in columns))
            setattr(one, name, {file: statistics.median_low(column[file] for column in columns) for file in both})
        one.floor = max(run.floor for run in runs)
        one.shared = statistics.median_low(run.shared for run in runs)
        return one

    def peak(self, files):
        level = highest = 0
        for name in files:
            level += self.retained.get(name, 0)
            highest = max(highest, level + self.transient.get(name, 0))
        return self.floor + self.shared + sum(self.imports.get(name, 0) for name in files) + highest


class Tools:
    """The tools, each with a project of its own in which the same names mean nothing but themselves. `files` are those that exist, `was` is the history."""

    def __init__(self, folder, files, was, jobs):
        self.folder, self.files, self.was, self.jobs = folder, sorted(files), was, jobs

    def words(self, *words, cwd=None, **env):
        done = subprocess.run(words, cwd=cwd or self.folder, env={**os.environ, **env}, capture_output=True, text=True)
        return done.stdout

    def project(self, name, path, text):
        """A project with a file for each; their paths by what `path` makes of them."""
        folder = f"{self.folder}/{name}"
        shutil.rmtree(folder, ignore_errors=True)
        named = {}
        for file in self.files:
            named[path(file)] = file
            os.makedirs(os.path.dirname(f"{folder}/{path(file)}") or folder, exist_ok=True)
            with open(f"{folder}/{path(file)}", "w") as out:
                out.write(text)
        assert len(named) == len(self.files)
        return folder, named

    def pytest(self, plugin, *args):
        """One test a file, so that what splits tests splits files."""
        if subprocess.run([sys.executable, "-c", f"import {plugin}"], capture_output=True).returncode:
            return None
        folder, named = self.project(plugin, lambda file: file, "def test_all(): pass\n")
        with open(f"{folder}/pytest.ini", "w") as file:
            file.write("[pytest]\naddopts = -p no:cacheprovider --import-mode=importlib\n")
        with open(f"{folder}/.test_durations", "w") as file:
            json.dump({f"{name}::test_all": self.was.ms[name] / 1000 for name in self.files}, file)
        jobs = []
        for number in range(self.jobs):
            words = [word.format(job=number, number=number + 1, jobs=self.jobs) for word in args]
            printed = self.words(sys.executable, "-m", "pytest", "--collect-only", "-q", *words, cwd=folder)
            jobs.append([named[line.split("::")[0]] for line in printed.splitlines() if "::test_all" in line])
        return jobs

    def jest(self):
        if not os.path.exists(f"{ROOT}/target/js/node_modules/jest/bin/jest.js"):
            return None
        folder, named = self.project("jest", lambda file: file.replace(".py", ".test.js"), "test('x', () => {})\n")
        with open(f"{folder}/package.json", "w") as file:
            file.write("{}")
        jobs = []
        for number in range(self.jobs):
            shard = f"--shard={number + 1}/{self.jobs}"
            printed = self.words("node", f"{ROOT}/target/js/node_modules/jest/bin/jest.js", "--listTests", shard, cwd=folder)
            jobs.append([named[os.path.relpath(line, os.path.realpath(folder))] for line in printed.split()])
        return jobs

    def nextest(self, kind):
        if not shutil.which("cargo-nextest"):
            return None
        folder = f"{self.folder}/nextest"
        os.makedirs(f"{folder}/src", exist_ok=True)
        named = {"f_" + re.sub(r"\W", "_", file): file for file in self.files}
        assert len(named) == len(self.files)
        with open(f"{folder}/Cargo.toml", "w") as file:
            file.write('[package]\nname = "names"\nversion = "0.0.0"\nedition = "2021"\n[workspace]\n')
        with open(f"{folder}/src/lib.rs", "w") as file:
            file.writelines(f"#[test] fn {name}() {{}}\n" for name in named)
        jobs = []
        for number in range(self.jobs):
            words = ["nextest", "list", "--message-format", "json", "--partition", f"{kind}:{number + 1}/{self.jobs}"]
            listed = json.loads(self.words("cargo", *words, cwd=folder))
            cases = listed["rust-suites"]["names"]["testcases"]
            jobs.append([named[name] for name, case in cases.items() if case["filter-match"]["status"] == "matches"])
        return jobs

    def knapsack(self):
        """The allocator that `knapsack rspec` asks."""
        lib = ["-I", os.environ["KNAPSACK"]] if "KNAPSACK" in os.environ else []
        if not shutil.which("ruby") or subprocess.run(["ruby", *lib, "-rknapsack", "-e", ""], capture_output=True).returncode:
            return None
        folder, named = self.project("knapsack", lambda file: "spec/" + file.replace(".py", "_spec.rb"), "")
        with open(f"{folder}/report.json", "w") as file:
            json.dump({name: self.was.ms[file] / 1000 for name, file in named.items()}, file)
        script = "puts Knapsack::AllocatorBuilder.new(Knapsack::Adapters::RSpecAdapter).allocator.node_tests"
        env = {"KNAPSACK_REPORT_PATH": "report.json", "KNAPSACK_TEST_FILE_PATTERN": "spec/**/*_spec.rb", "CI_NODE_TOTAL": str(self.jobs)}
        jobs = []
        for number in range(self.jobs):
            printed = self.words("ruby", *lib, "-rknapsack", "-e", script, cwd=folder, CI_NODE_INDEX=str(number), **env)
            jobs.append([named[line] for line in printed.splitlines() if line in named])
        return jobs

    def shard(self, tests, *args):
        tests.plan(self.files, "compared", "--shards", str(self.jobs), *args)
        with open(f"{tests.folder}/compared/plan.json") as file:
            plan = json.load(file)
        return [[suite["id"] for session in shard["sessions"] for suite in session["suites"]] for shard in plan["shards"]]


def least(tests, tools):
    """The smallest budget in MB for which there is a plan of so many jobs, by asking for too small ones."""
    with open(f"{tests.folder}/list.txt", "w") as file:
        file.writelines(f"{name}\n" for name in tools.files)
    low, high = 1, 1 << 14
    while low < high:
        middle = (low + high) // 2
        words = ["plan", "list.txt", "--dry-run", "--strict", "--effort", "quick", "--shards", str(tools.jobs), "--budget", f"{middle}MB"]
        low, high = (low, middle) if tests.shard(*words).returncode == 0 else (middle + 1, high)
    return low


def splits(tests, tools, budget):
    """What each tool makes of the files: jobs, or `None` where it is not there."""
    split = ["--splits", "{jobs}", "--group", "{number}", "--splitting-algorithm"]
    return {
        "shard, with the budget": tools.shard(tests, "--budget", f"{budget:.0f}MB"),
        "shard, times alone": tools.shard(tests, "--budget", "none"),
        "pytest-split least_duration": tools.pytest("pytest_split", *split, "least_duration"),
        "pytest-split duration_based_chunks": tools.pytest("pytest_split", *split, "duration_based_chunks"),
        "knapsack": tools.knapsack(),
        "pytest-test-groups": tools.pytest("pytest_test_groups", "--test-group-count", "{jobs}", "--test-group", "{number}"),
        "pytest-shard": tools.pytest("pytest_shard", "--num-shards", "{jobs}", "--shard-id", "{job}"),
        "jest --shard": tools.jest(),
        "nextest --partition slice": tools.nextest("slice"),
        "nextest --partition hash": tools.nextest("hash"),
    }


def price(name, jobs, truth, budget, files):
    """Longest job ÷ what none can beat, the largest in MB and as a share of the budget, and how many jobs exceed that."""
    ran = sorted(file for job in jobs for file in job)
    assert ran == sorted(files), f"{name}: {len(ran)} of {len(files)} files"
    times = [sum(truth.ms[file] for file in job) for job in jobs]
    peaks = [truth.peak(job) / 1e6 for job in jobs]
    best = max(sum(times) / len(times), max(truth.ms[file] for file in files))
    return max(times) / best, max(peaks), max(peaks) / budget, sum(peak > budget for peak in peaks)


def application(folder):
    """Sizes and times as they are spread in real suites: many small, a few large."""
    files = []
    for number in range(96):
        keep = min(80, max(2, memory.RANDOM.lognormvariate(2.7, 0.8)))
        moment = memory.RANDOM.uniform(100, 350) if number % 8 == 5 else 0
        seconds = min(6, memory.RANDOM.lognormvariate(-0.3, 0.9))
        name = f"tests/{'abcdefgh'[number % 8]}/test_{number:02}.py"
        os.makedirs(os.path.dirname(f"{folder}/{name}"), exist_ok=True)
        with open(f"{folder}/{name}", "w") as file:
            file.write("import time\nKEPT = []\ndef hold(mb): return bytes([1]) * int(mb * 1_000_000)\n")
            file.write(f"def test_all():\n    KEPT.append(hold({keep:.1f}))\n    more = hold({moment:.0f})\n    time.sleep({seconds:.2f})\n")
        files.append(name)
    return files


def package(name):
    def found(folder):
        files = memory.installed(folder, name)
        # Some need more than their package.
        files = files and [file for file in files if not re.search("/arrow/|/io/|/f2py/|/distutils/", file)]
        return files and memory.RANDOM.sample(files, min(120, len(files))) if name == "pandas" else files

    return found


PARTS = {"application": application, "pandas": package("pandas"), "networkx": package("networkx")}


def part(name, folder, jobs, subsets, runs):
    memory.RANDOM = random.Random(name)
    files = PARTS[name](folder)
    if files is None:
        return print(f"{name}: skipped, `pip install {name}` first")
    tests = memory.Tests(folder, files)
    tests.learn(16)
    was = Run(tests)
    history = f"{folder}/history.json"
    shutil.copyfile(f"{folder}/shard-history.json", history)
    later = []
    for _ in range(runs):
        tests.learn(16)
        later.append(Run(tests))
    truth = Run.middle(later)
    shutil.copyfile(history, f"{folder}/shard-history.json")
    files = [file for file in tests.files if file in was.ms and file in truth.ms]
    found = {}
    for number in range(subsets):
        some = random.Random(number).sample(files, len(files) * 8 // 10)
        tools = Tools(folder, some, was, jobs)
        budget = least(tests, tools) * 1.1
        for name_of, made in splits(tests, tools, budget).items():
            found.setdefault(name_of, []).append(made and price(name_of, made, truth, budget, some))
    print(f"\n{name}: {len(files)} files, {truth.peak(sorted(files)) / 1e6:.0f} MB in one process; {jobs} jobs, a budget a tenth above the least that has a plan")
    print(f"{'means of ' + str(subsets) + ' subsets of 80 %':<34} {'longest ÷ best':>14} {'largest, MB':>12} {'÷ budget':>9} {'jobs over':>10}")
    for name_of, figures in found.items():
        if None in figures:
            print(f"{name_of:<34} left out: it is not installed")
            continue
        longest, largest, share, over = (sum(column) / len(figures) for column in zip(*figures))
        print(f"{name_of:<34} {longest:>14.3f} {largest:>12.0f} {share:>9.2f} {over:>10.1f}", flush=True)


def main():
    words, asked = sys.argv[1:], {"--keep": None, "--jobs": 8, "--subsets": 10, "--runs": 3}
    for flag in asked:
        if flag in words:
            at = words.index(flag)
            asked[flag] = words[at + 1]
            del words[at : at + 2]
    memory.KEPT = asked["--keep"] and os.path.abspath(asked["--keep"])
    memory.SHARD = os.path.abspath(words.pop(0) if words and words[0] not in PARTS else "target/release/shard")
    for name in words or PARTS:
        with tempfile.TemporaryDirectory() as top:
            os.mkdir(f"{top}/{name}")
            part(name, f"{top}/{name}", int(asked["--jobs"]), int(asked["--subsets"]), int(asked["--runs"]))


if __name__ == "__main__":
    main()
