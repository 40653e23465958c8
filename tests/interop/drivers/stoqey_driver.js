// Drives @stoqey/ib through every step it has a call for; prints one JSON line a fact, as report.py does.
"use strict";

const { IBApi, EventName } = require("@stoqey/ib");
const makeSteps = require("./steps_stoqey.js");

const STEP_LIMIT_MS = 1000 * Number(process.env.INTEROP_STEP_LIMIT_S || "10");
const PACE_MS = 60;
// The events whose names differ from the messages'.
const MESSAGE_OF = {
  updateAccountValue: "acctValue",
  updatePortfolio: "portfolioValue",
  updateAccountTime: "acctUpdateTime",
  accountDownloadEnd: "acctDownloadEnd",
  contractDetails: "contractData",
  contractDetailsEnd: "contractDataEnd",
  updateMktDepth: "mktDepth",
  updateMktDepthL2: "mktDepthL2",
  updateNewsBulletin: "newsBulletin",
  managedAccounts: "managedAccts",
  realtimeBar: "realTimeBar",
  securityDefinitionOptionParameter: "secDefOptParam",
  securityDefinitionOptionParameterEnd: "secDefOptParamEnd",
  tickByTickAllLast: "tickByTick",
  tickByTickBidAsk: "tickByTick",
  tickByTickMidPoint: "tickByTick",
};
// Events without a message of their own.
const NOT_MESSAGES = new Set(["all", "connected", "disconnected", "server", "error", "info", "received", "sent", "result", "scannerDataEnd"]);

const [port, clientId, planText] = process.argv.slice(2);
const plan = JSON.parse(planText);
const counts = {};
const errors = [];
let version = 0;
let waiting = null;

const say = (fact) => process.stdout.write(JSON.stringify(fact) + "\n");
const ib = new IBApi({ host: "127.0.0.1", port: Number(port) });

function arrived() {
  if (waiting) waiting();
}

for (const name of Object.values(EventName)) {
  if (NOT_MESSAGES.has(name)) continue;
  ib.on(name, () => {
    const message = MESSAGE_OF[name] || name;
    counts[message] = (counts[message] || 0) + 1;
    arrived();
  });
}
function noteError(id, code, text) {
  errors.push({ error: code, id, text });
  // Codes that the library makes up itself for frames it cannot read.
  if (code === 505 || code === 503) say({ unread: [String(text)] });
  counts.errMsg = (counts.errMsg || 0) + 1;
  arrived();
}
ib.on(EventName.error, (error, code, id) => noteError(id, code, error.message));
ib.on(EventName.info, (text, code) => noteError(-1, code, text));
ib.on(EventName.server, (number) => { version = number; });
process.on("uncaughtException", (error) => say({ log: String(error.stack || error) }));

function outstanding(step, before, errorsBefore) {
  const codes = errors.slice(errorsBefore).map((e) => e.error);
  return [
    ...step.answers.filter((a) => (counts[a] || 0) <= (before[a] || 0)),
    ...step.errors.filter((e) => !codes.includes(e)).map((e) => `error ${e}`),
  ];
}

function settle(step, before, errorsBefore) {
  return new Promise((resolve) => {
    const look = (late) => {
      const missing = outstanding(step, before, errorsBefore);
      if (missing.length && !late) return;
      clearTimeout(timer);
      waiting = null;
      resolve(missing);
    };
    const timer = setTimeout(() => look(true), STEP_LIMIT_MS);
    waiting = () => look(false);
    look(false);
  });
}

async function perform(step, act) {
  const before = { ...counts };
  const undo = (() => {
    const errorsBefore = errors.length;
    const done = act();
    return { cancel: done, errorsBefore };
  })();
  say({ step: step.name, missing: await settle(step, before, undo.errorsBefore) });
  if (typeof undo.cancel === "function") undo.cancel();
  await new Promise((resolve) => setTimeout(resolve, PACE_MS));
}

async function main() {
  const steps = makeSteps(ib);
  const start = { name: "startApi", answers: ["managedAccts", "nextValidId"], errors: [2158] };
  await perform(start, () => { ib.connect(Number(clientId)); });
  for (const step of plan.steps) {
    if (steps[step.name] && step.since <= version) await perform(step, steps[step.name]);
  }
  ib.disconnect();
  for (const [message, count] of Object.entries(counts)) say({ message, count });
  errors.forEach(say);
  say({ end: true, version });
  setTimeout(() => process.exit(0), 200);
}

main();
