// The reports page: asks the API, shows what it says. All figures are the controller's; nothing is counted here
// but the sum over queues or agents of one interval, for the plots.

import { bars, fit, line } from "/static/plots.js";
import { span } from "/static/words.js";

const get = (id) => document.getElementById(id);
const form = get("ask");
const OUTCOMES = ["answered", "abandoned", "overflowed", "callback", "lost", "waiting"];

const today = () => new Date(Date.now() - new Date().getTimezoneOffset() * 60_000).toISOString().slice(0, 10);

async function ask(path) {
  const token = sessionStorage.getItem("token");
  const response = await fetch(path, { headers: token ? { Authorization: `Bearer ${token}` } : {}, cache: "no-store" }).catch(() => {
    throw new Error("The controller doesn't answer. See whether it runs, then ask again.");
  });
  const body = await response.json();
  if (response.ok) return body;
  const login = response.status === 401 ? " Open the live page first: it asks for the token." : "";
  throw new Error(`${body.error}. ${body.hint}.${login}`);
}

function address(format) {
  const wanted = new URLSearchParams();
  for (const [key, value] of new FormData(form)) {
    if (key === "name") for (const name of value.split(",").map((n) => n.trim()).filter(Boolean)) wanted.append("name", name);
    else if (key !== "what" && value !== "") wanted.set(key, value);
  }
  if (format) wanted.set("format", format);
  return `/api/v1/reports/${form.what.value}?${wanted}`;
}

// Names of intervals. An hour that the clocks bring twice is told apart by how far it is from UTC.
function names(begins, interval) {
  const short = ["quarter", "half-hour", "hour"].includes(interval) ? (begin) => begin.replace("T", " ").slice(0, 16) : (begin) => begin.slice(0, 10);
  const times = new Map();
  for (const begin of begins) times.set(short(begin), (times.get(short(begin)) ?? 0) + 1);
  return new Map(begins.map((begin) => [begin, times.get(short(begin)) > 1 ? `${short(begin)} ${begin.slice(19).replace(":00", "")}` : short(begin)]));
}

function shown(column, value) {
  if (value === null || value === undefined) return "–";
  if (column.endsWith("_seconds")) return value < 59.95 ? `${value.toFixed(1)} s` : span(Math.round(value));
  if (column.endsWith("_percent")) return `${value.toFixed(1)} %`;
  if (column === "occupancy" || column.startsWith("abandon_rate") || column.startsWith("first_call")) return `${(100 * value).toFixed(1)} %`;
  return String(value);
}

const words = (column) => column.replace(/_(seconds|percent)$/, "").replaceAll("_", " ");

function fill(report) {
  const { columns, rows, total } = report;
  const begins = names(report.begins, report.interval);
  get("formula-text").textContent = report.report === "agents" ? "" : `service level: ${report.formula} = ${report.formula_text}`;
  get("figures").replaceChildren(...Object.entries(total).filter(([, value]) => value !== 0 && value !== null).map(([column, value]) => {
    const box = document.createElement("div");
    const [term, says] = [document.createElement("dt"), document.createElement("dd")];
    term.textContent = words(column);
    says.textContent = shown(column, value);
    says.dataset.figure = column;
    box.append(term, says);
    return box;
  }));
  get("together").hidden = get("figures").childElementCount === 0;
  const used = columns.filter((column) => column !== "end" && (typeof total[column] === "undefined" || (total[column] !== 0 && total[column] !== null)));
  const head = document.createElement("tr");
  head.append(...used.map((column) => Object.assign(document.createElement("th"), { scope: "col", textContent: words(column) })));
  get("heads").replaceChildren(head);
  get("rows").replaceChildren(...rows.slice(0, 2000).map((row) => {
    const tr = document.createElement("tr");
    tr.append(...used.map((column) => Object.assign(document.createElement("td"), { textContent: column === "begin" ? begins.get(row.begin) : shown(column, row[column]) })));
    return tr;
  }));
  get("rows-count").textContent = rows.length > 2000 ? `the first 2000 of ${rows.length}; the CSV has all` : String(rows.length);
  get("empty").hidden = rows.length > 0;
  plot(report, begins);
}

