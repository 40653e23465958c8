// The WebSocket: connects, connects again, and knows whether what it has delivered is the present state of things.
//
// Every message waits in one line with the answers to our pings. So when a ping is answered, all that was sent before it has been seen,
// and what is shown was true when that ping was sent. Nothing else proves it: a socket may look open for minutes after the network has
// gone, and a tab that was frozen wakes with messages of long ago in its queue.

import { key, streamAddress } from "./api.js";

const PING_MS = 1500;
const TRUST_MS = 4000; // so long after an answered ping was sent, its answer proves something
const DEAD_MS = 9000; // a socket that has proved nothing for so long is given up
const FIRST_RETRY_MS = 400;
const LAST_RETRY_MS = 8000;
const NOT_AUTHORISED = 1008;

export class Stream extends EventTarget {
  #socket = null;
  #opened = 0;
  #confirmed = 0; // Date.now() when the last ping that was answered had been sent
  #doubted = 0; // answers to pings that are older prove nothing
  #failures = 0;
  #retry;
  #current = false;
  #refused = false; // for want of a key that is accepted: no use in trying again by itself

  start() {
    setInterval(() => this.#tick(), 500);
    setInterval(() => this.#ping(), PING_MS);
    for (const [target, name] of [[document, "visibilitychange"], [window, "pageshow"], [window, "online"], [document, "resume"]]) {
      target.addEventListener(name, () => this.#awake());
    }
    this.connect();
  }

  // True while what has been delivered is the present state. Whoever draws a page that is being put away may ask before we have heard of it.
  get current() {
    return this.#current && !document.hidden;
  }

  get refused() {
    return this.#refused;
  }

  get open() {
    return this.#socket?.readyState === WebSocket.OPEN;
  }

  send(message) {
    if (this.open) this.#socket.send(JSON.stringify(message));
  }

  connect() {
    clearTimeout(this.#retry);
    this.#abandon();
    this.#refused = false;
    const socket = new WebSocket(streamAddress());
    this.#socket = socket;
    this.#opened = Date.now();
    const ours = (act) => (event) => socket === this.#socket && act(event);
    socket.addEventListener("open", ours(() => this.#onOpen()));
    socket.addEventListener("message", ours((event) => this.#onMessage(JSON.parse(event.data))));
    socket.addEventListener("close", ours((event) => this.#onClose(event)));
  }

  #onOpen() {
    if (key.get()) this.send({ action: "auth", api_key: key.get() });
    this.#ping();
    this.#tell("open");
  }

  #onMessage(messages) {
    this.#tick(); // first: after a sleep the queue may begin with what was true long ago
    for (const message of messages) {
      if (message.type === "pong" && typeof message.id === "number") {
        if (message.id >= this.#doubted) this.#confirmed = message.id;
        this.#failures = 0;
      } else {
        this.dispatchEvent(new CustomEvent("message", { detail: message }));
      }
    }
    this.#tick();
  }

  #onClose(event) {
    this.#socket = null;
    this.#refused = event.code === NOT_AUTHORISED;
    const pause = Math.min(FIRST_RETRY_MS * 1.6 ** this.#failures++, LAST_RETRY_MS) * (0.8 + 0.4 * Math.random());
    if (!this.#refused) this.#retry = setTimeout(() => this.connect(), pause);
    this.#tell("lost");
    this.#tick();
  }

  #ping() {
    if (!document.hidden) this.send({ action: "ping", id: Date.now() });
  }

  // Nobody has seen the page for a while, or the network changed: what is shown must be proved again.
  #awake() {
    this.#confirmed = 0;
    this.#doubted = Date.now();
    this.#tick();
    if (document.hidden) return;
    this.#opened = Date.now();
    if (this.open) this.#ping();
    else if (this.#socket === null && !this.#refused) this.connect();
  }

  #tick() {
    const present = Date.now();
    const current = this.open && !document.hidden && present - this.#confirmed < TRUST_MS;
    if (current !== this.#current) {
      this.#current = current;
      this.#tell("trust");
    }
    if (!document.hidden && this.#socket !== null && present - Math.max(this.#confirmed, this.#opened) > DEAD_MS) {
      this.#abandon();
      this.#onClose(new CloseEvent("close"));
    }
  }

  #abandon() {
    const socket = this.#socket;
    this.#socket = null;
    socket?.close();
  }

  #tell(name) {
    this.dispatchEvent(new Event(name));
  }
}
