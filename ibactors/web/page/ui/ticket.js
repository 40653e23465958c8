// The order ticket: terms, what they would do, and only then the order itself, in a step of its own and with one id for ever.

import { call } from "./api.js";
import { newId, settle, unanswered } from "./attempt.js";
import { $, setClass, setHidden, setText } from "./dom.js";
import { decimals, number, sentences } from "./format.js";
import { PRICES, TYPES, renderPreview, termsOf } from "./preview.js";
import { selection } from "./selection.js";

const PREVIEW_MS = 50_000; // the service keeps its word for a minute
const NUMBERS = { quantity: "Quantity", limit_price: "Limit price", stop_price: "Stop price", trail_amount: "Trail amount" };

export class Ticket {
  #trading;
  #book;
  #changed;
  #line = null; // the quote of the selected instrument
  #state = "editing"; // then previewing, previewed, placing, answered
  #preview = null; // what was asked and the answer: { body, answer, at }
  #words = { text: "", field: null, bad: false }; // of the last refusal or answer
  #withdrawing = null; // the request that is waited for and may be withdrawn
  #root = $("#ticket");
  #form = $("#ticket form");

  constructor(trading, book, changed) {
    this.#trading = trading;
    this.#book = book;
    this.#changed = changed;
    selection.addEventListener("change", () => this.#follow());
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#look();
    });
    this.#form.addEventListener("input", () => this.#say(""));
    $(".edit", this.#root).addEventListener("click", () => this.#edit());
    $(".place", this.#root).addEventListener("click", () => this.#place());
    $(".withdraw", this.#root).addEventListener("click", () => this.#withdraw());
    $(".another", this.#root).addEventListener("click", () => this.#edit());
    this.#follow();
    this.#resume();
  }

  render() {
    setText($("#ticket-title"), this.#line ? `Order ${this.#line.name}` : "Order");
    const shut = this.#shut();
    setText($(".empty", this.#root), shut);
    setHidden($(".empty", this.#root), shut === "");
    const open = shut === "" || this.#state === "placing" || this.#state === "answered";
    setHidden(this.#form, !open || !["editing", "previewing"].includes(this.#state));
    setHidden($(".preview", this.#root), !open || this.#state !== "previewed");
    setHidden($(".answer", this.#root), !["placing", "answered"].includes(this.#state));
    this.#renderQuote();
    this.#renderForm();
    this.#renderPreview();
    this.#renderAnswer();
  }

  // Why no order can be given here; empty where one can.
  #shut() {
    const { state, problem, on } = this.#trading;
    if (state === null) return problem || "Asking whether trading is on…";
    if (state.mode === "off") {
      return "Trading is off: this service sends no orders. Whoever runs it switches it on with IBACTORS_TRADING=paper (or preview, which asks IB and sends nothing) and IBACTORS_STATE_PATH; see docs/orders.md.";
    }
    if (state.gateway_read_only) return "The gateway's API is read-only: it takes no orders. Turn off Read-Only API in its settings.";
    if (this.#line === null) return "Select an instrument in the watchlist.";
    return on || state.mode === "preview" ? "" : `Trading is ${state.mode}.`;
  }

  #renderQuote() {
    const node = $(".ticket-quote", this.#root);
    setHidden(node, this.#line === null);
    if (this.#line === null) return;
    const { bid = null, ask = null } = this.#line.quote ?? {};
    const { current, word, note } = this.#book.condition(this.#line);
    const digits = decimals(bid, ask);
    setText($("b", node), `${number(bid, digits)} × ${number(ask, digits)}`);
    setText($("span", node), word);
    node.title = note;
    setClass(node, "stale", !current);
  }

  #renderForm() {
    const { prices } = TYPES[this.#form.type.value];
    for (const name of Object.keys(PRICES)) setHidden(this.#form[name].parentElement, !prices.includes(name));
    $("fieldset", this.#form).disabled = this.#state === "previewing";
    $("button", this.#form).disabled = this.#state === "previewing";
    setText($("button", this.#form), this.#state === "previewing" ? "Asking IB…" : "Preview");
    const problem = $(".ticket-problem", this.#root);
    setText(problem, this.#state === "editing" ? this.#words.text : "");
    for (const name of Object.keys(NUMBERS)) {
      const wrong = this.#state === "editing" && this.#words.field === name;
      if (wrong) this.#form[name].setAttribute("aria-invalid", "true");
      else this.#form[name].removeAttribute("aria-invalid");
    }
  }

  #renderPreview() {
    if (this.#state !== "previewed") return;
    const { answer, at } = this.#preview;
    const panel = $(".preview", this.#root);
    renderPreview(panel, answer);
    const old = Date.now() - at > PREVIEW_MS;
    const why = !answer.allowed ? "" : this.#trading.state?.mode === "preview" ? "Trading is preview: nothing is sent." : old ? "This preview is a minute old. Ask again." : "";
    if (why) setText($(".verdict", panel), why);
    setClass(panel, "stale", old);
    const place = $(".place", panel);
    place.disabled = !answer.allowed || why !== "";
    setText(place, `Place: ${termsOf(answer.order)}`);
    place.dataset.side = answer.order.side;
  }

  #renderAnswer() {
    if (!["placing", "answered"].includes(this.#state)) return;
    const node = $(".answer", this.#root);
    setText($("p", node), this.#words.text);
    setClass(node, "bad", this.#words.bad);
    setHidden($(".withdraw", node), this.#withdrawing === null);
    setHidden($(".another", node), this.#state !== "answered");
  }

  #follow() {
    if (this.#line !== null) this.#book.release(this.#line);
    this.#line = selection.instrument === null ? null : this.#book.want(selection.instrument);
    if (this.#state === "previewed" || this.#state === "previewing") this.#edit();
    this.#changed();
  }

  #edit() {
    this.#preview = null;
    this.#state = "editing";
    this.#say("");
  }

  #say(text, { field = null, bad = false } = {}) {
    this.#words = { text, field, bad };
    this.#changed();
  }

  #refuse(problem) {
    this.#say(problem.message, { field: problem.field, bad: true });
    this.#form[problem.field]?.focus?.();
  }

  // The first step: what would it do?
  async #look() {
    if (this.#state !== "editing") return;
    const body = this.#terms();
    if (body === null) return;
    this.#state = "previewing";
    const asked = (this.#preview = { body });
    this.#say("");
    let answer;
    try {
      answer = await call("POST", "orders/preview", { body });
    } catch (problem) {
      if (asked !== this.#preview) return;
      this.#state = "editing";
      this.render();
      return this.#refuse(problem);
    }
    if (asked !== this.#preview) return; // the instrument is another one by now
    // The id is made before the first try, and stays whatever happens to the answers.
    Object.assign(asked, { answer, at: Date.now(), id: newId("desk") });
    this.#state = "previewed";
    this.render();
    $(".preview h3", this.#root).focus(); // not the button: Enter twice must not be an order
  }

  // The terms as the service takes them; null where a number is none, which is said.
  #terms() {
    const { label, ...described } = this.#line.instrument;
    const con_id = this.#line.quote?.con_id;
    const data = this.#form;
    const body = { instrument: con_id ? { con_id } : described, side: data.side.value, type: data.type.value, time_in_force: data.time_in_force.value };
    if (data.session.value !== "regular") body.session = data.session.value;
    if ($("#account-choice").value) body.account = $("#account-choice").value; // the one that the page is about
    for (const name of ["quantity", ...TYPES[body.type].prices]) {
      const text = data[name].value.trim();
      body[name] = Number(text);
      if (text !== "" && Number.isFinite(body[name])) continue;
      this.#refuse({ message: `${NUMBERS[name]} is ${text === "" ? "missing" : "not a number"}. Write it as 100 or 228.37.`, field: name });
      return null;
    }
    return body;
  }

  // The second step. A second click finds another state.
  #place() {
    if (this.#state !== "previewed" || $(".place", this.#root).disabled) return;
    const { body, answer, id } = this.#preview;
    // However often it is asked again, it is not sent after the preview has run out, by the service's clock.
    const { preview_token, valid_until: send_before } = answer;
    const request = { ...body, client_order_id: id, preview_token, send_before };
    unanswered.keep(id, { body: request, words: termsOf(answer.order) });
    this.#ask(request, termsOf(answer.order), false);
  }

  async #ask(body, words, again) {
    const id = body.client_order_id;
    this.#state = "placing";
    this.#withdrawing = again ? body : null;
    this.#say(again ? `${words}: asking what became of it, with the same id.` : `${words}: sending…`);
    const waiting = (problem) => {
      this.#withdrawing = body;
      this.#say(sentences(`${words}: no answer yet, asked again with the same id, which makes no second order`, problem.message), { bad: true });
    };
    try {
      const order = await settle({ method: "POST", path: "orders", body }, waiting, { unanswered: again });
      this.#trading.learn(order);
      this.#answered(id, `${words}: taken by the service as ${order.order_id}, ${order.status.replaceAll("_", " ")}.`);
    } catch (problem) {
      // What refuses a repetition says nothing of a first try that is still on its way: the id is made void before anything is said.
      if (problem.repeated) await this.#bury(body, waiting);
      this.#answered(id, sentences(`${words}: refused`, problem.message), true);
    }
  }

  // After it no order has the id, or the one that has is cancelled.
  #bury({ client_order_id: id, account }, waiting) {
    return settle({ method: "DELETE", path: `orders/by-client-id/${id}`, query: account ? { account } : {} }, waiting, { unanswered: true });
  }

  #answered(id, text, bad = false) {
    unanswered.forget(id);
    this.#withdrawing = null;
    this.#state = "answered";
    this.#say(text, { bad });
  }

  // The request that is waited for ends by it.
  #withdraw() {
    $(".withdraw", this.#root).disabled = true;
    this.#bury(this.#withdrawing, () => {})
      .catch((problem) => this.#say(problem.message, { bad: true }))
      .finally(() => ($(".withdraw", this.#root).disabled = false));
  }

  // What was sent before the page was left, and had no answer.
  async #resume() {
    for (const { body, words } of Object.values(unanswered.all())) await this.#ask(body, words, true);
  }
}
