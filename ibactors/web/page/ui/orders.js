// Orders: those that work, with change and cancel, those that are over, the life of each, and the switch that stops all.

import { get } from "./api.js";
import { settle } from "./attempt.js";
import { $, element, keyed, setClass, setHidden, setText } from "./dom.js";
import { clock, money, sentences } from "./format.js";
import { Amendment } from "./amendment.js";
import { exact, termsOf } from "./preview.js";
import { isDone } from "./trading.js";

const STATUSES = {
  pending_new: "on its way to IB",
  held: "held by IB",
  partially_filled: "partly filled",
  pending_replace: "change under way",
  pending_cancel: "cancel under way",
  inactive: "inactive at IB",
  unknown: "unknown: nobody can tell what became of it; it is looked for, and not sent again",
  not_received: "never received by IB",
  closed_unverified: "over at IB; fills may be missing",
};
const NO_CHANGE = new Set(["pending_new", "unknown", "inactive", "pending_cancel", "pending_replace"]);

export class Orders {
  #trading;
  #changed;
  #lives = new Map(); // by order_id, of the orders that are unfolded: their events, or why there are none
  #said = new Map(); // by order_id, what came of the last cancel or change
  #amendment;

  constructor(trading, changed) {
    this.#trading = trading;
    this.#changed = changed;
    this.#amendment = new Amendment(trading, (id, words) => this.#say(id, words));
    trading.addEventListener("event", ({ detail }) => {
      if (this.#lives.has(detail.order_id)) this.#read(detail.order_id);
    });
  }

  render() {
    const { on, state, problem, doubt, working, done } = this.#trading;
    const root = $("#orders");
    setClass(root, "stale", doubt !== "" && on);
    setText($(".as-of", root), on ? doubt : "");
    setHidden($(".orders-body", root), !on);
    setHidden($(".empty", root), on && working.length > 0);
    setText($(".empty", root), on ? "No working orders." : state === null ? problem || "Loading…" : `Trading is ${state.mode}: there are no orders.`);
    if (!on) return;
    this.#renderList($(".working", root), working);
    this.#renderList($(".done", root), done);
    setHidden($(".over", root), done.length === 0);
    setText($(".over > summary", root), `Over, last 24 hours (${done.length})`);
  }

  #renderList(list, orders) {
    keyed(list, orders, ({ order_id }) => order_id, (order) => this.#make(order), (row, order) => this.#renderOrder(row, order));
  }

  #make({ order_id: id }) {
    const row = $("#order").content.firstElementChild.cloneNode(true);
    $(".cancel", row).addEventListener("click", () => this.#cancel(id));
    $(".amend", row).addEventListener("click", () => this.#amendment.open(id));
    $("details", row).addEventListener("toggle", ({ target }) => {
      if (target.open) this.#read(id);
      else this.#lives.delete(id);
    });
    return row;
  }

  #renderOrder(row, order) {
    setText($("b", row), termsOf(order));
    row.dataset.status = order.status;
    setText($(".status", row), statusOf(order));
    setText($(".filled", row), filledOf(order));
    setText($(".said", row), this.#said.get(order.order_id) ?? "");
    const over = isDone(order);
    setHidden($(".buttons", row), over);
    $(".amend", row).disabled = NO_CHANGE.has(order.status);
    $(".cancel", row).disabled = order.status === "pending_cancel";
    for (const [name, verb] of [[".amend", "Change"], [".cancel", "Cancel"]]) $(name, row).setAttribute("aria-label", `${verb} ${termsOf(order)}`);
    const events = this.#lives.get(order.order_id) ?? [];
    keyed($(".life", row), events, ({ sequence }) => String(sequence), makeEvent, () => {});
  }

  #say(id, words) {
    this.#said.set(id, words);
    this.#changed();
  }

  // As often as it takes: a second cancel of an order does no more than the first.
  async #cancel(id) {
    this.#say(id, "Cancelling…");
    try {
      this.#trading.learn(await settle({ method: "DELETE", path: `orders/${id}` }, ({ message }) => this.#say(id, sentences("The cancel has no answer yet", message))));
      this.#say(id, "");
    } catch (problem) {
      this.#say(id, problem.message);
    }
  }

  async #read(id) {
    if (!this.#lives.has(id)) this.#lives.set(id, []);
    const { events } = await get(`orders/${id}/events`, { limit: 500 }).catch(({ message }) => {
      this.#say(id, message);
      return { events: [] };
    });
    if (this.#lives.has(id)) this.#lives.set(id, events);
    this.#changed();
  }
}

// The switch, in the panel of orders, with what it does said before it is thrown.
export class Halt {
  #trading;
  #dialog = $("#halt-dialog");
  #words = "";

  constructor(trading, changed) {
    this.#trading = trading;
    $("#halt").addEventListener("click", () => this.#dialog.showModal());
    $("#halt-not").addEventListener("click", () => this.#dialog.close("no"));
    this.#dialog.addEventListener("close", () => {
      if (this.#dialog.returnValue === "halt") this.#ask("halt", { cancel: $("#halt-cancel").value, reason: "from the page" }).then(changed);
      this.#dialog.returnValue = "";
    });
    $("#resume").addEventListener("click", () => this.#ask("resume").then(changed));
  }

  render() {
    const { on, state } = this.#trading;
    setHidden($("#halt"), !on || state.halted !== null);
    setHidden($("#halted"), !on || (state.halted === null && this.#words === ""));
    setHidden($("#resume"), state === null || state.halted === null);
    if (!on) return;
    const { halted, halt } = state;
    const who = halt ? ` Since ${clock(halt.at)}, by ${halt.by}; it cancelled: ${halt.cancel}.` : "";
    const words = halted === null ? "" : `Trading is halted: ${halted}.${who} Nothing but cancels is sent until an admin's key resumes it.`;
    setText($("#halted p"), [words, this.#words].filter(Boolean).join(" "));
  }

  async #ask(verb, body) {
    this.#words = verb === "halt" ? "Halting…" : "Resuming…";
    try {
      const state = await settle({ method: "POST", path: `trading/${verb}`, body }, ({ message }) => (this.#words = sentences(`No answer yet to the ${verb}`, message)));
      Object.assign(this.#trading, { state });
      this.#words = "";
    } catch (problem) {
      this.#words = problem.message;
    }
  }
}

function statusOf({ status, status_reason: reason, fills_disputed: disputed, unknown_terms: either }) {
  const words = STATUSES[status] ?? status.replaceAll("_", " ");
  return sentences(words, reason, disputed && "Fills are disputed", either && "A change was broken off: either terms may hold").replace(/\.$/, "");
}

function filledOf({ filled_quantity: filled, quantity, average_price: price, commission, commission_currency: currency, instrument, fills_pending: pending }) {
  if (!filled) return pending ? "IB tells of fills that are not there yet" : "";
  const cost = commission === null ? "" : `, commission ${money(commission, currency ?? "")}`;
  return `${exact(filled)} of ${exact(quantity)} filled at ${exact(price)} ${instrument.currency}${cost}`;
}

function makeEvent({ event, timestamp, reason, execution, ib_code: code }) {
  const fill = execution && event === "fill" ? `${exact(execution.quantity)} at ${exact(execution.price)}` : "";
  const words = [event.replaceAll("_", " "), fill, reason, code && `IB ${code}`].filter(Boolean).join(", ");
  return element("li", {}, element("time", { datetime: timestamp }, clock(timestamp)), ` ${words}`);
}
