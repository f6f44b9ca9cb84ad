"use strict";
// The table of suites: sorted, filtered, a page at a time. Names reach the page only as text, never as HTML.
(() => {
  const data = JSON.parse(document.getElementById("data")?.textContent ?? "null");
  if (!data) return;
  const ROWS = 200;
  const table = document.getElementById("table");
  const [ID, SHARD, MS, KEPT, PASSING, BASIS, MEMORY, SAMPLES, TIMES, REAL, END] = Array(11).keys();

  const time = (ms) => {
    if (ms === null) return "";
    if (ms < 1000) return `${ms}ms`;
    if (ms < 9950) return `${(ms / 1000).toFixed(1).replace(/\.0$/, "")}s`;
    const s = Math.round(ms / 1000);
    if (s < 60) return `${s}s`;
    const two = (n) => String(n).padStart(2, "0");
    return s < 3600 ? `${Math.floor(s / 60)}m ${two(s % 60)}s` : `${Math.floor(s / 3600)}h ${two(Math.floor((s % 3600) / 60))}m`;
  };
  const size = (bytes) => {
    if (bytes < 1e6) return bytes === 0 ? "0" : `${(bytes / 1e3).toFixed(0)} kB`;
    return bytes < 1e9 ? `${(bytes / 1e6).toFixed(bytes < 1e7 ? 1 : 0)} MB` : `${(bytes / 1e9).toFixed(2)} GB`;
  };
  const named = (names) => (index) => names[index];

  // What is shown in each column: a heading, a place in the row, how it is written, whether it is a number.
  const columns = [
    ["suite", ID, String, false],
    ["shard", SHARD, named(data.shards), false],
    ["time", MS, time, true],
    ...(data.ran ? [["really", REAL, time, true], ["end", END, named(data.ends), false]] : []),
    ["retained", KEPT, size, true],
    ["transient", PASSING, size, true],
    ["time is", BASIS, named(data.bases), false],
    ["memory is", MEMORY, named(data.bases), false],
    ["runs", SAMPLES, String, true],
    ...(data.history ? [["earlier times", TIMES, null, false]] : []),
  ];

  const words = data.suites.map((row) =>
    [row[ID], data.shards[row[SHARD]], data.bases[row[BASIS]], data.bases[row[MEMORY]], data.ends[row[END]]]
      .join("\n").toLowerCase());
  let order = data.suites.map((_, place) => place);
  let shown = order;
  let first = 0;
  let sorted = { column: MS, down: true };

  const line = (times) => {
    const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    svg.setAttribute("viewBox", "0 0 72 18");
    svg.setAttribute("role", "img");
    svg.setAttribute("aria-label", times.map(time).join(", "));
    const most = Math.max(...times, 1);
    const points = times.map((ms, at) => `${2 + (at * 68) / Math.max(times.length - 1, 1)},${16 - (ms / most) * 14}`);
    const drawn = document.createElementNS("http://www.w3.org/2000/svg", "polyline");
    drawn.setAttribute("points", (points.length === 1 ? [...points, points[0].replace("2,", "70,")] : points).join(" "));
    svg.append(drawn);
    return svg;
  };

  const draw = () => {
    const body = table.tBodies[0];
    body.replaceChildren(...shown.slice(first, first + ROWS).map((place) => {
      const row = data.suites[place];
      const tr = document.createElement("tr");
      if (data.ends[row[END]] && data.ends[row[END]] !== "ran") tr.className = "bad";
      tr.append(...columns.map(([, at, write, number]) => {
        const cell = document.createElement(at === ID ? "th" : "td");
        if (at === ID) cell.scope = "row";
        if (number) cell.className = "number";
        if (at === TIMES) { if (row[at].length) cell.append(line(row[at])); } else cell.textContent = write(row[at]);
        return cell;
      }));
      return tr;
    }));
    const last = Math.min(first + ROWS, shown.length);
    const count = (n) => n.toLocaleString("en");
    document.getElementById("shown").textContent = shown.length === 0
      ? "no suite has that"
      : `${count(first + 1)} to ${count(last)} of ${count(shown.length)}`
        + (shown.length < data.suites.length ? ` (${count(data.suites.length)} in all)` : "");
    document.getElementById("before").disabled = first === 0;
    document.getElementById("after").disabled = last === shown.length;
  };

  const filter = () => {
    const wanted = document.getElementById("filter").value.toLowerCase().split(/\s+/).filter(Boolean);
    shown = wanted.length ? order.filter((place) => wanted.every((word) => words[place].includes(word))) : order;
    first = 0;
    draw();
  };

  const sort = (column, down) => {
    sorted = { column, down };
    const write = columns.find(([, at]) => at === column)[2];
    const words = [ID, SHARD, BASIS, MEMORY, END].includes(column);
    const key = (place) => {
      const value = data.suites[place][column];
      return column === TIMES ? value.length : words ? write(value) : value ?? -1;
    };
    const keys = data.suites.map((_, place) => key(place));
    const compare = words ? (a, b) => (keys[a] < keys[b] ? -1 : keys[a] > keys[b] ? 1 : 0) : (a, b) => keys[a] - keys[b];
    order = data.suites.map((_, place) => place).sort((a, b) => (down ? compare(b, a) : compare(a, b)) || a - b);
    for (const head of table.tHead.rows[0].cells) {
      if (Number(head.dataset.column) === column) head.setAttribute("aria-sort", down ? "descending" : "ascending");
      else head.removeAttribute("aria-sort");
    }
    filter();
  };

  const head = document.createElement("tr");
  head.append(...columns.map(([title, at, , number]) => {
    const cell = document.createElement("th");
    cell.scope = "col";
    cell.dataset.column = at;
    if (number) cell.className = "number";
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = title;
    // Numbers are first asked for from the top, words from the beginning.
    button.addEventListener("click", () => sort(at, sorted.column === at ? !sorted.down : number));
    cell.append(button);
    return cell;
  }));
  table.tHead.append(head);
  document.getElementById("filter").addEventListener("input", filter);
  document.getElementById("before").addEventListener("click", () => { first = Math.max(0, first - ROWS); draw(); });
  document.getElementById("after").addEventListener("click", () => { first += ROWS; draw(); });
  sort(MS, true);
  table.hidden = false;
  document.querySelector(".controls").hidden = false;
})();
