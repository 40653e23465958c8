// A request that changes something at IB. It is asked again with the same id until its answer is known, and never with another one.

import { call } from "./api.js";

const FIRST_PAUSE_MS = 1000;
const LAST_PAUSE_MS = 5000;
const STORED = "ibactors.unanswered";
const SAYS_NOTHING_LATER = new Set([401, 403, 429]); // of a first try that had no answer

const pause = (ms) => new Promise((done) => setTimeout(done, ms));

// The answer to `request`, which is what `call` takes. `waiting` is told of each try that had none. Raises the Problem that refuses it, whose
// `repeated` says that an earlier try had no answer: it may still be on its way.
export async function settle({ method, path, ...rest }, waiting, { unanswered = false } = {}) {
  for (let wait = FIRST_PAUSE_MS; ; wait = Math.min(wait * 1.5, LAST_PAUSE_MS)) {
    try {
      return await call(method, path, rest);
    } catch (problem) {
      const known = problem.status > 0 && problem.status < 500 && !(unanswered && SAYS_NOTHING_LATER.has(problem.status));
      if (known) throw Object.assign(problem, { repeated: unanswered });
      unanswered = true;
      waiting(problem);
      await pause(Math.max(wait, (problem.retryAfter ?? 0) * 1000));
    }
  }
}

// Requests whose answers are not known, kept by the browser so that they outlive this page; by their id.
export const unanswered = {
  all: () => JSON.parse(localStorage.getItem(STORED) ?? "{}"),
  keep: (id, request) => localStorage.setItem(STORED, JSON.stringify({ ...unanswered.all(), [id]: request })),
  forget(id) {
    const { [id]: known, ...others } = unanswered.all();
    localStorage.setItem(STORED, JSON.stringify(others));
  },
};

// An id that nobody has had. Not crypto.randomUUID, which pages without TLS do not have.
export function newId(prefix) {
  const bytes = crypto.getRandomValues(new Uint8Array(12));
  return `${prefix}-${[...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("")}`;
}
