/* The chosen checkpoint's metric over each option in which the runs differ. */
function drawOption(figure) {
  const name = figure.dataset.option, values = options[name], metric = $("judged").value, svg = figure.querySelector("svg");
  const dots = units().flatMap(({ title, runs: members }, unit) =>
    members.filter((run) => shown.has(run) && values[run] !== null && metric in runs[run].chosen).map((run) => ({ unit, title, at: values[run], y: runs[run].chosen[metric] })),
  );
  const width = svg.clientWidth || 360, height = 230, left = 46, right = width - 10, top = 10, bottom = height - 36;
  svg.replaceChildren();
  if (!dots.length) return void svg.append(element("svg:text", { x: left, y: 40 }, "no run is shown"));
  const [low, high] = range(dots.map(({ y }) => y)), y = (value) => bottom - ((value - low) / (high - low)) * (bottom - top);
  const { x, ticks } = across(values, left, right);
  rules(svg, linearTicks(low, high), y, left, right);
  ticks.forEach(([at, text], index) => svg.append(tickOf(x(at), bottom + 15 + (index % 2 && ticks.length > 4 ? 13 : 0), text, left, right)));
  const means = [...new Set(dots.map(({ at }) => at))].sort((a, b) => x(a) - x(b)).map((at) => [at, meanOf(dots.filter((dot) => dot.at === at).map((dot) => dot.y))]);
  svg.append(element("svg:path", { class: "means", d: `M${means.map(([at, mean]) => `${x(at).toFixed(1)} ${y(mean).toFixed(1)}`).join("L")}` }));
  for (const { unit, title, at, y: value } of dots) {
    const dot = element("svg:circle", { cx: x(at), cy: y(value), r: 4, "data-unit": unit }, element("svg:title", {}, `${title}: ${short(value)}`));
    dot.style.fill = colour(unit);
    svg.append(dot);
  }
}

/* Places of an option's values: on a line, or a logarithmic one, of numbers; else side by side. */
function across(values, left, right) {
  const known = [...new Set(values.filter((value) => value !== null))], room = (right - left) / (2 * known.length);
  if (known.some((value) => typeof value !== "number")) {
    return { x: (at) => left + room * (2 * known.indexOf(at) + 1), ticks: known.map((at) => [at, String(at)]) };
  }
  const isLog = Math.min(...known) > 0 && Math.max(...known) / Math.min(...known) > 20, move = isLog ? Math.log10 : (at) => at;
  const [low, high] = range(known.map(move));
  const all = known.sort((a, b) => a - b), ticks = all.length <= 6 ? all : isLog ? logTicks(all[0], all.at(-1)) : linearTicks(all[0], all.at(-1));
  return { x: (at) => left + 12 + ((move(at) - low) / (high - low)) * (right - left - 24), ticks: ticks.map((at) => [at, short(at)]) };
}

function tickOf(x, y, text, left, right) {
  const anchor = x < left + 20 ? "start" : x > right - 20 ? "end" : "middle", shortened = text.length > 18 ? `${text.slice(0, 17)}…` : text;
  return element("svg:text", { x, y, "text-anchor": anchor }, shortened, element("svg:title", {}, text));
}

const optionCharts = Object.keys(options).map((name) => {
  const figure = element("figure", { class: "chart", "data-option": name }, element("figcaption", {}, name), element("svg:svg", { role: "img", "aria-label": `chosen metric over ${name}` }));
  $("optionCharts").append(figure);
  return figure;
});
const preferred = [...chosen].sort((a, b) => runs.filter(({ primary }) => primary === b).length - runs.filter(({ primary }) => primary === a).length);
$("judged").append(...preferred.map((name) => element("option", { value: name }, name)));
const drawOptions = () => optionCharts.forEach(drawOption);
$("judged").addEventListener("change", drawOptions);
if (optionCharts.length && chosen.length) {
  redrawn.push(drawOptions);
  new ResizeObserver(drawOptions).observe($("options"));
} else hide("options");

/* What the runs took, as bars. */
function drawCosts() {
  $("costs").replaceChildren(
    ...costs.map((name) => {
      const found = units().map(({ title, runs: members }, unit) => ({ unit, title, values: members.filter((run) => shown.has(run) && name in runs[run].costs).map((run) => runs[run].costs[name]) })).filter(({ values }) => values.length);
      const most = Math.max(...found.map(({ values }) => meanOf(values)));
      const bars = found.map(({ unit, title, values }) => {
        const bar = element("i"), mean = meanOf(values);
        bar.style.background = colour(unit);
        bar.style.width = `${(100 * mean) / (most || 1)}%`;
        return element("div", { class: "bar" }, element("span", {}, title), element("b", {}, mean < 100 ? short(mean) : whole(mean)), element("div", {}, bar));
      });
      return element("figure", { class: "chart" }, element("figcaption", {}, name), ...bars);
    }),
  );
}
redrawn.push(drawCosts);
if (!costs.length && !document.querySelector("#system .chart[data-metric]")) hide("system");
