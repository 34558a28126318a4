/* The order book: asks above, bids below, the spread between, depth as bars behind the quantities. */

import { byId, el, sync, write } from "./dom.js";
import { clock, decimals, number } from "./format.js";

export function show(page) {
  const { book } = page;
  write(byId("book-note"), book ? clock(book.time, true) : "");
  const places = book ? Math.max(0, ...[...book.bids, ...book.asks].map(([price]) => decimals(price))) : 0;
  const most = book ? Math.max(...[...book.bids, ...book.asks].map(([, quantity]) => Number(quantity)), 0) : 0;
  sync(byId("book"), rows(book), (row) => row.key, line, (node, row) => fill(node, row, places, most));
}

function rows(book) {
  if (!book) return [{ key: "none", side: "none" }];
  const asks = book.asks.map(([price, quantity], place) => ({ key: `a${place}`, side: "ask", price, quantity }));
  const bids = book.bids.map(([price, quantity], place) => ({ key: `b${place}`, side: "bid", price, quantity }));
  return [...asks.reverse(), { key: "spread", side: "spread", text: spread(book) }, ...bids];
}

function line() {
  const parts = ["depth", "quantity", "price", "word"].map((name) => el("span", { class: name }));
  return el("p", {}, ...parts);
}

function fill(node, row, places, most) {
  const [depth, quantity, price, word] = node.children;
  node.className = row.side;
  write(quantity, row.quantity ? number(row.quantity) : "");
  write(price, row.price ? number(row.price, places) : "");
  write(word, row.text ?? (row.side === "none" ? "no quotes yet" : row.side));
  depth.style.setProperty("--share", most && row.quantity ? String(Number(row.quantity) / most) : "0");
}

/** Best ask less best bid, exactly: both are whole numbers of the smaller decimal. */
export function spread(book) {
  const [ask, bid] = [book.asks[0]?.[0], book.bids[0]?.[0]];
  if (!ask || !bid) return "one side is empty";
  const places = Math.max(decimals(ask), decimals(bid));
  const whole = (text) => {
    const [head, rest = ""] = text.split(".");
    return BigInt(head + rest.slice(0, places).padEnd(places, "0"));
  };
  const digits = String(whole(ask) - whole(bid));
  const plain = digits.replace("-", "").padStart(places + 1, "0");
  const split = plain.length - places;
  const text = places ? `${plain.slice(0, split)}.${plain.slice(split)}` : plain;
  return `spread ${digits.startsWith("-") ? "−" : ""}${number(text)}`;
}
