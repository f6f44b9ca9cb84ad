#!/usr/bin/env python3
"""Prints the Homebrew formula of this version: release/shard.rb.in with addresses and checksums filled in.

usage: release/formula.py CHECKSUMS     CHECKSUMS is what release/checksums.py printed
"""

import re
import sys
from pathlib import Path

from common import CHECKOUT, archive, fail, package


def formula(checksums):
    """The text; `checksums` are the lines of `sha256sum`."""
    said = package()
    sums = {name: digest for digest, name in (line.split() for line in checksums.splitlines())}

    def value(match):
        match match.group(1).split():
            case ["repository"]:
                return said["repository"]
            case ["version"]:
                return said["version"]
            case ["url", target]:
                return f"{said['repository']}/releases/download/v{said['version']}/{archive(target, said['version'])}"
            case ["sha256", target]:
                name = archive(target, said["version"])
                return sums.get(name) or fail(f"there is no checksum of {name}")
        fail(f"release/shard.rb.in: nothing is known of `{match.group(0)}`")

    return re.sub(r"@([^@\n]+)@", value, (CHECKOUT / "release" / "shard.rb.in").read_text("utf-8"))


if __name__ == "__main__":
    if len(sys.argv) != 2:
        fail(__doc__.strip().splitlines()[-1])
    sys.stdout.write(formula(Path(sys.argv[1]).read_text("utf-8")))
