#!/usr/bin/env python3
"""How fast `shard plan` is and how much memory it takes, beside what people use today on the same input.

    python3 benches/speed.py [SHARD] [PART…]    default: target/release/shard, after cargo build --release; all parts:
                                                packing timed reports previous million history

Standard library only. pytest-split's own algorithms take part where the package is installed (`pip install pytest-split`);
longest-first is written out below. Every figure is the best of three runs of a whole process of ours; theirs are the
algorithm alone, with its input in memory already. Nothing here is a test: times depend on the machine.
"""
import csv
import heapq
import importlib.util
import json
import os
import random
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ElementTree

RUNS = 3
BUDGET = 3_000_000_000


# A process of its own starts ours: what a child inherits at its start counts into its peak.
MEASURE = """
import os, subprocess, sys, time
start = time.perf_counter()
child = subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL)
_, status, usage = os.wait4(child.pid, 0)
print(time.perf_counter() - start, usage.ru_maxrss / 1000, status)
"""


def shard(folder, *args, runs=RUNS):
    """Seconds (the best), and megabytes at the peak (the worst), of a whole process."""
    best, peak = None, 0
    for _ in range(runs):
        done = subprocess.run([sys.executable, "-S", "-c", MEASURE, SHARD, *args], cwd=folder, capture_output=True, text=True)
        took, memory, status = map(float, done.stdout.split())
        if status:
            sys.exit(f"shard {' '.join(args)}: {done.stderr}")
        best, peak = min(best or took, took), max(peak, memory)
    return best, peak


def timed(work, runs=RUNS):
    best = None
    for _ in range(runs):
        start = time.perf_counter()
        result = work()
        took = time.perf_counter() - start
        best = min(best or took, took)
    return best, result


def longest_first(suites, shards):
    """Longest first into the shortest shard (Graham 1969)."""
    heap = [(0, number, []) for number in range(shards)]
    for suite in sorted(suites, key=lambda suite: -suite["ms"]):
        total, number, members = heap[0]
        members.append(suite)
        heapq.heapreplace(heap, (total + suite["ms"], number, members))
    return [members for _, _, members in heap]


def pytest_split(name):
    """One of pytest-split's algorithms; None where the package is not installed."""
    if importlib.util.find_spec("pytest_split") is None:
        return None
    from pytest_split import algorithms

    class Item:
        def __init__(self, suite):
            self.nodeid, self.suite = suite["id"], suite

        def __str__(self):
            return self.nodeid

    algorithm = algorithms.Algorithms[name].value

    def run(suites, shards):
        durations = {suite["id"]: suite["ms"] / 1000 for suite in suites}
        groups = algorithm(shards, [Item(suite) for suite in suites], durations)
        return [[item.suite for item in group.selected] for group in groups]

    return run


OTHERS = {
    "longest first": longest_first,
    "pytest-split least_duration": pytest_split("least_duration"),
    "pytest-split duration_based_chunks": pytest_split("duration_based_chunks"),
}


def quality(groups, most=BUDGET):
    """The longest shard in milliseconds, and how many are above the budget."""
    longest = max(sum(suite["ms"] for suite in group) for group in groups)
    heavy = [110_000_000 + sum(suite["retained_bytes"] for suite in group) for group in groups]
    return longest, sum(bytes > most for bytes in heavy)


