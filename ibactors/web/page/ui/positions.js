// Positions valued with the stream's prices, what they gained today, and their sums by currency.

import { Poll } from "./poll.js";
import { $, element, keyed, setClass, setHidden, setText } from "./dom.js";
import { UNKNOWN, decimals, direction, money, number, percent, signed } from "./format.js";
import { frame } from "./panel.js";
import { selection } from "./selection.js";

const POLL_S = 4;
const LIVE_POSITIONS = 20; // each takes a market-data line; the others have the account's own prices
const TYPED = new Set(["STK", "CASH", "CRYPTO", "CFD"]); // kinds of which a symbol and a currency name one contract

export class Positions {
  #book;
  #account;
  #held;
  #profits;
  #lines = new Map(); // by contract id

  // `account()` is the account that was chosen of several; "" while there is one.
  constructor(book, account, changed) {
    this.#book = book;
    this.#account = account;
    const query = () => (account() ? { account: account() } : {});
    this.#held = new Poll("account/positions", POLL_S, query);
    this.#profits = new Poll("account/portfolio", POLL_S, query);
    for (const poll of this.polls) poll.addEventListener("change", changed);
    this.#held.addEventListener("change", () => this.#follow());
  }

  get polls() {
    return [this.#held, this.#profits];
  }

  // Another account was chosen.
  begin() {
    for (const poll of this.polls) {
      poll.value = null;
      poll.refresh();
    }
  }

  render() {
    const all = this.#held.value?.positions;
    frame($("#positions"), this.#held, ".scroll", all?.length === 0 ? "No positions." : null);
    if (!all) return;
    // What came before the account was chosen is of all of them.
    const positions = this.#account() ? all.filter(({ account }) => account === this.#account()) : all;
    const profits = (this.#profits.fresh && this.#profits.value?.positions) || [];
    const today = new Map(profits.map((held) => [idOf(held), held]));
    const rows = positions.map((position) => this.#valued(position, today.get(idOf(position))));
    setHidden($("#positions th.account"), !this.#account());
    keyed($("#positions tbody"), rows, ({ position }) => idOf(position), (row) => this.#makeRow(row), (node, row) => this.#renderRow(node, row));
    keyed($("#positions tfoot"), sums(rows), ({ currency }) => currency, makeSum, renderSum);
  }

  // A position with what it is worth by the newest price, and whether that is of now.
  #valued(position, held) {
    const { position: quantity, avgCost, conId } = position;
    const line = this.#lines.get(conId);
    const condition = line && line.quote !== null ? this.#book.condition(line) : null;
    // A stale price of the stream stays, marked as such: the account's own may be older, and does not say so.
    const price = condition ? line.price : position.marketPrice;
    const worth = price === null ? null : price * quantity * (Number(position.multiplier) || 1);
    return {
      position,
      line,
      price,
      worth,
      word: condition ? condition.word : wordOf(price, this.#held.fresh),
      gain: worth === null ? null : worth - avgCost * quantity,
      today: held?.position === quantity ? (held.pnl?.daily ?? null) : null, // what was told of another quantity does not count
      digits: decimals(...(condition ? [line.quote.bid, line.quote.ask, line.quote.last] : [Math.round((price ?? 0) * 100) / 100])),
      stale: (condition !== null && !condition.current) || !this.#held.fresh,
    };
  }

  #makeRow({ position }) {
    const cell = (className, ...children) => element("td", { class: className }, ...children);
    const name = element("button", { type: "button", class: "name", title: "Show its chart" }, element("b"));
    const row = element(
      "tr",
      {},
      element("th", { scope: "row" }, name, element("small")),
      cell("number"),
      cell("number", element("span"), element("small")),
      cell("number spare"),
      cell("number spare"),
      cell("number today"),
      cell("number profit", element("span"), element("small")),
      cell("account"),
    );
    name.addEventListener("click", () => selection.choose(this.#lines.get(position.conId)?.instrument ?? instrumentOf(position)));
    return row;
  }

  #renderRow(node, { position, line, price, worth, word, gain, today, digits, stale }) {
    const { position: quantity, avgCost, currency, realizedPNL } = position;
    const [name, amount, shown, cost, value, day, profit, owner] = node.children;
    setHidden(owner, !this.#account());
    setText(owner, position.account);
    setText($("b", name), position.localSymbol || position.symbol);
    setText($("small", name), describe(position));
    setText(amount, number(quantity, Number.isInteger(quantity) ? 0 : 4));
    setText($("span", shown), number(price, digits));
    setText($("small", shown), word);
    setText(cost, number(avgCost / (Number(position.multiplier) || 1), Math.max(2, digits)));
    setText(value, money(worth, currency, 2));
    renderGain(day, today);
    setText($("span", profit), gain === null ? UNKNOWN : signed(gain));
    setText($("small", profit), gain === null || !avgCost ? "" : percent(gain / Math.abs(avgCost * quantity)));
    node.dataset.direction = direction(gain);
    setClass(node, "stale", stale);
    setClass(node, "chosen", line !== undefined && line.instrument === selection.instrument);
    node.title = realizedPNL ? `Realized ${signed(realizedPNL)} ${currency}` : "";
  }

  // Keep a line of the stream for each position that has one.
  #follow() {
    const positions = (this.#held.value?.positions ?? []).filter(({ position }) => position !== 0).slice(0, LIVE_POSITIONS);
    const wanted = new Map(positions.map((position) => [position.conId, position]));
    for (const [id, line] of this.#lines) {
      if (!wanted.has(id)) {
        this.#lines.delete(id);
        this.#book.release(line);
      }
    }
    for (const [id, position] of wanted) {
      if (!this.#lines.has(id)) this.#lines.set(id, this.#book.want(instrumentOf(position)));
    }
  }
}

const idOf = ({ account, conId }) => `${account} ${conId}`;

// By currency, never across: whoever adds up two currencies has a number of nothing. A part that is not known makes the sum unknown.
function sums(rows) {
  const found = new Map();
  for (const { position, worth, gain, today, stale } of rows) {
    const sum = found.get(position.currency) ?? { currency: position.currency, worth: 0, gain: 0, today: 0, stale: false };
    found.set(position.currency, {
      currency: position.currency,
      worth: added(sum.worth, worth),
      gain: added(sum.gain, gain),
      today: added(sum.today, today),
      stale: sum.stale || stale,
    });
  }
  return [...found.values()];
}

const added = (sum, part) => (sum === null || part === null ? null : sum + part);

function makeSum({ currency }) {
  const cell = (className) => element("td", { class: className });
  const cells = [cell("number"), cell("number"), cell("number spare"), cell("number spare"), cell("number today"), cell("number profit"), cell("account")];
  cells[5].append(element("span"));
  return element("tr", {}, element("th", { scope: "row" }, `All in ${currency}`), ...cells);
}

function renderSum(node, { currency, worth, gain, today, stale }) {
  const [, , , , value, day, profit, owner] = node.children;
  setText(value, money(worth, currency, 2));
  renderGain(day, today);
  setText($("span", profit), gain === null ? UNKNOWN : signed(gain));
  setHidden(owner, $("#positions th.account").hidden);
  node.dataset.direction = direction(gain);
  setClass(node, "stale", stale);
}

function renderGain(cell, gain) {
  setText(cell, gain === null ? UNKNOWN : signed(gain));
  cell.dataset.direction = direction(gain);
}

const wordOf = (price, fresh) => (price === null ? "no price" : fresh ? "account's price" : "stale");

// As the visitor would type it, so that they share a line; else by its id, for which IB knows the exchange: not every position names one.
function instrumentOf({ symbol, secType, currency, conId }) {
  const kind = secType === "STK" ? {} : { sec_type: secType };
  const id = TYPED.has(secType) ? {} : { con_id: conId };
  const foreign = currency === "USD" ? {} : { currency };
  return { symbol, ...kind, ...id, ...foreign };
}

function describe({ symbol, secType, expiry, strike, right, exchange, currency }) {
  const month = expiry && `${expiry.slice(0, 4)}-${expiry.slice(4, 6)}${expiry.slice(6) && `-${expiry.slice(6)}`}`;
  const option = right ? `${strike} ${right}` : null;
  return [secType === "STK" ? exchange : `${symbol} ${secType}`, month, option, currency].filter(Boolean).join(" · ");
}
