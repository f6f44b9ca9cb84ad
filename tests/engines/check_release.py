"""What a release is made of: archives, checksums, tag, formula, wheel, crate and container, in the programs that take them."""

import atexit
import functools
import hashlib
import json
import os
import re
import shutil
import sys
import tarfile
import tempfile
import zipfile
from contextlib import contextmanager
from pathlib import Path

from harness import CHECKOUT, Failed, Skip, check, node_tools, run, shard, tool

RELEASE = CHECKOUT / "release"
WORKFLOW = CHECKOUT / ".github" / "workflows" / "release.yml"
VERSION = re.search(r'^version = "(.*)"', (CHECKOUT / "Cargo.toml").read_text(), re.MULTILINE)[1]
LINUX = "x86_64-unknown-linux-musl"
TARGETS = [
    "aarch64-apple-darwin",
    "aarch64-unknown-linux-musl",
    "x86_64-apple-darwin",
    "x86_64-pc-windows-msvc",
    LINUX,
]
# A release's binary has all of them; the workflow is held to that below.
FEATURES = "github,pymon,remote"
NOBODY = {
    "GIT_AUTHOR_NAME": "a",
    "GIT_AUTHOR_EMAIL": "a@localhost",
    "GIT_COMMITTER_NAME": "a",
    "GIT_COMMITTER_EMAIL": "a@localhost",
}


@contextmanager
def folder():
    """An empty folder that goes away."""
    with tempfile.TemporaryDirectory(prefix="shard-release-") as path:
        yield Path(path)


def script(name, *words, at=CHECKOUT, **options):
    """Runs a script of release/."""
    program = [sys.executable, "-B"] if name.endswith(".py") else []
    return run([*program, at / "release" / name, *words], **options)


def refused(reason, name, *words, **options):
    """Runs a script of release/ that must fail with this reason."""
    try:
        script(name, *words, **options)
    except Failed as failed:
        assert reason in failed.output, failed.output
    else:
        raise AssertionError(f"{name} did not fail with: {reason}")


def git(at, *words):
    return run(["git", *words], cwd=at, env={**os.environ, **NOBODY})


