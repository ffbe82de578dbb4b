// The live page. Rows are kept by key and changed in place, so that a reader's eyes and screen readers
// stay where they are. Timers run here; the controller sends moments, not ages.

import { Feed } from "./feed.js";
import { explain } from "./why.js";
import { CALL_STATES, STATES, agentsNeeded, breakAsked, breakName, expectedError, expectedWait, many, newcomerWaits, serviceLevel, span, staffingBasis, waitLevel, worst } from "./words.js";

const byId = (id) => document.getElementById(id);
const BUSINESS = ["waiting", "reserved", "receiving", "in_a_queue_call", "busy_elsewhere", "wrap_up", "idle", "on_break"];

function make(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

function setData(node, name, value) {
  if (node.dataset[name] !== value) node.dataset[name] = value;
}

// Children of `parent`, one per row, in order; `draw(node, row)` fills one in.
function keyed(parent, rows, key, create, draw) {
  const old = new Map([...parent.children].map((node) => [node.dataset.key, node]));
  let before = parent.firstElementChild;
  for (const row of rows) {
    const id = String(row[key]);
    let node = old.get(id);
    if (node) {
      old.delete(id);
    } else {
      node = create();
      node.dataset.key = id;
    }
    if (node === before) before = before.nextElementSibling;
    else parent.insertBefore(node, before);
    draw(node, row);
  }
  for (const node of old.values()) node.remove();
}

// ---- queues

function createQueue() {
  const node = make("article", { class: "queue" });
  node.innerHTML = `<header><h3></h3><span class="strategy"></span></header>
    <dl class="figures"><div><dt>Waiting</dt><dd data-f="waiting"></dd></div>
    <div><dt>Longest wait</dt><dd data-f="longest"></dd></div>
    <div><dt data-f="sl-name"></dt><dd><span data-f="sl"></span> <small data-f="goal"></small></dd></div></dl>
    <p class="outlook"><span data-f="no-outlook">Too few calls so far for an outlook</span>
    <span data-f="outlook"><span>A new caller waits <b data-f="expected"></b></span> <span>Agents needed <b data-f="needed"></b></span></span></p>
    <div class="staff" role="img"></div><div class="legend"></div><div class="tallies"></div>`;
  node.fields = Object.fromEntries([...node.querySelectorAll("[data-f]")].map((f) => [f.dataset.f, f]));
  return node;
}

function drawQueue(node, queue) {
  node.row = queue;
  const sl = queue.service_level;
  setText(node.querySelector("h3"), queue.name);
  setText(node.querySelector(".strategy"), queue.divert ? `diverted: ${queue.divert}` : queue.strategy);
  setText(node.fields.waiting, String(queue.waiting));
  const known = Boolean(queue.expected_wait || queue.staffing);
  node.fields.outlook.hidden = !known;
  node.fields["no-outlook"].hidden = known;
  setText(node.fields.expected, newcomerWaits(queue.expected_wait));
  node.fields.expected.parentElement.title = expectedError(queue.expected_wait_error);
  setText(node.fields.needed, agentsNeeded(queue.staffing));
  node.fields.needed.title = staffingBasis(queue.staffing);
  const percent = sl.now_percent === null ? "–" : `${Math.round(sl.now_percent)} %`;
  setText(node.fields["sl-name"], `Within ${sl.seconds} s`);
  setText(node.fields.sl, percent);
  setText(node.fields.goal, `/ ${sl.percent} %`);
  setData(node.fields.sl, "level", serviceLevel(sl));
  node.fields.sl.parentElement.title = `Last ${Math.round(sl.window_seconds / 60)} minutes: ${sl.formula}`;
  drawStaff(node, queue.agents);
  const tallies = [
    [queue.answered, "answered"], [queue.abandoned, "abandoned"], [queue.overflowed, "overflowed"],
  ];
  if (queue.lost > 0) tallies.push([queue.lost, "lost"]);
  node.querySelector(".tallies").replaceChildren(
    ...tallies.map(([count, word]) => make("span", {}, make("b", {}, String(count)), ` ${word}`)),
  );
  tickQueue(node);
}

function drawStaff(node, agents) {
  const here = BUSINESS.filter((state) => agents[state] > 0);
  const bars = here.map((state) => {
    const bar = make("i", { "data-tone": STATES[state][1] });
    bar.style.flex = String(agents[state]);
    return bar;
  });
  const words = here.map((state) => `${agents[state]} ${STATES[state][0].toLowerCase()}`);
  const staff = node.querySelector(".staff");
  staff.replaceChildren(...bars);
  staff.setAttribute("aria-label", words.length ? `Agents: ${words.join(", ")}` : "No agents logged in");
  const legend = here.map((state) =>
    make("span", { "data-tone": STATES[state][1] }, make("i"), make("b", {}, String(agents[state])), ` ${STATES[state][0].toLowerCase()}`),
  );
  node.querySelector(".legend").replaceChildren(...(legend.length ? legend : ["No agents logged in"]));
}

function tickQueue(node) {
  const queue = node.row;
  const sl = queue.service_level;
  const waited = queue.oldest_at === null ? null : feed.now() - queue.oldest_at;
  const level = waited === null ? "none" : waitLevel(waited, sl.seconds);
  setText(node.fields.longest, waited === null ? "–" : span(waited));
  setData(node.fields.longest, "level", level === "good" ? "none" : level);
  const staffed = BUSINESS.some((state) => queue.agents[state] > 0);
  const alone = queue.waiting > 0 && !staffed ? "bad" : "none";
  setData(node, "level", worst(level, serviceLevel(sl), alone));
}

// ---- callers

function createCall() {
  const node = make("tr");
  node.innerHTML = `<td class="num"></td><td><span class="number"></span> <span class="sub narrow"></span></td><td class="name"></td><td><button type="button" class="pill"></button> <span class="sub"></span></td><td class="num"></td><td class="num expected"></td>`;
  node.querySelector("button").addEventListener("click", () => explain(node.row, () => feed.state.calls));
  return node;
}

function drawCall(node, call) {
  node.row = call;
  const [word, tone] = CALL_STATES[call.state] ?? [call.state, "off"];
  const cells = node.children;
  setText(cells[0], call.position === null ? "–" : String(call.position));
  setText(cells[1].firstElementChild, call.number);
  setText(cells[1].lastElementChild, call.queue);
  setText(cells[2], call.queue);
  const pill = cells[3].firstElementChild;
  setText(pill, word);
  setData(pill, "tone", tone);
  const label = `${word}: why ${call.number} still waits`;
  if (pill.title !== label) {
    pill.title = label;
    pill.setAttribute("aria-label", label);
  }
  const ringing = call.agents.length > 2 ? many(call.agents.length, "agent", "agents") : call.agents.join(", ");
  setText(cells[3].lastElementChild, ringing);
  setText(cells[5], expectedWait(call.expected_wait));
  tickCall(node);
}

function tickCall(node) {
  const call = node.row;
  const waited = feed.now() - call.entered_at;
  const target = feed.state.queues.get(call.queue)?.service_level.seconds ?? 20;
  const level = waitLevel(waited, target);
  setText(node.children[4], span(waited));
  setData(node.children[4], "level", level === "good" ? "none" : level);
}

// ---- agents

function createAgent() {
  const node = make("tr");
  node.innerHTML = `<td class="name"></td><td><span class="pill"></span> <span class="sub"></span></td><td><span class="number"></span> <span class="sub"></span></td><td class="num"></td><td class="num"></td>`;
  return node;
}

function drawAgent(node, agent) {
  node.row = agent;
  const [word, tone] = STATES[agent.state] ?? [agent.state, "off"];
  const cells = node.children;
  setText(cells[0], agent.name);
  const pill = cells[1].firstElementChild;
  setText(pill, breakName(agent) ?? word);
  setData(pill, "tone", tone);
  setText(cells[1].lastElementChild, breakAsked(agent.rest));
  setText(cells[2].firstElementChild, agent.number ?? "");
  setText(cells[2].lastElementChild, agent.queue ?? "");
  setText(cells[4], String(agent.calls_answered));
  tickAgent(node);
}

function tickAgent(node) {
  const agent = node.row;
  const since = node.children[3];
  const left = agent.ready_at === null ? 0 : agent.ready_at - feed.now();
  const rest = agent.rest?.reason ? agent.rest : null;
  const resting = rest !== null && agent.state === "on_break";
  setText(since, left > 0 && !resting ? `${span(left + 0.999)} left` : span(feed.now() - (resting ? rest.since : agent.since)));
  setData(since, "level", rest?.overdue ? "bad" : "none");
  const title = rest?.until ? `${rest.overdue ? "Overdue: the" : "The"} break may last ${span(rest.until - rest.since)}` : "";
  if (since.title !== title) since.title = title;
}

// ---- the whole

const feed = new Feed({
  changed: () => schedule(),
  linked: (state) => showLink(state),
  needToken: (wasWrong) => askToken(wasWrong),
});
let filter = "here";
let scheduled = false;
let linkState = "connecting";
let lostAt = 0;

function schedule() {
  if (scheduled) return;
  scheduled = true;
  requestAnimationFrame(() => {
    scheduled = false;
    draw();
  });
}

function draw() {
  const { queues, calls, agents, nodes } = feed.state;
  const waiting = [...calls.values()].filter((call) => call.position !== null).sort((a, b) => a.entered_at - b.entered_at);
  const shown = [...agents.values()].filter((agent) => filter === "all" || agent.state !== "logged_out");
  keyed(byId("queues"), queues.values(), "name", createQueue, drawQueue);
  keyed(byId("calls"), waiting, "id", createCall, drawCall);
  keyed(byId("agents"), shown, "name", createAgent, drawAgent);
  byId("queues-empty").hidden = queues.size > 0;
  byId("calls-empty").hidden = waiting.length > 0;
  byId("agents-empty").hidden = shown.length > 0;
  setText(byId("agents-empty"), filter === "all" ? "There are no agents." : "No agents are logged in.");
  setText(byId("queues-count"), many(queues.size, "queue", "queues"));
  setText(byId("calls-count"), many(waiting.length, "caller", "callers"));
  setText(byId("agents-count"), `${shown.length} of ${agents.size}`);
  drawTotals(queues, agents);
  drawNodes(nodes);
}

function drawTotals(queues, agents) {
  const count = (state) => [...agents.values()].filter((agent) => agent.state === state).length;
  const oldest = Math.min(...[...queues.values()].map((queue) => queue.oldest_at ?? Infinity));
  const waiting = [...queues.values()].reduce((sum, queue) => sum + queue.waiting, 0);
  const totals = {
    waiting: String(waiting),
    longest: Number.isFinite(oldest) ? span(feed.now() - oldest) : "–",
    talking: String(count("in_a_queue_call")),
    ready: String(count("waiting")),
  };
  for (const [name, text] of Object.entries(totals)) setText(document.querySelector(`[data-total="${name}"]`), text);
  document.title = waiting > 0 ? `(${waiting}) Call centre` : "Call centre";
}

function drawNodes(nodes) {
  const down = [...nodes.values()].filter((node) => !node.up);
  keyed(byId("nodes"), nodes.values(), "name", () => make("span", { class: "node" }, make("i"), make("span")), (node, row) => {
    setData(node, "up", row.up ? "yes" : "no");
    setText(node.lastElementChild, row.up ? `${row.name} connected` : `${row.name} not connected`);
  });
  if (linkState === "live") {
    const names = down.map((node) => (node.reason ? `${node.name} (${node.reason})` : node.name)).join(", ");
    showBanner(down.length ? `No connection to FreeSWITCH: ${names}. Callers keep their places.` : "", false);
  }
}

function tick() {
  if (linkState === "lost") showLost();
  if (!feed.state || linkState !== "live") return;
  for (const node of byId("queues").children) tickQueue(node);
  for (const node of byId("calls").children) tickCall(node);
  for (const node of byId("agents").children) tickAgent(node);
  drawTotals(feed.state.queues, feed.state.agents);
}

function showLink(state) {
  if (state === linkState && state !== "connecting") return;
  if (state === "lost" && linkState !== "lost") lostAt = Date.now();
  linkState = state;
  const node = byId("link");
  node.dataset.state = state;
  setText(node.lastElementChild, { live: "Live", lost: "Connection lost", connecting: "Connecting" }[state]);
  byId("main").classList.toggle("stale", state === "lost");
  if (state === "lost") showLost();
  else if (state === "live") showBanner("", false);
}

function showLost() {
  const age = span((Date.now() - lostAt) / 1000);
  showBanner(`No connection to the controller for ${age}. What you see may be out of date. Trying again.`, false);
}

function showBanner(text, mild) {
  const node = byId("banner");
  setText(node, text);
  node.hidden = text === "";
  node.classList.toggle("mild", mild);
}

function askToken(wasWrong) {
  const dialog = byId("ask-token");
  byId("token-wrong").hidden = !wasWrong;
  byId("token").value = "";
  if (!dialog.open) dialog.showModal();
  return new Promise((resolve) => {
    byId("token-form").onsubmit = (event) => {
      event.preventDefault();
      sessionStorage.setItem("token", byId("token").value.trim());
      dialog.close();
      resolve();
    };
    dialog.oncancel = (event) => event.preventDefault();
  });
}

function setTheme(theme) {
  if (theme) document.documentElement.dataset.theme = theme;
}

setTheme(localStorage.getItem("theme"));
byId("theme").addEventListener("click", () => {
  const dark = matchMedia("(prefers-color-scheme: dark)").matches;
  const now = document.documentElement.dataset.theme ?? (dark ? "dark" : "light");
  const next = now === "dark" ? "light" : "dark";
  localStorage.setItem("theme", next);
  setTheme(next);
});
byId("filters").addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (!button) return;
  filter = button.dataset.filter;
  for (const other of byId("filters").children) other.setAttribute("aria-pressed", String(other === button));
  if (feed.state) schedule();
});
setInterval(tick, 1000);
feed.run();
