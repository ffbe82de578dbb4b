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

export function span(seconds) {
  const s = Math.max(0, Math.floor(seconds));
  const pad = (n) => String(n).padStart(2, "0");
  const hours = Math.floor(s / 3600);
  const minutes = Math.floor(s / 60) % 60;
  return hours > 0 ? `${hours}:${pad(minutes)}:${pad(s % 60)}` : `${minutes}:${pad(s % 60)}`;
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
