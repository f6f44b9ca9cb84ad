"""`report.html` in a real browser: it runs nothing but its own script, sorts, filters, and shows names as text."""

import functools
import json
import shutil
import tempfile
from contextlib import contextmanager
from pathlib import Path

from harness import Skip, apt, check, python_tools, run, shard

HOSTILE = [
    "tests/<img src=x onerror=document.title='hacked'>.py",
    "tests/</script><script>document.title='hacked'</script>.py",
    "tests/'\"&amp;<b>bold</b>.py",
]

# What is asked of the page, in a process of its own: the browser's driver lives among the tools.
DRIVER = """
import json, sys
from playwright.sync_api import sync_playwright
wanted = json.load(sys.stdin)
said, asked = [], []
with sync_playwright() as p:
    browser = p.chromium.launch(executable_path=wanted["browser"], args=["--no-sandbox"])
    page = browser.new_page(color_scheme=wanted["scheme"], viewport={"width": 1280, "height": 900})
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("request", lambda request: asked.append(request.url))
    page.goto(wanted["page"])
    results = []
    for kind, *rest in wanted["steps"]:
        if kind == "do":
            page.locator(rest[0]).first.click()
        elif kind == "fill":
            page.fill(*rest)
        elif kind == "press":
            page.keyboard.press(rest[0])
        elif kind == "look":
            page.screenshot(path=rest[0], full_page=len(rest) > 1)
        else:
            results.append(page.evaluate(rest[0]))
    browser.close()
print(json.dumps({"said": said, "asked": asked, "results": results}))
"""


@functools.cache
def browser():
    """Debian's Chromium."""
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if shutil.which(name):
            return shutil.which(name)
    apt("chromium")
    return shutil.which("chromium") or _no_browser()


def _no_browser():
    raise Skip("chromium is not installed")


def ask(page, steps, scheme="light"):
    """What the browser finds, step by step."""
    wanted = {"browser": browser(), "page": page.as_uri(), "steps": steps, "scheme": scheme}
    return json.loads(run([python_tools() / "python", "-c", DRIVER], input=json.dumps(wanted)))


@contextmanager
def planned(suites, flags=()):
    """A folder with a plan of these suites and their times, and its page."""
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        rows = ["id,ms,retained_bytes,transient_bytes"]
        rows += [f'"{name.replace(chr(34), chr(34) * 2)}",{ms},1000000,9000000' for name, ms in suites]
        (folder / "costs.csv").write_text("\n".join(rows) + "\n")
        run([shard(), "plan", "--costs", "costs.csv", "--effort", "quick", "--selection-format", "null", *flags], cwd=folder)
        run([shard(), "report"], cwd=folder)
        yield folder / "shard-out" / "report.html"


FIRST = "document.querySelector('#table tbody th').textContent"
COUNT = "document.querySelectorAll('#table tbody tr').length"
SHOWN = "document.getElementById('shown').textContent"


@check
def page_sorts_and_filters_and_turns():
    suites = [(f"tests/test_{number:03}.py", 1000 + number) for number in range(450)]
    steps = [
        ["see", FIRST],
        ["see", COUNT],
        ["do", "#after"],
        ["see", SHOWN],
        ["do", "#table thead button"],
        ["see", FIRST],
        ["do", "#table thead button"],
        ["see", FIRST],
        ["see", "document.querySelector('#table thead th').getAttribute('aria-sort')"],
        ["fill", "#filter", "TEST_01"],
        ["see", SHOWN],
        ["fill", "#filter", "nobody"],
        ["see", SHOWN],
    ]
    with planned(suites, ["--shards", "4"]) as page:
        found = ask(page, steps)
    assert found["said"] == [], found["said"]
    assert found["asked"] == [page.as_uri()], found["asked"]
    assert found["results"] == [
        "tests/test_449.py",
        200,
        "201 to 400 of 450",
        "tests/test_000.py",
        "tests/test_449.py",
        "descending",
        "1 to 10 of 10 (450 in all)",
        "no suite has that",
    ], found["results"]


