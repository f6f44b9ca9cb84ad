#!/usr/bin/env python3
"""Makes the archive of one target: the binary, its completions and manual pages, licences, README and changelog.

usage: release/package.py TARGET BINARY FOLDER

The binary must run on this machine, as it writes its own completions and manual pages. The same files give the same
bytes: names are sorted, owners are nobody's, and the time is $SOURCE_DATE_EPOCH, else that of the commit.
"""

import gzip
import io
import os
import subprocess
import sys
import tarfile
import tempfile
import time
import zipfile
from pathlib import Path

from common import CHECKOUT, TARGETS, archive, fail, package, stem

TEXTS = ["CHANGELOG.md", "LICENSE-APACHE", "LICENSE-MIT", "README.md"]
COMPLETIONS = {
    "bash": "shard.bash",
    "elvish": "shard.elv",
    "fish": "shard.fish",
    "powershell": "shard.ps1",
    "zsh": "_shard",
}


def contents(target, binary):
    """Every file of the archive by its name, in order."""
    files = {name: (CHECKOUT / name).read_bytes() for name in TEXTS}
    files["shard.exe" if "windows" in target else "shard"] = binary.read_bytes()
    for shell, name in COMPLETIONS.items():
        files[f"completions/{name}"] = output(binary, "completions", shell)
    with tempfile.TemporaryDirectory() as folder:
        output(binary, "man", folder)
        for page in Path(folder).iterdir():
            files[f"man/man1/{page.name}"] = page.read_bytes()
    return dict(sorted(files.items()))


def output(binary, *words):
    """What the binary prints."""
    return subprocess.run([binary, *words], check=True, stdout=subprocess.PIPE).stdout


def moment():
    """The time that all files get, in seconds since 1970."""
    said = os.environ.get("SOURCE_DATE_EPOCH")
    if said is None:
        command = ["git", "log", "-1", "--format=%ct"]
        said = subprocess.run(command, cwd=CHECKOUT, check=True, stdout=subprocess.PIPE, text=True).stdout
    return int(said)


def mode(name):
    """Who may do what with a file."""
    return 0o755 if name in ("shard", "shard.exe") else 0o644


def tar(top, files, now):
    """The files below the folder `top`, as a packed tar archive."""
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w", format=tarfile.USTAR_FORMAT) as out:
        for name, content in files.items():
            entry = tarfile.TarInfo(f"{top}/{name}")
            entry.size, entry.mtime, entry.mode = len(content), now, mode(name)
            out.addfile(entry, io.BytesIO(content))
    return gzip.compress(raw.getvalue(), mtime=0)


def zipped(top, files, now):
    """The files below the folder `top`, as a zip archive."""
    raw = io.BytesIO()
    with zipfile.ZipFile(raw, "w", zipfile.ZIP_DEFLATED) as out:
        for name, content in files.items():
            entry = zipfile.ZipInfo(f"{top}/{name}", time.gmtime(now)[:6])
            entry.compress_type, entry.create_system = zipfile.ZIP_DEFLATED, 3
            entry.external_attr = (0o100000 | mode(name)) << 16
            out.writestr(entry, content)
    return raw.getvalue()


if __name__ == "__main__":
    if len(sys.argv) != 4:
        fail("usage: release/package.py TARGET BINARY FOLDER")
    target, binary, folder = sys.argv[1], Path(sys.argv[2]).resolve(), Path(sys.argv[3])
    if target not in TARGETS:
        fail(f"`{target}` is none of {', '.join(TARGETS)}")
    version = package()["version"]
    said = output(binary, "--version").decode().strip()
    if said != f"shard {version}":
        fail(f"{binary} is {said}, and this checkout is {version}")
    pack = zipped if "windows" in target else tar
    path = folder / archive(target, version)
    folder.mkdir(parents=True, exist_ok=True)
    path.write_bytes(pack(stem(target, version), contents(target, binary), moment()))
    print(path)
