/* Any past moment: a slider in steps of a second over what the archive holds, a field for an exact
   time, a minute back and on. */

import * as api from "./api.js";
import { byId, mark, write } from "./dom.js";
import { moment } from "./format.js";

const AGAIN_MS = 60_000;
const MINUTE = 60;

export class Past {
  /** `on`: {page(page | null), looking(iso), refused(text)}; `view()`: {instrument, interval} looked at. */
  constructor(view, on) {
    this.view = view;
    this.on = on;
    this.at = null; // null: live
    this.wanted = false;
    this.asking = false;
    byId("to-live").addEventListener("click", () => this.live());
    byId("minute-back").addEventListener("click", () => this.step(-MINUTE));
    byId("minute-on").addEventListener("click", () => this.step(MINUTE));
    byId("slider").addEventListener("input", () => this.label(this.slid()));
    byId("slider").addEventListener("change", () => this.go(this.slid()));
    byId("moment").addEventListener("change", () => this.typed());
    this.read();
    setInterval(() => this.read(), AGAIN_MS);
  }

  async read() {
    try {
      this.span = await api.span();
    } catch {
      return; // the banner of the link tells it already
    }
    const { first, last } = this.span;
    const slider = byId("slider");
    for (const id of ["slider", "minute-back", "minute-on", "moment"]) byId(id).disabled = !first;
    write(byId("span"), first ? `archive ${moment(first)} – ${moment(last)}` : "no archive: tape archive writes one");
    if (!first) return;
    slider.max = String(Math.ceil((Date.parse(last) - Date.parse(first)) / 1000));
    if (!this.at) slider.value = slider.max;
    this.label(this.at ?? last);
  }

  slid() {
    return new Date(Date.parse(this.span.first) + Number(byId("slider").value) * 1000).toISOString();
  }

  typed() {
    const at = Date.parse(`${byId("moment").value}Z`);
    if (!Number.isNaN(at)) this.go(new Date(at).toISOString());
  }

  step(seconds) {
    const from = Date.parse(this.at ?? this.span.last);
    this.go(new Date(from + seconds * 1000).toISOString());
  }

  /** Shows the page of a moment, held to what the archive has. */
  go(wanted) {
    const [first, last] = [Date.parse(this.span.first), Date.parse(this.span.last)];
    this.at = new Date(Math.max(first, Math.min(last, Date.parse(wanted)))).toISOString();
    this.label(this.at);
    this.on.looking(this.at);
    this.wanted = true;
    if (!this.asking) this.ask();
  }

  /** One question at a time, always for the newest moment: a held arrow key queues nothing. */
  async ask() {
    this.asking = true;
    mark(byId("desk"), "aria-busy", "true");
    while (this.wanted) {
      this.wanted = false;
      await this.answer(this.at, this.view());
    }
    this.asking = false;
    mark(byId("desk"), "aria-busy", null);
  }

  async answer(at, view) {
    const still = () => !this.wanted && this.at === at;
    try {
      const page = await api.page(view, at);
      if (still()) this.on.page(page);
    } catch (error) {
      if (still()) this.on.refused(error.message);
    }
  }

  /** The same moment for another instrument or interval. */
  again() {
    if (this.at) this.go(this.at);
  }

  live() {
    this.at = null;
    this.wanted = false;
    if (this.span?.first) this.label(this.span.last);
    this.on.page(null);
  }

  label(iso) {
    mark(byId("to-live"), "aria-pressed", this.at ? "false" : "true");
    byId("slider").value = String(Math.ceil((Date.parse(iso) - Date.parse(this.span.first)) / 1000));
    mark(byId("slider"), "aria-valuetext", moment(iso));
    byId("moment").value = iso.slice(0, 19);
  }
}
