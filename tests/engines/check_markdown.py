"""What `--format markdown` draws, read by the parser that GitHub's pages use: Mermaid."""

import json
import re
import tempfile
from pathlib import Path

from harness import check, node_tools, run, shard

# Mermaid wants a page around it, even to read.
PARSE = """
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';
const require = createRequire(process.argv[1] + '/');
const { JSDOM } = require('jsdom');
const { window } = new JSDOM('<!DOCTYPE html><body></body>');
globalThis.window = window;
globalThis.document = window.document;
const folder = process.argv[1] + '/mermaid/dist/mermaid.core.mjs';
const mermaid = (await import(pathToFileURL(folder).href)).default;
const found = [];
for (const text of JSON.parse(readFileSync(0, 'utf8'))) {
    try {
        const read = await mermaid.parse(text);
        const diagram = await mermaid.mermaidAPI.getDiagramFromText(text);
        found.push({ type: read.diagramType, title: diagram.db.getDiagramTitle() });
    } catch (error) {
        found.push({ error: String(error) });
    }
}
process.stdout.write(JSON.stringify(found));
"""

CHART = re.compile(r"^```mermaid\n(.*?)^```$", re.M | re.S)


def parsed(charts):
    """What Mermaid makes of these charts, one by one."""
    modules = node_tools()
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "parse.mjs"
        script.write_text(PARSE.replace("process.argv[1]", "process.argv[2]"))
        return json.loads(run(["node", script, modules], input=json.dumps(charts)))


def document(shards, tier="unit", flags=()):
    """The Markdown of a plan with so many shards."""
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        rows = ["id,ms,retained_bytes,transient_bytes"]
        rows += [f"t/test_{number:04}.py,{60_000 + number},1000000,{(number % 9) * 100_000_000}" for number in range(shards)]
        (folder / "costs.csv").write_text("\n".join(rows) + "\n")
        (folder / "shard.toml").write_text(f'[tier.{tier}]\nmatch = ["**"]\nbase = "10MB"\n')
        return run(
            [shard(), "plan", "--costs", "costs.csv", "--effort", "quick", "--dry-run", "--format", "markdown", "--shards", shards, *flags],
            cwd=folder,
        )


@check
def markdown_charts_are_read_by_mermaid():
    documents = {shards: document(shards, flags=["--budget", "3GB"]) for shards in (1, 2, 40, 300)}
    # One that is too big, no budget at all, and the longest name that a tier may have.
    documents["oversize"] = document(20, flags=["--budget", "400MB"])
    documents["none"] = document(3, flags=["--budget", "none"])
    documents["long"] = document(3, tier="a" + "-0" * 30)
    charts = {name: CHART.findall(text) for name, text in documents.items()}
    assert charts[1] == [], "one job needs no chart"
    assert all(len(found) == 1 for name, found in charts.items() if name != 1), charts
    # With or without the chart, the table is there.
    assert all("| shard | suites |" in text for text in documents.values())
    assert all(len(text) <= 60_000 for text in documents.values())
    names = [name for name in charts if name != 1]
    for name, read in zip(names, parsed([charts[name][0] for name in names])):
        assert read.get("type") == "xychart", (name, read, charts[name])
        assert read["title"] == "memory and time of jobs", (name, read)


@check
def markdown_charts_that_are_broken_are_noticed():
    text = CHART.findall(document(2))[0]
    (broken,) = parsed([text.replace("bar [", "bar [x, ")])
    assert "error" in broken, broken
