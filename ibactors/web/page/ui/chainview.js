// Draws an option chain: calls, strike, puts. A side's quote is a button that takes the option to the watchlist.

import { $, element, keyed, setClass, setText } from "./dom.js";
import { UNKNOWN, compact, decimals, number, signed } from "./format.js";

// Of one side, from the outside to the strike; the puts have them the other way round. `spare` are left out on a phone.
const COLUMNS = [
  { name: "Theta", spare: true, text: ({ theta }) => signed(theta, 3) },
  { name: "Vega", spare: true, text: ({ vega }) => number(vega, 3) },
  { name: "Gamma", spare: true, text: ({ gamma }) => number(gamma, 4) },
  { name: "Open", spare: true, text: ({ open_interest }) => compact(open_interest) },
  { name: "IV", spare: true, text: ({ implied_volatility: iv }) => (iv === null ? UNKNOWN : `${number(iv * 100, 1)} %`) },
  { name: "Delta", text: ({ delta }) => signed(delta, 2) },
];
const SIDES = ["call", "put"];
const NOTHING = { bid: null, ask: null, theta: null, vega: null, gamma: null, open_interest: null, implied_volatility: null, delta: null };

export class ChainView {
  #table;
  #take;
  #shown = new Map(); // the rows by strike, for the buttons

  constructor(table, take) {
    this.#table = table;
    this.#take = take;
    const heading = ({ name, spare }) => element("th", { scope: "col", class: spare ? "number spare" : "number" }, name);
    const quote = element("th", { scope: "col", class: "number" }, "Bid × ask");
    const strike = element("th", { scope: "col", class: "strike" }, "Strike");
    $(".names", table).append(...COLUMNS.map(heading), quote, strike, quote.cloneNode(true), ...COLUMNS.toReversed().map(heading));
  }

  render({ rows, expiry }, line) {
    this.#shown = new Map(rows.map((row) => [String(row.strike), row]));
    const near = nearest(rows, line.price);
    const words = (strike, side) => `${line.name} ${expiry} ${number(strike, decimals(strike))} ${side}`;
    keyed($("tbody", this.#table), rows, ({ strike }) => String(strike), (row) => this.#make(row, words), (node, row) => {
      setClass(node, "near", row.strike === near);
      setText($(".strike", node), number(row.strike, decimals(row.strike)));
      for (const side of SIDES) {
        renderSide(node, side, row[side]);
        const inside = line.price !== null && (side === "call" ? row.strike < line.price : row.strike > line.price);
        for (const cell of node.querySelectorAll(`.${side}`)) setClass(cell, "inside", inside);
      }
    });
  }

  #make({ strike }, words) {
    const key = String(strike);
    const cells = (side) => {
      const cell = ({ spare }) => element("td", { class: `number ${side}${spare ? " spare" : ""}` });
      const button = element("button", { type: "button", class: "name", title: `Follow ${words(strike, side)}` });
      button.addEventListener("click", () => this.#taken(this.#shown.get(key)?.[side]));
      const made = [...COLUMNS.map(cell), element("td", { class: `number ${side}` }, button)];
      return side === "call" ? made : made.toReversed();
    };
    return element("tr", {}, ...cells("call"), element("th", { scope: "row", class: "strike" }), ...cells("put"));
  }

  #taken(leg) {
    if (leg) this.#take({ symbol: leg.local_symbol.split(" ")[0], sec_type: "OPT", con_id: leg.con_id, label: leg.local_symbol.replace(/ +/, " ") });
  }
}

function renderSide(node, side, leg) {
  const values = leg ?? NOTHING;
  const cells = [...node.querySelectorAll(`td.${side}`)];
  if (side === "put") cells.reverse();
  for (const [at, { text }] of COLUMNS.entries()) setText(cells[at], text(values));
  const button = $("button", cells.at(-1));
  const digits = decimals(values.bid, values.ask);
  setText(button, leg?.problem ? "no data" : `${number(values.bid, digits)} × ${number(values.ask, digits)}`);
  button.disabled = leg === null;
}

// The strike that is nearest to the price.
function nearest(rows, price) {
  if (price === null || rows.length === 0) return null;
  return rows.map(({ strike }) => strike).reduce((best, strike) => (Math.abs(strike - price) < Math.abs(best - price) ? strike : best));
}
