"""Documents for every CI against the schemas that check-jsonschema carries, and as two readers of YAML have them."""

import json
import re
import tempfile
from pathlib import Path

import documents as yaml
from harness import CHECKOUT, Failed, check, run, shard, tool

SCHEMAS = {
    "gitlab": "vendor.gitlab-ci",
    "buildkite": "vendor.buildkite",
    "circleci": "vendor.circle-ci",
    "azure": "vendor.azure-pipelines",
}
MANUAL = {
    "gitlab-ci.yml": "vendor.gitlab-ci",
    "buildkite.yml": "vendor.buildkite",
    "circleci.yml": "vendor.circle-ci",
    "circleci-index.yml": "vendor.circle-ci",
    "azure-pipelines.yml": "vendor.azure-pipelines",
    "bitbucket-pipelines.yml": "vendor.bitbucket-pipelines",
    "woodpecker.yml": "vendor.woodpecker-ci",
}
# Every character that means something to a shell, YAML, a CI or a terminal, and some that YAML forbids.
ODD = "'\"$(x) `x` ${HOME} $HOME $$ \\\\ \\n << >> %0A ##vso[x] ::y:: {{z}} ${{ z }} # : - é\U0001f600\x85\u2028\ufeff\x1b\n\ttab"
TIERS = '[tier.unit]\nmatch = ["unit/**"]\n[tier.0-e2e]\nmatch = ["**"]\n'


def toml(text):
    """A string as TOML has it."""
    return json.dumps(text, ensure_ascii=False)


def configurations():
    """Configurations by their names: as short as possible, with all that we offer, with odd values."""
    odd = toml(ODD)
    yield "plain", TIERS
    yield "odd", (
        f"{TIERS}runs-on = {odd}\n"
        f"[gitlab]\nrebalance = true\nmemory = true\nplan-job = {odd}\nreports = [{odd}]\n"
        f"job = {{ image = {odd}, before_script = [{odd}], variables = {{ A = {odd} }} }}\n"
        f"[gitlab.pipeline]\nstages = [{odd}]\n{odd} = {{ stage = {odd}, script = [{odd}] }}\n"
        f"[buildkite]\nrebalance = true\nbefore = [{odd}]\nreports = [{odd}]\nstep = {{ env = {{ {odd} = {odd} }} }}\n"
        f"[circleci]\nbefore = [{{ run = {odd} }}]\njob = {{ docker = [{{ image = {odd} }}], working_directory = {odd} }}\n"
    )


def document_of(ci, folder, words):
    """One document. It is JSON, and readers of YAML agree on it."""
    text = run([shard(), *words, "--format", ci], cwd=folder, timeout=1200)
    document = json.loads(text)
    if len(text) < 200_000:  # These readers are slow.
        assert yaml.read(text) == document, "readers of YAML read it in another way"
    if ci == "azure":
        # The schema says nothing of these rules of the server's.
        for leg, variables in document.items():
            assert re.fullmatch("[A-Za-z][A-Za-z0-9_]{0,99}", leg), leg
            assert all(isinstance(value, str) for value in variables.values()), variables
        # The matrix of a job, in place of the expression.
        pipeline = yaml.read((CHECKOUT / "docs/ci/azure-pipelines.yml").read_text())
        pipeline["jobs"][1]["strategy"]["matrix"] = document
        return pipeline
    return document


def validate(schema, files):
    """`Failed` where one of the files is not what the schema says."""
    run([tool("check-jsonschema"), "--builtin-schema", schema, *files])


def write(folder, name, document):
    path = Path(folder) / f"{name}.json"
    path.write_text(json.dumps(document))
    return path


