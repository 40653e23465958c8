// Which account is shown, and its figures; its positions are in `positions.js`.

import { Poll } from "./poll.js";
import { $, element, keyed, setHidden, setText } from "./dom.js";
import { direction, money, signed } from "./format.js";
import { frame } from "./panel.js";
import { Positions } from "./positions.js";

const POLL_S = 4;
const FIGURES = [
  ["NetLiquidation", "Net liquidation"],
  ["DailyPnL", "Profit today"],
  ["UnrealizedPnL", "Unrealized profit"],
  ["RealizedPnL", "Realized today"],
  ["TotalCashValue", "Cash"],
  ["GrossPositionValue", "Positions, gross"],
  ["AvailableFunds", "Available funds"],
  ["BuyingPower", "Buying power"],
  ["MaintMarginReq", "Maintenance margin"],
  ["ExcessLiquidity", "Excess liquidity"],
];
const SIGNED = new Set(["DailyPnL", "UnrealizedPnL", "RealizedPnL"]);

export class Account {
  #account = "";
  #query = () => (this.#account ? { account: this.#account } : {});
  #accounts = new Poll("accounts", 60);
  #balance = new Poll("account/balance", POLL_S, this.#query);
  #profit = new Poll("account/pnl", POLL_S, this.#query);
  #positions;
  #choice = $("#account-choice");

  constructor(book, changed) {
    this.#positions = new Positions(book, () => this.#account, changed);
    for (const poll of [this.#accounts, this.#balance, this.#profit]) poll.addEventListener("change", changed);
    this.#accounts.addEventListener("change", () => this.#choose());
    this.#choice.addEventListener("change", () => this.#begin(this.#choice.value));
  }

  // Of several accounts one is shown at a time: the figures and positions of two are never mixed.
  #choose() {
    const accounts = this.#accounts.value?.accounts ?? [];
    const wanted = accounts.length < 2 ? "" : accounts.includes(this.#account) ? this.#account : accounts[0];
    if (wanted === this.#account) return;
    this.#begin(wanted);
  }

  #begin(account) {
    this.#account = account;
    for (const poll of [this.#balance, this.#profit]) {
      poll.value = null;
      poll.refresh();
    }
    this.#positions.begin();
  }

  get polls() {
    return [this.#accounts, this.#balance, this.#profit, ...this.#positions.polls];
  }

  // The names of the accounts that the session has, or had when there was one.
  get names() {
    return this.#accounts.value?.accounts ?? [];
  }

  render() {
    this.#renderChoice();
    frame($("#account"), this.#balance, ".figures");
    if (this.#balance.value) this.#renderFigures(this.#balance.value);
    this.#positions.render();
  }

  #renderChoice() {
    const accounts = this.#accounts.value?.accounts ?? [];
    setHidden(this.#choice, accounts.length < 2);
    keyed(this.#choice, accounts, (name) => name, (name) => element("option", {}, name), () => {});
  }

  #renderFigures({ account, base_currency: currency, balance }) {
    const daily = this.#profit.fresh ? (this.#profit.value?.daily ?? null) : null;
    const today = daily === null ? {} : { DailyPnL: daily };
    const figures = { ...balance[currency], ...pick(balance.BASE, SIGNED), ...today };
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
}

const pick = (figures = {}, tags) => Object.fromEntries(Object.entries(figures).filter(([tag]) => tags.has(tag)));
