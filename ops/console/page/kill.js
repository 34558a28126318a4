/* The kill switch. It can only stop trading; the token came in the address's fragment, which no
   server sees, and stays in this tab. */

import * as api from "./api.js";
import { byId, write } from "./dom.js";

const KEPT = "tape.token";

let account = null;

/** Takes the token out of the address, so that no one reads it over a shoulder or in a history. */
function token() {
  const given = new URLSearchParams(location.hash.slice(1)).get("token");
  if (given) {
    sessionStorage.setItem(KEPT, given);
    history.replaceState(null, "", location.pathname + location.search);
  }
  return sessionStorage.getItem(KEPT);
}

export function start() {
  token();
  addEventListener("hashchange", token);
  byId("kill-open").addEventListener("click", open);
  byId("kill-cancel").addEventListener("click", () => byId("kill").close());
  byId("kill-form").addEventListener("input", allow);
  byId("kill-form").addEventListener("submit", send);
}

/** The account whose trading would end; null: none is known. */
export function of(name) {
  account = name;
  write(byId("kill-account"), name ?? "–");
}

function open() {
  byId("kill-form").reset();
  write(byId("kill-said"), refusal());
  byId("kill-send").textContent = "Kill now";
  byId("kill-cancel").textContent = "Back";
  allow();
  byId("kill").showModal();
  byId("kill-reason").focus();
}

function refusal() {
  if (!account) return "No account is known yet: use tape kill.";
  return token() ? "" : "This page has no token: open the address that tape console printed, or use tape kill.";
}

function allow() {
  const typed = byId("kill-confirm").value;
  byId("kill-send").disabled = Boolean(refusal()) || typed !== account || !byId("kill-reason").value.trim();
}

async function send(event) {
  event.preventDefault();
  if (byId("kill-send").disabled) return;
  byId("kill-send").disabled = true;
  write(byId("kill-said"), "Sending…");
  try {
    const done = await api.kill(token(), account, byId("kill-reason").value.trim(), byId("kill-confirm").value);
    write(byId("kill-said"), outcome(done));
    byId("kill-send").disabled = done.killed;
    byId("kill-cancel").textContent = "Close";
  } catch (error) {
    write(byId("kill-said"), `Not done: ${error.message}. Try again, or use tape kill.`);
    byId("kill-send").disabled = false;
  }
}

/** What a kill came to: where it is not sure that nothing is open, why. */
function outcome({ killed, alarms }) {
  if (killed) return `Killed: ${account} sends no more and nothing of it is open at the venue.`;
  return `Asked, but not sure: ${alarms.join("; ")}. Try again, or use tape flat.`;
}
