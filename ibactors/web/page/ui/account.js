// Account figures, and positions valued with the stream's prices.

import { Poll } from "./poll.js";
import { $, element, keyed, setClass, setHidden, setText } from "./dom.js";
import { UNKNOWN, clock, decimals, money, number, percent, signed } from "./format.js";

const POLL_S = 4;
const LIVE_POSITIONS = 20; // each takes a market-data line; the others have the account's own prices
const FIGURES = [
  ["NetLiquidation", "Net liquidation"],
  ["UnrealizedPnL", "Unrealized profit"],
  ["RealizedPnL", "Realized today"],
  ["TotalCashValue", "Cash"],
  ["GrossPositionValue", "Positions, gross"],
  ["AvailableFunds", "Available funds"],
  ["BuyingPower", "Buying power"],
  ["MaintMarginReq", "Maintenance margin"],
  ["ExcessLiquidity", "Excess liquidity"],
];
const TYPED = new Set(["STK", "CASH", "CRYPTO", "CFD"]); // kinds of which a symbol and a currency name one contract
const SIGNED = new Set(["UnrealizedPnL", "RealizedPnL"]);

export class Account {
  #book;
  #account = "";
  #query = () => (this.#account ? { account: this.#account } : {});
  #accounts = new Poll("accounts", 60);
  #balance = new Poll("account/balance", POLL_S, this.#query);
  #positions = new Poll("account/positions", POLL_S, this.#query);
  #lines = new Map(); // by contract id
  #choice = $("#account-choice");

  constructor(book, changed) {
    this.#book = book;
    for (const poll of this.polls) poll.addEventListener("change", changed);
    this.#accounts.addEventListener("change", () => this.#choose());
    this.#positions.addEventListener("change", () => this.#follow());
    this.#choice.addEventListener("change", () => {
      this.#account = this.#choice.value;
      this.#balance.value = this.#positions.value = null;
      this.#balance.refresh();
      this.#positions.refresh();
    });
  }

  // Of several accounts one is shown at a time: the figures and positions of two are never mixed.
  #choose() {
    const accounts = this.#accounts.value?.accounts ?? [];
    const wanted = accounts.length < 2 ? "" : accounts.includes(this.#account) ? this.#account : accounts[0];
    if (wanted === this.#account) return;
    this.#account = wanted;
    this.#balance.value = this.#positions.value = null;
    this.#balance.refresh();
    this.#positions.refresh();
  }

  get #several() {
    return (this.#accounts.value?.accounts.length ?? 0) > 1;
  }

  get polls() {
    return [this.#accounts, this.#balance, this.#positions];
  }

  // The names of the accounts that the session has, or had when there was one.
  get names() {
    return this.#accounts.value?.accounts ?? [];
  }

  render() {
    this.#renderChoice();
    frame($("#account"), this.#balance, ".figures");
    frame($("#positions"), this.#positions, ".scroll", this.#positions.value?.positions.length === 0 ? "No positions." : null);
    if (this.#balance.value) this.#renderFigures(this.#balance.value);
    if (this.#positions.value) this.#renderPositions(this.#positions.value.positions);
  }

  #renderChoice() {
    const accounts = this.#accounts.value?.accounts ?? [];
    setHidden(this.#choice, accounts.length < 2);
    keyed(this.#choice, accounts, (name) => name, (name) => element("option", {}, name), () => {});
  }

  #renderFigures({ account, base_currency: currency, balance }) {
    const figures = { ...balance[currency], ...pick(balance.BASE, SIGNED) };
    const shown = FIGURES.filter(([tag]) => tag in figures);
    const make = ([, words]) => element("div", {}, element("dt", {}, words), element("dd"));
    keyed($("#account .figures"), shown, ([tag]) => tag, make, (row, [tag]) => {
      const value = figures[tag];
      const text = SIGNED.has(tag) ? `${signed(value)} ${currency}` : money(value, currency);
      setText($("dd", row), text);
      row.dataset.direction = SIGNED.has(tag) ? direction(value) : "";
    });
    setText($("#account-title"), `Account ${account}`);
  }

  #renderPositions(all) {
    // What came before the account was chosen is of all of them.
    const positions = this.#account ? all.filter(({ account }) => account === this.#account) : all;
    setHidden($("#positions th.account"), !this.#several);
    keyed($("#positions tbody"), positions, ({ account, conId }) => `${account} ${conId}`, makeRow, (row, position) => this.#renderPosition(row, position));
  }

  #renderPosition(row, position) {
    const { position: quantity, avgCost, currency, realizedPNL } = position;
    const [name, amount, price, cost, value, profit, owner] = row.children;
    setHidden(owner, !this.#several);
    setText(owner, position.account);
    const line = this.#lines.get(position.conId);
    const condition = line && line.quote !== null ? this.#book.condition(line) : null;
    const multiplier = Number(position.multiplier) || 1;
    // A stale price of the stream stays, marked as such: the account's own may be older, and does not say so.
    const shown = condition ? line.price : position.marketPrice;
    const worth = shown === null ? null : shown * quantity * multiplier;
    const gain = worth === null ? null : worth - avgCost * quantity;
    const digits = decimals(...(condition ? [line.quote.bid, line.quote.ask, line.quote.last] : [Math.round((shown ?? 0) * 100) / 100]));

    setText($("b", name), position.localSymbol || position.symbol);
    setText($("small", name), describe(position));
    setText(amount, number(quantity, Number.isInteger(quantity) ? 0 : 4));
    setText($("span", price), number(shown, digits));
    setText($("small", price), condition ? condition.word : wordOf(shown, this.#positions.fresh));
    setText(cost, number(avgCost / multiplier, Math.max(2, digits)));
    setText(value, money(worth, currency, 2));
    setText($("span", profit), gain === null ? UNKNOWN : signed(gain));
    setText($("small", profit), gain === null || !avgCost ? "" : percent(gain / Math.abs(avgCost * quantity)));
    row.dataset.direction = direction(gain);
    setClass(row, "stale", (condition !== null && !condition.current) || !this.#positions.fresh);
    row.title = realizedPNL ? `Realized ${signed(realizedPNL)} ${currency}` : "";
  }

  // Keep a line of the stream for each position that has one.
  #follow() {
    const positions = (this.#positions.value?.positions ?? []).filter(({ position }) => position !== 0).slice(0, LIVE_POSITIONS);
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

function makeRow() {
  const cell = (tag, className, ...children) => element(tag, className ? { class: className } : {}, ...children);
  return element(
    "tr",
    {},
    element("th", { scope: "row" }, element("b"), element("small")),
    cell("td", "number"),
    cell("td", "number", element("span"), element("small")),
    cell("td", "number spare"),
    cell("td", "number spare"),
    cell("td", "number profit", element("span"), element("small")),
    cell("td", "account"),
  );
}

// A panel around a poll: its body if there is a value, when that is from, and in words why there is none or why it is old.
export function frame(panel, poll, body, empty = null) {
  const { value, problem, fresh, at } = poll;
  const old = value !== null && !fresh;
  setClass(panel, "stale", old);
  setHidden($(body, panel), value === null || empty !== null);
  setText($(".as-of", panel), value === null ? "" : `${old ? "stale, as of" : "as of"} ${clock(at)}`);
  const words = problem?.message ?? empty ?? (value === null ? "Loading…" : "");
  setHidden($(".empty", panel), words === "");
  setText($(".empty", panel), words);
}

const pick = (figures = {}, tags) => Object.fromEntries(Object.entries(figures).filter(([tag]) => tags.has(tag)));
const direction = (value) => (value > 0 ? "up" : value < 0 ? "down" : "");
