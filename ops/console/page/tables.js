/* Tables: what each shows, and how a list of rows becomes table rows. */

import { byId, el, mark, sync, write } from "./dom.js";
import { COLUMNS } from "./columns.js";

const made = new Map();

/** Gives every `<section data-table>` its heading and its empty table. */
export function build(pick) {
  for (const section of document.querySelectorAll("[data-table]")) {
    const name = section.dataset.table;
    const { title, columns } = COLUMNS[name];
    const id = `${name}-title`;
    const body = el("tbody");
    const head = el("tr", {}, ...columns.map((one) => el("th", { scope: "col", class: one.kind }, one.head)));
    const empty = el("p", { class: "empty" }, "none");
    const table = el("table", { "aria-labelledby": id }, el("thead", {}, head), body);
    const scroll = el("div", { class: "scroll", tabindex: "0", role: "group", "aria-labelledby": id }, table, empty);
    section.append(el("h2", { id }, title, " ", el("small")), scroll);
    mark(section, "aria-labelledby", id);
    made.set(name, { section, body, empty, table });
    if (name === "orders" || name === "fills") byIdOnClick(body, pick);
  }
}

function byIdOnClick(body, pick) {
  body.addEventListener("click", (event) => {
    const row = event.target.closest("tr");
    if (row?.dataset.order) pick(row.dataset.order, row.querySelector("button") ?? row);
  });
}

/** Shows a section of the page; what is no table is passed over. */
export function show(name, page) {
  const kept = made.get(name);
  if (!kept) return;
  const rows = page[name];
  const { columns, key, note, alarm } = COLUMNS[name];
  const fresh = sync(kept.body, rows, key, () => emptyRow(columns), (tr, row) => fillRow(tr, row, columns, page));
  for (const tr of fresh) tr.classList.add("fresh");
  kept.table.hidden = rows.length === 0;
  kept.empty.hidden = rows.length > 0;
  const small = kept.section.querySelector("h2 small");
  write(small, note ? note(rows) : rows.length ? String(rows.length) : "");
  mark(small, "data-tone", alarm && rows.some(alarm) ? "bad" : null);
}

function emptyRow(columns) {
  const cells = columns.map((one) =>
    el("td", { class: one.kind }, one.order ? el("button", { type: "button", class: "id" }) : ""),
  );
  return el("tr", {}, ...cells);
}

function fillRow(tr, row, columns, page) {
  mark(tr, "data-order", row.cl_ord_id);
  columns.forEach((one, place) => {
    const cell = tr.children[place];
    const text = one.text(row, page);
    write(one.order ? cell.firstElementChild : cell, text);
    mark(cell, "data-tone", one.tone?.(row));
    mark(cell, "title", one.title?.(row));
    if (one.order) mark(cell.firstElementChild, "aria-label", `Explain order ${row.cl_ord_id}`);
  });
}

/** Marks the row whose order is being explained. */
export function chosen(id) {
  for (const { body } of made.values()) {
    for (const tr of body.children) mark(tr, "aria-current", id && tr.dataset.order === id ? "true" : null);
  }
}

export const heading = (name) => byId(`${name}-title`);
