// Where the gateway's login is, and what a person can do about it.

import { $, setClass, setText } from "./dom.js";
import { clock } from "./format.js";
import { Poll } from "./poll.js";

// By the phase of GET /auth/status: words, and what to do.
const PHASES = {
  api_ready: ["Logged in, the API answers.", ""],
  disconnected: ["Not connected.", "The gateway is run by somebody else: log in at the gateway itself, and ibactors connects by itself."],
  logged_out: ["Nobody is logged in.", "Send the user name and the password to POST /auth/login."],
  starting: ["The gateway is starting.", "Nothing to do; this takes a minute."],
  logging_in: ["Logging in.", "Nothing to do; this takes a minute."],
  two_factor_pending: ["IB waits for the second factor.", "Confirm the login in the IBKR Mobile app, or enter the code that IB sent."],
  failed: ["The login failed.", "Correct what is said below, then log in again with POST /auth/login."],
};

export class Login {
  poll = new Poll("auth/status", 8);

  constructor(changed) {
    this.poll.addEventListener("change", changed);
  }

  render() {
    const { value, problem, fresh, at } = this.poll;
    const panel = $("#login");
    setClass(panel, "stale", value !== null && !fresh);
    setText($(".as-of", panel), value === null ? "" : `${fresh ? "as of" : "stale, as of"} ${clock(at)}`);
    if (value === null) {
      setText($(".login-words", panel), problem?.message ?? "Loading…");
      return;
    }
    const { phase, account_type: kind, since, detail } = value;
    const [words, hint] = PHASES[phase] ?? [`${phase.replaceAll("_", " ")}.`, ""];
    panel.dataset.phase = phase;
    setText($(".login-words", panel), `${words} ${kind === "live" ? "Live" : "Paper"} account, since ${clock(since)}.`);
    setText($(".login-hint", panel), [hint, phase === "api_ready" ? "" : detail].filter(Boolean).join(" "));
  }
}
