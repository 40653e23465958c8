// The option chain of the selected instrument: one expiry around the money with greeks, looked at again and again while the panel is open.
//
// A look is a moment, not a stream: its age is that of its oldest option. It counts as current for half a minute, in the session that it was
// taken in, and while the price of the underlying is current.

import { get } from "./api.js";
import { NO_SESSION } from "./book.js";
import { ChainView } from "./chainview.js";
import { $, element, setClass, setHidden, setText } from "./dom.js";
import { span } from "./format.js";
import { selection } from "./selection.js";

const AROUND = 6; // strikes below the money, and as many above
const AGAIN_MS = 10_000;
const OLD_S = 30;
const WITHOUT = new Set(["OPT", "FOP", "WAR", "BOND", "FUND"]); // kinds on which there are no options
const DAY = { day: "numeric", month: "short", year: "numeric", timeZone: "UTC" };

export class Options {
  #root = $("#options");
  #choice = $("#options select");
  #view;
  #stream;
  #book;
  #changed;
  #line = null; // of the underlying; null while the panel is closed
  #expiries = [];
  #chain = null;
  #broken = ""; // why the chain is of a time that is over
  #problem = "";
  #generation = 0; // of what is asked for: an answer to an older question does not count
  #timer;

  // `take(instrument)` is called with an option that somebody wants to follow.
  constructor(stream, book, take, changed) {
    this.#stream = stream;
    this.#book = book;
    this.#changed = changed;
    this.#view = new ChainView($("table", this.#root), take);
    this.#root.addEventListener("toggle", () => this.#begin());
    this.#choice.addEventListener("change", () => this.#turn());
    selection.addEventListener("change", () => WITHOUT.has(selection.instrument?.sec_type) || this.#begin());
    document.addEventListener("visibilitychange", () => document.hidden || this.#look());
    stream.addEventListener("open", () => this.#begin());
    stream.addEventListener("lost", () => this.#break("The connection to ibactors is lost."));
    stream.addEventListener("message", ({ detail }) => {
      if (detail.type === "status" && !detail.connected) this.#break(NO_SESSION);
    });
  }

  render() {
    if (!this.#root.open) return;
    const doubt = this.#doubt;
    setText($("h2", this.#root), this.#line === null ? "Options" : `Options on ${this.#line.name}`);
    setClass(this.#root, "stale", doubt !== "");
    setText($(".as-of", this.#root), this.#chain === null ? "" : `${doubt ? "stale, " : ""}${span(this.#age)} old`);
    const waiting = this.#line === null ? "Select in the watchlist what the options are on." : this.#chain === null ? "Looking at the options…" : "";
    const words = this.#problem || doubt || waiting;
    setText($(".empty", this.#root), words);
    setHidden($(".empty", this.#root), words === "");
    setHidden($(".choice", this.#root), this.#expiries.length === 0);
    setHidden($(".scroll", this.#root), this.#chain === null);
    if (this.#chain !== null) this.#view.render(this.#chain, this.#line);
  }

  // Why the chain that is shown is not the present one; empty while it is, or while there is none.
  get #doubt() {
    if (this.#chain === null) return "";
    if (this.#broken) return this.#broken;
    if (!this.#stream.current) return "Not confirmed by ibactors at the moment.";
    const { current, note } = this.#book.condition(this.#line);
    if (this.#line.quote !== null && !current) return note;
    return this.#age > OLD_S ? "The next look is late." : "";
  }

  get #age() {
    const times = this.#chain.rows.flatMap(({ call, put }) => [call?.timestamp, put?.timestamp]).filter(Boolean).map(Date.parse);
    const oldest = times.length > 0 ? Math.min(...times) + this.#book.skew : this.#chain.at;
    return Math.max(0, Date.now() - oldest) / 1000;
  }

  // All anew: for another instrument, on a new connection, or because the panel was opened. A closed one asks for nothing and has no line.
  #begin() {
    const old = this.#line;
    const under = WITHOUT.has(selection.instrument?.sec_type) ? (old?.instrument ?? null) : selection.instrument;
    this.#line = this.#root.open && under !== null ? this.#book.want(under) : null;
    if (old !== null) this.#book.release(old);
    this.#expiries = [];
    this.#turn();
  }

  // Another expiry.
  #turn() {
    this.#chain = null;
    this.#problem = "";
    this.#look();
  }

  async #look() {
    clearTimeout(this.#timer);
    const generation = ++this.#generation;
    const line = this.#line;
    if (line === null) return this.#changed();
    const at = Date.now();
    let again = true;
    try {
      if (this.#expiries.length === 0) this.#offer(expiriesOf(await get(`options/chain/${named(line)}`, addressOf(line))), generation);
      if (generation !== this.#generation) return;
      const { day, trading_class, exchange } = this.#expiries[this.#choice.selectedIndex];
      const query = { ...addressOf(line), trading_class, exchange, strikes_around: AROUND };
      const chain = await get(`options/chain/${named(line)}/${day}`, query);
      if (generation !== this.#generation) return;
      this.#chain = { ...chain, at };
      this.#broken = "";
      this.#problem = chain.rows.length === 0 ? "IB lists no options of this day around the price." : "";
    } catch (problem) {
      if (generation !== this.#generation) return;
      this.#problem = problem.message;
      again = problem.status === 0 || problem.status === 429 || problem.status >= 500;
    }
    if (again) this.#timer = setTimeout(() => document.hidden || this.#look(), AGAIN_MS);
    this.#changed();
  }

  #offer(expiries, generation) {
    if (generation !== this.#generation) return;
    this.#expiries = expiries;
    this.#choice.replaceChildren(...expiries.map(({ name }) => element("option", {}, name)));
    this.#changed();
  }

  #break(why) {
    this.#broken = why;
    this.#changed();
  }
}

const named = ({ quote, instrument }) => encodeURIComponent(quote?.symbol ?? instrument.symbol);

// By its id where that is known, which names a future's month too.
function addressOf({ quote, instrument: { sec_type, currency, con_id } }) {
  const id = con_id ?? quote?.con_id;
  const more = id ? { con_id: id } : { sec_type, currency };
  return Object.fromEntries(Object.entries(more).filter(([, value]) => value !== undefined));
}

// The days on which something expires, the next one first; where several classes do, an entry for each, its own before adjusted ones.
function expiriesOf({ symbol, chains }) {
  const smart = chains.filter(({ exchange }) => exchange === "SMART");
  const days = (smart.length > 0 ? smart : chains).flatMap(({ trading_class, exchange, expirations }) =>
    expirations.map((day) => ({ day, trading_class, exchange })),
  );
  const foreign = ({ trading_class }) => Number(trading_class !== symbol);
  const classes = new Set(days.map(({ trading_class }) => trading_class));
  return days
    .sort((one, other) => one.day.localeCompare(other.day) || foreign(one) - foreign(other) || one.trading_class.localeCompare(other.trading_class))
    .map((expiry) => ({ ...expiry, name: `${dateOf(expiry.day)}${classes.size > 1 ? ` · ${expiry.trading_class}` : ""}` }));
}

function dateOf(day) {
  const date = new Date(`${day.slice(0, 4)}-${day.slice(4, 6)}-${day.slice(6)}`);
  const left = Math.ceil((date - Date.now()) / 86_400_000);
  return `${date.toLocaleDateString("en-GB", DAY)} · ${left} d`;
}
