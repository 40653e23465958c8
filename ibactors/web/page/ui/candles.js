// The chart of the selected instrument: past bars from the service's history, then the bar that forms now from its stream.

import { get } from "./api.js";
import { $, element, keyed, setClass, setHidden, setText } from "./dom.js";
import { compact, decimals, number, plural, sentences } from "./format.js";
import { Plot } from "./plot.js";
import { selection } from "./selection.js";

const DAY_S = 86_400;
const RANGES = [
  { name: "1 d", bar: "1m", step: 60, span: DAY_S, words: "a day of minutes" },
  { name: "5 d", bar: "5m", step: 300, span: 7 * DAY_S, words: "five days of five minutes" },
  { name: "1 m", bar: "30m", step: 1800, span: 31 * DAY_S, words: "a month of half hours" },
  { name: "6 m", bar: "1d", step: DAY_S, span: 183 * DAY_S, words: "six months of days" },
  { name: "1 y", bar: "1d", step: DAY_S, span: 366 * DAY_S, words: "a year of days" },
  { name: "5 y", bar: "1w", step: 7 * DAY_S, span: 1827 * DAY_S, words: "five years of weeks" },
];
const MOST_PAGES = 8; // a page has fewer bars than asked for when the service has to wait for IB
const QUOTED = new Set(["CASH", "CMDTY", "CFD"]); // kinds of which IB keeps no trades
const AGAIN_MS = 5000; // after an answer that says nothing of the bars
const WAITING = "Waiting for the bar that forms now.";

export class Candles {
  #stream;
  #plot = new Plot($("#chart .candles"), (bar) => this.#read(bar));
  #range = RANGES[0];
  #instrument = null;
  #bars = new Map(); // by when they begin, in the order of their times
  #broken = WAITING; // why the newest bar is not the present one; null while it is
  #problem = "";
  #live = null; // the series that is subscribed to, as the stream's commands name it
  #generation = 0; // of the series that is shown: what was asked for another does not count
  #pointed = null; // the bar below the pointer

