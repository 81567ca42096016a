"use strict";
const { runs, columns, metrics } = JSON.parse(document.getElementById("data").textContent);
const $ = (id) => document.getElementById(id);
const shown = new Set(runs.keys());
const DASHES = ["", "7 4", "2 4", "9 3 2 3"];
const SVG = document.querySelector("svg").namespaceURI;
const colour = (run) => `var(--c${run % 8})`;

/* Numbers: 1.5k images, four digits of a metric. */
const engineering = (x) => {
  const [size, letter] = [[1e9, "G"], [1e6, "M"], [1e3, "k"]].find(([size]) => Math.abs(x) >= size) || [1, ""];
  return `${Number((x / size).toPrecision(3))}${letter}`;
};
const short = (x) => (x !== 0 && (Math.abs(x) < 1e-3 || Math.abs(x) >= 1e6) ? x.toExponential(2) : String(Number(x.toPrecision(4))));
const whole = (x) => Math.round(x).toLocaleString("en");
const within = (x, low, high) => Math.min(Math.max(x, low), high);

function element(name, attributes = {}, ...children) {
  const made = name.startsWith("svg:") ? document.createElementNS(SVG, name.slice(4)) : document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

function hide(section) {
  $(section).hidden = document.querySelector(`nav a[href="#${section}"]`).hidden = true;
}

/* Tables: a click sorts by what a cell stands for; empty cells stand last. */
function sortBy(header, down) {
  const table = header.closest("table"), column = header.cellIndex, body = table.tBodies[0];
  const key = (row) => row.cells[column].dataset.key;
  const rows = [...body.rows], filled = rows.filter((row) => key(row) !== "");
  const isNumeric = filled.every((row) => !Number.isNaN(Number(key(row))));
  const compare = isNumeric ? (a, b) => key(a) - key(b) : (a, b) => key(a).localeCompare(key(b), "en", { numeric: true });
  filled.sort((a, b) => (down ? compare(b, a) : compare(a, b)));
  for (const other of header.parentNode.cells) other.removeAttribute("aria-sort");
  header.setAttribute("aria-sort", down ? "descending" : "ascending");
  body.append(...filled, ...rows.filter((row) => key(row) === ""));
}

document.addEventListener("click", ({ target }) => {
  const header = target.closest(".sortable th");
  if (header) sortBy(header, header.getAttribute("aria-sort") === "ascending");
  if (target.matches(".enlarge")) target.closest("figure").classList.toggle("large");
});

/* Curves. */
function linearTicks(low, high) {
  const raw = (high - low) / 5, power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 2.5, 5, 10].map((factor) => factor * power).find((size) => size >= raw * 0.999);
  const first = Math.ceil(low / step - 1e-9);
  return Array.from({ length: Math.floor(high / step + 1e-9) - first + 1 }, (_, i) => Number(((first + i) * step).toPrecision(12)));
}

function logTicks(low, high) {
  const decades = Math.log10(high / low), factors = decades > 4 ? [1] : decades > 1 ? [1, 3] : [1, 2, 3, 5, 7];
  const powers = Array.from({ length: Math.ceil(decades) + 2 }, (_, i) => Math.floor(Math.log10(low)) + i);
  const ticks = powers.flatMap((power) => factors.map((factor) => Number((factor * 10 ** power).toPrecision(3))));
  return ticks.filter((tick) => tick >= low * 0.999 && tick <= high * 1.001);
}

function range(values) {
  const low = Math.min(...values), high = Math.max(...values), room = (high - low) * 0.04 || Math.abs(high) * 0.1 || 1;
  return [low - room, high + room];
}

function draw(figure) {
  const name = figure.dataset.metric, svg = figure.querySelector("svg"), { baselines } = columns[name];
  const lines = [...shown].sort((a, b) => a - b).filter((run) => runs[run].series[name]).map((run) => ({ run, points: runs[run].series[name] }));
  const width = svg.clientWidth || 360, height = 230, left = 46, right = width - 10, top = 10, bottom = height - 22;
  const points = lines.flatMap(({ points }) => points), values = points.map(([, y]) => y).filter((y) => y !== null);
  svg.replaceChildren();
  figure.plot = null;
  if (!values.length) return void svg.append(element("svg:text", { x: left, y: 40 }, "no run is shown"));
  const all = [...values, ...baselines], isLog = $("log").checked && Math.min(...all) > 0, move = isLog ? Math.log10 : (y) => y;
  const [low, high] = range(all.map(move)), last = Math.max(...points.map(([x]) => x), 1);
  const x = (images) => left + (images / last) * (right - left), y = (value) => bottom - ((move(value) - low) / (high - low)) * (bottom - top);
  const ticks = isLog ? logTicks(10 ** low, 10 ** high) : linearTicks(low, high);
  for (const tick of ticks.length > 1 ? ticks : all.slice(0, 1)) {
    svg.append(element("svg:line", { class: "rule", x1: left, x2: right, y1: y(tick), y2: y(tick) }));
    svg.append(element("svg:text", { x: left - 6, y: y(tick) + 4, "text-anchor": "end" }, short(tick)));
  }
  for (const tick of linearTicks(0, last)) svg.append(element("svg:text", { x: x(tick), y: height - 5, "text-anchor": tick ? (x(tick) > right - 12 ? "end" : "middle") : "start" }, engineering(tick)));
  for (const value of baselines) svg.append(element("svg:line", { class: "baseline", x1: left, x2: right, y1: y(value), y2: y(value) }));
  for (const { run, points } of lines) svg.append(path(run, points, x, y));
  svg.append(element("svg:g", { class: "marks" }));
  figure.plot = { lines, x, y, left, right, top, bottom, last };
}

