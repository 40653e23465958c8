// Candles and volume on a canvas, by lightweight-charts (`vendored/`), in the colours of the page.

import { element } from "./dom.js";

const LONGEST_GAP_S = 3 * 3600; // a hole that is longer is a night; IB leaves out no bar within a session, so that a shorter one is missing data
const DAY_S = 86_400;

export class Plot {
  #parent;
  #pointed;
  #parts = null; // the chart and its two series, once the library is there
  #rows = [[], 60, 2];
  #names = new Map(); // the text that names a bar, by the library's time

  // `pointed` is told when the bar below the pointer begins, or null.
  constructor(parent, pointed) {
    this.#parent = parent;
    this.#pointed = pointed;
    new MutationObserver(() => this.#paint()).observe(document.documentElement, { attributeFilter: ["data-theme"] });
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.#paint());
    this.#begin();
  }

  async #begin() {
    const { createChart } = await import("./lightweight-charts.standalone.production.mjs");
    const chart = createChart(this.#parent, {
      autoSize: true,
      layout: { background: { color: "transparent" }, attributionLogo: false }, // the logo needs an inline style; the panel names the library
      timeScale: { borderVisible: false, timeVisible: true, rightOffset: 2 },
      rightPriceScale: { borderVisible: false },
      handleScroll: { mouseWheel: false, vertTouchDrag: false },
      handleScale: { mouseWheel: false },
      localization: { locale: "en-GB" },
    });
    const volume = chart.addHistogramSeries({ priceScaleId: "volume", priceFormat: { type: "volume" }, lastValueVisible: false, priceLineVisible: false });
    volume.priceScale().applyOptions({ scaleMargins: { top: 0.82, bottom: 0 } });
    const candles = chart.addCandlestickSeries({ borderVisible: false });
    candles.priceScale().applyOptions({ scaleMargins: { top: 0.06, bottom: 0.22 } });
    chart.subscribeCrosshairMove(({ time }) => this.#pointed(time === undefined ? null : (this.#names.get(String(time)) ?? null)));
    this.#parts = { chart, volume, candles };
    this.#paint();
  }

  // Draw these bars, `step` seconds long. Another series is fitted in; who has zoomed into this one stays there.
  show(bars, step, digits) {
    const fit = bars[0]?.t !== this.#rows[0][0]?.t || step !== this.#rows[1];
    this.#rows = [bars, step, digits];
    if (this.#parts === null) return;
    const { chart, candles, volume } = this.#parts;
    const rows = withGaps(bars, step);
    this.#names = new Map(bars.map((bar) => [String(timeOf(bar.t)), bar.t]));
    candles.applyOptions({ priceFormat: { type: "price", precision: digits, minMove: 10 ** -digits } });
    candles.setData(rows.map(candleOf));
    volume.setData(rows.map((row) => this.#barOf(row)));
    const clock = (time) => new Date(time * 1000).toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit" });
    const day = (time) => new Date(typeof time === "string" ? time : time * 1000);
    const timed = step < DAY_S;
    chart.applyOptions({
      localization: { timeFormatter: (time) => (timed ? `${day(time).toLocaleDateString("en-GB")} ${clock(time)}` : day(time).toLocaleDateString("en-GB", { timeZone: "UTC" })) },
      timeScale: { tickMarkFormatter: (time, kind) => tick(day(time), kind) },
    });
    if (fit) chart.timeScale().fitContent();
  }

  // The newest bar has changed.
  update(bar) {
    this.#rows[0] = [...this.#rows[0].slice(0, -1), bar];
    if (this.#parts === null) return;
    this.#parts.candles.update(candleOf(bar));
    this.#parts.volume.update(this.#barOf(bar));
  }

  #barOf(row) {
    const { up, down } = this.#colours;
    return row.o === undefined || row.v === null ? { time: timeOf(row.t) } : { time: timeOf(row.t), value: row.v, color: faded(row.c < row.o ? down : up) };
  }

  #colours = { up: "rgb(0, 0, 0)", down: "rgb(0, 0, 0)" };

  // The page's colours are pairs for light and dark, of which only the browser knows the present one.
  #paint() {
    if (this.#parts === null) return;
    const probe = this.#parent.parentElement.appendChild(element("i", { hidden: "" }));
    const colour = (name) => {
      probe.className = `probe-${name}`;
      return getComputedStyle(probe).color;
    };
    const [up, down, text, line] = ["up", "down", "faint", "line"].map(colour);
    probe.remove();
    this.#colours = { up, down };
    this.#parts.candles.applyOptions({ upColor: up, downColor: down, wickUpColor: up, wickDownColor: down });
    this.#parts.chart.applyOptions({ layout: { textColor: text, fontFamily: getComputedStyle(this.#parent).fontFamily }, grid: { vertLines: { color: line }, horzLines: { color: line } } });
    this.show(...this.#rows);
    this.#parts.chart.timeScale().fitContent();
  }
}

// Days are dates, so that they are the exchange's wherever the browser is.
const timeOf = (t) => (t.includes("T") ? Date.parse(t) / 1000 : t);

const candleOf = ({ t, o, h, l, c }) => (o === undefined ? { time: timeOf(t) } : { time: timeOf(t), open: o, high: h, low: l, close: c });

const faded = (colour) => colour.replace("rgb(", "rgba(").replace(")", ", 0.35)");

function withGaps(bars, step) {
  if (step >= DAY_S) return bars;
  return bars.flatMap((bar, place) => {
    const before = place === 0 ? null : Date.parse(bars[place - 1].t) / 1000;
    const hole = before === null ? 0 : Date.parse(bar.t) / 1000 - before;
    const missing = hole < LONGEST_GAP_S ? Math.max(0, Math.round(hole / step) - 1) : 0;
    const empty = Array.from({ length: missing }, (_, nth) => ({ t: new Date((before + (nth + 1) * step) * 1000).toISOString() }));
    return [...empty, bar];
  });
}

// Kinds of marks as the library counts them: year, month, day, time.
function tick(date, kind) {
  if (kind === 0) return String(date.getFullYear());
  if (kind === 1) return date.toLocaleDateString("en-GB", { month: "short" });
  if (kind === 2) return date.toLocaleDateString("en-GB", { day: "numeric", month: "short" });
  return date.toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit" });
}
