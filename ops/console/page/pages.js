/* The page document, live and past. Changes go to the live one, which is kept while the past is shown. */

import { decimals } from "./format.js";

const CANDLES_MAX = 300;
const LOOKS_BACK_S = 3600; // from a whole quarter on, as the server does
const QUARTER_S = 900;
const LOOKED_AT = 60;

const known = new WeakMap();

/** How many decimals the prices of a page have, by its newest candles: one price does not tell. */
export function places({ candles }) {
  if (!known.has(candles)) {
    const prices = candles.slice(-LOOKED_AT).flatMap(({ open, high, low, close }) => [open, high, low, close]);
    known.set(candles, Math.max(0, ...prices.map(decimals)));
  }
  return known.get(candles);
}

/** The document with a change's sections instead of its own; candles are merged by their time. */
export function changed(page, message) {
  const { candles, ...whole } = message.sections;
  const next = { ...page, ...whole, at: message.at };
  if (candles) next.candles = merged(page.candles, candles);
  const since = Math.floor((Date.parse(next.at) / 1000 - LOOKS_BACK_S) / QUARTER_S) * QUARTER_S;
  if (next.candles[0]?.time < since) next.candles = next.candles.filter(({ time }) => time >= since);
  return next;
}

/** Candles, oldest first, the later value of a time winning. */
export function merged(before, later) {
  if (!later.length) return before;
  const from = later[0].time;
  const rest = before.filter((candle) => candle.time < from);
  const replaced = new Map(before.filter((candle) => candle.time >= from).map((candle) => [candle.time, candle]));
  for (const candle of later) replaced.set(candle.time, candle);
  return [...rest, ...[...replaced.values()].sort((a, b) => a.time - b.time)].slice(-CANDLES_MAX);
}
