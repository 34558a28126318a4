/* The console: one page document on the screen, the live one or one of the past. */

import * as book from "./book.js";
import { Chart } from "./chart.js";
import { byId } from "./dom.js";
import * as explain from "./explain.js";
import * as head from "./head.js";
import * as kill from "./kill.js";
import * as limits from "./limits.js";
import { Link } from "./link.js";
import { changed } from "./pages.js";
import { Past } from "./past.js";
import * as tables from "./tables.js";
import * as theme from "./theme.js";

const TABLES = ["trades", "orders", "signals", "fills", "denials", "positions", "feeds", "breaks", "epochs", "replays"];
const DRAWN = ["signals", "fills", "orders"];

const chart = new Chart();
const asked = new URLSearchParams(location.search);
let instrument = asked.get("instrument");
let interval = Number(asked.get("interval")) || null; // null: the server's own
let live = null;
let past = null;
let seen = null; // the instrument that the chart was fitted to

const shown = () => past ?? live;
const view = () => ({ instrument, interval });

function showAll(page) {
  const key = `${page.instrument} ${page.interval_s}`;
  chart.show(page, key !== seen);
  seen = key;
  for (const name of TABLES) tables.show(name, page);
  head.instruments(page.instruments, instrument ?? page.instrument);
  head.intervals(page);
  for (const show of [book.show, limits.show, head.last, head.trading]) show(page);
  head.time(page.at);
}

/** Shows the sections that changed, and nothing else. */
function showSome(page, sections) {
  const names = Object.keys(sections);
  for (const name of names) tables.show(name, page);
  if (page.candles !== chart.page.candles) chart.change(page, sections.candles ?? []);
  else if (names.some((name) => DRAWN.includes(name))) chart.points(page);
  if (sections.book !== undefined) book.show(page);
  if (sections.limits) limits.show(page);
  if (sections.trading) head.trading(page);
  if (sections.instruments) head.instruments(page.instruments, instrument);
  if (sections.trades || sections.candles) head.last(page);
  head.time(page.at);
}

/** What is true now, whatever moment is looked at: the latch and the accounts that a kill may be for. */
function always(page) {
  head.latch(page);
  kill.of(page.accounts);
}

const link = new Link(view(), {
  page(page) {
    live = page;
    instrument = page.instrument;
    always(live);
    if (!past) showAll(live);
  },
  change(message) {
    if (!live) return;
    live = changed(live, message);
    always(live);
    if (!past) showSome(live, message.sections);
  },
  beat: (iso) => past || head.time(iso),
  state: head.link,
});

const player = new Past(view, {
  page(page) {
    past = page;
    head.past(page);
    if (shown()) showAll(shown());
  },
  looking: head.looking,
  refused: head.refused,
});

byId("instrument").addEventListener("change", (event) => {
  instrument = event.target.value;
  explain.close();
  look();
});

byId("interval").addEventListener("change", (event) => {
  interval = Number(event.target.value);
  look();
});

/** Asks for what is chosen now, live and past; the address names it, to be kept or handed on. */
function look() {
  const named = Object.entries(view()).filter(([, value]) => value);
  history.replaceState(null, "", `?${new URLSearchParams(named)}`);
  link.watch(view());
  player.again();
}

tables.build((id, from) => explain.open(id, from, player.at));
explain.start();
kill.start();
head.past(null);
theme.start(() => chart.paint());