@check
def check_documents_are_what_each_schema_says():
    with tempfile.TemporaryDirectory() as folder:
        found = {ci: [] for ci in SCHEMAS}
        for name, config in configurations():
            (Path(folder) / "shard.toml").write_text(config)
            for shards in (1, 7, 256, 500, 1000):
                suites = "".join(f"{('unit', 'e2e')[n % 2]}/t{n},1000\n" for n in range(shards))
                (Path(folder) / "costs.csv").write_text("id,ms\n" + suites)
                words = ["plan", "--costs", "costs.csv", "--shards", shards, "--effort", "quick"]
                for ci in SCHEMAS if shards < 500 else ["gitlab"] if shards > 500 else ["gitlab", "buildkite"]:
                    document = document_of(ci, folder, words)
                    count = len(json.loads((Path(folder) / "shard-out/matrix.json").read_text())["include"])
                    assert count == shards, f"{count} shards of {shards}"
                    found[ci].append(write(folder, f"{name}-{shards}-{ci}", document))
            # Nothing at all, and what is left after a kill.
            (Path(folder) / "none").write_text("# nothing\n")
            (Path(folder) / "some").write_text("unit/a\nunit/b\ne2e/a\ne2e/b\n")
            for ci in SCHEMAS:
                empty = document_of(ci, folder, ["plan", "lines:none", "--allow-empty"])
                if ci != "azure":
                    found[ci].append(write(folder, f"{name}-empty-{ci}", empty))
                document_of(ci, folder, ["plan", "some", "--shards", "2"])
                left = document_of(ci, folder, ["rebalance", "--failed", "unit-1=137", "--no-record"])
                found[ci].append(write(folder, f"{name}-left-{ci}", left))
        for ci, files in found.items():
            assert len(files) >= 8
            validate(SCHEMAS[ci], files)


@check
def check_documents_that_are_mangled_are_refused():
    """So the schemas look at all: each of these is a document with one mistake."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "shard.toml").write_text(TIERS)
        (Path(folder) / "some").write_text("unit/a\nunit/b\ne2e/a\ne2e/b\n")
        whole = {ci: document_of(ci, folder, ["plan", "some", "--shards", "2"]) for ci in SCHEMAS}
        for ci, document in whole.items():
            validate(SCHEMAS[ci], [write(folder, ci, document)])

        def job(document):
            return next(value for name, value in document.items() if "(" in name)

        def break_gitlab(document):
            job(document)["tagz"] = ["x"]

        def break_gitlab_timeout(document):
            job(document)["timeout"] = 5

        def break_buildkite(document):
            document["steps"][0]["steps"][0]["retry"]["automatic"][0]["limit"] = 99

        def break_buildkite_timeout(document):
            document["steps"][0]["steps"][0]["timeout_in_minutes"] = "soon"

        def break_circleci(document):
            document["jobs"]["shard"]["resource_clas"] = "large"

        def break_circleci_steps(document):
            del document["jobs"]["shard"]["steps"]

        def break_azure(document):
            document["jobs"][1]["strategy"]["matrix"]["shard_x"] = ["SHARD_INDEX"]

        def break_azure_strategy(document):
            document["jobs"][1]["strategy"]["maxParalel"] = "1"

        for mangle in (
            break_gitlab,
            break_gitlab_timeout,
            break_buildkite,
            break_buildkite_timeout,
            break_circleci,
            break_circleci_steps,
            break_azure,
            break_azure_strategy,
        ):
            ci = mangle.__name__.split("_")[1]
            document = json.loads(json.dumps(whole[ci]))
            mangle(document)
            try:
                validate(SCHEMAS[ci], [write(folder, mangle.__name__, document)])
            except Failed:
                continue
            raise AssertionError(f"{mangle.__name__} is not noticed")


@check
def check_documents_of_the_manual():
    for name, schema in MANUAL.items():
        validate(schema, [CHECKOUT / "docs/ci" / name])
    listed = {path.name for path in (CHECKOUT / "docs/ci").glob("*.yml")}
    assert listed == MANUAL.keys() | {"semaphore.yml"}, "a file without its schema"


@check
def check_documents_that_init_writes():
    written = sorted((CHECKOUT / "testdata/init").glob("*/out/.gitlab*"))
    written = [file for path in written for file in ([path] if path.is_file() else sorted(path.glob("*.yml")))]
    assert len(written) >= 2
    validate("vendor.gitlab-ci", written)
    for path in written:
        job = next(value for value in yaml.read(path.read_text()).values() if "trigger" in value)
        assert job["trigger"]["include"][0]["job"] in yaml.read(path.read_text()), path