function path(run, points, x, y) {
  const d = points.map(([px, py], i) => (py === null ? "" : `${i && points[i - 1][1] !== null ? "L" : "M"}${x(px).toFixed(1)} ${y(py).toFixed(1)}`)).join("");
  const single = points.length === 1 ? `${d}h0.01` : d;
  const line = element("svg:path", { class: "line", d: single, "data-run": run, "stroke-dasharray": DASHES[Math.floor(run / 8) % 4] });
  line.style.stroke = colour(run);
  if (points.length === 1) line.style.strokeWidth = 6;
  return line;
}

/* The values under a finger or a mouse: of the runs nearest to it. */
function point(figure, event) {
  const { plot } = figure, tip = figure.querySelector(".tip"), svg = figure.querySelector("svg"), marks = svg.querySelector(".marks");
  if (!plot) return;
  const box = svg.getBoundingClientRect(), at = within(event.clientX - box.left, plot.left, plot.right), height = event.clientY - box.top;
  const images = ((at - plot.left) / (plot.right - plot.left)) * plot.last;
  const near = plot.lines.flatMap(({ run, points }) => {
    const known = points.filter(([, y]) => y !== null);
    if (!known.length) return [];
    const [x, y] = known.reduce((best, point) => (Math.abs(point[0] - images) < Math.abs(best[0] - images) ? point : best));
    return [{ run, x, y, away: Math.abs(plot.y(y) - height) }];
  });
  near.sort((a, b) => a.away - b.away);
  const [nearest] = near, listed = near.slice(0, 8).sort((a, b) => b.y - a.y);
  if (!nearest) return;
  emphasise(nearest.run);
  marks.replaceChildren(element("svg:line", { class: "cross", x1: plot.x(nearest.x), x2: plot.x(nearest.x), y1: plot.top, y2: plot.bottom }));
  for (const { run, x, y } of listed) {
    const dot = element("svg:circle", { cx: plot.x(x), cy: plot.y(y), r: run === nearest.run ? 4.5 : 3 });
    dot.style.fill = colour(run);
    marks.append(dot);
  }
  const rows = listed.map(({ run, y }) => {
    const dot = element("i");
    dot.style.background = colour(run);
    return element("div", run === nearest.run ? { class: "nearest" } : {}, dot, element("span", {}, runs[run].title), element("b", {}, short(y)));
  });
  const more = near.length > listed.length ? [element("div", {}, `and ${near.length - listed.length} more`)] : [];
  tip.replaceChildren(element("div", {}, `${whole(nearest.x)} images`), ...rows, ...more);
  tip.hidden = false;
  const beside = at + box.left - figure.getBoundingClientRect().left, wide = tip.offsetWidth;
  tip.style.left = `${within(beside > figure.clientWidth / 2 ? beside - wide - 14 : beside + 14, 4, figure.clientWidth - wide - 4)}px`;
  tip.style.top = "2.2rem";
}

function unpoint(figure) {
  figure.querySelector(".tip").hidden = true;
  figure.querySelector(".marks")?.replaceChildren();
  emphasise(null);
}

function emphasise(run) {
  for (const line of document.querySelectorAll(".chart .line")) {
    line.classList.toggle("faint", run !== null && Number(line.dataset.run) !== run);
    line.classList.toggle("thick", run !== null && Number(line.dataset.run) === run);
  }
}

const charts = [...document.querySelectorAll(".chart")];
const drawAll = () => charts.filter((figure) => figure.offsetParent).forEach(draw);
for (const figure of charts) {
  const svg = figure.querySelector("svg");
  for (const kind of ["pointerdown", "pointermove"]) svg.addEventListener(kind, (event) => point(figure, event));
  svg.addEventListener("pointerleave", (event) => event.pointerType === "mouse" && unpoint(figure));
}
document.addEventListener("pointerdown", ({ target }) => charts.filter((figure) => !figure.contains(target)).forEach(unpoint));
for (const details of document.querySelectorAll("#curves details")) details.addEventListener("toggle", drawAll);
new ResizeObserver(drawAll).observe($("curves"));
$("log").addEventListener("change", drawAll);
drawAll();