def make_suites(count, seed, files=True):
    r = random.Random(seed)
    name = "tests/p{:03d}/d{}/test_m{:06d}.py" if files else "tests/p{:03d}/d{}/t{:06d}"
    return [
        {
            "id": name.format(i // 1000, i // 100 % 10, i),
            "ms": max(1, int(1000 * r.lognormvariate(0.5, 1.1))),
            "retained_bytes": int(1e6 * r.lognormvariate(3.2, 0.6)),
        }
        for i in range(count)
    ]


def write_costs(path, suites):
    with open(path, "w", newline="") as file:
        writer = csv.DictWriter(file, ["id", "ms", "retained_bytes"])
        writer.writeheader()
        writer.writerows(suites)


def row(what, seconds, *rest):
    took = f"{seconds * 1000:8.1f} ms" if seconds < 1 else f"{seconds:8.2f} s "
    print(f"  {what:<44}{took}  {'  '.join(rest)}", flush=True)


def packing(folder, count, shards, theirs=True):
    suites = make_suites(count, seed=count)
    write_costs(f"{folder}/costs.csv", suites)
    # A tenth more memory than the plan needs on average.
    budget = 110_000_000 + sum(suite["retained_bytes"] for suite in suites) * 11 // (10 * shards)
    print(f"\n{count:,} suites to {shards} shards under a budget, costs as CSV")
    for effort in ["quick", "normal"]:
        args = ["plan", "--costs", "costs.csv", "--shards", str(shards), "--budget", f"{budget}B", "--effort", effort]
        took, peak = shard(folder, *args)
        with open(f"{folder}/shard-out/plan.json") as file:
            plan = json.load(file)
        longest, bound = plan["quality"]["makespan_ms"] - 48_000, plan["quality"]["makespan_bound_ms"] - 48_000
        gap = f"{100 * (longest / bound - 1):.4f} % above the bound, none over budget, {peak:.0f} MB"
        row(f"shard plan --effort {effort}, whole process", took, gap)
    for name, algorithm in OTHERS.items() if theirs else []:
        if algorithm is None:
            print(f"  {name:<44}not installed")
            continue
        took, groups = timed(lambda: algorithm(suites, shards), runs=1)
        longest, over = quality(groups, budget)
        row(name, took, f"{100 * (longest / bound - 1):.4f} % above the bound, {over} of {shards} over budget")


def write_report(path, files, tests, printed):
    """A report as pytest writes it. `printed`: with tracebacks and captured output."""
    r = random.Random(5)
    trace = "".join(f"  File &quot;src/m{i}.py&quot;, line {i}, in f{i}\n    call(value &lt; {i})\n" for i in range(20))
    log = "".join(f"2026-11-01 00:00:{i:02d} INFO module: did thing {i} &amp; went on\n" for i in range(30))
    with open(path, "w") as out:
        out.write('<?xml version="1.0" encoding="utf-8"?>\n<testsuites><testsuite name="pytest">\n')
        for file in files:
            place = file["id"][:-3].replace("/", ".")
            for test in range(tests):
                body = ""
                if printed and r.random() < 0.1:
                    body = f"<failure>{trace}</failure>" if r.random() < 0.2 else f"<system-out>{log}</system-out>"
                seconds = file["ms"] / 1000 / tests
                out.write(f'<testcase classname="{place}.TestThing" name="test_{test}[value-{r.randrange(999)}]" time="{seconds:.4f}"')
                out.write(f">{body}</testcase>\n" if body else " />\n")
        out.write("</testsuite></testsuites>\n")
    return os.path.getsize(path) / 1e6


def element_tree(path):
    """Python's streaming parser, adding up the same times by class."""
    times = {}
    for _, element in ElementTree.iterparse(path):
        if element.tag == "testcase":
            name = element.get("classname")
            times[name] = times.get(name, 0) + float(element.get("time"))
            element.clear()
    return times


def reports(folder):
    suites = make_suites(100_000, seed=1)
    with open(f"{folder}/one.txt", "w") as out:
        out.write("\n".join(suite["id"] for suite in suites[:1000]) + "\n")
    for name, files, printed in [("dense", suites, False), ("printed", suites[:40_000], True)]:
        size = write_report(f"{folder}/{name}.xml", files, 10, printed)
        what = "with tracebacks and output" if printed else "nothing but cases"
        print(f"\nJUnit XML of {len(files) * 10:,} cases, {size:.0f} MB, {what}, one core")
        args = ["plan", "one.txt", "--timings", f"{name}.xml", "--shards", "4", "--effort", "quick", "--dry-run"]
        took, peak = shard(folder, *args)
        row("shard plan, whole process", took, f"{size / took:.0f} MB/s, {peak:.0f} MB")
        took, _ = timed(lambda: element_tree(f"{folder}/{name}.xml"), runs=1)
        row("Python's ElementTree, iterparse", took, f"{size / took:.0f} MB/s")


def timed_tests(folder):
    suites = make_suites(100_000, seed=2)
    with open(f"{folder}/list.txt", "w") as out:
        out.write("\n".join(suite["id"] for suite in suites) + "\n")
    size = sum(write_report(f"{folder}/part{i:02d}.xml", suites[i::20], 10, False) for i in range(20))
    print(f"\n100,000 suites, 1,000,000 timed tests in 20 reports ({size:.0f} MB), to 256 shards")
    for budget in ["none", "20GB"]:
        args = ["plan", "list.txt", "--timings", "part*.xml", "--shards", "256", "--budget", budget]
        took, peak = shard(folder, *args)
        row(f"shard plan --budget {budget}, whole process", took, f"{peak:.0f} MB")
    for name, algorithm in OTHERS.items():
        if algorithm is not None:
            took, _ = timed(lambda: algorithm(suites, 256), runs=1)
            row(f"{name}, without reading", took)


def previous(folder):
    suites = make_suites(5_000, seed=3)
    write_costs(f"{folder}/costs.csv", suites)
    budget = 110_000_000 + sum(suite["retained_bytes"] for suite in suites) * 11 // (10 * 64)
    args = ["plan", "--costs", "costs.csv", "--shards", "64", "--budget", f"{budget}B"]
    shard(folder, *args, "--out", "first", runs=1)
    r = random.Random(4)
    for suite in suites:
        suite["ms"] = max(1, int(suite["ms"] * r.uniform(0.9, 1.1)))
    kept = [suite for suite in suites if r.random() > 0.01]
    new = [dict(suite, id=f"tests/new/test_{i}.py") for i, suite in enumerate(r.sample(suites, 50))]
    write_costs(f"{folder}/costs.csv", kept + new)
    print("\n5,000 suites in 64 shards: 1 % gone, 1 % new, every time changed by up to 10 %")
    for stability in ["0.1%", "0.5%", "2%"]:
        took, _ = shard(folder, *args, "--previous", "first/plan.json", "--stability", stability)
        with open(f"{folder}/shard-out/plan.json") as file:
            moves = json.load(file)["previous"]
        told = f"{moves['moved']} of {moves['known']:,} suites moved, a fresh plan moves {moves['moved_fresh']:,}"
        row(f"shard plan --previous, --stability {stability}", took, told)


def million(folder):
    with open(f"{folder}/million.txt", "w") as out:
        out.writelines(f"tests/p{i // 5000:03d}/test_{i:07d}.py\n" for i in range(1_000_000))
    print("\na list of 1,000,000 suites, nothing measured")
    for shards in [8, 256]:
        args = ["plan", "million.txt", "--shards", str(shards), "--budget", "none", "--effort", "quick"]
        took, peak = shard(folder, *args, runs=1)
        row(f"shard plan --shards {shards}", took, f"{peak:.0f} MB")


def write_history(path, suites, runs, jobs, memory):
    """What so many jobs of so many runs recorded: times with 5 % of noise; memory in pages with 0.5 %."""
    r = random.Random(6)
    page = lambda bytes, noise: round(bytes * r.gauss(1, noise) / 4096) * 4096
    rows = {suite["id"]: [] for suite in suites}
    for run in range(runs):
        for i, suite in enumerate(suites):
            ms = max(1, int(suite["ms"] * r.gauss(1, 0.05)))
            row = [run, f"{(i % jobs) * 0x9e3779b97f4a7c15 % (1 << 64):016x}", ms]
            if memory:
                retained = suite["retained_bytes"]
                row += [page(retained / 8, 0.01) if i % 4 == 0 else 0, page(retained, 0.005), page(retained / 2, 0.005)]
            rows[suite["id"]].append(row)
    stamps = [{"run": f"gh-{18_000_000_000 + run}", "at": 1_760_000_000 + 3600 * run, "key": "linux-x64"} for run in range(runs)]
    with open(path, "w") as out:
        json.dump({"schema": 1, "runs": stamps, "suites": rows, "tiers": {}}, out, separators=(",", ":"))


def history(folder):
    suites = make_suites(100_000, seed=7)
    with open(f"{folder}/one.txt", "w") as out:
        out.write(suites[0]["id"] + "\n")
    with open(f"{folder}/one.json", "w") as out:
        json.dump({f"{suites[0]['id']}::test": 1.5}, out)
    for memory in [False, True]:
        write_history(f"{folder}/raw.json", suites, 32, 200, memory)
        print(f"\na history of 100,000 suites x 32 runs of 200 jobs, {'times and memory' if memory else 'times'}")
        for name in ["history.json", "history.json.gz", "history.json.zst"]:
            took, peak = shard(folder, "record", "--merge", "raw.json", "-o", name, runs=1)
            size = os.path.getsize(f"{folder}/{name}") / 1e6
            row(f"shard record --merge, to {name}", took, f"{size:.1f} MB, {peak:.0f} MB at the peak")
            args = ["plan", "one.txt", "--history", name, "--dry-run", "--budget", "none"]
            took, peak = shard(folder, *args)
            row("  loaded by shard plan, whole process", took, f"{peak:.0f} MB at the peak")
            args = ["record", "one.json", "--history", name, "--run", "new", "--at", "1770000000"]
            took, peak = shard(folder, *args, runs=1)
            row("  one report recorded into it", took, f"{peak:.0f} MB at the peak")


PARTS = {
    "packing": lambda folder: [packing(folder, *size) for size in [(1_000, 16), (5_000, 64), (100_000, 256)]],
    "timed": timed_tests,
    "reports": reports,
    "previous": previous,
    "million": million,
    "history": history,
}


def main():
    print(f"best of {RUNS}; {os.cpu_count()} cores; Python {sys.version.split()[0]}")
    with tempfile.TemporaryDirectory() as folder:
        for part in sys.argv[2:] or PARTS:
            PARTS[part](folder)


if __name__ == "__main__":
    SHARD = os.path.abspath(sys.argv[1] if len(sys.argv) > 1 else "target/release/shard")
    main()
