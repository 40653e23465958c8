// The watchlist: the instruments that the visitor chose, as a table or as cards, in an order that may be sorted, and moved through by keys.

import { Adding } from "./adding.js";
import { keyOf } from "./book.js";
import { $, setHidden, setText } from "./dom.js";
import { Keeping } from "./keeping.js";
import { QuoteView } from "./quoteview.js";
import { selection } from "./selection.js";

const STORED_VIEW = "ibactors.view";
const SORTED_MS = 2000; // what moves with the market moves no oftener than this

const spread = ({ quote }) => (quote?.bid == null || quote.ask == null ? null : quote.ask - quote.bid);
const MEASURES = {
  name: (line) => line.name,
  bid: ({ quote }) => quote?.bid,
  ask: ({ quote }) => quote?.ask,
  spread,
  value: (line) => line.price,
  change: ({ quote, price }) => (price === null || !quote?.close ? null : price / quote.close - 1),
  volume: ({ quote }) => quote?.volume,
  age: (line, book) => book.age(line),
  state: (line, book) => book.condition(line).word,
};

export class Quotes {
  #book;
  #view;
  #lines = []; // in the visitor's own order
  #sorted = []; // as shown
  #sort = null; // { by, down }
  #sortedAt = 0;
  #typed = new Set(); // keys of lines that the visitor has just asked for, and that have shown nothing yet
  #adding;
  #keeping;

  constructor(stream, book, depth) {
    this.#book = book;
    this.#view = new QuoteView(book, depth, (line) => this.#remove(line), (line) => selection.choose(line.instrument));
    this.#adding = new Adding((instrument) => this.#add(instrument));
    book.addEventListener("failed", ({ detail }) => this.#failed(detail));
    $("#view-button").addEventListener("click", () => this.#show(this.#view.cards ? "table" : "cards"));
    $("#quotes").addEventListener("keydown", (event) => this.#pressed(event));
    for (const button of document.querySelectorAll("#watchlist thead button")) {
      button.addEventListener("click", () => this.#sortBy(button.dataset.by));
    }
    this.#keeping = new Keeping(stream, (instruments) => this.#recalled(instruments));
    this.#lines = this.#keeping.list.map((instrument) => book.want(instrument));
    this.#show(localStorage.getItem(STORED_VIEW) ?? "table");
    if (this.#lines.length > 0) selection.choose(this.#lines[0].instrument);
  }

  // Add an instrument if it is not there, and select it.
  follow(instrument) {
    this.#add(instrument);
    selection.choose(this.#lines.find((line) => this.#same(line, instrument)).instrument);
  }

  render() {
    for (const line of this.#lines) {
      if (line.quote !== null && this.#typed.delete(line.key)) this.#store();
    }
    this.#order();
    this.#view.render(this.#sorted);
    setHidden($("#no-quotes"), this.#lines.length > 0);
    setText($("#kept"), this.#keeping.problem && `This list is kept by this browser alone. ${this.#keeping.problem}`);
  }

  // The list as the service has kept it, in place of this browser's.
  #recalled(instruments) {
    const old = this.#lines;
    this.#lines = instruments.map((instrument) => this.#book.want(instrument));
    for (const line of old) {
      if (!this.#lines.includes(line)) this.#view.forget(line);
      this.#book.release(line);
    }
    this.#typed.clear();
    if (this.#lines.length > 0 && !this.#lines.some(({ instrument }) => instrument === selection.instrument)) selection.choose(this.#lines[0].instrument);
    this.render();
  }

  #show(view) {
    localStorage.setItem(STORED_VIEW, view);
    this.#view.cards = view === "cards";
    setText($("#view-button"), this.#view.cards ? "Table" : "Cards");
    this.render();
  }

  #sortBy(by) {
    const down = by !== "name" && by !== "state"; // figures begin with the greatest
    if (this.#sort?.by !== by) this.#sort = { by, down };
    else this.#sort = this.#sort.down === down ? { by, down: !down } : null;
    for (const button of document.querySelectorAll("#watchlist thead button")) {
      const direction = this.#sort?.by === button.dataset.by ? (this.#sort.down ? "descending" : "ascending") : "none";
      button.parentElement.setAttribute("aria-sort", direction);
    }
    this.#sortedAt = 0;
    this.render();
  }

  #order() {
    if (this.#sort === null) {
      this.#sorted = this.#lines;
    } else if (this.#sorted.length !== this.#lines.length || Date.now() - this.#sortedAt > SORTED_MS) {
      this.#sortedAt = Date.now();
      this.#sorted = sorted(this.#lines, (line) => MEASURES[this.#sort.by](line, this.#book), this.#sort.down);
    }
  }

  #same({ key, quote }, instrument) {
    return key === keyOf(instrument) || (instrument.con_id && quote?.con_id === instrument.con_id);
  }

  // Null if it was taken, else why not.
  #add(instrument) {
    if (this.#lines.some((line) => this.#same(line, instrument))) return `${instrument.label ?? instrument.symbol} is shown already.`;
    const line = this.#book.want(instrument);
    if (line.quote === null) this.#typed.add(line.key);
    this.#lines = [...this.#lines, line];
    this.#store();
    this.render();
    return null;
  }

  #remove(line) {
    this.#lines = this.#lines.filter((other) => other !== line);
    this.#typed.delete(line.key);
    this.#book.release(line);
    this.#view.forget(line);
    this.#store();
    this.#sortedAt = 0;
    this.render();
  }

  // What was typed a moment ago and does not exist is told at the form, and leaves no row.
  #failed(line) {
    if (!this.#typed.has(line.key)) return;
    this.#remove(line);
    this.#adding.refused(line);
  }

  #pressed(event) {
    const here = event.target.closest?.(".quote .name");
    if (!here || event.ctrlKey || event.metaKey || event.altKey) return;
    const names = [...document.querySelectorAll(".quote .name")];
    const at = names.indexOf(here);
    const places = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: names.length - 1 };
    if (event.key in places) {
      const next = names[Math.max(0, Math.min(places[event.key], names.length - 1))];
      next.focus();
      next.click();
    } else if (event.key === "Delete" || event.key === "Backspace") {
      const next = names[at + 1] ?? names[at - 1];
      this.#remove(this.#sorted[at]);
      (next ?? $("#symbol")).focus();
      next?.click();
    } else {
      return;
    }
    event.preventDefault();
  }

  #store() {
    const shown = this.#lines.filter((line) => !this.#typed.has(line.key)).map((line) => line.instrument);
    this.#keeping.keep(shown);
  }
}

// What is not known comes last, whichever way it is sorted.
function sorted(lines, measure, down) {
  const known = (value) => value !== null && value !== undefined;
  const compare = (one, other) => (typeof one === "string" ? one.localeCompare(other) : one - other) * (down ? -1 : 1);
  return lines
    .map((line) => [line, measure(line)])
    .sort(([, one], [, other]) => (known(one) && known(other) ? compare(one, other) : known(other) - known(one)))
    .map(([line]) => line);
}
