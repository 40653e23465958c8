// Draws a book: five prices each way, with bars as long as what waits there; or why there is none.

import { $, element, keyed, setHidden, setText } from "./dom.js";
import { compact, number } from "./format.js";

// `node` is a <details class="depth">.
export function drawBook(node, { book, note }, digits) {
  const rows = book === null ? [] : Array.from({ length: Math.max(book.bids.length, book.asks.length) }, (_, place) => place);
  const most = book === null ? 0 : Math.max(...[...book.bids, ...book.asks].map(({ size }) => size ?? 0));
  const make = () => element("tr", {}, ...["size bid-size", "", "", "size ask-size"].map((name) => element("td", { class: `number ${name}` })));
  keyed($("tbody", node), rows, String, make, (row, place) => {
    const [bid, ask] = [book.bids[place], book.asks[place]];
    const texts = [compact(bid?.size), number(bid?.price, digits), number(ask?.price, digits), compact(ask?.size)];
    for (const [at, text] of texts.entries()) setText(row.children[at], text);
    for (const [at, level] of [[0, bid], [3, ask]]) row.children[at].style.setProperty("--part", `${most ? (100 * (level?.size ?? 0)) / most : 0}%`);
  });
  setHidden($("table", node), book === null);
  setText($(".depth-note", node), note ?? "");
}