def checkout(at):
    """What is committed here and what changed since, as a repository of its own."""
    files = git(CHECKOUT, "ls-files", "--cached", "--others", "--exclude-standard", "-z").split("\0")
    for name in filter(None, files):
        if (CHECKOUT / name).is_file():
            (at / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(CHECKOUT / name, at / name)
    git(at, "init", "--quiet", "--initial-branch=main")
    git(at, "add", "--all")
    git(at, "commit", "--quiet", "--message=all")
    return at


@functools.cache
def kept():
    """A folder for what several checks use; it goes when all is done."""
    top = tempfile.TemporaryDirectory(prefix="shard-release-")
    atexit.register(top.cleanup)
    return Path(top.name)


@functools.cache
def launcher():
    """Stands for the binary where only what is around it matters: packing the real one takes many seconds."""
    path = kept() / "shard"
    path.write_text(f'#!/bin/sh\nexec "{shard()}" "$@"\n')
    path.chmod(0o755)
    return path


@functools.cache
def packed():
    """An archive of every target, of the launcher; their folder."""
    for target in TARGETS:
        script("package.py", target, launcher(), kept() / "archives")
    return kept() / "archives"


@check
def release_archives_are_where_installers_look_and_run():
    with folder() as top:
        found = packed()
        names = {target: f"shard-{target}-v{VERSION}" for target in TARGETS}
        files = {target: name + (".zip" if "windows" in target else ".tar.gz") for target, name in names.items()}
        assert sorted(path.name for path in found.iterdir()) == sorted(files.values())
        for target in (LINUX, "x86_64-pc-windows-msvc"):
            script("try.py", found / files[target])
        real = top / "real"
        run(["strip", "-o", top / "shard", shard()])
        script("package.py", LINUX, top / "shard", real)
        script("try.py", real / files[LINUX])
        with tarfile.open(found / files[LINUX]) as archive:
            inside = {entry.name.removeprefix(names[LINUX] + "/"): entry.mode for entry in archive}
        with zipfile.ZipFile(found / files["x86_64-pc-windows-msvc"]) as archive:
            zipped = {name.removeprefix(names["x86_64-pc-windows-msvc"] + "/") for name in archive.namelist()}
        wanted = ["CHANGELOG.md", "LICENSE-APACHE", "LICENSE-MIT", "README.md", "completions/_shard"]
        wanted += [f"completions/shard.{ending}" for ending in ("bash", "elv", "fish", "ps1")]
        pages = [name for name in inside if name.startswith("man/man1/shard")]
        assert sorted(inside) == sorted([*wanted, *pages, "shard"]), sorted(inside)
        assert "man/man1/shard-plan.1" in pages and len(pages) > 10, pages
        assert zipped == {*inside, "shard.exe"} - {"shard"}, zipped
        assert [name for name, mode in inside.items() if mode == 0o755] == ["shard"]
        # Made again it is the same.
        again = top / "again"
        script("package.py", LINUX, launcher(), again)
        assert (again / files[LINUX]).read_bytes() == (found / files[LINUX]).read_bytes()
        refused("is none of", "package.py", "x86_64-unknown-linux-gnu", launcher(), top)


@check
def release_checksums_are_sha256sums_and_of_all_archives():
    with folder() as top:
        found = shutil.copytree(packed(), top / "archives")
        sums = script("checksums.py", found)
        assert sums == run(["sha256sum", *sorted(path.name for path in found.iterdir())], cwd=found)
        (found / f"shard-{LINUX}-v{VERSION}.tar.gz").unlink()
        refused(f"should have shard-{TARGETS[0]}", "checksums.py", found)


@check
def release_tag_adds_the_checksums_and_nothing_else():
    with folder() as top:
        source, remote = checkout(top / "source"), top / "remote.git"
        git(source, "clone", "--quiet", "--bare", source, remote)
        sums = "".join(f"{'0' * 64}  shard-{target}-v{VERSION}.tar.gz\n" for target in TARGETS)
        (top / "sums").write_text(sums)
        script("tag.sh", VERSION, top / "sums", remote, at=source)
        tag = f"v{VERSION}"
        changed = git(remote, "diff", "--name-only", "main", tag)
        assert changed == "action/checksums.txt\n", changed
        before = (CHECKOUT / "action" / "checksums.txt").read_text()
        assert git(remote, "show", f"{tag}:action/checksums.txt") == before + sums
        assert git(remote, "rev-parse", f"{tag}^") == git(remote, "rev-parse", "main")
        # A job that runs again finds its own commit; another one's is refused.
        made = git(remote, "rev-parse", tag)
        git(source, "reset", "--quiet", "--hard", "HEAD^")
        script("tag.sh", VERSION, top / "sums", remote, at=source)
        assert git(remote, "rev-parse", tag) == made
        git(source, "reset", "--quiet", "--hard", "HEAD^")
        (top / "sums").write_text(sums.replace("0" * 64, "1" * 64))
        refused("already", "tag.sh", VERSION, top / "sums", remote, at=source)
        (top / "sums").write_text(sums.splitlines()[0])
        git(source, "reset", "--quiet", "--hard", "HEAD^")
        refused("of 1 archives", "tag.sh", VERSION, top / "sums", remote, at=source)


@check
def release_floats_its_major_version_forward_only():
    with folder() as top:
        source, remote = checkout(top / "source"), top / "remote.git"
        git(source, "clone", "--quiet", "--bare", source, remote)
        at = {}
        for version in ("1.9.0", "1.10.0", "2.0.0-rc.1", "2.0.0"):
            git(source, "commit", "--quiet", "--allow-empty", f"--message={version}")
            git(source, "push", "--quiet", remote, f"HEAD:refs/tags/v{version}")
            at[version] = git(source, "rev-parse", "HEAD").strip()

        def check_float(version, expect):
            script("float.sh", version, remote, at=source)
            tags = git(remote, "for-each-ref", "--format=%(refname:short) %(objectname)", "refs/tags").splitlines()
            found = {name: commit for name, commit in map(str.split, tags) if "." not in name}
            assert found == {name: at[version] for name, version in expect.items()}, (version, found)

        check_float("2.0.0-rc.1", {})
        check_float("1.9.0", {})
        check_float("1.10.0", {"v1": "1.10.0"})
        check_float("2.0.0", {"v1": "1.10.0", "v2": "2.0.0"})
        check_float("1.9.0", {"v1": "1.10.0", "v2": "2.0.0"})


URL = "https://github.com/somebody/shard"


def replace(path, old, new):
    """Puts a text in place of another one, which must be there."""
    text = path.read_text()
    assert old in text, (path, old)
    path.write_text(text.replace(old, new))


def name_the_repository(source):
    """Puts an address in place of the placeholder, as a maintainer does once."""
    placeholder = "your-fork-of/shard"
    for name in git(source, "grep", "--name-only", placeholder, "--", ".", ":!release", ":!docs/releasing.md").split():
        replace(source / name, placeholder, "somebody/shard")


def write_the_news(source):
    """Gives the version its section in the changelog, as a maintainer does each time, and commits."""
    news = f"## [Unreleased]\n\n## [{VERSION}] - 2026-01-31\n\nNews.\n\n## [0.0.1] - 2026-01-01\n"
    replace(source / "CHANGELOG.md", "## [Unreleased]\n", news)
    git(source, "commit", "--quiet", "--all", "--message=ready")


@check
def release_refuses_what_is_not_ready():
    with folder() as top:
        source = checkout(top / "source")
        refused("still has the placeholder", "check.py", VERSION, URL, at=source)
        refused("`repository` of Cargo.toml", "check.py", VERSION, URL, at=source)
        name_the_repository(source)
        refused("no section", "check.py", VERSION, URL, at=source)
        write_the_news(source)
        script("check.py", VERSION, URL, at=source)
        assert script("notes.py", VERSION, at=source) == "News.\n"
        refused("Cargo.toml has version", "check.py", "9.9.9", URL, at=source)
        refused("is no version", "check.py", f"v{VERSION}", URL, at=source)
        git(source, "tag", f"v{VERSION}")
        refused("there is a tag", "check.py", VERSION, URL, at=source)


# A Homebrew that only writes down what a formula says, and refuses to install what is not in the archive.
BREW = """
class Place
  def initialize(name) = @name = name
  def install(*what)
    what.flatten.each { |one| (one.is_a?(Hash) ? one.keys : [one]).each { |file|
      abort "#{file} is not there" unless File.file?(file)
      puts "#{@name} #{file}" } }
  end
end
class Formula
  SYSTEM, CPU = ARGV[1].split("-")
  def self.desc(text) = (abort "too long" if text.size > 80)
  def self.homepage(text) = puts("homepage #{text}")
  def self.version(text) = puts("version #{text}")
  def self.license(*) = nil
  def self.test = nil
  def self.on_macos = (yield if SYSTEM == "macos")
  def self.on_linux = (yield if SYSTEM == "linux")
  def self.on_arm = (yield if CPU == "arm")
  def self.on_intel = (yield if CPU == "intel")
  def self.url(text) = puts("url #{text}")
  def self.sha256(text) = puts("sha256 #{text}")
  %i[bin bash_completion fish_completion zsh_completion man1].each { |name| define_method(name) { Place.new(name) } }
end
load ARGV[0]
Shard.new.install
"""


@check
def release_formula_names_archives_and_checksums():
    if not shutil.which("ruby"):
        raise Skip("ruby is not installed")
    with folder() as top:
        found = packed()
        sums = script("checksums.py", found)
        (top / "sums").write_text(sums)
        (top / "shard.rb").write_text(script("formula.py", top / "sums"))
        (top / "brew.rb").write_text(BREW)
        assert run(["ruby", "-wc", top / "shard.rb"]) == "Syntax OK\n"
        run(["tar", "-xzf", found / f"shard-{LINUX}-v{VERSION}.tar.gz", "-C", top])
        unpacked = top / f"shard-{LINUX}-v{VERSION}"
        machines = {
            "macos-arm": "aarch64-apple-darwin",
            "macos-intel": "x86_64-apple-darwin",
            "linux-arm": "aarch64-unknown-linux-musl",
            "linux-intel": LINUX,
        }
        for machine, target in machines.items():
            said = run(["ruby", "-w", top / "brew.rb", top / "shard.rb", machine], cwd=unpacked).splitlines()
            archive = found / f"shard-{target}-v{VERSION}.tar.gz"
            [url] = [line.split()[1] for line in said if line.startswith("url ")]
            assert url.endswith(f"/releases/download/v{VERSION}/{archive.name}"), url
            assert [line for line in said if line.startswith("sha256 ")] == [
                "sha256 " + hashlib.sha256(archive.read_bytes()).hexdigest()
            ]
            assert {"bin shard", "man1 man/man1/shard-plan.1", "zsh_completion completions/_shard"} <= set(said), said
        (top / "sums").write_text(sums.splitlines()[0] + "\n")
        refused("no checksum of", "formula.py", top / "sums")


@functools.cache
def wheel():
    """The wheel, not optimised: a release's is compiled for many minutes."""
    shard()  # Compiles what it is made of.
    run([tool("maturin"), "build", "--profile", "dev", "--out", kept() / "wheels"], cwd=CHECKOUT, timeout=1800)
    [made] = (kept() / "wheels").iterdir()
    return made


@check
def release_wheel_installs_and_plans():
    with folder() as top:
        with zipfile.ZipFile(wheel()) as archive:
            names = archive.namelist()
            [metadata] = [archive.read(name).decode() for name in names if name.endswith("/METADATA")]
        assert wheel().name.startswith(f"shard_ci-{VERSION}-py3-none-"), wheel().name
        licences = [name for name in names if "/licenses/LICENSE-" in name]
        assert len(licences) == 2, names
        head = metadata.split("\n\n", 1)[0].splitlines()
        for line in ("Name: shard-ci", f"Version: {VERSION}", "License-Expression: MIT OR Apache-2.0"):
            assert line in head, metadata[:2000]
        assert "# shard" in metadata, metadata[:2000]
        run([sys.executable, "-m", "venv", top / "venv"])
        run([top / "venv" / "bin" / "pip", "install", "--quiet", "--no-index", "--disable-pip-version-check", wheel()])
        installed = top / "venv" / "bin" / "shard"
        assert run([installed, "--version"]) == f"shard {VERSION}\n"
        run([installed, "plan", "-", "--shards", "2", "--out", top / "out"], input="a\nb\n", cwd=top)
        assert sorted(path.name for path in (top / "out").glob("*.txt")) == ["default-1.txt", "default-2.txt"]
        # It has the features of a release: without them it says that it was built without.
        words = [installed, "record", "--github-run", "1", "--repo", "a/b", "--wait", "1s"]
        nowhere = {**os.environ, "GITHUB_API_URL": "http://127.0.0.1:9"}
        run(words, expect=5, cwd=top, env=nowhere)

        run([tool("maturin"), "sdist", "--out", top / "sdist"], cwd=CHECKOUT)
        with tarfile.open(next((top / "sdist").iterdir())) as archive:
            inside = {name.split("/", 1)[1] for name in archive.getnames() if "/" in name}
        assert {"Cargo.lock", "Cargo.toml", "LICENSE-MIT", "PKG-INFO", "README.md", "pyproject.toml", "src/main.rs"} <= inside
        foreign(inside - {"PKG-INFO", "pyproject.toml"})


def foreign(names):
    """Fails where a package has files that nobody needs to build it or to read about it."""
    # `shard init` writes these two.
    texts = {"docs/ci/gitlab-ci.yml", "docs/workflows/test.yml"}
    texts |= {"CHANGELOG.md", "Cargo.lock", "Cargo.toml", "Cargo.toml.orig", "LICENSE-APACHE", "LICENSE-MIT", "README.md"}
    rest = {name for name in names - texts - {".cargo_vcs_info.json"} if not re.fullmatch(r"src(/.*)?|docs/([a-z-]+|README)\.md", name)}
    assert not rest, sorted(rest)


@check
def release_crate_packs_and_builds():
    shard()  # Compiles what the crate depends on.
    words = ["--locked", "--allow-dirty", "--features", FEATURES]
    names = set(run(["cargo", "package", "--list", *words], cwd=CHECKOUT).split())
    assert {"LICENSE-APACHE", "LICENSE-MIT", "README.md", "CHANGELOG.md", "Cargo.lock", "src/main.rs"} <= names, names
    assert {"src/run/plugin/shard_pytest.py", "src/run/plugin/shard_node.js"} <= names, names
    foreign(names)
    run(["cargo", "package", "--quiet", *words], cwd=CHECKOUT, timeout=1800)
    size = (CHECKOUT / "target" / "package" / f"shard-{VERSION}.crate").stat().st_size
    assert size < 2 << 20, size


# Stands for the binary: who runs it, and where.
WHO = """
#include <stdio.h>
#include <unistd.h>
int main(void) {
  char at[99] = "";
  getcwd(at, sizeof at);
  printf("user %d in %s, %s\\n", getuid(), at, access(".", W_OK) ? "read-only" : "writable");
}
"""


@check
def release_image_holds_a_static_binary_for_nobody():
    if os.geteuid() != 0 or not shutil.which("podman") or not shutil.which("gcc"):
        raise Skip("podman, gcc and root are needed")
    text = (CHECKOUT / "Dockerfile").read_text()
    first, last = re.split(r"^(?=FROM scratch$)", text, flags=re.MULTILINE)
    assert re.search(r"^FROM \S+:\S+@sha256:[0-9a-f]{64} AS build$", first, re.MULTILINE), first
    with folder() as top:
        # The stage that compiles needs a registry; what it leaves in /out is put there by hand.
        out = top / "build" / "out"
        for name in ("etc/ssl/certs", "work"):
            (out / name).mkdir(parents=True)
        (out / "work").chmod(0o1777)
        (top / "shard.c").write_text(WHO)
        run(["gcc", "-static", "-o", out / "shard", top / "shard.c"])
        (top / "Dockerfile").write_text(last + 'RUN ["/shard"]\n')
        storage = ["podman", f"--root={top}/root", f"--runroot={top}/runroot", "--storage-driver=vfs"]
        environment = {"PATH": os.environ["PATH"], "HOME": str(top), "TMPDIR": str(top)}
        options = ["--isolation=chroot", f"--build-context=build={top}/build", "--tag=shard"]
        try:
            run([*storage, "info"], env=environment)
        except Failed as failed:
            raise Skip(f"podman does not work here: {failed.last}") from None
        said = run([*storage, "build", *options, top], env=environment, cwd=top)
        assert "user 65532 in /work, writable\n" in said, said
        config = "{{.Config.User}} {{.Config.WorkingDir}} {{.Config.Entrypoint}}"
        said = run([*storage, "image", "inspect", f"--format={config}", "shard"], env=environment)
        assert said == "65532:65532 /work [/shard]\n", said


def linters():
    """Every linter of workflows, with its command and how it is told what to expect."""
    yield "actionlint", [tool("actionlint")]
    yield "zizmor", [tool("zizmor"), "--offline", "--no-progress"]
    yield "check-jsonschema", [tool("check-jsonschema"), "--builtin-schema", "vendor.github-workflows"]
    yield "action-validator", [node_tools() / ".bin" / "action-validator"]


@check
def release_workflow_passes_the_linters():
    text = WORKFLOW.read_text()
    with folder() as top:
        # The schema of action-validator is older than this permission.
        older = top / "release.yml"
        older.write_text(re.sub(r"^ +attestations: write\n", "", text, flags=re.MULTILINE))
        assert older.read_text() != text
        for name, command in linters():
            said = run([*command, older if name == "action-validator" else WORKFLOW], cwd=CHECKOUT)
            assert name != "zizmor" or "No findings" in said, said
    assert text.count("persist-credentials: false") == text.count("uses: actions/checkout@")
    pins = re.findall(r"uses: (\S+)(.*)", text)
    for action, comment in pins:
        assert re.fullmatch(r"actions/[a-z-]+@[0-9a-f]{40}", action) and re.fullmatch(r" # v\d+\.\d+\.\d+", comment), action
    # One commit and one version for each action.
    assert len({action.split("@")[0] for action, _ in pins}) == len(set(pins)), pins
    assert sorted(re.findall(r"- target: (\S+)", text)) == sorted(TARGETS)
    assert f"--features {FEATURES} " in text and FEATURES in (CHECKOUT / "Dockerfile").read_text()
    wheel = re.search(r"^features = \[(.*)\]", (CHECKOUT / "pyproject.toml").read_text(), re.MULTILINE)[1]
    assert wheel.replace('"', "").replace(" ", "") == FEATURES, wheel


# What needs a network or another machine: compilers, the tools' registry, PyPI, and GitHub's own program. Its calls are written down.
STAND_INS = {
    "rustup": "",
    "sudo": "",
    "cargo": 'mkdir -p "target/$TARGET/release" && cp "$BINARY" "target/$TARGET/release/shard"',
    "maturin": 'case $1 in build) mkdir -p dist/pypi && cp "$WHEEL" dist/pypi/ ;; *) echo sdist >dist/pypi/shard_ci.tar.gz ;; esac',
    "uv": 'echo "uv $*" >>"$CALLS"',
    "gh": 'echo "gh $*" >>"$CALLS"; [ "$1 $2" != "release view" ]',
}
INSTALL = "python -m pip install --disable-pip-version-check --require-hashes --requirement release/requirements.txt"
ATTEST = """
name: stand-in for actions/attest
inputs: {subject-path: {description: as there}}
runs:
  using: composite
  steps:
    - {shell: bash, env: {SUBJECTS: "${{ inputs.subject-path }}"}, run: 'echo attest $SUBJECTS >>"$CALLS"'}
"""


@contextmanager
def released(inputs):
    """A release that act made: what it printed, the folder of what was gathered, the repository, and calls of what is outside."""
    actions = CHECKOUT / "tests" / "engines" / "github"
    if not (actions / "store.py").exists():
        raise Skip("tests/engines/github, the stand-ins for GitHub's actions, are not there")
    with folder() as top:
        source, remote, calls = checkout(top / "source"), top / "remote.git", top / "calls"
        name_the_repository(source)
        replace(source / ".github" / "workflows" / "release.yml", INSTALL, "true")
        write_the_news(source)
        git(source, "clone", "--quiet", "--bare", source, remote)
        git(source, "remote", "add", "origin", URL)
        (top / ".gitconfig").write_text(f'[url "{remote}"]\ninsteadOf = {URL}\n')
        (top / "attest").mkdir()
        (top / "attest" / "action.yml").write_text(ATTEST)
        run([sys.executable, "-m", "venv", top / "venv"])
        # Jobs run side by side and install into one place, which pip cannot.
        python = f'exec flock "{top}/lock" "{top}/venv/bin/python" "$@"'
        (top / "bin").mkdir()
        for name, line in {**STAND_INS, "python": python}.items():
            (top / "bin" / name).write_text(f"#!/bin/sh\n{line}\n")
            (top / "bin" / name).chmod(0o755)
        event = {"ref": "refs/heads/main", "repository": {"default_branch": "main"}, "inputs": {"version": VERSION, **inputs}}
        (top / "event.json").write_text(json.dumps(event))
        command = [tool("act"), "workflow_dispatch", "--pull=false", "--no-cache-server", "-W", ".github/workflows/release.yml"]
        command += ["-e", top / "event.json", "--action-cache-path", top / "cache", "--env-file", os.devnull]
        command += ["--secret-file", os.devnull]
        text = WORKFLOW.read_text()
        for runner in ["ubuntu-24.04", *re.findall(r"runner: (\S+)", text)]:
            command += ["-P", f"{runner}=-self-hosted"]
        for name, commit in sorted(set(re.findall(r"uses: actions/([a-z-]+)@(\w+)", text))):
            if name != "checkout":  # act copies the project itself
                at = top / "attest" if name == "attest" else actions / name
                command += ["--local-repository", f"actions/{name}@{commit}={at}"]
        variables = {"STAND_INS": actions, "STAND_IN_STORE": top / "store", "GITHUB_RUN_ID": 1, "CALLS": calls}
        for name, value in {**variables, "BINARY": launcher(), "WHEEL": wheel()}.items():
            command += ["--env", f"{name}={value}"]
        path = os.pathsep.join([str(top / "bin"), str(top / "venv" / "bin"), "/usr/local/bin:/usr/bin:/bin"])
        said = run(command, cwd=source, env={"PATH": path, "HOME": str(top), "LANG": "C.UTF-8", "TMPDIR": str(top)})
        called = calls.read_text().splitlines() if calls.exists() else []
        yield said, top / "store" / "artifacts" / "1" / "release", remote, called


@check
def release_workflow_runs_dry_in_act():
    with released({"dry-run": "true", "pypi": "true"}) as (said, gathered, remote, called):
        files = sorted(str(path.relative_to(gathered)) for path in gathered.rglob("*") if path.is_file())
        archives = [f"archives/{path.name}" for path in packed().iterdir()]
        wheels = [f"pypi/{wheel().name}", "pypi/shard_ci.tar.gz"]
        others = ["notes.md", "shard.rb", f"shard-v{VERSION}.sha256"]
        assert files == sorted([*archives, *wheels, *others]), (files, said[-4000:])
        assert called == [] and git(remote, "tag") == "", (called, said[-4000:])


@check
def release_workflow_publishes_in_act():
    for pypi in ("true", "false"):
        with released({"dry-run": "false", "pypi": pypi}) as (said, gathered, remote, called):
            tag, major = f"v{VERSION}", "v" + VERSION.split(".")[0]
            assert git(remote, "tag").split() == [major, tag], said[-4000:]
            assert git(remote, "rev-parse", tag) == git(remote, "rev-parse", major)
            sums = (gathered / f"shard-{tag}.sha256").read_text()
            assert git(remote, "show", f"{tag}:action/checksums.txt").endswith(sums), said[-4000:]
            what = [re.match(r"attest|uv publish|gh (auth|release) [a-z-]+", line)[0] for line in called]
            uploaded = ["attest", "gh auth setup-git", "gh release view", "gh release create", "gh release upload"]
            published = ["gh release edit", "gh auth setup-git"]
            assert what == uploaded + ["uv publish"] * (pypi == "true") + published, called
            assert f"gh release edit {tag} --draft=false" in called, called
            [upload] = [line for line in called if line.startswith("gh release upload")]
            assert all(f"archives/{path.name}" in upload for path in packed().iterdir()), upload
