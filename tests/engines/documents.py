"""YAML as two readers have it, which are among the tools and not of the Python that runs the checks."""

import json

from harness import python_tools, run

_READ = """
import json, sys
import ruamel.yaml, yaml
text = sys.stdin.read()
json.dump([yaml.safe_load(text), ruamel.yaml.YAML(typ="safe", pure=True).load(text)], sys.stdout)
"""


def read(text):
    """The value of a document, on which readers of YAML 1.1 and 1.2 must agree."""
    older, newer = json.loads(run([python_tools() / "python", "-c", _READ], input=text))
    assert older == newer, "YAML 1.1 and 1.2 read this in different ways"
    return newer
