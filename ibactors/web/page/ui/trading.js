// What the service says of trading: its state and its orders, from the stream, each event once and in order.

import { get } from "./api.js";
import { sentences } from "./format.js";

const RECENT_MS = 24 * 3600 * 1000;
const MOST_DONE = 50; // orders that are over and are still shown
const DONE = new Set(["filled", "cancelled", "expired", "rejected", "not_received", "closed_unverified"]);

export const isDone = ({ status }) => DONE.has(status);

export class Trading extends EventTarget {
  state = null; // as GET /trading tells it; null while it is not known
  problem = ""; // why it is not known
  #orders = new Map(); // by order_id
  #cursor = null; // the place in the journal that has been seen
  #stream;

  constructor(stream) {
    super();
    this.#stream = stream;
    stream.addEventListener("open", () => this.#begin());
    stream.addEventListener("lost", () => this.#changed());
    stream.addEventListener("message", ({ detail }) => this.#take(detail));
    if (stream.open) this.#begin();
  }

  get on() {
    return ["paper", "live"].includes(this.state?.mode);
  }

  // Newest first.
  get working() {
    return this.#sorted((order) => !isDone(order));
  }

  get done() {
    return this.#sorted(isDone).slice(0, MOST_DONE);
  }

  // Why what is shown may not be the present state; empty while it is.
  get doubt() {
    if (!this.#stream.current) return "Not confirmed by ibactors at the moment.";
    if (this.on && this.state.reconciled === null) return "Not compared with IB's lists in this session yet.";
    return "";
  }

  of(id) {
    return this.#orders.get(id);
  }

  // An order as an answer has it; what the stream has told later stays.
  learn(order) {
    const known = this.#orders.get(order.order_id);
    if (known && known.updated > order.updated) return;
    this.#orders.set(order.order_id, order);
    this.#changed();
  }

  #sorted(wanted) {
    return [...this.#orders.values()].filter(wanted).sort((one, other) => (one.created < other.created ? 1 : -1));
  }

  #begin() {
    this.#stream.send({ action: "subscribe", channel: "trading", id: "trading" });
    this.#stream.send({ action: "subscribe", channel: "orders", id: "orders", ...(this.#cursor && { after: this.#cursor }) });
  }

  #take(message) {
    if (message.type === "trading") Object.assign(this, { state: message, problem: "" });
    else if (message.type === "orders") this.#start(message);
    else if (message.type === "order") this.#follow(message);
    else if (message.type === "error" && message.id === "trading") this.problem = sentences(message.message, message.hint);
    else return;
    this.#changed();
  }

  #start({ orders, cursor, more, reset }) {
    if (reset) this.#orders.clear();
    for (const order of orders) this.#orders.set(order.order_id, order);
    if (more) return;
    this.#cursor = cursor;
    this.#recall();
  }

  // The stream begins with what is open; what is over is asked for once.
  async #recall() {
    const after = new Date(Date.now() - RECENT_MS).toISOString();
    const { orders } = await get("orders", { status: "closed", after, limit: MOST_DONE }).catch(() => ({ orders: [] }));
    for (const order of orders) this.learn(order);
  }

  #follow(event) {
    this.#cursor = event.cursor;
    if (event.order) this.#orders.set(event.order_id, event.order);
    this.dispatchEvent(new CustomEvent("event", { detail: event }));
  }

  #changed() {
    this.dispatchEvent(new Event("change"));
  }
}
