// Where the watchlist is kept: by the service for who shows a key, and by this browser in any case.

import { call, get, key } from "./api.js";

const STORED = "ibactors.quotes";
const FIRST_VISIT = ["AAPL", "MSFT", "TSLA", "SPY"].map((symbol) => ({ symbol }));

export class Keeping {
  #recalled;
  #kept = null; // whether the service keeps it; null while it has not said
  #key = key.get(); // for whom
  #changed = false; // here, before the service has said what it has
  #sending = false;
  problem = ""; // why the service does not have the list that is shown

  // `recalled(instruments)` is called with the list that the service has kept.
  constructor(stream, recalled) {
    this.#recalled = recalled;
    stream.addEventListener("open", () => this.#recall());
    if (stream.open) this.#recall();
  }

  // What this browser has kept.
  get list() {
    try {
      const list = JSON.parse(localStorage.getItem(STORED));
      return Array.isArray(list) && list.every(({ symbol }) => typeof symbol === "string") ? list : FIRST_VISIT;
    } catch {
      return FIRST_VISIT;
    }
  }

  keep(instruments) {
    localStorage.setItem(STORED, JSON.stringify(instruments));
    this.#changed = true;
    if (this.#kept) this.#send();
  }

  async #recall() {
    if (key.get() !== this.#key) this.#kept = null; // another key, another list
    this.#key = key.get();
    if (this.#kept !== null) return this.#changed && this.#kept && this.#send();
    const answer = await get("watchlist").catch(() => null); // without a key that is accepted: the next connection asks again
    if (answer === null || this.#kept !== null) return;
    this.#kept = answer.kept;
    if (!this.#kept) return;
    if (this.#changed || answer.instruments === null) this.#send();
    else this.#recalled(answer.instruments);
  }

  // One at a time, the newest last.
  async #send() {
    if (this.#sending) return;
    this.#sending = true;
    do {
      this.#changed = false;
      this.problem = "";
      try {
        await call("PUT", "watchlist", { body: { instruments: this.list } });
      } catch (problem) {
        this.problem = problem.message;
      }
    } while (this.#changed);
    this.#changed = this.problem !== ""; // the next connection tries again
    this.#sending = false;
  }
}
