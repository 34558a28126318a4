/* Fills and signals as marks on candles: one per candle, side and kind, so that a busy minute stays
   readable; the legend and the tables have each of them. */

import { number } from "./format.js";

const WORDS_MAX = 3;

/** Marks in the order of time. `colours`: {up, down, signal}. */
export function drawn(page, colours) {
  if (!page.candles.length) return [];
  const [first, last] = [page.candles[0].time, page.candles.at(-1).time];
  const own = (one) => one.instrument === page.instrument;
  const at = (one) => placed(page, one);
  const shown = (one) => own(one) && at(one) >= first && at(one) <= last;
  const fills = grouped(page.fills.filter(shown), (fill) => `${at(fill)} ${fill.side}`);
  const signals = grouped(page.signals.filter(shown), (signal) => `${at(signal)}`);
  const marks = [
    ...signals.map((group) => signalMark(group, at(group[0]), colours)),
    ...fills.map((group) => fillMark(group, at(group[0]), colours)),
  ];
  return marks.sort((a, b) => a.time - b.time);
}

/** The time of the candle that something fell into. */
const placed = (page, one) => Math.floor(Date.parse(one.time) / 1000 / page.interval_s) * page.interval_s;

function grouped(rows, keyOf) {
  const groups = new Map();
  for (const row of rows) {
    const key = keyOf(row);
    if (!groups.has(key)) groups.set(key, []);
    groups.get(key).push(row);
  }
  return [...groups.values()];
}

function fillMark(group, time, colours) {
  const buys = group[0].side === "BUY";
  return {
    time,
    position: buys ? "belowBar" : "aboveBar",
    shape: buys ? "arrowUp" : "arrowDown",
    color: buys ? colours.up : colours.down,
    text: group.length > 1 ? `×${group.length}` : "",
  };
}

const signalMark = (group, time, colours) => ({
  time,
  position: "aboveBar",
  shape: "circle",
  size: 0.5,
  color: colours.signal,
});

/** What happened in one candle, in words. */
export function told(page, time) {
  const own = (one) => one.instrument === page.instrument && placed(page, one) === time;
  const fills = page.fills.filter(own).map((fill) => `${fill.side} ${number(fill.quantity)} @ ${number(fill.price)}`);
  const targets = page.signals.filter(own).map((signal) => `target ${number(signal.target)}`);
  const all = [...fills, ...targets.slice(0, 1)];
  return all.length > WORDS_MAX ? `${fills.length} fills, ${targets.length} signals` : all.join(", ");
}
