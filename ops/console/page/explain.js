/* The side panel: why an order was sent and what came of it, from the tick to the position. */

import * as api from "./api.js";
import { byId, el } from "./dom.js";
import { clockOfNs, millisOfNs, number } from "./format.js";
import { chosen } from "./tables.js";

const CLOCKS = { socket: "our socket", gateway: "gateway", log: "log time" };
const SHOWN = {
  TradePrinted: (f) => `${number(f.last_qty)} @ ${number(f.last_px)}`,
  QuoteChanged: (f) => `${number(f.bid_px)} / ${number(f.ask_px)}`,
  TargetChanged: (f) => `${number(f.previous_target_qty)} → ${number(f.target_qty)}`,
  OrderRequested: (f) => `${f.side} ${number(f.order_qty)} @ ${number(f.price)}`,
  OrderApproved: (f) => `mark ${number(f.mark_px)}`,
  OrderSubmitting: (f) => `${f.side} ${number(f.order_qty)} @ ${number(f.price)}`,
  OrderAccepted: (f) => `venue's order ${f.order_id}`,
  OrderFilled: (f) => `${number(f.last_qty)} @ ${number(f.last_px)}`,
  PositionChanged: (f) => `${number(f.previous_position_qty)} → ${number(f.position_qty)}`,
  OrderResolved: (f) => f.resolution,
};

let asked = 0;
let back = null;

export function start() {
  byId("explain-close").addEventListener("click", close);
  addEventListener("keydown", (event) => event.key === "Escape" && !byId("kill").open && close());
}

/** Shows an order; `from` gets the focus back. `at`: the moment that is looked at, if not now. */
export async function open(id, from, at) {
  const turn = (asked += 1);
  back = from;
  chosen(id);
  byId("explain").hidden = false;
  byId("explain-title").textContent = `Order ${id}`;
  byId("explain-title").focus({ preventScroll: true });
  byId("explain-body").replaceChildren(el("p", { class: "empty" }, "asking the log…"));
  const body = await api.explained(id, at).then(tree, (error) => [el("p", { class: "refused" }, error.message)]);
  if (turn === asked) byId("explain-body").replaceChildren(...body);
}

export function close() {
  if (byId("explain").hidden) return;
  asked += 1;
  byId("explain").hidden = true;
  chosen(null);
  if (back?.isConnected) back.focus({ preventScroll: true });
}

function tree(order) {
  const notes = order.notes.map((note) => el("p", { class: "note" }, note));
  return [el("ol", { class: "tree" }, ...order.steps.map(branch)), ...notes];
}

function branch(step) {
  const causes = Object.entries(step.causes).map(([how, one]) => el("li", {}, card(one, how.replace("_", " "))));
  const hung = [...causes, ...step.children.map(branch)];
  return el("li", {}, card(step), hung.length ? el("ol", {}, ...hung) : null);
}

/** A step; `how` it was a cause of the one above it, beside that one's own place in the tree. */
function card(step, how = "") {
  const since = step.since_parent_ns === null ? null : millisOfNs(step.since_parent_ns);
  const text = SHOWN[step.event]?.(step.fields) ?? step.fields.reason ?? "";
  const head = el("summary", {},
    how ? `${how} ` : "", el("span", { class: "event" }, step.event), " ", el("span", { class: "what" }, text),
    el("span", { class: "when" }, `${clockOfNs(step.at_ns)} ${CLOCKS[step.clock] ?? step.clock}`,
      since ? ` · ${since}` : ""));
  const known = { place: step.place, ...step.versions, ...step.fields };
  return el("details", { "data-event": step.event }, head, fields(known));
}

function fields(known) {
  const pairs = Object.entries(known).filter(([name, value]) => name !== "event" && value !== null && value !== "");
  return el("dl", {}, ...pairs.flatMap(([name, value]) => [el("dt", {}, name), el("dd", {}, plain(value))]));
}

const plain = (value) => (typeof value === "object" ? JSON.stringify(value) : String(value));
