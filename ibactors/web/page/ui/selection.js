// The one instrument that the desk is about: chosen in the watchlist or among positions, followed by chart and order ticket.

class Selection extends EventTarget {
  #instrument = null;

  // As the book knows it: symbol, and sec_type, exchange, currency, con_id where they are not the usual ones; label, to be shown. Null at first.
  get instrument() {
    return this.#instrument;
  }

  choose(instrument) {
    if (instrument === this.#instrument) return;
    this.#instrument = instrument;
    this.dispatchEvent(new Event("change"));
  }
}

export const selection = new Selection();
