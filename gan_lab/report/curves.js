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

/* Means of what ran, over images seen. */
function smooth(points) {
  const weight = Number($("smoothing").value);
  let sum = 0, count = 0;
  return points.map(([x, y]) => {
    if (y === null || !weight) return [x, y];
    sum = weight * sum + (1 - weight) * y;
    return [x, sum / (1 - weight ** ++count)];
  });
}

function at(points, x) {
  const next = points.findIndex(([px]) => px >= x);
  if (next < 0 || x < points[0][0]) return null;
  const [px, py] = points[next], [ox, oy] = points[Math.max(next - 1, 0)];
  if (px === x || py === null || oy === null) return px === x ? py : null;
  return oy + ((py - oy) * (x - ox)) / (px - ox);
}

/* [images seen, mean, standard deviation] of several curves, at the images of the longest. */
function averaged(series) {
  if (series.length === 1) return series[0].map(([x, y]) => [x, y, null]);
  const longest = series.reduce((best, points) => (points.at(-1)[0] > best.at(-1)[0] ? points : best));
  return longest.map(([x]) => {
    const values = series.map((points) => at(points, x)).filter((y) => y !== null);
    if (!values.length) return [x, null, null];
    const mean = meanOf(values);
    return [x, mean, deviationOf(values, mean)];
  });
}

function linesOf(name) {
  return units().flatMap(({ title, runs: members }, unit) => {
    const series = members.filter((run) => shown.has(run) && runs[run].series[name]).map((run) => runs[run].series[name]);
    if (!series.length) return [];
    const points = averaged(series.map(smooth)), isSmooth = Number($("smoothing").value) > 0 && points.length > 1;
    return [{ unit, title: series.length > 1 ? `${title} (${series.length} seeds)` : title, points, raw: isSmooth ? averaged(series) : null }];
  });
}

function draw(figure) {
  const name = figure.dataset.metric, svg = figure.querySelector("svg"), { baselines } = columns[name];
  const lines = linesOf(name), points = lines.flatMap(({ points, raw }) => [...points, ...(raw || [])]);
  const values = points.flatMap(([, y, deviation]) => (y === null ? [] : [y, y - deviation, y + deviation]));
  const plot = axes(svg, values, baselines, points.map(([x]) => x));
  figure.plot = plot && { lines, ...plot };
  if (!plot) return;
  for (const { unit, points } of lines) if (points.some(([, , deviation]) => deviation)) svg.append(band(unit, points, plot));
  for (const { unit, raw } of lines) if (raw) svg.append(path(unit, raw, plot.x, plot.y, "raw"));
  for (const { unit, points } of lines) svg.append(path(unit, points, plot.x, plot.y));
  svg.append(element("svg:g", { class: "marks" }));
}

/* Rules and numbers of an empty chart; null where there is nothing to draw. */
function axes(svg, values, baselines, images) {
  const width = svg.clientWidth || 360, height = 230, left = 46, right = width - 10, top = 10, bottom = height - 22;
  svg.replaceChildren();
  if (!values.length) return svg.append(element("svg:text", { x: left, y: 40 }, "no run is shown")) || null;
  const isLog = $("log").checked && Math.min(...baselines, ...values.filter((_, index) => index % 3 === 0)) > 0, move = isLog ? Math.log10 : (y) => y;
  const all = [...values, ...baselines].filter((y) => !isLog || y > 0);
  const [low, high] = range(all.map(move)), last = Math.max(...images, 1);
  const x = (at) => left + (at / last) * (right - left);
  const y = (value) => (isLog && value <= 0 ? bottom : bottom - ((move(value) - low) / (high - low)) * (bottom - top));
  const ticks = isLog ? logTicks(10 ** low, 10 ** high) : linearTicks(low, high);
  rules(svg, ticks.length > 1 ? ticks : all.slice(0, 1), y, left, right);
  for (const tick of linearTicks(0, last)) svg.append(element("svg:text", { x: x(tick), y: height - 5, "text-anchor": tick ? (x(tick) > right - 12 ? "end" : "middle") : "start" }, engineering(tick)));
  for (const value of baselines) svg.append(element("svg:line", { class: "baseline", x1: left, x2: right, y1: y(value), y2: y(value) }));
  return { x, y, left, right, top, bottom, last };
}

function rules(svg, ticks, y, left, right) {
  for (const tick of ticks) {
    svg.append(element("svg:line", { class: "rule", x1: left, x2: right, y1: y(tick), y2: y(tick) }));
    svg.append(element("svg:text", { x: left - 6, y: y(tick) + 4, "text-anchor": "end" }, short(tick)));
  }
}

function path(unit, points, x, y, kind = "line") {
  const d = points.map(([px, py], i) => (py === null ? "" : `${i && points[i - 1][1] !== null ? "L" : "M"}${x(px).toFixed(1)} ${y(py).toFixed(1)}`)).join("");
  const single = points.length === 1 ? `${d}h0.01` : d;
  const line = element("svg:path", { class: `line ${kind}`, d: single, "data-unit": unit, "stroke-dasharray": DASHES[Math.floor(unit / 8) % 4] });
  line.style.stroke = colour(unit);
  if (points.length === 1) line.style.strokeWidth = 6;
  return line;
}

