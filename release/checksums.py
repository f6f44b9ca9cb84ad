#!/usr/bin/env python3
"""Prints the SHA-256 of every archive of this version, as `sha256sum` does: the lines of action/checksums.txt.

usage: release/checksums.py FOLDER
"""

import hashlib
import sys
from pathlib import Path

from common import TARGETS, archive, fail, package

if __name__ == "__main__":
    if len(sys.argv) != 2:
        fail(__doc__.strip().splitlines()[-1])
    folder = Path(sys.argv[1])
    wanted = sorted(archive(target, package()["version"]) for target in TARGETS)
    found = sorted(path.name for path in folder.iterdir() if path.name.endswith((".tar.gz", ".zip")))
    if found != wanted:
        fail(f"{folder} has {', '.join(found) or 'no archives'}, and should have {', '.join(wanted)}")
    for name in wanted:
        print(f"{hashlib.sha256((folder / name).read_bytes()).hexdigest()}  {name}")
