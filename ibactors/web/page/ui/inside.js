// What goes on inside: actors, market-data lines, IB's last notices. It needs a key with the right to look, where there are keys.

import { key } from "./api.js";
import { $, element, keyed, setHidden, setText } from "./dom.js";
import { clock, plural, span } from "./format.js";
import { frame } from "./panel.js";
import { Poll } from "./poll.js";

const MOST_NOTICES = 8;

export class Inside {
  poll = new Poll("debug/actors", 4);

  constructor(changed) {
    this.poll.addEventListener("change", changed);
  }

  render() {
    const { value, problem } = this.poll;
    frame($("#inside"), problem?.status === 403 ? { value: null, problem: { message: DENIED }, fresh: true } : this.poll, ".inside-body");
    if (problem?.denied || value === null) return;
    this.#renderLines(value);
    setHidden($("#inside .more"), key.get() !== null); // a link takes no key along
    keyed($("#inside .tree"), branches(value.actors), ({ name, actor }) => `${name} ${actor !== null}`, makeBranch, renderBranch);
    const notices = value.notices.slice(-MOST_NOTICES).reverse();
    const make = () => element("li", {}, element("time"), element("b"), element("span"));
    keyed($("#inside .notices"), notices, ({ timestamp, code, text }) => `${timestamp} ${code} ${text}`, make, renderNotice);
  }

  #renderLines({ lines, max_lines: most }) {
    const meter = $("#lines");
    if (meter.value !== lines) meter.value = lines;
    if (meter.max !== most) meter.max = most;
    setText($("#lines-words"), `${lines} of ${plural(most, "market-data line")} in use`);
  }
}

const DENIED = "Your key does not open this panel; it needs the scope admin. Everything else on this page works without it.";

// `symbol:AAPL` is a leaf of the branch `symbol`; an actor without a colon is a branch by itself.
function branches(actors) {
  const found = new Map();
  for (const actor of actors) {
    const [name, leaf] = actor.name.split(/:(.*)/s);
    if (!found.has(name)) found.set(name, { name, actor: null, leaves: [] });
    if (leaf === undefined) found.get(name).actor = actor;
    else found.get(name).leaves.push({ ...actor, name: leaf });
  }
  return [...found.values()];
}

function makeBranch({ actor }) {
  return element("li", {}, actor ? makeActor() : element("p", { class: "actor" }), element("ul"));
}

function renderBranch(item, { name, actor, leaves }) {
  const title = leaves.length ? `${name} (${leaves.length})` : name;
  if (actor) renderActor(item.firstElementChild, { ...actor, name: title });
  else setText(item.firstElementChild, title);
  keyed(item.lastElementChild, leaves, (leaf) => leaf.name, () => element("li", {}, makeActor()), (node, leaf) => renderActor(node.firstElementChild, leaf));
}

function makeActor() {
  return element("div", { class: "actor" }, element("b"), element("span", { class: "state" }), element("small"), element("small", { class: "error" }));
}

// A symbol's name goes on with what else its contract is known by: `ES,sec_type=FUT,con_id=11004968`.
function renderActor(node, { name, state, for_seconds: seconds, restarts, waiting, last_error: error }) {
  const [title, word, words, last] = node.children;
  const [symbol, ...others] = name.split(",");
  const contract = others.map((member) => member.split("=")[1]);
  node.dataset.state = state;
  setText(title, symbol);
  setText(word, `${state} for ${span(seconds)}`);
  setText(words, [...contract, restarts ? plural(restarts, "restart") : null, waiting ? `${waiting} waiting` : null].filter(Boolean).join(", "));
  setText(last, error ? `Last error: ${error.split("\n")[0]}` : "");
}

function renderNotice(item, { timestamp, code, text }) {
  const [time, number, words] = item.children;
  setText(time, clock(timestamp));
  setText(number, String(code));
  setText(words, text);
}
