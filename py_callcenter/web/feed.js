// The live feed over fetch, because EventSource can't send the token that is needed from other machines.
// Keeps the whole state in `state`, tells `changed` when it moved and `linked` how the connection is.

const SECTIONS = { queues: "name", calls: "id", agents: "name", nodes: "name" };
const SILENCE_MS = 40_000; // the controller sends a comment every 15 s
const RETRY_MS = [500, 1000, 2000, 4000, 8000];

export class Feed {
  constructor({ changed, linked, needToken }) {
    this.changed = changed;
    this.linked = linked;
    this.needToken = needToken;
    this.state = null;
    this.clockOffset = 0; // controller's clock minus ours, in seconds
    this.attempts = 0;
  }

  async run() {
    for (;;) {
      this.linked(this.attempts === 0 ? "connecting" : "lost");
      const end = await this.listen().catch(() => "lost");
      if (end === "token") {
        await this.needToken(sessionStorage.getItem("token") !== null);
        this.attempts = 0;
        continue;
      }
      this.linked("lost");
      const base = RETRY_MS[Math.min(this.attempts, RETRY_MS.length - 1)];
      this.attempts += 1;
      await new Promise((wake) => setTimeout(wake, base * (0.7 + 0.6 * Math.random())));
    }
  }

  async listen() {
    const abort = new AbortController();
    let watchdog = setTimeout(() => abort.abort(), SILENCE_MS);
    try {
      const token = sessionStorage.getItem("token");
      const headers = token ? { Authorization: `Bearer ${token}` } : {};
      const response = await fetch("/api/v1/events", { headers, signal: abort.signal, cache: "no-store" });
      if (response.status === 401) return "token";
      if (!response.ok || !response.body) return "lost";
      const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
      let text = "";
      for (;;) {
        const { value, done } = await reader.read();
        if (done) return "lost";
        clearTimeout(watchdog);
        watchdog = setTimeout(() => abort.abort(), SILENCE_MS);
        const blocks = (text + value).split("\n\n");
        text = blocks.pop();
        for (const block of blocks) this.take(block);
      }
    } finally {
      clearTimeout(watchdog);
      abort.abort();
    }
  }

  take(block) {
    let name = "";
    const data = [];
    for (const line of block.split("\n")) {
      if (line.startsWith("event:")) name = line.slice(6).trim();
      else if (line.startsWith("data:")) data.push(line.slice(5).trimStart());
    }
    if (data.length === 0) return;
    const news = JSON.parse(data.join("\n"));
    if (name === "snapshot") {
      this.state = {};
      for (const [section, key] of Object.entries(SECTIONS)) {
        this.state[section] = new Map(news[section].map((row) => [row[key], row]));
      }
    } else if (name === "delta" && this.state) {
      for (const [section, key] of Object.entries(SECTIONS)) this.merge(section, key, news);
    } else {
      return;
    }
    this.clockOffset = news.at - Date.now() / 1000;
    this.attempts = 0;
    this.linked("live");
    this.changed();
  }

  merge(section, key, news) {
    const rows = this.state[section];
    for (const gone of news[`${section}_gone`] ?? []) rows.delete(gone);
    for (const row of news[section] ?? []) rows.set(row[key], row);
    const order = news[`${section}_order`];
    if (order) this.state[section] = new Map(order.map((id) => [id, rows.get(id)]));
  }

  now() {
    return Date.now() / 1000 + this.clockOffset;
  }
}