// Every interval from the first to the last in which anything happened: time without calls is time too.
function plot({ report, rows, begins: all }, labelled) {
  const place = new Map(all.map((begin, n) => [begin, n]));
  const used = rows.map((row) => place.get(row.begin));
  const first = used.reduce((least, n) => Math.min(least, n), all.length);
  const begins = all.slice(first, used.reduce((most, n) => Math.max(most, n), -1) + 1);
  const labels = begins.map((begin) => labelled.get(begin).slice(5));
  const values = (column, none, add) => rows.reduce((out, row, n) => {
    out[used[n] - first] = add(out[used[n] - first], row[column]);
    return out;
  }, begins.map(() => none));
  const sum = (column, factor = 1) => values(column, 0, (before, value) => before + (value ?? 0) * factor);
  const several = (columns, factor) => columns.map((column) => sum(column, factor)).reduce((some, more) => some.map((value, n) => value + more[n]));
  const plots = [];
  const room = get("plots").clientWidth - 34;
  fit(room < 600 ? room : 640);
  if (rows.length > 0 && report === "agents") {
    const spent = (...states) => several(states.map((state) => `state_${state}_seconds`), 1 / 3600);
    plots.push(bars("Agents' hours, logged in", labels, [
      ["busy", "in calls", spent("in_a_queue_call")], ["rest", "wrap-up", spent("wrap_up")], ["ring", "ringing", spent("reserved", "receiving")],
      ["answered", "waiting for calls", spent("waiting")], ["off", "idle", spent("idle")],
      ["elsewhere", "busy elsewhere", spent("busy_elsewhere")], ["overflowed", "on break", spent("on_break")],
    ], " h"));
    plots.push(bars("Offers", labels, [
      ["answered", "answered", sum("offers_answered")], ["abandoned", "no answer", sum("offers_no_answer")],
      ["overflowed", "rejected", sum("offers_rejected")], ["lost", "busy", sum("offers_busy")],
      ["rest", "not reached", several(["offers_unreachable", "offers_unregistered", "offers_path_error"])],
      ["off", "withdrawn", sum("offers_withdrawn")],
    ]));
  } else if (rows.length > 0) {
    plots.push(bars("Calls by what became of them", labels, OUTCOMES.map((name) => [name, name, sum(name)])));
    if (new Set(rows.map((row) => row.queue)).size === 1) plots.push(line("Service level", labels, values("service_level_percent", null, (_, value) => value), 100, " %"));
    const waits = sum("answered_wait_seconds");
    const answered = sum("answered");
    const speeds = waits.map((wait, n) => (answered[n] ? wait / answered[n] : 0));
    const [unit, seconds] = Math.max(...speeds) > 180 ? [" min", 60] : [" s", 1];
    plots.push(bars("Average speed of answer", labels, [["busy", "to the answer", speeds.map((speed) => speed / seconds)]], unit));
  }
  get("plots").replaceChildren(...plots);
}

async function show() {
  const button = form.querySelector("button");
  button.disabled = true;
  try {
    const report = await ask(address());
    get("wrong").hidden = true;
    get("answer").hidden = false; // first: plots are as wide as there is room
    fill(report);
    get("csv").href = address("csv");
  } catch (error) {
    // The figures of another question must not stand under this one.
    get("answer").hidden = true;
    get("csv").removeAttribute("href");
    get("wrong").textContent = error.message;
    get("wrong").hidden = false;
  } finally {
    button.disabled = false;
  }
}

async function start() {
  form.from.value = form.to.value = today();
  form.zone.value = Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC";
  form.interval.value = "hour";
  const spec = await ask("/api/openapi.json").catch(() => null);
  const about = spec?.paths["/api/v1/reports/{what}"].get.parameters.find((p) => p.name === "formula");
  const names = about?.description.split(": ")[1].split(" ") ?? ["callcenter"];
  get("formulas").replaceChildren(...names.map((name) => new Option(name, name)));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    show();
  });
  show();
}

start();
