// The headline: is everything well, and if not, what is wrong and since when.

import { $, setText } from "./dom.js";
import { clock, sentences, span } from "./format.js";
import { Poll } from "./poll.js";

const RETRIED = new Set(["connecting", "backing_off", "lost"]); // logged out, it waits for somebody
const UP = new Set(["syncing", "up", "silent", "farm_degraded"]);

export class Session {
  poll = new Poll("health", 4);
  #stream;
  #book;
  #known = null; // phase, reason and since, from whichever of REST and WebSocket spoke last
  #lost = Date.now(); // since when the stream is not open

  constructor(stream, book, changed) {
    this.#stream = stream;
    this.#book = book;
    this.poll.addEventListener("change", () => {
      if (this.poll.problem === null) {
        this.#known = this.poll.value.session;
        book.skew = Date.now() - Date.parse(this.poll.value.timestamp);
      }
      changed();
    });
    stream.addEventListener("open", () => (this.#lost = null));
    stream.addEventListener("lost", () => (this.#lost ??= Date.now()));
    stream.addEventListener("message", ({ detail }) => {
      if (detail.type !== "status") return;
      this.#known = detail;
      changed();
    });
  }

  // Whether there is a session with IB; null while nobody has said.
  get up() {
    return this.#known && UP.has(this.#known.phase);
  }

  render() {
    const { tone, title, detail, since } = this.#words();
    $("#session").dataset.tone = tone;
    setText($("#session-title"), title);
    setText($("#session-detail"), detail);
    setText($("#session-since"), since ? `since ${clock(since)}, for ${span((Date.now() - Date.parse(since)) / 1000)}` : "");
    document.title = tone === "good" ? "ibactors" : `${title} – ibactors`;
  }

  #words() {
    const { open, current, refused } = this.#stream;
    if (refused) return { tone: "bad", title: "An API key is needed", detail: "Prices come when this page has one that is accepted." };
    if (!open && this.#known === null && !this.poll.problem) return { tone: "waiting", title: "Connecting to ibactors…", detail: "" };
    if (!open) {
      const answers = this.poll.problem === null || this.poll.problem.status > 0;
      const detail = answers ? "ibactors answers requests, but its stream is not open. Trying again." : "No price here is current. Trying again by itself.";
      return { tone: "bad", title: "Connection to ibactors lost", detail, since: this.#lost && new Date(this.#lost).toISOString() };
    }
    if (!current) return { tone: "waiting", title: "Checking the connection to ibactors…", detail: "Until it answers, no price here counts as current." };
    if (this.#known === null) return { tone: "waiting", title: "Asking for the state…", detail: this.poll.problem?.message ?? "" };
    const { phase, reason, since } = this.#known;
    const outage = UP.has(phase) ? this.#book.outage : null;
    if (outage !== null) return { tone: "fair", title: "Connected to IB, but no price is current", detail: sentences(outage, phase === "up" ? "" : reason) };
    if (phase === "up") return { tone: "good", title: "Connected to IB", detail: "Everything works.", since };
    if (UP.has(phase)) return { tone: "fair", title: "Connected to IB, but degraded", detail: sentences(reason ?? phase), since };
    return { tone: "bad", title: "Not connected to IB", detail: sentences(reason ?? phase, RETRIED.has(phase) ? "ibactors tries again by itself." : ""), since };
  }
}
