#!/usr/bin/env python3
"""Plans problems with known optima and checks every plan apart from the planner. Standard library only.

    instances.py SHARD SHARED

SHARED holds instances/FAMILY/instances.jsonl, tools/costs.py and tools/check_plan.py. Of every family that `shard plan` can
express, a fixed sample is planned at `--effort quick`. A plan that the checker finds fault with, that is better than a proven
optimum, or that is called proven and is not optimal, is a failure. How many are optimal is printed and gates nothing.
"""
import json
import os
import subprocess
import sys
import tempfile

SAMPLE = 8


def plan(shard, costs, path, name, folder):
    told = subprocess.run([sys.executable, costs, path, name, folder], capture_output=True, text=True, check=True).stdout.split()
    args = [shard, "plan", "--config", f"{folder}/shard.toml", "--costs", f"{folder}/costs.csv", "--effort", "quick"]
    done = subprocess.run(args + ["--out", f"{folder}/out"] + told, capture_output=True, text=True)
    return done, " ".join(args[1:] + told)


def main():
    shard, shared = sys.argv[1:3]
    costs, check = f"{shared}/tools/costs.py", f"{shared}/tools/check_plan.py"
    failed = passed = 0
    for family in sorted(os.listdir(f"{shared}/instances")):
        path = f"{shared}/instances/{family}/instances.jsonl"
        if not os.path.exists(path):
            continue
        with open(path, encoding="utf-8") as f:
            instances = [json.loads(line) for line in f]
        usable = [i for i in instances if len(i["items"][0]) <= 3 and i["n"] <= 5000]
        step = max(1, len(usable) // SAMPLE)
        optimal = proven = total = 0
        for i in usable[::step][:SAMPLE]:
            with tempfile.TemporaryDirectory() as folder:
                done, command = plan(shard, costs, path, i["name"], folder)
                wrong = []
                if done.returncode:
                    wrong.append(done.stderr.strip())
                else:
                    checked = subprocess.run([sys.executable, check, f"{folder}/out"], capture_output=True, text=True)
                    if checked.returncode:
                        wrong.append(checked.stdout.strip())
                    with open(f"{folder}/out/plan.json", encoding="utf-8") as f:
                        quality = json.load(f)["quality"]
                    value = quality["makespan_ms"] if i["kind"] == "pcmax" else quality["shards"]
                    if value < i["lower"]:
                        wrong.append(f"{value} is better than the proven {i['lower']}")
                    if i["optimum"] is not None and quality["proven"] and value != i["optimum"]:
                        wrong.append(f"{value} is called proven, the optimum is {i['optimum']}")
                    total += 1
                    optimal += value == i["optimum"]
                    proven += quality["proven"]
                failed += bool(wrong)
                passed += not wrong
                for line in wrong:
                    print(f"{family} {i['name']}: {line}\n  {command}")
        print(f"{family:28} {total:3} planned, {optimal:3} optimal, {proven:3} proven")
    print(f"{passed} plans in order, {failed} not")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
