// What all panels around a poll have in common.

import { $, setClass, setHidden, setText } from "./dom.js";
import { clock } from "./format.js";

// Its body if there is a value, when that is from, and in words why there is none or why it is old.
export function frame(panel, poll, body, empty = null) {
  const { value, problem, fresh, at } = poll;
  const old = value !== null && !fresh;
  setClass(panel, "stale", old);
  setHidden($(body, panel), value === null || empty !== null);
  setText($(".as-of", panel), value === null ? "" : `${old ? "stale, as of" : "as of"} ${clock(at)}`);
  const words = problem?.message ?? empty ?? (value === null ? "Loading…" : "");
  setHidden($(".empty", panel), words === "");
  setText($(".empty", panel), words);
}
