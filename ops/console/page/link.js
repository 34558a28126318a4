/* The live link: one WebSocket that is opened again as long as the page is. The server says something
   each second; DEAD_MS without a word and the link counts as dead, whatever the socket believes. */

import { parsed } from "./format.js";

const DEAD_MS = 2500;
const LOOK_MS = 250;
const AGAIN_MS = [250, 500, 1000, 2000];

export class Link {
  /** `view`: {instrument, interval}, null where any will do.
      `on`: {page(page), change(message), beat(iso), state("live" | "connecting" | "dead")}. */
  constructor(view, on) {
    this.view = view;
    this.on = on;
    this.tries = 0;
    this.heard = performance.now();
    setInterval(() => this.look(), LOOK_MS);
    addEventListener("online", () => this.open());
    this.open();
  }

  open() {
    clearTimeout(this.later);
    this.socket?.close();
    const address = new URL("/api/live", location.href);
    address.protocol = location.protocol === "https:" ? "wss:" : "ws:";
    for (const [name, value] of Object.entries(this.view)) if (value) address.searchParams.set(name, value);
    const socket = (this.socket = new WebSocket(address));
    this.opened = performance.now();
    socket.onmessage = (event) => socket === this.socket && this.take(parsed(event.data));
    socket.onclose = () => socket === this.socket && this.closed();
  }

  take(message) {
    this.heard = performance.now();
    this.tries = 0;
    this.say("live");
    if (message.type === "page") this.on.page(message.page);
    if (message.type === "change") this.on.change(message);
    if (message.type === "beat") this.on.beat(message.at);
  }

  closed() {
    this.socket = null;
    this.say(this.state === "dead" ? "dead" : "connecting");
    const wait = AGAIN_MS[Math.min(this.tries, AGAIN_MS.length - 1)];
    this.tries += 1;
    this.later = setTimeout(() => this.open(), wait);
  }

  /** Another instrument, or candles of another width; a page message follows. */
  watch(view) {
    this.view = view;
    if (this.socket?.readyState === WebSocket.OPEN) {
      const { instrument, interval } = view;
      this.socket.send(JSON.stringify({ type: "watch", instrument, interval_s: interval }));
    }
  }

  look() {
    const now = performance.now();
    if (now - this.heard < DEAD_MS) return;
    this.say("dead");
    if (this.socket && now - this.opened > DEAD_MS) {
      this.socket.onclose = null;
      this.open();
    }
  }

  say(state) {
    if (state === this.state) return;
    this.state = state;
    this.on.state(state);
  }
}
