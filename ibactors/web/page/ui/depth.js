// The books that visitors have opened beside quotes. Each is subscribed to while it is open, because a login has few of them.

import { sentences } from "./format.js";

const ROWS = 5;
const INTERVAL_MS = 250;
const FIRST = "Waiting for the book. It may take a quarter of a minute.";

export class Depth extends EventTarget {
  #stream;
  #open = new Map(); // by the id of its subscription: { line, users, book, note }, in which either book or note is null

  constructor(stream) {
    super();
    this.#stream = stream;
    stream.addEventListener("open", () => this.#again(() => true));
    stream.addEventListener("lost", () => this.#stopAll("The connection to ibactors is lost."));
    stream.addEventListener("message", ({ detail }) => this.#take(detail));
  }

  // `user` is what shows it: the book is given back when nothing does any more.
  show(line, user) {
    const known = this.#open.get(idOf(line));
    if (known !== undefined) return known.users.add(user);
    const entry = { line, users: new Set([user]), book: null, note: FIRST, failed: false };
    this.#open.set(idOf(line), entry);
    this.#subscribe(entry);
    this.dispatchEvent(new Event("change"));
  }

  hide(line, user) {
    const entry = this.#open.get(idOf(line));
    if (!entry?.users.delete(user) || entry.users.size > 0) return;
    this.#open.delete(idOf(line));
    if (!entry.failed) this.#stream.send({ action: "unsubscribe", channel: "depth", ...line.address });
  }

  // What may be shown as the present book: either the book or why there is none.
  of(line) {
    const entry = this.#open.get(idOf(line));
    if (entry === undefined) return { book: null, note: "" };
    if (entry.book !== null && !this.#stream.current) return { book: null, note: "Not confirmed by ibactors at the moment." };
    return entry;
  }

  #subscribe({ line }) {
    this.#stream.send({ action: "subscribe", channel: "depth", rows: ROWS, interval_ms: INTERVAL_MS, id: idOf(line), ...line.address });
  }

  #again(which) {
    for (const entry of this.#open.values()) {
      if (!which(entry)) continue;
      Object.assign(entry, { book: null, note: FIRST, failed: false });
      this.#subscribe(entry);
    }
    this.dispatchEvent(new Event("change"));
  }

  #stopAll(note) {
    for (const entry of this.#open.values()) Object.assign(entry, { book: null, note });
    this.dispatchEvent(new Event("change"));
  }

  #take(message) {
    if (message.type === "status" && message.connected) return this.#again(({ failed }) => failed);
    const entry = this.#open.get(message.id);
    if (entry === undefined) return;
    if (message.type === "depth") Object.assign(entry, { book: message, note: null });
    else if (message.type === "stale") Object.assign(entry, { book: null, note: sentences(message.reason) });
    else if (message.type === "reset") Object.assign(entry, { book: null, note: "IB has thrown the book away; it comes anew." });
    else if (message.type === "error") Object.assign(entry, { book: null, note: sentences(message.message, message.hint), failed: true });
    else return;
    this.dispatchEvent(new Event("change"));
  }
}

const idOf = (line) => `depth ${line.key}`;
