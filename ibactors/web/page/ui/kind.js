// PAPER, LIVE or SIMULATED: whose money it is that is traded with, in the head of the page.

import { $, setHidden, setText } from "./dom.js";

const PAPER = /^D/; // IB's paper accounts are DU1234567, DF1234567 and so on; those with money never begin so

function kindOf({ simulated, accounts, login }) {
  if (simulated) return "simulated";
  if (accounts.length > 0) return accounts.every((name) => PAPER.test(name)) ? "paper" : "live";
  return login ?? null;
}

export class Kind {
  #facts;

  // `facts()` gives what is known: whether all is made up, the names of the accounts, the kind that was logged in to.
  constructor(facts) {
    this.#facts = facts;
  }

  render() {
    const kind = kindOf(this.#facts());
    const badge = $("#account-kind");
    setHidden(badge, kind === null);
    if (kind === null) return;
    badge.dataset.kind = kind;
    setText(badge, kind.toUpperCase());
  }
}
