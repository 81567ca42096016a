"use strict";
const { runs, groups, columns, metrics, chosen, options, costs } = JSON.parse(document.getElementById("data").textContent);
const $ = (id) => document.getElementById(id);
const shown = new Set(runs.keys()), matching = new Set(runs.keys());
const redrawn = []; // what is drawn anew when other runs are shown
const DASHES = ["", "7 4", "2 4", "9 3 2 3"];
const SVG = document.querySelector("svg").namespaceURI;
const colour = (unit) => `var(--c${unit % 8})`;

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

/* Units are what has a colour: the runs, or runs that differ in their seed alone together. */
const averaging = () => $("average").checked;
const units = () => (averaging() ? groups : runs.map(({ title }, run) => ({ title, runs: [run] })));
const meanOf = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;
const deviationOf = (values, mean) => (values.length < 2 ? null : Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (values.length - 1)));

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
