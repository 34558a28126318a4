/* Candles and volume, with fills and signals drawn on them. Floats here are places on the screen. */

import { byId, mark, write } from "./dom.js";
import { clock, number } from "./format.js";
import { drawn, told } from "./marks.js";
import { places } from "./pages.js";
import { colour } from "./theme.js";
import {
  CandlestickSeries,
  createChart,
  createSeriesMarkers,
  CrosshairMode,
  HistogramSeries,
} from "./vendor/lightweight-charts.mjs";

const VOLUME_SHARE = 0.16;

export class Chart {
  constructor() {
    this.box = byId("chart");
    this.chart = createChart(this.box, {
      autoSize: true,
      layout: { attributionLogo: false }, // it would write a style element: see vendor/README.md
    });
    this.bars = this.chart.addSeries(CandlestickSeries, {});
    this.volume = this.chart.addSeries(HistogramSeries, {
      priceScaleId: "",
      priceFormat: { type: "volume" },
      lastValueVisible: false,
      priceLineVisible: false,
    });
    this.volume.priceScale().applyOptions({ scaleMargins: { top: 1 - VOLUME_SHARE, bottom: 0 } });
    this.marks = createSeriesMarkers(this.bars, []);
    this.chart.subscribeCrosshairMove((at) => this.tell(at.time));
    this.lines = new Map();
  }

  /** Takes the colours of the theme that is on now. */
  paint() {
    this.chart.applyOptions({
      layout: {
        background: { color: colour("panel") },
        textColor: colour("muted"),
        fontFamily: getComputedStyle(document.body).fontFamily,
        fontSize: 11,
      },
      grid: { vertLines: { color: colour("grid") }, horzLines: { color: colour("grid") } },
      crosshair: { mode: CrosshairMode.Normal },
      rightPriceScale: { borderColor: colour("line"), scaleMargins: { top: 0.1, bottom: VOLUME_SHARE + 0.06 } },
      timeScale: { borderColor: colour("line"), timeVisible: true, rightOffset: 3, minBarSpacing: 1 },
    });
    const [up, down] = [colour("up"), colour("down")];
    this.bars.applyOptions({
      upColor: colour("panel"), // rising bars are hollow: colour is not the only sign
      downColor: down,
      borderUpColor: up,
      borderDownColor: down,
      wickUpColor: up,
      wickDownColor: down,
      priceLineColor: colour("muted"),
    });
    if (this.page) this.show(this.page);
  }

  /** Draws a whole page; `fit` moves the time scale so that all of it is seen. */
  show(page, fit = false) {
    this.page = page;
    this.scale(page);
    this.bars.setData(page.candles.map(bar));
    this.volume.setData(page.candles.map(column));
    this.points(page);
    if (fit) this.fit(page.candles.length);
  }

  /** Draws changed candles, or all where one that is not the newest differs or the oldest left. */
  change(page, candles) {
    this.page = page;
    const before = this.bars.data();
    const newest = before.at(-1)?.time ?? 0;
    const fresh = candles.filter((candle) => candle.time >= newest);
    const left = before.length > 0 && before[0].time !== page.candles[0]?.time;
    if (fresh.length < candles.length || left) return this.show(page);
    for (const candle of fresh) {
      this.bars.update(bar(candle));
      this.volume.update(column(candle));
    }
    this.points(page);
  }

  /** Draws fills, signals and what rests in the market. */
  points(page) {
    this.page = page;
    this.marks.setMarkers(drawn(page, { up: colour("up"), down: colour("down"), signal: colour("signal") }));
    this.resting(page);
    this.describe(page);
    this.tell();
  }

  scale(page) {
    const precision = places(page);
    this.bars.applyOptions({ priceFormat: { type: "price", precision, minMove: 10 ** -precision } });
    this.chart.timeScale().applyOptions({ secondsVisible: page.interval_s < 60 });
  }

  fit(count) {
    const width = Math.max(60, this.box.clientWidth - 80);
    const shown = Math.min(Math.max(count, 24), Math.floor(width / 5));
    this.chart.timeScale().setVisibleLogicalRange({ from: count - shown, to: count + 2 });
  }

  resting(page) {
    const open = page.orders.filter((order) => order.instrument === page.instrument && RESTS.has(order.state));
    const wanted = new Map(open.filter((order) => order.price).map((order) => [order.cl_ord_id, order]));
    for (const [id, line] of this.lines) {
      if (!wanted.has(id)) this.lines.delete(id) && this.bars.removePriceLine(line);
    }
    for (const [id, order] of wanted) {
      if (this.lines.has(id)) this.lines.get(id).applyOptions(resting(order));
      else this.lines.set(id, this.bars.createPriceLine(resting(order)));
    }
  }

  describe({ instrument, candles, fills, signals }) {
    const last = candles.at(-1);
    const text = last
      ? `${instrument}: ${candles.length} candles, last ${number(last.close)}; ${fills.length} fills and ` +
        `${signals.length} signals are listed below`
      : `${instrument}: no candles yet`;
    mark(this.box, "aria-label", text);
  }

  tell(time) {
    const candle = this.page.candles.find((one) => one.time === time) ?? this.page.candles.at(-1);
    if (!candle) return write(byId("legend"), "no trades yet");
    const [open, high, low, close] = [candle.open, candle.high, candle.low, candle.close].map((text) =>
      number(text, places(this.page)),
    );
    const at = clock(new Date(candle.time * 1000).toISOString());
    write(byId("legend"), `${at}   O ${open}   H ${high}   L ${low}   C ${close}   V ${number(candle.volume)}`);
    write(byId("chart-said"), told(this.page, candle.time));
  }
}

const RESTS = new Set(["ACCEPTED", "PARTIALLY_FILLED", "PENDING_CANCEL"]);

const resting = (order) => ({
  price: Number(order.price),
  color: colour(order.side === "BUY" ? "up" : "down"),
  lineWidth: 1,
  lineStyle: 2,
  title: `${order.side} ${number(order.quantity)}`,
});

const bar = ({ time, open, high, low, close }) => ({
  time,
  open: Number(open),
  high: Number(high),
  low: Number(low),
  close: Number(close),
});

const column = ({ time, open, close, volume }) => ({
  time,
  value: Number(volume),
  color: colour(Number(close) >= Number(open) ? "up-soft" : "down-soft"),
});
