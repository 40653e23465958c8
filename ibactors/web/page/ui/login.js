// Where the gateway's login is, and what a person can do about it.

import { $, setClass, setText } from "./dom.js";
import { clock, sentences } from "./format.js";
import { Poll } from "./poll.js";

// By the phase of GET /auth/status; its detail says the rest.
const AGAIN = "Nothing is tried again by itself. Put it right, then log in with POST /auth/login.";
const PHASES = {
  idle: ["Nobody is logged in.", "Log in with POST /auth/login."],
  starting: ["The gateway is starting.", "Nothing to do; this takes a minute."],
  logging_in: ["Logging in.", "Nothing to do; this takes a minute."],
  two_factor_pending: ["Waiting for the second factor.", ""],
  logged_in: ["Logged in; the API does not answer yet.", "Nothing to do."],
  api_ready: ["Logged in, and the API answers.", ""],
  restarting: ["The gateway restarts.", "Nothing to do; it logs in by itself."],
  restoring: ["The last login failed; the session before it comes back.", "Nothing to do."],
  stopping: ["The gateway is being stopped.", ""],
  disconnected: ["The gateway does not answer.", "Log in at the gateway itself; ibactors then connects by itself."],
  account_locked: ["The login failed: IB has locked the user.", AGAIN],
  competing_session: ["A login of the same user elsewhere ended the session.", AGAIN],
  gateway_outdated: ["The login failed: the gateway is too old for IB.", AGAIN],
  login_failed: ["The login failed; it may be the password or IB's server.", AGAIN],
  no_connection: ["The gateway does not reach IB's login server.", AGAIN],
  passkey_required: ["The login failed: IB wants a passkey.", AGAIN],
  two_factor_denied: ["The second factor was refused.", AGAIN],
  unknown_dialog: ["The gateway waits in a dialog that ibactors does not know.", AGAIN],
  bad_credentials: ["The login failed: user name or password.", AGAIN],
  existing_session: ["The login failed: the user is logged in elsewhere.", AGAIN],
  launcher_failed: ["The login failed: the gateway's program ended.", AGAIN],
  launcher_missing: ["The gateway's program is not there.", AGAIN],
  locked_out: ["IB takes no logins of this user for a while.", AGAIN],
  password_expired: ["The login failed: the password has expired.", AGAIN],
  timeout: ["The login took too long.", AGAIN],
  two_factor_expired: ["The second factor was not approved in time.", AGAIN],
};

// Whether the service's own words say already what there is to do.
const said = (...texts) => texts.some((text) => text?.includes("/auth/login"));

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
    const { phase, account_type: kind, since, detail, hint: advice, notice } = value;
    const [words, hint] = PHASES[phase] ?? [`${phase.replaceAll("_", " ")}.`, ""];
    setText($(".login-words", panel), `${words} ${kind === "live" ? "Live" : "Paper"} account, since ${clock(since)}.`);
    setText($(".login-hint", panel), sentences(...new Set([phase === "api_ready" ? "" : detail, advice, said(detail, advice) ? "" : hint, notice])));
  }
}
