// The cards of the quotes that the visitor chose, and the form that adds one.

import { get } from "./api.js";
import { keyOf } from "./book.js";
import { Chart } from "./chart.js";
import { $, element, keyed, setClass, setHidden, setText } from "./dom.js";
import { UNKNOWN, clock, compact, decimals, number, percent, signed, weekday } from "./format.js";

const MOST_CHOICES = 12;
const STORED = "ibactors.quotes";
const FIRST_VISIT = ["AAPL", "MSFT", "TSLA", "SPY"].map((symbol) => ({ symbol }));

export class Quotes {
  #book;
  #depth;
  #lines = [];
  #charts = new WeakMap();
  #typed = new Set(); // keys of lines that the visitor has just asked for, and that have shown nothing yet
  #list = $("#cards");
  #form = $("#add");
  #problem = $("#add-problem");

  constructor(book, depth) {
    this.#book = book;
    this.#depth = depth;
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#submit();
    });
    book.addEventListener("failed", ({ detail }) => this.#failed(detail));
    this.#lines = stored().map((instrument) => book.want(instrument));
  }

  render() {
    keyed(this.#list, this.#lines, (line) => line.key, (line) => this.#make(line), (card, line) => this.#update(card, line));
    setHidden($("#no-cards"), this.#lines.length > 0);
  }

  #submit() {
    const { symbol, sec_type, exchange, currency } = Object.fromEntries(new FormData(this.#form));
    const instrument = { symbol: symbol.trim().toUpperCase(), sec_type, exchange: exchange.trim().toUpperCase(), currency: currency.trim().toUpperCase() };
    for (const [name, usual] of [["sec_type", "STK"], ["exchange", ""], ["currency", ""]]) {
      if (instrument[name] === usual) delete instrument[name];
    }
    this.#problem.replaceChildren();
    if (this.#lines.some((line) => line.key === keyOf(instrument))) this.#say(`${instrument.symbol} is shown already.`);
    else this.#add(instrument);
    $("#symbol").select();
  }

  #add(instrument) {
    const line = this.#book.want(instrument);
    if (line.quote === null) this.#typed.add(line.key);
    this.#lines.push(line);
    this.#store();
    this.render();
  }

  #remove(line) {
    this.#lines = this.#lines.filter((other) => other !== line);
    this.#typed.delete(line.key);
    this.#book.release(line);
    this.#depth.hide(line);
    this.#store();
    this.render();
  }

  // What was typed a moment ago and does not exist is told at the form, and leaves no card.
  async #failed(line) {
    if (!this.#typed.has(line.key)) return;
    this.#remove(line);
    if (line.failure.code === "contract_ambiguous") await this.#offer(line);
    else this.#say(`${line.name}: ${line.failure.text}`);
  }

  // Several contracts fit: the visitor chooses one.
  async #offer({ name, address: { symbol, ...rest } }) {
    const said = this.#say(`${name} is the symbol of several contracts.`);
    const answer = await get("market/quotes", { symbols: symbol, ...rest }).catch(() => null);
    if (!said.isConnected) return; // something else has been typed meanwhile
    const choices = (answer?.quotes[symbol]?.candidates ?? []).slice(0, MOST_CHOICES).map((candidate) => {
      const { local_symbol, exchange, currency, expiry, long_name } = candidate;
      const words = [local_symbol, long_name, expiry, exchange, currency].filter(Boolean).join(" · ");
      const button = element("button", { type: "button", class: "quiet" }, words);
      button.addEventListener("click", () => {
        this.#problem.replaceChildren();
        const { con_id, sec_type } = candidate;
        this.#add({ label: local_symbol, symbol: candidate.symbol, sec_type, exchange, currency, con_id });
      });
      return button;
    });
    this.#problem.append(element("div", { class: "choices" }, ...choices));
  }

  #say(text) {
    const said = element("p", {}, text);
    this.#problem.replaceChildren(said);
    return said;
  }

  #store() {
    const shown = this.#lines.filter((line) => !this.#typed.has(line.key)).map((line) => line.instrument);
    localStorage.setItem(STORED, JSON.stringify(shown));
  }

  #make(line) {
    const card = $("#card").content.firstElementChild.cloneNode(true);
    setText($("h3", card), line.name);
    $(".remove", card).setAttribute("aria-label", `Remove ${line.name}`);
    $(".remove", card).addEventListener("click", () => {
      this.#remove(line);
      $("#symbol").focus();
    });
    $(".depth", card).addEventListener("toggle", ({ target }) => (target.open ? this.#depth.show(line) : this.#depth.hide(line)));
    $(".again", card).addEventListener("click", () => this.#book.again(line));
    this.#charts.set(card, new Chart($(".chart", card)));
    return card;
  }

  #update(card, line) {
    const { current, word, note } = this.#book.condition(line);
    const { quote, price } = line;
    if (quote !== null && this.#typed.delete(line.key)) this.#store();
    card.dataset.state = word.replace(/\W.*/, "");
    setClass(card, "stale", !current);
    setText($(".badge", card), word);
    setText($(".where", card), where(line));
    setHidden($(".again", card), line.failure === null);
    setText($(".note", card), noteOf(line, note, current));

    const digits = quote === null ? 2 : decimals(quote.bid, quote.ask, quote.last, quote.close);
    const change = quote === null || price === null || !quote.close ? null : price - quote.close;
    setText($(".value", card), number(price, digits));
    setText($(".change", card), change === null ? "" : `${arrow(change)} ${signed(change, digits)} (${percent(change / quote.close)})`);
    card.dataset.direction = change === null ? "" : change < 0 ? "down" : "up";
    setText($(".bid", card), sized(quote?.bid, quote?.bid_size, digits));
    setText($(".ask", card), sized(quote?.ask, quote?.ask_size, digits));
    setText($(".volume", card), compact(quote?.volume));
    setText($(".day", card), quote === null ? UNKNOWN : `${number(quote?.low, digits)} – ${number(quote?.high, digits)}`);
    if ($(".depth", card).open) this.#drawDepth(card, line, digits);
    this.#charts.get(card).draw(line.name, line.points, quote?.close ?? null, digits);
  }

  #drawDepth(card, line, digits) {
    const { book, note } = this.#depth.of(line);
    const rows = book === null ? [] : Array.from({ length: Math.max(book.bids.length, book.asks.length) }, (_, place) => place);
    const cells = (place) => {
      const [bid, ask] = [book.bids[place], book.asks[place]];
      return [compact(bid?.size), number(bid?.price, digits), number(ask?.price, digits), compact(ask?.size)];
    };
    const make = () => element("tr", {}, ...[0, 1, 2, 3].map(() => element("td", { class: "number" })));
    keyed($(".depth tbody", card), rows, String, make, (row, place) => {
      for (const [at, text] of cells(place).entries()) setText(row.children[at], text);
    });
    setHidden($(".depth table", card), book === null);
    setText($(".depth-note", card), note ?? "");
  }
}

function stored() {
  try {
    const list = JSON.parse(localStorage.getItem(STORED));
    return Array.isArray(list) && list.every(({ symbol }) => typeof symbol === "string") ? list : FIRST_VISIT;
  } catch {
    return FIRST_VISIT;
  }
}

function where({ quote, instrument }) {
  const { sec_type, exchange, currency } = quote ?? instrument;
  return [sec_type === "STK" ? null : sec_type, exchange, currency].filter(Boolean).join(" · ");
}

function noteOf({ quote, since }, note, current) {
  if (quote === null) return note;
  const traded = quote.as_of === null ? "" : ` Last trade ${weekday(quote.as_of)}.`;
  const at = quote.market === "closed" ? `The market is closed.${traded}` : `Last change ${clock(quote.timestamp)}.`;
  if (current) return [at, note].filter(Boolean).join(" ");
  return `${note} Shown is the price of ${clock(quote.timestamp)}${since ? `; stale since ${clock(since)}` : ""}.`;
}

const arrow = (change) => (change < 0 ? "▼" : change > 0 ? "▲" : "■");

function sized(price, size, digits) {
  return price == null || size == null ? number(price, digits) : `${number(price, digits)} × ${compact(size)}`;
}
