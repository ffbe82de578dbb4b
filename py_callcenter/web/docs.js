// A plain view of /api/openapi.json: nothing is loaded from anywhere else.

const CHANGES = new Set(["put", "post", "patch", "delete"]);

function make(tag, text = "", className = "") {
  const node = document.createElement(tag);
  node.textContent = text;
  node.className = className;
  return node;
}

// Text with `code` in it.
function paragraph(text) {
  const node = make("p");
  node.append(...text.split("`").map((part, n) => (n % 2 ? make("code", part) : part)));
  return node;
}

// The shape of a schema as short text, references followed a few levels down.
function shape(schema, spec, depth = 0) {
  if (!schema) return "";
  if (schema.$ref) {
    const name = schema.$ref.split("/").pop();
    return depth > 3 ? name : shape(spec.components.schemas[name], spec, depth);
  }
  if (schema.anyOf) return schema.anyOf.map((one) => shape(one, spec, depth)).join(" | ");
  if (schema.enum) return schema.enum.map((one) => JSON.stringify(one)).join(" | ");
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (schema.type === "array") return `[${shape(schema.items, spec, depth)}, …]`;
  if (schema.properties) {
    const pad = "  ".repeat(depth + 1);
    const rows = Object.entries(schema.properties).map(([key, one]) => `${pad}${key}: ${shape(one, spec, depth + 1)}`);
    return `{\n${rows.join("\n")}\n${"  ".repeat(depth)}}`;
  }
  return schema.type ?? "any";
}

function operation(method, path, op, spec) {
  const node = document.createElement("details");
  const summary = document.createElement("summary");
  summary.append(
    make("b", method.toUpperCase(), CHANGES.has(method) ? "verb change" : "verb"), make("code", path),
    make("span", (op.description ?? op.summary ?? "").split(/[.:;]/)[0]),
  );
  const body = make("div", "", "body");
  if (op.description) body.append(...op.description.split("\n\n").map(paragraph));
  const parameters = (op.parameters ?? []).map((p) => `${p.name} (${p.in}): ${shape(p.schema, spec)}`);
  if (parameters.length) body.append(make("h3", "Parameters"), make("pre", parameters.join("\n")));
  const wanted = op.requestBody?.content?.["application/json"]?.schema;
  if (wanted) body.append(make("h3", "Body"), make("pre", shape(wanted, spec)));
  for (const [status, answer] of Object.entries(op.responses)) {
    const content = answer.content?.["application/json"]?.schema;
    body.append(make("h3", `${status} ${answer.description}`));
    if (content) body.append(make("pre", shape(content, spec)));
  }
  node.append(summary, body);
  return node;
}

const token = sessionStorage.getItem("token");
const response = await fetch("/api/openapi.json", { headers: token ? { Authorization: `Bearer ${token}` } : {} });
const spec = await response.json();
document.getElementById("version").textContent = `version ${spec.info.version}`;
document.getElementById("about").append(...spec.info.description.trim().split("\n\n").map(paragraph));
const groups = new Map();
for (const [path, methods] of Object.entries(spec.paths)) {
  for (const [method, op] of Object.entries(methods)) {
    const tag = op.tags?.[0] ?? "other";
    if (!groups.has(tag)) groups.set(tag, []);
    groups.get(tag).push(operation(method, path, op, spec));
  }
}
for (const [tag, rows] of groups) document.getElementById("operations").append(make("h2", tag), ...rows);
