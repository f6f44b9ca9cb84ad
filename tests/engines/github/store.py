"""Artifacts and caches as folders: what GitHub's own actions do with its servers, as far as workflows can tell.

    store.py upload|download|restore|save

Inputs are in INPUT_* variables; everything lies under $STAND_IN_STORE. As there, an artifact's name is taken once in a run, hidden
files stay behind, permissions are lost, and names and paths must not hold some characters.
"""

import fnmatch
import glob
import os
import shutil
import sys
from pathlib import Path

STORE = Path(os.environ["STAND_IN_STORE"])
ARTIFACTS = STORE / "artifacts" / os.environ["GITHUB_RUN_ID"]
CACHES = STORE / "caches"


def text(name):
    return os.environ.get(f"INPUT_{name.upper().replace('-', '_')}", "").strip()


def fail(message):
    sys.exit(f"::error::stand-in: {message}")


def hidden(path):
    return any(part.startswith(".") for part in path.parts)


def copy(source, to):
    to.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, to)
    to.chmod(0o644)


def found(patterns):
    """Files of the patterns, and the folder that they have in common."""
    files, roots = [], []
    for pattern in patterns.splitlines():
        if not any(sign in pattern for sign in "*?["):
            roots.append(Path(pattern) if Path(pattern).is_dir() else Path(pattern).parent)
        for name in sorted(glob.glob(pattern, recursive=True)):
            path = Path(name)
            inside = [one for one in path.rglob("*") if one.is_file()] if path.is_dir() else [path]
            files += [one for one in inside if not hidden(one)]
    root = Path(os.path.commonpath([*roots, *[file.parent for file in files]])) if files or roots else Path()
    return sorted(set(files)), root


def upload():
    name = text("name") or "artifact"
    if set(name) & set('":<>|*?\r\n\\/'):
        fail(f"the artifact name is not valid: {name}")
    files, root = found(text("path"))
    if not files:
        if text("if-no-files-found") == "error":
            fail(f"no files were found: {text('path')}")
        print(f"::warning::stand-in: no files were found: {text('path')}")
        return
    folder = ARTIFACTS / name
    if folder.exists():
        if text("overwrite") != "true":
            fail(f"an artifact with this name already exists on the workflow run: {name}")
        shutil.rmtree(folder)
    for file in files:
        inside = file.relative_to(root)
        if set(str(inside)) & set('":<>|*?\r\n'):
            fail(f"the path of a file is not valid: {inside}")
        copy(file, folder / inside)


def download():
    to = Path(text("path") or ".")
    if text("name"):
        chosen = [ARTIFACTS / text("name")]
        if not chosen[0].is_dir():
            fail(f"artifact not found for name: {text('name')}")
    else:
        present = sorted(ARTIFACTS.iterdir()) if ARTIFACTS.is_dir() else []
        chosen = [one for one in present if fnmatch.fnmatchcase(one.name, text("pattern") or "*")]
    for artifact in chosen:
        into = to if text("name") or text("merge-multiple") == "true" else to / artifact.name
        for file in sorted(artifact.rglob("*")):
            if file.is_file():
                copy(file, into / file.relative_to(artifact))


def restore():
    saved = sorted(CACHES.iterdir(), key=lambda one: one.stat().st_mtime_ns, reverse=True) if CACHES.is_dir() else []
    for key in [text("key"), *text("restore-keys").splitlines()]:
        for cache in saved:
            if cache.name == key or (key != text("key") and cache.name.startswith(key)):
                copy(cache, Path(text("path")))
                return


def save():
    if (CACHES / text("key")).exists():
        print(f"::warning::stand-in: the cache {text('key')} is there already")
    elif Path(text("path")).is_file():
        copy(Path(text("path")), CACHES / text("key"))


{"upload": upload, "download": download, "restore": restore, "save": save}[sys.argv[1]]()
