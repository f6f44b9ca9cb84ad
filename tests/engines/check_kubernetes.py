"""Kubernetes' own schemas, and Argo's, take what `shard plan` writes for them, and refuse what is wrong."""

import json
import tempfile
from pathlib import Path

from harness import SHARED, Failed, Skip, check, run, shard, tool

# The oldest of the bundled versions that knows a limit of retries for each index, and the newest.
VERSIONS = ("1.28", "1.37")

# Numbers of shards: one, a few, GitHub's most, and more.
COUNTS = (1, 7, 256, 300)

ODD = """a'b "c" $(x) $$ `y` \\\\ ;|&<> %0A é ☃ ::set-output"""


def planned(folder, count, form, odd="", **more):
    """A plan of that many shards, of four sizes."""
    sizes = (10, 300, 900, 2500)
    rows = [f"t{n}.py,{1000 + n},{sizes[n % 4]}000000" for n in range(count)]
    (folder / "costs.csv").write_text("id,ms,retained_bytes\n" + "\n".join(rows) + "\n")
    text = {
        "image": f"ci:1{odd}", "claim": f"work{odd}", "mount": f"/work{odd.replace(':', '')}", "config-map": f"plan{odd}",
        "folder": f"/src{odd.replace(':', '')}", "namespace": f"n{odd}", "service-account": f"s{odd}", "queue": f"q{odd}",
    }  # fmt: skip
    quoted = "\n".join(f"{key} = {json.dumps(value)}" for key, value in text.items())
    (folder / "shard.toml").write_text(
        f'[[alone]]\nmatch = ["**"]\n[tier.unit]\nmatch = ["**"]\nworkers = 2\n[kubernetes]\nat-once = 50\n{quoted}\n'
        f"[cluster]\ncommand = [{json.dumps('shard' + odd)}]\n"
    )
    words = ["plan", "--costs", "costs.csv", "--effort", "quick", "--format", form]
    return json.loads(run([shard(), *words], cwd=folder, **more))


def refused(validate, document, why):
    try:
        validate(document)
    except Failed:
        return
    raise AssertionError(f"{why} is not refused")


def changed(document, path, value):
    copy = json.loads(json.dumps(document))
    at = copy
    for key in path[:-1]:
        at = at[key]
    at[path[-1]] = value
    return copy


@check
def kubernetes_takes_the_jobs():
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)

        def validate(job, versions=VERSIONS):
            # A `List` is passed over with a warning: each of its items is looked at.
            (folder / "job.json").write_text(json.dumps(job))
            for version in versions:
                said = run([tool("kubernetes-validate"), "--strict", "-k", version, folder / "job.json"])
                assert "WARN" not in said, said

        for count in COUNTS:
            for odd in ("", ODD):
                document = planned(folder, count, "kubernetes", odd)
                assert (document["kind"], document["apiVersion"]) == ("List", "v1")
                jobs = document["items"]
                assert sum(job["spec"]["completions"] for job in jobs) == count
                assert len({job["metadata"]["name"] for job in jobs}) == len(jobs) == min(count, 4)
                for job in jobs:
                    # The pods are called so, with their index, and so are their hosts.
                    assert len(f"{job['metadata']['name']}-{count}") <= 63
                    validate(job)
        job = planned(folder, 7, "kubernetes")["items"][0]
        spec = ("spec", "template", "spec")
        for path, value in [
            (("spec", "completionMod"), "Indexed"),
            (("spec", "completions"), "7"),
            (("spec", "podFailurePolicy", "rules", 0, "onPodCondition"), []),
            ((*spec, "restartPolicies"), "Never"),
            ((*spec, "containers", 0, "comand"), ["x"]),
            ((*spec, "containers", 0, "resources", "limit"), {}),
        ]:
            refused(validate, changed(job, path, value), path)
        refused(lambda job: validate(job, ["1.27"]), job, "a version that knows no retries for each index")


@check
def argo_takes_the_workflow():
    schema = SHARED / "schemas" / "argo-workflow.strict.json"
    if not schema.exists():
        raise Skip(f"Argo's own schema is not at {schema}, and no package brings it")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)

        def validate(workflow):
            (folder / "workflow.json").write_text(json.dumps(workflow))
            run([tool("check-jsonschema"), "--schemafile", schema, folder / "workflow.json"])

        for count in COUNTS:
            for odd in ("", ODD):
                workflow = planned(folder, count, "argo", odd)
                shards = [json.loads(one["value"]) for one in workflow["spec"]["arguments"]["parameters"]]
                assert sum(map(len, shards)) == count
                validate(workflow)
        workflow = planned(folder, 7, "argo")
        for path, value in [
            (("spec", "templates", 0, "steps", 0, 0, "withParm"), "[]"),
            (("spec", "templates", 1, "podSpecPath"), "{}"),
            (("spec", "templates", 1, "retryStrategy", "limits"), "1"),
            (("spec", "templates", 1, "container", "comand"), ["x"]),
            (("spec", "entrypoint"), 7),
        ]:
            refused(validate, changed(workflow, path, value), path)
        # A variable of Argo's in a configured word would be replaced. Kubernetes has none such.
        odd = "{{workflow.name}}"
        planned(folder, 3, "kubernetes", odd)
        refused(lambda odd: planned(folder, 3, "argo", odd), odd, "a variable of Argo's")
