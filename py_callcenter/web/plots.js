// Two plots as SVG: bars in parts, and a line from 0 to a top. Text and colours come from the style sheet.

const SVG = "http://www.w3.org/2000/svg";
const HEIGHT = 220, LEFT = 48, BOTTOM = 24, TOP = 8;
const LETTER = 6.4; // Width of a digit of the labels, generously.
const ROUND = [1, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10];

// As wide as there is room: letters of a plot that is scaled down can't be read on a phone.
let WIDTH = 640;
export function fit(width) {
  WIDTH = Math.max(260, Math.min(640, width));
}

function make(name, attributes, ...inside) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...inside);
  return element;
}

// A round number not below a value, so that the axis reads well.
export function roundTop(value) {
  if (!(value > 0)) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  return ROUND.map((step) => step * power).find((top) => top >= value);
}

function frame(title, labels, top, unit) {
  const height = HEIGHT - BOTTOM - TOP;
  const y = (value) => TOP + height * (1 - value / top);
  const step = (WIDTH - LEFT) / Math.max(1, labels.length);
  const svg = make("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": title });
  for (const part of [0, 0.5, 1]) {
    svg.append(make("line", { class: "grid", x1: LEFT, x2: WIDTH, y1: y(top * part), y2: y(top * part) }));
    svg.append(make("text", { x: LEFT - 6, y: y(top * part) + 4, "text-anchor": "end" }, `${+(top * part).toFixed(2)}${unit}`));
  }
  const longest = labels.reduce((most, label) => Math.max(most, label.length), 1);
  const every = Math.ceil((labels.length * (longest * LETTER + 10)) / (WIDTH - LEFT));
  labels.forEach((label, n) => {
    const half = (label.length * LETTER) / 2; // the last one is not to be cut off
    const x = Math.min(LEFT + step * (n + 0.5), WIDTH - half);
    if (n % every === 0) svg.append(make("text", { x, y: HEIGHT - 6, "text-anchor": "middle" }, label));
  });
  return { svg, y, step };
}

function figure(title, svg, key) {
  const element = document.createElement("figure");
  element.className = "plot panel";
  const caption = document.createElement("figcaption");
  caption.textContent = title;
  element.append(caption, svg);
  if (key.length > 0) {
    const list = document.createElement("ul");
    list.className = "key";
    for (const [name, text] of key) {
      const item = document.createElement("li");
      item.append(make("svg", { viewBox: "0 0 10 10", "aria-hidden": "true" }, make("rect", { class: name, width: 10, height: 10 })), text);
      list.append(item);
    }
    element.append(list);
  }
  return element;
}

// `all`: [class, word, values]; a bar's parts stand on each other. What there is nothing of isn't named.
export function bars(title, labels, all, unit = "") {
  const parts = all.filter(([, , values]) => values.some((value) => value > 0));
  const sums = labels.map((_, n) => parts.reduce((sum, [, , values]) => sum + values[n], 0));
  const { svg, y, step } = frame(title, labels, roundTop(Math.max(0, ...sums)), unit);
  labels.forEach((label, n) => {
    let below = 0;
    for (const [name, word, values] of parts) {
      if (values[n] <= 0) continue;
      const bar = make("rect", {
        class: name, x: LEFT + step * (n + 0.12), width: step * 0.76,
        y: y(below + values[n]), height: y(below) - y(below + values[n]),
      }, make("title", {}, `${label}: ${+values[n].toFixed(2)}${unit} ${word}`));
      svg.append(bar);
      below += values[n];
    }
  });
  return figure(title, svg, parts.map(([name, word]) => [name, word]));
}

// A line through the values; null is a gap.
export function line(title, labels, values, top, unit) {
  const { svg, y, step } = frame(title, labels, top, unit);
  const x = (n) => LEFT + step * (n + 0.5);
  let path = "";
  values.forEach((value, n) => {
    if (value === null) return;
    path += `${n > 0 && values[n - 1] !== null ? "L" : "M"}${x(n)} ${y(value)}`;
    svg.append(make("circle", { class: "dot", cx: x(n), cy: y(value), r: 3 }, make("title", {}, `${labels[n]}: ${value}${unit}`)));
  });
  svg.append(make("path", { class: "line", d: path }));
  return figure(title, svg, []);
}
