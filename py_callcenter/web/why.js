// Why a caller still waits: each agent of the queue with the first rule that keeps them away, asked for once
// and shown in a dialog, for it holds for that moment only.

import { CLOSED, REASONS, many, span } from "./words.js";

const byId = (id) => document.getElementById(id);
let asked = null; // the row of the caller, and a number that an answer out of date doesn't have
let round = 0;

function cell(...words) {
  const node = document.createElement("td");
  node.textContent = words.filter(Boolean).join(", ");
  return node;
}

function row(agent, at, calls) {
  const node = document.createElement("tr");
  const name = document.createElement("th");
  name.scope = "row";
  name.textContent = agent.agent;
  const other = agent.other_call === null ? "" : calls.get(agent.other_call)?.number ?? "";
  node.append(name, cell(
    agent.reason === null ? "Can be had" : REASONS[agent.reason] ?? agent.reason,
    other && `namely ${other}`,
    agent.until !== null && `ends in ${span(agent.until - at + 0.999)}`,
    agent.refused_before && "has let this caller ring before",
  ));
  return node;
}

function show(summary, rows = [], more = 0) {
  byId("why-summary").textContent = summary;
  byId("why-agents").replaceChildren(...rows);
  byId("why-table").hidden = rows.length === 0;
  byId("why-more").hidden = more === 0;
  byId("why-more").textContent = `and ${many(more, "more agent", "more agents")}`;
}

async function answer(call) {
  const token = sessionStorage.getItem("token");
  const headers = token ? { Authorization: `Bearer ${token}` } : {};
  const response = await fetch(`/api/v1/calls/${encodeURIComponent(call)}/why`, { headers, cache: "no-store" });
  const said = await response.json();
  if (response.ok) return said;
  return { problem: response.status === 401 ? "The token isn't right any more: open the page again." : said.error };
}

async function ask(calls) {
  const mine = ++round;
  const found = await answer(asked.id).catch(() => ({ problem: "The controller doesn't answer." }));
  if (mine !== round) return;
  if (found.problem) {
    show(`Not known: ${found.problem}`);
    return;
  }
  const looking = found.agents.length ? `Looking for ${many(found.wanted, "agent", "agents")}.` : "The queue has no agents.";
  show(found.closed === null ? looking : CLOSED[found.closed] ?? found.closed, found.agents.map((agent) => row(agent, found.at, calls())), found.more_agents);
}

// `calls()` gives the callers of the page by id, to name others by their numbers.
export function explain(call, calls) {
  asked = call;
  byId("why-title").textContent = `Why ${call.number} still waits`;
  show("Asking …");
  byId("why-again").onclick = () => ask(calls);
  byId("why-close").onclick = () => byId("why").close();
  byId("why").showModal();
  return ask(calls);
}
