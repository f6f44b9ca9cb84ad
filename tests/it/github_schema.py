"""Holds answers against GitHub's own description of its API (OpenAPI 3.0), or cuts the part of it that is used.

    github_schema.py DESCRIPTION ANSWERS        ANSWERS: [{"route", "path", "body"}]
    github_schema.py DESCRIPTION --slice FILE
"""

import json
import sys

ROUTES = [
    "/repos/{owner}/{repo}/actions/runs",
    "/repos/{owner}/{repo}/actions/runs/{run_id}",
    "/repos/{owner}/{repo}/actions/runs/{run_id}/artifacts",
    "/repos/{owner}/{repo}/actions/runs/{run_id}/attempts/{attempt_number}",
    "/repos/{owner}/{repo}/actions/runs/{run_id}/attempts/{attempt_number}/jobs",
    "/repos/{owner}/{repo}/actions/workflows/{workflow_id}/runs",
    "/repos/{owner}/{repo}/actions/artifacts/{artifact_id}/{archive_format}",
    "/repos/{owner}/{repo}/actions/jobs/{job_id}/logs",
    "/repos/{owner}/{repo}/check-runs/{check_run_id}/annotations",
]


def references(value):
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        for inner in value.values():
            yield from references(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from references(inner)


def cut(description):
    """The routes that are used, with all that they refer to."""
    out = {key: description[key] for key in ("openapi", "info", "servers") if key in description}
    out["paths"] = {route: {"get": description["paths"][route]["get"]} for route in ROUTES}
    out["components"] = {}
    wanted, seen = list(references(out["paths"])), set()
    while wanted:
        name = wanted.pop()
        if name in seen:
            continue
        seen.add(name)
        _, _, kind, key = name.split("/")
        part = description["components"][kind][key]
        out["components"].setdefault(kind, {})[key] = part
        wanted.extend(references(part))
    return out


def plain(schema):
    """OpenAPI 3.0's `nullable` as JSON Schema says it."""
    if isinstance(schema, list):
        return [plain(inner) for inner in schema]
    if not isinstance(schema, dict):
        return schema
    out = {key: plain(value) for key, value in schema.items() if key not in ("nullable", "example", "examples")}
    if schema.get("nullable") is True:
        out = {"anyOf": [{"type": "null"}, out]}
    return out


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        description = cut(json.load(file))
    if sys.argv[2] == "--slice":
        with open(sys.argv[3], "w", encoding="utf-8") as file:
            json.dump(description, file)
        return
    import jsonschema

    components = plain(description["components"])
    with open(sys.argv[2], encoding="utf-8") as file:
        answers = json.load(file)
    checked, wrong = 0, 0

    def validator(schema):
        return jsonschema.Draft7Validator({**plain(schema), "components": components})

    for answer in answers:
        response = description["paths"][answer["route"]]["get"]["responses"]["200"]
        schema = response["content"]["application/json"]["schema"]
        body = answer["body"]
        if answer["route"].endswith("/jobs"):
            # Each job alone, so that those that are known to differ hide nothing of the others.
            for job in body["jobs"]:
                alone = {**body, "jobs": [job], "total_count": 1}
                checked += 1
                if next(validator(schema).iter_errors(alone), None) is not None:
                    print("differs:", job["name"])
            continue
        for error in validator(schema).iter_errors(body):
            print(answer["path"], list(error.absolute_path), error.message[:300])
            wrong += 1
        checked += 1
    if wrong:
        sys.exit(1)
    print(f"{checked} answers held against GitHub's description")


main()