/* One standard deviation above and below a mean. */
function band(unit, points, { x, y }) {
  const known = points.filter(([, mean, deviation]) => mean !== null && deviation !== null);
  const edge = (sign) => known.map(([px, mean, deviation]) => `${x(px).toFixed(1)} ${y(mean + sign * deviation).toFixed(1)}`);
  const area = element("svg:path", { class: "band", d: `M${[...edge(1), ...edge(-1).reverse()].join("L")}Z`, "data-unit": unit });
  area.style.fill = colour(unit);
  return area;
}

/* The values under a finger or a mouse: of the runs nearest to it. */
function point(figure, event) {
  const { plot } = figure, tip = figure.querySelector(".tip"), svg = figure.querySelector("svg"), marks = svg.querySelector(".marks");
  if (!plot) return;
  const box = svg.getBoundingClientRect(), at = within(event.clientX - box.left, plot.left, plot.right), height = event.clientY - box.top;
  const images = ((at - plot.left) / (plot.right - plot.left)) * plot.last;
  const near = plot.lines.flatMap(({ unit, title, points }) => {
    const known = points.filter(([, y]) => y !== null);
    if (!known.length) return [];
    const [x, y, deviation] = known.reduce((best, point) => (Math.abs(point[0] - images) < Math.abs(best[0] - images) ? point : best));
    return [{ unit, title, x, y, deviation, away: Math.abs(plot.y(y) - height) }];
  });
  near.sort((a, b) => a.away - b.away);
  const [nearest] = near, listed = near.slice(0, 8).sort((a, b) => b.y - a.y);
  if (!nearest) return;
  emphasise(nearest.unit);
  marks.replaceChildren(element("svg:line", { class: "cross", x1: plot.x(nearest.x), x2: plot.x(nearest.x), y1: plot.top, y2: plot.bottom }));
  for (const { unit, x, y } of listed) {
    const dot = element("svg:circle", { cx: plot.x(x), cy: plot.y(y), r: unit === nearest.unit ? 4.5 : 3 });
    dot.style.fill = colour(unit);
    marks.append(dot);
  }
  const rows = listed.map(({ unit, title, y, deviation }) => {
    const dot = element("i"), value = deviation === null ? short(y) : `${short(y)} ± ${Number(deviation.toPrecision(2))}`;
    dot.style.background = colour(unit);
    return element("div", unit === nearest.unit ? { class: "nearest" } : {}, dot, element("span", {}, title), element("b", {}, value));
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

function emphasise(unit) {
  for (const line of document.querySelectorAll(".chart [data-unit]")) {
    line.classList.toggle("faint", unit !== null && Number(line.dataset.unit) !== unit);
    line.classList.toggle("thick", unit !== null && Number(line.dataset.unit) === unit);
  }
}

const charts = [...document.querySelectorAll(".chart[data-metric]")];
const drawAll = () => charts.filter((figure) => figure.offsetParent).forEach(draw);
for (const figure of charts) {
  const svg = figure.querySelector("svg");
  for (const kind of ["pointerdown", "pointermove"]) svg.addEventListener(kind, (event) => point(figure, event));
  svg.addEventListener("pointerleave", (event) => event.pointerType === "mouse" && unpoint(figure));
}
document.addEventListener("pointerdown", ({ target }) => charts.filter((figure) => !figure.contains(target)).forEach(unpoint));
for (const details of document.querySelectorAll("#curves details")) details.addEventListener("toggle", drawAll);
new ResizeObserver(drawAll).observe($("curves"));
for (const id of ["log", "smoothing"]) $(id).addEventListener("input", drawAll);
redrawn.push(drawAll);

/* The legend: a chip per unit hides and shows its runs. */
function drawChips() {
  const made = units().map(({ title, runs: members }, unit) => {
    const found = members.filter((run) => matching.has(run)), isShown = found.some((run) => shown.has(run));
    if (!found.length) return "";
    const swatch = element("svg:svg", { width: 22, height: 8, "aria-hidden": "true" });
    swatch.append(path(unit, [[0, 4], [22, 4]], (x) => x, (y) => y));
    const names = members.map((run) => runs[run].name).join("\n");
    const chip = element("button", { type: "button", class: "chip", "aria-pressed": isShown, title: names }, swatch, title);
    chip.addEventListener("click", () => show(found, !isShown));
    chip.addEventListener("pointerenter", ({ pointerType }) => pointerType === "mouse" && isShown && emphasise(unit));
    chip.addEventListener("pointerleave", () => emphasise(null));
    return chip;
  });
  $("chips").replaceChildren(...made);
}
redrawn.push(drawChips);

function show(which, isShown) {
  for (const run of which) {
    if (isShown) shown.add(run);
    else shown.delete(run);
  }
  for (const redraw of redrawn) redraw();
}
$("all").addEventListener("click", () => show([...matching], true));
$("none").addEventListener("click", () => show([...runs.keys()], false));
$("average").addEventListener("change", () => show([], true));
$("average").closest("label").hidden = groups.length === runs.length;

/* A search hides all runs without its words. */
$("search").addEventListener("input", () => {
  const words = $("search").value.toLowerCase().split(/\s+/);
  runs.forEach((run, index) => {
    const isFound = words.every((word) => run.words.toLowerCase().includes(word));
    if (isFound) matching.add(index);
    else matching.delete(index);
    document.querySelector(`#overview [data-run="${index}"]`).hidden = !isFound;
  });
  shown.clear();
  show([...matching], true);
});
