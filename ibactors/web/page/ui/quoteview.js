// Draws quotes, as rows of a table or as cards: both have the same parts, and of each what it has is written.

import { Chart } from "./chart.js";
import { drawBook } from "./depthview.js";
import { $, keyed, setClass, setHidden, setText } from "./dom.js";
import { UNKNOWN, briefly, clock, compact, decimals, number, percent, signed, weekday } from "./format.js";
import { selection } from "./selection.js";

const FLASH_MS = 500;
const USUAL = new Set(["SMART", "IDEALPRO", "USD"]); // goes without saying in a narrow row
const calm = matchMedia("(prefers-reduced-motion: reduce)");

export class QuoteView {
  cards = false;
  #book;
  #depth;
  #remove;
  #choose;
  #charts = new WeakMap();
  #prices = new WeakMap(); // what a node has shown, to see in which way it moves

  constructor(book, depth, remove, choose) {
    this.#book = book;
    this.#depth = depth;
    this.#remove = remove;
    this.#choose = choose;
  }

  render(lines) {
    const [shown, other] = this.cards ? [$("#cards"), $("#watchlist tbody")] : [$("#watchlist tbody"), $("#cards")];
    const focused = document.activeElement;
    if (other.hasChildNodes()) for (const line of lines) this.forget(line);
    other.replaceChildren();
    keyed(shown, lines, (line) => line.key, (line) => this.#make(line), (node, line) => this.#update(node, line));
    if (focused !== document.activeElement && focused?.isConnected) focused.focus(); // it was moved to another place
    setHidden($("#watchlist"), this.cards || lines.length === 0);
    setHidden($("#cards"), !this.cards);
    this.#rove(shown);
  }

  // What it showed besides the quote is not wanted any more.
  forget(line) {
    this.#depth.hide(line, this);
  }

  // One of the names can be tabbed to; the arrows go on from there.
  #rove(shown) {
    const stop = $(".quote[aria-current] .name", shown) ?? $(".quote .name", shown);
    for (const name of shown.querySelectorAll(".name")) {
      if (name.tabIndex !== (name === stop ? 0 : -1)) name.tabIndex = name === stop ? 0 : -1;
    }
  }

  #make(line) {
    const node = $(this.cards ? "#card" : "#row").content.firstElementChild.cloneNode(true);
    setText($(".name", node), line.name);
    $(".name", node).addEventListener("click", () => this.#choose(line));
    node.addEventListener("click", ({ target }) => target.closest("button, summary, .depth") || this.#choose(line));
    $(".remove", node).setAttribute("aria-label", `Remove ${line.name}`);
    $(".remove", node).addEventListener("click", () => {
      this.#remove(line);
      $("#symbol").focus();
    });
    $(".again", node).addEventListener("click", () => this.#book.again(line));
    if (this.cards) {
      $(".depth", node).addEventListener("toggle", ({ target }) => (target.open ? this.#depth.show(line, this) : this.#depth.hide(line, this)));
      this.#charts.set(node, new Chart($(".chart", node)));
    }
    return node;
  }

  #update(node, line) {
    const { current, word, note } = this.#book.condition(line);
    const { quote, price } = line;
    node.dataset.state = word.replace(/\W.*/, "");
    setClass(node, "stale", !current);
    if (line.instrument === selection.instrument) node.setAttribute("aria-current", "true");
    else node.removeAttribute("aria-current");
    setText($(".badge", node), word);
    setHidden($(".again", node), line.failure === null);
    const said = noteOf(line, note, current);
    setText($(".note", node), said);
    if (node.title !== said) node.title = said;

    const digits = quote === null ? 2 : decimals(quote.bid, quote.ask, quote.last, quote.close);
    const change = quote === null || price === null || !quote.close ? null : price - quote.close;
    setText($(".value", node), number(price, digits));
    setText($(".change", node), change === null ? "" : `${arrow(change)} ${signed(change, digits)} (${percent(change / quote.close)})`);
    node.dataset.direction = change === null ? "" : change < 0 ? "down" : "up";
    setText($(".bid", node), sized(quote?.bid, quote?.bid_size, digits));
    setText($(".ask", node), sized(quote?.ask, quote?.ask_size, digits));
    setText($(".volume", node), compact(quote?.volume));
    if (this.cards) this.#updateCard(node, line, digits);
    else this.#updateRow(node, line, digits);
    if (current) this.#flash($(".value", node), price);
  }

  #updateRow(row, line, digits) {
    const { quote } = line;
    const age = this.#book.age(line);
    setText($(".where", row), where(line).filter((part) => !USUAL.has(part)).join(" · "));
    setText($(".spread", row), quote?.bid == null || quote.ask == null ? UNKNOWN : number(quote.ask - quote.bid, digits));
    setText($(".age", row), age === null ? UNKNOWN : briefly(age));
  }

  #updateCard(card, line, digits) {
    const { quote } = line;
    setText($(".where", card), where(line).join(" · "));
    setText($(".day", card), quote === null ? UNKNOWN : `${number(quote.low, digits)} – ${number(quote.high, digits)}`);
    if ($(".depth", card).open) drawBook($(".depth", card), this.#depth.of(line), digits);
    this.#charts.get(card).draw(line.name, line.points, quote?.close ?? null, digits);
  }

  #flash(node, price) {
    const old = this.#prices.get(node);
    this.#prices.set(node, price);
    if (calm.matches || old == null || price === null || old === price) return;
    const colour = getComputedStyle(node).getPropertyValue(price > old ? "--up-flash" : "--down-flash");
    node.animate([{ backgroundColor: colour }, { backgroundColor: "transparent" }], FLASH_MS);
  }
}

function where({ quote, instrument }) {
  const { sec_type, exchange, currency } = quote ?? instrument;
  return [sec_type === "STK" ? null : sec_type, exchange, currency].filter(Boolean);
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
