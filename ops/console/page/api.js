/* What the page asks the server, besides the live link. */

import { parsed } from "./format.js";

/** What the server refuses, in its own words. */
export class Refused extends Error {}

async function asked(path, options = {}) {
  let answer;
  try {
    answer = await fetch(path, { cache: "no-store", ...options });
  } catch {
    throw new Refused("the console's server does not answer");
  }
  const text = await answer.text();
  if (answer.ok) return parsed(text);
  throw new Refused(sentence(text) ?? `the server answered ${answer.status}`);
}

function sentence(text) {
  try {
    return JSON.parse(text).error;
  } catch {
    return undefined;
  }
}

const query = (values) => new URLSearchParams(Object.entries(values).filter(([, value]) => value));

/** The page as it looked at a moment; `view`: {instrument, interval}. */
export const page = (view, at) => asked(`/api/page?${query({ ...view, at })}`);

/** What the archive holds: {first, last, instruments}. */
export const span = () => asked("/api/span");

/** Why an order was sent and what came of it. */
export const explained = (id, at) => asked(`/api/orders/${encodeURIComponent(id)}?${query({ at })}`);

/** Ends trading of an account. */
export const kill = (token, account, reason, confirm) =>
  asked("/api/kill", {
    method: "POST",
    headers: { Authorization: `Bearer ${token}`, "Content-Type": "application/json" },
    body: JSON.stringify({ account, reason, confirm }),
  });
