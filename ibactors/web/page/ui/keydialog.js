// Asks for the API key when the service wants one.

import { key } from "./api.js";
import { $, setHidden, setText } from "./dom.js";

export class KeyDialog {
  #dialog = $("#key-dialog");
  #declined = false;

  constructor(used) {
    const button = $("#key-button");
    button.addEventListener("click", () => this.#open("Enter another key, or none to go without."));
    // No submit button: Enter takes the first of those, and would throw away the key that was just typed.
    $("#key-later").addEventListener("click", () => this.#dialog.close("later"));
    this.#dialog.addEventListener("close", () => {
      const text = $("#key").value.trim();
      $("#key").value = "";
      this.#declined = this.#dialog.returnValue !== "use";
      if (this.#declined) return;
      key.set(text);
      used();
    });
  }

  // An endpoint answered 401. Who said "not now" is asked again by the button only.
  wanted() {
    setHidden($("#key-button"), false);
    if (this.#declined || this.#dialog.open) return;
    this.#open(key.get() ? "It does not accept the key that was given." : "Whoever runs ibactors here can make you one.");
  }

  #open(reason) {
    setText($("#key-reason"), reason);
    this.#dialog.returnValue = "";
    this.#dialog.showModal();
  }
}
