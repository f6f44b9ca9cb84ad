"""Problems of the benchmark, solved by CP-SAT: one JSON object a line in, one answer a line out.

    python3 cpsat.py < problems.jsonl       needs `pip install ortools`

A problem: `seconds`, `shards` (how many there may be), `target` (milliseconds of a shard where the fewest shards are
wanted; null where the shortest longest is), `room` (bytes for suites in a shard; null without a budget) and `items`,
each `[ms, retained, transient]`. An answer: `value`, null where no plan was found, and `bound`. The first line out is
the version. One worker, with the plan of a simple rule as a hint.
"""
import json
import math
import sys

try:
    import ortools
    from ortools.sat.python import cp_model
except ImportError:
    sys.exit("the Python package `ortools` is not installed")


def simple_plan(items, shards, target, room):
    """Longest first: into the shortest shard with room, or the first one where the fewest are wanted."""
    ms, retained, transient = ([0] * shards for _ in range(3))
    homes = [0] * len(items)

    def fits(shard, item):
        bytes = retained[shard] + item[1] + max(transient[shard], item[2])
        return (room is None or bytes <= room) and (target is None or ms[shard] + item[0] <= target)

    for number in sorted(range(len(items)), key=lambda number: -items[number][0]):
        item = items[number]
        near = range(shards) if target is not None else sorted(range(shards), key=lambda shard: ms[shard])
        shard = next((shard for shard in near if fits(shard, item)), near[0])
        homes[number] = shard
        ms[shard] += item[0]
        retained[shard] += item[1]
        transient[shard] = max(transient[shard], item[2])
    return homes


def solve(seconds, shards, target, room, items):
    # Memory comes in round numbers: small coefficients make the solver's work easier.
    unit = math.gcd(*(bytes for item in items for bytes in item[1:])) or 1
    items = [(ms, retained // unit, transient // unit) for ms, retained, transient in items]
    room = None if room is None else room // unit

    model = cp_model.CpModel()
    inside = [[model.new_bool_var("") for _ in range(shards)] for _ in items]
    used = [model.new_bool_var("") for _ in range(shards)]
    tops = [model.new_int_var(0, max(item[2] for item in items), "") for _ in range(shards)]
    longest = model.new_int_var(0, sum(item[0] for item in items), "")
    total = cp_model.LinearExpr.weighted_sum
    for row in inside:
        model.add_exactly_one(row)
    for shard in range(shards):
        members = [row[shard] for row in inside]
        time = total(members, [item[0] for item in items])
        model.add(time <= (longest if target is None else target * used[shard]))
        if room is not None:
            for member, item in zip(members, items):
                if item[2] > 0:
                    model.add(tops[shard] >= item[2]).only_enforce_if(member)
            model.add(total(members, [item[1] for item in items]) + tops[shard] <= room)
    if target is None:
        model.minimize(longest)
    else:
        for first, second in zip(used, used[1:]):
            model.add_implication(second, first)
        # A suite of no time needs a shard too.
        for row in inside:
            for member, shard in zip(row, used):
                model.add_implication(member, shard)
        model.minimize(sum(used))
    homes = simple_plan(items, shards, target, room)
    plan = [[item for item, home in zip(items, homes) if home == shard] for shard in range(shards)]
    # A hint is only taken up as a plan where it names every variable.
    for row, home in zip(inside, homes):
        for shard, member in enumerate(row):
            model.add_hint(member, shard == home)
    for shard, members in enumerate(plan):
        model.add_hint(used[shard], bool(members))
        model.add_hint(tops[shard], max((item[2] for item in members), default=0))
    model.add_hint(longest, max(sum(item[0] for item in members) for members in plan))

    solver = cp_model.CpSolver()
    solver.parameters.num_workers = 1
    solver.parameters.max_time_in_seconds = seconds
    found = solver.solve(model) in (cp_model.OPTIMAL, cp_model.FEASIBLE)
    value = round(solver.objective_value) if found else None
    return {"value": value, "bound": max(0, math.ceil(solver.best_objective_bound - 1e-6))}


def main():
    print(json.dumps({"version": ortools.__version__}), flush=True)
    for line in sys.stdin:
        print(json.dumps(solve(**json.loads(line))), flush=True)


if __name__ == "__main__":
    main()
