// The book of the selected instrument beside its chart. It takes one of the login's few while it is open, and gives it back for another instrument.

import { drawBook } from "./depthview.js";
import { $ } from "./dom.js";
import { decimals } from "./format.js";
import { selection } from "./selection.js";

export class Ladder {
  #book;
  #depth;
  #node = $("#chart .depth");
  #line = null; // whose book is open

  constructor(book, depth) {
    this.#book = book;
    this.#depth = depth;
    this.#node.addEventListener("toggle", () => this.#follow());
    selection.addEventListener("change", () => this.#follow());
  }

  render() {
    if (this.#line === null) return;
    const { quote } = this.#line;
    drawBook(this.#node, this.#depth.of(this.#line), decimals(quote?.bid, quote?.ask));
  }

  #follow() {
    const old = this.#line;
    this.#line = this.#node.open && selection.instrument !== null ? this.#book.want(selection.instrument) : null;
    if (old !== null) this.#book.release(old);
    if (old === this.#line) return;
    if (old !== null) this.#depth.hide(old, this);
    if (this.#line !== null) this.#depth.show(this.#line, this);
    this.render();
  }
}
