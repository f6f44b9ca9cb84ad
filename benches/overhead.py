#!/usr/bin/env python3
"""What `shard run` adds to a session of pytest, Jest or Vitest: CPU time and wall time, beside the same command alone.

    python3 benches/overhead.py [SHARD] [ROUNDS] [WHAT…]     default: target/release/shard, 31 rounds, pytest jest vitest

`pytest` is two projects: 200 files of four tests that take 20 ms a file, and 200 that take 4 ms; `jest` and `vitest` are 60 files of four tests that
take 40 ms a file, in band, in workers, and 20 with a process for each file. They need pytest 8.2, and both packages in `target/js/node_modules`.
Any other word is a package that is installed with its tests (`pip install networkx`, then `networkx.algorithms.tests`).

In each round both run at the same time, so that a machine whose speed changes within seconds changes it for both; one after the other they differ by
5 to 10 % by themselves. Figures are medians over the rounds, and the added share is the median of the rounds' own shares. Beside it stands the interval
that has the true median in it 19 times of 20; where the goal is inside, so many rounds cannot tell, and fewer than six never can. CPU time is that of all
processes, ours too, and says all that is added. Wall time says less: what we do beside the session on another core delays both. Nothing here is a
test: times depend on the machine.
"""
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

TEST = """import time

{tests}
"""
ONE = """def test_{n}():
    end = time.perf_counter() + {seconds}
    while time.perf_counter() < end:
        pass
"""

NODE_ONE = """test("{n}", () => {{
  const end = performance.now() + {ms};
  while (performance.now() < end) {{}}
}});
"""
# Names, words of the command, what the tier says of memory, and how many files: more rounds tell more than longer ones.
NODE = {
    "jest": [
        ("Jest in band", "jest/bin/jest.js --silent -i --runTestsByPath", "accumulates", 60),
        ("Jest in two workers", "jest/bin/jest.js --silent -w 2 --runTestsByPath", "accumulates", 60),
    ],
    "vitest": [
        ("Vitest, a process for each file", "vitest/vitest.mjs run --silent --pool=forks", "isolated", 20),
        ("Vitest, files share processes", "vitest/vitest.mjs run --silent --pool=forks --no-isolate", "accumulates", 60),
    ],
}


def make_project(folder, ms):
    """Test files for pytest that are busy for so many milliseconds each."""
    ids = []
    (folder / "tests").mkdir()
    (folder / "pytest.ini").write_text("[pytest]\n")
    for i in range(200):
        tests = "\n\n".join(ONE.format(n=n, seconds=ms / 1000 / TESTS) for n in range(TESTS))
        (folder / f"tests/test_{i:03}.py").write_text(TEST.format(tests=tests))
        ids.append(f"tests/test_{i:03}.py")
    return ids


def make_node_project(folder, kind, ms):
    """The same for Jest or Vitest."""
    ids = []
    (folder / "t").mkdir()
    (folder / "package.json").write_text('{"jest": {"transform": {}, "cacheDirectory": "<rootDir>/cache"}}\n')
    (folder / "node_modules").symlink_to(MODULES)
    begin = "import { test } from 'vitest';\n" if kind == "vitest" else ""
    for i in range(60):
        ids.append(f"t/{i:03}.test." + ("mjs" if kind == "vitest" else "js"))
        (folder / ids[-1]).write_text(begin + "".join(NODE_ONE.format(n=n, ms=ms / TESTS) for n in range(TESTS)))
    return ids


def package_files(name):
    """The test files of an installed package, absolute."""
    spec = importlib.util.find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        return []
    place = pathlib.Path(next(iter(spec.submodule_search_locations)))
    return sorted(str(path) for path in place.glob("test_*.py"))


def measured(ways, folder):
    """CPU and wall seconds of commands that run at the same time, each with all that it waited for."""
    running, figures = {}, {}
    for which, command in ways.items():
        said = tempfile.TemporaryFile()
        begun = time.perf_counter()
        child = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=said)
        running[child.pid] = which, child, said, begun
    while running:
        pid, status, usage = os.wait3(0)
        which, child, said, begun = running.pop(pid)
        figures[which] = usage.ru_utime + usage.ru_stime, time.perf_counter() - begun
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


def compare(shard, folder, ids, rounds, title, command=PYTEST, memory="accumulates"):
    (folder / "costs.csv").write_text("id,ms\n" + "".join(f"{id},100\n" for id in ids))
    (folder / "shard.toml").write_text(f'[tier.all]\nmatch = ["**"]\nbudget = "none"\nmemory = "{memory}"\n')
    subprocess.run([shard, "plan", "--costs", "costs.csv"], cwd=folder, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    alone, ours = (["@shard-out/all-1.txt"], "@{selection}") if command is PYTEST else (ids, "{suites}")
    ways = {
        "alone": [*command, *alone],
        "ours": [shard, "run", "all-1", "--preflight", "off", "--", *command, ours],
    }
    # The first time is for caches. Who begins alternates: the one that ends later has the machine for itself for a moment.
    rows = []
    for number in range(rounds + 1):
        order = list(ways) if number % 2 else list(reversed(ways))
        figures = measured({which: ways[which] for which in order}, folder)
        rows.append((figures["alone"], figures["ours"]))
    rows = rows[1:]
    print(f"\n{title}: {len(ids)} files")
    for column, name in ((0, "CPU"), (1, "wall")):
        bare = statistics.median(one[column] for one, _ in rows)
        with_shard = statistics.median(other[column] for _, other in rows)
        added = [100 * (other[column] / one[column] - 1) for one, other in rows]
        share = statistics.median(added)
        least, most = interval(added)
        enough = len(rows) >= 6
        verdict = "met" if enough and most <= GOAL else "missed" if enough and least > GOAL else "not decided"
        print(
            f"  {name:<5} alone {bare:7.3f} s   under shard run {with_shard:7.3f} s   "
            f"{share:+6.2f} % ({least:+.1f} to {most:+.1f}), "
            f"{1e6 * (with_shard - bare) / len(ids):+6.0f} µs a file   goal {GOAL:.0f} %: {verdict}"
        )


def main():
    shard = os.path.abspath(sys.argv[1] if len(sys.argv) > 1 else "target/release/shard")
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 31
    print(f"medians of {rounds} rounds, both at once; {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}; Python {sys.version.split()[0]}")
    for name in sys.argv[3:] or ["pytest", *NODE]:
        with tempfile.TemporaryDirectory() as folder:
            folder = pathlib.Path(folder)
            if name == "pytest":
                for ms in (20, 4):
                    place = folder / str(ms)
                    place.mkdir()
                    compare(shard, place, make_project(place, ms), rounds, f"{ms} ms a file")
            elif name in NODE:
                if not (MODULES / name).exists():
                    print(f"\n{name}: not in {MODULES}")
                    continue
                ids = make_node_project(folder, name, 40)
                for title, words, memory, count in NODE[name]:
                    command = ["node", *f"node_modules/{words}".split()]
                    compare(shard, folder, ids[:count], rounds, title, command, memory)
            elif files := package_files(name):
                (folder / "pytest.ini").write_text("[pytest]\n")
                compare(shard, folder, files, rounds, name)
            else:
                print(f"\n{name}: not installed with its tests")


if __name__ == "__main__":
    main()
