#!/usr/bin/env python3
"""What `shard run` adds to a session of pytest, Jest or Vitest: CPU time and wall time, beside the same command alone.

    python3 benches/overhead.py [SHARD] [ROUNDS] [WHAT…]     default: target/release/shard, 40 rounds, pytest jest vitest

`pytest` is two projects: 200 files of four tests with 20 ms of work a file, and 200 with 4 ms; `jest` and `vitest` are 20 to 60 files of four tests with
200 and with 40 ms of work a file, in band, in workers, and with a process for each. They need pytest 8.2, and both packages in `target/js/node_modules`.
Any other word is a package that is installed with its tests (`pip install networkx`, then `networkx.algorithms.tests`).

CPU time is that of all processes, ours too, and says all that is added. Both sessions run at the same time on one core: they take turns there every
few milliseconds, so that a machine whose speed changes does so for both. Pairs of the same command differ by 1 % that way, and by 4 to 10 % on two
cores or one after the other. Two cores take half of the rounds each. For wall time both run at the same time wherever the system puts them, a third as
often; there we may delay both from another core. What `shard run` itself spends beside the session is taken from those: it looks at the session by the
clock, and sessions that share a core take twice as long as they would.

Figures are medians over the rounds, and the added share is the median of the rounds' own shares. Beside it stands the interval that has the true median
in it 19 times of 20; where the goal is inside, so many rounds cannot tell, and fewer than six never can. Nothing here is a test: times depend on the
machine, and on Linux.
"""
import concurrent.futures
import functools
import importlib.util
import itertools
import math
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

GOAL = 2.0
TESTS = 4
MODULES = pathlib.Path(__file__).resolve().parent.parent / "target/js/node_modules"
PYTEST = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]

# The same work each time, as tests do it: objects are made and dropped. A test that waits for the clock would do less where it must share a core.
WORK = """def work(times):
    for _ in range(times):
        json.loads(json.dumps({"name": "suite", "sizes": list(range(20)), "tags": {"a": 1.5, "b": None}}))
"""
TEST = """import json

{work}

{tests}
"""
ONE = """def test_{n}():
    work({times})
"""
NODE_WORK = """function work(times) {
  for (let i = 0; i < times; i++) JSON.parse(JSON.stringify({ name: "suite", sizes: [...Array(20).keys()], tags: { a: 1.5, b: null } }));
}
"""
NODE_ONE = """test("{n}", () => work({times}));
"""
TIMED = {
    "python": (sys.executable, "-c", "import json, time\n" + WORK + "t = time.perf_counter(); work(20000); print(20 / (time.perf_counter() - t))"),
    "node": ("node", "-e", NODE_WORK + "const t = performance.now(); work(20000); console.log(20000 / (performance.now() - t))"),
}
# Names, words of the command, and what the tier says of memory.
NODE = {
    "jest": [
        ("Jest in band", "jest/bin/jest.js --silent -i --runTestsByPath", "accumulates"),
        ("Jest in two workers", "jest/bin/jest.js --silent -w 2 --runTestsByPath", "accumulates"),
    ],
    "vitest": [
        ("Vitest, a process for each file", "vitest/vitest.mjs run --silent --pool=forks", "isolated"),
        ("Vitest, files share processes", "vitest/vitest.mjs run --silent --pool=forks --no-isolate", "accumulates"),
    ],
}
# Work of a file in ms, and how many there are: sessions of 5 to 10 s, for more rounds tell more than longer ones.
PYTEST_FILES = [(20, 200), (4, 200)]
NODE_FILES = {"accumulates": [(200, 30), (40, 60)], "isolated": [(200, 20), (40, 20)]}


@functools.cache
def times(which, ms):
    """How often the work must be done to take so long, where nothing else runs."""
    return round(ms * max(float(subprocess.check_output(TIMED[which], text=True)) for _ in range(3)))


def make_project(folder, often, count):
    """So many test files for pytest that do the work so often in each test."""
    ids = []
    (folder / "tests").mkdir()
    (folder / "pytest.ini").write_text("[pytest]\n")
    for i in range(count):
        tests = "\n\n".join(ONE.format(n=n, times=often) for n in range(TESTS))
        (folder / f"tests/test_{i:03}.py").write_text(TEST.format(work=WORK, tests=tests))
        ids.append(f"tests/test_{i:03}.py")
    return ids


def make_node_project(folder, kind, often, count):
    """The same for Jest or Vitest."""
    ids = []
    (folder / "t").mkdir()
    (folder / "package.json").write_text('{"jest": {"transform": {}, "cacheDirectory": "<rootDir>/cache"}}\n')
    (folder / "node_modules").symlink_to(MODULES)
    begin = "import { test } from 'vitest';\n" if kind == "vitest" else ""
    for i in range(count):
        ids.append(f"t/{i:03}.test." + ("mjs" if kind == "vitest" else "js"))
        (folder / ids[-1]).write_text(begin + NODE_WORK + "".join(NODE_ONE.format(n=n, times=often) for n in range(TESTS)))
    return ids


def package_files(name):
    """The test files of an installed package, absolute."""
    spec = importlib.util.find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        return []
    place = pathlib.Path(next(iter(spec.submodule_search_locations)))
    return sorted(str(path) for path in place.glob("test_*.py"))


