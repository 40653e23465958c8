// One endpoint of the REST API, read again and again while somebody looks.

import { Problem, get, key } from "./api.js";

export class Poll extends EventTarget {
  value = null;
  problem = null;
  #at = 0; // when the value arrived, in Date.now(): unlike performance.now() it goes on while the machine sleeps
  #seconds;
  #path;
  #query;
  #asking = 0;
  #deniedKey; // an endpoint that denies a key is not asked again with the same
  #timer;

  constructor(path, seconds, query = () => ({})) {
    super();
    this.#path = path;
    this.#seconds = seconds;
    this.#query = query;
  }

  get at() {
    return this.#at;
  }

  // Whether the value may be shown as the present one.
  get fresh() {
    return this.problem === null && !document.hidden && Date.now() - this.#at < (this.#seconds + 5) * 1000;
  }

  // The value is outdated, and there is no use in asking until somebody calls refresh().
  suspend(reason) {
    clearTimeout(this.#timer);
    this.#asking += 1;
    this.problem = new Problem({ code: "suspended", title: reason });
    this.#changed();
  }

  async refresh() {
    if (this.#deniedKey === key.get()) return;
    clearTimeout(this.#timer);
    const used = key.get();
    const asking = ++this.#asking;
    let value = this.value;
    let problem = null;
    const at = Date.now();
    try {
      value = await get(this.#path, this.#query());
    } catch (error) {
      problem = error;
    }
    if (asking !== this.#asking) return; // a later question has been asked, and only its answer counts
    Object.assign(this, { value, problem });
    if (problem === null) this.#at = at;
    this.#deniedKey = problem?.denied ? used : undefined;
    this.#timer = setTimeout(() => document.hidden || this.refresh(), this.#seconds * 1000);
    this.#changed();
  }

  #changed() {
    this.dispatchEvent(new Event("change"));
  }
}