@check
def page_shows_hostile_names_as_text():
    with planned([(name, 1000) for name in HOSTILE], ["--shards", "2"]) as page:
        names = "[...document.querySelectorAll('#table tbody th')].map((cell) => cell.textContent).sort()"
        found = ask(page, [["see", "document.title"], ["see", names], ["see", "document.images.length"]])
    assert found["said"] == [], found["said"]
    title, names, images = found["results"]
    assert "hacked" not in title and images == 0
    assert names == sorted(HOSTILE), names


@check
def page_policy_stops_foreign_scripts():
    # The page with an attacker's line in it: what escaping would have to let through first.
    with planned([("a.py", 1000), ("b.py", 1000)]) as page:
        text = page.read_text()
        assert text.count("</h1>") == 1
        page.write_text(text.replace("</h1>", "</h1><script>document.title = 'hacked'</script><img src='http://127.0.0.1:9/x'>"))
        found = ask(page, [["see", "document.title"], ["see", COUNT]])
    assert found["results"] == [found["results"][0], 2] and "hacked" not in found["results"][0], found
    assert len(found["said"]) >= 2 and all("Content Security Policy" in line for line in found["said"]), found["said"]


@check
def page_draws_the_curve_of_every_plan():
    suites = [(f"t{number:02}.py", 30_000 + number) for number in range(40)]
    section = "document.getElementById('curve').parentElement"
    steps = [
        ["see", f"{section}.querySelectorAll('polyline').length"],
        ["see", f"{section}.querySelector('tr.chosen').textContent.replace(/\\s+/g, ' ').trim()"],
        ["see", f"[...{section}.querySelectorAll('td')].filter((cell) => cell.textContent.includes('costs least')).length"],
        ["see", f"{section}.querySelector('svg line.chosen').getBoundingClientRect().height > 50"],
    ]
    with planned(suites, ["--shards", "4"]) as page:
        found = ask(page, steps)
    lines, chosen, least, drawn = found["results"]
    assert found["said"] == [] and lines == 2 and least == 1 and drawn, found
    assert chosen.startswith("4") and chosen.endswith("planned"), chosen


@check
def page_is_used_with_keys_alone():
    suites = [(f"tests/test_{number:03}.py", 1000 + number) for number in range(10)]
    tabs = [["press", "Tab"], ["see", "document.activeElement.textContent"], ["press", "Enter"], ["press", "Tab"]]
    keys = [*tabs, ["see", "document.activeElement.id"], ["press", "0"], ["press", "0"], ["press", "3"], ["see", SHOWN]]
    with planned(suites) as page:
        found = ask(page, keys)
    assert found["results"] == ["Skip to the suites", "filter", "1 to 1 of 1 (10 in all)"], found["results"]


@check
def page_of_twenty_thousand_suites_is_quick():
    suites = [(f"tests/package_{number % 97}/test_{number:05}.py", 50 + number % 900) for number in range(20_000)]
    timed = """(() => {
        const began = performance.now();
        const input = document.getElementById('filter');
        input.value = 'package_7';
        input.dispatchEvent(new Event('input'));
        document.querySelector('#table thead button').click();
        return performance.now() - began;
    })()"""
    with planned(suites, ["--shards", "64"]) as page:
        assert page.stat().st_size < 4_000_000, page.stat().st_size
        found = ask(page, [["see", COUNT], ["see", timed], ["see", SHOWN]])
    count, took, shown = found["results"]
    assert found["said"] == [] and count == 200
    assert took < 2_000, f"filtering and sorting took {took:.0f} ms"
    assert shown.startswith("1 to 200 of 2,"), shown


@check
def page_is_drawn_in_both_themes():
    background = "getComputedStyle(document.body).backgroundColor"
    with planned([(f"t{number}.py", 1000 * number) for number in range(1, 9)], ["--shards", "3", "--budget", "300MB"]) as page:
        light, dark = (ask(page, [["see", background]], scheme)["results"][0] for scheme in ("light", "dark"))
    brightness = lambda colour: sum(int(part) for part in colour[4:-1].split(","))  # noqa: E731
    assert brightness(light) > 600 and brightness(dark) < 150, (light, dark)