/* The legend: a chip per run hides and shows it. */
const chips = runs.map((run, index) => {
  const swatch = element("svg:svg", { width: 22, height: 8, "aria-hidden": "true" });
  swatch.append(path(index, [[0, 4], [22, 4]], (x) => x, (y) => y));
  const chip = element("button", { type: "button", class: "chip", "aria-pressed": "true", title: run.name }, swatch, run.title);
  chip.addEventListener("click", () => show(index, !shown.has(index)));
  chip.addEventListener("pointerenter", ({ pointerType }) => pointerType === "mouse" && shown.has(index) && emphasise(index));
  chip.addEventListener("pointerleave", () => emphasise(null));
  return chip;
});
$("chips").append(...chips);

function show(which, isShown) {
  for (const run of [which].flat()) {
    if (isShown) shown.add(run);
    else shown.delete(run);
    chips[run].setAttribute("aria-pressed", isShown);
    if (cards[run]) cards[run].figure.hidden = !isShown;
  }
  drawAll();
}
$("all").addEventListener("click", () => show([...runs.keys()], true));
$("none").addEventListener("click", () => show([...runs.keys()], false));

/* Samples: a slider per run, and one for all by the share of the way. */
const cards = runs.map(({ title, grids }) => {
  if (!grids.length) return null;
  const isText = grids[0].length === 2, told = element("p", { class: "muted" });
  const view = isText ? element("pre", { tabindex: 0 }) : element("img", { class: "enlarge" });
  const slider = element("input", { type: "range", min: 0, max: grids.length - 1, "aria-label": `images seen of ${title}` });
  const turn = (index) => {
    const [images, content, width, height] = grids[index];
    slider.value = index;
    if (isText) view.textContent = content;
    else Object.assign(view, { src: content, width, height, alt: `samples of ${title} at ${whole(images)} images` });
    told.textContent = `${whole(images)} images`;
  };
  slider.addEventListener("input", () => turn(Number(slider.value)));
  turn(grids.length - 1);
  const figure = element("figure", { class: "grid" }, element("figcaption", {}, element("b", {}, title)), view, slider, told);
  $("grids").append(figure);
  return { figure, turn, count: grids.length };
});
const turnAll = () => cards.forEach((card) => card && card.turn(Math.round(($("together").value / 1000) * (card.count - 1))));
$("together").addEventListener("input", turnAll);

let playing = null;
function play() {
  if (playing) return stop();
  $("play").textContent = "stop";
  const steps = Math.max(...cards.map((card) => (card ? card.count - 1 : 0)), 1);
  let step = 0;
  playing = setInterval(() => {
    $("together").value = (1000 * step) / steps;
    turnAll();
    if (step++ >= steps) stop();
  }, 400);
}
function stop() {
  clearInterval(playing);
  playing = null;
  $("play").textContent = "play";
}
$("play").addEventListener("click", play);
if (!cards.some(Boolean)) hide("samples");

/* Time to a value. */
const bestOf = (points, mode) => points.filter(([, y]) => y !== null).reduce((best, point) => (best && (mode === "max" ? best[1] >= point[1] : best[1] <= point[1]) ? best : point), null);

function choose() {
  const name = $("metric").value, mode = columns[name].mode || "min";
  $("direction").value = mode;
  suggest();
}

function suggest() {
  const name = $("metric").value, mode = $("direction").value;
  const bests = runs.map((run) => run.series[name] && bestOf(run.series[name], mode)).filter(Boolean).map(([, y]) => y);
  bests.sort((a, b) => a - b);
  const middle = bests[Math.floor(bests.length / 2)] ?? 0, digits = 10 ** (2 - Math.floor(Math.log10(Math.abs(middle) || 1)));
  $("value").value = Number(((mode === "max" ? Math.floor(middle * digits) : Math.ceil(middle * digits)) / digits).toPrecision(6));
  reach();
}

function reach() {
  const name = $("metric").value, mode = $("direction").value, value = Number($("value").value), given = $("value").value !== "";
  const rows = runs.filter((run) => run.series[name]).map((run) => {
    const found = given && run.series[name].find(([, y]) => y !== null && (mode === "max" ? y >= value : y <= value));
    const best = bestOf(run.series[name], mode), seconds = found && run.speed ? found[0] / run.speed : null;
    const cells = [
      ["name", run.title, run.title],
      ["number", found ? found[0] : "", found ? whole(found[0]) : given ? "not reached" : ""],
      ["number", seconds ?? "", seconds === null ? "" : `about ${short(Number(seconds.toPrecision(3)))}`],
      ["number", best ? best[1] : "", best ? `${short(best[1])} at ${engineering(best[0])}` : ""],
    ];
    return element("tr", {}, ...cells.map(([kind, key, text]) => element("td", { class: kind, "data-key": key }, text)));
  });
  $("reached").tBodies[0].replaceChildren(...rows);
  sortBy($("reached").tHead.rows[0].cells[1], false);
}

const votes = (name) => runs.filter((run) => `val/${run.primary}` === name).length;
metrics.sort((a, b) => votes(b) - votes(a));
$("metric").append(...metrics.map((name) => element("option", { value: name }, name.replace("val/", ""))));
$("metric").addEventListener("change", choose);
$("direction").addEventListener("change", suggest);
$("value").addEventListener("input", reach);
if (metrics.length) choose();
else hide("time");
