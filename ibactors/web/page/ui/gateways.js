// Several gateways of one service: how each does, whose accounts it has, how much of its login is in use. One alone is told of elsewhere.

import { $, element, keyed, setHidden, setText } from "./dom.js";
import { sentences } from "./format.js";
import { frame } from "./panel.js";
import { Poll } from "./poll.js";
import { WORDS, toneOf } from "./timeline.js";

export class Gateways {
  #several;
  #poll = new Poll("gateways", 8);
  #asked = false;

  // `several()` says whether there is more than one.
  constructor(several, changed) {
    this.#several = several;
    this.#poll.addEventListener("change", changed);
    document.addEventListener("visibilitychange", () => this.#asked && !document.hidden && this.#poll.refresh());
  }

  render() {
    setHidden($("#gateways"), !this.#several());
    if (!this.#several()) return;
    if (!this.#asked) this.#poll.refresh();
    this.#asked = true;
    frame($("#gateways"), this.#poll, ".log");
    const make = () => element("li", {}, element("b"), element("span"));
    keyed($("#gateways .log"), this.#poll.value?.gateways ?? [], ({ name }) => name, make, (node, { name, phase, reason, accounts, lines, max_lines: most }) => {
      node.dataset.tone = toneOf(phase);
      setText($("b", node), name);
      setText($("span", node), sentences(WORDS[phase] ?? phase, phase === "up" ? "" : reason, accounts.join(", "), `${lines} of ${most} lines`));
    });
  }
}
