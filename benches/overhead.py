#!/usr/bin/env python3
"""What `shard run` adds to a session of pytest: wall time and CPU time, beside the same command alone.

    python3 benches/overhead.py [SHARD] [ROUNDS] [PACKAGE…]     default: target/release/shard, 9 rounds, no package

Two projects of its own: 200 files of four tests that take 20 ms a file, and 200 that take 4 ms. A PACKAGE that is installed with its tests
(`pip install networkx`, then `networkx.algorithms.tests`) is a third. Both ways alternate, and which one is first alternates too; figures are medians
over the rounds, and the added share is the median of the rounds' own shares, so that a machine that is busy for a while disturbs both alike. CPU
time is that of all processes, ours too. Needs pytest 8.2. Nothing here is a test: times depend on the machine.
"""
import importlib.util
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

GOAL = 2.0
FILES = 200
TESTS = 4
PYTEST = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]

TEST = """import time

{tests}
"""
ONE = """def test_{n}():
    end = time.perf_counter() + {seconds}
    while time.perf_counter() < end:
        pass
"""


def make_project(folder, ms):
    """Test files that are busy for so many milliseconds each."""
    ids = []
    (folder / "tests").mkdir()
    for i in range(FILES):
        tests = "\n\n".join(ONE.format(n=n, seconds=ms / 1000 / TESTS) for n in range(TESTS))
        (folder / f"tests/test_{i:03}.py").write_text(TEST.format(tests=tests))
        ids.append(f"tests/test_{i:03}.py")
    return ids


def package_files(name):
    """The test files of an installed package, absolute."""
    spec = importlib.util.find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        return []
    place = pathlib.Path(next(iter(spec.submodule_search_locations)))
    return sorted(str(path) for path in place.glob("test_*.py"))


def measured(command, folder):
    """Wall and CPU seconds of a command and all that it waited for."""
    begun = time.perf_counter()
    child = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    said = child.stderr.read()
    _, status, usage = os.wait4(child.pid, 0)
    took = time.perf_counter() - begun
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode not in (0, 1):
        sys.exit(f"{' '.join(command)}: exit {child.returncode}\n{said.decode(errors='replace')}")
    return took, usage.ru_utime + usage.ru_stime


def compare(shard, folder, ids, rounds, title):
    (folder / "costs.csv").write_text("id,ms\n" + "".join(f"{id},100\n" for id in ids))
    (folder / "pytest.ini").write_text("[pytest]\n")
    (folder / "shard.toml").write_text('[tier.all]\nmatch = ["**"]\nbudget = "none"\n')
    subprocess.run([shard, "plan", "--costs", "costs.csv"], cwd=folder, check=True, stdout=subprocess.DEVNULL)
    ways = [
        [*PYTEST, f"@{folder}/shard-out/all-1.txt"],
        [shard, "run", "all-1", "--preflight", "off", "--", *PYTEST, "@{selection}"],
    ]
    for way in ways:
        measured(way, folder)
    rows = []
    for number in range(rounds):
        order = [0, 1] if number % 2 == 0 else [1, 0]
        figures = {which: measured(ways[which], folder) for which in order}
        rows.append((figures[0], figures[1]))
    print(f"\n{title}: {len(ids)} files")
    for column, name in ((0, "wall"), (1, "CPU")):
        bare = statistics.median(one[column] for one, _ in rows)
        with_shard = statistics.median(other[column] for _, other in rows)
        added = [100 * (other[column] / one[column] - 1) for one, other in rows]
        share = statistics.median(added)
        spread = statistics.quantiles(added, n=4)
        verdict = "met" if share <= GOAL else "missed"
        print(
            f"  {name:<5} alone {bare:7.3f} s   under shard run {with_shard:7.3f} s   "
            f"{share:+5.1f} % (quartiles {spread[0]:+.1f} to {spread[2]:+.1f}), "
            f"{1e6 * (with_shard - bare) / len(ids):+6.0f} µs a file   goal {GOAL:.0f} %: {verdict}"
        )


def main():
    shard = os.path.abspath(sys.argv[1] if len(sys.argv) > 1 else "target/release/shard")
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 9
    print(f"medians of {rounds} rounds; {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}; Python {sys.version.split()[0]}")
    for ms in (20, 4):
        with tempfile.TemporaryDirectory() as folder:
            folder = pathlib.Path(folder)
            compare(shard, folder, make_project(folder, ms), rounds, f"{ms} ms a file")
    for name in sys.argv[3:]:
        files = package_files(name)
        if not files:
            print(f"\n{name}: not installed with its tests")
            continue
        with tempfile.TemporaryDirectory() as folder:
            compare(shard, pathlib.Path(folder), files, rounds, name)


if __name__ == "__main__":
    main()
