/* The columns of each table. A column: `head`, `kind` (a class: num, time, wide, ...), `text(row, page)`,
   and perhaps `tone(row)`: good, bad, warn, which the style sheet colours; the text says the same. */

import { clock, moment, number, words } from "./format.js";
import { places } from "./pages.js";

const column = (head, text, more = {}) => ({ head, text, kind: "", ...more });
const time = (millis = false) =>
  column("time", (row) => clock(row.time, millis), { kind: "time", title: (row) => moment(row.time) });
const num = (head, name) => column(head, (row) => number(row[name]), { kind: "num" });
const said = (head, name, more) => column(head, (row) => row[name] ?? "–", more);
const told = (head, name, more) => column(head, (row) => words(row[name]), { title: (row) => row[name], ...more });
const wide = { kind: "wide" };

const SIDES = { BUY: "good", SELL: "bad" };
const side = column("side", (row) => (row.side === "BUY" ? "▲ buy" : row.side === "SELL" ? "▼ sell" : words(row.side)), {
  tone: (row) => SIDES[row.side],
});
const price = column("price", (row, page) => number(row.price, placesOf(row, page)), { kind: "num" });
const tones = (tones) => ({ tone: (row) => tones[row.state ?? row.verdict] });
const instrument = column("instrument", (row) => short(row.instrument), { title: (row) => row.instrument });

function placesOf(row, page) {
  const same = !row.instrument || row.instrument === page.instrument;
  return same ? places(page) : 0;
}

const short = (name) => (name ?? "–").split(".")[0];
const count = (rows, is) => rows.filter(is).length;
const id = (row) => `${row.time} ${row.cl_ord_id ?? ""} ${row.strategy ?? ""} ${row.instrument ?? ""} ${row.price ?? ""}`;

const ORDER_TONES = {
  FILLED: "good", PARTIALLY_FILLED: "good", DENIED: "bad", REJECTED: "bad", UNKNOWN: "bad", OUTCOME_UNKNOWN: "bad",
  PENDING_CANCEL: "warn", CANCELED: "off", EXPIRED: "off",
};
const LINE_TONES = { LIVE: "good", UP: "good", OK: "good", STALE: "bad", DOWN: "bad", CLOSED: "bad", GAPPED: "warn", DIVERGED: "warn" };
const stale = (row) => LINE_TONES[row.state] === "bad";
const open = (row) => row.state !== "CLEARED";
const differs = (row) => !["EQUAL", "OK", "PASSED"].includes(row.verdict);

export const COLUMNS = {
  trades: {
    title: "Trades",
    key: (row) => `${row.time} ${row.price} ${row.quantity} ${row.side}`,
    columns: [time(), side, price, num("quantity", "quantity")],
  },
  orders: {
    title: "Orders",
    key: (row) => row.cl_ord_id,
    columns: [
      column("order", (row) => row.cl_ord_id.slice(0, 8), { order: true, title: (row) => row.cl_ord_id }),
      time(), told("state", "state", tones(ORDER_TONES)), side, instrument,
      num("quantity", "quantity"), num("filled", "filled"), price,
      told("type", "type"), said("strategy", "strategy"), told("reason", "reason", wide),
    ],
  },
  signals: {
    title: "Signals",
    key: id,
    columns: [time(), num("target", "target"), instrument, said("strategy", "strategy"), said("reason", "reason", wide)],
  },
  fills: {
    title: "Fills",
    key: (row) => `${id(row)} ${row.quantity}`,
    columns: [time(), side, num("quantity", "quantity"), price, instrument,
      column("order", (row) => row.cl_ord_id.slice(0, 8), { order: true, title: (row) => row.cl_ord_id })],
  },
  denials: {
    title: "Denials",
    key: id,
    columns: [time(), told("reason", "reason", { tone: () => "bad" }), instrument, said("strategy", "strategy"),
      said("detail", "detail", { ...wide, title: (row) => row.detail })],
  },
  positions: {
    title: "Positions",
    key: (row) => `${row.account} ${row.instrument}`,
    alarm: (row) => row.state !== "ACTIVE",
    columns: [
      column("instrument", (row) => short(row.instrument), { title: (row) => `${row.account} ${row.instrument}` }),
      num("log", "position"), num("venue", "venue"),
      column("drift", (row) => (row.drift_percent === null ? "–" : `${number(row.drift_percent)} %`), {
        kind: "num",
        tone: (row) => (Math.abs(Number(row.drift_percent)) > 1 ? "bad" : null),
      }),
      told("state", "state", { tone: (row) => (row.state === "ACTIVE" ? "good" : "bad") }),
    ],
  },
  feeds: {
    title: "Feed lines",
    key: (row) => `${row.venue} ${row.line}`,
    note: (rows) => `${count(rows, (row) => !stale(row))} of ${rows.length} up`,
    alarm: stale,
    columns: [said("venue", "venue"), said("line", "line"), told("state", "state", tones(LINE_TONES)),
      column("age", (row) => (row.age_s === null ? "–" : `${number(row.age_s)} s`), { kind: "num" }), num("gaps", "gaps")],
  },
  breaks: {
    title: "Breaks",
    key: id,
    note: (rows) => `${count(rows, open)} open`,
    alarm: open,
    columns: [time(), told("kind", "kind"), told("state", "state", { tone: (row) => (open(row) ? "bad" : "off") }),
      instrument, said("detail", "detail", { ...wide, title: (row) => row.detail })],
  },
  epochs: {
    title: "Epochs",
    key: (row) => `${row.pipeline} ${row.shard}`,
    columns: [column("pipeline", (row) => `${row.pipeline}-${row.shard}`), num("epoch", "epoch"), num("events", "events"),
      column("age", (row) => (row.age_s === null ? "–" : `${number(row.age_s)} s`), { kind: "num" })],
  },
  replays: {
    title: "Replays",
    key: (row) => `${row.time} ${row.pipeline}`,
    alarm: differs,
    columns: [time(), said("pipeline", "pipeline"), told("verdict", "verdict", { tone: (row) => (differs(row) ? "bad" : "good") }),
      num("epochs", "epochs"), said("detail", "detail", { ...wide, title: (row) => row.detail })],
  },
};
