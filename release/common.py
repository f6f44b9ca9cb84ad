"""What the release scripts share: targets, names, and what this checkout says of itself."""

import re
import sys
import tomllib
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent
TARGETS = [
    "aarch64-apple-darwin",
    "aarch64-unknown-linux-musl",
    "x86_64-apple-darwin",
    "x86_64-pc-windows-msvc",
    "x86_64-unknown-linux-musl",
]
VERSION = re.compile(r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(-[0-9A-Za-z-]+(\.[0-9A-Za-z-]+)*)?")


def package(checkout=CHECKOUT):
    """The `[package]` table of Cargo.toml."""
    return tomllib.loads((checkout / "Cargo.toml").read_text("utf-8"))["package"]


def stem(target, version):
    """An archive's name without its ending, and the folder in it: where cargo-binstall and our action look by themselves."""
    return f"shard-{target}-v{version}"


def archive(target, version):
    """An archive's file name."""
    return stem(target, version) + (".zip" if "windows" in target else ".tar.gz")


def notes(version, checkout=CHECKOUT):
    """What CHANGELOG.md says of a version, below its heading `## [1.2.3] - 2026-01-31`; `None` where it has none."""
    text = (checkout / "CHANGELOG.md").read_text("utf-8")
    for part in re.split(r"^## ", text, flags=re.MULTILINE)[1:]:
        heading, _, body = part.partition("\n")
        if re.fullmatch(rf"\[{re.escape(version)}\] - \d{{4}}-\d\d-\d\d", heading.strip()):
            return body.strip() + "\n"
    return None


def fail(*messages):
    """Ends the script: an `error:` line for each message."""
    sys.exit("\n".join(f"error: {message}" for message in messages))
