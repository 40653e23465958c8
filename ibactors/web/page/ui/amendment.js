// A change of a working order: new terms, what they would do, and then the change itself, with one id for ever.

import { call } from "./api.js";
import { newId, settle } from "./attempt.js";
import { $, setHidden, setText } from "./dom.js";
import { sentences } from "./format.js";
import { PRICES, renderPreview, termsOf } from "./preview.js";

const MEMBERS = ["quantity", ...Object.keys(PRICES)];

export class Amendment {
  #trading;
  #say;
  #dialog = $("#amend-dialog");
  #form = $("#amend-dialog form");
  #order = null; // as it was when the dialog was opened: the change is of this revision
  #asked = null; // the body that was previewed; with it the second step is open

  // `say(id, words)` tells what became of the change of an order.
  constructor(trading, say) {
    this.#trading = trading;
    this.#say = say;
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#look();
    });
    this.#form.addEventListener("input", () => this.#show(null));
    $(".not", this.#form).addEventListener("click", () => this.#dialog.close());
    $(".send", this.#form).addEventListener("click", () => this.#send());
  }

  open(id) {
    this.#order = this.#trading.of(id);
    setText($("h2", this.#form), `Change: ${termsOf(this.#order)}`);
    for (const name of MEMBERS) {
      const input = this.#form[name];
      setHidden(input.parentElement, this.#order[name] == null);
      input.value = this.#order[name] ?? "";
    }
    this.#show(null);
    this.#dialog.showModal();
  }

  #show(answer, problem = "") {
    if (answer === null) this.#asked = null;
    setText($(".problem", this.#form), problem);
    setHidden($(".preview", this.#form), answer === null);
    setHidden($(".look", this.#form), answer !== null);
    setHidden($(".send", this.#form), answer === null || !answer.allowed);
    if (answer !== null) renderPreview($(".preview", this.#form), answer);
  }

  get #headers() {
    return { "If-Match": `"${this.#order.revision}"` };
  }

  async #look() {
    const body = {};
    for (const name of MEMBERS) {
      const text = this.#form[name].value.trim();
      if (this.#order[name] == null || Number(text) === this.#order[name]) continue;
      if (text === "" || !Number.isFinite(Number(text))) return this.#show(null, `${name.replaceAll("_", " ")} is not a number. Write it as 100 or 228.37.`);
      body[name] = Number(text);
    }
    if (Object.keys(body).length === 0) return this.#show(null, "Nothing is changed yet. Write another quantity or price.");
    const asked = (this.#asked = body);
    try {
      const answer = await call("POST", `orders/${this.#order.order_id}/preview`, { body, headers: this.#headers });
      if (asked !== this.#asked) return;
      Object.assign(body, { change_id: newId("desk"), preview_token: answer.preview_token ?? undefined, send_before: answer.valid_until ?? undefined });
      this.#show(answer);
      $(".preview h3", this.#form).focus();
    } catch (problem) {
      if (asked === this.#asked) this.#show(null, problem.message);
    }
  }

  // The second step; a second click finds nothing to send.
  async #send() {
    const [body, { order_id: id }] = [this.#asked, this.#order];
    if (body === null) return;
    const headers = this.#headers;
    this.#asked = null;
    this.#dialog.close();
    this.#say(id, "Changing…");
    const waiting = ({ message }) => this.#say(id, sentences("The change has no answer yet, asked again with the same id", message));
    try {
      this.#trading.learn(await settle({ method: "PATCH", path: `orders/${id}`, body, headers }, waiting));
      this.#say(id, "");
    } catch (problem) {
      this.#say(id, sentences("The change was refused", problem.message));
    }
  }
}
