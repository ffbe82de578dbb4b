// The reports page: asks the API, shows what it says. All figures are the controller's; nothing is counted here
// but the sum over queues or agents of one interval, for the plots.

import { bars, line } from "/static/plots.js";
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

function shown(column, value) {
  if (value === null || value === undefined) return "–";
  if (column === "begin" || column === "end") return value.replace("T", " ").slice(0, 16);
  if (column.endsWith("_seconds")) return value < 60 ? `${value.toFixed(1)} s` : span(value);
  if (column.endsWith("_percent")) return `${value.toFixed(1)} %`;
  if (column === "occupancy" || column.startsWith("abandon_rate") || column.startsWith("first_call")) return `${(100 * value).toFixed(1)} %`;
  return String(value);
}

const words = (column) => column.replace(/_(seconds|percent)$/, "").replaceAll("_", " ");

function fill(report) {
  const { columns, rows, total } = report;
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
    tr.append(...used.map((column) => Object.assign(document.createElement("td"), { textContent: shown(column, row[column]) })));
    return tr;
  }));
  get("rows-count").textContent = rows.length > 2000 ? `the first 2000 of ${rows.length}; the CSV has all` : String(rows.length);
  get("empty").hidden = rows.length > 0;
  plot(report);
}

function plot({ report, interval, rows }) {
  const begins = [...new Set(rows.map((row) => row.begin))].sort();
  const label = (begin) => (interval === "hour" ? begin.slice(8, 16).replace("T", " ") : begin.slice(0, 10));
  const labels = begins.map(label);
  const sum = (column, factor = 1) => begins.map((begin) => rows.reduce((all, row) => all + (row.begin === begin ? (row[column] ?? 0) * factor : 0), 0));
  const plots = [];
  if (rows.length > 0 && report === "agents") {
    const hours = 1 / 3600;
    plots.push(bars("Agents' hours", labels, [
      ["busy", "in calls", sum("state_in_a_queue_call_seconds", hours)], ["rest", "wrap-up", sum("state_wrap_up_seconds", hours)],
      ["answered", "waiting", sum("state_waiting_seconds", hours)], ["overflowed", "on break", sum("state_on_break_seconds", hours)],
    ], " h"));
    plots.push(bars("Offers", labels, [
      ["answered", "answered", sum("offers_answered")], ["abandoned", "no answer", sum("offers_no_answer")],
      ["overflowed", "rejected", sum("offers_rejected")], ["lost", "busy", sum("offers_busy")],
    ]));
  } else if (rows.length > 0) {
    plots.push(bars("Calls by what became of them", labels, OUTCOMES.map((name) => [name, name, sum(name)])));
    const names = new Set(rows.map((row) => row.queue));
    if (names.size === 1) plots.push(line("Service level", labels, rows.map((row) => row.service_level_percent), 100, " %"));
    const waits = sum("answered_wait_seconds");
    const answered = sum("answered");
    plots.push(bars("Average speed of answer", labels, [["busy", "to the answer", waits.map((wait, n) => (answered[n] ? wait / answered[n] : 0))]], " s"));
  }
  get("plots").replaceChildren(...plots);
}

async function show() {
  const button = form.querySelector("button");
  button.disabled = true;
  try {
    fill(await ask(address()));
    get("csv").href = address("csv");
    get("wrong").hidden = true;
    get("answer").hidden = false;
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
