// The instruments that are shown, each with its newest quote and what can be said of it. Each is subscribed once, however often it is shown.

import { sentences } from "./format.js";

export const NO_SESSION = "There is no session with IB.";

const INTERVAL_MS = 250;
const HISTORY_MS = 120_000;
const FIRST = "Waiting for the first price.";
const KINDS = { live: "live", delayed: "delayed", frozen: "frozen", delayed_frozen: "delayed, frozen" };
const KIND_NOTES = {
  delayed: "Delayed by the exchange, usually 15 minutes.",
  frozen: "The last values before the market closed.",
  delayed_frozen: "Delayed, and the last values before the market closed.",
};

// Where the service looks when no exchange is given; for a contract id it asks IB.
const usualExchange = (sec_type) => ({ CASH: "IDEALPRO", CRYPTO: "PAXOS" })[sec_type] ?? "SMART";

export function keyOf({ symbol, sec_type = "STK", exchange, currency = "USD", con_id, expiry, strike, right }) {
  const place = exchange || (con_id ? "" : usualExchange(sec_type));
  return [symbol, sec_type, place, currency, con_id, expiry, strike, right].map((member) => member ?? "").join("|");
}

class Line {
  quote = null;
  users = 0;
  failure = null; // the error that ended the subscription
  broken = FIRST; // why the quote is not the present one; null while it is
  since = null;
  points = []; // [time, price], or [time, null] where data stopped

  constructor(instrument) {
    this.instrument = instrument;
    this.key = keyOf(instrument);
    this.name = instrument.label ?? instrument.symbol;
  }

  // The members by which the service knows it.
  get address() {
    const { label, ...address } = this.instrument;
    return address;
  }

  get price() {
    if (this.quote === null) return null;
    const { last, bid, ask, close } = this.quote;
    return last ?? (bid !== null && ask !== null ? (bid + ask) / 2 : null) ?? close;
  }

  take(quote) {
    Object.assign(this, { quote, failure: null, broken: null, since: null });
    this.#record(this.price);
  }

  stop(reason, since = new Date().toISOString()) {
    if (this.broken === null) this.since = since;
    this.broken = reason;
    if (this.points.at(-1)?.[1] != null) this.#record(null);
  }

  #record(price) {
    const time = Date.now();
    this.points.push([time, price]);
    while (this.points[0][0] < time - HISTORY_MS) this.points.shift();
  }
}

export class Book extends EventTarget {
  #stream;
  #lines = new Map();
  skew = 0; // by how many milliseconds this browser's clock is ahead of the service's
  #connected = true; // to IB; if not, a new stream says so first

  constructor(stream) {
    super();
    this.#stream = stream;
    stream.addEventListener("open", () => this.#begin());
    stream.addEventListener("lost", () => this.stopAll(stream.refused ? "An API key is needed." : "The connection to ibactors is lost."));
    stream.addEventListener("message", ({ detail }) => this.#take(detail));
  }

  want(instrument) {
    const key = keyOf(instrument);
    let line = this.#lines.get(key);
    if (line === undefined) {
      line = new Line(instrument);
      this.#lines.set(key, line);
      this.#subscribe(line);
    }
    line.users += 1;
    return line;
  }

  release(line) {
    line.users -= 1;
    if (line.users > 0) return;
    this.#lines.delete(line.key);
    if (line.failure === null) this.#stream.send({ action: "unsubscribe", ...line.address });
  }

  // Subscribe once more: on a new connection, or after an error.
  again(line) {
    line.failure = null;
    line.stop(line.quote === null ? FIRST : "Waiting for a new price.");
    this.#subscribe(line);
    this.dispatchEvent(new Event("change"));
  }

  stopAll(reason, since) {
    for (const line of this.#lines.values()) line.stop(reason, since);
    this.dispatchEvent(new Event("change"));
  }

  // What may be said of a line's quote: `word` stands beside the price, and a price is current only if `current` says so.
  condition(line) {
    if (line.failure !== null) return { current: false, word: "no data", note: line.failure.text };
    if (line.quote === null) return { current: false, word: "waiting", note: line.broken };
    if (line.broken !== null) return { current: false, word: "stale", note: line.broken };
    if (!this.#stream.current) return { current: false, word: "stale", note: "Not confirmed by ibactors at the moment." };
    const { market_data_type: kind, halted, market } = line.quote;
    // Data that are not live say so first; that the market is closed is told beside their time.
    const word = halted ? "halted" : market === "closed" && kind === "live" ? "closed" : KINDS[kind];
    return { current: true, word, note: KIND_NOTES[kind] ?? "" };
  }

  // Seconds since a line's price was made: changed last or, of data of the past, traded last. Null while there is none.
  age({ quote }) {
    if (quote === null) return null;
    const made = Math.min(...[quote.timestamp, quote.as_of].filter(Boolean).map(Date.parse));
    return Math.max(0, Date.now() - this.skew - made) / 1000;
  }

  // Why none of the instruments has a current price although some had one; null while one has, or while the first are awaited.
  get outage() {
    const states = [...this.#lines.values()].map((line) => this.condition(line)).filter(({ word }) => word !== "waiting");
    if (states.length === 0 || states.some(({ current }) => current)) return null;
    const notes = new Set(states.map(({ note }) => note));
    return notes.size === 1 ? [...notes][0] : "The watchlist says why.";
  }

  #begin() {
    this.#connected = true;
    for (const line of this.#lines.values()) this.again(line);
  }

  #subscribe(line) {
    this.#stream.send({ action: "subscribe", interval_ms: INTERVAL_MS, id: line.key, ...line.address });
  }

  #take(message) {
    const lines = [...this.#lines.values()];
    const line = this.#lines.get(message.id); // what is told of an instrument carries the id of its subscription
    if (message.type === "status") this.#connected = message.connected;
    if (message.type === "quote" && line) {
      line.take(message);
    } else if (message.type === "stale" && line) {
      line.stop(this.#connected ? sentences(message.reason) : NO_SESSION, message.since);
    } else if (message.type === "error" && line) {
      this.#fail(line, message);
    } else if (message.type === "status" && !message.connected) {
      for (const line of lines) line.stop(NO_SESSION, message.since);
    } else if (message.type === "status") {
      for (const line of lines.filter((line) => line.failure !== null)) this.again(line);
    } else {
      return;
    }
    this.dispatchEvent(new Event("change"));
  }

  #fail(line, { code, message, hint }) {
    line.stop(message);
    line.failure = { code, text: sentences(message, hint) };
    this.dispatchEvent(new CustomEvent("failed", { detail: line }));
  }
}
