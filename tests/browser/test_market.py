"""What the market of the selected instrument has besides its quote: the book beside the chart, and the option chain."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from playwright.sync_api import Page, expect

if TYPE_CHECKING:
    from demo import Demo

STALE = re.compile("stale")
QUOTED = re.compile(r"^[\d.]+ × [\d.]+$")  # noqa: RUF001 - as the page has it


def numbers(texts: list[str]) -> list[float]:
    return [float(text.replace("\N{MINUS SIGN}", "-")) for text in texts]


def test_option_chain_is_looked_at_again_and_leads_to_an_option(tried_page: Page, demo: Demo) -> None:
    page, options = tried_page, tried_page.locator("#options")
    options.locator("summary").click()
    calls, strikes = options.locator("tbody td.call .name"), options.locator("tbody .strike")
    expect(calls.first).to_have_text(QUOTED)
    assert numbers(strikes.all_inner_texts()) == sorted(numbers(strikes.all_inner_texts()))
    deltas = [numbers(options.locator(f"tbody td:nth-child({place})").all_inner_texts()) for place in (6, 10)]
    assert all(abs(call - put - 1) < 0.02 for call, put in zip(*deltas, strict=True))
    demo.control("set AAPL 240.00 240.02 240.01")
    expect(options.locator("tbody tr.near .strike")).to_have_text("240.00")
    with page.expect_response(re.compile(r"/options/chain/AAPL/\d+\?"), timeout=60_000):
        pass  # it is looked at again
    expect(options.locator(".as-of")).to_have_text(re.compile(r"^\d s old$"))
    demo.control("1100")
    expect(options).to_have_class(STALE)
    expect(options.locator("td.call").first).to_have_css("text-decoration-line", "line-through")
    expect(options.locator(".empty")).to_have_text("There is no session with IB.")
    demo.control("1102")
    expect(options).not_to_have_class(STALE)
    options.get_by_label("Expiry").select_option(index=2)
    expect(calls.first).to_have_text(QUOTED)
    calls.first.click()
    chosen = page.locator(".quote[aria-current] .name")
    expect(chosen).to_have_text(re.compile(r"^AAPL 270115C00\d{6}$"))
    expect(page.locator("#ticket-title")).to_have_text(f"Order {chosen.inner_text()}")
    expect(page.locator(".quote[aria-current] .badge")).to_have_text("live")
    expect(options.locator("h2")).to_have_text("Options on AAPL")


def test_book_beside_the_chart_is_given_back(tried_page: Page, demo: Demo) -> None:
    page, book = tried_page, tried_page.locator("#chart .depth")
    sent: list[str] = []
    page.on("websocket", lambda socket: socket.on("framesent", lambda frame: sent.append(str(frame))))
    page.reload()
    book.locator("summary").click()
    expect(book.locator("tbody tr")).to_have_count(5)
    demo.control("farm-down usfarm")
    expect(book.locator("table")).to_be_hidden()
    expect(book.locator(".depth-note")).to_contain_text("usfarm")
    demo.control("farm-up usfarm")
    expect(book.locator("tbody tr")).to_have_count(5)
    page.locator("#watchlist .name", has_text="MSFT").click()
    expect(book.locator("tbody td").nth(1)).to_have_text(re.compile(r"^4\d\d\."))
    book.locator("summary").click()
    expect(book.locator("table")).to_be_hidden()
    depth = [re.search(r'"action":"(\w+)".*"symbol":"(\w+)"', text) for text in sent if '"depth"' in text]
    asked = [found.groups() for found in depth if found]
    assert asked[-3:] == [("unsubscribe", "AAPL"), ("subscribe", "MSFT"), ("unsubscribe", "MSFT")]
