/* The bar on top: instrument, last price, trading state, link, clock; and the banners below it. */

import { byId, el, mark, sync, write } from "./dom.js";
import { clock, moment, number, percent, words } from "./format.js";
import { places } from "./pages.js";

const LINK_TEXTS = { live: "live", connecting: "connecting", dead: "no link" };

/** The list of instruments, with `chosen` picked. */
export function instruments(names, chosen) {
  const all = names.includes(chosen) || !chosen ? names : [chosen, ...names];
  const select = byId("instrument");
  sync(select, all, (name) => name, () => el("option"), (option, name) => {
    write(option, name);
    option.value = name;
  });
  if (chosen) select.value = chosen;
}

/** The list of intervals, with the one of the candles shown picked. */
export function intervals({ intervals_s: all, interval_s: chosen }) {
  const select = byId("interval");
  sync(select, all, String, () => el("option"), (option, seconds) => {
    write(option, seconds < 60 ? `${seconds} s` : `${seconds / 60} min`);
    option.value = seconds;
  });
  select.value = String(chosen);
}

/** The last price and how far it is from the first candle shown. */
export function last(page) {
  const [first, newest] = [page.candles[0], page.candles.at(-1)];
  const price = page.trades[0]?.price ?? newest?.close;
  write(byId("last-price"), price ? number(price, places(page)) : "–");
  const [from, to] = [Number(first?.open), Number(price)];
  const share = from && to ? (to - from) / from : 0;
  const sign = share > 0 ? "▲" : share < 0 ? "▼" : "";
  write(byId("last-change"), from && to ? `${sign} ${percent(cut(share), 2)}` : "");
  mark(byId("last-change"), "data-tone", share > 0 ? "good" : share < 0 ? "bad" : null);
  document.title = price ? `${number(price)} ${page.instrument} · Tape` : "Tape console";
}

const cut = (share) => {
  const digits = String(BigInt(Math.trunc(Math.abs(share) * 1e6))).padStart(7, "0");
  return `${digits.slice(0, -6)}.${digits.slice(-6)}`;
};

/** One chip for each scope whose trading state is known. */
export function trading({ trading: rows }) {
  const make = () => el("li");
  sync(byId("trading"), rows, (row) => row.scope, make, (chip, row) => {
    write(chip, `${row.scope} ${words(row.state)}`);
    mark(chip, "data-tone", row.state === "ACTIVE" ? "good" : row.state === "HALTED" ? "bad" : "warn");
    mark(chip, "title", [row.state, row.since && `since ${moment(row.since)}`, row.reason].filter(Boolean).join(", "));
  });
}

/** The latch of the kill switch. */
export function latch({ kill }) {
  const text = kill?.latched
    ? `Kill switch on since ${moment(kill.since)}: ${kill.reason || "no reason told"}. Nothing is sent until tape resume.`
    : "";
  banner("banner-kill", text);
}

export function link(state) {
  document.documentElement.dataset.link = state;
  write(byId("link-text"), LINK_TEXTS[state]);
  const now = `${clock(new Date().toISOString())} UTC`;
  banner("banner-link", state === "dead" ? `No link to the server (noticed ${now}): what you see may be old. Trying again…` : "");
}

export function past(page) {
  document.documentElement.dataset.view = page ? "past" : "live";
  banner("banner-past", page ? `You look at the past: ${moment(page.at)}. Nothing here moves.` : "");
}

/** The moment that the archive is being read for. */
export function looking(iso) {
  banner("banner-past", `Reading the archive: ${moment(iso)}…`);
}

/** Why the moment asked for is not shown. */
export function refused(text) {
  banner("banner-past", `Not shown: ${text}`);
}

export const time = (iso) => {
  write(byId("clock"), moment(iso));
  mark(byId("clock"), "datetime", iso);
};

function banner(id, text) {
  const node = byId(id);
  node.hidden = !text;
  write(node, text);
}
