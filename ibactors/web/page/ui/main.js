// Puts the page together: one stream, one book of quotes, the panels, and when each is drawn and asked for anew.

import { Account } from "./account.js";
import { Book, NO_SESSION } from "./book.js";
import { Candles } from "./candles.js";
import { Depth } from "./depth.js";
import { $, setText } from "./dom.js";
import { Gateways } from "./gateways.js";
import { Inside } from "./inside.js";
import { KeyDialog } from "./keydialog.js";
import { Kind } from "./kind.js";
import { Ladder } from "./ladder.js";
import { Login } from "./login.js";
import { Options } from "./options.js";
import { Halt, Orders } from "./orders.js";
import { Quotes } from "./quotes.js";
import { selection } from "./selection.js";
import { Session } from "./session.js";
import { Stream } from "./stream.js";
import { Ticket } from "./ticket.js";
import { Timeline } from "./timeline.js";
import { Trading } from "./trading.js";

let drawing = 0;

const stream = new Stream();
const book = new Book(stream);
const session = new Session(stream, book, follow);
const account = new Account(book, draw);
const login = new Login(draw);
const gateways = new Gateways(() => session.poll.value?.gateways !== undefined, draw);
const inside = new Inside(draw);
const timeline = new Timeline(draw);
const depth = new Depth(stream);
const quotes = new Quotes(stream, book, depth);
const kind = new Kind(() => ({
  simulated: session.poll.value?.simulated,
  accounts: account.names,
  login: login.poll.value?.account_type,
}));
const candles = new Candles(stream);
const ladder = new Ladder(book, depth);
const options = new Options(stream, book, (instrument) => quotes.follow(instrument), draw);
const trading = new Trading(stream);
const ticket = new Ticket(trading, book, draw);
const orders = new Orders(trading, draw);
const halt = new Halt(trading, draw);
const panels = [kind, session, quotes, candles, ladder, options, ticket, orders, halt, account, login, gateways, timeline, inside];
const polls = [session.poll, ...account.polls, login.poll, timeline.poll, inside.poll];
const dialog = new KeyDialog(() => {
  refresh();
  stream.connect();
});

// Once a frame at most, whatever arrives meanwhile.
function draw() {
  drawing ||= requestAnimationFrame(drawNow);
}

function drawNow() {
  cancelAnimationFrame(drawing);
  drawing = 0;
  for (const panel of panels) panel.render();
  announce();
}

function refresh() {
  for (const poll of [session.poll, login.poll, timeline.poll, inside.poll, ...(following ? account.polls : [])]) poll.refresh();
}

// Account data is asked for only while there is a session to have it from.
let following = null;

function follow() {
  if (session.up !== following) {
    following = session.up;
    for (const poll of account.polls) {
      if (following) poll.refresh();
      else poll.suspend(NO_SESSION);
    }
  }
  draw();
}

// For screen readers: whether prices can be trusted, said when that changes, not with each price.
let trusted = null;

function announce() {
  const shown = document.querySelectorAll(".quote");
  const stale = document.querySelectorAll(".quote.stale").length;
  const trust = shown.length === 0 ? trusted : stale === 0;
  if (trust === trusted) return;
  if (trusted !== null) setText($("#announcer"), trust ? "Prices are live again." : "Prices on this page are not current.");
  trusted = trust;
}

book.addEventListener("change", draw);
book.addEventListener("failed", draw);
depth.addEventListener("change", draw);
trading.addEventListener("change", draw);
selection.addEventListener("change", draw);
for (const name of ["open", "lost", "trust"]) stream.addEventListener(name, draw);
stream.addEventListener("open", refresh);
stream.addEventListener("lost", () => {
  if (stream.refused) dialog.wanted();
});
stream.addEventListener("message", ({ detail }) => {
  if (detail.type === "status") refresh();
});
for (const poll of polls) {
  poll.addEventListener("change", () => {
    if (poll.problem?.status === 401) dialog.wanted();
  });
}
// A hidden page is drawn as unconfirmed before it is put away, so that it does not wake up with old prices looking live.
document.addEventListener("visibilitychange", () => {
  drawNow();
  if (!document.hidden) refresh();
});
setInterval(draw, 1000);
stream.start();
refresh();
