// The REST API, with the visitor's key. Whatever goes wrong is a Problem, with words for people.

import { sentences } from "./format.js";

const BASE = new URL("..", import.meta.url);
const PATIENCE_MS = 10_000;
const STORED_KEY = "ibactors.key";

export class Problem extends Error {
  // The members of a problem document (RFC 9457), and its Retry-After in seconds; status 0 means that ibactors did not answer.
  constructor({ status = 0, code = "unreachable", title, detail, hint = null, candidates = null, field = null, retryAfter = null }) {
    super(status === 401 ? sentences(key.get() ? "The key is not accepted" : "An API key is needed", "Give one by the button Key above") : sentences(detail ?? title, hint));
    Object.assign(this, { status, code, candidates, field, retryAfter });
  }

  // No key, or one that is not known or does not open this.
  get denied() {
    return this.status === 401 || this.status === 403;
  }
}

// Session storage: the key lives as long as the tab, and never in an address.
export const key = {
  get: () => sessionStorage.getItem(STORED_KEY),
  set: (text) => (text ? sessionStorage.setItem(STORED_KEY, text) : sessionStorage.removeItem(STORED_KEY)),
};

export function streamAddress() {
  const address = new URL("ws/stream?batch=1", BASE);
  address.protocol = address.protocol.replace("http", "ws");
  return address;
}

export const get = (path, query = {}) => call("GET", path, { query });

// One request and its answer. A body is sent as JSON.
export async function call(method, path, { query = {}, body, headers = {} } = {}) {
  const address = new URL(path, BASE);
  address.search = new URLSearchParams(query).toString();
  const sent = { Accept: "application/json", ...headers };
  if (key.get()) sent.Authorization = `Bearer ${key.get()}`;
  if (body !== undefined) sent["Content-Type"] = "application/json";
  let response;
  try {
    response = await fetch(address, { method, headers: sent, body: JSON.stringify(body), cache: "no-store", signal: AbortSignal.timeout(PATIENCE_MS) });
  } catch {
    throw new Problem({ title: "ibactors does not answer." });
  }
  return answerOf(response);
}

async function answerOf(response) {
  const { status } = response;
  if (status === 204) return {};
  let body;
  try {
    body = await response.json();
  } catch {
    // A good answer that broke off is no answer.
    throw new Problem({ title: `ibactors answered with status ${status}, and no more.`, status: response.ok ? 0 : status });
  }
  if (response.ok) return body;
  const retryAfter = Number(response.headers.get("Retry-After")) || null;
  throw new Problem({ title: `ibactors answered with status ${status}.`, ...body, status, retryAfter });
}
