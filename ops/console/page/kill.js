/* The kill switch. It can only stop trading; the token came in the address's fragment, which no
   server sees, and stays in this tab. */

import * as api from "./api.js";
import { byId, el, write } from "./dom.js";

const KEPT = "tape.token";

let known = [];
let account = ""; // what the dialog is about; as long as it is open only a person changes it

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
  byId("kill-which").addEventListener("input", choose);
  byId("kill-form").addEventListener("input", allow);
  byId("kill-form").addEventListener("submit", send);
}

/** The accounts whose trading could be ended. */
export function of(names) {
  known = names;
}

function open() {
  byId("kill-form").reset();
  offer(known);
  write(byId("kill-said"), refusal());
  byId("kill-send").textContent = "Kill now";
  byId("kill-cancel").textContent = "Back";
  allow();
  byId("kill").showModal();
  byId(account ? "kill-reason" : "kill-which").focus();
}

/** One account is the one; among several a person chooses. */
function offer(names) {
  const first = names.length === 1 ? [] : [el("option", { value: "" }, "choose…")];
  byId("kill-which").replaceChildren(...first, ...names.map((name) => el("option", { value: name }, name)));
  byId("kill-choice").hidden = names.length < 2;
  choose();
}

function choose() {
  account = byId("kill-which").value;
  write(byId("kill-account"), account || "–");
}

function refusal() {
  if (!account && byId("kill-which").length < 2) return "No account is known yet: use tape kill.";
  return token() ? "" : "This page has no token: open the address that tape console printed, or use tape kill.";
}

function allow() {
  const typed = byId("kill-confirm").value;
  byId("kill-send").disabled = !account || Boolean(refusal()) || typed !== account || !byId("kill-reason").value.trim();
}

async function send(event) {
  event.preventDefault();
  if (byId("kill-send").disabled) return;
  byId("kill-send").disabled = true;
  write(byId("kill-said"), "Sending…");
  const name = account;
  try {
    const done = await api.kill(token(), name, byId("kill-reason").value.trim(), byId("kill-confirm").value);
    write(byId("kill-said"), outcome(name, done));
    byId("kill-send").disabled = done.killed;
    byId("kill-cancel").textContent = "Close";
  } catch (error) {
    write(byId("kill-said"), `Not done: ${error.message}. Try again, or use tape kill.`);
    byId("kill-send").disabled = false;
  }
}

/** What a kill came to: where it is not sure that nothing is open, why. */
function outcome(name, { killed, alarms }) {
  if (killed) return `Killed: ${name} sends no more and nothing of it is open at the venue.`;
  return `Asked, but not sure: ${alarms.join("; ")}. Try again, or use tape flat.`;
}
