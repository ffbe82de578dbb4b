// What the page calls things, and when a figure becomes a worry.

export const STATES = {
  waiting: ["Ready", "free"],
  reserved: ["Being offered", "ring"],
  receiving: ["Ringing", "ring"],
  in_a_queue_call: ["Talking", "busy"],
  wrap_up: ["Wrap-up", "rest"],
  idle: ["Idle", "off"],
  busy_elsewhere: ["Busy elsewhere", "busy"],
  on_break: ["On break", "off"],
  logged_out: ["Logged out", "off"],
};

export const CALL_STATES = {
  waiting: ["Waiting", "off"],
  ringing: ["Ringing", "ring"],
  connecting: ["Connecting", "busy"],
  talking: ["Talking", "busy"],
  leaving: ["Leaving", "off"],
};

// The first rule that keeps an agent from a caller.
export const REASONS = {
  other_caller: "Is needed for a caller who comes first",
  rings_for_caller: "Rings for this caller",
  reserved: "Is being offered to another caller",
  receiving: "Rings for another caller",
  in_a_queue_call: "Talks to a caller",
  logged_out: "Is logged out",
  on_break: "Is on break",
  wrap_up: "Is in wrap-up",
  idle: "Has had a call on demand and takes no other until told to",
  delay: "Rests after a call that wasn't taken",
  not_ready_yet: "Was set to be ready later",
  external_call: "Is on a call elsewhere",
  preferred_agent: "The caller waits for another agent",
  opening_delay: "Takes calls of this queue only after a longer wait",
  tier_level: "Is on a level that opens later",
  skills: "Lacks a skill that the caller needs",
  overtaking_cap: "Is kept for a caller who was overtaken often enough",
};

// Why nobody is looked for.
export const CLOSED = {
  claimed: "An agent has answered.",
  held: "Nobody is looked for: the caller's switch can't ring phones now.",
  ringing: "As many phones ring as the queue's strategy wants.",
};

// A break by its reason; null for a state that has none.
export function breakName(agent) {
  return agent.state === "on_break" && agent.rest?.reason ? `On break: ${agent.rest.reason}` : null;
}

// The break that an agent has asked for.
export function breakAsked(rest) {
  if (!rest?.asked) return "";
  return rest.place === 0 ? `then ${rest.asked}` : `asks for ${rest.asked}, place ${rest.place}`;
}

export function span(seconds) {
  const s = Math.max(0, Math.floor(seconds));
  const pad = (n) => String(n).padStart(2, "0");
  const hours = Math.floor(s / 3600);
  const minutes = Math.floor(s / 60) % 60;
  return hours > 0 ? `${hours}:${pad(minutes)}:${pad(s % 60)}` : `${minutes}:${pad(s % 60)}`;
}

// The range to announce: half of the callers wait less than its low end, one in five more than its high end.
export function expectedWait(wait) {
  if (!wait) return "–";
  return wait.low === wait.high ? span(wait.low) : `${span(wait.low)}–${span(wait.high)}`;
}

export function newcomerWaits(wait) {
  if (!wait) return "–";
  return wait.high === 0 ? "not at all" : expectedWait(wait);
}

// For the queue's service level, by what came in the last half hour and what is expected in the next.
export function agentsNeeded(staffing) {
  if (!staffing) return "–";
  const { agents_now: now, agents_next: next } = staffing;
  return now === next ? String(now) : `${now}, soon ${next}`;
}

export function staffingBasis(staffing) {
  if (!staffing) return "Too few conversations so far";
  const patience = staffing.patience_seconds === null ? "nobody gives up" : `callers give up after ${span(staffing.patience_seconds)}`;
  return `Last half hour: ${many(staffing.calls_now, "call", "calls")}; next: about ${Math.round(staffing.calls_next)}. ` +
    `A call holds an agent ${span(staffing.handle_seconds)}; ${patience} on average`;
}

export function expectedError(error) {
  if (!error?.answers) return "Not known yet";
  const way = error.bias >= 0 ? "too long" : "too short";
  return `Past answers: ${Math.round(Math.abs(error.bias) * 100)} % ${way} on average; ` +
    `${Math.round(error.inside * 100)} % of the waits were within the range that should hold 80 %`;
}

// Up to the target is well, up to three times the target is late, beyond is bad.
export function waitLevel(seconds, target) {
  if (seconds <= target) return "good";
  return seconds <= 3 * target ? "warn" : "bad";
}

// At the goal is well, up to ten points below is a warning.
export function serviceLevel(level) {
  if (level.now_percent === null) return "none";
  if (level.now_percent >= level.percent) return "good";
  return level.now_percent >= level.percent - 10 ? "warn" : "bad";
}

export function worst(...levels) {
  for (const level of ["bad", "warn", "good"]) if (levels.includes(level)) return level;
  return "none";
}

export function many(count, one, more) {
  return `${count} ${count === 1 ? one : more}`;
}