  constructor(stream) {
    this.#stream = stream;
    const make = (range) => element("button", { type: "button", class: "quiet", title: range.words }, range.name);
    keyed($("#chart .ranges"), RANGES, ({ name }) => name, make, (button, range) => {
      button.addEventListener("click", () => this.#choose(range));
    });
    $("#chart .again").addEventListener("click", () => this.#load());
    selection.addEventListener("change", () => this.#load());
    stream.addEventListener("open", () => this.#load());
    stream.addEventListener("lost", () => this.#stop("The connection to ibactors is lost."));
    stream.addEventListener("message", ({ detail }) => this.#take(detail));
    if (stream.open) this.#load();
  }

  render() {
    const { label, symbol } = this.#instrument ?? {};
    const broken = this.#stream.current ? this.#broken : "Not confirmed by ibactors at the moment.";
    setText($("#chart-title"), this.#instrument ? `Chart ${label ?? symbol}` : "Chart");
    setClass($("#chart"), "stale", broken !== null && this.#bars.size > 0);
    setText($("#chart .as-of"), this.#bars.size === 0 ? "" : broken === null ? this.#age : broken === WAITING ? "past bars" : "stale");
    setText($("#chart .note"), this.#noteOf(broken));
    setHidden($("#chart .again"), this.#problem === "");
    for (const button of $("#chart .ranges").children) {
      button.setAttribute("aria-pressed", String(button.dataset.key === this.#range.name));
    }
    this.#renderBar();
  }

  // A bar that IB calls the newest may be of before the weekend.
  get #age() {
    const { t } = this.#newest;
    const { step } = this.#range;
    return Date.now() - Date.parse(t) < 2 * step * 1000 ? "live" : `last bar of ${whenOf(t, step)}`;
  }

  #noteOf(broken) {
    if (this.#instrument === null) return "Select an instrument in the watchlist.";
    if (this.#problem) return this.#problem;
    if (this.#bars.size === 0) return "Loading…";
    return broken === null ? "" : broken;
  }

  #renderBar() {
    const bar = this.#pointed ?? this.#newest;
    setText($("#chart .bar"), bar === undefined ? "" : describe(bar, this.#digits, this.#range));
  }

  // For who cannot see the canvas.
  #tell() {
    if (this.#newest === undefined) return;
    const bars = [...this.#bars.values()];
    const [low, high] = [Math.min(...bars.map(({ l }) => l)), Math.max(...bars.map(({ h }) => h))].map((price) => number(price, this.#digits));
    const words = `${this.#instrument.symbol}, ${this.#range.words}, ${plural(bars.length, "bar")} from ${low} to ${high}.`;
    $("#chart .candles").setAttribute("aria-label", `${words} Newest: ${describe(this.#newest, this.#digits, this.#range)}`);
  }

  get #newest() {
    return [...this.#bars.values()].at(-1);
  }

  get #digits() {
    const newest = this.#newest;
    return newest ? decimals(newest.o, newest.h, newest.l, newest.c) : 2;
  }

  #read(bar) {
    this.#pointed = bar && this.#bars.get(bar);
    this.render();
  }

  #choose(range) {
    this.#range = range;
    this.#load();
  }

  // All anew: what another range, instrument or connection has shown is void.
  async #load() {
    if (this.#live) this.#stream.send({ action: "unsubscribe", ...this.#live });
    this.#live = null;
    this.#instrument = selection.instrument;
    const generation = ++this.#generation;
    this.#bars = new Map();
    this.#pointed = null;
    this.#problem = "";
    this.#broken = WAITING;
    this.#plot.show([], this.#range.step, 2);
    this.render();
    if (this.#instrument === null) return;
    const { label, ...address } = this.#instrument;
    const series = { bar: this.#range.bar, what: QUOTED.has(address.sec_type) ? "midpoint" : "trades" };
    try {
      const bars = await past(address, { ...series, ...this.#range });
      if (generation !== this.#generation) return;
      this.#bars = new Map(bars.map((bar) => [bar.t, bar]));
      this.#problem = bars.length === 0 ? "IB has no bars of this time." : "";
    } catch (problem) {
      if (generation !== this.#generation) return;
      this.#problem = problem.message;
      if (problem.status === 0 || problem.status >= 500) setTimeout(() => generation === this.#generation && this.#load(), AGAIN_MS);
      return this.render(); // the live bar alone would look like a whole chart
    }
    this.#plot.show([...this.#bars.values()], this.#range.step, this.#digits);
    this.#tell();
    this.#live = { channel: "bars", ...series, ...address };
    this.#stream.send({ action: "subscribe", id: `candles ${generation}`, ...this.#live });
    this.render();
  }

  #take(message) {
    if (message.type === "status" && !message.connected) return this.#stop("There is no session with IB.");
    if (message.id !== `candles ${this.#generation}`) return;
    if (message.type === "bar") this.#grow(message);
    else if (message.type === "stale") this.#stop(sentences(message.reason));
    else if (message.type === "gap") this.#stop("Bars of this time are missing: IB has none of them.");
    else if (message.type === "error") this.#stop((this.#problem = sentences(message.message, message.hint)));
  }

  #grow(bar) {
    const newest = this.#newest?.t;
    const inside = this.#bars.has(bar.t) || newest === undefined || bar.t > newest;
    this.#bars.set(bar.t, bar);
    if (!inside) this.#bars = new Map([...this.#bars].sort(([one], [other]) => (one < other ? -1 : 1)));
    this.#broken = bar.backfill ? this.#broken : null;
    this.#problem = "";
    if (bar.t === newest && inside) this.#plot.update(bar);
    else this.#plot.show([...this.#bars.values()], this.#range.step, this.#digits);
    this.#tell();
    this.render();
  }

  #stop(reason) {
    this.#broken = reason;
    this.render();
  }
}

// The newest bars of an instrument that a range spans, oldest first. Raises Problem.
async function past({ symbol, ...address }, { bar, what, step, span }) {
  let bars = [];
  let token = {};
  for (let page = 0; page < MOST_PAGES; page += 1) {
    const query = { ...address, bar, what, limit: Math.ceil(span / step), wait: 8, ...token };
    const answer = await get(`history/bars/${encodeURIComponent(symbol)}`, query);
    bars = [...answer.bars, ...bars];
    token = { page_token: answer.next_page_token };
    if (answer.next_page_token === null || secondsBetween(bars.at(0), bars.at(-1)) >= span) break;
  }
  return bars.filter((one) => secondsBetween(one, bars.at(-1)) < span);
}

const secondsBetween = (one, other) => (one ? (Date.parse(other.t) - Date.parse(one.t)) / 1000 : 0);

const TIMED = { weekday: "short", day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" };
const DATED = { day: "numeric", month: "short", year: "numeric", timeZone: "UTC" };

const whenOf = (t, step) => new Date(t).toLocaleString("en-GB", step < DAY_S ? TIMED : DATED);

function describe({ t, o, h, l, c, v }, digits, { step }) {
  const prices = [["O", o], ["H", h], ["L", l], ["C", c]].map(([name, price]) => `${name} ${number(price, digits)}`);
  return [whenOf(t, step), ...prices, v === null ? "" : `V ${compact(v)}`].filter(Boolean).join("  ");
}
