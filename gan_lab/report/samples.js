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
redrawn.push(() => cards.forEach((card, run) => card && (card.figure.hidden = !shown.has(run))));

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
  const rows = runs.filter((run, index) => run.series[name] && matching.has(index)).map((run) => {
    const found = given && run.series[name].find(([, y]) => y !== null && (mode === "max" ? y >= value : y <= value));
    const best = bestOf(run.series[name], mode), seconds = found && run.speed ? found[0] / run.speed : null;
    const cells = [
      ["name", run.title, run.title],
      ["number", found ? found[0] : "", found ? whole(found[0]) : given ? "not reached" : ""],
      ["number", seconds ?? "", seconds === null ? "" : `about ${short(Number(seconds.toPrecision(3)))}`],
      ["number", best ? best[1] : "", best ? `${short(best[1])} at ${engineering(best[0])}` : ""],
    ];
    const labels = [...$("reached").tHead.rows[0].cells].map((cell) => cell.textContent);
    return element("tr", {}, ...cells.map(([kind, key, text], i) => element("td", { class: kind, "data-key": key, "data-label": labels[i] }, text)));
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
if (metrics.length) {
  choose();
  redrawn.push(reach);
} else hide("time");
for (const redraw of redrawn) redraw();
