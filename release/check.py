#!/usr/bin/env python3
"""Whether this checkout can be released as a version; says everything that is missing.

usage: release/check.py VERSION URL     URL is that of the repository, such as https://github.com/OWNER/NAME
"""

import subprocess
import sys
import tomllib

from common import CHECKOUT, VERSION, fail, notes, package

# What stands for the repository where nobody has said yet which one it is.
PLACEHOLDER = "your-fork-of/shard"
# What speaks of the placeholder, and what a user is never shown.
OURS = [":!release", ":!docs/releasing.md", ":!tests", ":!.ci"]


def problems(version, url):
    """What stands in the way, a sentence each."""
    if not VERSION.fullmatch(version):
        yield f"`{version}` is no version such as 1.2.3 or 1.2.3-rc.1"
        return
    said = package()
    if said["version"] != version:
        yield f"Cargo.toml has version {said['version']}"
    locked = tomllib.loads((CHECKOUT / "Cargo.lock").read_text("utf-8"))["package"]
    if [one["version"] for one in locked if one["name"] == said["name"]] != [said["version"]]:
        yield "Cargo.lock has another version than Cargo.toml: run `cargo check`"
    if not notes(version):
        yield f"CHANGELOG.md has no section `## [{version}] - YYYY-MM-DD`"
    elif notes(version).strip() == "":
        yield f"CHANGELOG.md says nothing of {version}"
    if said.get("repository") != url:
        yield f"`repository` of Cargo.toml is {said.get('repository')}, and this is {url}"
    for name in git("grep", "--name-only", "--fixed-strings", PLACEHOLDER, "--", ".", *OURS):
        yield f"{name} still has the placeholder {PLACEHOLDER}"
    if git("tag", "--list", f"v{version}"):
        yield f"there is a tag v{version} already: a version is released once"
    if f"-v{version}." in (CHECKOUT / "action" / "checksums.txt").read_text("utf-8"):
        yield f"action/checksums.txt has archives of {version} already"


def git(*words):
    """The lines that git prints; none where it finds nothing."""
    done = subprocess.run(["git", *words], cwd=CHECKOUT, stdout=subprocess.PIPE, text=True)
    if done.returncode > 1:
        fail(f"git {' '.join(words)} failed")
    return done.stdout.splitlines()


if __name__ == "__main__":
    if len(sys.argv) != 3:
        fail(__doc__.strip().splitlines()[-1])
    found = list(problems(*sys.argv[1:]))
    if found:
        fail(*found)
    print(f"{sys.argv[1]} can be released")
