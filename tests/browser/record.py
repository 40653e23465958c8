"""What an element of a page has shown, also what stood there for a moment only, with times of the page's own clock."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from conftest import PATIENCE_MS

if TYPE_CHECKING:
    from playwright.sync_api import Page

_WATCH = """selector => {
    const node = document.querySelector(selector);
    const began = Date.now();
    const texts = [];
    const write = () => texts.push([Date.now() - began, node.textContent]);
    write();
    new MutationObserver(write).observe(node, {childList: true, characterData: true, subtree: true});
    return texts;
}"""


class Record:
    """Begins when it is made."""

    def __init__(self, page: Page, selector: str) -> None:
        self._page = page
        self._texts = page.evaluate_handle(_WATCH, selector)

    def wait_for(self, text: str) -> float:
        """Wait until the text has stood there; milliseconds from the beginning until it did."""
        # Asked from here, as the page's policy forbids the evaluation of wait_for_function.
        deadline = time.monotonic() + PATIENCE_MS / 1000
        while True:
            shown = self._texts.json_value()
            for at, one in shown:
                if one == text:
                    return float(at)
            assert time.monotonic() < deadline, f"{text!r} never stood there, but {shown}"
            self._page.wait_for_timeout(50)
