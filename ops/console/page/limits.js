/* Risk limits as bars. Beside the bar stand the exact figures; a mark says in words what is near. A limit
   on each order is met or not: it has no bar. */

import { byId, el, mark, sync, write } from "./dom.js";
import { number, percent, words } from "./format.js";

const NEAR = 0.8;

const levelOf = ({ used, limit, share }) =>
  Number(used) > Number(limit) ? "over" : Number(share) >= NEAR ? "near" : "calm";
const MARKS = { over: "▲ over", near: "△ near", calm: "" };
const TONES = { over: "bad", near: "warn", calm: null };

export function show({ limits }) {
  const high = limits.filter((row) => levelOf(row) !== "calm").length;
  write(byId("limits-note"), high ? `${high} near or over` : String(limits.length || ""));
  mark(byId("limits-note"), "data-tone", high ? "bad" : null);
  sync(byId("limits"), limits, (row) => `${row.name} ${row.scope}`, line, fill);
}

function line() {
  const head = el("span", { class: "head" }, el("span", { class: "name" }), el("span", { class: "word" }), el("span", { class: "figures" }));
  return el("li", {}, head, el("span", { class: "track", "aria-hidden": "true" }, el("span", { class: "fill" })));
}

function fill(node, row) {
  const share = Number(row.share);
  const level = levelOf(row);
  const [name, word, figures] = node.firstElementChild.children;
  mark(node, "data-level", level);
  mark(node, "title", `${row.name} ${row.scope}`);
  write(name, `${words(row.name).replace(/ max$/, "")} · ${scope(row.scope)}`);
  write(word, MARKS[level]);
  mark(word, "data-tone", TONES[level]);
  write(figures, told(row));
  node.lastElementChild.hidden = row.share === null;
  node.lastElementChild.firstElementChild.style.setProperty("--share", String(Math.max(0, Math.min(1, share || 0))));
}

function told({ used, limit, share, each_order: each }) {
  if (share !== null) return `${number(used)} of ${number(limit)} · ${percent(share)}`;
  return each ? `${number(limit)} · each order` : `use not known · limit ${number(limit)}`;
}

// A scope is account/strategy/instrument, and "*" is any of them, which need not be said.
const scope = (text) => text.split("/").filter((part) => part !== "*").join(" ") || "all";