def own_seconds(pid):
    """CPU seconds of a process that has ended and is not waited for, without those of its children."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    # Two counts of whole ticks, each rounded down: half a tick is missing from each.
    return (int(fields[11]) + int(fields[12]) + 1) / os.sysconf("SC_CLK_TCK")


def measured(ways, folder):
    """CPU seconds with all that was waited for, the command's own, and wall seconds, of commands that run at the same time."""
    running, figures = {}, {}
    for which, command in ways.items():
        said = tempfile.TemporaryFile()
        begun = time.perf_counter()
        child = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=said)
        running[child.pid] = which, child, said, begun
    while running:
        ended = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOWAIT).si_pid
        which, child, said, begun = running.pop(ended)
        wall, own = time.perf_counter() - begun, own_seconds(ended)
        _, status, usage = os.wait4(ended, 0)
        figures[which] = usage.ru_utime + usage.ru_stime, own, wall
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode not in (0, 1):
            said.seek(0)
            sys.exit(f"{' '.join(child.args)}: exit {child.returncode}\n{said.read().decode(errors='replace')}")
    return figures


def interval(values):
    """Where the median of all that there could be lies, 95 times of 100: by the order of the values alone."""
    values = sorted(values)
    tails = itertools.accumulate(math.comb(len(values), k) / 2 ** len(values) for k in range(len(values) // 2))
    outside = sum(1 for tail in tails if tail <= 0.025)
    return values[max(outside - 1, 0)], values[-max(outside, 1)]


def pairs(core, rounds, folder, ways):
    """Figures alone and with shard, of so many rounds; on one core, or `None`: on any."""
    if core is not None:
        os.sched_setaffinity(0, {core})
    rows = []
    # The first time is for caches. Who begins alternates: the one that ends later has the machine for itself for a moment.
    for number in range(rounds + 1):
        order = list(ways) if number % 2 else list(reversed(ways))
        figures = measured({which: ways[which] for which in order}, folder)
        rows.append((figures["alone"], figures["ours"]))
    return rows[1:]


def prepare(shard, make, folder, command, memory):
    """A project, planned as one job, and the two commands."""
    folder.mkdir()
    ids = make(folder)
    (folder / "costs.csv").write_text("id,ms\n" + "".join(f"{id},100\n" for id in ids))
    (folder / "shard.toml").write_text(f'[tier.all]\nmatch = ["**"]\nbudget = "none"\nmemory = "{memory}"\n')
    subprocess.run([shard, "plan", "--costs", "costs.csv"], cwd=folder, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    alone, ours = (["@shard-out/all-1.txt"], "@{selection}") if command is PYTEST else (ids, "{suites}")
    ways = {
        "alone": [*command, *alone],
        "ours": [shard, "run", "all-1", "--preflight", "off", "--", *command, ours],
    }
    return ids, ways


def compare(shard, make, rounds, title, command=PYTEST, memory="accumulates"):
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        cores = sorted(os.sched_getaffinity(0))[:2]
        places = [(folder / str(core), *prepare(shard, make, folder / str(core), command, memory)) for core in cores]
        with concurrent.futures.ProcessPoolExecutor(len(cores)) as pool:
            each = -(-rounds // len(cores))
            waiting = [pool.submit(pairs, core, each, place, ways) for core, (place, _, ways) in zip(cores, places)]
            shared = [row for rows in waiting for row in rows.result()]
        place, ids, ways = places[0]
        free = pairs(None, -(-rounds // 3), place, ways)
    beside = statistics.median(ours[1] for _, ours in free)
    cpu = [(alone[0], ours[0] - ours[1] + beside) for alone, ours in shared]
    wall = [(alone[2], ours[2]) for alone, ours in free]
    print(f"\n{title}: {len(ids)} files, {1e3 * beside:.0f} ms of CPU by `shard run` itself")
    for name, rows in (("CPU", cpu), ("wall", wall)):
        bare = statistics.median(alone for alone, _ in rows)
        with_shard = statistics.median(ours for _, ours in rows)
        added = [100 * (ours / alone - 1) for alone, ours in rows]
        share = statistics.median(added)
        least, most = interval(added)
        enough = len(rows) >= 6
        verdict = "met" if enough and most <= GOAL else "missed" if enough and least > GOAL else "not decided"
        print(
            f"  {name:<5} alone {bare:7.3f} s   under shard run {with_shard:7.3f} s   "
            f"{share:+6.2f} % ({least:+.1f} to {most:+.1f}), "
            f"{1e6 * (with_shard - bare) / len(ids):+6.0f} µs a file   goal {GOAL:.0f} %: {verdict}",
            flush=True,
        )


def main():
    shard = os.path.abspath(sys.argv[1] if len(sys.argv) > 1 else "target/release/shard")
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 40
    print(f"medians of {rounds} rounds; {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}; Python {sys.version.split()[0]}")
    for name in sys.argv[3:] or ["pytest", *NODE]:
        if name == "pytest":
            for ms, count in PYTEST_FILES:
                often = times("python", ms / TESTS)
                compare(shard, functools.partial(make_project, often=often, count=count), rounds, f"pytest, {ms} ms a file")
        elif name in NODE:
            if not (MODULES / name).exists():
                print(f"\n{name}: not in {MODULES}")
                continue
            for title, words, memory in NODE[name]:
                command = ["node", *f"node_modules/{words}".split()]
                for ms, count in NODE_FILES[memory]:
                    often = times("node", ms / TESTS)
                    make = functools.partial(make_node_project, kind=name, often=often, count=count)
                    compare(shard, make, rounds, f"{title}, {ms} ms a file", command, memory)
        elif files := package_files(name):

            def bare(folder):
                (folder / "pytest.ini").write_text("[pytest]\n")
                return files

            compare(shard, bare, rounds, name)
        else:
            print(f"\n{name}: not installed with its tests")


if __name__ == "__main__":
    main()
