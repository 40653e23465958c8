// The form that adds instruments: one symbol or a pasted list, and what IB finds while somebody types.

import { get } from "./api.js";
import { $, element, setHidden } from "./dom.js";
import { instrumentsOf } from "./parsing.js";

const PAUSE_MS = 400; // IB takes one search a second from everybody
const MOST_CHOICES = 12;
const NAMES = ["sec_type", "exchange", "currency"];
const TERMS = ["expiry", "strike", "right"];
const DERIVED = new Set(["OPT", "FOP", "WAR"]); // kinds that have such terms

export class Adding {
  #add;
  #form = $("#add");
  #input = $("#symbol");
  #list = $("#found");
  #problem = $("#add-problem");
  #candidates = [];
  #active = -1;
  #asked = 0;
  #timer;

  // `add(instrument)` takes it, or gives back why it does not.
  constructor(add) {
    this.#add = add;
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      if (this.#active >= 0) this.#pick(this.#candidates[this.#active]);
      else this.#submit();
    });
    this.#form.elements.sec_type.addEventListener("change", ({ target }) => setHidden($("#terms"), !DERIVED.has(target.value)));
    this.#input.addEventListener("input", () => this.#ask());
    this.#input.addEventListener("keydown", (event) => this.#pressed(event));
    this.#input.addEventListener("blur", () => this.#close());
    document.addEventListener("keydown", (event) => {
      if (event.key !== "/" || event.ctrlKey || event.metaKey || event.target.closest("input, select, textarea, dialog")) return;
      event.preventDefault();
      this.#input.focus();
      this.#input.select();
    });
  }

  // IB does not know the line, or does not show it.
  refused(line) {
    if (line.failure.code === "contract_ambiguous") this.#offer(line);
    else this.#say(`${line.name}: ${line.failure.text}`);
  }

  #submit() {
    const { symbol, ...others } = Object.fromEntries(new FormData(this.#form));
    const names = DERIVED.has(others.sec_type) ? [...NAMES, ...TERMS] : NAMES;
    const more = Object.fromEntries(names.map((name) => [name, others[name].trim().toUpperCase()]).filter(([, value]) => value !== "" && value !== "STK"));
    if (more.strike) more.strike = Number(more.strike);
    this.#begin();
    for (const instrument of instrumentsOf(symbol, more)) this.#take(instrument);
    this.#input.select();
  }

  #begin() {
    this.#close();
    this.#problem.replaceChildren();
  }

  #take(instrument) {
    const problem = this.#add(instrument);
    if (problem !== null) this.#say(problem);
  }

  #say(text) {
    const said = element("p", {}, text);
    this.#problem.append(said);
    return said;
  }

  // Several contracts fit: the visitor chooses one.
  async #offer({ name, address: { symbol, ...rest } }) {
    const said = this.#say(`${name} is the symbol of several contracts.`);
    const answer = await get("market/quotes", { symbols: symbol, ...rest }).catch(() => null);
    if (!said.isConnected) return; // something else has been typed meanwhile
    const choices = (answer?.quotes[symbol]?.candidates ?? []).slice(0, MOST_CHOICES).map((candidate) => {
      const { con_id, sec_type, local_symbol, exchange, primary_exchange: primary, currency, expiry, long_name } = candidate;
      const words = [local_symbol, long_name, expiry, primary ?? exchange, currency].filter(Boolean).join(" · ");
      const button = element("button", { type: "button", class: "quiet" }, words);
      button.addEventListener("click", () => {
        this.#begin();
        this.#take({ label: local_symbol, symbol: candidate.symbol, sec_type, exchange, currency, con_id });
      });
      return button;
    });
    said.after(element("div", { class: "choices" }, ...choices));
  }

  // Search while somebody types; what he asked before does not count any more.
  #ask() {
    this.#close();
    const text = this.#input.value.trim();
    if (text === "" || /[,;\n]/.test(text)) return;
    const asked = this.#asked;
    this.#timer = setTimeout(async () => {
      const answer = await get("contracts/search", { q: text }).catch(() => null);
      if (asked === this.#asked && answer !== null && document.activeElement === this.#input) this.#show(candidatesOf(answer.results));
    }, PAUSE_MS);
  }

  #show(candidates) {
    this.#candidates = candidates.slice(0, MOST_CHOICES);
    this.#list.replaceChildren(
      ...this.#candidates.map((candidate, at) => {
        const option = element("li", { role: "option", id: `found-${at}`, "aria-selected": "false" }, element("b", {}, candidate.title), element("small", {}, candidate.words));
        option.addEventListener("pointerdown", (event) => {
          event.preventDefault(); // the field keeps the focus
          this.#pick(candidate);
        });
        return option;
      }),
    );
    setHidden(this.#list, this.#candidates.length === 0);
    this.#input.setAttribute("aria-expanded", String(this.#candidates.length > 0));
  }

  #close() {
    clearTimeout(this.#timer);
    this.#asked += 1;
    this.#show([]);
    this.#mark(-1);
  }

  #mark(at) {
    this.#active = at;
    for (const [place, option] of [...this.#list.children].entries()) option.setAttribute("aria-selected", String(place === at));
    if (at < 0) this.#input.removeAttribute("aria-activedescendant");
    else this.#input.setAttribute("aria-activedescendant", `found-${at}`);
  }

  #pressed(event) {
    const count = this.#candidates.length;
    if (event.key === "Escape") this.#close();
    else if (event.key === "ArrowDown" && count > 0) this.#mark((this.#active + 1) % count);
    else if (event.key === "ArrowUp" && count > 0) this.#mark((Math.max(this.#active, 0) + count - 1) % count);
    else return;
    event.preventDefault();
  }

  #pick({ instrument }) {
    this.#begin();
    this.#take(instrument);
    this.#input.value = "";
  }
}

// Of each result the contract itself, where it is one, and its futures, of which there are several to choose from.
function candidatesOf(results) {
  const alike = ({ symbol, sec_type, currency }) => results.filter((other) => other.symbol === symbol && other.sec_type === sec_type && other.currency === currency).length;
  return results.flatMap((result) => {
    const { con_id, symbol, sec_type, currency, primary_exchange: exchange, description, derivatives } = result;
    if (symbol === null || con_id === null) return [];
    const where = [description, sec_type, exchange, currency].filter(Boolean).join(" · ");
    // By its symbol where that means one contract, so that it shares its line with whoever types it.
    const plain = ["STK", "CASH", "CRYPTO"].includes(sec_type) && alike(result) === 1;
    const instrument = { symbol, ...(sec_type === "STK" ? {} : { sec_type }), ...(currency === "USD" ? {} : { currency }) };
    const named = plain ? instrument : { ...instrument, con_id, label: symbol };
    const futures = derivatives.includes("FUT") ? [{ title: `${symbol} futures`, words: `${description} · choose a month`, instrument: { symbol, sec_type: "FUT", currency } }] : [];
    return [{ title: symbol, words: where, instrument: named }, ...futures];
  });
}
