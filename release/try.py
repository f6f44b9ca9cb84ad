#!/usr/bin/env python3
"""Unpacks an archive of this version and runs what is in it: its version, a plan, a check of that plan, a GitHub that is not there.

usage: release/try.py ARCHIVE
"""

import os
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

from common import fail, package


def unpack(archive, folder):
    """Puts the files of an archive below a folder, with who may run them; returns the one folder that it brings."""
    if archive.suffix == ".zip":
        with zipfile.ZipFile(archive) as packed:
            packed.extractall(folder)
            for entry in packed.infolist():
                (folder / entry.filename).chmod(entry.external_attr >> 16)
    else:
        with tarfile.open(archive) as packed:
            packed.extractall(folder, filter="data")
    [top] = folder.iterdir()
    return top


def attempt(binary, folder):
    """Runs the binary on a small project."""

    def shard(*words):
        return subprocess.run([binary, *words], cwd=folder, check=True, stdout=subprocess.PIPE, text=True).stdout

    if shard("--version").strip() != f"shard {package()['version']}":
        fail(f"{binary} is {shard('--version').strip()}")
    (folder / "tests.txt").write_text("tests/a\ntests/b\ntests/c\n")
    shard("plan", "tests.txt", "--shards", "2")
    shard("verify")
    # What is linked for networks is reached too, and ends as it should where nobody answers.
    nowhere = {**os.environ, "GITHUB_API_URL": "http://127.0.0.1:9"}
    words = ["record", "--github-run", "1", "--repo", "a/b", "--wait", "1s"]
    code = subprocess.run([binary, *words], cwd=folder, env=nowhere).returncode
    if code != 5:
        fail(f"{binary} ended with {code} where GitHub cannot be reached")
    print(f"{binary.name} runs: it planned {len(list((folder / 'shard-out').glob('*.txt')))} jobs")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        fail(__doc__.strip().splitlines()[-1])
    path = Path(sys.argv[1]).resolve()
    with tempfile.TemporaryDirectory() as unpacked, tempfile.TemporaryDirectory() as project:
        top = unpack(path, Path(unpacked))
        if not path.name.startswith(top.name + "."):
            fail(f"{path.name} brings the folder {top.name}, and cargo-binstall looks for another")
        attempt(top / ("shard.exe" if path.suffix == ".zip" else "shard"), Path(project))
