// The last day of the session: a strip that shows when prices were current, and in words what was wrong when.

import { $, element, keyed, setHidden, setText } from "./dom.js";
import { clock, sentences, span, weekday } from "./format.js";
import { frame } from "./panel.js";
import { Poll } from "./poll.js";

const DAY_MS = 86_400_000;
const SHOWN = 50;
export const WORDS = {
  up: "Connected",
  syncing: "Connected, account data on their way",
  silent: "Silent",
  farm_degraded: "A data farm is broken",
  lost: "The gateway lost IB",
  connecting: "Connecting",
  backing_off: "Not connected",
  logged_out: "Not logged in",
  stopped: "Stopped",
};
const FAIR = new Set(["syncing", "silent", "farm_degraded"]);
export const toneOf = (phase) => (phase === "up" ? "good" : FAIR.has(phase) ? "fair" : "bad");

export class Timeline {
  poll = new Poll("health/history", 10);
  #all = $("#timeline-all");

  constructor(changed) {
    this.poll.addEventListener("change", changed);
    this.#all.addEventListener("change", changed);
  }

  render() {
    const panel = $("#timeline");
    frame(panel, this.poll, ".timeline-body");
    if (this.poll.value === null) return;
    const parts = partsOf(this.poll.value);
    const end = Date.parse(this.poll.value.timestamp);
    const strip = $(".strip", panel);
    keyed(strip, parts, ({ from }) => String(from), () => element("span", {}), (node, { from, to, phase, reason }) => {
      node.dataset.tone = toneOf(phase);
      node.style.left = `${100 * (1 - (end - from) / DAY_MS)}%`;
      node.style.width = `${(100 * (to - from)) / DAY_MS}%`;
      node.title = `${weekday(from)} to ${clock(to)}: ${sentences(WORDS[phase], reason)}`;
    });
    strip.setAttribute("aria-label", inShort(parts, this.poll.value.since));
    const told = parts.filter(({ phase }) => this.#all.checked || phase !== "up").reverse().slice(0, SHOWN);
    setHidden($(".nothing", panel), told.length > 0);
    setText($(".nothing", panel), "Nothing was wrong since the service began, or in 24 hours.");
    keyed($(".log", panel), told, ({ from }) => String(from), () => element("li", {}, element("time"), element("span")), (node, { from, to, phase, reason, now }) => {
      node.dataset.tone = toneOf(phase);
      setText($("time", node), weekday(from));
      setText($("span", node), `${sentences(WORDS[phase], reason)} ${now ? "Now, for" : "For"} ${span((to - from) / 1000)}.`);
    });
  }
}

// What was, from when to when, in milliseconds.
function partsOf({ since, timestamp, changes }) {
  const begin = Date.parse(since);
  const end = Date.parse(timestamp);
  return changes.map(({ at, phase, reason }, n) => ({
    from: Math.max(begin, Date.parse(at)),
    to: n + 1 < changes.length ? Date.parse(changes[n + 1].at) : end,
    phase,
    reason,
    now: n + 1 === changes.length,
  }));
}

function inShort(parts, since) {
  const well = parts.filter(({ phase }) => phase === "up").reduce((sum, { from, to }) => sum + to - from, 0);
  const wrong = parts.filter(({ phase }) => toneOf(phase) === "bad");
  const lost = wrong.reduce((sum, { from, to }) => sum + to - from, 0);
  return `Since ${weekday(since)}: connected for ${span(well / 1000)}, not connected for ${span(lost / 1000)}`;
}
