#!/usr/bin/env python3
"""Prints what CHANGELOG.md says of a version, for its release.

usage: release/notes.py VERSION
"""

import sys

from common import fail, notes

if __name__ == "__main__":
    if len(sys.argv) != 2:
        fail(__doc__.strip().splitlines()[-1])
    sys.stdout.write(notes(sys.argv[1]) or fail(f"CHANGELOG.md has no section of {sys.argv[1]}"))
