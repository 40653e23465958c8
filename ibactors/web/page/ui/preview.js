// What an order would do, as the service's preview has it, in words.

import { $, element, keyed, setClass, setText } from "./dom.js";
import { UNKNOWN, clock, decimals, money, number, sentences, signed } from "./format.js";

const REFERENCES = { quote: "live quote", last: "last trade", close: "previous close or delayed", parent: "price of the parent" };
export const TYPES = {
  market: { words: "market", prices: [] },
  limit: { words: "limit", prices: ["limit_price"] },
  stop: { words: "stop", prices: ["stop_price"] },
  stop_limit: { words: "stop limit", prices: ["stop_price", "limit_price"] },
  trailing_stop: { words: "trailing stop", prices: ["trail_amount"] },
  market_if_touched: { words: "market if touched", prices: ["stop_price"] },
  limit_if_touched: { words: "limit if touched", prices: ["stop_price", "limit_price"] },
  market_on_close: { words: "market on close", prices: [] },
  limit_on_close: { words: "limit on close", prices: ["limit_price"] },
};
export const PRICES = { limit_price: "limit", stop_price: "stop", trail_amount: "trail" };

// A quantity or price as it is written, without rounding.
export const exact = (value) => (value === null || value === undefined ? UNKNOWN : number(value, (String(value).split(".")[1] ?? "").length));

export function termsOf(order) {
  const { side, quantity, cash_quantity: cash, instrument, type, time_in_force: force, session } = order;
  const prices = Object.keys(PRICES).filter((name) => order[name] != null).map((name) => `${PRICES[name]} ${exact(order[name])}`);
  const words = TYPES[type]?.words ?? type.replaceAll("_", " ");
  // The type's word says which price a lone one is.
  const terms = prices.length === 1 && prices[0].startsWith(`${words} `) ? prices : [words, ...prices];
  const amount = quantity === null ? `${exact(cash)} ${instrument.currency} of` : exact(quantity);
  return `${side === "buy" ? "Buy" : "Sell"} ${amount} ${instrument.symbol}, ${[...terms, force, session === "regular" ? "" : `${session} hours`].filter(Boolean).join(", ")}`;
}

export function renderPreview(node, preview) {
  setText($("h3", node), termsOf(preview.order));
  const make = ([name]) => element("div", {}, element("dt", {}, name), element("dd"));
  keyed($(".figures", node), figuresOf(preview), ([name]) => name, make, (row, [, text, ok = true]) => {
    setText($("dd", row), text);
    setClass(row, "refused", !ok);
  });
  keyed($(".warnings", node), preview.warnings, (text) => text, (text) => element("li", {}, text), () => {});
  const { refusal, incomplete_reason: incomplete } = preview;
  setText($(".verdict", node), refusal ? sentences(`It would be refused: ${refusal.detail}`, refusal.setting && `The limit is ${refusal.setting}`) : incomplete ? sentences(incomplete) : "");
}

function figuresOf({ order, quote, notional, commission, margin, limits }) {
  const { bid, ask, kind, timestamp } = quote ?? {};
  const judged = quote ? `${[bid, ask].map((price) => number(price, decimals(bid, ask))).join(" × ")}, ${REFERENCES[kind] ?? kind} of ${clock(timestamp)}` : "no price to judge by";
  return [
    ["Account", order.account],
    ["Judged by", judged],
    ["Value", notional === null ? UNKNOWN : money(notional, margin.currency ?? "")],
    ["Commission", commissionOf(commission)],
    ["Initial margin", changeOf(margin.initial, margin.currency)],
    ["Maintenance margin", changeOf(margin.maintenance, margin.currency)],
    ["Equity with loan", changeOf(margin.equity_with_loan, margin.currency)],
    ...limits.filter(({ limit }) => limit !== null).map(({ name, value, limit, ok }) => [
      `Limit: ${name.replaceAll("_", " ")}`, `${exact(value)} of ${exact(limit)}${ok ? "" : ", too much"}`, ok,
    ]),
  ];
}

function commissionOf({ amount, min, max, currency }) {
  if (amount !== null) return money(amount, currency ?? "");
  return min === null && max === null ? "not told by IB" : `${number(min, 2)} to ${money(max, currency ?? "")}`;
}

const changeOf = ({ change, after }, currency) => (after === null ? "not told by IB" : `${signed(change)} to ${money(after, currency ?? "")}`);
